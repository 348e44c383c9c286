"""A published batch is repaired with the fewest changes: each scenario from the fact to the new version's rows."""

import datetime
import json
import re
from typing import Any

import pytest
import time_machine

from accounts.models import User
from bases.actions import close_place, suspend_household
from bases.models import BaseUse, Closure
from batches.actions.notices import Touched, tell
from batches.actions.people import add_late, move_member, withdraw_enrollment
from batches.actions.plans import keep_plan, publish_plan
from batches.actions.reprojection import _free_mentors
from batches.differences import differences, differences_of
from batches.foretold import needs
from batches.invariants import INVARIANTS
from batches.models import (
    Batch,
    ClassMembership,
    Enrollment,
    Gathering,
    GatheringSite,
    Lodging,
    Mentorship,
    Nomination,
    PlanRun,
    PlanVersion,
)
from batches.overview import plan_says
from batches.plan_ids import pk_of
from batches.planning import checker_sheet, solve
from batches.planning.checker import check, violations
from batches.planning.formats import canonical, fingerprint, require_valid
from batches.planning_input import build_input, document_of
from batches.repairs import moves_in_words
from batches.standing import standing_of
from batches.told import MENTOR
from cadres.actions.unavailability import enter_unavailability
from cadres.models import Cadre
from config.errors import DomainError
from office.models import Notice
from tests import factories
from tests.batches.county import County, make_county, publish_by_hand
from tests.batches.test_people import let_together

pytestmark = pytest.mark.django_db
MARCH = datetime.date(2027, 3, 1).replace
SOON = "2027-03-09 09:00+08:00"
"""Tuesday of the second week: each class has one gathering behind it or before it."""
TRACKED = (Enrollment, ClassMembership, Gathering, GatheringSite, Lodging, BaseUse)


def broken() -> list[str]:
    return [f"{each.code} {row}" for each in INVARIANTS for row in each.find()]


def repair(county: County, staff: User, **fields: Any) -> PlanRun:
    """A finished repair of the batch as it stands."""
    county.batch.refresh_from_db()
    run = PlanRun.objects.create(
        programme=county.batch.programme, batch=county.batch, purpose=PlanRun.Purpose.REPAIR, **fields
    )
    document = document_of(run)
    require_valid(document)
    plan = solve(document, prefer=run.prefer)
    assert [str(breach) for breach in violations(check(document, plan))] == []
    run.input_text, run.fingerprint = canonical(document).decode(), fingerprint(document)
    keep_plan(run=run, plan=plan, by=staff)
    return run


def moves(run: PlanRun, kind: str = "") -> list[dict[str, Any]]:
    return [row for row in json.loads(run.plan_text)["moves"] if kind in ("", row["kind"])]


def snapshot() -> dict[str, dict[int, tuple[Any, ...]]]:
    """Every row that a version projects, by model and key."""
    return {model.__name__: {row[0]: row for row in model.objects.order_by("pk").values_list()} for model in TRACKED}


def written(before: dict[str, Any], after: dict[str, Any]) -> dict[str, set[int]]:
    """Keys of rows that are new or other than before."""
    return {name: {pk for pk, row in rows.items() if before[name].get(pk) != row} for name, rows in after.items()}


def events() -> dict[str, int]:
    """Rows of history, by model."""
    return {model.__name__: model.pgh_event_model.objects.count() for model in TRACKED}


def publish(county: County, run: PlanRun, staff: User) -> tuple[PlanVersion, dict[str, set[int]], dict[str, int]]:
    """Publish a repair; what was written, and how many history rows each model got. Rows that stay are not saved."""
    rows, past = snapshot(), events()
    county.batch.refresh_from_db()
    version = publish_plan(batch=county.batch, run=run, by=staff, reason="重排")
    now, history = snapshot(), events()
    changed = written(rows, now)
    saved = {name: history[name] - past[name] for name in history}
    for name in ("Enrollment", "ClassMembership", "Gathering", "Lodging"):
        assert saved[name] == len(changed[name]), f"{name}: rows saved that did not change"
    for name, keys in rows.items():
        assert keys.keys() <= now[name].keys(), "rows keep their keys"
    assert broken() == []
    return version, changed, saved


def test_input_in_force_without_changes_needs_no_moves(published: County, staff: User) -> None:
    run = repair(published, staff)
    assert moves(run) == []
    version, changed, saved = publish(published, run, staff)
    assert (version.number, version.differences) == (2, [])
    assert changed == {model.__name__: set() for model in TRACKED}
    assert set(saved.values()) == {0}
    assert not Notice.objects.filter(subject__contains="调整").exists()
    published.batch.refresh_from_db()
    assert published.batch.state == Batch.State.PUBLISHED


def test_input_in_force_pins_what_has_begun(published: County, clock: time_machine.Traveller) -> None:
    clock.move_to(SOON)
    document = build_input(published.batch)
    one = published.classes[0]
    assert document["pins"]["gatherings"] == [
        {"class": f"K{one.pk}", "index": 1, "first_day": "2027-03-05", "bases": [f"P{published.bases[0].pk}"]}
    ]
    assert len(document["previous"]["gatherings"]) == 4
    assert len(document["previous"]["lodging"]) == 16
    assert document["pins"]["batches"] == [
        {"cadre": f"C{cadre.pk}", "batch": f"B{published.batch.pk}"} for cadre in published.cadres
    ]


# Scenarios


@pytest.fixture
def running(staff: User, clock: time_machine.Traveller) -> County:
    """Classes of six, in the second week: class 1 has been away once, class 2 goes on Friday.

    A third base and spare households have opened since.
    """
    county = make_county(staff, units=6)
    publish_by_hand(county, staff)
    extra = factories.BaseFactory()
    for base in (*county.bases, extra):
        factories.HouseholdFactory.create_batch(3, base=base, beds=4)
    county.bases.append(extra)
    clock.move_to(SOON)
    Gathering.objects.filter(practice_class__number=1, index=1).update(state=Gathering.State.HELD)
    Batch.objects.update(state=Batch.State.RUNNING)
    county.batch.refresh_from_db()
    return county


def whereabouts() -> dict[str, tuple[Any, ...]]:
    """Class and fortnight → days, state and bases."""
    rows = Gathering.objects.prefetch_related("sites").order_by("pk")
    return {
        f"K{row.practice_class_id}#{row.index}": (
            row.first_day, row.last_day, row.is_live, {site.base_id for site in row.sites.all() if site.live}
        )
        for row in rows
    }  # fmt: skip


def carried_through(county: County, run: PlanRun, staff: User) -> PlanVersion:
    """Publish, and hold every row written against the list of moves: these and no others."""
    before = whereabouts()
    version, changed, _ = publish(county, run, staff)
    seats = {row["subject"] for row in moves(run, "assignment")}
    gatherings = {row["subject"] for row in moves(run, "gathering")}
    moved = ClassMembership.objects.filter(pk__in=changed["ClassMembership"])
    assert {f"C{pk}" for pk in moved.values_list("enrollment__cadre", flat=True)} == seats
    assert {name for name, where in whereabouts().items() if before.get(name) != where} == gatherings
    gathered = {row.pk: f"K{row.practice_class_id}#{row.index}" for row in Gathering.objects.order_by("pk")}
    assert {gathered[pk] for pk in changed["Gathering"]} <= gatherings
    begun = Gathering.objects.filter(state__in=("held", "confirmed")).values_list("pk", flat=True)
    beds = Lodging.objects.filter(pk__in=changed["Lodging"]).select_related("gathering", "enrollment")
    others = {
        f"C{row.enrollment.cadre_id}:{gathered[row.gathering_id]}" for row in beds
        if f"C{row.enrollment.cadre_id}" not in seats and gathered[row.gathering_id] not in gatherings
    }  # fmt: skip
    assert others == {row["subject"] for row in moves(run, "bed")}
    assert not {row.gathering_id for row in beds} & set(begun), "what has begun is never touched"
    assert version.plan_text == run.plan_text
    assert PlanVersion.objects.get(number=1).plan_text != version.plan_text, "the old version stays"
    county.batch.refresh_from_db()
    assert county.batch.state == Batch.State.RUNNING
    return version


def test_ill_for_long_leaves_and_nobody_else_moves(running: County, staff: User) -> None:
    ill = running.cadres[0]
    enter_unavailability(cadre=ill, first_day=MARCH(day=9), last_day=MARCH(day=28), reason="住院", by=staff)
    run = repair(running, staff)
    assert [(row["kind"], row["subject"], row["to"]) for row in moves(run)] == [("assignment", f"C{ill.pk}", None)]
    carried_through(running, run, staff)
    gone = running.enrollment(ill)
    assert (gone.state, gone.left_on) == (Enrollment.State.WITHDRAWN, MARCH(day=10))
    assert GatheringSite.objects.get(gathering=running.gathering(1, 2), live=True).people == 5


def test_ill_for_a_day_keeps_seat_and_bed(running: County, staff: User) -> None:
    ill = running.cadres[0]
    enter_unavailability(cadre=ill, first_day=MARCH(day=19), last_day=MARCH(day=19), reason="感冒", by=staff)
    assert moves(repair(running, staff)) == []


def test_transferred_leaves_and_the_township_is_told(running: County, staff: User) -> None:
    gone = running.cadres[1]
    told = factories.TownshipLiaisonFactory(township=running.bases[0].village.township).user
    unconcerned = factories.TownshipLiaisonFactory(township=running.bases[2].village.township).user
    Cadre.objects.filter(pk=gone.pk).update(state=Cadre.State.LEFT)
    run = repair(running, staff)
    assert moves(run) == []
    assert f"C{gone.pk}" not in run.plan_text
    publish(running, run, staff)
    assert running.enrollment(gone).state == Enrollment.State.WITHDRAWN
    assert Notice.objects.get(addressee=told).text.endswith("03-12 至 03-14 6 人改为 5 人。")
    assert not Notice.objects.filter(addressee=unconcerned).exists()


def test_two_withdrawn_of_one_class_bring_one_over(running: County, staff: User) -> None:
    for cadre in (running.cadres[0], running.cadres[6]):
        withdraw_enrollment(enrollment=running.enrollment(cadre), on_day=MARCH(day=10), by=staff, reason="借调")
    run = repair(running, staff)
    seats = moves(run, "assignment")
    assert len(seats) == 1
    carried_through(running, run, staff)
    mover = Enrollment.objects.get(cadre=int(seats[0]["subject"][1:]))
    spans = [
        (row.practice_class.number, row.days.lower.day) for row in mover.memberships.filter(live=True).order_by("days")
    ]
    assert spans == [(2, 1), (1, 10)]
    beds = mover.lodgings.filter(live=True).values_list("gathering__practice_class__number", "gathering__index")
    assert list(beds) == [(1, 2)], "the first gathering of class 1 is over"


def test_what_is_over_is_no_exception_on_the_rule_sheet(running: County, staff: User) -> None:
    withdraw_enrollment(enrollment=running.enrollment(running.cadres[0]), on_day=MARCH(day=9), by=staff, reason="借调")
    run = repair(running, staff)
    assert {row["approver"] for row in json.loads(run.input_text)["waivers"]} == {"已经集中过"}
    says = plan_says(run)
    groups = next(row for row in says.rules if row.code == "R16")
    assert (says.granted, says.waived, groups.findings, groups.over) == (0, 0, (), 1)
    assert groups.fact.startswith(("每户住同班 2 至", "每户住同班 3 至")), groups.fact


def test_figure_of_groups_is_the_checkers_own_of_those_to_come(
    running: County, staff: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In whatever words the checker tells it."""

    def told(case: Any) -> str:
        return f"共 {len({(stay.household, stay.klass, stay.index) for stay in case.told.stays})} 组"

    withdraw_enrollment(enrollment=running.enrollment(running.cadres[0]), on_day=MARCH(day=9), by=staff, reason="借调")
    run = repair(running, staff)
    groups = {f"{row['household']}:{row['class']}#{row['index']}" for row in run.plan["lodging"]}
    to_come = groups - {row["subject"] for row in run.document["waivers"]}
    assert 0 < len(to_come) < len(groups)
    monkeypatch.setitem(checker_sheet.RULES, "R16", ("农户住宿分组", 4, told))
    assert next(row.fact for row in plan_says(run).rules if row.code == "R16") == f"共 {len(to_come)} 组"


def test_beds_of_what_is_over_are_counted_neither_as_moves_nor_in_the_level(running: County, staff: User) -> None:
    run = repair(running, staff)
    plan = json.loads(run.plan_text)
    seat = f"C{running.cadres[0].pk}:K{running.classes[0].pk}"
    plan["moves"] = [{"kind": "bed", "subject": f"{seat}#{n}", "from": "H1/R1/1", "to": "H1/R1/2"} for n in (1, 2)]
    plan["levels"] = [{"stage": 4, "level": "moved_beds", "value": 2, "bound": 2}]
    run.plan_text = json.dumps(plan)
    assert [(group.kind, group.count) for group in moves_in_words(run)] == [("bed", 1)]
    assert [(row.value, row.bound) for row in plan_says(run).levels] == [("1人次", "1人次")]


def test_late_joiner_is_given_a_class_by_the_repair(running: County, staff: User) -> None:
    late = factories.CadreFactory(sex="F", user=factories.UserFactory())
    Nomination.objects.create(batch=running.batch, cadre=late, state=Nomination.State.CONFIRMED)
    run = repair(running, staff)
    assert [(row["kind"], row["subject"], row["from"]) for row in moves(run)] == [("assignment", f"C{late.pk}", None)]
    carried_through(running, run, staff)
    joined = running.enrollment(late)
    assert (joined.state, joined.joined_on) == (Enrollment.State.ATTENDING, MARCH(day=10))
    assert joined.lodgings.filter(live=True, gathering__first_day__lt=MARCH(day=10)).count() == 0
    assert joined.lodgings.filter(live=True).count() >= 1
    assert Notice.objects.get(addressee=late.user).text.startswith("您编入第")


def test_late_joiner_by_hand_needs_no_moves(running: County, staff: User) -> None:
    late = factories.CadreFactory(sex="F")
    add_late(batch=running.batch, cadre=late, to=running.classes[0], from_day=MARCH(day=10), by=staff, reason="补派")
    run = repair(running, staff)
    assert moves(run) == []
    carried_through(running, run, staff)


def test_somebody_moved_by_pin_takes_the_fewest_along(running: County, staff: User) -> None:
    mover, mate = running.cadres[0], running.cadres[1]
    there = running.classes[1]
    run = repair(running, staff, changes=[{"kind": "pin_class", "cadre": f"C{mover.pk}", "class": f"K{there.pk}"}])
    subjects = {row["subject"] for row in moves(run, "assignment")}
    assert subjects == {f"C{mover.pk}", f"C{mate.pk}"}, "the mate of the same unit changes places (R02, R03)"
    carried_through(running, run, staff)


def test_mentor_hears_of_who_drops_out(running: County, staff: User) -> None:
    ill, mentor = running.cadres[0], factories.UserFactory(name="江启明")
    factories.MentorshipFactory(enrollment=running.enrollment(ill), user=mentor)
    enter_unavailability(cadre=ill, first_day=MARCH(day=1), last_day=MARCH(day=28), reason="住院", by=staff)
    run = repair(running, staff)
    publish(running, run, staff)
    text = Notice.objects.get(addressee=mentor).text
    assert re.fullmatch(rf"{ill.name}从 03-\d\d 起不再参加{running.batch}。", text)


def test_mentor_of_somebody_moved_is_not_asked_to_two_places(running: County, staff: User) -> None:
    mover, other = running.cadres[0], running.cadres[2]
    mentor = factories.UserFactory(name="江启明")
    for cadre in (mover, other):
        factories.MentorshipFactory(enrollment=running.enrollment(cadre), user=mentor)
    run = repair(running, staff, changes=[
        {"kind": "pin_class", "cadre": f"C{mover.pk}", "class": f"K{running.classes[1].pk}"}])  # fmt: skip
    publish(running, run, staff)
    assert Mentorship.objects.filter(enrollment__cadre=mover, until=None).exists(), "the classes gather in other weeks"
    Gathering.objects.filter(practice_class__number=1, index=2).update(
        first_day=MARCH(day=26), last_day=MARCH(day=28), index=9
    )
    back = Touched(moved={running.enrollment(mover).pk})
    _free_mentors(running.batch, standing_of(running.batch, MARCH(day=9)), back)
    assert Mentorship.objects.get(enrollment__cadre=mover).until == MARCH(day=9)
    assert Mentorship.objects.get(enrollment__cadre=other).until is None
    assert back.people[running.enrollment(mover).pk] == ["导师江启明要带别的班，另定导师"]
    assert tell(running.batch, back).others == {(mentor.pk, MENTOR)}
    assert Notice.objects.filter(addressee=mentor).latest("pk").text == (
        f"{mover.name}换了班，集中和您带的别的班同一天，{mover.name}另定导师。"
    )


def test_staff_who_are_asked_to_two_places_are_told_and_no_gathering_falls_out(running: County, staff: User) -> None:
    Gathering.objects.filter(practice_class__number=2, index=2).update(first_day=MARCH(day=19), last_day=MARCH(day=21))
    teacher = factories.UserFactory(name="江启明")
    for row in running.classes:
        factories.ClassStaffFactory(practice_class=row, user=teacher)
    running.batch.refresh_from_db()
    document = build_input(running.batch)
    assert [row["staff"] for row in document["batches"][0]["classes"]] == [[f"S{teacher.pk}"], []]
    told = dict(needs(running.batch))["带班人员撞期，请到班务换人"]
    assert told == ["江启明同时带第1班和第2班，有的集中在同一天（R19）"]


def test_somebody_moved_by_hand_stays_there(running: County, staff: User, colleague: User) -> None:
    mover = running.cadres[0]
    let_together(running, mover, staff, colleague)
    move_member(
        enrollment=running.enrollment(mover), to=running.classes[1], from_day=MARCH(day=10), by=staff, reason="换周次"
    )
    run = repair(running, staff, changes=[
        {"kind": "pin_class", "cadre": f"C{mover.pk}", "class": f"K{running.classes[1].pk}"}])  # fmt: skip
    assert f"C{mover.pk}" not in {row["subject"] for row in moves(run, "assignment")}
    carried_through(running, run, staff)


@pytest.mark.parametrize(("who", "to"), [(0, 2), (1, 1)])
def test_whom_somebody_moved_by_hand_no_later_version_moves_back_where_another_will_do(
    running: County, staff: User, colleague: User, who: int, to: int
) -> None:
    """The class is one too many then: either of the unit's two may go, and it is the one whom nobody moved by hand."""
    mover, mate = running.cadres[who], running.cadres[1 - who]
    let_together(running, mover, staff, colleague)
    there = running.classes[to - 1]
    move_member(enrollment=running.enrollment(mover), to=there, from_day=MARCH(day=15), by=staff, reason="换周次")
    run = repair(running, staff)
    assert run.document["previous"]["by_hand"] == [f"C{mover.pk}"]
    assert [row["subject"] for row in moves(run, "assignment")] == [f"C{mate.pk}"]
    publish(running, run, staff)
    held = running.enrollment(mover).memberships.get(live=True, practice_class=there)
    assert held.by_hand, "the next version still knows"
    assert not running.enrollment(mate).memberships.filter(live=True, by_hand=True).exists()


def test_whom_a_version_moves_from_where_somebody_put_them_is_told_as_that(
    running: County, staff: User, colleague: User
) -> None:
    mover, mate = running.cadres[:2]
    let_together(running, mover, staff, colleague)
    one, two = running.classes
    move_member(enrollment=running.enrollment(mover), to=two, from_day=MARCH(day=15), by=staff, reason="换周次")
    run = repair(running, staff, changes=[{"kind": "pin_class", "cadre": f"C{mate.pk}", "class": f"K{two.pk}"}])
    assert [row["subject"] for row in moves(run, "assignment")] == [f"C{mover.pk}"]
    line = f"{mover.name}（{mover.unit}）：第2班 改为 第1班（原来的班是人工定的）"
    assert line in [line for group in moves_in_words(run) for line in group.lines]
    version, _, _ = publish(running, run, staff)
    assert f"C{mover.pk}：K{two.pk} → K{one.pk}（到K{two.pk}是人工定的）" in version.differences
    assert any("第2班 → 第1班（到第2班是人工定的）" in line for line in differences_of(version))


def test_swap_that_somebody_asked_for_is_a_seat_given_by_hand(running: County, staff: User) -> None:
    one, other = running.cadres[:2]
    classes = running.classes
    run = repair(running, staff, changes=[
        {"kind": "pin_class", "cadre": f"C{one.pk}", "class": f"K{classes[1].pk}"},
        {"kind": "pin_class", "cadre": f"C{other.pk}", "class": f"K{classes[0].pk}"},
    ])  # fmt: skip
    publish(running, run, staff)
    given = ClassMembership.objects.filter(live=True, by_hand=True).values_list("enrollment__cadre", "practice_class")
    assert set(given) == {(one.pk, classes[1].pk), (other.pk, classes[0].pk)}


def test_who_was_asked_to_stay_where_they_sit_is_seated_by_hand_from_then_on(running: County, staff: User) -> None:
    stays, there = running.cadres[0], running.classes[0]
    run = repair(running, staff, changes=[{"kind": "pin_class", "cadre": f"C{stays.pk}", "class": f"K{there.pk}"}])
    assert moves(run) == []
    publish(running, run, staff)
    assert standing_of(running.batch, MARCH(day=9)).by_hand == {stays.pk}


def test_seat_given_by_hand_that_has_ended_counts_no_more(running: County) -> None:
    """Back in the same class by a version: it is the version that seats them now."""
    seat = running.enrollment(running.cadres[1]).memberships.get(live=True)
    until, ends = MARCH(day=5), seat.days.upper
    ClassMembership.objects.filter(pk=seat.pk).update(days=(seat.days.lower, until), by_hand=True)
    ClassMembership.objects.create(
        enrollment=seat.enrollment, practice_class=seat.practice_class, days=(until, ends)
    )  # fmt: skip
    assert standing_of(running.batch, MARCH(day=9)).by_hand == set()


def test_closed_base_moves_its_gatherings_alone(running: County, staff: User) -> None:
    close_place(
        base=running.bases[1], first_day=MARCH(day=15), last_day=MARCH(day=21), kind=Closure.Kind.WORKS, by=staff,
        reason="修路",
    )  # fmt: skip
    run = repair(running, staff)
    one = running.classes[0]
    assert [row["subject"] for row in moves(run)] == [f"K{one.pk}#2"]
    before = running.gathering(1, 2).pk
    carried_through(running, run, staff)
    moved = running.gathering(1, 2)
    assert moved.pk == before
    assert moved.sites.get(live=True).base == running.bases[2]
    assert moved.lodgings.filter(live=True).count() == 6


def test_suspended_household_changes_beds_alone(running: County, staff: User) -> None:
    gathering = running.gathering(1, 2)
    home = gathering.lodgings.filter(sex="F", live=True).first().household
    suspend_household(household=home, reason="翻修", by=staff)
    run = repair(running, staff)
    assert {row["kind"] for row in moves(run)} == {"bed"}
    first = running.batch.plan_versions.get()
    told = differences(first, run)
    assert len(told) == len(moves(run))
    version = carried_through(running, run, staff)
    assert not gathering.lodgings.filter(live=True, household=home).exists()
    assert version.differences == told
    line = differences_of(version)[0]
    assert line.startswith(f"{Cadre.objects.get(pk=pk_of(told[0].partition('，')[0]))}（")
    assert "第2次集中：" in line
    assert " 号床 → " in line
    assert "R" not in line


def test_closed_room_changes_beds_alone(running: County, staff: User) -> None:
    gathering = running.gathering(2, 1)
    room = gathering.lodgings.filter(sex="M", live=True).first().bed.room
    close_place(
        room=room,
        first_day=MARCH(day=12),
        last_day=MARCH(day=14),
        kind=Closure.Kind.OWN_WISH,
        by=staff,
        reason="办喜事",
    )
    run = repair(running, staff)
    assert {row["subject"].split(":")[1] for row in moves(run, "bed")} == {f"K{running.classes[1].pk}#1"}
    assert len(moves(run)) == len(moves(run, "bed"))
    carried_through(running, run, staff)


def test_typhoon_week_lets_its_gatherings_fall_out(running: County, staff: User) -> None:
    for base in running.bases:
        close_place(
            base=base,
            first_day=MARCH(day=15),
            last_day=MARCH(day=21),
            kind=Closure.Kind.WEATHER,
            by=staff,
            reason="台风",
        )
    run = repair(running, staff)
    one = running.classes[0]
    assert [(row["kind"], row["subject"], row["to"]) for row in moves(run)] == [
        ("gathering", f"K{one.pk}#2", "skipped")
    ]
    assert {row["rule"] for row in json.loads(run.plan_text)["shortfalls"]} >= {"R15"}
    carried_through(running, run, staff)
    assert not Gathering.objects.filter(practice_class=one, index=2).exclude(state="cancelled").exists()
    assert BaseUse.objects.filter(live=True).count() == 3


def test_one_more_class_takes_the_fewest_over(running: County, staff: User) -> None:
    late = [factories.CadreFactory(sex=sex) for sex in "MFMF"]
    Nomination.objects.bulk_create(
        Nomination(batch=running.batch, cadre=cadre, state=Nomination.State.CONFIRMED) for cadre in late
    )
    track = running.classes[0].track
    track.classes_per_batch = 3
    track.save()
    third = factories.ClassFactory(batch=running.batch, number=3, parity="odd", track=track)
    run = repair(running, staff)
    seats = {row["subject"]: row["to"].split("/")[1] for row in moves(run, "assignment")}
    assert list(seats.values()) == [f"K{third.pk}"] * 5, "four who come and one who moves"
    carried_through(running, run, staff)
    assert list(third.gatherings.values_list("index", flat=True)) == [2], "its first fortnight is over"


# What is refused


def test_repair_of_facts_that_changed_meanwhile_is_refused(running: County, staff: User) -> None:
    run = repair(running, staff)
    withdraw_enrollment(enrollment=running.enrollment(running.cadres[0]), on_day=MARCH(day=10), by=staff, reason="借调")
    with pytest.raises(DomainError) as refused:
        publish_plan(batch=running.batch, run=run, by=staff, reason="重排")
    assert refused.value.code == "not_publishable"


def test_repair_needs_a_reason(running: County, staff: User) -> None:
    run = repair(running, staff)
    with pytest.raises(DomainError) as refused:
        publish_plan(batch=running.batch, run=run, by=staff)
    assert refused.value.code == "reason_needed"
    assert PlanVersion.objects.count() == 1


def test_repair_solved_the_day_before_is_published(running: County, staff: User, clock: time_machine.Traveller) -> None:
    run = repair(running, staff)
    clock.move_to("2027-03-10 09:00+08:00")
    publish_plan(batch=running.batch, run=run, by=staff, reason="重排")
    assert PlanVersion.objects.count() == 2


def test_begun_gathering_blocks_a_repair_that_would_move_it(
    running: County, staff: User, clock: time_machine.Traveller
) -> None:
    close_place(
        base=running.bases[0], first_day=MARCH(day=12), last_day=MARCH(day=14), kind=Closure.Kind.WORKS, by=staff,
        reason="修路",
    )  # fmt: skip
    run = repair(running, staff)
    assert [row["kind"] for row in moves(run)] == ["gathering"]
    clock.move_to("2027-03-12 09:00+08:00")
    with pytest.raises(DomainError) as refused:
        publish_plan(batch=running.batch, run=run, by=staff, reason="重排")
    assert refused.value.code == "in_the_past"
    assert "第2班第1次集中在重排以后已经开始" in refused.value.message
    assert "再少变动重排一次" in refused.value.message
    assert (PlanVersion.objects.count(), broken()) == (1, [])
    publish(running, repair(running, staff), staff)
    assert running.gathering(2, 1).sites.get(live=True).base == running.bases[0], "it has begun where it was"


def test_begun_gathering_blocks_a_repair_that_would_change_beds_there(
    running: County, staff: User, clock: time_machine.Traveller
) -> None:
    gathering = running.gathering(2, 1)
    room = gathering.lodgings.filter(sex="M", live=True).first().bed.room
    close_place(
        room=room, first_day=MARCH(day=12), last_day=MARCH(day=14), kind=Closure.Kind.OWN_WISH, by=staff, reason="办喜事"
    )  # fmt: skip
    run = repair(running, staff)
    assert {row["kind"] for row in moves(run)} == {"bed"}
    clock.move_to("2027-03-12 09:00+08:00")
    before = set(gathering.lodgings.filter(live=True).values_list("enrollment", "bed"))
    with pytest.raises(DomainError) as refused:
        publish_plan(batch=running.batch, run=run, by=staff, reason="重排")
    assert refused.value.code == "in_the_past"
    assert "第2班第1次集中在重排以后已经开始" in refused.value.message
    assert PlanVersion.objects.count() == 1
    again = repair(running, staff)
    assert moves(again) == []
    publish_plan(batch=running.batch, run=again, by=staff, reason="重排")
    assert {row[:2] for row in broken()} == {"4c"}, "they sleep in a room that is closed, and nothing else is wrong"
    assert set(gathering.lodgings.filter(live=True).values_list("enrollment", "bed")) == before, "they sleep there"
