"""Two at once on real connections: what the second has read is no longer so when its turn comes."""

import datetime
from collections.abc import Callable, Iterator

import pytest
import time_machine

from accounts import audit
from accounts.models import Role, User
from batches.actions.batch import change_batch, create_batch, delete_batch, save_programme
from batches.actions.names import confirm_unit, defer_nomination, demand, open_nominations, start_proposal
from batches.actions.staff import assign_class_staff, assign_office
from batches.actions.waivers import ask_waiver
from batches.models import (
    Batch,
    ClassMembership,
    ClassOffice,
    ClassStaff,
    Nomination,
    PlanDemand,
    PracticeClass,
    Programme,
)
from tests import factories
from tests.batches.county import NOW, TODAY, County, make_county, publish_by_hand
from tests.races import at_once, one_waits

pytestmark = pytest.mark.django_db(transaction=True)
ROUNDS = 5


@pytest.fixture
def clerk() -> Iterator[User]:
    """The audit trail has its head, which emptying the tables takes away; the clock stands."""
    audit.record("begin", by=None)
    with time_machine.travel(NOW, tick=False):
        yield factories.user_with_role(Role.CENTRE, name="张敏")


@pytest.fixture
def asked(clerk: User) -> County:
    """All eight proposed, the units asked until today."""
    county = make_county(clerk)
    Nomination.objects.bulk_create(Nomination(batch=county.batch, cadre=cadre) for cadre in county.cadres)
    Batch.objects.update(state=Batch.State.PROPOSED)
    open_nominations(batch=county.batch, until=TODAY, by=clerk)
    return county


def test_deferral_that_came_first_is_not_confirmed_with_the_unit(asked: County, clerk: User) -> None:
    batch, unit = asked.batch, asked.units[0]
    one, other = batch.nominations.filter(cadre__unit=unit).order_by("pk")
    told = one_waits(
        lambda: Batch.objects.select_for_update().get(pk=batch.pk),
        lambda: defer_nomination(nomination=one, reason="产假", by=clerk),
        lambda: confirm_unit(batch=batch, unit=unit, by=clerk),
    )
    assert told == ["", ""]
    for row in (one, other):
        row.refresh_from_db()
    assert (one.state, one.reason, other.state) == ("deferred", "产假", "confirmed")


@pytest.fixture
def running(clerk: User) -> County:
    """Published, nobody has a post yet."""
    county = make_county(clerk)
    publish_by_hand(county, clerk)
    return county


def test_two_head_teachers_of_one_class_at_once_are_one_after_the_other(running: County, clerk: User) -> None:
    one = running.classes[0]

    def assign(user: User) -> Callable[[], object]:
        return lambda: assign_class_staff(practice_class=one, user=user, kind=ClassStaff.Kind.HEAD_TEACHER, by=clerk)

    for _ in range(ROUNDS):
        assert at_once(*(assign(factories.UserFactory()) for _ in range(2))) == ["", ""]
        assert ClassStaff.objects.filter(practice_class=one, until__isnull=True).count() == 1


def test_two_monitors_of_one_class_at_once_are_one_after_the_other(running: County, clerk: User) -> None:
    one = running.classes[0]

    def assign(membership: ClassMembership) -> Callable[[], object]:
        return lambda: assign_office(membership=membership, kind=ClassOffice.Kind.MONITOR, by=clerk)

    for _ in range(ROUNDS):
        assert at_once(*(assign(row) for row in one.memberships.order_by("pk")[:2])) == ["", ""]
        assert ClassOffice.objects.filter(until__isnull=True).count() == 1
        ClassOffice.objects.all().delete()


def test_batch_that_is_published_meanwhile_keeps_the_rules_it_is_published_by(clerk: User) -> None:
    county = make_county(clerk)
    rules = county.batch.programme
    Batch.objects.update(state=Batch.State.PLANNED)
    told = one_waits(
        lambda: Batch.objects.select_for_update().get(pk=county.batch.pk),
        lambda: Batch.objects.update(state=Batch.State.PUBLISHED),
        lambda: save_programme(
            programme=Programme.objects.get(pk=rules.pk), by=clerk, reason="改", next_version=True, planned_too=True
        ),
    )
    assert told == ["", ""]
    county.batch.refresh_from_db()
    assert (county.batch.programme, Programme.objects.count()) == (rules, 2)
    assert {row.track.programme for row in county.classes} == {rules}


# A batch that is taken away, or numbered anew

LATER = {"first_day": datetime.date(2036, 3, 3), "last_day": datetime.date(2036, 5, 25)}


@pytest.fixture
def county(clerk: User) -> County:
    return make_county(clerk)


@pytest.fixture
def empty(county: County, clerk: User) -> Batch:
    """A second batch, on which nothing depends."""
    return create_batch(programme=county.batch.programme, number=2, by=clerk, **LATER)


Late = Callable[[Batch, County, User], None]


def change_days(batch: Batch, county: County, clerk: User) -> None:
    first, last = LATER.values()
    change_batch(batch=batch, number=3, first_day=first, last_day=last, by=clerk, reason="改")


def ask_names(batch: Batch, county: County, clerk: User) -> None:
    start_proposal(batch=batch, by=clerk)


def open_names(batch: Batch, county: County, clerk: User) -> None:
    open_nominations(batch=batch, until=TODAY, by=clerk)


def demand_somebody(batch: Batch, county: County, clerk: User) -> None:
    demand(batch=batch, cadre=county.cadres[0], kind=PlanDemand.Kind.MUST, reason="点名", by=clerk)


def ask_exception(batch: Batch, county: County, clerk: User) -> None:
    ask_waiver(batch=batch, rule="R04", subject="K1", label="第1班", reason="人多", by=clerk)


def give_head_teacher(batch: Batch, county: County, clerk: User) -> None:
    one = PracticeClass.objects.filter(batch=batch).order_by("pk")[0]
    assign_class_staff(practice_class=one, user=clerk, kind=ClassStaff.Kind.HEAD_TEACHER, by=clerk)


@pytest.mark.parametrize(
    "late", [change_days, ask_names, open_names, demand_somebody, ask_exception, give_head_teacher, "delete"]
)
def test_act_on_a_batch_that_is_taken_away_meanwhile_is_refused_plainly(
    county: County, empty: Batch, clerk: User, late: Late | str
) -> None:
    def again(batch: Batch, county: County, clerk: User) -> None:
        delete_batch(batch=batch, by=clerk, reason="建错了")

    act = again if isinstance(late, str) else late
    told = one_waits(
        lambda: [
            Batch.objects.select_for_update().get(pk=empty.pk),
            list(PracticeClass.objects.select_for_update().filter(batch=empty)),
        ],
        lambda: delete_batch(batch=empty_again(empty), by=clerk, reason="建错了"),
        lambda: act(empty_again(empty), county, clerk),
    )
    assert told == ["", "just_changed"]
    assert not Batch.objects.filter(number=2).exists()


def empty_again(batch: Batch) -> Batch:
    """The row as each of two clerks reads it on a page of his own."""
    return Batch.objects.get(pk=batch.pk)


def test_class_that_is_given_its_teacher_meanwhile_keeps_its_batch(county: County, empty: Batch, clerk: User) -> None:
    one = empty.classes.order_by("number")[0]
    told = one_waits(
        lambda: PracticeClass.objects.select_for_update().get(pk=one.pk),
        lambda: give_head_teacher(empty, county, clerk),
        lambda: delete_batch(batch=empty_again(empty), by=clerk, reason="建错了"),
    )
    assert told == ["", "has_dependants"]
    assert ClassStaff.objects.get().practice_class == one


def test_number_that_is_taken_meanwhile_is_refused(county: County, empty: Batch, clerk: User) -> None:
    first, last = LATER.values()
    for late in (
        lambda: change_batch(batch=empty_again(empty), number=9, first_day=first, last_day=last, by=clerk, reason="改"),
        lambda: create_batch(programme=county.batch.programme, number=9, by=clerk, together=True, **LATER),
    ):
        told = one_waits(lambda: factories.BatchFactory(number=9), lambda: None, late)
        assert told == ["", "number_taken"]
        Batch.objects.filter(number=9).delete()
