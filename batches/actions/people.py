"""People of a batch after publication: moved to another class, added late, withdrawn."""

import datetime
import math

from django.db.backends.postgresql.psycopg_any import DateRange
from django.db.models import Q
from django.utils import timezone

from accounts import audit
from accounts.models import User
from batches.actions.beds import relodge
from batches.actions.guests import settle_own
from batches.actions.names import require_place
from batches.actions.notices import (
    Expected,
    Touched,
    expected_at_bases,
    say_bases,
    say_mentors,
    tell_keepers,
    tell_mentors,
)
from batches.actions.projection import DAY
from batches.actions.staff import end_rows
from batches.fixed import require_may_sit_in, require_may_stay_away
from batches.models import Batch, ClassMembership, ClassOffice, Enrollment, PracticeClass
from batches.plan_ids import key
from batches.queries import GONE, seated
from batches.revision import change_arrangement, locked_class
from batches.states import CHANGING
from batches.waivers import is_waived
from cadres.models import Cadre
from config.errors import DomainError
from office.actions import notify


def _require_running(batch: Batch) -> None:
    if batch.state not in CHANGING:
        raise DomainError(
            "not_running", f"{batch}现在是“{batch.get_state_display()}”，只有已发布或实践中的期才能调人。"
        )


def _require_room(practice_class: PracticeClass, cadre: Cadre, day: datetime.date) -> None:
    """R04 upper limit, R02 and R03 for one more member; a waiver for the exact subject sets R02 or R03 aside."""
    batch = practice_class.batch
    locked_class(practice_class)
    present = ClassMembership.objects.filter(seated(day), practice_class__batch=batch).exclude(enrollment__cadre=cadre)
    full = present.filter(practice_class=practice_class).count() >= batch.programme.class_size_max
    if full and not is_waived(batch, "R04", key("K", practice_class.pk)):
        raise DomainError(
            "class_full",
            f"{practice_class.short_name}已满 {batch.programme.class_size_max} 人（R04）。请换一个班，或申请批准例外。",
        )
    mates = list(present.filter(enrollment__cadre__unit=cadre.unit).select_related("practice_class"))
    subject = f"{key('U', cadre.unit_id)}@{key('B', batch.pk)}"
    classes = batch.classes.filter(track=practice_class.track).count()
    together = sum(row.practice_class_id == practice_class.pk for row in mates) + 1
    if together > math.ceil((len(mates) + 1) / classes) and not is_waived(
        batch, "R02", f"{subject}/{key('W', practice_class.track_id)}"
    ):
        raise DomainError(
            "unit_together",
            f"{practice_class.short_name}已有{cadre.unit}的人（R02 同单位分在不同班）。请换一个班，或申请批准例外。",
        )
    odd = sum(row.practice_class.parity == "odd" for row in mates) + (practice_class.parity == "odd")
    even = len(mates) + 1 - odd
    if mates and (not odd or not even) and not is_waived(batch, "R03", subject):
        raise DomainError(
            "all_away", f"这样{cadre.unit}的人会在同一周全部离岗（R03）。请换到另一种周次的班，或申请批准例外。"
        )


def move_member(
    *,
    enrollment: Enrollment,
    to: PracticeClass,
    from_day: datetime.date,
    by: User,
    reason: str,
    seen: int | None = None,
) -> ClassMembership:
    """Move somebody to another class of the batch from a day on; days, nights and what is owed follow by themselves.

    Beds of the old class's coming gatherings are given up, the new class's are found; where none is free the gathering shows
    it as a finding. Make-ups with the new class, or on its days, end. Raises DomainError "fixed" for somebody fixed to
    another class, others when a rule stands against it (R02, R03, R04) and no waiver sets it aside, Conflict when the
    arrangement is no longer the one `seen`.
    """
    if not reason.strip():
        raise DomainError("reason_needed", "请写明调班的原因。")
    with audit.act("move_member", by=by, subject=enrollment, reason=reason, to=to.number, from_day=from_day) as entry:
        batch = change_arrangement(enrollment.batch, entry, seen=seen)
        _require_running(batch)
        if to.batch_id != batch.pk:
            raise DomainError("other_batch", "只能调到同一期的班。")
        current = enrollment.memberships.filter(live=True, days__contains=_within(batch, from_day)).first()
        if current is None or not enrollment.live or enrollment.state in GONE:
            raise DomainError("not_a_member", f"{enrollment.cadre}在那天不在任何班里，不能调班。")
        if current.practice_class_id == to.pk:
            raise DomainError("same_class", f"{enrollment.cadre}本来就在{to.short_name}。")
        require_may_sit_in(to, enrollment.cadre)
        _require_room(to, enrollment.cadre, _within(batch, from_day))
        expected = expected_at_bases(batch)
        end_membership(current, from_day, reason)
        membership = _begin_membership(enrollment, to, from_day, batch, reason)
        end_offices(current, from_day)
        relodge(enrollment, [current.practice_class], to, from_day, by)
        ended = settle_own(enrollment, from_day, by)
        moved = f"从{current.practice_class.short_name}调到{to.short_name}（{from_day:%m-%d} 起）"
        _tell(enrollment, f"您{moved}", "；".join([reason, *ended]))
        _tell_others(enrollment, moved, expected)
    return membership


def _within(batch: Batch, day: datetime.date) -> datetime.date:
    return min(max(day, batch.first_day), batch.last_day)


def end_membership(membership: ClassMembership, day: datetime.date, reason: str) -> None:
    """End it before `day`; a membership that would have no day left never counted and is no longer live."""
    begins = membership.days.lower
    if begins is None or begins >= day:
        membership.live = False
    else:
        membership.days = DateRange(begins, day)
    membership.reason = reason[:200]
    membership.save()


def _begin_membership(
    enrollment: Enrollment, to: PracticeClass, day: datetime.date, batch: Batch, reason: str
) -> ClassMembership:
    """A seat that somebody gives: later versions move others first."""
    return ClassMembership.objects.create(
        enrollment=enrollment,
        practice_class=to,
        days=DateRange(_within(batch, day), batch.last_day + DAY),
        reason=reason[:200],
        by_hand=True,
    )


def end_offices(membership: ClassMembership, day: datetime.date) -> list[int]:
    """Offices held in that class end before `day`, also those that had an end set on it or later; those that would only
    begin then are gone. Returns them."""
    rows = ClassOffice.objects.filter(Q(until__isnull=True) | Q(until__gte=day), membership=membership)
    found = list(rows.order_by("pk").values_list("pk", flat=True))
    end_rows(rows, day)
    return found


def add_late(
    *,
    batch: Batch,
    cadre: Cadre,
    to: PracticeClass,
    from_day: datetime.date,
    by: User,
    reason: str,
    seen: int | None = None,
) -> Enrollment:
    """Enroll somebody after publication, in a class from a day on (within the unit's places, R01; fixed to no other)."""
    if not reason.strip():
        raise DomainError("reason_needed", "请写明中途加入的原因。")
    with audit.act("add_late", by=by, subject=batch, reason=reason, cadre=cadre.pk, to=to.number) as entry:
        locked = change_arrangement(batch, entry, seen=seen)
        _require_running(locked)
        if to.batch_id != batch.pk:
            raise DomainError("other_batch", "只能加进同一期的班。")
        if batch.enrollments.filter(cadre=cadre, live=True).exclude(state__in=GONE).exists():
            raise DomainError("already_enrolled", f"{cadre}已经在{batch}里。")
        if cadre.state != Cadre.State.IN_POST:
            raise DomainError("not_in_post", f"{cadre}不在职，不能加入。")
        require_may_sit_in(to, cadre)
        day = _within(locked, from_day)
        require_place(locked, cadre)
        _require_room(to, cadre, day)
        expected = expected_at_bases(locked)
        enrollment = join(locked, cadre.pk, day, reason)
        still = enrollment.memberships.filter(live=True, days__endswith__gt=day).select_related("practice_class")
        left = list(still.order_by("days", "pk"))  # who would have left later, and comes back before that
        for membership in left:
            end_membership(membership, day, reason)
            if membership.practice_class_id != to.pk:
                end_offices(membership, day)
        _begin_membership(enrollment, to, day, locked, reason)
        relodge(enrollment, [row.practice_class for row in left if row.practice_class_id != to.pk], to, day, by)
        _tell(enrollment, f"您编入{batch}{to.short_name}（{day:%m-%d} 起）", reason)
        _tell_others(enrollment, f"编入{to.short_name}（{day:%m-%d} 起）", expected)
    return enrollment


def join(batch: Batch, cadre: int, day: datetime.date, reason: str) -> Enrollment:
    """A new enrollment, or the one of somebody who had left: the days attended before stay counted."""
    enrollment = batch.enrollments.filter(cadre=cadre).first() or Enrollment(batch=batch, cadre_id=cadre)
    stayed = enrollment.pk is not None and enrollment.memberships.filter(live=True).exists()
    running = batch.state == Batch.State.RUNNING
    enrollment.live, enrollment.left_on, enrollment.reason = True, None, reason[:200]
    if not stayed:
        enrollment.joined_on = day
    enrollment.state = Enrollment.State.ATTENDING if running else Enrollment.State.CONFIRMED
    enrollment.save()
    return enrollment


def withdraw_enrollment(
    *, enrollment: Enrollment, on_day: datetime.date, by: User, reason: str, seen: int | None = None
) -> None:
    """Somebody leaves the batch from a day on; what was attended before it stays counted.

    Make-ups from that day on end with it; the person is told, the mentor, the head teachers of the classes where they were,
    and those who look after bases that expect fewer. Raises
    DomainError "reason_needed", "not_running", "day_outside", "not_enrolled", "fixed" (to a class, or to attend), Conflict when
    the arrangement is no longer the one `seen`.
    """
    if not reason.strip():
        raise DomainError("reason_needed", "请写明退出的原因。")
    with audit.act("withdraw_enrollment", by=by, subject=enrollment, reason=reason, on_day=on_day) as entry:
        batch = change_arrangement(enrollment.batch, entry, seen=seen)
        _require_running(batch)
        if enrollment.live and enrollment.state in GONE and enrollment.left_on is not None:
            raise DomainError(
                "not_enrolled",
                f"{enrollment.cadre}已登记从 {enrollment.left_on:%m-%d} 起退出{batch}。要改日子，先用“中途加入”加回来再办。",
            )
        if not min(batch.first_day, timezone.localdate()) <= on_day <= batch.last_day:
            raise DomainError(
                "day_outside", f"{on_day} 不在{batch}里。请改成 {batch.first_day} 至 {batch.last_day} 的一天。"
            )
        if not enrollment.live or enrollment.state in GONE:
            raise DomainError("not_enrolled", f"{enrollment.cadre}已经不在{batch}里。")
        require_may_stay_away(batch, enrollment.cadre)
        expected = expected_at_bases(batch)
        memberships = enrollment.memberships.filter(live=True, days__endswith__gt=on_day)
        leaves = list(memberships.select_related("practice_class").order_by("days", "pk"))
        for membership in leaves:
            end_membership(membership, on_day, reason)
            end_offices(membership, on_day)
        relodge(enrollment, [row.practice_class for row in leaves], None, on_day, by)
        enrollment.state, enrollment.left_on, enrollment.reason = Enrollment.State.WITHDRAWN, on_day, reason[:200]
        enrollment.live = enrollment.memberships.filter(live=True).exists()
        enrollment.save()
        ended = settle_own(enrollment, on_day, by)
        _tell(enrollment, f"您从 {on_day:%m-%d} 起不再参加{batch}", "；".join([reason, *ended]))
        _tell_others(enrollment, f"从 {on_day:%m-%d} 起不再参加{batch}", expected)


def _tell(enrollment: Enrollment, subject: str, text: str) -> None:
    notify(addressees=[enrollment.cadre.user], subject=subject, text=text, url="/activities/me/")


def _tell_others(enrollment: Enrollment, what: str, before: Expected) -> None:
    """The person's mentor, and those who look after the bases that expect one more or one fewer than `before`."""
    batch, touched = enrollment.batch, Touched()
    say_mentors(enrollment, what, touched)
    say_bases(before, expected_at_bases(batch), touched)
    tell_mentors(batch, touched)
    tell_keepers(batch, touched)
