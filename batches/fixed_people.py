"""People fixed to classes against a rule (R02, R03, R04): whom, by how many, and which of the pins could go.

Only what the pins alone bring about is told: as many people are fixed to one class, or to one parity, as the rule has no
room for. So every plan breaks it while they stand, and it is kept by letting go of as many as are too many.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from batches.planning.checker import Breach

RULES = ("R02", "R03", "R04")
SIDES = {"odd": "单周", "even": "双周"}


@dataclass(frozen=True)
class Fixed:
    """People that are fixed together where at most `most` may be; `sentence` holds identifiers."""

    rule: str
    subject: str
    cadres: tuple[str, ...]
    most: int
    sentence: str

    @property
    def too_many(self) -> int:
        return len(self.cadres) - self.most


def fixed_together(document: Mapping[str, Any], plan: Mapping[str, Any], broken: Iterable[Breach]) -> list[Fixed]:
    """Of what is `broken` in the plan every breach that pins alone bring about, in order of rule and subject."""
    pins = {pin["cadre"]: pin["class"] for pin in document["pins"]["classes"]}
    if not pins:
        return []
    found: dict[tuple[str, str], Fixed] = {}
    case = _Case(document, plan, pins)
    for breach in broken:
        if breach.code not in RULES or (breach.code, breach.subject) in found:
            continue
        told = case.of(breach.code, breach.subject)
        if told is not None and told.too_many > 0:
            found[breach.code, breach.subject] = told
    return [found[name] for name in sorted(found)]


def pinned_too_many(document: Mapping[str, Any], plan: Mapping[str, Any]) -> list[Fixed]:
    """What the pins bring about in whatever plan is made, before there is one: `plan` has a seat for everybody, those
    fixed where they are fixed, the others anywhere in a class of their track.
    """
    pins = {pin["cadre"]: pin["class"] for pin in document["pins"]["classes"]}
    case = _Case(document, plan, pins)
    found = [told for rule, subject in case.subjects() if (told := case.of(rule, subject)) and told.too_many > 0]
    return sorted(found, key=lambda told: (told.rule, told.subject))


class _Case:
    """The seats, classes and pins of a plan, looked up by what a breach's subject names."""

    def __init__(self, document: Mapping[str, Any], plan: Mapping[str, Any], pins: Mapping[str, str]) -> None:
        self.pins, self.most_in_class = pins, int(document["programme"]["class_size"]["max"])
        self.unit = {row["id"]: row["unit"] for row in document["cadres"]}
        self.classes = {row["id"]: row for batch in document["batches"] for row in batch["classes"]}
        self.batch = {row["id"]: batch["id"] for batch in document["batches"] for row in batch["classes"]}
        self.seats = {row["cadre"]: row["class"] for row in plan["assignments"] if row["class"] in self.classes}

    def subjects(self) -> set[tuple[str, str]]:
        """What the rules look at wherever somebody is fixed: the unit in a track's classes, in both weeks, and the class."""
        found = set()
        for cadre, name in self.pins.items():
            if cadre in self.seats and name in self.classes:
                unit, batch = self.unit[cadre], self.batch[name]
                found |= {
                    ("R02", f"{unit}@{batch}/{self.classes[name]['track']}"),
                    ("R03", f"{unit}@{batch}"),
                    ("R04", name),
                }
        return found

    def of(self, rule: str, subject: str) -> Fixed | None:
        name, _, where = subject.partition("@")
        if rule == "R02":
            batch, _, track = where.partition("/")
            return self._spread(subject, name, batch, track)
        if rule == "R03":
            return self._cover(subject, name, where)
        return self._even(subject, name, where) if where else self._size(name)

    def _people(self, unit: str, batch: str) -> list[str]:
        return [c for c, k in self.seats.items() if self.unit.get(c) == unit and self.batch[k] == batch]

    def _largest(self, people: Iterable[str], by: Mapping[str, Any]) -> tuple[str, tuple[str, ...]]:
        """Where most of these people are fixed, and who they are."""
        groups: dict[str, list[str]] = defaultdict(list)
        for cadre in sorted(people):
            if self.pins.get(cadre) in self.classes:
                groups[by[self.pins[cadre]]].append(cadre)
        place = max(sorted(groups), key=lambda name: len(groups[name]), default="")
        return place, tuple(groups.get(place, ()))

    def _classes_of(self, batch: str, track: str) -> int:
        return sum(row["track"] == track and self.batch[name] == batch for name, row in self.classes.items())

    def _spread(self, subject: str, unit: str, batch: str, track: str) -> Fixed | None:
        count = self._classes_of(batch, track)
        people = [c for c in self._people(unit, batch) if self.classes[self.seats[c]]["track"] == track]
        if not count:
            return None
        most = -(-len(people) // count)
        place, fixed = self._largest(people, {name: name for name in self.classes})
        told = f"{unit} 有 {len(people)} 人，{count} 个班，同一个班至多 {most} 人"
        return Fixed("R02", subject, fixed, most, f"{told}；固定到 {place} 的有 {len(fixed)} 人")

    def _cover(self, subject: str, unit: str, batch: str) -> Fixed:
        people = self._people(unit, batch)
        most = -(-len(people) // 2)
        place, fixed = self._largest(people, {name: row["parity"] for name, row in self.classes.items()})
        told = f"{unit} 有 {len(people)} 人，单周、双周相差不超过 1 人，一边至多 {most} 人"
        return Fixed("R03", subject, fixed, most, f"{told}；固定到{SIDES.get(place, '')}班的有 {len(fixed)} 人")

    def _size(self, name: str) -> Fixed:
        fixed = tuple(sorted(cadre for cadre, place in self.pins.items() if place == name))
        told = f"{name} 至多 {self.most_in_class} 人；固定到这个班的有 {len(fixed)} 人"
        return Fixed("R04", name, fixed, self.most_in_class, told)

    def _even(self, subject: str, track: str, batch: str) -> Fixed | None:
        count = self._classes_of(batch, track)
        people = [c for c, k in self.seats.items() if self.classes[k]["track"] == track and self.batch[k] == batch]
        if not count:
            return None
        most = -(-len(people) // count)
        place, fixed = self._largest(people, {name: name for name in self.classes})
        told = f"{len(people)} 人编 {count} 个班，相差不超过 1 人，一个班至多 {most} 人"
        return Fixed("R04", subject, fixed, most, f"{told}；固定到 {place} 的有 {len(fixed)} 人")
