"""Old sessions' lists: rows with and without ID numbers, all shapes of dates, repetitions refused."""

from datetime import date

import pytest

from cadres.past_attendance import PastReading, read_past_attendance
from office.spreadsheets import UnreadableWorkbook
from tests.cadres.sheets import saved, workbook_of

TODAY = date(2026, 11, 1)
HEADINGS = ("序号", "姓名", "身份证号", "单位", "期次", "班级", "起止时间", "等次")
ROW = (1, "范海志", "995106199704140174", "县林业局", "第一期", "一班", "2025.03-2025.06", "良好")


def read(*rows, headings=HEADINGS, **options) -> PastReading:
    return read_past_attendance(saved(workbook_of([["名单"], headings, *rows])), today=TODAY, **options)


def changed(**changes) -> tuple:
    return tuple(changes.get(heading, value) for heading, value in zip(HEADINGS, ROW, strict=True))


def kinds(reading: PastReading) -> dict[str, str]:
    return {finding.kind: finding.level for finding in reading.findings}


def test_sound_row_is_read_whole():
    reading = read(ROW, known_units={"县林业局"})
    assert (reading.sheet, reading.heading_row, reading.findings) == ("Sheet", 2, ())
    assert reading.rows[0].as_dict() == {
        "number": 3,
        "name": "范海志",
        "id_number": "995106199704140174",
        "unit": "县林业局",
        "session": "第一期",
        "class_name": "一班",
        "first_day": "2025-03-01",
        "last_day": "2025-06-30",
        "outcome": "良好",
    }


def test_start_and_end_in_two_columns_are_read():
    headings = ("姓名", "单位", "期次", "开始时间", "结束时间")
    row = read(("范海志", "县林业局", "第一期", "2025年3月8日", "2025.06"), headings=headings).rows[0]
    assert (row.first_day, row.last_day) == (date(2025, 3, 8), date(2025, 6, 30))


@pytest.mark.parametrize(
    ("changes", "kind", "level"),
    [
        ({"姓名": None}, "name_missing", "error"),
        ({"姓名": "长" * 100_000}, "name_long", "error"),
        ({"身份证号": None}, "id_missing", "warning"),
        ({"身份证号": 9.95106199704140e17}, "id_float", "error"),
        ({"单位": "县水产局"}, "unit_unknown", "warning"),
        ({"期次": None}, "session_missing", "error"),
        ({"期次": "期" * 61}, "too_long", "error"),
        ({"等次": "#REF!"}, "ref_error", "error"),
        ({"起止时间": "去年春天"}, "date_rubbish", "warning"),
        ({"起止时间": "2025.1-2025.06"}, "date_ambiguous", "warning"),
        ({"起止时间": "2025.06-2025.03"}, "dates_reversed", "error"),
        ({"起止时间": "2027.03-2027.06"}, "date_future", "error"),
    ],
)
def test_one_fault_gives_one_finding_of_its_kind(changes, kind, level):
    reading = read(changed(**changes), known_units={"县林业局"})
    assert kinds(reading) == {kind: level}
    assert reading.rows[0].accepted is (level == "warning")
    assert all(finding.message and finding.remedy for finding in reading.findings)


def test_row_with_neither_unit_nor_id_number_is_refused():
    reading = read(changed(身份证号=None, 单位=None))
    assert kinds(reading) == {"id_missing": "warning", "unit_missing": "error"}
    assert read(changed(单位=None)).findings == ()


def test_same_person_twice_in_one_session_is_refused_and_in_two_sessions_is_not():
    reading = read(ROW, changed(班级="二班"), changed(期次="第二期"))
    assert reading.rows_with_errors == (4,)
    assert "第 3 行" in reading.findings[0].message
    assert "995106199704140174" not in repr(reading.findings)
    nameless = read(
        changed(身份证号=None), changed(身份证号=None, 姓名="范 海志"), changed(身份证号=None, 单位="县水利局")
    )
    assert nameless.rows_with_errors == (4,)


def test_session_may_be_given_for_lists_without_a_column_for_it():
    headings = ("姓名", "身份证号", "单位")
    row = ("范海志", "995106199704140174", "县林业局")
    assert read(row, headings=headings, session="第一期").rows[0].session == "第一期"
    with pytest.raises(UnreadableWorkbook, match="期次"):
        read(row, headings=headings)


def test_units_are_not_remarked_on_when_none_are_known():
    assert read(ROW).findings == ()
    assert [unit.name for unit in read(ROW).unknown_units] == ["县林业局"]
