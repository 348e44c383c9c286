"""Planning as a job with live progress, publishing, withdrawing."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.http import urlencode
from django.views.decorators.http import require_GET, require_POST

from accounts.access import allow
from batches.actions.draws import export_plan
from batches.actions.names import refuse_second_run, start_proposal
from batches.actions.plans import publish_plan, start_planning, withdraw_publication
from batches.forms.fields import LONGEST
from batches.forms.plan import SeedForm
from batches.queries import running_job
from batches.rules import may_run_batches, may_see_batches
from batches.states import LIVE, require
from batches.studio import live
from batches.told import names_told
from batches.views.acts import batch_of, me, posted_reason, revision_seen
from office.jobs import cancel_job

STOP_POLLING = 286
STAGES = "batches/studio/progress.html"
SHORT = "batches/parts/progress.html"
STANDS_ON = {"names": SHORT, "repair": SHORT, "studio": STAGES}
"""Pages beside the batch's own on which the progress stands, and its form there; stopping leads back to them."""


@allow(may_run_batches)
@require_POST
def propose(request: HttpRequest, batch_id: int) -> HttpResponse:
    """Ask stage 1 for names."""
    found = batch_of(request, batch_id)
    start_proposal(batch=found, by=me(request))
    messages.info(request, "正在生成名单建议。可以离开，完成后在这里看。")
    return redirect("batches:names", found.pk)


@allow(may_run_batches)
@require_POST
def plan(request: HttpRequest, batch_id: int) -> HttpResponse:
    """Ask for classes, calendar and lodging. A seed that is none goes back to its field, where the batch can be planned."""
    found = batch_of(request, batch_id)
    form = SeedForm(request.POST)
    if not form.is_valid():
        require(found, "plan")
        refuse_second_run(found)
        asked = {name: request.POST[name][:LONGEST] for name in ("run", "seed") if request.POST.get(name) is not None}
        return redirect(f"{reverse('batches:studio', args=[found.pk])}?{urlencode(asked)}#plan")
    start_planning(batch=found, by=me(request), seed=form.cleaned_data["seed"])
    messages.info(request, "开始编排。可以离开，完成后在这里看。")
    return redirect("batches:studio", found.pk)


@allow(may_see_batches)
@require_GET
def progress(request: HttpRequest, batch_id: int) -> HttpResponse:
    """How far the running job is, polled; once it has ended the page is loaded anew. `back` names the page it stands on."""
    found = batch_of(request, batch_id)
    job = running_job(found)
    if job is None:
        response = HttpResponse(status=STOP_POLLING)
        response["HX-Refresh"] = "true"
        return response
    back = _back(request.GET)
    context = {"batch": found, "job": job, "may_run": may_run_batches.test(request.user), "back": back} | live(job)
    return render(request, STANDS_ON.get(back, SHORT), context)


def _back(data: QueryDict) -> str:
    """The page that the progress stands on, as its address or its form says; empty for the batch's own."""
    back = data.get("back", "")
    return back if back in STANDS_ON else ""


@allow(may_run_batches)
@require_POST
def stop(request: HttpRequest, batch_id: int) -> HttpResponse:
    """Stop the running job; nothing of it is kept."""
    found = batch_of(request, batch_id)
    job = running_job(found)
    if job is None:
        messages.info(request, "编排已经结束，不用停止。")
    else:
        cancel_job(job=job, by=me(request))
        messages.info(request, "已请求停止。正在算的这一步结束后停下，不写入任何内容。")
    return redirect(f"batches:{_back(request.POST) or 'batch'}", found.pk)


@allow(may_run_batches)
@require_POST
def publish(request: HttpRequest, batch_id: int, run_id: int) -> HttpResponse:
    """Publish the run that the clerk has looked at."""
    found = batch_of(request, batch_id)
    run = get_object_or_404(found.plan_runs, pk=run_id)
    repaired = found.state in LIVE
    version = publish_plan(
        batch=found, run=run, by=me(request), reason=posted_reason(request), seen=revision_seen(request)
    )
    names = names_told(version)
    who = names.sentence if names is not None else ""
    vacant = names.to_appoint if names is not None else ""
    told = (
        f"{who}。没有动的安排照旧，" + (f"到“班务”重新定{vacant}。" if vacant else "不用重新定班主任、班长和导师。")
        if repaired
        else f"{who}；下一步到“班务”定班主任、班长和导师，给没有账号的发账号。"
    )
    messages.success(request, f"已发布为第 {version.number} 版。{told}")
    return redirect("batches:batch", found.pk)


@allow(may_run_batches)
@require_POST
def withdraw(request: HttpRequest, batch_id: int) -> HttpResponse:
    """Take the publication back before the first gathering."""
    found = batch_of(request, batch_id)
    withdraw_publication(batch=found, by=me(request), reason=posted_reason(request), seen=revision_seen(request))
    messages.success(request, "已撤回发布。方案还在编排台：不用改的可以再发布为下一版，要改的改好后重新编排。")
    return redirect("batches:batch", found.pk)


@allow(may_run_batches)
@require_POST
def export(request: HttpRequest, batch_id: int, run_id: int) -> HttpResponse:
    """The plan as a file that can be checked and run again outside of this system."""
    found = batch_of(request, batch_id)
    run = get_object_or_404(found.plan_runs, pk=run_id)
    response = HttpResponse(export_plan(run=run, by=me(request)), content_type="application/json")
    response["Content-Disposition"] = f'attachment; filename="dunmiao-plan-{found.number}-{run.pk}.json"'
    return response
