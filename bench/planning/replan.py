"""What happens to a plan that is out: how much is changed against the proven minimum, and what stage 3 costs then.

Three things happen to each plan, one at a time: a cadre withdraws, the busiest base of the middle batch is closed while
it lasts, and a week of typhoon closes all bases.
"""

import copy
import datetime
from collections import Counter
from collections.abc import Callable
from typing import Any

from batches.planning import fingerprint, solve
from batches.planning.changes import apply
from batches.planning.checker import check, violations

Document = dict[str, Any]
Change = dict[str, Any]
Lap = Callable[[Callable[..., Document]], tuple[Document, float]]
LEVELS = ("moved_seats", "moved_classes", "moved_gatherings")


def replanned(document: Document, plan: Document, seed: int, timed: Lap) -> list[dict[str, Any]]:
    """A row for each thing that happens; `timed(solve_with)` runs a solve that takes `progress` and tells the CPU seconds
    of its stage 3."""
    out = _published(document, plan)
    rows = []
    for name, changes in _happenings(document, plan):
        changed = apply(out, changes)
        made, cpu = timed(lambda progress, changed=changed: solve(changed, seed=seed, progress=progress))
        levels = {row["level"]: row for row in made["levels"]}
        rows.append(
            {
                "what": name,
                "plan_fingerprint": fingerprint(made),
                "cpu": round(cpu, 3),
                "moves": {level: [levels[level]["value"], levels[level]["bound"]] for level in LEVELS},
                "breaches": len(violations(check(changed, made))),
            }
        )
    return rows


def _published(document: Document, plan: Document) -> Document:
    """The input with names decided and the plan as what is out."""
    out = copy.deepcopy(document)
    seats = {row["cadre"]: row["batch"] for row in plan["assignments"]}
    out["pins"]["batches"] = [{"cadre": c["id"], "batch": seats.get(c["id"])} for c in out["cadres"]]
    kept = {name: copy.deepcopy(plan[name]) for name in ("assignments", "gatherings", "lodging")}
    out["previous"] = {"plan_fingerprint": fingerprint(plan), **kept}
    return out


def _happenings(document: Document, plan: Document) -> list[tuple[str, list[Change]]]:
    batch = document["batches"][len(document["batches"]) // 2]
    mine = {klass["id"] for klass in batch["classes"]}
    held = [row for row in plan["gatherings"] if row["class"] in mine and "skipped" not in row]
    visits = Counter(site["base"] for row in held for site in row["sites"])
    busiest = min(visits, key=lambda base: (-visits[base], base))
    gone = next(row["cadre"] for row in plan["assignments"] if row["batch"] == batch["id"])
    day = datetime.date.fromisoformat(sorted(row["first_day"] for row in held)[len(held) // 2])
    monday = day - datetime.timedelta(days=day.weekday())
    week = monday.isoformat(), (monday + datetime.timedelta(days=6)).isoformat()
    return [
        ("a cadre withdraws", [{"kind": "withdraw", "cadre": gone}]),
        ("a base is closed", [_close(busiest, batch["first_day"], batch["last_day"])]),
        ("a week of typhoon", [_close(base["id"], *week) for base in document["bases"]]),
    ]


def _close(base: str, first: str, until: str) -> Change:
    return {"kind": "close", "place": "base", "id": base, "from": first, "until": until}
