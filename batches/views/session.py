"""期 list, a new batch, the session page and its plain steps."""

import datetime
from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.access import allow
from batches.actions.batch import advance_batch, delete_batch
from batches.arrangement import arrangement_of, planned
from batches.course import blocks_of, quick_blocks, steps_of
from batches.dependants import obstacles_to_change, obstacles_to_deletion
from batches.differences import differences_of
from batches.facts import facts_of
from batches.forms.programme import BatchForm, ChangeBatchForm
from batches.models import Batch, Programme
from batches.outlooks import story_of
from batches.overview import class_table
from batches.planning_input import gatherings_held
from batches.published import published_versions
from batches.queries import latest_run, newest_programmes, nomination_counts, visible_batches
from batches.roll import since_answered
from batches.rules import may_run_batches, may_see_batches
from batches.states import LIVE, PLANNABLE, TRANSITIONS, UNDER_WAY, allowed
from batches.studio import choices, chosen, live, waiting
from batches.views.acts import batch_and_job, batch_of, me, posted_reason, revision_seen
from config.errors import DomainError

PLAIN_STEPS = ("start", "evaluate", "resume", "close", "reopen")
TOLD: dict[str, tuple[str, ...]] = {
    "start": ("学员都记为在训", "可以登记集中、缺勤和五个一", "办错了不影响名单和集中安排"),
    "evaluate": ("可以开始评审，集中和纪实照常补录", "还要再集中的，可以退回实践中"),
    "resume": ("评审中的打分保留", "可以再登记集中"),
    "close": ("学员都记为已完成，计入覆盖", "名单、集中、纪实不再改动", "有差错可以重新打开，要写原因"),
    "reopen": ("学员退回在训，不再计入已完成", "可以更正后再归档"),
}
"""What follows from each plain step."""


@allow(may_see_batches)
@require_GET
def batch_list(request: HttpRequest) -> HttpResponse:
    """Every batch with its stage and what blocks it."""
    page = Paginator(visible_batches(me(request)), 20).get_page(request.GET.get("page"))
    facts = facts_of(page.object_list)
    rows = [
        {"batch": batch, "facts": facts[batch.pk], "steps": steps_of(batch), "blocks": quick_blocks(batch, facts[batch.pk])}
        for batch in page.object_list
    ]  # fmt: skip
    programme = newest_programmes().first()
    context = {
        "page": page,
        "rows": rows,
        "has_programme": programme is not None,
        "story": story_of(programme) if programme is not None else None,
        "may_run": may_run_batches.test(request.user),
    }
    return render(request, "batches/list.html", context)


@allow(may_run_batches)
@require_http_methods(["GET", "POST"])
def create(request: HttpRequest) -> HttpResponse:
    """A new batch; without a programme the way leads there first."""
    if not Programme.objects.exists():
        messages.info(request, "先定项目规则。默认值已填好，改完保存就能建期。")
        return redirect("batches:programme_create")
    form = BatchForm(request.POST if request.method == "POST" else None, initial=_next_batch())
    if request.method == "POST" and form.is_valid():
        try:
            batch = form.perform(me(request))
        except DomainError as error:
            form.refuse(error)
        else:
            messages.success(request, f"{batch}建好了，{batch.classes.count()} 个班。下一步：生成名单建议。")
            return redirect("batches:batch", batch.pk)
    return render(request, "batches/create.html", {"form": form}, status=422 if form.is_bound else 200)


def _next_batch() -> dict[str, Any]:
    """The Monday after the last batch, for as many months as the programme says."""
    last = Batch.objects.order_by("-number").first()
    programme = newest_programmes().first()
    after = max(timezone.localdate(), last.last_day if last else timezone.localdate())
    first = after + datetime.timedelta(days=7 - after.weekday())
    weeks = 4 * programme.batch_months if programme else 12
    return {
        "programme": programme,
        "number": last.number + 1 if last else 1,
        "first_day": first,
        "last_day": first + datetime.timedelta(days=7 * weeks - 1),
    }


@allow(may_see_batches)
@require_GET
def batch(request: HttpRequest, batch_id: int) -> HttpResponse:
    """The session page: where the batch stands, what it waits for, its plan in short, and the acts that lead on."""
    found, job = batch_and_job(request, batch_id)
    run = latest_run(found)
    arrangement = arrangement_of(found)
    versions = published_versions(found)
    may_run = may_run_batches.test(request.user)
    units = nomination_counts(found)
    context = {
        "batch": found,
        "steps": steps_of(found),
        "blocks": blocks_of(found, me(request)),
        "facts": facts_of([found])[found.pk],
        "units": units,
        "job": job,
        "source": versions[0].version if found.state in LIVE and versions else run,
        "waiting": waiting(found, choices(found)) if found.state in LIVE and may_run else None,
        "is_live": found.state in LIVE,
        "is_under_way": found.state in UNDER_WAY,
        "arrangement": arrangement,
        "table": class_table(arrangement) if arrangement else None,
        "shortfalls": len(run.plan["shortfalls"]) if run is not None else 0,
        "versions": [{"published": row, "differences": differences_of(row.version)} for row in versions],
        "may_run": may_run,
        "may_plan": found.state in PLANNABLE,
        "may_edit": may_run and not obstacles_to_change(found),
        "may_withdraw": allowed(found, "withdraw") and not gatherings_held(found),
        "named": {
            state: sum(row[state] for row in units) for state in ("proposed", "confirmed", "deferred", "swapped")
        },
        "since": since_answered(found),
        "withdraw_title": f"撤回{found}的发布？",
        "plain_steps": [
            {
                "act": act,
                "name": TRANSITIONS[act].name,
                "title": f"{found}{TRANSITIONS[act].name}？",
                "told": TOLD[act],
                "back": act in ("resume", "reopen"),
            }
            for act in PLAIN_STEPS
            if allowed(found, act)
        ],
    }
    if job is not None:
        context |= live(job)
    return render(request, "batches/batch.html", context)


@allow(may_run_batches)
@require_http_methods(["GET", "POST"])
def edit(request: HttpRequest, batch_id: int) -> HttpResponse:
    """Another number, other days or deadline of a batch not published yet; and the way to take away one set up by mistake."""
    found = batch_of(request, batch_id)
    form = ChangeBatchForm(found, request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        try:
            changed = form.perform(me(request))
        except DomainError as error:
            form.refuse(error)
        else:
            again = "请重新编排。" if changed.state == Batch.State.PLANNED else ""
            messages.success(request, f"{changed}改好了：{changed.first_day} 至 {changed.last_day}。{again}")
            return redirect("batches:batch", changed.pk)
    context = {
        "batch": found, "form": form, "fixed": obstacles_to_change(found), "kept": obstacles_to_deletion(found),
        "delete_title": f"删除{found}？", "classes": found.classes.count(), "may_run": True,
    }  # fmt: skip
    return render(request, "batches/edit.html", context, status=422 if form.is_bound else 200)


@allow(may_run_batches)
@require_POST
def delete(request: HttpRequest, batch_id: int) -> HttpResponse:
    """Take away a batch that was set up by mistake."""
    found = batch_of(request, batch_id)
    delete_batch(batch=found, by=me(request), reason=posted_reason(request), seen=revision_seen(request))
    messages.success(request, f"{found}删除了。别的期期次不变；删除的原因在审计里。")
    return redirect("batches:list")


@allow(may_see_batches)
@require_GET
def class_page(request: HttpRequest, batch_id: int, class_id: int) -> HttpResponse:
    """A class as it is planned or current: its members, where it goes, who sleeps where. `?run=` shows another plan's."""
    found = batch_of(request, batch_id)
    choice = chosen(found, choices(found), request.GET["run"]) if "run" in request.GET else None
    arrangement = planned(found, found.plan_runs.get(pk=choice.run.pk)) if choice else arrangement_of(found)
    practice_class = next((row for row in arrangement.classes if row.pk == class_id), None) if arrangement else None
    if arrangement is None or practice_class is None:
        raise Http404
    line = next(row for row in class_table(arrangement).lines if row.practice_class.pk == practice_class.pk)
    visits = [
        {"visit": visit, "households": _households(arrangement.stays[visit.key])}
        for visit in arrangement.visits
        if visit.practice_class.pk == practice_class.pk
    ]
    in_force = choice is None and found.state in LIVE
    leaving = {row.cadre.pk: row for row in arrangement.later if row.before == practice_class}
    coming = [row for row in arrangement.later if row.after == practice_class]
    version = next(iter(published_versions(found)), None) if in_force else None
    context = {
        "batch": found, "practice_class": practice_class, "coming": coming, "version": version, "since": arrangement.since,
        "members": [(cadre, leaving.get(cadre.pk)) for cadre in arrangement.members[practice_class.pk]],
        "visits": visits, "line": line, "classes": arrangement.classes, "is_live": found.state in LIVE,
        "is_under_way": found.state in UNDER_WAY, "may_run": may_run_batches.test(request.user), "choice": choice,
        "run_query": f"?run={choice.run.pk}" if choice else "",
    }  # fmt: skip
    return render(request, "batches/class_page.html", context)


def _households(stays: Any) -> list[dict[str, Any]]:
    """Stays by household, in order."""
    rows: dict[int, dict[str, Any]] = {}
    for stay in stays:
        row = rows.setdefault(stay.household.pk, {"household": stay.household, "stays": []})
        row["stays"].append(stay)
    return list(rows.values())


@allow(may_run_batches)
@require_POST
def advance(request: HttpRequest, batch_id: int, step: str) -> HttpResponse:
    """start, evaluate, resume, close, reopen."""
    found = batch_of(request, batch_id)
    if step not in PLAIN_STEPS:
        raise Http404
    advance_batch(batch=found, act=step, by=me(request), reason=posted_reason(request))
    messages.success(request, f"{found}现在是“{found.get_state_display()}”。")
    return redirect("batches:batch", found.pk)
