"""The last level of the journey in stage 3: changes of route, with returns and kilometres held.

How few there can be is bounded by counting alone: how often each site is used, and how many classes follow which pattern
of routes; classes are alike to it, so that it closes in a moment. Who goes where when is found by annealing.
"""

import math
import random
from collections import Counter, defaultdict
from functools import cache
from itertools import combinations_with_replacement

import numpy as np

from .linear import Linear, Terms, Vector
from .places import Site
from .stage3_model import Settled
from .stage3_travel import METRE, Program, Shortest

MOST_PATTERNS = 4000
NODE_LIMIT = 50
CUT_ROUNDS = 6
MOVES, HOT, COLD = 60_000, 1.0, 0.15
RETURN = 4  # cost of a return to a village while annealing
DEAR = 1000  # cost of whatever must not be
CLASSES, CROWD = 2, 3  # of one fortnight at a base, and the cost of more, until days were sought for them in vain
Routes = frozenset[str]


class Count(Linear):
    """Whole numbers: visits of each site, and classes of each pattern (visits of each group of routes)."""

    def __init__(self, program: Program, settled: Settled, shortest: Shortest):
        super().__init__()
        self.program = program
        offers: Counter[Site] = Counter()
        people: dict[Site, dict[str, int]] = defaultdict(dict)
        for columns in program.of_slot:
            offers.update({program.option(column).site for column in columns})
            for column in columns:
                for part in program.option(column).parts:
                    least = people[program.option(column).site]
                    least[part.base] = min(part.people, least.get(part.base, part.people))
        self.sites = sorted(offers, key=lambda site: site.bases)
        self.visits = {site: self.column(float(offers[site])) for site in self.sites}
        self.groups = sorted({site.routes for site in self.sites}, key=sorted)
        self.again = {group: self.column(float(shortest.returns[0])) for group in self.groups}
        self.row([(column, 1.0) for column in self.again.values()], 0, shortest.returns[0])
        km = shortest_km(program, shortest)
        self.row([(self.visits[site], site.km) for site in self.sites], 0, km + METRE)
        use: dict[str, Terms] = defaultdict(list)
        for site in self.sites:
            for base, least_people in sorted(people[site].items()):
                use[base].append((self.visits[site], float(least_people * program.round.problem.days)))
        for base, terms in sorted(use.items()):
            self.row(terms, 0, program.room(settled, base))

    def patterns(self, held: list[int]) -> dict[int, tuple[int, ...]]:
        """Columns of the patterns of classes with so many gatherings each, tied to the visits."""
        result: dict[int, tuple[int, ...]] = {}
        for length, classes in sorted(Counter(held).items()):
            own: Terms = []
            for places in combinations_with_replacement(range(len(self.groups)), length):
                counts = Counter(places)
                pattern = tuple(counts[place] for place in range(len(self.groups)))
                column = self.column(float(classes), float(changes(pattern, tuple(self.groups))))
                result[column] = pattern
                own.append((column, 1.0))
            self.row(own, classes, classes)
        for place, group in enumerate(self.groups):
            terms = [(self.visits[site], -1.0) for site in self.sites if site.routes == group]
            self.row([*terms, *((c, float(p[place])) for c, p in result.items() if p[place])], 0, 0)
        return result

    def cut(self, values: Vector, patterns: dict[int, tuple[int, ...]]) -> bool:
        """Rows for sites that are visited more often than classes of the group can, each class a village once."""
        found = False
        for place, group in enumerate(self.groups):
            sites = [site for site in self.sites if site.routes == group]
            busy = sorted(sites, key=lambda site: (-values[self.visits[site]], site.bases))
            for number in range(1, len(busy) + 1):
                villages = frozenset().union(*(site.villages for site in busy[:number]))
                touching = [site for site in sites if site.villages & villages]
                used = sum(values[self.visits[site]] for site in touching)
                most = {c: min(len(villages), p[place]) for c, p in patterns.items() if p[place]}
                if used > sum(values[c] * n for c, n in most.items()) + values[self.again[group]] + 0.5:
                    terms = [(self.visits[site], 1.0) for site in touching] + [(c, -float(n)) for c, n in most.items()]
                    self.row([*terms, (self.again[group], -1.0)], -np.inf, 0)
                    found = True
        return found


def shortest_km(program: Program, shortest: Shortest) -> float:
    return sum(program.costs[column] for column in shortest.columns)


@cache
def changes(pattern: tuple[int, ...], groups: tuple[Routes, ...]) -> int:
    """The fewest changes of route in any order of so many gatherings of each group of routes."""
    used = [groups[place] for place, count in enumerate(pattern) if count]
    if all(used) and not any(one & two for n, one in enumerate(used) for two in used[:n]):
        return len(used) - 1
    best = sum(pattern)
    for place, count in enumerate(pattern):
        if count:
            best = min(best, _onward(_less(pattern, place), place, groups))
    return best


@cache
def _onward(left: tuple[int, ...], last: int, groups: tuple[Routes, ...]) -> int:
    steps = [
        _onward(_less(left, place), place, groups) + (not groups[last] & groups[place])
        for place, count in enumerate(left)
        if count
    ]
    return min(steps, default=0)


def _less(counts: tuple[int, ...], place: int) -> tuple[int, ...]:
    return (*counts[:place], counts[place] - 1, *counts[place + 1 :])


def fewest(program: Program, settled: Settled, shortest: Shortest) -> int:
    """How few changes of route there must be, returns and kilometres held; 0 where there are too many patterns."""
    slots = zip(program.round.slots, program.of_slot, strict=True)
    held = list(Counter(slot.klass.id for slot, columns in slots if columns).values())
    count = Count(program, settled, shortest)
    if sum(math.comb(len(count.groups) + n - 1, n) for n in set(held)) > MOST_PATTERNS:
        return 0
    patterns = count.patterns(held)
    bound = 0
    for _ in range(CUT_ROUNDS):
        found = count.least(nodes=NODE_LIMIT)
        bound = max(bound, 0 if found.bound is None else math.ceil(found.bound - 0.01))
        if found.values is None or not count.cut(found.values, patterns):
            break
    return bound


class Walk:
    """Annealing over who goes where when: two gatherings change sites, so that the kilometres stay what they are."""

    def __init__(self, program: Program, settled: Settled, shortest: Shortest):
        self.program, self.most_returns = program, shortest.returns[0]
        self.short, self.demand = settled.short, program.round.problem.rules["min_distinct_villages"]
        self.options = [program.option(column) for column in range(len(program.groups))]
        self.site = [option.site for option in self.options]
        days = program.round.problem.days
        self.stay = [[(part.base, days * part.people) for part in option.parts] for option in self.options]
        self.at: dict[tuple[int, Site], int] = {}
        self.slots: list[int] = []
        for slot, columns in enumerate(program.of_slot):
            self.at.update({(slot, self.site[column]): column for column in reversed(columns)})
            if columns:
                self.slots.append(slot)
        chosen = set(shortest.columns)
        self.column = {slot: next(c for c in program.of_slot[slot] if c in chosen) for slot in self.slots}
        self.klass = {slot: program.round.slots[slot].klass.id for slot in self.slots}
        self.week = {
            slot: (program.round.slots[slot].klass.parity, program.round.slots[slot].index) for slot in self.slots
        }
        self.of_class: dict[str, list[int]] = defaultdict(list)
        for slot in self.slots:
            self.of_class[self.klass[slot]].append(slot)
        self.room = {base: program.room(settled, base) for base in program.at}
        self.most: dict[tuple[str, tuple[str, int]], int] = {}

    def restrain(self, clash: list[int]) -> bool:
        """Never again so many classes at the bases they share in one fortnight; whether there is such a base."""
        options = [self.options[column] for column in clash]
        shared = sorted(set.intersection(*(set(option.site.bases) for option in options)))
        for base in shared:
            for option in options:
                week = self.program.round.problem.classes[option.klass].parity, option.index
                self.most[base, week] = min(len(clash) - 1, self.most.get((base, week), len(clash)))
        return bool(shared)

    def run(self, rng: random.Random, bound: int) -> list[int] | None:
        """The best columns met that break nothing; it ends when the bound is reached."""
        self._start()
        cost = {name: self._cost(name) for name in self.of_class}
        value = sum(sum(row) for row in cost.values()) + self._crowded()
        best: int | None = None
        kept: list[int] | None = None
        heat, cooling = HOT, (COLD / HOT) ** (1 / MOVES)
        for _ in range(MOVES):
            heat *= cooling
            one, two = self.slots[int(rng.random() * len(self.slots))], self.slots[int(rng.random() * len(self.slots))]
            old = self.column[one], self.column[two]
            new = self._swapped(one, two)
            if new is None:
                continue
            crowd = self._crowding(one, two)
            self._put(one, two, new)
            if any(self.load[base] > self.room[base] for column in new for base in self.site[column].bases):
                self._put(one, two, old)
                continue
            names = {self.klass[one], self.klass[two]}
            costs = {name: self._cost(name) for name in names}
            change = sum(sum(costs[name]) - sum(cost[name]) for name in names) + self._crowding(one, two) - crowd
            if change > 0 and rng.random() >= math.exp(-change / heat):
                self._put(one, two, old)
                continue
            cost.update(costs)
            value += change
            if value < DEAR and (best is None or value < best) and self._returns(cost) <= self.most_returns:
                best, kept = value, list(self.column.values())
                if best - RETURN * self._returns(cost) <= bound:
                    break
        return kept

    def _start(self) -> None:
        self.load: Counter[str] = Counter()
        self.here: Counter[tuple[str, tuple[str, int]]] = Counter()
        for slot, column in self.column.items():
            self._count(slot, column, 1)

    def _swapped(self, one: int, two: int) -> tuple[int, int] | None:
        sites = self.site[self.column[one]], self.site[self.column[two]]
        if sites[0] == sites[1]:
            return None
        new = self.at.get((one, sites[1])), self.at.get((two, sites[0]))
        return None if new[0] is None or new[1] is None else (new[0], new[1])

    def _put(self, one: int, two: int, columns: tuple[int, int]) -> None:
        for slot, column in zip((one, two), columns, strict=True):
            self._count(slot, self.column[slot], -1)
            self.column[slot] = column
            self._count(slot, column, 1)

    def _count(self, slot: int, column: int, by: int) -> None:
        week = self.week[slot]
        for base, person_days in self.stay[column]:
            self.load[base] += by * person_days
            self.here[base, week] += by

    def _crowding(self, one: int, two: int) -> int:
        """Classes too many at the bases of two gatherings in their fortnights."""
        bases = (*self.site[self.column[one]].bases, *self.site[self.column[two]].bases)
        keys = {(base, week) for base in bases for week in (self.week[one], self.week[two])}
        return sum(self._crowd(key, self.here[key]) for key in keys)

    def _crowded(self) -> int:
        return sum(self._crowd(key, count) for key, count in self.here.items())

    def _crowd(self, key: tuple[str, tuple[str, int]], count: int) -> int:
        most = self.most.get(key)
        return CROWD * max(0, count - CLASSES) if most is None else DEAR * max(0, count - most)

    @staticmethod
    def _returns(cost: dict[str, tuple[int, int]]) -> int:
        return sum(again for _, again in cost.values()) // RETURN

    def _cost(self, name: str) -> tuple[int, int]:
        """(changes of route of a class, what its returns cost); villages short beyond what is held are dear."""
        changes, again = 0, 0
        last: Routes | None = None
        seen: set[str] = set()
        for slot in self.of_class[name]:
            site = self.site[self.column[slot]]
            changes += last is not None and not last & site.routes
            last = site.routes
            again += len(seen & site.villages)
            seen |= site.villages
        short = max(0, self.demand - len(seen) - self.short[name])
        return changes + DEAR * short, RETURN * again
