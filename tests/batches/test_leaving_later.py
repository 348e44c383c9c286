"""Somebody leaves a class from a day to come, or changes it: until that day everything stays, and every page knows it."""

import datetime
import json
from collections.abc import Callable
from typing import Any

import pytest
import time_machine
from django.db.backends.postgresql.psycopg_any import DateRange
from django.db.models import Q
from django.test import Client
from django.utils import timezone

from accounts import audit
from accounts.models import User
from bases.actions import close_place
from bases.models import Closure
from batches.actions import guests
from batches.actions.beds import give_up_bed
from batches.actions.notices import Wanted
from batches.actions.people import add_late, move_member, withdraw_enrollment
from batches.actions.plans import publish_plan
from batches.actions.reprojection import reproject
from batches.actions.staff import assign_office
from batches.arrangement import current
from batches.differences import differences, differences_in_words
from batches.facts import beds_missing, facts_of
from batches.foretold import needs
from batches.heads import members_of
from batches.models import ClassOffice, Enrollment, Gathering, GatheringSite, Lodging, Nomination
from batches.planning.formats import canonical
from batches.queries import attending, coverage, enrolled, members_on, numbered_beds
from batches.roll import sitting
from batches.standing import spans_of, standing_of
from config.errors import DomainError
from office.models import Notice
from tests import factories
from tests.batches.county import County
from tests.batches.test_people import let_together
from tests.batches.test_repair import MARCH, broken, moves, publish, repair, running
from tests.batches.test_repair_guests import _with

__all__ = ["running"]
"""The fixture of a batch under way: class 2 gathers on 03-12 and 03-26, class 1 on 03-19 for its second time."""
pytestmark = pytest.mark.django_db


def leave(county: County, staff: User, day: datetime.date, number: int = 2) -> Enrollment:
    """The first member of a class gives notice; answers with the enrollment."""
    enrollment: Enrollment = members_on(county.classes[number - 1], MARCH(day=9)).first().enrollment
    withdraw_enrollment(enrollment=enrollment, on_day=day, by=staff, reason="调走")
    return enrollment


def lodged(enrollment: Enrollment) -> list[tuple[int, int]]:
    """Gatherings (index) and beds of somebody, those to come."""
    rows = Lodging.objects.filter(enrollment=enrollment, live=True, gathering__state=Gathering.State.PLANNED)
    return list(rows.order_by("gathering__first_day").values_list("gathering__index", "bed"))


def test_before_the_day_of_leaving_nothing_asks_for_a_repair(running: County, staff: User) -> None:
    leave(running, staff, MARCH(day=20))
    running.batch.refresh_from_db()
    assert not [line for _, lines in needs(running.batch) for line in lines if "第2班第1次集中" in line]


def test_repair_keeps_the_beds_before_the_day_of_leaving(running: County, staff: User) -> None:
    enrollment = leave(running, staff, MARCH(day=20))
    before = lodged(enrollment)
    assert [index for index, _ in before] == [1]
    first = running.gathering(2, 1)
    publish(running, repair(running, staff), staff)
    assert lodged(enrollment) == before
    assert GatheringSite.objects.get(gathering=first, live=True).people == 6
    assert GatheringSite.objects.get(gathering=running.gathering(2, 2), live=True).people == 5
    assert first.lodgings.filter(live=True).count() == 6
    assert broken() == []


def test_replacement_named_at_once_finds_a_bed_beside_who_will_leave(running: County, staff: User) -> None:
    enrollment = leave(running, staff, MARCH(day=20))
    late = factories.CadreFactory(sex=enrollment.cadre.sex)
    Nomination.objects.create(batch=running.batch, cadre=late, state=Nomination.State.CONFIRMED)
    publish(running, repair(running, staff), staff)
    joined = running.enrollment(late).memberships.get(live=True).practice_class.number
    assert joined == 2
    assert [index for index, _ in lodged(enrollment)] == [1]
    assert len(lodged(running.enrollment(late))) == 2
    assert GatheringSite.objects.get(gathering=running.gathering(2, 1), live=True).people == 7
    assert beds_missing(Q(practice_class__batch=running.batch)) == []


def test_gathering_moved_to_another_base_takes_along_who_will_leave(running: County, staff: User) -> None:
    enrollment = leave(running, staff, MARCH(day=20))
    close_place(
        base=running.bases[0], first_day=MARCH(day=10), last_day=MARCH(day=15), kind=Closure.Kind.WORKS, by=staff,
        reason="修路",
    )  # fmt: skip
    publish(running, repair(running, staff), staff)
    lodging = Lodging.objects.get(enrollment=enrollment, live=True, gathering=running.gathering(2, 1))
    site = GatheringSite.objects.get(gathering=running.gathering(2, 1), live=True)
    assert (lodging.bed.room.household.base, site.people) == (site.base, 6)
    assert site.base != running.bases[0]


def test_who_will_leave_is_told_once_that_the_bed_is_lost(
    running: County, staff: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The bed goes with its household; the next version changes nothing there, and a bed that is found later is told again."""
    enrollment = leave(running, staff, MARCH(day=20))
    enrollment.cadre.user = factories.UserFactory()
    enrollment.cadre.save()
    [lodging] = _beds(enrollment)
    close_place(
        room=lodging.bed.room, first_day=MARCH(day=10), last_day=MARCH(day=20), kind=Closure.Kind.WORKS, by=staff,
        reason="修屋顶",
    )  # fmt: skip
    with monkeypatch.context() as full:
        full.setattr(guests, "keep_bed", _no_bed)
        for _ in range(2):
            running.batch.refresh_from_db()
            publish_plan(batch=running.batch, run=repair(running, staff), by=staff, reason="重排")
            assert _beds(enrollment) == []
            assert told_of_beds(enrollment) == ["03-12 集中暂时没有床位。"]
        close_place(
            base=running.bases[0], first_day=MARCH(day=10), last_day=MARCH(day=15), kind=Closure.Kind.WORKS, by=staff,
            reason="修路",
        )  # fmt: skip
        publish_plan(batch=running.batch, run=repair(running, staff), by=staff, reason="重排")
        assert told_of_beds(enrollment)[1].endswith("；03-12 集中暂时没有床位。"), "the gathering has moved"
    publish_plan(batch=running.batch, run=repair(running, staff), by=staff, reason="重排")
    assert told_of_beds(enrollment)[2:] == ["03-12 集中有床位了。"]
    assert [row.gathering.index for row in _beds(enrollment)] == [1]


def _no_bed(gathering: Gathering, enrollment: Enrollment, by: User, **_: Any) -> None:
    give_up_bed(gathering, enrollment, by)


def told_of_beds(enrollment: Enrollment) -> list[str]:
    rows = Notice.objects.filter(addressee=enrollment.cadre.user, text__contains="床位").order_by("pk")
    return list(rows.values_list("text", flat=True))


@pytest.mark.parametrize(("old", "new", "day", "sleeps"), [(2, 1, 15, [(2, 1), (1, 2)]), (1, 2, 20, [(1, 2), (2, 2)])])
def test_who_moves_later_sleeps_with_the_old_class_until_then_and_not_with_the_new_one(
    running: County, staff: User, colleague: User, old: int, new: int, day: int, sleeps: list[tuple[int, int]]
) -> None:
    """Class 2 gathers on 03-12 and 03-26, class 1 on 03-19: each version keeps class and fortnight of every bed."""
    enrollment = members_on(running.classes[old - 1], MARCH(day=9))[0].enrollment
    let_together(running, enrollment.cadre, staff, colleague)
    before, there = lodged(enrollment), running.classes[new - 1]
    move_member(enrollment=enrollment, to=there, from_day=MARCH(day=day), by=staff, reason="调班")
    assert [(row.gathering.practice_class.number, row.gathering.index) for row in _beds(enrollment)] == sleeps
    pin = {"kind": "pin_class", "cadre": f"C{enrollment.cadre_id}", "class": f"K{there.pk}"}
    for _ in range(2):
        publish_plan(batch=running.batch, run=repair(running, staff, changes=[pin]), by=staff, reason="重排")
        assert broken() == []
        assert lodged(enrollment)[0] == before[0]
        assert [(row.gathering.practice_class.number, row.gathering.index) for row in _beds(enrollment)] == sleeps
        for site in GatheringSite.objects.filter(gathering__practice_class=there, live=True).exclude(
            gathering__state=Gathering.State.HELD
        ):
            assert site.people == site.gathering.lodgings.filter(live=True).count()


def _beds(enrollment: Enrollment) -> list[Lodging]:
    rows = Lodging.objects.filter(enrollment=enrollment, live=True, gathering__state=Gathering.State.PLANNED)
    return list(rows.select_related("gathering__practice_class").order_by("gathering__first_day"))


def test_every_page_counts_who_will_leave_until_the_day(
    running: County, staff: User, desk: Client, signed_in: Callable[[User], Client], clock: time_machine.Traveller
) -> None:
    member = members_on(running.classes[1], MARCH(day=9))[0].enrollment.cadre
    member.user = factories.UserFactory()
    member.save()
    enrollment = leave(running, staff, MARCH(day=20))
    batch = running.batch
    for day, people, there in ((9, 12, True), (19, 12, True), (20, 11, False)):
        clock.move_to(datetime.datetime(2027, 3, day, 9, tzinfo=timezone.get_current_timezone()))
        shown = current(batch)
        assert facts_of([batch])[batch.pk].people == people
        assert sum(len(rows) for rows in shown.members.values()) == sitting(batch).count() == people
        assert attending(batch).count() == people
        assert coverage(60)["in_training"].filter(pk=member.pk).exists() is there
        assert ("还没有编班" in signed_in(member.user).get("/activities/me/").content.decode()) is not there
    assert enrolled(batch).filter(pk=enrollment.pk).count() == 0
    assert broken() == []


def test_who_would_have_left_comes_back_before_that(running: County, staff: User) -> None:
    before = lodged(members_on(running.classes[1], MARCH(day=9))[0].enrollment)
    enrollment = leave(running, staff, MARCH(day=20))
    add_late(
        batch=running.batch, cadre=enrollment.cadre, to=running.classes[1], from_day=MARCH(day=10), by=staff, reason="不走了"
    )  # fmt: skip
    assert running.enrollment(enrollment.cadre).left_on is None
    assert [index for index, _ in lodged(enrollment)] == [index for index, _ in before] == [1, 2]
    assert sitting(running.batch).filter(enrollment=enrollment).count() == 1
    assert broken() == []


def test_office_ends_with_whichever_day_of_leaving_is_earlier(running: County, staff: User, colleague: User) -> None:
    """Its end was set by a move from 03-20; then she leaves on 03-12, before that."""
    seat = members_on(running.classes[1], MARCH(day=9))[0]
    let_together(running, seat.enrollment.cadre, staff, colleague)
    office = assign_office(membership=seat, kind=ClassOffice.Kind.MONITOR, by=staff)
    move_member(enrollment=seat.enrollment, to=running.classes[0], from_day=MARCH(day=20), by=staff, reason="调班")
    office.refresh_from_db()
    assert office.until == MARCH(day=19)
    enrollment = Enrollment.objects.get(pk=seat.enrollment_id)
    withdraw_enrollment(enrollment=enrollment, on_day=MARCH(day=12), by=staff, reason="调走")
    office.refresh_from_db()
    assert office.until == MARCH(day=11)


@pytest.mark.parametrize(("comes_to", "last_day"), [(1, 19), (0, 9)])
def test_office_of_who_comes_back_before_leaving_is_of_that_class(
    running: County, staff: User, colleague: User, comes_to: int, last_day: int
) -> None:
    """She was to leave on 03-20 and comes back on 03-10: into her class, or into another one."""
    seat = members_on(running.classes[1], MARCH(day=9))[0]
    let_together(running, seat.enrollment.cadre, staff, colleague)
    office = assign_office(membership=seat, kind=ClassOffice.Kind.MONITOR, by=staff)
    withdraw_enrollment(enrollment=seat.enrollment, on_day=MARCH(day=20), by=staff, reason="调走")
    to = running.classes[comes_to]
    add_late(batch=running.batch, cadre=seat.enrollment.cadre, to=to, from_day=MARCH(day=10), by=staff, reason="不走了")
    office.refresh_from_db()
    assert office.until == MARCH(day=last_day)


def test_bed_that_is_given_away_before_the_day_of_leaving_is_among_the_differences(
    running: County, staff: User
) -> None:
    enrollment = leave(running, staff, MARCH(day=20))
    bed = Lodging.objects.get(enrollment=enrollment, live=True, gathering=running.gathering(2, 1)).bed
    run, version = repair(running, staff), running.batch.plan_versions.get()
    told = f"C{enrollment.cadre_id}，K{running.classes[1].pk}#1：R{bed.room_id} 1 号床 → 给了别人，另找一张"
    assert told not in differences(version, run)
    plan = run.plan
    row = next(row for row in plan["lodging"] if (row["class"], row["index"]) == (f"K{running.classes[1].pk}", 1))
    row.update(room=f"R{bed.room_id}", bed=1)
    run.plan_text = canonical(plan).decode()
    run.save()
    assert bed == numbered_beds()[bed.room_id, 1]
    assert told in differences(version, run)
    assert any(line.endswith("1 号床 → 给了别人，另找一张") for line in differences_in_words([told]))


def test_who_leaves_and_comes_back_on_the_same_day_never_left(running: County, staff: User) -> None:
    """As the page advises to undo a leaving: two memberships of one class, with no day between."""
    leaves, day = running.enrollment(running.cadres[1]), MARCH(day=20)
    withdraw_enrollment(enrollment=leaves, on_day=day, by=staff, reason="调走")
    add_late(batch=running.batch, cadre=leaves.cadre, to=running.classes[1], from_day=day, by=staff, reason="不走了")
    running.batch.refresh_from_db()
    assert needs(running.batch) == []
    run = repair(running, staff)
    assert moves(run) == []
    _, changed, _ = publish(running, run, staff)
    assert set().union(*changed.values()) == set()


def test_who_will_leave_is_neither_moved_nor_withdrawn_again(running: County, staff: User) -> None:
    enrollment = leave(running, staff, MARCH(day=20))
    with pytest.raises(DomainError, match="已登记从 03-20 起退出"):
        withdraw_enrollment(enrollment=enrollment, on_day=MARCH(day=22), by=staff, reason="再退")
    with pytest.raises(DomainError, match="不在任何班里"):
        move_member(enrollment=enrollment, to=running.classes[0], from_day=MARCH(day=10), by=staff, reason="调班")


def test_bed_of_who_moves_later_by_a_version_waits_for_the_members(
    running: County, staff: User, colleague: User
) -> None:
    """She was a member when the standing was read, and still belongs to the gathering after the seats are written."""
    standing = standing_of(running.batch, MARCH(day=9))
    enrollment = members_on(running.classes[1], MARCH(day=9))[0].enrollment
    [bed, _] = _beds(enrollment)
    let_together(running, enrollment.cadre, staff, colleague)
    move_member(enrollment=enrollment, to=running.classes[0], from_day=MARCH(day=15), by=staff, reason="调班")
    standing.spans = spans_of(running.batch, standing.since)
    place = (running.classes[1].pk, 1)
    want = Wanted(MARCH(day=12), MARCH(day=14), {running.bases[0].pk: 5}, {})
    found = guests.unsettled_beds(standing, {place: want}, {place})
    assert [row.pk for row in found.values()] == [bed.pk]


def test_who_keeps_the_bed_until_leaving_hears_nothing_of_it(running: County, staff: User) -> None:
    """Others get other beds at the gathering; no row is written of who will leave."""
    enrollment = leave(running, staff, MARCH(day=20))
    enrollment.cadre.user = factories.UserFactory()
    enrollment.cadre.save()
    before, [hers] = lodged(enrollment), _beds(enrollment)
    others = running.gathering(2, 1).lodgings.filter(live=True).exclude(household=hers.household)
    household = others.order_by("pk")[0].household
    close_place(
        household=household, first_day=MARCH(day=10), last_day=MARCH(day=15), kind=Closure.Kind.WORKS, by=staff,
        reason="修屋顶",
    )  # fmt: skip
    _, changed, _ = publish(running, repair(running, staff), staff)
    assert changed["Lodging"], "others were lodged anew"
    assert hers.pk not in changed["Lodging"]
    assert not household.lodgings.filter(live=True, gathering=running.gathering(2, 1)).exists()
    assert lodged(enrollment) == before
    assert told_of_beds(enrollment) == []


def test_who_has_left_by_the_new_days_of_a_gathering_gives_up_the_bed(running: County, staff: User) -> None:
    """She leaves on 03-13, and the plan puts the gathering of 03-12 off to that day: no bed, and nobody expects her."""
    enrollment = leave(running, staff, MARCH(day=13))
    assert [index for index, _ in lodged(enrollment)] == [1]
    days = {"first_day": "2027-03-13", "last_day": "2027-03-15"}
    republish(running, staff, lambda text: _with(text, f"K{running.classes[1].pk}", 1, days))
    gathering = running.gathering(2, 1)
    assert (gathering.first_day, lodged(enrollment)) == (MARCH(day=13), [])
    assert GatheringSite.objects.get(gathering=gathering, live=True).people == 5
    nights = set(gathering.lodgings.filter(live=True).values_list("stay", flat=True))
    assert nights == {DateRange(gathering.first_day, gathering.last_day)}, "the same beds on other nights"
    assert gathering.lodgings.filter(live=True).count() == 5


def test_who_is_left_out_before_a_move_to_come_gives_up_the_bed_with_the_old_class(
    running: County, staff: User, colleague: User
) -> None:
    """She was to move to class 1 on 03-20; a version without her ends both seats before class 2 gathers on 03-12."""
    enrollment = members_on(running.classes[1], MARCH(day=9))[0].enrollment
    let_together(running, enrollment.cadre, staff, colleague)
    move_member(enrollment=enrollment, to=running.classes[0], from_day=MARCH(day=20), by=staff, reason="调班")
    assert [row.gathering.practice_class.number for row in _beds(enrollment)] == [2]
    republish(running, staff, lambda text: _without(text, enrollment.cadre_id))
    gathering = running.gathering(2, 1)
    assert _beds(enrollment) == []
    there = GatheringSite.objects.get(gathering=gathering, live=True).people
    assert there == gathering.lodgings.filter(live=True).count() == len(members_of([gathering])[gathering.pk])
    assert broken() == []


def republish(county: County, staff: User, change: Callable[[str], str]) -> None:
    """Rows by a repair whose plan is changed by hand, as the planner could have found it."""
    run = repair(county, staff)
    run.plan_text = change(run.plan_text)
    run.save()
    with audit.act("publish_plan", by=staff, subject=county.batch, version=2):
        reproject(batch=county.batch, run=run, by=staff, reason="重排", today=MARCH(day=9))


def _without(text: str, cadre: int) -> str:
    """A plan in which somebody has no seat and no bed."""
    plan = json.loads(text)
    for name in ("assignments", "lodging"):
        plan[name] = [row for row in plan[name] if row["cadre"] != f"C{cadre}"]
    return json.dumps(plan)
