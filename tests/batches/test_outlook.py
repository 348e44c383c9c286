"""Coverage countdown and rule sandbox: figures from the facts of the day, nothing touched until rules are adopted."""

import datetime
import json
import re
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from accounts.models import AuditEntry, Role, User
from batches import tasks
from batches.actions.batch import create_batch
from batches.actions.names import confirm_unit, defer_nomination, open_nominations
from batches.actions.outlook import adopt_outlook, drop_outlook, set_up_batches, start_outlook
from batches.models import Batch, Nomination, PlanDemand, PlanRun, Programme
from batches.obstacles import publish_obstacles
from batches.outlook_input import Facts
from batches.outlooks import story_of
from batches.plan_labels import Labels
from batches.plan_refusals import refusal
from batches.planning import InputError
from batches.planning.formats import canonical, require_valid
from batches.planning_input import build_input
from batches.queries import latest_run, newest_programmes
from cadres.models import Cadre, PastAttendance, Unavailability, Unit
from config.errors import Conflict, DomainError
from office.models import Job, JobState
from tests import factories
from tests.batches.county import FIRST, LAST, TODAY, County, change, more_people
from tests.batches.pages import page, post

pytestmark = pytest.mark.django_db


def carried_out(run: PlanRun) -> PlanRun:
    """The run's job done here and now."""
    assert run.job is not None
    tasks.plan_outlook(str(run.job.pk))
    run.refresh_from_db()
    return run


@pytest.fixture
def outlook(county: County, staff: User) -> PlanRun:
    """The next batch with one more person a unit, planned."""
    more_people(county, 3)
    run = start_outlook(
        programme=county.batch.programme, changes=[change("unit_max_per_batch", 4, 3)], batches=1, by=staff
    )
    return carried_out(run)


# The countdown


def test_countdown_names_the_unit_that_sets_it(county: County) -> None:
    more_people(county, 5)
    story = story_of(county.batch.programme)
    assert story.figures["needed"] == 3
    assert story.setters == [f"{county.units[0].name}有7人，每期最多3人，要3期"]
    assert [row["number"] for row in story.batches] == [1, 2, 3]
    assert story.batches[1]["first_day"] == "2027-03-29", "the Monday after the batch that is set up"
    assert story.sentence == f"还要办 3 期（第1期至第3期），到 {story.finish} 全部覆盖"


@pytest.mark.parametrize("event", ["joins", "retires", "attends", "birthday"])
def test_countdown_follows_the_facts_of_the_day(county: County, event: str) -> None:
    people = more_people(county, 5)
    today = TODAY
    if event == "joins":
        more_people(county, 3)
    elif event == "retires":
        Cadre.objects.filter(pk=people[0].pk).update(state=Cadre.State.RETIRED)
    elif event == "attends":
        PastAttendance.objects.create(cadre=people[0], session="往年第一期")
    else:
        Cadre.objects.filter(pk=people[0].pk).update(birth=datetime.date(1986, 3, 1))
        assert story_of(county.batch.programme).figures["needed"] == 3, "still forty"
        today = datetime.date(2027, 3, 1)
    assert story_of(county.batch.programme, today=today).figures["needed"] == (4 if event == "joins" else 2)


def test_countdown_names_who_can_never_be_covered(county: County) -> None:
    cadre = county.cadres[0]
    Unavailability.objects.create(
        cadre=cadre, days=(datetime.date(2027, 1, 1), None), reason="长期病假", entered_by=factories.UserFactory()
    )
    Unit.objects.filter(pk=county.units[3].pk).update(quota=0)
    story = story_of(county.batch.programme)
    assert {row["why"] for row in story.never} == {"长期不能参加", f"{county.units[3].name}每期名额为0"}
    assert any(cadre.name in row["who"] for row in story.never)


def test_who_is_left_out_by_the_plan_of_a_planned_batch_is_not_covered(planned: County) -> None:
    before = story_of(planned.batch.programme).figures["due"]
    run = latest_run(planned.batch)
    assert run is not None
    name = run.plan["assignments"][0]["cadre"]
    plan = run.plan | {"unassigned": [{"cadre": name}], "assignments": run.plan["assignments"][1:]}
    PlanRun.objects.filter(pk=run.pk).update(plan_text=canonical(plan).decode())
    assert story_of(planned.batch.programme).figures["due"] == before + 1


def test_names_of_a_planned_batch_count_as_covered(planned: County) -> None:
    story = story_of(planned.batch.programme)
    assert story.figures["due"] == 0
    assert story.planned == [str(planned.batch)]
    assert story.sentence == "应覆盖的人都已参加、在训或排定"


def test_units_stand_in_the_order_of_their_names(county: County) -> None:
    names = [row["name"] for row in story_of(county.batch.programme).units]
    assert names == sorted(names)


def test_countdown_asks_as_often_for_many_people_as_for_few(county: County) -> None:
    story_of(county.batch.programme)
    with CaptureQueriesContext(connection) as few:
        story_of(county.batch.programme)
    for _ in range(3):
        factories.CadreFactory.create_batch(3, unit=factories.UnitFactory())
    with CaptureQueriesContext(connection) as many:
        story_of(county.batch.programme)
    assert len(many) == len(few)


# The input of the coming batches


def test_coming_batches_are_those_set_up_and_then_new_ones_of_the_programme_s_length(county: County) -> None:
    facts = Facts(county.batch.programme)
    document = facts.document(3)
    require_valid(document)
    assert [(row["id"], row["first_day"], row["last_day"]) for row in document["batches"]] == [
        (f"B{county.batch.pk}", FIRST.isoformat(), LAST.isoformat()),
        ("N2", "2027-03-29", "2027-06-20"),
        ("N3", "2027-06-21", "2027-09-12"),
    ]
    longer = facts.document(3, [change("batch_months", 6, 3), change("track_1", 3, 2)])
    require_valid(longer)
    assert longer["batches"][1]["last_day"] == "2027-09-12"
    assert [len(row["classes"]) for row in longer["batches"]] == [3, 3, 3]
    assert longer["programme"]["tracks"][0]["classes_per_batch"] == 3


def test_answers_of_units_and_demands_bind_the_coming_batch(county: County, staff: User) -> None:
    Nomination.objects.bulk_create(Nomination(batch=county.batch, cadre=cadre) for cadre in county.cadres[:4])
    Batch.objects.filter(pk=county.batch.pk).update(state=Batch.State.PROPOSED)
    county.batch.refresh_from_db()
    open_nominations(batch=county.batch, until=TODAY, by=staff)
    confirm_unit(batch=county.batch, unit=county.units[0], by=staff)
    defer_nomination(nomination=Nomination.objects.get(cadre=county.cadres[2]), reason="借调", by=staff)
    PlanDemand.objects.create(batch=county.batch, cadre=county.cadres[5], kind=PlanDemand.Kind.MUST, reason="组织安排")
    document = Facts(county.batch.programme).document(2)
    require_valid(document)
    own = f"B{county.batch.pk}"
    rows = {row["id"]: row for row in document["cadres"]}
    assert {pin["cadre"] for pin in document["pins"]["batches"]} == {f"C{county.cadres[i].pk}" for i in (0, 1, 3)}
    assert rows[f"C{county.cadres[2].pk}"]["must_not"] == [own]
    assert rows[f"C{county.cadres[5].pk}"]["must"] == [own]


def test_published_people_count_and_their_batch_does_not_come_again(published: County) -> None:
    document = Facts(published.batch.programme).document(1)
    assert document["batches"][0]["id"] == "N2"
    assert all(row["attended_before"] for row in document["cadres"])


def test_batches_to_come_are_called_by_their_numbers() -> None:
    assert Labels([]).say("正在排 N4，N4-2#3 没有合适的日子") == "正在排第4期，第4期2班第3次集中没有合适的日子"


# Exactly, as a job


def test_outlook_is_planned_beside_todays_rules_and_touches_nothing(outlook: PlanRun, county: County) -> None:
    assert outlook.outcome in (PlanRun.Outcome.SOLVED, PlanRun.Outcome.SHORT)
    assert outlook.figures["people"] == outlook.figures["rows"][0]["people"] > 0
    assert outlook.against is not None
    assert outlook.against.changes == []
    assert Programme.objects.get(pk=outlook.programme_id).unit_max_per_batch == 3
    county.batch.refresh_from_db()
    assert county.batch.state == Batch.State.DRAFT
    assert not county.batch.nominations.exists()


def test_todays_rules_are_planned_once_for_the_same_facts(outlook: PlanRun, staff: User) -> None:
    assert outlook.against is not None
    carried_out(outlook.against)
    again = start_outlook(
        programme=outlook.programme, changes=[change("unit_max_per_batch", 2, 3)], batches=1, by=staff
    )
    assert again.against == outlook.against
    assert PlanRun.objects.filter(purpose=PlanRun.Purpose.OUTLOOK, changes=[]).count() == 1


def test_same_outlook_is_not_started_twice_at_once(county: County, staff: User) -> None:
    start_outlook(programme=county.batch.programme, changes=[change("leading_max", 2, 1)], batches=1, by=staff)
    with pytest.raises(Conflict):
        start_outlook(programme=county.batch.programme, changes=[change("leading_max", 2, 1)], batches=1, by=staff)


def test_rules_the_planner_refuses_are_told(county: County, staff: User) -> None:
    with pytest.raises(DomainError, match="不能推演"):
        start_outlook(programme=county.batch.programme, changes=[change("weekend_days_min", 3, 1)], batches=1, by=staff)
    with pytest.raises(DomainError, match="1 至 12 期"):
        start_outlook(programme=county.batch.programme, changes=[], batches=13, by=staff)
    assert not PlanRun.objects.filter(purpose=PlanRun.Purpose.OUTLOOK).exists()


def test_result_page_shows_both_and_each_batch(outlook: PlanRun, client: Client, staff: User) -> None:
    client.force_login(staff)
    url = reverse("batches:outlook_run", args=[outlook.pk])
    assert "现在的规则还没有排完" in client.get(url).content.decode()
    assert outlook.against is not None
    carried_out(outlook.against)
    text = client.get(url).content.decode()
    assert "和现在的规则并排" in text
    assert "各单位每期最多（人）：3 改为 4" in text
    assert "第1期日历" in text
    assert "采用…" in text


def test_progress_tells_that_todays_rules_come_first_and_counts_them(
    county: County, client: Client, staff: User
) -> None:
    run = start_outlook(
        programme=county.batch.programme, changes=[change("unit_max_per_batch", 4, 3)], batches=1, by=staff
    )
    assert run.against is not None
    client.force_login(staff)
    url = reverse("batches:outlook_progress", args=[run.pk])
    Job.objects.filter(pk=run.against.job_id).update(state=JobState.RUNNING, progress=60, started_at=timezone.now())
    text = client.get(url).content.decode()
    assert "先按现行规则算一遍" in text
    assert "30%" in text
    done = {"state": JobState.DONE, "progress": 100, "finished_at": timezone.now()}
    Job.objects.filter(pk=run.against.job_id).update(**done)
    Job.objects.filter(pk=run.job_id).update(state=JobState.RUNNING, progress=40, started_at=timezone.now())
    text = client.get(url).content.decode()
    assert "先按现行规则算一遍" not in text
    assert "70%" in text
    Job.objects.filter(pk=run.against.job_id).update(finished_at=timezone.now() - datetime.timedelta(minutes=1))
    later = start_outlook(
        programme=county.batch.programme, changes=[change("unit_max_per_batch", 2, 3)], batches=1, by=staff
    )
    assert ">0%" in client.get(reverse("batches:outlook_progress", args=[later.pk])).content.decode()


# Adoption


def test_adopted_rules_are_the_programme_s_next_version(outlook: PlanRun, county: County, staff: User) -> None:
    saved = adopt_outlook(run=outlook, by=staff, reason="早一期覆盖")
    assert (saved.version, saved.unit_max_per_batch, saved.supersedes_id) == (2, 4, outlook.programme_id)
    assert newest_programmes().get() == saved
    assert Programme.objects.get(pk=outlook.programme_id).unit_max_per_batch == 3, "the old version stays readable"
    county.batch.refresh_from_db()
    assert county.batch.programme == saved, "in preparation: the new rules hold"
    outlook.refresh_from_db()
    assert outlook.outcome == PlanRun.Outcome.ADOPTED
    assert AuditEntry.objects.filter(act="adopt_outlook", reason="早一期覆盖").exists()


def test_outlook_of_an_older_version_leads_to_the_newest_rules(outlook: PlanRun, client: Client, staff: User) -> None:
    saved = adopt_outlook(run=outlook, by=staff, reason="早一期覆盖")
    client.force_login(staff)
    page = client.get(reverse("batches:outlook_run", args=[outlook.pk])).content.decode()
    again = f"{reverse('batches:outlook')}?unit_max_per_batch=4&amp;programme={saved.pk}"
    assert again in page
    assert client.get(again.replace("&amp;", "&")).status_code == 200


def test_adopted_number_of_classes_reaches_batches_in_preparation(county: County, staff: User) -> None:
    run = carried_out(
        start_outlook(programme=county.batch.programme, changes=[change("track_1", 3, 2)], batches=1, by=staff)
    )
    saved = adopt_outlook(run=run, by=staff, reason="多办一个班")
    assert saved.tracks.get().classes_per_batch == 3
    assert county.batch.classes.count() == 3


@pytest.mark.parametrize("state", ["planned", "published"])
def test_adoption_leaves_planned_and_published_batches_alone(request: Any, staff: User, state: str) -> None:
    county: County = request.getfixturevalue(state)
    old = county.batch.programme
    next_batch = create_batch(
        programme=old, number=2, first_day=datetime.date(2027, 3, 29), last_day=datetime.date(2027, 4, 25), by=staff
    )
    more_people(county, 3)
    run = carried_out(start_outlook(programme=old, changes=[change("unit_max_per_batch", 4, 3)], batches=1, by=staff))
    saved = adopt_outlook(run=run, by=staff, reason="早一期覆盖")
    county.batch.refresh_from_db()
    next_batch.refresh_from_db()
    assert county.batch.programme == old
    assert county.batch.programme.unit_max_per_batch == 3
    assert next_batch.programme == saved


def test_adoption_is_refused_where_it_makes_no_sense(outlook: PlanRun, staff: User) -> None:
    with pytest.raises(DomainError, match="为什么"):
        adopt_outlook(run=outlook, by=staff, reason=" ")
    assert outlook.against is not None
    with pytest.raises(DomainError, match="没有可以采用的"):
        adopt_outlook(run=outlook.against, by=staff, reason="试")
    Programme.objects.filter(pk=outlook.programme_id).update(unit_max_per_batch=5)
    with pytest.raises(Conflict, match="规则又改过"):
        adopt_outlook(run=outlook, by=staff, reason="试")
    Programme.objects.filter(pk=outlook.programme_id).update(unit_max_per_batch=3)
    adopt_outlook(run=outlook, by=staff, reason="早一期覆盖")
    with pytest.raises(Conflict, match="已经采用过"):
        adopt_outlook(run=outlook, by=staff, reason="再来一次")


def test_dropped_outlook_leaves_the_list_and_an_adopted_one_stays(
    outlook: PlanRun, client: Client, staff: User
) -> None:
    client.force_login(staff)
    page = client.get(reverse("batches:outlook")).content.decode()
    assert outlook.title in page
    assert outlook.against is not None
    assert outlook.against.job is not None
    drop_outlook(run=outlook.against, by=staff)
    outlook.against.job.refresh_from_db()
    assert outlook.against.job.state == JobState.CANCELLED
    assert client.get(reverse("batches:outlook_run", args=[outlook.against.pk])).status_code == 404
    adopt_outlook(run=outlook, by=staff, reason="早一期覆盖")
    with pytest.raises(DomainError, match="要留档"):
        drop_outlook(run=outlook, by=staff)


def test_page_that_waits_for_a_dropped_outlook_goes_back_to_the_list(
    county: County, client: Client, staff: User
) -> None:
    run = start_outlook(programme=county.batch.programme, changes=[change("leading_max", 2, 1)], by=staff, batches=1)
    client.force_login(staff, backend="django.contrib.auth.backends.ModelBackend")
    asked = reverse("batches:outlook_progress", args=[run.pk])
    assert client.get(asked).status_code == 200
    drop_outlook(run=run, by=staff)
    answer = client.get(asked)
    assert (answer.status_code, answer["HX-Redirect"]) == (286, reverse("batches:outlook"))
    assert client.get(reverse("batches:outlook_progress", args=[run.pk + 10**6])).status_code == 404


def test_dropping_an_outlook_locks_in_the_order_in_which_its_job_ends(outlook: PlanRun, staff: User) -> None:
    running = outlook.against
    assert running is not None
    assert running.job is not None
    Job.objects.filter(pk=running.job_id).update(state=JobState.RUNNING)
    with CaptureQueriesContext(connection) as asked:
        drop_outlook(run=running, by=staff)
    locked = [query["sql"] for query in asked if re.search(r"FOR UPDATE|^UPDATE", query["sql"])]
    tables = [
        name for sql in locked for name in ("office_job", "batches_planrun") if f'"{name}"' in sql.split("WHERE")[0]
    ]
    assert tables[:2] == ["office_job", "batches_planrun"]
    assert Job.objects.get(pk=running.job_id).cancel_requested
    running.refresh_from_db()
    assert running.outcome == PlanRun.Outcome.SUPERSEDED


def test_yearly_plan_sets_up_its_batches(published: County, client: Client, staff: User) -> None:
    more_people(published, 3)
    run = carried_out(start_outlook(programme=published.batch.programme, changes=[], batches=2, by=staff))
    client.force_login(staff)
    assert "按此建 2 期…" in client.get(reverse("batches:outlook_run", args=[run.pk])).content.decode()
    made = set_up_batches(run=run, by=staff)
    assert [(row.number, row.state, row.classes.count()) for row in made] == [(2, "draft", 2), (3, "draft", 2)]
    assert [row.first_day.isoformat() for row in made] == ["2027-03-29", "2027-06-21"]
    with pytest.raises(DomainError, match="已经建好了"):
        set_up_batches(run=run, by=staff)


def test_adoption_takes_a_planned_batch_along_when_asked(planned: County, staff: User, desk: Client) -> None:
    old = planned.batch.programme
    more_people(planned, 3)
    first = carried_out(start_outlook(programme=old, changes=[change("spare_beds", 0, 1)], batches=1, by=staff))
    newer = adopt_outlook(run=first, by=staff, reason="先改一处")
    planned.batch.refresh_from_db()
    assert planned.batch.programme == old, "left behind by the version before"
    asked = [change("unit_max_per_batch", 4, 3)]
    run = carried_out(start_outlook(programme=newer, changes=asked, batches=1, by=staff))
    shown = page(desk, "outlook_run", run.pk)
    assert re.search(r'<input type="checkbox" name="planned"> 第1期', shown)
    adoption = shown[shown.index('id="adopt"') :]
    assert adoption.count("各单位每期最多（人）：3 改为 4") == 2, "once for the programme, once for the batch"
    assert (
        "第1期现在按第 1 版，勾选后一下改到第 3 版，对它一共变 2 处："
        "各单位每期最多（人）：3 改为 4；每个基地每晚留空床位：1 改为 0</li>"
    ) in adoption
    told = post(desk, "outlook_adopt", run.pk, reason="早一期覆盖", planned="on")
    assert "第1期也按新规则：请到编排台重新编排" in told
    planned.batch.refresh_from_db()
    assert (planned.batch.programme.version, planned.batch.programme.unit_max_per_batch) == (3, 4)
    assert {row.track.programme_id for row in planned.classes} == {planned.batch.programme_id}
    assert planned.batch.state == Batch.State.PLANNED
    assert publish_obstacles(planned.batch)[0] == (
        "这个方案编好以后，资料变过：项目规则（每单位每期名额、基地每晚留空床位）。它还是按变以前的算的，请重新编排，再发布。"
    )
    assert build_input(planned.batch)["programme"]["unit_max_per_batch"] == 4
    kept = AuditEntry.objects.filter(act="adopt_outlook").latest("seq")
    assert json.loads(kept.data)["planned_too"] is True


def test_adoption_moves_whom_its_page_names(planned: County, staff: User, desk: Client) -> None:
    old = planned.batch.programme
    more_people(planned, 3)
    first = carried_out(start_outlook(programme=old, changes=[change("spare_beds", 0, 1)], batches=1, by=staff))
    newer = adopt_outlook(run=first, by=staff, reason="先改一处")
    Batch.objects.update(state=Batch.State.NOMINATING)  # names are taken again, by the version before
    asked = [change("unit_max_per_batch", 4, 3)]
    run = carried_out(start_outlook(programme=newer, changes=asked, batches=1, by=staff))
    assert "第1期还没编排，改按新规则" in page(desk, "outlook_run", run.pk)
    assert "第1期现在按第 1 版，一下改到第 3 版，对它一共变 2 处：" in page(desk, "outlook_run", run.pk)
    assert adopt_outlook(run=run, by=staff, reason="早一期覆盖").version == 3
    planned.batch.refresh_from_db()
    assert planned.batch.programme.version == 3
    assert {row.track.programme_id for row in planned.classes} == {planned.batch.programme_id}


def test_yearly_plan_is_not_set_up_over_a_batch_made_since(published: County, staff: User) -> None:
    more_people(published, 3)
    programme = published.batch.programme
    run = carried_out(start_outlook(programme=programme, changes=[], batches=1, by=staff))
    days = {"first_day": datetime.date(2027, 3, 29), "last_day": datetime.date(2027, 4, 25)}
    create_batch(programme=programme, number=7, by=staff, **days)
    with pytest.raises(Conflict, match="重新推演"):
        set_up_batches(run=run, by=staff)
    assert Batch.objects.count() == 2


def test_rules_not_adopted_set_up_no_batches(outlook: PlanRun, staff: User) -> None:
    with pytest.raises(DomainError, match="还没有采用"):
        set_up_batches(run=outlook, by=staff)


def test_leaders_read_and_do_not_start(county: County, client: Client) -> None:
    client.force_login(factories.user_with_role(Role.LEADER))
    assert "精确推演</button>" not in client.get(reverse("batches:outlook")).content.decode()
    assert client.get(reverse("batches:countdown")).status_code == 200
    assert client.post(reverse("batches:outlook_start"), {"batches": "1"}).status_code == 403


@pytest.mark.parametrize(
    ("path", "head"), [("class_size.max", "每班最多"), ("tracks", "项目规则"), ("no_such", "项目规则")]
)
def test_refusal_of_a_parameter_names_it_as_people_do(path: str, head: str) -> None:
    told = refusal(InputError(f"programme.{path}：不能这样"))
    assert told.partition("：")[0].startswith(head)
    assert told.endswith("不能这样")


@pytest.mark.parametrize(("name", "send"), [("outlook_estimate", "get"), ("outlook_start", "post")])
def test_page_opened_before_the_rules_changed_is_told_and_loses_nothing(
    county: County, desk: Client, name: str, send: str
) -> None:
    old = county.batch.programme
    newer = factories.ProgrammeFactory(name=old.name, version=old.version + 1, supersedes=old)
    factories.TrackFactory(programme=newer)
    data = {"programme": str(old.pk), "whole": "1", "batches": "3", "title": "多办两期"}
    answer = getattr(desk, send)(reverse(f"batches:{name}"), data)
    shown = answer.content.decode()
    assert "您打开页面以后，规则有了新的一版，没有推演" in shown
    assert not PlanRun.objects.filter(purpose=PlanRun.Purpose.OUTLOOK).exists()
    if send == "post":
        assert answer.status_code == 422
        assert 'value="多办两期"' in shown


def test_batch_list_and_dashboard_tell_the_countdown(county: County, client: Client, staff: User) -> None:
    client.force_login(staff)
    sentence = story_of(county.batch.programme).sentence
    assert sentence in client.get(reverse("batches:list")).content.decode()
    assert sentence in client.get(reverse("reports:dashboard")).content.decode()


def test_batch_of_the_newest_rules_is_told_no_more_than_what_the_run_changes(outlook: PlanRun, desk: Client) -> None:
    assert "一下改到" not in page(desk, "outlook_run", outlook.pk)
