"""Absences, leave, holding, confirming, correcting, making up: who may, when, and what each refusal says."""

import datetime
import uuid
from collections.abc import Callable
from typing import Any

import pytest

from accounts.models import AuditEntry, User
from batches.actions.attendance import (
    confirm_gathering,
    correct_presence,
    decide_leave,
    enter_absence,
    hold_gathering,
    join_makeup,
    take_back_holding,
    void_absence,
    void_makeup,
)
from batches.models import Absence, ClassOffice, ClassStaff, Enrollment, Gathering, Lodging, Programme
from batches.presence import presence_of_gathering
from batches.queries import members_on
from config.errors import Conflict, DomainError
from office.files import store_file
from office.models import Notice
from tests.activities.conftest import ClassWorld, make_class, on_the_day
from tests.factories import (
    BaseFactory,
    BatchFactory,
    ClassOfficeFactory,
    GatheringFactory,
    HouseholdFactory,
    LodgingFactory,
    MembershipFactory,
    UserFactory,
)

pytestmark = pytest.mark.django_db
__all__ = ["on_the_day"]  # the autouse fixture fixes the day here too
D = datetime.date
FIRST, SECOND, LAST = D(2026, 9, 11), D(2026, 9, 12), D(2026, 9, 13)
COMING = D(2026, 11, 27)


@pytest.fixture
def ours() -> ClassWorld:
    return make_class(BatchFactory(state="running"))


@pytest.fixture
def theirs(ours: ClassWorld) -> ClassWorld:
    world = make_class(ours.practice_class.batch, parity="even")
    Gathering.objects.filter(pk=world.gathering.pk).update(first_day=D(2026, 9, 18), last_day=D(2026, 9, 20))
    world.gathering.refresh_from_db()
    return world


def absent(world: ClassWorld, by: User | None = None, **fields: Any) -> Absence:
    values: dict[str, Any] = {
        "by": by or world.monitor, "gathering": world.gathering, "enrollment": world.member.enrollment,
        "kind": Absence.Kind.LEAVE, "first_day": SECOND, "last_day": SECOND, "reason": "公务",
    }  # fmt: skip
    return enter_absence(**(values | fields))


def refused(code: str, act: Callable[[], Any]) -> str:
    with pytest.raises(DomainError) as caught:
        act()
    assert caught.value.code == code
    return caught.value.message


def days(world: ClassWorld) -> dict[int, int]:
    world.gathering.refresh_from_db()
    return {row.enrollment.pk: row.days for row in presence_of_gathering(world.gathering)}


def test_monitor_deputy_head_teacher_and_centre_enter_absences(ours: ClassWorld, staff: User) -> None:
    deputy = ClassOfficeFactory(
        membership=MembershipFactory(practice_class=ours.practice_class, cadre__user=UserFactory()), kind="deputy"
    ).membership.enrollment.cadre.user
    states = {}
    for name, user in (("monitor", ours.monitor), ("deputy", deputy), ("teacher", ours.head_teacher), ("staff", staff)):
        states[name] = absent(
            ours, user, enrollment=MembershipFactory(practice_class=ours.practice_class).enrollment
        ).state
    entered, granted = Absence.State.ENTERED, Absence.State.APPROVED
    assert states == {"monitor": entered, "deputy": entered, "teacher": granted, "staff": granted}
    assert AuditEntry.objects.filter(act="enter_absence").count() == 4


def test_absence_is_refused_to_everybody_else(
    ours: ClassWorld, theirs: ClassWorld, leader: User, outsider: User
) -> None:
    for user in (theirs.monitor, theirs.head_teacher, ours.counsellor, ours.mentor, theirs.cadre, leader, outsider):
        refused("not_allowed", lambda user=user: absent(ours, user))
    refused("not_allowed", lambda: absent(ours, ours.cadre, enrollment=ours.monitoring.enrollment))
    assert not Absence.objects.exists()


def test_offices_and_posts_count_while_they_last(ours: ClassWorld) -> None:
    ClassOffice.objects.update(until=D(2026, 11, 1))
    ClassStaff.objects.update(until=D(2026, 11, 1))
    refused("not_allowed", lambda: absent(ours))
    refused("not_allowed", lambda: absent(ours, ours.head_teacher))


def test_cadre_asks_own_leave_which_waits_for_the_head_teacher(ours: ClassWorld, theirs: ClassWorld) -> None:
    absence = absent(ours, ours.cadre)
    assert (absence.state, absence.entered_by) == (Absence.State.ENTERED, ours.cadre)
    refused("not_allowed", lambda: decide_leave(by=ours.monitor, absence=absence, approve=True))
    refused("not_allowed", lambda: decide_leave(by=theirs.head_teacher, absence=absence, approve=True))
    refused("reason_needed", lambda: decide_leave(by=ours.head_teacher, absence=absence, approve=False, reason=" "))
    decide_leave(by=ours.head_teacher, absence=absence, approve=False, reason="要开班会")
    assert days(ours)[ours.member.enrollment.pk] == 3  # refused leave takes no day off
    decide_leave(by=ours.head_teacher, absence=absence, approve=True)
    assert days(ours)[ours.member.enrollment.pk] == 2
    told = Notice.objects.filter(addressee=ours.cadre).order_by("pk").values_list("subject", "text")
    assert list(told) == [("09-12 请假没有准", "要开班会"), ("09-12 请假已准", "")]


def test_cadre_cannot_enter_own_unexcused_absence(ours: ClassWorld) -> None:
    refused("unknown_kind", lambda: absent(ours, ours.cadre, kind=Absence.Kind.UNEXCUSED))
    refused("unknown_kind", lambda: absent(ours, kind="holiday"))


def test_unexcused_absence_is_no_leave_to_decide(ours: ClassWorld) -> None:
    absence = absent(ours, ours.head_teacher, kind=Absence.Kind.UNEXCUSED)
    assert absence.state == Absence.State.ENTERED
    refused("not_leave", lambda: decide_leave(by=ours.head_teacher, absence=absence, approve=True))


@pytest.mark.parametrize(
    ("first", "last"),
    [(D(2026, 9, 10), SECOND), (SECOND, D(2026, 9, 14)), (LAST, FIRST), (D(2026, 9, 25), D(2026, 9, 26))],
)
def test_absence_lies_within_the_gathering(ours: ClassWorld, first: D, last: D) -> None:
    message = refused("outside_gathering", lambda: absent(ours, first_day=first, last_day=last))
    assert "09-11 至 09-13" in message
    assert not Absence.objects.exists()


def test_absence_of_somebody_not_expected_is_refused(ours: ClassWorld, theirs: ClassWorld) -> None:
    refused("not_expected", lambda: absent(ours, enrollment=theirs.member.enrollment))


def test_same_sending_again_makes_one_row_and_another_content_is_a_conflict(ours: ClassWorld) -> None:
    client_id = uuid.uuid4()
    first = absent(ours, client_id=client_id)
    assert absent(ours, client_id=client_id) == first
    assert Absence.objects.count() == 1
    assert AuditEntry.objects.filter(act="enter_absence").count() == 1
    with pytest.raises(Conflict):
        absent(ours, client_id=client_id, reason="另一件事")
    other = GatheringFactory(practice_class=ours.practice_class, index=2, first_day=COMING, last_day=COMING)
    with pytest.raises(Conflict):
        absent(ours, client_id=client_id, gathering=other, first_day=COMING, last_day=COMING)


def test_overlapping_absences_are_refused_until_the_first_is_void(ours: ClassWorld) -> None:
    first = absent(ours)
    refused("absence_overlaps", lambda: absent(ours, first_day=FIRST, last_day=SECOND))
    absent(ours, kind=Absence.Kind.LATE, first_day=FIRST, last_day=FIRST, whole_days=False)
    void_absence(by=ours.monitor, absence=first, reason="记错人")
    absent(ours, first_day=FIRST, last_day=SECOND)
    assert days(ours)[ours.member.enrollment.pk] == 1


def test_reason_of_100_kb_is_refused_with_the_limit(ours: ClassWorld) -> None:
    assert "最多 200 个字" in refused("text_too_long", lambda: absent(ours, reason="长" * 100_000))


def test_void_needs_a_reason_and_somebody_who_keeps_the_list(ours: ClassWorld, theirs: ClassWorld) -> None:
    absence = absent(ours)
    refused("reason_needed", lambda: void_absence(by=ours.monitor, absence=absence, reason=" "))
    refused("not_allowed", lambda: void_absence(by=theirs.monitor, absence=absence, reason="错"))
    refused("not_allowed", lambda: void_absence(by=ours.cadre, absence=absence, reason="错"))  # not asked by her
    void_absence(by=ours.head_teacher, absence=absence, reason="记错人")
    refused("absence_void", lambda: void_absence(by=ours.monitor, absence=absence, reason="记错人"))
    refused("absence_void", lambda: decide_leave(by=ours.head_teacher, absence=absence, approve=True))


def test_holding_from_the_first_day_and_back(ours: ClassWorld, theirs: ClassWorld) -> None:
    Gathering.objects.filter(pk=ours.gathering.pk).update(state=Gathering.State.PLANNED)
    refused("not_yet", lambda: hold_gathering(by=ours.monitor, gathering=ours.gathering, today=D(2026, 9, 10)))
    refused("not_allowed", lambda: hold_gathering(by=theirs.monitor, gathering=ours.gathering, today=FIRST))
    refused("not_held", lambda: take_back_holding(by=ours.monitor, gathering=ours.gathering, reason="没去"))
    assert hold_gathering(by=ours.monitor, gathering=ours.gathering, today=FIRST).state == Gathering.State.HELD
    refused("reason_needed", lambda: take_back_holding(by=ours.monitor, gathering=ours.gathering, reason=""))
    back = take_back_holding(by=ours.monitor, gathering=ours.gathering, reason="没去")
    assert (back.state, back.state_reason) == (Gathering.State.PLANNED, "没去")


def test_confirming_freezes_days_nights_and_absent_people(ours: ClassWorld) -> None:
    absent(ours, first_day=LAST, last_day=LAST)
    gone = MembershipFactory(practice_class=ours.practice_class)
    absent(ours, enrollment=gone.enrollment, first_day=FIRST, last_day=LAST)
    scan = store_file(
        name="签到表.pdf", kind="signed_sheet", content=b"%PDF-", content_type="application/pdf", owner=None
    )
    confirmed = confirm_gathering(by=ours.monitor, gathering=ours.gathering, signed_sheet=scan, today=LAST)
    assert (confirmed.state, confirmed.confirmed_by, confirmed.signed_sheet) == ("confirmed", ours.monitor, scan)
    rows = {row.enrollment: (row.days, row.nights) for row in confirmed.presences.all()}
    assert rows == {ours.member.enrollment: (2, 1), ours.monitoring.enrollment: (3, 2), gone.enrollment: (0, 0)}


def test_confirming_twice_changes_nothing(ours: ClassWorld) -> None:
    confirm_gathering(by=ours.monitor, gathering=ours.gathering)
    at = Gathering.objects.get(pk=ours.gathering.pk).confirmed_at
    again = confirm_gathering(by=ours.head_teacher, gathering=ours.gathering)
    assert (again.confirmed_by, again.confirmed_at) == (ours.monitor, at)
    assert again.presences.count() == 2


def test_confirming_too_early_or_without_anybody_is_refused(ours: ClassWorld, theirs: ClassWorld) -> None:
    refused("not_yet", lambda: confirm_gathering(by=ours.monitor, gathering=ours.gathering, today=SECOND))
    refused("not_allowed", lambda: confirm_gathering(by=theirs.monitor, gathering=ours.gathering))
    refused("not_allowed", lambda: confirm_gathering(by=ours.counsellor, gathering=ours.gathering))
    ours.gathering.practice_class.memberships.update(live=False)
    refused("not_allowed", lambda: confirm_gathering(by=ours.monitor, gathering=ours.gathering))  # no office any more
    refused("nobody_expected", lambda: confirm_gathering(by=ours.head_teacher, gathering=ours.gathering))


def test_nothing_is_entered_into_a_confirmed_or_cancelled_gathering(ours: ClassWorld, staff: User) -> None:
    absence = absent(ours)
    confirm_gathering(by=ours.monitor, gathering=ours.gathering)
    acts: list[Callable[[], Any]] = [
        lambda: absent(ours, first_day=LAST, last_day=LAST),
        lambda: void_absence(by=ours.monitor, absence=absence, reason="错"),
        lambda: decide_leave(by=ours.head_teacher, absence=absence, approve=True),
        lambda: hold_gathering(by=ours.monitor, gathering=ours.gathering),
        lambda: take_back_holding(by=ours.monitor, gathering=ours.gathering, reason="错"),
    ]
    for act in acts:
        refused("gathering_confirmed", act)
    Gathering.objects.filter(pk=ours.gathering.pk).update(state=Gathering.State.CANCELLED)
    for act in (*acts, lambda: confirm_gathering(by=staff, gathering=ours.gathering)):
        refused("gathering_cancelled", act)


def test_corrections_are_new_rows_by_head_teacher_or_centre(ours: ClassWorld, theirs: ClassWorld, staff: User) -> None:
    def correct(by: User, **fields: Any) -> Any:
        values: dict[str, Any] = {
            "gathering": ours.gathering, "enrollment": ours.member.enrollment, "days": 2, "nights": 1, "reason": "签到表为准"
        }  # fmt: skip
        return correct_presence(by=by, **(values | fields))

    refused("not_confirmed", lambda: correct(ours.head_teacher))
    confirm_gathering(by=ours.monitor, gathering=ours.gathering)
    for user in (ours.monitor, ours.counsellor, theirs.head_teacher):
        refused("not_allowed", lambda user=user: correct(user))
    refused("reason_needed", lambda: correct(staff, reason=" "))
    for figures in ((4, 1), (2, 2), (-1, 0), (0, 1), (3, -1)):
        refused("impossible_figures", lambda f=figures: correct(staff, days=f[0], nights=f[1]))
    refused("other_batch", lambda: correct(staff, enrollment=MembershipFactory().enrollment))
    refused("unchanged", lambda: correct(staff, days=3, nights=2))
    first = correct(ours.head_teacher)
    second = correct(staff, days=1, nights=0)
    assert (first.corrects.days, second.corrects) == (3, first)
    left_out = correct(staff, enrollment=theirs.member.enrollment)
    assert left_out.corrects is None
    assert days(ours) == {
        ours.member.enrollment.pk: 1, ours.monitoring.enrollment.pk: 3, theirs.member.enrollment.pk: 2
    }  # fmt: skip


def test_makeup_follows_the_programmes_rule(ours: ClassWorld, theirs: ClassWorld, staff: User) -> None:
    def join(by: User) -> Any:
        return join_makeup(by=by, enrollment=ours.member.enrollment, gathering=theirs.gathering, reason="补第1次集中")

    for user in (ours.monitor, ours.cadre, theirs.counsellor):
        refused("not_allowed", lambda user=user: join(user))
    refused("no_makeup", lambda: join(ours.head_teacher))
    Programme.objects.update(makeup_rule=Programme.MakeUpRule.JOIN)
    makeup = join(ours.head_teacher)
    assert makeup.entered_by == ours.head_teacher
    refused("own_class", lambda: join(theirs.head_teacher))
    refused("not_allowed", lambda: void_makeup(by=ours.cadre, makeup=makeup, reason="不去"))
    void_makeup(by=theirs.head_teacher, makeup=makeup, reason="不去")
    refused("makeup_void", lambda: void_makeup(by=staff, makeup=makeup, reason="不去"))
    assert join(staff).live


def test_makeup_is_refused_where_it_cannot_be(ours: ClassWorld, theirs: ClassWorld, staff: User) -> None:
    def join(enrollment: Enrollment, gathering: Gathering) -> Any:
        return join_makeup(by=staff, enrollment=enrollment, gathering=gathering, reason="补")

    refused("own_class", lambda: join(ours.member.enrollment, ours.gathering))
    refused("other_batch", lambda: join(MembershipFactory().enrollment, ours.gathering))
    same_days = GatheringFactory(practice_class=theirs.practice_class, index=2)
    assert "09-11" in refused("away_twice", lambda: join(ours.member.enrollment, same_days))
    Enrollment.objects.filter(pk=ours.member.enrollment.pk).update(live=False)
    gone = Enrollment.objects.get(pk=ours.member.enrollment.pk)
    refused("not_enrolled", lambda: join(gone, theirs.gathering))


def test_makeup_at_a_coming_gathering_takes_a_bed_and_gives_it_back(
    ours: ClassWorld, theirs: ClassWorld, staff: User
) -> None:
    base = BaseFactory()
    coming = GatheringFactory(
        practice_class=theirs.practice_class, index=7, first_day=COMING, last_day=COMING + datetime.timedelta(2), base=base
    )  # fmt: skip
    coming.sites.update(people=1)

    def join() -> Any:
        return join_makeup(by=staff, enrollment=ours.member.enrollment, gathering=coming, reason="补第1次集中")

    refused("no_bed", join)
    assert not coming.makeups.exists()
    bed = HouseholdFactory(base=base).rooms.get().beds.first()
    LodgingFactory(gathering=coming, enrollment=theirs.member.enrollment, bed=bed)
    makeup = join()
    lodging = Lodging.objects.get(gathering=coming, enrollment=ours.member.enrollment)
    assert (lodging.live, lodging.household) == (True, bed.room.household)
    assert coming.sites.get().people == 2
    void_makeup(by=staff, makeup=makeup, reason="不去了")
    lodging.refresh_from_db()
    assert not lodging.live
    assert coming.sites.get().people == members_on(coming.practice_class, COMING).count() == 2
