"""Days on which somebody cannot come."""

import datetime

from django.db import IntegrityError, transaction
from django.db.backends.postgresql.psycopg_any import DateRange

from accounts import audit
from accounts.models import User
from cadres.models import Cadre, Unavailability
from config.errors import Conflict, DomainError

DAY = datetime.timedelta(days=1)
LONGEST = 3 * 366


def enter_unavailability(
    *, cadre: Cadre, first_day: datetime.date, last_day: datetime.date, reason: str, by: User
) -> Unavailability:
    """Enter that a cadre cannot come from first to last day, both included; planning leaves those days free.

    Raises DomainError "reason_missing", "days_backwards", "days_too_many" beyond three years, "overlaps" with days entered
    before (the database refuses it).
    """
    if not reason.strip():
        raise DomainError("reason_missing", "没有写明为什么不能来。请填写原因，如产假、脱产学习。")
    if last_day < first_day:
        raise DomainError("days_backwards", "最后一天早于第一天。请改日期。")
    if (last_day - first_day).days > LONGEST:
        raise DomainError("days_too_many", "一次最多登记三年。请改日期；长期离岗的请在名册里改状态。")
    entered = Unavailability(
        cadre=cadre, days=DateRange(first_day, last_day + DAY), reason=reason.strip()[:200], entered_by=by
    )
    try:
        with audit.act("enter_unavailability", by=by) as entry, transaction.atomic():
            entered.save()
            entry.about(entered, label=f"{cadre} {first_day} 至 {last_day}")
    except IntegrityError as error:
        raise DomainError("overlaps", f"{cadre}在这些日子里已有登记。请改日期，或先作废原来那条。") from error
    return entered


def void_unavailability(*, unavailability: Unavailability, reason: str, by: User) -> Unavailability:
    """The cadre can come after all; the row stays with the reason. Raises DomainError "reason_missing", Conflict when void."""
    if not reason.strip():
        raise DomainError("reason_missing", "没有写明为什么作废。请填写原因。")
    with audit.act("void_unavailability", by=by, reason=reason.strip()) as entry:
        current = (
            Unavailability.objects.select_for_update(of=["self"]).select_related("cadre").get(pk=unavailability.pk)
        )
        if not current.live:
            raise Conflict("already_void", "这条不可用时间已经作废。请刷新页面看最新情况。")
        current.live = False
        current.voided_reason = reason.strip()[:200]
        current.save(update_fields=["live", "voided_reason"])
        entry.about(current, label=f"{current.cadre}的不可用时间")
    return current
