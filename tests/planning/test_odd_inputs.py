"""Odd counties: a valid input always ends in a plan that keeps the rules, with its shortfalls, never in an error."""

from collections.abc import Callable
from typing import Any

import jsonschema
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from batches.planning import solve
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
