"""Names, phones, yes and no, and the fixed lists."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cadres import vocabularies
from cadres.formats import FieldProblem, clean, masked, plain_text, read_phone, read_sex, read_yes
from cadres.names import read_name, read_unit_name, unit_key


@pytest.mark.parametrize(
    ("written", "stored"),
    [
        ("王　伟", "王伟"),
        (" 李 娜 ", "李娜"),
        ("李\n娜", "李娜"),
        ("\u200b金洋俊\ufeff", "金洋俊"),
        ("\u202e李娜\u202c", "李娜"),
        ("买买提•艾力", "买买提·艾力"),
        ("买买提．艾力", "买买提·艾力"),
        ("买买提・ 艾力", "买买提·艾力"),
        ("李娜（女）", "李娜"),
        ("石玉兰(女，苗族)", "石玉兰"),
        ("佟佳怡（满族）", "佟佳怡"),
        ("𬱖𬸣", "𬱖𬸣"),
        ("张㛃", "张㛃"),
        ("陈\ue5e5", "陈\ue5e5"),
        ("葛\U000e0100明", "葛\U000e0100明"),
        ("李〇々", "李〇々"),
        ("猛", "猛"),
        ("Anna  Maria", "Anna Maria"),
        ("名" * 40, "名" * 40),
        ("无", ""),
        (None, ""),
    ],
)
def test_name_is_stored_exactly_without_what_lists_add(written, stored):
    assert read_name(written) == stored


@pytest.mark.parametrize(
    "written", ["李娜2", "李娜（借调）", "李娜😀", "李娜/王伟", "***", 12345, 1.5, "··", "<b>李娜</b>"]
)
def test_what_is_no_name_is_refused(written):
    with pytest.raises(FieldProblem) as caught:
        read_name(written)
    assert caught.value.kind == "name_rubbish"


def test_name_beyond_40_characters_is_refused_shortly():
    with pytest.raises(FieldProblem) as caught:
        read_name("长" * 100_000)
    assert caught.value.kind == "name_long"
    assert len(caught.value.message) < 100


@pytest.mark.parametrize(
    ("written", "stored"),
    [
        ("14491277306", "14491277306"),
        (14491277306, "14491277306"),
        ("+86 144 9127-7306", "14491277306"),
        ("0086-14491277306", "14491277306"),
        ("８６１４４９１２７７３０６", "14491277306"),
        ("014491277306", "14491277306"),
        ("'14491277306", "14491277306"),
        ("0997-1234567", "0997-1234567"),
        ("(0997)1234567", "0997-1234567"),
        ("01012345678", "010-12345678"),
        ("0997 1234567-801", "0997-1234567"),
        ("—", ""),
        (None, ""),
    ],
)
def test_phone_is_read_however_it_is_written(written, stored):
    assert read_phone(written) == stored


@pytest.mark.parametrize(
    ("written", "kind"),
    [
        ("144912773066", "phone_long"),
        ("1449127730", "phone_short"),
        ("1234567", "phone_short"),
        ("12491277306", "phone_rubbish"),
        ("14491277306/14491277307", "phone_rubbish"),
        ("微信同号", "phone_rubbish"),
        (1.4491277306e25, "phone_long"),
        ("1" * 100_000, "phone_long"),
    ],
)
def test_unusable_phone_is_refused_with_its_kind(written, kind):
    with pytest.raises(FieldProblem) as caught:
        read_phone(written)
    assert caught.value.kind == kind


@given(st.one_of(st.text(), st.text("0123456789+-() /"), st.integers(), st.floats(), st.none()))
def test_any_cell_is_a_phone_a_blank_or_refused(value):
    with contextlib.suppress(FieldProblem):
        assert set(read_phone(value)) <= set("0123456789-")


def test_sex_and_yes_are_read_or_refused():
    assert [read_sex(value) for value in ("男", "女性", 1, "2", None)] == ["M", "F", "M", "F", ""]
    assert {read_yes(value) for value in ("是", "√", True, 1)} == {True}
    assert {read_yes(value) for value in ("否", "×", False, 0)} == {False}
    assert {read_yes(value) for value in (None, "—")} == {None}
    for reader, value in ((read_sex, "南"), (read_yes, "也许")):
        with pytest.raises(FieldProblem):
            reader(value)


def test_cleaning_takes_what_nobody_sees_and_keeps_what_is_typed():
    assert clean("a\x00\u200bb\u202e \t\r\n\u3000c\ud800") == "ab c"
    assert clean("一 行\r\n\n二行", keep_lines=True) == "一 行\n二行"
    assert clean("<script>{{7*7}}") == "<script>{{7*7}}"
    assert plain_text(14401093966.0) == "14401093966"


@given(st.text())
def test_cleaned_text_can_always_be_stored(text):
    cleaned = clean(text)
    assert "\x00" not in cleaned
    assert cleaned.encode("utf-8").decode() == cleaned
    assert clean(cleaned) == cleaned


def test_masking_keeps_only_head_and_tail():
    assert masked("995106199704140174", head=6, tail=4) == "995106********0174"
    assert masked("12345", head=6, tail=4) == "*****"


def test_unit_names_match_over_blanks_and_widths():
    assert read_unit_name(" 县\u3000委办公室 ") == "县委办公室"
    assert unit_key("县委（县政府）办公室") == unit_key("县委(县政府) 办公室")
    assert unit_key("县委办公室") != unit_key("县政府办公室")


def test_fixed_lists_have_their_full_length():
    assert len(vocabularies.NATIONALITIES) == len(set(vocabularies.NATIONALITIES)) == 56
    assert len(vocabularies.POLITICAL_STATUSES) == 13
    assert len(vocabularies.STATUTORY_LEVELS) == 10
    assert len(vocabularies.CIVIL_SERVICE_RANKS) == 12


@pytest.mark.parametrize(
    ("look_up", "written", "stored"),
    [
        (vocabularies.nationality, "汉", "汉族"),
        (vocabularies.nationality, "土家族", "土家族"),
        (vocabularies.political_status, "党员", "中共党员"),
        (vocabularies.political_status, "九三学社", "九三学社社员"),
        (vocabularies.level, "正科级", "乡科级正职"),
        (vocabularies.level, "副科", "乡科级副职"),
        (vocabularies.level, "县处级副职", "县处级副职"),
        (vocabularies.level, "乡科级正", "乡科级正职"),
        (vocabularies.level, "科员", "科员级"),
        (vocabularies.rank, "四级主任科员", "四级主任科员"),
        (vocabularies.rank, "管理七级", "七级职员"),
        (vocabularies.rank, "专技十二级", "专业技术十二级"),
        (vocabularies.rank, "一级警长", "一级警长"),
    ],
)
def test_known_value_is_stored_in_its_listed_form(look_up, written, stored):
    assert look_up(written) == (stored, True)


@pytest.mark.parametrize(
    "look_up", [vocabularies.nationality, vocabularies.political_status, vocabularies.level, vocabularies.rank]
)
def test_unknown_value_is_kept_as_written_and_told(look_up):
    assert look_up("闻所未闻") == ("闻所未闻", False)
