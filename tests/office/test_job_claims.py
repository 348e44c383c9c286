"""Two hands reach for the same part at the same moment: one has it."""

import threading

import pytest
from django.db import connection, transaction

from office.jobs import _claim
from office.models import Job, JobState
from tests.workers import until


def _backend() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        return int(cursor.fetchone()[0])


def _is_held_up(backend: int) -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT cardinality(pg_blocking_pids(%s)) > 0", [backend])
        return bool(cursor.fetchone()[0])


@pytest.mark.django_db(transaction=True)
def test_part_is_claimed_once_by_two_hands_at_once() -> None:
    whole = Job.objects.create(task="x", title="整个", state=JobState.RUNNING)
    part = Job.objects.create(task="x", title="部分", parent=whole, step="one")
    second: list[Job | None] = []
    backends: list[int] = []

    def reach() -> None:
        try:
            backends.append(_backend())
            second.append(_claim(str(part.pk)))
        finally:
            connection.close()

    with transaction.atomic():
        assert _claim(str(part.pk)) is not None
        other = threading.Thread(target=reach)
        other.start()
        until(lambda: backends and _is_held_up(backends[0]), "the second hand waits")
    other.join()
    assert second == [None]
    part.refresh_from_db()
    assert (part.state, part.attempts) == (JobState.RUNNING, 1)
