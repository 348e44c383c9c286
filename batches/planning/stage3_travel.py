"""The journey levels of stage 3 by HiGHS through scipy: returns to a village, then kilometres.

What CP-SAT settled is held: which gatherings are skipped, villages, changes, the peak load. Kilometres do not depend on
who goes where when, only on the sites used; that is why these programmes close in a moment, while route changes, which do
depend on it, are a level of their own (stage3_routes).
"""

import math
from collections import Counter, defaultdict
from dataclasses import dataclass

import numpy as np

from .linear import Linear, Terms
from .stage3_model import Round, Settled
from .stage3_options import Option

ROUTE_KM = 30.0  # what a change of route is worth where one sum must do: for choices that are not proven
RETURN_KM = 100.0
RELATIVE_GAP, QUICK_GAP = 0.0005, 0.002
NODE_LIMIT = 100
METRE = 0.001


@dataclass(frozen=True)
class Shortest:
    """Groups of options at the least kilometres for the least returns, and the bounds of both."""

    columns: list[int]
    returns: tuple[int, int]
    km: tuple[float, float]


class Program(Linear):
    """Columns: groups of options that differ in the day alone, and villages seen by a class.

    With a previous plan the day counts, as it does when sites without days led nowhere: then every option is a group of
    its own and the rows of room and staff are in.
    """

    def __init__(self, round_: Round, settled: Settled, *, by_day: bool = False):
        super().__init__()
        self.round = round_
        self.by_day = by_day or bool(round_.before)
        self.nodes, self.gap, self.impossible = NODE_LIMIT, RELATIVE_GAP, False
        self.groups: list[list[int]] = []
        self.of_slot: list[list[int]] = []
        for numbers, chosen in zip(round_.of_slot, settled.chosen, strict=True):
            self._slot(numbers if chosen is not None else [])
        self.at: dict[str, list[tuple[int, int]]] = defaultdict(list)
        for column, group in enumerate(self.groups):
            for part in round_.options[group[0]].parts:
                self.at[part.base].append((column, part.people))
        self.visits = [(c, float(len(self.option(c).site.villages))) for c in range(len(self.groups))]
        if self.by_day:
            place = {group[0]: column for column, group in enumerate(self.groups)}
            for terms, most in round_.rows():
                self.row([(place[n], float(weight)) for n, weight in terms if n in place], -np.inf, most)
        self._held(settled)
        self.seen = self._villages(settled)

    def option(self, column: int) -> Option:
        return self.round.options[self.groups[column][0]]

    def _slot(self, numbers: list[int]) -> None:
        alike: dict[object, list[int]] = defaultdict(list)
        for number in numbers:
            option = self.round.options[number]
            alike[number if self.by_day else (option.site, option.parts)].append(number)
        columns = []
        for group in alike.values():
            columns.append(self.column(1.0, self.round.options[group[0]].site.km))
            self.groups.append(group)
        self.of_slot.append(columns)
        if columns:
            self.row([(column, 1.0) for column in columns], 1, 1)

    def room(self, settled: Settled, base: str) -> int:
        """Person-days that the base can still take below the peak load."""
        return self.round.room(base, settled.peak[0])

    def _held(self, settled: Settled) -> None:
        days = self.round.problem.days
        for base, terms in sorted(self.at.items()):
            row = [(column, float(days * people)) for column, people in terms]
            self.row(row, -np.inf, self.room(settled, base))
        if self.by_day:
            kept = [column for column, group in enumerate(self.groups) if self.round.kept(group[0])]
            self.row([(column, 1.0) for column in kept], settled.keep, np.inf)

    def _villages(self, settled: Settled) -> Terms:
        demand = self.round.problem.rules["min_distinct_villages"]
        to: dict[str, dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
        for column in range(len(self.groups)):
            option = self.option(column)
            for village in option.site.villages:
                to[option.klass][village].append(column)
        result = []
        for name, villages in sorted(to.items()):
            seen = []
            for _, columns in sorted(villages.items()):
                here = self.column(1.0, whole=False)
                self.row([(here, 1.0), *((column, -1.0) for column in columns)], -np.inf, 0)
                seen.append((here, 1.0))
            self.row(seen, demand - settled.short[name], np.inf)
            result += seen
        return result

    def solve(self, nodes: int | None = None) -> Shortest | None:
        """The groups chosen with bounds; None when nothing was found within the node limit.

        With a limit of one's own no other way is tried of what was not found, unless it is known to be impossible.
        """
        if not self.groups:
            return None
        if nodes is not None:
            self.nodes, self.gap = nodes, QUICK_GAP
        returns = [*self.visits, *((column, -1.0) for column, _ in self.seen)]
        self.returns_row = spot = self.row(returns, -np.inf, 0)
        least = (0, 0)
        columns, bound = self._least()
        if columns is None and nodes is not None and not self.impossible:
            return None
        if columns is None:
            self.high[spot] = np.inf
            columns, bound = self._least(returns)
            if columns is None:
                return None
            found = self.returns(columns)
            least = (found, 0 if bound is None else min(found, max(0, math.ceil(bound - 0.01))))
            self.high[spot] = found
            shorter, bound = self._least() if found else (None, None)
            columns = columns if shorter is None else shorter
        value = sum(self.costs[column] for column in columns)
        return Shortest(columns, least, (value, 0.0 if bound is None else min(value, bound)))

    def of(self, settled: Settled) -> Shortest:
        """The groups of what was settled, where that is as short as was counted."""
        columns = self.columns_of(settled.chosen)
        value = sum(self.costs[column] for column in columns)
        return Shortest(columns, (self.returns(columns), settled.returns), (value, min(value, settled.km)))

    def columns_of(self, chosen: list[int | None]) -> list[int]:
        """The groups of a choice."""
        column_of = {number: column for column, group in enumerate(self.groups) for number in group}
        return [column_of[number] for number in chosen if number is not None]

    def loose_bound(self) -> float:
        """A bound of the kilometres whatever the returns."""
        self.high[self.returns_row] = np.inf
        return self._least()[1] or 0.0

    def returns(self, columns: list[int]) -> int:
        """Villages that classes see again."""
        seen = Counter((self.option(c).klass, village) for c in columns for village in self.option(c).site.villages)
        return seen.total() - len(seen)

    def _least(self, goal: Terms | None = None) -> tuple[list[int] | None, float | None]:
        found = self.least(None if goal is None else self.goal(goal), nodes=self.nodes, gap=self.gap)
        self.impossible = found.impossible
        if found.values is None:
            return None, found.bound
        return [column for column in range(len(self.groups)) if found.values[column] > 0.5], found.bound


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


def rank(round_: Round, chosen: list[int | None]) -> tuple[int, float, int]:
    """What makes one choice better than another: returns, then kilometres, then changes of route."""
    km, changes, returns = journey(round_, chosen)
    return returns, round(km, 3), changes
