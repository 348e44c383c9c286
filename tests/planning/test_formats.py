"""Reading, writing and the refusal of bad inputs by name."""

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from batches.planning import InputError, canonical, dump, fingerprint, load, require_valid, solve

from .cases import INSTANCES, SMALL, frozen, tiny

Change = Callable[[dict[str, Any]], object]


def test_fingerprint_of_frozen_instances_is_the_published_one() -> None:
    lines = (INSTANCES / "SHA256SUMS").read_text().split("\n")
    published = {name: digest for digest, name in (line.split() for line in lines if line)}
    for name in [*SMALL, "county-1"]:
        assert fingerprint(load(INSTANCES / f"{name}.json.gz")) == published[f"{name}.json"]


def test_dump_and_load_give_back_the_same_document(tmp_path: Path) -> None:
    document = frozen("small-1")
    dump(document, tmp_path / "input.json")
    assert load(tmp_path / "input.json") == document
    assert (tmp_path / "input.json").read_bytes() == canonical(document)


@pytest.mark.parametrize("name", [*SMALL, "county-1"])
def test_frozen_instances_are_valid(name: str) -> None:
    require_valid(frozen(name))


@pytest.mark.parametrize(
    ("content", "name", "said"),
    [
        (b"", "a.json", "不是 JSON"),
        (b"\xff\xfe\x00", "a.json", "不是 JSON"),
        (b"[1, 2", "a.json", "不是 JSON"),
        (b"9" * 5000, "a.json", "不是 JSON"),
        (b'{"a": NaN}', "a.json", "NaN"),
        (b"plain text", "a.json.gz", "gzip"),
        (gzip.compress(b'{"a": 1}', mtime=0)[:-9], "a.json.gz", "gzip"),
    ],
)
def test_load_refuses_what_is_no_json(tmp_path: Path, content: bytes, name: str, said: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=said):
        load(tmp_path / name)


def test_load_refuses_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none\.json：打不开"):
        load(tmp_path / "none.json")


def _set(*path: str | int, value: object) -> Change:
    def change(document: dict[str, Any]) -> None:
        place: Any = document
        for step in path[:-1]:
            place = place[step]
        place[path[-1]] = value

    return change


def _double(*path: str | int) -> Change:
    def change(document: dict[str, Any]) -> None:
        place: Any = document
        for step in path:
            place = place[step]
        place.append(json.loads(json.dumps(place[0])))

    return change


BAD: list[tuple[Change, str]] = [
    (_double("cadres"), r"cadres\[60\]\.id：干部编号 C00001 重复"),
    (_double("units"), r"units\[30\]\.id：单位编号 U0001 重复"),
    (_double("batches", 0, "classes"), r"classes\[2\]\.id：班级编号 B01-K01 重复"),
    (_double("bases"), r"bases\[5\]\.id：基地编号 \w+ 重复"),
    (_double("bases", 0, "households"), r"households\[\d+\]\.id：农户编号 .* 重复"),
    (_double("batches"), r"batches\[1\]\.id：期次编号 B01 重复"),
    (_double("programme", "tracks"), r"programme\.tracks\[1\]\.id：班型编号 T1 重复"),
    (_set("cadres", 3, "unit", value="U9999"), r"cadres\[3\]\.unit：没有编号为 U9999 的单位"),
    (_set("cadres", 3, "must", value=["B77"]), r"cadres\[3\]\.must：没有编号为 B77 的期次"),
    (_set("batches", 0, "classes", 0, "track", value="T9"), r"classes\[0\]\.track：没有编号为 T9 的班型"),
    (_set("batches", 0, "last_day", value="2020-01-01"), r"batches\[0\]：起止日期颠倒"),
    (_set("bases", 0, "closed", value=[["2027-05-02", "2027-05-01"]]), r"bases\[0\]\.closed\[0\]：起止日期颠倒"),
    (_set("cadres", 0, "unavailable", value=[["2027-02-30", "2027-03-01"]]), r"unavailable\[0\]\[0\]：没有这一天"),
    (_set("cadres", 0, "sex", value="X"), r"cadres\[0\]\.sex：应为"),
    (_set("cadres", 0, "leading", value=1), r"cadres\[0\]\.leading：应为是否"),
    (_set("cadres", 0, "birth", value="1990-13"), r"cadres\[0\]\.birth：写法不对"),
    (_set("cadres", 0, "id", value="甲"), r"cadres\[0\]\.id：写法不对"),
    (_set("cadres", 0, "nickname", value="x"), r"cadres\[0\]：多出不认识的字段 nickname"),
    (_set("programme", "gathering_days", value=0), r"programme\.gathering_days：不能小于 1"),
    (_set("programme", "gathering_days", value="3"), r"programme\.gathering_days：应为整数"),
    (
        _set("programme", "class_size", value={"min": 9, "target": 5, "max": 5}),
        r"programme\.class_size：下限 9 大于上限 5",
    ),
    (_set("programme", "tracks", 0, "classes_per_batch", value=3), r"batches\[0\]\.classes：期次 B01 有 2 个"),
    (_set("programme", "balance", "pairs", value=[["sex", "level"], ["sex", "level"]]), r"pairs\[1\]：重复"),
    (_set("programme", "balance", "pairs", value=[["sex", "sex"]]), r"pairs\[0\]\[1\]：重复"),
    (_set("programme", "balance", "age_bands", value=[40, 30]), r"age_bands：年龄段应从小到大"),
    (_set("format", value="other/1"), r"format：应为"),
    (_set("batches", value=[]), r"batches：至少要有 1 项"),
    (_set("pins", "batches", value=[{"cadre": "C99999", "batch": None}]), r"pins\.batches\[0\]\.cadre：没有编号"),
    (_set("waivers", value=[{"rule": "R01", "subject": "x", "reason": "", "approver": "y"}]), r"reason：不能为空"),
]


@pytest.mark.parametrize(("change", "said"), BAD)
def test_solve_refuses_a_bad_input_by_name(change: Change, said: str) -> None:
    document = tiny()
    change(document)
    with pytest.raises(InputError, match=said):
        solve(document)


@pytest.mark.parametrize("document", [None, [], 3, "x", {}])
def test_solve_refuses_what_is_no_input_at_all(document: Any) -> None:
    with pytest.raises(InputError):
        solve(document)


def test_pins_that_contradict_each_other_are_refused() -> None:
    document = frozen("small-1")
    cadre = document["cadres"][0]["id"]
    document["pins"]["batches"] = [{"cadre": cadre, "batch": "B01"}]
    document["pins"]["classes"] = [{"cadre": cadre, "class": "B02-K01"}]
    with pytest.raises(InputError, match="矛盾"):
        solve(document)


def test_pins_against_rules_nobody_can_waive_are_refused() -> None:
    document = tiny()
    cadre = next(c for c in document["cadres"] if not c["attended_before"])
    document["pins"]["batches"] = [{"cadre": cadre["id"], "batch": "B01"}]
    cadre["unavailable"] = [["2020-01-01", "2040-01-01"]]
    with pytest.raises(InputError, match="R05"):
        solve(document)
    cadre["unavailable"], cadre["attended_before"] = [], True
    with pytest.raises(InputError, match="R06"):
        solve(document)
