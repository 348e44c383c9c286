"""Counted visits given to classes and days, by CP-SAT over the options of those visits alone."""

import math
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace

from .cpsat import run
from .stage3_model import Model, Round, Settled
from .stage3_options import Given, Kind

LIMIT = 0.4


def place(
    round_: Round,
    settled: Settled,
    among: list[int],
    peak: float,
    seed: int,
    limit: float = LIMIT,
    *,
    times: Mapping[Kind, int] | None = None,
    returns: int = 0,
) -> list[int | None] | None:
    """A choice among some options below a peak load; None: none was found within `limit` of deterministic time.

    What is settled of skips, villages and changes is held. With `times` each kind is used so often, and so many returns
    to a village are allowed.
    """
    small, whole = _narrowed(round_, among)
    model = _model(small, settled, peak)
    if times is not None:
        of_kind: dict[Kind, list[int]] = defaultdict(list)
        for number, option in enumerate(small.options):
            of_kind[option.kind].append(number)
        for kind, count in sorted(times.items()):
            model.model.add(sum(model.x[n] for n in of_kind[kind]) == count)
        _returns(model, returns)
    chosen = _found(model, seed, limit)
    return None if chosen is None else [None if number is None else whole[number] for number in chosen]


def place_given(
    round_: Round, settled: Settled, given: Given, part: float, seed: int, limit: float
) -> list[int | None] | None:
    """A choice of visits that are given, so much at least of those that are hard to place; None: none was found in time."""
    model = _model(round_, settled, given.peak[0])
    of_visit: dict[Kind, list[int]] = defaultdict(list)
    for number in range(len(round_.options)):
        of_visit[round_.visit(number)].append(number)
    for visit, count in sorted(given.times.items()):
        model.model.add(sum(model.x[n] for n in of_visit[visit]) <= count)
    hard = [model.x[n] for visit in sorted(given.first) for n in of_visit[visit]]
    model.model.add(sum(hard) >= math.ceil(part * sum(given.first.values())))
    _returns(model, given.returns)
    return _found(model, seed, limit)


def _model(round_: Round, settled: Settled, peak: float) -> Model:
    """The rules, with skips, villages and changes held, below a peak load."""
    model = Model(round_)
    model.model.add(sum(model.skip) <= settled.skips[0])
    for name, short in model.short.items():
        model.model.add(short <= settled.short[name])
    if round_.before:
        model.model.add(sum(model.x[n] for n in range(len(model.x)) if round_.kept(n)) >= settled.keep)
    for base, terms in sorted(round_.at.items()):
        days = round_.problem.days
        model.model.add(sum(days * people * model.x[n] for n, people in terms) <= round_.room(base, peak))
    return model


def _found(model: Model, seed: int, limit: float) -> list[int | None] | None:
    answer = run(model.model, seed, limit)
    if not answer.found:
        return None
    return [next((n for n in numbers if answer.true(model.x[n])), None) for numbers in model.round.of_slot]


def _narrowed(round_: Round, among: list[int]) -> tuple[Round, list[int]]:
    """The round with some of its options alone, and their numbers in the whole."""
    wanted = set(among)
    whole = [n for numbers in round_.of_slot for n in numbers if n in wanted]
    slots = [
        replace(slot, options=[round_.options[n] for n in numbers if n in wanted])
        for slot, numbers in zip(round_.slots, round_.of_slot, strict=True)
    ]
    place_of = {number: place for place, number in enumerate(whole)}
    clashes = [[place_of[n] for n in clash] for clash in round_.clashes if all(n in wanted for n in clash)]
    small = Round(round_.problem, round_.places, slots, round_.load, round_.before, clashes, round_.alone)
    small.given = round_.given
    return small, whole


def _returns(model: Model, most: int) -> None:
    """Visits less villages seen are no more than that."""
    visits, seen = [], []
    for _, villages in sorted(model.round.villages().items()):
        for _, numbers in sorted(villages.items()):
            if not most:
                model.model.add_at_most_one([model.x[n] for n in numbers])
                continue
            here = model.model.new_bool_var("")
            model.model.add_bool_or([*(model.x[n] for n in numbers), here.negated()])
            seen.append(here)
            visits += [model.x[n] for n in numbers]
    if most:
        model.model.add(sum(visits) - sum(seen) <= most)
