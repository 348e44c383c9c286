"""The demonstration county's people: what there is, and that it is the same every time."""

import json
from pathlib import Path

import pytest
from django.utils import timezone

from accounts.models import User
from cadres import demonstration, invariants, queries
from cadres.demonstration import make_units_and_cadres
from cadres.models import Cadre, RosterImport, Unavailability, Unit
from tests.factories import PASSWORD, TownshipFactory, UserFactory

pytestmark = pytest.mark.django_db
UNITS = json.loads((Path(__file__).parent / "rosters" / "clean-266.expected.json").read_text())["units"]


def test_demonstration_people_are_as_told_and_break_nothing(staff: User) -> None:
    town = TownshipFactory(name="城关镇人民政府")
    made = make_units_and_cadres(staff, UserFactory().password)
    assert set(made.units) == set(UNITS) == set(Unit.objects.values_list("name", flat=True))
    assert made.units["城关镇人民政府"] == town
    assert Unit.objects.filter(kind="township").count() == 14
    assert 1150 <= Cadre.objects.count() <= 1250
    assert RosterImport.objects.get().state == RosterImport.State.COMMITTED
    assert not RosterImport.objects.get().findings.filter(level="error").exists()
    ages = [queries.age_at(birth, timezone.localdate()) for birth in Cadre.objects.values_list("birth", flat=True)]
    assert (min(ages) >= 22, max(ages) <= 60) == (True, True)
    assert sum(age <= 40 for age in ages) > 600, "enough for two sessions of 266"
    assert not Cadre.objects.exclude(phone__isnull=True).filter(id_number_tail="").exists()
    assert all(cadre.id_number.startswith("99") and cadre.phone.startswith("144") for cadre in Cadre.objects.all())
    assert Cadre.objects.filter(leading=True).count() >= 54
    assert Unavailability.objects.filter(live=True).count() >= 10
    assert [line.code for line in invariants.INVARIANTS if line.find()] == []


def test_demonstration_liaisons_sign_in_and_see_their_own(staff: User) -> None:
    make_units_and_cadres(staff, UserFactory().password)
    liaison = User.objects.get(username="danwei03")
    assert (liaison.is_demo, liaison.must_change_password, liaison.check_password(PASSWORD)) == (True, False, True)
    assert [unit.name for unit in queries.own_units(liaison)] == ["县委组织部"]
    assert User.objects.filter(username__startswith="danwei").count() == 54


def test_demonstration_roster_is_the_same_every_time() -> None:
    assert list(demonstration._lines()) == list(demonstration._lines())
