"""What one plan has other than another: lines with the planner's identifiers, as versions keep them, and the same in words."""

import datetime
import re
from collections.abc import Collection, Mapping
from types import MappingProxyType
from typing import Any

from django.utils import timezone

from batches.by_hand import undone_by_hand
from batches.models import Batch, ClassMembership, Gathering, Lodging, PlanRun, PlanVersion
from batches.plan_days import on_their_days
from batches.plan_ids import is_no_row, key
from batches.plan_labels import SKIP_REASONS, Labels
from batches.queries import numbered_beds, over_when_made
from batches.standing import OUT, first_open_day
from batches.states import LIVE

ELSEWHERE = "给了别人，另找一张"
MOST_BEDS = 100
"""Changes of beds that are told one by one."""
CLASS_NAME, NONE = re.compile(r"第\d+班$"), "无"
FROM_DAY = re.compile(r"(.*?)((?:（\d\d-\d\d 起）)?)$")


def differences(previous: PlanVersion | None, run: PlanRun) -> list[str]:
    """What a run changes against a version, one line each; empty without one. Beds of gatherings that are over are history.
    A change of seats that was registered for a later day than the plan's first has that day."""
    if previous is None:
        return []
    later = later_days(run.batch, timezone.localdate(run.created_at)) if run.batch is not None else {}
    lines = plan_differences(
        previous.plan, run.plan, over=over_when_made(run), later=later, undone=undone_by_hand(run)
    )  # fmt: skip
    return lines + (_beds_given_away(run.batch, run) if run.batch is not None else [])


def _beds_given_away(batch: Batch, run: PlanRun) -> list[str]:
    """Beds of people who still belong to a class on the day but no longer to it in the plan, which the plan gives to others:
    publishing finds them another, and says so to them (3 queries, or 5)."""
    staying = on_their_days(batch, run).staying
    if not any(staying.values()):
        return []
    taken = {(row["class"], row["index"], row["room"], row["bed"]) for row in run.plan["lodging"]}
    numbers = {bed.pk: number for (_, number), bed in numbered_beds().items()}
    rows = Lodging.objects.filter(
        live=True, gathering__practice_class__batch=batch, gathering__state=Gathering.State.PLANNED,
        enrollment__cadre__in=set().union(*staying.values()),
    ).select_related("gathering", "bed", "enrollment")  # fmt: skip
    lines = []
    for row in rows.order_by("gathering__first_day", "pk"):
        place, cadre = (row.gathering.practice_class_id, row.gathering.index), row.enrollment.cadre_id
        name, room, bed = (key("K", place[0]), place[1]), key("R", row.bed.room_id), numbers.get(row.bed_id)
        if cadre in staying.get(place, ()) and (*name, room, bed) in taken:
            lines.append(_line(f"{key('C', cadre)}，{name[0]}#{name[1]}", f"{room} {bed} 号床", ELSEWHERE))
    return lines


SeatDays = Mapping[tuple[str, str | None], datetime.date]


def later_days(batch: Batch, made: datetime.date) -> SeatDays:
    """(Cadre, class or None for no more) → the day from which that counts, where it is later than the first day which a plan
    made on `made` can change (2 queries)."""
    if batch.state not in LIVE:
        return {}
    since = first_open_day(batch, made)
    joins = ClassMembership.objects.filter(
        enrollment__batch=batch, enrollment__live=True, live=True, days__startswith__gt=since
    )  # fmt: skip
    rows = joins.order_by("days", "pk").values_list("enrollment__cadre", "practice_class", "days__startswith")
    found: dict[tuple[str, str | None], datetime.date] = {}
    for cadre, practice_class, day in rows:
        found[key("C", cadre), key("K", practice_class)] = day
    for row in batch.enrollments.filter(left_on__gt=since).order_by("pk"):
        if row.left_on is not None:
            found[key("C", row.cadre_id), None] = row.left_on
    return found


def plan_differences(
    old: dict[str, Any],
    plan: dict[str, Any],
    *,
    over: Collection[str] = (),
    later: SeatDays = MappingProxyType({}),
    undone: Mapping[str, str] = MappingProxyType({}),
) -> list[str]:
    """What one plan has other than another: seats, gatherings, then beds, one line each with the planner's identifiers.

    Beds are told of people who are at the same gathering in both, but for those in `over`; more than a page of them in one line.
    Fortnights that were over when a class was added are no difference. `later` are days from which seats count, `undone` those
    whom somebody had seated by hand since the old plan or before: they come from there.
    """
    lines = [
        _line(*row) + _from(later.get((row[0], row[2]))) + _undone(undone.get(row[0]))
        for row in _changed({**_seats(old), **undone}, _seats(plan))
    ]
    lines += [_line(*row) for row in _changed(_visits(old), _visits(plan)) if row[1:] != (None, OUT)]
    visits, beds = _visits(old), _beds(old)
    same = {place for place, where in _visits(plan).items() if visits.get(place) == where} - set(over)
    moved = [
        row
        for row in _changed(beds, {place: bed for place, bed in _beds(plan).items() if place in beds})
        if row[0][1] in same and row[2]
    ]
    if len(moved) > MOST_BEDS:
        return [*lines, f"集中不变、换床位的：{len(moved)} 人次"]
    return lines + [_line(f"{cadre}，{place}", before, after) for (cadre, place), before, after in moved]


def _changed(old: dict[Any, str], new: dict[Any, str]) -> list[tuple[Any, str | None, str | None]]:
    keys = sorted(old.keys() | new.keys())
    return [(each, old.get(each), new.get(each)) for each in keys if old.get(each) != new.get(each)]


def _line(subject: str, before: str | None, after: str | None) -> str:
    return f"{subject}：{before or NONE} → {after or NONE}"


def _from(day: datetime.date | None) -> str:
    return f"（{day:%m-%d} 起）" if day is not None else ""


def _undone(practice_class: str | None) -> str:
    return f"（到{practice_class}是人工定的）" if practice_class is not None else ""


def _seats(plan: Mapping[str, Any]) -> dict[str, str]:
    return {row["cadre"]: row["class"] for row in plan["assignments"]}


def _visits(plan: dict[str, Any]) -> dict[str, str]:
    return {
        f"{row['class']}#{row['index']}": row.get("skipped")
        or f"{row['first_day']} {'+'.join(sorted(site['base'] for site in row['sites']))}"
        for row in plan["gatherings"]
    }


def _beds(plan: dict[str, Any]) -> dict[tuple[str, str], str]:
    """(cadre, gathering) → bed."""
    return {
        (row["cadre"], f"{row['class']}#{row['index']}"): f"{row['room']} {row['bed']} 号床"
        for row in plan["lodging"]
        if not is_no_row(row["room"])
    }


# In words


def differences_of(version: PlanVersion) -> list[str]:
    """What a version changed, with labels instead of identifiers."""
    return differences_in_words(version.differences)


def differences_in_words(lines: list[str]) -> list[str]:
    """Lines of `plan_differences` with labels instead of identifiers (one query a kind)."""
    labels = Labels(lines)
    return [_difference(labels.put(line)) for line in lines]


def _difference(line: str) -> str:
    """林晓雯：第2班 → 第3班; who falls out, and what no longer takes place, is told as that."""
    subject, _, change = line.rpartition("：")
    before, _, after = change.partition(" → ")
    after, day = FROM_DAY.match(after).groups()  # type: ignore[union-attr] # it matches any text
    if CLASS_NAME.match(before) or CLASS_NAME.match(after):
        if after == NONE:
            return f"{subject}：退出{before}{day}，没有排进"
        if before == NONE:
            return f"{subject}：新排进{after}{day}"
    elif after in SKIP_REASONS or after == NONE:
        why = f"（{SKIP_REASONS[after]}）" if after in SKIP_REASONS else ""
        if before == NONE:
            return f"{subject}：没有集中{why}"
        if before not in SKIP_REASONS:
            return f"{subject}：原定 {before}，不集中了{why}"
    for code, reason in SKIP_REASONS.items():
        line = line.replace(code, f"不集中（{reason}）")
    return line
