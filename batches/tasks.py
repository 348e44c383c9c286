"""The planner's jobs: load, solve with live progress, keep the result in the transaction that ends the job."""

from batches.actions.names import keep_proposal
from batches.actions.outlook import keep_outlook
from batches.actions.plans import keep_plan
from batches.actions.repair import MOST_MOVES, keep_curve
from batches.models import PlanRun
from batches.plan_ids import pk_of
from batches.plan_work import explained, keep_input, moves_and_quality, solve_by_parts, work_on_part
from batches.planning.explain_skips import not_held
from batches.planning.formats import canonical
from batches.shortfalls import closing
from office.jobs import JobRun, job_task


def _plan_run(run: JobRun) -> PlanRun:
    return PlanRun.objects.select_related("batch__programme", "programme", "job__owner").get(pk=run.params["run"])


@job_task("batches.propose_names")
def propose_names(run: JobRun) -> None:
    """Stage 1 over all cadres: who is proposed for the batch."""
    plan_run = _plan_run(run)
    run.progress(1, "正在汇总全县干部")
    keep_input(plan_run)
    plan = solve_by_parts(run, plan_run, (1,))
    names = [pk_of(row["cadre"]) for row in plan["assignments"]]
    plan_run.plan_text = canonical(plan).decode()
    with run.finishing():
        keep_proposal(run=plan_run, cadre_pks=names, by=run.job.owner)
        run.message = f"建议 {len(names)} 人"
        run.result = {"people": len(names)}


@job_task("batches.plan")
def plan(run: JobRun) -> None:
    """All four stages: for the names of a batch, a repair or a trial of it, or the coming batches of a programme."""
    plan_run = _plan_run(run)
    run.progress(1, "正在汇总名单、规则和基地")
    document = keep_input(plan_run)
    result = solve_by_parts(run, plan_run, (1, 2, 3, 4))
    plan_run.explanations = explained(run, plan_run, document, result)
    stands = closing(document, result)
    with run.finishing():
        keep_plan(run=plan_run, plan=result, by=run.job.owner)
        run.message = f"{plan_run.get_purpose_display()}完成，{stands}"
        run.result = {"shortfalls": len(result["shortfalls"]), "people": len(result["assignments"])}


@job_task("batches.plan_outlook")
def plan_outlook(run: JobRun) -> None:
    """All four stages for the coming batches of a programme, by rules that somebody tries; the input came with the run."""
    plan_run = _plan_run(run)
    run.progress(1, "正在汇总规则和今后各期")
    document = keep_input(plan_run)
    result = solve_by_parts(run, plan_run, (1, 2, 3, 4))
    with run.finishing():
        keep_outlook(run=plan_run, document=document, plan=result, by=run.job.owner)
        short = len(result["shortfalls"])
        run.message = "推演完成，" + (f"{short} 处缺口" if short else "没有缺口")
        if without := len(not_held(result)):
            run.message += f"，{without} 次集中没有排上"
        run.result = {"shortfalls": short, "people": len(result["assignments"])}


@job_task("batches.curve")
def curve(run: JobRun) -> None:
    """What a few more moves than the fewest would buy a repaired plan."""
    plan_run = _plan_run(run)
    points = moves_and_quality(run, plan_run, MOST_MOVES)
    with run.finishing():
        kept = keep_curve(run=plan_run, points=points, by=run.job.owner)
        run.message = f"{len(kept)} 种改法可以选" if len(kept) > 1 else "多动几处也不会更好"
        run.result = {"points": len(kept)}


@job_task("batches.plan_step")
def plan_step(run: JobRun) -> None:
    """Some steps of a plan, for whichever worker is free."""
    work_on_part(run)
