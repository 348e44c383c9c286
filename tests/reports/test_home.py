"""The home page: what waits for each role, computed; for the centre how each batch stands and what blocks it."""

import datetime
from typing import Any

import pytest
from django.db import connection
from django.db.backends.postgresql.psycopg_any import DateRange
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from activities import queries
from activities.models import ActivityRecord
from bases.actions import enter_outside_use
from batches.models import Absence, Batch, Mentorship, Nomination
from evaluations.models import Campaign, Criterion, Panel, PanelMember, Review, Rubric, Scorer
from office.models import Job
from reports import home
from tests import factories
from tests.reports.conftest import TODAY, Course

pytestmark = pytest.mark.django_db
HOME = "/"


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client


def page_of(user: User) -> Any:
    answer = signed_in(user).get(HOME)
    assert answer.status_code == 200
    return answer


def told(user: User) -> list[str]:
    """What the home page says waits for somebody."""
    return [todo.what for todo in page_of(user).context["todos"]]


def record(course: Course, **fields: Any) -> ActivityRecord:
    values = {
        "practice_class": course.practice_class, "gathering": course.been, "kind": ActivityRecord.Kind.PARTY,
        "day": course.been.first_day, "title": "听老支书讲村史", "author": course.monitor,
    }  # fmt: skip
    return ActivityRecord.objects.create(**values | fields)


def campaign(course: Course) -> Campaign:
    rubric = Rubric.objects.create(name="评分表")
    for order, scorer in enumerate(Scorer, start=1):
        Criterion.objects.create(
            rubric=rubric, order=order, name=f"评分项{order}", weight=34 if order == 1 else 33, scorer=scorer
        )
    return Campaign.objects.create(
        batch=course.batch, rubric=rubric, state=Campaign.State.OPEN, opens_on=TODAY,
        closes_on=TODAY + datetime.timedelta(days=7),
    )  # fmt: skip


def test_outsider_has_nothing_to_do(course: Course, outsider: User) -> None:
    record(course, state="submitted")
    answer = page_of(outsider)
    assert (answer.context["todos"], answer.context["outings"]) == ([], [])
    assert "没有要您办的事" in answer.content.decode()
    assert "双溪" not in answer.content.decode()


def test_monitor_is_told_to_confirm_and_to_mend(course: Course) -> None:
    record(course, state="returned", title="退回的这条")
    found = told(course.monitor)
    assert f"确认{course.been}" in found
    assert "改“退回的这条”" in found


def test_cadre_is_told_where_to_go_and_what_is_owed(course: Course) -> None:
    found = told(course.monitor)
    assert "10-23 到双溪村集中" in found
    assert any(what.startswith("交心得体会") for what in found)


def test_head_teacher_is_told_to_judge_papers_and_leave(course: Course) -> None:
    assert told(course.teacher) == []
    record(course, state="submitted", title="等审核的这条")
    Absence.objects.create(
        gathering=course.coming, enrollment=course.members["曹志"].enrollment, first_day=course.coming.first_day,
        last_day=course.coming.first_day, entered_by=course.monitor,
    )  # fmt: skip
    assert sorted(told(course.teacher)) == ["审批曹志的请假", "审核“等审核的这条”"]


def test_liaison_is_told_to_confirm_names_until_the_deadline(course: Course) -> None:
    unit = course.members["安平"].enrollment.cadre.unit
    liaison = factories.UnitLiaisonFactory(unit=unit).user
    until = TODAY + datetime.timedelta(days=3)
    batch = factories.BatchFactory(
        number=4, programme=course.batch.programme, state=Batch.State.NOMINATING, nominate_until=until,
        first_day=datetime.date(2026, 12, 7), last_day=datetime.date(2027, 2, 28),
    )  # fmt: skip
    name = Nomination.objects.create(batch=batch, cadre=factories.CadreFactory(unit=unit))
    Nomination.objects.create(batch=batch, cadre=factories.CadreFactory())
    answer = page_of(liaison)
    assert [(todo.what, todo.due) for todo in answer.context["todos"]] == [("确认第4期名单 1 人", until)]
    name.state = Nomination.State.CONFIRMED
    name.save()
    assert told(liaison) == []


def test_mentor_and_panel_member_are_told_to_score(course: Course) -> None:
    found = campaign(course)
    panel = Panel.objects.create(campaign=found, name="第一评审团")
    panel.classes.add(course.practice_class)
    seat = PanelMember.objects.create(
        panel=panel, number=1, user=factories.UserFactory(), kind=PanelMember.Kind.VILLAGER
    )
    assert len(told(course.mentor)) == 1
    assert len(told(seat.user)) == 1
    review = Review.objects.create(
        campaign=found, enrollment=course.members["安平"].enrollment, scorer=Scorer.MENTOR, user=course.mentor
    )
    Review.objects.filter(pk=review.pk).update(state=Review.State.CAST)
    assert told(course.mentor) == []


def test_leader_starts_at_the_dashboard(course: Course, leader: User) -> None:
    answer = signed_in(leader).get(HOME)
    assert (answer.status_code, answer.headers["Location"]) == (302, reverse("reports:dashboard"))


def test_earliest_comes_first_and_what_has_no_date_last(course: Course) -> None:
    dues = [todo.due for todo in home.todos(course.monitor)]
    dated = [due for due in dues if due is not None]
    assert dated == sorted(dated)
    assert dues == [*dated, *[None] * (len(dues) - len(dated))]
    assert None in dues
    assert dated


def test_workbench_says_what_blocks_each_batch_with_the_act_that_cures_it(course: Course) -> None:
    later = factories.BatchFactory(
        number=4, programme=course.batch.programme, first_day=datetime.date(2026, 12, 7),
        last_day=datetime.date(2027, 2, 28),
    )  # fmt: skip
    factories.BatchFactory(
        number=2, programme=course.batch.programme, state=Batch.State.CLOSED, first_day=datetime.date(2026, 3, 2),
        last_day=datetime.date(2026, 5, 31),
    )  # fmt: skip
    answer = page_of(course.staff)
    stands = answer.context["stands"]
    assert [stand.batch.number for stand in stands] == [4, 3]
    assert [block.text for block in stands[0].blocks] == ["还没有名单"]
    texts = {block.text: block.act for block in stands[1].blocks}
    assert texts["1 个班没有班主任"] == "定班主任"
    assert texts.get("1 次集中已过，没有说明是否举行", True)
    page = answer.content.decode()
    assert page.count('class="dm-track"') == 2
    assert f'<a href="{reverse("batches:names", args=[later.pk])}">生成名单建议</a>' in page
    factories.ClassStaffFactory(practice_class=course.other_class)
    after = page_of(course.staff).context["stands"][1].blocks
    assert "1 个班没有班主任" not in [block.text for block in after]


def test_workbench_shows_who_goes_where_within_seven_days(course: Course) -> None:
    far = factories.GatheringFactory(
        practice_class=course.other_class, index=4, first_day=datetime.date(2026, 10, 30),
        last_day=datetime.date(2026, 11, 1),
    )  # fmt: skip
    [outing] = page_of(course.staff).context["outings"]
    assert (outing.gathering, outing.place, outing.teachers) == (course.coming, "双河镇双溪村", "何文彬")
    assert (outing.there, outing.expected, outing.households) == (5, 5, 2)
    Absence.objects.create(
        gathering=course.coming, enrollment=course.members["卜云"].enrollment, first_day=course.coming.first_day,
        last_day=course.coming.last_day, entered_by=course.monitor,
    )  # fmt: skip
    [outing] = home.outings(course.staff)
    assert (outing.there, outing.away) == (4, 1)
    far.first_day = TODAY + home.WEEK
    far.save()
    assert len(home.outings(course.staff)) == 2


def test_outing_is_a_link_only_for_whoever_may_open_it(course: Course) -> None:
    plain = factories.UserFactory()
    course.members["曹志"].enrollment.cadre.user = plain
    course.members["曹志"].enrollment.cadre.save()
    address = reverse("activities:gathering", args=[course.practice_class.pk])
    assert address in page_of(course.monitor).content.decode()
    answer = page_of(plain)
    assert [outing.gathering for outing in answer.context["outings"]] == [course.coming]
    assert address not in answer.content.decode()


def test_doors_count_what_their_lists_show(course: Course) -> None:
    record(course, state="submitted")
    record(course, state="returned")
    record(course, state="void")
    figures = {door.key: door.figures for door in home.doors()}
    assert figures["activities"] == ("记录 2 条", "待审 1　退回 1")
    assert figures["bases"] == ("2 个基地 2 户", "床位 3")
    to_come = {"first_day": TODAY + datetime.timedelta(days=60), "last_day": TODAY + datetime.timedelta(days=140)}
    factories.BatchFactory(number=4, state=Batch.State.PUBLISHED, **to_come)
    figures = {door.key: door.figures for door in home.doors()}
    assert figures["batches"] == ("共 2 期", "进行中 1 期")
    assert figures["cadres"][1] == "已完成 0　在训 5"


def test_workbench_shows_ones_own_newest_jobs(course: Course, outsider: User) -> None:
    for number in range(4):
        Job.objects.create(task="office.none", title=f"任务{number}", owner=course.staff)
    Job.objects.create(task="office.none", title="别人的", owner=outsider)
    assert len(page_of(course.staff).context["jobs"]) == 3
    assert "别人的" not in page_of(course.staff).content.decode()


def test_home_of_an_empty_county_says_what_to_do_first(staff: User) -> None:
    page = page_of(staff).content.decode()
    assert "现在没有进行中的期" in page
    assert reverse("batches:create") in page


def test_mentor_and_liaison_see_their_people_with_class_next_gathering_and_what_is_owed(course: Course) -> None:
    member = factories.MembershipFactory(practice_class=course.practice_class)
    mentor = factories.MentorshipFactory(enrollment=member.enrollment).user
    liaison = factories.UnitLiaisonFactory(unit=member.enrollment.cadre.unit).user
    for user in (mentor, liaison):
        (person,) = page_of(user).context["people"]
        assert (person.enrollment, person.seat.practice_class) == (member.enrollment, course.practice_class)
        assert person.next == course.coming
        shown = page_of(user).content.decode()
        assert person.place in shown
        assert all(owed.title in shown for owed in person.owed)
    assert page_of(factories.UnitLiaisonFactory().user).context["people"] == []


def test_who_moves_after_the_gathering_of_the_new_class_is_not_shown_it(course: Course) -> None:
    """The new class gathers on 10-30, the move is on 11-02: next is the old class's gathering."""
    day = datetime.date(2026, 11, 2)
    enrollment = course.members["曹志"].enrollment
    seat = enrollment.memberships.get(live=True)
    days, seat.days = seat.days, DateRange(seat.days.lower, day)
    seat.save()
    factories.MembershipFactory(
        enrollment=enrollment, practice_class=course.other_class, days=DateRange(day, days.upper)
    )
    factories.GatheringFactory(
        practice_class=course.other_class, index=4, first_day=TODAY, last_day=TODAY + datetime.timedelta(days=1)
    )
    user = factories.MentorshipFactory(enrollment=enrollment).user
    (person,) = page_of(user).context["people"]
    assert (person.seat.practice_class, person.next) == (course.practice_class, course.coming)
    moved = f"{course.practice_class.short_name}（11月2日起到{course.other_class.short_name}）"
    assert moved in page_of(user).content.decode()
    assert queries.my_course(enrollment).seat == person.seat
    enrollment.cadre.user = factories.UserFactory()
    enrollment.cadre.save()
    assert moved in signed_in(enrollment.cadre.user).get(reverse("activities:me")).content.decode()


def test_people_of_an_account_are_loaded_by_as_many_queries_for_some_as_for_one(course: Course) -> None:
    user = factories.MentorshipFactory(enrollment=course.members["曹志"].enrollment).user

    def asked() -> int:
        with CaptureQueriesContext(connection) as found:
            home.people_of(user)
        return len(found)

    before = asked()
    assert Mentorship.objects.update(user=user) > 1
    assert asked() == before
    assert len(home.people_of(user)) > 1


def test_manager_sees_who_comes_to_the_own_base_within_two_weeks(course: Course, staff: User) -> None:
    ours, other = factories.BaseFactory(), factories.BaseFactory()
    manager = factories.BaseManagerFactory(base=ours).user
    today = timezone.localdate()
    for base, days in ((ours, 3), (ours, 20), (other, 3)):
        first = today + datetime.timedelta(days=days)
        enter_outside_use(base=base, first_day=first, last_day=first, people=7, source=f"{days}天后的团建", by=staff)
    assert [use.source for use in page_of(manager).context["guests"]] == ["3天后的团建"]
    assert "3天后的团建" in page_of(manager).content.decode()


def many(course: Course, count: int) -> None:
    """`count` more of everything that the workbench and the monitor's home list."""
    for number in range(count):
        start = datetime.date(2028, 1, 3) + datetime.timedelta(days=100 * number)
        factories.BatchFactory(
            number=100 + number, programme=course.batch.programme, first_day=start,
            last_day=start + datetime.timedelta(days=90), state=Batch.State.PUBLISHED,
        )  # fmt: skip
        practice_class = factories.ClassFactory(
            batch=course.batch, number=20 + number, track=course.practice_class.track
        )
        factories.MembershipFactory(practice_class=practice_class)
        factories.GatheringFactory(
            practice_class=practice_class, first_day=course.coming.first_day, last_day=course.coming.last_day
        )
        record(course, state="returned", title=f"退回{number}")
        record(course, state="submitted", title=f"报送{number}")


@pytest.mark.parametrize("who", ["staff", "monitor", "teacher"])
def test_home_asks_as_many_queries_for_30_rows_as_for_1(who: str, course: Course) -> None:
    client = signed_in(getattr(course, who))
    many(course, 1)

    def asked() -> int:
        with CaptureQueriesContext(connection) as queries:
            assert client.get(HOME).status_code == 200
        return len(queries)

    asked()
    before = asked()
    Batch.objects.filter(number=100).update(number=99)
    course.practice_class.batch.classes.filter(number=20).update(number=19)
    many(course, 29)
    assert asked() == before
