"""调整: people and gatherings of a published batch changed by hand, each act with its consequences told first."""

from typing import Any

from django.contrib import messages
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from accounts.access import allow
from batches.consequences import told_before
from batches.facts import beds_missing
from batches.forms.changes import CancelDaysForm, CancelForm, LateForm, MoveForm, PlaceForm, WithdrawForm
from batches.forms.fields import ActForm
from batches.models import Batch, Gathering
from batches.queries import attending
from batches.rules import may_run_batches
from batches.states import allowed
from batches.views.acts import UNPROCESSABLE, batch_of, forms_for, me, status_of
from config.errors import DomainError

KINDS: dict[str, type[ActForm]] = {
    "move": MoveForm, "late": LateForm, "withdraw": WithdrawForm, "cancel": CancelForm, "days": CancelDaysForm,
}  # fmt: skip
TITLES = {
    "move": ("调班", "调班"),
    "late": ("中途加入", "加入"),
    "withdraw": ("退出", "退出"),
    "cancel": ("取消一次集中", "取消集中"),
    "days": ("取消几天里的集中", "取消这几天的集中"),
}


@allow(may_run_batches)
@require_http_methods(["GET", "POST"])
def adjust(request: HttpRequest, batch_id: int) -> HttpResponse:
    """All changes on one page. A post with `look` shows what would happen; one without carries it out."""
    found = batch_of(request, batch_id)
    forms = forms_for(request, found, KINDS)
    looked: dict[str, Any] | None = None
    sent = forms.get(request.POST.get("form", "")) if request.method == "POST" else None
    if sent is not None and "look" in request.POST:
        looked = _look(found, sent, request)
    elif sent is not None:
        message = sent.carried_out(me(request))
        if message is not None:
            messages.success(request, message)
            return redirect("batches:adjust", found.pk)
    context = {
        "batch": found,
        "may_run": True,
        "looked": looked,
        "cards": [{"key": key, "title": TITLES[key][0], "form": form} for key, form in forms.items()],
        "may_change": allowed(found, "republish"),
        "missing": beds_missing(Q(practice_class__batch=found)),
        "past": _past(found),
        "left": found.enrollments.filter(left_on__isnull=False).select_related("cadre__unit").order_by("-left_on", "pk")[:20],
        "cancelled": Gathering.objects.filter(practice_class__batch=found, state=Gathering.State.CANCELLED)
        .select_related("practice_class").order_by("-first_day", "pk")[:20],
    }  # fmt: skip
    status = 200 if looked is not None else status_of(forms)
    return render(request, "batches/adjust.html", context, status=status)


def _look(batch: Batch, form: ActForm, request: HttpRequest) -> dict[str, Any] | None:
    """The consequences of a valid form; a refusal goes onto the form."""
    if not form.is_valid():
        return None
    try:
        told = told_before(batch, lambda: form.perform(me(request)))
    except DomainError as error:
        form.refuse(error)
        return None
    key = request.POST["form"]
    values = [(f"{form.prefix}-{name}", form[name].value()) for name in form.fields]
    shown = [(field.label, _shown(form, field.name)) for field in form.visible_fields()]
    return {"key": key, "title": TITLES[key][0], "act": TITLES[key][1], "told": told, "values": values, "shown": shown}


def _shown(form: ActForm, name: str) -> Any:
    """What was chosen, in words."""
    field, value = form.fields[name], form.cleaned_data[name]
    label = getattr(field, "label_from_instance", None)
    return label(value) if label is not None and value is not None else value


def _past(batch: Batch) -> Any:
    """Planned gatherings that are over: somebody has to say whether they were held."""
    return (
        Gathering.objects.filter(
            practice_class__batch=batch, state=Gathering.State.PLANNED, last_day__lt=timezone.localdate()
        )
        .select_related("practice_class")
        .order_by("first_day", "practice_class__number")
    )


@allow(may_run_batches)
@require_http_methods(["GET", "POST"])
def place(request: HttpRequest, batch_id: int, gathering_id: int, enrollment_id: int) -> HttpResponse:
    """A free bed by hand for somebody who has none at a gathering."""
    found = batch_of(request, batch_id)
    gatherings = Gathering.objects.filter(practice_class__batch=found).select_related(
        "practice_class__batch__programme"
    )
    gathering = get_object_or_404(gatherings, pk=gathering_id)
    enrollment = get_object_or_404(attending(found), pk=enrollment_id)
    form = PlaceForm(gathering, enrollment, request.POST if request.method == "POST" else None)
    if request.method == "POST" and (message := form.carried_out(me(request))):
        messages.success(request, message)
        return redirect("batches:adjust", found.pk)
    context = {
        "batch": found, "gathering": gathering, "enrollment": enrollment, "form": form,
        "beds": form.fields["bed"].queryset,  # type: ignore[attr-defined] # a model choice
        "sites": gathering.sites.filter(live=True).select_related("base__village__township").order_by("order"),
    }  # fmt: skip
    return render(request, "batches/place.html", context, status=UNPROCESSABLE if form.is_bound else 200)
