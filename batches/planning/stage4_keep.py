"""The beds of a previous plan that people may keep.

A gathering of the same first day and bases keeps its beds; who joins the class takes the bed of someone of the same sex
who left. Whether the households still stand open is for the caller to see.
"""

from collections import defaultdict
from typing import Any

from .problem import Problem, day_number
from .stage3_options import Option

Row = dict[str, Any]
Key = tuple[str, int]


def keep_beds(
    problem: Problem, members: dict[str, list[str]], held: dict[Key, Option]
) -> dict[tuple[Key, str], list[Row]]:
    """(gathering, base) -> rows with the person's sex, for gatherings whose beds go round."""
    if problem.previous is None:
        return {}
    before = {
        (row["class"], row["index"]): (row["first_day"], {site["base"] for site in row["sites"]})
        for row in problem.previous["gatherings"]
        if "skipped" not in row
    }
    rows: dict[Key, list[Row]] = defaultdict(list)
    for row in problem.previous["lodging"]:
        rows[row["class"], row["index"]].append(row)
    base_of = {house["id"]: base["id"] for base in problem.document["bases"] for house in base["households"]}
    result: dict[tuple[Key, str], list[Row]] = {}
    for key, option in sorted(held.items()):
        if key not in before or (day_number(before[key][0]), before[key][1]) != (option.first, set(option.site.bases)):
            continue
        beds = _hand_on(problem, members[key[0]], rows[key])
        if beds is None:
            continue
        at: dict[str, list[Row]] = defaultdict(list)
        for row in beds:
            at[base_of.get(row["household"], "")].append(row)
        if all(
            _counts(at[part.base]) == (part.men, part.women) and _single_sex(at[part.base]) for part in option.parts
        ):
            result.update(((key, part.base), at[part.base]) for part in option.parts)
    return result


def _hand_on(problem: Problem, people: list[str], rows: list[Row]) -> list[Row] | None:
    """The rows with leavers' beds given to newcomers of their sex; None when they do not come out even."""
    known = {row["cadre"] for row in rows}
    new: dict[str, list[str]] = defaultdict(list)
    for name in people:
        if name not in known:
            new[problem.by_id[name].sex].append(name)
    result = []
    for row in sorted(rows, key=lambda r: r["cadre"]):
        name = row["cadre"]
        sex = problem.by_id[name].sex if name in problem.by_id else ""
        if name not in people:
            if not new[sex]:
                return None
            name = new[sex].pop(0)
        result.append({**row, "cadre": name, "sex": sex})
    return None if any(new.values()) or len(result) != len(people) else result


def _counts(rows: list[Row]) -> tuple[int, int]:
    return sum(row["sex"] == "M" for row in rows), sum(row["sex"] == "F" for row in rows)


def _single_sex(rows: list[Row]) -> bool:
    sexes: dict[str, set[str]] = defaultdict(set)
    for row in rows:
        sexes[row["household"]].add(row["sex"])
    return all(len(found) == 1 for found in sexes.values()) and len({(row["room"], row["bed"]) for row in rows}) == len(
        rows
    )
