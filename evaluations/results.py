"""Results: one pure computation from score sheets to grades.

A criterion's score is the mean of the sheets handed in by those who score it. The total is the weighted mean; a criterion
nobody scored is left out, the other weights are scaled up, and the result says so. Bands: 90 and over 优秀, 80 良好, 60 合格.
At most ⌊share × class⌋ of a class are 优秀; where equal totals straddle that limit none of them is, and the panel decides.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal

from evaluations.models import Result

Grade = Result.Grade
CENT = Decimal("0.01")
EXCELLENT, GOOD, PASS = Decimal(90), Decimal(80), Decimal(60)


@dataclass(frozen=True)
class Line:
    """A criterion as the computation needs it."""

    pk: int
    name: str
    weight: int
    scorer: str


@dataclass
class Outcome:
    """What becomes of one person: the weighted score, each criterion's mean, what was missing, the grade."""

    score: Decimal | None
    details: list[dict[str, object]] = field(default_factory=list)
    missing: str = ""
    grade: str = Grade.NONE
    tied: bool = False


def weigh(lines: Iterable[Line], scores: Mapping[int, list[int]]) -> Outcome:
    """The weighted score of one person from `scores` (criterion pk → values of all sheets)."""
    total, weights, details, missing = Decimal(0), 0, [], []
    for line in lines:
        values = scores.get(line.pk, [])
        mean = Decimal(sum(values)) / len(values) if values else None
        shown = None if mean is None else str(mean.quantize(CENT, ROUND_HALF_UP))
        details.append({"criterion": line.name, "weight": line.weight, "mean": shown, "sheets": len(values)})
        if mean is None:
            missing.append(f"{line.name}（占 {line.weight}%）")
        else:
            total += mean * line.weight
            weights += line.weight
    if not weights:
        return Outcome(None, details, "没有人评分，暂无结果")
    note = f"缺{'、'.join(missing)}，按其余 {weights}% 折算" if missing else ""
    return Outcome((total / weights).quantize(CENT, ROUND_HALF_UP), details, note)


def band(score: Decimal | None) -> str:
    """The grade that a score alone would give, the quota not looked at."""
    if score is None:
        return Grade.NONE
    if score >= EXCELLENT:
        return Grade.EXCELLENT
    if score >= GOOD:
        return Grade.GOOD
    return Grade.PASS if score >= PASS else Grade.FAIL


def quota(members: int, percent: int) -> int:
    """How many of a class may be 优秀: ⌊members × percent / 100⌋."""
    return members * percent // 100


def grade(outcomes: Mapping[int, Outcome], class_of: Mapping[int, int], percent: int) -> None:
    """Set the grades in place, class by class; those beyond the quota are 良好, ties across the limit are marked."""
    classes: dict[int, list[int]] = defaultdict(list)
    for pk, outcome in outcomes.items():
        outcome.grade, outcome.tied = band(outcome.score), False
        classes[class_of[pk]].append(pk)
    for members in classes.values():
        _apply_quota([outcomes[pk] for pk in members], quota(len(members), percent))


def _apply_quota(outcomes: list[Outcome], places: int) -> None:
    excellent = sorted(
        (outcome for outcome in outcomes if outcome.grade == Grade.EXCELLENT),
        key=lambda outcome: outcome.score or Decimal(0), reverse=True,
    )  # fmt: skip
    if len(excellent) <= places:
        return
    limit = excellent[places].score
    for position, outcome in enumerate(excellent):
        if outcome.score == limit:
            outcome.grade = Grade.GOOD
            outcome.tied = places > 0 and excellent[places - 1].score == limit
        elif position >= places:
            outcome.grade = Grade.GOOD
