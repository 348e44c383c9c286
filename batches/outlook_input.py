"""The planner's input for the coming batches of a programme, with rules as they are or as somebody would have them.

The coming batches are those in preparation or taking names, in order, and after them as many as are asked for: each begins on
the Monday after the one before, lasts as many months (of four weeks) as the programme says, and has the classes of its tracks.
Ages are those of today. Who is named for a planned batch and not left out by its newest plan, or is in a published one, counts as
covered; who has been named for a coming one keeps that place. Nothing is stored: every question starts from the facts.
"""

import copy
import datetime
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils import timezone

from batches.models import Batch, Nomination, Parity, PlanDemand, PracticeClass, Programme, Track
from batches.plan_ids import key
from batches.planning.formats import Document
from batches.planning.problem import Problem
from batches.planning_input import INPUT_FORMAT, cadre_rows, programme_rules, unit_rows, waiver_rows
from batches.planning_places import base_rows, history_of, other_uses
from batches.queries import GOING, latest_runs
from batches.states import OPEN
from cadres.models import Cadre
from office.calendar import holidays, working_weekend_days

Change = Mapping[str, Any]
FAR = datetime.date(9000, 1, 1)
"""An absence without an end reaches at least here."""
TRACK = "track_"
LOOKED_AT = (
    "pk", "unit_id", "sex", "birth", "level", "rank", "post_kind", "leading", "state",
)  # fmt: skip


@dataclass(frozen=True)
class Coming:
    """A batch to come: the row, or a number and dates for one that nobody has set up yet."""

    id: str
    number: int
    first_day: datetime.date
    last_day: datetime.date
    row: Batch | None = None


class Facts:
    """The county as it is on a day, loaded once for as many inputs as are asked for (a fixed number of queries)."""

    def __init__(self, programme: Programme, *, bases: bool = True, today: datetime.date | None = None):
        self.programme = programme
        self.today = today or timezone.localdate()
        self.tracks = list(programme.tracks.order_by("order"))
        self._all = list(Batch.objects.order_by("first_day", "number").select_related("programme"))
        self.open = [row for row in self._all if row.programme_id == programme.pk and row.state in OPEN]
        self.planned = [row for row in self._all if row.state == Batch.State.PLANNED]
        self._classes: dict[int, list[PracticeClass]] = defaultdict(list)
        for practice_class in PracticeClass.objects.filter(batch__in=self.open).order_by("number"):
            self._classes[practice_class.batch_id].append(practice_class)
        self.cadres = list(
            Cadre.objects.filter(state=Cadre.State.IN_POST, unit__active=True).only(*LOOKED_AT).order_by("pk")
        )
        since = min([self.today, *(row.first_day for row in self.open)])
        self._stretch = Batch(pk=0, programme=programme, first_day=since, last_day=FAR)
        self._cadre_rows = self._people()
        self._units = unit_rows({cadre.unit_id for cadre in self.cadres})
        self._waivers = waiver_rows(*self.open)
        self._places: Document = {
            "bases": base_rows(self._stretch) if bases else [],
            "other_uses": other_uses(self._stretch) if bases else [],
            "history": history_of(self._stretch) if bases else {"bases": [], "households": []},
        }

    @property
    def next_number(self) -> int:
        return max((row.number for row in self._all), default=0) + 1

    def coming(self, count: int, rules: Programme | None = None) -> list[Coming]:
        """The first `count` batches to come."""
        rules = rules or self.programme
        found = [Coming(key("B", row.pk), row.number, row.first_day, row.last_day, row) for row in self.open[:count]]
        after = max([self.today, *(row.last_day for row in self._all)])
        number = self.next_number
        while len(found) < count:
            first = after + datetime.timedelta(days=7 - after.weekday())
            after = first + datetime.timedelta(days=28 * rules.batch_months - 1)
            found.append(Coming(f"N{number}", number, first, after))
            number += 1
        return found

    def document(self, count: int, changes: Iterable[Change] = ()) -> Document:
        """A valid input of the first `count` coming batches by the programme's rules with the changes made."""
        rules, classes = with_changes(self.programme, self.tracks, changes)
        coming = self.coming(max(1, count), rules)
        programme = programme_rules(rules, self.today)
        programme["tracks"] = [row | {"classes_per_batch": classes[row["id"]]} for row in programme["tracks"]]
        first, last = coming[0].first_day, coming[-1].last_day
        document: Document = {
            "format": INPUT_FORMAT,
            "programme": programme,
            "calendar": {
                "holidays": [day.isoformat() for day in holidays(first, last)],
                "working_weekend_days": [day.isoformat() for day in working_weekend_days(first, last)],
            },
            "units": self._units,
            "cadres": self._cadre_rows,
            "batches": [
                {
                    "id": row.id, "first_day": row.first_day.isoformat(), "last_day": row.last_day.isoformat(),
                    "classes": self._class_rows(row, classes),
                }
                for row in coming
            ],
            **self._places,
            "pins": {"batches": [], "classes": [], "gatherings": []},
            "waivers": self._waivers,
            "previous": None,
        }  # fmt: skip
        return self._with_demands(document, coming)

    def _people(self) -> list[Document]:
        """Everybody in post; who is named for a planned batch counts as covered, but whom its newest plan left out."""
        named = Nomination.objects.filter(batch__in=[row.pk for row in self.planned], state__in=GOING)
        settled = {key("C", pk) for pk in named.values_list("cadre", flat=True)}
        for run in latest_runs(self.planned):
            settled -= {row["cadre"] for row in run.plan["unassigned"]}
        rows = cadre_rows(self._stretch, self.cadres, ignore_past=False)
        return [row | {"attended_before": row["attended_before"] or row["id"] in settled} for row in rows]

    def _class_rows(self, batch: Coming, classes: Mapping[str, int]) -> list[Document]:
        """As many classes a track as the rules say, those that are set up first, odd and even weeks in turn."""
        known: dict[str, list[str]] = defaultdict(list)
        for row in self._classes[batch.row.pk] if batch.row else []:
            known[key("W", row.track_id)].append(key("K", row.pk))
        rows: list[Document] = []
        for track, count in classes.items():
            for i in range(count):
                number = len(rows) + 1
                name = known[track][i] if i < len(known[track]) else f"N{batch.number}-{number}"
                parity = Parity.ODD if number % 2 else Parity.EVEN
                rows.append({"id": name, "parity": str(parity), "track": track, "staff": []})
        return rows

    def _with_demands(self, document: Document, coming: Sequence[Coming]) -> Document:
        """Who must or must not be in a coming batch, and who has been named for one while it takes names."""
        own = {row.row.pk: row.id for row in coming if row.row is not None}
        must, out, named = defaultdict(list), defaultdict(list), {}
        for demand in PlanDemand.objects.filter(batch__in=own, live=True).order_by("pk"):
            if demand.kind == PlanDemand.Kind.MUST:
                must[key("C", demand.cadre_id)].append(own[demand.batch_id])
            elif demand.kind == PlanDemand.Kind.MUST_NOT:
                out[key("C", demand.cadre_id)].append(own[demand.batch_id])
        answers = Nomination.objects.filter(batch__in=own, batch__state=Batch.State.NOMINATING).order_by("batch", "pk")
        for answer in answers:
            if answer.state in GOING:
                named[key("C", answer.cadre_id)] = own[answer.batch_id]
            else:
                out[key("C", answer.cadre_id)].append(own[answer.batch_id])
        if not (must or out or named):
            return document
        rows = []
        for row in document["cadres"]:
            name = row["id"]
            more = {"must": sorted(set(must[name])), "must_not": sorted(set(out[name]) - set(must[name]))}
            rows.append(row | more | ({"attended_before": False} if name in named else {}))
        document = document | {"cadres": rows}
        return document | {"pins": document["pins"] | {"batches": _lawful(document, named)}}


def _lawful(document: Document, named: Mapping[str, str]) -> list[Document]:
    """Pins of those named who can attend at all; the others stand for selection again."""
    problem = Problem(document | {"bases": [], "cadres": [row for row in document["cadres"] if row["id"] in named]})
    places = {batch.id: batch.place for batch in problem.batches}
    return [
        {"cadre": cadre.id, "batch": named[cadre.id]}
        for cadre in problem.cadres
        if places[named[cadre.id]] in cadre.open
    ]


def with_changes(
    programme: Programme, tracks: Iterable[Track], changes: Iterable[Change]
) -> tuple[Programme, dict[str, int]]:
    """(rules with the changes made, in memory only; classes of a batch by the planner's name of the track)."""
    rules = copy.copy(programme)
    classes = {key("W", track.pk): track.classes_per_batch for track in tracks}
    by_order = {track.order: key("W", track.pk) for track in tracks}
    for change in changes:
        name = str(change["name"])
        if name.startswith(TRACK):
            classes[by_order[int(name.removeprefix(TRACK))]] = change["value"]
        else:
            setattr(rules, name, change["value"])
    return rules, classes
