"""What of records, reflections and reports somebody sees, and what of them waits for somebody."""

import datetime
from dataclasses import dataclass, field
from typing import Any, TypeVar

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from activities import rules, states
from activities.models import ActivityRecord, Attachment, PaperState, Reflection, ResearchReport
from activities.owing import Owed, owing_from_visits
from bases.models import HostHousehold
from bases.queries import rate_for
from batches.models import (
    Absence,
    Batch,
    ClassMembership,
    ClassOffice,
    ClassStaff,
    Enrollment,
    Gathering,
    Lodging,
    Mentorship,
    PracticeClass,
)
from batches.presence import Presence, next_visit, sites_of, visits_of, with_sites
from batches.queries import belonging, visible_classes
from batches.roll import Seat, seats_of
from batches.rules import held, in_force
from batches.states import CHANGING, LIVE
from config.errors import DomainError
from office.todo import Todo

AnyPaper = TypeVar("AnyPaper", ActivityRecord, Reflection, ResearchReport)
DRAFTS_OF = (PaperState.DRAFT,)


def monitored_classes(user: User) -> QuerySet[PracticeClass]:
    """Classes in whose name the user files now, the newest batch first."""
    offices = held(ClassOffice.objects.filter(membership__enrollment__cadre__user=user))
    return (
        PracticeClass.objects.filter(pk__in=offices.values("membership__practice_class"), batch__state__in=LIVE)
        .select_related("batch__programme")
        .order_by("-batch__number", "number")
    )


def staffed_classes(user: User) -> QuerySet[PracticeClass]:
    """Classes that the user accompanies now as head teacher or counsellor."""
    posts = in_force(ClassStaff.objects.filter(user=user))
    return (
        PracticeClass.objects.filter(pk__in=posts.values("practice_class"), batch__state__in=LIVE)
        .select_related("batch__programme")
        .order_by("-batch__number", "number")
    )


def visible_records(user: User) -> QuerySet[ActivityRecord]:
    """Records of classes that somebody belongs to or accompanies; drafts are for those who write them.

    All but others' drafts for leaders, all for centre staff.
    """
    records = ActivityRecord.objects.select_related(
        "practice_class__batch__programme", "gathering", "village", "author"
    )
    if rules.is_centre_staff.test(user):
        return records
    records = records.filter(practice_class__in=visible_classes(user).values("pk"))
    return records.filter(
        ~Q(state__in=DRAFTS_OF) | Q(author=user) | Q(practice_class__in=monitored_classes(user).values("pk"))
    )


def visible_reports(user: User) -> QuerySet[ResearchReport]:
    """As `visible_records`."""
    reports = ResearchReport.objects.select_related("practice_class__batch__programme", "author")
    if rules.is_centre_staff.test(user):
        return reports
    reports = reports.filter(practice_class__in=visible_classes(user).values("pk"))
    return reports.filter(
        ~Q(state__in=DRAFTS_OF) | Q(author=user) | Q(practice_class__in=monitored_classes(user).values("pk"))
    )


def visible_reflections(user: User) -> QuerySet[Reflection]:
    """Own ones; handed-in ones of cadres whom one mentors or whose class one accompanies; all handed in for leaders."""
    reflections = Reflection.objects.select_related("enrollment__cadre__unit", "enrollment__batch__programme", "author")
    if rules.is_centre_staff.test(user):
        return reflections
    own = Q(enrollment__cadre__user=user)
    if rules.is_leader.test(user):
        return reflections.filter(own | ~Q(state__in=DRAFTS_OF))
    staffed = in_force(ClassStaff.objects.filter(user=user)).values("practice_class")
    memberships = ClassMembership.objects.filter(
        enrollment=OuterRef("enrollment"), live=True, practice_class__in=staffed
    )
    mentored = in_force(Mentorship.objects.filter(user=user, enrollment=OuterRef("enrollment")))
    return reflections.filter(own | (~Q(state__in=DRAFTS_OF) & (Exists(memberships) | Exists(mentored))))


def visible_papers(user: User, model: type[AnyPaper]) -> QuerySet[AnyPaper]:
    """The papers of one kind that a user sees."""
    found: dict[Any, Any] = {
        ActivityRecord: visible_records, Reflection: visible_reflections, ResearchReport: visible_reports,
    }  # fmt: skip
    papers: QuerySet[AnyPaper] = found[model](user)
    return papers


visible_to = visible_papers


def visible_photos(user: User) -> QuerySet[Attachment]:
    return Attachment.objects.filter(record__in=visible_records(user).values("pk")).select_related("file", "record")


def visible_absences(user: User) -> QuerySet[Absence]:
    """Absences of gatherings one follows; of others' classes none, of others in one's own class for those who keep them."""
    absences = Absence.objects.select_related(
        "gathering__practice_class__batch", "enrollment__cadre__unit", "entered_by"
    )
    if rules.may_see_all.test(user):
        return absences
    kept = Q(gathering__practice_class__in=monitored_classes(user).values("pk")) | Q(
        gathering__practice_class__in=staffed_classes(user).values("pk")
    )
    return absences.filter(kept | Q(enrollment__cadre__user=user))


def gathering_at_hand(practice_class: PracticeClass, today: datetime.date | None = None) -> Gathering | None:
    """The gathering that a class's page is about: under way, else ended and not confirmed, else next, else the last."""
    today = today or timezone.localdate()
    gatherings = list(
        with_sites(practice_class.gatherings.exclude(state=Gathering.State.CANCELLED).order_by("first_day", "pk"))
    )
    confirmed = Gathering.State.CONFIRMED
    for wanted in (
        [g for g in gatherings if g.first_day <= today <= g.last_day],
        [g for g in gatherings if g.last_day < today and g.state != confirmed][:1],
        [g for g in gatherings if g.first_day > today],
        gatherings[-1:],
    ):
        if wanted:
            return wanted[0]
    return None


def gathering_number(gathering: Gathering) -> tuple[int, int]:
    """Which of how many gatherings of its class it is, cancelled ones left out."""
    pks = list(
        gathering.practice_class.gatherings.exclude(state=Gathering.State.CANCELLED)
        .order_by("first_day", "pk")
        .values_list("pk", flat=True)
    )
    return (pks.index(gathering.pk) + 1 if gathering.pk in pks else 0), len(pks)


@dataclass
class MyCourse:
    """One enrolled cadre's own page: where and when next, with whom, what is still owed, the whole schedule."""

    enrollment: Enrollment
    seat: Seat | None
    visits: list[Presence]
    owed: list[Owed]
    next_visit: Presence | None = None
    lodging: Lodging | None = None
    room_mates: list[Enrollment] = field(default_factory=list)
    fee: dict[str, Any] | None = None
    reflection: Reflection | None = None

    @property
    def cured_on(self) -> datetime.date | None:
        """The day by which all is cured, if every item has one."""
        days = [item.cured_on for item in self.owed]
        return max(day for day in days if day) if days and all(days) else None


def own_enrollment(user: User) -> Enrollment | None:
    """The user's own enrollment in force, in the newest batch that is published."""
    return (
        Enrollment.objects.filter(belonging(timezone.localdate()), cadre__user=user, batch__state__in=LIVE)
        .select_related("batch__programme", "cadre__unit")
        .order_by("-batch__number")
        .first()
    )


def my_course(enrollment: Enrollment, today: datetime.date | None = None) -> MyCourse:
    today = today or timezone.localdate()
    visits = visits_of([enrollment])[enrollment.pk]
    course = MyCourse(
        enrollment=enrollment,
        seat=seats_of([enrollment]).get(enrollment.pk),
        visits=visits,
        owed=owing_from_visits([enrollment], {enrollment.pk: visits}, today=today)[enrollment.pk],
        next_visit=next_visit(visits, today),
        reflection=enrollment.reflections.exclude(state=PaperState.VOID).order_by("-pk").first(),
    )
    if course.next_visit is not None:
        gathering = course.next_visit.gathering
        course.lodging = (
            Lodging.objects.filter(gathering=gathering, enrollment=enrollment, live=True)
            .select_related("household", "bed__room")
            .first()
        )
        if course.lodging is not None:
            mates = Lodging.objects.filter(gathering=gathering, household=course.lodging.household, live=True)
            course.room_mates = [
                mate.enrollment
                for mate in mates.exclude(enrollment=enrollment)
                .select_related("enrollment__cadre__unit")
                .order_by("enrollment__cadre__sort_name", "pk")
            ]
        course.fee = fee_of(course.next_visit, course.lodging.household if course.lodging else None)
    return course


def fee_of(visit: Presence, household: HostHousehold | None) -> dict[str, Any] | None:
    """What one person pays at a gathering, in yuan: meals and nights by the rate; None until the rate is confirmed.

    With two bases the household's township counts, else that of the first base.
    """
    sites = sites_of(visit.gathering)
    site = next((site for site in sites if household is not None and site.base_id == household.base_id), None)
    site = site or next(iter(sites), None)
    if site is None:
        return None
    try:
        rate = rate_for(site.base.village.township, visit.gathering.first_day)
    except DomainError:
        return None  # a fee that is not fixed yet is not shown
    meals = (
        rate.breakfast * visit.meals.breakfasts + rate.lunch * visit.meals.lunches + rate.dinner * visit.meals.dinners
    )
    lodging = rate.night * visit.nights
    return {"total": meals + lodging, "meals": meals, "lodging": lodging, "nights": visit.nights}


def waiting_for_review(user: User) -> list[Any]:
    """Papers handed in that this user may accept or return, not those written by the user; oldest first."""
    papers: list[Any] = []
    for practice_papers in (
        visible_records(user).filter(practice_class__in=staffed_classes(user).values("pk")),
        visible_reports(user).filter(practice_class__in=staffed_classes(user).values("pk")),
        visible_reflections(user).exclude(enrollment__cadre__user=user),
    ):
        if practice_papers.model is Reflection and rules.may_see_all.test(user):
            continue
        papers += practice_papers.filter(state=PaperState.SUBMITTED).exclude(author=user).order_by("submitted_at", "pk")
    return sorted(papers, key=lambda paper: (paper.submitted_at is None, paper.submitted_at))


def paper_url(paper: ActivityRecord | Reflection | ResearchReport) -> str:
    if isinstance(paper, ActivityRecord):
        return reverse("activities:record", args=[paper.pk])
    name = "reflection_edit" if isinstance(paper, Reflection) else "report_edit"
    return reverse(f"activities:{name}", args=[paper.pk])


def review_url(paper: ActivityRecord | Reflection | ResearchReport) -> str:
    names = {ActivityRecord: "review", Reflection: "review_reflection", ResearchReport: "review_report"}
    return reverse(f"activities:{names[type(paper)]}", args=[paper.pk])


def todo(user: User) -> list[Todo]:
    """What waits for a monitor, a head teacher, counsellor or mentor, and a cadre (constant number of queries)."""
    today = timezone.localdate()
    return [*_monitor_todo(user, today), *_staff_todo(user), *_cadre_todo(user, today), *_archive_todo(user)]


def to_archive(batch: Batch) -> tuple[QuerySet[Any], ...]:
    """Accepted papers of a batch, by kind: what is archived once the batch is closed."""
    accepted = PaperState.ACCEPTED
    return (
        ActivityRecord.objects.filter(practice_class__batch=batch, state=accepted).order_by("pk"),
        Reflection.objects.filter(enrollment__batch=batch, state=accepted).order_by("pk"),
        ResearchReport.objects.filter(practice_class__batch=batch, state=accepted).order_by("pk"),
    )


def _archive_todo(user: User) -> list[Todo]:
    """Closed batches whose accepted papers are not archived yet, for the centre."""
    if not rules.is_centre_staff.test(user):
        return []
    accepted = {"state": PaperState.ACCEPTED}
    waiting = Batch.objects.filter(state=Batch.State.CLOSED).filter(
        Exists(ActivityRecord.objects.filter(practice_class__batch=OuterRef("pk"), **accepted))
        | Exists(Reflection.objects.filter(enrollment__batch=OuterRef("pk"), **accepted))
        | Exists(ResearchReport.objects.filter(practice_class__batch=OuterRef("pk"), **accepted))
    )
    return [
        Todo(f"归档{batch}的纪实、心得和报告", "这一期已归档，材料还没有", None, reverse("activities:five_ones", args=[batch.pk]),
             "去归档")
        for batch in waiting.order_by("number")
    ]  # fmt: skip


def _monitor_todo(user: User, today: datetime.date) -> list[Todo]:
    classes = list(monitored_classes(user))
    if not classes:
        return []
    todos = []
    open_states = (Gathering.State.PLANNED, Gathering.State.HELD)
    ended = Gathering.objects.filter(practice_class__in=classes, state__in=open_states, last_day__lt=today)
    for gathering in ended.select_related("practice_class__batch").order_by("first_day", "pk"):
        url = f"{reverse('activities:gathering', args=[gathering.practice_class_id])}?gathering={gathering.pk}"
        detail = f"{gathering.last_day:%m-%d} 已结束，核对没来的人后确认"
        todos.append(Todo(f"确认{gathering}", detail, None, url, "去确认"))
    for papers in (
        ActivityRecord.objects.filter(practice_class__in=classes),
        ResearchReport.objects.filter(practice_class__in=classes),
    ):
        found: Any = papers.filter(state__in=states.EDITABLE).select_related("practice_class__batch").order_by("pk")
        for paper in found:
            returned = paper.state == PaperState.RETURNED
            what = f"{'改' if returned else '写完'}“{paper.title}”"
            detail = "班主任退回，改后再报" if returned else "草稿，还没报送"
            todos.append(
                Todo(
                    what,
                    detail,
                    paper.practice_class.batch.last_day,
                    paper_url(paper),
                    "去改" if returned else "接着写",
                )
            )
    return todos


def _staff_todo(user: User) -> list[Todo]:
    todos = []
    for paper in waiting_for_review(user):
        who = paper.enrollment.cadre.name if isinstance(paper, Reflection) else str(paper.practice_class)
        detail = f"{who}　{timezone.localtime(paper.submitted_at):%m-%d} 报送"
        todos.append(Todo(f"审核“{paper.title}”", detail, None, review_url(paper), "去审核"))
    teacher = in_force(ClassStaff.objects.filter(user=user, kind=ClassStaff.Kind.HEAD_TEACHER)).values("practice_class")
    asked = (
        Absence.objects.filter(
            gathering__practice_class__in=teacher, state=Absence.State.ENTERED,
            kind__in=(Absence.Kind.LEAVE, Absence.Kind.LATE, Absence.Kind.EARLY),
            gathering__state__in=(Gathering.State.PLANNED, Gathering.State.HELD),
            gathering__practice_class__batch__state__in=CHANGING,
        )
        .select_related("gathering__practice_class__batch", "enrollment__cadre")
        .order_by("first_day", "pk")
    )  # fmt: skip
    for absence in asked:
        url = f"{reverse('activities:gathering', args=[absence.gathering.practice_class_id])}?gathering={absence.gathering_id}"
        detail = f"{absence.gathering}　{absence.first_day:%m-%d}{absence.get_kind_display()}"
        todos.append(
            Todo(f"审批{absence.enrollment}的{absence.get_kind_display()}", detail, absence.first_day, url, "去审批")
        )
    return todos


def _cadre_todo(user: User, today: datetime.date) -> list[Todo]:
    enrollment = own_enrollment(user)
    if enrollment is None or enrollment.batch.state == Batch.State.CLOSED:
        return []
    todos = []
    visits = visits_of([enrollment])
    coming = next((v.gathering for v in visits[enrollment.pk] if v.coming_dates(today)), None)
    me = reverse("activities:me")
    if coming is not None:
        villages = "、".join(site.base.village.name for site in sites_of(coming))
        what = f"{coming.first_day:%m-%d} 到{villages or '村'}集中"
        todos.append(Todo(what, f"{coming.first_day:%m-%d} 至 {coming.last_day:%m-%d}", coming.first_day, me, "看安排"))
    for item in owing_from_visits([enrollment], visits, today=today)[enrollment.pk]:
        if item.what == "reflections":
            todos.append(
                Todo(
                    f"交{item.title}",
                    f"{item.detail}，{item.cure}",
                    item.cured_on,
                    reverse("activities:reflection"),
                    "去写",
                )
            )
        elif item.cured_on is None:
            todos.append(Todo(f"还欠{item.title}", item.text, None, me, "看看"))
    return todos


def fileable_classes(user: User) -> QuerySet[PracticeClass]:
    """Classes for which the user may file: those monitored, every published one for centre staff."""
    if rules.is_centre_staff.test(user):
        return PracticeClass.objects.filter(batch__state__in=LIVE).select_related("batch__programme")
    return monitored_classes(user)


def followed_classes(user: User) -> QuerySet[PracticeClass]:
    """Classes whose attendance and record the user follows: monitored, accompanied; all for centre and leaders."""
    if rules.may_see_all.test(user):
        return PracticeClass.objects.select_related("batch__programme").order_by("-batch__number", "number")
    return (
        PracticeClass.objects.filter(
            Q(pk__in=monitored_classes(user).values("pk")) | Q(pk__in=staffed_classes(user).values("pk"))
        )
        .select_related("batch__programme")
        .order_by("-batch__number", "number")
    )


def followed_gatherings(user: User) -> QuerySet[Gathering]:
    return with_sites(Gathering.objects.filter(practice_class__in=followed_classes(user).values("pk")))


def people_of(practice_class: PracticeClass, gathering: Gathering | None) -> list[Enrollment]:
    """Who can have taken part in something of a class: its members of all times, and who makes up at the gathering."""
    member = ClassMembership.objects.filter(enrollment=OuterRef("pk"), practice_class=practice_class, live=True)
    found = Q(Exists(member))
    if gathering is not None:
        found |= Q(pk__in=gathering.makeups.filter(live=True).values("enrollment"))
    enrollments = Enrollment.objects.filter(found).select_related("cadre__unit")
    return list(enrollments.order_by("cadre__sort_name", "pk"))
