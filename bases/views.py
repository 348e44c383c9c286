"""Pages of bases: the overview, a base's calendar, households on their way, rates, and the import of an empty county."""

import datetime
from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import Q
from django.forms import Form
from django.http import FileResponse, Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.access import allow
from accounts.rules import is_centre_staff
from bases import actions, imports, queries, states
from bases.actions.beds import told_rooms
from bases.forms import (
    BaseFilter,
    ClosureForm,
    HouseholdFilter,
    ImportForm,
    OutsideUseForm,
    RateForm,
    ReasonForm,
    ReopenForm,
    household_form,
)  # fmt: skip
from bases.models import BaseUse, Closure, HostHousehold, PracticeBase, Rate, shown_days
from bases.rules import may_judge_households, may_run_bases, may_see_bases, may_see_rates, may_set_rates
from cadres.models import Unit
from config.errors import DomainError
from office.spreadsheets import MAX_FILE_BYTES

PAGE_ROWS = 20
CALENDAR_DAYS = 28
RATES_AHEAD = 180


@allow(may_see_bases)
@require_GET
def overview(request: HttpRequest) -> HttpResponse:
    """All bases that one may see, with capacity, beds, households and what is closed next."""
    user: Any = request.user
    form = BaseFilter(request.GET, user=user)
    found = queries.visible_to(user, PracticeBase)
    if form.is_valid():
        if words := form.cleaned_data["q"]:
            found = found.filter(Q(village__name__icontains=words) | Q(cooperative__icontains=words))
        if township := form.cleaned_data["township"]:
            found = found.filter(village__township=township)
        if state := form.cleaned_data["state"]:
            found = found.filter(state=state)
    page = Paginator(queries.with_figures(found), PAGE_ROWS).get_page(request.GET.get("page"))
    today = timezone.localdate()
    closures = queries.next_closures(page.object_list, today)
    rows = [(base, closures.get(base.pk)) for base in page.object_list]
    context = {
        "page": page, "rows": rows, "form": form, "today": today,
        "totals": queries.totals(queries.visible_to(user, PracticeBase)),
        "is_centre": is_centre_staff.test(user), "filtered": any(request.GET.get(name) for name in form.fields),
    }  # fmt: skip
    return render(request, "bases/overview.html", context)


@allow(may_see_bases)
@require_GET
def base_page(request: HttpRequest, base_id: int) -> HttpResponse:
    """A base's calendar of four weeks: who comes, meals, beds, closures; and its households."""
    user: Any = request.user
    base = get_object_or_404(queries.with_figures(queries.visible_to(user, PracticeBase)), pk=base_id)
    today = timezone.localdate()
    first = _day(request.GET.get("from")) or today
    last = first + datetime.timedelta(days=CALENDAR_DAYS - 1)
    days = queries.calendar_of(base, first, last)
    households = list(
        queries.visible_to(user, HostHousehold).filter(base=base).prefetch_related("rooms__beds").order_by("head", "pk")
    )
    context = {
        "base": base, "first": first, "last": last, "today": today,
        "earlier": first - datetime.timedelta(days=CALENDAR_DAYS), "later": last + queries.DAY,
        "days": [day for day in days if day.people.total or day.closures],
        "uses": list({use.pk: use for day in days for use in day.uses}.values()),
        "closures": list(queries.live_closures([base], min(first, today), datetime.date(2999, 12, 31))),
        "households": [(household, told_rooms(household)) for household in households],
        "zones": base.zones.all(), "routes": base.routes.all(),
        "runs": queries.run_by(user).filter(pk=base.pk).exists() if may_run_bases.test(user) else False,
        "is_centre": is_centre_staff.test(user),
    }  # fmt: skip
    return render(request, "bases/base.html", context)


def _day(text: str | None) -> datetime.date | None:
    try:
        day = datetime.date.fromisoformat(text or "")
    except ValueError:
        return None
    return day if datetime.date(2000, 1, 1) <= day <= datetime.date(2100, 1, 1) else None


def _form_page(request: HttpRequest, form: Form, **context: Any) -> HttpResponse:
    return render(request, "bases/form.html", {"form": form, **context})


def _refused(form: Form, error: DomainError) -> None:
    """A refused act beside the form, so that nothing typed is lost."""
    form.add_error(None, error.message)


@allow(may_run_bases)
@require_http_methods(["GET", "POST"])
def close(request: HttpRequest, base_id: int) -> HttpResponse:
    """Close a base, a household or a room for some days."""
    user: Any = request.user
    base = get_object_or_404(queries.run_by(user).select_related("village"), pk=base_id)
    form = ClosureForm(request.POST or None, base=base)
    if request.method == "POST" and form.is_valid():
        try:
            closure = actions.close_place(
                first_day=form.cleaned_data["first_day"], last_day=form.cleaned_data["last_day"],
                kind=form.cleaned_data["kind"], reason=form.cleaned_data["reason"], by=user, **form.place_arguments(),
            )  # fmt: skip
        except DomainError as error:
            _refused(form, error)
        else:
            messages.success(request, f"{closure.place}停接 {shown_days(closure.days)}。编排会避开这些日子。")
            _tell_touched(request, closure)
            return redirect("bases:base", base_id=base.pk)
    return _form_page(
        request, form, base=base, title=f"{base}停接", button="登记停接", keep="不登记了",
        hint="停接的日子不再安排人来。已经安排的不会自动取消，登记以后会列出来，请联系服务中心改期。",
    )  # fmt: skip


def _tell_touched(request: HttpRequest, closure: Closure) -> None:
    touched = list(queries.uses_touched(closure))
    if not touched:
        return
    listed = "；".join(f"{shown_days(use.days)}“{use.source}”{use.people} 人" for use in touched[:5])
    words = (
        f"这些日子已有 {len(touched)} 批人要来"
        if closure.base_id
        else f"这些日子{closure.at_base}有 {len(touched)} 批人"
    )
    messages.warning(request, f"{words}：{listed}。请联系服务中心核对，改期或换地方。")


@allow(may_run_bases)
@require_POST
def reopen(request: HttpRequest, closure_id: int) -> HttpResponse:
    """End or void a closure, with the reason."""
    user: Any = request.user
    closure = get_object_or_404(
        Closure.objects.filter(
            Q(base__in=queries.run_by(user)) | Q(household__base__in=queries.run_by(user))
            | Q(room__household__base__in=queries.run_by(user))
        ),
        pk=closure_id,
    )  # fmt: skip
    form = ReopenForm(request.POST)
    if form.is_valid():
        actions.reopen_place(closure=closure, by=user, **form.cleaned_data)
        messages.success(request, f"{closure.place}恢复接待。编排可以再用这些日子。")
    else:
        messages.error(request, "没有恢复。请写明原因。")
    return redirect("bases:base", base_id=closure.at_base.pk)


@allow(may_run_bases)
@require_http_methods(["GET", "POST"])
def enter_outside_use(request: HttpRequest, base_id: int) -> HttpResponse:
    """Enter an outside party that comes to a base."""
    user: Any = request.user
    base = get_object_or_404(queries.run_by(user).select_related("village"), pk=base_id)
    form = OutsideUseForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            use = actions.enter_outside_use(base=base, by=user, **form.cleaned_data)
        except DomainError as error:
            _refused(form, error)
        else:
            messages.success(
                request, f"登记了“{use.source}”{use.people} 人，{shown_days(use.days)}。编排会给他们留出位置。"
            )
            return redirect("bases:base", base_id=base.pk)
    return _form_page(
        request, form, base=base, title=f"{base}登记外来接待", button="登记外来接待", keep="不登记了",
        hint="外来的人占基地的接待人数，不占农户床位。",
    )  # fmt: skip


@allow(may_run_bases)
@require_POST
def cancel_use(request: HttpRequest, use_id: int) -> HttpResponse:
    """Call an outside party off, with the reason."""
    user: Any = request.user
    use = get_object_or_404(BaseUse.objects.filter(base__in=queries.run_by(user)), pk=use_id)
    form = ReasonForm(request.POST)
    if form.is_valid():
        actions.cancel_outside_use(use=use, by=user, reason=form.cleaned_data["reason"])
        messages.success(request, f"取消了“{use.source}”。位置已经让出来。")
    else:
        messages.error(request, "没有取消。请写明原因。")
    return redirect("bases:base", base_id=use.base_id)


@allow(is_centre_staff)
@require_POST
def retire(request: HttpRequest, base_id: int) -> HttpResponse:
    """End a base, with the reason."""
    user: Any = request.user
    base = get_object_or_404(queries.visible_to(user, PracticeBase), pk=base_id)
    actions.retire_base(base=base, reason=request.POST.get("reason", "")[:500], by=user)
    messages.success(request, f"{base}停办。不再编排新的班，原有资料都在。")
    return redirect("bases:base", base_id=base.pk)


@allow(is_centre_staff)
@require_POST
def restore(request: HttpRequest, base_id: int) -> HttpResponse:
    """Take a retired base back."""
    user: Any = request.user
    base = get_object_or_404(queries.visible_to(user, PracticeBase), pk=base_id)
    actions.restore_base(base=base, by=user)
    messages.success(request, f"{base}恢复。编排可以再用。")
    return redirect("bases:base", base_id=base.pk)


# Households


@allow(may_see_bases)
@require_GET
def households(request: HttpRequest) -> HttpResponse:
    """Households that one may see, by state."""
    user: Any = request.user
    form = HouseholdFilter(request.GET)
    found = queries.visible_to(user, HostHousehold)
    if form.is_valid():
        if words := form.cleaned_data["q"]:
            found = found.filter(Q(head__icontains=words) | Q(base__village__name__icontains=words))
        if state := form.cleaned_data["state"]:
            found = found.filter(state=state)
    ordered = queries.households_with_beds(found).order_by("base__village__township__name", "base__village__name", "pk")
    page = Paginator(ordered, PAGE_ROWS).get_page(request.GET.get("page"))
    context = {
        "page": page, "form": form, "is_centre": is_centre_staff.test(user),
        "filtered": any(request.GET.get(name) for name in form.fields),
    }  # fmt: skip
    return render(request, "bases/households.html", context)


COURSE = (
    ("applied", "申请"),
    ("reviewed", "村党组织研判"),
    ("notice", "公示"),
    ("admitted", "纳管"),
)


@allow(may_see_bases)
@require_GET
def household_page(request: HttpRequest, household_id: int) -> HttpResponse:
    """One household: where it stands, its rooms, and the acts that are possible now."""
    user: Any = request.user
    household = get_object_or_404(
        queries.visible_to(user, HostHousehold)
        .select_related("base__village__township")
        .prefetch_related("rooms__beds"),
        pk=household_id,
    )
    judges = may_judge_households.test(user) and queries.judged_by(user).filter(pk=household.pk).exists()
    acts = [(act, states.HOUSEHOLD[act]) for act in states.possible_acts(household)] if judges else []
    closures = Closure.objects.filter(
        Q(household=household) | Q(room__household=household), live=True, days__endswith__gt=timezone.localdate()
    )
    context = {
        "household": household, "rooms": told_rooms(household), "acts": acts, "course": COURSE,
        "reached": states.steps_done(household),
        "under_way": household.state in (HostHousehold.State.APPLIED, HostHousehold.State.NOTICE),
        "closures": closures.select_related("household", "room__household").order_by("days"),
        "is_centre": is_centre_staff.test(user), "today": timezone.localdate(),
    }  # fmt: skip
    return render(request, "bases/household.html", context)


@allow(may_judge_households)
@require_http_methods(["GET", "POST"])
def household_act(request: HttpRequest, household_id: int, household_act: str) -> HttpResponse:
    """The small form of one act on a household, and the act itself."""
    user: Any = request.user
    household = get_object_or_404(queries.judged_by(user).select_related("base__village"), pk=household_id)
    if household_act not in states.HOUSEHOLD:
        raise Http404
    transition = states.HOUSEHOLD[household_act]
    form = household_form(household_act, request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        try:
            ACTS[household_act](household=household, by=user, **form.cleaned_data)
        except DomainError as error:
            _refused(form, error)
        else:
            messages.success(request, f"{household}：{transition.label}。{AFTERWARDS[household_act]}")
            return redirect("bases:household", household_id=household.pk)
    return _form_page(
        request, form, base=household.base, household=household, title=f"{household}：{transition.label}",
        button=transition.label, keep="不办了", hint=AFTERWARDS[household_act],
        danger=household_act in ("reject", "withdraw", "suspend"),
    )  # fmt: skip


ACTS: dict[str, Callable[..., HostHousehold]] = {
    "review": actions.review_household,
    "reject": actions.reject_household,
    "open_notice": actions.open_notice,
    "cancel_notice": actions.cancel_notice,
    "raise_objection": actions.raise_objection,
    "settle_objection": actions.settle_objection,
    "admit": actions.admit_household,
    "suspend": actions.suspend_household,
    "resume": actions.resume_household,
    "withdraw": actions.withdraw_household,
    "reapply": actions.reapply_household,
}
AFTERWARDS = {
    "review": "研判同意后，下一步公示。",
    "reject": "不纳入的农户以后可以重新申请。",
    "open_notice": "公示期满没有异议，就可以纳管。",
    "cancel_notice": "撤下后回到申请，可以重新公示。",
    "raise_objection": "异议没有了结前不能纳管。",
    "settle_objection": "不成立的，公示继续有效；成立的，退回重新研判。",
    "admit": "从现在起，这户的床位可以编排。",
    "suspend": "暂停期间不再安排人住；已经安排的由服务中心改到别户。",
    "resume": "从现在起，这户的床位可以编排。",
    "withdraw": "退出后不再安排人住，原有记录都在，以后可以重新申请。",
    "reapply": "重新走研判、公示、纳管。",
}


# Rates


@allow(may_see_rates)
@require_GET
def rates(request: HttpRequest) -> HttpResponse:
    """What people pay, where and since when, with what each amount means and whether it is confirmed."""
    user: Any = request.user
    today = timezone.localdate()
    found = queries.visible_to(user, Rate).select_related("township", "confirmed_by")
    page = Paginator(found.order_by("township__name", "-days", "pk"), PAGE_ROWS).get_page(request.GET.get("page"))
    may_set = may_set_rates.test(user)
    context = {
        "page": page, "today": today, "may_set": may_set,
        "missing": queries.unconfirmed_rates(today, today + datetime.timedelta(days=RATES_AHEAD)) if may_set else [],
        "ahead": today + datetime.timedelta(days=RATES_AHEAD),
    }  # fmt: skip
    return render(request, "bases/rates.html", context)


@allow(may_set_rates)
@require_http_methods(["GET", "POST"])
def set_rate(request: HttpRequest) -> HttpResponse:
    """Enter the amounts that hold from a day on."""
    user: Any = request.user
    form = RateForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        try:
            rate = actions.set_rate(by=user, **form.cleaned_data)
        except DomainError as error:
            _refused(form, error)
        else:
            messages.success(request, f"填好了{rate}。核对以后请点“确认”，确认了才能发布方案。")
            return redirect("bases:rates")
    return _form_page(
        request, form, title="填食宿标准", button="填入这个标准", keep="不填了",
        hint="学员按人按餐、按夜付给农户。填好以后还要确认，确认了方案才能发布。",
    )  # fmt: skip


@allow(may_set_rates)
@require_POST
def confirm_rate(request: HttpRequest, rate_id: int) -> HttpResponse:
    """Confirm a rate."""
    user: Any = request.user
    rate = get_object_or_404(queries.visible_to(user, Rate), pk=rate_id)
    actions.confirm_rate(rate=rate, by=user)
    messages.success(request, f"确认了{rate}。从 {rate.days.lower} 起按它结算。")
    return redirect("bases:rates")


@allow(may_set_rates)
@require_POST
def unconfirm_rate(request: HttpRequest, rate_id: int) -> HttpResponse:
    """Take a confirmation back, with the reason."""
    user: Any = request.user
    rate = get_object_or_404(queries.visible_to(user, Rate), pk=rate_id)
    actions.unconfirm_rate(rate=rate, reason=request.POST.get("reason", "")[:500], by=user)
    messages.success(request, f"撤回了{rate}的确认。改好金额以后请重新确认。")
    return redirect("bases:rates")


# The import of an empty county


@allow(is_centre_staff)
@require_http_methods(["GET", "POST"])
def import_page(request: HttpRequest) -> HttpResponse:
    """Upload the filled-in table: everything is written, or nothing and every cell to mend is named."""
    user: Any = request.user
    form = ImportForm(request.POST or None, request.FILES or None)
    findings: list[imports.Finding] = []
    if request.method == "POST" and form.is_valid():
        upload = form.cleaned_data["file"]
        try:
            told = imports.import_bases(content=upload.read(MAX_FILE_BYTES + 1), name=upload.name, by=user)
        except imports.TableRefused as error:
            findings = error.findings
            _refused(form, error)
        except DomainError as error:
            _refused(form, error)
        else:
            messages.success(request, f"{told.sentence()}接着请核对食宿标准，添加乡镇联络员和基地管理员。")
            return redirect("bases:overview")
    context = {"form": form, "findings": findings[:200], "number_of_findings": len(findings)}
    return render(request, "bases/import.html", context)


@allow(is_centre_staff)
@require_GET
def import_template(request: HttpRequest) -> FileResponse:
    """The empty table with one example row on each sheet."""
    townships = Unit.objects.filter(kind=Unit.Kind.TOWNSHIP, active=True)
    content = imports.template_workbook([unit.name for unit in townships])
    return FileResponse(content, as_attachment=True, filename="基地和农户床位.xlsx")
