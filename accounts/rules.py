"""Who holds which county-wide role: the predicates that rules of all apps are composed of."""

import rules

from accounts.models import Role, User


def _holds(role: Role, name: str) -> rules.Predicate:
    return rules.Predicate(lambda user: user.is_active and role in user.county_roles, name=name)


is_signed_in = rules.Predicate(lambda user: bool(user.is_authenticated and user.is_active), name="is_signed_in")
is_centre_staff = _holds(Role.CENTRE, "is_centre_staff")
is_leader = _holds(Role.LEADER, "is_leader")
is_system_administrator = _holds(Role.SYSTEM, "is_system_administrator")
is_security_administrator = _holds(Role.SECURITY, "is_security_administrator")
is_audit_administrator = _holds(Role.AUDIT, "is_audit_administrator")


may_manage_accounts = is_system_administrator | is_centre_staff
may_grant_roles = is_security_administrator
may_read_audit = is_audit_administrator


@rules.predicate
def holds_county_role(user: User, other: User | None) -> bool:
    """Whether the other account holds a county-wide role now."""
    return other is not None and bool(other.county_roles)


may_act_on_account = is_system_administrator | (is_centre_staff & ~holds_county_role)
"""Reset, disable, unlock: accounts with a county-wide role only by the system administrator, so that a password reset is no way
around the separation of roles."""
may_see_accounts = may_manage_accounts | is_security_administrator
