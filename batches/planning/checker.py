"""The independent checker: does a plan keep the rules, and is what it says of itself true?

It is written from the rules and formats alone and shares no code with whatever makes plans; it needs the standard
library only. Odd plans never make it raise: what cannot be understood is a breach.

Codes: R01 to R19 are the rules, COVER the list of people of the covered age without a seat, PINS what people had
decided. The rest are untrue statements of the plan: FORMAT (shape, ids, fingerprint), UNASSIGNED (reasons), SHORTFALL
(subject `rule:subject`, offers included), LEVEL (subject: the level), MOVES (subject `kind:subject`).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from .checker_beds import check_beds
from .checker_case import Breach, Case
from .checker_form import read_plan
from .checker_levels import check_levels
from .checker_seats import check_seats
from .checker_sheet import RuleLine, sheet
from .checker_statements import check_statements
from .checker_visits import check_visits

__all__ = ["Breach", "RuleLine", "check", "rule_sheet", "violations"]


def check(document: dict[str, Any], plan: Any) -> list[Breach]:
    """Every breach of a plan for an input, approved exceptions included, sorted by code and subject.

    `document` is an input (dunmiao-planning-input/1), `plan` anything that claims to be a plan for it.
    """
    return _found(_examine(document, plan))


def violations(breaches: Iterable[Breach]) -> list[Breach]:
    """The breaches that make a plan bad: those that nobody has approved."""
    return [breach for breach in breaches if not breach.waived]


def rule_sheet(document: dict[str, Any], plan: Any) -> list[RuleLine]:
    """One line for each of R01 to R19: whether it is kept, the fact that shows it, and the breaches."""
    case = _examine(document, plan)
    return sheet(case, _found(case))


def _examine(document: dict[str, Any], plan: Any) -> Case:
    case = Case(document, read_plan(document, plan))
    if not isinstance(plan, dict):
        return case
    check_seats(case)
    if case.told.depth >= 3:
        check_visits(case)
    if case.told.depth >= 4:
        check_beds(case)
    check_statements(case)
    check_levels(case)
    return case


def _found(case: Case) -> list[Breach]:
    unique = dict.fromkeys(case.breaches)
    return sorted(unique, key=lambda breach: (breach.code, breach.subject, breach.message))
