"""Stage 4: a bed for every member at every gathering held.

Method: households base by base, by exact dynamic programme in order of dates, carrying what they earned
(stage4_households), then once more with the whole year known (stage4_income); room-mates by annealing per class and sex
(stage4_roommates). Whoever had a bed at the same gathering in a previous plan keeps it wherever that can be (stage4_keep).
Promise: everyone has a bed, groups of one sex within their range, nobody alone; repeats and income told, each with its
bound. Bases are independent of each other, and so are classes.
"""

import random
from collections import Counter
from typing import Any

from . import stage4_roommates
from .control import Control, level
from .places import Places, places_of
from .problem import Problem
from .stage3_options import Option
from .stage4_households import SEXES, Given, Income, Year, give_out, meetings
from .stage4_income import even_out
from .stage4_keep import Former, Keeper

Row = dict[str, Any]
Key = tuple[str, int]
Homes = list[tuple[str, int]]  # household and its guests


def house_base(problem: Problem, base: str, held: list[Option], keeper: Keeper, seed: int, control: Control) -> Row:
    """The households of a base over all gatherings there: who hosts how many, and which beds stay as they were.

    `held` are all gatherings at the base. The result is JSON: one row a stay, the nights each household has had in the
    end, (beds that moved of those that could have stayed, the least possible), and the least range of income per bed
    that the guests could have come to.
    """
    control.step(4, 0.0, "分配农户")
    places, income = places_of(problem), Income(problem, base)
    here = [stays for stays in meetings(problem, held) if stays[0].base == base]
    given: list[Given] = []
    beds: list[list[list[Former]]] = []
    free: list[bool] = []  # nobody has a bed there to keep
    moved = least = 0
    for stays in here:
        former = [keeper.beds(stay) for stay in stays]
        free.append(not any(former))
        if any(former):
            kept = keeper.keep(places, income, stays, former, seed)
            moved, least = moved + kept.moved[0], least + kept.moved[1]
            given.append(kept.groups)
            beds.append(kept.beds)
        else:
            given.append(give_out(places, income, stays))
            beds.append([[] for _ in stays])
    bound = even_out(Year(places, income, here, given, free), problem, seed) if here else 0.0
    rows: list[Row] = []
    for stays, groups_of, beds_of in zip(here, given, beds, strict=True):
        for stay, groups, own in zip(stays, groups_of, beds_of, strict=True):
            row: Row = {"class": stay.option.klass, "index": stay.option.index}
            for letter, group in zip(SEXES, groups, strict=True):
                row[letter] = [[house.id, guests] for house, guests in group]
            row["beds"] = [[bed.cadre, bed.household, bed.room, bed.bed] for bed in own]
            rows.append(row)
    nights = {house["id"]: income.nights[house["id"]] for house in places.rows[base]["households"]}
    return {"stays": rows, "nights": nights, "moved_beds": [moved, least], "least_range": round(bound, 6)}


def lodge_class(
    problem: Problem,
    name: str,
    members: list[str],
    held: list[Option],
    houses: dict[str, Row],
    seed: int,
    control: Control,
) -> Row:
    """Who of a class is in which household at each of its gatherings; `houses` are what `house_base` gave, by base."""
    control.step(4, 0.0, f"{name} 同住")
    places = places_of(problem)
    stays = {
        (base, row["index"]): row for base, part in houses.items() for row in part["stays"] if row["class"] == name
    }
    rows: list[Row] = []
    repeated = least = 0
    for letter in SEXES:
        people = [person for person in members if problem.by_id[person].sex == letter]
        if not people or not held:
            continue
        homes: list[Homes] = []
        former: list[dict[str, Former]] = []
        for option in held:
            parts = [stays[part.base, option.index] for part in option.parts]
            homes.append([(house, guests) for part in parts for house, guests in part[letter]])
            beds = [Former(*bed) for part in parts for bed in part["beds"]]
            former.append({bed.cadre: bed for bed in beds if problem.by_id[bed.cadre].sex == letter})
        sizes = [[guests for _, guests in row] for row in homes]
        fixed = _fixed(people, homes, former)
        rng = random.Random(f"{seed}/4/{name}/{letter}")
        plan = stage4_roommates.arrange(len(people), sizes, rng, fixed)
        repeated += stage4_roommates.repeats(len(people), plan)
        least += stage4_roommates.bound(len(people), sizes)
        for option, row, groups, beds_of in zip(held, homes, plan, former, strict=True):
            rooms = _rooms(places, option)
            for (house, _), group in zip(row, groups, strict=True):
                rows.extend(_beds(option, house, rooms[house], sorted(people[p] for p in group), beds_of))
    control.best(4, "room_mate_repeats", repeated, least)
    rows.sort(key=lambda row: (row["class"], row["index"], row["cadre"]))
    return {"rows": rows, "room_mate_repeats": repeated, "bound": least}


def levels(problem: Problem, houses: dict[str, Row], classes: list[Row]) -> list[Row]:
    """The levels of stage 4 over all bases and classes."""
    repeated = sum(part["room_mate_repeats"] for part in classes)
    result = []
    if problem.previous is not None:
        moved = [part["moved_beds"] for part in houses.values()]
        result.append(level(4, "moved_beds", sum(row[0] for row in moved), sum(row[1] for row in moved)))
    result.append(level(4, "room_mate_repeats", repeated, sum(part["bound"] for part in classes)))
    return [*result, *_income_levels(problem, houses)]


def _fixed(people: list[str], homes: list[Homes], former: list[dict[str, Former]]) -> dict[int, list[list[int]]]:
    """Gatherings where somebody keeps a bed: the groups, newcomers put where they have met the fewest."""
    number = {name: i for i, name in enumerate(people)}
    result: dict[int, list[list[int]]] = {}
    met: Counter[tuple[int, int]] = Counter()
    for place, (row, beds) in enumerate(zip(homes, former, strict=True)):
        if not beds:
            continue
        groups: dict[str, list[int]] = {house: [] for house, _ in row}
        for name in sorted(beds):
            groups[beds[name].household].append(number[name])
        free = {house: guests - len(groups[house]) for house, guests in row}
        for person in (number[name] for name in people if name not in beds):
            open_ones = [house for house, _ in row if free[house]]
            mates = {house: sum(met[min(person, m), max(person, m)] for m in groups[house]) for house in open_ones}
            house = min(open_ones, key=mates.__getitem__)
            groups[house].append(person)
            free[house] -= 1
        result[place] = [groups[house] for house, _ in row]
        met.update((a, b) for group in result[place] for a in group for b in group if a < b)
    return result


def _rooms(places: Places, option: Option) -> dict[str, tuple[tuple[str, int], ...]]:
    """Household -> its open rooms with their beds, at the bases of a gathering."""
    windows = [places.window(part.base, option.first, option.klass, option.index) for part in option.parts]
    return {house.id: house.rooms for window in windows for house in window.houses}


def _beds(
    option: Option, house: str, rooms: tuple[tuple[str, int], ...], people: list[str], former: dict[str, Former]
) -> list[Row]:
    """Kept beds as they were, the others in order."""
    taken = {(former[name].room, former[name].bed) for name in people if name in former and former[name].bed}
    free = iter([(room, bed) for room, count in rooms for bed in range(1, count + 1) if (room, bed) not in taken])
    rows = []
    for name in people:
        keeps = name in former and former[name].bed
        room, bed = (former[name].room, former[name].bed) if keeps else next(free)
        rows.append(
            {"class": option.klass, "index": option.index, "cadre": name, "household": house, "room": room, "bed": bed}
        )
    return rows


def _income_levels(problem: Problem, houses: dict[str, Row]) -> list[Row]:
    income = Income(problem)
    hosting = {house for part in houses.values() for row in part["stays"] for s in SEXES for house, _ in row[s]}
    for part in houses.values():
        income.nights.update({name: nights - income.nights[name] for name, nights in part["nights"].items()})
    ranges = []
    for base in problem.document["bases"]:
        names = [house["id"] for house in base["households"] if not house.get("stand_in")]
        if hosting & set(names):
            earned = [income.per_bed(name) for name in names]
            ranges.append(max(earned) - min(earned))
    worst, mean = (max(ranges), sum(ranges) / len(ranges)) if ranges else (0.0, 0.0)
    # what households that are open all the time must differ by binds all households the more
    least = [part["least_range"] for part in houses.values()]
    bounds = (max(least), sum(least) / len(least)) if least else (0.0, 0.0)
    return [
        level(4, "income_range", round(worst, 6), round(bounds[0], 6)),
        level(4, "income_range_mean", round(mean, 6), round(bounds[1], 6)),
    ]
