"""Trials (试算): plans of the facts with changes laid over them. Nothing is touched until the changes are adopted."""

import datetime
import re
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from accounts import audit
from accounts.models import User
from bases.models import Closure, HostHousehold, PracticeBase, Room
from batches import states
from batches.actions.names import demand, drop_demand, refuse_second_run, set_aside
from batches.actions.pins import pin_gathering, require_all_to_come, unpin_gathering
from batches.actions.repair import add_classes, close_open_days
from batches.actions.waivers import ask_waiver
from batches.models import Batch, Gathering, GatheringPin, Nomination, PlanDemand, PlanRun, PracticeClass
from batches.obstacles import adoption_obstacles
from batches.plan_ids import class_to_come, key, pk_of
from batches.plan_labels import Labels
from batches.plan_refusals import refusal
from batches.planning import InputError
from batches.planning.changes import Change
from batches.planning.formats import fingerprint
from batches.planning_input import build_input, document_of
from batches.queries import going
from batches.revision import change_arrangement, locked_batch
from batches.waivers import is_waived, label_of, waiting
from cadres.actions import set_unit_quota
from cadres.models import Cadre, Unit
from config.errors import DomainError
from office.jobs import start_job

Purpose = PlanRun.Purpose
DAY = datetime.timedelta(days=1)
MOST_CHANGES = 50


ABOUT_PEOPLE = re.compile(r"(?<![A-Za-z0-9_])[CHRSE][1-9]\d*(?![A-Za-z0-9_])")
"""Identifiers that stand for a person, a household or what somebody wrote (`plan_labels.KINDS`)."""
CLASS = re.compile(r"(?<![A-Za-z0-9_])K[1-9]\d*(?![A-Za-z0-9_])")
IN_SHORT = {
    "parameter": "{} 项规则", "unit_quota": "{} 个单位的名额", "more_batches": "{} 处加期", "more_classes": "{} 处加班",
    "waiver": "{} 处例外", "drop_demand": "{} 人的要求不算", "drop_pin": "{} 处不再固定", "pin_batch": "{} 人改期次",
    "pin_class": "{} 人定班", "pin_gathering": "{} 次集中改期或换基地", "close": "{} 处停接", "reopen": "{} 处恢复接待",
    "withdraw": "{} 人退出", "later": "{} 人留到以后各期",
}  # fmt: skip
"""How many changes of a kind there are, for titles: they outlive the people, so they hold no names."""


def start_trial(*, batch: Batch, by: User, changes: list[Change], against: PlanRun, title: str = "") -> PlanRun:
    """Plan today's facts with `changes` laid over them (a job); nothing else is touched, no published plan changes.

    `against` is the run that the clerk looked at; while it is a trial itself, its own changes count as well. `title` may
    hold identifiers; one about people is told by numbers instead. Raises DomainError "no_changes", "too_many_changes",
    "already_begun", "day_over", "cannot_try", Conflict "run_in_progress".
    """
    before = against.changes if against.purpose == Purpose.TRIAL else []
    if not changes:
        raise DomainError("no_changes", "没有要试的改动。请选一个办法再试算。")
    if len(before) + len(changes) > MOST_CHANGES:
        raise DomainError("too_many_changes", f"一次试算最多 {MOST_CHANGES} 处改动。请先采用一部分。")
    with audit.act("start_trial", by=by, subject=batch, against=against.pk, changes=len(changes)):
        locked = locked_batch(batch)
        if not states.changeable(locked):
            states.require(locked, "plan")
        refuse_second_run(batch)
        require_all_to_come(locked, changes)
        run = PlanRun.objects.create(
            programme=batch.programme, batch=batch, purpose=Purpose.TRIAL, against=against, title=_title(title, changes),
            changes=[*before, *_under_numbers(locked, before, changes)], seed=against.seed, prefer=against.prefer,
        )  # fmt: skip
        run.changes = _with_weeks(run.changes, _require_possible(locked, run))
        run.job = start_job(
            task="batches.plan", title=f"{batch}试算：{run.title}", owner=by, params={"run": run.pk},
            result_url=f"/batches/{batch.pk}/studio/?run={run.pk}",
        )  # fmt: skip
        run.save(update_fields=["job", "changes"])
    return run


def _under_numbers(batch: Batch, before: Sequence[Change], changes: Sequence[Change]) -> list[Change]:
    """Classes that are added get the numbers that they would have, so that pages can name them."""
    last = batch.classes.order_by("-number").values_list("number", flat=True).first() or 0
    last += sum(change["count"] for change in before if change["kind"] == "more_classes")
    found = []
    for change in changes:
        if change["kind"] == "more_classes":
            ids = [class_to_come(last + number) for number in range(1, change["count"] + 1)]
            last += change["count"]
            change = change | {"batch": change["batch"] or key("B", batch.pk), "ids": ids}
        found.append(change)
    return found


def _with_weeks(changes: Sequence[Change], document: dict[str, Any]) -> list[Change]:
    """Classes that are added keep the weeks that they got, whatever is planned when they are adopted."""
    weeks = {row["id"]: row["parity"] for each in document["batches"] for row in each["classes"]}
    return [
        change | {"parities": [weeks[name] for name in change["ids"]]} if change["kind"] == "more_classes" else change
        for change in changes
    ]


def _require_possible(batch: Batch, run: PlanRun) -> dict[str, Any]:
    """Today's facts with the changes laid over them; those that the run was explained by may have gone since."""
    try:
        return document_of(run)
    except InputError as error:
        raise DomainError(
            "cannot_try", f"按今天的资料，这个办法不能试算：{refusal(error)}。资料可能已经改过，请重新编排后再看办法。"
        ) from error


def _title(title: str, changes: Sequence[Change]) -> str:
    if not ABOUT_PEOPLE.search(title):
        return Labels([title]).say(title or "试算")[:60]
    counts = Counter(change["kind"] for change in changes)
    return "、".join(IN_SHORT[kind].format(count) for kind, count in counts.items())[:60]


def adopt_trial(*, run: PlanRun, by: User, reason: str, seen: int | None = None) -> PlanRun:
    """Make a trial's changes facts, all of them or none, each by its own act.

    Afterwards the run counts as a plan of the facts when its input is today's; otherwise the batch has to be planned again
    (an exception, for one, first needs somebody else's approval). Raises DomainError "reason_needed", "not_adoptable",
    Conflict "arrangement_changed", and what the acts themselves refuse.
    """
    if not reason.strip():
        raise DomainError("reason_needed", "请写明为什么采用，会记入审计。")
    with audit.act("adopt_trial", by=by, subject=run.batch, reason=reason, run=run.pk) as entry:
        batch = change_arrangement(_batch(run), entry, seen=seen)
        if obstacles := adoption_obstacles(run):  # whoever came first may have adopted it while this one waited
            raise DomainError("not_adoptable", obstacles[0].sentence)
        made: dict[str, str] = {}
        for change in run.changes:
            made |= ADOPT[change["kind"]](batch, _renamed(change, made), reason, by) or {}
        if batch.state in states.PLANNABLE and fingerprint(build_input(batch)) == run.fingerprint:
            run.purpose = Purpose.PLAN
            run.save(update_fields=["purpose"])
            states.advance(batch, "plan")
    return run


def _renamed(change: Change, made: dict[str, str]) -> Change:
    """The change, about the classes that were made by those before it instead of the numbers that they went by."""
    texts = {name: change[name] for name in ("class", "subject") if name in change}
    return change | {
        name: CLASS.sub(lambda match: made.get(match[0], match[0]), str(text)) for name, text in texts.items()
    }


def _batch(run: PlanRun) -> Batch:
    return Batch.objects.select_related("programme").get(plan_runs=run)


def _unit_quota(_: Batch, change: Change, reason: str, by: User) -> None:
    unit = Unit.objects.get(pk=pk_of(change["unit"]))
    if unit.quota != change["value"]:
        set_unit_quota(unit=unit, quota=change["value"], reason=reason, by=by)


def _waiver(batch: Batch, change: Change, reason: str, by: User) -> None:
    rule, subject = change["rule"], change["subject"]
    if not waiting(batch.waivers.filter(rule=rule, subject=subject)).exists() and not is_waived(batch, rule, subject):
        ask_waiver(batch=batch, rule=rule, subject=subject, label=label_of(subject), reason=reason, by=by)


def _drop_demand(batch: Batch, change: Change, reason: str, by: User) -> None:
    for row in batch.demands.filter(live=True, cadre=pk_of(change["cadre"]), kind=change["field"]).order_by("pk"):
        drop_demand(demand=row, by=by)


def _pin_class(batch: Batch, change: Change, reason: str, by: User) -> None:
    number = batch.classes.get(pk=pk_of(change["class"])).number
    cadre = Cadre.objects.get(pk=pk_of(change["cadre"]))
    demand(batch=batch, cadre=cadre, kind=PlanDemand.Kind.PIN, class_number=number, reason=reason, by=by)


def _withdraw(batch: Batch, change: Change, reason: str, by: User) -> None:
    named: Nomination | None = going(batch).filter(cadre=pk_of(change["cadre"])).first()
    if named is not None:
        set_aside(nomination=named, reason=reason, by=by)


def _pin_batch(batch: Batch, change: Change, reason: str, by: User) -> None:
    """Everybody planned is named for this batch already: only leaving it changes a fact."""
    if change["batch"] is None:
        _withdraw(batch, change, reason, by)


def _pin_gathering(batch: Batch, change: Change, reason: str, by: User) -> None:
    """Without a day, that of the pin or the gathering stays; without day and bases, the pin goes."""
    practice_class, index = batch.classes.get(pk=pk_of(change["class"])), change["index"]
    if change["first_day"] is None and change["bases"] is None:
        _unpin(practice_class, index, by)
        return
    day = _day_of(practice_class, index, change["first_day"])
    if day is None:
        raise DomainError(
            "no_day", f"{practice_class.short_name}第 {index} 次集中还没有日期。请到“固定和调换”写明哪一天。"
        )
    bases = PracticeBase.objects.in_bulk([pk_of(name) for name in change["bases"] or ()])
    pin_gathering(
        practice_class=practice_class, index=index, first_day=day, reason=reason, by=by,
        bases=[bases[pk_of(name)] for name in change["bases"] or ()],
    )  # fmt: skip


def _day_of(practice_class: PracticeClass, index: int, wanted: str | None) -> datetime.date | None:
    """The day wanted; else that of the pin, else that of the gathering."""
    if wanted:
        return datetime.date.fromisoformat(wanted)
    known = GatheringPin.objects.filter(practice_class=practice_class, index=index, live=True).first()
    if known is not None and known.first_day is not None:
        return known.first_day
    stood = practice_class.gatherings.exclude(state=Gathering.State.CANCELLED).filter(index=index).first()
    return stood.first_day if stood is not None else None


def _unpin(practice_class: PracticeClass, index: int, by: User) -> None:
    for pin in GatheringPin.objects.filter(practice_class=practice_class, index=index, live=True).order_by("pk"):
        unpin_gathering(pin=pin, by=by)


def _drop_pin(batch: Batch, change: Change, reason: str, by: User) -> None:
    """A person's class, or a cell; names themselves are dropped elsewhere."""
    if change["of"] == "gatherings":
        name, index = str(change["subject"]).split("#")
        _unpin(batch.classes.get(pk=pk_of(name)), int(index), by)
        return
    pinned = batch.demands.filter(live=True, cadre=pk_of(change["subject"]), kind=PlanDemand.Kind.PIN)
    for row in pinned.order_by("pk"):
        drop_demand(demand=row, by=by)


def _more_classes(batch: Batch, change: Change, reason: str, by: User) -> dict[str, str]:
    """Which class each of the numbers to come has become."""
    track = batch.programme.tracks.get(pk=pk_of(change["track"]))
    rows = add_classes(batch=batch, track=track, parities=change["parities"], by=by, reason=reason)
    return {name: key("K", row.pk) for name, row in zip(change["ids"], rows, strict=True)}


def _close(_: Batch, change: Change, reason: str, by: User) -> None:
    models: dict[str, Any] = {"base": PracticeBase, "household": HostHousehold, "room": Room}
    place = {change["place"]: models[change["place"]].objects.get(pk=pk_of(change["id"]))}
    first, until = (datetime.date.fromisoformat(change[name]) for name in ("from", "until"))
    close_open_days(first_day=first, last_day=until - DAY, kind=Closure.Kind.OTHER, by=by, reason=reason, **place)


ADOPT: dict[str, Callable[[Batch, Change, str, User], dict[str, str] | None]] = {
    "unit_quota": _unit_quota,
    "waiver": _waiver,
    "drop_demand": _drop_demand,
    "pin_class": _pin_class,
    "pin_batch": _pin_batch,
    "pin_gathering": _pin_gathering,
    "drop_pin": _drop_pin,
    "withdraw": _withdraw,
    "later": _withdraw,
    "close": _close,
    "more_classes": _more_classes,
}
