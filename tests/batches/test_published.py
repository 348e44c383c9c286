"""Published versions: since when each holds, what became of it, and what a class tells of who leaves and who comes."""

import datetime
from collections.abc import Callable
from typing import Any

import pytest
import time_machine
from django.db.backends.postgresql.psycopg_any import DateRange
from django.test import Client

from accounts.models import User
from batches.actions.plans import publish_plan, withdraw_publication
from batches.models import Batch, ClassMembership, Gathering
from batches.published import published_versions
from batches.queries import begun_cells, latest_run
from tests.batches.county import FIRST, County, publish_by_hand
from tests.batches.pages import page, post
from tests.batches.test_repair import repair

pytestmark = pytest.mark.django_db
MARCH = FIRST.replace


def places(county: County) -> list[tuple[int, str]]:
    return [(row.version.number, row.place) for row in published_versions(county.batch)]


def test_withdrawn_version_stays_withdrawn_when_another_follows(published: County, staff: User, desk: Client) -> None:
    batch = published.batch
    assert places(published) == [(1, "in_force")]
    assert "已发布" in page(desk, "studio", batch.pk)
    shown = post(desk, "withdraw", batch.pk, reason="换次序")
    assert "方案还在编排台：不用改的可以再发布为下一版" in shown
    assert "已撤回</span>" in shown
    assert places(published) == [(1, "withdrawn")]
    studio = page(desk, "studio", batch.pk)
    assert "<small>已撤回</small>" in studio
    assert "<small>已发布</small>" not in studio
    assert "这一版已经撤回" in page(desk, "version", batch.pk, 1)
    batch.refresh_from_db()
    publish_by_hand(published, staff, swap=True)
    assert places(published) == [(2, "in_force"), (1, "withdrawn")]
    assert [row.since for row in published_versions(batch)] == [FIRST, FIRST]
    assert "<small>已换新版</small>" in page(desk, "studio", batch.pk)


def test_cells_that_have_begun_are_those_of_gatherings_whose_day_has_come(published: County) -> None:
    """Called off counts from its day on, unless another was arranged instead; before publication nothing has begun."""
    batch, first, second = published.batch, published.gathering(1, 1), published.gathering(2, 1)
    day, earlier = first.first_day, first.first_day - datetime.timedelta(days=1)
    assert begun_cells(batch, earlier) == set()
    assert begun_cells(batch, day) == {(first.practice_class_id, 1)}
    Gathering.objects.filter(pk=first.pk).update(state="cancelled")
    assert begun_cells(batch, day) == {(first.practice_class_id, 1)}
    instead = Gathering.objects.create(
        practice_class=first.practice_class, index=1, first_day=second.first_day, last_day=second.last_day
    )
    assert begun_cells(batch, day) == set()
    assert (instead.practice_class_id, 1) in begun_cells(batch, second.first_day)
    batch.state = Batch.State.PLANNED
    assert begun_cells(batch, second.first_day) == set()


def test_same_plan_may_be_published_again_after_it_was_withdrawn(published: County, staff: User) -> None:
    withdraw_publication(batch=published.batch, by=staff, reason="看错了")
    published.batch.refresh_from_db()
    run = latest_run(published.batch)
    assert run is not None
    publish_plan(batch=published.batch, run=run, by=staff)
    assert places(published) == [(2, "in_force"), (1, "withdrawn")]


def test_version_of_a_running_batch_holds_from_the_next_day(
    published: County, staff: User, signed_in: Callable[[User], Client], clock: time_machine.Traveller
) -> None:
    clock.move_to("2027-03-09 09:00+08:00")
    desk = signed_in(staff)
    Batch.objects.update(state=Batch.State.RUNNING)
    published.batch.refresh_from_db()
    publish_plan(batch=published.batch, run=repair(published, staff), by=staff, reason="重排")
    second, first = published_versions(published.batch)
    assert (second.place, second.since, second.told) == ("in_force", MARCH(day=10), "2027-03-10 起执行")
    assert "将要执行" in page(desk, "batch", published.batch.pk)
    assert "第 2 版，2027-03-10 起执行" in page(desk, "class_page", published.batch.pk, published.classes[0].pk)
    assert (first.place, first.told) == ("in_force", "2027-03-01 起执行，到 2027-03-09 止")
    assert "2027-03-10 起执行" in page(desk, "batch", published.batch.pk)
    assert "2027-03-10 起执行" in page(desk, "version", published.batch.pk, 2)


def test_version_holds_up_to_the_day_before_the_next(
    published: County, staff: User, signed_in: Callable[[User], Client], clock: time_machine.Traveller
) -> None:
    """On the day of publishing the first version is in force until tonight; only from the next day on is it replaced."""
    clock.move_to("2027-03-09 09:00+08:00")
    desk, batch = signed_in(staff), published.batch
    Batch.objects.update(state=Batch.State.RUNNING)
    batch.refresh_from_db()
    publish_plan(batch=batch, run=repair(published, staff), by=staff, reason="重排")
    assert [row.chip[1] for row in published_versions(batch)] == ["将要执行", "用到3月9日"]
    assert "用到3月9日</span>" in page(desk, "batch", batch.pk)
    assert "这一版用到3月9日，以后按新的一版" in page(desk, "version", batch.pk, 1)
    studio = page(desk, "studio", batch.pk)
    assert "<small>用到3月9日</small>" in studio
    assert "已换新版" not in studio + page(desk, "batch", batch.pk)
    clock.move_to("2027-03-10 00:30+08:00")
    assert [row.chip[1] for row in published_versions(batch)] == ["正在执行", "已换新版"]
    assert "<small>已换新版</small>" in page(signed_in(staff), "studio", batch.pk)


def test_version_replaced_before_the_batch_began_was_never_in_force(published: County, staff: User) -> None:
    publish_plan(batch=published.batch, run=repair(published, staff), by=staff, reason="重排")
    assert [row.chip[1] for row in published_versions(published.batch)] == ["将要执行", "已换新版"]


def test_versions_are_read_in_two_queries(published: County, django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(2):
        published_versions(published.batch)


def test_class_tells_who_leaves_and_who_comes_and_when(
    published: County, staff: User, signed_in: Callable[[User], Client], clock: time_machine.Traveller
) -> None:
    clock.move_to("2027-03-09 09:00+08:00")
    desk = signed_in(staff)
    mover = published.cadres[0]
    one, two = published.classes
    seat = ClassMembership.objects.get(enrollment=published.enrollment(mover))
    seat.days = DateRange(FIRST, MARCH(day=15))
    seat.save()
    ClassMembership.objects.create(
        enrollment=seat.enrollment, practice_class=two, days=DateRange(MARCH(day=15), MARCH(day=29)), reason="换周次"
    )
    leaving = page(desk, "class_page", published.batch.pk, one.pk)
    assert "3月15日起到第2班" in leaving
    assert leaving.count("离班") == 1
    assert "将要到班" not in leaving
    assert f"将要到班：{mover.name}（3月15日起从第1班来）" in page(desk, "class_page", published.batch.pk, two.pk)
