"""Scoring: one person at a time, by a mentor, a head teacher or a panel member, or keyed in from paper by the centre."""

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.access import allow, user_of
from accounts.models import User
from config.errors import DomainError
from evaluations import actions
from evaluations.forms import SheetForm
from evaluations.models import Campaign, Review, Scorer
from evaluations.queries import Scoring, queue_of, seat_of, summary_of, visible_campaigns
from evaluations.rules import may_key_in_paper, may_score


def _campaign(request: HttpRequest, campaign_id: int, scorer: str) -> Campaign:
    if scorer not in Scorer:
        raise Http404
    return get_object_or_404(visible_campaigns(user_of(request)), pk=campaign_id)


@require_GET
@allow(may_score)
def scoring_start(request: HttpRequest, campaign_id: int, scorer: str) -> HttpResponse:
    """The first person whose sheet is not handed in; all done shows the last."""
    campaign = _campaign(request, campaign_id, scorer)
    queue = queue_of(campaign, user_of(request), scorer)
    if not queue.people:
        raise Http404
    return redirect("evaluations:sheet", campaign.pk, scorer, queue.first_open.pk)


@require_http_methods(["GET", "POST"])
@allow(may_score)
def sheet(request: HttpRequest, campaign_id: int, scorer: str, enrollment_id: int) -> HttpResponse:
    campaign = _campaign(request, campaign_id, scorer)
    user = user_of(request)
    return _sheet(request, campaign, user, scorer, enrollment_id, "evaluations:sheet", (campaign.pk, scorer))


@require_http_methods(["GET", "POST"])
@allow(may_key_in_paper)
def paper_sheet(request: HttpRequest, campaign_id: int, scorer: str, user_id: int, enrollment_id: int) -> HttpResponse:
    """A paper sheet of somebody keyed in by the centre; who keyed it in stands in the audit trail."""
    campaign = _campaign(request, campaign_id, scorer)
    user = get_object_or_404(User, pk=user_id)
    place = (campaign.pk, scorer, user.pk)
    return _sheet(request, campaign, user, scorer, enrollment_id, "evaluations:paper_sheet", place)


def _sheet(
    request: HttpRequest, campaign: Campaign, user: User, scorer: str, enrollment_id: int, route: str, place: tuple[Any, ...]
) -> HttpResponse:  # fmt: skip
    queue = queue_of(campaign, user, scorer)
    position = queue.position(enrollment_id)
    if position is None:
        raise Http404
    enrollment = queue.people[position]
    review = queue.reviews.get(enrollment.pk)
    criteria = list(campaign.rubric.criteria.filter(scorer=scorer).order_by("order"))
    form = SheetForm(request.POST or None, criteria=criteria, initial=_initial(review))
    if request.method == "POST" and form.is_valid():
        cast = "cast" in request.POST
        try:
            actions.save_review(
                campaign=campaign, enrollment=enrollment, user=user, scorer=scorer, values=form.values(),
                comment=form.cleaned_data["comment"], cast=cast, by=user_of(request),
                reason="代录纸质评分表" if user != user_of(request) else "",
            )  # fmt: skip
        except DomainError as error:
            form.add_error(None, error.message)
        else:
            following = queue.after(position, handed_in=cast)
            messages.success(request, f"{enrollment}的评分{'已交' if cast else '已先存着，还没有交'}。")
            return redirect(route, *place, following.pk)
    context = {
        "campaign": campaign, "enrollment": enrollment, "scorer": Scorer(scorer), "queue": queue, "position": position,
        "form": form, "review": review, "seat": seat_of(campaign, user, enrollment) if scorer == Scorer.PANEL else None,
        "recused": queue.recused.get(enrollment.pk, ""), "summary": summary_of(enrollment), "scorer_user": user,
        "strip": queue.strip(route, place, position), "open": campaign.state == Campaign.State.OPEN,
    }  # fmt: skip
    return render(request, "evaluations/sheet.html", context, status=200 if not form.errors else 422)


def _initial(review: Review | None) -> dict[str, Any]:
    if review is None:
        return {}
    return {"comment": review.comment} | {f"score-{row.criterion_id}": row.value for row in review.scores.all()}


@require_POST
@allow(may_score)
def recuse(request: HttpRequest, campaign_id: int, enrollment_id: int) -> HttpResponse:
    """A panel member declares not to score somebody."""
    campaign = _campaign(request, campaign_id, Scorer.PANEL)
    queue: Scoring = queue_of(campaign, user_of(request), Scorer.PANEL)
    position = queue.position(enrollment_id)
    if position is None:
        raise Http404
    enrollment = queue.people[position]
    member = seat_of(campaign, user_of(request), enrollment)
    if member is None:
        raise Http404
    actions.recuse(member=member, enrollment=enrollment, reason=request.POST.get("reason", ""), by=user_of(request))
    messages.success(request, f"已记下您回避{enrollment}，不用评分。")
    following = queue_of(campaign, user_of(request), Scorer.PANEL).first_open
    return redirect("evaluations:sheet", campaign.pk, Scorer.PANEL, following.pk)
