"""Names for a batch: proposed by stage 1, then confirmed, swapped or deferred by the units (报名)."""

import datetime
from collections.abc import Collection

from django.utils import timezone

from accounts import audit
from accounts.models import User
from accounts.rules import is_centre_staff
from batches import states
from batches.demands import contradiction, told
from batches.fixed import require_may_stay_away
from batches.models import Batch, Nomination, PlanDemand, PlanRun
from batches.plan_ids import key
from batches.queries import (
    GOING,
    attending,
    candidates_for_swap,
    going,
    latest_deadline,
    placed,
    running_job,
    unit_quota,
)
from batches.revision import locked_batch
from batches.rules import in_force
from batches.waivers import is_waived
from cadres.models import Cadre, Unit, UnitLiaison
from config.errors import Conflict, DomainError
from office.actions import notify
from office.jobs import start_job

State = Nomination.State


def start_proposal(*, batch: Batch, by: User, seed: int = 1) -> PlanRun:
    """Ask the planner for names (a job). Names of an earlier proposal are replaced when the new ones come."""
    with audit.act("start_proposal", by=by, subject=batch, seed=seed):
        states.require(locked_batch(batch), "propose")
        refuse_second_run(batch)
        run = PlanRun.objects.create(programme=batch.programme, batch=batch, purpose=PlanRun.Purpose.NAMES, seed=seed)
        run.job = start_job(
            task="batches.propose_names", title=f"{batch}名单建议", owner=by, params={"run": run.pk},
            result_url=f"/batches/{batch.pk}/names/",
        )  # fmt: skip
        run.save(update_fields=["job"])
    return run


def refuse_second_run(batch: Batch) -> None:
    """Two clerks at once: the second is told (call with the batch's row locked)."""
    if running_job(batch) is not None:
        raise Conflict("run_in_progress", f"{batch}正在编排。请等它完成，或在任务里停止后再来。")


def keep_proposal(*, run: PlanRun, cadre_pks: list[int], by: User | None) -> None:
    """Write the proposed names of a finished run; called by the job in the transaction that ends it."""
    batch = Batch.objects.get(plan_runs=run)
    with audit.act("keep_proposal", by=by, subject=batch, people=len(cadre_pks), fingerprint=run.fingerprint):
        states.advance(batch, "propose")
        batch.nominations.filter(state=State.PROPOSED, replaced_by__isnull=True, replaces__isnull=True).delete()
        answered = set(batch.nominations.values_list("cadre_id", flat=True))
        Nomination.objects.bulk_create(Nomination(batch=batch, cadre_id=pk) for pk in cadre_pks if pk not in answered)
        run.outcome = PlanRun.Outcome.SOLVED
        run.save()


def open_nominations(*, batch: Batch, until: datetime.date, by: User, today: datetime.date | None = None) -> None:
    """Let the units answer until a day (included); liaisons of units with unanswered names are told.

    Raises DomainError "deadline_past", "deadline_late" for a day on which the batch has begun; who is late may have today.
    """
    with audit.act("open_nominations", by=by, subject=batch, until=until):
        locked = locked_batch(batch)
        require_deadline(locked, until, today=today)
        states.advance(batch, "open_nominations")
        batch.nominate_until = locked.nominate_until = until
        locked.save(update_fields=["nominate_until"])
        _tell_liaisons(locked)


def require_deadline(
    batch: Batch, until: datetime.date, *, was: datetime.date | None = None, today: datetime.date | None = None
) -> None:
    """Whether a batch may take answers until that day; one gone by may stay as it `was`. Raises as `open_nominations`."""
    today = today or timezone.localdate()
    if until < today and until != was:
        raise DomainError("deadline_past", "报名截止日已经过了。请改到今天或以后。")
    if until > (latest := latest_deadline(batch, today)):
        told = (
            f"{batch}从 {batch.first_day} 开始，报名要在开始以前截止。请改到 {latest} 或以前。"
            if batch.first_day > today
            else f"{batch}从 {batch.first_day} 起已经开始，报名只能开到今天。请改到 {today}。"
        )
        raise DomainError("deadline_late", told)


def _lock_answers(batch: Batch, by: User) -> Batch:
    """The batch, locked, while it takes answers: from liaisons until the deadline (included), from the centre also after."""
    locked = locked_batch(batch)
    if locked.state != Batch.State.NOMINATING:
        raise DomainError("not_nominating", f"{locked}不在报名中，名单不能改。要改请联系服务中心重新开放报名。")
    until = locked.nominate_until
    if until is not None and until < timezone.localdate() and not is_centre_staff.test(by):
        raise DomainError("deadline_past", f"报名 {until:%m-%d} 已经截止，名单不能改。要改请联系服务中心。")
    return locked


def _answerable(nomination: Nomination, by: User) -> Nomination:
    """The row, locked after its batch, while the batch takes answers and nobody has swapped it out."""
    _lock_answers(nomination.batch, by)
    fresh = (
        Nomination.objects.select_for_update(of=("self",)).select_related("batch", "cadre__unit").get(pk=nomination.pk)
    )
    if fresh.state == State.SWAPPED:
        raise Conflict("already_swapped", f"{fresh.cadre}已经换成别人了，请刷新后再看。")
    return fresh


def _decide(nomination: Nomination, state: str, by: User, reason: str = "") -> None:
    nomination.state, nomination.reason = state, reason
    nomination.decided_by, nomination.decided_at = by, timezone.now()
    nomination.save()


def confirm_nomination(*, nomination: Nomination, by: User) -> None:
    """The unit says yes; also takes a deferral back while the unit's places allow it."""
    with audit.act("confirm_nomination", by=by, subject=nomination):
        fresh = _answerable(nomination, by)
        if fresh.state == State.DEFERRED:
            require_place(fresh.batch, fresh.cadre)
        _decide(fresh, State.CONFIRMED, by)


def confirm_unit(*, batch: Batch, unit: Unit, by: User) -> int:
    """Confirm all names of a unit that are still unanswered when its turn comes; returns how many."""
    with audit.act("confirm_unit", by=by, subject=unit, batch=batch.number) as entry:
        locked = _lock_answers(batch, by)
        rows = locked.nominations.select_for_update(of=("self",)).filter(cadre__unit=unit, state=State.PROPOSED)
        waiting = list(rows.order_by("pk"))
        for nomination in waiting:
            _decide(nomination, State.CONFIRMED, by)
        entry.data["people"] = len(waiting)
    return len(waiting)


def defer_nomination(*, nomination: Nomination, reason: str, by: User) -> None:
    """The cadre does not go this time; the reason is kept and the cadre is proposed again later. Raises "fixed"."""
    if not reason.strip():
        raise DomainError("reason_needed", "请写明缓派的原因，例如“11 月至 1 月产假”。")
    with audit.act("defer_nomination", by=by, subject=nomination, reason=reason):
        fresh = _answerable(nomination, by)
        require_may_stay_away(fresh.batch, fresh.cadre)
        _decide(fresh, State.DEFERRED, by, reason)


def set_aside(*, nomination: Nomination, reason: str, by: User) -> None:
    """The centre takes a name out of a batch that is not yet published, also after the answers are in; kept as 缓派.

    Raises DomainError "reason_needed", "already_published", "fixed" (to a class, or to attend), Conflict "already_out".
    """
    if not reason.strip():
        raise DomainError("reason_needed", "请写明缓派的原因，例如“11 月至 1 月产假”。")
    with audit.act("defer_nomination", by=by, subject=nomination, reason=reason):
        batch = locked_batch(nomination.batch)
        if batch.state in states.LIVE:
            raise DomainError("already_published", f"{batch}已经发布，不能缓派。请在“调整”里办退出。")
        fresh = Nomination.objects.select_for_update(of=("self",)).select_related("cadre").get(pk=nomination.pk)
        if fresh.state not in GOING:
            raise Conflict("already_out", f"{fresh.cadre}已经不在名单里，请刷新后再看。")
        require_may_stay_away(batch, fresh.cadre)
        _decide(fresh, State.DEFERRED, by, reason)


def swap_nomination(*, nomination: Nomination, cadre: Cadre, reason: str, by: User) -> Nomination:
    """Send a colleague of the same unit instead. Raises DomainError for another unit's cadre or one already named, "fixed"."""
    if not reason.strip():
        raise DomainError("reason_needed", "请写明换人的原因。")
    with audit.act("swap_nomination", by=by, subject=nomination, reason=reason) as entry:
        fresh = _answerable(nomination, by)
        if not candidates_for_swap(fresh).filter(pk=cadre.pk).exists():
            raise DomainError("not_a_candidate", f"{cadre}不是本单位可以替换的人：要在职、同单位、这一期还没有报名。")
        if fresh.state == State.DEFERRED:
            require_place(fresh.batch, fresh.cadre)
        else:
            require_may_stay_away(fresh.batch, fresh.cadre)
        _decide(fresh, State.SWAPPED, by, reason)
        Nomination.objects.filter(replaces=fresh).update(replaces=None)
        new, _ = Nomination.objects.update_or_create(
            batch=fresh.batch, cadre=cadre,
            defaults={"state": State.CONFIRMED, "replaces": fresh, "decided_by": by, "decided_at": timezone.now()},
        )  # fmt: skip
        entry.data["instead"] = new.pk
    return new


def add_nomination(*, batch: Batch, cadre: Cadre, by: User, reason: str) -> Nomination:
    """The centre names somebody itself, within the unit's places."""
    with audit.act("add_nomination", by=by, subject=batch, reason=reason, cadre=cadre.pk):
        locked = locked_batch(batch)
        if locked.state not in (Batch.State.PROPOSED, Batch.State.NOMINATING):
            raise DomainError("not_nominating", f"{batch}现在不能加名单。请先开放报名。")
        if going(batch).filter(cadre=cadre).exists():
            raise DomainError("already_named", f"{cadre}已经在{batch}名单里。")
        if cadre.state != Cadre.State.IN_POST:
            raise DomainError("not_in_post", f"{cadre}不在职，不能报名。")
        require_place(batch, cadre)
        nomination, _ = Nomination.objects.update_or_create(
            batch=batch, cadre=cadre,
            defaults={"state": State.CONFIRMED, "reason": reason, "decided_by": by, "decided_at": timezone.now()},
        )  # fmt: skip
    return nomination


def require_place(batch: Batch, cadre: Cadre) -> None:
    """Lock the unit (the named lock of R01), then count its people in the batch beside this one. Raises "unit_full"."""
    unit = Unit.objects.select_for_update().get(pk=cadre.unit_id)
    quota = unit_quota(batch, unit)
    if placed(batch, unit).exclude(pk=cadre.pk).count() < quota:
        return
    if is_waived(batch, "R01", f"{key('U', unit.pk)}@{key('B', batch.pk)}"):
        return
    cure = "先退出一人" if batch.state in states.LIVE else "换人"
    raise DomainError("unit_full", f"{unit}在{batch}的 {quota} 个名额已满（R01）。可以{cure}，或申请批准例外。")


def demand(
    *, batch: Batch, cadre: Cadre, kind: str, reason: str, by: User, parity: str = "", class_number: int | None = None
) -> PlanDemand:
    """Ask something of the plan for one cadre (must, must not, only odd or even weeks, a fixed class).

    It takes the place of the one of its kind before. Raises DomainError "reason_needed", "on_the_list", and
    "demands_contradict" (R06, R07) where no plan could keep it beside the others.
    """
    if not reason.strip():
        raise DomainError("reason_needed", "请写明原因。")
    with audit.act("demand", by=by, subject=batch, reason=reason, cadre=cadre.pk, kind=kind):
        locked = locked_batch(batch)
        PlanDemand.objects.filter(batch=batch, cadre=cadre, kind=kind, live=True).update(live=False)
        made = PlanDemand.objects.create(
            batch=batch, cadre=cadre, kind=kind, parity=parity, class_number=class_number, reason=reason
        )
        _require_possible(locked, cadre, made)
        return made


def _require_possible(batch: Batch, cadre: Cadre, made: PlanDemand) -> None:
    """The demand beside those of the same person that stand, and beside a list that no proposal makes anew."""
    if made.kind == PlanDemand.Kind.MUST_NOT:
        if batch.state in states.PLANNABLE and going(batch).filter(cadre=cadre).exists():
            raise DomainError(
                "on_the_list", f"{cadre}在{batch}的名单里，编排会照名单排他。请把他缓派或换人，不用再提要求。"
            )
        if batch.state in states.LIVE and attending(batch).filter(cadre=cadre).exists():
            raise DomainError("on_the_list", f"{cadre}已经编入{batch}。请到“调整”办退出，不用再提要求。")
    rows = list(batch.demands.filter(cadre=cadre, live=True).select_related("cadre").order_by("pk"))
    why = contradiction(
        batch,
        {row.kind: row for row in rows},
        list(batch.classes.all()),
        list(batch.programme.tracks.order_by("order")),
    )
    if not why or is_waived(batch, "R07", key("C", cadre.pk)):
        return
    others = "、".join(f"“{told(row)}”" for row in rows if row.pk != made.pk)
    cure = f"请先取消他原来的要求{others}，或改这一条" if others else "请改这一条"
    raise DomainError("demands_contradict", f"{why}，没有方案能都做到。{cure}。")


def drop_demand(*, demand: PlanDemand, by: User) -> None:
    with audit.act("drop_demand", by=by, subject=demand.batch, cadre=demand.cadre_id, kind=demand.kind):
        demand.live = False
        demand.save(update_fields=["live"])


def remind_units(*, batch: Batch, by: User) -> tuple[int, list[str]]:
    """Tell the liaisons of all units with unanswered names (催报).

    Returns how many units were told, and the names of those that have no liaison and must be called. Raises DomainError
    "not_nominating", "all_answered".
    """
    if batch.state != Batch.State.NOMINATING:
        raise DomainError("not_nominating", f"{batch}不在报名中，不用催报。")
    with audit.act("remind_units", by=by, subject=batch) as entry:
        told, silent = _tell_liaisons(batch)
        if not told and not silent:
            raise DomainError("all_answered", "各单位都答复了，不用催。可以编排了。")
        entry.data["units"] = told
    return told, silent


def _tell_liaisons(batch: Batch) -> tuple[int, list[str]]:
    """A notice to the liaisons of units with unanswered names: how many units were told, and which have nobody to tell."""
    liaisons = _liaisons(batch, (State.PROPOSED,))
    until = f"{batch.nominate_until:%m-%d} 前" if batch.nominate_until else "尽快"
    notify(
        addressees=[user for users in liaisons.values() for user in users], subject=f"请{until}确认{batch}名单",
        text="贵单位还有人没有确认。可以确认、换人，或写明原因缓派。", url=f"/batches/{batch.pk}/nominations/",
    )  # fmt: skip
    silent = [unit.name for unit, users in liaisons.items() if not users]
    return len(liaisons) - len(silent), silent


def _liaisons(batch: Batch, states_of_names: Collection[str]) -> dict[Unit, list[User]]:
    """Units with such names in the batch, by name, and who speaks for each today (2 queries)."""
    units = Unit.objects.filter(cadres__nominations__batch=batch, cadres__nominations__state__in=states_of_names)
    found: dict[Unit, list[User]] = {unit: [] for unit in units.distinct().order_by("sort_name", "pk")}
    for row in in_force(UnitLiaison.objects.filter(unit__in=found)).select_related("user", "unit").order_by("pk"):
        found[row.unit].append(row.user)
    return found


def tell_of_change(batch: Batch, *, was: str) -> None:
    """A notice to the liaisons of all units that were asked for names, of a batch that has another number, days or deadline;
    `was` is what it was called. Nobody is told before names are asked for."""
    if batch.nominate_until is None:
        return
    called = "" if was == str(batch) else f"，改称{batch}"
    until = f"，报名 {batch.nominate_until:%m-%d} 截止" if batch.state == Batch.State.NOMINATING else ""
    notify(
        addressees=[user for users in _liaisons(batch, GOING).values() for user in users], subject=f"{was}有变动",
        text=f"{was}{called}：{batch.first_day} 至 {batch.last_day}{until}。名单不变；有人因此去不了的，请告诉服务中心。",
        url=f"/batches/{batch.pk}/nominations/",
    )  # fmt: skip
