"""The course of records, reflections and reports as data: one table for all three."""

from dataclasses import dataclass

from activities.models import Paper, PaperState
from config.errors import DomainError

S = PaperState


@dataclass(frozen=True)
class Transition:
    """An act on a paper: its Chinese name, the states it starts from, the state it leads to, whether it needs a reason."""

    name: str
    sources: tuple[str, ...]
    target: str
    reason: bool = False


TRANSITIONS: dict[str, Transition] = {
    "submit": Transition("报送", (S.DRAFT, S.RETURNED), S.SUBMITTED),
    "withdraw": Transition("撤回报送", (S.SUBMITTED,), S.DRAFT),
    "accept": Transition("审核通过", (S.SUBMITTED,), S.ACCEPTED),
    "return": Transition("退回", (S.SUBMITTED, S.ACCEPTED), S.RETURNED, reason=True),
    "archive": Transition("归档", (S.ACCEPTED,), S.ARCHIVED),
    "unarchive": Transition("取消归档", (S.ARCHIVED,), S.ACCEPTED, reason=True),
    "void": Transition("作废", (S.DRAFT, S.SUBMITTED, S.RETURNED, S.ACCEPTED), S.VOID, reason=True),
    "restore": Transition("恢复为草稿", (S.VOID,), S.DRAFT, reason=True),
}

EDITABLE = (S.DRAFT, S.RETURNED)
"""States in which the author still writes."""
HANDED_IN = (S.SUBMITTED, S.ACCEPTED, S.ARCHIVED)
"""Nothing is owed any more, unless it is returned."""
COUNTED = (S.ACCEPTED, S.ARCHIVED)
"""What the five ones count as done."""


def allowed(paper: Paper, act: str) -> bool:
    return paper.state in TRANSITIONS[act].sources


def require(paper: Paper, act: str) -> Transition:
    """The transition, or DomainError("illegal_transition") when the act does not fit the paper's state."""
    transition = TRANSITIONS[act]
    if paper.state not in transition.sources:
        needed = "、".join(f"“{S(source).label}”" for source in transition.sources)
        raise DomainError(
            "illegal_transition",
            f"“{paper.title}”现在是“{paper.get_state_display()}”，不能{transition.name}。能{transition.name}的是{needed}。",
        )
    return transition
