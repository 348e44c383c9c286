"""What cadre and class still owe, in the words of the pages, with the date that cures it."""

import datetime
import uuid
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from activities.actions import accept_paper, file_reflection, file_report, return_paper, void_paper
from activities.models import ActivityRecord
from activities.owing import ClassOwing, Owed, owing_of_classes, owing_of_enrollments
from activities.queries import todo
from batches.actions.attendance import enter_absence
from batches.models import Batch, Enrollment, Gathering, PracticeClass, Programme
from tests.activities.conftest import ClassWorld, filed, make_class
from tests.factories import BaseFactory, ClassFactory, GatheringFactory, MembershipFactory

pytestmark = pytest.mark.django_db
D = datetime.date
TODAY = D(2026, 11, 21)


def gatherings(practice_class: PracticeClass, *days: D, state: str = "planned", bases: Any = None) -> list[Gathering]:
    start = practice_class.gatherings.count()
    return [
        GatheringFactory(
            practice_class=practice_class, index=start + n + 1, first_day=day, last_day=day + datetime.timedelta(days=2),
            state=state, base=bases[n] if bases else BaseFactory(),
        )
        for n, day in enumerate(days)
    ]  # fmt: skip


def owed(enrollment: Enrollment, today: D = TODAY) -> dict[str, Owed]:
    return {item.what: item for item in owing_of_enrollments([enrollment], today=today)[enrollment.pk]}


def class_owing(practice_class: PracticeClass, today: D = TODAY) -> ClassOwing:
    return owing_of_classes([practice_class], today=today)[practice_class.pk]


def test_days_owed_say_how_far_and_the_day_that_cures_it(batch: Batch) -> None:
    practice_class = ClassFactory(batch=batch)
    member = MembershipFactory(practice_class=practice_class)
    gatherings(practice_class, D(2026, 9, 11), D(2026, 10, 9), state="held")
    gatherings(practice_class, D(2026, 10, 23), D(2026, 11, 6), D(2026, 11, 20))
    item = owed(member.enrollment, D(2026, 10, 22))["village_days"]
    assert item.text == "在村 9 天，已 6 天，要满 15 天，补齐 11-22"
    assert (item.done, item.needed, item.missing, item.cured_on) == (6, 15, 9, D(2026, 11, 22))


def test_days_that_no_coming_gathering_cures_say_what_to_do(batch: Batch) -> None:
    practice_class = ClassFactory(batch=batch)
    member = MembershipFactory(practice_class=practice_class)
    gatherings(practice_class, D(2026, 11, 27))
    item = owed(member.enrollment)["village_days"]
    assert item.cured_on is None
    assert item.text == "在村 15 天，已 0 天，要满 15 天，后面的集中只有 3 天，请找班主任安排补课"


def test_leave_moves_the_curing_day(batch: Batch, staff: User) -> None:
    Programme.objects.update(min_village_days=4)
    practice_class = ClassFactory(batch=batch)
    member = MembershipFactory(practice_class=practice_class)
    first, second = gatherings(practice_class, D(2026, 11, 21), D(2026, 11, 27))
    assert owed(member.enrollment)["village_days"].cured_on == D(2026, 11, 27)
    enter_absence(
        by=staff, gathering=first, enrollment=member.enrollment, kind="leave", first_day=first.first_day,
        last_day=first.first_day,
    )  # fmt: skip
    assert owed(member.enrollment)["village_days"].cured_on == D(2026, 11, 28)
    Gathering.objects.filter(pk=second.pk).update(state="cancelled")
    assert owed(member.enrollment)["village_days"].cured_on is None


def test_villages_owed_name_those_seen_and_the_next_new_one(batch: Batch) -> None:
    practice_class = ClassFactory(batch=batch)
    member = MembershipFactory(practice_class=practice_class)
    one, two, three = (BaseFactory(village__name=name) for name in ("岭下村", "溪口村", "双溪村"))
    gatherings(practice_class, D(2026, 9, 11), D(2026, 10, 9), state="held", bases=[one, two])
    gatherings(practice_class, D(2026, 11, 22), D(2026, 11, 26), bases=[one, three])
    item = owed(member.enrollment)["villages"]
    assert item.text == "第 3 个村，已去岭下村、溪口村，补齐 11-26"
    Gathering.objects.filter(first_day=D(2026, 11, 26)).update(state="cancelled")
    assert "后面的集中没有新的村" in owed(member.enrollment)["villages"].text


def test_two_missing_villages_are_counted(batch: Batch) -> None:
    member = MembershipFactory(practice_class=ClassFactory(batch=batch))
    assert owed(member.enrollment)["villages"].text.startswith("不同的村 3 个，还没有去过")


def test_reflection_is_owed_until_handed_in_and_again_when_returned(ours: ClassWorld) -> None:
    enrollment = ours.member.enrollment
    assert owed(enrollment)["reflections"].text == "心得体会 1 篇，已交 0 篇，11-29 前交"
    values: dict[str, Any] = {
        "by": ours.cadre, "enrollment": enrollment, "client_id": uuid.uuid4(), "title": "见闻", "text": "写了"
    }  # fmt: skip
    file_reflection(**values, submit=False)
    assert "有草稿没报送" in owed(enrollment)["reflections"].text
    paper: Any = file_reflection(**values).paper
    assert "reflections" not in owed(enrollment)
    return_paper(by=ours.mentor, paper=paper, reason="写具体些")
    assert "reflections" in owed(enrollment)
    assert "reflections" in owed(ours.monitoring.enrollment)  # somebody else's reflection pays nothing


def test_nothing_is_owed_once_all_is_done_or_after_leaving(batch: Batch) -> None:
    Programme.objects.update(min_village_days=3, min_distinct_villages=1, reflections_per_cadre=0)
    practice_class = ClassFactory(batch=batch)
    member = MembershipFactory(practice_class=practice_class)
    gone = MembershipFactory(practice_class=practice_class)
    assert set(owed(member.enrollment)) == {"village_days", "villages"}
    gatherings(practice_class, D(2026, 9, 11), state="held")
    assert owed(member.enrollment) == {}
    Programme.objects.update(min_village_days=30)
    gone.enrollment.state = Enrollment.State.WITHDRAWN
    gone.enrollment.save()
    assert owed(gone.enrollment) == {}
    assert set(owed(member.enrollment)) == {"village_days"}


def test_class_owes_kinds_by_the_programmes_figures(ours: ClassWorld, theirs: ClassWorld) -> None:
    for title in ("一", "二"):
        filed(ours, title=title)
    record = filed(ours, kind="party")
    accept_paper(by=ours.head_teacher, paper=record)
    filed(ours, kind="farm")
    filed(ours, kind="survey", submit=False)
    filed(theirs, kind="office")
    owing = class_owing(ours.practice_class)
    figures = {
        kind.kind: (kind.accepted, kind.submitted, kind.planned, kind.needed, kind.missing) for kind in owing.kinds
    }
    assert figures == {
        "party": (1, 0, 0, 1, 0), "office": (0, 0, 0, 1, 1), "survey": (0, 0, 1, 1, 1), "policy": (0, 0, 0, 3, 3),
        "deed": (0, 2, 0, 3, 1),
    }  # fmt: skip
    assert owing.missing == 1 + 1 + 3 + 1 + 1
    deed = next(item for item in owing.owed if item.what == "deed")
    assert deed.text == "惠民实事 1 件，已报 2 件，要 3 件，后面没有集中了，请找服务中心加一次"
    gatherings(ours.practice_class, D(2026, 11, 27))
    assert "补齐 11-27" in class_owing(ours.practice_class).owed[0].text
    assert [kind.kind for kind in owing.kinds if kind.complete] == ["party"]


def test_void_records_pay_nothing_and_returned_ones_are_told(ours: ClassWorld) -> None:
    record = filed(ours, kind="office")
    return_paper(by=ours.head_teacher, paper=record, reason="缺人数")
    office = next(item for item in class_owing(ours.practice_class).owed if item.what == "office")
    assert "退回 1 件待改" in office.text
    other = filed(ours, kind="office")
    assert all(item.what != "office" for item in class_owing(ours.practice_class).owed)
    void_paper(by=ours.monitor, paper=other, reason="重了")
    assert any(item.what == "office" for item in class_owing(ours.practice_class).owed)


def test_report_is_owed_until_the_batch_ends(ours: ClassWorld) -> None:
    report = next(item for item in class_owing(ours.practice_class).owed if item.what == "report")
    assert report.text == "调研报告 1 份，已报 0 份，要 1 份，11-29 前交"
    file_report(by=ours.monitor, practice_class=ours.practice_class, client_id=uuid.uuid4(), title="夏橙", text="写了")
    assert all(item.what != "report" for item in class_owing(ours.practice_class).owed)


def test_queries_are_the_same_for_one_and_for_thirty(batch: Batch) -> None:
    worlds = [make_class(batch) for _ in range(4)]
    for world in worlds:
        filed(world)
        for _ in range(6):
            MembershipFactory(practice_class=world.practice_class)
    people = list(Enrollment.objects.order_by("pk"))
    classes = list(PracticeClass.objects.order_by("pk"))
    assert len(people) == 32
    for some, many, ask in (
        (people[:1], people, owing_of_enrollments), (classes[:1], classes, owing_of_classes),
    ):  # fmt: skip
        counts = []
        for rows in (some, many):
            with CaptureQueriesContext(connection) as queries:
                ask(rows)  # type: ignore[operator]
            counts.append(len(queries))
        assert counts[0] == counts[1] <= 10


def test_todo_of_the_monitor(ours: ClassWorld, theirs: ClassWorld) -> None:
    returned = filed(ours, title="政策宣传")
    return_paper(by=ours.head_teacher, paper=returned, reason="缺人数")
    filed(ours, title="没写完", submit=False)
    filed(theirs, title="别班的", submit=False)
    what = {item.what: item for item in todo(ours.monitor)}
    assert f"确认{ours.gathering}" in what
    assert what["改“政策宣传”"].act == "去改"
    assert what["写完“没写完”"].act == "接着写"
    assert not any("别班的" in name for name in what)


def test_todo_of_head_teacher_and_mentor(ours: ClassWorld, theirs: ClassWorld) -> None:
    filed(ours, title="装扶手")
    filed(theirs, title="别班的")
    coming = gatherings(ours.practice_class, D(2026, 11, 27))[0]
    enter_absence(
        by=ours.cadre, gathering=coming, enrollment=ours.member.enrollment, kind="leave", first_day=coming.first_day,
        last_day=coming.first_day, reason="公务",
    )  # fmt: skip
    file_reflection(by=ours.cadre, enrollment=ours.member.enrollment, client_id=uuid.uuid4(), title="见闻", text="写了")
    assert {item.what for item in todo(ours.head_teacher)} == {"审核“装扶手”", "审核“见闻”", "审批学员的请假"}
    assert {item.what for item in todo(ours.mentor)} == {"审核“见闻”"}
    assert {item.what for item in todo(theirs.head_teacher)} == {"审核“别班的”"}


def test_todo_of_the_cadre(ours: ClassWorld, outsider: User) -> None:
    gatherings(ours.practice_class, D(2026, 11, 27))
    what = [item.what for item in todo(ours.cadre)]
    assert what[0].startswith("11-27 到")
    assert "交心得体会 1 篇" in what
    assert "还欠在村 12 天" in what
    assert todo(outsider) == []


def test_todo_takes_the_same_queries_for_few_and_many(ours: ClassWorld) -> None:
    def count(user: User) -> int:
        user = User.objects.get(pk=user.pk)  # roles are read once for each request's user
        with CaptureQueriesContext(connection) as queries:
            todo(user)
        return len(queries)

    filed(ours)
    filed(ours, submit=False)
    few = [count(user) for user in (ours.monitor, ours.head_teacher, ours.cadre)]
    for _ in range(8):
        filed(ours)
        filed(ours, submit=False)
    assert [count(user) for user in (ours.monitor, ours.head_teacher, ours.cadre)] == few
    assert ActivityRecord.objects.count() == 18
