"""The course of a campaign, its panels, and what is told to whom."""

import datetime
import json

import pytest
from django.utils import timezone

from accounts.models import AuditEntry, User
from batches.models import Batch, Enrollment
from config.errors import DomainError
from evaluations import actions
from evaluations.duties import duties_of
from evaluations.models import Campaign, PanelMember, Review, Rubric, Scorer
from evaluations.queries import gaps_of, lines_of, todo
from office.models import Notice
from tests.evaluations.conftest import Evaluation, make_side, refusal
from tests.factories import BatchFactory, UserFactory

pytestmark = pytest.mark.django_db
DAY = datetime.timedelta(days=1)


@pytest.mark.parametrize("state", [Batch.State.NOMINATING, Batch.State.PUBLISHED, Batch.State.CLOSED])
def test_campaign_needs_a_batch_that_is_running(staff: User, state: str) -> None:
    batch, rubric = BatchFactory(state=state), actions.default_rubric(by=staff)
    assert refusal(actions.create_campaign, batch=batch, rubric=rubric, by=staff) == "not_running"


def test_campaign_is_one_a_batch_and_closes_in_the_future(prepared: Evaluation) -> None:
    options = {"rubric": prepared.campaign.rubric, "by": prepared.staff}
    assert refusal(actions.create_campaign, batch=prepared.batch, **options) == "campaign_exists"
    gone = timezone.localdate() - DAY
    another = BatchFactory(state=Batch.State.RUNNING)
    assert refusal(actions.create_campaign, batch=another, closes_on=gone, **options) == "day_gone"


@pytest.mark.parametrize(
    ("state", "possible"),
    [
        ("draft", {"open"}),
        ("open", {"take_back", "freeze"}),
        ("frozen", {"reopen", "compute"}),
        ("computed", {"reopen", "compute", "finalise"}),
        ("final", set()),
    ],
)
def test_only_the_acts_of_a_state_are_possible(prepared: Evaluation, state: str, possible: set[str]) -> None:
    way = {"draft": (), "open": ("open",), "frozen": ("open", "freeze"), "computed": ("open", "freeze", "compute")}
    prepared.advance(*way.get(state, ("open", "freeze", "compute", "finalise")))
    for act in {"open", "take_back", "freeze", "reopen", "compute", "finalise"} - possible:
        with pytest.raises(DomainError) as refused:
            prepared.advance(act)
        assert refused.value.code == "illegal_transition"
        assert Campaign.objects.get(pk=prepared.campaign.pk).state == state


@pytest.mark.parametrize("act", ["take_back", "reopen"])
def test_going_back_needs_a_reason(prepared: Evaluation, act: str) -> None:
    prepared.advance("open", *([] if act == "take_back" else ["freeze"]))
    options = {"campaign": prepared.campaign, "act": act, "by": prepared.staff}
    assert refusal(actions.advance_campaign, **options) == "reason_needed"


def test_opening_needs_the_batch_in_evaluation(prepared: Evaluation) -> None:
    Batch.objects.filter(pk=prepared.batch.pk).update(state=Batch.State.RUNNING)
    prepared.campaign.batch.refresh_from_db()
    options = {"campaign": prepared.campaign, "act": "open", "by": prepared.staff}
    assert refusal(actions.advance_campaign, **options) == "batch_not_evaluating"
    assert Campaign.objects.get(pk=prepared.campaign.pk).state == "draft"


def test_opening_needs_a_panel_for_each_class_with_a_villager_on_it(prepared: Evaluation) -> None:
    options = {"campaign": prepared.campaign, "act": "open", "by": prepared.staff}
    make_side(prepared.batch, 3)
    with pytest.raises(DomainError, match="第3班还没有评审团"):
        actions.advance_campaign(**options)
    actions.change_panel(
        panel=prepared.theirs.panel, name="第2评审团", classes=list(prepared.batch.classes.filter(number__gte=2)),
        by=prepared.staff,
    )  # fmt: skip
    villager = prepared.theirs.seats[prepared.theirs.villager.pk]
    actions.remove_panel_member(member=villager, by=prepared.staff, reason="生病")
    with pytest.raises(DomainError, match="第2班、第3班的评审团里没有群众"):
        actions.advance_campaign(**options)


def test_opening_tells_the_scorers_and_finalising_the_cadres(prepared: Evaluation) -> None:
    cadre = prepared.ours.people[0].cadre
    cadre.user = UserFactory()
    cadre.save()
    prepared.advance("open")
    told = set(Notice.objects.filter(subject__endswith="开始评分").values_list("addressee", flat=True))
    sides = (prepared.ours, prepared.theirs)
    assert told == {u.pk for side in sides for u in (side.mentor, side.head_teacher, side.villager, side.official)}
    prepared.advance("freeze", "compute", "finalise")
    assert list(Notice.objects.filter(subject__endswith="结果已定").values_list("addressee", flat=True)) == [
        cadre.user.pk
    ]


def test_taking_back_is_refused_once_somebody_began(open_one: Evaluation) -> None:
    options = {"campaign": open_one.campaign, "act": "take_back", "by": open_one.staff, "reason": "早了"}
    review = open_one.score(open_one.ours.people[0], open_one.ours.mentor, Scorer.MENTOR, cast=False)
    assert refusal(actions.advance_campaign, **options) == "sheets_begun"
    Review.objects.filter(pk=review.pk).update(state="void", void_reason="早了")
    actions.advance_campaign(**options)
    assert Campaign.objects.get().state == "draft"


def test_rubric_is_changed_before_scoring_alone_and_the_last_day_until_it_is_frozen(prepared: Evaluation) -> None:
    other = actions.save_rubric(
        rubric=Rubric(name="另一张"), criteria=[{"name": "问答", "description": "", "weight": 100, "scorer": Scorer.PANEL}],
        by=prepared.staff,
    )  # fmt: skip
    first, tomorrow = prepared.campaign.rubric, timezone.localdate() + DAY
    change = {"campaign": prepared.campaign, "by": prepared.staff}
    actions.change_campaign(rubric=other, closes_on=None, **change)
    assert Campaign.objects.get().rubric == other
    prepared.advance("open")
    assert refusal(actions.change_campaign, rubric=first, closes_on=None, **change) == "rubric_pinned"
    assert refusal(actions.change_campaign, rubric=other, closes_on=tomorrow - 2 * DAY, **change) == "day_gone"
    actions.change_campaign(rubric=other, closes_on=tomorrow, **change)
    assert Campaign.objects.get().closes_on == tomorrow
    prepared.advance("freeze")
    assert refusal(actions.change_campaign, rubric=other, closes_on=None, **change) == "not_open"


def test_reopening_drops_a_last_day_that_has_passed(open_one: Evaluation) -> None:
    Campaign.objects.update(closes_on=timezone.localdate() - DAY)
    open_one.campaign.refresh_from_db()
    open_one.advance("freeze", "reopen")
    assert Campaign.objects.get().closes_on is None
    assert open_one.score(open_one.ours.people[0], open_one.ours.mentor, Scorer.MENTOR).state == "cast"


def test_final_needs_results_for_everybody_who_is_evaluated(open_one: Evaluation) -> None:
    open_one.advance("freeze", "compute")
    Enrollment.objects.filter(pk=open_one.ours.people[0].pk).update(state=Enrollment.State.WITHDRAWN)
    with pytest.raises(DomainError) as refused:
        open_one.advance("finalise")
    assert refused.value.code == "results_stale"
    open_one.advance("compute", "finalise")
    assert open_one.campaign.results.count() == 9


# --- reminding


def test_reminder_goes_to_those_who_have_sheets_left_with_their_number(open_one: Evaluation) -> None:
    open_one.score_all(open_one.ours, open_one.ours.people, 80)
    open_one.score(open_one.theirs.people[0], open_one.theirs.mentor, Scorer.MENTOR)
    Notice.objects.all().delete()
    assert actions.remind_scorers(campaign=open_one.campaign, by=open_one.staff) == 5
    told = dict(Notice.objects.values_list("addressee", "subject"))
    assert open_one.ours.mentor.pk not in told
    assert told[open_one.theirs.mentor.pk].endswith("还有 4 人没评")
    assert told[open_one.ours.official.pk].endswith("还有 5 人没评")


def test_reminder_is_refused_when_it_is_not_open_or_nobody_is_left(prepared: Evaluation) -> None:
    options = {"campaign": prepared.campaign, "by": prepared.staff}
    assert refusal(actions.remind_scorers, **options) == "not_open"
    prepared.advance("open")
    for side in (prepared.ours, prepared.theirs):
        prepared.score_all(side, side.people, 80)
        for person in side.people:
            prepared.score(person, side.official, Scorer.PANEL)
    assert refusal(actions.remind_scorers, **options) == "nobody_left"


def test_todo_counts_what_is_left_and_the_centre_sees_what_waits(prepared: Evaluation) -> None:
    assert [row.what for row in todo(prepared.staff)] == [f"{prepared.campaign}等开始评分"]
    assert todo(prepared.ours.mentor) == []
    prepared.advance("open")
    prepared.score(prepared.ours.people[0], prepared.ours.mentor, Scorer.MENTOR)
    assert [row.what for row in todo(prepared.ours.mentor)] == [f"{prepared.campaign}：还有 4 人没评"]
    assert todo(prepared.staff) == []
    assert todo(UserFactory()) == []


def test_gaps_name_classes_whose_people_nobody_scores(open_one: Evaluation) -> None:
    make_side(open_one.batch, 3, size=2)
    open_one.ours.people[0].mentorships.all().delete()
    gaps = gaps_of(open_one.campaign, duties_of([open_one.campaign]), lines_of(open_one.campaign))
    assert [gap.split("。")[0] for gap in gaps] == ["没有导师来评：第1班 1 人", "没有评审团来评：第3班 2 人"]


# --- panels


def test_panel_takes_classes_of_the_batch_once(prepared: Evaluation) -> None:
    form = {"campaign": prepared.campaign, "by": prepared.staff}
    elsewhere = make_side(BatchFactory(), 1).practice_class
    ours = prepared.ours.practice_class
    assert refusal(actions.form_panel, name="新", classes=[elsewhere], **form) == "wrong_classes"
    assert refusal(actions.form_panel, name="新", classes=[], **form) == "wrong_classes"
    assert refusal(actions.form_panel, name="新", classes=[ours], **form) == "class_taken"
    third = make_side(prepared.batch, 3).practice_class
    assert refusal(actions.form_panel, name="第1评审团", classes=[third], **form) == "panel_exists"


def test_member_from_a_unit_names_it_and_sits_once(prepared: Evaluation) -> None:
    add = {"panel": prepared.ours.panel, "by": prepared.staff}
    user = UserFactory()
    assert refusal(actions.add_panel_member, user=user, kind=PanelMember.Kind.UNIT, **add) == "unit_needed"
    seat = actions.add_panel_member(user=user, kind=PanelMember.Kind.ADVISER, **add)
    assert seat.number == 3
    assert refusal(actions.add_panel_member, user=user, kind=PanelMember.Kind.VILLAGER, **add) == "already_member"


def test_removed_member_scores_no_more_and_the_number_stays_used(open_one: Evaluation) -> None:
    side = open_one.ours
    draft = open_one.score(side.people[0], side.official, Scorer.PANEL, cast=False)
    remove = {"member": side.seats[side.official.pk], "by": open_one.staff}
    assert refusal(actions.remove_panel_member, reason="", **remove) == "reason_needed"
    actions.remove_panel_member(reason="调走", **remove)
    draft.refresh_from_db()
    assert draft.state == Review.State.VOID
    with pytest.raises(DomainError) as refused:
        open_one.score(side.people[0], side.official, Scorer.PANEL)
    assert refused.value.code == "not_yours"
    add = {"panel": side.panel, "kind": PanelMember.Kind.VILLAGER, "by": open_one.staff}
    assert actions.add_panel_member(user=side.official, **add).number == 3


def test_member_who_handed_in_is_not_removed(open_one: Evaluation) -> None:
    side = open_one.ours
    review = open_one.score(side.people[0], side.official, Scorer.PANEL)
    remove = {"member": side.seats[side.official.pk], "by": open_one.staff, "reason": "调走"}
    assert refusal(actions.remove_panel_member, **remove) == "already_cast"
    actions.void_review(review=review, by=open_one.staff, reason="调走")
    actions.remove_panel_member(**remove)
    assert not PanelMember.objects.get(pk=side.seats[side.official.pk].pk).live


def test_class_that_a_panel_began_to_score_stays_with_it(open_one: Evaluation) -> None:
    side, third = open_one.ours, make_side(open_one.batch, 3).practice_class
    change = {"panel": side.panel, "name": "第1评审团", "by": open_one.staff}
    open_one.score(side.people[0], side.villager, Scorer.PANEL)
    assert refusal(actions.change_panel, classes=[third], **change) == "sheets_begun"
    actions.change_panel(classes=[side.practice_class, third], **change)
    assert [row.number for row in side.panel.classes.order_by("number")] == [1, 3]


def test_panel_is_dissolved_only_while_nobody_sat_on_it(prepared: Evaluation) -> None:
    assert refusal(actions.dissolve_panel, panel=prepared.ours.panel, by=prepared.staff) == "panel_has_members"
    third = make_side(prepared.batch, 3).practice_class
    panel = actions.form_panel(campaign=prepared.campaign, name="第3评审团", classes=[third], by=prepared.staff)
    actions.dissolve_panel(panel=panel, by=prepared.staff)
    assert prepared.campaign.panels.count() == 2


def test_panels_and_recusals_are_fixed_once_frozen(open_one: Evaluation) -> None:
    side, by = open_one.ours, open_one.staff
    recusal = actions.recuse(
        member=side.seats[side.villager.pk], enrollment=side.people[0], reason="亲戚", by=side.villager
    )
    open_one.advance("freeze")
    seat = side.seats[side.official.pk]
    codes = {
        refusal(actions.form_panel, campaign=open_one.campaign, name="新", classes=[side.practice_class], by=by),
        refusal(actions.change_panel, panel=side.panel, name="新", classes=[side.practice_class], by=by),
        refusal(actions.add_panel_member, panel=side.panel, user=UserFactory(), kind="villager", by=by),
        refusal(actions.remove_panel_member, member=seat, by=by, reason="调走"),
        refusal(actions.recuse, member=seat, enrollment=side.people[1], reason="亲戚", by=by),
        refusal(actions.withdraw_recusal, recusal=recusal, by=by, reason="点错"),
    }
    assert codes == {"not_open"}


def test_trail_names_the_acts_and_holds_no_scores(open_one: Evaluation) -> None:
    open_one.score(open_one.ours.people[0], open_one.ours.mentor, Scorer.MENTOR, 73)
    entry = AuditEntry.objects.get(act="cast_review")
    assert json.loads(entry.data) == {"scorer": "mentor", "user": open_one.ours.mentor.pk}
