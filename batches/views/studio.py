"""The planning studio (编排台): readiness, live progress, a plan of the batch in full, trials of cures, two plans compared."""

from collections.abc import Sequence
from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from accounts.access import allow
from batches.actions.trials import adopt_trial, start_trial
from batches.arrangement import Arrangement, arrangement_of, planned
from batches.breaches import BREACH, broken_in, changes_of_breach, ways_out
from batches.comparison import compare as compare_plans
from batches.comparison import side_of
from batches.differences import differences, differences_in_words
from batches.facts import facts_of
from batches.forms.plan import SeedForm
from batches.load_map import load_map
from batches.models import Batch, GatheringPin, PlanRun
from batches.obstacles import adoption_obstacles, publish_obstacles
from batches.outlooks import filled_in
from batches.overview import calendar_of, class_table, plan_says
from batches.plan_ids import pk_of
from batches.planning.checker import Breach
from batches.planning.explain_skips import not_held
from batches.queries import version_in_force, with_account
from batches.readiness import readiness
from batches.repairs import brought_in, fallen_out, moves_in_words
from batches.roll import roll_of
from batches.rules import may_run_batches, may_see_batches
from batches.shortfalls import changes_of, title_of, unexplained, whys
from batches.states import LIVE, PLANNABLE, UNDER_WAY, allowed, changeable
from batches.studio import Choice, choices, chosen, closed_since, figures, live, studio_steps, tabs, waiting
from batches.views.acts import batch_and_job, batch_of, me, posted_reason, revision_seen
from cadres.models import Cadre

Purpose = PlanRun.Purpose
IN_THE_BAR = ("违反", "路程", "承接", "农户")
MOST_DIFFERENCES = 20


@allow(may_see_batches)
@require_GET
def studio(request: HttpRequest, batch_id: int) -> HttpResponse:
    """Everything about planning one batch; `?run=` chooses which of its plans is shown."""
    found, job = batch_and_job(request, batch_id)
    may_run = may_run_batches.test(request.user)
    may_plan = found.state in PLANNABLE
    plans = choices(found)
    shown = chosen(found, plans, request.GET.get("run", ""))
    checks = [] if found.state in LIVE else readiness(found, me(request))
    context = {
        "batch": found,
        "job": job,
        "ended": _ended_badly(found),
        "facts": facts_of([found])[found.pk],
        "is_live": found.state in LIVE,
        "is_under_way": found.state in UNDER_WAY,
        "may_run": may_run,
        "may_plan": may_run and may_plan and job is None,
        "may_try": may_run and changeable(found) and job is None,
        "checks": checks,
        "counts": {kind: sum(check.kind == kind for check in checks) for kind in ("ok", "warn", "bad")},
        "steps": studio_steps(found, job=job, has_plan=shown is not None, checks=checks),
        "plans": tabs(plans, shown),
        "plan_count": len(plans),
        "shown": shown,
        "waiting": waiting(found, plans),
        "seed_form": SeedForm.shown(request.GET, shown.run.seed if shown is not None else 1),
        "table": None,
    }
    if job is not None:
        context |= live(job)
    if shown is not None:
        run = found.plan_runs.select_related("batch__programme", "against").get(pk=shown.run.pk)
        broken = broken_in(run)
        context |= _result(found, plans, run, broken) | _publication(found, run, broken, may_run and job is None)
    return render(request, "batches/studio.html", context)


def _ended_badly(batch: Batch) -> Any:
    """The newest run's job where it did not end well: the page says so."""
    run = batch.plan_runs.select_related("job").order_by("-created_at", "-pk").first()
    if run is None or run.job is None or run.job.is_unfinished or run.outcome != PlanRun.Outcome.PENDING:
        return None
    return run.job


def _result(batch: Batch, plans: list[Choice], run: PlanRun, broken: list[Breach]) -> dict[str, Any]:
    arrangement, in_force = shown_arrangement(batch, run)
    plan = run.plan
    says, table, load = plan_says(run, broken), class_table(arrangement), load_map(arrangement)
    strip, calendar = figures(arrangement, table, says, load), calendar_of(arrangement)
    calendar.pinned = _pinned(batch, run, in_force=in_force)
    calendar.marked = {finding.cell for row in says.rules for finding in row.findings if finding.cell}
    return {
        "run": run,
        "in_force": in_force,
        "run_query": "" if in_force else f"?run={run.pk}",
        "arrangement": arrangement,
        "table": table,
        "calendar": calendar,
        "load": load,
        "says": says,
        "hints": says.hints,
        "figures": strip,
        "whys": whys(run),
        "others": unexplained(run, plan),
        "left_out": len(not_held(plan)) if not plan["shortfalls"] and not says.unassigned else 0,
        "moved": moves_in_words(run) if run.purpose == Purpose.REPAIR else [],
        "lost": fallen_out(run),
        "won": brought_in(run),
        "closed_since": closed_since(batch, run),
        "broken_by": ways_out(batch, run, broken),
        "track_count": batch.programme.tracks.count(),
        "bar": _bar(batch, plans, run, {row.name: row.big for row in strip}, says.clashes),
    }


def shown_arrangement(batch: Batch, run: PlanRun) -> tuple[Arrangement, bool]:
    """The rows in force for the published plan, else what the run says; and which of the two it is."""
    version = version_in_force(batch)
    if version is not None and version.run_id == run.pk:
        rows = arrangement_of(batch)
        if rows is not None:
            return rows, True
    return planned(batch, run), False


def _pinned(batch: Batch, run: PlanRun, *, in_force: bool) -> set[tuple[int, int]]:
    """Cells of the calendar that are fixed: today's pins for the rows in force, else those that the plan was made with."""
    if in_force:
        rows = GatheringPin.objects.filter(practice_class__batch=batch, live=True).order_by("pk")
        return set(rows.values_list("practice_class", "index"))
    return {(pk_of(row["class"]), row["index"]) for row in run.document["pins"]["gatherings"]}


def _bar(
    batch: Batch, plans: list[Choice], run: PlanRun, own: dict[str, str], clashes: Sequence[str]
) -> dict[str, Any] | None:
    """The plan that this one is held against (the one it came from, else the one before), and both their figures."""
    shown = next(choice for choice in plans if choice.run.pk == run.pk)
    others = [choice for choice in plans if choice is not shown]
    origin = [choice for choice in others if choice.run.pk == run.against_id]
    before = [choice for choice in others if choice.run.pk < run.pk]
    found = origin or before[-1:] or others[:1]
    if not found:
        return None
    side = side_of(batch, batch.plan_runs.get(pk=found[0].run.pk), clashes)
    theirs = {name: big for name, (big, _) in side.figures.items()}
    rows = [
        (choice, [values.get(name, "没有") for name in IN_THE_BAR])
        for choice, values in ((found[0], theirs), (shown, own))
    ]
    return {"other": found[0], "heads": ("规则", "往返路程", "每基地承接", "农户夜数之差"), "rows": rows}


def _publication(batch: Batch, run: PlanRun, broken: list[Breach], may_run: bool) -> dict[str, Any]:
    """What publishing or adopting the shown plan would do, and what is in the way."""
    is_trial = run.purpose == Purpose.TRIAL
    again = allowed(batch, "republish") and run.purpose == Purpose.REPAIR and run.outcome != PlanRun.Outcome.ADOPTED
    publishable = may_run and not is_trial and (again or allowed(batch, "publish"))
    obstacles = publish_obstacles(batch, run, broken) if publishable else []
    previous = batch.plan_versions.order_by("-number").first()
    lines: list[str] = []
    if previous is not None and publishable and not obstacles:
        lines = differences_in_words(differences(previous, run))
    people = {pk_of(row["cadre"]) for row in run.plan["assignments"]}
    told, untold = with_account(Cadre.objects.filter(pk__in=people))
    refused = adoption_obstacles(run) if is_trial and may_run else []
    return {
        "is_trial": is_trial,
        "obstacles": obstacles,
        "may_publish": publishable and not obstacles,
        "again": again,
        "may_adopt": is_trial and may_run and not refused,
        "refused": [(row, _address(batch, run, row.route, row.of_batch) if row.route else "") for row in refused],
        "next_number": previous.number + 1 if previous else 1,
        "previous": previous,
        "differences": lines[:MOST_DIFFERENCES],
        "more_differences": max(0, len(lines) - MOST_DIFFERENCES),
        "difference_count": len(lines),
        "leaving": sum(row.after is None for row in roll_of(batch).later) if again else 0,
        "told": told,
        "untold": untold,
    }


def _address(batch: Batch, run: PlanRun, route: str, of_batch: bool) -> str:
    """The page that cures an obstacle; the sandbox opens with the trial's rules filled in."""
    address = reverse(route, args=[batch.pk] if of_batch else [])
    return address + filled_in(batch.programme, run.changes) if route == "batches:outlook" else address


def _plan_run(batch: Batch, pk: Any) -> PlanRun:
    """A run of this batch that has a plan, or 404."""
    runs = batch.plan_runs.select_related("batch__programme").exclude(plan_text="").exclude(purpose=Purpose.NAMES)
    return get_object_or_404(runs, pk=pk)


@allow(may_run_batches)
@require_POST
def trial(request: HttpRequest, batch_id: int, run_id: int) -> HttpResponse:
    """Try one of the cures that the run's explanations offer; `cure` is the key that the page gave it."""
    found = batch_of(request, batch_id)
    run = _plan_run(found, run_id)
    key = request.POST.get("cure", "")
    try:
        if key.startswith(BREACH):
            changes, title = changes_of_breach(found, run, key)
        else:
            changes, title = changes_of(run, key), title_of(run, key)
    except (ValueError, IndexError) as error:
        raise Http404 from error
    start_trial(batch=found, by=me(request), changes=changes, against=run, title=title)
    messages.info(request, "开始试算。已有的方案都不变，算完后在这里多一个方案，可以并排比较。")
    return redirect("batches:studio", found.pk)


@allow(may_run_batches)
@require_POST
def adopt(request: HttpRequest, batch_id: int, run_id: int) -> HttpResponse:
    """Make a trial's changes facts."""
    found = batch_of(request, batch_id)
    run = _plan_run(found, run_id)
    adopt_trial(run=run, by=me(request), reason=posted_reason(request), seen=revision_seen(request))
    if run.purpose == Purpose.PLAN:
        found.refresh_from_db()
        if obstacles := publish_obstacles(found, run):
            messages.warning(request, f"改动已采用，但这个方案还不能发布：{obstacles[0]}")
        else:
            messages.success(request, "改动已采用，这个方案可以发布了。")
    else:
        again = "到“少变动重排”重排一次，看过动了谁再发布" if found.state in LIVE else "重新编排"
        messages.success(request, f"改动已采用。下一步：{again}；要批准的例外，先请另一位工作人员批准。")
    return redirect(f"{reverse('batches:studio', args=[found.pk])}?run={run.pk}")


@allow(may_see_batches)
@require_GET
def compare(request: HttpRequest, batch_id: int) -> HttpResponse:
    """Two plans of the batch side by side, `?a=` and `?b=`; without them the two newest."""
    found = batch_of(request, batch_id)
    plans = choices(found)
    by_pk = {str(choice.run.pk): choice for choice in plans}
    pair = [by_pk.get(request.GET.get(name, "")) for name in ("a", "b")]
    if None in pair and (request.GET.get("a") or request.GET.get("b")):
        raise Http404
    left, right = pair if None not in pair else (plans[-2:] if len(plans) > 1 else (None, None))
    context: dict[str, Any] = {
        "batch": found, "plans": plans, "left": left, "right": right, "pair": (left, right), "comparison": None,
        "may_run": may_run_batches.test(request.user),
    }  # fmt: skip
    if left is not None and right is not None:
        runs = {run.pk: run for run in found.plan_runs.filter(pk__in=(left.run.pk, right.run.pk)).order_by("pk")}
        told = compare_plans(found, runs[left.run.pk], runs[right.run.pk])
        context["comparison"] = told
        context["page"] = Paginator(told.differences, 20).get_page(request.GET.get("page"))
    return render(request, "batches/compare.html", context)
