"""The leader's dashboard: each figure is the number of rows behind it, and changes when the facts change."""

import datetime
import json
import re
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.models import User
from activities.models import ActivityRecord
from batches.models import Batch, Enrollment, Gathering
from cadres.models import Cadre, PastAttendance
from evaluations.models import Campaign, Criterion, Result, Rubric, Scorer
from reports import dashboard
from tests import factories
from tests.reports.conftest import TODAY, Course

pytestmark = pytest.mark.django_db
DASHBOARD = "/dashboard/"


@pytest.fixture
def desk(leader: User) -> Client:
    client = Client()
    client.force_login(leader, backend="django.contrib.auth.backends.ModelBackend")
    return client


@pytest.fixture
def full(course: Course) -> Course:
    """The course with more than a page of people, records of each state, and a campaign with results."""
    for number in range(25):
        factories.MembershipFactory(
            practice_class=course.other_class, cadre__birth=datetime.date(1990, 1 + number % 12, 1)
        )
    for number in range(23):
        PastAttendance.objects.create(cadre=factories.CadreFactory(), session=f"往年第{number % 3}期")
    factories.CadreFactory.create_batch(21)
    factories.CadreFactory(birth=datetime.date(1970, 1, 1))
    for practice_class in (course.practice_class, course.other_class):
        for kind in ActivityRecord.Kind:
            for state in ("accepted", "archived", "submitted", "returned", "draft", "void"):
                record(course, practice_class=practice_class, kind=kind, state=state)
    for _ in range(22):
        record(course, kind="deed", state="accepted")
    results(course)
    return course


def record(course: Course, **fields: Any) -> ActivityRecord:
    values = {
        "practice_class": course.practice_class, "kind": ActivityRecord.Kind.PARTY, "day": course.been.first_day,
        "title": "一条记录", "author": course.monitor,
    }  # fmt: skip
    return ActivityRecord.objects.create(**values | fields)


def results(course: Course) -> Campaign:
    rubric = Rubric.objects.create(name="评分表")
    Criterion.objects.create(rubric=rubric, order=1, name="表现", weight=100, scorer=Scorer.MENTOR)
    campaign = Campaign.objects.create(
        batch=course.batch, rubric=rubric, state=Campaign.State.COMPUTED, opens_on=TODAY, closes_on=TODAY
    )
    grades = [Result.Grade.EXCELLENT, *[Result.Grade.GOOD] * 22]
    for grade, enrollment in zip(grades, course.batch.enrollments.order_by("pk"), strict=False):
        Result.objects.create(campaign=campaign, enrollment=enrollment, score="85.00", grade=grade)
    return campaign


def figures(desk: Client, address: str = DASHBOARD) -> dict[str, int]:
    """What the page shows: the address of each drill-down with the number that is its link's text (counts only)."""
    page = desk.get(address)
    assert page.status_code == 200
    found = {}
    for link, text in re.findall(r'<a[^>]*href="(/dashboard/[^"]*)"[^>]*>(.*?)</a>', page.content.decode(), re.DOTALL):
        plain = re.sub(r"<[^>]+>", " ", text).replace(",", "")
        number = re.search(r"\d+", plain)
        if number:
            found.setdefault(link.replace("&amp;", "&"), int(number[0]))
    return found


def rows_behind(desk: Client, address: str) -> int:
    """The rows of a drill-down, counted over all its pages, and told the same by its foot."""
    rows, page = 0, desk.get(address)
    whole = page.context["rows"].paginator
    for number in whole.page_range:
        joint = "&" if "?" in address else "?"
        content = desk.get(f"{address}{joint}page={number}").content.decode()
        rows += content.count('<td class="dm-serial">')
    assert rows == whole.count
    return rows


def test_every_figure_is_the_number_of_rows_it_opens(full: Course, desk: Client) -> None:
    shown = figures(desk)
    counted = {link: number for link, number in shown.items() if "/bases/" not in link}
    kinds = [link for link in counted if "kind=" in link]
    parts = [link for link in counted if "/coverage/" in link]
    grades = [link for link in counted if "/results/" in link]
    assert (len(parts), len(kinds), len(grades)) == (4, 2 * 5, len(Result.Grade))
    assert {link: rows_behind(desk, link) for link in counted} == counted


def test_five_ones_count_what_was_accepted_alone(full: Course, desk: Client) -> None:
    shown = figures(desk)
    address = reverse("reports:records", args=[full.batch.pk])
    assert shown[f"{address}?class=7&kind=party"] == 2
    assert shown[f"{address}?class=7&kind=deed"] == 24
    assert shown[address] == 2 * len(ActivityRecord.Kind) * 4 + 22
    record(full, state="accepted")
    assert figures(desk)[f"{address}?class=7&kind=party"] == 3


def test_five_ones_of_a_class_are_complete_when_all_five_are(full: Course) -> None:
    rows = {row.practice_class.number: row for row in dashboard.five_ones(full.batch)}
    assert {kind.kind: (kind.accepted, kind.needed) for kind in rows[8].owing.kinds} == {
        "party": (2, 1), "office": (2, 1), "survey": (2, 1), "policy": (2, 3), "deed": (2, 3),
    }  # fmt: skip
    assert (rows[8].complete, rows[7].complete) == (3, 4)


def test_coverage_parts_add_up_and_follow_the_facts(full: Course, desk: Client) -> None:
    def parts() -> dict[str, int]:
        return {part.key: part.count for part in dashboard.coverage_parts(full.batch.programme)}

    before = parts()
    assert before == {"due": 5 + 25 + 23 + 21, "done": 23, "in_training": 30, "waiting": 21}
    assert before["due"] == before["done"] + before["in_training"] + before["waiting"]
    old = Cadre.objects.order_by("birth")[0]
    assert old.birth.year == 1970
    Enrollment.objects.filter(pk=full.members["安平"].enrollment.pk).update(state="completed")
    waiting = dashboard.coverage_rows(full.batch.programme, "waiting")[0]
    Cadre.objects.filter(pk=waiting.pk).update(state=Cadre.State.RETIRED)
    assert parts() == {"due": 73, "done": 24, "in_training": 29, "waiting": 20}
    assert figures(desk)["/dashboard/coverage/waiting/"] == 20


def batch_of(course: Course, number: int, state: str, first_day: datetime.date) -> Batch:
    last_day = first_day + datetime.timedelta(days=80)
    return factories.BatchFactory(
        number=number, programme=course.batch.programme, state=state, first_day=first_day, last_day=last_day
    )


def test_who_has_a_place_in_a_batch_to_come_is_not_in_training_yet(full: Course, desk: Client) -> None:
    """Batch 4 begins in two months and is published already: its people wait until its first day."""

    def parts() -> list[int]:
        return [part.count for part in dashboard.coverage_parts(full.batch.programme)]

    due, done, training, waiting = parts()
    to_come = batch_of(full, 4, Batch.State.PUBLISHED, TODAY + datetime.timedelta(days=60))
    factories.MembershipFactory(practice_class=factories.ClassFactory(batch=to_come))
    assert parts() == [due + 1, done, training, waiting + 1]
    assert figures(desk)["/dashboard/coverage/in_training/"] == training
    Batch.objects.filter(pk=to_come.pk).update(first_day=TODAY)
    assert parts() == [due + 1, done, training + 1, waiting]


def test_dashboard_opens_on_the_batch_under_way_then_the_next_then_the_last(full: Course, desk: Client) -> None:
    """Batch 3 is running; 4 and 5 are published already, 5 before 4; 2 is closed; 6 is in preparation."""
    month = datetime.timedelta(days=30)
    past = batch_of(full, 2, Batch.State.CLOSED, TODAY - 8 * month)
    later = batch_of(full, 4, Batch.State.PUBLISHED, TODAY + 6 * month)
    following = batch_of(full, 5, Batch.State.PUBLISHED, TODAY + 2 * month)
    batch_of(full, 6, Batch.State.DRAFT, TODAY + 10 * month)

    def opened() -> Batch:
        shown: Batch = desk.get(DASHBOARD).context["batch"]
        return shown

    assert opened() == full.batch
    Batch.objects.filter(pk=full.batch.pk).update(state=Batch.State.EVALUATING)
    assert opened() == full.batch
    Batch.objects.filter(pk=following.pk).update(first_day=TODAY)
    assert opened() == following, "published, and its days have begun: before what is under review"
    Batch.objects.filter(pk=following.pk).update(first_day=following.first_day)
    Batch.objects.filter(pk=full.batch.pk).update(state=Batch.State.CLOSED)
    assert opened() == following
    Batch.objects.filter(pk__in=(later.pk, following.pk)).update(state=Batch.State.PLANNED)
    assert opened() == full.batch
    assert past.number < full.batch.number


def test_coverage_is_counted_by_the_newest_rules_whatever_batch_is_looked_at(full: Course, desk: Client) -> None:
    """As the countdown and the home page count it: a batch that is closed keeps the rules of its time."""
    old = full.batch.programme
    newer = factories.ProgrammeFactory(name=old.name, version=old.version + 1, full_coverage_age=60, supersedes=old)
    factories.TrackFactory(programme=newer, classes_per_batch=2)
    shown = desk.get(reverse("reports:dashboard_of", args=[full.batch.pk]))
    assert shown.context["programme"] == newer
    assert figures(desk)["/dashboard/coverage/due/"] == rows_behind(desk, "/dashboard/coverage/due/") == 75


def test_coverage_bar_has_its_parts_end_to_end(full: Course) -> None:
    _, done, training, waiting = dashboard.coverage_parts(full.batch.programme)
    assert (done.start, training.start) == (0, done.percent)
    assert waiting.start == pytest.approx(training.start + training.percent, abs=0.11)
    assert waiting.start + waiting.percent == pytest.approx(100, abs=0.11)


def test_base_load_is_the_sum_of_its_visits(course: Course, desk: Client) -> None:
    for index, state in ((3, "planned"), (4, "cancelled")):
        factories.GatheringFactory(
            practice_class=course.practice_class, index=index, base=course.base, state=state,
            first_day=datetime.date(2026, 11, 6) + datetime.timedelta(days=14 * (index - 3)),
            last_day=datetime.date(2026, 11, 7) + datetime.timedelta(days=14 * (index - 3)),
        )  # fmt: skip
    rows = {row.base: row for row in dashboard.base_rows(course.batch)}
    here = rows[course.base]
    assert (here.visits, here.done, here.coming) == (2, 0, 20 * 3 + 20 * 2)
    been = next(row for base, row in rows.items() if base != course.base)
    assert (been.visits, been.done, been.coming) == (1, 20 * 3, 0)
    address = reverse("reports:base_load", args=[course.batch.pk, course.base.pk])
    assert rows_behind(desk, address) == here.visits
    visits = desk.get(address).context["rows"].object_list
    assert sum(visit.person_days for visit in visits) == here.done + here.coming
    assert "2 个班次　已接待 0 人天　待接待 100 人天" in desk.get(address).content.decode()


def test_base_load_moves_from_coming_to_been_when_the_class_was_there(course: Course) -> None:
    Gathering.objects.filter(pk=course.coming.pk).update(state=Gathering.State.HELD)
    here = next(row for row in dashboard.base_rows(course.batch) if row.base == course.base)
    assert (here.visits, here.done, here.coming) == (1, 60, 0)


def test_visit_that_nobody_accounted_for_is_neither_been_nor_coming(course: Course) -> None:
    Gathering.objects.filter(pk=course.been.pk).update(state=Gathering.State.PLANNED)
    been = next(row for row in dashboard.base_rows(course.batch) if row.base != course.base)
    assert (been.visits, been.done, been.coming) == (1, 0, 0)


def test_base_retired_since_keeps_its_visits(course: Course) -> None:
    type(course.base).objects.filter(pk=course.base.pk).update(state="retired")
    idle = factories.BaseFactory(state="retired")
    shown = [row.base for row in dashboard.base_rows(course.batch)]
    assert course.base in shown
    assert idle not in shown


def test_charts_hold_the_numbers_of_their_tables(full: Course, desk: Client) -> None:
    page = desk.get(DASHBOARD)
    load, grades = page.context["load_chart"], page.context["grade_chart"]
    rows = dashboard.base_rows(full.batch)
    assert [point["value"] for point in load["series"][0]["data"]] == [row.done for row in rows]
    assert [point["value"] for point in load["series"][1]["data"]] == [row.coming for row in rows]
    told = dict(zip(grades["yAxis"]["data"], [point["value"] for point in grades["series"][0]["data"]], strict=True))
    assert told == {row.label: row.count for row in page.context["grades"]}
    for point in [*load["series"][0]["data"], *grades["series"][0]["data"]]:
        assert desk.get(point["url"]).status_code == 200
    assert json.dumps(load, ensure_ascii=False)


def test_results_show_the_grades_alone_and_only_while_they_stand(full: Course, desk: Client) -> None:
    campaign = Campaign.objects.get()
    counts = {row.grade: row.count for row in dashboard.grade_rows(campaign)}
    assert (counts["excellent"], counts["good"], sum(counts.values())) == (1, 22, 23)
    page = desk.get(reverse("reports:results", args=[campaign.pk, "good"])).content.decode()
    assert "85.00" not in page
    Campaign.objects.filter(pk=campaign.pk).update(state=Campaign.State.OPEN)
    assert "还没有评审结果" in desk.get(DASHBOARD).content.decode()
    assert desk.get(reverse("reports:results", args=[campaign.pk, "good"])).status_code == 404


@pytest.mark.parametrize(
    "address",
    [
        "/dashboard/coverage/everybody/", "/dashboard/987654/", "/dashboard/{batch}/records/?class=99&kind=party",
        "/dashboard/{batch}/records/?class=7&kind=nonsense", "/dashboard/{batch}/records/?class=x&kind=party",
        "/dashboard/{batch}/records/?class=7", "/dashboard/{batch}/bases/987654/", "/dashboard/results/987654/good/",
    ],
)  # fmt: skip
def test_drill_down_of_nothing_is_not_there(address: str, course: Course, desk: Client) -> None:
    assert desk.get(address.format(batch=course.batch.pk)).status_code == 404


def test_dashboard_of_another_batch_shows_that_batch(full: Course, desk: Client) -> None:
    other = factories.BatchFactory(
        number=2, programme=full.batch.programme, state=Batch.State.CLOSED, first_day=datetime.date(2026, 3, 2),
        last_day=datetime.date(2026, 5, 31),
    )  # fmt: skip
    page = desk.get(DASHBOARD)
    assert page.context["batch"] == full.batch
    assert reverse("reports:dashboard_of", args=[other.pk]) in page.content.decode()
    page = desk.get(reverse("reports:dashboard_of", args=[other.pk]))
    assert (page.context["batch"], page.context["records"], page.context["classes"]) == (other, 0, [])


def test_dashboard_of_an_empty_county_says_what_comes_first(desk: Client) -> None:
    assert "还没有任何一期" in desk.get(DASHBOARD).content.decode()


def test_dashboard_shows_no_order_of_merit(full: Course, desk: Client) -> None:
    """Classes in order of their numbers, however much each has done."""
    numbers = [row.practice_class.number for row in desk.get(DASHBOARD).context["classes"]]
    assert numbers == [7, 8]


@pytest.mark.parametrize(
    "address",
    [
        DASHBOARD, "/dashboard/coverage/due/", "/dashboard/{batch}/records/", "/dashboard/{batch}/bases/{base}/",
        "/dashboard/results/{campaign}/good/", "/dashboard/{batch}/records/?class=7&kind=deed",
    ],
)  # fmt: skip
def test_dashboard_asks_as_many_queries_for_30_rows_as_for_1(address: str, course: Course, desk: Client) -> None:
    campaign = results(course)

    def grow(count: int, start: int) -> None:
        for number in range(start, start + count):
            practice_class = factories.ClassFactory(
                batch=course.batch, number=20 + number, track=course.practice_class.track
            )
            membership = factories.MembershipFactory(practice_class=practice_class)
            factories.GatheringFactory(practice_class=practice_class, base=course.base)
            factories.BaseFactory()
            record(course, practice_class=practice_class, state="accepted")
            record(course, kind="deed", state="accepted", village=course.base.village)
            Result.objects.create(
                campaign=campaign, enrollment=membership.enrollment, score="80.00", grade=Result.Grade.GOOD
            )

    url = address.format(batch=course.batch.pk, base=course.base.pk, campaign=campaign.pk)

    def asked() -> int:
        with CaptureQueriesContext(connection) as queries:
            assert desk.get(url).status_code == 200
        return len(queries)

    grow(1, 0)
    asked()
    before = asked()
    grow(29, 1)
    assert asked() == before
