"""The planner: who attends which batch and class, when and where classes gather, and who sleeps where.

    solve(document, seed=1) -> plan          both in the formats of `input.schema.json` and `plan.schema.json`

Pure Python without a framework. Four stages, each by the method that closes it (see the modules); objectives are levels
in lexicographic order with value, bound and gap. Every demand that cannot be met is listed as a shortfall: a valid input
always leads to a plan. The same input and seed lead to the same plan, byte for byte.

The doors. `docs/planning.md` tells what they promise, `docs/rules.md` the rules.

    solving.solve                       a plan of an input, or of a published plan with the fewest changes
    steps.ready, do, assemble           the same work in steps, for several hands
    checker.check, rule_sheet           which rules a plan breaks, and each rule with the fact that shows it
    explain.explain                     why a plan falls short, and what would cure it
    changes.apply, say                  an input with changes tried on it, and each change as a sentence
    outlook.estimate, figures           what rules lead to, before a plan and of one
    countdown.countdown                 how many batches until everybody due has attended
    repair.curve, point                 what a few more changes than the fewest would buy
    verify.write_draw, verify           the file of a draw, and whether it is true and runs again

Only `solve` and the formats are imported here: each caller takes the module it needs. The checker's modules and the
solvers' do not know each other; `verify` and the command line know both.
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
