"""The cadre's own pages: where to be next, what is still owed, the reflection."""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone

from accounts.access import allow, signed_in
from activities import queries, rules, states
from activities.actions import file_reflection
from activities.forms import PaperForm
from activities.models import PaperState, Reflection
from activities.views.forms_and_errors import refused
from activities.views.records import last_reason, paper_page
from batches.models import Absence, Enrollment
from batches.presence import count_days, sites_of
from config.errors import DomainError


@allow(rules.is_enrolled)
def me(request: HttpRequest) -> HttpResponse:
    """When and where next, with whom, at which household, what it costs; what is owed and the date that cures it."""
    user: Any = request.user
    enrollment = queries.own_enrollment(user)
    if enrollment is None:
        return render(request, "activities/no_class.html", {"tab": "me"})
    today = timezone.localdate()
    course = queries.my_course(enrollment, today)
    schedule = [
        {
            "visit": visit, "villages": [site.base.village for site in sites_of(visit.gathering)],
            "done": visit.done(today), "coming": len(visit.coming_dates(today)), "next": visit is course.next_visit,
        }
        for visit in course.visits
    ]  # fmt: skip
    context = {
        "course": course, "enrollment": enrollment, "schedule": schedule, "days": count_days(course.visits, today),
        "sites": sites_of(course.next_visit.gathering) if course.next_visit else (), "today": today, "tab": "me",
        "absences": enrollment.absences.exclude(state=Absence.State.VOID)
        .select_related("gathering__practice_class")
        .order_by("-first_day", "-pk"),
        "draft": course.reflection if course.reflection and course.reflection.state in states.EDITABLE else None,
    }  # fmt: skip
    return render(request, "activities/me.html", context)


@allow(rules.is_enrolled)
def reflection(request: HttpRequest) -> HttpResponse:
    """The reflection at hand: the one being written, else the last one handed in, else a new one."""
    user: Any = request.user
    enrollment = queries.own_enrollment(user)
    if enrollment is None:
        return render(request, "activities/no_class.html", {"tab": "reflection"})
    if request.method == "POST":
        return _file(request, PaperForm(request.POST), enrollment, None)
    found = enrollment.reflections.exclude(state=PaperState.VOID).order_by("-pk")
    at_hand = found.filter(state__in=states.EDITABLE).first() or found.first()
    if at_hand is not None and not request.GET.get("new"):
        return redirect("activities:reflection_edit", reflection_id=at_hand.pk)
    return _page(request, PaperForm(initial=PaperForm.blank()), enrollment, None)


@signed_in
def reflection_edit(request: HttpRequest, reflection_id: int) -> HttpResponse:
    """A reflection: its writer's form while it is a draft or returned, else as it was handed in."""
    user: Any = request.user
    row = get_object_or_404(queries.visible_reflections(user), pk=reflection_id)
    if row.state not in states.EDITABLE or not rules.may_write.test(user, row):
        return paper_page(request, row)
    if request.method == "POST":
        return _file(request, PaperForm(request.POST), row.enrollment, row)
    initial = {"client_id": row.client_id, "version": row.version, "title": row.title, "text": row.text}
    return _page(request, PaperForm(initial=initial), row.enrollment, row)


def _file(request: HttpRequest, form: PaperForm, enrollment: Enrollment, paper: Reflection | None) -> HttpResponse:
    user: Any = request.user
    if not form.is_valid():
        return _page(request, form, enrollment, paper)
    data = form.cleaned_data
    submit = request.POST.get("act") != "draft"
    try:
        receipt = file_reflection(
            by=user, enrollment=enrollment, client_id=data["client_id"], title=data["title"], text=data["text"],
            submit=submit, expected_version=data["version"],
        )  # fmt: skip
    except DomainError as error:
        return _page(request, form, enrollment, paper, status=refused(form, error))
    done = "已报送心得体会。批了或退回都会在首页告诉您" if submit else "已存草稿。还没有报送，写完再报"
    messages.success(request, f"{done}，回执 {receipt.sha256[:8]}。")
    return redirect("activities:reflection_edit", reflection_id=receipt.paper.pk)


def _page(
    request: HttpRequest, form: PaperForm, enrollment: Enrollment, paper: Reflection | None, status: int = 200
) -> HttpResponse:
    context = {
        "form": form, "paper": paper, "name": "心得体会", "where": f"{enrollment.batch}　{enrollment.cadre.name}",
        "tab": "reflection", "returned": last_reason(paper) if paper else "", "to": "班主任",
        "back": reverse("activities:me"), "draft_scope": f"reflection-{enrollment.pk}",
    }  # fmt: skip
    return render(request, "activities/paper_form.html", context, status=status)
