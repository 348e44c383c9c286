"""Spreadsheets in and out: reading an uploaded workbook safely, and writing text that stays text.

Reading: `open_workbook(data)` checks the file (`workbook_checks`), `workbook.read(sheet)` scans the sheet (`sheet_scan`) and
only then lays it out, merged cells filled. Formulas are never calculated: a cell has the result that was saved with it, or
says that it has none.
"""

import os
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import cached_property
from io import BytesIO
from pathlib import Path, PurePosixPath
from typing import IO, TypeVar

from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE, Cell
from python_calamine import CalamineError, CalamineWorkbook, PasswordError, SheetTypeEnum, SheetVisibleEnum

from office.sheet_scan import (
    MAX_CELLS,
    MAX_COLUMNS,
    MAX_ROWS,
    SheetFacts,
    read_elements,
    refuse_document_types,
    scan_sheet,
    shared_text_lengths,
)
from office.workbook_checks import (
    MAX_FILE_BYTES,
    UnreadableWorkbook,
    checked_package,
    damaged,
    protected,
    suspicious,
)

__all__ = [
    "MAX_CELLS",
    "MAX_COLUMNS",
    "MAX_FILE_BYTES",
    "MAX_ROWS",
    "BrokenCell",
    "Merge",
    "Sheet",
    "Source",
    "UnreadableWorkbook",
    "Value",
    "Workbook",
    "open_workbook",
    "write_text",
]

MAX_SHEETS = 100
MAX_MERGES = 50_000
MAX_TEXT = 32_767  # what a cell of an .xlsx holds
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


@dataclass(frozen=True)
class BrokenCell:
    """A cell without a usable value: an error such as #REF!, or (empty text) a formula whose result was not saved."""

    error: str = ""

    def __str__(self) -> str:
        return self.error


Value = str | int | float | bool | date | datetime | time | timedelta | BrokenCell | None
Result = TypeVar("Result")
Source = bytes | str | os.PathLike[str] | IO[bytes]


@dataclass(frozen=True)
class Merge:
    """A merged range, numbered from 1, both ends included."""

    first_row: int
    first_column: int
    last_row: int
    last_column: int


@dataclass(frozen=True)
class Sheet:
    """A sheet laid out in full. `rows[0]` is row `first_row_number` of the sheet; empty cells are None."""

    name: str
    rows: list[list[Value]]
    merges: tuple[Merge, ...] = ()
    hidden_rows: frozenset[int] = frozenset()
    hidden_columns: frozenset[int] = frozenset()
    date1904: bool = False
    first_row_number: int = 1


class Workbook:
    """A checked workbook whose sheets are read one at a time."""

    def __init__(self, package: BytesIO) -> None:
        self._archive = zipfile.ZipFile(package)
        self._parts = {name.lower(): name for name in self._archive.namelist()}
        self._paths, self.date1904 = self._read_contents()
        for name in self._archive.namelist():
            with self._archive.open(name) as part:
                refuse_document_types(part)
        package.seek(0)
        self._reader = _guarded(CalamineWorkbook.from_filelike, package)
        listed = [sheet for sheet in self._reader.sheets_metadata if sheet.typ == SheetTypeEnum.WorkSheet]
        if len(listed) > MAX_SHEETS:
            raise suspicious("工作表过多")
        self.visible_sheets = tuple(sheet.name for sheet in listed if sheet.visible == SheetVisibleEnum.Visible)
        self.hidden_sheets = tuple(sheet.name for sheet in listed if sheet.visible != SheetVisibleEnum.Visible)

    @property
    def sheets(self) -> tuple[str, ...]:
        """Names of all sheets, those that the eye sees first."""
        return self.visible_sheets + self.hidden_sheets

    def read(self, name: str) -> Sheet:
        """Lay out one sheet, merged cells filled; raises UnreadableWorkbook when it is too large or damaged."""
        if name not in self.sheets:
            raise UnreadableWorkbook(
                "sheet_unknown", f"文件里没有表“{name}”。现有的表：{'、'.join(self.sheets)}。请重新选择。"
            )
        path = self._parts.get(self._paths.get(name, ""))
        if path is None:
            raise damaged()
        with self._archive.open(path) as part:
            facts = scan_sheet(part, sheet=name, shared=self._shared_text_lengths)
        sheet = _guarded(self._reader.get_sheet_by_name, name)
        rows = _laid_out(_guarded(lambda: sheet.to_python(skip_empty_area=False)), facts)
        merges = _merges(sheet.merged_cell_ranges or [])
        _fill_merges(rows, merges, facts)
        return Sheet(
            name=name,
            rows=rows,
            merges=merges,
            hidden_rows=frozenset(row for row in facts.hidden_rows if row <= len(rows)),
            hidden_columns=frozenset(column for column in facts.hidden_columns if column <= facts.last_column),
            date1904=self.date1904,
        )

    @cached_property
    def _shared_text_lengths(self) -> Sequence[int]:
        path = self._parts.get("xl/sharedstrings.xml")
        if path is None:
            return ()
        with self._archive.open(path) as part:
            return shared_text_lengths(part)

    def _read_contents(self) -> tuple[dict[str, str], bool]:
        """Which part holds which sheet, and whether serial dates count from 1904."""
        targets: dict[str, str] = {}
        for tag, attributes in self._elements("xl/_rels/workbook.xml.rels"):
            if tag == "Relationship":
                target = attributes.get("Target", "").replace("\\", "/")
                path = target.lstrip("/") if target.startswith("/") else str(PurePosixPath("xl") / target)
                targets[attributes.get("Id", "")] = path.lower()
        paths: dict[str, str] = {}
        date1904 = False
        for tag, attributes in self._elements("xl/workbook.xml"):
            if tag == "sheet":
                relation = next((value for key, value in attributes.items() if key.rpartition(":")[2] == "id"), "")
                paths.setdefault(attributes.get("name", ""), targets.get(relation, ""))
            elif tag == "workbookPr":
                date1904 = attributes.get("date1904") in ("1", "true")
        return paths, date1904

    def _elements(self, path: str) -> list[tuple[str, dict[str, str]]]:
        if path not in self._parts:
            raise damaged()
        with self._archive.open(self._parts[path]) as part:
            return list(read_elements(part))


def open_workbook(source: Source, *, name: str = "") -> Workbook:
    """Check an uploaded file and open it as a workbook.

    Takes the bytes, a path or an open binary file; `name` is the uploaded file's name, used in messages. Raises
    UnreadableWorkbook with the cause and the cure for anything but a sound .xlsx within the limits of this module.
    """
    if isinstance(source, bytes):
        data = source
    elif isinstance(source, str | os.PathLike):
        path = Path(source)
        name = name or path.name
        with path.open("rb") as file:
            data = file.read(MAX_FILE_BYTES + 1)
    else:
        data = source.read(MAX_FILE_BYTES + 1)
    return Workbook(checked_package(data, name=name))


def write_text(cell: Cell, value: object) -> None:
    """Put a value into a cell as text, for good: names, ID numbers, phones, dates, anything a person typed.

    The cell gets the number format @, so that digits stay as they are; text that looks like a formula is stored as text and
    marked so that editing the cell does not make it one. Characters an .xlsx cannot hold are left out.
    """
    cell.number_format = "@"
    if value is None:
        cell.value = None
        return
    text = value.isoformat(sep=" ") if isinstance(value, datetime) else str(value)
    text = ILLEGAL_CHARACTERS_RE.sub("", text).encode("utf-8", "ignore").decode()[:MAX_TEXT]
    cell.value = text
    cell.data_type = "s"
    if text.startswith(FORMULA_STARTS):
        cell.quotePrefix = True


def _guarded(call: Callable[..., Result], *arguments: object) -> Result:
    """Call the reader; whatever it dislikes becomes one error. It panics (no Exception) on some broken files."""
    try:
        return call(*arguments)
    except PasswordError as error:
        raise protected() from error
    except (CalamineError, OSError, ValueError, OverflowError) as error:
        raise damaged() from error
    except BaseException as error:
        if type(error).__name__ == "PanicException":
            raise damaged() from None
        raise


def _laid_out(grid: Sequence[Sequence[object]], facts: SheetFacts) -> list[list[Value]]:
    """The reader's grid as our values, within the used area, broken cells marked."""
    rows: list[list[Value]] = [
        [_value(cell) for cell in row[: facts.last_column]] + [None] * (facts.last_column - len(row))
        for row in grid[: facts.last_row]
    ]
    rows.extend([None] * facts.last_column for _ in range(facts.last_row - len(rows)))
    for row, column in facts.unvalued_formulas:
        rows[row - 1][column - 1] = BrokenCell()
    for (row, column), error in facts.error_cells.items():
        rows[row - 1][column - 1] = BrokenCell(error)
    return rows


def _value(cell: object) -> Value:
    if cell == "":
        return None
    # Excel keeps 15 digits; a larger whole number has lost some and must stay recognisable as a float.
    if isinstance(cell, float) and cell.is_integer() and abs(cell) < 1e15:
        return int(cell)
    if isinstance(cell, str) and len(cell) > MAX_TEXT:
        return cell[:MAX_TEXT]
    return cell  # type: ignore[return-value]  # the reader's types are those of Value


def _merges(ranges: list[tuple[tuple[int, int], tuple[int, int]]]) -> tuple[Merge, ...]:
    if len(ranges) > MAX_MERGES:
        raise suspicious("合并单元格过多")
    return tuple(
        Merge(first_row + 1, first_column + 1, last_row + 1, last_column + 1)
        for (first_row, first_column), (last_row, last_column) in ranges
    )


def _fill_merges(rows: list[list[Value]], merges: tuple[Merge, ...], facts: SheetFacts) -> None:
    """Give every cell of a merged range the value of its first cell, as the eye reads it."""
    budget = MAX_CELLS
    for merge in merges:
        last_row, last_column = min(merge.last_row, facts.last_row), min(merge.last_column, facts.last_column)
        if merge.first_row > last_row or merge.first_column > last_column:
            continue
        budget -= (last_row - merge.first_row + 1) * (last_column - merge.first_column + 1)
        if budget < 0:
            raise suspicious("合并单元格重叠")
        value = rows[merge.first_row - 1][merge.first_column - 1]
        for row in range(merge.first_row - 1, last_row):
            for column in range(merge.first_column - 1, last_column):
                rows[row][column] = value
