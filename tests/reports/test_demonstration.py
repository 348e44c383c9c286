"""The days of the demonstration's sessions fit each other, whichever day of the week it is seeded on."""

import datetime

import pytest
import time_machine
from django.utils import timezone

from reports.demonstration.county import FIRST_DAY, FIRST_SESSION, _monday
from reports.demonstration.sessions import asked_for_names


@pytest.mark.parametrize("day", range(16, 23))
@pytest.mark.parametrize("stage", [*FIRST_DAY, "first"])
def test_names_are_asked_for_and_answered_before_the_session_begins(stage: str, day: int) -> None:
    with time_machine.travel(datetime.datetime(2026, 11, day, 9, tzinfo=timezone.get_current_timezone())):
        today, first_day = timezone.localdate(), _monday(FIRST_DAY.get(stage, FIRST_SESSION))
    opened, until = asked_for_names(first_day, today)
    assert opened <= today
    assert opened <= until < first_day
    assert (until >= today) == (first_day > today), "units still answer for a session to come"
