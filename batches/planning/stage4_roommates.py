"""Stage 4b: who shares a household, so that people meet new room-mates at every gathering.

Swap annealing per class and sex over all its gatherings, counted in moves, ended when the repeats reach their bound.
"""

import math
import random

MOVES = 150_000
HOT, COLD = 0.6, 0.15


def bound(people: int, sizes: list[list[int]]) -> int:
    """Repeats that cannot be avoided: the pairs that the group sizes make, less the pairs that exist; or what the
    gatherings, each put beside one that came before it, must have in common, in the order that tells most."""
    pairs = sum(n * (n - 1) // 2 for row in sizes for n in row)
    return max(0, pairs - people * (people - 1) // 2, _in_common(sizes))


def _in_common(sizes: list[list[int]]) -> int:
    """Each gathering repeats at least what it must share with any one before it: the heaviest spanning tree."""
    if not sizes:
        return 0
    most = [_shared(sizes[0], row) for row in sizes]
    left, total = set(range(1, len(sizes))), 0
    while left:
        chosen = max(sorted(left), key=most.__getitem__)
        left.remove(chosen)
        total += most[chosen]
        for number in left:
            most[number] = max(most[number], _shared(sizes[chosen], sizes[number]))
    return total


def _shared(one: list[int], two: list[int]) -> int:
    """Pairs that are together at both gatherings at least: a group spread over too few groups keeps some together."""
    return max(sum(_kept(size, len(two)) for size in one), sum(_kept(size, len(one)) for size in two))


def _kept(size: int, groups: int) -> int:
    """Pairs left together when a group is spread evenly."""
    each, more = divmod(size, groups)
    return more * each + groups * (each * (each - 1) // 2)


def repeats(people: int, plan: list[list[list[int]]]) -> int:
    """Sum over pairs of (times - 1)."""
    met = _met(people, plan)
    return sum(max(0, met[a][b] - 1) for a in range(people) for b in range(a))


def _met(people: int, plan: list[list[list[int]]]) -> list[list[int]]:
    met = [[0] * people for _ in range(people)]
    for groups in plan:
        for group in groups:
            for a in group:
                for b in group:
                    if a != b:
                        met[a][b] += 1
    return met


def arrange(
    people: int, sizes: list[list[int]], rng: random.Random, fixed: dict[int, list[list[int]]] | None = None
) -> list[list[list[int]]]:
    """Groups of people (numbers) per gathering; `fixed` gatherings stay as they are."""
    fixed = fixed or {}
    plan = []
    for number, row in enumerate(sizes):
        order = list(range(people))
        rng.shuffle(order)
        groups, start = [], 0
        for size in row:
            groups.append(order[start : start + size])
            start += size
        plan.append(fixed.get(number, groups))
    free = [number for number, row in enumerate(sizes) if number not in fixed and len(row) > 1]
    if free:
        _anneal(people, plan, free, bound(people, sizes), rng)
    return plan


def _anneal(people: int, plan: list[list[list[int]]], free: list[int], goal: int, rng: random.Random) -> None:
    """Swap two people of one gathering at a time, in `plan` itself; the best plan met is kept."""
    met = _met(people, plan)
    value = repeats(people, plan)
    best, kept = value, [[list(group) for group in groups] for groups in plan]
    cooling = (COLD / HOT) ** (1 / MOVES)
    heat = HOT
    draw = rng.random
    for _ in range(MOVES):
        if value <= goal:
            break
        heat *= cooling
        groups = plan[free[int(draw() * len(free))]]
        i, j = int(draw() * len(groups)), int(draw() * len(groups))
        if i == j:
            continue
        one, two = groups[i], groups[j]
        p, q = int(draw() * len(one)), int(draw() * len(two))
        change = _change(met, one, two, p, q)
        if change <= 0 or draw() < math.exp(-change / heat):
            _swap(met, one, two, p, q)
            value += change
            if value < best:
                best, kept = value, [[list(group) for group in groups] for groups in plan]
    if best < value:
        plan[:] = kept


def _change(met: list[list[int]], one: list[int], two: list[int], p: int, q: int) -> int:
    a, b = one[p], two[q]
    of_a, of_b = met[a], met[b]
    change = 0
    for mate in one:
        if mate != a:
            change += (of_b[mate] > 0) - (of_a[mate] > 1)
    for mate in two:
        if mate != b:
            change += (of_a[mate] > 0) - (of_b[mate] > 1)
    return change


def _swap(met: list[list[int]], one: list[int], two: list[int], p: int, q: int) -> None:
    a, b = one[p], two[q]
    for mate in one:
        if mate != a:
            _meet(met, a, mate, -1)
            _meet(met, b, mate, 1)
    for mate in two:
        if mate != b:
            _meet(met, b, mate, -1)
            _meet(met, a, mate, 1)
    one[p], two[q] = b, a


def _meet(met: list[list[int]], a: int, b: int, by: int) -> None:
    met[a][b] += by
    met[b][a] += by
