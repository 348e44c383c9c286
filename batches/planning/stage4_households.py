"""Stage 4a: how many guests of which sex each household has at each gathering.

Exact dynamic programme over the households of a base: closed, or so many men, or so many women, at the least sum of
squared income per bed (water-filling on what they earned so far). Classes that meet at a base are housed as one and
their households then divided between them; should the sums not come out, each class is given households of its own.
"""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .places import House, Places, Ranges, fillings
from .problem import Problem
from .stage3_options import Option

Groups = list[tuple[House, int]]  # household and its guests
Given = list[tuple[Groups, Groups]]  # men's and women's of each stay of a meeting
SEXES = ("M", "F")


@dataclass(frozen=True)
class Stay:
    """One class at one base of a gathering."""

    option: Option
    base: str
    men: int
    women: int


def meetings(problem: Problem, held: list[Option]) -> list[list[Stay]]:
    """Stays at one base whose nights touch, in order of their first day."""
    nights = max(1, problem.days - 1)
    at: dict[str, list[Stay]] = defaultdict(list)
    for option in sorted(held, key=lambda o: (o.first, o.klass, o.index)):
        for part in option.parts:
            at[part.base].append(Stay(option, part.base, part.men, part.women))
    result: list[list[Stay]] = []
    for _, stays in sorted(at.items()):
        group: list[Stay] = []
        for stay in stays:
            if group and stay.option.first >= group[-1].option.first + nights:
                result.append(group)
                group = []
            group.append(stay)
        result.append(group)
    return sorted(result, key=lambda g: (g[0].option.first, g[0].base))


class Income:
    """Nights of guests that households have had: of one base, or of all."""

    def __init__(self, problem: Problem, base: str | None = None):
        self.stay = max(0, problem.days - 1)
        self.beds = {
            house["id"]: min(sum(room["beds"] for room in house["rooms"]), problem.group_max)
            for row in problem.document["bases"]
            if base in (None, row["id"])
            for house in row["households"]
        }
        rows = problem.document["history"]["households"]
        self.nights: Counter[str] = Counter(
            {row["household"]: row["bed_nights"] for row in rows if row["household"] in self.beds}
        )

    def rise(self, house: str, guests: int) -> float:
        """How much the sum of squared incomes per bed grows with so many guests."""
        before, more = self.nights[house], guests * self.stay
        return (2.0 * before * more + more * more + guests * 1e-6) / self.beds[house]

    def add(self, groups: Groups, times: int = 1) -> None:
        for house, guests in groups:
            self.nights[house.id] += times * guests * self.stay

    def per_bed(self, house: str) -> float:
        return self.nights[house] / self.beds[house]


@dataclass
class Year:
    """All gatherings at a base with the households they are given, and what that comes to.

    Only `free` ones can be given out anew.
    """

    places: Places
    income: Income
    meetings: Sequence[list[Stay]]
    given: list[Given]
    free: list[bool]

    def __post_init__(self) -> None:
        self.base = self.meetings[0][0].base
        self.houses = [house["id"] for house in self.places.rows[self.base]["households"]]
        self.lasting = lasting_houses(self.places, self.base)

    def take(self, given: list[Given]) -> None:
        """Other households for the gatherings, in `given` and `income` themselves."""
        for was, now in zip(self.given, given, strict=True):
            for groups, times in ((was, -1), (now, 1)):
                for group in (group for of_stay in groups for group in of_stay):
                    self.income.add(group, times)
        self.given[:] = given

    def ranges(self) -> tuple[float, float]:
        """Of income per bed, of lasting households and of all."""
        return spread(self.income, self.lasting), spread(self.income, self.houses)


def lasting_houses(places: Places, base: str) -> list[str]:
    """Households of the base that are never closed themselves, nor any of their rooms."""
    rows = places.rows[base]["households"]
    return sorted(h["id"] for h in rows if not h["closed"] and not any(room["closed"] for room in h["rooms"]))


def spread(income: Income, names: list[str]) -> float:
    """Largest less smallest income per bed."""
    earned = [income.per_bed(name) for name in names]
    return round(max(earned) - min(earned), 9)


def give_out(places: Places, income: Income, stays: list[Stay]) -> Given:
    """(men's, women's) households of each stay of a meeting."""
    houses = common_houses(places, stays)
    whole = fairest(houses, sum(s.men for s in stays), sum(s.women for s in stays), income)
    result: Given | None = None
    if whole is not None:
        parts = [_divide(whole[0], [s.men for s in stays]), _divide(whole[1], [s.women for s in stays])]
        if parts[0] is not None and parts[1] is not None:
            result = list(zip(parts[0], parts[1], strict=True))
    if result is None:
        result = _one_by_one(houses, stays, income)
    for men, women in result:
        income.add(men)
        income.add(women)
    return result


def common_houses(places: Places, stays: list[Stay]) -> list[House]:
    """Households open to all stays of a meeting."""
    if len(stays) == 1:
        option = stays[0].option
        houses = places.window(stays[0].base, option.first, option.klass, option.index).houses
        return [h for h in houses if h.least <= h.most]
    windows = [places.window(s.base, s.option.first).houses for s in stays]
    shared = set.intersection(*({(h.id, h.least, h.most) for h in houses} for houses in windows))
    return [h for h in windows[0] if (h.id, h.least, h.most) in shared and h.least <= h.most]


def fairest(houses: list[House], men: int, women: int, income: Income) -> tuple[Groups, Groups] | None:
    """Guests per household at the least squared income per bed; None when they do not fit."""
    cost = np.full((men + 1, women + 1), np.inf)
    cost[0, 0] = 0.0
    choices = []
    for house in houses:
        best, choice = cost.copy(), np.zeros(cost.shape, dtype=np.int16)
        for guests in range(house.least, house.most + 1):
            rise = income.rise(house.id, guests)
            for axis, sign in ((0, 1), (1, -1)):
                if guests > cost.shape[axis] - 1:
                    continue
                target = (slice(guests, None), slice(None)) if axis == 0 else (slice(None), slice(guests, None))
                source = (slice(None, -guests), slice(None)) if axis == 0 else (slice(None), slice(None, -guests))
                better = cost[source] + rise < best[target]
                best[target] = np.where(better, cost[source] + rise, best[target])
                choice[target] = np.where(better, sign * guests, choice[target])
        cost = best
        choices.append(choice)
    if not np.isfinite(cost[men, women]):
        return None
    groups: tuple[Groups, Groups] = ([], [])
    for house, choice in zip(reversed(houses), reversed(choices), strict=True):
        guests = int(choice[men, women])
        if guests > 0:
            groups[0].append((house, guests))
            men -= guests
        elif guests < 0:
            groups[1].append((house, -guests))
            women += guests
    return groups[0][::-1], groups[1][::-1]


def _divide(groups: Groups, sizes: list[int]) -> list[Groups] | None:
    """Divide households between classes so that each gets exactly its number of guests."""
    if len(sizes) == 1:
        return [groups]
    dead: set[tuple[int, tuple[int, ...]]] = set()

    def place(position: int, left: tuple[int, ...]) -> list[int] | None:
        if position == len(groups):
            return [] if not any(left) else None
        if (position, left) in dead:
            return None
        guests = groups[position][1]
        for number, room in enumerate(left):
            if room >= guests:
                rest = place(position + 1, (*left[:number], room - guests, *left[number + 1 :]))
                if rest is not None:
                    return [number, *rest]
        dead.add((position, left))
        return None

    owners = place(0, tuple(sizes))
    if owners is None:
        return None
    return [[group for group, owner in zip(groups, owners, strict=True) if owner == n] for n in range(len(sizes))]


def _one_by_one(houses: list[House], stays: list[Stay], income: Income) -> Given:
    """Households by kind for each class and sex, the poorest of a kind first."""
    kinds = Counter((h.least, h.most) for h in houses)
    names = tuple(sorted(kinds, key=lambda kind: (-kind[1], kind[0])))
    wanted = [(n, s, size) for n, stay in enumerate(stays) for s, size in enumerate((stay.men, stay.women)) if size]
    wanted.sort(key=lambda row: -row[2])
    taken = _counts(tuple(size for _, _, size in wanted), names, tuple(kinds[name] for name in names))
    if taken is None:  # stage 3 only lets meetings through for which this division exists
        raise RuntimeError("a meeting at a base has no households")
    left = {
        name: sorted((h for h in houses if (h.least, h.most) == name), key=lambda h: (income.per_bed(h.id), h.id))
        for name in names
    }
    result: Given = [([], []) for _ in stays]
    for (number, sex, size), counts in zip(wanted, taken, strict=True):
        chosen = []
        for name, count in zip(names, counts, strict=True):
            chosen += left[name][:count]
            left[name] = left[name][count:]
        result[number][sex].extend(_fill(chosen, size, income))
    return result


def _counts(sizes: tuple[int, ...], kinds: Ranges, counts: tuple[int, ...]) -> list[tuple[int, ...]] | None:
    if not sizes:
        return []
    for taken in fillings(sizes[0], kinds, counts):
        rest = _counts(sizes[1:], kinds, tuple(c - t for c, t in zip(counts, taken, strict=True)))
        if rest is not None:
            return [taken, *rest]
    return None


def _fill(houses: list[House], size: int, income: Income) -> Groups:
    """The least each, then one by one to whom it raises least."""
    guests = {house.id: house.least for house in houses}
    for _ in range(size - sum(guests.values())):
        open_ones = [h for h in houses if guests[h.id] < h.most]
        poorest = min(
            open_ones, key=lambda h: ((income.nights[h.id] + guests[h.id] * income.stay) / income.beds[h.id], h.id)
        )
        guests[poorest.id] += 1
    return [(house, guests[house.id]) for house in houses]
