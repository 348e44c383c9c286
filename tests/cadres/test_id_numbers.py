"""Citizens' ID numbers by GB 11643-1999."""

import contextlib
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cadres.formats import FEMALE, MALE, FieldProblem
from cadres.id_numbers import CHECK_CHARACTERS, check_character, normalise_id_number, read_id_number

TODAY = date(2026, 11, 1)


def number_for(birth: date, *, division: str = "990101", order: str = "017") -> str:
    first_17 = f"{division}{birth:%Y%m%d}{order}"
    return first_17 + check_character(first_17)


def problem(value) -> FieldProblem:
    with pytest.raises(FieldProblem) as caught:
        read_id_number(value, today=TODAY)
    return caught.value


@pytest.mark.parametrize(
    ("first_17", "last"), [("11010519491231002", "X"), ("44052418800101001", "4"), ("99510619970414017", "4")]
)
def test_check_character_of_published_numbers(first_17, last):
    assert check_character(first_17) == last


def test_sound_number_tells_birth_and_sex():
    man, woman = number_for(date(1985, 3, 9), order="017"), number_for(date(1990, 12, 31), order="028")
    assert read_id_number(man, today=TODAY).birth == date(1985, 3, 9)
    assert read_id_number(man, today=TODAY).sex == MALE
    assert read_id_number(woman, today=TODAY).sex == FEMALE


@pytest.mark.parametrize(
    "written",
    [
        "'99142519771111812x ",
        "９９１４２５１９７７１１１１８１２Ｘ",
        "991425 19771111 812X",
        "991425-19771111-812X",
        "’99142519771111812X",
        "\u200b99142519771111812X\ufeff",
    ],
)
def test_number_is_read_however_it_is_written(written):
    assert normalise_id_number(written) == "99142519771111812X"
    assert read_id_number(written, today=TODAY).number == "99142519771111812X"


@pytest.mark.parametrize("blank", [None, "", "  ", "无", "—", "/", "暂无"])
def test_blank_is_no_number(blank):
    assert read_id_number(blank, today=TODAY) is None


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (9.904211988020851e17, "id_float"),
        ("9.90421E+17", "id_float"),
        ("9.904211988020851e+17", "id_float"),
        ("994319960210956", "id_15"),
        (994319960210956, "id_15"),
        ("99382519730213799", "id_17"),
        ("9938251973021379911", "id_length"),
        ("99", "id_length"),
        ("九九三八", "id_rubbish"),
        ("9951061997041401X4", "id_rubbish"),
        ("99510619970414017\u0664", "id_rubbish"),  # a digit to Unicode, but none of ours
        ("995106199704140175", "id_bad_check"),
        ("994611197113321932", "id_date"),
        ("994611197102301932", "id_date"),
        ("994611187102281932", "id_date"),
        ("1" * 100_000, "id_length"),
    ],
)
def test_unusable_number_is_refused_with_its_kind(value, kind):
    found = problem(value)
    assert found.kind == kind
    assert found.what
    assert found.remedy
    assert len(found.message) < 120


def test_damaged_number_pasted_as_text_names_the_likely_cause():
    damaged = "990101198503090000"
    assert check_character(damaged[:17]) != "0"
    assert "数值" in problem(damaged).what


def test_birth_of_today_is_possible_and_of_tomorrow_is_not():
    assert read_id_number(number_for(TODAY), today=TODAY).birth == TODAY
    assert problem(number_for(date(2026, 11, 2))).kind == "id_date"


births = st.dates(min_value=date(1900, 1, 1), max_value=TODAY)
orders = st.integers(0, 999).map("{:03d}".format)
divisions = st.integers(990000, 999999).map(str)


@given(birth=births, division=divisions, order=orders)
def test_every_number_with_its_own_check_character_is_read(birth, division, order):
    read = read_id_number(number_for(birth, division=division, order=order), today=TODAY)
    assert read.birth == birth
    assert read.sex == (MALE if int(order) % 2 else FEMALE)


@given(birth=births, order=orders, place=st.integers(0, 17), other=st.sampled_from(CHECK_CHARACTERS))
def test_any_single_wrong_character_is_found(birth, order, place, other):
    right = number_for(birth, order=order)
    wrong = right[:place] + other + right[place + 1 :]
    if wrong == right:
        assert read_id_number(wrong, today=TODAY).number == right
    else:
        assert problem(wrong).kind in ("id_bad_check", "id_date", "id_rubbish")


@given(birth=births, order=orders, place=st.integers(0, 15))
def test_any_two_neighbours_exchanged_are_found(birth, order, place):
    right = number_for(birth, order=order)
    wrong = right[:place] + right[place + 1] + right[place] + right[place + 2 :]
    if wrong != right:
        assert problem(wrong).kind in ("id_bad_check", "id_date")


@given(st.one_of(st.text(), st.integers(), st.floats(), st.booleans(), st.dates(), st.none()))
def test_whatever_stands_in_the_cell_is_read_blank_or_refused(value):
    with contextlib.suppress(FieldProblem):
        read = read_id_number(value, today=TODAY)
        assert read is None or check_character(read.number[:17]) == read.number[17]
