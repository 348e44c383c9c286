"""What changed after a plan was made is named, and the session page does not say the opposite beside it."""

import datetime
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from accounts.models import User
from bases.actions import close_place, suspend_household
from bases.models import Closure
from batches.actions.attendance import join_makeup
from batches.actions.gatherings import cancel_gathering
from batches.actions.names import demand, set_aside
from batches.actions.people import move_member, withdraw_enrollment
from batches.models import Nomination, PlanDemand, Programme, Waiver
from batches.moved import facts_moved, moved
from batches.planning_input import build_input
from batches.queries import latest_run
from cadres.actions.unavailability import enter_unavailability
from office.models import CalendarDay
from tests import factories
from tests.batches.county import County
from tests.batches.pages import page
from tests.batches.test_people import let_together
from tests.batches.test_repair import repair, running

pytestmark = pytest.mark.django_db
__all__ = ["running"]
"""The fixture of a batch under way."""
MARCH = datetime.date(2027, 3, 1).replace
SINCE = "这个方案编好以后，资料变过：{}。它还是按变以前的算的，请再少变动重排一次，再发布。"


def told(county: County) -> str:
    run = latest_run(county.batch)
    assert run is not None
    return facts_moved(county.batch, run)


def holiday(county: County, staff: User) -> str:
    CalendarDay.objects.create(day=MARCH(day=8), kind=CalendarDay.Kind.HOLIDAY, name="试")
    return "放假安排"


def absence(county: County, staff: User) -> str:
    who = county.cadres[0]
    enter_unavailability(cadre=who, first_day=MARCH(day=6), last_day=MARCH(day=6), reason="开会", by=staff)
    return f"不能来的日子（{who.name}（{who.unit}））"


def wish(county: County, staff: User) -> str:
    who = county.cadres[1]
    demand(batch=county.batch, cadre=who, kind=PlanDemand.Kind.PARITY, parity="even", reason="值班", by=staff)
    return f"单双周要求（{who.name}（{who.unit}））"


def deferral(county: County, staff: User) -> str:
    row = Nomination.objects.get(batch=county.batch, cadre=county.cadres[2])
    set_aside(nomination=row, reason="借调", by=staff)
    return f"不在名单里了（{row.cadre.name}（{row.cadre.unit}））"


def closure(county: County, staff: User) -> str:
    base = county.bases[0]
    close_place(
        base=base, first_day=MARCH(day=8), last_day=MARCH(day=9), kind=Closure.Kind.WORKS, by=staff, reason="修路"
    )
    return f"停接的日子（{base.village}）"


def household(county: County, staff: User) -> str:
    home = county.bases[1].households.first()
    suspend_household(household=home, reason="翻修", by=staff)
    return f"基地、农户或床位（{county.bases[1].village}）"


def rules(county: County, staff: User) -> str:
    Programme.objects.filter(pk=county.batch.programme_id).update(spare_beds=0)
    county.batch.refresh_from_db()
    return "项目规则（基地每晚留空床位）"


def waiver(county: County, staff: User) -> str:
    subject = f"U{county.units[0].pk}@B{county.batch.pk}"
    Waiver.objects.create(
        batch=county.batch, rule="R03", subject=subject, subject_label="试", reason="试", asked_by=factories.UserFactory(),
        approver=staff,
    )  # fmt: skip
    return "批准例外"


def teacher(county: County, staff: User) -> str:
    factories.ClassStaffFactory(practice_class=county.classes[0], user=factories.UserFactory())
    return "带班人员"


@pytest.mark.parametrize("change", [holiday, absence, wish, deferral, closure, household, rules, waiver, teacher])
def test_what_moved_since_the_plan_is_named(
    planned: County, staff: User, change: Callable[[County, User], str]
) -> None:
    assert told(planned) == ""
    expected = change(planned, staff)
    said = told(planned)
    assert said.startswith("这个方案编好以后，资料变过：")
    assert expected in said
    assert said.endswith("。它还是按变以前的算的，请重新编排，再发布。")


def other_document(county: County, change: Callable[[dict[str, Any]], object]) -> list[str]:
    """What is told of today's facts, which were otherwise when the plan was made."""
    known = build_input(county.batch)
    change(known)
    return moved(build_input(county.batch), known)


@pytest.mark.parametrize(
    "change",
    [
        lambda known: known["cadres"].reverse(),
        lambda known: known.update(format="dunmiao-planning-input/0"),
        lambda known: known.update(something=1),
        lambda known: known["calendar"].update(something=1),
        lambda known: known["pins"].update(something=1),
    ],
)
def test_something_is_told_of_whatever_moved(planned: County, change: Callable[[dict[str, Any]], object]) -> None:
    assert other_document(planned, change) == ["编排用的其他资料"]


def test_units_that_came_or_went_are_told_unless_people_tell_it(planned: County) -> None:
    unit = planned.units[0]
    line = f"单位名额或类别（{unit}）"
    assert other_document(planned, lambda known: known["units"].pop(0)) == [line]
    assert other_document(planned, lambda known: known["units"][0].update(quota=9)) == [line]

    def without_unit(known: dict[str, Any]) -> None:
        gone = known["units"].pop(0)["id"]
        known["cadres"] = [row for row in known["cadres"] if row["unit"] != gone]

    told = other_document(planned, without_unit)
    assert told[0].startswith("新列入名单（")
    assert line not in told


def test_repair_says_what_was_changed_by_hand_since(published: County, staff: User) -> None:
    repair(published, staff)
    assert told(published) == ""
    cancel_gathering(gathering=published.gathering(1, 2), by=staff, reason="防汛")
    assert told(published) == SINCE.format("集中取消、改期或换基地")


def test_move_by_hand_is_told_as_that_alone(running: County, staff: User, colleague: User) -> None:
    """Mentor, beds and the room of guests follow: nobody changed them."""
    mover = running.cadres[0]
    let_together(running, mover, staff, colleague)
    factories.MentorshipFactory(enrollment=running.enrollment(mover))
    join_makeup(
        by=staff, enrollment=running.enrollment(running.cadres[2]), gathering=running.gathering(2, 2), reason="补课"
    )
    repair(running, staff)
    assert told(running) == ""
    move_member(
        enrollment=running.enrollment(mover), to=running.classes[1], from_day=MARCH(day=15), by=staff, reason="换周次"
    )
    assert told(running) == SINCE.format("调班、加人或退出")


def test_closure_is_told_beside_a_change_by_hand(running: County, staff: User) -> None:
    repair(running, staff)
    close_place(
        base=running.bases[2], first_day=MARCH(day=22), last_day=MARCH(day=28), kind=Closure.Kind.WORKS, by=staff,
        reason="修路",
    )  # fmt: skip
    leaves = running.enrollment(running.cadres[1])
    withdraw_enrollment(enrollment=leaves, on_day=MARCH(day=10), by=staff, reason="调走")
    said = told(running)
    assert f"停接的日子（{running.bases[2].village}）" in said
    assert "调班、加人或退出" in said


def test_session_page_says_one_thing(planned: County, staff: User, desk: Client) -> None:
    assert "编排好了，看过再发布" in page(desk, "batch", planned.batch.pk)
    closure(planned, staff)
    shown = page(desk, "batch", planned.batch.pk)
    assert "这个方案编好以后，资料变过：停接的日子" in shown
    assert "看过再发布" not in shown
