"""Stage 4: a bed for every member at every gathering held.

Method: households by exact dynamic programme in order of dates, carrying what they earned (stage4_households); room-mates
by annealing per class and sex (stage4_roommates). Meetings that a previous plan lodged lawfully with the same people keep
their beds. Promise: everyone has a bed, groups of one sex within their range, nobody alone; repeats and income told.
"""

import random
from collections import Counter, defaultdict
from typing import Any

from . import stage4_roommates
from .control import Control, level
from .places import House, Places
from .problem import Problem
from .stage3_options import Option
from .stage4_households import SEXES, Groups, Income, Stay, common_houses, give_out, meetings
from .stage4_keep import keep_beds

Row = dict[str, Any]
Key = tuple[str, int]


def solve(
    problem: Problem, members: dict[str, list[str]], held: dict[Key, Option], seed: int, control: Control
) -> tuple[list[Row], list[dict[str, Any]]]:
    """The lodging rows in order, and the levels."""
    places, income = Places(problem), Income(problem)
    given: dict[Key, tuple[Groups, Groups]] = defaultdict(lambda: ([], []))
    kept: dict[Key, list[Row]] = {}
    clusters = meetings(problem, list(held.values()))
    keeper = keep_beds(problem, members, held)
    for number, stays in enumerate(clusters):
        if number % 50 == 0:
            control.step(4, 0.5 * number / len(clusters), "分配农户")
        beds = _previous_beds(places, keeper, stays)
        if beds is not None:
            _count_kept(income, stays, beds, given, kept)
            continue
        for stay, groups in zip(stays, give_out(places, income, stays), strict=True):
            for sex in (0, 1):
                given[stay.option.klass, stay.option.index][sex].extend(groups[sex])
    rows, repeated, least = _share(problem, members, held, given, kept, seed, control)
    levels = [level(4, "room_mate_repeats", repeated, least), *_income_levels(problem, income, rows)]
    return sorted(rows, key=lambda row: (row["class"], row["index"], row["cadre"])), levels


def _previous_beds(
    places: Places, keeper: dict[tuple[Key, str], list[Row]], stays: list[Stay]
) -> list[list[Row]] | None:
    """The beds of a previous plan for every stay of a meeting, when all of them can be kept together."""
    result: list[list[Row]] = []
    used: set[str] = set()
    houses = {house.id: house for house in common_houses(places, stays)}
    for stay in stays:
        rows = keeper.get(((stay.option.klass, stay.option.index), stay.base))
        if rows is None or len(rows) != stay.men + stay.women:
            return None
        guests = Counter(row["household"] for row in rows)
        for name, count in guests.items():
            house = houses.get(name)
            if house is None or name in used or not house.least <= count <= house.most:
                return None
        used.update(guests)
        free = {(h.id, room): beds for h in houses.values() for room, beds in h.rooms}
        if any(row["bed"] > free.get((row["household"], row["room"]), 0) for row in rows):
            return None
        result.append(rows)
    return result


def _count_kept(
    income: Income,
    stays: list[Stay],
    beds: list[list[Row]],
    given: dict[Key, tuple[Groups, Groups]],
    kept: dict[Key, list[Row]],
) -> None:
    for stay, rows in zip(stays, beds, strict=True):
        key = (stay.option.klass, stay.option.index)
        kept.setdefault(key, []).extend(rows)
        groups = given[key]
        for name, count in sorted(Counter(row["household"] for row in rows).items()):
            sex = next(row["sex"] for row in rows if row["household"] == name)
            house = House(name, count, count, ())
            groups[SEXES.index(sex)].append((house, count))
            income.add([(house, count)])


def _share(
    problem: Problem,
    members: dict[str, list[str]],
    held: dict[Key, Option],
    given: dict[Key, tuple[Groups, Groups]],
    kept: dict[Key, list[Row]],
    seed: int,
    control: Control,
) -> tuple[list[Row], int, int]:
    """Who is in which household, class by class: (rows, repeats, bound)."""
    rows: list[Row] = []
    repeated = least = 0
    indexes: dict[str, list[int]] = defaultdict(list)
    for name, index in sorted(held):
        indexes[name].append(index)
    for number, name in enumerate(sorted(indexes)):
        control.step(4, 0.5 + 0.5 * number / len(indexes), f"{name} 班同住")
        for sex, letter in enumerate(SEXES):
            people = [person for person in members[name] if problem.by_id[person].sex == letter]
            if not people:
                continue
            groups = [given[name, index][sex] for index in indexes[name]]
            sizes = [[guests for _, guests in row] for row in groups]
            fixed = _fixed(people, groups, [kept.get((name, index)) for index in indexes[name]])
            rng = random.Random(f"{seed}/4/{name}/{letter}")
            plan = stage4_roommates.arrange(len(people), sizes, rng, fixed)
            repeated += stage4_roommates.repeats(len(people), plan)
            least += stage4_roommates.bound(len(people), sizes)
            for place, index in enumerate(indexes[name]):
                if place not in fixed:
                    rows.extend(_beds(name, index, groups[place], plan[place], people))
    for key in sorted(kept):
        names = {(row["class"], row["index"], row["cadre"]) for row in rows}
        rows.extend(
            {field: row[field] for field in ("class", "index", "cadre", "household", "room", "bed")}
            for row in kept[key]
            if (row["class"], row["index"], row["cadre"]) not in names
        )
    return rows, repeated, least


def _fixed(people: list[str], groups: list[Groups], kept: list[list[Row] | None]) -> dict[int, list[list[int]]]:
    """Gatherings whose groups of this sex are kept whole."""
    number = {name: i for i, name in enumerate(people)}
    result = {}
    for place, rows in enumerate(kept):
        if rows is None:
            continue
        in_house: dict[str, list[int]] = defaultdict(list)
        for row in rows:
            if row["cadre"] in number:
                in_house[row["household"]].append(number[row["cadre"]])
        if sum(map(len, in_house.values())) == len(people):
            result[place] = [in_house[house.id] for house, _ in groups[place]]
    return result


def _beds(name: str, index: int, groups: Groups, shared: list[list[int]], people: list[str]) -> list[Row]:
    rows = []
    for (house, _), group in zip(groups, shared, strict=True):
        beds = [(room, bed) for room, count in house.rooms for bed in range(1, count + 1)]
        for person, (room, bed) in zip(sorted(people[p] for p in group), beds, strict=False):
            rows.append(
                {"class": name, "index": index, "cadre": person, "household": house.id, "room": room, "bed": bed}
            )
    return rows


def _income_levels(problem: Problem, income: Income, rows: list[Row]) -> list[dict[str, Any]]:
    hosting = {row["household"] for row in rows}
    ranges = []
    for base in problem.document["bases"]:
        houses = [house["id"] for house in base["households"]]
        if hosting & set(houses):
            earned = [income.per_bed(name) for name in houses]
            ranges.append(max(earned) - min(earned))
    worst, mean = (max(ranges), sum(ranges) / len(ranges)) if ranges else (0.0, 0.0)
    return [level(4, "income_range", round(worst, 6), None), level(4, "income_range_mean", round(mean, 6), None)]
