"""The course of an import, as data: which act starts from which states and leads where."""

from dataclasses import dataclass

from cadres.models import RosterImport
from config.errors import Conflict

State = RosterImport.State


@dataclass(frozen=True)
class Transition:
    """An act on an import: its Chinese name, the states it starts from, and the state it leads to."""

    label: str
    sources: tuple[RosterImport.State, ...]
    target: RosterImport.State


IMPORT: dict[str, Transition] = {
    "preview": Transition("核对", (State.READING,), State.PREVIEWED),
    "give_up_reading": Transition("核对", (State.READING,), State.UNREADABLE),
    "read_again": Transition("重新核对", (State.READING, State.PREVIEWED), State.READING),
    "commit": Transition("写入", (State.PREVIEWED,), State.COMMITTED),
    "discard": Transition("放弃", (State.READING, State.UNREADABLE, State.PREVIEWED), State.DISCARDED),
    "revert": Transition("撤回", (State.COMMITTED,), State.REVERTED),
}


def transition(act: str, state: str) -> Transition:
    """The transition of an act from a state; raises Conflict("illegal_transition") where the table has none."""
    found = IMPORT[act]
    if state not in found.sources:
        raise Conflict(
            "illegal_transition",
            f"这次导入现在是“{State(state).label}”，不能{found.label}。可能别人刚办过，请回到导入列表看最新状态。",
        )
    return found
