"""项目规则: every parameter with its meaning, the tracks, and their forms."""

from typing import Any

from django.contrib import messages
from django.forms import inlineformset_factory
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_http_methods

from accounts.access import allow
from batches.actions.batch import save_programme
from batches.forms.programme import ProgrammeForm, TrackForm, TracksFormSet
from batches.models import Programme, Track
from batches.parameters import GROUPS, rule_summary
from batches.queries import newest_programmes
from batches.rules import may_run_batches, may_see_batches
from batches.states import LIVE
from batches.views.acts import UNPROCESSABLE, me
from config.errors import DomainError

TrackFormSet = inlineformset_factory(
    Programme,
    Track,
    form=TrackForm,
    formset=TracksFormSet,
    extra=1,
    can_delete=True,
    min_num=1,
    validate_min=True,
    max_num=12,
    validate_max=True,
)
DEFAULTS = {"name": "“四下基层”实践", "start_weekdays": [5], "age_bands": [30, 35, 40]}
"""Friday to Sunday: three days of which two are the weekend."""


def newest() -> Any:
    """Programmes that no later version supersedes."""
    return newest_programmes().prefetch_related("tracks")


@allow(may_see_batches)
@require_GET
def programme(request: HttpRequest) -> HttpResponse:
    """The rules in force, each with its meaning; older versions below."""
    rows = [
        {
            "programme": row, "tracks": row.tracks.all(), "groups": _groups(row),
            "in_force": row.batches.filter(state__in=LIVE).exists(), "batches": row.batches.order_by("number"),
        }
        for row in newest()
    ]  # fmt: skip
    old = (
        Programme.objects.filter(superseded_by__isnull=False)
        .select_related("superseded_by")
        .order_by("name", "-version")
    )
    context = {"rows": rows, "old": old, "may_run": may_run_batches.test(request.user)}
    return render(request, "batches/programme.html", context)


def _groups(row: Programme) -> list[tuple[str, list[dict[str, Any]]]]:
    """The summary's lines under the same heads as the form's fields."""
    lines = {line["field"]: line for line in rule_summary(row)}
    return [(title, [lines[name] for name in names if name in lines]) for title, names in GROUPS]


@allow(may_run_batches)
@require_http_methods(["GET", "POST"])
def create(request: HttpRequest) -> HttpResponse:
    """The first programme of a county, or one more, with its first track."""
    form = ProgrammeForm(request.POST if request.method == "POST" else None, initial=DEFAULTS)
    data = request.POST if request.method == "POST" else None
    first = {"order": 1, "name": "综合班", "classes_per_batch": 6}
    tracks = TrackFormSet(data, instance=Programme(), prefix="tracks", initial=[first, _blank(2)])
    if request.method == "POST" and form.is_valid() and tracks.is_valid():
        try:
            saved = save_programme(programme=form.save(commit=False), by=me(request), tracks=_rows(tracks))
        except DomainError as error:
            form.add_error(None, error.message)
        else:
            messages.success(request, f"{saved}的规则已保存。下一步：新建一期。")
            return redirect("batches:programme")
    return _page(request, form, tracks, None)


@allow(may_run_batches)
@require_http_methods(["GET", "POST"])
def edit(request: HttpRequest, programme_id: int) -> HttpResponse:
    """Change the parameters; rules that a published batch is run by get a new version."""
    found = get_object_or_404(newest(), pk=programme_id)
    form = ProgrammeForm(request.POST if request.method == "POST" else None, instance=found)
    if request.method == "POST" and form.is_valid():
        before = found.version
        saved = save_programme(programme=form.save(commit=False), by=me(request))
        told = "没有发布的期重新编排后生效。"
        if saved.version != before:
            told = f"已发布的期仍按第 {before} 版，以后的期按第 {saved.version} 版。"
        messages.success(request, f"{saved}的规则已保存。{told}")
        return redirect("batches:programme")
    return _page(request, form, None, Programme.objects.get(pk=found.pk) if found.pk else None)


@allow(may_run_batches)
@require_http_methods(["GET", "POST"])
def tracks(request: HttpRequest, programme_id: int) -> HttpResponse:
    """The tracks of a programme: who belongs to each, and how many classes it has in a batch."""
    found = get_object_or_404(newest(), pk=programme_id)
    data = request.POST if request.method == "POST" else None
    last = max((track.order for track in found.tracks.all()), default=0)
    formset = TrackFormSet(data, instance=found, prefix="tracks", initial=[_blank(last + 1)])
    if request.method == "POST" and formset.is_valid():
        try:
            saved = save_programme(programme=found, by=me(request), tracks=_rows(formset))
        except DomainError as error:
            formset.non_form_errors().append(error.message)
        else:
            messages.success(request, f"{saved}的班型已保存。还没有发布的期，班数跟着改。")
            return redirect("batches:programme")
    return _page(request, None, formset, found)


def _blank(order: int) -> dict[str, Any]:
    """An empty line for one more track; left as it is, it is passed over."""
    return {"order": order, "name": "", "classes_per_batch": None}


def _rows(formset: Any) -> list[dict[str, Any]]:
    """The tracks that were filled in and not struck out."""
    return [
        {name: form.cleaned_data[name] for name in TrackForm.Meta.fields}
        for form in formset.forms
        if form.cleaned_data and not form.cleaned_data.get("DELETE")
    ]


def _page(request: HttpRequest, form: Any, formset: Any, found: Programme | None) -> HttpResponse:
    groups = []
    if form is not None:
        groups = [(title, [form[name] for name in names if name in form.fields]) for title, names in GROUPS]
    context = {
        "form": form, "groups": groups, "formset": formset, "programme": found,
        "in_force": found is not None and found.batches.filter(state__in=LIVE).exists(),
    }  # fmt: skip
    bound = (form is not None and form.is_bound) or (formset is not None and formset.is_bound)
    return render(request, "batches/programme_form.html", context, status=UNPROCESSABLE if bound else 200)
