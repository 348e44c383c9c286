"""Papers asked for: each is a job whose worker writes the file."""

from accounts import audit
from accounts.models import User
from batches.models import Batch, Gathering, PracticeClass
from config.errors import DomainError
from office.jobs import start_job
from office.models import Job
from reports.rules import published_version


def ask_for_roster(*, practice_class: PracticeClass, by: User) -> Job:
    """The class's roster (班级花名册) as .xlsx. Raises DomainError until the batch is published."""
    published_version(practice_class.batch)
    with audit.act("ask_for_roster", by=by, subject=practice_class):
        return start_job(
            task="reports.class_roster", title=f"{practice_class}花名册", owner=by, params={"class": practice_class.pk}
        )


def ask_for_sign_in_sheet(*, gathering: Gathering, by: User) -> Job:
    """The sign-in sheet (签到表) of a gathering as .xlsx. Raises DomainError until the batch is published or once cancelled."""
    _guard(gathering)
    with audit.act("ask_for_sign_in_sheet", by=by, subject=gathering):
        return start_job(
            task="reports.sign_in_sheet", title=f"{gathering}签到表", owner=by, params={"gathering": gathering.pk}
        )


def ask_for_lodging_table(*, gathering: Gathering, by: User) -> Job:
    """The lodging table (住宿安排表) of a gathering as .xlsx. Raises DomainError as the sign-in sheet does."""
    _guard(gathering)
    with audit.act("ask_for_lodging_table", by=by, subject=gathering):
        return start_job(
            task="reports.lodging_table", title=f"{gathering}住宿安排表", owner=by, params={"gathering": gathering.pk}
        )


def ask_for_notice(*, batch: Batch, by: User) -> Job:
    """The dispatch notice (抽调通知) of a batch as .docx. Raises DomainError until the batch is published."""
    published_version(batch)
    with audit.act("ask_for_notice", by=by, subject=batch):
        return start_job(task="reports.dispatch_notice", title=f"{batch}抽调通知", owner=by, params={"batch": batch.pk})


def _guard(gathering: Gathering) -> None:
    published_version(gathering.practice_class.batch)
    if not gathering.is_live:
        raise DomainError("cancelled", f"{gathering}已取消，不用再打印。改期后的集中另有一条。")
