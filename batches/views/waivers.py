"""批准例外: asked by one of the staff, approved by another, listed with what it is about and until when."""

from collections.abc import Callable

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from accounts.access import allow
from batches.actions.waivers import approve_waiver, end_waiver
from batches.forms.waivers import WaiverForm
from batches.models import Batch
from batches.rules import may_run_batches, may_see_batches
from batches.views.acts import batch_of, carry_out, forms_for, me, posted_reason, status_of
from batches.waivers import CANCEL, lines_of
from config.errors import DomainError


@allow(may_see_batches)
@require_http_methods(["GET", "POST"])
def waivers(request: HttpRequest, batch_id: int) -> HttpResponse:
    found = batch_of(request, batch_id)
    may_run = may_run_batches.test(request.user)
    forms = forms_for(request, found, {"ask": WaiverForm} if may_run else {})
    done = carry_out(request, forms, "batches:waivers", found.pk)
    if done is not None:
        return done
    context = {"batch": found, "rows": lines_of(found, me(request)), "form": forms.get("ask"), "may_run": may_run}
    return render(request, "batches/waivers.html", context, status=status_of(forms))


@allow(may_run_batches)
@require_POST
def approve(request: HttpRequest, batch_id: int, waiver_id: int) -> HttpResponse:
    """Another of the staff approves."""
    found = batch_of(request, batch_id)
    waiver = get_object_or_404(found.waivers, pk=waiver_id)

    def act() -> str:
        approve_waiver(waiver=waiver, by=me(request))
        return f"已批准{waiver.subject_label}的 {waiver.rule} 例外。下次编排和调班照此办理。"

    return _back(request, found, act)


@allow(may_run_batches)
@require_POST
def end(request: HttpRequest, batch_id: int, waiver_id: int) -> HttpResponse:
    """Take it back."""
    found = batch_of(request, batch_id)
    waiver = get_object_or_404(found.waivers, pk=waiver_id)

    def act() -> str:
        way = end_waiver(waiver=waiver, by=me(request), reason=posted_reason(request))
        more = "已经发布的安排不变。" if way == CANCEL else ""
        return f"{way.done}{waiver.subject_label}的 {waiver.rule} 例外。{more}"

    return _back(request, found, act)


def _back(request: HttpRequest, batch: Batch, act: Callable[[], str]) -> HttpResponse:
    """Carry the act out and show the list again, with what happened or why not; a colleague may have been quicker."""
    try:
        messages.success(request, act())
    except DomainError as error:
        messages.error(request, error.message)
    return redirect("batches:waivers", batch.pk)
