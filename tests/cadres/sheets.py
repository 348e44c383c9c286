"""Small lists made on the spot, for tests of reading."""

import io
from collections.abc import Sequence

import openpyxl

HEADINGS = (
    "序号",
    "单位",
    "姓名",
    "性别",
    "民族",
    "出生年月",
    "身份证号",
    "政治面貌",
    "现任职务",
    "职级",
    "手机号码",
    "备注",
)
PERSON = {
    "序号": 1,
    "单位": "县林业局",
    "姓名": "范海志",
    "性别": "男",
    "民族": "汉族",
    "出生年月": "1997.04",
    "身份证号": "995106199704140174",
    "政治面貌": "中共党员",
    "现任职务": "股长",
    "职级": "四级主任科员",
    "手机号码": "14491277306",
}
SECOND = {
    "姓名": "覃丽婷",
    "性别": "女",
    "出生年月": "1976.09",
    "身份证号": "995811197609117064",
    "手机号码": "14449533058",
}


def saved(workbook: openpyxl.Workbook) -> bytes:
    """The workbook's bytes."""
    buffer = io.BytesIO()
    workbook.save(buffer)
    return buffer.getvalue()


def workbook_of(rows: Sequence[Sequence[object]]) -> openpyxl.Workbook:
    """A workbook with one sheet of these rows; every text a text, also one that begins with =."""
    workbook = openpyxl.Workbook()
    for number, row in enumerate(rows, 1):
        for column, value in enumerate(row, 1):
            cell = workbook.active.cell(number, column, value)
            if isinstance(value, str) and not (value.startswith("#") and value.isupper()):
                cell.data_type = "s"
    return workbook


def roster_of(*people: dict[str, object], headings: Sequence[str] = HEADINGS) -> bytes:
    """A roster with these people below each other, heading in row 1; what a person leaves out is empty."""
    return saved(workbook_of([headings, *([person.get(heading) for heading in headings] for person in people)]))
