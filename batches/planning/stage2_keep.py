"""Stage 2 with a previous plan: the fewest changes of class, of those the fewest of seats given by hand, then the best balance.

Method: first everybody stays who may, and only newcomers are placed; where that keeps the hard rules it is proven to be
the least. Otherwise the flat model looks for the fewest changes and bounds them.
"""

from collections.abc import Callable
from dataclasses import dataclass

from .stage2_case import Case, Seats
from .stage2_flat import Flat

KEEP_LIMIT = 20.0
BALANCE_LIMIT = 2.0
BALANCE_LITERALS = 6000


@dataclass(frozen=True)
class Kept:
    """Seats, and (people of the previous plan in another class, the least possible)."""

    seats: Seats
    moved: tuple[int, int]


def keep(case: Case, before: Seats, seed: int, pulse: Callable[[], None]) -> Kept | None:
    """Seats that change the fewest of `before`; None when the hard rules leave no seating, or none was found.

    Of as many changes, those that leave people alone whom somebody seated by hand. `case.problem.spare_moves` more changes are
    made where they make the balance better, none of them of such people.
    """
    chosen = {name: klass for name, klass in before.items() if name in case.problem.by_hand}
    bound = sum(not _may_stay(case, name, klass) for name, klass in before.items())
    still = case.holding({name: klass for name, klass in before.items() if _may_stay(case, name, klass)})
    flat = Flat(still)
    flat.hint(before)
    pulse()
    answer = flat.minimize(seed, KEEP_LIMIT, 0)
    most = bound
    if not answer.found:
        still = case
        flat = Flat(case)
        flat.hint(before)
        pulse()
        weight = len(chosen) + 1
        answer = flat.minimize(seed, KEEP_LIMIT, weight * flat.moves(before) + flat.moves(chosen))
        if not answer.found:
            return None
        most, bound = bound + answer.objective // weight, bound + max(0, answer.bound) // weight
    seats = flat.seats(answer)
    spare = case.problem.spare_moves
    case_now = case if spare else still
    held = {name: klass for name, klass in chosen.items() if seats[name] == klass}
    seats = _balanced(case_now.holding(held), before, seats, most + spare, seed, pulse)
    return Kept(seats, (count_moved(before, seats), bound))


def count_moved(before: Seats, seats: Seats) -> int:
    """People seated in both who changed their class."""
    return sum(name in seats and seats[name] != klass for name, klass in before.items())


def _may_stay(case: Case, name: str, klass: str) -> bool:
    return any(k.id == klass for k in case.allowed(case.problem.by_id[name]))


def _balanced(case: Case, before: Seats, seats: Seats, most: int, seed: int, pulse: Callable[[], None]) -> Seats:
    """The best balance with at most so many changes of class, and of those the one with the fewest."""
    flat = Flat(case)
    if len(flat.x) > BALANCE_LITERALS:
        return seats
    pulse()
    flat.balance()
    moves = flat.moves(before)
    flat.model.add(sum(1 for name in before if (name, before[name]) not in flat.x) + moves <= most)
    flat.hint(seats)
    answer = flat.minimize(seed, BALANCE_LIMIT, sum(flat.costs) + moves)
    return flat.seats(answer) if answer.found else seats
