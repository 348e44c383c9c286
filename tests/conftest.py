"""The standing cast and the harness that bites.

Beside the warnings that are errors (pyproject.toml) and the random order (pytest-randomly), every test runs with:

- a template variable that does not exist fails (`Undefined`), outside of templates that are not ours;
- rows of a queryset without an order come back shuffled, so that nobody leans on an order that was never asked for;
- no connection leaves the machine;
- every page that the test client gets is searched for inline styles and scripts, which the content security policy forbids.
"""

import datetime
import ipaddress
import os
import random
import re
import socket
import sys
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import time_machine
from django.conf import settings
from django.db import connections
from django.db.models import QuerySet
from django.http import HttpResponseBase
from django.template import engines
from django.test import Client, override_settings
from django.utils import timezone

from accounts.models import Role, User
from config.celery import app as celery
from config.embedded.template import migrated_template
from office import jobs
from tests import factories
from tests.workers import Worker

# --- undefined template variables


class UndefinedVariable(AssertionError):
    """A template of ours names something that its view does not give."""


class Undefined(str):
    """Stands for a missing variable: raises in our own templates, stays empty in Django's and other packages'."""

    __slots__ = ()

    def __new__(cls) -> "Undefined":
        return super().__new__(cls, "%s")

    def __mod__(self, variable: object) -> str:
        origin = _template_being_rendered()
        if origin and _is_ours(origin):
            raise UndefinedVariable(f"{origin} uses the undefined variable “{variable}”")
        return ""


def _template_being_rendered() -> str:
    frame = sys._getframe(2)
    while frame is not None:
        if frame.f_code.co_name == "render_annotated":
            origin = getattr(frame.f_locals["self"], "origin", None)
            return str(origin.name) if origin is not None else ""
        frame = frame.f_back  # type: ignore[assignment] # None at the outermost frame ends the loop
    return ""


def _is_ours(origin: str) -> bool:
    return Path(origin).is_relative_to(settings.BASE_DIR / "templates") or origin == "<unknown source>"


# --- unordered querysets


def _shuffling(fetch_all: Callable[[Any], None]) -> Callable[[Any], None]:
    def fetch(queryset: Any) -> None:
        fresh = queryset._result_cache is None
        fetch_all(queryset)
        if fresh and len(queryset._result_cache) > 1 and not queryset.ordered:
            random.shuffle(queryset._result_cache)

    return fetch


# --- no network


class NetworkRefused(AssertionError):
    """A test tried to leave the machine."""


def _is_local(address: Any) -> bool:
    if not isinstance(address, tuple):
        return True  # a Unix socket's path
    try:
        return ipaddress.ip_address(address[0]).is_loopback
    except ValueError:
        return address[0] in ("localhost", "")


def _staying_here(connect: Callable[..., Any]) -> Callable[..., Any]:
    def guarded(self: socket.socket, address: Any) -> Any:
        if not _is_local(address):
            raise NetworkRefused(f"connection to {address} refused: tests stay on this machine")
        return connect(self, address)

    return guarded


# --- inline styles and scripts

_STYLED = re.compile(rb"<[a-zA-Z][^<>]*?\s(?:style|on[a-z]+)\s*=[^<>]*>")
_BLOCK = re.compile(rb"<(?:script|style)\b[^>]*>")
_ALLOWED_BLOCK = re.compile(rb"\s(?:src|nonce)\s*=|type=\"application/(?:ld\+)?json\"")


def inline_code(body: bytes) -> list[str]:
    """Tags of a page that the content security policy would refuse."""
    found = _STYLED.findall(body)
    found += [tag for tag in _BLOCK.findall(body) if not _ALLOWED_BLOCK.search(tag)]
    found += re.findall(rb"<[^<>]*\"javascript:[^<>]*>", body)
    return [tag.decode(errors="replace")[:200] for tag in found]


def _searching(request: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    def guarded(self: Client, **environ: Any) -> HttpResponseBase:
        response = request(self, **environ)
        if not response.streaming and response.get("Content-Type", "").startswith("text/html"):
            found = inline_code(response.content)  # type: ignore[attr-defined] # not streaming
            assert not found, (
                f"{environ.get('PATH_INFO')} has code that the content security policy refuses: {found[:3]}"
            )
        return response

    return guarded


@pytest.fixture(scope="session", autouse=True)
def harness() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(engines["django"].engine, "string_if_invalid", Undefined())  # type: ignore[attr-defined] # Django's own backend
        patch.setattr(QuerySet, "_fetch_all", _shuffling(QuerySet._fetch_all))
        patch.setattr(socket.socket, "connect", _staying_here(socket.socket.connect))
        patch.setattr(socket.socket, "connect_ex", _staying_here(socket.socket.connect_ex))
        patch.setattr(Client, "request", _searching(Client.request))
        yield


@pytest.fixture(scope="session", autouse=True)
def places_of_tests(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Stored files go to a folder of the test run, never to the installation's; pages name static files as they are (the
    manifest is made at build and tested by itself)."""
    plain = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    with override_settings(
        MEDIA_ROOT=tmp_path_factory.mktemp("media"),
        STATIC_ROOT=tmp_path_factory.mktemp("static"),
        STORAGES={**settings.STORAGES, "staticfiles": plain},
    ):
        yield


@pytest.fixture(scope="session", autouse=True)
def queue_of_tests() -> str:
    """A queue of this run's own, so that no worker outside of it takes a test's job, nor the other way round."""
    celery.conf.task_default_queue = f"tests-{uuid.uuid4().hex}"
    return str(celery.conf.task_default_queue)


@pytest.fixture
def still_clock() -> Iterator[None]:
    """The clock stands still, for tests that count queries: a session notes every half minute when it was last used, which
    is three statements more on whatever page happens to be asked for then."""
    with time_machine.travel(timezone.now(), tick=False):
        yield


# --- the test database


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings_parallel_suffix: None) -> None:
    """Test databases are copies of one that is migrated already: a second in the place of most of a minute."""
    connections["default"].settings_dict["TEST"]["TEMPLATE"] = migrated_template(
        os.environ | {"DATA_DIR": str(settings.DATA_DIR)}
    )


# --- the browser


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Tests in a browser are left out where there is none, all for one reason; with REQUIRE_BROWSER=1 they fail."""
    if item.get_closest_marker("browser"):
        from tests.browser.chromium import require_chromium

        require_chromium()


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """Chromium for the whole run; people sit down before it with `tests.browser.chromium.Person`."""
    from tests.browser.chromium import opened

    yield from opened()


# --- the standing cast


@pytest.fixture
def staff(db: None) -> User:
    """Somebody of the service centre."""
    return factories.user_with_role(Role.CENTRE, name="方敏")


@pytest.fixture
def leader(db: None) -> User:
    return factories.user_with_role(Role.LEADER, name="陈副书记")


@pytest.fixture
def system_administrator(db: None) -> User:
    return factories.user_with_role(Role.SYSTEM, name="系管")


@pytest.fixture
def security_administrator(db: None) -> User:
    return factories.user_with_role(Role.SECURITY, name="安管")


@pytest.fixture
def audit_administrator(db: None) -> User:
    return factories.user_with_role(Role.AUDIT, name="审管")


@pytest.fixture
def outsider(db: None) -> User:
    """Signed in, with no relation to anything."""
    return factories.UserFactory(name="外人")


@pytest.fixture
def hire(queue_of_tests: str, tmp_path: Path) -> Iterator[Callable[..., Worker]]:
    """Start real workers (`concurrency` hands each); those still at work end with the test."""
    hired: list[Worker] = []

    def start(concurrency: int = 1) -> Worker:
        hired.append(Worker(queue_of_tests, tmp_path / "worker.log", concurrency))
        return hired[-1]

    yield start
    for worker in hired:
        worker.end()


@pytest.fixture
def take_for_lost(monkeypatch: pytest.MonkeyPatch) -> Callable[[], int]:
    """One sweep that takes every running job for lost at once; later sweeps ring again quickly, as the real one does slowly."""
    monkeypatch.setattr(jobs, "RING_AGAIN_AFTER", datetime.timedelta(seconds=1))

    def sweep() -> int:
        with monkeypatch.context() as patch:
            patch.setattr(jobs, "LOST_AFTER", datetime.timedelta(0))
            return jobs.sweep_jobs()

    return sweep
