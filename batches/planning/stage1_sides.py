"""Stage 1 and R03: no batch gets people of a unit who can all be away in the same weeks only.

First people of one unit, track and tier change places or give way to one another: no level of stage 1 notices, but for
the seats kept of a previous plan, so that exchanges which cost none of them come first.
What is left becomes a limit per unit, batch and parity for the next round of the flow.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import TYPE_CHECKING

from .problem import Cadre, Problem

if TYPE_CHECKING:
    from .stage1_batches import Demand

Places = dict[str, int]


def surplus(problem: Problem, unit: str, place: int, people: list[Cadre]) -> dict[str, int]:
    """Parity -> people of the unit beyond what can be split over odd and even weeks in the batch."""
    batch = problem.batches[place]
    if len(people) < 2 or problem.is_waived("R03", f"{unit}@{batch.id}"):
        return {}
    sides = Counter(problem.side(cadre, batch) for cadre in people)
    split = all(len(batch.parities(cadre.track)) == 2 for cadre in people)
    most = (len(people) + 1) // 2 if split else len(people) - 1
    return {parity: sides[parity] - most for parity in ("odd", "even") if sides[parity] > most}


class Seating:
    """Who of which unit sits where, kept up to date while people change places."""

    def __init__(self, problem: Problem, places: Places):
        self.problem = problem
        self.places = places
        self.people: dict[tuple[str, int], list[Cadre]] = defaultdict(list)
        self.bound: set[tuple[str, int]] = set()  # where somebody can be away in one parity only
        self.free = {
            (batch.place, t) for batch in problem.batches for t in problem.tracks if len(batch.parities(t)) == 2
        }
        for name in sorted(places):
            self._seat(problem.by_id[name], places[name])

    def _seat(self, cadre: Cadre, place: int) -> None:
        self.people[cadre.unit, place].append(cadre)
        if cadre.parity or (place, cadre.track) not in self.free:
            self.bound.add((cadre.unit, place))

    def conflicts(self) -> list[tuple[str, int]]:
        return sorted(key for key in self.bound if surplus(self.problem, *key, self.people[key]))

    def excess(self, *keys: tuple[str, int]) -> int:
        return sum(sum(surplus(self.problem, *key, self.people[key]).values()) for key in keys)

    def move(self, cadre: Cadre, place: int | None) -> None:
        old = self.places.pop(cadre.id, None)
        if old is not None:
            self.people[cadre.unit, old].remove(cadre)
        if place is not None:
            self.places[cadre.id] = place
            self._seat(cadre, place)


def repair(demand: "Demand", places: Places) -> bool:
    """Let people of one unit change places, in `places` itself, until R03 can be kept; whether conflicts are left."""
    problem = demand.problem
    seating = Seating(problem, places)
    conflicts = seating.conflicts()
    units = {unit for unit, _ in conflicts}
    of_unit: dict[str, list[Cadre]] = defaultdict(list)
    for cadre in problem.cadres if conflicts else ():
        if cadre.unit in units and cadre.open and cadre.id not in problem.batch_pins:
            of_unit[cadre.unit].append(cadre)
    for unit, place in conflicts:
        while seating.excess((unit, place)) and _change(seating, of_unit[unit], unit, place, demand.before):
            pass
    return bool(conflicts and seating.conflicts())


def _change(seating: Seating, people: list[Cadre], unit: str, place: int, before: Places) -> bool:
    """One change of places that lessens the conflict of a unit in a batch, the one that costs fewest kept seats."""
    best: tuple[int, Cadre, Cadre, int | None] | None = None
    for one, two in _exchanges(seating, people, unit, place):
        other = seating.places.get(two.id)
        keys = [(unit, place)] if other is None else [(unit, place), (unit, other)]
        excess = seating.excess(*keys)
        seating.move(one, other)
        seating.move(two, place)
        helps = seating.excess(*keys) < excess
        seating.move(two, other)
        seating.move(one, place)
        if not helps:
            continue
        cost = (before.get(one.id) == place) - (before.get(two.id) == place)
        if other is not None:
            cost += (before.get(two.id) == other) - (before.get(one.id) == other)
        if best is None or cost < best[0]:
            best = (cost, one, two, other)
        if cost <= 0:
            break
    if best is None:
        return False
    seating.move(best[1], best[3])
    seating.move(best[2], place)
    return True


def _exchanges(seating: Seating, people: list[Cadre], unit: str, place: int) -> Iterator[tuple[Cadre, Cadre]]:
    """(who is too many there, who could be there instead) among people alike to stage 1."""
    problem, places = seating.problem, seating.places
    batch = problem.batches[place]
    wrong = surplus(problem, unit, place, seating.people[unit, place])
    for one in [c for c in people if places.get(c.id) == place and problem.side(c, batch) in wrong]:
        for two in people:
            other = places.get(two.id)
            alike = (one.track, one.tier, one.leading, bool(one.must)) == (
                two.track,
                two.tier,
                two.leading,
                bool(two.must),
            )
            if other != place and alike and place in two.open and (other is None or other in one.open):
                yield one, two


def limit(demand: "Demand", places: Places, round_number: int) -> bool:
    """Set limits where the conflict is left; False when there is none to set."""
    seating = Seating(demand.problem, places)
    changed = False
    for unit, place in seating.conflicts():
        people = seating.people[unit, place]
        sides = Counter(demand.problem.side(c, demand.problem.batches[place]) for c in people)
        for parity in surplus(demand.problem, unit, place, people):
            most = 1 if round_number else max(1, sides[parity] - 1)
            if demand.side_limits.get((unit, place, parity), most + 1) > most:
                demand.side_limits[unit, place, parity] = most
                changed = True
    return changed
