"""What an act would change, told before it is done: the act is carried out, looked at, and rolled back."""

from collections.abc import Callable
from dataclasses import dataclass, field

from django.db import transaction

from batches.heads import members_of
from batches.models import Batch, Enrollment, Gathering, Lodging
from batches.presence import village_days


class _Undo(Exception):
    """Takes the trial back."""


@dataclass
class Picture:
    """What an act may touch: beds by person and gathering, days in villages, gatherings that take place."""

    beds: dict[tuple[int, int], str] = field(default_factory=dict)
    days: dict[int, tuple[int, int]] = field(default_factory=dict)
    names: dict[int, str] = field(default_factory=dict)
    members: dict[int, int] = field(default_factory=dict)
    gatherings: dict[int, str] = field(default_factory=dict)


def told_before(batch: Batch, act: Callable[[], object]) -> list[str]:
    """Sentences about what `act` would do; nothing of it is kept. Raises the DomainErrors of the act itself.

    The trial runs in a transaction that is rolled back, notices and audit entry included, so that what is told is what
    happens.
    """
    before = _picture(batch)
    after = before
    try:
        with transaction.atomic():
            act()
            after = _picture(batch)
            raise _Undo
    except _Undo:
        return _differences(batch, before, after)


def _picture(batch: Batch) -> Picture:
    found = Picture()
    enrollments = list(Enrollment.objects.filter(batch=batch).select_related("cadre__unit").order_by("pk"))
    for enrollment in enrollments:
        found.names[enrollment.pk] = enrollment.cadre.name
    for pk, days in village_days(enrollments).items():
        found.days[pk] = (days.done + days.coming, len(days.villages_done) + len(days.villages_coming))
    planned = Gathering.objects.filter(practice_class__batch=batch, state=Gathering.State.PLANNED)
    for gathering in planned.select_related("practice_class").order_by("first_day", "pk"):
        last = f" 至 {gathering.last_day:%m-%d}" if gathering.days > 1 else ""
        found.gatherings[gathering.pk] = f"{gathering.practice_class.short_name} {gathering.first_day:%m-%d}{last}"
    for lodging in (
        Lodging.objects.filter(gathering__in=found.gatherings, live=True).select_related("household").order_by("pk")
    ):
        found.beds[lodging.enrollment_id, lodging.gathering_id] = str(lodging.household)
    present = Gathering.objects.filter(pk__in=found.gatherings).order_by("pk")
    found.members.update({pk: len(rows) for pk, rows in members_of(present).items()})
    return found


def _differences(batch: Batch, before: Picture, after: Picture) -> list[str]:
    lines = []
    gone = [text for pk, text in before.gatherings.items() if pk not in after.gatherings]
    if gone:
        lines.append(f"取消 {len(gone)} 次集中：" + "、".join(gone[:6]) + (" 等" if len(gone) > 6 else ""))
        beds = sum(gathering not in after.gatherings for _, gathering in before.beds)
        lines.append(f"空出床位 {beds} 人次，基地和农户的安排随之取消")
    given_up = [key for key in before.beds if key not in after.beds and key[1] in after.gatherings]
    found = [key for key in after.beds if key not in before.beds]
    people = sorted({pk for pk, _ in (*given_up, *found)} | {pk for pk in after.names if pk not in before.names})
    for pk in people[:6]:
        name = after.names.get(pk) or before.names[pk]
        lines += _beds_of(name, pk, given_up, found, before, after)
    lines += _unlodged(before, after)
    lines += _days(batch, before, after)
    return lines


def _beds_of(
    name: str, pk: int, given_up: list[tuple[int, int]], found: list[tuple[int, int]], before: Picture, after: Picture
) -> list[str]:
    lines = []
    if left := [key for key in given_up if key[0] == pk]:
        lines.append(
            f"{name}空出 {len(left)} 次集中的床位：" + "、".join(before.gatherings[key[1]] for key in left[:6])
        )
    if new := [key for key in found if key[0] == pk]:
        places = "、".join(f"{after.gatherings[key[1]]} {after.beds[key]}" for key in new[:6])
        lines.append(f"{name}新排 {len(new)} 次集中的床位：{places}")
    return lines


def _unlodged(before: Picture, after: Picture) -> list[str]:
    """Gatherings where the act leaves somebody without a bed who had one, or brings somebody who finds none."""
    lines = []
    for pk, text in after.gatherings.items():
        short = after.members[pk] - sum(gathering == pk for _, gathering in after.beds)
        was = before.members.get(pk, 0) - sum(gathering == pk for _, gathering in before.beds)
        if short > max(was, 0):
            lines.append(f"{text} 没有合适的空床：办完后要在“没有床位的人”里选一户")
    return lines


def _days(batch: Batch, before: Picture, after: Picture) -> list[str]:
    least = batch.programme.min_village_days
    changed = [pk for pk in after.days if before.days.get(pk, (0, 0)) != after.days[pk]]
    if len(changed) <= 2:
        return [
            f"{after.names[pk]}到期末在村 {before.days.get(pk, (0, 0))[0]} 天变为 {after.days[pk][0]} 天（要满 {least} 天），"
            f"{after.days[pk][1]} 个村"
            for pk in changed
        ]
    short = [pk for pk in changed if after.days[pk][0] < least <= before.days.get(pk, (0, 0))[0]]
    lines = [f"{len(changed)} 人的在村天数减少"]
    if short:
        lines.append(f"其中 {len(short)} 人不满 {least} 天，要补")
    return lines
