"""The dispatch notice (抽调通知) in the official format of GB/T 9704-2012."""

import datetime
import io
from collections import defaultdict
from collections.abc import Iterable

from django.conf import settings
from docx import Document
from docx.enum.table import WD_CELL_VERTICAL_ALIGNMENT, WD_TABLE_ALIGNMENT
from docx.enum.text import WD_ALIGN_PARAGRAPH, WD_LINE_SPACING
from docx.oxml import OxmlElement
from docx.oxml.ns import qn
from docx.shared import Mm, Pt
from docx.text.paragraph import Paragraph

from batches.models import Batch, Gathering
from batches.queries import live_gatherings
from batches.roll import Roll, day_words, roll_of
from cadres.models import Cadre
from reports.documents.tables import places
from reports.rules import published_version

DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
FANG_SONG, KAI, HEI, TITLE_SONG = "仿宋_GB2312", "楷体_GB2312", "黑体", "方正小标宋简体"
DIGITS = "Times New Roman"
LINE = Pt(29)
BLANK = "　"
NARROW = 24
"""Columns of a table up to this width (mm) hold short words, which stand in the middle."""


def dispatch_notice(batch: Batch, *, on: datetime.date) -> bytes:
    """The notice that tells the units who of theirs goes, when and where; annex 1 lists the names by unit, as the version in
    force has them (`batches.roll`), who joins, moves or leaves later with the day.

    Raises DomainError until the batch's plan is published. ID numbers and phones are not in it.
    """
    published_version(batch)
    roll = roll_of(batch)
    gatherings = list(live_gatherings(batch))
    letter = Letter()
    letter.title(f"关于组织第{batch.number}期干部参加", "“四下基层”实践的通知")
    letter.plain("各乡镇人民政府，县直各单位：", indent=False)
    letter.plain(f"按照县委部署，现组织第{batch.number}期干部到实践基地开展“四下基层”实践。有关事项通知如下。")
    letter.heading("一、时间和人员")
    classes = batch.classes.count()
    joining = len({row.enrollment.pk for row in roll.later} - {row.enrollment_id for row in roll.seats})
    counted = f"{roll.since}共{len(roll.seats)}人" + (f"（另有{joining}人以后参加，日期见附件1）" if joining else "")
    letter.plain(
        f"{cn_date(batch.first_day)}至{cn_date(batch.last_day)}，{counted}，编为{classes}个班，名单见附件1。"
        f"各班每两周集中一次，每次{batch.programme.gathering_days}天，单周班、双周班错开，具体安排见附件2。"
    )
    letter.heading("二、主要内容")
    letter.plain("与群众同吃、同住、同劳动、同调研，每班完成党性锻炼、驻点办公、村情调查、政策宣传、惠民实事“五个一”。")
    letter.plain(
        f"每人完成心得体会{batch.programme.reflections_per_cadre}篇，每班撰写调研报告{batch.programme.reports_per_class}份；"
        f"累计在村不少于{batch.programme.min_village_days}天，至少到{batch.programme.min_distinct_villages}个不同村。"
    )
    letter.heading("三、有关要求")
    letter.plain("参加人员吃住在农户家中，按标准交纳食宿费用，遵守农户作息，不提要求，不另开灶。")
    letter.plain("各单位要安排好工作交接。确有特殊情况不能参加的，由单位联络员在系统中说明原因并换人。", with_next=True)
    letter.annex_list(["参加人员名单", "集中安排表"])
    letter.signature(f"{settings.COUNTY_NAME}“四下基层”实践综合服务中心", on)
    letter.annex(1, f"第{batch.number}期参加人员名单")
    letter.table(["序号", "单位", "姓名", "职务", "班级"], _people_rows(roll), [14, 52, 24, 38, 28])
    letter.annex(2, f"第{batch.number}期集中安排表")
    letter.table(["班级", "次数", "时间", "地点"], _gathering_rows(gatherings), [22, 20, 52, 62])
    return letter.content()


def cn_date(day: datetime.date) -> str:
    """2026年3月5日, no leading zeros."""
    return f"{day.year}年{day.month}月{day.day}日"


def _people_rows(roll: Roll) -> list[list[str]]:
    """Everybody by unit and name, with the class of the roll's day and what happens afterwards: 第3班，12月20日起到第5班."""
    told: dict[int, list[str]] = defaultdict(list)
    people: dict[int, Cadre] = {}
    for seat in roll.seats:
        people[seat.enrollment_id] = seat.enrollment.cadre
        told[seat.enrollment_id].append(seat.practice_class.short_name)
    for row in roll.later:
        people[row.enrollment.pk] = row.cadre
        if row.before is None and row.after is not None:
            told[row.enrollment.pk].append(f"{row.after.short_name}（{day_words(row.day)}起）")
        else:
            told[row.enrollment.pk].append(row.said)
    ordered = sorted(people.items(), key=lambda item: (item[1].unit.sort_name, item[1].sort_name, item[0]))
    return [
        [str(number), cadre.unit.name, cadre.name, cadre.post or cadre.rank, "，".join(told[pk])]
        for number, (pk, cadre) in enumerate(ordered, start=1)
    ]


def _gathering_rows(gatherings: Iterable[Gathering]) -> list[list[str]]:
    ordered = sorted(gatherings, key=lambda row: (row.practice_class.number, row.first_day))
    return [
        [
            row.practice_class.short_name, f"第{row.index}次",
            f"{row.first_day.month}月{row.first_day.day}日至{row.last_day.month}月{row.last_day.day}日", places(row),
        ]
        for row in ordered
    ]  # fmt: skip


class Letter:
    """A document with the standard's page, type and line pitch; fonts are named, never embedded."""

    def __init__(self) -> None:
        self.document = Document()
        section = self.document.sections[0]
        section.page_width, section.page_height = Mm(210), Mm(297)
        section.top_margin, section.bottom_margin = Mm(37), Mm(35)
        section.left_margin, section.right_margin = Mm(28), Mm(26)
        section.footer_distance = Mm(25)
        self.document.settings.odd_and_even_pages_header_footer = True
        _page_number(section.footer.paragraphs[0], WD_ALIGN_PARAGRAPH.RIGHT)
        _page_number(section.even_page_footer.paragraphs[0], WD_ALIGN_PARAGRAPH.LEFT)
        style = self.document.styles["Normal"]
        _set_fonts(style.element.get_or_add_rPr(), FANG_SONG)
        style.font.size = Pt(16)
        self.document.core_properties.author = settings.COUNTY_NAME
        self.document.core_properties.language = "zh-CN"
        self.document.core_properties.comments = ""

    def _paragraph(self, text: str, font: str, size: float = 16, *, line: Pt = LINE) -> Paragraph:
        paragraph = self.document.add_paragraph()
        run = paragraph.add_run(text)
        run.font.size = Pt(size)
        _set_fonts(run._element.get_or_add_rPr(), font)
        form = paragraph.paragraph_format
        form.space_before = form.space_after = Pt(0)
        form.line_spacing_rule, form.line_spacing = WD_LINE_SPACING.EXACTLY, line
        return paragraph

    def title(self, *lines: str) -> None:
        """Size 2 小标宋, centred, broken where the sense breaks; a blank line below."""
        for text in lines:
            self._paragraph(text, TITLE_SONG, 22, line=Pt(35)).alignment = WD_ALIGN_PARAGRAPH.CENTER
        self._paragraph("", FANG_SONG)
        self.document.core_properties.title = "".join(lines)

    def plain(self, text: str, *, indent: bool = True, with_next: bool = False) -> None:
        """A paragraph of the body; `with_next` keeps it on the page of what follows, so that no page has a signature alone."""
        paragraph = self._paragraph(text, FANG_SONG)
        paragraph.alignment = WD_ALIGN_PARAGRAPH.JUSTIFY
        paragraph.paragraph_format.keep_with_next = paragraph.paragraph_format.keep_together = with_next
        if indent:
            paragraph.paragraph_format.first_line_indent = Pt(32)

    def heading(self, text: str) -> None:
        paragraph = self._paragraph(text, HEI)
        paragraph.paragraph_format.first_line_indent = Pt(32)
        paragraph.paragraph_format.keep_with_next = True

    def annex_list(self, names: list[str]) -> None:
        """附件：1.…, aligned under each other, no mark after a name."""
        self._paragraph("", FANG_SONG).paragraph_format.keep_with_next = True
        for number, name in enumerate(names, start=1):
            lead = "附件：" if number == 1 else BLANK * 3
            form = self._paragraph(f"{lead}{number}.{name}", FANG_SONG).paragraph_format
            form.left_indent, form.keep_with_next = Pt(32), True

    def signature(self, unit: str, on: datetime.date) -> None:
        """Unit and date at the right, the date four characters in (sealed form)."""
        for _ in range(2):
            self._paragraph("", FANG_SONG).paragraph_format.keep_with_next = True
        for text, indent in ((unit, 32), (cn_date(on), 64)):
            paragraph = self._paragraph(text, FANG_SONG)
            paragraph.alignment = WD_ALIGN_PARAGRAPH.RIGHT
            paragraph.paragraph_format.right_indent = Pt(indent)
            paragraph.paragraph_format.keep_with_next = text == unit

    def annex(self, number: int, title: str) -> None:
        """A new page: 附件n in 黑体 flush left, its title centred on the third line."""
        self._paragraph(f"附件{number}", HEI).paragraph_format.page_break_before = True
        self._paragraph("", FANG_SONG)
        self._paragraph(title, TITLE_SONG, 22, line=Pt(35)).alignment = WD_ALIGN_PARAGRAPH.CENTER

    def table(self, head: list[str], rows: list[list[str]], widths: list[int]) -> None:
        """A grid whose head repeats on every page; widths in mm."""
        table = self.document.add_table(rows=1, cols=len(head), style="Table Grid")
        table.autofit = False
        table.alignment = WD_TABLE_ALIGNMENT.CENTER
        for column, width in zip(table.columns, widths, strict=True):
            column.width = Mm(width)
        _fill(table.rows[0].cells, head, widths, HEI)
        table.rows[0]._tr.get_or_add_trPr().append(_on_off("w:tblHeader"))
        for values in rows:
            row = table.add_row()
            row._tr.get_or_add_trPr().append(_on_off("w:cantSplit"))
            _fill(row.cells, values, widths, FANG_SONG)

    def content(self) -> bytes:
        stream = io.BytesIO()
        self.document.save(stream)
        return stream.getvalue()


def _fill(cells: Iterable[object], values: list[str], widths: list[int], font: str) -> None:
    for cell, value, width in zip(cells, values, widths, strict=True):
        cell.width = Mm(width)  # type: ignore[attr-defined] # python-docx cells
        cell.vertical_alignment = WD_CELL_VERTICAL_ALIGNMENT.CENTER  # type: ignore[attr-defined] # python-docx cells
        paragraph = cell.paragraphs[0]  # type: ignore[attr-defined] # python-docx cells
        if font == HEI or width <= NARROW:
            paragraph.alignment = WD_ALIGN_PARAGRAPH.CENTER
        run = paragraph.add_run(value)
        run.font.size = Pt(12)
        _set_fonts(run._element.get_or_add_rPr(), font)


def _set_fonts(properties: object, font: str) -> None:
    """Name the Chinese face for East Asian text and Times for digits, and the language, on a run or style."""
    fonts = properties.find(qn("w:rFonts"))  # type: ignore[attr-defined] # lxml element of python-docx
    if fonts is None:
        fonts = OxmlElement("w:rFonts")
        properties.insert(0, fonts)  # type: ignore[attr-defined] # lxml element of python-docx
    fonts.set(qn("w:eastAsia"), font)
    for script in ("w:ascii", "w:hAnsi", "w:cs"):
        fonts.set(qn(script), DIGITS)
    language = OxmlElement("w:lang")
    language.set(qn("w:val"), "zh-CN")
    language.set(qn("w:eastAsia"), "zh-CN")
    properties.append(language)  # type: ignore[attr-defined] # lxml element of python-docx


def _on_off(tag: str) -> object:
    return OxmlElement(tag)


def _page_number(paragraph: Paragraph, alignment: int) -> None:
    """— 1 — in 14 pt, right on odd and left on even pages, one character in."""
    paragraph.alignment = alignment  # type: ignore[assignment] # an enum member
    form = paragraph.paragraph_format
    form.right_indent = form.left_indent = Pt(14)
    for kind, text in (("text", "— "), ("begin", ""), ("code", "PAGE"), ("end", ""), ("text", " —")):
        run = paragraph.add_run(text if kind == "text" else "")
        run.font.size = Pt(14)
        _set_fonts(run._element.get_or_add_rPr(), "宋体")
        if kind in ("begin", "end"):
            mark = OxmlElement("w:fldChar")
            mark.set(qn("w:fldCharType"), kind)
            run._element.append(mark)
        elif kind == "code":
            code = OxmlElement("w:instrText")
            code.set(qn("xml:space"), "preserve")
            code.text = text
            run._element.append(code)
