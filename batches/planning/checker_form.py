"""The shape of a plan: reads the rows that can be understood and notes every one that cannot. Never raises."""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable
from itertools import pairwise
from typing import Any

from .checker_case import Held, Stay, Told, fingerprint, ordinal

Test = Callable[[Any], bool]

LARGEST = 10**15  # no count or kilometre comes near; larger ones would not even divide
FORMAT_NAME = "dunmiao-plan/1"
KEYS = (
    "assignments", "format", "gatherings", "input_fingerprint", "levels", "lodging", "moves", "seed", "shortfalls",
    "stages", "unassigned", "versions",
)  # fmt: skip
REASONS = ("attended", "no_track", "pinned_out", "no_open_batch", "no_seat")
SKIPS = ("no_day", "no_site", "no_staff", "empty_class", "withdrawn")
DEMANDS = ("R04", "R07", "R14", "R15", "COVER")
MOVES = ("assignment", "gathering", "bed")
DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)


def is_text(value: Any) -> bool:
    return isinstance(value, str)


def is_text_or_none(value: Any) -> bool:
    return value is None or isinstance(value, str)


def is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) <= LARGEST


def is_count(value: Any) -> bool:
    return is_whole(value) and value >= 1


def is_number(value: Any) -> bool:
    return isinstance(value, float) or is_whole(value)


def is_number_or_none(value: Any) -> bool:
    return value is None or is_number(value)


def is_day(value: Any) -> bool:
    if not isinstance(value, str) or not DAY.fullmatch(value):
        return False
    try:
        datetime.date.fromisoformat(value)
    except ValueError:
        return False
    return True


def is_sites(value: Any) -> bool:
    return isinstance(value, list) and all(
        isinstance(row, dict) and set(row) == {"base", "people"} and is_text(row["base"]) and is_whole(row["people"])
        for row in value
    )


def one_of(*names: str) -> Test:
    return lambda value: isinstance(value, str) and value in names


def anything(value: Any) -> bool:
    """For what is judged later, where the reason can be told better."""
    return True


HELD: dict[str, Test] = {
    "class": is_text, "index": is_count, "first_day": is_day, "last_day": is_day, "sites": is_sites,
}  # fmt: skip
SKIPPED: dict[str, Test] = {"class": is_text, "index": is_count, "skipped": one_of(*SKIPS)}
SHAPES: dict[str, dict[str, Test]] = {
    "assignments": {"cadre": is_text, "batch": is_text, "class": is_text_or_none},
    "unassigned": {"cadre": is_text, "reason": one_of(*REASONS), "message": is_text},
    "lodging": {
        "class": is_text, "index": is_count, "cadre": is_text, "household": is_text, "room": is_text, "bed": is_count,
    },
    "levels": {
        "stage": is_count, "level": is_text, "value": is_number, "bound": is_number_or_none, "gap": is_number_or_none,
    },
    "shortfalls": {"rule": one_of(*DEMANDS), "subject": is_text, "amount": is_whole, "message": is_text},
    "moves": {
        "kind": one_of(*MOVES), "subject": is_text, "from": is_text_or_none, "to": is_text_or_none, "message": is_text,
    },
}  # fmt: skip
OPTIONAL: dict[str, dict[str, Test]] = {"shortfalls": {"offer": anything}}
ORDER: dict[str, tuple[str, ...]] = {
    "assignments": ("cadre",),
    "unassigned": ("cadre",),
    "gatherings": ("class", "index"),
    "lodging": ("class", "index", "cadre"),
    "shortfalls": ("rule", "subject"),
    "moves": ("kind", "subject"),
}


def read_plan(document: dict[str, Any], plan: Any) -> Told:
    """The plan's rows, and a problem (subject, message) for everything that the format does not allow."""
    told = Told()
    if not isinstance(plan, dict):
        told.problems.append(("plan", "方案不是一个对象，无法核对。"))
        return told
    for key in sorted(set(KEYS) - set(plan)):
        told.problems.append((key, f"方案缺少“{key}”一项。"))
    for key in sorted(str(key) for key in set(plan) - set(KEYS)):
        told.problems.append((key, f"方案里有格式之外的“{key}”一项。"))
    _read_head(document, plan, told)
    seats = _rows(plan, "assignments", told)
    told.seat_rows = [(row["cadre"], row["batch"], row["class"]) for row in seats]
    told.unassigned = [(row["cadre"], row["reason"]) for row in _rows(plan, "unassigned", told)]
    for row in _rows(plan, "gatherings", told):
        if "skipped" in row:
            told.skipped_rows.append((row["class"], row["index"], row["skipped"]))
        else:
            told.held_rows.append(_held(row))
    told.stays = [
        Stay(row["class"], row["index"], row["cadre"], row["household"], row["room"], row["bed"])
        for row in _rows(plan, "lodging", told)
    ]
    told.levels = _rows(plan, "levels", told)
    told.shortfalls = _rows(plan, "shortfalls", told)
    told.moves = _rows(plan, "moves", told)
    if told.depth < 3 and (told.held_rows or told.skipped_rows):
        told.problems.append(("gatherings", "方案没有第3阶段，却列了集中安排。"))
    if told.depth < 4 and told.stays:
        told.problems.append(("lodging", "方案没有第4阶段，却列了住宿。"))
    return told


def _held(row: dict[str, Any]) -> Held:
    sites = tuple((site["base"], site["people"]) for site in row["sites"])
    return Held(row["class"], row["index"], ordinal(row["first_day"]), ordinal(row["last_day"]), sites)


def _read_head(document: dict[str, Any], plan: dict[str, Any], told: Told) -> None:
    if "format" in plan and plan["format"] != FORMAT_NAME:
        told.problems.append(("format", f"方案格式应为 {FORMAT_NAME}。"))
    if "input_fingerprint" in plan and plan["input_fingerprint"] != fingerprint(document):
        told.problems.append(("input_fingerprint", "方案所写的数据指纹与这份输入不符，方案不是由它得出的。"))
    if "seed" in plan and not is_whole(plan["seed"]):
        told.problems.append(("seed", "种子应为整数。"))
    versions = plan.get("versions")
    if "versions" in plan and not (
        isinstance(versions, dict)
        and all(isinstance(value, str) for value in versions.values())
        and {"planner", "python"} <= set(versions)
    ):
        told.problems.append(("versions", "版本记录至少要有 planner 和 python 两项文字。"))
    stages = plan.get("stages")
    if isinstance(stages, list) and stages in ([1], [1, 2], [1, 2, 3], [1, 2, 3, 4]) and all(map(is_whole, stages)):
        told.depth = len(stages)
    elif "stages" in plan:
        told.problems.append(("stages", "阶段应为从1起的连续阶段；以下按全部四个阶段核对。"))


def _rows(plan: dict[str, Any], name: str, told: Told) -> list[dict[str, Any]]:
    """Rows of one list that have the right shape."""
    rows = plan.get(name, [])
    if not isinstance(rows, list):
        told.problems.append((name, f"“{name}”应为列表。"))
        return []
    good = []
    for place, row in enumerate(rows):
        fault = _fault(name, row)
        if fault is None:
            good.append(row)
        else:
            told.problems.append((f"{name}[{place}]", f"“{name}”第{place + 1}行{fault}。"))
    if name in ORDER:
        keys = [tuple(row[key] for key in ORDER[name]) for row in good]
        if any(one > two for one, two in pairwise(keys)):
            told.problems.append((name, f"“{name}”没有按规定的顺序排列。"))
    return good


def _fault(name: str, row: Any) -> str | None:
    if not isinstance(row, dict):
        return "不是一个对象"
    if name == "gatherings":
        shape = SKIPPED if "skipped" in row else HELD
    else:
        shape = SHAPES[name]
    optional = OPTIONAL.get(name, {})
    for key, test in shape.items():
        if key not in row:
            return f"缺少“{key}”"
        if not test(row[key]):
            return f"的“{key}”不合格式"
    for key in row:
        if key not in shape and key not in optional:
            return f"有格式之外的“{key}”"
    return None
