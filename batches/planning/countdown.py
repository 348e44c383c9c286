"""The coverage countdown: how many batches until everybody up to the covered age has attended, when that is, and who sets it.

The batches of the input come first; as many more as are needed follow, each like the last one, a week's Monday after it.
Age is that of the reference month, as everywhere in the planner. The number is the smallest for which the network of
stage 1 (`outlook_cover`) seats everybody who can be seated at all; those who cannot are named with the reason.
"""

import datetime
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from .changes import apply
from .formats import Document
from .outlook_cover import Kind, Room, by_place, by_unit, covers_all, kinds_of, most_covered
from .problem import Batch, Cadre, Problem, day_text, spans

MOST_BATCHES = 160
"""Forty years of quarters: who finds no seat until then never does."""


@dataclass
class Horizon:
    """The input with as many batches as were looked at, and who is due in it."""

    problem: Problem
    room: Room
    due: list[Cadre]
    never: list[dict[str, Any]]

    @property
    def free(self) -> list[Cadre]:
        """Who is due, can be seated, and is not pinned."""
        out = {row["cadre"] for row in self.never}
        return [c for c in self.due if c.id not in out and c.id not in self.problem.batch_pins]

    @property
    def pinned(self) -> list[Cadre]:
        return [cadre for cadre in self.due if self.problem.batch_pins.get(cadre.id) is not None]


def countdown(document: Document, *, most: int = MOST_BATCHES) -> dict[str, Any]:
    """Batches still needed (`needed`, None when more than `most`), the last of them, who sets the number, and the rest.

    `batches` has a row per batch up to the last needed (people of those due, covered so far, left); `units` a row per unit
    with people due, by its code; `never` who cannot be covered at all; `turning` who will pass the age before the end.
    """
    case = _horizon(document, most)
    while True:
        kinds = kinds_of(case.free)
        needs = _needs(case)
        seats = _seats_need(case, kinds)
        needed = _smallest(case, kinds, max([seats["needs"], *(row["needs"] for row in needs)], default=0))
        looked_at = len(case.problem.batches)
        if needed is not None or looked_at >= most:
            break
        case = _case(longer(case.problem.document, min(most, 2 * looked_at)), most)
    shown = len(case.problem.batches) if needed is None else needed
    counts = most_covered(case.room, kinds, shown) if kinds and shown else [{} for _ in kinds]
    rows = _rows(case, kinds, counts, shown)
    last = case.problem.batches[needed - 1] if needed else None
    left = Counter({unit: len(people) for unit, people in by_unit(case.free).items()}) - by_place(kinds, counts)[1]
    return {
        "due": len(case.due),
        "named": len(case.pinned),
        "coverable": len(case.free) + len(case.pinned),
        "needed": needed,
        "last": _batch_row(last) if last else None,
        "batches": rows,
        "units": needs,
        "seats": seats,
        "setters": _setters(case, kinds, needs, seats, needed),
        "uncovered": dict(sorted(left.items())),
        "never": case.never,
        "turning": _turning(case, last),
    }


def _batch_row(batch: Batch) -> dict[str, Any]:
    return {
        "batch": batch.id,
        "number": batch.place + 1,
        "first_day": day_text(batch.first),
        "last_day": day_text(batch.last),
        "month": day_text(batch.last)[:7],
    }


def _rows(case: Horizon, kinds: Sequence[Kind], counts: list[dict[int, int]], shown: int) -> list[dict[str, Any]]:
    people = by_place(kinds, counts)[0]
    people.update(place for c in case.pinned if (place := case.problem.batch_pins[c.id]) is not None)
    total, covered, rows = len(case.free) + len(case.pinned), 0, []
    for batch in case.problem.batches[:shown]:
        covered += people[batch.place]
        rows.append({**_batch_row(batch), "people": people[batch.place], "covered": covered, "left": total - covered})
    return rows


# How far to look


def longer(document: Document, count: int) -> Document:
    """The input with so many batches in all, those to come copied from the last one; never fewer than it has."""
    more = count - len(document["batches"])
    if more <= 0 or not document["batches"]:
        return document
    bare = document | {"cadres": [], "previous": None, "waivers": [], "pins": {kind: [] for kind in document["pins"]}}
    while more > 0:
        bare = apply(bare, [{"kind": "more_batches", "count": min(more, 100)}])
        more -= 100
    return document | {"batches": bare["batches"]}


def people_only(document: Document) -> Document:
    """The input without bases: all that stage 1 looks at."""
    empty: Document = {"bases": [], "other_uses": [], "history": {"bases": [], "households": []}, "previous": None}
    pins = document["pins"] | {"gatherings": []}
    return document | empty | {"pins": pins}


def _who_counts(document: Document) -> Document:
    """Without cadres who are neither due nor pinned, so that less is looked at."""
    rules, pins = document["programme"], document["pins"]
    year, month = map(int, rules["reference_month"].split("-"))
    eldest = f"{year - rules['full_coverage_age'] - 1}-{month:02d}"
    pinned = {pin["cadre"] for kind in ("batches", "classes") for pin in pins[kind]}
    rows = [
        row for row in document["cadres"]
        if row["id"] in pinned or (row["birth"] > eldest and not row["attended_before"])
    ]  # fmt: skip
    return document | {"cadres": rows}


def _horizon(document: Document, most: int) -> Horizon:
    """Long enough for the units' and the seats' own need after the last long absence has ended."""
    document = _who_counts(people_only(document))
    first = _case(document, most)
    free = by_unit(first.free)
    needs = [_least(first, people) for people in free.values()] + [_seats_need(first, kinds_of(first.free))["needs"]]
    count = max([len(document["batches"]), *needs]) + _absent_until(document, first) + 1
    return _case(longer(document, min(most, count)), most)


def _case(document: Document, most: int) -> Horizon:
    problem = Problem(document)
    due = [cadre for cadre in problem.cadres if cadre.tier == 0]
    rows = {row["id"]: row for row in document["cadres"]}
    out = [(cadre, _why_never(problem, cadre, rows[cadre.id], most)) for cadre in due]
    never = [{"cadre": c.id, "unit": c.unit, "reason": why[0], "message": why[1]} for c, why in out if why]
    return Horizon(problem, Room(problem), due, never)


def _stride(problem: Problem) -> int:
    """Days from the beginning of one batch to come to the next."""
    last = problem.batches[-1]
    return last.last + 1 - last.monday + (-(last.last + 1 - last.monday)) % 7


def _end_of_absence(problem: Problem, cadre: Cadre, row: Document) -> int | None:
    """The day until which somebody who fits no batch so far is away; None when it is not absence that bars."""
    if cadre.open or not problem.batches:
        return None
    last = problem.batches[-1]
    away = [until for start, until in spans(row["unavailable"]) if until > last.first and start <= last.last]
    return max(away, default=None)


def _batches_until(problem: Problem, day: int) -> int:
    """How many batches after the last one have begun by that day."""
    return max(0, math.ceil((day - problem.batches[-1].first) / _stride(problem)))


def _absent_until(document: Document, case: Horizon) -> int:
    rows = {row["id"]: row for row in document["cadres"]}
    ends = [_end_of_absence(case.problem, cadre, rows[cadre.id]) for cadre in case.free]
    return max((_batches_until(case.problem, end) for end in ends if end is not None), default=0)


def _why_never(problem: Problem, cadre: Cadre, row: Document, most: int) -> tuple[str, str] | None:
    """(reason, sentence) for who finds no seat in any batch to come, however many there are."""
    if cadre.id in problem.batch_pins:
        return ("withdrawn", "已定为暂不选派") if problem.batch_pins[cadre.id] is None else None
    if not problem.batches:
        return ("no_batch", "还没有期次")
    if cadre.track is None:
        return ("no_track", "不符合任何班型的条件")
    last = problem.batches[-1]
    if not last.of_track(cadre.track):
        return ("no_class", f"班型 {cadre.track} 每期没有班")
    if cadre.parity is not None and cadre.parity not in last.parities(cadre.track):
        return ("parity", f"只能在{'单' if cadre.parity == 'odd' else '双'}周集中，而他的班型没有这样的班")
    if all(problem.quota(cadre.unit, batch) == 0 for batch in problem.batches):
        return ("quota", f"单位 {cadre.unit} 每期名额为 0")
    if cadre.leading and all(problem.leading_quota(cadre.unit, batch) == 0 for batch in problem.batches):
        return ("leading", "班子成员每期名额为 0")
    if cadre.open:
        return None
    if row["must"]:
        return ("must", f"只能参加期次 {'、'.join(sorted(row['must']))}，而那时不能参加")
    end = _end_of_absence(problem, cadre, row)
    if end is None or len(problem.batches) + _batches_until(problem, end) <= most:
        return None
    return ("absent", "长期不能参加")


# How many


def _smallest(case: Horizon, kinds: list[Kind], least: int) -> int | None:
    """The smallest number of batches that covers everybody: from a lower bound upwards in growing steps, then halved."""
    pinned = max((place + 1 for place in case.problem.batch_pins.values() if place is not None), default=0)
    most = len(case.problem.batches)
    last_pinned = max((case.problem.batch_pins[c.id] or 0 for c in case.pinned), default=-1) + 1
    if not kinds:
        return min(last_pinned, pinned)
    low = high = min(most, max(least, 1))
    step = 1
    while not covers_all(case.room, kinds, high):
        if high >= most:
            return None
        low, high, step = high + 1, min(most, high + step), 2 * step
    while low < high:
        middle = (low + high) // 2
        if covers_all(case.room, kinds, middle):
            high = middle
        else:
            low = middle + 1
    return max(low, last_pinned)


def _needs(case: Horizon) -> list[dict[str, Any]]:
    """A row per unit with people due: the batches that its own limits ask for, were there seats without end."""
    problem, out = case.problem, Counter(row["unit"] for row in case.never)
    pinned = Counter(cadre.unit for cadre in case.pinned)
    free, rows = by_unit(case.free), []
    for unit, due in by_unit(case.due).items():
        people = free.get(unit, [])
        quota, most = _usual_quota(problem, unit), int(problem.rules["leading_max"])
        leading = sum(cadre.leading for cadre in people)
        rows.append(
            {
                "unit": unit,
                "due": len(due),
                "named": pinned[unit],
                "people": len(people),
                "leading": leading,
                "quota": quota,
                "leading_max": most,
                "never": out[unit],
                "away": sum(len(cadre.open) < len(problem.batches) for cadre in people),
                "needs": _needs_of(case, people),
                "by_leading": leading > 0
                and math.ceil(leading / max(1, most)) > math.ceil(len(people) / max(1, quota)),
            }
        )
    return rows


def _usual_quota(problem: Problem, unit: str) -> int:
    """The unit's quota where no exception is granted."""
    own = problem.units[unit]["quota"]
    return int(problem.rules["unit_max_per_batch"] if own is None else own)


def _least(case: Horizon, people: list[Cadre]) -> int:
    """The batches that a unit's quota and its leading members ask for, absences left aside."""
    unit, problem = people[0].unit, case.problem
    usual = _usual_quota(problem, unit), int(problem.rules["leading_max"])
    wanted = len(people), sum(cadre.leading for cadre in people)
    result = 1
    for ask, number, usually in ((case.room.quota, wanted[0], usual[0]), (case.room.leading, wanted[1], usual[1])):
        left, count = number, 0
        for batch in problem.batches:
            if left <= 0:
                break
            most = ask(unit, batch.place)
            left, count = left - (left if most is None else most), count + 1
        result = max(result, count + (math.ceil(max(0, left) / usually) if usually else 0))
    return result


def _needs_of(case: Horizon, people: list[Cadre]) -> int:
    """Batches that a unit's own limits ask for: the least, or more where people are away or out of some."""
    if not people:
        return 0
    least, batches = _least(case, people), len(case.problem.batches)
    kinds = kinds_of(people)
    if all(len(kind.open) == batches and not case.room.one_sided(kind) for kind in kinds):
        return least
    for count in range(least, batches + 1):
        if sum(sum(row.values()) for row in most_covered(case.room, kinds, count, seats=False)) == len(people):
            return count
    return max(least, batches)


def _seats_need(case: Horizon, kinds: list[Kind]) -> dict[str, Any]:
    """The batches that the seats alone ask for, by the track that asks for most."""
    result: dict[str, Any] = {"track": None, "people": 0, "per_batch": 0, "needs": 0}
    people: Counter[str] = Counter()
    for kind in kinds:
        people[kind.track] += kind.people
    for track, count in sorted(people.items()):
        size = int(case.problem.rules["class_size"]["max"])
        per_batch = len(case.problem.batches[-1].of_track(track)) * size
        left, places = count, 0
        for batch in case.problem.batches:
            if left <= 0:
                break
            left, places = left - case.room.seats(batch.place, track), places + 1
        needs = places + (math.ceil(max(0, left) / per_batch) if per_batch else 0)
        if needs > result["needs"]:
            result = {"track": track, "people": count, "per_batch": per_batch, "needs": needs}
    return result


# Who sets it


def _setters(
    case: Horizon, kinds: list[Kind], needs: list[dict[str, Any]], seats: dict[str, Any], needed: int | None
) -> list[dict[str, Any]]:
    """What the number follows from: units whose own need is as large, the seats, or units left over by both together."""
    if not kinds or needed == 0:
        return []
    result = [
        {"kind": "unit", "subject": row["unit"], "needs": row["needs"], "sentence": sentence_of(row)}
        for row in needs
        if row["people"] and row["needs"] == needed
    ]
    if seats["needs"] == needed:
        told = f"还有 {seats['people']} 人，每期最多 {seats['per_batch']} 个座位，要 {seats['needs']} 期"
        result.append({"kind": "seats", "subject": seats["track"], "needs": seats["needs"], "sentence": told})
    if result:
        return result
    before = len(case.problem.batches) if needed is None else needed - 1
    reached = by_place(kinds, most_covered(case.room, kinds, before))[1] if before else Counter()
    waiting = Counter({unit: len(people) for unit, people in by_unit(case.free).items()}) - reached
    return [
        {
            "kind": "both",
            "subject": unit,
            "needs": needed,
            "sentence": f"座位和单位名额合在一起：办完 {before} 期，{unit} 还有 {count} 人排不进",
        }
        for unit, count in sorted(waiting.items())
    ]


def sentence_of(row: dict[str, Any]) -> str:
    """“U12 41 人，每期最多 3 人，要 14 期” of a unit's row."""
    if row["by_leading"]:
        return f"{row['unit']} 有班子成员 {row['leading']} 人，每期最多 {row['leading_max']} 人，要 {row['needs']} 期"
    return f"{row['unit']} 有 {row['people']} 人，每期最多 {row['quota']} 人，要 {row['needs']} 期"


def _turning(case: Horizon, last: Batch | None) -> list[str]:
    """Who is due now and will have passed the age in the month in which the last batch needed ends."""
    if last is None:
        return []
    end = datetime.date.fromordinal(last.last)
    limit = int(case.problem.rules["full_coverage_age"])
    born = {row["id"]: row["birth"] for row in case.problem.document["cadres"]}
    result = []
    for cadre in case.free:
        year, month = map(int, born[cadre.id].split("-"))
        if end.year - year - (end.month < month) > limit:
            result.append(cadre.id)
    return result


def covered_month(document: Document, places: dict[str, int], problem: Problem) -> str | None:
    """The month in which the last batch ends that a plan needs to cover everybody who can be; None when some are left."""
    rows = {row["id"]: row for row in document["cadres"]}
    due = [c for c in problem.cadres if c.tier == 0]
    wanted = [c for c in due if _why_never(problem, c, rows[c.id], MOST_BATCHES) is None]
    if not wanted or any(c.id not in places for c in wanted):
        return None
    return day_text(max(problem.batches[places[c.id]].last for c in wanted))[:7]
