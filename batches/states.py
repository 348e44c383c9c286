"""The course of a batch as data: which act leads from which states to which."""

from dataclasses import dataclass

from batches.models import Batch
from batches.revision import locked_batch
from config.errors import DomainError

S = Batch.State


@dataclass(frozen=True)
class Transition:
    """An act on a batch: its Chinese name, the states it starts from, and the state it leads to ("": it stays)."""

    name: str
    sources: tuple[str, ...]
    target: str


TRANSITIONS: dict[str, Transition] = {
    "propose": Transition("生成名单建议", (S.DRAFT, S.PROPOSED), S.PROPOSED),
    "open_nominations": Transition("开始报名", (S.PROPOSED, S.PLANNED), S.NOMINATING),
    "plan": Transition("编排", (S.NOMINATING, S.PLANNED), S.PLANNED),
    "publish": Transition("发布", (S.PLANNED,), S.PUBLISHED),
    "republish": Transition("发布新的一版", (S.PUBLISHED, S.RUNNING), ""),
    "withdraw": Transition("撤回发布", (S.PUBLISHED,), S.PLANNED),
    "start": Transition("开始实践", (S.PUBLISHED,), S.RUNNING),
    "evaluate": Transition("开始评审", (S.RUNNING,), S.EVALUATING),
    "resume": Transition("退回实践中", (S.EVALUATING,), S.RUNNING),
    "close": Transition("归档", (S.EVALUATING,), S.CLOSED),
    "reopen": Transition("重新打开", (S.CLOSED,), S.EVALUATING),
}

COURSE = (S.DRAFT, S.NOMINATING, S.PLANNED, S.PUBLISHED, S.RUNNING, S.EVALUATING, S.CLOSED)
"""The seven steps that pages show; 名单建议 belongs to 筹备."""
PLANNABLE = TRANSITIONS["plan"].sources
OPEN = (S.DRAFT, S.PROPOSED, S.NOMINATING)
"""States in which a batch follows the newest rules."""
LIVE = (S.PUBLISHED, S.RUNNING, S.EVALUATING, S.CLOSED)
"""States in which a plan is in force."""
UNDER_WAY = (S.PUBLISHED, S.RUNNING, S.EVALUATING)
"""States in which a plan is in force and nothing is sealed yet."""
CHANGING = TRANSITIONS["republish"].sources
"""States in which people and gatherings of a plan in force still change."""


def allowed(batch: Batch, act: str) -> bool:
    return batch.state in TRANSITIONS[act].sources


def changeable(batch: Batch) -> bool:
    """Whether plans of the batch still lead anywhere: before publication, and while a new version may follow."""
    return allowed(batch, "plan") or allowed(batch, "republish")


def require(batch: Batch, act: str) -> None:
    """Raise DomainError when the act does not fit the batch's state."""
    transition = TRANSITIONS[act]
    if batch.state not in transition.sources:
        needed = "、".join(S(source).label for source in transition.sources)
        raise DomainError(
            "illegal_transition",
            f"{batch}现在是“{batch.get_state_display()}”，不能{transition.name}。要先到“{needed}”。",
        )


def advance(batch: Batch, act: str, *, reason: str = "") -> None:
    """Lock the batch, check the act against its present state, and set the new one. Call within an act's transaction."""
    locked = locked_batch(batch)
    require(locked, act)
    locked.state = TRANSITIONS[act].target or locked.state
    locked.state_reason = reason
    locked.save(update_fields=["state", "state_reason"])
    batch.state, batch.state_reason = locked.state, locked.state_reason
