"""Each invariant finds what breaks it. The triggers that would refuse the damage are set aside for it."""

from collections.abc import Callable

import pgtrigger
import pytest

from cadres.models import Cadre
from evaluations import actions, invariants
from evaluations.models import PanelMember, Recusal, Result, Review, Rubric, Score, Scorer
from tests.evaluations.conftest import Evaluation
from tests.factories import UnitFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def scored(open_one: Evaluation) -> Evaluation:
    """Class 1 scored by everybody, computed."""
    open_one.score_all(open_one.ours, open_one.ours.people, 85)
    open_one.advance("freeze", "compute")
    return open_one


def broken() -> set[str]:
    return {row.code for row in invariants.INVARIANTS if row.find()}


def test_nothing_is_broken_by_the_acts_themselves(scored: Evaluation) -> None:
    assert broken() == set()
    scored.advance("finalise")
    assert broken() == set()


def _sheet_of_oneself(found: Evaluation) -> None:
    Cadre.objects.filter(pk=found.ours.people[0].cadre_id).update(user=found.ours.mentor)


def _recused(found: Evaluation) -> None:
    Recusal.objects.create(
        member=found.ours.seats[found.ours.villager.pk], enrollment=found.ours.people[0], reason="亲戚"
    )


def _own_unit(found: Evaluation) -> None:
    seat = found.ours.seats[found.ours.villager.pk]
    PanelMember.objects.filter(pk=seat.pk).update(unit=found.ours.people[0].cadre.unit)


def _other_seat(found: Evaluation) -> None:
    seat = found.ours.seats[found.ours.villager.pk]
    PanelMember.objects.filter(pk=seat.pk).update(user=found.ours.mentor)


def _weights(found: Evaluation) -> None:
    Rubric.objects.get().criteria.filter(order=1).update(weight=19)


def _sheet_without_line(found: Evaluation) -> None:
    Score.objects.filter(review__scorer=Scorer.MENTOR, review__enrollment=found.ours.people[0]).delete()


def _score_changed(found: Evaluation) -> None:
    Score.objects.filter(review__scorer=Scorer.MENTOR, review__enrollment=found.ours.people[0]).update(value=10)


def _grade(found: Evaluation) -> None:
    Result.objects.filter(enrollment=found.ours.people[0]).update(grade=Result.Grade.FAIL)


def _excellent_below_90(found: Evaluation) -> None:
    Result.objects.filter(enrollment=found.ours.people[0]).update(grade=Result.Grade.EXCELLENT)


def _result_gone(found: Evaluation) -> None:
    Result.objects.filter(enrollment=found.ours.people[0]).delete()


@pytest.mark.parametrize(
    ("damage", "codes"),
    [
        (_sheet_of_oneself, {"8d"}),
        (_own_unit, {"8e"}),
        (_recused, {"8f"}),
        (_other_seat, {"8g"}),
        (_weights, {"9d", "9f"}),
        (_sheet_without_line, {"9e", "9f"}),
        (_score_changed, {"9f"}),
        (_grade, {"9f"}),
        (_excellent_below_90, {"9f", "9g"}),
        (_result_gone, {"9f"}),
    ],
)
def test_damage_is_found(scored: Evaluation, damage: Callable[[Evaluation], None], codes: set[str]) -> None:
    with pgtrigger.ignore(
        "evaluations.Criterion:pinned_rubrics_do_not_change", "evaluations.Score:cast_sheets_do_not_change"
    ):
        damage(scored)
    assert broken() == codes


def test_more_excellent_than_places_is_found(open_one: Evaluation) -> None:
    open_one.score_all(open_one.ours, open_one.ours.people, 95)
    open_one.advance("freeze", "compute")
    Result.objects.filter(enrollment__in=open_one.ours.people[:2]).update(grade=Result.Grade.EXCELLENT, tied=False)
    assert invariants.too_many_excellent() == [f"{open_one.campaign}：第1班优秀 2 人，名额 1 人"]


def test_tie_decided_by_the_panel_is_no_damage(open_one: Evaluation) -> None:
    open_one.score_all(open_one.ours, open_one.ours.people[:2], 95)
    open_one.advance("freeze", "compute")
    for person, excellent in zip(open_one.ours.people[:2], (True, False), strict=True):
        result = Result.objects.get(enrollment=person)
        actions.settle_tie(result=result, excellent=excellent, by=open_one.staff, reason="议定")
    assert broken() == set()


def test_transfer_after_handing_in_is_no_damage(open_one: Evaluation) -> None:
    """The unit counts that the candidate had when the sheet was handed in."""
    side = open_one.ours
    unit = UnitFactory()
    PanelMember.objects.filter(pk=side.seats[side.official.pk].pk).update(unit=unit)
    open_one.score(side.people[0], side.official, Scorer.PANEL)
    assert Review.objects.get().state == "cast"
    Cadre.objects.filter(pk=side.people[0].cadre_id).update(unit=unit)
    assert broken() == set()
