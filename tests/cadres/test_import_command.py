"""`manage.py import_roster`: the roster read and written by the acts that pages call."""

import json
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from accounts.models import AuditEntry
from cadres.models import Cadre, RosterImport, Unit
from tests.cadres.sheets import PERSON, roster_of
from tests.factories import UnitFactory

pytestmark = pytest.mark.django_db
ROSTERS = Path(__file__).parent / "rosters"
CLEAN = ROSTERS / "clean-266.xlsx"


def told(path: Path, **options: bool) -> dict[str, object]:
    out = StringIO()
    call_command("import_roster", str(path), json=True, stdout=out, stderr=StringIO(), **options)
    found: dict[str, object] = json.loads(out.getvalue())
    return found


@pytest.mark.parametrize("create_units", [True, False])
def test_clean_roster_into_an_empty_county_has_266_accepted(create_units: bool) -> None:
    assert told(CLEAN, create_units=create_units) == {
        "sheet": "干部花名册",
        "rows": 266,
        "accepted": 266,
        "findings": [],
    }
    assert (Cadre.objects.count(), RosterImport.objects.count(), Unit.objects.count()) == (0, 0, 0)


def test_commit_writes_266_cadres_and_again_nothing() -> None:
    assert told(CLEAN, create_units=True, commit=True)["accepted"] == 266
    assert (Cadre.objects.count(), Unit.objects.count()) == (266, 54)
    assert AuditEntry.objects.filter(act="commit_import", actor="系统").count() == 1
    before = list(Cadre.objects.order_by("pk").values())
    told(CLEAN, create_units=True, commit=True)
    assert list(Cadre.objects.order_by("pk").values()) == before


def test_commit_into_an_empty_county_does_not_make_units_unasked() -> None:
    with pytest.raises(CommandError, match="--create-units"):
        told(CLEAN, commit=True)
    assert (Cadre.objects.count(), Unit.objects.count()) == (0, 0)


def test_unknown_unit_of_a_county_with_units_is_an_error_unless_it_is_created(tmp_path: Path) -> None:
    UnitFactory(name="县水利局")
    path = tmp_path / "list.xlsx"
    path.write_bytes(roster_of(PERSON))
    refused = told(path)
    assert (refused["rows"], refused["accepted"]) == (1, 0)
    assert [(each["row"], each["column"], each["level"]) for each in refused["findings"]] == [(2, "单位", "error")]  # type: ignore[attr-defined, index] # JSON
    assert told(path, create_units=True) == {"sheet": "Sheet", "rows": 1, "accepted": 1, "findings": []}


@pytest.mark.parametrize("name", ["dirty-a-300", "dirty-b-180", "dirty-c-120"])
def test_dirty_roster_is_read_with_the_known_units_as_expected(name: str) -> None:
    expected = json.loads((ROSTERS / f"{name}.expected.json").read_text())
    Unit.objects.bulk_create(Unit(name=unit) for unit in expected["units"])
    found = told(ROSTERS / f"{name}.xlsx")
    assert {key: found[key] for key in ("sheet", "rows", "accepted")} == {
        key: expected[key] for key in ("sheet", "rows", "accepted")
    }
    assert told(ROSTERS / f"{name}.xlsx", commit=True)["accepted"] == Cadre.objects.count()


@pytest.mark.parametrize("name", ["dirty-a-300", "dirty-b-180", "dirty-c-120"])
def test_dirty_roster_into_an_empty_county_breaks_nothing(name: str) -> None:
    found = told(ROSTERS / f"{name}.xlsx", create_units=True, commit=True)
    assert found["accepted"] == Cadre.objects.count()


@pytest.mark.parametrize(
    ("content", "said"),
    [(b"", "空"), (b"PK\x03\x04junk", "损坏"), (b"a,b\n1,2\n", "csv"), (b"\xd0\xcf\x11\xe0" * 200, "xls")],
)
def test_unreadable_file_is_one_clear_line(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "list.xlsx"
    path.write_bytes(content)
    with pytest.raises(CommandError) as refused:
        told(path)
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("place", ["missing.xlsx", "."])
def test_path_that_is_no_file_is_one_clear_line(tmp_path: Path, place: str) -> None:
    with pytest.raises(CommandError, match="请"):
        told(tmp_path / place)


def test_plain_output_names_rows_and_remedies(tmp_path: Path) -> None:
    path = tmp_path / "list.xlsx"
    path.write_bytes(roster_of(PERSON | {"身份证号": "995106199704140175"}))
    out = StringIO()
    call_command("import_roster", str(path), stdout=out)
    assert "可以写入 0 行" in out.getvalue()
    assert "第 2 行 身份证号 不能导入" in out.getvalue()
    assert "995106199704140175" not in out.getvalue()
