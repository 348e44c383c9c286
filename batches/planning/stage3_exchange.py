"""Stage 3, last of all: gatherings exchanged where a base's households would stay far apart.

Where the guests of the year cannot bring a base's households within the limit of income, or do not where the base is mostly
full and so pays all alike, gatherings with fewer people there are looked for: divided with a neighbour, or of a smaller
class, by themselves or in the place of others that go elsewhere; on their own days, with the fewest kilometres more, until
the households come within the limit. Gatherings held, villages, returns and the peak load stay as they are, and lasting
households elsewhere end no further apart than the limit, or than they did. Nothing is exchanged in a plan that follows a
previous one, whose gatherings stay, nor what is pinned, nor where the limit is not reached.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice, pairwise

from .control import Control
from .places import Part, Site, places_of
from .problem import Problem, sex_counts
from .stage3_options import LEAST_SHARE, MORE, Chooser, Option, Stays
from .stage4_households import Income, Stay, Year, common_houses, lasting_houses, meetings, spread
from .stage4_income import ENOUGH, least_range
from .stage4_keep import Keeper
from .stage4_lodging import house_base

COMING = 5  # ways to come with one number of guests,
LEAVING = 3  # and for each gathering there to go elsewhere, that are tried together: the shortest
TRIES = 100  # exchanges of a base that are looked at, the shortest first; by sums of guests,
GIVEN_OUT = 12  # and so many of them by giving out its households:
SHORTEST = 6  # these, and the shortest with other numbers of guests
ROUNDS = 3  # exchanges of one base, one after another
TILTS = (0.0, MORE, -MORE)
Key = tuple[str, int]
Change = dict[Key, Option]
Spot = tuple[str, int]  # base and day


@dataclass(frozen=True)
class Exchanged:
    """Gatherings in their new places, kilometres more (fewer: negative), and changes of route more."""

    held: list[Option] = field(default_factory=list)
    km: float = 0.0
    route_changes: int = 0


def exchange(
    problem: Problem, members: dict[str, list[str]], held: list[Option], seed: int, control: Control
) -> Exchanged:
    """The exchanges among the gatherings of all batches; `members` by class. Raises Stopped when asked to stop."""
    if problem.previous is not None or problem.days < 2:  # who stays no night earns nobody anything
        return Exchanged()
    year = Gatherings(problem, members, held, seed, control)
    before = dict(year.held)
    bases = sorted(year.at)
    for number, base in enumerate(bases):
        control.step(3, number / len(bases), "调换个别集中")
        year.relieve(base)
    changed = [key for key in sorted(before) if year.held[key] != before[key]]
    km, routes = year.cost({key: before[key] for key in changed})  # of going back
    return Exchanged([year.held[key] for key in changed], -km, -routes)


class Gatherings:
    """All gatherings of the year, and what they come to at the bases."""

    def __init__(
        self, problem: Problem, members: dict[str, list[str]], held: list[Option], seed: int, control: Control
    ):
        self.problem, self.seed, self.control = problem, seed, control
        self.places = places_of(problem)
        self.before = Income(problem)
        self.limit = ENOUGH * self.before.stay
        self.held: Change = {(option.klass, option.index): option for option in held}
        stays = Stays(problem, {base: self.places.history[base] for base in self.places.rows})
        stays.add(held)
        self.load = stays.load
        self.taken = Counter(spot for option in held for spot in self._spots(option))
        self.at: dict[str, set[Key]] = defaultdict(set)
        for key, option in self.held.items():
            for base in option.site.bases:
                self.at[base].add(key)
        self.members = members
        self._known: dict[str, float] = {}

    @cached_property
    def chooser(self) -> Chooser:
        """Where the classes of all batches fit."""
        sexes = {name: sex_counts(self.problem, people) for name, people in self.members.items()}
        chooser = Chooser(self.problem, self.places, sexes, self.members)
        chooser.load = self.load
        return chooser

    @cached_property
    def peak(self) -> float:
        """The load of the fullest base; an exchange does not raise it."""
        return max(self.load[base] / self.places.beds[base] for base in self.places.able())

    def far_apart(self, base: str) -> bool:
        """Whether the base's lasting households do not come within the limit by the guests they have."""
        lasting = lasting_houses(self.places, base)
        if not self.at[base] or len(lasting) < 2:
            return False
        if self._crowded(base):
            return self._now(base) > self.limit + 1e-9
        # with places to choose from, what begins within the limit is given out so that it stays there
        return spread(self.before, lasting) > self.limit and not self._suffices(base, {})

    def _crowded(self, base: str) -> bool:
        """Whether at most of the base's gatherings no household can be left out, so that incomes follow from the guests."""
        here = self._meetings(base, {})
        full = sum(
            sum(house.most for house in common_houses(self.places, stays))
            - sum(stay.men + stay.women for stay in stays)
            < self.problem.group_min
            for stays in here
        )
        return 2 * full > len(here)

    def relieve(self, base: str) -> None:
        """Exchange gatherings one after another until the base's households come within the limit; none where they do not."""
        if not self.far_apart(base):
            return
        before: Change = {}
        for _ in range(ROUNDS):
            change = self.relief(base)
            if not change:
                break
            before = {key: self.held[key] for key in change} | before
            self.take(change)
            if self._now(base) <= self.limit + 1e-9:
                return
        self.take(before)

    def relief(self, base: str) -> Change:
        """The exchange of the fewest kilometres that brings the base's households within the limit, else the one that brings
        them closest of those tried; empty: none brings them closer."""

        def length(way: Change) -> tuple[float, int, list[Key]]:
            km, routes = self.cost(way)
            return round(km, 3), routes, sorted(way)

        lawful = list(islice(filter(self._lawful, sorted(self._ways(base), key=length)), TRIES))
        closest, best = self._now(base), {}
        for change in self._varied(base, [way for way in lawful if self._suffices(base, way)] or lawful):
            self.control.step(3, None, "调换个别集中")
            ends = self._ends(base, change)
            if ends < closest - 1e-9 and self._spares_others(base, change):
                closest, best = ends, change
                if ends <= self.limit + 1e-9:
                    break
        return best

    def _varied(self, base: str, ways: list[Change]) -> list[Change]:
        """The shortest ways, and the shortest with other numbers of guests: what a few more do, others may not."""
        chosen, numbers = ways[:SHORTEST], {self._guests(base, way) for way in ways[:SHORTEST]}
        for way in ways[SHORTEST:]:
            number = self._guests(base, way)
            if number not in numbers and len(chosen) < GIVEN_OUT:
                numbers.add(number)
                chosen.append(way)
        return chosen

    def _guests(self, base: str, change: Change) -> tuple[int, ...]:
        """What the gatherings of a change bring the base, and took from it."""
        return tuple(
            sorted(_people(option, base) for key, option in change.items())
            + sorted(-_people(self.held[key], base) for key in change)
        )

    def _spares_others(self, base: str, change: Change) -> bool:
        """Whether the households of other bases end no further apart than the limit, or than they do now."""
        return all(
            self._ends(name, change) <= max(self.limit, self._now(name)) + 1e-9
            for name in sorted(self._touched(change) - {base})
        )

    def cost(self, change: Change) -> tuple[float, int]:
        """Kilometres and changes of route more than without the change."""
        km = sum(option.site.km - self.held[key].site.km for key, option in change.items())
        routes = sum(
            _route_changes(self._of_class(name, change)) - _route_changes(self._of_class(name, {}))
            for name in {name for name, _ in change}
        )
        return km, routes

    def take(self, change: Change) -> None:
        """The change as what is held."""
        for base in self._touched(change):
            self._known.pop(base, None)
        for key, option in change.items():
            for gone, times in ((self.held[key], -1), (option, 1)):
                for part in gone.parts:
                    self.load[part.base] += times * part.people * self.problem.days
                    (self.at[part.base].add if times > 0 else self.at[part.base].discard)(key)
                for spot in self._spots(gone):
                    self.taken[spot] += times
            self.held[key] = option

    def _ways(self, base: str) -> Iterator[Change]:
        """A gathering that comes with fewer people than the largest there; by itself, or in the place of one that leaves."""
        elsewhere = [site for site in self.chooser.sites if base not in site.bases]
        going = {
            key: self._shortest((o for o in self._options(key, elsewhere, (0.0,)) if not self._in_the_way(o)), LEAVING)
            for key in self._movable(self.at[base])
        }
        freed = {key: set(self._spots(self.held[key])) for key in going}
        for come in self._coming(base, freed):
            blocked = self._in_the_way(come)
            if not blocked:
                yield {(come.klass, come.index): come}
            for key, options in going.items():
                if key != (come.klass, come.index) and blocked <= freed[key]:
                    yield from ({(come.klass, come.index): come, key: leave} for leave in options)

    def _coming(self, base: str, freed: dict[Key, set[Spot]]) -> Iterator[Option]:
        """The shortest ways to come for each number of guests, where one gathering at most has to leave for it."""
        most = max(_people(self.held[key], base) for key in self.at[base])
        around = [self.places.site((base,)), *self.places.pairs_of(base)]
        by_guests: dict[int, list[Option]] = defaultdict(list)
        for key in self._movable(self.held):
            for option in self._options(key, around, TILTS):
                if _people(option, base) < most:
                    blocked = self._in_the_way(option)
                    if not blocked or any(blocked <= spots for spots in freed.values()):
                        by_guests[_people(option, base)].append(option)
        for _, options in sorted(by_guests.items()):
            yield from self._shortest(options, COMING)

    def _in_the_way(self, option: Option) -> set[Spot]:
        """Days of bases that others than the gathering itself have."""
        own = set(self._spots(self.held[option.klass, option.index]))
        return {spot for spot in self._spots(option) if self.taken[spot] > (spot in own)}

    def _movable(self, keys: Iterable[Key]) -> list[Key]:
        return sorted(key for key in keys if key not in self.problem.gathering_pins)

    def _options(self, key: Key, sites: list[Site], tilts: tuple[float, ...]) -> Iterator[Option]:
        """The gathering on its days at one site or another, divided in one way or another."""
        first = self.held[key].first
        for site in sites:
            for more in tilts if len(site.bases) > 1 else (0.0,):
                parts = self.chooser.share(*key, first, site, more)
                if parts is not None and _is_even_enough(parts):
                    yield Option(*key, first, site, parts)

    def _shortest(self, options: Iterable[Option], most: int) -> list[Option]:
        """Of the options whose class sees as many villages as now, so many with the fewest kilometres more."""
        cost = {
            option: self.cost({(option.klass, option.index): option})
            for option in options
            if self._sees_alike({(option.klass, option.index): option})
        }
        return sorted(cost, key=lambda o: (round(cost[o][0], 3), cost[o][1], o.klass, o.index, o.site.bases))[:most]

    def _lawful(self, change: Change) -> bool:
        """Whether bases are free on the days, no base is loaded above the peak, and classes see as many villages."""
        taken = Counter(spot for option in change.values() for spot in self._spots(option))
        gone = Counter(spot for key in change for spot in self._spots(self.held[key]))
        if any(taken[spot] > 1 or self.taken[spot] > gone[spot] for spot in taken):
            return False
        added: Counter[str] = Counter()
        for key, option in change.items():
            added.update({part.base: part.people for part in option.parts})
            added.subtract({part.base: part.people for part in self.held[key].parts})
        days = self.problem.days
        return self._sees_alike(change) and all(
            people <= 0 or (self.load[base] + people * days) / self.places.beds[base] <= self.peak + 1e-9
            for base, people in added.items()
        )

    def _sees_alike(self, change: Change) -> bool:
        demand = self.problem.rules["min_distinct_villages"]
        return all(
            _villages(self._of_class(name, change), demand) == _villages(self._of_class(name, {}), demand)
            for name in {name for name, _ in change}
        )

    def _of_class(self, name: str, change: Change) -> list[Option]:
        """A class's gatherings in order, with a change."""
        return [change.get(key, self.held[key]) for key in self._keys[name]]

    @cached_property
    def _keys(self) -> dict[str, list[Key]]:
        result: dict[str, list[Key]] = defaultdict(list)
        for key in sorted(self.held):
            result[key[0]].append(key)
        return result

    def _touched(self, change: Change) -> set[str]:
        """Bases that get other guests."""
        return {base for key, option in change.items() for base in (*option.site.bases, *self.held[key].site.bases)}

    def _held_at(self, base: str, change: Change) -> list[Option]:
        keys = (self.at[base] - change.keys()) | {key for key, option in change.items() if base in option.site.bases}
        return [change.get(key, self.held[key]) for key in sorted(keys)]

    def _meetings(self, base: str, change: Change) -> list[list[Stay]]:
        return [stays for stays in meetings(self.problem, self._held_at(base, change)) if stays[0].base == base]

    def _suffices(self, base: str, change: Change) -> bool:
        """Whether the base's guests add up to incomes within the limit, with a change."""
        here = self._meetings(base, change)
        year = Year(self.places, Income(self.problem, base), here, [], [])
        return bool(here) and least_range(year, self.problem) <= self.limit + 1e-9

    def _now(self, base: str) -> float:
        """How far apart the base's lasting households end as it stands."""
        if base not in self._known:
            self._known[base] = self._ends(base, {})
        return self._known[base]

    def _ends(self, base: str, change: Change) -> float:
        """How far apart the base's lasting households end, given out as they will be."""
        income, lasting = Income(self.problem, base), lasting_houses(self.places, base)
        held = self._held_at(base, change)
        if held and len(lasting) > 1:
            row = house_base(self.problem, base, held, Keeper(self.problem, {}), self.seed, Control())
            income.nights.update({name: nights - income.nights[name] for name, nights in row["nights"].items()})
        return spread(income, lasting) if len(lasting) > 1 else 0.0

    def _spots(self, option: Option) -> list[Spot]:
        days = range(option.first, option.first + self.problem.days)
        return [(base, day) for base in option.site.bases for day in days]


def _people(option: Option, base: str) -> int:
    return sum(part.people for part in option.parts if part.base == base)


def _is_even_enough(parts: tuple[Part, ...]) -> bool:
    """Whether no base of a divided class gets a mere handful."""
    return len(parts) == 1 or min(part.people for part in parts) >= LEAST_SHARE * sum(part.people for part in parts)


def _route_changes(options: list[Option]) -> int:
    return sum(not one.site.routes & two.site.routes for one, two in pairwise(options))


def _villages(options: list[Option], demand: int) -> tuple[int, int]:
    """(villages short of the demand, returns) of a class."""
    seen = Counter(village for option in options for village in option.site.villages)
    return max(0, demand - len(seen)), seen.total() - len(seen)
