"""Long work: a row first (`start_job`), a bell (`ring`), and the one way a worker carries it out (`job_task`).

Work that several hands can share has parts (`JobRun.part`): jobs of their own under the first, which does what nobody else
has taken and puts the results together; a part that is done is not done again when the whole is tried again.

A worker claims the row, beats its heart beside the work, and ends it in the same transaction as the work's effects
(`JobRun.finishing`), fenced by the attempt's number: whoever comes too late changes nothing. `sweep_jobs` rings again for
rows that nobody took and hands on what a killed worker left.
"""

import datetime
import functools
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import structlog
from celery import current_app, shared_task
from django.db import connection, transaction
from django.db.models import F, Q
from django.utils import timezone
from kombu.exceptions import OperationalError

from accounts import audit
from accounts.models import User
from config.errors import DomainError
from office.actions import notify
from office.models import LOST_AFTER, UNFINISHED, Job, JobState, StoredFile

log = structlog.get_logger(__name__)

MAX_ATTEMPTS = 3
HEARTBEAT_SECONDS = 5
RING_AGAIN_AFTER = datetime.timedelta(seconds=20)


class JobStopped(Exception):
    """The owner asked to stop, or another attempt has taken over; nothing of this attempt is kept."""


class JobRun:
    """One attempt at a job, as its body sees it."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.attempt = job.attempts
        self.finished = False
        self.result: dict[str, Any] = {}
        self.result_file: StoredFile | None = None
        self.result_url = job.result_url
        self.message = "已完成"

    @property
    def params(self) -> dict[str, Any]:
        params: dict[str, Any] = self.job.params
        return params

    def _mine(self) -> Any:
        return Job.objects.filter(pk=self.job.pk, attempts=self.attempt, state=JobState.RUNNING)

    def _wanted(self) -> Any:
        wanted = Job.objects.filter(state__in=UNFINISHED, cancel_requested=False).values("pk")
        return self._mine().filter(Q(parent__isnull=True) | Q(parent__in=wanted), cancel_requested=False)

    def should_stop(self) -> bool:
        """True when the owner asked to stop, the whole has ended, or another attempt has taken over."""
        return not self._wanted().exists()

    def progress(self, percent: int, message: str = "") -> None:
        """Tell how far the work is (0–100) and what is being done; raises JobStopped when it should end."""
        now = timezone.now()
        told = self._wanted().update(progress=percent, message=message[:500], heartbeat_at=now)
        if not told:
            raise JobStopped

    def tell(self, **values: Any) -> None:
        """Let pages see an interim result (plain values) while the work goes on."""
        self.result = self.result | values
        self._mine().update(result=self.result)

    def part(self, *, task: str, step: str, title: str) -> Job:
        """The part of this work with that step: a job that any worker may take, made once however often we are tried."""
        made, new = Job.objects.get_or_create(
            parent=self.job, step=step, defaults={"task": task, "title": title[:120], "owner": self.job.owner}
        )
        if new:
            ring(made)
        return made

    def fail(self, message: str) -> None:
        """End the work without effect, with what was wrong and what cures it."""
        with transaction.atomic():
            if self._mine().update(state=JobState.FAILED, finished_at=timezone.now(), message=message[:500]):
                self._tell_owner("没有完成", message)

    def _tell_owner(self, end: str, message: str) -> None:
        """Work whose result stands on a page is told to who asked for it; parts are nobody's business."""
        if self.result_url and self.job.parent_id is None:
            notify(addressees=[self.job.owner], subject=f"{self.job.title}{end}", text=message, url=self.result_url)

    @contextmanager
    def finishing(self) -> Iterator["JobRun"]:
        """The transaction in which the work's effects are written and the job ends, both or neither."""
        with transaction.atomic():
            if self._wanted().select_for_update(of=("self",)).first() is None:
                raise JobStopped
            yield self
            self._mine().update(
                state=JobState.DONE, progress=100, message=self.message[:500], finished_at=timezone.now(),
                result=self.result, result_file=self.result_file, result_url=self.result_url,
            )  # fmt: skip
            self._tell_owner("已完成", self.message)
        self.finished = True


Body = Callable[[JobRun], None]


def start_job(
    *, task: str, title: str, owner: User | None, params: dict[str, Any] | None = None, result_url: str = ""
) -> Job:
    """Write the job's row and ring once the transaction is through. `params` holds ids and plain values only."""
    job = Job.objects.create(task=task, title=title, owner=owner, params=params or {}, result_url=result_url)
    transaction.on_commit(functools.partial(ring, job))
    return job


def ring(job: Job) -> None:
    """Ask the workers to look at the row. When Redis is away the sweeper rings again later."""
    Job.objects.filter(pk=job.pk).update(rung_at=timezone.now())
    try:
        current_app.send_task(job.task, args=[str(job.pk)])
    except (OperationalError, ConnectionError, OSError) as error:
        log.warning("bell_not_heard", job=str(job.pk), error=type(error).__name__)


def cancel_job(*, job: Job, by: User | None) -> None:
    """Stop a job: at once while it waits, at its next step while it runs. Raises DomainError when it has ended."""
    with audit.act("cancel_job", by=by, subject=job):
        waiting = Job.objects.filter(pk=job.pk, state=JobState.WAITING)
        if waiting.update(state=JobState.CANCELLED, finished_at=timezone.now(), message="还没开始就停止了"):
            return
        if not Job.objects.filter(pk=job.pk, state=JobState.RUNNING).update(cancel_requested=True):
            raise DomainError("job_ended", "这个任务已经结束，不用再停止。")


def job_task(name: str) -> Callable[[Body], Any]:
    """Register `body` as the Celery task `name`; it gets a JobRun and is run at most once at a time."""

    def decorate(body: Body) -> Any:
        @shared_task(name=name)
        @functools.wraps(body)
        def task(job_id: str) -> None:
            perform(job_id, body)

        return task

    return decorate


def perform(job_id: str, body: Body) -> None:
    """Claim the job and carry it out; every way it can end is written to the row."""
    job = _claim(job_id)
    if job is None:
        log.info("job_not_waiting", job=job_id)
        return
    run = JobRun(job)
    stop = threading.Event()
    heart = threading.Thread(target=_beat, args=(run, stop), daemon=True)
    heart.start()
    try:
        body(run)
        if not run.finished:
            with run.finishing():
                pass
    except JobStopped:
        run._mine().update(state=JobState.CANCELLED, finished_at=timezone.now(), message="没有写入任何内容")
    except DomainError as error:
        run.fail(error.message)
    except Exception:
        log.exception("job_failed", job=job_id, task=job.task, attempt=run.attempt)
        _give_back(run)
    finally:
        stop.set()
        heart.join()
        _drop_parts()


def _claim(job_id: str) -> Job | None:
    """Take the job, once whoever else reaches for it: no join, or the row's state would not be looked at again after a wait."""
    now = timezone.now()
    whole = Q(parent__isnull=True) | Q(parent__in=Job.objects.filter(state__in=UNFINISHED).values("pk"))
    taken = Job.objects.filter(whole, pk=job_id, state=JobState.WAITING).update(
        state=JobState.RUNNING, attempts=F("attempts") + 1, started_at=now, heartbeat_at=now, message="", progress=0
    )
    return Job.objects.select_related("owner").get(pk=job_id) if taken else None


def _drop_parts() -> None:
    """Parts that wait for a whole that has ended are done by nobody."""
    Job.objects.filter(state=JobState.WAITING, parent__isnull=False).exclude(parent__state__in=UNFINISHED).update(
        state=JobState.CANCELLED, finished_at=timezone.now(), message="整个任务已经结束"
    )


def _beat(run: JobRun, stop: threading.Event) -> None:
    try:
        while not stop.wait(HEARTBEAT_SECONDS):
            run._mine().update(heartbeat_at=timezone.now())
    finally:
        connection.close()


def _give_back(run: JobRun) -> None:
    """After an unforeseen error: wait for another attempt, or end after the third (no poison jobs); the log has the cause."""
    if run.attempt >= MAX_ATTEMPTS:
        run.fail(f"试了{MAX_ATTEMPTS}次都没有完成。请把任务编号告诉系统管理员。")
    else:
        run._mine().update(state=JobState.WAITING, rung_at=timezone.now(), message="刚才出错，稍后自动再试")


def sweep_jobs() -> int:
    """Ring again for rows nobody took, hand on what a killed worker left; returns how many were rung for."""
    now = timezone.now()
    lost = Job.objects.filter(state=JobState.RUNNING, heartbeat_at__lt=now - LOST_AFTER)
    lost.filter(attempts__gte=MAX_ATTEMPTS).update(
        state=JobState.FAILED, finished_at=now, message=f"试了{MAX_ATTEMPTS}次都中断了。请把任务编号告诉系统管理员。"
    )
    lost.filter(cancel_requested=True).update(state=JobState.CANCELLED, finished_at=now, message="没有写入任何内容")
    lost.update(state=JobState.WAITING, rung_at=None, message="刚才中断，自动接着做")
    _drop_parts()
    forgotten = Job.objects.filter(
        Q(rung_at__isnull=True) | Q(rung_at__lt=now - RING_AGAIN_AFTER), state=JobState.WAITING
    )
    jobs = list(forgotten)
    for job in jobs:
        ring(job)
    return len(jobs)
