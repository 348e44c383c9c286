"""What rules lead to, before anything is planned and after: figures of the batches of an input, quick and exact.

    estimate(document)        bounds by counting: who fits, which weekends are free, how many beds there are; under a second
    figures(document, plan)   the same figures of a plan
    countdown(document)       batches until everybody due is covered (`countdown.countdown`)

Both give a dict with the same keys, so that they can be laid side by side. Money is not the planner's: `stays` holds person-days
and nights by township and first day (of an estimate: by batch alone), for whoever knows the rates.
"""

import copy
import math
from collections import Counter, defaultdict
from collections.abc import Iterable
from typing import Any

from .countdown import countdown, covered_month, people_only
from .formats import Document
from .outlook_cover import Room, about_covered, by_place, by_unit, kinds_of, most_covered
from .places import Places
from .problem import Batch, Problem, day_text, first_days

__all__ = ["countdown", "estimate", "figures"]


def estimate(document: Document) -> dict[str, Any]:
    """Figures of the batches of a valid input as bounds: everything that a plan does can only be short of them.

    Exact: batches needed, their end, seats, weekends lost to holidays. Bounds: people, bed-nights and covered people from
    above; households and what is missing from below. Classes are taken to be equally large.
    """
    problem, until = Problem(document), countdown(document)
    seated, covered, left = _seated(document)
    places = Places(problem)
    calm = copy.copy(problem)
    calm.holidays = set()
    rows = [
        _batch_estimate(problem, calm, places, batch, seated[batch.place], covered[batch.place])
        for batch in problem.batches
    ]
    total = _total(rows, until)
    total["missing"] = _sums([row["missing"] for row in rows]) | ({"COVER": sum(left.values())} if left else {})
    total["uncovered"] = dict(sorted(left.items()))
    total["households_open"] = sum(len(base["households"]) for base in document["bases"])
    total["households"] = max((row["households"] for row in rows), default=0)
    return total


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
    total = _total(rows, countdown(document))
    total["finish"] = covered_month(document, places, problem)
    total["missing"] = _sums([*(row["missing"] for row in rows), dict(missing[None])])
    if uncovered:
        total["missing"]["COVER"] = sum(uncovered.values())
    total["uncovered"] = dict(sorted(uncovered.items()))
    total["households_open"] = sum(len(base["households"]) for base in document["bases"])
    total["households"] = len(set().union(*houses.values()))
    return total


def _total(rows: list[dict[str, Any]], until: dict[str, Any]) -> dict[str, Any]:
    """Sums over the batches, with what the countdown says of the rules."""
    reached = 0
    for row in rows:
        reached += row["covered"]
        row["reached"] = reached
    sums = ("people", "covered", "gatherings", "lost", "skipped", "person_days", "bed_nights")
    return {
        "batches": len(rows),
        "needed": until["needed"],
        "finish": until["last"]["month"] if until["last"] and until["needed"] <= len(rows) else None,
        "finish_by_rules": until["last"]["month"] if until["last"] else None,
        "due": until["coverable"],
        "never": len(until["never"]),
        "setters": until["setters"],
        "seats": max((row["seats"] for row in rows), default=0),
        **{name: sum(row[name] for row in rows) for name in sums},
        "rows": rows,
    }


def _sums(counts: Iterable[dict[str, int]]) -> dict[str, int]:
    total: Counter[str] = Counter()
    for row in counts:
        total.update(row)
    return {rule: amount for rule, amount in sorted(total.items()) if amount}


# Counting ahead


def _seated(document: Document) -> tuple[Counter[int], Counter[int], Counter[str]]:
    """(people per place, people due per place, due people without a seat per unit), as many and as early as can be."""
    problem = Problem(people_only(document))
    room, batches = Room(problem), len(problem.batches)
    pinned = {name: place for name, place in problem.batch_pins.items() if place is not None}
    free = [c for c in problem.cadres if c.open and c.id not in problem.batch_pins]
    due = [c for c in free if c.tier == 0]
    kinds = kinds_of(due)
    covered, reached = by_place(kinds, most_covered(room, kinds, batches)) if due else (Counter(), Counter())
    everybody = kinds_of(free)
    seated = about_covered(room, everybody, batches) if free else Counter()
    for name, place in pinned.items():
        seated[place] += 1
        covered[place] += problem.by_id[name].tier == 0
    left = Counter({unit: len(people) for unit, people in by_unit(c for c in problem.cadres if c.tier == 0).items()})
    left -= reached
    left -= Counter(problem.by_id[name].unit for name in pinned if problem.by_id[name].tier == 0)
    return seated, covered, left


def _batch_estimate(
    problem: Problem, calm: Problem, places: Places, batch: Batch, people: int, covered: int
) -> dict[str, Any]:
    rules, classes = problem.rules, len(batch.classes)
    days, without = first_days(problem, batch), first_days(calm, batch)
    size = people / classes if classes else 0.0
    sums: Counter[str] = Counter()
    houses, hosted_days = 0, 0.0
    missing: Counter[str] = Counter()
    villages = len({base["village"] for base in problem.document["bases"] if base["households"]})
    for (parity, index), starts in sorted(days.items()):
        there = sum(klass.parity == parity for klass in batch.classes)
        if not starts:
            sums["lost"] += there if without[parity, index] else 0
            continue
        hosted = _hosted(places, starts, problem.days, size * there)
        hosted_days += hosted
        sums["gatherings"] += there
        houses = max(houses, math.ceil(hosted / max(1, problem.group_max)))
    for klass in batch.classes:
        held = sum(bool(starts) for (parity, _), starts in days.items() if parity == klass.parity)
        missing["R15"] += max(0, rules["min_village_days"] - held * problem.days)
        missing["R14"] += max(0, rules["min_distinct_villages"] - min(villages, 2 * held))
    missing["R04"] += max(0, classes * rules["class_size"]["min"] - people)
    person_days, nights = round(hosted_days * problem.days), round(hosted_days * (problem.days - 1))
    return {
        **_head(problem, batch),
        "people": people,
        "covered": covered,
        "gatherings": sums["gatherings"],
        "lost": sums["lost"],
        "skipped": 0,
        "person_days": person_days,
        "bed_nights": nights,
        "households": houses,
        "missing": {rule: amount for rule, amount in sorted(missing.items()) if amount},
        "stays": [{"township": None, "first_day": day_text(batch.first), "person_days": person_days, "nights": nights}],
    }


def _head(problem: Problem, batch: Batch) -> dict[str, Any]:
    return {
        "batch": batch.id,
        "first_day": day_text(batch.first),
        "last_day": day_text(batch.last),
        "month": day_text(batch.last)[:7],
        "classes": len(batch.classes),
        "seats": len(batch.classes) * int(problem.rules["class_size"]["max"]),
    }


def _hosted(places: Places, starts: tuple[int, ...], days: int, people: float) -> float:
    """Of so many people, those whom all bases can take in one week: the best first day of each, as often as stays fit in."""
    apart, room = 1 + (starts[-1] - starts[0]) // days, 0
    for base in sorted(places.rows):
        room += apart * max(places.window(base, first).room for first in starts)
        if room >= people:
            return people
    return float(room)


# Reading a plan


def _place_of(subject: str, batch_of: dict[str, int], place_of: dict[str, int]) -> int | None:
    """Place of the batch that a shortfall's subject is about: a class, or something in a batch; None for a person."""
    name = subject.split("#")[0]
    if name in batch_of:
        return batch_of[name]
    return next((place_of[part] for part in subject.replace("/", "@").split("@") if part in place_of), None)


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
    skipped = [row["skipped"] for row in plan["gatherings"] if row["class"] in own and "skipped" in row]
    lost = skipped.count("no_day")
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
