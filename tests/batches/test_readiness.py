"""Readiness checks before planning: each verdict, and what it says."""

import datetime

import pytest
from django.db import connection
from django.db.backends.postgresql.psycopg_any import DateRange
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from bases.models import Bed, HostHousehold, Rate
from batches.models import Batch, Nomination, PlanDemand, Waiver
from batches.readiness import Check, readiness
from cadres.models import Unavailability
from office.models import CalendarDay
from tests import factories
from tests.batches.county import FIRST, County
from tests.batches.pages import page

pytestmark = pytest.mark.django_db
DAY = datetime.timedelta(days=1)


def found(county: County, staff: User, name: str) -> Check:
    county.batch.refresh_from_db()
    [check] = [check for check in readiness(county.batch, staff) if check.name == name]
    return check


def demand(county: County, place: int, kind: str, **more: object) -> PlanDemand:
    return PlanDemand.objects.create(
        batch=county.batch, cadre=county.cadres[place], kind=kind, reason="专班", **more
    )  # fmt: skip


def test_checks_of_a_batch_that_is_ready_are_all_good_but_for_what_may_follow(nominating: County, staff: User) -> None:
    CalendarDay.objects.create(day=datetime.date(2027, 1, 1), kind="holiday")
    kinds = {check.name: check.kind for check in readiness(nominating.batch, staff)}
    assert kinds == {
        "名单": "ok", "单位名额": "ok", "班额": "ok", "不可用时间": "ok", "编排要求": "ok", "节假日": "ok", "基地": "ok",
        "床位": "ok", "班主任": "warn", "批准例外": "ok", "食宿标准": "ok",
    }  # fmt: skip


def test_names_that_are_missing_or_not_answered(county: County, nominating: County, staff: User) -> None:
    cadre = nominating.cadres[0]
    nominating.batch.nominations.filter(cadre=cadre).update(state=Nomination.State.PROPOSED)
    check = found(nominating, staff, "名单")
    assert (check.kind, check.text) == ("warn", f"1 个单位 1 人没有答复，按会来编排：{cadre.unit.name}")
    assert check.url.endswith("/names/?state=proposed")
    nominating.batch.nominations.update(state=Nomination.State.DEFERRED)
    assert found(nominating, staff, "名单").kind == "bad"


def test_unit_with_more_names_than_places_unless_excepted(nominating: County, staff: User, colleague: User) -> None:
    unit = nominating.units[0]
    unit.quota = 1
    unit.save()
    check = found(nominating, staff, "单位名额")
    assert (check.kind, check.text) == ("bad", f"{unit} 2 人，名额 1 人：编出来会不合规则，不能发布")
    waiver = Waiver.objects.create(
        batch=nominating.batch,
        rule="R01",
        subject=f"U{unit.pk}@B{nominating.batch.pk}",
        reason="任务重",
        asked_by=staff,
    )
    assert found(nominating, staff, "单位名额").kind == "bad"
    assert found(nominating, staff, "批准例外").text == "1 条例外等另一位工作人员批准，批准前不算数"
    Waiver.objects.filter(pk=waiver.pk).update(approver=colleague)
    assert found(nominating, staff, "单位名额").kind == "ok"
    assert found(nominating, staff, "批准例外").text == "1 条例外已批准，编排照办"


def test_two_leading_members_of_a_unit(nominating: County, staff: User) -> None:
    for cadre in nominating.cadres[:2]:
        cadre.leading = True
        cadre.save()
    check = found(nominating, staff, "单位名额")
    assert (check.kind, check.text) == (
        "bad",
        f"{nominating.units[0]}班子成员 2 人，至多 1 人：编出来会不合规则，不能发布",
    )


@pytest.mark.parametrize(("going", "kind"), [(5, "warn"), (8, "ok")])
def test_class_sizes_below_the_minimum(nominating: County, staff: User, going: int, kind: str) -> None:
    out = [cadre.pk for cadre in nominating.cadres[going:]]
    nominating.batch.nominations.filter(cadre__in=out).update(state=Nomination.State.DEFERRED)
    assert found(nominating, staff, "班额").kind == kind


def test_days_away_count_within_the_batch_alone(nominating: County, staff: User) -> None:
    most = nominating.batch.programme.max_overlap_days
    away = Unavailability.objects.create(
        cadre=nominating.cadres[0],
        days=DateRange(FIRST - 30 * DAY, FIRST + most * DAY),
        reason="学习",
        entered_by=staff,
    )
    assert found(nominating, staff, "不可用时间").kind == "ok"
    away.days = DateRange(FIRST - 30 * DAY, FIRST + (most + 1) * DAY)
    away.save()
    check = found(nominating, staff, "不可用时间")
    assert (check.kind, check.text) == ("bad", f"1 人不可用超过 {most} 天，排不进本期：{nominating.cadres[0].name}")


def test_demands_that_cannot_be_met_are_named(nominating: County, staff: User) -> None:
    one, two, three = (cadre.name for cadre in nominating.cadres[:3])
    demand(nominating, 0, "pin", class_number=1)
    assert found(nominating, staff, "编排要求").kind == "ok"
    demand(nominating, 0, "parity", parity="even")
    demand(nominating, 1, "must_not")
    demand(nominating, 2, "must")
    nominating.batch.nominations.filter(cadre=nominating.cadres[2]).update(state=Nomination.State.DEFERRED)
    check = found(nominating, staff, "编排要求")
    assert check.kind == "bad"
    assert set(check.text.removeprefix("3 人的要求做不到：").split("；")) == {
        f"{one}固定到第1班（单周），又只能双周", f"{two}不参加本期，但在名单里", f"{three}要参加本期，但不在名单里",
    }  # fmt: skip


def test_year_without_a_calendar_is_provisional(nominating: County, staff: User) -> None:
    check = found(nominating, staff, "节假日")
    assert (check.kind, check.act) == ("warn", "录入节假日")
    assert check.text.startswith("2027 年放假安排还没有录入")
    assert check.loud
    assert check.url == "/admin/office/calendarday/", "where days are entered, not the section"
    CalendarDay.objects.create(day=datetime.date(2027, 1, 1), kind=CalendarDay.Kind.HOLIDAY, name="元旦")
    assert found(nominating, staff, "节假日").url == "/admin/office/calendarday/"


def test_each_check_leads_to_a_page_that_opens(nominating: County, staff: User, desk: Client) -> None:
    urls = {check.name: check.url for check in readiness(nominating.batch, staff) if check.url}
    assert {"名单", "节假日", "基地", "床位", "班主任", "食宿标准"} <= urls.keys()
    for name, url in urls.items():
        shown = desk.get(url.partition("#")[0])
        assert shown.status_code == 200, (name, url)
        anchor = url.partition("#")[2]
        assert not anchor or f'id="{anchor}"' in shown.content.decode(), (name, url)


def test_holidays_not_entered_are_told_also_while_the_list_is_folded(planned: County, desk: Client) -> None:
    shown = page(desk, "studio", planned.batch.pk)
    told = "2027 年放假安排还没有录入"
    assert told in shown[: shown.index('id="ready"')]
    assert '<details class="dm-card" id="ready">' in shown
    CalendarDay.objects.create(day=datetime.date(2027, 1, 1), kind=CalendarDay.Kind.HOLIDAY, name="元旦")
    shown = page(desk, "studio", planned.batch.pk)
    assert told not in shown


def test_bases_without_beds_and_too_few_beds(nominating: County, staff: User) -> None:
    one, two = nominating.bases
    Bed.objects.filter(room__household__base=one).update(active=False)
    check = found(nominating, staff, "基地")
    assert (check.kind, check.text) == ("warn", f"1 个基地能接待；1 个没有可住的床位：{one.village}")
    assert found(nominating, staff, "床位").kind == "ok"
    kept = Bed.objects.filter(room__household__base=two).order_by("pk").values_list("pk", flat=True)[:4]
    Bed.objects.exclude(pk__in=list(kept)).update(active=False)
    nominating.batch.programme.spare_beds = 1
    nominating.batch.programme.save()
    check = found(nominating, staff, "床位")
    assert (check.kind, check.text) == ("bad", "同一周最多约 4 人集中，可用床位 3 张，不够住")
    HostHousehold.objects.update(state=HostHousehold.State.SUSPENDED)
    assert found(nominating, staff, "基地").kind == "bad"


def test_rates_not_confirmed_do_not_stop_planning(nominating: County, staff: User) -> None:
    Rate.objects.all().delete()
    assert found(nominating, staff, "食宿标准").kind == "warn"


def test_checks_ask_as_often_for_many_names_as_for_few(nominating: County, staff: User) -> None:
    with CaptureQueriesContext(connection) as few:
        readiness(nominating.batch, staff)
    for cadre in factories.CadreFactory.create_batch(12):
        Nomination.objects.create(batch=nominating.batch, cadre=cadre)
        PlanDemand.objects.create(batch=nominating.batch, cadre=cadre, kind="must", reason="专班")
    factories.BaseFactory.create_batch(3)
    with CaptureQueriesContext(connection) as many:
        readiness(Batch.objects.get(pk=nominating.batch.pk), staff)
    assert len(many) <= len(few) + 1  # the programme of a batch that was loaded alone
