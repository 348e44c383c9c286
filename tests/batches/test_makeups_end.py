"""Make-ups of somebody who leaves or moves by hand: they end with it, beds and bases are free, those concerned are told."""

import threading

import pytest
import time_machine
from django.db import connections, transaction

from accounts import audit
from accounts.models import Role, User
from batches.actions.attendance import join_makeup
from batches.actions.people import move_member, withdraw_enrollment
from batches.models import ClassStaff, Enrollment, Gathering, GatheringSite, Lodging, MakeUp
from config.errors import DomainError
from office.models import Notice
from tests import factories
from tests.batches.county import FIRST, NOW, County, make_county, publish_by_hand
from tests.batches.test_people import let_together
from tests.batches.test_repair import MARCH, broken, running
from tests.batches.test_repair_guests import _until_somebody_waits, guest_of, told

__all__ = ["running"]


def teacher_of(gathering: Gathering) -> User:
    row = factories.ClassStaffFactory(
        practice_class=gathering.practice_class, kind=ClassStaff.Kind.HEAD_TEACHER, since=FIRST
    )
    return row.user


def reserved(gathering: Gathering) -> int:
    return GatheringSite.objects.get(gathering=gathering, live=True).people


def lodged(gathering: Gathering) -> int:
    return Lodging.objects.filter(gathering=gathering, live=True).count()


@pytest.mark.django_db
def test_withdrawal_ends_the_makeups_and_tells_the_person_and_the_class(running: County, staff: User) -> None:
    guest, gathering, user = guest_of(running, staff)
    teacher = teacher_of(gathering)
    assert (reserved(gathering), lodged(gathering)) == (7, 7)
    withdraw_enrollment(enrollment=guest, on_day=MARCH(day=10), by=staff, reason="借调")
    assert not MakeUp.objects.get(enrollment=guest).live
    assert not Lodging.objects.filter(enrollment=guest, live=True, gathering__first_day__gte=MARCH(day=10)).exists()
    assert (reserved(gathering), lodged(gathering)) == (6, 6)
    assert told(user)[-1] == "借调；补课的第2班第2次集中（03-26 至 03-28）也不用去了"
    assert Notice.objects.filter(addressee=user).latest("pk").subject == "您从 03-10 起不再参加第1期"
    assert told(teacher) == [f"{guest.cadre.name}不来第2班第2次集中（03-26 至 03-28）补课了。"]
    assert broken() == []


@pytest.mark.django_db
def test_withdrawal_entered_late_tells_of_days_gone_by_that_they_do_not_count(
    running: County, staff: User, clock: time_machine.Traveller
) -> None:
    """Nobody is told on the 30th not to go on the 26th."""
    guest, gathering, user = guest_of(running, staff)
    teacher = teacher_of(gathering)
    clock.move_to("2027-03-30 09:00+08:00")
    withdraw_enrollment(enrollment=guest, on_day=MARCH(day=10), by=staff, reason="借调")
    assert not MakeUp.objects.get(enrollment=guest).live
    assert told(user)[-1] == "借调；补课的第2班第2次集中（03-26 至 03-28）也不算了"
    assert told(teacher) == [f"{guest.cadre.name}在第2班第2次集中（03-26 至 03-28）的补课不算了。"]
    assert broken() == []


@pytest.mark.django_db
def test_withdrawal_after_the_makeup_leaves_it(running: County, staff: User) -> None:
    guest, gathering, user = guest_of(running, staff)
    withdraw_enrollment(enrollment=guest, on_day=MARCH(day=27), by=staff, reason="借调")
    assert MakeUp.objects.get(enrollment=guest).live
    assert (reserved(gathering), lodged(gathering)) == (7, 7)
    assert told(user)[-1] == "借调"


@pytest.mark.django_db
def test_who_moves_to_the_class_where_she_made_days_up_keeps_her_bed_and_is_counted_once(
    running: County, staff: User, colleague: User
) -> None:
    guest, gathering, user = guest_of(running, staff)
    teacher = teacher_of(gathering)
    let_together(running, guest.cadre, staff, colleague)
    bed = Lodging.objects.get(gathering=gathering, enrollment=guest, live=True).bed
    move_member(enrollment=guest, to=running.classes[1], from_day=MARCH(day=10), by=staff, reason="换周次")
    assert not MakeUp.objects.get(enrollment=guest).live, "she belongs to the gathering now"
    assert Lodging.objects.get(gathering=gathering, enrollment=guest, live=True).bed == bed
    assert (reserved(gathering), lodged(gathering)) == (7, 7)
    assert (told(user)[-1], told(teacher)) == ("换周次", [])
    assert broken() == []


@pytest.mark.django_db
def test_who_moves_to_a_class_that_gathers_on_those_days_makes_up_elsewhere(
    running: County, staff: User, colleague: User
) -> None:
    guest, gathering, user = guest_of(running, staff)
    teacher = teacher_of(gathering)
    let_together(running, guest.cadre, staff, colleague)
    third = factories.ClassFactory(batch=running.batch, number=3, parity="even", track=running.classes[0].track)
    factories.GatheringFactory(
        practice_class=third, index=2, first_day=gathering.first_day, last_day=gathering.last_day
    )
    move_member(enrollment=guest, to=third, from_day=MARCH(day=10), by=staff, reason="换班")
    assert not MakeUp.objects.get(enrollment=guest).live
    assert (reserved(gathering), lodged(gathering)) == (6, 6)
    assert told(user)[-1] == (
        "换班；补课的第2班第2次集中（03-26 至 03-28）和第3班第2次集中同一天，补课不算了，请另选一次"
    )
    assert len(told(teacher)) == 1


def test_makeup_entered_while_she_is_withdrawn_is_refused(transactional_db: None) -> None:
    """The make-up waits for the withdrawal and then sees it."""
    audit.record("begin", by=None)
    with time_machine.travel(NOW, tick=False):
        staff = factories.user_with_role(Role.CENTRE, name="张敏")
        county = make_county(staff)
        publish_by_hand(county, staff)
        guest = county.enrollment(county.cadres[0])
        ended: list[str] = []

        def joins() -> None:
            try:
                join_makeup(
                    by=staff, enrollment=Enrollment.objects.get(pk=guest.pk), gathering=county.gathering(2, 2), reason="补"
                )  # fmt: skip
            except DomainError as error:
                ended.append(error.code)
            finally:
                connections.close_all()

        thread = threading.Thread(target=joins)
        with transaction.atomic():
            withdraw_enrollment(enrollment=guest, on_day=MARCH(day=10), by=staff, reason="借调")
            thread.start()
            _until_somebody_waits(thread)
        thread.join()
        assert ended == ["not_enrolled"]
        assert not MakeUp.objects.exists()
        assert broken() == []
