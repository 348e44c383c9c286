"""Why a plan falls short, in plain words with figures, and what would cure it.

For every shortfall of a plan and every gathering not held: a minimal conflict of rules, each with the changes that
lift it, checked by solving again; and cures with what each buys, the cheapest first. Deterministic; works on the
units and classes concerned and asks whole stages only where everybody may have to move.
"""

from collections.abc import Callable
from typing import Any

from . import stage1_batches
from .control import Control, Progress, ShouldStop, Stopped
from .explain_losses import Losses
from .explain_seats import Seats, explain_people
from .explain_sizes import explain_sizes
from .explain_text import Row
from .explain_visits import explain_classes
from .formats import Document, require_valid
from .problem import Problem

Tell = Callable[[float, str], None]


def explain(
    document: Document,
    plan: Document,
    *,
    seed: int = 1,
    prefer: str = "kept",
    progress: Progress | None = None,
    should_stop: ShouldStop | None = None,
) -> list[dict[str, Any]]:
    """One row a shortfall, in the order of stages, rules and subjects.

    `prefer` is what the plan was made with; `progress(stage, fraction, message)` and `should_stop()` are as in `solve`.
    Raises InputError for an input that is not valid, Stopped when the caller wishes so.
    """
    require_valid(document)
    problem = Problem(document, prefer)
    place = {batch.id: batch.place for batch in problem.batches}
    places = {
        row["cadre"]: place[row["batch"]]
        for row in plan["assignments"]
        if row["cadre"] in problem.by_id and row["batch"] in place
    }
    first = _first_places(problem, plan, places, seed)
    losses = Losses(problem, places, first, seed)
    rows: list[Row] = explain_people(Seats(document, problem, first), losses, _teller(1, progress, should_stop))
    rows += explain_sizes(document, plan, losses, _teller(2, progress, should_stop))
    if 3 in plan["stages"]:
        rows += explain_classes(document, plan, _teller(3, progress, should_stop))
    return sorted(rows, key=lambda row: (row["stage"], row["rule"], row["subject"]))


def _first_places(problem: Problem, plan: Document, places: dict[str, int], seed: int) -> dict[str, int]:
    """What stage 1 gave out, whom stage 2 left without a class included; what the plan has where that is not the same."""
    if 2 not in plan["stages"]:
        return places
    first, _ = stage1_batches.solve(problem, plan.get("seed", seed), Control())
    return first if all(first.get(name) == place for name, place in places.items()) else places


def _teller(stage: int, progress: Progress | None, should_stop: ShouldStop | None) -> Tell:
    def tell(fraction: float, detail: str) -> None:
        if should_stop is not None and should_stop():
            raise Stopped
        if progress is not None:
            progress(stage, min(1.0, fraction), f"正在查第 {stage} 步的原因：{detail}")

    return tell
