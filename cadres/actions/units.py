"""What the service centre settles for a unit."""

from accounts import audit
from accounts.models import User
from cadres.models import Unit


def set_unit_quota(*, unit: Unit, quota: int | None, reason: str, by: User) -> Unit:
    """How many people of a unit one batch may take; None: as many as the programme says (R01 of docs/rules.md)."""
    with audit.act("set_unit_quota", by=by, subject=unit, reason=reason, quota=quota):
        locked = Unit.objects.select_for_update().get(pk=unit.pk)
        locked.quota = quota
        locked.save(update_fields=["quota"])
    return locked
