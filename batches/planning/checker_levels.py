"""The values of the named levels, worked out again from the plan's rows, and what people call them."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Callable
from itertools import combinations, pairwise
from typing import Any

from .checker_case import Case, Held

Measure = Callable[[Case], float]
LEVELS: dict[str, tuple[str, str]] = {  # every level that a plan may tell: what people call it, its unit
    "covered_0": ("覆盖年龄内、没参加过的人", "人"),
    "covered_1": ("超过覆盖年龄、没参加过的人", "人"),
    "covered_2": ("参加过的人", "人"),
    "must_unmet": ("必须参加而没有排进的人", "人"),
    "minimum_missing": ("离班额下限还差", "人"),
    "earliness": ("先到期的人排得晚（越小越好）", "分"),
    "same_unit_pairs": ("同单位同期的人", "对"),
    "marginal_excess": ("各班单项人数偏离均衡", "人"),
    "pair_excess": ("各班两项交叉人数偏离均衡", "人"),
    "skips": ("没有安排的集中", "次"),
    "max_load": ("最忙基地每床累计", "人天"),
    "travel_km": ("往返路程", "公里"),
    "route_changes": ("前后两次不在同一线路", "次"),
    "room_mate_repeats": ("重复同住", "对"),
    "mean_age_range": ("各班平均年龄最大之差", "岁"),
    "villages_missing": ("到访村还差", "个"),
    "journey_cost": ("路程折算（换线路、重复到村各折成公里）", "公里"),
    "village_returns": ("重复到同一个村", "次"),
    "income_range_mean": ("各村农户每床住宿夜数之差的平均", "夜"),
    "income_range": ("同村农户每床住宿夜数最多与最少之差", "夜"),
    "moved_seats": ("换了期次的人", "人"),
    "units_changed": ("各单位比原来多派的人", "人"),
    "moved_classes": ("换了班的人", "人"),
    "moved_gatherings": ("改了日期或基地的集中", "次"),
    "moved_beds": ("换了床位的人次", "人次"),
}


def name_of(level: str) -> str:
    """What people call a level; of one that is not known its key."""
    return LEVELS.get(level, (level, ""))[0]


def check_levels(case: Case) -> None:
    """Stage, value, bound and gap of every level whose name is defined; of the others the gap alone."""
    for row in case.told.levels:
        name, value, bound, gap = row["level"], row["value"], row["bound"], row["gap"]
        known, called = MEASURES.get(name), name_of(name)
        if row["stage"] > case.told.depth:
            case.add("LEVEL", name, f"目标“{called}”属于第{row['stage']}阶段，方案没有做到这一阶段。")
            continue
        if known is not None:
            stage, measure, slack = known
            if row["stage"] != stage:
                case.add("LEVEL", name, f"目标“{called}”属于第{stage}阶段，方案写作第{row['stage']}阶段。")
                continue
            truth = measure(case)
            if not abs(value - truth) <= slack + 1e-9:
                case.add("LEVEL", name, f"目标“{called}”写作 {value}，按方案重算为 {round(truth, 4)}。")
                continue
        _check_bound(case, name, value, bound, gap, higher=name.startswith("covered_"))


def _check_bound(case: Case, name: str, value: float, bound: float | None, gap: float | None, *, higher: bool) -> None:
    called = name_of(name)
    if bound is None:
        if gap is not None:
            case.add("LEVEL", name, f"目标“{called}”没有界，却写了差距 {gap}。")
        return
    true_gap = abs(value - bound) / max(1, abs(value))
    if gap is None or not abs(gap - true_gap) <= 1e-4:
        case.add("LEVEL", name, f"目标“{called}”的差距写作 {gap}，按值和界算应为 {round(true_gap, 6)}。")
    elif name in MEASURES and true_gap > 1e-4 and (bound < value if higher else bound > value):
        case.add("LEVEL", name, f"目标“{called}”的值 {value} 好过所写的界 {bound}，界不成立。")


def _covered(tier: int) -> Measure:
    def count(case: Case) -> float:
        return sum(case.given.tier[cadre] == tier and cadre in case.given.eligible for cadre in case.seats)

    return count


def _must_unmet(case: Case) -> float:
    return sum(bool(row["must"]) and cadre not in case.seats for cadre, row in case.given.cadres.items())


def _minimum_missing(case: Case) -> float:
    given, low, missing = case.given, case.given.rules["class_size"]["min"], 0
    for batch in given.batches.values():
        classes = Counter(given.classes[name].track for name in batch.classes)
        people = Counter(given.track[cadre] for cadre in case.people[batch.id])
        missing += sum(max(0, count * low - people[track]) for track, count in classes.items())
    return missing


def _earliness(case: Case) -> float:
    given = case.given
    seats = ((given.tier[cadre], given.batches[batch].number) for cadre, (batch, _) in case.seats.items())
    return sum((2, 1, 0)[tier] * number for tier, number in seats)


def _same_unit_pairs(case: Case) -> float:
    sizes = (len(people) for batch in case.given.batches for people in case.by_unit(batch).values())
    return sum(size * (size - 1) // 2 for size in sizes)


def _attribute(case: Case, cadre: str, name: str) -> Any:
    row = case.given.cadres[cadre]
    if name == "age_band":
        return sum(case.given.age[cadre] > top for top in case.given.rules["balance"]["age_bands"])
    if name == "unit_kind":
        return case.given.units.get(row["unit"], {}).get("kind")
    return row[name]


def _excess(case: Case, keys: list[tuple[str, ...]]) -> float:
    """By how many people the cells of the attributes (or joint attributes) miss floor and ceiling."""
    given, excess = case.given, 0
    for batch in given.batches.values():
        classes: defaultdict[str, list[str]] = defaultdict(list)
        for name in batch.classes:
            classes[given.classes[name].track].append(name)
        cells: defaultdict[tuple[Any, ...], Counter[str | None]] = defaultdict(Counter)
        for cadre in case.people[batch.id]:
            track, klass = given.track[cadre], case.seats[cadre][1]
            for number, key in enumerate(keys):
                value = tuple(_attribute(case, cadre, name) for name in key)
                cells[track, number, value][klass] += 1
        for (track, _, _), count in cells.items():
            names, total = classes.get(track, []), count.total()
            for name in names:
                low, high = total // len(names), -(-total // len(names))
                excess += max(0, count[name] - high, low - count[name])
    return excess


def _marginal_excess(case: Case) -> float:
    return _excess(case, [(name,) for name in case.given.rules["balance"]["attributes"]])


def _pair_excess(case: Case) -> float:
    return _excess(case, [tuple(pair) for pair in case.given.rules["balance"]["pairs"]])


def _skips(case: Case) -> float:
    classes = case.given.classes.values()
    return sum((klass.id, index) not in case.held for klass in classes for index in case.given.indexes(klass))


def _max_load(case: Case) -> float:
    given = case.given
    days = Counter({row["base"]: row["person_days"] for row in given.document["history"]["bases"]})
    for held in case.held.values():
        for base, people in held.sites:
            days[base] += people * max(0, held.last - held.first + 1)
    return max((days[base] / given.base_beds[base] for base in given.bases if given.base_beds[base]), default=0.0)


def _travel_km(case: Case) -> float:
    return math.fsum(_way(case, held) for held in case.held.values())


def _way(case: Case, held: Held) -> float:
    stops = [case.given.bases[base]["position_km"] for base in held.bases if base in case.given.bases]
    way = [[0, 0], *stops, [0, 0]]
    return math.fsum(math.dist(one, two) for one, two in pairwise(way))


def _route_changes(case: Case) -> float:
    changes = 0
    for rows in case.held_of.values():
        routes = []
        for held in rows:
            own = [set(case.given.bases[base]["routes"]) for base in held.bases if base in case.given.bases]
            routes.append(set.intersection(*own) if own else set())
        changes += sum(not one & two for one, two in pairwise(routes))
    return changes


def _room_mate_repeats(case: Case) -> float:
    homes: defaultdict[tuple[str, int, str], list[str]] = defaultdict(list)
    for stay in case.told.stays:
        homes[stay.klass, stay.index, stay.household].append(stay.cadre)
    times: Counter[tuple[str, str, str]] = Counter()
    for (klass, _, _), people in homes.items():
        times.update((klass, one, two) for one, two in combinations(sorted(set(people)), 2))
    return sum(count - 1 for count in times.values())


def _income_range(case: Case) -> float:
    given, most = case.given, case.given.rules["household_group"]["max"]
    nights = Counter({row["household"]: row["bed_nights"] for row in given.document["history"]["households"]})
    hosts = set()
    for stay in case.told.stays:
        held = case.held.get((stay.klass, stay.index))
        if held is not None and stay.household in given.base_of and stay.household not in given.stand_ins:
            nights[stay.household] += max(0, held.last - held.first)
            hosts.add(given.base_of[stay.household])
    incomes: defaultdict[str, list[float]] = defaultdict(list)
    for house, base in given.base_of.items():
        if base in hosts and house not in given.stand_ins:
            incomes[base].append(nights[house] / min(given.house_beds[house], most))
    return max((max(row) - min(row) for row in incomes.values()), default=0.0)


MEASURES: dict[str, tuple[int, Measure, float]] = {  # name: stage, measure, how far rounding may take the told value
    "covered_0": (1, _covered(0), 0),
    "covered_1": (1, _covered(1), 0),
    "covered_2": (1, _covered(2), 0),
    "must_unmet": (1, _must_unmet, 0),
    "minimum_missing": (1, _minimum_missing, 0),
    "earliness": (1, _earliness, 0),
    "same_unit_pairs": (1, _same_unit_pairs, 0),
    "marginal_excess": (2, _marginal_excess, 0),
    "pair_excess": (2, _pair_excess, 0),
    "skips": (3, _skips, 0),
    "max_load": (3, _max_load, 0.00005),
    "travel_km": (3, _travel_km, 0.0005),
    "route_changes": (3, _route_changes, 0),
    "room_mate_repeats": (4, _room_mate_repeats, 0),
    "income_range": (4, _income_range, 0.00005),
}
