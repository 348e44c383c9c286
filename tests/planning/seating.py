"""Cases of stage 2 out of the instances of the bench, and its hard rules worked out from seats alone."""

import random
from collections import Counter

from batches.planning.control import Control
from batches.planning.problem import Problem
from batches.planning.stage1_batches import solve as seat
from batches.planning.stage2_case import Case, Seats
from bench.planning.cases import CASES


def case_of(name: str, number: int, pins: dict[str, str] | None = None) -> Case:
    document = CASES[name].document
    problem = Problem(document)
    places, _ = seat(problem, 1, Control())
    problem.class_pins.update(pins or {})
    batch = problem.batches[number]
    return Case(problem, batch, [problem.by_id[c] for c in sorted(places) if places[c] == number])


def shuffled(case: Case, rng: random.Random) -> Seats:
    """Everybody anywhere in their track: what a plan full of broken rules looks like."""
    seats: Seats = {}
    for track in case.totals:
        classes = case.batch.of_track(track)
        people = [c.id for c in case.members if c.track == track]
        rng.shuffle(people)
        seats.update((name, classes[i % len(classes)].id) for i, name in enumerate(people))
    return seats


def broken_rules(case: Case, seats: Seats) -> Counter[tuple[str, ...]]:
    """How far each hard rule is from being kept, worked out from the seats alone."""
    result: Counter[tuple[str, ...]] = Counter()
    klass_of = {klass.id: klass for klass in case.batch.classes}
    for cadre in case.members:
        klass = klass_of[seats[cadre.id]]
        result["track", cadre.id] += klass.track != cadre.track
        result["parity", cadre.id] += klass.id not in {k.id for k in case.allowed(cadre)}
    for (unit, track), total in case.unit_track.items():
        most = -(-total // len(case.batch.of_track(track)))
        inside = Counter(seats[c.id] for c in case.of_unit[unit] if c.track == track)
        for klass, count in inside.items():
            result["R02", unit, klass] += max(0, count - most)
    for unit, people, even_out in case.split_units():
        odd = sum(klass_of[seats[c.id]].parity == "odd" for c in people)
        even = len(people) - odd
        result["R03", unit] += max(0, abs(odd - even) - 1) if even_out else int(not odd or not even)
    return +result
