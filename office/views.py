"""Pages of the office: jobs, notices, the working-day calendar, and what is switched off by design."""

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import FileResponse, Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_GET, require_POST

from accounts.access import allow, signed_in, user_of
from office import actions, queries
from office.calendar import seed_calendar
from office.files import download
from office.forms import SeedCalendarForm
from office.jobs import cancel_job
from office.rules import may_edit_calendar, may_see_all_jobs

PAGE = 20


@signed_in
@require_GET
def jobs(request: HttpRequest) -> HttpResponse:
    """One's own jobs, newest first; the centre's staff see everybody's."""
    user = user_of(request)
    page = Paginator(queries.visible_jobs(user), PAGE).get_page(request.GET.get("page"))
    return render(request, "office/jobs.html", {"page": page, "all_people": may_see_all_jobs.test(user)})


@signed_in
@require_GET
def job(request: HttpRequest, pk: str) -> HttpResponse:
    """A job, live while it waits or runs."""
    return render(request, "office/job.html", {"job": get_object_or_404(queries.visible_jobs(user_of(request)), pk=pk)})


@signed_in
@require_GET
def job_state(request: HttpRequest, pk: str) -> HttpResponse:
    """The part of a job's page that polls (htmx): stops by itself once the job has ended."""
    found = get_object_or_404(queries.visible_jobs(user_of(request)), pk=pk)
    return render(request, "office/job_state.html", {"job": found})


@signed_in
@require_POST
def cancel(request: HttpRequest, pk: str) -> HttpResponse:
    found = get_object_or_404(queries.visible_jobs(user_of(request)), pk=pk)
    cancel_job(job=found, by=user_of(request))
    messages.success(request, f"正在停止“{found.title}”。停下之前做的都不会写入。")
    return redirect("office:job", found.pk)


@signed_in
@require_GET
def job_file(request: HttpRequest, pk: str) -> FileResponse:
    """The file a job made: for its owner and the centre's staff; 404 for others and after its time."""
    found = get_object_or_404(queries.visible_jobs(user_of(request)), pk=pk, result_file__isnull=False)
    stored = found.result_file
    if stored is None or not stored.content:
        raise Http404
    return download(stored)


@signed_in
@require_GET
def notices(request: HttpRequest) -> HttpResponse:
    """The person's box."""
    user = user_of(request)
    page = Paginator(queries.notices_of(user), PAGE).get_page(request.GET.get("page"))
    return render(request, "office/notices.html", {"page": page, "unread": queries.unread_notices(user)})


@signed_in
@require_POST
def read_notice(request: HttpRequest, pk: int) -> HttpResponse:
    """Mark one as read and go where it points."""
    notice = get_object_or_404(queries.notices_of(user_of(request)), pk=pk)
    actions.mark_notice_read(notice=notice)
    inside = bool(notice.url) and url_has_allowed_host_and_scheme(notice.url, allowed_hosts=None)
    return redirect(notice.url if inside else "office:notices")


@signed_in
@require_POST
def read_all_notices(request: HttpRequest) -> HttpResponse:
    done = actions.mark_all_notices_read(user=user_of(request))
    messages.success(request, f"{done}条通知都标为已读。" if done else "没有未读的通知。")
    return redirect("office:notices")


@allow(may_edit_calendar)
@require_POST
def seed_calendar_year(request: HttpRequest) -> HttpResponse:
    """Enter a year's published days off; days entered by hand stay."""
    form = SeedCalendarForm(request.POST)
    if not form.is_valid():
        messages.error(request, "没有登记：年份要写四位数字，从2025年起。")
        return redirect("admin:office_calendarday_changelist")
    year = form.cleaned_data["year"]
    seeded = seed_calendar(year, by=user_of(request))
    messages.success(request, f"{year}年的放假和调休已登记{seeded.added}天。原来登记的{seeded.kept}天没有改动。")
    return redirect("admin:office_calendarday_changelist")


@signed_in
@require_GET
def burdens(request: HttpRequest) -> HttpResponse:
    """减负自查: what the system does not do, by design (国办函〔2026〕12号), to be printed and filed."""
    return render(request, "office/burdens.html", {"today": timezone.localdate()})
