"""A plan as a file that anybody can check and run again (docs/planning.md §7)."""

import re
from typing import Any

from accounts import audit
from accounts.models import User
from batches.models import PlanRun
from batches.plan_refusals import refusal
from batches.planning import InputError
from batches.planning.changes import TRIAL
from batches.planning.formats import canonical
from batches.planning.verify import write_draw
from batches.planning_excuses import EXCUSES
from config.errors import DomainError

WITHOUT_NAMES = re.compile(rf"[ES][1-9]\d*|{'|'.join([TRIAL, *EXCUSES])}|")
"""What an input says of an exception: its reason and who approved it, as identifiers, or why a rule does not bear."""


def export_plan(*, run: PlanRun, by: User | None) -> bytes:
    """The draw of a run: rules, input without names, seed, versions, plan and fingerprint, as canonical JSON.

    `python -m batches.planning verify FILE` checks it anywhere, without this system and its data.
    Raises DomainError for a run without a plan, one planned when inputs still named who approved an exception and why, or
    one whose free text would tell an identity or telephone number.
    """
    with audit.act("export_plan", by=by, subject=run.batch or run.programme, run=run.pk, fingerprint=run.fingerprint):
        if not run.plan_text:
            raise DomainError("no_plan", "这次编排还没有结果，不能导出。请等它完成。")
        document, plan = run.document, run.plan
        if _names_somebody(document):
            raise DomainError("names_inside", "这次编排的数据里写着例外的理由和批准人，不能导出。请重新编排，再导出。")
        spare = run.figures.get("spare_moves", 0)
        try:
            return canonical(write_draw(document, plan, seed=run.seed, prefer=run.prefer, spare_moves=spare))
        except InputError as error:
            raise DomainError("not_exportable", f"不能导出：{refusal(error)}。") from error


def _names_somebody(document: dict[str, Any]) -> bool:
    told = (row[name] for row in document["waivers"] for name in ("reason", "approver"))
    return not all(WITHOUT_NAMES.fullmatch(text) for text in told)
