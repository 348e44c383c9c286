"""Cells of the calendar that people fix: the planner leaves the day and the base of a gathering where they are."""

import datetime
from collections.abc import Sequence
from typing import Any

from django.utils import timezone

from accounts import audit
from accounts.models import User
from bases.models import PracticeBase
from batches.models import Batch, GatheringPin, PracticeClass
from batches.plan_ids import pk_of
from batches.planning.changes import Change
from batches.planning.problem import Problem, first_days
from batches.planning_input import build_input
from batches.revision import change_arrangement
from batches.standing import WEEK, first_open_day, fortnights, past_cells
from batches.states import LIVE
from config.errors import DomainError


def pin_gathering(
    *,
    practice_class: PracticeClass,
    index: int,
    first_day: datetime.date,
    bases: Sequence[PracticeBase],
    reason: str,
    by: User,
    seen: int | None = None,
) -> GatheringPin:
    """Fix the first day of a class's fortnight, and its base or two where given; what was fixed before is replaced.

    Plans made from then on keep it. Raises DomainError "reason_needed", "not_planning", "no_such_fortnight",
    "outside_week" (R10), "too_many_bases", "already_begun", "day_over"; Conflict when the arrangement is no longer the one
    `seen`.
    """
    if not reason.strip():
        raise DomainError("reason_needed", "请写明为什么固定，以后重排时要看。")
    if len(bases) > 2 or len({base.pk for base in bases}) < len(bases):
        raise DomainError("too_many_bases", "一次集中最多在两个不同的基地。")
    with audit.act("pin_gathering", by=by, subject=practice_class, reason=reason, index=index) as entry:
        batch = change_arrangement(practice_class.batch, entry, seen=seen)
        _require_planning(batch)
        require_own_week(batch, practice_class, index, first_day)
        require_to_come(batch, practice_class, index, first_day)
        GatheringPin.objects.filter(practice_class=practice_class, index=index, live=True).update(live=False)
        one, two = [*bases, None, None][:2]
        return GatheringPin.objects.create(
            practice_class=practice_class,
            index=index,
            first_day=first_day,
            base=one,
            second_base=two,
            reason=reason[:200],
        )


def unpin_gathering(*, pin: GatheringPin, by: User, seen: int | None = None) -> None:
    """Let the planner decide again; the gathering stays where it is until the next plan. Raises DomainError "not_pinned"."""
    with audit.act("unpin_gathering", by=by, subject=pin.practice_class, index=pin.index) as entry:
        _require_planning(change_arrangement(pin.practice_class.batch, entry, seen=seen))
        if not GatheringPin.objects.filter(pk=pin.pk, live=True).update(live=False):
            raise DomainError("not_pinned", f"{pin}已经不固定了。")


def require_own_week(batch: Batch, practice_class: PracticeClass, index: int, first_day: datetime.date) -> None:
    """A gathering begins in its own week (R10). Raises DomainError "no_such_fortnight", "outside_week"."""
    mondays = dict(fortnights(batch, practice_class.parity))
    if index not in mondays:
        raise DomainError("no_such_fortnight", f"{practice_class.short_name}没有第 {index} 次集中。")
    monday = mondays[index]
    if not monday <= first_day < monday + WEEK:
        last = monday + WEEK - datetime.timedelta(days=1)
        raise DomainError(
            "outside_week",
            f"{practice_class.short_name}第 {index} 次集中要在 {monday:%m-%d} 至 {last:%m-%d} 这一周里开始（R10）。请改日期。",
        )


def require_lawful_day(batch: Batch, practice_class: PracticeClass, index: int, first_day: datetime.date) -> None:
    """No plan can have a gathering begin on a day that R10 and R11 rule out, and nobody can set those aside.

    Raises DomainError "no_such_fortnight", "outside_week", "already_begun", "day_over", "unlawful_day".
    """
    require_own_week(batch, practice_class, index, first_day)
    require_to_come(batch, practice_class, index, first_day)
    document = build_input(batch) | {"pins": {"batches": [], "classes": [], "gatherings": []}}
    problem = Problem(document)
    lawful = first_days(problem, problem.batches[0], apart=False)
    days = [datetime.date.fromordinal(day) for day in lawful.get((practice_class.parity, index), ())]
    if first_day not in days:
        other = "、".join(f"{day:%m-%d}" for day in days)
        cure = f"这一周可以从 {other} 开始，请改日期" if days else "这一周没有可以开始的日子，请保持原样"
        raise DomainError(
            "unlawful_day",
            f"{practice_class.short_name}第 {index} 次集中不能从 {first_day:%m-%d} 开始（R11）："
            f"{_why_unlawful(document, batch, first_day)}。{cure}。",
        )


def _why_unlawful(document: dict[str, Any], batch: Batch, first_day: datetime.date) -> str:
    rules = document["programme"]
    days = [first_day + datetime.timedelta(days=number) for number in range(rules["gathering_days"])]
    off = [f"{day:%m-%d}" for day in days if day.isoformat() in document["calendar"]["holidays"]]
    if off:
        return f"{'、'.join(off)} 放假"
    if not batch.first_day <= first_day <= days[-1] <= batch.last_day:
        return f"本期是 {batch.first_day:%m-%d} 至 {batch.last_day:%m-%d}，{len(days)} 天放不下"
    if rules["start_weekdays"] and first_day.isoweekday() not in rules["start_weekdays"]:
        return f"项目规则定了从星期{'、'.join('一二三四五六日'[day - 1] for day in rules['start_weekdays'])}开始"
    return f"{len(days)} 天里的周末要有 {rules['weekend_days']['min']} 至 {rules['weekend_days']['max']} 天"


def _require_planning(batch: Batch) -> None:
    if batch.state in (Batch.State.EVALUATING, Batch.State.CLOSED):
        raise DomainError("not_planning", f"{batch}现在是“{batch.get_state_display()}”，不再编排，不用固定。")


def require_to_come(batch: Batch, practice_class: PracticeClass, index: int, first_day: datetime.date | None) -> None:
    """What is over or under way is not planned any more, nor is a day gone by. Raises DomainError "already_begun", "day_over"."""
    _require_to_come(batch, [(practice_class, index, first_day)])


def require_all_to_come(batch: Batch, changes: Sequence[Change]) -> None:
    """The same of every cell that the changes fix (at most 3 queries). Raises DomainError "already_begun", "day_over"."""
    pins = [change for change in changes if change["kind"] == "pin_gathering"]
    if not pins or batch.state not in LIVE:
        return
    rows = {row.pk: row for row in batch.classes.all()}
    cells: list[tuple[PracticeClass, int, datetime.date | None]] = []
    for pin in pins:
        practice_class = rows.get(pk_of(pin["class"]))
        if practice_class is not None:
            day = pin["first_day"]
            cells.append((practice_class, pin["index"], datetime.date.fromisoformat(day) if day else None))
    _require_to_come(batch, cells)


def _require_to_come(batch: Batch, cells: Sequence[tuple[PracticeClass, int, datetime.date | None]]) -> None:
    if batch.state not in LIVE:
        return
    today = timezone.localdate()
    past, since = past_cells(batch, today), first_open_day(batch, today)
    for practice_class, index, first_day in cells:
        name = f"{practice_class.short_name}第 {index} 次集中"
        if (practice_class.pk, index) in past:
            raise DomainError("already_begun", f"{name}已经开始或办过，或者那一周已经过去，不会再动。请选以后的集中。")
        if first_day is not None and first_day < since:
            raise DomainError(
                "day_over", f"{name}不能从 {first_day:%m-%d} 开始：{since:%m-%d} 起的日子才能再排。请改日期。"
            )
