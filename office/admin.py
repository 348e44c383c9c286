"""The working-day calendar in the admin site."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse

from accounts.desk import DeskAdmin
from office.calendar import is_provisional
from office.forms import SeedCalendarForm
from office.models import CalendarDay
from office.rules import may_edit_calendar, may_see_calendar


@admin.register(CalendarDay)
class CalendarDayAdmin(DeskAdmin):
    may_view = may_see_calendar
    may_add = may_change = may_edit_calendar
    list_display = ("day", "kind", "name", "statutory", "source")
    list_filter = ("kind", "statutory")
    date_hierarchy = "day"
    search_fields = ("name",)
    ordering = ("day",)
    change_list_template = "office/admin_calendar.html"

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        form = SeedCalendarForm()
        year = form.fields["year"].initial
        extra = {
            "seed_form": form, "seed_year": year, "provisional": is_provisional(year),
            "may_seed": may_edit_calendar.test(request.user), **(extra_context or {}),
        }  # fmt: skip
        return super().changelist_view(request, extra)
