"""Results: computed from the sheets handed in, ties decided by the panel."""

from collections import defaultdict

from django.utils import timezone

from accounts import audit
from accounts.models import User
from batches.models import Enrollment
from config.errors import DomainError
from evaluations import results, states
from evaluations.actions.sheets import require_other
from evaluations.candidates import candidates, class_of
from evaluations.models import Campaign, Result, Review, Score


def outcomes_of(campaign: Campaign, people: list[Enrollment] | None = None) -> dict[int, results.Outcome]:
    """Everybody's outcome (or that of `people`) from the sheets as they stand, by enrollment id, in 4 queries."""
    people = list(candidates(campaign)) if people is None else people
    criteria = campaign.rubric.criteria.order_by("order")
    lines = [results.Line(row.pk, row.name, row.weight, row.scorer) for row in criteria]
    sheets: dict[int, dict[int, list[int]]] = defaultdict(lambda: defaultdict(list))
    rows = Score.objects.filter(review__campaign=campaign, review__state=Review.State.CAST).order_by("pk")
    for enrollment, criterion, value in rows.values_list("review__enrollment", "criterion", "value"):
        sheets[enrollment][criterion].append(value)
    classes = {pk: row.pk for pk, row in class_of(people).items()}
    outcomes = {row.pk: results.weigh(lines, sheets[row.pk]) for row in people}
    results.grade(outcomes, classes, campaign.batch.programme.excellent_percent)
    return outcomes


def compute_results(*, campaign: Campaign, by: User) -> int:
    """Compute everybody's result from the sheets handed in; may be repeated until final. Returns how many have a score.

    Ties that the panel decided before are to be decided again.
    """
    with audit.act("compute_results", by=by, subject=campaign) as entry:
        states.advance(campaign, "compute")
        outcomes, now = outcomes_of(campaign), timezone.now()
        campaign.results.exclude(enrollment__in=list(outcomes)).delete()
        Result.objects.bulk_create(
            [
                Result(
                    campaign=campaign, enrollment_id=pk, score=row.score, details=row.details, missing=row.missing,
                    grade=row.grade, tied=row.tied, computed_at=now,
                )
                for pk, row in outcomes.items()
            ],
            update_conflicts=True, unique_fields=["campaign", "enrollment"],
            update_fields=["score", "details", "missing", "grade", "tied", "computed_at"],
        )  # fmt: skip
        scored = sum(outcome.score is not None for outcome in outcomes.values())
        entry.data["people"] = scored
    return scored


def settle_tie(*, result: Result, excellent: bool, by: User, reason: str) -> None:
    """What the panel decided about somebody tied at the limit; 优秀 only while the class has a place left."""
    if not reason.strip():
        raise DomainError("reason_needed", "请写明评审团议定的意见。")
    with audit.act("settle_tie", by=by, subject=result.enrollment, reason=reason, excellent=excellent):
        campaign = Campaign.objects.select_for_update().get(pk=result.campaign_id)
        fresh = Result.objects.get(pk=result.pk)
        require_other(by, fresh.enrollment)
        if campaign.state != Campaign.State.COMPUTED or not fresh.tied:
            raise DomainError("not_tied", f"{fresh.enrollment}不是待议定的同分，或结果已定。")
        if excellent:
            _require_excellent_place(campaign, fresh)
            fresh.grade = Result.Grade.EXCELLENT
        fresh.tied = False
        fresh.save(update_fields=["grade", "tied"])


def _require_excellent_place(campaign: Campaign, result: Result) -> None:
    rows = list(campaign.results.select_related("enrollment"))
    classes = class_of([row.enrollment for row in rows])
    mine = classes[result.enrollment_id].pk
    mates = [row for row in rows if classes[row.enrollment_id].pk == mine]
    places = results.quota(len(mates), campaign.batch.programme.excellent_percent)
    if sum(row.grade == Result.Grade.EXCELLENT for row in mates) >= places:
        raise DomainError("quota_full", f"{classes[result.enrollment_id].short_name}“优秀”最多 {places} 人，已满。")
