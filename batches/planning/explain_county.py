"""Stage 1 asked only for what explanations count: must-attend people, people under the minima, the covered age.

The levels below those are of no interest here, which makes the answer cheap: a flow, and where unit parities or several
tracks make that inexact, an integer programme for the three levels alone.
"""

import numpy as np

from . import stage1_flow, stage1_sides, stage1_tracks
from .linear import Vector
from .problem import Problem
from .stage1_batches import Demand, make_demand, measure

COUNTED = ("must_unmet", "minimum_missing", "covered_0")
MOST_ROUNDS = 8
NODES = 500
Counts = list[dict[int, int]]


def seating(problem: Problem) -> dict[str, int]:
    """Cadre -> place of the batch, the best in the three levels."""
    demand = make_demand(problem)
    first: tuple[int, ...] | None = None
    places: dict[str, int] = {}
    for round_number in range(MOST_ROUNDS):
        places = _handed_out(demand, _counts(demand))
        first = first or _counted(problem, places)
        if not stage1_sides.repair(demand, places) or not stage1_sides.limit(demand, places, round_number):
            break
    if (demand.several_tracks or _counted(problem, places) != first) and demand.small:
        demand.side_limits.clear()
        exact = _exact(demand)
        other = places if exact is None else _handed_out(demand, exact)
        if not stage1_sides.repair(demand, other) and _rank(problem, other) < _rank(problem, places):
            return other
    return places


def _counted(problem: Problem, places: dict[str, int]) -> tuple[int, ...]:
    values = measure(problem, places)
    return tuple(values[name] for name in COUNTED)


def _rank(problem: Problem, places: dict[str, int]) -> tuple[int, ...]:
    must, missing, covered = _counted(problem, places)
    return must, missing, -covered


def _counts(demand: Demand) -> Counts:
    if demand.several_tracks:
        return stage1_tracks.one_after_another(demand)
    return stage1_flow.solve(demand, demand.groups)


def _handed_out(demand: Demand, counts: Counts) -> dict[str, int]:
    places = dict(demand.pinned)
    for group, row in zip(demand.groups, counts, strict=True):
        people = list(reversed(group.people))
        for place in sorted(row):
            for _ in range(row[place]):
                places[people.pop()] = place
    return places


def _exact(demand: Demand) -> Counts | None:
    """The three levels one after another, unit parities kept; None when nothing is found within the node limit."""
    model = stage1_tracks.Model(demand, sides=True)
    best: Vector | None = None
    objectives = model.levels()
    for name in COUNTED:
        goal = model.goal(objectives[name])
        if not goal.any():
            continue
        values = model.least(goal, nodes=NODES).values
        if values is None:
            break
        best = np.round(values)
        model.hold(goal, float(goal @ best))
    if best is None:
        return None
    return [{place: int(best[c]) for place, c in row.items() if best[c]} for row in model.people]


def seats_left(problem: Problem, only_must: bool) -> dict[str, int]:
    """Unit -> people of the covered age, or must-attend people, who find no seat."""
    places = seating(problem)
    counts = dict.fromkeys(problem.units, 0)
    for cadre in problem.cadres:
        wanted = bool(cadre.must) if only_must else cadre.eligible and cadre.tier == 0
        counts[cadre.unit] += wanted and cadre.id not in places
    return counts
