"""Bases day by day: what is open, how many people fit, and whether men and women can be given households.

The test for households is exact for one class, and safe for several classes that meet at a base (a household then
serves one class a night), so that stage 4 always finds the beds that stage 3 counted on.
"""

import math
from collections import Counter, defaultdict
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import combinations

from .problem import Problem, day_number, spans, touches

FEW_BASES = 20
Ranges = tuple[tuple[int, int], ...]  # fewest and most guests of a group, one pair a household, sorted


@dataclass(frozen=True)
class House:
    """A household open for a whole gathering, with its open rooms and the group sizes it may have."""

    id: str
    least: int
    most: int
    rooms: tuple[tuple[str, int], ...]


@dataclass(frozen=True)
class Window:
    """A base from a first day on: people who fit, and households that are open throughout."""

    room: int
    houses: tuple[House, ...]

    @property
    def ranges(self) -> Ranges:
        return tuple(sorted((h.least, h.most) for h in self.houses))


@dataclass(frozen=True)
class Site:
    """One base, or two neighbouring bases of one route, in the order of travel."""

    bases: tuple[str, ...]
    km: float
    routes: frozenset[str]
    villages: frozenset[str]


@dataclass(frozen=True)
class Part:
    """Men and women of a class at one base of its site."""

    base: str
    men: int
    women: int

    @property
    def people(self) -> int:
        return self.men + self.women


@lru_cache(maxsize=200_000)
def houses_suffice(groups: tuple[int, ...], ranges: Ranges) -> bool:
    """Whether households can be given out so that each group fills its own, all within their ranges."""
    groups = tuple(sorted((n for n in groups if n), reverse=True))
    kinds = Counter(ranges)
    names = tuple(sorted(kinds, key=lambda kind: (-kind[1], kind[0])))
    return _give(groups, names, tuple(kinds[name] for name in names))


@lru_cache(maxsize=200_000)
def _give(groups: tuple[int, ...], kinds: Ranges, counts: tuple[int, ...]) -> bool:
    if not groups:
        return True
    if sum(groups) > sum(kind[1] * count for kind, count in zip(kinds, counts, strict=True)):
        return False
    return any(
        _give(groups[1:], kinds, tuple(c - t for c, t in zip(counts, taken, strict=True)))
        for taken in fillings(groups[0], kinds, counts)
    )


@lru_cache(maxsize=200_000)
def fillings(people: int, kinds: Ranges, counts: tuple[int, ...]) -> tuple[tuple[int, ...], ...]:
    """Numbers of households per kind that hold exactly so many people, none of them superfluous."""
    result = []

    def extend(position: int, taken: tuple[int, ...], low: int, high: int) -> None:
        if low > people:
            return
        if high >= people:
            used = [kind[1] for kind, n in zip(kinds, taken, strict=False) if n]
            if not used or high - min(used) < people:
                result.append(taken + (0,) * (len(kinds) - len(taken)))
            return
        if position == len(kinds):
            return
        least, most = kinds[position]
        for n in range(min(counts[position], -(-(people - high) // most)), -1, -1):
            extend(position + 1, (*taken, n), low + n * least, high + n * most)

    extend(0, (), 0, 0)
    return tuple(result)


class Places:
    """The bases of an input."""

    def __init__(self, problem: Problem):
        self.problem = problem
        self.days = problem.days
        self.rows = {base["id"]: base for base in sorted(problem.document["bases"], key=lambda b: b["id"])}
        self.beds = {name: sum(r["beds"] for h in b["households"] for r in h["rooms"]) for name, b in self.rows.items()}
        self.history: Counter[str] = Counter(
            {row["base"]: row["person_days"] for row in problem.document["history"]["bases"]}
        )
        self.visitors: Counter[tuple[str, int]] = Counter()
        for use in problem.document["other_uses"]:
            for day in range(day_number(use["first_day"]), day_number(use["last_day"]) + 1):
                self.visitors[use["base"], day] += use["people"]
        self._closed = {name: spans(base["closed"]) for name, base in self.rows.items()}
        self._houses = {
            name: [
                (h["id"], spans(h["closed"]), [(r["id"], r["beds"], spans(r["closed"])) for r in h["rooms"]])
                for h in sorted(base["households"], key=lambda h: h["id"])
            ]
            for name, base in self.rows.items()
        }
        self._windows: dict[tuple[str, int], Window] = {}
        self._nights: dict[tuple[str, int], int] = {}
        self._exceptions: dict[tuple[str, int], set[str]] = defaultdict(set)
        self._excepted: set[str] = set()  # for one gathering or another
        for rule, subject in problem.waived:
            if rule == "R16" and ":" in subject and "#" in subject:
                house, gathering = subject.split(":", 1)
                name, index = gathering.rsplit("#", 1)
                if index.isdigit():
                    self._exceptions[name, int(index)].add(house)
                    self._excepted.add(house)

    def day_room(self, base: str, day: int) -> int:
        """People whom a base takes on a day (R13), visitors deducted."""
        return int(self.rows[base]["declared_capacity"]) - self.visitors[base, day]

    def night_room(self, base: str, day: int) -> int:
        """People whom a base takes on the night after a day (R13), the spare beds deducted."""
        key = (base, day)
        if key not in self._nights:
            self._nights[key] = sum(
                beds
                for _, closed, rooms in self._houses[base]
                if not touches(closed, day, day + 2)
                for _, beds, shut in rooms
                if not touches(shut, day, day + 2)
            ) - int(self.problem.rules["spare_beds"])
        return self._nights[key]

    def window(self, base: str, first: int, klass: str = "", index: int = 0) -> Window:
        """The base for a gathering from `first` on, exceptions granted to the class's gathering included."""
        if (base, first) not in self._windows:
            self._windows[base, first] = self._open(base, first)
        window = self._windows[base, first]
        granted = self._exceptions.get((klass, index))
        if not granted or not any(house.id in granted for house in window.houses):
            return window
        free = [
            House(h.id, 1, sum(beds for _, beds in h.rooms), h.rooms) if h.id in granted else h for h in window.houses
        ]
        return Window(window.room, tuple(free))

    def _open(self, base: str, first: int) -> Window:
        until = first + self.days
        if touches(self._closed[base], first, until):
            return Window(0, ())
        houses = []
        for name, closed, rooms in self._houses[base]:
            if touches(closed, first, until):
                continue
            free = tuple((room, beds) for room, beds, shut in rooms if not touches(shut, first, until))
            if free:
                most = min(self.problem.group_max, sum(beds for _, beds in free))
                houses.append(House(name, self.problem.group_min, most, free))
        room = min(self.day_room(base, day) for day in range(first, until))
        if self.days > 1:
            room = min(room, min(self.night_room(base, day) for day in range(first, until - 1)))
        return Window(max(0, room), tuple(houses))

    def fits(self, window: Window, men: int, women: int) -> bool:
        """Whether men and women of one class can stay there by themselves."""
        ranges = tuple((low, high) for low, high in window.ranges if low <= high)
        return men + women <= window.room and houses_suffice((men, women), ranges)

    def sites(self, wanted: list[tuple[str, ...]], largest: int) -> list[Site]:
        """Single bases; pairs of neighbours on one route where one alone is too small; and pairs asked for.

        Where there are few bases and no neighbour is too small, any two neighbours: whole classes alone would leave loads
        far apart.
        """
        holds = {name: self.holds(name) for name in self.able()}
        asked = {tuple(sorted(pair)) for pair in wanted if len(pair) == 2}
        small = {pair for pair in combinations(holds, 2) if min(map(holds.__getitem__, pair)) < largest}
        near = [
            pair
            for pair in combinations(holds, 2)
            if (self.few or pair in small or pair in asked) and self._neighbours(*pair)
        ]
        offered = small.intersection(near) or set(near)
        return [*map(self._single, holds), *(self._pair(*pair) for pair in near if pair in offered | asked)]

    def pairs_of(self, base: str) -> list[Site]:
        """The base together with each of its neighbours."""
        return [self._pair(base, other) for other in self.able() if other != base and self._neighbours(base, other)]

    @property
    def few(self) -> bool:
        """Whether there are so few bases that whole classes do not come out even."""
        return len(self.rows) <= FEW_BASES

    def able(self) -> list[str]:
        """Bases that have beds."""
        return [name for name in self.rows if self.beds[name]]

    def largest_classes(self) -> dict[str, int]:
        """Base with beds -> the largest class that it can take a part of, alone or together with a neighbour."""
        most = {name: self.holds(name, excepted=True) for name in self.able()}
        result = dict(most)
        for one, two in combinations(most, 2):
            if self._neighbours(one, two):
                for base in (one, two):
                    result[base] = max(result[base], most[one] + most[two])
        return result

    def site(self, bases: tuple[str, ...]) -> Site:
        """The site of one base, or of two in the order of travel given."""
        return self._single(bases[0]) if len(bases) == 1 else replace(self._pair(*bases), bases=bases)

    def holds(self, base: str, excepted: bool = False) -> int:
        """People whom a base takes when nothing is closed and nobody else is there; a household takes one group.

        `excepted`: at the gatherings for which all its households' exceptions were granted, were they the same.
        """
        most = 0
        for house in self.rows[base]["households"]:
            beds = sum(room["beds"] for room in house["rooms"])
            lifted = excepted and house["id"] in self._excepted
            most += beds if lifted else min(self.problem.group_max, beds)
        spare = self.beds[base] - int(self.problem.rules["spare_beds"])
        return min(spare, most, int(self.rows[base]["declared_capacity"]))

    def _neighbours(self, one: str, two: str) -> bool:
        routes = set(self.rows[one]["routes"]) & set(self.rows[two]["routes"])
        return bool(routes) and self._apart(one, two) <= self.problem.rules["pair_max_km"]

    def _apart(self, one: str, two: str) -> float:
        (x1, y1), (x2, y2) = self.rows[one]["position_km"], self.rows[two]["position_km"]
        return math.hypot(x1 - x2, y1 - y2)

    def _from_seat(self, base: str) -> float:
        return math.hypot(*self.rows[base]["position_km"])

    def _single(self, base: str) -> Site:
        row = self.rows[base]
        return Site((base,), 2 * self._from_seat(base), frozenset(row["routes"]), frozenset([row["village"]]))

    def _pair(self, one: str, two: str) -> Site:
        """Two bases, the one nearer to the seat first."""
        first, second = sorted((one, two), key=lambda name: (self._from_seat(name), name))
        km = self._from_seat(first) + self._apart(first, second) + self._from_seat(second)
        rows = self.rows[first], self.rows[second]
        return Site(
            (first, second),
            km,
            frozenset(rows[0]["routes"]) & frozenset(rows[1]["routes"]),
            frozenset(row["village"] for row in rows),
        )


def places_of(problem: Problem) -> Places:
    """The bases of an input, worked out once for all who ask with the same problem."""
    if problem.places is None:
        problem.places = Places(problem)
    return problem.places
