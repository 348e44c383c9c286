"""Bounds of how evenly plans of a year can use the bases with whole gatherings, whatever the days and the order.

The fluid bound pours person-days; here each gathering of the plan goes, whole, to one base, or is divided in any way
over two neighbours of a route, one of which cannot take the largest class; where there are few bases, over any two (elsewhere
classes are not divided where either base can take them all, unless a pin asks for it or households would stay far apart:
such plans are not bounded). How often each site is visited is a whole number; what
HiGHS proves of that count within its limit bounds every such plan with as many gatherings of these sizes, for days, staff,
sexes and villages only take choices away. Whether the bound can be reached is not said.
"""

import math
from collections import Counter, defaultdict
from typing import Any

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import csr_array

Document = dict[str, Any]
NODES = 2000
TANGENTS = 100  # of the square of a base's load, from what it was before to the highest load that is told
FEW_BASES = 20
Terms = list[tuple[int, float]]


def rooms(document: Document, *, usual: bool = False) -> dict[str, int]:
    """People whom each base that has beds can take at most: beds less spare, groups of households, declared capacity.

    An exception to the size of a household's group (R16) counts for all gatherings, or for none with `usual`.
    """
    rules = document["programme"]
    group = rules["household_group"]["max"]
    excepted = {row["subject"].split(":", 1)[0] for row in document["waivers"] if row["rule"] == "R16" and not usual}
    result = {}
    for base in document["bases"]:
        beds = {house["id"]: sum(room["beds"] for room in house["rooms"]) for house in base["households"]}
        groups = sum(n if house in excepted else min(n, group) for house, n in beds.items())
        if sum(beds.values()):
            result[base["id"]] = min(sum(beds.values()) - rules["spare_beds"], groups, base["declared_capacity"])
    return result


def neighbours(document: Document) -> list[tuple[str, str]]:
    """Pairs of bases with beds that share a route and lie near enough to host one gathering (R09)."""
    names = rooms(document)
    rows = [base for base in document["bases"] if base["id"] in names]
    return [
        (one["id"], two["id"])
        for number, one in enumerate(rows)
        for two in rows[number + 1 :]
        if set(one["routes"]) & set(two["routes"])
        and math.dist(one["position_km"], two["position_km"]) <= document["programme"]["pair_max_km"]
    ]


class Count:
    """Columns: the peak, visits of each site by gatherings of a size, and of those at pairs the people at the first base."""

    def __init__(self, before: dict[str, int], beds: dict[str, int]):
        self.before, self.beds = before, beds
        self.upper, self.whole = [np.inf], [0]
        self.entries: list[tuple[int, int, float]] = []
        self.low: list[float] = []
        self.high: list[float] = []
        self.at: dict[str, Terms] = defaultdict(list)

    def column(self, upper: float, whole: int) -> int:
        self.upper.append(upper)
        self.whole.append(whole)
        return len(self.upper) - 1

    def row(self, terms: Terms, low: float, high: float) -> None:
        self.entries.extend((len(self.low), column, value) for column, value in terms)
        self.low.append(low)
        self.high.append(high)

    def gatherings(self, size: int, count: int, days: int, room: dict[str, int], pairs: list[tuple[str, str]]) -> None:
        """So many gatherings of a size, each at a base that can take it or at two that can together."""
        visits = []
        for base, most in sorted(room.items()):
            if most >= size:
                visits.append(self.column(count, 1))
                self.at[base].append((visits[-1], size * days))
        for one, two in pairs:
            least, most = max(1, size - room[two]), min(size - 1, room[one])
            if least <= most:
                here, people = self.column(count, 1), self.column(np.inf, 0)
                visits.append(here)
                self.row([(people, 1), (here, -least)], 0, np.inf)
                self.row([(people, 1), (here, -most)], -np.inf, 0)
                self.at[one].append((people, days))
                self.at[two] += [(here, size * days), (people, -days)]
        self.row([(column, 1) for column in visits], count, count)

    def least_peak(self) -> float:
        """What HiGHS proves of the peak, in person-days a bed."""
        for base, terms in sorted(self.at.items()):
            self.row([*terms, (0, -self.beds[base])], -np.inf, -self.before.get(base, 0))
        floor = max((self.before.get(base, 0) / beds for base, beds in self.beds.items()), default=0.0)
        return self._proven([0], floor)

    def least_squares(self, highest: float) -> float:
        """What HiGHS proves of the sum over the bases of person-days squared by beds.

        Each square is bounded by its tangents up to the load `highest`; whatever that is, the bound is one.
        """
        squares = []
        for base, terms in sorted(self.at.items()):
            beds, before = self.beds[base], self.before.get(base, 0)
            squares.append(self.column(np.inf, 0))
            for load in np.linspace(before / beds, highest, TANGENTS):
                slope = [(column, -2 * load * days) for column, days in terms]
                self.row([(squares[-1], 1), *slope], 2 * load * before - load * load * beds, np.inf)
        others = sum(self.before.get(base, 0) ** 2 / beds for base, beds in self.beds.items() if base not in self.at)
        return others + self._proven(squares, 0.0)

    def _proven(self, goal: list[int], floor: float) -> float:
        """The bound of the sum of the columns `goal`, the peak being at least `floor`."""
        rows, columns, values = zip(*self.entries, strict=True)
        matrix = csr_array((values, (rows, columns)), shape=(len(self.low), len(self.upper)))
        cost, lower = np.zeros(len(self.upper)), np.zeros(len(self.upper))
        cost[goal], lower[0] = 1.0, floor
        result = milp(
            cost,
            integrality=np.array(self.whole),
            bounds=Bounds(lower, np.array(self.upper)),
            constraints=LinearConstraint(matrix, np.array(self.low), np.array(self.high)),
            options={"mip_rel_gap": 0, "node_limit": NODES},
        )
        return float(floor if result.mip_dual_bound is None else result.mip_dual_bound)


def least_peak(document: Document, sizes: Counter[int], before: dict[str, int], beds: dict[str, int]) -> float:
    """The bound of the peak for so many gatherings of each size, with the person-days that the bases had before."""
    count = _count(document, sizes, before, beds)
    return count.least_peak() if count.at else 0.0


def least_squares(
    document: Document, sizes: Counter[int], before: dict[str, int], beds: dict[str, int], highest: float
) -> float:
    """The bound, for the same, of the sum over the bases of person-days squared by beds."""
    count = _count(document, sizes, before, beds)
    return (
        count.least_squares(highest) if count.at else sum(before.get(base, 0) ** 2 / n for base, n in beds.items() if n)
    )


def _count(document: Document, sizes: Counter[int], before: dict[str, int], beds: dict[str, int]) -> Count:
    room, usual, largest = rooms(document), rooms(document, usual=True), max(sizes, default=0)
    few = has_few_bases(document)
    pairs = [pair for pair in neighbours(document) if few or min(usual[base] for base in pair) < largest]
    count = Count(before, {base: n for base, n in beds.items() if n})
    for size, number in sorted(sizes.items()):
        count.gatherings(size, number, document["programme"]["gathering_days"], room, pairs)
    return count


def has_few_bases(document: Document) -> bool:
    """Whether any two neighbours may share a class, and how even the loads can be is counted."""
    return len(document["bases"]) <= FEW_BASES
