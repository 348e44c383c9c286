"""Scoring: one person at a time, by a mentor, a head teacher or a panel member, or keyed in from paper by the centre."""

from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.access import allow, user_of
from accounts.models import User
from batches.models import Enrollment, PracticeClass
from config.errors import DomainError
from evaluations import actions
from evaluations.duties import Duty, duty_of
from evaluations.forms import SheetForm
from evaluations.models import Campaign, Criterion, PanelMember, Review, Scorer
from evaluations.queries import summary_of, visible_campaigns
from evaluations.rules import may_key_in_paper, may_score

LEVELS = (
    ("好", "90—100", 90, 100, 95),
    ("较好", "80—89", 80, 89, 85),
    ("一般", "60—79", 60, 79, 70),
    ("差", "60以下", 0, 59, 50),
)
"""Word, range as shown, from, to, and the score that choosing the level begins with."""
MOST_ON_STRIP = 24
"""With more people than these the strip shows the class of the one at hand, the other classes being links."""


@dataclass(frozen=True)
class Stop:
    """One person on the strip at the top of the score page."""

    enrollment: Enrollment
    number: int
    state: str
    url: str


@dataclass(frozen=True)
class ClassLink:
    """A class whose people are scored, how far it is, and where its next open sheet is."""

    practice_class: PracticeClass
    done: int
    total: int
    url: str
    current: bool


def _campaign(request: HttpRequest, campaign_id: int, scorer: str) -> Campaign:
    if scorer not in Scorer:
        raise Http404
    return get_object_or_404(visible_campaigns(user_of(request)), pk=campaign_id)


@require_GET
@allow(may_score)
def scoring_start(request: HttpRequest, campaign_id: int, scorer: str) -> HttpResponse:
    """The first person whose sheet is not handed in; all done shows the last."""
    campaign = _campaign(request, campaign_id, scorer)
    duty = duty_of(campaign, user_of(request), scorer)
    if duty is None:
        raise Http404
    return redirect("evaluations:sheet", campaign.pk, scorer, duty.first_open.pk)


@require_http_methods(["GET", "POST"])
@allow(may_score)
def sheet(request: HttpRequest, campaign_id: int, scorer: str, enrollment_id: int) -> HttpResponse:
    campaign = _campaign(request, campaign_id, scorer)
    return _sheet(
        request, campaign, user_of(request), scorer, enrollment_id, "evaluations:sheet", (campaign.pk, scorer)
    )


@require_http_methods(["GET", "POST"])
@allow(may_key_in_paper)
def paper_sheet(
    request: HttpRequest, campaign_id: int, scorer: str, scoring_user_id: int, enrollment_id: int
) -> HttpResponse:
    """A paper sheet of somebody keyed in by the centre; who keyed it in stands in the audit trail."""
    campaign = _campaign(request, campaign_id, scorer)
    user = get_object_or_404(User, pk=scoring_user_id)
    place = (campaign.pk, scorer, user.pk)
    return _sheet(request, campaign, user, scorer, enrollment_id, "evaluations:paper_sheet", place)


def _sheet(
    request: HttpRequest, campaign: Campaign, user: User, scorer: str, enrollment_id: int, route: str, place: tuple[Any, ...]
) -> HttpResponse:  # fmt: skip
    duty = duty_of(campaign, user, scorer)
    position = duty.position(enrollment_id) if duty else None
    if duty is None or position is None:
        raise Http404
    enrollment = duty.people[position]
    review = duty.reviews.get(enrollment.pk)
    criteria = list(campaign.rubric.criteria.filter(scorer=scorer).order_by("order"))
    form = SheetForm(request.POST or None, criteria=criteria, initial=_initial(review))
    if request.method == "POST" and form.is_valid() and _saved(request, campaign, enrollment, duty, form):
        following = duty.after(position, handed_in="cast" in request.POST)
        return redirect(route, *place, following.pk)
    context = {
        "campaign": campaign, "enrollment": enrollment, "scorer": Scorer(scorer), "duty": duty, "form": form,
        "review": review, "recused": duty.recused.get(enrollment.pk, "") if duty.state_of(enrollment) == "recused" else "",
        "seat": duty.seats.get(enrollment.pk), "scoring_user": user, "on_paper": route == "evaluations:paper_sheet",
        "summary": summary_of(enrollment, duty.classes[enrollment.pk], campaign),
        "state": duty.state_of(enrollment), "open": _is_open(campaign, own=user == user_of(request)),
        **_lines(form, criteria, review), **_way(duty, position, route, place),
    }  # fmt: skip
    return render(request, "evaluations/sheet.html", context, status=422 if form.errors else 200)


def _saved(request: HttpRequest, campaign: Campaign, enrollment: Enrollment, duty: Duty, form: SheetForm) -> bool:
    """Save what was typed; a refusal becomes an error of the form, which keeps everything."""
    by, cast = user_of(request), "cast" in request.POST
    try:
        actions.save_review(
            campaign=campaign, enrollment=enrollment, user=duty.user, scorer=duty.scorer, values=form.values(),
            comment=form.cleaned_data["comment"], cast=cast, by=by, reason="" if duty.user == by else "代录纸质评分表",
        )  # fmt: skip
    except DomainError as error:
        form.add_error(None, error.message)
        return False
    messages.success(request, f"{enrollment}的评分{'已交' if cast else '已先存着，还没有交'}。")
    return True


def _is_open(campaign: Campaign, *, own: bool) -> bool:
    in_time = not own or campaign.closes_on is None or campaign.closes_on >= timezone.localdate()
    return campaign.state == Campaign.State.OPEN and in_time


def _initial(review: Review | None) -> dict[str, Any]:
    if review is None:
        return {}
    return {"comment": review.comment} | {f"score-{row.criterion_id}": row.value for row in review.scores.all()}


def _lines(form: SheetForm, criteria: list[Criterion], review: Review | None) -> dict[str, Any]:
    given = {row.criterion_id: row.value for row in review.scores.all()} if review else {}
    return {
        "lines": form.lines(), "levels": LEVELS, "given": [(row, given.get(row.pk)) for row in criteria],
        "missing": sum(1 for row in criteria if form[form.key(row)].value() in (None, "")),
    }  # fmt: skip


def _way(duty: Duty, position: int, route: str, place: tuple[Any, ...]) -> dict[str, Any]:
    """The strip of people, the links to other classes, and who comes before."""
    here = duty.classes[duty.people[position].pk]
    many = len(duty.people) > MOST_ON_STRIP
    near = [person for person in duty.people if not many or duty.classes[person.pk] == here]
    current = duty.people[position]

    def url(person: Enrollment) -> str:
        return reverse(route, args=[*place, person.pk])

    links = []
    for row in duty.own_classes if many else []:
        members = [person for person in duty.people if duty.classes[person.pk] == row]
        due = [person for person in members if person.pk not in duty.recused]
        left = [person for person in due if duty.is_open(person)]
        links.append(ClassLink(row, len(due) - len(left), len(due), url((left or members)[0]), row == here))
    return {
        "strip": [
            Stop(person, i, "now" if person == current else duty.state_of(person), url(person))
            for i, person in enumerate(near, start=1)
        ],
        "number": near.index(current) + 1, "class_links": links,
        "before": url(duty.people[position - 1]) if position else "",
        "next_open": url(duty.after(position, handed_in=True)) if duty.progress.left else "",
    }  # fmt: skip


@require_POST
@allow(may_score)
def recuse(request: HttpRequest, campaign_id: int, enrollment_id: int) -> HttpResponse:
    """A panel member declares not to score somebody."""
    campaign = _campaign(request, campaign_id, Scorer.PANEL)
    duty = _declare(request, campaign, user_of(request), enrollment_id)
    return redirect("evaluations:sheet", campaign.pk, Scorer.PANEL, duty.first_open.pk)


@require_POST
@allow(may_key_in_paper)
def paper_recuse(request: HttpRequest, campaign_id: int, seat_id: int, enrollment_id: int) -> HttpResponse:
    """The centre enters what a member who scores on paper has declared."""
    campaign = _campaign(request, campaign_id, Scorer.PANEL)
    seats = PanelMember.objects.filter(panel__campaign=campaign, live=True).select_related("user")
    user = get_object_or_404(seats, pk=seat_id).user
    duty = _declare(request, campaign, user, enrollment_id)
    return redirect("evaluations:paper_sheet", campaign.pk, Scorer.PANEL, user.pk, duty.first_open.pk)


def _declare(request: HttpRequest, campaign: Campaign, user: User, enrollment_id: int) -> Duty:
    duty = duty_of(campaign, user, Scorer.PANEL)
    position = duty.position(enrollment_id) if duty else None
    if duty is None or position is None:
        raise Http404
    enrollment, reason = duty.people[position], request.POST.get("reason", "")
    member: PanelMember = duty.seats[enrollment.pk]
    actions.recuse(member=member, enrollment=enrollment, reason=reason, by=user_of(request))
    messages.success(request, f"已记下{member}回避{enrollment}，不用评分。")
    duty.recused[enrollment.pk] = reason
    return duty
