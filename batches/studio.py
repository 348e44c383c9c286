"""What the planning studio shows around an arrangement: its steps, the plans to choose from, figures, live progress."""

import datetime
from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import Any

from django.db.models import Min
from django.urls import reverse
from django.utils import timezone

from bases.models import Closure
from batches.arrangement import Arrangement
from batches.load_map import LoadMap
from batches.models import Batch, Parity, PlanRun
from batches.overview import ClassTable, LevelRow, PlanSays, level_row
from batches.plan_ids import key
from batches.plan_labels import Labels
from batches.plan_work import SHARE, StageStand, stand_of
from batches.planning.changes import say
from batches.planning_places import overlapping
from batches.published import published_versions
from batches.queries import latest_run, version_in_force, waiting_run
from batches.readiness import Check
from batches.states import LIVE, PLANNABLE
from office.addresses import number_in
from office.models import Job

Purpose = PlanRun.Purpose
SHOWN_PURPOSES = (Purpose.PLAN, Purpose.REPAIR, Purpose.TRIAL)
MOST_TABS = 5
ALPHABET = 26
NAMES_TASK = "batches.propose_names"
CURVE_TASK = "batches.curve"
STAGES = {1: "名单入期", 2: "分班", 3: "集中日期和基地", 4: "住宿"}
DOING = {1: "把名单排进各期", 2: "分班", 3: "排行程", 4: "排住宿"}
TOLD_FIRST = ("must_unmet", "covered_0", "marginal_excess", "pair_excess", "skips", "max_load", "travel_km", "journey_cost",
              "room_mate_repeats", "income_range_mean", "moved_seats", "moved_classes", "moved_gatherings")  # fmt: skip
"""Levels that a waiting clerk is told; the rest stands in the table of levels afterwards."""
MOVING = ("state", "progress", "message", "attempts", "cancel_requested", "started_at", "heartbeat_at", "finished_at")
"""What changes of a job's row while it is waited for."""
DAY = datetime.timedelta(days=1)
PLACES = {"base": "P", "household": "H", "room": "R"}
SHUT = {"base": "个基地", "household": "户农户", "room": "间房"}


# Steps


@dataclass(frozen=True)
class StudioStep:
    name: str
    place: str
    url: str = ""


def studio_steps(batch: Batch, *, job: Job | None, has_plan: bool, checks: list[Check]) -> list[StudioStep]:
    """选期班 → 就绪检查 → 编排 → 看结果 → 发布, each done, now or later."""
    live = batch.state in LIVE
    blocked = any(check.kind == "bad" for check in checks)
    ready = live or has_plan or (not blocked and batch.state in PLANNABLE)
    now = 4 if live else 2 if job else 3 if has_plan else 1 if not ready else 2
    names = (
        ("选期班", reverse("batches:list")), ("就绪检查", "#ready"), ("编排", "#plan"), ("看结果", "#result"),
        ("发布", "#publish"),
    )  # fmt: skip
    return [
        StudioStep(name, "done" if i < now or live else "now" if i == now else "later", url)
        for i, (name, url) in enumerate(names)
    ]


# Plans to choose from


@dataclass(frozen=True)
class Choice:
    """A plan of this batch under its letter; `changes` says in words what it assumes beside the facts."""

    letter: str
    run: PlanRun
    changes: tuple[str, ...]
    ending: str = ""
    """用到3月9日: of a published plan that holds today, with the next version published already."""

    @property
    def name(self) -> str:
        return f"方案 {self.letter}"


def letter(place: int) -> str:
    """0 → A, 25 → Z, 26 → AA."""
    text = ""
    place += 1
    while place:
        place, rest = divmod(place - 1, ALPHABET)
        text = chr(ord("A") + rest) + text
    return text


def choices(batch: Batch) -> list[Choice]:
    """Every plan of the batch, trials included, in the order in which they came (one query, and one a kind of identifier).

    Rows get their keys in that order, whatever time they bear: a letter that somebody was told stays with its plan.
    """
    runs = list(
        batch.plan_runs.filter(purpose__in=SHOWN_PURPOSES)
        .exclude(plan_text="")
        .select_related("job")
        .defer("input_text", "plan_text", "explanations")
        .order_by("pk")
    )
    sentences = {run.pk: said_together(run.changes) for run in runs}
    labels = Labels(line for lines in sentences.values() for line in lines)
    ending = _ending(batch) if any(run.outcome == PlanRun.Outcome.SUPERSEDED for run in runs) else {}
    return [
        Choice(letter(place), run, tuple(labels.say(line) for line in sentences[run.pk]), ending.get(run.pk, ""))
        for place, run in enumerate(runs)
    ]


def _ending(batch: Batch) -> dict[int, str]:
    """Run → until when, of a version that holds although the next is published (2 queries)."""
    return {
        row.version.run_id: row.chip[1] for row in published_versions(batch) if row.is_ending and row.version.run_id
    }


def said_together(changes: list[dict[str, Any]]) -> list[str]:
    """A sentence a change; places that shut on the same days are told in one."""
    shut: dict[tuple[str, str, str], list[dict[str, Any]]] = defaultdict(list)
    for change in changes:
        if change["kind"] == "close":
            shut[change["place"], change["from"], change["until"]].append(change)
    lines = []
    for change in changes:
        together = shut.get((change.get("place", ""), change.get("from", ""), change.get("until", "")), [])
        if change["kind"] != "close" or len(together) == 1:
            lines.append(say(change))
        elif change is together[0]:
            rest = say(change).partition(f"{change['id']} ")[2]
            names = "、".join(f"{row['id']} " for row in together)
            lines.append(f"{len(together)} {SHUT[change['place']]}{rest}：{names}".rstrip())
    return lines


def closed_since(batch: Batch, run: PlanRun) -> list[str]:
    """Closures that a trial reckons with and the plan that it came from did not: they differ by more than its own changes.

    Closures that are in force now, and among them those that the trial was made with.
    """
    if run.purpose != Purpose.TRIAL or run.against is None or not run.against.input_text:
        return []
    before, now = (_closed_days(each.document) for each in (run.against, run))
    own = {(change["id"], change["from"], change["until"]) for change in run.changes if change["kind"] == "close"}
    end, rows = batch.last_day + DAY, []
    for closure in overlapping(Closure.objects.order_by("days", "pk"), batch):
        place = next(name for name in PLACES if getattr(closure, f"{name}_id") is not None)
        name = key(PLACES[place], getattr(closure, f"{place}_id"))
        first, until = max(closure.days.lower or batch.first_day, batch.first_day), min(closure.days.upper or end, end)
        days = {(first + datetime.timedelta(days=number)).isoformat() for number in range((until - first).days)}
        days &= now.get(name, set()) - before.get(name, set())
        if days and not any(name == closed and days <= _days(begin, stop) for closed, begin, stop in own):
            rows.append({
                "kind": "close", "place": place, "id": name, "from": first.isoformat(), "until": until.isoformat(),
            })  # fmt: skip
    lines = said_together(rows)
    labels = Labels(lines)
    return [labels.say(line) for line in lines]


def _closed_days(document: dict[str, Any]) -> dict[str, set[str]]:
    """Place → the days on which an input has it closed."""
    found: dict[str, set[str]] = defaultdict(set)
    for base in document["bases"]:
        homes = base["households"]
        for place in (base, *homes, *(room for home in homes for room in home["rooms"])):
            for first, until in place["closed"]:
                found[place["id"]] |= _days(first, until)
    return found


def _days(first: str, until: str) -> set[str]:
    begin = datetime.date.fromisoformat(first)
    count = (datetime.date.fromisoformat(until) - begin).days
    return {(begin + datetime.timedelta(days=number)).isoformat() for number in range(count)}


def waiting(batch: Batch, plans: list[Choice]) -> Choice | None:
    """The repair that somebody has to decide on, under its letter."""
    found = waiting_run(batch)
    return next((choice for choice in plans if found is not None and choice.run.pk == found.pk), None)


def chosen(batch: Batch, plans: list[Choice], wanted: str) -> Choice | None:
    """The plan asked for; else the one in force, else the newest of the facts, else the newest."""
    by_pk = {choice.run.pk: choice for choice in plans}
    asked = number_in(wanted)
    if asked in by_pk:
        return by_pk[asked]
    version = version_in_force(batch)
    if version is not None and version.run_id in by_pk:
        return by_pk[version.run_id]
    newest = latest_run(batch)
    if newest is not None and newest.pk in by_pk:
        return by_pk[newest.pk]
    return plans[-1] if plans else None


def tabs(plans: list[Choice], shown: Choice | None) -> list[Choice]:
    """The newest few, and the one that is shown."""
    newest = plans[-MOST_TABS:]
    return newest if shown is None or shown in newest else [shown, *newest[1:]]


# Figures


@dataclass(frozen=True)
class Figure:
    """A big figure and the line under it."""

    big: str
    small: str
    name: str


def figures(arrangement: Arrangement, table: ClassTable, says: PlanSays | None, load: LoadMap) -> list[Figure]:
    """The strip over a result; what comes from the plan alone (levels, rules) is left out where there is none."""
    least, most = table.sizes
    size = f"每班 {most} 人" if least == most else f"每班 {least} 至 {most} 人"
    size += f"，另有 {table.empty} 个班还没有人" if table.empty and most else ""
    size = f"{arrangement.since}{size}，各项相差不超过 {table.spread} 人"
    size += f"；{arrangement.to_come}" if arrangement.to_come else ""
    weeks = [
        f"{label}班 {sum(visit.practice_class.parity == parity for visit in arrangement.held)} 次"
        for parity, label in Parity.choices
    ]
    stopped = Counter(visit.skipped for visit in arrangement.visits if visit.skipped)
    weeks += [f"另有 {count} 次不集中：{reason}" for reason, count in sorted(stopped.items())]
    times = f"{load.fewest} 次" if load.fewest == load.most else f"{load.fewest} 至 {load.most} 次"
    even = "各基地相同" if load.fewest == load.most else f"相差 {load.most - load.fewest} 次"
    found = [
        Figure(f"{arrangement.people} 人　{len(table.lines)} 班", size, "人和班"),
        Figure(f"{len(arrangement.held)} 次集中", "，".join(weeks), "集中"),
        Figure(times, f"每个基地承接次数，{even}", "承接"),
    ]
    if says is None:
        return found
    found.insert(
        0, Figure(f"{says.broken} 处违反", f"19 条规则{'和固定的' if says.pins else ''}，{says.hints} 处提示", "违反")
    )
    levels = {row.key: row for row in says.levels}
    if travel := levels.get("travel_km"):
        found.append(Figure(travel.value, _travel(travel, levels.get("journey_cost")), "路程"))
    if income := levels.get("income_range"):
        found.append(Figure(income.value, "同村农户每床夜数，最多与最少之差", "农户"))
    return found


def _travel(travel: LevelRow, cost: LevelRow | None) -> str:
    if travel.gap:
        return f"往返总路程，{travel.gap}"
    return f"往返总路程；连换线路折算，{cost.gap}" if cost is not None and cost.gap else "往返总路程"


# Live progress


@dataclass(frozen=True)
class StageBar:
    """One stage of a running job: parts done of all, and the best so far in words."""

    name: str
    done: int
    total: int
    percent: int
    best: tuple[str, ...]
    doing: str = ""
    """What is being done and for how long already; empty while nobody is at it."""

    @property
    def state(self) -> str:
        return "done" if self.percent >= 100 else "now" if self.percent or self.done else "later"


def stage_bars(job: Job) -> list[StageBar]:
    """How far each stage is, and how good what was found is (one query). A proposal of names has the first stage alone, the
    curve of a repair none: it goes through all of them for every point."""
    if job.task == CURVE_TASK:
        return []
    return [
        StageBar(
            STAGES.get(row.stage, row.name),
            row.done,
            row.total,
            row.percent,
            best_so_far(row.stage, row.best),
            _doing(row),
        )
        for row in stand_of(job, 1).stages
        if row.stage == 1 or job.task != NAMES_TASK
    ]


def _doing(row: StageStand) -> str:
    """正在缩短路程，已用 3 分钟: what a step says that it is at, else what its stage is for."""
    if row.since is None:
        return ""
    told = row.message.rpartition("：")[2]
    if told.startswith(("期次", "第")) or told == row.message:
        told = DOING.get(row.stage, "算")
    return f"正在{told}，{_spent(row.since)}"


def _spent(since: datetime.datetime) -> str:
    """已用 3 分钟, 已用 40 秒: by the clock of the server, whenever somebody asks."""
    seconds = max(0, int((timezone.now() - since).total_seconds()))
    return f"已用 {seconds // 60} 分钟" if seconds >= 60 else f"已用 {seconds} 秒"


def at_work(job: Job) -> dict[str, str]:
    """What a running job is at and how long it has been, for pages that do not show its stages (one query)."""
    begun = [row for row in stand_of(job, 1).stages if row.since is not None]
    row = min(begun, key=lambda row: row.since or timezone.now(), default=None)
    return {"doing": _doing(row) if row is not None else "", "elapsed": elapsed(job)}


def overall(job: Job, bars: list[StageBar]) -> int:
    """Percent of the whole: what the job last told, or further where its parts have come further since."""
    shares = zip(bars, SHARE.values(), strict=False)
    reached = [low + (high - low) * bar.percent // 100 for bar, (low, high) in shares if bar.percent]
    return max([job.progress, *reached])


def elapsed(job: Job) -> str:
    """已算 1 分 05 秒; nothing before it has begun. Work that was interrupted counts from when it was begun the first time."""
    begun = _first_begun(job) if job.attempts > 1 else job.started_at
    if begun is None:
        return ""
    minutes, seconds = divmod(max(0, int((timezone.now() - begun).total_seconds())), 60)
    return f"已算 {minutes} 分 {seconds:02} 秒" if minutes else f"已算 {seconds} 秒"


def _first_begun(job: Job) -> datetime.datetime:
    """When work that is tried again was begun: its row keeps the last time alone, the parts that were done before keep theirs
    (one query); without any, when it was asked for."""
    found: datetime.datetime | None = job.parts.aggregate(first=Min("started_at"))["first"]
    return found or job.created_at


def live(job: Job) -> dict[str, Any]:
    """What a page shows of a running job. The page may have been long at work since it read the row: the row is read anew after
    the parts, or it would be said to wait while its parts are nearly done.
    """
    bars = stage_bars(job)
    job.refresh_from_db(fields=MOVING)
    return {
        "bars": bars, "percent": overall(job, bars), "elapsed": elapsed(job),
        "doing": next((bar.doing for bar in bars if bar.doing), ""),
    }  # fmt: skip


def best_so_far(stage: int, best: dict[str, dict[str, Any]]) -> tuple[str, ...]:
    """各班单项人数偏离均衡 0人，已到最好，证明 — for the levels that say most."""
    told = []
    for name in TOLD_FIRST:
        if name in best and (best[name]["value"] or not name.startswith("moved_")):
            row = level_row({"level": name, "stage": stage, "value": best[name]["value"], "bound": best[name]["bound"]})
            told.append(f"{row.name} {row.value}" + (f"，{row.gap}" if row.gap else ""))
    return tuple(told)
