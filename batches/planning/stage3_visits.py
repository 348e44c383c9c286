"""How often each site is used, whoever goes there when: the peak load, returns to a village and kilometres by counting.

Classes of a size are alike to it, so HiGHS closes in a moment what cannot be closed by a model that knows who goes where
(there any two classes may change places). What it finds bounds the levels of the options offered, which
have one division of a class over each pair of bases, or two; stage3_place gives the visits to classes and days.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from .linear import Linear, Solution, Terms
from .places import Site
from .stage3_model import SCALE, Round
from .stage3_options import Kind, Week

PEAK_NODES, KM_NODES = 2000, 2000
KM_GAP = 0.0005
FIRST_MARGIN, MOST_MARGIN = 0.005, 100.0  # above a bound of the peak known already, for the first and the last attempt
NEAR = 0.0005  # between a peak that is possible and one that is not: what is left of it is tried from above


@dataclass(frozen=True)
class Found:
    """How often each kind is used (None: nothing found within the limit), the value and what bounds it."""

    times: Mapping[Kind, int] | None
    value: float
    bound: float


@dataclass
class Offers:
    """Kinds of visits with how many slots may have them, slots by size of class, and the classes that may see a village."""

    times: Counter[Kind] = field(default_factory=Counter)
    site: dict[Kind, Site] = field(default_factory=dict)
    slots: Counter[int] = field(default_factory=Counter)
    classes: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))

    def add(self, klass: str, kinds: Mapping[Kind, Site]) -> None:
        """A slot of a class that may have one of these."""
        self.times.update(kinds.keys())
        self.site.update(kinds)
        self.slots.update({size for size, _ in kinds})
        for site in kinds.values():
            for village in site.villages:
                self.classes[village].add(klass)


def offers_of(round_: Round) -> Offers:
    """What the slots of a round may choose from."""
    offers = Offers()
    for slot, numbers in zip(round_.slots, round_.of_slot, strict=True):
        offers.add(slot.klass.id, {round_.options[n].kind: round_.options[n].site for n in numbers})
    return offers


class Visits(Linear):
    """Whole numbers of visits of each kind, of the gatherings that are held."""

    def __init__(self, round_: Round, held: int, offers: Offers):
        super().__init__()
        self.round, self.offers, self.site = round_, offers.times, offers.site
        self.kinds = sorted(self.offers)
        self.bases = sorted({base for _, use in self.kinds for base, _ in use})
        for kind in self.kinds:
            self.column(float(self.offers[kind]))
        self.row([(column, 1.0) for column in range(len(self.kinds))], held, held)
        for size, count in sorted(offers.slots.items()):
            self.row([(column, 1.0) for column, kind in enumerate(self.kinds) if kind[0] == size], 0, count)
        self.again: Terms = []
        self.rooms: dict[str, int] = {}
        for village, names in sorted(offers.classes.items()):
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

    def lowest_peak(self, water: float, pause: Callable[[], None]) -> Found:
        """The same for many bases, by halving: below a given peak whole numbers of people leave little to search; what was
        found is held. `pause` is called between two attempts."""
        times, low, margin = None, water, 0.0
        while times is None and margin <= MOST_MARGIN:
            pause()
            peak = water * (1 + margin)
            times, impossible = self._below(peak)
            low, margin = peak if impossible else low, max(FIRST_MARGIN, 2 * margin)
        if times is None:
            return Found(None, math.inf, low)
        value, tried = self.peak_of(times), low
        while value - tried > 1.5 / SCALE:
            peak = (value + tried) / 2 if value > tried * (1 + NEAR) else value - 1 / SCALE
            pause()
            found, impossible = self._below(peak)
            if found is None:
                low, tried = peak if impossible else low, peak
            else:
                times, value = found, self.peak_of(found)
        self.hold_peak(value)
        return Found(times, value, low)

    def _below(self, peak: float) -> tuple[dict[Kind, int] | None, bool]:
        """Visits below a peak; whether there are none for certain."""
        self.hold_peak(peak)
        found = self.least(self.goal([]), nodes=PEAK_NODES)
        return self._times(found), found.impossible

    def limit(self, most: Mapping[tuple[str, Week], int]) -> None:
        """No more visits to a base in a week than that; for kinds that tell the week."""
        here: dict[tuple[str, Week], Terms] = defaultdict(list)
        for column, ((_, week), use) in enumerate(self.kinds):
            for base, _ in use:
                here[base, week].append((column, 1.0))
        for key, terms in sorted(here.items()):
            self.row(terms, -np.inf, most[key])

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

    def shortest(self) -> tuple[int, Found]:
        """The fewest returns, and the least kilometres with so many."""
        km = self.least_km(0)
        if km.times is not None:
            return 0, km
        returns = int(self.least_returns().bound)
        return returns, self.least_km(returns) if returns else km

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
        return self._times(found), -math.inf if found.bound is None else found.bound

    def _times(self, found: Solution) -> dict[Kind, int] | None:
        if found.values is None:
            return None
        counts = ((kind, round(found.values[column])) for column, kind in enumerate(self.kinds))
        return {kind: count for kind, count in counts if count}
