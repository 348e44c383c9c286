"""The planning studio: what it shows of a plan, how a job is followed, the plans to choose from, two plans compared."""

import datetime
import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.db.backends.postgresql.psycopg_any import DateRange
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.models import User
from bases.models import BaseUse, Closure, Rate
from batches.actions.plans import keep_plan, publish_plan, withdraw_publication
from batches.arrangement import arrangement_of
from batches.arrangement import planned as planned_arrangement
from batches.comparison import compare
from batches.forms.repair import STARTED
from batches.load_map import load_map
from batches.models import Batch, GatheringPin, PlanRun, Programme, Waiver
from batches.overview import LEVELS, distance, plan_says
from batches.planning import solve
from batches.planning.formats import canonical, fingerprint
from batches.planning_input import build_input, document_of
from batches.queries import latest_run
from batches.readiness import Check
from batches.studio import best_so_far, choices, letter, stage_bars, studio_steps
from office.models import Job, JobState
from tests import factories
from tests.batches.county import FIRST, County, hand_plan, plan_by_hand
from tests.batches.pages import page, post
from tests.batches.test_repair import repair
from tests.planning.cases import reduced, tiny

pytestmark = pytest.mark.django_db
MARCH = FIRST.replace


def newest(county: County) -> PlanRun:
    run = latest_run(county.batch)
    assert run is not None
    return run


# The result


def test_studio_shows_the_plan_without_raw_identifiers(desk: Client, planned: County) -> None:
    shown = page(desk, "studio", planned.batch.pk)
    run = newest(planned)
    assert "发布为第 1 版…" in shown
    assert run.fingerprint in shown
    assert shown.count("dm-rule-code") == 19
    says = plan_says(run)
    assert (says.kept, says.broken, says.shortfalls) == (19, 0, ())
    for word in (f">C{planned.cadres[0].pk}", f"K{planned.classes[0].pk}#", f"P{planned.bases[0].pk} "):
        assert word not in shown
    for heading in ("就绪检查", "分班均衡", "集中日历", "基地负荷", "规则单", "目标和离最优的距离", "没有缺口"):
        assert heading in shown


def test_studio_before_there_is_a_plan_shows_what_is_ready(desk: Client, nominating: County) -> None:
    shown = page(desk, "studio", nominating.batch.pk)
    assert "8 人，各单位都答复了" in shown
    assert "编排 8 人" in shown
    assert "还没有编排" in shown
    assert "发布为" not in shown


def test_studio_tells_why_a_plan_cannot_be_published(desk: Client, planned: County) -> None:
    Rate.objects.all().delete()
    shown = page(desk, "studio", planned.batch.pk)
    assert "食宿标准还没有确认" in shown
    assert "发布为第 1 版" not in shown
    assert "确认食宿标准</a>" in page(desk, "batch", planned.batch.pk)


def test_studio_tells_shortfalls_and_approved_exceptions_in_words(
    desk: Client, nominating: County, staff: User, colleague: User
) -> None:
    nominating.batch.programme.min_distinct_villages = 3
    nominating.batch.programme.save()
    first, second = nominating.classes
    Waiver.objects.create(
        batch=nominating.batch, rule="R14", subject=f"K{first.pk}", subject_label="第1班", reason="汛期", asked_by=staff,
        approver=colleague, approved_at=datetime.datetime(2027, 2, 14, 9, tzinfo=datetime.UTC),
    )  # fmt: skip
    shortfall = {"rule": "R14", "subject": f"K{second.pk}", "amount": 1, "message": f"K{second.pk} 少 1 个村"}
    run = plan_by_hand(nominating, staff, shortfalls=[shortfall])
    says = plan_says(run)
    assert says.shortfalls == ("第2班少到 1 个不同的村：增加可用基地，或申请批准例外。",)
    [row] = [row for row in says.rules if row.findings]
    assert (row.code, [(finding.waived, finding.class_pk) for finding in row.findings]) == ("R14", [(True, first.pk)])
    shown = page(desk, "studio", nominating.batch.pk)
    assert "已批准例外" in shown
    assert f'href="#class-{first.pk}"' in shown
    [granted] = row.granted
    assert (granted.subject, granted.reason, granted.approver, granted.used) == ("第1班", "汛期", "林晓雯", True)
    assert "汛期（林晓雯 2月14日批准）" in shown
    assert "已批准例外（" not in shown
    assert "第2班少到 1 个不同的村" in shown
    assert "1 处缺口" in page(desk, "batch", nominating.batch.pk)


def test_exception_that_the_plan_did_not_need_is_listed_as_such(
    desk: Client, nominating: County, staff: User, colleague: User
) -> None:
    subject = f"U{nominating.units[0].pk}@B{nominating.batch.pk}"
    Waiver.objects.create(
        batch=nominating.batch, rule="R01", subject=subject, reason="任务重", asked_by=staff, approver=colleague
    )
    says = plan_says(plan_by_hand(nominating, staff))
    assert [(row.code, [granted.used for granted in row.granted]) for row in says.rules if row.granted] == [
        ("R01", [False])
    ]
    assert (says.waived, says.granted) == (0, 1)
    shown = page(desk, "studio", nominating.batch.pk)
    assert f"{nominating.units[0]}：任务重（林晓雯批准），这个方案没有用到" in shown


def test_load_counts_guests_and_closures_beside_the_classes(planned: County) -> None:
    one, two = planned.bases
    BaseUse.objects.create(
        base=one, days=DateRange(MARCH(day=6), MARCH(day=7)), people=10, kind="outside", source="外县"
    )
    BaseUse.objects.create(
        base=two, days=DateRange(MARCH(day=2), MARCH(day=4)), people=7, kind="outside", source="外县"
    )
    Closure.objects.create(base=two, days=DateRange(MARCH(day=8), MARCH(day=9)), kind="works", reason="修路")
    found = arrangement_of(planned.batch)
    assert found is not None
    lines = {line.base.pk: line for line in load_map(found).lines}
    capacity = lines[one.pk].base.declared_capacity
    both, alone = round(100 * 14 / capacity), round(100 * 4 / capacity)
    assert [cell.text for cell in lines[one.pk].cells] == [f"客 {both}", str(alone), "", ""]
    guests = round(100 * 7 / capacity)
    assert [cell.text for cell in lines[two.pk].cells] == [f"客 {guests}", "停", str(alone), str(alone)]
    assert [[cell.noted for cell in lines[base.pk].cells[:2]] for base in (one, two)] == [[True, False], [True, True]]
    assert [cell.kind for cell in lines[two.pk].cells] == ["guest", "closed", "1", "1"]
    assert lines[two.pk].cells[1].told == "第 2 周，停接：修路"
    assert (lines[one.pk].times, lines[two.pk].times) == (2, 2)


def test_load_of_a_published_plan_counts_its_own_people_once(published: County) -> None:
    plan, rows = planned_arrangement(published.batch, newest(published)), arrangement_of(published.batch)
    assert rows is not None
    cells = [[[cell.text for cell in line.cells] for line in load_map(each).lines] for each in (plan, rows)]
    assert cells[0] == cells[1]
    assert all("客" not in text for line in cells[0] for text in line)


def test_pinned_and_faulty_cells_are_marked_in_the_calendar(desk: Client, published: County) -> None:
    mark = '<span class="visually-hidden">已固定</span>'
    assert mark not in page(desk, "studio", published.batch.pk)
    GatheringPin.objects.create(
        practice_class=published.classes[0], index=2, base=published.bases[1], reason="现场会", first_day=MARCH(day=19)
    )
    assert page(desk, "studio", published.batch.pk).count(mark) == 1


def test_class_page_of_another_plan_shows_that_plan(desk: Client, planned: County, staff: User) -> None:
    first = newest(planned)
    plan_by_hand(planned, staff, swap=True)
    one, two = (base.village.name for base in planned.bases)
    now, before = (
        page(desk, "class_page", planned.batch.pk, planned.classes[0].pk, query=query)
        for query in ("", f"?run={first.pk}")
    )
    assert now.index(two) < now.index(one)
    assert before.index(one) < before.index(two)
    assert "方案 A" in before


@pytest.mark.parametrize(
    ("value", "bound", "unit", "told"),
    [
        (12, 12, "人", "已到最好，证明"), (21, 0, "人", "距最优不超过 21人"), (3404.147, 3064.147, "公里", "距最优不超过 10.0%"),
        (2000.0, 1999.0, "公里", "距最优不超过 0.1%"),
        (5, None, "人", ""),
    ],
)  # fmt: skip
def test_distance_to_the_bound_in_words(value: float, bound: float | None, unit: str, told: str) -> None:
    assert distance(value, bound, unit) == told


def test_every_level_of_a_plan_and_of_its_repair_has_a_name() -> None:
    document = tiny()
    plan = solve(document)
    repaired = solve(document | {"previous": reduced(plan)})
    names = {row["level"] for row in (*plan["levels"], *repaired["levels"])}
    assert {"units_changed", "moved_beds", "income_range"} <= names
    assert sorted(names - LEVELS.keys()) == []


# A running job


def test_plan_button_job_progress_and_stop(desk: Client, nominating: County) -> None:
    shown = post(desk, "plan", nominating.batch.pk, seed="12")
    job = Job.objects.get()
    assert nominating.batch.plan_runs.get().seed == 12
    assert "data-poll" in shown
    best = {"travel_km": {"value": 1463.2, "bound": 1454.0, "batch": None}, "earliness": {"value": 3, "bound": 3}}
    Job.objects.create(
        task="batches.plan_step", title="步骤", parent=job, step=f"itinerary:B{nominating.batch.pk}", progress=40,
        state=JobState.RUNNING, result={"best": best},
    )  # fmt: skip
    fragment = desk.get(
        reverse("batches:progress", args=[nominating.batch.pk]) + "?back=studio", headers={"X-Poll": "1"}
    )
    told = fragment.content.decode()
    assert fragment.status_code == 200
    for words in ("第1期编排", "集中日期和基地", "往返路程 1,463公里，距最优不超过 0.7%"):
        assert words in told
    assert "earliness" not in told
    assert "已请求停止" in post(desk, "stop", nominating.batch.pk, back="studio")
    job.refresh_from_db()
    assert job.state == JobState.CANCELLED
    ended = desk.get(reverse("batches:progress", args=[nominating.batch.pk]) + "?back=studio")
    assert (ended.status_code, ended["HX-Refresh"]) == (286, "true")


@pytest.mark.parametrize("name", ["names", "repair", "studio", "batch"])
def test_stopping_leads_back_to_the_page_on_which_the_button_stands(
    desk: Client, nominating: County, name: str
) -> None:
    """Also after the progress has been polled, which replaces the form."""
    post(desk, "plan", nominating.batch.pk)
    shown = page(desk, name, nominating.batch.pk)
    for _ in range(2):
        found = re.search(r'hx-get="([^"]+/progress/[^"]*)"', shown)
        assert found is not None
        shown = desk.get(found[1], headers={"X-Poll": "1"}).content.decode()
    back = re.search(r'name="back" value="(\w+)"', shown)
    answer = desk.post(
        reverse("batches:stop", args=[nominating.batch.pk]), {"back": back[1]} if back is not None else {}
    )
    assert answer["Location"] == reverse(f"batches:{name}", args=[nominating.batch.pk])


def test_progress_of_a_page_that_has_none_leads_to_the_batch(desk: Client, nominating: County) -> None:
    post(desk, "plan", nominating.batch.pk)
    assert 'name="back"' not in page(desk, "progress", nominating.batch.pk, query="?back=withdraw")
    answer = desk.post(reverse("batches:stop", args=[nominating.batch.pk]), {"back": "list"})
    assert answer["Location"] == reverse("batches:batch", args=[nominating.batch.pk])


def test_failed_job_is_told_in_the_studio(desk: Client, nominating: County) -> None:
    post(desk, "plan", nominating.batch.pk)
    Job.objects.update(state=JobState.FAILED, message="试了3次都没有完成")
    assert "试了3次都没有完成" in page(desk, "studio", nominating.batch.pk)


def test_best_so_far_without_a_bound_tells_the_value_alone() -> None:
    assert best_so_far(2, {"pair_excess": {"value": 4, "bound": None}}) == ("各班两项交叉人数偏离均衡 4人",)


def test_proposal_of_names_has_one_stage(nominating: County) -> None:
    names, plan = (Job.objects.create(task=task, title="任务") for task in ("batches.propose_names", "batches.plan"))
    assert [bar.name for bar in stage_bars(names)] == ["名单入期"]
    assert [bar.name for bar in stage_bars(plan)] == ["名单入期", "分班", "集中日期和基地", "住宿"]


def test_steps_say_where_the_clerk_is(desk: Client, planned: County, staff: User) -> None:
    def places(**where: Any) -> str:
        given: dict[str, Any] = {"job": None, "has_plan": False, "checks": []} | where
        return "".join(step.place[0] for step in studio_steps(planned.batch, **given))

    assert places(checks=[Check("bad", "名单", "还没有名单")]) == "dnlll"
    assert places(checks=[Check("warn", "节假日", "暂定")]) == "ddnll"
    assert places(has_plan=True) == "dddnl"
    assert places(has_plan=True, job=Job(title="任务")) == "ddnll"
    publish_plan(batch=planned.batch, run=newest(planned), by=staff)
    planned.batch.refresh_from_db()
    assert places(has_plan=True) == "ddddd"


# Plans to choose from


def test_letters_go_on_after_the_alphabet() -> None:
    assert [letter(place) for place in (0, 1, 25, 26, 27, 52)] == ["A", "B", "Z", "AA", "AB", "BA"]


def test_plans_keep_their_letters_and_names_runs_are_none(planned: County, staff: User) -> None:
    first = newest(planned)
    second = plan_by_hand(planned, staff, swap=True)
    PlanRun.objects.create(
        programme=planned.batch.programme, batch=planned.batch, purpose=PlanRun.Purpose.NAMES, plan_text=first.plan_text
    )
    assert [(row.name, row.run) for row in choices(planned.batch)] == [("方案 A", first), ("方案 B", second)]


def test_studio_shows_the_plan_in_force_and_any_other_on_request(desk: Client, published: County, staff: User) -> None:
    in_force = newest(published)
    other = PlanRun.objects.get(pk=in_force.pk)
    other.pk, other.outcome, other.purpose = None, PlanRun.Outcome.SOLVED, PlanRun.Purpose.TRIAL
    other.changes = [{"kind": "unit_quota", "unit": f"U{published.units[0].pk}", "value": 5}]
    other.save()
    shown = page(desk, "studio", published.batch.pk)
    assert "这是将要执行的安排" in shown
    trial = page(desk, "studio", published.batch.pk, query=f"?run={other.pk}")
    assert "执行的安排" not in trial
    assert f"{published.units[0]}每期名额改为5人" in trial
    Batch.objects.update(state=Batch.State.RUNNING)
    assert "这是现在执行的安排" in page(desk, "studio", published.batch.pk, query="?run=²")


def test_publication_dialog_lists_differences_with_names(desk: Client, published: County, staff: User) -> None:
    withdraw_publication(batch=published.batch, by=staff, reason="换次序")
    published.batch.refresh_from_db()
    run = plan_by_hand(published, staff, swap=True)
    shown = page(desk, "studio", published.batch.pk, query=f"?run={run.pk}")
    one, two = (base.village.name for base in published.bases)
    assert "与第 1 版有 4 处不同" in shown
    assert f"<li>第1班第1次集中：2027-03-05 {one} → 2027-03-05 {two}</li>" in shown
    assert "0 名有账号的学员会收到通知，8 名没有账号，要由单位转告" in shown


def test_publication_says_who_was_told_and_who_was_not(desk: Client, planned: County) -> None:
    run = newest(planned)
    assert "8 名学员没有账号，请单位转告；下一步到" in post(desk, "publish", planned.batch.pk, run.pk)
    post(desk, "withdraw", planned.batch.pk, reason="换次序")
    planned.cadres[0].user = factories.UserFactory()
    planned.cadres[0].save()
    told = "通知了 1 人；7 名学员没有账号，请单位转告；"
    assert told in post(desk, "publish", planned.batch.pk, run.pk)
    shown = page(desk, "version", planned.batch.pk, 2)
    card = shown[shown.index('id="told"') : shown.index("<h2>分班</h2>")]
    first, *others = planned.cadres
    assert "通知了 1 人；7 名学员没有账号，请单位转告" in card
    assert f"<p>{first.name}（{first.unit}）</p>" in card
    assert all(f"{cadre.name}（{cadre.unit}）" in card[: card.index("学员 1 人</strong>")] for cadre in others)


def test_publication_from_an_outdated_page_is_told_and_not_done(desk: Client, planned: County) -> None:
    run = newest(planned)
    planned.batch.revision = 7
    planned.batch.save()
    refused = desk.post(reverse("batches:publish", args=[planned.batch.pk, run.pk]), {"revision": "6"}, follow=True)
    assert "您的改动没有写入" in refused.content.decode()
    assert not planned.batch.plan_versions.exists()
    assert "已发布为第 1 版" in post(desk, "publish", planned.batch.pk, run.pk, revision="7")


# Two plans


def test_comparison_tells_what_differs_in_words(planned: County, staff: User) -> None:
    first = newest(planned)
    level = {"level": "travel_km", "stage": 3, "value": 80.0, "bound": 80.0, "gap": 0.0}
    second = plan_by_hand(planned, staff, swap=True, levels=[level])
    told = compare(planned.batch, first, second)
    one, two = (base.village.name for base in planned.bases)
    assert told.differences == (
        f"第1班第1次集中：2027-03-05 {one} → 2027-03-05 {two}", f"第1班第2次集中：2027-03-19 {two} → 2027-03-19 {one}",
        f"第2班第1次集中：2027-03-12 {one} → 2027-03-12 {two}", f"第2班第2次集中：2027-03-26 {two} → 2027-03-26 {one}",
    )  # fmt: skip
    assert [(row.name, row.left, row.right, row.differs) for row in told.levels] == [
        ("往返路程", "没有", "80公里", True)
    ]
    assert [row.name for row in told.figures if row.differs] == ["路程"]
    assert compare(planned.batch, first, first).differences == ()
    name = f"K{planned.classes[1].pk}"
    rows = [{"rule": rule, "subject": name, "amount": 1, "message": ""} for rule in ("R04", "R15")]
    third, fourth = (plan_by_hand(planned, staff, shortfalls=found) for found in (rows, rows[1:]))
    told = compare(planned.batch, third, fourth)
    assert any(line.startswith("第2班缺 1 人") for line in told.findings[0])
    assert not any("第2班缺 1 人" in line for line in (*told.findings[1], *told.shared))
    assert any(line.startswith("第2班在村少 1 天") for line in told.shared)


def test_comparison_tells_of_gatherings_left_out(planned: County, staff: User) -> None:
    """As the studio tells of them; what somebody took out by hand is nothing to be told."""
    first = newest(planned)
    rows = json.loads(first.plan_text)["gatherings"]
    for row, why in zip(rows[:2], ("no_site", "withdrawn"), strict=True):
        for name in ("first_day", "last_day", "sites"):
            del row[name]
        row["skipped"] = why
    short = plan_by_hand(planned, staff, gatherings=rows)
    told = compare(planned.batch, first, short)
    assert [line for line in told.findings[1] if "没有排上" in line] == ["第1班第1次集中没有排上：没有基地能接"]
    assert not any("没有排上" in line for line in (*told.findings[0], *told.shared))


def test_comparison_page_pages_its_differences(desk: Client, planned: County, staff: User) -> None:
    assert "还没有两个方案" in page(desk, "compare", planned.batch.pk)
    first = newest(planned)
    second = plan_by_hand(planned, staff, swap=True)
    shown = page(desk, "compare", planned.batch.pk)
    assert f"{reverse('batches:studio', args=[planned.batch.pk])}?run={first.pk}" in shown
    assert "共 4 处" in shown
    assert "共 4 条" in shown
    back = page(desk, "compare", planned.batch.pk, query=f"?a={second.pk}&b={first.pk}")
    assert "方案 B和方案 A" in back
    assert desk.get(reverse("batches:compare", args=[planned.batch.pk]) + "?a=999999&b=1").status_code == 404


# Who may, and how often the database is asked


def test_leader_sees_the_studio_and_no_buttons(
    planned: County, leader: User, signed_in: Callable[[User], Client]
) -> None:
    shown = page(signed_in(leader), "studio", planned.batch.pk)
    assert "分班均衡" in shown
    for button in ("发布为第", "重新编排 8 人", "采用这些改动"):
        assert button not in shown


def test_studio_asks_as_often_for_many_plans_as_for_few(desk: Client, planned: County, staff: User) -> None:
    plan_by_hand(planned, staff, swap=True)
    page(desk, "studio", planned.batch.pk)
    with CaptureQueriesContext(connection) as few:
        page(desk, "studio", planned.batch.pk)
    for _ in range(6):
        plan_by_hand(planned, staff)
    with CaptureQueriesContext(connection) as many:
        shown = page(desk, "studio", planned.batch.pk)
    assert len(many) == len(few)
    assert "方案 H" in shown
    assert "方案 C" not in shown


def test_plan_texts_say_nothing_raw_in_the_figures(desk: Client, planned: County) -> None:
    run = newest(planned)
    plan = json.loads(run.plan_text)
    plan["levels"] = [{"level": "something_new", "stage": 3, "value": 1, "bound": None, "gap": None}]
    run.plan_text = json.dumps(plan)
    run.save()
    shown = page(desk, "studio", planned.batch.pk)
    assert "something_new" not in shown
    assert "其他目标" in shown


@pytest.fixture
def skipping(nominating: County, staff: User) -> County:
    """A plan in which a gathering of the first class is not held."""
    Programme.objects.update(min_village_days=3, min_distinct_villages=1)
    plan = hand_plan(nominating, build_input(nominating.batch))
    name, index = f"K{nominating.classes[0].pk}", 1
    place = next(n for n, row in enumerate(plan["gatherings"]) if (row["class"], row["index"]) == (name, index))
    plan["gatherings"][place] = {"class": name, "index": index, "skipped": "no_site"}
    plan["lodging"] = [row for row in plan["lodging"] if (row["class"], row["index"]) != (name, index)]
    plan_by_hand(nominating, staff, gatherings=plan["gatherings"], lodging=plan["lodging"])
    return nominating


def test_figures_are_silent_where_every_gathering_takes_place(desk: Client, planned: County) -> None:
    assert "次不集中" not in page(desk, "studio", planned.batch.pk)


def test_figures_of_a_plan_and_of_what_is_published_of_it_are_the_same(
    desk: Client, skipping: County, staff: User
) -> None:
    told = "另有 1 次不集中：没有基地能接"
    assert told in page(desk, "studio", skipping.batch.pk)
    plan = planned_arrangement(skipping.batch, newest(skipping))
    publish_plan(batch=skipping.batch, run=newest(skipping), by=staff)
    skipping.batch.refresh_from_db()
    rows = arrangement_of(skipping.batch)
    assert rows is not None
    assert [(v.key, v.skipped) for v in rows.visits] == [(v.key, v.skipped) for v in plan.visits]
    assert told in page(desk, "studio", skipping.batch.pk)


def test_gatherings_left_out_without_an_explanation_are_no_perfect_plan(desk: Client, skipping: County) -> None:
    shown = page(desk, "studio", skipping.batch.pk)
    assert "人都排进了，每个班的天数和到访村数都够；有 1 次集中没有排上" in shown
    assert "1 次集中没有基地能接：第1班第1次集中。" in shown
    assert "没有缺口" not in shown


def test_gatherings_left_out_are_told_once_with_cause_and_cure(desk: Client, skipping: County) -> None:
    run, name = newest(skipping), f"K{skipping.classes[0].pk}#1"
    day = {"kind": "parameter", "name": "start_weekdays", "value": [5, 6]}
    run.explanations = [
        {
            "rule": "R10", "subject": name, "gatherings": [name], "stage": 3, "amount": 1, "demand": 1, "supply": 0,
            "sentence": f"{name} 不能举行：那一周有法定节假日。", "verified": True,
            "causes": [{"rule": "R11", "sentence": "那一周有法定节假日", "relax": [], "fixed": True}],
            "cures": [{"changes": [day], "sentence": "星期六也可以开始", "buys": "1 次集中全部补上", "leaves": 0, "cost": {},
                       "smallest": True}],
        }
    ]  # fmt: skip
    run.save()
    shown = page(desk, "studio", skipping.batch.pk)
    for words in (
        "<h2>第1班第1次集中没有排上，为什么</h2>",
        "第1班第1次集中不能举行",
        "差 1 次",
        "改动最小",
        "有 1 次集中没有排上",
    ):
        assert words in shown
    assert "次集中没有基地能接" not in shown
    assert "没有缺口" not in shown
    assert "只能用下面的办法" in shown
    run.explanations[0]["cures"] = []
    run.save()
    shown = page(desk, "studio", skipping.batch.pk)
    assert "放宽不了" in shown
    assert "下面的办法" not in shown


def test_groups_of_gatherings_left_out_have_headings_of_their_own(desk: Client, skipping: County) -> None:
    run = newest(skipping)
    row = {
        "rule": "R10", "stage": 3, "amount": 1, "demand": 1, "supply": 0, "sentence": "不能举行。", "verified": True,
        "causes": [], "cures": [],
    }  # fmt: skip
    one, two = (f"K{each.pk}" for each in skipping.classes)
    groups = ([f"{one}#1", f"{two}#1"], [f"{two}#2"])
    run.explanations = [row | {"subject": names[0], "gatherings": names} for names in groups]
    run.save()
    shown = page(desk, "studio", skipping.batch.pk)
    assert re.findall("<h2>([^<]+没有排上，为什么)</h2>", shown) == [
        "第1班第1次集中等 2 次没有排上，为什么", "第2班第2次集中没有排上，为什么",
    ]  # fmt: skip
    run.explanations = [row | {"subject": f"{one}#1"}, row | {"subject": f"{two}#2"}]
    run.save()
    assert len(re.findall("<h2>第.班第.次集中没有排上，为什么</h2>", page(desk, "studio", skipping.batch.pk))) == 2


def test_result_of_a_repair_has_the_heading_that_its_message_promises(
    desk: Client, published: County, staff: User
) -> None:
    assert "先看动了谁" in STARTED
    run = repair(published, staff)
    assert re.search("<h2>[^<]*动了谁</h2>", page(desk, "repair", published.batch.pk))
    assert re.search("<h2>[^<]*动了谁</h2>", page(desk, "studio", published.batch.pk, query=f"?run={run.pk}"))


def test_repair_tells_what_it_moved_and_is_published_as_the_next_version_with_a_reason(
    desk: Client, published: County
) -> None:
    one, two = published.bases
    change = {
        "kind": "pin_gathering", "class": f"K{published.classes[0].pk}", "index": 1, "first_day": None, "bases": [f"P{two.pk}"],
    }  # fmt: skip
    run = PlanRun.objects.create(
        programme=published.batch.programme, batch=published.batch, purpose=PlanRun.Purpose.REPAIR, changes=[change]
    )
    document = document_of(run)
    run.input_text, run.fingerprint = canonical(document).decode(), fingerprint(document)
    keep_plan(run=run, plan=solve(document), by=None)
    shown = page(desk, "studio", published.batch.pk, query=f"?run={run.pk}")
    assert "少变动重排动了谁" in shown
    told = re.search(r"<li>第1班第1次集中：(.+?)</li>", shown)
    assert told is not None
    assert one.village.name in told[1].split("改为")[0]
    assert two.village.name in told[1].split("改为")[1]
    assert "发布为第 2 版…" in shown
    assert "为什么改（写进这一版和通知）" in shown
    address = reverse("batches:publish", args=[published.batch.pk, run.pk])
    published.batch.refresh_from_db()
    seen = {"revision": str(published.batch.revision)}
    assert "请写明为什么改" in desk.post(address, seen, follow=True).content.decode()
    assert "已发布为第 2 版" in desk.post(address, seen | {"reason": "修路"}, follow=True).content.decode()
    assert published.batch.plan_versions.count() == 2


def test_studio_of_a_batch_in_preparation_checks_and_does_not_plan(desk: Client, county: County) -> None:
    shown = page(desk, "studio", county.batch.pk)
    assert "还没有名单" in shown
    assert "里开始报名、收齐答复" in shown
    assert 'id="plan"' not in shown
