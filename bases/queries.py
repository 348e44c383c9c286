"""Bases, households, beds, closures, uses and rates as everybody else asks for them.

A *night* is named by the day before it. A bed is usable in a night when its base, household and room are open on that day
and on the next (a guest is there on both), its household is admitted and the bed in use (R12, R13 of docs/rules.md).
"""

import datetime
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, TypeVar

from django.db.backends.postgresql.psycopg_any import DateRange
from django.db.models import Count, Exists, F, Model, OuterRef, Q, QuerySet, Subquery, Sum, Value
from django.db.models.functions import Coalesce
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from accounts.rules import is_centre_staff
from bases.models import (
    BaseManager,
    BaseUse,
    Bed,
    Closure,
    HostHousehold,
    PracticeBase,
    Rate,
    Room,
    Route,
    TownshipLiaison,
    Village,
    Zone,
)  # fmt: skip
from bases.rules import may_see_all_bases, may_set_rates
from cadres.models import Unit
from cadres.rules import in_force
from config.errors import DomainError
from office.todo import Todo

DAY = datetime.timedelta(days=1)
Row = TypeVar("Row", bound=Model)

PATH_TO_BASE: dict[type[Model], tuple[str, ...]] = {
    PracticeBase: ("",),
    Village: ("base__",),
    Zone: ("base__",),
    Route: ("bases__",),
    HostHousehold: ("base__",),
    Room: ("household__base__",),
    Bed: ("room__household__base__",),
    Closure: ("base__", "household__base__", "room__household__base__"),
    BaseUse: ("base__",),
    BaseManager: ("base__",),
}


def visible_to(user: User, model: type[Row]) -> "QuerySet[Row]":
    """Rows of a model of this app that a user may see.

    The centre and leaders see all, a township's liaison the bases of the township, a manager the own base, each with
    what hangs on it; everybody who sees bases sees the rates that hold there; others see nothing.
    """
    rows: QuerySet[Any] = model._default_manager.all()
    if may_see_all_bases.test(user):
        return rows
    if not user.is_active:
        return rows.none()
    bases = own_bases(user).values("pk")
    if model is Rate:
        townships = PracticeBase.objects.filter(pk__in=bases).values("village__township")
        return (
            rows.filter(Q(township__isnull=True) | Q(township__in=townships))
            if own_bases(user).exists()
            else rows.none()
        )
    if model is TownshipLiaison:
        return rows.filter(user=user)
    reached = Q()
    for path in PATH_TO_BASE[model]:
        reached |= Q(**{f"{path}pk__in" if path else "pk__in": bases})
    rows = rows.filter(reached)
    return rows.distinct() if model is Route else rows


def own_bases(user: User) -> "QuerySet[PracticeBase]":
    """Bases that the user looks after now: as liaison of the township or as manager."""
    townships = user.township_liaisons.filter(in_force()).values("township")
    managed = user.managed_bases.filter(in_force()).values("base")
    return PracticeBase.objects.filter(Q(village__township__in=townships) | Q(pk__in=managed))


def run_by(user: User) -> "QuerySet[PracticeBase]":
    """Bases whose closures and outside guests the user enters: all for the centre, else the own ones."""
    return PracticeBase.objects.all() if is_centre_staff.test(user) else own_bases(user)


def judged_by(user: User) -> "QuerySet[HostHousehold]":
    """Households whose admission the user decides: all for the centre, those of the township for its liaison."""
    if is_centre_staff.test(user):
        return HostHousehold.objects.all()
    townships = user.township_liaisons.filter(in_force()).values("township")
    return HostHousehold.objects.filter(base__village__township__in=townships)


def open_bases() -> "QuerySet[PracticeBase]":
    """Bases that can be planned for, in their usual order."""
    return PracticeBase.objects.filter(state=PracticeBase.State.OPEN)


def dates(first: datetime.date, last: datetime.date) -> Iterator[datetime.date]:
    """Every day from first to last, both included."""
    for offset in range((last - first).days + 1):
        yield first + datetime.timedelta(days=offset)


def period(first: datetime.date, last: datetime.date) -> DateRange:
    """The half-open range of the days from first to last, both included."""
    return DateRange(first, last + DAY)


def span(days: DateRange) -> tuple[datetime.date, datetime.date]:
    """First and last day (both included) of a range; an open end lies as far off as dates go."""
    return days.lower or datetime.date.min, datetime.date.max if days.upper is None else days.upper - DAY


# Closures


def live_closures(bases: Iterable[PracticeBase], first: datetime.date, last: datetime.date) -> "QuerySet[Closure]":
    """Closures in force of these bases, their households and rooms that touch a day from first to last."""
    keys = [base.pk for base in bases]
    return (
        Closure.objects.filter(live=True, days__overlap=period(first, last))
        .filter(Q(base__in=keys) | Q(household__base__in=keys) | Q(room__household__base__in=keys))
        .select_related("base__village", "household__base__village", "room__household__base__village", "entered_by")
        .order_by("days", "pk")
    )


def uses_touched(closure: Closure) -> "QuerySet[BaseUse]":
    """Uses of the base from today on that a closure falls on: what the planner has to move.

    For a household or a room it cannot be said here who sleeps there; all uses of its base on those days are named.
    """
    return (
        BaseUse.objects.filter(base=closure.at_base, live=True, days__overlap=closure.days)
        .filter(days__endswith__gt=timezone.localdate())
        .order_by("days", "pk")
    )


# Beds and people


def beds_by_night_of(
    bases: Iterable[PracticeBase], first: datetime.date, last: datetime.date
) -> dict[int, dict[datetime.date, int]]:
    """Usable beds of each base (by primary key) in each night from first to last, in three queries."""
    keys = [base.pk for base in bases]
    beds = list(
        Bed.objects.filter(
            active=True, room__household__base__in=keys, room__household__state=HostHousehold.State.ADMITTED,
            room__household__base__state=PracticeBase.State.OPEN,
        )
        .values("room", "room__household", "room__household__base")
        .annotate(number_of_beds=Count("pk"))
        .order_by("room")
    )  # fmt: skip
    closed: dict[tuple[str, int], set[datetime.date]] = defaultdict(set)
    touching = Closure.objects.filter(live=True, days__overlap=period(first, last + DAY)).filter(
        Q(base__in=keys) | Q(household__base__in=keys) | Q(room__household__base__in=keys)
    )
    for base, household, room, days in touching.values_list("base", "household", "room", "days"):
        begin, end = span(days)
        shut = set(dates(max(begin, first), min(end, last + DAY)))
        place = ("base", base) if base else ("household", household) if household else ("room", room)
        closed[place] |= shut | {day - DAY for day in shut}
    nights = list(dates(first, last))
    found: dict[int, dict[datetime.date, int]] = {key: dict.fromkeys(nights, 0) for key in keys}
    for row in beds:
        base, household, room = row["room__household__base"], row["room__household"], row["room"]
        shut = closed[("base", base)] | closed[("household", household)] | closed[("room", room)]
        for night in nights:
            if night not in shut:
                found[base][night] += row["number_of_beds"]
    return found


def beds_by_night(base: PracticeBase, first: datetime.date, last: datetime.date) -> dict[datetime.date, int]:
    """Usable beds of a base in each night from first to last."""
    return beds_by_night_of([base], first, last)[base.pk]


def usable_beds(base: PracticeBase, day: datetime.date) -> int:
    """Beds that can be slept in the night after `day`."""
    return beds_by_night(base, day, day)[day]


@dataclass
class PeopleOnDay:
    """Who is at a base on a day: in gatherings, and of them those who sleep there; outside guests take no beds."""

    gathering: int = 0
    outside: int = 0
    sleeping: int = 0
    breakfast: int = 0
    dinner: int = 0

    @property
    def total(self) -> int:
        """People there on the day; all of them have lunch."""
        return self.gathering + self.outside


def people_by_day_of(
    bases: Iterable[PracticeBase], first: datetime.date, last: datetime.date, *, without: BaseUse | None = None
) -> dict[int, dict[datetime.date, PeopleOnDay]]:
    """People at each base (by primary key) on each day from first to last, from the live uses, in one query.

    Lunch is for all who are there; breakfast for those who were there the day before too, dinner for those who are
    there the day after too. `without` leaves one use out.
    """
    keys = [base.pk for base in bases]
    found = {key: {day: PeopleOnDay() for day in dates(first, last)} for key in keys}
    uses = BaseUse.objects.filter(base__in=keys, live=True, days__overlap=period(first, last))
    if without is not None:
        uses = uses.exclude(pk=without.pk)
    for base, days, people, kind in uses.values_list("base", "days", "people", "kind"):
        begin, end = span(days)
        for day in dates(max(begin, first), min(end, last)):
            on_day = found[base][day]
            if kind == BaseUse.Kind.OUTSIDE:
                on_day.outside += people
            else:
                on_day.gathering += people
                on_day.sleeping += people if day < end else 0
            on_day.breakfast += people if day > begin else 0
            on_day.dinner += people if day < end else 0
    return found


def people_by_day(base: PracticeBase, first: datetime.date, last: datetime.date) -> dict[datetime.date, PeopleOnDay]:
    """People at a base on each day from first to last."""
    return people_by_day_of([base], first, last)[base.pk]


# Load


@dataclass(frozen=True)
class BaseLoad:
    """How much a base has carried: person-days in a period, before the system, and per bed."""

    base: PracticeBase
    beds: int
    history_person_days: int
    gathering_person_days: int
    outside_person_days: int

    @property
    def person_days(self) -> int:
        """Person-days of gatherings, those before the system included (outside guests apart)."""
        return self.history_person_days + self.gathering_person_days

    @property
    def per_bed(self) -> Decimal | None:
        """Person-days a bed, to two decimals; None where there is no bed."""
        return (Decimal(self.person_days) / self.beds).quantize(Decimal("0.01")) if self.beds else None


def base_load(
    bases: "QuerySet[PracticeBase]", first: datetime.date | None = None, last: datetime.date | None = None
) -> list[BaseLoad]:
    """Load of each base in its usual order; from the first to the last day given, else over all time. Two queries."""
    listed = list(with_figures(bases))
    uses = BaseUse.objects.filter(base__in=[base.pk for base in listed], live=True)
    if first is not None or last is not None:
        uses = uses.filter(days__overlap=DateRange(first, None if last is None else last + DAY))
    days_of: dict[tuple[int, str], int] = defaultdict(int)
    for base, days, people, kind in uses.values_list("base", "days", "people", "kind"):
        begin, end = span(days)
        within = min(end, last or end) - max(begin, first or begin)
        days_of[base, kind] += people * (within.days + 1)
    return [
        BaseLoad(
            base=base, beds=base.beds, history_person_days=base.history_person_days,
            gathering_person_days=days_of[base.pk, BaseUse.Kind.GATHERING],
            outside_person_days=days_of[base.pk, BaseUse.Kind.OUTSIDE],
        )
        for base in listed
    ]  # fmt: skip


def with_figures(bases: "QuerySet[PracticeBase]") -> "QuerySet[Any]":
    """Bases with `beds` (in use, of admitted households), `admitted` and `waiting` households, and their village."""
    admitted = HostHousehold.State.ADMITTED
    beds = (
        Bed.objects.filter(room__household__base=OuterRef("pk"), room__household__state=admitted, active=True)
        .order_by().values("room__household__base").annotate(n=Count("pk")).values("n")
    )  # fmt: skip

    def households(*states: str) -> Coalesce:
        counted = (
            HostHousehold.objects.filter(base=OuterRef("pk"), state__in=states)
            .order_by().values("base").annotate(n=Count("pk")).values("n")
        )  # fmt: skip
        return Coalesce(Subquery(counted), Value(0))

    return bases.select_related("village__township").annotate(
        beds=Coalesce(Subquery(beds), Value(0)),
        admitted=households(admitted),
        waiting=households(HostHousehold.State.APPLIED, HostHousehold.State.NOTICE),
        suspended=households(HostHousehold.State.SUSPENDED),
    )


def households_with_beds(households: "QuerySet[HostHousehold]") -> "QuerySet[Any]":
    """Households with `beds` (in use) and their base."""
    return households.select_related("base__village__township").annotate(
        beds=Count("rooms__beds", filter=Q(rooms__beds__active=True))
    )


@dataclass(frozen=True)
class Totals:
    """Figures over some bases."""

    bases: int
    beds: int
    households: int
    capacity: int


def totals(bases: "QuerySet[PracticeBase]") -> Totals:
    """Open bases among these, their beds in use, admitted households and declared capacity, in one query."""
    found = (
        with_figures(bases.filter(state=PracticeBase.State.OPEN))
        .order_by()
        .aggregate(
            bases=Count("pk"), beds_total=Sum("beds"), households_total=Sum("admitted"), capacity=Sum("declared_capacity")
        )
    )  # fmt: skip
    return Totals(found["bases"], found["beds_total"] or 0, found["households_total"] or 0, found["capacity"] or 0)


def beds_in_use() -> int:
    """Beds of admitted households of open bases, county-wide."""
    return totals(open_bases()).beds


def next_closures(bases: Iterable[PracticeBase], day: datetime.date) -> dict[int, Closure]:
    """The first closure of each base as a whole (by primary key) that has not ended by `day`, in one query."""
    found: dict[int, Closure] = {}
    coming = Closure.objects.filter(base__in=[base.pk for base in bases], live=True, days__endswith__gt=day)
    for closure in coming.order_by("days", "pk"):
        found.setdefault(closure.base_id or 0, closure)
    return found


# Rates


def rate_for(township: Unit | None, day: datetime.date) -> Rate:
    """What a person pays on a day in a township: its own rate where it has one, else the county's.

    Raises DomainError("rate_missing") where there is none and DomainError("rate_unconfirmed") until it is confirmed.
    """
    rate = (
        Rate.objects.filter(Q(township=township) | Q(township__isnull=True), days__contains=day)
        .select_related("township")
        .order_by(F("township").asc(nulls_last=True))
        .first()
    )
    if rate is None:
        raise DomainError("rate_missing", f"{day} 没有食宿标准。请服务中心先在“食宿标准”里填写并确认。")
    if rate.confirmed_at is None:
        raise DomainError("rate_unconfirmed", f"{rate}还没有确认。请服务中心在“食宿标准”里核对后确认。")
    return rate


def unconfirmed_rates(first: datetime.date, last: datetime.date) -> list[str]:
    """What still bars payment by a confirmed rate on the days from first to last, a phrase each; empty when nothing.

    The county's rate must cover every day and be confirmed; so must each township's own where it has one.
    """
    found = Rate.objects.filter(days__overlap=period(first, last)).select_related("township").order_by("days")
    phrases, next_day = [], first
    for rate in found:
        if rate.township_id is None:
            if rate.days.lower is not None and rate.days.lower > next_day:
                phrases.append(f"{next_day} 至 {rate.days.lower - DAY} 没有全县食宿标准")
            next_day = last + DAY if rate.days.upper is None else rate.days.upper
        if rate.confirmed_at is None:
            phrases.append(f"{rate}还没有确认")
    if next_day <= last:
        phrases.append(f"{next_day} 至 {last} 没有全县食宿标准")
    return phrases


# What comes


@dataclass
class CalendarDayAtBase:
    """One line of a base's calendar."""

    day: datetime.date
    people: PeopleOnDay
    beds: int
    uses: list[BaseUse] = field(default_factory=list)
    closures: list[Closure] = field(default_factory=list)

    @property
    def closed(self) -> bool:
        """The base as a whole is closed."""
        return any(closure.base_id for closure in self.closures)


def calendar_of(base: PracticeBase, first: datetime.date, last: datetime.date) -> list[CalendarDayAtBase]:
    """Every day of a base from first to last with its people, beds of the night, uses and closures. Five queries."""
    people, beds = people_by_day(base, first, last), beds_by_night(base, first, last)
    uses = list(BaseUse.objects.filter(base=base, live=True, days__overlap=period(first, last)).order_by("days", "pk"))
    closures = list(live_closures([base], first, last))
    return [
        CalendarDayAtBase(
            day=day, people=people[day], beds=beds[day],
            uses=[use for use in uses if day in use.days],
            closures=[closure for closure in closures if day in closure.days],
        )
        for day in dates(first, last)
    ]  # fmt: skip


# What waits for somebody


def closed_with_guests(bases: "QuerySet[PracticeBase]") -> "QuerySet[BaseUse]":
    """Uses from today on that fall on a closure of the whole base: to be moved or called off."""
    closed = Closure.objects.filter(base=OuterRef("base"), live=True, days__overlap=OuterRef("days"))
    return BaseUse.objects.filter(
        Exists(closed), base__in=bases.values("pk"), live=True, days__endswith__gt=timezone.localdate()
    ).order_by("days", "pk")


def todo(user: User) -> list[Todo]:
    """Households to be judged, guests on closed days, and (for the centre) rates to be confirmed."""
    found = _households_waiting(user)
    bases = run_by(user)
    touched = closed_with_guests(bases)
    if count := touched.count():
        first = touched.select_related("base__village").first()
        assert first is not None  # noqa: S101 -- counted
        found.append(
            Todo(
                what=f"停接的日子还有 {count} 批人要来", detail=str(first), due=first.days.lower,
                url=reverse("bases:base", args=[first.base_id]), act="去看",
            )
        )  # fmt: skip
    if may_set_rates.test(user):
        unconfirmed = Rate.objects.filter(confirmed_at__isnull=True).count()
        if unconfirmed or not Rate.objects.exists():
            what = f"食宿标准有 {unconfirmed} 条没有确认" if unconfirmed else "还没有填食宿标准"
            found.append(Todo(what, "确认以后，方案才能发布", None, reverse("bases:rates"), "去确认"))
    return found


def _households_waiting(user: User) -> list[Todo]:
    today, waiting = timezone.localdate(), judged_by(user)
    on_notice = waiting.filter(state=HostHousehold.State.NOTICE)
    applied = waiting.filter(state=HostHousehold.State.APPLIED)
    steps = (
        (on_notice.exclude(open_objection=""), "{} 户的异议要核查", "核查", "notice"),
        (on_notice.filter(open_objection="", notice_until__lt=today), "{} 户公示期满，可以纳管", "去纳管", "notice"),
        (applied.filter(reviewed_on__isnull=False), "{} 户已经研判，可以公示", "去公示", "applied"),
        (applied.filter(reviewed_on__isnull=True), "{} 户申请接待，等村党组织研判", "去登记", "applied"),
    )
    found = []
    for households, what, act, state in steps:
        heads = list(households.select_related("base__village").order_by("pk")[:4])
        if heads:
            names = "、".join(f"{household.base.village}{household.head}" for household in heads[:3])
            detail = f"{names}等" if len(heads) > 3 else names
            url = f"{reverse('bases:households')}?state={state}"
            found.append(Todo(what.format(households.count()), detail, None, url, act))
    return found
