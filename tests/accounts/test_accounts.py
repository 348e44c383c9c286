"""Accounts at the desk: slips, re-issue, reset, disable, unlock; the person's own page; the commands."""

import io

import pytest
from django.conf import settings
from django.core.management import call_command
from django.test import Client, override_settings
from django.urls import reverse

from accounts import actions, audit
from accounts.models import AuditEntry, Role, User
from accounts.passwords import DEMO_PASSWORD
from accounts.verification import verify_audit
from config.errors import DomainError
from tests.factories import PASSWORD, UserFactory, user_with_role

pytestmark = pytest.mark.django_db
PEOPLE = [("13900000001", "林秀英"), ("13900000002", "黄建国")]


def test_issued_accounts_get_one_time_passwords_that_work_once(client: Client, staff: User) -> None:
    slips = actions.issue_accounts(people=PEOPLE, by=staff)
    assert [(slip.user.username, slip.user.name) for slip in slips] == PEOPLE
    assert len({slip.password for slip in slips}) == 2
    client.post("/account/sign-in/", {"username": PEOPLE[0][0], "password": slips[0].password})
    assert client.get("/account/me/")["Location"] == reverse("accounts:change_password")


def test_one_time_passwords_are_kept_nowhere(staff: User) -> None:
    slip = actions.issue_accounts(people=PEOPLE[:1], by=staff)[0]
    stored = User.objects.get(pk=slip.user.pk)
    assert slip.password not in stored.password
    assert slip.password not in "".join(entry.data + entry.subject + entry.reason for entry in AuditEntry.objects.all())


def test_issuing_again_replaces_the_slip_of_who_never_used_it(staff: User) -> None:
    first = actions.issue_accounts(people=PEOPLE[:1], by=staff)[0]
    second = actions.issue_accounts(people=PEOPLE[:1], by=staff)[0]
    user = User.objects.get(username=PEOPLE[0][0])
    assert (user.check_password(first.password), user.check_password(second.password)) == (False, True)
    assert first.user.pk == second.user.pk


def test_issuing_again_leaves_own_passwords_alone(staff: User) -> None:
    UserFactory(username="13900000001", name="林秀英")
    slips = actions.issue_accounts(people=PEOPLE, by=staff)
    assert [bool(slip.password) for slip in slips] == [False, True]
    assert User.objects.get(username="13900000001").check_password(PASSWORD)


@pytest.mark.parametrize(
    ("people", "expected"),
    [
        ([("a1", "甲"), ("a1", "乙")], "username_twice"),
        ([("a1", "")], "name_missing"),
        ([("taken", "别人")], "username_taken"),
        ([("x" * 41, "甲")], "name_too_long"),
        ([("a b", "甲")], "name_too_long"),
        ([(f"u{n}", "甲") for n in range(401)], "too_many"),
    ],
)
def test_list_that_does_not_do_makes_no_account(staff: User, people: list[tuple[str, str]], expected: str) -> None:
    UserFactory(username="taken", name="本人")
    before = User.objects.count()
    with pytest.raises(DomainError) as error:
        actions.issue_accounts(people=[("fresh", "新人"), *people], by=staff)
    assert error.value.code == expected
    assert User.objects.count() == before


def test_a_whole_session_costs_the_same_queries_as_one_person_but_for_the_rows(
    staff: User, django_assert_max_num_queries: object
) -> None:
    with django_assert_max_num_queries(12):  # type: ignore[operator] # pytest-django's fixture
        actions.issue_accounts(people=PEOPLE[:1], by=staff)


def test_slips_page_shows_every_password_and_is_not_stored(client: Client, staff: User) -> None:
    client.force_login(staff)
    answer = client.post(reverse("accounts:create_accounts"), {"people": "13900000001 林秀英\n\n13900000002,黄建国\n"})
    page = answer.content.decode()
    assert "no-store" in answer["Cache-Control"]
    assert [user.name for user in User.objects.filter(username__startswith="139")] == ["林秀英", "黄建国"]
    assert page.count("一次性口令</th>") == 2


def test_refused_list_keeps_what_was_typed(client: Client, staff: User) -> None:
    client.force_login(staff)
    answer = client.post(reverse("accounts:create_accounts"), {"people": "13900000001 林秀英\n只有姓名"})
    page = answer.content.decode()
    assert answer.status_code == 200
    assert "第2行" in page
    assert "13900000001 林秀英" in page
    assert not User.objects.filter(username="13900000001").exists()


def test_reset_gives_a_slip_and_ends_sessions_and_lock(client: Client, staff: User) -> None:
    user, theirs = UserFactory(), Client()
    theirs.force_login(user)
    for _ in range(settings.AXES_FAILURE_LIMIT):
        Client(HTTP_USER_AGENT="else").post("/account/sign-in/", {"username": user.username, "password": "x"})
    client.force_login(staff)
    page = client.post(reverse("accounts:reset_password", args=[user.pk])).content.decode()
    assert user.username in page
    assert theirs.get("/account/me/").status_code == 302
    slip = actions.reset_password(user=user, by=staff)
    answer = Client().post("/account/sign-in/", {"username": user.username, "password": slip.password})
    assert answer.status_code == 302


def test_unlock_lets_the_person_in_with_the_old_password(client: Client, staff: User) -> None:
    user = UserFactory()
    for _ in range(settings.AXES_FAILURE_LIMIT):
        Client(HTTP_USER_AGENT="else").post("/account/sign-in/", {"username": user.username, "password": "x"})
    client.force_login(staff)
    assert "登录已锁" in client.get(reverse("accounts:account", args=[user.pk])).content.decode()
    client.post(reverse("accounts:unlock_account", args=[user.pk]))
    assert "登录已锁" not in client.get(reverse("accounts:account", args=[user.pk])).content.decode()
    answer = Client().post("/account/sign-in/", {"username": user.username, "password": PASSWORD})
    assert answer.status_code == 302


def test_disabled_account_comes_back_as_it_was(client: Client, staff: User) -> None:
    user = UserFactory()
    client.force_login(staff)
    client.post(reverse("accounts:disable_account", args=[user.pk]), {"reason": "调离"})
    assert Client().post("/account/sign-in/", {"username": user.username, "password": PASSWORD}).status_code == 200
    client.post(reverse("accounts:enable_account", args=[user.pk]))
    assert Client().post("/account/sign-in/", {"username": user.username, "password": PASSWORD}).status_code == 302


@pytest.mark.parametrize("role", list(Role))
def test_centre_staff_cannot_touch_accounts_with_a_county_role(staff: User, role: Role) -> None:
    """A password reset must be no way around the separation of roles."""
    powerful = user_with_role(role)
    for act in (
        lambda: actions.reset_password(user=powerful, by=staff),
        lambda: actions.disable_account(user=powerful, reason="x", by=staff),
        lambda: actions.unlock_account(user=powerful, by=staff),
    ):
        with pytest.raises(DomainError) as error:
            act()
        assert error.value.code == "not_allowed"
    powerful.refresh_from_db()
    assert powerful.is_active
    assert powerful.check_password(PASSWORD)


@pytest.mark.parametrize("role", [Role.SECURITY, Role.AUDIT, Role.CENTRE, Role.LEADER])
def test_issuing_again_is_no_way_into_an_unused_account_with_a_county_role(
    staff: User, system_administrator: User, role: Role
) -> None:
    boss = user_with_role(role, username="13900000066", name="周明", must_change_password=True)
    password = User.objects.get(pk=boss.pk).password
    people = [("13900000067", "新人"), ("13900000066", "周明")]
    with pytest.raises(DomainError) as refused:
        actions.issue_accounts(people=people, by=staff)
    assert refused.value.code == "not_allowed"
    assert User.objects.get(pk=boss.pk).password == password
    assert not User.objects.filter(username="13900000067").exists()
    assert actions.issue_accounts(people=people, by=system_administrator)[1].password


def test_nobody_manages_their_own_account(system_administrator: User) -> None:
    with pytest.raises(DomainError) as error:
        actions.disable_account(user=system_administrator, reason="x", by=system_administrator)
    assert error.value.code == "own_account"


@pytest.mark.parametrize("count", [1, 25])
def test_list_of_accounts_costs_the_same_queries_for_any_number(
    client: Client, staff: User, count: int, django_assert_max_num_queries: object
) -> None:
    UserFactory.create_batch(count)
    client.force_login(staff)
    client.get(reverse("admin:accounts_user_changelist"))
    with django_assert_max_num_queries(14):  # type: ignore[operator] # pytest-django's fixture
        assert client.get(reverse("admin:accounts_user_changelist")).status_code == 200


# --- unmasking


def reveal_url(user: User) -> str:
    return reverse("accounts:reveal", args=["account.phone", user.pk])


def test_unmasking_asks_why_shows_and_is_recorded_for_the_person(client: Client, staff: User) -> None:
    user = UserFactory(phone="13912345678")
    client.force_login(staff)
    assert "为什么" in client.get(reveal_url(user)).content.decode()
    page = client.post(reveal_url(user), {"reason": "通知改期"}).content.decode()
    assert "13912345678" in page
    assert "delay:60s" in page
    entry = AuditEntry.objects.get(act="reveal")
    assert (entry.actor, entry.subject_id, entry.reason) == (staff.name, str(user.pk), "通知改期")
    assert "13912345678" not in entry.data + entry.subject
    theirs = Client()
    theirs.force_login(user)
    assert "通知改期" in theirs.get("/account/me/").content.decode()


def test_unmasking_of_others_is_not_on_ones_own_page(client: Client, staff: User) -> None:
    user, other = UserFactory(phone="13912345678"), UserFactory()
    client.force_login(staff)
    client.post(reveal_url(user), {"reason": "通知改期"})
    client.force_login(other)
    assert "通知改期" not in client.get("/account/me/").content.decode()


@pytest.mark.parametrize("reason", ["", "  ", "看"])
def test_unmasking_without_a_reason_shows_and_records_nothing(client: Client, staff: User, reason: str) -> None:
    user = UserFactory(phone="13912345678")
    client.force_login(staff)
    page = client.post(reveal_url(user), {"reason": reason}).content.decode()
    assert "13912345678" not in page
    assert not AuditEntry.objects.filter(act="reveal").exists()


def test_masked_fragment_never_holds_the_number(client: Client, staff: User) -> None:
    user = UserFactory(phone="13912345678")
    client.force_login(staff)
    for address in (reveal_url(user), reveal_url(user) + "?masked=1", reverse("accounts:account", args=[user.pk])):
        page = client.get(address).content.decode()
        assert "139****5678" in page
        assert "13912345678" not in page


# --- commands


def run(command: str, *arguments: str, **options: str) -> str:
    out = io.StringIO()
    call_command(command, *arguments, stdout=out, stderr=out, **options)
    return out.getvalue()


def test_first_account_is_made_once_and_works(client: Client) -> None:
    text = run("first_account")
    user = User.objects.get()
    password = text.split("一次性密码 ")[1].split("　")[0]
    assert (user.username, user.county_roles) == ("fuwu", {"centre"})
    assert client.post("/account/sign-in/", {"username": "fuwu", "password": password}).status_code == 302
    assert "已有账号" in run("first_account")
    assert User.objects.count() == 1
    assert verify_audit().holds


def test_demo_accounts_are_told_where_they_work_alone() -> None:
    user = user_with_role(Role.LEADER, username="lingdao", name="陈副书记", is_demo=True)
    UserFactory(username="someone")
    with override_settings(DEMO_ACCOUNTS=True):
        text = run("demo_accounts")
    assert "lingdao" in text
    assert "县领导" in text
    assert DEMO_PASSWORD in text
    assert "someone" not in text
    with override_settings(DEMO_ACCOUNTS=False):
        assert user.username not in run("demo_accounts")


def test_first_administrators_are_appointed_by_command() -> None:
    run("appoint", "anguan", "security", name="安管", reason="安装")
    assert User.objects.get(username="anguan").county_roles == {"security"}


@pytest.mark.parametrize("day", ["1999-12-31", "2062-01-01", "昨天"])
def test_trail_shows_nothing_for_a_filter_that_is_refused_and_says_why(client: Client, day: str) -> None:
    reader = user_with_role(Role.AUDIT)
    client.force_login(reader, backend="django.contrib.auth.backends.ModelBackend")
    audit.record("verify_audit", by=reader)
    url = reverse("accounts:audit")
    whole = client.get(url, {"who": reader.name})
    assert (whole.status_code, len(whole.context["page"].object_list) > 0) == (200, True)
    refused = client.get(url, {"who": reader.name, "first": day})
    [told] = refused.context["form"].errors["first"]
    assert (refused.status_code, len(refused.context["page"].object_list)) == (422, 0)
    assert f'<p class="dm-error" role="alert">自：{told}</p>' in refused.content.decode()
