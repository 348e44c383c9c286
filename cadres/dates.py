"""Year and month as rosters write them: 1985.03, 198503, 1985年3月, real dates, serial numbers, and the doubtful 1985.1."""

import calendar
import math
import re
import unicodedata
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal

from cadres.formats import FieldProblem, is_blank, plain_text, shortened
from office.spreadsheets import BrokenCell, Value

FIRST_YEAR, LAST_YEAR = 1900, 2100
SERIALS = range(20_000, 60_001)  # 1954-10-03 to 2064-04-08
EPOCH, EPOCH_1904 = date(1899, 12, 30), date(1904, 1, 1)

AGE_NOTE = re.compile(r"\(\d{1,3}(?:周?岁)?\)$", re.ASCII)
BLANKS_IN_DATE = re.compile(r"(?<=[-./年月])\s+|\s+(?=[-./年月日号])")
YEAR_MONTH_DAY = re.compile(r"(\d{4})[-./年](\d{1,2})(?:[-./月](\d{1,2}))?[日号.月]?(?: 0{1,2}:00(?::00)?)?", re.ASCII)
DIGITS = re.compile(r"(\d{4})(\d{2})(\d{2})?", re.ASCII)
DOTTED_ONE = re.compile(r"\d{4}\.1", re.ASCII)
RANGE_SEPARATOR = re.compile(r"\s*(?:--|—+|–|~|～|至|到)\s*|\s+-\s+")

REMEDY = "请按“1985.03”的样子填写年月"


@dataclass(frozen=True)
class ReadDate:
    """A date that was read. `has_day` tells whether a day was written; without one the day is the 1st.

    `other` is the second month that the text may mean (1985.1: January or October); `certain` is false when nothing in the
    cell decides between them.
    """

    value: date
    has_day: bool = False
    other: date | None = None
    certain: bool = True


def read_date(value: Value, *, date1904: bool = False) -> ReadDate | None:
    """Read a date of month or day precision; None when the cell is blank. Raises FieldProblem rather than guess.

    A *number* 1985.1 was typed 1985.10 and lost its zero: October. A *text* 1985.1 is either month: not certain.
    """
    if is_blank(value):
        return None
    if isinstance(value, datetime | date):
        day = value.date() if isinstance(value, datetime) else value
        return _read(day.year, day.month, day.day, value)
    if isinstance(value, bool | timedelta | BrokenCell):
        raise _rubbish(value)
    if isinstance(value, int | float):
        return _read_number(value, date1904=date1904)
    return _read_text(plain_text(value), date1904=date1904)


def read_range(value: Value, *, date1904: bool = False) -> tuple[ReadDate, ReadDate | None] | None:
    """Read 2025.03-2025.06, 2025年3月1日至6月30日 and the like as beginning and end; a single date has no end."""
    if is_blank(value) or not isinstance(value, str):
        single = read_date(value, date1904=date1904)
        return (single, None) if single else None
    text = unicodedata.normalize("NFKC", plain_text(value))
    parts = RANGE_SEPARATOR.split(text)
    if len(parts) == 1 and text.count("-") == 1 and re.search(r"[.年月日/]|\d{6}", text):
        parts = text.split("-")
    if len(parts) == 1 or is_blank(parts[1]) or parts[1] == "今":
        start = read_date(parts[0], date1904=date1904)
        return (start, None) if start else None
    if len(parts) > 2:
        raise _rubbish(value)
    start = read_date(parts[0], date1904=date1904)
    if start is None:
        raise _rubbish(value)
    end_text = parts[1] if re.match(r"\d{4}", parts[1]) else f"{start.value.year}年{parts[1]}"
    if re.fullmatch(r"\d{1,2}日", parts[1]):
        end_text = f"{start.value.year}年{start.value.month}月{parts[1]}"
    return start, read_date(end_text, date1904=date1904)


def end_of_month(day: date) -> date:
    """The last day of the month."""
    return day.replace(day=calendar.monthrange(day.year, day.month)[1])


def _read_number(value: float, *, date1904: bool) -> ReadDate:
    if not math.isfinite(value):
        raise _rubbish(value)
    number = Decimal(repr(value))
    if number == number.to_integral_value():
        return _read_digits(int(number), value, date1904=date1904)
    year, fraction = int(number), repr(value).partition(".")[2]
    if not FIRST_YEAR <= year <= LAST_YEAR or len(fraction) > 2:
        if int(number) in SERIALS:  # a date with a time of day
            return _read_digits(int(number), value, date1904=date1904)
        raise _rubbish(value)
    if fraction == "1":
        return ReadDate(date(year, 10, 1), other=date(year, 1, 1))
    return _read(year, int(fraction), None, value)


def _read_digits(number: int, value: Value, *, date1904: bool) -> ReadDate:
    if number in SERIALS or (date1904 and number + (EPOCH_1904 - EPOCH).days in SERIALS):
        day = (EPOCH_1904 if date1904 else EPOCH) + timedelta(days=number)
        return _read(day.year, day.month, day.day, value)
    match = DIGITS.fullmatch(str(number))
    if match is None:
        raise _rubbish(value)
    return _read(int(match[1]), int(match[2]), int(match[3]) if match[3] else None, value)


def _read_text(text: str, *, date1904: bool) -> ReadDate:
    wide = unicodedata.normalize("NFKC", text).replace("。", ".").strip("'’‘`. ")
    wide = BLANKS_IN_DATE.sub("", AGE_NOTE.sub("", wide).strip())
    if wide.isascii() and wide.isdigit() and len(wide) <= 8:
        return _read_digits(int(wide), text, date1904=date1904)
    match = YEAR_MONTH_DAY.fullmatch(wide)
    if match is None:
        raise _rubbish(text)
    if DOTTED_ONE.fullmatch(wide):
        return ReadDate(date(int(match[1]), 1, 1), other=date(int(match[1]), 10, 1), certain=False)
    return _read(int(match[1]), int(match[2]), int(match[3]) if match[3] else None, text)


def _read(year: int, month: int, day: int | None, value: Value) -> ReadDate:
    try:
        read = date(year, month, day or 1) if day != 0 else None
    except ValueError:
        read = None
    if read is None or not FIRST_YEAR <= year <= LAST_YEAR:
        raise _rubbish(value)
    return ReadDate(read, has_day=day is not None)


def _rubbish(value: Value) -> FieldProblem:
    text = plain_text(value)
    if re.fullmatch(r"(19|20)\d\d年?", text):
        return FieldProblem("date_year_only", f"“{text}”只有年份，没有月份", REMEDY)
    return FieldProblem("date_rubbish", f"“{shortened(text)}”不是认得出的年月", REMEDY)
