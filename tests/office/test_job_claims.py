"""Two hands reach for the same part at the same moment: one has it."""

import threading

import pytest
from django.db import connection, transaction

from office.jobs import _claim
from office.models import Job, JobState
from tests.workers import until


def _waits_for_a_lock() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_stat_clear_snapshot()")
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
        )
        return bool(cursor.fetchone()[0])


@pytest.mark.django_db(transaction=True)
def test_part_is_claimed_once_by_two_hands_at_once() -> None:
    whole = Job.objects.create(task="x", title="整个", state=JobState.RUNNING)
    part = Job.objects.create(task="x", title="部分", parent=whole, step="one")
    second: list[Job | None] = []

    def reach() -> None:
        try:
            second.append(_claim(str(part.pk)))
        finally:
            connection.close()

    with transaction.atomic():
        assert _claim(str(part.pk)) is not None
        other = threading.Thread(target=reach)
        other.start()
        until(_waits_for_a_lock, "the second hand waits")
    other.join()
    assert second == [None]
    part.refresh_from_db()
    assert (part.state, part.attempts) == (JobState.RUNNING, 1)
