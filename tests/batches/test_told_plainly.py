"""What pages and notices say: which of two things happened, who is told, and how somebody is found by what a form offers."""

import json
from typing import Any

import pytest
import time_machine
from django.test import Client
from django.urls import reverse

from accounts.models import User
from batches import tasks
from batches.actions.attendance import join_makeup
from batches.actions.draws import export_plan
from batches.actions.gatherings import cancel_days, cancel_gathering
from batches.actions.people import withdraw_enrollment
from batches.actions.plans import start_planning
from batches.consequences import told_before
from batches.forms.fields import CadreField, UserField
from batches.models import Mentorship, PlanDemand, PlanRun, Programme, Track
from batches.planning import solve
from batches.planning.changes import say
from batches.planning.explain import explain
from batches.planning_input import build_input
from batches.repairs import Group, unfolded
from batches.shortfalls import closing, whys
from cadres.models import Cadre
from config.errors import DomainError
from office.models import Notice
from tests import factories
from tests.batches.county import County
from tests.batches.pages import page, post
from tests.batches.test_repair import MARCH, repair, running

__all__ = ["running"]
"""The fixture of a batch under way."""
pytestmark = pytest.mark.django_db


# A job that ends


def ending(**parts: Any) -> dict[str, Any]:
    return {"shortfalls": [], "unassigned": [], "gatherings": [], **parts}


@pytest.mark.parametrize(
    ("plan", "broken", "told"),
    [
        (ending(), 0, "全部排进"),
        (ending(gatherings=[{"class": "K1", "index": 1, "skipped": "no_day"}]), 0, "人都排进了，1 次集中没有排上"),
        (ending(), 2, "人都排进了，2 处不合规则，还不能发布"),
        (ending(unassigned=[{}]), 0, "1 人没有排进"),
        (ending(shortfalls=[{}]), 1, "1 处缺口，1 处不合规则，还不能发布"),
    ],
)
def test_job_says_that_all_are_placed_where_nothing_is_left_out(
    plan: dict[str, Any], broken: int, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("batches.shortfalls.violations", lambda _: [None] * broken)
    monkeypatch.setattr("batches.shortfalls.check", lambda *_: [])
    assert closing({"previous": None}, plan) == told


def test_job_says_which_gatherings_had_been_left_out_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("batches.shortfalls.violations", lambda _: [])
    monkeypatch.setattr("batches.shortfalls.check", lambda *_: [])
    rows = [{"class": "K1", "index": index, "skipped": reason} for index, reason in ((1, "no_day"), (2, "no_site"))]
    told = closing({"previous": ending(gatherings=rows[:1])}, ending(gatherings=rows))
    assert told == "人都排进了，2 次集中没有排上（其中 1 次原来就没有）"


def test_who_leaves_leaves_the_batch() -> None:
    assert say({"kind": "withdraw", "cadre": "C1"}) == "干部 C1 退出本期"


# Past, or called off


def causes_of(county: County) -> list[dict[str, Any]]:
    document = build_input(county.batch)
    plan = solve(document)
    since = MARCH(day=10).isoformat()
    return [
        row for row in explain(document, plan, since=since) if row["subject"].startswith(f"K{county.classes[0].pk}")
    ]


def test_gathering_to_come_that_was_called_off_is_not_said_to_be_over(
    running: County, staff: User, clock: time_machine.Traveller
) -> None:
    cancel_gathering(gathering=running.gathering(1, 2), by=staff, reason="台风")
    [row] = [row for row in causes_of(running) if row["rule"] == "R15"]
    said = row["sentence"]
    assert "第 2 次已由人工取消" in said
    assert "已经过去" not in said
    assert row["cancelled"] == [[f"K{running.classes[0].pk}", 2]]


def test_studio_leads_to_where_a_called_off_gathering_is_arranged_again(
    running: County, staff: User, desk: Client
) -> None:
    cancel_gathering(gathering=running.gathering(1, 2), by=staff, reason="台风")
    run = repair(running, staff)
    run.explanations = [row for row in causes_of(running) if row["rule"] == "R15"]
    run.save()
    cell = f"{running.classes[0].pk}-2"
    assert [why.cancelled for why in whys(run)] == [((cell, "第1班第2次集中"),)]
    address = f"{reverse('batches:swap', args=[running.batch.pk])}?cell={cell}"
    shown = page(desk, "studio", running.batch.pk, query=f"?run={run.pk}")
    assert f'href="{address}#cell"' in shown
    assert "重新安排第1班第2次集中</a>" in shown
    assert f'<option value="{cell}" selected>' in page(desk, "swap", running.batch.pk, query=f"?cell={cell}")


# Who is told


def test_consequences_name_the_head_teacher_whose_guest_leaves(published: County, staff: User) -> None:
    teacher = factories.UserFactory(name="江启明")
    factories.ClassStaffFactory(practice_class=published.classes[1], user=teacher)
    guest = published.enrollment(published.cadres[0])
    join_makeup(by=staff, enrollment=guest, gathering=published.gathering(2, 2), reason="补课")
    told = told_before(
        published.batch,
        lambda: withdraw_enrollment(enrollment=guest, on_day=published.batch.first_day, by=staff, reason="借调"),
    )
    assert "班主任江启明" in told.told[0]


def test_consequences_name_everybody_who_is_told_and_say_of_whom_nobody_knows(published: County, staff: User) -> None:
    cadre = published.cadres[0]
    Cadre.objects.filter(pk=cadre.pk).update(user=factories.UserFactory(name="林晓雯"))
    mentor, keeper = factories.UserFactory(name="周敏"), factories.UserFactory(name="王芳")
    Mentorship.objects.create(enrollment=published.enrollment(cadre), user=mentor)
    for base in published.bases:
        factories.BaseManagerFactory(base=base, user=keeper)
    leaves = told_before(
        published.batch,
        lambda: withdraw_enrollment(
            enrollment=published.enrollment(cadre), on_day=published.batch.first_day, by=staff, reason="借调"
        ),
    )
    assert leaves.told == ["办了就通知 3 人：学员林晓雯，导师周敏，基地管理员王芳"]
    typhoon = told_before(
        published.batch,
        lambda: cancel_days(
            batch=published.batch, first_day=MARCH(day=5), last_day=MARCH(day=14), by=staff, reason="台风"
        ),
    )
    assert typhoon.told == [
        "办了就通知 2 人：学员林晓雯，基地管理员王芳", "没有账号的当事人收不到通知，请单位转告",
    ]  # fmt: skip
    assert not Notice.objects.filter(addressee__in=(mentor, keeper)).exists()


def test_adjusting_tells_beforehand_who_will_hear_of_it(published: County, desk: Client) -> None:
    gathering = published.gathering(1, 1)
    data = {"cancel-gathering": gathering.pk, "cancel-reason": "台风", "cancel-revision": published.batch.revision}
    shown = post(desk, "adjust", published.batch.pk, form="cancel", look="1", **data)
    assert "<li>没有人会收到通知</li><li>没有账号的当事人收不到通知，请单位转告</li>" in shown
    assert "有账号的当事人会收到通知" not in shown


def test_base_hears_that_nobody_comes_when_a_gathering_is_called_off(published: County, staff: User) -> None:
    gathering = published.gathering(1, 1)
    keeper = factories.BaseManagerFactory(base=gathering.sites.get().base).user
    cancel_gathering(gathering=gathering, by=staff, reason="台风")
    told = Notice.objects.get(addressee=keeper)
    assert (told.subject, "第1班第1次集中 03-05 至 03-07 的 4 人不来了" in told.text) == (
        "第1期来基地的安排有调整",
        True,
    )


def test_publishing_again_says_that_mentors_and_bases_hear_of_it_too(
    running: County, staff: User, desk: Client
) -> None:
    run = repair(running, staff)
    told = "通知有变动的学员、导师，和来人有变的基地、乡镇"
    assert told in page(desk, "studio", running.batch.pk, query=f"?run={run.pk}")
    shown = page(desk, "repair", running.batch.pk)
    assert told in shown
    assert "只通知有变动的人" not in shown


# What is unfolded


def groups(*kinds: str) -> list[Group]:
    return [Group(kind, kind, 1, "人", ("一行",)) for kind in kinds]


@pytest.mark.parametrize(
    ("kinds", "changes", "asked", "shown"),
    [
        (("out", "assignment", "bed"), [], "", {"out", "assignment"}),
        (("out", "assignment", "bed"), [], "bed", {"bed"}),
        (("out", "assignment"), [], "nothing", {"out", "assignment"}),
        (("lost", "gathering", "bed"), [{"kind": "pin_gathering"}], "", {"gathering"}),
        (("gathering", "bed"), [], "", {"gathering"}),
        ((), [], "", set()),
    ],
)
def test_moves_that_were_asked_for_are_unfolded(
    kinds: tuple[str, ...], changes: list[dict[str, str]], asked: str, shown: set[str]
) -> None:
    assert unfolded(PlanRun(changes=changes), groups(*kinds), asked) == shown


def test_who_changes_class_is_seen_beside_who_has_none(running: County, staff: User, desk: Client) -> None:
    run = repair(running, staff)
    seats = {"kind": "assignment", "subject": f"C{running.cadres[0].pk}"}
    first, second = (f"B{running.batch.pk}/K{row.pk}" for row in running.classes)
    plan = json.loads(run.plan_text)
    plan["moves"] = [
        seats | {"from": first, "to": second},
        {"kind": "assignment", "subject": f"C{running.cadres[1].pk}", "from": first, "to": None},
    ]
    PlanRun.objects.filter(pk=run.pk).update(plan_text=json.dumps(plan))
    shown = page(desk, "repair", running.batch.pk)
    assert '<details id="moved-out" open>' in shown
    assert '<details id="moved-assignment" open>' in shown
    shown = page(desk, "repair", running.batch.pk, query=f"?run={run.pk}&show=assignment")
    assert '<details id="moved-out">' in shown
    assert '<details id="moved-assignment" open>' in shown


# Found by what is offered


@pytest.fixture
def namesakes(db: None) -> list[Cadre]:
    """Two of a name in one unit, a third in a unit whose name begins alike and who has no ID number."""
    unit = factories.UnitFactory(name="县水利局")
    other = factories.UnitFactory(name="县水利局 水电站")
    rows = [factories.CadreFactory(name="林晓雯", unit=there) for there in (unit, unit, other)]
    for row, tail in zip(rows, ("121X", "3046", ""), strict=True):
        Cadre.objects.filter(pk=row.pk).update(id_number_tail=tail)
    return list(Cadre.objects.filter(name="林晓雯").order_by("pk"))


def test_cadre_is_found_by_the_very_text_that_the_form_offers(namesakes: list[Cadre]) -> None:
    field = CadreField(Cadre.objects.all(), label="干部")
    for row in namesakes:
        assert field.clean(field.describe(row)) == row
    assert field.clean("林晓雯 县水利局 尾号 121x") == namesakes[0]
    assert field.clean("林晓雯 尾号3046") == namesakes[1]


def test_demand_is_recorded_for_whom_the_form_offered(nominating: County, desk: Client) -> None:
    one, two = nominating.cadres[:2]
    Cadre.objects.filter(pk__in=(one.pk, two.pk)).update(name="叶秀英", unit=one.unit_id)
    data = {"demand-kind": "must", "demand-reason": "点名", "demand-cadre": "叶秀英"}
    asked = post(desk, "names", nominating.batch.pk, form="demand", **data)
    one.refresh_from_db()
    offered = f"叶秀英 {one.unit} 尾号 {one.id_number_tail}"
    assert "有 2 个“叶秀英”" in asked
    assert offered in asked
    post(desk, "names", nominating.batch.pk, form="demand", **data | {"demand-cadre": offered})
    assert PlanDemand.objects.get().cadre == one


def test_account_is_found_by_the_very_text_that_the_form_offers() -> None:
    rows = [factories.UserFactory(name="陈志强") for _ in range(2)]
    field = UserField(label="谁")
    assert [field.clean(field.describe(row)) for row in rows] == rows


# A refusal without a path


def test_export_that_would_tell_a_number_is_refused_in_plain_words(nominating: County, staff: User) -> None:
    Programme.objects.update(gathering_days=3)
    Track.objects.update(name="联系13912345678班")
    run = start_planning(batch=nominating.batch, by=staff, seed=3)
    tasks.plan(str(run.job_id))
    run.refresh_from_db()
    with pytest.raises(DomainError) as refused:
        export_plan(run=run, by=staff)
    assert refused.value.message == "不能导出：项目规则：像是身份证号码或手机号码，不能写进公开的文件。"
