"""Who accompanies a class and who holds an office in it: dated rows, each with its end."""

import datetime
from typing import Any

from django.utils import timezone

from accounts import audit
from accounts.models import User
from batches.actions.projection import DAY
from batches.models import ClassMembership, ClassOffice, ClassStaff, Enrollment, Mentorship, PracticeClass
from batches.revision import locked_class
from config.errors import DomainError


def assign_class_staff(
    *, practice_class: PracticeClass, user: User, kind: str, by: User, since: datetime.date | None = None
) -> ClassStaff:
    """Head teacher or counsellor from a day on (today). One head teacher a class: the one before ends the day before."""
    today = since or timezone.localdate()
    with audit.act("assign_class_staff", by=by, subject=practice_class, kind=kind, user=user.pk):
        locked_class(practice_class)
        current = practice_class.staff.filter(kind=kind, until__isnull=True)
        if same := current.filter(user=user).first():
            return same
        if kind == ClassStaff.Kind.HEAD_TEACHER:
            end_rows(current, today)
        return ClassStaff.objects.create(practice_class=practice_class, user=user, kind=kind, since=today)


def end_class_staff(*, post: ClassStaff, by: User) -> None:
    with audit.act("end_class_staff", by=by, subject=post.practice_class, kind=post.kind, user=post.user_id):
        end_rows(ClassStaff.objects.filter(pk=post.pk, until__isnull=True), timezone.localdate())


def end_rows(rows: Any, day: datetime.date) -> None:
    """End dated rows before a day; a row that begins no earlier never held and goes (nothing can refer to it yet)."""
    rows.filter(since__gte=day).delete()
    rows.update(until=day - DAY)


def assign_office(
    *, membership: ClassMembership, kind: str, by: User, since: datetime.date | None = None
) -> ClassOffice:
    """Monitor or deputy from a day on (today), as many a class as the programme says.

    An office begins no earlier than a seat that was taken during the batch. One too many replaces the longest-serving.
    """
    today, seated = since or timezone.localdate(), membership.days.lower
    if seated is not None and membership.practice_class.batch.first_day < seated:
        today = max(today, seated)
    programme = membership.practice_class.batch.programme
    limit = programme.monitors_per_class if kind == ClassOffice.Kind.MONITOR else programme.deputies_per_class
    with audit.act(
        "assign_office", by=by, subject=membership.practice_class, kind=kind, enrollment=membership.enrollment_id
    ):
        locked_class(membership.practice_class)
        end_rows(ClassOffice.objects.filter(membership=membership, until__isnull=True), today)
        current = ClassOffice.objects.filter(
            membership__practice_class=membership.practice_class, kind=kind, until__isnull=True
        ).order_by("since", "pk")  # fmt: skip
        surplus = list(current)[: max(0, current.count() - limit + 1)]
        end_rows(ClassOffice.objects.filter(pk__in=[row.pk for row in surplus]), today)
        return ClassOffice.objects.create(membership=membership, kind=kind, since=today)


def assign_mentor(*, enrollments: list[Enrollment], user: User, by: User, since: datetime.date | None = None) -> int:
    """Make somebody the mentor of these people from a day on (today); returns how many changed. Nobody mentors himself."""
    today = since or timezone.localdate()
    changed = 0
    with audit.act("assign_mentor", by=by, subject=user, people=len(enrollments)):
        for enrollment in enrollments:
            if enrollment.cadre.user_id == user.pk:
                raise DomainError("own_mentor", f"{user}不能做自己的导师。请换一位。")
            rows = Mentorship.objects.select_for_update().filter(enrollment=enrollment, until__isnull=True)
            if rows.filter(user=user).exists():
                continue
            end_rows(rows, today)
            Mentorship.objects.create(enrollment=enrollment, user=user, since=today)
            changed += 1
    return changed


def end_office(*, office: ClassOffice, by: User) -> None:
    """The monitor's or deputy's office ends with yesterday."""
    with audit.act("end_office", by=by, subject=office.membership.practice_class, kind=office.kind, office=office.pk):
        end_rows(ClassOffice.objects.filter(pk=office.pk, until__isnull=True), timezone.localdate())


def end_mentoring(*, user: User, practice_class: PracticeClass, by: User) -> int:
    """The mentor accompanies nobody of this class any more, from today on; returns how many cadres that were."""
    with audit.act("end_mentoring", by=by, subject=practice_class, user=user.pk) as entry:
        members = practice_class.memberships.filter(live=True).values("enrollment")
        rows = Mentorship.objects.filter(user=user, enrollment__in=members, until__isnull=True)
        entry.data["people"] = count = rows.count()
        end_rows(rows, timezone.localdate())
    return count
