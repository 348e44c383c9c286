"""Measures of a plan's quality from the input and the plan alone (definitions: docs of the planner's levels).

Shares nothing with the solvers: what is told in the table is counted here again.
"""

import datetime
from collections import Counter, defaultdict
from typing import Any

from .whole import has_few_bases, least_peak, least_squares, neighbours, rooms

MOST_BASES = 100  # for which whole gatherings are counted

Document = dict[str, Any]


def balance(document: Document, plan: Document) -> dict[str, Any]:
    """Cells of stage 2 and those off floor and ceiling; batches without a marginal cell off; range of mean ages."""
    people = people_of(document)
    rules = document["programme"]["balance"]
    keys = [(name,) for name in rules["attributes"]] + [tuple(pair) for pair in rules["pairs"]]
    seats = {row["cadre"]: (row["batch"], row["class"]) for row in plan["assignments"] if row["class"]}
    cells, off = [0, 0], [0, 0]
    exact = groups = 0
    widest, wide = 0.0, 0.0
    for batch in document["batches"]:
        missed = 0
        for track in sorted({klass["track"] for klass in batch["classes"]}):
            classes = [klass["id"] for klass in batch["classes"] if klass["track"] == track]
            mine = [c for c, (where, klass) in seats.items() if where == batch["id"] and klass in classes]
            for key in keys:
                counts: defaultdict[tuple[Any, ...], Counter[str]] = defaultdict(Counter)
                for cadre in mine:
                    counts[tuple(people[cadre][name] for name in key)][seats[cadre][1]] += 1
                for count in counts.values():
                    low, high = count.total() // len(classes), -(-count.total() // len(classes))
                    wrong = sum(not low <= count[klass] <= high for klass in classes)
                    cells[len(key) > 1] += len(classes)
                    off[len(key) > 1] += wrong
                    missed += wrong if len(key) == 1 else 0
            ages = [[people[c]["age"] for c in mine if seats[c][1] == klass] for klass in classes]
            means = [sum(row) / len(row) for row in ages if row]
            if means:
                groups, wide = groups + 1, wide + max(means) - min(means)
                widest = max(widest, max(means) - min(means))
        exact += not missed
    return {
        "marginal_cells": cells[0],
        "marginal_cells_off": off[0],
        "pair_cells": cells[1],
        "pair_cells_off": off[1],
        "batches": len(document["batches"]),
        "batches_marginally_exact": exact,
        "mean_age_range": round(widest, 3),
        "mean_age_range_mean": round(wide / max(1, groups), 3),
    }


def people_of(document: Document) -> dict[str, dict[str, Any]]:
    """Cadre -> its row with age, age band and kind of unit."""
    year, month = map(int, document["programme"]["reference_month"].split("-"))
    kinds = {unit["id"]: unit["kind"] for unit in document["units"]}
    result = {}
    for row in document["cadres"]:
        born_year, born_month = map(int, row["birth"].split("-"))
        age = year - born_year - (month < born_month)
        bands = document["programme"]["balance"]["age_bands"]
        result[row["id"]] = {
            **row,
            "age": age,
            "age_band": sum(age > top for top in bands),
            "unit_kind": kinds[row["unit"]],
        }
    return result


def load(document: Document, plan: Document) -> dict[str, Any]:
    """Load of the bases over the whole programme, and what it would be if person-days could be poured.

    Poured: the history stays where it is, the new person-days of each size of class fill the least loaded of the bases that
    can take such a class, alone or with a neighbour on a route. Whole: see `whole`; None in a large county.
    """
    before = Counter({row["base"]: row["person_days"] for row in document["history"]["bases"]})
    beds = {b["id"]: sum(r["beds"] for h in b["households"] for r in h["rooms"]) for b in document["bases"]}
    days, of_size, sizes = before.copy(), Counter[int](), Counter[int]()
    for row in plan["gatherings"]:
        if "skipped" not in row:
            length, size = _length(row["first_day"], row["last_day"]), sum(site["people"] for site in row["sites"])
            days.update({site["base"]: site["people"] * length for site in row["sites"]})
            of_size[size] += size * length
            sizes[size] += 1
    loads = {base: days[base] / beds[base] for base in beds if beds[base]}
    mean = days.total() / sum(beds.values())
    even = poured({base: before[base] / beds[base] for base in loads}, beds, largest_classes(document), of_size)
    peak, bound = max(loads.values()), max(even.values())
    whole = max(bound, least_peak(document, sizes, before, beds)) if sizes and len(beds) <= MOST_BASES else None
    squares = least_squares(document, sizes, before, beds, peak) if sizes and has_few_bases(document) else None
    return {
        "peak": round(peak, 4),
        "mean": round(mean, 4),
        "max_over_mean": round(peak / mean, 4),
        "fluid_max_over_mean": round(bound / mean, 4),
        "over_fluid": round(peak / bound, 4),
        "whole_over_fluid": None if whole is None else round(whole / bound, 4),
        "jain": round(_jain(loads, beds), 4),
        "jain_fluid": round(_jain(even, beds), 4),
        "jain_whole": None if squares is None else round(days.total() ** 2 / (sum(beds.values()) * squares), 4),
    }


def _length(first: str, last: str) -> int:
    return (datetime.date.fromisoformat(last) - datetime.date.fromisoformat(first)).days + 1


def largest_classes(document: Document) -> dict[str, int]:
    """Base -> the largest class that it can take, alone or together with a neighbour on a route."""
    room = rooms(document)
    result = dict(room)
    for one, two in neighbours(document):
        for base in (one, two):
            result[base] = max(result[base], room[one] + room[two])
    return result


def poured(
    loads: dict[str, float], beds: dict[str, int], largest: dict[str, int], new: Counter[int]
) -> dict[str, float]:
    """The most even loads to which new person-days, given by size of class, lead: the largest classes first, whose bases are
    among those of all smaller ones."""
    result = dict(loads)
    for size, person_days in sorted(new.items(), reverse=True):
        able = [base for base in result if largest[base] >= size]
        level = _level([(result[base], beds[base]) for base in able], person_days)
        result.update({base: max(result[base], level) for base in able})
    return result


def _level(rows: list[tuple[float, int]], new: float) -> float:
    """The level that new person-days reach when they fill bases of (person-days a bed, beds) from the lowest."""
    filled, width, level = 0.0, 0, 0.0
    for per_bed, beds in sorted(rows):
        if width and (filled + new) / width <= per_bed:
            break
        filled, width = filled + per_bed * beds, width + beds
        level = (filled + new) / width
    return level


def _jain(loads: dict[str, float], beds: dict[str, int]) -> float:
    first = sum(beds[base] * x for base, x in loads.items())
    second = sum(beds[base] * x * x for base, x in loads.items())
    return first * first / (sum(beds.values()) * second) if second else 1.0


def lasting_incomes(document: Document, plan: Document) -> dict[str, float]:
    """Largest less smallest income (nights a bed) over a base's households that are open all the time; the worst base, and
    how far apart its households were before the plan."""
    most = document["programme"]["household_group"]["max"]
    before = Counter({row["household"]: row["bed_nights"] for row in document["history"]["households"]})
    length = {
        (r["class"], r["index"]): _length(r["first_day"], r["last_day"]) for r in plan["gatherings"] if "sites" in r
    }
    nights, hosts = before.copy(), set()
    for row in plan["lodging"]:
        nights[row["household"]] += max(0, length[row["class"], row["index"]] - 1)
        hosts.add(row["household"])
    worst = (0.0, 0.0)
    for base in document["bases"]:
        if not hosts & {house["id"] for house in base["households"]}:
            continue
        lasting = [
            (house["id"], min(most, sum(room["beds"] for room in house["rooms"])))
            for house in base["households"]
            if not house["closed"] and not any(room["closed"] for room in house["rooms"])
        ]
        if lasting:
            worst = max(worst, (_range(nights, lasting), _range(before, lasting)))
    return {"lasting_income_range": round(worst[0], 4), "lasting_income_range_before": round(worst[1], 4)}


def _range(nights: Counter[str], households: list[tuple[str, int]]) -> float:
    """Largest less smallest nights a bed of households with so many beds."""
    incomes = [nights[name] / beds for name, beds in households]
    return max(incomes) - min(incomes)


def journey(plan: Document) -> dict[str, Any]:
    """Kilometres, changes of route and pairs that share a household, as the plan tells them."""
    told = {row["level"]: row["value"] for row in plan["levels"]}
    homes: Counter[tuple[str, int, str]] = Counter(
        (row["class"], row["index"], row["household"]) for row in plan["lodging"]
    )
    pairs = sum(n * (n - 1) // 2 for n in homes.values())
    return {"room_mate_pairs": pairs, **{n: told[n] for n in ("travel_km", "route_changes") if n in told}}
