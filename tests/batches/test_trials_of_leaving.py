"""A trial of somebody who leaves: the reason and the day are those that were entered, and beds move as in the repair of it."""

from typing import Any

import pytest

from accounts.models import User
from batches.actions.people import move_member, withdraw_enrollment
from batches.actions.plans import keep_plan
from batches.models import Enrollment, PlanRun
from batches.overview import plan_says
from batches.planning import solve
from batches.planning.changes import say
from batches.planning.checker import check, violations
from batches.planning.formats import canonical, fingerprint
from batches.planning_input import build_input, document_of
from batches.queries import members_on
from batches.repairs import moves_in_words
from batches.without_seat import why_without
from cadres.actions.unavailability import enter_unavailability
from tests.batches.county import County
from tests.batches.test_people import let_together
from tests.batches.test_repair import MARCH, moves, repair, running

__all__ = ["running"]
pytestmark = pytest.mark.django_db


def tried(county: County, staff: User, *changes: dict[str, Any]) -> PlanRun:
    county.batch.refresh_from_db()
    run = PlanRun.objects.create(
        programme=county.batch.programme, batch=county.batch, purpose=PlanRun.Purpose.TRIAL, changes=list(changes)
    )
    document = document_of(run)
    run.input_text, run.fingerprint = canonical(document).decode(), fingerprint(document)
    plan = solve(document)
    assert [str(breach) for breach in violations(check(document, plan))] == []
    keep_plan(run=run, plan=plan, by=staff)
    return run


def leaver(county: County) -> Enrollment:
    """A member of class 2, which gathers on 03-12 and 03-26."""
    enrollment: Enrollment = members_on(county.classes[1], MARCH(day=9)).first().enrollment
    return enrollment


def test_trial_of_leaving_tells_who_leaves_and_when(running: County, staff: User) -> None:
    cadre = leaver(running).cadre
    run = tried(running, staff, {"kind": "withdraw", "cadre": f"C{cadre.pk}", "from": "2027-03-20"})
    assert plan_says(run).unassigned == ()
    [out] = [group for group in moves_in_words(run) if group.kind == "out"]
    assert out.lines == (f"{cadre.name}（{cadre.unit}）：原在第2班，试算中从3月20日起退出本期",)


def test_trial_of_leaving_moves_the_beds_that_the_repair_of_it_moves(running: County, staff: User) -> None:
    enrollment = leaver(running)
    change = {"kind": "withdraw", "cadre": f"C{enrollment.cadre.pk}", "from": "2027-03-20"}
    trial = tried(running, staff, change)
    withdraw_enrollment(enrollment=enrollment, on_day=MARCH(day=20), by=staff, reason="调走")
    real = repair(running, staff)
    for part in ("gatherings", "lodging"):
        assert trial.document["previous"][part] == real.document["previous"][part]
    assert trial.document["other_uses"] == real.document["other_uses"]
    assert trial.document["waivers"] == real.document["waivers"]
    assert (trial.plan["gatherings"], trial.plan["lodging"]) == (real.plan["gatherings"], real.plan["lodging"])
    assert moves(trial, "bed") == moves(real, "bed")
    assert trial.plan["shortfalls"] == real.plan["shortfalls"] == []


def test_trial_of_leaving_counts_who_moves_later_once(running: County, staff: User, colleague: User) -> None:
    enrollment = members_on(running.classes[1], MARCH(day=9))[0].enrollment
    let_together(running, enrollment.cadre, staff, colleague)
    move_member(enrollment=enrollment, to=running.classes[0], from_day=MARCH(day=20), by=staff, reason="调班")
    running.batch.refresh_from_db()
    change = {"kind": "withdraw", "cadre": f"C{enrollment.cadre_id}", "from": "2027-03-25"}
    trial = document_of(PlanRun.objects.create(
        programme=running.batch.programme, batch=running.batch, purpose=PlanRun.Purpose.TRIAL, changes=[change]
    ))  # fmt: skip
    withdraw_enrollment(enrollment=enrollment, on_day=MARCH(day=25), by=staff, reason="调走")
    running.batch.refresh_from_db()
    real = build_input(running.batch)
    there = {"2027-03-12", "2027-03-19"}
    trial_uses, real_uses = (
        [row for row in each["other_uses"] if row["first_day"] in there] for each in (trial, real)
    )  # fmt: skip
    assert trial_uses == real_uses
    assert len(real_uses) == 1
    assert trial["previous"]["gatherings"] == real["previous"]["gatherings"]


def test_change_of_leaving_says_the_day_where_it_is_known() -> None:
    assert say({"kind": "withdraw", "cadre": "C1", "from": "2027-03-20"}) == "干部 C1 从2027年3月20日起退出本期"
    assert say({"kind": "withdraw", "cadre": "C1"}) == "干部 C1 退出本期"


def test_who_is_ill_too_long_is_told_with_the_days(running: County, staff: User) -> None:
    cadre = leaver(running).cadre
    enter_unavailability(
        cadre=cadre, first_day=MARCH(day=10), last_day=running.batch.last_day, reason="住院", by=staff
    )  # fmt: skip
    run = repair(running, staff)
    days = (running.batch.last_day - MARCH(day=10)).days + 1
    most = running.batch.programme.max_overlap_days
    assert why_without(run)[f"C{cadre.pk}"] == f"本期不能参加：不能来的日子有 {days} 天，超过 {most} 天"
