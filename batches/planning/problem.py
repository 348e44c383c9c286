"""The input as the stages see it: days as numbers, people with age, track and tier, batches with lawful first days.

Nothing is decided here. Everything is in the order of identifiers, so that the same input gives the same models.
"""

import datetime
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from .formats import Document
from .shape import InputError

if TYPE_CHECKING:
    from .places import Places

WAIVABLE = frozenset({"R01", "R02", "R03", "R04", "R07", "R08", "R14", "R15", "R16"})
PARITIES = ("odd", "even")


def day_number(text: str) -> int:
    return datetime.date.fromisoformat(text).toordinal()


def day_text(number: int) -> str:
    return datetime.date.fromordinal(number).isoformat()


def spans(ranges: list[list[str]]) -> list[tuple[int, int]]:
    """Half-open ranges of day numbers."""
    return [(day_number(first), day_number(until)) for first, until in ranges]


def touches(ranges: list[tuple[int, int]], first: int, until: int) -> bool:
    """Whether any of the half-open ranges meets [first, until)."""
    return any(a < until and first < b and a < b for a, b in ranges)


@dataclass(frozen=True)
class Klass:
    """A class of a batch (班)."""

    id: str
    parity: str
    track: str
    staff: tuple[str, ...]


@dataclass(frozen=True)
class Batch:
    """A batch (期); `place` counts from 0 by first day, then id."""

    id: str
    place: int
    first: int
    last: int
    classes: tuple[Klass, ...]

    @property
    def monday(self) -> int:
        """Monday of week 1."""
        return self.first - datetime.date.fromordinal(self.first).weekday()

    def of_track(self, track: str) -> tuple[Klass, ...]:
        return tuple(k for k in self.classes if k.track == track)

    def parities(self, track: str | None) -> frozenset[str]:
        return self._parities.get(track or "", frozenset())

    @cached_property
    def _parities(self) -> dict[str, frozenset[str]]:
        tracks = sorted({k.track for k in self.classes})
        return {track: frozenset(k.parity for k in self.of_track(track)) for track in tracks}


@dataclass(frozen=True)
class Cadre:
    """A cadre with what follows from the reference month and the programme."""

    id: str
    unit: str
    sex: str
    age: int
    track: str | None
    tier: int
    eligible: bool
    leading: bool
    attended: bool
    must: tuple[str, ...]
    parity: str | None
    open: tuple[int, ...]
    values: dict[str, str] = field(hash=False)


class Problem:
    """An input that passed `require_valid`, with what several stages ask for computed once.

    `prefer` says what comes first when a previous plan is changed: "kept" seats and gatherings, or filled "seats".
    `spare_moves` are changes beyond the fewest that the step at hand may spend on quality.
    """

    def __init__(self, document: Document, prefer: str = "kept"):
        self.document = document
        self.prefer = prefer
        self.spare_moves = 0
        self.places: Places | None = None  # as `places_of` worked them out
        self.rules: dict[str, Any] = document["programme"]
        self.days: int = self.rules["gathering_days"]
        self.group_min: int = self.rules["household_group"]["min"]
        self.group_max: int = self.rules["household_group"]["max"]
        self.holidays = {day_number(day) for day in document["calendar"]["holidays"]}
        self.working = {day_number(day) for day in document["calendar"]["working_weekend_days"]}
        self.waived = {(w["rule"], w["subject"]) for w in document["waivers"] if w["rule"] in WAIVABLE}
        self.units = {unit["id"]: unit for unit in sorted(document["units"], key=lambda u: u["id"])}
        self.tracks = [track["id"] for track in self.rules["tracks"]]
        self.batches = self._batches()
        self.batch_of_class = {k.id: batch for batch in self.batches for k in batch.classes}
        self.classes = {k.id: k for batch in self.batches for k in batch.classes}
        self.cadres = [self._cadre(row) for row in sorted(document["cadres"], key=lambda c: c["id"])]
        self.by_id = {cadre.id: cadre for cadre in self.cadres}
        self._away = {row["id"]: spans(row["unavailable"]) for row in document["cadres"]}
        self.class_pins = {pin["cadre"]: pin["class"] for pin in document["pins"]["classes"]}
        self.batch_pins = self._batch_pins()
        self.gathering_pins = {(pin["class"], pin["index"]): pin for pin in document["pins"]["gatherings"]}
        self.previous: Document | None = document["previous"]
        self.by_hand = frozenset((self.previous or {}).get("by_hand", ()))
        self._require_lawful_pins()

    def is_waived(self, rule: str, subject: str) -> bool:
        return (rule, subject) in self.waived

    def quota(self, unit: str, batch: Batch) -> int | None:
        """People of the unit in the batch (R01); None when an exception is granted."""
        return None if self.is_waived("R01", f"{unit}@{batch.id}") else self.unit_quota(unit)

    def unit_quota(self, unit: str) -> int:
        """People of the unit in any batch without an exception (R01)."""
        own = self.units[unit]["quota"]
        return int(self.rules["unit_max_per_batch"] if own is None else own)

    def leading_quota(self, unit: str, batch: Batch) -> int | None:
        """Leading members of the unit in the batch (R08); None when an exception is granted."""
        return None if self.is_waived("R08", f"{unit}@{batch.id}") else int(self.rules["leading_max"])

    def side(self, cadre: Cadre, batch: Batch) -> str | None:
        """The only parity in which the cadre can be away in the batch, by wish or because the track has no other."""
        possible = [p for p in sorted(batch.parities(cadre.track)) if cadre.parity in (None, p)]
        return possible[0] if len(possible) == 1 else None

    def _batches(self) -> list[Batch]:
        rows = sorted(self.document["batches"], key=lambda b: (b["first_day"], b["id"]))
        return [
            Batch(
                row["id"],
                place,
                day_number(row["first_day"]),
                day_number(row["last_day"]),
                tuple(
                    Klass(k["id"], k["parity"], k["track"], tuple(sorted(k["staff"])))
                    for k in sorted(row["classes"], key=lambda k: k["id"])
                ),
            )
            for place, row in enumerate(rows)
        ]

    def _cadre(self, row: Document) -> Cadre:
        year, month = map(int, self.rules["reference_month"].split("-"))
        born_year, born_month = map(int, row["birth"].split("-"))
        age = year - born_year - (month < born_month)
        track = next((t["id"] for t in self.rules["tracks"] if _meets(row, age, t["criteria"])), None)
        attended = row["attended_before"]
        tier = 2 if attended else 0 if age <= self.rules["full_coverage_age"] else 1
        eligible = track is not None and (self.rules["repeats"] or not attended)
        bands = self.rules["balance"]["age_bands"]
        values = {
            "sex": row["sex"],
            "age_band": str(sum(age > limit for limit in bands)),
            "level": row["level"],
            "rank": row["rank"],
            "post_kind": row["post_kind"],
            "unit_kind": self.units[row["unit"]]["kind"],
        }
        away = spans(row["unavailable"])
        open_places = tuple(b.place for b in self.batches if eligible and self._is_open(row, track, away, b))
        return Cadre(
            row["id"],
            row["unit"],
            row["sex"],
            age,
            track,
            tier,
            eligible,
            row["leading"],
            attended,
            tuple(sorted(row["must"])),
            row["parity"],
            open_places,
            values,
        )

    def _is_open(self, row: Document, track: str | None, away: list[tuple[int, int]], batch: Batch) -> bool:
        if batch.id in row["must_not"] or (row["must"] and batch.id not in row["must"]):
            return False
        if not any(row["parity"] in (None, parity) for parity in batch.parities(track)):
            return False
        return self._days_away(away, batch) <= self.rules["max_overlap_days"]

    @staticmethod
    def _days_away(away: list[tuple[int, int]], batch: Batch) -> int:
        total, reached = 0, batch.first
        for first, until in sorted(away):
            first, until = max(first, reached), min(until, batch.last + 1)
            if until > first:
                total += until - first
                reached = until
        return total

    def _batch_pins(self) -> dict[str, int | None]:
        place = {batch.id: batch.place for batch in self.batches}
        pins: dict[str, int | None] = {
            pin["cadre"]: None if pin["batch"] is None else place[pin["batch"]]
            for pin in self.document["pins"]["batches"]
        }
        pins.update({cadre: self.batch_of_class[name].place for cadre, name in self.class_pins.items()})
        return pins

    def _require_lawful_pins(self) -> None:
        """Pins against rules that speak of the person alone are refused by name: no plan could keep both."""
        for name, place in sorted(self.batch_pins.items()):
            if place is None:
                continue
            cadre, batch = self.by_id[name], self.batches[place]
            if not cadre.eligible:
                why = "已参加过培训" if cadre.attended else "不符合任何班型的条件"
                raise InputError(f"pins：干部 {name} {why}，不能指定期次 {batch.id}（R06）")
            waived = self.is_waived("R07", name)
            if self._days_away(self._away[name], batch) > self.rules["max_overlap_days"]:
                raise InputError(f"pins：干部 {name} 在期次 {batch.id} 不能参加的天数超过上限（R05），请改期或取消指定")
            if place not in cadre.open and not waived:
                raise InputError(f"pins：期次 {batch.id} 与干部 {name} 的必须、不能参加期次或单双周矛盾（R07）")
            klass = self.classes.get(self.class_pins.get(name, ""))
            if klass and klass.track != cadre.track:
                raise InputError(
                    f"pins.classes：干部 {name} 的班型是 {cadre.track}，班级 {klass.id} 是 {klass.track}（R06）"
                )
            if klass and cadre.parity not in (None, klass.parity) and not waived:
                raise InputError(f"pins.classes：班级 {klass.id} 与干部 {name} 的单双周矛盾（R07）")


def _meets(row: Document, age: int, criteria: Document) -> bool:
    low, high = criteria["min_age"], criteria["max_age"]
    return (
        (low is None or age >= low)
        and (high is None or age <= high)
        and (not criteria["levels"] or row["level"] in criteria["levels"])
        and (not criteria["post_kinds"] or row["post_kind"] in criteria["post_kinds"])
    )


def first_days(problem: Problem, batch: Batch, apart: bool = True) -> dict[tuple[str, int], tuple[int, ...]]:
    """(parity, index) -> first days that R09, R10 and R11 allow, whatever the place.

    A gathering may run into the next week. So that a unit is never all away (R03) when odd and even weeks meet, first
    days that would meet the other parity's gathering of the next week are left out wherever the fortnight has others;
    `apart` false asks for all days that are lawful by themselves.
    """
    weeks = (batch.last - batch.monday) // 7 + 1
    lawful = {week: _lawful_in_week(problem, batch, week) for week in range(1, weeks + 1)}
    for week in range(1, weeks) if apart else ():
        following = lawful[week + 1]
        if following and lawful[week]:
            clean = [day for day in lawful[week] if day + problem.days <= following[0]]
            if clean:
                lawful[week] = clean
            else:
                lawful[week + 1] = [day for day in following if day >= lawful[week][0] + problem.days]
                lawful[week] = lawful[week][:1]
    return {(PARITIES[(week + 1) % 2], (week + 1) // 2): tuple(days) for week, days in lawful.items()}


def _lawful_in_week(problem: Problem, batch: Batch, week: int) -> list[int]:
    rules = problem.rules
    monday = batch.monday + 7 * (week - 1)
    result = []
    for day in range(monday, monday + 7):
        stay = range(day, day + problem.days)
        if rules["start_weekdays"] and day - monday + 1 not in rules["start_weekdays"]:
            continue
        if day < batch.first or stay[-1] > batch.last or any(d in problem.holidays for d in stay):
            continue
        weekend = sum((d - monday) % 7 >= 5 and d not in problem.working for d in stay)
        if rules["weekend_days"]["min"] <= weekend <= rules["weekend_days"]["max"]:
            result.append(day)
    return result


def class_members(seats: dict[str, str]) -> dict[str, list[str]]:
    """Class -> members in order, from cadre -> class."""
    result: dict[str, list[str]] = defaultdict(list)
    for cadre in sorted(seats):
        result[seats[cadre]].append(cadre)
    return result


def sex_counts(problem: Problem, members: list[str]) -> tuple[int, int]:
    """(men, women) among the members."""
    counts = Counter(problem.by_id[name].sex for name in members)
    return counts["M"], counts["F"]
