"""Why a plan falls short, in plain words with figures, and what would cure it.

For every shortfall of a plan and every gathering not held: a minimal conflict of rules, each with the changes that
lift it, checked by solving again; and cures with what each buys, the cheapest first. Deterministic; works on the
units and classes concerned and asks whole stages only where everybody may have to move.
"""

import itertools
from collections import defaultdict
from collections.abc import Callable
from typing import Any

from . import stage1_batches
from .control import Control, Progress, ShouldStop, Stopped
from .explain_losses import Losses
from .explain_seats import Seats, explain_people
from .explain_sizes import explain_sizes
from .explain_skips import explain_skips, not_held
from .explain_text import Row
from .explain_visits import ClassCase, explain_short
from .explain_world import BatchCase, Key
from .formats import Document, require_valid
from .problem import Problem

Tell = Callable[[float, str], None]


def explain(
    document: Document,
    plan: Document,
    *,
    seed: int = 1,
    prefer: str = "kept",
    since: str | None = None,
    progress: Progress | None = None,
    should_stop: ShouldStop | None = None,
) -> list[dict[str, Any]]:
    """One row a shortfall, in the order of stages, rules and subjects.

    `prefer` is what the plan was made with, `since` the first day of a batch under way that can still be changed (none: not
    known, or nothing is over); `progress(stage, fraction, message)` and `should_stop()` are as in `solve`.
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
        rows += explain_classes(document, plan, prefer, since, _teller(3, progress, should_stop))
    return sorted(rows, key=lambda row: (row["stage"], row["rule"], row["subject"]))


def falls_short(plan: Document) -> bool:
    """Whether there is anything to be explained."""
    return bool(plan["shortfalls"]) or bool(not_held(plan))


def explain_classes(document: Document, plan: Document, prefer: str, since: str | None, tell: Tell) -> list[Row]:
    """R14 and R15 of every class short, and every gathering of a filled class that is not held, batch by batch."""
    batch_of = {klass["id"]: batch["id"] for batch in document["batches"] for klass in batch["classes"]}
    short: dict[str, list[Row]] = defaultdict(list)
    skipped: dict[str, list[Key]] = defaultdict(list)
    for row in plan["shortfalls"]:
        if row["rule"] in ("R14", "R15") and row["subject"] in batch_of:
            short[batch_of[row["subject"]]].append(row)
    for klass, index, _ in not_held(plan):
        if klass in batch_of:
            skipped[batch_of[klass]].append((klass, index))
    rows: list[Row] = []
    batches = sorted({*short, *skipped})
    for number, batch in enumerate(batches):
        case, visits = BatchCase(document, plan, batch, prefer, since), dict[str, ClassCase]()
        work = itertools.chain(
            (explain_short(case, visits, row) for row in short[batch]), explain_skips(case, visits, skipped[batch])
        )
        for done, row in enumerate(work, start=1):
            tell((number + done / (done + 1)) / len(batches), f"期次 {batch}")
            rows.append(row)
    return rows


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
