"""One batch with its classes as a plan seated them, in which groups of rules about days and places can be lifted.

The batch is cut out of the input as a small valid input of its own. A class's possible gatherings are listed as stage 3
lists them; what the other classes hold stays where the plan put it.
"""

import copy
from collections import Counter
from dataclasses import dataclass, field

from .changes import Change, apply
from .cpsat import run
from .formats import Document
from .places import Site, places_of
from .problem import Batch, Problem, class_members, day_number, day_text, first_days, sex_counts
from .stage3_itinerary import unlodged
from .stage3_model import Model, Round, missing_villages
from .stage3_options import Chooser, Slot, Stays, taken_out

Key = tuple[str, int]
PLENTY = 10_000
ROUNDS = 5
TOGETHER_LIMIT = 6.0
VIRTUAL = "x-base"


@dataclass
class Meetings:
    """What a plan holds in a batch: days and bases of every gathering."""

    days: int
    staff: dict[str, tuple[str, ...]]
    held: dict[Key, tuple[int, tuple[str, ...]]] = field(default_factory=dict)

    def others(self, klass: str) -> tuple[set[tuple[str, int]], set[tuple[str, int]]]:
        """(base, day) and (staff, day) that the other classes take."""
        taken: set[tuple[str, int]] = set()
        busy: set[tuple[str, int]] = set()
        for (name, _), (first, bases) in self.held.items():
            if name != klass:
                for day in range(first, first + self.days):
                    taken.update((base, day) for base in bases)
                    busy.update((person, day) for person in self.staff[name])
        return taken, busy


@dataclass(frozen=True)
class Outcome:
    """What a plan of a batch leaves undone: gatherings of filled classes; villages under R14, days under R15, by class."""

    skipped: frozenset[Key]
    villages: Counter[str]
    days: Counter[str]

    @classmethod
    def of(cls, problem: Problem, slots: set[Key], held: set[Key], villages: dict[str, int]) -> "Outcome":
        count = Counter(name for name, _ in slots & held)
        asked = problem.rules["min_village_days"]
        days = Counter(
            {name: max(0, asked - count[name] * problem.days) for name in sorted({name for name, _ in slots})}
        )
        return cls(frozenset(slots - held), Counter(villages), days)


class World:
    """The batch under one set of lifted rules; what is possible for its classes."""

    def __init__(self, document: Document, members: dict[str, list[str]], prefer: str):
        self.problem = Problem(document, prefer)
        self.batch: Batch = self.problem.batches[0]
        self.places = places_of(self.problem)
        self.sexes = {name: sex_counts(self.problem, people) for name, people in members.items()}
        self.chooser = Chooser(self.problem, self.places, self.sexes)
        self.days = first_days(self.problem, self.batch)
        self.out = taken_out(self.problem)

    def indexes(self, klass: str) -> list[int]:
        parity = self.problem.classes[klass].parity
        return sorted(index for side, index in self.days if side == parity)

    def first_days(self, klass: str, index: int, pins: bool) -> tuple[int, ...]:
        days = self.days.get((self.problem.classes[klass].parity, index), ())
        if (klass, index) in self.out:
            return ()
        pin = self.problem.gathering_pins.get((klass, index)) if pins else None
        return days if pin is None else tuple(day for day in days if day == day_number(pin["first_day"]))

    def sites(self, klass: str, index: int, pins: bool) -> list[Site]:
        pin = self.problem.gathering_pins.get((klass, index)) if pins else None
        if pin is None or not pin["bases"]:
            return self.chooser.sites
        return [site for site in self.chooser.sites if set(site.bases) == set(pin["bases"])]

    def fits(self, klass: str, index: int, first: int, site: Site) -> bool:
        return self.chooser.share(klass, index, first, site) is not None

    def stood(self, klass: str, index: int) -> tuple[int, Site] | None:
        """Day and bases that a plan keeps from the one before, where published gatherings come first and it still can."""
        before = self.chooser.before.get((klass, index))
        if self.problem.prefer != "kept" or before is None or before[0] not in self.first_days(klass, index, True):
            return None
        for site in self.sites(klass, index, True):
            if tuple(sorted(site.bases)) == before[1] and self.fits(klass, index, before[0], site):
                return before[0], site
        return None


class BatchCase:
    """A batch of a plan, cut out; worlds are made once for every set of lifted rules.

    `over` are the fortnights that are past, or begun, on the first day that can still be changed: what was held there was
    held, the rest can be held no more. None where that day is not known.
    """

    GROUPS = ("R11", "R09", "R12", "R13", "R16", "R17", "R10", "OUT")

    def __init__(self, document: Document, plan: Document, batch: str, prefer: str = "kept", since: str | None = None):
        row = next(row for row in document["batches"] if row["id"] == batch)
        names = {klass["id"] for klass in row["classes"]}
        seats = {seat["cadre"]: seat["class"] for seat in plan["assignments"] if seat["class"] in names}
        self.members = class_members(seats)
        self.document = _cut_out(document, row, seats)
        self.prefer = prefer
        self.since = day_number(since) if since else 0
        self.problem = Problem(self.document, prefer)
        self.batch = self.problem.batches[0]
        self.meetings = Meetings(self.problem.days, {name: self.problem.classes[name].staff for name in sorted(names)})
        for gathering in plan["gatherings"]:
            if gathering["class"] in names and "skipped" not in gathering:
                bases = tuple(site["base"] for site in gathering["sites"])
                key = (gathering["class"], gathering["index"])
                self.meetings.held[key] = (day_number(gathering["first_day"]), bases)
        self._worlds: dict[str, World] = {}
        self._together: dict[str, Outcome] = {}
        self.out = taken_out(self.problem)
        self.over = self._over(self.since) if since else frozenset[Key]()

    def _over(self, since: int) -> frozenset[Key]:
        weeks = {key for key in self.slots() if self.monday(*key) + 7 <= since}
        begun = {
            key
            for key, (first, _) in self.meetings.held.items()
            if first < since and key in self.problem.gathering_pins
        }
        return frozenset(weeks | begun)

    def slots(self) -> list[Key]:
        """Class and index of every fortnight of every class of the batch."""
        world = self.world(frozenset(), 1)
        return [(klass.id, index) for klass in self.batch.classes for index in world.indexes(klass.id)]

    def monday(self, klass: str, index: int) -> int:
        """When the week begins in which that gathering begins."""
        odd = self.problem.classes[klass].parity == "odd"
        return self.batch.monday + 7 * (2 * index - (2 if odd else 1))

    def is_gone(self, klass: str, index: int) -> bool:
        """Whether the fortnight has no gathering and gets none: it is over, or people took it out."""
        return (klass, index) in self.out or ((klass, index) in self.over and (klass, index) not in self.meetings.held)

    def size(self, klass: str) -> int:
        return len(self.members.get(klass, []))

    def stands(self, changes: tuple[Change, ...]) -> bool:
        """Whether what the plan holds in the batch is still possible after changes, gathering by gathering."""
        world = self.world(frozenset(), 1, changes)
        for (name, index), (first, bases) in self.meetings.held.items():
            if (name, index) in self.over:
                continue
            sites = [site for site in world.sites(name, index, True) if site.bases == bases]
            if first not in world.first_days(name, index, True) or not sites:
                return False
            if not world.fits(name, index, first, sites[0]):
                return False
        return True

    def now(self) -> Outcome:
        """What the plan itself leaves undone in the batch."""
        world = self.world(frozenset(), 1)
        slots = {(name, index) for name in self.members for index in world.indexes(name)}
        seen: dict[str, set[str]] = {name: set() for name in self.members}
        village = {base["id"]: base["village"] for base in self.document["bases"]}
        for (name, _), (_, bases) in self.meetings.held.items():
            seen[name] |= {village[base] for base in bases}
        asked = self.problem.rules["min_distinct_villages"]
        missing = {name: max(0, asked - len(rows)) for name, rows in seen.items()}
        return Outcome.of(self.problem, slots, set(self.meetings.held), missing)

    def fewest_held(self) -> int:
        """Gatherings of the filled class that has the fewest."""
        count = Counter(name for name, _ in self.meetings.held)
        return min((count[name] for name in self.members), default=0)

    def together(self, changes: tuple[Change, ...]) -> Outcome:
        """What is left undone when all classes of the batch are planned anew after changes, as stage 3 would."""
        key = repr(changes)
        if key not in self._together:
            self._together[key] = plan_anew(self.world(frozenset(), 1, changes), set(self.members))
        return self._together[key]

    def world(self, lifted: frozenset[str], more: int, changes: tuple[Change, ...] = ()) -> World:
        """The batch with the groups of rules lifted and changes made; `more` bases and fortnights where those are lifted."""
        groups = lifted & set(self.GROUPS)
        key = repr((sorted(groups), more if groups & {"R10", "R17"} else 0, changes))
        if key not in self._worlds:
            document = apply(self.document, changes) if changes else copy.deepcopy(self.document)
            for group in sorted(groups):
                _LIFT[group](document, more, max(map(len, self.members.values()), default=1))
            self._worlds[key] = World(document, self.members, self.prefer)
        return self._worlds[key]


def plan_anew(world: World, filled: set[str]) -> Outcome:
    """The first two levels of stage 3 for all classes of the batch; what cannot be lodged together is cut off.

    Where published gatherings come first, those that can stay leave the others what there is beside them.
    """
    problem = world.problem
    stays = Stays(problem, {base: world.places.history[base] for base in world.places.rows})
    slots = world.chooser.slots(world.batch, list(world.batch.classes), world.days, stays)
    for slot in slots:
        _keep(world, slot)
    round_ = Round(problem, world.places, [s for s in slots if s.klass.id in filled], dict(stays.load), {})
    keys = [(slot.klass.id, slot.index) for slot in round_.slots]
    held: set[Key] = set()
    missing = dict.fromkeys(sorted(filled), problem.rules["min_distinct_villages"])
    for _ in range(ROUNDS):
        model = Model(round_)
        model.model.minimize(sum(model.skip))
        answer = run(model.model, 1, TOGETHER_LIMIT)
        if not answer.found:
            break
        model.model.add(sum(model.skip) <= answer.objective)
        model.model.minimize(sum(model.short.values()))
        better = run(model.model, 1, TOGETHER_LIMIT)
        found = better if better.found else answer
        chosen = [next((n for n in row if found.true(model.x[n])), None) for row in round_.of_slot]
        clashes = unlodged(round_, chosen)
        if not clashes:
            held = {key for key, choice in zip(keys, chosen, strict=True) if choice is not None}
            missing = dict(missing_villages(round_, chosen))
            break
        round_.clashes.extend(clashes)
    return Outcome.of(problem, set(keys), held, missing)


def _keep(world: World, slot: Slot) -> None:
    """A gathering that can stay as it was published is offered as that alone."""
    stood = world.stood(slot.klass.id, slot.index)
    if stood is not None:
        day, bases = stood[0], set(stood[1].bases)
        kept = [option for option in slot.options if option.first == day and set(option.site.bases) == bases]
        slot.options = kept or slot.options


def _cut_out(document: Document, batch: Document, seats: dict[str, str]) -> Document:
    classes = {klass["id"] for klass in batch["classes"]}
    cadres = [
        {**row, "must": [], "must_not": [], "parity": None, "unavailable": []}
        for row in document["cadres"]
        if row["id"] in seats
    ]
    tracks = [
        {**track, "classes_per_batch": sum(klass["track"] == track["id"] for klass in batch["classes"])}
        for track in document["programme"]["tracks"]
    ]
    previous = document["previous"] and {**document["previous"], "assignments": [], "lodging": []}
    pins = [pin for pin in document["pins"]["gatherings"] if pin["class"] in classes]
    result: Document = {
        **document,
        "programme": {**document["programme"], "tracks": tracks},
        "cadres": cadres,
        "batches": [batch],
        "pins": {"batches": [], "classes": [], "gatherings": pins},
        "previous": previous,
    }
    return copy.deepcopy(result)


def _lift_holidays(document: Document, more: int, people: int) -> None:
    document["calendar"]["holidays"] = []


def _lift_weekdays(document: Document, more: int, people: int) -> None:
    rules = document["programme"]
    rules["start_weekdays"] = []
    rules["weekend_days"] = {"min": 0, "max": rules["gathering_days"]}


def _lift_closures(document: Document, more: int, people: int) -> None:
    for base in document["bases"]:
        base["closed"] = []
        for house in base["households"]:
            house["closed"] = []
            for room in house["rooms"]:
                room["closed"] = []


def _lift_capacity(document: Document, more: int, people: int) -> None:
    """Visitors and declared capacity; the beds that exist stay, all of them free."""
    document["other_uses"] = []
    document["programme"]["spare_beds"] = 0
    for base in document["bases"]:
        base["declared_capacity"] = max(PLENTY, base["declared_capacity"])


def _lift_groups(document: Document, more: int, people: int) -> None:
    document["programme"]["household_group"] = {"min": 1, "max": PLENTY}


def _lift_beds(document: Document, more: int, people: int) -> None:
    """As many more bases as are asked for, each in a village of its own and large enough."""
    beds = document["programme"]["household_group"]
    least, most = beds["min"], max(beds["max"], beds["min"])
    for number in range(1, more + 1):
        name = f"{VIRTUAL}-{number}"
        spare = document["programme"]["spare_beds"]
        houses = [
            {
                "id": f"{name}-{house}",
                "closed": [],
                "rooms": [{"id": f"{name}-{house}-1", "beds": min(most, max(least, people)) + spare, "closed": []}],
            }
            for house in range(2 * people + 2)
        ]
        document["bases"].append(
            {
                "id": name,
                "village": name,
                "township": name,
                "routes": [],
                "position_km": [0, 0],
                "declared_capacity": PLENTY + people,
                "closed": [],
                "households": houses,
            }
        )


def _lift_period(document: Document, more: int, people: int) -> None:
    """The batch begins on the Monday of its first week and goes on for so many more fortnights."""
    batch = document["batches"][0]
    first, last = day_number(batch["first_day"]), day_number(batch["last_day"])
    monday = first - (first - 1) % 7
    batch["first_day"] = day_text(monday)
    batch["last_day"] = day_text(last + 14 * more + 13)


def _lift_out(document: Document, more: int, people: int) -> None:
    """Nothing was taken out, and no week is over."""
    if document["previous"] is not None:
        rows = document["previous"]["gatherings"]
        document["previous"]["gatherings"] = [row for row in rows if row.get("skipped") != "withdrawn"]


_LIFT = {
    "OUT": _lift_out,
    "R11": _lift_holidays,
    "R09": _lift_weekdays,
    "R12": _lift_closures,
    "R13": _lift_capacity,
    "R16": _lift_groups,
    "R17": _lift_beds,
    "R10": _lift_period,
}
