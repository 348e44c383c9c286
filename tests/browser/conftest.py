"""People before a browser who are signed in already, in the world of two, on a real server."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.test import Client
from playwright.sync_api import Browser

from accounts.models import User
from tests.browser.chromium import DESKTOP, Person
from tests.world import World


@pytest.fixture
def world(transactional_db: None, live_server: Any) -> World:
    """The world of two, committed."""
    return World()


@pytest.fixture
def sit(browser: Browser, live_server: Any) -> Iterator[Callable[..., Person]]:
    """`sit(user, size)`: somebody before a browser, signed in unless `user` is None."""
    everybody: list[Person] = []

    def down(user: User | None = None, size: tuple[int, int] = DESKTOP) -> Person:
        person = Person(browser, live_server.url, size)
        everybody.append(person)
        if user is not None:
            client = Client()
            client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
            name = django_settings.SESSION_COOKIE_NAME
            person.context.add_cookies([{"name": name, "value": client.cookies[name].value, "url": live_server.url}])
        return person

    yield down
    for each in everybody:
        each.close()
