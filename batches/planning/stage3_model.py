"""A group of classes that is planned together: the rows that its options share, and their CP-SAT model."""

import math
from collections import Counter, defaultdict
from dataclasses import dataclass, field

from ortools.sat.python import cp_model

from .places import Places
from .problem import Problem
from .stage3_bounds import poured
from .stage3_options import Given, Kind, Option, Slot, in_week

SCALE = 10_000
Row = tuple[list[tuple[int, int]], int]  # (option, people) terms and their upper limit


@dataclass
class Round:
    """One group of classes that is planned together; `whole`: all classes of the batch, with all bases; `given`: the visits
    that it is dealt of those counted for the batch."""

    problem: Problem
    places: Places
    slots: list[Slot]
    load: dict[str, int]
    before: dict[tuple[str, int], tuple[int, tuple[str, ...]]]
    clashes: list[list[int]] = field(default_factory=list)
    alone: bool = False
    whole: bool = True
    given: Given | None = None

    def __post_init__(self) -> None:
        self.options: list[Option] = [option for slot in self.slots for option in slot.options]
        self.of_slot: list[list[int]] = []
        start = 0
        for slot in self.slots:
            self.of_slot.append(list(range(start, start + len(slot.options))))
            start += len(slot.options)
        self.at: dict[str, list[tuple[int, int]]] = defaultdict(list)
        for number, option in enumerate(self.options):
            for part in option.parts:
                self.at[part.base].append((number, part.people))

    def rows(self) -> list[Row]:
        """Room at the bases by day and night (R13), staff (R19), and sets of options found to clash."""
        rows = [*self._room(), *self._staff()]
        rows += [([(number, 1) for number in clash], len(clash) - 1) for clash in self.clashes]
        return rows

    def _room(self) -> list[Row]:
        rows: list[Row] = []
        for base, numbers in sorted(self.at.items()):
            by_day: dict[int, list[tuple[int, int]]] = defaultdict(list)
            for number, people in numbers:
                for day in range(self.options[number].first, self.options[number].first + self.problem.days):
                    by_day[day].append((number, people))
            for day, terms in sorted(by_day.items()):
                if len({self.options[n].klass for n, _ in terms}) < 2:
                    continue
                if self.alone:
                    rows.append(([(n, 1) for n, _ in terms], 1))
                    continue
                rows.append((terms, self.places.day_room(base, day)))
                nights = [(n, p) for n, p in terms if day < self.options[n].first + self.problem.days - 1]
                if nights:
                    rows.append((nights, self.places.night_room(base, day)))
        return rows

    def _staff(self) -> list[Row]:
        with_classes: dict[str, set[str]] = defaultdict(set)
        for slot in self.slots:
            for name in slot.klass.staff:
                with_classes[name].add(slot.klass.id)
        rows: list[Row] = []
        for _, classes in sorted((n, c) for n, c in with_classes.items() if len(c) > 1):
            by_day: dict[int, list[tuple[int, int]]] = defaultdict(list)
            for number, option in enumerate(self.options):
                if option.klass in classes:
                    for day in range(option.first, option.first + self.problem.days):
                        by_day[day].append((number, 1))
            rows.extend((terms, 1) for _, terms in sorted(by_day.items()))
        return rows

    def villages(self) -> dict[str, dict[str, list[int]]]:
        """Class -> village -> options that bring it there."""
        result: dict[str, dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
        for number, option in enumerate(self.options):
            for village in sorted(option.site.villages):
                result[option.klass][village].append(number)
        return result

    def room(self, base: str, peak: float) -> int:
        """Person-days that a base can still take below a peak load."""
        below = max(0, math.floor(peak * self.places.beds[base] - self.load[base] + 0.5 / SCALE))
        return below if self.given is None else min(below, self.given.rooms.get(base, 0))

    def peak(self, chosen: list[int | None]) -> float:
        """The peak load among the bases that a choice uses."""
        added: Counter[str] = Counter()
        for number in chosen:
            for part in () if number is None else self.options[number].parts:
                added[part.base] += part.people * self.problem.days
        return max(((self.load[base] + n) / self.places.beds[base] for base, n in added.items() if n), default=0.0)

    def visit(self, number: int) -> Kind:
        """The kind of an option with its week."""
        option = self.options[number]
        return in_week(option.kind, (self.problem.classes[option.klass].parity, option.index))

    def kept(self, number: int) -> bool:
        """Whether the option is what the previous plan had."""
        option = self.options[number]
        return self.before.get((option.klass, option.index)) == (option.first, tuple(sorted(option.site.bases)))


@dataclass
class Settled:
    """What the first levels came to: one option or None per slot, with values and bounds.

    `keep` is how many gatherings of a previous plan must stay as they were. `returns` and `km` bound the journeys below
    the peak; `shortest`: what is chosen has no more kilometres than were counted.
    """

    chosen: list[int | None]
    skips: tuple[int, int]
    short: dict[str, int]
    short_bound: int
    changes: tuple[int, int]
    peak: tuple[float, float]
    keep: int = 0
    returns: int = 0
    km: float = 0.0
    shortest: bool = False

    def forced(self, round_: Round) -> bool:
        """Whether every slot has one option or none, and each that has one has it."""
        return all(
            numbers == ([] if n is None else [n]) for n, numbers in zip(self.chosen, round_.of_slot, strict=True)
        )


class Model:
    """CP-SAT over the options of a round."""

    def __init__(self, round_: Round):
        self.round = round_
        self.model = cp_model.CpModel()
        self.x = [self.model.new_bool_var("") for _ in round_.options]
        self.skip = []
        for numbers in round_.of_slot:
            skip = self.model.new_bool_var("")
            self.model.add_exactly_one([*(self.x[n] for n in numbers), skip])
            self.skip.append(skip)
        for terms, most in round_.rows():
            if all(weight == 1 for _, weight in terms) and most == 1:
                self.model.add_at_most_one([self.x[n] for n, _ in terms])
            else:
                self.model.add(sum(weight * self.x[n] for n, weight in terms) <= most)
        self.short = self._villages()

    def _villages(self) -> dict[str, cp_model.IntVar]:
        demand = self.round.problem.rules["min_distinct_villages"]
        result = {}
        villages = self.round.villages()
        for name in sorted({slot.klass.id for slot in self.round.slots}):
            if self.round.problem.is_waived("R14", name):
                continue
            result[name] = self.model.new_int_var(0, demand, "")
            seen = []
            for _, numbers in sorted(villages.get(name, {}).items()):
                here = self.model.new_bool_var("")
                self.model.add_bool_or([*(self.x[n] for n in numbers), here.negated()])
                seen.append(here)
            self.model.add(sum(seen) + result[name] >= demand)
        return result

    def load(self, floor: float) -> cp_model.IntVar:
        """The peak of (history + new person-days) / beds among the bases used, times SCALE."""
        round_ = self.round
        peak = self.model.new_int_var(int(floor * SCALE), 10**9, "")
        for base, numbers in sorted(round_.at.items()):
            beds, days = round_.places.beds[base], round_.problem.days
            added = sum(days * people * self.x[n] for n, people in numbers)
            held = SCALE * (round_.load[base] + added) <= peak * beds
            if round_.load[base] <= floor * beds:
                self.model.add(held)
                continue
            used = self.model.new_bool_var("")
            for number, _ in numbers:
                self.model.add_implication(self.x[number], used)
            self.model.add(held).only_enforce_if(used)
        return peak


def water_level(round_: Round, chosen: list[int | None]) -> float:
    """The level to which the new person-days would fill the bases if they could be poured: a bound of the peak."""
    new = sum(p.people for n in chosen if n is not None for p in round_.options[n].parts) * round_.problem.days
    return poured([(round_.load[base], round_.places.beds[base]) for base in round_.at], new)


def missing_villages(round_: Round, chosen: list[int | None]) -> dict[str, int]:
    """Class -> villages short of R14's demand."""
    seen: dict[str, set[str]] = defaultdict(set)
    for slot, number in zip(round_.slots, chosen, strict=True):
        if number is not None:
            seen[slot.klass.id] |= round_.options[number].site.villages
    demand = round_.problem.rules["min_distinct_villages"]
    return {name: max(0, demand - len(seen[name])) for name in sorted({slot.klass.id for slot in round_.slots})}
