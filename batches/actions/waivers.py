"""Approved exceptions (批准例外): one asks, another approves; planner and acts then let it pass (docs/rules.md §4)."""

import datetime

from django.utils import timezone

from accounts import audit
from accounts.models import User
from batches.models import Batch, Waiver
from config.errors import DomainError

WAIVABLE = ("R01", "R02", "R03", "R04", "R07", "R08", "R14", "R15", "R16")


def ask_waiver(
    *, batch: Batch, rule: str, subject: str, label: str, reason: str, by: User, until: datetime.date | None = None
) -> Waiver:
    """Ask that a rule be set aside for one subject (written as the planner writes it). Somebody else has to approve.

    Raises DomainError "not_waivable", "reason_needed", "until_past", "asked_already".
    """
    if rule not in WAIVABLE:
        raise DomainError("not_waivable", f"{rule} 不能例外：它关系安全或法定节假日，只能改安排。")
    if not reason.strip():
        raise DomainError("reason_needed", "请写明为什么要例外。")
    if until is not None and until < timezone.localdate():
        raise DomainError("until_past", "有效期已经过去。请改成今天或以后，长期的空着。")
    with audit.act("ask_waiver", by=by, subject=batch, reason=reason, rule=rule, about=subject):
        Batch.objects.select_for_update().get(pk=batch.pk)
        if batch.waivers.filter(rule=rule, subject=subject, until=until).exists():
            raise DomainError("asked_already", "同样的例外已经提过。请在下面的列表里看进展。")
        return Waiver.objects.create(
            batch=batch,
            rule=rule,
            subject=subject,
            subject_label=label[:120],
            reason=reason[:200],
            asked_by=by,
            until=until,
        )


def approve_waiver(*, waiver: Waiver, by: User) -> None:
    """Approve an exception that somebody else asked for. Raises DomainError "own_waiver", "approved_already"."""
    with audit.act("approve_waiver", by=by, subject=waiver.batch, rule=waiver.rule, about=waiver.subject):
        fresh = Waiver.objects.select_for_update(of=("self",)).get(pk=waiver.pk)
        if fresh.asked_by_id == by.pk:
            raise DomainError("own_waiver", "例外要由申请人以外的人批准。请另一位工作人员办理。")
        if fresh.approver_id is not None:
            raise DomainError("approved_already", "这条例外已经批准。")
        fresh.approver, fresh.approved_at = by, timezone.now()
        fresh.save(update_fields=["approver", "approved_at"])


def end_waiver(*, waiver: Waiver, by: User, reason: str) -> None:
    """Take an exception back: one not yet approved goes, an approved one is valid until yesterday."""
    if not reason.strip():
        raise DomainError("reason_needed", "请写明为什么取消例外。")
    with audit.act("end_waiver", by=by, subject=waiver.batch, reason=reason, rule=waiver.rule, about=waiver.subject):
        fresh = Waiver.objects.select_for_update(of=("self",)).get(pk=waiver.pk)
        if fresh.approver_id is None:
            fresh.delete()
            return
        fresh.until = timezone.localdate() - datetime.timedelta(days=1)
        fresh.save(update_fields=["until"])
