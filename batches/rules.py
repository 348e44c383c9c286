"""Who may do what in batches: every role but the county-wide ones follows from dated rows."""

import datetime
from typing import Any

import rules
from django.db.models import OuterRef, QuerySet

from accounts.models import User
from accounts.rules import is_centre_staff, is_leader
from batches.models import ClassMembership, ClassOffice, ClassStaff, Enrollment, Gathering, Mentorship, PracticeClass
from cadres.rules import in_force as holds_on
from cadres.rules import is_unit_liaison


def in_force(rows: QuerySet[Any], day: datetime.date | OuterRef | None = None) -> QuerySet[Any]:
    """Dated rows (since, until) that hold on a day (today)."""
    return rows.filter(holds_on(day))


def held(rows: QuerySet[Any], day: datetime.date | None = None) -> QuerySet[Any]:
    """Offices of living memberships that hold on a day (today)."""
    return in_force(rows, day).filter(membership__live=True)


def _class_of(target: PracticeClass | Gathering) -> PracticeClass:
    return target.practice_class if isinstance(target, Gathering) else target


@rules.predicate
def is_monitor(user: User, target: PracticeClass | Gathering | None = None) -> bool:
    """Monitor or deputy of the class; of any class when none is given."""
    rows = held(ClassOffice.objects.filter(membership__enrollment__cadre__user=user))
    return (rows if target is None else rows.filter(membership__practice_class=_class_of(target))).exists()


def _staff(user: User, target: PracticeClass | Gathering | None, kind: str) -> bool:
    rows = in_force(ClassStaff.objects.filter(user=user, kind=kind))
    return (rows if target is None else rows.filter(practice_class=_class_of(target))).exists()


@rules.predicate
def is_head_teacher(user: User, target: PracticeClass | Gathering | None = None) -> bool:
    return _staff(user, target, ClassStaff.Kind.HEAD_TEACHER)


@rules.predicate
def is_counsellor(user: User, target: PracticeClass | Gathering | None = None) -> bool:
    return _staff(user, target, ClassStaff.Kind.COUNSELLOR)


@rules.predicate
def is_mentor(user: User, enrollment: Enrollment | None = None) -> bool:
    rows = in_force(Mentorship.objects.filter(user=user))
    return (rows if enrollment is None else rows.filter(enrollment=enrollment)).exists()


@rules.predicate
def is_own_enrollment(user: User, enrollment: Enrollment | None = None) -> bool:
    """The cadre's own enrollment; anybody who is enrolled at all when none is given."""
    rows = Enrollment.objects.filter(cadre__user=user, live=True)
    return (rows if enrollment is None else rows.filter(pk=enrollment.pk)).exists()


@rules.predicate
def is_member(user: User, target: PracticeClass | Gathering | None = None) -> bool:
    """A present or former member of the class."""
    rows = ClassMembership.objects.filter(enrollment__cadre__user=user, live=True)
    return (rows if target is None else rows.filter(practice_class=_class_of(target))).exists()


may_run_batches = is_centre_staff
may_see_batches = is_centre_staff | is_leader
may_answer_nominations = is_centre_staff | is_unit_liaison

# Attendance
may_keep_attendance = is_centre_staff | is_head_teacher | is_monitor
may_decide_leave = is_centre_staff | is_head_teacher
may_correct_presence = is_centre_staff | is_head_teacher
may_arrange_makeup = is_centre_staff | is_head_teacher


def role_facts(user: User) -> list[str]:
    """What the user is by rows of this app, in words: class staff, monitor or deputy, mentor, participant."""
    posts = in_force(ClassStaff.objects.filter(user=user)).select_related("practice_class__batch")
    offices = in_force(ClassOffice.objects.filter(membership__enrollment__cadre__user=user, membership__live=True))
    mentored = in_force(Mentorship.objects.filter(user=user, enrollment__live=True)).count()
    enrolled = Enrollment.objects.filter(cadre__user=user, live=True).select_related("batch")
    return [
        *(f"{row.get_kind_display()}（{row.practice_class}）" for row in posts.order_by("practice_class", "kind")),
        *(
            f"{row.get_kind_display()}（{row.membership.practice_class}）"
            for row in offices.select_related("membership__practice_class__batch").order_by("pk")
        ),
        *([f"导师（帮带{mentored}人）"] if mentored else []),
        *(f"{row.batch}学员" for row in enrolled.order_by("-batch__number")),
    ]
