"""Class roster, sign-in sheet and lodging table: written, opened again, and compared cell by cell with the facts."""

import datetime
import io
import re

import pytest
import time_machine
from django.db import connection
from django.db.backends.postgresql.psycopg_any import DateRange
from django.test.utils import CaptureQueriesContext
from docx import Document
from openpyxl import load_workbook
from openpyxl.worksheet.worksheet import Worksheet

from batches.models import Absence, Batch, ClassMembership, Gathering, Lodging, PlanVersion
from config.errors import DomainError
from reports import documents
from tests import factories
from tests.reports.conftest import FINGERPRINT, NOW, Course

pytestmark = pytest.mark.django_db
PLAIN_PHONE = re.compile(r"(?<!\d)1\d{10}(?!\d)")
PLAIN_ID = re.compile(r"(?<!\d)\d{17}[\dX](?!\d)")


def opened(content: bytes) -> Worksheet:
    book = load_workbook(io.BytesIO(content))
    assert len(book.worksheets) == 1
    return book.worksheets[0]


def rows_of(sheet: Worksheet) -> list[list[object]]:
    """All cells, the empty ones at a row's end left out."""
    rows = [list(row) for row in sheet.iter_rows(values_only=True)]
    for row in rows:
        while row and row[-1] is None:
            row.pop()
    return rows


def roster(course: Course) -> Worksheet:
    return opened(documents.class_roster(course.practice_class, by=course.staff, at=NOW))


def sign_in(course: Course) -> Worksheet:
    return opened(documents.sign_in_sheet(course.coming, by=course.staff, at=NOW))


def lodging(course: Course) -> Worksheet:
    return opened(documents.lodging_table(course.coming, by=course.staff, at=NOW))


def phone(course: Course, name: str) -> str:
    plain: str = course.members[name].enrollment.cadre.phone
    return f"{plain[:3]}****{plain[-4:]}"


def test_roster_cell_by_cell(course: Course) -> None:
    assert rows_of(roster(course)) == [
        ["青禾县“四下基层”实践第3期第7班花名册"],
        ["单周班　3人　班主任　何文彬　辅导员　黄志强　导师　余国栋"],
        ["第1次　2026-09-11 至 09-13　石门镇岭下村", None, None, None, "第2次　2026-10-23 至 10-25　双河镇双溪村"],
        ["序号", "姓名", "性别", "单位", "职务职级", "班务", "电话", "签名"],
        [1, "安平", "男", "县水利局", "副股长", "班长", phone(course, "安平")],
        [2, "卜云", "女", "县统计局", "=1+1", "副班长", phone(course, "卜云")],
        [3, "曹志", "男", "梅溪镇人民政府", "综合办主任", None, phone(course, "曹志")],
        ["以后变动：董迟（县税务局）10月24日起参加"],
    ]


def test_roster_of_a_late_joiner_has_the_rank_where_no_post_is_known(course: Course) -> None:
    Batch.objects.filter(pk=course.batch.pk).update(last_day="2026-10-20")
    course.practice_class.batch.refresh_from_db()
    course.members["董迟"].days = factories.whole_batch(course.practice_class.batch)
    course.members["董迟"].save()
    last = rows_of(roster(course))[-1]
    assert last == [4, "董迟", "男", "县税务局", "一级科员", None, phone(course, "董迟")]


def test_roster_leaves_out_whoever_was_moved_away(course: Course) -> None:
    course.members["曹志"].live = False
    course.members["曹志"].save()
    names = [row[1] for row in rows_of(roster(course))[4:] if len(row) > 1]
    assert names == ["安平", "卜云"]


def test_roster_names_only_gatherings_that_take_place(course: Course) -> None:
    Gathering.objects.filter(pk=course.coming.pk).update(state=Gathering.State.CANCELLED)
    assert rows_of(roster(course))[2] == ["第1次　2026-09-11 至 09-13　石门镇岭下村"]


def test_sign_in_sheet_cell_by_cell(course: Course) -> None:
    assert rows_of(sign_in(course)) == [
        ["第3期第7班第2次集中签到表"],
        ["2026-10-23 至 10-25　双河镇双溪村　只在纸上签名，本系统不打卡、不定位"],
        ["序号", "姓名", "性别", "单位", "10-23 周五", "10-24 周六", "10-25 周日", "备注"],
        [1, "安平", "男", "县水利局"],
        [2, "卜云", "女", "县统计局"],
        [3, "曹志", "男", "梅溪镇人民政府"],
        [4, "董迟", "男", "县税务局", "／"],
        [5, "阿补", "男", "县财政局", None, None, None, "补课"],
        ["班长签名：" + "　" * 12 + "合作社签名：" + "　" * 12 + "日期："],
    ]


def test_sign_in_sheet_of_one_day_has_one_column_to_sign(course: Course) -> None:
    Gathering.objects.filter(pk=course.coming.pk).update(last_day=course.coming.first_day)
    course.coming.refresh_from_db()
    assert rows_of(sign_in(course))[2] == ["序号", "姓名", "性别", "单位", "10-23 周五", "备注"]


def test_lodging_table_cell_by_cell(course: Course) -> None:
    guest = course.guest.enrollment.cadre
    assert rows_of(lodging(course)) == [
        ["第3期第7班第2次集中住宿安排表"],
        ["2026-10-23 至 10-25　2晚　双河镇双溪村　2户　3人　没有床位2人"],
        ["组", "农户", "房间床位", "序号", "姓名", "性别", "单位", "电话", "农户签名"],
        [1, "黄秀兰　上洋 3 号", "东屋1号床", 1, "安平", "男", "县水利局", phone(course, "安平")],
        [None, None, "东屋2号床", 2, "曹志", "男", "梅溪镇人民政府", phone(course, "曹志")],
        [2, "吴阿妹　下洋 9 号", "东屋1号床", 3, "卜云", "女", "县统计局", phone(course, "卜云")],
        [None, "未安排", None, 4, "阿补", "男", "县财政局", f"{guest.phone[:3]}****{guest.phone[-4:]}"],
        [None, "未安排", None, 5, "董迟", "男", "县税务局", phone(course, "董迟")],
    ]


def test_lodging_table_joins_room_mates_under_their_household(course: Course) -> None:
    merged = {str(found) for found in lodging(course).merged_cells.ranges}
    assert {"A4:A5", "B4:B5", "I4:I5"} <= merged
    assert not any(found.startswith(("A6", "B6", "I6")) for found in merged)


def test_lodging_table_counts_nobody_without_bed_who_is_on_leave_all_the_time(course: Course) -> None:
    Absence.objects.create(
        gathering=course.coming, enrollment=course.guest.enrollment, first_day=course.coming.first_day,
        last_day=course.coming.last_day, entered_by=course.staff,
    )  # fmt: skip
    assert [row[4] for row in rows_of(lodging(course))[3:]] == ["安平", "曹志", "卜云", "董迟"]


def test_lodging_table_leaves_out_a_bed_given_back(course: Course) -> None:
    Lodging.objects.filter(enrollment=course.members["曹志"].enrollment).update(live=False)
    table = rows_of(lodging(course))
    assert [row[4] for row in table[3:5]] == ["安平", "卜云"]
    assert [row[1] for row in table[5:]] == ["未安排"] * 3


@pytest.mark.parametrize("write", [roster, sign_in, lodging])
def test_paper_is_ready_to_print(course: Course, write: object) -> None:
    sheet = write(course)  # type: ignore[operator] # one of the three above
    assert (int(sheet.page_setup.paperSize), sheet.page_setup.orientation) == (9, "portrait")
    margins = sheet.page_margins
    inches = [margins.left, margins.right, margins.top, margins.bottom]
    assert [round(side * 25.4, 1) for side in inches] == [15.0] * 4
    assert sheet.sheet_properties.pageSetUpPr.fitToPage
    assert (sheet.page_setup.fitToWidth, sheet.page_setup.fitToHeight) == (1, 0)
    head = next(cell.row for row in sheet.iter_rows() for cell in row if cell.value in ("序号", "组"))
    assert sheet.print_title_rows == f"${head}:${head}"
    assert sheet.oddFooter.left.text == "编排方案第2版  种子20260824  数据指纹9f3c07b25e18a71e"
    assert sheet.oddFooter.right.text == "2026-10-22 09:30 方敏打印  第&P页，共&N页"


@pytest.mark.parametrize("write", [roster, sign_in, lodging])
def test_paper_fills_the_width_of_the_page(course: Course, write: object) -> None:
    """The columns add up to 180 mm, so that printing shrinks nothing."""
    sheet = write(course)  # type: ignore[operator] # one of the three above
    pixels = sum(column.width * 7 + 5 for column in sheet.column_dimensions.values())
    assert pixels / 96 * 25.4 == pytest.approx(180, abs=1)


@pytest.mark.parametrize("write", [roster, sign_in, lodging])
def test_paper_has_a_grid_and_a_grey_head(course: Course, write: object) -> None:
    sheet = write(course)  # type: ignore[operator] # one of the three above
    head = next(cell for row in sheet.iter_rows() for cell in row if cell.value == "姓名")
    assert head.fill.fgColor.rgb == "00F0F0F0"
    body = sheet.cell(head.row + 1, head.column)
    assert [body.border.left.style, body.border.right.style, body.border.top.style] == ["thin"] * 3


@pytest.mark.parametrize("write", [roster, sign_in, lodging])
def test_paper_makes_no_formula_of_what_people_typed(course: Course, write: object) -> None:
    cadre = course.members["安平"].enrollment.cadre
    cadre.name = "=HYPERLINK(1)"
    cadre.unit.name = "@SUM(A1)"
    cadre.unit.save()
    cadre.save()
    sheet = write(course)  # type: ignore[operator] # one of the three above
    cells = [cell for row in sheet.iter_rows() for cell in row if cell.value is not None]
    assert {"=HYPERLINK(1)", "@SUM(A1)"} <= {cell.value for cell in cells}
    assert {cell.data_type for cell in cells} <= {"s", "n"}
    assert all(cell.quotePrefix for cell in cells if str(cell.value).startswith(("=", "@")))


@pytest.mark.parametrize("write", [roster, sign_in, lodging])
def test_paper_holds_no_plain_phone_and_no_id_number(course: Course, write: object) -> None:
    sheet = write(course)  # type: ignore[operator] # one of the three above
    text = "\n".join(str(cell.value) for row in sheet.iter_rows() for cell in row if cell.value is not None)
    cadre = course.members["安平"].enrollment.cadre
    assert "安平" in text
    assert cadre.phone not in text
    assert cadre.id_number not in text
    assert not PLAIN_PHONE.search(text)
    assert not PLAIN_ID.search(text)


@pytest.mark.parametrize("state", [Batch.State.DRAFT, Batch.State.NOMINATING, Batch.State.PLANNED])
def test_papers_of_a_batch_that_is_not_published_are_refused(course: Course, state: str) -> None:
    Batch.objects.filter(pk=course.batch.pk).update(state=state)
    for found in (course.practice_class, course.coming.practice_class):
        found.batch.refresh_from_db()
    for write in (roster, sign_in, lodging):
        with pytest.raises(DomainError, match="第3期还没有发布"):
            write(course)


def test_papers_ask_as_many_queries_for_30_people_as_for_3(course: Course) -> None:
    def asked() -> list[int]:
        found = []
        for write in (roster, sign_in, lodging):
            course.practice_class.refresh_from_db()
            with CaptureQueriesContext(connection) as queries:
                write(course)
            found.append(len(queries))
        return found

    before = asked()
    for number in range(27):
        member = factories.MembershipFactory(practice_class=course.practice_class)
        if number % 2:
            home = factories.HouseholdFactory(base=course.base, beds=1)
            bed = home.rooms.get().beds.get()
            factories.LodgingFactory(gathering=course.coming, enrollment=member.enrollment, bed=bed)
    assert asked() == before


# Papers of a version that counts from tomorrow


@pytest.fixture
def moved(course: Course) -> Course:
    """Version 2 follows version 1 and was published today: from tomorrow 曹志 is in class 8; 卜云 leaves on 11-06."""
    PlanVersion.objects.create(
        batch=course.batch, number=1, plan_text="{}", seed=1, fingerprint=FINGERPRINT, published_by=course.staff
    )
    end, seat = course.batch.last_day + datetime.timedelta(days=1), course.members["曹志"]
    seat.days = DateRange(course.batch.first_day, datetime.date(2026, 10, 23))
    seat.save()
    ClassMembership.objects.create(
        enrollment=seat.enrollment, practice_class=course.other_class, days=DateRange(datetime.date(2026, 10, 23), end)
    )
    factories.MentorshipFactory(enrollment=seat.enrollment, user__name="温如海")
    course.members["卜云"].days = DateRange(course.batch.first_day, datetime.date(2026, 11, 6))
    course.members["卜云"].save()
    return course


def test_roster_printed_on_the_day_of_publishing_has_the_people_of_its_version(moved: Course) -> None:
    seven, eight = (
        rows_of(opened(documents.class_roster(row, by=moved.staff, at=NOW)))
        for row in (moved.practice_class, moved.other_class)
    )
    assert seven[1] == ["单周班　自10月23日起2人　班主任　何文彬　辅导员　黄志强　导师　余国栋"]
    assert [row[1] for row in seven[4:6]] == ["安平", "卜云"]
    assert seven[6:] == [["以后变动：卜云11月6日起退出；董迟（县税务局）10月24日起参加"]]
    assert eight[1] == ["双周班　自10月23日起2人　导师　温如海"]
    assert [row[1] for row in eight[3:]] == ["阿补", "曹志"]


def test_notice_of_the_day_of_publishing_has_the_people_of_its_version(moved: Course) -> None:
    letter = Document(io.BytesIO(documents.dispatch_notice(moved.batch, on=NOW.date())))
    text = "\n".join(paragraph.text for paragraph in letter.paragraphs)
    assert "自10月23日起共4人（另有1人以后参加，日期见附件1），编为2个班" in text
    classes = {row.cells[2].text: row.cells[4].text for row in letter.tables[0].rows}
    assert classes == {
        "姓名": "班级", "安平": "第7班", "卜云": "第7班，11月6日起退出", "曹志": "第8班", "董迟": "第7班（10月24日起）",
        "阿补": "第8班",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("leaves", "counted", "in_class"),
    [
        (datetime.date(2026, 10, 30), "共4人（另有1人以后参加", "第7班，10月30日起退出，第7班（11月10日起）"),
        (datetime.date(2026, 10, 9), "共3人（另有2人以后参加", "第7班（11月10日起）"),
    ],
    ids=["leaves later", "has left"],
)
def test_notice_counts_who_leaves_and_comes_back_once(
    moved: Course, leaves: datetime.date, counted: str, in_class: str
) -> None:
    """She is back on 11-10; who still sits there is among those present, and not also among those who join later."""
    seat = moved.members["安平"]
    end, seat.days = seat.days.upper, DateRange(moved.batch.first_day, leaves)
    seat.save()
    ClassMembership.objects.create(
        enrollment=seat.enrollment,
        practice_class=moved.practice_class,
        days=DateRange(datetime.date(2026, 11, 10), end),
    )
    letter = Document(io.BytesIO(documents.dispatch_notice(moved.batch, on=NOW.date())))
    text = "\n".join(paragraph.text for paragraph in letter.paragraphs)
    assert f"自10月23日起{counted}，日期见附件1），编为2个班" in text
    cells = [row.cells[4].text for row in letter.tables[0].rows if row.cells[2].text == "安平"]
    assert cells == [in_class]


def test_papers_of_the_next_day_need_no_day(moved: Course) -> None:
    with time_machine.travel(NOW + datetime.timedelta(days=1), tick=False):
        assert rows_of(roster(moved))[1][0].startswith("单周班　2人　")  # type: ignore[union-attr] # a text
