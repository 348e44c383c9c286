"""Why somebody has no seat, in the plan's own words: the true bar of each batch that was open, each once."""

from collections.abc import Callable
from typing import Any

import pytest

from batches.planning import solve
from batches.planning.problem import Problem
from batches.planning.statements import unassigned
from tests.planning.cases import tiny
from tests.planning.tiny import cadre, make_input, person

Document = dict[str, Any]


def told(document: Document, places: dict[str, int], name: str) -> str:
    [row] = [row for row in unassigned(Problem(document), places) if row["cadre"] == name]
    assert row["reason"] == "no_seat"
    return str(row["message"])


def without(*names: str) -> dict[str, int]:
    """The sixteen of the hand-made county in the first batch, but for these."""
    return {f"C{n:02d}": 0 for n in range(1, 17) if f"C{n:02d}" not in names}


def leading(document: Document) -> None:
    for name in ("C11", "C17"):
        person(document, name)["leading"] = True


def small_quota(document: Document) -> None:
    next(unit for unit in document["units"] if unit["id"] == "U5")["quota"] = 2


def full_classes(document: Document) -> None:
    document["programme"]["class_size"] = {"min": 3, "target": 4, "max": 4}


def odd_weeks_alone(document: Document) -> None:
    for name in ("C11", "C12", "C17"):
        person(document, name)["parity"] = "odd"


def full_odd_classes(document: Document) -> None:
    """Ten seats in odd weeks, taken by ten people who can come then alone; of the unit, nobody goes."""
    for number in range(1, 11):
        person(document, f"C{number:02d}")["parity"] = "odd"
    person(document, "C17")["parity"] = "odd"


def nothing(document: Document) -> None:
    pass


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (small_quota, "单位名额已满"),
        (leading, "班子成员名额已满"),
        (full_classes, "班级座位已满"),
        (odd_weeks_alone, "单位的人单双周分不匀"),
        (nothing, "再排进去就不合各班人数、同单位分班等规则"),
    ],
)
def test_somebody_without_a_seat_is_told_the_true_bar(change: Callable[[Document], None], why: str) -> None:
    document = make_input()
    change(document)
    assert told(document, without(), "C17") == f"能参加的各期，{why}"


def test_seats_of_the_only_weeks_that_suit_may_be_taken_while_others_are_free() -> None:
    document = make_input()
    full_odd_classes(document)
    assert told(document, without("C11", "C12"), "C17") == "能参加的各期，班级座位已满"


def test_leading_members_do_not_bar_others_nor_where_an_exception_is_granted() -> None:
    document = make_input()
    leading(document)
    person(document, "C17")["leading"] = False
    assert "班子成员" not in told(document, without(), "C17")
    leading(document)
    document["waivers"] = [{"rule": "R08", "subject": "U5@B01", "reason": "任务", "approver": "领导"}]
    assert "班子成员" not in told(document, without(), "C17")


def test_bars_of_several_batches_are_told_once_each() -> None:
    document = make_input()
    document["batches"][1]["classes"] = [row | {"track": "T1"} for row in document["batches"][1]["classes"]]
    full_classes(document)
    small_quota(document)
    places = without("C11", "C12") | {"C11": 1, "C12": 1}
    document["cadres"] += [cadre_of("U1", n) for n in range(30, 36)]
    places |= {f"C{n}": 1 for n in range(30, 36)} | {"C36": 0, "C37": 0}
    document["cadres"] += [cadre_of(unit, n) for unit, n in (("U2", 36), ("U7", 37), ("U4", 38))]
    assert told(document, places, "C17") == "能参加的各期，班级座位已满，或单位名额已满"
    assert told(document, places, "C38") == "能参加的各期，班级座位已满"


def cadre_of(unit: str, number: int) -> Document:
    return cadre(1) | {"id": f"C{number}", "unit": unit}


def test_planner_tells_that_leading_members_fill_their_places() -> None:
    """R08 through the whole planner: everybody of one unit is a leading member, and one of them may go."""
    document = tiny()
    unit = document["cadres"][0]["unit"]
    for row in document["cadres"]:
        row["leading"] = row["unit"] == unit
    document["programme"]["leading_max"] = 1
    mates = {row["id"] for row in document["cadres"] if row["unit"] == unit}
    rows = [row for row in solve(document, stages=(1,))["unassigned"] if row["cadre"] in mates]
    assert len(rows) == len(mates) - 1 > 0
    assert {row["message"] for row in rows} == {"能参加的各期，班子成员名额已满"}
