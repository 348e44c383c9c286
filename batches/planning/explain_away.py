"""Why somebody can attend none of the batches, with figures: days away (R05), demands and weeks (R07)."""

from collections.abc import Collection

from .explain_causes import PARITY
from .formats import Document
from .problem import Batch, Problem, spans


def why_no_batch(document: Document, cadres: Collection[str]) -> dict[str, str]:
    """Cadre → one sentence, identifiers of batches in it where there are several."""
    names = set(cadres)
    rows = [row for row in document["cadres"] if row["id"] in names]
    pins: Document = {"batches": [], "classes": [], "gatherings": []}
    problem = Problem({**document, "cadres": rows, "pins": pins, "bases": []})
    return {row["id"]: _why(problem, row) for row in rows}


def _why(problem: Problem, row: Document) -> str:
    """What bars each of the batches, the same of several said once."""
    bars: dict[str, list[str]] = {}
    for batch in problem.batches:
        bars.setdefault("、".join(_bars(problem, row, batch)), []).append(batch.id)
    if len(problem.batches) == 1:
        return f"本期不能参加：{next(iter(bars))}"
    told = (why if len(bars) == 1 else f"期次 {'、'.join(batches)} {why}" for why, batches in bars.items())
    return f"各期都不能参加：{'；'.join(told)}"


def _bars(problem: Problem, row: Document, batch: Batch) -> list[str]:
    away = {
        day
        for first, until in spans(row["unavailable"])
        for day in range(max(first, batch.first), min(until, batch.last + 1))
    }
    most, open_weeks = problem.rules["max_overlap_days"], batch.parities(problem.by_id[row["id"]].track)
    found = [f"不能来的日子有 {len(away)} 天，超过 {most} 天"] if len(away) > most else []
    if batch.id in row["must_not"]:
        found.append("定了不参加")
    elif row["must"] and batch.id not in row["must"]:
        found.append("定了参加别的期次")
    if row["parity"] is not None and open_weeks and row["parity"] not in open_weeks:
        found.append(f"只能{PARITY[row['parity']]}参加，本班型没有{PARITY[row['parity']]}班")
    return found or ["没有可进的班"]
