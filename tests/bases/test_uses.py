"""Taking up a base: capacity by day, beds by night, closures, and what is refused."""

import datetime

import pytest
from django.db.backends.postgresql.psycopg_any import DateRange

from accounts.models import AuditEntry, User
from bases import actions, invariants, queries
from bases.models import BaseUse, Closure, HostHousehold, PracticeBase
from config.errors import DomainError
from tests.factories import BaseFactory, HouseholdFactory

pytestmark = pytest.mark.django_db
FRIDAY = datetime.date(2026, 12, 4)
SATURDAY, SUNDAY, MONDAY = (FRIDAY + datetime.timedelta(days=n) for n in (1, 2, 3))


@pytest.fixture
def base() -> PracticeBase:
    """Room for 20 people, 10 usable beds in two households."""
    base = BaseFactory(declared_capacity=20)
    HouseholdFactory(base=base, beds=6)
    HouseholdFactory(base=base, beds=4)
    return base


def reserve(base: PracticeBase, people: int, **changes: object) -> BaseUse:
    asked = {
        "base": base, "first_day": FRIDAY, "last_day": SUNDAY, "people": people, "kind": BaseUse.Kind.GATHERING,
        "source": "第1班第1次集中", "by": None,
    } | changes  # fmt: skip
    return actions.reserve_base(**asked)


def refused(base: PracticeBase, people: int, **changes: object) -> str:
    before = BaseUse.objects.count()
    with pytest.raises(DomainError) as raised:
        reserve(base, people, **changes)
    assert BaseUse.objects.count() == before
    return raised.value.code


def test_reservation_takes_the_days_with_the_last_included(base: PracticeBase, staff: User) -> None:
    use = reserve(base, 8, by=staff)
    use.refresh_from_db()
    assert (use.days, use.people, use.live) == (DateRange(FRIDAY, MONDAY), 8, True)
    entry = AuditEntry.objects.get(act="reserve_base")
    assert (entry.actor_id, entry.subject_id) == (staff.pk, str(use.pk))


def test_beds_less_spare_bound_the_nights(base: PracticeBase) -> None:
    assert refused(base, 10, spare_beds=1) == "beds_short"
    reserve(base, 9, spare_beds=1)
    assert refused(base, 1, spare_beds=1) == "beds_short"
    reserve(base, 1, spare_beds=0)


def test_two_uses_add_up_on_the_days_they_share_alone(base: PracticeBase) -> None:
    reserve(base, 6)
    assert refused(base, 5, first_day=SATURDAY, last_day=MONDAY) == "beds_short"
    reserve(base, 5, first_day=SUNDAY, last_day=MONDAY)


def test_outside_guests_take_capacity_and_no_beds(base: PracticeBase) -> None:
    reserve(base, 10)
    reserve(base, 10, kind=BaseUse.Kind.OUTSIDE)
    assert refused(base, 1, kind=BaseUse.Kind.OUTSIDE) == "base_full"
    assert invariants.too_many_people() == invariants.too_few_beds() == []


def test_one_day_without_a_night_needs_no_bed(base: PracticeBase) -> None:
    reserve(base, 20, last_day=FRIDAY)


def test_people_beyond_capacity_on_one_shared_day_are_refused(base: PracticeBase) -> None:
    reserve(base, 18, first_day=SUNDAY, last_day=SUNDAY)
    assert refused(base, 3) == "base_full"
    reserve(base, 2)


def test_closed_base_is_refused_on_its_last_day_too(base: PracticeBase) -> None:
    actions.close_place(base=base, first_day=SUNDAY, last_day=MONDAY, kind=Closure.Kind.HARVEST, reason="收稻", by=None)
    assert refused(base, 2) == "base_closed"
    reserve(base, 2, last_day=SATURDAY)


def test_other_bases_closure_does_not_matter(base: PracticeBase) -> None:
    actions.close_place(base=BaseFactory(), first_day=FRIDAY, last_day=MONDAY, kind=Closure.Kind.WORKS, by=None)
    reserve(base, 2)


def test_household_closed_on_the_day_after_has_no_bed_in_the_night(base: PracticeBase) -> None:
    household = base.households.order_by("pk").first()
    actions.close_place(household=household, first_day=SUNDAY, last_day=SUNDAY, kind=Closure.Kind.OWN_WISH, by=None)
    assert queries.beds_by_night(base, FRIDAY, MONDAY) == {FRIDAY: 10, SATURDAY: 4, SUNDAY: 4, MONDAY: 10}
    assert refused(base, 5) == "beds_short"
    reserve(base, 5, last_day=SATURDAY)


def test_beds_that_do_not_count(base: PracticeBase) -> None:
    """A closed room, a suspended household, a bed out of use, a household still on notice."""
    first, second = base.households.order_by("pk")
    room = second.rooms.get()
    actions.close_place(room=room, first_day=FRIDAY, last_day=FRIDAY, kind=Closure.Kind.WORKS, by=None)
    assert queries.usable_beds(base, FRIDAY) == 6
    assert queries.usable_beds(base, SATURDAY) == 10
    first.rooms.get().beds.filter(number__gt=4).update(active=False)
    HouseholdFactory(base=base, beds=3, state=HostHousehold.State.NOTICE, admitted_on=None)
    assert queries.usable_beds(base, SATURDAY) == 8
    actions.suspend_household(household=first, reason="家里有事", by=None)
    assert queries.usable_beds(base, SATURDAY) == 4


def test_nonsense_is_refused(base: PracticeBase) -> None:
    assert refused(base, 0) == "no_people"
    assert refused(base, 2, last_day=FRIDAY - queries.DAY) == "days_backwards"
    base.state = PracticeBase.State.RETIRED
    base.save()
    assert refused(base, 2) == "base_retired"


def test_released_room_can_be_taken_again_once(base: PracticeBase, staff: User) -> None:
    use = reserve(base, 10)
    actions.release_base(use=use, by=staff)
    use.refresh_from_db()
    assert not use.live
    reserve(base, 10)
    with pytest.raises(DomainError) as raised:
        actions.release_base(use=use, by=staff)
    assert raised.value.code == "use_released"


def test_change_leaves_its_own_people_out_of_the_sum(base: PracticeBase) -> None:
    use = reserve(base, 9)
    changed = actions.change_reservation(use=use, first_day=SATURDAY, last_day=MONDAY, people=10, by=None)
    assert (changed.pk, changed.people, changed.days) == (use.pk, 10, DateRange(SATURDAY, MONDAY + queries.DAY))
    with pytest.raises(DomainError) as raised:
        actions.change_reservation(use=use, first_day=SATURDAY, last_day=MONDAY, people=11, by=None)
    assert raised.value.code == "beds_short"
    use.refresh_from_db()
    assert use.people == 10


def test_change_moves_to_another_base_with_room(base: PracticeBase) -> None:
    use, full = reserve(base, 9), BaseFactory(declared_capacity=30)
    with pytest.raises(DomainError) as raised:
        actions.change_reservation(use=use, base=full, first_day=FRIDAY, last_day=SUNDAY, people=9, by=None)
    assert raised.value.code == "beds_short"
    HouseholdFactory(base=full, beds=9)
    actions.change_reservation(use=use, base=full, first_day=FRIDAY, last_day=SUNDAY, people=9, by=None)
    assert queries.people_by_day(base, FRIDAY, FRIDAY)[FRIDAY].total == 0
    assert queries.people_by_day(full, FRIDAY, FRIDAY)[FRIDAY].total == 9


def test_outside_use_names_who_comes_and_is_cancelled_with_a_reason(base: PracticeBase, staff: User) -> None:
    with pytest.raises(DomainError) as raised:
        actions.enter_outside_use(base=base, first_day=FRIDAY, last_day=FRIDAY, people=5, source=" ", by=staff)
    assert raised.value.code == "source_missing"
    use = actions.enter_outside_use(
        base=base, first_day=FRIDAY, last_day=FRIDAY, people=5, source="县税务局 主题党日", by=staff
    )
    with pytest.raises(DomainError) as raised:
        actions.cancel_outside_use(use=use, reason="", by=staff)
    assert raised.value.code == "reason_missing"
    actions.cancel_outside_use(use=use, reason="对方改期", by=staff)
    assert not BaseUse.objects.get(pk=use.pk).live


def test_gathering_is_not_cancelled_as_an_outside_use(base: PracticeBase, staff: User) -> None:
    use = reserve(base, 5)
    with pytest.raises(DomainError) as raised:
        actions.cancel_outside_use(use=use, reason="改期", by=staff)
    assert raised.value.code == "not_outside"
    assert BaseUse.objects.get(pk=use.pk).live


def test_meals_follow_from_who_is_there_before_and_after(base: PracticeBase) -> None:
    reserve(base, 6)
    reserve(base, 3, first_day=SATURDAY, last_day=SATURDAY, kind=BaseUse.Kind.OUTSIDE)
    told = {
        day: (each.breakfast, each.total, each.dinner, each.sleeping)
        for day, each in queries.people_by_day(base, FRIDAY, MONDAY).items()
    }
    assert told == {FRIDAY: (0, 6, 6, 6), SATURDAY: (6, 9, 6, 6), SUNDAY: (6, 6, 0, 0), MONDAY: (0, 0, 0, 0)}


def test_load_is_person_days_a_bed_with_those_before_the_system(base: PracticeBase) -> None:
    base.history_person_days = 22
    base.save()
    reserve(base, 6)
    reserve(base, 5, kind=BaseUse.Kind.OUTSIDE)
    load = queries.base_load(PracticeBase.objects.filter(pk=base.pk))[0]
    assert (load.beds, load.person_days, load.outside_person_days, str(load.per_bed)) == (10, 40, 15, "4.00")
    part = queries.base_load(PracticeBase.objects.filter(pk=base.pk), SATURDAY, SUNDAY)[0]
    assert (part.gathering_person_days, part.outside_person_days) == (12, 10)


@pytest.mark.parametrize("what", ["people", "beds", "closed", "retired"])
def test_invariants_name_the_base_and_day_that_breaks(base: PracticeBase, what: str) -> None:
    reserve(base, 10)
    found = {"people": "3a", "beds": "3b", "closed": "3c", "retired": "3c"}[what]
    if what == "people":
        PracticeBase.objects.filter(pk=base.pk).update(declared_capacity=9)
    elif what == "beds":
        actions.suspend_household(household=base.households.order_by("pk").first(), reason="住院", by=None)
    elif what == "closed":
        Closure.objects.create(base=base, days=DateRange(SUNDAY, MONDAY), kind=Closure.Kind.WEATHER)
    else:
        PracticeBase.objects.filter(pk=base.pk).update(state=PracticeBase.State.RETIRED)
    broken = {line.code: line.find() for line in invariants.INVARIANTS}
    assert broken[found]
    assert all(str(base) in sentence for sentence in broken[found])
    if what == "closed":
        assert len(broken["3c"]) == 1


def test_touched_uses_are_those_on_the_closed_days_from_today_on(base: PracticeBase) -> None:
    kept = reserve(base, 2)
    BaseUse.objects.create(base=base, days=DateRange(MONDAY, MONDAY + queries.DAY), people=1, kind="gathering")
    BaseUse.objects.create(
        base=base, days=DateRange(datetime.date(2020, 1, 1), datetime.date(2020, 1, 2)), people=1, kind="gathering"
    )
    closure = actions.close_place(
        household=base.households.order_by("pk").first(), first_day=datetime.date(2020, 1, 1), last_day=SUNDAY,
        kind=Closure.Kind.WORKS, by=None,
    )  # fmt: skip
    assert list(queries.uses_touched(closure)) == [kept]
