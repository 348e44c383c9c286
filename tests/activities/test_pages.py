"""Pages of gatherings, absences, make-ups, of a class and of one's own course, as those see them who work with them."""

import datetime
import uuid

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.db.backends.postgresql.psycopg_any import DateRange
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from batches.actions.attendance import confirm_gathering, enter_absence
from batches.models import Absence, Batch, Gathering, MakeUp
from batches.presence import presence_of_gathering
from batches.queries import members_on
from office.models import StoredFile
from tests.activities.conftest import DAY, NOW, ClassWorld, filed, make_class
from tests.activities.pages import page, signed_in
from tests.factories import (
    BaseFactory,
    ClassFactory,
    GatheringFactory,
    HouseholdFactory,
    LodgingFactory,
    MembershipFactory,
    RateFactory,
)

pytestmark = pytest.mark.django_db


def test_gathering_page_shows_absences_five_ones_and_records(ours: ClassWorld, theirs: ClassWorld) -> None:
    enter_absence(
        by=ours.monitor, gathering=ours.gathering, enrollment=ours.member.enrollment, kind="leave", first_day=DAY,
        last_day=DAY, reason="局里决算会",
    )  # fmt: skip
    filed(ours, title="装扶手")
    filed(theirs, title="别班的事")
    shown = page(ours.monitor, "gathering", ours.practice_class.pk)
    assert "局里决算会" in shown
    assert "待准" in shown
    assert "惠民实事：装扶手" in shown
    assert "1 / 3 件" in shown
    assert "记一条" in shown
    assert "别班的事" not in shown
    assert "准假</button>" not in shown  # the monitor enters, the head teacher decides
    assert "准假</button>" in page(ours.head_teacher, "gathering", ours.practice_class.pk)


def test_gathering_page_is_closed_to_other_classes_and_to_members(ours: ClassWorld, theirs: ClassWorld) -> None:
    for user in (theirs.monitor, theirs.head_teacher, theirs.counsellor):
        page(user, "gathering", ours.practice_class.pk, status=404)
    page(ours.cadre, "gathering", ours.practice_class.pk, status=403)
    page(ours.monitor, "gathering", ours.practice_class.pk, status=404, gathering=theirs.gathering.pk)
    page(ours.monitor, "gathering", ours.practice_class.pk, status=404, gathering="x" * 50)


def test_leader_sees_the_gathering_and_changes_nothing(ours: ClassWorld, leader: User) -> None:
    shown = page(leader, "gathering", ours.practice_class.pk)
    assert reverse("activities:record_new", args=[ours.practice_class.pk]) not in shown
    assert "登记请假" not in shown
    client = signed_in(leader)
    assert client.post(reverse("activities:hold", args=[ours.gathering.pk])).status_code == 403


def test_gathering_page_without_any_gathering_says_what_comes(ours: ClassWorld) -> None:
    Gathering.objects.update(state=Gathering.State.CANCELLED)
    assert "这个班还没有安排集中" in page(ours.monitor, "gathering", ours.practice_class.pk)


def test_monitors_tab_leads_to_the_class(ours: ClassWorld, theirs: ClassWorld) -> None:
    response = signed_in(ours.monitor).get(reverse("activities:now"))
    assert response["Location"] == reverse("activities:gathering", args=[ours.practice_class.pk])
    page(ours.cadre, "now", status=403)


def test_absence_is_entered_once_and_errors_keep_the_form(ours: ClassWorld) -> None:
    client = signed_in(ours.monitor)
    url = reverse("activities:absence_new", args=[ours.gathering.pk])
    assert "学员" in client.get(url).content.decode()
    data = {
        "client_id": str(uuid.uuid4()), "enrollment": ours.member.enrollment.pk, "kind": "late", "first_day": "2026-09-11",
        "last_day": "2026-09-11", "reason": "孩子看病",
    }  # fmt: skip
    assert client.post(url, data).status_code == 302
    assert client.post(url, data).status_code == 302
    absence = Absence.objects.get()
    assert (absence.kind, absence.whole_days) == ("late", False)
    again = client.post(url, data | {"client_id": str(uuid.uuid4())})
    assert "已登记晚到" in again.content.decode()
    assert 'value="孩子看病"' in again.content.decode()


def test_cadre_asks_for_leave_and_takes_it_back(ours: ClassWorld, theirs: ClassWorld) -> None:
    coming = GatheringFactory(
        practice_class=ours.practice_class, index=9, first_day=datetime.date(2026, 11, 27),
        last_day=datetime.date(2026, 11, 29),
    )  # fmt: skip
    client, url = signed_in(ours.cadre), reverse("activities:leave", args=[coming.pk])
    assert "报给班主任" in client.get(url).content.decode()
    data = {
        "client_id": str(uuid.uuid4()), "enrollment": ours.member.enrollment.pk, "kind": "leave",
        "first_day": "2026-11-27", "last_day": "2026-11-27", "reason": "公务",
    }  # fmt: skip
    assert "选择一个有效的选项" in client.post(url, data | {"kind": "unexcused"}).content.decode()
    assert client.post(url, data | {"enrollment": ours.monitoring.enrollment.pk}).status_code == 200
    assert client.post(url, data).status_code == 302
    absence = Absence.objects.get()
    assert (absence.state, absence.entered_by, absence.whole_days) == (Absence.State.ENTERED, ours.cadre, True)
    assert signed_in(theirs.cadre).get(url).status_code == 404
    client.post(reverse("activities:absence_void", args=[absence.pk]), {"reason": "不请了"})
    absence.refresh_from_db()
    assert absence.state == Absence.State.VOID


def test_leave_is_decided_on_the_page(ours: ClassWorld, theirs: ClassWorld) -> None:
    absence = enter_absence(
        by=ours.monitor, gathering=ours.gathering, enrollment=ours.member.enrollment, kind="leave", first_day=DAY, last_day=DAY
    )  # fmt: skip
    url = reverse("activities:absence_decide", args=[absence.pk])
    assert signed_in(theirs.head_teacher).post(url, {"decision": "approve"}).status_code == 404
    client = signed_in(ours.head_teacher)
    client.post(url, {"decision": "approve"})
    absence.refresh_from_db()
    assert absence.state == Absence.State.APPROVED
    client.post(url, {"decision": "refuse", "reason": "要开班会"})
    absence.refresh_from_db()
    assert absence.state == Absence.State.REFUSED


def test_confirming_page_lists_days_and_keeps_a_scan(ours: ClassWorld) -> None:
    client, url = signed_in(ours.monitor), reverse("activities:confirm", args=[ours.gathering.pk])
    assert "共6人天" in client.get(url).content.decode()
    bad = client.post(url, {"signed_sheet": SimpleUploadedFile("a.pdf", b"no pdf at all")})
    assert "签到表没有附上" in bad.content.decode()
    ours.gathering.refresh_from_db()
    assert ours.gathering.state == Gathering.State.HELD
    client.post(url, {"signed_sheet": SimpleUploadedFile("../x.pdf", b"%PDF-1.4 scan")})
    ours.gathering.refresh_from_db()
    assert ours.gathering.state == Gathering.State.CONFIRMED
    scan = client.get(reverse("activities:sheet", args=[ours.gathering.pk]))
    assert scan.getvalue() == b"%PDF-1.4 scan"
    assert "attachment" in scan["Content-Disposition"]


def test_scan_of_a_refused_or_second_confirmation_is_not_kept(ours: ClassWorld) -> None:
    url = reverse("activities:confirm", args=[ours.gathering.pk])
    Gathering.objects.filter(pk=ours.gathering.pk).update(last_day=timezone.localdate() + datetime.timedelta(days=1))
    signed_in(ours.monitor).post(url, {"signed_sheet": SimpleUploadedFile("x.pdf", b"%PDF-1.4 early")})
    assert not StoredFile.objects.filter(kind="signed_sheet").exists()
    Gathering.objects.filter(pk=ours.gathering.pk).update(last_day=ours.gathering.last_day)
    for scan in (b"%PDF-1.4 first", b"%PDF-1.4 second"):
        signed_in(ours.monitor).post(url, {"signed_sheet": SimpleUploadedFile("x.pdf", scan)})
    ours.gathering.refresh_from_db()
    assert list(StoredFile.objects.filter(kind="signed_sheet")) == [ours.gathering.signed_sheet]


def test_scan_is_closed_to_other_classes(ours: ClassWorld, theirs: ClassWorld) -> None:
    page(theirs.monitor, "sheet", ours.gathering.pk, status=404)
    page(ours.monitor, "sheet", ours.gathering.pk, status=404)  # none was given


def test_correction_page_keeps_the_old_row(ours: ClassWorld) -> None:
    confirm_gathering(by=ours.monitor, gathering=ours.gathering)
    client, url = signed_in(ours.head_teacher), reverse("activities:correct", args=[ours.gathering.pk])
    data = {"enrollment": ours.member.enrollment.pk, "days": 2, "nights": 1, "reason": "签到表为准"}
    assert "住宿不超过" in client.post(url, data | {"nights": 2}).content.decode()
    assert client.post(url, data).status_code == 302
    assert "改为 2天" in client.get(url).content.decode()
    page(ours.monitor, "correct", ours.gathering.pk, status=403)


def test_makeup_is_arranged_and_taken_back(ours: ClassWorld, theirs: ClassWorld, staff: User) -> None:
    Gathering.objects.filter(pk=theirs.gathering.pk).update(
        first_day=datetime.date(2026, 9, 18), last_day=datetime.date(2026, 9, 20)
    )
    client, url = signed_in(staff), reverse("activities:makeup", args=[theirs.gathering.pk])
    data = {"enrollment": ours.member.enrollment.pk, "reason": "补第1次"}
    assert "请写补哪次" in client.post(url, data | {"reason": ""}).content.decode()
    assert client.post(url, data).status_code == 302
    makeup = MakeUp.objects.get()
    assert "补第1次" in page(staff, "gathering", theirs.practice_class.pk)
    client.post(reverse("activities:makeup_void", args=[makeup.pk]), {"reason": "不去了"})
    makeup.refresh_from_db()
    assert not makeup.live


def test_me_says_where_with_whom_and_what_it_costs(ours: ClassWorld, staff: User) -> None:
    base = BaseFactory(village__name="双溪村", meeting_point="村部")
    coming = GatheringFactory(
        practice_class=ours.practice_class, index=9, first_day=datetime.date(2026, 11, 27),
        last_day=datetime.date(2026, 11, 29), base=base,
    )  # fmt: skip
    household = HouseholdFactory(base=base, head="黄秀兰", address="溪边组12号")
    beds = list(household.rooms.get().beds.order_by("number"))
    mate = MembershipFactory(practice_class=ours.practice_class, cadre__name="许建华")
    LodgingFactory(gathering=coming, enrollment=ours.member.enrollment, bed=beds[0])
    LodgingFactory(gathering=coming, enrollment=mate.enrollment, bed=beds[1])
    assert "食宿费" not in page(ours.cadre, "me")  # no rate, no figure
    RateFactory(confirmed_at=timezone.now(), confirmed_by=staff)
    shown = page(ours.cadre, "me")
    for words in (
        "11-27 周五到",
        "双溪村",
        "住黄秀兰家，溪边组12号",
        "许建华",
        "食宿费340.00元",
        "饭240.00元",
        "住2晚100.00元",
    ):
        assert words in shown
    assert "在村 12 天" in shown
    assert "已 3 天，要满 15 天" in shown
    assert "去写" in shown


def test_me_of_somebody_not_enrolled_is_refused(outsider: User, ours: ClassWorld) -> None:
    page(outsider, "me", status=403)


def test_me_names_the_gathering_again_after_the_class_changed(ours: ClassWorld, theirs: ClassWorld) -> None:
    assert ours.practice_class.short_name in page(ours.cadre, "me")
    assert theirs.practice_class.short_name not in page(ours.cadre, "me")


def test_class_page_names_what_everybody_owes(ours: ClassWorld, theirs: ClassWorld) -> None:
    record = filed(ours)
    shown = page(ours.head_teacher, "class", ours.practice_class.pk)
    assert "在村 12 天，已 3 天，要满 15 天" in shown
    assert record.title in shown
    assert "去审核" in shown
    page(ours.head_teacher, "class", theirs.practice_class.pk, status=404)
    page(ours.cadre, "class", ours.practice_class.pk, status=403)


def test_class_page_counts_its_people_and_tells_who_left_and_who_comes(ours: ClassWorld, theirs: ClassWorld) -> None:
    today, batch = NOW.date(), ours.practice_class.batch
    first, end = batch.first_day, batch.last_day + datetime.timedelta(days=1)
    for name, since, until in (
        ("先走的", first, today), ("后走的", first, today.replace(day=25)), ("后来的", today.replace(day=24), end),
    ):  # fmt: skip
        days = DateRange(since, until)
        MembershipFactory(practice_class=ours.practice_class, cadre__name=name, days=days)
    shown = page(ours.head_teacher, "class", ours.practice_class.pk)
    assert f"{members_on(ours.practice_class, today).count()}人" in shown
    for name, note in (("先走的", "已不在班"), ("后走的", "11月25日起退出"), ("后来的", "11月24日起参加")):
        assert f'{name}<span class="dm-under">{note}</span>' in shown
    assert shown.count("已不在班") == 1


def test_class_page_tells_the_day_of_who_is_in_the_class_today_alone(
    ours: ClassWorld, theirs: ClassWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A version was published today: the list is tomorrow's, who leaves with it is in the class until then."""
    today, batch = NOW.date(), ours.practice_class.batch
    tomorrow = today + datetime.timedelta(days=1)
    monkeypatch.setattr("batches.roll.since_of", lambda rows: {batch.pk: tomorrow})
    other = ClassFactory(batch=batch, number=20, track=ours.practice_class.track)
    end = batch.last_day + datetime.timedelta(days=1)
    leaves, moves = (
        MembershipFactory(
            practice_class=ours.practice_class, cadre__name=name, days=DateRange(batch.first_day, tomorrow)
        )
        for name in ("明天走的", "明天调的")
    )
    MembershipFactory(practice_class=other, enrollment=moves.enrollment, days=DateRange(tomorrow, end))
    shown = page(ours.head_teacher, "class", ours.practice_class.pk)
    day = f"{tomorrow.month}月{tomorrow.day}日起"
    for name, note in ((leaves.enrollment.cadre.name, f"{day}退出"), ("明天调的", f"{day}到第20班")):
        assert f'{name}<span class="dm-under">{note}</span>' in shown
    assert "已不在班" not in shown


def test_list_of_classes_and_waiting_papers(ours: ClassWorld, theirs: ClassWorld, leader: User) -> None:
    filed(ours, title="等审核的")
    filed(theirs, title="别班等审核的")
    shown = page(ours.head_teacher, "classes")
    assert "等审核的" in shown
    assert "别班等审核的" not in shown
    assert str(theirs.practice_class) not in shown
    assert str(theirs.practice_class) in page(leader, "classes")


def test_five_ones_matrix_by_class_number(ours: ClassWorld, theirs: ClassWorld, leader: User, batch: Batch) -> None:
    filed(ours, kind="party")
    shown = page(leader, "five_ones", batch.pk)
    assert "按班号排列" in shown
    assert "待审核" in shown
    assert shown.index(ours.practice_class.short_name) < shown.index(theirs.practice_class.short_name)
    assert theirs.practice_class.short_name not in page(ours.head_teacher, "five_ones", batch.pk)
    page(ours.head_teacher, "five_ones", batch.pk + 1000, status=404)


@pytest.mark.usefixtures("still_clock")
def test_number_of_queries_does_not_grow_with_rows(ours: ClassWorld, batch: Batch, staff: User) -> None:
    places = [
        (ours.monitor, "gathering", ours.practice_class.pk), (ours.head_teacher, "class", ours.practice_class.pk),
        (staff, "classes"), (staff, "five_ones", batch.pk), (ours.cadre, "me"),
    ]  # fmt: skip

    def fill(number: int) -> None:
        for n in range(number):
            member = MembershipFactory(practice_class=ours.practice_class)
            enter_absence(
                by=ours.monitor, gathering=ours.gathering, enrollment=member.enrollment, kind="leave", first_day=DAY, last_day=DAY
            )  # fmt: skip
            filed(ours, title=f"第{n}件")
            make_class(batch)

    def count() -> list[int]:
        counts = []
        for user, name, *args in places:
            client = signed_in(user)
            url = reverse(f"activities:{name}", args=args)
            client.get(url)
            with CaptureQueriesContext(connection) as queries:
                client.get(url)
            counts.append(len(queries))
        return counts

    fill(1)
    few = count()
    fill(8)
    assert count() == few
    assert len(presence_of_gathering(ours.gathering)) == 11


def test_makeup_needs_a_person_of_the_batch(ours: ClassWorld, staff: User) -> None:
    stranger = MembershipFactory()
    url = reverse("activities:makeup", args=[ours.gathering.pk])
    response = signed_in(staff).post(url, {"enrollment": stranger.enrollment.pk, "reason": "补"})
    assert "选择一个有效的选项" in response.content.decode()
    assert not MakeUp.objects.exists()
