"""An A4 worksheet ready to print: margins, grid, head that repeats, foot with version, seed and fingerprint."""

import datetime
import io
from collections.abc import Sequence

from django.utils import timezone
from openpyxl import Workbook
from openpyxl.cell import Cell
from openpyxl.styles import Alignment, Border, Font, PatternFill, Side
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.header_footer import HeaderFooterItem
from openpyxl.worksheet.properties import PageSetupProperties
from openpyxl.worksheet.worksheet import Worksheet

from accounts.models import User
from batches.models import PlanVersion
from office.spreadsheets import write_text

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
THIN = Side(style="thin", color="000000")
GRID = Border(left=THIN, right=THIN, top=THIN, bottom=THIN)
HEAD = PatternFill("solid", fgColor="F0F0F0")
CENTRE = Alignment(horizontal="center", vertical="center", wrap_text=True)
LEFT = Alignment(horizontal="left", vertical="center", wrap_text=True)
IN_CELL = Alignment(horizontal="left", vertical="center", wrap_text=True, indent=1)
TITLE = Font(name="方正小标宋简体", size=18)
BODY = Font(name="宋体", size=10.5)
BOLD = Font(name="黑体", size=10.5)
INCH = 25.4
MARGIN = 15 / INCH  # 15 mm in inches
PAGE_WIDTH = 180
"""Millimetres between the margins of an upright A4 sheet: what the columns of a paper add up to."""


def width_in_characters(millimetres: float) -> float:
    """A column's width as a worksheet states it: digits of 7 pixels at 96 dpi, beside 5 pixels of padding."""
    return round((millimetres / INCH * 96 - 5) / 7, 2)


class Paper:
    """One upright A4 worksheet written from top to bottom; `columns` are the widths in mm and fill the page's width."""

    def __init__(self, title: str, columns: Sequence[float]) -> None:
        self.book = Workbook()
        sheet = self.book.active
        assert isinstance(sheet, Worksheet)  # noqa: S101 -- a new workbook has one worksheet
        self.sheet = sheet
        sheet.title = title[:31].translate(str.maketrans("", "", "[]:*?/\\"))
        self.width = len(columns)
        for position, width in enumerate(columns, start=1):
            sheet.column_dimensions[get_column_letter(position)].width = width_in_characters(width)
        sheet.page_setup.paperSize = sheet.PAPERSIZE_A4
        sheet.page_setup.orientation = "portrait"
        sheet.page_setup.fitToWidth, sheet.page_setup.fitToHeight = 1, 0
        sheet.sheet_properties.pageSetUpPr = PageSetupProperties(fitToPage=True)
        margins = sheet.page_margins
        margins.left = margins.right = margins.top = margins.bottom = MARGIN
        margins.header = margins.footer = 7 / INCH
        sheet.print_options.horizontalCentered = True
        self.row = 0

    def _cell(self, column: int) -> Cell:
        cell = self.sheet.cell(self.row, column)
        assert isinstance(cell, Cell)  # noqa: S101 -- only later cells of a merged range are of another kind
        return cell

    def title(self, text: str) -> None:
        self._line(text, TITLE, CENTRE, 34)

    def line(self, text: str, *, height: float = 20) -> None:
        """A line of text over the whole width; a longer text wants more height."""
        self._line(text, BODY, LEFT, height)

    def pair(self, left: str, right: str, *, split: int) -> None:
        """Two texts side by side, the right one beginning at column `split` (from 0)."""
        self.row += 1
        for text, first, last in ((left, 1, split), (right, split + 1, self.width)):
            self.sheet.merge_cells(start_row=self.row, end_row=self.row, start_column=first, end_column=last)
            cell = self._cell(first)
            write_text(cell, text)
            cell.font, cell.alignment = BODY, LEFT
        self.sheet.row_dimensions[self.row].height = 17

    def _line(self, text: str, font: Font, alignment: Alignment, height: float) -> None:
        self.row += 1
        self.sheet.merge_cells(start_row=self.row, end_row=self.row, start_column=1, end_column=self.width)
        cell = self._cell(1)
        write_text(cell, text)
        cell.font, cell.alignment = font, alignment
        self.sheet.row_dimensions[self.row].height = height

    def head(self, names: Sequence[str]) -> None:
        """The table's head; it repeats on every printed page and stays in sight on the screen."""
        self._cells(names, BOLD, [CENTRE] * self.width, 24, HEAD)
        self.sheet.print_title_rows = f"{self.row}:{self.row}"
        self.sheet.freeze_panes = f"A{self.row + 1}"

    def cells(self, values: Sequence[object], *, left: Sequence[int] = (), height: float = 24) -> int:
        """A row of the table; `left` are the positions (from 0) that are left-aligned. Returns the row's number."""
        self._cells(values, BODY, [IN_CELL if i in left else CENTRE for i in range(self.width)], height, None)
        return self.row

    def _cells(
        self,
        values: Sequence[object],
        font: Font,
        alignments: Sequence[Alignment],
        height: float,
        fill: PatternFill | None,
    ) -> None:
        self.row += 1
        for position in range(self.width):
            cell = self._cell(position + 1)
            value = values[position] if position < len(values) else ""
            if isinstance(value, int):
                cell.value = value
            else:
                write_text(cell, value)
            cell.font, cell.alignment, cell.border = font, alignments[position], GRID
            if fill is not None:
                cell.fill = fill
        self.sheet.row_dimensions[self.row].height = height

    def merge_down(self, column: int, first: int, last: int) -> None:
        """Join cells of a column (from 0) that say the same, as room-mates' household."""
        if last > first:
            self.sheet.merge_cells(start_row=first, end_row=last, start_column=column + 1, end_column=column + 1)

    def foot(self, version: PlanVersion, by: User | None, at: datetime.datetime) -> None:
        """The printed foot: which plan this follows from, who printed it when, page n of m."""
        left = f"编排方案第{version.number}版  种子{version.seed}  数据指纹{version.fingerprint[:16]}"
        stamp = f"{timezone.localtime(at):%Y-%m-%d %H:%M} {by.name if by else '系统'}打印"
        right = f"{stamp.replace('&', '&&')}  第&P页，共&N页"
        self.sheet.oddFooter = HeaderFooterItem()
        for part, text in ((self.sheet.oddFooter.left, left.replace("&", "&&")), (self.sheet.oddFooter.right, right)):
            part.text, part.size = text, 8

    def content(self) -> bytes:
        stream = io.BytesIO()
        self.book.save(stream)
        return stream.getvalue()
