"""From an input to a plan: the steps one after another, and the plan put together."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from . import steps
from .control import Control, OnBest, Progress, ShouldStop
from .formats import Document, require_valid
from .problem import Problem
from .versions import PLANNER_VERSION, versions

__all__ = ["ALL_STAGES", "PLANNER_VERSION", "PREFERENCES", "run_all", "solve", "versions"]

ALL_STAGES = steps.ALL_STAGES
PREFERENCES = ("kept", "seats")


def solve(
    document: Document,
    *,
    seed: int = 1,
    stages: Sequence[int] = ALL_STAGES,
    prefer: str = "kept",
    progress: Progress | None = None,
    should_stop: ShouldStop | None = None,
    on_best: OnBest | None = None,
) -> Document:
    """Plan an input as far as the stages asked for: (1,), (1, 2), (1, 2, 3) or all four.

    With a previous plan in the input as little as possible changes; `prefer` says what comes first: "kept" keeps
    published seats and gatherings, "seats" fills seats and holds gatherings.
    `progress(stage, fraction, message)` is told the stage, the part of it that is done (0 to 1) and a sentence for
    people; `on_best(stage, batch, level, value, bound)` the best so far of a level whenever one is settled (batch None:
    of the whole); `should_stop()` is asked between solver calls, and when true Stopped is raised.
    Raises InputError, naming the field, for a document that is not a valid input.
    """
    if tuple(stages) not in {ALL_STAGES[:n] for n in (1, 2, 3, 4)}:
        raise ValueError("stages must be 1, 1-2, 1-3 or 1-4")
    if prefer not in PREFERENCES:
        raise ValueError("prefer must be kept or seats")
    require_valid(document)
    problem = Problem(document, prefer)
    return steps.put_together(
        problem, run_all(problem, seed, stages, Control(progress, should_stop, on_best)), seed, stages
    )


def run_all(problem: Problem, seed: int, stages: Sequence[int], control: Control) -> dict[str, Any]:
    """The results of all steps, run in order."""
    done: dict[str, Any] = {}
    while left := [name for name in steps.every(problem.document, done, stages) if name not in done]:
        counts = Counter(map(steps.stage_of, left))
        reached: Counter[int] = Counter()
        for name in left:
            stage = steps.stage_of(name)
            control.within(reached[stage], counts[stage], steps.batch_of(name))
            done[name] = steps.do(problem, name, done, seed, control)
            reached[stage] += 1
        control.step(max(counts), 1.0)
    return done
