"""Who is in which class as the version in force has it: the same day and the same people on every page, and for every form."""

import datetime
import re
from collections.abc import Callable
from typing import Any

import pytest
import time_machine
from django.test import Client
from django.urls import reverse

from accounts.models import User
from batches.actions.people import add_late, move_member, withdraw_enrollment
from batches.actions.plans import publish_plan, withdraw_publication
from batches.actions.staff import assign_office
from batches.arrangement import current, open_to_change
from batches.facts import facts_of
from batches.forms.staff import OfficeForm
from batches.models import Batch, ClassMembership, ClassOffice, Nomination
from batches.published import published_versions, since_of
from batches.queries import members_on
from batches.roll import roll_day, roll_of, seats_of, since_answered, sitting
from batches.told import names_told
from batches.views.staff import class_rows
from tests import factories
from tests.batches.county import County, publish_by_hand
from tests.batches.pages import page
from tests.batches.test_people import let_together
from tests.batches.test_repair import MARCH, repair, running
from tests.batches.test_swaps import pins

__all__ = ["running"]
"""The fixture of a batch under way, on Tuesday 2027-03-09."""
pytestmark = pytest.mark.django_db


@pytest.fixture
def swapped(running: County, staff: User) -> County:
    """Two of one unit change places by version 2, published today: from 03-10 the first of them is in class 2."""
    one, two = running.classes
    run = repair(running, staff, changes=pins((running.cadres[0], two), (running.cadres[1], one)))
    publish_plan(batch=running.batch, run=run, by=staff, reason="对调")
    running.batch.refresh_from_db()
    return running


def names(county: County, number: int) -> list[str]:
    return sorted(row.enrollment.cadre.name for row in roll_of(county.batch).of(county.classes[number - 1]))


def test_list_of_a_version_published_today_is_that_of_tomorrow(swapped: County, clock: time_machine.Traveller) -> None:
    two, roll = swapped.classes[1], roll_of(swapped.batch)
    assert (roll.day, roll.since, roll.later) == (MARCH(day=10), "自3月10日起", [])
    assert names(swapped, 2) == sorted(row.enrollment.cadre.name for row in members_on(two, MARCH(day=10)))
    assert swapped.cadres[0].name in names(swapped, 2)
    assert swapped.cadres[1].name in names(swapped, 1)
    shown = current(swapped.batch)
    assert shown.since == "自3月10日起"
    assert swapped.cadres[0] in shown.members[two.pk]
    assert set(sitting(swapped.batch)) == set(roll.seats)
    clock.shift(datetime.timedelta(days=1))
    assert (roll_of(swapped.batch).day, roll_of(swapped.batch).since) == (MARCH(day=10), "")
    clock.shift(datetime.timedelta(days=40))
    assert roll_day(swapped.batch) == swapped.batch.last_day


def test_pages_of_a_version_published_today_tell_its_classes(
    swapped: County, staff: User, signed_in: Callable[[User], Client]
) -> None:
    desk, batch = signed_in(staff), swapped.batch
    two = page(desk, "class_page", batch.pk, swapped.classes[1].pk)
    assert "自3月10日起的名单和安排　第 2 版，2027-03-10 起执行　6 人" in two
    assert two.count(f'<th scope="row">{swapped.cadres[0].name}</th>') == 1
    assert swapped.cadres[1].name not in two
    assert "自3月10日起 12 人" in page(desk, "batch", batch.pk)
    assert "自3月10日起每班 6 人，各项相差不超过" in page(desk, "studio", batch.pk)


def test_number_of_people_has_the_day_from_which_it_is_true(
    swapped: County, staff: User, signed_in: Callable[[User], Client], clock: time_machine.Traveller
) -> None:
    desk, batch = signed_in(staff), swapped.batch
    lists = (reverse("batches:list"), "/")
    for where in lists:
        assert "自3月10日起 12 人" in desk.get(where).content.decode()
    clock.shift(datetime.timedelta(days=1))
    desk = signed_in(staff)
    for where in lists:
        shown = desk.get(where).content.decode()
        assert "12 人" in shown
        assert "自3月10日起" not in shown
    assert "现在 12 人" in page(desk, "batch", batch.pk)
    Batch.objects.update(state=Batch.State.CLOSED)
    for name, args in (("batch", []), ("studio", []), ("class_page", [swapped.classes[0].pk])):
        shown = page(desk, name, batch.pk, *args)
        assert "12 人" in shown or "6 人" in shown
        assert "现在 " not in shown
        assert "现在执行" not in shown
        assert "现在的名单" not in shown


def test_withdrawal_names_those_who_join_later(
    published: County, staff: User, signed_in: Callable[[User], Client]
) -> None:
    batch = published.batch
    gone = members_on(published.classes[1], batch.first_day)[0].enrollment
    withdraw_enrollment(enrollment=gone, on_day=batch.first_day + datetime.timedelta(days=20), by=staff, reason="调走")
    shown = page(signed_in(staff), "batch", batch.pk)
    assert "名学员（以后1人退出）的班级和集中安排暂不执行" in shown


def test_day_of_a_version_is_the_one_that_its_list_tells(running: County, staff: User) -> None:
    def agree() -> Any:
        batch = running.batch
        batch.refresh_from_db()
        told = published_versions(batch)[0].since
        assert since_of([batch]) == {batch.pk: told}
        return told

    assert agree() == running.batch.first_day
    publish_plan(batch=running.batch, run=repair(running, staff), by=staff, reason="重排")
    assert agree() == MARCH(day=10)


def test_version_after_a_withdrawn_one_counts_for_the_whole_batch(
    published: County, staff: User, clock: time_machine.Traveller
) -> None:
    batch = published.batch
    withdraw_publication(batch=batch, by=staff, reason="换次序")
    batch.refresh_from_db()
    publish_by_hand(published, staff, swap=True)
    clock.move_to("2027-03-02 09:00+08:00")
    assert since_of([batch]) == {batch.pk: batch.first_day}
    assert roll_day(batch) == MARCH(day=2)


def test_totals_of_one_page_are_one_number_and_the_rest_is_told(
    running: County, staff: User, signed_in: Callable[[User], Client]
) -> None:
    """One leaves on 03-20, one joins on 03-15: today's list has the first and not the second."""
    batch = running.batch
    gone = members_on(running.classes[1], MARCH(day=9))[0].enrollment
    withdraw_enrollment(enrollment=gone, on_day=MARCH(day=20), by=staff, reason="调走")
    late = factories.CadreFactory(sex=gone.cadre.sex)
    Nomination.objects.create(batch=batch, cadre=late, state=Nomination.State.CONFIRMED)
    add_late(batch=batch, cadre=late, to=running.classes[1], from_day=MARCH(day=15), by=staff, reason="补员")
    roll = roll_of(batch)
    assert [(row.cadre, row.said) for row in roll.later] == [(late, "3月15日起参加"), (gone.cadre, "3月20日起退出")]
    assert len(roll.seats) == facts_of([batch])[batch.pk].people == current(batch).people == 12
    assert since_answered(batch) == {"left": 0, "coming": 1, "waiting": 0}
    assert current(batch).to_come == roll.to_come == "以后1人到班、1人退出"
    assert "人；以后1人到班、1人退出</a>" in page(signed_in(staff), "batch", batch.pk)
    waits = factories.CadreFactory()
    Nomination.objects.create(batch=batch, cadre=waits, state=Nomination.State.CONFIRMED)
    with time_machine.travel("2027-03-20 09:00+08:00", tick=False):
        assert since_answered(batch) == {"left": 1, "coming": 0, "waiting": 1}
        assert facts_of([batch])[batch.pk].people == current(batch).people == 12


def test_who_moves_later_is_told_by_both_classes(running: County, staff: User, colleague: User) -> None:
    one, two = running.classes
    enrollment = members_on(one, MARCH(day=9))[0].enrollment
    let_together(running, enrollment.cadre, staff, colleague)
    move_member(enrollment=enrollment, to=two, from_day=MARCH(day=20), by=staff, reason="调班")
    roll = roll_of(running.batch)
    assert [row.said_of_leaving for row in roll.leaving(one)] == ["3月20日起到第2班"]
    assert [row.said_of_coming for row in roll.coming(two)] == ["3月20日起从第1班来"]
    assert enrollment.pk in {row.enrollment_id for row in roll.of(one)}
    assert (roll.leaving(two), roll.coming(one)) == ([], [])


# What changes start from


def look(desk: Client, county: County, **data: Any) -> str:
    return desk.get(reverse("batches:swap", args=[county.batch.pk]), data).content.decode()


def test_swap_on_the_day_of_publishing_starts_from_the_new_classes(
    swapped: County, staff: User, signed_in: Callable[[User], Client]
) -> None:
    desk, two = signed_in(staff), swapped.classes[1]
    mover = swapped.cadres[0]
    told = look(
        desk, swapped, **{"form": "person", "person-who": mover.pk, "person-to": two.pk, "person-prefer": "kept"}
    )
    assert f"{mover.name}本来就在第2班" in told
    data = {"form": "people", "people-one": mover.pk, "people-other": swapped.cadres[1].pk, "people-prefer": "kept"}
    told = look(desk, swapped, **data)
    assert re.search(f"指定 ?{mover.name}[^<]*在 ?第1班", told)
    assert re.search(f"指定 ?{swapped.cadres[1].name}[^<]*在 ?第2班", told)


def test_swap_of_who_moves_later_starts_from_the_class_to_come(
    running: County, staff: User, colleague: User, signed_in: Callable[[User], Client]
) -> None:
    one, two = running.classes
    enrollment = members_on(one, MARCH(day=9))[0].enrollment
    let_together(running, enrollment.cadre, staff, colleague)
    move_member(enrollment=enrollment, to=two, from_day=MARCH(day=20), by=staff, reason="调班")
    assert enrollment.cadre in open_to_change(running.batch).members[two.pk]
    assert enrollment.cadre in current(running.batch).members[one.pk]
    told = look(
        signed_in(staff), running,
        **{"form": "person", "person-who": enrollment.cadre_id, "person-to": two.pk, "person-prefer": "kept"},
    )  # fmt: skip
    assert f"{enrollment.cadre.name}本来就在第2班" in told


def test_who_will_have_left_is_not_there_to_be_swapped(running: County, staff: User) -> None:
    gone = members_on(running.classes[1], MARCH(day=9))[0].enrollment
    withdraw_enrollment(enrollment=gone, on_day=MARCH(day=20), by=staff, reason="调走")
    everybody = [cadre for rows in open_to_change(running.batch).members.values() for cadre in rows]
    assert gone.cadre not in everybody
    assert len(everybody) == 11


# Balance and offices


def test_class_that_nobody_is_in_yet_is_told_and_not_weighed(
    running: County, staff: User, signed_in: Callable[[User], Client]
) -> None:
    desk, batch = signed_in(staff), running.batch
    before = page(desk, "batch", batch.pk).partition("各项相差不超过 ")[2][:3]
    factories.ClassFactory(batch=batch, number=3, parity="odd", track=running.classes[0].track)
    shown = page(desk, "batch", batch.pk)
    assert shown.partition("各项相差不超过 ")[2].startswith(f"{before.split()[0]} 人，1 个班还没有人")


def test_office_of_the_day_of_publishing_begins_with_the_seat(swapped: County, staff: User) -> None:
    seat = ClassMembership.objects.get(
        enrollment__cadre=swapped.cadres[0], practice_class=swapped.classes[1], live=True
    )
    form = OfficeForm(swapped.batch, {"membership": seat.pk, "kind": ClassOffice.Kind.MONITOR})
    assert form.is_valid(), form.errors
    assert "从3月10日起" in form.perform(staff)
    assert ClassOffice.objects.get(membership=seat).since == MARCH(day=10)
    other = members_on(swapped.classes[0], MARCH(day=9))[1]
    assert assign_office(membership=other, kind=ClassOffice.Kind.MONITOR, by=staff).since == MARCH(day=9)


def test_posts_that_end_with_the_seat_are_missed_on_the_day_of_publishing(running: County, staff: User) -> None:
    """The monitor of class 1 moves by the version: the to-do list and the page of posts tell it at once."""
    one, two = running.classes
    seat = ClassMembership.objects.get(enrollment__cadre=running.cadres[0], live=True)
    other = members_on(two, MARCH(day=9)).exclude(enrollment__cadre=running.cadres[1])[0]
    for row in (seat, other):
        assign_office(membership=row, kind=ClassOffice.Kind.MONITOR, by=staff)
    assert facts_of([running.batch])[running.batch.pk].without_monitor == 0
    run = repair(running, staff, changes=pins((running.cadres[0], two), (running.cadres[1], one)))
    publish_plan(batch=running.batch, run=run, by=staff, reason="对调")
    running.batch.refresh_from_db()
    assert facts_of([running.batch])[running.batch.pk].without_monitor == 1
    roll = roll_of(running.batch)
    assert [len(row["offices"]) for row in class_rows(running.batch, roll)] == [0, 1]


def test_offices_that_would_begin_with_a_seat_that_is_gone_are_no_rows(swapped: County, staff: User) -> None:
    """Version 3 of the same day moves the new monitor back: the office never held, none ends before it begins."""
    one, two = swapped.classes
    seat = ClassMembership.objects.get(enrollment__cadre=swapped.cadres[0], practice_class=two, live=True)
    office = assign_office(membership=seat, kind=ClassOffice.Kind.MONITOR, by=staff, since=MARCH(day=9))
    assert office.since == MARCH(day=10), "no office before the seat"
    run = repair(swapped, staff, changes=pins((swapped.cadres[0], one), (swapped.cadres[1], two)))
    version = publish_plan(batch=swapped.batch, run=run, by=staff, reason="换回")
    assert names_told(version).to_appoint == "第2班班长"
    assert not ClassOffice.objects.filter(membership=seat).exists()


# Memberships in a row


@pytest.mark.parametrize(
    ("leaves", "later", "to_come", "said"),
    [
        (
            12, [(MARCH(day=12), "3月12日起退出"), (MARCH(day=20), "3月20日起参加")], "以后1人到班、1人退出",
            "3月12日起退出，3月20日起到第2班",
        ),
        (20, [], "", ""),
    ],
    ids=["comes back later", "stays after all"],
)  # fmt: skip
def test_who_leaves_and_is_back_on_the_20th_is_told_as_both_or_not_at_all(
    running: County,
    staff: User,
    colleague: User,
    leaves: int,
    later: list[tuple[datetime.date, str]],
    to_come: str,
    said: str,
) -> None:
    two = running.classes[1]
    enrollment = members_on(two, MARCH(day=9))[0].enrollment
    let_together(running, enrollment.cadre, staff, colleague)
    Nomination.objects.get_or_create(
        batch=running.batch, cadre=enrollment.cadre, defaults={"state": Nomination.State.CONFIRMED}
    )
    withdraw_enrollment(enrollment=enrollment, on_day=MARCH(day=leaves), by=staff, reason="住院")
    add_late(batch=running.batch, cadre=enrollment.cadre, to=two, from_day=MARCH(day=20), by=staff, reason="病愈")
    roll, seat = roll_of(running.batch), seats_of([enrollment])[enrollment.pk]
    assert [(row.day, row.said) for row in roll.later] == later
    assert roll.to_come == to_come
    assert (seat.practice_class, seat.said) == (two, said)


def test_class_of_somebody_is_that_of_the_list_with_the_day_of_the_next(
    swapped: County, staff: User, colleague: User
) -> None:
    mover = swapped.enrollment(swapped.cadres[0])
    seat = seats_of([mover])[mover.pk]
    assert (seat.practice_class, seat.said) == (swapped.classes[1], "3月10日起")
    let_together(swapped, mover.cadre, staff, colleague)
    move_member(enrollment=mover, to=swapped.classes[0], from_day=MARCH(day=20), by=staff, reason="调班")
    seat = seats_of([mover])[mover.pk]
    assert (seat.practice_class, seat.said) == (swapped.classes[1], "3月10日起，3月20日起到第1班")
