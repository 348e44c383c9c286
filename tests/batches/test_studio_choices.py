"""Which plan the studio points to, what a plan is called, what fell out of it, and how a running job moves."""

import datetime
import json
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from bases.actions import close_place
from bases.models import Closure
from batches.actions.gatherings import cancel_gathering
from batches.actions.people import withdraw_enrollment
from batches.actions.repair import keep_curve, name_late
from batches.models import Nomination, PlanRun
from batches.plan_work import Advance
from batches.planning import solve
from batches.planning.formats import canonical, fingerprint
from batches.planning_input import build_input, document_of
from batches.queries import latest_run, waiting_run
from batches.repairs import brought_in, fallen_out, moves_in_words
from batches.studio import choices, elapsed, live, said_together
from cadres.actions.unavailability import enter_unavailability
from office.models import Job, JobState
from tests import factories
from tests.batches.county import County, hand_plan, plan_by_hand
from tests.batches.pages import page
from tests.batches.test_repair import publish, repair
from tests.batches.test_trials import quota, trial_of

pytestmark = pytest.mark.django_db
MARCH = datetime.date(2027, 3, 1).replace


def names(county: County) -> dict[int, str]:
    return {choice.run.pk: choice.name for choice in choices(county.batch)}


def test_repair_that_waits_is_pointed_to_until_it_is_published(published: County, staff: User, desk: Client) -> None:
    batch = published.batch
    assert 'id="waiting"' not in page(desk, "studio", batch.pk)
    run = repair(published, staff)
    for name in ("studio", "batch"):
        shown = page(desk, name, batch.pk)
        assert "方案 B算好了，还没有发布。" in shown
        assert f"?run={run.pk}" in shown
    assert "<small>未发布</small>" in page(desk, "studio", batch.pk)
    assert 'id="waiting"' not in page(desk, "studio", batch.pk, query=f"?run={run.pk}")
    publish(published, run, staff)
    for name in ("studio", "batch"):
        assert 'id="waiting"' not in page(desk, name, batch.pk)


def test_letters_stay_when_a_curve_adds_plans_before_theirs(published: County, staff: User) -> None:
    run = repair(published, staff)
    known = names(published)
    assert known[run.pk] == "方案 B"
    plan = json.loads(run.plan_text)
    point = {"moves": 0, "seats_moved": 0, "gatherings_moved": 0, "levels": {}, "plan": plan, "spare_moves": 0}
    keep_curve(run=run, points=[point, point | {"moves": 1}, point | {"moves": 3}], by=staff)
    assert latest_run(published.batch) == run
    now = names(published)
    assert now.items() >= known.items()
    assert sorted(now.values()) == ["方案 A", "方案 B", "方案 C", "方案 D"]


def test_who_falls_out_is_told_by_name_and_not_as_a_change_of_class(
    published: County, staff: User, desk: Client
) -> None:
    ill = published.cadres[0]
    enter_unavailability(cadre=ill, first_day=MARCH(day=1), last_day=MARCH(day=28), reason="住院", by=staff)
    run = repair(published, staff)
    groups = {group.kind: group for group in moves_in_words(run)}
    assert "assignment" not in groups
    assert (groups["out"].name, groups["out"].count) == ("退出，没有排进", 1)
    assert groups["out"].lines[0].startswith(f"{ill.name}（{ill.unit}）：原在第1班，没有排进")
    shown = page(desk, "studio", published.batch.pk, query=f"?run={run.pk}")
    assert f"{ill.name}（{ill.unit}）：退出第1班，没有排进" in shown
    assert "→ 无" not in shown


def closed_week(county: County) -> list[dict[str, str]]:
    return [
        {"kind": "close", "place": "base", "id": f"P{base.pk}", "from": "2027-03-15", "until": "2027-03-22"}
        for base in county.bases
    ]


def test_trial_that_closes_every_base_names_the_gatherings_that_fall_out(
    published: County, staff: User, desk: Client
) -> None:
    origin = latest_run(published.batch)
    run = PlanRun.objects.create(
        programme=published.batch.programme, batch=published.batch, purpose=PlanRun.Purpose.TRIAL, against=origin,
        changes=closed_week(published),
    )  # fmt: skip
    document = document_of(run)
    plan = solve(document) | {"shortfalls": []}
    run.input_text, run.fingerprint = canonical(document).decode(), fingerprint(document)
    run.plan_text, run.outcome = canonical(plan).decode(), PlanRun.Outcome.SOLVED
    run.save()
    moved = page(desk, "repair", published.batch.pk)
    assert "试算：会动谁" in moved
    assert f"/studio/?run={run.pk}" in moved
    assert f"第1班第2次集中：原定 03-19 {published.bases[1].village}，不集中了，没有" in moved
    village = published.bases[1].village
    [line] = fallen_out(run)
    assert line.startswith(f"第1班第2次集中（原定 03-19 {village}）：没有")
    shown = page(desk, "studio", published.batch.pk, query=f"?run={run.pk}")
    assert "少了 1 次集中" in shown
    assert line in shown
    assert "没有缺口</" not in shown
    assert "已求得方案" not in shown


def test_trial_that_wins_some_gatherings_and_loses_others_tells_both(
    nominating: County, staff: User, desk: Client
) -> None:
    """More in all, and yet somebody's is gone: neither hides the other. What was held and is, is not told."""
    one, two = (f"K{row.pk}" for row in nominating.classes)
    plan = hand_plan(nominating, build_input(nominating.batch))
    origin = plan_by_hand(nominating, staff, **without(plan, f"{one}#1", f"{one}#2"))
    trial = trial_of(nominating, quota(nominating), against=origin)
    trial.plan_text = canonical(trial.plan | without(trial.plan, f"{two}#1")).decode()
    trial.save()
    trial = PlanRun.objects.get(pk=trial.pk)
    where = {
        f"{row['class']}#{row['index']}": f"{row['first_day'][5:]} {name_of_base(nominating, row['sites'][0]['base'])}"
        for row in plan["gatherings"]
    }
    won = [f"第1班第{index}次集中（排在 {where[f'{one}#{index}']}）：原来没有基地能接" for index in (1, 2)]
    assert brought_in(trial) == won
    assert fallen_out(trial) == [f"第2班第1次集中（原定 {where[f'{two}#1']}）：没有基地能接"]
    shown = page(desk, "studio", nominating.batch.pk, query=f"?run={trial.pk}")
    assert "多了 2 次集中" in shown
    assert "少了 1 次集中" in shown
    assert all(line in shown for line in won)
    assert "次集中</h2>" not in page(desk, "studio", nominating.batch.pk, query=f"?run={origin.pk}")


def test_gathering_won_back_has_the_reason_that_the_version_in_force_gives(published: County, staff: User) -> None:
    name, run = f"K{published.classes[0].pk}#1", repair(published, staff)
    document = run.document
    document["previous"]["gatherings"] = without(run.plan, name)["gatherings"]
    why = [{"gatherings": [name], "causes": [{"rule": "PINS", "sentence": ""}]}]
    PlanRun.objects.filter(versions__batch=published.batch).update(explanations=why)
    PlanRun.objects.filter(pk=run.pk).update(input_text=canonical(document).decode())
    [line] = brought_in(PlanRun.objects.get(pk=run.pk))
    assert line.startswith("第1班第1次集中（排在 ")
    assert line.endswith("）：原来固定的日子或基地不能用")


def without(plan: dict[str, Any], *names: str) -> dict[str, Any]:
    """Gatherings and beds of a plan in which these are not held."""
    return {
        "gatherings": [
            {"class": row["class"], "index": row["index"], "skipped": "no_site"}
            if f"{row['class']}#{row['index']}" in names else row
            for row in plan["gatherings"]
        ],
        "lodging": [row for row in plan["lodging"] if f"{row['class']}#{row['index']}" not in names],
    }  # fmt: skip


def name_of_base(county: County, base: str) -> str:
    return next(str(row.village) for row in county.bases if f"P{row.pk}" == base)


def test_places_that_shut_on_the_same_days_are_told_in_one_line(county: County) -> None:
    one, two = (base.pk for base in county.bases)
    rows = [*closed_week(county), closed_week(county)[0] | {"until": "2027-03-20"}]
    assert said_together(rows) == [
        f"2 个基地2027年3月15日至3月21日停用：P{one} 、P{two}",
        f"基地 P{one} 2027年3月15日至3月19日停用",
    ]


def test_moves_leave_out_beds_of_gatherings_that_are_over(published: County, staff: User) -> None:
    run = repair(published, staff)
    plan = json.loads(run.plan_text)
    name, cadre = f"K{published.classes[0].pk}", f"C{published.cadres[0].pk}"
    plan["moves"] = [
        {"kind": "bed", "subject": f"{cadre}:{name}#{index}", "from": "H1/R1/1", "to": "H1/R1/2", "message": ""}
        for index in (1, 2)
    ]
    run.plan_text = canonical(plan).decode()
    run.created_at = timezone.now().replace(month=3, day=9)
    [group] = moves_in_words(run)
    assert (group.kind, group.count) == ("bed", 1)
    assert "第1班第2次集中" in group.lines[0]


def test_somebody_named_late_who_finds_no_seat_is_told_and_counted(
    published: County, staff: User, desk: Client
) -> None:
    run = repair(published, staff)
    late = factories.CadreFactory(unit=published.units[0])
    plan = json.loads(run.plan_text)
    plan["unassigned"] = [{"cadre": f"C{late.pk}", "reason": "no_seat", "message": "班级座位已满"}]
    run.plan_text = canonical(plan).decode()
    run.save()
    [group] = moves_in_words(run)
    assert (group.kind, group.name, group.count) == ("waiting", "报了名，没有排进", 1)
    assert group.lines == (f"{late.name}（{late.unit}）：班级座位已满",)
    shown = page(desk, "studio", published.batch.pk, query=f"?run={run.pk}")
    gap = shown[shown.index("<h2>缺口</h2>") :].partition("</div>")[0]
    assert "1 处" in gap


# How a running job moves


def test_every_report_moves_the_part_and_none_moves_it_back() -> None:
    advance = Advance()
    quiet = [advance.percent(0.0) for _ in range(12)]
    assert quiet == sorted(set(quiet))
    assert quiet[-1] < 99
    quarters = Advance()
    shown = [quarters.percent(fraction) for fraction in (0.0, 0.25, 0.25, 0.25, 0.5, 0.5, 0.75, 1.0)]
    assert shown == sorted(shown)
    assert shown[1] >= 25
    assert 25 < shown[3] < 50
    assert shown[-1] == 99


def test_progress_page_moves_with_the_parts_and_tells_what_is_done(
    nominating: County, staff: User, desk: Client
) -> None:
    job = Job.objects.create(
        task="batches.plan", title="第1期编排", owner=staff, state=JobState.RUNNING, progress=30,
        started_at=timezone.now() - datetime.timedelta(seconds=65),
    )  # fmt: skip
    PlanRun.objects.create(programme=nominating.batch.programme, batch=nominating.batch, job=job)
    best = {"best": {"travel_km": {"value": 400.0, "bound": 380.0, "batch": "B1"}}}
    Job.objects.create(
        parent=job, task="batches.plan_step", step="itinerary:B1", title="试", state=JobState.RUNNING, progress=40,
        message="正在排第 3 步“基地与日期”：缩短路程", result=best,
        started_at=timezone.now() - datetime.timedelta(seconds=185),
    )  # fmt: skip
    told = live(job)
    assert told["percent"] == 30 + 45 * (40 // 2) // 100
    assert told["elapsed"] == elapsed(job) == "已算 1 分 05 秒"
    shown = page(desk, "progress", nominating.batch.pk, query="?back=studio")
    assert "往返路程 400公里，距最优不超过 5.0%" in shown
    assert f"{told['percent']}%" in shown
    assert "正在缩短路程，已用 3 分钟" in shown
    for name in ("progress", "batch", "names", "repair"):
        shown = page(desk, name, nominating.batch.pk)
        assert "正在缩短路程，已用 3 分钟。可以离开" in shown, name
        assert f"{told['percent']}%</span>" in shown, name
    Job.objects.filter(parent=job).update(message="期次 B1", started_at=timezone.now() - datetime.timedelta(seconds=40))
    assert "正在排行程，已用 40 秒" in page(desk, "progress", nominating.batch.pk)
    Job.objects.filter(parent=job).update(state=JobState.WAITING)
    assert "已用" not in page(desk, "progress", nominating.batch.pk)


def test_page_that_is_long_at_work_does_not_say_that_a_running_job_waits(nominating: County, staff: User) -> None:
    """The row was read first, then a worker took it and came far; the parts alone told so."""
    read = Job.objects.create(task="batches.plan", title="第1期编排", owner=staff)
    Job.objects.filter(pk=read.pk).update(state=JobState.RUNNING, attempts=1, started_at=timezone.now())
    Job.objects.create(parent=read, task="batches.plan_step", step="itinerary:B1", state=JobState.DONE, progress=100)
    told = live(read)
    assert (told["percent"], read.state, told["elapsed"]) == (52, JobState.RUNNING, "已算 0 秒")


def test_time_of_interrupted_work_counts_from_when_it_was_begun_first(
    nominating: County, staff: User, desk: Client
) -> None:
    now, ago = timezone.now(), datetime.timedelta
    job = Job.objects.create(
        task="batches.plan", title="第1期编排", owner=staff, state=JobState.WAITING, attempts=1, progress=40,
        created_at=now - ago(seconds=90), started_at=now - ago(seconds=37), message="刚才中断，自动接着做",
    )  # fmt: skip
    PlanRun.objects.create(programme=nominating.batch.programme, batch=nominating.batch, job=job)
    shown = page(desk, "progress", nominating.batch.pk, query="?back=studio")
    assert "已算 37 秒" in shown
    assert "刚才中断，自动接着做，可以离开" in shown
    Job.objects.update(state=JobState.RUNNING, attempts=2, started_at=now)
    job.refresh_from_db()
    assert elapsed(job) == "已算 1 分 30 秒"
    for step, seconds in (("itinerary:B1", 5), ("classes:B1", 36)):
        Job.objects.create(
            parent=job, task="batches.plan_step", step=step, state=JobState.DONE, started_at=now - ago(seconds=seconds)
        )
    assert elapsed(job) == "已算 36 秒"


def test_job_whose_worker_is_silent_is_told_as_interrupted(nominating: County, staff: User, desk: Client) -> None:
    job = Job.objects.create(
        task="batches.plan", title="第1期编排", owner=staff, state=JobState.RUNNING, progress=30,
        started_at=timezone.now(), heartbeat_at=timezone.now() - datetime.timedelta(seconds=29),
    )  # fmt: skip
    PlanRun.objects.create(programme=nominating.batch.programme, batch=nominating.batch, job=job)
    told = "中断，等候接着做"
    for name, query in (("progress", "?back=studio"), ("progress", ""), ("batch", "")):
        shown = page(desk, name, nominating.batch.pk, query=query)
        assert "进行中" in shown
        assert told not in shown
    Job.objects.update(heartbeat_at=timezone.now() - datetime.timedelta(seconds=31))
    for name, query in (("progress", "?back=studio"), ("progress", ""), ("batch", "")):
        shown = page(desk, name, nominating.batch.pk, query=query)
        assert told in shown
        assert "算它的程序停了" in shown
        assert "进行中" not in shown
    assert told in desk.get(reverse("office:job", args=[job.pk])).content.decode()
    Job.objects.update(state=JobState.DONE)
    assert told not in desk.get(reverse("office:job", args=[job.pk])).content.decode()


def test_session_page_says_who_of_the_confirmed_is_in_no_class(published: County, staff: User, desk: Client) -> None:
    everybody = len(published.cadres)
    Nomination.objects.filter(batch=published.batch).update(state=Nomination.State.CONFIRMED)
    assert f"<b>{everybody}</b>已确认</a>" in page(desk, "batch", published.batch.pk)
    enrollment = published.enrollment(published.cadres[0])
    withdraw_enrollment(enrollment=enrollment, on_day=MARCH(day=1), by=staff, reason="调走")
    shown = page(desk, "batch", published.batch.pk)
    assert f"<b>{everybody}</b>已确认，1 人后来退出</a>" in shown
    assert f"{everybody - 1} 人" in shown
    name_late(batch=published.batch, cadre=factories.CadreFactory(), by=staff, reason="补派")
    shown = page(desk, "batch", published.batch.pk)
    assert f"<b>{everybody + 1}</b>已确认，1 人后来退出，1 人还没有班</a>" in shown


def test_base_closed_for_nobody_takes_nothing_away(published: County, staff: User) -> None:
    base = published.bases[0]
    close_place(
        base=base, first_day=MARCH(day=1), last_day=MARCH(day=2), kind=Closure.Kind.OTHER, by=staff, reason="修路"
    )
    assert fallen_out(repair(published, staff)) == []


def test_repair_page_does_not_tell_what_had_been_left_out_before(published: County, staff: User, desk: Client) -> None:
    gone = published.batch.classes.first().gatherings.get(index=2)
    cancel_gathering(gathering=gone, by=staff, reason="防汛")
    run = repair(published, staff)
    assert [row for row in json.loads(run.plan_text)["gatherings"] if "skipped" in row]
    shown = page(desk, "repair", published.batch.pk, query=f"?run={run.pk}")
    assert "没有人换班，没有集中改动，没有人换床位" in shown
    assert "第2次集中" not in shown[shown.index('id="moves"') :]


def test_repair_page_shows_the_repair_that_waits_though_a_trial_is_newer(
    published: County, staff: User, desk: Client
) -> None:
    waiting = repair(published, staff)
    trial = PlanRun.objects.get(pk=waiting.pk)
    trial.pk, trial.purpose = None, PlanRun.Purpose.TRIAL
    trial.save()
    shown = page(desk, "repair", published.batch.pk)
    assert f'/studio/?run={waiting.pk}">看全部，发布' in shown
    assert f"?run={trial.pk}#moves" in shown
    assert "试算：会动谁" in page(desk, "repair", published.batch.pk, query=f"?run={trial.pk}")
    PlanRun.objects.filter(pk=waiting.pk).update(outcome=PlanRun.Outcome.ADOPTED)
    assert "试算：会动谁" in page(desk, "repair", published.batch.pk), "nothing waits any more"
    shown = page(desk, "repair", published.batch.pk, query=f"?run={waiting.pk}")
    assert f'/studio/?run={waiting.pk}">看全部</a>' in shown, "it is published"


def test_repair_page_does_not_offer_a_repair_that_a_later_version_passed_over(
    published: County, staff: User, desk: Client
) -> None:
    """Publishing replaces what was published: a repair that nobody published keeps its outcome, and waits no more."""
    old = repair(published, staff)
    publish(published, repair(published, staff), staff)
    old.refresh_from_db()
    assert old.outcome == PlanRun.Outcome.SOLVED
    trial = PlanRun.objects.get(pk=old.pk)
    trial.pk, trial.purpose, trial.created_at = None, PlanRun.Purpose.TRIAL, timezone.now()
    trial.save()
    published.batch.refresh_from_db()
    assert waiting_run(published.batch) is None
    shown = page(desk, "repair", published.batch.pk)
    assert f'/studio/?run={trial.pk}">看全部，采用改动' in shown
    assert f"?run={old.pk}#moves" in shown
    PlanRun.objects.filter(pk=old.pk).update(created_at=timezone.now() - datetime.timedelta(minutes=1))
    assert f'/studio/?run={old.pk}">看全部</a>' in page(desk, "repair", published.batch.pk, query=f"?run={old.pk}")
    assert 'id="waiting"' not in page(desk, "studio", published.batch.pk)
