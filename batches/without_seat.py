"""Why somebody has no seat in a plan, as pages tell it: what a trial supposes and how far a limit is passed, with figures."""

import datetime
from typing import Any

from batches.models import PlanRun
from batches.planning.explain_away import why_no_batch

Row = dict[str, Any]
TRIED = "试算中"
"""How the reason of somebody begins who has no seat since a trial says so."""


def why_without(run: PlanRun, plan: Row | None = None) -> dict[str, str]:
    """Cadre → sentence with identifiers, of everybody without a seat, those who leave in a trial among them."""
    rows = (run.plan if plan is None else plan)["unassigned"]
    tried = {change["cadre"]: tried_away(change) for change in run.changes if change["kind"] in ("withdraw", "later")}
    barred = [row["cadre"] for row in rows if row.get("reason") == "no_open_batch" and row["cadre"] not in tried]
    found = why_no_batch(run.document, barred) if barred else {}
    return {row["cadre"]: found.get(row["cadre"], row["message"]) for row in rows} | tried


def tried_away(change: Row) -> str:
    """What a trial supposes of somebody who leaves the batch or is left to a later one."""
    if change["kind"] == "later":
        return f"{TRIED}留到以后各期"
    if not change.get("from"):
        return f"{TRIED}退出本期"
    day = datetime.date.fromisoformat(change["from"])
    return f"{TRIED}从{day.month}月{day.day}日起退出本期"
