"""A draw written to a file and run again: true, equal elsewhere, or the first difference that matters."""

import copy
import json
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from batches.planning import InputError, dump, fingerprint, solve, stage2_classes
from batches.planning import verify as module
from batches.planning.checker_levels import LEVELS, name_of
from batches.planning.control import level
from batches.planning.formats import canonical
from batches.planning.repair import curve
from batches.planning.verify import verify, write_draw

from .cases import reduced, tiny

ROOT = Path(__file__).resolve().parents[2]


@cache
def _text() -> str:
    document = tiny()
    return json.dumps(write_draw(document, solve(document, seed=4), seed=4))


def _draw() -> dict[str, Any]:
    return json.loads(_text())


def test_a_draw_runs_again_to_the_same_plan() -> None:
    verdict = verify(_draw())
    assert verdict.good
    assert verdict.lines[-1] == "同一方案"


def test_a_draw_of_a_repair_runs_again_to_the_same_plan() -> None:
    document = tiny()
    document["previous"] = reduced(solve(document))
    document["bases"][0]["closed"].append(["2020-01-01", "2040-01-01"])
    plan = solve(document, prefer="seats")
    assert verify(write_draw(document, plan, seed=1, prefer="seats")).lines[-1] == "同一方案"


@cache
def _point_text() -> str:
    """A published plan that somebody left and that lost a base, changed with a move more than the fewest."""
    document = tiny(cadres=100, classes=4, bases=6)
    before = solve(document)
    seats = {row["cadre"]: row["batch"] for row in before["assignments"]}
    gone = before["assignments"][5]["cadre"]
    document["pins"]["batches"] = [
        {"cadre": row["id"], "batch": None if row["id"] == gone else seats.get(row["id"])} for row in document["cadres"]
    ]
    document["previous"] = reduced(before)
    closed = next(row for row in before["gatherings"] if "skipped" not in row)["sites"][0]["base"]
    next(base for base in document["bases"] if base["id"] == closed)["closed"].append(["2020-01-01", "2040-01-01"])
    fewest, more = curve(document, most=1)
    assert (fewest["spare_moves"], more["spare_moves"], more["moves"] - fewest["moves"]) == (0, 1, 1)
    return json.dumps(write_draw(document, more["plan"], seed=1, spare_moves=more["spare_moves"]))


def test_a_point_of_the_curve_runs_again_to_the_same_plan() -> None:
    draw = json.loads(_point_text())
    assert draw["spare_moves"] == 1
    assert verify(draw).lines[-1] == "同一方案"


def test_a_point_of_the_curve_is_not_the_plan_with_the_fewest_moves() -> None:
    draw = json.loads(_point_text())
    del draw["spare_moves"]
    assert not verify(draw).good


@pytest.mark.parametrize("spare", [0, 2, -1, True, "1", 1.0, [1], None])
def test_spare_moves_that_no_curve_has_are_refused(spare: Any) -> None:
    draw = json.loads(_point_text()) | {"spare_moves": spare}
    with pytest.raises(InputError, match="spare_moves"):
        verify(draw)


def test_spare_moves_of_a_plan_that_changes_nothing_are_refused() -> None:
    with pytest.raises(InputError, match="spare_moves"):
        verify(_draw() | {"spare_moves": 1})


def test_a_draw_holds_nothing_but_what_the_format_names() -> None:
    draw = _draw()
    assert set(draw) == {"format", "input", "seed", "prefer", "versions", "plan", "fingerprint"}
    assert draw["fingerprint"] == fingerprint(draw["input"]) == draw["plan"]["input_fingerprint"]
    assert set(draw["input"]["cadres"][0]) == {
        "id", "unit", "sex", "birth", "level", "rank", "post_kind", "leading", "attended_before", "unavailable", "must",
        "must_not", "parity",
    }  # fmt: skip


def test_a_plan_of_another_input_or_seed_cannot_be_written() -> None:
    draw = _draw()
    with pytest.raises(InputError, match="不能导出"):
        write_draw(tiny(cadres=100), draw["plan"], seed=4)
    with pytest.raises(InputError, match="不能导出"):
        write_draw(draw["input"], draw["plan"], seed=5)


@pytest.mark.parametrize("text", ["张三 990101199001011239 因病", "电话 13900001234"])
def test_text_that_looks_like_personal_data_is_not_written(text: str) -> None:
    document = tiny()
    document["waivers"] = [{"rule": "R01", "subject": "U0001@B01", "reason": text, "approver": "S1"}]
    plan = copy.deepcopy(_draw()["plan"]) | {"input_fingerprint": fingerprint(document)}
    with pytest.raises(InputError, match=r"waivers\[0\].reason"):
        write_draw(document, plan, seed=4)


def _swapped(draw: dict[str, Any]) -> None:
    """Two people of one class change beds at all gatherings: as good a plan, yet not the one that was drawn."""
    sex = {cadre["id"]: cadre["sex"] for cadre in draw["input"]["cadres"]}
    rows = [row for row in draw["plan"]["assignments"] if row["class"] == "B01-K01"]
    one, two = [row["cadre"] for row in rows if sex[row["cadre"]] == sex[rows[0]["cadre"]]][:2]
    other = {one: two, two: one}
    for row in draw["plan"]["lodging"]:
        row["cadre"] = other.get(row["cadre"], row["cadre"])
    draw["plan"]["lodging"].sort(key=lambda row: (row["class"], row["index"], row["cadre"]))


def test_another_plan_of_equal_value_is_refused_where_the_same_bytes_are_due() -> None:
    draw = _draw()
    _swapped(draw)
    verdict = verify(draw)
    assert not verdict.good
    assert any("第一处要紧的差别——住宿" in line for line in verdict.lines)


def test_another_plan_of_equal_value_is_accepted_from_another_release() -> None:
    draw = _draw()
    _swapped(draw)
    for versions in (draw["versions"], draw["plan"]["versions"]):
        versions["ortools"] = "9.99"
    verdict = verify(draw)
    assert verdict.good
    assert any(line.startswith("方案不同，但各项目标相同") for line in verdict.lines)
    assert any(line.startswith("ortools：当时 9.99，现在 ") for line in verdict.lines)


def test_the_same_decisions_from_another_release_are_the_same_plan() -> None:
    draw = _draw()
    for versions in (draw["versions"], draw["plan"]["versions"]):
        versions["machine"] = "riscv"
    verdict = verify(draw)
    assert verdict.good
    assert "同一方案" in verdict.lines


def _of_another_release(draw: dict[str, Any]) -> None:
    for versions in (draw["versions"], draw["plan"]["versions"]):
        versions["planner"] = "dunmiao/1"


def test_every_level_of_a_plan_and_of_a_repair_has_a_name() -> None:
    told = {row["level"] for text in (_text(), _point_text()) for row in json.loads(text)["plan"]["levels"]}
    assert told <= LEVELS.keys()
    assert len({name for name, _ in LEVELS.values()}) == len(LEVELS), "no two with the same name"


def test_a_bound_better_than_what_runs_again_is_not_confirmed() -> None:
    draw = json.loads(_point_text())
    row = next(row for row in draw["plan"]["levels"] if row["bound"] is not None and row["gap"])
    name, proven = row["level"], row["bound"]
    row.update(bound=row["value"], gap=0.0)
    _of_another_release(draw)
    verdict = verify(draw)
    assert not verdict.good
    assert f"目标“{name_of(name)}”：文件写作 {row['value']}，重算只证明到 {proven}" in verdict.lines
    assert "同一方案" not in verdict.lines


def test_a_bound_that_nothing_proves_is_not_confirmed(monkeypatch: pytest.MonkeyPatch) -> None:
    draw = _draw()
    _of_another_release(draw)
    monkeypatch.setattr(stage2_classes, "level", lambda stage, name, value, _: level(stage, name, value, None))
    verdict = verify(draw)
    assert not verdict.good
    assert any(line.startswith("目标“各班两项交叉人数偏离均衡”：") and "重算没有界" in line for line in verdict.lines)


def test_a_looser_bound_of_another_release_does_no_harm() -> None:
    draw = _draw()
    row = next(row for row in draw["plan"]["levels"] if row["level"] == "covered_0")
    row.update(bound=row["value"] + 1, gap=1 / row["value"])
    _of_another_release(draw)
    verdict = verify(draw)
    assert verdict.good
    assert "同一方案" in verdict.lines


def test_a_bound_altered_in_the_same_release_is_told() -> None:
    draw = _draw()
    row = next(row for row in draw["plan"]["levels"] if row["level"] == "covered_0")
    row.update(bound=row["value"] + 1, gap=1 / row["value"])
    verdict = verify(draw)
    assert not verdict.good
    assert any("目标“覆盖年龄内、没参加过的人”的界：" in line for line in verdict.lines)


def test_a_plan_worse_than_the_planner_gives_is_told_by_the_level() -> None:
    """The plan of other names (a person let in by a changed tie) is caught by the first level that differs."""
    draw = _draw()
    document = copy.deepcopy(draw["input"])
    document["pins"]["batches"] = [{"cadre": draw["plan"]["assignments"][0]["cadre"], "batch": None}]
    plan = solve(document, seed=4)
    left_out = plan["input_fingerprint"] != draw["fingerprint"]
    assert left_out
    plan["input_fingerprint"] = draw["fingerprint"]
    for row in plan["unassigned"]:
        if row["reason"] == "pinned_out":
            row["reason"] = "no_seat"
    draw["plan"] = plan
    for versions in (draw["versions"], draw["plan"]["versions"]):
        versions["planner"] = "other"
    verdict = verify(draw)
    assert not verdict.good
    assert any("第一处要紧的差别——" in line for line in verdict.lines)


def _no_rerun(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> Any:
        raise AssertionError("ran again although the file is untrue")

    monkeypatch.setattr(module, "solve", refuse)


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (lambda d: d.update(fingerprint="0" * 64), "指纹："),
        (lambda d: d["input"]["cadres"][0].update(birth="1970-01"), "指纹："),
        (lambda d: d.update(seed=5), "种子："),
        (lambda d: d["versions"].update(ortools="1"), "版本："),
        (lambda d: d["plan"]["assignments"].pop(), "UNASSIGNED"),
        (
            lambda d: d["plan"]["levels"][2].update(value=99),
            "LEVEL 覆盖年龄内、没参加过的人：目标“覆盖年龄内、没参加过的人”写作 99，",
        ),
        (lambda d: d["plan"]["levels"].pop(0), "目标：没有写“必须参加而没有排进的人”"),
        (
            lambda d: next(r for r in d["plan"]["levels"] if r["level"] == "skips").update(bound=9, gap=9.0),
            "LEVEL 没有安排的集中：目标“没有安排的集中”的差距写作 9.0，",
        ),
        (lambda d: d["plan"]["lodging"][0].update(bed=40), "R17"),
    ],
)
def test_what_is_untrue_in_the_file_is_told_without_running_again(
    spoil: Any, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    _no_rerun(monkeypatch)
    draw = _draw()
    spoil(draw)
    verdict = verify(draw)
    assert not verdict.good
    assert any(line.startswith(told) for line in verdict.lines), verdict.lines


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (lambda d: d.update(format="x"), "format"),
        (lambda d: d.pop("seed"), "seed"),
        (lambda d: d.update(name="张三"), "name"),
        (lambda d: d.update(seed="4"), "seed"),
        (lambda d: d.update(prefer="mine"), "prefer"),
        (lambda d: d["input"]["cadres"][0].update(name="张三"), r"cadres\[0\]"),
        (lambda d: d["plan"].update(assignments=7), "assignments"),
        (lambda d: d["plan"].update(stages=[2]), "stages"),
    ],
)
def test_what_is_no_draw_is_refused_with_the_field(spoil: Any, told: str) -> None:
    draw = _draw()
    spoil(draw)
    with pytest.raises(InputError, match=told):
        verify(draw)
    with pytest.raises(InputError):
        verify([])


def _command(*arguments: str) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "batches.planning", "verify", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, check=False)


def test_command_line_verifies_a_draw(tmp_path: Path) -> None:
    draw = _draw()
    dump(draw, tmp_path / "draw.json")
    done = _command(str(tmp_path / "draw.json"), "-q")
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.decode().strip().endswith("同一方案")
    draw["plan"]["assignments"].pop()
    dump(draw, tmp_path / "spoilt.json")
    done = _command(str(tmp_path / "spoilt.json"))
    assert done.returncode == 1
    assert "与事实不符" in done.stdout.decode()
    (tmp_path / "text.json").write_text("x")
    done = _command(str(tmp_path / "text.json"))
    assert done.returncode == 2
    assert len(done.stderr.decode().strip().split("\n")) == 1


def test_a_draw_reads_back_to_the_same_bytes(tmp_path: Path) -> None:
    dump(_draw(), tmp_path / "draw.json")
    assert (tmp_path / "draw.json").read_bytes() == canonical(_draw())
