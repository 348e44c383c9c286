"""The admin site as a door: households apply and get beds by the acts, states cannot be typed, phones stay masked."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import AuditEntry, User
from bases.actions.beds import told_rooms
from bases.models import HostHousehold, PracticeBase, Zone
from tests.factories import BaseFactory, HouseholdFactory, VillageFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def client(staff: User) -> Client:
    client = Client()
    client.force_login(staff, backend="django.contrib.auth.backends.ModelBackend")
    return client


def household_data(base: PracticeBase, **changes: Any) -> dict[str, Any]:
    return {
        "base": base.pk, "head": "黄永福", "address": "3号", "new_phone": "19912345678", "rooms": "东屋2张、西屋2张",
        "history_bed_nights": "0",
    } | changes  # fmt: skip


def test_household_added_in_the_admin_site_applies_with_its_beds(client: Client, staff: User) -> None:
    base = BaseFactory()
    data = household_data(base, state="admitted", admitted_on="2026-01-01")
    response = client.post(reverse("admin:bases_hosthousehold_add"), data)
    assert response.status_code == 302
    household = HostHousehold.objects.get()
    assert (household.state, household.admitted_on, household.phone) == ("applied", None, "19912345678")
    assert told_rooms(household) == "东屋2张、西屋2张"
    told = set(AuditEntry.objects.filter(actor_id=staff.pk).values_list("act", flat=True))
    assert {"apply_household", "set_beds", "save_hosthousehold"} <= told


def test_change_keeps_the_phone_unless_a_new_one_is_typed_and_never_the_state(client: Client) -> None:
    household = HouseholdFactory(phone="19900000001", beds=2)
    url = reverse("admin:bases_hosthousehold_change", args=[household.pk])
    data = household_data(household.base, new_phone="", head="黄永禄", rooms="东屋3张", state="withdrawn")
    assert client.post(url, data).status_code == 302
    household.refresh_from_db()
    assert (household.head, household.phone, household.state) == ("黄永禄", "19900000001", "admitted")
    assert told_rooms(household) == "东屋3张"
    client.post(url, data | {"new_phone": "19900000002"})
    household.refresh_from_db()
    assert household.phone == "19900000002"


def test_rooms_that_cannot_be_read_are_told_beside_the_field(client: Client) -> None:
    response = client.post(reverse("admin:bases_hosthousehold_add"), household_data(BaseFactory(), rooms="两间"))
    assert response.status_code == 200
    assert "看不懂“两间”" in response.content.decode()
    assert not HostHousehold.objects.exists()


def test_same_household_twice_is_told_beside_the_field(client: Client) -> None:
    base = BaseFactory()
    url = reverse("admin:bases_hosthousehold_add")
    client.post(url, household_data(base))
    response = client.post(url, household_data(base))
    assert response.status_code == 200
    assert "已经登记过" in response.content.decode()
    assert HostHousehold.objects.count() == 1


def test_base_with_its_zones_is_entered_in_one_form(client: Client) -> None:
    village = VillageFactory()
    data = {
        "village": village.pk, "cooperative": "双溪合作社", "contact": "林国强", "new_phone": "19900000003",
        "declared_capacity": "40", "east_km": "1.5", "north_km": "-2", "meeting_point": "村部", "history_person_days": "0",
        "zones-TOTAL_FORMS": "2", "zones-INITIAL_FORMS": "0", "zones-0-kind": "party", "zones-0-name": "红色驿站",
        "zones-1-kind": "farm", "zones-1-name": "茶园", "state": "retired",
    }  # fmt: skip
    assert client.post(reverse("admin:bases_practicebase_add"), data).status_code == 302
    base = PracticeBase.objects.get()
    assert (base.state, base.phone) == ("open", "19900000003")
    assert {zone.kind for zone in base.zones.all()} == {Zone.Kind.PARTY, Zone.Kind.FARM}
    assert AuditEntry.objects.filter(act="save_practicebase", subject_id=str(base.pk)).exists()


@pytest.mark.parametrize("name", ["practicebase", "hosthousehold", "village", "route", "closure", "baseuse", "rate"])
def test_lists_are_searched_in_chinese_and_filtered(client: Client, name: str) -> None:
    HouseholdFactory(base__village__name="双溪村")
    assert client.get(reverse(f"admin:bases_{name}_changelist"), {"q": "双溪"}).status_code == 200


def test_search_finds_by_village_and_filter_by_township(client: Client) -> None:
    one, two = BaseFactory(village__name="双溪村"), BaseFactory(village__name="石门村")
    url = reverse("admin:bases_practicebase_changelist")
    found = client.get(url, {"q": "双溪"}).context["cl"].queryset
    assert list(found) == [one]
    found = client.get(url, {"township": two.village.township_id}).context["cl"].queryset
    assert list(found) == [two]
