"""Who sits where because somebody decided so: of equally few changes, later plans move others first (docs/planning.md §6)."""

from typing import Any

from batches.models import PlanRun


def seated_by_hand(run: PlanRun) -> list[str]:
    """Cadres whom a run's plan has where somebody put them, for this run or before it."""
    seats = _seats(run.plan)
    return sorted(cadre for cadre, chosen in (_before(run) | _asked(run)).items() if seats.get(cadre) == chosen)


def undone_by_hand(run: PlanRun) -> dict[str, str]:
    """Cadre → the class in which somebody had seated them, of those whom the run's plan has in another without being asked."""
    seats, asked = _seats(run.plan), _asked(run)
    return {
        cadre: chosen for cadre, chosen in _before(run).items()
        if seats.get(cadre, chosen) != chosen and cadre not in asked
    }  # fmt: skip


def _before(run: PlanRun) -> dict[str, str]:
    previous = run.document["previous"]
    if previous is None:
        return {}
    seats = _seats(previous)
    return {cadre: seats[cadre] for cadre in previous.get("by_hand", ())}


def _asked(run: PlanRun) -> dict[str, str]:
    return {change["cadre"]: change["class"] for change in run.changes if change["kind"] == "pin_class"}


def _seats(plan: dict[str, Any]) -> dict[str, str]:
    return {row["cadre"]: row["class"] for row in plan["assignments"]}
