"""The import centre's pages: upload with whatever people upload, preview, write, take back."""

import io
import zipfile

import openpyxl
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.models import User
from cadres import actions, queries
from cadres.models import Cadre, RosterImport, Unit
from cadres.tasks import read_import
from office.models import Job, JobState
from tests.cadres.lists import past_list_of, read, written
from tests.cadres.sheets import HEADINGS, PERSON, SECOND, roster_of, saved, workbook_of
from tests.factories import CadreFactory, UnitFactory

pytestmark = pytest.mark.django_db
UPLOAD, LIST = reverse("cadres:upload_roster"), reverse("cadres:imports")
OTHER = PERSON | SECOND
BAD = OTHER | {"身份证号": "995811197609117065", "手机号码": "14449533058"}


@pytest.fixture
def page(client: Client, staff: User) -> Client:
    client.force_login(staff, backend="django.contrib.auth.backends.ModelBackend")
    return client


def upload(client: Client, content: bytes, name: str = "名册.xlsx") -> tuple[int, str]:
    response = client.post(UPLOAD, {"file": SimpleUploadedFile(name, content)})
    return response.status_code, response.content.decode()


def url(name: str, roster_import: RosterImport) -> str:
    return reverse(f"cadres:{name}", args=[roster_import.pk])


def people(count: int) -> list[dict[str, object]]:
    """Valid rows whose ID numbers are those of the factory."""
    made = CadreFactory.build_batch(count, unit=None)
    return [
        PERSON
        | {"姓名": f"赵{chr(0x4E00 + place)}", "身份证号": cadre.id_number, "出生年月": "1992.05", "手机号码": None}
        for place, cadre in enumerate(made)
    ]


def test_list_goes_from_upload_over_the_worker_to_the_register(page: Client) -> None:
    UnitFactory(name="县林业局")
    assert upload(page, roster_of(PERSON, BAD))[0] == 302
    roster_import = RosterImport.objects.get()
    waiting = page.get(url("import", roster_import)).content.decode()
    assert "正在核对" in waiting
    assert page.get(url("import_reading", roster_import)).status_code == 200
    read_import(str(roster_import.job_id))
    assert roster_import.job is not None
    assert Job.objects.get().state == JobState.DONE
    done = page.get(url("import_reading", roster_import))
    assert (done.status_code, done["HX-Refresh"]) == (204, "true")
    preview = page.get(url("import", roster_import)).content.decode()
    assert "1 行不能导入，其余 1 行可以" in preview
    assert "导入 1 行，跳过 1 行" in preview
    assert "身份证号末位校验不符" in preview
    page.post(url("import_commit", roster_import))
    assert [cadre.name for cadre in Cadre.objects.all()] == ["范海志"]
    report = page.get(url("import", roster_import)).content.decode()
    assert "已写入 1 行" in report
    page.post(url("import_revert", roster_import), {"reason": "传错了文件"})
    assert not Cadre.objects.exists()
    assert "已整批撤回" in page.get(url("import", roster_import)).content.decode()


def test_job_run_twice_reads_once(page: Client) -> None:
    upload(page, roster_of(PERSON))
    roster_import = RosterImport.objects.get()
    read_import(str(roster_import.job_id))
    Job.objects.update(state=JobState.WAITING)
    read_import(str(roster_import.job_id))
    assert roster_import.rows.count() == 1
    assert Job.objects.get().state == JobState.DONE


def test_job_of_a_discarded_import_does_nothing(page: Client, staff: User) -> None:
    upload(page, roster_of(PERSON))
    roster_import = RosterImport.objects.get()
    actions.discard_import(roster_import=roster_import, by=staff)
    read_import(str(roster_import.job_id))
    roster_import.refresh_from_db()
    assert (roster_import.state, roster_import.rows.count()) == (RosterImport.State.DISCARDED, 0)


def test_list_without_a_heading_becomes_unreadable_with_its_reason(page: Client) -> None:
    upload(page, saved(workbook_of([["一", "二"], ["三", "四"]])))
    roster_import = RosterImport.objects.get()
    read_import(str(roster_import.job_id))
    assert "找不到表头" in page.get(url("import", roster_import)).content.decode()
    assert Job.objects.get().state == JobState.FAILED


def test_lost_reading_can_be_started_again_or_given_up(page: Client) -> None:
    upload(page, roster_of(PERSON))
    roster_import = RosterImport.objects.get()
    Job.objects.update(state=JobState.FAILED, message="试了3次都中断了。")
    assert "再核对一次" in page.get(url("import", roster_import)).content.decode()
    assert page.post(url("import_again", roster_import)).status_code == 302
    roster_import.refresh_from_db()
    read_import(str(roster_import.job_id))
    roster_import.refresh_from_db()
    assert roster_import.state == RosterImport.State.PREVIEWED


# --- whatever people upload


def bomb() -> bytes:
    """An .xlsx whose sheet unpacks to far more than it weighs."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in ("[Content_Types].xml", "xl/workbook.xml"):
            archive.writestr(name, "<x/>")
        archive.writestr("xl/worksheets/sheet1.xml", b"0" * 60_000_000)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("content", "name"),
    [(b"", "空.xlsx"), (b"hello", "名册.xlsx"), (b"\x89PNG\r\n\x1a\n" + b"0" * 100, "照片.xlsx"), (b"PK\x03\x04", "坏.xlsx"),
     (b"\xd0\xcf\x11\xe0" + b"0" * 600, "旧.xls")],
)  # fmt: skip
def test_file_that_is_no_workbook_is_refused_on_the_page_and_not_kept(page: Client, content: bytes, name: str) -> None:
    status, body = upload(page, content, name)
    assert (status, RosterImport.objects.count()) == (422, 0)
    assert "要改" in body


def test_zip_bomb_is_refused_and_not_kept(page: Client) -> None:
    status, _ = upload(page, bomb())
    assert (status, RosterImport.objects.count()) == (422, 0)


def test_upload_without_a_file_says_so(page: Client) -> None:
    response = page.post(UPLOAD, {})
    assert response.status_code == 422
    assert "还没有选文件" in response.content.decode()


def _last_cell() -> bytes:
    workbook = workbook_of([HEADINGS, [PERSON.get(heading) for heading in HEADINGS]])
    workbook.active["XFD1048576"] = "x"
    return saved(workbook)


def _long_name() -> bytes:
    # A cell holds 32,767 characters; three columns of them are 100 KB.
    long = "长" * 32_000
    return roster_of(PERSON | {"姓名": long, "备注": long, "现任职务": long, "单位": long})


def _formula() -> bytes:
    workbook = workbook_of([HEADINGS, [PERSON.get(heading) for heading in HEADINGS]])
    workbook.active.cell(2, HEADINGS.index("姓名") + 1).value = '=HYPERLINK("http://x","y")'
    workbook.active.cell(2, HEADINGS.index("姓名") + 1).data_type = "f"
    return saved(workbook)


@pytest.mark.parametrize("make", [_last_cell, _long_name, _formula])
def test_hostile_sheet_ends_in_a_clear_page_and_writes_nothing(page: Client, make: object) -> None:
    UnitFactory(name="县林业局")
    status, _ = upload(page, make())  # type: ignore[operator] # one of the functions above
    if status == 302:
        roster_import = RosterImport.objects.get()
        read_import(str(roster_import.job_id))
        body = page.get(url("import", roster_import)).content.decode()
        assert "不能导入" in body or "读不了" in body
        assert len(body) < 60_000, "a long text is cut where it is shown"
        page.post(url("import_commit", roster_import))
    assert status in (302, 422)
    assert not Cadre.objects.exists()


def test_script_in_a_cell_is_shown_as_text(page: Client, staff: User) -> None:
    roster_import = read(roster_of(PERSON | {"姓名": "<script>alert(1)</script>", "单位": "<b>县</b>"}), staff)
    assert "<script>alert" not in page.get(url("import", roster_import)).content.decode()


def test_form_posted_twice_writes_once(page: Client, staff: User) -> None:
    roster_import = read(roster_of(PERSON), staff)
    assert page.post(url("import_commit", roster_import)).status_code == 302
    assert page.post(url("import_commit", roster_import)).status_code == 409
    assert Cadre.objects.count() == 1


# --- what pages show


def test_no_number_is_shown_in_full_on_any_page(page: Client, staff: User) -> None:
    canaries = ("995106199704140174", "995811197609117065", "14491277306", "14449533058")
    roster_import = written(roster_of(PERSON, BAD), staff)
    cadre = Cadre.objects.get()
    CadreFactory(unit=cadre.unit)
    addresses = [
        LIST, url("import", roster_import), reverse("cadres:unit_page", args=[cadre.unit_id]),
        reverse("admin:cadres_cadre_changelist"), reverse("admin:cadres_cadre_change", args=[cadre.pk]),
        reverse("admin:cadres_cadre_history", args=[cadre.pk]), reverse("admin:cadres_rosterimport_changelist"),
        f"{reverse('cadres:unavailability')}?unit={cadre.unit_id}",
    ]  # fmt: skip
    for address in addresses:
        response = page.get(address)
        assert response.status_code == 200, address
        assert not [number for number in canaries if number in response.content.decode()], address
    assert "995106********0174" in page.get(addresses[3]).content.decode()


def test_reading_logs_no_number(
    staff: User, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    read(roster_of(PERSON, BAD), staff)
    logged = caplog.text + "".join(capsys.readouterr())
    assert not [number for number in ("995106199704140174", "995811197609117065", "14491277306") if number in logged]


def queries_of(page: Client, address: str) -> int:
    page.get(address)  # the first page of a session notes when it was seen
    with CaptureQueriesContext(connection) as counted:
        assert page.get(address).status_code == 200
    return len(counted)


@pytest.mark.usefixtures("still_clock")
def test_preview_asks_as_much_for_one_row_as_for_thirty(page: Client, staff: User) -> None:
    UnitFactory(name="县林业局")
    one, thirty = read(roster_of(*people(1)), staff), read(roster_of(*people(30)), staff)
    assert queries_of(page, url("import", one)) == queries_of(page, url("import", thirty))


@pytest.mark.usefixtures("still_clock")
def test_list_of_imports_asks_as_much_for_one_as_for_fifteen(page: Client, staff: User) -> None:
    read(roster_of(PERSON), staff)
    one = queries_of(page, LIST)
    for _ in range(14):
        read(roster_of(PERSON), staff)
    assert queries_of(page, LIST) == one


def test_tabs_count_rows_and_show_only_theirs(page: Client, staff: User) -> None:
    UnitFactory(name="县林业局")
    written(roster_of(PERSON), staff)
    roster_import = read(roster_of(PERSON, BAD, *people(2)), staff)
    assert queries.effect_counts(roster_import) == {"refused": 1, "new": 2, "changed": 0, "same": 1}
    refused = page.get(url("import", roster_import) + "?effect=refused").content.decode()
    assert ("覃丽婷" in refused, "范海志" in refused) == (True, False)
    same = page.get(url("import", roster_import) + "?effect=same").content.decode()
    assert ("覃丽婷" in same, "范海志" in same) == (False, True)
    found = page.get(url("import", roster_import) + "?q=0174").content.decode()
    assert ("覃丽婷" in found, "范海志" in found) == (False, True)


def test_refused_rows_are_shown_first(staff: User) -> None:
    UnitFactory(name="县林业局")
    roster_import = read(roster_of(PERSON, BAD), staff)
    assert [row.number for row in queries.rows_of_import(roster_import)] == [3, 2]


def test_units_are_chosen_on_the_page(page: Client, staff: User) -> None:
    UnitFactory(name="县水利局")
    roster_import = read(roster_of(PERSON), staff)
    page.post(url("import_units", roster_import), {"unit-0": "create:county"})
    roster_import.refresh_from_db()
    read_import(str(roster_import.job_id))
    assert "建立 1 个单位，导入 1 行" in page.get(url("import", roster_import)).content.decode()
    page.post(url("import_commit", roster_import))
    assert Unit.objects.get(name="县林业局").kind == "county"


@pytest.mark.parametrize(("name", "kind"), [("cadres:roster_form", "census"), ("cadres:past_form", "past")])
def test_empty_form_is_one_that_reads(page: Client, staff: User, name: str, kind: str) -> None:
    content = page.get(reverse(name)).content
    workbook = openpyxl.load_workbook(io.BytesIO(content))
    sheet = workbook.worksheets[0]
    heads = {cell.value: cell.column for cell in sheet[1]}
    UnitFactory(name="县林业局")
    if kind == "past":
        CadreFactory(name=str(PERSON["姓名"]), id_number=PERSON["身份证号"])
    for heading, value in (PERSON | {"期次": "第一期"}).items():
        if heading in heads:
            sheet.cell(2, heads[heading], str(value))
    roster_import = read(saved(workbook), staff, kind=kind)
    assert list(roster_import.rows.values_list("effect", flat=True)) == ["new"]
    assert roster_import.unknown_columns == []


def test_refused_rows_are_downloaded_by_post(page: Client, staff: User) -> None:
    UnitFactory(name="县林业局")
    response = page.post(url("import_refused", read(roster_of(PERSON, BAD), staff)))
    sheet = openpyxl.load_workbook(io.BytesIO(response.content)).active
    assert sheet.max_row == 2
    assert "attachment" in response["Content-Disposition"]


def test_past_list_is_uploaded_with_the_session_it_does_not_name(page: Client) -> None:
    CadreFactory(name="范海志", id_number="995106199704140174")
    row = {"单位": "县林业局", "姓名": "范海志", "身份证号": "995106199704140174"}
    file = SimpleUploadedFile("旧.xlsx", past_list_of(row))
    page.post(reverse("cadres:upload_past"), {"file": file, "session": "第一期"})
    roster_import = RosterImport.objects.get()
    read_import(str(roster_import.job_id))
    assert "第一期" in page.get(url("import", roster_import)).content.decode()
    page.post(url("import_commit", roster_import))
    assert list(Cadre.objects.values_list("past_attendances__session", flat=True)) == ["第一期"]


def test_waiting_list_is_a_todo_of_the_centre_alone(staff: User, outsider: User) -> None:
    roster_import = read(roster_of(PERSON), staff)
    (todo,) = queries.todo(staff)
    assert (todo.url, "名册.xlsx" in todo.what) == (url("import", roster_import), True)
    assert queries.todo(outsider) == []
    actions.commit_import(roster_import=roster_import, by=staff)
    assert queries.todo(staff) == []
