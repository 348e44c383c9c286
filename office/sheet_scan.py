"""One pass over a sheet's XML for what the fast reader does not tell.

The reader (calamine) lays a sheet out as a full grid, so a single cell in the last row and column would ask for billions of
cells; and it shows an error cell, a formula without result and an empty cell alike. This pass finds the used area, the cells
without a usable value and the hidden rows and columns, in memory that does not grow with hostile input.
"""

import re
from array import array
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import IO
from xml.parsers import expat

from office.workbook_checks import UnreadableWorkbook, damaged, suspicious

MAX_ROWS = 20_000
MAX_COLUMNS = 200
MAX_CELLS = 1_000_000
MAX_TEXT_OF_SHEET = 32 * 1024 * 1024  # characters; one shared text may stand in very many cells
MAX_HEADING_BYTES = 1024 * 1024

CELL_NAME = re.compile(r"([A-Z]{1,3})([1-9][0-9]{0,6})")
TRUE_WORDS = {"1", "true"}


def column_letters(column: int) -> str:
    """Column number (1 = A) as a spreadsheet shows it."""
    letters = ""
    while column > 0:
        column, rest = divmod(column - 1, 26)
        letters = chr(65 + rest) + letters
    return letters


def column_number(letters: str) -> int:
    """Column letters as a number (A = 1)."""
    number = 0
    for letter in letters:
        number = number * 26 + ord(letter) - 64
    return number


@dataclass
class SheetFacts:
    """What the pass found; rows and columns are numbered from 1 as the sheet shows them."""

    last_row: int = 0
    last_column: int = 0
    error_cells: dict[tuple[int, int], str] = field(default_factory=dict)
    unvalued_formulas: set[tuple[int, int]] = field(default_factory=set)
    hidden_rows: set[int] = field(default_factory=set)
    hidden_columns: set[int] = field(default_factory=set)


def read_elements(part: IO[bytes]) -> Iterator[tuple[str, dict[str, str]]]:
    """Start tags (local name, attributes) of a small part such as the list of sheets."""
    data = part.read(MAX_HEADING_BYTES + 1)
    if len(data) > MAX_HEADING_BYTES:
        raise suspicious("目录过大")
    found: list[tuple[str, dict[str, str]]] = []
    parser = _parser()
    parser.StartElementHandler = lambda tag, attributes: found.append((_local(tag), attributes))
    _parse(parser, data, final=True)
    yield from found


def refuse_document_types(part: IO[bytes]) -> None:
    """Raise UnreadableWorkbook when the part declares a document type, the way to entity bombs and outside files."""
    parser = _parser()
    began: list[str] = []
    parser.StartElementHandler = lambda tag, attributes: began.append(tag)
    while not began:
        chunk = part.read(16 * 1024)
        _parse(parser, chunk, final=not chunk)
        if not chunk:
            return


def shared_text_lengths(part: IO[bytes]) -> Sequence[int]:
    """How many characters each of the workbook's shared texts has, in their order."""
    lengths = array("L")

    def start(tag: str, attributes: dict[str, str]) -> None:
        if _local(tag) == "si":
            lengths.append(0)

    def text(data: str) -> None:
        if lengths:
            lengths[-1] += len(data)

    parser = _parser()
    parser.buffer_text = True
    parser.StartElementHandler = start
    parser.CharacterDataHandler = text
    _parse_all(parser, part)
    return lengths


def scan_sheet(part: IO[bytes], *, sheet: str, shared: Sequence[int] = ()) -> SheetFacts:
    """Read a sheet's XML once; `shared` are the lengths of the shared texts.

    Raises UnreadableWorkbook when the sheet reaches beyond what is read, or holds more text than memory should.
    """
    scan = _SheetScan(sheet, shared)
    parser = _parser()
    parser.buffer_text = True
    parser.StartElementHandler = scan.start
    parser.EndElementHandler = scan.end
    parser.CharacterDataHandler = scan.text
    _parse_all(parser, part)
    if scan.facts.last_row * scan.facts.last_column > MAX_CELLS:
        raise UnreadableWorkbook(
            "sheet_too_large",
            f"表“{sheet}”有 {scan.facts.last_row} 行、{scan.facts.last_column} 列，超出能读的大小。请分成几个文件上传。",
        )
    return scan.facts


class _SheetScan:
    """Handlers of one pass; holds the row and the cell being read."""

    def __init__(self, sheet: str, shared: Sequence[int]) -> None:
        self.facts = SheetFacts()
        self.sheet = sheet
        self.shared = shared
        self.text_left = MAX_TEXT_OF_SHEET
        self.index = ""
        self.row = 0
        self.column = 0
        self.kind = ""
        self.formula = False
        self.value = False
        self.in_value = False
        self.error = ""
        self.starts: dict[str, Callable[[dict[str, str]], None]] = {
            "row": self.start_row,
            "c": self.start_cell,
            "f": self.start_formula,
            "v": self.start_value,
            "t": self.start_value,
            "col": self.start_columns,
        }

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        handler = self.starts.get(_local(tag))
        if handler:
            handler(attributes)

    def start_row(self, attributes: dict[str, str]) -> None:
        number = attributes.get("r", "")
        if number and not (number.isascii() and number.isdigit() and len(number) <= 7):
            raise damaged()
        self.row = int(number) if number else self.row + 1
        self.column = 0
        if attributes.get("hidden") in TRUE_WORDS and self.row <= MAX_ROWS:
            self.facts.hidden_rows.add(self.row)

    def start_cell(self, attributes: dict[str, str]) -> None:
        name = attributes.get("r")
        if name is None:
            self.column += 1
        else:
            match = CELL_NAME.fullmatch(name)
            if match is None:
                raise damaged()
            self.row, self.column = int(match[2]), column_number(match[1])
        self.kind = attributes.get("t", "n")
        self.formula = self.value = self.in_value = False
        self.error = self.index = ""

    def start_formula(self, attributes: dict[str, str]) -> None:
        self.formula = True

    def start_value(self, attributes: dict[str, str]) -> None:
        self.in_value = True

    def start_columns(self, attributes: dict[str, str]) -> None:
        if attributes.get("hidden") not in TRUE_WORDS:
            return
        first, last = attributes.get("min", ""), attributes.get("max", "")
        if not (first.isascii() and first.isdigit() and last.isascii() and last.isdigit()):
            raise damaged()
        self.facts.hidden_columns.update(range(int(first[:6]), min(int(last[:6]), MAX_COLUMNS) + 1))

    def text(self, data: str) -> None:
        if self.in_value and data:
            self.value = True
            if self.kind == "e":
                self.error = (self.error + data)[:20]
            elif self.kind == "s":
                self.index = (self.index + data)[:10]

    def end(self, tag: str) -> None:
        name = _local(tag)
        if name in ("v", "t"):
            self.in_value = False
        elif name == "c":
            self.end_cell()

    def end_cell(self) -> None:
        place = (self.row, self.column)
        if not self.value:
            # A text formula may rightly result in nothing; a number formula without a value was never calculated.
            if not self.formula or self.kind == "str":
                return
            self.check_place()
            self.facts.unvalued_formulas.add(place)
        else:
            self.check_place()
            if self.kind == "e":
                self.facts.error_cells[place] = self.error
            elif self.kind == "s":
                self.count_shared_text()
        self.facts.last_row = max(self.facts.last_row, self.row)
        self.facts.last_column = max(self.facts.last_column, self.column)

    def count_shared_text(self) -> None:
        if not (self.index.isascii() and self.index.isdigit()) or int(self.index) >= len(self.shared):
            raise damaged()
        self.text_left -= self.shared[int(self.index)]
        if self.text_left < 0:
            raise UnreadableWorkbook("sheet_too_large", f"表“{self.sheet}”的文字太多。请分成几个文件上传。")

    def check_place(self) -> None:
        if self.row > MAX_ROWS or self.column > MAX_COLUMNS:
            raise UnreadableWorkbook(
                "sheet_too_large",
                f"表“{self.sheet}”的内容一直到 {column_letters(self.column)}{self.row} 单元格，"
                f"超出能读的 {MAX_ROWS} 行、{MAX_COLUMNS} 列。请删去表格以外的内容，或分成几个文件上传。",
            )


def _parser() -> expat.XMLParserType:
    parser = expat.ParserCreate()
    parser.StartDoctypeDeclHandler = _refuse_doctype
    return parser


def _refuse_doctype(*_: object) -> None:
    raise suspicious("声明了文档类型")


def _parse_all(parser: expat.XMLParserType, part: IO[bytes]) -> None:
    while chunk := part.read(256 * 1024):
        _parse(parser, chunk)
    _parse(parser, b"", final=True)


def _parse(parser: expat.XMLParserType, data: bytes, *, final: bool = False) -> None:
    try:
        parser.Parse(data, final)
    except (expat.ExpatError, ValueError, LookupError) as error:
        raise damaged() from error


def _local(tag: str) -> str:
    return tag.rpartition(":")[2]
