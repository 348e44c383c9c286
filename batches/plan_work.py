"""The planner's work on a run, shared by as many hands as are free: each step of the planner is a part of the run's job.

The first job hands out the steps that are ready, takes what nobody else has taken, and puts the plan together. What a part
has made stays with its row, so that a run whose worker was killed goes on where it was. Parts are of the version of the
planner that made them: a run that another version goes on with starts anew, for results of two versions make no plan.
"""

import datetime
import json
import operator
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache, partial
from typing import Any

import structlog
from django.db import DatabaseError
from django.utils import timezone

from batches.models import PlanRun
from batches.plan_labels import Labels
from batches.plan_refusals import refusal
from batches.planning import InputError, Stopped, repair
from batches.planning.control import Control
from batches.planning.explain import explain, falls_short
from batches.planning.formats import canonical, fingerprint, require_valid
from batches.planning.problem import Problem
from batches.planning.steps import assemble, batch_of, do, ready, stage_of
from batches.planning.versions import PLANNER_VERSION
from batches.planning_input import document_of
from batches.standing import first_open_day
from batches.states import LIVE
from config.errors import DomainError
from office.jobs import JobRun, JobStopped, perform
from office.models import Job, JobState

log = structlog.get_logger(__name__)

LOOK_AGAIN_AFTER = 0.5
"""Seconds between two looks at parts that others work on."""
SHARE = {1: (2, 10), 2: (10, 30), 3: (30, 75), 4: (75, 95)}
"""Where each stage lies in the progress bar, percent."""
CLOSER = 0.85
"""What a report leaves of the way to the next fraction."""
LODGING, BUNDLE = 4, 12
"""The stage of many small steps, and how many of them one hand does in a row."""
MAXIMA = ("max_load", "mean_age_range", "income_range")
"""Levels whose value over several batches is the largest; the others add up."""
Document = dict[str, Any]
Best = dict[str, dict[str, Any]]
"""Level → value, bound and batch of the best so far."""


def keep_input(plan_run: PlanRun) -> Document:
    """The run's input, written with the run at the first try: later tries plan the same facts.

    Raises DomainError for facts that no plan can keep, before anything is planned.
    """
    if not plan_run.input_text:
        document = _understood(lambda: document_of(plan_run))
        plan_run.input_text = canonical(document).decode()
        plan_run.fingerprint = fingerprint(document)
        plan_run.save(update_fields=["input_text", "fingerprint"])
    kept: Document = plan_run.document
    _understood(lambda: require_valid(kept))
    _problem(plan_run.input_text, plan_run.prefer)
    return kept


def explained(run: JobRun, plan_run: PlanRun, document: Document, plan: Document) -> list[dict[str, Any]]:
    """Why the plan is short where it is and leaves gatherings out, and what cures it (`planning.explain`).

    A plan is kept even where its shortfalls could not be explained: what the explanations stumble over is logged.
    """
    if not falls_short(plan):
        return []

    def progress(_stage: int, fraction: float, _message: str) -> None:
        run.progress(int(SHARE[4][1] + (99 - SHARE[4][1]) * fraction), "正在找缺口和不集中的原因、办法")

    progress(4, 0.0, "")
    try:
        return explain(
            document, plan, seed=plan_run.seed, prefer=plan_run.prefer, since=_since(plan_run), progress=progress,
            should_stop=run.should_stop,
        )  # fmt: skip
    except Stopped as error:
        raise JobStopped from error
    except (JobStopped, DatabaseError):
        raise
    except Exception:
        log.exception("shortfalls_not_explained", run=plan_run.pk, fingerprint=plan_run.fingerprint)
        return []


def _since(plan_run: PlanRun) -> str | None:
    """The first day of a batch in force that the run could still change."""
    batch = plan_run.batch
    if batch is None or batch.state not in LIVE or plan_run.purpose == PlanRun.Purpose.NAMES:
        return None
    return first_open_day(batch, timezone.localdate(plan_run.created_at)).isoformat()


def moves_and_quality(run: JobRun, plan_run: PlanRun, most: int) -> list[Document]:
    """The curve of a repaired plan: its fewest moves, and what up to `most` more would buy (`planning.repair`)."""

    def progress(_stage: int, fraction: float, message: str) -> None:
        run.progress(min(99, int(100 * fraction)), Labels([message]).say(message))

    found: list[Document] = _understood(
        lambda: repair.curve(
            plan_run.document, seed=plan_run.seed, most=most, prefer=plan_run.prefer, progress=progress,
            should_stop=run.should_stop,
        )
    )  # fmt: skip
    return found


def solve_by_parts(run: JobRun, plan_run: PlanRun, stages: tuple[int, ...]) -> Document:
    """The plan of the run's input, as `planning.solve` makes it, by all workers that are free.

    Raises JobStopped when the owner stops it, DomainError when the input cannot be planned or a part was given up.
    """
    document: Document = plan_run.document
    batches = len(document["batches"])
    while True:
        forget_other_versions(run.job)
        done = made_so_far(run.job)
        names = ready(document, done, stages)
        if not names:
            return assemble(document, done, seed=plan_run.seed, stages=stages, prefer=plan_run.prefer)
        given = {name for step in run.job.parts.values_list("step", flat=True) for name in step.split(" ")}
        for step in bundles([name for name in names if name not in given]):
            run.part(task="batches.plan_step", step=step, title=run.job.title)
        if failed := run.job.parts.filter(state=JobState.FAILED).first():
            raise DomainError("part_failed", failed.message)
        free = run.job.parts.filter(state=JobState.WAITING).order_by("created_at").first()
        if free is None:
            time.sleep(LOOK_AGAIN_AFTER)
        else:
            perform(str(free.pk), work_on_part)
        stand = stand_of(run.job, batches)
        run.progress(stand.percent, stand.sentence)


def forget_other_versions(whole: Job) -> None:
    """Where a part was made by another version of the planner, every part goes but those made by this one and those under way.

    They are given out anew when what they need is there: another version may need other steps first.
    """
    rows = list(whole.parts.exclude(state=JobState.RUNNING).values_list("pk", "state", "result__planner"))
    if any(state == JobState.DONE and planner != PLANNER_VERSION for _, state, planner in rows):
        whole.parts.filter(pk__in=[pk for pk, _, planner in rows if planner != PLANNER_VERSION]).exclude(
            state=JobState.RUNNING
        ).delete()


def bundles(names: list[str]) -> list[str]:
    """Steps that one hand does in a row, joined by a space: beds are many small steps, everything else goes alone."""
    small: dict[str, list[str]] = defaultdict(list)
    alone = []
    for name in names:
        if stage_of(name) == LODGING:
            small[name.split(":", 1)[0]].append(name)
        else:
            alone.append(name)
    return alone + [" ".join(row[n : n + BUNDLE]) for row in small.values() for n in range(0, len(row), BUNDLE)]


def work_on_part(run: JobRun) -> None:
    """The steps of a part; what they make stays with its row."""
    plan_run = PlanRun.objects.get(job=run.job.parent)
    problem = _problem(plan_run.input_text, plan_run.prefer)
    names = run.job.step.split(" ")
    told: dict[str, Best] = defaultdict(dict)
    name = names[0]
    advance = Advance()

    def progress(stage: int, fraction: float, message: str) -> None:
        run.progress(advance.percent(fraction), Labels([message]).say(message))

    def on_best(stage: int, batch: str | None, level: str, value: float, bound: float | None) -> None:
        told[name][level] = {"value": value, "bound": bound, "batch": batch}
        run.tell(best=together(told.values()))

    control = Control(progress, run.should_stop, on_best)
    done = made_so_far(run.job.parent)
    made: dict[str, Any] = {}
    for number, name in enumerate(names):
        control.within(number, len(names), batch_of(name))
        made[name] = _understood(partial(do, problem, name, done, plan_run.seed, control))
    with run.finishing():
        run.result = {"planner": PLANNER_VERSION, "made": made, "best": together(told.values())}


class Advance:
    """Percent of a part's work: every report moves it, also where a step says no more than that it goes on.

    Reports without a new fraction come closer and closer to the next one, as far off as the last was, and never reach it.
    """

    def __init__(self) -> None:
        self._fraction, self._next, self._quiet, self._shown = 0.0, 1.0, 0, 0

    def percent(self, fraction: float) -> int:
        if fraction > self._fraction:
            self._next = min(1.0, 2 * fraction - self._fraction)
            self._fraction, self._quiet = fraction, 0
        else:
            self._quiet += 1
        ahead = (self._next - self._fraction) * (1 - CLOSER**self._quiet)
        self._shown = max(self._shown, min(99, int(100 * (self._fraction + ahead))))
        return self._shown


@lru_cache(maxsize=1)
def _problem(text: str, prefer: str) -> Problem:
    """The input as the steps see it: one hand mostly does many parts of the same run, and steps leave it as it is.

    Raises DomainError where people ask for what contradicts itself: another try would find the same.
    """
    found: Problem = _understood(lambda: Problem(json.loads(text), prefer))
    return found


class Made:
    """What the parts of one job have made with this version of the planner. A part that is done stays as it is, so its result
    is read once."""

    def __init__(self, whole: Any) -> None:
        self.whole = whole
        self.read: set[Any] = set()
        self.steps: dict[str, Any] = {}

    def now(self) -> dict[str, Any]:
        """Step -> what was made, in order of the steps' names."""
        parts = Job.objects.filter(parent=self.whole, state=JobState.DONE, result__planner=PLANNER_VERSION)
        new = set(parts.order_by("pk").values_list("pk", flat=True)) - self.read
        for pk, result in parts.filter(pk__in=new).order_by("pk").values_list("pk", "result") if new else ():
            self.steps |= result["made"]
            self.read.add(pk)
        return dict(sorted(self.steps.items()))


@lru_cache(maxsize=1)
def _made_by_parts_of(whole: Any) -> Made:
    return Made(whole)


def made_so_far(whole: Job | None) -> dict[str, Any]:
    """Step -> what was made, of all parts that are done. One hand looks at one job at a time and remembers what it read."""
    return _made_by_parts_of(whole.pk if whole else None).now()


def _understood(work: Callable[[], Any]) -> Any:
    """What the planner refuses or gives up, in the house's errors."""
    try:
        return work()
    except Stopped as error:
        raise JobStopped from error
    except InputError as error:
        raise DomainError("plan_input", f"不能编排：{refusal(error)}。请改好名单、要求或规则后再编排。") from error


@dataclass
class StageStand:
    """How far one stage is: parts done and begun, how many there will be, and the best so far by level."""

    stage: int
    name: str
    total: int = 0
    done: int = 0
    percent: int = 0
    message: str = ""
    best: dict[str, dict[str, Any]] = field(default_factory=dict)
    since: datetime.datetime | None = None
    """When the oldest of its parts at work was begun."""


@dataclass
class Stand:
    """How far a run is, stage by stage."""

    stages: list[StageStand]

    @property
    def percent(self) -> int:
        reached = 0
        for row in self.stages:
            low, high = SHARE[row.stage]
            if row.percent:
                reached = max(reached, low + (high - low) * row.percent // 100)
        return reached

    @property
    def sentence(self) -> str:
        working = [row for row in self.stages if row.total and row.percent < 100]
        row = working[0] if working else self.stages[-1]
        return f"第 {row.stage} 步“{row.name}”{row.done}/{row.total}" + (f"　{row.message}" if row.message else "")


def stand_of(whole: Job, batches: int) -> Stand:
    """How far the parts of a run's job are (one query); `batches` is the number of batches that it plans."""
    least = {stage: 1 if stage == 1 else batches for stage in Control.NAMES}
    found = {stage: StageStand(stage, name, least[stage]) for stage, name in Control.NAMES.items()}
    found[3].total += 1  # the exchanges
    sums: Mapping[int, list[int]] = defaultdict(list)
    heard: Mapping[int, Heard] = defaultdict(Heard)
    for step, state, progress, message, since, best in whole.parts.order_by("created_at").values_list(
        "step", "state", "progress", "message", "started_at", "result__best"
    ):
        row = found[stage_of(step)]
        sums[row.stage].append(progress)
        row.done += state == JobState.DONE
        heard[row.stage].of(step, state == JobState.DONE, best or {})
        if state == JobState.RUNNING:
            row.message = message
            row.since = min(since or timezone.now(), row.since or timezone.now())
    for row in found.values():
        row.total = max(row.total, len(sums[row.stage]))
        row.percent = sum(sums[row.stage]) // row.total if row.total else 0
        row.best = heard[row.stage].best(all_given=len(sums[row.stage]) >= least[row.stage])
    return Stand(list(found.values()))


class Heard:
    """What the parts of a stage told of its levels. A bound is one of the whole: it is known only when every step of the kind
    that tells the level has told it, and none that may call for more such steps is left. What the exchanges tell is of the whole,
    and stands instead of what the itineraries told."""

    def __init__(self) -> None:
        self._best: Best = {}
        self._of_whole: Best = {}
        self._kinds: dict[str, str] = {}
        self._given: Counter[str] = Counter()
        self._left: Counter[str] = Counter()

    def of(self, step: str, done: bool, best: Best) -> None:
        """A part of one step or several of a kind, and what it told."""
        kind = step.partition(":")[0]
        if kind == "exchanges":
            self._of_whole = best
            return
        self._given[kind] += len(step.split(" "))
        self._left[kind] += not done
        self._best = together([self._best, best])
        self._kinds.update(dict.fromkeys(best, kind))

    def best(self, *, all_given: bool) -> Best:
        """Level → value and bound; without a bound while some of it is still to come."""
        found = {}
        for level, told in self._best.items():
            kind = self._kinds[level]
            others = sum(count for name, count in self._left.items() if name != kind)
            whole = all_given and told.get("steps", 1) >= self._given[kind] and not others
            found[level] = {
                "value": told["value"],
                "bound": told["bound"] if whole else None,
                "batch": told.get("batch"),
            }
        return found | self._of_whole


def together(tellings: Iterable[Best]) -> Best:
    """What several steps told, as one: a level is of them all, and says of how many where it is of more than one."""
    found: Best = {}
    for best in tellings:
        for level, told in best.items():
            found[level] = _joined(level, found[level], told) if level in found else told
    return found


def _joined(level: str, one: dict[str, Any], two: dict[str, Any]) -> dict[str, Any]:
    """The best so far of several batches or classes as one: the worst of maxima, the sum of everything else."""
    join = max if level in MAXIMA else operator.add
    bounds = one["bound"], two["bound"]
    return {
        "value": join(one["value"], two["value"]),
        "bound": None if None in bounds else join(*bounds),
        "batch": two.get("batch"),
        "steps": one.get("steps", 1) + two.get("steps", 1),
    }
