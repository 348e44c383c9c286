"""The pages of a batch in force: its staff, changes, exceptions, the sheet for everybody."""

from collections.abc import Callable

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.models import User
from bases.models import Bed
from batches.arrangement import arrangement_of
from batches.models import (
    ClassMembership,
    ClassStaff,
    Enrollment,
    Gathering,
    Lodging,
    PlanVersion,
    Waiver,
)
from batches.notice_text import chat_text
from cadres.models import Cadre
from tests import factories
from tests.batches.county import FIRST, County
from tests.batches.pages import page, post

pytestmark = pytest.mark.django_db


def test_staff_page_assigns_and_ends(desk: Client, published: County) -> None:
    teacher = factories.UserFactory(username="19900001234", name="何文彬")
    data = {
        "teacher-practice_class": published.classes[0].pk,
        "teacher-kind": "head_teacher",
        "teacher-user": "19900001234",
    }
    assert "何文彬任第1班班主任" in post(desk, "staff", published.batch.pk, form="teacher", **data)
    post(desk, "staff", published.batch.pk, form="mentor", **{
        "mentor-practice_class": published.classes[0].pk, "mentor-user": "何文彬"
    })  # fmt: skip
    member = published.enrollment(published.cadres[0]).memberships.get()
    post(desk, "staff", published.batch.pk, form="office", **{"office-membership": member.pk, "office-kind": "monitor"})
    shown = page(desk, "staff", published.batch.pk)
    assert f"班长 {published.cadres[0].name}" in shown
    assert "帮带 4 人" in shown
    post_row = ClassStaff.objects.get()
    post(desk, "end_staff", published.batch.pk, "post", post_row.pk)
    assert not ClassStaff.objects.filter(user=teacher, until__isnull=True).exists()
    assert desk.post(reverse("batches:end_staff", args=[published.batch.pk, "king", post_row.pk])).status_code == 404


def test_somebody_at_two_gatherings_on_a_day_is_told(desk: Client, published: County) -> None:
    teacher = factories.ClassStaffFactory(practice_class=published.classes[1]).user
    data = {
        "teacher-practice_class": published.classes[0].pk,
        "teacher-kind": "counsellor",
        "teacher-user": teacher.username,
    }
    assert "R19" not in post(desk, "staff", published.batch.pk, form="teacher", **data)
    Gathering.objects.filter(practice_class=published.classes[1], index=1).update(
        first_day="2027-03-07", last_day="2027-03-07"
    )
    ClassStaff.objects.filter(kind="counsellor").delete()
    assert "同一天还有第2班 03-07 的集中（R19）" in post(desk, "staff", published.batch.pk, form="teacher", **data)


def test_staff_page_asks_as_often_for_many_members_as_for_few(desk: Client, published: County) -> None:
    page(desk, "staff", published.batch.pk)
    with CaptureQueriesContext(connection) as few:
        page(desk, "staff", published.batch.pk)
    for membership in factories.MembershipFactory.create_batch(6, practice_class=published.classes[0]):
        factories.MentorshipFactory(enrollment=membership.enrollment)
        factories.ClassOfficeFactory(membership=membership, kind="deputy")
    with CaptureQueriesContext(connection) as many:
        page(desk, "staff", published.batch.pk)
    assert len(many) == len(few)


def test_account_slips_are_shown_once_and_not_kept(desk: Client, published: County) -> None:
    response = desk.post(reverse("batches:accounts", args=[published.batch.pk]))
    assert "no-store" in response["Cache-Control"]
    shown = response.content.decode()
    assert all(cadre.name in shown for cadre in published.cadres)
    assert Cadre.objects.filter(user__isnull=True).count() == 0
    refused = desk.post(reverse("batches:accounts", args=[published.batch.pk]), follow=True)
    assert "都有账号了" in refused.content.decode()


def adjust(desk: Client, county: County, form: str, **data: object) -> str:
    named = {f"{form}-{name}": value for name, value in data.items() if name != "look"}
    extra = {"look": "1"} if "look" in data else {}
    return post(desk, "adjust", county.batch.pk, form=form, **named, **extra)


@pytest.mark.parametrize("day", ["2028-01-01", "2020-01-01"])
@pytest.mark.parametrize("form", ["withdraw", "move", "late"])
def test_changes_from_a_day_that_the_batch_does_not_have_are_refused(
    desk: Client, published: County, form: str, day: str
) -> None:
    name = "on_day" if form == "withdraw" else "from_day"
    enrollment = published.enrollment(published.cadres[0])
    data = {"enrollment": enrollment.pk, "to": published.classes[1].pk, "cadre": "没有", "reason": "试", name: day}
    shown = adjust(desk, published, form, look=True, **data)
    assert f"{day} 不在第1期里（2027-03-01 至 2027-03-28）。请改成这些日子里的一天。" in shown


def test_withdrawal_is_told_first_and_done_second(desk: Client, published: County) -> None:
    cadre = published.cadres[0]
    enrollment = published.enrollment(cadre)
    data = {"enrollment": enrollment.pk, "on_day": FIRST.isoformat(), "reason": "生病"}
    shown = adjust(desk, published, "withdraw", look=True, **data)
    assert f"{cadre.name}空出 2 次集中的床位" in shown
    assert 'value="生病"' in shown
    enrollment.refresh_from_db()
    assert enrollment.state == Enrollment.State.CONFIRMED
    assert f"{cadre.name}从 03-01 起退出" in adjust(desk, published, "withdraw", **data)
    enrollment.refresh_from_db()
    assert enrollment.state == Enrollment.State.WITHDRAWN


def test_refused_move_keeps_what_was_typed(desk: Client, published: County) -> None:
    data = {
        "enrollment": published.enrollment(published.cadres[0]).pk, "to": published.classes[1].pk,
        "from_day": FIRST.isoformat(), "reason": "换周次",
    }  # fmt: skip
    for look in ({"look": True}, {}):
        shown = adjust(desk, published, "move", **data, **look)
        assert "R02 同单位分在不同班" in shown
        assert 'value="换周次"' in shown
    assert ClassMembership.objects.count() == 8


def test_weekend_is_cancelled_by_the_page(desk: Client, published: County) -> None:
    data = {"first_day": "2027-03-05", "last_day": "2027-03-07", "reason": "台风"}
    assert "取消 1 次集中：第1班 03-05 至 03-07" in adjust(desk, published, "days", look=True, **data)
    assert "取消了 1 次集中" in adjust(desk, published, "days", **data)
    assert "早于开始的一天" in adjust(desk, published, "days", **data | {"last_day": "2027-03-01"})
    assert Gathering.objects.filter(state="cancelled").count() == 1
    assert "停" in page(desk, "overview", published.batch.pk)


def test_bed_by_hand_on_its_page(desk: Client, published: County) -> None:
    gathering = published.gathering(1, 1)
    lodging = gathering.lodgings.filter(sex="F").first()
    assert lodging is not None
    Lodging.objects.filter(pk=lodging.pk).update(live=False)
    shown = page(desk, "adjust", published.batch.pk)
    url = reverse("batches:place", args=[published.batch.pk, gathering.pk, lodging.enrollment_id])
    assert url in shown
    taken = Bed.objects.filter(lodgings__gathering=gathering, lodgings__live=True).first()
    assert taken is not None
    assert desk.post(url, {"bed": taken.pk}).status_code == 422
    free = Bed.objects.get(room=lodging.bed.room, number=4)
    assert desk.post(url, {"bed": free.pk}).status_code == 302
    lodging.refresh_from_db()
    assert (lodging.live, lodging.bed) == (True, free)


def test_waiver_asked_by_one_and_approved_by_another(
    desk: Client, county: County, colleague: User, signed_in: Callable[[User], Client]
) -> None:
    data = {"ask-rule": "R02", "ask-unit": county.units[0].pk, "ask-reason": "单位人多"}
    assert '<option value="" selected>请选规则</option>' in page(desk, "waivers", county.batch.pk)
    assert "请选是哪条规则的例外" in post(desk, "waivers", county.batch.pk, form="ask", **data | {"ask-rule": ""})
    asked = post(desk, "waivers", county.batch.pk, form="ask", **data)
    assert "R02“同单位分班”的例外要写明是哪个班型。请选班型。" in asked
    track = county.classes[0].track_id
    post(desk, "waivers", county.batch.pk, form="ask", **data | {"ask-track": track})
    waiver = Waiver.objects.get()
    assert waiver.subject == f"U{county.units[0].pk}@B{county.batch.pk}/W{track}"
    assert "要由申请人以外的人批准" in post(desk, "approve_waiver", county.batch.pk, waiver.pk)
    assert "已批准" in post(signed_in(colleague), "approve_waiver", county.batch.pk, waiver.pk)
    waiver.refresh_from_db()
    assert waiver.approver == colleague
    assert "已取消" in post(desk, "end_waiver", county.batch.pk, waiver.pk, reason="不用了")


def test_overview_text_for_the_chat_names_places_and_no_household(desk: Client, published: County) -> None:
    rows = arrangement_of(published.batch)
    assert rows is not None
    text = chat_text(rows)
    one, two = published.bases
    town = one.village.township.name.removesuffix("人民政府")
    assert f"第1班：3月5日（周五）至3月7日 {town}{one.village}；3月19日（周五）至3月21日" in text
    assert "共2个班8人" in text
    households = {str(row.household) for row in Lodging.objects.all()}
    assert not any(name in text for name in households)
    shown = page(desk, "overview", published.batch.pk)
    assert PlanVersion.objects.get().fingerprint[:16] in shown
    assert two.village.name in shown
