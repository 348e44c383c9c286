"""A bound of the peak load in stage 3, by counting alone: how often each site is used, whoever goes there when.

Classes of a size are alike to it, so HiGHS closes it in a moment where CP-SAT, which knows who goes where, cannot.
"""

from collections import Counter, defaultdict
from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import csr_array

if TYPE_CHECKING:
    from .stage3_model import Round

NODE_LIMIT = 2000
Use = tuple[tuple[str, int], ...]  # (base, people) of a gathering


def least_peak(round_: "Round", held: int, water: float) -> float:
    """No plan with so many gatherings has a lower peak among the bases that it uses; `water` is a bound known already."""
    offers: Counter[tuple[int, Use]] = Counter()
    slots: Counter[int] = Counter()
    for numbers in round_.of_slot:
        uses = {tuple((part.base, part.people) for part in round_.options[n].parts) for n in numbers}
        sizes = {sum(people for _, people in use) for use in uses}
        for size in sizes:
            slots[size] += 1
            offers.update((size, use) for use in uses if sum(people for _, people in use) == size)
    kinds = sorted(offers)
    bases = sorted({base for _, use in kinds for base, _ in use})
    if not kinds or not held:
        return water
    first, peak = len(kinds), len(kinds) + len(bases)  # visits of each kind, whether a base is used, the peak
    entries: list[tuple[int, int, float]] = []
    low: list[float] = []
    high: list[float] = []

    def row(terms: list[tuple[int, float]], least: float, most: float) -> None:
        entries.extend((len(low), column, value) for column, value in terms)
        low.append(least)
        high.append(most)

    row([(column, 1.0) for column in range(len(kinds))], held, held)
    for size, count in sorted(slots.items()):
        row([(column, 1.0) for column, kind in enumerate(kinds) if kind[0] == size], 0, count)
    added: dict[str, list[tuple[int, float]]] = defaultdict(list)
    for column, (_, use) in enumerate(kinds):
        for base, people in use:
            added[base].append((column, float(people * round_.problem.days)))
    for place, base in enumerate(bases):
        used, beds, load = first + place, round_.places.beds[base], round_.load[base]
        if load <= water * beds:
            row([*added[base], (peak, -float(beds))], -np.inf, -float(load))
            continue
        for column, _ in added[base]:
            row([(column, 1.0), (used, -float(min(held, offers[kinds[column]])))], -np.inf, 0)
        row([*added[base], (used, float(load)), (peak, -float(beds))], -np.inf, 0)
    rows, places, values = zip(*entries, strict=True)
    columns = peak + 1
    whole = np.ones(columns)
    whole[peak] = 0
    goal = np.zeros(columns)
    goal[peak] = 1
    upper = np.array([*(float(offers[kind]) for kind in kinds), *(1.0 for _ in bases), np.inf])
    result = milp(
        goal,
        integrality=whole,
        bounds=Bounds(np.array([*np.zeros(peak), water]), upper),
        constraints=LinearConstraint(
            csr_array((values, (rows, places)), shape=(len(low), columns)), np.array(low), np.array(high)
        ),
        options={"mip_rel_gap": 0, "node_limit": NODE_LIMIT},
    )
    return water if result.mip_dual_bound is None else max(water, float(result.mip_dual_bound))
