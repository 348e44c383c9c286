"""Writing the papers, and the nightly look at what must never be broken."""

import datetime

import structlog
from celery import shared_task
from django.utils import timezone

from batches.models import Batch, Gathering, PracticeClass
from office.files import store_file
from office.jobs import JobRun, job_task
from reports import documents, invariants
from reports.documents.notice import DOCX
from reports.documents.paper import XLSX

log = structlog.get_logger(__name__)
KEPT = datetime.timedelta(days=30)


def _keep(run: JobRun, name: str, kind: str, content: bytes, content_type: str) -> None:
    with run.finishing():
        run.result_file = store_file(
            name=name, kind=kind, content=content, content_type=content_type, owner=run.job.owner,
            expires_at=timezone.now() + KEPT,
        )  # fmt: skip
        run.message = f"{name} 可以下载"


def _gathering(run: JobRun) -> Gathering:
    return (
        Gathering.objects.select_related("practice_class__batch__programme")
        .prefetch_related("sites__base__village__township")
        .get(pk=run.params["gathering"])
    )


@job_task("reports.class_roster")
def class_roster(run: JobRun) -> None:
    practice_class = PracticeClass.objects.select_related("batch__programme").get(pk=run.params["class"])
    content = documents.class_roster(practice_class, by=run.job.owner, at=timezone.now())
    _keep(run, f"{practice_class}花名册.xlsx", "roster", content, XLSX)


@job_task("reports.sign_in_sheet")
def sign_in_sheet(run: JobRun) -> None:
    gathering = _gathering(run)
    content = documents.sign_in_sheet(gathering, by=run.job.owner, at=timezone.now())
    _keep(run, f"{gathering}签到表.xlsx", "sign_in", content, XLSX)


@job_task("reports.lodging_table")
def lodging_table(run: JobRun) -> None:
    gathering = _gathering(run)
    content = documents.lodging_table(gathering, by=run.job.owner, at=timezone.now())
    _keep(run, f"{gathering}住宿安排表.xlsx", "lodging", content, XLSX)


@job_task("reports.dispatch_notice")
def dispatch_notice(run: JobRun) -> None:
    batch = Batch.objects.select_related("programme").get(pk=run.params["batch"])
    content = documents.dispatch_notice(batch, on=timezone.localdate())
    _keep(run, f"{batch}抽调通知.docx", "notice", content, DOCX)


@shared_task(name="reports.check_invariants")
def check_invariants() -> None:
    """Every night: each broken line is an error in the log, which the operators' alarm listens to."""
    for broken in invariants.check():
        if broken.rows:
            log.error(
                "invariant_broken", code=broken.invariant.code, title=broken.invariant.title, rows=len(broken.rows)
            )
