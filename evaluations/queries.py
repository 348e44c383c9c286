"""What each scorer has to score, who is recused, and what of results somebody sees."""

from collections.abc import Iterable
from dataclasses import dataclass

from django.db.models import Exists, OuterRef, QuerySet
from django.urls import reverse

from accounts.models import User
from accounts.rules import is_centre_staff
from activities.models import ActivityRecord, PaperState, Reflection, ResearchReport
from batches.models import ClassMembership, ClassStaff, Enrollment, Lodging, Mentorship, PracticeClass
from batches.presence import village_days
from batches.queries import GONE, sees_all
from batches.rules import in_force
from evaluations.models import Campaign, PanelMember, Recusal, Result, Review, Scorer
from office.todo import Todo


def visible_campaigns(user: User) -> QuerySet[Campaign]:
    """All for centre staff and leaders; else campaigns in which one scores."""
    campaigns = Campaign.objects.select_related("batch__programme", "rubric").order_by("-batch__number")
    if sees_all(user):
        return campaigns
    mentored = in_force(Mentorship.objects.filter(user=user, enrollment__batch=OuterRef("batch")))
    staffed = in_force(
        ClassStaff.objects.filter(user=user, kind=ClassStaff.Kind.HEAD_TEACHER, practice_class__batch=OuterRef("batch"))
    )
    seats = PanelMember.objects.filter(user=user, panel__campaign=OuterRef("pk"))
    return campaigns.filter(Exists(mentored) | Exists(staffed) | Exists(seats))


def candidates(campaign: Campaign) -> QuerySet[Enrollment]:
    """Who is evaluated: everybody who stayed in the batch, in order of class number and name."""
    return (
        campaign.batch.enrollments.filter(live=True)
        .exclude(state__in=GONE)
        .select_related("cadre__unit")
        .order_by("cadre__sort_name", "pk")
    )


def class_of(enrollments: Iterable[Enrollment]) -> dict[int, PracticeClass]:
    """The class somebody belongs to for evaluation: the last one, by enrollment id."""
    rows = (
        ClassMembership.objects.filter(enrollment__in=list(enrollments), live=True)
        .select_related("practice_class__batch")
        .order_by("days")
    )
    return {row.enrollment_id: row.practice_class for row in rows}


def members_of(classes: Iterable[PracticeClass]) -> QuerySet[Enrollment]:
    """People whose last class is one of these."""
    last = ClassMembership.objects.filter(enrollment=OuterRef("pk"), live=True).order_by("-days")
    return Enrollment.objects.annotate(last_class=last.values("practice_class")[:1]).filter(
        last_class__in=[row.pk for row in classes], live=True
    )


def to_score(campaign: Campaign, user: User, scorer: str) -> QuerySet[Enrollment]:
    """The people whom somebody scores in this role; recused ones of a panel are among them, to be shown as such."""
    people = candidates(campaign)
    if scorer == Scorer.MENTOR:
        return people.filter(Exists(in_force(Mentorship.objects.filter(user=user, enrollment=OuterRef("pk")))))
    if scorer == Scorer.HEAD_TEACHER:
        posts = in_force(
            ClassStaff.objects.filter(
                user=user, kind=ClassStaff.Kind.HEAD_TEACHER, practice_class__batch=campaign.batch
            )
        ).select_related("practice_class")
        return people.filter(pk__in=members_of([post.practice_class for post in posts]).values("pk"))
    classes = PracticeClass.objects.filter(panels__members__user=user, panels__campaign=campaign).distinct()
    return people.filter(pk__in=members_of(classes).values("pk"))


def seat_of(campaign: Campaign, user: User, enrollment: Enrollment) -> PanelMember | None:
    """The panel seat from which a user scores this person, if any."""
    practice_class = class_of([enrollment]).get(enrollment.pk)
    return (
        PanelMember.objects.filter(panel__campaign=campaign, user=user, panel__classes=practice_class)
        .select_related("unit", "household")
        .first()
    )


def recusals_of(member: PanelMember, enrollments: Iterable[Enrollment]) -> dict[int, str]:
    """Why a panel member does not score somebody, by enrollment id: found from the facts, or declared (1-mission, no. 11)."""
    people = list(enrollments)
    reasons: dict[int, str] = {}
    for enrollment in people:
        if enrollment.cadre.user_id == member.user_id:
            reasons[enrollment.pk] = "是本人"
        elif member.unit_id and enrollment.cadre.unit_id == member.unit_id:
            reasons[enrollment.pk] = "同一单位"
    mentored = Mentorship.objects.filter(user=member.user, enrollment__in=people).values_list("enrollment", flat=True)
    reasons.update({pk: "是他的导师" for pk in mentored if pk not in reasons})
    if member.household_id:
        guests = Lodging.objects.filter(live=True, household=member.household_id, enrollment__in=people)
        reasons.update({pk: "在您家住过" for pk in guests.values_list("enrollment", flat=True) if pk not in reasons})
    declared = Recusal.objects.filter(member=member, enrollment__in=people)
    reasons.update({row.enrollment_id: f"申请回避：{row.reason}" for row in declared})
    return reasons


@dataclass(frozen=True)
class Progress:
    """How far a scorer is: people cast, drafted, still open, recused."""

    cast: int
    drafted: int
    waiting: int
    recused: int

    @property
    def total(self) -> int:
        return self.cast + self.drafted + self.waiting + self.recused


def progress(people: Iterable[Enrollment], reviews: dict[int, Review], recused: dict[int, str]) -> Progress:
    people = [person for person in people if person.pk not in recused]
    cast = sum(person.pk in reviews and reviews[person.pk].state == Review.State.CAST for person in people)
    drafted = sum(person.pk in reviews and reviews[person.pk].state == Review.State.DRAFT for person in people)
    return Progress(cast, drafted, len(people) - cast - drafted, len(recused))


def own_reviews(campaign: Campaign, user: User, scorer: str) -> dict[int, Review]:
    """Somebody's sheets that are not void, by enrollment id, with their scores."""
    rows = campaign.reviews.filter(user=user, scorer=scorer).exclude(state=Review.State.VOID).prefetch_related("scores")
    return {row.enrollment_id: row for row in rows}


def visible_results(user: User) -> QuerySet[Result]:
    """Centre staff and leaders: all; others: their own once it is final."""
    results = Result.objects.select_related("enrollment__cadre__unit", "campaign__batch").order_by(
        "campaign", "enrollment__cadre__sort_name", "pk"
    )
    if sees_all(user):
        return results
    return results.filter(enrollment__cadre__user=user, campaign__state=Campaign.State.FINAL)


@dataclass(frozen=True)
class Stop:
    """One person on the strip at the top of the score page."""

    enrollment: Enrollment
    number: int
    state: str
    url: str


@dataclass(frozen=True)
class Scoring:
    """What somebody scores in one role: the people in their order, own sheets, and who is recused and why."""

    people: list[Enrollment]
    reviews: dict[int, Review]
    recused: dict[int, str]

    @property
    def progress(self) -> Progress:
        return progress(self.people, self.reviews, self.recused)

    def is_open(self, enrollment: Enrollment) -> bool:
        """Still to be handed in."""
        review = self.reviews.get(enrollment.pk)
        return enrollment.pk not in self.recused and (review is None or review.state != Review.State.CAST)

    @property
    def first_open(self) -> Enrollment:
        return next((person for person in self.people if self.is_open(person)), self.people[-1])

    def position(self, enrollment_pk: int) -> int | None:
        return next((i for i, person in enumerate(self.people) if person.pk == enrollment_pk), None)

    def after(self, position: int, *, handed_in: bool) -> Enrollment:
        """Whom to go to next: the next open one after handing in (wrapping round), the same while it is a draft."""
        if not handed_in:
            return self.people[position]
        rest = self.people[position + 1 :] + self.people[:position]
        return next((person for person in rest if self.is_open(person)), self.people[position])

    def strip(self, route: str, place: tuple[object, ...], position: int) -> list[Stop]:
        return [
            Stop(person, i + 1, self._state(person, i == position), reverse(route, args=[*place, person.pk]))
            for i, person in enumerate(self.people)
        ]

    def _state(self, person: Enrollment, current: bool) -> str:
        if current:
            return "now"
        if person.pk in self.recused:
            return "recused"
        return "open" if self.is_open(person) else "cast"


def queue_of(campaign: Campaign, user: User, scorer: str) -> Scoring:
    """Everybody whom a user scores in a role, in order of class number and name."""
    people = list(to_score(campaign, user, scorer))
    classes = class_of(people)
    people.sort(key=lambda person: (classes[person.pk].number, person.cadre.sort_name, person.pk))
    recused: dict[int, str] = {}
    if scorer == Scorer.PANEL:
        for member in PanelMember.objects.filter(panel__campaign=campaign, user=user).prefetch_related(
            "panel__classes"
        ):
            own = {row.pk for row in member.panel.classes.all()}
            recused |= recusals_of(member, [person for person in people if classes[person.pk].pk in own])
    return Scoring(people, own_reviews(campaign, user, scorer), recused)


def scoring_of(campaign: Campaign, user: User) -> list[tuple[Scorer, Progress]]:
    """The roles in which somebody scores in a campaign, with how far each is."""
    queues = [(scorer, queue_of(campaign, user, scorer)) for scorer in Scorer]
    return [(scorer, queue.progress) for scorer, queue in queues if queue.people]


@dataclass(frozen=True)
class Summary:
    """What a scorer reads about somebody beside the sheet."""

    practice_class: PracticeClass
    days: int
    villages: int
    reflections: list[Reflection]
    reports: list[ResearchReport]
    records: int
    deeds: list[str]


def summary_of(enrollment: Enrollment) -> Summary:
    """Days and villages done, papers handed in, records taken part in: computed, nothing is typed twice."""
    days = village_days([enrollment])[enrollment.pk]
    practice_class = class_of([enrollment])[enrollment.pk]
    shown = (PaperState.SUBMITTED, PaperState.ACCEPTED, PaperState.ARCHIVED)
    records = enrollment.records.filter(state__in=shown)
    return Summary(
        practice_class=practice_class,
        days=days.done,
        villages=len(days.villages_done),
        reflections=list(enrollment.reflections.filter(state__in=shown).order_by("pk")),
        reports=list(practice_class.reports.filter(state__in=shown).order_by("pk")),
        records=records.count(),
        deeds=list(
            records.filter(kind=ActivityRecord.Kind.DEED).order_by("day", "pk").values_list("title", flat=True)[:3]
        ),
    )


def todo(user: User) -> list[Todo]:
    """Sheets still to hand in; for the centre, campaigns whose next step waits."""
    found = []
    for campaign in visible_campaigns(user).filter(state=Campaign.State.OPEN):
        for scorer, done in scoring_of(campaign, user):
            if left := done.waiting + done.drafted:
                found.append(
                    Todo(
                        what=f"{campaign}：还有 {left} 人没评", detail=f"以{scorer.label}身份，已交 {done.cast} 张",
                        due=campaign.closes_on, url=reverse("evaluations:scoring", args=[campaign.pk, scorer]), act="去评分",
                    )
                )  # fmt: skip
    if is_centre_staff.test(user):
        waiting = {
            Campaign.State.DRAFT: "等开始评分",
            Campaign.State.FROZEN: "等计算结果",
            Campaign.State.COMPUTED: "等定为最终结果",
        }
        stuck = Campaign.objects.filter(state__in=waiting).select_related("batch").order_by("batch__number")
        found += [
            Todo(
                what=f"{campaign}{waiting[Campaign.State(campaign.state)]}", detail="", due=None,
                url=reverse("evaluations:campaign", args=[campaign.pk]), act="去处理",
            )
            for campaign in stuck
        ]  # fmt: skip
    return found
