"""County-wide roles: given with who, when, until when and why; never two of the three administrators in one person."""

import datetime

import pytest
import time_machine
from django.db import IntegrityError, transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts import actions
from accounts.models import AuditEntry, Role, RoleGrant, User
from accounts.roles import roles_of
from config.errors import DomainError
from tests.factories import UserFactory, user_with_role

pytestmark = pytest.mark.django_db


def code(error: pytest.ExceptionInfo[DomainError]) -> str:
    return error.value.code


def test_granted_role_holds_and_is_recorded(security_administrator: User) -> None:
    user = UserFactory()
    actions.grant_role(user=user, role=Role.LEADER, reason="分管领导", by=security_administrator)
    assert User.objects.get(pk=user.pk).county_roles == {"leader"}
    assert roles_of(User.objects.get(pk=user.pk)) == ["县领导"]
    entry = AuditEntry.objects.get(act="grant_role")
    assert (entry.actor_id, entry.subject_id, entry.reason) == (security_administrator.pk, str(user.pk), "分管领导")


def test_role_ends_with_its_last_day(security_administrator: User) -> None:
    user, today = UserFactory(), timezone.localdate()
    actions.grant_role(user=user, role=Role.LEADER, reason="代管", until=today, by=security_administrator)
    assert User.objects.get(pk=user.pk).county_roles == {"leader"}
    with time_machine.travel(timezone.now() + datetime.timedelta(days=1)):
        assert User.objects.get(pk=user.pk).county_roles == frozenset()


def test_lapsed_role_can_be_given_again(security_administrator: User) -> None:
    user = UserFactory()
    yesterday = timezone.localdate() - datetime.timedelta(days=1)
    RoleGrant.objects.create(user=user, role=Role.SYSTEM, since=yesterday, until=yesterday, reason="代管")
    actions.grant_role(user=user, role=Role.AUDIT, reason="接任", by=security_administrator)
    assert User.objects.get(pk=user.pk).county_roles == {"audit"}


@pytest.mark.parametrize("second", [Role.SECURITY, Role.AUDIT])
def test_two_of_three_administrators_are_refused_in_words(security_administrator: User, second: Role) -> None:
    user = user_with_role(Role.SYSTEM)
    with pytest.raises(DomainError) as error:
        actions.grant_role(user=user, role=second, reason="兼任", by=security_administrator)
    assert code(error) == "two_administrators"
    assert "不能由同一人兼任" in error.value.message
    assert not AuditEntry.objects.filter(act="grant_role").exists()


def test_database_itself_refuses_two_of_three_administrators() -> None:
    user = user_with_role(Role.SYSTEM)
    with pytest.raises(IntegrityError, match="one_administrator_role_a_person"), transaction.atomic():
        RoleGrant.objects.create(user=user, role=Role.AUDIT, reason="直接写库")


def test_nobody_grants_to_themselves(security_administrator: User) -> None:
    with pytest.raises(DomainError) as error:
        actions.grant_role(user=security_administrator, role=Role.CENTRE, reason="想看看", by=security_administrator)
    assert code(error) == "own_grant"


@pytest.mark.parametrize("role", [Role.CENTRE, Role.SYSTEM, Role.AUDIT, Role.LEADER])
def test_nobody_but_the_security_administrator_grants(role: Role) -> None:
    with pytest.raises(DomainError) as error:
        actions.grant_role(user=UserFactory(), role=Role.LEADER, reason="帮忙", by=user_with_role(role))
    assert code(error) == "not_allowed"


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"reason": "  "}, "reason_missing"),
        ({"role": "king"}, "role_unknown"),
        ({"until": datetime.date(2020, 1, 1)}, "until_past"),
    ],
)
def test_grant_that_says_too_little_is_refused(security_administrator: User, fields: dict, expected: str) -> None:
    options = {"role": Role.LEADER, "reason": "分管", "until": None} | fields
    with pytest.raises(DomainError) as error:
        actions.grant_role(user=UserFactory(), by=security_administrator, **options)
    assert code(error) == expected


def test_same_role_twice_is_refused(security_administrator: User) -> None:
    user = user_with_role(Role.LEADER)
    with pytest.raises(DomainError) as error:
        actions.grant_role(user=user, role=Role.LEADER, reason="再来", by=security_administrator)
    assert code(error) == "already_granted"


def test_revoked_role_is_gone_at_once_and_once(security_administrator: User) -> None:
    user = user_with_role(Role.LEADER)
    grant = user.role_grants.get()
    actions.revoke_role(grant=grant, reason="调离", by=security_administrator)
    assert User.objects.get(pk=user.pk).county_roles == frozenset()
    with pytest.raises(DomainError) as error:
        actions.revoke_role(grant=grant, reason="调离", by=security_administrator)
    assert code(error) == "already_revoked"
    assert AuditEntry.objects.filter(act="revoke_role").count() == 1


def test_security_administrator_cannot_take_away_their_own_role(security_administrator: User) -> None:
    with pytest.raises(DomainError) as error:
        actions.revoke_role(grant=security_administrator.role_grants.get(), reason="x", by=security_administrator)
    assert code(error) == "own_grant"


def test_role_is_granted_in_the_admin_site(client: Client, security_administrator: User) -> None:
    user = UserFactory()
    client.force_login(security_administrator)
    form = {"user": user.pk, "role": "leader", "until": "", "reason": "分管领导"}
    answer = client.post(reverse("admin:accounts_rolegrant_add"), form)
    assert answer.status_code == 302
    grant = RoleGrant.objects.get(user=user)
    assert (grant.role, grant.granted_by, grant.reason) == ("leader", security_administrator, "分管领导")


@pytest.mark.parametrize(("other", "message"), [(False, "不能由同一人兼任"), (True, "不能给自己授权")])
def test_refused_grant_keeps_the_form_in_the_admin_site(
    client: Client, security_administrator: User, other: bool, message: str
) -> None:
    user = security_administrator if other else user_with_role(Role.SYSTEM)
    client.force_login(security_administrator)
    form = {"user": user.pk, "role": "audit", "until": "", "reason": "兼任"}
    answer = client.post(reverse("admin:accounts_rolegrant_add"), form)
    assert answer.status_code == 200
    assert message in answer.content.decode()
    assert RoleGrant.objects.filter(user=user).count() == 1


def test_role_is_revoked_on_its_page(client: Client, security_administrator: User) -> None:
    grant = user_with_role(Role.LEADER).role_grants.get()
    client.force_login(security_administrator)
    url = reverse("accounts:revoke_role", args=[grant.pk])
    assert "撤销" in client.get(url).content.decode()
    assert client.post(url, {"reason": "调离"}).status_code == 302
    grant.refresh_from_db()
    assert grant.revoked_at is not None
