"""Swaps by form and by drag: what they would do is told first, nothing is written, and the repair does the rest."""

import json
from typing import Any

import pytest
import time_machine
from django.test import Client
from django.urls import reverse

from accounts.models import AuditEntry, User
from batches.actions.gatherings import cancel_gathering
from batches.actions.pins import pin_gathering
from batches.actions.plans import publish_plan
from batches.actions.repair import keep_curve, start_curve, start_repair
from batches.foretold import foretell
from batches.models import Batch, ClassMembership, PlanRun, PracticeClass
from batches.planning_input import document_of
from batches.queries import latest_run
from config.errors import Conflict, DomainError
from office.models import CalendarDay, Job, JobState, Notice
from tests.batches.county import FIRST, County
from tests.batches.test_people import let_together
from tests.batches.test_repair import moves, repair

pytestmark = pytest.mark.django_db


def ask(client: Client, county: County, **data: Any) -> str:
    answer = client.get(reverse("batches:swap", args=[county.batch.pk]), data)
    return answer.content.decode()


def pins(*pairs: tuple[Any, Any]) -> list[dict[str, Any]]:
    return [{"kind": "pin_class", "cadre": f"C{cadre.pk}", "class": f"K{there.pk}"} for cadre, there in pairs]


def cells(county: County, *places: tuple[int, int]) -> list[str]:
    numbers = {row.number: row.pk for row in county.classes}
    return [f"{numbers[number]}-{index}" for number, index in places]


# Told beforehand


def test_swap_that_leaves_one_man_alone_is_told(planned: County) -> None:
    one, two = planned.classes
    changes = pins((planned.cadres[0], two), (planned.cadres[1], one))
    told = foretell(planned.batch, changes)
    assert told.breaches == [
        f"R16 {where}，没有人同住，集中会排不成" for where in ("第1班只剩 1 名男学员", "第2班只剩 1 名女学员")
    ]
    assert told.told == ["还没有发布，不通知任何人"]
    assert [line.split("：")[0] for line in told.lines] == ["第1班", "第2班"]
    assert "男 2、女 2" in told.lines[0]
    assert "男 1、女 3" in told.lines[0]


def test_move_of_one_alone_tells_the_rules_it_breaks(planned: County) -> None:
    cadre, there = planned.cadres[0], planned.classes[1]
    told = foretell(planned.batch, pins((cadre, there)))
    assert sorted({line[:3] for line in told.breaches}) == ["R02", "R03", "R04", "R16"]
    assert any(str(planned.units[0]) in line for line in told.breaches)
    assert any(line.startswith("第2班第 1 次集中：") and "多 1 人 2 个床夜、7 餐" in line for line in told.lines)


def test_exception_granted_since_the_plan_was_made_is_none_of_the_rules_it_breaks(
    planned: County, staff: User, colleague: User
) -> None:
    cadre, there = planned.cadres[0], planned.classes[1]
    let_together(planned, cadre, staff, colleague)
    assert sorted({line[:3] for line in foretell(planned.batch, pins((cadre, there))).breaches}) == ["R04", "R16"]


def test_swap_stays_swapped_by_the_next_plan_and_in_the_version(planned: County, staff: User) -> None:
    """Two units change weeks, a man and a woman each way: who was put somewhere stays there, up to the rows and after."""
    one, two = planned.classes
    man = planned.cadres[0]
    unit = next(n for n in (2, 4, 6) if planned.cadres[n].sex != man.sex)
    there = {
        cadre: (two, one)[n % 2] for n, cadre in enumerate([*planned.cadres[:2], *planned.cadres[unit : unit + 2]])
    }
    first = repair(planned, staff, changes=pins(*there.items()), against=latest_run(planned.batch))
    second = repair(planned, staff, against=first)
    assert second.document["previous"]["by_hand"] == sorted(f"C{cadre.pk}" for cadre in there)
    assert moves(second, "assignment") == []
    publish_plan(batch=planned.batch, run=second, by=staff)
    given = ClassMembership.objects.filter(live=True, by_hand=True).values_list("enrollment__cadre", "practice_class")
    assert dict(given) == {cadre.pk: practice_class.pk for cadre, practice_class in there.items()}


def test_cell_put_on_a_closed_day_of_another_class_tells_what_clashes(planned: County) -> None:
    change = {
        "kind": "pin_gathering", "class": f"K{planned.classes[0].pk}", "index": 2, "first_day": "2027-03-19",
        "bases": [f"P{planned.bases[0].pk}"],
    }  # fmt: skip
    told = foretell(planned.batch, [change])
    assert told.breaches == []
    assert any("2 个村" in line and "1 个村" in line for line in told.lines)
    assert any("空出 4 张床" in line for line in told.lines)


def test_looking_at_a_swap_writes_nothing(desk: Client, planned: County) -> None:
    before = (AuditEntry.objects.count(), PlanRun.objects.count(), Job.objects.count(), Notice.objects.count())
    shown = ask(
        desk, planned, form="people", **{
            "people-one": planned.cadres[0].pk, "people-other": planned.cadres[1].pk, "people-prefer": "kept",
        },
    )  # fmt: skip
    assert f"{planned.cadres[0].name}与{planned.cadres[1].name}对调：会怎样" in shown
    assert "2 处不合规则" in shown
    assert 'name="people-revision"' in shown
    after = (AuditEntry.objects.count(), PlanRun.objects.count(), Job.objects.count(), Notice.objects.count())
    assert after == before


def test_two_of_one_class_cannot_change_places(desk: Client, planned: County) -> None:
    shown = ask(
        desk, planned, form="people", **{
            "people-one": planned.cadres[0].pk, "people-other": planned.cadres[2].pk, "people-prefer": "kept",
        },
    )  # fmt: skip
    assert "两人都在第1班，不用对调" in shown
    assert "会怎样</h2>" not in shown


def test_titles_kept_with_a_swap_hold_no_names(desk: Client, planned: County) -> None:
    one, other = planned.cadres[0], planned.cadres[1]
    said = ask(
        desk, planned, **{"form": "people", "people-one": one.pk, "people-other": other.pk, "people-prefer": "kept"}
    )
    assert f"{one.name}与{other.name}对调：会怎样" in said
    posts = {
        "两人对调": {"form": "people", "people-one": one.pk, "people-other": other.pk, "people-prefer": "kept"},
        "1 人调到第2班": {
            "form": "person", "person-who": one.pk, "person-to": planned.classes[1].pk, "person-prefer": "kept",
        },
    }  # fmt: skip
    for title, data in posts.items():
        desk.post(reverse("batches:swap", args=[planned.batch.pk]), data)
        run = PlanRun.objects.select_related("job").latest("pk")
        assert run.job is not None
        assert (run.title, run.job.title) == (title, f"{planned.batch}{title}")
        Job.objects.update(state="done")


def test_cells_change_bases_and_keep_their_weeks(desk: Client, planned: County) -> None:
    one, other = cells(planned, (1, 1), (1, 2))
    shown = ask(desk, planned, form="cells", **{"cells-one": one, "cells-other": other, "cells-prefer": "kept"})
    assert "第1班第1次与第1班第2次对调：会怎样" in shown
    post = {"form": "cells", "cells-one": one, "cells-other": other, "cells-prefer": "kept"}
    desk.post(reverse("batches:swap", args=[planned.batch.pk]), post)
    run = PlanRun.objects.get(purpose=PlanRun.Purpose.REPAIR)
    assert {(row["index"], row["first_day"], row["bases"][0]) for row in run.changes} == {
        (1, "2027-03-05", f"P{planned.bases[1].pk}"), (2, "2027-03-19", f"P{planned.bases[0].pk}"),
    }  # fmt: skip
    assert run.title == "第1班第1次与第1班第2次对调"
    assert run.against == PlanRun.objects.get(purpose=PlanRun.Purpose.PLAN)


def test_cell_cannot_be_moved_out_of_its_week(desk: Client, planned: County) -> None:
    (cell,) = cells(planned, (1, 2))
    asked = {"form": "cell", "cell-cell": cell, "cell-prefer": "kept"}
    shown = ask(desk, planned, **asked, **{"cell-first_day": "2027-03-12"})
    assert "第1班第 2 次集中要在 03-15 至 03-21 这一周里开始（R10）" in shown
    assert "会怎样</h2>" not in shown
    assert "会怎样</h2>" in ask(
        desk, planned, **asked, **{"cell-first_day": "2027-03-19", "cell-base": planned.bases[0].pk}
    )


@pytest.mark.parametrize(
    ("holiday", "day", "why"),
    [(None, "20", "项目规则定了从星期五开始。这一周可以从 03-19 开始"),
     ("2027-03-20", "19", "03-20 放假。这一周没有可以开始的日子")],
)  # fmt: skip
def test_cell_is_not_moved_to_a_day_on_which_none_can_begin(
    desk: Client, planned: County, holiday: str | None, day: str, why: str
) -> None:
    if holiday:
        CalendarDay.objects.create(day=holiday, kind=CalendarDay.Kind.HOLIDAY)
    (cell,) = cells(planned, (1, 2))
    data = {"form": "cell", "cell-cell": cell, "cell-prefer": "kept", "cell-first_day": f"2027-03-{day}"}
    told = f"第1班第 2 次集中不能从 03-{day} 开始（R11）：{why}"
    assert told in ask(desk, planned, **data)
    answer = desk.post(reverse("batches:swap", args=[planned.batch.pk]), data)
    assert (answer.status_code, told in answer.content.decode()) == (422, True)
    assert not PlanRun.objects.filter(purpose=PlanRun.Purpose.REPAIR).exists()


def test_swap_of_the_same_kind_breaks_no_rule(planned: County) -> None:
    one, two = planned.classes
    movers = [planned.cadres[number] for number in (0, 1, 4, 5)]
    told = foretell(planned.batch, pins(*zip(movers, (two, one, two, one), strict=True)))
    assert (told.breaches, told.mended, told.lines) == ([], [], [])


# Confirmed


def test_swap_before_publication_is_a_repair_of_the_plan_looked_at(planned: County, staff: User) -> None:
    one, two = planned.classes
    movers = [planned.cadres[number] for number in (0, 1, 4, 5)]
    changes = pins(*zip(movers, (two, one, two, one), strict=True))
    origin = latest_run(planned.batch)
    run = repair(planned, staff, changes=changes, against=origin)
    assert {row["subject"] for row in moves(run, "assignment")} == {f"C{cadre.pk}" for cadre in movers}
    assert moves(run, "gathering") == []
    assert latest_run(planned.batch) == run
    assert Batch.objects.get(pk=planned.batch.pk).state == Batch.State.PLANNED


def test_repair_waits_for_the_one_that_runs(planned: County, staff: User) -> None:
    start_repair(batch=planned.batch, by=staff)
    with pytest.raises(Conflict, match="正在编排") as refused:
        start_repair(batch=planned.batch, by=staff)
    assert refused.value.code == "run_in_progress"


def test_swap_decided_from_an_old_page_is_refused(
    published: County, staff: User, colleague: User, desk: Client
) -> None:
    seen = Batch.objects.get(pk=published.batch.pk).revision
    cancel_gathering(gathering=published.gathering(1, 1), by=colleague, reason="台风")
    data = {
        "form": "person", "person-who": published.cadres[0].pk, "person-to": published.classes[1].pk,
        "person-prefer": "kept", "person-revision": seen,
    }  # fmt: skip
    answer = desk.post(reverse("batches:swap", args=[published.batch.pk]), data)
    assert answer.status_code == 422
    assert "您打开页面以后，林晓雯" in answer.content.decode()
    assert not PlanRun.objects.filter(purpose=PlanRun.Purpose.REPAIR).exists()


def test_swap_after_publication_starts_from_what_stands(published: County, desk: Client) -> None:
    data = {
        "form": "person", "person-who": published.cadres[0].pk, "person-to": published.classes[1].pk,
        "person-prefer": "seats", "person-revision": Batch.objects.get(pk=published.batch.pk).revision,
    }  # fmt: skip
    assert desk.post(reverse("batches:swap", args=[published.batch.pk]), data).status_code == 302
    run = PlanRun.objects.get(purpose=PlanRun.Purpose.REPAIR)
    assert (run.prefer, run.job.state) == ("seats", "waiting")
    document = document_of(run)
    assert len(document["previous"]["assignments"]) == 8
    assert document["pins"]["classes"] == [
        {"cadre": f"C{published.cadres[0].pk}", "class": f"K{published.classes[1].pk}"}
    ]
    assert ClassMembership.objects.filter(live=True).count() == 8, "nothing is written before publication"


def test_move_tells_nothing_of_gatherings_that_are_over(
    published: County, clock: time_machine.Traveller, staff: User
) -> None:
    mover = published.cadres[0]
    changes = pins((mover, published.classes[1]))
    both = foretell(published.batch, changes)
    assert any(line.startswith("第1班第 1 次集中") for line in both.lines)
    clock.move_to("2027-03-09 09:00+08:00")
    told = foretell(published.batch, changes)
    assert not any(
        "第1班第 1 次集中" in line or "第1班第1次集中" in line for line in (*told.lines, *told.breaches, *told.mended)
    )
    assert any(line.startswith("第1班第 2 次集中") for line in told.lines)


def test_cell_that_has_begun_is_not_offered(
    published: County, staff: User, desk: Client, clock: time_machine.Traveller
) -> None:
    clock.move_to("2027-03-09 09:00+08:00")
    desk.force_login(staff)
    begun, coming = cells(published, (1, 1), (1, 2))
    shown = ask(desk, published)
    assert f'<option value="{begun}"' not in shown
    assert f'<option value="{coming}"' in shown


def test_repair_of_a_batch_without_a_plan_is_refused(nominating: County, staff: User) -> None:
    with pytest.raises(DomainError) as refused:
        start_repair(batch=nominating.batch, by=staff)
    assert refused.value.code == "no_plan"


def test_change_that_names_nobody_is_refused(planned: County, staff: User) -> None:
    with pytest.raises(DomainError) as refused:
        start_repair(batch=planned.batch, by=staff, changes=[{"kind": "pin_class", "cadre": "C999999", "class": "K1"}])
    assert refused.value.code == "cannot_try"
    assert not PlanRun.objects.filter(purpose=PlanRun.Purpose.REPAIR).exists()


@pytest.mark.parametrize("act", ["get", "post"])
def test_swap_to_the_same_base_twice_is_refused_at_its_field(desk: Client, planned: County, act: str) -> None:
    there = planned.bases[0].pk
    data = {
        "form": "cell", "cell-cell": cells(planned, (1, 1))[0], "cell-base": there, "cell-second_base": there,
        "cell-prefer": "kept",
    }  # fmt: skip
    shown = getattr(desk, act)(reverse("batches:swap", args=[planned.batch.pk]), data).content.decode()
    assert "和第一个是同一个基地。请换一个" in shown
    assert "gatherings[" not in shown


def test_scenario_page_tells_needs_and_starts_a_repair(published: County, desk: Client) -> None:
    url = reverse("batches:repair", args=[published.batch.pk])
    assert "现在的安排符合规则" in desk.get(url).content.decode()
    data = {
        "form": "close", "close-place": f"P{published.bases[1].pk}", "close-first_day": "2027-03-15",
        "close-last_day": "2027-03-21", "close-kind": "works", "close-reason": "修路", "do": "trial",
    }  # fmt: skip
    assert desk.post(url, data).status_code == 302
    trial = PlanRun.objects.get(purpose=PlanRun.Purpose.TRIAL)
    assert trial.changes == [
        {
            "kind": "close",
            "place": "base",
            "id": f"P{published.bases[1].pk}",
            "from": "2027-03-15",
            "until": "2027-03-22",
        }
    ]
    assert "现在的安排符合规则" in desk.get(url).content.decode(), "a trial enters nothing"
    Job.objects.all().update(state="done")
    assert desk.post(url, data | {"do": "repair"}).status_code == 302
    assert PlanRun.objects.filter(purpose=PlanRun.Purpose.REPAIR).count() == 1
    shown = desk.get(url).content.decode()
    assert "停接的地方还排着人" in shown
    assert f"{published.bases[1].village}" in shown


def test_repair_page_shows_moves_and_curve(published: County, staff: User, desk: Client) -> None:
    run = repair(published, staff, changes=pins((published.cadres[0], published.classes[1])))
    plan = json.loads(run.plan_text)
    levels = {row["level"]: row["value"] for row in plan["levels"]}
    count = len([row for row in plan["moves"] if row["kind"] != "bed"])
    points = [
        {
            "moves": count + n,
            "spare_moves": n,
            "seats_moved": count + n,
            "gatherings_moved": 0,
            "levels": levels,
            "plan": plan,
        }
        for n in (0, 3)
    ]
    keep_curve(run=run, points=points, by=staff)
    shown = desk.get(reverse("batches:repair", args=[published.batch.pk])).content.decode()
    assert f"换班 {len(moves(run, 'assignment'))} 人" in shown
    assert f"{published.cadres[0].name}（{published.units[0]}）：第1班 改为 第2班" in shown
    assert "已证明不能更少" in shown
    assert "看这一种" in shown
    assert '<th scope="col" class="dm-num">最忙基地每床累计（人天）</th>' in shown
    assert "再多动 1、6 处也试过，没有更好的，所以不列。" in shown
    assert PlanRun.objects.filter(title="多动 3 处").count() == 1
    assert latest_run(published.batch) == run, "the run with the fewest moves stays the newest"


def test_curve_that_ended_without_points_says_why_and_can_be_asked_for_again(
    published: County, staff: User, desk: Client
) -> None:
    run = start_curve(run=repair(published, staff), by=staff)
    first = run.job_id
    studio = desk.get(reverse("batches:studio", args=[published.batch.pk])).content.decode()
    assert "多动几处会怎样" in studio
    assert "第 1 步" not in studio, "the curve has no stages of its own"
    Job.objects.filter(pk=first).update(state=JobState.FAILED, message="程序出错，已记下。")
    shown = desk.get(reverse("batches:repair", args=[published.batch.pk])).content.decode()
    assert "上次没有完成：程序出错，已记下。可以再算。" in shown
    assert start_curve(run=run, by=staff).job_id != first


def test_old_version_stays_readable(published: County, staff: User, desk: Client) -> None:
    shown = desk.get(reverse("batches:version", args=[published.batch.pk, 1])).content.decode()
    assert "方案第 1 版" in shown
    assert all(cadre.name in shown for cadre in published.cadres)
    assert desk.get(reverse("batches:version", args=[published.batch.pk, 2])).status_code == 404


# Weeks that are over


def test_week_without_gathering_that_is_over_is_not_offered_nor_taken(
    published: County, staff: User, desk: Client, clock: time_machine.Traveller
) -> None:
    """A class that was opened later was in none of the weeks before; nobody gathered in them, and nobody will."""
    one, late = published.classes[0], more_class(published)
    clock.move_to("2027-03-09 09:00+08:00")
    desk.force_login(staff)
    shown = ask(desk, published)
    assert f'<option value="{one.pk}-2"' in shown
    assert f'<option value="{late.pk}-1"' not in shown
    data = {"form": "cell", "cell-cell": f"{late.pk}-1", "cell-first_day": "2027-03-05", "cell-prefer": "kept"}
    refused = desk.post(reverse("batches:swap", args=[published.batch.pk]), data)
    assert refused.status_code == 422
    change = {
        "kind": "pin_gathering", "class": f"K{late.pk}", "index": 1, "first_day": "2027-03-05",
        "bases": [f"P{published.bases[0].pk}"],
    }  # fmt: skip
    with pytest.raises(DomainError) as error:
        start_repair(batch=published.batch, by=staff, changes=[change])
    assert error.value.code == "already_begun"
    with pytest.raises(DomainError) as error:
        pin_gathering(practice_class=late, index=1, first_day=FIRST.replace(day=5), bases=(), reason="补一次", by=staff)
    assert error.value.code == "already_begun"
    assert not PlanRun.objects.filter(purpose=PlanRun.Purpose.REPAIR).exists()


def test_gathering_to_come_is_not_moved_to_a_day_gone_by(
    published: County, staff: User, desk: Client, clock: time_machine.Traveller
) -> None:
    one = published.classes[0]
    published.batch.programme.start_weekdays = []
    published.batch.programme.save()
    clock.move_to("2027-03-18 09:00+08:00")
    desk.force_login(staff)
    data = {"form": "cell", "cell-cell": f"{one.pk}-2", "cell-first_day": "2027-03-18", "cell-prefer": "kept"}
    shown = ask(desk, published, **data)
    assert "第1班第 2 次集中不能从 03-18 开始：03-19 起的日子才能再排。请改日期。" in shown
    change = {"kind": "pin_gathering", "class": f"K{one.pk}", "index": 2, "first_day": "2027-03-18", "bases": None}
    with pytest.raises(DomainError) as error:
        start_repair(batch=published.batch, by=staff, changes=[change])
    assert error.value.code == "day_over"


def more_class(county: County) -> PracticeClass:
    """A third class, of odd weeks, that is in no plan yet."""
    return PracticeClass.objects.create(batch=county.batch, number=3, parity="odd", track=county.classes[0].track)
