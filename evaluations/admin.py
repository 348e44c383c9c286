"""The service centre's door to evaluations: everything here has a state, so it is shown, and its acts are on its pages."""

from django.contrib import admin
from django.db.models import Count, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from accounts.desk import ReadOnlyDesk
from evaluations.models import Campaign, Result, Review, Rubric


def _link(url: str, label: str) -> SafeString:
    return format_html('<a href="{}">{}</a>', url, label)


@admin.register(Campaign)
class CampaignAdmin(ReadOnlyDesk):
    desk_group = "评审"
    list_title = "评审批次"
    list_display = ("batch", "state", "rubric", "opens_on", "closes_on", "page")
    list_filter = ("state",)
    search_fields = ("rubric__name",)
    search_help_text = "按评分表查"
    list_select_related = ("batch", "rubric")
    fields = ("batch", "rubric", "state", "state_reason", "opens_on", "closes_on", "page")
    readonly_fields = ("page",)

    @admin.display(description="办理")
    def page(self, campaign: Campaign) -> SafeString:
        return _link(reverse("evaluations:campaign", args=[campaign.pk]), "开始、截止、评审团、结果…")


@admin.register(Rubric)
class RubricAdmin(ReadOnlyDesk):
    desk_group = "评审"
    list_title = "评分表"
    list_display = ("name", "version", "lines", "page")
    search_fields = ("name", "criteria__name")
    search_help_text = "按评分表、评分项查"
    fields = ("name", "version", "page")
    readonly_fields = ("page",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Rubric]:
        rubrics: QuerySet[Rubric] = super().get_queryset(request)
        return rubrics.annotate(line_count=Count("criteria", distinct=True))

    @admin.display(description="评分项", ordering="line_count")
    def lines(self, rubric: Rubric) -> int:
        return int(getattr(rubric, "line_count", 0))

    @admin.display(description="办理")
    def page(self, rubric: Rubric) -> SafeString:
        return _link(reverse("evaluations:rubric", args=[rubric.pk]), "看各项，改…")


@admin.register(Review)
class ReviewAdmin(ReadOnlyDesk):
    desk_group = "评审"
    list_title = "评分"
    list_display = ("enrollment", "campaign", "scorer", "user", "member", "state", "cast_at", "page")
    list_filter = ("state", "scorer", "campaign")
    search_fields = ("enrollment__cadre__name", "user__name")
    search_help_text = "按学员、评分人查"
    list_select_related = ("enrollment__cadre", "campaign__batch", "user", "member")
    ordering = ("-campaign__batch__number", "enrollment__cadre__sort_name", "scorer", "pk")
    fields = (
        "enrollment",
        "campaign",
        "scorer",
        "user",
        "member",
        "state",
        "cast_at",
        "comment",
        "void_reason",
        "page",
    )
    readonly_fields = ("page",)

    @admin.display(description="办理")
    def page(self, review: Review) -> SafeString:
        return _link(reverse("evaluations:sheets", args=[review.campaign_id, review.enrollment_id]), "看分数、作废…")


@admin.register(Result)
class ResultAdmin(ReadOnlyDesk):
    desk_group = "评审"
    list_title = "评审结果"
    list_display = ("enrollment", "campaign", "score", "grade", "tied", "missing", "page")
    list_filter = ("campaign", "grade", "tied")
    search_fields = ("enrollment__cadre__name",)
    search_help_text = "按学员查"
    list_select_related = ("enrollment__cadre", "campaign__batch")
    ordering = ("-campaign__batch__number", "enrollment__cadre__sort_name", "pk")
    sortable_by = ("enrollment", "campaign")
    fields = ("enrollment", "campaign", "score", "grade", "tied", "missing", "computed_at", "page")
    readonly_fields = ("page",)

    @admin.display(description="办理")
    def page(self, result: Result) -> SafeString:
        return _link(reverse("evaluations:sheets", args=[result.campaign_id, result.enrollment_id]), "看各项和各张表…")
