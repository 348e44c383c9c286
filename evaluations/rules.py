"""Who scores whom, and who may not (2-domain §2.5 line 8)."""

import rules

from accounts.models import User
from accounts.rules import is_centre_staff, is_leader
from batches.rules import is_head_teacher, is_mentor
from evaluations.models import PanelMember


@rules.predicate
def is_panel_member(user: User) -> bool:
    return PanelMember.objects.filter(user=user).exists()


may_run_evaluations = is_centre_staff
may_see_results = is_centre_staff | is_leader
may_score = is_mentor | is_head_teacher | is_panel_member
may_key_in_paper = is_centre_staff
