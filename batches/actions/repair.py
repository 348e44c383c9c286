"""Changing a plan with the fewest changes (少变动重排): the facts that ask for it, the run, and what more moves would buy."""

import datetime
from collections.abc import Sequence
from typing import Any

from django.db.models import ProtectedError
from django.utils import timezone

from accounts import audit
from accounts.models import User
from bases.actions import close_place
from bases.models import Closure, PracticeBase
from batches import states
from batches.actions.names import refuse_second_run, require_place
from batches.actions.pins import require_all_to_come
from batches.fixed import require_free
from batches.models import Batch, Nomination, Parity, PlanDemand, PlanRun, PracticeClass, Track
from batches.plan_refusals import refusal
from batches.planning import InputError
from batches.planning.changes import Change, apply
from batches.planning.formats import canonical
from batches.planning_input import facts_for
from batches.queries import latest_run, version_in_force
from batches.revision import change_arrangement, locked_batch, require_seen
from cadres.models import Cadre
from config.days import refuse_outlandish
from config.errors import Conflict, DomainError
from office.jobs import start_job

Purpose = PlanRun.Purpose
DAY = datetime.timedelta(days=1)
MOST_MOVES = 6
"""How many moves more than the fewest the curve looks at."""
CURVE = ("moves", "spare_moves", "seats_moved", "gatherings_moved", "levels")
"""What is kept of a point of the curve."""


def start_repair(
    *,
    batch: Batch,
    by: User,
    changes: Sequence[Change] = (),
    prefer: str = PlanRun.Prefer.KEPT,
    title: str = "",
    against: PlanRun | None = None,
    seen: int | None = None,
) -> PlanRun:
    """Plan the batch anew with the fewest changes (a job); nothing is written until somebody publishes the result.

    A published batch is repaired as it stands today, one not yet published from the plan `against` (the newest where none
    is named). `changes` are what people decided: pins of people and cells. `prefer` says what comes first: published seats
    and gatherings, or filled seats. Raises DomainError "illegal_transition", "fixed", "already_begun", "day_over", "no_plan",
    "cannot_try", Conflict "run_in_progress", "arrangement_changed".
    """
    with audit.act("start_repair", by=by, subject=batch, changes=len(changes), prefer=prefer):
        locked = require_seen(batch, seen, by=by)
        states.require(locked, "republish" if locked.state in states.LIVE else "plan")
        refuse_second_run(locked)
        require_free(locked, changes)
        require_all_to_come(locked, changes)
        version = version_in_force(locked)
        origin = (version.run if version is not None else None) or against or latest_run(locked)
        if origin is None:
            raise DomainError("no_plan", f"{batch}还没有编排过，没有可以少动的方案。请先编排。")
        run = PlanRun.objects.create(
            programme=locked.programme, batch=locked, purpose=Purpose.REPAIR, title=title[:60], against=origin,
            changes=list(changes), seed=origin.seed, prefer=prefer,
        )  # fmt: skip
        try:
            apply(facts_for(locked, run), changes)
        except InputError as error:
            raise DomainError("cannot_try", f"不能这样调：{refusal(error)}。请换一种调法。") from error
        run.job = start_job(
            task="batches.plan", title=f"{batch}{run.title or run.get_purpose_display()}", owner=by,
            params={"run": run.pk}, result_url=f"/batches/{batch.pk}/studio/?run={run.pk}",
        )  # fmt: skip
        run.save(update_fields=["job"])
    return run


# Facts that ask for a repair


def name_late(*, batch: Batch, cadre: Cadre, by: User, reason: str, seen: int | None = None) -> Nomination:
    """Name somebody for a published batch (within the unit's places, R01); the next repair finds the class.

    Raises DomainError "reason_needed", "illegal_transition", "already_enrolled", "not_in_post", "unit_full", Conflict.
    """
    _require_reason(reason)
    with audit.act("name_late", by=by, subject=batch, reason=reason, cadre=cadre.pk) as entry:
        locked = change_arrangement(batch, entry, seen=seen)
        states.require(locked, "republish")
        if locked.enrollments.filter(cadre=cadre).exists():
            raise DomainError(
                "already_enrolled", f"{cadre}在{batch}里已有记录。退出过的请用“中途加入”加回来，以前的天数还在。"
            )
        if cadre.state != Cadre.State.IN_POST:
            raise DomainError("not_in_post", f"{cadre}不在职，不能加入。")
        require_place(locked, cadre)
        nomination, _ = Nomination.objects.update_or_create(
            batch=locked, cadre=cadre,
            defaults={
                "state": Nomination.State.CONFIRMED, "reason": reason[:200], "decided_by": by,
                "decided_at": timezone.now(),
            },
        )  # fmt: skip
    return nomination


def add_classes(
    *, batch: Batch, track: Track, parities: Sequence[str], by: User, reason: str, seen: int | None = None
) -> list[PracticeClass]:
    """A class more in a published batch, or a pair; the next repair fills them with the fewest moves.

    `batches.more_classes` says beforehand what each way comes to; `drop_class` takes back a class that stayed empty. Raises
    DomainError "reason_needed", "illegal_transition", "other_programme", Conflict.
    """
    _require_reason(reason)
    with audit.act(
        "add_class", by=by, subject=batch, reason=reason, track=track.pk, parities="+".join(parities)
    ) as entry:
        locked = change_arrangement(batch, entry, seen=seen)
        states.require(locked, "republish")
        if track.programme_id != locked.programme_id:
            raise DomainError("other_programme", "这个班型不是本期项目的。请从列出的班型里选。")
        last = locked.classes.order_by("-number").values_list("number", flat=True).first() or 0
        return [
            PracticeClass.objects.create(batch=locked, number=number, parity=Parity(parity), track=track)
            for number, parity in enumerate(parities, start=last + 1)
        ]


def drop_class(*, practice_class: PracticeClass, by: User, reason: str, seen: int | None = None) -> None:
    """Take back a class of a published batch in which nobody ever sat: the repair for which it was added is not wanted.

    Ended posts and pins of it go with it. Raises DomainError "reason_needed", "illegal_transition", "class_in_use", Conflict
    while the planner works on the batch.
    """
    _require_reason(reason)
    with audit.act(
        "drop_class", by=by, subject=practice_class.batch, reason=reason, number=practice_class.number
    ) as entry:
        locked = change_arrangement(practice_class.batch, entry, seen=seen)
        states.require(locked, "republish")
        refuse_second_run(locked)
        if not locked.classes.filter(pk=practice_class.pk).exists():
            raise Conflict("class_gone", f"{practice_class.short_name}刚被别人撤掉了。请刷新页面。")
        if used := _use_of(practice_class):
            raise DomainError("class_in_use", f"{practice_class.short_name}{used}")
        practice_class.staff.all().delete()
        practice_class.pins.all().delete()
        try:
            practice_class.delete()
        except ProtectedError as error:
            raise DomainError(
                "class_in_use", f"{practice_class.short_name}已有材料，不能撤。空着的班不影响别的班。"
            ) from error


def _use_of(practice_class: PracticeClass) -> str:
    """What of a class stands against taking it back, and what cures it; empty where nothing does."""
    if practice_class.memberships.exists() or practice_class.gatherings.exists():
        return "已经有过学员或集中，不能撤。要并班，请到“固定和调换”把人固定到别的班，再重排。"
    if practice_class.staff.exclude(until__lt=timezone.localdate()).exists():
        return "已定了班主任或辅导员。请先到班务结束，再撤。"
    pinned = PlanDemand.objects.filter(
        batch=practice_class.batch, class_number=practice_class.number, kind=PlanDemand.Kind.PIN, live=True
    )
    if pinned.exists() or practice_class.pins.filter(live=True).exists():
        return "有固定的人或集中。请先到“固定和调换”取消，再撤。"
    return ""


def close_everywhere(*, first_day: datetime.date, last_day: datetime.date, by: User, reason: str) -> list[Closure]:
    """Close every open base on these days (a typhoon week); returns the closures made. Days closed already stay so.

    Raises DomainError "reason_needed", "closed_already" when there is none left, and those of `bases.actions.close_place`.
    """
    _require_reason(reason)
    closed = []
    with audit.act("close_everywhere", by=by, reason=reason, first_day=first_day, last_day=last_day) as entry:
        for base in PracticeBase.objects.filter(state=PracticeBase.State.OPEN).order_by("pk"):
            closed += close_open_days(
                first_day=first_day, last_day=last_day, kind=Closure.Kind.WEATHER, by=by, reason=reason, base=base
            )
        if not closed:
            raise DomainError("closed_already", "这几天各基地都已停接。请看看日期。")
        entry.data["bases"] = len({closure.base_id for closure in closed})
    return closed


def close_open_days(
    *, first_day: datetime.date, last_day: datetime.date, kind: str, by: User, reason: str, **place: Any
) -> list[Closure]:
    """Close a place (`base`, `household` or `room`) on those of the days on which it is not closed yet; none may be left.

    Raises the DomainErrors of `bases.actions.close_place`.
    """
    refuse_outlandish(first_day, last_day)
    where = {"base": None, "household": None, "room": None} | place
    spans = Closure.objects.filter(live=True, days__overlap=(first_day, last_day + DAY), **where).order_by("days")
    made, day = [], first_day
    for days in spans.values_list("days", flat=True):
        begins, ends = days.lower or first_day, days.upper or last_day + DAY
        if day < begins:
            made.append(close_place(first_day=day, last_day=begins - DAY, kind=kind, by=by, reason=reason, **place))
        day = max(day, ends)
    if day <= last_day:
        made.append(close_place(first_day=day, last_day=last_day, kind=kind, by=by, reason=reason, **place))
    return made


def _require_reason(reason: str) -> None:
    if not reason.strip():
        raise DomainError("reason_needed", "请写明原因，会记入审计。")


# What a few more moves would buy


def start_curve(*, run: PlanRun, by: User) -> PlanRun:
    """Look at what a few more moves than the fewest would buy (a job), once for a run.

    Raises DomainError "no_repair", Conflict "curve_known", "run_in_progress".
    """
    batch = Batch.objects.get(plan_runs=run)
    with audit.act("start_curve", by=by, subject=batch, run=run.pk):
        locked = locked_batch(batch)
        refuse_second_run(locked)
        if run.purpose != Purpose.REPAIR or not run.plan_text:
            raise DomainError("no_repair", "这不是少变动重排的结果，没有可以比的曲线。")
        if PlanRun.objects.filter(pk=run.pk, figures__has_key="curve").exists():
            raise Conflict("curve_known", "多动几处会怎样已经算过了，就在这一页上，不用再算。")
        run.job = start_job(
            task="batches.curve", title=f"{batch}多动几处会怎样", owner=by, params={"run": run.pk},
            result_url=f"/batches/{batch.pk}/repair/?run={run.pk}",
        )  # fmt: skip
        run.save(update_fields=["job"])
    return run


def keep_curve(*, run: PlanRun, points: Sequence[dict[str, Any]], by: User | None) -> list[dict[str, Any]]:
    """Keep the curve with its run, and each further point as a run of its own that can be published instead.

    Called by the job in the transaction that ends it. Returns the points as the run keeps them: moves, levels, run.
    """
    subject = Batch.objects.get(plan_runs=run)
    with audit.act("keep_curve", by=by, subject=subject, run=run.pk, points=len(points)):
        kept = []
        for number, point in enumerate(points):
            holder = run if not number else _point_run(run, point, point["moves"] - points[0]["moves"], number)
            shown = {name: point[name] for name in CURVE}
            kept.append(shown | {"run": holder.pk})
        run.figures = run.figures | {"curve": kept}
        run.save(update_fields=["figures"])
    return kept


def _point_run(run: PlanRun, point: dict[str, Any], more: int, number: int) -> PlanRun:
    """Made a moment before its run, so that the run with the fewest moves stays the newest."""
    plan = point["plan"]
    return PlanRun.objects.create(
        programme=run.programme, batch=run.batch, purpose=Purpose.REPAIR, title=f"多动 {more} 处"[:60], against=run.against,
        changes=run.changes, prefer=run.prefer, seed=run.seed, input_text=run.input_text, fingerprint=run.fingerprint,
        plan_text=canonical(plan).decode(), figures={"spare_moves": point["spare_moves"]},
        outcome=PlanRun.Outcome.SHORT if plan["shortfalls"] else PlanRun.Outcome.SOLVED,
        created_at=run.created_at - datetime.timedelta(microseconds=number),
    )  # fmt: skip
