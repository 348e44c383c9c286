"""Who may do what with cadres: the centre with all, a unit's liaison with the own unit's people, a cadre with the own data."""

import datetime

import rules
from django.db.models import OuterRef, Q
from django.utils import timezone

from accounts.models import User
from accounts.rules import is_centre_staff, is_leader
from cadres.models import Cadre, Unit


def in_force(day: datetime.date | OuterRef | None = None) -> Q:
    """Rows of dated posts (since, until inclusive) that hold on a day (today): of units, townships, bases, classes alike."""
    day = day or timezone.localdate()
    return Q(since__lte=day) & (Q(until__isnull=True) | Q(until__gte=day))


@rules.predicate
def is_unit_liaison(user: User, unit: Unit | None = None) -> bool:
    """Liaison of the unit now; of any unit when none is given."""
    if not user.is_active:
        return False
    posts = user.unit_liaisons.filter(in_force())
    return (posts if unit is None else posts.filter(unit=unit)).exists()


@rules.predicate
def is_cadre(user: User) -> bool:
    """Has an account that belongs to a cadre."""
    return bool(user.is_active and Cadre.objects.filter(user=user).exists())


may_see_all_cadres = is_centre_staff | is_leader
may_import = is_centre_staff
may_export = is_centre_staff
may_see_unit = is_centre_staff | is_unit_liaison
may_enter_unavailability = is_centre_staff | is_unit_liaison
