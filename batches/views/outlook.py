"""全覆盖倒计时 and 规则推演: how far coverage is, rules tried without touching anything, and their adoption."""

from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.http import urlencode
from django.views.decorators.http import require_GET, require_POST

from accounts.access import allow
from batches.actions.outlook import adopt_outlook, drop_outlook, set_up_batches, start_outlook
from batches.forms.outlook import OutlookForm
from batches.models import Batch, PlanRun, Programme
from batches.outlook_input import Facts
from batches.outlooks import (
    Rates,
    batches_to_set_up,
    calendars,
    change_lines,
    changes_for,
    compared,
    labels_of,
    story_of,
)
from batches.plan_labels import Labels
from batches.plan_refusals import refusal
from batches.planning import InputError
from batches.planning.formats import require_valid
from batches.planning.outlook import estimate
from batches.queries import following, newest_programmes, sees_all, visible_outlooks
from batches.rules import may_run_batches, may_see_batches
from batches.studio import at_work
from batches.views.acts import UNPROCESSABLE, me, posted_reason
from batches.views.plan import STOP_POLLING
from cadres.models import pinyin
from office.addresses import number_in
from office.jobs import cancel_job
from office.models import Job, JobState

Outcome = PlanRun.Outcome
MOST_MISSING = 60
NEWER = "您打开页面以后，规则有了新的一版，没有推演。"


def _programme(request: HttpRequest) -> Programme | None:
    """The newest version of the programme that the address names, else of the first."""
    asked, rows = _asked(request), newest_programmes()
    if asked is not None:
        return get_object_or_404(rows, name=get_object_or_404(Programme, pk=asked).name)
    found: Programme | None = rows.first()
    return found


def _asked(request: HttpRequest) -> int | None:
    return number_in(request.GET.get("programme", "") or request.POST.get("programme", ""))


@allow(may_see_batches)
@require_GET
def countdown(request: HttpRequest) -> HttpResponse:
    """How many batches until everybody due is covered, who sets the number, and who can never be covered."""
    programme = _programme(request)
    context: dict[str, Any] = {"programme": programme, "programmes": list(newest_programmes())}
    if programme is not None:
        story = story_of(programme)
        context |= {"story": story, "page": Paginator(story.units, 20).get_page(request.GET.get("page"))}
    return render(request, "batches/countdown.html", context)


@allow(may_see_batches)
@require_GET
def outlook(request: HttpRequest) -> HttpResponse:
    """The sandbox: parameters as they are (or as the address has them), what they lead to, and the outlooks kept."""
    programme = _programme(request)
    if programme is None:
        return render(
            request, "batches/outlook.html", {"programme": None, "may_run": may_run_batches.test(request.user)}
        )
    return _sandbox(request, programme, _form(programme, request.GET))


def _form(programme: Programme, data: QueryDict) -> OutlookForm:
    tracks = list(programme.tracks.order_by("order"))
    named = data.keys() - {"programme", "page"}
    return OutlookForm(programme, tracks, data if named else None)


def _sandbox(request: HttpRequest, programme: Programme, form: OutlookForm) -> HttpResponse:
    kept = visible_outlooks(me(request)).filter(programme__name=programme.name)
    kept = kept.defer("input_text", "plan_text", "against__input_text", "against__plan_text")
    page = Paginator(kept, 20).get_page(request.GET.get("page"))
    rows = [
        {"run": run, "changes": change_lines(run.changes, form.tracks), "batches": run.figures.get("batches")}
        for run in page.object_list
    ]
    refused = form.is_bound and not form.is_valid()
    context = {
        "programme": programme, "programmes": list(newest_programmes()), "form": form, "page": page, "rows": rows,
        "may_run": may_run_batches.test(request.user), **_estimated(programme, form),
    }  # fmt: skip
    return render(request, "batches/outlook.html", context, status=UNPROCESSABLE if refused else 200)


@allow(may_see_batches)
@require_GET
def outlook_estimate(request: HttpRequest) -> HttpResponse:
    """The cheap bounds of the parameters in the address beside today's; writes nothing."""
    programme = _programme(request)
    if programme is None:
        return HttpResponse(status=STOP_POLLING)
    form = _form(programme, request.GET)
    if form.is_bound and _asked(request) not in (None, programme.pk):
        form.add_error(None, f"{NEWER}请重新打开这一页，再填。")
    return render(request, "batches/parts/outlook_estimate.html", {"form": form, **_estimated(programme, form)})


def _estimated(programme: Programme, form: OutlookForm) -> dict[str, Any]:
    """Today's figures and those of the form's parameters, unless it has errors."""
    if form.is_bound and not form.is_valid():
        return {"lines": None, "refused": ""}
    changes = form.changes() if form.is_bound else []
    count = form.cleaned_data["batches"] if form.is_bound else form.fields["batches"].initial
    facts = Facts(programme)
    document = facts.document(count, changes)
    try:
        require_valid(document)
        tried = estimate(document)
    except InputError as error:
        return {"lines": None, "refused": refusal(error)}
    broken = ""
    try:
        today = estimate(facts.document(count)) if changes else tried
    except InputError as error:
        today, broken = tried, refusal(error)
    labels = Labels([row["sentence"] for row in tried["setters"]])
    return {
        "lines": compared(today, tried, Rates(), exact=False),
        "setters": [labels.say(row["sentence"]) for row in tried["setters"]],
        "changes": change_lines(changes, form.tracks),
        "changed": {change["name"] for change in changes},
        "count": count,
        "broken": broken,
    }


@allow(may_run_batches)
@require_POST
def outlook_start(request: HttpRequest) -> HttpResponse:
    """Plan the coming batches by these parameters, exactly, as a job."""
    programme = _programme(request)
    if programme is None:
        return redirect("batches:programme_create")
    form = _form(programme, request.POST)
    if form.is_bound and _asked(request) not in (None, programme.pk):
        form.add_error(None, f"{NEWER}您填的还在，和新的一版核对一下，再推演。")
    if not form.is_valid():
        return _sandbox(request, programme, form)
    run = start_outlook(
        programme=programme, changes=form.changes(), batches=form.cleaned_data["batches"], by=me(request),
        title=form.cleaned_data["title"],
    )  # fmt: skip
    messages.info(request, "开始精确推演。可以离开，完成后在这里看；现在的安排不会动。")
    return redirect("batches:outlook_run", run.pk)


def _run(request: HttpRequest, outlook_id: int) -> PlanRun:
    return get_object_or_404(visible_outlooks(me(request)), pk=outlook_id)


@allow(may_see_batches)
@require_GET
def outlook_run(request: HttpRequest, outlook_id: int) -> HttpResponse:
    """An outlook: what was changed, its figures beside today's rules, each batch, its calendar, adoption."""
    run = _run(request, outlook_id)
    tracks = list(run.programme.tracks.order_by("order"))
    newest = not hasattr(run.programme, "superseded_by")
    context: dict[str, Any] = {
        "run": run, "job": run.job, "changes": change_lines(run.changes, tracks), "newest": newest,
        "may_run": may_run_batches.test(request.user), "adopted": run.outcome == Outcome.ADOPTED, "lines": None, "again": "",
        "new_batches": batches_to_set_up(run),
    }  # fmt: skip
    if run.job is not None and run.job.is_unfinished:
        context |= _at_work(run, run.job)
    if run.plan_text:
        context |= _result(run) | _adoption(run)
        latest = newest_programmes().filter(name=run.programme.name).values_list("pk", flat=True).first()
        query = {change["name"]: change["value"] for change in run.changes} | {"programme": latest}
        context["again"] = f"{reverse('batches:outlook')}?{urlencode(query, doseq=True)}"
    return render(request, "batches/outlook_run.html", context)


def _result(run: PlanRun) -> dict[str, Any]:
    document, plan = run.document, run.plan
    labels, found = labels_of(run, document), run.figures
    rates = Rates()
    against = run.against
    waits = against is not None and not against.plan_text
    failed = waits and (against.job is None or not against.job.is_unfinished)  # type: ignore[union-attr] # it waits for one
    today = against.figures if against is not None and against.plan_text else found
    waiting = ((labels.of(unit), count) for unit, count in found["uncovered"].items())
    uncovered = sorted(waiting, key=lambda row: (pinyin(row[0]), row))
    return {
        "lines": compared(today, found, rates, exact=True),
        "compares": today is not found,
        "waits": waits and not failed,
        "failed": failed,
        "setters": [labels.say(row["sentence"]) for row in found["setters"]],
        "rows": [
            row | {"name": labels.say(row["batch"]), "cost": rates.cost(row["stays"]), "short": sum(row["missing"].values())}
            for row in found["rows"]
        ],
        "uncovered": uncovered[:MOST_MISSING],
        "more_uncovered": max(0, len(uncovered) - MOST_MISSING),
        "calendars": calendars(document, plan, labels),
    }  # fmt: skip


def _adoption(run: PlanRun) -> dict[str, Any]:
    """What adopting the rules would do to batches, told before it is done."""
    batches = list(
        Batch.objects.filter(programme__name=run.programme.name)
        .select_related("programme")
        .prefetch_related("programme__tracks")
        .order_by("number")
    )
    tracks = list(run.programme.tracks.order_by("order"))
    follow = set(following(run.programme, planned_too=False))
    when_asked = set(following(run.programme, planned_too=True)) - follow
    return {
        "follow": [batch for batch in batches if batch in follow],
        "planned": [batch for batch in batches if batch in when_asked],
        "left_behind": [
            {
                "batch": batch,
                "version": batch.programme.version,
                "changes": changes_for(batch, run, tracks),
                "asked": batch in when_asked,
            }
            for batch in batches
            if batch in follow | when_asked and batch.programme_id != run.programme_id
        ],
        "stay": [batch for batch in batches if batch not in follow | when_asked],
        "next_version": run.programme.version + 1,
    }


@allow(may_see_batches)
@require_GET
def outlook_progress(request: HttpRequest, outlook_id: int) -> HttpResponse:
    """The progress of the job, polled; once it has ended the page is loaded anew, and left where the outlook was dropped."""
    dropped = PlanRun.objects.filter(purpose=PlanRun.Purpose.OUTLOOK, outcome=Outcome.SUPERSEDED, pk=outlook_id)
    if sees_all(me(request)) and dropped.exists():
        response = HttpResponse(status=STOP_POLLING)
        response["HX-Redirect"] = reverse("batches:outlook")
        return response
    run = _run(request, outlook_id)
    if run.job is None or not run.job.is_unfinished:
        response = HttpResponse(status=STOP_POLLING)
        response["HX-Refresh"] = "true"
        return response
    context = {"run": run, "job": run.job, "may_run": may_run_batches.test(request.user)} | _at_work(run, run.job)
    return render(request, "batches/parts/outlook_progress.html", context)


def _at_work(run: PlanRun, job: Job) -> dict[str, Any]:
    """How far an outlook is: today's rules, where they are planned for it first, are half of the work."""
    first = run.against.job if run.against is not None else None
    if first is None or (first.finished_at is not None and first.finished_at < job.created_at):
        return at_work(job) | {"percent": job.progress}
    whole = {"percent": (first.progress + job.progress) // 2}
    if not first.is_unfinished or job.state == JobState.RUNNING:
        return at_work(job) | whole
    return at_work(first) | whole | {"first": "先按现行规则算一遍，好并排比较"}


@allow(may_run_batches)
@require_POST
def outlook_stop(request: HttpRequest, outlook_id: int) -> HttpResponse:
    """Stop the job; nothing of it is kept."""
    run = _run(request, outlook_id)
    if run.job is None or not run.job.is_unfinished:
        messages.info(request, "推演已经结束，不用停止。")
    else:
        cancel_job(job=run.job, by=me(request))
        messages.info(request, "已请求停止。正在算的这一步结束后停下。")
    return redirect("batches:outlook_run", run.pk)


@allow(may_run_batches)
@require_POST
def outlook_adopt(request: HttpRequest, outlook_id: int) -> HttpResponse:
    """Make these the programme's rules."""
    run = _run(request, outlook_id)
    planned_too = "planned" in request.POST
    saved = adopt_outlook(run=run, by=me(request), reason=posted_reason(request), planned_too=planned_too)
    messages.success(request, f"已采用，规则成为“{saved}”。{_followed(saved, planned_too=planned_too)}")
    return redirect("batches:programme")


def _followed(saved: Programme, *, planned_too: bool) -> str:
    """Which batches go by the new rules, and what is to be done with them."""
    rows = list(saved.batches.filter(state=Batch.State.PLANNED).order_by("number")) if planned_too else []
    if not rows:
        return "已编排、已发布的期不变，以后的期按新规则。"
    return f"{'、'.join(map(str, rows))}也按新规则：请到编排台重新编排。已发布的期不变，以后的期按新规则。"


@allow(may_run_batches)
@require_POST
def outlook_set_up(request: HttpRequest, outlook_id: int) -> HttpResponse:
    """Set up the batches of a yearly plan."""
    made = set_up_batches(run=_run(request, outlook_id), by=me(request))
    names = "、".join(str(batch) for batch in made)
    messages.success(request, f"建好了 {names}，都在筹备。下一步：逐期生成名单建议。")
    return redirect("batches:list")


@allow(may_run_batches)
@require_POST
def outlook_drop(request: HttpRequest, outlook_id: int) -> HttpResponse:
    """Take an outlook off the list."""
    run = _run(request, outlook_id)
    drop_outlook(run=run, by=me(request))
    messages.success(request, f"“{run.title}”已撤下。")
    return redirect("batches:outlook")
