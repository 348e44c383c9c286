"""From an input to a plan: the stages in order, and the plan put together."""

import platform
from collections.abc import Sequence
from importlib.metadata import version
from typing import Any

import numpy as np
import scipy

from . import stage1_batches, stage2_classes, stage3_itinerary, stage4_lodging
from .control import Control, Progress, ShouldStop
from .formats import PLAN_FORMAT, Document, fingerprint, require_valid
from .problem import Problem, class_members
from .statements import Shortfalls, gathering_rows, held_by_class, moves, unassigned

PLANNER_VERSION = "dunmiao/1"
ALL_STAGES = (1, 2, 3, 4)


def solve(
    document: Document,
    *,
    seed: int = 1,
    stages: Sequence[int] = ALL_STAGES,
    progress: Progress | None = None,
    should_stop: ShouldStop | None = None,
) -> Document:
    """Plan an input as far as the stages asked for: (1,), (1, 2), (1, 2, 3) or all four.

    `progress(stage, fraction, message)` is told the stage, the part of it that is done (0 to 1) and a sentence for
    people; `should_stop()` is asked between solver calls, and when true Stopped is raised.
    Raises InputError, naming the field, for a document that is not a valid input.
    """
    if tuple(stages) not in {ALL_STAGES[:n] for n in (1, 2, 3, 4)}:
        raise ValueError("stages must be 1, 1-2, 1-3 or 1-4")
    require_valid(document)
    problem = Problem(document)
    control = Control(progress, should_stop)
    places, levels = stage1_batches.solve(problem, seed, control)
    seats: dict[str, str] = {}
    itinerary = stage3_itinerary.Itinerary()
    lodging: list[dict[str, Any]] = []
    if 2 in stages:
        seats, more = stage2_classes.solve(problem, places, seed, control)
        levels = stage1_batches.after_stage_2(problem, places, levels) + more
    members = class_members(seats)
    if 3 in stages:
        itinerary = stage3_itinerary.solve(problem, members, seed, control)
        levels += itinerary.levels
    if 4 in stages:
        lodging, more = stage4_lodging.solve(problem, members, itinerary.held, seed, control)
        levels += more
        control.step(4, 1.0)
    plan = _written(problem, places, seats, itinerary, lodging, stages)
    plan.update(input_fingerprint=fingerprint(document), seed=seed, versions=versions(), levels=levels)
    return plan


def _written(
    problem: Problem,
    places: dict[str, int],
    seats: dict[str, str],
    itinerary: stage3_itinerary.Itinerary,
    lodging: list[dict[str, Any]],
    stages: Sequence[int],
) -> Document:
    """The decisions as a plan, with what it has to say about itself."""
    shortfalls = Shortfalls(problem, places, class_members(seats), held_by_class(itinerary.held))
    plan: Document = {
        "format": PLAN_FORMAT,
        "stages": list(stages),
        "assignments": [
            {"cadre": name, "batch": problem.batches[places[name]].id, "class": seats.get(name)}
            for name in sorted(places)
        ],
        "unassigned": unassigned(problem, places),
        "gatherings": gathering_rows(problem, itinerary.held, itinerary.skipped) if 3 in stages else [],
        "lodging": lodging,
        "shortfalls": shortfalls.listed(stages),
    }
    plan["moves"] = moves(problem, plan)
    return plan


def versions() -> dict[str, str]:
    """Whatever can change the result."""
    return {
        "planner": PLANNER_VERSION,
        "python": platform.python_version(),
        "ortools": version("ortools"),
        "scipy": scipy.__version__,
        "numpy": np.__version__,
    }
