"""Class roster, sign-in sheet and lodging table: what each holds, in the order people look for it."""

import datetime
from collections.abc import Iterable
from itertools import zip_longest

from django.conf import settings

from accounts.models import User
from bases.models import HostHousehold
from batches.models import (
    ClassOffice,
    ClassStaff,
    Enrollment,
    Gathering,
    Lodging,
    Mentorship,
    PracticeClass,
)
from batches.presence import days_of, presence_of_gathering
from batches.queries import live_gatherings
from batches.roll import Roll, roll_of
from batches.rules import in_force
from reports.documents.paper import PAGE_WIDTH, Paper
from reports.rules import published_version

BLANK = "　"
LINE_HOLDS = 48
"""Characters of 10.5 pt that fit into one line of the page."""


def class_roster(practice_class: PracticeClass, *, by: User | None, at: datetime.datetime) -> bytes:
    """The class's roster (班级花名册): who accompanies it, when it gathers where, its members with their posts.

    Its people are those of the version that it carries (`batches.roll`); who comes or goes later stands below, with the day.

    Raises DomainError until the batch is published.
    """
    batch = practice_class.batch
    version = published_version(batch)
    paper = Paper("花名册", [11, 20, 11, 45, 31, 15, 27, 20])
    paper.title(f"{settings.COUNTY_NAME}“四下基层”实践{batch}第{practice_class.number}班花名册")
    roll = roll_of(batch)
    members = roll.of(practice_class)
    counted = f"{roll.since}{len(members)}人"
    staff = f"{practice_class.get_parity_display()}班{BLANK}{counted}{BLANK}{_staff_line(practice_class, roll)}"
    paper.line(staff, height=20 if len(staff) <= LINE_HOLDS else 34)
    gatherings = list(live_gatherings(batch).filter(practice_class=practice_class))
    lines = [f"第{row.index}次{BLANK}{_days(row)}{BLANK}{places(row)}" for row in gatherings]
    for left, right in zip_longest(lines[::2], lines[1::2], fillvalue=""):
        paper.pair(left, right, split=4)
    paper.head(["序号", "姓名", "性别", "单位", "职务职级", "班务", "电话", "签名"])
    offices = _offices(practice_class, roll)
    for number, membership in enumerate(members, start=1):
        cadre = membership.enrollment.cadre
        paper.cells(
            [
                number, cadre.name, cadre.get_sex_display(), cadre.unit.name, cadre.post or cadre.rank,
                offices.get(membership.pk, ""), cadre.masked_phone, "",
            ],
            left=(3, 4),
        )  # fmt: skip
    changes = [
        *(f"{row.cadre.name}{row.said_of_leaving}" for row in roll.leaving(practice_class)),
        *(f"{row.cadre.name}（{row.cadre.unit}）{row.said_of_coming}" for row in roll.coming(practice_class)),
    ]
    if changes:
        text = f"以后变动：{'；'.join(changes)}"
        paper.line(text, height=20 + 14 * (len(text) // LINE_HOLDS))
    paper.foot(version, by, at)
    return paper.content()


def sign_in_sheet(gathering: Gathering, *, by: User | None, at: datetime.datetime) -> bytes:
    """The sheet that lies on the table at a gathering (签到表): a column to sign for each day; its scan is kept later.

    Days on which somebody does not belong to the class are struck; whoever makes up with the class comes last. Raises
    DomainError until the batch is published.
    """
    version = published_version(gathering.practice_class.batch)
    days = days_of(gathering)
    each = (PAGE_WIDTH - 106) / len(days)
    paper = Paper("签到表", [11, 20, 11, 44, *([each] * len(days)), 20])
    paper.title(f"{gathering.practice_class}第{gathering.index}次集中签到表")
    paper.line(f"{_days(gathering)}{BLANK}{places(gathering)}{BLANK}只在纸上签名，本系统不打卡、不定位")
    paper.head(["序号", "姓名", "性别", "单位", *(f"{day:%m-%d} {_weekday(day)}" for day in days), "备注"])
    people = sorted(presence_of_gathering(gathering), key=lambda row: row.makeup)
    for number, row in enumerate(people, start=1):
        cadre = row.enrollment.cadre
        struck = ["" if day in row.expected or row.frozen else "／" for day in days]
        note = "补课" if row.makeup else ""
        paper.cells([number, cadre.name, cadre.get_sex_display(), cadre.unit.name, *struck, note], left=(3,), height=27)
    paper.line(f"班长签名：{BLANK * 12}合作社签名：{BLANK * 12}日期：", height=32)
    paper.foot(version, by, at)
    return paper.content()


def lodging_table(gathering: Gathering, *, by: User | None, at: datetime.datetime) -> bytes:
    """Who sleeps where at a gathering (住宿安排表): by household, room-mates together, with the household's sign column.

    Whoever stays a night and has no bed stands at the end. Raises DomainError until the batch is published.
    """
    version = published_version(gathering.practice_class.batch)
    paper = Paper("住宿安排表", [8, 27, 25, 11, 18, 10, 36, 26, 19])
    paper.title(f"{gathering.practice_class}第{gathering.index}次集中住宿安排表")
    rows = list(
        Lodging.objects.filter(gathering=gathering, live=True)
        .select_related("enrollment__cadre__unit", "bed__room", "household__base__village")
        .order_by("household__base__village__name", "household__base", "household", "bed__room", "bed__number")
    )
    missing = _without_bed(gathering, rows)
    nights = f"{gathering.nights}晚" if gathering.nights else "不过夜"
    homes = f"{len({row.household_id for row in rows})}户{BLANK}{len(rows)}人"
    short = f"{BLANK}没有床位{len(missing)}人" if missing else ""
    paper.line(f"{_days(gathering)}{BLANK}{nights}{BLANK}{places(gathering)}{BLANK}{homes}{short}")
    paper.head(["组", "农户", "房间床位", "序号", "姓名", "性别", "单位", "电话", "农户签名"])
    _write_households(paper, rows)
    for number, enrollment in enumerate(missing, start=len(rows) + 1):
        cadre = enrollment.cadre
        paper.cells(
            [
                "", "未安排", "", number, cadre.name, cadre.get_sex_display(), cadre.unit.name, cadre.masked_phone, "",
            ],
            left=(1, 6),
        )  # fmt: skip
    paper.foot(version, by, at)
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
    """Whoever stays a night there, members and guests who make up, and has no bed; in order of names."""
    housed = {row.enrollment_id for row in rows}
    return [
        row.enrollment for row in presence_of_gathering(gathering) if row.nights and row.enrollment.pk not in housed
    ]


def _days(gathering: Gathering) -> str:
    return f"{gathering.first_day:%Y-%m-%d} 至 {gathering.last_day:%m-%d}"


def places(gathering: Gathering) -> str:
    """Township and village of each base of the gathering."""
    sites = [site for site in gathering.sites.all() if site.live]
    sites.sort(key=lambda site: site.order)
    return "、".join(site.base.village.full_name for site in sites)


def _weekday(day: datetime.date) -> str:
    return "周" + "一二三四五六日"[day.weekday()]


def _staff_line(practice_class: PracticeClass, roll: Roll) -> str:
    """Who accompanies the class and its members of the roll."""
    posts = in_force(ClassStaff.objects.filter(practice_class=practice_class), roll.posts_day)
    posts = posts.select_related("user").order_by("kind", "pk")
    people = [row.enrollment_id for row in roll.of(practice_class)]
    mentors = in_force(Mentorship.objects.filter(enrollment__in=people), roll.posts_day)
    by_kind = {kind: "、".join(post.user.name for post in posts if post.kind == kind) for kind in ClassStaff.Kind}
    parts = [f"{kind.label}{BLANK}{names}" for kind, names in by_kind.items() if names]
    if names := "、".join(sorted({mentor.user.name for mentor in mentors.select_related("user")})):
        parts.append(f"导师{BLANK}{names}")
    return BLANK.join(parts)


def _offices(practice_class: PracticeClass, roll: Roll) -> dict[int, str]:
    rows = in_force(ClassOffice.objects.filter(membership__in=roll.of(practice_class)), roll.posts_day)
    return {row.membership_id: row.get_kind_display() for row in rows}
