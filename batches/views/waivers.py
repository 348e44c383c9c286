"""批准例外: asked by one of the staff, approved by another, listed with what it is about and until when."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST

from accounts.access import allow
from batches.actions.waivers import approve_waiver, end_waiver
from batches.forms.waivers import WaiverForm
from batches.rules import may_run_batches, may_see_batches
from batches.views.acts import batch_of, carry_out, forms_for, me, posted_reason, status_of


@allow(may_see_batches)
@require_http_methods(["GET", "POST"])
def waivers(request: HttpRequest, batch_id: int) -> HttpResponse:
    found = batch_of(request, batch_id)
    may_run = may_run_batches.test(request.user)
    forms = forms_for(request, found, {"ask": WaiverForm} if may_run else {})
    done = carry_out(request, forms, "batches:waivers", found.pk)
    if done is not None:
        return done
    rows = [
        {"waiver": row, "dialog": f"end-{row.pk}", "question": f"取消{row.subject_label}的 {row.rule} 例外？"}
        for row in found.waivers.select_related("asked_by", "approver").order_by("-pk")
    ]
    context = {
        "batch": found, "rows": rows, "form": forms.get("ask"), "may_run": may_run, "today": timezone.localdate(),
    }  # fmt: skip
    return render(request, "batches/waivers.html", context, status=status_of(forms))


@allow(may_run_batches)
@require_POST
def approve(request: HttpRequest, batch_id: int, waiver_id: int) -> HttpResponse:
    """Another of the staff approves."""
    found = batch_of(request, batch_id)
    waiver = get_object_or_404(found.waivers, pk=waiver_id)
    approve_waiver(waiver=waiver, by=me(request))
    messages.success(request, f"已批准{waiver.subject_label}的 {waiver.rule} 例外。下次编排和调班照此办理。")
    return redirect("batches:waivers", found.pk)


@allow(may_run_batches)
@require_POST
def end(request: HttpRequest, batch_id: int, waiver_id: int) -> HttpResponse:
    """Take it back."""
    found = batch_of(request, batch_id)
    waiver = get_object_or_404(found.waivers, pk=waiver_id)
    end_waiver(waiver=waiver, by=me(request), reason=posted_reason(request))
    messages.success(request, f"{waiver.subject_label}的 {waiver.rule} 例外已取消。已经发布的安排不变。")
    return redirect("batches:waivers", found.pk)
