"""Closing and reopening, ending a base, rooms and beds, rates."""

import datetime
from decimal import Decimal

import pytest
from django.db import IntegrityError, transaction
from django.db.backends.postgresql.psycopg_any import DateRange

from accounts.models import User
from bases import actions, queries
from bases.actions.beds import read_rooms, told_rooms
from bases.models import BaseUse, Bed, Closure, HostHousehold, PracticeBase, Rate
from cadres.models import Unit
from config.errors import DomainError
from tests.factories import BaseFactory, HouseholdFactory, RateFactory, TownshipFactory

pytestmark = pytest.mark.django_db
FIRST, LAST = datetime.date(2026, 12, 7), datetime.date(2026, 12, 11)


@pytest.fixture
def base() -> PracticeBase:
    return BaseFactory()


@pytest.fixture
def closure(base: PracticeBase, staff: User) -> Closure:
    return actions.close_place(
        base=base, first_day=FIRST, last_day=LAST, kind=Closure.Kind.HARVEST, reason="收柑橘", by=staff
    )


def code_of(act: object, **arguments: object) -> str:
    with pytest.raises(DomainError) as raised:
        act(**arguments)
    return raised.value.code


def test_closure_covers_its_last_day(closure: Closure, base: PracticeBase) -> None:
    assert closure.days == DateRange(FIRST, LAST + queries.DAY)
    assert list(queries.live_closures([base], LAST, LAST)) == [closure]
    assert not queries.live_closures([base], LAST + queries.DAY, LAST + queries.DAY)


def test_place_is_not_closed_twice_on_a_day(closure: Closure, base: PracticeBase, staff: User) -> None:
    again = {"base": base, "first_day": LAST, "last_day": LAST, "kind": Closure.Kind.WEATHER, "by": staff}
    assert code_of(actions.close_place, **again) == "closed_already"
    with pytest.raises(IntegrityError, match="base_closed_once_a_day"), transaction.atomic():
        Closure.objects.create(base=base, days=closure.days, kind=Closure.Kind.WEATHER)
    household = HouseholdFactory(base=base)
    actions.close_place(household=household, first_day=LAST, last_day=LAST, kind=Closure.Kind.OWN_WISH, by=staff)


def test_closure_of_no_place_two_places_or_backwards_is_refused(base: PracticeBase, staff: User) -> None:
    asked = {"first_day": FIRST, "last_day": LAST, "kind": Closure.Kind.WORKS, "by": staff}
    assert code_of(actions.close_place, **asked) == "one_place"
    assert code_of(actions.close_place, base=base, household=HouseholdFactory(base=base), **asked) == "one_place"
    assert code_of(actions.close_place, base=base, **asked | {"first_day": LAST, "last_day": FIRST}) == "days_backwards"
    assert not Closure.objects.exists()


def test_reopening_from_a_day_keeps_the_days_before(closure: Closure, base: PracticeBase, staff: User) -> None:
    middle = FIRST + datetime.timedelta(2)
    actions.reopen_place(closure=closure, from_day=middle, reason="提前收完", by=staff)
    assert queries.live_closures([base], middle - queries.DAY, middle - queries.DAY)
    assert not queries.live_closures([base], middle, LAST)


def test_reopening_from_its_first_day_voids_the_closure_once(closure: Closure, base: PracticeBase, staff: User) -> None:
    assert code_of(actions.reopen_place, closure=closure, reason="", by=staff) == "reason_missing"
    actions.reopen_place(closure=closure, from_day=FIRST, reason="填错", by=staff)
    closure.refresh_from_db()
    assert (closure.live, closure.days) == (False, DateRange(FIRST, LAST + queries.DAY))
    assert code_of(actions.reopen_place, closure=closure, reason="填错", by=staff) == "closure_void"


def test_base_with_coming_uses_does_not_end(base: PracticeBase, staff: User) -> None:
    past = DateRange(datetime.date(2020, 1, 1), datetime.date(2020, 1, 3))
    BaseUse.objects.create(base=base, days=past, people=3, kind="gathering", source="旧事")
    coming = BaseUse.objects.create(
        base=base, days=DateRange(FIRST, LAST), people=3, kind="outside", source="县文旅局 调研"
    )
    assert code_of(actions.retire_base, base=base, reason="", by=staff) == "reason_missing"
    assert code_of(actions.retire_base, base=base, reason="村庄搬迁", by=staff) == "base_in_use"
    actions.cancel_outside_use(use=coming, reason="取消", by=staff)
    assert actions.retire_base(base=base, reason="村庄搬迁", by=staff).state == "retired"
    assert actions.restore_base(base=base, by=staff).state == "open"


@pytest.mark.parametrize(
    ("text", "rooms"),
    [
        ("东屋 2 张、西屋 2 张", {"东屋": 2, "西屋": 2}),
        ("东屋2，西屋：3张床；阁楼1个床位", {"东屋": 2, "西屋": 3, "阁楼": 1}),
        ("东屋2张\n二楼1间 2张", {"东屋": 2, "二楼1间": 2}),
        ("", {}),
    ],
)
def test_rooms_are_read_as_people_write_them(text: str, rooms: dict[str, int]) -> None:
    assert read_rooms(text) == rooms


@pytest.mark.parametrize(
    ("text", "code"),
    [("两间房", "rooms_unreadable"), ("2张", "rooms_unreadable"), ("东屋2、东屋3", "room_twice"),
     ("通铺 60 张", "beds_out_of_range")],
)  # fmt: skip
def test_rooms_that_cannot_be_read_are_told(text: str, code: str) -> None:
    assert code_of(read_rooms, text=text) == code


def test_beds_are_added_put_out_of_use_and_back(base: PracticeBase, staff: User) -> None:
    household = HouseholdFactory(base=base, beds=0)

    def in_use() -> str:
        return told_rooms(HostHousehold.objects.prefetch_related("rooms__beds").get(pk=household.pk))

    actions.set_beds(household=household, rooms={"东屋": 2, "西屋": 2}, by=staff)
    rows = set(Bed.objects.values_list("pk", flat=True))
    assert (in_use(), len(rows)) == ("东屋2张、西屋2张", 4)
    actions.set_beds(household=household, rooms={"东屋": 1, "阁楼": 1}, by=staff)
    assert in_use() == "东屋1张、阁楼1张"
    assert set(Bed.objects.values_list("pk", flat=True)) > rows
    actions.set_beds(household=household, rooms={"东屋": 3, "西屋": 2}, by=staff)
    assert in_use() == "东屋3张、西屋2张"
    assert queries.usable_beds(base, FIRST) == 5
    assert Bed.objects.count() == 6
    assert code_of(actions.set_beds, household=household, rooms={"东屋": 21}, by=staff) == "beds_out_of_range"


# Rates


def set_rate(first_day: datetime.date, staff: User, night: int = 50, township: Unit | None = None) -> Rate:
    return actions.set_rate(
        first_day=first_day, breakfast=Decimal(20), lunch=Decimal(40), dinner=Decimal(40), night=Decimal(night),
        township=township, by=staff,
    )  # fmt: skip


def test_new_rate_ends_the_former_the_day_before(staff: User) -> None:
    former = set_rate(datetime.date(2026, 1, 1), staff)
    actions.confirm_rate(rate=former, by=staff)
    latter = set_rate(FIRST, staff, night=60)
    former.refresh_from_db()
    assert former.days == DateRange(datetime.date(2026, 1, 1), FIRST)
    assert latter.days == DateRange(FIRST, None)
    assert latter.confirmed_at is None
    assert queries.rate_for(None, FIRST - queries.DAY) == former


def test_unconfirmed_rate_is_corrected_in_place_a_confirmed_one_is_not(staff: User) -> None:
    rate = set_rate(FIRST, staff)
    assert set_rate(FIRST, staff, night=55).pk == rate.pk
    actions.confirm_rate(rate=rate, by=staff)
    with pytest.raises(DomainError) as raised:
        set_rate(FIRST, staff, night=60)
    assert raised.value.code == "rate_confirmed"
    assert code_of(actions.unconfirm_rate, rate=rate, reason="", by=staff) == "reason_missing"
    actions.unconfirm_rate(rate=rate, reason="填错", by=staff)
    assert set_rate(FIRST, staff, night=60).pk == rate.pk
    rate.refresh_from_db()
    assert (rate.night, rate.confirmed_by) == (60, None)


def test_rate_before_a_later_one_and_wrong_amounts_are_refused(staff: User) -> None:
    set_rate(FIRST, staff)
    with pytest.raises(DomainError) as raised:
        set_rate(FIRST - queries.DAY, staff)
    assert raised.value.code == "rate_later"
    amounts = {"breakfast": Decimal(1), "lunch": Decimal(1), "dinner": Decimal(1)}
    for wrong in (Decimal(-1), Decimal("1.005")):
        assert code_of(actions.set_rate, first_day=LAST, night=wrong, by=staff, **amounts) == "amount_wrong"


def test_townships_own_rate_goes_before_the_countys_and_must_be_confirmed(staff: User) -> None:
    town = TownshipFactory()
    county = RateFactory(confirmed_by=staff, confirmed_at=datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC))
    assert queries.rate_for(town, FIRST) == county
    own = set_rate(FIRST, staff, night=70, township=town)
    assert code_of(queries.rate_for, township=town, day=FIRST) == "rate_unconfirmed"
    assert queries.rate_for(TownshipFactory(), FIRST) == county
    actions.confirm_rate(rate=own, by=staff)
    assert queries.rate_for(town, FIRST) == own
    assert queries.rate_for(town, FIRST - queries.DAY) == county
    assert code_of(actions.confirm_rate, rate=own, by=staff) == "rate_confirmed"


def test_days_without_confirmed_rate_are_named(staff: User) -> None:
    assert queries.unconfirmed_rates(FIRST, LAST) == [f"{FIRST} 至 {LAST} 没有全县食宿标准"]
    assert code_of(queries.rate_for, township=None, day=FIRST) == "rate_missing"
    county = set_rate(FIRST + queries.DAY, staff)
    town = TownshipFactory(name="城关镇人民政府")
    set_rate(LAST, staff, township=town)
    assert queries.unconfirmed_rates(FIRST, LAST) == [
        f"{FIRST} 至 {FIRST} 没有全县食宿标准",
        f"全县 {FIRST + queries.DAY} 起的食宿标准还没有确认",
        f"城关镇人民政府 {LAST} 起的食宿标准还没有确认",
    ]
    actions.confirm_rate(rate=county, by=staff)
    assert queries.unconfirmed_rates(FIRST + queries.DAY, LAST - queries.DAY) == []


@pytest.mark.parametrize(
    ("first", "last"), [("1999-12-31", "2026-12-01"), ("2026-12-01", "2062-12-01"), ("2026-12-01", "9999-12-31")]
)
def test_place_is_not_closed_in_a_year_nobody_means(base: PracticeBase, staff: User, first: str, last: str) -> None:
    days = {"first_day": datetime.date.fromisoformat(first), "last_day": datetime.date.fromisoformat(last)}
    assert code_of(actions.close_place, base=base, kind=Closure.Kind.WEATHER, by=staff, **days) == "outlandish_day"
    assert not Closure.objects.exists()
