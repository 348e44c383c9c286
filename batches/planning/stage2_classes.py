"""Stage 2: which class of the batch each cadre joins, within the track.

Method: tracks of few classes are split by programmes (HiGHS); around them the nested tree (odd and even weeks, halves, classes)
of small CP-SATs finds seats that keep the hard rules, and swaps of two people make the classes alike (simulated annealing);
where a marginal cell is off even then, or a class would hold one man or one woman alone, the flat model tries, unless the
batch is too large for it. Where rules of units, parities and sizes clash, the elastic flat model finds the fewest people who
go without a seat (pins stay, whatever they break).
Promise: hard rules kept; the excess is never below its bound: what tracks of few classes come to at least, else 0.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from .control import Control, level
from .problem import Batch, Cadre, Problem
from .stage2_case import Case, Seats
from .stage2_few import MARGINAL, split_few
from .stage2_flat import Flat
from .stage2_keep import count_moved, keep
from .stage2_tree import Unsplit, split_batch

FLAT_LITERALS = 6000
FLAT_LIMIT = 2.0
ELASTIC_LIMIT = 10.0


def solve_batch(problem: Problem, batch: Batch, names: list[str], seed: int, control: Control) -> dict[str, Any]:
    """Seats (cadre -> class) of the people of a batch, and the measures; whom the rules leave no class has no seat."""

    def pulse() -> None:
        control.step(2, 0.0, f"期次 {batch.id}")

    pulse()
    classes = {klass.id for klass in batch.classes}
    before = {name: klass for name, klass in _previous_seats(problem).items() if klass in classes}
    case = Case(problem, batch, [problem.by_id[name] for name in sorted(names)])
    found = split(case, before, seed, pulse)
    marginal, pair = found.case.excess(found.seats)
    least = max(0, found.least - MARGINAL * marginal)
    control.best(2, "moved_classes", *found.moved)
    control.best(2, "marginal_excess", marginal, 0)
    control.best(2, "pair_excess", pair, least)
    return {
        "seats": found.seats,
        "moved_classes": found.moved,
        "marginal_excess": marginal,
        "pair_excess": pair,
        "pair_bound": least,
        "mean_age_range": found.case.mean_age_range(found.seats),
    }


def levels(problem: Problem, parts: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The levels of stage 2 over all batches. Bounds of pair cells hold with as many marginal cells off as there are."""
    ages = [part["mean_age_range"] for part in parts]
    rows = [
        level(2, "marginal_excess", sum(part["marginal_excess"] for part in parts), 0),
        level(2, "pair_excess", sum(part["pair_excess"] for part in parts), sum(part["pair_bound"] for part in parts)),
        level(2, "mean_age_range", *(round(max(row), 4) for row in zip((0.0, 0.0), *ages, strict=True))),
    ]
    if problem.previous is None:
        return rows
    moved = [part["moved_classes"] for part in parts]
    return [level(2, "moved_classes", sum(row[0] for row in moved), sum(row[1] for row in moved)), *rows]


def _previous_seats(problem: Problem) -> Seats:
    if problem.previous is None:
        return {}
    return {row["cadre"]: row["class"] for row in problem.previous["assignments"] if row["class"] in problem.classes}


@dataclass(frozen=True)
class Found:
    """Seats of one batch, the case with those who could be seated, (changes of class, the least possible), and what cells
    off come to at least, a marginal one counting `MARGINAL`."""

    seats: Seats
    case: Case
    moved: tuple[int, int]
    least: int = 0


def split(case: Case, before: Seats, seed: int, pulse: Callable[[], None]) -> Found:
    """Seats of everybody whom the rules let be seated; those of before are kept where they can be."""
    known = {name: klass for name, klass in before.items() if any(c.id == name for c in case.members)}
    kept = keep(case, known, seed, pulse) if known else None
    if kept is not None:
        return Found(kept.seats, case, kept.moved)
    few, least = split_few(case, pulse)
    try:
        seats = _around(case, few, seed, pulse)
    except Unsplit:
        seats, case = _seat_who_fits(case, set(known), seed, pulse)
        known = {name: klass for name, klass in known.items() if name in seats}
        kept = keep(case, known, seed, pulse) if known else None
        if kept is not None:
            return Found(kept.seats, case, kept.moved)
        few, least = {}, 0
    seats = _mend(case, few, seats, seed, pulse)
    return Found(seats, case, (count_moved(known, seats), 0), least)


def _around(case: Case, few: Seats, seed: int, pulse: Callable[[], None]) -> Seats:
    """Seats of everybody, around those of tracks of few classes unless others find no seats then."""
    try:
        return split_batch(case.holding(few), seed, pulse)
    except Unsplit:
        if not few:
            raise
        return split_batch(case, seed, pulse)


def _mend(case: Case, few: Seats, seats: Seats, seed: int, pulse: Callable[[], None]) -> Seats:
    """Swaps, then the flat model where a person is alone or a marginal cell is off, if that makes it better; at last ages.

    During the first swaps people of tracks of two classes stay as their programme split them. Its nodes are limited, so
    that this need not be the best; but swaps of two people find their way badly there.
    """
    # loads a compiler, which pages and commands that plan nothing go without
    from .stage2_swaps import even_out_ages, swap

    pairs = {c.id for c in case.members if len(case.batch.of_track(str(c.track))) == 2}
    loose = case.holding({name: klass for name, klass in few.items() if name in pairs and seats[name] == klass})
    seats = swap(loose, seats, seed, pulse)
    value = _value(case, seats)
    if value[:2] != (0, 0) and len(case.members) * len(case.batch.classes) <= FLAT_LITERALS:
        pulse()
        flat = Flat(case)
        flat.balance()
        flat.hint(seats)
        answer = flat.minimize(seed, FLAT_LIMIT)
        mended = swap(case, flat.seats(answer), seed, pulse) if answer.found else seats
        seats = mended if _value(case, mended) < value else seats
    return even_out_ages(case, seats, seed, pulse)


def _value(case: Case, seats: Seats) -> tuple[int, int, int]:
    return (case.lonely(seats), *case.excess(seats))


def _seat_who_fits(case: Case, first: set[str], seed: int, pulse: Callable[[], None]) -> tuple[Seats, Case]:
    """The most people whom the hard rules let be seated together, and rules that pins break in any case.

    Those of `first` had a seat before and give way last.
    """
    pulse()
    flat = Flat(case, elastic=True, first=first)
    answer = flat.minimize(seed, ELASTIC_LIMIT)
    if not answer.found:  # pins aside everybody may stay out, and pins may break every rule: there is always an answer
        return {}, Case(case.problem, case.batch, [])
    seats = flat.seats(answer)
    members: list[Cadre] = [c for c in case.members if c.id in seats]
    broken = {name for name, give in flat.gives.items() if answer.value(give)}
    smaller = Case(case.problem, case.batch, members, relaxed={name for name in broken if name[0] != "R04"})
    if any(name[0] == "R04" for name in broken):
        for klass in case.batch.classes:
            smaller.forced_sizes[klass.id] = sum(1 for name in seats.values() if name == klass.id)
    try:
        return split_batch(smaller, seed, pulse), smaller
    except Unsplit:
        return seats, smaller
