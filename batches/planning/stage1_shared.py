"""Stage 1 with several tracks that share the quotas of units, solved by an auction of the seats.

Sharing makes it more than a flow. But with prices on the seats of every track in every batch each unit can be looked at
by itself, which is a small flow, and few prices are to be found. An auction finds them, together with who sits where
(`stage1_auction`). That it is the optimum, level by level, is then proved in whole numbers (`is_best`).
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from .stage1_auction import PARTS, Hubs, Units, auction, opening
from .stage1_flow import LARGEST, Choices, Column, Spots, is_cheapest, spots_and_choices

if TYPE_CHECKING:
    from .stage1_batches import Demand

Counts = list[dict[int, int]]
LATER = 1024  # of a batch later to a colleague at once: far enough apart to be read off a price
BASE = 4  # of one level of who is seated to the next
COLD = PARTS // 20  # the least that a price moves with a seat
HEATS = 6
PATIENCE = 20


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


def solve(demand: "Demand", pulse: Callable[[], None]) -> tuple[Counts, bool] | None:
    """People of each group per place of a batch, and whether every level is proven; None when nothing was found.

    It knows neither a previous plan nor limits per parity. `pulse` is called at every heat, and may end it by raising.
    """
    seats = arrays(demand)
    found = seated(seats, pulse) if len(seats.choices.group) else None
    return None if found is None else (counts(seats, found[0].people, len(demand.groups)), found[1])


def seated(seats: Seats, pulse: Callable[[], None]) -> tuple[Found, bool] | None:
    """People of each choice with prices of the hubs, and whether these prove them best; None when nothing was found."""
    units, hubs, order = _market(seats)
    state = opening(units, hubs, seats.tracks)
    found = None
    for stiff in _cooling(seats, pulse):
        auction(units, hubs, state, stiff)
        if stiff > PARTS // 2:
            continue
        prices = _whole(state.asked)
        if _fits(seats, state.load, prices):
            people = np.zeros(len(order), dtype=np.int64)
            people[order] = state.people
            found = Found(people, prices)
            if is_best(seats, found):
                return found, True
    return None if found is None else (found, False)


def _market(seats: Seats) -> tuple[Units, Hubs, Column]:
    """What the auction is about, and the choices in its order: by unit, then group."""
    spots, choices = seats.spots, seats.choices
    unit = choices.spot // spots.batches
    order = np.lexsort((choices.group, unit))
    first = np.flatnonzero(np.diff(choices.group[order], prepend=-1))
    group = choices.group[order][first]
    units = Units(
        np.searchsorted(unit[order][first], np.arange(len(spots.names) + 1)),
        np.append(first, len(order)),
        seats.sizes[group],
        PARTS * seats.person * (seats.kinds @ seats.weights)[group],
        seats.held[order][first] >= 0,
        choices.place[order],
        seats.hub[order],
        PARTS * LATER * seats.rank[order],
        *(column.reshape(-1, spots.batches) for column in (spots.used, spots.left, spots.leading_left)),
    )
    return units, Hubs(seats.low, seats.free, int(PARTS * seats.person * seats.weights[1])), order


def _cooling(seats: Seats, pulse: Callable[[], None]) -> Iterator[int]:
    """How stiff prices are, pass after pass: at first all seats of a hub outweigh who is seated, at last one weighs less
    than a colleague; after some patience it begins again with what outweighs batches."""
    size = max(1, int(seats.free.mean()))
    stiff = 40 * PARTS * seats.person // size
    for _ in range(HEATS):
        pulse()
        while stiff > COLD:
            yield stiff
            stiff = stiff * 4 // 5
        for _ in range(PATIENCE):
            yield COLD
        stiff = PARTS * LATER // size


def _whole(asked: Column) -> Column:
    """Prices in whole numbers: those whose fractions lie close together are rounded the same way."""
    fractions = np.sort(asked % PARTS)
    gaps = np.diff(fractions, append=fractions[0] + PARTS)
    widest = int(np.argmax(gaps))
    return (asked - (fractions[widest] + gaps[widest] // 2) + PARTS - 1) // PARTS


def _fits(seats: Seats, load: Column, prices: Column) -> bool:
    """Whether every hub has as many people as it would have at its price."""
    beyond = seats.person * seats.weights[1]
    least = np.where(prices > beyond, seats.free, np.where(prices > 0, seats.low, 0))
    most = np.where(prices >= beyond, seats.free, seats.low)
    return bool(((load >= least) & (load <= most)).all())


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
    most = [int(seats.low.sum()) if level == 1 else int(seats.sizes @ seats.kinds[:, level]) for level in range(5)]
    weights = [math.prod(1 + n for n in most[level + 1 :]) for level in range(5)]
    weightiest = int(max(seats.weights.max(), digit.max()))
    if max(*weights, person * weightiest) * BASE >= LARGEST:  # a proof in 64 bits would not hold
        return False
    prices = digit * person + later * colleagues + fine
    if not _cheapest(seats, found.people, seats.weights * person, prices, seats.rank * colleagues, 1):
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
