"""What reading a roster and reading an old session's list share: rows of a sheet, findings, and which rows are people."""

import re
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from difflib import get_close_matches
from typing import Literal, TypeVar
from zoneinfo import ZoneInfo

from cadres.formats import FieldProblem, is_blank, masked, plain_text, shortened
from cadres.names import read_unit_name, unit_key
from cadres.roster_columns import HEADING_WITHIN, Heading, find_heading, repeats_heading
from office.spreadsheets import BrokenCell, Sheet, Source, UnreadableWorkbook, Value, Workbook, open_workbook

LOCAL_TIME = ZoneInfo("Asia/Shanghai")
FOOTER = re.compile(
    r"(合计|总计|小计|共计|填表|制表人?[:：]|填报(?:人|单位|时间|日期)|审核人?[:：]|审批人?[:：]|负责人|经办人|联系人|单位负责人|分管领导|主要领导|签字|盖章|注[:：]|备注[:：]|说明[:：])"
)
MAX_SHOWN = 60
Result = TypeVar("Result")


@dataclass(frozen=True)
class Finding:
    """Something wrong or odd: the sheet's own row number, the column's heading, the value (numbers of people masked)."""

    row: int
    column: str
    level: Literal["error", "warning"]
    kind: str
    value: str
    message: str
    remedy: str

    def as_dict(self) -> dict[str, str | int]:
        """The public form: row, column, level and one sentence saying what is wrong and what cures it."""
        return {
            "row": self.row,
            "column": self.column,
            "level": self.level,
            "message": f"{self.message}。{self.remedy}。",
        }


@dataclass(frozen=True)
class SkippedRow:
    """A row that was not taken for a person, with its text and the reason, so that nothing disappears unseen."""

    number: int
    text: str
    reason: str


@dataclass(frozen=True)
class UnknownUnit:
    """A unit that is not registered yet: how often it occurs, its rows, and the registered name it resembles (or empty)."""

    name: str
    rows: tuple[int, ...]
    suggestion: str


@dataclass(frozen=True)
class FoundList:
    """The sheet that was chosen, its heading, and remarks on what was left aside (Chinese sentences)."""

    sheet: Sheet
    heading: Heading
    notes: tuple[str, ...]


class Findings:
    """Collects findings, and reads cells so that a problem becomes a finding instead of an exception."""

    def __init__(self, heading: Heading) -> None:
        self.columns = heading.columns
        self.fields = heading.fields
        self.all: list[Finding] = []
        self.rows_with_errors: set[int] = set()

    def add(
        self,
        row: int,
        field: str,
        level: Literal["error", "warning"],
        kind: str,
        value: Value,
        message: str,
        remedy: str,
    ) -> None:
        """Record a finding on the column of `field`; without such a column it stands for the whole row."""
        column = self.fields.get(field)
        label = column.label if column else ""
        self.all.append(Finding(row, label, level, kind, shown_value(field, value), message, remedy))
        if level == "error":
            self.rows_with_errors.add(row)

    def read(
        self,
        row: int,
        field: str,
        value: Value,
        reader: Callable[[Value], Result],
        default: Result,
        *,
        level: Literal["error", "warning"] = "error",
    ) -> Result:
        """Read one cell; a broken cell is always an error, another problem one of `level`, and `default` is returned."""
        if isinstance(value, BrokenCell):
            self.add_broken(row, field, value)
            return default
        try:
            return reader(value)
        except FieldProblem as problem:
            remedy = problem.remedy if level == "error" else f"{problem.remedy}；这一格没有读入"
            self.add(row, field, level, problem.kind, value, problem.what, remedy)
            return default

    def add_broken(self, row: int, field: str, value: BrokenCell) -> None:
        """Record a cell that holds an error, or a formula whose result was not saved."""
        if value.error:
            self.add(
                row, field, "error", "ref_error", value, f"这一格是公式错误 {value.error}", "请改成文字或数值后重新上传"
            )
        else:
            self.add(
                row,
                field,
                "error",
                "formula_no_value",
                value,
                "这一格是公式，文件里没有存结果",
                "请用 Excel 打开保存一次，或改成文字",
            )

    def sorted(self) -> tuple[Finding, ...]:
        """All findings by row, then by column from left to right."""
        order = {column.label: column.number for column in self.columns}
        return tuple(sorted(self.all, key=lambda finding: (finding.row, order.get(finding.column, 0))))


def shown_value(field: str, value: Value) -> str:
    """A cell's value for showing in a finding: short, and ID numbers and phones with their middle covered."""
    text = plain_text(value)
    if field == "id_number":
        return masked(shortened(text, length=MAX_SHOWN), head=6, tail=4)
    if field == "phone":
        return masked(shortened(text, length=MAX_SHOWN), head=3, tail=4)
    return shortened(text, length=MAX_SHOWN)


def today_in_county() -> date:
    """Today's date in the county's time."""
    return datetime.now(LOCAL_TIME).date()


def find_list(
    source: Source,
    *,
    name: str,
    sheet: str | None,
    aliases: Mapping[str, Sequence[str]],
    ignored: set[str],
    required: Mapping[str, str],
) -> FoundList:
    """Open the workbook and find the sheet with the list: the one asked for, else the first visible one with a heading.

    `required` maps fields to the heading a person would look for. Raises UnreadableWorkbook when no sheet has a heading or a
    required column is missing.
    """
    workbook = open_workbook(source, name=name)
    chosen: tuple[Sheet, Heading] | None = None
    for candidate in (sheet,) if sheet else workbook.visible_sheets:
        read = workbook.read(candidate)
        heading = find_heading(read, aliases, ignored)
        if heading:
            chosen = read, heading
            break
    if chosen is None:
        raise UnreadableWorkbook(
            "heading_missing",
            f"前 {HEADING_WITHIN} 行里找不到表头，不知道哪一列是什么。请让表头单独成行，至少有{'、'.join(required.values())}。"
            + (
                f"隐藏的表（{'、'.join(workbook.hidden_sheets)}）没有读，要读请先取消隐藏。"
                if workbook.hidden_sheets
                else ""
            ),
        )
    missing = [label for field, label in required.items() if field not in chosen[1].fields]
    if missing:
        raise UnreadableWorkbook(
            "column_missing", f"表“{chosen[0].name}”里没有“{'”“'.join(missing)}”这一列。请补上后重新上传。"
        )
    return FoundList(*chosen, notes=tuple(_notes(*chosen, workbook)))


def _notes(sheet: Sheet, heading: Heading, workbook: Workbook) -> Iterator[str]:
    others = [name for name in workbook.visible_sheets if name != sheet.name]
    if others:
        yield f"只读了表“{sheet.name}”，其余的表（{'、'.join(others)}）没有读。要读请另选。"
    hidden = [name for name in workbook.hidden_sheets if name != sheet.name]
    if hidden:
        yield f"隐藏的表（{'、'.join(hidden)}）没有读。要读请先取消隐藏。"
    hidden_columns = [column.label for column in heading.columns if column.number in sheet.hidden_columns]
    if hidden_columns:
        yield f"有隐藏的列（{'、'.join(hidden_columns)}），照常读入。不要的请删去后重新上传。"
    if heading.unknown:
        yield f"没有用到的列：{'、'.join(heading.unknown)}。"


def rows_of_people(
    found: FoundList, findings: Findings, skipped: list[SkippedRow], keys: Collection[str]
) -> Iterator[tuple[int, list[Value]]]:
    """The rows that stand for people, with the sheet's row numbers; all others that hold anything go to `skipped`.

    `keys` are the fields of which a person's row has at least one. Hidden rows are left out, as the eye leaves them out, and
    each is told as a warning.
    """
    heading, fields = found.heading, found.heading.fields
    used = [column.number - 1 for column in heading.columns if not column.ignored]
    key_columns = [fields[key].number - 1 for key in keys if key in fields]
    number_columns = [fields[key].number - 1 for key in ("id_number", "phone") if key in fields]
    for number, row in enumerate(found.sheet.rows[heading.last_row :], heading.last_row + 1):
        texts = [text for value in row if (text := plain_text(value))]
        if not any(plain_text(row[column]) for column in used) and not (texts and FOOTER.match(texts[0])):
            continue
        text = shortened(" ".join(dict.fromkeys(texts)), length=MAX_SHOWN)
        if number in found.sheet.hidden_rows:
            skipped.append(SkippedRow(number, text, "隐藏的行"))
            findings.add(
                number, "", "warning", "hidden_row", None, "这一行是隐藏的，没有读入", "要导入请取消隐藏后重新上传"
            )
        elif repeats_heading(row, heading):
            skipped.append(SkippedRow(number, text, "重复的表头"))
        elif (len(texts) > 1 and len(set(texts)) == 1) or (
            FOOTER.match(texts[0]) and all(is_blank(row[column]) for column in number_columns)
        ):
            skipped.append(SkippedRow(number, text, "合计、落款或说明"))
        elif all(is_blank(row[column]) for column in key_columns) and len(set(texts)) <= 3:
            skipped.append(SkippedRow(number, text, "没有姓名"))
        else:
            yield number, row


class UnitNames:
    """Looks up units by name, whatever blanks and widths it is written with, and keeps those that are not registered."""

    def __init__(self, known: Collection[str] | Mapping[str, str]) -> None:
        names = known if isinstance(known, Mapping) else {name: name for name in known}
        self.by_key = {unit_key(spelling): name for spelling, name in names.items()}
        self.unknown_rows: defaultdict[str, list[int]] = defaultdict(list)

    def look_up(self, written: Value, row: int) -> tuple[str, bool]:
        """The registered name and True, or the name as written and False."""
        name = read_unit_name(written)
        if not name:
            return "", False
        registered = self.by_key.get(unit_key(name))
        if registered is None:
            self.unknown_rows[name].append(row)
        return registered or name, registered is not None

    def suggestion(self, name: str) -> str:
        """The registered name that looks most like this one; empty when none does."""
        close = get_close_matches(unit_key(shortened(name)), self.by_key, n=1, cutoff=0.75)
        return self.by_key[close[0]] if close else ""

    def unknown(self) -> tuple[UnknownUnit, ...]:
        """The units that are not registered, in the order of the sheet."""
        return tuple(UnknownUnit(name, tuple(rows), self.suggestion(name)) for name, rows in self.unknown_rows.items())
