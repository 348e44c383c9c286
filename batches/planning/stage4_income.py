"""Stage 4a, second part: the households of a base earn as alike as can be.

Who hosts at a gathering is first decided gathering by gathering (stage4_households). Here the whole year of a base is
looked at: what range of income per bed is the least that its guests could come to, between which two incomes; then the
gatherings are given out again one by one, with all others known, so that incomes come to lie there.
A household of two beds earns in steps of two guests, which is what mostly holds the range up.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

from .places import Places
from .problem import Problem
from .stage4_households import Groups, Income, Stay, common_houses, give_out

Given = list[tuple[Groups, Groups]]
WINDOWS = 12  # of the least ranges,
AIMS = 4  # so many are aimed at: those nearest to what a bed of the base earns on the whole;
ENOUGH = 0.75  # all, while the range reached is more than this part of a stay
SPARE = (0.5, 1.0)  # stays by which households closed at times may end outside the range
PASSES = 2  # over all gatherings of the base, for each of them
OUTSIDE = 1000.0  # a squared income beyond the range, against a squared income


@dataclass(frozen=True)
class Prospect:
    """A household that is open all the time: what it can have earned in the end, per bed and in guests still to come."""

    incomes: list[float]
    guests: list[int]


def prospects(
    problem: Problem, places: Places, base: str, meetings: Sequence[list[Stay]]
) -> tuple[list[Prospect], int]:
    """Prospects of the lasting households, and how many guests the others can take at most."""
    income = Income(problem, base)
    visits = sum(map(len, meetings))  # a household can host twice in a meeting where two stays share no night
    lasting = {name: _steps(problem, income, name, base, visits) for name in lasting_houses(places, base)}
    others = 0
    for stays in meetings:
        for part in [stays] if len(stays) < 3 else [[stay] for stay in stays]:
            others += sum(house.most for house in common_houses(places, part) if house.id not in lasting)
    rows = []
    for name, guests in sorted(lasting.items()):
        rows.append(Prospect([(income.nights[name] + g * income.stay) / income.beds[name] for g in guests], guests))
    return rows, others


def lasting_houses(places: Places, base: str) -> list[str]:
    """Households of the base that are never closed themselves, nor any of their rooms."""
    rows = places.rows[base]["households"]
    return sorted(h["id"] for h in rows if not h["closed"] and not any(room["closed"] for room in h["rooms"]))


def _steps(problem: Problem, income: Income, name: str, base: str, meetings: int) -> list[int]:
    """Numbers of guests that whole visits can add up to."""
    most, least = income.beds[name], problem.group_min
    if any(rule == "R16" for rule, _ in problem.waived):  # an exception may let in one guest, or more than four
        return list(range(meetings * max(most, 20) + 1))
    if most < least:
        return [0]
    return sorted({guests for visits in range(meetings + 1) for guests in range(visits * least, visits * most + 1)})


def least_ranges(rows: list[Prospect], others: int, guests: int, wanted: int = 1) -> list[tuple[float, float]]:
    """The narrowest (lowest, highest) income per bed between which all lasting households can end, narrowest first.

    Only sums are looked at, so that nothing that these guests can be given out to is narrower than the first.
    """
    lowest = _highest(rows, [0] * len(rows), guests - others) if rows else None
    if lowest is None:
        return []
    found: list[tuple[float, float]] = []
    for low in sorted({value for row in rows for value in row.incomes}, reverse=True):
        if len(found) == wanted and lowest - low >= found[-1][1] - found[-1][0]:
            break
        first = [bisect_left(row.incomes, low) for row in rows]
        if any(i == len(row.incomes) for i, row in zip(first, rows, strict=True)):
            continue
        if sum(row.guests[i] for i, row in zip(first, rows, strict=True)) > guests:
            continue
        high = _highest(rows, first, guests - others)
        if high is not None:
            found = sorted([*found, (low, high)], key=lambda window: (window[1] - window[0], window))[:wanted]
    return found


def _highest(rows: list[Prospect], first: list[int], guests: int) -> float | None:
    """The least highest income at which the households, each with so many visits at least, can take the guests."""
    at_least = max(row.incomes[i] for i, row in zip(first, rows, strict=True))
    highs = sorted({value for row in rows for value in row.incomes if value >= at_least})
    number = bisect_left(
        highs, 1, key=lambda high: sum(row.guests[bisect_right(row.incomes, high) - 1] for row in rows) >= guests
    )
    return highs[number] if number < len(highs) else None


class Aimed(Income):
    """Incomes that are to end between two values, or not further than `spare` from them in households that are closed at
    times; within, the least squares decide as ever."""

    def __init__(self, earned: Income, aim: tuple[float, float], lasting: set[str], spare: float):
        self.nights, self.stay, self.beds = earned.nights.copy(), earned.stay, earned.beds
        self.aim = aim
        self.lasting = lasting
        self.spare = spare

    def rise(self, house: str, guests: int) -> float:
        after = (self.nights[house] + guests * self.stay) / self.beds[house]
        spare = 0.0 if house in self.lasting else self.spare
        worse = self._outside(after, spare) - self._outside(self.per_bed(house), spare)
        return super().rise(house, guests) + OUTSIDE * self.beds[house] * worse

    def _outside(self, income: float, spare: float) -> float:
        return max(0.0, self.aim[0] - spare - income, income - self.aim[1] - spare) ** 2


def even_out(
    problem: Problem,
    places: Places,
    income: Income,
    meetings: Sequence[list[Stay]],
    given: list[Given],
    free: list[bool],
) -> float:
    """Give the free meetings of a base out again until the incomes of lasting households lie as close as they can, in
    `given` and `income` themselves; the least range there could be. Of two ends alike to them, that where all lie closer.
    """
    base = meetings[0][0].base
    lasting, houses = lasting_houses(places, base), [house["id"] for house in places.rows[base]["households"]]
    rows, others = prospects(problem, places, base, meetings)
    guests = sum(stay.men + stay.women for stays in meetings for stay in stays)
    windows = least_ranges(rows, others, guests, WINDOWS)
    if not windows:
        return 0.0
    bound = windows[0][1] - windows[0][0]
    best = _range(income, lasting), _range(income, houses)
    level = sum(income.nights[house] for house in houses) / sum(income.beds[house] for house in houses)
    nearest = sorted(windows, key=lambda window: (abs(sum(window) / 2 - level), window))
    for number, (part, aim) in enumerate(product(SPARE, nearest)):
        if number >= AIMS and best[0] <= ENOUGH * income.stay:
            break
        if best[0] <= aim[1] - aim[0] + 1e-9:
            continue
        trial = Aimed(income, aim, set(lasting), part * income.stay)
        other = list(given)
        for _ in range(PASSES):
            for place, stays in enumerate(meetings):
                if free[place]:
                    for groups in other[place]:
                        for group in groups:
                            trial.nights.subtract({house.id: n * trial.stay for house, n in group})
                    other[place] = give_out(places, trial, stays)
            reached = _range(trial, lasting), _range(trial, houses)
            if reached < best:
                best, given[:] = reached, other
                income.nights = trial.nights.copy()
            if reached[0] <= aim[1] - aim[0] + 1e-9:
                break
    return bound


def _range(income: Income, names: list[str]) -> float:
    earned = [income.per_bed(name) for name in names]
    return round(max(earned) - min(earned), 9)
