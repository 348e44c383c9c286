"""Jobs on a real Celery worker: killed or frozen in the middle, the job finishes once; without sweeper or fence it does not.

Nothing here asserts how long anything takes; the deadline of `until` only keeps a broken build from hanging.
"""

import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from office import jobs
from office.models import Job, JobState, Notice
from tests.office import job_bodies
from tests.workers import Worker, until

pytestmark = [pytest.mark.worker, pytest.mark.django_db(transaction=True)]


def start(task: str, **params: str) -> Job:
    return jobs.start_job(task=task, title="试", owner=None, params=params)


def state_of(job: Job) -> tuple[str, int]:
    job.refresh_from_db()
    return job.state, job.progress


def effects() -> list[str]:
    """Numbers of the attempts that wrote their effect."""
    rows = Notice.objects.filter(subject=job_bodies.EFFECT).order_by("pk")
    return list(rows.values_list("text", flat=True))


def done(job: Job) -> Callable[[], bool]:
    """Whether the job is done; as in production a sweeper goes round meanwhile, for a bell may ring at a frozen worker."""

    def ask() -> bool:
        jobs.sweep_jobs()
        return state_of(job)[0] == JobState.DONE

    return ask


def halfway(job: Job) -> Callable[[], bool]:
    return lambda: state_of(job) == (JobState.RUNNING, 50)


def test_job_of_a_killed_worker_finishes_once(
    hire: Callable[[], Worker], tmp_path: Path, take_for_lost: Callable[[], int]
) -> None:
    job = start("tests.write_once", gate=str(tmp_path / "never-opened"))
    worker = hire()
    until(halfway(job), "the first worker reached the middle")
    worker.end()
    assert (state_of(job), effects()) == ((JobState.RUNNING, 50), [])

    assert take_for_lost() == 1
    assert state_of(job)[0] == JobState.WAITING
    hire()
    until(done(job), "the second worker finished the job")
    assert (job.attempts, effects()) == (2, ["2"])


def test_without_the_sweeper_the_job_of_a_killed_worker_never_finishes(
    hire: Callable[[], Worker], tmp_path: Path
) -> None:
    """Negative control: what the sweeper is there for."""
    job = start("tests.write_once", gate=str(tmp_path / "never-opened"))
    worker = hire()
    until(halfway(job), "the first worker reached the middle")
    worker.end()

    hire()
    later = start("tests.write_once")
    until(lambda: state_of(later)[0] == JobState.DONE, "the second worker does a later job")
    assert state_of(job) == (JobState.RUNNING, 50)


def takeover(hire: Callable[[], Worker], take_for_lost: Callable[[], int], folder: Path, task: str) -> Job:
    """The first worker freezes in the middle, is taken for lost, a second finishes; then the first one thaws and goes on."""
    gate, left = folder / "gate", folder / "left"
    job = start(task, gate=str(gate), left=str(left))
    frozen = hire()
    until(halfway(job), "the first worker reached the middle")
    frozen.send(signal.SIGSTOP)
    take_for_lost()
    hire()
    until(done(job), "the second worker finished the job")
    assert effects() == ["2"]
    gate.touch()
    frozen.send(signal.SIGCONT)
    until(left.exists, "the frozen attempt went on to its end")
    return job


def test_worker_that_comes_too_late_changes_nothing(
    hire: Callable[[], Worker], tmp_path: Path, take_for_lost: Callable[[], int]
) -> None:
    job = takeover(hire, take_for_lost, tmp_path, "tests.write_once")
    assert effects() == ["2"]
    assert state_of(job)[0] == JobState.DONE


def test_without_the_fence_the_effect_is_doubled(
    hire: Callable[[], Worker], tmp_path: Path, take_for_lost: Callable[[], int]
) -> None:
    """Negative control: what the attempt's number is there for."""
    takeover(hire, take_for_lost, tmp_path, "tests.write_unfenced")
    assert effects() == ["2", "1"]
