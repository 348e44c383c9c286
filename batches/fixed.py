"""What people fixed (已固定), and what would go against it: one rule for what is told beforehand, for acts and for publishing.

A cell of the calendar that is fixed stays where it is, and somebody fixed to a class or to the batch stays there, until
somebody takes that back: nothing decided by hand overrules it silently.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from django.utils import timezone

from accounts.models import AuditEntry
from batches.models import Batch, Gathering, GatheringPin, PlanDemand, PracticeClass
from batches.plan_ids import key, pk_of
from batches.planning.changes import Change
from cadres.models import Cadre
from config.errors import DomainError

FIXED = "fixed"
"""The code of what is refused because somebody fixed it otherwise."""
FREE_CELL = "请先在“固定和调换”里取消这处固定，再来改。"
FREE_PERSON = "请先到“名单”里取消这条要求（由服务中心取消），再来改。"
LEAVING = {"withdraw", "later"}
MOST_TOLD = 3


def code_in_words(code: str) -> str:
    """The rule's code as people know it; pins that a plan does not keep have none."""
    return "固定的人或集中没有照办" if code == "PINS" else code


def against(batch: Batch, changes: Sequence[Change]) -> list[str]:
    """What of the changes goes against something fixed: what is fixed, by whom, when and why, and what frees it."""
    rows = pinned_cells(batch) if any(row["kind"] == "pin_gathering" for row in changes) else {}
    people = {pk_of(row["cadre"]) for row in changes if "cadre" in row}
    demands = list(_demands(batch, people)) if people else []
    found = [*_cells_against(rows, changes)]
    for change in changes:
        found += [_person(row, _wish(batch, change)) for row in demands if _contradicts(batch, row, change)]
    return found


def require_free(batch: Batch, changes: Sequence[Change]) -> None:
    """Raises DomainError "fixed" for changes that go against something fixed."""
    _refuse(against(batch, changes))


def require_may_stay_away(batch: Batch, cadre: Cadre) -> None:
    """Somebody fixed to the batch or to a class of it does not leave it. Raises DomainError "fixed"."""
    require_free(batch, [{"kind": "withdraw", "cadre": key("C", cadre.pk)}])


def require_may_sit_in(practice_class: PracticeClass, cadre: Cadre) -> None:
    """Somebody fixed to a class sits in no other. Raises DomainError "fixed"."""
    change = {"kind": "pin_class", "cadre": key("C", cadre.pk), "class": key("K", practice_class.pk)}
    require_free(practice_class.batch, [change])


def require_may_fall_out(batch: Batch, gatherings: Iterable[Gathering]) -> None:
    """A gathering that is fixed is not called off: the next plan would put it back. Raises DomainError "fixed"."""
    pins = pinned_cells(batch)
    cells = [(row.practice_class_id, row.index) for row in gatherings]
    _refuse([_cell(pins[place], "不能取消") for place in cells if place in pins])


def _refuse(sentences: Sequence[str]) -> None:
    if sentences:
        more = f"这样固定的还有 {len(sentences) - MOST_TOLD} 处。" if len(sentences) > MOST_TOLD else ""
        raise DomainError(FIXED, "".join(sentences[:MOST_TOLD]) + more)


# Cells


def pinned_cells(batch: Batch) -> dict[tuple[int, int], GatheringPin]:
    """Cells that are fixed, by class and fortnight."""
    rows = GatheringPin.objects.filter(practice_class__batch=batch, live=True)
    rows = rows.select_related("practice_class", "base__village", "second_base__village")
    return {(row.practice_class_id, row.index): row for row in rows.order_by("practice_class__number", "index")}


def _cells_against(pins: dict[tuple[int, int], GatheringPin], changes: Iterable[Change]) -> Iterator[str]:
    for change in changes:
        if change["kind"] != "pin_gathering":
            continue
        pin = pins.get((pk_of(change["class"]), change["index"]))
        if pin is not None and _moves(pin, change):
            yield _cell(pin, "不能改")


def _moves(pin: GatheringPin, change: Change) -> bool:
    """Whether the change has another day or other bases than are fixed, or leaves the fixed bases open."""
    if change["first_day"] is None and change["bases"] is None:
        return True
    fixed = {base for base in (pin.base_id, pin.second_base_id) if base is not None}
    wanted = {pk_of(name) for name in change["bases"] or ()}
    other_day = bool(pin.first_day and change["first_day"] and pin.first_day.isoformat() != change["first_day"])
    return other_day or bool(fixed and fixed != wanted)


def _cell(pin: GatheringPin, refused: str) -> str:
    who = _by("pin_gathering", PracticeClass._meta.label, pin.practice_class_id, index=pin.index)
    name = f"{pin.practice_class.short_name}第 {pin.index} 次集中"
    return f"{name}已固定在 {where_fixed(pin)}（{who}原因：{pin.reason}），{refused}。{FREE_CELL}"


def where_fixed(pin: GatheringPin) -> str:
    """12-04 石门村、樟树村; a day alone where the base is left to the planner."""
    bases = [str(base.village) for base in (pin.base, pin.second_base) if base is not None]
    parts = [f"{pin.first_day:%m-%d}" if pin.first_day else "", "、".join(bases)]
    return " ".join(part for part in parts if part)


# People


def _demands(batch: Batch, people: Iterable[int]) -> Any:
    kinds = (PlanDemand.Kind.PIN, PlanDemand.Kind.MUST)
    rows = PlanDemand.objects.filter(batch=batch, cadre__in=people, kind__in=kinds, live=True)
    return rows.select_related("cadre__unit").order_by("cadre", "kind")


def _contradicts(batch: Batch, row: PlanDemand, change: Change) -> bool:
    if change.get("cadre") != key("C", row.cadre_id):
        return False
    if change["kind"] in LEAVING or (change["kind"] == "pin_batch" and change["batch"] != key("B", batch.pk)):
        return True
    if change["kind"] != "pin_class" or row.kind != PlanDemand.Kind.PIN:
        return False
    there = batch.classes.filter(pk=pk_of(change["class"])).first()
    return there is None or there.number != row.class_number


def _wish(batch: Batch, change: Change) -> str:
    if change["kind"] != "pin_class":
        return "不能退出"
    there = batch.classes.filter(pk=pk_of(change["class"])).first()
    return f"不能到{there.short_name}" if there is not None else "不能到别的班"


def _person(row: PlanDemand, refused: str) -> str:
    where = f"固定在第{row.class_number}班" if row.kind == PlanDemand.Kind.PIN else "定为必须参加本期"
    who = _by("demand", Batch._meta.label, row.batch_id, cadre=row.cadre_id, kind=row.kind)
    return f"{row.cadre.name}（{row.cadre.unit}）已{where}（{who}原因：{row.reason}），{refused}。{FREE_PERSON}"


def _by(act: str, subject_type: str, subject_id: int, **data: Any) -> str:
    """周敏 11-21 14:05 固定， from the audit trail; nothing where it does not know."""
    rows = AuditEntry.objects.filter(act=act, subject_type=subject_type, subject_id=str(subject_id)).order_by("-seq")
    for actor, at, text in rows.values_list("actor", "at", "data").iterator():
        known = json.loads(text)
        if all(known.get(name) == value for name, value in data.items()):
            return f"{actor} {timezone.localtime(at):%m-%d %H:%M} 固定，"
    return ""
