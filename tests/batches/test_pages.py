"""The pages of a batch: what they show, what their forms do, how often they ask the database."""

import json
from collections.abc import Callable

import pytest
import time_machine
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.models import User
from bases.models import Bed, Rate
from batches import tasks
from batches.actions.names import open_nominations, start_proposal
from batches.actions.people import withdraw_enrollment
from batches.actions.plans import withdraw_publication
from batches.arrangement import arrangement_of
from batches.arrangement import planned as planned_arrangement
from batches.models import (
    Batch,
    ClassMembership,
    ClassStaff,
    Enrollment,
    Gathering,
    Lodging,
    Nomination,
    PlanDemand,
    PlanVersion,
    Programme,
    Waiver,
)
from batches.notice_text import chat_text
from batches.overview import calendar_of, class_table, differences_of, plan_says
from batches.parameters import GROUPS, MEANINGS, rule_summary
from batches.queries import latest_run
from cadres.models import Cadre
from office.jobs import perform
from office.models import Job, JobState
from tests import factories
from tests.batches.county import FIRST, TODAY, County, plan_by_hand, publish_by_hand

pytestmark = pytest.mark.django_db


@pytest.fixture
def desk(client: Client, staff: User, clock: time_machine.Traveller) -> Client:
    client.force_login(staff, backend="django.contrib.auth.backends.ModelBackend")
    return client


@pytest.fixture
def signed_in() -> Callable[[User], Client]:
    def enter(user: User) -> Client:
        client = Client()
        client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
        return client

    return enter


def page(client: Client, name: str, *args: object, query: str = "") -> str:
    response = client.get(reverse(f"batches:{name}", args=args) + query)
    assert response.status_code == 200
    return response.content.decode()


def post(client: Client, route: str, *args: object, **data: object) -> str:
    """Post and follow; the page that comes."""
    response = client.post(reverse(f"batches:{route}", args=args), data, follow=True)
    assert response.status_code in (200, 422), response.status_code
    return response.content.decode()


# Programme and batch, from an empty county


def programme_data(**changes: object) -> dict[str, object]:
    data: dict[str, object] = {
        name: value for name, value in ((row["field"], getattr(Programme(), row["field"])) for row in rule_summary(Programme()))
        if value not in (False, [], "")
    }  # fmt: skip
    tracks = {
        "tracks-TOTAL_FORMS": 2, "tracks-INITIAL_FORMS": 0, "tracks-MIN_NUM_FORMS": 1, "tracks-MAX_NUM_FORMS": 12,
        "tracks-0-order": 1, "tracks-0-name": "综合班", "tracks-0-classes_per_batch": 2,
        "tracks-1-order": 2, "tracks-1-name": "", "tracks-1-classes_per_batch": "",
    }  # fmt: skip
    return data | {"name": "四下基层实践", "start_weekdays": [5], "age_bands": "30、35，40"} | tracks | changes


def test_every_parameter_has_a_meaning_and_a_place() -> None:
    fields = {field.name for field in Programme._meta.concrete_fields} - {"id", "version", "supersedes"}
    assert {name for _, names in GROUPS for name in names} == fields == set(MEANINGS)


def test_first_programme_and_first_batch_of_an_empty_county(desk: Client) -> None:
    assert "先定项目规则" in page(desk, "list")
    assert "先定项目规则" in desk.get(reverse("batches:create"), follow=True).content.decode()
    assert 'value="40"' in page(desk, "programme_create")
    post(desk, "programme_create", **programme_data())
    programme = Programme.objects.get()
    assert (programme.start_weekdays, programme.age_bands) == ([5], [30, 35, 40])
    assert [(track.name, track.classes_per_batch) for track in programme.tracks.all()] == [("综合班", 2)]
    shown = page(desk, "programme")
    assert all(str(row["meaning"]) in shown for row in rule_summary(programme))
    made = post(
        desk, "create", programme=programme.pk, number=1, first_day="2027-03-01", last_day="2027-03-28"
    )  # fmt: skip
    assert "第1期建好了，2 个班" in made
    assert Batch.objects.get().classes.count() == 2


def test_programme_form_keeps_what_was_typed(desk: Client) -> None:
    shown = post(desk, "programme_create", **programme_data(class_size_min=30, name="留住的名字"))
    assert "每班人数要在最少与最多之间" in shown
    assert "留住的名字" in shown
    assert not Programme.objects.exists()


@pytest.mark.parametrize(
    ("field", "value"), [("age_bands", "三十"), ("age_bands", "5"), ("name", "名" * 100_000), ("class_size", "9" * 40)]
)
def test_programme_form_refuses_nonsense(desk: Client, field: str, value: str) -> None:
    response = desk.post(reverse("batches:programme_create"), programme_data(**{field: value}))
    assert response.status_code == 422
    assert not Programme.objects.exists()


def test_tracks_of_a_programme_in_force_become_a_new_version(desk: Client, published: County) -> None:
    track = published.batch.programme.tracks.get()
    data = programme_data() | {"tracks-TOTAL_FORMS": 1, "tracks-INITIAL_FORMS": 1, "tracks-0-id": track.pk}
    data |= {"tracks-0-classes_per_batch": 3, "tracks-0-levels": "科员级、乡科级副职"}
    post(desk, "programme_tracks", published.batch.programme.pk, **data)
    new = Programme.objects.get(version=2)
    assert [(row.classes_per_batch, row.levels) for row in new.tracks.all()] == [(3, ["科员级", "乡科级副职"])]
    assert published.batch.programme.tracks.get().classes_per_batch == 2


def test_batch_form_refuses_a_taken_number(desk: Client, county: County) -> None:
    shown = post(
        desk, "create", programme=county.batch.programme.pk, number=1, first_day="2027-06-07", last_day="2027-08-29"
    )  # fmt: skip
    assert "第1期已经有了" in shown
    assert Batch.objects.count() == 1


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


# The session page


def test_session_page_before_there_are_names(desk: Client, county: County) -> None:
    shown = page(desk, "batch", county.batch.pk)
    assert "还没有名单" in shown
    assert "去生成名单建议" in shown


def test_session_page_shows_the_plan_without_raw_identifiers(desk: Client, planned: County) -> None:
    shown = page(desk, "batch", planned.batch.pk)
    run = latest_run(planned.batch)
    assert run is not None
    assert "发布为第 1 版…" in shown
    assert run.fingerprint[:16] in shown
    assert shown.count("dm-rule-code") == 19
    says = plan_says(run)
    assert (says.kept, says.broken, says.shortfalls) == (19, 0, ())
    for word in (f">C{planned.cadres[0].pk}", f"K{planned.classes[0].pk}#", f"P{planned.bases[0].pk} "):
        assert word not in shown


def test_session_page_tells_why_it_cannot_be_published(desk: Client, planned: County) -> None:
    Rate.objects.all().delete()
    shown = page(desk, "batch", planned.batch.pk)
    assert "食宿标准还没有确认" in shown
    assert "确认食宿标准</a>" in shown
    assert "发布为第 1 版" not in shown


def test_session_page_tells_shortfalls_and_approved_exceptions_in_words(
    desk: Client, nominating: County, staff: User, colleague: User
) -> None:
    nominating.batch.programme.min_distinct_villages = 3
    nominating.batch.programme.save()
    first, second = nominating.classes
    Waiver.objects.create(
        batch=nominating.batch, rule="R14", subject=f"K{first.pk}", subject_label="第1班", reason="汛期", asked_by=staff,
        approver=colleague,
    )  # fmt: skip
    shortfall = {"rule": "R14", "subject": f"K{second.pk}", "amount": 1, "message": f"K{second.pk} 少 1 个村"}
    run = plan_by_hand(nominating, staff, shortfalls=[shortfall])
    says = plan_says(run)
    assert says.shortfalls == ("第2班少到 1 个不同的村：增加可用基地，或申请批准例外。",)
    [row] = [row for row in says.rules if row.findings]
    assert (row.code, [(finding.waived, finding.class_pk) for finding in row.findings]) == ("R14", [(True, first.pk)])
    shown = page(desk, "batch", nominating.batch.pk)
    assert "已批准例外" in shown
    assert f'href="#class-{first.pk}"' in shown


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


def test_plan_button_job_progress_and_stop(desk: Client, nominating: County) -> None:
    shown = post(desk, "plan", nominating.batch.pk, seed="12")
    job = Job.objects.get()
    assert nominating.batch.plan_runs.get().seed == 12
    assert "data-poll" in shown
    fragment = desk.get(reverse("batches:progress", args=[nominating.batch.pk]), headers={"X-Poll": "1"})
    assert (fragment.status_code, "第1期编排" in fragment.content.decode()) == (200, True)
    assert "已请求停止" in post(desk, "stop", nominating.batch.pk)
    job.refresh_from_db()
    assert job.state == JobState.CANCELLED
    ended = desk.get(reverse("batches:progress", args=[nominating.batch.pk]))
    assert (ended.status_code, ended["HX-Refresh"]) == (286, "true")


@pytest.mark.parametrize("seed", ["", "-1", "12345678901234", "一", "1.5", "²"])
def test_seed_that_is_no_number_counts_as_one(desk: Client, nominating: County, seed: str) -> None:
    post(desk, "plan", nominating.batch.pk, seed=seed)
    assert nominating.batch.plan_runs.get().seed == 1


def test_failed_job_is_told_on_the_page(desk: Client, nominating: County) -> None:
    post(desk, "plan", nominating.batch.pk)
    Job.objects.update(state=JobState.FAILED, message="试了3次都没有完成")
    assert "试了3次都没有完成" in page(desk, "batch", nominating.batch.pk)


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


# Names


def test_names_page_filters_and_adds(desk: Client, county: County, staff: User) -> None:
    Nomination.objects.bulk_create(Nomination(batch=county.batch, cadre=cadre) for cadre in county.cadres)
    Batch.objects.update(state=Batch.State.PROPOSED)
    shown = post(desk, "names", county.batch.pk, form="open", **{"open-until": TODAY.isoformat()})
    assert "报名开始了" in shown
    assert "催 4 个单位报名" in shown
    unit = county.units[0]
    shown = page(desk, "names", county.batch.pk, query=f"?unit={unit.pk}&state=proposed")
    assert "共 2 条" in shown
    late = factories.CadreFactory(name="叶秀英", unit=county.units[0])
    factories.CadreFactory(name="叶秀英")
    shown = post(desk, "names", county.batch.pk, form="add", **{"add-cadre": "叶秀英", "add-reason": "补报"})
    assert "有 2 个“叶秀英”" in shown
    assert 'value="补报"' in shown
    post(desk, "names", county.batch.pk, form="add", **{"add-cadre": f"叶秀英 {unit.name}", "add-reason": "补报"})
    assert county.batch.nominations.get(cadre=late).state == "confirmed"
    shown = post(desk, "names", county.batch.pk, form="add", **{"add-cadre": "没有这人", "add-reason": "补报"})
    assert "没有找到“没有这人”" in shown


@pytest.mark.parametrize("query", ["?unit=²", "?unit=" + "9" * 40, "?state=%00", "?page=x"])
def test_names_page_survives_odd_addresses(desk: Client, nominating: County, query: str) -> None:
    page(desk, "names", nominating.batch.pk, query=query)


def test_names_page_asks_as_often_for_many_names_as_for_few(desk: Client, nominating: County) -> None:
    page(desk, "names", nominating.batch.pk)
    with CaptureQueriesContext(connection) as few:
        page(desk, "names", nominating.batch.pk)
    Nomination.objects.bulk_create(
        Nomination(batch=nominating.batch, cadre=cadre) for cadre in factories.CadreFactory.create_batch(12)
    )
    with CaptureQueriesContext(connection) as many:
        page(desk, "names", nominating.batch.pk)
    assert len(many) == len(few)


def test_demands_by_the_page(desk: Client, nominating: County) -> None:
    cadre = nominating.cadres[0]
    data = {
        "demand-cadre": cadre.id_number_tail,
        "demand-kind": "pin",
        "demand-class_number": "9",
        "demand-reason": "指定",
    }
    Cadre.objects.exclude(pk=cadre.pk).update(id_number_tail="0000")
    assert "请填本期有的班号" in post(desk, "names", nominating.batch.pk, form="demand", **data)
    post(desk, "names", nominating.batch.pk, form="demand", **data | {"demand-class_number": "2"})
    made = PlanDemand.objects.get()
    assert (made.cadre, made.kind, made.class_number) == (cadre, "pin", 2)
    post(desk, "drop_demand", nominating.batch.pk, made.pk)
    assert not PlanDemand.objects.filter(live=True).exists()


# A unit's liaison


@pytest.fixture
def asked(county: County, staff: User) -> County:
    """All eight proposed, the units asked."""
    Nomination.objects.bulk_create(Nomination(batch=county.batch, cadre=cadre) for cadre in county.cadres)
    Batch.objects.update(state=Batch.State.PROPOSED)
    county.batch.refresh_from_db()
    open_nominations(batch=county.batch, until=TODAY, by=staff)
    return county


def test_liaison_sees_and_answers_the_own_unit_alone(asked: County, signed_in: Callable[[User], Client]) -> None:
    phone = signed_in(factories.UnitLiaisonFactory(unit=asked.units[0]).user)
    shown = page(phone, "nominations", asked.batch.pk)
    assert all(cadre.name in shown for cadre in asked.cadres[:2])
    assert not any(f">{cadre.name}<" in shown for cadre in asked.cadres[2:])
    theirs = asked.batch.nominations.get(cadre=asked.cadres[2])
    for act in ("confirm", "defer"):
        url = reverse("batches:nomination", args=[theirs.pk])
        assert phone.get(url).status_code == 404
        assert phone.post(url, {"act": act, "reason": "x"}).status_code == 404
    assert phone.post(reverse("batches:confirm_unit", args=[asked.batch.pk, asked.units[1].pk])).status_code == 404
    assert phone.get(reverse("batches:names", args=[asked.batch.pk])).status_code == 403
    assert set(asked.batch.nominations.values_list("state", flat=True)) == {"proposed"}
    assert "2 人已确认" in post(phone, "confirm_unit", asked.batch.pk, asked.units[0].pk)
    confirmed = asked.batch.nominations.filter(state="confirmed").values_list("cadre", flat=True)
    assert set(confirmed) == {cadre.pk for cadre in asked.cadres[:2]}


def test_liaison_swaps_and_defers(asked: County, signed_in: Callable[[User], Client]) -> None:
    phone = signed_in(factories.UnitLiaisonFactory(unit=asked.units[0]).user)
    one, two = (asked.batch.nominations.get(cadre=cadre) for cadre in asked.cadres[:2])
    other = factories.CadreFactory(unit=asked.units[0])
    shown = post(phone, "nomination", one.pk, act="swap", cadre="", reason="手头有专班")
    assert "没有选由谁替换" in shown
    assert 'value="手头有专班"' in shown
    foreign = factories.CadreFactory()
    assert "没有选由谁替换" in post(phone, "nomination", one.pk, act="swap", cadre=foreign.pk, reason="换")
    assert f"换成{other.name}" in post(phone, "nomination", one.pk, act="swap", cadre=other.pk, reason="专班")
    assert "请写明缓派的原因" in post(phone, "nomination", two.pk, act="defer", reason=" ")
    assert "请写短一些" in post(phone, "nomination", two.pk, act="defer", reason="产假" * 5000)
    post(phone, "nomination", two.pk, act="defer", reason="产假")
    states = dict(asked.batch.nominations.filter(cadre__unit=asked.units[0]).values_list("cadre", "state"))
    assert states == {one.cadre_id: "swapped", two.cadre_id: "deferred", other.pk: "confirmed"}


def test_liaison_after_the_nominations_only_reads(planned: County, signed_in: Callable[[User], Client]) -> None:
    phone = signed_in(factories.UnitLiaisonFactory(unit=planned.units[0]).user)
    assert "报名已结束" in page(phone, "nominations", planned.batch.pk)
    one = planned.batch.nominations.get(cadre=planned.cadres[0])
    assert "不在报名中" in post(phone, "nomination", one.pk, act="defer", reason="产假")


# Staff, changes, waivers, overview


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


def test_withdrawal_is_told_first_and_done_second(desk: Client, published: County) -> None:
    cadre = published.cadres[0]
    enrollment = published.enrollment(cadre)
    data = {"enrollment": enrollment.pk, "on_day": FIRST.isoformat(), "reason": "生病"}
    shown = adjust(desk, published, "withdraw", look=True, **data)
    assert f"{cadre.name}空出 2 次集中的床位" in shown
    assert 'value="生病"' in shown
    enrollment.refresh_from_db()
    assert enrollment.state == Enrollment.State.CONFIRMED
    assert f"{cadre.name}已退出" in adjust(desk, published, "withdraw", **data)
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
    assert "R02 的例外要写明它" in post(desk, "waivers", county.batch.pk, form="ask", **data)
    post(desk, "waivers", county.batch.pk, form="ask", **data | {"ask-practice_class": county.classes[0].pk})
    waiver = Waiver.objects.get()
    track = county.classes[0].track_id
    assert waiver.subject == f"U{county.units[0].pk}@B{county.batch.pk}/W{track}"
    assert "要由申请人以外的人批准" in post(desk, "approve_waiver", county.batch.pk, waiver.pk)
    assert "已批准" in post(signed_in(colleague), "approve_waiver", county.batch.pk, waiver.pk)
    waiver.refresh_from_db()
    assert waiver.approver == colleague
    assert "例外已取消" in post(desk, "end_waiver", county.batch.pk, waiver.pk, reason="不用了")


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
