"""Running CP-SAT so that the same model gives the same answer: one worker, a seed, a deterministic limit."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from ortools.sat.python import cp_model

Expr = Any  # a linear expression or a number; CP-SAT's own names for it do not add up under mypy
FOUND = (cp_model.OPTIMAL, cp_model.FEASIBLE)


@dataclass
class Tally:
    """The work of CP-SAT while it is counted; deterministic time is the same on every machine."""

    runs: int = 0
    deterministic: float = 0.0


_tallies: list[Tally] = []


@contextmanager
def counted() -> Iterator[Tally]:
    """Count the runs within; for measuring alone, no decision looks at it."""
    tally = Tally()
    _tallies.append(tally)
    try:
        yield tally
    finally:
        _tallies.pop()


@dataclass(frozen=True)
class Answer:
    """What a run came to; values are asked for by variable."""

    solver: cp_model.CpSolver
    found: bool
    proven: bool
    impossible: bool

    def value(self, expression: Expr) -> int:
        return int(self.solver.value(expression))

    def true(self, literal: cp_model.LiteralT) -> bool:
        return bool(self.solver.boolean_value(literal))

    @property
    def objective(self) -> int:
        return round(self.solver.objective_value)

    @property
    def bound(self) -> int:
        return round(self.solver.best_objective_bound)


def run(model: cp_model.CpModel, seed: int, limit: float, linear: int = 1) -> Answer:
    """Solve within `limit` of deterministic time; `linear` 2 works harder on the linear relaxation, 0 not at all."""
    solver = cp_model.CpSolver()
    solver.parameters.num_workers = 1
    solver.parameters.random_seed = seed % 2_000_000_000
    solver.parameters.linearization_level = linear
    solver.parameters.max_deterministic_time = limit
    status = solver.solve(model)
    for tally in _tallies:
        tally.runs += 1
        tally.deterministic += solver.response_proto.deterministic_time
    return Answer(solver, status in FOUND, status == cp_model.OPTIMAL, status == cp_model.INFEASIBLE)
