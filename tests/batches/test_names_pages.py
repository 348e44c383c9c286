"""The pages of names: for the centre, and for the liaison of a unit."""

import datetime
import re
from collections.abc import Callable

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.models import User
from batches.actions.names import open_nominations
from batches.models import (
    Batch,
    Nomination,
    PlanDemand,
)
from cadres.models import Cadre
from config.errors import DomainError
from tests import factories
from tests.batches.county import FIRST, TODAY, County, at
from tests.batches.pages import page, post

pytestmark = pytest.mark.django_db


def test_names_page_filters_and_adds(desk: Client, county: County, staff: User) -> None:
    Nomination.objects.bulk_create(Nomination(batch=county.batch, cadre=cadre) for cadre in county.cadres)
    Batch.objects.update(state=Batch.State.PROPOSED)
    shown = post(desk, "names", county.batch.pk, form="open", **{"open-until": TODAY.isoformat()})
    assert "报名开始了" in shown
    assert "催 4 个单位报名" in shown
    unit = county.units[0]
    shown = page(desk, "names", county.batch.pk, query=f"?unit={unit.pk}&state=proposed")
    assert "共 2 条" in shown
    late = factories.CadreFactory(name="叶秀英", unit=county.units[0])
    factories.CadreFactory(name="叶秀英")
    shown = post(desk, "names", county.batch.pk, form="add", **{"add-cadre": "叶秀英", "add-reason": "补报"})
    assert "有 2 个“叶秀英”" in shown
    assert 'value="补报"' in shown
    post(desk, "names", county.batch.pk, form="add", **{"add-cadre": f"叶秀英 {unit.name}", "add-reason": "补报"})
    assert county.batch.nominations.get(cadre=late).state == "confirmed"
    shown = post(desk, "names", county.batch.pk, form="add", **{"add-cadre": "没有这人", "add-reason": "补报"})
    assert "没有找到“没有这人”" in shown


def test_names_page_counts_those_who_go_and_those_who_do_not(desk: Client, nominating: County) -> None:
    """The list shows everybody ever named: the heading says how many of them go."""
    everybody = nominating.batch.nominations.count()
    assert f">{everybody} 人　4 个单位" in page(desk, "names", nominating.batch.pk)
    deferred, swapped = nominating.batch.nominations.order_by("pk")[:2]
    Nomination.objects.filter(pk=deferred.pk).update(state="deferred")
    told = f"{everybody - 1} 人去，另有 1 人缓派　4 个单位"
    assert told in page(desk, "names", nominating.batch.pk)
    Nomination.objects.filter(pk=swapped.pk).update(state="swapped")
    shown = page(desk, "names", nominating.batch.pk)
    assert f"{everybody - 2} 人去，另有 1 人缓派、1 人已换人　4 个单位" in shown
    assert f"共 {everybody} 条" in shown


def test_names_page_takes_no_part_of_a_number_for_a_unit(desk: Client, county: County) -> None:
    """A number that no row can have names nobody: not the unit whose number it begins with."""
    Nomination.objects.bulk_create(Nomination(batch=county.batch, cadre=cadre) for cadre in county.cadres)
    shown = page(desk, "names", county.batch.pk, query=f"?unit={county.units[0].pk:09d}7")
    assert f"共 {len(county.cadres)} 条" in shown


@pytest.mark.parametrize("query", ["?unit=²", "?unit=" + "9" * 40, "?state=%00", "?page=x"])
def test_names_page_survives_odd_addresses(desk: Client, nominating: County, query: str) -> None:
    page(desk, "names", nominating.batch.pk, query=query)


def test_names_page_asks_as_often_for_many_names_as_for_few(desk: Client, nominating: County) -> None:
    page(desk, "names", nominating.batch.pk)
    with CaptureQueriesContext(connection) as few:
        page(desk, "names", nominating.batch.pk)
    Nomination.objects.bulk_create(
        Nomination(batch=nominating.batch, cadre=cadre) for cadre in factories.CadreFactory.create_batch(12)
    )
    with CaptureQueriesContext(connection) as many:
        page(desk, "names", nominating.batch.pk)
    assert len(many) == len(few)


def test_demands_by_the_page(desk: Client, nominating: County) -> None:
    cadre = nominating.cadres[0]
    data = {
        "demand-cadre": cadre.id_number_tail,
        "demand-kind": "pin",
        "demand-class_number": "9",
        "demand-reason": "指定",
    }
    Cadre.objects.exclude(pk=cadre.pk).update(id_number_tail="0000")
    assert "请填本期有的班号" in post(desk, "names", nominating.batch.pk, form="demand", **data)
    post(desk, "names", nominating.batch.pk, form="demand", **data | {"demand-class_number": "2"})
    made = PlanDemand.objects.get()
    assert (made.cadre, made.kind, made.class_number) == (cadre, "pin", 2)
    post(desk, "drop_demand", nominating.batch.pk, made.pk)
    assert not PlanDemand.objects.filter(live=True).exists()


@pytest.mark.parametrize(
    ("until", "told"),
    [
        (TODAY - datetime.timedelta(days=1), "报名截止日已经过了"),
        (FIRST, "第1期从 2027-03-01 开始，报名要在开始以前截止。请改到 2027-02-28 或以前。"),
        (FIRST + datetime.timedelta(days=2), "请改到 2027-02-28 或以前"),
    ],
)
def test_deadline_past_or_after_the_beginning_is_refused_at_its_field(
    desk: Client, county: County, until: datetime.date, told: str
) -> None:
    Nomination.objects.create(batch=county.batch, cadre=county.cadres[0])
    Batch.objects.update(state=Batch.State.PROPOSED)
    shown = post(desk, "names", county.batch.pk, form="open", **{"open-until": until.isoformat()})
    [field] = re.findall(r'<input [^>]*name="open-until"[^>]*>', shown)
    assert "is-invalid" in field
    assert told in shown
    county.batch.refresh_from_db()
    assert (county.batch.state, county.batch.nominate_until) == (Batch.State.PROPOSED, None)


def test_batch_that_has_begun_may_still_ask_for_today(county: County, staff: User) -> None:
    Nomination.objects.create(batch=county.batch, cadre=county.cadres[0])
    Batch.objects.update(state=Batch.State.PROPOSED)
    county.batch.refresh_from_db()
    with at(FIRST):
        with pytest.raises(DomainError) as refused:
            open_nominations(batch=county.batch, until=FIRST + datetime.timedelta(days=1), by=staff)
        assert refused.value.code == "deadline_late"
        assert refused.value.message == "第1期从 2027-03-01 起已经开始，报名只能开到今天。请改到 2027-03-01。"
        open_nominations(batch=county.batch, until=FIRST, by=staff)
    county.batch.refresh_from_db()
    assert county.batch.nominate_until == FIRST


# A unit's liaison


@pytest.fixture
def asked(county: County, staff: User) -> County:
    """All eight proposed, the units asked."""
    Nomination.objects.bulk_create(Nomination(batch=county.batch, cadre=cadre) for cadre in county.cadres)
    Batch.objects.update(state=Batch.State.PROPOSED)
    county.batch.refresh_from_db()
    open_nominations(batch=county.batch, until=TODAY, by=staff)
    return county


def test_liaison_sees_and_answers_the_own_unit_alone(asked: County, signed_in: Callable[[User], Client]) -> None:
    phone = signed_in(factories.UnitLiaisonFactory(unit=asked.units[0]).user)
    shown = page(phone, "nominations", asked.batch.pk)
    assert all(cadre.name in shown for cadre in asked.cadres[:2])
    assert not any(f">{cadre.name}<" in shown for cadre in asked.cadres[2:])
    theirs = asked.batch.nominations.get(cadre=asked.cadres[2])
    for act in ("confirm", "defer"):
        url = reverse("batches:nomination", args=[theirs.pk])
        assert phone.get(url).status_code == 404
        assert phone.post(url, {"act": act, "reason": "x"}).status_code == 404
    assert phone.post(reverse("batches:confirm_unit", args=[asked.batch.pk, asked.units[1].pk])).status_code == 404
    assert phone.get(reverse("batches:names", args=[asked.batch.pk])).status_code == 403
    assert set(asked.batch.nominations.values_list("state", flat=True)) == {"proposed"}
    assert "2 人已确认" in post(phone, "confirm_unit", asked.batch.pk, asked.units[0].pk)
    confirmed = asked.batch.nominations.filter(state="confirmed").values_list("cadre", flat=True)
    assert set(confirmed) == {cadre.pk for cadre in asked.cadres[:2]}


def test_liaison_swaps_and_defers(asked: County, signed_in: Callable[[User], Client]) -> None:
    phone = signed_in(factories.UnitLiaisonFactory(unit=asked.units[0]).user)
    one, two = (asked.batch.nominations.get(cadre=cadre) for cadre in asked.cadres[:2])
    other = factories.CadreFactory(unit=asked.units[0])
    shown = post(phone, "nomination", one.pk, act="swap", cadre="", reason="手头有专班")
    assert "没有选由谁替换" in shown
    assert 'value="手头有专班"' in shown
    foreign = factories.CadreFactory()
    assert "没有选由谁替换" in post(phone, "nomination", one.pk, act="swap", cadre=foreign.pk, reason="换")
    assert f"换成{other.name}" in post(phone, "nomination", one.pk, act="swap", cadre=other.pk, reason="专班")
    assert "请写明缓派的原因" in post(phone, "nomination", two.pk, act="defer", reason=" ")
    assert "请写短一些" in post(phone, "nomination", two.pk, act="defer", reason="产假" * 5000)
    post(phone, "nomination", two.pk, act="defer", reason="产假")
    states = dict(asked.batch.nominations.filter(cadre__unit=asked.units[0]).values_list("cadre", "state"))
    assert states == {one.cadre_id: "swapped", two.cadre_id: "deferred", other.pk: "confirmed"}


def test_liaison_after_the_nominations_only_reads(planned: County, signed_in: Callable[[User], Client]) -> None:
    phone = signed_in(factories.UnitLiaisonFactory(unit=planned.units[0]).user)
    assert "报名已结束" in page(phone, "nominations", planned.batch.pk)
    one = planned.batch.nominations.get(cadre=planned.cadres[0])
    assert "不在报名中" in post(phone, "nomination", one.pk, act="defer", reason="产假")
