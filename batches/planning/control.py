"""Telling how far the planner is, and stopping it between two solver calls."""

from collections.abc import Callable
from typing import Any

Progress = Callable[[int, float, str], None]
ShouldStop = Callable[[], bool]


class Stopped(Exception):
    """The caller asked to stop; nothing of the unfinished plan is kept."""

    def __init__(self) -> None:
        super().__init__("排班已停止")


class Control:
    """What the stages talk to: progress out, the wish to stop in."""

    NAMES = {1: "期次", 2: "分班", 3: "基地与日期", 4: "住宿"}

    def __init__(self, progress: Progress | None = None, should_stop: ShouldStop | None = None):
        self._progress = progress
        self._should_stop = should_stop
        self._reached = (0, 0.0)

    def step(self, stage: int, fraction: float | None, detail: str = "") -> None:
        """Report the part of the stage that is done (0 to 1, None: as before); raise Stopped when the caller wishes so."""
        reached = self._reached[1] if self._reached[0] == stage else 0.0
        fraction = reached if fraction is None else max(reached, min(1.0, fraction))
        self._reached = (stage, fraction)
        if self._should_stop is not None and self._should_stop():
            raise Stopped
        if self._progress is not None:
            tail = f"：{detail}" if detail else ""
            self._progress(stage, fraction, f"正在排第 {stage} 步“{self.NAMES[stage]}”{tail}")


def level(stage: int, name: str, value: float, bound: float | None) -> dict[str, Any]:
    """One line of the objective vector, with its gap."""
    gap = None if bound is None else round(abs(value - bound) / max(1.0, abs(value)), 9)
    return {"stage": stage, "level": name, "value": value, "bound": bound, "gap": gap}
