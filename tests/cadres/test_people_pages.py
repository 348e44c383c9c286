"""A unit's own page, days somebody cannot come, and what a cadre reads about himself."""

import datetime

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts import reveal
from accounts.models import AuditEntry, User
from accounts.roles import roles_of
from cadres import actions, queries
from cadres.models import Cadre, PastAttendance, Unavailability, Unit
from config.errors import Conflict, DomainError
from tests.factories import CadreFactory, UnitFactory, UnitLiaisonFactory, UserFactory

pytestmark = pytest.mark.django_db
FIRST, LAST = datetime.date(2027, 1, 4), datetime.date(2027, 1, 29)
AWAY = reverse("cadres:unavailability")


@pytest.fixture
def unit(db: None) -> Unit:
    return UnitFactory(name="县林业局")


@pytest.fixture
def liaison(unit: Unit) -> User:
    return UnitLiaisonFactory(unit=unit).user


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client


def test_liaison_sees_the_own_unit_and_no_other(unit: Unit, liaison: User) -> None:
    own, other = CadreFactory(unit=unit, name="自己人"), CadreFactory(name="外单位人")
    PastAttendance.objects.create(cadre=own, session="第一期", outcome="良好")
    page = signed_in(liaison).get(reverse("cadres:unit")).content.decode()
    assert ("自己人" in page, "外单位人" in page, "第一期" in page) == (True, False, True)
    assert signed_in(liaison).get(reverse("cadres:unit_page", args=[unit.pk])).status_code == 200
    assert signed_in(liaison).get(reverse("cadres:unit_page", args=[other.unit_id])).status_code == 404
    assert set(queries.visible_to(liaison, Cadre)) == {own}


def test_former_liaison_sees_nothing(unit: Unit) -> None:
    past = datetime.date(2025, 1, 31)
    user = UnitLiaisonFactory(unit=unit, until=past).user
    CadreFactory(unit=unit)
    assert signed_in(user).get(reverse("cadres:unit")).status_code == 403
    assert not queries.visible_to(user, Cadre).exists()


def test_unit_page_asks_as_much_for_one_cadre_as_for_twenty(unit: Unit, liaison: User) -> None:
    def asked() -> int:
        client = signed_in(liaison)
        with CaptureQueriesContext(connection) as counted:
            assert client.get(reverse("cadres:unit")).status_code == 200
        return len(counted)

    def add(count: int) -> None:
        for cadre in CadreFactory.create_batch(count, unit=unit):
            PastAttendance.objects.create(cadre=cadre, session="第一期")
            actions.enter_unavailability(cadre=cadre, first_day=FIRST, last_day=LAST, reason="学习", by=liaison)

    add(1)
    one = asked()
    add(19)
    assert asked() == one


# --- days somebody cannot come


def test_liaison_enters_days_and_takes_them_back_with_a_reason(unit: Unit, liaison: User) -> None:
    cadre = CadreFactory(unit=unit)
    client = signed_in(liaison)
    data = {"cadre": cadre.pk, "first_day": FIRST, "last_day": LAST, "reason": "产假"}
    assert client.post(f"{AWAY}?unit={unit.pk}", data).status_code == 302
    row = Unavailability.objects.get()
    assert (row.cadre, row.days.lower, row.days.upper, row.entered_by) == (
        cadre, FIRST, LAST + datetime.timedelta(days=1), liaison,
    )  # fmt: skip
    assert "2027-01-04 至 2027-01-29" in client.get(AWAY).content.decode()
    client.post(reverse("cadres:void_unavailability", args=[row.pk]), {"reason": "提前回来"})
    row.refresh_from_db()
    assert (row.live, row.voided_reason) == (False, "提前回来")
    assert [entry.act for entry in AuditEntry.objects.order_by("seq")] == [
        "enter_unavailability",
        "void_unavailability",
    ]
    with pytest.raises(Conflict):
        actions.void_unavailability(unavailability=row, reason="又一次", by=liaison)


def test_overlapping_days_come_back_on_the_form_with_nothing_lost(unit: Unit, liaison: User) -> None:
    cadre = CadreFactory(unit=unit)
    actions.enter_unavailability(cadre=cadre, first_day=FIRST, last_day=LAST, reason="学习", by=liaison)
    data = {"cadre": cadre.pk, "first_day": LAST, "last_day": LAST, "reason": "自己写的原因"}
    response = signed_in(liaison).post(f"{AWAY}?unit={unit.pk}", data)
    body = response.content.decode()
    assert (response.status_code, Unavailability.objects.count()) == (422, 1)
    assert ("已有登记" in body, "自己写的原因" in body) == (True, True)
    actions.enter_unavailability(
        cadre=cadre, first_day=LAST + datetime.timedelta(days=1), last_day=LAST + datetime.timedelta(days=1), reason="学习",
        by=liaison,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("first", "last", "reason", "code"),
    [(LAST, FIRST, "学习", "days_backwards"), (FIRST, LAST, "  ", "reason_missing"),
     (FIRST, datetime.date(2031, 1, 1), "长期", "days_too_many")],
)  # fmt: skip
def test_days_that_make_no_sense_are_refused(
    unit: Unit, liaison: User, first: datetime.date, last: datetime.date, reason: str, code: str
) -> None:
    with pytest.raises(DomainError) as refused:
        actions.enter_unavailability(
            cadre=CadreFactory(unit=unit), first_day=first, last_day=last, reason=reason, by=liaison
        )
    assert refused.value.code == code
    assert not Unavailability.objects.exists()


def test_liaison_reaches_no_other_unit_by_any_way(unit: Unit, liaison: User, staff: User) -> None:
    stranger = CadreFactory()
    row = actions.enter_unavailability(cadre=stranger, first_day=FIRST, last_day=LAST, reason="学习", by=staff)
    client = signed_in(liaison)
    data = {"cadre": stranger.pk, "first_day": FIRST, "last_day": LAST, "reason": "产假"}
    assert client.post(f"{AWAY}?unit={stranger.unit_id}", data).status_code == 404
    assert client.post(f"{AWAY}?unit={unit.pk}", data).status_code == 422
    assert client.post(reverse("cadres:void_unavailability", args=[row.pk]), {"reason": "不该"}).status_code == 404
    assert list(Unavailability.objects.values_list("live", flat=True)) == [True]
    assert stranger.name not in client.get(AWAY).content.decode()


# --- oneself


def test_leader_who_is_liaison_of_one_unit_keeps_that_units_days_alone(unit: Unit, leader: User, staff: User) -> None:
    UnitLiaisonFactory(unit=unit, user=leader)
    other = CadreFactory()
    row = actions.enter_unavailability(cadre=other, first_day=FIRST, last_day=LAST, reason="产假", by=staff)
    client = signed_in(leader)
    assert client.get(AWAY, {"unit": other.unit_id}).status_code == 404
    assert (
        client.post(reverse("cadres:void_unavailability", args=[row.pk]), {"reason": "不是我管的"}).status_code == 404
    )
    row.refresh_from_db()
    assert row.live
    own = CadreFactory(unit=unit)
    form = {"cadre": own.pk, "first_day": FIRST, "last_day": LAST, "reason": "脱产学习"}
    assert client.post(f"{AWAY}?unit={unit.pk}", form).status_code == 302


def test_cadre_reads_the_own_data_masked_and_who_looked(unit: Unit, liaison: User, staff: User) -> None:
    user = UserFactory()
    cadre = CadreFactory(unit=unit, user=user, specialty="造林")
    reveal.reveal(obj=cadre, what="cadre.phone", reason="核对电话号码", by=staff)
    page = signed_in(user).get(reverse("cadres:me")).content.decode()
    for text in (
        "造林",
        "县林业局",
        cadre.masked_phone,
        cadre.masked_id_number,
        liaison.name,
        "核对电话号码",
        staff.name,
    ):
        assert text in page
    assert cadre.phone not in page
    assert cadre.id_number not in page


def test_full_number_is_shown_to_the_centre_with_a_reason_alone(liaison: User, staff: User) -> None:
    cadre = CadreFactory()
    assert reveal.reveal(obj=cadre, what="cadre.id_number", reason="核对证件号码", by=staff) == cadre.id_number
    with pytest.raises(DomainError):
        reveal.reveal(obj=cadre, what="cadre.id_number", reason="核对证件号码", by=liaison)
    assert cadre.id_number not in str(list(AuditEntry.objects.order_by("seq").values_list()))


def test_liaison_is_called_so(liaison: User, outsider: User) -> None:
    assert roles_of(liaison) == ["派出单位联络员（县林业局）"]
    assert roles_of(outsider) == []
