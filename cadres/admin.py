"""Units, cadres and what hangs on them in the admin site: plain facts are edited here, imports are acts on pages of their own."""

from typing import Any, cast

from django.contrib import admin
from django.contrib.admin.options import IncorrectLookupParameters
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.loader import render_to_string
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from accounts.access import allow
from accounts.desk import DeskAdmin, ReadOnlyDesk
from accounts.models import User
from cadres import actions, queries
from cadres.forms import CadreForm, ExportForm
from cadres.imports import covered
from cadres.models import Cadre, PastAttendance, RosterImport, Unavailability, Unit, UnitLiaison
from cadres.rules import may_export, may_import
from cadres.templatetags.cadre_days import span
from cadres.views.imports import UNPROCESSABLE, spreadsheet
from config.errors import DomainError

Request = HttpRequest


class ParticipationFilter(admin.SimpleListFilter):
    """Whether somebody took part in an earlier session."""

    title = "参加情况"
    parameter_name = "attended"

    def lookups(self, request: Request, model_admin: Any) -> list[tuple[str, str]]:
        return [("no", "未参加"), ("yes", "参加过")]

    def queryset(self, request: Request, queryset: "QuerySet[Cadre]") -> "QuerySet[Cadre]":
        if self.value() not in ("no", "yes"):
            return queryset
        return queries.with_participation(queryset).filter(attended=self.value() == "yes")


class UnitKindFilter(admin.SimpleListFilter):
    title = "单位类别"
    parameter_name = "kind"

    def lookups(self, request: Request, model_admin: Any) -> list[tuple[Any, str]]:
        return list(Unit.Kind.choices)

    def queryset(self, request: Request, queryset: "QuerySet[Cadre]") -> "QuerySet[Cadre]":
        return queryset.filter(unit__kind=self.value()) if self.value() in Unit.Kind.values else queryset


class AgeFilter(admin.SimpleListFilter):
    """Age in full years today."""

    title = "年龄"
    parameter_name = "age"

    def lookups(self, request: Request, model_admin: Any) -> list[tuple[str, str]]:
        return [(key, label) for key, label, _, _ in queries.AGE_BANDS]

    def queryset(self, request: Request, queryset: "QuerySet[Cadre]") -> "QuerySet[Cadre]":
        for key, _, youngest, oldest in queries.AGE_BANDS:
            if key == self.value():
                return queries.of_age(queryset, youngest, oldest)
        return queryset


@admin.register(Cadre)
class CadreAdmin(DeskAdmin):
    """The register (干部名册). ID numbers and phones are masked everywhere and changed by writing new ones."""

    list_title, desk_group = "干部名册", "名册"
    form = CadreForm
    change_list_template = "cadres/desk/cadres.html"
    list_display = ("name", "sex", "birth_month", "unit", "post_and_rank", "grassroots", "masked_id", "participation")
    list_select_related = ("unit",)
    list_filter = (ParticipationFilter, UnitKindFilter, AgeFilter, "state")
    show_facets = admin.ShowFacets.ALWAYS
    search_fields = ("name",)  # switches the search on; what it finds is `queries.search`
    search_help_text = "姓名、拼音、身份证尾号、单位"
    ordering = ("unit__sort_name", "sort_name", "pk")
    autocomplete_fields = ("user",)
    readonly_fields = ("numbers",)
    fieldsets = (
        (None, {"fields": ("name", "sex", "birth_month", "unit", "state")}),
        ("证号与电话", {"fields": ("numbers", "new_id_number", "new_phone")}),
        ("职务", {"fields": ("post", "post_kind", "level", "rank", "leading")}),
        (
            "其他",
            {"fields": ("nationality", "political_status", "education", "specialty", "grassroots", "remarks", "user")},
        ),
    )

    def get_queryset(self, request: Request) -> "QuerySet[Any]":
        return queries.with_participation(super().get_queryset(request))

    def get_form(self, request: Request, obj: Any = None, change: bool = False, **options: Any) -> Any:
        """Units and accounts are made on their own pages, not in passing."""
        form = super().get_form(request, obj, change=change, **options)
        for name in ("unit", "user"):
            if name in form.base_fields:
                widget = form.base_fields[name].widget
                widget.can_add_related = widget.can_change_related = widget.can_view_related = False
        return form

    def get_search_results(
        self, request: Request, queryset: "QuerySet[Any]", search_term: str
    ) -> "tuple[QuerySet[Any], bool]":
        return queries.search(queryset, search_term), False

    def get_urls(self) -> list[URLPattern]:
        export = self.admin_site.admin_view(allow(may_export)(self.export_view))
        return [path("export/", export, name="cadres_cadre_export"), *super().get_urls()]

    def export_view(self, request: Request) -> HttpResponse:
        """The list as it is filtered now, as a spreadsheet: asks what for, records it, masks the numbers."""
        try:
            found = self.get_changelist_instance(request)
        except IncorrectLookupParameters:
            return redirect(
                "admin:cadres_cadre_export"
            )  # a filter that does not exist: the whole list, as the list itself does
        cadres = Cadre.objects.filter(pk__in=found.get_queryset(request).order_by().values("pk"))
        form = ExportForm(request.POST if request.method == "POST" else None)
        if request.method == "POST" and form.is_valid():
            try:
                content = actions.export_cadres(
                    cadres=cadres, purpose=form.cleaned_data["purpose"], in_full=form.cleaned_data["in_full"],
                    filters=covered(request.GET.urlencode()), by=cast(User, request.user),
                )  # fmt: skip
            except DomainError as error:
                form.add_error(None, error.message)
            else:
                return spreadsheet(content, f"干部名册 {timezone.localdate():%m%d}.xlsx")
        context = {
            **self.admin_site.each_context(request), "title": "导出干部名册", "opts": self.opts, "form": form,
            "count": cadres.count(), "most": actions.MOST_ROWS, "query": request.GET.urlencode(),
        }  # fmt: skip
        status = UNPROCESSABLE if form.is_bound else 200
        return TemplateResponse(request, "cadres/desk/export.html", context, status=status)

    @admin.display(description="出生年月", ordering="birth")
    def birth_month(self, cadre: Cadre) -> str:
        return f"{cadre.birth:%Y-%m}"

    @admin.display(description="职务职级", ordering="post")
    def post_and_rank(self, cadre: Cadre) -> str:
        return "　".join(text for text in (cadre.post, cadre.rank) if text)

    @admin.display(description="身份证号")
    def masked_id(self, cadre: Cadre) -> str:
        return cadre.masked_id_number

    @admin.display(description="参加情况")
    def participation(self, cadre: Any) -> SafeString:
        kind, icon, text = ("ok", "check", "参加过") if cadre.attended else ("mute", "circle-dashed", "未参加")
        return format_html(
            '<span class="dm-chip dm-chip-{}"><i class="ti ti-{}" aria-hidden="true"></i>{}</span>', kind, icon, text
        )

    @admin.display(description="现在登记的")
    def numbers(self, cadre: Cadre | None) -> str:
        if cadre is None or not cadre.pk:
            return "新添加的还没有"
        return render_to_string("cadres/desk/numbers.html", {"cadre": cadre})


@admin.register(Unit)
class UnitAdmin(DeskAdmin):
    desk_group = "名册"
    list_display = ("name", "kind", "people", "quota", "active")
    list_filter = ("kind", "active")
    search_fields = ("name", "former_names")
    search_help_text = "按单位名称或曾用名查"
    fields = ("name", "kind", "quota", "former_names", "active")
    ordering = ("sort_name", "pk")

    def get_queryset(self, request: Request) -> "QuerySet[Any]":
        return queries.with_people(super().get_queryset(request))

    @admin.display(description="在职干部")
    def people(self, unit: Any) -> SafeString:
        return format_html('<a href="{}">{} 人</a>', reverse("cadres:unit_page", args=[unit.pk]), unit.people)


@admin.register(UnitLiaison)
class UnitLiaisonAdmin(DeskAdmin):
    desk_group = "名册"
    list_display = ("unit", "user", "since", "until")
    list_select_related = ("unit", "user")
    search_fields = ("unit__name", "user__name")
    search_help_text = "按单位或姓名查"
    autocomplete_fields = ("unit", "user")
    ordering = ("unit__sort_name", "since")


@admin.register(PastAttendance)
class PastAttendanceAdmin(DeskAdmin):
    desk_group = "名册"
    list_display = ("cadre", "unit", "session", "class_name", "first_day", "last_day", "outcome")
    list_select_related = ("cadre__unit",)
    list_filter = ("session",)
    search_fields = ("cadre__name", "cadre__unit__name", "session")
    search_help_text = "按姓名、单位或期次查"
    autocomplete_fields = ("cadre",)
    fields = ("cadre", "session", "class_name", "first_day", "last_day", "outcome")
    ordering = ("session", "cadre__sort_name", "pk")

    def get_readonly_fields(self, request: Request, obj: Any = None) -> tuple[str, ...]:
        return ("cadre",) if obj else ()

    @admin.display(description="单位")
    def unit(self, part: PastAttendance) -> str:
        return part.cadre.unit.name


@admin.register(Unavailability)
class UnavailabilityAdmin(ReadOnlyDesk):
    desk_group = "名册"
    list_display = ("cadre", "unit", "shown_days", "reason", "live", "entered_by")
    list_select_related = ("cadre__unit", "entered_by")
    list_filter = ("live",)
    search_fields = ("cadre__name", "cadre__unit__name")
    search_help_text = "按姓名或单位查"
    fields = ("cadre", "shown_days", "reason", "entered_by", "live", "voided_reason")
    readonly_fields = ("shown_days",)
    change_list_template = "cadres/desk/unavailabilities.html"
    ordering = ("-days", "pk")

    @admin.display(description="单位")
    def unit(self, row: Unavailability) -> str:
        return row.cadre.unit.name

    @admin.display(description="日期", ordering="days")
    def shown_days(self, row: Unavailability) -> str:
        return span(row.days)


@admin.register(RosterImport)
class RosterImportAdmin(ReadOnlyDesk):
    """What was imported; the acts are on its own page."""

    desk_group = "核对"
    may_view = may_import
    list_display = ("name", "kind", "state", "created_by", "created_at", "committed_at")
    list_select_related = ("file", "created_by")
    list_filter = ("kind", "state")
    fields = (
        "name", "kind", "state", "sheet", "session", "created_by", "created_at", "committed_at", "reverted_at",
        "reverted_reason",
    )  # fmt: skip
    readonly_fields = ("name",)
    change_list_template = "cadres/desk/imports.html"
    ordering = ("-created_at",)

    @admin.display(description="文件")
    def name(self, each: RosterImport) -> SafeString:
        return format_html(
            '{}　<a href="{}">看预览与报告</a>', each.file.name, reverse("cadres:import", args=[each.pk])
        )
