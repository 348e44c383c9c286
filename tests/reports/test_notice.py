"""The dispatch notice: opened again with its page, fonts, words and annexes held against the standard and the facts."""

import datetime
import io
from typing import Any

import pytest
from docx import Document
from docx.enum.text import WD_ALIGN_PARAGRAPH, WD_LINE_SPACING
from docx.oxml.ns import qn
from docx.shared import Mm, Pt
from docx.text.paragraph import Paragraph

from batches.models import Batch, Gathering
from config.errors import DomainError
from reports import documents
from tests.reports.conftest import Course

pytestmark = pytest.mark.django_db
ISSUED = datetime.date(2026, 9, 1)


@pytest.fixture
def notice(course: Course) -> Any:
    return Document(io.BytesIO(documents.dispatch_notice(course.batch, on=ISSUED)))


def texts(notice: Any) -> list[str]:
    return [paragraph.text for paragraph in notice.paragraphs]


def paragraph_of(notice: Any, text: str) -> Paragraph:
    found: Paragraph = next(paragraph for paragraph in notice.paragraphs if paragraph.text == text)
    return found


def faces(paragraph: Paragraph) -> tuple[str, str, float]:
    """The Chinese face, the face of digits and the size in points of a paragraph's first run."""
    run = paragraph.runs[0]
    fonts = run._element.rPr.rFonts
    assert run.font.size is not None
    return fonts.get(qn("w:eastAsia")), fonts.get(qn("w:ascii")), run.font.size.pt


def rows_of(table: Any) -> list[list[str]]:
    return [[cell.text for cell in row.cells] for row in table.rows]


def test_notice_page_is_that_of_the_standard(notice: Any) -> None:
    section = notice.sections[0]
    assert (round(section.page_width.mm), round(section.page_height.mm)) == (210, 297)
    sides = (section.top_margin, section.bottom_margin, section.left_margin, section.right_margin)
    assert [round(side.mm) for side in sides] == [37, 35, 28, 26]


def test_notice_fonts_by_role(notice: Any) -> None:
    assert faces(paragraph_of(notice, "关于组织第3期干部参加")) == ("方正小标宋简体", "Times New Roman", 22)
    assert faces(paragraph_of(notice, "“四下基层”实践的通知")) == ("方正小标宋简体", "Times New Roman", 22)
    for head in ("一、时间和人员", "二、主要内容", "三、有关要求", "附件1", "附件2"):
        assert faces(paragraph_of(notice, head)) == ("黑体", "Times New Roman", 16), head
    body = [paragraph for paragraph in notice.paragraphs if paragraph.text.endswith("。")]
    assert len(body) == 6
    for paragraph in body:
        assert faces(paragraph) == ("仿宋_GB2312", "Times New Roman", 16)


def test_notice_line_is_29_points_fixed(notice: Any) -> None:
    for paragraph in notice.paragraphs:
        form = paragraph.paragraph_format
        assert form.line_spacing_rule == WD_LINE_SPACING.EXACTLY
        title = bool(paragraph.text) and faces(paragraph)[2] == 22
        assert form.line_spacing == (Pt(35) if title else Pt(29)), paragraph.text
        assert (form.space_before, form.space_after) == (Pt(0), Pt(0))


def test_notice_body_is_indented_two_characters(notice: Any) -> None:
    for paragraph in notice.paragraphs:
        if paragraph.text.endswith("。"):
            assert paragraph.paragraph_format.first_line_indent == Pt(32)
    assert paragraph_of(notice, "各乡镇人民政府，县直各单位：").paragraph_format.first_line_indent is None


def test_notice_tells_the_facts(course: Course, notice: Any) -> None:
    text = "\n".join(texts(notice))
    assert course.batch.enrollments.count() == 5
    assert "2026年9月7日至2026年11月29日，共4人（另有1人以后参加，日期见附件1），编为2个班，名单见附件1。" in text
    programme = course.batch.programme
    assert f"累计在村不少于{programme.min_village_days}天，至少到{programme.min_distinct_villages}个不同村。" in text


def test_notice_signature_stands_right_with_the_date_in_full(notice: Any) -> None:
    unit = paragraph_of(notice, "青禾县“四下基层”实践综合服务中心")
    date = paragraph_of(notice, "2026年9月1日")
    assert [unit.alignment, date.alignment] == [WD_ALIGN_PARAGRAPH.RIGHT] * 2
    assert date.paragraph_format.right_indent == Pt(64)


def test_notice_signature_is_never_alone_on_its_page(notice: Any) -> None:
    lines = texts(notice)
    first, last = lines.index("2026年9月1日") - 7, lines.index("2026年9月1日")
    assert lines[first].startswith("各单位要安排好工作交接")
    assert all(paragraph.paragraph_format.keep_with_next for paragraph in notice.paragraphs[first:last])


def test_notice_lists_its_annexes_and_begins_each_on_a_new_page(notice: Any) -> None:
    lines = texts(notice)
    assert lines[lines.index("附件：1.参加人员名单") + 1] == "　　　2.集中安排表"
    for head, title in (("附件1", "第3期参加人员名单"), ("附件2", "第3期集中安排表")):
        assert paragraph_of(notice, head).paragraph_format.page_break_before
        assert lines[lines.index(head) + 1 : lines.index(head) + 3] == ["", title]


def test_notice_annexes_name_everybody_by_unit_and_every_gathering(course: Course, notice: Any) -> None:
    people, gatherings = notice.tables
    assert rows_of(people) == [
        ["序号", "单位", "姓名", "职务", "班级"],
        ["1", "梅溪镇人民政府", "曹志", "综合办主任", "第7班"],
        ["2", "县财政局", "阿补", "科员", "第8班"],
        ["3", "县水利局", "安平", "副股长", "第7班"],
        ["4", "县税务局", "董迟", "一级科员", "第7班（10月24日起）"],
        ["5", "县统计局", "卜云", "=1+1", "第7班"],
    ]
    assert rows_of(gatherings) == [
        ["班级", "次数", "时间", "地点"],
        ["第7班", "第1次", "9月11日至9月13日", "石门镇岭下村"],
        ["第7班", "第2次", "10月23日至10月25日", "双河镇双溪村"],
    ]


def test_notice_annex_tables_repeat_their_head_and_fit_the_type_area(notice: Any) -> None:
    for table in notice.tables:
        assert table.rows[0]._tr.trPr.find(qn("w:tblHeader")) is not None
        assert sum(cell.width for cell in table.rows[0].cells) <= Mm(156) + 10


def test_notice_leaves_out_the_cancelled_and_the_gone(course: Course) -> None:
    Gathering.objects.filter(pk=course.been.pk).update(state=Gathering.State.CANCELLED)
    gone = course.members["曹志"].enrollment
    gone.state, gone.live = "withdrawn", False
    gone.save()
    notice = Document(io.BytesIO(documents.dispatch_notice(course.batch, on=ISSUED)))
    people, gatherings = notice.tables
    assert "曹志" not in {row[2] for row in rows_of(people)}
    assert len(people.rows) == 1 + 4
    assert [row[1] for row in rows_of(gatherings)] == ["次数", "第2次"]


def test_notice_holds_no_phone_and_no_id_number(course: Course, notice: Any) -> None:
    text = "\n".join(texts(notice)) + str([rows_of(table) for table in notice.tables])
    for membership in course.members.values():
        cadre = membership.enrollment.cadre
        assert cadre.name in text
        assert cadre.phone not in text
        assert cadre.phone[-4:] not in text
        assert cadre.id_number not in text


def test_notice_carries_page_numbers_left_and_right(notice: Any) -> None:
    assert notice.settings.odd_and_even_pages_header_footer
    section = notice.sections[0]
    for footer, alignment in (
        (section.footer, WD_ALIGN_PARAGRAPH.RIGHT),
        (section.even_page_footer, WD_ALIGN_PARAGRAPH.LEFT),
    ):
        paragraph = footer.paragraphs[0]
        assert paragraph.text == "—  —"
        assert paragraph.alignment == alignment
        assert [code.text for code in paragraph._element.iter(qn("w:instrText"))] == ["PAGE"]


def test_notice_of_a_batch_that_is_not_published_is_refused(course: Course) -> None:
    Batch.objects.filter(pk=course.batch.pk).update(state=Batch.State.PLANNED)
    course.batch.refresh_from_db()
    with pytest.raises(DomainError, match="第3期还没有发布"):
        documents.dispatch_notice(course.batch, on=ISSUED)
