"""People of a batch after publication: moved, added late, withdrawn; and everybody who accompanies a class."""

import datetime
import math
from typing import Any

from django.db.backends.postgresql.psycopg_any import DateRange
from django.db.models import Q, QuerySet
from django.utils import timezone

from accounts import audit
from accounts.models import User
from bases.models import Bed, HostHousehold
from batches.actions.names import _require_place, is_waived
from batches.actions.projection import DAY, resize_site
from batches.models import (
    Batch,
    ClassMembership,
    ClassOffice,
    ClassStaff,
    Enrollment,
    Gathering,
    Lodging,
    Mentorship,
    PracticeClass,
)
from batches.planning_input import key
from cadres.models import Cadre
from config.errors import DomainError
from office.actions import notify


def _require_running(batch: Batch) -> None:
    if batch.state not in (Batch.State.PUBLISHED, Batch.State.RUNNING):
        raise DomainError(
            "not_running", f"{batch}现在是“{batch.get_state_display()}”，只有已发布或实践中的期才能调人。"
        )


def _require_room(practice_class: PracticeClass, cadre: Cadre, day: datetime.date) -> None:
    """R04 upper limit, R02 and R03 for one more member; a waiver for the exact subject sets R02 or R03 aside."""
    batch = practice_class.batch
    PracticeClass.objects.select_for_update().get(pk=practice_class.pk)
    present = ClassMembership.objects.filter(
        practice_class__batch=batch, live=True, days__contains=day, enrollment__live=True
    )
    if present.filter(practice_class=practice_class).count() >= batch.programme.class_size_max:
        raise DomainError(
            "class_full", f"{practice_class.short_name}已满 {batch.programme.class_size_max} 人（R04）。请换一个班。"
        )
    mates = list(present.filter(enrollment__cadre__unit=cadre.unit).exclude(enrollment__cadre=cadre).select_related(
        "practice_class"))  # fmt: skip
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
    *, enrollment: Enrollment, to: PracticeClass, from_day: datetime.date, by: User, reason: str
) -> ClassMembership:
    """Move somebody to another class of the batch from a day on; days, nights and what is owed follow by themselves.

    Beds of the old class's coming gatherings are given up, the new class's are found; where none is free the gathering shows
    it as a finding. Raises DomainError when a rule stands against it (R02, R03, R04) and no waiver sets it aside.
    """
    if not reason.strip():
        raise DomainError("reason_needed", "请写明调班的原因。")
    with audit.act("move_member", by=by, subject=enrollment, reason=reason, to=to.number, from_day=from_day):
        batch = Batch.objects.select_for_update().get(pk=enrollment.batch_id)
        _require_running(batch)
        if to.batch_id != batch.pk:
            raise DomainError("other_batch", "只能调到同一期的班。")
        current = enrollment.memberships.filter(live=True, days__contains=_within(batch, from_day)).first()
        if current is None or not enrollment.live:
            raise DomainError("not_a_member", f"{enrollment.cadre}在那天不在任何班里，不能调班。")
        if current.practice_class_id == to.pk:
            raise DomainError("same_class", f"{enrollment.cadre}本来就在{to.short_name}。")
        _require_room(to, enrollment.cadre, _within(batch, from_day))
        _end_membership(current, from_day, reason)
        membership = _begin_membership(enrollment, to, from_day, batch, reason)
        _end_offices(current, from_day)
        _relodge(enrollment, current.practice_class, to, from_day, by)
        _tell([enrollment], f"您从{current.practice_class.short_name}调到{to.short_name}", reason)
    return membership


def _within(batch: Batch, day: datetime.date) -> datetime.date:
    return min(max(day, batch.first_day), batch.last_day)


def _end_membership(membership: ClassMembership, day: datetime.date, reason: str) -> None:
    """End it before `day`; a membership that would have no day left never counted and is no longer live."""
    if membership.days.lower >= day:
        membership.live = False
    else:
        membership.days = DateRange(membership.days.lower, day)
    membership.reason = reason[:200]
    membership.save()


def _begin_membership(
    enrollment: Enrollment, to: PracticeClass, day: datetime.date, batch: Batch, reason: str
) -> ClassMembership:
    return ClassMembership.objects.create(
        enrollment=enrollment,
        practice_class=to,
        days=DateRange(_within(batch, day), batch.last_day + DAY),
        reason=reason[:200],
    )


def _end_offices(membership: ClassMembership, day: datetime.date) -> None:
    ClassOffice.objects.filter(membership=membership, until__isnull=True).update(until=day - DAY)


def _coming(practice_class: PracticeClass, day: datetime.date) -> QuerySet[Gathering]:
    return practice_class.gatherings.filter(state=Gathering.State.PLANNED, first_day__gte=day).order_by("first_day")


def _relodge(
    enrollment: Enrollment, leaves: PracticeClass | None, joins: PracticeClass | None, day: datetime.date, by: User
) -> None:
    if leaves is not None:
        for gathering in _coming(leaves, day):
            _give_up_bed(gathering, enrollment, by)
    if joins is not None:
        for gathering in _coming(joins, day):
            give_bed(gathering, enrollment, by)


def _give_up_bed(gathering: Gathering, enrollment: Enrollment, by: User) -> None:
    lodging = gathering.lodgings.filter(enrollment=enrollment, live=True).select_related("household").first()
    if lodging is None:
        return
    lodging.live = False
    lodging.save(update_fields=["live"])
    site = gathering.sites.filter(live=True, base=lodging.household.base_id).select_related("use", "gathering").first()
    if site is not None:
        resize_site(site, site.people - 1, by)


def give_bed(gathering: Gathering, enrollment: Enrollment, by: User) -> Lodging | None:
    """A bed for one more person at a gathering, or None when there is none (the gathering then shows it).

    Preferred is a household where people of the same class and sex already stay and the group is not full (R16: nobody
    alone); the base's capacity is reserved first.
    """
    bed = _free_bed(gathering, enrollment)
    if bed is None:
        return None
    site = gathering.sites.filter(live=True, base=bed.room.household.base_id).select_related("use", "gathering").get()
    try:
        resize_site(site, site.people + 1, by)
    except DomainError:
        resize_site(site, site.people, by)
        return None
    old = gathering.lodgings.filter(enrollment=enrollment).order_by("-pk").first()
    lodging = old or Lodging(gathering=gathering, enrollment=enrollment)
    lodging.bed, lodging.live = bed, True
    lodging.save()
    return lodging


def _free_bed(gathering: Gathering, enrollment: Enrollment) -> Bed | None:
    programme = gathering.practice_class.batch.programme
    nights = DateRange(gathering.first_day, gathering.last_day)
    days = DateRange(gathering.first_day, gathering.last_day + DAY)
    taken = Lodging.objects.filter(live=True, stay__overlap=nights)
    mates = list(gathering.lodgings.filter(live=True, sex=enrollment.cadre.sex).values_list("household", flat=True))
    open_households = [pk for pk in set(mates) if mates.count(pk) < programme.household_group_max]
    closed = Q(room__closures__live=True, room__closures__days__overlap=days) | Q(
        room__household__closures__live=True, room__household__closures__days__overlap=days
    )
    beds = (
        Bed.objects.filter(active=True, room__household__in=open_households)
        .filter(room__household__state=HostHousehold.State.ADMITTED)
        .exclude(closed)
        .exclude(pk__in=taken.values("bed"))
        .select_related("room__household")
        .order_by("room__household", "room", "number")
    )
    bed: Bed | None = beds.first()
    return bed


def add_late(
    *, batch: Batch, cadre: Cadre, to: PracticeClass, from_day: datetime.date, by: User, reason: str
) -> Enrollment:
    """Enroll somebody after publication, in a class from a day on (within the unit's places, R01)."""
    if not reason.strip():
        raise DomainError("reason_needed", "请写明中途加入的原因。")
    with audit.act("add_late", by=by, subject=batch, reason=reason, cadre=cadre.pk, to=to.number):
        locked = Batch.objects.select_for_update().get(pk=batch.pk)
        _require_running(locked)
        if to.batch_id != batch.pk:
            raise DomainError("other_batch", "只能加进同一期的班。")
        if batch.enrollments.filter(cadre=cadre, live=True).exists():
            raise DomainError("already_enrolled", f"{cadre}已经在{batch}里。")
        if cadre.state != Cadre.State.IN_POST:
            raise DomainError("not_in_post", f"{cadre}不在职，不能加入。")
        day = _within(locked, from_day)
        _require_place(locked, cadre.unit)
        _require_room(to, cadre, day)
        enrollment = batch.enrollments.filter(cadre=cadre).first() or Enrollment(batch=batch, cadre=cadre)
        running = locked.state == Batch.State.RUNNING
        enrollment.live, enrollment.joined_on, enrollment.left_on, enrollment.reason = True, day, None, reason
        enrollment.state = Enrollment.State.ATTENDING if running else Enrollment.State.CONFIRMED
        enrollment.save()
        _begin_membership(enrollment, to, day, locked, reason)
        _relodge(enrollment, None, to, day, by)
        _tell([enrollment], f"您编入{batch}{to.short_name}", reason)
    return enrollment


def withdraw_enrollment(*, enrollment: Enrollment, on_day: datetime.date, by: User, reason: str) -> None:
    """Somebody leaves the batch from a day on; what was attended before it stays counted."""
    if not reason.strip():
        raise DomainError("reason_needed", "请写明退出的原因。")
    with audit.act("withdraw_enrollment", by=by, subject=enrollment, reason=reason, on_day=on_day):
        batch = Batch.objects.select_for_update().get(pk=enrollment.batch_id)
        _require_running(batch)
        if not enrollment.live:
            raise DomainError("not_enrolled", f"{enrollment.cadre}已经不在{batch}里。")
        for membership in enrollment.memberships.filter(live=True, days__endswith__gt=on_day):
            _end_membership(membership, on_day, reason)
            _end_offices(membership, on_day)
            _relodge(enrollment, membership.practice_class, None, on_day, by)
        enrollment.state, enrollment.left_on, enrollment.reason = Enrollment.State.WITHDRAWN, on_day, reason
        enrollment.live = enrollment.memberships.filter(live=True).exists()
        enrollment.save()


def _tell(enrollments: list[Enrollment], subject: str, text: str) -> None:
    users = [row.cadre.user for row in enrollments if row.cadre.user is not None]
    notify(addressees=users, subject=subject, text=text, url="/activities/me/")


def assign_class_staff(*, practice_class: PracticeClass, user: User, kind: str, by: User) -> ClassStaff:
    """Head teacher or counsellor from today on. One head teacher a class: the one before ends yesterday."""
    today = timezone.localdate()
    with audit.act("assign_class_staff", by=by, subject=practice_class, kind=kind, user=user.pk):
        current = practice_class.staff.select_for_update().filter(kind=kind, until__isnull=True)
        if same := current.filter(user=user).first():
            return same
        if kind == ClassStaff.Kind.HEAD_TEACHER:
            _end_rows(current, today)
        return ClassStaff.objects.create(practice_class=practice_class, user=user, kind=kind, since=today)


def end_class_staff(*, post: ClassStaff, by: User) -> None:
    with audit.act("end_class_staff", by=by, subject=post.practice_class, kind=post.kind, user=post.user_id):
        _end_rows(ClassStaff.objects.filter(pk=post.pk, until__isnull=True), timezone.localdate())


def _end_rows(rows: Any, today: datetime.date) -> None:
    """End dated rows with yesterday; a row that began today never held and goes (nothing can refer to it yet)."""
    rows.filter(since__gte=today).delete()
    rows.update(until=today - DAY)


def assign_office(*, membership: ClassMembership, kind: str, by: User) -> ClassOffice:
    """Monitor or deputy from today on, as many a class as the programme says; one too many replaces the longest-serving."""
    today = timezone.localdate()
    programme = membership.practice_class.batch.programme
    limit = programme.monitors_per_class if kind == ClassOffice.Kind.MONITOR else programme.deputies_per_class
    with audit.act(
        "assign_office", by=by, subject=membership.practice_class, kind=kind, enrollment=membership.enrollment_id
    ):
        _end_rows(ClassOffice.objects.filter(membership=membership, until__isnull=True), today)
        current = ClassOffice.objects.select_for_update().filter(
            membership__practice_class=membership.practice_class, kind=kind, until__isnull=True
        ).order_by("since", "pk")  # fmt: skip
        surplus = list(current)[: max(0, current.count() - limit + 1)]
        _end_rows(ClassOffice.objects.filter(pk__in=[row.pk for row in surplus]), today)
        return ClassOffice.objects.create(membership=membership, kind=kind, since=today)


def assign_mentor(*, enrollments: list[Enrollment], user: User, by: User) -> int:
    """Make somebody the mentor of these people from today on; returns how many changed. Nobody mentors himself."""
    today = timezone.localdate()
    changed = 0
    with audit.act("assign_mentor", by=by, subject=user, people=len(enrollments)):
        for enrollment in enrollments:
            if enrollment.cadre.user_id == user.pk:
                raise DomainError("own_mentor", f"{user}不能做自己的导师。请换一位。")
            rows = Mentorship.objects.select_for_update().filter(enrollment=enrollment, until__isnull=True)
            if rows.filter(user=user).exists():
                continue
            _end_rows(rows, today)
            Mentorship.objects.create(enrollment=enrollment, user=user, since=today)
            changed += 1
    return changed
