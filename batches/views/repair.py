"""少变动重排, 固定和调换, and the versions of a plan: what changes a plan with the fewest moves, told before it is done."""

import json
from typing import Any

from django.contrib import messages
from django.db.models import Q
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.access import allow
from bases.models import BaseUse, shown_days
from bases.queries import uses_touched
from batches.actions.pins import unpin_gathering
from batches.actions.repair import drop_class, start_curve
from batches.arrangement import Arrangement, open_to_change, planned
from batches.differences import differences_of
from batches.foretold import foretell, needs
from batches.forms.repair import SCENARIOS, RepairForm, ScenarioForm
from batches.forms.swaps import CellForm, CellsForm, PeopleForm, PersonForm, PinForm, SwapForm
from batches.models import Batch, GatheringPin, PlanDemand, PlanRun
from batches.obstacles import adoption_obstacles
from batches.overview import calendar_of, class_table
from batches.plan_refusals import refusal
from batches.planning import InputError
from batches.published import published_versions
from batches.queries import (
    OF_THE_FACTS,
    empty_classes,
    is_undecided,
    latest_run,
    version_in_force,
    waiting_run,
)
from batches.repairs import curve_of, moves_in_words, proven, unfolded
from batches.rules import may_run_batches, may_see_batches
from batches.standing import Place, past_cells
from batches.states import LIVE, allowed, changeable
from batches.studio import CURVE_TASK, live
from batches.told import names_told
from batches.views.acts import UNPROCESSABLE, batch_and_job, batch_of, me, posted_reason, revision_seen
from config.errors import DomainError
from office.addresses import number_in
from office.models import Job

SWAPS: dict[str, type[SwapForm]] = {
    "people": PeopleForm, "person": PersonForm, "cells": CellsForm, "cell": CellForm, "pin": PinForm,
}  # fmt: skip
TITLES = {
    "people": ("两人对调", "对调"),
    "person": ("一人调班", "调班"),
    "cells": ("两格对调", "对调"),
    "cell": ("改期或换基地", "改"),
    "pin": ("固定一格", "固定"),
}


MOST_TOLD = 8
"""Outside parties that one message names."""
NOTHING: dict[str, Any] = {"assignments": [], "gatherings": [], "lodging": []}


# 固定和调换


@allow(may_run_batches)
@require_http_methods(["GET", "POST"])
def swap(request: HttpRequest, batch_id: int) -> HttpResponse:
    """People and cells that change places. A GET with `form` tells what would happen; a POST starts the repair or pins."""
    found, job = batch_and_job(request, batch_id)
    run = _plan_asked(request, found)
    shown = planned(found, run) if run else open_to_change(found) if found.state in LIVE else None
    context: dict[str, Any] = {
        "batch": found, "job": job, "may_run": True, "may_change": changeable(found), "plan": run,
    }  # fmt: skip
    if shown is None:
        return render(request, "batches/swap.html", context)
    fixed = past_cells(found, timezone.localdate())
    forms = _swap_forms(request, found, shown, fixed, run)
    looked = None
    sent = forms.get((request.POST if request.method == "POST" else request.GET).get("form", ""))
    if sent is not None and request.method == "POST":
        message = sent.carried_out(me(request))
        if message is not None:
            messages.success(request, message)
            return redirect("batches:swap" if isinstance(sent, PinForm) else "batches:studio", found.pk)
    elif sent is not None:
        looked = _look(found, sent, request.GET["form"], run)
    calendar = calendar_of(shown)
    pins = list(_pins(found))
    calendar.pinned = {(pin.practice_class_id, pin.index) for pin in pins}
    context |= {
        "looked": looked, "arrangement": shown, "calendar": calendar, "table": class_table(shown), "pins": pins,
        "people_pins": _people_pins(found), "pin_form": forms["pin"],
        "cards": [{"key": key, "title": TITLES[key][0], "form": form} for key, form in forms.items() if key != "pin"],
        "sides": _sides(request, shown), "fixed": fixed,
        "run_query": f"?run={run.pk}" if run else "",
    }  # fmt: skip
    refused = sent is not None and looked is None and (request.method == "POST" or bool(sent.errors))
    return render(request, "batches/swap.html", context, status=UNPROCESSABLE if refused else 200)


def _plan_asked(request: HttpRequest, batch: Batch) -> PlanRun | None:
    """The plan that is changed: before publication the one asked for, else the newest; none once a plan is in force."""
    if batch.state in LIVE:
        return None
    data = request.POST if request.method == "POST" else request.GET
    plans = batch.plan_runs.filter(purpose__in=OF_THE_FACTS).exclude(plan_text="")
    asked = number_in(data.get("run", ""))
    found = plans.filter(pk=asked).first() if asked is not None else None
    return found or latest_run(batch)


def _swap_forms(
    request: HttpRequest, batch: Batch, shown: Arrangement, fixed: set[Place], run: PlanRun | None
) -> dict[str, SwapForm]:
    data = request.POST if request.method == "POST" else request.GET
    chosen = {"cell": {"cell": request.GET.get("cell", "")}}
    return {
        name: kind(
            batch,
            shown,
            fixed,
            run,
            data if data.get("form") == name else None,
            prefix=name,
            auto_id=f"id_{name}_%s",
            initial=chosen.get(name),
        )
        for name, kind in SWAPS.items()
    }


def _look(batch: Batch, form: SwapForm, name: str, run: PlanRun | None) -> dict[str, Any] | None:
    """What a valid form would do; a refusal goes onto the form."""
    if not form.is_valid():
        return None
    try:
        told = foretell(batch, form.changes(), run)
    except InputError as error:
        form.add_error(None, refusal(error))
        return None
    except DomainError as error:
        form.refuse(error)
        return None
    values = [(form.add_prefix(field), form[field].value()) for field in form.fields if field != "revision"]
    values.append((form.add_prefix("revision"), form.seen if form.seen is not None else batch.revision))
    return {"key": name, "title": form.title(), "act": TITLES[name][1], "told": told, "values": values}


def _pins(batch: Batch) -> Any:
    rows = GatheringPin.objects.filter(practice_class__batch=batch, live=True)
    return rows.select_related("practice_class", "base__village", "second_base__village").order_by(
        "practice_class__number", "index"
    )


def _people_pins(batch: Batch) -> Any:
    rows = PlanDemand.objects.filter(batch=batch, live=True, kind=PlanDemand.Kind.PIN)
    return rows.select_related("cadre__unit").order_by("class_number", "cadre__sort_name", "pk")


def _sides(request: HttpRequest, shown: Arrangement) -> list[dict[str, Any]]:
    """Two classes side by side, whose people can be dragged across."""
    if len(shown.classes) < 2:
        return []
    by_pk = {str(row.pk): row for row in shown.classes}
    chosen = [by_pk.get(request.GET.get(name, "")) for name in ("left", "right")]
    left = chosen[0] or shown.classes[0]
    right = chosen[1] or next(row for row in shown.classes if row.pk != left.pk)
    return [
        {"name": name, "class": row, "people": shown.members.get(row.pk, [])}
        for name, row in (("left", left), ("right", right))
    ]


@allow(may_run_batches)
@require_POST
def unpin(request: HttpRequest, batch_id: int, pin_id: int) -> HttpResponse:
    """Let the planner decide a cell again."""
    found = batch_of(request, batch_id)
    pin = get_object_or_404(GatheringPin.objects.filter(practice_class__batch=found), pk=pin_id)
    unpin_gathering(pin=pin, by=me(request), seen=revision_seen(request))
    messages.success(request, f"{pin}不再固定。它仍在原处，到下一次重排才可能动。")
    return redirect("batches:swap", found.pk)


# 少变动重排


@allow(may_run_batches)
@require_http_methods(["GET", "POST"])
def repair(request: HttpRequest, batch_id: int) -> HttpResponse:
    """Why a published batch should be planned anew, what happened, and what the last repairs would change."""
    found, job = batch_and_job(request, batch_id)
    forms = _repair_forms(request, found)
    sent = forms.get(request.POST.get("form", "")) if request.method == "POST" else None
    if sent is not None:
        if isinstance(sent, ScenarioForm) and request.POST.get("do") == "trial":
            sent.do = "trial"
        message = sent.carried_out(me(request))
        if message is not None:
            messages.success(request, message)
            _tell_outside(request, sent)
            return redirect("batches:repair", found.pk)
    runs = _repairs(found)
    run = _chosen(request, found, runs)
    groups = moves_in_words(run) if run else []
    points = _curve(runs, run) if run else None
    in_force = found.state in LIVE
    context = {
        "batch": found,
        "job": job,
        "may_run": True,
        "may_change": changeable(found),
        "may_repair": allowed(found, "republish"),
        "needs": needs(found) if in_force else [],
        "has_plan": in_force or latest_run(found) is not None,
        "start": forms["repair"],
        "scenarios": [
            {"key": key, "title": form.name, "form": form, "may_try": type(form).trial is not ScenarioForm.trial}
            for key, form in forms.items()
            if isinstance(form, ScenarioForm)
        ],
        "open": request.POST.get("form", ""),
        "empty_classes": empty_classes(found) if allowed(found, "republish") else (),
        "runs": runs,
        "run": run,
        "groups": groups,
        "unfolded": unfolded(run, groups, request.GET.get("show", "")) if run else (),
        "proven": run is not None and proven(run),
        "is_trial": run is not None and run.purpose == PlanRun.Purpose.TRIAL,
        "leads_to": _leads_to(found, run) if run else "",
        "curve": points,
        "curve_ended": _curve_ended(run) if run and not points else None,
    }
    if job is not None:
        context |= live(job)
    return render(request, "batches/repair.html", context, status=UNPROCESSABLE if sent is not None else 200)


@allow(may_run_batches)
@require_POST
def drop(request: HttpRequest, batch_id: int, class_id: int) -> HttpResponse:
    """Take back a class that stayed empty."""
    found = batch_of(request, batch_id)
    practice_class = get_object_or_404(found.classes, pk=class_id)
    drop_class(
        practice_class=practice_class, by=me(request), reason=posted_reason(request), seen=revision_seen(request)
    )
    messages.success(
        request, f"{practice_class.short_name}已撤掉。按它算过、没有发布的方案不能再发布，要重排请重新算。"
    )
    return redirect("batches:repair", found.pk)


def _tell_outside(request: HttpRequest, sent: Any) -> None:
    """Outside parties that stand on the days just closed, each with its base: nobody replans those."""
    closures = getattr(sent, "closures", ())
    uses = {use.pk: use for closure in closures for use in uses_touched(closure).filter(kind=BaseUse.Kind.OUTSIDE)}
    if not uses:
        return
    rows = BaseUse.objects.filter(pk__in=uses).select_related("base__village").order_by("days", "pk")
    listed = format_html_join(
        "；", '<a href="{}">{}</a> {}“{}”{} 人',
        ((reverse("bases:base", args=[row.base_id]), row.base, shown_days(row.days), row.source, row.people)
         for row in rows[:MOST_TOLD]),
    )  # fmt: skip
    more = f"；还有 {len(uses) - MOST_TOLD} 批" if len(uses) > MOST_TOLD else ""
    messages.warning(
        request,
        format_html(
            "停接的日子有 {} 批外来预约，重排不会动它们。请到基地页改期或取消：{}{}。", len(uses), listed, more
        ),
    )


def _repair_forms(request: HttpRequest, batch: Batch) -> dict[str, Any]:
    sent = request.POST.get("form") if request.method == "POST" else None
    kinds: dict[str, Any] = {"repair": RepairForm, **SCENARIOS}
    return {
        name: kind(batch, request.POST if name == sent else None, prefix=name, auto_id=f"id_{name}_%s")
        for name, kind in kinds.items()
    }


def _repairs(batch: Batch) -> list[PlanRun]:
    """The newest repairs that have a plan, and trials of what is in force: what either would move."""
    told, version = Q(purpose=PlanRun.Purpose.REPAIR), version_in_force(batch)
    if version is not None:
        told |= Q(purpose=PlanRun.Purpose.TRIAL, created_at__gte=version.published_at)
    rows = batch.plan_runs.filter(told).exclude(plan_text="").select_related("batch__programme")
    return list(rows.order_by("-created_at", "-pk")[:12])


def _chosen(request: HttpRequest, batch: Batch, runs: list[PlanRun]) -> PlanRun | None:
    """The run asked for, else the repair that waits for publication: a later trial must not hide it; else the newest."""
    asked = request.GET.get("run", "")
    found = next((run for run in runs if str(run.pk) == asked), None)
    if asked and found is None:
        raise Http404
    if found is None and (waiting := waiting_run(batch)) is not None:
        found = next((run for run in runs if run.pk == waiting.pk), None)
    return found or (runs[0] if runs else None)


def _leads_to(batch: Batch, run: PlanRun) -> str:
    """What can still be done with a run on its page, in a word or two; empty when it can only be looked at."""
    if run.purpose == PlanRun.Purpose.TRIAL:
        return "" if adoption_obstacles(run) else "采用改动"
    version = version_in_force(batch)
    open_still = allowed(batch, "publish" if version is None else "republish")
    return "发布" if open_still and is_undecided(run, version) else ""


def _curve(runs: list[PlanRun], run: PlanRun) -> Any:
    """The curve that the run is a point of."""
    for holder in (run, *runs):
        points = holder.figures.get("curve") or []
        if any(row["run"] == run.pk for row in points):
            return curve_of(holder, run.pk)
    return None


def _curve_ended(run: PlanRun) -> Job | None:
    """The job that should have made the run's curve, where it ended without."""
    job = run.job
    return job if job is not None and job.task == CURVE_TASK and not job.is_unfinished else None


@allow(may_run_batches)
@require_POST
def curve(request: HttpRequest, batch_id: int, run_id: int) -> HttpResponse:
    """Ask what a few more moves would buy."""
    found = batch_of(request, batch_id)
    run = get_object_or_404(found.plan_runs, pk=run_id)
    start_curve(run=run, by=me(request))
    messages.info(request, "正在算多动几处会怎样。可以离开，算完在这里看。")
    return redirect(f"{reverse('batches:repair', args=[found.pk])}?run={run.pk}")


# Versions


@allow(may_see_batches)
@require_GET
def version(request: HttpRequest, batch_id: int, number: int) -> HttpResponse:
    """A published version as it was, for reading."""
    found = batch_of(request, batch_id)
    versions = published_versions(found)
    published = next((each for each in versions if each.version.number == number), None)
    if published is None:
        raise Http404
    row = published.version
    plan = NOTHING | row.plan
    made = (
        {} if row.run is None else {name: getattr(row.run, name) for name in ("purpose", "created_at", "explanations")}
    )
    shown = planned(found, PlanRun(batch=found, plan_text=json.dumps(plan), **made))
    context = {
        "batch": found, "version": row, "published": published, "arrangement": shown,
        "table": class_table(shown), "calendar": calendar_of(shown),
        "members": [(each, shown.members.get(each.pk, [])) for each in shown.classes],
        "differences": differences_of(row), "told": names_told(row), "may_run": may_run_batches.test(request.user),
        "track_count": found.programme.tracks.count(), "run_query": "",
        "others": [each.version.number for each in versions if each is not published],
    }  # fmt: skip
    return render(request, "batches/version.html", context)
