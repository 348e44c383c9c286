"""A roster on its way into the register and back: preview, commit, conflict, idempotence, revert."""

import datetime
import json
from io import BytesIO
from pathlib import Path

import openpyxl
import pytest
from django.db import connection
from django.db.backends.postgresql.psycopg_any import DateRange

from accounts.models import AuditEntry, User
from accounts.verification import verify_audit
from batches.models import Nomination
from cadres import actions, imports, invariants
from cadres.models import Cadre, ImportFinding, ImportRow, PastAttendance, RosterImport, Unavailability, Unit
from config.errors import Conflict, DomainError
from tests.cadres.lists import effects, read, written
from tests.cadres.sheets import PERSON, SECOND, roster_of
from tests.factories import BatchFactory, CadreFactory, UnitFactory

pytestmark = pytest.mark.django_db
CLEAN = Path(__file__).parent / "rosters" / "clean-266.xlsx"
OTHER = PERSON | SECOND


@pytest.fixture
def forestry(db: None) -> Unit:
    return UnitFactory(name="县林业局")


def test_clean_roster_into_an_empty_county_brings_units_and_people(staff: User) -> None:
    roster_import = written(CLEAN.read_bytes(), staff)
    assert (Cadre.objects.count(), Unit.objects.count(), roster_import.findings.count()) == (266, 54, 0)
    kinds = dict(Unit.objects.values_list("name", "kind"))
    assert {kinds[name] for name in ("城关镇人民政府", "县融媒体中心", "县妇联", "县公安局")} == {
        "township", "institution", "mass", "county",
    }  # fmt: skip
    assert [line.code for line in invariants.INVARIANTS if line.find()] == []


def test_read_list_writes_nothing_but_the_preview(forestry: Unit, staff: User) -> None:
    roster_import = read(roster_of(PERSON), staff)
    assert (roster_import.state, Cadre.objects.count()) == (RosterImport.State.PREVIEWED, 0)
    assert effects(roster_import) == {2: "new"}


def test_new_person_is_written_as_the_sheet_says(forestry: Unit, staff: User) -> None:
    written(roster_of(PERSON), staff)
    cadre = Cadre.objects.get()
    assert (cadre.name, cadre.sort_name, cadre.sex, str(cadre.birth), cadre.unit, cadre.id_number, cadre.id_number_tail) == (
        "范海志", "fan hai zhi", "M", "1997-04-01", forestry, "995106199704140174", "0174",
    )  # fmt: skip
    assert (cadre.phone, cadre.post, cadre.rank, cadre.leading, cadre.state) == (
        "14491277306", "股长", "四级主任科员", False, "in_post",
    )  # fmt: skip


def test_same_list_again_changes_nothing(forestry: Unit, staff: User) -> None:
    written(roster_of(PERSON, OTHER), staff)
    before = list(Cadre.objects.order_by("pk").values())
    again = written(roster_of(PERSON, OTHER), staff)
    assert effects(again) == {2: "same", 3: "same"}
    assert list(Cadre.objects.order_by("pk").values()) == before


def test_changed_row_changes_only_what_differs_and_empty_cells_change_nothing(forestry: Unit, staff: User) -> None:
    written(roster_of(PERSON), staff)
    Cadre.objects.update(specialty="造林")
    changed = PERSON | {"职级": "三级主任科员", "备注": None, "民族": ""}
    roster_import = written(roster_of(changed), staff)
    cadre = Cadre.objects.get()
    assert effects(roster_import) == {2: "changed"}
    assert (cadre.rank, cadre.specialty, cadre.nationality) == ("三级主任科员", "造林", "汉族")
    assert json.loads(roster_import.rows.get().before) == {"rank": "四级主任科员"}


def test_person_known_by_id_number_moves_between_units_and_comes_back_to_post(forestry: Unit, staff: User) -> None:
    CadreFactory(id_number=PERSON["身份证号"], state="left", unit__name="县水利局")
    written(roster_of(PERSON), staff)
    cadre = Cadre.objects.get()
    assert (cadre.unit, cadre.state, cadre.name) == (forestry, "in_post", "范海志")


def test_refused_rows_are_skipped_and_the_others_written(forestry: Unit, staff: User) -> None:
    roster_import = written(roster_of(PERSON, OTHER | {"身份证号": "995811197609117065"}), staff)
    assert effects(roster_import) == {2: "new", 3: "refused"}
    assert [cadre.name for cadre in Cadre.objects.all()] == ["范海志"]


def test_list_with_every_row_refused_cannot_be_written(forestry: Unit, staff: User) -> None:
    roster_import = read(roster_of(PERSON | {"姓名": None}), staff)
    with pytest.raises(DomainError) as refused:
        actions.commit_import(roster_import=roster_import, by=staff)
    assert refused.value.code == "nothing_to_write"


def test_refused_rows_come_as_a_sheet_to_mend_that_reads_again(forestry: Unit, staff: User) -> None:
    roster_import = written(roster_of(PERSON, OTHER | {"身份证号": "995811197609117065", "姓名": "=1+1"}), staff)
    content = actions.download_refused(roster_import=roster_import, by=staff)
    sheet = openpyxl.load_workbook(BytesIO(content)).active
    rows = [[cell.value for cell in row] for row in sheet.iter_rows(max_row=2)]
    assert rows[0][-1] == "问题与改法"
    assert rows[1][rows[0].index("身份证号")] == "995811197609117065"
    assert "末位校验不符" in rows[1][-1]
    assert sheet.cell(2, rows[0].index("姓名") + 1).data_type == "s", "what a person typed never becomes a formula"
    for cell in sheet[2]:
        if cell.value == "995811197609117065":
            cell.value = OTHER["身份证号"]
        if cell.value == "=1+1":
            cell.value, cell.data_type = "覃丽婷", "s"
    buffer = BytesIO()
    openpyxl.Workbook.save(sheet.parent, buffer)
    assert list(effects(written(buffer.getvalue(), staff)).values()) == ["new"]


def test_import_without_refused_rows_has_no_sheet_to_mend(forestry: Unit, staff: User) -> None:
    with pytest.raises(DomainError) as refused:
        actions.download_refused(roster_import=read(roster_of(PERSON), staff), by=staff)
    assert refused.value.code == "nothing_refused"


# --- units


def test_unknown_unit_of_a_county_with_units_is_refused_and_offered(forestry: Unit, staff: User) -> None:
    roster_import = read(roster_of(PERSON | {"单位": "县林业居"}), staff)
    assert effects(roster_import) == {2: "refused"}
    (offered,) = roster_import.unknown_units
    assert (offered["name"], offered["like"], offered["choice"], offered["rows"]) == ("县林业居", "县林业局", "skip", 1)


@pytest.mark.parametrize(
    ("choice", "unit"), [(("create", "institution"), "县林业居"), (("use", "县林业局"), "县林业局")]
)
def test_chosen_unit_lets_the_rows_in(forestry: Unit, staff: User, choice: tuple[str, str], unit: str) -> None:
    roster_import = read(roster_of(PERSON | {"单位": "县林业居"}), staff)
    actions.choose_units(roster_import=roster_import, choices={"县林业居": choice}, by=staff)
    roster_import.refresh_from_db()
    actions.read_import(roster_import=roster_import, by=staff)
    assert effects(roster_import) == {2: "new"}
    actions.commit_import(roster_import=roster_import, by=staff)
    assert Cadre.objects.get().unit.name == unit
    assert Unit.objects.filter(name="县林业居", kind="institution").exists() == (choice[0] == "create")


@pytest.mark.parametrize("choice", [("create", "palace"), ("use", "没有这个单位"), ("use", "县林业居"), ("eat", "")])
def test_impossible_choice_about_a_unit_is_refused(forestry: Unit, staff: User, choice: tuple[str, str]) -> None:
    roster_import = read(roster_of(PERSON | {"单位": "县林业居"}), staff)
    with pytest.raises(DomainError) as refused:
        actions.choose_units(roster_import=roster_import, choices={"县林业居": choice}, by=staff)
    assert refused.value.code == "unit_choice"


def test_unit_is_known_by_its_former_name(forestry: Unit, staff: User) -> None:
    forestry.former_names = "县林业委员会\n县森林局"
    forestry.save()
    written(roster_of(PERSON | {"单位": "县森林局"}), staff)
    assert Cadre.objects.get().unit == forestry


@pytest.mark.parametrize(
    ("name", "kind"),
    [("白云乡人民政府", "township"), ("东街街道办事处", "township"), ("县人民医院", "institution"), ("县人民法院", "county"),
     ("团县委", "mass"), ("县总工会", "mass"), ("县城投集团", "enterprise"), ("县自来水有限公司", "enterprise"),
     ("县财政局", "county"), ("县第一中学", "institution")],
)  # fmt: skip
def test_kind_of_a_unit_is_guessed_from_its_name(name: str, kind: str) -> None:
    assert imports.guessed_kind(name) == kind


def test_number_in_the_unit_column_is_never_offered_as_a_unit(staff: User) -> None:
    roster_import = read(roster_of(PERSON | {"单位": "995106199704140174"}), staff)
    assert (effects(roster_import), roster_import.unknown_units) == ({2: "refused"}, [])


def test_namesake_with_another_number_is_remarked_on(forestry: Unit, staff: User) -> None:
    CadreFactory(name="范海志", birth=datetime.date(1997, 4, 1), unit=forestry)
    roster_import = read(roster_of(PERSON), staff)
    assert list(roster_import.findings.values_list("kind", "level")) == [("registered_namesake", "warning")]


# --- conflicts


def test_row_changed_between_preview_and_commit_stops_the_whole_list(forestry: Unit, staff: User) -> None:
    written(roster_of(PERSON), staff)
    roster_import = read(roster_of(PERSON | {"职级": "三级主任科员"}, OTHER), staff)
    Cadre.objects.update(rank="一级科员")
    with pytest.raises(Conflict) as refused:
        actions.commit_import(roster_import=roster_import, by=staff)
    assert refused.value.code == "preview_outdated"
    assert "第 2 行" in refused.value.message
    assert [cadre.rank for cadre in Cadre.objects.all()] == ["一级科员"], "nothing was half-written"
    actions.read_again(roster_import=roster_import, by=staff)
    roster_import.refresh_from_db()
    actions.read_import(roster_import=roster_import, by=staff)
    actions.commit_import(roster_import=roster_import, by=staff)
    assert set(Cadre.objects.values_list("rank", flat=True)) == {"三级主任科员", "四级主任科员"}


def test_person_entered_by_hand_since_the_preview_stops_the_list(forestry: Unit, staff: User) -> None:
    roster_import = read(roster_of(PERSON), staff)
    CadreFactory(id_number=PERSON["身份证号"])
    with pytest.raises(Conflict):
        actions.commit_import(roster_import=roster_import, by=staff)
    assert Cadre.objects.count() == 1


def test_list_is_written_once(forestry: Unit, staff: User) -> None:
    roster_import = written(roster_of(PERSON), staff)
    with pytest.raises(Conflict) as refused:
        actions.commit_import(roster_import=roster_import, by=staff)
    assert refused.value.code == "illegal_transition"


def test_discarded_list_keeps_nothing_it_read(forestry: Unit, staff: User) -> None:
    roster_import = read(roster_of(PERSON | {"手机号码": "1"}), staff)
    actions.discard_import(roster_import=roster_import, by=staff)
    assert (ImportRow.objects.count(), ImportFinding.objects.count()) == (0, 0)
    with pytest.raises(Conflict):
        actions.commit_import(roster_import=roster_import, by=staff)


# --- revert


def test_reverted_list_leaves_everything_as_it_was(forestry: Unit, staff: User) -> None:
    written(roster_of(PERSON), staff)
    before = list(Cadre.objects.values())
    moved = PERSON | {"职级": "三级主任科员", "单位": "县数据局", "出生年月": "1997.05", "手机号码": "14400000009"}
    roster_import = written(roster_of(moved, OTHER | {"单位": "县数据局"}), staff, create_units=True)
    assert (Cadre.objects.count(), Unit.objects.count()) == (2, 2)
    reverted = actions.revert_import(roster_import=roster_import, reason="传错了文件", by=staff)
    assert reverted.state == RosterImport.State.REVERTED
    assert [_comparable(row) for row in Cadre.objects.values()] == [_comparable(row) for row in before]
    assert list(Unit.objects.values_list("name", flat=True)) == ["县林业局"], "the unit it brought went with it"
    assert [line.code for line in invariants.INVARIANTS if line.find()] == []
    with pytest.raises(Conflict):
        actions.revert_import(roster_import=roster_import, reason="再来一次", by=staff)


def _comparable(row: dict[str, object]) -> dict[str, object]:
    return {name: value for name, value in row.items() if name not in ("id_number_index",)}


def test_import_is_not_reverted_without_a_reason(forestry: Unit, staff: User) -> None:
    with pytest.raises(DomainError) as refused:
        actions.revert_import(roster_import=written(roster_of(PERSON), staff), reason=" ", by=staff)
    assert refused.value.code == "reason_missing"


def _nominate(cadre: Cadre, staff: User) -> None:
    Nomination.objects.create(batch=BatchFactory(), cadre=cadre)


def _keep_away(cadre: Cadre, staff: User) -> None:
    Unavailability.objects.create(
        cadre=cadre, days=DateRange("2027-01-01", "2027-01-02"), reason="出差", entered_by=staff
    )


def _attend(cadre: Cadre, staff: User) -> None:
    PastAttendance.objects.create(cadre=cadre, session="第一期")


@pytest.mark.parametrize(("use", "named"), [(_nominate, "报名"), (_keep_away, "不可用时间"), (_attend, "以往参加")])
def test_people_who_are_in_use_are_not_taken_back(forestry: Unit, staff: User, use: object, named: str) -> None:
    roster_import = written(roster_of(PERSON), staff)
    use(Cadre.objects.get(), staff)  # type: ignore[operator] # one of the functions above
    with pytest.raises(DomainError) as refused:
        actions.revert_import(roster_import=roster_import, reason="传错了", by=staff)
    assert refused.value.code == "depended_on"
    assert named in refused.value.message
    assert Cadre.objects.count() == 1
    roster_import.refresh_from_db()
    assert roster_import.state == RosterImport.State.COMMITTED


def test_people_changed_since_are_not_taken_back(forestry: Unit, staff: User) -> None:
    roster_import = written(roster_of(PERSON), staff)
    Cadre.objects.update(post="局长")
    with pytest.raises(DomainError) as refused:
        actions.revert_import(roster_import=roster_import, reason="传错了", by=staff)
    assert refused.value.code == "changed_since"
    assert "范海志" in refused.value.message
    assert Cadre.objects.get().post == "局长"


def test_created_unit_in_use_stays_when_its_import_goes(staff: User) -> None:
    roster_import = written(roster_of(PERSON), staff)
    CadreFactory(unit=Unit.objects.get())
    actions.revert_import(roster_import=roster_import, reason="传错了", by=staff)
    assert (Unit.objects.count(), Cadre.objects.count()) == (1, 1)


# --- what is kept of it


def test_trail_tells_who_wrote_how_many_and_holds_no_number(forestry: Unit, staff: User) -> None:
    roster_import = written(roster_of(PERSON, OTHER | {"身份证号": "995811197609117065"}), staff)
    actions.download_refused(roster_import=roster_import, by=staff)
    actions.revert_import(roster_import=roster_import, reason="传错了", by=staff)
    entry = AuditEntry.objects.get(act="commit_import")
    assert json.loads(entry.data) == {"rows": 1, "units": 0, "new": 1, "changed": 0}
    assert entry.actor == staff.name
    told = "".join(str(row) for row in AuditEntry.objects.order_by("seq").values_list())
    for number in ("995106199704140174", "995811197609117065", "14491277306"):
        assert number not in told
    assert verify_audit().holds


@pytest.mark.parametrize("column", ["姓名", "单位", "现任职务", "备注", "性别", "出生年月", "手机号码", "民族"])
def test_number_in_any_column_is_masked_in_findings(forestry: Unit, staff: User, column: str) -> None:
    canary = "995106199704140174"
    roster_import = read(roster_of(OTHER | {column: canary}), staff)
    told = " ".join(str(row) for row in roster_import.findings.values_list())
    assert canary not in told
    assert canary not in str(RosterImport.objects.values_list("unknown_units", "notes", "unknown_columns"))


def test_numbers_lie_encrypted_in_rows_of_imports(forestry: Unit, staff: User) -> None:
    written(roster_of(PERSON), staff)
    with connection.cursor() as cursor:
        cursor.execute("SELECT values FROM cadres_importrow UNION ALL SELECT id_number FROM cadres_cadre")
        stored = " ".join(row[0] for row in cursor.fetchall())
    assert "1997" not in stored
    assert PERSON["身份证号"] not in stored
