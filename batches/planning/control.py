"""Telling how far the planner is, and stopping it between two solver calls."""

from collections.abc import Callable
from typing import Any

Progress = Callable[[int, float, str], None]
ShouldStop = Callable[[], bool]
OnBest = Callable[[int, str | None, str, float, float | None], None]


class Stopped(Exception):
    """The caller asked to stop; nothing of the unfinished plan is kept."""

    def __init__(self) -> None:
        super().__init__("排班已停止")


class Control:
    """What the stages talk to: progress and the best so far out, the wish to stop in.

    Fractions that the stages tell are of one step of the work; `within` says which of how many steps it is.
    """

    NAMES = {1: "期次", 2: "分班", 3: "基地与日期", 4: "住宿"}

    def __init__(
        self,
        progress: Progress | None = None,
        should_stop: ShouldStop | None = None,
        on_best: OnBest | None = None,
    ):
        self._progress = progress
        self._should_stop = should_stop
        self._on_best = on_best
        self._reached = (0, 0.0)
        self._part = (0, 1)
        self._batch: str | None = None

    def within(self, number: int, count: int, batch: str | None = None) -> None:
        """The step that follows is the one with this number (from 0) of so many of its stage; it is of that batch."""
        self._part = (number, max(1, count))
        self._batch = batch

    def step(self, stage: int, fraction: float | None, detail: str = "") -> None:
        """Report the part of the step that is done (0 to 1, None: as before); raise Stopped when the caller wishes so."""
        reached = self._reached[1] if self._reached[0] == stage else 0.0
        done = reached if fraction is None else (self._part[0] + min(1.0, fraction)) / self._part[1]
        self._reached = (stage, max(reached, min(1.0, done)))
        if self._should_stop is not None and self._should_stop():
            raise Stopped
        if self._progress is not None:
            tail = f"：{detail}" if detail else ""
            self._progress(*self._reached, f"正在排第 {stage} 步“{self.NAMES[stage]}”{tail}")

    def best(self, stage: int, name: str, value: float, bound: float | None) -> None:
        """Tell the best value found so far of a level of the present batch (stage 1: of all), and what bounds it."""
        if self._on_best is not None:
            self._on_best(stage, self._batch, name, value, bound)


def level(stage: int, name: str, value: float, bound: float | None) -> dict[str, Any]:
    """One line of the objective vector, with its gap."""
    gap = None if bound is None else round(abs(value - bound) / max(1.0, abs(value)), 9)
    return {"stage": stage, "level": name, "value": value, "bound": bound, "gap": gap}
