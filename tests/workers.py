"""Real Celery workers for tests: as in production, on the tests' database and queue.

Nothing here asserts how long anything takes; the deadline of `until` only keeps a broken build from hanging.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from django.conf import settings
from django.db import connection

PATIENCE = 120
JOB_BODIES = "tests.office.job_bodies"


def until(condition: Callable[[], object], what: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, f"never happened: {what}"
        time.sleep(0.05)


class Worker:
    """A Celery worker as in production, on this test's database and queue; a process group of its own."""

    def __init__(self, queue: str, log: Path, concurrency: int = 1) -> None:
        name = connection.settings_dict["NAME"]
        addresses = {key: urlunsplit(urlsplit(os.environ[key])._replace(path=f"/{name}"))
                     for key in ("DATABASE_URL", "DATABASE_OWNER_URL") if key in os.environ}  # fmt: skip
        command = [
            sys.executable, "-m", "celery", "--app", "config", "worker", "--concurrency", str(concurrency),
            "--prefetch-multiplier", "1", "--include", JOB_BODIES, "--without-gossip", "--without-mingle", "--loglevel", "INFO",
        ]  # fmt: skip
        with log.open("ab") as stream:
            self.process = subprocess.Popen(
                command, cwd=settings.BASE_DIR, env=os.environ | addresses | {"JOB_QUEUE": queue}, stdout=stream,
                stderr=subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip

    def send(self, number: signal.Signals) -> None:
        os.killpg(self.process.pid, number)

    def end(self) -> None:
        if self.process.poll() is None:
            self.send(signal.SIGKILL)
        self.process.wait()
