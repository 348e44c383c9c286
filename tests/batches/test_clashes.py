"""Staff who are asked to two gatherings at once (R19): pages that speak of the rule say who, where and what cures it."""

import datetime
from collections.abc import Callable

import pytest
import time_machine
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import User
from batches.bygones import about_what_is_over
from batches.comparison import compare
from batches.foretold import needs
from batches.models import Gathering
from batches.overview import plan_says
from batches.planning.checker import Breach
from tests import factories
from tests.batches.county import County
from tests.batches.test_repair import MARCH, repair, running

__all__ = ["running"]
"""The fixture of a batch under way."""
pytestmark = pytest.mark.django_db
STANDS = 'WHERE ("batches_classmembership"."by_hand"'
"""In the one query of all that stands of a batch by which it is known."""


def test_rule_sheet_says_which_staff_are_asked_to_two_places_and_what_cures_it(
    running: County, staff: User, desk: Client, clock: time_machine.Traveller
) -> None:
    """R19 of a repair's plan looks kept, since its input leaves the clashing staff out: the line says it as a hint."""
    quiet = plan_says(repair(running, staff))
    assert (quiet.clashes, quiet.hints, quiet.broken) == ((), 0, 0)
    Gathering.objects.filter(practice_class__number=2, index=2).update(first_day=MARCH(day=19), last_day=MARCH(day=21))
    teacher = factories.UserFactory(name="江启明")
    for row in running.classes:
        factories.ClassStaffFactory(practice_class=row, user=teacher)
    running.batch.refresh_from_db()
    run = repair(running, staff)
    says = plan_says(run)
    line = next(row for row in says.rules if row.code == "R19")
    assert (line.ok, line.hints) == (True, ("江启明同时带第1班和第2班，有的集中在同一天",))
    assert (says.broken, says.hints, says.kept) == (0, 1, quiet.kept - 1)
    shown = desk.get(f"/batches/{running.batch.pk}/studio/?run={run.pk}").content.decode()
    assert "照现在的安排，江启明同时带第1班和第2班，有的集中在同一天。重排不改带班的人，请" in shown
    assert f'<a href="/batches/{running.batch.pk}/staff/">到班务换人</a>' in shown
    assert "19 条规则，1 处提示" in shown
    clock.move_to(datetime.datetime(2027, 3, 22, 9, tzinfo=timezone.get_current_timezone()))
    assert plan_says(run).clashes == (), "they are over, and nobody is to be exchanged for them"
    assert "带班人员撞期，请到班务换人" not in dict(needs(running.batch))


def test_what_stands_is_asked_once_for_a_page_and_its_clashes(running: County, staff: User, desk: Client) -> None:
    """Two plans side by side, what asks for a repair, and a plan with the one it is held against: clashes are the batch's,
    whatever the plan. The studio asks once more whether the plan is still one of today's facts."""
    one, other = repair(running, staff), repair(running, staff)
    running.batch.refresh_from_db()
    asks: list[tuple[Callable[[], object], int]] = [
        (lambda: compare(running.batch, one, other), 1),
        (lambda: needs(running.batch), 1),
        (lambda: desk.get(f"/batches/{running.batch.pk}/studio/?run={other.pk}"), 2),
    ]
    for ask, times in asks:
        with CaptureQueriesContext(connection) as asked:
            ask()
        assert sum(STANDS in row["sql"] for row in asked) == times


def test_breach_of_a_gathering_to_come_is_not_over_since_another_is() -> None:
    """R19 names two gatherings: the one to come can still move away from the one under way."""
    one, other = ("K1", 1), ("K2", 1)
    both = Breach("R19", "S1:2027-03-09", "S1 两处", cells=(one, other))
    assert not about_what_is_over(both, {one})
    assert about_what_is_over(both, {one, other})
    assert not about_what_is_over(Breach("R01", "U1:B1", "U1 超过名额"), {one, other})
