"""Planning by parts: the same plan as in one piece, by real workers side by side, kept once when a worker is killed."""

import datetime
import json
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import AuditEntry, User
from batches import plan_work, tasks
from batches.models import PlanRun
from batches.plan_work import bundles, forget_other_versions, made_so_far, stand_of, together
from batches.planning import InputError, canonical, fingerprint, solve
from batches.planning.problem import Problem
from batches.planning.versions import PLANNER_VERSION
from office import jobs
from office.jobs import JobRun, perform, start_job
from office.models import Job, JobState
from tests import factories
from tests.planning.cases import frozen, tiny
from tests.planning.test_exchange import filled
from tests.workers import Worker, until


def outlook(document: dict[str, Any], owner: User | None = None, seed: int = 1) -> PlanRun:
    """A run of a whole programme whose input is given."""
    run = PlanRun.objects.create(
        programme=factories.ProgrammeFactory(), purpose=PlanRun.Purpose.OUTLOOK, seed=seed,
        input_text=canonical(document).decode(), fingerprint=fingerprint(document),
    )  # fmt: skip
    run.job = start_job(task="batches.plan", title="推演", owner=owner, params={"run": run.pk})
    run.save(update_fields=["job"])
    return run


def job_of(run: PlanRun) -> Job:
    return Job.objects.get(pk=run.job_id)


def plan_of(run: PlanRun) -> Any:
    run.refresh_from_db()
    return json.loads(run.plan_text) if run.plan_text else None


def kept() -> int:
    return AuditEntry.objects.filter(act="keep_plan").count()


@pytest.mark.django_db
def test_plan_by_parts_is_the_plan_in_one_piece(staff: User) -> None:
    document = tiny()
    run = outlook(document, staff, seed=7)
    tasks.plan(str(run.job_id))
    assert job_of(run).state == JobState.DONE, job_of(run).message
    assert canonical(plan_of(run)) == canonical(solve(document, seed=7))
    steps = {name for step in job_of(run).parts.values_list("step", flat=True) for name in step.split(" ")}
    assert steps == set(made_so_far(job_of(run)))
    assert {"batches", "classes:B01", "itinerary:B01"} < steps


@pytest.mark.django_db
def test_input_is_understood_once_and_results_are_read_once(staff: User, monkeypatch: pytest.MonkeyPatch) -> None:
    understood: list[str] = []

    def problem(document: Any, prefer: str) -> Problem:
        understood.append(prefer)
        return Problem(document, prefer)

    monkeypatch.setattr(plan_work, "Problem", problem)
    plan_work._problem.cache_clear()
    run = outlook(tiny(), staff, seed=7)
    with CaptureQueriesContext(connection) as asked:
        tasks.plan(str(run.job_id))
    assert job_of(run).parts.count() > 3
    assert understood == ["kept"]
    read = [
        row["sql"] for row in asked.captured_queries
        if row["sql"].startswith("SELECT") and '"office_job"."result"' in row["sql"].partition(" FROM ")[0]
        and '"office_job"."state" = \'done\'' in row["sql"]
    ]  # fmt: skip
    parts = list(job_of(run).parts.order_by("pk").values_list("pk", flat=True))
    assert [sum(pk.hex in sql.replace("-", "") for sql in read) for pk in parts] == [1] * len(parts)


@pytest.mark.django_db
def test_what_is_made_meanwhile_is_read_the_next_time(staff: User) -> None:
    whole = job_of(outlook(tiny(), staff))
    values: dict[str, Any] = {"parent": whole, "task": "batches.plan_step", "title": "试", "state": JobState.DONE}
    Job.objects.create(step="classes:B02", result={"planner": PLANNER_VERSION, "made": {"classes:B02": 2}}, **values)
    assert made_so_far(whole) == {"classes:B02": 2}
    Job.objects.create(step="classes:B01", result={"planner": PLANNER_VERSION, "made": {"classes:B01": 1}}, **values)
    assert list(made_so_far(whole).items()) == [("classes:B01", 1), ("classes:B02", 2)]
    assert made_so_far(job_of(outlook(tiny(), staff))) == {}


@pytest.mark.django_db
@pytest.mark.parametrize("by", [{"planner": "dunmiao/0"}, {}])
def test_run_that_another_version_goes_on_with_starts_anew(staff: User, by: dict[str, Any]) -> None:
    """What an older planner made, and a part that it gave up, count for nothing; the plan is all of this one."""
    document = tiny()
    run = outlook(document, staff, seed=7)
    values: dict[str, Any] = {"parent": job_of(run), "task": "batches.plan_step", "title": "试"}
    old = {"batches": {"places": {}, "levels": []}}
    Job.objects.create(step="batches", state=JobState.DONE, progress=100, result=by | {"made": old}, **values)
    Job.objects.create(step="classes:B01", state=JobState.FAILED, message="坏了。", **values)
    beds = {"households:P001": {"stays": [], "nights": {}, "moved_beds": [0, 0], "least_range": 0.0}}
    Job.objects.create(step="households:P001", state=JobState.DONE, progress=100, result=by | {"made": beds}, **values)
    Job.objects.create(step="lodging:B01-K01", state=JobState.WAITING, **values)  # before there are exchanges
    assert made_so_far(job_of(run)) == {}
    tasks.plan(str(run.job_id))
    assert job_of(run).state == JobState.DONE, job_of(run).message
    assert canonical(plan_of(run)) == canonical(solve(document, seed=7))
    assert set(job_of(run).parts.values_list("result__planner", flat=True)) == {PLANNER_VERSION}


@pytest.mark.django_db
def test_what_this_version_made_is_kept_when_the_run_goes_on(staff: User) -> None:
    run = outlook(tiny(), staff, seed=7)
    values: dict[str, Any] = {"parent": job_of(run), "task": "batches.plan_step", "title": "试", "state": JobState.DONE}
    mine = Job.objects.create(step="batches", result={"planner": PLANNER_VERSION, "made": {"batches": 1}}, **values)
    forget_other_versions(job_of(run))
    assert made_so_far(job_of(run)) == {"batches": 1}
    other = Job.objects.create(
        step="classes:B01", result={"planner": "dunmiao/0", "made": {"classes:B01": 1}}, **values
    )
    forget_other_versions(job_of(run))
    mine.refresh_from_db()
    assert mine.state == JobState.DONE
    assert not Job.objects.filter(pk=other.pk).exists()


def short_outlook(staff: User) -> PlanRun:
    """A run whose plan will fall short: hardly anybody may come."""
    document = tiny()
    document["programme"]["class_size"] = {"min": 40, "target": 40, "max": 40}
    return outlook(document, staff)


@pytest.mark.django_db
def test_plan_is_kept_where_its_shortfalls_cannot_be_explained(staff: User, monkeypatch: pytest.MonkeyPatch) -> None:
    def stumble(*_: Any, **__: Any) -> Any:
        raise ZeroDivisionError

    monkeypatch.setattr(plan_work, "explain", stumble)
    run = short_outlook(staff)
    tasks.plan(str(run.job_id))
    job = job_of(run)
    assert (job.state, job.attempts) == (JobState.DONE, 1), job.message
    assert plan_of(run)["shortfalls"]
    assert (run.explanations, run.outcome) == ([], PlanRun.Outcome.SHORT)


@pytest.mark.django_db
def test_gatherings_left_out_are_explained_though_nothing_is_short(staff: User) -> None:
    document = tiny()
    first = datetime.date.fromisoformat(document["batches"][0]["first_day"])
    monday = first - datetime.timedelta(days=first.weekday())
    days = (monday + datetime.timedelta(days=7 + number) for number in range(9))
    document["calendar"]["holidays"] = [day.isoformat() for day in days]
    document["programme"].update({"min_village_days": 0, "min_distinct_villages": 0, "unit_max_per_batch": 99})
    document["programme"]["class_size"] = {"min": 0, "target": 10, "max": 30}
    free = {"unavailable": [], "must": [], "must_not": [], "parity": None, "leading": False}
    document["cadres"] = [cadre | free for cadre in document["cadres"][:10]]
    document["units"] = [unit | {"quota": None} for unit in document["units"]]
    run = outlook(document, staff)
    tasks.plan(str(run.job_id))
    plan = plan_of(run)
    assert (plan["shortfalls"], run.outcome) == ([], PlanRun.Outcome.SOLVED)
    left_out = [f"{row['class']}#{row['index']}" for row in plan["gatherings"] if row.get("skipped") == "no_day"]
    assert left_out
    assert sorted(name for row in run.explanations for name in row["gatherings"]) == sorted(left_out)
    assert job_of(run).message.endswith(f"人都排进了，{len(left_out)} 次集中没有排上")


@pytest.mark.django_db
def test_stop_while_shortfalls_are_explained_keeps_nothing(staff: User, monkeypatch: pytest.MonkeyPatch) -> None:
    run = short_outlook(staff)

    def stopped(*_: Any, progress: Any, **__: Any) -> Any:
        jobs.cancel_job(job=job_of(run), by=staff)
        progress(3, 0.5, "")

    monkeypatch.setattr(plan_work, "explain", stopped)
    tasks.plan(str(run.job_id))
    assert (job_of(run).state, plan_of(run)) == (JobState.CANCELLED, None)


@pytest.mark.django_db
def test_explanations_are_of_what_the_run_preferred(staff: User, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[int, str]] = []

    def explain(*_: Any, seed: int, prefer: str, **__: Any) -> Any:
        asked.append((seed, prefer))
        return [{"rule": "R04"}]

    monkeypatch.setattr(plan_work, "explain", explain)
    run = short_outlook(staff)
    PlanRun.objects.update(prefer=PlanRun.Prefer.SEATS, seed=3)
    tasks.plan(str(run.job_id))
    assert asked == [(3, "seats")]
    run.refresh_from_db()
    assert run.explanations == [{"rule": "R04"}]


@pytest.mark.django_db
def test_part_that_is_given_up_ends_the_plan_with_its_words(staff: User) -> None:
    run = outlook(tiny(), staff)
    job = job_of(run)
    Job.objects.create(
        parent=job, task="batches.plan_step", step="batches", title="试", state=JobState.FAILED, message="坏了。"
    )
    tasks.plan(str(job.pk))
    assert (job_of(run).state, job_of(run).message, plan_of(run)) == (JobState.FAILED, "坏了。", None)


@pytest.mark.django_db
def test_input_that_cannot_be_planned_is_told_in_words(staff: User) -> None:
    document = tiny()
    document["batches"][0]["classes"] = document["batches"][0]["classes"][:1]
    run = outlook(document, staff)
    tasks.plan(str(run.job_id))
    assert job_of(run).state == JobState.FAILED
    assert "个班型" in job_of(run).message
    assert "batches[0]" not in job_of(run).message


@pytest.mark.django_db
def test_demands_that_contradict_each_other_fail_at_once_with_the_reason(staff: User) -> None:
    document = tiny()
    cadre, practice_class = document["cadres"][0], document["batches"][0]["classes"][0]
    cadre["parity"] = "even" if practice_class["parity"] == "odd" else "odd"
    document["pins"]["classes"] = [{"cadre": cadre["id"], "class": practice_class["id"]}]
    run = outlook(document, staff)
    tasks.plan(str(run.job_id))
    job = job_of(run)
    assert (job.state, job.attempts) == (JobState.FAILED, 1)
    assert "单双周矛盾（R07）" in job.message
    assert "pins" not in job.message
    assert not job.parts.filter(attempts__gt=1).exists()


@pytest.mark.django_db
def test_part_whose_input_is_refused_is_not_tried_again(staff: User, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_args: object) -> None:
        raise InputError("pins：两项要求矛盾")

    run = outlook(tiny(), staff)
    plan_work._problem.cache_clear()
    monkeypatch.setattr(plan_work, "Problem", refuse)
    part = Job.objects.create(parent=job_of(run), task="batches.plan_step", step="batches", title="试")
    Job.objects.filter(pk=run.job_id).update(state=JobState.RUNNING)
    perform(str(part.pk), plan_work.work_on_part)
    part.refresh_from_db()
    assert (part.state, part.attempts) == (JobState.FAILED, 1)
    assert "两项要求矛盾" in part.message


@pytest.mark.django_db
def test_parts_of_a_stopped_plan_are_done_by_nobody(staff: User) -> None:
    run = outlook(tiny(), staff)
    job = job_of(run)

    def body(whole: JobRun) -> None:
        part = whole.part(task="batches.plan_step", step="batches", title="试")
        jobs.cancel_job(job=whole.job, by=staff)
        perform(str(part.pk), lambda run: run.progress(10))
        whole.progress(50)

    perform(str(job.pk), body)
    assert job_of(run).state == JobState.CANCELLED
    assert list(job.parts.values_list("state", flat=True)) == [JobState.CANCELLED]
    assert plan_of(run) is None


@pytest.mark.django_db
def test_part_is_made_once_however_often_the_whole_is_tried(staff: User) -> None:
    job = job_of(outlook(tiny(), staff))
    first = JobRun(job).part(task="batches.plan_step", step="batches", title="试")
    assert JobRun(job).part(task="batches.plan_step", step="batches", title="试") == first
    assert job.parts.count() == 1


def test_bundles_hold_every_step_once() -> None:
    names = ["classes:B1", *(f"lodging:K{n}" for n in range(30)), *(f"households:P{n}" for n in range(5))]
    bundled = bundles(names)
    assert sorted(name for step in bundled for name in step.split(" ")) == sorted(names)
    assert bundled[0] == "classes:B1"
    assert max(step.count(" ") for step in bundled) == 11
    assert all(len({name.split(":")[0] for name in step.split(" ")}) == 1 for step in bundled)


@pytest.mark.django_db
def test_stand_tells_each_stage_and_the_best_so_far(django_assert_num_queries: Any) -> None:
    job = job_of(outlook(tiny()))
    for step, state, progress, best in (
        ("batches", JobState.DONE, 100, {}),
        ("classes:B01", JobState.DONE, 100, {"pair_excess": {"value": 0, "bound": 0, "batch": "B01"}}),
        ("classes:B02", JobState.RUNNING, 50, {"pair_excess": {"value": 3, "bound": 1, "batch": "B02"}}),
        ("itinerary:B01", JobState.WAITING, 0, {}),
    ):
        Job.objects.create(parent=job, task="x", step=step, title="试", state=state, progress=progress, message="期次 B02",
                           result={"made": {}, "best": best})  # fmt: skip
    with django_assert_num_queries(1):
        stand = stand_of(job, 2)
    assert [(row.stage, row.done, row.total, row.percent) for row in stand.stages] == [
        (1, 1, 1, 100), (2, 1, 2, 75), (3, 0, 3, 0), (4, 0, 2, 0),
    ]  # fmt: skip
    assert stand.stages[1].best == {"pair_excess": {"value": 3, "bound": 1, "batch": "B02"}}
    assert stand.percent == 25
    assert stand.sentence.startswith("第 2 步“分班”1/2")


@pytest.mark.django_db
def test_stage_3_goes_forward_and_keeps_its_bound_when_the_exchanges_begin() -> None:
    job = job_of(outlook(tiny()))
    best = {"travel_km": {"value": 400.0, "bound": 380.0, "batch": "B01"}}

    def told(step: str, state: str, progress: int, told: dict[str, Any]) -> tuple[int, Any]:
        Job.objects.update_or_create(
            parent=job, step=step, defaults={"task": "x", "title": "试", "state": state, "progress": progress,
                                             "result": {"best": told}},
        )  # fmt: skip
        stand = stand_of(job, 1)
        return stand.percent, stand.stages[2].best["travel_km"]["bound"]

    seen = [
        told("itinerary:B01", JobState.RUNNING, 40, best), told("itinerary:B01", JobState.DONE, 100, best),
        told("exchanges", JobState.RUNNING, 0, {}), told("exchanges", JobState.RUNNING, 50, {}),
        told("exchanges", JobState.DONE, 100, {"travel_km": {"value": 390.0, "bound": 385.0, "batch": None}}),
    ]  # fmt: skip
    assert [percent for percent, _ in seen] == sorted(percent for percent, _ in seen)
    assert [bound for _, bound in seen] == [380.0, 380.0, 380.0, 380.0, 385.0]


@pytest.mark.django_db
def test_stand_at_the_end_says_what_the_plan_with_exchanges_says(staff: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("batches.planning.places.FEW_BASES", 0)  # else stage 3 divides classes by itself
    run = outlook(filled(), staff)
    tasks.plan(str(run.job_id))
    assert job_of(run).parts.get(step="exchanges").result["made"]["exchanges"]["held"]
    levels = {row["level"]: (row["value"], row["bound"]) for row in plan_of(run)["levels"] if row["stage"] == 3}
    best = stand_of(job_of(run), 1).stages[2].best
    assert best.keys() == levels.keys()
    for level, told in best.items():
        assert (told["value"], told["bound"]) == pytest.approx(levels[level], abs=1e-3), level


@pytest.mark.django_db
def test_stand_at_the_end_says_what_the_plan_says(staff: User) -> None:
    """The classes are lodged in one part, two pairs of the one and one of the other meet again: three in all."""
    run = outlook(tiny(), staff, seed=7)
    tasks.plan(str(run.job_id))
    assert job_of(run).parts.filter(step__contains=" lodging:").count() == 1
    levels = {row["level"]: (row["value"], row["bound"]) for row in plan_of(run)["levels"]}
    assert levels["room_mate_repeats"] == (3, 3)
    best = {level: told for row in stand_of(job_of(run), 1).stages for level, told in row.best.items()}
    assert {"pair_excess", "travel_km", "max_load", "room_mate_repeats"} < best.keys()
    for level, told in best.items():
        if level in levels:
            assert (told["value"], told["bound"]) == pytest.approx(levels[level], abs=1e-3), level


@pytest.mark.django_db
def test_bound_is_told_once_the_whole_is_known(staff: User) -> None:
    """Of four classes three told, then all four; as long as a base is at work, more classes may follow."""
    job = job_of(outlook(tiny(), staff))

    def part(step: str, state: str, *told: tuple[int, int]) -> Job:
        rows = [{"room_mate_repeats": {"value": value, "bound": bound, "batch": None}} for value, bound in told]
        return Job.objects.create(
            parent=job, task="x", step=step, title="试", state=state, result={"best": together(rows)}
        )

    def told() -> tuple[int, int | None]:
        best = stand_of(job, 1).stages[3].best["room_mate_repeats"]
        return best["value"], best["bound"]

    base = part("households:P1", JobState.RUNNING)
    part("lodging:K1 lodging:K2", JobState.DONE, (2, 1), (1, 1))
    assert told() == (3, None)
    Job.objects.filter(pk=base.pk).update(state=JobState.DONE)
    assert told() == (3, 2)
    last = part("lodging:K3 lodging:K4", JobState.RUNNING, (1, 0))
    assert told() == (4, None)
    Job.objects.filter(pk=last.pk).delete()
    part("lodging:K3 lodging:K4", JobState.RUNNING, (1, 0), (0, 0))
    assert told() == (4, 2)


@pytest.mark.worker
@pytest.mark.django_db(transaction=True)
def test_workers_side_by_side_make_the_plan_and_each_step_once(hire: Callable[..., Worker]) -> None:
    """Two batches: their classes are split by two hands at once; the plan is that of one piece."""
    document = frozen("small-1")
    run = outlook(document)
    hire(concurrency=2)
    until(lambda: job_of(run).state not in (JobState.WAITING, JobState.RUNNING), "the plan ended")
    assert job_of(run).state == JobState.DONE, job_of(run).message
    assert canonical(plan_of(run)) == canonical(solve(document, seed=1))
    parts = job_of(run).parts
    assert set(parts.values_list("attempts", flat=True)) == {1}
    spans = {part.step: (part.started_at, part.finished_at) for part in parts.all()}
    one, two = spans["classes:B01"], spans["classes:B02"]
    assert one[0] < two[1]
    assert two[0] < one[1]
    assert kept() == 1


@pytest.mark.worker
@pytest.mark.django_db(transaction=True)
def test_plan_of_a_killed_worker_goes_on_where_it_was_and_is_kept_once(
    hire: Callable[..., Worker], take_for_lost: Callable[[], int]
) -> None:
    document = frozen("small-1")
    run = outlook(document)
    worker = hire()
    until(lambda: "classes:B01" in made_so_far(job_of(run)), "the classes of a batch are split")
    worker.end()
    before = set(made_so_far(job_of(run)))
    assert (job_of(run).state, plan_of(run), kept()) == (JobState.RUNNING, None, 0)

    take_for_lost()
    hire()

    def ended() -> bool:
        jobs.sweep_jobs()
        return job_of(run).state not in (JobState.WAITING, JobState.RUNNING)

    until(ended, "the second worker finished the plan")
    assert (job_of(run).state, job_of(run).attempts, kept()) == (JobState.DONE, 2, 1)
    assert canonical(plan_of(run)) == canonical(solve(document, seed=1))
    again = [part.step for part in job_of(run).parts.filter(attempts__gt=1)]
    assert not before & {name for step in again for name in step.split(" ")}


@pytest.mark.django_db
def test_run_of_no_batch_is_an_outlook() -> None:
    with pytest.raises(Exception, match="run_of_a_batch_or_an_outlook"):
        PlanRun.objects.create(programme=factories.ProgrammeFactory(), purpose=PlanRun.Purpose.TRIAL)
