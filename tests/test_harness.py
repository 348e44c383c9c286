"""The harness itself: each of its teeth is shown a case that it must bite."""

import socket

import pytest
from django.template import Context, engines
from django.test import Client

from accounts.models import User
from cadres.models import Unit
from tests.conftest import NetworkRefused, Undefined, UndefinedVariable, inline_code
from tests.factories import UserFactory


def test_undefined_variable_in_a_template_of_ours_fails() -> None:
    template = engines["django"].engine.from_string("{{ nobody.gives.this }}")  # type: ignore[attr-defined] # Django's own backend
    with pytest.raises(UndefinedVariable, match=r"nobody\.gives\.this"):
        template.render(Context())


def test_undefined_variable_outside_a_template_stays_empty() -> None:
    assert Undefined() % "anything" == ""


@pytest.mark.django_db
def test_unordered_rows_come_back_in_more_than_one_order() -> None:
    users = UserFactory.create_batch(6)
    orders = {tuple(User.objects.order_by().values_list("pk", flat=True)) for _ in range(20)}
    assert len(orders) > 1
    assert {tuple(sorted(order)) for order in orders} == {tuple(sorted(user.pk for user in users))}


@pytest.mark.django_db
def test_ordered_rows_keep_their_order() -> None:
    for name in ("乙", "甲", "丙"):
        Unit.objects.create(name=name)
    orders = {tuple(Unit.objects.order_by("-pk").values_list("name", flat=True)) for _ in range(10)}
    assert orders == {("丙", "甲", "乙")}


def test_connection_off_the_machine_is_refused() -> None:
    with socket.socket() as door, pytest.raises(NetworkRefused):
        door.connect(("192.0.2.1", 80))


@pytest.mark.parametrize(
    "page",
    [
        b'<p class="a" style="color:red">x</p>',
        b"<script>go()</script>",
        b"<style>p{}</style>",
        b'<a href="javascript:go()">x</a>',
        b'<button type="button" onclick="go()">x</button>',
    ],
)
def test_inline_code_is_found(page: bytes) -> None:
    assert inline_code(page)


@pytest.mark.parametrize(
    "page",
    [
        b'<script src="/static/js/a.js" type="module"></script>',
        b'<script nonce="abc">go()</script>',
        b'<script type="application/json" id="d">{}</script>',
        b"<p>style=&quot;x&quot; and onclick=</p>",
    ],
)
def test_lawful_code_is_let_through(page: bytes) -> None:
    assert not inline_code(page)


@pytest.mark.django_db
def test_client_is_the_guarded_one(client: Client) -> None:
    assert Client.request.__qualname__.startswith("_searching")
