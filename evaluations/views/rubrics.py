"""Score sheets and their criteria."""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.access import allow, user_of
from config.errors import DomainError
from evaluations import actions
from evaluations.forms import CriterionFormSet, RubricForm, lines_of
from evaluations.models import Rubric
from evaluations.rules import may_run_evaluations


@require_GET
@allow(may_run_evaluations)
def rubric_list(request: HttpRequest) -> HttpResponse:
    rubrics = Rubric.objects.prefetch_related("criteria", "campaigns__batch").order_by("name", "-version")
    return render(request, "evaluations/rubrics.html", {"rubrics": rubrics})


@require_POST
@allow(may_run_evaluations)
def rubric_default(request: HttpRequest) -> HttpResponse:
    """The first score sheet of an empty county, to be changed afterwards."""
    rubric = actions.default_rubric(by=user_of(request))
    messages.success(request, f"“{rubric}”已建立，各项和占比都可以改。")
    return redirect("evaluations:rubric", rubric.pk)


@require_http_methods(["GET", "POST"])
@allow(may_run_evaluations)
def rubric_edit(request: HttpRequest, rubric_id: int | None = None) -> HttpResponse:
    """A score sheet with its lines; one in use becomes a new version."""
    rubric = get_object_or_404(Rubric, pk=rubric_id) if rubric_id is not None else Rubric()
    lines = [
        {"name": row.name, "description": row.description, "weight": row.weight, "scorer": row.scorer}
        for row in (rubric.criteria.order_by("order") if rubric.pk else ())
    ]
    form = RubricForm(request.POST or None, initial={"name": rubric.name})
    formset = CriterionFormSet(request.POST or None, initial=lines, prefix="lines")
    if request.method == "POST" and form.is_valid() and formset.is_valid():
        rubric.name = form.cleaned_data["name"]
        try:
            saved = actions.save_rubric(rubric=rubric, criteria=lines_of(formset), by=user_of(request))
        except DomainError as error:
            form.add_error(None, error.message)
        else:
            messages.success(request, f"“{saved}”已存。")
            return redirect("evaluations:rubrics")
    in_use = bool(rubric.pk) and rubric.campaigns.exists()
    context = {"form": form, "formset": formset, "rubric": rubric, "in_use": in_use, "total": _total(formset)}
    bad = bool(form.errors) or (formset.is_bound and not formset.is_valid())
    return render(request, "evaluations/rubric.html", context, status=422 if bad else 200)


def _total(formset: Any) -> int:
    """Sum of the weights as they stand in the form, whole numbers alone."""
    shown = [str(form["weight"].value() or "") for form in formset if form["DELETE"].value() in (None, False, "")]
    return sum(int(text) for text in shown if text.isascii() and text.isdigit())
