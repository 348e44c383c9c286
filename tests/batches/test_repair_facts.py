"""Facts that ask for a repair, and what the pages say of them and of the version that follows."""

import json
import re
from collections.abc import Callable

import pytest
import time_machine
from django.contrib.messages import get_messages
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from accounts import audit
from accounts.models import AuditEntry, User
from bases.actions import close_place, enter_outside_use
from bases.models import Bed, Closure
from batches.actions.gatherings import cancel_days
from batches.actions.people import add_late, withdraw_enrollment
from batches.actions.plans import publish_plan
from batches.actions.projection import resize_site, take_site
from batches.actions.repair import name_late, start_curve
from batches.actions.reprojection import reproject
from batches.models import Nomination, PlanRun, PlanVersion
from batches.planning.formats import canonical
from batches.planning_input import build_input
from batches.told import MENTOR, names_told, told_of
from cadres.models import Cadre, Unavailability
from config.errors import Conflict, DomainError
from office.models import Notice
from tests import factories
from tests.batches.county import FIRST, County
from tests.batches.test_repair import MARCH, broken, moves, publish, repair, running

__all__ = ["running"]
"""The fixture of a batch under way."""
pytestmark = pytest.mark.django_db


# One count of a unit's places (R01)


def refused_as_full(act: object, **values: object) -> None:
    with pytest.raises(DomainError) as refused:
        act(**values)  # type: ignore[operator] # an action
    assert refused.value.code == "unit_full"


def test_replacement_of_somebody_withdrawn_can_be_named(published: County, staff: User) -> None:
    unit = published.units[0]
    unit.quota = 2
    unit.save()
    late = factories.CadreFactory(unit=unit)
    name = {"batch": published.batch, "cadre": late, "by": staff, "reason": "补派"}
    refused_as_full(name_late, **name)
    withdraw_enrollment(enrollment=published.enrollment(published.cadres[0]), on_day=FIRST, by=staff, reason="生病")
    nomination = name_late(**name)
    assert (nomination.state, nomination.decided_by) == (Nomination.State.CONFIRMED, staff)
    assert nomination.decided_at is not None


def test_people_added_by_hand_and_names_that_wait_count_together(published: County, staff: User) -> None:
    unit = published.units[0]
    unit.quota = 3
    unit.save()
    one, other = factories.CadreFactory.create_batch(2, unit=unit)
    add = {"batch": published.batch, "to": published.classes[0], "from_day": FIRST, "by": staff, "reason": "补派"}
    name_late(batch=published.batch, cadre=one, by=staff, reason="补派")
    refused_as_full(add_late, cadre=other, **add)
    add_late(cadre=one, **add)
    refused_as_full(name_late, batch=published.batch, cadre=other, by=staff, reason="补派")
    assert broken() == []


# What is told and refused


def messages_of(desk: Client, name: str, args: list[int], data: dict[str, object]) -> list[str]:
    answer = desk.post(reverse(f"batches:{name}", args=args), data)
    assert answer.status_code == 302
    return [str(message) for message in get_messages(answer.wsgi_request)]


def test_outside_parties_on_days_just_closed_are_told_with_their_bases(
    running: County, staff: User, desk: Client
) -> None:
    day = MARCH(day=17)
    enter_outside_use(base=running.bases[2], first_day=day, last_day=day, people=12, source="县税务局 团建", by=staff)
    enter_outside_use(
        base=running.bases[2], first_day=MARCH(day=24), last_day=MARCH(day=24), people=9, source="研学", by=staff
    )
    days = {"first_day": "2027-03-15", "last_day": "2027-03-21", "reason": "台风"}
    sent = {"form": "typhoon"} | {f"typhoon-{name}": value for name, value in days.items()}
    told = messages_of(desk, "repair", [running.batch.pk], sent)
    assert told[1:] == [
        "停接的日子有 1 批外来预约，重排不会动它们。请到基地页改期或取消："
        f'<a href="/bases/{running.bases[2].pk}/">{running.bases[2]}</a> 2027-03-17“县税务局 团建”12 人。'
    ]
    shown = desk.get(reverse("batches:repair", args=[running.batch.pk])).content.decode()
    assert f'请到基地页改期或取消：<a href="/bases/{running.bases[2].pk}/">' in shown


def test_room_that_is_closed_is_told_with_its_household(running: County, staff: User, desk: Client) -> None:
    room = running.bases[1].households.order_by("pk")[0].rooms.order_by("pk")[0]
    values = {
        "place": f"R{room.pk}",
        "first_day": "2027-03-17",
        "last_day": "2027-03-18",
        "kind": "works",
        "reason": "漏雨",
    }
    sent = {"form": "close"} | {f"close-{name}": value for name, value in values.items()}
    [told, *_] = messages_of(desk, "repair", [running.batch.pk], sent)
    assert told.startswith(f"{room.household}{room}停接已登记。")


def test_typhoon_counts_bases_and_not_the_pieces_of_their_days(running: County, staff: User, desk: Client) -> None:
    """A base that is shut on a day in between gets a closure before and one after it."""
    day = MARCH(day=17)
    close_place(base=running.bases[0], first_day=day, last_day=day, kind=Closure.Kind.WORKS, by=staff, reason="修路")
    days = {"first_day": "2027-03-15", "last_day": "2027-03-21", "reason": "台风"}
    sent = {"form": "typhoon"} | {f"typhoon-{name}": value for name, value in days.items()}
    [told, *_] = messages_of(desk, "repair", [running.batch.pk], sent)
    assert Closure.objects.filter(reason="台风").count() == len(running.bases) + 1
    assert told.startswith(f"{len(running.bases)} 个基地停接已登记。")


def test_closure_without_outside_parties_says_nothing_of_them(running: County, desk: Client) -> None:
    days = {"first_day": "2027-03-15", "last_day": "2027-03-21", "reason": "修路", "kind": Closure.Kind.WORKS}
    sent = {"form": "close", "close-place": f"P{running.bases[1].pk}"} | {
        f"close-{name}": value for name, value in days.items()
    }
    assert len(messages_of(desk, "repair", [running.batch.pk], sent)) == 1


@pytest.mark.parametrize(
    ("form", "days", "field", "told"),
    [
        ("ill", {"first_day": "2019-05-06", "last_day": "2019-05-10"}, "last_day", "2019-05-10 及以前的日子，重排改不了什么"),
        ("ill", {"first_day": "2027-03-08", "last_day": "2027-03-09"}, "last_day", "第1期从 2027-03-10 起才能再排"),
        ("ill", {"first_day": "2027-03-29", "last_day": "2027-04-02"}, "first_day", "到 2027-03-28 就结束了，不受影响"),
        ("typhoon", {"first_day": "2030-09-01", "last_day": "2030-09-03"}, "first_day", "就结束了，不受影响"),
        ("close", {"first_day": "2027-02-01", "last_day": "2027-02-03"}, "last_day", "重排改不了什么"),
        ("leave", {"on_day": "2028-01-01"}, "on_day", "2028-01-01 不在第1期里（2027-03-01 至 2027-03-28）。请改"),
        ("leave", {"on_day": "2020-01-01"}, "on_day", "2020-01-01 不在第1期里"),
    ],
)  # fmt: skip
def test_days_that_the_batch_does_not_have_are_refused(
    running: County, desk: Client, form: str, days: dict[str, str], field: str, told: str
) -> None:
    who = {"enrollment": running.enrollment(running.cadres[0]).pk, "place": f"P{running.bases[1].pk}"}
    values = {**who, **days, "reason": "试", "kind": Closure.Kind.WORKS}
    sent = {"form": form} | {f"{form}-{name}": value for name, value in values.items()}
    answer = desk.post(reverse("batches:repair", args=[running.batch.pk]), sent)
    assert answer.status_code == 422
    assert told in answer.content.decode()
    assert re.search(rf'name="{form}-{field}"[^>]*is-invalid', answer.content.decode()), "the field says so"
    assert not Closure.objects.exists()
    assert not Unavailability.objects.exists()
    assert not PlanRun.objects.filter(purpose=PlanRun.Purpose.REPAIR).exists()


@pytest.mark.parametrize("last", ["2027-03-28", "2027-03-29"])
def test_on_the_last_day_nothing_is_left_to_arrange(
    running: County, staff: User, signed_in: Callable[[User], Client], clock: time_machine.Traveller, last: str
) -> None:
    clock.move_to("2027-03-28 09:00+08:00")
    sent = {
        "form": "typhoon",
        "typhoon-first_day": "2027-03-28",
        "typhoon-last_day": last,
        "typhoon-reason": "台风",
    }
    answer = signed_in(staff).post(reverse("batches:repair", args=[running.batch.pk]), sent)
    assert "第1期到 2027-03-28 结束，已经没有可以再排的日子。" in answer.content.decode()
    assert not Closure.objects.exists()


def test_publication_of_a_repair_does_not_read_like_the_first(running: County, staff: User, desk: Client) -> None:
    run = repair(running, staff)
    told = messages_of(desk, "publish", [running.batch.pk, run.pk], {"reason": "重排"})
    assert told == ["已发布为第 2 版。没有人要通知。没有动的安排照旧，不用重新定班主任、班长和导师。"]


def test_version_names_who_was_told_and_who_has_to_be_told(running: County, staff: User, desk: Client) -> None:
    keeper = factories.UserFactory(name="叶管事")
    for base in running.bases:
        factories.BaseManagerFactory(base=base, user=keeper)
    mover, mate = running.cadres[0], running.cadres[1]
    mate.user = factories.UserFactory(name=mate.name)
    mate.save()
    factories.MentorshipFactory(enrollment=running.enrollment(mover), user=keeper)
    there = running.classes[1]
    run = repair(running, staff, changes=[{"kind": "pin_class", "cadre": f"C{mover.pk}", "class": f"K{there.pk}"}])
    before = Notice.objects.count()
    version, _, _ = publish(running, run, staff)
    told = names_told(version)
    assert told is not None
    reached = set(Notice.objects.order_by("pk")[before:].values_list("addressee", flat=True))
    entry = json.loads(AuditEntry.objects.filter(act="publish_plan").order_by("-seq").first().data)
    assert entry["told"] == len(reached)
    assert told.cadres == (f"{mate.name}（{mate.unit}）",)
    assert told.by_hand == (f"{mover.name}（{mover.unit}）",)
    assert told.others == ("叶管事（导师）",), "as many come to each base as before"
    assert reached == {mate.user_id, keeper.pk}
    shown = desk.get(reverse("batches:version", args=[running.batch.pk, 2])).content.decode()
    assert "没有账号，请单位转告 1 人" in shown
    assert told.sentence in shown


def test_version_names_keepers_of_bases_who_were_told(running: County, staff: User) -> None:
    keeper = factories.UserFactory(name="叶管事")
    factories.BaseManagerFactory(base=running.bases[0], user=keeper)
    factories.BaseManagerFactory(base=running.bases[0], user=factories.UserFactory(name="白管事"))
    factories.BaseManagerFactory(base=running.bases[2], user=factories.UserFactory(name="无关"))
    village = running.bases[0].village
    factories.TownshipLiaisonFactory(township=village.township, user=keeper)
    Cadre.objects.filter(pk=running.cadres[1].pk).update(state=Cadre.State.LEFT)
    version, _, _ = publish(running, repair(running, staff), staff)
    told = names_told(version)
    assert told is not None
    one, other = f"基地管理员，{village}", f"乡镇联络员，{village.township}"
    assert told.others == (f"白管事（{one}）", f"叶管事（{one}；{other}）"), "one fewer comes to the base"
    assert told.sentence.startswith("通知了 2 人（学员 0 人，导师、基地和乡镇 2 人）"), "each is counted once"
    assert Notice.objects.filter(addressee=keeper).exists()


@pytest.mark.parametrize(("kept", "shown"), [(True, "黎春兰（导师）"), (False, "黎春兰")])
def test_version_names_a_mentor_as_that_where_the_trail_knows_it(
    running: County, staff: User, kept: bool, shown: str
) -> None:
    mentor = factories.UserFactory(name="黎春兰")
    told = told_of([], [(mentor.pk, MENTOR)])
    with audit.act("publish_plan", by=staff, subject=running.batch) as entry:
        entry.data.update(told.data, version=9)
        if not kept:
            del entry.data["told_as"]
    version = running.batch.plan_versions.get()
    version.number = 9
    names = names_told(version)
    assert names is not None
    assert names.others == (shown,)
    assert names.sentence == "通知了 1 人（学员 0 人，导师、基地和乡镇 1 人）"


def test_version_published_before_names_were_kept_tells_none(running: County) -> None:
    version = running.batch.plan_versions.get()
    assert names_told(version) is not None
    version.number = 9
    assert names_told(version) is None, "the trail knows nothing of it"


def test_curve_is_computed_once(running: County, staff: User) -> None:
    run = repair(running, staff)
    PlanRun.objects.filter(pk=run.pk).update(figures={"curve": [{"moves": 0, "run": run.pk}]})
    with pytest.raises(Conflict) as refused:
        start_curve(run=run, by=staff)
    assert refused.value.code == "curve_known"
    run.refresh_from_db()
    assert run.job is None


def test_constraint_that_stands_against_a_repair_is_told_in_its_own_words(running: County, staff: User) -> None:
    late = factories.CadreFactory(sex="F")
    name_late(batch=running.batch, cadre=late, by=staff, reason="补派")
    run = repair(running, staff)
    assert [row["kind"] for row in moves(run)] == ["assignment"]
    other = factories.BatchFactory(number=7, first_day=running.batch.first_day, last_day=running.batch.last_day)
    factories.EnrollmentFactory(batch=other, cadre=late)
    with pytest.raises(Conflict) as refused:
        publish_plan(batch=running.batch, run=run, by=staff, reason="重排")
    assert refused.value.message == "这名干部已编入时间重叠的另一期。没有发布。请再少变动重排一次，再发布。"
    assert PlanVersion.objects.count() == 1


def test_days_are_cancelled_with_all_gatherings_locked_before_any_base(published: County, staff: User) -> None:
    """As a make-up locks them (gathering, then base): taken base by base, the two would wait crosswise."""
    with CaptureQueriesContext(connection) as asked:
        cancel_days(batch=published.batch, first_day=FIRST, last_day=MARCH(day=28), by=staff, reason="台风")
    locked = [
        (table, query["sql"]) for query in asked if "FOR UPDATE" in query["sql"]
        for table in ("batches_gathering", "bases_practicebase") if f'FROM "{table}"' in query["sql"]
    ]  # fmt: skip
    first, then = locked[:2]
    assert (first[0], then[0]) == ("batches_gathering", "bases_practicebase")
    assert all(f"{base.pk}" in then[1] for base in published.bases), "all bases at once"


# A gathering at two bases


def test_visit_that_goes_the_other_way_round_says_so_in_rows_and_notices(running: County, staff: User) -> None:
    gathering = running.gathering(2, 2)
    one, two = running.bases[1:3]
    resize_site(gathering.sites.get(live=True), 3, staff)
    take_site(gathering, two, 3, 2, staff)
    women = gathering.lodgings.filter(live=True, sex="F").order_by("pk")
    for lodging, bed in zip(women, Bed.objects.filter(room__household__base=two).order_by("pk"), strict=False):
        lodging.bed = bed
        lodging.save()
    cadre = running.cadres[1]
    cadre.user = factories.UserFactory()
    cadre.save()
    run = repair(running, staff)
    plan = build_input(running.batch)["previous"]
    visit = next(
        row for row in plan["gatherings"] if row["class"] == f"K{gathering.practice_class_id}" and row["index"] == 2
    )
    assert [site["base"] for site in visit["sites"]] == [f"P{one.pk}", f"P{two.pk}"]
    visit["sites"].reverse()
    run.plan_text = canonical(plan).decode()
    run.save()
    with audit.act("publish_plan", by=staff, subject=running.batch):
        rows, _ = reproject(batch=running.batch, run=run, by=staff, reason="重排", today=timezone.localdate())
    sites = gathering.sites.filter(live=True).order_by("order")
    assert list(sites.values_list("base", "order", "people")) == [(two.pk, 1, 3), (one.pk, 2, 3)]
    assert rows["sites"] == 2
    told = Notice.objects.get(addressee=cadre.user, subject="第1期安排有调整")
    assert told.text == f"第2次集中（03-26 至 03-28）先到{two.village}，再到{one.village}。"


# Days that nobody means


@pytest.mark.parametrize("do", ["trial", "repair"])
@pytest.mark.parametrize(("first", "last", "field"), [
    ("2027-03-12", "9999-12-31", "要在 2000-01-01 到 2037-12-31 之间"), ("0001-01-01", "2027-03-14", "要在 2000-01-01"),
    ("2025-03-12", "2027-03-14", "2025-03-12 过去太久了。请写 2026-02-14 或以后"),
])  # fmt: skip
def test_typhoon_or_closure_of_a_year_nobody_means_is_told_at_its_field(
    desk: Client, published: County, first: str, last: str, field: str, do: str
) -> None:
    days = {"first_day": first, "last_day": last, "reason": "台风"}
    for scenario, more in (("typhoon", {}), ("close", {"place": f"P{published.bases[0].pk}", "kind": "weather"})):
        sent = {f"{scenario}-{name}": value for name, value in (days | more).items()}
        answer = desk.post(reverse("batches:repair", args=[published.batch.pk]), sent | {"form": scenario, "do": do})
        assert answer.status_code == 422
        assert field in answer.content.decode()
    assert not Closure.objects.exists()
    assert not PlanRun.objects.exclude(purpose=PlanRun.Purpose.PLAN).exists()


def test_rule_sheet_says_whether_its_plan_was_published(running: County, staff: User, desk: Client) -> None:
    published, waits = PlanRun.objects.get(outcome=PlanRun.Outcome.ADOPTED), repair(running, staff)
    url = reverse("batches:studio", args=[running.batch.pk])
    told = {}
    for run in (published, waits):
        rules = desk.get(f"{url}?run={run.pk}").content.decode().partition('id="rules"')[2]
        told[run] = re.findall(r'<span class="dm-hint">([^<]*)</span>', rules)[0]
    assert told == {
        published: "发布时的方案；以后的调班、取消看“调整”和集中日历", waits: "这个方案还没有发布，不是现在的安排",
    }  # fmt: skip
