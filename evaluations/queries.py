"""Which campaigns and results somebody sees, what a scorer reads about a candidate, and what waits for whom."""

from collections import Counter
from dataclasses import dataclass

from django.db.models import Count, Exists, OuterRef, QuerySet
from django.urls import reverse

from accounts.models import User
from accounts.rules import is_centre_staff
from activities.models import ActivityRecord, PaperState, Reflection, ResearchReport
from batches.models import ClassStaff, Enrollment, Mentorship, PracticeClass
from batches.presence import village_days
from batches.queries import sees_all
from batches.rules import in_force
from evaluations.candidates import candidates, class_of
from evaluations.duties import Duty, duties_of
from evaluations.models import Campaign, PanelMember, Result, Review, Scorer
from evaluations.results import quota
from office.todo import Todo

SHOWN = (PaperState.SUBMITTED, PaperState.ACCEPTED, PaperState.ARCHIVED)
"""Papers that a scorer reads: handed in and not returned."""
COMPUTED = (Campaign.State.COMPUTED, Campaign.State.FINAL)
"""States in which results stand; a reopened campaign has none to show."""


def visible_campaigns(user: User) -> QuerySet[Campaign]:
    """All for centre staff and leaders; else campaigns in which one scores, once they are open."""
    campaigns = Campaign.objects.select_related("batch__programme", "rubric").order_by("-batch__number")
    if sees_all(user):
        return campaigns
    mentored = in_force(Mentorship.objects.filter(user=user, enrollment__batch=OuterRef("batch")))
    staffed = in_force(
        ClassStaff.objects.filter(user=user, kind=ClassStaff.Kind.HEAD_TEACHER, practice_class__batch=OuterRef("batch"))
    )
    seats = PanelMember.objects.filter(user=user, live=True, panel__campaign=OuterRef("pk"))
    scoring = campaigns.exclude(state=Campaign.State.DRAFT)
    return scoring.filter(Exists(mentored) | Exists(staffed) | Exists(seats))


def own_results(user: User) -> QuerySet[Result]:
    """Somebody's own final results, the newest first."""
    return (
        Result.objects.filter(enrollment__cadre__user=user, campaign__state=Campaign.State.FINAL)
        .select_related("campaign__batch")
        .order_by("-campaign__batch__number", "pk")
    )


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
    opinions: list[str]
    """What the mentor wrote on the sheet handed in."""


def summary_of(enrollment: Enrollment, practice_class: PracticeClass, campaign: Campaign) -> Summary:
    """Days and villages done, papers handed in, records taken part in: computed, nothing is typed twice."""
    days = village_days([enrollment])[enrollment.pk]
    records = enrollment.records.filter(state__in=SHOWN)
    mentors = campaign.reviews.filter(enrollment=enrollment, scorer=Scorer.MENTOR, state=Review.State.CAST)
    return Summary(
        practice_class=practice_class,
        days=days.done,
        villages=len(days.villages_done),
        reflections=list(enrollment.reflections.filter(state__in=SHOWN).order_by("pk")),
        reports=list(practice_class.reports.filter(state__in=SHOWN).order_by("pk")),
        records=records.count(),
        deeds=list(
            records.filter(kind=ActivityRecord.Kind.DEED).order_by("day", "pk").values_list("title", flat=True)[:3]
        ),
        opinions=list(mentors.exclude(comment="").order_by("pk").values_list("comment", flat=True)),
    )


@dataclass(frozen=True)
class Line:
    """One candidate in the table of results."""

    enrollment: Enrollment
    practice_class: PracticeClass
    sheets: int
    result: Result | None


def lines_of(campaign: Campaign) -> list[Line]:
    """All candidates with how many sheets are in and their result if it stands, by class number and name (5 queries)."""
    people = list(candidates(campaign))
    classes = class_of(people)
    stands = campaign.state in COMPUTED
    results = {row.enrollment_id: row for row in campaign.results.order_by("pk")} if stands else {}
    cast = campaign.reviews.filter(state=Review.State.CAST).values_list("enrollment").annotate(count=Count("pk"))
    sheets = dict(cast.order_by())
    return [Line(row, classes[row.pk], sheets.get(row.pk, 0), results.get(row.pk)) for row in people]


@dataclass(frozen=True)
class Distribution:
    """Grades of one class: how many of each, in the order of `Result.Grade`; how many 优秀 there may be at most."""

    practice_class: PracticeClass
    people: int
    places: int
    counts: list[int]
    missing: int
    tied: int


def distribution(campaign: Campaign, lines: list[Line]) -> list[Distribution]:
    """Grades class by class, in order of class numbers."""
    classes: dict[int, list[Line]] = {}
    for line in lines:
        classes.setdefault(line.practice_class.pk, []).append(line)
    rows = []
    for members in classes.values():
        results = [line.result for line in members if line.result]
        grades = Counter(result.grade for result in results)
        rows.append(
            Distribution(
                members[0].practice_class, len(members),
                quota(len(members), campaign.batch.programme.excellent_percent),
                [grades[grade] for grade in Result.Grade], sum(bool(row.missing) for row in results),
                sum(row.tied for row in results),
            )
        )  # fmt: skip
    return rows


def gaps_of(campaign: Campaign, duties: list[Duty], lines: list[Line]) -> list[str]:
    """Sentences about criteria that nobody will score for some: no mentor, no head teacher, no panel member who may."""
    roles = set(campaign.rubric.criteria.order_by().values_list("scorer", flat=True))
    sentences = []
    for scorer in (scorer for scorer in Scorer if scorer in roles):
        covered = {
            person.pk
            for duty in duties
            if duty.scorer == scorer
            for person in duty.people
            if person.pk not in duty.recused
        }
        lacking = Counter(line.practice_class.number for line in lines if line.enrollment.pk not in covered)
        if lacking:
            told = "、".join(f"第{number}班 {count} 人" for number, count in sorted(lacking.items()))
            sentences.append(f"没有{scorer.label}来评：{told}。他们的这几项会缺，按其余各项折算并写明。")
    return sentences


def todo(user: User) -> list[Todo]:
    """Sheets still to hand in; for the centre, campaigns whose next step waits."""
    open_ones = visible_campaigns(user).filter(state=Campaign.State.OPEN)
    found = [
        Todo(
            what=f"{duty.campaign}：还有 {duty.progress.left} 人没评",
            detail=f"以{duty.scorer.label}身份，已交 {duty.progress.cast} 张", due=duty.campaign.closes_on,
            url=reverse("evaluations:scoring", args=[duty.campaign.pk, duty.scorer]), act="去评分",
        )
        for duty in duties_of(open_ones, user)
        if duty.progress.left
    ]  # fmt: skip
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
