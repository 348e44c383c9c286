"""The pages of a batch: its list, its own page, its plan and publication, who reads and who acts."""

import json
import re
from collections.abc import Callable

import pytest
from django.contrib.messages import get_messages
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.models import User
from batches import tasks
from batches.actions.names import start_proposal
from batches.actions.people import withdraw_enrollment
from batches.actions.plans import withdraw_publication
from batches.arrangement import arrangement_of
from batches.arrangement import planned as planned_arrangement
from batches.differences import differences_of
from batches.models import (
    Batch,
    Lodging,
    PlanVersion,
)
from batches.overview import calendar_of, class_table
from batches.queries import latest_run
from office.jobs import perform
from office.models import Job, JobState
from tests import factories
from tests.batches.county import FIRST, County, publish_by_hand
from tests.batches.pages import page, post

pytestmark = pytest.mark.django_db


def test_list_asks_as_often_for_many_batches_as_for_few(desk: Client, published: County) -> None:
    page(desk, "list")
    with CaptureQueriesContext(connection) as few:
        page(desk, "list")
    for number in range(2, 17):
        made = factories.BatchFactory(number=number, state=Batch.State.RUNNING)
        factories.MembershipFactory(practice_class=factories.ClassFactory(batch=made))
    with CaptureQueriesContext(connection) as many:
        shown = page(desk, "list")
    assert len(many) == len(few)
    assert "共 16 条" in shown


def test_session_page_before_there_are_names(desk: Client, county: County) -> None:
    shown = page(desk, "batch", county.batch.pk)
    assert "还没有名单" in shown
    assert "去生成名单建议" in shown


def test_class_table_and_calendar_say_the_same_for_plan_and_rows(published: County) -> None:
    run = latest_run(published.batch)
    assert run is not None
    plan, rows = planned_arrangement(published.batch, run), arrangement_of(published.batch)
    assert rows is not None
    for one, two in zip(class_table(plan).lines, class_table(rows).lines, strict=True):
        assert (one.size, one.mean_age, one.bars, one.days, one.villages) == (4, 34, two.bars, 6, 2)
        assert [segment.count for segment in one.bars[0].segments] == [2, 2]
    grids = [
        [[cell and (cell.first_day, cell.village_names) for cell in line.cells] for _, _, lines in each.groups for line in lines]
        for each in (calendar_of(plan), calendar_of(rows))
    ]  # fmt: skip
    assert grids[0] == grids[1]
    assert [cell is not None for cell in grids[0][0]] == [True, False, True, False]
    assert {key: len(stays) for key, stays in plan.stays.items()} == {
        key: len(stays) for key, stays in rows.stays.items()
    }


def test_session_page_after_changes_shows_the_rows_of_today(desk: Client, published: County, staff: User) -> None:
    withdraw_enrollment(enrollment=published.enrollment(published.cadres[0]), on_day=FIRST, by=staff, reason="生病")
    rows = arrangement_of(published.batch)
    assert rows is not None
    assert [line.size for line in class_table(rows).lines] == [3, 4]
    assert "7 人" in page(desk, "batch", published.batch.pk)


def test_publication_by_the_page_and_withdrawal(desk: Client, planned: County) -> None:
    run = latest_run(planned.batch)
    assert run is not None
    assert "已发布为第 1 版" in post(desk, "publish", planned.batch.pk, run.pk)
    shown = page(desk, "batch", planned.batch.pk)
    assert "撤回发布…" in shown
    assert "10 个班" not in shown
    assert "2 个班没有班主任" in shown
    assert "请写短一些" in post(desk, "withdraw", planned.batch.pk, reason="改" * 600)
    assert "已撤回发布" in post(desk, "withdraw", planned.batch.pk, reason="改" * 200)
    planned.batch.refresh_from_db()
    assert (planned.batch.state, len(planned.batch.state_reason)) == (Batch.State.PLANNED, 200)


def test_publication_posted_twice_makes_one_version(desk: Client, planned: County) -> None:
    run = latest_run(planned.batch)
    assert run is not None
    post(desk, "publish", planned.batch.pk, run.pk)
    desk.post(reverse("batches:publish", args=[planned.batch.pk, run.pk]))
    assert PlanVersion.objects.count() == 1


def test_differences_of_a_version_are_told_with_labels(published: County, staff: User) -> None:
    withdraw_publication(batch=published.batch, by=staff, reason="换次序")
    published.batch.refresh_from_db()
    version = publish_by_hand(published, staff, swap=True)
    one, two = (base.village.name for base in published.bases)
    assert differences_of(version)[0] == f"第1班第1次集中：2027-03-05 {one} → 2027-03-05 {two}"


def test_class_page_shows_members_and_households(desk: Client, published: County) -> None:
    shown = page(desk, "class_page", published.batch.pk, published.classes[0].pk)
    for cadre in published.cadres[::2]:
        assert f'<th scope="row">{cadre.name}</th>' in shown
    assert published.cadres[1].name not in shown
    for lodging in Lodging.objects.filter(gathering__practice_class=published.classes[0]):
        assert str(lodging.household) in shown


@pytest.mark.parametrize("seed", ["", "abc", "-1", "12345678901234", "一", "1.5", "²"])
def test_seed_that_is_no_number_is_refused_and_nothing_started(desk: Client, nominating: County, seed: str) -> None:
    shown = post(desk, "plan", nominating.batch.pk, seed=seed)
    told = f"种子“{seed}”不对，没有开始编排。请填 0 至 999999999 的整数。"
    assert f'<span class="dm-error" id="seed-error" role="alert">{told}</span>' in shown
    [field] = re.findall(r'<input [^>]*name="seed"[^>]*>', shown)
    assert ("is-invalid" in field, f'value="{seed}"' in field) == (True, True)
    assert not nominating.batch.plan_runs.exists()


def test_seed_that_is_no_number_starts_nothing_where_a_job_ends_meanwhile(
    desk: Client, nominating: County, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("batches.views.plan.running_job", lambda batch: object())
    shown = post(desk, "plan", nominating.batch.pk, seed="abc")
    assert "种子“abc”不对，没有开始编排。" in shown
    assert not nominating.batch.plan_runs.exists()


@pytest.mark.parametrize("state", [Batch.State.PROPOSED, Batch.State.RUNNING])
def test_seed_that_is_no_number_where_nothing_is_planned_tells_of_the_state(
    desk: Client, nominating: County, state: str
) -> None:
    Batch.objects.update(state=state)
    answer = desk.post(reverse("batches:plan", args=[nominating.batch.pk]), {"seed": "abc"})
    [told] = [str(message) for message in get_messages(answer.wsgi_request)]
    assert told.endswith("不能编排。要先到“报名、已编排”。")
    assert not nominating.batch.plan_runs.exists()


@pytest.mark.django_db(transaction=True)
def test_job_stopped_in_the_middle_keeps_nothing(nominating: County, staff: User) -> None:
    Batch.objects.update(state=Batch.State.PROPOSED)
    run = start_proposal(batch=nominating.batch, by=staff)
    body = tasks.propose_names.run.__wrapped__

    def stopped_half_way(job_run: object) -> None:
        Job.objects.update(cancel_requested=True)
        body(job_run)

    perform(str(run.job.pk), stopped_half_way)
    assert Job.objects.get().state == JobState.CANCELLED
    assert not nominating.batch.nominations.filter(state="proposed").exists()
    run.refresh_from_db()
    assert (run.plan_text, run.outcome) == ("", "pending")


def test_leader_reads_and_does_not_act(published: County, leader: User, signed_in: Callable[[User], Client]) -> None:
    reader = signed_in(leader)
    shown = page(reader, "batch", published.batch.pk)
    assert "撤回发布…" not in shown
    assert reverse("batches:adjust", args=[published.batch.pk]) not in shown
    page(reader, "staff", published.batch.pk)
    post(reader, "staff", published.batch.pk, form="teacher", **{"teacher-kind": "head_teacher"})
    assert reader.post(reverse("batches:withdraw", args=[published.batch.pk]), {"reason": "x"}).status_code == 403


def test_admin_desks_lead_to_the_pages_and_change_nothing(desk: Client, published: County) -> None:
    for model in ("batch", "nomination", "practiceclass", "enrollment", "gathering", "planversion"):
        response = desk.get(reverse(f"admin:batches_{model}_changelist"))
        assert response.status_code == 200
        assert f"/batches/{published.batch.pk}/" in response.content.decode()
    pk = published.batch.pk
    assert desk.post(reverse("admin:batches_batch_change", args=[pk]), {"state": "closed"}).status_code == 403
    assert json.loads(PlanVersion.objects.get().plan_text)["seed"] == 1
