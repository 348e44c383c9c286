"""What depends on a batch: rows of any app that refer to it or to one of its classes."""

from typing import Any

from pghistory.models import Event

from batches.models import Batch, PracticeClass
from batches.states import CHANGING, LIVE, allowed

INSTEAD = "请用“改期次和日期”把它改成要办的那一期，不用删除。"


def obstacles_to_change(batch: Batch) -> str:
    """Why number and days of a batch stay as they are, and what to do instead; empty where they may be changed."""
    if batch.state in LIVE:
        cure = "个别集中要改的，用“调整”或“固定和调换”。" if batch.state in CHANGING else "安排已经办完，不用再改。"
        return f"{_stands(batch)}，期次和日期不能再改。{cure}"
    if batch.plan_versions.exists():
        return f"{batch}发布过，撤回的版本里写着原来的期次和日期，不能再改。日子要大改的，另建一期。"
    return ""


def obstacles_to_deletion(batch: Batch) -> str:
    """Why a batch cannot be taken away, and what to do instead; empty where nothing depends on it."""
    if batch.state in LIVE:
        cure = "还没有集中、不办了的，可以“撤回发布”。" if allowed(batch, "withdraw") else "办完了就归档。"
        return f"{_stands(batch)}，发布过的要留档，不能删除。{'' if batch.state == Batch.State.CLOSED else cure}"
    rows = depending_on(batch)
    if not rows:
        return ""
    told = "、".join(f"{name} {count} 条" for name, count in rows)
    why = f"{batch}不能删除：已经有了{told}。"
    return why + (obstacles_to_change(batch) or INSTEAD)


def _stands(batch: Batch) -> str:
    return f"{batch}现在是“{batch.get_state_display()}”"


def depending_on(batch: Batch) -> list[tuple[str, int]]:
    """Kinds of rows that refer to the batch or its classes, with their numbers, row history aside (a query a kind).

    Asked of the models themselves, so that a kind of row that somebody adds counts as well.
    """
    found = [
        *_referring(Batch, [batch.pk]),
        *_referring(PracticeClass, list(batch.classes.values_list("pk", flat=True))),
    ]
    return [(name, count) for name, count in found if count]


def _referring(model: Any, pks: list[int]) -> list[tuple[str, int]]:
    """Of each model with a foreign key to these rows, its Chinese name and how many there are."""
    rows = []
    for relation in model._meta.get_fields(include_hidden=True):
        if not relation.auto_created or relation.concrete or relation.many_to_many:
            continue
        referring = relation.related_model
        if referring is not PracticeClass and not issubclass(referring, Event):
            owner = referring._meta.auto_created or referring
            count = referring._default_manager.filter(**{f"{relation.field.name}__in": pks}).count()
            rows.append((str(owner._meta.verbose_name), count))
    return rows
