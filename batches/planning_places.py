"""Where people can be and what is taken there, as the planner's input writes it: bases, other uses, use so far."""

import datetime
from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from django.db.backends.postgresql.psycopg_any import DateRange
from django.db.models import Prefetch, Q

from bases.models import BaseUse, Bed, Closure, HostHousehold, PracticeBase, Room
from batches.models import Batch, Lodging
from batches.plan_ids import key
from batches.queries import person_days_by_base
from batches.standing import Standing

Ranges = list[list[str]]


def spans(rows: Iterable[Any], last_day: datetime.date, since: datetime.date | None = None) -> Ranges:
    """Half-open ranges as the planner writes them; an open end reaches past the batch, nothing reaches before `since`."""
    beyond, earliest = last_day + datetime.timedelta(days=31), since or datetime.date(2000, 1, 1)
    spans = [(max(row.days.lower or earliest, earliest), row.days.upper or beyond) for row in rows]
    return sorted([lower.isoformat(), upper.isoformat()] for lower, upper in spans if lower < upper)


def overlapping(rows: Any, batch: Batch) -> Any:
    return rows.filter(live=True, days__overlap=(batch.first_day, batch.last_day + datetime.timedelta(days=1)))


class _Stay:
    """Days [lower, upper) on which a place is taken or shut; shaped like a closure."""

    def __init__(self, days: Any) -> None:
        self.days = days


def base_rows(batch: Batch, standing: Standing | None = None) -> list[dict[str, Any]]:
    """Open bases with their admitted households, rooms, active beds and everything closed during the batch.

    Of a published batch also those no longer open where something has begun, closed from now on; where a class is under way
    nothing is closed until it has gone home, for it stays there.
    """
    shut_from = _shut_from(standing) if standing else defaultdict[int, datetime.date | None](lambda: None)
    closures: dict[tuple[str, int], list[Any]] = defaultdict(list)
    for row in overlapping(Closure.objects.all(), batch):
        for place in ("base", "household", "room"):
            if (pk := getattr(row, f"{place}_id")) is not None:
                closures[place, pk].append(row)
    for household, days in _households_taken_by_others(batch):
        closures["household", household].append(days)
    rooms = Room.objects.order_by("pk").prefetch_related(
        Prefetch("beds", Bed.objects.filter(active=True).order_by("number"))
    )
    begun = standing.begun.values() if standing else ()
    used = {base for stood in begun for base in stood.bases}
    slept = {household for stood in begun for household, _, _ in stood.beds.values()}
    ever = [_Stay(DateRange(None, None))]
    admitted, opened = HostHousehold.State.ADMITTED, PracticeBase.State.OPEN
    households = HostHousehold.objects.filter(Q(state=admitted) | Q(pk__in=slept)).order_by("pk")
    bases = (
        PracticeBase.objects.filter(Q(state=opened) | Q(pk__in=used))
        .select_related("village")
        .prefetch_related("routes", Prefetch("households", households.prefetch_related(Prefetch("rooms", rooms))))
        .order_by("pk")
    )
    last = batch.last_day
    if standing is not None:
        _close_what_is_over(batch, standing, closures)
    return [
        {
            "id": key("P", base.pk), "village": key("V", base.village_id), "township": key("T", base.village.township_id),
            "routes": sorted(key("L", route.pk) for route in base.routes.all()),
            "position_km": [float(base.east_km), float(base.north_km)],
            "declared_capacity": base.declared_capacity,
            "closed": sorted(
                spans(closures["base", base.pk] + ([] if base.state == opened else ever), last, shut_from[base.pk])
                + spans(closures["over", base.pk], last)
            ),
            "households": [
                {
                    "id": key("H", household.pk),
                    "closed": spans(
                        closures["household", household.pk] + ([] if household.state == admitted else ever), last,
                        shut_from[base.pk],
                    ),
                    "rooms": [
                        {
                            "id": key("R", room.pk), "beds": len(room.beds.all()),
                            "closed": spans(closures["room", room.pk], last, shut_from[base.pk]),
                        }
                        for room in household.rooms.all() if room.beds.all()
                    ],
                }
                for household in base.households.all()
                if any(room.beds.all() for room in household.rooms.all())
            ],
        }
        for base in bases
    ]  # fmt: skip


def _shut_from(standing: Standing) -> dict[int, datetime.date | None]:
    """Base → the first day from which closures count."""
    found: dict[int, datetime.date | None] = defaultdict(lambda: standing.since)
    for stood in standing.begun.values():
        for base in stood.bases:
            found[base] = max(found[base] or standing.since, stood.gathering.last_day + datetime.timedelta(days=1))
    return found


def _close_what_is_over(batch: Batch, standing: Standing, closures: dict[tuple[str, int], list[Any]]) -> None:
    """The days of this week that are over are shut wherever nobody is: no gathering may be put on them."""
    monday = standing.since - datetime.timedelta(days=standing.since.weekday())
    if standing.since in (batch.first_day, monday):
        return
    there = {base for stood in standing.begun.values() if stood.gathering.last_day >= monday for base in stood.bases}
    for base in PracticeBase.objects.exclude(pk__in=there).order_by("pk"):
        closures["over", base.pk].append(_Stay(DateRange(monday, standing.since)))


def _guests(standing: Standing) -> list[dict[str, Any]]:
    rows = []
    for stood in standing.coming.values():
        for base, _ in standing.guests.get(stood.gathering.pk, ()):
            first, last = stood.gathering.first_day, stood.gathering.last_day
            rows.append(
                {"base": key("P", base), "first_day": first.isoformat(), "last_day": last.isoformat(), "people": 1}
            )
    return rows


def _households_taken_by_others(batch: Batch) -> list[tuple[int, _Stay]]:
    lodgings = (
        Lodging.objects.filter(live=True, stay__overlap=(batch.first_day, batch.last_day + datetime.timedelta(days=1)))
        .exclude(gathering__practice_class__batch=batch)
        .values_list("household", "stay")
        .distinct()
    )
    return [(household, _Stay(stay)) for household, stay in lodgings if household is not None]


def other_uses(batch: Batch, standing: Standing | None = None) -> list[dict[str, Any]]:
    """Outside parties, and other batches' gatherings: whatever else takes room at a base during the batch.

    Of a published batch from now on, and with those of another class who make up days at a coming gathering.
    """
    uses = overlapping(BaseUse.objects.all(), batch).filter(base__state=PracticeBase.State.OPEN)
    own = Q(gathering_site__gathering__practice_class__batch=batch)
    rows = [
        {
            "base": key("P", use.base_id),
            "first_day": use.days.lower.isoformat(),
            "last_day": (use.days.upper - datetime.timedelta(days=1)).isoformat(),
            "people": use.people,
        }
        for use in uses.exclude(own)
    ]
    if standing is not None:
        since = standing.since.isoformat()
        rows = [row | {"first_day": max(row["first_day"], since)} for row in rows if row["last_day"] >= since]
        rows += _guests(standing)
    return sorted(rows, key=lambda row: (row["base"], row["first_day"], row["last_day"], row["people"]))


def history_of(batch: Batch) -> dict[str, Any]:
    """Person-days and bed-nights so far: the figures from before the system, and other batches' gatherings."""
    days = person_days_by_base(without=batch)
    bases = PracticeBase.objects.filter(state=PracticeBase.State.OPEN).order_by("pk")
    nights: dict[int, int] = defaultdict(int)
    lodgings = Lodging.objects.filter(live=True).exclude(gathering__practice_class__batch=batch)
    for household, stay in lodgings.values_list("household", "stay"):
        nights[household] += (stay.upper - stay.lower).days if stay.lower and stay.upper else 0
    households = HostHousehold.objects.filter(
        state=HostHousehold.State.ADMITTED, base__state=PracticeBase.State.OPEN
    ).order_by("pk")
    return {
        "bases": [
            {"base": key("P", base.pk), "person_days": base.history_person_days + days.get(base.pk, 0)}
            for base in bases
        ],
        "households": [
            {"household": key("H", row.pk), "bed_nights": row.history_bed_nights + nights[row.pk]}
            for row in households.filter(rooms__beds__active=True).distinct()
        ],
    }
