"""The min-cost flow of stage 1 for one track.

    group -> [leading members of a unit in a batch ->] unit in a batch -> batch -> end;  group -> end: not seated

Costs need only outweigh each other along one cycle of the residual graph, and a simple cycle passes the end once, each
batch once and each unit in a batch once; the constants in `_weights` follow from that and stay far inside 64 bits.
"""

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from ortools.graph.python import min_cost_flow

if TYPE_CHECKING:
    from .stage1_batches import Demand, Group


LARGEST = 2**62


class Weights(NamedTuple):
    """Cost of one batch later, of one more of a unit than before, of a move, of one person not seated (times the tier's
    weight).

    With "seats" first a person outweighs all moves of a cycle, with "kept" first a move all that a cycle seats.
    """

    later: int
    beyond: int
    move: int
    person: int


class Network:
    """Arcs by name; nodes are numbered as they appear."""

    def __init__(self) -> None:
        self.nodes: dict[tuple[object, ...], int] = {}
        self.arcs: list[tuple[int, int, int, int]] = []

    def node(self, *name: object) -> int:
        return self.nodes.setdefault(name, len(self.nodes))

    def arc(self, tail: int, head: int, capacity: int, cost: int) -> int:
        self.arcs.append((tail, head, capacity, cost))
        return len(self.arcs) - 1

    def flows(self, supplies: dict[int, int]) -> list[int]:
        """Optimal flow of every arc."""
        if not self.arcs:
            return []
        solver = min_cost_flow.SimpleMinCostFlow()
        tails, heads, capacities, costs = (np.array(column, dtype=np.int64) for column in zip(*self.arcs, strict=True))
        arcs = solver.add_arcs_with_capacity_and_unit_cost(
            tails.astype(np.int32), heads.astype(np.int32), capacities, costs
        )
        nodes = sorted(supplies)
        solver.set_nodes_supplies(np.array(nodes, dtype=np.int32), np.array([supplies[n] for n in nodes]))
        status = solver.solve()
        if status != solver.OPTIMAL:  # every unit of flow has an arc of its own to the end: only a defect leads here
            raise RuntimeError(f"min-cost flow ended with status {status}")
        return [int(flow) for flow in solver.flows(arcs)]


def solve(demand: "Demand", groups: list["Group"]) -> list[dict[int, int]]:
    """People of each group per place of a batch. All groups are of one track."""
    if not groups:
        return []
    network = Network()
    weights = _weights(demand, groups)
    end = network.node("end")
    supplies = {end: -sum(len(group.people) for group in groups)}
    choices: list[list[tuple[int, int]]] = []
    for number, group in enumerate(groups):
        source = network.node("group", number)
        supplies[source] = len(group.people)
        person = (3, 2, 1)[group.tier] + 4 + (8 if group.must else 0)
        moved = weights.move if group.before is not None else 0
        network.arc(source, end, len(group.people), person * weights.person + moved)
        row = []
        for place in group.open:
            head = _entrance(network, demand, group, place)
            if head is not None:
                cost = weights.later * (2, 1, 0)[group.tier] * place
                cost += weights.move if group.before not in (None, place) else 0
                row.append((place, network.arc(source, head, len(group.people), cost)))
        choices.append(row)
    _units_and_batches(network, demand, groups, weights, end)
    flows = network.flows(supplies)
    return [{place: flows[arc] for place, arc in row if flows[arc]} for row in choices]


def _weights(demand: "Demand", groups: list["Group"]) -> Weights:
    batches = len(demand.problem.batches)
    largest = 1
    for group in groups:
        for place in group.open:
            used = demand.quota_used[group.unit, place]
            left = demand.quota_left(group.unit, place)
            largest = max(largest, used + (_most(demand, group, place) if left is None else left))
    visited = (4 * batches + 1) * (batches + 1)
    later = 2 * batches * largest + 1
    more = later * (2 * batches * visited + 1)
    if demand.problem.previous is None:
        return Weights(later, 0, more, more)
    nodes = len(groups) + (2 * batches + 1) * (len({group.unit for group in groups}) + 1)
    beyond = more if more * (visited + 1) ** 2 * 20 * nodes < LARGEST else 0  # left out where it would not fit 64 bits
    more *= (visited + 1) if beyond else 1
    if demand.problem.prefer == "kept":
        return Weights(later, beyond, 40 * more, more)
    return Weights(later, beyond, more, more * (visited + 1))


def _most(demand: "Demand", group: "Group", place: int) -> int:
    return demand.seats(place, group.track)[1]


def _entrance(network: Network, demand: "Demand", group: "Group", place: int) -> int | None:
    """Where a group enters a unit in a batch: through its limit on leading members or on one parity."""
    side = demand.side(group, place)
    if side is not None:  # both limits at once are no network: who is of both kinds stays out of this batch
        return None if group.leading else network.node("side", group.unit, place, side)
    if group.leading and demand.leading_left(group.unit, place) is not None:
        return network.node("leading", group.unit, place)
    return network.node("unit", group.unit, place)


def _units_and_batches(network: Network, demand: "Demand", groups: list["Group"], weights: Weights, end: int) -> None:
    track = groups[0].track
    places: set[int] = set()
    for name in list(network.nodes):
        if name[0] == "leading":
            unit, place = str(name[1]), int(str(name[2]))
            left = demand.leading_left(unit, place)
            network.arc(network.nodes[name], network.node("unit", unit, place), left or 0, 0)
        elif name[0] == "side":
            unit, place, side = str(name[1]), int(str(name[2])), str(name[3])
            left = max(0, demand.side_limits[unit, place, side] - pinned_on_side(demand, unit, place, side))
            network.arc(network.nodes[name], network.node("unit", unit, place), left, 0)
    for name in list(network.nodes):
        if name[0] == "unit":
            unit, place = str(name[1]), int(str(name[2]))
            places.add(place)
            used, left = demand.quota_used[unit, place], demand.quota_left(unit, place)
            for more in range(demand.seats(place, track)[1] if left is None else left):
                extra = weights.beyond * (used + more >= demand.units_before[unit, place])
                network.arc(network.nodes[name], network.node("batch", place), 1, used + more + extra)
    for place in sorted(places):
        missing, free = demand.seats(place, track)
        missing = min(missing, free)
        network.arc(network.node("batch", place), end, missing, 0)
        network.arc(network.node("batch", place), end, free - missing, 4 * weights.person)


def pinned_on_side(demand: "Demand", unit: str, place: int, side: str) -> int:
    problem = demand.problem
    batch = problem.batches[place]
    return sum(
        1
        for name, where in demand.pinned.items()
        if where == place and problem.by_id[name].unit == unit and problem.side(problem.by_id[name], batch) == side
    )
