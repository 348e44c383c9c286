"""What stands of a published batch and from which day on it can still be changed: the facts that a repair starts from.

Read from the rows, not from the version's text, so that whatever happened since publication counts: people who moved, came
late or left, gatherings that fell out, beds chosen by hand. What has begun is over for planning; it is only remembered.
"""

import datetime
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from django.db.models import Prefetch

from bases.models import Bed
from batches.models import (
    Batch,
    ClassMembership,
    Gathering,
    GatheringSite,
    Lodging,
    MakeUp,
    Parity,
)
from batches.queries import GOING, GONE, begun_cells, numbered_beds
from batches.states import LIVE

DAY = datetime.timedelta(days=1)
WEEK = datetime.timedelta(days=7)
OUT = "withdrawn"
"""Why a fortnight stays without gathering: it is over, or people took it out."""
Place = tuple[int, int]
Slept = tuple[int, int, int]
Spans = dict[int, list[tuple[int, datetime.date, datetime.date]]]


@dataclass(frozen=True)
class Stood:
    """A gathering as it stands: its days, base → people of the class in order of travel, member (cadre) → (household, room,
    bed). Those of other classes who make days up there, and those who will have left, are in neither (`Standing.guests`).
    `leaving` are the beds of these latter, `lodgings` the beds in force of all.
    """

    gathering: Gathering
    bases: dict[int, int]
    beds: dict[int, Slept]
    leaving: dict[int, Slept]
    begun: bool
    lodgings: list[Lodging]


@dataclass
class Standing:
    """Everything by primary key. `since` is the first day that can still be changed."""

    since: datetime.date
    seats: dict[int, int] = field(default_factory=dict)
    """Cadre → class, of everybody who is in force from `since` on."""
    by_hand: set[int] = field(default_factory=set)
    """Cadres of `seats` to whom somebody gave the seat by hand, not a version."""
    waiting: set[int] = field(default_factory=set)
    """Cadres named for the batch who never had a seat in it."""
    held: dict[Place, Stood] = field(default_factory=dict)
    skipped: dict[Place, str] = field(default_factory=dict)
    guests: dict[int, list[tuple[int, int]]] = field(default_factory=dict)
    """Gathering → (base, cadre) of those who are lodged there and have no seat in its class: make-ups, and `still_there`."""
    spans: Spans = field(default_factory=dict)
    """Class → (cadre, first day, first day away) of everybody who sits in it on `since` or later."""
    last_day: datetime.date = datetime.date.max
    numbers: dict[int, int] = field(default_factory=dict)
    """Active bed → its number for the planner (`queries.numbered_beds`)."""

    def sits(self, practice_class: int, cadre: int, day: datetime.date) -> bool:
        """Whether somebody is in the class on that day."""
        return any(who == cadre and lower <= day < upper for who, lower, upper in self.spans.get(practice_class, ()))

    def comes(self, practice_class: int, cadre: int) -> datetime.date:
        """The day from which somebody sits in the class, the last time if there are several; `since` for whoever is there."""
        begins = [lower for who, lower, _ in self.spans.get(practice_class, ()) if who == cadre]
        return max([self.since, *begins[-1:]])

    def still_there(self, practice_class: int, day: datetime.date) -> list[int]:
        """Cadres who belong to the class on that day and will have left or moved before the batch ends, not to come back: no
        seat of `seats`, but a bed at whatever they still belong to."""
        spans = self.spans.get(practice_class, ())
        there_at_last = {cadre for cadre, _, upper in spans if upper > self.last_day}
        return [cadre for cadre, lower, upper in spans if lower <= day < upper and cadre not in there_at_last]

    def not_yet(self, place: Place) -> list[int]:
        """Cadres with a seat in the class who come to it after this gathering has begun: no bed there."""
        class_pk, day = place[0], self.held[place].gathering.first_day
        return sorted(
            cadre for cadre, seat in self.seats.items() if seat == class_pk and not self.sits(class_pk, cadre, day)
        )

    @property
    def begun(self) -> dict[Place, Stood]:
        return {place: stood for place, stood in self.held.items() if stood.begun}

    @property
    def coming(self) -> dict[Place, Stood]:
        return {place: stood for place, stood in self.held.items() if not stood.begun}


def standing_of(batch: Batch, today: datetime.date) -> Standing:
    """What stands of a published batch on a day, in a fixed number of queries."""
    numbers = {bed.pk: number for (_, number), bed in numbered_beds().items()}
    found = Standing(since=first_open_day(batch, today), numbers=numbers, last_day=batch.last_day)
    found.seats = seats_from(batch, found.since)
    found.by_hand = _seated_by_hand(batch, found)
    found.spans = spans_of(batch, found.since)
    enrolled = set(batch.enrollments.values_list("cadre", flat=True))
    named = batch.nominations.filter(state__in=GOING, cadre__state="in_post").values_list("cadre", flat=True)
    found.waiting = set(named) - enrolled
    _gatherings(batch, found, today)
    _skipped(batch, found)
    return found


def first_open_day(batch: Batch, today: datetime.date) -> datetime.date:
    """The first day of a published batch that can still be changed: a gathering of today has begun, so not before tomorrow."""
    return max(today + DAY, batch.first_day)


def seats_from(batch: Batch, since: datetime.date) -> dict[int, int]:
    """Cadre → the class in which a next version finds them: the last one of everybody who stays (one query)."""
    rows = (
        ClassMembership.objects.filter(
            enrollment__batch=batch, live=True, enrollment__live=True, days__endswith__gt=since,
            enrollment__cadre__state="in_post",
        )
        .exclude(enrollment__state__in=GONE)
        .order_by("days", "pk")
    )  # fmt: skip
    return dict(rows.values_list("enrollment__cadre", "practice_class"))


def _seated_by_hand(batch: Batch, found: Standing) -> set[int]:
    rows = ClassMembership.objects.filter(
        enrollment__batch=batch, live=True, by_hand=True, days__endswith__gt=found.since
    )  # fmt: skip
    seats = rows.values_list("enrollment__cadre", "practice_class")
    return {cadre for cadre, seat in seats if found.seats.get(cadre) == seat}


def spans_of(batch: Batch, since: datetime.date) -> Spans:
    """Who sits in each class on or after `since`, from when until when (one query)."""
    rows = ClassMembership.objects.filter(
        enrollment__batch=batch, live=True, enrollment__live=True, days__endswith__gt=since
    ).select_related("enrollment")  # fmt: skip
    found: Spans = {}
    for row in rows.order_by("days", "pk"):
        if row.days.lower is not None and row.days.upper is not None:
            found.setdefault(row.practice_class_id, []).append(
                (row.enrollment.cadre_id, row.days.lower, row.days.upper)
            )
    return found


def _gatherings(batch: Batch, found: Standing, today: datetime.date) -> None:
    sites = GatheringSite.objects.order_by("order", "pk")
    rows = (
        Gathering.objects.filter(practice_class__batch=batch)
        .exclude(state=Gathering.State.CANCELLED)
        .prefetch_related(Prefetch("sites", sites))
        .order_by("pk")
    )
    # not read ahead on the gatherings: whoever asked them for beds let go would then find none
    lodgings: dict[int, list[Lodging]] = {}
    beds_held = Lodging.objects.filter(gathering__in=rows, live=True).select_related("bed", "enrollment")
    for row in beds_held.order_by("pk"):
        lodgings.setdefault(row.gathering_id, []).append(row)
    made_up = set(MakeUp.objects.filter(gathering__in=rows, live=True).values_list("gathering", "enrollment"))
    base_of = dict(Bed.objects.filter(lodgings__gathering__in=rows).values_list("pk", "room__household__base"))
    for gathering in rows:
        live = [site for site in gathering.sites.all() if site.live] or list(gathering.sites.all())
        beds: dict[int, Slept] = {}
        left: dict[int, Slept] = {}
        guests = Counter[int]()
        begun = gathering.first_day <= today or gathering.state != Gathering.State.PLANNED
        leaving = set() if begun else set(found.still_there(gathering.practice_class_id, gathering.first_day))
        for row in lodgings.get(gathering.pk, ()):
            cadre = row.enrollment.cadre_id
            if (gathering.pk, row.enrollment_id) in made_up or cadre in leaving:
                found.guests.setdefault(gathering.pk, []).append((base_of[row.bed_id], cadre))
                guests[base_of[row.bed_id]] += 1
            if (gathering.pk, row.enrollment_id) in made_up:
                continue
            if row.bed_id in found.numbers and row.household_id is not None:
                mine = left if cadre in leaving else beds
                mine[cadre] = (row.household_id, row.bed.room_id, found.numbers[row.bed_id])
        found.held[gathering.practice_class_id, gathering.index] = Stood(
            gathering, {site.base_id: max(site.people - guests[site.base_id], 1) for site in live}, beds, left, begun,
            lodgings.get(gathering.pk, []),
        )  # fmt: skip


def _skipped(batch: Batch, found: Standing) -> None:
    """Fortnights without a gathering: as the version says while they may still be held, else out."""
    version = batch.plan_versions.order_by("-number").first()
    plan = version.plan if version is not None else {}
    said = {(row["class"], row["index"]): row.get("skipped") for row in plan.get("gatherings", ())}
    for practice_class in batch.classes.order_by("number"):
        over = fortnights_over(batch, practice_class.parity, found.since)
        for index, _ in fortnights(batch, practice_class.parity):
            place = (practice_class.pk, index)
            name = (f"K{practice_class.pk}", index)
            if place in found.held:
                continue
            if index in over:
                found.skipped[place] = OUT
            elif name in said:
                found.skipped[place] = said[name] or OUT


def fortnights_over(batch: Batch, parity: str, since: datetime.date) -> set[int]:
    """Indexes of the fortnights in which a class of these weeks can gather no more, whether it was there or is added now."""
    return {index for index, monday in fortnights(batch, parity) if monday + WEEK <= since}


def past_cells(batch: Batch, today: datetime.date) -> set[Place]:
    """Cells of a published batch in which nothing can be planned any more: gatherings begun, and weeks that are over without
    one, whether a class let them out or was not there yet.
    """
    if batch.state not in LIVE:
        return set()
    since = first_open_day(batch, today)
    over = {
        (row.pk, index) for row in batch.classes.all() for index in fortnights_over(batch, row.parity, since)
    }  # fmt: skip
    return begun_cells(batch, today) | over


def fortnights(batch: Batch, parity: str) -> Iterator[tuple[int, datetime.date]]:
    """The indexes of a class's gatherings with the Monday of the week of each (R10 of docs/rules.md)."""
    monday = batch.first_day - datetime.timedelta(days=batch.first_day.weekday())
    if parity == Parity.EVEN:
        monday += WEEK
    index = 1
    while monday <= batch.last_day:
        yield index, monday
        monday += 2 * WEEK
        index += 1
