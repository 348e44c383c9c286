"""Odd counties: a valid input always ends in a plan that keeps the rules, with its shortfalls, never in an error."""

import copy
import random
from collections.abc import Callable
from typing import Any

import jsonschema
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from batches.planning import InputError, require_valid, solve
from batches.planning.explain import explain
from batches.planning.shape import schema

from .cases import broken, tiny

Change = Callable[[dict[str, Any]], object]


def _rules(**values: Any) -> Change:
    return lambda document: document["programme"].update(values)


def _no_bases(document: dict[str, Any]) -> None:
    document.update(bases=[], other_uses=[], history={"bases": [], "households": []})


def _one_unit(document: dict[str, Any]) -> None:
    for cadre in document["cadres"]:
        cadre["unit"] = "U0001"


def _no_room(document: dict[str, Any]) -> None:
    for base in document["bases"]:
        base["declared_capacity"] = 0


def _all_holidays(document: dict[str, Any]) -> None:
    document["calendar"]["holidays"] = [f"2027-{month:02d}-{day:02d}" for month in range(1, 13) for day in range(1, 29)]


def _one_woman(document: dict[str, Any]) -> None:
    for number, cadre in enumerate(document["cadres"]):
        cadre["sex"] = "F" if number == 3 else "M"


def _all_odd(document: dict[str, Any]) -> None:
    for cadre in document["cadres"]:
        cadre["parity"] = "odd"


def _one_staff(document: dict[str, Any]) -> None:
    for klass in document["batches"][0]["classes"]:
        klass.update(parity="odd", staff=["H1"])


def _each_cadre(**values: Any) -> Change:
    def change(document: dict[str, Any]) -> None:
        for cadre in document["cadres"]:
            cadre.update(copy.deepcopy(values))

    return change


def _one_bed_each(document: dict[str, Any]) -> None:
    for base in document["bases"]:
        for house in base["households"]:
            house["rooms"] = house["rooms"][:1]
            house["rooms"][0]["beds"] = 1


def _all_closed(document: dict[str, Any]) -> None:
    for base in document["bases"]:
        base["closed"] = [["0001-01-01", "9999-12-31"]]


def _everyone_deferred(document: dict[str, Any]) -> None:
    document["pins"]["batches"] = [{"cadre": cadre["id"], "batch": None} for cadre in document["cadres"]]


def _track_of_nobody(document: dict[str, Any]) -> None:
    document["programme"]["tracks"][0]["criteria"]["levels"] = ["没有这个层次"]


def _no_classes_of_the_track(document: dict[str, Any]) -> None:
    other = copy.deepcopy(document["programme"]["tracks"][0])
    other.update(id="T0", classes_per_batch=0)
    document["programme"]["tracks"].insert(0, other)


AWAY = [["2026-01-01", "2029-01-01"]]
CASES: dict[str, tuple[Change, dict[str, int]]] = {
    "no bases": (_no_bases, {}),
    "nobody": (lambda document: document.update(cadres=[], units=[]), {}),
    "one class": (lambda document: None, {"classes": 1}),
    "three classes": (lambda document: None, {"classes": 3}),
    "one unit": (_one_unit, {}),
    "no room": (_no_room, {}),
    "one base for four classes": (lambda document: None, {"classes": 4, "bases": 1}),
    "every day a holiday": (_all_holidays, {}),
    "one woman": (_one_woman, {}),
    "all in odd weeks": (_all_odd, {"classes": 3}),
    "one head teacher for all": (_one_staff, {"classes": 4}),
    "any weekday": (_rules(start_weekdays=[]), {}),
    "nine days": (_rules(start_weekdays=[], gathering_days=9, weekend_days={"min": 0, "max": 9}), {}),
    "one day": (_rules(gathering_days=1, weekend_days={"min": 0, "max": 1}), {}),
    "quota 0": (_rules(unit_max_per_batch=0), {}),
    "classes of two": (_rules(class_size={"min": 0, "target": 1, "max": 2}), {}),
    "groups of four": (_rules(household_group={"min": 4, "max": 4}), {}),
    "groups beyond every household": (_rules(household_group={"min": 8, "max": 9}), {}),
    "too many villages, join": (_rules(min_distinct_villages=50, min_village_days=500, makeup_rule="join_class"), {}),
    "too many days, extra": (_rules(min_village_days=500, makeup_rule="extra_weekend"), {}),
    "one day long": (lambda d: d["batches"][0].update(last_day=d["batches"][0]["first_day"]), {}),
    "repeats": (_rules(repeats=True), {}),
    "all women": (_each_cadre(sex="F"), {}),
    "everyone unavailable": (_each_cadre(unavailable=AWAY), {}),
    "everyone must come": (lambda d: _each_cadre(must=[d["batches"][0]["id"]])(d), {}),
    "nobody may come": (lambda d: _each_cadre(must_not=[d["batches"][0]["id"]])(d), {}),
    "everyone a leader": (_each_cadre(leading=True, attended_before=False), {}),
    "everyone attended before": (_each_cadre(attended_before=True), {}),
    "everyone deferred": (_everyone_deferred, {}),
    "everyone the same": (_each_cadre(sex="M", birth="1990-01", level="甲", rank="乙", post_kind="丙"), {}),
    "a track of nobody": (_track_of_nobody, {}),
    "a track without classes": (_no_classes_of_the_track, {}),
    "more villages than bases": (_rules(min_distinct_villages=6), {"bases": 2}),
    "households of one bed": (_one_bed_each, {}),
    "every base closed for ever": (_all_closed, {}),
    "large numbers": (
        _rules(
            unit_max_per_batch=9999,
            leading_max=9999,
            spare_beds=9999,
            max_overlap_days=9999,
            class_size={"min": 0, "target": 9999, "max": 9999},
            household_group={"min": 1, "max": 9999},
        ),
        {},
    ),
    "nothing to balance": (_rules(balance={"age_bands": [], "attributes": [], "pairs": []}), {}),
}


@pytest.mark.parametrize("name", CASES)
def test_odd_county_ends_in_a_lawful_plan(name: str) -> None:
    change, sizes = CASES[name]
    document = tiny(**sizes)
    change(document)
    plan = solve(document)
    jsonschema.validate(plan, schema("plan"))
    assert broken(document, plan) == []
    explained = {(row["rule"], row["subject"]) for row in explain(document, plan) if row["causes"]}
    assert explained >= {(row["rule"], row["subject"]) for row in plan["shortfalls"]}


def test_empty_classes_are_told_as_such() -> None:
    document = tiny()
    document["cadres"] = []
    plan = solve(document)
    assert {row["skipped"] for row in plan["gatherings"]} == {"empty_class"}
    assert {row["rule"] for row in plan["shortfalls"]} == {"R04"}


@settings(max_examples=12, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
@given(
    data=st.fixed_dictionaries(
        {
            "cadres": st.sampled_from([6, 20, 60, 100]),
            "classes": st.integers(1, 4),
            "bases": st.integers(1, 6),
            "weeks": st.integers(1, 8),
            "quota": st.integers(1, 6),
            "days": st.integers(1, 4),
            "group": st.sampled_from([(1, 2), (2, 3), (2, 4), (3, 5)]),
            "spare": st.integers(0, 6),
            "seed": st.integers(0, 99),
        }
    )
)
def test_any_small_county_ends_in_a_lawful_plan(data: dict[str, Any]) -> None:
    document = tiny(data["cadres"], data["classes"], data["bases"], data["weeks"])
    document["programme"].update(
        unit_max_per_batch=data["quota"],
        gathering_days=data["days"],
        spare_beds=data["spare"],
        household_group=dict(zip(("min", "max"), data["group"], strict=True)),
    )
    plan = solve(document, seed=data["seed"])
    assert broken(document, plan) == []


def _put(*path: Any, value: Any) -> Change:
    def change(document: dict[str, Any]) -> None:
        node: Any = document
        for name in path[:-1]:
            node = node[name]
        node[path[-1]] = value

    return change


def _twice(*path: Any) -> Change:
    def change(document: dict[str, Any]) -> None:
        node: Any = document
        for name in path:
            node = node[name]
        node.append(copy.deepcopy(node[0]))

    return change


REFUSED: dict[str, tuple[Change, str]] = {
    "two cadres of one id": (_twice("cadres"), "cadres[60].id"),
    "two units of one id": (_twice("units"), "units[30].id"),
    "two bases of one id": (_twice("bases"), "bases[5].id"),
    "two classes of one id": (_twice("batches", 0, "classes"), "batches[0].classes[2].id"),
    "two rooms of one id": (_twice("bases", 0, "households", 0, "rooms"), "rooms["),
    "batch ends before it begins": (_put("batches", 0, "last_day", value="2020-01-01"), "batches[0]"),
    "absence reversed": (
        _put("cadres", 0, "unavailable", value=[["2027-05-01", "2027-04-01"]]),
        "cadres[0].unavailable",
    ),
    "closure reversed": (_put("bases", 0, "closed", value=[["2027-05-01", "2027-04-01"]]), "bases[0].closed"),
    "no such day": (_put("batches", 0, "first_day", value="2027-02-30"), "batches[0].first_day"),
    "no such month": (_put("programme", "reference_month", value="2027-13"), "programme.reference_month"),
    "groups from 4 to 2": (_put("programme", "household_group", value={"min": 4, "max": 2}), "household_group"),
    "classes from 40 to 32": (
        _put("programme", "class_size", value={"min": 40, "target": 36, "max": 32}),
        "class_size",
    ),
    "weekend days from 2 to 1": (_put("programme", "weekend_days", value={"min": 2, "max": 1}), "weekend_days"),
    "unit unknown": (_put("cadres", 3, "unit", value="U-none"), "cadres[3].unit"),
    "batch unknown": (_put("cadres", 3, "must", value=["B-none"]), "cadres[3].must"),
    "track unknown": (_put("batches", 0, "classes", 0, "track", value="T-none"), "batches[0].classes[0].track"),
    "pin of a stranger": (_put("pins", "batches", value=[{"cadre": "C-none", "batch": None}]), "pins.batches[0].cadre"),
    "below nothing": (_put("programme", "spare_beds", value=-1), "programme.spare_beds"),
    "a text for a number": (_put("programme", "spare_beds", value="3"), "programme.spare_beds"),
    "yes for a number": (_put("programme", "spare_beds", value=True), "programme.spare_beds"),
    "half a bed": (_put("programme", "spare_beds", value=0.5), "programme.spare_beds"),
    "a number beyond sense": (_put("programme", "unit_max_per_batch", value=10**9), "programme.unit_max_per_batch"),
    "a number beyond floats": (
        _put("history", "bases", 0, "person_days", value=10**400),
        "history.bases[0].person_days",
    ),
    "a batch of a thousand years": (_put("batches", 0, "last_day", value="3027-01-01"), "batches[0]"),
    "no batches": (_put("batches", value=[]), "batches"),
    "no tracks": (_put("programme", "tracks", value=[]), "programme.tracks"),
    "another format": (_put("format", value="dunmiao-planning-input/2"), "format"),
    "a household without rooms": (_put("bases", 0, "households", 0, "rooms", value=[]), "households[0].rooms"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_odd_input_is_refused_with_its_field(name: str) -> None:
    change, field = REFUSED[name]
    document = tiny()
    change(document)
    with pytest.raises(InputError) as refusal:
        solve(document)
    assert field in str(refusal.value)


VALUES: list[Any] = [
    None, True, False, 0, 1, -1, 2, 3, 40, 10**6, 10**400, 0.5, float("nan"), float("inf"), "", "X1", "2027-03-08",
    "0001-01-01", "9999-12-31", "odd", "1990-01", [], {}, [[]], ["2027-03-08", "2027-03-01"],
    [["0001-01-01", "9999-12-31"]],
]  # fmt: skip


def _corrupt(node: Any, rng: random.Random) -> None:
    """Somewhere in the input a value is lost, doubled or replaced, mostly by another of its type."""
    while True:
        names = sorted(node) if isinstance(node, dict) else list(range(len(node)))
        if not names:
            return
        name = rng.choice(names)
        if isinstance(node[name], dict | list) and node[name] and rng.random() < 0.9:
            node = node[name]
            continue
        if isinstance(node, list) and rng.random() < 0.2:
            node.append(copy.deepcopy(node[name]))
        elif isinstance(node, dict) and rng.random() < 0.1:
            del node[name]
        else:
            alike = [value for value in VALUES if type(value) is type(node[name])]
            node[name] = copy.deepcopy(rng.choice(alike if alike and rng.random() < 0.85 else VALUES))
        return


@settings(max_examples=40, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
@given(seed=st.integers(0, 10**6), changes=st.integers(1, 2))
def test_any_corrupted_input_is_planned_or_refused(seed: int, changes: int) -> None:
    document = tiny(20, 2, 2, 4)
    rng = random.Random(seed)
    for _ in range(changes):
        _corrupt(document, rng)
    try:
        require_valid(document)
        plan = solve(document)
    except InputError:
        return
    assert broken(document, plan) == []
    assert {row["stage"] for row in explain(document, plan)} <= {1, 2, 3}
