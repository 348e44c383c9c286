"""What a person pays a household: dated rates, confirmed before a plan is published."""

import datetime
from decimal import Decimal

from django.db import IntegrityError
from django.db.backends.postgresql.psycopg_any import DateRange
from django.utils import timezone

from accounts import audit
from accounts.models import User
from bases.models import Rate
from cadres.models import Unit
from config.errors import Conflict, DomainError

AMOUNTS = ("breakfast", "lunch", "dinner", "night")


def set_rate(
    *,
    first_day: datetime.date,
    breakfast: Decimal,
    lunch: Decimal,
    dinner: Decimal,
    night: Decimal,
    by: User | None,
    township: Unit | None = None,
) -> Rate:
    """Enter the amounts in yuan that hold from `first_day` on, for a township or (None) the whole county; unconfirmed.

    The rate in force until then ends the day before. An unconfirmed rate of the same first day is corrected in place.
    Raises DomainError "amount_wrong", "rate_confirmed" (same day, already confirmed), "rate_later" (one begins later),
    Conflict("rate_conflict") when somebody else entered one at the same moment.
    """
    amounts = dict(zip(AMOUNTS, (breakfast, lunch, dinner, night), strict=True))
    for amount in amounts.values():
        if amount < 0 or amount != amount.quantize(Decimal("0.01")):
            raise DomainError("amount_wrong", f"金额 {amount} 不对：不能是负数，最多两位小数。请改。")
    try:
        with audit.act("set_rate", by=by) as entry:
            entry.data.update(amounts)
            existing = Rate.objects.select_for_update(of=["self"]).filter(township=township)
            later = existing.filter(days__startswith__gt=first_day).order_by("days").first()
            if later is not None:
                raise DomainError("rate_later", f"已有从 {later.days.lower} 起的标准。请从那天以后起填，或先改那一条。")
            former = existing.filter(days__contains=first_day).first()
            if former is not None and former.days.lower == first_day:
                rate = _corrected(former, amounts)
            else:
                if former is not None:
                    former.days = DateRange(former.days.lower, first_day)
                    former.save(update_fields=["days"])
                rate = Rate.objects.create(township=township, days=DateRange(first_day, None), **amounts)
            entry.about(rate)
    except IntegrityError as error:
        raise Conflict("rate_conflict", "没有保存：别人刚填了同一时期的标准。请刷新页面比较后再填。") from error
    return rate


def confirm_rate(*, rate: Rate, by: User) -> Rate:
    """Say that a rate is the county's own; from then on it can be paid by. Raises DomainError("rate_confirmed")."""
    with audit.act("confirm_rate", by=by, subject=rate):
        current = Rate.objects.select_for_update(of=["self"]).get(pk=rate.pk)
        if current.confirmed_at is not None:
            raise DomainError("rate_confirmed", f"{current}已经确认过，没有再记一次。")
        current.confirmed_by, current.confirmed_at = by, timezone.now()
        current.save(update_fields=["confirmed_by", "confirmed_at"])
    return current


def unconfirm_rate(*, rate: Rate, reason: str, by: User) -> Rate:
    """Take a confirmation back, so that the amounts can be corrected. Raises DomainError "reason_missing", "rate_unconfirmed"."""
    if not reason.strip():
        raise DomainError("reason_missing", "没有写明为什么撤回确认。请填写原因。")
    with audit.act("unconfirm_rate", by=by, subject=rate, reason=reason.strip()):
        current = Rate.objects.select_for_update(of=["self"]).get(pk=rate.pk)
        if current.confirmed_at is None:
            raise DomainError("rate_unconfirmed", f"{current}还没有确认，不用撤回。")
        current.confirmed_by = current.confirmed_at = None
        current.save(update_fields=["confirmed_by", "confirmed_at"])
    return current


def _corrected(rate: Rate, amounts: dict[str, Decimal]) -> Rate:
    if rate.confirmed_at is not None:
        raise DomainError("rate_confirmed", f"{rate}已经确认。要改金额请从另一天起填新标准，填错了先撤回确认。")
    for name, amount in amounts.items():
        setattr(rate, name, amount)
    rate.save(update_fields=list(AMOUNTS))
    return rate
