"""Fortnights that people took out of a plan by hand stay out when it is repaired, until a pin brings them back."""

import copy
from typing import Any

import pytest

from batches.planning import solve
from tests.planning.cases import broken, reduced, tiny


@pytest.fixture(scope="module")
def repaired() -> tuple[dict[str, Any], dict[str, Any]]:
    """An input whose previous plan had one gathering taken out by hand, and its repair."""
    document = tiny()
    plan = solve(document)
    row = next(row for row in plan["gatherings"] if "skipped" not in row)
    before = copy.deepcopy(plan)
    before["gatherings"] = [
        {"class": each["class"], "index": each["index"], "skipped": "withdrawn"} if each == row else each
        for each in before["gatherings"]
    ]
    before["lodging"] = [
        each for each in before["lodging"] if (each["class"], each["index"]) != (row["class"], row["index"])
    ]
    return document | {"previous": reduced(before)}, row


def at(plan: dict[str, Any], row: dict[str, Any]) -> dict[str, Any]:
    return next(each for each in plan["gatherings"] if (each["class"], each["index"]) == (row["class"], row["index"]))


def test_gathering_taken_out_stays_out(repaired: tuple[dict[str, Any], dict[str, Any]]) -> None:
    document, row = repaired
    plan = solve(document)
    assert at(plan, row) == {"class": row["class"], "index": row["index"], "skipped": "withdrawn"}
    assert [move for move in plan["moves"] if move["kind"] != "bed"] == []
    assert broken(document, plan) == []


def test_gathering_taken_out_comes_back_by_a_pin(repaired: tuple[dict[str, Any], dict[str, Any]]) -> None:
    document, row = copy.deepcopy(repaired)
    pin = {"class": row["class"], "index": row["index"], "first_day": row["first_day"], "bases": None}
    document["pins"]["gatherings"].append(pin)
    plan = solve(document)
    assert at(plan, row)["first_day"] == row["first_day"]
    assert [move["subject"] for move in plan["moves"] if move["kind"] == "gathering"] == [
        f"{row['class']}#{row['index']}"
    ]
