"""Score sheets: who may score whom, what is refused, and that a sheet handed in stays."""

import datetime

import pytest
from django.utils import timezone

from accounts.models import AuditEntry, User
from batches.models import Enrollment, Mentorship
from cadres.models import Cadre
from config.errors import Conflict
from evaluations import actions
from evaluations.duties import duties_of, duty_of, recusals_of, to_score
from evaluations.models import Campaign, PanelMember, Review, Scorer
from tests.evaluations.conftest import Evaluation, refusal
from tests.factories import GatheringFactory, HouseholdFactory, LodgingFactory, MembershipFactory, UserFactory

pytestmark = pytest.mark.django_db


# --- whom


@pytest.mark.parametrize("scorer", list(Scorer))
def test_each_role_scores_the_own_class_and_nobody_elses(open_one: Evaluation, scorer: str) -> None:
    ours, theirs = open_one.ours, open_one.theirs
    user = {"mentor": ours.mentor, "head_teacher": ours.head_teacher, "panel": ours.villager}[scorer]
    assert set(to_score(open_one.campaign, user, scorer)) == set(ours.people)
    assert open_one.score(ours.people[0], user, scorer).state == Review.State.CAST
    assert refusal(open_one.score, theirs.people[0], user, scorer) == "not_yours"
    assert not Review.objects.filter(enrollment__in=theirs.people).exists()


def test_role_that_somebody_has_not_is_refused(open_one: Evaluation) -> None:
    assert refusal(open_one.score, open_one.ours.people[0], open_one.ours.mentor, Scorer.HEAD_TEACHER) == "not_yours"
    assert refusal(open_one.score, open_one.ours.people[0], open_one.ours.mentor, Scorer.PANEL) == "not_yours"


def test_mentor_whose_time_is_over_does_not_score(open_one: Evaluation) -> None:
    person = open_one.ours.people[0]
    Mentorship.objects.filter(enrollment=person).update(until=timezone.localdate() - datetime.timedelta(days=1))
    assert refusal(open_one.score, person, open_one.ours.mentor, Scorer.MENTOR) == "not_yours"


def test_whoever_left_the_batch_is_not_scored(open_one: Evaluation) -> None:
    person = open_one.ours.people[0]
    Enrollment.objects.filter(pk=person.pk).update(state=Enrollment.State.WITHDRAWN)
    assert refusal(open_one.score, person, open_one.ours.mentor, Scorer.MENTOR) == "not_yours"
    assert refusal(open_one.score, person, open_one.ours.villager, Scorer.PANEL) == "not_yours"


def test_whoever_changed_class_is_scored_by_the_last_one(open_one: Evaluation) -> None:
    person, ours, theirs = open_one.ours.people[0], open_one.ours, open_one.theirs
    first = person.memberships.get()
    moved = datetime.date(2026, 10, 12)
    whole = first.days
    first.days = type(whole)(whole.lower, moved)
    first.save()
    MembershipFactory(enrollment=person, practice_class=theirs.practice_class, days=type(whole)(moved, whole.upper))
    assert refusal(open_one.score, person, ours.head_teacher, Scorer.HEAD_TEACHER) == "not_yours"
    assert refusal(open_one.score, person, ours.villager, Scorer.PANEL) == "not_yours"
    assert open_one.score(person, theirs.head_teacher, Scorer.HEAD_TEACHER).state == "cast"
    assert open_one.score(person, theirs.villager, Scorer.PANEL).state == "cast"


def test_nobody_scores_themselves(open_one: Evaluation) -> None:
    person = open_one.ours.people[0]
    Cadre.objects.filter(pk=person.cadre_id).update(user=open_one.ours.head_teacher)
    person = Enrollment.objects.get(pk=person.pk)
    assert refusal(open_one.score, person, open_one.ours.head_teacher, Scorer.HEAD_TEACHER) == "own_score"


def test_clerk_who_is_evaluated_keys_in_and_voids_nothing_about_herself(open_one: Evaluation, staff: User) -> None:
    person = open_one.ours.people[0]
    sheet = open_one.score(person, open_one.ours.head_teacher, Scorer.HEAD_TEACHER)
    Cadre.objects.filter(pk=person.cadre_id).update(user=staff)
    person = Enrollment.objects.get(pk=person.pk)
    assert refusal(open_one.score, person, open_one.ours.villager, Scorer.PANEL, by=staff) == "own_score"
    sheet.refresh_from_db()
    assert refusal(actions.void_review, review=sheet, by=staff, reason="看错了") == "own_score"


# --- recusals that are found


def test_colleague_of_the_unit_is_recused(open_one: Evaluation) -> None:
    person, seat = open_one.ours.people[1], open_one.ours.seats[open_one.ours.official.pk]
    PanelMember.objects.filter(pk=seat.pk).update(unit=person.cadre.unit)
    seat.refresh_from_db()
    assert recusals_of(seat, open_one.ours.people) == {person.pk: "同一单位"}
    assert refusal(open_one.score, person, open_one.ours.official, Scorer.PANEL) == "recused"


def test_unit_is_found_by_the_members_own_record_of_a_cadre(open_one: Evaluation) -> None:
    person, villager = open_one.ours.people[1], open_one.ours.villager
    Cadre.objects.filter(pk=open_one.theirs.people[0].cadre_id).update(user=villager, unit=person.cadre.unit)
    assert recusals_of(open_one.ours.seats[villager.pk], open_one.ours.people) == {person.pk: "同一单位"}


def test_guest_of_the_own_household_is_recused(open_one: Evaluation) -> None:
    person, household = open_one.ours.people[2], HouseholdFactory()
    gathering = GatheringFactory(practice_class=open_one.ours.practice_class, base=household.base)
    bed = household.rooms.get().beds.first()
    LodgingFactory(gathering=gathering, enrollment=person, bed=bed)
    seat = open_one.ours.seats[open_one.ours.villager.pk]
    PanelMember.objects.filter(pk=seat.pk).update(household=household)
    seat.refresh_from_db()
    assert recusals_of(seat, open_one.ours.people) == {person.pk: "在评审员家住过"}
    assert refusal(open_one.score, person, open_one.ours.villager, Scorer.PANEL) == "recused"


def test_own_mentee_is_recused_on_the_panel_though_the_mentorship_is_over(open_one: Evaluation) -> None:
    person, mentor = open_one.ours.people[3], open_one.ours.mentor
    Mentorship.objects.filter(enrollment=person).update(until=timezone.localdate() - datetime.timedelta(days=1))
    Mentorship.objects.exclude(enrollment=person).update(user=UserFactory())
    seat = actions.add_panel_member(
        panel=open_one.ours.panel, user=mentor, kind=PanelMember.Kind.ADVISER, by=open_one.staff
    )
    assert recusals_of(seat, open_one.ours.people) == {person.pk: "评审员是他的导师"}


def test_oneself_is_recused(open_one: Evaluation) -> None:
    person, villager = open_one.ours.people[4], open_one.ours.villager
    Cadre.objects.filter(pk=person.cadre_id).update(user=villager)
    person = Enrollment.objects.select_related("cadre").get(pk=person.pk)
    assert recusals_of(open_one.ours.seats[villager.pk], [person]) == {person.pk: "是本人"}


# --- recusals that are declared


def test_declared_recusal_gives_up_the_draft_and_refuses_a_sheet(open_one: Evaluation) -> None:
    person, villager = open_one.ours.people[0], open_one.ours.villager
    draft = open_one.score(person, villager, Scorer.PANEL, cast=False)
    seat = open_one.ours.seats[villager.pk]
    actions.recuse(member=seat, enrollment=person, reason="外甥", by=villager)
    draft.refresh_from_db()
    assert (draft.state, draft.void_reason) == ("void", "申请回避")
    assert recusals_of(seat, open_one.ours.people) == {person.pk: "申请回避：外甥"}
    assert refusal(open_one.score, person, villager, Scorer.PANEL) == "recused"
    duty = duty_of(open_one.campaign, villager, Scorer.PANEL)
    assert duty is not None
    assert (duty.progress.recused, duty.progress.due) == (1, 4)


def test_recusal_needs_a_reason_and_no_sheet_handed_in(open_one: Evaluation) -> None:
    person, villager = open_one.ours.people[0], open_one.ours.villager
    seat = open_one.ours.seats[villager.pk]
    assert refusal(actions.recuse, member=seat, enrollment=person, reason=" ", by=villager) == "reason_needed"
    open_one.score(person, villager, Scorer.PANEL)
    assert refusal(actions.recuse, member=seat, enrollment=person, reason="亲戚", by=villager) == "already_cast"


def test_recusal_withdrawn_lets_the_member_score(open_one: Evaluation) -> None:
    person, villager = open_one.ours.people[0], open_one.ours.villager
    recusal = actions.recuse(member=open_one.ours.seats[villager.pk], enrollment=person, reason="点错", by=villager)
    actions.withdraw_recusal(recusal=recusal, by=open_one.staff, reason="本人点错了")
    recusal.refresh_from_db()
    assert recusal.live is False
    assert open_one.score(person, villager, Scorer.PANEL).state == "cast"


# --- what


@pytest.mark.parametrize("value", [-1, 101])
def test_score_out_of_range_is_refused(open_one: Evaluation, value: int) -> None:
    person, mentor = open_one.ours.people[0], open_one.ours.mentor
    assert refusal(open_one.score, person, mentor, Scorer.MENTOR, value) == "out_of_range"
    assert not Review.objects.exists()


def test_incomplete_sheet_is_kept_but_not_handed_in(open_one: Evaluation) -> None:
    person, villager = open_one.ours.people[0], open_one.ours.villager
    one = dict(list(open_one.values(Scorer.PANEL, 80).items())[:1])
    assert refusal(open_one.score, person, villager, Scorer.PANEL, values=one) == "incomplete"
    review = open_one.score(person, villager, Scorer.PANEL, values=one, cast=False)
    assert (review.state, list(review.scores.values_list("value", flat=True))) == ("draft", [80])


def test_draft_is_replaced_as_a_whole(open_one: Evaluation) -> None:
    """A line that was emptied again is gone, the others have the new values."""
    person, villager = open_one.ours.people[0], open_one.ours.villager
    keys = open_one.criteria(Scorer.PANEL)
    open_one.score(person, villager, Scorer.PANEL, 80, 81, 82, cast=False, comment="先这样")
    review = open_one.score(person, villager, Scorer.PANEL, values={keys[1]: 91}, cast=False, comment="")
    assert dict(review.scores.values_list("criterion", "value")) == {keys[1]: 91}
    assert Review.objects.get().comment == ""


def test_line_of_another_scorer_is_refused(open_one: Evaluation) -> None:
    foreign = open_one.values(Scorer.PANEL, 80)
    values = open_one.values(Scorer.MENTOR, 80) | foreign
    person = open_one.ours.people[0]
    assert refusal(open_one.score, person, open_one.ours.mentor, Scorer.MENTOR, values=values) == "foreign_criterion"


# --- once


def test_same_sheet_twice_answers_with_the_first(open_one: Evaluation) -> None:
    person, villager = open_one.ours.people[0], open_one.ours.villager
    first = open_one.score(person, villager, Scorer.PANEL, 80, 90, 70)
    assert open_one.score(person, villager, Scorer.PANEL, 80, 90, 70).pk == first.pk
    assert Review.objects.count() == 1


def test_another_sheet_after_the_first_is_a_conflict(open_one: Evaluation) -> None:
    person, villager = open_one.ours.people[0], open_one.ours.villager
    first = open_one.score(person, villager, Scorer.PANEL, 80)
    with pytest.raises(Conflict):
        open_one.score(person, villager, Scorer.PANEL, 95)
    with pytest.raises(Conflict):
        open_one.score(person, villager, Scorer.PANEL, 80, cast=False)
    assert set(first.scores.values_list("value", flat=True)) == {80}


def test_void_sheet_stays_and_another_can_be_handed_in(open_one: Evaluation) -> None:
    person, villager = open_one.ours.people[0], open_one.ours.villager
    first = open_one.score(person, villager, Scorer.PANEL, 80)
    assert refusal(actions.void_review, review=first, by=open_one.staff, reason="") == "reason_needed"
    actions.void_review(review=first, by=open_one.staff, reason="看错人")
    second = open_one.score(person, villager, Scorer.PANEL, 60)
    states = list(Review.objects.order_by("pk").values_list("pk", "state", "void_reason"))
    assert states == [(first.pk, "void", "看错人"), (second.pk, "cast", "")]
    assert refusal(actions.void_review, review=first, by=open_one.staff, reason="再来") == "not_cast"


# --- several at once


def pile(found: Evaluation, user: User, *people: Enrollment, score: int = 80) -> list[Review]:
    sheets = [actions.Sheet(person, found.values(Scorer.PANEL, score), f"给{person.pk}") for person in people]
    return actions.cast_reviews(campaign=found.campaign, user=user, scorer=Scorer.PANEL, sheets=sheets, by=user)


def test_pile_of_sheets_is_as_if_handed_in_one_by_one(open_one: Evaluation) -> None:
    side = open_one.ours
    pile(open_one, side.villager, *side.people)
    for person in side.people:
        open_one.score(person, side.official, Scorer.PANEL, 80, comment=f"给{person.pk}")
    fields = ("enrollment", "scorer", "state", "comment", "scores__criterion", "scores__value")
    rows = [
        list(Review.objects.filter(user=user).order_by("enrollment", "scores__criterion").values_list(*fields))
        for user in (side.villager, side.official)
    ]
    assert rows[0] == rows[1]
    assert len(rows[0]) == 15
    seat = side.seats[side.villager.pk].pk
    assert set(Review.objects.filter(user=side.villager).values_list("member", flat=True)) == {seat}
    assert Review.objects.filter(cast_at__isnull=True).count() == 0


def test_pile_is_refused_as_a_whole_for_one_wrong_sheet(open_one: Evaluation) -> None:
    side = open_one.ours
    seat = side.seats[side.villager.pk]
    recused, drafted, himself, fine = side.people[:4]
    actions.recuse(member=seat, enrollment=recused, reason="亲戚", by=side.villager)
    open_one.score(drafted, side.villager, Scorer.PANEL, cast=False)
    Cadre.objects.filter(pk=himself.cadre_id).update(user=side.villager)
    himself = Enrollment.objects.get(pk=himself.pk)
    wrong = {"recused": recused, "already_begun": drafted, "own_score": himself, "not_yours": open_one.theirs.people[0]}
    for code, person in wrong.items():
        assert refusal(pile, open_one, side.villager, fine, person) == code
    assert refusal(pile, open_one, side.villager, fine, score=101) == "out_of_range"
    sheet = actions.Sheet(fine, dict(list(open_one.values(Scorer.PANEL, 80).items())[:1]))
    options = {"campaign": open_one.campaign, "user": side.villager, "scorer": Scorer.PANEL, "by": side.villager}
    assert refusal(actions.cast_reviews, sheets=[sheet], **options) == "incomplete"
    Campaign.objects.update(closes_on=timezone.localdate() - datetime.timedelta(days=1))
    assert refusal(pile, open_one, side.villager, fine) == "too_late"
    open_one.advance("freeze")
    assert refusal(pile, open_one, side.villager, fine) == "not_open"
    assert not Review.objects.filter(state="cast").exists()


# --- when


@pytest.mark.parametrize("state", [Campaign.State.DRAFT, Campaign.State.FROZEN, Campaign.State.COMPUTED])
def test_sheet_outside_the_time_of_scoring_is_refused(open_one: Evaluation, state: str) -> None:
    cast = open_one.score(open_one.ours.people[1], open_one.ours.mentor, Scorer.MENTOR)
    Campaign.objects.filter(pk=open_one.campaign.pk).update(state=state)
    assert refusal(open_one.score, open_one.ours.people[0], open_one.ours.mentor, Scorer.MENTOR) == "not_open"
    assert refusal(actions.void_review, review=cast, by=open_one.staff, reason="晚了") == "not_open"


def test_last_day_ends_scoring_but_not_keying_in_paper(open_one: Evaluation) -> None:
    yesterday = timezone.localdate() - datetime.timedelta(days=1)
    Campaign.objects.filter(pk=open_one.campaign.pk).update(closes_on=yesterday)
    person, villager = open_one.ours.people[0], open_one.ours.villager
    assert refusal(open_one.score, person, villager, Scorer.PANEL) == "too_late"
    assert open_one.score(person, villager, Scorer.PANEL, by=open_one.staff).state == "cast"
    Campaign.objects.filter(pk=open_one.campaign.pk).update(closes_on=timezone.localdate())
    assert open_one.score(open_one.ours.people[1], villager, Scorer.PANEL).state == "cast"


def test_paper_sheet_is_the_scorers_and_the_trail_names_who_keyed_it_in(open_one: Evaluation) -> None:
    person, villager = open_one.ours.people[0], open_one.ours.villager
    review = open_one.score(person, villager, Scorer.PANEL, by=open_one.staff, reason="代录纸质评分表")
    assert review.user == villager
    entry = AuditEntry.objects.get(act="cast_review")
    assert (entry.actor_id, entry.reason) == (open_one.staff.pk, "代录纸质评分表")
    assert f'"user":{villager.pk}' in entry.data


# --- what is left


def test_duties_are_everybodys_in_order_of_role_class_and_name(open_one: Evaluation) -> None:
    found = [(duty.scorer, duty.user, duty.progress.due) for duty in duties_of([open_one.campaign])]
    ours, theirs = open_one.ours, open_one.theirs
    assert found[:4] == [
        (Scorer.MENTOR, ours.mentor, 5),
        (Scorer.MENTOR, theirs.mentor, 5),
        (Scorer.HEAD_TEACHER, ours.head_teacher, 5),
        (Scorer.HEAD_TEACHER, theirs.head_teacher, 5),
    ]
    assert {user for scorer, user, _ in found[4:]} == {ours.villager, ours.official, theirs.villager, theirs.official}


def test_after_a_sheet_comes_the_next_open_person_and_round_again(open_one: Evaluation) -> None:
    villager, people = open_one.ours.villager, open_one.ours.people
    for place in (1, 3):
        open_one.score(people[place], villager, Scorer.PANEL)
    duty = duty_of(open_one.campaign, villager, Scorer.PANEL)
    assert duty is not None
    assert [duty.after(place, handed_in=True).pk for place in (0, 2, 4)] == [people[2].pk, people[4].pk, people[0].pk]
    assert duty.after(0, handed_in=False).pk == people[0].pk
    assert duty.first_open.pk == people[0].pk
