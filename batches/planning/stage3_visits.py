"""How often each site is used, whoever goes there when: the peak load, returns to a village and kilometres by counting.

Classes of a size are alike to it, so HiGHS closes in a moment what cannot be closed by a model that knows who goes where
(there any two classes may change places). What it finds bounds the levels of the options offered, which
have one division of a class over each pair of bases, or two; stage3_place gives the visits to classes and days.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from .linear import Linear, Terms
from .stage3_options import Option

if TYPE_CHECKING:
    from .stage3_model import Round

PEAK_NODES, KM_NODES = 2000, 2000
KM_GAP = 0.0005
Kind = tuple[int, tuple[tuple[str, int], ...]]  # size of the class, (base, people) of the gathering


def kind_of(option: Option) -> Kind:
    """What options have in common to whom days and classes do not matter."""
    use = tuple((part.base, part.people) for part in option.parts)
    return sum(people for _, people in use), use


@dataclass(frozen=True)
class Found:
    """How often each kind is used (None: nothing found within the limit), the value and what bounds it."""

    times: Mapping[Kind, int] | None
    value: float
    bound: float


class Visits(Linear):
    """Whole numbers of visits of each kind, of the gatherings that are held."""

    def __init__(self, round_: "Round", held: int):
        super().__init__()
        self.round = round_
        self.offers: Counter[Kind] = Counter()
        self.site = {}
        slots: Counter[int] = Counter()
        classes: dict[str, set[str]] = defaultdict(set)
        for numbers in round_.of_slot:
            kinds = {kind_of(round_.options[n]): round_.options[n] for n in numbers}
            slots.update({size for size, _ in kinds})
            self.offers.update(kinds.keys())
            for kind, option in kinds.items():
                self.site[kind] = option.site
                for village in option.site.villages:
                    classes[village].add(option.klass)
        self.kinds = sorted(self.offers)
        self.bases = sorted({base for _, use in self.kinds for base, _ in use})
        for kind in self.kinds:
            self.column(float(self.offers[kind]))
        self.row([(column, 1.0) for column in range(len(self.kinds))], held, held)
        for size, count in sorted(slots.items()):
            self.row([(column, 1.0) for column, kind in enumerate(self.kinds) if kind[0] == size], 0, count)
        self.again: Terms = []
        self.rooms: dict[str, int] = {}
        for village, names in sorted(classes.items()):
            self._village(village, len(names), held)

    def _village(self, village: str, classes: int, held: int) -> None:
        """Visits beyond one of each class are returns."""
        terms = [(c, 1.0) for c, kind in enumerate(self.kinds) if village in self.site[kind].villages]
        if sum(self.upper[column] for column, _ in terms) > classes:
            again = self.column(float(held))
            self.row([*terms, (again, -1.0)], -np.inf, classes)
            self.again.append((again, 1.0))

    def _added(self) -> dict[str, Terms]:
        """Base -> person-days that the visits of each kind bring."""
        added: dict[str, Terms] = defaultdict(list)
        for column, (_, use) in enumerate(self.kinds):
            for base, people in use:
                added[base].append((column, float(people * self.round.problem.days)))
        return added

    def least_peak(self, water: float) -> Found:
        """The lowest peak among the bases used; `water` is a bound known already."""
        if not self.kinds or not self.high[0]:
            return Found({}, water, water)
        held, added = self.high[0], self._added()
        with self.trial():
            peak = self.column(np.inf, lower=water, whole=False)
            for base in self.bases:
                beds, load = self.round.places.beds[base], self.round.load[base]
                if load <= water * beds:
                    self.row([*added[base], (peak, -float(beds))], -np.inf, -float(load))
                    continue
                used = self.column(1.0)
                for column, _ in added[base]:
                    self.row([(column, 1.0), (used, -min(held, self.upper[column]))], -np.inf, 0)
                self.row([*added[base], (used, float(load)), (peak, -float(beds))], -np.inf, 0)
            times, bound = self._least([(peak, 1.0)], PEAK_NODES, 0)
        value = math.inf if times is None else self.peak_of(times)
        return Found(times, value, min(value, max(water, bound)))

    def peak_of(self, times: Mapping[Kind, int]) -> float:
        """The peak load of visits among the bases that they use."""
        load: Counter[str] = Counter()
        for (_, use), count in times.items():
            for base, people in use:
                load[base] += count * people * self.round.problem.days
        return max(((self.round.load[b] + n) / self.round.places.beds[b] for b, n in load.items() if n), default=0.0)

    def hold_peak(self, peak: float) -> None:
        """From now on no base is loaded above this; another peak takes the place of the one before."""
        for base, terms in sorted(self._added().items()):
            if base not in self.rooms:
                self.rooms[base] = self.row(terms, -np.inf, 0)
            self.high[self.rooms[base]] = self.round.room(base, peak)

    def least_returns(self) -> Found:
        """The fewest returns to a village."""
        if not self.again:
            return Found({}, 0, 0)
        times, bound = self._least(self.again, KM_NODES, 0)
        least = 0 if bound == -math.inf else math.ceil(bound - 0.01)
        return Found(times, least, least)

    def least_km(self, returns: int) -> Found:
        """The least kilometres with so many returns at most."""
        with self.trial():
            self.row(self.again or [(0, 0.0)], -np.inf, returns)
            cost = [(column, self.site[kind].km) for column, kind in enumerate(self.kinds)]
            times, bound = self._least(cost, KM_NODES, KM_GAP)
        if times is None:
            return Found(None, math.inf, max(0.0, bound))
        value = sum(self.site[kind].km * count for kind, count in times.items())
        return Found(times, value, min(value, max(0.0, bound)))

    def _least(self, goal: Terms, nodes: int, gap: float) -> tuple[dict[Kind, int] | None, float]:
        found = self.least(self.goal(goal), nodes=nodes, gap=gap)
        bound = -math.inf if found.bound is None else found.bound
        if found.values is None:
            return None, bound
        counts = ((kind, round(found.values[column])) for column, kind in enumerate(self.kinds))
        return {kind: count for kind, count in counts if count}, bound
