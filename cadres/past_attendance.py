"""Reading the name lists of earlier sessions: who took part in which one, in which class, from when to when, with what outcome.

Old lists often lack ID numbers; such rows are read with a remark, and whom they mean is for the caller to decide by name and
unit, never by name alone.
"""

from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, field
from datetime import date
from typing import Any

from cadres.dates import ReadDate, end_of_month, read_date, read_range
from cadres.formats import is_blank, plain_text
from cadres.id_numbers import read_id_number
from cadres.list_reading import (
    Finding,
    Findings,
    FoundList,
    SkippedRow,
    UnitNames,
    UnknownUnit,
    find_list,
    rows_of_people,
    today_in_county,
)
from cadres.names import read_name
from cadres.roster_columns import PAST_ALIASES, PAST_IGNORED, Column
from office.spreadsheets import BrokenCell, Source, Value

REQUIRED = {"name": "姓名", "session": "期次"}
LONGEST = {"session": 60, "class_name": 60, "outcome": 60}
LABELS = {"session": "期次", "class_name": "班级", "outcome": "结果"}


@dataclass
class PastRow:
    """One person's part in one earlier session. Empty text and None mean that the list says nothing.

    `last_day` is the last day itself; where only months are written, the first and the last day of the months.
    """

    number: int
    name: str = ""
    id_number: str = ""
    unit: str = ""
    session: str = ""
    class_name: str = ""
    first_day: date | None = None
    last_day: date | None = None
    outcome: str = ""
    accepted: bool = True
    cells: tuple[str, ...] = field(default=(), repr=False)

    def as_dict(self) -> dict[str, Any]:
        """For JSON: dates in ISO form; without `accepted` and the raw cells."""
        values = {key: value for key, value in asdict(self).items() if key not in ("accepted", "cells")}
        return {key: value.isoformat() if isinstance(value, date) else value for key, value in values.items()}


@dataclass(frozen=True)
class PastReading:
    """All that was read from one old list. Row numbers are the sheet's own."""

    sheet: str
    heading_row: int
    columns: tuple[Column, ...]
    rows: tuple[PastRow, ...]
    findings: tuple[Finding, ...]
    skipped: tuple[SkippedRow, ...]
    unknown_units: tuple[UnknownUnit, ...]
    notes: tuple[str, ...]

    @property
    def accepted(self) -> tuple[PastRow, ...]:
        """Rows without an error."""
        return tuple(row for row in self.rows if row.accepted)

    @property
    def rows_with_errors(self) -> tuple[int, ...]:
        """Numbers of the rows that are refused."""
        return tuple(row.number for row in self.rows if not row.accepted)

    @property
    def unknown_columns(self) -> tuple[str, ...]:
        """Headings nothing is done with because nobody knows what they hold."""
        return tuple(column.label for column in self.columns if not column.field and not column.ignored)


def read_past_attendance(
    source: Source,
    *,
    known_units: Collection[str] | Mapping[str, str] = (),
    session: str = "",
    name: str = "",
    sheet: str | None = None,
    today: date | None = None,
) -> PastReading:
    """Read an old session's list from bytes, a path or an open file.

    `session` names the session for lists that have no column for it. `known_units` as for `read_roster`; a unit that is not
    among them is only remarked on, since units are renamed and merged. Raises UnreadableWorkbook; all else is a finding.
    """
    required = {key: label for key, label in REQUIRED.items() if not (key == "session" and session)}
    found = find_list(source, name=name, sheet=sheet, aliases=PAST_ALIASES, ignored=PAST_IGNORED, required=required)
    findings = Findings(found.heading)
    skipped: list[SkippedRow] = []
    reader = _RowReader(found, findings, UnitNames(known_units), session, today or today_in_county())
    rows = [
        reader.read(number, cells) for number, cells in rows_of_people(found, findings, skipped, ("name", "id_number"))
    ]
    for row in rows:
        row.accepted = row.number not in findings.rows_with_errors
    return PastReading(
        sheet=found.sheet.name,
        heading_row=found.heading.first_row,
        columns=found.heading.columns,
        rows=tuple(rows),
        findings=findings.sorted(),
        skipped=tuple(skipped),
        unknown_units=reader.units.unknown(),
        notes=found.notes,
    )


class _RowReader:
    """Reads one row after another and remembers who was met before in which session."""

    def __init__(self, found: FoundList, findings: Findings, units: UnitNames, session: str, today: date) -> None:
        self.columns = found.heading.fields
        self.date1904 = found.sheet.date1904
        self.findings = findings
        self.units = units
        self.session = session
        self.today = today
        self.first_rows: dict[tuple[str, ...], int] = {}

    def read(self, number: int, cells: list[Value]) -> PastRow:
        """One row as a person's part in a session; problems become findings."""
        row = PastRow(number, cells=tuple(plain_text(cell) for cell in cells))
        values = {key: cells[column.number - 1] for key, column in self.columns.items()}
        before = len(self.findings.all)
        row.name = self.findings.read(number, "name", values["name"], read_name, "")
        if not row.name and len(self.findings.all) == before:
            self.findings.add(number, "name", "error", "name_missing", None, "没有姓名", "请补上姓名")
        row.id_number = self.id_number(number, values.get("id_number"))
        row.unit = self.unit(number, values.get("unit"), row.id_number)
        for key in ("session", "class_name", "outcome"):
            setattr(row, key, self.text(number, key, values.get(key)))
        if "session" not in self.columns or is_blank(values["session"]):
            row.session = self.session
            if not row.session:
                self.findings.add(
                    number, "session", "error", "session_missing", None, "没有期次", "请填写参加的是哪一期"
                )
        row.first_day, row.last_day = self.days(number, values)
        self.refuse_repetition(row)
        return row

    def id_number(self, number: int, value: Value) -> str:
        before = len(self.findings.all)
        identity = self.findings.read(
            number, "id_number", value, lambda cell: read_id_number(cell, today=self.today), None
        )
        if identity is None and len(self.findings.all) == before:
            self.findings.add(
                number, "id_number", "warning", "id_missing", None, "没有身份证号", "将按姓名和单位对人，请在预览里核对"
            )
        return identity.number if identity else ""

    def unit(self, number: int, value: Value, id_number: str) -> str:
        if isinstance(value, BrokenCell):
            self.findings.add_broken(number, "unit", value)
            return ""
        name, known = self.units.look_up(value, number)
        if not name and not id_number:
            self.findings.add(
                number, "unit", "error", "unit_missing", value, "单位和身份证号都没有，认不出是谁", "请补上其中一样"
            )
        elif name and not known and self.units.by_key:
            like = self.units.suggestion(name)
            remedy = f"是不是“{like}”？请核对" if like else "改过名的请在单位资料里登记曾用名"
            self.findings.add(number, "unit", "warning", "unit_unknown", value, f"单位表里没有“{name[:30]}”", remedy)
        return name

    def text(self, number: int, key: str, value: Value) -> str:
        if isinstance(value, BrokenCell):
            self.findings.add_broken(number, key, value)
            return ""
        text = "" if is_blank(value) else plain_text(value)
        if len(text) > LONGEST[key]:
            self.findings.add(
                number,
                key,
                "error",
                "too_long",
                value,
                f"{LABELS[key]}有 {len(text)} 个字，超过 {LONGEST[key]} 个字",
                "请写短后重新上传",
            )
        return text[: LONGEST[key]]

    def days(self, number: int, values: Mapping[str, Value]) -> tuple[date | None, date | None]:
        """First and last day, from one column with both or from two; an end before the beginning is an error."""

        def one(cell: Value) -> ReadDate | None:
            return read_date(cell, date1904=self.date1904)

        start = self.findings.read(number, "start", values.get("start"), one, None, level="warning")
        end = self.findings.read(number, "end", values.get("end"), one, None, level="warning")
        key = "start" if "start" in self.columns else "period"
        if start is None and end is None:
            both = self.findings.read(
                number,
                "period",
                values.get("period"),
                lambda cell: read_range(cell, date1904=self.date1904),
                None,
                level="warning",
            )
            start, end = both or (None, None)
        if any(read is not None and not read.certain for read in (start, end)):
            self.findings.add(
                number,
                key,
                "warning",
                "date_ambiguous",
                values.get(key),
                "起止时间分不清是 1 月还是 10 月",
                "请改成两位月份；这一格没有读入",
            )
            return None, None
        first_day = start.value if start else None
        last_day = (end.value if end.has_day else end_of_month(end.value)) if end else None
        if first_day and last_day and last_day < first_day:
            self.findings.add(number, key, "error", "dates_reversed", values.get(key), "结束早于开始", "请核对起止时间")
        elif first_day and first_day > self.today:
            self.findings.add(
                number, key, "error", "date_future", values.get(key), "开始时间还没有到", "这里只收以往各期；请核对"
            )
        return first_day, last_day

    def refuse_repetition(self, row: PastRow) -> None:
        """Refuse a second row of the same person (by ID number, else by name and unit) in the same session."""
        who = (row.id_number,) if row.id_number else (row.name, row.unit)
        if not all(who) or not row.session:
            return
        first = self.first_rows.setdefault((*who, row.session), row.number)
        if first != row.number:
            field_name = "id_number" if row.id_number else "name"
            shown = row.id_number or row.name
            self.findings.add(
                row.number,
                field_name,
                "error",
                "dup_row",
                shown,
                f"与第 {first} 行是同一个人、同一期",
                "请核对，两行只留一行",
            )
