"""The course of a campaign as data."""

from dataclasses import dataclass

from config.errors import DomainError
from evaluations.models import Campaign

S = Campaign.State


@dataclass(frozen=True)
class Transition:
    """An act on a campaign: its Chinese name, the states it starts from, where it leads, and whether it needs a reason."""

    name: str
    sources: tuple[str, ...]
    target: str
    needs_reason: bool = False


TRANSITIONS: dict[str, Transition] = {
    "open": Transition("开始评分", (S.DRAFT,), S.OPEN),
    "take_back": Transition("退回筹备", (S.OPEN,), S.DRAFT, needs_reason=True),
    "freeze": Transition("截止评分", (S.OPEN,), S.FROZEN),
    "reopen": Transition("重新开放评分", (S.FROZEN, S.COMPUTED), S.OPEN, needs_reason=True),
    "compute": Transition("计算结果", (S.FROZEN, S.COMPUTED), S.COMPUTED),
    "finalise": Transition("定为最终结果", (S.COMPUTED,), S.FINAL),
}

COURSE = (S.DRAFT, S.OPEN, S.FROZEN, S.COMPUTED, S.FINAL)
"""The states in the order in which a campaign goes through them."""


def allowed(campaign: Campaign, act: str) -> bool:
    return campaign.state in TRANSITIONS[act].sources


def advance(campaign: Campaign, act: str, *, reason: str = "") -> None:
    """Lock the campaign, check the act, set the new state. Call within an act's transaction."""
    transition = TRANSITIONS[act]
    locked = Campaign.objects.select_for_update().get(pk=campaign.pk)
    if locked.state not in transition.sources:
        needed = "、".join(S(source).label for source in transition.sources)
        raise DomainError(
            "illegal_transition",
            f"{campaign}现在是“{locked.get_state_display()}”，不能{transition.name}。要先到“{needed}”。",
        )
    if transition.needs_reason and not reason.strip():
        raise DomainError("reason_needed", f"请写明{transition.name}的原因，会记入审计。")
    locked.state, locked.state_reason = transition.target, reason[:200]
    locked.save(update_fields=["state", "state_reason"])
    campaign.state, campaign.state_reason = locked.state, locked.state_reason
