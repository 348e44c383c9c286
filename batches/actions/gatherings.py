"""Gatherings that do not take place as planned."""

import datetime

from accounts import audit
from accounts.models import User
from batches.actions.guests import guests_of
from batches.actions.notices import Expected, Touched, expected_at_bases, say_bases, tell_keepers
from batches.actions.projection import hold_gatherings, let_go
from batches.fixed import require_may_fall_out
from batches.models import Batch, Gathering
from batches.revision import change_arrangement
from config.errors import DomainError
from office.actions import notify


def cancel_gathering(*, gathering: Gathering, by: User, reason: str, seen: int | None = None) -> None:
    """A gathering falls out (typhoon, flood …): base and beds are free again; everybody concerned is told.

    Days, nights and what is owed follow by themselves. Raises DomainError once it was held, and "fixed" while
    somebody has fixed it; Conflict when the arrangement is no longer the one `seen`.
    """
    if not reason.strip():
        raise DomainError("reason_needed", "请写明取消的原因，会通知学员和基地。")
    with audit.act("cancel_gathering", by=by, subject=gathering, reason=reason) as entry:
        batch = change_arrangement(gathering.practice_class.batch, entry, seen=seen)
        require_may_fall_out(batch, [gathering])
        expected = expected_at_bases(batch)
        _cancel(gathering, by, reason)
        _tell_bases(batch, expected)


def _cancel(gathering: Gathering, by: User, reason: str) -> None:
    fresh = hold_gatherings(Gathering.objects.filter(pk=gathering.pk).select_related("practice_class__batch"))[0]
    if fresh.state != Gathering.State.PLANNED:
        raise DomainError("not_planned", f"{fresh}已经是“{fresh.get_state_display()}”，不能取消。")
    guests = [row.enrollment.cadre.user for row in guests_of([fresh])]
    let_go(fresh, reason, by)
    _tell(fresh, reason, guests)


def cancel_days(
    *, batch: Batch, first_day: datetime.date, last_day: datetime.date, by: User, reason: str, seen: int | None = None
) -> int:
    """Cancel every planned gathering of a batch that touches these days (a typhoon weekend); returns how many.

    None of them may be fixed: raises DomainError "reason_needed", "nothing_planned", "fixed", Conflict.
    """
    touched = Gathering.objects.filter(
        practice_class__batch=batch, state=Gathering.State.PLANNED, first_day__lte=last_day, last_day__gte=first_day
    ).select_related("practice_class__batch")  # fmt: skip
    if not reason.strip():
        raise DomainError("reason_needed", "请写明取消的原因，会通知学员和基地。")
    with audit.act("cancel_days", by=by, subject=batch, reason=reason, first_day=first_day, last_day=last_day) as entry:
        change_arrangement(batch, entry, seen=seen)
        rows = hold_gatherings(touched)
        if not rows:
            raise DomainError("nothing_planned", "这些日期没有安排集中，不用取消。")
        require_may_fall_out(batch, rows)
        expected = expected_at_bases(batch)
        for gathering in rows:
            with audit.act("cancel_gathering", by=by, subject=gathering, reason=reason):
                _cancel(gathering, by, reason)
        _tell_bases(batch, expected)
        entry.data["gatherings"] = len(rows)
    return len(rows)


def _tell_bases(batch: Batch, expected: Expected) -> None:
    """Those who look after the bases at which nobody comes any more."""
    touched = Touched()
    say_bases(expected, expected_at_bases(batch), touched)
    tell_keepers(batch, touched)


def _tell(gathering: Gathering, reason: str, guests: list[User | None]) -> None:
    members = gathering.practice_class.memberships.filter(
        live=True, days__contains=gathering.first_day, enrollment__live=True
    ).select_related("enrollment__cadre__user")  # fmt: skip
    notify(
        addressees=[row.enrollment.cadre.user for row in members], url="/activities/me/",
        subject=f"{gathering.first_day:%m-%d} 集中取消", text=f"{gathering}取消：{reason}。缺的天数怎么补，看首页“还欠什么”。",
    )  # fmt: skip
    notify(
        addressees=guests, url="/activities/me/",
        subject=f"{gathering.first_day:%m-%d} 补课取消",
        text=f"您补课的{gathering}取消：{reason}。补课不算了，请另选一次。",
    )  # fmt: skip
