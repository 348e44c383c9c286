"""Spreadsheets out: the empty form to fill in, the refused rows to mend, the masked list."""

import io
from collections.abc import Iterable, Sequence
from typing import Any, cast

import openpyxl
from openpyxl.cell.cell import Cell
from openpyxl.styles import Alignment, Font, PatternFill
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.worksheet import Worksheet

from office.spreadsheets import write_text

HEAD = PatternFill("solid", fgColor="F0F0F0")
ROSTER_HEADINGS = (
    "序号", "单位", "姓名", "性别", "民族", "出生年月", "身份证号", "政治面貌", "入党时间", "参加工作时间", "学历", "现任职务",
    "职务层次", "职级", "班子成员", "人员类别", "专长", "基层工作经历", "手机号码", "备注",
)  # fmt: skip
PAST_HEADINGS = ("序号", "期次", "班级", "单位", "姓名", "身份证号", "开始时间", "结束时间", "结果")
HOW_TO_FILL = {
    "roster": (
        "每人一行，姓名、身份证号、单位必填，其余没有的空着。",
        "身份证号、手机号码两列已设为文本格式，请直接填 18 位、11 位数字，不要用公式。",
        "出生年月填成 1990.05 的样子；只有一位月份时补零。",
        "单位写全称；没有登记过的单位，上传后可以一并建立。",
        "同一身份证号再次导入，只更新变了的项目，不会重复。",
    ),
    "past": (
        "每人每期一行，姓名、期次必填。",
        "身份证号、单位至少填一样，用来对人。",
        "日期填成 2025-03-07 或 2025年3月；没有的空着。",
        "先导入干部花名册，再导入以往名单。",
    ),
}
WIDTHS = {"单位": 22, "身份证号": 22, "现任职务": 22, "手机号码": 15, "备注": 24, "问题与改法": 60, "基层工作经历": 18}


def empty_form(kind: str) -> bytes:
    """A workbook with the headings to fill in and a second sheet that says how; `kind` is "roster" or "past"."""
    headings = ROSTER_HEADINGS if kind == "roster" else PAST_HEADINGS
    book = openpyxl.Workbook()
    sheet = cast(Worksheet, book.active)
    sheet.title = "干部花名册" if kind == "roster" else "以往名单"
    _head(sheet, 1, headings)
    for row in range(2, 502):
        for column in range(1, len(headings) + 1):
            sheet.cell(row, column).number_format = "@"
    notes = book.create_sheet("填写说明")
    notes.column_dimensions["A"].width = 90
    for row, line in enumerate(HOW_TO_FILL[kind], 1):
        write_text(cast(Cell, notes.cell(row, 1)), f"{row}．{line}")
    return _saved(book)


def table(headings: Sequence[str], rows: Iterable[Sequence[object]], *, title: str, foot: str = "") -> bytes:
    """A workbook with one sheet of texts: headings in row 1, and a last line that says whose copy it is."""
    book = openpyxl.Workbook()
    sheet = cast(Worksheet, book.active)
    sheet.title = title
    _head(sheet, 1, headings)
    number = 1
    for number, row in enumerate(rows, 2):
        for column, value in enumerate(row, 1):
            cell = cast(Cell, sheet.cell(number, column))
            write_text(cell, value)
            cell.alignment = Alignment(vertical="top", wrap_text=headings[column - 1] == "问题与改法")
    if foot:
        write_text(cast(Cell, sheet.cell(number + 2, 1)), foot)
        footer: Any = sheet.oddFooter
        footer.center.text = foot.replace("&", "＆")
    return _saved(book)


def _head(sheet: Worksheet, row: int, headings: Sequence[str]) -> None:
    for column, heading in enumerate(headings, 1):
        cell = cast(Cell, sheet.cell(row, column))
        write_text(cell, heading)
        cell.font, cell.fill = Font(bold=True), HEAD
        sheet.column_dimensions[get_column_letter(column)].width = WIDTHS.get(heading, 12)
    sheet.freeze_panes = f"A{row + 1}"
    sheet.print_title_rows = f"{row}:{row}"
    sheet.page_setup.orientation, sheet.page_setup.paperSize = "landscape", sheet.PAPERSIZE_A4
    sheet.page_setup.fitToWidth, sheet.page_setup.fitToHeight = 1, 0
    properties: Any = sheet.sheet_properties
    properties.pageSetUpPr.fitToPage = True


def _saved(book: openpyxl.Workbook) -> bytes:
    buffer = io.BytesIO()
    book.save(buffer)
    return buffer.getvalue()
