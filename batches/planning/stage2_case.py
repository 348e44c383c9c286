"""One batch as stage 2 sees it: members, classes with their sizes, unit rules and the cells to be balanced."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from math import ceil, floor

from .problem import Batch, Cadre, Klass, Problem

Seats = dict[str, str]
MARGINAL, PAIR = 1000, 100


@dataclass
class Case:
    """A batch with its members. `relaxed` names unit rules that pins make impossible; `sizes` may be set by pins."""

    problem: Problem
    batch: Batch
    members: list[Cadre]
    relaxed: set[tuple[str, ...]] = field(default_factory=set)
    forced_sizes: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.members = sorted(self.members, key=lambda c: c.id)
        self.totals = Counter(str(c.track) for c in self.members)
        self.unit_track = Counter((c.unit, str(c.track)) for c in self.members)
        self.of_unit: dict[str, list[Cadre]] = defaultdict(list)
        for cadre in self.members:
            self.of_unit[cadre.unit].append(cadre)
        self.pins = {c.id: self.problem.class_pins[c.id] for c in self.members if c.id in self.problem.class_pins}

    def holding(self, seats: Seats) -> "Case":
        """The case with people who stay where they are."""
        result = replace(self)
        result.pins = {**seats, **self.pins}
        return result

    def size_range(self, klass: Klass) -> tuple[int, int]:
        """Least and most members of a class (R04)."""
        if klass.id in self.forced_sizes:
            return self.forced_sizes[klass.id], self.forced_sizes[klass.id]
        count, total = len(self.batch.of_track(klass.track)), self.totals[klass.track]
        return total // count, -(-total // count)

    def allowed(self, cadre: Cadre) -> tuple[Klass, ...]:
        """Classes that the cadre's track, parity and pin leave."""
        classes = self.batch.of_track(str(cadre.track))
        if cadre.id in self.pins:
            return tuple(k for k in classes if k.id == self.pins[cadre.id])
        return tuple(k for k in classes if cadre.parity in (None, k.parity)) or classes

    def spread(self, unit: str, track: str) -> int | None:
        """Most people of a unit and track in one class (R02); None when it need not be kept."""
        waived = self.problem.is_waived("R02", f"{unit}@{self.batch.id}/{track}")
        if waived or ("R02", unit, track) in self.relaxed:
            return None
        return -(-self.unit_track[unit, track] // len(self.batch.of_track(track)))

    def split_units(self) -> list[tuple[str, list[Cadre], bool]]:
        """(unit, its people, whether odd and even may differ by one at most) where R03 asks something."""
        result = []
        for unit, people in sorted(self.of_unit.items()):
            waived = self.problem.is_waived("R03", f"{unit}@{self.batch.id}") or ("R03", unit) in self.relaxed
            if len(people) >= 2 and not waived:
                result.append((unit, people, all(len(self.batch.parities(c.track)) == 2 for c in people)))
        return result

    def cells(self, people: Iterable[Cadre]) -> dict[tuple[str, ...], list[Cadre]]:
        """Cell (attribute and value, or pair and joint value) -> the people it holds."""
        balance = self.problem.rules["balance"]
        result: dict[tuple[str, ...], list[Cadre]] = defaultdict(list)
        for cadre in people:
            for name in balance["attributes"]:
                result[name, cadre.values[name]].append(cadre)
            for one, two in balance["pairs"]:
                result[one, two, cadre.values[one], cadre.values[two]].append(cadre)
        return result

    def excess(self, seats: Seats) -> tuple[int, int]:
        """(marginal, pair) cells' distance from floor or ceil of their share, over all tracks."""
        sums = [0, 0]
        for track in sorted(self.totals):
            classes = self.batch.of_track(track)
            cells = self.cells(c for c in self.members if c.track == track)
            for name, people in cells.items():
                low, high = len(people) // len(classes), -(-len(people) // len(classes))
                counts = Counter(seats[c.id] for c in people)
                off = sum(max(0, counts[k.id] - high, low - counts[k.id]) for k in classes)
                sums[len(name) > 2] += off
        return sums[0], sums[1]

    def lonely(self, seats: Seats) -> int:
        """Classes with too few of a sex to fill one household (R16 could never be kept there)."""
        counts = Counter((seats[c.id], c.sex) for c in self.members)
        return sum(0 < n < self.problem.group_min for n in counts.values())

    def mean_age_range(self, seats: Seats) -> tuple[float, float]:
        """Largest less smallest mean age of the classes of a track, the worst track; and what it cannot come below, whoever
        sits in classes of these sizes."""
        worst, least = 0.0, 0.0
        for track in sorted(self.totals):
            ages: dict[str, list[int]] = defaultdict(list)
            for cadre in self.members:
                if cadre.track == track:
                    ages[seats[cadre.id]].append(cadre.age)
            means = [sum(rows) / len(rows) for rows in ages.values()]
            worst = max(worst, max(means) - min(means))
            least = max(
                least, float(closest_means([len(rows) for rows in ages.values()], sum(map(sum, ages.values()))))
            )
        return worst, min(worst, least)


def closest_means(sizes: Sequence[int], total: int) -> Fraction:
    """How little the means of groups of these sizes must differ, if they are of whole numbers that sum to the total.

    Rounding the common mean of each group up or down keeps all within 2 / smallest size: no further ends need be tried.
    """
    mean, kinds = Fraction(total, sum(sizes)), Counter(sizes)
    ends = {Fraction(floor(mean * n) + step, n) for n in kinds for step in range(-4, 6)}
    return min(
        high - low
        for low in ends
        for high in ends
        if low <= mean <= high
        and all(ceil(low * n) <= floor(high * n) for n in kinds)
        and sum(times * ceil(low * n) for n, times in kinds.items()) <= total
        and sum(times * floor(high * n) for n, times in kinds.items()) >= total
    )
