"""The sandbox: bounds beside today's, money at the rates, parameters that are refused."""

import datetime
from decimal import Decimal

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from accounts.models import AuditEntry, User
from bases.models import Rate
from batches.models import PlanRun, Programme
from batches.outlook_input import Facts
from batches.outlooks import Rates, compared
from batches.planning.outlook import estimate
from cadres.models import Cadre, Unit
from office.models import Job
from tests import factories
from tests.batches.county import County, change, more_people

pytestmark = pytest.mark.django_db


def test_estimate_lies_beside_todays(county: County) -> None:
    more_people(county, 5)
    facts = Facts(county.batch.programme)
    lines = compared(
        estimate(facts.document(2)),
        estimate(facts.document(2, [change("unit_max_per_batch", 7, 3)])),
        Rates(),
        exact=False,
    )
    told = {line.name: line for line in lines}
    assert (told["要覆盖完还办几期"].today, told["要覆盖完还办几期"].tried) == ("3 期", "2 期")
    assert told["要覆盖完还办几期"].change == "↓ 少 1 期"
    assert told["全部覆盖的月份"].change == "↓ 早 3 个月"
    assert told["每期座位"].change == "不变"


def test_cost_is_person_days_and_nights_at_the_rates(county: County, staff: User) -> None:
    Rate.objects.all().delete()
    rate = factories.RateFactory(
        days=(datetime.date(2027, 1, 1), None), breakfast=20, lunch=40, dinner=40, night=Decimal("50.50"),
        confirmed_by=None, confirmed_at=None,
    )  # fmt: skip
    stays = [{"township": None, "first_day": "2027-03-05", "person_days": 12, "nights": 8}]
    cost = Rates().cost(stays)
    assert cost.yuan == 12 * 40 + 8 * (20 + 40 + Decimal("50.50"))
    assert cost.note == "食宿标准还没有全部确认，按已填的数算"
    Rate.objects.filter(pk=rate.pk).update(confirmed_by=staff, confirmed_at=timezone.now())
    township = factories.TownshipFactory()
    factories.RateFactory(
        township=township, days=(datetime.date(2027, 1, 1), None), breakfast=0, lunch=0, dinner=0, night=1,
        confirmed_by=staff, confirmed_at=timezone.now(),
    )  # fmt: skip
    own = [{"township": f"T{township.pk}", "first_day": "2027-03-05", "person_days": 12, "nights": 8}]
    assert (Rates().cost(own).yuan, Rates().cost(own).note) == (8, "")
    early = [{"township": None, "first_day": "2026-12-31", "person_days": 1, "nights": 0}]
    assert Rates().cost(early).yuan is None
    assert "2026-12-31 没有食宿标准" in Rates().cost(early).note


def test_estimate_page_writes_nothing(county: County, client: Client, staff: User) -> None:
    client.force_login(staff)
    before = (PlanRun.objects.count(), Job.objects.count(), AuditEntry.objects.count())
    programme = Programme.objects.get(pk=county.batch.programme_id)
    page = client.get(reverse("batches:outlook_estimate"), {"unit_max_per_batch": "1", "batches": "2"})
    assert page.status_code == 200
    assert "各单位每期最多（人）：3 改为 1" in page.content.decode()
    assert (PlanRun.objects.count(), Job.objects.count(), AuditEntry.objects.count()) == before
    assert Programme.objects.get(pk=programme.pk).unit_max_per_batch == 3


def test_estimate_says_which_parameter_is_wrong(county: County, client: Client, staff: User) -> None:
    client.force_login(staff)
    page = client.get(reverse("batches:outlook_estimate"), {"class_size_min": "9", "track_1": "0", "batches": "99"})
    text = page.content.decode()
    assert "每班人数要在最少与最多之间" in text
    assert "一个班都没有" in text
    assert "推演几期" in text


@pytest.mark.parametrize("page", ["batches:outlook_estimate", "batches:outlook"])
def test_quota_of_nobody_is_refused(county: County, client: Client, staff: User, page: str) -> None:
    client.force_login(staff)
    text = client.get(reverse(page), {"unit_max_per_batch": "0"}).content.decode()
    assert "各单位每期最多（人）" in text
    assert "大于或等于1" in text
    assert "0 期" not in text


def test_county_where_all_have_attended_needs_no_batch(county: County) -> None:
    Cadre.objects.update(state=Cadre.State.LEFT)
    none = estimate(Facts(county.batch.programme).document(1))
    told = {line.name: line for line in compared(none, none, Rates(), exact=False)}
    assert told["要覆盖完还办几期"].tried == "0 期"
    assert told["全部覆盖的月份"].tried == "不用再办"


def test_people_whom_no_number_of_batches_covers_are_told_beside_it(county: County) -> None:
    Unit.objects.filter(pk=county.units[0].pk).update(quota=0)
    rough = estimate(Facts(county.batch.programme).document(1))
    told = {line.name: line for line in compared(rough, rough, Rates(), exact=False)}
    assert rough["never"] > 0
    assert told["办多少期也排不进的人"].tried == f"{rough['never']} 人"


def test_cost_of_an_estimate_is_at_the_dearest_rates_it_may_meet(county: County, staff: User) -> None:
    Rate.objects.all().delete()
    own = {"confirmed_by": staff, "confirmed_at": timezone.now()}
    factories.RateFactory(days=(datetime.date(2027, 1, 1), None), breakfast=10, lunch=40, dinner=20, night=20, **own)
    factories.RateFactory(
        township=factories.TownshipFactory(), days=(datetime.date(2027, 3, 8), None), breakfast=0, lunch=5, dinner=0,
        night=90, **own,
    )  # fmt: skip
    stay = {"township": None, "first_day": "2027-03-01", "last_day": "2027-03-07", "person_days": 3, "nights": 2}
    assert Rates().cost([stay]).yuan == 3 * 40 + 2 * 50
    assert Rates().cost([stay | {"last_day": "2027-03-08"}]).yuan == 3 * 40 + 2 * 90
    assert Rates().cost([stay | {"first_day": "2026-12-31"}]).yuan is None


def test_estimate_asks_as_often_for_many_as_for_few(county: County, client: Client, staff: User) -> None:
    client.force_login(staff)
    url = reverse("batches:outlook_estimate")
    client.get(url, {"unit_max_per_batch": "1"})
    with CaptureQueriesContext(connection) as few:
        client.get(url, {"unit_max_per_batch": "1"})
    more_people(county, 5)
    factories.HouseholdFactory.create_batch(3, base=county.bases[0])
    with CaptureQueriesContext(connection) as many:
        client.get(url, {"unit_max_per_batch": "1"})
    assert len(many) == len(few)
