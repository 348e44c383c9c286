"""Reading rosters: the sample rosters come out as expected, and every trap is a finding, never a crash or a guess."""

import io
import json
from datetime import date
from pathlib import Path

import openpyxl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE

from cadres.id_numbers import check_character
from cadres.roster import RosterReading, RosterRow, read_roster
from office.spreadsheets import UnreadableWorkbook
from tests.cadres.sheets import HEADINGS, PERSON, SECOND, roster_of, saved, workbook_of

ROSTERS = Path(__file__).parent / "rosters"
UNITS = {"县林业局", "县水利局"}
TODAY = date(2026, 11, 1)


def read(data: bytes, **options) -> RosterReading:
    return read_roster(data, **{"known_units": UNITS, "today": TODAY, **options})


def read_person(**changes) -> tuple[RosterRow, dict[str, str]]:
    """One person with changes, and the findings on them as kind → level."""
    reading = read(roster_of(PERSON | changes))
    assert len(reading.rows) == 1
    return reading.rows[0], {finding.kind: finding.level for finding in reading.findings}


@pytest.mark.parametrize("name", ["clean-266", "dirty-a-300", "dirty-b-180", "dirty-c-120"])
def test_sample_roster_is_read_as_expected(name):
    expected = json.loads((ROSTERS / f"{name}.expected.json").read_text(encoding="utf-8"))
    reading = read_roster(ROSTERS / f"{name}.xlsx", known_units=set(expected["units"]), today=TODAY)
    assert reading.sheet == expected["sheet"]
    assert len(reading.rows) == expected["rows"]
    assert list(reading.rows_with_errors) == expected["rows_with_errors"]
    assert len(reading.accepted) == expected["accepted"]
    found = {(one.row, one.column, one.level, one.kind) for one in reading.findings}
    wanted = {(one["row"], one["column"], one["level"], one["kind"]) for one in expected["findings"]}
    assert wanted <= found
    assert all(level == "warning" for _, _, level, _ in found - wanted)


@pytest.mark.parametrize("name", ["clean-266", "dirty-a-300", "dirty-b-180", "dirty-c-120"])
def test_accepted_rows_of_the_samples_agree_with_their_id_numbers_unless_remarked(name):
    expected = json.loads((ROSTERS / f"{name}.expected.json").read_text(encoding="utf-8"))
    reading = read_roster(ROSTERS / f"{name}.xlsx", known_units=set(expected["units"]), today=TODAY)
    conflicts = {one.row for one in reading.findings if one.kind == "birth_conflict"}
    for row in reading.accepted:
        same = (row.birth.year, row.birth.month) == (int(row.id_number[6:10]), int(row.id_number[10:12]))
        assert same is (row.number not in conflicts)
        assert row.unit in expected["units"]
        assert "\u3000" not in row.name
        assert "\u200b" not in row.name
        assert row.birth.day == 1


def test_same_people_in_three_layouts_read_alike():
    readings = {}
    for name in ("dirty-a-300", "dirty-b-180", "dirty-c-120"):
        units = json.loads((ROSTERS / f"{name}.expected.json").read_text(encoding="utf-8"))["units"]
        reading = read_roster(ROSTERS / f"{name}.xlsx", known_units=set(units), today=TODAY)
        readings[name] = {row.id_number: row for row in reading.accepted}
    row = readings["dirty-a-300"]["991105198204253186"].as_dict()
    for other in ("dirty-b-180", "dirty-c-120"):
        assert readings[other]["991105198204253186"].as_dict() | {"number": 0} == row | {"number": 0}


def test_sound_row_is_read_whole():
    row, findings = read_person(备注="=cmd|'/C calc'!A0")
    assert findings == {}
    assert row.accepted
    assert row.as_dict() == {
        "number": 2,
        "name": "范海志",
        "sex": "M",
        "birth": "1997-04-01",
        "id_number": "995106199704140174",
        "nationality": "汉族",
        "political_status": "中共党员",
        "education": "",
        "unit": "县林业局",
        "post": "股长",
        "level": "",
        "rank": "四级主任科员",
        "leading": None,
        "specialty": "",
        "grassroots": "",
        "phone": "14491277306",
        "start_work": None,
        "party_date": None,
        "staffing_kind": "",
        "remarks": "=cmd|'/C calc'!A0",
    }


@pytest.mark.parametrize(
    ("changes", "kind", "level"),
    [
        ({"姓名": None}, "name_missing", "error"),
        ({"姓名": "长" * 100_000}, "name_long", "error"),
        ({"姓名": "李娜2"}, "name_rubbish", "error"),
        ({"身份证号": None}, "id_missing", "error"),
        ({"身份证号": "995106199704140175"}, "id_bad_check", "error"),
        ({"性别": "南"}, "sex_rubbish", "error"),
        ({"性别": "女"}, "sex_conflict", "warning"),
        ({"性别": None}, "sex_missing", "warning"),
        ({"出生年月": None}, "birth_missing", "warning"),
        ({"出生年月": "1997.05"}, "birth_conflict", "warning"),
        ({"出生年月": "1997"}, "birth_rubbish", "error"),
        ({"出生年月": "2026.12"}, "birth_future", "error"),
        ({"出生年月": "2019.04"}, "birth_impossible", "error"),
        ({"出生年月": "1997.1"}, "birth_ambiguous", "error"),
        ({"单位": "无"}, "unit_missing", "error"),
        ({"单位": "县水产局"}, "unit_unknown", "error"),
        ({"单位": "局" * 61}, "too_long", "error"),
        ({"手机号码": "1449127730"}, "phone_short", "error"),
        ({"手机号码": "144912773066"}, "phone_long", "error"),
        ({"手机号码": "#REF!"}, "ref_error", "error"),
        ({"现任职务": "#N/A"}, "ref_error", "error"),
        ({"民族": "汗族"}, "nationality_unlisted", "warning"),
        ({"政治面貌": "少先队员"}, "political_status_unlisted", "warning"),
        ({"职级": "九级巡视员"}, "rank_unlisted", "warning"),
        ({"职级": "科" * 21}, "too_long", "error"),
        ({"现任职务": "长" * 101}, "cut", "warning"),
    ],
)
def test_one_fault_gives_one_finding_of_its_kind(changes, kind, level):
    row, findings = read_person(**changes)
    assert findings == {kind: level}
    assert row.accepted is (level == "warning")


def test_every_finding_names_cause_and_cure_and_hides_the_middle_of_numbers():
    reading = read(
        roster_of(PERSON | {"身份证号": "995106199704140175", "手机号码": "144912773066", "姓名": "长" * 100_000})
    )
    assert len(reading.findings) == 3
    for finding in reading.findings:
        assert finding.message
        assert finding.remedy
        assert len(finding.value) <= 60
        assert len(finding.message) <= 300
    text = json.dumps(reading.as_dict(), ensure_ascii=False) + repr(reading.findings)
    assert "995106199704140175" not in text
    assert "144912773066" not in text
    assert [finding.value for finding in reading.findings][1:] == ["995106********0175", "144*****3066"]


def test_text_with_one_digit_one_is_settled_by_the_id_number():
    october = {"身份证号": "992816197510188400", "性别": "女"}
    for written in ("1975.1", 1975.1):
        row, findings = read_person(**october, 出生年月=written)
        assert (row.birth, findings) == (date(1975, 10, 1), {})
    january = {"身份证号": "994929197301055213"}
    for written in ("1973.1", 1973.1):
        row, findings = read_person(**january, 出生年月=written)
        assert (row.birth, findings) == (date(1973, 1, 1), {})


def test_number_that_lost_its_zero_is_october_even_against_the_id_number():
    row, findings = read_person(出生年月=1996.1)
    assert row.birth == date(1996, 10, 1)
    assert findings == {"birth_conflict": "warning"}


def test_birth_and_sex_come_from_the_id_number_where_no_column_has_them():
    headings = [heading for heading in HEADINGS if heading not in ("出生年月", "性别")]
    reading = read(roster_of(PERSON, headings=headings))
    assert (reading.rows[0].birth, reading.rows[0].sex) == (date(1997, 4, 1), "M")
    assert reading.findings == ()
    assert "birth" not in reading.fields


def test_second_row_of_one_id_number_is_refused_and_names_the_first():
    reading = read(roster_of(PERSON, PERSON | SECOND, PERSON | {"姓名": "范海治"}))
    assert reading.rows_with_errors == (4,)
    assert [(one.row, "第 2 行" in one.message) for one in reading.findings] == [(4, True)]


def test_namesakes_are_remarked_on_and_never_merged():
    twin = "99510619970414009"
    reading = read(roster_of(PERSON, PERSON | {"身份证号": twin + check_character(twin)}))
    assert len(reading.accepted) == 2
    assert [(one.row, one.column, one.kind) for one in reading.findings] == [(3, "姓名", "namesake")]


def test_unit_is_found_whatever_its_blanks_and_former_name():
    row, _ = read_person(单位=" 县\u3000林业 局\n")
    assert row.unit == "县林业局"
    reading = read(roster_of(PERSON), known_units={"县林业局": "县自然资源局"})
    assert reading.rows[0].unit == "县自然资源局"


def test_unknown_units_are_offered_with_rows_and_the_likeliest_name():
    reading = read(
        roster_of(PERSON | {"单位": "林业局"}, PERSON | SECOND | {"单位": "外星局"}), known_units={"县林业局", "县科协"}
    )
    assert [(unit.name, unit.rows, unit.suggestion) for unit in reading.unknown_units] == [
        ("林业局", (2,), "县林业局"),
        ("外星局", (3,), ""),
    ]
    assert "是不是“县林业局”" in next(one.remedy for one in reading.findings if one.row == 2)


def test_empty_county_offers_every_unit_of_the_clean_roster_and_then_accepts_all():
    first = read_roster(ROSTERS / "clean-266.xlsx", known_units=set(), today=TODAY)
    assert first.accepted == ()
    offered = {unit.name for unit in first.unknown_units}
    again = read_roster(ROSTERS / "clean-266.xlsx", known_units=offered, today=TODAY)
    assert len(again.accepted) == 266


def test_existing_people_come_back_on_their_rows():
    reading = read(roster_of(PERSON, PERSON | SECOND), existing={PERSON["身份证号"]: 17})
    assert [row.existing for row in reading.rows] == [17, None]


def test_level_and_rank_are_told_apart_by_their_values():
    headings = [
        "单位",
        "姓名",
        "身份证号",
        "行政级别",
        "班子成员",
        "参加工作时间",
        "入党时间",
        "基层经历",
        "编制类型",
        "学历",
    ]
    person = PERSON | {"行政级别": "正科级", "班子成员": "是", "参加工作时间": "2019.8", "入党时间": "2022年1月"}
    row = read(roster_of(person, headings=headings)).rows[0]
    assert (row.level, row.rank, row.leading) == ("乡科级正职", "", True)
    assert (row.start_work, row.party_date) == (date(2019, 8, 1), date(2022, 1, 1))
    row = read(roster_of(person | {"行政级别": "四级主任科员", "班子成员": "否"}, headings=headings)).rows[0]
    assert (row.level, row.rank, row.leading) == ("", "四级主任科员", False)


def test_doubtful_dates_of_work_and_party_are_left_out_with_a_remark():
    headings = ["单位", "姓名", "身份证号", "参加工作时间", "入党时间"]
    for work, party, kinds in (
        ("2019.1", "2031.05", ["date_ambiguous", "date_future"]),
        ("很久", "2022.13", ["date_rubbish", "date_rubbish"]),
        ("无", "民盟", []),
        (None, "2005.03；民盟", []),
    ):
        reading = read(roster_of(PERSON | {"参加工作时间": work, "入党时间": party}, headings=headings))
        row = reading.rows[0]
        assert (row.start_work, row.party_date, row.accepted) == (None, None, True)
        assert [finding.kind for finding in reading.findings] == kinds


def test_two_level_heading_without_vertical_merges_is_joined():
    workbook = workbook_of(
        [
            ["XX县干部花名册"],
            ["单位", "姓名", "身份证号", "全日制教育", None, "在职教育", None],
            [None, None, None, "学历", "学位", "学历", "学位"],
            ["县林业局", "范海志", "995106199704140174", "大专", None, "大学", "学士"],
        ]
    )
    for cells in ("A1:G1", "D2:E2", "F2:G2"):
        workbook.active.merge_cells(cells)
    reading = read(saved(workbook))
    assert [column.label for column in reading.columns][3:] == [
        "全日制教育·学历",
        "全日制教育·学位",
        "在职教育·学历",
        "在职教育·学位",
    ]
    assert [row.number for row in reading.rows] == [4]
    assert reading.rows[0].education == "大学"
    assert reading.unknown_columns == ()


def test_unknown_and_unnamed_columns_are_named():
    headings = [*HEADINGS, "血型", None, "年龄"]
    data = workbook_of([headings, [*(PERSON.get(heading) for heading in HEADINGS), "A", "x", 29]])
    assert read(saved(data)).unknown_columns == ("血型", "N 列（没有标题）")


def test_rows_that_are_no_people_are_skipped_and_listed():
    line = [PERSON.get(heading) for heading in HEADINGS]
    second = [(PERSON | SECOND).get(heading) for heading in HEADINGS]
    workbook = workbook_of(
        [
            ["花名册"],
            HEADINGS,
            line,
            [],
            ["小计", None, "1人"],
            HEADINGS,
            [2, "县林业局"],
            second,
            ["注：没有的填无", *[None] * 11],
            ["填表人：张三", None, None, "审核人：李四"],
        ]
    )
    workbook.active.merge_cells("A9:L9")
    reading = read(saved(workbook))
    assert [row.number for row in reading.rows] == [3, 8]
    assert [(row.number, row.reason) for row in reading.skipped] == [
        (5, "合计、落款或说明"),
        (6, "重复的表头"),
        (7, "没有姓名"),
        (9, "合计、落款或说明"),
        (10, "合计、落款或说明"),
    ]
    assert reading.findings == ()


def test_row_without_a_name_but_with_numbers_is_an_error_not_a_footer():
    reading = read(roster_of(PERSON | {"姓名": None}, {"姓名": "覃丽婷"}))
    assert [row.number for row in reading.rows] == [2, 3]
    assert reading.rows_with_errors == (2, 3)


def test_hidden_rows_are_told_and_left_out_and_hidden_columns_told():
    workbook = openpyxl.load_workbook(io.BytesIO(roster_of(PERSON, PERSON | SECOND)))
    workbook.active.row_dimensions[2].hidden = True
    workbook.active.column_dimensions["G"].hidden = True
    workbook.create_sheet("去年").sheet_state = "hidden"
    reading = read(saved(workbook))
    assert [row.number for row in reading.rows] == [3]
    assert [(one.row, one.level, one.kind) for one in reading.findings] == [(2, "warning", "hidden_row")]
    assert any("身份证号" in note for note in reading.notes)
    assert any("去年" in note for note in reading.notes)


def test_sheet_is_the_first_with_a_heading_or_the_one_asked_for():
    workbook = openpyxl.load_workbook(io.BytesIO(roster_of(PERSON)))
    workbook.active.title = "乙"
    workbook.create_sheet("说明", 0)["A1"] = "没有的填无"
    other = workbook.create_sheet("丙")
    for row in ([*HEADINGS], [(PERSON | SECOND).get(heading) for heading in HEADINGS]):
        other.append(row)
    data = saved(workbook)
    assert (read(data).sheet, read(data).rows[0].name) == ("乙", "范海志")
    assert (read(data, sheet="丙").sheet, read(data, sheet="丙").rows[0].name) == ("丙", "覃丽婷")
    assert any("丙" in note for note in read(data).notes)


@pytest.mark.parametrize(
    ("data", "code", "words"),
    [
        (saved(workbook_of([["一", "二"], ["三", "四"]])), "heading_missing", "表头"),
        (saved(openpyxl.Workbook()), "heading_missing", "表头"),
        (roster_of(PERSON, headings=["姓名", "性别", "民族"]), "column_missing", "身份证号"),
        (roster_of(PERSON, headings=["姓名", "性别", "身份证号"]), "column_missing", "单位"),
    ],
)
def test_list_without_a_usable_heading_is_refused(data, code, words):
    with pytest.raises(UnreadableWorkbook, match=words) as caught:
        read(data)
    assert caught.value.code == code
    assert "请" in caught.value.message


def test_roster_with_heading_only_has_no_rows():
    reading = read(roster_of())
    assert (reading.rows, reading.accepted, reading.findings) == ((), (), ())


def test_formula_without_a_saved_result_is_an_error():
    workbook = openpyxl.load_workbook(io.BytesIO(roster_of(PERSON)))
    workbook.active["I2"] = '="副"&"局长"'
    reading = read(saved(workbook))
    assert [(one.column, one.kind) for one in reading.findings] == [("现任职务", "formula_no_value")]
    assert reading.accepted == ()


def test_hostile_text_is_kept_as_typed():
    for text in ("<script>alert(1)</script>{{7*7}}", "+1+1", "@SUM(A1)", "'; DROP TABLE x", "%s ${x} ../../etc"):
        assert read_person(备注=text)[0].remarks == text


hostile = st.one_of(
    st.none(),
    st.text(st.characters(codec="utf-8"), max_size=60).map(lambda text: ILLEGAL_CHARACTERS_RE.sub("", text)),
    st.integers(-(10**6), 10**18),
    st.floats(allow_nan=False, allow_infinity=False),
    st.dates(min_value=date(1901, 1, 1)),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.fixed_dictionaries(dict.fromkeys(HEADINGS, hostile)), max_size=4))
def test_any_cells_give_rows_and_findings_never_a_crash(people):
    reading = read(roster_of(*people))
    assert len(reading.rows) + len(reading.skipped) <= len(people)
    errors = {finding.row for finding in reading.findings if finding.level == "error"}
    assert errors == set(reading.rows_with_errors)
    assert json.dumps([row.as_dict() for row in reading.rows], ensure_ascii=False)
