"""How stage 1 grows with the county: it lasts a moment, so that all sizes are measured in one process.

    python -m bench.planning.growth > growth.json

Every instance of one track is seated a few times by the planner and by the yardstick; of each the shortest time counts.
"""

import gc
import json
import random
import sys
import time
from collections.abc import Callable
from typing import Any

from batches.planning import solve
from batches.planning.control import Control
from batches.planning.problem import Problem
from batches.planning.stage1_batches import solve as seat

from .cases import CASES, Case
from .greedy_case import Problem as Roughly
from .greedy_people import stage1 as greedily
from .measure import RESTARTS, SEED, source

TIMES = 3


def growth() -> dict[str, Any]:
    """CPU seconds of stage 1 by instance: size, cadres, the planner's and the yardstick's."""
    solve(CASES["small-5"].document, seed=SEED, stages=(1, 2))  # loads what is compiled
    gc.collect()
    gc.freeze()
    return {"source": source(), "instances": [_row(case) for case in CASES.values() if not case.tracks]}


def _row(case: Case) -> dict[str, Any]:
    document = Case(case.size, case.seed, case.variant).document  # of its own, which goes when the row is made
    problem, rough = Problem(document), Roughly(document)
    return {
        "size": case.size,
        "cadres": len(document["cadres"]),
        "cpu": _shortest(lambda: seat(problem, SEED, Control())),
        "yardstick_cpu": _shortest(lambda: greedily(rough, RESTARTS, random.Random(f"{SEED}/1"))),
    }


def _shortest(work: Callable[[], Any]) -> float:
    seconds = []
    for _ in range(TIMES):
        gc.collect()
        since = time.process_time()
        work()
        seconds.append(time.process_time() - since)
    return round(min(seconds), 4)


if __name__ == "__main__":
    json.dump(growth(), sys.stdout, indent=1)
