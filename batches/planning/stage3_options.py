"""What stage 3 may choose from: for each class and fortnight the first days, sites and shares that can be kept.

An option is possible by itself in every hard rule (R09 to R13, households for men and women); what remains for the
models is how options meet: room at a base, staff, villages, load, travel.
"""

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from .places import Part, Places, Site, Window, houses_suffice
from .problem import Batch, Klass, Problem, day_number, first_days

MOST_BASES = 60  # that a group of classes is offered; a county with more is large
LEAST_SHARE = 0.2  # of a class at either of two bases, as it is usually divided
MORE = 0.15  # so much more of a class at the first of two, where it may be divided in two ways
Kind = tuple[Any, tuple[tuple[str, int], ...]]  # size of the class, or (size, week); (base, people) of the gathering
Week = tuple[str, int]  # parity and number of the fortnight


@dataclass(frozen=True)
class Option:
    """A gathering as it could be held."""

    klass: str
    index: int
    first: int
    site: Site
    parts: tuple[Part, ...]

    @property
    def people(self) -> int:
        return sum(part.people for part in self.parts)

    @property
    def kind(self) -> Kind:
        """What options have in common to whom days and classes do not matter."""
        return kind_of(self.parts)


def kind_of(parts: tuple[Part, ...]) -> Kind:
    use = tuple((part.base, part.people) for part in parts)
    return sum(people for _, people in use), use


def in_week(kind: Kind, week: Week) -> Kind:
    """The kind told with its week, as it is counted where that matters."""
    return (kind[0], week), kind[1]


def person_days(times: Mapping[Kind, int], days: int) -> Counter[str]:
    """What visits of so many days bring to each base."""
    total: Counter[str] = Counter()
    for (_, use), count in times.items():
        for base, people in use:
            total[base] += people * count * days
    return total


@dataclass(frozen=True)
class Given:
    """What a group of classes may choose from of the visits that were counted for its batch as a whole, by week.

    `first` are those that are hard to place, none when others than those counted may be chosen; `rooms` are person-days by
    base, `barred` first days at bases; `load` is what the bases had before the batch, by which classes are divided over two
    of them; `held` is how many gatherings are held; `peak` is the batch's, with its bound, `returns` those that it needs.
    """

    times: Mapping[Kind, int]
    first: Mapping[Kind, int]
    sites: tuple[Site, ...]
    rooms: Mapping[str, int]
    barred: frozenset[tuple[str, int]]
    load: Mapping[str, int]
    held: int
    peak: tuple[float, float]
    returns: int


@dataclass
class Slot:
    """A class's fortnight: its lawful first days and options."""

    klass: Klass
    index: int
    first_days: tuple[int, ...]
    options: list[Option] = field(default_factory=list)

    @property
    def week(self) -> Week:
        return self.klass.parity, self.index


@dataclass
class Stays:
    """What earlier batches and groups of classes have taken."""

    problem: Problem
    load: dict[str, int]
    held: list[Option] = field(default_factory=list)
    taken: set[tuple[str, int]] = field(default_factory=set)
    busy: set[tuple[str, int]] = field(default_factory=set)

    def add(self, options: list[Option]) -> None:
        for option in options:
            self.held.append(option)
            days = range(option.first, option.first + self.problem.days)
            for part in option.parts:
                self.load[part.base] += part.people * self.problem.days
                self.taken.update((part.base, day) for day in days)
            self.busy.update((name, day) for name in self.problem.classes[option.klass].staff for day in days)

    def allows(self, option: Option) -> bool:
        days = range(option.first, option.first + self.problem.days)
        staff = self.problem.classes[option.klass].staff
        return all(self.is_free(base, option.first) for base in option.site.bases) and not any(
            (name, day) in self.busy for name in staff for day in days
        )

    def is_free(self, base: str, first: int) -> bool:
        """Whether nobody is at the base during a gathering from `first` on."""
        return not any((base, day) in self.taken for day in range(first, first + self.problem.days))


class Chooser:
    """Makes the options of a batch's classes."""

    def __init__(
        self,
        problem: Problem,
        places: Places,
        sexes: dict[str, tuple[int, int]],
        members: Mapping[str, Collection[str]] | None = None,
    ):
        self.problem = problem
        self.places = places
        self.sexes = sexes
        self.members = {name: frozenset(people) for name, people in (members or {}).items()}
        self.before = _previous_sites(problem)
        self.out = taken_out(problem)
        asked = [tuple(sorted(pin["bases"])) for pin in problem.gathering_pins.values() if pin["bases"]]
        asked += [bases for _, bases in self.before.values()]
        self.asked = set(asked)
        largest = max((sum(pair) for pair in sexes.values()), default=0)
        self.sites = places.sites(asked, largest)
        self.load: Mapping[str, int] = places.history
        self._shares: dict[tuple[object, ...], tuple[Part, ...] | None] = {}

    @property
    def large(self) -> bool:
        """Whether there are more bases than one model can look at."""
        return len(self.places.rows) > MOST_BASES

    def slots(
        self,
        batch: Batch,
        classes: list[Klass],
        days: dict[tuple[str, int], tuple[int, ...]],
        stays: Stays,
        settled: Mapping[tuple[str, int], Option] = MappingProxyType({}),
    ) -> list[Slot]:
        """The slots of some classes, with their options; what is settled is the only option of its slot."""
        self.load = stays.load
        sites = self._least_used(classes, days, stays)
        result = self.fortnights(batch, classes, days)
        for slot in result:
            if (slot.klass.id, slot.index) in settled:
                slot.options = [settled[slot.klass.id, slot.index]]
            elif self.meets(slot):
                slot.options = self._free(slot, sites, stays)
        return result

    def slots_given(
        self,
        batch: Batch,
        classes: list[Klass],
        days: dict[tuple[str, int], tuple[int, ...]],
        stays: Stays,
        given: Given,
    ) -> list[Slot]:
        """The slots of some classes, with the visits alone that they are dealt as options."""
        self.load = given.load
        result = self.fortnights(batch, classes, days)
        for slot in filter(self.meets, result):
            options = self._options(slot, list(given.sites))
            slot.options = [
                option
                for option in options
                if in_week(option.kind, slot.week) in given.times
                and stays.allows(option)
                and not any((base, option.first) in given.barred for base in option.site.bases)
            ]
        return result

    def fortnights(
        self, batch: Batch, classes: list[Klass], days: dict[tuple[str, int], tuple[int, ...]]
    ) -> list[Slot]:
        """The slots of some classes, without options yet."""
        lawful = first_days(self.problem, batch, apart=False)
        return [
            Slot(klass, index, self._pinned(klass, index, lawful[parity, index]) or usual)
            for klass in classes
            for (parity, index), usual in sorted(days.items())
            if parity == klass.parity
        ]

    def meets(self, slot: Slot) -> bool:
        """Whether the class has people and its gathering was not taken out by hand."""
        return self.size(slot.klass.id) > 0 and (slot.klass.id, slot.index) not in self.out

    def size(self, klass: str) -> int:
        """People of a class."""
        return sum(self.sexes.get(klass, (0, 0)))

    def visits(self, slot: Slot, first: int, stays: Stays) -> list[tuple[Kind, Site]]:
        """Where a slot's class could go from a first day on, as it would be divided."""
        free = [site for site in self.sites if all(stays.is_free(base, first) for base in site.bases)]
        return [(kind_of(parts), site) for site in free for parts in self._shares_at(slot, first, site)]

    def _free(self, slot: Slot, sites: list[Site], stays: Stays) -> list[Option]:
        """A slot's options at these sites, or at all where these leave none."""
        free = [option for option in self._options(slot, sites) if stays.allows(option)]
        return free if free or len(sites) == len(self.sites) else self._free(slot, self.sites, stays)

    def _pinned(self, klass: Klass, index: int, lawful: tuple[int, ...]) -> tuple[int, ...]:
        """The day that people decided, if it is lawful by itself."""
        pin = self.problem.gathering_pins.get((klass.id, index))
        return () if pin is None else tuple(day for day in lawful if day == day_number(pin["first_day"]))

    def _least_used(
        self, classes: list[Klass], days: dict[tuple[str, int], tuple[int, ...]], stays: Stays
    ) -> list[Site]:
        """All sites, or in a large county those used least so far that can still take some of the classes."""
        if not self.large:
            return self.sites
        firsts = sorted({first for row in days.values() for first in row})
        smallest = min((n for klass in classes if (n := self.size(klass.id))), default=0)
        ranked = sorted(
            (
                site
                for site in self.sites
                if sum(self.places.holds(base, excepted=True) for base in site.bases) >= smallest
                and any(all(stays.is_free(base, first) for base in site.bases) for first in firsts)
            ),
            key=lambda site: (
                sum(stays.load[base] for base in site.bases) / sum(self.places.beds[base] for base in site.bases),
                site.bases,
            ),
        )
        chosen: set[str] = set()
        for site in ranked:
            if len(chosen) >= MOST_BASES:
                break
            chosen.update(site.bases)
        return [
            site
            for site in self.sites
            if tuple(sorted(site.bases)) in self.asked or all(base in chosen for base in site.bases)
        ]

    def _options(self, slot: Slot, sites: list[Site]) -> list[Option]:
        pin = self.problem.gathering_pins.get((slot.klass.id, slot.index))
        first_days = slot.first_days
        if pin is not None:
            first_days = tuple(day for day in first_days if day == day_number(pin["first_day"]))
            if pin["bases"]:
                sites = [site for site in sites if set(site.bases) == set(pin["bases"])]
        return [
            Option(slot.klass.id, slot.index, first, site, parts)
            for first in first_days
            for site in sites
            for parts in self._shares_at(slot, first, site)
        ]

    def _shares_at(self, slot: Slot, first: int, site: Site) -> list[tuple[Part, ...]]:
        """The divisions of a class over the bases of a site that are offered; none when it does not fit."""
        usual = self.share(slot.klass.id, slot.index, first, site)
        if usual is None or len(site.bases) == 1 or not self.places.few:
            return [] if usual is None else [usual]
        other = self.share(slot.klass.id, slot.index, first, site, MORE)
        return [usual] if other in (None, usual) else [usual, other]

    def share(self, klass: str, index: int, first: int, site: Site, more: float = 0.0) -> tuple[Part, ...] | None:
        """How a class divides over the bases of a site, or None when it does not fit; with so much `more` of it at the first
        of two than is usual."""
        men, women = self.sexes[klass]
        windows = [self.places.window(base, first, klass, index) for base in site.bases]
        if sum(window.room for window in windows) < men + women or not all(w.houses for w in windows):
            return None
        loads = tuple(self.load[base] for base in site.bases)
        key = (men, women, site.bases, loads, more, *((w.room, w.ranges) for w in windows))
        if key not in self._shares:
            self._shares[key] = self._divide(men, women, site, windows, more)
        return self._shares[key]

    def _divide(self, men: int, women: int, site: Site, windows: list[Window], more: float) -> tuple[Part, ...] | None:
        if len(windows) == 1:
            return (Part(site.bases[0], men, women),) if self.places.fits(windows[0], men, women) else None
        size = men + women
        target = self._level_share(size, site.bases) + more * size
        ranges = [tuple(r for r in w.ranges if r[0] <= r[1]) for w in windows]
        low, high = max(1, size - windows[1].room), min(size - 1, windows[0].room)
        for here in sorted(range(low, high + 1), key=lambda n: (abs(n - target), n)):
            fair = here * women / size
            for some in sorted(range(max(0, here - men), min(women, here) + 1), key=lambda w: (abs(w - fair), w)):
                if abs(some - fair) > 6:
                    break
                if houses_suffice((here - some, some), ranges[0]) and houses_suffice(
                    (men - here + some, women - some), ranges[1]
                ):
                    return (
                        Part(site.bases[0], here - some, some),
                        Part(site.bases[1], men - here + some, women - some),
                    )
        return None

    def _level_share(self, size: int, bases: tuple[str, ...]) -> float:
        """People at the first of two bases: by beds, or where a full house's load lies between them, what levels it."""
        one, two = bases
        beds, days = (self.places.beds[one], self.places.beds[two]), self.problem.days
        even = (beds[0] * (self.load[two] + days * size) - beds[1] * self.load[one]) / (days * sum(beds))
        usual, least = size * beds[0] / sum(beds), LEAST_SHARE * size
        if abs(self.load[one] / beds[0] - self.load[two] / beds[1]) <= days:
            return usual
        return min(max(even, least), size - least)


def taken_out(problem: Problem) -> set[tuple[str, int]]:
    """Fortnights that people took out of the previous plan by hand: they stay out unless a pin brings them back."""
    rows = () if problem.previous is None else problem.previous["gatherings"]
    return {
        (row["class"], row["index"])
        for row in rows
        if row.get("skipped") == "withdrawn" and (row["class"], row["index"]) not in problem.gathering_pins
    }


def _previous_sites(problem: Problem) -> dict[tuple[str, int], tuple[int, tuple[str, ...]]]:
    """Gathering -> (first day, bases sorted) of the previous plan."""
    if problem.previous is None:
        return {}
    return {
        (row["class"], row["index"]): (day_number(row["first_day"]), tuple(sorted(s["base"] for s in row["sites"])))
        for row in problem.previous["gatherings"]
        if "skipped" not in row
    }
