"""Who may do what with bases: the centre everywhere, a township's liaison and a base's manager in their own."""

import rules

from accounts.models import User
from accounts.rules import is_centre_staff, is_leader
from cadres.rules import in_force


@rules.predicate
def is_township_liaison(user: User) -> bool:
    """Looks after the bases of at least one township now."""
    return bool(user.is_active and user.township_liaisons.filter(in_force()).exists())


@rules.predicate
def is_base_manager(user: User) -> bool:
    """Runs at least one base now."""
    return bool(user.is_active and user.managed_bases.filter(in_force()).exists())


may_see_bases = is_centre_staff | is_leader | is_township_liaison | is_base_manager
may_see_all_bases = is_centre_staff | is_leader
may_run_bases = is_centre_staff | is_township_liaison | is_base_manager
may_judge_households = is_centre_staff | is_township_liaison
may_set_rates = is_centre_staff
may_see_rates = may_see_bases


def role_facts(user: User) -> list[str]:
    """What the user is by rows of this app, in words."""
    townships = user.township_liaisons.filter(in_force()).order_by("township__name")
    bases = user.managed_bases.filter(in_force()).order_by("base__village__name")
    return [
        *(f"乡镇联络员（{name}）" for name in townships.values_list("township__name", flat=True)),
        *(f"基地管理员（{name}）" for name in bases.values_list("base__village__name", flat=True)),
    ]
