"""How many batches until everybody due is covered: the network of stage 1, asked of more and more batches.

    people who are alike -> [leading members of a unit in a batch ->] unit in a batch -> seats of a batch

With one track this is a maximum flow; with several, whose people share a unit's quota, or where people can be away in
weeks of one parity only (R03), an integer programme whose linear relaxation comes first. Both are exact, so the smallest
number of batches that covers everybody is exact too.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from ortools.graph.python import min_cost_flow

from .linear import Linear, Terms, Vector
from .problem import Cadre, Problem

Counts = list[dict[int, int]]
NODE_LIMIT = 2000


@dataclass(frozen=True)
class Kind:
    """People who are alike: of one unit, track and standing, free in the same batches."""

    unit: str
    track: str
    leading: bool
    parity: str | None
    open: tuple[int, ...]
    people: int


class Room:
    """Seats, unit quotas and leading members that pinned people leave, by place of the batch.

    With `to` "min" there are only the seats that classes need to be large enough (R04), those with an exception aside.
    """

    def __init__(self, problem: Problem, to: str = "max"):
        self.problem, self._to = problem, to
        self._sides: dict[tuple[str, str | None, int], str | None] = {}
        pinned = [(problem.by_id[n], place) for n, place in sorted(problem.batch_pins.items()) if place is not None]
        self._units = Counter((cadre.unit, place) for cadre, place in pinned)
        self._leading = Counter((cadre.unit, place) for cadre, place in pinned if cadre.leading)
        self._seats = Counter((place, str(cadre.track)) for cadre, place in pinned)

    def seats(self, place: int, track: str) -> int:
        classes = self.problem.batches[place].of_track(track)
        count = sum(self._to == "max" or not self.problem.is_waived("R04", klass.id) for klass in classes)
        return max(0, count * int(self.problem.rules["class_size"][self._to]) - self._seats[place, track])

    def quota(self, unit: str, place: int) -> int | None:
        """Places of the unit left in the batch; None when an exception is granted."""
        quota = self.problem.quota(unit, self.problem.batches[place])
        return None if quota is None else max(0, quota - self._units[unit, place])

    def leading(self, unit: str, place: int) -> int | None:
        quota = self.problem.leading_quota(unit, self.problem.batches[place])
        return None if quota is None else max(0, quota - self._leading[unit, place])

    def side(self, kind: Kind, place: int) -> str | None:
        """The only parity in which the kind can be away in the batch, where it has but one."""
        key = (kind.track, kind.parity, place)
        if key not in self._sides:
            parities = self.problem.batches[place].parities(kind.track)
            possible = [parity for parity in sorted(parities) if kind.parity in (None, parity)]
            self._sides[key] = possible[0] if len(possible) == 1 else None
        return self._sides[key]

    def one_sided(self, kind: Kind) -> bool:
        """Whether the kind's weeks are bound in any batch, so that the unit's others there matter (R03)."""
        return any(self.side(kind, place) is not None for place in kind.open)

    def pinned(self, unit: str, place: int) -> int:
        return self._units[unit, place]


def kinds_of(people: Iterable[Cadre]) -> list[Kind]:
    """The people, counted by what the network looks at; in a fixed order."""
    count = Counter((c.unit, str(c.track), c.leading, c.parity, c.open) for c in people)
    rows = sorted(count.items(), key=lambda item: (*item[0][:3], item[0][3] or "", item[0][4]))
    return [Kind(*key, number) for key, number in rows]


def most_covered(room: Room, kinds: Sequence[Kind], batches: int, *, seats: bool = True) -> Counts:
    """People of each kind per place in the first `batches`: as many as can be, as early as can be.

    With one track no other seating covers more people by the end of any of the batches. Without `seats` the classes are
    as large as need be, so that only the units' own limits count.
    """
    cut = _cut(kinds, batches)
    if _several_tracks(kinds):
        return _Programme(room, kinds, cut, seats).solve(early=True)
    return _one_track(room, kinds, cut, seats)


def bound(room: Room, kinds: Sequence[Kind], worth: Mapping[int, int]) -> int:
    """No seating is worth more, a person in the batch of a place being worth `worth`: by the flow or, with several tracks, by
    the linear relaxation, and without R03. Softer rules never make it less."""
    cut = [tuple(place for place in kind.open if place in worth) for kind in kinds]
    if _several_tracks(kinds):
        return _Programme(room, kinds, cut, True).bound(worth)
    people = by_place(kinds, _flow(room, kinds, cut, True, worth))[0]
    return sum(worth[place] * count for place, count in people.items())


def covers_all(room: Room, kinds: Sequence[Kind], batches: int) -> bool:
    """Whether everybody of the kinds finds a seat in the first `batches`."""
    people = sum(kind.people for kind in kinds)
    cut = _cut(kinds, batches)
    if not all(cut):
        return False
    if _several_tracks(kinds):
        programme = _Programme(room, kinds, cut, True)
        return programme.bound() >= people and _total(programme.solve(early=False)) == people
    if _total(_flow(room, kinds, cut, True)) < people:
        return False
    return _total(_one_track(room, kinds, cut, True)) == people


def _one_track(room: Room, kinds: Sequence[Kind], cut: Sequence[tuple[int, ...]], seats: bool) -> Counts:
    """The flow; units that would all be away at once are seated anew in what the others leave, else everybody."""
    counts = _flow(room, kinds, cut, seats)
    units = _all_away(room, kinds, counts)
    bound = [i for i, kind in enumerate(kinds) if kind.unit in units]
    if not bound:
        return counts
    others = [{} if i in set(bound) else row for i, row in enumerate(counts)]
    taken = by_place(kinds, others)[0]
    again = _Programme(room, [kinds[i] for i in bound], [cut[i] for i in bound], seats, taken).solve(early=True)
    if _total(again) < sum(sum(counts[i].values()) for i in bound):
        return _Programme(room, kinds, cut, seats).solve(early=True)
    for i, row in zip(bound, again, strict=True):
        others[i] = row
    return others


def _all_away(room: Room, kinds: Sequence[Kind], counts: Counts) -> set[str]:
    """Units whose people of one batch could not be split over odd and even weeks (R03)."""
    watched = {kind.unit for kind in kinds if room.one_sided(kind)}
    sides: dict[tuple[str, int], Counter[str | None]] = defaultdict(Counter)
    both: dict[tuple[str, int], bool] = defaultdict(lambda: True)
    for kind, row in zip(kinds, counts, strict=True):
        for place, people in row.items() if kind.unit in watched else ():
            sides[kind.unit, place][room.side(kind, place)] += people
            both[kind.unit, place] &= len(room.problem.batches[place].parities(kind.track)) == 2
    result = set()
    for (unit, place), count in sides.items():
        people = count.total() + room.pinned(unit, place)
        most = (people + 1) // 2 if both[unit, place] else people - 1
        if people > 1 and any(number > most for side, number in count.items() if side):
            result.add(unit)
    return result


def _several_tracks(kinds: Sequence[Kind]) -> bool:
    """Whether a flow cannot tell, because tracks share the units' quotas."""
    return len({kind.track for kind in kinds}) > 1


def _cut(kinds: Sequence[Kind], batches: int) -> list[tuple[int, ...]]:
    return [tuple(place for place in kind.open if place < batches) for kind in kinds]


def _total(counts: Counts) -> int:
    return sum(sum(row.values()) for row in counts)


def _flow(
    room: Room,
    kinds: Sequence[Kind],
    cut: Sequence[tuple[int, ...]],
    seats: bool,
    worth: Mapping[int, int] | None = None,
) -> Counts:
    """Maximum flow of least cost: each batch later costs one more, or the less the more it is worth."""
    nodes: dict[tuple[object, ...], int] = {("start",): 0, ("end",): 1}
    arcs: list[tuple[int, int, int, int]] = []
    entered: dict[tuple[str, int], int] = {}

    def node(*name: object) -> int:
        return nodes.setdefault(name, len(nodes))

    def unit(name: str, place: int) -> int:
        if (name, place) not in entered:
            entered[name, place] = node("unit", name, place)
            left = room.quota(name, place)
            free = len(room.problem.cadres) if left is None else left
            arcs.append((entered[name, place], node("batch", place), free, 0))
        return entered[name, place]

    choices: list[list[tuple[int, int]]] = []
    gates: set[tuple[str, int]] = set()
    for number, (kind, places) in enumerate(zip(kinds, cut, strict=True)):
        here = node("kind", number)
        arcs.append((0, here, kind.people, 0))
        row = []
        for place in places:
            head = unit(kind.unit, place)
            limit = room.leading(kind.unit, place) if kind.leading else None
            if limit is not None:
                gate = node("leading", kind.unit, place)
                if (kind.unit, place) not in gates:
                    gates.add((kind.unit, place))
                    arcs.append((gate, head, limit, 0))
                head = gate
            row.append((place, len(arcs)))
            arcs.append((here, head, kind.people, 0))
        choices.append(row)
    track = kinds[0].track if kinds else ""
    for place in sorted({place for places in cut for place in places}):
        free = room.seats(place, track) if seats else len(room.problem.cadres)
        arcs.append((node("batch", place), 1, free, place if worth is None else -worth[place]))
    return _shares(arcs, sum(kind.people for kind in kinds), choices)


def _shares(arcs: list[tuple[int, int, int, int]], people: int, choices: list[list[tuple[int, int]]]) -> Counts:
    if not people or not arcs:
        return [{} for _ in choices]
    solver = min_cost_flow.SimpleMinCostFlow()
    tails, heads, capacities, costs = (np.array(column, dtype=np.int64) for column in zip(*arcs, strict=True))
    solver.add_arcs_with_capacity_and_unit_cost(tails.astype(np.int32), heads.astype(np.int32), capacities, costs)
    solver.set_nodes_supplies(np.array([0, 1], dtype=np.int32), np.array([people, -people]))
    status = solver.solve_max_flow_with_min_cost()
    if status != solver.OPTIMAL:  # the empty flow is one: only a defect leads here
        raise RuntimeError(f"min-cost flow ended with status {status}")
    return [{place: int(solver.flow(arc)) for place, arc in row if solver.flow(arc)} for row in choices]


class _Programme(Linear):
    """Columns are people of a kind in a batch; where weeks are bound, one more tells that a unit sends two or more."""

    def __init__(
        self,
        room: Room,
        kinds: Sequence[Kind],
        cut: Sequence[tuple[int, ...]],
        seats: bool,
        taken: Counter[int] | None = None,
    ):
        super().__init__()
        self.kinds = len(kinds)
        self.taken = taken or Counter()
        self.columns: list[tuple[int, int]] = []
        limits: dict[tuple[object, ...], tuple[list[int], int]] = {}
        sides: dict[tuple[str, int], dict[str | None, list[int]]] = defaultdict(lambda: defaultdict(list))
        for number, (kind, places) in enumerate(zip(kinds, cut, strict=True)):
            for place in places:
                column = self.column(kind.people)
                self.columns.append((number, place))
                sides[kind.unit, place][room.side(kind, place)].append(column)
                for name, most in self._limits(room, number, kind, place, seats):
                    if most is not None:
                        limits.setdefault(name, ([], most))[0].append(column)
        for columns, most in limits.values():
            self._at_most([(column, 1.0) for column in columns], most)
        split = {unit: True for unit, _ in sides}
        for kind in kinds:
            split[kind.unit] = split.get(kind.unit, True) and all(
                len(room.problem.batches[place].parities(kind.track)) == 2 for place in kind.open
            )
        for (unit, place), own in sorted(sides.items()):
            if any(own.keys() - {None}) and not room.problem.is_waived(
                "R03", f"{unit}@{room.problem.batches[place].id}"
            ):
                self._bind(own, room.pinned(unit, place), split[unit])

    def _limits(
        self, room: Room, number: int, kind: Kind, place: int, seats: bool
    ) -> Sequence[tuple[tuple[object, ...], int | None]]:
        return [
            (("kind", number), kind.people),
            (("unit", kind.unit, place), room.quota(kind.unit, place)),
            (("seats", place, kind.track), room.seats(place, kind.track) - self.taken[place] if seats else None),
            (("leading", kind.unit, place), room.leading(kind.unit, place) if kind.leading else None),
        ][: 4 if kind.leading else 3]

    def _at_most(self, terms: Terms, most: float) -> None:
        self.row(terms, -np.inf, most)

    def _bind(self, own: dict[str | None, list[int]], pinned: int, split: bool) -> None:
        """R03: with both parities in all tracks at most half (rounded up) are bound to one; else not all of two or more."""
        everybody = [column for columns in own.values() for column in columns]
        several = 0 if split else self.column(1.0)
        if not split:
            self._at_most([*((column, 1.0) for column in everybody), (several, -float(sum(self.upper)))], 1 - pinned)
        for columns in sorted(columns for side, columns in own.items() if side is not None):
            others = [column for column in everybody if column not in columns]
            if split:
                self._at_most([*((c, 1.0) for c in columns), *((c, -1.0) for c in others)], 1 + pinned)
            else:
                self._at_most([(several, 1.0), *((column, -1.0) for column in others)], pinned)

    def _run(self, costs: Vector, whole: bool) -> Vector:
        values = self.least(self.goal(enumerate(costs)), nodes=NODE_LIMIT, relaxed=not whole).values
        return np.zeros(len(costs)) if values is None else values[: len(costs)]

    def _early(self) -> Vector:
        later = np.array([place for _, place in self.columns], dtype=float)
        return later - 50.0 * (later.max() + 1)

    def bound(self, worth: Mapping[int, int] | None = None) -> int:
        """No seating covers more; or is worth more, where a person's worth depends on the batch."""
        if not self.columns:
            return 0
        values = np.array([1.0 if worth is None else worth[place] for _, place in self.columns])
        return math.floor(float(values @ self._run(-values, False)) + 1e-6)

    def solve(self, *, early: bool) -> Counts:
        """A seating of most people; with `early` one in which they come as early as can be."""
        result: Counts = [{} for _ in range(self.kinds)]
        if self.columns:
            values = self._run(self._early() if early else np.full(len(self.columns), -1.0), True)
            for (number, place), value in zip(self.columns, values, strict=True):
                if value > 0.5:
                    result[number][place] = round(value)
        return result


def by_place(kinds: Sequence[Kind], counts: Counts) -> tuple[Counter[int], Counter[str]]:
    """(people per place, people per unit) of a seating."""
    places: Counter[int] = Counter()
    units: Counter[str] = Counter()
    for kind, row in zip(kinds, counts, strict=True):
        for place, people in row.items():
            places[place] += people
            units[kind.unit] += people
    return places, units


def by_unit(people: Iterable[Cadre]) -> dict[str, list[Cadre]]:
    result: dict[str, list[Cadre]] = defaultdict(list)
    for cadre in people:
        result[cadre.unit].append(cadre)
    return dict(sorted(result.items()))
