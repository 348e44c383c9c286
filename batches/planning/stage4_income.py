"""Stage 4a, second part: the households of a base earn as alike as can be.

Who hosts at a gathering is first decided gathering by gathering (stage4_households). Here the whole year of a base is
looked at: what range of income per bed is the least that its guests could come to, between which two incomes; then the
gatherings are given out again one by one, with all others known, so that incomes come to lie there; and all at once
(stage4_exact) where that leaves them far apart.
A household of two beds earns in steps of two guests, which is what mostly holds the range up.
"""

from bisect import bisect_left, bisect_right
from dataclasses import dataclass

from .problem import Problem
from .stage4_exact import closest
from .stage4_households import Income, Year, common_houses, give_out, spread

WINDOWS = 12  # of the least ranges,
AIMS = 4  # so many are aimed at: those nearest to what a bed of the base earns on the whole
ENOUGH = 0.75  # of a stay: a wider range than this is looked at as a whole
SPARE = 0.5  # of a stay, by which households closed at times may end outside the range
PASSES = 2  # over all gatherings of the base, for each of them
OUTSIDE = 1000.0  # a squared income beyond the range, against a squared income


@dataclass(frozen=True)
class Prospect:
    """A household that is open all the time: what it can have earned in the end, per bed and in guests still to come."""

    incomes: list[float]
    guests: list[int]


def prospects(problem: Problem, year: Year) -> tuple[list[Prospect], int]:
    """Prospects of the lasting households, and how many guests the others can take at most."""
    income = Income(problem, year.base)
    visits = sum(map(len, year.meetings))  # a household can host twice in a meeting where two stays share no night
    lasting = {name: _steps(problem, income, name, visits) for name in year.lasting}
    others = 0
    for stays in year.meetings:
        for part in [stays] if len(stays) < 3 else [[stay] for stay in stays]:
            others += sum(house.most for house in common_houses(year.places, part) if house.id not in lasting)
    rows = []
    for name, guests in sorted(lasting.items()):
        rows.append(Prospect([(income.nights[name] + g * income.stay) / income.beds[name] for g in guests], guests))
    return rows, others


def _steps(problem: Problem, income: Income, name: str, meetings: int) -> list[int]:
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
    """Incomes that are to end between two values, or not further than SPARE from them in households that are closed at
    times; within, the least squares decide as ever."""

    def __init__(self, earned: Income, aim: tuple[float, float], lasting: set[str]):
        self.nights, self.stay, self.beds = earned.nights.copy(), earned.stay, earned.beds
        self.aim = aim
        self.lasting = lasting

    def rise(self, house: str, guests: int) -> float:
        after = (self.nights[house] + guests * self.stay) / self.beds[house]
        spare = 0.0 if house in self.lasting else SPARE * self.stay
        worse = self._outside(after, spare) - self._outside(self.per_bed(house), spare)
        return super().rise(house, guests) + OUTSIDE * self.beds[house] * worse

    def _outside(self, income: float, spare: float) -> float:
        return max(0.0, self.aim[0] - spare - income, income - self.aim[1] - spare) ** 2


def least_range(year: Year, problem: Problem) -> float:
    """The least range that the guests of a base could come to."""
    windows = _windows(year, problem, 1)
    return windows[0][1] - windows[0][0] if windows else 0.0


def _windows(year: Year, problem: Problem, wanted: int) -> list[tuple[float, float]]:
    rows, others = prospects(problem, year)
    return least_ranges(rows, others, sum(stay.men + stay.women for stays in year.meetings for stay in stays), wanted)


def even_out(year: Year, problem: Problem, seed: int) -> float:
    """Give the free gatherings of a base out again so that the incomes of lasting households come closer, in `year`
    itself; returns the least range there could be. Of two ends alike to them, that where all lie closer.
    """
    windows = _windows(year, problem, WINDOWS)
    if not windows:
        return 0.0
    bound = windows[0][1] - windows[0][0]
    level = sum(map(year.income.nights.__getitem__, year.houses)) / sum(map(year.income.beds.__getitem__, year.houses))
    nearest = sorted(windows, key=lambda window: (abs(sum(window) / 2 - level), window))
    for aim in nearest[:AIMS]:
        if year.ranges()[0] > aim[1] - aim[0] + 1e-9:
            _draw(year, aim)
    if year.ranges()[0] > max(bound + 1e-9, ENOUGH * year.income.stay):
        year.take(closest(year, max(bound, ENOUGH * year.income.stay), seed))
        earned = [year.income.per_bed(name) for name in year.lasting]
        _draw(year, (min(earned), max(earned)))
    return bound


def _draw(year: Year, aim: tuple[float, float]) -> None:
    """Give out gathering by gathering, all others known, towards incomes between two values; kept where it comes closer."""
    trial, given, best = Aimed(year.income, aim, set(year.lasting)), list(year.given), year.ranges()
    for _ in range(PASSES):
        for place, stays in enumerate(year.meetings):
            if year.free[place]:
                for group in (group for groups in given[place] for group in groups):
                    trial.add(group, -1)
                given[place] = give_out(year.places, trial, stays)
        reached = spread(trial, year.lasting), spread(trial, year.houses)
        if reached < best:
            best = reached
            year.take(given)
        if reached[0] <= aim[1] - aim[0] + 1e-9:
            break
