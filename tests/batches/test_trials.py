"""Trials of cures: planned beside the facts, told in words, and adopted by the acts that make each change a fact."""

import json
import re
from collections.abc import Callable
from html import unescape
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import AuditEntry, User
from bases.models import Closure
from batches import tasks
from batches.actions.trials import ADOPT, IN_SHORT, adopt_trial, start_trial
from batches.models import Batch, GatheringPin, Nomination, PlanDemand, PlanRun, Waiver
from batches.obstacles import BEFORE, ELSEWHERE, IN_FORCE, adoption_obstacles, publish_obstacles
from batches.outlooks import filled_in
from batches.plan_ids import class_to_come
from batches.planning.changes import FIELDS, apply
from batches.planning.formats import canonical, fingerprint
from batches.planning_input import build_input
from batches.queries import latest_run
from batches.shortfalls import changes_of, unexplained, whys
from cadres.models import Unit
from config.errors import Conflict, DomainError
from office.jobs import perform
from office.models import Job, JobState
from tests.batches.county import County, hand_plan, plan_by_hand
from tests.batches.pages import page, post

pytestmark = pytest.mark.django_db
Purpose = PlanRun.Purpose
Changes = list[dict[str, Any]]


def newest(county: County) -> PlanRun:
    run = latest_run(county.batch)
    assert run is not None
    return run


def trial_of(county: County, changes: Changes, **fields: Any) -> PlanRun:
    """A finished trial whose plan is the hand-made one."""
    document = apply(build_input(county.batch), changes)
    return PlanRun.objects.create(
        programme=county.batch.programme, batch=county.batch, purpose=Purpose.TRIAL, changes=changes, title="试一试",
        input_text=canonical(document).decode(), fingerprint=fingerprint(document),
        plan_text=canonical(hand_plan(county, document)).decode(), outcome=PlanRun.Outcome.SOLVED, **fields,
    )  # fmt: skip


def quota(county: County, value: int | None = 5) -> Changes:
    return [{"kind": "unit_quota", "unit": f"U{county.units[0].pk}", "value": value}]


def why_of(county: County) -> dict[str, Any]:
    """An explanation as the planner gives it."""
    unit = f"U{county.units[0].pk}"
    cure = {
        "changes": quota(county), "sentence": f"单位 {unit} 每期名额加到 5 人", "buys": "3 人全部排进", "leaves": 0,
        "cost": {"seats": 3, "waivers": 0, "days": 0, "batches": 0}, "smallest": True,
    }  # fmt: skip
    return {
        "rule": "COVER", "subject": unit, "stage": 1, "amount": 3, "demand": 5, "supply": 2, "verified": True,
        "sentence": f"单位 {unit} 40 周岁以下未参训 5 人：每期最多 2 人；3 人排不进。",
        "causes": [{"rule": "R01", "sentence": "每期最多 2 人", "relax": quota(county)}], "cures": [cure],
    }  # fmt: skip


@pytest.fixture
def short(nominating: County, staff: User) -> County:
    """A plan with one shortfall, explained, and one that is not."""
    unit, cadre = f"U{nominating.units[0].pk}", f"C{nominating.cadres[3].pk}"
    rows = [
        {"rule": "COVER", "subject": unit, "amount": 3, "message": ""},
        {"rule": "R07", "subject": cadre, "amount": 1, "message": ""},
    ]
    run = plan_by_hand(nominating, staff, shortfalls=rows)
    run.explanations = [why_of(nominating)]
    run.save()
    return nominating


# Why and cures in words


def test_explanation_is_told_with_names_bars_and_costs(short: County) -> None:
    run, unit = newest(short), short.units[0]
    [why] = whys(run)
    assert why.sentence == f"{unit}40周岁以下未参训5人：每期最多2人；3人排不进。"
    assert (why.amount, why.need, why.places, why.missing, why.verified) == (3, 300, 120, 180, True)
    assert why.causes == (("R01", "每期最多2人"),)
    [cure] = why.cures
    assert cure.changes == (f"{unit}每期名额改为5人",)
    assert (cure.buys, cure.cost, cure.smallest) == ("3人全部排进", "多 3 个名额", True)
    [other] = unexplained(run, json.loads(run.plan_text))
    assert other.startswith(f"{short.cadres[3].name}（{short.cadres[3].unit}）必须参加本期，但没有排进")


def test_studio_offers_each_cure_as_a_trial(desk: Client, short: County) -> None:
    shown = page(desk, "studio", short.batch.pk)
    for words in ("排不进的人，为什么", "已验证", "几个办法", "改动最小", "先试算，不会改动已发布的方案", "其余缺口"):
        assert words in shown
    assert f'action="{reverse("batches:trial", args=[short.batch.pk, newest(short).pk])}"' in shown


def test_alike_shortfalls_are_told_and_cured_together(desk: Client, nominating: County, staff: User) -> None:
    rows = []
    for each in nominating.classes:
        name = f"K{each.pk}"
        waiver = {"kind": "waiver", "rule": "R15", "subject": name}
        rule = {"kind": "parameter", "name": "min_village_days", "value": 6}
        rows.append({
            "rule": "R15", "subject": name, "stage": 3, "amount": 2, "demand": 8, "supply": 6, "verified": True,
            "sentence": f"班级 {name} 要求在村 8 天，最多 6 天。",
            "causes": [{"rule": "R10", "fixed": True, "sentence": "只有 2 次集中", "relax": []}],
            "cures": [
                {"changes": [waiver], "sentence": f"批准 {name} 不受限制", "buys": "不再算作缺口", "cost": {"waivers": 1},
                 "leaves": 0, "smallest": True},
                {"changes": [rule], "sentence": "在村天数要求改为 6", "buys": "不再算作缺口", "cost": {"days": 2}, "leaves": 0},
            ],
        })  # fmt: skip
    run = plan_by_hand(nominating, staff)
    run.explanations = rows
    run.save()
    [why] = whys(run)
    assert (why.more, why.relaxable, why.fixed, why.verified) == (("第2班",), False, True, True)
    assert all(cure.buys == "分别算，每处不再算作缺口；合起来以试算为准" and not cure.smallest for cure in why.cures)
    assert [(cure.key, len(cure.changes), cure.cost) for cure in why.cures] == [
        ("0.1-0", 2, "2 处要批准"), ("0.1-1", 0, "规定放宽 2 天"),
    ]  # fmt: skip
    shown = page(desk, "studio", nominating.batch.pk)
    assert "同样情形的还有：第2班。" in shown
    post(desk, "trial", nominating.batch.pk, run.pk, cure="0.1-0")
    assert [row["subject"] for row in PlanRun.objects.get(purpose=Purpose.TRIAL).changes] == [
        f"K{each.pk}" for each in nominating.classes
    ]


def alike(county: County, staff: User, values: tuple[Any, Any], name: str = "min_village_days") -> PlanRun:
    """Two classes short for the same cause, each with a cure that gives one rule a value."""
    run = plan_by_hand(county, staff)
    run.explanations = [
        {
            "rule": "R15", "subject": f"K{each.pk}", "stage": 3, "amount": 2, "demand": 8, "supply": 6, "verified": True,
            "sentence": "不够。", "causes": [{"rule": "R10", "sentence": "只有 2 次集中", "relax": [], "fixed": True},
                                         {"rule": "R09", "sentence": "只能周五开始", "relax": quota(county)}],
            "cures": [{"changes": [{"kind": "parameter", "name": name, "value": value}], "sentence": "改规则",
                       "buys": f"多 {3 - number} 天", "leaves": number, "cost": {}, "smallest": True}],
        }
        for number, (each, value) in enumerate(zip(county.classes, values, strict=True))
    ]  # fmt: skip
    run.save()
    return run


@pytest.mark.parametrize(
    ("name", "values", "value"),
    [
        ("min_village_days", (3, 2), 2),
        ("min_village_days", (2, 3), 2),
        ("class_size.max", (60, 61), 61),
        ("class_size.max", (61, 60), 61),
        ("start_weekdays", ([], []), []),
    ],
)
def test_cures_together_go_as_far_as_the_furthest(
    nominating: County, staff: User, name: str, values: tuple[Any, Any], value: Any
) -> None:
    run = alike(nominating, staff, values, name)
    assert changes_of(run, "0.1-0") == [{"kind": "parameter", "name": name, "value": value}]
    [why] = whys(run)
    [cure] = why.cures
    assert (cure.buys, cure.smallest) == ("分别算，每处多2天；合起来以试算为准", False)


def test_causes_of_which_some_can_be_lifted_are_not_called_facts(desk: Client, nominating: County, staff: User) -> None:
    run = alike(nominating, staff, (6, 5))
    [why] = whys(run)
    assert (why.relaxable, why.fixed) == (False, False)
    shown = page(desk, "studio", nominating.batch.pk)
    assert "能放宽的放宽任何一项就能办到" in shown
    assert "这样的事实放宽不了" not in shown


# Trying


def test_cure_is_tried_by_its_button_and_touches_nothing(desk: Client, short: County, staff: User) -> None:
    run, before = newest(short), build_input(short.batch)
    assert "开始试算" in post(desk, "trial", short.batch.pk, run.pk, cure="0-0")
    trial = PlanRun.objects.get(purpose=Purpose.TRIAL)
    assert (trial.changes, trial.against, trial.seed) == (quota(short), run, run.seed)
    assert trial.title == f"{short.units[0]}每期名额加到5人"
    assert trial.job is not None
    assert (trial.job.task, trial.job.params) == ("batches.plan", {"run": trial.pk})
    short.batch.refresh_from_db()
    assert (short.batch.state, build_input(short.batch)) == (Batch.State.PLANNED, before)
    assert Unit.objects.get(pk=short.units[0].pk).quota is None
    with pytest.raises(Conflict, match="正在编排"):
        start_trial(batch=short.batch, by=staff, changes=quota(short), against=run)


@pytest.mark.parametrize("cure", ["", "0", "0-1", "1-0", "a-b", "0-0-0", "0.1-0", "²-0", "-1-0"])
def test_cure_that_is_not_offered_is_not_found(desk: Client, short: County, cure: str) -> None:
    response = desk.post(reverse("batches:trial", args=[short.batch.pk, newest(short).pk]), {"cure": cure})
    assert response.status_code == 404
    assert not PlanRun.objects.filter(purpose=Purpose.TRIAL).exists()


def test_trial_of_a_trial_keeps_what_was_assumed_before(short: County, staff: User) -> None:
    first = trial_of(short, quota(short))
    more = [
        {"kind": "close", "place": "base", "id": f"P{short.bases[0].pk}", "from": "2027-03-26", "until": "2027-03-28"}
    ]
    run = start_trial(batch=short.batch, by=staff, changes=more, against=first)
    assert run.changes == [*quota(short), *more]


def test_trial_of_a_plan_does_not_lay_its_changes_again(short: County, staff: User) -> None:
    """What was adopted or published is among the facts; somebody it was about may have gone since."""
    gone = f"C{short.cadres[0].pk}"
    more = [
        {"kind": "close", "place": "base", "id": f"P{short.bases[0].pk}", "from": "2027-03-26", "until": "2027-03-28"}
    ]
    for purpose in (Purpose.PLAN, Purpose.REPAIR):
        run = trial_of(short, [{"kind": "pin_class", "cadre": gone, "class": f"K{short.classes[0].pk}"}])
        run.purpose = purpose
        run.save()
        short.batch.nominations.filter(cadre=short.cadres[0]).update(state=Nomination.State.DEFERRED)
        trial = start_trial(batch=short.batch, by=staff, changes=more, against=run)
        assert trial.changes == more
        perform(str(trial.job_id), tasks.plan.run.__wrapped__)
        job = Job.objects.get(pk=trial.job_id)
        assert job.state == JobState.DONE, job.message
        Nomination.objects.update(state=Nomination.State.CONFIRMED)


def test_trial_that_no_longer_fits_is_refused_at_once_and_says_so(short: County, staff: User) -> None:
    run, who = newest(short), short.cadres[0]
    short.batch.nominations.filter(cadre=who).delete()
    changes = [{"kind": "pin_class", "cadre": f"C{who.pk}", "class": f"K{short.classes[0].pk}"}]
    with pytest.raises(DomainError) as refused:
        start_trial(batch=short.batch, by=staff, changes=changes, against=run)
    assert refused.value.code == "cannot_try"
    assert who.name in refused.value.message
    assert "按今天的资料" in refused.value.message
    assert "changes" not in refused.value.message
    assert not PlanRun.objects.filter(purpose=Purpose.TRIAL).exists()
    assert not Job.objects.exists()


def test_trial_of_a_rule_that_cannot_be_names_the_rule_as_pages_do(short: County, staff: User) -> None:
    changes = [{"kind": "parameter", "name": "class_size.max", "value": 0}]
    with pytest.raises(DomainError) as refused:
        start_trial(batch=short.batch, by=staff, changes=changes, against=newest(short))
    assert "每班最多：" in refused.value.message
    assert "class_size" not in refused.value.message


def test_titles_of_trials_hold_no_names_of_people(desk: Client, short: County, staff: User) -> None:
    run, who = newest(short), short.cadres[0]
    home = short.bases[0].households.first()
    changes = [{"kind": "withdraw", "cadre": f"C{who.pk}"}, *quota(short)]
    cure = why_of(short)["cures"][0] | {"changes": changes, "sentence": f"让干部 C{who.pk} 退出"}
    run.explanations = [why_of(short) | {"cures": [cure]}]
    run.save()
    assert "开始试算" in post(desk, "trial", short.batch.pk, run.pk, cure="0-0")
    trial = PlanRun.objects.select_related("job").get(purpose=Purpose.TRIAL)
    assert trial.job is not None
    assert (trial.title, trial.job.title) == (
        "1 人退出、1 个单位的名额",
        f"{short.batch}试算：1 人退出、1 个单位的名额",
    )
    Job.objects.update(state=JobState.DONE)
    closed = [{"kind": "close", "place": "household", "id": f"H{home.pk}", "from": "2027-03-26", "until": "2027-03-28"}]
    trial = start_trial(batch=short.batch, by=staff, changes=closed, against=run, title=f"农户 H{home.pk} 停接")
    assert trial.title == "1 处停接"


def test_every_kind_of_change_has_a_short_name() -> None:
    assert IN_SHORT.keys() == FIELDS.keys()


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ([], "no_changes"),
        ([{"kind": "withdraw", "cadre": "C999999"}], "cannot_try"),
        ([{"kind": "nothing"}], "cannot_try"),
    ],
)
def test_trial_that_cannot_be_is_refused(short: County, staff: User, changes: Changes, code: str) -> None:
    with pytest.raises(DomainError) as refused:
        start_trial(batch=short.batch, by=staff, changes=changes, against=newest(short))
    assert refused.value.code == code
    assert not Job.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_trial_is_planned_beside_the_facts_and_may_be_chosen(desk: Client, planned: County, staff: User) -> None:
    run = start_trial(batch=planned.batch, by=staff, changes=quota(planned), against=newest(planned), title="加名额")
    assert run.job is not None
    perform(str(run.job.pk), tasks.plan.run.__wrapped__)
    run.refresh_from_db()
    run.job.refresh_from_db()
    assert (run.job.state, run.outcome) == (JobState.DONE, PlanRun.Outcome.SOLVED)
    units = {row["id"]: row["quota"] for row in json.loads(run.input_text)["units"]}
    assert units[f"U{planned.units[0].pk}"] == 5
    assert Unit.objects.get(pk=planned.units[0].pk).quota is None
    assert newest(planned) != run
    shown = page(desk, "studio", planned.batch.pk, query=f"?run={run.pk}")
    assert "这是试算，什么都还没有改" in shown
    assert "采用这些改动…" in shown
    assert "发布为第" not in shown


# Adopting


def test_every_kind_of_change_is_adopted_here_or_told_where() -> None:
    assert ADOPT.keys() | ELSEWHERE.keys() == FIELDS.keys()
    assert not ADOPT.keys() & ELSEWHERE.keys()


def test_adopted_trial_becomes_a_plan_that_can_be_published(desk: Client, planned: County) -> None:
    run = trial_of(planned, quota(planned))
    assert publish_obstacles(planned.batch, run) == ["这是试算，改动还没有采用。请先采用，或选别的方案。"]
    refused = post(desk, "adopt_trial", planned.batch.pk, run.pk, reason=" ", revision=0)
    assert "请写明为什么采用" in refused
    shown = post(desk, "adopt_trial", planned.batch.pk, run.pk, reason="任务重", revision=0)
    assert "改动已采用，这个方案可以发布了" in shown
    run.refresh_from_db()
    assert (run.purpose, Unit.objects.get(pk=planned.units[0].pk).quota) == (Purpose.PLAN, 5)
    assert publish_obstacles(planned.batch, run) == []
    assert [row.reason for row in AuditEntry.objects.filter(act__in=("adopt_trial", "set_unit_quota"))] == [
        "任务重"
    ] * 2
    assert "已发布为第 1 版" in post(desk, "publish", planned.batch.pk, run.pk, revision=1)


def test_repair_is_not_called_an_adopted_trial(desk: Client, planned: County) -> None:
    changes = [{"kind": "pin_class", "cadre": f"C{planned.cadres[0].pk}", "class": f"K{planned.classes[0].pk}"}]
    run = trial_of(planned, changes)
    for purpose, outcome, told in (
        (Purpose.REPAIR, PlanRun.Outcome.SOLVED, "这次重排按下面的决定算，发布才生效。"),
        (Purpose.REPAIR, PlanRun.Outcome.ADOPTED, "这次重排按下面的决定算，已经发布。"),
        (Purpose.PLAN, PlanRun.Outcome.SOLVED, "试算的改动已经采用。"),
        (Purpose.TRIAL, PlanRun.Outcome.SOLVED, "这是试算，什么都还没有改。"),
    ):
        run.purpose, run.outcome = purpose, outcome
        run.save()
        shown = page(desk, "studio", planned.batch.pk, query=f"?run={run.pk}")
        assert told in shown
        assert ("试算的改动已经采用" in shown) == (purpose == Purpose.PLAN)


def test_adoption_of_several_changes_is_whole_or_not_at_all(planned: County, staff: User) -> None:
    name = f"K{planned.classes[0].pk}"
    elsewhere = {"kind": "pin_gathering", "class": name, "index": 2, "first_day": "2027-03-12", "bases": None}
    run = trial_of(planned, [*quota(planned), elsewhere])
    with pytest.raises(DomainError, match="这一周里开始"):
        adopt_trial(run=run, by=staff, reason="修路")
    run.refresh_from_db()
    assert (run.purpose, Unit.objects.get(pk=planned.units[0].pk).quota) == (Purpose.TRIAL, None)
    assert not AuditEntry.objects.filter(act="set_unit_quota").exists()


def test_adopted_waiver_waits_for_somebody_else(desk: Client, planned: County, staff: User) -> None:
    subject = f"K{planned.classes[0].pk}"
    run = trial_of(planned, [{"kind": "waiver", "rule": "R14", "subject": subject}])
    assert "下一步：重新编排" in post(desk, "adopt_trial", planned.batch.pk, run.pk, reason="汛期")
    waiver = Waiver.objects.get()
    assert (waiver.rule, waiver.subject, waiver.subject_label) == ("R14", subject, "第1班")
    assert (waiver.asked_by, waiver.approver) == (staff, None)
    run.refresh_from_db()
    assert run.purpose == Purpose.TRIAL
    post(desk, "adopt_trial", planned.batch.pk, run.pk, reason="汛期")
    assert Waiver.objects.count() == 1


def test_adopted_demands_pins_and_leavings(planned: County, staff: User) -> None:
    one, two, three = planned.cadres[:3]
    demand = PlanDemand.objects.create(batch=planned.batch, cadre=one, kind="must", reason="点名")
    run = trial_of(planned, [
        {"kind": "drop_demand", "cadre": f"C{one.pk}", "field": "must"},
        {"kind": "pin_class", "cadre": f"C{two.pk}", "class": f"K{planned.classes[1].pk}"},
        {"kind": "withdraw", "cadre": f"C{three.pk}"},
        {"kind": "close", "place": "household", "id": f"H{planned.bases[0].households.first().pk}", "from": "2027-03-26",
         "until": "2027-03-28"},
    ])  # fmt: skip
    adopt_trial(run=run, by=staff, reason="试算有用")
    demand.refresh_from_db()
    assert not demand.live
    pinned = PlanDemand.objects.get(cadre=two)
    assert (pinned.kind, pinned.class_number, pinned.reason) == ("pin", 2, "试算有用")
    assert planned.batch.nominations.get(cadre=three).state == Nomination.State.DEFERRED
    [closure] = Closure.objects.all()
    assert (str(closure.days.lower), str(closure.days.upper)) == ("2027-03-26", "2027-03-28")


def test_adopted_cells_are_fixed_and_let_go(planned: County, staff: User) -> None:
    name, two = f"K{planned.classes[0].pk}", planned.bases[1]
    day = {"kind": "pin_gathering", "class": name, "index": 2, "first_day": "2027-03-19", "bases": [f"P{two.pk}"]}
    adopt_trial(run=trial_of(planned, [day]), by=staff, reason="现场会")
    pin = GatheringPin.objects.get(live=True)
    assert (pin.practice_class, pin.index, str(pin.first_day), pin.base) == (planned.classes[0], 2, "2027-03-19", two)
    kept = PlanDemand.objects.create(
        batch=planned.batch, cadre=planned.cadres[0], kind="pin", class_number=1, reason="x"
    )
    gone = [
        {"kind": "drop_pin", "of": "gatherings", "subject": f"{name}#2"},
        {"kind": "drop_pin", "of": "classes", "subject": f"C{kept.cadre_id}"},
    ]
    adopt_trial(run=trial_of(planned, gone), by=staff, reason="会不开了")
    assert not GatheringPin.objects.filter(live=True).exists()
    kept.refresh_from_db()
    assert not kept.live


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"kind": "parameter", "name": "class_size.max", "value": 6}, "规则推演"),
        ({"kind": "drop_pin", "of": "batches", "subject": "C{cadre}"}, "名单"),
    ],
)
def test_change_that_is_made_elsewhere_says_where(
    desk: Client, planned: County, staff: User, change: dict[str, Any], where: str
) -> None:
    filled = {
        name: value.format(cadre=planned.cadres[0].pk) if name == "subject" else value for name, value in change.items()
    }
    run = trial_of(planned, [filled])
    [obstacle] = adoption_obstacles(run)
    assert where in obstacle.sentence
    shown = page(desk, "studio", planned.batch.pk, query=f"?run={run.pk}")
    assert obstacle.sentence in shown
    address = reverse(obstacle.route, args=[planned.batch.pk] if obstacle.of_batch else [])
    if where == "规则推演":
        address += f"?programme={planned.batch.programme_id}&amp;class_size_max=6"
        form = desk.get(unescape(address)).context["form"]
        assert [(row["name"], row["value"]) for row in form.changes()] == [("class_size_max", 6)], "it is filled in"
    assert f'<a href="{address}">到{where}</a>' in shown
    assert "采用这些改动…" not in shown
    with pytest.raises(DomainError) as refused:
        adopt_trial(run=run, by=staff, reason="要改")
    assert refused.value.code == "not_adoptable"


def test_class_more_is_made_on_the_page_of_the_programme_or_of_the_repair(desk: Client, planned: County) -> None:
    """Refused for another change, a class more of a published batch is nothing that has to be made elsewhere."""
    batch = planned.batch
    changes = [
        {"kind": "more_classes", "batch": f"B{batch.pk}", "track": f"W{planned.classes[0].track_id}", "count": 1,
         "ids": [class_to_come(3)], "parities": ["odd"]},
        {"kind": "parameter", "name": "class_size.max", "value": 6},
    ]  # fmt: skip
    run = trial_of(planned, changes)
    link = f'<a href="{reverse("batches:programme")}">到项目规则</a>'
    for state in (Batch.State.PLANNED, Batch.State.PUBLISHED):
        Batch.objects.update(state=state)
        shown = page(desk, "studio", batch.pk, query=f"?run={run.pk}")
        assert (
            f'<a href="{reverse("batches:outlook")}?programme={batch.programme_id}&amp;class_size_max=6">到规则推演</a>'
            in shown
        )
        assert ("本期已经发布，按发布时的规则走到底" in shown) == (state == Batch.State.PUBLISHED)
        assert (link in shown) == (state == Batch.State.PLANNED)
        assert "到少变动重排</a>" not in shown


def test_adoption_from_an_outdated_page_is_refused(desk: Client, planned: County, colleague: User) -> None:
    run = trial_of(planned, quota(planned))
    adopt_trial(run=trial_of(planned, quota(planned, 4)), by=colleague, reason="先采用了", seen=0)
    answer = desk.post(
        reverse("batches:adopt_trial", args=[planned.batch.pk, run.pk]),
        {"reason": "任务重", "revision": "0"},
        follow=True,
    )
    assert "林晓雯" in answer.content.decode()
    assert Unit.objects.get(pk=planned.units[0].pk).quota == 4


def test_leaving_is_not_adopted_once_the_batch_is_in_force(published: County, staff: User) -> None:
    run, name = newest(published), f"C{published.cadres[0].pk}"
    run.purpose, run.changes = Purpose.TRIAL, [
        {"kind": "withdraw", "cadre": name}, {"kind": "drop_pin", "of": "batches", "subject": name},
    ]  # fmt: skip
    run.save()
    [obstacle] = adoption_obstacles(run)
    assert "办退出" in obstacle.sentence
    assert (obstacle.label, obstacle.route) == ("到调整", "batches:adjust")
    Batch.objects.update(state=Batch.State.CLOSED)
    run.refresh_from_db()
    [obstacle] = adoption_obstacles(run)
    assert "不再编排" in obstacle.sentence
    assert obstacle.route == ""


def test_links_of_a_refused_trial_are_those_of_what_was_refused(planned: County, desk: Client) -> None:
    """Somebody who withdraws can be adopted before publication: only the rule is made elsewhere."""
    changes: Changes = [
        {"kind": "withdraw", "cadre": f"C{planned.cadres[0].pk}"},
        {"kind": "pin_class", "cadre": f"C{planned.cadres[1].pk}", "class": f"K{planned.classes[0].pk}"},
        {"kind": "parameter", "name": "class_size.max", "value": 6},
    ]
    run = trial_of(planned, changes)
    shown = page(desk, "studio", planned.batch.pk, query=f"?run={run.pk}")
    told = shown[shown.index('id="changes"') :].partition('id="classes"')[0]
    assert re.findall(r"<a href=[^>]*>(到[^<]+)</a>", told) == ["到规则推演"]


def test_rule_of_any_day_is_filled_in_as_all_days(planned: County) -> None:
    changes = [{"kind": "parameter", "name": "start_weekdays", "value": []}]
    assert filled_in(planned.batch.programme, changes).endswith(
        "".join(f"&start_weekdays={day}" for day in range(1, 8))
    )


def test_every_change_that_is_made_elsewhere_has_a_page() -> None:
    for obstacle in (*ELSEWHERE.values(), *BEFORE.values(), *IN_FORCE.values()):
        assert reverse(obstacle.route, args=[7] if obstacle.of_batch else [])
        assert f"“{obstacle.label.removeprefix('到')}”" in obstacle.sentence


def test_trials_are_for_the_centre(short: County, leader: User, signed_in: Callable[[User], Client]) -> None:
    reader = signed_in(leader)
    assert "试算</button>" not in page(reader, "studio", short.batch.pk)
    for name in ("trial", "adopt_trial"):
        address = reverse(f"batches:{name}", args=[short.batch.pk, newest(short).pk])
        assert reader.post(address, {"cure": "0-0", "reason": "x"}).status_code == 403
