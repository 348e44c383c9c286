"""Jobs without a worker: every way a job can end is written to its row, and nothing is written twice."""

import datetime
from collections.abc import Callable
from typing import Any

import pytest
from celery import current_app
from django.utils import timezone
from kombu.exceptions import OperationalError

from accounts.models import AuditEntry, User
from config.errors import DomainError
from office import jobs
from office.jobs import JobRun, JobStopped
from office.models import Job, JobState, Notice

pytestmark = pytest.mark.django_db


def make(**fields: Any) -> Job:
    return Job.objects.create(task="tests.none", title="试", **fields)


def run(job: Job, body: Callable[[JobRun], None]) -> Job:
    jobs.perform(str(job.pk), body)
    job.refresh_from_db()
    return job


def effect(run: JobRun) -> None:
    with run.finishing():
        Notice.objects.create(subject="effect")
        run.result = {"rows": 3}
        run.message = "写入3行"


def effects() -> int:
    return Notice.objects.filter(subject="effect").count()


def back_in(minutes: int) -> datetime.datetime:
    return timezone.now() - datetime.timedelta(minutes=minutes)


@pytest.fixture
def bells(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, list[str]]]:
    rung: list[tuple[str, list[str]]] = []
    monkeypatch.setattr(current_app, "send_task", lambda name, args: rung.append((name, args)))
    return rung


def test_finished_job_has_its_result_and_its_effect() -> None:
    job = run(make(), effect)
    assert (job.state, job.progress, job.message, job.result) == (JobState.DONE, 100, "写入3行", {"rows": 3})
    assert (job.attempts, effects()) == (1, 1)


def test_body_without_an_end_of_its_own_is_done() -> None:
    assert run(make(), lambda run: run.progress(40)).state == JobState.DONE


def test_same_bell_twice_does_the_work_once() -> None:
    job = make()
    run(job, effect)
    run(job, effect)
    assert (effects(), job.attempts) == (1, 1)


def test_bell_for_a_job_that_is_gone_is_let_be() -> None:
    jobs.perform("00000000-0000-0000-0000-000000000000", effect)
    assert effects() == 0


def test_effect_is_taken_back_when_the_end_fails() -> None:
    def fail(run: JobRun) -> None:
        with run.finishing():
            Notice.objects.create(subject="effect")
            raise ValueError

    job = run(make(), fail)
    assert (job.state, effects()) == (JobState.WAITING, 0)


def test_poison_job_ends_after_three_tries_and_says_what_to_do() -> None:
    def poison(run: JobRun) -> None:
        raise ZeroDivisionError

    job = make()
    states = [(run(job, poison).state, job.attempts) for _ in range(4)]
    assert states == [
        (JobState.WAITING, 1),
        (JobState.WAITING, 2),
        (JobState.FAILED, 3),
        (JobState.FAILED, 3),
    ]
    assert job.message == "试了3次都没有完成。请把任务编号告诉系统管理员。"
    assert job.finished_at is not None


def test_refusal_by_a_rule_ends_at_once_with_its_words() -> None:
    def refuse(run: JobRun) -> None:
        raise DomainError("too_full", "基地住不下：请减一个班。")

    job = run(make(), refuse)
    assert (job.state, job.attempts, job.message) == (JobState.FAILED, 1, "基地住不下：请减一个班。")


def test_waiting_job_is_cancelled_at_once_and_never_runs(staff: User) -> None:
    job = make(owner=staff)
    jobs.cancel_job(job=job, by=staff)
    assert run(job, effect).state == JobState.CANCELLED
    assert effects() == 0
    assert AuditEntry.objects.get(act="cancel_job").subject_id == str(job.pk)


def test_running_job_is_cancelled_at_its_next_step() -> None:
    def work(run: JobRun) -> None:
        run.progress(10)
        jobs.cancel_job(job=run.job, by=None)
        assert run.should_stop()
        run.progress(20)
        effect(run)

    job = run(make(), work)
    assert (job.state, job.progress, effects()) == (JobState.CANCELLED, 10, 0)


def test_cancel_wins_over_an_end_that_has_not_begun() -> None:
    def work(run: JobRun) -> None:
        jobs.cancel_job(job=run.job, by=None)
        effect(run)

    assert (run(make(), work).state, effects()) == (JobState.CANCELLED, 0)


@pytest.mark.parametrize("state", [JobState.DONE, JobState.FAILED, JobState.CANCELLED])
def test_ended_job_is_not_cancelled_again(state: JobState, staff: User) -> None:
    job = make(state=state)
    with pytest.raises(DomainError) as error:
        jobs.cancel_job(job=job, by=staff)
    assert error.value.code == "job_ended"
    job.refresh_from_db()
    assert (job.state, AuditEntry.objects.count()) == (state, 0)


def test_attempt_that_was_overtaken_cannot_tell_progress_nor_finish() -> None:
    first = JobRun(make(state=JobState.RUNNING, attempts=1))
    Job.objects.update(attempts=2)
    with pytest.raises(JobStopped):
        first.progress(60)
    with pytest.raises(JobStopped):
        effect(first)
    assert first.should_stop()
    assert effects() == 0


def test_overtaken_attempt_leaves_the_state_of_its_successor_alone() -> None:
    def overtaken(run: JobRun) -> None:
        Job.objects.filter(pk=run.job.pk).update(attempts=2, message="第二次在做")
        run.progress(60)

    job = run(make(), overtaken)
    assert (job.state, job.attempts, job.message) == (JobState.RUNNING, 2, "第二次在做")


# --- the bell and the sweeper


def test_started_job_rings_after_the_commit_alone(bells: list[Any], django_capture_on_commit_callbacks: Any) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        job = jobs.start_job(task="tests.none", title="试", owner=None, params={"id": 7})
        assert bells == []
    assert bells == [("tests.none", [str(job.pk)])]


def test_job_started_while_redis_is_away_is_rung_for_later(
    monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks: Any
) -> None:
    def away(name: str, args: list[str]) -> None:
        raise OperationalError

    monkeypatch.setattr(current_app, "send_task", away)
    with django_capture_on_commit_callbacks(execute=True):
        job = jobs.start_job(task="tests.none", title="试", owner=None)
    job.refresh_from_db()
    assert job.state == JobState.WAITING

    rung: list[str] = []
    monkeypatch.setattr(current_app, "send_task", lambda name, args: rung.extend(args))
    assert jobs.sweep_jobs() == 0, "a bell just rung is given time"
    Job.objects.update(rung_at=back_in(1))
    assert jobs.sweep_jobs() == 1
    assert rung == [str(job.pk)]


def test_sweeper_leaves_jobs_with_a_beating_heart_alone(bells: list[Any]) -> None:
    job = make(state=JobState.RUNNING, attempts=1, heartbeat_at=timezone.now())
    assert jobs.sweep_jobs() == 0
    job.refresh_from_db()
    assert job.state == JobState.RUNNING


@pytest.mark.parametrize(
    ("fields", "state", "rings"),
    [
        ({"attempts": 1}, JobState.WAITING, 1),
        ({"attempts": 3}, JobState.FAILED, 0),
        ({"attempts": 1, "cancel_requested": True}, JobState.CANCELLED, 0),
    ],
)
def test_sweeper_hands_on_what_a_lost_worker_left(
    bells: list[Any], fields: dict[str, Any], state: JobState, rings: int
) -> None:
    job = make(state=JobState.RUNNING, heartbeat_at=back_in(5), **fields)
    assert jobs.sweep_jobs() == rings
    job.refresh_from_db()
    assert (job.state, len(bells)) == (state, rings)


def test_sweeper_lets_ended_jobs_be(bells: list[Any]) -> None:
    for state in (JobState.DONE, JobState.FAILED, JobState.CANCELLED):
        make(state=state, heartbeat_at=back_in(5))
    assert jobs.sweep_jobs() == 0
    assert bells == []


def refuse(run: JobRun) -> None:
    raise DomainError("no", "不行。请改好再来。")


@pytest.mark.parametrize(
    ("body", "told"), [(effect, ("试已完成", "写入3行")), (refuse, ("试没有完成", "不行。请改好再来。"))]
)
def test_who_asked_is_told_of_the_end_with_a_link(
    staff: User, body: Callable[[JobRun], None], told: tuple[str, str]
) -> None:
    job = run(make(owner=staff, result_url="/here/"), body)
    assert job.result_url == "/here/"
    assert list(staff.notices.values_list("subject", "text", "url")) == [(*told, "/here/")]


def test_nobody_is_told_of_parts_and_of_work_without_a_page(staff: User) -> None:
    whole = make(owner=staff)
    run(make(owner=staff, parent=whole, step="a", result_url="/here/"), effect)
    run(whole, effect)
    assert not staff.notices.exists()
