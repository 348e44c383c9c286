"""Reading uploaded workbooks: sound ones as the eye sees them, all others refused with the cause and the cure."""

import contextlib
import io
import struct
import tracemalloc
import zipfile
from collections.abc import Callable
from datetime import date

import openpyxl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from office import sheet_scan, workbook_checks
from office.spreadsheets import BrokenCell, Merge, Sheet, UnreadableWorkbook, open_workbook, write_text

SHEET = "xl/worksheets/sheet1.xml"


def saved(workbook: openpyxl.Workbook) -> bytes:
    buffer = io.BytesIO()
    workbook.save(buffer)
    return buffer.getvalue()


def small_workbook(**cells: object) -> bytes:
    workbook = openpyxl.Workbook()
    for place, value in (cells or {"A1": "姓名"}).items():
        workbook.active[place] = value
    return saved(workbook)


def rewritten(data: bytes, change: Callable[[str, bytes], bytes | None]) -> bytes:
    """The archive again with each part passed through `change`; None leaves a part out."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as source, zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as target:
        for entry in source.infolist():
            content = change(entry.filename, source.read(entry))
            if content is not None:
                target.writestr(entry.filename, content)
    return buffer.getvalue()


def with_sheet(data: bytes, old: bytes, new: bytes) -> bytes:
    def change(name: str, content: bytes) -> bytes:
        if name != SHEET:
            return content
        assert old in content
        return content.replace(old, new)

    return rewritten(data, change)


def with_part(name: str, content: bytes, *, compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO(small_workbook())
    with zipfile.ZipFile(buffer, "a", compression) as archive:
        archive.writestr(name, content)
    return buffer.getvalue()


def refusal(data: bytes, *, name: str = "名单.xlsx", read: bool = False) -> UnreadableWorkbook:
    with pytest.raises(UnreadableWorkbook) as caught:
        first_sheet(data, name=name) if read else open_workbook(data, name=name)
    assert "请" in caught.value.message
    return caught.value


def first_sheet(data: bytes, *, name: str = "名单.xlsx") -> Sheet:
    workbook = open_workbook(data, name=name)
    return workbook.read(workbook.sheets[0])


def test_values_keep_their_kind_and_place():
    data = small_workbook(B3="姓名", C3=12, D3=1985.1, E3=date(2008, 6, 1), F3=True, G5="末")
    sheet = first_sheet(data)
    assert sheet.first_row_number == 1
    assert len(sheet.rows) == 5
    assert sheet.rows[0] == [None] * 7
    assert sheet.rows[2] == [None, "姓名", 12, 1985.1, date(2008, 6, 1), True, None]
    assert isinstance(sheet.rows[2][2], int)
    assert sheet.rows[4][6] == "末"


def test_number_beyond_15_digits_stays_a_float():
    assert first_sheet(small_workbook(A1=990421198802085123)).rows[0][0] == pytest.approx(990421198802085123)
    assert isinstance(first_sheet(small_workbook(A1=990421198802085123)).rows[0][0], float)


def test_merged_cells_are_filled():
    workbook = openpyxl.Workbook()
    workbook.active["A1"] = "县林业局"
    workbook.active["B3"] = "末"
    workbook.active.merge_cells("A1:A3")
    sheet = first_sheet(saved(workbook))
    assert [row[0] for row in sheet.rows] == ["县林业局"] * 3
    assert sheet.merges == (Merge(1, 1, 3, 1),)


def test_merge_over_the_whole_sheet_is_filled_within_the_used_area_only():
    data = with_sheet(
        small_workbook(A1="题", C2="末"),
        b"</sheetData>",
        b'</sheetData><mergeCells><mergeCell ref="A1:XFD1048576"/></mergeCells>',
    )
    assert first_sheet(data).rows == [["题"] * 3] * 2


def test_overlapping_merges_are_refused_when_they_ask_for_too_much(monkeypatch):
    merges = b'<mergeCell ref="A1:J10"/>' * 30
    data = with_sheet(
        small_workbook(A1="题", J10="末"), b"</sheetData>", b"</sheetData><mergeCells>" + merges + b"</mergeCells>"
    )
    monkeypatch.setattr("office.spreadsheets.MAX_CELLS", 1_000)
    assert refusal(data, read=True).code == "workbook_suspicious"


def test_hidden_sheets_rows_and_columns_are_reported():
    workbook = openpyxl.Workbook()
    workbook.active.title = "名单"
    workbook.active["A1"], workbook.active["C4"] = "姓名", "末"
    workbook.active.row_dimensions[2].hidden = True
    workbook.active.column_dimensions["B"].hidden = True
    workbook.create_sheet("旧表").sheet_state = "hidden"
    workbook.create_sheet("更旧").sheet_state = "veryHidden"
    opened = open_workbook(saved(workbook))
    assert opened.visible_sheets == ("名单",)
    assert opened.hidden_sheets == ("旧表", "更旧")
    sheet = opened.read("名单")
    assert sheet.hidden_rows == {2}
    assert sheet.hidden_columns == {2}


def test_formula_shows_its_saved_result_or_says_there_is_none():
    data = small_workbook(A1="=1+1", A2="=1/0", A3="=B9", A4="末")
    data = with_sheet(data, b"<f>1/0</f><v></v>", b"<f>1/0</f><v>3</v>")
    data = with_sheet(data, b'<c r="A3"><f>B9</f><v></v>', b'<c r="A3" t="str"><f>B9</f><v></v>')
    assert [row[0] for row in first_sheet(data).rows] == [BrokenCell(""), 3, None, "末"]


def test_error_cell_is_not_an_empty_cell():
    data = with_sheet(small_workbook(A1="姓名", B1=7), b'<c r="B1" t="n"><v>7</v>', b'<c r="B1" t="e"><v>#REF!</v>')
    assert first_sheet(data).rows == [["姓名", BrokenCell("#REF!")]]


def test_years_counted_from_1904_are_told():
    def change(name: str, content: bytes) -> bytes:
        if name != "xl/workbook.xml":
            return content
        assert b"<workbookPr/>" in content
        return content.replace(b"<workbookPr/>", b'<workbookPr date1904="1"/>')

    assert first_sheet(rewritten(small_workbook(), change)).date1904 is True
    assert first_sheet(small_workbook()).date1904 is False


def test_unknown_sheet_is_named_with_those_there_are():
    with pytest.raises(UnreadableWorkbook, match=r"没有表“别的”.*Sheet"):
        open_workbook(small_workbook()).read("别的")


def test_path_and_open_file_are_read_like_bytes(tmp_path):
    path = tmp_path / "名单.xlsx"
    path.write_bytes(small_workbook())
    assert open_workbook(path).read("Sheet").rows == [["姓名"]]
    with path.open("rb") as file:
        assert open_workbook(file).read("Sheet").rows == [["姓名"]]


def test_cell_in_the_last_row_and_column_is_refused():
    error = refusal(small_workbook(A1="姓名", XFD1048576="x"), read=True)
    assert error.code == "sheet_too_large"
    assert "XFD1048576" in error.message


@pytest.mark.parametrize("place", [f"A{sheet_scan.MAX_ROWS + 1}", "GS1"])
def test_one_step_beyond_the_limits_is_refused_and_the_limit_itself_is_read(place):
    assert refusal(small_workbook(**{place: "x"}), read=True).code == "sheet_too_large"
    assert len(first_sheet(small_workbook(**{f"A{sheet_scan.MAX_ROWS}": "x"})).rows) == sheet_scan.MAX_ROWS
    assert len(first_sheet(small_workbook(GR1="x")).rows[0]) == sheet_scan.MAX_COLUMNS


def test_large_area_within_both_limits_is_refused_by_its_number_of_cells():
    assert refusal(small_workbook(A20000="x", GR1="x"), read=True).code == "sheet_too_large"


def test_one_long_text_shared_by_many_cells_is_refused_before_it_is_multiplied():
    cells = b"".join(b'<c r="A%d" t="s"><v>0</v></c>' % row for row in range(1, 41))
    data = with_sheet(small_workbook(), b"<sheetData>", b'<sheetData><row r="1">' + cells + b"</row>")
    shared = b"<sst><si><t>" + b"x" * 1024 * 1024 + b"</t></si></sst>"

    def with_text(text: bytes) -> bytes:
        buffer = io.BytesIO(data)
        with zipfile.ZipFile(buffer, "a", zipfile.ZIP_STORED) as archive:
            archive.writestr("xl/sharedStrings.xml", text)
        return buffer.getvalue()

    error = refusal(with_text(shared), read=True)
    assert (error.code, "文字太多" in error.message) == ("sheet_too_large", True)
    assert len(first_sheet(with_text(b"<sst><si><t>x</t></si></sst>")).rows) == 40


@pytest.mark.parametrize(
    ("data", "name", "code", "words"),
    [
        (b"", "名单.xlsx", "workbook_empty", "空"),
        (b"\x89PNG\r\n\x1a\n" + b"\0" * 50, "名单.xlsx", "workbook_format", "PNG"),
        (b"%PDF-1.7", "名单.xlsx", "workbook_format", "PDF"),
        (b"<html><table><tr><td>1</td></tr></table></html>", "名单.xls", "workbook_format", "网页"),
        ("姓名,单位\n李娜,县林业局\n".encode(), "名单.xlsx", "workbook_format", "csv"),
        ("姓名,单位\n李娜,县林业局\n".encode("gb18030"), "名单.xlsx", "workbook_format", "csv"),
        ("姓名\t单位\n李娜\t县林业局\n".encode("utf-16"), "名单.xlsx", "workbook_format", "csv"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + "Workbook".encode("utf-16-le"), "名单.xls", "workbook_format", ".xls"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + "Workbook".encode("utf-16-le"), "名单.et", "workbook_format", ".et"),
        (
            b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + "EncryptedPackage".encode("utf-16-le"),
            "名单.xlsx",
            "workbook_protected",
            "密码",
        ),
        (b"\x00\x01\x02\xff\xfe\x00" * 40, "名单.xlsx", "workbook_format", "认不出"),
        (b"PK\x05\x06" + b"\0" * 18, "名单.xlsx", "workbook_damaged", "损坏"),
        (small_workbook()[:2000], "名单.xlsx", "workbook_damaged", "损坏"),
    ],
    ids=[
        "empty",
        "png",
        "pdf",
        "html",
        "csv",
        "gb18030",
        "utf16",
        "xls",
        "et",
        "password",
        "random",
        "no parts",
        "cut off",
    ],
)
def test_other_files_are_refused_by_name(data, name, code, words):
    error = refusal(data, name=name)
    assert error.code == code
    assert words in error.message


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        (["word/document.xml"], "Word"),
        (["xl/workbook.bin"], ".xlsb"),
        (["xl/workbook.xml", "[Content_Types].xml", "xl/vbaProject.bin"], ".xlsm"),
        (["mimetype", "content.xml"], ".ods"),
        (["照片/1.jpg"], "压缩包"),
    ],
)
def test_other_zip_formats_are_named(parts, words):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for part in parts:
            archive.writestr(part, "x")
    assert words in refusal(buffer.getvalue()).message


def test_archive_that_expands_to_hundreds_of_megabytes_is_refused_within_little_memory():
    buffer = io.BytesIO(small_workbook())
    with (
        zipfile.ZipFile(buffer, "a", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
        archive.open("xl/worksheets/sheet9.xml", "w") as part,
    ):
        for _ in range(100):
            part.write(b" " * 1024 * 1024)
    data = buffer.getvalue()
    tracemalloc.start()
    try:
        assert refusal(data).code == "workbook_too_large"
        assert tracemalloc.get_traced_memory()[1] < 4 * len(data) + 2 * 1024 * 1024
    finally:
        tracemalloc.stop()


def test_extreme_compression_below_the_size_limit_is_refused():
    assert "压缩比" in refusal(with_part("xl/worksheets/sheet9.xml", b" " * 6 * 1024 * 1024)).message


def test_archive_that_lies_about_a_size_is_refused():
    data = bytearray(with_part("xl/extra.xml", b"<a/>" + b" " * 9_000))
    directory = data.rfind(b"PK\x01\x02")
    struct.pack_into("<L", data, directory + 24, 10)
    assert refusal(bytes(data)).code == "workbook_damaged"


def test_counting_stops_an_archive_whatever_it_declares(monkeypatch):
    data = with_part("xl/extra.xml", b"<a/>" + b" " * 9_000)
    monkeypatch.setattr(workbook_checks, "MAX_UNPACKED_BYTES", 9_000)
    with zipfile.ZipFile(io.BytesIO(data)) as archive, pytest.raises(UnreadableWorkbook, match="展开后"):
        workbook_checks._copy_counted(archive)


def test_overlapping_entries_are_refused():
    data = bytearray(small_workbook())
    first = data.find(b"PK\x01\x02")
    second = data.find(b"PK\x01\x02", first + 4)
    data[second + 42 : second + 46] = data[first + 42 : first + 46]
    assert refusal(bytes(data)).code == "workbook_suspicious"


def test_nested_archive_is_refused():
    for compression in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        data = with_part("xl/embeddings/a.bin", small_workbook(), compression=compression)
        assert "压缩包套压缩包" in refusal(data).message


def test_very_many_entries_are_refused():
    buffer = io.BytesIO(small_workbook())
    with zipfile.ZipFile(buffer, "a") as archive:
        for number in range(workbook_checks.MAX_ENTRIES):
            archive.writestr(f"xl/media/{number}", b"")
    assert "部件过多" in refusal(buffer.getvalue()).message


def test_encrypted_entries_are_told_as_a_password():
    data = bytearray(small_workbook())
    data[data.find(b"PK\x01\x02") + 8] |= 1
    assert refusal(bytes(data)).code == "workbook_protected"


@pytest.mark.parametrize("part", [SHEET, "xl/workbook.xml", "xl/styles.xml", "xl/sharedStrings.xml"])
def test_document_type_declaration_is_refused(part):
    bomb = b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "b"><!ENTITY c SYSTEM "file:///etc/passwd">]>'
    data = rewritten(
        with_part("xl/sharedStrings.xml", b"<sst/>"), lambda name, content: bomb + content if name == part else content
    )
    assert "文档类型" in refusal(data).message


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'r="A1"', b'r="ZZZZZZ99999999999"'),
        (b'<row r="1"', b'<row r="-7"'),
        (b"</sheetData>", b"</sheet"),
        (b"<sheetData>", b"<sheetData>&undefined;"),
        (b'<sheetData><row r="1">', b'<sheetData><row r="1"><c r="B1" t="s"><v>7</v></c>'),
    ],
)
def test_broken_sheet_is_refused_not_crashed(old, new):
    assert refusal(with_sheet(small_workbook(), old, new), read=True).code == "workbook_damaged"


@pytest.mark.parametrize("part", [SHEET, "xl/workbook.xml", "xl/_rels/workbook.xml.rels"])
def test_workbook_without_a_needed_part_is_refused(part):
    refusal(rewritten(small_workbook(), lambda name, content: None if name == part else content), read=True)


def test_cells_without_an_address_are_counted_from_the_left():
    data = with_sheet(small_workbook(A1="姓名", B1=7), b'<c r="B1" t="n"><v>7</v>', b'<c t="e"><v>#N/A</v>')
    assert first_sheet(data).rows == [["姓名", BrokenCell("#N/A")]]


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    cuts=st.lists(st.tuples(st.integers(0, 6_000), st.integers(0, 255)), min_size=1, max_size=12),
    end=st.integers(0, 6_000),
)
def test_any_damage_reads_or_is_refused(cuts, end):
    data = bytearray(small_workbook(A1="姓名", B2=3))
    for place, byte in cuts:
        data[place % len(data)] = byte
    data = bytes(data[: max(1, len(data) - end // 40)])
    # Anything but UnreadableWorkbook, a panic of the reader included, fails the test.
    with contextlib.suppress(UnreadableWorkbook):
        assert first_sheet(data).first_row_number == 1


@pytest.mark.parametrize(
    "text",
    [
        "=cmd|'/C calc'!A0",
        "+1+1",
        "-2+3",
        "@SUM(A1)",
        "＝1+1",
        '=HYPERLINK("http://x","y")',
        "990421198802085123",
        "无",
    ],
)
def test_written_text_comes_back_as_the_same_text(text):
    workbook = openpyxl.Workbook()
    write_text(workbook.active["A1"], text)
    data = saved(workbook)
    cell = openpyxl.load_workbook(io.BytesIO(data)).active["A1"]
    assert (cell.value, cell.data_type, cell.number_format) == (text, "s", "@")
    assert cell.quotePrefix is text.startswith(("=", "+", "-", "@", "＝"))
    assert first_sheet(data).rows == [[text]]
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert b"<f>" not in archive.read(SHEET)


def test_written_text_leaves_out_what_a_workbook_cannot_hold():
    workbook = openpyxl.Workbook()
    write_text(workbook.active["A1"], "李\x00\x0b娜\ud800")
    write_text(workbook.active["A2"], "长" * 40_000)
    write_text(workbook.active["A3"], None)
    write_text(workbook.active["A4"], date(2026, 10, 1))
    values = [row[0].value for row in openpyxl.load_workbook(io.BytesIO(saved(workbook))).active["A1:A4"]]
    assert values == ["李娜", "长" * 32_767, None, "2026-10-01"]
