"""What the database refuses although no action stands before it (invariants 8 and 9)."""

from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from cadres.models import Cadre
from evaluations import actions
from evaluations.models import Campaign, Criterion, PanelMember, Result, Review, Score, Scorer
from tests.evaluations.conftest import Evaluation

pytestmark = pytest.mark.django_db


def sheet(open_one: Evaluation, **changes: Any) -> Review:
    side = open_one.ours
    given = {
        "campaign": open_one.campaign, "enrollment": side.people[0], "scorer": Scorer.PANEL, "user": side.official,
        "member": side.seats[side.official.pk],
    }  # fmt: skip
    return Review.objects.create(**{**given, **changes})


def refused(constraint: str, act: Any, *arguments: Any, **options: Any) -> None:
    with pytest.raises(IntegrityError) as error, transaction.atomic():
        act(*arguments, **options)
    assert error.value.__cause__.diag.constraint_name == constraint


def test_nobody_scores_themselves(open_one: Evaluation) -> None:
    mentor = open_one.ours.mentor
    Cadre.objects.filter(pk=open_one.ours.people[0].cadre_id).update(user=mentor)
    refused("nobody_scores_themselves", sheet, open_one, scorer=Scorer.MENTOR, user=mentor, member=None)


def test_nobody_on_a_panel_scores_the_own_unit(open_one: Evaluation) -> None:
    seat = open_one.ours.seats[open_one.ours.official.pk]
    PanelMember.objects.filter(pk=seat.pk).update(unit=open_one.ours.people[0].cadre.unit)
    refused("nobody_scores_the_own_unit", sheet, open_one)
    assert sheet(open_one, enrollment=open_one.ours.people[1]).pk


def test_own_unit_is_that_of_the_members_record_too(open_one: Evaluation) -> None:
    unit = open_one.ours.people[0].cadre.unit
    Cadre.objects.filter(pk=open_one.theirs.people[0].cadre_id).update(user=open_one.ours.official, unit=unit)
    refused("nobody_scores_the_own_unit", sheet, open_one)


def test_mentor_of_the_same_unit_may_score(open_one: Evaluation) -> None:
    unit = open_one.ours.people[0].cadre.unit
    Cadre.objects.filter(pk=open_one.theirs.people[0].cadre_id).update(user=open_one.ours.mentor, unit=unit)
    assert sheet(open_one, scorer=Scorer.MENTOR, user=open_one.ours.mentor, member=None).pk


def test_nobody_scores_where_recused(open_one: Evaluation) -> None:
    side = open_one.ours
    seat = side.seats[side.official.pk]
    recusal = actions.recuse(member=seat, enrollment=side.people[0], reason="亲戚", by=side.official)
    refused("nobody_scores_where_recused", sheet, open_one)
    actions.withdraw_recusal(recusal=recusal, by=open_one.staff, reason="点错")
    assert sheet(open_one).pk


def test_draft_of_a_colleague_is_not_handed_in(open_one: Evaluation) -> None:
    draft = sheet(open_one)
    seat = open_one.ours.seats[open_one.ours.official.pk]
    PanelMember.objects.filter(pk=seat.pk).update(unit=open_one.ours.people[0].cadre.unit)
    refused("nobody_scores_the_own_unit", Review.objects.filter(pk=draft.pk).update, state="cast")
    assert Review.objects.filter(pk=draft.pk).update(state="void", void_reason="同一单位") == 1


def test_panel_sheet_names_a_member_who_is_its_scorer(open_one: Evaluation) -> None:
    refused("panel_sheet_of_its_member", sheet, open_one, user=open_one.ours.villager)
    refused("panel_sheet_of_its_member", sheet, open_one, member=None)


def test_one_sheet_a_scorer_is_in_force(open_one: Evaluation) -> None:
    sheet(open_one)
    refused("one_sheet_a_scorer", sheet, open_one)


@pytest.mark.parametrize("state", ["draft", "frozen", "computed", "final"])
def test_sheets_change_only_while_scoring_is_open(open_one: Evaluation, state: str) -> None:
    draft = sheet(open_one)
    Campaign.objects.update(state=state)
    refused("sheets_only_while_open", sheet, open_one, enrollment=open_one.ours.people[1])
    refused("sheets_only_while_open", Review.objects.filter(pk=draft.pk).update, state="cast")


@pytest.mark.parametrize(
    "change",
    [
        {"state": "draft"},
        {"comment": "改"},
        {"state": "void"},
        {"state": "void", "void_reason": "换人", "comment": "改"},
    ],
)
def test_sheet_handed_in_is_only_voided_with_a_reason(open_one: Evaluation, change: dict[str, str]) -> None:
    review = open_one.score(open_one.ours.people[0], open_one.ours.mentor, Scorer.MENTOR)
    refused("cast_sheets_are_only_voided", Review.objects.filter(pk=review.pk).update, **change)
    Review.objects.filter(pk=review.pk).update(state="void", void_reason="看错人")
    refused("cast_sheets_are_only_voided", Review.objects.filter(pk=review.pk).update, state="cast")


def test_scores_of_a_sheet_handed_in_do_not_change(open_one: Evaluation) -> None:
    review = open_one.score(open_one.ours.people[0], open_one.ours.mentor, Scorer.MENTOR)
    refused("cast_sheets_do_not_change", Score.objects.filter(review=review).update, value=99)
    refused("cast_sheets_do_not_change", Score.objects.filter(review=review).delete)
    other = Criterion.objects.filter(scorer=Scorer.PANEL).first()
    refused("cast_sheets_do_not_change", Score.objects.create, review=review, criterion=other, value=1)


@pytest.mark.parametrize("value", [101, 1000])
def test_score_is_at_most_100(open_one: Evaluation, value: int) -> None:
    criterion = Criterion.objects.filter(scorer=Scorer.PANEL).first()
    refused("score_at_most_100", Score.objects.create, review=sheet(open_one), criterion=criterion, value=value)


def test_final_results_and_their_campaign_do_not_change(open_one: Evaluation) -> None:
    open_one.advance("freeze", "compute", "finalise")
    refused("final_results_do_not_change", Result.objects.all().update, computed_at=timezone.now())
    refused("final_results_do_not_change", Result.objects.all().delete)
    refused("final_campaigns_do_not_change", Campaign.objects.all().update, state="computed")
