"""One instance measured: the planner first, then the yardstick, in one process.

    python -m bench.planning.measure NAME > piece.json

CPU seconds are only meant to be compared within the piece; deterministic time is CP-SAT's own and the same everywhere.
"""

import gc
import hashlib
import json
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import batches.planning
from batches.planning import fingerprint, solve
from batches.planning.checker import check, violations
from batches.planning.checker_case import Case as Examined
from batches.planning.checker_form import read_plan
from batches.planning.checker_levels import MEASURES
from batches.planning.cpsat import Tally, counted
from batches.planning.explain import explain

from . import quality
from .cases import CASES, Case
from .greedy import plan as greedy_plan
from .replan import replanned
from .second import second_opinion

STAGES = ("1 batches", "2 classes", "3 itinerary", "4 lodging")
SEED = 1
RESTARTS = 20  # what the planner is compared with; fewer are run of a city, and counted as if they were so many


def source() -> str:
    """What the planner's code hashes to: a piece measured on other code is measured again."""
    folder = Path(batches.planning.__file__).parent
    digest = hashlib.sha256()
    for path in sorted([*folder.glob("*.py"), *folder.glob("*.json")]):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


class Laps:
    """CPU seconds and deterministic time per stage, read off the planner's progress."""

    def __init__(self, tally: Tally):
        self.tally = tally
        self.stage = 0
        self.since = (time.process_time(), 0.0)
        self.cpu = dict.fromkeys(range(5), 0.0)
        self.deterministic = dict.fromkeys(range(5), 0.0)

    def __call__(self, stage: int, fraction: float, message: str) -> None:
        if stage != self.stage:
            self.turn(stage)
        elif stage == 4 and fraction >= 1:
            self.turn(0)

    def turn(self, stage: int) -> None:
        now = (time.process_time(), self.tally.deterministic)
        self.cpu[self.stage] += now[0] - self.since[0]
        self.deterministic[self.stage] += now[1] - self.since[1]
        self.stage, self.since = stage, now


def measure(case: Case) -> dict[str, Any]:
    """Everything the table says of an instance."""
    document, code = case.document, source()
    solve(CASES["small-5"].document, seed=SEED, stages=(1, 2))  # loads what is compiled, which is of no stage's cost
    gc.collect()
    gc.freeze()  # else one stage or another would be charged for going through all that was imported
    with counted() as tally:
        laps = Laps(tally)
        plan = solve(document, seed=SEED, progress=laps)
        laps.turn(0)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    told = violations(check(document, plan))
    rough, clock = _yardstick(case, document)
    stages = [
        {
            "stage": number,
            "cpu": round(laps.cpu[number], 3),
            "deterministic": round(laps.deterministic[number], 4),
            "yardstick_cpu": round(clock[STAGES[number - 1]], 3),
        }
        for number in range(1, len(STAGES) + 1)
    ]
    return {
        "name": case.name,
        "size": case.size,
        "kind": case.kind,
        "cadres": len(document["cadres"]),
        "batches": len(document["batches"]),
        "restarts": case.restarts,
        "fingerprint": fingerprint(document),
        "plan_fingerprint": fingerprint(plan),
        "source": code,
        "versions": plan["versions"],
        "stages": stages,
        "levels": plan["levels"],
        "shortfalls": len(plan["shortfalls"]),
        "breaches": [f"{b.code} {b.subject}" for b in told][:20],
        "peak_mb": peak,
        "quality": _quality(document, plan),
        "yardstick": _values(document, rough),
        "yardstick_quality": _quality(document, rough),
        "explained": _explained(document, plan) if case.size == "small" else None,
        "replans": replanned(document, plan, SEED, _timed) if case.size != "city" else [],
        "second_opinion": second_opinion(document, plan) if case.size != "city" else None,
    }


def _yardstick(case: Case, document: dict[str, Any]) -> tuple[dict[str, Any], dict[str, float]]:
    """The yardstick's plan, and the CPU seconds of twenty restarts by stage."""
    clock: dict[str, float] = {}
    input_ = json.dumps(document)
    rough = greedy_plan(json.loads(input_), fingerprint(document), SEED, case.restarts, len(STAGES), clock)
    clock = {name: seconds * RESTARTS / case.restarts for name, seconds in clock.items()}
    if case.size == "city":  # in stage 1 a restart is too short to be counted twenty times
        greedy_plan(json.loads(input_), fingerprint(document), SEED, RESTARTS, 1, clock)
    return rough, clock


def _explained(document: dict[str, Any], plan: dict[str, Any]) -> list[int]:
    """How many shortfalls and gatherings left out are explained, and of how many solving again bore it out."""
    rows = explain(document, plan, seed=SEED)
    return [len(rows), sum(row["verified"] for row in rows)]


def _timed(work: Callable[..., dict[str, Any]]) -> tuple[dict[str, Any], float]:
    """What was made, and the CPU seconds of its stage 3."""
    with counted() as tally:
        laps = Laps(tally)
        made = work(laps)
        laps.turn(0)
    return made, laps.cpu[3]


def _quality(document: dict[str, Any], plan: dict[str, Any]) -> dict[str, Any]:
    return {
        "balance": quality.balance(document, plan),
        "load": quality.load(document, plan),
        "journey": quality.journey(plan),
        **quality.lasting_incomes(document, plan),
    }


def _values(document: dict[str, Any], plan: dict[str, Any]) -> dict[str, float]:
    """The verified levels of a plan, worked out by the checker."""
    case = Examined(document, read_plan(document, plan))
    return {name: round(rule(case), 4) for name, (_, rule, _) in MEASURES.items()}


if __name__ == "__main__":
    json.dump(measure(CASES[sys.argv[1]]), sys.stdout, ensure_ascii=False, indent=1)
