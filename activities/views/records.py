"""Filing a record or a report, looking at it, its photographs, and what its writer may do with it."""

import uuid
from typing import Any

from django.contrib import messages
from django.core.files.uploadedfile import UploadedFile
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_POST

from accounts.access import allow, signed_in
from activities import queries, rules, states
from activities.actions import (
    Receipt,
    attach_photo,
    file_record,
    file_report,
    remove_photo,
    restore_paper,
    void_paper,
    withdraw_paper,
)
from activities.actions.filing import present_on
from activities.actions.photos import MAX_BYTES
from activities.forms import PaperForm, RecordForm
from activities.models import ActivityRecord, PaperState, Reflection, ResearchReport
from activities.views.forms_and_errors import refused
from activities.views.gatherings import KIND_ICONS
from batches.models import Gathering, PracticeClass
from batches.presence import with_sites
from config.errors import DomainError
from office.files import read_file

MODELS: dict[str, Any] = {"record": ActivityRecord, "reflection": Reflection, "report": ResearchReport}
FIELDS = (
    "kind", "day", "gathering", "village", "title", "text", "people_reached", "households_helped", "cost", "participants"
)  # fmt: skip


def _gatherings(practice_class: PracticeClass) -> list[Gathering]:
    live = practice_class.gatherings.exclude(state=Gathering.State.CANCELLED)
    return list(with_sites(live.filter(first_day__lte=timezone.localdate()).order_by("first_day", "pk")))


@allow(rules.may_file_for_class)
def record_new(request: HttpRequest, class_id: int) -> HttpResponse:
    """File something: kind, place, day and people are filled in."""
    user: Any = request.user
    practice_class = get_object_or_404(queries.fileable_classes(user), pk=class_id)
    gatherings = _gatherings(practice_class)
    today = timezone.localdate()
    at_hand = next((g for g in reversed(gatherings) if str(g.pk) == request.GET.get("gathering")), None)
    at_hand = at_hand or (gatherings[-1] if gatherings else None)
    day = min(max(today, at_hand.first_day), at_hand.last_day) if at_hand else min(today, practice_class.batch.last_day)
    people = queries.people_of(practice_class, at_hand)
    options: dict[str, Any] = {"gatherings": gatherings, "people": people}
    if request.method == "POST":
        form = RecordForm(request.POST, request.FILES, **options)
        return _file(request, form, practice_class, None)
    kind = request.GET.get("kind", "")
    form = RecordForm(
        initial={
            "client_id": uuid.uuid4(), "kind": kind if kind in ActivityRecord.Kind.values else ActivityRecord.Kind.DEED,
            "gathering": at_hand, "day": day, "village": _first_village(at_hand),
            "participants": [enrollment.pk for enrollment in present_on(practice_class, at_hand, day)],
        },
        **options,
    )  # fmt: skip
    return _form_page(request, form, practice_class, None)


def _first_village(gathering: Gathering | None) -> Any:
    sites = gathering.live_sites if gathering else []  # type: ignore[attr-defined] # loaded by with_sites
    return sites[0].base.village_id if sites else None


def _file(
    request: HttpRequest, form: RecordForm, practice_class: PracticeClass, record: ActivityRecord | None
) -> HttpResponse:
    user: Any = request.user
    if not form.is_valid():
        return _form_page(request, form, practice_class, record)
    data = form.cleaned_data
    submit = request.POST.get("act") != "draft"
    try:
        receipt = file_record(
            by=user, practice_class=practice_class, client_id=data["client_id"], submit=submit,
            expected_version=data["version"], **{name: data[name] for name in FIELDS},
        )  # fmt: skip
    except DomainError as error:
        return _form_page(request, form, practice_class, record, status=refused(form, error))
    _attach(request, receipt.paper, data["photos"])  # type: ignore[arg-type] # a record
    _told(request, receipt)
    return redirect("activities:record", record_id=receipt.paper.pk)


def _told(request: HttpRequest, receipt: Receipt) -> None:
    number = f"回执 {receipt.sha256[:8]}。"
    if receipt.paper.state == PaperState.DRAFT:
        messages.success(request, f"已存草稿。还没有报送，写完再报。{number}")
    else:
        messages.success(request, f"已报送班主任。批了或退回都会在首页告诉您，{number}")


def _attach(request: HttpRequest, record: ActivityRecord, photos: list[UploadedFile]) -> None:
    """Photographs come second: one that cannot be kept does not take the record with it."""
    user: Any = request.user
    for photo in photos:
        try:
            attach_photo(by=user, record=record, name=photo.name or "", content=photo.read(MAX_BYTES + 1))
        except DomainError as error:
            messages.warning(request, f"照片“{photo.name}”没有附上。{error.message}记录已保存。")


def _form_page(
    request: HttpRequest,
    form: RecordForm,
    practice_class: PracticeClass,
    record: ActivityRecord | None,
    status: int = 200,
) -> HttpResponse:
    context = {
        "form": form, "practice_class": practice_class, "record": record, "icons": KIND_ICONS, "tab": "gathering",
        "kinds": [(kind.value, kind.label, KIND_ICONS[kind]) for kind in ActivityRecord.Kind],
        "chosen": form.chosen(), "back": reverse("activities:gathering", args=[practice_class.pk]),
        "returned": last_reason(record) if record else "",
    }  # fmt: skip
    return render(request, "activities/record_form.html", context, status=status)


def last_reason(paper: Any) -> str:
    version = paper.versions.filter(state=PaperState.RETURNED).order_by("-pk").first()
    return version.reason if version and paper.state == PaperState.RETURNED else ""


@signed_in
def record(request: HttpRequest, record_id: int) -> HttpResponse:
    """A record: its writer's form while it is a draft or returned, else what was filed with its course."""
    user: Any = request.user
    row = get_object_or_404(queries.visible_records(user), pk=record_id)
    if row.state not in states.EDITABLE or not rules.may_write.test(user, row):
        return paper_page(request, row)
    gatherings = _gatherings(row.practice_class)
    options: dict[str, Any] = {
        "gatherings": gatherings, "people": queries.people_of(row.practice_class, row.gathering)
    }  # fmt: skip
    if request.method == "POST":
        return _file(request, RecordForm(request.POST, request.FILES, **options), row.practice_class, row)
    initial = {name: getattr(row, name) for name in FIELDS if name != "participants"} | {
        "client_id": row.client_id, "version": row.version, "gathering": row.gathering_id, "village": row.village_id,
        "participants": list(row.participants.order_by("pk").values_list("pk", flat=True)),
    }  # fmt: skip
    return _form_page(request, RecordForm(initial=initial, **options), row.practice_class, row)


def paper_page(request: HttpRequest, paper: Any) -> HttpResponse:
    """Any of the three papers as it was filed, with its versions and what the reader may do with it.

    Something sent to it came too late: DomainError("not_editable"), so that nobody thinks it was kept.
    """
    if request.method == "POST":
        raise DomainError(
            "not_editable", f"“{paper.title}”{paper.get_state_display()}，现在不能改。要改先撤回报送或请班主任退回。"
        )
    user: Any = request.user
    is_record = isinstance(paper, ActivityRecord)
    kind = next(name for name, model in MODELS.items() if isinstance(paper, model))
    writes = rules.may_write.test(user, paper)
    voids = rules.may_review if paper.state == PaperState.ACCEPTED else rules.may_void
    context = {
        "paper": paper, "kind": kind, "versions": paper.versions.select_related("by").order_by("pk"),
        "people": paper.participants.select_related("cadre__unit").order_by("cadre__sort_name", "pk") if is_record else (),
        "photos": paper.attachments.select_related("file").order_by("pk") if is_record else (),
        "may_withdraw": writes and states.allowed(paper, "withdraw"),
        "may_void": voids.test(user, paper) and states.allowed(paper, "void"),
        "may_restore": rules.may_void.test(user, paper) and states.allowed(paper, "restore"),
        "may_review": rules.may_review.test(user, paper), "review_url": queries.review_url(paper),
        "tab": "reflection" if kind == "reflection" else "gathering",
    }  # fmt: skip
    return render(request, "activities/paper.html", context)


@allow(rules.may_act_on_papers)
@require_POST
def paper_act(request: HttpRequest, kind: str, paper_id: int, act: str) -> HttpResponse:
    """Withdraw, void or restore a paper."""
    user: Any = request.user
    model = MODELS.get(kind)
    if model is None:
        raise Http404
    paper = get_object_or_404(queries.visible_papers(user, model), pk=paper_id)
    reason = request.POST.get("reason", "")
    if act == "withdraw":
        withdraw_paper(by=user, paper=paper)
        messages.success(request, "已撤回报送。改好再报。")
    elif act == "void":
        void_paper(by=user, paper=paper, reason=reason)
        messages.success(request, f"已作废“{paper.title}”。内容还在，不再计数。")
    elif act == "restore":
        restore_paper(by=user, paper=paper, reason=reason)
        messages.success(request, f"已把“{paper.title}”恢复为草稿。改好再报。")
    else:
        raise Http404
    return redirect(queries.paper_url(paper))


@signed_in
@cache_control(private=True, max_age=3600)
def photo(request: HttpRequest, photo_id: int) -> HttpResponse:
    """A photograph, for whoever may see its record."""
    row = get_object_or_404(queries.visible_photos(request.user), pk=photo_id)  # type: ignore[arg-type] # signed in
    response = HttpResponse(read_file(row.file), content_type="image/jpeg")
    response["X-Content-Type-Options"] = "nosniff"
    response["Content-Disposition"] = "inline"
    return response


@allow(rules.may_file_for_class)
@require_POST
def photo_remove(request: HttpRequest, photo_id: int) -> HttpResponse:
    user: Any = request.user
    row = get_object_or_404(queries.visible_photos(user), pk=photo_id)
    remove_photo(by=user, attachment=row, reason=request.POST.get("reason", ""))
    messages.success(request, "已取下照片。")
    return redirect("activities:record", record_id=row.record_id)


@allow(rules.may_file_for_class)
def report_new(request: HttpRequest, class_id: int) -> HttpResponse:
    """The class's research report."""
    user: Any = request.user
    practice_class = get_object_or_404(queries.fileable_classes(user), pk=class_id)
    if request.method == "POST":
        return _file_report(request, PaperForm(request.POST), practice_class, None)
    return _report_page(request, PaperForm(initial=PaperForm.blank()), practice_class, None)


@signed_in
def report_edit(request: HttpRequest, report_id: int) -> HttpResponse:
    user: Any = request.user
    row = get_object_or_404(queries.visible_reports(user), pk=report_id)
    if row.state not in states.EDITABLE or not rules.may_write.test(user, row):
        return paper_page(request, row)
    if request.method == "POST":
        return _file_report(request, PaperForm(request.POST), row.practice_class, row)
    initial = {"client_id": row.client_id, "version": row.version, "title": row.title, "text": row.text}
    return _report_page(request, PaperForm(initial=initial), row.practice_class, row)


def _file_report(
    request: HttpRequest, form: PaperForm, practice_class: PracticeClass, report: ResearchReport | None
) -> HttpResponse:
    user: Any = request.user
    if not form.is_valid():
        return _report_page(request, form, practice_class, report)
    data = form.cleaned_data
    try:
        receipt = file_report(
            by=user, practice_class=practice_class, client_id=data["client_id"], title=data["title"], text=data["text"],
            submit=request.POST.get("act") != "draft", expected_version=data["version"],
        )  # fmt: skip
    except DomainError as error:
        return _report_page(request, form, practice_class, report, status=refused(form, error))
    _told(request, receipt)
    return redirect("activities:report_edit", report_id=receipt.paper.pk)


def _report_page(
    request: HttpRequest,
    form: PaperForm,
    practice_class: PracticeClass,
    report: ResearchReport | None,
    status: int = 200,
) -> HttpResponse:
    context = {
        "form": form, "paper": report, "name": "调研报告", "where": str(practice_class), "tab": "gathering",
        "returned": last_reason(report) if report else "", "to": "班主任",
        "back": reverse("activities:gathering", args=[practice_class.pk]), "draft_scope": f"report-{practice_class.pk}",
    }  # fmt: skip
    return render(request, "activities/paper_form.html", context, status=status)
