"""Jobs for tests of the real worker, which is told to load this module."""

import time
from pathlib import Path

from office.jobs import JobRun, job_task
from office.models import Job, Notice

EFFECT = "effect of a job"


def _effect(run: JobRun) -> None:
    Notice.objects.create(subject=EFFECT, text=str(run.attempt))


def _wait_at_the_gate(run: JobRun) -> None:
    """Tell that the middle is reached, then wait for the file that the test makes to let this attempt go on."""
    run.progress(50, "halfway")
    gate = Path(run.params["gate"])
    while not gate.exists():
        time.sleep(0.05)


def _leave(run: JobRun) -> None:
    """Tell that the first attempt is through with its work, whatever came of it."""
    if run.attempt == 1 and "left" in run.params:
        Path(run.params["left"]).touch()


@job_task("tests.write_once")
def write_once(run: JobRun) -> None:
    """The first attempt waits in the middle; every attempt would write one effect when it finishes."""
    if run.attempt == 1 and "gate" in run.params:
        _wait_at_the_gate(run)
    try:
        with run.finishing():
            _effect(run)
    finally:
        _leave(run)


@job_task("tests.write_unfenced")
def write_unfenced(run: JobRun) -> None:
    """The same without the fence: an attempt does not ask whether another has taken over (negative control)."""
    if run.attempt == 1:
        _wait_at_the_gate(run)
    run._mine = lambda: Job.objects.filter(pk=run.job.pk)  # type: ignore[method-assign] # the fence taken down
    with run.finishing():
        _effect(run)
    _leave(run)
