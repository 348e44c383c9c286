"""What must never be broken in records, papers and attendance (invariants 7 to 9)."""

import json
from collections.abc import Iterator
from typing import Any

from django.db.models import F, OuterRef, Q, Subquery

from activities import states
from activities.actions.papers import OWNER, content_of
from activities.models import ActivityRecord, PaperState, PaperVersion
from batches.models import ConfirmedPresence, Enrollment, Gathering, MakeUp
from batches.presence import HELD, visits_of
from office.invariants import Invariant


def _papers(**filters: Any) -> Iterator[Any]:
    for model in OWNER:
        yield from model._default_manager.filter(**filters).order_by("pk")


def _latest(paper: Any) -> PaperVersion | None:
    found: PaperVersion | None = PaperVersion.objects.filter(**{OWNER[type(paper)]: paper}).order_by("-pk").first()
    return found


def handed_in_without_version() -> list[str]:
    """Every paper handed in or decided has a version of its present state with the very text."""
    broken = []
    for paper in _papers(state__in=(*states.HANDED_IN, PaperState.RETURNED)):
        version = _latest(paper)
        name = f"{paper._meta.verbose_name} {paper.pk}“{paper.title}”"
        if version is None:
            broken.append(f"{name}：没有留稿。")
        elif paper.state in states.HANDED_IN:
            kept = json.loads(version.content)
            kept.pop("photos", None)
            if kept != content_of(paper):
                broken.append(f"{name}：内容与留下的第 {version.number} 稿不同。")
    return broken


def versions_altered() -> list[str]:
    """The hash of each version is that of its text."""
    wrong = PaperVersion.objects.extra(  # no expression of Django's hashes bytes
        where=["encode(sha256(convert_to(content, 'UTF8')), 'hex') <> activities_paperversion.sha256"]
    ).order_by("pk")
    return [f"稿次 {version.pk}：哈希与内容不符。" for version in wrong]


def participants_from_outside() -> list[str]:
    """Whoever took part belongs to the batch of the class."""
    rows = (
        ActivityRecord.participants.through.objects.exclude(
            enrollment__batch=F("activityrecord__practice_class__batch")
        )
        .values_list("activityrecord", "enrollment")
        .order_by("pk")
    )
    return [f"纪实 {record}：参加的人 {enrollment} 不是这一期的学员。" for record, enrollment in rows]


def records_outside_their_gathering() -> list[str]:
    """A record's gathering is one of its class, and the day lies in it."""
    wrong = ActivityRecord.objects.filter(gathering__isnull=False).exclude(state=PaperState.VOID).filter(
        ~Q(gathering__practice_class=F("practice_class"))
        | Q(day__lt=F("gathering__first_day"))
        | Q(day__gt=F("gathering__last_day"))
    )  # fmt: skip
    return [f"纪实 {record.pk}“{record.title}”：不在所写的那次集中里。" for record in wrong.order_by("pk")]


def confirmed_without_rows() -> list[str]:
    """A confirmed gathering has frozen somebody's presence."""
    empty = Gathering.objects.filter(state=Gathering.State.CONFIRMED, presences__isnull=True)
    return [f"集中 {gathering.pk} {gathering}：已确认却没有名单。" for gathering in empty.order_by("pk")]


def frozen_beyond_the_gathering() -> list[str]:
    """Nobody was there longer than the gathering, and nights are fewer than days."""
    rows = ConfirmedPresence.objects.select_related("gathering").order_by("pk")
    return [
        f"在村确认 {row.pk}：天数或夜数不合这次集中。"
        for row in rows
        if row.days > row.gathering.days or row.nights > max(row.days - 1, 0)
    ]


def in_two_places() -> list[str]:
    """Nobody is present at two gatherings on one day (asked of those who make days up: others have one class a day)."""
    people = list(
        Enrollment.objects.filter(pk__in=MakeUp.objects.filter(live=True).values("enrollment")).order_by("pk")
    )
    broken = []
    for pk, visits in visits_of(people).items():
        days = [day for visit in visits if visit.gathering.state in HELD for day in visit.dates]
        twice = sorted({day for day in days if days.count(day) > 1})
        broken += [f"学员 {pk}：{day} 同时在两处集中。" for day in twice]
    return broken


def decided_by_the_author() -> list[str]:
    """Nobody accepted what they wrote themselves."""
    broken = []
    for model, owner in OWNER.items():
        latest = PaperVersion.objects.filter(**{owner: OuterRef("pk")}, state=PaperState.ACCEPTED).order_by("-pk")
        papers = model._default_manager.filter(state__in=states.COUNTED).annotate(
            accepted_by=Subquery(latest.values("by")[:1])
        )
        own = papers.filter(accepted_by=F("author")).order_by("pk")
        broken += [f"{model._meta.verbose_name} {paper.pk}“{paper.title}”：由填写人自己审核。" for paper in own]
    return broken


INVARIANTS: list[Invariant] = [
    Invariant("7a", "报送和审核过的纪实、心得、报告都留着当时的稿", handed_in_without_version),
    Invariant("7b", "留下的稿没有被改过", versions_altered),
    Invariant("7c", "纪实里参加的人都是这一期的学员", participants_from_outside),
    Invariant("7d", "纪实写的集中是本班的，日期在其中", records_outside_their_gathering),
    Invariant("8c", "没有人审核自己填写的", decided_by_the_author),
    Invariant("9a", "确认过的集中都有定下的名单", confirmed_without_rows),
    Invariant("9b", "定下的天数和夜数合得上集中的日期", frozen_beyond_the_gathering),
    Invariant("9c", "没有人同一天在两处集中", in_two_places),
]
