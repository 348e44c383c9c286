"""Why people or gatherings could not be placed, and what would cure it, as the studio tells it (4-planning §4.3)."""

import json
from dataclasses import dataclass
from typing import Any

from batches.models import PlanRun
from batches.plan_labels import Labels, shortfall_sentence
from batches.planning.changes import say

BAR = 300
COSTS = (("seats", "多 {} 个名额"), ("batches", "多办 {} 期"), ("days", "多 {} 天"), ("waivers", "{} 条例外要批准"))


@dataclass(frozen=True)
class Cure:
    """Something that may be tried: where it stands in the run (`explanation`, `number`), what it changes, buys and costs."""

    explanation: int
    number: int
    sentence: str
    changes: tuple[str, ...]
    buys: str
    leaves: int
    cost: str
    smallest: bool


@dataclass(frozen=True)
class Why:
    """One shortfall explained. `need` and `places` are its two bars, in SVG units; 0 where no figures are known."""

    sentence: str
    amount: int
    demand: int
    supply: int
    causes: tuple[tuple[str, str], ...]
    verified: bool
    cures: tuple[Cure, ...]
    need: float
    places: float

    @property
    def missing(self) -> float:
        return self.need - self.places


def whys(run: PlanRun) -> list[Why]:
    """The run's explanations in words, in its own order (one query a kind of identifier)."""
    labels = Labels([json.dumps(run.explanations, ensure_ascii=False), *_changes_said(run.explanations)])
    return [_why(row, place, labels) for place, row in enumerate(run.explanations)]


def unexplained(run: PlanRun, plan: dict[str, Any]) -> list[str]:
    """Shortfalls that no explanation is about, in words."""
    told = {(row["rule"], row["subject"]) for row in run.explanations}
    rows = [row for row in plan["shortfalls"] if (row["rule"], row["subject"]) not in told]
    labels = Labels([json.dumps(rows, ensure_ascii=False), *(f"{klass}#{index}" for klass, index in _offers(rows))])
    return [shortfall_sentence(row, labels) for row in rows]


def _offers(rows: list[dict[str, Any]]) -> list[Any]:
    offers = (row.get("offer") for row in rows)
    return [pair for offer in offers if isinstance(offer, dict) for pair in offer.get("gatherings", [])]


def _changes_said(explanations: list[dict[str, Any]]) -> list[str]:
    return [say(change) for row in explanations for cure in row.get("cures", []) for change in cure["changes"]]


def _why(row: dict[str, Any], place: int, labels: Labels) -> Why:
    demand, supply = int(row.get("demand") or 0), int(row.get("supply") or 0)
    most = max(demand, supply)
    return Why(
        sentence=labels.say(row["sentence"]),
        amount=int(row["amount"]),
        demand=demand,
        supply=supply,
        causes=tuple((cause["rule"], labels.say(cause["sentence"])) for cause in row.get("causes", [])),
        verified=bool(row.get("verified")),
        cures=tuple(_cure(cure, place, number, labels) for number, cure in enumerate(row.get("cures", []))),
        need=round(BAR * demand / most, 1) if most else 0,
        places=round(BAR * min(supply, demand) / most, 1) if most else 0,
    )


def _cure(cure: dict[str, Any], explanation: int, number: int, labels: Labels) -> Cure:
    cost = [text.format(cure["cost"][name]) for name, text in COSTS if cure.get("cost", {}).get(name)]
    return Cure(
        explanation,
        number,
        labels.say(cure["sentence"]),
        tuple(labels.say(say(change)) for change in cure["changes"]),
        labels.say(cure["buys"]),
        int(cure.get("leaves") or 0),
        "、".join(cost) or "不增加名额、期数和天数",
        bool(cure.get("smallest")),
    )
