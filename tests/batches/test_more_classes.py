"""A class more in a published batch: what each way comes to, told before; a pair at once; and the way back."""

import json
import re
from collections import Counter
from typing import Any

import pytest
from django.contrib.messages import get_messages
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import AuditEntry, User
from batches import tasks
from batches.actions.gatherings import cancel_gathering
from batches.actions.names import demand
from batches.actions.plans import publish_plan
from batches.actions.repair import add_classes, drop_class
from batches.actions.trials import adopt_trial, start_trial
from batches.arrangement import Arrangement, current, planned
from batches.foretold import needs
from batches.models import Batch, ClassStaff, GatheringPin, PlanDemand, PlanRun, PracticeClass, Programme, Waiver
from batches.more_classes import WAYS, Sent, clash, told, ways_of
from batches.obstacles import adoption_obstacles, publish_obstacles
from batches.plan_ids import class_to_come, pk_of
from batches.plan_work import keep_input
from batches.planning import solve
from batches.planning_input import build_input
from batches.queries import latest_run
from batches.repairs import moves_in_words
from cadres.models import Cadre
from config.errors import DomainError
from office.jobs import perform, start_job
from office.models import Job
from tests import factories
from tests.batches.county import FIRST, County
from tests.batches.pages import page, post
from tests.batches.test_repair import broken, repair, running

__all__ = ["running"]
pytestmark = pytest.mark.django_db


def add(county: County, staff: User, *parities: str) -> list[PracticeClass]:
    county.batch.refresh_from_db()
    return add_classes(
        batch=county.batch, track=county.classes[0].track, parities=parities, by=staff, reason="人多", seen=county.batch.revision
    )  # fmt: skip


def refused(code: str, practice_class: PracticeClass, staff: User, **options: object) -> None:
    with pytest.raises(DomainError) as error:
        drop_class(practice_class=practice_class, by=staff, reason="不开了", **options)
    assert error.value.code == code


# Beforehand


def test_ways_say_sizes_and_whether_both_weeks_can_fill_the_classes(running: County) -> None:
    """Twelve people of six units, two a unit: six of them in odd weeks whatever happens, so a third class cannot be filled."""
    programme = running.batch.programme
    pair, odd, even = ways_of(running.batch)
    assert [way.parities for way in (pair, odd, even)] == list(WAYS)
    assert (odd.sizes, odd.side, odd.asked, odd.sent, odd.gap) == ((4, 4), "odd", 8, 6, 2)
    assert (even.sizes, even.side, even.asked, even.sent, even.gap) == ((4, 4), "even", 8, 6, 2)
    assert (pair.sizes, pair.gap, pair.short) == ((3, 3), 0, 8)
    assert told(odd, several=False, least=programme.class_size_min) == (
        "单周一个班：加开以后每班 4 人；不到下限 5 人，共缺 3 人（R04）；"
        "单周的班要 8 人，各单位单双周各去一半，最多 6 人，差 2 人：排不匀，要先批准 R04 的例外才能发布"
    )
    assert min((odd, even, pair), key=lambda way: way.harm) == pair, (
        "small classes can be published, uneven ones cannot"
    )
    Programme.objects.update(class_size_min=3)
    running.batch.programme.refresh_from_db()
    best = min(ways_of(running.batch), key=lambda way: way.harm)
    assert best.parities == ("odd", "even")
    assert (
        told(best, several=True, least=3) == f"{best.track.name}　单周、双周各一个班：加开以后每班 3 人；单双周排得匀"
    )


def test_people_who_come_with_it_count(running: County, staff: User) -> None:
    for unit in running.units[:3]:
        late = factories.CadreFactory(unit=unit)
        running.batch.nominations.create(cadre=late, state="confirmed")
    pair, odd, even = ways_of(running.batch)
    assert (odd.sizes, odd.asked, odd.sent, odd.gap) == ((5, 5), 10, 9, 1)
    assert (even.gap, pair.gap, pair.sizes) == (1, 0, (3, 4))


def test_people_bound_to_weeks_and_exceptions_count(running: County, staff: User) -> None:
    """Whoever can come in even weeks alone makes odd classes harder to fill; units with an exception make it easier."""
    first = running.cadres[0]
    for cadre in Cadre.objects.filter(unit=first.unit):
        PlanDemand.objects.create(batch=running.batch, cadre=cadre, kind="parity", parity="even", reason="单周值班")
    subject = f"U{first.unit_id}@B{running.batch.pk}"
    waiver = Waiver.objects.create(
        batch=running.batch, rule="R03", subject=subject, subject_label="一个单位", reason="任务重", asked_by=staff,
        approver=factories.UserFactory(), approved_at=timezone.now(),
    )  # fmt: skip
    _, odd, even = ways_of(running.batch)
    assert (odd.sent, odd.gap, even.sent, even.gap) == (5, 3, 7, 1)
    assert "各单位单双周各去一半（只能在单周或双周来的人、批准的例外都已算上），最多 5 人" in told(
        odd, several=False, least=5
    )
    PlanDemand.objects.all().update(live=False)
    _, odd, even = ways_of(running.batch)
    assert (odd.sent, odd.gap, even.sent, even.gap) == (7, 1, 7, 1), "both of the unit may go in the same weeks"
    Waiver.objects.filter(pk=waiver.pk).update(approver=None)
    _, odd, even = ways_of(running.batch)
    assert (odd.sent, even.sent) == (6, 6), "what is asked for and not approved is no exception"


def sent(*own: str | None, waived: bool = False) -> Sent:
    return Sent([("W1", weeks) for weeks in own], waived)


@pytest.mark.parametrize(
    ("odd", "even", "units", "told"),
    [
        (2, 1, [sent(None, None, waived=True)] * 3, ("", 0, 0)),
        (2, 1, [sent(None, None, waived=True), sent(None, None), sent(None, None)], ("", 0, 0)),
        (2, 1, [sent("even", "even", waived=True), sent(None, None), sent(None, None)], ("odd", 4, 2)),
        (2, 1, [sent("even", None), sent(None, None), sent(None, None)], ("odd", 4, 3)),
        (2, 1, [sent("even"), sent(None), sent(None)], ("", 0, 0)),
        (2, 1, [sent("even"), sent("even"), sent(None)], ("odd", 2, 1)),
        (1, 1, [sent("odd", "odd", None, waived=True), sent(None)], ("", 0, 0)),
        (1, 1, [sent("odd", "odd", "odd", waived=True), sent("even")], ("even", 2, 1)),
    ],
)
def test_clash_of_weeks_with_people_bound_and_exceptions(
    odd: int, even: int, units: list[Sent], told: tuple[str, int, int]
) -> None:
    assert clash(Counter({("W1", "odd"): odd, ("W1", "even"): even}), units) == told


@pytest.mark.parametrize(
    ("odd", "even", "units", "told"),
    [
        (1, 1, [2, 2, 2], ("", 0, 0)),
        (2, 1, [2, 2, 2], ("odd", 4, 3)),
        (1, 2, [2, 2, 2], ("even", 4, 3)),
        (2, 1, [1, 1, 1], ("", 0, 0)),
        (8, 7, [19] * 14, ("", 0, 0)),
        (8, 7, [18] * 15, ("odd", 144, 135)),
    ],
)
def test_clash_of_weeks(odd: int, even: int, units: list[int], told: tuple[str, int, int]) -> None:
    classes = Counter({("W1", "odd"): odd, ("W1", "even"): even})
    assert clash(classes, [sent(*[None] * people) for people in units]) == told


def test_clash_leaves_out_units_whose_tracks_have_one_week_alone() -> None:
    classes = Counter({("W1", "odd"): 1, ("W1", "even"): 1, ("W2", "odd"): 1})
    of_both = Sent([("W1", None), ("W1", None), ("W2", None), ("W2", None)])
    assert clash(classes, [of_both, sent(None, None)]) == ("", 0, 0)


# Pages


def test_form_offers_the_ways_and_adds_the_pair(running: County, staff: User, desk: Client) -> None:
    Programme.objects.update(class_size_min=3)
    page = desk.get(reverse("batches:repair", args=[running.batch.pk])).content.decode()
    assert "单周、双周各一个班：加开以后每班 3 人；单双周排得匀" in page
    track = running.classes[0].track
    value = f"{track.pk}:odd+even"
    assert re.search(f'value="{re.escape(value)}"[^>]*checked', page), "the best way is chosen"
    running.batch.refresh_from_db()
    sent = {"form": "class", "class-way": value, "class-reason": "人多", "class-revision": running.batch.revision}
    answer = desk.post(reverse("batches:repair", args=[running.batch.pk]), sent)
    assert answer.status_code == 302
    assert [(row.number, row.parity) for row in running.classes[2:]] == [(3, "odd"), (4, "even")]
    assert next(str(row) for row in get_messages(answer.wsgi_request)).startswith("第3班、第4班已加开。")
    assert AuditEntry.objects.filter(act="add_class").count() == 1
    shown = desk.get(reverse("batches:repair", args=[running.batch.pk])).content.decode()
    assert [number for number in range(1, 5) if f"撤掉第{number}班" in shown] == [3, 4]


def test_empty_class_is_taken_back_on_the_page(running: County, staff: User, desk: Client) -> None:
    """A plan with the classes that was not published stays to be looked at, and names what is gone."""
    Programme.objects.update(class_size_min=3)
    before = build_input(running.batch)
    third, fourth = add(running, staff, "odd", "even")
    run = repair(running, staff)
    assert f"K{third.pk}" in run.plan_text
    for row in (third, fourth):
        running.batch.refresh_from_db()
        url = reverse("batches:drop_class", args=[running.batch.pk, row.pk])
        answer = desk.post(url, {"reason": "不开了", "revision": running.batch.revision})
        assert answer.status_code == 302
    assert [row.number for row in running.classes] == [1, 2]
    assert build_input(running.batch) == before
    assert publish_obstacles(running.batch, run), "a plan with that class is no plan of the facts"
    for name, query in (("repair", ""), ("studio", ""), ("compare", ""), ("swap", "")):
        page = desk.get(reverse(f"batches:{name}", args=[running.batch.pk]) + f"?run={run.pk}{query}")
        assert page.status_code == 200
        assert f"K{third.pk}" not in page.content.decode()
    entry = AuditEntry.objects.filter(act="drop_class").latest("seq")
    assert entry.reason == "不开了"
    assert add(running, staff, "even")[0].number == 3
    assert broken() == []


def test_plan_that_fixed_somebody_to_a_class_taken_back_is_told_to_be_made_anew(
    running: County, staff: User, desk: Client
) -> None:
    Programme.objects.update(class_size_min=3)
    third, fourth = add(running, staff, "odd", "even")
    run = repair(running, staff)
    run.changes = [{"kind": "pin_class", "cadre": f"C{running.cadres[0].pk}", "class": f"K{third.pk}"}]
    run.save()
    for row in (third, fourth):
        drop_class(practice_class=row, by=staff, reason="不开了")
    assert any("已经不在了" in told for told in publish_obstacles(running.batch, run))
    assert desk.get(reverse("batches:studio", args=[running.batch.pk]) + f"?run={run.pk}").status_code == 200


def test_class_taken_back_by_somebody_else_meanwhile_is_a_conflict(running: County, staff: User) -> None:
    [third] = add(running, staff, "odd")
    stale = PracticeClass.objects.get(pk=third.pk)
    drop_class(practice_class=third, by=staff, reason="不开了")
    refused("class_gone", stale, staff)
    assert AuditEntry.objects.filter(act="drop_class").count() == 1


def test_class_of_another_batch_is_not_found(running: County, desk: Client) -> None:
    other = factories.ClassFactory(batch=factories.BatchFactory(number=9))
    assert (
        desk.post(reverse("batches:drop_class", args=[running.batch.pk, other.pk]), {"reason": "错"}).status_code == 404
    )


# Tried first


@pytest.mark.django_db(transaction=True)
def test_pair_is_tried_looked_at_and_adopted(running: County, staff: User, desk: Client) -> None:
    """The trial touches nothing; its classes have pages under the numbers that they would have; adopted, they are rows."""
    Programme.objects.update(class_size_min=3)
    batch, track = Batch.objects.get(), running.classes[0].track
    sheet = page(desk, "repair", batch.pk)
    form = sheet[sheet.index('id="class"') :].partition("</form>")[0]
    assert 'name="do" value="trial"' in form
    data = {"class-way": f"{track.pk}:odd+even", "class-reason": "人多", "class-revision": batch.revision}
    assert "什么都没有登记，已有的安排都不变" in post(desk, "repair", batch.pk, form="class", do="trial", **data)
    assert len(running.classes) == 2
    run = PlanRun.objects.select_related("job").get(purpose=PlanRun.Purpose.TRIAL)
    assert run.job is not None
    perform(str(run.job.pk), tasks.plan.run.__wrapped__)
    run.refresh_from_db()
    assert run.plan_text
    shown = page(desk, "studio", batch.pk, query=f"?run={run.pk}")
    assert f"{batch}增加2个班（{track}，单周1个、双周1个）" in shown
    assert "第3班" in shown
    assert "第4班" in shown
    assert "10000000" not in re.sub(r"(class|row)-\d+|classes/\d+|data-class=\"\d+\"", "", shown)
    third, fourth = class_to_come(3), class_to_come(4)
    seats = Counter(row["class"] for row in json.loads(run.plan_text)["assignments"])
    assert min(seats[third], seats[fourth]) >= 3
    assert "第3班" in page(desk, "class_page", batch.pk, pk_of(third), query=f"?run={run.pk}")
    gone = desk.get(reverse("batches:class_page", args=[batch.pk, pk_of(third)]))
    assert gone.status_code == 404
    page(desk, "compare", batch.pk, query=f"?a={latest_run(batch).pk}&b={run.pk}")
    told = post(desk, "adopt_trial", batch.pk, run.pk, reason="人多")
    assert "改动已采用" in told
    assert [(row.number, row.parity) for row in running.classes[2:]] == [(3, "odd"), (4, "even")]


def test_class_more_of_a_cure_is_named_and_keeps_its_weeks(planned: County, staff: User) -> None:
    """Cures say neither batch nor weeks; a trial of a trial counts on; before publication classes come from the programme."""
    batch, track = planned.batch, planned.classes[0].track
    run = latest_run(batch)
    assert run is not None
    cure = [{"kind": "more_classes", "batch": None, "track": f"W{track.pk}", "count": 1}]
    first = start_trial(batch=batch, by=staff, changes=cure, against=run)
    wanted: dict[str, Any] = cure[0] | {"batch": f"B{batch.pk}", "ids": [class_to_come(3)], "parities": ["odd"]}
    assert first.changes == [wanted]
    Job.objects.update(state="done")
    second = start_trial(batch=batch, by=staff, changes=cure, against=first)
    assert second.changes == [wanted, wanted | {"ids": [class_to_come(4)], "parities": ["even"]}]
    [obstacle] = adoption_obstacles(second)
    assert obstacle.sentence == "加班不在这里办：到“项目规则”改班型的班数，再重新编排。"


def tried(county: County, staff: User, changes: list[dict[str, Any]]) -> PlanRun:
    """A trial upon the trial of a third class."""
    batch, run = Batch.objects.get(), latest_run(county.batch)
    assert run is not None
    more = {"kind": "more_classes", "batch": None, "track": f"W{county.classes[0].track_id}", "count": 1}
    first = start_trial(batch=batch, by=staff, changes=[more], against=run)
    Job.objects.update(state="done")
    return start_trial(batch=batch, by=staff, changes=changes, against=first)


def test_exceptions_of_a_class_to_come_are_about_the_class_that_was_made(running: County, staff: User) -> None:
    third, house = class_to_come(3), f"H{running.bases[0].households.first().pk}"
    subjects = {"R04": third, "R14": third, "R15": third, "R16": f"{house}:{third}#1"}
    changes = [{"kind": "waiver", "rule": rule, "subject": subject} for rule, subject in subjects.items()]
    changes.append({"kind": "waiver", "rule": "R14", "subject": f"K{running.classes[0].pk}"})
    adopt_trial(run=tried(running, staff, changes), by=staff, reason="人多")
    made = f"K{running.classes[2].pk}"
    assert set(Waiver.objects.values_list("rule", "subject")) == {
        ("R04", made), ("R14", made), ("R15", made), ("R16", f"{house}:{made}#1"), ("R14", f"K{running.classes[0].pk}"),
    }  # fmt: skip
    Waiver.objects.update(approver=factories.UserFactory(), approved_at=timezone.now())
    planned = {(row["rule"], row["subject"]) for row in build_input(running.batch)["waivers"]}
    assert {("R04", made), ("R16", f"{house}:{made}#1")} <= planned
    assert Waiver.objects.get(rule="R04").subject_label == "第3班"


def test_people_and_days_fixed_in_a_class_to_come_are_fixed_in_the_class_that_was_made(
    running: County, staff: User
) -> None:
    third = class_to_come(3)
    changes: list[dict[str, Any]] = [
        {"kind": "pin_class", "cadre": f"C{running.cadres[0].pk}", "class": third},
        {"kind": "pin_gathering", "class": third, "index": 2, "first_day": "2027-03-19", "bases": None},
    ]
    run = tried(running, staff, changes)
    adopt_trial(run=run, by=staff, reason="人多")
    pinned, cell = PlanDemand.objects.get(live=True), GatheringPin.objects.get(live=True)
    assert (pinned.cadre, pinned.kind, pinned.class_number) == (running.cadres[0], "pin", 3)
    assert (cell.practice_class, cell.index) == (running.classes[2], 2)


def test_cell_fixed_and_let_go_in_a_class_to_come_is_free(running: County, staff: User) -> None:
    third = class_to_come(3)
    changes: list[dict[str, Any]] = [
        {"kind": "pin_gathering", "class": third, "index": 2, "first_day": "2027-03-19", "bases": None},
        {"kind": "drop_pin", "of": "gatherings", "subject": f"{third}#2"},
    ]
    adopt_trial(run=tried(running, staff, changes), by=staff, reason="人多")
    assert [(row.practice_class.number, row.live) for row in GatheringPin.objects.all()] == [(3, False)]


# What is refused


def test_class_with_people_stays(running: County, staff: User) -> None:
    refused("class_in_use", running.classes[0], staff)
    assert len(running.classes) == 2


def test_class_that_was_filled_by_a_published_repair_stays(running: County, staff: User) -> None:
    Programme.objects.update(class_size_min=3)
    track = running.classes[0].track
    third, _ = add(running, staff, "odd", "even")
    track.refresh_from_db()
    run = repair(running, staff)
    publish_plan(batch=running.batch, run=run, by=staff, reason="加班")
    assert third.memberships.exists()
    refused("class_in_use", third, staff)


def test_class_with_a_teacher_or_a_pin_stays_until_that_is_ended(running: County, staff: User) -> None:
    [third] = add(running, staff, "odd")
    post = factories.ClassStaffFactory(practice_class=third, kind=ClassStaff.Kind.HEAD_TEACHER, since=FIRST)
    refused("class_in_use", third, staff)
    ClassStaff.objects.filter(pk=post.pk).update(since=FIRST.replace(year=FIRST.year + 9))
    refused("class_in_use", third, staff)
    ClassStaff.objects.filter(pk=post.pk).update(since=FIRST, until=FIRST)
    demand(
        batch=running.batch, cadre=running.cadres[0], kind=PlanDemand.Kind.PIN, class_number=3, reason="带头", by=staff
    )  # fmt: skip
    refused("class_in_use", third, staff)
    PlanDemand.objects.update(live=False)
    drop_class(practice_class=third, by=staff, reason="不开了")
    assert len(running.classes) == 2


def test_class_is_not_dropped_without_reason_in_another_state_or_while_the_planner_works(
    running: County, staff: User
) -> None:
    [third] = add(running, staff, "odd")
    with pytest.raises(DomainError) as error:
        drop_class(practice_class=third, by=staff, reason=" ")
    assert error.value.code == "reason_needed"
    refused("arrangement_changed", third, staff, seen=0)
    run = PlanRun.objects.create(programme=running.batch.programme, batch=running.batch)
    run.job = start_job(task="batches.plan", title="编排", owner=staff, params={"run": run.pk})
    run.save()
    refused("run_in_progress", third, staff)
    run.delete()
    Batch.objects.update(state=Batch.State.EVALUATING)
    refused("illegal_transition", third, staff)
    assert len(running.classes) == 3


def test_class_that_is_still_empty_is_told_as_that(running: County, staff: User, desk: Client) -> None:
    [third] = add(running, staff, "odd")
    running.batch.refresh_from_db()
    lines = [line for _, rows in needs(running.batch) for line in rows if "第3班" in line]
    assert lines == ["第3班还没有人，重排会排进去；不要了可以撤掉"]
    assert "每班 6 人，另有 1 个班还没有人" in page(desk, "studio", running.batch.pk)
    move = {"kind": "gathering", "subject": f"K{third.pk}#2", "from": None, "to": "skipped"}
    run = latest_run(running.batch)
    assert run is not None
    run.plan_text = json.dumps(json.loads(run.plan_text) | {"moves": [move]})
    assert moves_in_words(run) == []


def test_trial_of_a_class_more_plans_from_today_on_as_the_repair_of_it_does(running: County, staff: User) -> None:
    batch, track = Batch.objects.get(), running.classes[0].track
    more = {"kind": "more_classes", "batch": f"B{batch.pk}", "track": f"W{track.pk}", "count": 2}
    run = latest_run(batch)
    assert run is not None
    trial = start_trial(batch=batch, by=staff, changes=[more], against=run)
    tried_input = keep_input(trial)
    Job.objects.update(state="done")
    add_classes(batch=batch, track=track, parities=("odd", "even"), by=staff, reason="人多")
    batch.refresh_from_db()
    real = build_input(batch)

    def over(document: dict[str, Any], names: list[str]) -> list[list[tuple[int, str]]]:
        rows = document["previous"]["gatherings"]
        return [[(row["index"], row["skipped"]) for row in rows if row["class"] == name] for name in names]

    made = [f"K{row.pk}" for row in batch.classes.order_by("number")[2:]]
    planned = over(tried_input, [class_to_come(3), class_to_come(4)])
    assert planned == over(real, made) == [[(1, "withdrawn")], []]
    plan = solve(tried_input)
    days = [row["first_day"] for row in plan["gatherings"] if "skipped" not in row and row["class"] == class_to_come(3)]
    assert all(day > timezone.localdate().isoformat() for day in days)


def test_weeks_before_a_class_was_opened_are_nobodys_cancellation(running: County, staff: User, desk: Client) -> None:
    Programme.objects.update(class_size_min=3)
    third, _ = add(running, staff, "odd", "even")
    running.classes[0].track.refresh_from_db()
    run = repair(running, staff)
    assert {"class": f"K{third.pk}", "index": 1, "skipped": "withdrawn"} in run.plan["gatherings"]
    running.batch.refresh_from_db()

    def own(arrangement: Arrangement) -> set[int]:
        return {visit.index for visit in arrangement.visits if visit.practice_class.pk == third.pk}

    assert 1 not in own(planned(running.batch, run))
    assert 2 in own(planned(running.batch, run))
    assert "人工取消" not in page(desk, "studio", running.batch.pk)
    publish_plan(batch=running.batch, run=run, by=staff, reason="加班")
    running.batch.refresh_from_db()
    assert 1 not in own(current(running.batch))
    assert 2 in own(current(running.batch))
    assert "人工取消" not in page(desk, "studio", running.batch.pk)


def test_gathering_called_off_stays_told_as_that_in_the_next_plan(running: County, staff: User) -> None:
    coming = running.gathering(1, 2)
    cancel_gathering(gathering=coming, by=staff, reason="防汛")
    run = repair(running, staff)
    told = {visit.key: visit.skipped for visit in planned(running.batch, run).visits if visit.skipped}
    assert told[running.classes[0].pk, 2] == "人工取消"
