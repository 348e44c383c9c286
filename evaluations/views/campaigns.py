"""Running an evaluation: campaigns, who has handed in what, results."""

from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.access import allow, user_of
from config.errors import DomainError
from evaluations import actions, states
from evaluations.candidates import candidates, class_of
from evaluations.duties import Duty, duties_of
from evaluations.forms import CampaignChangeForm, CampaignForm
from evaluations.models import Campaign, Panel, Recusal, Result, Review, Rubric, Scorer
from evaluations.queries import COMPUTED, distribution, gaps_of, lines_of, own_results, visible_campaigns
from evaluations.rules import may_run_evaluations, may_see_evaluations, may_see_results

ROWS = 20


@require_GET
@allow(may_see_evaluations)
def campaign_list(request: HttpRequest) -> HttpResponse:
    """Evaluations: for the centre all of them, for scorers those in which they score, for cadres their own final result."""
    user = user_of(request)
    page = Paginator(visible_campaigns(user), ROWS).get_page(request.GET.get("page"))
    context = {
        "page": page, "duties": duties_of(page.object_list, user),
        "runs": may_run_evaluations.test(user), "sees": may_see_results.test(user), "own": list(own_results(user)),
    }  # fmt: skip
    return render(request, "evaluations/list.html", context)


@require_http_methods(["GET", "POST"])
@allow(may_run_evaluations)
def campaign_new(request: HttpRequest) -> HttpResponse:
    form = CampaignForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            campaign = actions.create_campaign(by=user_of(request), **form.cleaned_data)
        except DomainError as error:
            form.add_error(None, error.message)
        else:
            messages.success(request, f"{campaign}已建立。下一步：建评审团，加评审员。")
            return redirect("evaluations:campaign", campaign.pk)
    context = {"form": form, "batches": form.fields["batch"].queryset.exists(), "rubrics": Rubric.objects.exists()}  # type: ignore[attr-defined] # a ModelChoiceField
    return render(request, "evaluations/campaign_new.html", context, status=422 if form.errors else 200)


@require_http_methods(["GET", "POST"])
@allow(may_run_evaluations)
def campaign_change(request: HttpRequest, campaign_id: int) -> HttpResponse:
    """Another rubric before scoring begins, another last day until it is frozen."""
    campaign = _campaign(request, campaign_id)
    form = CampaignChangeForm(request.POST or None, campaign=campaign)
    if request.method == "POST" and form.is_valid():
        try:
            actions.change_campaign(campaign=campaign, by=user_of(request), **form.cleaned_data)
        except DomainError as error:
            form.add_error(None, error.message)
        else:
            messages.success(request, f"{campaign}的安排已改。")
            return redirect("evaluations:campaign", campaign.pk)
    context = {"form": form, "campaign": campaign}
    return render(request, "evaluations/campaign_change.html", context, status=422 if form.errors else 200)


def _campaign(request: HttpRequest, campaign_id: int) -> Campaign:
    return get_object_or_404(visible_campaigns(user_of(request)), pk=campaign_id)


@require_GET
@allow(may_see_results)
def campaign_page(request: HttpRequest, campaign_id: int) -> HttpResponse:
    """State and what it allows, panels and who sits on them, recusals, grades by class."""
    campaign = _campaign(request, campaign_id)
    frame = _frame(request, campaign, "campaign")
    lines = lines_of(campaign)
    duties = duties_of([campaign])
    members = campaign.panels.prefetch_related(
        "classes", "members__user", "members__unit", "members__household__base__village"
    )
    context = {
        **frame,
        "criteria": campaign.rubric.criteria.order_by("order"),
        "panels": sorted(members.order_by("name"), key=_first_number),
        "totals": _totals(duties),
        "people": len(lines),
        "rows": distribution(campaign, lines) if campaign.state in COMPUTED else [],
        "grades": [grade.label for grade in Result.Grade],
        "ties": [line for line in lines if line.result and line.result.tied],
        "gaps": gaps_of(campaign, duties, lines) if frame["forming"] else [],
        "recusals": Recusal.objects.filter(member__panel__campaign=campaign, live=True)
        .select_related("member__panel", "enrollment__cadre")
        .order_by("member__panel__name", "member__number", "enrollment__cadre__sort_name", "pk"),
    }
    return render(request, "evaluations/campaign.html", context)


def _frame(request: HttpRequest, campaign: Campaign, tab: str) -> dict[str, Any]:
    """What the three pages of a campaign share."""
    place = states.COURSE.index(Campaign.State(campaign.state))
    return {
        "campaign": campaign, "tab": tab, "runs": may_run_evaluations.test(user_of(request)),
        "acts": [(act, rule) for act, rule in states.TRANSITIONS.items() if states.allowed(campaign, act)],
        "course": [(state.label, i < place, i == place) for i, state in enumerate(states.COURSE)],
        "open": campaign.state == Campaign.State.OPEN, "computed": campaign.state in COMPUTED,
        "forming": campaign.state in (Campaign.State.DRAFT, Campaign.State.OPEN),
        "overdue": bool(campaign.closes_on and campaign.closes_on < timezone.localdate()),
    }  # fmt: skip


def _first_number(panel: Panel) -> int:
    return min((row.number for row in panel.classes.all()), default=0)


def _totals(duties: list[Duty]) -> list[tuple[Scorer, int, int, int]]:
    """Per role: how many people score, how many sheets are in, of how many."""
    found = []
    for scorer in Scorer:
        done = [duty.progress for duty in duties if duty.scorer == scorer]
        found.append((scorer, len(done), sum(row.cast for row in done), sum(row.due for row in done)))
    return found


@require_POST
@allow(may_run_evaluations)
def campaign_act(request: HttpRequest, campaign_id: int, campaign_act: str) -> HttpResponse:
    """One of the campaign's steps; computing is one of them."""
    campaign = _campaign(request, campaign_id)
    if campaign_act not in states.TRANSITIONS:
        raise DomainError("no_such_act", "没有这一步。请回到评审页面操作。")
    if campaign_act == "compute":
        scored = actions.compute_results(campaign=campaign, by=user_of(request))
        messages.success(request, f"结果已计算，{scored} 人有得分。核对缺分和同分，再定为最终结果。")
    else:
        reason = request.POST.get("reason", "")
        actions.advance_campaign(campaign=campaign, act=campaign_act, by=user_of(request), reason=reason)
        messages.success(request, f"{campaign}：{states.TRANSITIONS[campaign_act].name}，已完成。")
    return redirect("evaluations:campaign", campaign.pk)


@require_GET
@allow(may_see_results)
def scorers(request: HttpRequest, campaign_id: int) -> HttpResponse:
    """Who has handed in how many sheets; the centre keys in paper from here and reminds those who are not done."""
    campaign = _campaign(request, campaign_id)
    duties = duties_of([campaign])
    role = request.GET.get("role", "")
    shown = [duty for duty in duties if role in ("", duty.scorer)]
    if request.GET.get("left"):
        shown = [duty for duty in shown if duty.progress.left]
    context = {
        **_frame(request, campaign, "scorers"), "page": Paginator(shown, ROWS).get_page(request.GET.get("page")),
        "roles": Scorer.choices, "role": role, "left": bool(request.GET.get("left")),
        "late": len({duty.user.pk for duty in duties if duty.progress.left}), "totals": _totals(duties),
    }  # fmt: skip
    return render(request, "evaluations/scorers.html", context)


@require_POST
@allow(may_run_evaluations)
def remind(request: HttpRequest, campaign_id: int) -> HttpResponse:
    campaign = _campaign(request, campaign_id)
    people = actions.remind_scorers(campaign=campaign, by=user_of(request))
    messages.success(request, f"已提醒 {people} 名评分人。他们的通知里写着还有几人没评。")
    return redirect("evaluations:scorers", campaign.pk)


@require_GET
@allow(may_see_results)
def results(request: HttpRequest, campaign_id: int) -> HttpResponse:
    """Everybody's result by class number and name, with missing scores told and ties to settle."""
    campaign = _campaign(request, campaign_id)
    lines = lines_of(campaign)
    numbers = sorted({line.practice_class.number for line in lines})
    number, only = request.GET.get("class", ""), request.GET.get("only", "")
    shown = [line for line in lines if number in ("", str(line.practice_class.number))]
    if only == "missing":
        shown = [line for line in shown if line.result and line.result.missing]
    elif only == "tied":
        shown = [line for line in shown if line.result and line.result.tied]
    context = {
        **_frame(request, campaign, "results"), "page": Paginator(shown, ROWS).get_page(request.GET.get("page")),
        "numbers": numbers, "number": number, "only": only, "filtered": bool(number or only), "people": len(lines),
        "ties": [line for line in lines if line.result and line.result.tied],
    }  # fmt: skip
    return render(request, "evaluations/results.html", context)


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
    return redirect("evaluations:results", result.campaign_id)


@require_GET
@allow(may_see_results)
def sheets_of(request: HttpRequest, campaign_id: int, enrollment_id: int) -> HttpResponse:
    """All sheets about one person, with the void ones and why; the centre can set one aside."""
    campaign = _campaign(request, campaign_id)
    enrollment = get_object_or_404(candidates(campaign), pk=enrollment_id)
    reviews = (
        campaign.reviews.filter(enrollment=enrollment)
        .exclude(state=Review.State.DRAFT)
        .select_related("user", "member__panel")
        .prefetch_related("scores__criterion")
        .order_by("scorer", "member__number", "pk")
    )
    result = campaign.results.filter(enrollment=enrollment).first() if campaign.state in COMPUTED else None
    context = {
        **_frame(request, campaign, "results"), "enrollment": enrollment, "reviews": reviews, "result": result,
        "practice_class": class_of([enrollment])[enrollment.pk],
    }  # fmt: skip
    return render(request, "evaluations/sheets.html", context)


@require_POST
@allow(may_run_evaluations)
def void_review(request: HttpRequest, review_id: int) -> HttpResponse:
    review = get_object_or_404(Review.objects.select_related("enrollment__cadre", "campaign"), pk=review_id)
    actions.void_review(review=review, by=user_of(request), reason=request.POST.get("reason", ""))
    messages.success(request, "这张表已作废，评分人可以重交。")
    return redirect("evaluations:sheets", review.campaign_id, review.enrollment_id)
