"""What each scorer has to score, who is recused, and what of results somebody sees."""

from collections.abc import Iterable
from dataclasses import dataclass

from django.db.models import Exists, OuterRef, QuerySet

from accounts.models import User
from batches.models import ClassMembership, ClassStaff, Enrollment, Lodging, Mentorship, PracticeClass
from batches.queries import GONE, sees_all
from batches.rules import in_force
from evaluations.models import Campaign, PanelMember, Recusal, Result, Review, Scorer


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
