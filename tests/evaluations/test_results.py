"""Results: weighted means by hand, missing scores told, the quota, ties, and what holds for any scores."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.errors import DomainError
from evaluations import actions, results
from evaluations.models import Result, Scorer
from evaluations.results import Grade, Line, Outcome, band, grade, quota, weigh
from tests.evaluations.conftest import Evaluation, make_side, seat

LINES = [Line(1, "在村表现", 20, "mentor"), Line(2, "实践过程", 20, "head_teacher"), Line(3, "现场问答", 60, "panel")]

# --- weighing


def test_score_is_the_weighted_mean_of_the_means() -> None:
    """20 % × 90 + 20 % × 80 + 60 % × (70 + 75 + 80) / 3 = 18 + 16 + 45 = 79."""
    outcome = weigh(LINES, {1: [90], 2: [80], 3: [70, 75, 80]})
    assert (outcome.score, outcome.missing) == (Decimal("79.00"), "")
    assert [row["mean"] for row in outcome.details] == ["90.00", "80.00", "75.00"]
    assert [row["sheets"] for row in outcome.details] == [1, 1, 3]


def test_score_is_rounded_half_up_to_cents() -> None:
    """(100 × 1 + 0 × 7) / 8 = 12.5 on a weight of 1 of 100: 87.125 → 87.13."""
    lines = [Line(1, "甲", 1, "panel"), Line(2, "乙", 99, "panel")]
    eighths = weigh(lines, {1: [100, 0, 0, 0, 0, 0, 0, 0], 2: [88]})
    assert eighths.score == Decimal("87.25")
    half = weigh([Line(1, "甲", 50, "panel"), Line(2, "乙", 50, "panel")], {1: [88, 87, 87, 87], 2: [87]})
    assert half.score == Decimal("87.13")  # 87.125


def test_missing_line_is_left_out_and_told() -> None:
    """(20 × 90 + 60 × 75) / 80 = 78.75."""
    outcome = weigh(LINES, {1: [90], 3: [75]})
    assert outcome.score == Decimal("78.75")
    assert outcome.missing == "缺实践过程（占 20%），按其余 80% 折算"
    assert outcome.details[1] == {"criterion": "实践过程", "weight": 20, "mean": None, "sheets": 0}


def test_nobody_scored_gives_no_result() -> None:
    outcome = weigh(LINES, {})
    assert (outcome.score, outcome.missing) == (None, "没有人评分，暂无结果")
    assert band(outcome.score) == Grade.NONE


@pytest.mark.parametrize(
    ("score", "expected"),
    [
        ("90.00", "excellent"),
        ("89.99", "good"),
        ("80.00", "good"),
        ("79.99", "pass"),
        ("60.00", "pass"),
        ("59.99", "fail"),
    ],
)
def test_band_begins_at_its_lower_bound(score: str, expected: str) -> None:
    assert band(Decimal(score)) == expected


@pytest.mark.parametrize(("members", "places"), [(19, 3), (20, 4), (4, 0), (5, 1), (0, 0)])
def test_quota_is_rounded_down(members: int, places: int) -> None:
    assert quota(members, 20) == places


# --- grading


def graded(*scores: str, percent: int = 20) -> list[tuple[str, bool]]:
    outcomes = {pk: Outcome(Decimal(score)) for pk, score in enumerate(scores)}
    grade(outcomes, dict.fromkeys(outcomes, 1), percent)
    return [(outcomes[pk].grade, outcomes[pk].tied) for pk in outcomes]


def test_beyond_the_quota_excellent_becomes_good() -> None:
    found = graded("95", "97", "93", *["70"] * 7)  # ten people, two places
    assert found[:3] == [("excellent", False), ("excellent", False), ("good", False)]


def test_ties_across_the_limit_are_left_to_the_panel() -> None:
    found = graded("97", "93", "93", "92", *["70"] * 6)
    assert found[:4] == [("excellent", False), ("good", True), ("good", True), ("good", False)]


def test_ties_within_the_quota_are_no_question() -> None:
    found = graded("93", "93", "91", *["70"] * 7)
    assert found[:3] == [("excellent", False), ("excellent", False), ("good", False)]


def test_ties_just_beyond_the_quota_are_no_question() -> None:
    found = graded("97", "95", "93", "93", *["70"] * 6)
    assert found[2:4] == [("good", False), ("good", False)]


def test_class_without_a_place_has_no_excellent_and_no_tie() -> None:
    assert graded("97", "97", "90", "60") == [("good", False)] * 3 + [("pass", False)]


def test_quota_counts_each_class_by_itself() -> None:
    outcomes = {pk: Outcome(Decimal(95 - pk)) for pk in range(10)}
    grade(outcomes, {pk: pk % 2 for pk in outcomes}, 20)
    assert [pk for pk, outcome in outcomes.items() if outcome.grade == Grade.EXCELLENT] == [0, 1]


# --- what holds for any scores

values = st.integers(0, 100)
sheets = st.dictionaries(st.sampled_from([1, 2, 3]), st.lists(values, min_size=1, max_size=7), max_size=3)


@given(sheets)
def test_score_lies_between_the_lowest_and_the_highest_sheet(scores: dict[int, list[int]]) -> None:
    outcome = weigh(LINES, scores)
    given_ = [value for row in scores.values() for value in row]
    if not given_:
        assert outcome.score is None
    else:
        assert outcome.score is not None
        assert min(given_) <= outcome.score <= max(given_)


@given(sheets, st.randoms())
def test_order_of_sheets_does_not_matter(scores: dict[int, list[int]], random: object) -> None:
    shuffled = {pk: list(row) for pk, row in scores.items()}
    for row in shuffled.values():
        random.shuffle(row)  # type: ignore[attr-defined] # hypothesis gives a Random
    assert weigh(LINES, shuffled) == weigh(LINES, scores)


classes = st.lists(st.tuples(st.integers(8500, 10000), st.integers(1, 3)), min_size=1, max_size=60)


@given(classes, st.integers(0, 100))
def test_quota_is_never_exceeded_and_nobody_below_90_is_excellent(people: list[tuple[int, int]], percent: int) -> None:
    outcomes = {pk: Outcome(Decimal(cents) / 100) for pk, (cents, _) in enumerate(people)}
    class_of = {pk: row for pk, (_, row) in enumerate(people)}
    grade(outcomes, class_of, percent)
    for row in set(class_of.values()):
        members = [outcomes[pk] for pk in outcomes if class_of[pk] == row]
        excellent = [outcome for outcome in members if outcome.grade == Grade.EXCELLENT]
        tied = [outcome for outcome in members if outcome.tied]
        places = quota(len(members), percent)
        assert len(excellent) <= places
        assert all(outcome.score is not None and outcome.score >= 90 for outcome in excellent + tied)
        if tied:
            assert len({outcome.score for outcome in tied}) == 1
            assert len(excellent) < places < len(excellent) + len(tied)


@given(classes)
def test_whoever_scores_more_is_graded_no_lower(people: list[tuple[int, int]]) -> None:
    outcomes = {pk: Outcome(Decimal(cents) / 100) for pk, (cents, _) in enumerate(people)}
    grade(outcomes, dict.fromkeys(outcomes, 1), 20)
    order = [Grade.EXCELLENT, Grade.GOOD, Grade.PASS, Grade.FAIL]
    ranked = sorted(outcomes.values(), key=lambda outcome: outcome.score or 0, reverse=True)
    places = [order.index(Grade(outcome.grade)) for outcome in ranked]
    assert places == sorted(places)


# --- in the database


@pytest.mark.django_db
def test_results_follow_from_the_sheets_handed_in_alone(open_one: Evaluation) -> None:
    """20 × 90 + 20 × 80 + 25 × 72 + 20 × 80 + 15 × 60 = 77; a draft and a void sheet count for nothing."""
    side, person = open_one.ours, open_one.ours.people[0]
    open_one.score(person, side.mentor, Scorer.MENTOR, 90)
    open_one.score(person, side.head_teacher, Scorer.HEAD_TEACHER, 80)
    open_one.score(person, side.villager, Scorer.PANEL, 72, 80, 60)
    wrong = open_one.score(person, side.official, Scorer.PANEL, 10)
    actions.void_review(review=wrong, by=open_one.staff, reason="看错人")
    open_one.score(person, side.official, Scorer.PANEL, 20, cast=False)
    open_one.advance("freeze", "compute")
    result = Result.objects.get(enrollment=person)
    assert (result.score, result.grade, result.missing) == (Decimal("77.00"), "pass", "")
    other = Result.objects.get(enrollment=side.people[1])
    assert (other.score, other.grade, other.missing) == (None, "none", "没有人评分，暂无结果")
    assert Result.objects.count() == 10


@pytest.mark.django_db
def test_results_tell_what_is_missing(open_one: Evaluation) -> None:
    person = open_one.ours.people[0]
    open_one.score(person, open_one.ours.villager, Scorer.PANEL, 90)
    open_one.advance("freeze", "compute")
    result = Result.objects.get(enrollment=person)
    assert result.missing == "缺在村表现（占 20%）、实践过程（占 20%），按其余 60% 折算"
    assert result.score == Decimal("90.00")


@pytest.mark.django_db
def test_computing_again_after_reopening_takes_the_new_sheets(open_one: Evaluation) -> None:
    person, mentor = open_one.ours.people[0], open_one.ours.mentor
    first = open_one.score(person, mentor, Scorer.MENTOR, 90)
    open_one.advance("freeze", "compute", "reopen")
    actions.void_review(review=first, by=open_one.staff, reason="打错")
    open_one.score(person, mentor, Scorer.MENTOR, 70)
    open_one.advance("freeze", "compute")
    assert Result.objects.get(enrollment=person).score == Decimal("70.00")


def tied_three(open_one: Evaluation) -> list[Result]:
    """Ten people, two places: one at 97 and three at 95."""
    side = make_side(open_one.batch, 3, size=10)
    seat(side, open_one.campaign, open_one.staff)
    open_one.score_all(side, side.people[:1], 97)
    open_one.score_all(side, side.people[1:4], 95)
    open_one.score_all(side, side.people[4:], 80)
    open_one.advance("freeze", "compute")
    return [Result.objects.get(enrollment=person) for person in side.people]


@pytest.mark.django_db
def test_panel_settles_ties_within_the_quota(open_one: Evaluation) -> None:
    found = tied_three(open_one)
    assert [(row.grade, row.tied) for row in found[:5]] == [
        ("excellent", False), ("good", True), ("good", True), ("good", True), ("good", False),
    ]  # fmt: skip
    settle = {"by": open_one.staff, "reason": "评审团议定"}
    actions.settle_tie(result=found[2], excellent=True, **settle)
    with pytest.raises(DomainError) as full:
        actions.settle_tie(result=found[1], excellent=True, **settle)
    assert full.value.code == "quota_full"
    with pytest.raises(DomainError) as open_:
        open_one.advance("finalise")
    assert open_.value.code == "ties_open"
    for result in (found[1], found[3]):
        actions.settle_tie(result=result, excellent=False, **settle)
    open_one.advance("finalise")
    grades = [Result.objects.get(pk=row.pk).grade for row in found[:5]]
    assert grades == ["excellent", "good", "excellent", "good", "good"]


@pytest.mark.django_db
def test_settling_needs_a_reason_and_a_tie(open_one: Evaluation) -> None:
    found = tied_three(open_one)
    for result, reason, code in ((found[1], " ", "reason_needed"), (found[0], "议定", "not_tied")):
        with pytest.raises(DomainError) as refused:
            actions.settle_tie(result=result, excellent=True, by=open_one.staff, reason=reason)
        assert refused.value.code == code


def test_bands_are_those_of_the_conventions() -> None:
    assert (results.EXCELLENT, results.GOOD, results.PASS) == (90, 80, 60)
