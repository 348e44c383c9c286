"""Linear programmes in whole numbers or fractions, row by row, for HiGHS through scipy.

The order of columns and rows, and the options, decide which of several best answers comes out: plans depend on them.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import csr_array

IMPOSSIBLE = 2  # how scipy says it
Terms = list[tuple[int, float]]  # (column, factor)
Vector = np.ndarray[tuple[int], np.dtype[np.float64]]


@dataclass(frozen=True)
class Solution:
    """Values of the columns, None where nothing was found within the limits, and their cost; `bound`: no whole numbers
    cost less (None: not known)."""

    values: Vector | None
    cost: float | None
    bound: float | None
    proven: bool
    impossible: bool


class Linear:
    """Columns between a lower and an upper bound, with what one of each costs, and rows: sums held low and high."""

    def __init__(self) -> None:
        self.costs: list[float] = []
        self.lower: list[float] = []
        self.upper: list[float] = []
        self.whole: list[bool] = []
        self.entries: list[tuple[int, int, float]] = []
        self.low: list[float] = []
        self.high: list[float] = []

    def column(self, upper: float, cost: float = 0.0, *, lower: float = 0.0, whole: bool = True) -> int:
        self.costs.append(cost)
        self.lower.append(lower)
        self.upper.append(upper)
        self.whole.append(whole)
        return len(self.costs) - 1

    def row(self, terms: Iterable[tuple[int, float]], low: float, high: float) -> int:
        self.entries.extend((len(self.low), column, factor) for column, factor in terms)
        self.low.append(low)
        self.high.append(high)
        return len(self.low) - 1

    def goal(self, terms: Iterable[tuple[int, float]]) -> Vector:
        """Costs of all columns, where these alone count."""
        costs = np.zeros(len(self.costs))
        for column, cost in terms:
            costs[column] += cost
        return costs

    def hold(self, goal: Vector, most: float) -> None:
        """From now on such costs come to no more than that."""
        self.row([(int(column), float(goal[column])) for column in np.flatnonzero(goal)], -np.inf, most)

    @contextmanager
    def trial(self) -> Iterator[None]:
        """Columns and rows that are added within are taken away again."""
        columns, entries, rows = len(self.costs), len(self.entries), len(self.low)
        try:
            yield
        finally:
            del self.costs[columns:], self.lower[columns:], self.upper[columns:], self.whole[columns:]
            del self.entries[entries:], self.low[rows:], self.high[rows:]

    def least(
        self, goal: Vector | None = None, *, nodes: int | None = None, gap: float = 0, relaxed: bool = False
    ) -> Solution:
        """The least costs, or the least of a goal; with `relaxed` in fractions. Search ends at a relative gap, or after
        so many nodes."""
        rows, columns, factors = zip(*self.entries, strict=True) if self.entries else ((), (), ())
        matrix = csr_array((factors, (rows, columns)), shape=(len(self.low), len(self.costs)))
        result = milp(
            np.array(self.costs) if goal is None else goal,
            integrality=np.zeros(len(self.whole)) if relaxed else np.array(self.whole),
            bounds=Bounds(np.array(self.lower), np.array(self.upper)),
            constraints=LinearConstraint(matrix, np.array(self.low), np.array(self.high)),
            options={"mip_rel_gap": gap, "node_limit": nodes},
        )
        bound = None if result.mip_dual_bound is None else float(result.mip_dual_bound)
        return Solution(result.x, result.fun, bound, result.status == 0, result.status == IMPOSSIBLE)
