"""Running an evaluation: campaigns, panels, progress, results."""

from typing import Any

from django.contrib import messages
from django.db.models import Count, Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.access import allow, signed_in, user_of
from config.errors import DomainError
from evaluations import actions, states
from evaluations.forms import CampaignForm, PanelForm, PanelMemberForm
from evaluations.models import Panel, Result, Review, Scorer
from evaluations.queries import candidates, class_of, scoring_of, visible_campaigns, visible_results
from evaluations.rules import may_run_evaluations, may_see_results


@require_GET
@signed_in
def campaign_list(request: HttpRequest) -> HttpResponse:
    """Evaluations: for the centre all of them, for scorers those in which they score and how far they are."""
    user = user_of(request)
    campaigns = list(visible_campaigns(user))
    rows = [(campaign, scoring_of(campaign, user)) for campaign in campaigns]
    context: dict[str, Any] = {
        "rows": rows,
        "runs": may_run_evaluations.test(user),
        "own": visible_results(user).first(),
    }
    if context["runs"]:
        context["form"] = CampaignForm()
    return render(request, "evaluations/list.html", context)


@require_POST
@allow(may_run_evaluations)
def campaign_new(request: HttpRequest) -> HttpResponse:
    form = CampaignForm(request.POST)
    if not form.is_valid():
        messages.error(request, "没有建立：请选哪一期和评分表。没有可选的，先开始实践、先建评分表。")
        return redirect("evaluations:list")
    campaign = actions.create_campaign(
        batch=form.cleaned_data["batch"],
        rubric=form.cleaned_data["rubric"],
        by=user_of(request),
    )
    messages.success(request, f"{campaign}已建立。下一步：建评审团，加评审员。")
    return redirect("evaluations:campaign", campaign.pk)


@require_GET
@allow(may_see_results)
def campaign_page(request: HttpRequest, campaign_id: int) -> HttpResponse:
    """State and what it allows, panels, who has handed in how many sheets, results by class."""
    campaign = get_object_or_404(visible_campaigns(user_of(request)), pk=campaign_id)
    people = list(candidates(campaign))
    classes = class_of(people)
    results = {row.enrollment_id: row for row in campaign.results.all()}
    sheets = dict(
        campaign.reviews.filter(state=Review.State.CAST)
        .values_list("enrollment")
        .annotate(count=Count("pk"))
        .order_by()
    )
    rows = sorted(
        ((classes[row.pk], row, sheets.get(row.pk, 0), results.get(row.pk)) for row in people if row.pk in classes),
        key=lambda line: (line[0].number, line[1].cadre.sort_name, line[1].pk),
    )
    panels = campaign.panels.prefetch_related("classes", "members__user", "members__unit").order_by("name")
    context = {
        "campaign": campaign,
        "criteria": campaign.rubric.criteria.order_by("order"),
        "panels": panels.annotate(cast=Count("members__reviews", filter=Q(members__reviews__state=Review.State.CAST))),
        "rows": rows,
        "acts": [(act, rule) for act, rule in states.TRANSITIONS.items() if states.allowed(campaign, act)],
        "runs": may_run_evaluations.test(user_of(request)),
        "panel_form": PanelForm(campaign=campaign),
        "member_form": PanelMemberForm(),
        "ties": [result for result in results.values() if result.tied],
    }
    return render(request, "evaluations/campaign.html", context)


@require_POST
@allow(may_run_evaluations)
def campaign_act(request: HttpRequest, campaign_id: int, act: str) -> HttpResponse:
    """One of the campaign's steps; computing is one of them."""
    campaign = get_object_or_404(visible_campaigns(user_of(request)), pk=campaign_id)
    if act not in states.TRANSITIONS:
        raise DomainError("no_such_act", "没有这一步。请回到评审页面操作。")
    if act == "compute":
        scored = actions.compute_results(campaign=campaign, by=user_of(request))
        messages.success(request, f"结果已计算，{scored} 人有得分。核对缺分和同分，再定为最终结果。")
    else:
        actions.advance_campaign(campaign=campaign, act=act, by=user_of(request), reason=request.POST.get("reason", ""))
        messages.success(request, f"{campaign}：{states.TRANSITIONS[act].name}，已完成。")
    return redirect("evaluations:campaign", campaign.pk)


@require_http_methods(["POST"])
@allow(may_run_evaluations)
def panel_new(request: HttpRequest, campaign_id: int) -> HttpResponse:
    campaign = get_object_or_404(visible_campaigns(user_of(request)), pk=campaign_id)
    form = PanelForm(request.POST, campaign=campaign)
    if form.is_valid():
        panel = actions.form_panel(
            campaign=campaign,
            name=form.cleaned_data["name"],
            classes=list(form.cleaned_data["classes"]),
            by=user_of(request),
        )
        messages.success(request, f"“{panel}”已建立。下一步：加评审员，群众至少一名。")
    else:
        messages.error(request, "没有建立评审团：请写名称，至少选一个班。")
    return redirect("evaluations:campaign", campaign.pk)


@require_POST
@allow(may_run_evaluations)
def panel_member_new(request: HttpRequest, panel_id: int) -> HttpResponse:
    panel = get_object_or_404(Panel.objects.select_related("campaign"), pk=panel_id)
    form = PanelMemberForm(request.POST)
    if form.is_valid():
        data = form.cleaned_data
        member = actions.add_panel_member(
            panel=panel, user=data["username"], kind=data["kind"], unit=data["unit"], household=data["household"],
            by=user_of(request),
        )  # fmt: skip
        messages.success(request, f"已加{member}（{member.user}）。")
    else:
        messages.error(request, " ".join(str(error) for errors in form.errors.values() for error in errors))
    return redirect("evaluations:campaign", panel.campaign_id)


@require_POST
@allow(may_run_evaluations)
def settle_tie(request: HttpRequest, result_id: int) -> HttpResponse:
    result = get_object_or_404(Result.objects.select_related("enrollment__cadre"), pk=result_id)
    actions.settle_tie(
        result=result,
        excellent=request.POST.get("excellent") == "yes",
        by=user_of(request),
        reason=request.POST.get("reason", ""),
    )
    messages.success(request, f"{result.enrollment}的等次已按评审团意见记下。")
    return redirect("evaluations:campaign", result.campaign_id)


@require_GET
@allow(may_see_results)
def sheets_of(request: HttpRequest, campaign_id: int, enrollment_id: int) -> HttpResponse:
    """All sheets about one person, with the void ones and why; the centre can set one aside."""
    campaign = get_object_or_404(visible_campaigns(user_of(request)), pk=campaign_id)
    enrollment = get_object_or_404(candidates(campaign), pk=enrollment_id)
    reviews = (
        campaign.reviews.filter(enrollment=enrollment)
        .select_related("user", "member")
        .prefetch_related("scores__criterion")
        .order_by("scorer", "member__number", "pk")
    )
    result = campaign.results.filter(enrollment=enrollment).first()
    context = {
        "campaign": campaign, "enrollment": enrollment, "reviews": reviews, "result": result, "Scorer": Scorer,
        "runs": may_run_evaluations.test(user_of(request)),
    }  # fmt: skip
    return render(request, "evaluations/sheets.html", context)


@require_POST
@allow(may_run_evaluations)
def void_review(request: HttpRequest, review_id: int) -> HttpResponse:
    review = get_object_or_404(Review.objects.select_related("enrollment__cadre", "campaign"), pk=review_id)
    actions.void_review(review=review, by=user_of(request), reason=request.POST.get("reason", ""))
    messages.success(request, "这张表已作废，评分人可以重交。")
    return redirect("evaluations:sheets", review.campaign_id, review.enrollment_id)
