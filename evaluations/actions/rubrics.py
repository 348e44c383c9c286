"""Score sheets: what is looked at, with which weight, by whom."""

from typing import Any

from accounts import audit
from accounts.models import User
from config.errors import DomainError
from evaluations.models import Criterion, Rubric, Scorer

DEFAULT_CRITERIA = (
    ("在村表现", "守作息、不添麻烦、肯出力", 20, Scorer.MENTOR),
    ("实践过程", "五个一、请假、材料", 20, Scorer.HEAD_TEACHER),
    ("现场问答", "听得懂、答得实，说得出村里的人和事", 25, Scorer.PANEL),
    ("村情与报告", "报告有数据、有办法，村里用得上", 20, Scorer.PANEL),
    ("为民办事", "办的事群众要、办得成、留得住", 15, Scorer.PANEL),
)
"""A first score sheet for an empty county: name, what is looked at, weight in percent, who scores."""
DEFAULT_NAME = "实践评分表"
WHOLE = 100


def save_rubric(*, rubric: Rubric, criteria: list[dict[str, Any]], by: User) -> Rubric:
    """Save a score sheet with its criteria (name, description, weight in percent, scorer; in this order).

    Weights are 1 to 100 and sum to 100. A sheet that a campaign uses stays as it is; the change becomes its next version.
    The rows of the sheet's name are locked, so that it cannot be pinned while it changes. Returns what was saved.
    """
    _require_sound(criteria)
    with audit.act("save_rubric", by=by) as entry:
        namesakes = list(Rubric.objects.select_for_update().filter(name=rubric.name).order_by("-version"))
        if rubric.pk:
            pinned = Rubric.objects.select_for_update().get(pk=rubric.pk).campaigns.exists()
        if rubric.pk and pinned and namesakes and _reads(namesakes[0], criteria):
            entry.came_to_nothing = True  # the same once more, as from an impatient finger: no further version
            return namesakes[0]
        if rubric.pk and pinned:
            rubric = Rubric(name=rubric.name, version=namesakes[0].version + 1 if namesakes else 1)
        elif any(row.version == rubric.version and row.pk != rubric.pk for row in namesakes):
            raise DomainError("rubric_exists", f"已经有“{rubric.name}”。请换个名称，或直接改原来那张。")
        rubric.save()
        rubric.criteria.all().delete()
        Criterion.objects.bulk_create(
            Criterion(rubric=rubric, order=order, **line) for order, line in enumerate(criteria, start=1)
        )
        entry.about(rubric)
    return rubric


def _reads(rubric: Rubric, criteria: list[dict[str, Any]]) -> bool:
    """Whether the sheet has these lines already."""
    names = ("name", "description", "weight", "scorer")
    return list(rubric.criteria.order_by("order").values(*names)) == [
        {name: line[name] for name in names} for line in criteria
    ]


def _require_sound(criteria: list[dict[str, Any]]) -> None:
    total = sum(line["weight"] for line in criteria)
    if total != WHOLE:
        raise DomainError("weights_not_100", f"各项占比合计 {total}%，应为 100%。请调整后再存。")
    if wrong := [line["name"] for line in criteria if not 1 <= line["weight"] <= WHOLE]:
        raise DomainError("weight_out_of_range", f"“{wrong[0]}”的占比要在 1% 至 100% 之间。")
    if len({line["name"] for line in criteria}) != len(criteria):
        raise DomainError("criterion_twice", "有两个评分项同名。请改成不同的名称。")


def default_rubric(*, by: User) -> Rubric:
    """The first score sheet of an empty county. Raises DomainError when it is there already."""
    lines = [
        {"name": name, "description": text, "weight": weight, "scorer": scorer}
        for name, text, weight, scorer in DEFAULT_CRITERIA
    ]
    return save_rubric(rubric=Rubric(name=DEFAULT_NAME), criteria=lines, by=by)
