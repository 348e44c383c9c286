"""“What I still owe” (还欠什么) of a cadre and of a class, each by one function that every page and export shares.

Each item says what is missing, how far it is, and the date of the coming gathering that cures it.
"""

import datetime
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from django.db.models import Count
from django.utils import timezone

from activities import states
from activities.models import ActivityRecord, PaperState, Reflection, ResearchReport
from batches.models import Enrollment, Gathering, PracticeClass, Programme
from batches.presence import Presence, count_days, villages_of, visits_of
from batches.queries import GONE

Kind = ActivityRecord.Kind
NEEDED_BY_KIND = {
    Kind.PARTY: "party_sessions",
    Kind.OFFICE: "office_sessions",
    Kind.SURVEY: "village_surveys",
    Kind.POLICY: "policy_sessions",
    Kind.DEED: "practical_deeds",
}
REPORT = "report"


@dataclass(frozen=True)
class Owed:
    """One thing still owed: its code, how much of it is done and needed, when it will be cured, and the sentence."""

    what: str
    done: int
    needed: int
    cured_on: datetime.date | None
    text: str
    title: str = ""
    detail: str = ""
    cure: str = ""

    @property
    def missing(self) -> int:
        return self.needed - self.done


@dataclass
class KindProgress:
    """One of the five ones (or the research report) of a class: counts of records by what became of them."""

    kind: str
    label: str
    needed: int
    accepted: int = 0
    submitted: int = 0
    returned: int = 0
    drafts: int = 0
    last_day: datetime.date | None = None

    @property
    def done(self) -> int:
        """Handed in: accepted, or waiting for the head teacher."""
        return self.accepted + self.submitted

    @property
    def planned(self) -> int:
        """Begun and not handed in yet."""
        return self.drafts + self.returned

    @property
    def missing(self) -> int:
        return max(self.needed - self.done, 0)

    @property
    def complete(self) -> bool:
        """As many accepted as the programme asks for."""
        return self.accepted >= self.needed


@dataclass
class ClassOwing:
    """A class against the programme's figures: five ones in their order, reports, and what is still owed."""

    kinds: list[KindProgress]
    reports: KindProgress
    next_gathering: Gathering | None = None
    owed: list[Owed] = field(default_factory=list)

    @property
    def missing(self) -> int:
        """Pieces still to be handed in, reports included."""
        return sum(progress.missing for progress in [*self.kinds, self.reports])


def owing_of_enrollments(
    enrollments: Iterable[Enrollment], *, today: datetime.date | None = None
) -> dict[int, list[Owed]]:
    """What each enrolled cadre still owes: village days, distinct villages, reflections; nothing once withdrawn.

    Days and villages count when spent, a reflection when handed in. A constant number of queries.
    """
    people = list(enrollments)
    return owing_from_visits(people, visits_of(people), today=today or timezone.localdate())


def owing_from_visits(
    enrollments: list[Enrollment], visits: dict[int, list[Presence]], *, today: datetime.date
) -> dict[int, list[Owed]]:
    """The same from visits already loaded (`presence.visits_of`)."""
    programmes = _programmes({enrollment.batch_id for enrollment in enrollments})
    written: dict[int, int] = {}
    begun: dict[int, int] = {}
    counted = Reflection.objects.filter(enrollment__in=[enrollment.pk for enrollment in enrollments]).order_by()
    for pk, state, number in counted.values_list("enrollment", "state").annotate(number=Count("pk")):
        target = written if state in states.HANDED_IN else begun
        if state != PaperState.VOID:
            target[pk] = target.get(pk, 0) + number
    owing: dict[int, list[Owed]] = {}
    for enrollment in enrollments:
        if enrollment.state in GONE or not enrollment.live:
            owing[enrollment.pk] = []
            continue
        programme, last_day = programmes[enrollment.batch_id]
        mine = visits[enrollment.pk]
        items = [_days_owed(programme, mine, today), _villages_owed(programme, mine, today)]
        done = written.get(enrollment.pk, 0)
        items.append(_reflections_owed(programme, done, bool(begun.get(enrollment.pk)), last_day))
        owing[enrollment.pk] = [item for item in items if item is not None]
    return owing


def _programmes(batches: set[int]) -> dict[int, tuple[Programme, datetime.date]]:
    found = Programme.objects.filter(batches__in=batches).values_list("pk", "batches__pk", "batches__last_day")
    rows = list(found)
    by_pk = Programme.objects.in_bulk({pk for pk, _, _ in rows})
    return {batch: (by_pk[pk], last_day) for pk, batch, last_day in rows}


def _owed(
    what: str, done: int, needed: int, cured_on: datetime.date | None, title: str, detail: str, cure: str
) -> Owed:
    return Owed(what, done, needed, cured_on, f"{title}，{detail}，{cure}", title, detail, cure)


def _cure(cured_on: datetime.date | None, otherwise: str) -> str:
    return f"补齐 {cured_on:%m-%d}" if cured_on else otherwise


def _days_owed(programme: Programme, visits: list[Presence], today: datetime.date) -> Owed | None:
    needed = programme.min_village_days
    days = count_days(visits, today)
    if days.done >= needed:
        return None
    coming = [day for visit in visits for day in visit.coming_dates(today)]
    missing = needed - days.done
    cured_on = sorted(coming)[missing - 1] if len(coming) >= missing else None
    detail = f"已 {days.done} 天，要满 {needed} 天"
    cure = _cure(cured_on, f"后面的集中只有 {len(coming)} 天，请找班主任安排补课")
    return _owed("village_days", days.done, needed, cured_on, f"在村 {missing} 天", detail, cure)


def _villages_owed(programme: Programme, visits: list[Presence], today: datetime.date) -> Owed | None:
    needed = programme.min_distinct_villages
    days = count_days(visits, today)
    done = len(days.villages_done)
    if done >= needed:
        return None
    seen = {village.pk for village in days.villages_done}
    cured_on = None
    for visit in visits:
        ahead = visit.coming_dates(today)
        seen |= {village.pk for village in villages_of(visit.gathering)} if ahead else set()
        if len(seen) >= needed and ahead:
            cured_on = ahead[0]
            break
    missing = needed - done
    title = f"第 {needed} 个村" if missing == 1 else f"不同的村 {missing} 个"
    been = "、".join(village.name for village in days.villages_done)
    detail = f"已去{been}" if been else "还没有去过"
    cure = _cure(cured_on, "后面的集中没有新的村，请找班主任安排")
    return _owed("villages", done, needed, cured_on, title, detail, cure)


def _reflections_owed(programme: Programme, done: int, begun: bool, last_day: datetime.date) -> Owed | None:
    needed = programme.reflections_per_cadre
    if done >= needed:
        return None
    title = f"心得体会 {needed - done} 篇"
    detail = "有草稿没报送" if begun else f"已交 {done} 篇"
    return _owed("reflections", done, needed, last_day, title, detail, f"{last_day:%m-%d} 前交")


def owing_of_classes(classes: Iterable[PracticeClass], *, today: datetime.date | None = None) -> dict[int, ClassOwing]:
    """The five ones and the reports of each class, by class id, against the programme's figures. Four queries.

    The date that cures a missing piece is the first day of the next gathering that has not ended.
    """
    today = today or timezone.localdate()
    listed = list(classes)
    programmes = _programmes({practice_class.batch_id for practice_class in listed})
    records: dict[int, list[tuple[str, str, datetime.date]]] = defaultdict(list)
    found = (
        ActivityRecord.objects.filter(practice_class__in=listed).exclude(state=PaperState.VOID).order_by("day", "pk")
    )
    for pk, kind, state, day in found.values_list("practice_class", "kind", "state", "day"):
        records[pk].append((kind, state, day))
    for pk, state in (
        ResearchReport.objects.filter(practice_class__in=listed).exclude(state=PaperState.VOID).order_by("pk")
    ).values_list("practice_class", "state"):
        records[pk].append((REPORT, state, today))
    coming: dict[int, Gathering] = {}
    planned = Gathering.objects.filter(
        practice_class__in=listed, state__in=(Gathering.State.PLANNED, Gathering.State.HELD), last_day__gte=today
    ).order_by("-first_day", "-pk")
    for gathering in planned:
        coming[gathering.practice_class_id] = gathering
    return {
        practice_class.pk: _class_owing(
            *programmes[practice_class.batch_id], records[practice_class.pk], coming.get(practice_class.pk), today
        )
        for practice_class in listed
    }


def _class_owing(
    programme: Programme,
    batch_ends: datetime.date,
    records: list[tuple[str, str, datetime.date]],
    coming: Gathering | None,
    today: datetime.date,
) -> ClassOwing:
    kinds = {kind: KindProgress(kind, kind.label, getattr(programme, name)) for kind, name in NEEDED_BY_KIND.items()}
    report = KindProgress(REPORT, "调研报告", programme.reports_per_class)
    for kind, state, day in records:
        progress = report if kind == REPORT else kinds.get(Kind(kind))
        if progress is None:
            continue
        if state in states.COUNTED:
            progress.accepted += 1
            progress.last_day = day
        elif state == PaperState.SUBMITTED:
            progress.submitted += 1
        elif state == PaperState.RETURNED:
            progress.returned += 1
        else:
            progress.drafts += 1
    owing = ClassOwing(list(kinds.values()), report, coming)
    cured_on = max(coming.first_day, today) if coming else None
    for progress in owing.kinds:
        if progress.missing:
            otherwise = "后面没有集中了，请找服务中心加一次"
            owing.owed.append(_piece_owed(progress, "件", cured_on, _cure(cured_on, otherwise)))
    if report.missing:
        owing.owed.append(_piece_owed(report, "份", batch_ends, f"{batch_ends:%m-%d} 前交"))
    return owing


def _piece_owed(progress: KindProgress, unit: str, cured_on: datetime.date | None, cure: str) -> Owed:
    title = f"{progress.label} {progress.missing} {unit}"
    detail = f"已报 {progress.done} {unit}，要 {progress.needed} {unit}"
    if progress.returned:
        detail += f"，退回 {progress.returned} {unit}待改"
    return _owed(progress.kind, progress.done, progress.needed, cured_on, title, detail, cure)
