"""The service centre's door to bases: plain facts are edited here, everything with a state by the acts on its page."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from accounts.desk import DeskAdmin, ReadOnlyDesk
from bases import actions, queries
from bases.actions.beds import read_rooms, told_rooms
from bases.models import (
    BaseManager,
    BaseUse,
    Closure,
    HostHousehold,
    PracticeBase,
    Rate,
    Route,
    RouteStop,
    TownshipLiaison,
    Village,
    Zone,
)  # fmt: skip
from cadres.models import Unit
from config.errors import DomainError

Request = HttpRequest


def button(url: str, label: str) -> SafeString:
    """A link in a list that leads to the page of an act."""
    return format_html('<a href="{}">{}</a>', url, label)


class KeptPhoneForm(forms.ModelForm):
    """A phone number is never shown in a form: typing a new one replaces it, leaving the field empty keeps it."""

    new_phone = forms.CharField(
        label="电话", max_length=20, required=False, help_text="空着不改；原来的号码在页面上要写原因才看得到"
    )

    def save(self, commit: bool = True) -> Any:
        if self.cleaned_data.get("new_phone"):
            self.instance.phone = self.cleaned_data["new_phone"].strip()
        return super().save(commit)


class TownshipFilter(admin.SimpleListFilter):
    """Bases, households and closures by township."""

    title = "乡镇"
    parameter_name = "township"
    path = "village__township"

    def lookups(self, request: Request, model_admin: Any) -> list[tuple[Any, str]]:
        used = Village.objects.values("township")
        return list(Unit.objects.filter(pk__in=used).order_by("sort_name", "pk").values_list("pk", "name"))

    def queryset(self, request: Request, queryset: QuerySet[Any]) -> QuerySet[Any]:
        value = self.value()
        return queryset.filter(**{self.path: value}) if value and value.isdigit() else queryset


class HouseholdTownshipFilter(TownshipFilter):
    path = "base__village__township"


class ZoneInline(admin.TabularInline):
    model = Zone
    extra = 0
    verbose_name_plural = "功能区（党性教育、农事体验、村情调查必备）"

    def has_view_permission(self, request: Request, obj: Any = None) -> bool:
        return True

    has_add_permission = has_change_permission = has_delete_permission = has_view_permission


@admin.register(PracticeBase)
class PracticeBaseAdmin(DeskAdmin):
    form = KeptPhoneForm
    desk_group = "基地"
    list_title = "实践基地"
    list_display = (
        "village",
        "township",
        "declared_capacity",
        "beds",
        "admitted",
        "waiting",
        "suspended",
        "state",
        "page",
    )
    list_display_links = ("village",)
    list_filter = (TownshipFilter, "state")
    search_fields = ("village__name", "cooperative", "village__township__name")
    search_help_text = "按村名、合作社、乡镇查"
    autocomplete_fields = ("village",)
    fields = (
        "village", "cooperative", "contact", "new_phone", "declared_capacity", "east_km", "north_km", "meeting_point",
        "history_person_days", "state", "page",
    )  # fmt: skip
    readonly_fields = ("state", "page")
    inlines = (ZoneInline,)

    def get_queryset(self, request: Request) -> QuerySet[Any]:
        return queries.with_figures(super().get_queryset(request))

    @admin.display(description="乡镇", ordering="village__township__name")
    def township(self, base: PracticeBase) -> str:
        return str(base.village.township)

    @admin.display(description="床位", ordering="beds")
    def beds(self, base: Any) -> int:
        return int(base.beds)

    @admin.display(description="已纳管农户", ordering="admitted")
    def admitted(self, base: Any) -> int:
        return int(base.admitted)

    @admin.display(description="申请、公示中", ordering="waiting")
    def waiting(self, base: Any) -> int:
        return int(base.waiting)

    @admin.display(description="暂停", ordering="suspended")
    def suspended(self, base: Any) -> int:
        return int(base.suspended)

    @admin.display(description="办理")
    def page(self, base: PracticeBase) -> SafeString | str:
        return (
            button(reverse("bases:base", args=[base.pk]), "日历、停接、农户、停办…") if base.pk else "保存以后可以办理"
        )


class HouseholdForm(KeptPhoneForm):
    rooms = forms.CharField(
        label="房间床位", required=False, max_length=200, help_text="写成“东屋2张、西屋2张”；没有写到的房间就不再用",
        widget=forms.TextInput(attrs={"size": 60}),
    )  # fmt: skip

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        if self.instance.pk:
            self.fields["rooms"].initial = told_rooms(self.instance)

    def clean_rooms(self) -> dict[str, int]:
        try:
            return read_rooms(self.cleaned_data["rooms"])
        except DomainError as error:
            raise forms.ValidationError(error.message) from error

    def clean(self) -> dict[str, Any]:
        """The same household twice is told here, so that nothing typed is lost; the action refuses it anyway."""
        values: dict[str, Any] = super().clean() or {}
        same = {"base": values.get("base"), "head": values.get("head"), "address": values.get("address", "")}
        if self.instance.pk is None and HostHousehold.objects.filter(**same).exists():
            self.add_error("head", "这户已经登记过。是同名的另一户时，请写上不同的门牌。")
        return values


@admin.register(HostHousehold)
class HostHouseholdAdmin(DeskAdmin):
    form = HouseholdForm
    desk_group = "农户"
    list_title = "接待农户"
    list_display = ("head", "base", "township", "address", "beds", "state", "notice_until", "admitted_on", "page")
    list_filter = ("state", HouseholdTownshipFilter)
    search_fields = ("head", "address", "base__village__name")
    search_help_text = "按户主、门牌、村名查"
    autocomplete_fields = ("base",)
    fields = (
        "base", "head", "address", "new_phone", "rooms", "history_bed_nights", "state", "reviewed_on", "notice_from",
        "notice_until", "open_objection", "admitted_on", "state_reason", "page",
    )  # fmt: skip
    stateful = (
        "state", "reviewed_on", "notice_from", "notice_until", "open_objection", "admitted_on", "state_reason", "page",
    )  # fmt: skip

    def get_queryset(self, request: Request) -> QuerySet[Any]:
        return queries.households_with_beds(super().get_queryset(request))

    def get_readonly_fields(self, request: Request, obj: Any = None) -> tuple[str, ...]:
        return self.stateful if obj is None else ("base", *self.stateful)

    def save_model(self, request: Request, obj: HostHousehold, form: Any, change: bool) -> None:
        """A new household applies by the action; facts are saved plainly, beds by the action."""
        user: Any = request.user
        if change:
            super().save_model(request, obj, form, change)
        else:
            made = actions.apply_household(
                base=obj.base, head=obj.head, address=obj.address, phone=obj.phone,
                history_bed_nights=obj.history_bed_nights, by=user,
            )  # fmt: skip
            obj.pk, obj.state = made.pk, made.state
            obj._state.adding = False
        if "rooms" in form.changed_data:
            actions.set_beds(household=obj, rooms=form.cleaned_data["rooms"], by=user)

    @admin.display(description="乡镇", ordering="base__village__township__name")
    def township(self, household: HostHousehold) -> str:
        return str(household.base.village.township)

    @admin.display(description="床位", ordering="beds")
    def beds(self, household: Any) -> int:
        return int(household.beds)

    @admin.display(description="办理")
    def page(self, household: HostHousehold) -> SafeString | str:
        if not household.pk:
            return "保存以后可以研判、公示、纳管"
        return button(reverse("bases:household", args=[household.pk]), "研判、公示、纳管、暂停…")


@admin.register(Village)
class VillageAdmin(DeskAdmin):
    desk_group = "基地"
    list_title = "村"
    list_display = ("name", "township", "honours")
    list_filter = (("township", admin.RelatedOnlyFieldListFilter),)
    search_fields = ("name", "township__name", "honours")
    search_help_text = "按村名、乡镇、称号查"
    list_select_related = ("township",)
    ordering = ("township__name", "name")


class RouteStopInline(admin.TabularInline):
    model = RouteStop
    extra = 0
    autocomplete_fields = ("base",)

    def has_view_permission(self, request: Request, obj: Any = None) -> bool:
        return True

    has_add_permission = has_change_permission = has_delete_permission = has_view_permission

    def get_queryset(self, request: Request) -> QuerySet[RouteStop]:
        stops: QuerySet[RouteStop] = super().get_queryset(request)
        return stops.select_related("base__village", "route")


@admin.register(Route)
class RouteAdmin(DeskAdmin):
    desk_group = "基地"
    list_title = "实践线路"
    list_display = ("name", "stops")
    search_fields = ("name", "bases__village__name")
    search_help_text = "按线路、村名查"
    inlines = (RouteStopInline,)

    def get_queryset(self, request: Request) -> QuerySet[Route]:
        routes: QuerySet[Route] = super().get_queryset(request)
        return routes.prefetch_related("stops__base__village")

    @admin.display(description="依次经过")
    def stops(self, route: Route) -> str:
        return " → ".join(str(stop.base.village) for stop in route.stops.all())


@admin.register(Closure)
class ClosureAdmin(ReadOnlyDesk):
    desk_group = "日历"
    list_title = "停接"
    list_display = ("told_place", "told_days", "kind", "reason", "live", "entered_by", "page")
    list_display_links = None
    list_filter = ("live", "kind")
    search_fields = (
        "base__village__name", "household__head", "household__base__village__name", "room__household__head", "reason",
    )  # fmt: skip
    search_help_text = "按村名、户主、原因查"
    list_select_related = (
        "base__village", "household__base__village", "room__household__base__village", "entered_by",
    )  # fmt: skip

    @admin.display(description="哪里")
    def told_place(self, closure: Closure) -> str:
        return closure.place if closure.base_id else f"{closure.at_base}{closure.place}"

    @admin.display(description="日期", ordering="days")
    def told_days(self, closure: Closure) -> str:
        return closure.shown_days

    @admin.display(description="办理")
    def page(self, closure: Closure) -> SafeString:
        return button(reverse("bases:base", args=[closure.at_base.pk]), "恢复…")


@admin.register(BaseUse)
class BaseUseAdmin(ReadOnlyDesk):
    desk_group = "日历"
    list_title = "基地使用"
    list_display = ("source", "base", "told_days", "people", "kind", "live", "page")
    list_display_links = None
    list_filter = ("kind", "live", HouseholdTownshipFilter)
    search_fields = ("source", "base__village__name")
    search_help_text = "按来源、村名查"
    list_select_related = ("base__village",)

    @admin.display(description="日期", ordering="days")
    def told_days(self, use: BaseUse) -> str:
        return use.shown_days

    @admin.display(description="办理")
    def page(self, use: BaseUse) -> SafeString:
        return button(reverse("bases:base", args=[use.base_id]), "看日历")


@admin.register(Rate)
class RateAdmin(ReadOnlyDesk):
    desk_group = "食宿标准"
    list_title = "食宿标准"
    list_display = ("told_for", "told_days", "breakfast", "lunch", "dinner", "night", "confirmed", "page")
    list_display_links = None
    search_fields = ("township__name",)
    search_help_text = "按乡镇查"
    list_select_related = ("township", "confirmed_by")

    @admin.display(description="适用", ordering="township__name")
    def told_for(self, rate: Rate) -> str:
        return str(rate.township or "全县")

    @admin.display(description="执行日期", ordering="days")
    def told_days(self, rate: Rate) -> str:
        return rate.shown_days

    @admin.display(description="确认")
    def confirmed(self, rate: Rate) -> str:
        return f"{rate.confirmed_by} {rate.confirmed_at:%Y-%m-%d}" if rate.confirmed_at else "没有确认"

    @admin.display(description="办理")
    def page(self, rate: Rate) -> SafeString:
        return button(reverse("bases:rates"), "确认、填新的标准…")


class DatedPostAdmin(DeskAdmin):
    """Somebody's dated post at a township or base."""

    desk_group = "人员"
    search_help_text = "按姓名、单位查"

    def formfield_for_dbfield(self, db_field: Any, request: Request, **options: Any) -> Any:
        field = super().formfield_for_dbfield(db_field, request, **options)
        if db_field.name == "until" and field is not None:
            field.help_text = "含当日；空着为至今。不再担任时填上日期"
        return field


@admin.register(TownshipLiaison)
class TownshipLiaisonAdmin(DatedPostAdmin):
    list_title = "乡镇联络员"
    list_display = ("user", "township", "since", "until")
    autocomplete_fields = ("user",)
    search_fields = ("user__name", "township__name")
    list_select_related = ("user", "township")


@admin.register(BaseManager)
class BaseManagerAdmin(DatedPostAdmin):
    list_title = "基地管理员"
    list_display = ("user", "base", "since", "until")
    search_fields = ("user__name", "base__village__name")
    autocomplete_fields = ("user", "base")
    list_select_related = ("user", "base__village")
