"""Signing in and out: lockout, first password, idle time-out, sessions that end."""

import datetime

import pytest
import time_machine
from django.conf import settings
from django.test import Client, override_settings
from django.urls import reverse

from accounts import actions
from accounts.models import AuditEntry, User
from tests.factories import PASSWORD, UserFactory

pytestmark = pytest.mark.django_db
NEW = "Gu-Yu-2026-hao"
SIGN_IN = "/account/sign-in/"


def sign_in(client: Client, username: str, password: str = PASSWORD) -> int:
    return client.post(SIGN_IN, {"username": username, "password": password}).status_code


def is_in(client: Client) -> bool:
    return client.get(reverse("accounts:me")).status_code == 200


def fail(client: Client, username: str, times: int) -> list[str]:
    """The pages that wrong passwords are answered with, the name typed taken out."""
    pages = []
    for _ in range(times):
        response = client.post(SIGN_IN, {"username": username, "password": "wrong"})
        pages.append(response.content.decode().replace(username, "NAME"))
    return pages


def test_right_password_lets_in_and_is_recorded(client: Client) -> None:
    user = UserFactory()
    assert sign_in(client, user.username) == 302
    assert is_in(client)
    assert AuditEntry.objects.get(act="sign_in").actor_id == user.pk


def test_wrong_password_tells_how_many_tries_are_left(client: Client) -> None:
    user = UserFactory()
    pages = fail(client, user.username, 2)
    assert "还可以试4次，之后要等15分钟" in pages[0]
    assert "还可以试3次" in pages[1]


def test_fifth_wrong_password_locks_and_the_right_one_no_longer_helps(client: Client) -> None:
    user = UserFactory()
    fail(client, user.username, settings.AXES_FAILURE_LIMIT)
    response = client.post(SIGN_IN, {"username": user.username, "password": PASSWORD})
    assert response.status_code == 429
    assert "15 分钟" in response.content.decode()
    assert not is_in(client)
    assert AuditEntry.objects.filter(act="lock_sign_in", subject_id=str(user.pk)).count() == 1


def test_lock_ends_by_itself(client: Client) -> None:
    user = UserFactory()
    with time_machine.travel(datetime.datetime(2026, 11, 21, 9, 0, tzinfo=datetime.UTC), tick=False) as clock:
        fail(client, user.username, settings.AXES_FAILURE_LIMIT)
        clock.shift(datetime.timedelta(minutes=14))
        assert sign_in(client, user.username) == 429
        clock.shift(datetime.timedelta(minutes=2))
        assert sign_in(client, user.username) == 302


def test_unknown_name_is_answered_with_the_same_pages(client: Client) -> None:
    user = UserFactory()
    known = fail(Client(HTTP_USER_AGENT="one"), user.username, 5)
    unknown = fail(Client(HTTP_USER_AGENT="two"), "nobody-of-that-name", 5)
    assert [_without_tokens(page) for page in known] == [_without_tokens(page) for page in unknown]


def test_disabled_account_is_answered_as_a_wrong_password(client: Client) -> None:
    user = UserFactory(is_active=False)
    page = client.post(SIGN_IN, {"username": user.username, "password": PASSWORD}).content.decode()
    assert "登录名或密码不对" in page
    assert not is_in(client)


def test_demonstration_account_signs_in_on_the_embedded_services_alone(client: Client) -> None:
    user = UserFactory(is_demo=True, must_change_password=True)
    with override_settings(DEMO_ACCOUNTS=False):
        assert sign_in(client, user.username) == 200
        assert not is_in(client)
    with override_settings(DEMO_ACCOUNTS=True):
        assert sign_in(client, user.username) == 302
        assert is_in(client), "a demonstration account keeps its printed password"


def test_a_name_of_100_kilobytes_is_refused_politely(client: Client) -> None:
    response = client.post(SIGN_IN, {"username": "长" * 50_000, "password": "x"})
    assert response.status_code == 200
    assert not is_in(client)


def test_sign_in_leads_to_the_page_asked_for_and_never_off_the_site(client: Client) -> None:
    user = UserFactory()
    inside = client.post(SIGN_IN, {"username": user.username, "password": PASSWORD, "next": "/account/me/"})
    assert inside["Location"] == "/account/me/"
    client.post("/account/sign-out/")
    outside = client.post(SIGN_IN, {"username": user.username, "password": PASSWORD, "next": "https://example.org/"})
    assert outside["Location"] == reverse("reports:home")


def test_sign_out_ends_the_session_by_post_alone(client: Client) -> None:
    client.force_login(UserFactory())
    assert client.get("/account/sign-out/").status_code == 405
    assert is_in(client)
    assert client.post("/account/sign-out/").status_code == 302
    assert not is_in(client)
    assert AuditEntry.objects.filter(act="sign_out").count() == 1


def test_page_asked_for_after_sign_out_leads_to_sign_in_and_back(client: Client) -> None:
    client.force_login(UserFactory())
    client.post("/account/sign-out/")
    assert client.get("/account/me/")["Location"] == f"{SIGN_IN}?next=/account/me/"


def test_pages_of_a_signed_in_person_are_not_kept_by_the_browser(client: Client) -> None:
    client.force_login(UserFactory())
    assert "no-store" in client.get("/account/me/")["Cache-Control"]


# --- the first password


def test_first_password_opens_nothing_but_the_page_that_changes_it(client: Client) -> None:
    client.force_login(UserFactory(must_change_password=True))
    for path in ("/account/me/", "/office/jobs/", "/office/notices/"):
        assert client.get(path)["Location"] == reverse("accounts:change_password")
    assert client.get("/account/password/").status_code == 200
    changed = client.post("/account/password/", {"old_password": PASSWORD, "new_password": NEW, "repeated": NEW})
    assert changed.status_code == 302
    assert is_in(client), "the session that changed the password goes on"


@pytest.mark.parametrize(
    ("new", "repeated", "message"),
    [
        (PASSWORD, PASSWORD, "新密码和现在的一样"),
        ("Abc-123", "Abc-123", "密码"),
        ("alllowercase", "alllowercase", "三种"),
        (NEW, NEW + "x", "两遍写得不一样"),
    ],
)
def test_new_password_that_does_not_do_is_refused(client: Client, new: str, repeated: str, message: str) -> None:
    user = UserFactory(must_change_password=True)
    client.force_login(user)
    answer = client.post("/account/password/", {"old_password": PASSWORD, "new_password": new, "repeated": repeated})
    assert answer.status_code == 200
    assert message in answer.content.decode()
    user.refresh_from_db()
    assert user.must_change_password
    assert user.check_password(PASSWORD)


def test_wrong_old_password_changes_nothing(client: Client) -> None:
    user = UserFactory()
    client.force_login(user)
    answer = client.post("/account/password/", {"old_password": "wrong", "new_password": NEW, "repeated": NEW})
    assert "现在的密码不对" in answer.content.decode()
    assert User.objects.get(pk=user.pk).check_password(PASSWORD)


# --- sessions that end


def test_changed_password_ends_the_other_sessions(client: Client) -> None:
    user, other = UserFactory(), Client()
    client.force_login(user)
    other.force_login(user)
    assert is_in(other)
    client.post("/account/password/", {"old_password": PASSWORD, "new_password": NEW, "repeated": NEW})
    assert is_in(client)
    assert not is_in(other)


def test_disabled_account_is_refused_at_its_next_request(client: Client, staff: User) -> None:
    user = UserFactory()
    client.force_login(user)
    assert is_in(client)
    actions.disable_account(user=user, reason="调离", by=staff)
    assert client.get("/account/me/")["Location"].startswith(SIGN_IN)


def test_session_ends_after_idle_time_and_acts_keep_it(client: Client) -> None:
    client.force_login(UserFactory())
    with time_machine.travel(datetime.datetime(2026, 11, 21, 1, 0, tzinfo=datetime.UTC), tick=False) as clock:
        assert is_in(client)
        for _ in range(3):
            clock.shift(settings.IDLE_SECONDS - 60)
            assert is_in(client)
        clock.shift(settings.IDLE_SECONDS + 1)
        assert not is_in(client)
        assert "没有操作" in client.get(SIGN_IN).content.decode()


def test_polling_does_not_keep_a_session(client: Client) -> None:
    client.force_login(UserFactory())
    with time_machine.travel(datetime.datetime(2026, 11, 21, 1, 0, tzinfo=datetime.UTC), tick=False) as clock:
        assert is_in(client)
        for _ in range(3):
            clock.shift(settings.IDLE_SECONDS // 3 + 10)
            client.get("/account/me/", HTTP_X_POLL="1")
        assert not is_in(client)


# --- denials


def test_denial_leaves_one_entry_with_the_route_and_no_data(client: Client) -> None:
    user, target = UserFactory(), UserFactory()
    client.force_login(user)
    for _ in range(2):
        assert client.get(f"/account/{target.pk}/").status_code == 403
    entry = AuditEntry.objects.get(act="denied")
    assert (entry.actor_id, entry.subject_id, entry.subject) == (user.pk, "accounts:account", "account/<int:pk>/")


def test_denial_of_a_stranger_leaves_no_entry(client: Client) -> None:
    client.get("/account/audit/")
    assert not AuditEntry.objects.exists()


def _without_tokens(page: str) -> str:
    import re

    return re.sub(r'(csrfmiddlewaretoken" value="|X-CSRFToken": ?"|nonce=")[^"]*|[0-9a-f]{32}', "", page)
