"""The monitor's page about a gathering, and the few things entered there: who was not there, and that it is over."""

import uuid
from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import FileResponse, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST

from accounts.access import allow
from activities import queries, rules
from activities.actions import confirm_with_sheet
from activities.actions.photos import MAX_BYTES
from activities.forms import AbsenceForm, ConfirmForm, CorrectionForm, MakeUpForm, ReasonForm
from activities.owing import owing_of_classes
from activities.views.forms_and_errors import refused
from batches.actions.attendance import (
    correct_presence,
    decide_leave,
    enter_absence,
    hold_gathering,
    join_makeup,
    take_back_holding,
    void_absence,
    void_makeup,
)
from batches.models import Absence, Enrollment, Gathering, MakeUp
from batches.presence import presence_of_gathering, sites_of
from batches.queries import belonging, visible_gatherings
from batches.rules import may_arrange_makeup, may_correct_presence, may_decide_leave, may_keep_attendance
from config.errors import DomainError
from office.addresses import number_in
from office.files import download

KIND_ICONS = {
    "party": "flag", "office": "building-community", "survey": "map-search", "policy": "speakerphone",
    "deed": "heart-handshake", "farm": "plant-2", "other": "dots",
}  # fmt: skip


def page_of(gathering: Gathering) -> str:
    return f"{reverse('activities:gathering', args=[gathering.practice_class_id])}?gathering={gathering.pk}"


@allow(rules.is_class_monitor)
def now(request: HttpRequest) -> HttpResponse:
    """The monitor's tab: the page of the class at hand."""
    practice_class = queries.monitored_classes(request.user).first()  # type: ignore[arg-type] # signed in
    if practice_class is None:
        return render(request, "activities/no_class.html", {"tab": "gathering"})
    return redirect("activities:gathering", class_id=practice_class.pk)


@allow(rules.may_follow_attendance)
def gathering(request: HttpRequest, class_id: int) -> HttpResponse:
    """One gathering on one page: who is not there, the five ones, the records; filing docked below."""
    user: Any = request.user
    practice_class = get_object_or_404(queries.followed_classes(user), pk=class_id)
    wanted = request.GET.get("gathering", "")
    if wanted:
        chosen: Gathering | None = get_object_or_404(
            queries.followed_gatherings(user).filter(practice_class=practice_class), pk=number_in(wanted)
        )
    else:
        chosen = queries.gathering_at_hand(practice_class)
    context: dict[str, Any] = {"practice_class": practice_class, "gathering": chosen, "tab": "gathering"}
    if chosen is not None:
        context |= _attendance(chosen, user)
    context |= {
        "owing": owing_of_classes([practice_class])[practice_class.pk],
        "icons": KIND_ICONS,
        "records": queries.visible_records(user).filter(practice_class=practice_class),
        "reports": queries.visible_reports(user).filter(practice_class=practice_class),
        "may_file": queries.fileable_classes(user).filter(pk=practice_class.pk).exists(),
        "others": practice_class.gatherings.order_by("first_day", "pk"),
    }
    context["records"] = Paginator(context["records"], 20).get_page(request.GET.get("page"))
    return render(request, "activities/gathering.html", context)


def _attendance(chosen: Gathering, user: Any) -> dict[str, Any]:
    rows = presence_of_gathering(chosen)
    today = timezone.localdate()
    open_states = (Gathering.State.PLANNED, Gathering.State.HELD)
    keeps = may_keep_attendance.test(user, chosen)
    number, total = queries.gathering_number(chosen)
    missing = sum(row.days < len(row.expected) for row in rows)
    return {
        "rows": rows, "number": number, "total": total, "missing": missing, "there": len(rows) - missing,
        "sites": sites_of(chosen),
        "absences": queries.visible_absences(user)
        .filter(gathering=chosen)
        .exclude(state=Absence.State.VOID)
        .order_by("enrollment__cadre__sort_name", "first_day", "pk"),
        "makeups": chosen.makeups.filter(live=True).select_related("enrollment__cadre__unit"),
        "may_enter": keeps and chosen.state in open_states,
        "may_hold": keeps and chosen.state == Gathering.State.PLANNED and chosen.first_day <= today,
        "may_take_back": keeps and chosen.state == Gathering.State.HELD,
        "may_confirm": keeps and chosen.state in open_states and chosen.last_day <= today,
        "may_decide": may_decide_leave.test(user, chosen) and chosen.state in open_states,
        "may_correct": may_correct_presence.test(user, chosen) and chosen.state == Gathering.State.CONFIRMED,
        "may_make_up": may_arrange_makeup.test(user, chosen) and chosen.state in open_states,
    }  # fmt: skip


@allow(may_keep_attendance)
def absence_new(request: HttpRequest, gathering_id: int) -> HttpResponse:
    """Enter leave, lateness or an early departure of somebody of the class."""
    user: Any = request.user
    chosen = get_object_or_404(queries.followed_gatherings(user), pk=gathering_id)
    return _absence_page(request, chosen, own=None)


@allow(rules.is_enrolled)
def leave(request: HttpRequest, gathering_id: int) -> HttpResponse:
    """A cadre asks for leave for herself."""
    user: Any = request.user
    chosen = get_object_or_404(visible_gatherings(user), pk=gathering_id)
    own = get_object_or_404(Enrollment.objects.filter(cadre__user=user, live=True), batch=chosen.practice_class.batch)
    return _absence_page(request, chosen, own=own)


def _absence_page(request: HttpRequest, chosen: Gathering, own: Enrollment | None) -> HttpResponse:
    user: Any = request.user
    people = [row for row in presence_of_gathering(chosen) if own is None or row.enrollment == own]
    options: dict[str, Any] = {"gathering": chosen, "people": people, "own": own is not None}
    form, status = AbsenceForm(request.POST or None, **options), 200
    if request.method == "POST" and form.is_valid():
        try:
            enter_absence(by=user, gathering=chosen, **form.cleaned_data)
        except DomainError as error:
            status = refused(form, error)
        else:
            asked = "已报给班主任，批没批会写在首页。" if own else "在村人数已跟着减。"
            messages.success(request, f"已登记{form.cleaned_data['enrollment']}缺勤。{asked}")
            return redirect("activities:me") if own else redirect(page_of(chosen))
    elif request.method != "POST":
        today = min(max(timezone.localdate(), chosen.first_day), chosen.last_day)
        form = AbsenceForm(
            initial={
                "client_id": uuid.uuid4(), "kind": Absence.Kind.LEAVE, "first_day": today.isoformat(),
                "last_day": today.isoformat(), "enrollment": own.pk if own else None,
            },
            **options,
        )  # fmt: skip
    back = reverse("activities:me") if own else page_of(chosen)
    context = {"form": form, "gathering": chosen, "own": own, "back": back, "tab": "me" if own else "gathering"}
    return render(request, "activities/absence_form.html", context, status=status)


@allow(may_decide_leave)
@require_POST
def absence_decide(request: HttpRequest, absence_id: int) -> HttpResponse:
    user: Any = request.user
    absence = get_object_or_404(queries.visible_absences(user), pk=absence_id)
    approve = request.POST.get("decision") == "approve"
    decide_leave(by=user, absence=absence, approve=approve, reason=request.POST.get("reason", ""))
    if approve:
        messages.success(request, f"已准{absence.enrollment}的{absence.get_kind_display()}。")
    else:
        messages.success(request, f"没有准{absence.enrollment}的{absence.get_kind_display()}。在村天数按到场计。")
    return redirect(page_of(absence.gathering))


@allow(rules.may_void_absences)
@require_POST
def absence_void(request: HttpRequest, absence_id: int) -> HttpResponse:
    user: Any = request.user
    absence = get_object_or_404(queries.visible_absences(user), pk=absence_id)
    void_absence(by=user, absence=absence, reason=request.POST.get("reason", ""))
    messages.success(request, f"已作废{absence.enrollment} {absence.first_day:%m-%d} 的登记。在村天数已跟着改。")
    if not may_keep_attendance.test(user, absence.gathering):
        return redirect("activities:me")
    return redirect(page_of(absence.gathering))


@allow(may_keep_attendance)
@require_POST
def hold(request: HttpRequest, gathering_id: int) -> HttpResponse:
    user: Any = request.user
    chosen = get_object_or_404(queries.followed_gatherings(user), pk=gathering_id)
    hold_gathering(by=user, gathering=chosen)
    messages.success(request, "已登记到村。从今天起算在村天数，没来的人登记一下就行。")
    return redirect(page_of(chosen))


@allow(may_keep_attendance)
@require_POST
def take_back(request: HttpRequest, gathering_id: int) -> HttpResponse:
    user: Any = request.user
    chosen = get_object_or_404(queries.followed_gatherings(user), pk=gathering_id)
    take_back_holding(by=user, gathering=chosen, reason=request.POST.get("reason", ""))
    messages.success(request, "已撤回到村登记。这次集中不算在村天数。")
    return redirect(page_of(chosen))


@allow(may_keep_attendance)
def confirm(request: HttpRequest, gathering_id: int) -> HttpResponse:
    """Everybody's days once more, then they are frozen."""
    user: Any = request.user
    chosen = get_object_or_404(queries.followed_gatherings(user), pk=gathering_id)
    form, status = ConfirmForm(request.POST or None, request.FILES or None), 200
    if request.method == "POST" and form.is_valid():
        try:
            upload = form.cleaned_data["signed_sheet"]
            confirm_with_sheet(by=user, gathering=chosen, scan=upload.read(MAX_BYTES + 1) if upload else None)
        except DomainError as error:
            status = refused(form, error)
        else:
            messages.success(request, f"已确认{chosen}。名单已定，要改请班主任更正。")
            return redirect(page_of(chosen))
    rows = presence_of_gathering(chosen)
    context = {
        "form": form, "gathering": chosen, "rows": rows, "person_days": sum(row.days for row in rows),
        "back": page_of(chosen), "tab": "gathering",
    }  # fmt: skip
    return render(request, "activities/confirm_gathering.html", context, status=status)


@allow(rules.may_follow_attendance)
def sheet(request: HttpRequest, gathering_id: int) -> FileResponse:
    """The scan of the signed sheet, as a download."""
    chosen = get_object_or_404(
        queries.followed_gatherings(request.user).filter(signed_sheet__isnull=False),  # type: ignore[arg-type] # signed in
        pk=gathering_id,
    )
    return download(chosen.signed_sheet)  # type: ignore[arg-type] # filtered above


@allow(may_correct_presence)
def correct(request: HttpRequest, gathering_id: int) -> HttpResponse:
    """Put days and nights of a confirmed gathering right."""
    user: Any = request.user
    chosen = get_object_or_404(queries.followed_gatherings(user), pk=gathering_id)
    form, status = CorrectionForm(request.POST or None, gathering=chosen), 200
    if request.method == "POST" and form.is_valid():
        try:
            correct_presence(by=user, gathering=chosen, **form.cleaned_data)
        except DomainError as error:
            status = refused(form, error)
        else:
            days = form.cleaned_data["days"]
            messages.success(request, f"已更正{form.cleaned_data['enrollment']}为在村 {days} 天。原来的留在记录里。")
            return redirect(page_of(chosen))
    history = chosen.presences.filter(corrects__isnull=False).select_related(
        "enrollment__cadre", "entered_by", "corrects"
    )
    context = {"form": form, "gathering": chosen, "history": history.order_by("-pk"), "back": page_of(chosen)}
    return render(request, "activities/correct_presence.html", context, status=status)


@allow(may_arrange_makeup)
def makeup(request: HttpRequest, gathering_id: int) -> HttpResponse:
    """Somebody of another class of the batch joins this gathering."""
    user: Any = request.user
    chosen = get_object_or_404(queries.followed_gatherings(user), pk=gathering_id)
    here = {row.enrollment.pk for row in presence_of_gathering(chosen)}
    people = Enrollment.objects.filter(belonging(chosen.first_day), batch=chosen.practice_class.batch)
    form = MakeUpForm(request.POST or None, people=people.exclude(pk__in=here))
    status = 200
    if request.method == "POST" and form.is_valid():
        try:
            join_makeup(by=user, gathering=chosen, **form.cleaned_data)
        except DomainError as error:
            status = refused(form, error)
        else:
            messages.success(request, f"已安排{form.cleaned_data['enrollment']}随{chosen}补。本人首页能看到。")
            return redirect(page_of(chosen))
    context = {"form": form, "gathering": chosen, "back": page_of(chosen)}
    return render(request, "activities/makeup_form.html", context, status=status)


@allow(may_arrange_makeup)
@require_POST
def makeup_void(request: HttpRequest, makeup_id: int) -> HttpResponse:
    user: Any = request.user
    row = get_object_or_404(
        MakeUp.objects.filter(gathering__in=queries.followed_gatherings(user).values("pk")).select_related(
            "gathering__practice_class__batch", "enrollment__cadre"
        ),
        pk=makeup_id,
    )
    form = ReasonForm(request.POST)
    void_makeup(by=user, makeup=row, reason=form["reason"].value() or "")
    messages.success(request, f"已撤回{row.enrollment}的补课。床位和名额已让出。")
    return redirect(page_of(row.gathering))
