"""Pages: what each shows, that nothing typed is lost, that strangers find nothing, and a constant number of queries."""

import datetime
import re
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from activities.models import Reflection
from batches.models import Batch
from evaluations import actions
from evaluations.models import Campaign, Panel, PanelMember, Recusal, Result, Review, Rubric, Scorer
from office.models import Notice
from tests.evaluations.conftest import Evaluation, make_side, prepare, seat
from tests.factories import BatchFactory, MembershipFactory, MentorshipFactory, UserFactory

pytestmark = pytest.mark.django_db


def url(name: str, *arguments: Any) -> str:
    return reverse(f"evaluations:{name}", args=arguments)


def signed_in(client: Client, user: User) -> Client:
    client.force_login(user)
    return client


def page_of(client: Client, address: str, status: int = 200) -> str:
    response = client.get(address)
    assert response.status_code == status
    return response.content.decode()


# --- scoring


def test_score_page_shows_the_candidate_and_the_own_lines(client: Client, open_one: Evaluation) -> None:
    person, villager = open_one.ours.people[0], open_one.ours.villager
    open_one.score(person, open_one.ours.mentor, Scorer.MENTOR, comment="能吃苦，和农户处得来")
    Reflection.objects.create(
        enrollment=person, title="学会算水账", text="一寸一寸争来", author=villager, state="submitted"
    )
    Reflection.objects.create(enrollment=person, title="还没报送的", text="草稿", author=villager, state="draft")
    page = page_of(signed_in(client, villager), url("sheet", open_one.campaign.pk, "panel", person.pk))
    for told in (
        "学员0",
        "现场问答",
        "占25%",
        "学会算水账",
        "一寸一寸争来",
        "能吃苦，和农户处得来",
        "评审员1号（群众）",
        "第1位，共5位",
    ):
        assert told in page
    for hidden in ("在村表现", "实践过程", "还没报送的"):
        assert hidden not in page


def test_score_page_hands_in_and_goes_to_the_next(client: Client, open_one: Evaluation) -> None:
    people, villager = open_one.ours.people, open_one.ours.villager
    signed_in(client, villager)
    data = {f"score-{pk}": "88" for pk in open_one.criteria(Scorer.PANEL)} | {"comment": "好", "cast": "1"}
    response = client.post(url("sheet", open_one.campaign.pk, "panel", people[0].pk), data)
    assert response["Location"] == url("sheet", open_one.campaign.pk, "panel", people[1].pk)
    review = Review.objects.get()
    assert (review.state, review.comment, review.user, review.enrollment) == ("cast", "好", villager, people[0])
    assert [row.value for row in review.scores.all()] == [88, 88, 88]


def test_score_page_keeps_a_draft_with_some_lines_empty(client: Client, open_one: Evaluation) -> None:
    person, villager = open_one.ours.people[0], open_one.ours.villager
    signed_in(client, villager)
    address = url("sheet", open_one.campaign.pk, "panel", person.pk)
    first = open_one.criteria(Scorer.PANEL)[0]
    response = client.post(address, {f"score-{first}": "88", "comment": "", "keep": "1"})
    assert response["Location"] == address
    assert Review.objects.get().state == "draft"
    assert 'value="88"' in page_of(client, address)


@pytest.mark.parametrize(
    ("second", "told"),
    [("", "还有村情与报告没有评"), ("101", "“村情与报告”最高 100 分"), ("八十", "“村情与报告”要填 0 至 100 的整数")],
)
def test_score_page_keeps_what_was_typed_on_an_error(
    client: Client, open_one: Evaluation, second: str, told: str
) -> None:
    first, other, third = open_one.criteria(Scorer.PANEL)
    data = {
        f"score-{first}": "91",
        f"score-{other}": second,
        f"score-{third}": "72",
        "comment": "写了很久的话",
        "cast": "1",
    }
    signed_in(client, open_one.ours.villager)
    response = client.post(url("sheet", open_one.campaign.pk, "panel", open_one.ours.people[0].pk), data)
    page = response.content.decode()
    assert response.status_code == 422
    for kept in (told, 'value="91"', 'value="72"', "写了很久的话"):
        assert kept in page
    assert not Review.objects.exists()


def test_score_page_after_handing_in_shows_the_scores_and_no_form(client: Client, open_one: Evaluation) -> None:
    person, villager = open_one.ours.people[0], open_one.ours.villager
    open_one.score(person, villager, Scorer.PANEL, 91, 82, 73)
    address = url("sheet", open_one.campaign.pk, "panel", person.pk)
    page = page_of(signed_in(client, villager), address)
    assert re.findall(r"<dd>(\d+)分</dd>", page) == ["91", "82", "73"]
    assert 'id="sheet"' not in page
    data = {f"score-{pk}": "60" for pk in open_one.criteria(Scorer.PANEL)} | {"comment": "", "cast": "1"}
    response = client.post(address, data)
    assert response.status_code == 422
    assert "这张表已经交了" in response.content.decode()
    assert set(Review.objects.get().scores.values_list("value", flat=True)) == {91, 82, 73}


def test_score_page_of_a_recused_person_tells_why_and_has_no_form(client: Client, open_one: Evaluation) -> None:
    person, villager = open_one.ours.people[0], open_one.ours.villager
    signed_in(client, villager)
    response = client.post(url("recuse", open_one.campaign.pk, person.pk), {"reason": "是我外甥"})
    assert response["Location"] == url("sheet", open_one.campaign.pk, "panel", open_one.ours.people[1].pk)
    page = page_of(client, url("sheet", open_one.campaign.pk, "panel", person.pk))
    assert "不用评：申请回避：是我外甥" in page
    assert 'id="sheet"' not in page


def test_scoring_starts_with_the_first_open_person(client: Client, open_one: Evaluation) -> None:
    people, mentor = open_one.ours.people, open_one.ours.mentor
    for person in people[:2]:
        open_one.score(person, mentor, Scorer.MENTOR)
    response = signed_in(client, mentor).get(url("scoring", open_one.campaign.pk, "mentor"))
    assert response["Location"] == url("sheet", open_one.campaign.pk, "mentor", people[2].pk)


@pytest.mark.parametrize("scorer", ["mentor", "head_teacher", "panel", "nobody"])
def test_foreign_candidate_is_not_found(client: Client, open_one: Evaluation, scorer: str) -> None:
    ours, theirs = open_one.ours, open_one.theirs.people[0]
    user = {"mentor": ours.mentor, "head_teacher": ours.head_teacher}.get(scorer, ours.villager)
    signed_in(client, user)
    foreign = client.get(url("sheet", open_one.campaign.pk, scorer, theirs.pk))
    absent = client.get(url("sheet", open_one.campaign.pk, scorer, 987654321))
    assert (foreign.status_code, absent.status_code) == (404, 404)
    data = {"comment": "", "cast": "1"}
    assert client.post(url("sheet", open_one.campaign.pk, scorer, theirs.pk), data).status_code == 404
    assert client.post(url("recuse", open_one.campaign.pk, theirs.pk), {"reason": "x"}).status_code in (403, 404)
    assert not Review.objects.exists()
    assert not Recusal.objects.exists()


def test_campaign_in_preparation_is_not_found_by_scorers(client: Client, prepared: Evaluation) -> None:
    signed_in(client, prepared.ours.villager)
    assert client.get(url("scoring", prepared.campaign.pk, "panel")).status_code == 404


def test_paper_sheet_is_keyed_in_by_the_centre_alone(client: Client, open_one: Evaluation) -> None:
    person, villager = open_one.ours.people[0], open_one.ours.villager
    address = url("paper_sheet", open_one.campaign.pk, "panel", villager.pk, person.pk)
    assert signed_in(client, villager).get(address).status_code == 403
    signed_in(client, open_one.staff)
    assert address in page_of(client, url("scorers", open_one.campaign.pk) + "?role=panel")
    data = {f"score-{pk}": "66" for pk in open_one.criteria(Scorer.PANEL)} | {"comment": "", "cast": "1"}
    assert client.post(address, data).status_code == 302
    assert (Review.objects.get().user, Review.objects.get().state) == (villager, "cast")
    seat = open_one.ours.seats[villager.pk]
    recuse = url("paper_recuse", open_one.campaign.pk, seat.pk, open_one.ours.people[1].pk)
    client.post(recuse, {"reason": "亲戚"})
    assert Recusal.objects.get().member.user == villager


# --- the list


def test_list_offers_what_is_left_to_score(client: Client, open_one: Evaluation) -> None:
    open_one.score(open_one.ours.people[0], open_one.ours.mentor, Scorer.MENTOR)
    page = page_of(signed_in(client, open_one.ours.mentor), url("list"))
    assert "去评4人" in page
    assert f'href="{url("campaign", open_one.campaign.pk)}"' not in page


def test_cadre_sees_the_own_result_once_it_is_final_and_nobody_elses(client: Client, open_one: Evaluation) -> None:
    person, mate = open_one.ours.people[:2]
    person.cadre.user = UserFactory()
    person.cadre.save()
    open_one.score(person, open_one.ours.mentor, Scorer.MENTOR, 87)
    open_one.score(mate, open_one.ours.mentor, Scorer.MENTOR, 66)
    open_one.advance("freeze", "compute")
    signed_in(client, person.cadre.user)
    assert client.get(url("list")).status_code == 403
    open_one.advance("finalise")
    page = page_of(client, url("list"))
    assert "87.00" in page
    assert "良好" in page
    assert "缺实践过程（占 20%）" in page
    assert "66.00" not in page
    assert client.get(url("results", open_one.campaign.pk)).status_code == 403


def test_list_is_closed_to_people_with_nothing_there(client: Client, open_one: Evaluation, outsider: User) -> None:
    assert signed_in(client, outsider).get(url("list")).status_code == 403
    assert url("list") not in page_of(client, reverse("reports:home"))


# --- running it


def test_centre_walks_the_whole_course_by_its_pages(client: Client, staff: User) -> None:
    found = prepare(staff)
    signed_in(client, staff)

    def act(name: str, **data: str) -> None:
        client.post(url("campaign_act", found.campaign.pk, name), data)

    act("open")
    found.score_all(found.ours, found.ours.people, 85)
    assert "5 / 10张" in page_of(client, url("campaign", found.campaign.pk))
    act("freeze")
    act("reopen", reason="漏了一个班")
    found.score_all(found.theirs, found.theirs.people, 70)
    act("freeze")
    act("compute")
    page = page_of(client, url("results", found.campaign.pk))
    assert page.count("良好") == 5
    assert page.count("合格") == 5
    act("finalise")
    assert Campaign.objects.get().state == "final"


def test_results_page_settles_a_tie(client: Client, open_one: Evaluation) -> None:
    people = open_one.ours.people
    open_one.score_all(open_one.ours, people[:2], 95)
    open_one.advance("freeze", "compute")
    signed_in(client, open_one.staff)
    page = page_of(client, url("results", open_one.campaign.pk) + "?only=tied")
    assert page.count("同分待议定</span>") == 2
    first = Result.objects.get(enrollment=people[0])
    client.post(url("settle_tie", first.pk), {"excellent": "yes", "reason": "群众评价更好"})
    other = Result.objects.get(enrollment=people[1])
    client.post(url("settle_tie", other.pk), {"reason": "名额已满"})
    assert [Result.objects.get(enrollment=person).grade for person in people[:2]] == ["excellent", "good"]


def test_results_are_listed_by_class_number_and_name_not_by_score(client: Client, open_one: Evaluation) -> None:
    people = [*open_one.ours.people, *open_one.theirs.people]
    for score, person in zip(range(60, 70), people, strict=True):
        side = open_one.ours if person in open_one.ours.people else open_one.theirs
        open_one.score(person, side.mentor, Scorer.MENTOR, 130 - score)
    open_one.advance("freeze", "compute")
    page = page_of(signed_in(client, open_one.staff), url("results", open_one.campaign.pk))
    shown = [int(pk) for pk in re.findall(r"/people/(\d+)/", page)]
    order = sorted(people, key=lambda row: (row not in open_one.ours.people, row.cadre.sort_name, row.pk))
    assert shown == [person.pk for person in order]


def test_leader_sees_the_distribution_and_no_acts(client: Client, open_one: Evaluation, leader: User) -> None:
    open_one.score_all(open_one.ours, open_one.ours.people, 85)
    open_one.advance("freeze", "compute")
    page = page_of(signed_in(client, leader), url("campaign", open_one.campaign.pk))
    row = re.search(r"第1班</a></th>(.*?)</tr>", page)
    assert row is not None
    # people, 优秀, 良好, 合格, 不合格, 暂无, places, missing, tied
    assert re.findall(r">(\d+)</td>", row[1]) == ["5", "0", "5", "0", "0", "0", "1", "0", "0"]
    assert "data-dialog" not in page


def test_sheets_page_shows_void_ones_with_the_reason_and_no_drafts(client: Client, open_one: Evaluation) -> None:
    side, person = open_one.ours, open_one.ours.people[0]
    review = open_one.score(person, side.villager, Scorer.PANEL, 61, comment="第一张")
    signed_in(client, open_one.staff)
    client.post(url("void_review", review.pk), {"reason": "看错人了"})
    open_one.score(person, side.villager, Scorer.PANEL, 77, comment="第二张")
    open_one.score(person, side.official, Scorer.PANEL, 55, cast=False, comment="草稿里的话")
    page = page_of(client, url("sheets", open_one.campaign.pk, person.pk))
    for told in ("看错人了", "第一张", "第二张"):
        assert told in page
    assert "草稿里的话" not in page


def test_reminder_from_the_progress_page(client: Client, open_one: Evaluation) -> None:
    Notice.objects.all().delete()
    signed_in(client, open_one.staff)
    client.post(url("remind", open_one.campaign.pk))
    assert Notice.objects.count() == 8


def test_panel_pages_form_change_and_seat(client: Client, prepared: Evaluation) -> None:
    third = make_side(prepared.batch, 3)
    signed_in(client, prepared.staff)
    client.post(url("panel_new", prepared.campaign.pk), {"name": "新的", "classes": [third.practice_class.pk]})
    panel = Panel.objects.get(name="新的")
    client.post(url("panel", panel.pk), {"person": third.villager.username, "kind": "villager"})
    client.post(url("panel", panel.pk), {"person": third.official.name, "kind": "adviser"})
    assert list(panel.members.order_by("number").values_list("user", "kind")) == [
        (third.villager.pk, "villager"), (third.official.pk, "adviser"),
    ]  # fmt: skip
    client.post(url("panel_change", panel.pk), {"name": "改的", "classes": [third.practice_class.pk]})
    assert Panel.objects.get(pk=panel.pk).name == "改的"
    client.post(url("seat_remove", panel.members.get(number=2).pk), {"reason": "加错"})
    assert PanelMember.objects.filter(panel=panel, live=True).count() == 1


@pytest.mark.parametrize(
    ("data", "told"),
    [
        ({"person": "没有这个人", "kind": "villager"}, "没有这个账号"),
        ({"person": "重名", "kind": "villager"}, "有几个人叫这个姓名"),
        ({"person": "某单位的人", "kind": "unit"}, "相关单位的评审员要写明单位"),
    ],
)
def test_panel_page_tells_what_is_wrong_with_a_member(
    client: Client, prepared: Evaluation, data: dict[str, str], told: str
) -> None:
    for name in ("重名", "重名", "某单位的人"):
        UserFactory(name=name)
    signed_in(client, prepared.staff)
    response = client.post(url("panel", prepared.ours.panel.pk), data)
    page = response.content.decode()
    assert response.status_code == 422
    assert told in page
    assert f'value="{data["person"]}"' in page
    assert prepared.ours.panel.members.count() == 2


def test_new_campaign_page_says_what_is_missing_and_keeps_a_wrong_day(client: Client, staff: User) -> None:
    signed_in(client, staff)
    assert "还没有评分表" in page_of(client, url("campaign_new"))
    client.post(url("rubric_default"))
    assert "没有可以评审的期" in page_of(client, url("campaign_new"))
    batch, rubric = BatchFactory(state=Batch.State.RUNNING), Rubric.objects.get().pk
    data = {"batch": batch.pk, "rubric": rubric, "closes_on": "2020-01-01"}
    response = client.post(url("campaign_new"), data)
    assert response.status_code == 422
    assert "已经过了" in response.content.decode()
    assert 'value="2020-01-01"' in response.content.decode()
    assert client.post(url("campaign_new"), {**data, "closes_on": ""}).status_code == 302
    campaign = Campaign.objects.get()
    closes = timezone.localdate() + datetime.timedelta(days=30)
    client.post(url("campaign_change", campaign.pk), {"rubric": rubric, "closes_on": closes.isoformat()})
    assert Campaign.objects.get().closes_on == closes


# --- queries


def queries_of(client: Client, address: str) -> int:
    with CaptureQueriesContext(connection) as captured:
        assert client.get(address).status_code == 200
    return len(captured)


def grow(found: Evaluation) -> None:
    """Thirty people more in the class, three classes more with everybody who scores them, and sheets."""
    side = found.ours
    for _ in range(30):
        person = MembershipFactory(practice_class=side.practice_class).enrollment
        MentorshipFactory(enrollment=person, user=side.mentor)
        side.people.append(person)
    for number in (3, 4, 5):
        seat(make_side(found.batch, number), found.campaign, found.staff)
    for person in side.people[5:]:
        found.score(person, side.villager, Scorer.PANEL)


@pytest.mark.usefixtures("still_clock")
def test_number_of_queries_does_not_grow_with_people_classes_and_scorers(
    client: Client, open_one: Evaluation, staff: User
) -> None:
    side, campaign = open_one.ours, open_one.campaign.pk
    open_one.score(side.people[1], side.villager, Scorer.PANEL)
    actions.recuse(member=side.seats[side.villager.pk], enrollment=side.people[4], reason="亲戚", by=side.villager)
    pages = [
        (staff, url("list")), (staff, url("campaign", campaign)), (staff, url("scorers", campaign)),
        (staff, url("results", campaign)), (staff, url("sheets", campaign, side.people[1].pk)),
        (staff, url("panel", side.panel.pk)), (side.villager, url("list")),
        (side.villager, url("sheet", campaign, "panel", side.people[0].pk)),
        (side.mentor, url("sheet", campaign, "mentor", side.people[0].pk)), (side.mentor, reverse("reports:home")),
    ]  # fmt: skip

    def count() -> list[int]:
        found = []
        for user, address in pages:
            signed_in(client, user)
            client.get(address)
            found.append(queries_of(client, address))
        return found

    before = count()
    grow(open_one)
    assert count() == before


@pytest.mark.usefixtures("still_clock")
def test_number_of_queries_of_the_list_does_not_grow_with_campaigns(client: Client, staff: User) -> None:
    first = prepare(staff)
    first.advance("open")
    mentor = first.ours.mentor
    signed_in(client, mentor)
    client.get(url("list"))
    before = queries_of(client, url("list"))
    for _ in range(4):
        batch = BatchFactory(state=Batch.State.EVALUATING)
        Campaign.objects.create(batch=batch, rubric=first.campaign.rubric, state="open")
        for person in make_side(batch, 9).people:
            person.mentorships.update(user=mentor)
    assert queries_of(client, url("list")) == before
    assert page_of(client, url("list")).count("去评5人") == 5
