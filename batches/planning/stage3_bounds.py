"""Bounds of skips and peak load in stage 3 that hold whichever bases the classes of a large county are offered."""

from collections import defaultdict
from collections.abc import Iterable, Mapping

from ortools.sat.python import cp_model

from .cpsat import run
from .places import Places
from .stage3_options import Slot

LIMIT = 2.0


def forced_skips(slots: list[Slot], days: int, seed: int) -> tuple[int, list[int]]:
    """Gatherings that these classes cannot hold wherever it be: no lawful day, or all with staff who are elsewhere (R19).

    A bound of their number, and the places of as many slots as are left out where each class meets as often as it can.
    `days` is how many a gathering has; classes that share staff must all be among them for the bound to be a good one.
    """
    model = cp_model.CpModel()
    skips = []
    away: dict[tuple[str, int], list[cp_model.IntVar]] = defaultdict(list)
    for slot in slots:
        first_days = sorted({*slot.first_days, *(option.first for option in slot.options)})
        starts = [model.new_bool_var("") for _ in first_days]
        skips.append(model.new_bool_var(""))
        model.add_exactly_one([*starts, skips[-1]])
        for first, start in zip(first_days, starts, strict=True):
            for name in slot.klass.staff:
                for day in range(first, first + days):
                    away[name, day].append(start)
    for _, starts in sorted(away.items()):
        if len(starts) > 1:
            model.add_at_most_one(starts)
    model.minimize(sum(skips))
    answer = run(model, seed, LIMIT)
    if not answer.found:
        return 0, []
    return answer.bound, [place for place, skip in enumerate(skips) if answer.true(skip)]


def poured(rows: Iterable[tuple[int, int]], new: int) -> float:
    """The level to which new person-days fill bases of (load, beds), the lowest first."""
    load, width, level = 0, 0, 0.0
    for number, (ratio, history, beds) in enumerate(sorted((load / beds, load, beds) for load, beds in rows)):
        if number and (load + new) / width <= ratio:
            break
        load, width = load + history, width + beds
        level = (load + new) / width
    return level if new else 0.0


def least_peak(places: Places, new: Mapping[int, int]) -> float:
    """The level to which new person-days, given by size of class, fill the bases that can take a class of the size."""
    largest, days, peak = places.largest_classes(), 0, 0.0
    for size in sorted(new, reverse=True):  # the bases of larger classes are among those of smaller ones
        days += new[size]
        peak = max(
            peak, poured([(places.history[b], places.beds[b]) for b, most in largest.items() if most >= size], days)
        )
    return peak
