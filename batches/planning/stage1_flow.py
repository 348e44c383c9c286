"""The min-cost flow of stage 1 for one track.

    group -> [leading members of a unit in a batch ->] unit in a batch -> batch -> end;  group -> end: not seated

The levels are counted arc by arc and weighed only when the flow is solved. Weights need only outweigh each other along
one cycle of the residual graph, and a simple cycle passes the end once, each batch once and each unit in a batch once;
the constants in `_weights` follow from that and stay far inside 64 bits. The solver is slower the larger the costs, so it
is first given weights that outweigh each other on any usual input, and what it finds is proved with the full ones: node
prices that leave no arc of the residual graph a negative cost exist exactly when nothing better does.
The network is built in columns, since building it would be the larger part of the work otherwise.
"""

from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from ortools.graph.python import min_cost_flow

from .problem import PARITIES

if TYPE_CHECKING:
    from .stage1_batches import Demand, Group

LARGEST = 2**62
ROUNDS = 200
Column = np.ndarray[Any, np.dtype[np.int64]]


class Weights(NamedTuple):
    """Cost of one batch later, of one more of a unit than before, of a move, of one person not seated (times the tier's
    weight); a colleague at once costs 1.

    With "seats" first a person outweighs all moves of a cycle, with "kept" first a move all that a cycle seats.
    """

    later: int
    beyond: int
    move: int
    person: int


LIGHT = Weights(128, 0, 128 * 32, 128 * 32)


class Network:
    """Arcs in columns: tail, head, capacity, and how often the flow of the arc counts for each weight and for 1."""

    def __init__(self, nodes: int) -> None:
        self.supplies: Column = np.zeros(nodes, dtype=np.int64)
        self.blocks: list[list[Column]] = []
        self.size = 0

    def arcs(
        self,
        tails: Any,
        heads: Any,
        capacities: Any,
        *,
        later: Any = 0,
        beyond: Any = 0,
        move: Any = 0,
        person: Any = 0,
        step: Any = 0,
    ) -> slice:
        """Add arcs (columns, or numbers that hold for all) and say where their flows will stand."""
        columns = (tails, heads, capacities, later, beyond, move, person, step)
        block = np.broadcast_arrays(*(np.asarray(column, dtype=np.int64) for column in columns))
        self.blocks.append(list(block))
        self.size += len(block[0])
        return slice(self.size - len(block[0]), self.size)

    def flows(self, weights: Weights, light: Weights | None) -> Column:
        """Optimal flow of every arc. Lighter weights are tried first, where they are given."""
        tails, heads, capacities, *levels = (np.concatenate(column) for column in zip(*self.blocks, strict=True))
        used = np.zeros(len(self.supplies), dtype=bool)
        used[tails] = used[heads] = True
        number = np.cumsum(used) - 1
        tails, heads, supplies = number[tails], number[heads], self.supplies[used]
        costs = np.array([*weights, 1]) @ np.array(levels)
        if light is not None:
            flows = _solved(tails, heads, capacities, np.array([*light, 1]) @ np.array(levels), supplies)
            if is_cheapest(tails, heads, capacities, costs, flows):
                return flows
        return _solved(tails, heads, capacities, costs, supplies)


def _solved(tails: Column, heads: Column, capacities: Column, costs: Column, supplies: Column) -> Column:
    solver = min_cost_flow.SimpleMinCostFlow()
    arcs = solver.add_arcs_with_capacity_and_unit_cost(
        tails.astype(np.int32), heads.astype(np.int32), capacities, costs
    )
    nodes = np.flatnonzero(supplies)
    solver.set_nodes_supplies(nodes.astype(np.int32), supplies[nodes])
    status = solver.solve()
    if status != solver.OPTIMAL:  # every unit of flow has an arc of its own to the end: only a defect leads here
        raise RuntimeError(f"min-cost flow ended with status {status}")
    return np.asarray(solver.flows(arcs), dtype=np.int64)


def is_cheapest(tails: Column, heads: Column, capacities: Column, costs: Column, flows: Column) -> bool:
    """Whether node prices prove the flow optimal: shortest distances in the residual graph, which settle in a few rounds
    when there is no negative cycle."""
    more, less = flows < capacities, flows > 0
    start = np.concatenate([tails[more], heads[less]])
    until = np.concatenate([heads[more], tails[less]])
    length = np.concatenate([costs[more], -costs[less]])
    order = np.argsort(until, kind="stable")
    start, until, length = start[order], until[order], length[order]
    first = np.flatnonzero(np.concatenate([[True], until[1:] != until[:-1]]))
    reached = until[first]
    price = np.zeros(int(max(tails.max(), heads.max())) + 1, dtype=np.int64)
    for _ in range(ROUNDS):
        shortest = np.minimum.reduceat(price[start] + length, first)
        if (shortest >= price[reached]).all():
            return True
        price[reached] = np.minimum(price[reached], shortest)
    return False


@dataclass
class Spots:
    """Units in batches: number of the unit times the number of batches, plus the place of the batch."""

    names: list[str]
    batches: int
    used: Column
    left: Column
    leading_left: Column
    before: Column

    def key(self, spot: int) -> tuple[str, int]:
        return self.names[spot // self.batches], spot % self.batches


@dataclass
class Choices:
    """Groups in the batches that are open to them, one row each."""

    group: Column
    place: Column
    spot: Column
    side: Column  # 1 + number of the parity in which the group must be away there and that is limited; 0: none


def solve(demand: "Demand", groups: list["Group"]) -> list[dict[int, int]]:
    """People of each group per place of a batch. All groups are of one track."""
    result: list[dict[int, int]] = [{} for _ in groups]
    if not groups:
        return result
    spots, choices = spots_and_choices(demand, groups)
    if not len(choices.group):
        return result
    sizes = np.array([len(group.people) for group in groups])
    people = np.bincount(choices.spot, sizes[choices.group], len(spots.left)).astype(np.int64)
    spots.left = np.minimum(spots.left, people)
    network = Network(1 + len(groups) + 4 * len(spots.left) + spots.batches)
    network.supplies[0], network.supplies[1 : 1 + len(groups)] = -sizes.sum(), sizes
    rows = _people(network, demand, groups, sizes, spots, choices)
    _units_and_batches(network, demand, groups[0].track, spots, 1 + len(groups))
    weights = _weights(demand, groups, spots)
    flows = network.flows(weights, LIGHT if demand.problem.previous is None else None)[rows]
    for row in np.flatnonzero(flows).tolist():
        result[choices.group[row]][int(choices.place[row])] = int(flows[row])
    return result


def spots_and_choices(demand: "Demand", groups: list["Group"]) -> tuple[Spots, Choices]:
    """What is left of the quotas of the groups' units, and where the groups may go."""
    batches = len(demand.problem.batches)
    number: dict[str, int] = {}
    unit = np.array([number.setdefault(group.unit, len(number)) for group in groups])
    spots = _spots(demand, number, batches)
    group = np.repeat(np.arange(len(groups)), [len(g.open) for g in groups])
    place = np.fromiter(chain.from_iterable(g.open for g in groups), dtype=np.int64, count=len(group))
    spot = unit[group] * batches + place
    choices = Choices(group, place, spot, np.zeros(len(group), dtype=np.int64))
    if demand.side_limits:
        limited = {number[u] * batches + p for u, p, _ in demand.side_limits if u in number}
        for row in np.flatnonzero(np.isin(spot, sorted(limited))):
            side = demand.side(groups[group[row]], int(place[row]))
            choices.side[row] = 0 if side is None else 1 + PARITIES.index(side)
    leading = np.array([g.leading for g in groups])[group]
    # two limits at once are no network: leading members stay out where their parity is limited
    keep = (spots.left[spot] > 0) & ~(leading & ((choices.side > 0) | (spots.leading_left[spot] == 0)))
    return spots, Choices(group[keep], place[keep], spot[keep], choices.side[keep])


def _spots(demand: "Demand", number: dict[str, int], batches: int) -> Spots:
    """Quotas left; where an exception is granted, more than anybody can use."""
    problem, names = demand.problem, list(number)
    empty = np.zeros(len(names) * batches, dtype=np.int64)
    quota = np.repeat([problem.unit_quota(name) for name in names], batches)
    spots = Spots(names, batches, empty, quota, empty + int(problem.rules["leading_max"]), empty.copy())
    used, leading = empty.copy(), empty.copy()
    for counts, column in (
        (demand.quota_used, used),
        (demand.leading_used, leading),
        (demand.units_before, spots.before),
    ):
        for (unit, place), count in counts.items():
            if unit in number:
                column[number[unit] * batches + place] = count
    spots.used = used
    spots.left = np.maximum(0, quota - used)
    spots.leading_left = np.maximum(0, spots.leading_left - leading)
    for rule, column in (("R01", spots.left), ("R08", spots.leading_left)):
        column[_excepted(demand, rule, number, batches)] = LARGEST
    return spots


def _excepted(demand: "Demand", rule: str, number: dict[str, int], batches: int) -> list[int]:
    """Spots where the rule is waived."""
    result = []
    for subject in sorted(subject for waived, subject in demand.problem.waived if waived == rule):
        for batch in demand.problem.batches:
            unit = subject.removesuffix(f"@{batch.id}")
            if unit != subject and unit in number:
                result.append(number[unit] * batches + batch.place)
    return result


def _weights(demand: "Demand", groups: list["Group"], spots: Spots) -> Weights:
    batches = spots.batches
    later = int((spots.used + spots.left).reshape(-1, batches).max(axis=0).sum()) + 1
    # Between two batches, or the end, a cycle stays in a unit, where it passes every batch by as many doors as there are
    # kinds of limit: going up with people who count two and down with people who count none, it gains as much as this.
    doors = 4 if demand.side_limits else 2
    more = later * ((doors * batches * batches // 2 + 4 * batches) * (batches + 1) + 1)
    if demand.problem.previous is None:
        return Weights(later, 0, more, more)
    visited = (4 * batches + 1) * (batches + 1)
    nodes = len(groups) + (2 * batches + 1) * (len(spots.names) + 1)
    beyond = more if more * (visited + 1) ** 2 * 20 * nodes < LARGEST else 0  # left out where it would not fit 64 bits
    more *= (visited + 1) if beyond else 1
    if demand.problem.prefer == "kept":
        return Weights(later, beyond, 40 * more, more)
    return Weights(later, beyond, more, more * (visited + 1))


def _people(
    network: Network, demand: "Demand", groups: list["Group"], sizes: Column, spots: Spots, choices: Choices
) -> slice:
    """The arcs from the groups, and where those of the choices stand.

    Nodes: end, groups, units in batches, their leading members, their two parities, batches.
    """
    first, count = 1 + len(groups), len(spots.left)
    before = np.array([-1 if group.before is None else group.before for group in groups])
    person = np.array([(3, 2, 1)[group.tier] + 4 + (8 if group.must else 0) for group in groups])
    network.arcs(np.arange(1, first), 0, sizes, person=person, move=before >= 0)
    rank = np.array([(2, 1, 0)[group.tier] for group in groups])[choices.group]
    moved = (before[choices.group] >= 0) & (before[choices.group] != choices.place)
    leading = np.array([group.leading for group in groups])[choices.group]
    crowd = np.bincount(choices.spot[leading], minlength=count)
    several = leading & (crowd[choices.spot] > 1)  # one group alone needs no node to be held to the limit
    size = sizes[choices.group]
    most = np.where(leading, np.minimum(size, spots.leading_left[choices.spot]), size)
    door = np.where(choices.side > 0, 1 + choices.side, several.astype(np.int64))
    heads = first + door * count + choices.spot
    rows = network.arcs(1 + choices.group, heads, most, later=rank * choices.place, move=moved)
    for number in (1, 2, 3):
        behind = np.unique(choices.spot[door == number])
        network.arcs(first + number * count + behind, first + behind, _door_left(demand, spots, behind, number))
    return rows


def _door_left(demand: "Demand", spots: Spots, behind: Column, number: int) -> Column:
    """How many may pass: leading members left, or what is left of the limit of a parity."""
    if number == 1:
        return np.minimum(spots.leading_left[behind], spots.left[behind])
    parity = PARITIES[number - 2]
    keys = [spots.key(int(spot)) for spot in behind]
    rows = [demand.side_limits[u, p, parity] - pinned_on_side(demand, u, p, parity) for u, p in keys]
    return np.maximum(0, np.array(rows, dtype=np.int64))


def _units_and_batches(network: Network, demand: "Demand", track: str, spots: Spots, first: int) -> None:
    count = len(spots.left)
    spot = np.repeat(np.arange(count), spots.left)
    steps = np.arange(len(spot)) - np.repeat(np.cumsum(spots.left) - spots.left, spots.left) + spots.used[spot]
    heads = first + 4 * count + spot % spots.batches
    network.arcs(first + spot, heads, 1, step=steps, beyond=steps >= spots.before[spot])
    seats = np.array([demand.seats(place, track) for place in range(spots.batches)])
    missing, free = np.minimum(seats[:, 0], seats[:, 1]), seats[:, 1]
    batch = first + 4 * count + np.arange(spots.batches)
    network.arcs(batch, 0, missing)
    network.arcs(batch, 0, free - missing, person=4)


def pinned_on_side(demand: "Demand", unit: str, place: int, side: str) -> int:
    """People whom pins seat in the batch and whose parity there is that one."""
    problem = demand.problem
    batch = problem.batches[place]
    return sum(
        1
        for name, where in demand.pinned.items()
        if where == place and problem.by_id[name].unit == unit and problem.side(problem.by_id[name], batch) == side
    )
