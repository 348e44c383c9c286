"""Who scores whom: what each scorer has to do in a campaign, and from whom a panel member is kept.

A duty is one person in one role. Mentors score their mentees, head teachers those whose last class is theirs, panel members
those of the panel's classes. Recusals are found from the facts: oneself, the own unit, the own mentee, a guest of the own
household; others are declared.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from django.db.models import Exists, OuterRef, Q, QuerySet, Subquery

from accounts.models import User
from batches.models import ClassStaff, Enrollment, Lodging, Mentorship, PracticeClass
from batches.rules import in_force
from cadres.models import Cadre
from evaluations.candidates import candidates_of, class_of
from evaluations.models import Campaign, PanelMember, Recusal, Review, Scorer

Reasons = dict[int, str]
"""Why somebody is not scored, by enrollment id."""


@dataclass(frozen=True)
class Progress:
    """How far a scorer is, in people: handed in, begun, still waiting, recused."""

    cast: int
    drafted: int
    waiting: int
    recused: int

    @property
    def due(self) -> int:
        """Sheets this scorer has to hand in."""
        return self.cast + self.drafted + self.waiting

    @property
    def left(self) -> int:
        return self.drafted + self.waiting


@dataclass
class Duty:
    """What one person scores in one role: the people in order of class number and name, own sheets, and who is recused."""

    campaign: Campaign
    user: User
    scorer: Scorer
    classes: Mapping[int, PracticeClass]
    people: list[Enrollment] = field(default_factory=list)
    reviews: dict[int, Review] = field(default_factory=dict)
    recused: Reasons = field(default_factory=dict)
    seats: dict[int, PanelMember] = field(default_factory=dict)
    """The seat from which each is scored, by enrollment id; panels only."""

    @property
    def label(self) -> str:
        """导师, 第3班班主任, 第一评审团 评审员2号（群众）."""
        if self.scorer == Scorer.PANEL:
            seats = {seat.pk: seat for seat in self.seats.values()}.values()
            return "、".join(f"{seat.panel}　{seat}（{seat.get_kind_display()}）" for seat in seats)
        if self.scorer == Scorer.HEAD_TEACHER:
            return "、".join(row.short_name for row in self.own_classes) + "班主任"
        return str(self.scorer.label)

    @property
    def own_classes(self) -> list[PracticeClass]:
        """Classes of the people, in order of their numbers."""
        return list({self.classes[person.pk].pk: self.classes[person.pk] for person in self.people}.values())

    @property
    def progress(self) -> Progress:
        states = [self.state_of(person) for person in self.people]
        return Progress(*(states.count(state) for state in ("cast", "draft", "open", "recused")))

    def state_of(self, person: Enrollment) -> str:
        """recused, open (no sheet), draft or cast."""
        review = self.reviews.get(person.pk)
        if review is not None and review.state == Review.State.CAST:
            return "cast"
        if person.pk in self.recused:
            return "recused"
        return "open" if review is None else "draft"

    def is_open(self, person: Enrollment) -> bool:
        """Still to be handed in."""
        return self.state_of(person) in ("open", "draft")

    @property
    def first_open(self) -> Enrollment:
        """Whom to score next; all done, the last."""
        return next((person for person in self.people if self.is_open(person)), self.people[-1])

    def position(self, enrollment_pk: int) -> int | None:
        return next((i for i, person in enumerate(self.people) if person.pk == enrollment_pk), None)

    def after(self, position: int, *, handed_in: bool) -> Enrollment:
        """Whom to go to next: the next open one after handing in (wrapping round), the same while it is a draft."""
        if not handed_in:
            return self.people[position]
        rest = self.people[position + 1 :] + self.people[:position]
        return next((person for person in rest if self.is_open(person)), self.people[position])


def to_score(campaign: Campaign, user: User, scorer: str) -> QuerySet[Enrollment]:
    """The people whom somebody scores in this role; recused ones of a panel are among them, to be shown as such."""
    people = candidates_of([campaign.batch_id])
    if scorer == Scorer.MENTOR:
        return people.filter(Exists(in_force(Mentorship.objects.filter(user=user, enrollment=OuterRef("pk")))))
    if scorer == Scorer.HEAD_TEACHER:
        posts = ClassStaff.objects.filter(user=user, kind=ClassStaff.Kind.HEAD_TEACHER)
        return people.filter(Q(last_class__in=in_force(posts).values("practice_class")))
    seats = PanelMember.objects.filter(user=user, live=True, panel__campaign=campaign, panel__classes__isnull=False)
    return people.filter(Q(last_class__in=seats.values("panel__classes")))


def seat_of(campaign: Campaign, user: User, enrollment: Enrollment) -> PanelMember | None:
    """The panel seat from which a user scores this person, if any; none for whoever left the batch (1 query)."""
    own = candidates_of([campaign.batch_id]).filter(pk=enrollment.pk).order_by()
    theirs = own.values("last_class")  # type: ignore[misc] # an annotation of candidates_of
    return (
        PanelMember.objects.filter(panel__campaign=campaign, user=user, live=True, panel__classes=Subquery(theirs))
        .select_related("panel", "unit", "household", "user")
        .order_by("pk")
        .first()
    )


def recusals_of(member: PanelMember, people: Iterable[Enrollment]) -> Reasons:
    """Why a panel member does not score somebody, by enrollment id (4 queries)."""
    return recusals({member: list(people)})[member.pk]


def recusals(seated: Mapping[PanelMember, list[Enrollment]]) -> dict[int, Reasons]:
    """The same for many members at once, by member id, in the same number of queries."""
    if not seated:
        return {}
    users = {member.user_id for member in seated}
    ids = {person.pk for people in seated.values() for person in people}
    units: dict[int, set[int]] = defaultdict(set)
    for user, unit in Cadre.objects.filter(user__in=users).order_by("pk").values_list("user", "unit"):
        units[user].add(unit)
    mentored = set(
        Mentorship.objects.filter(user__in=users, enrollment__in=ids).order_by("pk").values_list("user", "enrollment")
    )
    households = {member.household_id for member in seated if member.household_id}
    guests = set(
        Lodging.objects.filter(live=True, household__in=households, enrollment__in=ids)
        .order_by("pk")
        .values_list("household", "enrollment")
    )
    declared = {
        (row.member_id, row.enrollment_id): row.reason
        for row in Recusal.objects.filter(live=True, member__in=list(seated), enrollment__in=ids)
    }

    def why(member: PanelMember, person: Enrollment) -> str:
        if person.cadre.user_id == member.user_id:
            return "是本人"
        if person.cadre.unit_id in units[member.user_id] | {member.unit_id}:
            return "同一单位"
        if (member.user_id, person.pk) in mentored:
            return "评审员是他的导师"
        if (member.household_id, person.pk) in guests:
            return "在评审员家住过"
        if (member.pk, person.pk) in declared:
            return f"申请回避：{declared[member.pk, person.pk]}"
        return ""

    return {
        member.pk: {person.pk: reason for person in people if (reason := why(member, person))}
        for member, people in seated.items()
    }


def duties_of(campaigns: Iterable[Campaign], user: User | None = None) -> list[Duty]:
    """Everybody's duties in these campaigns, or one user's, by campaign, role, class number and name.

    The number of queries does not depend on how many campaigns, people or scorers there are. Scores come with the sheets of
    one user alone.
    """
    return _Collection(list(campaigns), user).duties()


def duty_of(campaign: Campaign, user: User, scorer: str) -> Duty | None:
    """What a user scores in one role of a campaign; None where that is nobody."""
    return next((duty for duty in duties_of([campaign], user) if duty.scorer == scorer), None)


class _Collection:
    """Reads the rows of many duties at once and puts them together."""

    def __init__(self, campaigns: list[Campaign], user: User | None) -> None:
        self.campaigns = {campaign.pk: campaign for campaign in campaigns}
        self.of_batch = {campaign.batch_id: campaign for campaign in campaigns}
        self.user = user
        only = {"user": user} if user is not None else {}
        batches = list(self.of_batch)
        self.mentorships = list(
            in_force(Mentorship.objects.filter(enrollment__batch__in=batches, **only))
            .select_related("user")
            .order_by("pk")
        )
        posts = ClassStaff.objects.filter(practice_class__batch__in=batches, kind=ClassStaff.Kind.HEAD_TEACHER, **only)
        self.posts = list(in_force(posts).select_related("user").order_by("pk"))
        self.seats = list(
            PanelMember.objects.filter(panel__campaign__in=list(self.campaigns), live=True, **only)
            .select_related("user", "unit", "panel")
            .prefetch_related("panel__classes")
            .order_by("panel__name", "number")
        )
        people = candidates_of(batches)
        if user is not None:
            staffed = {post.practice_class_id for post in self.posts}
            seated = {row.pk for seat in self.seats for row in seat.panel.classes.all()}
            mentees = [row.enrollment_id for row in self.mentorships]
            people = people.filter(Q(pk__in=mentees) | Q(last_class__in=staffed | seated))
        self.people = list(people)
        self.classes = class_of(self.people)
        self.members: dict[int, list[Enrollment]] = defaultdict(list)
        for person in self.people:
            self.members[self.classes[person.pk].pk].append(person)
        self.found: dict[tuple[int, str, int], Duty] = {}

    def duties(self) -> list[Duty]:
        here = {person.pk: person for person in self.people}
        for row in self.mentorships:
            if row.enrollment_id in here:
                self._give(
                    self.of_batch[here[row.enrollment_id].batch_id], row.user, Scorer.MENTOR, [here[row.enrollment_id]]
                )
        for post in self.posts:
            for person in self.members[post.practice_class_id]:
                self._give(self.of_batch[person.batch_id], post.user, Scorer.HEAD_TEACHER, [person])
        self._give_seats()
        self._give_reviews()
        order = list(Scorer)
        for duty in self.found.values():
            duty.people.sort(key=lambda person: (self.classes[person.pk].number, person.cadre.sort_name, person.pk))
        return sorted(
            self.found.values(),
            key=lambda duty: (
                -duty.campaign.batch.number, order.index(duty.scorer), self.classes[duty.people[0].pk].number,
                duty.user.name, duty.user.pk,
            ),
        )  # fmt: skip

    def _give(self, campaign: Campaign, user: User, scorer: Scorer, people: list[Enrollment]) -> Duty:
        key = (campaign.pk, scorer.value, user.pk)
        duty = self.found.setdefault(key, Duty(campaign, user, scorer, self.classes))
        duty.people += [person for person in people if person not in duty.people]
        return duty

    def _give_seats(self) -> None:
        seated = {
            seat: [person for row in seat.panel.classes.all() for person in self.members[row.pk]] for seat in self.seats
        }
        reasons = recusals(seated)
        for seat, people in seated.items():
            if people:
                duty = self._give(self.campaigns[seat.panel.campaign_id], seat.user, Scorer.PANEL, people)
                duty.recused |= reasons[seat.pk]
                duty.seats |= {person.pk: seat for person in people}

    def _give_reviews(self) -> None:
        reviews = Review.objects.filter(campaign__in=list(self.campaigns)).exclude(state=Review.State.VOID)
        if self.user is not None:
            reviews = reviews.filter(user=self.user).prefetch_related("scores")
        for review in reviews.order_by("pk"):
            duty = self.found.get((review.campaign_id, review.scorer, review.user_id))
            if duty is not None:
                duty.reviews[review.enrollment_id] = review
