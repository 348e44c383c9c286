"""A unit's names on a liaison's phone: confirm all or one, send a colleague instead, or defer with the reason."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.access import allow
from accounts.rules import is_centre_staff
from batches.actions.names import confirm_nomination, confirm_unit, defer_nomination, swap_nomination
from batches.models import Batch, Nomination
from batches.queries import GOING, answerable_units, candidates_for_swap, going, unit_quota, visible_nominations
from batches.rules import may_answer_nominations
from batches.views.acts import batch_of, me, posted_reason
from cadres.queries import age_at
from config.errors import DomainError
from office.addresses import number_in

State = Nomination.State


@allow(may_answer_nominations)
@require_GET
def nominations(request: HttpRequest, batch_id: int) -> HttpResponse:
    """The own units' names for a batch, unit by unit; those still to be answered first."""
    found = batch_of(request, batch_id)
    units = {unit.pk: unit for unit in answerable_units(me(request))}
    if is_centre_staff.test(me(request)):
        return redirect("batches:names", found.pk)
    rows = visible_nominations(me(request)).filter(batch=found, cadre__unit__in=units).select_related("replaces__cadre")
    order = {State.PROPOSED: 0, State.CONFIRMED: 1, State.DEFERRED: 2, State.SWAPPED: 3}
    groups = []
    for unit in units.values():
        mine = sorted((row for row in rows if row.cadre.unit_id == unit.pk), key=lambda row: order[State(row.state)])
        if mine:
            groups.append(
                {
                    "unit": unit,
                    "rows": [(row, age_at(row.cadre.birth, found.first_day)) for row in mine],
                    "waiting": sum(row.state == State.PROPOSED for row in mine),
                    "going": sum(row.state in GOING for row in mine),
                    "quota": unit_quota(found, unit),
                }
            )
    context = {"batch": found, "groups": groups, "open": found.state == Batch.State.NOMINATING}
    return render(request, "batches/nominations.html", context)


@allow(may_answer_nominations)
@require_POST
def confirm_all(request: HttpRequest, batch_id: int, unit_id: int) -> HttpResponse:
    """The unit says yes to all that are still open."""
    found = batch_of(request, batch_id)
    unit = get_object_or_404(answerable_units(me(request)), pk=unit_id)
    count = confirm_unit(batch=found, unit=unit, by=me(request))
    messages.success(request, f"{unit}的 {count} 人已确认。编排发布后，他们本人会收到班级和日期。")
    return redirect("batches:nominations", found.pk)


@allow(may_answer_nominations)
@require_http_methods(["GET", "POST"])
def nomination(request: HttpRequest, nomination_id: int) -> HttpResponse:
    """One name: confirm, swap with a colleague, or defer."""
    found = get_object_or_404(
        visible_nominations(me(request)).filter(cadre__unit__in=answerable_units(me(request)).values("pk")),
        pk=nomination_id,
    )
    error = ""
    if request.method == "POST":
        try:
            messages.success(request, _answer(request, found))
        except DomainError as refusal:
            error = refusal.message
        else:
            return redirect("batches:nominations", found.batch_id)
    context = {
        "nomination": found,
        "batch": found.batch,
        "age": age_at(found.cadre.birth, found.batch.first_day),
        "candidates": [
            (cadre, age_at(cadre.birth, found.batch.first_day)) for cadre in candidates_for_swap(found)[:60]
        ],
        "going": going(found.batch).filter(cadre__unit=found.cadre.unit).count(),
        "quota": unit_quota(found.batch, found.cadre.unit),
        "open": found.batch.state == Batch.State.NOMINATING and found.state != State.SWAPPED,
        "error": error,
        "typed": request.POST.get("reason", "").strip(),
        "chosen": request.POST.get("cadre", ""),
        "form": request.POST.get("act", ""),
    }
    return render(request, "batches/nomination.html", context, status=422 if error else 200)


def _answer(request: HttpRequest, found: Nomination) -> str:
    act, reason, by = request.POST.get("act", ""), posted_reason(request), me(request)
    if act == "confirm":
        confirm_nomination(nomination=found, by=by)
        return f"{found.cadre}已确认。"
    if act == "defer":
        defer_nomination(nomination=found, reason=reason, by=by)
        return f"{found.cadre}这一期缓派，以后各期还会再提。要改回来，再点“确认”。"
    if act == "swap":
        chosen = number_in(request.POST.get("cadre", ""))
        cadre = candidates_for_swap(found).filter(pk=chosen).first() if chosen is not None else None
        if cadre is None:
            raise DomainError("nobody_chosen", "没有选由谁替换。请从本单位的人里选一位。")
        new = swap_nomination(nomination=found, cadre=cadre, reason=reason, by=by)
        return f"{found.cadre}换成{new.cadre}，已确认。"
    raise DomainError("act_unknown", "没有选要办什么。请点“确认”“换人”或“缓派”。")
