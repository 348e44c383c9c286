"""A batch set up by mistake: its number and days are changed while nothing is published, or it is taken away altogether."""

import datetime
import json
import re
from collections.abc import Callable

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import AuditEntry, User
from batches.actions.batch import change_batch, create_batch, delete_batch
from batches.actions.names import open_nominations
from batches.actions.pins import pin_gathering
from batches.actions.plans import withdraw_publication
from batches.actions.waivers import end_waiver
from batches.dependants import depending_on, obstacles_to_change, obstacles_to_deletion
from batches.models import Batch, Nomination, PlanDemand, PlanRun, PracticeClass, Waiver
from batches.obstacles import publish_obstacles
from batches.outlooks import story_of
from batches.plan_labels import Labels
from batches.queries import latest_run
from config.errors import Conflict, DomainError
from office.models import Notice
from tests import factories
from tests.batches.county import County
from tests.batches.pages import page, post

pytestmark = pytest.mark.django_db
DAY = datetime.date
MISTAKEN = {"first_day": DAY(2036, 3, 3), "last_day": DAY(2036, 5, 25)}
MEANT = {"first_day": DAY(2027, 4, 5), "last_day": DAY(2027, 6, 27)}


@pytest.fixture
def mistaken(county: County, staff: User) -> Batch:
    """A second batch, set up nine years late."""
    return create_batch(programme=county.batch.programme, number=2, by=staff, **MISTAKEN)


def change(batch: Batch, by: User, **values: object) -> Batch:
    given = {"number": batch.number, "first_day": batch.first_day, "last_day": batch.last_day, "reason": "日子填错了"}
    return change_batch(batch=batch, by=by, **(given | values))  # type: ignore[arg-type] # the values of one act


def data_of(batch: Batch, **changes: object) -> dict[str, object]:
    return {
        "number": batch.number, "first_day": batch.first_day, "last_day": batch.last_day, "reason": "日子填错了",
        "revision": batch.revision,
    } | changes  # fmt: skip


def words(shown: str) -> str:
    """A page without its tags: what happened and what comes next stand in one line."""
    return re.sub(r"<[^>]+>", "", shown)


# Changed


def test_mistaken_days_are_changed_from_the_page_and_kept_in_the_history(
    mistaken: Batch, desk: Client, staff: User
) -> None:
    assert reverse("batches:edit", args=[mistaken.pk]) in page(desk, "batch", mistaken.pk)
    assert 'value="2036-03-03"' in page(desk, "edit", mistaken.pk)
    shown = post(desk, "edit", mistaken.pk, **data_of(mistaken, number=3, **MEANT))
    assert "第3期改好了：2027-04-05 至 2027-06-27。" in words(shown)
    mistaken.refresh_from_db()
    assert (mistaken.number, mistaken.first_day, mistaken.last_day) == (3, *MEANT.values())
    entry = AuditEntry.objects.get(act="change_batch")
    assert (entry.actor_id, entry.subject, entry.reason) == (staff.pk, "第2期", "日子填错了")
    assert json.loads(entry.data)["changed"] == {
        "number": ["2", "3"], "first_day": ["2036-03-03", "2027-04-05"], "last_day": ["2036-05-25", "2027-06-27"],
    }  # fmt: skip
    history = Batch.pgh_event_model.objects.filter(pgh_obj_id=mistaken.pk)  # type: ignore[attr-defined] # made by pghistory
    assert DAY(2036, 3, 3) in history.values_list("first_day", flat=True)


def test_countdown_follows_the_days_that_were_meant(county: County, staff: User) -> None:
    """People wait for the batch of a wrong year until somebody mends it, or takes it away."""
    programme, batch = county.batch.programme, county.batch
    assert story_of(programme).finish.startswith("2027")
    mistaken = change(batch, staff, **MISTAKEN)
    assert story_of(programme).finish.startswith("2036")
    change(mistaken, staff, **MEANT)
    assert story_of(programme).finish.startswith("2027")
    mistaken = change(batch, staff, **MISTAKEN)
    delete_batch(batch=mistaken, by=staff, reason="建错了")
    assert story_of(programme).finish.startswith("2027")


def test_reason_and_a_change_are_wanted(mistaken: Batch, staff: User) -> None:
    with pytest.raises(DomainError) as refused:
        change(mistaken, staff, reason=" ", **MEANT)
    assert refused.value.code == "reason_needed"
    with pytest.raises(DomainError) as refused:
        change(mistaken, staff)
    assert refused.value.code == "nothing_changed"
    assert not AuditEntry.objects.filter(act="change_batch").exists()


def test_what_a_new_batch_may_not_have_a_changed_one_may_not_have(
    mistaken: Batch, county: County, desk: Client
) -> None:
    taken = post(desk, "edit", mistaken.pk, **data_of(mistaken, number=county.batch.number))
    assert "第1期已经有了。请换一个期次。" in taken
    first, last = county.batch.first_day, county.batch.last_day
    overlapping = post(desk, "edit", mistaken.pk, **data_of(mistaken, first_day=first, last_day=last))
    assert f"与第1期（{first} 至 {last}）的日子重叠" in overlapping
    short = post(desk, "edit", mistaken.pk, **data_of(mistaken, last_day="2036-03-04"))
    assert "有的班一次也轮不到" in short
    mistaken.refresh_from_db()
    assert (mistaken.number, mistaken.first_day, mistaken.last_day) == (2, *MISTAKEN.values())


def test_units_that_were_asked_hear_of_the_change_and_the_deadline_keeps_before_the_first_day(
    county: County, staff: User, desk: Client
) -> None:
    batch, unit = county.batch, county.cadres[0].unit
    liaison = factories.UnitLiaisonFactory(unit=unit).user
    Nomination.objects.create(batch=batch, cadre=county.cadres[0])
    Batch.objects.filter(pk=batch.pk).update(state=Batch.State.PROPOSED)
    batch.refresh_from_db()
    change(batch, staff, last_day=batch.last_day + datetime.timedelta(days=7))
    assert not Notice.objects.filter(addressee=liaison).exists()
    batch.refresh_from_db()
    open_nominations(batch=batch, until=DAY(2027, 2, 26), by=staff)
    late = post(desk, "edit", batch.pk, **data_of(batch, first_day="2027-02-22", nominate_until="2027-02-26"))
    assert "第1期从 2027-02-22 开始，报名要在开始以前截止。请改到 2027-02-21 或以前。" in late
    batch.refresh_from_db()
    post(desk, "edit", batch.pk, **data_of(batch, number=4, first_day="2027-02-22", nominate_until="2027-02-20"))
    batch.refresh_from_db()
    assert (batch.number, batch.nominate_until, batch.state) == (4, DAY(2027, 2, 20), Batch.State.NOMINATING)
    told = Notice.objects.get(addressee=liaison, subject="第1期有变动").text
    assert told.startswith(f"第1期，改称第4期：2027-02-22 至 {batch.last_day}，报名 02-20 截止。")


def test_deadline_stays_where_none_is_given_and_units_hear_of_the_change(county: County, staff: User) -> None:
    batch = county.batch
    liaison = factories.UnitLiaisonFactory(unit=county.cadres[0].unit).user
    Nomination.objects.create(batch=batch, cadre=county.cadres[0])
    Batch.objects.filter(pk=batch.pk).update(state=Batch.State.PROPOSED)
    open_nominations(batch=batch, until=DAY(2027, 2, 20), by=staff)
    assert change(batch, staff, number=8).nominate_until == DAY(2027, 2, 20)
    batch.refresh_from_db()
    assert (batch.number, batch.nominate_until) == (8, DAY(2027, 2, 20))
    assert "报名 02-20 截止" in Notice.objects.get(addressee=liaison, subject="第1期有变动").text


def test_deadline_is_measured_by_the_days_that_the_batch_has_now(county: County, staff: User) -> None:
    """Another clerk has moved the batch since the page was opened."""
    old = county.batch
    Batch.objects.filter(pk=old.pk).update(state=Batch.State.PROPOSED)
    change(Batch.objects.get(pk=old.pk), staff, first_day=DAY(2027, 2, 18))
    with pytest.raises(DomainError, match="第1期从 2027-02-18 开始") as refused:
        open_nominations(batch=old, until=DAY(2027, 2, 20), by=staff)
    assert refused.value.code == "deadline_late"
    old.refresh_from_db()
    assert (old.state, old.nominate_until) == (Batch.State.PROPOSED, None)


def test_plan_for_other_days_has_to_be_made_again(planned: County, staff: User) -> None:
    run = latest_run(planned.batch)
    assert publish_obstacles(planned.batch, run) == []
    changed = change(planned.batch, staff, last_day=planned.batch.last_day + datetime.timedelta(days=28))
    assert changed.state == Batch.State.PLANNED
    assert "请重新编排" in publish_obstacles(changed, run)[0]


def test_fixed_cells_are_let_go_before_the_days_change(planned: County, staff: User) -> None:
    batch = planned.batch
    row = next(row for row in latest_run(batch).plan["gatherings"] if "skipped" not in row)  # type: ignore[union-attr] # planned
    practice_class = PracticeClass.objects.get(pk=row["class"][1:])
    first_day = DAY.fromisoformat(row["first_day"])
    pin_gathering(
        practice_class=practice_class, index=row["index"], first_day=first_day, bases=(), reason="定了", by=staff
    )
    batch.refresh_from_db()
    with pytest.raises(DomainError, match="有 1 处固定的集中") as refused:
        change(batch, staff, last_day=batch.last_day + datetime.timedelta(days=28))
    assert refused.value.code == "pinned"
    assert change(batch, staff, number=9).number == 9


def test_published_batch_keeps_its_days_even_after_it_was_withdrawn(
    published: County, staff: User, desk: Client
) -> None:
    batch = published.batch
    assert reverse("batches:edit", args=[batch.pk]) not in page(desk, "batch", batch.pk)
    assert "第1期现在是“已发布”，期次和日期不能再改" in page(desk, "edit", batch.pk)
    with pytest.raises(DomainError) as refused:
        change(batch, staff, number=7)
    assert refused.value.code == "not_changeable"
    withdraw_publication(batch=batch, by=staff, reason="换次序")
    batch.refresh_from_db()
    assert obstacles_to_change(batch).startswith("第1期发布过")
    assert "不能删除" in obstacles_to_deletion(batch)


def test_days_of_another_batch_are_taken_only_when_both_are_to_be_held_together(
    mistaken: Batch, county: County, staff: User
) -> None:
    days = {"first_day": county.batch.first_day, "last_day": county.batch.last_day}
    with pytest.raises(DomainError, match="与第1期（2027-03-01 至 2027-03-28）的日子重叠") as refused:
        change(mistaken, staff, **days)
    assert refused.value.code == "days_overlap"
    with pytest.raises(DomainError, match="请改到 2027-03-29 或以后"):
        create_batch(programme=mistaken.programme, number=3, by=staff, **days)
    assert change(mistaken, staff, together=True, **days).first_day == county.batch.first_day
    assert change(mistaken, staff, number=3).number == 3


def test_days_move_past_no_exception_that_would_be_over_before_the_batch_begins(
    county: County, staff: User, desk: Client
) -> None:
    batch = county.batch
    given = {"batch": batch, "reason": "人多", "asked_by": staff}
    Waiver.objects.create(rule="R04", subject="K1", subject_label="第1班", until=DAY(2027, 3, 5), **given)
    Waiver.objects.create(rule="R04", subject="K2", subject_label="第2班", **given)
    assert change(batch, staff, first_day=DAY(2027, 3, 5)).first_day == DAY(2027, 3, 5)
    batch.refresh_from_db()
    shown = post(desk, "edit", batch.pk, **data_of(batch, first_day="2027-03-06"))
    assert "第1班的 R04" in shown
    assert "例外到 2027-03-05 为止，改了以后要到 2027-03-06 才开始。请先在“批准例外”里撤回这条例外" in shown
    end_waiver(waiver=Waiver.objects.get(subject="K1"), by=staff, reason="改日子")
    assert "改好了" in words(post(desk, "edit", batch.pk, **data_of(batch, first_day="2027-03-06")))


def test_second_clerk_is_told_before_the_days_change_twice(mistaken: Batch, staff: User) -> None:
    seen = mistaken.revision
    change(mistaken, staff, seen=seen, **MEANT)
    with pytest.raises(Conflict):
        change(mistaken, staff, seen=seen, number=5)
    with pytest.raises(Conflict):
        delete_batch(batch=mistaken, by=staff, reason="建错了", seen=seen)


def test_form_can_be_sent_again_after_somebody_else_was_faster(mistaken: Batch, desk: Client, staff: User) -> None:
    sent = data_of(mistaken, number=7)
    newest = change(mistaken, staff, number=5).revision
    shown = post(desk, "edit", mistaken.pk, **sent)
    assert "您打开页面以后" in shown
    [carried] = re.findall(r'name="revision" value="(\d+)" id=', shown)
    assert int(carried) == newest
    assert "第7期改好了" in words(post(desk, "edit", mistaken.pk, **sent | {"revision": carried}))


# Taken away


def test_mistaken_batch_is_deleted_with_its_classes_and_stays_in_the_history(
    mistaken: Batch, county: County, desk: Client, staff: User
) -> None:
    pk, classes = mistaken.pk, list(mistaken.classes.values_list("pk", flat=True))
    assert "删除第2期…" in page(desk, "edit", pk)
    shown = post(desk, "delete", pk, reason="年份填错了", revision=mistaken.revision)
    assert "第2期删除了。别的期期次不变" in words(shown)
    assert list(Batch.objects.values_list("pk", flat=True)) == [county.batch.pk]
    assert not PracticeClass.objects.filter(pk__in=classes).exists()
    entry = AuditEntry.objects.get(act="delete_batch")
    assert (entry.actor_id, entry.subject, entry.reason) == (staff.pk, "第2期", "年份填错了")
    history = Batch.pgh_event_model.objects.filter(pgh_obj_id=pk).order_by("pgh_id")  # type: ignore[attr-defined] # as above
    assert list(history.values_list("pgh_label", flat=True))[-1] == "delete"
    assert desk.get(reverse("batches:batch", args=[pk])).status_code == 404
    assert Labels([f"B{pk}"]).of(f"B{pk}") == "已删除的一期"
    assert "第2期建好了" in post(
        desk, "create", programme=county.batch.programme_id, number=2, **MEANT
    )  # fmt: skip


def test_deletion_wants_a_reason(mistaken: Batch, desk: Client) -> None:
    assert "请写明原因" in post(desk, "delete", mistaken.pk, reason="  ")
    assert Batch.objects.filter(pk=mistaken.pk).exists()


def give_name(batch: Batch, county: County) -> str:
    Nomination.objects.create(batch=batch, cadre=county.cadres[0])
    return "报名 1 条"


def give_run(batch: Batch, county: County) -> str:
    PlanRun.objects.create(programme=batch.programme, batch=batch, purpose=PlanRun.Purpose.NAMES)
    return "编排记录 1 条"


def give_demand(batch: Batch, county: County) -> str:
    PlanDemand.objects.create(batch=batch, cadre=county.cadres[0], kind=PlanDemand.Kind.MUST, reason="点名")
    return "编排要求 1 条"


def give_teacher(batch: Batch, county: County) -> str:
    factories.ClassStaffFactory(practice_class=batch.classes.order_by("number")[0])
    return "班主任与辅导员 1 条"


@pytest.mark.parametrize("give", [give_name, give_run, give_demand, give_teacher])
def test_batch_on_which_something_depends_is_kept_and_the_page_says_what_to_do(
    mistaken: Batch, county: County, desk: Client, give: Callable[[Batch, County], str]
) -> None:
    said = f"第2期不能删除：已经有了{give(mistaken, county)}。请用“改期次和日期”把它改成要办的那一期，不用删除。"
    shown = page(desk, "edit", mistaken.pk)
    assert said in shown
    assert "删除第2期…" not in shown
    assert said in words(post(desk, "delete", mistaken.pk, reason="建错了"))
    assert Batch.objects.filter(pk=mistaken.pk).exists()
    assert mistaken.classes.exists()


def test_published_batch_is_kept(published: County, desk: Client) -> None:
    shown = post(desk, "delete", published.batch.pk, reason="建错了")
    assert "第1期现在是“已发布”，发布过的要留档，不能删除。" in words(shown)
    assert Batch.objects.filter(pk=published.batch.pk).exists()


def test_new_batch_has_nothing_that_depends_on_it(mistaken: Batch, published: County) -> None:
    assert depending_on(mistaken) == []
    assert {"报名", "编排记录", "方案版本", "学员", "班级成员", "集中"} <= {
        name for name, _ in depending_on(published.batch)
    }
