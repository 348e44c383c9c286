"""The auction of stage 1, compiled: unit after unit chooses anew where its people go, until nobody wants to change.

A hub (a track in a batch) asks a price for a seat, so that each unit is a small min-cost flow by itself:

    group -> [leading members of the unit in a batch ->] unit in a batch -> end;  group -> end: not seated

In a pass the units come one after another, and each cancels cycles of negative cost, at prices that rise and fall at once
with the seats taken: the stiffer, the more. After each pass a hub asks what a seat has come to there. Prices get less
stiff from pass to pass: they settle first on who is seated, then on batches, then on colleagues, and units to which two
batches are worth the same share them out until every hub has as many people as it can take.
All numbers are whole ones: an auction is the same everywhere.
"""

from typing import Any, NamedTuple

import numpy as np
from numba import njit

PARTS = 1 << 16  # prices are counted in parts of a cost of 1
MOST_PUSH = 256
MOST_CYCLES = 40  # of a unit in one pass: prices that move with each of them might never come to rest

Column = np.ndarray[Any, np.dtype[np.int64]]
Yes = np.ndarray[Any, np.dtype[np.bool_]]


class Units(NamedTuple):
    """What stays: groups from `groups[u]` on are of unit u, choices from `choices[g]` on of group g.

    Per group its size, what a seat is worth to each and whether they are leading members; per choice batch, hub and cost;
    per unit and batch people there before, and how many people and leading members there may be.
    """

    groups: Column
    choices: Column
    size: Column
    worth: Column
    leading: Yes
    place: Column
    hub: Column
    cost: Column
    used: Column
    left: Column
    leading_left: Column


class Hubs(NamedTuple):
    """Seats to the minimum and in all; a seat beyond the minimum costs `beyond`."""

    low: Column
    free: Column
    beyond: int


class State(NamedTuple):
    """What a pass changes: people of each choice, seats taken and price asked of each hub, labels of the nodes; for each
    track which way its prices went and how hard they are pushed on."""

    people: Column
    load: Column
    asked: Column
    labels: Column
    trend: Column
    push: Column


def opening(units: Units, hubs: Hubs, tracks: int) -> State:
    """Nobody seated, and seats for nothing."""
    batches = units.left.shape[1]
    nodes = (1 + 2 * batches) * len(units.left) + len(units.size)
    sizes = (len(units.place), len(hubs.low), len(hubs.low), nodes, tracks, tracks)
    return State(*(np.zeros(size, dtype=np.int64) for size in sizes))


def auction(units: Units, hubs: Hubs, state: State, stiff: int) -> None:
    """One pass; a price moves by `stiff` with every seat. While the prices of a track go one way together, they are
    pushed on in steps that double: alone, one hub would hand its surplus on to the next."""
    _pass(units, hubs, state, stiff)
    low, free = (state.asked + stiff * (state.load - seats) for seats in (hubs.low, hubs.free))
    asked = np.maximum(0, np.maximum(free, np.minimum(low, hubs.beyond)))
    total = (asked - state.asked).reshape(-1, len(state.trend)).sum(axis=0)
    state.push[:] = np.where(total * state.trend > 0, np.minimum(2 * state.push, MOST_PUSH), 1)
    state.trend[:] = np.sign(total)
    batches = units.left.shape[1]
    further = np.tile(total * (state.push - 1) // (2 * batches), batches)
    settled = (asked == 0) | (asked == hubs.beyond)
    state.asked[:] = np.where(settled, asked, np.maximum(0, asked + further))


@njit(cache=True, nogil=True)
def _pass(units: Units, hubs: Hubs, state: State, stiff: int) -> None:
    count, batches = units.left.shape
    most = 1 + 2 * batches + np.max(units.groups[1:] - units.groups[:-1])
    parent, arc, seen = np.zeros(most, np.int64), np.zeros(most, np.int64), np.zeros(most, np.int64)
    at, led = np.zeros(batches, np.int64), np.zeros(batches, np.int64)
    for u in range(count):
        at[:] = units.used[u]
        led[:] = 0
        for g in range(units.groups[u], units.groups[u + 1]):
            for c in range(units.choices[g], units.choices[g + 1]):
                at[units.place[c]] += state.people[c]
                if units.leading[g]:
                    led[units.place[c]] += state.people[c]
        first = (1 + 2 * batches) * u + units.groups[u]
        nodes = 1 + 2 * batches + units.groups[u + 1] - units.groups[u]
        label = state.labels[first : first + nodes]
        for _ in range(MOST_CYCLES):
            parent[:nodes] = -1
            node = -1
            while node < 0:
                changed = _from_and_to_groups(units, hubs, state, stiff, u, label, parent, arc)
                changed |= _between_spots_and_end(units, u, at, led, label, parent)
                if not changed:
                    break
                node = _on_cycle(parent, seen, nodes)
            if node < 0:
                break
            _turn(units, state, node, parent, arc, at, led)


@njit(cache=True, nogil=True)
def _price(hubs: Hubs, state: State, stiff: int, hub: int, halves: int) -> int:
    """What a seat costs when so many half seats are taken."""
    low = state.asked[hub] + stiff * (halves - 2 * hubs.low[hub]) // 2
    free = state.asked[hub] + stiff * (halves - 2 * hubs.free[hub]) // 2
    return max(0, free, min(low, hubs.beyond))


@njit(cache=True, nogil=True)
def _from_and_to_groups(
    units: Units, hubs: Hubs, state: State, stiff: int, u: int, label: Column, parent: Column, arc: Column
) -> bool:
    """Shorten the ways over groups: one person more or fewer in a batch, or without a seat."""
    batches = units.left.shape[1]
    changed = False
    for g in range(units.groups[u], units.groups[u + 1]):
        node = 1 + 2 * batches + g - units.groups[u]
        door = 1 + batches * units.leading[g]
        seated = 0
        for c in range(units.choices[g], units.choices[g + 1]):
            seated += state.people[c]
            if state.people[c] > 0:
                hub, spot = units.hub[c], door + units.place[c]
                way = label[spot] - units.cost[c] - _price(hubs, state, stiff, hub, 2 * state.load[hub] - 1)
                if way < label[node]:
                    label[node], parent[node], arc[node], changed = way, spot, c, True
        if seated < units.size[g] and label[0] - units.worth[g] < label[node]:
            label[node], parent[node], changed = label[0] - units.worth[g], 0, True
        if seated > 0 and label[node] + units.worth[g] < label[0]:
            label[0], parent[0], changed = label[node] + units.worth[g], node, True
        for c in range(units.choices[g], units.choices[g + 1]):
            if state.people[c] < units.size[g]:
                hub, spot = units.hub[c], door + units.place[c]
                way = label[node] + units.cost[c] + _price(hubs, state, stiff, hub, 2 * state.load[hub] + 1)
                if way < label[spot]:
                    label[spot], parent[spot], arc[spot], changed = way, node, c, True
    return changed


@njit(cache=True, nogil=True)
def _between_spots_and_end(units: Units, u: int, at: Column, led: Column, label: Column, parent: Column) -> bool:
    """Shorten the ways over the unit's places in a batch, whose cost is the colleagues there."""
    batches = len(at)
    changed = False
    for b in range(batches):
        spot, door = 1 + b, 1 + batches + b
        if led[b] < units.leading_left[u, b] and label[door] < label[spot]:
            label[spot], parent[spot], changed = label[door], door, True
        if led[b] > 0 and label[spot] < label[door]:
            label[door], parent[door], changed = label[spot], spot, True
        here = at[b] - units.used[u, b]
        if here < units.left[u, b] and label[spot] + PARTS * at[b] < label[0]:
            label[0], parent[0], changed = label[spot] + PARTS * at[b], spot, True
        if here > 0 and label[0] - PARTS * (at[b] - 1) < label[spot]:
            label[spot], parent[spot], changed = label[0] - PARTS * (at[b] - 1), 0, True
    return changed


@njit(cache=True, nogil=True)
def _on_cycle(parent: Column, seen: Column, nodes: int) -> int:
    """A node on a cycle of parents, which costs less than nothing; -1: there is none."""
    seen[:nodes] = -1
    for start in range(nodes):
        node = start
        while node >= 0 and seen[node] < 0:
            seen[node] = start
            node = parent[node]
        if node >= 0 and seen[node] == start:
            return node
    return -1


@njit(cache=True, nogil=True)
def _turn(units: Units, state: State, start: int, parent: Column, arc: Column, at: Column, led: Column) -> None:
    """One person further along every arc of the cycle."""
    groups = 1 + 2 * len(at)
    node = start
    while True:
        before = parent[node]
        if node > 0 and before > 0 and (node >= groups or before >= groups):
            c, more = arc[node], 1 if before >= groups else -1
            state.people[c] += more
            state.load[units.hub[c]] += more
            at[units.place[c]] += more
            if min(node, before) > len(at):  # through the door of the leading members
                led[units.place[c]] += more
        node = before
        if node == start:
            return
