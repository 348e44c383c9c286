"""The planner: who attends which batch and class, when and where classes gather, and who sleeps where.

    solve(document, seed=1) -> plan          both in the formats of `input.schema.json` and `plan.schema.json`

Pure Python without a framework. Four stages, each by the method that closes it (see the modules); objectives are levels
in lexicographic order with value, bound and gap. Every demand that cannot be met is listed as a shortfall: a valid input
always leads to a plan. The same input and seed lead to the same plan, byte for byte.
"""

from .control import Stopped
from .formats import canonical, dump, fingerprint, load, require_valid
from .shape import InputError
from .solving import PLANNER_VERSION, solve

__all__ = [
    "PLANNER_VERSION",
    "InputError",
    "Stopped",
    "canonical",
    "dump",
    "fingerprint",
    "load",
    "require_valid",
    "solve",
]
