"""Approved exceptions (批准例外): one asks, another approves; planner and acts then let it pass (docs/rules.md §4)."""

import datetime
from typing import Any

from django.urls import reverse
from django.utils import timezone

from accounts import audit
from accounts.models import User
from batches.models import Batch, Waiver
from batches.planning.problem import WAIVABLE
from batches.revision import locked_batch
from batches.waivers import Way, endings, require_end, rule_in_words, way_of
from config.errors import Conflict, DomainError
from office.actions import notify


def ask_waiver(
    *, batch: Batch, rule: str, subject: str, label: str, reason: str, by: User, until: datetime.date | None = None
) -> Waiver:
    """Ask that a rule be set aside for one subject (written as the planner writes it). Somebody else has to approve.

    Raises DomainError "not_waivable", "reason_needed", "until_past", "until_too_early", "asked_already".
    """
    if rule not in WAIVABLE:
        raise DomainError("not_waivable", f"{rule} 不能例外：它关系安全或法定节假日，只能改安排。")
    if not reason.strip():
        raise DomainError("reason_needed", "请写明为什么要例外。")
    require_end(batch, until)
    with audit.act("ask_waiver", by=by, subject=batch, reason=reason, rule=rule, about=subject):
        locked_batch(batch)
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
    """Approve an exception that somebody else asked for; who asked is told.

    Raises DomainError "own_waiver", "approved_already", "waiver_expired", Conflict "waiver_ended" when it was taken back.
    """
    what: dict[str, Any] = {"rule": waiver.rule, "about": waiver.subject, "waiver": waiver.pk}
    with audit.act("approve_waiver", by=by, subject=waiver.batch, **what):
        fresh = Waiver.objects.select_for_update(of=("self",)).get(pk=waiver.pk)
        _require_current(fresh)
        if fresh.asked_by_id == by.pk:
            raise DomainError("own_waiver", "例外要由申请人以外的人批准。请另一位工作人员办理。")
        if fresh.approver_id is not None:
            raise DomainError("approved_already", "这条例外已经批准。")
        fresh.approver, fresh.approved_at = by, timezone.now()
        fresh.save(update_fields=["approver", "approved_at"])
        _tell(fresh, [fresh.asked_by], "已批准", f"{by.name}已批准，下次编排和调班照此办理")


def end_waiver(*, waiver: Waiver, by: User, reason: str) -> Way:
    """Take an exception back: it was valid until yesterday. The row stays, the trail keeps who, when and why; who asked and who
    approved are told, but for whoever does it. Answers with what it was: a colleague may have approved it just before.

    Raises DomainError "reason_needed", "waiver_expired", Conflict "waiver_ended" when somebody else has done it.
    """
    if not reason.strip():
        raise DomainError("reason_needed", "请写明原因。")
    what: dict[str, Any] = {"rule": waiver.rule, "about": waiver.subject, "waiver": waiver.pk}
    with audit.act("end_waiver", by=by, subject=waiver.batch, reason=reason, **what):
        fresh = Waiver.objects.select_for_update(of=("self",)).get(pk=waiver.pk)
        _require_current(fresh)
        fresh.until = timezone.localdate() - datetime.timedelta(days=1)
        fresh.save(update_fields=["until"])
        others = [user for user in (fresh.asked_by, fresh.approver) if user is not None and user.pk != by.pk]
        way = way_of(fresh, by.pk)
        _tell(fresh, others, way.done, f"{by.name}{way.done}，原因：{reason.strip()}")
    return way


def _require_current(waiver: Waiver) -> None:
    """Nobody has taken it back, and its last day is not over."""
    if waiver.until is None or waiver.until >= timezone.localdate():
        return
    ending = endings(waiver.batch).get(waiver.pk)
    if ending is None:
        raise DomainError("waiver_expired", "这条例外的有效期已过。还要用的，请重新提出。")
    done = way_of(waiver, ending.by_pk).done
    raise Conflict(
        "waiver_ended",
        f"没有办：{waiver.subject_label}的 {waiver.rule} 例外，{ending.by}{done}（{ending.reason}）。请看列表里的新情况。",
    )


def _tell(waiver: Waiver, users: list[User], done: str, how: str) -> None:
    notify(
        addressees=users, subject=f"{waiver.batch}的例外{done}",
        text=f"{waiver.subject_label}的 {rule_in_words(waiver.rule)}例外：{how}。",
        url=reverse("batches:waivers", args=[waiver.batch_id]),
    )  # fmt: skip
