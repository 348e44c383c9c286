"""Acts on accounts and county-wide roles."""

import datetime
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from axes.utils import reset as reset_lock
from django.db import IntegrityError, transaction
from django.utils import timezone

from accounts import audit
from accounts.models import ADMINISTRATORS, Role, RoleGrant, User
from accounts.passwords import hash_one_time, one_time_password
from accounts.rules import may_act_on_account, may_grant_roles
from config.errors import DomainError

MOST_AT_ONCE = 400


@dataclass(frozen=True)
class Slip:
    """An account and its one-time password, to be printed once; the password is empty where the person has an own one."""

    user: User
    password: str


def issue_accounts(*, people: Sequence[tuple[str, str]], by: User | None) -> list[Slip]:
    """Accounts for (sign-in name, name) each, in the order given, with one-time passwords that must be changed at first use.

    Whoever has an account already and never used it gets a new one-time password (the old slip no longer works); whoever has
    set an own password keeps it, and the slip's password is empty. One-time passwords are kept nowhere.

    Raises DomainError: "too_many" beyond 400 people, "name_missing", "username_twice", "username_taken" when the sign-in name
    belongs to somebody of another name, "not_allowed" where a new password would open an account that `by` may not act on.
    """
    wanted = [(username.strip(), name.strip()) for username, name in people]
    _check_people(wanted)
    with audit.act("issue_accounts", by=by, people=len(wanted)) as entry:
        present = {user.username: user for user in User.objects.filter(username__in=[name for name, _ in wanted])}
        for username, name in wanted:
            if username in present and present[username].name != name:
                raise DomainError(
                    "username_taken",
                    f"登录名“{username}”已是“{present[username].name}”的账号：请给“{name}”换一个登录名。",
                )
        if by is not None:
            _guard_reissue(present.values(), by)
        fresh = [pair for pair in wanted if pair[0] not in present or present[pair[0]].must_change_password]
        passwords = {username: one_time_password() for username, _ in fresh}
        slips = []
        for username, name in wanted:
            user = present.get(username) or User(username=username, name=name)
            if username in passwords:
                user.password, user.must_change_password = hash_one_time(passwords[username]), True
                user.save()
            slips.append(Slip(user, passwords.get(username, "")))
        entry.data["issued"] = len(fresh)
        return slips


def _guard_reissue(present: Iterable[User], by: User) -> None:
    """A new slip is a new password: only who may reset an account's password may issue one again."""
    unused = {user.pk: user for user in present if user.must_change_password}
    holders = RoleGrant.objects.in_force().filter(user__in=unused).order_by("pk").values_list("user_id", flat=True)
    for user in (unused[pk] for pk in holders):
        if not may_act_on_account.test(by, user):
            raise DomainError(
                "not_allowed", f"“{user.name}”的账号有全县角色，只有系统管理员能发新的首次密码。请从名单里去掉。"
            )


def _check_people(people: list[tuple[str, str]]) -> None:
    if len(people) > MOST_AT_ONCE:
        raise DomainError("too_many", f"一次最多建{MOST_AT_ONCE}个账号，这里有{len(people)}个：请分几次办。")
    seen: set[str] = set()
    for username, name in people:
        if not username or not name:
            raise DomainError(
                "name_missing", f"“{username or name or '空行'}”缺登录名或姓名：每人一行，登录名在前，姓名在后。"
            )
        if len(username) > 40 or len(name) > 40 or any(c.isspace() or not c.isprintable() for c in username):
            raise DomainError(
                "name_too_long", f"“{username[:40]}”的登录名或姓名不合规：不超过40个字，登录名中间不能有空格。"
            )
        if username in seen:
            raise DomainError("username_twice", f"登录名“{username}”写了两次：请留一行。")
        seen.add(username)


def reset_password(*, user: User, by: User) -> Slip:
    """A new one-time password; the person's sessions end and a lock is lifted. Raises DomainError("not_allowed")."""
    _guard(user, by)
    password = one_time_password()
    with audit.act("reset_password", by=by, subject=user):
        user.password, user.must_change_password = hash_one_time(password), True
        user.save(update_fields=["password", "must_change_password"])
        reset_lock(username=user.username)
    return Slip(user, password)


def change_password(*, user: User, password: str) -> None:
    """The person's own new password, already validated by the form; other sessions of the account end."""
    with audit.act("change_password", by=user, subject=user):
        user.set_password(password)
        user.must_change_password = False
        user.password_changed_at = timezone.now()
        user.save(update_fields=["password", "must_change_password", "password_changed_at"])


def disable_account(*, user: User, reason: str, by: User) -> None:
    """Nobody signs in by it from now on; the next request of an open session is refused. Nothing is deleted."""
    _guard(user, by)
    if not reason.strip():
        raise DomainError("reason_missing", "请写明为什么停用。")
    with audit.act("disable_account", by=by, subject=user, reason=reason.strip()):
        User.objects.filter(pk=user.pk).update(is_active=False)


def enable_account(*, user: User, by: User) -> None:
    """The inverse of `disable_account`; the password is the old one."""
    _guard(user, by)
    with audit.act("enable_account", by=by, subject=user):
        User.objects.filter(pk=user.pk).update(is_active=True)


def unlock_account(*, user: User, by: User) -> None:
    """Forget the wrong passwords that were tried, so that the person can sign in at once."""
    _guard(user, by)
    with audit.act("unlock_account", by=by, subject=user):
        reset_lock(username=user.username)


def _guard(user: User, by: User) -> None:
    if user.pk == by.pk:
        raise DomainError("own_account", "不能办理自己的账号：改密码请到“我的账号”，其他事请别的管理员办。")
    if not may_act_on_account.test(by, user):
        raise DomainError("not_allowed", "这个账号有全县角色，只有系统管理员能办理。")


def grant_role(*, user: User, role: str, reason: str, by: User | None, until: datetime.date | None = None) -> RoleGrant:
    """Give a county-wide role from today, until a day (included) or for good.

    Raises DomainError: "own_grant" (nobody grants to themselves), "not_allowed", "reason_missing", "until_past",
    "two_administrators" (the database refuses two of the three administrators in one person; GB/T 22239),
    "already_granted". `by` None is the installation's own command.
    """
    _check_grant(user, role, reason, by, until)
    today = timezone.localdate()
    try:
        with audit.act("grant_role", by=by, subject=user, reason=reason.strip(), role=role), transaction.atomic():
            lapsed = RoleGrant.objects.filter(user=user, until__lt=today, revoked_at__isnull=True)
            lapsed.update(revoked_at=timezone.now())
            grant = RoleGrant.objects.create(user=user, role=role, granted_by=by, until=until, reason=reason.strip())
    except IntegrityError as error:
        raise _refused(error) from error
    user.__dict__.pop("_county_roles", None)
    return grant


def _check_grant(user: User, role: str, reason: str, by: User | None, until: datetime.date | None) -> None:
    if by is not None and by.pk == user.pk:
        raise DomainError("own_grant", "不能给自己授权：请另一位安全管理员办理。")
    if by is not None and not may_grant_roles.test(by):
        raise DomainError("not_allowed", "只有安全管理员能授予全县角色。")
    if role not in Role.values:
        raise DomainError("role_unknown", f"没有“{role}”这个角色。")
    if not reason.strip():
        raise DomainError("reason_missing", "请写明为什么授予。")
    if until is not None and until < timezone.localdate():
        raise DomainError("until_past", "截止日期已经过去：请改成今天或以后，长期的空着。")


TWO_ADMINISTRATORS = DomainError(
    "two_administrators", "系统、安全、审计三个管理员角色不能由同一人兼任：请先撤销原来的，或授予另一个人。"
)
ALREADY_GRANTED = DomainError("already_granted", "这个人已经有这个角色：要改期限，请先撤销再授予。")


def clash(user: User, role: str) -> DomainError | None:
    """Why the database would refuse this grant, asked beforehand so that a form can say it beside the field."""
    standing = set(user.role_grants.in_force().values_list("role", flat=True))
    if role in standing:
        return ALREADY_GRANTED
    return TWO_ADMINISTRATORS if role in ADMINISTRATORS and standing & set(ADMINISTRATORS) else None


def _refused(error: IntegrityError) -> DomainError:
    name = getattr(getattr(error.__cause__, "diag", None), "constraint_name", "")
    if name == "one_administrator_role_a_person":
        return TWO_ADMINISTRATORS
    if name == "role_granted_once":
        return ALREADY_GRANTED
    raise error


def revoke_role(*, grant: RoleGrant, reason: str, by: User) -> None:
    """Take a county-wide role back at once. Raises DomainError: "not_allowed", "own_grant", "reason_missing",
    "already_revoked". Nobody can take away their own, so a security administrator always stays."""
    if not may_grant_roles.test(by):
        raise DomainError("not_allowed", "只有安全管理员能撤销全县角色。")
    if grant.user_id == by.pk:
        raise DomainError("own_grant", "不能撤销自己的角色：请另一位安全管理员办理。")
    if not reason.strip():
        raise DomainError("reason_missing", "请写明为什么撤销。")
    with audit.act("revoke_role", by=by, subject=grant.user, reason=reason.strip(), role=grant.role):
        done = RoleGrant.objects.filter(pk=grant.pk, revoked_at__isnull=True).update(revoked_at=timezone.now())
        if not done:
            raise DomainError("already_revoked", "这个角色已经撤销，不用再办。")
