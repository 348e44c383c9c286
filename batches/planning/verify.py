"""A draw that can be re-run: the file of it, and whether what it says is true.

The file holds the whole input (identifiers instead of names), the seed, what was preferred, the versions, the plan and the
input's fingerprint; of a repair that may change more than the fewest also how many more (`spare_moves`). Verifying first
looks at the plan as it is written: fingerprint, rules, objective vector, bounds that do not contradict themselves. Then the
planner runs again. On the same release and processor architecture the plan comes out byte for byte; elsewhere a different
plan of equal value is possible and is told as such. A bound is taken for proven only where the second run proves as much:
a better one is told and the draw is not confirmed. This module knows both the planner and the checker.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from .checker import check, violations
from .checker_levels import MEASURES, name_of
from .control import Progress, ShouldStop
from .formats import Document, canonical, fingerprint, require_valid
from .repair import EXTRA, point
from .shape import InputError, require_shape
from .solving import PREFERENCES, solve
from .versions import versions

DRAW_FORMAT = "dunmiao-draw/1"
FIELDS = {"format", "input", "seed", "prefer", "versions", "plan", "fingerprint"}
OPTIONAL = {"spare_moves"}
MOST_TOLD = 20
PERSONAL = re.compile(r"(?<!\d)(\d{15}|\d{17}[\dXx]|1[3-9]\d{9})(?!\d)")  # 身份证号码、手机号码
KEYS: dict[str, tuple[str, tuple[str, ...]]] = {
    "assignments": ("名单与分班", ("cadre",)),
    "gatherings": ("集中安排", ("class", "index")),
    "lodging": ("住宿", ("class", "index", "cadre")),
    "unassigned": ("未安排名单", ("cadre",)),
    "shortfalls": ("缺口", ("rule", "subject")),
    "moves": ("变动", ("kind", "subject")),
}
HIGHER = "covered_"  # levels of this kind are the better the higher; all others the lower
DECISIONS = ("assignments", "gatherings", "lodging")


@dataclass(frozen=True)
class Verdict:
    """Whether the draw is what it says to be, and the lines that say why, for people."""

    good: bool
    lines: tuple[str, ...]


def write_draw(
    document: Document, plan: Document, *, seed: int, prefer: str = "kept", spare_moves: int = 0
) -> Document:
    """The file of a draw. Raises InputError when the plan is not of that input and seed, or text looks like personal data.

    `spare_moves` are the moves beyond the fewest that a point of the curve was allowed (`repair.curve`).

    Inputs carry identifiers only; the free text in them (reasons of exceptions, names of tracks) is looked through for
    numbers of identity cards and telephones.
    """
    require_valid(document)
    if plan.get("input_fingerprint") != fingerprint(document) or plan.get("seed") != seed:
        raise InputError("这份方案不是由这份数据和种子得出的，不能导出")
    for path, text in _texts(document, "input"):
        if PERSONAL.search(text):
            raise InputError(f"{path}：像是身份证号码或手机号码，不能写进公开的文件")
    more = {"spare_moves": spare_moves} if spare_moves else {}
    return {
        "format": DRAW_FORMAT,
        "input": document,
        "seed": seed,
        "prefer": prefer,
        "versions": plan["versions"],
        "plan": plan,
        "fingerprint": plan["input_fingerprint"],
        **more,
    }


def _texts(value: Any, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, dict):
        for name, part in value.items():
            if name != "plan_fingerprint":
                yield from _texts(part, f"{path}.{name}")
    elif isinstance(value, list):
        for number, part in enumerate(value):
            yield from _texts(part, f"{path}[{number}]")


def verify(draw: Any, *, progress: Progress | None = None, should_stop: ShouldStop | None = None) -> Verdict:
    """Check a draw as it is written, then run it again. Raises InputError for what is no draw."""
    _require_draw(draw)
    plan = draw["plan"]
    faults = list(_faults(draw))
    if faults:
        more = [f"……共 {len(faults)} 处"] if len(faults) > MOST_TOLD else []
        return Verdict(False, ("文件所写与事实不符：", *faults[:MOST_TOLD], *more))
    lines = ["指纹、规则和目标值核对无误，界不自相矛盾，重新计算："]
    return _compared(plan, _again(draw, progress, should_stop), lines)


def _again(draw: Document, progress: Progress | None, should_stop: ShouldStop | None) -> Document:
    """The plan that the same input, seed and preferences give here and now."""
    document, seed, prefer = draw["input"], draw["seed"], draw["prefer"]
    if spare := draw.get("spare_moves"):
        return point(document, spare, seed=seed, prefer=prefer, progress=progress, should_stop=should_stop)
    stages = tuple(draw["plan"]["stages"])
    return solve(document, seed=seed, stages=stages, prefer=prefer, progress=progress, should_stop=should_stop)


def _require_draw(draw: Any) -> None:
    if not isinstance(draw, dict) or draw.get("format") != DRAW_FORMAT:
        raise InputError(f"format：应为 {DRAW_FORMAT}，这不是一份可重算的编排文件")
    for name in sorted(FIELDS - draw.keys()):
        raise InputError(f"缺少字段 {name}")
    for name in sorted(draw.keys() - FIELDS - OPTIONAL):
        raise InputError(f"多出不认识的字段 {name}")
    if not isinstance(draw["seed"], int) or isinstance(draw["seed"], bool):
        raise InputError("seed：应为整数")
    if draw["prefer"] not in PREFERENCES:
        raise InputError(f"prefer：应为 {'、'.join(PREFERENCES)} 之一")
    require_valid(draw["input"])
    require_shape(draw["plan"], "plan")
    _require_spare_moves(draw)
    if draw["plan"]["stages"] != [1, 2, 3, 4][: len(draw["plan"]["stages"])]:
        raise InputError("plan.stages：应为从 1 起的连续阶段")


def _require_spare_moves(draw: Document) -> None:
    """A number that the curve knows, of a whole plan that changes another."""
    if "spare_moves" not in draw:
        return
    spare = draw["spare_moves"]
    if type(spare) is not int or spare not in EXTRA[1:]:
        raise InputError(f"spare_moves：应为 {'、'.join(map(str, EXTRA[1:]))} 之一，不多动就不写")
    if draw["input"]["previous"] is None or draw["plan"]["stages"] != [1, 2, 3, 4]:
        raise InputError("spare_moves：只有四个阶段都做了的少变动重排才有")


def _faults(draw: Document) -> Iterator[str]:
    """What is untrue in the file as it is written."""
    document, plan = draw["input"], draw["plan"]
    true = fingerprint(document)
    if draw["fingerprint"] != true:
        yield f"指纹：写作 {draw['fingerprint']}，按数据重算为 {true}"
    if draw["seed"] != plan["seed"]:
        yield f"种子：文件写作 {draw['seed']}，方案写作 {plan['seed']}"
    if draw["versions"] != plan["versions"]:
        yield "版本：文件所写与方案所写不同"
    told = {row["level"] for row in plan["levels"]}
    for name, (stage, _, _) in MEASURES.items():
        if stage in plan["stages"] and name not in told:
            yield f"目标：没有写“{name_of(name)}”"
    for breach in violations(check(document, plan)):
        subject = name_of(breach.subject) if breach.code == "LEVEL" else breach.subject
        yield f"{breach.code} {subject}：{breach.message}"


def _compared(plan: Document, again: Document, lines: list[str]) -> Verdict:
    if canonical(plan) == canonical(again):
        return Verdict(True, (*lines, "同一方案"))
    here = versions()
    other = [
        f"{name}：当时 {plan['versions'].get(name, '未记')}，现在 {here.get(name, '没有')}"
        for name in sorted(plan["versions"].keys() | here.keys())
        if plan["versions"].get(name) != here.get(name)
    ]
    values = [[(row["stage"], row["level"], row["value"]) for row in one["levels"]] for one in (plan, again)]
    if not other or values[0] != values[1]:
        different = f"第一处要紧的差别——{_first_difference(plan, again)}"
        return Verdict(False, (*lines, different, *(other or ["版本与当时相同"])))
    if doubtful := list(_unproven(plan, again)):
        return Verdict(False, (*lines, "各项目标值相同，但下面的界没有得到证实：", *doubtful, *other))
    same = all(plan[name] == again[name] for name in DECISIONS)
    told = "同一方案" if same else "方案不同，但各项目标相同（程序版本或处理器与当时不同）"
    return Verdict(True, (*lines, told, *other))


def _unproven(plan: Document, again: Document) -> Iterator[str]:
    """Bounds of the file that are better than what the second run proves for the same values; looser ones do no harm."""
    for one, two in zip(plan["levels"], again["levels"], strict=True):
        claimed, proven = one["bound"], two["bound"]
        if claimed is None:
            continue
        told = f"目标“{name_of(one['level'])}”：文件写作 {claimed}"
        if proven is None:
            yield f"{told}，重算没有界"
        elif (claimed < proven) if one["level"].startswith(HIGHER) else (claimed > proven):
            yield f"{told}，重算只证明到 {proven}"


def _first_difference(plan: Document, again: Document) -> str:
    for one, two in zip(plan["levels"], again["levels"], strict=False):
        if (one["level"], one["value"]) != (two["level"], two["value"]):
            names = [name_of(row["level"]) for row in (one, two)]
            other = f"“{names[1]}”" if names[0] != names[1] else ""
            return f"目标“{names[0]}”：文件写作 {one['value']}，重算得{other} {two['value']}"
    for name, (title, keys) in KEYS.items():
        rows = [{tuple(row[key] for key in keys): row for row in one[name]} for one in (plan, again)]
        for key in sorted(rows[0].keys() | rows[1].keys(), key=lambda k: [str(part) for part in k]):
            was, now = (side.get(key) for side in rows)
            if was != now:
                return f"{title} {'#'.join(map(str, key))}：文件写作 {_shown(was)}，重算得 {_shown(now)}"
    for one, two in zip(plan["levels"], again["levels"], strict=False):
        if one["bound"] != two["bound"]:
            return f"目标“{name_of(one['level'])}”的界：文件写作 {one['bound']}，重算得 {two['bound']}"
    for name in sorted(plan.keys() | again.keys()):
        if plan.get(name) != again.get(name):
            return f"{name} 不同"
    return "写法不同"


def _shown(row: Any) -> str:
    return "没有" if row is None else canonical(row).decode()


__all__ = ["DRAW_FORMAT", "Verdict", "verify", "write_draw"]
