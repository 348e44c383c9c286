"""Running CP-SAT so that the same model gives the same answer: one worker, a seed, a deterministic limit."""

from dataclasses import dataclass

from ortools.sat.python import cp_model

FOUND = (cp_model.OPTIMAL, cp_model.FEASIBLE)


@dataclass(frozen=True)
class Answer:
    """What a run came to; values are asked for by variable."""

    solver: cp_model.CpSolver
    found: bool
    proven: bool
    impossible: bool

    def value(self, expression: cp_model.LinearExprT) -> int:
        return int(self.solver.value(expression))

    def true(self, literal: cp_model.LiteralT) -> bool:
        return bool(self.solver.boolean_value(literal))

    @property
    def objective(self) -> int:
        return round(self.solver.objective_value)

    @property
    def bound(self) -> int:
        return round(self.solver.best_objective_bound)


def run(model: cp_model.CpModel, seed: int, limit: float) -> Answer:
    """Solve within `limit` of deterministic time."""
    solver = cp_model.CpSolver()
    solver.parameters.num_workers = 1
    solver.parameters.random_seed = seed % 2_000_000_000
    solver.parameters.max_deterministic_time = limit
    status = solver.solve(model)
    return Answer(solver, status in FOUND, status == cp_model.OPTIMAL, status == cp_model.INFEASIBLE)
