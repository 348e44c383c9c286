"""A small published batch: two classes, a gathering that has been and one to come, and the people around them."""

import datetime
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
import time_machine
from django.db.backends.postgresql.psycopg_any import DateRange

from accounts.models import User
from bases.models import PracticeBase
from batches.models import Batch, ClassOffice, Gathering, MakeUp, PlanVersion, PracticeClass
from tests import factories

CHINA = datetime.timezone(datetime.timedelta(hours=8))
NOW = datetime.datetime(2026, 10, 22, 9, 30, tzinfo=CHINA)
TODAY = NOW.date()
FINGERPRINT = "9f3c07b25e18a71e" + "0" * 48
Course = SimpleNamespace


@pytest.fixture(autouse=True)
def on_the_day() -> Iterator[None]:
    """Thursday, in the seventh week of the batch, a day before a gathering; whenever the tests run."""
    with time_machine.travel(NOW, tick=False):
        yield


def at_base(village: str, township: str) -> PracticeBase:
    return factories.BaseFactory(village__name=village, village__township__name=township)


def people(practice_class: PracticeClass) -> dict[str, Any]:
    """Four members by name, in order of their names: the third writes a formula as the post, the fourth joins late."""
    found: dict[str, Any] = {}
    for name, sex, unit, post in (
        ("安平", "M", "县水利局", "副股长"),
        ("卜云", "F", "县统计局", "=1+1"),
        ("曹志", "M", "梅溪镇人民政府", "综合办主任"),
    ):
        found[name] = factories.MembershipFactory(
            practice_class=practice_class, cadre__name=name, cadre__sex=sex, cadre__unit__name=unit, cadre__post=post
        )
    late = DateRange(datetime.date(2026, 10, 24), practice_class.batch.last_day + datetime.timedelta(days=1))
    found["董迟"] = factories.MembershipFactory(
        practice_class=practice_class, cadre__name="董迟", cadre__unit__name="县税务局", cadre__post="", days=late
    )
    return found


@pytest.fixture
def course(staff: User) -> Course:
    """Batch 3 is running. Class 7 was at 岭下村 in September (confirmed) and goes to 双溪村 tomorrow; class 8 stays apart."""
    batch = factories.BatchFactory(number=3, state=Batch.State.RUNNING)
    version = PlanVersion.objects.create(
        batch=batch, number=2, plan_text="{}", seed=20260824, fingerprint=FINGERPRINT, published_by=staff
    )
    seven = factories.ClassFactory(batch=batch, number=7, parity="odd")
    eight = factories.ClassFactory(batch=batch, number=8, parity="even", track=seven.track)
    members = people(seven)
    monitor = factories.UserFactory(name="安平")
    members["安平"].enrollment.cadre.user = monitor
    members["安平"].enrollment.cadre.save()
    factories.ClassOfficeFactory(membership=members["安平"])
    factories.ClassOfficeFactory(membership=members["卜云"], kind=ClassOffice.Kind.DEPUTY)
    teacher = factories.ClassStaffFactory(practice_class=seven, user__name="何文彬").user
    factories.ClassStaffFactory(practice_class=seven, user__name="黄志强", kind="counsellor")
    mentor = factories.MentorshipFactory(enrollment=members["安平"].enrollment, user__name="余国栋").user
    been = factories.GatheringFactory(
        practice_class=seven, base=at_base("岭下村", "石门镇人民政府"), state=Gathering.State.HELD
    )
    here = at_base("双溪村", "双河镇人民政府")
    coming = factories.GatheringFactory(
        practice_class=seven, index=2, base=here, first_day=datetime.date(2026, 10, 23),
        last_day=datetime.date(2026, 10, 25),
    )  # fmt: skip
    guest = factories.MembershipFactory(practice_class=eight, cadre__name="阿补", cadre__unit__name="县财政局")
    MakeUp.objects.create(gathering=coming, enrollment=guest.enrollment, reason="缺 09-18", entered_by=staff)
    home = factories.HouseholdFactory(base=here, head="黄秀兰", address="上洋 3 号", beds=2)
    beds = list(home.rooms.get().beds.order_by("number"))
    for name, bed in (("安平", beds[0]), ("曹志", beds[1])):
        factories.LodgingFactory(gathering=coming, enrollment=members[name].enrollment, bed=bed)
    other = factories.HouseholdFactory(base=here, head="吴阿妹", address="下洋 9 号", beds=1)
    factories.LodgingFactory(gathering=coming, enrollment=members["卜云"].enrollment, bed=other.rooms.get().beds.get())
    return Course(
        batch=batch, version=version, practice_class=seven, other_class=eight, members=members, guest=guest, been=been,
        coming=coming, base=here, monitor=monitor, teacher=teacher, mentor=mentor, staff=staff,
    )  # fmt: skip
