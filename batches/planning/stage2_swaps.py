"""Stage 2, what makes the classes alike: people change places until cells and mean ages are in place.

The splits before have found seats that keep every hard rule; `stage2_anneal` swaps two people at a time, first for all cells
alike, then, from ever dearer marginal cells, for these before pairs, and at last for mean ages while cells stay as they
are. Sizes, units, parities and pins are kept, and so are the best seats met: by marginal cells, then pairs, then mean ages,
they are never worse than those given.
"""

import itertools
import random
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from .stage2_anneal import Grid, People, State, Weights, Yes, anneal, broken
from .stage2_case import Case, Seats

SWAPS, MOST = 200_000, 80_000_000  # draws for each person while all cells count alike, and altogether
FINER = 20_000  # and in each round that puts marginal cells first
ROUNDS = 3, 10, 30, 100  # what a marginal cell weighs in them; they end when all of these are in place
TRIES, LEAST = 4, 40_000_000  # runs from the beginning until then, and until so many draws of the first kind are done
ALL_ALIKE, ROUND = (0.3, 0.1), (0.25, 0.01)  # ratios (stage2_anneal) while all cells count alike, and in each round
ALIKE = 2  # attributes in which people drawn for a swap may differ
AGE_STEP = 0.1  # years a class's mean age is off that count as much as a pair cell
AGES, CELL, AGES_ONLY = 20_000, 8, (0.7, 0.1)  # draws a person for mean ages alone, what a cell weighs then, and ratios
RULE = 6  # what a person of a unit too many on a side costs while people change places
NEVER = 10**6


def swap(case: Case, seats: Seats, seed: int, pulse: Callable[[], None]) -> Seats:
    """The seats, made better. `pulse` is called every few seconds, and may end it by raising."""
    if not any(len(case.allowed(cadre)) > 1 for cadre in case.members):
        return dict(seats)
    return _Seating(case, seats, pulse).better(random.Random(f"{seed}/2/{case.batch.id}"))


def even_out_ages(case: Case, seats: Seats, seed: int, pulse: Callable[[], None]) -> Seats:
    """The seats with mean ages closer to each other, and no cell further off."""
    if not any(len(case.allowed(cadre)) > 1 for cadre in case.members):
        return dict(seats)
    return _Seating(case, seats, pulse).of_like_age(random.Random(f"{seed}/2/{case.batch.id}/ages"))


class _Seating:
    """The people of a batch in their classes, in columns."""

    def __init__(self, case: Case, seats: Seats, pulse: Callable[[], None]):
        self.pulse = pulse
        self.members, self.classes = case.members, case.batch.classes
        number = {klass.id: i for i, klass in enumerate(self.classes)}
        self.start = np.array([number[seats[c.id]] for c in self.members])
        self.units = {unit: i for i, unit in enumerate(sorted(case.of_unit))}
        self.spread = _spread(case, self.units)
        rules = {unit: even_out for unit, _, even_out in case.split_units()}
        cells, low, high, marginal = _cells(case)
        mates, first, many = _mates(case)
        lean, year = _ages(case, np.bincount(self.start, minlength=len(self.classes)))
        self.people = People(
            cells,
            low,
            high,
            marginal,
            mates,
            first,
            many,
            lean,
            year,
            np.array([[klass in case.allowed(c) for klass in self.classes] for c in self.members]),
            np.array([self.units[c.unit] for c in self.members]),
            np.array([int(c.sex == "M") for c in self.members]),
            np.array([int(klass.parity == "odd") for klass in self.classes]),
            np.array([rules.get(unit, False) for unit in self.units]),
            np.array([unit in rules for unit in self.units]),
            case.problem.group_min,
        )

    def better(self, draw: random.Random) -> Seats:
        """All cells alike first; then marginal cells ever dearer, until all of them are in place."""
        swaps = min(SWAPS * int((self.people.allowed.sum(axis=1) > 1).sum()), MOST)
        best = self.start
        for number in range(1, TRIES + 1):
            for at in self._run(swaps, draw):
                best = min(best, at, key=self._value)
            if self._in_place(best) and swaps * number >= LEAST:
                break
        return self._seats(best)

    def of_like_age(self, draw: random.Random) -> Seats:
        weights = Weights(CELL * CELL, CELL, 1, CELL * CELL)
        at = self._anneal(self.start, weights, AGES * len(self.members), AGES_ONLY, draw)
        return self._seats(min(self.start, at, key=self._value))

    def _seats(self, at: Grid) -> Seats:
        return {c.id: self.classes[int(k)].id for c, k in zip(self.members, at, strict=True)}

    def _run(self, swaps: int, draw: random.Random) -> Iterator[Grid]:
        at = self._anneal(self.start, Weights(1, 1, 0, RULE), swaps, ALL_ALIKE, draw)
        for dear in ROUNDS:
            at = self._anneal(at, Weights(dear, 1, 1, max(dear, RULE)), FINER * len(self.members), ROUND, draw)
            yield at
            if self._in_place(at):
                break

    def _in_place(self, at: Grid) -> bool:
        return self._value(at)[:2] == (0, 0)

    def _anneal(self, at: Grid, weights: Weights, swaps: int, ratios: tuple[float, float], draw: random.Random) -> Grid:
        self.pulse()
        seed: Any = np.uint64(draw.randrange(1, 1 << 64))
        result: Grid = anneal(self.people, self._state(at), weights, swaps, *ratios, seed)
        return result

    def _state(self, at: Grid) -> State:
        people, classes = self.people, len(self.classes)
        counts = np.zeros((len(people.low), classes), dtype=np.int64)
        np.add.at(counts, (people.cells, at[:, None]), 1)
        room = self.spread.copy()
        np.subtract.at(room, (people.unit, at), 1)
        sides, sexes = np.zeros((len(self.units), 2), dtype=np.int64), np.zeros((2, classes), dtype=np.int64)
        np.add.at(sides, (people.unit, people.side[at]), 1)
        np.add.at(sexes, (people.sex, at), 1)
        tilt = np.zeros(classes, dtype=np.int64)
        np.add.at(tilt, at, people.lean)
        return State(at.copy(), counts, room, sides, sexes, tilt)

    def _value(self, at: Grid) -> tuple[int, int, int, int]:
        """(people by whom R03 is broken, marginal cells off, pair cells off, steps by which mean ages are off)."""
        state, people = self._state(at), self.people
        off = np.maximum(0, state.counts - people.high) + np.maximum(0, people.low - state.counts)
        of_each = off.sum(axis=1)
        cells = int(of_each[people.marginal].sum()), int(of_each[~people.marginal].sum())
        return int(broken(people, state)), *cells, int((np.abs(state.tilt) // people.year).sum())


def _spread(case: Case, units: dict[str, int]) -> Grid:
    """Most people of each unit in each class (R02)."""
    result = np.full((len(units), len(case.batch.classes)), NEVER, dtype=np.int64)
    for unit, track in case.unit_track:
        most = case.spread(unit, track)
        for k, klass in enumerate(case.batch.classes):
            if klass.track == track and most is not None:
                result[units[unit], k] = most
    return result


def _cells(case: Case) -> tuple[Grid, Grid, Grid, Yes]:
    """The numbers of the cells each person is in, a column for each attribute and pair; least and most of each cell in
    each class; and which cells are marginal. Each track has its own cells: other tracks' classes want none of them."""
    balance = case.problem.rules["balance"]
    keys = [(name,) for name in balance["attributes"]] + [tuple(pair) for pair in balance["pairs"]]
    number: dict[tuple[Any, ...], int] = {}
    rows = [
        [number.setdefault((c.track, k, *(c.values[n] for n in k)), len(number)) for k in keys] for c in case.members
    ]
    cells = np.array(rows, dtype=np.int64).reshape(len(case.members), len(keys))
    totals = np.bincount(cells.ravel(), minlength=len(number))
    low = np.zeros((len(number), len(case.batch.classes)), dtype=np.int64)
    high = low.copy()
    for (track, *_), cell in number.items():
        count = len(case.batch.of_track(str(track)))
        mine = [klass.track == track for klass in case.batch.classes]
        low[cell, mine], high[cell, mine] = totals[cell] // count, -(-totals[cell] // count)
    return cells, low, high, np.array([len(key) == 1 for _, key, *_ in number], dtype=bool)


def _ages(case: Case, sizes: Grid) -> tuple[Grid, Grid]:
    """How far each age is from the mean of the track, times the people of the track; a step of each class in that unit."""
    sums: Counter[str] = Counter()
    for cadre in case.members:
        sums[str(cadre.track)] += cadre.age
    lean = [c.age * case.totals[str(c.track)] - sums[str(c.track)] for c in case.members]
    tracks = np.array([case.totals[klass.track] for klass in case.batch.classes])
    return np.array(lean), np.maximum(1, (sizes * tracks * AGE_STEP).astype(np.int64))


def _mates(case: Case) -> tuple[Grid, Grid, Grid]:
    """For each choice of attributes to leave out: everybody in order of the others, where those like each begin, how many."""
    names = case.problem.rules["balance"]["attributes"]
    columns: list[tuple[Any, Any, Any]] = []
    for kept in itertools.combinations(names, max(0, len(names) - ALIKE)):
        keys = [(str(c.track), *(str(c.values[name]) for name in kept)) for c in case.members]
        order = sorted(range(len(keys)), key=lambda i: (keys[i], i))
        many = Counter(keys)
        found = sorted(many)
        first = dict(zip(found, itertools.accumulate((many[key] for key in found), initial=0), strict=False))
        columns.append((order, [first[key] for key in keys], [many[key] for key in keys]))
    orders, firsts, counts = (np.array(column, dtype=np.int64) for column in zip(*columns, strict=True))
    return orders, firsts, counts
