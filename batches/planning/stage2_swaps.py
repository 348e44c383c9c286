"""Stage 2, the last touch: people of two classes change places until cells and mean ages are in place.

Tabu search from a plan that keeps every hard rule: two classes are drawn, one of them with a cell that is off; again and
again the two people change places who mend most, and neither may go straight back. Every swap keeps sizes, units,
parities and pins. The best state met is kept, so nothing ever gets worse: marginal cells, then pairs, then mean ages.
"""

import random

import numpy as np

from .problem import Cadre, Klass
from .stage2_case import Case, Seats

LONG, PATIENCE = 600, 60  # swaps without gain before two classes part: neighbours, others
MEETINGS, AGE_MEETINGS = 100, 200  # pairs of classes that are tried; and again for mean ages
REST = 10, 22  # swaps that a person must stay where a swap brought them
STARTS = 3  # times that neighbours try
HEAT = 1.0  # how much worse a meeting may end at first
FIRST = 10**4  # a marginal cell off when plans are compared; during the search it weighs as much as a pair
AGE = 0.1  # cost of one year that a class's mean age is off
AGES_CLOSE = 0.25
NEVER = 10**9


def swap(case: Case, seats: Seats, seed: int) -> Seats:
    """The seats, made better track by track."""
    result = dict(seats)
    for track in sorted(case.totals):
        classes = case.batch.of_track(track)
        people = [c for c in case.members if c.track == track]
        if len(classes) > 1 and len(people) >= len(classes):
            search = Search(case, result, people, classes)
            result.update(search.run(random.Random(f"{seed}/2/{case.batch.id}/{track}")))
    return result


class Search:
    """The people of a track in their classes, with what every swap would cost."""

    def __init__(self, case: Case, seats: Seats, people: list[Cadre], classes: tuple[Klass, ...]):
        self.people, self.classes = people, classes
        number = {klass.id: i for i, klass in enumerate(classes)}
        self.at = np.array([number[seats[c.id]] for c in people])
        self._cells(case)
        self._rules(case, seats)
        self.ages = np.array([float(c.age) for c in people])
        self.mean_age = self.ages.mean()
        self.sizes = np.maximum(1, np.bincount(self.at, minlength=len(classes)))
        self.tilt = np.bincount(self.at, self.ages - self.mean_age, len(classes))

    def _cells(self, case: Case) -> None:
        balance = case.problem.rules["balance"]
        keys: list[tuple[str, ...]] = [(name,) for name in balance["attributes"]] + [
            tuple(pair) for pair in balance["pairs"]
        ]
        names: dict[tuple[tuple[str, ...], tuple[str, ...]], int] = {}
        rows = [[names.setdefault((k, tuple(c.values[n] for n in k)), len(names)) for k in keys] for c in self.people]
        self.cells = np.array(rows, dtype=np.int64)
        self.has = np.zeros((len(self.people), len(names)))
        np.put_along_axis(self.has, self.cells, 1.0, axis=1)
        weights = np.ones(len(names))
        self.counts = np.zeros((len(names), len(self.classes)), dtype=np.int64)
        np.add.at(self.counts, (self.cells, self.at[:, None]), 1)
        totals = self.counts.sum(axis=1)
        self.true = np.array([FIRST if len(key) == 1 else 1 for key, _ in names])
        self.low, self.high, self.weight = totals // len(self.classes), -(-totals // len(self.classes)), weights

    def _rules(self, case: Case, seats: Seats) -> None:
        """Where each may go (own parity, pin), how the units are spread (R02) and split over odd and even (R03)."""
        allowed = [{k.id for k in case.allowed(c)} for c in self.people]
        self.allowed = np.array([[k.id in mine for k in self.classes] for mine in allowed])
        units = {unit: i for i, unit in enumerate(sorted({c.unit for c in self.people}))}
        self.unit = np.array([units[c.unit] for c in self.people])
        self.inside = np.zeros((len(units), len(self.classes)), dtype=np.int64)
        np.add.at(self.inside, (self.unit, self.at), 1)
        track = str(self.people[0].track)
        self.most = np.array([NEVER if (most := case.spread(unit, track)) is None else most for unit in units])
        self.side = np.array([int(k.parity == "odd") for k in self.classes])
        self.sides = np.zeros((len(units), 2), dtype=np.int64)
        parity = {klass.id: int(klass.parity == "odd") for klass in case.batch.classes}
        for unit, i in units.items():
            for cadre in case.of_unit[unit]:
                self.sides[i, parity[seats[cadre.id]]] += 1
        self.even_out = np.zeros(len(units), dtype=bool)
        self.bound = np.zeros(len(units), dtype=bool)
        for unit, _, even_out in case.split_units():
            if unit in units:
                self.even_out[units[unit]], self.bound[units[unit]] = even_out, True
        self.sex = np.array([int(c.sex == "M") for c in self.people])
        self.sexes = np.zeros((2, len(self.classes)), dtype=np.int64)
        np.add.at(self.sexes, (self.sex, self.at), 1)
        self.least = case.problem.group_min

    def run(self, rng: random.Random) -> Seats:
        """Neighbours first, as the tree left them; then any two, until nothing is off; mean ages last."""
        best, kept = self._off().sum(), self.at.copy()
        for one, two in self._neighbours():
            self._settle(one, two, rng)
        for meeting in range(MEETINGS):
            drawn = self._worst(rng)
            if drawn is None:
                break
            self._meet(drawn, self._partner(drawn, rng), PATIENCE, rng, HEAT * (1 - meeting / MEETINGS))
            value = self._off().sum()
            if value < best:
                best, kept = value, self.at.copy()
        self._put(kept)
        self.weight = self.true.astype(float)
        for _ in range(AGE_MEETINGS):
            means = self.tilt / self.sizes
            if means.max() - means.min() <= AGES_CLOSE:
                break
            one = int((means if rng.random() < 0.5 else -means).argmax())
            self._meet(one, self._partner(one, rng), 2, rng)
        return {c.id: self.classes[k].id for c, k in zip(self.people, self.at, strict=True)}

    def _settle(self, one: int, two: int, rng: random.Random) -> None:
        """Neighbours meet from the same start a few times; the best end is kept."""
        start = kept = self.at.copy()
        best = self._off()[[one, two]].sum()
        for _ in range(STARTS):
            if not best:
                break
            self._put(start)
            self._meet(one, two, LONG, rng)
            value = self._off()[[one, two]].sum()
            if value < best:
                best, kept = value, self.at.copy()
        self._put(kept)

    def _neighbours(self) -> list[tuple[int, int]]:
        """Classes that the tree split from each other last."""
        result = []
        for side in (1, 0):
            numbers = [int(n) for n in np.flatnonzero(self.side == side)]
            result += list(zip(numbers[::2], numbers[1::2], strict=False))
        return result

    def _off(self) -> np.ndarray:
        """What is off in each class, weighed."""
        off = np.maximum(0, self.counts - self.high[:, None]) + np.maximum(0, self.low[:, None] - self.counts)
        result: np.ndarray = (off * self.true[:, None]).sum(axis=0)
        return result

    def _worst(self, rng: random.Random) -> int | None:
        """A class that has something off."""
        wrong = np.flatnonzero(self._off())
        return int(wrong[rng.randrange(len(wrong))]) if len(wrong) else None

    def _partner(self, one: int, rng: random.Random) -> int:
        other = rng.randrange(len(self.classes) - 1)
        return other + (other >= one)

    def _value(self, one: int, two: int) -> float:
        both = [one, two]
        counts = self.counts[:, both]
        off = np.maximum(0, counts - self.high[:, None]) + np.maximum(0, self.low[:, None] - counts)
        return float((off * self.weight[:, None]).sum() + AGE * np.abs(self.tilt[both] / self.sizes[both]).sum())

    def _put(self, wanted: np.ndarray) -> None:
        """Back to a state met before."""
        for person in np.flatnonzero(self.at != wanted):
            self._move(int(person), int(wanted[person]))

    def _meet(self, one: int, two: int, patience: int, rng: random.Random, heat: float = 0.0) -> None:
        """Tabu search over the swaps of two classes; ends in the best state met, or near it while there is heat."""
        start = value = self._value(one, two)
        best, at_best, done = float(NEVER), 0, 0
        resting: dict[int, int] = {}
        undo: list[tuple[int, int]] = []
        while done - at_best < patience:
            first, second = np.flatnonzero(self.at == one), np.flatnonzero(self.at == two)
            change = self._changes(one, two, first, second)
            tired = np.zeros(change.shape, dtype=bool)
            tired[[resting.get(int(p), 0) > done for p in first], :] = True
            tired[:, [resting.get(int(p), 0) > done for p in second]] = True
            change[tired & (value + change > min(best, start) - 1e-6)] = NEVER
            spot = int(change.argmin())
            a, b = int(first[spot // len(second)]), int(second[spot % len(second)])
            if change.flat[spot] >= NEVER:
                break
            value += float(change.flat[spot])
            self._exchange(a, b)
            undo.append((a, b))
            done += 1
            resting[a] = done + rng.randint(*REST)
            resting[b] = done + rng.randint(*REST)
            if value < best - 1e-6:
                best, at_best = value, done
        back = at_best if best < start + heat else 0
        for a, b in reversed(undo[back:]):
            self._exchange(a, b)

    def _changes(self, one: int, two: int, first: np.ndarray, second: np.ndarray) -> np.ndarray:
        """What each swap of a person of one class with one of the other changes; NEVER where a rule forbids it."""
        low, high, weight = self.low, self.high, self.weight
        up = {k: weight * ((self.counts[:, k] >= high) * 1 - (self.counts[:, k] < low)) for k in (one, two)}
        down = {k: weight * ((self.counts[:, k] <= low) * 1 - (self.counts[:, k] > high)) for k in (one, two)}
        there, back = (down[one] + up[two]).astype(float), (down[two] + up[one]).astype(float)
        here, others = self.has[first], self.has[second]
        shared = (here * (there + back)) @ others.T
        result: np.ndarray = (here @ there)[:, None] + (others @ back)[None, :] - shared
        older = self.ages[second][None, :] - self.ages[first][:, None]
        tilt, sizes = self.tilt, self.sizes
        ages = np.abs((tilt[one] + older) / sizes[one]) + np.abs((tilt[two] - older) / sizes[two])
        result += AGE * (ages - abs(tilt[one] / sizes[one]) - abs(tilt[two] / sizes[two]))
        result[~self._lawful(one, two, first, second)] = NEVER
        return result

    def _lawful(self, one: int, two: int, first: np.ndarray, second: np.ndarray) -> np.ndarray:
        units, others = self.unit[first], self.unit[second]
        may = self.inside[units, two] < self.most[units]
        may_back = self.inside[others, one] < self.most[others]
        if self.side[one] != self.side[two]:
            may &= self._may_leave(units, int(self.side[one]))
            may_back &= self._may_leave(others, int(self.side[two]))
        ok: np.ndarray = (may[:, None] & may_back[None, :]) | (units[:, None] == others[None, :])
        ok &= self.allowed[first, two][:, None] & self.allowed[second, one][None, :]
        sex, theirs = self.sex[first][:, None], self.sex[second][None, :]
        for mine in (0, 1):
            gone, come = self.sexes[mine, one] - 1, self.sexes[mine, two] + 1
            gone_back, come_back = self.sexes[1 - mine, two] - 1, self.sexes[1 - mine, one] + 1
            if any(0 < n < self.least for n in (gone, come, gone_back, come_back)):
                ok &= ~((sex == mine) & (theirs == 1 - mine))
        return ok

    def _may_leave(self, units: np.ndarray, side: int) -> np.ndarray:
        """Whether a unit may have one fewer on a side and one more on the other (R03)."""
        left, right = self.sides[units, side] - 1, self.sides[units, 1 - side] + 1
        even = np.abs(left - right) <= 1
        result: np.ndarray = ~self.bound[units] | np.where(self.even_out[units], even, (left >= 1) & (right >= 1))
        return result

    def _exchange(self, a: int, b: int) -> None:
        here, there = int(self.at[a]), int(self.at[b])
        self._move(a, there)
        self._move(b, here)

    def _move(self, person: int, target: int) -> None:
        source, unit, lean = self.at[person], self.unit[person], self.ages[person] - self.mean_age
        self.counts[self.cells[person], source] -= 1
        self.counts[self.cells[person], target] += 1
        self.inside[unit, source] -= 1
        self.inside[unit, target] += 1
        self.sides[unit, self.side[source]] -= 1
        self.sides[unit, self.side[target]] += 1
        self.sexes[self.sex[person], source] -= 1
        self.sexes[self.sex[person], target] += 1
        self.tilt[source] -= lean
        self.tilt[target] += lean
        self.at[person] = target
