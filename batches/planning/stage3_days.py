"""Days for sites that are chosen: the second half of the journey level.

Journeys do not depend on the day, so HiGHS chooses sites alone; here CP-SAT looks for first days that go with them. Where
there are none, the sites that cannot be had together are named, and HiGHS chooses again without that combination.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from ortools.sat.python import cp_model

from .cpsat import run
from .stage3_model import Round

LIMIT = 2.0
MOST_ROUNDS = 6
Clashes = Callable[[Round, list[int | None]], list[list[int]]]


@dataclass(frozen=True)
class Days:
    """An option or None for every slot."""

    chosen: list[int | None]


def find_days(round_: Round, groups: list[list[int]], seed: int, unlodged: Clashes) -> Days | list[list[int]]:
    """One option of each group, compatible in every rule; or else the sets of groups (by number) that clash."""
    for _ in range(MOST_ROUNDS):
        chosen = _choose(round_, groups, range(len(groups)), seed)
        if chosen is None:
            return _culprits(round_, groups, seed)
        by_slot = _by_slot(round_, chosen)
        clashes = unlodged(round_, by_slot)
        if not clashes:
            return Days(by_slot)
        round_.clashes.extend(clashes)
    return [list(range(len(groups)))]


def _choose(round_: Round, groups: list[list[int]], wanted: Iterable[int], seed: int) -> list[int] | None:
    model = cp_model.CpModel()
    x: dict[int, cp_model.IntVar] = {}
    for number in wanted:
        for option in groups[number]:
            x[option] = model.new_bool_var("")
        model.add_exactly_one([x[option] for option in groups[number]])
    for terms, most in round_.rows():
        mine = [weight * x[option] for option, weight in terms if option in x]
        if len(mine) > 1:
            model.add(sum(mine) <= most)
    answer = run(model, seed, LIMIT)
    return [option for option, literal in x.items() if answer.true(literal)] if answer.found else None


def _by_slot(round_: Round, chosen: list[int]) -> list[int | None]:
    picked = set(chosen)
    return [next((n for n in numbers if n in picked), None) for numbers in round_.of_slot]


def _culprits(round_: Round, groups: list[list[int]], seed: int) -> list[list[int]]:
    """Groups that meet at one base, or share staff, and have no days; all of them when no smaller set is found."""
    by_base: dict[str, list[int]] = defaultdict(list)
    by_staff: dict[str, list[int]] = defaultdict(list)
    staff = {slot.klass.id: slot.klass.staff for slot in round_.slots}
    for number, options in enumerate(groups):
        option = round_.options[options[0]]
        for base in option.site.bases:
            by_base[base].append(number)
        for name in staff[option.klass]:
            by_staff[name].append(number)
    found = []
    for numbers in [*(by_base[k] for k in sorted(by_base)), *(by_staff[k] for k in sorted(by_staff))]:
        runs = [near for near in _near(round_, groups, numbers) if len(near) > 1]
        found += [near for near in runs if _choose(round_, groups, near, seed) is None]
    return found or [list(range(len(groups)))]


def _near(round_: Round, groups: list[list[int]], numbers: list[int]) -> list[list[int]]:
    """The groups in runs whose possible days touch."""
    rows = sorted((min(round_.options[o].first for o in groups[n]), n) for n in numbers)
    runs: list[list[int]] = []
    reach = -1
    for first, number in rows:
        if runs and first <= reach:
            runs[-1].append(number)
        else:
            runs.append([number])
        reach = max(reach, *(round_.options[o].first + round_.problem.days - 1 for o in groups[number]))
    return runs
