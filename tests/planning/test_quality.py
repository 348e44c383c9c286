"""How good plans are: a second solver, bounds against force, and the bench's own counting."""

import itertools
import json
import random
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from scipy.optimize import linprog

from batches.planning import fingerprint, solve
from batches.planning.control import Control
from batches.planning.problem import Problem
from batches.planning.stage1_batches import solve as seat
from batches.planning.stage2_case import Case
from batches.planning.stage2_swaps import swap
from batches.planning.stage3_routes import changes
from batches.planning.versions import versions
from bench.planning import quality
from bench.planning.__main__ import grown, measured
from bench.planning.cases import CASES
from bench.planning.generate import canonical, generate
from bench.planning.replan import replanned
from bench.planning.second import second_opinion
from bench.planning.table import text_of
from bench.planning.whole import least_peak, least_squares

from .cases import SMALL, frozen, plan_of


@pytest.mark.parametrize("name", [*SMALL, "county-1"])
def test_second_solver_comes_to_the_same_value_on_every_level_of_stage_1(name: str) -> None:
    document = frozen(name)
    plan = plan_of(name) if name in SMALL else solve(document, stages=(1,))
    rows = second_opinion(document, plan)
    assert [row["level"] for row in rows] == [row["level"] for row in plan["levels"] if row["stage"] == 1]
    assert all(abs(row["planner"] - row["other"]) < 0.01 for row in rows), rows


def test_second_solver_notices_a_seat_too_few() -> None:
    document = frozen("small-1")
    plan = {"levels": [dict(row) for row in plan_of("small-1")["levels"]]}
    row = next(row for row in plan["levels"] if row["level"] == "covered_1")
    row["value"] -= 1
    assert any(row["other"] - row["planner"] > 0.9 for row in second_opinion(document, plan))


@pytest.mark.parametrize("name", SMALL)
def test_generator_makes_the_frozen_instances(name: str) -> None:
    case = CASES[name]
    made = json.loads(canonical(generate(case.size, case.seed, case.variant, case.tracks)))
    assert fingerprint(made) == fingerprint(frozen(name))


def test_swaps_mend_a_dealt_plan_and_keep_its_rules() -> None:
    problem = Problem(frozen("small-1"))
    places, _ = seat(problem, 1, Control())
    batch = problem.batches[0]
    case = Case(problem, batch, [problem.by_id[name] for name in sorted(places) if places[name] == 0])
    people = sorted(case.members, key=lambda c: (c.unit, c.id))
    dealt = {cadre.id: batch.classes[number % len(batch.classes)].id for number, cadre in enumerate(people)}
    swapped = swap(case, dealt, 1, lambda: None)
    assert case.excess(swapped) < case.excess(dealt)
    assert case.excess(swapped)[0] <= 3
    assert Counter(swapped.values()) == Counter(dealt.values())
    for seats in (dealt, swapped):
        inside = Counter((problem.by_id[name].unit, klass) for name, klass in seats.items())
        assert all(count <= case.spread(unit, "T1") for (unit, _), count in inside.items())
    odd = {klass.id for klass in batch.classes if klass.parity == "odd"}
    for _, members, even_out in case.split_units():
        assert even_out
        before, after = (abs(2 * sum(seats[c.id] in odd for c in members) - len(members)) for seats in (dealt, swapped))
        assert after <= max(1, before)


def test_fewest_changes_of_route_agree_with_every_order() -> None:
    rng = random.Random(3)
    routes = ["R1", "R2", "R3"]
    for _ in range(60):
        groups = tuple(
            sorted(
                {frozenset(rng.sample(routes, rng.choice([0, 1, 1, 2]))) for _ in range(rng.randint(1, 4))}, key=sorted
            )
        )
        visits = [rng.randrange(len(groups)) for _ in range(rng.randint(1, 5))]
        counts = Counter(visits)
        force = min(
            sum(not groups[a] & groups[b] for a, b in itertools.pairwise(order))
            for order in itertools.permutations(visits)
        )
        assert changes(tuple(counts[place] for place in range(len(groups))), groups) == force


@pytest.mark.parametrize("name", SMALL)
def test_levels_of_the_journey_are_proven_or_nearly(name: str) -> None:
    levels = {row["level"]: row for row in plan_of(name)["levels"]}
    assert levels["skips"]["gap"] == levels["max_load"]["gap"] == 0
    assert levels["travel_km"]["gap"] <= 0.01
    assert levels["village_returns"]["bound"] <= levels["village_returns"]["value"]
    assert levels["route_changes"]["bound"] <= levels["route_changes"]["value"]


def test_the_bench_counts_what_the_plan_tells() -> None:
    document, plan = frozen("small-1"), plan_of("small-1")
    levels = {row["level"]: row["value"] for row in plan["levels"]}
    balance, load = quality.balance(document, plan), quality.load(document, plan)
    assert balance["marginal_cells_off"] == levels["marginal_excess"] == 0
    assert 0 < balance["pair_cells_off"] <= levels["pair_excess"]
    assert abs(balance["mean_age_range"] - levels["mean_age_range"]) < 0.001
    assert load["peak"] == levels["max_load"]
    assert 1 <= load["fluid_max_over_mean"] <= load["max_over_mean"]
    assert load["jain"] <= load["jain_whole"] <= load["jain_fluid"] <= 1
    assert 1 <= load["whole_over_fluid"] <= load["over_fluid"]
    assert quality.lasting_incomes(document, plan)["lasting_income_range"] <= levels["income_range"]


def _base(name: str, beds: int, east: float) -> dict[str, Any]:
    houses = [{"id": f"{name}{n}", "rooms": [{"beds": 2}, {"beds": 2}]} for n in range(beds // 4)]
    rows = {"routes": ["R1"], "position_km": [east, 0.0], "declared_capacity": beds, "households": houses}
    return {"id": name, **rows}


def test_least_peak_and_squares_of_whole_classes_are_those_found_by_force() -> None:
    rng = random.Random(5)
    rules = {"household_group": {"max": 4}, "spare_beds": 0, "pair_max_km": 8, "gathering_days": 3}
    for _ in range(12):
        size, number = rng.choice([10, 14]), rng.randint(2, 6)
        bases = [_base("A", 12, 0.0), _base("B", rng.choice([8, 16]), 5.0), _base("C", 20, rng.choice([11.0, 40.0]))]
        beds = {base["id"]: 4 * len(base["households"]) for base in bases}
        before = {name: rng.randrange(20) for name in beds}
        uses = [{name: size} for name, most in beds.items() if most >= size]
        east = {base["id"]: base["position_km"][0] for base in bases}
        near = [(a, b) for a, b in itertools.combinations(beds, 2) if abs(east[a] - east[b]) <= 8]
        for a, b in near:  # bases are few
            uses += [{a: n, b: size - n} for n in range(1, size) if n <= beds[a] and size - n <= beds[b]]
        days = [
            {name: before[name] + 3 * sum(use.get(name, 0) for use in chosen) for name in beds}
            for chosen in itertools.combinations_with_replacement(uses, number)
        ]
        force = min(max(row[name] / beds[name] for name in beds) for row in days)
        document = {"programme": rules, "bases": bases, "waivers": []}
        found = least_peak(document, Counter({size: number}), before, beds)
        assert found <= force + 1e-6
        assert found >= force - 3 / min(beds.values())  # a person at two bases may be counted in parts
        squares = min(sum(row[name] ** 2 / beds[name] for name in beds) for row in days)
        found = least_squares(document, Counter({size: number}), before, beds, 1.5 * force)
        assert 0.98 * squares <= found <= squares + 1e-6


def test_neighbours_may_divide_a_class_though_an_exception_lets_one_of_them_take_it_all() -> None:
    rules = {"household_group": {"max": 2}, "spare_beds": 0, "pair_max_km": 8, "gathering_days": 3}
    document = {"programme": rules, "bases": [_base("A", 12, 0.0), _base("B", 12, 5.0)], "waivers": []}
    beds = {"A": 12, "B": 12}
    assert least_peak(document, Counter({10: 1}), {}, beds) == 3 * 5 / 12  # six at most in three households of two each
    document["waivers"] = [{"rule": "R16", "subject": f"{base}{n}:K1#1"} for base in "AB" for n in range(3)]
    assert least_peak(document, Counter({10: 1}), {}, beds) == 3 * 5 / 12


def _plan_with(sizes: list[int]) -> dict[str, Any]:
    """Gatherings of three days at base A, whoever fits there: where they are does not matter to what is poured."""
    days = {"first_day": "2026-03-02", "last_day": "2026-03-04"}
    return {"gatherings": [{**days, "sites": [{"base": "A", "people": size}]} for size in sizes]}


def test_person_days_are_poured_over_the_bases_that_can_take_a_class_of_the_size() -> None:
    rules = {"household_group": {"max": 4}, "spare_beds": 0, "pair_max_km": 8, "gathering_days": 3}
    bases = [_base("A", 40, 0.0), _base("B", 20, 30.0), _base("C", 20, 33.0), _base("D", 32, 90.0)]
    document = {"programme": rules, "bases": bases, "waivers": [], "history": {"bases": []}}
    assert quality.largest_classes(document) == {"A": 40, "B": 40, "C": 40, "D": 32}
    large = quality.load(document, _plan_with([40, 40]))  # not at D, whose 32 beds stand alone
    assert large["fluid_max_over_mean"] * large["mean"] == pytest.approx(240 / 80, abs=1e-3)
    both = quality.load(document, _plan_with([40, 40, 30]))  # the smaller class fills D up first
    assert both["fluid_max_over_mean"] * both["mean"] == pytest.approx(240 / 80, abs=1e-3)
    alike = quality.load(document, _plan_with([40, 30, 30, 30]))
    assert alike["fluid_max_over_mean"] * alike["mean"] == pytest.approx(390 / 112, abs=1e-3)


def test_no_way_to_pour_has_a_lower_peak() -> None:
    rng = random.Random(8)
    for _ in range(30):
        names = [f"P{n}" for n in range(rng.randint(1, 5))]
        beds = {name: rng.choice([8, 12, 20]) for name in names}
        before = {name: rng.choice([0, 0, 3.0, 6.0]) for name in names}
        largest = {name: rng.choice([10, 20, 30]) for name in names}
        new = Counter({size: rng.randint(1, 200) for size in (10, 20, 30) if any(n >= size for n in largest.values())})
        flows = [(size, name) for size in new for name in names if largest[name] >= size]
        goal = [0.0] * len(flows) + [1.0]  # the last column is the peak
        loads = [[float(name == base) for _, base in flows] + [-beds[name]] for name in names]
        sums = [[float(size == other) for other, _ in flows] + [0.0] for size in new]
        least = linprog(
            goal, loads, [-before[name] * beds[name] for name in names], sums, [new[size] for size in new]
        ).fun
        assert max(quality.poured(before, beds, largest, new).values()) == pytest.approx(least)


def test_bases_of_small_3_are_loaded_alike_because_any_two_of_few_neighbours_may_share_a_class() -> None:
    document, plan = frozen("small-3"), plan_of("small-3")
    load = quality.load(document, plan)
    assert load["whole_over_fluid"] <= load["over_fluid"] <= 1.1
    document["programme"]["pair_max_km"] = 0.0  # nobody has a neighbour: the least of whole classes
    assert quality.load(document, plan)["whole_over_fluid"] > 1.1


def test_bases_of_small_4_are_loaded_alike_because_a_class_may_be_divided_in_two_ways() -> None:
    load = quality.load(frozen("small-4"), plan_of("small-4"))
    assert load["whole_over_fluid"] <= load["over_fluid"] <= 1.1
    assert load["jain"] <= load["jain_whole"] < 0.95 < load["jain_fluid"]  # no plan of these classes comes to 0.95


def test_the_table_says_what_was_measured() -> None:
    pieces = measured()
    assert pieces
    assert not [piece["name"] for piece in pieces if piece["breaches"]]
    assert Path(quality.__file__).with_name("RESULTS.md").read_text(encoding="utf-8") == text_of(pieces, grown())


@pytest.mark.parametrize("name", ["small-1", "small-5"])
def test_the_same_versions_make_the_plans_and_repairs_that_were_measured(name: str) -> None:
    piece = next(piece for piece in measured() if piece["name"] == name)
    if piece["versions"] != versions():
        measured_by, now = (int(row["planner"].removeprefix("dunmiao/")) for row in (piece["versions"], versions()))
        assert measured_by <= now
        return
    assert piece["plan_fingerprint"] == fingerprint(plan_of(name)), "raise PLANNER_VERSION and measure again"
    rows = replanned(frozen(name), plan_of(name), 1, lambda solve_with: (solve_with(None), 0.0))
    assert [row["plan_fingerprint"] for row in rows] == [row["plan_fingerprint"] for row in piece["replans"]]
