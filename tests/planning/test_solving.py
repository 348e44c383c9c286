"""Whole plans: no breach, true to the format, levels closed where that is promised, the same every time."""

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from batches.planning import Stopped, canonical, dump, solve
from batches.planning.shape import schema

from .cases import INSTANCES, SMALL, broken, frozen, plan_of, tiny

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("name", SMALL)
def test_small_instances_keep_every_rule(name: str) -> None:
    assert broken(frozen(name), plan_of(name)) == []


@pytest.mark.parametrize("name", SMALL)
def test_small_plans_fit_the_schema(name: str) -> None:
    jsonschema.validate(plan_of(name), schema("plan"))
    jsonschema.validate(frozen(name), schema("input"))


@pytest.mark.parametrize("name", SMALL)
def test_levels_of_stage_1_are_proven_optimal(name: str) -> None:
    levels = {row["level"]: row for row in plan_of(name)["levels"] if row["stage"] == 1}
    assert set(levels) >= {"must_unmet", "minimum_missing", "covered_0", "covered_1", "earliness", "same_unit_pairs"}
    assert all(row["gap"] == 0 and row["bound"] == row["value"] for row in levels.values())


@pytest.mark.parametrize("name", SMALL)
def test_every_marginal_cell_is_floor_or_ceil_of_its_share(name: str) -> None:
    levels = {row["level"]: row["value"] for row in plan_of(name)["levels"]}
    assert levels["marginal_excess"] == 0
    document, sizes = frozen(name), Counter(row["class"] for row in plan_of(name)["assignments"])
    sexes = {cadre["id"]: cadre["sex"] for cadre in document["cadres"]}
    tracks = {track["id"] for track in document["programme"]["tracks"]}
    for batch in document["batches"]:
        for track in tracks:
            classes = [k["id"] for k in batch["classes"] if k["track"] == track]
            women = Counter(r["class"] for r in plan_of(name)["assignments"] if sexes[r["cadre"]] == "F")
            for counts in (sizes, women):
                assert max(counts[k] for k in classes) - min(counts[k] for k in classes) <= 1


@pytest.mark.parametrize("name", SMALL)
def test_shortfalls_equal_a_recount(name: str) -> None:
    document, plan = frozen(name), plan_of(name)
    seated = {row["cadre"] for row in plan["assignments"]}
    reasons = {row["cadre"]: row["reason"] for row in plan["unassigned"]}
    assert seated.isdisjoint(reasons)
    assert len(seated) + len(reasons) == len(document["cadres"])
    limit = document["programme"]["full_coverage_age"]
    year = int(document["programme"]["reference_month"][:4])  # the frozen instances take ages in January
    missing: Counter[str] = Counter()
    for cadre in document["cadres"]:
        born, month = map(int, cadre["birth"].split("-"))
        age = year - born - (month > 1)
        if cadre["id"] not in seated and not cadre["attended_before"] and age <= limit:
            missing[cadre["unit"]] += reasons[cadre["id"]] != "no_track"
    told = {row["subject"]: row["amount"] for row in plan["shortfalls"] if row["rule"] == "COVER"}
    assert told == {unit: count for unit, count in missing.items() if count}
    days: Counter[str] = Counter()
    for row in plan["gatherings"]:
        days[row["class"]] += 0 if "skipped" in row else document["programme"]["gathering_days"]
    wanted = document["programme"]["min_village_days"]
    told = {row["subject"]: row["amount"] for row in plan["shortfalls"] if row["rule"] == "R15"}
    assert told == {name: wanted - count for name, count in days.items() if count < wanted}
    assert all("offer" in row for row in plan["shortfalls"] if row["rule"] == "R15")


@pytest.mark.parametrize("name", ["small-1", "small-5"])
def test_every_level_has_a_bound(name: str) -> None:
    rows = {row["level"]: row for row in plan_of(name)["levels"]}
    assert [name for name, row in rows.items() if row["bound"] is None or row["gap"] is None] == []
    assert 0 <= rows["mean_age_range"]["bound"] <= rows["mean_age_range"]["value"]


def test_stages_may_end_early_and_later_parts_stay_empty() -> None:
    document = tiny()
    for stages in ((1,), (1, 2), (1, 2, 3)):
        plan = solve(document, stages=stages)
        jsonschema.validate(plan, schema("plan"))
        assert broken(document, plan) == []
        assert plan["stages"] == list(stages)
        assert bool(plan["gatherings"]) == (3 in stages)
        assert plan["lodging"] == []
        assert all((row["class"] is None) == (2 not in stages) for row in plan["assignments"])


def test_stages_out_of_order_are_refused() -> None:
    with pytest.raises(ValueError, match="stages"):
        solve(tiny(), stages=(2, 1))


def _run_elsewhere(arguments: list[str], hash_seed: str) -> subprocess.CompletedProcess[bytes]:
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
    command = [sys.executable, "-m", "batches.planning", *arguments]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, check=False)


def test_same_input_and_seed_give_the_same_bytes_in_other_processes(tmp_path: Path) -> None:
    dump(tiny(cadres=100, classes=4), tmp_path / "input.json")
    plans = []
    for hash_seed in ("0", "4711"):
        target = tmp_path / f"plan-{hash_seed}.json"
        done = _run_elsewhere(
            ["solve", str(tmp_path / "input.json"), "--seed", "5", "-q", "-o", str(target)], hash_seed
        )
        assert done.returncode == 0, done.stderr
        plans.append(target.read_bytes())
    assert plans[0] == plans[1]
    assert plans[0] == canonical(solve(tiny(cadres=100, classes=4), seed=5))


def test_order_of_lists_in_the_input_does_not_change_decisions() -> None:
    document = tiny()
    turned = json.loads(json.dumps(document))
    for name in ("cadres", "units", "bases", "batches"):
        turned[name].reverse()
    one, two = solve(document), solve(turned)
    assert [one[k] for k in ("assignments", "gatherings", "lodging")] == [
        two[k] for k in ("assignments", "gatherings", "lodging")
    ]


def test_progress_is_told_and_a_wish_to_stop_is_granted() -> None:
    told: list[tuple[int, float, str]] = []
    solve(tiny(), progress=lambda stage, fraction, message: told.append((stage, fraction, message)))
    assert sorted({stage for stage, _, _ in told}) == [1, 2, 3, 4]
    steps = [(stage, fraction) for stage, fraction, _ in told]
    assert steps == sorted(steps)
    assert all(0 <= fraction <= 1 for _, fraction in steps)
    assert any(message.startswith("正在排第 3 步“基地与日期”") for _, _, message in told)
    asked: list[bool] = []

    def stop() -> bool:
        asked.append(True)
        return len(asked) > 3

    with pytest.raises(Stopped):
        solve(tiny(), should_stop=stop)
    assert len(asked) == 4


def test_command_line_solves_and_checks(tmp_path: Path) -> None:
    plan = tmp_path / "plan.json"
    dump(tiny(), tmp_path / "input.json")
    source = str(tmp_path / "input.json")
    assert _run_elsewhere(["solve", source, "-q", "-o", str(plan)], "1").returncode == 0
    done = _run_elsewhere(["check", source, str(plan)], "1")
    assert (done.returncode, "核对通过" in done.stdout.decode()) == (0, True)
    spoiled: dict[str, Any] = json.loads(plan.read_bytes())
    spoiled["assignments"] = spoiled["assignments"][1:]
    dump(spoiled, plan)
    done = _run_elsewhere(["check", source, str(plan)], "1")
    assert done.returncode == 1
    assert done.stdout.decode().split()[0].isupper()


def test_command_line_reads_gzip_and_refuses_bad_input_in_one_line(tmp_path: Path) -> None:
    source = str(INSTANCES / "small-2.json.gz")
    done = _run_elsewhere(["solve", source, "-q", "--stages", "1"], "1")
    assert done.returncode == 0
    assert json.loads(done.stdout)["stages"] == [1]
    document = tiny()
    document["cadres"][0]["unit"] = "U9999"
    dump(document, tmp_path / "bad.json")
    done = _run_elsewhere(["solve", str(tmp_path / "bad.json")], "1")
    assert done.returncode == 2
    assert done.stderr.decode().strip().split("\n") == ["cadres[0].unit：没有编号为 U9999 的单位"]


def test_county_stages_1_and_2_close_their_levels() -> None:
    document = frozen("county-1")
    plan = solve(document, stages=(1,))
    assert all(row["gap"] == 0 for row in plan["levels"])
    document["batches"] = document["batches"][:1]
    kept = {"B01"}
    for cadre in document["cadres"]:
        cadre["must"] = [name for name in cadre["must"] if name in kept]
        cadre["must_not"] = [name for name in cadre["must_not"] if name in kept]
    plan = solve(document, stages=(1, 2))
    assert broken(document, plan) == []
    levels = {row["level"]: row["value"] for row in plan["levels"]}
    assert levels["marginal_excess"] == 0
