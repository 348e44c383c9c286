"""The journey level of stage 3: kilometres, changes of route and returns to a village, by HiGHS through scipy.

The cost is in kilometres: the way itself, 30 for a change of route between consecutive gatherings of a class, 100 for
a village seen before. What CP-SAT settled is held: which gatherings are skipped, villages, changes, the peak load.
"""

import math
from collections import Counter, defaultdict
from itertools import pairwise

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import csr_array

from .stage3_model import SCALE, Round, Settled

ROUTE_KM = 30.0
RETURN_KM = 100.0
RELATIVE_GAP = 0.005
NODE_LIMIT = 40


class Program:
    """Columns: options, villages seen by a class, routes kept from one gathering to the next."""

    def __init__(self, round_: Round, settled: Settled):
        self.round = round_
        self.costs: list[float] = []
        self.upper: list[float] = []
        self.entries: list[tuple[int, int, float]] = []
        self.low: list[float] = []
        self.high: list[float] = []
        self.whole: list[int] = list(range(len(round_.options)))
        skipped = {
            n for numbers, chosen in zip(round_.of_slot, settled.chosen, strict=True) if chosen is None for n in numbers
        }
        for number, option in enumerate(round_.options):
            cost = option.site.km + RETURN_KM * len(option.site.villages)
            self.column(cost, 0.0 if number in skipped else 1.0)
        for numbers, chosen in zip(round_.of_slot, settled.chosen, strict=True):
            if chosen is not None:
                self.row([(n, 1.0) for n in numbers], 1, 1)
        for terms, most in round_.rows():
            self.row([(n, float(weight)) for n, weight in terms], -np.inf, most)
        self._held(settled)
        self._villages(settled)
        self._routes(settled)

    def column(self, cost: float, upper: float = 1.0) -> int:
        self.costs.append(cost)
        self.upper.append(upper)
        return len(self.costs) - 1

    def row(self, terms: list[tuple[int, float]], low: float, high: float) -> None:
        self.entries.extend((len(self.low), column, value) for column, value in terms)
        self.low.append(low)
        self.high.append(high)

    def _held(self, settled: Settled) -> None:
        round_ = self.round
        days = round_.problem.days
        for base, numbers in sorted(round_.at.items()):
            room = math.floor(settled.peak[0] * round_.places.beds[base] - round_.load[base] + 0.5 / SCALE)
            self.row([(n, float(days * people)) for n, people in numbers], -np.inf, max(0, room))
        if round_.before:
            kept = [n for numbers in round_.of_slot for n in numbers if round_.kept(n)]
            count = sum(1 for n in settled.chosen if n is not None and round_.kept(n))
            self.row([(n, 1.0) for n in kept], count, np.inf)

    def _villages(self, settled: Settled) -> None:
        demand = self.round.problem.rules["min_distinct_villages"]
        for name, villages in sorted(self.round.villages().items()):
            seen = []
            for _, numbers in sorted(villages.items()):
                column = self.column(-RETURN_KM)
                self.row([(column, 1.0), *((n, -1.0) for n in numbers)], -np.inf, 0)
                seen.append((column, 1.0))
            self.row(seen, demand - settled.short[name], np.inf)

    def _routes(self, settled: Settled) -> None:
        held: dict[str, list[int]] = defaultdict(list)
        for position, (slot, chosen) in enumerate(zip(self.round.slots, settled.chosen, strict=True)):
            if chosen is not None:
                held[slot.klass.id].append(position)
        for _, positions in sorted(held.items()):
            changes: list[tuple[int, float]] = []
            for one, two in pairwise(positions):
                sides = [self._by_route(position) for position in (one, two)]
                kept = []
                for route in sorted(set(sides[0]) & set(sides[1])):
                    column = self.column(0.0)
                    for side in sides:
                        self.row([(column, 1.0), *((n, -1.0) for n in side[route])], -np.inf, 0)
                    kept.append((column, 1.0))
                change = self.column(ROUTE_KM)
                self.row([*kept, (change, 1.0)], 1, np.inf)
                changes.append((change, 1.0))
            self._route_count(positions, changes)

    def _route_count(self, positions: list[int], changes: list[tuple[int, float]]) -> None:
        """Routes of a class less one are changes, unless a gathering lies on several; strong where rows above are weak."""
        used: dict[str, int] = {}
        bridges: list[tuple[int, float]] = []
        for position in positions:
            single: dict[str, list[tuple[int, float]]] = defaultdict(list)
            for number in self.round.of_slot[position]:
                routes = sorted(self.round.options[number].site.routes)
                if len(routes) == 1:
                    single[routes[0]].append((number, -1.0))
                elif routes:
                    bridges.append((number, float(len(routes) - 1)))
            for route, terms in sorted(single.items()):
                if route not in used:
                    used[route] = self.column(0.0)
                    self.whole.append(used[route])
                self.row([(used[route], 1.0), *terms], 0, np.inf)
        self.row([*changes, *((column, -1.0) for _, column in sorted(used.items())), *bridges], -1, np.inf)

    def _by_route(self, position: int) -> dict[str, list[int]]:
        result: dict[str, list[int]] = defaultdict(list)
        for number in self.round.of_slot[position]:
            for route in self.round.options[number].site.routes:
                result[route].append(number)
        return result

    def solve(self) -> tuple[list[int | None] | None, float | None]:
        """The options chosen and a bound of the cost; None when nothing was found within the node limit."""
        columns = len(self.costs)
        if not self.low or not columns:
            return None, None
        rows, places, values = zip(*self.entries, strict=True)
        matrix = csr_array((values, (rows, places)), shape=(len(self.low), columns))
        whole = np.zeros(columns)
        whole[self.whole] = 1
        result = milp(
            np.array(self.costs),
            integrality=whole,
            bounds=Bounds(np.zeros(columns), np.array(self.upper)),
            constraints=LinearConstraint(matrix, np.array(self.low), np.array(self.high)),
            options={"mip_rel_gap": RELATIVE_GAP, "node_limit": NODE_LIMIT},
        )
        bound = None if result.mip_dual_bound is None else float(result.mip_dual_bound)
        if result.x is None:
            return None, bound
        chosen = [next((n for n in numbers if result.x[n] > 0.5), None) for numbers in self.round.of_slot]
        return chosen, bound


def journey(round_: Round, chosen: list[int | None]) -> tuple[float, int, int]:
    """(kilometres, changes of route, returns to a village) of a choice."""
    km, changes, returns = 0.0, 0, 0
    last: dict[str, frozenset[str]] = {}
    seen: dict[str, Counter[str]] = defaultdict(Counter)
    for slot, number in zip(round_.slots, chosen, strict=True):
        if number is None:
            continue
        site = round_.options[number].site
        km += site.km
        changes += slot.klass.id in last and not last[slot.klass.id] & site.routes
        last[slot.klass.id] = site.routes
        for village in site.villages:
            returns += seen[slot.klass.id][village] > 0
            seen[slot.klass.id][village] += 1
    return km, changes, returns


def cost(round_: Round, chosen: list[int | None]) -> float:
    km, changes, returns = journey(round_, chosen)
    return km + ROUTE_KM * changes + RETURN_KM * returns
