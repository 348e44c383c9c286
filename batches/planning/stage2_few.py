"""Tracks of few classes in stage 2, split by programmes: odd and even weeks of all at once, then each side into classes.

In a track of two to four classes most cells must come out exactly, and R03 ties the tracks to each other, so that swaps of
two people find their way badly there. A split is a mixed integer programme (HiGHS): a column a person says `first part`,
and a cell costs what either part has beyond what its classes may have. What the split of all into odd and even weeks
costs at least, no seats of these tracks come below; most batches reach it, or nearly, within the nodes allowed.
"""

import math
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from .linear import Linear, Terms
from .problem import Cadre, Klass
from .stage2_case import Case, Seats

FEW = 4
NODE_LIMIT = 100
MARGINAL = 1000  # what a marginal cell off by one costs; a pair cell costs 1


@dataclass(frozen=True)
class Part:
    """People of a track who are divided over the classes of `first` and those of `second`."""

    people: list[Cadre]
    first: list[Klass]
    second: list[Klass]


def split_few(case: Case, pulse: Callable[[], None]) -> tuple[Seats, int]:
    """Seats of the people of tracks of few classes, nobody where no split is found; and the least that marginal cells off,
    `MARGINAL` each, and pair cells off come to together."""
    tracks = [track for track in sorted(case.totals) if 2 <= len(case.batch.of_track(track)) <= FEW]
    parts = [_by_parity(case, track) for track in tracks]
    if not parts:
        return {}, 0
    pulse()
    program = Program(case, parts)
    program.keep_parities(parts)
    chosen = program.solve()
    seats: Seats = {}
    todo = [side for part in parts for side in _sides(part, chosen)]
    while todo and chosen:
        people, classes = todo.pop()
        if len(classes) < 2 or not people:
            seats.update((c.id, classes[0].id) for c in people)
            continue
        pulse()
        middle = (len(classes) + 1) // 2
        part = Part(people, classes[:middle], classes[middle:])
        chosen = Program(case, [part]).solve()
        todo += _sides(part, chosen)
    return (seats, program.bound) if chosen else ({}, 0)


def _by_parity(case: Case, track: str) -> Part:
    classes = case.batch.of_track(track)
    people = [c for c in case.members if c.track == track]
    return Part(people, [k for k in classes if k.parity == "odd"], [k for k in classes if k.parity != "odd"])


def _sides(part: Part, chosen: dict[str, bool]) -> list[tuple[list[Cadre], list[Klass]]]:
    sides = [(True, part.first), (False, part.second)]
    return [([c for c in part.people if chosen.get(c.id) == side], classes) for side, classes in sides if classes]


class Program(Linear):
    """Columns and rows of a split."""

    def __init__(self, case: Case, parts: list[Part]):
        super().__init__()
        self.case = case
        self.bound = 0
        self.first: dict[str, int] = {}
        for part in parts:
            self._people(part)
            self._sizes(part)
            self._spread(part)
            self._cells(part)

    def _count(self, people: list[Cadre]) -> Terms:
        return [(self.first[c.id], 1.0) for c in people]

    def _people(self, part: Part) -> None:
        for cadre in part.people:
            allowed = self.case.allowed(cadre)
            may = any(k in allowed for k in part.first), any(k in allowed for k in part.second)
            self.first[cadre.id] = self.column(float(may[0]), lower=float(not may[1]))

    def _sizes(self, part: Part) -> None:
        (low, high), (low2, high2) = (self._room(classes) for classes in (part.first, part.second))
        number = len(part.people)
        self.row(self._count(part.people), max(low, number - high2), min(high, number - low2))

    def _room(self, classes: list[Klass]) -> tuple[int, int]:
        ranges = [self.case.size_range(klass) for klass in classes]
        return sum(low for low, _ in ranges), sum(high for _, high in ranges)

    def _spread(self, part: Part) -> None:
        """Room is left for R02 in the classes of either part."""
        of_unit: dict[str, list[Cadre]] = defaultdict(list)
        for cadre in part.people:
            of_unit[cadre.unit].append(cadre)
        for unit, rows in of_unit.items():
            most = self.case.spread(unit, str(rows[0].track))
            if most is not None and len(rows) > 1:
                self.row(self._count(rows), len(rows) - most * len(part.second), most * len(part.first))

    def _cells(self, part: Part) -> None:
        """What either part has of a cell beyond, or short of, what its classes may have."""
        track = str(part.people[0].track)
        count = len(self.case.batch.of_track(track))
        totals = self.case.cells(c for c in self.case.members if c.track == track)
        for name, rows in self.case.cells(part.people).items():
            cost = 1.0 if len(name) > 2 else float(MARGINAL)
            low, high = len(totals[name]) // count, -(-len(totals[name]) // count)
            terms = self._count(rows)
            for classes, rest in ((part.first, 0), (part.second, len(rows))):
                sign = 1.0 if rest == 0 else -1.0
                off = self.column(float(len(rows)), cost, whole=False)
                here = [(column, sign) for column, _ in terms]
                self.row([*here, (off, -1.0)], -np.inf, high * len(classes) - rest)
                self.row([*here, (off, 1.0)], low * len(classes) - rest, np.inf)

    def keep_parities(self, parts: list[Part]) -> None:
        """R03, as far as these tracks go: people of the unit in other tracks may yet be on either side."""
        for _, people, even_out in self.case.split_units():
            mine = [c for c in people if c.id in self.first]
            if mine:
                half = len(people) // 2 if even_out else 1
                others = len(people) - len(mine)
                self.row(self._count(mine), half - others, len(people) - half)

    def solve(self) -> dict[str, bool]:
        """Who is in the first part; nobody named where no split is found. `bound` is what any split costs at least."""
        found = self.least(nodes=NODE_LIMIT)
        if found.values is None or found.bound is None:
            return {}
        self.bound = max(0, math.ceil(found.bound - 0.001))
        return {name: bool(found.values[column] > 0.5) for name, column in self.first.items()}
