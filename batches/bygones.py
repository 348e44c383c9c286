"""What a plan made in the middle of a batch says of gatherings that are over: they are remembered, and nothing of them is
judged, counted or approved any more."""

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from batches.planning.checker import Breach, RuleLine, rule_sheet
from batches.planning_excuses import EXCUSES, OVER

Excused = Mapping[tuple[str, str], str]
"""(Rule, subject) → why the rule does not bear on it (`planning_excuses.EXCUSES`)."""


def excused_by(rows: Iterable[dict[str, str]]) -> Excused:
    """Of the exceptions of an input those that nobody approved, since none was made."""
    return {(row["rule"], row["subject"]): row["approver"] for row in rows if row["approver"] in EXCUSES}


def about_what_is_over(breach: Breach, over: Collection[tuple[str, int]]) -> bool:
    """Whether a breach bears on gatherings that are over or under way and on no other."""
    return bool(breach.cells) and all(cell in over for cell in breach.cells)


def over_of(rule: str, excused: Excused) -> int:
    """Gatherings on which a rule does not bear since they are over."""
    names = [name for (code, name), why in excused.items() if (code, why) == (rule, OVER)]
    return len({name.partition(":")[2] for name in names})


def fact_to_come(line: RuleLine, document: dict[str, Any], plan: dict[str, Any], excused: Excused) -> str:
    """What the sheet says of a rule; where groups of people at a household are excused (R16), the checker is asked again,
    of the others alone.
    """
    subjects = {subject for code, subject in excused if code == line.code}
    if not subjects or not plan["lodging"]:
        return line.fact
    beds = [row for row in plan["lodging"] if f"{row['household']}:{row['class']}#{row['index']}" not in subjects]
    others = rule_sheet(document, plan | {"lodging": beds})
    return next(row.fact for row in others if row.code == line.code)


def is_history(move: dict[str, Any], over: Collection[str]) -> bool:
    """Whether a move of a plan is no more than a bed at a gathering that is over: who was there was there."""
    return move["kind"] == "bed" and str(move["subject"]).partition(":")[2] in over


def levels_to_come(plan: dict[str, Any], over: Collection[str]) -> Iterable[dict[str, Any]]:
    """The levels, beds that moved without those of what is over: as many as the list of moves has."""
    past = sum(is_history(row, over) for row in plan["moves"])
    for row in plan["levels"]:
        if row["level"] == "moved_beds" and past:
            bound = None if row["bound"] is None else max(0, row["bound"] - past)
            row = row | {"value": max(0, row["value"] - past), "bound": bound}
        yield row
