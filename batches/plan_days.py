"""Who is at each gathering of a plan on its day, where the plan is of a batch in force.

The planner knows of everybody one class, for all gatherings: who moves later is lodged by it with the new class from the first
one on. Publishing writes rows that follow the days (`actions.reprojection`); pages that show such a plan follow them too.
"""

import datetime
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from django.db.models import Min
from django.utils import timezone

from accounts.models import AuditEntry
from batches.models import Batch, ClassMembership, PlanRun
from batches.plan_ids import pk_of
from batches.standing import DAY, Place, first_open_day, spans_of
from batches.states import LIVE

Span = tuple[int, datetime.date, datetime.date]


@dataclass
class OnTheDay:
    """By place (class, index): cadres of the class who are not in it on that day, and others who still are."""

    away: dict[Place, set[int]] = field(default_factory=dict)
    staying: dict[Place, set[int]] = field(default_factory=dict)


def on_their_days(batch: Batch, run: PlanRun) -> OnTheDay:
    """Of a repair or trial of a batch in force, as the rows know the days (one query, or 3); nothing of other plans."""
    found = OnTheDay()
    if batch.state not in LIVE or run.purpose not in (PlanRun.Purpose.REPAIR, PlanRun.Purpose.TRIAL):
        return found
    days = _Days(batch, run)
    for row in run.plan["gatherings"]:
        if "skipped" in row:
            continue
        place, day = (pk_of(row["class"]), row["index"]), datetime.date.fromisoformat(row["first_day"])
        members = days.members[place[0]]
        others = {cadre for cadre, *_ in days.spans.get(place[0], ())} - members
        found.away[place] = {cadre for cadre in members if not days.has_come(cadre, place[0], day)}
        found.staying[place] = {cadre for cadre in others if days.is_still_in(cadre, place[0], day)}
    return found


class _Days:
    """The days of seats: as the rows have them, and of seats that only the plan has those from which publishing would
    count them (`reprojection._seat`)."""

    def __init__(self, batch: Batch, run: PlanRun) -> None:
        self.batch, self.run, self.last_day = batch, run, batch.last_day
        self.since = first_open_day(batch, timezone.localdate(run.created_at))
        self.spans = spans_of(batch, batch.first_day)
        self.seats = {pk_of(row["cadre"]): pk_of(row["class"]) for row in run.plan["assignments"] if row["class"]}
        self.members: dict[int, set[int]] = defaultdict(set)
        for cadre, practice_class in self.seats.items():
            self.members[practice_class].add(cadre)
        self.free_from: dict[int, datetime.date] = defaultdict(lambda: self.since)
        for row in _under_way(run.plan, self.since):
            after = datetime.date.fromisoformat(row["last_day"]) + DAY
            self.free_from[pk_of(row["class"])] = max(self.since, after)
        self.ends = {
            pk_of(change["cadre"]): datetime.date.fromisoformat(change["from"]) for change in run.changes
            if change["kind"] == "withdraw" and change.get("from")
        }  # fmt: skip

    def has_come(self, cadre: int, practice_class: int, day: datetime.date) -> bool:
        """Whether somebody who sits in the class by the plan is there on a day."""
        own = self._spans(cadre, practice_class)
        if any(lower <= day < upper for _, lower, upper in own):
            return True
        begins = own[-1][1] if own and own[-1][2] > self.since else self._comes(cadre, practice_class)
        return day >= begins

    def is_still_in(self, cadre: int, practice_class: int, day: datetime.date) -> bool:
        """Whether somebody who has no seat in the class by the plan is there on a day: until the new one counts, or until the
        day of leaving."""
        uppers = [upper for _, lower, upper in self._spans(cadre, practice_class) if lower <= day < upper]
        if not uppers:
            return False
        if (seat := self.seats.get(cadre)) is not None:
            return not self.has_come(cadre, seat, day)
        if cadre in self._came_after:
            return False
        registered = uppers[-1] <= self.last_day
        return registered or day < max(self.ends.get(cadre, self.since), self.free_from[practice_class])

    @cached_property
    def _came_after(self) -> set[int]:
        """Who joined the batch after the plan was kept (2 queries): it knows nothing of them, whether they left again or not.
        History and audit trail have the same clock. A plan without an entry of its own knew of everybody."""
        kept = AuditEntry.objects.filter(
            act="keep_plan", subject_type="batches.Batch", subject_id=str(self.batch.pk),
            data__endswith=f'"run":{self.run.pk}}}',
        ).order_by("seq").first()  # fmt: skip
        if kept is None:
            return set()
        history = ClassMembership.pgh_event_model.objects  # type: ignore[attr-defined] # made by pghistory
        begun = history.filter(pgh_label="insert", enrollment__batch=self.batch).values("enrollment__cadre")
        first = begun.annotate(first=Min("pgh_created_at")).order_by("enrollment__cadre")
        return {cadre for cadre, at in first.values_list("enrollment__cadre", "first") if at > kept.at}

    def _comes(self, cadre: int, practice_class: int) -> datetime.date:
        """The day on which a seat that no row has yet would begin: for who comes later anyway, the same day."""
        known = [
            (lower, old) for old in self.spans for _, lower, upper in self._spans(cadre, old) if upper > self.since
        ]
        begins, old = max(known, default=(self.since, practice_class))
        return max(begins, self.free_from[old], self.free_from[practice_class])

    def _spans(self, cadre: int, practice_class: int) -> list[Span]:
        return [row for row in self.spans.get(practice_class, ()) if row[0] == cadre]


def _under_way(plan: dict[str, Any], since: datetime.date) -> Iterable[dict[str, Any]]:
    day = since.isoformat()
    return (row for row in plan["gatherings"] if "skipped" not in row and row["first_day"] < day <= row["last_day"])
