"""The course of a campaign: prepared, opened, frozen, reopened, made final; and reminding those who still score."""

import datetime

from django.utils import timezone

from accounts import audit
from accounts.models import User
from batches.models import Batch
from batches.revision import locked_batch
from config.errors import DomainError
from evaluations import states
from evaluations.candidates import candidates
from evaluations.duties import duties_of
from evaluations.models import Campaign, PanelMember, Review, Rubric, Scorer
from office.actions import notify

UNCHANGED = (Campaign.State.DRAFT, Campaign.State.OPEN)
"""States in which the last day of scoring may still be moved."""


def create_campaign(*, batch: Batch, rubric: Rubric, by: User, closes_on: datetime.date | None = None) -> Campaign:
    """Prepare the evaluation of a batch that is running or being evaluated; one a batch. The rubric is pinned by it.

    `closes_on` is the last day on which scorers hand in; without it they may until the campaign is frozen.
    """
    if batch.state not in (Batch.State.RUNNING, Batch.State.EVALUATING):
        raise DomainError("not_running", f"{batch}还没有开始实践，不能准备评审。")
    _require_coming(closes_on)
    with audit.act("create_campaign", by=by) as entry:
        locked = locked_batch(batch)
        if Campaign.objects.filter(batch=locked).exists():
            raise DomainError("campaign_exists", f"{batch}的评审已经建立。")
        campaign = Campaign.objects.create(batch=batch, rubric=rubric, closes_on=closes_on)
        entry.about(campaign)
    return campaign


def change_campaign(*, campaign: Campaign, rubric: Rubric, closes_on: datetime.date | None, by: User) -> None:
    """Choose another rubric before scoring begins, and move the last day of scoring until it is frozen."""
    _require_coming(closes_on)
    with audit.act("change_campaign", by=by, subject=campaign):
        locked = Campaign.objects.select_for_update().get(pk=campaign.pk)
        if locked.state not in UNCHANGED:
            raise DomainError("not_open", f"{campaign}{locked.get_state_display()}，不能再改。要改请先重新开放评分。")
        if rubric.pk != locked.rubric_id and locked.state != Campaign.State.DRAFT:
            raise DomainError("rubric_pinned", "已经开始评分，不能换评分表。还没有人评的，可以先退回筹备。")
        locked.rubric, locked.closes_on = rubric, closes_on
        locked.save(update_fields=["rubric", "closes_on"])
        campaign.rubric, campaign.closes_on = rubric, closes_on


def _require_coming(closes_on: datetime.date | None) -> None:
    if closes_on is not None and closes_on < timezone.localdate():
        raise DomainError("day_gone", f"截止日期 {closes_on} 已经过了。请选今天或以后的日期。")


def advance_campaign(*, campaign: Campaign, act: str, by: User, reason: str = "") -> None:
    """open, take_back, freeze, reopen or finalise; computing has its own action.

    Opening needs the batch in 评审中 and a panel with a villager on it for each class; scorers are told. Taking back needs
    that nobody has begun. Reopening drops a last day that has passed. Finalising needs every tie decided; cadres are told.
    """
    with audit.act(f"{act}_campaign", by=by, subject=campaign, reason=reason):
        states.advance(campaign, act, reason=reason)
        AFTER.get(act, lambda _: None)(campaign)


def _opened(campaign: Campaign) -> None:
    if campaign.batch.state != Batch.State.EVALUATING:
        raise DomainError("batch_not_evaluating", f"{campaign.batch}还没有转入“评审中”。请先在期的页面开始评审。")
    if campaign.rubric.criteria.filter(scorer=Scorer.PANEL).exists():
        _require_panels(campaign)
    campaign.opens_on = timezone.localdate()
    campaign.save(update_fields=["opens_on"])
    until = f"，到 {campaign.closes_on} 为止" if campaign.closes_on else ""
    notify(
        addressees={duty.user.pk: duty.user for duty in duties_of([campaign])}.values(),
        subject=f"{campaign}开始评分", text=f"请到“评审”里评分{until}。先存着的不算交。", url="/evaluations/",
    )  # fmt: skip


def _require_panels(campaign: Campaign) -> None:
    seats = PanelMember.objects.filter(panel__campaign=campaign, live=True)
    for code, found, cure in (
        ("no_panel", seats, "还没有评审团。请先建评审团并加评审员。"),
        ("no_villager", seats.filter(kind=PanelMember.Kind.VILLAGER), "的评审团里没有群众。请至少加一名群众评审员。"),
    ):
        covered = found.values("panel__classes")
        classes = campaign.batch.classes.exclude(pk__in=covered.filter(panel__classes__isnull=False))
        if missing := "、".join(row.short_name for row in classes.order_by("number")):
            raise DomainError(code, f"{missing}{cure}")


def _taken_back(campaign: Campaign) -> None:
    if campaign.reviews.exclude(state=Review.State.VOID).exists():
        raise DomainError("sheets_begun", "已经有人评分，不能退回筹备。要停下来可以截止评分。")


def _reopened(campaign: Campaign) -> None:
    if campaign.closes_on and campaign.closes_on < timezone.localdate():
        campaign.closes_on = None
        campaign.save(update_fields=["closes_on"])


def _finalised(campaign: Campaign) -> None:
    if campaign.results.filter(tied=True).exists():
        raise DomainError("ties_open", "还有同分待评审团议定的人。请先在结果页逐个定等次。")
    if campaign.results.count() != candidates(campaign).count():
        raise DomainError("results_stale", "计算结果以后名单有变动。请重新计算，再定为最终结果。")
    notify(
        addressees=[row.enrollment.cadre.user for row in campaign.results.select_related("enrollment__cadre__user")],
        subject=f"{campaign}结果已定", text="您的等次可以在“评审”里看。有疑问请联系服务中心。", url="/evaluations/",
    )  # fmt: skip


AFTER = {"open": _opened, "take_back": _taken_back, "reopen": _reopened, "finalise": _finalised}
"""What an act asks for and causes beside the change of state, within its transaction."""


def remind_scorers(*, campaign: Campaign, by: User) -> int:
    """One notice to each who still has sheets to hand in, with how many; returns to how many people."""
    if campaign.state != Campaign.State.OPEN:
        raise DomainError("not_open", f"{campaign}现在不在评分中，不用催。")
    left: dict[User, int] = {}
    for duty in duties_of([campaign]):
        if count := duty.progress.left:
            left[duty.user] = left.get(duty.user, 0) + count
    if not left:
        raise DomainError("nobody_left", "该评的都评完了，不用催。可以截止评分。")
    until = f"请在 {campaign.closes_on} 以前评完。" if campaign.closes_on else "请尽快评完。"
    with audit.act("remind_scorers", by=by, subject=campaign, people=len(left)):
        for user, count in left.items():
            notify(
                addressees=[user], subject=f"{campaign}还有 {count} 人没评", text=f"{until}先存着的不算交。",
                url="/evaluations/",
            )  # fmt: skip
    return len(left)
