"""What a few more changes than the fewest would buy: the moves/quality curve of a changed plan.

Every point is a whole valid plan. The first changes the fewest people and gatherings; the next ones may change 1, 3 and 6
more, spent on the balance of classes first and, as far as that does not use them, on days, bases and journeys. A point
that is no better than the one before is left out. A point is made again from the first one and its number of spare moves.
"""

from typing import Any

from . import steps
from .control import Control, Progress, ShouldStop
from .formats import Document, require_valid
from .problem import Problem
from .shape import InputError

EXTRA = (0, 1, 3, 6)
MOVED = ("moved_seats", "moved_classes", "moved_gatherings", "moved_beds")


def curve(
    document: Document,
    *,
    seed: int = 1,
    most: int = 6,
    prefer: str = "kept",
    progress: Progress | None = None,
    should_stop: ShouldStop | None = None,
) -> list[dict[str, Any]]:
    """Points {"moves", "spare_moves", "levels", "seats_moved", "gatherings_moved", "plan"}, fewest moves first.

    `moves` are the people and gatherings that change, `seats_moved` those of them who change batch or class; `levels` is
    level name -> value. The first point is what `solve` gives; the others have at most `spare_moves` more (`point`).
    `progress` is told the stage, the part of the whole curve that is done, and a sentence.
    Raises InputError for an input that is not valid or has no previous plan, and Stopped.
    """
    _require_previous(document)
    allowed = [extra for extra in EXTRA if extra <= most]
    points: list[dict[str, Any]] = []
    first: dict[str, Any] = {}
    for number, extra in enumerate(allowed):
        control = Control(_share_of(progress, number, len(allowed)), should_stop)
        problem = Problem(document, prefer)
        done = _results(problem, extra, first, seed, control)
        control.step(4, 1.0)
        found = _point(steps.put_together(problem, done, seed, steps.ALL_STAGES), extra)
        if not points or _better(found, points[-1], points[0]["moves"] + extra):
            points.append(found)
        first = first or done
    return points


def point(
    document: Document,
    spare_moves: int,
    *,
    seed: int = 1,
    prefer: str = "kept",
    progress: Progress | None = None,
    should_stop: ShouldStop | None = None,
) -> Document:
    """The plan of one point of the curve alone, as `curve` makes it. Raises as `curve` does."""
    _require_previous(document)
    first: dict[str, Any] = {}
    plan: Document = {}
    for number, extra in enumerate((0, spare_moves)):
        problem = Problem(document, prefer)
        done = _results(problem, extra, first, seed, Control(_share_of(progress, number, 2), should_stop))
        plan = steps.put_together(problem, done, seed, steps.ALL_STAGES)
        first = done
    return plan


def _require_previous(document: Document) -> None:
    require_valid(document)
    if document["previous"] is None:
        raise InputError("previous：没有已有的方案，谈不上改动多少")


def _share_of(progress: Progress | None, number: int, count: int) -> Progress | None:
    if progress is None:
        return None

    def tell(stage: int, fraction: float, message: str) -> None:
        progress(stage, (number + (stage - 1 + fraction) / 4) / count, f"第 {number + 1} 种改法，{message}")

    return tell


def _results(problem: Problem, extra: int, first: dict[str, Any], seed: int, control: Control) -> dict[str, Any]:
    """The steps' results when `extra` changes more than in `first` may be made, handed out in the order of the steps."""
    done: dict[str, Any] = {"batches": first["batches"]} if first else {}
    left = extra
    while names := steps.ready(problem.document, done):
        name = names[0]
        spending = bool(first) and steps.batch_of(name) is not None  # those that can change classes or gatherings
        problem.spare_moves = left if spending else 0
        done[name] = steps.do(problem, name, done, seed, control)
        if spending:
            left = max(0, left - max(0, _changes(done[name]) - _changes(first[name])))
    return done


def _changes(result: dict[str, Any]) -> int:
    """Changes of class or of gatherings in the result of a step."""
    return int(result["moved_classes"][0] if "moved_classes" in result else result["totals"]["changes"])


def _point(plan: Document, extra: int) -> dict[str, Any]:
    levels = {row["level"]: row["value"] for row in plan["levels"]}
    seats = int(levels["moved_seats"] + levels["moved_classes"])
    gatherings = int(levels["moved_gatherings"])
    return {
        "moves": seats + gatherings,
        "spare_moves": extra,
        "levels": levels,
        "seats_moved": seats,
        "gatherings_moved": gatherings,
        "plan": plan,
    }


def _better(found: dict[str, Any], before: dict[str, Any], most: int) -> bool:
    """Whether a point keeps to its moves and beats the one before on the first level, moves aside, where they differ."""
    if not before["moves"] < found["moves"] <= most:
        return False
    names = [row["level"] for row in found["plan"]["levels"] if row["level"] not in MOVED and row["stage"] < 4]
    sign = {name: -1 if name.startswith("covered_") else 1 for name in names}
    return [sign[n] * found["levels"][n] for n in names] < [sign[n] * before["levels"][n] for n in names]
