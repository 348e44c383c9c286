"""Planning a batch, publishing the plan as an immutable version, and withdrawing it before the first gathering."""

from typing import Any

from django.utils import timezone

from accounts import audit
from accounts.models import User
from batches import states
from batches.actions.names import refuse_second_run
from batches.actions.projection import project, retract
from batches.actions.reprojection import reproject
from batches.differences import differences
from batches.models import Batch, PlanRun, PlanVersion
from batches.obstacles import publish_obstacles
from batches.planning.formats import canonical
from batches.planning_input import gatherings_held
from batches.queries import OF_THE_FACTS, going
from batches.revision import change_arrangement, locked_batch
from config.errors import DomainError
from office.jobs import start_job

Outcome = PlanRun.Outcome


def start_planning(*, batch: Batch, by: User, seed: int = 1) -> PlanRun:
    """Ask the planner for classes, calendar and lodging of the batch's names (a job with progress, can be stopped)."""
    with audit.act("start_planning", by=by, subject=batch, seed=seed):
        states.require(locked_batch(batch), "plan")
        refuse_second_run(batch)
        if not going(batch).exists():
            raise DomainError("no_names", f"{batch}还没有名单。请先生成名单建议，或加人。")
        run = PlanRun.objects.create(programme=batch.programme, batch=batch, seed=seed)
        run.job = start_job(
            task="batches.plan",
            title=f"{batch}编排",
            owner=by,
            params={"run": run.pk},
            result_url=f"/batches/{batch.pk}/",
        )
        run.save(update_fields=["job"])
    return run


def keep_plan(*, run: PlanRun, plan: dict[str, Any], by: User | None) -> None:
    """Keep a finished plan; called by the job in the transaction that ends it. A batch not yet published is then 已编排.

    The batch's state is that of now: what somebody did while the plan was being made does not cost the plan.
    """
    subject = run.batch or run.programme
    with audit.act("keep_plan", by=by, subject=subject, run=run.pk, fingerprint=plan["input_fingerprint"]):
        if run.batch is not None and run.purpose in OF_THE_FACTS:
            locked = locked_batch(run.batch)
            if states.allowed(locked, "plan"):
                states.advance(run.batch, "plan")
        run.plan_text = canonical(plan).decode()
        run.outcome = Outcome.SHORT if plan["shortfalls"] else Outcome.SOLVED
        run.save()


def publish_plan(*, batch: Batch, run: PlanRun, by: User, reason: str = "", seen: int | None = None) -> PlanVersion:
    """Publish a run as the next version and make classes, gatherings and lodging of it.

    The rows that are current afterwards are the version's projection; rows of an earlier version keep their primary keys.
    A batch that is published already gets a new version by a repair alone: rows that stay as they were are not written,
    what has begun is not touched, and only those concerned are told.
    Raises DomainError when the state, the rates, the facts or the rules do not allow it (`publish_obstacles`), or when a
    repair is published without a reason; Conflict when the arrangement is no longer the one `seen`, or while the planner
    works on the batch.
    """
    with audit.act("publish_plan", by=by, subject=batch, reason=reason) as entry:
        locked = change_arrangement(batch, entry, seen=seen)
        again = states.allowed(locked, "republish") and run.purpose == PlanRun.Purpose.REPAIR
        states.require(locked, "republish" if again else "publish")
        refuse_second_run(locked)
        if again and not reason.strip():
            raise DomainError("reason_needed", "请写明为什么改，会写进这一版和档案。")
        if obstacles := publish_obstacles(locked, run):
            raise DomainError("not_publishable", obstacles[0])
        previous = batch.plan_versions.order_by("-number").first()
        version = PlanVersion.objects.create(
            batch=batch, number=previous.number + 1 if previous else 1, run=run, plan_text=run.plan_text, seed=run.seed,
            fingerprint=run.fingerprint, differences=differences(previous, run), reason=reason, published_by=by,
        )  # fmt: skip
        batch.plan_runs.filter(outcome=Outcome.ADOPTED).update(outcome=Outcome.SUPERSEDED)
        run.outcome = Outcome.ADOPTED
        run.save(update_fields=["outcome"])
        if again:
            rows, told = reproject(batch=locked, run=run, by=by, reason=reason, today=timezone.localdate())
            entry.data.update(rows=rows)
        else:
            states.advance(batch, "publish", reason=reason)
            told = project(batch=batch, run=run, by=by)
        entry.data.update(told.data, version=version.number, fingerprint=version.fingerprint)
    return version


def withdraw_publication(*, batch: Batch, by: User, reason: str, seen: int | None = None) -> None:
    """Take a publication back before the first gathering has begun; afterwards a plan is changed by re-planning."""
    if not reason.strip():
        raise DomainError("reason_needed", "请写明撤回发布的原因，会写进通知和档案。")
    with audit.act("withdraw_publication", by=by, subject=batch, reason=reason) as entry:
        change_arrangement(batch, entry, seen=seen)
        states.advance(batch, "withdraw", reason=reason)
        if gatherings_held(batch):
            raise DomainError(
                "already_begun", f"{batch}已有班级集中，不能撤回发布。个别变动请用调班、取消集中等办法处理。"
            )
        retract(batch=batch, by=by, reason=reason)
