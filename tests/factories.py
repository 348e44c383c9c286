"""Rows for tests, with unsurprising defaults: everything valid, nothing special unless a trait says so."""

import datetime
from typing import Any

import factory
from django.contrib.auth.hashers import make_password
from django.db.backends.postgresql.psycopg_any import DateRange
from factory.django import DjangoModelFactory

from accounts.models import Role, RoleGrant, User
from bases.models import BaseManager, Bed, HostHousehold, PracticeBase, Rate, Room, TownshipLiaison, Village
from batches.models import (
    Batch,
    ClassMembership,
    ClassOffice,
    ClassStaff,
    Enrollment,
    Gathering,
    GatheringSite,
    Lodging,
    Mentorship,
    PracticeClass,
    Programme,
    Track,
)  # fmt: skip
from cadres.models import Cadre, Unit, UnitLiaison

PASSWORD = "Miao-2026-ok"
_HASHED = make_password(PASSWORD)
ANCIENT = datetime.date(2020, 1, 1)


def id_number(serial: int, birth: datetime.date, sex: str) -> str:
    """An invented ID number (division 990101) with a correct check digit."""
    body = f"990101{birth:%Y%m%d}{serial % 500 * 2 + (1 if sex == 'M' else 0):03d}"
    weights = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
    return body + "10X98765432"[sum(int(d) * w for d, w in zip(body, weights, strict=True)) % 11]


class UserFactory(DjangoModelFactory[User]):
    class Meta:
        model = User

    username = factory.Sequence(lambda n: f"user{n:05d}")
    name = factory.Sequence(lambda n: f"用户{n:05d}")
    password = _HASHED
    must_change_password = False


def user_with_role(role: Role, **fields: Any) -> User:
    user = UserFactory(**fields)
    RoleGrant.objects.create(user=user, role=role, reason="测试需要", since=ANCIENT)
    return user


class UnitFactory(DjangoModelFactory[Unit]):
    class Meta:
        model = Unit

    name = factory.Sequence(lambda n: f"县第{n:05d}局")
    kind = Unit.Kind.COUNTY


class TownshipFactory(UnitFactory):
    name = factory.Sequence(lambda n: f"第{n:05d}镇人民政府")
    kind = Unit.Kind.TOWNSHIP


class CadreFactory(DjangoModelFactory[Cadre]):
    class Meta:
        model = Cadre

    unit = factory.SubFactory(UnitFactory)
    name = factory.Sequence(lambda n: f"干部{n:05d}")
    sex = "M"
    birth = datetime.date(1992, 5, 1)
    id_number = factory.LazyAttributeSequence(lambda o, n: id_number(n, o.birth, o.sex))
    phone = factory.Sequence(lambda n: f"199{n:08d}")
    level = "科员级"
    rank = "一级科员"
    post = "科员"
    post_kind = "综合管理"

    class Params:
        woman = factory.Trait(sex="F")


class UnitLiaisonFactory(DjangoModelFactory[UnitLiaison]):
    class Meta:
        model = UnitLiaison

    unit = factory.SubFactory(UnitFactory)
    user = factory.SubFactory(UserFactory)
    since = ANCIENT


class VillageFactory(DjangoModelFactory[Village]):
    class Meta:
        model = Village

    name = factory.Sequence(lambda n: f"第{n:05d}村")
    township = factory.SubFactory(TownshipFactory)


class BaseFactory(DjangoModelFactory[PracticeBase]):
    class Meta:
        model = PracticeBase

    village = factory.SubFactory(VillageFactory)
    cooperative = factory.LazyAttribute(lambda o: f"{o.village.name}农业合作社")
    declared_capacity = 40
    contact = "黄永福"
    phone = "19900000217"


class HouseholdFactory(DjangoModelFactory[HostHousehold]):
    """Admitted, with one room of `beds` beds (0 for none)."""

    class Meta:
        model = HostHousehold
        skip_postgeneration_save = True

    base = factory.SubFactory(BaseFactory)
    head = factory.Sequence(lambda n: f"农户{n:05d}")
    state = HostHousehold.State.ADMITTED
    reviewed_on = datetime.date(2025, 11, 1)
    notice_from = datetime.date(2025, 11, 3)
    notice_until = datetime.date(2025, 11, 10)
    admitted_on = datetime.date(2025, 11, 11)

    @factory.post_generation
    def beds(self: Any, create: bool, extracted: int | None, **_: Any) -> None:
        count = 4 if extracted is None else extracted
        if count:
            room = Room.objects.create(household=self, name="东屋")
            Bed.objects.bulk_create(Bed(room=room, number=n) for n in range(1, count + 1))


class TownshipLiaisonFactory(DjangoModelFactory[TownshipLiaison]):
    class Meta:
        model = TownshipLiaison

    township = factory.SubFactory(TownshipFactory)
    user = factory.SubFactory(UserFactory)
    since = ANCIENT


class BaseManagerFactory(DjangoModelFactory[BaseManager]):
    class Meta:
        model = BaseManager

    base = factory.SubFactory(BaseFactory)
    user = factory.SubFactory(UserFactory)
    since = ANCIENT


class ProgrammeFactory(DjangoModelFactory[Programme]):
    class Meta:
        model = Programme

    name = factory.Sequence(lambda n: f"四下基层实践{n}")
    age_bands = [30, 35, 40]
    start_weekdays = [5]


class TrackFactory(DjangoModelFactory[Track]):
    class Meta:
        model = Track

    programme = factory.SubFactory(ProgrammeFactory)
    order = factory.Sequence(lambda n: n + 1)
    name = "综合班"
    classes_per_batch = 2


class BatchFactory(DjangoModelFactory[Batch]):
    """Twelve weeks from Monday 2026-09-07."""

    class Meta:
        model = Batch

    programme = factory.SubFactory(ProgrammeFactory)
    number = factory.Sequence(lambda n: n + 1)
    first_day = datetime.date(2026, 9, 7)
    last_day = datetime.date(2026, 11, 29)


class ClassFactory(DjangoModelFactory[PracticeClass]):
    class Meta:
        model = PracticeClass

    batch = factory.SubFactory(BatchFactory)
    number = factory.Sequence(lambda n: n + 1)
    parity = "odd"
    track = factory.LazyAttribute(
        lambda o: o.batch.programme.tracks.first() or TrackFactory(programme=o.batch.programme, order=1)
    )


class EnrollmentFactory(DjangoModelFactory[Enrollment]):
    class Meta:
        model = Enrollment

    batch = factory.SubFactory(BatchFactory)
    cadre = factory.SubFactory(CadreFactory)


class MembershipFactory(DjangoModelFactory[ClassMembership]):
    """A new cadre in the class for the whole batch; pass `cadre` or `enrollment` to choose who."""

    class Meta:
        model = ClassMembership

    class Params:
        cadre = factory.SubFactory(CadreFactory)

    practice_class = factory.SubFactory(ClassFactory)
    enrollment = factory.LazyAttribute(lambda o: EnrollmentFactory(batch=o.practice_class.batch, cadre=o.cadre))
    days = factory.LazyAttribute(lambda o: whole_batch(o.practice_class.batch))


def whole_batch(batch: Batch) -> DateRange:
    return DateRange(batch.first_day, batch.last_day + datetime.timedelta(days=1))


class ClassStaffFactory(DjangoModelFactory[ClassStaff]):
    class Meta:
        model = ClassStaff

    practice_class = factory.SubFactory(ClassFactory)
    user = factory.SubFactory(UserFactory)
    kind = ClassStaff.Kind.HEAD_TEACHER
    since = ANCIENT


class ClassOfficeFactory(DjangoModelFactory[ClassOffice]):
    """A monitor whose cadre has an account."""

    class Meta:
        model = ClassOffice

    membership = factory.SubFactory(MembershipFactory, cadre__user=factory.SubFactory(UserFactory))
    kind = ClassOffice.Kind.MONITOR
    since = ANCIENT


class MentorshipFactory(DjangoModelFactory[Mentorship]):
    class Meta:
        model = Mentorship

    enrollment = factory.SubFactory(EnrollmentFactory)
    user = factory.SubFactory(UserFactory)
    since = ANCIENT


class GatheringFactory(DjangoModelFactory[Gathering]):
    """Friday to Sunday of the batch's first week; pass `base` to say where (its GatheringSite is made)."""

    class Meta:
        model = Gathering
        skip_postgeneration_save = True

    practice_class = factory.SubFactory(ClassFactory)
    index = 1
    first_day = datetime.date(2026, 9, 11)
    last_day = datetime.date(2026, 9, 13)

    @factory.post_generation
    def base(self: Any, create: bool, extracted: PracticeBase | None, **_: Any) -> None:
        GatheringSite.objects.create(gathering=self, base=extracted or BaseFactory(), people=20)


class LodgingFactory(DjangoModelFactory[Lodging]):
    class Meta:
        model = Lodging

    gathering = factory.SubFactory(GatheringFactory)
    enrollment = factory.SubFactory(EnrollmentFactory)


class RateFactory(DjangoModelFactory[Rate]):
    class Meta:
        model = Rate

    days = DateRange(ANCIENT, None)
    night = 50
