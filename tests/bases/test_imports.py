"""The table of bases and households: sound ones as a whole, others not at all and with each cell to mend."""

import io
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse

from accounts.models import User
from bases import imports, invariants
from bases.actions.beds import told_rooms
from bases.imports import EXAMPLES, KNOWN, TableRefused, import_bases
from bases.models import Bed, HostHousehold, PracticeBase, Route, Village, Zone
from cadres.models import Unit
from office.spreadsheets import UnreadableWorkbook, open_workbook
from tests.factories import BaseFactory, TownshipFactory, UnitFactory

pytestmark = pytest.mark.django_db
BASE = EXAMPLES["基地"] | {"村": "清河村", "乡镇": "清河乡", "日均承载": "40人", "线路": "北线、西线"}
HOUSEHOLD = EXAMPLES["农户床位"] | {"村": "清河村", "乡镇": "清河乡"}


def table(bases: list[dict[str, Any]], households: list[dict[str, Any]]) -> bytes:
    workbook = openpyxl.Workbook()
    workbook.remove(workbook.active)
    for sheet, rows in (("基地", bases), ("农户床位", households)):
        page = workbook.create_sheet(sheet)
        page.append(KNOWN[sheet])
        for row in rows:
            page.append([row.get(column) for column in KNOWN[sheet]])
    return saved(workbook)


def saved(workbook: openpyxl.Workbook) -> bytes:
    buffer = io.BytesIO()
    workbook.save(buffer)
    return buffer.getvalue()


def refused(content: bytes) -> list[tuple[str, int, str]]:
    """Where the findings are; nothing may have been written."""
    before = (Unit.objects.count(), Village.objects.count(), HostHousehold.objects.count(), Bed.objects.count())
    with pytest.raises(TableRefused) as raised:
        import_bases(content=content, name="表.xlsx", by=None)
    assert (Unit.objects.count(), Village.objects.count(), HostHousehold.objects.count(), Bed.objects.count()) == before
    return [(finding.sheet, finding.row, finding.column) for finding in raised.value.findings]


def test_whole_table_into_an_empty_county(staff: User) -> None:
    applied = HOUSEHOLD | {"户主": "林秀英", "研判日期": "", "公示第一天": "", "公示最后一天": None, "纳管日期": ""}
    noticed = HOUSEHOLD | {"户主": "陈国强", "纳管日期": ""}
    told = import_bases(content=table([BASE], [HOUSEHOLD, applied, noticed]), name="表.xlsx", by=staff)
    assert (told.townships, told.bases, told.households, told.beds) == (1, 1, 3, 12)
    base = PracticeBase.objects.get()
    assert (base.village.name, base.village.township.name, base.village.township.kind) == (
        "清河村",
        "清河乡",
        "township",
    )
    assert (base.declared_capacity, str(base.east_km), base.phone) == (40, "11.60", "19900000201")
    assert {zone.kind for zone in base.zones.all()} == {Zone.Kind.PARTY, Zone.Kind.FARM, Zone.Kind.SURVEY}
    assert set(Route.objects.values_list("name", flat=True)) == {"北线", "西线"}
    states = dict(HostHousehold.objects.values_list("head", "state"))
    assert states == {"黄永福": "admitted", "林秀英": "applied", "陈国强": "notice"}
    assert told_rooms(HostHousehold.objects.get(head="黄永福")) == "东屋2张、西屋2张"
    assert invariants.admitted_without_full_notice() == []


def test_same_table_again_changes_nothing_and_more_rows_are_added(staff: User) -> None:
    import_bases(content=table([BASE], [HOUSEHOLD]), name="表.xlsx", by=staff)
    more = HOUSEHOLD | {"户主": "林秀英"}
    told = import_bases(content=table([BASE], [HOUSEHOLD, more]), name="表.xlsx", by=staff)
    assert (told.bases, told.households, told.kept) == (0, 1, 2)
    assert (PracticeBase.objects.count(), HostHousehold.objects.count(), Bed.objects.count()) == (1, 2, 8)


def test_township_is_known_by_its_short_name_and_its_former_one() -> None:
    TownshipFactory(name="清河乡人民政府")
    TownshipFactory(name="新桥镇", former_names="老桥乡\n桥头乡")
    old = BASE | {"村": "桥村", "乡镇": "老桥乡"}
    import_bases(content=table([BASE, old], []), name="表.xlsx", by=None)
    assert Unit.objects.count() == 2
    assert set(Village.objects.values_list("name", "township__name")) == {
        ("清河村", "清河乡人民政府"),
        ("桥村", "新桥镇"),
    }


@pytest.mark.parametrize(
    ("column", "value"),
    [("日均承载", "四十"), ("日均承载", 0), ("日均承载", None), ("县城以东公里", "九里"), ("县城以东公里", "nan"),
     ("联系电话", "123"), ("村", ""), ("合作社", "社" * 81), ("已接待人天", -1), ("线路", "线" * 41), ("村", "=1/0")],
)  # fmt: skip
def test_bad_cell_of_a_base_is_named_and_nothing_written(column: str, value: Any) -> None:
    good = BASE | {"村": "石门村"}
    assert ("基地", 3, column) in refused(table([good, BASE | {column: value}], []))


@pytest.mark.parametrize(
    ("changes", "column"),
    [({"房间床位": "两间"}, "房间床位"), ({"房间床位": ""}, "房间床位"), ({"公示最后一天": "2026-09-10"}, ""),
     ({"公示最后一天": ""}, "公示最后一天"), ({"研判日期": "2026年9月"}, "研判日期"), ({"纳管日期": "2090-01-01"}, ""),
     ({"研判日期": ""}, "研判日期"), ({"村": "没有的村"}, "村"), ({"乡镇": "没有的乡"}, "乡镇"), ({"户主": "户" * 41}, "户主")],
)  # fmt: skip
def test_bad_cell_of_a_household_is_named_and_nothing_written(changes: dict[str, Any], column: str) -> None:
    assert refused(table([BASE], [HOUSEHOLD | {"户主": "林秀英"}, HOUSEHOLD | changes])) == [("农户床位", 3, column)]


def test_all_bad_rows_are_told_at_once() -> None:
    bad = refused(table([BASE | {"日均承载": "x"}], [HOUSEHOLD | {"房间床位": "x"}, HOUSEHOLD | {"电话": "1"}]))
    assert {place[:2] for place in bad} == {("基地", 2), ("农户床位", 2), ("农户床位", 3)}


def test_county_office_is_no_township() -> None:
    UnitFactory(name="清河乡")
    assert refused(table([BASE], [])) == [("基地", 2, "乡镇")]


def test_missing_sheet_and_missing_heading_are_told() -> None:
    workbook = openpyxl.Workbook()
    workbook.active.title = "基地"
    workbook.active.append(["随便", "写的"])
    assert refused(saved(workbook)) == [("基地", 1, ""), ("农户床位", 0, "")]


def test_template_can_be_filled_in_and_its_example_is_no_base() -> None:
    content = imports.template_workbook(["清河乡人民政府"]).getvalue()
    workbook = openpyxl.load_workbook(io.BytesIO(content))
    titles = {sheet: [cell.value.rstrip("*") for cell in workbook[sheet][1]] for sheet in KNOWN}
    assert titles == {sheet: list(columns) for sheet, columns in KNOWN.items()}
    assert import_bases(content=content, name="空表.xlsx", by=None).bases == 0
    workbook["基地"].append([BASE.get(title) for title in titles["基地"]])
    assert import_bases(content=saved(workbook), name="表.xlsx", by=None).bases == 1
    assert "清河乡人民政府" in [row[0] for row in open_workbook(content).read("说明").rows]


def test_page_tells_the_cells_to_mend_and_takes_a_sound_table(staff: User) -> None:
    client = Client()
    client.force_login(staff, backend="django.contrib.auth.backends.ModelBackend")

    def upload(content: bytes, name: str = "表.xlsx") -> str:
        response = client.post(reverse("bases:import"), {"file": SimpleUploadedFile(name, content)}, follow=True)
        assert response.status_code == 200
        return str(response.content.decode())

    body = upload(table([BASE], [HOUSEHOLD | {"房间床位": "两间"}]))
    assert "看不懂“两间”" in body
    assert "<td>房间床位</td>" in body
    assert not PracticeBase.objects.exists()
    assert "导入了 1 个基地、1 户、4 张床位" in upload(table([BASE], [HOUSEHOLD]))
    assert PracticeBase.objects.count() == 1


@pytest.mark.parametrize(
    "content", [b"", b"hello", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"0" * 100, b"PK\x03\x04broken"]
)
def test_file_that_is_no_workbook_is_refused_in_words(staff: User, content: bytes) -> None:
    client = Client()
    client.force_login(staff, backend="django.contrib.auth.backends.ModelBackend")
    response = client.post(reverse("bases:import"), {"file": SimpleUploadedFile("表.xlsx", content)})
    assert response.status_code == 200
    assert "dm-note-bad" in response.content.decode()
    with pytest.raises(UnreadableWorkbook):
        import_bases(content=content, name="表.xlsx", by=None)


def test_command_writes_or_says_where(tmp_path: Path) -> None:
    good, bad = tmp_path / "好.xlsx", tmp_path / "坏.xlsx"
    good.write_bytes(table([BASE], [HOUSEHOLD]))
    bad.write_bytes(table([BASE | {"日均承载": "x"}], []))
    told, errors = io.StringIO(), io.StringIO()
    with pytest.raises(CommandError, match="有 1 处要改"):
        call_command("import_bases", bad, stdout=told, stderr=errors)
    assert "基地 第 2 行“日均承载”" in errors.getvalue()
    call_command("import_bases", good, stdout=told)
    assert "导入了 1 个基地" in told.getvalue()
    with pytest.raises(CommandError, match="打不开文件"):
        call_command("import_bases", tmp_path / "没有.xlsx")
    call_command("import_bases", tmp_path / "模板.xlsx", template=True, stdout=told)
    assert open_workbook((tmp_path / "模板.xlsx").read_bytes()).sheets[:2] == ("基地", "农户床位")


def test_other_base_of_the_village_name_in_another_township_is_apart() -> None:
    BaseFactory(village__name="清河村")
    import_bases(content=table([BASE], [HOUSEHOLD]), name="表.xlsx", by=None)
    assert HostHousehold.objects.get().base.village.township.name == "清河乡"
