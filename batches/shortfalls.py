"""Why people or gatherings could not be placed, and what would cure it, as the studio tells it (docs/planning.md §5)."""

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from batches.models import PlanRun
from batches.plan_ids import pk_of
from batches.plan_labels import SKIP_REASONS, Labels, shortfall_sentence
from batches.planning.changes import say
from batches.planning.checker import check, violations
from batches.planning.explain_skips import not_held
from batches.without_seat import why_without

Row = dict[str, Any]
BAR = 300
COSTS = (
    ("seats", "多 {} 个名额"), ("batches", "多办 {} 期"), ("days", "规定放宽 {} 天"),
    ("villages", "规定放宽 {} 个村"), ("rules", "放宽 {} 条规定"), ("waivers", "{} 处要批准"), ("pins", "{} 处不再固定"),
    ("people", "{} 人改到以后各期"), ("places", "{} 处要恢复接待"),
)  # fmt: skip
FIXED = "固定的日子或基地不能用"
CODES = {"PINS": "已固定", "MOVES": "已发布"}
"""What stands beside a cause that is no rule of the list."""
HEADINGS = {
    "COVER": "排不进的人，为什么", "R07": "排不进的人，为什么", "R04": "人数不够的班，为什么",
    "R14": "到访村不够的班，为什么", "R15": "在村天数不够的班，为什么",
}  # fmt: skip


@dataclass(frozen=True)
class Cure:
    """Something that may be tried: `key` finds its changes in the run again; what it changes, buys and costs."""

    key: str
    sentence: str
    changes: tuple[str, ...]
    buys: str
    cost: str
    smallest: bool


@dataclass(frozen=True)
class Why:
    """Shortfalls that have the same causes, explained together under one heading, which no other group has where it is
    about gatherings.

    `need` and `places` are the two bars, in SVG units; 0 where no figures are known. `more` says the same of the others.
    Each of the causes can be lifted when `relaxable`, none of them when `fixed`.
    """

    rule: str
    heading: str
    sentence: str
    more: tuple[str, ...]
    amount: int
    demand: int
    supply: int
    causes: tuple[tuple[str, str], ...]
    relaxable: bool
    fixed: bool
    verified: bool
    cures: tuple[Cure, ...]
    cancelled: tuple[tuple[str, str], ...]
    """Gatherings called off by hand that are in the way: their cell (`forms.swaps.cell_name`) and their name."""
    need: float
    places: float

    @property
    def missing(self) -> float:
        return self.need - self.places


def whys(run: PlanRun) -> list[Why]:
    """The run's explanations in words, in its own order, alike ones together (one query a kind of identifier)."""
    labels = Labels([json.dumps(run.explanations, ensure_ascii=False), *_changes_said(run.explanations)])
    groups: dict[str, list[int]] = {}
    for place, row in enumerate(run.explanations):
        groups.setdefault(_alike(row), []).append(place)
    return [_why(run, places, labels) for places in groups.values()]


def _alike(row: Row) -> str:
    """Explanations with the same of this have the same causes, and cures of the same kinds. Of gatherings each row tells all."""
    if "gatherings" in row:
        return json.dumps(row["gatherings"])
    kinds = [[change["kind"] for change in cure["changes"]] for cure in row.get("cures", [])]
    causes = [cause["sentence"] for cause in row.get("causes", [])] or [row["subject"]]
    return json.dumps([row["rule"], row["amount"], causes, kinds])


def changes_of(run: PlanRun, key: str) -> list[dict[str, Any]]:
    """The changes that a cure's key stands for. Raises ValueError or IndexError for a key that the run does not have."""
    places, number = key.split("-")
    cures: list[Row] = []
    for place in places.split("."):
        if not (place.isdecimal() and number.isdecimal()):
            raise ValueError(key)
        cures.append(run.explanations[int(place)]["cures"][int(number)])
    return _together(run, cures)


def _together(run: PlanRun, cures: list[Row]) -> list[dict[str, Any]]:
    """Their changes, each once; of two values for one number that which goes further from what the run was made with."""
    kept: dict[str, dict[str, Any]] = {}
    for cure in cures:
        for change in cure["changes"]:
            what = json.dumps({name: part for name, part in change.items() if name != "value"}, sort_keys=True)
            known = kept.setdefault(what, change)
            if known != change:
                kept[what] = max(known, change, key=lambda row: _goes_how_far(run, row))
    return list(kept.values())


def _goes_how_far(run: PlanRun, change: dict[str, Any]) -> float:
    """How far a change goes from the run's input; one that is no number lifts a limit altogether."""
    document = run.document
    now: Any = document["programme"]
    if change["kind"] == "unit_quota":
        own = next((unit["quota"] for unit in document["units"] if unit["id"] == change["unit"]), None)
        now = now["unit_max_per_batch"] if own is None else own
    else:
        for name in change["name"].split("."):
            now = now[name]
    known = isinstance(change["value"], int | float) and isinstance(now, int | float)
    return abs(change["value"] - now) if known else math.inf


def title_of(run: PlanRun, key: str) -> str:
    """The sentence of a cure, with identifiers in it. Raises as `changes_of`."""
    places, number = key.split("-")
    sentence: str = run.explanations[int(places.split(".")[0])]["cures"][int(number)]["sentence"]
    return sentence


def unexplained(run: PlanRun, plan: dict[str, Any]) -> list[str]:
    """Shortfalls, people without a class and gatherings not held that no explanation is about, in words."""
    told = {(row["rule"], row["subject"]) for row in run.explanations}
    known = {name for row in run.explanations for part in ("gatherings", "people") for name in row.get(part, ())}
    rows = [row for row in plan["shortfalls"] if (row["rule"], row["subject"]) not in told]
    people = [row for row in plan["unassigned"] if row["cadre"] not in known and ("R07", row["cadre"]) not in told]
    visits: dict[str, list[str]] = {}
    for klass, index, why in sorted(not_held(plan), key=lambda row: (pk_of(row[0]), row[1])):
        if f"{klass}#{index}" not in known:
            visits.setdefault(SKIP_REASONS[why], []).append(f"{klass}#{index}")
    offers = [f"{klass}#{index}" for klass, index in _offers(rows)]
    without = why_without(run, plan)
    labels = Labels([json.dumps([rows, people, visits, without], ensure_ascii=False), *offers])
    return [
        *(shortfall_sentence(row, labels) for row in rows),
        *(f"{labels.of(row['cadre'])}没有排进：{labels.say(without[row['cadre']])}" for row in people),
        *(f"{len(names)} 次集中{why}：{'、'.join(map(labels.say, names))}。" for why, names in visits.items()),
    ]


def why_not_held(plan: dict[str, Any], explanations: list[Row]) -> dict[str, str]:
    """Gathering that is not held (`K3#2`) → why, in a few words: the plan's reason, but that somebody fixed it where its
    explanation has that among the causes, so that no line says otherwise than the card."""
    fixed = {
        name for row in explanations if any(cause["rule"] == "PINS" for cause in row.get("causes", ()))
        for name in row.get("gatherings", ())
    }  # fmt: skip
    names = {f"{row['class']}#{row['index']}": row["skipped"] for row in plan["gatherings"] if row.get("skipped")}
    return {name: FIXED if name in fixed else SKIP_REASONS[why] for name, why in names.items()}


def left_out(run: PlanRun) -> list[str]:
    """第1班第2次集中没有排上：没有基地能接 — a line for each gathering that nobody wanted to be left out."""
    rows = sorted(not_held(run.plan), key=lambda row: (pk_of(row[0]), row[1]))
    names, why = [f"{klass}#{index}" for klass, index, _ in rows], why_not_held(run.plan, run.explanations)
    labels = Labels(names)
    return [f"{labels.say(name)}没有排上：{why[name]}" for name in names]


def closing(document: dict[str, Any], plan: dict[str, Any]) -> str:
    """How a finished plan stands, for the line that ends its job: 全部排进 where nothing is left out and no rule is broken,
    else what is."""
    short, away = len(plan["shortfalls"]), len(plan["unassigned"])
    said = f"{short} 处缺口" if short else f"{away} 人没有排进" if away else ""
    missing, broken = not_held(plan), len(violations(check(document, plan)))
    before = {(name, index) for name, index, _ in not_held(document["previous"] or {"gatherings": []})}
    if not said:
        said = "人都排进了" if missing or broken else "全部排进"
    if missing:
        old = sum((name, index) in before for name, index, _ in missing)
        said += f"，{len(missing)} 次集中没有排上" + (f"（其中 {old} 次原来就没有）" if old else "")
    if broken:
        said += f"，{broken} 处不合规则，还不能发布"
    return said


def _offers(rows: list[Row]) -> list[Any]:
    offers = (row.get("offer") for row in rows)
    return [pair for offer in offers if isinstance(offer, dict) for pair in offer.get("gatherings", [])]


def _changes_said(explanations: list[Row]) -> list[str]:
    return [say(change) for row in explanations for cure in row.get("cures", []) for change in cure["changes"]]


def _why(run: PlanRun, places: list[int], labels: Labels) -> Why:
    rows = run.explanations
    row, others = rows[places[0]], [rows[place] for place in places[1:]]
    demand, supply = int(row.get("demand") or 0), int(row.get("supply") or 0)
    most, causes = max(demand, supply), row.get("causes", [])
    return Why(
        rule=row["rule"],
        heading=_heading([row, *others], labels),
        sentence=labels.say(row["sentence"]),
        more=tuple(labels.say(other["subject"]) for other in others),
        amount=int(row["amount"]),
        demand=demand,
        supply=supply,
        causes=tuple((CODES.get(cause["rule"], cause["rule"]), labels.say(cause["sentence"])) for cause in causes),
        relaxable=bool(causes) and not any(cause.get("fixed") for cause in causes),
        fixed=bool(causes) and all(cause.get("fixed") for cause in causes),
        verified=all(each.get("verified") for each in (row, *others)),
        cures=tuple(_cure(run, places, number, labels) for number in range(len(row.get("cures", [])))),
        cancelled=tuple(_cancelled([row, *others], labels)),
        need=round(BAR * demand / most, 1) if most else 0,
        places=round(BAR * min(supply, demand) / most, 1) if most else 0,
    )


def _cancelled(rows: list[Row], labels: Labels) -> Iterator[tuple[str, str]]:
    cells = dict.fromkeys(tuple(cell) for row in rows for cell in row.get("cancelled", []))
    for klass, index in cells:
        yield f"{pk_of(klass)}-{index}", labels.say(f"{klass}#{index}")


def _heading(rows: list[Row], labels: Labels) -> str:
    """By the rule; of gatherings by the first of them, since each is told in one group alone."""
    if rows[0]["rule"] != "R10":
        return HEADINGS.get(rows[0]["rule"], "没有排上的集中，为什么")
    names = rows[0].get("gatherings") or [row["subject"] for row in rows]
    more = f"等 {len(names)} 次" if len(names) > 1 else ""
    return f"{labels.say(names[0])}{more}没有排上，为什么"


def _cure(run: PlanRun, places: list[int], number: int, labels: Labels) -> Cure:
    """One cure for all of them: their changes together, each once. Each was tried alone, so together they promise nothing."""
    cures = [run.explanations[place]["cures"][number] for place in places]
    different = [cure for i, cure in enumerate(cures) if all(cure["changes"] != one["changes"] for one in cures[:i])]
    changes = _together(run, cures)
    cost = {name: sum(cure.get("cost", {}).get(name, 0) for cure in different) for name, _ in COSTS}
    together = f"，连同另外 {len(different) - 1} 处" if len(different) > 1 else ""
    sentence, told = labels.say(cures[0]["sentence"]), [labels.say(say(change)) for change in changes]
    return Cure(
        f"{'.'.join(str(place) for place in places)}-{number}",
        sentence + together,
        tuple(line for line in told if line not in sentence),
        labels.say(cures[0]["buys"]) if len(cures) == 1 else _buys_each(cures, labels),
        "、".join(text.format(cost[name]) for name, text in COSTS if cost[name]) or "不增加名额、期数和天数",
        len(cures) == 1 and bool(cures[0].get("smallest")),
    )


def _buys_each(cures: list[Row], labels: Labels) -> str:
    """What each of them was found to buy alone, by the one that leaves most."""
    least = max(cures, key=lambda cure: int(cure.get("leaves") or 0))
    return f"分别算，每处{labels.say(least['buys'])}；合起来以试算为准"
