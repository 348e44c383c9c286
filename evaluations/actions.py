"""The evaluation of a batch: rubric, panels, score sheets, recusals, results."""

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from django.utils import timezone

from accounts import audit
from accounts.models import User
from batches.models import Batch, Enrollment, PracticeClass
from config.errors import Conflict, DomainError
from evaluations import results, states
from evaluations.models import Campaign, Criterion, Panel, PanelMember, Recusal, Result, Review, Rubric, Score, Scorer
from evaluations.queries import candidates, class_of, recusals_of, seat_of, to_score
from office.actions import notify

DEFAULT_CRITERIA = (
    ("在村表现", "守作息、不添麻烦、肯出力", 20, Scorer.MENTOR),
    ("实践过程", "五个一、请假、材料", 20, Scorer.HEAD_TEACHER),
    ("现场问答", "听得懂、答得实，说得出村里的人和事", 25, Scorer.PANEL),
    ("村情与报告", "报告有数据、有办法，村里用得上", 20, Scorer.PANEL),
    ("为民办事", "办的事群众要、办得成、留得住", 15, Scorer.PANEL),
)
"""A first score sheet for an empty county: name, what is looked at, weight in percent, who scores."""


def save_rubric(*, rubric: Rubric, criteria: list[dict[str, Any]], by: User) -> Rubric:
    """Save a score sheet with its criteria (name, description, weight, scorer, in this order).

    Weights must sum to 100. A sheet that a campaign uses stays as it is; the change becomes its next version.
    """
    total = sum(line["weight"] for line in criteria)
    if total != 100:
        raise DomainError("weights_not_100", f"各项占比合计 {total}%，应为 100%。请调整后再存。")
    if len({line["name"] for line in criteria}) != len(criteria):
        raise DomainError("criterion_twice", "有两个评分项同名。请改成不同的名称。")
    with audit.act("save_rubric", by=by) as entry:
        if rubric.pk and rubric.campaigns.exists():
            newest = Rubric.objects.filter(name=rubric.name).order_by("-version").first()
            rubric = Rubric(name=rubric.name, version=(newest.version if newest else 0) + 1)
        rubric.save()
        rubric.criteria.all().delete()
        Criterion.objects.bulk_create(
            Criterion(rubric=rubric, order=order, **line) for order, line in enumerate(criteria, start=1)
        )
        entry.about(rubric)
    return rubric


def default_rubric(*, by: User) -> Rubric:
    """The first score sheet of an empty county."""
    lines = [
        {"name": name, "description": text, "weight": weight, "scorer": scorer}
        for name, text, weight, scorer in DEFAULT_CRITERIA
    ]
    return save_rubric(rubric=Rubric(name="实践评分表"), criteria=lines, by=by)


def create_campaign(*, batch: Batch, rubric: Rubric, by: User) -> Campaign:
    """Prepare the evaluation of a batch that is running or being evaluated; one a batch."""
    if batch.state not in (Batch.State.RUNNING, Batch.State.EVALUATING):
        raise DomainError("not_running", f"{batch}还没有开始实践，不能准备评审。")
    if Campaign.objects.filter(batch=batch).exists():
        raise DomainError("campaign_exists", f"{batch}的评审已经建立。")
    with audit.act("create_campaign", by=by) as entry:
        campaign = Campaign.objects.create(batch=batch, rubric=rubric)
        entry.about(campaign)
    return campaign


def advance_campaign(*, campaign: Campaign, act: str, by: User, reason: str = "") -> None:
    """open, freeze, reopen or finalise; computing has its own action.

    Opening needs the batch in 评审中, and somebody to score each criterion. Finalising needs every tie decided.
    """
    with audit.act(f"{act}_campaign", by=by, subject=campaign, reason=reason):
        states.advance(campaign, act, reason=reason)
        if act == "open":
            _require_scorers(campaign)
        if act == "finalise" and campaign.results.filter(tied=True).exists():
            raise DomainError("ties_open", "还有同分待评审团议定的人。请先在结果页逐个定等次。")


def _require_scorers(campaign: Campaign) -> None:
    if campaign.batch.state != Batch.State.EVALUATING:
        raise DomainError("batch_not_evaluating", f"{campaign.batch}还没有转入“评审中”。请先在期的页面开始评审。")
    if campaign.rubric.criteria.filter(scorer=Scorer.PANEL).exists():
        classes = campaign.batch.classes.exclude(panels__campaign=campaign, panels__members__isnull=False)
        if missing := "、".join(row.short_name for row in classes.order_by("number")):
            raise DomainError("no_panel", f"{missing}还没有评审团。请先建评审团并加评审员。")


def form_panel(*, campaign: Campaign, name: str, classes: list[PracticeClass], by: User) -> Panel:
    """A panel for some of the batch's classes."""
    if any(row.batch_id != campaign.batch_id for row in classes) or not classes:
        raise DomainError("wrong_classes", "请选这一期的班，至少一个。")
    if campaign.panels.filter(name=name).exists():
        raise DomainError("panel_exists", f"已经有“{name}”。请换个名称。")
    with audit.act("form_panel", by=by) as entry:
        panel = Panel.objects.create(campaign=campaign, name=name)
        panel.classes.set(classes)
        entry.about(panel)
    return panel


def add_panel_member(
    *, panel: Panel, user: User, kind: str, by: User, unit: Any = None, household: Any = None
) -> PanelMember:
    """A seat with the next number. The unit or household is what recusal is found by."""
    with audit.act("add_panel_member", by=by, subject=panel, user=user.pk):
        locked = Panel.objects.select_for_update().get(pk=panel.pk)
        if locked.members.filter(user=user).exists():
            raise DomainError("already_member", f"{user}已经是“{panel}”的评审员。")
        last = locked.members.order_by("-number").first()
        return PanelMember.objects.create(
            panel=locked, number=last.number + 1 if last else 1, user=user, kind=kind, unit=unit, household=household
        )


def recuse(*, member: PanelMember, enrollment: Enrollment, reason: str, by: User) -> Recusal:
    """A member declares not to score somebody; a sheet not yet handed in is given up."""
    if not reason.strip():
        raise DomainError("reason_needed", "请写一句回避的原因，例如“亲戚”。")
    with audit.act("recuse", by=by, subject=enrollment, reason=reason, member=member.number):
        campaign = member.panel.campaign
        sheets = Review.objects.filter(campaign=campaign, enrollment=enrollment, member=member)
        if sheets.filter(state=Review.State.CAST).exists():
            raise DomainError("already_cast", "这张表已经交了。要回避请联系服务中心先作废。")
        sheets.filter(state=Review.State.DRAFT).update(state=Review.State.VOID, void_reason="申请回避")
        recusal, _ = Recusal.objects.get_or_create(member=member, enrollment=enrollment, defaults={"reason": reason})
    return recusal


def save_review(
    *, campaign: Campaign, enrollment: Enrollment, user: User, scorer: str, values: Mapping[int, int], comment: str,
    cast: bool, by: User, reason: str = "",
) -> Review:  # fmt: skip
    """Keep a score sheet as a draft, or hand it in for good (`cast`). `values`: criterion pk → 0–100.

    `by` differs from `user` only where centre staff key in a paper sheet. Handing in the same sheet twice answers with the
    first. Raises DomainError for scoring that is not open, not one's own to score, recused, incomplete, or out of range.
    """
    act = "cast_review" if cast else "draft_review"
    with audit.act(act, by=by, subject=enrollment, reason=reason, scorer=scorer, user=user.pk):
        locked = Campaign.objects.select_for_update().get(pk=campaign.pk)
        if locked.state != Campaign.State.OPEN:
            raise DomainError("not_open", f"{campaign}现在不能评分（{locked.get_state_display()}）。")
        member = _require_right(campaign, enrollment, user, scorer)
        criteria = {row.pk: row for row in campaign.rubric.criteria.filter(scorer=scorer)}
        _require_values(criteria, values, cast)
        review, _ = Review.objects.exclude(state=Review.State.VOID).get_or_create(
            campaign=campaign, enrollment=enrollment, user=user, scorer=scorer, defaults={"member": member}
        )
        if review.state == Review.State.CAST:
            same = {row.criterion_id: row.value for row in review.scores.all()} == dict(values)
            if cast and same:
                return review
            raise Conflict("already_cast", "这张表已经交了，不能再改。要改请联系服务中心先作废。")
        for pk, value in values.items():
            Score.objects.update_or_create(review=review, criterion=criteria[pk], defaults={"value": value})
        review.comment = comment
        if cast:
            review.state, review.cast_at = Review.State.CAST, timezone.now()
        review.save()
    return review


def _require_right(campaign: Campaign, enrollment: Enrollment, user: User, scorer: str) -> PanelMember | None:
    if enrollment.cadre.user_id == user.pk:
        raise DomainError("own_score", "不能给自己评分。")
    if not to_score(campaign, user, scorer).filter(pk=enrollment.pk).exists():
        raise DomainError("not_yours", f"{enrollment.cadre}不在{user}要评的名单里。")
    if scorer != Scorer.PANEL:
        return None
    member = seat_of(campaign, user, enrollment)
    if member is None:
        raise DomainError("no_seat", f"{user}不是这个班的评审员。")
    if reason := recusals_of(member, [enrollment]).get(enrollment.pk):
        raise DomainError("recused", f"您要回避{enrollment.cadre}（{reason}），不能评分。")
    return member


def _require_values(criteria: Mapping[int, Criterion], values: Mapping[int, int], cast: bool) -> None:
    if foreign := set(values) - set(criteria):
        raise DomainError("foreign_criterion", f"有 {len(foreign)} 项不归您评。请刷新页面重填。")
    for pk, value in values.items():
        if not 0 <= value <= 100:
            raise DomainError("out_of_range", f"“{criteria[pk]}”要在 0 至 100 之间，填的是 {value}。")
    if cast and (missing := [row.name for pk, row in criteria.items() if pk not in values]):
        raise DomainError("incomplete", f"还有{'、'.join(missing)}没有评。评完再交，或先存着。")


def void_review(*, review: Review, by: User, reason: str) -> None:
    """Set a sheet that was handed in aside, with its reason; the scorer can hand in another while scoring is open."""
    if not reason.strip():
        raise DomainError("reason_needed", "请写明作废的原因，会记入审计。")
    with audit.act("void_review", by=by, subject=review.enrollment, reason=reason, review=review.pk):
        locked = Campaign.objects.select_for_update().get(pk=review.campaign_id)
        if locked.state != Campaign.State.OPEN:
            raise DomainError("not_open", "评分已经截止，不能作废。要改请先重新开放评分。")
        Review.objects.filter(pk=review.pk).update(state=Review.State.VOID, void_reason=reason)


def compute_results(*, campaign: Campaign, by: User) -> int:
    """Compute everybody's result from the sheets handed in; may be repeated until final. Returns how many have a score."""
    with audit.act("compute_results", by=by, subject=campaign) as entry:
        states.advance(campaign, "compute")
        people = list(candidates(campaign))
        lines = [
            results.Line(row.pk, row.name, row.weight, row.scorer) for row in campaign.rubric.criteria.order_by("order")
        ]
        sheets: dict[int, dict[int, list[int]]] = defaultdict(lambda: defaultdict(list))
        rows = Score.objects.filter(review__campaign=campaign, review__state=Review.State.CAST)
        for enrollment, criterion, value in rows.values_list("review__enrollment", "criterion", "value"):
            sheets[enrollment][criterion].append(value)
        classes = {pk: row.pk for pk, row in class_of(people).items()}
        outcomes = {row.pk: results.weigh(lines, sheets[row.pk]) for row in people if row.pk in classes}
        results.grade(outcomes, classes, campaign.batch.programme.excellent_percent)
        campaign.results.exclude(enrollment__in=list(outcomes)).delete()
        for pk, outcome in outcomes.items():
            Result.objects.update_or_create(
                campaign=campaign, enrollment_id=pk,
                defaults={
                    "score": outcome.score, "details": outcome.details, "missing": outcome.missing, "grade": outcome.grade,
                    "tied": outcome.tied, "computed_at": timezone.now(),
                },
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
        if campaign.state != Campaign.State.COMPUTED or not fresh.tied:
            raise DomainError("not_tied", f"{fresh.enrollment}不是待议定的同分，或结果已定。")
        if excellent:
            _require_excellent_place(campaign, fresh)
            fresh.grade = Result.Grade.EXCELLENT
        fresh.tied = False
        fresh.save()


def _require_excellent_place(campaign: Campaign, result: Result) -> None:
    rows = list(campaign.results.select_related("enrollment"))
    classes = class_of([row.enrollment for row in rows])
    mine = classes[result.enrollment_id].pk
    mates = [row for row in rows if classes[row.enrollment_id].pk == mine]
    places = results.quota(len(mates), campaign.batch.programme.excellent_percent)
    if sum(row.grade == Result.Grade.EXCELLENT for row in mates) >= places:
        raise DomainError("quota_full", f"{classes[result.enrollment_id].short_name}“优秀”最多 {places} 人，已满。")


def remind_scorers(*, campaign: Campaign, users: list[User], by: User) -> None:
    """One notice to each who still has sheets to hand in."""
    with audit.act("remind_scorers", by=by, subject=campaign, people=len(users)):
        notify(addressees=users, subject=f"{campaign}还有评分没交", text="请在截止前评完。", url="/evaluations/")
