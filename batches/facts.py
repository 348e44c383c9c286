"""Where each batch stands and what it waits for, for many batches at once (a fixed number of queries)."""

import datetime
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from django.db.models import Case, Count, DateField, Exists, F, OuterRef, Q, Value, When
from django.utils import timezone

from bases.models import Closure, HostHousehold
from batches.heads import members_of
from batches.models import (
    Batch,
    ClassMembership,
    ClassOffice,
    ClassStaff,
    Enrollment,
    Gathering,
    Lodging,
    Mentorship,
    Nomination,
    PlanRun,
    PracticeClass,
)
from batches.queries import GOING, OF_THE_FACTS, belonging
from batches.roll import roll_days, seated_in, since_words
from batches.rules import in_force
from office.models import UNFINISHED, Job

Days = Mapping[int, datetime.date]
"""Batch → the day of its list (`roll.roll_days`)."""
COMING = (Gathering.State.PLANNED,)


@dataclass
class Facts:
    """Figures of one batch; each is a number of rows that a page can show."""

    names: int = 0
    waiting: int = 0
    waiting_units: list[str] = field(default_factory=list)
    classes: int = 0
    people: int = 0
    since: str = ""
    """自11月23日起 where the people are not yet today's."""
    planned: bool = False
    shortfalls: bool = False
    job: Job | None = None
    without_head_teacher: int = 0
    without_monitor: int = 0
    without_mentor: int = 0
    without_account: int = 0
    unaccounted: int = 0
    without_bed: int = 0


def facts_of(batches: Iterable[Batch]) -> dict[int, Facts]:
    """Facts by batch id, in the same number of queries for one batch and for thirty."""
    rows = list(batches)
    found: dict[int, Facts] = {batch.pk: Facts() for batch in rows}
    if not found:
        return found
    days = roll_days(rows)
    _seats(days, found)
    _names(found)
    _runs(found)
    _people(found, days)
    _offices(found, days)
    _gatherings(found)
    return found


def _names(found: dict[int, Facts]) -> None:
    named = Nomination.objects.filter(batch__in=found, state__in=GOING)
    rows = named.values("batch", "state", unit=F("cadre__unit__name")).annotate(n=Count("pk"))
    for row in rows.order_by("cadre__unit__sort_name", "unit"):
        facts = found[row["batch"]]
        facts.names += row["n"]
        if row["state"] == Nomination.State.PROPOSED:
            facts.waiting += row["n"]
            facts.waiting_units.append(row["unit"])
    for batch, n in (
        PracticeClass.objects.filter(batch__in=found).values_list("batch").annotate(n=Count("pk")).order_by()
    ):
        found[batch].classes = n


def _runs(found: dict[int, Facts]) -> None:
    unfinished = PlanRun.objects.filter(batch__in=found, job__state__in=UNFINISHED)
    for run in unfinished.select_related("job").order_by("pk"):
        if run.batch_id is not None:
            found[run.batch_id].job = run.job
    runs = PlanRun.objects.filter(batch__in=found, purpose__in=OF_THE_FACTS).exclude(plan_text="")
    for batch, outcome in runs.order_by("created_at", "pk").values_list("batch", "outcome"):
        found[batch].planned = True
        found[batch].shortfalls = outcome == PlanRun.Outcome.SHORT


def _posts_day(days: Days) -> Case:
    """The day whose posts count (`Roll.posts_day`), of rows that name their batch."""
    today = timezone.localdate()
    ahead = [When(batch=pk, then=Value(day)) for pk, day in days.items() if day > today]
    return Case(*ahead, default=Value(today), output_field=DateField())


def _seats(days: Days, found: dict[int, Facts]) -> None:
    """People as the version in force has them: the list that pages and papers tell (`roll.roll_of`)."""
    today = timezone.localdate()
    rows = ClassMembership.objects.filter(seated_in(days)).values("practice_class__batch")
    for pk, day in days.items():
        found[pk].since = since_words(day) if day > today else ""
    for row in rows.annotate(n=Count("enrollment", distinct=True)).order_by("practice_class__batch"):
        found[row["practice_class__batch"]].people = row["n"]


def _people(found: dict[int, Facts], days: Days) -> None:
    """Who still waits for a mentor or an account, of everybody in force today or from a later day on."""
    people = Enrollment.objects.filter(belonging(timezone.localdate()), batch__in=found).annotate(
        posts_day=_posts_day(days),
        mentored=Exists(in_force(Mentorship.objects.filter(enrollment=OuterRef("pk")), OuterRef("posts_day"))),
    )
    counted = people.values("batch").annotate(
        without_mentor=Count("pk", filter=Q(mentored=False)),
        without_account=Count("pk", filter=Q(cadre__user__isnull=True)),
    )
    for row in counted.order_by("batch"):
        facts = found[row["batch"]]
        facts.without_mentor = row["without_mentor"]
        facts.without_account = row["without_account"]


def _offices(found: dict[int, Facts], days: Days) -> None:
    day = OuterRef("posts_day")
    teachers = in_force(
        ClassStaff.objects.filter(kind=ClassStaff.Kind.HEAD_TEACHER, practice_class=OuterRef("pk")), day
    )
    monitors = in_force(
        ClassOffice.objects.filter(
            kind=ClassOffice.Kind.MONITOR, membership__live=True, membership__practice_class=OuterRef("pk")
        ),
        day,
    )
    classes = PracticeClass.objects.filter(batch__in=found).annotate(posts_day=_posts_day(days))
    classes = classes.annotate(taught=Exists(teachers), led=Exists(monitors))
    counted = classes.values("batch").annotate(
        no_teacher=Count("pk", filter=Q(taught=False)), no_monitor=Count("pk", filter=Q(led=False))
    )
    for row in counted.order_by("batch"):
        found[row["batch"]].without_head_teacher = row["no_teacher"]
        found[row["batch"]].without_monitor = row["no_monitor"]


def _gatherings(found: dict[int, Facts]) -> None:
    over = Gathering.objects.filter(
        practice_class__batch__in=found, state=Gathering.State.PLANNED, last_day__lt=timezone.localdate()
    )
    for batch, n in over.values_list("practice_class__batch").annotate(n=Count("pk")).order_by():
        found[batch].unaccounted = n
    for missing in beds_missing(Q(practice_class__batch__in=found)):
        found[missing.gathering.practice_class.batch_id].without_bed += 1


@dataclass(frozen=True)
class MissingBed:
    """Somebody who belongs to a coming gathering and has no bed that can be used there, and why."""

    gathering: Gathering
    membership: ClassMembership
    why: str


def beds_missing(where: Q) -> list[MissingBed]:
    """Of planned gatherings still to come: members without a bed, or with one that can no longer be slept in (4 queries)."""
    gatherings = list(
        Gathering.objects.filter(
            where, state__in=COMING, first_day__gte=timezone.localdate(), last_day__gt=F("first_day")
        )
        .select_related("practice_class__batch__programme")
        .order_by("first_day", "practice_class__number")
    )
    if not gatherings:
        return []
    lodged = _lodgings(gatherings)
    members = members_of(gatherings)
    found = []
    for gathering in gatherings:
        for membership in members[gathering.pk]:
            why = lodged.get((gathering.pk, membership.enrollment_id), "没有床位")
            if why:
                found.append(MissingBed(gathering, membership, why))
    return found


def _lodgings(gatherings: list[Gathering]) -> dict[tuple[int, int], str]:
    """(gathering, enrollment) → why the bed cannot be used, empty where it can."""
    rows = Lodging.objects.filter(gathering__in=gatherings, live=True).select_related(
        "bed__room__household", "gathering"
    )
    closures: dict[tuple[str, int], list[Closure]] = defaultdict(list)
    first = min(row.first_day for row in gatherings)
    for closure in Closure.objects.filter(live=True, days__endswith__gt=first, base__isnull=True).order_by("pk"):
        place = ("household", closure.household_id) if closure.household_id else ("room", closure.room_id)
        closures[place[0], place[1] or 0].append(closure)
    found = {}
    for row in rows.order_by("pk"):
        household = row.bed.room.household
        shut = closures["household", household.pk] + closures["room", row.bed.room_id]
        why = ""
        if household.state != HostHousehold.State.ADMITTED:
            why = f"{household}已{household.get_state_display().removeprefix('已')}"
        elif not row.bed.active:
            why = f"{row.bed}已停用"
        elif any(_touches(closure, row.gathering) for closure in shut):
            why = f"{household}那几天停接"
        found[row.gathering_id, row.enrollment_id] = why
    return found


def _touches(closure: Closure, gathering: Gathering) -> bool:
    lower, upper = closure.days.lower, closure.days.upper
    begins: bool = lower is None or lower <= gathering.last_day
    ends: bool = upper is None or upper > gathering.first_day
    return begins and ends


def next_gathering_day(batch: Batch) -> datetime.date | None:
    """The first day of the next gathering that is planned."""
    coming = Gathering.objects.filter(practice_class__batch=batch, state=Gathering.State.PLANNED)
    found: datetime.date | None = (
        coming.filter(first_day__gte=timezone.localdate())
        .order_by("first_day")
        .values_list("first_day", flat=True)
        .first()
    )
    return found
