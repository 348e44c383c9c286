"""The nested split of stage 2: a batch into odd and even weeks, each side into halves, down to classes.

It finds seats that keep the hard rules (sizes, R02, R03, pins and own parities): a node of the tree is a small CP-SAT
with one literal a person, and leaves each part what the classes below it need. How alike the classes are is left to the
swaps that follow (stage2_swaps).
"""

from collections.abc import Callable, Iterable, Iterator

from ortools.sat.python import cp_model

from .cpsat import Expr, run
from .problem import Cadre, Klass
from .stage2_case import Case, Seats

LIMIT = 2.0
COUNTY = 320  # people of a node for whom the limit is meant; larger nodes have more


class Unsplit(Exception):
    """A node has no split that keeps the hard rules."""


def split_batch(case: Case, seed: int, pulse: Callable[[], None]) -> Seats:
    """Cadre -> class, or Unsplit."""
    if not case.members:
        return {}
    odd = {k.id for k in case.batch.classes if k.parity == "odd"}
    parts: list[tuple[list[Klass], list[Cadre]]] = []
    by_parity = _split_parity(case, odd, seed)
    for track in sorted(case.totals):
        for side in (True, False):
            classes = [k for k in case.batch.of_track(track) if (k.id in odd) == side]
            people = [c for c in case.members if c.track == track and by_parity[c.id] == side]
            if classes:
                parts.append((classes, people))
    seats: Seats = {}
    while parts:
        classes, people = parts.pop()
        if len(classes) == 1:
            seats.update((c.id, classes[0].id) for c in people)
            continue
        pulse()
        parts.extend(_halve(case, classes, people, seed))
    return seats


class Node:
    """A two-way split: a literal a person says `first part`."""

    def __init__(self, case: Case, people: Iterable[Cadre]):
        self.case = case
        self.people = list(people)
        self.model = cp_model.CpModel()
        self.first = {c.id: self.model.new_bool_var("") for c in self.people}

    def count(self, people: Iterable[Cadre]) -> Expr:
        return sum(self.first[c.id] for c in people)

    def sizes(self, people: list[Cadre], first: list[Klass], second: list[Klass]) -> None:
        """Both parts hold what their classes may hold."""
        ranges = [self.case.size_range(k) for k in first], [self.case.size_range(k) for k in second]
        (low, high), (low2, high2) = ((sum(r[0] for r in part), sum(r[1] for r in part)) for part in ranges)
        low, high = max(low, len(people) - high2), min(high, len(people) - low2)
        self.model.add_linear_constraint(self.count(people), low, high)

    def spread(self, people: list[Cadre], first: int, second: int) -> None:
        """Room is left for R02 in the classes below."""
        groups: dict[tuple[str, str], list[Cadre]] = {}
        for cadre in people:
            groups.setdefault((cadre.unit, str(cadre.track)), []).append(cadre)
        for (unit, track), rows in groups.items():
            most = self.case.spread(unit, track)
            if most is not None and len(rows) > min(first, second) * most:
                self.model.add_linear_constraint(self.count(rows), len(rows) - second * most, first * most)

    def solve(self, seed: int) -> dict[str, bool]:
        """Who is in the first part."""
        answer = run(self.model, seed, LIMIT * max(1.0, len(self.people) / COUNTY))
        if not answer.found:
            raise Unsplit
        return {name: answer.true(literal) for name, literal in self.first.items()}


def _split_parity(case: Case, odd: set[str], seed: int) -> dict[str, bool]:
    """Who is away in odd weeks: no unit is ever all away, odd and even differ by one at most (R03)."""
    node = Node(case, case.members)
    for cadre in case.members:
        sides = {k.id in odd for k in case.allowed(cadre)}
        if len(sides) == 1:
            node.model.add(node.first[cadre.id] == sides.pop())
    for _, people, even_out in case.split_units():
        half = len(people) // 2 if even_out else 1
        node.model.add_linear_constraint(node.count(people), half, len(people) - half)
    for classes, people in _tracks(case):
        first = [k for k in classes if k.id in odd]
        second = [k for k in classes if k.id not in odd]
        node.sizes(people, first, second)
        node.spread(people, len(first), len(second))
    return node.solve(seed)


def _tracks(case: Case) -> Iterator[tuple[tuple[Klass, ...], list[Cadre]]]:
    for track in sorted(case.totals):
        yield case.batch.of_track(track), [c for c in case.members if c.track == track]


def _halve(case: Case, classes: list[Klass], people: list[Cadre], seed: int) -> list[tuple[list[Klass], list[Cadre]]]:
    middle = (len(classes) + 1) // 2
    first, second = classes[:middle], classes[middle:]
    node = Node(case, people)
    names = {k.id for k in first}
    for cadre in people:
        if cadre.id in case.pins:
            node.model.add(node.first[cadre.id] == (case.pins[cadre.id] in names))
    node.sizes(people, first, second)
    node.spread(people, len(first), len(second))
    chosen = node.solve(seed)
    return [(first, [c for c in people if chosen[c.id]]), (second, [c for c in people if not chosen[c.id]])]
