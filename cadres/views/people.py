"""Pages about people: a unit's own, days somebody cannot come, and what is kept about oneself."""

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.access import allow, user_of
from accounts.reveal import entries_about
from cadres import actions, queries
from cadres.forms import UnavailabilityForm
from cadres.imports import LABELS
from cadres.models import Cadre, Unavailability, Unit
from cadres.rules import is_cadre, is_unit_liaison, may_enter_unavailability, may_see_unit
from cadres.views.imports import PAGE, UNPROCESSABLE
from config.errors import DomainError


@allow(is_unit_liaison)
@require_GET
def own_unit(request: HttpRequest) -> HttpResponse:
    """The liaison's own unit; the first by name where there are several."""
    unit = queries.own_units(user_of(request)).order_by("sort_name", "pk").first()
    if unit is None:
        raise Http404
    return _unit_page(request, unit)


@allow(may_see_unit)
@require_GET
def unit_page(request: HttpRequest, unit_id: int) -> HttpResponse:
    return _unit_page(request, get_object_or_404(queries.visible_to(user_of(request), Unit), pk=unit_id))


def _unit_page(request: HttpRequest, unit: Unit) -> HttpResponse:
    """The people of a unit: who took part before, who cannot come when."""
    page = Paginator(queries.of_unit(unit), PAGE).get_page(request.GET.get("page"))
    in_post = Cadre.objects.filter(unit=unit, state=Cadre.State.IN_POST)
    context = {
        "unit": unit, "page": page, "total": page.paginator.count,
        "attended": queries.with_participation(in_post).filter(attended=True).count(),
        "liaisons": list(queries.liaisons_of(unit)),
        "others": list(queries.own_units(user_of(request)).exclude(pk=unit.pk).order_by("sort_name", "pk")),
        "may_enter": may_enter_unavailability.test(request.user),
    }  # fmt: skip
    return render(request, "cadres/unit.html", context)


@allow(may_enter_unavailability)
@require_http_methods(["GET", "POST"])
def unavailability(request: HttpRequest) -> HttpResponse:
    """Days on which somebody cannot come: those entered, and the form to enter more for one unit's people."""
    user = user_of(request)
    units = list(queries.kept_units(user).filter(active=True).order_by("sort_name", "pk"))
    unit = _chosen_unit(request, units)
    rows = queries.listed_unavailabilities(user)
    if unit is not None:
        rows = rows.filter(cadre__unit=unit)
    form = None
    if unit is not None:
        cadres = queries.visible_to(user, Cadre).filter(unit=unit, state=Cadre.State.IN_POST)
        given = request.POST if request.method == "POST" else None
        form = UnavailabilityForm(
            given, cadres=cadres.order_by("sort_name", "pk"), initial={"cadre": request.GET.get("cadre")}
        )
        if request.method == "POST" and form.is_valid():
            try:
                entered = actions.enter_unavailability(by=user, **form.cleaned_data)
            except DomainError as error:
                form.add_error(None, error.message)
            else:
                messages.success(request, f"已登记：{entered.cadre}这些日子不排实践。")
                return redirect(f"{request.path}?unit={unit.pk}")
    context = {
        "form": form, "unit": unit, "units": units,
        "page": Paginator(rows, PAGE).get_page(request.GET.get("page")),
    }  # fmt: skip
    return render(
        request,
        "cadres/unavailability.html",
        context,
        status=UNPROCESSABLE if form is not None and form.is_bound else 200,
    )


def _chosen_unit(request: HttpRequest, units: list[Unit]) -> Unit | None:
    """The unit asked for, 404 when this person does not see it; a liaison's only unit without asking."""
    asked = request.GET.get("unit", "")
    if not asked:
        return units[0] if len(units) == 1 else None
    unit = next((unit for unit in units if str(unit.pk) == asked), None)
    if unit is None:
        raise Http404
    return unit


@allow(may_enter_unavailability)
@require_POST
def void_unavailability(request: HttpRequest, pk: int) -> HttpResponse:
    user = user_of(request)
    found = queries.visible_to(user, Unavailability).filter(cadre__unit__in=queries.kept_units(user))
    row = actions.void_unavailability(
        unavailability=get_object_or_404(found, pk=pk), reason=request.POST.get("reason", ""), by=user
    )
    messages.success(request, f"已作废：{row.cadre}这些日子可以排实践。")
    return redirect("cadres:unavailability")


@allow(is_cadre)
@require_GET
def own_data(request: HttpRequest) -> HttpResponse:
    """What is kept about oneself, whence it came, and who looked at it in full (PIPL art. 45)."""
    cadre = get_object_or_404(Cadre.objects.select_related("unit"), user=user_of(request))
    context = {
        "cadre": cadre, "tab": "me",
        "facts": _facts(cadre),
        "past": list(cadre.past_attendances.order_by("first_day", "session")),
        "away": list(queries.coming_unavailabilities(cadre.unavailabilities.all())),
        "liaisons": list(queries.liaisons_of(cadre.unit)),
        "looks": list(entries_about(user_of(request))[:20]),
    }  # fmt: skip
    return render(request, "cadres/me.html", context)


def _facts(cadre: Cadre) -> list[tuple[str, str]]:
    names = (
        "nationality", "political_status", "education", "post", "post_kind", "level", "rank", "specialty", "grassroots",
    )  # fmt: skip
    facts = [
        ("姓名", cadre.name), ("性别", cadre.get_sex_display()), ("出生年月", f"{cadre.birth:%Y-%m}"),
        ("身份证号", cadre.masked_id_number), ("手机号", cadre.masked_phone), ("单位", cadre.unit.name),
    ]  # fmt: skip
    facts += [(LABELS[name], getattr(cadre, name)) for name in names]
    facts += [("班子成员", "是" if cadre.leading else "否"), ("状态", cadre.get_state_display())]
    return [(label, value or "没有登记") for label, value in facts]
