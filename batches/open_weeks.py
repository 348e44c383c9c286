"""The weeks of a batch before it is planned: on which days a gathering may begin, and where people could sleep then."""

import datetime
from collections import Counter
from dataclasses import dataclass
from typing import Any

from bases.models import Bed, Closure, HostHousehold, PracticeBase
from batches.models import Batch, Programme
from batches.planning.problem import Problem, first_days
from batches.planning_input import INPUT_FORMAT, batch_row, calendar_row, programme_rules

DAY = datetime.timedelta(days=1)
Beds = list[tuple[int, int, int]]
"""Base, household and room of each bed."""


@dataclass(frozen=True)
class Week:
    """One week: who gathers in it, first days that holidays and the rules allow, and base → usable beds on the best of them."""

    monday: datetime.date
    parity: str
    starts: tuple[datetime.date, ...]
    beds: dict[int, int]

    @property
    def receiving(self) -> int:
        """Bases with a bed."""
        return sum(1 for count in self.beds.values() if count)

    def room(self, spare: int) -> int:
        """Beds of all bases, without those each keeps `spare`."""
        return sum(max(count - spare, 0) for count in self.beds.values())


def weeks_of(batch: Batch, beds: Beds | None = None) -> list[Week]:
    """The weeks in their order, in a fixed number of queries. `beds` are the usable ones, where somebody has read them."""
    problem = _problem(batch, batch_row(batch))
    lawful = first_days(problem, problem.batches[0], apart=False)
    monday = batch.first_day - DAY * batch.first_day.weekday()
    places = _Places(batch, problem.days, usable_beds() if beds is None else beds)
    rows = []
    for (parity, index), days in lawful.items():
        starts = tuple(datetime.date.fromordinal(day) for day in days)
        week = 2 * index - 2 if parity == "odd" else 2 * index - 1
        rows.append(Week(monday + 7 * week * DAY, parity, starts, places.beds(starts)))
    return sorted(rows, key=lambda row: row.monday)


def least_last_day(programme: Programme, first_day: datetime.date) -> datetime.date:
    """The first last day of a batch, a whole fortnight at least, by which odd and even classes have each had days on which
    they may gather. Where the rules allow none within a year, no day cures that, and the fortnight is all that is asked.
    """
    least = first_day + DAY * (7 * programme.gathering_interval_weeks - 1)
    year = Batch(programme=programme, first_day=first_day, last_day=first_day + 365 * DAY)
    days = {"first_day": year.first_day.isoformat(), "last_day": year.last_day.isoformat()}
    problem = _problem(year, {"id": "B0", **days, "classes": []})
    found: dict[str, datetime.date] = {}
    for (parity, _), starts in first_days(problem, problem.batches[0], apart=False).items():
        if starts:
            found.setdefault(parity, datetime.date.fromordinal(starts[0]) + DAY * (problem.days - 1))
    return max([least, *found.values()])


def _problem(batch: Batch, row: dict[str, Any]) -> Problem:
    """A batch as the planner sees it, with its rules and the calendar, but without people and places."""
    return Problem(
        {
            "format": INPUT_FORMAT, "programme": programme_rules(batch.programme, batch.first_day),
            "calendar": calendar_row(batch), "units": [], "cadres": [], "batches": [row], "bases": [],
            "other_uses": [], "history": [], "pins": {"batches": [], "classes": [], "gatherings": []}, "waivers": [],
            "previous": None,
        }
    )  # fmt: skip


def usable_beds() -> Beds:
    """Base, household and room of every bed that may be slept in while nothing is closed."""
    rows = Bed.objects.filter(
        active=True, room__household__state=HostHousehold.State.ADMITTED,
        room__household__base__state=PracticeBase.State.OPEN,
    )  # fmt: skip
    return list(rows.order_by("pk").values_list("room__household__base", "room__household", "room"))


class _Places:
    """Beds and what is closed during a batch, read once."""

    def __init__(self, batch: Batch, days: int, beds: Beds) -> None:
        self.days, self.rows = days, beds
        self.closures = list(
            Closure.objects.filter(live=True, days__overlap=(batch.first_day, batch.last_day + DAY)).order_by("pk")
        )

    def beds(self, starts: tuple[datetime.date, ...]) -> dict[int, int]:
        """Base → beds free of closures for a whole stay, from the first day that leaves most of them."""
        best: Counter[int] = Counter()
        for first in starts:
            best |= self._on(first, first + DAY * self.days)
        return dict(best)

    def _on(self, first: datetime.date, until: datetime.date) -> Counter[int]:
        shut = [
            row for row in self.closures
            if (row.days.lower is None or row.days.lower < until) and (row.days.upper is None or row.days.upper > first)
        ]  # fmt: skip
        bases, homes, rooms = ({getattr(row, name) for row in shut} for name in ("base_id", "household_id", "room_id"))
        return Counter(
            base for base, home, room in self.rows if base not in bases and home not in homes and room not in rooms
        )
