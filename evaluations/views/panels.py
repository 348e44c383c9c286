"""Panels of a campaign, who sits on them, and recusals taken back."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from accounts.access import allow, user_of
from config.errors import DomainError
from evaluations import actions
from evaluations.forms import PanelForm, PanelMemberForm
from evaluations.models import Campaign, Panel, PanelMember, Recusal
from evaluations.queries import visible_campaigns
from evaluations.rules import may_run_evaluations

FORMING = (Campaign.State.DRAFT, Campaign.State.OPEN)


@require_http_methods(["GET", "POST"])
@allow(may_run_evaluations)
def panel_new(request: HttpRequest, campaign_id: int) -> HttpResponse:
    campaign = get_object_or_404(visible_campaigns(user_of(request)), pk=campaign_id)
    number = campaign.panels.count() + 1
    form = PanelForm(request.POST or None, campaign=campaign, initial={"name": f"第{number}评审团"})
    if request.method == "POST" and form.is_valid():
        try:
            panel = actions.form_panel(
                campaign=campaign, name=form.cleaned_data["name"], classes=list(form.cleaned_data["classes"]),
                by=user_of(request),
            )  # fmt: skip
        except DomainError as error:
            form.add_error(None, error.message)
        else:
            messages.success(request, f"“{panel}”已建立。下一步：加评审员，群众至少一名。")
            return redirect("evaluations:panel", panel.pk)
    context = {"form": form, "campaign": campaign, "panel": None}
    return render(request, "evaluations/panel_form.html", context, status=422 if form.errors else 200)


def _panel(panel_id: int) -> Panel:
    return get_object_or_404(Panel.objects.select_related("campaign__batch"), pk=panel_id)


@require_http_methods(["GET", "POST"])
@allow(may_run_evaluations)
def panel_change(request: HttpRequest, panel_id: int) -> HttpResponse:
    """Another name, other classes."""
    panel = _panel(panel_id)
    initial = {"name": panel.name, "classes": list(panel.classes.order_by("number"))}
    form = PanelForm(request.POST or None, campaign=panel.campaign, initial=initial)
    if request.method == "POST" and form.is_valid():
        try:
            actions.change_panel(
                panel=panel,
                name=form.cleaned_data["name"],
                classes=list(form.cleaned_data["classes"]),
                by=user_of(request),
            )
        except DomainError as error:
            form.add_error(None, error.message)
        else:
            messages.success(request, f"“{panel}”已改。")
            return redirect("evaluations:panel", panel.pk)
    context = {"form": form, "campaign": panel.campaign, "panel": panel}
    return render(request, "evaluations/panel_form.html", context, status=422 if form.errors else 200)


@require_http_methods(["GET", "POST"])
@allow(may_run_evaluations)
def panel_page(request: HttpRequest, panel_id: int) -> HttpResponse:
    """Who sits on the panel; the form adds a member."""
    panel = _panel(panel_id)
    form = PanelMemberForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        try:
            member = actions.add_panel_member(
                panel=panel, user=data["person"], kind=data["kind"], unit=data["unit"], household=data["household"],
                by=user_of(request),
            )  # fmt: skip
        except DomainError as error:
            form.add_error(None, error.message)
        else:
            messages.success(request, f"已加{member}（{member.user}）。")
            return redirect("evaluations:panel", panel.pk)
    context = {
        "form": form, "campaign": panel.campaign, "panel": panel, "classes": panel.classes.order_by("number"),
        "members": panel.members.select_related("user", "unit", "household__base__village").order_by("number"),
        "forming": panel.campaign.state in FORMING,
    }  # fmt: skip
    return render(request, "evaluations/panel.html", context, status=422 if form.errors else 200)


@require_POST
@allow(may_run_evaluations)
def panel_dissolve(request: HttpRequest, panel_id: int) -> HttpResponse:
    panel = _panel(panel_id)
    actions.dissolve_panel(panel=panel, by=user_of(request))
    messages.success(request, f"“{panel.name}”已撤掉。")
    return redirect("evaluations:campaign", panel.campaign_id)


@require_POST
@allow(may_run_evaluations)
def seat_remove(request: HttpRequest, seat_id: int) -> HttpResponse:
    member = get_object_or_404(PanelMember.objects.select_related("panel", "user"), pk=seat_id, live=True)
    actions.remove_panel_member(member=member, by=user_of(request), reason=request.POST.get("reason", ""))
    messages.success(request, f"{member}（{member.user}）已撤下，号码不再用。")
    return redirect("evaluations:panel", member.panel_id)


@require_POST
@allow(may_run_evaluations)
def recusal_withdraw(request: HttpRequest, recusal_id: int) -> HttpResponse:
    recusal = get_object_or_404(
        Recusal.objects.select_related("member__panel", "enrollment__cadre"), pk=recusal_id, live=True
    )
    actions.withdraw_recusal(recusal=recusal, by=user_of(request), reason=request.POST.get("reason", ""))
    messages.success(request, f"{recusal.member}对{recusal.enrollment}的回避已撤销，可以评分了。")
    return redirect("evaluations:campaign", recusal.member.panel.campaign_id)
