"""What a repair changed, for people: its moves in words, and the curve of moves against quality."""

from dataclasses import dataclass
from typing import Any

from batches.by_hand import undone_by_hand
from batches.bygones import is_history
from batches.models import PlanRun
from batches.plan_ids import pk_of
from batches.plan_labels import Labels
from batches.planning.checker_levels import LEVELS
from batches.planning.repair import EXTRA
from batches.queries import over_when_made, told_by_version
from batches.shortfalls import why_not_held
from batches.without_seat import TRIED, why_without

KINDS = {
    "out": ("退出，没有排进", "人"),
    "waiting": ("报了名，没有排进", "人"), "joined": ("加入", "人"), "assignment": ("换班", "人"), "lost": ("不再集中", "次"),
    "gained": ("新增集中", "次"), "gathering": ("集中有变", "次"), "bed": ("换床位", "人次"),
}  # fmt: skip
ENDS = {
    ("assignment", True): "out",
    ("assignment", False): "joined",
    ("gathering", True): "lost",
    ("gathering", False): "gained",
}
"""What a move is that leads to nothing (True) or comes from nothing (False)."""
PEOPLE = ("out", "waiting", "assignment")
MADE_FOR = {"pin_class": "assignment", "pin_gathering": "gathering"}
"""Kind of change that somebody decided → the moves in which it is seen."""
NOTHING = (None, "skipped")
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
    """One way of repairing: moves, the levels that they buy (name and value), the run to publish, the width of its bar."""

    run: int
    moves: int
    seats: int
    gatherings: int
    levels: tuple[tuple[str, str], ...]
    width: float
    chosen: bool


def moves_in_words(run: PlanRun) -> list[Group]:
    """All moves of a run's plan, by kind, with names instead of identifiers; who falls out comes first, with the reason."""
    plan: dict[str, Any] = run.plan
    over, not_held = over_when_made(run), why_not_held(plan, run.explanations)
    rows = [
        row for row in plan["moves"]
        if not is_history(row, over) and not _is_none(row)
    ]  # fmt: skip
    why = why_without(run)
    labels = Labels([
        *(" ".join(str(row[name]) for name in ("subject", "from", "to")).replace("/", " ").replace("+", " ")
          .replace(":", " ") for row in rows), *why, *why.values(),
    ])  # fmt: skip
    lines: dict[str, list[str]] = {kind: [] for kind in KINDS}
    undone = undone_by_hand(run)
    for row in rows:
        kind, line = _kind(row), _line(row, labels, why)
        if row["kind"] == "assignment" and row["subject"] in undone:
            line += "（原来的班是人工定的）"
        lines[kind].append(
            f"{line}，{not_held[row['subject']]}" if kind == "lost" and row["subject"] in not_held else line
        )
    fallen = {row["subject"] for row in rows if row["kind"] == "assignment"}
    lines["waiting"] = [
        f"{labels.put(cadre)}：{labels.say(message)}" for cadre, message in why.items() if cadre not in fallen
    ]
    return [
        Group(kind, KINDS[kind][0], len(found), KINDS[kind][1], tuple(found)) for kind, found in lines.items() if found
    ]


def unfolded(run: PlanRun, groups: list[Group], asked: str = "") -> set[str]:
    """Kinds of moves that the page shows unfolded: the one that a link asks for; else who has no class or another one, and
    what the repair was made for; where there is none of these, the first."""
    kinds = {group.kind for group in groups}
    if asked in kinds:
        return {asked}
    wanted = {*PEOPLE, *(MADE_FOR.get(change["kind"], "") for change in run.changes)}
    return kinds & wanted or {group.kind for group in groups[:1]}


def _is_none(row: dict[str, Any]) -> bool:
    """Whether a gathering has neither been arranged nor is: of a new class, a fortnight that stays without."""
    return row["kind"] == "gathering" and row["from"] in NOTHING and row["to"] in NOTHING


def _kind(row: dict[str, Any]) -> str:
    if row["to"] in NOTHING:
        return ENDS.get((row["kind"], True), row["kind"])
    return ENDS.get((row["kind"], False), row["kind"]) if row["from"] in NOTHING else str(row["kind"])


def _line(row: dict[str, Any], labels: Labels, why: dict[str, str]) -> str:
    who, _, where = str(row["subject"]).partition(":")
    subject = labels.put(who) + (f"（{labels.put(where)}）" if where else "")
    before, after = (_side(row["kind"], row[name], labels) for name in ("from", "to"))
    kind = _kind(row)
    if kind == "out":
        said = labels.say(why[who]) if who in why else ""
        placed = "" if said.startswith(TRIED) else "没有排进"
        return f"{subject}：原在{before}，" + "，".join(filter(None, (placed, said)))
    if kind == "joined":
        return f"{subject}：排进{after}"
    if kind == "lost":
        return f"{subject}：原定 {before}，不集中了"
    if kind == "gained":
        return f"{subject}：新排在 {after}"
    return f"{subject}：{before} 改为 {after}"


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
    levels = run.plan["levels"]
    rows = [row for row in levels if row["level"] in ("moved_seats", "moved_classes", "moved_gatherings")]
    return bool(rows) and all(row["bound"] is not None and row["bound"] >= row["value"] for row in rows)


def fallen_out(run: PlanRun) -> list[str]:
    """Gatherings that the plan it came from holds and this one does not: which, when and where they were, and why not."""
    before = _plan_before(run)
    why = why_not_held(run.plan, run.explanations)
    return [] if before is None else _held_there(before, why, "{}（原定 {}）：{}")


def brought_in(run: PlanRun) -> list[str]:
    """Gatherings that this plan holds and the one it came from left out: which, when and where they are, and why not before.

    Those of a class that was not there are no gain of this kind: nobody had left them out.
    """
    before = _plan_before(run)
    if before is None:
        return []
    why = why_not_held(before, _told_before(run))
    return _held_there(run.plan, why, "{}（排在 {}）：原来{}")


def _plan_before(run: PlanRun) -> dict[str, Any] | None:
    """What a run changes: what stood of the batch, else the plan that it was made from; None for one made from nothing."""
    before: dict[str, Any] | None = run.document["previous"]
    if before is None and run.against is not None and run.against.plan_text:
        before = run.against.plan
    return before


def _told_before(run: PlanRun) -> list[dict[str, Any]]:
    """Why what a run changes leaves out what it does."""
    if run.document["previous"] is not None and run.batch is not None:
        return told_by_version(run.batch, run.created_at)
    return run.against.explanations if run.against is not None else []


def _held_there(plan: dict[str, Any], left_out: dict[str, str], sentence: str) -> list[str]:
    """The plan's gatherings that are left out elsewhere, each with day, places and the reason why it is."""
    names = {f"{row['class']}#{row['index']}": row for row in plan["gatherings"] if "skipped" not in row}
    rows = [(name, row) for name, row in names.items() if name in left_out]
    rows.sort(key=lambda pair: (pk_of(pair[1]["class"]), pair[1]["index"]))
    labels = Labels(f"{name} {' '.join(_bases(row))}" for name, row in rows)
    return [
        sentence.format(
            labels.put(name),
            f"{row['first_day'][5:]} {'、'.join(labels.of(base) for base in _bases(row))}",
            left_out[name],
        )
        for name, row in rows
    ]


def _bases(row: dict[str, Any]) -> list[str]:
    return [site["base"] for site in row["sites"]]


@dataclass(frozen=True)
class Curve:
    """`tried` are the numbers of further moves that were tried and brought nothing better, so have no point."""

    heads: tuple[str, ...]
    points: tuple[Point, ...]
    tried: tuple[int, ...]


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
            tuple((_head(name), f"{row['levels'][name]:,.2f}".rstrip("0").rstrip(".")) for name in names),
            round(BAR * row["moves"] / most, 1), row["run"] == chosen,
        )
        for row in kept
    )  # fmt: skip
    better = {row["spare_moves"] for row in kept}
    tried = tuple(extra for extra in EXTRA if extra and extra not in better)
    return Curve(tuple(map(_head, names)), points, tried)


def _head(level: str) -> str:
    return "{}（{}）".format(*LEVELS[level])
