"""A plan of a batch in force shows at each gathering who is in the class on that day: before it is published what the rows are
afterwards."""

import datetime
from collections.abc import Callable

import pytest
import time_machine
from django.test import Client
from django.urls import reverse

from accounts.models import User
from batches.actions.people import add_late, move_member, withdraw_enrollment
from batches.actions.plans import publish_plan
from batches.arrangement import Arrangement, current, planned
from batches.models import Enrollment, Gathering, PlanRun
from batches.queries import members_on
from tests import factories
from tests.batches.county import County
from tests.batches.test_people import let_together
from tests.batches.test_repair import MARCH, repair, running

__all__ = ["running"]
"""The fixture of a batch under way: class 2 gathers on 03-12 and 03-26, class 1 gathered on 03-05 and does again on 03-19."""
pytestmark = pytest.mark.django_db
Given = tuple[Enrollment, PlanRun]


def member(county: County, number: int, staff: User, colleague: User) -> Enrollment:
    found: Enrollment = members_on(county.classes[number - 1], MARCH(day=9))[0].enrollment
    let_together(county, found.cadre, staff, colleague)
    return found


def pinned(county: County, staff: User, enrollment: Enrollment, number: int) -> Given:
    """A repair that has somebody in a class."""
    pin = {"kind": "pin_class", "cadre": f"C{enrollment.cadre_id}", "class": f"K{county.classes[number - 1].pk}"}
    return enrollment, repair(county, staff, changes=[pin])


def moves_to_class_2_on_the_20th(county: County, staff: User, colleague: User) -> Given:
    found = member(county, 1, staff, colleague)
    move_member(enrollment=found, to=county.classes[1], from_day=MARCH(day=20), by=staff, reason="调班")
    return pinned(county, staff, found, 2)


def moves_to_class_1_on_the_15th(county: County, staff: User, colleague: User) -> Given:
    found = member(county, 2, staff, colleague)
    move_member(enrollment=found, to=county.classes[0], from_day=MARCH(day=15), by=staff, reason="调班")
    return pinned(county, staff, found, 1)


def joins_class_1_on_the_20th_and_is_given_class_2(county: County, staff: User, colleague: User) -> Given:
    late = factories.CadreFactory(sex="F")
    add_late(batch=county.batch, cadre=late, to=county.classes[0], from_day=MARCH(day=20), by=staff, reason="补派")
    return pinned(county, staff, county.enrollment(late), 2)


def leaves_class_2_on_the_20th(county: County, staff: User, colleague: User) -> Given:
    found = member(county, 2, staff, colleague)
    withdraw_enrollment(enrollment=found, on_day=MARCH(day=20), by=staff, reason="调走")
    return found, repair(county, staff)


def is_given_class_2_by_the_plan_alone(county: County, staff: User, colleague: User) -> Given:
    return pinned(county, staff, member(county, 1, staff, colleague), 2)


SCENES: dict[Callable[[County, User, User], Given], dict[tuple[int, int], bool]] = {
    moves_to_class_2_on_the_20th: {(1, 1): True, (1, 2): True, (2, 1): False, (2, 2): True},
    moves_to_class_1_on_the_15th: {(1, 1): False, (1, 2): True, (2, 1): True, (2, 2): False},
    joins_class_1_on_the_20th_and_is_given_class_2: {(1, 1): False, (1, 2): False, (2, 1): False, (2, 2): True},
    leaves_class_2_on_the_20th: {(1, 1): False, (1, 2): False, (2, 1): True, (2, 2): False},
    is_given_class_2_by_the_plan_alone: {(1, 1): True, (1, 2): False, (2, 1): True, (2, 2): True},
}  # fmt: skip
"""Each with the gatherings, by class and fortnight, at which that one sleeps."""


def heads(shown: Arrangement) -> dict[tuple[int, int], tuple[int, int]]:
    """Class and fortnight → people expected, people with a bed."""
    return {
        (row.practice_class.number, row.index): (row.people, len(shown.stays[row.key])) for row in shown.visits
    }  # fmt: skip


def sleeps_at(shown: Arrangement, cadre: int) -> dict[tuple[int, int], bool]:
    return {
        (row.practice_class.number, row.index): cadre in {stay.cadre.pk for stay in shown.stays[row.key]}
        for row in shown.visits
    }


@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.__name__)
def test_plan_shows_the_people_of_each_day_as_the_rows_will_have_them(
    running: County, staff: User, colleague: User, scene: Callable[[County, User, User], Given]
) -> None:
    enrollment, run = scene(running, staff, colleague)
    before = planned(running.batch, run)
    assert sleeps_at(before, enrollment.cadre_id) == SCENES[scene]
    running.batch.refresh_from_db()
    publish_plan(batch=running.batch, run=run, by=staff, reason="重排")
    rows, after = current(running.batch), planned(running.batch, run)
    assert heads(before) == heads(rows) == heads(after)
    assert sleeps_at(rows, enrollment.cadre_id) == sleeps_at(after, enrollment.cadre_id) == SCENES[scene]


def test_plan_keeps_who_changes_class_out_of_a_gathering_under_way(
    running: County, staff: User, colleague: User, clock: time_machine.Traveller
) -> None:
    """On the first day of class 2's gathering: whoever comes to class 2 now was not there."""
    clock.move_to(datetime.datetime(2027, 3, 12, 9, tzinfo=datetime.UTC))
    Gathering.objects.filter(practice_class__number=2, index=1).update(state=Gathering.State.HELD)
    enrollment, run = is_given_class_2_by_the_plan_alone(running, staff, colleague)
    assert sleeps_at(planned(running.batch, run), enrollment.cadre_id) == {
        (1, 1): True, (1, 2): False, (2, 1): False, (2, 2): True
    }  # fmt: skip


def test_pages_of_a_plan_and_of_a_version_follow_the_day(
    running: County, staff: User, colleague: User, desk: Client
) -> None:
    enrollment, run = joins_class_1_on_the_20th_and_is_given_class_2(running, staff, colleague)
    page = reverse("batches:class_page", args=[running.batch.pk, running.classes[1].pk])
    shown = desk.get(f"{page}?run={run.pk}").content.decode()
    assert shown.count(f"{enrollment.cadre.name}<span") == 1, "the bed of the second gathering alone"
    running.batch.refresh_from_db()
    publish_plan(batch=running.batch, run=run, by=staff, reason="重排")
    version = desk.get(reverse("batches:version", args=[running.batch.pk, 2]))
    assert heads(version.context["arrangement"]) == {
        (1, 1): (6, 6), (1, 2): (6, 6), (2, 1): (6, 6), (2, 2): (7, 7)
    }  # fmt: skip


@pytest.mark.parametrize("first_day", [9, 10])
def test_version_counts_nobody_who_came_after_it(running: County, staff: User, colleague: User, first_day: int) -> None:
    """Added on the day of the version or the next, and withdrawn before the end; who was to leave already counts as before."""
    leaves, run = leaves_class_2_on_the_20th(running, staff, colleague)
    running.batch.refresh_from_db()
    publish_plan(batch=running.batch, run=run, by=staff, reason="重排")
    shown = heads(planned(running.batch, run))
    assert (shown[2, 1], shown[2, 2]) == ((6, 6), (5, 5))
    late = factories.CadreFactory(sex="F")
    running.batch.refresh_from_db()
    day = MARCH(day=first_day)
    add_late(batch=running.batch, cadre=late, to=running.classes[1], from_day=day, by=staff, reason="补派")
    assert heads(planned(running.batch, run)) == shown
    withdraw_enrollment(enrollment=running.enrollment(late), on_day=MARCH(day=28), by=staff, reason="调走")
    assert heads(planned(running.batch, run)) == shown
    assert sleeps_at(planned(running.batch, run), leaves.cadre_id)[2, 1]
    known = repair(running, staff)
    assert [heads(planned(running.batch, known))[2, index][0] for index in (1, 2)] == [7, 6], (
        "the next one knows of both"
    )
