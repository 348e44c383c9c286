"""Two at once on real connections: first the damage without the lock, then 20 of 20 right with it."""

import datetime
import threading
from collections.abc import Callable
from decimal import Decimal

import pytest

from accounts import audit
from bases import actions, invariants
from bases.actions import uses
from bases.models import BaseUse, Closure, PracticeBase, Rate
from tests.factories import BaseFactory, HouseholdFactory
from tests.races import at_once

pytestmark = pytest.mark.django_db(transaction=True)
FRIDAY, SUNDAY = datetime.date(2026, 12, 4), datetime.date(2026, 12, 6)
ROUNDS = 20


@pytest.fixture(autouse=True)
def chain_begun() -> None:
    """The audit trail has its head, which emptying the tables takes away and the first entry brings back."""
    audit.record("begin", by=None)


def without_lock(monkeypatch: pytest.MonkeyPatch, parties: int = 2) -> None:
    """Bases are read, not locked; and both have looked for room before either goes on."""
    met = threading.Barrier(parties)
    checked = uses._check_room

    def unlocked(bases: set[int]) -> dict[int, PracticeBase]:
        return PracticeBase.objects.in_bulk(list(bases))

    def look_then_wait(*arguments: object, **options: object) -> None:
        checked(*arguments, **options)
        met.wait(10)

    monkeypatch.setattr(uses, "lock_bases", unlocked)
    monkeypatch.setattr(uses, "_check_room", look_then_wait)


def base_with_ten_beds() -> PracticeBase:
    base = BaseFactory(declared_capacity=12)
    HouseholdFactory(base=base, beds=10)
    return base


def gathering(base: PracticeBase, people: int) -> Callable[[], object]:
    return lambda: actions.reserve_base(
        base=base, first_day=FRIDAY, last_day=SUNDAY, people=people, kind=BaseUse.Kind.GATHERING, source="某班", by=None
    )


def outside(base: PracticeBase, people: int) -> Callable[[], object]:
    return lambda: actions.reserve_base(
        base=base, first_day=FRIDAY, last_day=FRIDAY, people=people, kind=BaseUse.Kind.OUTSIDE, source="来访", by=None
    )


def test_two_gatherings_without_the_lock_overfill_the_beds(monkeypatch: pytest.MonkeyPatch) -> None:
    without_lock(monkeypatch)
    base = base_with_ten_beds()
    assert at_once(gathering(base, 6), gathering(base, 6)) == ["", ""]
    assert invariants.too_few_beds()


def test_two_gatherings_with_the_lock_never_overfill_the_beds() -> None:
    for _ in range(ROUNDS):
        base = base_with_ten_beds()
        assert sorted(at_once(gathering(base, 6), gathering(base, 6))) == ["", "beds_short"]
    assert invariants.too_few_beds() == []


def test_outside_party_and_gathering_without_the_lock_overfill_the_base(monkeypatch: pytest.MonkeyPatch) -> None:
    without_lock(monkeypatch)
    base = base_with_ten_beds()
    assert at_once(gathering(base, 8), outside(base, 8)) == ["", ""]
    assert invariants.too_many_people()


def test_outside_party_and_gathering_with_the_lock_never_overfill_the_base() -> None:
    for _ in range(ROUNDS):
        base = base_with_ten_beds()
        assert sorted(at_once(gathering(base, 8), outside(base, 8))) == ["", "base_full"]
    assert invariants.too_many_people() == []


def test_closing_while_reserving_never_lets_people_in_unseen() -> None:
    """Either the reservation comes first and is there to be told, or it is refused; both acts never miss each other."""
    for _ in range(ROUNDS):
        base = base_with_ten_beds()
        told: dict[str, list[BaseUse]] = {}

        def close(base: PracticeBase = base, told: dict[str, list[BaseUse]] = told) -> None:
            actions.close_place(base=base, first_day=FRIDAY, last_day=FRIDAY, kind=Closure.Kind.WEATHER, by=None)
            told["touched"] = list(BaseUse.objects.filter(base=base, live=True))

        refused = at_once(gathering(base, 6), close)[0]
        assert (refused, len(told["touched"])) in [("", 1), ("base_closed", 0)]


def test_suspending_the_beds_while_reserving_never_leaves_people_without_notice() -> None:
    for _ in range(ROUNDS):
        base = base_with_ten_beds()
        seen: list[int] = []

        def suspend(base: PracticeBase = base, seen: list[int] = seen) -> None:
            actions.suspend_household(household=base.households.get(), reason="修屋顶", by=None)
            seen.append(BaseUse.objects.filter(base=base, live=True).count())

        refused = at_once(gathering(base, 6), suspend)[0]
        assert (refused, seen) in [("", [1]), ("beds_short", [0])]


def test_two_bases_reserved_crosswise_do_not_wait_for_each_other() -> None:
    for _ in range(ROUNDS):
        one, two = base_with_ten_beds(), base_with_ten_beds()
        first, second = (
            actions.reserve_base(
                base=base, first_day=FRIDAY, last_day=SUNDAY, people=4, kind="gathering", source="某班", by=None
            )
            for base in (one, two)
        )

        def move(use: BaseUse, base: PracticeBase) -> Callable[[], object]:
            return lambda: actions.change_reservation(
                use=use, base=base, first_day=FRIDAY, last_day=SUNDAY, people=4, by=None
            )

        assert at_once(move(first, two), move(second, one)) == ["", ""]


def test_two_rates_from_one_day_at_once_leave_one() -> None:
    amounts = {"breakfast": 20, "lunch": 40, "dinner": 40}
    for number in range(ROUNDS):
        day = FRIDAY + datetime.timedelta(days=number)

        def enter(night: int, day: datetime.date = day) -> Callable[[], object]:
            decimals = {name: Decimal(amount) for name, amount in amounts.items()}
            return lambda: actions.set_rate(first_day=day, night=Decimal(night), by=None, **decimals)

        assert set(at_once(enter(50), enter(60))) <= {"", "rate_conflict"}
        assert Rate.objects.filter(days__contains=day).count() == 1
