"""The leader's dashboard: coverage, five ones by class, base load, results. Each figure is a number of rows.

Every figure names the rows behind it (`rows`, `records_of`, `visits_of_base`, `results_with`): the page shows their number, the
drill-down shows the rows themselves, from the same function.
"""

import datetime
from dataclasses import dataclass

from django.db.models import Q, QuerySet
from django.utils import timezone

from activities import states
from activities.models import ActivityRecord, PaperState
from activities.owing import ClassOwing, owing_of_classes
from bases.models import PracticeBase
from batches.models import Batch, Gathering, GatheringSite, PracticeClass, Programme
from batches.outlooks import Story, story_of
from batches.presence import HELD
from batches.queries import begun, coverage, newest_programmes
from cadres.models import Cadre
from evaluations.models import Campaign, Result
from evaluations.queries import COMPUTED

COVERAGE_PARTS = {
    "due": "应覆盖", "done": "已完成", "in_training": "在训", "waiting": "未参加",
}  # fmt: skip


def covering_programme() -> Programme | None:
    """The rules by which coverage is counted, whatever batch is shown: those that coming batches follow, as in `countdown`."""
    return newest_programmes().first()


def current_batch() -> Batch | None:
    """The batch a leader most likely asks about: what is under way today, before what is under review; else the next that is
    published, else the last that is closed, else the newest."""
    state = Batch.State
    batches = Batch.objects.select_related("programme").order_by("-number")
    under_way = batches.filter(begun(timezone.localdate()))
    return (
        under_way.exclude(state=state.EVALUATING).first()
        or under_way.first()
        or batches.filter(state=state.PUBLISHED).order_by("first_day", "number").first()
        or batches.filter(state=state.CLOSED).first()
        or batches.first()
    )


@dataclass(frozen=True)
class Part:
    """One part of coverage: its people, its share of those due in percent, and where it begins on the bar of all."""

    key: str
    label: str
    count: int
    percent: float
    start: float


def coverage_rows(programme: Programme, part: str) -> QuerySet[Cadre]:
    """The cadres behind one part of the coverage figure, by unit and name."""
    return coverage(programme.full_coverage_age)[part]


def coverage_parts(programme: Programme) -> list[Part]:
    """Those due, then the parts that they fall into, in the order of the bar."""
    counts = {key: rows.count() for key, rows in coverage(programme.full_coverage_age).items()}
    whole = counts["due"] or 1
    parts, start = [Part("due", COVERAGE_PARTS["due"], counts["due"], 100.0, 0.0)], 0
    for key in ("done", "in_training", "waiting"):
        count = counts[key]
        parts.append(
            Part(key, COVERAGE_PARTS[key], count, round(100 * count / whole, 1), round(100 * start / whole, 1))
        )
        start += count
    return parts


def countdown() -> Story | None:
    """How many batches until everybody due is covered, by the rules that coming batches follow."""
    programme = covering_programme()
    return story_of(programme) if programme is not None else None


@dataclass(frozen=True)
class ClassRow:
    """A class and how far its five ones are."""

    practice_class: PracticeClass
    owing: ClassOwing

    @property
    def complete(self) -> int:
        """How many of the five have as many accepted records as the programme asks for."""
        return sum(kind.complete for kind in self.owing.kinds)


def five_ones(batch: Batch) -> list[ClassRow]:
    """Each class's five ones, by class number."""
    classes = list(batch.classes.select_related("track", "batch").order_by("number"))
    owing = owing_of_classes(classes)
    return [ClassRow(practice_class, owing[practice_class.pk]) for practice_class in classes]


def records_of(practice_class: PracticeClass, kind: str) -> QuerySet[ActivityRecord]:
    """The accepted records behind a class's figure for one of the five ones."""
    return (
        practice_class.records.filter(kind=kind, state__in=states.COUNTED)
        .select_related("village", "gathering")
        .order_by("day", "pk")
    )


def records_of_batch(batch: Batch) -> QuerySet[ActivityRecord]:
    """All records of a batch that were handed in and are not void."""
    return (
        ActivityRecord.objects.filter(practice_class__batch=batch)
        .exclude(state__in=(PaperState.DRAFT, PaperState.VOID))
        .select_related("village", "practice_class__batch")
        .order_by("practice_class__number", "day", "pk")
    )


@dataclass(frozen=True)
class BaseRow:
    """A base in a batch: visits of classes, person-days that have been and that are to come.

    A visit whose days are over without anybody having said that it took place counts as a visit and in neither sum.
    """

    base: PracticeBase
    visits: int
    done: int
    coming: int

    @property
    def total(self) -> int:
        return self.done + self.coming


def visits_of(batch: Batch) -> QuerySet[GatheringSite]:
    """Every visit of a class to a base, cancelled gatherings left out."""
    return (
        GatheringSite.objects.filter(gathering__practice_class__batch=batch, live=True)
        .exclude(gathering__state=Gathering.State.CANCELLED)
        .select_related("gathering__practice_class__batch")
        .order_by("gathering__first_day", "gathering__practice_class__number", "order")
    )


def visits_of_base(batch: Batch, base: PracticeBase) -> QuerySet[GatheringSite]:
    """The class visits behind a base's figure."""
    return visits_of(batch).filter(base=base)


def base_rows(batch: Batch, today: datetime.date | None = None) -> list[BaseRow]:
    """Every base that is open or visited, with its load in the batch, by township and village. Two queries."""
    today = today or timezone.localdate()
    figures: dict[int, list[int]] = {}
    for site in visits_of(batch):
        figure = figures.setdefault(site.base_id, [0, 0, 0])
        figure[0] += 1
        if site.gathering.state in HELD:
            figure[1] += site.person_days
        elif site.gathering.last_day >= today:
            figure[2] += site.person_days
    bases = PracticeBase.objects.filter(Q(state=PracticeBase.State.OPEN) | Q(pk__in=figures))
    ordered = bases.select_related("village__township").order_by("village__township__name", "village__name", "pk")
    return [BaseRow(base, *figures.get(base.pk, [0, 0, 0])) for base in ordered]


@dataclass(frozen=True)
class GradeRow:
    grade: str
    label: str
    count: int


def results_with(campaign: Campaign, grade: str) -> QuerySet[Result]:
    """The results behind a grade's figure, in order of names (no ranking)."""
    return (
        campaign.results.filter(grade=grade)
        .select_related("enrollment__cadre__unit")
        .order_by("enrollment__cadre__unit__sort_name", "enrollment__cadre__sort_name", "pk")
    )


def grade_rows(campaign: Campaign) -> list[GradeRow]:
    """How many people have each grade; the distribution only."""
    grades = list(campaign.results.order_by("pk").values_list("grade", flat=True))
    return [GradeRow(str(grade), str(grade.label), grades.count(grade)) for grade in Result.Grade]


def campaigns_with_results() -> QuerySet[Campaign]:
    """Campaigns whose results stand (a reopened one has none to show), the newest batch first."""
    return (
        Campaign.objects.filter(state__in=COMPUTED)
        .select_related("batch__programme", "rubric")
        .order_by("-batch__number")
    )


def latest_campaign() -> Campaign | None:
    """The newest campaign that has results."""
    return campaigns_with_results().first()
