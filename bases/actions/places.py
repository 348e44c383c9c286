"""Closing and reopening bases, households and rooms, and ending a base for good."""

import datetime

from django.db.models import Q
from django.utils import timezone

from accounts import audit
from accounts.models import User
from bases import queries
from bases.actions.uses import lock_bases
from bases.models import BaseUse, Closure, HostHousehold, PracticeBase, Room, shown_days
from config.days import refuse_outlandish
from config.errors import DomainError


def close_place(
    *,
    first_day: datetime.date,
    last_day: datetime.date,
    kind: str,
    by: User | None,
    base: PracticeBase | None = None,
    household: HostHousehold | None = None,
    room: Room | None = None,
    reason: str = "",
) -> Closure:
    """Close one place from first to last day, both included (停接): a base, a household or a room.

    Uses already entered stay; `queries.uses_touched(closure)` names them, and moving them is the planner's part.
    Raises DomainError "outlandish_day", "days_backwards", "one_place", "closed_already".
    """
    refuse_outlandish(first_day, last_day)
    if last_day < first_day:
        raise DomainError("days_backwards", "最后一天早于第一天。请改日期。")
    if sum(place is not None for place in (base, household, room)) != 1:
        raise DomainError("one_place", "停接要写明基地、农户、房间中的一处。请选择一处。")
    closure = Closure(
        base=base, household=household, room=room, days=queries.period(first_day, last_day), kind=kind,
        reason=reason.strip()[:200], entered_by=by,
    )  # fmt: skip
    with audit.act("close_place", by=by, reason=reason.strip()) as entry:
        lock_bases([closure.at_base.pk])
        other = Closure.objects.filter(
            Q(base=base) & Q(household=household) & Q(room=room), live=True, days__overlap=closure.days
        ).first()
        if other is not None:
            raise DomainError(
                "closed_already",
                f"{closure.place} {shown_days(other.days)}已经停接。请改日期，或先恢复原来那条。",
            )
        closure.save()
        entry.about(closure)
    return closure


def reopen_place(*, closure: Closure, by: User | None, reason: str, from_day: datetime.date | None = None) -> Closure:
    """Take guests again: from `from_day` on when that lies within the closure, else the closure is void as a whole.

    The row stays. Raises DomainError "reason_missing", "closure_void".
    """
    if not reason.strip():
        raise DomainError("reason_missing", "没有写明为什么恢复。请填写原因。")
    with audit.act("reopen_place", by=by, subject=closure, reason=reason.strip()):
        lock_bases([closure.at_base.pk])
        current = Closure.objects.select_for_update(of=["self"]).get(pk=closure.pk)
        if not current.live:
            raise DomainError("closure_void", f"{closure.place}的这条停接已经恢复。请刷新页面看最新状态。")
        first, last = queries.span(current.days)
        if from_day is not None and first < from_day <= last:
            current.days = queries.period(first, from_day - queries.DAY)
        else:
            current.live = False
        current.save(update_fields=["days", "live"])
    return current


def retire_base(*, base: PracticeBase, reason: str, by: User | None) -> PracticeBase:
    """End a base (停办): nothing new is planned there; its record stays, `restore_base` takes it back.

    Raises DomainError "reason_missing", "base_in_use" while uses from today on are left, naming the first.
    """
    if not reason.strip():
        raise DomainError("reason_missing", "没有写明为什么停办。请填写原因。")
    with audit.act("retire_base", by=by, subject=base, reason=reason.strip()):
        locked = lock_bases([base.pk])[base.pk]
        coming = BaseUse.objects.filter(base=locked, live=True, days__endswith__gt=timezone.localdate())
        first = coming.order_by("days").first()
        if first is not None:
            raise DomainError(
                "base_in_use",
                f"{base}还有 {coming.count()} 项安排，最近的是 {shown_days(first.days)}“{first.source}”。请先改到别处或取消。",
            )
        locked.state = PracticeBase.State.RETIRED
        locked.save(update_fields=["state"])
    return locked


def restore_base(*, base: PracticeBase, by: User | None, reason: str = "") -> PracticeBase:
    """Take a retired base back into planning."""
    with audit.act("restore_base", by=by, subject=base, reason=reason.strip()):
        locked = lock_bases([base.pk])[base.pk]
        locked.state = PracticeBase.State.OPEN
        locked.save(update_fields=["state"])
    return locked
