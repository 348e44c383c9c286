"""The real stack for a journey: server, worker, browser, stored files and one clock for all of them."""

import datetime
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import pytest
import time_machine
from django.conf import settings as django_settings
from django.db import connection
from playwright.sync_api import Browser

from tests.browser.chromium import DESKTOP, Person

SHANGHAI = datetime.timezone(datetime.timedelta(hours=8))
SUNDAY_OF_WEEK_1 = datetime.datetime(2026, 7, 5, 10, 0, tzinfo=SHANGHAI)
"""A gathering from Friday to Sunday ends on it: it can be held, its absences entered and confirmed on this one day."""


@pytest.fixture
def clock() -> Iterator[datetime.datetime]:
    """The server's clock, which goes on from this moment; the worker is set to the same."""
    with time_machine.travel(SUNDAY_OF_WEEK_1, tick=True):
        yield SUNDAY_OF_WEEK_1


@pytest.fixture
def data_dir(tmp_path: Path, settings: Any) -> Path:
    """One folder of stored files for server and worker."""
    settings.MEDIA_ROOT = tmp_path / "data" / "media"
    return tmp_path / "data"


@pytest.fixture
def worker(transactional_db: None, clock: datetime.datetime, data_dir: Path, queue_of_tests: str) -> Iterator[Path]:
    """A Celery worker as in production, on the test's database, files and queue; gives its log."""
    name = connection.settings_dict["NAME"]
    addresses = {
        key: urlunsplit(urlsplit(os.environ[key])._replace(path=f"/{name}"))
        for key in ("DATABASE_URL", "DATABASE_OWNER_URL")
        if key in os.environ
    }
    log = data_dir.parent / "worker.log"
    command = [
        sys.executable, "-m", "tests.journeys.worker", clock.isoformat(), "--app", "config", "worker", "--concurrency", "1",
        "--without-gossip", "--without-mingle", "--loglevel", "INFO",
    ]  # fmt: skip
    with log.open("ab") as stream:
        process = subprocess.Popen(
            command, cwd=django_settings.BASE_DIR, stdout=stream, stderr=subprocess.STDOUT, start_new_session=True,
            env=os.environ | addresses | {"JOB_QUEUE": queue_of_tests, "DATA_DIR": str(data_dir)},
        )  # fmt: skip
    yield log
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


@pytest.fixture
def person(browser: Browser, live_server: Any, data_dir: Path) -> Iterator[Callable[..., Person]]:
    """Somebody new before a browser of their own: `person(size=PHONE)`. What each saw last is kept as a picture."""
    everybody: list[Person] = []

    def sit_down(size: tuple[int, int] = DESKTOP) -> Person:
        everybody.append(Person(browser, live_server.url, size))
        return everybody[-1]

    yield sit_down
    for number, each in enumerate(everybody, start=1):
        each.page.screenshot(path=data_dir.parent / f"last-{number}.png", full_page=True)
        each.close()
