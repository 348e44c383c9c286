"""Who may write, hand in, accept and see records, reflections and reports: all of it follows from dated rows."""

import rules

from accounts.models import User
from accounts.rules import is_centre_staff, is_leader
from activities.models import ActivityRecord, Reflection, ResearchReport
from batches.models import PracticeClass
from batches.rules import (
    is_counsellor,
    is_head_teacher,
    is_mentor,
    is_monitor,
    is_own_enrollment,
)

Filed = ActivityRecord | Reflection | ResearchReport
"""What is filed and decided upon: the three papers."""


def class_of(paper: Filed) -> PracticeClass | None:
    """The class a paper belongs to; of a reflection the class its cadre was in last."""
    if isinstance(paper, Reflection):
        memberships = paper.enrollment.memberships.filter(live=True).select_related("practice_class__batch")
        membership = memberships.order_by("-days").first()
        return membership.practice_class if membership else None
    return paper.practice_class


@rules.predicate
def writes(user: User, paper: Filed | None = None) -> bool:
    """May write this paper: the class's monitor or deputy, the cadre herself, the centre on behalf of either."""
    if paper is None:
        return False
    if is_centre_staff.test(user):
        return True
    if isinstance(paper, Reflection):
        return bool(is_own_enrollment.test(user, paper.enrollment))
    return bool(is_monitor.test(user, class_of(paper)))


@rules.predicate
def reviews(user: User, paper: Filed | None = None) -> bool:
    """May accept or return this paper: head teacher or counsellor of its class, the cadre's mentor, the centre.

    Nobody decides on what they wrote themselves.
    """
    if paper is None or paper.author_id == user.pk:
        return False
    if is_centre_staff.test(user):
        return True
    if isinstance(paper, Reflection) and is_mentor.test(user, paper.enrollment):
        return True
    practice_class = class_of(paper)
    return practice_class is not None and bool(
        is_head_teacher.test(user, practice_class) or is_counsellor.test(user, practice_class)
    )


may_file_for_class = is_centre_staff | is_monitor
may_write = writes
may_review = reviews
may_void = writes | reviews
may_archive = is_centre_staff
may_review_somewhere = is_centre_staff | is_head_teacher | is_counsellor | is_mentor
may_follow_progress = is_centre_staff | is_leader | is_head_teacher | is_counsellor
may_see_all = is_centre_staff | is_leader
may_follow_attendance = may_follow_progress | is_monitor
is_enrolled = is_own_enrollment
is_class_monitor = is_monitor
may_void_absences = is_centre_staff | is_head_teacher | is_monitor | is_enrolled
may_act_on_papers = may_file_for_class | may_review_somewhere | is_enrolled
