"""What an uploaded list would do: each row compared with the register, without writing anything.

A row's `values` are what the sheet says of it, in the register's terms; `before` what the register says now where it differs.
Both are computed again when the list is written, so that nobody's later correction is overwritten unseen.
"""

import datetime
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from typing import Any

from django.utils import timezone

from accounts.encryption import blind_index
from cadres.list_reading import Finding
from cadres.models import Cadre, ImportRow, PastAttendance, RosterImport, Sex, Unit
from cadres.names import unit_key
from cadres.past_attendance import PastReading, PastRow, read_past_attendance
from cadres.roster import RosterReading, RosterRow, read_roster

Effect = ImportRow.Effect
Fields = dict[str, Any]

# Field of the register → field of the reading. What the sheet leaves empty is left as it is.
CENSUS_FIELDS = {
    "name": "name", "sex": "sex", "birth": "birth", "nationality": "nationality", "political_status": "political_status",
    "education": "education", "unit": "unit", "post": "post", "post_kind": "staffing_kind", "level": "level", "rank": "rank",
    "leading": "leading", "specialty": "specialty", "grassroots": "grassroots", "phone": "phone", "remarks": "remarks",
}  # fmt: skip
PAST_FIELDS = ("class_name", "first_day", "last_day", "outcome")
LABELS = {str(field.name): str(field.verbose_name) for model in (PastAttendance, Cadre) for field in model._meta.fields}
CHOICES: dict[str, Mapping[Any, str]] = {
    "sex": dict(Sex.choices),
    "state": dict(Cadre.State.choices),
    "leading": {True: "是", False: "否"},
}
CREATE, USE, SKIP = "create", "use", "skip"
KIND_BY_ENDING = (
    (re.compile(r"(法院|检察院)$"), Unit.Kind.COUNTY),
    (re.compile(r"(镇|乡|街道)(人民政府|办事处|党委|党工委)?$"), Unit.Kind.TOWNSHIP),
    (re.compile(r"(公司|集团|银行|厂)$"), Unit.Kind.ENTERPRISE),
    (re.compile(r"^团|总工会|妇联|科协|共青团|工商联|文联|残联|侨联|红十字会|妇女联合会"), Unit.Kind.MASS),
    (re.compile(r"(中心|院|校|小学|中学|幼儿园|馆|站|所|园|台)$"), Unit.Kind.INSTITUTION),
)
PERSONAL_NUMBER = re.compile(r"[0-9０-９][0-9０-９\s-]{9,}[0-9０-９xXｘＸ]")

WRITTEN_DAY = re.compile(r"(?<!\d)(19|20)\d\d-\d{1,2}-\d{1,2}(?!\d)")


@dataclass(frozen=True)
class PreviewRow:
    """A row as the preview has it: what it would do to which cadre, and the original cells where it is refused."""

    number: int
    effect: str
    who: Fields
    fields: Fields
    before: Fields = field(default_factory=dict)
    cadre_id: int | None = None
    cells: tuple[tuple[str, str], ...] = ()

    @property
    def values(self) -> Fields:
        return {"who": self.who, "fields": self.fields, "cells": [list(cell) for cell in self.cells]}


@dataclass(frozen=True)
class Preview:
    """All that reading a list against the register came to. `units` are those offered for creation, with the choices made."""

    sheet: str
    rows: tuple[PreviewRow, ...]
    findings: tuple[Finding, ...]
    units: tuple[Fields, ...]
    unknown_columns: tuple[str, ...]
    notes: tuple[str, ...]

    @property
    def accepted(self) -> int:
        return sum(row.effect != Effect.REFUSED for row in self.rows)

    def as_dict(self) -> dict[str, Any]:
        """The public form: sheet, numbers of rows read and accepted, findings."""
        return {
            "sheet": self.sheet,
            "rows": len(self.rows),
            "accepted": self.accepted,
            "findings": [finding.as_dict() for finding in self.findings],
        }


def covered(text: str) -> str:
    """Text with the middle of every long number covered: an ID number or phone that stands in a wrong column."""

    def cover(match: re.Match[str]) -> str:
        number = re.sub(r"[\s-]", "", match[0])
        if len(number) < 11 or WRITTEN_DAY.search(match[0]):
            return match[0]
        head = 6 if len(number) > 14 else 3
        return number[:head] + "*" * (len(number) - head - 4) + number[-4:]

    return PERSONAL_NUMBER.sub(cover, text)


def unit_spellings() -> dict[str, str]:
    """Every name that a registered unit goes or went by → its name; names in use win over former ones."""
    units = list(Unit.objects.order_by("pk"))
    former = {old.strip(): unit.name for unit in units for old in unit.former_names.splitlines() if old.strip()}
    return former | {unit.name: unit.name for unit in units}


def guessed_kind(name: str) -> str:
    """The kind of a unit, guessed from how its name ends; a county department where nothing else fits."""
    return next((kind for pattern, kind in KIND_BY_ENDING if pattern.search(name)), Unit.Kind.COUNTY)


# --- rosters


def read_census(
    content: bytes, *, name: str = "", sheet: str = "", units: Iterable[Fields] = (), create_units: bool = False
) -> Preview:
    """Read a roster against the register.

    `units` are the choices made so far about unregistered units. Those not chosen about are created when `create_units` is
    set or no unit is registered at all (the first roster of a county brings its units); else their rows are refused.
    Raises UnreadableWorkbook.
    """
    registered = unit_spellings()
    chosen = {unit_key(unit["name"]): unit for unit in units if unit["name"] not in registered}
    known = registered | _chosen_spellings(chosen.values())
    reading = _read_roster(content, name=name, sheet=sheet, known=known)
    offered = [unit for unit in reading.unknown_units if covered(unit.name) == unit.name and len(unit.name) <= 60]
    if offered and (create_units or not registered):
        for unit in offered:
            chosen.setdefault(
                unit_key(unit.name), {"name": unit.name, "rows": len(unit.rows), "kind": guessed_kind(unit.name),
                                      "like": "", "choice": CREATE, "use": ""}
            )  # fmt: skip
        reading = _read_roster(content, name=name, sheet=sheet, known=known | _chosen_spellings(chosen.values()))
        offered = []
    for unit in offered:
        chosen.setdefault(
            unit_key(unit.name), {"name": unit.name, "rows": len(unit.rows), "kind": guessed_kind(unit.name),
                                  "like": unit.suggestion, "choice": SKIP, "use": ""}
        )  # fmt: skip
    return _census_preview(reading, _with_likeness(chosen))


def _read_roster(content: bytes, *, name: str, sheet: str, known: Mapping[str, str]) -> RosterReading:
    return read_roster(content, known_units=known, name=name, sheet=sheet or None, today=timezone.localdate())


def _chosen_spellings(units: Iterable[Fields]) -> dict[str, str]:
    listed = list(units)
    created = {unit["name"]: unit["name"] for unit in listed if unit["choice"] == CREATE}
    used = {unit["name"]: unit["use"] for unit in listed if unit["choice"] == USE and unit["use"]}
    return created | used


def _with_likeness(chosen: Mapping[str, Fields]) -> tuple[Fields, ...]:
    """Each unit with the most similar name of the same list, where no registered one is similar."""
    found = []
    for key, unit in chosen.items():
        others = [other for other in chosen if other != key]
        close = [] if unit["like"] else get_close_matches(key, others, n=1, cutoff=0.8)
        found.append(unit | ({"like": chosen[close[0]]["name"]} if close else {}))
    return tuple(found)


def _census_preview(reading: RosterReading, units: tuple[Fields, ...]) -> Preview:
    accepted = {row.number: census_fields(row) for row in reading.rows if row.accepted}
    cadres = cadres_by_id_number(row.id_number for row in reading.rows if row.accepted)
    rows = []
    for row in reading.rows:
        who = {"name": row.name, "id_number": row.id_number, "unit": row.unit}
        if row.number not in accepted:
            post = {"post": row.post, "level": row.level, "rank": row.rank}
            rows.append(PreviewRow(row.number, Effect.REFUSED, who | post, {}, cells=_cells(reading, row)))
            continue
        cadre = cadres.get(blind_index(row.id_number))
        fields = accepted[row.number]
        effect, before = census_effect(fields, cadre)
        rows.append(PreviewRow(row.number, effect, who, fields, before, cadre.pk if cadre else None))
    findings = sorted((*reading.findings, *_namesakes(reading, rows)), key=lambda finding: finding.row)
    return Preview(
        sheet=reading.sheet, rows=tuple(rows), findings=_scrubbed(findings), units=units,
        unknown_columns=tuple(map(covered, reading.unknown_columns)), notes=tuple(map(covered, reading.notes)),
    )  # fmt: skip


def _namesakes(reading: RosterReading, rows: Iterable[PreviewRow]) -> list[Finding]:
    """Remarks on new people whose name and birth month the register has under another ID number: a slip, or somebody else."""
    new = {(row.fields["name"], row.fields["birth"]): row for row in rows if row.effect == Effect.NEW}
    found = Cadre.objects.filter(name__in={name for name, _ in new}).select_related("unit").order_by("pk")
    label = next(column.label for column in reading.columns if column.field == "id_number")
    return [
        Finding(
            new[key].number, label, "warning", "registered_namesake", "",
            f"名册里“{cadre.unit}”有同名、同出生年月的人，身份证号不同", "是同一个人的，请核对号码再导入；照写会成为另一个人",
        )
        for cadre in found
        if (key := (cadre.name, cadre.birth.isoformat())) in new
    ]  # fmt: skip


def census_fields(row: RosterRow) -> Fields:
    """What a row says, in the register's terms; who is on a roster is in post."""
    fields = {name: getattr(row, source) for name, source in CENSUS_FIELDS.items()}
    said = {name: value for name, value in fields.items() if value not in ("", None)}
    return {name: _plain(value) for name, value in said.items()} | {"state": Cadre.State.IN_POST.value}


def cadres_by_id_number(id_numbers: Iterable[str]) -> dict[str, Cadre]:
    """Registered cadres by the blind index of their ID number."""
    indexes = [blind_index(number) for number in id_numbers if number]
    found = Cadre.objects.filter(id_number_index__in=indexes).select_related("unit").order_by("pk")
    return {str(cadre.id_number_index): cadre for cadre in found}


def census_effect(fields: Fields, cadre: Cadre | None) -> tuple[str, Fields]:
    """What a row does to its cadre, and what the register says now of the fields it changes."""
    if cadre is None:
        return Effect.NEW, {}
    now = {name: registered_value(cadre, name) for name in fields}
    before = {name: now[name] for name in fields if now[name] != fields[name]}
    return (Effect.CHANGED, before) if before else (Effect.SAME, {})


def registered_value(cadre: Cadre, name: str) -> Any:
    """A cadre's field as rows of imports keep it: dates in ISO form, the unit by name."""
    return cadre.unit.name if name == "unit" else _plain(getattr(cadre, name))


# --- lists of earlier sessions


def read_past(content: bytes, *, name: str = "", sheet: str = "", session: str = "") -> Preview:
    """Read an old session's list against the register; rows of people it does not know for certain are refused.

    Whom a row means: by ID number; without one by name and unit; by name alone where only one cadre bears it (told as a
    remark). Raises UnreadableWorkbook.
    """
    spellings = unit_spellings()
    reading = read_past_attendance(
        content, known_units=spellings, session=session, name=name, sheet=sheet or None, today=timezone.localdate()
    )
    matcher = _Matcher(reading)
    rows, extra = [], []
    for row in reading.rows:
        cadre, problem = matcher.match(row) if row.accepted else (None, None)
        extra += [problem] if problem else []
        rows.append(_past_row(reading, row, cadre, matcher.attended))
    findings = sorted((*reading.findings, *extra), key=lambda finding: finding.row)
    return Preview(
        sheet=reading.sheet, rows=tuple(rows), findings=_scrubbed(findings), units=(),
        unknown_columns=tuple(map(covered, reading.unknown_columns)), notes=tuple(map(covered, reading.notes)),
    )  # fmt: skip


def _past_row(
    reading: PastReading, row: PastRow, cadre: Cadre | None, attended: Mapping[tuple[int, str], PastAttendance]
) -> PreviewRow:
    who = {"name": row.name, "id_number": row.id_number, "unit": row.unit, "session": row.session}
    if cadre is None:
        return PreviewRow(row.number, Effect.REFUSED, who, {}, cells=_cells(reading, row))
    said = {name: value for name in PAST_FIELDS if (value := getattr(row, name)) not in ("", None)}
    fields = {name: _plain(value) for name, value in said.items()}
    effect, before = past_effect(fields, attended.get((cadre.pk, row.session)))
    return PreviewRow(row.number, effect, who, fields, before, cadre.pk)


def past_effect(fields: Fields, attendance: PastAttendance | None) -> tuple[str, Fields]:
    """What a row does to the cadre's part in the session, and what is registered now where it differs."""
    if attendance is None:
        return Effect.NEW, {}
    now = {name: _plain(getattr(attendance, name)) for name in fields}
    before = {name: now[name] for name in fields if now[name] != fields[name]}
    return (Effect.CHANGED, before) if before else (Effect.SAME, {})


class _Matcher:
    """Finds whom the rows of an old list mean, in three queries."""

    def __init__(self, reading: PastReading) -> None:
        self.columns = {column.field: column.label for column in reading.columns if column.field}
        self.by_id = cadres_by_id_number(row.id_number for row in reading.rows)
        self.by_name: dict[str, list[Cadre]] = {}
        names = {row.name for row in reading.rows if row.name and not row.id_number}
        for cadre in Cadre.objects.filter(name__in=names).select_related("unit").order_by("pk"):
            self.by_name.setdefault(cadre.name, []).append(cadre)
        met = {cadre.pk for cadre in self.by_id.values()} | {c.pk for found in self.by_name.values() for c in found}
        parts = PastAttendance.objects.filter(cadre__in=met).order_by("pk")
        self.attended = {(part.cadre_id, part.session): part for part in parts}
        self.first_rows: dict[tuple[int, str], int] = {}

    def match(self, row: PastRow) -> tuple[Cadre | None, Finding | None]:
        """The cadre of an accepted row, or why there is none; a match worth a second look comes with a remark."""
        cadre, problem = self.by_id_number(row) if row.id_number else self.by_unit(row)
        if cadre is None:
            return None, problem
        first = self.first_rows.setdefault((cadre.pk, row.session), row.number)
        if first != row.number:
            return None, self.finding(
                row, "name", "error", "dup_row", f"与第 {first} 行是同一个人、同一期", "请核对，两行只留一行"
            )
        return cadre, problem

    def by_id_number(self, row: PastRow) -> tuple[Cadre | None, Finding | None]:
        cadre = self.by_id.get(blind_index(row.id_number))
        if cadre is None:
            return None, self.finding(
                row, "id_number", "error", "unmatched", "名册里没有这个身份证号", "请核对号码，或先把他导入干部花名册"
            )
        if cadre.name != row.name:
            return cadre, self.finding(
                row,
                "name",
                "warning",
                "name_differs",
                f"名册里这个身份证号是“{cadre.name}”",
                "按身份证号对上，请核对姓名",
            )
        return cadre, None

    def by_unit(self, row: PastRow) -> tuple[Cadre | None, Finding | None]:
        namesakes = self.by_name.get(row.name, [])
        there = [cadre for cadre in namesakes if cadre.unit.name == row.unit]
        if len(there) == 1:
            return there[0], None
        if not namesakes:
            return None, self.finding(
                row, "name", "error", "unmatched", "名册里没有这个人", "请核对姓名，或先把他导入干部花名册"
            )
        if len(namesakes) > 1:
            return None, self.finding(
                row,
                "name",
                "error",
                "ambiguous",
                f"名册里有 {len(namesakes)} 个人叫这个名字，分不清是谁",
                "请补上身份证号",
            )
        return namesakes[0], self.finding(
            row,
            "unit",
            "warning",
            "by_name_alone",
            f"名册里他在“{namesakes[0].unit}”",
            "只按姓名对上，请核对是不是同一个人",
        )

    def finding(self, row: PastRow, key: str, level: Any, kind: str, message: str, remedy: str) -> Finding:
        shown = "" if key == "id_number" else str(getattr(row, key))
        return Finding(row.number, self.columns.get(key, ""), level, kind, shown, message, remedy)


# --- both


def read_list(roster_import: RosterImport, content: bytes) -> Preview:
    """Read an import's file against the register as it is now, with the choices made so far."""
    common = {"name": roster_import.file.name, "sheet": roster_import.sheet}
    if roster_import.kind == RosterImport.Kind.PAST:
        return read_past(content, session=roster_import.session, **common)
    return read_census(content, units=roster_import.unknown_units, create_units=roster_import.create_units, **common)


def shown_value(name: str, value: Any) -> str:
    """A field's value as people read it; phones with their middle covered."""
    if name == "phone":
        return covered(str(value))
    if name == "birth" and value:
        return str(value)[:7]
    return covered(str(CHOICES.get(name, {}).get(value, "" if value is None else value)))


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime.date) else value


def _cells(reading: RosterReading | PastReading, row: RosterRow | PastRow) -> tuple[tuple[str, str], ...]:
    return tuple((column.label, row.cells[column.number - 1]) for column in reading.columns)


def _scrubbed(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    return tuple(
        replace(
            finding, column=covered(finding.column), value=covered(finding.value), message=covered(finding.message),
            remedy=covered(finding.remedy),
        )
        for finding in findings
    )  # fmt: skip
