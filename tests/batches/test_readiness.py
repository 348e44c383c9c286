"""Readiness checks before planning: each verdict, and what it says."""

import datetime
import json

import pytest
from django.db import connection
from django.db.backends.postgresql.psycopg_any import DateRange
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.models import User
from bases.actions import close_place
from bases.models import Bed, Closure, HostHousehold, PracticeBase, Rate
from batches.actions.plans import publish_plan
from batches.models import Batch, Nomination, PlanDemand, Waiver
from batches.obstacles import publish_obstacles
from batches.planning import solve
from batches.planning.checker import check, violations
from batches.planning_input import build_input
from batches.readiness import Check, readiness
from cadres.actions.unavailability import enter_unavailability
from cadres.models import Unavailability
from config.errors import DomainError
from office.models import CalendarDay
from tests import factories
from tests.batches.county import FIRST, LAST, County, plan_by_hand
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


def test_no_open_base_leads_to_the_bases_and_its_plan_is_not_published(nominating: County, staff: User) -> None:
    PracticeBase.objects.update(state=PracticeBase.State.RETIRED)
    check = found(nominating, staff, "基地")
    assert (check.kind, check.act, check.url) == ("bad", "去看基地", reverse("bases:overview"))
    assert check.text.startswith("没有一个基地在接待")
    PracticeBase.objects.update(state=PracticeBase.State.OPEN)
    run = plan_by_hand(nominating, staff)
    assert publish_obstacles(nominating.batch, run) == []
    skipped = [
        {"class": row["class"], "index": row["index"], "skipped": "no_site"} for row in run.plan["gatherings"]
    ]  # fmt: skip
    run.plan_text = json.dumps(run.plan | {"gatherings": skipped, "lodging": []})
    run.save()
    assert publish_obstacles(nominating.batch, run, broken=[]) == [
        "方案里一次集中也没有，发布了谁也不会去。请看就绪检查里的基地、床位和节假日，办好再重新编排。"
    ]
    with pytest.raises(DomainError) as refused:
        publish_plan(batch=nominating.batch, run=run, by=staff)
    assert refused.value.code == "not_publishable"


def test_holidays_that_leave_a_class_too_few_weeks_are_told_with_figures(nominating: County, staff: User) -> None:
    def close(*days: int) -> None:
        CalendarDay.objects.bulk_create(
            CalendarDay(day=FIRST.replace(day=day), kind=CalendarDay.Kind.HOLIDAY) for day in days
        )

    close(24)
    assert found(nominating, staff, "节假日").kind == "ok"
    close(5, 6, 7)
    check = found(nominating, staff, "节假日")
    assert (check.kind, check.text) == (
        "warn", "放假和调休已录入，本期里放假 4 天；单周班只有 1 周能集中，至多 3 天，应有 6 天"
    )  # fmt: skip
    CalendarDay.objects.all().delete()
    close(*range(1, 29))
    check = found(nominating, staff, "节假日")
    assert (check.kind, check.text) == (
        "bad", "放假和调休已录入，本期里放假 28 天；单周班没有一周能集中；双周班没有一周能集中，应有 6 天"
    )  # fmt: skip


def test_named_people_who_fell_ill_are_left_out_of_the_plan_and_told(nominating: County, staff: User) -> None:
    """They were confirmed, and one is fixed to a class: the plan is made for the others, with what keeps each of them away."""
    ill = nominating.cadres[:2]
    demand(nominating, 0, "pin", class_number=1)
    for cadre in ill:
        enter_unavailability(cadre=cadre, first_day=FIRST, last_day=LAST, reason="住院", by=staff)
    document = build_input(nominating.batch)
    plan = solve(document)
    assert [row["cadre"] for row in plan["unassigned"]] == sorted(f"C{cadre.pk}" for cadre in ill)
    assert {row["reason"] for row in plan["unassigned"]} == {"no_open_batch"}
    assert [str(breach) for breach in violations(check(document, plan))] == []


def test_people_of_a_unit_fixed_to_one_class_are_a_conflict_unless_excepted(
    nominating: County, staff: User, colleague: User
) -> None:
    """Two of a unit, two classes, both to class 1: no plan keeps R02 and R03."""
    unit, (one, two) = nominating.units[0], nominating.cadres[:2]
    demand(nominating, 0, "pin", class_number=1)
    assert found(nominating, staff, "编排要求").text == "1 条要求，互不冲突"
    demand(nominating, 1, "pin", class_number=1)
    check = found(nominating, staff, "编排要求")
    both = "、".join(row.name for row in sorted((one, two), key=lambda row: f"C{row.pk}"))
    assert (check.kind, check.act) == ("bad", "改要求")
    assert check.text == (
        "固定到班的人太多，编出来会不合规则，不能发布："
        f"{unit}有2人，2个班，同一个班至多1人；固定到第1班的有2人（R02）：{both}；"
        f"{unit}有2人，单周、双周相差不超过1人，一边至多1人；固定到单周班的有2人（R03）：{both}"
    )
    batch, track = nominating.batch, nominating.classes[0].track
    for rule, subject in (("R02", f"U{unit.pk}@B{batch.pk}/W{track.pk}"), ("R03", f"U{unit.pk}@B{batch.pk}")):
        Waiver.objects.create(
            batch=batch, rule=rule, subject=subject, reason="专班", asked_by=staff, approver=colleague
        )
    assert found(nominating, staff, "编排要求").text == "2 条要求，互不冲突"


def test_bases_shut_for_weeks_are_counted_in_the_leanest_week(nominating: County, staff: User) -> None:
    one, two = nominating.bases
    third = factories.BaseFactory()
    factories.HouseholdFactory(base=third, beds=4)
    assert found(nominating, staff, "基地").text == "3 个基地都能接待"
    days = {"last_day": FIRST.replace(day=21), "kind": Closure.Kind.WORKS, "by": staff, "reason": "修路"}
    close_place(base=one, first_day=FIRST.replace(day=8), **days)
    check = found(nominating, staff, "基地")
    assert (check.kind, check.text) == (
        "ok", "3 个基地能接待，本期里停接 1 处，会避开；最少的一周（03-08 起）2 个基地能接待"
    )  # fmt: skip
    for home in two.households.order_by("pk"):
        close_place(household=home, first_day=FIRST.replace(day=15), **days)
    check = found(nominating, staff, "基地")
    assert (check.kind, check.text) == (
        "warn", "3 个基地能接待，本期里停接 3 处，会避开；最少的一周（03-15 起）只有 1 个基地能接待"
    )  # fmt: skip
    nominating.batch.programme.spare_beds = 0
    nominating.batch.programme.save()
    assert found(nominating, staff, "床位").text == ("同一周最多约 4 人集中，床位最少的一周（03-15 起）可用 4 张")
    nominating.batch.programme.spare_beds = 1
    nominating.batch.programme.save()
    check = found(nominating, staff, "床位")
    assert (check.kind, check.text) == (
        "bad", "同一周最多约 4 人集中，床位最少的一周（03-15 起）可用 3 张，不够住"
    )  # fmt: skip
    close_place(base=third, first_day=FIRST.replace(day=15), **days)
    check = found(nominating, staff, "基地")
    assert check.kind == "bad"
    assert check.text.endswith("最少的一周（03-15 起）没有一个基地能接待")


def test_rates_not_confirmed_do_not_stop_planning(nominating: County, staff: User) -> None:
    Rate.objects.all().delete()
    assert found(nominating, staff, "食宿标准").kind == "warn"


def test_beds_are_read_once_for_all_checks(nominating: County, staff: User) -> None:
    with CaptureQueriesContext(connection) as asked:
        readiness(nominating.batch, staff)
    assert sum('FROM "bases_bed"' in query["sql"] for query in asked) == 1


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
