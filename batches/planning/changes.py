"""Changes tried on an input: what a rule sandbox, a repair or a cure changes, as plain JSON, and how each reads.

A change is a JSON object with a `kind` and the fields that `FIELDS` lists for it; `more_classes` may also say the weeks
(`parities`) and the identifiers (`ids`) of its classes, one each, `withdraw` the day of leaving (`from`).
Applied to a valid input, changes give a valid input, or an InputError that names what is unknown or cannot be; the input
given stays as it was.
"""

import copy
import datetime
import re
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

from .formats import Document, require_valid
from .problem import WAIVABLE
from .shape import InputError

Change = dict[str, Any]
TRIAL = "试算"
DEMANDS = {"must": "必须参加的期次", "must_not": "不能参加的期次", "parity": "单双周限制"}
PINNED = {"batches": "期次", "classes": "班级", "gatherings": "集中"}
PLACES = {"base": "基地", "household": "农户", "room": "房间"}
PARITY_NAMES = {"odd": "单周", "even": "双周"}
FIELDS = {
    "parameter": ("name", "value"),
    "unit_quota": ("unit", "value"),
    "more_batches": ("count",),
    "more_classes": ("batch", "track", "count"),
    "waiver": ("rule", "subject"),
    "drop_demand": ("cadre", "field"),
    "drop_pin": ("of", "subject"),
    "pin_batch": ("cadre", "batch"),
    "pin_class": ("cadre", "class"),
    "pin_gathering": ("class", "index", "first_day", "bases"),
    "close": ("place", "id", "from", "until"),
    "reopen": ("place", "id", "from", "until"),
    "withdraw": ("cadre",),
    "later": ("cadre",),
}
NAMES = {
    "full_coverage_age": "应训年龄上限",
    "repeats": "参加过的可以再参加",
    "class_size.min": "班额下限",
    "class_size.target": "班额目标",
    "class_size.max": "班额上限",
    "unit_max_per_batch": "每单位每期名额",
    "leading_max": "每单位每期班子成员名额",
    "max_overlap_days": "可容许的请假天数",
    "gathering_days": "每次集中天数",
    "weekend_days.min": "每次集中至少含周末天数",
    "weekend_days.max": "每次集中至多含周末天数",
    "start_weekdays": "可以开始集中的星期",
    "min_village_days": "在村天数要求",
    "min_distinct_villages": "到访村数要求",
    "household_group.min": "每户至少住人数",
    "household_group.max": "每户至多住人数",
    "household_single_sex": "同户只住同一性别",
    "spare_beds": "基地每晚留空床位",
    "pair_max_km": "两个相邻基地最远相距公里数",
    "makeup_rule": "补课办法",
}
MAKEUPS = {"none": "不补", "join_class": "随其他班补", "extra_weekend": "另加一个周末"}
WEEKDAYS = "一二三四五六日"


def apply(document: Document, changes: Iterable[Change]) -> Document:
    """A new valid input with the changes made one after another. Raises InputError."""
    result = copy.deepcopy(document)
    for position, change in enumerate(changes):
        _require_fields(change, f"changes[{position}]")
        _guarded(_MAKE[change["kind"]], f"changes[{position}]", result, change)
    require_valid(result)
    return result


def say(change: Change) -> str:
    """One plain sentence, with identifiers in it. Raises InputError for a change that cannot be read."""
    _require_fields(change, "change")
    sentence: str = _guarded(_SAY[change["kind"]], "change", change)
    return sentence


def _guarded(act: Callable[..., Any], path: str, *values: Any) -> Any:
    """What the act comes to; a value of the wrong type is a change that cannot be read."""
    try:
        return act(*values)
    except InputError:
        raise
    except (AttributeError, IndexError, KeyError, OverflowError, TypeError, ValueError) as error:
        raise InputError(f"{path}：写法不对（{error}）") from error


def _require_fields(change: Any, path: str) -> None:
    kind = change.get("kind") if isinstance(change, dict) else None
    if not isinstance(kind, str) or kind not in FIELDS:
        raise InputError(f"{path}.kind：没有名为 {kind} 的改动")
    for name in FIELDS[kind]:
        if name not in change:
            raise InputError(f"{path}：缺少字段 {name}")


def _find(rows: Iterable[Document], name: Any, kind: str) -> Document:
    for row in rows:
        if row["id"] == name:
            return row
    raise InputError(f"没有编号为 {name} 的{kind}")


def _count(change: Change) -> int:
    count = change["count"]
    if not isinstance(count, int) or isinstance(count, bool) or not 1 <= count <= 100:
        raise InputError(f"count：应为 1 至 100 的整数，实为 {count}")
    return count


def _parameter(document: Document, change: Change) -> None:
    *path, last = str(change["name"]).split(".")
    holder: Any = document["programme"]
    for name in path:
        holder = holder.get(name) if isinstance(holder, dict) else None
    if not isinstance(holder, dict) or last not in holder:
        raise InputError(f"没有名为 {change['name']} 的规则参数")
    holder[last] = copy.deepcopy(change["value"])


def _unit_quota(document: Document, change: Change) -> None:
    _find(document["units"], change["unit"], "单位")["quota"] = change["value"]


def _fresh(name: str, taken: set[str]) -> str:
    """`name` with the first free x1, x2 …; a copy of a copy counts on."""
    stem, number = re.sub(r"x\d+$", "", name), 1
    while f"{stem}x{number}" in taken:
        number += 1
    taken.add(f"{stem}x{number}")
    return f"{stem}x{number}"


def _more_batches(document: Document, change: Change) -> None:
    batches = document["batches"]
    names = {batch["id"] for batch in batches}
    classes = {klass["id"] for batch in batches for klass in batch["classes"]}
    for _ in range(_count(change)):
        last = max(batches, key=lambda batch: (batch["last_day"], batch["first_day"], batch["id"]))
        first_day, last_day = (datetime.date.fromisoformat(last[key]) for key in ("first_day", "last_day"))
        start = last_day + datetime.timedelta(days=7 - last_day.weekday())
        added = copy.deepcopy(last)
        added["id"] = _fresh(last["id"], names)
        added["first_day"] = start.isoformat()
        added["last_day"] = (start + (last_day - first_day)).isoformat()
        for klass in added["classes"]:
            klass["id"] = _fresh(klass["id"], classes)
        batches.append(added)


def _more_classes(document: Document, change: Change) -> None:
    track = _find(document["programme"]["tracks"], change["track"], "班型")
    wanted = document["batches"]
    if change["batch"] is not None:
        wanted = [_find(document["batches"], change["batch"], "期次")]
    taken = {klass["id"] for batch in document["batches"] for klass in batch["classes"]}
    parities, ids = _each_of_them(change, "parities"), _each_of_them(change, "ids")
    if wrong := sorted(set(parities) - PARITY_NAMES.keys()):
        raise InputError(f"parities：应为 odd、even 之一，实为 {wrong[0]}")
    if ids and (len(wanted) > 1 or len(set(ids)) < len(ids) or taken & set(ids)):
        raise InputError("ids：每个编号只能用一次，也不能是已有的")
    for batch in wanted:
        for number in range(_count(change)):
            mine = [klass for klass in batch["classes"] if klass["track"] == track["id"]]
            name = max((klass["id"] for klass in mine), default=batch["id"])
            parity = parities[number] if parities else _emptier_weeks(document, mine)
            fresh = ids[number] if ids else _fresh(name, taken)
            batch["classes"].append({"id": fresh, "parity": parity, "track": track["id"], "staff": []})
    counts = {sum(klass["track"] == track["id"] for klass in batch["classes"]) for batch in document["batches"]}
    if len(counts) == 1:
        track["classes_per_batch"] = counts.pop()


def _each_of_them(change: Change, name: str) -> list[str]:
    """What a change says of each thing that it adds; empty where it leaves that open."""
    values = [str(value) for value in change.get(name) or []]
    if values and len(values) != _count(change):
        raise InputError(f"{name}：应有 {change['count']} 项，实有 {len(values)} 项")
    return values


def _emptier_weeks(document: Document, classes: list[Document]) -> str:
    """The weeks with fewer of these classes; of equals those in which more people alone can come, else the odd ones."""
    sides = Counter(klass["parity"] for klass in classes)
    if sides["odd"] != sides["even"]:
        return "odd" if sides["odd"] < sides["even"] else "even"
    excused = {row["subject"] for row in document["waivers"] if row["rule"] == "R07"}
    bound = Counter(cadre["parity"] for cadre in document["cadres"] if cadre["id"] not in excused)
    return "even" if bound["even"] > bound["odd"] else "odd"


def _waiver(document: Document, change: Change) -> None:
    rule, subject = str(change["rule"]), str(change["subject"])
    if rule not in WAIVABLE:
        raise InputError(f"规则 {rule} 不能批准例外")
    _require_subject(document, rule, subject)
    row = {"rule": rule, "subject": subject, "reason": TRIAL, "approver": TRIAL}
    if not any((known["rule"], known["subject"]) == (rule, subject) for known in document["waivers"]):
        document["waivers"].append(row)


def _require_subject(document: Document, rule: str, subject: str) -> None:
    """The things that the subject of a rule names exist."""
    batches = {batch["id"]: "期次" for batch in document["batches"]}
    classes = {klass["id"]: "班级" for batch in document["batches"] for klass in batch["classes"]}
    units = {unit["id"]: "单位" for unit in document["units"]}
    tracks = {track["id"]: "班型" for track in document["programme"]["tracks"]}
    cadres = {cadre["id"]: "干部" for cadre in document["cadres"]}
    houses = {house["id"]: "农户" for base in document["bases"] for house in base["households"]}
    shapes: dict[str, list[tuple[str, list[dict[str, str]]]]] = {
        "R01": [(r"(.+)@(.+)", [units, batches])],
        "R02": [(r"(.+)@(.+)/(.+)", [units, batches, tracks])],
        "R03": [(r"(.+)@(.+)", [units, batches])],
        "R04": [(r"(.+)@(.+)", [tracks, batches]), (r"([^@]+)", [classes])],
        "R07": [(r"(.+)", [cadres])],
        "R08": [(r"(.+)@(.+)", [units, batches])],
        "R14": [(r"(.+)", [classes])],
        "R15": [(r"(.+)", [classes])],
        "R16": [(r"(.+):(.+)#\d+", [houses, classes])],
    }
    for shape, known in shapes[rule]:
        match = re.fullmatch(shape, subject)
        if match is not None:
            for name, names in zip(match.groups(), known, strict=True):
                if name not in names:
                    raise InputError(f"规则 {rule} 的对象 {subject} 里，{name} 不存在")
            return
    raise InputError(f"规则 {rule} 的对象 {subject} 写法不对")


def _drop_demand(document: Document, change: Change) -> None:
    if change["field"] not in DEMANDS:
        raise InputError(f"没有名为 {change['field']} 的个人要求")
    cadre = _find(document["cadres"], change["cadre"], "干部")
    cadre[change["field"]] = None if change["field"] == "parity" else []


def _drop_pin(document: Document, change: Change) -> None:
    kind, subject = change["of"], str(change["subject"])
    if kind not in PINNED:
        raise InputError(f"没有名为 {kind} 的指定")
    rows = document["pins"][kind]

    def named(row: Document) -> str:
        return f"{row['class']}#{row['index']}" if kind == "gatherings" else str(row["cadre"])

    kept = [row for row in rows if named(row) != subject]
    if len(kept) == len(rows):
        raise InputError(f"{subject} 没有指定过{PINNED[kind]}")
    document["pins"][kind] = kept


def _unpin(document: Document, cadre: str) -> None:
    for kind in ("batches", "classes"):
        document["pins"][kind] = [row for row in document["pins"][kind] if row["cadre"] != cadre]


def _pin_batch(document: Document, change: Change) -> None:
    """A batch, or none for who stays out; a pin that says otherwise is replaced."""
    cadre, batch = _find(document["cadres"], change["cadre"], "干部")["id"], change["batch"]
    if batch is not None:
        own = {klass["id"] for klass in _find(document["batches"], batch, "期次")["classes"]}
        kept = [row for row in document["pins"]["classes"] if row["cadre"] == cadre and row["class"] in own]
    _unpin(document, cadre)
    document["pins"]["batches"].append({"cadre": cadre, "batch": batch})
    if batch is not None:
        document["pins"]["classes"] += kept


def _pin_class(document: Document, change: Change) -> None:
    cadre = _find(document["cadres"], change["cadre"], "干部")["id"]
    _find((klass for batch in document["batches"] for klass in batch["classes"]), change["class"], "班级")
    _unpin(document, cadre)
    document["pins"]["classes"].append({"cadre": cadre, "class": change["class"]})


def _pin_gathering(document: Document, change: Change) -> None:
    """Day and bases; without a day, that of the pin or the published plan is kept; without both, the pin goes."""
    name, index = change["class"], change["index"]
    _find((klass for batch in document["batches"] for klass in batch["classes"]), name, "班级")
    rows = document["pins"]["gatherings"]
    known = (document["previous"] or {"gatherings": []})["gatherings"]
    before = next((row for row in [*rows, *known] if (row["class"], row["index"]) == (name, index)), None)
    document["pins"]["gatherings"] = [row for row in rows if (row["class"], row["index"]) != (name, index)]
    if change["first_day"] is None and change["bases"] is None:
        return
    day = change["first_day"] or (before or {}).get("first_day")
    if day is None:
        raise InputError(f"first_day：{name}#{index} 还没有日期，请写明哪一天")
    pin = {"class": name, "index": index, "first_day": day, "bases": change["bases"]}
    document["pins"]["gatherings"].append(pin)


def _place(document: Document, change: Change) -> Document:
    houses = (house for base in document["bases"] for house in base["households"])
    if change["place"] == "base":
        return _find(document["bases"], change["id"], "基地")
    if change["place"] == "household":
        return _find(houses, change["id"], "农户")
    if change["place"] == "room":
        return _find((room for house in houses for room in house["rooms"]), change["id"], "房间")
    raise InputError(f"place：应为 base、household、room 之一，实为 {change['place']}")


def _span(change: Change) -> tuple[str, str]:
    first, until = (datetime.date.fromisoformat(change[key]).isoformat() for key in ("from", "until"))
    if first >= until:
        raise InputError(f"起止日期颠倒：{first} 不早于 {until}")
    return first, until


def _close(document: Document, change: Change) -> None:
    _place(document, change)["closed"].append([*_span(change)])


def _reopen(document: Document, change: Change) -> None:
    row, (first, until) = _place(document, change), _span(change)
    kept = []
    for start, end in row["closed"]:
        kept += [part for part in ([start, min(end, first)], [max(start, until), end]) if part[0] < part[1]]
    row["closed"] = kept


def _withdraw(document: Document, change: Change) -> None:
    """The cadre stays in the county and out of this plan; a demand to attend goes with it."""
    cadre = _find(document["cadres"], change["cadre"], "干部")
    if change.get("from"):
        datetime.date.fromisoformat(change["from"])
    cadre["must"] = []
    _unpin(document, cadre["id"])
    document["pins"]["batches"].append({"cadre": cadre["id"], "batch": None})


def _later(document: Document, change: Change) -> None:
    """The cadre is no longer asked for here: another session takes up whoever stays out of this one."""
    name = _find(document["cadres"], change["cadre"], "干部")["id"]
    _unpin(document, name)
    document["cadres"] = [row for row in document["cadres"] if row["id"] != name]


def _day(text: Any) -> str:
    day = datetime.date.fromisoformat(str(text))
    return f"{day.year}年{day.month}月{day.day}日"


def _value(name: str, value: Any) -> str:
    if name == "start_weekdays":
        return f"星期{'、'.join(WEEKDAYS[day - 1] for day in value)}" if value else "不限"
    if name == "makeup_rule":
        return MAKEUPS.get(value, str(value))
    if isinstance(value, bool):
        return "是" if value else "否"
    return "不限" if value is None else str(value)


def _say_parameter(change: Change) -> str:
    name = str(change["name"])
    value = _value(name, change["value"])
    return f"{NAMES.get(name, name)}改为{value if not value[:1].isdigit() else f' {value}'}"


def _say_quota(change: Change) -> str:
    if change["value"] is None:
        return f"单位 {change['unit']} 按一般名额派员"
    return f"单位 {change['unit']} 每期名额改为 {change['value']} 人"


def _say_classes(change: Change) -> str:
    where = "每期" if change["batch"] is None else f"期次 {change['batch']} "
    sides = Counter(_each_of_them(change, "parities"))
    weeks = "、".join(f"{PARITY_NAMES[side]} {sides[side]} 个" for side in PARITY_NAMES if sides[side])
    return f"{where}增加 {change['count']} 个班（班型 {change['track']}{'，' if weeks else ''}{weeks}）"


WAIVED_NAMES = {
    "R01": "单位派员名额",
    "R02": "同单位分班",
    "R03": "单位留人在岗",
    "R04": "班额",
    "R07": "指定与回避",
    "R08": "班子成员名额",
    "R14": "到访村数",
    "R15": "在村天数",
    "R16": "每户人数",
}


def _say_waiver(change: Change) -> str:
    rule = str(change["rule"])
    parts = " ".join(re.split(r"[@:/]", str(change["subject"])))
    return f"批准 {parts} 不受“{WAIVED_NAMES.get(rule, rule)}”限制"


def _say_pin_gathering(change: Change) -> str:
    name = f"{change['class']}#{change['index']}"
    if change["first_day"] is None and change["bases"] is None:
        return f"取消 {name} 指定的日期和基地"
    day = f"从{_day(change['first_day'])}开始" if change["first_day"] else "日期不变"
    where = f"，在 {'、'.join(change['bases'])} " if change["bases"] else ""
    return f"指定 {name} {day}{where}"


def _say_withdraw(change: Change) -> str:
    since = f"从{_day(change['from'])}起" if change.get("from") else ""
    return f"干部 {change['cadre']} {since}退出本期"


def _say_place(change: Change, verb: str) -> str:
    first, last = datetime.date.fromisoformat(change["from"]), datetime.date.fromisoformat(change["until"])
    last -= datetime.timedelta(days=1)
    end = _day(last) if first.year != last.year else f"{last.month}月{last.day}日"
    days = _day(first) if first == last else f"{_day(first)}至{end}"
    return f"{PLACES.get(change['place'], '')} {change['id']} {days}{verb}"


_MAKE: dict[str, Callable[[Document, Change], None]] = {
    "parameter": _parameter,
    "unit_quota": _unit_quota,
    "more_batches": _more_batches,
    "more_classes": _more_classes,
    "waiver": _waiver,
    "drop_demand": _drop_demand,
    "drop_pin": _drop_pin,
    "pin_batch": _pin_batch,
    "pin_class": _pin_class,
    "pin_gathering": _pin_gathering,
    "close": _close,
    "reopen": _reopen,
    "withdraw": _withdraw,
    "later": _later,
}
_SAY: dict[str, Callable[[Change], str]] = {
    "parameter": _say_parameter,
    "unit_quota": _say_quota,
    "more_batches": lambda change: f"后面再办 {change['count']} 期",
    "more_classes": _say_classes,
    "waiver": _say_waiver,
    "drop_demand": lambda change: f"取消干部 {change['cadre']} 的{DEMANDS.get(change['field'], '要求')}",
    "drop_pin": lambda change: (
        f"取消 {change['subject']} 的固定"
        if change["of"] == "gatherings"
        else f"取消 {change['subject']} 指定的{PINNED.get(change['of'], '安排')}"
    ),
    "pin_batch": lambda change: (
        f"干部 {change['cadre']} 本次暂缓选派"
        if change["batch"] is None
        else f"指定干部 {change['cadre']} 参加期次 {change['batch']}"
    ),
    "pin_class": lambda change: f"指定干部 {change['cadre']} 在班级 {change['class']}",
    "pin_gathering": _say_pin_gathering,
    "close": lambda change: _say_place(change, "停用"),
    "reopen": lambda change: _say_place(change, "恢复使用"),
    "withdraw": _say_withdraw,
    "later": lambda change: f"干部 {change['cadre']} 本期不参加，留到以后各期",
}
