"""The demonstration county's bases: what there is, and that it is the same every time."""

import datetime

import pytest
from django.db.models import Count, Q

from accounts.models import User
from bases import invariants, queries
from bases.demonstration import make_bases
from bases.models import Bed, Closure, HostHousehold, PracticeBase, Rate, Route, Zone
from cadres.models import Unit
from tests.factories import PASSWORD, UnitFactory, UserFactory

pytestmark = pytest.mark.django_db


def test_demonstration_bases_are_as_told_and_break_nothing(staff: User) -> None:
    town = UnitFactory(name="城关镇人民政府", kind=Unit.Kind.TOWNSHIP)
    county = make_bases(staff, password_hash=UserFactory().password)
    admitted = HostHousehold.objects.filter(state=HostHousehold.State.ADMITTED)
    assert (
        PracticeBase.objects.count(), Unit.objects.filter(kind="township").count(), Route.objects.count(),
        admitted.count(), Bed.objects.filter(room__household__in=admitted, active=True).count(),
    ) == (19, 14, 5, 214, 612)  # fmt: skip
    assert county.bases["东门村"].village.township == town
    mandatory = {Zone.Kind.PARTY, Zone.Kind.FARM, Zone.Kind.SURVEY}
    assert all(mandatory <= {zone.kind for zone in base.zones.all()} for base in county.bases.values())
    assert set(admitted.annotate(n=Count("rooms__beds", filter=Q(rooms__beds__active=True))).values_list("n", flat=True)) == {
        2, 3, 4,
    }  # fmt: skip
    assert [line.code for line in invariants.INVARIANTS if line.find()] == []
    first, last = datetime.date(2026, 11, 23), datetime.date(2027, 3, 31)
    assert queries.unconfirmed_rates(first, last) == []
    assert Rate.objects.filter(township__isnull=False).count() == 1
    assert Closure.objects.filter(base__isnull=False).count() == 8
    assert min(queries.beds_by_night(county.bases["东门村"], first, first).values()) >= 20
    assert all(base.routes.count() == 1 for base in county.bases.values())


def test_demonstration_accounts_sign_in_with_the_given_password_and_see_their_own(staff: User) -> None:
    county = make_bases(staff, password_hash=UserFactory().password)
    manager = User.objects.get(username="hezuoshe01")
    liaison = User.objects.get(username="xiangzhen02")
    assert manager.check_password(PASSWORD)
    assert (manager.is_demo, manager.must_change_password) == (True, False)
    assert [str(base) for base in queries.visible_to(manager, PracticeBase)] == ["东门村基地"]
    assert {str(base) for base in queries.visible_to(liaison, PracticeBase)} == {"双溪村基地", "樟树村基地"}
    assert (len(county.managers), len(county.liaisons)) == (19, 14)
