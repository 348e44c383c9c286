"""Host households: application, review, public notice, admission, and what comes after.

Every act locks the base's row before the household's, so that beds never vanish under a reservation being made.
"""

import datetime
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import transaction
from django.utils import timezone

from accounts import audit
from accounts.models import User
from bases.actions.uses import lock_bases
from bases.models import HostHousehold, PracticeBase
from bases.states import HOUSEHOLD, transition
from config.days import refuse_outlandish
from config.errors import DomainError
from office.calendar import add_working_days

NOTICE_WORKING_DAYS = 5
"""A notice hangs for at least this many working days, the first included (the law leaves five as the custom)."""
DAY = datetime.timedelta(days=1)


def apply_household(
    *, base: PracticeBase, head: str, by: User | None, address: str = "", phone: str = "", history_bed_nights: int = 0
) -> HostHousehold:
    """Register a household's voluntary application to take guests; beds follow with `set_beds`.

    Raises DomainError "head_missing", "household_twice" when the same head at the same address has already applied here.
    """
    if not head.strip():
        raise DomainError("head_missing", "没有写户主。请填写户主姓名。")
    with audit.act("apply_household", by=by) as entry:
        lock_bases([base.pk])
        if HostHousehold.objects.filter(base=base, head=head.strip(), address=address.strip()).exists():
            raise DomainError(
                "household_twice", f"{base}已经登记过{head.strip()}家。是同名的另一户时，请写上不同的门牌。"
            )
        household = HostHousehold.objects.create(
            base=base, head=head.strip(), address=address.strip(), phone=phone.strip(),
            history_bed_nights=history_bed_nights,
        )  # fmt: skip
        entry.about(household)
    return household


def review_household(
    *, household: HostHousehold, by: User | None, finding: str = "", on: datetime.date | None = None
) -> HostHousehold:
    """Record that the village's party organisation has looked into the application and thinks it fit (村党组织研判).

    An unfit one is rejected by `reject_household`. `on` is the day of the review, today or earlier. Raises DomainError
    "illegal_transition", "day_in_future".
    """
    day = _past_day(on, "研判日期")
    return _act("review", household, by=by, reason=finding, reviewed_on=day)


def reject_household(*, household: HostHousehold, reason: str, by: User | None) -> HostHousehold:
    """Decline an application, with the reason (不予纳入). Raises DomainError "illegal_transition", "reason_missing"."""
    return _act("reject", household, by=by, reason=reason, open_objection="")


def open_notice(
    *, household: HostHousehold, by: User | None, until: datetime.date, first_day: datetime.date | None = None
) -> HostHousehold:
    """Put the household on public notice from `first_day` (today) until `until`, both included (公示).

    The notice must cover at least five working days by the county's calendar. Raises DomainError "outlandish_day",
    "illegal_transition", "not_reviewed", "notice_before_review", "notice_too_short" (naming the earliest last day).
    """
    first = first_day or timezone.localdate()
    refuse_outlandish(first, until)
    with _locked(household) as current:
        transition("open_notice", current.state)
        if current.reviewed_on is None:
            raise DomainError("not_reviewed", f"{current}还没有村党组织研判。请先登记研判，再公示。")
        if first < current.reviewed_on:
            raise DomainError("notice_before_review", "公示早于村党组织研判。请改公示日期。")
        earliest = shortest_notice(first)
        if until < earliest:
            raise DomainError(
                "notice_too_short",
                f"公示不少于 {NOTICE_WORKING_DAYS} 个工作日：{first} 起，最早到 {earliest}。请改公示截止日期。",
            )
        return _write(
            "open_notice", current, by=by, reason="", notice_from=first, notice_until=until, open_objection=""
        )


def shortest_notice(first: datetime.date) -> datetime.date:
    """The earliest last day of a notice that begins on `first`."""
    return add_working_days(first - DAY, NOTICE_WORKING_DAYS)


def cancel_notice(*, household: HostHousehold, reason: str, by: User | None) -> HostHousehold:
    """Take a notice down, back to the application (entered wrongly). An open objection must be settled first."""
    with _locked(household) as current:
        transition("cancel_notice", current.state)
        _no_open_objection(current)
        return _write("cancel_notice", current, by=by, reason=reason, notice_from=None, notice_until=None)


def raise_objection(*, household: HostHousehold, text: str, by: User | None) -> HostHousehold:
    """Record an objection against a household on notice; it bars admission until settled.

    Raises DomainError "illegal_transition", "reason_missing", "objection_open" when one is open already.
    """
    with _locked(household) as current:
        transition("raise_objection", current.state)
        if not text.strip():
            raise DomainError("reason_missing", "没有写明异议的内容。请填写。")
        if current.open_objection:
            raise DomainError(
                "objection_open", f"{current}已有一条异议没有了结：{current.open_objection}。请先了结，再登记新的。"
            )
        return _write("raise_objection", current, by=by, reason=text, open_objection=text.strip()[:200])


def settle_objection(*, household: HostHousehold, upheld: bool, finding: str, by: User | None) -> HostHousehold:
    """Close the open objection with what was found: not upheld, the notice goes on; upheld, the household goes back to
    its application, to be reviewed and put on notice anew (or rejected by `reject_household`).

    Raises DomainError "illegal_transition", "reason_missing", "no_objection".
    """
    with _locked(household) as current:
        transition("settle_objection", current.state)
        if not finding.strip():
            raise DomainError("reason_missing", "没有写明核查结果。请填写。")
        if not current.open_objection:
            raise DomainError("no_objection", f"{current}没有未了结的异议。请刷新页面看最新状态。")
        changes: dict[str, Any] = {"open_objection": ""}
        if upheld:
            changes.update(state=HostHousehold.State.APPLIED, reviewed_on=None, notice_from=None, notice_until=None)
        return _write("settle_objection", current, by=by, reason=finding, **changes)


def admit_household(*, household: HostHousehold, by: User | None, on: datetime.date | None = None) -> HostHousehold:
    """Take the household into the co-operative's management (纳管): its beds count from now on.

    Needs a full notice without an open objection (invariant 4). `on` is the day of admission, today or earlier.
    Raises DomainError "day_in_future", "outlandish_day", "illegal_transition", "objection_open", "notice_running" (with the
    first day that is possible).
    """
    day = _past_day(on, "纳管日期")
    with _locked(household) as current:
        transition("admit", current.state)
        _no_open_objection(current)
        if current.notice_from is None or current.notice_until is None:
            raise DomainError("not_on_notice", f"{current}没有公示记录。请先公示。")
        end = max(current.notice_until, shortest_notice(current.notice_from))
        if day <= end:
            raise DomainError("notice_running", f"{current}公示到 {end} 为止，期满后才能纳管，最早 {end + DAY}。")
        return _write("admit", current, by=by, reason="", admitted_on=day)


def suspend_household(*, household: HostHousehold, reason: str, by: User | None) -> HostHousehold:
    """Stop new guests until `resume_household`; guests already placed are the planner's to move (暂停).

    Raises DomainError "illegal_transition", "reason_missing".
    """
    return _act("suspend", household, by=by, reason=reason)


def resume_household(*, household: HostHousehold, by: User | None, reason: str = "") -> HostHousehold:
    """Take guests again after a suspension. Raises DomainError("illegal_transition")."""
    return _act("resume", household, by=by, reason=reason)


def withdraw_household(*, household: HostHousehold, reason: str, by: User | None) -> HostHousehold:
    """The household leaves, or takes its application back (退出); its record stays, `reapply_household` begins anew.

    Raises DomainError "illegal_transition", "reason_missing".
    """
    return _act("withdraw", household, by=by, reason=reason, open_objection="")


def reapply_household(*, household: HostHousehold, by: User | None, reason: str = "") -> HostHousehold:
    """Begin the course anew for a household that had left or been declined: review and notice are asked again."""
    return _act(
        "reapply", household, by=by, reason=reason,
        reviewed_on=None, notice_from=None, notice_until=None, admitted_on=None, open_objection="",
    )  # fmt: skip


def _past_day(day: datetime.date | None, label: str) -> datetime.date:
    today = timezone.localdate()
    if day is not None and day > today:
        raise DomainError("day_in_future", f"{label}不能晚于今天（{today}）。请改日期。")
    refuse_outlandish(day or today)
    return day or today


def _no_open_objection(household: HostHousehold) -> None:
    if household.open_objection:
        raise DomainError(
            "objection_open", f"{household}有异议没有了结：{household.open_objection}。请先核查并了结异议。"
        )


@contextmanager
def _locked(household: HostHousehold) -> Iterator[HostHousehold]:
    """The household as it stands, its base and itself locked until the act ends."""
    with transaction.atomic():
        lock_bases([household.base_id])
        yield HostHousehold.objects.select_for_update().get(pk=household.pk)


def _act(act: str, household: HostHousehold, *, by: User | None, reason: str, **changes: Any) -> HostHousehold:
    """An act that asks nothing but the table of states."""
    with _locked(household) as current:
        transition(act, current.state)
        return _write(act, current, by=by, reason=reason, **changes)


def _write(act: str, current: HostHousehold, *, by: User | None, reason: str, **changes: Any) -> HostHousehold:
    found = HOUSEHOLD[act]
    reason = reason.strip()
    if found.reason_needed and not reason:
        raise DomainError("reason_missing", f"没有写明为什么{found.label}。请填写原因。")
    if found.target is not None:
        changes.update(state=found.target, state_reason=reason[:200])
    name = act if act.endswith(("notice", "objection")) else f"{act}_household"
    with audit.act(name, by=by, subject=current, reason=reason):
        for field_name, value in changes.items():
            setattr(current, field_name, value)
        current.save(update_fields=list(changes))
    return current
