"""What an act would change, told before it is done: the act is carried out, looked at, and rolled back."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from django.db import transaction

from bases.models import BaseManager, TownshipLiaison
from batches.foretold import reasons
from batches.heads import members_of
from batches.models import Batch, ClassStaff, Enrollment, Gathering, Lodging, Mentorship
from batches.presence import village_days
from batches.rules import in_force
from office.actions import Overheard, overhear

MOST_NAMED = 4


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


@dataclass(frozen=True)
class Consequences:
    """Sentences about what an act would do, about who is told of it, and about rules that it leaves broken and were not."""

    lines: list[str]
    told: list[str]
    breaches: list[str]


def told_before(batch: Batch, act: Callable[[], object]) -> Consequences:
    """What `act` would do, and whom it would tell; nothing of it is kept. Raises the DomainErrors of the act itself.

    The trial runs in a transaction that is rolled back, notices and audit entry included, so that what is told is what
    happens.
    """
    before, known = _picture(batch), _broken(batch)
    after, broken, told = before, known, list[str]()
    try:
        with transaction.atomic(), overhear() as heard:
            act()
            after, broken, told = _picture(batch), _broken(batch), _told(batch, heard)
            raise _Undo
    except _Undo:
        breaches = [line for name, line in broken.items() if name not in known]
        return Consequences(_differences(batch, before, after), told, breaches)


def _broken(batch: Batch) -> dict[object, str]:
    """What a repair would have to mend, by what it is about."""
    return {reason.about: reason.line for reason in reasons(batch)}


def _told(batch: Batch, heard: Overheard) -> list[str]:
    """通知 3 人：学员林晓雯，导师周敏，基地管理员和乡镇联络员王芳 — as the act has just told them (5 queries)."""
    left = set(heard.people)
    parts = []

    def posts(rows: Any) -> Any:
        return in_force(rows.filter(user__in=left)).values_list("user", flat=True)

    for role, rows in (
        ("学员", Enrollment.objects.filter(batch=batch, cadre__user__in=left).values_list("cadre__user", flat=True)),
        ("导师", Mentorship.objects.filter(enrollment__batch=batch, user__in=left).values_list("user", flat=True)),
        ("班主任", posts(ClassStaff.objects.filter(practice_class__batch=batch, kind=ClassStaff.Kind.HEAD_TEACHER))),
        ("基地管理员", posts(BaseManager.objects.all())),
        ("乡镇联络员", posts(TownshipLiaison.objects.all())),
    ):
        found = left & set(rows)
        left -= found
        parts += _named(role, found, heard)
    parts += _named("别的有关人员", left, heard)
    told = f"办了就通知 {len(heard.people)} 人：{'，'.join(parts)}" if parts else "没有人会收到通知"
    return [told, *(["没有账号的当事人收不到通知，请单位转告"] if heard.missed else [])]


def _named(role: str, users: set[int], heard: Overheard) -> list[str]:
    if not users:
        return []
    if len(users) > MOST_NAMED:
        return [f"{role} {len(users)} 人"]
    return [f"{role}{'、'.join(heard.people[pk].name for pk in sorted(users))}"]


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
