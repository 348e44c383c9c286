"""What the checker knows: the input looked up by id, the plan looked up by seat, gathering and bed, and the breaches found.

Everything here is derived from the two documents alone. Days are ordinals (`datetime.date.toordinal`), so that
`last - first + 1` is a number of days.
"""

from __future__ import annotations

import datetime
import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

WAIVABLE = frozenset({"R01", "R02", "R03", "R04", "R07", "R08", "R14", "R15", "R16"})
LONGEST_STAY = 31  # days looked at of a gathering of absurd length; R09 tells the length itself

Spans = tuple[tuple[int, int], ...]
Cell = tuple[str, int]  # class and fortnight of a gathering


@dataclass(frozen=True)
class Breach:
    """One place where a plan breaks a rule or says something untrue. A waived one is an approved exception.

    `fact` says what is wrong, `approval` who approved it and why, where somebody did. `cells` are the gatherings that it is
    about; a breach about people, classes or bases has none.
    """

    code: str
    subject: str
    fact: str
    approval: str = ""
    cells: tuple[Cell, ...] = ()

    @property
    def waived(self) -> bool:
        return bool(self.approval)

    @property
    def message(self) -> str:
        """The whole of it in words."""
        return f"{self.approval}{self.fact}"


@dataclass(frozen=True)
class Klass:
    """A class of the input with the batch that it belongs to."""

    id: str
    batch: str
    parity: str
    track: str
    staff: tuple[str, ...]


@dataclass(frozen=True)
class Batch:
    """A batch: its number from 0, its days, the Monday of week 1, and how many weeks it touches."""

    id: str
    number: int
    first: int
    last: int
    monday: int
    weeks: int
    classes: tuple[str, ...]


@dataclass(frozen=True)
class Room:
    """A room with the household and base that it is in."""

    id: str
    household: str
    base: str
    beds: int
    closed: Spans


@dataclass(frozen=True)
class Held:
    """A gathering that the plan holds; sites are (base, people) in order of travel."""

    klass: str
    index: int
    first: int
    last: int
    sites: tuple[tuple[str, int], ...]

    @property
    def cell(self) -> Cell:
        return self.klass, self.index

    @property
    def subject(self) -> str:
        return f"{self.klass}#{self.index}"

    @property
    def days(self) -> range:
        return range(self.first, min(self.last + 1, self.first + LONGEST_STAY))

    @property
    def nights(self) -> range:
        return range(self.first, min(self.last, self.first + LONGEST_STAY))

    @property
    def bases(self) -> tuple[str, ...]:
        return tuple(base for base, _ in self.sites)


@dataclass(frozen=True)
class Stay:
    """One row of lodging."""

    klass: str
    index: int
    cadre: str
    household: str
    room: str
    bed: int


@dataclass
class Told:
    """What the plan says, shape already checked. `depth` is the last stage that it holds."""

    depth: int = 4
    seat_rows: list[tuple[str, str, str | None]] = field(default_factory=list)
    unassigned: list[tuple[str, str]] = field(default_factory=list)
    held_rows: list[Held] = field(default_factory=list)
    skipped_rows: list[tuple[str, int, str]] = field(default_factory=list)
    stays: list[Stay] = field(default_factory=list)
    levels: list[dict[str, Any]] = field(default_factory=list)
    shortfalls: list[dict[str, Any]] = field(default_factory=list)
    moves: list[dict[str, Any]] = field(default_factory=list)
    problems: list[tuple[str, str]] = field(default_factory=list)


def ordinal(text: str) -> int:
    return datetime.date.fromisoformat(text).toordinal()


def iso(day: int) -> str:
    return datetime.date.fromordinal(day).isoformat()


def weekday(day: int) -> int:
    """1 Monday to 7 Sunday."""
    return datetime.date.fromordinal(day).isoweekday()


def spans(ranges: Iterable[Iterable[str]]) -> Spans:
    """Half-open ranges as sorted ordinals, touching and overlapping ones joined, so that a day counts once."""
    joined: list[tuple[int, int]] = []
    for start, end in sorted((ordinal(a), ordinal(b)) for a, b in ranges):
        if start >= end:
            continue
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((start, end))
    return tuple(joined)


def days_within(closed: Spans, first: int, last: int) -> int:
    """How many days of first..last (both included) lie in the ranges."""
    return sum(max(0, min(end, last + 1) - max(start, first)) for start, end in closed)


def fingerprint(document: Any) -> str | None:
    """SHA-256 of the canonical JSON; None where the document has none."""
    try:
        text = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
        return hashlib.sha256(text.encode()).hexdigest()
    except (TypeError, ValueError):
        return None


class Given:
    """The input, looked up."""

    def __init__(self, document: dict[str, Any]) -> None:
        self.document = document
        self.rules: dict[str, Any] = document["programme"]
        self.units: dict[str, dict[str, Any]] = {row["id"]: row for row in document["units"]}
        self.cadres: dict[str, dict[str, Any]] = {row["id"]: row for row in document["cadres"]}
        self.holidays = {ordinal(day) for day in document["calendar"]["holidays"]}
        self.working = {ordinal(day) for day in document["calendar"]["working_weekend_days"]}
        self.waivers = {(row["rule"], row["subject"]): row for row in document["waivers"]}
        self._read_people()
        self._read_batches()
        self._read_bases()

    def _read_people(self) -> None:
        year, month = map(int, self.rules["reference_month"].split("-"))
        self.age: dict[str, int] = {}
        self.track: dict[str, str | None] = {}
        self.tier: dict[str, int] = {}
        self.eligible: set[str] = set()
        self.away: dict[str, Spans] = {}
        for name, cadre in self.cadres.items():
            born_year, born_month = map(int, cadre["birth"].split("-"))
            age = year - born_year - (1 if born_month > month else 0)
            self.age[name] = age
            self.track[name] = next(
                (row["id"] for row in self.rules["tracks"] if _meets(cadre, age, row["criteria"])), None
            )
            if cadre["attended_before"]:
                self.tier[name] = 2
            else:
                self.tier[name] = 0 if age <= self.rules["full_coverage_age"] else 1
            if self.track[name] is not None and (self.rules["repeats"] or not cadre["attended_before"]):
                self.eligible.add(name)
            self.away[name] = spans(cadre["unavailable"])

    def _read_batches(self) -> None:
        self.batches: dict[str, Batch] = {}
        self.classes: dict[str, Klass] = {}
        rows = sorted(self.document["batches"], key=lambda row: (row["first_day"], row["id"]))
        for number, row in enumerate(rows):
            first, last = ordinal(row["first_day"]), ordinal(row["last_day"])
            monday = first - (weekday(first) - 1)
            names = tuple(klass["id"] for klass in row["classes"])
            self.batches[row["id"]] = Batch(row["id"], number, first, last, monday, (last - monday) // 7 + 1, names)
            for klass in row["classes"]:
                self.classes[klass["id"]] = Klass(
                    klass["id"], row["id"], klass["parity"], klass["track"], tuple(klass["staff"])
                )

    def _read_bases(self) -> None:
        self.bases: dict[str, dict[str, Any]] = {row["id"]: row for row in self.document["bases"]}
        self.base_closed: dict[str, Spans] = {}
        self.base_of: dict[str, str] = {}
        self.house_closed: dict[str, Spans] = {}
        self.house_beds: Counter[str] = Counter()
        self.stand_ins: set[str] = set()
        self.base_beds: Counter[str] = Counter()
        self.rooms: dict[str, Room] = {}
        self.rooms_of: defaultdict[str, list[Room]] = defaultdict(list)
        for base in self.document["bases"]:
            self.base_closed[base["id"]] = spans(base["closed"])
            for house in base["households"]:
                self.base_of[house["id"]] = base["id"]
                if house.get("stand_in"):
                    self.stand_ins.add(house["id"])
                self.house_closed[house["id"]] = spans(house["closed"])
                for row in house["rooms"]:
                    room = Room(row["id"], house["id"], base["id"], row["beds"], spans(row["closed"]))
                    self.rooms[room.id] = room
                    self.rooms_of[base["id"]].append(room)
                    self.house_beds[house["id"]] += room.beds
                    self.base_beds[base["id"]] += room.beds
        self.other_people: Counter[tuple[str, int]] = Counter()
        for use in self.document["other_uses"]:
            for day in range(ordinal(use["first_day"]), ordinal(use["last_day"]) + 1):
                self.other_people[use["base"], day] += use["people"]

    def quota(self, unit: str) -> int:
        own = self.units.get(unit, {}).get("quota")
        return int(self.rules["unit_max_per_batch"] if own is None else own)

    def indexes(self, klass: Klass) -> list[int]:
        """Fortnights of the class: one for every week of its parity among the weeks of the batch."""
        weeks = self.batches[klass.batch].weeks
        return list(range(1, (weeks + 1) // 2 + 1 if klass.parity == "odd" else weeks // 2 + 1))

    def week_of(self, klass: Klass, index: int) -> int:
        """The Monday of a fortnight's week."""
        week = 2 * index - 1 if klass.parity == "odd" else 2 * index
        return self.batches[klass.batch].monday + 7 * (week - 1)

    def weekend_days(self, days: Iterable[int]) -> int:
        return sum(weekday(day) >= 6 and day not in self.working for day in days)

    def stay_is_lawful(self, batch: Batch, first: int, *, any_weekday: bool = False) -> bool:
        """Whether a gathering of lawful length may begin on this day: in the batch, R09's days and R11."""
        days = range(first, first + self.rules["gathering_days"])
        wanted = self.rules["weekend_days"]
        return (
            batch.first <= first
            and days.stop - 1 <= batch.last
            and (any_weekday or not self.rules["start_weekdays"] or weekday(first) in self.rules["start_weekdays"])
            and wanted["min"] <= self.weekend_days(days) <= wanted["max"]
            and not any(day in self.holidays for day in days)
        )

    def lawful_starts(self, klass: Klass, index: int) -> list[int]:
        monday = self.week_of(klass, index)
        return [day for day in range(monday, monday + 7) if self.stay_is_lawful(self.batches[klass.batch], day)]

    def is_open(self, cadre: str, batch: Batch) -> bool:
        """Whether R05, must, must-not and the classes on offer leave the batch to the cadre."""
        row = self.cadres[cadre]
        if batch.id in row["must_not"] or (row["must"] and batch.id not in row["must"]):
            return False
        if days_within(self.away[cadre], batch.first, batch.last) > self.rules["max_overlap_days"]:
            return False
        mine = (self.classes[name] for name in batch.classes)
        return any(k.track == self.track[cadre] and row["parity"] in (None, k.parity) for k in mine)


def _meets(cadre: dict[str, Any], age: int, criteria: dict[str, Any]) -> bool:
    if criteria["min_age"] is not None and age < criteria["min_age"]:
        return False
    if criteria["max_age"] is not None and age > criteria["max_age"]:
        return False
    if criteria["levels"] and cadre["level"] not in criteria["levels"]:
        return False
    return not criteria["post_kinds"] or cadre["post_kind"] in criteria["post_kinds"]


class Case:
    """One check: the input, the plan, what follows from the plan's rows, and the breaches found so far."""

    def __init__(self, document: dict[str, Any], told: Told) -> None:
        self.given = Given(document)
        self.told = told
        self.breaches: list[Breach] = []
        self.seats: dict[str, tuple[str, str | None]] = {}
        self.members: defaultdict[str, list[str]] = defaultdict(list)
        self.people: defaultdict[str, list[str]] = defaultdict(list)
        self.seen_cadres: Counter[str] = Counter(row[0] for row in told.seat_rows)
        for subject, message in told.problems:
            self.add("FORMAT", subject, message)
        self._seat_people()
        self._hold_gatherings()

    def add(self, code: str, subject: str, fact: str, *cells: Cell, waivable: bool = True) -> None:
        """Note a breach, with the gatherings that it is about; it is waived if the rule can be and the input grants it for
        this very subject."""
        waiver = self.given.waivers.get((code, subject)) if waivable and code in WAIVABLE else None
        approval = "" if waiver is None else f"已批准例外（{waiver['approver']}：{waiver['reason']}）："
        self.breaches.append(Breach(code, subject, fact, approval, cells))

    def is_waived(self, code: str, subject: str) -> bool:
        return code in WAIVABLE and (code, subject) in self.given.waivers

    def _seat_people(self) -> None:
        """The first usable row of each cadre is the seat; rows that name unknown things seat nobody."""
        given = self.given
        for cadre, batch, klass in self.told.seat_rows:
            if cadre not in given.cadres:
                self.add("FORMAT", cadre, f"名单中有输入里没有的干部 {cadre}。")
                continue
            if batch not in given.batches:
                self.add("FORMAT", cadre, f"{cadre} 被安排到不存在的期次 {batch}。")
                continue
            if self.told.depth < 2:
                klass = None
            elif klass is None:
                self.add("FORMAT", cadre, f"{cadre} 安排在 {batch}，但没有写明班级。")
            elif klass not in given.classes:
                self.add("FORMAT", cadre, f"{cadre} 被安排到不存在的班级 {klass}。")
                klass = None
            if cadre in self.seats:
                continue
            self.seats[cadre] = (batch, klass)
            self.people[batch].append(cadre)
            if klass is not None:
                self.members[klass].append(cadre)

    def _hold_gatherings(self) -> None:
        """The first row of each class and fortnight counts; what is said twice is told by R10."""
        self.held: dict[tuple[str, int], Held] = {}
        self.skipped: dict[tuple[str, int], str] = {}
        self.held_of: defaultdict[str, list[Held]] = defaultdict(list)
        self.days_of: defaultdict[str, set[int]] = defaultdict(set)
        if self.told.depth < 3:
            return
        for row in self.told.held_rows:
            if row.klass not in self.given.classes:
                self.add("FORMAT", row.subject, f"集中安排里有不存在的班级 {row.klass}。")
            elif (row.klass, row.index) not in self.held:
                self.held[row.klass, row.index] = row
                self.held_of[row.klass].append(row)
                self.days_of[row.klass].update(row.days)
        for klass, index, reason in self.told.skipped_rows:
            if klass not in self.given.classes:
                self.add("FORMAT", f"{klass}#{index}", f"集中安排里有不存在的班级 {klass}。")
            else:
                self.skipped.setdefault((klass, index), reason)
        for rows in self.held_of.values():
            rows.sort(key=lambda row: row.index)

    def by_unit(self, batch: str) -> dict[str, list[str]]:
        """People of a batch by unit."""
        groups: defaultdict[str, list[str]] = defaultdict(list)
        for cadre in self.people[batch]:
            groups[self.given.cadres[cadre]["unit"]].append(cadre)
        return groups
