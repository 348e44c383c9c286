"""What those see who accompany a class: its progress, the papers waiting, and the matrix of the five ones."""

from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST

from accounts.access import allow
from activities import queries, rules, states
from activities.actions import accept_paper, archive_batch, return_paper
from activities.forms import ReasonForm
from activities.models import ActivityRecord, Reflection, ResearchReport
from activities.owing import owing_of_classes, owing_of_enrollments
from activities.views.forms_and_errors import refused
from activities.views.gatherings import KIND_ICONS
from batches.models import Batch, Enrollment, PracticeClass
from batches.presence import village_days
from batches.queries import visible_batches
from batches.roll import Roll, day_words, roll_of
from config.errors import DomainError
from office.addresses import number_in


@allow(rules.may_follow_progress)
def classes(request: HttpRequest) -> HttpResponse:
    """Classes one accompanies and the papers waiting for one."""
    user: Any = request.user
    page = Paginator(queries.followed_classes(user), 20).get_page(request.GET.get("page"))
    owing = owing_of_classes(page.object_list)
    rows = [(practice_class, owing[practice_class.pk]) for practice_class in page.object_list]
    context = {
        "page": page, "rows": rows, "waiting": _with_urls(queries.waiting_for_review(user)),
        "start": page.start_index(),
    }  # fmt: skip
    return render(request, "activities/classes.html", context)


def _with_urls(papers: list[Any]) -> list[tuple[Any, str]]:
    return [(paper, queries.review_url(paper)) for paper in papers]


@allow(rules.may_follow_progress)
def class_page(request: HttpRequest, class_id: int) -> HttpResponse:
    """One class: five ones, what every member still owes, who has left among them, its papers by state."""
    user: Any = request.user
    practice_class = get_object_or_404(queries.followed_classes(user), pk=class_id)
    members = list(
        Enrollment.objects.filter(memberships__practice_class=practice_class, memberships__live=True)
        .select_related("cadre__unit", "batch")
        .order_by("cadre__sort_name", "pk")
        .distinct()
    )
    days, owed = village_days(members), owing_of_enrollments(members)
    roll = roll_of(practice_class.batch)
    notes = _notes(practice_class, roll)
    people = [(member, notes.get(member.pk, "已不在班"), days[member.pk], owed[member.pk]) for member in members]
    reflections = queries.visible_reflections(user).filter(
        enrollment__memberships__practice_class=practice_class, enrollment__memberships__live=True
    )
    papers: list[Any] = [
        *queries.visible_records(user).filter(practice_class=practice_class),
        *queries.visible_reports(user).filter(practice_class=practice_class),
        *reflections.distinct(),
    ]
    page = Paginator(papers, 20).get_page(request.GET.get("page"))
    context = {
        "practice_class": practice_class, "owing": owing_of_classes([practice_class])[practice_class.pk],
        "people": people, "since": roll.since, "size": len(roll.of(practice_class)), "page": page, "start": page.start_index(),
        "papers": [(paper, queries.paper_url(paper), queries.review_url(paper)) for paper in page.object_list],
        "icons": KIND_ICONS, "gatherings": practice_class.gatherings.order_by("first_day", "pk"),
        "reviewer": rules.may_review_somewhere.test(user),
    }  # fmt: skip
    return render(request, "activities/class.html", context)


def _notes(practice_class: PracticeClass, roll: Roll) -> dict[int, str]:
    """Beside the names of who is in the class, is in it until the day of the list, or comes to it."""
    told: dict[int, list[str]] = {row.enrollment_id: [] for row in roll.of(practice_class)}
    elsewhere = {row.enrollment_id: row.practice_class for row in roll.seats if row.enrollment_id not in told}
    ending = practice_class.memberships.filter(live=True, days__contains=timezone.localdate())
    for row in ending.exclude(enrollment__in=list(told)):
        if row.days.upper is not None and row.days.upper <= roll.day:
            after = elsewhere.get(row.enrollment_id)
            where = f"到{after.short_name}" if after is not None else "退出"
            told[row.enrollment_id] = [f"{day_words(row.days.upper)}起{where}"]
    for change in roll.later:
        if change.before == practice_class:
            told.setdefault(change.enrollment.pk, []).append(change.said_of_leaving)
        elif change.after == practice_class:
            told.setdefault(change.enrollment.pk, []).append(change.said_of_coming)
    return {pk: "，".join(rows) for pk, rows in told.items()}


@allow(rules.may_review_somewhere)
def review_record(request: HttpRequest, record_id: int) -> HttpResponse:
    """Read a record and accept or return it."""
    return _review(request, ActivityRecord, record_id)


@allow(rules.may_review_somewhere)
def review_reflection(request: HttpRequest, reflection_id: int) -> HttpResponse:
    return _review(request, Reflection, reflection_id)


@allow(rules.may_review_somewhere)
def review_report(request: HttpRequest, report_id: int) -> HttpResponse:
    return _review(request, ResearchReport, report_id)


def _review(request: HttpRequest, model: Any, pk: int) -> HttpResponse:
    user: Any = request.user
    paper: Any = get_object_or_404(queries.visible_papers(user, model), pk=pk)
    form, status = ReasonForm(), 200
    if request.method == "POST":
        expected = number_in(request.POST.get("version", ""))
        form = ReasonForm(request.POST)
        returning = request.POST.get("decision") == "return"
        if not returning or form.is_valid():
            try:
                if returning:
                    reason = form.cleaned_data["reason"]
                    return_paper(by=user, paper=paper, reason=reason, expected_version=expected)
                    messages.success(request, f"已退回“{paper.title}”。填写的人首页会看到原因。")
                else:
                    accept_paper(by=user, paper=paper, expected_version=expected)
                    messages.success(request, f"已审核“{paper.title}”。已计入进度。")
            except DomainError as error:
                paper = get_object_or_404(queries.visible_papers(user, model), pk=pk)
                form = ReasonForm(request.POST if returning else None)
                status = refused(form, error)
            else:
                waiting = queries.waiting_for_review(user)
                return redirect(queries.review_url(waiting[0])) if waiting else redirect(queries.paper_url(paper))
    return render(request, "activities/review.html", _review_context(user, paper, form), status=status)


def _review_context(user: Any, paper: Any, form: ReasonForm) -> dict[str, Any]:
    is_record = isinstance(paper, ActivityRecord)
    may = rules.may_review.test(user, paper)
    return {
        "paper": paper, "form": form, "versions": paper.versions.select_related("by").order_by("pk"),
        "people": paper.participants.select_related("cadre__unit").order_by("cadre__sort_name", "pk") if is_record else (),
        "photos": paper.attachments.select_related("file").order_by("pk") if is_record else (),
        "practice_class": rules.class_of(paper), "is_record": is_record,
        "may_accept": may and states.allowed(paper, "accept"), "may_return": may and states.allowed(paper, "return"),
    }  # fmt: skip


@allow(rules.may_follow_progress)
def five_ones(request: HttpRequest, batch_id: int) -> HttpResponse:
    """Class × kind of the five ones, by class number: date done, under way, or not arranged. No totals by unit or person."""
    user: Any = request.user
    batch = get_object_or_404(visible_batches(user), pk=batch_id)
    listed = list(queries.followed_classes(user).filter(batch=batch).order_by("number"))
    owing = owing_of_classes(listed)
    rows = [(practice_class, owing[practice_class.pk]) for practice_class in listed]
    waiting = 0
    if batch.state == Batch.State.CLOSED and rules.may_archive.test(user):
        waiting = sum(papers.count() for papers in queries.to_archive(batch))
    context = {"batch": batch, "rows": rows, "kinds": rows[0][1].kinds if rows else [], "waiting": waiting}
    return render(request, "activities/five_ones.html", context)


@require_POST
@allow(rules.may_archive)
def archive(request: HttpRequest, batch_id: int) -> HttpResponse:
    """Archive the accepted papers of a closed batch."""
    user: Any = request.user
    batch = get_object_or_404(visible_batches(user), pk=batch_id)
    archived = archive_batch(by=user, batch=batch)
    messages.success(request, f"已归档{batch}的 {archived} 份材料。重新打开这一期后可以取消归档。")
    return redirect("activities:five_ones", batch.pk)
