"""The register in the admin site: finding, filtering, editing, exporting, and what is never shown."""

import datetime
import io
import json

import openpyxl
import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from accounts.models import AuditEntry, User
from cadres import queries
from cadres.models import Cadre, PastAttendance, Unit, UnitLiaison
from tests.factories import CadreFactory, UnitFactory, UserFactory
from tests.factories import id_number as invented

pytestmark = pytest.mark.django_db
LIST, ADD, EXPORT = (reverse(f"admin:cadres_cadre_{name}") for name in ("changelist", "add", "export"))


@pytest.fixture
def desk(client: Client, staff: User) -> Client:
    client.force_login(staff, backend="django.contrib.auth.backends.ModelBackend")
    return client


def names_on(desk: Client, query: str) -> set[str]:
    response = desk.get(f"{LIST}?{query}")
    assert response.status_code == 200
    return {cadre.name for cadre in response.context["cl"].result_list}


def form_of(cadre: Cadre, **changed: object) -> dict[str, object]:
    values: dict[str, object] = {
        "name": cadre.name, "sex": cadre.sex, "birth_month": f"{cadre.birth:%Y.%m}", "unit": cadre.unit_id, "state": cadre.state,
        "post": cadre.post, "post_kind": cadre.post_kind, "level": cadre.level, "rank": cadre.rank, "new_id_number": "",
        "new_phone": "",
    }  # fmt: skip
    return values | changed


@pytest.mark.parametrize(
    "text", ["王小明", "小明", "wangxiaoming", "wang xiao", "xiaoming", "林业", "4321", "小明 林业"]
)
def test_cadre_is_found_by_name_pinyin_unit_and_tail(desk: Client, text: str) -> None:
    found = CadreFactory(name="王小明", unit=UnitFactory(name="县林业局"))
    Cadre.objects.filter(pk=found.pk).update(id_number_tail="4321")
    CadreFactory(name="李大军", unit=UnitFactory(name="县水利局"))
    assert names_on(desk, f"q={text}") == {"王小明"}


def test_list_is_filtered_by_participation_kind_age_and_state(desk: Client) -> None:
    today = timezone.localdate()
    young = CadreFactory(name="年轻", birth=datetime.date(today.year - 25, 1, 1), unit__kind=Unit.Kind.MASS)
    CadreFactory(name="年长", birth=datetime.date(today.year - 55, 1, 1), state="retired")
    PastAttendance.objects.create(cadre=young, session="第一期")
    assert names_on(desk, "attended=yes") == {"年轻"}
    assert names_on(desk, "attended=no") == {"年长"}
    assert names_on(desk, "kind=mass") == {"年轻"}
    assert names_on(desk, "age=30") == {"年轻"}
    assert names_on(desk, "age=60") == {"年长"}
    assert names_on(desk, "state__exact=retired") == {"年长"}
    assert names_on(desk, "attended=yes&age=60") == set()


def test_age_bands_cut_at_the_month_and_leave_nobody_out() -> None:
    today = timezone.localdate()
    month = today.replace(day=1)
    exactly_31 = CadreFactory(birth=month.replace(year=month.year - 31))
    last_month = (month - datetime.timedelta(days=1)).replace(day=1)
    not_yet = CadreFactory(birth=(month + datetime.timedelta(days=32)).replace(day=1).replace(year=month.year - 31))
    if not_yet.birth.month == 1:  # December: next month is in the next year
        not_yet.birth = not_yet.birth.replace(year=month.year - 30)
        not_yet.save()
    assert queries.age_at(exactly_31.birth, today) == 31
    assert queries.age_at(not_yet.birth, today) == 30
    assert queries.age_at(last_month, today) == 0
    bands = [set(queries.of_age(Cadre.objects.all(), low, high)) for _, _, low, high in queries.AGE_BANDS]
    assert bands[:2] == [{not_yet}, {exactly_31}]
    assert sum(map(len, bands)) == Cadre.objects.count()


@pytest.mark.usefixtures("still_clock")
def test_register_asks_as_much_for_one_cadre_as_for_twenty(desk: Client) -> None:
    def asked() -> int:
        desk.get(LIST)  # the first page of a session notes when it was seen
        with CaptureQueriesContext(connection) as counted:
            assert desk.get(LIST).status_code == 200
        return len(counted)

    CadreFactory()
    one = asked()
    CadreFactory.create_batch(19)
    assert asked() == one


# --- editing


def test_new_cadre_is_added_with_a_checked_number(desk: Client) -> None:
    number = invented(7, datetime.date(1990, 5, 1), "F")
    draft = CadreFactory.build(name="新 同志", sex="F", birth=datetime.date(1990, 5, 1), unit=UnitFactory())
    response = desk.post(ADD, form_of(draft, new_id_number=f" {number.lower()} ", new_phone="144 0000 1234"))
    assert response.status_code == 302, response.context["adminform"].form.errors
    cadre = Cadre.objects.get()
    assert (cadre.name, cadre.id_number, cadre.phone, cadre.birth, cadre.id_number_tail) == (
        "新同志", number, "14400001234", datetime.date(1990, 5, 1), number[-4:],
    )  # fmt: skip
    entry = AuditEntry.objects.get(act="save_cadre")
    assert number not in entry.data


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [("new_id_number", "990101199003070012", "校验"), ("new_id_number", "", "必填"), ("birth_month", "1990.1", "分不清"),
     ("birth_month", "昨天", "年月"), ("name", "张3", "字符"), ("new_phone", "123", "手机号码"), ("birth_month", "1890.05", "")],
)  # fmt: skip
def test_wrong_particulars_are_refused_beside_the_field(desk: Client, field: str, value: str, said: str) -> None:
    draft = CadreFactory.build(birth=datetime.date(1990, 5, 1), unit=UnitFactory())
    number = invented(8, draft.birth, "M")
    response = desk.post(ADD, form_of(draft, **({"new_id_number": number} | {field: value})))
    assert response.status_code == 200
    assert said in str(response.context["adminform"].form.errors[field])
    assert not Cadre.objects.exists()


def test_form_that_comes_back_with_errors_is_no_act_in_the_trail(desk: Client) -> None:
    draft = CadreFactory.build(name="赵新", sex="F", birth=datetime.date(1990, 5, 1), unit=UnitFactory())
    desk.post(ADD, form_of(draft, new_id_number=""))
    assert not AuditEntry.objects.filter(act="save_cadre").exists()
    desk.post(ADD, form_of(draft, new_id_number=invented(8, draft.birth, "F")))
    assert AuditEntry.objects.get(act="save_cadre").subject == draft.name


def test_number_of_somebody_else_is_refused(desk: Client) -> None:
    first, second = CadreFactory(name="甲某"), CadreFactory(name="乙某")
    address = reverse("admin:cadres_cadre_change", args=[second.pk])
    response = desk.post(address, form_of(second, new_id_number=first.id_number))
    assert "甲某" in str(response.context["adminform"].form.errors["new_id_number"])
    second.refresh_from_db()
    assert second.id_number != first.id_number


def test_numbers_left_empty_stay_and_a_new_one_is_found_by(desk: Client) -> None:
    cadre = CadreFactory(name="赵立新", post="科员")
    before = (cadre.id_number, cadre.phone)
    address = reverse("admin:cadres_cadre_change", args=[cadre.pk])
    assert desk.post(address, form_of(cadre, post="副股长")).status_code == 302
    cadre.refresh_from_db()
    assert (cadre.post, cadre.id_number, cadre.phone) == ("副股长", *before)
    number = invented(99, cadre.birth, "M")
    assert desk.post(address, form_of(cadre, new_id_number=number)).status_code == 302
    cadre.refresh_from_db()
    assert (cadre.id_number, cadre.id_number_tail) == (number, number[-4:])
    assert names_on(desk, f"q={number[-4:]}") == {cadre.name}


def test_unit_and_liaison_are_kept_in_the_desk(desk: Client) -> None:
    desk.post(
        reverse("admin:cadres_unit_add"),
        {"name": "县数据局", "kind": "county", "active": "on", "quota": "", "former_names": ""},
    )
    unit = Unit.objects.get()
    user = UserFactory()
    desk.post(
        reverse("admin:cadres_unitliaison_add"), {"unit": unit.pk, "user": user.pk, "since": "2026-01-01", "until": ""}
    )
    assert (UnitLiaison.objects.get().unit, set(queries.own_units(user))) == (unit, {unit})
    for model in ("unit", "unitliaison", "pastattendance", "unavailability", "rosterimport"):
        assert desk.get(reverse(f"admin:cadres_{model}_changelist")).status_code == 200


# --- exporting


def test_export_is_masked_filtered_and_recorded(desk: Client, staff: User) -> None:
    kept = CadreFactory(name="要的人", unit=UnitFactory(name="县林业局"))
    CadreFactory(name="别的人")
    assert "共 <strong>1</strong> 人" in desk.get(f"{EXPORT}?q=林业").content.decode()
    response = desk.post(f"{EXPORT}?q=林业", {"purpose": "核对摸底名单"})
    rows = list(openpyxl.load_workbook(io.BytesIO(response.content)).active.iter_rows(values_only=True))
    assert [row[1] for row in rows[1:2]] == ["要的人"]
    assert rows[1][rows[0].index("身份证号")] == kept.masked_id_number
    assert (staff.name in str(rows[-1][0]), "核对摸底名单" in str(rows[-1][0])) == (True, True)
    assert kept.id_number not in str(rows)
    assert kept.phone not in str(rows)
    entry = AuditEntry.objects.get(act="export_cadres")
    data = json.loads(entry.data)
    assert (entry.reason, data["rows"], data["in_full"], "q=" in data["filters"]) == ("核对摸底名单", 1, False, True)


def test_export_in_full_is_recorded_as_such(desk: Client) -> None:
    cadre = CadreFactory()
    response = desk.post(EXPORT, {"purpose": "投保需要证号", "in_full": "on"})
    rows = list(openpyxl.load_workbook(io.BytesIO(response.content)).active.iter_rows(values_only=True))
    assert cadre.id_number in rows[1]
    assert json.loads(AuditEntry.objects.get(act="export_cadres").data)["in_full"] is True


@pytest.mark.parametrize("purpose", ["", "看看"])
def test_export_without_a_purpose_is_refused(desk: Client, purpose: str) -> None:
    CadreFactory()
    assert desk.post(EXPORT, {"purpose": purpose}).status_code == 422
    assert not AuditEntry.objects.filter(act="export_cadres").exists()


def test_export_beyond_the_cap_is_refused(desk: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cadres.actions.exporting.MOST_ROWS", 1)
    CadreFactory.create_batch(2)
    response = desk.post(EXPORT, {"purpose": "核对摸底名单"})
    assert (response.status_code, "请先筛选" in response.content.decode()) == (422, True)
