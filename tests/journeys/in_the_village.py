"""The first gathering, mostly on phones: who accompanies the class, the papers, leave, a record with its photograph."""

from dataclasses import dataclass
from io import BytesIO, StringIO
from pathlib import Path

import openpyxl
from django.core.management import call_command
from PIL import Image

from activities.models import ActivityRecord, Attachment, PaperState, Reflection
from batches.models import Absence, Batch, ConfirmedPresence, Enrollment, Gathering, PracticeClass
from office.files import read_file
from tests.browser.chromium import DESKTOP, PHONE, Person
from tests.journeys.setting_up import NewPerson, first_visit, issue_accounts, pick, slips_on

STAFF = {"19900000601": "韦老师", "19900000602": "黄导师", "19900000603": "莫大娘", "19900000604": "陈副书记"}
TEACHER, MENTOR, VILLAGER, LEADER = STAFF.values()
POSITION = 0x8825
"""The tag under which a camera writes where it was."""
PRESENCE_FROM_FRIDAY_TO_SUNDAY = [3] * 9 + [2]


@dataclass
class Cast:
    """Slips by name, and three members of the first class by what they do in this story."""

    slips: dict[str, tuple[str, str]]
    practice_class: PracticeClass
    monitor: Enrollment
    on_leave: Enrollment
    writer: Enrollment


def staff_the_class(centre: Person, batch: Batch) -> Cast:
    """Accounts for everybody, then head teacher, monitor and mentor of the first class; 开始实践."""
    centre.open(f"/batches/{batch.pk}/staff/")
    centre.confirm("给 20 名学员发账号")
    centre.press("发账号，打印账号单", "dialog[open]")
    slips = slips_on(centre)
    assert len(slips) == 20
    slips |= issue_accounts(centre, STAFF)
    practice_class = batch.classes.get(number=1)
    members = Enrollment.objects.filter(memberships__practice_class=practice_class).select_related("cadre")
    monitor, on_leave, writer = members.order_by("cadre__sort_name", "pk")[:3]
    centre.open(f"/batches/{batch.pk}/staff/")
    centre.choose("班", "第1班", "#teacher")
    centre.choose("职责", "班主任", "#teacher")
    centre.write("谁", TEACHER, "#teacher")
    centre.press("定下", "#teacher")
    centre.hear("班主任")
    centre.choose("学员", monitor.cadre.name, "#office")
    centre.choose("班务", "班长", "#office")
    centre.press("定下", "#office")
    centre.hear("班长")
    centre.choose("班", "第1班", "#mentor")
    centre.write("导师", MENTOR, "#mentor")
    centre.press("定下", "#mentor")
    centre.hear("帮带 10 名学员")
    centre.open(f"/batches/{batch.pk}/")
    centre.confirm("开始实践")
    centre.press("开始实践", "dialog[open]")
    assert centre.text(".dm-track [aria-current]") == "实践中"
    return Cast(slips, practice_class, monitor, on_leave, writer)


def appoint_leader(person: NewPerson, cast: Cast) -> Person:
    """The leader's office is granted by the security administrator, not by the centre."""
    out = StringIO()
    call_command("appoint", "anquan", "security", name="覃安", reason="安装时指定", stdout=out)
    password = out.getvalue().split("一次性密码")[1].split()[0]
    security = first_visit(person, ("anquan", password), DESKTOP)
    security.open("/admin/accounts/rolegrant/add/")
    pick(security, "账号", LEADER)
    security.choose("角色", "领导")
    security.write("事由", "分管“四下基层”实践")
    security.press("保存")
    leader = first_visit(person, cast.slips[LEADER], DESKTOP)
    leader.go("看板")
    return leader


def fetch_roster(centre: Person, cast: Cast, folder: Path) -> None:
    """The class roster that the worker wrote: its members, in the order of the page."""
    centre.open(f"/batches/{cast.practice_class.batch_id}/classes/{cast.practice_class.pk}/")
    centre.press("生成花名册")
    centre.wait_for("text=下载")
    sheet = openpyxl.load_workbook(centre.download("下载", folder)).active
    rows = [[str(cell) for cell in row if cell is not None] for row in sheet.iter_rows(values_only=True)]
    names = {member.cadre.name for member in members_of(cast)}
    assert {cell for row in rows for cell in row} & names == names
    assert "第1班" in "".join(rows[0])


def members_of(cast: Cast) -> list[Enrollment]:
    found = Enrollment.objects.filter(memberships__practice_class=cast.practice_class, memberships__live=True)
    return list(found.select_related("cadre").order_by("cadre__sort_name", "pk"))


def gather(person: NewPerson, cast: Cast, folder: Path) -> Person:
    """The monitor's phone: somebody on leave for a day, the class has arrived, one record with a photograph, confirmed."""
    monitor = first_visit(person, cast.slips[cast.monitor.cadre.name], PHONE)
    monitor.go("本次集中")
    monitor.see("第1次集中", "应到")
    monitor.follow("登记请假、晚到、早退")
    monitor.choose("谁", cast.on_leave.cadre.name)
    monitor.choose("自", "07-04")
    monitor.choose("至", "07-04")
    monitor.write("原因", "孩子发烧")
    monitor.press("登记缺勤")
    absence = Absence.objects.get()
    assert (absence.enrollment_id, absence.state) == (cast.on_leave.pk, Absence.State.ENTERED)
    monitor.press("登记全班已到村")
    file_record(monitor, folder)
    return monitor


def file_record(monitor: Person, folder: Path) -> None:
    """A photograph may come with it; where it was taken does not."""
    photo = folder / "桥.jpg"
    Image.new("RGB", (640, 480), "seagreen").save(photo, exif=_exif_with_position())
    monitor.follow("记一条")
    monitor.page.locator("label.dm-cell", has_text="惠民实事").click()
    monitor.write("办了什么", "修好村口的便桥")
    monitor.write("怎么办的、结果怎样", "和村民一起换了桥板，老人过河不用绕路。")
    monitor.page.locator("input[type=file]").set_input_files(photo)
    monitor.press("报送班主任")
    monitor.hear("已报送班主任")
    record = ActivityRecord.objects.get()
    assert (record.state, record.kind, record.participants.count()) == (PaperState.SUBMITTED, "deed", 10), (
        "all were there that day"
    )
    kept = Attachment.objects.get(record=record)
    assert POSITION not in Image.open(BytesIO(read_file(kept.file))).getexif()
    monitor.wait_for("img[alt^=附的照片]")


def _exif_with_position() -> Image.Exif:
    exif = Image.Exif()
    exif[POSITION] = {1: "N", 2: (24.0, 30.0, 0.0), 3: "E", 4: (110.0, 20.0, 0.0)}
    return exif


def review(person: NewPerson, cast: Cast) -> Person:
    """The head teacher is led from the home page to what waits: the leave and the record."""
    teacher = first_visit(person, cast.slips[TEACHER], DESKTOP)
    teacher.see("我的待办")
    teacher.follow("去审批", "main")
    teacher.press("准假")
    assert Absence.objects.get().state == Absence.State.APPROVED
    teacher.open("/")
    teacher.follow("去审核", "main")
    teacher.press("审核通过，计入进度")
    assert ActivityRecord.objects.get().state == PaperState.ACCEPTED
    return teacher


def confirm(monitor: Person, cast: Cast) -> None:
    """On the last day the names are final: nine with three days, one with two."""
    monitor.open("/")
    monitor.go("本次集中")
    monitor.follow("核对名单，确认这次集中")
    monitor.press("确认10人的名单")
    gathering = Gathering.objects.get(practice_class=cast.practice_class, index=1)
    assert gathering.state == Gathering.State.CONFIRMED
    days = ConfirmedPresence.objects.filter(gathering=gathering).order_by("-days").values_list("days", flat=True)
    assert list(days) == PRESENCE_FROM_FRIDAY_TO_SUNDAY


def see_what_is_owed(person: NewPerson, cast: Cast) -> None:
    """Two cadres' own pages: the days that are missing and when they are made up; the reflection is written there."""
    absent = first_visit(person, cast.slips[cast.on_leave.cadre.name], PHONE)
    absent.go("我的安排")
    absent.see("在村 13 天", "已 2 天，要满 15 天", "已准假")
    writer = first_visit(person, cast.slips[cast.writer.cadre.name], PHONE)
    writer.go("我的安排")
    writer.see("在村 12 天", "已 3 天，要满 15 天", "心得体会 1 篇")
    writer.follow("去写")
    writer.write("标题", "桥板和人心")
    writer.write("内容", "三天里最难忘的是换桥板那个下午。")
    writer.press("报送班主任")
    assert Reflection.objects.get().state == PaperState.SUBMITTED
    writer.open("/activities/me/")
    assert "心得体会" not in writer.text("main section")
