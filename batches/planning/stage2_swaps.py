"""Stage 2, what makes the classes alike: people change places until cells and mean ages are in place.

The tree has found seats that keep every hard rule; `stage2_anneal` swaps two people at a time, first for all cells alike,
then, colder, for marginal cells before pairs and for mean ages. Every swap keeps sizes, units, parities and pins, and the
best seats met are kept: compared by marginal cells, pairs and mean ages they are never worse than those given.
"""

import itertools
import random
from collections import Counter
from typing import Any

import numpy as np

from .problem import Cadre, Klass
from .stage2_anneal import Grid, People, State, Weights, Yes, anneal
from .stage2_case import Case, Seats

SWAPS, MOST = 200_000, 80_000_000  # draws for each person while all cells count alike, and altogether
FINER = 10  # parts of them that are drawn in each round that puts marginal cells first
ROUNDS = 3, 10, 30, 100  # what a marginal cell weighs in them; they end when all of these are in place
ALL_ALIKE, ROUND = (0.3, 0.15), (0.25, 0.01)  # ratios (stage2_anneal) while all cells count alike, and in each round
ALIKE = 2  # attributes in which people drawn for a swap may differ
AGE_STEP = 0.1  # years a class's mean age is off that count as much as a pair cell
NEVER = 10**6


def swap(case: Case, seats: Seats, seed: int) -> Seats:
    """The seats, made better track by track."""
    result = dict(seats)
    for track in sorted(case.totals):
        classes = case.batch.of_track(track)
        people = [c for c in case.members if c.track == track]
        if len(classes) > 1 and len(people) >= len(classes):
            draw = random.Random(f"{seed}/2/{case.batch.id}/{track}")
            result.update(_Track(case, result, people, classes).better(draw))
    return result


class _Track:
    """The people of a track in their classes, in columns."""

    def __init__(self, case: Case, seats: Seats, members: list[Cadre], classes: tuple[Klass, ...]):
        self.members, self.classes = members, classes
        number = {klass.id: i for i, klass in enumerate(classes)}
        self.start = np.array([number[seats[c.id]] for c in members])
        cells, marginal = _cells(case, members)
        totals = np.bincount(cells.ravel(), minlength=len(marginal))
        units = {unit: i for i, unit in enumerate(sorted({c.unit for c in members}))}
        self.most = [NEVER if (most := case.spread(unit, str(members[0].track))) is None else most for unit in units]
        rules = {unit: even_out for unit, _, even_out in case.split_units()}
        total = sum(c.age for c in members)
        sizes = np.bincount(self.start, minlength=len(classes))
        mates, first, many = _mates(case, members)
        self.people = People(
            cells,
            totals // len(classes),
            -(-totals // len(classes)),
            marginal,
            mates,
            first,
            many,
            np.array([c.age * len(members) - total for c in members]),
            np.maximum(1, (sizes * len(members) * AGE_STEP).astype(np.int64)),
            np.array([[klass in case.allowed(c) for klass in classes] for c in members]),
            np.array([units[c.unit] for c in members]),
            np.array([int(c.sex == "M") for c in members]),
            np.array([int(klass.parity == "odd") for klass in classes]),
            np.array([rules.get(unit, False) for unit in units]),
            np.array([unit in rules for unit in units]),
            case.problem.group_min,
        )
        self.elsewhere = self._elsewhere(case, seats, units)

    def _elsewhere(self, case: Case, seats: Seats, units: dict[str, int]) -> Grid:
        """People of the units who are in classes of other tracks, on either side."""
        result = np.zeros((len(units), 2), dtype=np.int64)
        parity = {klass.id: int(klass.parity == "odd") for klass in case.batch.classes}
        here = {c.id for c in self.members}
        for unit, i in units.items():
            for cadre in case.of_unit[unit]:
                if cadre.id not in here:
                    result[i, parity[seats[cadre.id]]] += 1
        return result

    def better(self, draw: random.Random) -> Seats:
        """All cells alike first; then colder, with marginal cells ever weightier until all of them are in place."""
        number = len(self.members)
        swaps = min(SWAPS * number, MOST)
        at = self._anneal(self.start, Weights(1, 0), swaps, ALL_ALIKE, draw)
        best = min(self.start, at, key=self._value)
        for marginal in ROUNDS:
            at = self._anneal(at, Weights(marginal, 1), swaps // FINER, ROUND, draw)
            best = min(best, at, key=self._value)
            if not self._value(best)[0]:
                break
        return {self.members[i].id: self.classes[int(best[i])].id for i in range(number)}

    def _anneal(self, at: Grid, weights: Weights, swaps: int, ratios: tuple[float, float], draw: random.Random) -> Grid:
        seed = draw.randrange(1, 1 << 64)
        result: Grid = anneal(self.people, self._state(at), weights, swaps, *ratios, np.uint64(seed))
        return result

    def _state(self, at: Grid) -> State:
        people, classes = self.people, len(self.classes)
        counts = np.zeros((len(people.low), classes), dtype=np.int64)
        np.add.at(counts, (people.cells, at[:, None]), 1)
        room = np.repeat(np.array(self.most, dtype=np.int64)[:, None], classes, axis=1)
        np.subtract.at(room, (people.unit, at), 1)
        sides, sexes = self.elsewhere.copy(), np.zeros((2, classes), dtype=np.int64)
        np.add.at(sides, (people.unit, people.side[at]), 1)
        np.add.at(sexes, (people.sex, at), 1)
        tilt = np.zeros(classes, dtype=np.int64)
        np.add.at(tilt, at, people.lean)
        return State(at.copy(), counts, room, sides, sexes, tilt)

    def _value(self, at: Grid) -> tuple[int, int]:
        """(marginal cells off, pair cells off and steps by which mean ages are off)."""
        state, people = self._state(at), self.people
        off = np.maximum(0, state.counts - people.high[:, None]) + np.maximum(0, people.low[:, None] - state.counts)
        of_each = off.sum(axis=1)
        ages = (np.abs(state.tilt) // people.year).sum()
        return int(of_each[people.marginal].sum()), int(of_each[~people.marginal].sum() + ages)


def _cells(case: Case, members: list[Cadre]) -> tuple[Grid, Yes]:
    """The numbers of the cells each person is in, a column for each attribute and pair, and which cells are marginal."""
    balance = case.problem.rules["balance"]
    keys = [(name,) for name in balance["attributes"]] + [tuple(pair) for pair in balance["pairs"]]
    number: dict[tuple[Any, ...], int] = {}
    rows = [[number.setdefault((*k, *(c.values[n] for n in k)), len(number)) for k in keys] for c in members]
    cells = np.array(rows, dtype=np.int64).reshape(len(members), len(keys))
    return cells, np.array([len(name) == 2 for name in number], dtype=bool)


def _mates(case: Case, members: list[Cadre]) -> tuple[Grid, Grid, Grid]:
    """For each choice of attributes to leave out: everybody in order of the others, where those like each begin, how many."""
    names = case.problem.rules["balance"]["attributes"]
    columns: list[tuple[Any, Any, Any]] = []
    for kept in itertools.combinations(names, max(0, len(names) - ALIKE)):
        keys = [tuple(str(c.values[name]) for name in kept) for c in members]
        order = sorted(range(len(members)), key=lambda i: (keys[i], i))
        many = Counter(keys)
        first = dict(zip(sorted(many), itertools.accumulate((many[key] for key in sorted(many)), initial=0), strict=False))
        columns.append((order, [first[key] for key in keys], [many[key] for key in keys]))
    order, firsts, counts = (np.array(column, dtype=np.int64) for column in zip(*columns, strict=True))
    return order, firsts, counts
