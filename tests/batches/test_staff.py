"""Who accompanies a class, who holds an office in it, and accounts for its people."""

import datetime

import pytest
import time_machine

from accounts.models import User
from batches.actions.accounts import issue_batch_accounts
from batches.actions.staff import (
    assign_class_staff,
    assign_mentor,
    assign_office,
    end_class_staff,
    end_mentoring,
    end_office,
)  # fmt: skip
from batches.facts import facts_of
from batches.models import ClassOffice, ClassStaff, Mentorship
from batches.rules import is_head_teacher, is_mentor, is_monitor
from cadres.models import Cadre
from config.errors import DomainError
from tests import factories
from tests.batches.county import County

pytestmark = pytest.mark.django_db
TEACHER, MONITOR, DEPUTY = ClassStaff.Kind.HEAD_TEACHER, ClassOffice.Kind.MONITOR, ClassOffice.Kind.DEPUTY


def test_new_head_teacher_takes_over(published: County, staff: User, clock: time_machine.Traveller) -> None:
    first, second = factories.UserFactory(), factories.UserFactory()
    one = published.classes[0]
    post = assign_class_staff(practice_class=one, user=first, kind=TEACHER, by=staff)
    assert assign_class_staff(practice_class=one, user=first, kind=TEACHER, by=staff) == post
    assert is_head_teacher.test(first, one)
    assert not is_head_teacher.test(first, published.classes[1])
    clock.move_to("2027-02-20 09:00+08:00")
    assign_class_staff(practice_class=one, user=second, kind=TEACHER, by=staff)
    post.refresh_from_db()
    assert post.until == datetime.date(2027, 2, 19)
    assert (is_head_teacher.test(first, one), is_head_teacher.test(second, one)) == (False, True)


def test_wrong_head_teacher_of_the_same_day_leaves_no_row(published: County, staff: User) -> None:
    post = assign_class_staff(practice_class=published.classes[0], user=factories.UserFactory(), kind=TEACHER, by=staff)
    end_class_staff(post=post, by=staff)
    assert not ClassStaff.objects.exists()


def test_monitor_beyond_the_number_replaces_the_longest_serving(
    published: County, staff: User, clock: time_machine.Traveller
) -> None:
    members = [published.enrollment(cadre).memberships.get() for cadre in published.cadres[::2]]
    old = assign_office(membership=members[0], kind=MONITOR, by=staff)
    assign_office(membership=members[1], kind=DEPUTY, by=staff)
    clock.move_to("2027-02-20 09:00+08:00")
    new = assign_office(membership=members[2], kind=MONITOR, by=staff)
    old.refresh_from_db()
    assert (old.until, new.since) == (datetime.date(2027, 2, 19), datetime.date(2027, 2, 20))
    assert ClassOffice.objects.filter(until__isnull=True, kind=DEPUTY).count() == 1
    user = factories.UserFactory()
    Cadre.objects.filter(pk=published.cadres[4].pk).update(user=user)
    assert is_monitor.test(user, published.classes[0])
    end_office(office=new, by=staff)
    assert not is_monitor.test(user, published.classes[0])


def test_mentor_of_a_whole_class_and_nobody_of_himself(published: County, staff: User) -> None:
    mentor = factories.UserFactory()
    people = [published.enrollment(cadre) for cadre in published.cadres[::2]]
    assert assign_mentor(enrollments=people, user=mentor, by=staff) == 4
    assert assign_mentor(enrollments=people, user=mentor, by=staff) == 0
    assert is_mentor.test(mentor, people[0])
    assert facts_of([published.batch])[published.batch.pk].without_mentor == 4
    assert end_mentoring(user=mentor, practice_class=published.classes[0], by=staff) == 4
    assert not Mentorship.objects.exists(), "what began today never held"
    assert not is_mentor.test(mentor, people[0])
    Cadre.objects.filter(pk=published.cadres[0].pk).update(user=mentor)
    with pytest.raises(DomainError) as refused:
        assign_mentor(enrollments=[published.enrollment(published.cadres[0])], user=mentor, by=staff)
    assert refused.value.code == "own_mentor"


def test_accounts_are_issued_linked_and_not_twice(published: County, staff: User) -> None:
    taken = factories.UserFactory(username=published.cadres[1].phone)
    Cadre.objects.filter(pk=published.cadres[0].pk).update(user=factories.UserFactory())
    slips = issue_batch_accounts(batch=published.batch, by=staff)
    names = {slip.user.name: slip.user.username for slip in slips}
    assert names == {
        cadre.name: f"g{cadre.pk:06d}" if i == 1 else cadre.phone
        for i, cadre in enumerate(published.cadres) if i
    }  # fmt: skip
    assert all(
        slip.password and slip.user.check_password(slip.password) and slip.user.must_change_password for slip in slips
    )
    for cadre in published.cadres[1:]:
        cadre.refresh_from_db()
        assert cadre.user is not None
        assert cadre.user.name == cadre.name
    assert Cadre.objects.get(user__username=f"g{published.cadres[1].pk:06d}").user != taken
    with pytest.raises(DomainError) as refused:
        issue_batch_accounts(batch=published.batch, by=staff)
    assert refused.value.code == "everybody_has_one"


def test_accounts_of_one_class_alone(published: County, staff: User) -> None:
    slips = issue_batch_accounts(batch=published.batch, by=staff, practice_class=published.classes[1])
    assert {slip.user.name for slip in slips} == {cadre.name for cadre in published.cadres[1::2]}
    assert facts_of([published.batch])[published.batch.pk].without_account == 4
