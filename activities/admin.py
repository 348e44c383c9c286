"""The service centre's door to records, papers and attendance: lists to look through; every act is a button on its page."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from accounts.desk import ReadOnlyDesk
from activities import queries, rules
from activities.models import ActivityRecord, Reflection, ResearchReport
from batches.models import Absence

Request = HttpRequest


def link(url: str, label: str) -> SafeString:
    return format_html('<a href="{}">{}</a>', url, label)


class PaperDesk(ReadOnlyDesk):
    """Any of the three papers: read here, decided on or declared void on its page."""

    may_view = rules.may_archive
    search_fields = ("title", "author__name")
    search_help_text = "按标题、填写人查"
    list_display_links = ("title",)

    @admin.display(description="办理")
    def page(self, paper: Any) -> SafeString:
        url = queries.review_url(paper) if paper.state == "submitted" else queries.paper_url(paper)
        return link(url, "审核…" if paper.state == "submitted" else "打开，可作废…")


@admin.register(ActivityRecord)
class ActivityRecordAdmin(PaperDesk):
    desk_group = "纪实"
    list_title = "纪实"
    list_display = ("title", "kind", "practice_class", "day", "village", "author", "state", "page")
    list_filter = ("state", "kind", "practice_class__batch")
    list_select_related = ("practice_class__batch", "village", "author")
    exclude = ("participants",)


@admin.register(Reflection)
class ReflectionAdmin(PaperDesk):
    desk_group = "纪实"
    list_title = "心得体会"
    list_display = ("title", "enrollment", "batch", "submitted_at", "state", "page")
    list_filter = ("state", "enrollment__batch")
    list_select_related = ("enrollment__cadre", "enrollment__batch", "author")

    @admin.display(description="期", ordering="enrollment__batch")
    def batch(self, paper: Reflection) -> str:
        return str(paper.enrollment.batch)


@admin.register(ResearchReport)
class ResearchReportAdmin(PaperDesk):
    desk_group = "纪实"
    list_title = "调研报告"
    list_display = ("title", "practice_class", "author", "submitted_at", "state", "page")
    list_filter = ("state", "practice_class__batch")
    list_select_related = ("practice_class__batch", "author")


@admin.register(Absence)
class AbsenceAdmin(ReadOnlyDesk):
    desk_group = "集中"
    list_title = "缺勤"
    list_display = ("enrollment", "gathering", "kind", "first_day", "last_day", "state", "entered_by", "page")
    list_filter = ("state", "kind", "gathering__practice_class__batch")
    list_select_related = ("enrollment__cadre", "gathering__practice_class__batch", "entered_by")
    search_fields = ("enrollment__cadre__name",)
    search_help_text = "按姓名查"

    @admin.display(description="办理")
    def page(self, absence: Absence) -> SafeString:
        gathering = absence.gathering
        url = f"{reverse('activities:gathering', args=[gathering.practice_class_id])}?gathering={gathering.pk}"
        return link(url, "审批、作废…")
