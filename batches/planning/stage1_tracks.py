"""Stage 1 with several tracks: a unit's quota is shared between tracks, so the flow becomes an integer programme.

The levels are solved one after another, each held at its value for the next; integers, so that gap 0 is exact.
Beyond a size the tracks are seated one after another by the flow, and no bound is claimed.
"""

from collections import Counter, defaultdict
from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import csr_array

from . import stage1_flow
from .control import Control

if TYPE_CHECKING:
    from .stage1_batches import Demand, Group

NODE_LIMIT = 5000


class Rows:
    """Linear rows over numbered columns."""

    def __init__(self) -> None:
        self.entries: list[tuple[int, int, float]] = []
        self.low: list[float] = []
        self.high: list[float] = []

    def add(self, terms: list[tuple[int, float]], low: float, high: float) -> None:
        self.entries.extend((len(self.low), column, value) for column, value in terms)
        self.low.append(low)
        self.high.append(high)

    def constraint(self, columns: int) -> LinearConstraint:
        rows, places, values = zip(*self.entries, strict=True) if self.entries else ((), (), ())
        matrix = csr_array((values, (rows, places)), shape=(len(self.low), columns))
        return LinearConstraint(matrix, np.array(self.low), np.array(self.high))


class Model:
    """Columns: people of a group in a batch, steps of a unit in a batch, people missing under the minima."""

    def __init__(self, demand: "Demand"):
        self.demand = demand
        self.upper: list[float] = []
        self.rows = Rows()
        self.people: list[dict[int, int]] = []
        self.steps: list[tuple[int, int]] = []
        self.missing: list[int] = []
        self._columns()
        self._limits()
        self._minima()

    def column(self, upper: float) -> int:
        self.upper.append(upper)
        return len(self.upper) - 1

    def _columns(self) -> None:
        for group in self.demand.groups:
            row = {place: self.column(len(group.people)) for place in group.open}
            self.people.append(row)
            self.rows.add([(column, 1.0) for column in row.values()], 0, len(group.people))

    def _limits(self) -> None:
        demand = self.demand
        units: dict[tuple[str, int], list[int]] = defaultdict(list)
        leading: dict[tuple[str, int], list[int]] = defaultdict(list)
        sides: dict[tuple[str, int, str], list[int]] = defaultdict(list)
        for group, row in zip(demand.groups, self.people, strict=True):
            for place, column in row.items():
                units[group.unit, place].append(column)
                if group.leading:
                    leading[group.unit, place].append(column)
                side = demand.side(group, place)
                if side is not None:
                    sides[group.unit, place, side].append(column)
        for (unit, place), columns in units.items():
            left = demand.quota_left(unit, place)
            most = int(sum(self.upper[c] for c in columns)) if left is None else left
            steps = [self.column(1) for _ in range(most)]
            self.steps.extend((column, demand.quota_used[unit, place] + i) for i, column in enumerate(steps))
            self.rows.add([(c, 1.0) for c in columns] + [(s, -1.0) for s in steps], 0, 0)
        for (unit, place), columns in leading.items():
            left = demand.leading_left(unit, place)
            if left is not None:
                self.rows.add([(c, 1.0) for c in columns], 0, left)
        for (unit, place, side), columns in sides.items():
            taken = stage1_flow._pinned_on_side(demand, unit, place, side)
            self.rows.add([(c, 1.0) for c in columns], 0, max(0, demand.side_limits[unit, place, side] - taken))

    def _minima(self) -> None:
        seats: dict[tuple[int, str], list[int]] = defaultdict(list)
        for group, row in zip(self.demand.groups, self.people, strict=True):
            for place, column in row.items():
                seats[place, group.track].append(column)
        for (place, track), columns in sorted(seats.items()):
            low, free = self.demand.seats(place, track)
            missing = self.column(low)
            self.missing.append(missing)
            terms = [(c, 1.0) for c in columns]
            self.rows.add(terms, 0, free)
            self.rows.add([*terms, (missing, 1.0)], low, np.inf)

    def levels(self) -> list[list[tuple[int, float]]]:
        """Objectives to be made small, in order."""
        pairs = list(zip(self.demand.groups, self.people, strict=True))

        def seated(wanted: "list[Group]") -> list[tuple[int, float]]:
            names = {id(group) for group in wanted}
            return [(c, -1.0) for group, row in pairs if id(group) in names for c in row.values()]

        groups = self.demand.groups
        result = [seated([g for g in groups if g.must]), [(c, 1.0) for c in self.missing]]
        result += [seated([g for g in groups if g.tier == tier]) for tier in (0, 1, 2)]
        result.append([(row[g.before], -1.0) for g, row in pairs if g.before is not None])
        result.append(
            [
                (c, float((2, 1, 0)[g.tier] * place))
                for g, row in pairs
                for place, c in row.items()
                if g.tier < 2 and place
            ]
        )
        result.append([(column, float(cost)) for column, cost in self.steps])
        return result


def solve(demand: "Demand", control: Control) -> list[dict[int, int]] | None:
    """People of each group per batch, proven level by level; None when a level could not be proved."""
    model = Model(demand)
    columns = len(model.upper)
    values = np.zeros(columns)
    for number, objective in enumerate(model.levels()):
        if not objective:
            continue
        control.step(1, 0.1 * number, "多班型共用名额")
        costs = np.zeros(columns)
        for column, cost in objective:
            costs[column] += cost
        result = milp(
            costs,
            constraints=model.rows.constraint(columns),
            bounds=Bounds(np.zeros(columns), np.array(model.upper)),
            integrality=np.ones(columns),
            options={"mip_rel_gap": 0, "node_limit": NODE_LIMIT},
        )
        if result.status != 0 or result.x is None:
            return None
        values = np.rint(result.x)
        model.rows.add([(int(c), float(costs[c])) for c in np.flatnonzero(costs)], -np.inf, float(costs @ values))
    return [{p: int(values[c]) for p, c in row.items() if values[c] > 0.5} for row in model.people]


def one_after_another(demand: "Demand") -> list[dict[int, int]]:
    """Each track by its own flow, in the order of the programme, with what the tracks before left of the quotas."""
    kept = (demand.quota_used, demand.leading_used, dict(demand.side_limits))
    demand.quota_used, demand.leading_used = Counter(kept[0]), Counter(kept[1])
    result: list[dict[int, int]] = [{} for _ in demand.groups]
    for track in demand.problem.tracks:
        numbers = [i for i, group in enumerate(demand.groups) if group.track == track]
        for i, counts in zip(numbers, stage1_flow.solve(demand, [demand.groups[i] for i in numbers]), strict=True):
            result[i] = counts
            for place, count in counts.items():
                group = demand.groups[i]
                demand.quota_used[group.unit, place] += count
                demand.leading_used[group.unit, place] += count if group.leading else 0
                side = demand.side(group, place)
                if side is not None:
                    demand.side_limits[group.unit, place, side] = max(
                        0, demand.side_limits[group.unit, place, side] - count
                    )
    demand.quota_used, demand.leading_used = kept[0], kept[1]
    demand.side_limits.clear()
    demand.side_limits.update(kept[2])
    return result
