"""Ranges of days as pages show them: both ends included."""

import datetime

from django import template
from django.db.backends.postgresql.psycopg_any import DateRange

register = template.Library()


@register.filter
def span(days: DateRange) -> str:
    """2026-10-23 至 2026-10-25; one day alone where both are the same; without an end “起”."""
    if days.upper is None:
        return f"{days.lower} 起"
    last = days.upper - datetime.timedelta(days=1)
    return str(days.lower) if last == days.lower else f"{days.lower} 至 {last}"


@register.filter
def dialog_id(key: int) -> str:
    """The id of the dialog that voids this row."""
    return f"void-{key}"
