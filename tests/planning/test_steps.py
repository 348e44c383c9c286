"""The work cut into steps: whoever does them, in whatever order, the plan is the same byte for byte."""

import json
import random
from functools import cache
from typing import Any

import jsonschema
import pytest

from batches.planning import canonical, solve, steps
from batches.planning.control import Control
from batches.planning.problem import Problem
from batches.planning.shape import schema

from .cases import frozen, reduced, tiny
from .tiny import sample


def _step(document: dict[str, Any], name: str, done: dict[str, Any], seed: int = 1) -> Any:
    """One step, as a worker does it who knows the input alone and what was made before."""
    control = Control(None, None, None)
    control.within(0, 1, steps.batch_of(name))
    return steps.do(Problem(document), name, done, seed, control)


def _by_many_hands(document: dict[str, Any], seed: int, order: int, stages: tuple[int, ...] = (1, 2, 3, 4)) -> Any:
    """All steps in a random order, results kept as text between them, some done twice."""
    rng = random.Random(order)
    text = json.dumps(document)
    kept: dict[str, str] = {}
    while True:
        done = {name: json.loads(result) for name, result in kept.items()}
        names = steps.ready(json.loads(text), done, stages)
        if not names:
            return steps.assemble(json.loads(text), done, seed=seed, stages=stages), done
        name = rng.choice(names)
        kept[name] = json.dumps(_step(json.loads(text), name, done, seed))


def _two_batches() -> dict[str, Any]:
    """Two short batches a month apart, two classes each."""
    document = tiny(cadres=100, classes=2, bases=6, weeks=4)
    second = json.loads(json.dumps(document["batches"][0]).replace("B01", "B02"))
    second["first_day"], second["last_day"] = "2027-09-06", "2027-10-03"
    document["batches"].append(second)
    return document


@cache
def _whole() -> bytes:
    return canonical(solve(_two_batches(), seed=3))


@pytest.mark.parametrize("order", [1, 2, 3])
def test_steps_in_any_order_give_the_bytes_of_the_whole(order: int) -> None:
    plan, done = _by_many_hands(_two_batches(), 3, order)
    assert canonical(plan) == _whole()
    kinds = {name.split(":")[0] for name in done}
    assert kinds == {"batches", "classes", "itinerary", "exchanges", "households", "lodging"}
    assert [name for name in done if name.startswith("itinerary:")] == ["itinerary:B01", "itinerary:B02"]


def test_steps_of_a_repair_give_the_bytes_of_the_whole() -> None:
    document = tiny()
    document["previous"] = reduced(solve(document))
    document["bases"][0]["closed"].append(["2020-01-01", "2040-01-01"])
    plan, _ = _by_many_hands(document, 1, 5)
    assert canonical(plan) == canonical(solve(document))
    assert plan["moves"]


def test_a_step_done_again_gives_the_same_result() -> None:
    document = _two_batches()
    _, done = _by_many_hands(document, 3, 4)
    assert steps.ready(document, done) == []
    for name in sorted(done):
        earlier = {step: result for step, result in done.items() if step != name}
        assert json.loads(json.dumps(_step(document, name, earlier, 3))) == done[name]


def test_steps_end_with_the_stages_asked_for() -> None:
    document = tiny()
    plan, done = _by_many_hands(document, 1, 1, (1, 2))
    jsonschema.validate(plan, schema("plan"))
    assert sorted(done) == ["batches", "classes:B01"]
    assert steps.ready(document, {}, (1,)) == ["batches"]
    assert steps.ready(document, {"batches": done["batches"]}, (1,)) == []


def test_only_steps_whose_inputs_are_done_are_ready() -> None:
    document = frozen("small-1")
    assert steps.ready(document, {}) == ["batches"]
    done: dict[str, Any] = {"batches": {}}
    assert steps.ready(document, done) == ["classes:B01", "classes:B02"]
    done["classes:B02"] = {}
    assert steps.ready(document, done) == ["classes:B01"]
    done["classes:B01"] = {}
    assert steps.ready(document, done) == ["itinerary:B01"]


def test_every_step_has_a_stage_and_other_names_are_refused() -> None:
    names = ["batches", "classes:B01", "itinerary:B01", "exchanges", "households:P001", "lodging:B01-K01"]
    assert [steps.stage_of(name) for name in names] == [1, 2, 3, 3, 4, 4]
    with pytest.raises(ValueError, match="no step"):
        steps.stage_of("meals:B01")
    with pytest.raises(ValueError, match="no step"):
        _step(tiny(), "meals:B01", {})


@pytest.mark.parametrize("name", ["households:P001", "lodging:B01-K01"])
def test_beds_are_not_given_before_it_is_settled_where_gatherings_are(name: str) -> None:
    with pytest.raises(ValueError, match="exchanges"):
        _step(tiny(), name, {"batches": {}, "classes:B01": {}, "itinerary:B01": {"held": []}})


def test_the_best_so_far_is_told_with_its_bound() -> None:
    told: list[tuple[int, str | None, str, float, float | None]] = []
    plan = solve(tiny(), on_best=lambda *row: told.append(row))
    levels = {row["level"]: row for row in plan["levels"]}
    assert {stage for stage, *_ in told} == {1, 2, 3, 4}
    last = {name: (batch, value, bound) for _, batch, name, value, bound in told}
    assert last["covered_0"] == (None, levels["covered_0"]["value"], levels["covered_0"]["bound"])
    assert last["skips"] == ("B01", levels["skips"]["value"], levels["skips"]["bound"])
    assert last["marginal_excess"][0] == "B01"
    assert round(last["max_load"][1], 4) == levels["max_load"]["value"]
    for name in ("skips", "max_load", "village_returns"):
        values = [value for _, _, level, value, _ in told if level == name]
        assert values[-1] == min(values)


def test_beds_wait_for_the_exchanges_and_lodging_for_the_bases_it_visits_alone() -> None:
    document, plan = sample("small-1")
    held = [row for row in plan["gatherings"] if "skipped" not in row]
    done: dict[str, Any] = {"batches": {}, **{f"{kind}:B0{n}": {} for kind in ("classes", "itinerary") for n in (1, 2)}}
    for number in (1, 2):
        rows = [row for row in held if row["class"].startswith(f"B0{number}")]
        done[f"itinerary:B0{number}"] = {
            "held": [
                {"class": r["class"], "index": r["index"], "parts": [[site["base"], 0, 0] for site in r["sites"]]}
                for r in rows
            ]
        }
    assert steps.ready(document, done) == ["exchanges"]
    done["exchanges"] = {"held": []}
    bases = {site["base"] for row in held for site in row["sites"]}
    assert steps.ready(document, done) == [f"households:{name}" for name in sorted(bases)]
    visited = {site["base"] for row in held if row["class"] == "B01-K01" for site in row["sites"]}
    done.update({f"households:{name}": {} for name in visited})
    assert "lodging:B01-K01" in steps.ready(document, done)
    assert "lodging:B02-K01" not in steps.ready(document, done)
