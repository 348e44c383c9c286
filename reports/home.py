"""The home page: what waits for me, by when, from every app; and for the centre how each batch stands."""

import datetime
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec

from django.db.backends.postgresql.psycopg_any import DateRange
from django.db.models import Count, Q
from django.utils import timezone

from accounts.models import User
from activities.models import ActivityRecord, PaperState
from activities.owing import Owed, owing_from_visits
from activities.queries import followed_classes
from bases.models import BaseUse, HostHousehold, PracticeBase
from bases.queries import beds_in_use, own_bases
from batches.course import Block, Step, quick_blocks, steps_of
from batches.facts import Facts, facts_of
from batches.models import (
    Batch,
    ClassStaff,
    Enrollment,
    Gathering,
    Lodging,
    Mentorship,
)
from batches.presence import next_visit, presence_of_gatherings, sites_of, visits_of
from batches.queries import begun, belonging, coverage, visible_gatherings
from batches.roll import Seat, seats_of
from batches.rules import in_force
from batches.states import LIVE, UNDER_WAY
from cadres.models import UnitLiaison
from evaluations.models import Campaign, Review
from office.models import Job
from office.todo import Todo
from reports.dashboard import covering_programme
from reports.documents.tables import places

SOURCES = ("office", "cadres", "bases", "batches", "activities", "evaluations")
WEEK = datetime.timedelta(days=6)


def todos(user: User) -> list[Todo]:
    """Everything that waits for somebody, the earliest first, what has no date last."""
    found = [todo for ask in _askers() for todo in ask(user)]
    return sorted(found, key=lambda todo: (todo.due is None, todo.due or datetime.date.max))


def _askers() -> list[Callable[[User], list[Todo]]]:
    modules = [import_module(f"{app}.queries") for app in SOURCES if find_spec(f"{app}.queries")]
    return [module.todo for module in modules if hasattr(module, "todo")]


@dataclass(frozen=True)
class Person:
    """Somebody whom a mentor accompanies or a unit has sent: the class, when and where next, what is still owed."""

    enrollment: Enrollment
    seat: Seat | None
    next: Gathering | None
    place: str
    owed: list[Owed]


def people_of(user: User) -> list[Person]:
    """A mentor's and a unit liaison's people of batches under way, by batch and name (a constant number of queries)."""
    units = in_force(UnitLiaison.objects.filter(user=user)).values("unit")
    mentored = in_force(Mentorship.objects.filter(user=user)).values("enrollment")
    rows = list(
        Enrollment.objects.filter(Q(cadre__unit__in=units) | Q(pk__in=mentored), belonging(timezone.localdate()))
        .filter(batch__state__in=UNDER_WAY)
        .select_related("cadre__unit", "batch__programme")
        .order_by("batch", "cadre__sort_name", "pk")
    )
    today, seats, visits = timezone.localdate(), seats_of(rows), visits_of(rows)
    owed = owing_from_visits(rows, visits, today=today)
    people = []
    for row in rows:
        following = next_visit(visits[row.pk], today)
        place = "、".join(site.base.village.full_name for site in sites_of(following.gathering)) if following else ""
        people.append(Person(row, seats.get(row.pk), following.gathering if following else None, place, owed[row.pk]))
    return people


def guests_of(user: User) -> list[BaseUse]:
    """Who comes within two weeks to the bases that somebody looks after: classes and outside guests."""
    today = timezone.localdate()
    return list(
        BaseUse.objects.filter(base__in=own_bases(user), live=True, days__overlap=DateRange(today, today + 2 * WEEK))
        .select_related("base__village__township")
        .order_by("days", "base", "pk")
    )


@dataclass(frozen=True)
class Stand:
    """How a batch stands: its facts, its seven steps, and what blocks the present one with the act that cures it."""

    batch: Batch
    facts: Facts
    steps: list[Step]
    blocks: list[Block]


def open_batches() -> list[Stand]:
    """Batches that are not closed, the newest first, in the same number of queries for one and for thirty."""
    batches = list(Batch.objects.select_related("programme").exclude(state=Batch.State.CLOSED).order_by("-number"))
    facts = facts_of(batches)
    return [Stand(row, facts[row.pk], steps_of(row), quick_blocks(row, facts[row.pk])) for row in batches]


@dataclass(frozen=True)
class Outing:
    """A class's gathering within the coming week: who should be there, who is there, with whom they stay."""

    gathering: Gathering
    place: str
    expected: int
    there: int
    households: int
    teachers: str
    may_open: bool

    @property
    def away(self) -> int:
        """People who are absent on all days."""
        return self.expected - self.there


def outings(user: User, day: datetime.date | None = None) -> list[Outing]:
    """Gatherings that touch the coming seven days, by day and class number (a fixed number of queries)."""
    day = day or timezone.localdate()
    rows = list(
        visible_gatherings(user)
        .filter(first_day__lte=day + WEEK, last_day__gte=day, practice_class__batch__state__in=LIVE)
        .exclude(state=Gathering.State.CANCELLED)
        .prefetch_related("sites__base__village__township")
    )
    presence = presence_of_gatherings(rows)
    lodged = Lodging.objects.filter(gathering__in=rows, live=True).order_by().values_list("gathering")
    households = dict(lodged.annotate(homes=Count("household", distinct=True)))
    posts = in_force(
        ClassStaff.objects.filter(
            practice_class__in={row.practice_class_id for row in rows}, kind=ClassStaff.Kind.HEAD_TEACHER
        )
    )
    teachers: dict[int, list[str]] = {}
    for practice_class, name in posts.order_by("since", "pk").values_list("practice_class", "user__name"):
        teachers.setdefault(practice_class, []).append(name)
    followed = set(followed_classes(user).order_by().values_list("pk", flat=True))
    return [
        Outing(
            row, places(row), len(presence[row.pk]), sum(bool(person.days) for person in presence[row.pk]),
            households.get(row.pk, 0), "、".join(teachers.get(row.practice_class_id, [])),
            row.practice_class_id in followed,
        )
        for row in rows
    ]  # fmt: skip


@dataclass(frozen=True)
class Door:
    """One of the six doors at the top of the workbench: two figures and where they lead."""

    key: str
    label: str
    icon: str
    figures: tuple[str, ...]
    links: tuple[tuple[str, str], ...]


def doors() -> list[Door]:
    """The course 干部 → 基地 → 期班 → 纪实 → 评审 → 报表 with a few figures each (a constant number of queries)."""
    programme = covering_programme()
    age = programme.full_coverage_age if programme else 40
    people = coverage(age)
    bases = PracticeBase.objects.filter(state=PracticeBase.State.OPEN).count()
    households = HostHousehold.objects.filter(state=HostHousehold.State.ADMITTED).count()
    batches = Batch.objects.aggregate(all=Count("pk"), running=Count("pk", filter=begun(timezone.localdate())))
    records = ActivityRecord.objects.exclude(state=PaperState.VOID).aggregate(
        all=Count("pk"), waiting=Count("pk", filter=Q(state=PaperState.SUBMITTED)),
        returned=Count("pk", filter=Q(state=PaperState.RETURNED)),
    )  # fmt: skip
    campaigns = Campaign.objects.filter(state=Campaign.State.OPEN).count()
    sheets = Review.objects.filter(state=Review.State.CAST, campaign__state=Campaign.State.OPEN).count()
    return [
        Door(
            "cadres", "干部", "users",
            (
                f"应覆盖 {people['due'].count():,} 人",
                f"已完成 {people['done'].count():,}　在训 {people['in_training'].count():,}",
            ),
            (("admin:cadres", "干部名册"), ("cadres:imports", "摸底导入")),
        ),
        Door(
            "bases", "基地", "home-heart", (f"{bases} 个基地 {households} 户", f"床位 {beds_in_use():,}"),
            (("bases:overview", "基地"), ("bases:households", "农户"), ("bases:rates", "食宿标准")),
        ),
        Door(
            "batches", "期班", "calendar-event", (f"共 {batches['all']} 期", f"进行中 {batches['running']} 期"),
            (("batches:list", "各期"), ("batches:programme", "项目规则")),
        ),
        Door(
            "activities", "纪实", "notebook",
            (f"记录 {records['all']:,} 条", f"待审 {records['waiting']}　退回 {records['returned']}"),
            (("activities:classes", "五个一进度"), ("admin:activities", "全部纪实")),
        ),
        Door(
            "evaluations", "评审", "scale", (f"评分中 {campaigns} 期", f"已交 {sheets} 张"),
            (("evaluations:list", "评审批次"), ("evaluations:rubrics", "评分表")),
        ),
        Door(
            "reports", "报表", "chart-bar", ("领导看板", "花名册、签到表、住宿表、通知"),
            (("reports:dashboard", "领导看板"), ("office:jobs", "任务记录")),
        ),
    ]  # fmt: skip


def recent_jobs(user: User) -> list[Job]:
    return list(Job.objects.filter(owner=user).order_by("-created_at")[:3])
