"""Stage 3: when and where each class gathers.

Method: batch by batch in calendar order, carrying the load of the bases; in a large county a few classes of a batch at
a time, those that share staff together, from visits that were counted for the whole batch. CP-SAT settles skips and
distinct villages. HiGHS counts how often each site is used: for the lowest peak load, then for the fewest returns and
kilometres; CP-SAT gives those visits to classes and days, and annealing exchanges them for few changes of route. Classes
that meet at a base must find households together: a choice where they do not is cut off and the round is solved again;
in the end each base takes one class at a time.
Promise: every gathering held can be lodged; each level of a batch carries its bound.
"""

import random
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from . import stage3_keep
from .control import Control, level
from .places import Places, houses_suffice, places_of
from .problem import Batch, Klass, Problem, first_days, sex_counts
from .stage3_allot import Allotment, allot, free_stays
from .stage3_bounds import forced_skips, least_peak
from .stage3_days import Days, find_days
from .stage3_model import SCALE, Round, Settled, missing_villages, water_level
from .stage3_options import Chooser, Option, Stays, person_days, taken_out
from .stage3_place import place
from .stage3_polish import polish
from .stage3_routes import Walk, fewest
from .stage3_settle import Settling
from .stage3_travel import METRE, Program, Shortest, journey, rank

TOGETHER = 16
TOGETHER_IN_LARGE_COUNTY = 8
MOST_CUT_ROUNDS = 6
MOST_DAILY_ROUNDS = 3
DAILY_NODES = 10
MOST_WALKS, FEW_WALKS = 6, 2
GROUPS = 8


@dataclass
class Totals:
    """Sums of the levels over rounds; a bound is lost when one round has none."""

    skips: int = 0
    skips_bound: int = 0
    short: int = 0
    short_bound: int = 0
    changes: int = 0
    changes_bound: int = 0
    peak_bound: float = 0.0
    returns: int = 0
    returns_bound: int = 0
    km: float = 0.0
    km_bound: float = 0.0
    route_changes: int = 0
    route_changes_bound: int = 0


@dataclass(frozen=True)
class Bounds:
    """Of returns, kilometres and changes of route of a round."""

    returns: int = 0
    km: float = 0.0
    changes: int = 0


@dataclass
class Itinerary:
    """Gatherings of a batch that are held, and why the others are not; (class, index) -> option or reason."""

    held: dict[tuple[str, int], Option] = field(default_factory=dict)
    skipped: dict[tuple[str, int], str] = field(default_factory=dict)
    totals: Totals = field(default_factory=Totals)


def plan_batch(
    problem: Problem, batch: Batch, members: dict[str, list[str]], earlier: list[Option], seed: int, control: Control
) -> Itinerary:
    """Days and bases of the classes of a batch; `earlier` are the gatherings of the batches before it."""
    # its own: the days of a batch are of no use to the next, and those of a year many in a city
    places = Places(problem)
    sexes = {klass.id: sex_counts(problem, members.get(klass.id, [])) for klass in batch.classes}
    chooser = Chooser(problem, places, sexes, members)
    stays = Stays(problem, {base: places.history[base] for base in places.rows})
    stays.add(earlier)
    result = Itinerary()
    days, lawful = first_days(problem, batch), first_days(problem, batch, apart=False)
    former = stage3_keep.former(chooser, batch, lawful, stays, seed, unlodged)
    groups = group_classes(batch, TOGETHER_IN_LARGE_COUNTY if chooser.large else TOGETHER)
    counted = chooser.large and not former.options
    allotment = None
    if counted:
        allotment = allot(chooser, batch, groups, days, stays, seed, lambda: control.step(3, None, "统算全期去处"))
    for number in range(len(groups)):
        control.step(3, number / len(groups), f"期次 {batch.id}")
        rounds = _rounds(chooser, batch, groups, number, days, former, stays, allotment, seed)
        round_, chosen = next(
            (row, found) for row in rounds if (found := plan_round(row, seed, control, result.totals)) is not None
        )
        if allotment is not None:
            allotment.take(round_.given.times if round_.given is not None and round_.given.first else None)
        held = [round_.options[n] for n in chosen if n is not None]
        result.held.update({(o.klass, o.index): o for o in held})
        for slot, choice in zip(round_.slots, chosen, strict=True):
            if choice is None:
                key = (slot.klass.id, slot.index)
                empty = not sum(chooser.sexes.get(slot.klass.id, (0, 0)))
                result.skipped[key] = (
                    "empty_class" if empty else _reason(round_, lawful[slot.klass.parity, slot.index], key, held, stays)
                )
        stays.add(held)
    if allotment is not None:
        _bounded(result, allotment, stays)
    if problem.previous is not None:
        _count_changes(chooser, batch, former, result, control)
    return result


def _bounded(result: Itinerary, allotment: Allotment, stays: Stays) -> None:
    """The bounds of a batch that was counted as a whole, where they are those of the gatherings held."""
    totals, held = result.totals, list(result.held.values())
    if len(held) < allotment.held:
        return
    used = {base for option in held for base in option.site.bases}
    beds = places_of(stays.problem).beds
    totals.peak_bound = allotment.peak[1]
    returns, km = allotment.bounds(max(stays.load[base] / beds[base] for base in used), totals.returns)
    totals.returns_bound, totals.km_bound = min(totals.returns, returns), min(totals.km, km)


def group_classes(batch: Batch, most: int) -> list[list[Klass]]:
    """The classes of a batch in groups of at most so many, those that share staff in one as far as they fit."""
    if len(batch.classes) <= most:
        return [list(batch.classes)]
    bands: list[tuple[set[str], list[Klass]]] = []
    for klass in batch.classes:
        meets = [band for band in bands if band[0] & set(klass.staff)]
        staff = set(klass.staff).union(*(band[0] for band in meets))
        together = [*(other for band in meets for other in band[1]), klass]
        bands = [*(band for band in bands if band not in meets), (staff, together)]
    groups: list[list[Klass]] = [[]]
    for _, together in bands:
        if groups[-1] and len(groups[-1]) + len(together) > most:
            groups.append([])
        for klass in together:
            if len(groups[-1]) == most:
                groups.append([])
            groups[-1].append(klass)
    return groups


def _rounds(
    chooser: Chooser,
    batch: Batch,
    groups: list[list[Klass]],
    number: int,
    days: dict[tuple[str, int], tuple[int, ...]],
    former: stage3_keep.Former,
    stays: Stays,
    allotment: Allotment | None,
    seed: int,
) -> Iterator[Round]:
    """What a group may choose from: the visits that it is given; then whatever leaves the groups after it theirs."""
    if allotment is not None:
        allotment.sort(free_stays(chooser, allotment.visits.bases, days, stays))
        highest = max(load / beds for base, load in stays.load.items() if (beds := chooser.places.beds[base]))
        peaks = (allotment.peak, (max(highest, allotment.peak[0]), allotment.peak[1]))
        for given in (allotment.given(), *(allotment.spared(stays.load, peak) for peak in peaks)):
            slots = chooser.slots_given(batch, groups[number], days, stays, given)
            yield Round(chooser.problem, chooser.places, slots, dict(stays.load), {}, whole=False, given=given)
        reserved = allotment.reserved()
        stays = replace(stays, load={base: load + reserved[base] for base, load in stays.load.items()})
    round_ = _round(chooser, batch, groups[number], days, former, stays, seed)
    round_.whole = len(groups) == 1 and not chooser.large
    yield round_


def _round(
    chooser: Chooser,
    batch: Batch,
    classes: list[Klass],
    days: dict[tuple[str, int], tuple[int, ...]],
    former: stage3_keep.Former,
    stays: Stays,
    seed: int,
) -> Round:
    """The slots of some classes; with a previous plan, what can be kept is the only option where nothing speaks against."""
    problem = chooser.problem
    if not former.options:
        round_ = Round(problem, chooser.places, chooser.slots(batch, classes, days, stays), dict(stays.load), {})
        stage3_keep.keep_apart(round_, days)
        return round_
    others = former.of_others({klass.id for klass in classes})
    if problem.prefer == "kept":
        others += stage3_keep.of_later(problem, chooser, batch)
    free = stage3_keep.reserve(stays, others)
    if not former.loose and not problem.spare_moves:
        before = chooser.before if problem.prefer == "kept" else {}  # else what can be held is not left out for another
        slots = chooser.slots(batch, classes, days, free, former.options)
        fixed = Round(problem, chooser.places, slots, dict(stays.load), before)
        stage3_keep.keep_apart(fixed, days)
        if problem.prefer == "kept" or stage3_keep.costs_nothing(fixed, seed):
            return fixed
    offered = stage3_keep.offer(chooser.slots(batch, classes, days, free), former.options)
    round_ = Round(problem, chooser.places, offered, dict(stays.load), chooser.before)
    stage3_keep.keep_apart(round_, days)
    return round_


def _count_changes(
    chooser: Chooser, batch: Batch, former: stage3_keep.Former, result: Itinerary, control: Control
) -> None:
    """Gatherings of the previous plan that changed, those that no plan could keep included."""
    totals = result.totals
    totals.changes = stage3_keep.changed(chooser, batch, result.held)
    settled = former.loose if chooser.problem.prefer == "kept" else totals.changes_bound
    totals.changes_bound = former.lost + settled
    control.best(3, "moved_gatherings", totals.changes, totals.changes_bound)


def plan_round(round_: Round, seed: int, control: Control, totals: Totals) -> list[int | None] | None:
    """Settle skips and load, then shorten the journeys; only choices that can be lodged leave this function.

    None: the visits that the round is given cannot be had on any days.
    """
    settling = Settling(round_, seed)
    settled = settling.settle()
    for attempt in range(MOST_CUT_ROUNDS):
        if settled is None:
            return None
        clashes = unlodged(round_, settled.chosen)
        if not clashes:
            break
        control.step(3, None, "重新安排同住一处的几个班")
        round_.clashes.extend(clashes)
        round_.alone = attempt == MOST_CUT_ROUNDS - 2
        settled = settling.settle()
    if settled is None:
        return None
    if round_.given is not None and round_.given.first:
        taken = Counter(round_.visit(number) for number in settled.chosen if number is not None)
        round_.given = replace(round_.given, times=taken, rooms=person_days(taken, round_.problem.days))
    control.best(3, "skips", *settled.skips)
    control.best(3, "max_load", *settled.peak)
    chosen, bounds = shorten(round_, settled, seed, control)
    km, changes, returns = journey(round_, chosen)
    control.best(3, "village_returns", returns, bounds.returns)
    control.best(3, "travel_km", km, bounds.km)
    control.best(3, "route_changes", changes, bounds.changes)
    _count(round_, settled, chosen, bounds, totals, seed)
    return chosen


def shorten(round_: Round, settled: Settled, seed: int, control: Control) -> tuple[list[int | None], Bounds]:
    """The better of what was settled and what the solvers find, with the bounds of the journey's levels."""
    if settled.forced(round_):
        km, changes, returns = journey(round_, settled.chosen)
        return settled.chosen, Bounds(returns, km, changes)
    control.step(3, None, "缩短路程")
    program = Program(round_, settled)
    shortest = program.of(settled) if settled.shortest else program.solve()
    if shortest is None:
        bound = program.loose_bound() if program.groups else 0.0
        return _mended(round_, settled, [], seed, control), Bounds(km=bound)
    least = fewest(program, settled, shortest)
    chosen = _placed(round_, program, settled, shortest, least, seed, control)
    if chosen is None and not program.by_day:
        chosen = _dated(round_, program, settled, shortest, seed)
    if chosen is None and program.by_day:
        chosen = _mended(round_, settled, [program.groups[column] for column in shortest.columns], seed, control)
    elif chosen is None:
        chosen, shortest = _with_days(round_, program, settled, shortest, seed, control)
        least = fewest(program, settled, shortest)
        walked = _placed(round_, program, settled, shortest, least, seed, control, FEW_WALKS)
        chosen = chosen if walked is None else min((chosen, walked), key=lambda choice: rank(round_, choice))
    chosen = min((settled.chosen, chosen), key=lambda choice: rank(round_, choice))
    km, _, returns = journey(round_, chosen)
    km_bound = settled.km if returns <= settled.returns else 0.0
    if not settled.shortest:
        km_bound = max(km_bound, shortest.km[1] if returns <= shortest.returns[0] else program.loose_bound())
    held = returns <= shortest.returns[0] and km <= shortest.km[0] + METRE
    return chosen, Bounds(max(settled.returns, shortest.returns[1]), km_bound, least if held else 0)


def _with_days(
    round_: Round, program: Program, settled: Settled, sites: Shortest, seed: int, control: Control
) -> tuple[list[int | None], Shortest]:
    """A choice for when the shortest sites have no days: by a programme that knows days, or else mended."""
    daily = None if settled.shortest else _by_day(round_, settled, control)
    if daily is None:
        chosen = _mended(round_, settled, [program.groups[column] for column in sites.columns], seed, control)
    else:
        chosen = daily[0]
    chosen = min((settled.chosen, chosen), key=lambda choice: rank(round_, choice))
    km, _, returns = journey(round_, chosen)
    known = [sites] if daily is None else [sites, daily[1]]
    bounds = [row.km[1] for row in known if returns <= row.returns[0]]
    if not bounds and not settled.shortest:
        bounds = [program.loose_bound()]
    least = min(km, max(bounds, default=0.0))
    return chosen, Shortest(program.columns_of(chosen), (returns, max(row.returns[1] for row in known)), (km, least))


def _by_day(round_: Round, settled: Settled, control: Control) -> tuple[list[int | None], Shortest] | None:
    """The shortest journeys with days; None when none is found at once."""
    for _ in range(MOST_DAILY_ROUNDS):
        control.step(3, None, "缩短路程")
        program = Program(round_, settled, by_day=True)
        shortest = program.solve(DAILY_NODES)
        if shortest is None:
            return None
        picked = {program.groups[column][0] for column in shortest.columns}
        chosen = [next((n for n in numbers if n in picked), None) for numbers in round_.of_slot]
        clashes = unlodged(round_, chosen)
        if not clashes:
            return chosen, shortest
        round_.clashes.extend(clashes)
    return None


def _placed(
    round_: Round,
    program: Program,
    settled: Settled,
    shortest: Shortest,
    least: int,
    seed: int,
    control: Control,
    walks: int = MOST_WALKS,
) -> list[int | None] | None:
    """Sites of the shortest journeys given to classes, with days; None when no days are found for them."""
    if program.by_day:
        found = find_days(round_, [program.groups[column] for column in shortest.columns], seed, unlodged)
        return found.chosen if isinstance(found, Days) else None
    walk = Walk(program, settled, shortest)
    for attempt in range(walks):
        control.step(3, None, "减少换路线")
        columns = walk.run(random.Random(f"{seed}/3/{round_.slots[0].klass.id}/{attempt}"), least)
        if columns is None:
            return None
        found = find_days(round_, [program.groups[column] for column in columns], seed, unlodged)
        if isinstance(found, Days):
            return found.chosen
        at_bases = [walk.restrain([columns[number] for number in clash]) for clash in found]
        if not all(at_bases):
            return None
    return None


def _dated(round_: Round, program: Program, settled: Settled, shortest: Shortest, seed: int) -> list[int | None] | None:
    """As many visits of each kind as the shortest journeys have, by whichever classes find days for them."""
    times = Counter(program.option(column).kind for column in shortest.columns)
    among = [number for number, option in enumerate(round_.options) if option.kind in times]
    for _ in range(MOST_CUT_ROUNDS):
        chosen = place(round_, settled, among, settled.peak[0], seed, times=times, returns=shortest.returns[0])
        clashes = [] if chosen is None else unlodged(round_, chosen)
        if not clashes:
            return chosen
        round_.clashes.extend(clashes)
    return None


def _mended(round_: Round, settled: Settled, sites: list[list[int]], seed: int, control: Control) -> list[int | None]:
    """Journeys by CP-SAT over whole options, for when sites alone do not lead to days."""
    for _ in range(MOST_CUT_ROUNDS):
        control.step(3, None, "缩短路程")
        chosen = polish(round_, settled, sites, seed)
        clashes = unlodged(round_, chosen)
        if not clashes:
            return chosen
        round_.clashes.extend(clashes)
    return settled.chosen


def unlodged(round_: Round, chosen: list[int | None]) -> list[list[int]]:
    """Sets of options that meet at a base and cannot be given households together."""
    at: dict[str, list[int]] = defaultdict(list)
    for number in chosen:
        if number is not None:
            for base in round_.options[number].site.bases:
                at[base].append(number)
    result: list[list[int]] = []
    for base, numbers in sorted(at.items()):
        for meeting in _meetings(round_, numbers):
            if len(meeting) > 1 and not lodge_together(round_, base, meeting):
                result.extend(_like(round_, base, meeting) if len(meeting) == 2 else [meeting])
    return result


def _meetings(round_: Round, numbers: list[int]) -> list[list[int]]:
    """Options at one base in groups whose nights touch one another."""
    nights = max(1, round_.problem.days - 1)
    ordered = sorted(numbers, key=lambda n: (round_.options[n].first, n))
    groups: list[list[int]] = []
    for number in ordered:
        if groups and round_.options[number].first < round_.options[groups[-1][-1]].first + nights:
            groups[-1].append(number)
        else:
            groups.append([number])
    return groups


def lodge_together(round_: Round, base: str, numbers: list[int]) -> bool:
    """Whether households that are open to all of them suffice for all of them at once."""
    windows = [round_.places.window(base, round_.options[n].first) for n in numbers]
    common = set.intersection(*({(h.id, h.least, h.most) for h in w.houses} for w in windows))
    ranges = tuple(sorted((least, most) for _, least, most in common if least <= most))
    parts = [part for n in numbers for part in round_.options[n].parts if part.base == base]
    if len(parts) > GROUPS:
        return False
    return houses_suffice(tuple(size for part in parts for size in (part.men, part.women)), ranges)


def _like(round_: Round, base: str, pair: list[int]) -> list[list[int]]:
    """The pair and all pairs of the same two slots that clash at the base in the same way."""
    nights = max(1, round_.problem.days - 1)
    rows = []
    for number in pair:
        slot = next(numbers for numbers in round_.of_slot if number in numbers)
        rows.append([n for n in slot if base in round_.options[n].site.bases])
    return [
        [one, two]
        for one in rows[0]
        for two in rows[1]
        if abs(round_.options[one].first - round_.options[two].first) < nights
        and not lodge_together(round_, base, [one, two])
    ]


def _reason(round_: Round, first: tuple[int, ...], key: tuple[str, int], held: list[Option], stays: Stays) -> str:
    """Why a gathering is not held."""
    problem = round_.problem
    if key in taken_out(problem):
        return "withdrawn"
    if not first:
        return "no_day"
    staff = set(problem.classes[key[0]].staff)
    busy = set(stays.busy)
    for option in held:
        days = range(option.first, option.first + problem.days)
        busy.update((name, day) for name in problem.classes[option.klass].staff for day in days)
    free = [day for day in first if not any((n, d) in busy for n in staff for d in range(day, day + problem.days))]
    return "no_site" if free else "no_staff"


def _count(
    round_: Round, settled: Settled, chosen: list[int | None], bounds: Bounds, totals: Totals, seed: int
) -> None:
    km, changes, returns = journey(round_, chosen)
    short = missing_villages(round_, chosen)
    filled = {slot.klass.id for slot in round_.slots if slot.options}
    missing = sum(n for name, n in short.items() if name in filled)
    totals.skips += sum(number is None for number in chosen)
    totals.short += missing
    totals.changes += settled.changes[0]
    if round_.whole:
        waived = {name for name in short if round_.problem.is_waived("R14", name)}
        without = sum(n for name, n in short.items() if name not in filled | waived)  # the model counts them too
        totals.changes_bound += settled.changes[1]
        totals.skips_bound += settled.skips[1]
        totals.short_bound += min(missing, max(0, settled.short_bound - without))
        totals.peak_bound = max(totals.peak_bound, water_level(round_, chosen), settled.peak[1])
    else:  # other groups of classes, or other bases, might have done better
        totals.skips_bound += forced_skips(round_.slots, round_.problem.days, seed)[0]
    totals.returns += returns
    totals.returns_bound += min(returns, bounds.returns)
    totals.km += km
    totals.km_bound += min(km, bounds.km)
    totals.route_changes += changes
    totals.route_changes_bound += min(changes, bounds.changes)


def levels(problem: Problem, held: list[Option], parts: list[Totals]) -> list[dict[str, Any]]:
    """The levels of stage 3 over all batches.

    Each batch's bounds hold with the levels above and the batches before it as they are, for the gatherings held and one
    division of a class over each pair of bases, or the two that are offered; in a large county also with classes that are
    not planned together never at one base at once.
    """
    places = places_of(problem)
    stays = Stays(problem, {base: places.history[base] for base in places.rows})
    stays.add(held)
    totals = _sum(parts)
    peak = max((stays.load[b] / places.beds[b] for b in places.rows if places.beds[b]), default=0.0)
    history = max((places.history[b] / places.beds[b] for b in places.rows if places.beds[b]), default=0.0)
    new: Counter[int] = Counter()
    for option in held:
        new[option.people] += option.people * problem.days
    totals.peak_bound = max(totals.peak_bound, least_peak(places, new))
    proven = peak <= totals.peak_bound + 1 / SCALE  # CP-SAT counts load in steps of 1 / SCALE
    peak_bound = peak if proven else max(history, totals.peak_bound - 1 / SCALE)
    rows = [
        level(3, "skips", totals.skips, totals.skips_bound),
        level(3, "villages_missing", totals.short, totals.short_bound),
    ]
    if problem.previous is not None:
        row = level(3, "moved_gatherings", totals.changes, totals.changes_bound)
        rows.insert(0 if problem.prefer == "kept" else len(rows), row)
    rows.append(level(3, "max_load", round(peak, 4), round(peak_bound, 4)))
    rows.append(level(3, "village_returns", totals.returns, totals.returns_bound))
    km_bound = min(totals.km, totals.km_bound)
    rows.append(level(3, "travel_km", round(totals.km, 3), round(km_bound, 3)))
    least = min(totals.route_changes, totals.route_changes_bound)
    rows.append(level(3, "route_changes", totals.route_changes, least))
    return rows


def _sum(parts: list[Totals]) -> Totals:
    whole = Totals()
    for part in parts:
        for name in ("skips", "short", "changes", "returns", "km", "route_changes"):
            setattr(whole, name, getattr(whole, name) + getattr(part, name))
            setattr(whole, f"{name}_bound", getattr(whole, f"{name}_bound") + getattr(part, f"{name}_bound"))
        whole.peak_bound = max(whole.peak_bound, part.peak_bound)
    return whole
