"""Reading a cadre roster (干部花名册): what each row says, and what is wrong with it, without touching the database.

A row with an error is refused, a row with warnings is accepted. The rules follow GB 11643 (ID numbers), GB/T 3304 and 4762,
and the habit of the archives: where the birth month and the ID number disagree, the written month stands, with a remark.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import asdict, dataclass, field
from datetime import date
from typing import Any

from cadres import vocabularies
from cadres.dates import ReadDate, read_date
from cadres.formats import SEX_LABELS, FieldProblem, is_blank, plain_text, read_phone, read_sex, read_yes
from cadres.id_numbers import IdNumber, read_id_number
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
from cadres.roster_columns import ROSTER_ALIASES, ROSTER_IGNORED, Column
from office.spreadsheets import BrokenCell, Source, Value

__all__ = ["Finding", "RosterReading", "RosterRow", "SkippedRow", "UnknownUnit", "read_roster"]

REQUIRED = {"name": "姓名", "id_number": "身份证号", "unit": "单位"}
YOUNGEST, OLDEST = 16, 100  # years; outside, a birth month is a slip of the pen
# Longest texts taken over, in characters. Beyond: the first list is refused, the second cut with a remark.
REFUSED_BEYOND = {"unit": 60, "nationality": 20, "political_status": 20, "level": 20, "rank": 20}
CUT_BEYOND = {"education": 40, "post": 100, "specialty": 100, "grassroots": 100, "staffing_kind": 20, "remarks": 200}
LABELS = {
    "unit": "单位",
    "nationality": "民族",
    "political_status": "政治面貌",
    "level": "职务层次",
    "rank": "职级",
    "education": "学历",
    "post": "职务",
    "specialty": "专长",
    "grassroots": "基层经历",
    "staffing_kind": "编制类型",
    "remarks": "备注",
    "start_work": "参加工作时间",
    "party_date": "入党时间",
}
PARTY_WORDS = ("民革", "民盟", "民建", "民进", "农工", "致公", "九三", "台盟", "无党派")


@dataclass
class RosterRow:
    """One person as the roster has them, cleaned. Empty text and None mean that the sheet says nothing."""

    number: int
    name: str = ""
    sex: str = ""
    birth: date | None = None
    id_number: str = ""
    nationality: str = ""
    political_status: str = ""
    education: str = ""
    unit: str = ""
    post: str = ""
    level: str = ""
    rank: str = ""
    leading: bool | None = None
    specialty: str = ""
    grassroots: str = ""
    phone: str = ""
    start_work: date | None = None
    party_date: date | None = None
    staffing_kind: str = ""
    remarks: str = ""
    accepted: bool = True
    existing: Any = None
    cells: tuple[str, ...] = field(default=(), repr=False)

    def as_dict(self) -> dict[str, Any]:
        """The person's particulars for JSON: dates in ISO form; without `accepted`, `existing` and the raw cells."""
        values = {key: value for key, value in asdict(self).items() if key not in ("accepted", "existing", "cells")}
        return {key: value.isoformat() if isinstance(value, date) else value for key, value in values.items()}


@dataclass(frozen=True)
class RosterReading:
    """All that was read from one sheet. Row numbers are the sheet's own."""

    sheet: str
    heading_row: int
    columns: tuple[Column, ...]
    rows: tuple[RosterRow, ...]
    findings: tuple[Finding, ...]
    skipped: tuple[SkippedRow, ...]
    unknown_units: tuple[UnknownUnit, ...]
    notes: tuple[str, ...]

    @property
    def accepted(self) -> tuple[RosterRow, ...]:
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

    @property
    def fields(self) -> frozenset[str]:
        """The fields the sheet has columns for; what is not among them should be left as it is."""
        return frozenset(column.field for column in self.columns if column.field)

    def as_dict(self) -> dict[str, Any]:
        """The public form: sheet, number of rows and of accepted ones, findings."""
        return {
            "sheet": self.sheet,
            "rows": len(self.rows),
            "accepted": len(self.accepted),
            "findings": [finding.as_dict() for finding in self.findings],
        }


def read_roster(
    source: Source,
    *,
    known_units: Collection[str] | Mapping[str, str],
    existing: Mapping[str, Any] | None = None,
    name: str = "",
    sheet: str | None = None,
    today: date | None = None,
) -> RosterReading:
    """Read a roster from bytes, a path or an open file.

    `known_units` are the registered names, or a mapping from spellings (former names too) to them. `existing` maps ID numbers
    to whatever the caller keeps of that person and comes back on the row. `name` is the file's name for messages, `sheet` the
    sheet to read (else the first visible one with a heading). Raises UnreadableWorkbook; everything else is a finding.
    """
    found = find_list(source, name=name, sheet=sheet, aliases=ROSTER_ALIASES, ignored=ROSTER_IGNORED, required=REQUIRED)
    findings = Findings(found.heading)
    skipped: list[SkippedRow] = []
    reader = _RowReader(found, findings, UnitNames(known_units), today or today_in_county())
    rows = [
        reader.read(number, cells)
        for number, cells in rows_of_people(found, findings, skipped, ("name", "id_number", "phone"))
    ]
    for row in rows:
        row.accepted = row.number not in findings.rows_with_errors
        row.existing = (existing or {}).get(row.id_number) if row.id_number else None
    return RosterReading(
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
    """Reads one row after another and remembers who was met before."""

    def __init__(self, found: FoundList, findings: Findings, units: UnitNames, today: date) -> None:
        self.columns = found.heading.fields
        self.date1904 = found.sheet.date1904
        self.findings = findings
        self.units = units
        self.today = today
        self.first_row_of_id: dict[str, int] = {}
        self.first_of_person: dict[tuple[str, date], tuple[int, str]] = {}
        self.number = 0
        self.cells: list[Value] = []

    def read(self, number: int, cells: list[Value]) -> RosterRow:
        """One row as a person; problems become findings."""
        self.number, self.cells = number, cells
        row = RosterRow(number, cells=tuple(plain_text(cell) for cell in cells))
        row.name = self.take("name", read_name, "")
        if not row.name and not self.has_error("name"):
            self.error("name", "name_missing", "没有姓名", "请补上姓名")
        identity = self.identity()
        row.id_number = identity.number if identity else ""
        row.sex = self.sex(identity)
        row.birth = self.birth(identity)
        row.unit = self.unit()
        row.phone = self.take("phone", read_phone, "")
        row.nationality = self.listed("nationality", vocabularies.nationality)
        row.political_status = self.listed("political_status", vocabularies.political_status)
        row.level, row.rank = self.level_and_rank()
        row.education = next(
            (text for key in ("education", "education_in_service", "education_full_time") if (text := self.text(key))),
            "",
        )
        for key in ("post", "specialty", "grassroots", "staffing_kind", "remarks"):
            setattr(row, key, self.text(key))
        row.leading = self.findings.read(number, "leading", self.cell("leading"), read_yes, None, level="warning")
        row.start_work = self.past_date("start_work")
        row.party_date = self.party_date()
        self.note_namesake(row)
        return row

    def cell(self, key: str) -> Value:
        column = self.columns.get(key)
        return self.cells[column.number - 1] if column else None

    def take(self, key: str, reader: Callable[[Value], Any], default: Any) -> Any:
        return self.findings.read(self.number, key, self.cell(key), reader, default)

    def error(self, key: str, kind: str, message: str, remedy: str) -> None:
        self.findings.add(self.number, key, "error", kind, self.cell(key), message, remedy)

    def warn(self, key: str, kind: str, message: str, remedy: str) -> None:
        self.findings.add(self.number, key, "warning", kind, self.cell(key), message, remedy)

    def has_error(self, key: str) -> bool:
        """Whether this row's cell of `key` has been found wrong already."""
        label = self.columns[key].label
        return any(finding.column == label and finding.row == self.number for finding in self.findings.all[-20:])

    def identity(self) -> IdNumber | None:
        identity = self.take("id_number", lambda value: read_id_number(value, today=self.today), None)
        if identity is None:
            if not self.has_error("id_number"):
                self.error("id_number", "id_missing", "没有身份证号", "请填 18 位身份证号")
            return None
        first = self.first_row_of_id.setdefault(identity.number, self.number)
        if first != self.number:
            self.error("id_number", "dup_id", f"与第 {first} 行身份证号相同", "请核对，两行只留一行")
        return identity

    def sex(self, identity: IdNumber | None) -> str:
        sex = self.take("sex", read_sex, "")
        if identity is None or sex == identity.sex:
            return sex
        if sex:
            self.warn(
                "sex",
                "sex_conflict",
                f"性别与身份证号不符，身份证号是{SEX_LABELS[identity.sex]}",
                "照表中填写读入，请核对",
            )
            return sex
        if "sex" in self.columns and is_blank(self.cell("sex")):
            self.warn("sex", "sex_missing", "没有性别", f"已按身份证号填为{SEX_LABELS[identity.sex]}，请核对")
        return identity.sex

    def birth(self, identity: IdNumber | None) -> date | None:
        """The birth month as its first day; without a column or a value, that of the ID number."""
        value = self.cell("birth")
        if is_blank(value):
            if identity is None:
                return None
            if "birth" in self.columns:
                self.warn("birth", "birth_missing", "没有出生年月", f"已按身份证号填为 {identity.birth:%Y.%m}，请核对")
            return identity.birth.replace(day=1)
        read = self.findings.read(self.number, "birth", value, self.read_birth, None)
        if read is None:
            return None
        month = self.settled_month(read, identity)
        if month is None:
            return None
        if month > self.today:
            self.error("birth", "birth_future", f"出生年月 {month:%Y.%m} 还没有到", "请照档案改正")
        elif not YOUNGEST <= self.today.year - month.year <= OLDEST:
            self.error(
                "birth",
                "birth_impossible",
                f"按出生年月 {month:%Y.%m} 算，年龄是 {self.today.year - month.year} 岁",
                "请照档案改正",
            )
        elif identity and month != identity.birth.replace(day=1):
            self.warn(
                "birth",
                "birth_conflict",
                f"出生年月 {month:%Y.%m} 与身份证号的 {identity.birth:%Y.%m} 不符",
                "以干部档案为准；照表中填写读入，请核对",
            )
        return month

    def read_birth(self, value: Value) -> ReadDate | None:
        try:
            return read_date(value, date1904=self.date1904)
        except FieldProblem as problem:
            raise FieldProblem("birth_rubbish", problem.what, problem.remedy) from problem

    def settled_month(self, read: ReadDate, identity: IdNumber | None) -> date | None:
        """Decide between January and October by the ID number; None (and a finding) when it cannot decide."""
        month = read.value.replace(day=1)
        if read.other is None:
            return month
        by_identity = identity.birth.replace(day=1) if identity else None
        if by_identity in (month, read.other):
            return by_identity
        if read.certain:
            return month
        self.error(
            "birth",
            "birth_ambiguous",
            f"“{plain_text(self.cell('birth'))}”分不清是 1 月还是 10 月",
            "请改成“.01”或“.10”两位月份",
        )
        return None

    def unit(self) -> str:
        value = self.cell("unit")
        if isinstance(value, BrokenCell):
            self.findings.add_broken(self.number, "unit", value)
            return ""
        name, known = self.units.look_up(value, self.number)
        if not name:
            self.error("unit", "unit_missing", "没有单位", "请填写所在单位")
        elif len(name) > REFUSED_BEYOND["unit"]:
            self.error(
                "unit", "too_long", f"单位名称有 {len(name)} 个字，超过 {REFUSED_BEYOND['unit']} 个字", "请只填单位名称"
            )
            return name[: REFUSED_BEYOND["unit"]]
        elif not known:
            like = self.units.suggestion(name)
            self.error(
                "unit",
                "unit_unknown",
                f"单位表里没有“{name}”",
                f"是不是“{like}”？是就改成它，不是请先登记这个单位" if like else "请改成已登记的单位，或先登记这个单位",
            )
        return name

    def text(self, key: str) -> str:
        """A text within its length; too long, it is refused or cut, with a finding either way."""
        value = self.cell(key)
        if isinstance(value, BrokenCell):
            self.findings.add_broken(self.number, key, value)
            return ""
        if is_blank(value):
            return ""
        text = plain_text(value)
        if len(text) > (limit := REFUSED_BEYOND.get(key, len(text))):
            self.error(key, "too_long", f"{LABELS[key]}有 {len(text)} 个字，超过 {limit} 个字", "请写短后重新上传")
            return ""
        limit = CUT_BEYOND.get(key, CUT_BEYOND["education"] if key.startswith("education") else len(text))
        if len(text) > limit:
            label = LABELS.get(key, LABELS["education"])
            self.warn(
                key, "cut", f"{label}有 {len(text)} 个字，超过 {limit} 个字", f"只读入前 {limit} 个字；要全留请写短"
            )
        return text[:limit]

    def listed(self, key: str, look_up: Callable[[str], tuple[str, bool]]) -> str:
        """A text from a fixed list; one that the list does not have is kept, with a remark."""
        written = self.text(key)
        value, known = look_up(written) if written else ("", True)
        if not known:
            self.warn(key, f"{key}_unlisted", f"{LABELS[key]}“{written[:20]}”不在常用表里", "照填写读入，请核对")
        return value

    def level_and_rank(self) -> tuple[str, str]:
        """Level and rank, told apart by the value: counties write either into a column headed 级别."""
        values = {"level": "", "rank": ""}
        for key in ("level", "rank"):
            written = self.text(key)
            if not written:
                continue
            meanings = {"level": vocabularies.level(written), "rank": vocabularies.rank(written)}
            other = "rank" if key == "level" else "level"
            target = other if meanings[other][1] and not meanings[key][1] else key
            values[target] = values[target] or meanings[target][0]
            if not meanings[target][1]:
                self.warn(key, f"{key}_unlisted", f"{LABELS[key]}“{written[:20]}”不在常用表里", "照填写读入，请核对")
        return values["level"], values["rank"]

    def past_date(self, key: str) -> date | None:
        """An optional date in the past; what cannot be read for certain is left out with a remark, never guessed."""
        read = self.findings.read(
            self.number,
            key,
            self.cell(key),
            lambda value: read_date(value, date1904=self.date1904),
            None,
            level="warning",
        )
        if read is None:
            return None
        if not read.certain:
            self.warn(key, "date_ambiguous", f"{LABELS[key]}分不清是 1 月还是 10 月", "请改成两位月份；这一格没有读入")
            return None
        if read.value > self.today:
            self.warn(key, "date_future", f"{LABELS[key]} {read.value:%Y.%m} 还没有到", "请核对；这一格没有读入")
            return None
        return read.value

    def party_date(self) -> date | None:
        """The date of joining the Party; for members of other parties the column holds a party's name instead."""
        value = self.cell("party_date")
        text = plain_text(value) if isinstance(value, str) else ""
        return None if any(word in text for word in PARTY_WORDS) else self.past_date("party_date")

    def note_namesake(self, row: RosterRow) -> None:
        """Remark on one name and birth month under two ID numbers: one person twice, or two people."""
        if not (row.name and row.birth and row.id_number):
            return
        number, id_number = self.first_of_person.setdefault((row.name, row.birth), (row.number, row.id_number))
        if id_number != row.id_number:
            self.warn(
                "name", "namesake", f"与第 {number} 行姓名、出生年月相同，身份证号不同", "请核对是两个人还是填错了号码"
            )
