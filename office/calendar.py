"""Working days: Monday to Friday, changed by the rows of CalendarDay; and the rows of a year from the published table.

The table comes from the chinesecalendar package (the State Council's yearly notice). Which of its days off are the festival
days themselves (法定节日当天) follows from 全国年节及纪念日放假办法 as amended from 2025: 元旦 1, 春节 4 (from the last day
of the old year), 清明 1, 劳动节 2, 端午 1, 中秋 1, 国庆 3. Those that follow the lunar calendar stand in `LUNAR`.
"""

import datetime
from dataclasses import dataclass

from chinese_calendar.constants import holidays as published_holidays
from chinese_calendar.constants import workdays as published_workdays

from accounts import audit
from accounts.models import User
from config.errors import DomainError
from office.models import CalendarDay

DAY = datetime.timedelta(days=1)
SATURDAY = 5
NAMES = {
    "New Year's Day": "元旦",
    "Spring Festival": "春节",
    "Tomb-sweeping Day": "清明节",
    "Labour Day": "劳动节",
    "Dragon Boat Festival": "端午节",
    "Mid-autumn Festival": "中秋节",
    "National Day": "国庆节",
    "Anti-Fascist 70th Day": "抗战胜利纪念日",
}
LUNAR = {
    2025: ((1, 29), (4, 4), (5, 31), (10, 6)),
    2026: ((2, 17), (4, 5), (6, 19), (9, 25)),
    2027: ((2, 6), (4, 5), (6, 9), (9, 15)),
    2028: ((1, 26), (4, 4), (5, 28), (10, 3)),
    2029: ((2, 13), (4, 4), (6, 16), (9, 22)),
    2030: ((2, 3), (4, 5), (6, 5), (9, 12)),
}
"""Year → (month, day) of 春节初一, 清明, 端午, 中秋."""


@dataclass(frozen=True)
class Seeded:
    """What `seed_calendar` did: rows made, and days left as somebody had entered them."""

    added: int
    kept: int


def holidays(first: datetime.date, last: datetime.date) -> list[datetime.date]:
    """Days off from first to last, both included: festivals and the days moved next to them (R11 of docs/rules.md).

    The festival days themselves are off by law, also before the year's notice is out, unless somebody has entered such
    a day as a working day.
    """
    found = set(_days(CalendarDay.Kind.HOLIDAY, first, last))
    festivals = {day for year in range(first.year, last.year + 1) if year in LUNAR for day in festival_days(year)}
    worked = set(_days(CalendarDay.Kind.WORKDAY, first, last))
    return sorted(found | {day for day in festivals - worked if first <= day <= last})


def working_weekend_days(first: datetime.date, last: datetime.date) -> list[datetime.date]:
    """Saturdays and Sundays from first to last that are working days (调休上班)."""
    return [day for day in _days(CalendarDay.Kind.WORKDAY, first, last) if day.weekday() >= SATURDAY]


def _days(kind: str, first: datetime.date, last: datetime.date) -> list[datetime.date]:
    rows = CalendarDay.objects.filter(kind=kind, day__range=(first, last)).order_by("day")
    return list(rows.values_list("day", flat=True))


def is_provisional(year: int) -> bool:
    """True while nothing is entered for the year: its working days are then Monday to Friday, told as 暂定."""
    return not CalendarDay.objects.filter(day__year=year).exists()


def add_working_days(day: datetime.date, n: int) -> datetime.date:
    """The n-th working day after `day` (n at least 1); `day` itself does not count."""
    if n < 1:
        raise ValueError("n must be at least 1")
    horizon = day + DAY * (3 * n + 30)  # no holiday is longer than ten days
    kinds = dict(CalendarDay.objects.filter(day__range=(day, horizon)).order_by("day").values_list("day", "kind"))
    left = n
    while left:
        day += DAY
        kind = kinds.get(day)
        left -= kind == CalendarDay.Kind.WORKDAY or (kind is None and day.weekday() < SATURDAY)
    return day


def festival_days(year: int) -> set[datetime.date]:
    """The statutory festival days themselves. Raises DomainError("calendar_unknown") for a year not in the table."""
    if year not in LUNAR:
        raise DomainError("calendar_unknown", f"系统里还没有{year}年的节日表：请按国务院通知逐日登记。")
    spring, qingming, dragon_boat, mid_autumn = (datetime.date(year, *each) for each in LUNAR[year])
    fixed = [datetime.date(year, *each) for each in ((1, 1), (5, 1), (5, 2), (10, 1), (10, 2), (10, 3))]
    return {*fixed, *(spring + DAY * n for n in range(-1, 3)), qingming, dragon_boat, mid_autumn}


def seed_calendar(year: int, *, by: User | None) -> Seeded:
    """Enter the year's published days off and make-up working days; days that somebody has entered stay as they are.

    Raises DomainError("calendar_unknown") when the year's table is not known to the product yet.
    """
    days = {day: (CalendarDay.Kind.HOLIDAY, name) for day, name in published_holidays.items() if day.year == year}
    days |= {day: (CalendarDay.Kind.WORKDAY, name) for day, name in published_workdays.items() if day.year == year}
    if not days:
        raise DomainError(
            "calendar_unknown",
            f"系统里还没有{year}年的放假安排（国务院一般在上年十一月公布）：请更新系统，或逐日登记。",
        )
    statutory = festival_days(year)
    with audit.act("seed_calendar", by=by, year=year) as entry:
        present = set(CalendarDay.objects.filter(day__year=year).values_list("day", flat=True))
        CalendarDay.objects.bulk_create(
            CalendarDay(
                day=day, kind=kind, name=NAMES.get(name, "放假"), source=f"国务院办公厅{year}年放假安排",
                statutory=kind == CalendarDay.Kind.HOLIDAY and day in statutory,
            )
            for day, (kind, name) in sorted(days.items()) if day not in present
        )  # fmt: skip
        entry.data["added"] = len(days.keys() - present)
    return Seeded(added=len(days.keys() - present), kept=len(days.keys() & present))
