"""Simulated annealing of stage 2, compiled: two people of two classes change places, again and again.

A state is the class of each person of a batch. It costs `Weights.pair` for every pair cell a class has too many or too
few of, `Weights.marginal` for a marginal cell, `Weights.age` for every step its mean age is off, and `Weights.rule` for everybody
of a unit too many on a side (R03: without going through such states two of a unit could never change sides). A swap is
made if it costs nothing, and with probability ratio**cost otherwise, where the ratio falls during a run; a swap that
breaks any other rule (track, own parity, pin, R02, one man or woman alone) is never made. Most swaps that are worth
making are between people who are alike in all attributes but two, so these are drawn more often than others.
All numbers are whole ones, and the ratios are found by additions and products alone: a run is the same everywhere.
"""

from typing import Any, NamedTuple

import numpy as np
from numba import njit

PHASES = 1000  # steps in which the ratio falls
COSTS = 256  # a swap dearer than this is never made
OTHERS = 2  # draws of anybody, for ten or so among those who are alike

Grid = np.ndarray[Any, np.dtype[np.int64]]
Yes = np.ndarray[Any, np.dtype[np.bool_]]


class People(NamedTuple):
    """What stays: n people with their cells, limits of each cell in each class, and what the rules say of each person.

    `mates[g]` lists everybody so that those who are alike for draw g stand together; those alike to person p are the
    `many[g, p]` from `first[g, p]` on. `lean` is how far an age is from the mean age of the track, and `year` what one
    step of a class's mean age comes to, both in whole numbers of one unit.
    """

    cells: Grid
    low: Grid
    high: Grid
    marginal: Yes
    mates: Grid
    first: Grid
    many: Grid
    lean: Grid
    year: Grid
    allowed: Yes
    unit: Grid
    sex: Grid
    side: Grid
    even_out: Yes
    bound: Yes
    least: int


class State(NamedTuple):
    """What a swap changes: class of each person, people per cell and class, room of a unit in a class (R02), people of
    a unit on either side (R03), people of a sex in a class, and how far the ages of a class lean."""

    at: Grid
    counts: Grid
    room: Grid
    sides: Grid
    sexes: Grid
    tilt: Grid


class Weights(NamedTuple):
    """What a marginal cell off, a pair cell off, a class's mean age off by a step, and R03 broken by one cost."""

    marginal: int
    pair: int
    age: int
    rule: int


@njit(cache=True, nogil=True)
def anneal(people: People, state: State, weights: Weights, swaps: int, hot: float, cold: float, seed: int) -> Grid:
    """The class of each person in the cheapest plan met in so many draws, with ratios from `hot` to `cold`.

    Plans that break R03 further than the first do not count. `state` is used up: it ends wherever the run ended. `seed`
    is any number but 0, of 64 bits at most. Other threads go on meanwhile: the beat of a job must not stop.
    """
    number, cells = people.cells.shape
    out, into = _prices(people, state.counts, weights)
    value = cost(people, state, weights)
    allowed = now = broken(people, state)
    best, kept = value, state.at.copy()
    limit = np.zeros(COSTS, np.uint64)
    draws = len(people.first) + OTHERS
    x = np.uint64(seed)
    for phase in range(PHASES):
        _limits(limit, hot + (cold - hot) * phase / PHASES)
        for _ in range(swaps // PHASES):
            if best == 0:
                break
            x = _next(x)
            p = _below(x, number)
            x = _next(x)
            draw = _below(x, draws)
            x = _next(x)
            q = _other(people.mates, people.first, people.many, p, draw, x)
            a, b = state.at[p], state.at[q]
            if a == b:
                continue
            worse = _unevenness(people, state, p, q)
            dearer = weights.rule * worse
            for j in range(cells):
                c, d = people.cells[p, j], people.cells[q, j]
                if c != d:
                    dearer += out[c, a] + into[c, b] + out[d, b] + into[d, a]
            if weights.age:
                dearer += weights.age * _aging(people, state, a, b, people.lean[q] - people.lean[p])
            if dearer > 0:
                x = _next(x)
                if dearer >= COSTS or (x >> np.uint64(32)) >= limit[dearer]:
                    continue
            if not _lawful(people, state, p, q):
                continue
            _exchange(people, state, p, q)
            _price_again(people, state, weights, out, into, p, q)
            value += dearer
            now += worse
            if value < best and now <= allowed:
                best = value
                kept[:] = state.at
    return kept


@njit(cache=True)
def _other(mates: Grid, first: Grid, many: Grid, p: int, draw: int, x: Any) -> Any:
    """Who is drawn to change places with p: somebody alike for that draw, or anybody."""
    if draw < len(first):
        return mates[draw, first[draw, p] + _below(x, many[draw, p])]
    return _below(x, mates.shape[1])


@njit(cache=True)
def cost(people: People, state: State, weights: Weights) -> int:
    """What is off in a state, weighed."""
    result = 0
    for c in range(state.counts.shape[0]):
        weight = weights.marginal if people.marginal[c] else weights.pair
        for k in range(state.counts.shape[1]):
            count = state.counts[c, k]
            result += weight * (max(0, count - people.high[c, k]) + max(0, people.low[c, k] - count))
    for k in range(len(state.tilt)):
        result += weights.age * (abs(state.tilt[k]) // people.year[k])
    return result + weights.rule * broken(people, state)


@njit(cache=True)
def _prices(people: People, counts: Grid, weights: Weights) -> tuple[Grid, Grid]:
    """What one fewer and one more of each cell cost each class."""
    out, into = np.zeros(counts.shape, np.int64), np.zeros(counts.shape, np.int64)
    for c in range(counts.shape[0]):
        for k in range(counts.shape[1]):
            _price(people, counts, weights, out, into, c, k)
    return out, into


@njit(cache=True)
def _price(people: People, counts: Grid, weights: Weights, out: Grid, into: Grid, c: int, k: int) -> None:
    weight = weights.marginal if people.marginal[c] else weights.pair
    count, low, high = counts[c, k], people.low[c, k], people.high[c, k]
    out[c, k] = weight * ((1 if count <= low else 0) - (1 if count > high else 0))
    into[c, k] = weight * ((1 if count >= high else 0) - (1 if count < low else 0))


@njit(cache=True)
def _price_again(people: People, state: State, weights: Weights, out: Grid, into: Grid, p: int, q: int) -> None:
    """Prices of the cells in which two people differ, in both their classes."""
    for j in range(people.cells.shape[1]):
        if people.cells[p, j] != people.cells[q, j]:
            for cell in (people.cells[p, j], people.cells[q, j]):
                for klass in (state.at[p], state.at[q]):
                    _price(people, state.counts, weights, out, into, cell, klass)


@njit(cache=True)
def _aging(people: People, state: State, a: int, b: int, older: int) -> int:
    """Steps of mean age that two classes are further off when one gets that much older and the other younger."""
    before = abs(state.tilt[a]) // people.year[a] + abs(state.tilt[b]) // people.year[b]
    return abs(state.tilt[a] + older) // people.year[a] + abs(state.tilt[b] - older) // people.year[b] - before


@njit(cache=True)
def _lawful(people: People, state: State, p: int, q: int) -> bool:
    a, b = state.at[p], state.at[q]
    if not (people.allowed[p, b] and people.allowed[q, a]):
        return False
    u, v = people.unit[p], people.unit[q]
    if u != v and (state.room[u, b] <= 0 or state.room[v, a] <= 0):
        return False
    mine, theirs = people.sex[p], people.sex[q]
    return mine == theirs or not (
        _lonely(people, state.sexes[mine, a] - 1)
        or _lonely(people, state.sexes[mine, b] + 1)
        or _lonely(people, state.sexes[theirs, b] - 1)
        or _lonely(people, state.sexes[theirs, a] + 1)
    )


@njit(cache=True)
def broken(people: People, state: State) -> int:
    """By how many people R03 is broken."""
    result = 0
    for unit in range(len(state.sides)):
        result += _uneven(people, unit, state.sides[unit, 0], state.sides[unit, 1])
    return result


@njit(cache=True)
def _unevenness(people: People, state: State, p: int, q: int) -> int:
    """What a swap adds to that."""
    u, v = people.unit[p], people.unit[q]
    side, other = people.side[state.at[p]], people.side[state.at[q]]
    if u == v or side == other:
        return 0
    result = 0
    for unit, goes, comes in ((u, side, other), (v, other, side)):
        left, right = state.sides[unit, goes], state.sides[unit, comes]
        result += _uneven(people, unit, left - 1, right + 1) - _uneven(people, unit, left, right)
    return result


@njit(cache=True)
def _uneven(people: People, unit: int, one: int, two: int) -> int:
    """By how many people the sides of a unit break R03: differ by more than one, or one of them has nobody."""
    if not people.bound[unit]:
        return 0
    return max(0, abs(one - two) - 1) if people.even_out[unit] else int(one == 0) + int(two == 0)


@njit(cache=True)
def _lonely(people: People, count: int) -> bool:
    return 0 < count < people.least


@njit(cache=True)
def _exchange(people: People, state: State, p: int, q: int) -> None:
    a, b = state.at[p], state.at[q]
    for j in range(people.cells.shape[1]):
        state.counts[people.cells[p, j], a] -= 1
        state.counts[people.cells[p, j], b] += 1
        state.counts[people.cells[q, j], b] -= 1
        state.counts[people.cells[q, j], a] += 1
    u, v = people.unit[p], people.unit[q]
    state.room[u, a] += 1
    state.room[u, b] -= 1
    state.room[v, b] += 1
    state.room[v, a] -= 1
    side, other = people.side[a], people.side[b]
    state.sides[u, side] -= 1
    state.sides[u, other] += 1
    state.sides[v, other] -= 1
    state.sides[v, side] += 1
    mine, theirs = people.sex[p], people.sex[q]
    state.sexes[mine, a] -= 1
    state.sexes[mine, b] += 1
    state.sexes[theirs, b] -= 1
    state.sexes[theirs, a] += 1
    older = people.lean[q] - people.lean[p]
    state.tilt[a] += older
    state.tilt[b] -= older
    state.at[p], state.at[q] = b, a


@njit(cache=True)
def _limits(limit: Any, ratio: float) -> None:
    """For each cost, the draws of 32 bits below which a swap is made."""
    chance = float(1 << 32)
    for price in range(COSTS):
        limit[price] = np.uint64(chance)
        chance *= ratio


@njit(cache=True)
def _below(x: Any, count: int) -> Any:
    """A number below `count` from the upper 32 bits of a draw."""
    return np.int64(((x >> np.uint64(32)) * np.uint64(count)) >> np.uint64(32))


@njit(cache=True)
def _next(x: Any) -> Any:
    """Marsaglia's xorshift generator of 64 bits (Journal of Statistical Software 8, 2003)."""
    x ^= x << np.uint64(13)
    x ^= x >> np.uint64(7)
    x ^= x << np.uint64(17)
    return x
