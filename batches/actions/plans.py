"""Planning a batch, publishing the plan as an immutable version, and withdrawing it before the first gathering."""

from collections.abc import Collection, Sequence
from typing import Any

from django.utils import timezone

from accounts import audit
from accounts.models import User
from bases.queries import unconfirmed_rates
from batches import states
from batches.actions.names import refuse_second_run
from batches.actions.projection import project, retract
from batches.actions.reprojection import reproject
from batches.breaches import broken_in
from batches.fixed import against, code_in_words
from batches.fixed_people import fixed_together
from batches.models import Batch, PlanRun, PlanVersion
from batches.moved import moved
from batches.plan_labels import Labels
from batches.planning import InputError
from batches.planning.checker import Breach, check, violations
from batches.planning.formats import canonical, fingerprint
from batches.planning_input import build_input, document_of, gatherings_held
from batches.queries import OF_THE_FACTS, going, latest_run, over_when_made
from batches.revision import change_arrangement
from batches.standing import OUT
from config.errors import DomainError
from office.jobs import start_job

Outcome = PlanRun.Outcome
PLACES = {"R01", "R08"}
"""Rules that the names themselves break."""
MOST_PINS = 3
"""Pins not kept that one sentence names."""
MOST_BEDS = 100
"""Changes of beds that are told one by one."""


def start_planning(*, batch: Batch, by: User, seed: int = 1) -> PlanRun:
    """Ask the planner for classes, calendar and lodging of the batch's names (a job with progress, can be stopped)."""
    with audit.act("start_planning", by=by, subject=batch, seed=seed):
        states.require(Batch.objects.select_for_update().get(pk=batch.pk), "plan")
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
            locked = Batch.objects.select_for_update().get(pk=run.batch.pk)
            if states.allowed(locked, "plan"):
                states.advance(run.batch, "plan")
        run.plan_text = canonical(plan).decode()
        run.outcome = Outcome.SHORT if plan["shortfalls"] else Outcome.SOLVED
        run.save()


def publish_obstacles(batch: Batch, run: PlanRun | None = None, broken: Sequence[Breach] | None = None) -> list[str]:
    """Why a run (the newest unless told) cannot be published, each a sentence that says what cures it; empty when it can.

    Any run may be published whose input is today's facts, that keeps every rule and that no version has replaced. `broken` is
    what the checker found, where somebody has asked it already.
    """
    run = run or latest_run(batch)
    if run is None or not run.plan_text:
        return ["还没有编排。请先点“编排”。"]
    obstacles = []
    if unconfirmed := unconfirmed_rates(batch.first_day, batch.last_day):
        obstacles.append("食宿标准还没有确认：" + "、".join(unconfirmed) + "。请先到“食宿标准”确认。")
    if run.purpose not in OF_THE_FACTS:
        obstacles.append("这是试算，改动还没有采用。请先采用，或选别的方案。")
    elif run.outcome == Outcome.SUPERSEDED:
        obstacles.append("这个方案发布过，已被后来的版本取代。请选别的方案，或重新编排。")
    elif run.purpose == PlanRun.Purpose.REPAIR and (fixed := against(batch, run.changes)):
        obstacles.append(f"这个方案动了后来固定的：{fixed[0]}")
    elif moved := facts_moved(batch, run):
        obstacles.append(moved)
    broken = broken_in(run) if broken is None else broken
    if broken:
        codes = {breach.code for breach in broken}
        cure = "重新编排解决不了：请先缓派、改名额或申请例外" if codes <= PLACES else "请重新编排"
        if "PINS" in codes:
            cure = "请取消做不到的固定，或改成合规的班、日子、基地，再重排"
        elif fixed_together(run.document, run.plan, broken):
            cure = "只重新编排解决不了：请先取消固定，原因和办法写在缺口那里"
        obstacles.append(
            f"方案有 {len(broken)} 处不符合规则（{'、'.join(map(code_in_words, sorted(codes)))}）。{cure}。"
        )
    return obstacles


def facts_moved(batch: Batch, run: PlanRun) -> str:
    """Why a plan is no longer one of today's facts, a sentence; empty where it is one.

    What people fixed since does not count against a plan that has it so already: only the pins differ, and the plan keeps them.
    """
    known = run.document
    again = "请再少变动重排一次" if run.purpose == PlanRun.Purpose.REPAIR else "请重新编排"
    try:
        facts = _facts(batch, run)
    except InputError:
        return f"编排以后，它用到的人或班已经不在了。{again}，再发布。"
    if fingerprint(facts) == run.fingerprint:
        return ""
    if not _same_but_for_pins(facts, known):
        return f"编排以后变过：{'；'.join(moved(facts, known))}。{again}，再发布。"
    plan = run.plan | {"input_fingerprint": fingerprint(facts)}
    before = {(breach.code, breach.subject) for breach in check(known, run.plan)}
    new = [breach for breach in violations(check(facts, plan)) if (breach.code, breach.subject) not in before]
    if not new:
        return ""
    labels = Labels([breach.message for breach in new])
    told = "".join(labels.say(breach.message) for breach in new[:MOST_PINS])
    return f"编排以后固定过人或集中：{told}请少变动重排或重新编排，再发布。"


def _same_but_for_pins(facts: dict[str, Any], known: dict[str, Any]) -> bool:
    """Whether two inputs say the same but for the classes that people, and the cells that gatherings are fixed to."""
    bare = [
        document | {"pins": document["pins"] | {"classes": [], "gatherings": []}} for document in (facts, known)
    ]  # fmt: skip
    return canonical(bare[0]) == canonical(bare[1])


def _facts(batch: Batch, run: PlanRun) -> dict[str, Any]:
    """The facts as they are, seen as the run saw them: a repair with what it repairs and what people fixed for it."""
    return document_of(run) if run.purpose == PlanRun.Purpose.REPAIR else build_input(batch)


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
        plan = run.plan
        version = PlanVersion.objects.create(
            batch=batch, number=previous.number + 1 if previous else 1, run=run, plan_text=run.plan_text, seed=run.seed,
            fingerprint=run.fingerprint, differences=differences(previous, run), reason=reason, published_by=by,
        )  # fmt: skip
        batch.plan_runs.filter(outcome=Outcome.ADOPTED).update(outcome=Outcome.SUPERSEDED)
        run.outcome = Outcome.ADOPTED
        run.save(update_fields=["outcome"])
        if again:
            made, today = timezone.localdate(run.created_at), timezone.localdate()
            rows, told = reproject(batch=locked, plan=plan, by=by, reason=reason, made=made, today=today)
            entry.data.update(rows=rows)
        else:
            states.advance(batch, "publish", reason=reason)
            told = project(batch=batch, plan=plan, by=by)
        entry.data.update(told.data, version=version.number, fingerprint=version.fingerprint)
    return version


def differences(previous: PlanVersion | None, run: PlanRun) -> list[str]:
    """What a run changes against a version, one line each; empty without one. Beds of gatherings that are over are history."""
    if previous is None:
        return []
    return plan_differences(previous.plan, run.plan, over=over_when_made(run))


def plan_differences(old: dict[str, Any], plan: dict[str, Any], *, over: Collection[str] = ()) -> list[str]:
    """What one plan has other than another: seats, gatherings, then beds, one line each with the planner's identifiers.

    Beds are told of people who are at the same gathering in both, but for those in `over`; more than a page of them in one line.
    Fortnights that were over when a class was added are no difference.
    """
    lines = [_line(*row) for row in _changed(_seats(old), _seats(plan))]
    lines += [_line(*row) for row in _changed(_visits(old), _visits(plan)) if row[1:] != (None, OUT)]
    visits, beds = _visits(old), _beds(old)
    same = {place for place, where in _visits(plan).items() if visits.get(place) == where} - set(over)
    moved = [
        row
        for row in _changed(beds, {key: bed for key, bed in _beds(plan).items() if key in beds})
        if row[0][1] in same and row[2]
    ]
    if len(moved) > MOST_BEDS:
        return [*lines, f"集中不变、换床位的：{len(moved)} 人次"]
    return lines + [_line(f"{cadre}，{place}", before, after) for (cadre, place), before, after in moved]


def _changed(old: dict[Any, str], new: dict[Any, str]) -> list[tuple[Any, str | None, str | None]]:
    keys = sorted(old.keys() | new.keys())
    return [(key, old.get(key), new.get(key)) for key in keys if old.get(key) != new.get(key)]


def _line(subject: str, before: str | None, after: str | None) -> str:
    return f"{subject}：{before or '无'} → {after or '无'}"


def _seats(plan: dict[str, Any]) -> dict[str, str]:
    return {row["cadre"]: row["class"] for row in plan["assignments"]}


def _visits(plan: dict[str, Any]) -> dict[str, str]:
    return {
        f"{row['class']}#{row['index']}": row.get("skipped")
        or f"{row['first_day']} {'+'.join(sorted(site['base'] for site in row['sites']))}"
        for row in plan["gatherings"]
    }


def _beds(plan: dict[str, Any]) -> dict[tuple[str, str], str]:
    """(cadre, gathering) → bed."""
    return {
        (row["cadre"], f"{row['class']}#{row['index']}"): f"{row['room']} {row['bed']} 号床" for row in plan["lodging"]
    }


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
