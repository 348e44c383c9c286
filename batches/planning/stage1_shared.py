"""Stage 1 with several tracks that share the quotas of units, solved by one linear programme.

Sharing makes it more than a flow, but hardly: the programme splits the people of a few units over batches that cost the
same, and when everybody else stays where they are put, an integer programme of those few units alone costs no more than
the linear one. That it is the optimum, level by level, is then proved in whole numbers (`is_best`): with prices on the
seats of every track in every batch each unit can be looked at by itself, which is a flow.
"""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, linprog, milp
from scipy.sparse import csr_array

from .stage1_flow import LARGEST, Choices, Column, Spots, is_cheapest, spots_and_choices

if TYPE_CHECKING:
    from .stage1_batches import Demand

Counts = list[dict[int, int]]
# Against 1 for colleagues at once: small enough for the solver's tolerances, far enough apart to be read off a price.
LATER = 64
BASE = 4  # of one level of who is seated to the next
TOLERANCE = 1e-4
NODE_LIMIT = 2000


@dataclass
class Seats:
    """Arrays of the demand. Hubs are tracks in batches: place of the batch times the number of tracks, plus the track's."""

    spots: Spots
    choices: Choices
    sizes: Column
    rank: Column  # what a batch later counts, of the choices
    kinds: Column  # group by level of who is seated: must, fills a minimum, tier 0, 1, 2
    held: Column  # where the leading members of a choice are limited, else -1
    hub: Column  # of the choices
    low: Column
    free: Column
    tracks: int

    @property
    def person(self) -> int:
        """What a seat of the least level weighs against colleagues at once: more than twice any price of batches later."""
        return int(LATER * 2 ** int(4 * self.spots.batches).bit_length())

    @property
    def weights(self) -> Column:
        """What each level of who is seated weighs against the least of them."""
        present = np.asarray(self.kinds.max(axis=0) > 0)
        power = np.cumsum(present[::-1])[::-1] - 1
        return np.where(present, BASE ** np.maximum(0, power), 0)


@dataclass
class Found:
    """People of each choice, and what a seat of each hub is worth."""

    people: Column
    prices: Column


def arrays(demand: "Demand") -> Seats:
    """The demand in arrays."""
    groups, problem = demand.groups, demand.problem
    spots, choices = spots_and_choices(demand, groups)
    sizes = np.array([len(group.people) for group in groups])
    people = np.bincount(choices.spot, sizes[choices.group], len(spots.left)).astype(np.int64)
    spots.left = np.minimum(spots.left, people)
    seats = [demand.seats(place, track) for place in range(spots.batches) for track in problem.tracks]
    low, free = np.array(seats).T
    number = {track: i for i, track in enumerate(problem.tracks)}
    track = np.array([number[group.track] for group in groups])
    return Seats(
        spots,
        choices,
        sizes,
        np.array([2 - group.tier for group in groups])[choices.group] * choices.place,
        np.array([[group.must, True, *(group.tier == tier for tier in (0, 1, 2))] for group in groups]).astype(
            np.int64
        ),
        np.where(np.array([group.leading for group in groups])[choices.group], choices.spot, -1),
        choices.place * len(number) + track[choices.group],
        np.minimum(low, free),
        free,
        len(number),
    )


def solve(demand: "Demand") -> tuple[Counts, bool] | None:
    """People of each group per place of a batch, and whether every level is proven; None when nothing was found.

    It knows neither a previous plan nor limits per parity.
    """
    seats = arrays(demand)
    found = seated(seats) if len(seats.choices.group) else None
    return None if found is None else (counts(seats, found.people, len(demand.groups)), is_best(seats, found))


def seated(seats: Seats) -> Found | None:
    """People of each choice, and the prices of the hubs."""
    whole = np.arange(len(seats.choices.group))
    programme = _Programme(seats, whole, seats.low, seats.free)
    result = linprog(programme.costs, programme.rows, programme.limits, bounds=programme.bounds, method="highs-ds")
    if result.x is None:
        return None
    prices = np.round(-result.ineqlin.marginals[-len(seats.low) :]).astype(np.int64)
    people = np.round(result.x[: len(whole)]).astype(np.int64)
    units = seats.choices.spot // seats.spots.batches
    split = np.unique(units[np.abs(result.x[: len(whole)] - people) > TOLERANCE])
    if len(split):
        rest = np.flatnonzero(np.isin(units, split))
        people[rest] = 0
        taken = np.bincount(seats.hub, people, len(seats.low)).astype(np.int64)
        few = _Programme(seats, rest, np.maximum(0, seats.low - taken), seats.free - taken)
        settled = milp(
            few.costs,
            constraints=LinearConstraint(few.rows, -np.inf, few.limits),
            bounds=Bounds(few.bounds[:, 0], few.bounds[:, 1]),
            integrality=np.ones(len(few.costs)),
            options={"mip_rel_gap": 0, "node_limit": NODE_LIMIT},
        )
        if settled.x is None:
            return None
        people[rest] = np.round(settled.x[: len(rest)]).astype(np.int64)
    return Found(people, prices)


class _Programme:
    """Costs, rows (all of them at most) and bounds of some of the choices.

    Columns: people of a choice; further people of a unit at once; seats of a hub up to its minimum, and beyond.
    """

    def __init__(self, seats: Seats, rows: Column, low: Column, free: Column):
        spots, group = seats.spots, seats.choices.group[rows]
        spot, count, hubs = seats.choices.spot[rows], len(rows), np.arange(len(low))
        used = np.zeros(len(spots.left), dtype=np.int64)
        used[spot] = spots.left[spot]
        first = np.where(spots.used > 0, 0, np.minimum(1, used))  # the first of a unit costs nothing
        more = np.repeat(np.arange(len(used)), used - first)
        step = np.arange(len(more)) - np.repeat(np.cumsum(used - first) - (used - first), used - first)
        step += (spots.used + first)[more]
        costs = LATER * seats.rank[rows] - seats.person * (seats.kinds @ seats.weights)[group]
        beyond = seats.person * seats.weights[1]
        self.costs = np.concatenate([costs, step, np.zeros(len(low)), np.full(len(low), beyond)]).astype(float)
        top = np.concatenate([seats.sizes[group], np.ones(len(more)), low, free - low])
        self.bounds = np.stack([np.zeros(len(top)), top], axis=1).astype(float)
        held = seats.held[rows]
        people = np.arange(count)
        ones = np.ones(count)
        last = count + len(more)
        self._blocks: list[tuple[Column, Column, Any, Column]] = []
        self._add(group, people, ones, seats.sizes)
        self._add(
            np.concatenate([spot, more]),
            np.concatenate([people, count + np.arange(len(more))]),
            np.concatenate([ones, -np.ones(len(more))]),
            first,
        )
        self._add(held[held >= 0], people[held >= 0], ones[held >= 0], spots.leading_left)
        self._add(
            np.concatenate([seats.hub[rows], hubs, hubs]),
            np.concatenate([people, last + hubs, last + len(low) + hubs]),
            np.concatenate([ones, -np.ones(2 * len(low))]),
            np.zeros(len(low), dtype=np.int64),
        )
        self.rows, self.limits = self._matrix(len(top))

    def _add(self, rows: Column, columns: Column, values: Any, limits: Column) -> None:
        self._blocks.append((rows, columns, values, limits))

    def _matrix(self, columns: int) -> tuple[Any, Any]:
        """The rows with anything in them; the hubs' come last and are all kept."""
        rows, places, values, limits, size = [], [], [], [], 0
        for number, (row, column, value, limit) in enumerate(self._blocks):
            kept = np.unique(row) if number < len(self._blocks) - 1 else np.arange(len(limit))
            rows.append(size + np.searchsorted(kept, row))
            places.append(column)
            values.append(value)
            limits.append(limit[kept].astype(float))
            size += len(kept)
        shape = (size, columns)
        matrix = csr_array((np.concatenate(values), (np.concatenate(rows), np.concatenate(places))), shape=shape)
        return matrix, np.concatenate(limits)


def counts(seats: Seats, people: Column, groups: int) -> Counts:
    """People of each group per place of a batch."""
    result: Counts = [{} for _ in range(groups)]
    for row in np.flatnonzero(people).tolist():
        result[seats.choices.group[row]][int(seats.choices.place[row])] = int(people[row])
    return result


def is_best(seats: Seats, found: Found) -> bool:
    """Whether prices prove every level: first all of them with who is seated as it was weighed, then who is seated, level
    by level."""
    total = int(seats.sizes.sum())
    digit, later, fine = _digits(found.prices, seats.person, LATER)
    colleagues = total * int((seats.spots.used + seats.spots.left).max()) + 1
    person = colleagues * (2 * seats.spots.batches * total + 1)
    prices = digit * person + later * colleagues + fine
    if not _cheapest(seats, found.people, seats.weights * person, prices, seats.rank * colleagues, 1):
        return False
    most = [int(seats.low.sum()) if level == 1 else int(seats.sizes @ seats.kinds[:, level]) for level in range(5)]
    weights = [math.prod(1 + n for n in most[level + 1 :]) for level in range(5)]
    if max(*weights, person * int(seats.weights.max())) * BASE >= LARGEST:  # a proof in 64 bits would not hold
        return False
    digits = np.zeros((len(digit), 5), dtype=np.int64)
    for level in np.flatnonzero(seats.weights)[::-1]:
        digits[:, level] = (digit + BASE // 2 - 1) % BASE - (BASE // 2 - 1)
        digit = (digit - digits[:, level]) // BASE
    return _cheapest(seats, found.people, np.array(weights), digits @ np.array(weights), 0 * seats.rank, 0)


def _digits(prices: Column, person: int, later: int) -> tuple[Column, Column, Column]:
    """What prices are made of: who is seated, batches later, colleagues at once."""
    people = (prices + person // 2) // person
    rest = prices - person * people
    steps = (rest + later // 2) // later
    return people, steps, rest - later * steps


def _cheapest(seats: Seats, people: Column, weights: Column, prices: Column, costs: Column, step: int) -> bool:
    """Whether people who pay these prices sit as cheaply as can be, and no hub would rather have more or fewer."""
    spots, choices = seats.spots, seats.choices
    load = np.bincount(seats.hub, people, len(seats.low)).astype(np.int64)
    least = np.where(load > seats.low, weights[1], 0)
    most = np.where(load >= seats.low, weights[1], 0)
    if (load > seats.free).any():
        return False
    if ((prices < least) & (load > 0)).any() or ((prices > most) & (load < seats.free)).any():
        return False
    groups, count = len(seats.sizes), len(spots.left)
    person = seats.kinds @ weights
    placed = np.bincount(choices.group, people, groups).astype(np.int64)
    at = np.bincount(choices.spot, people, count).astype(np.int64)
    held = seats.held
    doors = np.unique(held[held >= 0])
    through = np.bincount(held[held >= 0], people[held >= 0], count).astype(np.int64)
    first = 1 + groups
    spot = np.repeat(np.arange(count), spots.left)
    order = np.arange(len(spot)) - np.repeat(np.cumsum(spots.left) - spots.left, spots.left)
    columns = (
        (np.arange(1, first), np.zeros(groups, dtype=np.int64), seats.sizes, person, seats.sizes - placed),
        (
            1 + choices.group,
            first + choices.spot + count * (held >= 0),
            seats.sizes[choices.group],
            costs + prices[seats.hub],
            people,
        ),
        (first + count + doors, first + doors, spots.leading_left[doors], 0 * doors, through[doors]),
        (first + spot, 0 * spot, 1 + 0 * spot, step * (order + spots.used[spot]), (order < at[spot]).astype(np.int64)),
    )
    tails, heads, capacities, lengths, flows = (np.concatenate(column) for column in zip(*columns, strict=True))
    return is_cheapest(tails, heads, capacities, lengths, flows)
