"""What is asked of a plan for one person, and why it cannot all be met (R06, R07)."""

from collections.abc import Mapping, Sequence

from batches.models import Batch, PlanDemand, PracticeClass, Track
from cadres.models import Cadre
from cadres.queries import age_at

Kind = PlanDemand.Kind


def track_of(cadre: Cadre, batch: Batch, tracks: Sequence[Track]) -> Track | None:
    """The first track, by order, whose criteria the person meets at the batch's beginning."""
    age = age_at(cadre.birth, batch.first_day)
    return next(
        (
            track
            for track in tracks
            if (track.min_age is None or age >= track.min_age)
            and (track.max_age is None or age <= track.max_age)
            and (not track.levels or cadre.level in track.levels)
            and (not track.post_kinds or cadre.post_kind in track.post_kinds)
        ),
        None,
    )


def contradiction(
    batch: Batch, demands: Mapping[str, PlanDemand], classes: Sequence[PracticeClass], tracks: Sequence[Track]
) -> str:
    """Why one person's demands, by their kind, cannot all be met; empty when they can."""
    cadre = next(iter(demands.values())).cadre
    pin, parity = demands.get(Kind.PIN), demands.get(Kind.PARITY)
    if Kind.MUST in demands and Kind.MUST_NOT in demands:
        return f"{cadre.name}既要参加本期又不能参加"
    if pin is not None and Kind.MUST_NOT in demands:
        return f"{cadre.name}固定到第{pin.class_number}班，又不能参加本期"
    own = track_of(cadre, batch, tracks)
    if pin is not None:
        fixed = next((row for row in classes if row.number == pin.class_number), None)
        if fixed is None:
            return f"{cadre.name}固定到第{pin.class_number}班，本期没有这个班"
        if own is not None and fixed.track_id != own.pk:
            return f"{cadre.name}是{own.name}的人，固定到的第{fixed.number}班是别的班型"
        if parity is not None and fixed.parity != parity.parity:
            return f"{cadre.name}固定到第{fixed.number}班（{fixed.get_parity_display()}），又只能{parity.get_parity_display()}"
        return ""
    if parity is None or own is None or any(row.track_id == own.pk and row.parity == parity.parity for row in classes):
        return ""
    return f"{cadre.name}只能{parity.get_parity_display()}，{own.name}没有{parity.get_parity_display()}的班"


def told(demand: PlanDemand) -> str:
    """“固定到班：第1班”."""
    what = demand.get_parity_display() if demand.parity else ""
    what = what or (f"第{demand.class_number}班" if demand.class_number else "")
    return f"{demand.get_kind_display()}：{what}" if what else str(demand.get_kind_display())
