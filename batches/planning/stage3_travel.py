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
NODE_LIMIT = 8


class Program:
    """Columns: groups of options that differ in the day alone, villages seen by a class, routes kept or used.

    With a previous plan the day counts, so every option is a group of its own and the rows of room and staff are in.
    """

    def __init__(self, round_: Round, settled: Settled):
        self.round = round_
        self.costs: list[float] = []
        self.upper: list[float] = []
        self.entries: list[tuple[int, int, float]] = []
        self.low: list[float] = []
        self.high: list[float] = []
        self.users: dict[str, list[tuple[int, float]]] = defaultdict(list)
        self.loyal: dict[str, list[tuple[int, float]]] = defaultdict(list)
        self.by_day = bool(round_.before)
        self.groups: list[list[int]] = []
        self.of_slot: list[list[int]] = []
        for numbers, chosen in zip(round_.of_slot, settled.chosen, strict=True):
            self._slot(numbers if chosen is not None else [])
        self.whole: list[int] = list(range(len(self.groups)))
        self.at: dict[str, list[tuple[int, int]]] = defaultdict(list)
        for column, group in enumerate(self.groups):
            for part in round_.options[group[0]].parts:
                self.at[part.base].append((column, part.people))
        if self.by_day:
            place = {group[0]: column for column, group in enumerate(self.groups)}
            for terms, most in round_.rows():
                self.row([(place[n], float(weight)) for n, weight in terms if n in place], -np.inf, most)
        self._held(settled)
        self._villages(settled)
        self._routes()
        self._counts()

    def _slot(self, numbers: list[int]) -> None:
        alike: dict[object, list[int]] = defaultdict(list)
        for number in numbers:
            option = self.round.options[number]
            alike[number if self.by_day else (option.site, option.parts)].append(number)
        columns = []
        for group in alike.values():
            site = self.round.options[group[0]].site
            columns.append(self.column(site.km + RETURN_KM * len(site.villages)))
            self.groups.append(group)
        self.of_slot.append(columns)
        if columns:
            self.row([(column, 1.0) for column in columns], 1, 1)

    def restrain(self, clash: list[int]) -> None:
        """These groups cannot all be had; at a base they share, never so many classes in one fortnight again."""
        options = [self.round.options[self.groups[column][0]] for column in clash]
        self.row([(column, 1.0) for column in clash], -np.inf, len(clash) - 1)
        for base in sorted(set.intersection(*(set(option.site.bases) for option in options))):
            weeks: dict[tuple[str, int], list[tuple[int, float]]] = defaultdict(list)
            for column, _ in self.at[base]:
                option = self.round.options[self.groups[column][0]]
                weeks[self.round.problem.classes[option.klass].parity, option.index].append((column, 1.0))
            for _, terms in sorted(weeks.items()):
                if len(terms) >= len(clash):
                    self.row(terms, -np.inf, len(clash) - 1)

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
        for base, terms in sorted(self.at.items()):
            room = math.floor(settled.peak[0] * round_.places.beds[base] - round_.load[base] + 0.5 / SCALE)
            self.row([(column, float(days * people)) for column, people in terms], -np.inf, max(0, room))
        if self.by_day:
            kept = [column for column, group in enumerate(self.groups) if round_.kept(group[0])]
            self.row([(column, 1.0) for column in kept], settled.keep, np.inf)

    def _villages(self, settled: Settled) -> None:
        demand = self.round.problem.rules["min_distinct_villages"]
        to: dict[str, dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
        for column, group in enumerate(self.groups):
            option = self.round.options[group[0]]
            for village in option.site.villages:
                to[option.klass][village].append(column)
        for name, villages in sorted(to.items()):
            seen = []
            for _, columns in sorted(villages.items()):
                here = self.column(-RETURN_KM)
                self.row([(here, 1.0), *((column, -1.0) for column in columns)], -np.inf, 0)
                seen.append((here, 1.0))
            self.row(seen, demand - settled.short[name], np.inf)

    def _routes(self) -> None:
        held: dict[str, list[int]] = defaultdict(list)
        for position, (slot, columns) in enumerate(zip(self.round.slots, self.of_slot, strict=True)):
            if columns:
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
            for number in self.of_slot[position]:
                routes = self._routes_of(number)
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
        for route, column in sorted(used.items()):
            self.users[route].append((column, 1.0))
        self._one_route(positions, changes)

    def _one_route(self, positions: list[int], changes: list[tuple[int, float]]) -> None:
        """A class that changes nowhere keeps to one route all the time."""
        on: dict[str, list[tuple[int, float]]] = defaultdict(list)
        for position in positions:
            for route, columns in self._by_route(position).items():
                on[route].extend((column, 1.0) for column in columns)
        loyal = []
        for route, terms in sorted(on.items()):
            column = self.column(0.0)
            self.whole.append(column)
            self.row([*terms, (column, -float(len(positions)))], 0, np.inf)
            self.loyal[route].append((column, 1.0))
            loyal.append((column, 1.0))
        self.row(loyal, 0, 1)
        self.row([*changes, *loyal, *self._bridges(positions)], 1, np.inf)

    def _bridges(self, positions: list[int]) -> list[tuple[int, float]]:
        """Gatherings on several routes, where a class may pass from one to the other without a change."""
        return [(column, 1.0) for p in positions for column in self.of_slot[p] if len(self._routes_of(column)) > 1]

    def _counts(self) -> None:
        """Classes per route as whole numbers: classes are alike, and this is what tells the solver."""
        for rows in (self.users, self.loyal):
            for _, terms in sorted(rows.items()):
                count = self.column(0.0, float(len(terms)))
                self.whole.append(count)
                self.row([*terms, (count, -1.0)], 0, 0)

    def _by_route(self, position: int) -> dict[str, list[int]]:
        result: dict[str, list[int]] = defaultdict(list)
        for column in self.of_slot[position]:
            for route in self._routes_of(column):
                result[route].append(column)
        return result

    def _routes_of(self, column: int) -> list[str]:
        return sorted(self.round.options[self.groups[column][0]].site.routes)

    def solve(self) -> tuple[list[int] | None, float | None]:
        """The groups chosen and a bound of the cost; None when nothing was found within the node limit."""
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
        return [column for column in range(len(self.groups)) if result.x[column] > 0.5], bound


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
