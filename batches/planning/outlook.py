"""What rules lead to, before anything is planned and after: figures of the batches of an input, quick and exact.

    estimate(document)        bounds by counting: who fits, which weekends are free, how many beds there are; under a second
    figures(document, plan)   the figures of a plan
    countdown(document)       batches until everybody due is covered (`countdown.countdown`)

Money is not the planner's: `stays` holds person-days and nights by township and first day (of an estimate: all of them together,
between its first and its last day), for whoever knows the rates.
"""

import copy
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from .countdown import countdown, covered_month, people_only
from .formats import Document
from .outlook_cover import Kind, Room, bound, kinds_of
from .places import Places, places_of
from .problem import Batch, Problem, day_text, first_days

__all__ = ["countdown", "estimate", "figures"]

SUMS = ("people", "covered", "gatherings", "lost", "skipped", "person_days", "bed_nights")


def estimate(document: Document) -> dict[str, Any]:
    """Figures of the batches of a valid input as bounds on what any plan of it comes to.

    From above: people, those due among them, gatherings, person-days, bed-nights and households. From below, in `missing`:
    people due without a seat (COVER) and people that classes lack (R04). Softer rules never lower the former nor raise the
    latter. Exact: batches needed, their end, seats, weekends lost to holidays unless left out for another reason. `by_calendar`
    tells the days and villages that classes lack (R15, R14) even if all weekends and bases left serve them alone; classes
    without people lack none, so that it bounds no plan that leaves some empty.
    """
    problem, people = Problem(document), Problem(people_only(document))
    places, rounds, until = places_of(problem), _rounds(problem), countdown(document)
    each = {batch.place: 1 for batch in problem.batches}
    gatherings = {batch.place: max(_held(problem, batch, rounds).values(), default=0) for batch in problem.batches}
    guests = min(_most(people, gatherings), _room(problem, places, rounds))
    covered = _most(people, each, tiers=(0,))
    due = sum(cadre.eligible and cadre.tier == 0 for cadre in people.cadres)
    missing = {"COVER": due - covered, "R04": _below_minima(people, each)}
    return {
        **_head_of(problem, until),
        "people": _most(people, each),
        "covered": covered,
        "gatherings": sum(
            _held(problem, batch, rounds)[klass.id] for batch in problem.batches for klass in batch.classes
        ),
        "lost": sum(
            klass.parity == parity
            for batch in problem.batches
            for parity, _ in _by_holidays(problem, batch, rounds[batch.place])
            for klass in batch.classes
        ),
        "skipped": 0,
        "person_days": guests * problem.days,
        "bed_nights": guests * (problem.days - 1),
        "households": min(_open_houses(problem, places, rounds), guests // _least_group(problem)),
        "households_open": sum(len(base["households"]) for base in document["bases"]),
        "missing": {rule: amount for rule, amount in sorted(missing.items()) if amount},
        "by_calendar": _by_calendar(problem, rounds),
        "stays": _all_stays(problem, guests),
    }


def figures(document: Document, plan: Document) -> dict[str, Any]:
    """The figures of a plan with all four stages; `until` is what the countdown says of the same input."""
    problem = Problem(document)
    batch_of = {name: batch.place for name, batch in problem.batch_of_class.items()}
    place_of = {batch.id: batch.place for batch in problem.batches}
    places = {row["cadre"]: place_of[row["batch"]] for row in plan["assignments"]}
    missing: dict[int | None, Counter[str]] = defaultdict(Counter)
    uncovered: Counter[str] = Counter()
    for row in plan["shortfalls"]:
        if row["rule"] == "COVER":
            uncovered[row["subject"]] += row["amount"]
        else:
            missing[_place_of(row["subject"], batch_of, place_of)][row["rule"]] += row["amount"]
    houses, beds = _houses(plan, batch_of)
    rows = [_batch_figures(problem, batch, plan, places) for batch in problem.batches]
    townships = {base["id"]: base["township"] for base in document["bases"]}
    for row, batch in zip(rows, problem.batches, strict=True):
        row.update(
            households=len(houses[batch.place]),
            bed_nights=beds[batch.place] * (problem.days - 1),
            missing=dict(sorted(missing[batch.place].items())),
            stays=_stays(plan, batch, townships, problem.days),
        )
    reached = 0
    for row in rows:
        reached += row["covered"]
        row["reached"] = reached
    total: dict[str, Any] = _head_of(problem, countdown(document)) | {
        name: sum(row[name] for row in rows) for name in SUMS
    }
    total["rows"] = rows
    total["finish"] = covered_month(document, places, problem)
    total["missing"] = _sums([*(row["missing"] for row in rows), dict(missing[None])])
    if uncovered:
        total["missing"]["COVER"] = sum(uncovered.values())
    total["uncovered"] = dict(sorted(uncovered.items()))
    total["households_open"] = sum(len(base["households"]) for base in document["bases"])
    total["households"] = len(set().union(*houses.values()))
    return total


def _head_of(problem: Problem, until: dict[str, Any]) -> dict[str, Any]:
    """What an estimate and a plan's figures begin with: the batches, and what the countdown says of the rules."""
    return {
        "batches": len(problem.batches),
        "needed": until["needed"],
        "finish_by_rules": until["last"]["month"] if until["last"] else None,
        "due": until["coverable"],
        "never": len(until["never"]),
        "setters": until["setters"],
        "seats": max((_seats(problem, batch) for batch in problem.batches), default=0),
    }


def _seats(problem: Problem, batch: Batch) -> int:
    return len(batch.classes) * int(problem.rules["class_size"]["max"])


def _sums(counts: Iterable[dict[str, int]]) -> dict[str, int]:
    total: Counter[str] = Counter()
    for row in counts:
        total.update(row)
    return {rule: amount for rule, amount in sorted(total.items()) if amount}


# Counting ahead

Lawful = dict[tuple[str, int], tuple[int, ...]]
"""(parity, index) -> lawful first days."""
Rounds = list[Lawful]
"""The same of each batch, by its place."""


def _rounds(problem: Problem) -> Rounds:
    return [first_days(problem, batch, apart=False) for batch in problem.batches]


def _held(problem: Problem, batch: Batch, rounds: Rounds) -> dict[str, int]:
    """Class -> gatherings that have a lawful day."""
    held = Counter(parity for (parity, _), starts in rounds[batch.place].items() if starts)
    return {klass.id: held[klass.parity] for klass in batch.classes}


def _by_holidays(problem: Problem, batch: Batch, lawful: Lawful) -> set[tuple[str, int]]:
    """(parity, index) of the gatherings that holidays leave no day."""
    calm = copy.copy(problem)
    calm.holidays = set()
    return {key for key, starts in first_days(calm, batch, apart=False).items() if starts and not lawful[key]}


def _free(people: Problem, tiers: tuple[int, ...] = (0, 1, 2)) -> list[Kind]:
    return kinds_of(c for c in people.cadres if c.tier in tiers and c.open and c.id not in people.batch_pins)


def _most(people: Problem, worth: Mapping[int, int], tiers: tuple[int, ...] = (0, 1, 2)) -> int:
    """People who can have a seat, at most, each counted as often as the batch is worth."""
    pinned = [(people.by_id[name], place) for name, place in people.batch_pins.items() if place is not None]
    taken = sum(worth[place] for cadre, place in pinned if cadre.tier in tiers)
    return taken + bound(Room(people), _free(people, tiers), worth)


def _below_minima(people: Problem, each: Mapping[int, int]) -> int:
    """People whom classes lack of their least size (R04), at least: the seats up to it, less those that can be taken."""
    room = Room(people, to="min")
    seats = sum(room.seats(b.place, track) for b in people.batches for track in sorted({k.track for k in b.classes}))
    return seats - bound(room, _free(people), each)


def _room(problem: Problem, places: Places, rounds: Rounds) -> int:
    """People at gatherings, summed, whom classes and bases can take in all weeks of all batches.

    Pinned people are held even beyond the seats, be it of their track or of the one class that suits them.
    """
    size, total = int(problem.rules["class_size"]["max"]), 0
    pinned = Counter((place, problem.by_id[name].track) for name, place in problem.batch_pins.items())
    for batch in problem.batches:
        there = {track: pinned[batch.place, track] for track in problem.tracks}
        people = sum(max(size * len(batch.of_track(track)), number) for track, number in there.items())
        for (parity, _), starts in rounds[batch.place].items():
            seats = size * sum(klass.parity == parity for klass in batch.classes)
            most = min(people, seats + sum(there.values()))
            total += _hosted(places, starts, problem.days, most) if starts else 0
    return total


def _hosted(places: Places, starts: tuple[int, ...], days: int, people: int) -> int:
    """Of so many people, those whom all bases can take in one week: the best first day of each, as often as stays fit in."""
    apart, room = 1 + (starts[-1] - starts[0]) // days, 0
    for base in sorted(places.rows):
        room += apart * max(places.window(base, first).room for first in starts)
        if room >= people:
            return people
    return room


def _open_houses(problem: Problem, places: Places, rounds: Rounds) -> int:
    """Households that can host on any lawful day of the batches."""
    days = sorted({day for row in rounds for starts in row.values() for day in starts})
    found: set[str] = set()
    for base in sorted(places.rows):
        everybody = {house["id"] for house in places.rows[base]["households"]}
        for first in days:
            window = places.window(base, first)
            found |= {house.id for house in window.houses} if window.room else set()
            if everybody <= found:
                break
    return len(found)


def _least_group(problem: Problem) -> int:
    """People whom a household that hosts takes at least; one where there is any exception (R16)."""
    return 1 if any(rule == "R16" for rule, _ in problem.waived) else max(1, problem.group_min)


def _by_calendar(problem: Problem, rounds: Rounds) -> dict[str, int]:
    """Days (R15) and villages (R14) that the classes lack, were all of them to have people."""
    rules = problem.rules
    villages = len({base["village"] for base in problem.document["bases"] if base["households"]})
    lacks: Counter[str] = Counter()
    for batch in problem.batches:
        for name, held in _held(problem, batch, rounds).items():
            wanted = {
                "R15": rules["min_village_days"] - held * problem.days,
                "R14": rules["min_distinct_villages"] - min(villages, 2 * held),
            }
            lacks.update({rule: n for rule, n in wanted.items() if n > 0 and not problem.is_waived(rule, name)})
    return dict(sorted(lacks.items()))


def _all_stays(problem: Problem, guests: int) -> list[dict[str, Any]]:
    if not problem.batches:
        return []
    first, last = day_text(problem.batches[0].first), day_text(max(batch.last for batch in problem.batches))
    more = {"person_days": guests * problem.days, "nights": guests * (problem.days - 1)}
    return [{"township": None, "first_day": first, "last_day": last, **more}]


# Reading a plan


def _place_of(subject: str, batch_of: dict[str, int], place_of: dict[str, int]) -> int | None:
    """Place of the batch that a shortfall's subject is about: a class, or something in a batch; None for a person."""
    name = subject.split("#")[0]
    if name in batch_of:
        return batch_of[name]
    return next((place_of[part] for part in subject.replace("/", "@").split("@") if part in place_of), None)


def _head(problem: Problem, batch: Batch) -> dict[str, Any]:
    return {
        "batch": batch.id,
        "first_day": day_text(batch.first),
        "last_day": day_text(batch.last),
        "month": day_text(batch.last)[:7],
        "classes": len(batch.classes),
        "seats": _seats(problem, batch),
    }


def _houses(plan: Document, batch_of: dict[str, int]) -> tuple[dict[int, set[str]], Counter[int]]:
    """(households that host, beds given out) per place of the batch."""
    houses: dict[int, set[str]] = defaultdict(set)
    beds: Counter[int] = Counter()
    for row in plan["lodging"]:
        houses[batch_of[row["class"]]].add(row["household"])
        beds[batch_of[row["class"]]] += 1
    return houses, beds


def _batch_figures(problem: Problem, batch: Batch, plan: Document, places: dict[str, int]) -> dict[str, Any]:
    own = {klass.id for klass in batch.classes}
    people = [problem.by_id[name] for name, place in places.items() if place == batch.place]
    held = [row for row in plan["gatherings"] if row["class"] in own and "skipped" not in row]
    skipped = [row for row in plan["gatherings"] if row["class"] in own and "skipped" in row]
    holidays = _by_holidays(problem, batch, first_days(problem, batch, apart=False))
    lost = sum(
        row["skipped"] == "no_day" and (problem.classes[row["class"]].parity, row["index"]) in holidays
        for row in skipped
    )
    guests = sum(site["people"] for row in held for site in row["sites"])
    return {
        **_head(problem, batch),
        "people": len(people),
        "covered": sum(cadre.tier == 0 for cadre in people),
        "gatherings": len(held),
        "lost": lost,
        "skipped": len(skipped) - lost,
        "person_days": guests * problem.days,
    }


def _stays(plan: Document, batch: Batch, townships: dict[str, str], days: int) -> list[dict[str, Any]]:
    """Person-days and nights by township and first day."""
    own = {klass.id for klass in batch.classes}
    people: Counter[tuple[str, str]] = Counter()
    for row in plan["gatherings"]:
        if row["class"] in own and "skipped" not in row:
            for site in row["sites"]:
                people[townships[site["base"]], row["first_day"]] += site["people"]
    return [
        {"township": township, "first_day": day, "person_days": count * days, "nights": count * (days - 1)}
        for (township, day), count in sorted(people.items(), key=lambda item: (item[0][1], item[0][0]))
    ]
