"""The bases and households of an empty county from one workbook: all of it, or nothing and every cell to mend.

Two sheets, 基地 and 农户床位, headings in the first row that has them. Each row goes through the same acts as the pages;
what is there already is left as it is, so that the same table can be sent again with more rows.
"""

import datetime
import io
import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any

from django.db import transaction
from django.utils import timezone
from openpyxl import Workbook as NewWorkbook
from openpyxl.styles import Font
from openpyxl.utils import get_column_letter

from accounts import audit
from accounts.models import User
from bases import actions
from bases.actions.beds import read_rooms
from bases.models import HostHousehold, PracticeBase, Route, RouteStop, Village, Zone
from cadres.dates import read_date
from cadres.formats import is_blank, plain_text, read_phone, shortened
from cadres.models import Unit
from config.errors import DomainError
from office.spreadsheets import BrokenCell, Sheet, Value, open_workbook, write_text

BASES, HOUSEHOLDS = "基地", "农户床位"
HEADING_ROWS = 5
ZONE_COLUMNS = {
    "党性教育": Zone.Kind.PARTY,
    "农事体验": Zone.Kind.FARM,
    "村情调查": Zone.Kind.SURVEY,
    "其他功能区": Zone.Kind.OTHER,
}
OFFICE_ENDINGS = ("人民政府", "街道办事处", "政府")

NEEDED: dict[str, tuple[str, ...]] = {
    BASES: ("乡镇", "村", "日均承载"),
    HOUSEHOLDS: ("乡镇", "村", "户主", "房间床位"),
}
KNOWN: dict[str, tuple[str, ...]] = {
    BASES: (
        "乡镇", "村", "称号", "合作社", "联系人", "联系电话", "日均承载", "县城以东公里", "县城以北公里", "集合地点",
        *ZONE_COLUMNS, "线路", "已接待人天",
    ),
    HOUSEHOLDS: (
        "乡镇", "村", "户主", "门牌", "电话", "房间床位", "研判日期", "公示第一天", "公示最后一天", "纳管日期", "已接待人夜",
    ),
}  # fmt: skip
EXAMPLES: dict[str, dict[str, str]] = {
    BASES: {
        "乡镇": "东溪镇", "村": "双溪村", "称号": "示范村", "合作社": "双溪村股份经济合作社", "联系人": "林国强",
        "联系电话": "19900000201",
        "日均承载": "40", "县城以东公里": "11.6", "县城以北公里": "2.3", "集合地点": "村党群服务中心", "党性教育": "红色驿站",
        "农事体验": "茶园采摘点", "村情调查": "村史馆", "线路": "东线", "已接待人天": "0",
    },
    HOUSEHOLDS: {
        "乡镇": "东溪镇", "村": "双溪村", "户主": "黄永福", "门牌": "3号", "电话": "19900000217",
        "房间床位": "东屋2张、西屋2张",
        "研判日期": "2026-09-07", "公示第一天": "2026-09-09", "公示最后一天": "2026-09-16", "纳管日期": "2026-09-18",
        "已接待人夜": "0",
    },
}  # fmt: skip


@dataclass(frozen=True)
class Finding:
    """What is wrong in one cell (or, without a column, in a row or a sheet)."""

    sheet: str
    row: int
    column: str
    message: str


class TableRefused(DomainError):
    """The table was not taken over; `findings` names every cell to mend. Nothing was written."""

    def __init__(self, findings: list[Finding]) -> None:
        super().__init__(
            "table_refused", f"没有导入：有 {len(findings)} 处要改。请按下面列出的行和列改好，再上传一次。"
        )
        self.findings = findings


@dataclass
class Told:
    """What an import did."""

    townships: int = 0
    bases: int = 0
    households: int = 0
    beds: int = 0
    kept: int = 0

    def sentence(self) -> str:
        """In plain words, for the message after it."""
        kept = f"，{self.kept} 行原来就有，没有动" if self.kept else ""
        made = f"，建立乡镇 {self.townships} 个" if self.townships else ""
        return f"导入了 {self.bases} 个基地、{self.households} 户、{self.beds} 张床位{made}{kept}。"


@dataclass
class Row:
    """One row of a sheet, read cell by cell; what cannot be read becomes a finding."""

    sheet: str
    number: int
    cells: dict[str, Value]
    date1904: bool
    findings: list[Finding] = field(default_factory=list)

    def wrong(self, column: str, message: str) -> None:
        self.findings.append(Finding(self.sheet, self.number, column, message))

    def read(self, column: str, reader: Callable[[Value], Any], empty: Any) -> Any:
        value = self.cells.get(column)
        if isinstance(value, BrokenCell):
            self.wrong(column, f"单元格出错（{value or '公式没有结果'}）。请改成数值或文字。")
            return empty
        if is_blank(value):
            if column in NEEDED[self.sheet]:
                self.wrong(column, "没有填。请补上。")
            return empty
        try:
            return reader(value)
        except DomainError as error:
            self.wrong(column, error.message)
            return empty

    def text(self, column: str, longest: int) -> str:
        def reader(value: Value) -> str:
            text = plain_text(value)
            if len(text) > longest:
                raise DomainError("text_long", f"“{shortened(text)}”太长，最多 {longest} 个字。请缩短。")
            return text

        return str(self.read(column, reader, ""))

    def number_of(self, column: str, least: int, most: int) -> int:
        return int(self.read(column, lambda value: whole_number(value, least, most), 0))

    def day(self, column: str) -> datetime.date | None:
        found: datetime.date | None = self.read(column, lambda value: whole_day(value, self.date1904), None)
        return found


def whole_number(value: Value, least: int, most: int) -> int:
    """A whole number within bounds, with or without its unit (40人)."""
    text = plain_text(value).rstrip("人张天夜 ")
    if not (text.isascii() and text.isdigit() and len(text) <= 7):
        raise DomainError("number_rubbish", f"“{shortened(plain_text(value))}”不是整数。请填数字。")
    if not least <= int(text) <= most:
        raise DomainError("number_out_of_range", f"{text} 不在 {least} 到 {most} 之间。请核对。")
    return int(text)


def kilometres(value: Value) -> Decimal:
    """Kilometres from the county seat, west and south below zero, to two decimals."""
    text = plain_text(value)
    try:
        found = Decimal(text).quantize(Decimal("0.01"))
    except InvalidOperation:
        raise DomainError("number_rubbish", f"“{shortened(text)}”不是数字。请填公里数，以西、以南填负数。") from None
    if not found.is_finite() or abs(found) > 500:
        raise DomainError("number_out_of_range", f"{shortened(text)} 公里太远。请核对。")
    return found


def whole_day(value: Value, date1904: bool) -> datetime.date:
    """A day with year, month and day."""
    read = read_date(value, date1904=date1904)
    if read is None or not read.has_day:
        raise DomainError("day_missing", f"“{shortened(plain_text(value))}”没有写到日。请写成“2026-03-05”。")
    return read.value


def import_bases(*, content: bytes, name: str, by: User | None) -> Told:
    """Write the workbook's bases and households, or nothing.

    Raises UnreadableWorkbook for a file that is no sound .xlsx, TableRefused with every cell to mend.
    """
    workbook = open_workbook(content, name=name)
    findings: list[Finding] = []
    rows: dict[str, list[Row]] = {}
    for sheet in (BASES, HOUSEHOLDS):
        if sheet not in workbook.sheets:
            findings.append(Finding(sheet, 0, "", f"文件里没有“{sheet}”这张表。请用模板填写，不要改表名。"))
            continue
        rows[sheet] = list(_rows(workbook.read(sheet), findings))
    if findings:
        raise TableRefused(findings)
    told = Told()
    with audit.act("import_bases", by=by) as entry:
        _take_rows(rows[BASES], lambda row: _take_base(row, told, by), findings)
        _take_rows(rows[HOUSEHOLDS], lambda row: _take_household(row, told, by), findings)
        if findings:
            raise TableRefused(findings)
        entry.data.update(vars(told))
    return told


def _rows(sheet: Sheet, findings: list[Finding]) -> Iterator[Row]:
    """The rows under the headings that are not empty."""
    for place in range(min(HEADING_ROWS, len(sheet.rows))):
        titles = [plain_text(cell).replace(" ", "").rstrip("*＊") for cell in sheet.rows[place]]
        if set(NEEDED[sheet.name]) <= set(titles):
            break
    else:
        needed = "、".join(NEEDED[sheet.name])
        findings.append(
            Finding(sheet.name, 1, "", f"前 {HEADING_ROWS} 行里找不到这些列：{needed}。请用模板填写，不要改列名。")
        )
        return
    columns = [(title, column) for column, title in enumerate(titles) if title in KNOWN[sheet.name]]
    for number, cells in enumerate(sheet.rows[place + 1 :], start=sheet.first_row_number + place + 1):
        values = {title: cells[column] for title, column in columns}
        if not all(is_blank(value) for value in values.values()) and not _is_example(sheet.name, values):
            yield Row(sheet.name, number, values, sheet.date1904)


def _is_example(sheet: str, values: dict[str, Value]) -> bool:
    """The template's own example row, left in."""
    return all(plain_text(values.get(column)) == text for column, text in EXAMPLES[sheet].items())


def _take_rows(rows: list[Row], take: Callable[[Row], None], findings: list[Finding]) -> None:
    """Each row in a savepoint of its own, so that one refusal does not hide the next."""
    for row in rows:
        try:
            with transaction.atomic():
                take(row)
        except DomainError as error:
            if not row.findings:
                row.wrong("", error.message)
        findings += row.findings


def _stop_if_wrong(row: Row) -> None:
    """Leave a row with unreadable cells; what they are is in its findings."""
    if row.findings:
        raise DomainError("row_refused", "这一行有单元格要改。")


def _township(row: Row, told: Told | None) -> Unit | None:
    """The township's unit by its name, its short name or a former name; made where `told` is given and it is missing."""
    name = row.text("乡镇", 60)
    if not name:
        return None
    names = {name, *(f"{name}{ending}" for ending in OFFICE_ENDINGS)}
    townships = Unit.objects.filter(kind=Unit.Kind.TOWNSHIP).order_by("pk")
    for unit in townships:
        if unit.name in names or names & set(unit.former_names.split("\n")):
            return unit
    if told is None:
        row.wrong("乡镇", f"没有“{shortened(name)}”这个乡镇。请与“基地”表写成一样。")
        return None
    if Unit.objects.filter(name=name).exists():
        row.wrong("乡镇", f"“{shortened(name)}”登记为别的单位类别，不是乡镇。请先在单位里改类别。")
        return None
    told.townships += 1
    return Unit.objects.create(name=name, kind=Unit.Kind.TOWNSHIP)


def _take_base(row: Row, told: Told, by: User | None) -> None:
    township, name = _township(row, told), row.text("村", 40)
    capacity = row.number_of("日均承载", 1, 2000)
    facts = {
        "cooperative": row.text("合作社", 80), "contact": row.text("联系人", 40),
        "phone": row.read("联系电话", read_phone, ""), "meeting_point": row.text("集合地点", 60) or "村部",
        "east_km": row.read("县城以东公里", kilometres, Decimal(0)),
        "north_km": row.read("县城以北公里", kilometres, Decimal(0)),
        "history_person_days": row.number_of("已接待人天", 0, 1_000_000),
    }  # fmt: skip
    honours, zones = row.text("称号", 100), {column: row.text(column, 60) for column in ZONE_COLUMNS}
    routes = [part for part in row.text("线路", 120).replace("，", "、").split("、") if part]
    if any(len(route) > 40 for route in routes):
        row.wrong("线路", "线路名太长，最多 40 个字；多条线路用顿号隔开。")
    _stop_if_wrong(row)
    village, _ = Village.objects.get_or_create(name=name, township=township, defaults={"honours": honours})
    if PracticeBase.objects.filter(village=village).exists():
        told.kept += 1
        return
    base = PracticeBase.objects.create(village=village, declared_capacity=capacity, **facts)
    Zone.objects.bulk_create(
        Zone(base=base, kind=ZONE_COLUMNS[column], name=name) for column, name in zones.items() if name
    )
    for name in routes:
        route, _ = Route.objects.get_or_create(name=name)
        RouteStop.objects.create(route=route, base=base, order=route.stops.count() + 1)
    told.bases += 1


def _take_household(row: Row, told: Told, by: User | None) -> None:
    township, village = _township(row, None), row.text("村", 40)
    head, address = row.text("户主", 40), row.text("门牌", 60)
    phone = row.read("电话", read_phone, "")
    rooms = row.read("房间床位", lambda value: read_rooms(plain_text(value)), {})
    reviewed, first, last, admitted = (
        row.day(column) for column in ("研判日期", "公示第一天", "公示最后一天", "纳管日期")
    )
    nights = row.number_of("已接待人夜", 0, 1_000_000)
    steps = (("研判日期", reviewed), ("公示第一天", first), ("公示最后一天", last), ("纳管日期", admitted))
    for (column, day), (_, later) in itertools.pairwise(steps):
        if later is not None and day is None and not row.findings:
            row.wrong(column, "后面的日期填了，这一项没有填。请补上，或把后面的清空。")
    if first is not None and last is None and not row.findings:
        row.wrong("公示最后一天", "填了公示第一天，没有填最后一天。请补上。")
    base = PracticeBase.objects.filter(village__name=village, village__township=township).first()
    if township is not None and village and base is None:
        row.wrong("村", f"“{shortened(village)}”还没有基地。请先写进“基地”表。")
    _stop_if_wrong(row)
    assert base is not None  # noqa: S101 -- said above
    if HostHousehold.objects.filter(base=base, head=head, address=address).exists():
        told.kept += 1
        return
    household = actions.apply_household(
        base=base, head=head, address=address, phone=phone, history_bed_nights=nights, by=by
    )
    actions.set_beds(household=household, rooms=rooms, by=by)
    if reviewed is not None:
        household = actions.review_household(household=household, on=reviewed, by=by)
    if first is not None and last is not None:
        household = actions.open_notice(household=household, first_day=first, until=last, by=by)
    if admitted is not None:
        actions.admit_household(household=household, on=admitted, by=by)
    told.households += 1
    told.beds += sum(rooms.values())


def template_workbook(townships: list[str]) -> io.BytesIO:
    """An empty workbook with the headings, one example row a sheet, and the county's townships to copy from."""
    workbook = NewWorkbook()
    for first in workbook.worksheets:
        workbook.remove(first)
    for sheet, columns in KNOWN.items():
        page = workbook.create_sheet(sheet)
        for column, title in enumerate(columns, start=1):
            head = page.cell(1, column)
            write_text(head, f"{title}*" if title in NEEDED[sheet] else title)
            head.font = Font(bold=True)
            write_text(page.cell(2, column), EXAMPLES[sheet].get(title, ""))
            page.column_dimensions[get_column_letter(column)].width = 24 if title in ("房间床位", "合作社") else 14
        page.freeze_panes = "A2"
    notes = workbook.create_sheet("说明")
    lines = [
        "带 * 的列必填，第 2 行是例子，留着不会导入。", "乡镇可以写简称，如“东溪镇”；没有登记的乡镇会新建。",
        "房间床位写成“东屋2张、西屋2张”。",
        "日期写成“2026-03-05”。四个日期都填的农户导入后就是已纳管；只填到哪一步，就停在哪一步。",
        f"公示不少于 5 个工作日，所有日期不能晚于今天（{timezone.localdate()}）；公示最后一天除外。",
        "已登记的乡镇：", *townships,
    ]  # fmt: skip
    for number, line in enumerate(lines, start=1):
        write_text(notes.cell(number, 1), line)
    notes.column_dimensions["A"].width = 90
    content = io.BytesIO()
    workbook.save(content)
    content.seek(0)
    return content
