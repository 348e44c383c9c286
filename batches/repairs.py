"""What a repair changed, for people: its moves in words, and the curve of moves against quality."""

import json
from dataclasses import dataclass
from typing import Any

from batches.models import PlanRun
from batches.overview import LEVELS
from batches.plan_labels import SKIP_REASONS, Labels

KINDS = {"assignment": ("换班", "人"), "gathering": ("集中有变", "次"), "bed": ("换床位", "人次")}
LEVELS_SHOWN = ("marginal_excess", "pair_excess", "skips", "villages_missing", "max_load", "travel_km")
BAR = 160


@dataclass(frozen=True)
class Group:
    """Moves of one kind: how many, and a sentence each."""

    kind: str
    name: str
    count: int
    unit: str
    lines: tuple[str, ...]


@dataclass(frozen=True)
class Point:
    """One way of repairing: moves, the levels that they buy, the run that can be published, the width of its bar."""

    run: int
    moves: int
    seats: int
    gatherings: int
    levels: tuple[str, ...]
    width: float
    chosen: bool


def moves_in_words(run: PlanRun) -> list[Group]:
    """All moves of a run's plan, by kind, with names instead of identifiers."""
    rows: list[dict[str, Any]] = json.loads(run.plan_text)["moves"]
    labels = Labels(" ".join(str(row[name]) for name in ("subject", "from", "to")).replace("/", " ").replace("+", " ")
                    .replace(":", " ") for row in rows)  # fmt: skip
    groups = []
    for kind, (name, unit) in KINDS.items():
        lines = tuple(_line(row, labels) for row in rows if row["kind"] == kind)
        if lines:
            groups.append(Group(kind, name, len(lines), unit, lines))
    return groups


def _line(row: dict[str, Any], labels: Labels) -> str:
    who, _, where = str(row["subject"]).partition(":")
    subject = labels.put(who) + (f"（{labels.put(where)}）" if where else "")
    return f"{subject}：{_side(row['kind'], row['from'], labels)} 改为 {_side(row['kind'], row['to'], labels)}"


def _side(kind: str, text: str | None, labels: Labels) -> str:
    if text is None:
        return {"assignment": "没有班", "gathering": "没有安排"}.get(kind, "没有床位")
    if text == "skipped":
        return "不集中"
    if kind == "assignment":
        return labels.of(text.rpartition("/")[2])
    if kind == "bed":
        _, room, bed = text.split("/")
        return f"{labels.of(room)} {bed} 号床"
    first, _, bases = text.partition(" ")
    return f"{first[5:]} {'、'.join(labels.of(base) for base in bases.split('+'))}"


def proven(run: PlanRun) -> bool:
    """Whether the numbers of people, classes and gatherings that change are proven to be the fewest."""
    levels = json.loads(run.plan_text)["levels"]
    rows = [row for row in levels if row["level"] in ("moved_seats", "moved_classes", "moved_gatherings")]
    return bool(rows) and all(row["bound"] is not None and row["bound"] >= row["value"] for row in rows)


def skip_reasons(run: PlanRun) -> list[str]:
    """Gatherings that the plan does not hold, each with its reason."""
    rows = [row for row in json.loads(run.plan_text)["gatherings"] if row.get("skipped") not in (None, "withdrawn")]
    labels = Labels(f"{row['class']}#{row['index']}" for row in rows)
    return [f"{labels.put(row['class'] + '#' + str(row['index']))}：{SKIP_REASONS[row['skipped']]}" for row in rows]


@dataclass(frozen=True)
class Curve:
    heads: tuple[str, ...]
    points: tuple[Point, ...]


def curve_of(run: PlanRun, chosen: int) -> Curve | None:
    """The curve kept with a run, fewest moves first; None before it was asked for."""
    kept = run.figures.get("curve")
    if not kept:
        return None
    names = [name for name in LEVELS_SHOWN if all(name in row["levels"] for row in kept)]
    most = max((row["moves"] for row in kept), default=0) or 1
    points = tuple(
        Point(
            row["run"], row["moves"], row["seats_moved"], row["gatherings_moved"],
            tuple(f"{row['levels'][name]:,.1f}".removesuffix(".0") for name in names),
            round(BAR * row["moves"] / most, 1), row["run"] == chosen,
        )
        for row in kept
    )  # fmt: skip
    return Curve(tuple(LEVELS[name][0] for name in names), points)
