"""Class roster, sign-in sheet and lodging table: what each holds, in the order people look for it."""

import datetime
from collections.abc import Iterable

from django.conf import settings
from django.utils import timezone

from accounts.models import User
from bases.models import HostHousehold
from batches.models import (
    ClassMembership,
    ClassOffice,
    ClassStaff,
    Enrollment,
    Gathering,
    Lodging,
    MakeUp,
    Mentorship,
    PracticeClass,
)
from batches.queries import live_gatherings, members_on, version_in_force
from batches.rules import in_force
from reports.documents.paper import Paper

DAY = datetime.timedelta(days=1)
BLANK = "　"


def class_roster(practice_class: PracticeClass, *, by: User | None, at: datetime.datetime) -> bytes:
    """The class's roster (班级花名册): who accompanies it, when it gathers where, its members with their posts."""
    batch = practice_class.batch
    paper = Paper("花名册", [6, 11, 6, 24, 18, 10, 16, 14])
    paper.title(f"{settings.COUNTY_NAME}“四下基层”实践{batch}第{practice_class.number}班花名册")
    members = list(members_on(practice_class, _reference_day(practice_class)))
    paper.line(f"{practice_class.get_parity_display()}班{BLANK}{len(members)}人{BLANK}{_staff_line(practice_class)}")
    for gathering in live_gatherings(batch).filter(practice_class=practice_class):
        paper.line(f"第{gathering.index}次集中{BLANK}{_days(gathering)}{BLANK}{places(gathering)}")
    paper.head(["序号", "姓名", "性别", "单位", "职务职级", "班务", "电话", "签名"])
    offices = _offices(practice_class)
    for number, membership in enumerate(members, start=1):
        cadre = membership.enrollment.cadre
        paper.cells(
            [
                number, cadre.name, cadre.get_sex_display(), cadre.unit.name, cadre.post or cadre.rank,
                offices.get(membership.pk, ""), cadre.masked_phone, "",
            ],
            left=(3, 4),
        )  # fmt: skip
    paper.foot(version_in_force(batch), by, at)
    return paper.content()


def sign_in_sheet(gathering: Gathering, *, by: User | None, at: datetime.datetime) -> bytes:
    """The sheet that lies on the table at a gathering (签到表): a column to sign for each day; its scan is kept later."""
    days = [gathering.first_day + DAY * n for n in range(gathering.days)]
    paper = Paper("签到表", [6, 12, 6, 26, *([16] * len(days)), 16])
    paper.title(f"{gathering.practice_class}第{gathering.index}次集中签到表")
    paper.line(f"{_days(gathering)}{BLANK}{places(gathering)}{BLANK}只在纸上签名，本系统不打卡、不定位")
    paper.head(["序号", "姓名", "性别", "单位", *(f"{day:%m-%d} {_weekday(day)}" for day in days), "备注"])
    people = [row.enrollment for row in members_on(gathering.practice_class, gathering.first_day)]
    makeups = MakeUp.objects.filter(gathering=gathering, live=True).select_related("enrollment__cadre__unit")
    guests = [row.enrollment for row in makeups.order_by("enrollment__cadre__sort_name", "pk")]
    for number, enrollment in enumerate([*people, *guests], start=1):
        cadre = enrollment.cadre
        note = "补课" if enrollment in guests else ""
        paper.cells(
            [number, cadre.name, cadre.get_sex_display(), cadre.unit.name, *([""] * len(days)), note],
            left=(3,),
            height=28,
        )
    paper.line(f"班长签名：{BLANK * 8}合作社签名：{BLANK * 8}日期：")
    paper.foot(version_in_force(gathering.practice_class.batch), by, at)
    return paper.content()


def lodging_table(gathering: Gathering, *, by: User | None, at: datetime.datetime) -> bytes:
    """Who sleeps where at a gathering (住宿安排表): by household, room-mates together, with the household's sign column."""
    paper = Paper("住宿安排表", [6, 14, 18, 6, 12, 6, 24, 14, 14])
    paper.title(f"{gathering.practice_class}第{gathering.index}次集中住宿安排表")
    nights = f"{gathering.nights}晚" if gathering.nights else "不过夜"
    paper.line(f"{_days(gathering)}{BLANK}{nights}{BLANK}{places(gathering)}")
    paper.head(["组", "农户", "房间床位", "序号", "姓名", "性别", "单位", "电话", "农户签名"])
    rows = list(
        Lodging.objects.filter(gathering=gathering, live=True)
        .select_related("enrollment__cadre__unit", "bed__room", "household__base__village")
        .order_by("household__base", "household", "bed__room", "bed__number")
    )
    _write_households(paper, rows)
    for enrollment in _without_bed(gathering, rows):
        paper.cells(["—", "未安排", "", "", enrollment.cadre.name, "", enrollment.cadre.unit.name, "", ""], left=(6,))
    paper.foot(version_in_force(gathering.practice_class.batch), by, at)
    return paper.content()


def _write_households(paper: Paper, rows: Iterable[Lodging]) -> None:
    group, household, first = 0, None, 0
    for number, row in enumerate(rows, start=1):
        cadre = row.enrollment.cadre
        if household != row.household_id:
            _close_group(paper, first)
            group, household, first = group + 1, row.household_id, paper.row + 1
        paper.cells(
            [
                group, _household(row.household), f"{row.bed.room.name}{row.bed.number}号床", number, cadre.name,
                cadre.get_sex_display(), cadre.unit.name, cadre.masked_phone, "",
            ],
            left=(1, 2, 6),
        )  # fmt: skip
    _close_group(paper, first)


def _close_group(paper: Paper, first: int) -> None:
    if first:
        for column in (0, 1, 8):
            paper.merge_down(column, first, paper.row)


def _household(household: HostHousehold | None) -> str:
    return "" if household is None else f"{household.head}{BLANK}{household.address}".strip()


def _without_bed(gathering: Gathering, rows: Iterable[Lodging]) -> list[Enrollment]:
    housed = {row.enrollment_id for row in rows}
    if not gathering.nights:
        return []
    members = members_on(gathering.practice_class, gathering.first_day)
    return [row.enrollment for row in members if row.enrollment_id not in housed]


def _reference_day(practice_class: PracticeClass) -> datetime.date:
    """Today while the batch runs, else its nearer end."""
    batch = practice_class.batch
    return min(max(timezone.localdate(), batch.first_day), batch.last_day)


def _days(gathering: Gathering) -> str:
    return f"{gathering.first_day:%Y-%m-%d} 至 {gathering.last_day:%m-%d}"


def places(gathering: Gathering) -> str:
    """Township and village of each base of the gathering."""
    sites = [site for site in gathering.sites.all() if site.live]
    sites.sort(key=lambda site: site.order)
    return "、".join(
        f"{site.base.village.township.name.removesuffix('人民政府')}{site.base.village.name}" for site in sites
    )


def _weekday(day: datetime.date) -> str:
    return "周" + "一二三四五六日"[day.weekday()]


def _staff_line(practice_class: PracticeClass) -> str:
    posts = (
        in_force(ClassStaff.objects.filter(practice_class=practice_class)).select_related("user").order_by("kind", "pk")
    )
    mentors = in_force(
        Mentorship.objects.filter(
            enrollment__memberships__practice_class=practice_class, enrollment__memberships__live=True
        )
    )
    by_kind = {kind: "、".join(post.user.name for post in posts if post.kind == kind) for kind in ClassStaff.Kind}
    parts = [f"{kind.label}{BLANK}{names}" for kind, names in by_kind.items() if names]
    if names := "、".join(sorted({mentor.user.name for mentor in mentors.select_related("user")})):
        parts.append(f"导师{BLANK}{names}")
    return BLANK.join(parts)


def _offices(practice_class: PracticeClass) -> dict[int, str]:
    memberships = ClassMembership.objects.filter(practice_class=practice_class)
    rows = in_force(ClassOffice.objects.filter(membership__in=memberships))
    return {row.membership_id: row.get_kind_display() for row in rows}
