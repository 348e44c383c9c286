"""Inputs for the planner's tests: the frozen instances, and small ones cut out of them."""

import copy
from functools import cache
from pathlib import Path
from typing import Any

from batches.planning import load, solve
from batches.planning.checker import check, violations

INSTANCES = Path(__file__).parent / "instances"
SMALL = ["small-1", "small-2", "small-3", "small-4", "small-5"]


@cache
def _frozen(name: str) -> dict[str, Any]:
    return load(INSTANCES / f"{name}.json.gz")


def frozen(name: str) -> dict[str, Any]:
    """A copy of a frozen instance that a test may change."""
    return copy.deepcopy(_frozen(name))


@cache
def plan_of(name: str) -> dict[str, Any]:
    """The plan of a frozen instance, made once a run; not to be changed."""
    return solve(_frozen(name), seed=1)


def tiny(cadres: int = 60, classes: int = 2, bases: int = 5, weeks: int = 6) -> dict[str, Any]:
    """One batch of a few weeks with few people, cut out of small-1."""
    document = frozen("small-1")
    programme = document["programme"]
    batch = document["batches"][0]
    batch["classes"] = batch["classes"][:classes]
    batch["last_day"] = _later(batch["first_day"], 7 * weeks - 1)
    document["batches"] = [batch]
    programme["tracks"][0]["classes_per_batch"] = classes
    programme["min_village_days"], programme["min_distinct_villages"] = 6, 2
    programme["class_size"] = {"min": 8, "target": 10, "max": 12}
    document["cadres"] = document["cadres"][:: 300 // cadres]
    for cadre in document["cadres"]:
        cadre["must"] = [name for name in cadre["must"] if name == batch["id"]]
        cadre["must_not"] = [name for name in cadre["must_not"] if name == batch["id"]]
    kept = sorted(document["bases"], key=lambda base: -base["declared_capacity"])[:bases]
    document["bases"] = sorted(kept, key=lambda base: base["id"])
    names = {base["id"] for base in kept}
    houses = {house["id"] for base in kept for house in base["households"]}
    document["other_uses"] = [use for use in document["other_uses"] if use["base"] in names]
    history = document["history"]
    history["bases"] = [row for row in history["bases"] if row["base"] in names]
    history["households"] = [row for row in history["households"] if row["household"] in houses]
    document["waivers"] = []
    return document


def _later(day: str, days: int) -> str:
    import datetime

    return (datetime.date.fromisoformat(day) + datetime.timedelta(days=days)).isoformat()


def broken(document: dict[str, Any], plan: dict[str, Any]) -> list[tuple[str, str, str]]:
    """What the independent checker finds wrong and nobody has approved."""
    return [(b.code, b.subject, b.message) for b in violations(check(document, plan))]


def reduced(plan: dict[str, Any]) -> dict[str, Any]:
    """A plan as `previous` of the next input."""
    from batches.planning import fingerprint

    kept = {name: copy.deepcopy(plan[name]) for name in ("assignments", "gatherings", "lodging")}
    return {"plan_fingerprint": fingerprint(plan), **kept}
