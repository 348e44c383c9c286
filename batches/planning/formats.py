"""The two formats of the planner: canonical JSON, fingerprint, reading, writing and the check of an input.

An input that `require_valid` lets through has the shape of `input.schema.json`, unique identifiers, references that
exist, dates in order and pins that do not contradict each other or the rules nobody can waive. Anything else is an
InputError whose message names the field. A plan always comes out of an input that is valid.
"""

import datetime
import gzip
import hashlib
import json
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from .shape import InputError, require_shape

Document = dict[str, Any]
PLAN_FORMAT = "dunmiao-plan/1"
MOST_IN_RULES = 10_000  # days, people, villages, beds of a rule: more is a slip of the pen
MOST_COUNTED = 10_000_000  # person-days and nights so far
MOST_DAYS = 1_100
YEARS = ("1900", "2200")
ENDED_EARLY = (EOFError, gzip.BadGzipFile, zlib.error)


def canonical(document: Any) -> bytes:
    """Canonical JSON: sorted keys, no white space, UTF-8, no NaN."""
    text = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return text.encode("utf-8")


def fingerprint(document: Any) -> str:
    """SHA-256 of the canonical JSON, lower-case hex."""
    return hashlib.sha256(canonical(document)).hexdigest()


def load(path: str | Path) -> Any:
    """Read a JSON file, gzipped if its name ends in .gz. Raises InputError when it cannot be read as such."""
    path = Path(path)
    try:
        data = path.read_bytes()
        if path.suffix == ".gz":
            data = gzip.decompress(data)
        return json.loads(data.decode("utf-8-sig"), parse_constant=_refuse_constant)
    except OSError as error:
        if isinstance(error, gzip.BadGzipFile):
            raise InputError(f"{path.name}：不是完好的 gzip 文件") from error
        raise InputError(f"{path.name}：打不开（{error.strerror}）") from error
    except ENDED_EARLY as error:
        raise InputError(f"{path.name}：不是完好的 gzip 文件") from error
    except InputError:
        raise
    except (ValueError, RecursionError) as error:  # not UTF-8, not JSON, or a number of thousands of digits
        raise InputError(f"{path.name}：不是 JSON 文件") from error


def _refuse_constant(name: str) -> Any:
    raise InputError(f"文件里有不是数字的值 {name}")


def dump(document: Any, path: str | Path) -> None:
    """Write canonical JSON; what is read back has the same fingerprint."""
    Path(path).write_bytes(canonical(document))


def require_valid(document: Any) -> None:
    """Raise InputError, naming the field, unless the document is an input that can be planned."""
    require_shape(document, "input")
    _require_unique(document)
    _require_sizes(document)
    _require_parameters(document["programme"])
    _require_dates(document)
    _require_references(document)
    _require_class_counts(document)
    _require_pins(document)


def _each_class(document: Document) -> Iterable[tuple[str, Document, Document]]:
    for i, batch in enumerate(document["batches"]):
        for j, klass in enumerate(batch["classes"]):
            yield f"batches[{i}].classes[{j}]", batch, klass


def _each_house(document: Document) -> Iterable[tuple[str, Document]]:
    for i, base in enumerate(document["bases"]):
        for j, house in enumerate(base["households"]):
            yield f"bases[{i}].households[{j}]", house


def _require_unique(document: Document) -> None:
    rooms = [
        (f"{path}.rooms[{j}]", room["id"])
        for path, house in _each_house(document)
        for j, room in enumerate(house["rooms"])
    ]
    kinds = {
        "单位": [(f"units[{i}]", unit["id"]) for i, unit in enumerate(document["units"])],
        "干部": [(f"cadres[{i}]", cadre["id"]) for i, cadre in enumerate(document["cadres"])],
        "期次": [(f"batches[{i}]", batch["id"]) for i, batch in enumerate(document["batches"])],
        "班级": [(path, klass["id"]) for path, _, klass in _each_class(document)],
        "班型": [(f"programme.tracks[{i}]", t["id"]) for i, t in enumerate(document["programme"]["tracks"])],
        "基地": [(f"bases[{i}]", base["id"]) for i, base in enumerate(document["bases"])],
        "农户": [(path, house["id"]) for path, house in _each_house(document)],
        "房间": rooms,
        "基地历史": [(f"history.bases[{i}]", row["base"]) for i, row in enumerate(document["history"]["bases"])],
        "农户历史": [
            (f"history.households[{i}]", row["household"]) for i, row in enumerate(document["history"]["households"])
        ],
    }
    for kind, rows in kinds.items():
        seen: dict[str, str] = {}
        for path, name in rows:
            if name in seen:
                raise InputError(f"{path}.id：{kind}编号 {name} 重复，{seen[name]} 已用过")
            seen[name] = path


def _require_sizes(document: Document) -> None:
    """Numbers and periods that no county has are refused, not planned."""
    _require_small(document["programme"], "programme", MOST_IN_RULES)
    _require_small(document["units"], "units", MOST_IN_RULES)
    _require_small(document["bases"], "bases", MOST_IN_RULES)
    _require_small(document["other_uses"], "other_uses", MOST_IN_RULES)
    _require_small(document["history"], "history", MOST_COUNTED)
    for name in ("batches", "other_uses"):
        for i, row in enumerate(document[name]):
            first, last = (datetime.date.fromisoformat(row[key]) for key in ("first_day", "last_day"))
            if not (YEARS[0] <= row["first_day"] and row["last_day"] < YEARS[1]):
                raise InputError(f"{name}[{i}]：{row['first_day']} 至 {row['last_day']} 年份不对")
            if (last - first).days > MOST_DAYS:
                raise InputError(f"{name}[{i}]：{row['first_day']} 至 {row['last_day']} 太长，最多 {MOST_DAYS} 天")


def _require_small(value: Any, path: str, most: int) -> None:
    if isinstance(value, dict):
        for name, part in value.items():
            _require_small(part, f"{path}.{name}", most)
    elif isinstance(value, list):
        for i, part in enumerate(value):
            _require_small(part, f"{path}[{i}]", most)
    elif isinstance(value, int | float) and value > most:
        raise InputError(f"{path}：数字太大，最多 {most}")


def _require_parameters(programme: Document) -> None:
    for name in ("class_size", "weekend_days", "household_group"):
        limits = programme[name]
        if limits["min"] > limits["max"]:
            raise InputError(f"programme.{name}：下限 {limits['min']} 大于上限 {limits['max']}")
    bands = programme["balance"]["age_bands"]
    if bands != sorted(set(bands)):
        raise InputError("programme.balance.age_bands：年龄段应从小到大且不重复")
    for i, track in enumerate(programme["tracks"]):
        low, high = track["criteria"]["min_age"], track["criteria"]["max_age"]
        if low is not None and high is not None and low > high:
            raise InputError(f"programme.tracks[{i}].criteria：最小年龄 {low} 大于最大年龄 {high}")


def _require_dates(document: Document) -> None:
    for i, batch in enumerate(document["batches"]):
        _require_order(f"batches[{i}]", batch["first_day"], batch["last_day"])
    for i, use in enumerate(document["other_uses"]):
        _require_order(f"other_uses[{i}]", use["first_day"], use["last_day"])
    ranges = [(f"cadres[{i}].unavailable", cadre["unavailable"]) for i, cadre in enumerate(document["cadres"])]
    ranges += [(f"bases[{i}].closed", base["closed"]) for i, base in enumerate(document["bases"])]
    for path, house in _each_house(document):
        ranges.append((f"{path}.closed", house["closed"]))
        ranges += [(f"{path}.rooms[{j}].closed", room["closed"]) for j, room in enumerate(house["rooms"])]
    for path, rows in ranges:
        for i, (first, until) in enumerate(rows):
            if first > until:
                raise InputError(f"{path}[{i}]：起止日期颠倒，{first} 晚于 {until}")


def _require_order(path: str, first: str, last: str) -> None:
    if first > last:
        raise InputError(f"{path}：起止日期颠倒，first_day {first} 晚于 last_day {last}")


def _require_references(document: Document) -> None:
    units = {unit["id"] for unit in document["units"]}
    batches = {batch["id"] for batch in document["batches"]}
    classes = {klass["id"] for _, _, klass in _each_class(document)}
    tracks = {track["id"] for track in document["programme"]["tracks"]}
    bases = {base["id"] for base in document["bases"]}
    houses = {house["id"] for _, house in _each_house(document)}
    cadres = {cadre["id"] for cadre in document["cadres"]}
    wanted: list[tuple[str, str, set[str], str]] = []
    for i, cadre in enumerate(document["cadres"]):
        wanted.append((f"cadres[{i}].unit", cadre["unit"], units, "单位"))
        wanted += [(f"cadres[{i}].must", name, batches, "期次") for name in cadre["must"]]
        wanted += [(f"cadres[{i}].must_not", name, batches, "期次") for name in cadre["must_not"]]
    wanted += [(f"{path}.track", klass["track"], tracks, "班型") for path, _, klass in _each_class(document)]
    wanted += [(f"other_uses[{i}].base", use["base"], bases, "基地") for i, use in enumerate(document["other_uses"])]
    history = document["history"]
    wanted += [(f"history.bases[{i}].base", row["base"], bases, "基地") for i, row in enumerate(history["bases"])]
    wanted += [
        (f"history.households[{i}].household", row["household"], houses, "农户")
        for i, row in enumerate(history["households"])
    ]
    pins = document["pins"]
    for i, pin in enumerate(pins["batches"]):
        wanted.append((f"pins.batches[{i}].cadre", pin["cadre"], cadres, "干部"))
        if pin["batch"] is not None:
            wanted.append((f"pins.batches[{i}].batch", pin["batch"], batches, "期次"))
    for i, pin in enumerate(pins["classes"]):
        wanted.append((f"pins.classes[{i}].cadre", pin["cadre"], cadres, "干部"))
        wanted.append((f"pins.classes[{i}].class", pin["class"], classes, "班级"))
    for i, pin in enumerate(pins["gatherings"]):
        wanted.append((f"pins.gatherings[{i}].class", pin["class"], classes, "班级"))
        wanted += [(f"pins.gatherings[{i}].bases", name, bases, "基地") for name in pin["bases"] or []]
    for path, name, known, kind in wanted:
        if name not in known:
            raise InputError(f"{path}：没有编号为 {name} 的{kind}")


def _require_class_counts(document: Document) -> None:
    for i, batch in enumerate(document["batches"]):
        for track in document["programme"]["tracks"]:
            count = sum(klass["track"] == track["id"] for klass in batch["classes"])
            if count != track["classes_per_batch"]:
                raise InputError(
                    f"batches[{i}].classes：期次 {batch['id']} 有 {count} 个班型 {track['id']} 的班，"
                    f"而 programme.tracks 写明每期 {track['classes_per_batch']} 个"
                )


def _require_pins(document: Document) -> None:
    batch_of = {klass["id"]: batch["id"] for _, batch, klass in _each_class(document)}
    seats: dict[str, tuple[str, str | None]] = {}
    for i, pin in enumerate(document["pins"]["batches"]):
        path = f"pins.batches[{i}]"
        if pin["cadre"] in seats:
            raise InputError(f"{path}：干部 {pin['cadre']} 已在 {seats[pin['cadre']][0]} 指定过")
        seats[pin["cadre"]] = (path, pin["batch"])
    seen: set[str] = set()
    for i, pin in enumerate(document["pins"]["classes"]):
        path = f"pins.classes[{i}]"
        if pin["cadre"] in seen:
            raise InputError(f"{path}：干部 {pin['cadre']} 指定了两个班级")
        seen.add(pin["cadre"])
        if pin["cadre"] in seats and seats[pin["cadre"]][1] != batch_of[pin["class"]]:
            raise InputError(f"{path}：班级 {pin['class']} 与 {seats[pin['cadre']][0]} 指定的期次矛盾")
    places: set[tuple[str, int]] = set()
    for i, pin in enumerate(document["pins"]["gatherings"]):
        key = (pin["class"], pin["index"])
        if key in places:
            raise InputError(f"pins.gatherings[{i}]：{pin['class']}#{pin['index']} 指定了两次")
        if pin["bases"] and len(set(pin["bases"])) < len(pin["bases"]):
            raise InputError(f"pins.gatherings[{i}].bases：同一个基地写了两次")
        places.add(key)
