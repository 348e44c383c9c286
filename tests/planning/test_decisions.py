"""What people decided beforehand: pins, exceptions, a plan already published."""

import copy
from collections import Counter
from typing import Any

import pytest

from batches.planning import solve

from .cases import broken, frozen, plan_of, reduced, tiny


def _pinned_input() -> tuple[dict[str, Any], dict[str, Any]]:
    """small-2 with decisions that differ from what the planner would do by itself."""
    document, plan = frozen("small-2"), plan_of("small-2")
    open_to = {c["id"]: c for c in document["cadres"]}
    free = [
        row
        for row in plan["assignments"]
        if not open_to[row["cadre"]]["unavailable"]
        and not open_to[row["cadre"]]["must"]
        and not open_to[row["cadre"]]["must_not"]
        and open_to[row["cadre"]]["parity"] is None
    ]
    units: set[str] = set()
    moved = []
    for row in free:
        if open_to[row["cadre"]]["unit"] not in units:
            units.add(open_to[row["cadre"]]["unit"])
            moved.append(row)
    others = {"B01": "B02", "B02": "B01"}
    document["pins"]["batches"] = [{"cadre": row["cadre"], "batch": others[row["batch"]]} for row in moved[:3]]
    document["pins"]["batches"].append({"cadre": moved[3]["cadre"], "batch": None})
    document["pins"]["classes"] = [
        {"cadre": row["cadre"], "class": "B01-K03" if row["class"] != "B01-K03" else "B01-K02"} for row in moved[4:7]
    ]
    held = next(row for row in plan["gatherings"] if row["class"] == "B02-K02" and "skipped" not in row)
    document["pins"]["gatherings"] = [
        {"class": "B02-K02", "index": held["index"], "first_day": held["first_day"], "bases": None}
    ]
    return document, plan


def test_pins_are_kept() -> None:
    document, _ = _pinned_input()
    plan = solve(document)
    assert broken(document, plan) == []
    seats = {row["cadre"]: row for row in plan["assignments"]}
    for pin in document["pins"]["batches"]:
        assert seats.get(pin["cadre"], {}).get("batch") == pin["batch"]
    for pin in document["pins"]["classes"]:
        assert seats[pin["cadre"]]["class"] == pin["class"]
    pin = document["pins"]["gatherings"][0]
    row = next(r for r in plan["gatherings"] if (r["class"], r["index"]) == (pin["class"], pin["index"]))
    assert row["first_day"] == pin["first_day"]
    out = next(pin["cadre"] for pin in document["pins"]["batches"] if pin["batch"] is None)
    assert next(r["reason"] for r in plan["unassigned"] if r["cadre"] == out) == "pinned_out"


def test_a_pin_of_days_and_bases_is_kept_even_where_another_base_is_nearer() -> None:
    document = tiny(bases=4)
    first = solve(document)
    row = next(r for r in first["gatherings"] if "skipped" not in r)
    for base in sorted(b["id"] for b in document["bases"]):
        if base in {site["base"] for site in row["sites"]}:
            continue
        wanted = copy.deepcopy(document)
        wanted["pins"]["gatherings"] = [
            {"class": row["class"], "index": row["index"], "first_day": row["first_day"], "bases": [base]}
        ]
        plan = solve(wanted)
        now = next(r for r in plan["gatherings"] if (r["class"], r["index"]) == (row["class"], row["index"]))
        assert now.get("skipped") == "no_site" or [s["base"] for s in now["sites"]] == [base]
        assert [b for b in broken(wanted, plan) if b[0] != "PINS"] == []


def test_an_exception_to_the_quota_lets_more_of_the_unit_in() -> None:
    document = tiny()
    for cadre in document["cadres"][:20]:
        cadre.update(
            unit="U0001", leading=False, attended_before=False, unavailable=[], must=[], must_not=[], parity=None
        )
    counts = []
    for waivers in ([], [{"rule": "R01", "subject": "U0001@B01", "reason": "集中轮训", "approver": "组织部"}]):
        document["waivers"] = waivers
        document["cadres"] = document["cadres"][:30]
        plan = solve(document)
        assert broken(document, plan) == []
        units = {c["id"]: c["unit"] for c in document["cadres"]}
        counts.append(Counter(units[r["cadre"]] for r in plan["assignments"])["U0001"])
    assert counts[0] <= 3 < counts[1]


def test_an_exception_nobody_can_grant_changes_nothing() -> None:
    document = tiny()
    before = solve(document)
    document["waivers"] = [{"rule": "R13", "subject": "P001:2027-04-09", "reason": "挤一挤", "approver": "组织部"}]
    after = solve(document)
    assert [before[k] for k in ("assignments", "gatherings", "lodging")] == [
        after[k] for k in ("assignments", "gatherings", "lodging")
    ]


@pytest.mark.parametrize("name", ["small-2", "small-5"])
def test_planning_again_changes_nothing_when_nothing_changed(name: str) -> None:
    document = frozen(name)
    document["previous"] = reduced(plan_of(name))
    plan = solve(document)
    assert broken(document, plan) == []
    assert plan["moves"] == []
    assert [plan[k] for k in ("assignments", "gatherings", "lodging")] == [
        plan_of(name)[k] for k in ("assignments", "gatherings", "lodging")
    ]


def test_somebody_ill_is_replaced_and_the_others_keep_their_seats() -> None:
    document = frozen("small-2")
    document["previous"] = reduced(plan_of("small-2"))
    ill = plan_of("small-2")["assignments"][5]["cadre"]
    for cadre in document["cadres"]:
        if cadre["id"] == ill:
            cadre.update(unavailable=[["2020-01-01", "2040-01-01"]], must=[])
    plan = solve(document)
    assert broken(document, plan) == []
    seats = [row for row in plan["moves"] if row["kind"] == "assignment"]
    assert ill in {row["subject"] for row in seats if row["to"] is None}
    assert len(seats) <= 3
    assert not [row for row in plan["moves"] if row["kind"] == "gathering"]


def test_a_closed_base_moves_only_what_stood_there() -> None:
    document, before = frozen("small-2"), plan_of("small-2")
    document["previous"] = reduced(before)
    held = [row for row in before["gatherings"] if "skipped" not in row]
    closed = held[0]["sites"][0]["base"]
    for base in document["bases"]:
        if base["id"] == closed:
            base["closed"].append(["2020-01-01", "2040-01-01"])
    plan = solve(document)
    assert broken(document, plan) == []
    hit = {f"{r['class']}#{r['index']}" for r in held if closed in {s["base"] for s in r["sites"]}}
    moved = {row["subject"] for row in plan["moves"] if row["kind"] == "gathering"}
    assert hit <= moved
    assert len(moved) <= len(hit) + 2
