"""Which days a person may type: one rule for every form, so that a slip of the keyboard is told where it was made.

A year such as 0206, 2062 or 9999 is always a slip. The calendar computes with these days (the day after, the weeks between,
the batches that follow), so they are refused before anything is kept.
"""

import datetime
from typing import Any

from django import forms
from django.utils import timezone

from config.errors import DomainError

EARLIEST = datetime.date(2000, 1, 1)
YEARS_AHEAD = 10
"""Further ahead nothing of a county's is fixed."""
LONG_PAST = datetime.timedelta(days=366)
"""What began longer ago does not change what is still to be planned."""


def outlandish(day: datetime.date) -> str:
    """Why this day is no day of the product's, and what cures it; empty for a day that may be meant."""
    year = timezone.localdate().year + YEARS_AHEAD
    if EARLIEST <= day <= datetime.date(year, 12, 31):
        return ""
    return f"要在 {EARLIEST} 到 {year}-12-31 之间。请看看年份有没有写错。"


def refuse_outlandish(*days: datetime.date) -> None:
    """The same for acts that keep days, whoever calls them. Raises DomainError "outlandish_day"."""
    for day in days:
        if told := outlandish(day):
            raise DomainError("outlandish_day", f"日期 {day} {told}")


def long_past(day: datetime.date) -> str:
    """Why nothing that still matters begins on this day; empty for a day within the last year, or to come."""
    since = timezone.localdate() - LONG_PAST
    return "" if day >= since else f"{day} 过去太久了。请写 {since} 或以后；还在继续的，从这一天写起也一样。"


class DayField(forms.DateField):
    """A day picked from the browser's calendar. With `recent` it may not lie longer ago than a year."""

    def __init__(self, *, recent: bool = False, **options: Any) -> None:
        self.recent = recent
        options.setdefault("widget", forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"))
        super().__init__(**options)

    def validate(self, value: Any) -> None:
        super().validate(value)
        if value in self.empty_values:
            return
        told = outlandish(value) or (long_past(value) if self.recent else "")
        if told:
            raise forms.ValidationError(told)
