"""Pages on which records, reflections and reports are written, handed in and reviewed."""

import datetime
import uuid
from typing import Any

import pytest
from django.urls import reverse

from accounts.models import User
from activities.actions import file_reflection, return_paper
from activities.models import ActivityRecord, PaperState, Reflection, ResearchReport
from batches.actions.attendance import enter_absence, join_makeup
from batches.models import Gathering
from tests.activities.conftest import ClassWorld, filed
from tests.activities.pages import page, signed_in

pytestmark = pytest.mark.django_db


def record_form(world: ClassWorld, **fields: Any) -> dict[str, Any]:
    return {
        "client_id": str(uuid.uuid4()), "kind": "policy", "gathering": world.gathering.pk, "day": "2026-09-12",
        "village": world.gathering.sites.get().base.village_id, "participants": [world.member.enrollment.pk],
        "title": "医保缴费怎么办", "text": "在村部讲了一遍。", "people_reached": "32", "act": "submit",
    } | fields  # fmt: skip


def test_record_form_knows_kind_day_village_and_people(ours: ClassWorld) -> None:
    enter_absence(
        by=ours.monitor, gathering=ours.gathering, enrollment=ours.member.enrollment, kind="leave",
        first_day=ours.gathering.first_day, last_day=ours.gathering.last_day,
    )  # fmt: skip
    shown = page(ours.monitor, "record_new", ours.practice_class.pk, kind="survey")
    assert 'value="survey" checked' in shown
    assert f'value="{ours.monitoring.enrollment.pk}" id="person-{ours.monitoring.enrollment.pk}" checked' in shown
    assert f'id="person-{ours.member.enrollment.pk}" checked' not in shown
    assert 'value="2026-09-13"' in shown
    assert "附照片" in shown
    assert "可不附" in shown


def test_record_sent_from_the_form_arrives_with_receipt(ours: ClassWorld) -> None:
    url = reverse("activities:record_new", args=[ours.practice_class.pk])
    response = signed_in(ours.monitor).post(url, record_form(ours), follow=True)
    record = ActivityRecord.objects.get()
    assert (record.title, record.state, record.people_reached) == ("医保缴费怎么办", PaperState.SUBMITTED, 32)
    assert [enrollment.pk for enrollment in record.participants.all()] == [ours.member.enrollment.pk]
    shown = response.content.decode()
    assert "已报送班主任" in shown
    assert f'data-receipt="{record.client_id}"' in shown


def test_form_posted_twice_makes_one_record(ours: ClassWorld) -> None:
    url = reverse("activities:record_new", args=[ours.practice_class.pk])
    data, client = record_form(ours), signed_in(ours.monitor)
    answers = [client.post(url, data) for _ in range(2)]
    assert answers[0]["Location"] == answers[1]["Location"]
    assert ActivityRecord.objects.count() == 1
    data["client_id"] = str(uuid.uuid4())  # without the id there would be two
    client.post(url, data)
    assert ActivityRecord.objects.count() == 2


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"text": "长" * 100_000}, "内容最多 20000 个字，现在 100000 个字"),
        ({"title": "长" * 101}, "标题最多 100 个字，现在 101 个字"),
        ({"title": ""}, "请写一句办了什么"),
        ({"kind": ""}, "请选一个类别"),
        ({"text": ""}, "还没有写内容"),
        ({"participants": []}, "还没有选参加的人"),
        ({"day": "2026-12-24"}, "日期要在"),
        ({"day": "2026-09-20"}, "日期不在这次集中之内"),
        ({"day": "昨天"}, "输入一个有效的日期"),
        ({"people_reached": "999999999999"}, "1000000"),
        ({"cost": "-1"}, "0"),
        ({"client_id": "junk"}, "UUID"),
    ],
)
def test_refused_record_keeps_what_was_typed(ours: ClassWorld, fields: dict[str, Any], message: str) -> None:
    url = reverse("activities:record_new", args=[ours.practice_class.pk])
    response = signed_in(ours.monitor).post(url, record_form(ours, **fields))
    shown = response.content.decode()
    assert response.status_code == 200
    assert 'id="form-errors"' in shown
    assert message in shown
    if "text" not in fields:
        assert "在村部讲了一遍。</textarea>" in shown
    else:
        assert fields["text"] in shown
    assert not ActivityRecord.objects.exists()


def test_draft_is_written_on_and_handed_in_later(ours: ClassWorld) -> None:
    url = reverse("activities:record_new", args=[ours.practice_class.pk])
    client, data = signed_in(ours.monitor), record_form(ours, act="draft", text="")
    client.post(url, data)
    record = ActivityRecord.objects.get()
    assert record.state == PaperState.DRAFT
    own = reverse("activities:record", args=[record.pk])
    assert "医保缴费怎么办" in client.get(own).content.decode()
    client.post(own, data | {"text": "讲清了。", "version": record.version, "act": "submit"})
    record.refresh_from_db()
    assert (record.state, record.text, record.version) == (PaperState.SUBMITTED, "讲清了。", 2)


def test_stale_form_answers_409_and_keeps_the_text(ours: ClassWorld, staff: User) -> None:
    record = filed(ours, submit=False)
    data = record_form(ours, client_id=str(record.client_id), version=record.version, act="draft")
    url = reverse("activities:record", args=[record.pk])
    assert signed_in(staff).post(url, data | {"text": "中心改的"}).status_code == 302
    response = signed_in(ours.monitor).post(url, data | {"text": "班长改的"})
    assert response.status_code == 409
    assert "班长改的" in response.content.decode()
    assert "刚被别人改过" in response.content.decode()
    record.refresh_from_db()
    assert record.text == "中心改的"


def test_drafts_are_seen_by_their_writers_only(ours: ClassWorld, theirs: ClassWorld, leader: User) -> None:
    draft = filed(ours, submit=False)
    for user in (ours.head_teacher, ours.counsellor, ours.cadre, leader, theirs.monitor):
        page(user, "record", draft.pk, status=404)
    assert draft.title in page(ours.monitor, "record", draft.pk)


def test_filed_record_is_read_by_the_class_and_by_nobody_else(ours: ClassWorld, theirs: ClassWorld) -> None:
    record = filed(ours)
    for user in (ours.cadre, ours.head_teacher, ours.monitor):
        assert record.text in page(user, "record", record.pk)
    for user in (theirs.cadre, theirs.monitor, theirs.head_teacher):
        page(user, "record", record.pk, status=404)


def test_text_is_shown_literally(ours: ClassWorld) -> None:
    record = filed(ours, title="<script>alert(1)</script>", text="{{7*7}} ${x} '; DROP %s <img src=x>")
    shown = page(ours.head_teacher, "review", record.pk)
    assert "<script>alert(1)" not in shown
    assert "&lt;script&gt;alert(1)" in shown
    assert "{{7*7}} ${x} &#x27;; DROP %s &lt;img src=x&gt;" in shown


def test_review_accepts_or_returns_with_reason(ours: ClassWorld) -> None:
    record, client = filed(ours), signed_in(ours.head_teacher)
    url = reverse("activities:review", args=[record.pk])
    assert "审核通过，计入进度" in client.get(url).content.decode()
    refused = client.post(url, {"decision": "return", "version": record.version, "reason": " "})
    assert "请写明原因" in refused.content.decode()
    client.post(url, {"decision": "return", "version": record.version, "reason": "缺到场人数"})
    record.refresh_from_db()
    assert record.state == PaperState.RETURNED
    assert "退回：缺到场人数" in page(ours.monitor, "record", record.pk)
    stale = client.post(url, {"decision": "accept", "version": record.version})
    assert "不能审核通过" in stale.content.decode()


def test_review_of_a_version_changed_meanwhile_answers_409(ours: ClassWorld) -> None:
    record = filed(ours)
    url = reverse("activities:review", args=[record.pk])
    ActivityRecord.objects.filter(pk=record.pk).update(version=2)
    response = signed_in(ours.head_teacher).post(url, {"decision": "accept", "version": 1})
    assert response.status_code == 409
    record.refresh_from_db()
    assert record.state == PaperState.SUBMITTED


def test_review_is_not_for_writers_and_other_classes(ours: ClassWorld, theirs: ClassWorld) -> None:
    record = filed(ours)
    page(ours.monitor, "review", record.pk, status=403)
    page(theirs.head_teacher, "review", record.pk, status=404)


def test_acts_on_papers_by_post_only(ours: ClassWorld) -> None:
    record, client = filed(ours), signed_in(ours.monitor)
    url = reverse("activities:paper_act", args=["record", record.pk, "withdraw"])
    assert client.get(url).status_code == 405
    assert client.post(url).status_code == 302
    record.refresh_from_db()
    assert record.state == PaperState.DRAFT
    for kind, act in (("record", "accept"), ("nothing", "void")):
        assert client.post(reverse("activities:paper_act", args=[kind, record.pk, act])).status_code == 404
    client.post(reverse("activities:paper_act", args=["record", record.pk, "void"]), {"reason": "记错了"})
    client.post(reverse("activities:paper_act", args=["record", record.pk, "restore"]), {"reason": "没有记错"})
    record.refresh_from_db()
    assert record.state == PaperState.DRAFT


def test_reflection_is_written_handed_in_and_accepted(ours: ClassWorld, theirs: ClassWorld) -> None:
    client, url = signed_in(ours.cadre), reverse("activities:reflection")
    assert "报送班主任" in client.get(url).content.decode()
    data = {"client_id": str(uuid.uuid4()), "title": "三天见闻", "text": "住在黄家。", "act": "draft"}
    for _ in range(2):
        client.post(url, data)
    paper = Reflection.objects.get()
    assert client.get(url)["Location"] == reverse("activities:reflection_edit", args=[paper.pk])
    own = reverse("activities:reflection_edit", args=[paper.pk])
    too_long = client.post(own, data | {"text": "长" * 100_000, "version": 1})
    assert "内容最多 20000 个字" in too_long.content.decode()
    client.post(own, data | {"act": "submit", "version": 1})
    paper.refresh_from_db()
    assert paper.state == PaperState.SUBMITTED
    late = client.post(own, data | {"text": "又写了一段。", "act": "submit", "version": 2}, follow=True)
    assert "现在不能改" in late.content.decode()
    review = reverse("activities:review_reflection", args=[paper.pk])
    for user in (theirs.head_teacher, theirs.mentor):
        assert signed_in(user).get(review).status_code == 404
    signed_in(ours.mentor).post(review, {"decision": "accept", "version": 1})
    paper.refresh_from_db()
    assert paper.state == PaperState.ACCEPTED
    assert "已审核" in client.get(own).content.decode()


def test_reflection_of_somebody_else_is_not_found(ours: ClassWorld, theirs: ClassWorld) -> None:
    paper = file_reflection(
        by=ours.cadre, enrollment=ours.member.enrollment, client_id=uuid.uuid4(), title="见闻", text="写了"
    ).paper
    for user in (theirs.cadre, ours.monitor, theirs.head_teacher):
        page(user, "reflection_edit", paper.pk, status=404)
    assert "写了" in page(ours.head_teacher, "reflection_edit", paper.pk)


def test_report_is_filed_and_returned(ours: ClassWorld) -> None:
    client, url = signed_in(ours.monitor), reverse("activities:report_new", args=[ours.practice_class.pk])
    assert "调研报告" in client.get(url).content.decode()
    data = {"client_id": str(uuid.uuid4()), "title": "夏橙产业调研", "text": "问了12户。", "act": "submit"}
    client.post(url, data)
    report = ResearchReport.objects.get()
    assert report.state == PaperState.SUBMITTED
    assert "问了12户" in page(ours.head_teacher, "review_report", report.pk)
    return_paper(by=ours.head_teacher, paper=report, reason="缺数据")
    own = reverse("activities:report_edit", args=[report.pk])
    assert "退回：缺数据" in client.get(own).content.decode()
    client.post(own, data | {"text": "问了12户，有表。", "version": 1})
    report.refresh_from_db()
    assert (report.state, report.version) == (PaperState.SUBMITTED, 2)


def test_papers_of_a_class_come_twenty_a_page(ours: ClassWorld) -> None:
    for n in range(23):
        filed(ours, title=f"第{n}件事")
    for user, name in ((ours.monitor, "gathering"), (ours.head_teacher, "class")):
        first, second = page(user, name, ours.practice_class.pk), page(user, name, ours.practice_class.pk, page=2)
        assert (first.count("件事</a>"), second.count("件事</a>")) == (20, 3)
        assert "第 1 页 / 共 2 页，共 23 条" in first


def test_joined_guest_is_offered_as_participant(ours: ClassWorld, theirs: ClassWorld, staff: User) -> None:
    Gathering.objects.filter(pk=theirs.gathering.pk).update(
        first_day=datetime.date(2026, 9, 18), last_day=datetime.date(2026, 9, 20)
    )
    theirs.gathering.refresh_from_db()
    join_makeup(by=staff, enrollment=ours.member.enrollment, gathering=theirs.gathering, reason="补第1次")
    shown = page(theirs.monitor, "record_new", theirs.practice_class.pk)
    assert f'id="person-{ours.member.enrollment.pk}" checked' in shown
