"""Cells that people fix: what may be pinned, how it reaches the planner, and that a repair keeps it."""

import datetime
import json
from typing import Any

import pytest
import time_machine
from django.test import Client
from django.urls import reverse

from accounts.models import User
from bases.actions import close_place
from batches.actions.names import demand
from batches.actions.pins import pin_gathering, require_all_to_come, unpin_gathering
from batches.actions.plans import keep_plan, publish_plan
from batches.actions.trials import start_trial
from batches.arrangement import planned as planned_arrangement
from batches.comparison import compare
from batches.models import Batch, Gathering, GatheringPin, PlanDemand, PlanRun
from batches.obstacles import publish_obstacles
from batches.planning import solve
from batches.planning.explain import explain
from batches.planning.formats import canonical, fingerprint
from batches.planning_input import build_input, document_of
from batches.queries import latest_run
from batches.repairs import fallen_out, moves_in_words
from batches.shortfalls import whys
from config.errors import Conflict, DomainError
from tests.batches.county import County
from tests.batches.test_repair import moves, repair
from tests.batches.test_swaps import ask, cells

pytestmark = pytest.mark.django_db
MARCH = datetime.date(2027, 3, 1).replace


def test_pinned_cell_is_kept_by_a_repair_and_shown(planned: County, staff: User, desk: Client) -> None:
    (cell,) = cells(planned, (1, 2))
    data = {
        "form": "pin", "pin-cell": cell, "pin-what": "both", "pin-reason": "已和村里说好",
        "pin-revision": Batch.objects.get(pk=planned.batch.pk).revision,
    }  # fmt: skip
    url = reverse("batches:swap", args=[planned.batch.pk])
    assert desk.post(url, data).status_code == 302
    pin = GatheringPin.objects.get()
    assert (pin.first_day.isoformat(), pin.base, pin.second_base) == ("2027-03-19", planned.bases[1], None)
    shown = ask(desk, planned)
    assert "已固定" in shown
    assert "已和村里说好" in shown
    run = repair(planned, staff, against=latest_run(planned.batch))
    document = json.loads(run.input_text)
    assert document["pins"]["gatherings"] == [
        {"class": f"K{pin.practice_class_id}", "index": 2, "first_day": "2027-03-19", "bases": [f"P{pin.base_id}"]}
    ]
    assert moves(run) == []
    assert desk.post(reverse("batches:unpin", args=[planned.batch.pk, pin.pk])).status_code == 302
    assert not GatheringPin.objects.filter(live=True).exists()


def test_pin_of_the_day_alone_leaves_the_base_to_the_planner(published: County, staff: User) -> None:
    one = published.classes[0]
    pin_gathering(practice_class=one, index=2, first_day=MARCH(day=19), bases=(), reason="定了日子", by=staff)
    assert build_input(published.batch)["pins"]["gatherings"] == [
        {"class": f"K{one.pk}", "index": 2, "first_day": "2027-03-19", "bases": None}
    ]


@pytest.mark.parametrize(
    ("day", "index", "reason", "code"),
    [
        (MARCH(day=12), 2, "说好了", "outside_week"),
        (MARCH(day=19), 3, "说好了", "no_such_fortnight"),
        (MARCH(day=19), 2, " ", "reason_needed"),
    ],
)
def test_pin_that_cannot_be_is_refused(
    planned: County, staff: User, day: datetime.date, index: int, reason: str, code: str
) -> None:
    with pytest.raises(DomainError) as refused:
        pin_gathering(practice_class=planned.classes[0], index=index, first_day=day, bases=(), reason=reason, by=staff)
    assert refused.value.code == code
    assert not GatheringPin.objects.exists()


def test_pin_of_a_gathering_that_has_begun_is_refused(
    published: County, staff: User, clock: time_machine.Traveller
) -> None:
    clock.move_to("2027-03-06 09:00+08:00")
    with pytest.raises(DomainError) as refused:
        pin_gathering(
            practice_class=published.classes[0], index=1, first_day=MARCH(day=5), bases=(), reason="固定", by=staff
        )
    assert refused.value.code == "already_begun"


def test_pin_of_a_gathering_called_off_is_refused_from_its_day_on_unless_another_was_arranged(
    published: County, staff: User, clock: time_machine.Traveller
) -> None:
    one, gone = published.classes[0], published.gathering(1, 1)
    Gathering.objects.filter(pk=gone.pk).update(state=Gathering.State.CANCELLED, state_reason="暴雨")
    fixed = {
        "practice_class": one,
        "index": 1,
        "first_day": MARCH(day=6),
        "bases": (),
        "reason": "改在周六",
        "by": staff,
    }
    assert pin_gathering(**fixed).live
    clock.move_to("2027-03-06 09:00+08:00")
    with pytest.raises(DomainError) as refused:
        pin_gathering(**fixed)
    assert refused.value.code == "already_begun"
    Gathering.objects.create(practice_class=one, index=1, first_day=MARCH(day=7), last_day=MARCH(day=8))
    with pytest.raises(DomainError) as refused:
        pin_gathering(**fixed)
    assert refused.value.code == "day_over"
    assert pin_gathering(**fixed | {"first_day": MARCH(day=7)}).live


def test_second_pin_replaces_the_first_and_two_clerks_are_told(planned: County, staff: User, colleague: User) -> None:
    one, seen = planned.classes[0], Batch.objects.get(pk=planned.batch.pk).revision
    base = planned.bases[1]
    pin_gathering(practice_class=one, index=2, first_day=MARCH(day=19), bases=(base,), reason="甲", by=staff, seen=seen)
    with pytest.raises(Conflict, match="固定集中"):
        pin_gathering(
            practice_class=one, index=2, first_day=MARCH(day=19), bases=(), reason="乙", by=colleague, seen=seen
        )
    assert GatheringPin.objects.get(live=True).base == base
    pin_gathering(
        practice_class=one, index=2, first_day=MARCH(day=19), bases=(), reason="乙", by=colleague, seen=seen + 1
    )
    assert GatheringPin.objects.get(live=True).base is None


def test_pin_taken_off_twice_is_refused(planned: County, staff: User) -> None:
    pin = pin_gathering(
        practice_class=planned.classes[0], index=2, first_day=MARCH(day=19), bases=(), reason="固定", by=staff
    )
    unpin_gathering(pin=pin, by=staff)
    with pytest.raises(DomainError) as refused:
        unpin_gathering(pin=pin, by=staff)
    assert refused.value.code == "not_pinned"


def test_plan_that_has_a_cell_where_it_is_pinned_stays_publishable(planned: County, staff: User) -> None:
    run = latest_run(planned.batch)
    assert run is not None
    one, two = planned.classes
    pin = {"reason": "说好了", "by": staff, "index": 2}
    pin_gathering(practice_class=one, first_day=MARCH(day=19), bases=[planned.bases[1]], **pin)
    assert publish_obstacles(planned.batch, run) == []
    moved = pin_gathering(practice_class=two, first_day=MARCH(day=27), bases=[], **pin)
    [told] = publish_obstacles(planned.batch, run)
    assert told.startswith("编排以后固定过人或集中：第2班第2次集中已定于2027-03-27开始，方案没有照此安排。")
    unpin_gathering(pin=moved, by=staff)
    assert publish_plan(batch=planned.batch, run=run, by=staff).number == 1


def test_pin_does_not_excuse_other_facts_that_changed(planned: County, staff: User) -> None:
    pin_gathering(
        practice_class=planned.classes[0], index=2, first_day=MARCH(day=19), bases=[], reason="说好了", by=staff
    )
    planned.units[0].quota = 3
    planned.units[0].save()
    [told] = publish_obstacles(planned.batch)
    assert f"资料变过：单位名额或类别（{planned.units[0]}）；固定的集中。它还是" in told


def test_somebody_pinned_to_another_class_is_named(planned: County, staff: User) -> None:
    who = planned.cadres[0]
    stay = {"kind": PlanDemand.Kind.PIN, "reason": "说好了", "by": staff, "batch": planned.batch}
    demand(cadre=planned.cadres[2], class_number=1, **stay)
    assert publish_obstacles(planned.batch) == []
    demand(cadre=who, class_number=2, **stay)
    [told] = publish_obstacles(planned.batch)
    assert f"{who.name}（{who.unit}）已定在第2班，方案没有照此安排。" in told


def test_fixed_gathering_whose_base_closes_has_the_reason_of_its_card_in_every_line(
    published: County, staff: User
) -> None:
    """The pin is what people can take back: no line says that no base at all could take the class."""
    one, base = published.classes[0], published.bases[1]
    pin_gathering(practice_class=one, index=2, first_day=MARCH(day=19), bases=(base,), reason="说好了", by=staff)
    before = repair(published, staff)
    close_place(base=base, first_day=MARCH(day=15), last_day=MARCH(day=22), kind="works", by=staff, reason="修路")
    run = PlanRun.objects.create(
        programme=published.batch.programme, batch=published.batch, purpose=PlanRun.Purpose.REPAIR
    )
    document = document_of(run)
    plan = solve(document)
    run.input_text, run.fingerprint = canonical(document).decode(), fingerprint(document)
    keep_plan(run=run, plan=plan, by=staff)
    run.explanations = explain(document, plan)
    (card,) = (why for why in whys(run) if why.heading.startswith("第1班第2次集中"))
    assert [code for code, _ in card.causes] == ["已固定", "R12"]
    (lost,) = (group for group in moves_in_words(run) if group.kind == "lost")
    fixed, name = "固定的日子或基地不能用", f"{base.village}"
    assert lost.lines == (f"第1班第2次集中：原定 03-19 {name}，不集中了，{fixed}",)
    assert fallen_out(run) == [f"第1班第2次集中（原定 03-19 {name}）：{fixed}"]
    assert f"第1班第2次集中没有排上：{fixed}" in compare(published.batch, before, run).right.findings
    visits = planned_arrangement(published.batch, run).visits
    assert [visit.skipped for visit in visits if visit.key == (one.pk, 2)] == [fixed]
    run.explanations = []
    assert fallen_out(run) == [f"第1班第2次集中（原定 03-19 {name}）：没有基地能接"]


def pin_change(published: County, index: int, day: str | None) -> dict[str, Any]:
    place = f"K{published.classes[0].pk}"
    return {"kind": "pin_gathering", "class": place, "index": index, "first_day": day, "bases": None}


@pytest.mark.parametrize(
    ("index", "day", "code"), [(1, None, "already_begun"), (1, "2027-03-05", "already_begun"), (2, "2027-03-15", "day_over")]
)  # fmt: skip
def test_trial_of_a_cell_or_a_day_gone_by_is_refused(
    published: County, staff: User, clock: time_machine.Traveller, index: int, day: str | None, code: str
) -> None:
    clock.move_to("2027-03-16 09:00+08:00")
    run = published.batch.plan_versions.get().run
    assert run is not None
    with pytest.raises(DomainError) as refused:
        start_trial(batch=published.batch, by=staff, changes=[pin_change(published, index, day)], against=run)
    assert refused.value.code == code
    assert not published.batch.plan_runs.filter(purpose=PlanRun.Purpose.TRIAL).exists()


def test_pins_are_looked_at_together_and_changes_without_any_not_at_all(
    published: County, clock: time_machine.Traveller, django_assert_num_queries: Any, django_assert_max_num_queries: Any
) -> None:
    clock.move_to("2027-03-10 09:00+08:00")
    batch = Batch.objects.get(pk=published.batch.pk)
    with django_assert_num_queries(0):
        require_all_to_come(batch, [{"kind": "withdraw", "cadre": "C1"}])
    pins = [pin_change(published, 2, f"2027-03-{day}") for day in range(15, 22)]
    with django_assert_max_num_queries(3):
        require_all_to_come(batch, pins)
