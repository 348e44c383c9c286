"""Two at once on real connections: what the second has read is no longer so when its turn comes."""

from collections.abc import Callable, Iterator

import pytest
import time_machine

from accounts import audit
from accounts.models import Role, User
from batches.actions.batch import save_programme
from batches.actions.names import confirm_unit, defer_nomination, open_nominations
from batches.actions.staff import assign_class_staff, assign_office
from batches.models import Batch, ClassMembership, ClassOffice, ClassStaff, Nomination, Programme
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
