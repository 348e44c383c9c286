"""The journey level by CP-SAT over whole options: for when the sites that HiGHS chose find no days together."""

from collections import defaultdict
from itertools import pairwise

from ortools.sat.python import cp_model

from .cpsat import Expr, run
from .stage3_model import Model, Round, Settled
from .stage3_travel import RETURN_KM, ROUTE_KM

LIMIT = 4.0
NEAR_LIMIT = 1.5
METRES = 1000  # costs in whole metres


def polish(round_: Round, settled: Settled, sites: list[list[int]], seed: int) -> list[int | None]:
    """A choice with what was settled held and short journeys.

    `sites` are groups of options that would be best if they had days: as many as can be had are where it starts.
    """
    chosen = settled.chosen
    if sites:
        model = _model(round_, settled)
        near = run_from(model, chosen, -sum(model.x[n] for group in sites for n in group), seed, NEAR_LIMIT, 1)
        chosen = chosen if near is None else near
    model = _model(round_, settled)
    better = run_from(model, chosen, sum(_costs(round_, model, settled)), seed, LIMIT, 2)
    return chosen if better is None else better


def run_from(
    model: Model, chosen: list[int | None], goal: Expr, seed: int, limit: float, linear: int
) -> list[int | None] | None:
    """Make the goal small, starting from a choice."""
    wanted = {number for number in chosen if number is not None}
    for number, literal in enumerate(model.x):
        model.model.add_hint(literal, number in wanted)
    model.model.minimize(goal)
    answer = run(model.model, seed, limit, linear=linear)
    if not answer.found:
        return None
    return [next((n for n in numbers if answer.true(model.x[n])), None) for numbers in model.round.of_slot]


def _model(round_: Round, settled: Settled) -> Model:
    """The rules, with skips, villages, changes and peak load held."""
    model = Model(round_)
    for skip, chosen in zip(model.skip, settled.chosen, strict=True):
        model.model.add(skip == (chosen is None))
    for base, terms in sorted(round_.at.items()):
        days = round_.problem.days
        model.model.add(sum(days * people * model.x[n] for n, people in terms) <= round_.room(base, settled.peak[0]))
    for name, short in model.short.items():
        model.model.add(short <= settled.short[name])
    if round_.before:
        kept = [n for numbers in round_.of_slot for n in numbers if round_.kept(n)]
        model.model.add(sum(model.x[n] for n in kept) >= settled.keep)
    return model


def _costs(round_: Round, model: Model, settled: Settled) -> list[Expr]:
    costs: list[Expr] = []
    for number, option in enumerate(round_.options):
        costs.append(round(METRES * (option.site.km + RETURN_KM * len(option.site.villages))) * model.x[number])
    for _, villages in sorted(round_.villages().items()):
        for _, numbers in sorted(villages.items()):
            seen = model.model.new_bool_var("")
            model.model.add_bool_or([*(model.x[n] for n in numbers), seen.negated()])
            costs.append(-round(METRES * RETURN_KM) * seen)
    held: dict[str, list[int]] = defaultdict(list)
    for position, (slot, chosen) in enumerate(zip(round_.slots, settled.chosen, strict=True)):
        if chosen is not None:
            held[slot.klass.id].append(position)
    for _, positions in sorted(held.items()):
        for one, two in pairwise(positions):
            costs.append(round(METRES * ROUTE_KM) * _change(round_, model, one, two))
    return costs


def _change(round_: Round, model: Model, one: int, two: int) -> cp_model.IntVar:
    """Whether the class changes its route from one gathering to the next."""
    sides: list[dict[str, list[cp_model.IntVar]]] = []
    for position in (one, two):
        by_route: dict[str, list[cp_model.IntVar]] = defaultdict(list)
        for number in round_.of_slot[position]:
            for route in sorted(round_.options[number].site.routes):
                by_route[route].append(model.x[number])
        sides.append(by_route)
    stays = []
    for route in sorted(set(sides[0]) & set(sides[1])):
        stay = model.model.new_bool_var("")
        model.model.add(sum(sides[0][route]) >= stay)
        model.model.add(sum(sides[1][route]) >= stay)
        stays.append(stay)
    change = model.model.new_bool_var("")
    model.model.add_bool_or([*stays, change])
    return change
