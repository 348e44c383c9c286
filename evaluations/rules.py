"""Who scores whom, and who may not (invariant 8)."""

import rules

from accounts.models import User
from accounts.rules import is_centre_staff, is_leader
from batches.rules import is_head_teacher, is_mentor
from evaluations.models import Campaign, PanelMember, Result


@rules.predicate
def is_panel_member(user: User) -> bool:
    return PanelMember.objects.filter(user=user, live=True).exists()


@rules.predicate
def has_final_result(user: User) -> bool:
    return Result.objects.filter(enrollment__cadre__user=user, campaign__state=Campaign.State.FINAL).exists()


may_run_evaluations = is_centre_staff
may_see_results = is_centre_staff | is_leader
may_score = is_mentor | is_head_teacher | is_panel_member
may_see_evaluations = may_see_results | may_score | has_final_result
may_key_in_paper = is_centre_staff


def role_facts(user: User) -> list[str]:
    """What the user is by rows of this app, in words."""
    seats = (
        user.panel_seats.filter(live=True)
        .select_related("panel__campaign__batch")
        .order_by("-panel__campaign", "number")
    )
    return [f"评审团成员（{seat.panel.campaign.batch}）" for seat in seats]
