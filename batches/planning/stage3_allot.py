"""A batch of a large county counted as a whole, and its visits dealt to the groups of classes that are planned together.

What each group of a few classes does best by itself leaves the last groups a rest that does not come out even. So HiGHS
counts how often each site is used by all classes of the batch, at all bases: for the lowest peak load, then the fewest
returns and kilometres; and in which week. A group chooses from what is left, what is hard to place first.
"""

from collections import Counter
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

from .places import Site
from .problem import Batch, Klass
from .stage3_bounds import forced_skips, poured
from .stage3_model import SCALE, Round
from .stage3_options import Chooser, Given, Kind, Slot, Stays, Week, in_week, person_days
from .stage3_visits import Offers, Visits

Days = dict[Week, tuple[int, ...]]
Choice = tuple[Slot, dict[Kind, Site]]


@dataclass(frozen=True)
class Group:
    """How many gatherings some classes hold by size of class and week, and how many of these could have which visit."""

    classes: int
    wanted: Counter[tuple[int, Week]]
    able: Counter[Kind]


@dataclass
class Allotment:
    """The visits of a batch, for one group after another; those that are not used yet are `left`.

    `groups` are those that are not planned yet; in the `order` visits that are hard to place come first; `barred` are first
    days that would leave gaps at a base. `held` gatherings are counted, `peak` is their load with its bound; below it are
    the bounds of returns and kilometres.
    """

    left: Counter[Kind]
    order: list[Kind]
    groups: list[Group]
    site: Mapping[Kind, Site]
    barred: frozenset[tuple[str, int]]
    visits: Visits
    held: int
    peak: tuple[float, float]
    returns: int
    km: float

    def sort(self, free: Mapping[tuple[str, Week], Collection[int]]) -> None:
        """What few slots can have, what is at a base with few stays free that week, or in a village that most classes must
        see, is hard to place."""
        able = sum((group.able for group in self.groups), Counter())
        classes = sum(group.classes for group in self.groups)
        used = Counter((base, week) for (_, week), use in self.left.elements() for base, _ in use)
        seen = Counter(village for kind in self.left.elements() for village in self.site[kind].villages)

        def pressure(kind: Kind) -> float:
            (_, week), use = kind
            bases = [used[base, week] / max(1, len(free[base, week])) for base, _ in use]
            villages = [seen[village] / classes for village in self.site[kind].villages]
            return max(self.left[kind] / max(1, able[kind]), *bases, *villages)

        pressures = {kind: pressure(kind) for kind in self.order}
        self.order.sort(key=lambda kind: (-pressures[kind], kind))

    def given(self) -> Given:
        """What the next group may choose from: twice of what it wants, the first half of which is hard to place."""
        times = self._dealt(2)
        return self._given(times, self._bring(times), self._dealt(1), self.peak)

    def spared(self, load: Mapping[str, int], peak: tuple[float, float]) -> Given:
        """The same, of all that finds room below a peak once the groups after it have theirs."""
        reserved, round_ = self.reserved(), self.visits.round
        rooms = {}
        for base, before in round_.load.items():
            rooms[base] = max(0, round_.room(base, peak[0]) + before - load[base] - reserved[base])
        fits = {}
        for kind in sorted(self.groups[0].able):
            count = min(rooms[base] // (people * round_.problem.days) for base, people in kind[1])
            if count:
                fits[kind] = count
        return self._given(fits, rooms, {}, peak)

    def _given(
        self,
        times: Mapping[Kind, int],
        rooms: Mapping[str, int],
        first: Mapping[Kind, int],
        peak: tuple[float, float],
    ) -> Given:
        sites = {self.site[kind] for kind in times}
        ordered = tuple(sorted(sites, key=lambda site: site.bases))
        held = self.groups[0].wanted.total()
        return Given(times, first, ordered, rooms, self.barred, self.visits.round.load, held, peak, self.returns)

    def _dealt(self, shares: int) -> Counter[Kind]:
        """So many times of what the next group wants, as far as it is left; each of its classes sees a village once."""
        group = self.groups[0]
        result: Counter[Kind] = Counter()
        seen: Counter[str] = Counter()
        wanted = {key: shares * count for key, count in group.wanted.items()}
        for kind in self.order:
            villages = self.site[kind].villages
            unseen = min(group.classes - seen[village] for village in villages)
            count = min(self.left[kind], group.able[kind], wanted.get(kind[0], 0), max(0, unseen))
            if count:
                result[kind] = count
                wanted[kind[0]] -= count
                seen.update(dict.fromkeys(villages, count))
        return result

    def take(self, times: Mapping[Kind, int] | None) -> None:
        """The next group is planned, with these visits; None: with others, and those meant for it are given up."""
        self.left -= Counter(self._dealt(1) if times is None else times)
        self.groups.pop(0)

    def reserved(self) -> Counter[str]:
        """Person-days at the bases that the groups after the next one need."""
        return self._bring(self.left - self._dealt(1))

    def bounds(self, peak: float, returns: int) -> tuple[int, float]:
        """Bounds of returns and kilometres below the peak that the batch came to, the latter with so many returns."""
        if peak <= self.peak[0] + 1 / SCALE and returns <= self.returns:
            return self.returns, self.km
        self.visits.hold_peak(max(peak, self.peak[0]))
        return int(self.visits.least_returns().bound), self.visits.least_km(returns).bound

    def _bring(self, times: Mapping[Kind, int]) -> Counter[str]:
        return person_days(times, self.visits.round.problem.days)


def allot(
    chooser: Chooser,
    batch: Batch,
    groups: list[list[Klass]],
    days: Days,
    stays: Stays,
    seed: int,
    pause: Callable[[], None],
) -> Allotment | None:
    """The batch's visits for groups of its classes; None where people pinned its gatherings, or nothing can be counted.

    `pause` is called between two programmes.
    """
    problem = chooser.problem
    names = {klass.id for klass in batch.classes}
    if any(name in names for name, _ in problem.gathering_pins):
        return None
    chooser.load = load = dict(stays.load)
    choices = _choices(chooser, batch, groups, days, stays, seed)
    held = sum(map(len, choices))
    if not held:
        return None
    offers, coarse = Offers(), Offers()
    for slot, sites in (choice for rows in choices for choice in rows):
        coarse.add(slot.klass.id, sites)
        offers.add(slot.klass.id, {in_week(kind, slot.week): site for kind, site in sites.items()})
    round_ = Round(problem, chooser.places, [], load, {})
    visits = Visits(round_, held, offers)
    free = free_stays(chooser, visits.bases, days, stays)
    visits.limit({key: len(firsts) for key, firsts in free.items()})
    people = sum(chooser.size(slot.klass.id) for rows in choices for slot, _ in rows)
    water = poured([(load[base], chooser.places.beds[base]) for base in visits.bases], people * problem.days)
    least = Visits(round_, held, coarse).lowest_peak(water, pause)  # few columns, so that nearly all is proven
    found = least if least.times is None else visits.lowest_peak(least.value, pause)
    if found.times is None:
        return None
    returns, shortest = visits.shortest()
    times = Counter(shortest.times or found.times)
    peak = visits.peak_of(times)
    return Allotment(
        left=times,
        order=sorted(times),
        groups=[
            Group(
                len(classes),
                Counter((chooser.size(slot.klass.id), slot.week) for slot, _ in rows),
                Counter(in_week(kind, slot.week) for slot, sites in rows for kind in sites),
            )
            for classes, rows in zip(groups, choices, strict=True)
        ],
        site=offers.site,
        barred=_barred(times, days, free),
        visits=visits,
        held=held,
        peak=(peak, min(peak, least.bound if found.value <= least.value else found.bound)),
        returns=returns,
        km=shortest.bound,
    )


def _choices(
    chooser: Chooser, batch: Batch, groups: list[list[Klass]], days: Days, stays: Stays, seed: int
) -> list[list[Choice]]:
    """For each group the slots that will be held, and where each could go: one division of a class over a site, the one
    that most days allow, unless a slot has no other."""
    problem = chooser.problem
    known: dict[object, list[tuple[Kind, Site]]] = {}
    rows: list[list[tuple[Slot, Counter[tuple[Kind, Site]]]]] = []
    for classes in groups:
        rows.append([])
        for slot in filter(chooser.meets, chooser.fortnights(batch, classes, days)):
            own = (slot.klass.id, slot.index) if problem.waived else ()  # exceptions are granted one by one
            found: Counter[tuple[Kind, Site]] = Counter()
            for first in slot.first_days:
                key = (chooser.sexes[slot.klass.id], first, own)
                if key not in known:
                    known[key] = chooser.visits(slot, first, stays)
                found.update(known[key])
            if found:
                rows[-1].append((slot, found))
    total = sum((found for group in rows for _, found in group), Counter())
    usual: dict[tuple[int, Site], Kind] = {}
    for (kind, site), _ in total.most_common():
        usual.setdefault((kind[0], site), kind)
    result = []
    for group in rows:
        choices = []
        for slot, found in group:
            sites = {kind: site for kind, site in found if usual[kind[0], site] == kind} or dict(found)
            choices.append((slot, sites))
        skipped = set(forced_skips([slot for slot, _ in choices], problem.days, seed)[1])
        result.append([row for place, row in enumerate(choices) if place not in skipped])
    return result


def free_stays(chooser: Chooser, bases: Collection[str], days: Days, stays: Stays) -> dict[tuple[str, Week], list[int]]:
    """First days on which each base could have one class after another in a week, as often as can be."""
    result: dict[tuple[str, Week], list[int]] = {(base, week): [] for base in bases for week in days}
    firsts = sorted((first, week) for week, row in days.items() for first in row)
    for base in bases:
        until = 0
        for first, week in firsts:
            if first >= until and stays.is_free(base, first) and chooser.places.window(base, first).houses:
                result[base, week].append(first)
                until = first + chooser.problem.days
    return result


def _barred(
    times: Counter[Kind], days: Days, free: Mapping[tuple[str, Week], Collection[int]]
) -> frozenset[tuple[str, int]]:
    """First days that a base must not use in weeks with as many visits as can be one after another."""
    used = Counter((base, week) for (_, week), use in times.elements() for base, _ in use)
    return frozenset(
        (base, first)
        for (base, week), count in used.items()
        if count > 1 and count >= len(free[base, week])
        for first in days[week]
        if first not in free[base, week]
    )
