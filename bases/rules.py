"""Who may do what with bases: the centre everywhere, a township's liaison and a base's manager in their own."""

import rules
from django.db.models import Q
from django.utils import timezone

from accounts.models import User
from accounts.rules import is_centre_staff, is_leader
from bases.models import PracticeBase


def in_force(prefix: str = "") -> Q:
    """Rows of dated grants (since, until inclusive) that hold today."""
    today = timezone.localdate()
    return Q(**{f"{prefix}since__lte": today}) & (
        Q(**{f"{prefix}until__isnull": True}) | Q(**{f"{prefix}until__gte": today})
    )


@rules.predicate
def is_township_liaison(user: User) -> bool:
    """Looks after the bases of at least one township now."""
    return bool(user.is_active and user.township_liaisons.filter(in_force()).exists())


@rules.predicate
def is_base_manager(user: User) -> bool:
    """Runs at least one base now."""
    return bool(user.is_active and user.managed_bases.filter(in_force()).exists())


@rules.predicate
def is_liaison_of(user: User, base: PracticeBase | None) -> bool:
    """Looks after the township that this base lies in."""
    return base is not None and bool(
        user.is_active and user.township_liaisons.filter(in_force(), township__villages__base=base).exists()
    )


@rules.predicate
def is_manager_of(user: User, base: PracticeBase | None) -> bool:
    """Runs this base."""
    return base is not None and bool(user.is_active and user.managed_bases.filter(in_force(), base=base).exists())


may_see_bases = is_centre_staff | is_leader | is_township_liaison | is_base_manager
may_see_all_bases = is_centre_staff | is_leader
may_run_bases = is_centre_staff | is_township_liaison | is_base_manager
may_judge_households = is_centre_staff | is_township_liaison
may_run_base = is_centre_staff | is_liaison_of | is_manager_of
may_judge_households_of = is_centre_staff | is_liaison_of
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
