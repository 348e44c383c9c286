"""A world of two: a running class with everybody around it, and another class whose people must stay outside."""

import datetime
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import time_machine

from accounts.models import User
from activities.actions import Receipt, file_record
from activities.models import ActivityRecord
from batches.models import Batch, ClassMembership, ClassStaff, Gathering, PracticeClass
from tests.factories import (
    BaseFactory,
    BatchFactory,
    ClassFactory,
    ClassOfficeFactory,
    ClassStaffFactory,
    GatheringFactory,
    MembershipFactory,
    MentorshipFactory,
    UserFactory,
)

DAY = datetime.date(2026, 9, 12)
NOW = datetime.datetime(2026, 11, 21, 10, tzinfo=ZoneInfo("Asia/Shanghai"))


@dataclass
class ClassWorld:
    """A class with its people; `gathering` is 09-11 to 09-13, held."""

    practice_class: PracticeClass
    gathering: Gathering
    monitor: User
    monitoring: ClassMembership
    head_teacher: User
    counsellor: User
    member: ClassMembership
    cadre: User
    mentor: User


def make_class(batch: Batch, **fields: Any) -> ClassWorld:
    practice_class = ClassFactory(batch=batch, **fields)
    office = ClassOfficeFactory(
        membership=MembershipFactory(
            practice_class=practice_class, cadre__user=UserFactory(name="班长"), cadre__name="班长"
        )
    )
    member = MembershipFactory(practice_class=practice_class, cadre__user=UserFactory(name="学员"), cadre__name="学员")
    return ClassWorld(
        practice_class=practice_class,
        gathering=GatheringFactory(practice_class=practice_class, state=Gathering.State.HELD, base=BaseFactory()),
        monitor=office.membership.enrollment.cadre.user,
        monitoring=office.membership,
        head_teacher=ClassStaffFactory(practice_class=practice_class, user__name="班主任").user,
        counsellor=ClassStaffFactory(
            practice_class=practice_class, kind=ClassStaff.Kind.COUNSELLOR, user__name="辅导员"
        ).user,
        member=member,
        cadre=member.enrollment.cadre.user,
        mentor=MentorshipFactory(enrollment=member.enrollment, user__name="导师").user,
    )


@pytest.fixture(autouse=True)
def on_the_day() -> Iterator[None]:
    """The day on which these tests take place, whenever they run: eight days before the batch ends."""
    with time_machine.travel(NOW):
        yield


@pytest.fixture
def batch(db: None) -> Batch:
    return BatchFactory(state=Batch.State.RUNNING)


@pytest.fixture
def ours(batch: Batch) -> ClassWorld:
    return make_class(batch)


@pytest.fixture
def theirs(batch: Batch) -> ClassWorld:
    return make_class(batch, parity="even")


def file(world: ClassWorld, **fields: Any) -> Receipt:
    """A record of the class's gathering filed by its monitor, with unsurprising values."""
    values: dict[str, Any] = {
        "by": world.monitor, "practice_class": world.practice_class, "client_id": uuid.uuid4(),
        "kind": ActivityRecord.Kind.DEED, "day": DAY, "title": "帮6户老人装扶手", "text": "逐户量尺寸，一天装完。",
        "gathering": world.gathering,
    }  # fmt: skip
    return file_record(**(values | fields))


def filed(world: ClassWorld, **fields: Any) -> ActivityRecord:
    return ActivityRecord.objects.get(client_id=file(world, **fields).client_id)
