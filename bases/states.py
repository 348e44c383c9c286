"""The course of a host household's application and admission, as data."""

from dataclasses import dataclass

from bases.models import HostHousehold
from config.errors import DomainError

State = HostHousehold.State


@dataclass(frozen=True)
class Transition:
    """An act that takes a household from one of `sources` to `target`; None where the state stays."""

    label: str
    sources: tuple[HostHousehold.State, ...]
    target: HostHousehold.State | None = None
    reason_needed: bool = False


HOUSEHOLD: dict[str, Transition] = {
    "review": Transition("登记村党组织研判", (State.APPLIED,)),
    "reject": Transition("不予纳入", (State.APPLIED, State.NOTICE), State.REJECTED, reason_needed=True),
    "open_notice": Transition("开始公示", (State.APPLIED,), State.NOTICE),
    "cancel_notice": Transition("撤下公示", (State.NOTICE,), State.APPLIED, reason_needed=True),
    "raise_objection": Transition("登记异议", (State.NOTICE,), reason_needed=True),
    "settle_objection": Transition("了结异议", (State.NOTICE,), reason_needed=True),
    "admit": Transition("纳管", (State.NOTICE,), State.ADMITTED),
    "suspend": Transition("暂停接待", (State.ADMITTED,), State.SUSPENDED, reason_needed=True),
    "resume": Transition("恢复接待", (State.SUSPENDED,), State.ADMITTED),
    "withdraw": Transition(
        "退出",
        (State.APPLIED, State.NOTICE, State.ADMITTED, State.SUSPENDED),
        State.WITHDRAWN,
        reason_needed=True,
    ),
    "reapply": Transition("重新申请", (State.WITHDRAWN, State.REJECTED), State.APPLIED),
}


def transition(act: str, state: str) -> Transition:
    """The transition of an act from a state; raises DomainError("illegal_transition") where the table has none."""
    found = HOUSEHOLD[act]
    if state not in found.sources:
        allowed = "、".join(source.label for source in found.sources)
        raise DomainError(
            "illegal_transition",
            f"这户现在是“{State(state).label}”，不能{found.label}。只有“{allowed}”的农户可以；请刷新页面看最新状态。",
        )
    return found


def acts_from(state: str) -> list[str]:
    """The acts that a household in this state allows, in the table's order."""
    return [act for act, found in HOUSEHOLD.items() if state in found.sources]


def possible_acts(household: HostHousehold) -> list[str]:
    """The acts that the household's state and facts allow now, the next step of its course first."""
    acts = acts_from(household.state)
    if household.state == State.APPLIED:
        acts.remove("open_notice" if household.reviewed_on is None else "review")
    elif household.state == State.NOTICE:
        for act in ("admit", "cancel_notice", "raise_objection") if household.open_objection else ("settle_objection",):
            acts.remove(act)
    first = [act for act in ("settle_objection", "admit", "open_notice", "review", "resume", "reapply") if act in acts]
    return [*first, *(act for act in acts if act not in first)]


def steps_done(household: HostHousehold) -> int:
    """How many of the four steps to admission (applied, reviewed, on notice, admitted) are behind the household."""
    if household.state in (State.ADMITTED, State.SUSPENDED):
        return 4
    if household.state == State.NOTICE:
        return 2
    return 1 if household.reviewed_on is None else 2
