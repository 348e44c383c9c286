"""Presence follows from facts: members of the class on that day + make-ups − absences, in gatherings held.

Nobody checks in. A gathering counts once it is held or confirmed; a planned one that has not ended yet gives days to come;
a planned one that has ended and was neither held nor cancelled gives nothing until somebody says which. A confirmed
gathering reads what was frozen, with its corrections. Village days, villages, nights and meals all come from here.
"""

import datetime
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from django.db.models import Prefetch, Q, QuerySet
from django.utils import timezone

from bases.models import Village
from batches.models import Absence, ClassMembership, ConfirmedPresence, Enrollment, Gathering, GatheringSite, MakeUp

DAY = datetime.timedelta(days=1)
COUNTED_ABSENCES = (Absence.State.ENTERED, Absence.State.APPROVED)
HELD = (Gathering.State.HELD, Gathering.State.CONFIRMED)


@dataclass(frozen=True)
class Meals:
    """Meals of one person: lunch on each day there, breakfast and dinner around each night."""

    breakfasts: int = 0
    lunches: int = 0
    dinners: int = 0

    @property
    def total(self) -> int:
        return self.breakfasts + self.lunches + self.dinners


@dataclass(frozen=True)
class Presence:
    """One person at one gathering. `expected` are the days the person belonged there, `dates` those spent there.

    Of a frozen row only the counts were signed: `dates` is empty where a correction differs from the facts.
    """

    gathering: Gathering
    enrollment: Enrollment
    expected: tuple[datetime.date, ...]
    dates: tuple[datetime.date, ...]
    days: int
    nights: int
    makeup: bool = False
    frozen: bool = False

    @property
    def meals(self) -> Meals:
        return Meals(breakfasts=self.nights, lunches=self.days, dinners=self.nights)

    def done(self, today: datetime.date) -> int:
        """Days in the village that count by the end of `today`."""
        if self.frozen:
            return self.days
        return sum(day <= today for day in self.dates) if self.gathering.state in HELD else 0

    def coming_dates(self, today: datetime.date) -> tuple[datetime.date, ...]:
        """Days still to come: the rest of a gathering under way, all of one that is planned and has not ended."""
        if self.frozen or self.gathering.last_day < today:
            return ()
        if self.gathering.state in HELD:
            return tuple(day for day in self.dates if day > today)
        return self.dates

    def nights_done(self, today: datetime.date) -> int:
        if self.frozen:
            return self.nights
        return nights_among([day for day in self.dates if day <= today]) if self.gathering.state in HELD else 0


@dataclass
class Days:
    """Village days of one enrollment: done and to come, villages in the order of first arrival, nights and meals done."""

    done: int = 0
    coming: int = 0
    nights: int = 0
    villages_done: list[Village] = field(default_factory=list)
    villages_coming: list[Village] = field(default_factory=list)

    @property
    def meals(self) -> Meals:
        return Meals(breakfasts=self.nights, lunches=self.done, dinners=self.nights)


def nights_among(dates: Sequence[datetime.date]) -> int:
    """Nights spent: one wherever two days there follow each other."""
    there = set(dates)
    return sum(day + DAY in there for day in there)


def days_of(gathering: Gathering) -> tuple[datetime.date, ...]:
    return tuple(gathering.first_day + n * DAY for n in range(gathering.days))


def is_enrolled_on(enrollment: Enrollment, day: datetime.date) -> bool:
    """Whether the enrollment is in force: from joining until leaving; one taken back without a day of leaving never was."""
    if enrollment.left_on is None and not enrollment.live:
        return False
    return (enrollment.joined_on is None or enrollment.joined_on <= day) and (
        enrollment.left_on is None or day < enrollment.left_on
    )


def presence_of_gathering(gathering: Gathering) -> list[Presence]:
    """Everybody who belongs to a gathering, whether there or absent all the time, in order of names (4 queries)."""
    return presence_of_gatherings([gathering])[gathering.pk]


def presence_of_gatherings(gatherings: Iterable[Gathering]) -> dict[int, list[Presence]]:
    """The same for many gatherings at once, by gathering id, in the same number of queries."""
    found: dict[int, list[Presence]] = {gathering.pk: [] for gathering in gatherings}
    for presence in _presences(list(gatherings), None):
        found[presence.gathering.pk].append(presence)
    for rows in found.values():
        rows.sort(key=lambda row: (row.enrollment.cadre.sort_name, row.enrollment.pk))
    return found


def visits_of(enrollments: Iterable[Enrollment]) -> dict[int, list[Presence]]:
    """Every gathering not cancelled that each enrollment belongs to, by enrollment id, in order of days (6 queries).

    Sites with base and village are loaded with each gathering (`villages_of`).
    """
    ids = {enrollment.pk for enrollment in enrollments}
    classes = ClassMembership.objects.filter(enrollment__in=ids, live=True).values("practice_class")
    gatherings = with_sites(
        Gathering.objects.filter(
            Q(practice_class__in=classes)
            | Q(pk__in=MakeUp.objects.filter(enrollment__in=ids, live=True).values("gathering"))
            | Q(pk__in=ConfirmedPresence.objects.filter(enrollment__in=ids).values("gathering"))
        )
        .exclude(state=Gathering.State.CANCELLED)
        .order_by("first_day", "pk")
    )
    visits: dict[int, list[Presence]] = {pk: [] for pk in ids}
    for presence in _presences(list(gatherings), ids):
        visits[presence.enrollment.pk].append(presence)
    return visits


def next_visit(visits: Iterable[Presence], today: datetime.date) -> Presence | None:
    """Where somebody is next, of visits in order of days: the first not confirmed yet whose days are not over."""
    return next((visit for visit in visits if visit.gathering.last_day >= today and not visit.frozen), None)


def village_days(enrollments: Iterable[Enrollment], *, today: datetime.date | None = None) -> dict[int, Days]:
    """Days in villages, distinct villages and nights of each enrollment, by its id (`min_village_days`)."""
    today = today or timezone.localdate()
    return {pk: count_days(visits, today) for pk, visits in visits_of(enrollments).items()}


def count_days(visits: Iterable[Presence], today: datetime.date) -> Days:
    """Sum up visits in order of days; a gathering at two bases counts both villages (rule R14)."""
    days = Days()
    done: dict[int, Village] = {}
    coming: dict[int, Village] = {}
    for visit in visits:
        here, ahead = visit.done(today), len(visit.coming_dates(today))
        days.done += here
        days.coming += ahead
        days.nights += visit.nights_done(today)
        for village in villages_of(visit.gathering) if here or ahead else ():
            (done if here else coming).setdefault(village.pk, village)
    days.villages_done = list(done.values())
    days.villages_coming = [village for pk, village in coming.items() if pk not in done]
    return days


def with_sites(gatherings: QuerySet[Gathering]) -> QuerySet[Gathering]:
    """Gatherings with class and batch, and with their living sites, bases and villages loaded (one query more)."""
    sites = GatheringSite.objects.filter(live=True).select_related("base__village__township").order_by("order", "pk")
    return gatherings.select_related("practice_class__batch__programme").prefetch_related(
        Prefetch("sites", queryset=sites, to_attr="live_sites")
    )


def sites_of(gathering: Gathering) -> list[GatheringSite]:
    """The living sites in order of travel."""
    if not hasattr(gathering, "live_sites"):
        gathering.live_sites = list(  # type: ignore[attr-defined] # the attribute that `with_sites` fills
            gathering.sites.filter(live=True).select_related("base__village__township").order_by("order", "pk")
        )
    sites: list[GatheringSite] = gathering.live_sites  # type: ignore[attr-defined] # filled by `with_sites` or above
    return sites


def villages_of(gathering: Gathering) -> list[Village]:
    return [site.base.village for site in sites_of(gathering)]


def current_rows() -> QuerySet[ConfirmedPresence]:
    """Frozen rows that no later row corrects."""
    return ConfirmedPresence.objects.filter(corrected_by__isnull=True)


def _presences(gatherings: list[Gathering], ids: set[int] | None) -> list[Presence]:
    """Presence at these gatherings, of these enrollments or of everybody (4 queries)."""
    if not gatherings:
        return []
    mine: Q = Q() if ids is None else Q(enrollment__in=ids)
    joined = "enrollment__cadre__unit"
    members: dict[int, list[ClassMembership]] = defaultdict(list)
    classes = {gathering.practice_class_id for gathering in gatherings}
    memberships = ClassMembership.objects.filter(mine, practice_class__in=classes, live=True)
    for membership in memberships.select_related(joined).order_by("pk"):
        members[membership.practice_class_id].append(membership)
    guests: dict[int, list[Enrollment]] = defaultdict(list)
    makeups = MakeUp.objects.filter(mine, gathering__in=gatherings, live=True)
    for makeup in makeups.select_related(joined).order_by("pk"):
        guests[makeup.gathering_id].append(makeup.enrollment)
    away: dict[tuple[int, int], list[Absence]] = defaultdict(list)
    absences = Absence.objects.filter(mine, gathering__in=gatherings, whole_days=True, state__in=COUNTED_ABSENCES)
    for absence in absences.order_by("pk"):
        away[absence.gathering_id, absence.enrollment_id].append(absence)
    frozen: dict[int, list[ConfirmedPresence]] = defaultdict(list)
    confirmed = current_rows().filter(mine, gathering__in=gatherings)
    for row in confirmed.select_related(joined).order_by("pk"):
        frozen[row.gathering_id].append(row)

    found: list[Presence] = []
    for gathering in gatherings:
        facts = _from_facts(gathering, members[gathering.practice_class_id], guests[gathering.pk], away)
        if gathering.state == Gathering.State.CONFIRMED:
            found += [_from_frozen(gathering, row, facts.get(row.enrollment_id)) for row in frozen[gathering.pk]]
        else:
            found += facts.values()
    return found


def _from_facts(
    gathering: Gathering,
    members: list[ClassMembership],
    guests: list[Enrollment],
    away: dict[tuple[int, int], list[Absence]],
) -> dict[int, Presence]:
    people: dict[int, Enrollment] = {}
    expected: dict[int, set[datetime.date]] = defaultdict(set)
    days = days_of(gathering)
    for membership in members:
        belonging = {day for day in days if day in membership.days and is_enrolled_on(membership.enrollment, day)}
        if belonging:
            people[membership.enrollment_id] = membership.enrollment
            expected[membership.enrollment_id] |= belonging
    own = set(people)
    for guest in guests:
        belonging = {day for day in days if is_enrolled_on(guest, day)}
        if belonging:
            people.setdefault(guest.pk, guest)
            expected[guest.pk] |= belonging
    found = {}
    for pk, enrollment in people.items():
        dates = tuple(
            day
            for day in sorted(expected[pk])
            if not any(absence.first_day <= day <= absence.last_day for absence in away.get((gathering.pk, pk), ()))
        )
        found[pk] = Presence(
            gathering=gathering, enrollment=enrollment, expected=tuple(sorted(expected[pk])), dates=dates, days=len(dates),
            nights=nights_among(dates), makeup=pk not in own,
        )  # fmt: skip
    return found


def _from_frozen(gathering: Gathering, row: ConfirmedPresence, facts: Presence | None) -> Presence:
    agree = facts is not None and (facts.days, facts.nights) == (row.days, row.nights)
    return Presence(
        gathering=gathering, enrollment=row.enrollment, expected=facts.expected if facts else (),
        dates=facts.dates if facts and agree else (), days=row.days, nights=row.nights,
        makeup=bool(facts and facts.makeup), frozen=True,
    )  # fmt: skip
