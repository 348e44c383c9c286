"""Presence, village days, nights and meals follow from facts."""

import datetime
from typing import Any

import pytest
from django.db import connection
from django.db.backends.postgresql.psycopg_any import DateRange
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from batches.actions.attendance import confirm_gathering, correct_presence
from batches.models import Absence, ClassMembership, Enrollment, Gathering, MakeUp, PracticeClass
from batches.presence import presence_of_gathering, presence_of_gatherings, village_days, visits_of
from tests.factories import (
    BaseFactory,
    BatchFactory,
    ClassFactory,
    EnrollmentFactory,
    GatheringFactory,
    MembershipFactory,
    UserFactory,
    whole_batch,
)

pytestmark = pytest.mark.django_db
D = datetime.date
AFTER = D(2026, 11, 21)
HELD, PLANNED, CANCELLED = Gathering.State.HELD, Gathering.State.PLANNED, Gathering.State.CANCELLED


def absent(gathering: Gathering, member: ClassMembership, first: D, last: D, **fields: Any) -> Absence:
    return Absence.objects.create(
        gathering=gathering, enrollment=member.enrollment, first_day=first, last_day=last, entered_by=UserFactory(), **fields
    )  # fmt: skip


def days_at(gathering: Gathering) -> dict[int, int]:
    return {row.enrollment.pk: row.days for row in presence_of_gathering(gathering)}


@pytest.fixture
def practice_class() -> PracticeClass:
    return ClassFactory()


@pytest.fixture
def member(practice_class: PracticeClass) -> ClassMembership:
    return MembershipFactory(practice_class=practice_class)


def held(practice_class: PracticeClass, **fields: Any) -> Gathering:
    return GatheringFactory(practice_class=practice_class, **{"state": HELD, **fields})


def test_member_without_absence_is_there_on_all_days(practice_class: PracticeClass, member: ClassMembership) -> None:
    MembershipFactory(practice_class=ClassFactory(batch=practice_class.batch))  # of another class
    (row,) = presence_of_gathering(held(practice_class))
    assert row.enrollment == member.enrollment
    assert row.dates == (D(2026, 9, 11), D(2026, 9, 12), D(2026, 9, 13))
    assert (row.days, row.nights, row.frozen, row.makeup) == (3, 2, False, False)
    assert (row.meals.breakfasts, row.meals.lunches, row.meals.dinners, row.meals.total) == (2, 3, 2, 7)


@pytest.mark.parametrize(
    ("first", "last", "dates", "nights"),
    [
        (D(2026, 9, 11), D(2026, 9, 11), (12, 13), 1),
        (D(2026, 9, 12), D(2026, 9, 12), (11, 13), 0),
        (D(2026, 9, 12), D(2026, 9, 13), (11,), 0),
        (D(2026, 9, 11), D(2026, 9, 13), (), 0),
    ],
)
def test_absence_takes_its_days_and_the_nights_beside_them(
    practice_class: PracticeClass, member: ClassMembership, first: D, last: D, dates: tuple[int, ...], nights: int
) -> None:
    gathering = held(practice_class)
    absent(gathering, member, first, last)
    (row,) = presence_of_gathering(gathering)
    assert (tuple(day.day for day in row.dates), row.days, row.nights) == (dates, len(dates), nights)
    assert len(row.expected) == 3


@pytest.mark.parametrize(
    ("fields", "days"),
    [
        ({"state": Absence.State.ENTERED}, 2),
        ({"state": Absence.State.APPROVED}, 2),
        ({"state": Absence.State.REFUSED}, 3),
        ({"state": Absence.State.VOID}, 3),
        ({"kind": Absence.Kind.LATE, "whole_days": False}, 3),
        ({"kind": Absence.Kind.UNEXCUSED}, 2),
    ],
)
def test_only_whole_day_absences_in_force_count(
    practice_class: PracticeClass, member: ClassMembership, fields: dict[str, Any], days: int
) -> None:
    gathering = held(practice_class)
    absent(gathering, member, D(2026, 9, 12), D(2026, 9, 12), **fields)
    assert days_at(gathering) == {member.enrollment.pk: days}


def test_late_joiner_counts_from_the_day_of_joining(practice_class: PracticeClass) -> None:
    late = MembershipFactory(practice_class=practice_class, days=DateRange(D(2026, 9, 12), D(2026, 11, 30)))
    dated = MembershipFactory(practice_class=practice_class)
    Enrollment.objects.filter(pk=dated.enrollment.pk).update(joined_on=D(2026, 9, 13))
    assert days_at(held(practice_class)) == {late.enrollment.pk: 2, dated.enrollment.pk: 1}


def test_withdrawn_member_counts_until_the_day_of_leaving(
    practice_class: PracticeClass, member: ClassMembership
) -> None:
    Enrollment.objects.filter(pk=member.enrollment.pk).update(
        state=Enrollment.State.WITHDRAWN, live=False, left_on=D(2026, 9, 13)
    )
    never = MembershipFactory(practice_class=practice_class)
    Enrollment.objects.filter(pk=never.enrollment.pk).update(state=Enrollment.State.REPLACED, live=False)
    assert days_at(held(practice_class)) == {member.enrollment.pk: 2}


def test_change_of_class_splits_days_between_both_classes(
    practice_class: PracticeClass, member: ClassMembership
) -> None:
    other = ClassFactory(batch=practice_class.batch, parity="even")
    first = held(practice_class)
    second = held(practice_class, index=2, first_day=D(2026, 9, 25), last_day=D(2026, 9, 27))
    theirs = held(other, first_day=D(2026, 9, 18), last_day=D(2026, 9, 20))
    later = held(other, index=2, first_day=D(2026, 10, 2), last_day=D(2026, 10, 4))
    member.days = DateRange(D(2026, 9, 7), D(2026, 9, 21))
    member.save()
    ClassMembership.objects.create(
        enrollment=member.enrollment, practice_class=other, days=DateRange(D(2026, 9, 21), D(2026, 11, 30))
    )
    visits = visits_of([member.enrollment])[member.enrollment.pk]
    assert [visit.gathering for visit in visits] == [first, later]
    assert days_at(second) == {}
    assert days_at(theirs) == {}
    assert village_days([member.enrollment], today=AFTER)[member.enrollment.pk].done == 6


def test_membership_put_in_by_mistake_never_counts(practice_class: PracticeClass, member: ClassMembership) -> None:
    member.live = False
    member.save()
    assert presence_of_gathering(held(practice_class)) == []


def test_cancelled_typhoon_gathering_counts_for_nobody(practice_class: PracticeClass, member: ClassMembership) -> None:
    held(practice_class)
    typhoon = held(practice_class, index=2, first_day=D(2026, 9, 25), last_day=D(2026, 9, 27))
    pk = member.enrollment.pk
    assert village_days([member.enrollment], today=AFTER)[pk].done == 6
    typhoon.state = CANCELLED
    typhoon.save()
    days = village_days([member.enrollment], today=AFTER)[pk]
    assert (days.done, days.coming, days.nights, len(days.villages_done)) == (3, 0, 2, 1)


@pytest.mark.parametrize(
    ("state", "today", "done", "coming", "nights"),
    [
        (PLANNED, D(2026, 9, 10), 0, 3, 0),
        (PLANNED, D(2026, 9, 13), 0, 3, 0),
        (PLANNED, D(2026, 9, 14), 0, 0, 0),  # ended, nobody has said that it was held
        (HELD, D(2026, 9, 11), 1, 2, 0),
        (HELD, D(2026, 9, 12), 2, 1, 1),
        (HELD, D(2026, 9, 13), 3, 0, 2),
        (CANCELLED, D(2026, 9, 10), 0, 0, 0),
    ],
)
def test_gathering_gives_days_done_or_to_come(
    practice_class: PracticeClass, member: ClassMembership, state: str, today: D, done: int, coming: int, nights: int
) -> None:
    held(practice_class, state=state)
    days = village_days([member.enrollment], today=today)[member.enrollment.pk]
    assert (days.done, days.coming, days.nights) == (done, coming, nights)


def test_villages_are_distinct_and_two_base_gatherings_count_both(
    practice_class: PracticeClass, member: ClassMembership
) -> None:
    one, two, three = BaseFactory(), BaseFactory(), BaseFactory()
    held(practice_class, base=one)
    both = held(practice_class, index=2, first_day=D(2026, 9, 25), last_day=D(2026, 9, 27), base=one)
    both.sites.create(base=two, order=2, people=10)
    both.sites.create(base=BaseFactory(), order=3, people=10, live=False)
    GatheringFactory(
        practice_class=practice_class, index=3, first_day=D(2026, 12, 4), last_day=D(2026, 12, 6), base=two
    )
    GatheringFactory(
        practice_class=practice_class, index=4, first_day=D(2026, 11, 22), last_day=D(2026, 11, 24), base=three
    )
    days = village_days([member.enrollment], today=AFTER)[member.enrollment.pk]
    assert days.villages_done == [one.village, two.village]
    assert days.villages_coming == [three.village]


def test_village_of_a_gathering_missed_throughout_does_not_count(
    practice_class: PracticeClass, member: ClassMembership
) -> None:
    gathering = held(practice_class)
    absent(gathering, member, D(2026, 9, 11), D(2026, 9, 13))
    assert village_days([member.enrollment], today=AFTER)[member.enrollment.pk].villages_done == []


def test_makeup_counts_at_the_other_class_and_stops_when_taken_back(
    practice_class: PracticeClass, member: ClassMembership
) -> None:
    other = ClassFactory(batch=practice_class.batch, parity="even")
    gathering = held(other, first_day=D(2026, 9, 18), last_day=D(2026, 9, 20))
    makeup = MakeUp.objects.create(
        enrollment=member.enrollment, gathering=gathering, reason="补第1次集中", entered_by=UserFactory()
    )
    (row,) = presence_of_gathering(gathering)
    assert (row.enrollment, row.days, row.makeup) == (member.enrollment, 3, True)
    assert village_days([member.enrollment], today=AFTER)[member.enrollment.pk].done == 3
    absent(gathering, member, D(2026, 9, 20), D(2026, 9, 20))
    assert village_days([member.enrollment], today=AFTER)[member.enrollment.pk].done == 2
    makeup.live = False
    makeup.save()
    assert village_days([member.enrollment], today=AFTER)[member.enrollment.pk].done == 0


def test_confirmed_gathering_reads_what_was_frozen_and_its_corrections(
    practice_class: PracticeClass, member: ClassMembership, staff: User
) -> None:
    gathering = held(practice_class)
    other = MembershipFactory(practice_class=practice_class)
    absent(gathering, other, D(2026, 9, 11), D(2026, 9, 13))
    confirm_gathering(by=staff, gathering=gathering)
    gathering.refresh_from_db()
    absent(gathering, member, D(2026, 9, 11), D(2026, 9, 13))  # facts that come too late change nothing
    MembershipFactory(practice_class=practice_class)
    assert days_at(gathering) == {member.enrollment.pk: 3, other.enrollment.pk: 0}
    correct_presence(by=staff, gathering=gathering, enrollment=member.enrollment, days=1, nights=0, reason="签到表为准")
    correct_presence(by=staff, gathering=gathering, enrollment=member.enrollment, days=2, nights=1, reason="再核对")
    assert days_at(gathering) == {member.enrollment.pk: 2, other.enrollment.pk: 0}
    days = village_days([member.enrollment], today=AFTER)[member.enrollment.pk]
    assert (days.done, days.nights, days.meals.total) == (2, 1, 4)


def test_frozen_days_stay_with_somebody_moved_out_of_the_class_afterwards(
    practice_class: PracticeClass, member: ClassMembership, staff: User
) -> None:
    gathering = held(practice_class)
    confirm_gathering(by=staff, gathering=gathering)
    member.live = False
    member.save()
    assert village_days([member.enrollment], today=AFTER)[member.enrollment.pk].done == 3


def test_enrollment_without_class_has_no_days() -> None:
    enrollment = EnrollmentFactory()
    days = village_days([enrollment], today=AFTER)[enrollment.pk]
    assert (days.done, days.coming, days.nights) == (0, 0, 0)
    assert village_days([], today=AFTER) == {}
    assert presence_of_gatherings([]) == {}


def test_queries_are_the_same_for_one_and_for_thirty() -> None:
    batch = BatchFactory()
    classes = [ClassFactory(batch=batch) for _ in range(3)]
    members = [MembershipFactory(practice_class=classes[n % 3], days=whole_batch(batch)) for n in range(30)]
    for index in range(1, 4):
        for practice_class in classes:
            first = D(2026, 9, 11) + datetime.timedelta(days=14 * (index - 1))
            gathering = held(practice_class, index=index, first_day=first, last_day=first + datetime.timedelta(days=2))
            absent(gathering, members[0], first, first)
    everybody = list(Enrollment.objects.order_by("pk"))
    counts = []
    for people in (everybody[:1], everybody):
        with CaptureQueriesContext(
            connection,
        ) as queries:
            days = village_days(people, today=AFTER)
        counts.append(len(queries))
    assert counts[0] == counts[1] <= 6
    assert sum(row.done for row in days.values()) == 30 * 9 - 3
    gatherings = list(Gathering.objects.order_by("pk"))
    for some in (gatherings[:1], gatherings):
        with CaptureQueriesContext(connection) as queries:
            presence_of_gatherings(some)
        assert len(queries) == 4
