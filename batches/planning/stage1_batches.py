"""Stage 1: which batch each cadre attends, or none.

Method: cadres who differ in nothing that stage 1 looks at form a group; groups flow through leading-member limits and
unit quotas into batches (min-cost flow; with several tracks, where a quota is shared between tracks, an auction of
the seats). Levels, most important first: must-attend people unseated, people missing under the class minima,
coverage by tier, seats kept of a previous plan, people of a unit beyond its number there (who is replaced by a colleague
disturbs no class), earliness, people of one unit at once; when the clerk prefers published seats, those come first of all.
Somebody newly seated is no move of anybody else.
Promise: every level proven optimal (gap 0). Where the own week parities of a unit's people could not be split (R03),
people of one unit and tier change places, which changes no level; where that does not help, the flow is solved again
with a limit per parity, and if that cost anything, an integer programme that knows R03 decides, up to a size; beyond it
the gap against the first solution is reported.
"""

import random
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import Any

from . import stage1_flow, stage1_sides, stage1_tracks
from .control import Control, level
from .problem import Problem

Places = dict[str, int]
FINE = ("units_changed", "earliness", "same_unit_pairs")
MOST_ROUNDS = 8
MOST_FOR_MIP = 150_000
MOST_FOR_REPAIR = 10_000


@dataclass(frozen=True)
class Group:
    """Cadres who are alike to stage 1."""

    unit: str
    track: str
    tier: int
    leading: bool
    must: bool
    parity: str | None
    open: tuple[int, ...]
    before: int | None
    people: tuple[str, ...] = field(compare=False)


@dataclass
class Demand:
    """The groups to seat, what pinned people already take, and limits per unit, batch and parity."""

    problem: Problem
    groups: list[Group]
    pinned: Places
    quota_used: Counter[tuple[str, int]]
    leading_used: Counter[tuple[str, int]]
    seats_used: Counter[tuple[int, str]]
    side_limits: dict[tuple[str, int, str], int]
    before: Places
    units_before: Counter[tuple[str, int]]

    @property
    def several_tracks(self) -> bool:
        return len({group.track for group in self.groups}) > 1

    @property
    def small(self) -> bool:
        """Whether an integer programme of all groups is within reach."""
        return self.choices <= MOST_FOR_MIP

    @property
    def choices(self) -> int:
        """Batches open to the groups, summed: the size of the models."""
        return sum(len(group.open) for group in self.groups)

    def seats(self, place: int, track: str) -> tuple[int, int]:
        """(seats still missing to the minima, seats free) of a track in a batch."""
        size = self.problem.rules["class_size"]
        count = len(self.problem.batches[place].of_track(track))
        used = self.seats_used[place, track]
        return max(0, count * size["min"] - used), max(0, count * size["max"] - used)

    def quota_left(self, unit: str, place: int) -> int | None:
        quota = self.problem.quota(unit, self.problem.batches[place])
        return None if quota is None else max(0, quota - self.quota_used[unit, place])

    def leading_left(self, unit: str, place: int) -> int | None:
        quota = self.problem.leading_quota(unit, self.problem.batches[place])
        return None if quota is None else max(0, quota - self.leading_used[unit, place])

    def side(self, group: Group, place: int) -> str | None:
        """The parity in which the group must be away there, if a limit is set on it."""
        parities = self.problem.batches[place].parities(group.track)
        for parity in sorted(parities):
            if (group.parity == parity or len(parities) == 1) and (group.unit, place, parity) in self.side_limits:
                return parity
        return None


def solve(problem: Problem, seed: int, control: Control) -> tuple[Places, list[dict[str, Any]]]:
    """Cadre -> place of the batch, and the levels."""
    control.step(1, 0.0)
    demand = make_demand(problem)
    names = stage1_tracks.order(problem)
    places, first, proven = _flowing(demand, seed, control)
    values = measure(problem, places)
    # a repair is content with the bounds of who sits where; what is finer is reported with its gap
    weighty = names if problem.previous is None else [name for name in names if name not in FINE]
    missed = [n for i, n in enumerate(weighty) if i >= proven or values[n] != first[n]]
    if missed and demand.choices <= (MOST_FOR_MIP if problem.previous is None else MOST_FOR_REPAIR):
        demand.side_limits.clear()  # the exact model keeps R03 itself; limits set on the way may shut out the best
        exact = stage1_tracks.lexicographic(demand, control)
        if exact is not None:
            other = {**demand.pinned, **_hand_out(demand, exact[0], seed)}
            found = measure(problem, other)
            if not stage1_sides.repair(demand, other) and _rank(names, found) <= _rank(names, values):
                places, values, first, proven = other, measure(problem, other), found, exact[1]
    elif missed and demand.small:
        missing = stage1_tracks.shortfall_of(demand, _counted(demand, places), missed[0], control)
        if (
            missing is not None
        ):  # only the first level missed is proved: the bounds below it belong to another value of it
            sign = 1 if missed[0].startswith("covered_") else -1
            first, proven = {**first, missed[0]: values[missed[0]] + sign * missing}, names.index(missed[0]) + 1
    levels = _levels(problem, values, first, proven)
    for row in levels:
        control.best(1, row["level"], row["value"], row["bound"])
    return places, levels


def _counted(demand: Demand, places: Places) -> list[dict[int, int]]:
    """People of each group per batch in a seating."""
    rows = (Counter(places[name] for name in group.people if name in places) for group in demand.groups)
    return [dict(row) for row in rows]


def _flowing(demand: Demand, seed: int, control: Control) -> tuple[Places, dict[str, int], int]:
    """A seating by the flow, the levels of the first round (which knows fewer limits), and how many are proven."""
    problem = demand.problem
    first: dict[str, int] | None = None
    proven = len(stage1_tracks.LEVELS)
    places: Places = {}
    for round_number in range(MOST_ROUNDS):
        counts, proof = _counts(demand, control)
        places = {**demand.pinned, **_hand_out(demand, counts, seed)}
        if first is None:
            first = measure(problem, places)
            if not proof:
                proven = stage1_tracks.proven_levels(demand, counts, control) if demand.small else 0
        if not stage1_sides.repair(demand, places) or not stage1_sides.limit(demand, places, round_number):
            break
        control.step(1, 0.5, "核对单位的单双周")
    return places, first or measure(problem, places), proven


def _rank(names: tuple[str, ...], values: dict[str, int]) -> list[int]:
    """The levels as a list that is smaller the better."""
    return [-values[name] if name.startswith("covered_") else values[name] for name in names]


def make_demand(problem: Problem) -> Demand:
    """Group the people who may be seated; count what pins take."""
    before = _previous_places(problem)
    pinned: Places = {name: place for name, place in problem.batch_pins.items() if place is not None}
    members: dict[tuple[Any, ...], list[str]] = defaultdict(list)
    for cadre in problem.cadres:
        if cadre.open and cadre.id not in problem.batch_pins:
            kept = before.get(cadre.id)
            key = (
                cadre.unit,
                cadre.track,
                cadre.tier,
                cadre.leading,
                bool(cadre.must),
                cadre.parity,
                cadre.open,
                kept if kept in cadre.open else None,
            )
            members[key].append(cadre.id)
    groups = [Group(*(*key, tuple(people))) for key, people in members.items()]
    people = [problem.by_id[name] for name in sorted(pinned)]
    return Demand(
        problem,
        groups,
        pinned,
        Counter((c.unit, pinned[c.id]) for c in people),
        Counter((c.unit, pinned[c.id]) for c in people if c.leading),
        Counter((pinned[c.id], str(c.track)) for c in people),
        {},
        before,
        _units_before(problem, before),
    )


def _previous_places(problem: Problem) -> Places:
    if problem.previous is None:
        return {}
    place = {batch.id: batch.place for batch in problem.batches}
    rows = problem.previous["assignments"]
    return {row["cadre"]: place[row["batch"]] for row in rows if row["batch"] in place}


def _units_before(problem: Problem, before: Places) -> Counter[tuple[str, int]]:
    """People of each unit in each batch of the previous plan."""
    return Counter((problem.by_id[name].unit, place) for name, place in before.items() if name in problem.by_id)


def _counts(demand: Demand, control: Control) -> tuple[list[dict[int, int]], bool]:
    """People of each group per batch, and whether every level of them is proven."""
    if not demand.several_tracks:
        return stage1_flow.solve(demand, demand.groups), True
    if demand.problem.previous is None and not demand.side_limits:
        # loads a compiler, which pages and commands that plan nothing go without
        from . import stage1_shared

        found = stage1_shared.solve(demand, lambda: control.step(1, 0.2, "多班型共用名额"))
        if found is not None:
            return found
    result = stage1_tracks.solve(demand, control) if demand.small else None
    return (stage1_tracks.one_after_another(demand) if result is None else result), False


def _hand_out(demand: Demand, counts: list[dict[int, int]], seed: int) -> Places:
    """Draw who of a group goes where; people keep the batch of a previous plan first."""
    places: Places = {}
    for group, per_place in zip(demand.groups, counts, strict=True):
        people = list(group.people)
        if len(people) > 1 and per_place and (len(per_place) > 1 or sum(per_place.values()) < len(people)):
            random.Random(f"{seed}/1/{group.unit}/{group.people[0]}").shuffle(people)
        for place in sorted(per_place, key=lambda p: (p != group.before, p)):
            for _ in range(per_place[place]):
                places[people.pop()] = place
    return places


def measure(problem: Problem, places: Places) -> dict[str, int]:
    """The levels of stage 1 of a seating."""
    size = problem.rules["class_size"]
    seated: dict[tuple[int, str | None], int] = defaultdict(int)
    units: dict[tuple[str, int], int] = defaultdict(int)
    covered, earliness = [0, 0, 0], 0
    for name, place in places.items():
        cadre = problem.by_id[name]
        seated[place, cadre.track] += 1
        units[cadre.unit, place] += 1
        covered[cadre.tier] += 1
        earliness += (2, 1, 0)[cadre.tier] * place
    before = _previous_places(problem)
    allowed = _units_before(problem, before)
    return {
        "must_unmet": sum(1 for c in problem.cadres if c.must and c.id not in places),
        "minimum_missing": sum(
            max(0, len(batch.of_track(track)) * size["min"] - seated[batch.place, track])
            for batch in problem.batches
            for track in problem.tracks
        ),
        **{f"covered_{tier}": covered[tier] for tier in (0, 1, 2)},
        "moved_seats": sum(places.get(name) != place for name, place in before.items() if name in problem.by_id),
        "units_changed": sum(max(0, n - allowed[key]) for key, n in units.items()),
        "earliness": earliness,
        "same_unit_pairs": sum(n * (n - 1) // 2 for n in units.values()),
    }


def _levels(problem: Problem, values: dict[str, int], first: dict[str, int], proven: int) -> list[dict[str, Any]]:
    """Levels with bounds: the first solution knows fewer limits, so its values bound ours while all above agree."""
    result = []
    agree = True
    for number, name in enumerate(stage1_tracks.order(problem)):
        agree = agree and number < proven
        if name not in stage1_tracks.OF_REPAIRS or problem.previous is not None:
            result.append(level(1, name, values[name], first[name] if agree else None))
        agree = agree and values[name] == first[name]
    return result


def after_stage_2(problem: Problem, places: Places, levels: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The levels measured again, should stage 2 have left people without a seat; the bounds stand while levels agree."""
    values = measure(problem, places)
    result, agree = [], True
    for row in levels:
        value = values[row["level"]]
        result.append(level(1, row["level"], value, row["bound"] if agree else None))
        agree = agree and value == row["value"]
    return result
