"""Batches on the centre's desk: everything here changes through acts, so the desk shows and leads to the page of the act."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from accounts.desk import ReadOnlyDesk
from batches.models import Batch, Enrollment, Gathering, Nomination, PlanVersion, PracticeClass


def link(route: str, label: str, *arguments: int) -> SafeString:
    """A link to one of our pages."""
    return format_html('<a href="{}">{}</a>', reverse(f"batches:{route}", args=arguments), label)


class BatchDesk(ReadOnlyDesk):
    list_display = ("__str__", "programme", "first_day", "last_day", "nominate_until", "state", "pages")
    list_filter = ("state",)
    list_select_related = ("programme",)
    search_fields = ("number",)

    @admin.display(description="办理")
    def pages(self, batch: Batch) -> SafeString:
        return format_html(
            "{}　{}　{}",
            link("batch", "进度与编排", batch.pk),
            link("names", "名单", batch.pk),
            link("staff", "班务", batch.pk),
        )


class ClassDesk(ReadOnlyDesk):
    list_display = ("__str__", "parity", "track", "page")
    list_filter = ("batch", "parity")
    list_select_related = ("batch", "track")

    @admin.display(description="名单和住宿")
    def page(self, row: PracticeClass) -> SafeString:
        return link("batch", "看本期", row.batch_id)


class EnrollmentDesk(ReadOnlyDesk):
    list_display = ("cadre", "unit", "batch", "state", "joined_on", "left_on", "live", "page")
    list_filter = ("batch", "state", "live")
    list_select_related = ("cadre__unit", "batch")
    search_fields = ("cadre__name", "cadre__id_number_tail", "cadre__unit__name")

    @admin.display(description="单位", ordering="cadre__unit__name")
    def unit(self, row: Enrollment) -> str:
        return row.cadre.unit.name

    @admin.display(description="办理")
    def page(self, row: Enrollment) -> SafeString:
        return link("adjust", "调班、退出", row.batch_id)


class GatheringDesk(ReadOnlyDesk):
    list_display = ("__str__", "first_day", "last_day", "villages", "state", "page")
    list_filter = ("practice_class__batch", "state", "practice_class__parity")
    list_select_related = ("practice_class__batch",)
    date_hierarchy = "first_day"
    exclude = ("signed_sheet",)

    def get_queryset(self, request: HttpRequest) -> "QuerySet[Gathering]":
        found: QuerySet[Gathering] = super().get_queryset(request).prefetch_related("sites__base__village")
        return found

    @admin.display(description="村")
    def villages(self, row: Gathering) -> str:
        return "、".join(str(site.base.village) for site in row.sites.all() if site.live)

    @admin.display(description="办理")
    def page(self, row: Gathering) -> SafeString:
        return link("class_page", "住宿", row.practice_class.batch_id, row.practice_class_id)


class NominationDesk(ReadOnlyDesk):
    list_display = ("cadre", "unit", "batch", "state", "reason", "decided_by", "decided_at", "page")
    list_filter = ("batch", "state")
    list_select_related = ("cadre__unit", "batch", "decided_by")
    search_fields = ("cadre__name", "cadre__unit__name")

    @admin.display(description="单位", ordering="cadre__unit__name")
    def unit(self, row: Nomination) -> str:
        return row.cadre.unit.name

    @admin.display(description="办理")
    def page(self, row: Nomination) -> SafeString:
        return link("names", "名单", row.batch_id)


class VersionDesk(ReadOnlyDesk):
    list_display = ("__str__", "seed", "short_fingerprint", "published_by", "published_at", "page")
    list_filter = ("batch",)
    list_select_related = ("batch", "published_by")
    fields = ("batch", "number", "seed", "fingerprint", "reason", "published_by", "published_at")

    @admin.display(description="数据指纹")
    def short_fingerprint(self, row: PlanVersion) -> str:
        return row.fingerprint[:16]

    @admin.display(description="办理")
    def page(self, row: PlanVersion) -> SafeString:
        return link("batch", "看差别", row.batch_id)


DESKS: tuple[tuple[type[Any], type[ReadOnlyDesk]], ...] = (
    (Batch, BatchDesk),
    (Nomination, NominationDesk),
    (PracticeClass, ClassDesk),
    (Enrollment, EnrollmentDesk),
    (Gathering, GatheringDesk),
    (PlanVersion, VersionDesk),
)
for model, desk in DESKS:
    admin.site.register(model, desk)
