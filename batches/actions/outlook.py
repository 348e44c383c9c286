"""Outlooks: rules tried over the coming batches and kept beside those of today; adopted as a new version, or dropped."""

from collections.abc import Sequence
from typing import Any

from accounts import audit
from accounts.models import User
from batches.actions.batch import create_batch, save_programme
from batches.models import Batch, PlanRun, Programme
from batches.outlook_input import TRACK, Facts
from batches.outlooks import batches_to_set_up, change_lines
from batches.plan_refusals import refusal
from batches.planning import InputError
from batches.planning.formats import canonical, fingerprint, require_valid
from batches.planning.outlook import figures
from config.errors import Conflict, DomainError
from office.jobs import cancel_job, start_job
from office.models import Job, JobState

Outcome = PlanRun.Outcome
MOST_BATCHES = 12
GONE_WRONG = (JobState.FAILED, JobState.CANCELLED)


def start_outlook(
    *, programme: Programme, changes: Sequence[dict[str, Any]], batches: int, by: User, title: str = ""
) -> PlanRun:
    """Plan the next `batches` batches by the programme's rules with the changes made, as a job; the facts stay as they are.

    With changes, the same batches are planned by today's rules too, once for the same facts, so that both lie side by
    side. Raises DomainError for more batches than the planner takes or rules it refuses, Conflict while the same runs.
    """
    if not 1 <= batches <= MOST_BATCHES:
        raise DomainError("too_many_batches", f"一次可以推演 1 至 {MOST_BATCHES} 期。请改期数。")
    facts = Facts(programme)
    with audit.act("start_outlook", by=by, subject=programme, batches=batches, changes=list(changes)):
        Programme.objects.select_for_update(of=("self",)).get(pk=programme.pk)
        today = _started(facts, [], batches, by, "按现在的规则") if changes else None
        return _started(facts, list(changes), batches, by, title, against=today)


def _started(
    facts: Facts, changes: list[dict[str, Any]], batches: int, by: User, title: str, against: PlanRun | None = None
) -> PlanRun:
    """A run with its job; today's rules on the same facts are planned once."""
    document = facts.document(batches, changes)
    try:
        require_valid(document)
    except InputError as error:
        raise DomainError("plan_input", f"不能推演：{refusal(error)}。请改好参数再试。") from error
    in_words = "；".join(change_lines(changes, list(facts.programme.tracks.order_by("order"))))
    name = title.strip() or in_words or f"今后 {batches} 期"
    same = _same(facts.programme, fingerprint(document))
    if same is not None and not changes:
        return same
    if same is not None and same.job is not None and same.job.is_unfinished:
        raise Conflict("same_outlook_running", f"同样的推演“{same.title}”正在进行。请等它完成。")
    run = PlanRun.objects.create(
        programme=facts.programme, purpose=PlanRun.Purpose.OUTLOOK, title=name[:60], changes=changes, against=against,
        input_text=canonical(document).decode(), fingerprint=fingerprint(document),
    )  # fmt: skip
    run.job = start_job(
        task="batches.plan_outlook", title=f"推演：{name}"[:120], owner=by, params={"run": run.pk},
        result_url=f"/batches/outlook/{run.pk}/",
    )  # fmt: skip
    run.save(update_fields=["job"])
    return run


def _same(programme: Programme, text: str) -> PlanRun | None:
    """The newest outlook of the same facts and rules that has not failed."""
    kept = PlanRun.objects.filter(programme=programme, purpose=PlanRun.Purpose.OUTLOOK, fingerprint=text)
    kept = kept.exclude(outcome=Outcome.SUPERSEDED).exclude(plan_text="", job__state__in=GONE_WRONG)
    return kept.select_related("job").order_by("-pk").first()


def keep_outlook(*, run: PlanRun, document: dict[str, Any], plan: dict[str, Any], by: User | None) -> None:
    """Keep a finished outlook with its figures; called by the job in the transaction that ends it."""
    with audit.act("keep_outlook", by=by, subject=run.programme, run=run.pk, fingerprint=plan["input_fingerprint"]):
        run.plan_text = canonical(plan).decode()
        run.figures = figures(document, plan)
        run.outcome = Outcome.SHORT if plan["shortfalls"] else Outcome.SOLVED
        run.save()


def adopt_outlook(*, run: PlanRun, by: User, reason: str, planned_too: bool = False) -> Programme:
    """Make the rules of a finished outlook those of the programme, as its next version.

    Batches in preparation or taking names follow it; planned and published ones stay with theirs. With `planned_too` those
    that are planned and not published follow as well, and have to be planned anew. Raises DomainError where there is
    nothing to adopt, Conflict where the rules it started from have changed since.
    """
    if not reason.strip():
        raise DomainError("reason_needed", "请写明为什么这样改，会记入规则的新版本。")
    with audit.act(
        "adopt_outlook", by=by, reason=reason, run=run.pk, changes=run.changes, planned_too=planned_too
    ) as entry:
        programme = Programme.objects.select_for_update(of=("self",)).get(pk=run.programme_id)
        fresh = PlanRun.objects.select_for_update(of=("self",)).get(pk=run.pk, purpose=PlanRun.Purpose.OUTLOOK)
        _require_adoptable(fresh, programme)
        tracks = [_columns(track) for track in programme.tracks.order_by("order")]
        for change in fresh.changes:
            name = str(change["name"])
            if name.startswith(TRACK):
                row = next(row for row in tracks if row["order"] == int(name.removeprefix(TRACK)))
                row["classes_per_batch"] = change["value"]
            else:
                setattr(programme, name, change["value"])
        saved = save_programme(
            programme=programme, by=by, reason=reason, tracks=tracks, next_version=True, planned_too=planned_too
        )
        fresh.outcome = Outcome.ADOPTED
        fresh.save(update_fields=["outcome"])
        entry.about(saved)
    return saved


def _require_adoptable(run: PlanRun, programme: Programme) -> None:
    if run.outcome == Outcome.ADOPTED:
        raise Conflict("already_adopted", "这次推演的规则已经采用过了，不用再办；现在的规则在“规则与参数”页。")
    if run.outcome not in (Outcome.SOLVED, Outcome.SHORT) or not run.changes:
        raise DomainError("nothing_to_adopt", "这次推演没有改规则，或还没有完成，没有可以采用的。")
    if hasattr(programme, "superseded_by"):
        raise Conflict("old_programme", f"“{programme}”已有更新的版本。请按最新的规则重新推演，再采用。")
    now = {f"{TRACK}{track.order}": track.classes_per_batch for track in programme.tracks.all()}
    for change in run.changes:
        name = str(change["name"])
        if (now.get(name) if name.startswith(TRACK) else getattr(programme, name)) != change["was"]:
            raise Conflict("rules_changed", "推演以后，规则又改过。请按现在的规则重新推演，再采用。")


def _columns(track: Any) -> dict[str, Any]:
    names = ("order", "name", "min_age", "max_age", "levels", "post_kinds", "classes_per_batch")
    return {name: getattr(track, name) for name in names}


def set_up_batches(*, run: PlanRun, by: User) -> list[Batch]:
    """Set up the coming batches of a yearly plan, with dates and classes, in preparation; names are left to each of them.

    Raises DomainError where there is none left to set up, Conflict where another batch has taken the days since.
    """
    with audit.act("set_up_batches", by=by, subject=run.programme, run=run.pk) as entry:
        programme = Programme.objects.select_for_update(of=("self",)).get(
            name=run.programme.name, superseded_by__isnull=True
        )
        rows = batches_to_set_up(run)
        if not rows:
            raise DomainError("nothing_to_set_up", "这几期都已经建好了，或这套规则还没有采用。")
        last = Batch.objects.order_by("-last_day").values_list("last_day", flat=True).first()
        if last is not None and rows[0][1] <= last:
            raise Conflict("days_taken", f"推演以后又建了期，到 {last:%Y-%m-%d} 才结束。请重新推演，再建期。")
        made = [
            create_batch(programme=programme, number=number, first_day=first, last_day=until, by=by)
            for number, first, until in rows
        ]
        entry.data["batches"] = [batch.number for batch in made]
    return made


def drop_outlook(*, run: PlanRun, by: User) -> None:
    """Take an outlook off the list, stopping it if it is still at work; one that was adopted stays as it is."""
    with audit.act("drop_outlook", by=by, subject=run.programme, run=run.pk, title=run.title):
        # the job first, as its own end does: two who wait for each other would lose one's work
        job = Job.objects.select_for_update(of=("self",)).get(pk=run.job_id) if run.job_id else None
        fresh = PlanRun.objects.select_for_update(of=("self",)).get(pk=run.pk, purpose=PlanRun.Purpose.OUTLOOK)
        if fresh.outcome == Outcome.ADOPTED:
            raise DomainError("adopted", "已经采用的推演要留档，不能撤下。")
        if job is not None and job.is_unfinished:
            cancel_job(job=job, by=by)
        fresh.outcome = Outcome.SUPERSEDED
        fresh.save(update_fields=["outcome"])
