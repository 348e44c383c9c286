"""Home, the leader's dashboard with its drill-downs, and the buttons that ask for papers."""

from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from accounts.access import allow, signed_in, user_of
from accounts.models import User
from accounts.rules import is_centre_staff, is_leader
from activities.models import ActivityRecord
from bases.models import PracticeBase
from batches.models import Gathering, PracticeClass
from batches.queries import visible_batches, visible_classes, visible_gatherings
from evaluations.models import Result
from office.addresses import number_in
from office.models import Job
from reports import actions, charts, dashboard, home
from reports.rules import may_ask_for_notice, may_ask_for_papers, may_see_dashboard

PAGE = 20


def page_of(request: HttpRequest, rows: QuerySet[Any]) -> Any:
    return Paginator(rows, PAGE).get_page(request.GET.get("page"))


@require_GET
@signed_in
def home_page(request: HttpRequest) -> HttpResponse:
    """What waits for me; for the centre also how each batch stands and who goes where this week."""
    user = user_of(request)
    if is_leader.test(user) and not is_centre_staff.test(user):
        return redirect("reports:dashboard")
    today = timezone.localdate()
    todos = home.todos(user)
    context: dict[str, Any] = {
        "todos": todos, "outings": home.outings(user), "today": today, "week_end": today + home.WEEK,
        "due_today": sum(todo.due == today for todo in todos),
    }  # fmt: skip
    if not is_centre_staff.test(user):
        context |= {"people": home.people_of(user), "guests": home.guests_of(user)}
        return render(request, "reports/home.html", context)
    context |= {
        "doors": home.doors(),
        "stands": home.open_batches(),
        "jobs": home.recent_jobs(user),
    }
    return render(request, "reports/workbench.html", context)


@require_GET
@allow(may_see_dashboard)
def dashboard_page(request: HttpRequest, batch_id: int | None = None) -> HttpResponse:
    """Coverage, five ones by class, base load and results of one batch; every figure leads to its rows."""
    batches = visible_batches(user_of(request))
    batch = get_object_or_404(batches, pk=batch_id) if batch_id is not None else dashboard.current_batch()
    programme = dashboard.covering_programme()
    campaign = dashboard.latest_campaign()
    bases = dashboard.base_rows(batch) if batch else []
    grades = dashboard.grade_rows(campaign) if campaign else []
    context = {
        "batch": batch,
        "batches": batches[:5],
        "programme": programme,
        "coverage": dashboard.coverage_parts(programme) if programme else [],
        "story": dashboard.countdown() if programme else None,
        "classes": dashboard.five_ones(batch) if batch else [],
        "records": dashboard.records_of_batch(batch).count() if batch else 0,
        "bases": bases,
        "campaign": campaign,
        "grades": grades,
        "load_chart": charts.base_load_chart(batch, bases) if batch else None,
        "grade_chart": charts.grade_chart(campaign, grades) if campaign else None,
    }
    return render(request, "reports/dashboard.html", context)


@require_GET
@allow(may_see_dashboard)
def coverage_page(request: HttpRequest, part: str) -> HttpResponse:
    programme = dashboard.covering_programme()
    if part not in dashboard.COVERAGE_PARTS or programme is None:
        raise Http404
    rows = page_of(request, dashboard.coverage_rows(programme, part))
    label = dashboard.COVERAGE_PARTS[part]
    return render(request, "reports/coverage.html", {"rows": rows, "label": label, "programme": programme})


@require_GET
@allow(may_see_dashboard)
def records_page(request: HttpRequest, batch_id: int) -> HttpResponse:
    """A batch's records; `class` and `kind` in the address narrow them to what one figure counts."""
    batch = get_object_or_404(visible_batches(user_of(request)), pk=batch_id)
    rows, label = dashboard.records_of_batch(batch), "全部纪实"
    number, kind = request.GET.get("class", ""), request.GET.get("kind", "")
    if number or kind:
        if kind not in ActivityRecord.Kind:
            raise Http404
        practice_class = get_object_or_404(batch.classes, number=number_in(number))
        rows = dashboard.records_of(practice_class, kind)
        label = f"{practice_class.short_name}　{ActivityRecord.Kind(kind).label}　已审核"
    return render(request, "reports/records.html", {"batch": batch, "rows": page_of(request, rows), "label": label})


@require_GET
@allow(may_see_dashboard)
def base_load_page(request: HttpRequest, batch_id: int, base_id: int) -> HttpResponse:
    batch = get_object_or_404(visible_batches(user_of(request)), pk=batch_id)
    base = get_object_or_404(PracticeBase.objects.select_related("village__township"), pk=base_id)
    figures = next((row for row in dashboard.base_rows(batch) if row.base == base), None)
    rows = page_of(request, dashboard.visits_of_base(batch, base))
    return render(request, "reports/base_load.html", {"batch": batch, "base": base, "rows": rows, "figures": figures})


@require_GET
@allow(may_see_dashboard)
def results_page(request: HttpRequest, campaign_id: int, grade: str) -> HttpResponse:
    campaign = get_object_or_404(dashboard.campaigns_with_results(), pk=campaign_id)
    if grade not in Result.Grade:
        raise Http404
    rows = page_of(request, dashboard.results_with(campaign, grade))
    label = Result.Grade(grade).label
    return render(request, "reports/results.html", {"campaign": campaign, "rows": rows, "label": label})


def _asked(request: HttpRequest, job: Job) -> HttpResponse:
    messages.success(request, f"正在生成“{job.title}”。完成后在这里下载，也可以先离开。")
    return redirect("office:job", job.pk)


@require_POST
@allow(may_ask_for_papers)
def ask_roster(request: HttpRequest, class_id: int) -> HttpResponse:
    user = user_of(request)
    practice_class = get_object_or_404(visible_classes(user), pk=class_id)
    _own(user, practice_class)
    return _asked(request, actions.ask_for_roster(practice_class=practice_class, by=user))


@require_POST
@allow(may_ask_for_papers)
def ask_sign_in(request: HttpRequest, gathering_id: int) -> HttpResponse:
    gathering = _gathering(request, gathering_id)
    return _asked(request, actions.ask_for_sign_in_sheet(gathering=gathering, by=user_of(request)))


@require_POST
@allow(may_ask_for_papers)
def ask_lodging(request: HttpRequest, gathering_id: int) -> HttpResponse:
    gathering = _gathering(request, gathering_id)
    return _asked(request, actions.ask_for_lodging_table(gathering=gathering, by=user_of(request)))


@require_POST
@allow(may_ask_for_notice)
def ask_notice(request: HttpRequest, batch_id: int) -> HttpResponse:
    batch = get_object_or_404(visible_batches(user_of(request)), pk=batch_id)
    return _asked(request, actions.ask_for_notice(batch=batch, by=user_of(request)))


def _gathering(request: HttpRequest, gathering_id: int) -> Gathering:
    user = user_of(request)
    gathering: Gathering = get_object_or_404(visible_gatherings(user), pk=gathering_id)
    _own(user, gathering)
    return gathering


def _own(user: User, target: PracticeClass | Gathering) -> None:
    """Belonging to a class is not enough: its papers are for whoever runs it now."""
    if not may_ask_for_papers.test(user, target):
        raise Http404
