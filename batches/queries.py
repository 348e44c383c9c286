"""What of a batch somebody sees, and the figures that pages, exports and the planner share."""

import datetime
from collections import Counter
from collections.abc import Iterable
from typing import Any

from django.db.models import Count, Exists, F, OuterRef, Q, QuerySet
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from accounts.rules import is_centre_staff, is_leader
from bases.models import Bed
from batches.models import (
    Batch,
    ClassMembership,
    ClassStaff,
    Enrollment,
    Gathering,
    Mentorship,
    Nomination,
    PlanRun,
    PlanVersion,
    PracticeClass,
    Programme,
)
from batches.plan_ids import key
from batches.rules import in_force
from batches.states import LIVE, OPEN
from cadres.models import Cadre, PastAttendance, Unit
from cadres.queries import kept_units, own_units
from office.models import UNFINISHED, Job
from office.todo import Todo

OF_THE_FACTS = (PlanRun.Purpose.PLAN, PlanRun.Purpose.REPAIR)
"""Runs whose plan may be published."""
GOING = (Nomination.State.PROPOSED, Nomination.State.CONFIRMED)
"""States of names that a plan is made for: who has said yes, or nothing yet."""
GONE = (Enrollment.State.WITHDRAWN, Enrollment.State.DEFERRED, Enrollment.State.REPLACED)
"""States of those who have left, or have said from which day on they will have (`belonging`)."""


def belonging(day: datetime.date) -> Q:
    """Enrollments in force on a day: everybody who stays, and who leaves until the day before leaving."""
    return Q(live=True) & (~Q(state__in=GONE) | Q(left_on__gt=day))


def seated(day: datetime.date) -> Q:
    """Memberships that hold on a day: who sits in which class is asked of these alone, whatever happens afterwards."""
    return Q(live=True, enrollment__live=True, days__contains=day)


def sees_all(user: User) -> bool:
    """Centre staff and leaders see every batch, class and result."""
    return bool(is_centre_staff.test(user) or is_leader.test(user))


def visible_classes(user: User) -> QuerySet[PracticeClass]:
    """Classes that somebody accompanies or belongs to; all for centre staff and leaders."""
    classes = PracticeClass.objects.select_related("batch", "track").order_by("batch", "number")
    if sees_all(user):
        return classes
    return classes.filter(
        Exists(in_force(ClassStaff.objects.filter(user=user, practice_class=OuterRef("pk"))))
        | Exists(ClassMembership.objects.filter(enrollment__cadre__user=user, live=True, practice_class=OuterRef("pk")))
    )


def visible_batches(user: User) -> QuerySet[Batch]:
    """All for centre staff and leaders; else those with a class one accompanies, a mentee, or names of one's unit."""
    batches = Batch.objects.select_related("programme").order_by("-number")
    if sees_all(user):
        return batches
    units = own_units(user).values("pk")
    return batches.filter(
        Exists(visible_classes(user).filter(batch=OuterRef("pk")))
        | Exists(Nomination.objects.filter(batch=OuterRef("pk"), cadre__unit__in=units))
        | Exists(in_force(Mentorship.objects.filter(user=user, enrollment__batch=OuterRef("pk"))))
    )


def visible_gatherings(user: User) -> QuerySet[Gathering]:
    """Gatherings of the classes one sees (`visible_classes`), by day and class number."""
    return (
        Gathering.objects.filter(practice_class__in=visible_classes(user).values("pk"))
        .select_related("practice_class__batch__programme")
        .order_by("first_day", "practice_class__number")
    )


def visible_nominations(user: User) -> QuerySet[Nomination]:
    """Centre staff and leaders: all; a liaison: those of the own unit."""
    nominations = Nomination.objects.select_related("cadre__unit", "batch").order_by(
        "batch", "cadre__unit__sort_name", "cadre__sort_name", "pk"
    )
    if sees_all(user):
        return nominations
    return nominations.filter(cadre__unit__in=own_units(user).values("pk"))


def empty_classes(batch: Batch) -> QuerySet[PracticeClass]:
    """Classes in which nobody ever sat and that never gathered, by number."""
    rows = batch.classes.filter(memberships__isnull=True, gatherings__isnull=True)
    return rows.select_related("batch").order_by("number")


def members_on(practice_class: PracticeClass, day: datetime.date) -> QuerySet[ClassMembership]:
    """Living memberships of a class on a day, of enrollments that are in force."""
    return (
        practice_class.memberships.filter(seated(day))
        .select_related("enrollment__cadre__unit")
        .order_by("enrollment__cadre__sort_name", "pk")
    )


def begun_cells(batch: Batch, day: datetime.date) -> set[tuple[int, int]]:
    """Gatherings of a published batch that are over or under way on a day, as class and index: nothing of them changes any
    more. One that was called off counts from its day on, unless another was arranged in its fortnight.
    """
    if batch.state not in LIVE:
        return set()
    called_off = Q(state=Gathering.State.CANCELLED)
    live = ~called_off & Q(practice_class=OuterRef("practice_class"), index=OuterRef("index"))
    rows = Gathering.objects.filter(practice_class__batch=batch, first_day__lte=day)
    rows = rows.exclude(called_off & Exists(Gathering.objects.filter(live)))
    return set(rows.order_by("pk").values_list("practice_class", "index"))


def over_when_made(run: PlanRun) -> set[str]:
    """Gatherings that had begun when the run was made, as plans name them: who slept where there is history."""
    cells = begun_cells(run.batch, timezone.localdate(run.created_at)) if run.batch is not None else set()
    return {f"{key('K', practice_class)}#{index}" for practice_class, index in cells}


def told_by_version(batch: Batch, when: datetime.datetime) -> list[dict[str, Any]]:
    """Why the version that was the newest at a moment leaves out what it does (one query); empty without a plan of its own."""
    runs = PlanRun.objects.filter(versions__batch=batch, versions__published_at__lte=when)
    return runs.order_by("-versions__number").values_list("explanations", flat=True).first() or []


def with_account(people: QuerySet[Cadre]) -> tuple[int, int]:
    """How many of these people have an account, so that a notice reaches them, and how many their units have to tell."""
    found = people.order_by().aggregate(
        reached=Count("pk", filter=Q(user__isnull=False), distinct=True), everybody=Count("pk", distinct=True)
    )
    return found["reached"], found["everybody"] - found["reached"]


def enrolled(batch: Batch) -> QuerySet[Enrollment]:
    """Everybody who stays, by unit and name: those whom acts are about."""
    return attending(batch).exclude(state__in=GONE)


def attending(batch: Batch) -> QuerySet[Enrollment]:
    """Everybody in force today, who will leave among them, by unit and name."""
    return (
        batch.enrollments.filter(belonging(timezone.localdate()))
        .select_related("cadre__unit")
        .order_by("cadre__unit__sort_name", "cadre__sort_name", "pk")
    )


def cadres_without_account(batch: Batch, practice_class: PracticeClass | None = None) -> QuerySet[Cadre]:
    """Cadres enrolled in the batch (in one class of it) who cannot sign in yet, by unit and name."""
    enrolled = attending(batch)
    if practice_class is not None:
        enrolled = enrolled.filter(memberships__practice_class=practice_class, memberships__live=True)
    return (
        Cadre.objects.filter(pk__in=enrolled.values("cadre"), user__isnull=True)
        .select_related("unit")
        .order_by("unit__sort_name", "sort_name", "pk")
    )


def answerable_units(user: User) -> QuerySet[Unit]:
    """Units whose names somebody may answer for: all for centre staff, a liaison's own."""
    return kept_units(user).order_by("sort_name", "pk")


def gatherings_elsewhere(user: User, practice_class: PracticeClass) -> QuerySet[Gathering]:
    """Coming gatherings of other classes that somebody accompanies on days when this class gathers too (R19)."""
    accompanied = Q(practice_class__in=in_force(ClassStaff.objects.filter(user=user)).values("practice_class")) | Q(
        practice_class__in=ClassMembership.objects.filter(
            live=True, enrollment__in=in_force(Mentorship.objects.filter(user=user)).values("enrollment")
        ).values("practice_class")
    )
    own = practice_class.gatherings.filter(
        state=Gathering.State.PLANNED, first_day__lte=OuterRef("last_day"), last_day__gte=OuterRef("first_day")
    )
    return (
        Gathering.objects.filter(accompanied, Exists(own), state=Gathering.State.PLANNED)
        .exclude(practice_class=practice_class)
        .select_related("practice_class__batch")
        .order_by("first_day", "practice_class__number")
    )


def attended_before(batch: Batch) -> QuerySet[Cadre]:
    """Cadres who count as having attended when this batch is planned: old lists, and other batches they stayed in."""
    elsewhere = Enrollment.objects.filter(cadre=OuterRef("pk"), live=True).exclude(batch=batch).exclude(state__in=GONE)
    return Cadre.objects.filter(Exists(PastAttendance.objects.filter(cadre=OuterRef("pk"))) | Exists(elsewhere))


def born_after(age: int, day: datetime.date) -> datetime.date:
    """The earliest birth month of those aged at most `age` in the month of `day`."""
    year, month = day.year - age - 1, day.month + 1
    return datetime.date(year + 1, 1, 1) if month > 12 else datetime.date(year, month, 1)


def begun(day: datetime.date, of: str = "") -> Q:
    """Batches under way on a day: running, under review, or published with their first day reached. One that is published
    ahead of its days is not under way. `of` leads from the rows to their batch ("batch__")."""
    state = Batch.State
    return Q(**{f"{of}state__in": (state.RUNNING, state.EVALUATING)}) | Q(
        **{f"{of}state": state.PUBLISHED, f"{of}first_day__lte": day}
    )


def coverage(full_coverage_age: int, day: datetime.date | None = None) -> dict[str, QuerySet[Cadre]]:
    """Cadres in post up to the covered age, split into done, in_training and waiting (each the rows behind a figure).

    in_training are people of batches under way; who has a place in a batch still to come waits like everybody else.
    """
    day = day or timezone.localdate()
    due = Cadre.objects.filter(
        state=Cadre.State.IN_POST, birth__gte=born_after(full_coverage_age, day)
    ).select_related("unit").order_by("unit__sort_name", "sort_name", "pk")  # fmt: skip
    enrolled = Enrollment.objects.filter(cadre=OuterRef("pk"), live=True).exclude(state__in=GONE)
    done = Exists(PastAttendance.objects.filter(cadre=OuterRef("pk"))) | Exists(
        enrolled.filter(state=Enrollment.State.COMPLETED)
    )
    now = Exists(Enrollment.objects.filter(belonging(day), begun(day, "batch__"), cadre=OuterRef("pk")))
    return {
        "due": due,
        "done": due.filter(done),
        "in_training": due.filter(~done & now),
        "waiting": due.filter(~done & ~now),
    }


def nomination_counts(batch: Batch) -> list[dict[str, Any]]:
    """Per unit: names proposed, confirmed, deferred, swapped out; units in order of their names."""
    state = Nomination.State
    rows = (
        batch.nominations.values("cadre__unit", unit=F("cadre__unit__name"))
        .annotate(
            proposed=Count("pk", filter=Q(state=state.PROPOSED)), confirmed=Count("pk", filter=Q(state=state.CONFIRMED)),
            deferred=Count("pk", filter=Q(state=state.DEFERRED)), swapped=Count("pk", filter=Q(state=state.SWAPPED)),
        )
        .order_by("cadre__unit__sort_name", "unit")
    )  # fmt: skip
    return [dict(row) for row in rows]


def newest_programmes() -> QuerySet[Programme]:
    """Programmes that no later version supersedes, by name."""
    return Programme.objects.filter(superseded_by__isnull=True).order_by("name")


def in_these_days(first_day: datetime.date, last_day: datetime.date, *, but: Batch | None = None) -> QuerySet[Batch]:
    """Batches that have a day in common with these days, in order; `but` is one to leave out."""
    rows = Batch.objects.filter(first_day__lte=last_day, last_day__gte=first_day).order_by("first_day", "number")
    return rows if but is None else rows.exclude(pk=but.pk)


def following(programme: Programme, *, planned_too: bool) -> QuerySet[Batch]:
    """Batches that go over to a new version of the rules, by whichever version they are: those not planned yet, and when
    people want it those planned but not published."""
    states = (*OPEN, Batch.State.PLANNED) if planned_too else OPEN
    return Batch.objects.filter(programme__name=programme.name, state__in=states)


def going(batch: Batch) -> QuerySet[Nomination]:
    """Names that the plan is made for: confirmed, or proposed and not yet answered."""
    return batch.nominations.filter(state__in=GOING)


def latest_deadline(batch: Batch, today: datetime.date) -> datetime.date:
    """The last day on which answers can be asked for: the one before the batch begins; of one that has begun, today."""
    return max(today, batch.first_day - datetime.timedelta(days=1))


def unit_quota(batch: Batch, unit: Unit) -> int:
    """People of the unit in a batch: own quota, else the programme's (R01)."""
    return batch.programme.unit_max_per_batch if unit.quota is None else unit.quota


def candidates_for_swap(nomination: Nomination) -> QuerySet[Cadre]:
    """Who of the same unit could go instead: in post, not named for this batch."""
    colleagues = Cadre.objects.filter(unit=nomination.cadre.unit, state=Cadre.State.IN_POST)
    named = going(nomination.batch).values("cadre")
    return colleagues.exclude(pk__in=named).order_by("sort_name", "pk")


def placed(batch: Batch, unit: Unit) -> QuerySet[Cadre]:
    """People of a unit who take up its places in a batch (R01): those named; once it is published those who are enrolled and
    have not left, and those named since who have no class yet.
    """
    people = Cadre.objects.filter(unit=unit)
    if batch.state not in LIVE:
        return people.filter(pk__in=going(batch).values("cadre"))
    present = batch.enrollments.filter(live=True).exclude(state__in=GONE)
    waiting = going(batch).exclude(cadre__in=batch.enrollments.values("cadre")).filter(cadre__state=Cadre.State.IN_POST)
    return people.filter(Q(pk__in=present.values("cadre")) | Q(pk__in=waiting.values("cadre")))


def latest_run(batch: Batch) -> PlanRun | None:
    """The newest run that has a plan of the facts as they were (trials and outlooks are none)."""
    return latest_runs([batch]).first()


def latest_runs(batches: Iterable[Batch]) -> QuerySet[PlanRun]:
    """The same of several batches: one a batch, of those that have one (one query)."""
    runs = PlanRun.objects.filter(batch__in=[batch.pk for batch in batches], purpose__in=OF_THE_FACTS).exclude(
        plan_text=""
    )
    return runs.order_by("batch_id", "-created_at", "-pk").distinct("batch_id")


def waiting_run(batch: Batch) -> PlanRun | None:
    """The newest run of a batch in force where it is a repair made since the version in force, and not published: somebody has
    to decide on it. One that a later version has passed over waits no more, whatever its outcome says.
    """
    version, newest = version_in_force(batch), latest_run(batch)
    return newest if version is not None and newest is not None and is_undecided(newest, version) else None


def is_undecided(run: PlanRun, version: PlanVersion | None) -> bool:
    """Whether nobody has published a repair, nor a later version (that in force, if any) passed it over."""
    if run.purpose != PlanRun.Purpose.REPAIR or (version is not None and run.created_at < version.published_at):
        return False
    return run.outcome in (PlanRun.Outcome.SOLVED, PlanRun.Outcome.SHORT)


def running_job(batch: Batch) -> Job | None:
    """The planner's job for this batch that has not ended, if any."""
    run = batch.plan_runs.filter(job__state__in=UNFINISHED).select_related("job").first()
    return run.job if run else None


def visible_outlooks(user: User) -> QuerySet[PlanRun]:
    """Outlooks that are kept, the newest first: for centre staff and leaders alone."""
    kept = PlanRun.objects.filter(purpose=PlanRun.Purpose.OUTLOOK).exclude(outcome=PlanRun.Outcome.SUPERSEDED)
    kept = kept.select_related("programme__superseded_by", "job__owner", "against__job").order_by("-created_at", "-pk")
    return kept if sees_all(user) else kept.none()


def version_in_force(batch: Batch) -> PlanVersion | None:
    """The newest published version while a plan is in force, else None."""
    return batch.plan_versions.order_by("-number").first() if batch.state in LIVE else None


def numbered_beds() -> dict[tuple[int, int], Bed]:
    """(room, number) → active bed, as the planner counts them: a room's from 1 in order of their own numbers (one query)."""
    found: dict[tuple[int, int], Bed] = {}
    count: Counter[int] = Counter()
    for bed in Bed.objects.filter(active=True).order_by("room", "number"):
        count[bed.room_id] += 1
        found[bed.room_id, count[bed.room_id]] = bed
    return found


def live_gatherings(batch: Batch) -> QuerySet[Gathering]:
    return (
        Gathering.objects.filter(practice_class__batch=batch)
        .exclude(state=Gathering.State.CANCELLED)
        .select_related("practice_class")
        .prefetch_related("sites__base__village__township")
        .order_by("first_day", "practice_class__number")
    )


def person_days_by_base(until: datetime.date | None = None, *, without: Batch | None = None) -> dict[int, int]:
    """Person-days of classes at each base from gatherings not cancelled (planned ones included), by base id."""
    sites = Gathering.objects.exclude(state=Gathering.State.CANCELLED).filter(sites__live=True)
    if without is not None:
        sites = sites.exclude(practice_class__batch=without)
    if until is not None:
        sites = sites.filter(last_day__lt=until)
    totals: dict[int, int] = {}
    for base, people, first, last in sites.values_list("sites__base", "sites__people", "first_day", "last_day"):
        totals[base] = totals.get(base, 0) + people * ((last - first).days + 1)
    return totals


def todo(user: User) -> list[Todo]:
    """What waits for centre staff (what blocks each batch, exceptions to approve) and for a unit's liaison (names)."""
    from batches.course import staff_todo  # the course is built on these queries

    return [*(staff_todo(user) if is_centre_staff.test(user) else []), *_liaison_todo(user)]


def _liaison_todo(user: User) -> list[Todo]:
    """Names of the own units that nobody has answered yet, batch by batch (one query)."""
    units = own_units(user).values("pk")
    waiting = Nomination.objects.filter(
        cadre__unit__in=units, state=Nomination.State.PROPOSED, batch__state=Batch.State.NOMINATING
    )
    rows = waiting.values("batch", "batch__number", "batch__nominate_until").annotate(n=Count("pk")).order_by("batch")
    return [
        Todo(
            what=f"确认第{row['batch__number']}期名单 {row['n']} 人", detail="可以确认、换人，或写明原因缓派",
            due=row["batch__nominate_until"], url=reverse("batches:nominations", args=[row["batch"]]), act="去确认",
        )
        for row in rows
    ]  # fmt: skip
