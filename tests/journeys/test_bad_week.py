"""The clerk's bad week, through the pages: a wrong class, a late comer, a typhoon, a wrong list, a returned record.

The small county of tests/batches/county.py: class 1 gathers 03-05 to 03-07 and 03-19 to 03-21, class 2 a week later each;
6 days in the village and 2 villages are asked for. What it comes to in the end is counted here by hand.
"""

import datetime
import re
from dataclasses import dataclass
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import call_command
from django.test import Client
from django.urls import reverse

from accounts.models import Role, User
from activities.models import ActivityRecord, PaperState
from activities.owing import owing_of_classes, owing_of_enrollments
from bases.models import BaseUse
from batches.models import Batch, ClassMembership, Enrollment, Gathering, Lodging
from batches.presence import village_days
from cadres.models import Cadre, RosterImport
from cadres.tasks import read_import
from tests import factories
from tests.batches.county import County, at, make_county, publish_by_hand
from tests.cadres.sheets import PERSON, roster_of

pytestmark = pytest.mark.django_db
MARCH = datetime.date(2027, 3, 1).replace


@dataclass
class Story:
    """Who is who: class 1 is wrong, stays, sick and monitor; `late` is in nobody's class yet."""

    county: County
    centre: User
    colleague: User
    monitor: User
    teacher: User
    wrong: Enrollment
    sick: Enrollment
    stays: Enrollment
    monitors: Enrollment
    late: Cadre

    @property
    def batch(self) -> Batch:
        return self.county.batch

    def send(self, user: User, name: str, *args: Any, **data: Any) -> str:
        """Sign in, post a form and follow to the page that answers."""
        response = signed_in(user).post(reverse(name, args=args), data, follow=True)
        assert response.status_code in (200, 422), (name, response.status_code)
        return response.content.decode()

    def page(self, user: User, name: str, *args: Any) -> str:
        response = signed_in(user).get(reverse(name, args=args))
        assert response.status_code == 200, (name, response.status_code)
        return response.content.decode()


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client


@pytest.fixture
def story(staff: User) -> Story:
    """Published on 2027-02-15."""
    with at(datetime.date(2027, 2, 15)):
        county = make_county(staff)
        late = factories.CadreFactory(name="迟来", sex="M")
        publish_by_hand(county, staff)
        wrong, sick, stays, monitors = (county.enrollment(county.cadres[place]) for place in (0, 2, 4, 6))
        teacher = factories.UserFactory(name="韦老师")
        monitor = factories.UserFactory(name="班长")
        Cadre.objects.filter(pk=monitors.cadre_id).update(user=monitor)
        factories.ClassStaffFactory(practice_class=county.classes[0], user=teacher, since=datetime.date(2027, 2, 1))
        membership = ClassMembership.objects.get(enrollment=monitors)
        factories.ClassOfficeFactory(membership=membership, since=datetime.date(2027, 2, 1))
    colleague = factories.user_with_role(Role.CENTRE, name="林晓雯")
    return Story(county, staff, colleague, monitor, teacher, wrong, sick, stays, monitors, late)


def plain(page: str) -> str:
    """What a page says, without its tags, for a failure's message."""
    return " ".join(re.sub(r"<[^>]*>", " ", page[page.index("<main") :]).split())[:1500]


def change(story: Story, kind: str, told: str, **values: Any) -> str:
    """A change as the clerk makes it: what would happen is told first and nothing has happened; then it is done."""
    before = (Lodging.objects.filter(live=True).count(), BaseUse.objects.filter(live=True).count())
    data = {"form": kind} | {f"{kind}-{name}": value for name, value in values.items()}
    looked = story.send(story.centre, "batches:adjust", story.batch.pk, look="1", **data)
    assert told in looked, plain(looked)
    assert (Lodging.objects.filter(live=True).count(), BaseUse.objects.filter(live=True).count()) == before
    return story.send(story.centre, "batches:adjust", story.batch.pk, **data)


def test_bad_week_ends_with_every_day_accounted_for(story: Story) -> None:
    with at(MARCH(day=1)):
        story.send(story.centre, "batches:advance", story.batch.pk, "start")
    first_gathering(story)
    with at(MARCH(day=8)):
        move_to_the_right_class(story)
    with at(MARCH(day=9)):
        add_late(story)
        import_and_take_back(story)
    with at(MARCH(day=10)):
        typhoon(story)
    second_gathering(story)
    with at(MARCH(day=22)):
        count_everything(story)
        what_pages_say(story)
        call_command("check_invariants")
        call_command("verify_audit")


def first_gathering(story: Story) -> None:
    """03-05 to 03-07, one person on leave on the last day."""
    gathering = story.county.gathering(1, 1)
    with at(MARCH(day=5)):
        story.send(story.monitor, "activities:hold", gathering.pk)
    with at(MARCH(day=7)):
        story.send(
            story.monitor, "activities:absence_new", gathering.pk, client_id="8b5d6f4e-3c1f-4c57-9a6e-0d3b1c2a4e01",
            enrollment=story.sick.pk, kind="leave", first_day="2027-03-07", last_day="2027-03-07", reason="发烧",
        )  # fmt: skip
        story.send(story.teacher, "activities:absence_decide", gathering.absences.get().pk, decision="approve")
        story.send(story.monitor, "activities:confirm", gathering.pk)


def move_to_the_right_class(story: Story) -> None:
    """He should have been in class 2, where a colleague of his unit is: refused until another of the staff has agreed."""
    to = story.county.classes[1]
    values = {"enrollment": story.wrong.pk, "to": to.pk, "from_day": "2027-03-08", "reason": "编错了班"}
    for rule, needs in (("R02", {"track": to.track_id}), ("R03", {})):
        data = {f"move-{name}": value for name, value in values.items()}
        refused = story.send(story.centre, "batches:adjust", story.batch.pk, form="move", look="1", **data)
        assert f"（{rule}" in refused, plain(refused)
        asked = needs | {"unit": story.wrong.cadre.unit_id, "rule": rule, "reason": "只能在双周"}
        form = {f"ask-{name}": value for name, value in asked.items()}
        story.send(story.centre, "batches:waivers", story.batch.pk, form="ask", **form)
        waiver = story.batch.waivers.get(rule=rule)
        story.send(story.centre, "batches:approve_waiver", story.batch.pk, waiver.pk)
        waiver.refresh_from_db()
        assert waiver.approver_id is None, "nobody approves what they asked for"
        story.send(story.colleague, "batches:approve_waiver", story.batch.pk, waiver.pk)
    change(story, "move", "调班：会怎样", **values)
    now = ClassMembership.objects.get(enrollment=story.wrong, live=True, days__contains=MARCH(day=8))
    assert now.practice_class == to


def add_late(story: Story) -> None:
    values = {"cadre": story.late.name, "to": story.county.classes[0].pk, "from_day": "2027-03-09", "reason": "刚调来"}
    change(story, "late", "中途加入：会怎样", **values)
    assert Enrollment.objects.get(cadre=story.late).joined_on == MARCH(day=9)


def import_and_take_back(story: Story) -> None:
    """A list of another county: written, seen to be wrong, taken back; the register is as it was."""
    before = list(Cadre.objects.order_by("pk").values())
    unit = story.late.unit.name
    wrong = roster_of(PERSON | {"单位": unit}, PERSON | {"单位": unit, "姓名": "覃丽婷", "性别": "女", "出生年月": "1976.09",
                      "身份证号": "995811197609117064", "手机号码": "14449533058"})  # fmt: skip
    story.send(story.centre, "cadres:upload_roster", file=SimpleUploadedFile("别县.xlsx", wrong))
    roster_import = RosterImport.objects.get()
    read_import(str(roster_import.job_id))
    story.send(story.centre, "cadres:import_commit", roster_import.pk)
    assert Cadre.objects.count() == len(before) + 2
    told = story.send(story.centre, "cadres:import_revert", roster_import.pk, reason="传错了县")
    assert "已撤回" in told
    assert list(Cadre.objects.order_by("pk").values()) == before


def typhoon(story: Story) -> None:
    """03-12 to 03-14 falls out: class 2 loses its first gathering; its base and beds are free again."""
    message = change(
        story, "days", "取消几天里的集中：会怎样", first_day="2027-03-12", last_day="2027-03-14", reason="台风蓝色预警"
    )
    assert "取消了 1 次集中" in message
    gone = Gathering.objects.get(practice_class=story.county.classes[1], index=1)
    assert gone.state == Gathering.State.CANCELLED
    assert not Lodging.objects.filter(gathering=gone, live=True).exists()
    assert not BaseUse.objects.filter(gathering_site__gathering=gone, live=True).exists()


def second_gathering(story: Story) -> None:
    """03-19 to 03-21 with the one who came late; a record is returned and handed in again."""
    gathering = story.county.gathering(1, 2)
    with at(MARCH(day=19)):
        story.send(story.monitor, "activities:hold", gathering.pk)
    with at(MARCH(day=20)):
        people = [row.pk for row in Enrollment.objects.filter(memberships__practice_class=story.county.classes[0], live=True)
                  if row != story.wrong]  # fmt: skip
        form = {
            "client_id": "8b5d6f4e-3c1f-4c57-9a6e-0d3b1c2a4e02", "kind": "deed", "gathering": gathering.pk, "day": "2027-03-20",
            "village": gathering.sites.get().base.village_id, "participants": people, "title": "清淤", "text": "清了水渠。",
            "act": "submit",
        }  # fmt: skip
        filed = story.send(story.monitor, "activities:record_new", story.county.classes[0].pk, **form)
        assert ActivityRecord.objects.count() == 1, plain(filed)
        record = ActivityRecord.objects.get()
        story.send(
            story.teacher, "activities:review", record.pk, decision="return", version=record.version,
            reason="没写清了多长的渠",
        )  # fmt: skip
        assert owed_deeds(story) == 3, "a returned record is owed again"
        returned = story.page(story.monitor, "activities:record", record.pk)
        assert "没写清了多长的渠" in returned
        record.refresh_from_db()
        story.send(
            story.monitor,
            "activities:record",
            record.pk,
            **form | {"text": "清了三百米水渠。", "version": record.version},
        )
        record.refresh_from_db()
        story.send(story.teacher, "activities:review", record.pk, decision="accept", version=record.version)
        record.refresh_from_db()
        assert (record.state, record.text) == (PaperState.ACCEPTED, "清了三百米水渠。")
        states = list(record.versions.order_by("pk").values_list("state", flat=True))
        assert states == ["submitted", "returned", "submitted", "accepted"]
    with at(MARCH(day=21)):
        story.send(story.monitor, "activities:confirm", gathering.pk)


def owed_deeds(story: Story) -> int:
    practice_class = story.county.classes[0]
    return next(
        one.missing for one in owing_of_classes([practice_class])[practice_class.pk].kinds if one.kind == "deed"
    )


def count_everything(story: Story) -> None:
    """Days, nights and villages done; what is owed with the day that cures it, or none."""
    late = Enrollment.objects.get(cadre=story.late)
    second = story.county.enrollment(story.county.cadres[3])
    people = [story.stays, story.monitors, story.sick, story.wrong, late, second]
    days = village_days(people)
    assert [(days[row.pk].done, days[row.pk].nights, len(days[row.pk].villages_done)) for row in people] == [
        (6, 4, 2), (6, 4, 2), (5, 3, 2), (3, 2, 1), (3, 2, 1), (0, 0, 0),
    ]  # fmt: skip
    owed = owing_of_enrollments(people)
    table = {
        row.pk: [(item.what, item.missing, item.cured_on) for item in owed[row.pk] if item.what != "reflections"]
        for row in people
    }
    assert table == {
        story.stays.pk: [],
        story.monitors.pk: [],
        story.sick.pk: [("village_days", 1, None)],
        story.wrong.pk: [("village_days", 3, MARCH(day=28)), ("villages", 1, MARCH(day=26))],
        late.pk: [("village_days", 3, None), ("villages", 1, None)],
        second.pk: [("village_days", 6, None), ("villages", 2, None)],
    }
    live = Lodging.objects.filter(live=True, gathering=story.county.gathering(2, 2))
    assert live.count() == 5, "class 2 and the one who was moved into it"
    assert owed_deeds(story) == 2


def what_pages_say(story: Story) -> None:
    """The same figures on the page of the head teacher and of the person concerned."""
    page = story.page(story.teacher, "activities:class", story.county.classes[0].pk)
    assert "迟来" in page
    own = factories.UserFactory()
    Cadre.objects.filter(pk=story.wrong.cadre_id).update(user=own)
    mine = story.page(own, "activities:me")
    for words in ("在村 3 天", "已 3 天，要满 6 天", "03-28"):
        assert words in mine
