"""Year and month as rosters write them: every trap is read rightly or given back, never guessed."""

import contextlib
from datetime import UTC, date, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cadres.dates import EPOCH, EPOCH_1904, end_of_month, read_date, read_range
from cadres.formats import FieldProblem
from office.spreadsheets import BrokenCell

MARCH = date(1985, 3, 1)


@pytest.mark.parametrize(
    "written",
    [
        "1985.03",
        "1985.3",
        "198503",
        198503,
        1985.03,
        1985.3,
        "1985-03",
        "1985-3",
        "1985/03",
        "1985/3",
        "1985年3月",
        "1985年03月",
        "1985 年 3 月",
        "１９８５．０３",
        "1985。03",
        "'1985.03",
        "1985.03.",
        " 1985.03 ",
        "1985.03（41岁）",
        "1985.03\n（41岁）",
        "1985年3",
        "\u200b1985.03",
    ],
)
def test_month_is_read_however_it_is_written(written):
    read = read_date(written)
    assert (read.value, read.has_day, read.other, read.certain) == (MARCH, False, None, True)


@pytest.mark.parametrize(
    "written",
    [
        "1985.03.09",
        "1985-3-9",
        "1985/3/9",
        "19850309",
        19850309,
        "1985年3月9日",
        date(1985, 3, 9),
        datetime(1985, 3, 9, 8, 30, tzinfo=UTC),
        31115,
        31115.5,
        "31115",
        "1985-03-09 00:00:00",
    ],
)
def test_day_is_read_where_it_is_written(written):
    read = read_date(written)
    assert (read.value, read.has_day) == (date(1985, 3, 9), True)


def test_number_that_lost_its_last_zero_is_october():
    read = read_date(1985.1)
    assert (read.value, read.other, read.certain) == (date(1985, 10, 1), date(1985, 1, 1), True)
    assert read_date(1985.01).value == date(1985, 1, 1)
    assert read_date(1985.11).value == date(1985, 11, 1)
    assert read_date(1985.12).value == date(1985, 12, 1)


def test_text_with_one_digit_one_is_either_month():
    read = read_date("1985.1")
    assert {read.value, read.other} == {date(1985, 1, 1), date(1985, 10, 1)}
    assert read.certain is False
    assert read_date("1985.10").value == date(1985, 10, 1)
    assert read_date("1985.10").certain is True
    assert read_date("1985年1月").value == date(1985, 1, 1)
    assert read_date("1985-1").value == date(1985, 1, 1)


def test_serial_counts_from_the_workbooks_own_epoch():
    assert read_date(33817).value == date(1992, 8, 1)
    assert read_date(33817 - 1462, date1904=True).value == date(1992, 8, 1)


@pytest.mark.parametrize("blank", [None, "", "  ", "无", "—", "-", "/", "暂无"])
def test_blank_is_no_date(blank):
    assert read_date(blank) is None
    assert read_range(blank) is None


@pytest.mark.parametrize(
    "rubbish",
    [
        "1985.13",
        "1985.00",
        "19XX.05",
        "七十年代",
        "85.03",
        "1985",
        1985,
        "1985年",
        "1985.02.30",
        "198513",
        198513,
        1985.13,
        1985.001,
        12,
        -5,
        3.14,
        99999,
        10**20,
        1e300,
        float("nan"),
        float("inf"),
        True,
        timedelta(days=1),
        time(8),
        BrokenCell("#REF!"),
        "至今",
        "1985.03.1.2",
        "2" * 100_000,
        "0000.00",
        "1985.3.0",
        "9999.12",
        date(1850, 1, 1),
    ],
)
def test_rubbish_is_refused(rubbish):
    with pytest.raises(FieldProblem) as caught:
        read_date(rubbish)
    assert caught.value.kind in ("date_rubbish", "date_year_only")
    assert "1985.03" in caught.value.remedy
    assert len(caught.value.message) < 120


months = st.dates(min_value=date(1901, 1, 1), max_value=date(2099, 12, 31)).map(lambda day: day.replace(day=1))


@given(months)
def test_every_unambiguous_style_of_a_month_reads_as_that_month(month):
    year, number = month.year, month.month
    styles = [
        f"{year}.{number:02d}",
        f"{year}{number:02d}",
        int(f"{year}{number:02d}"),
        f"{year}-{number}",
        f"{year}/{number:02d}",
    ]
    for style in (*styles, f"{year}年{number}月", float(f"{year}.{number:02d}")):
        read = read_date(style)
        assert (read.value, read.certain) == (month, True)


@given(st.dates(min_value=date(1955, 1, 1), max_value=date(2060, 12, 31)))
def test_every_serial_reads_as_its_day(day):
    assert read_date((day - EPOCH).days).value == day
    assert read_date(float((day - EPOCH_1904).days), date1904=True).value == day


@given(st.one_of(st.text(), st.text("0123456789.-/年月日 至"), st.integers(), st.floats(), st.dates(), st.booleans()))
def test_whatever_stands_in_the_cell_is_read_blank_or_refused(value):
    with contextlib.suppress(FieldProblem):
        read = read_date(value)
        assert read is None or 1900 <= read.value.year <= 2100
    with contextlib.suppress(FieldProblem):
        both = read_range(value)
        assert both is None or both[0] is not None


@pytest.mark.parametrize(
    ("written", "start", "end"),
    [
        ("2025.03-2025.06", date(2025, 3, 1), date(2025, 6, 1)),
        ("2025.03--2025.06", date(2025, 3, 1), date(2025, 6, 1)),
        ("2025.03—2025.06", date(2025, 3, 1), date(2025, 6, 1)),
        ("202503-202506", date(2025, 3, 1), date(2025, 6, 1)),
        ("2025-03 - 2025-06", date(2025, 3, 1), date(2025, 6, 1)),
        ("2025年3月至6月", date(2025, 3, 1), date(2025, 6, 1)),
        ("2025年3月1日至6月30日", date(2025, 3, 1), date(2025, 6, 30)),
        ("2025年3月1日-5日", date(2025, 3, 1), date(2025, 3, 5)),
        ("2025.03.01～2025.06.30", date(2025, 3, 1), date(2025, 6, 30)),
        ("2025/3/1-2025/6/30", date(2025, 3, 1), date(2025, 6, 30)),
        ("2025.03", date(2025, 3, 1), None),
        ("2025-03", date(2025, 3, 1), None),
        ("2025-03-08", date(2025, 3, 8), None),
        ("2025.03至今", date(2025, 3, 1), None),
        (202503, date(2025, 3, 1), None),
    ],
)
def test_range_is_read_as_beginning_and_end(written, start, end):
    first, last = read_range(written)
    assert first.value == start
    assert (last.value if last else None) == end


def test_last_day_of_a_month_knows_leap_years():
    assert end_of_month(date(2024, 2, 1)) == date(2024, 2, 29)
    assert end_of_month(date(2025, 2, 10)) == date(2025, 2, 28)
