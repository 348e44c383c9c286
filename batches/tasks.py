"""The planner's jobs: load, solve with live progress, keep the result in the transaction that ends the job."""

from typing import Any

from batches.actions.names import keep_proposal
from batches.actions.plans import keep_plan
from batches.models import PlanRun
from batches.plan_labels import Labels
from batches.planning import InputError, Stopped, solve
from batches.planning.formats import canonical
from batches.planning_input import build_input, pk_of
from config.errors import DomainError
from office.jobs import JobRun, JobStopped, job_task

SHARE = {1: (5, 15), 2: (15, 45), 3: (45, 80), 4: (80, 98)}
"""Where each stage lies in the progress bar, percent."""


def _solve(run: JobRun, document: dict[str, Any], seed: int, stages: tuple[int, ...]) -> dict[str, Any]:
    def progress(stage: int, fraction: float, message: str) -> None:
        low, high = SHARE[stage]
        run.progress(int(low + (high - low) * fraction), Labels([message]).say(message))

    try:
        return solve(document, seed=seed, stages=stages, progress=progress, should_stop=run.should_stop)
    except Stopped as error:
        raise JobStopped from error
    except InputError as error:
        message = Labels([str(error)]).say(str(error))
        raise DomainError("plan_input", f"不能编排：{message}。请改好名单、要求或规则后再编排。") from error


@job_task("batches.propose_names")
def propose_names(run: JobRun) -> None:
    """Stage 1 over all cadres: who is proposed for the batch."""
    plan_run = PlanRun.objects.select_related("batch__programme", "job__owner").get(pk=run.params["run"])
    run.progress(2, "正在汇总全县干部")
    document = build_input(plan_run.batch, names_only=True)
    plan = _solve(run, document, plan_run.seed, (1,))
    names = [pk_of(row["cadre"]) for row in plan["assignments"]]
    plan_run.input_text, plan_run.plan_text = canonical(document).decode(), canonical(plan).decode()
    plan_run.fingerprint = plan["input_fingerprint"]
    with run.finishing():
        keep_proposal(run=plan_run, cadre_pks=names, by=run.job.owner)
        run.message = f"建议 {len(names)} 人"
        run.result = {"people": len(names)}


@job_task("batches.plan")
def plan(run: JobRun) -> None:
    """All four stages for the batch's names."""
    plan_run = PlanRun.objects.select_related("batch__programme", "job__owner").get(pk=run.params["run"])
    run.progress(2, "正在汇总名单、规则和基地")
    document = build_input(plan_run.batch)
    result = _solve(run, document, plan_run.seed, (1, 2, 3, 4))
    with run.finishing():
        keep_plan(run=plan_run, document=document, plan=result, by=run.job.owner)
        short = len(result["shortfalls"])
        run.message = f"编排完成，{short} 处缺口" if short else "编排完成，全部排进"
        run.result = {"shortfalls": short, "people": len(result["assignments"])}
