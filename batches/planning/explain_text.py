"""Pieces that explanations are put together from: causes, cures with what they cost, and the search for a conflict."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from .changes import Change, say

Row = dict[str, Any]
Oracle = Callable[[frozenset[str]], bool]
MOST_CURES = 4
PRICES = {
    "seats": 1, "people": 2, "waivers": 2, "pins": 2, "days": 3, "villages": 3, "rules": 3, "places": 20, "batches": 100,
}  # fmt: skip
"""What a cure may cost, and how dear each of it is: of limits `days` and `villages` less, and `rules` without a measure."""


@dataclass(frozen=True, eq=False)
class Cause:
    """One rule of a conflict: what it says here, and changes that meet the demand (none: people cannot lift it).

    The changes lift this rule, and where another conflict stands behind this one, a rule of that too.
    """

    rule: str
    sentence: str
    relax: tuple[Change, ...] = ()
    fixed: bool = False

    def row(self) -> Row:
        row: Row = {"rule": self.rule, "sentence": self.sentence, "relax": [] if self.fixed else list(self.relax)}
        if self.fixed:
            row["fixed"] = True
        return row


@dataclass
class Cure:
    """Changes, what is left when they are made, and what they cost."""

    changes: list[Change]
    sentence: str
    buys: str
    leaves: int
    cost: dict[str, int] = field(default_factory=dict)

    @property
    def price(self) -> int:
        return sum(PRICES[name] * count for name, count in self.cost.items())

    def within(self, changes: Sequence[Change]) -> bool:
        """Whether all its changes are among these."""
        return all(change in changes for change in self.changes)

    def row(self) -> Row:
        cost = {name: self.cost.get(name, 0) for name in PRICES}
        return {
            "changes": self.changes,
            "sentence": self.sentence,
            "buys": self.buys,
            "leaves": self.leaves,
            "cost": cost,
        }


def listed(cures: Iterable[Cure], amount: int) -> list[Row]:
    """The cures that help, cheapest first; the cheapest that leaves nothing is marked, and always among them."""
    unique: dict[str, Cure] = {}
    for cure in cures:
        if cure.leaves < amount:
            unique.setdefault(repr(cure.changes), cure)
    ordered = sorted(unique.values(), key=lambda cure: (cure.price, cure.leaves))
    kept = _not_worse(ordered)
    whole = next((cure for cure in kept if not cure.leaves), None)
    shown = kept[:MOST_CURES]
    if whole is not None and whole not in shown:
        shown = [*kept[: MOST_CURES - 1], whole]
    return [{**cure.row(), "smallest": cure is whole} for cure in shown]


def _not_worse(ordered: list[Cure]) -> list[Cure]:
    """Without those that change all that a cheaper one changes, and buy no more."""
    kept: list[Cure] = []
    for cure in ordered:
        if not any(other.leaves <= cure.leaves and _about(other) <= _about(cure) for other in kept):
            kept.append(cure)
    return kept


def _about(cure: Cure) -> set[tuple[str, str]]:
    """The kinds of its changes, of numbers also which."""
    return {(change["kind"], str(change.get("name"))) for change in cure.changes}


def is_reasonable(changes: Iterable[Change], days: int) -> bool:
    """Whether somebody would do that: nobody is excused for more than a third of a session of so many days."""
    return not any(
        change["kind"] == "parameter" and change["name"] == "max_overlap_days" and 3 * change["value"] > days
        for change in changes
    )


def conflict(groups: Sequence[str], possible: Oracle, lifted: frozenset[str] = frozenset()) -> list[str]:
    """A minimal set of rule groups that cannot be kept together with the demand; those named first go first.

    `possible(lifted)` says whether the demand can be met when those groups are lifted. Deletion filter: whatever may
    be lifted with the demand still out of reach is no part of the conflict.
    """
    gone = lifted
    for group in groups:
        if group not in gone and not possible(gone | {group}):
            gone = gone | {group}
    return [group for group in groups if group not in gone]


def ways_out(
    groups: Sequence[str], possible: Oracle, last: frozenset[str] = frozenset()
) -> tuple[list[str], dict[str, list[str]]]:
    """A conflict, and for each of its groups what has to be lifted with it until the demand can be met.

    Conflicts overlap: lifting one rule of the first may leave another, of which one rule is lifted too, those in `last`
    only where there is no other. Both are empty where nothing has to be lifted.
    """
    if possible(frozenset()):
        return [], {}
    first = conflict(groups, possible)
    ways: dict[str, list[str]] = {}
    for group in first:
        way = [group]
        while not possible(frozenset(way)):
            found = conflict(groups, possible, frozenset(way))
            if not found:
                break
            way.append(next((name for name in reversed(found) if name not in last), found[-1]))
        ways[group] = thinned(way, lambda some: possible(frozenset(some)), keep=group)
    return first, ways


def thinned(items: Sequence[Any], enough: Callable[[list[Any]], bool], keep: Any = None) -> list[Any]:
    """The items without those that are not needed (`keep` stays); all of them are known to be enough."""
    kept = list(items)
    for item in list(items):
        fewer = [other for other in kept if other is not item]
        if fewer and item != keep and enough(fewer):
            kept = fewer
    return kept


def told(changes: Sequence[Change]) -> str:
    """The changes in one sentence; many of them with their number."""
    text = "；".join(say(change) for change in changes[:3])
    return f"{text}等 {len(changes)} 处" if len(changes) > 3 else text


def distinct(changes: Iterable[Change]) -> list[Change]:
    """The same change once; of two values for one number the last stands."""
    named = {
        repr(sorted((key, value) for key, value in change.items() if key != "value")): change for change in changes
    }
    return list(named.values())


def names(ids: Iterable[str], most: int = 6) -> str:
    """Identifiers in a sentence; a long list is cut short with its number."""
    rows = list(ids)
    text = "、".join(rows[:most])
    return f"{text} 等 {len(rows)} 个" if len(rows) > most else text
