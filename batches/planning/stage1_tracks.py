"""Stage 1 with several tracks: a unit's quota is shared between tracks, so the flow becomes an integer programme.

One integer programme weighs the levels; each level is then proved by a linear relaxation with those above it held. Where
that is not enough (a previous plan, parities that bind) the levels are solved one after another, each to its optimum.
Beyond a size the tracks are seated one after another by the flow, and no bound is claimed.
"""

import math
from collections import Counter, defaultdict
from typing import TYPE_CHECKING

import numpy as np

from . import stage1_flow
from .control import Control
from .linear import Linear, Terms, Vector
from .problem import PARITIES, Problem

if TYPE_CHECKING:
    from .stage1_batches import Demand, Group

NODE_LIMIT = 2000
LEVELS = (
    "must_unmet",
    "minimum_missing",
    "covered_0",
    "covered_1",
    "covered_2",
    "moved_seats",
    "units_changed",
    "earliness",
    "same_unit_pairs",
)
OF_REPAIRS = ("moved_seats", "units_changed")
WEIGHTS = (
    32000.0,
    16000.0,
    3900.0,
    2600.0,
    1300.0,
    300.0,
    30.0,
    0.1,
    0.001,
)  # small enough for the solver's tolerances


def order(problem: Problem) -> tuple[str, ...]:
    """The levels, most important first: published seats come first of all, or after the seating of others."""
    if problem.previous is None or problem.prefer != "kept":
        return LEVELS
    return ("moved_seats", *(name for name in LEVELS if name != "moved_seats"))


class Model(Linear):
    """Columns: people of a group in a batch, steps of a unit in a batch, people missing under the minima."""

    def __init__(self, demand: "Demand", sides: bool = False):
        super().__init__()
        self.demand = demand
        self.people: list[dict[int, int]] = []
        self.steps: list[tuple[int, int]] = []
        self.beyond: list[int] = []
        self.missing: list[int] = []
        self.units: list[tuple[list[int], list[int]]] = []
        self.minima: list[tuple[list[int], int, int]] = []
        self._columns()
        self._limits()
        self._minima()
        if sides:
            self._sides()

    def _columns(self) -> None:
        for group in self.demand.groups:
            row = {place: self.column(len(group.people)) for place in group.open}
            self.people.append(row)
            self.row([(column, 1.0) for column in row.values()], 0, len(group.people))

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
            used, before = demand.quota_used[unit, place], demand.units_before[unit, place]
            self.steps.extend((column, used + i) for i, column in enumerate(steps))
            self.beyond.extend(column for i, column in enumerate(steps) if used + i >= before)
            self.units.append((columns, steps))
            self.row([(c, 1.0) for c in columns] + [(s, -1.0) for s in steps], 0, 0)
        for (unit, place), columns in leading.items():
            left = demand.leading_left(unit, place)
            if left is not None:
                self.row([(c, 1.0) for c in columns], 0, left)
        for (unit, place, side), columns in sides.items():
            taken = stage1_flow.pinned_on_side(demand, unit, place, side)
            self.row([(c, 1.0) for c in columns], 0, max(0, demand.side_limits[unit, place, side] - taken))

    def _minima(self) -> None:
        seats: dict[tuple[int, str], list[int]] = defaultdict(list)
        for group, row in zip(self.demand.groups, self.people, strict=True):
            for place, column in row.items():
                seats[place, group.track].append(column)
        for (place, track), columns in sorted(seats.items()):
            low, free = self.demand.seats(place, track)
            missing = self.column(low)
            self.missing.append(missing)
            self.minima.append((columns, low, missing))
            terms = [(c, 1.0) for c in columns]
            self.row(terms, 0, free)
            self.row([*terms, (missing, 1.0)], low, np.inf)

    def _sides(self) -> None:
        """R03: in no batch more of a unit's people on one side than odd and even weeks can share."""
        problem = self.demand.problem
        units: dict[tuple[str, int], list[tuple[Group, int]]] = defaultdict(list)
        for group, row in zip(self.demand.groups, self.people, strict=True):
            for place, column in row.items():
                units[group.unit, place].append((group, column))
        for (unit, place), rows in units.items():
            batch = problem.batches[place]
            if problem.is_waived("R03", f"{unit}@{batch.id}"):
                continue
            pinned = self.demand.quota_used[unit, place]
            split = all(len(batch.parities(group.track)) == 2 for group, _ in rows)
            for parity in PARITIES:
                side = [column for group, column in rows if _side(problem, group, place) == parity]
                taken = stage1_flow.pinned_on_side(self.demand, unit, place, parity)
                if taken + sum(self.upper[column] for column in side) < 2:
                    continue
                terms: dict[int, float] = {column: -1.0 for _, column in rows}
                for column in side:
                    terms[column] += 2.0 if split else 1.0
                if split:
                    self.row(list(terms.items()), -np.inf, pinned + 1 - 2 * taken)
                else:  # with one person alone there is nobody else who could stay
                    several, most = self.column(1), len(rows) + pinned + sum(self.upper[c] for _, c in rows)
                    self.row([*((c, 1.0) for _, c in rows), (several, -most)], -np.inf, 1 - pinned)
                    self.row([*terms.items(), (several, 1.0)], -np.inf, pinned - taken)

    def levels(self) -> dict[str, Terms]:
        """Objectives to be made small, by name and in order."""
        pairs = list(zip(self.demand.groups, self.people, strict=True))

        def seated(wanted: "list[Group]") -> Terms:
            names = {id(group) for group in wanted}
            return [(c, -1.0) for group, row in pairs if id(group) in names for c in row.values()]

        groups = self.demand.groups
        result = {
            "must_unmet": seated([g for g in groups if g.must]),
            "minimum_missing": [(c, 1.0) for c in self.missing],
            **{f"covered_{tier}": seated([g for g in groups if g.tier == tier]) for tier in (0, 1, 2)},
            "moved_seats": [(row[g.before], -1.0) for g, row in pairs if g.before is not None],
            "units_changed": [(c, 1.0) for c in self.beyond] if self.demand.before else [],
            "earliness": [
                (c, float((2, 1, 0)[g.tier] * place))
                for g, row in pairs
                for place, c in row.items()
                if g.tier < 2 and place
            ],
            "same_unit_pairs": [(column, float(cost)) for column, cost in self.steps],
        }
        return {name: result[name] for name in order(self.demand.problem)}


def _side(problem: Problem, group: "Group", place: int) -> str | None:
    """The only parity in which people of the group can be away in the batch."""
    possible = [p for p in sorted(problem.batches[place].parities(group.track)) if group.parity in (None, p)]
    return possible[0] if len(possible) == 1 else None


def lexicographic(demand: "Demand", control: Control) -> tuple[list[dict[int, int]], int] | None:
    """People of each group per batch with R03 kept, level after level to its optimum; and how many levels are proven.

    None when the first level finds nothing within the node limit.
    """
    model = Model(demand, sides=True)
    best: Vector | None = None
    proven, holds = 0, True
    for number, objective in enumerate(model.levels().values()):
        control.step(1, 0.5 + 0.05 * number, "逐级求最优")
        if not objective and best is not None:
            proven += holds
            continue
        goal = model.goal(objective)
        found = model.least(goal, nodes=NODE_LIMIT)
        if found.values is None:
            break
        best = np.round(found.values)
        holds = holds and found.proven
        proven += holds
        model.hold(goal, float(goal @ best))
    if best is None:
        return None
    return [{p: int(best[c]) for p, c in row.items() if best[c]} for row in model.people], proven


def shortfall_of(demand: "Demand", counts: list[dict[int, int]], wanted: str, control: Control) -> int | None:
    """By how much a seating misses what a level could be with R03 kept and the levels before it held; None: not known."""
    model = Model(demand, sides=True)
    reached = _values(model, counts)
    for name, objective in model.levels().items():
        goal = model.goal(objective)
        value = float(goal @ reached)
        if name != wanted:
            model.hold(goal, value)
            continue
        control.step(1, 0.6, "证明最优")
        bound = model.least(goal, nodes=NODE_LIMIT).bound
        return None if bound is None else max(0, round(value) - math.ceil(bound - 1e-4))
    return None


def solve(demand: "Demand", control: Control) -> list[dict[int, int]] | None:
    """People of each group per batch, the levels weighed so that each outweighs the next; None when not found."""
    model = Model(demand)
    levels = zip(WEIGHTS, model.levels().values(), strict=True)
    goal = model.goal((column, weight * cost) for weight, objective in levels for column, cost in objective)
    control.step(1, 0.2, "多班型共用名额")
    values = model.least(goal, nodes=NODE_LIMIT).values
    if values is None:
        return None
    return [{p: round(values[c]) for p, c in row.items() if values[c] > 0.5} for row in model.people]


def proven_levels(demand: "Demand", counts: list[dict[int, int]], control: Control) -> int:
    """How many of the first levels are proven: a linear relaxation with the levels above held cannot do better."""
    model = Model(demand)
    reached = _values(model, counts)
    for number, objective in enumerate(model.levels().values()):
        if not objective:
            continue
        control.step(1, 0.4 + 0.05 * number, "证明最优")
        goal = model.goal(objective)
        value = float(goal @ reached)
        found = model.least(goal, relaxed=True)
        if found.cost is None or not found.proven or math.ceil(found.cost - 1e-4) < round(value):
            return number
        model.hold(goal, value)
    return len(WEIGHTS)


def _values(model: Model, counts: list[dict[int, int]]) -> Vector:
    """The columns of a seating."""
    values = np.zeros(len(model.upper))
    for row, chosen in zip(model.people, counts, strict=True):
        for place, count in chosen.items():
            values[row[place]] = count
    for columns, steps in model.units:
        for step in steps[: round(sum(values[c] for c in columns))]:
            values[step] = 1
    for columns, low, missing in model.minima:
        values[missing] = max(0, low - round(sum(values[c] for c in columns)))
    return values


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
