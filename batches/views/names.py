"""名单 of a batch for the centre: the job that proposes, answers by unit, somebody more, and what is asked of the plan."""

from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from accounts.access import allow
from batches.actions.names import drop_demand, remind_units
from batches.course import blocks_of
from batches.forms.fields import ActForm
from batches.forms.names import AddNameForm, DemandForm, OpenNominationsForm, SetAsideForm
from batches.models import Batch, Nomination
from batches.queries import nomination_counts, visible_nominations
from batches.rules import may_run_batches, may_see_batches
from batches.states import allowed
from batches.studio import live
from batches.views.acts import batch_and_job, batch_of, carry_out, forms_for, me, status_of
from cadres.models import Unit
from cadres.queries import age_at
from office.addresses import number_in


@allow(may_see_batches)
@require_http_methods(["GET", "POST"])
def names(request: HttpRequest, batch_id: int) -> HttpResponse:
    """Names by unit and one by one, with filters by unit and answer; the forms are for centre staff."""
    found, job = batch_and_job(request, batch_id)
    may_run = may_run_batches.test(request.user)
    kinds: dict[str, type[ActForm]] = {}
    if may_run:
        kinds = {"open": OpenNominationsForm, "add": AddNameForm, "demand": DemandForm, "aside": SetAsideForm}
    forms = forms_for(request, found, kinds)
    done = carry_out(request, forms, "batches:names", found.pk)
    if done is not None:
        return done
    context = _listed(request, found)
    aside = forms.get("aside")
    if context["unit"] is not None and isinstance(aside, SetAsideForm):
        aside.of_unit(context["unit"])
    context |= {
        "batch": found,
        "blocks": blocks_of(found, me(request)),
        "job": job,
        "demands": found.demands.filter(live=True).select_related("cadre__unit").order_by("cadre__sort_name", "pk"),
        "forms": forms,
        "may_run": may_run,
        "may_propose": may_run and allowed(found, "propose"),
        "may_open": may_run and allowed(found, "open_nominations"),
        "may_add": may_run and found.state in (Batch.State.PROPOSED, Batch.State.NOMINATING),
        "may_set_aside": may_run and found.state == Batch.State.PLANNED,
        "is_nominating": found.state == Batch.State.NOMINATING,
    }
    if job is not None:
        context |= live(job)
    return render(request, "batches/names.html", context, status=status_of(forms))


def _listed(request: HttpRequest, batch: Batch) -> dict[str, Any]:
    """The names asked for, twenty a page, and how many there are in all."""
    rows = visible_nominations(me(request)).filter(batch=batch).select_related("replaces__cadre", "decided_by")
    unit, state = number_in(request.GET.get("unit", "")), request.GET.get("state", "")
    if unit is not None:
        rows = rows.filter(cadre__unit=unit)
    if state in Nomination.State.values:
        rows = rows.filter(state=state)
    page = Paginator(rows, 20).get_page(request.GET.get("page"))
    units = nomination_counts(batch)
    return {
        "page": page,
        "rows": [(row, age_at(row.cadre.birth, batch.first_day)) for row in page.object_list],
        "units": units,
        "unit": Unit.objects.filter(pk=unit).first() if unit is not None else None,
        "state": state,
        "states": Nomination.State.choices,
        "waiting": sum(row["proposed"] for row in units),
        "waiting_units": sum(bool(row["proposed"]) for row in units),
        "total": sum(row["proposed"] + row["confirmed"] for row in units),
        "deferred": sum(row["deferred"] for row in units),
        "swapped": sum(row["swapped"] for row in units),
    }


@allow(may_run_batches)
@require_POST
def remind(request: HttpRequest, batch_id: int) -> HttpResponse:
    """催报: tell the liaisons of all units that have not answered."""
    found = batch_of(request, batch_id)
    told, silent = remind_units(batch=found, by=me(request))
    messages.success(request, f"已通知 {told} 个单位的联络员。他们登录后在待办里看到。")
    if silent:
        names = "、".join(silent[:10])
        messages.warning(request, f"{len(silent)} 个单位还没有联络员：{names}。请打电话，并在“单位联络员”里登记。")
    return redirect("batches:names", found.pk)


@allow(may_run_batches)
@require_POST
def drop(request: HttpRequest, batch_id: int, demand_id: int) -> HttpResponse:
    """Take a demand back; the next plan no longer heeds it."""
    found = batch_of(request, batch_id)
    demand = get_object_or_404(found.demands.filter(live=True), pk=demand_id)
    drop_demand(demand=demand, by=me(request))
    messages.success(request, f"已取消对{demand.cadre}的要求。下次编排不再照此办理。")
    return redirect("batches:names", found.pk)
