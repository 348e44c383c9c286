"""How full each base is, week by week (base × week): people on the fullest day against what it may take."""

import datetime
from collections import defaultdict
from dataclasses import dataclass

from django.db.models import Q

from bases.models import BaseUse, Closure, PracticeBase
from batches.arrangement import Arrangement, Visit
from batches.models import Batch
from batches.overview import Week, weeks_of

SHADES = ((65, "3"), (50, "2"), (0, "1"))
"""Percent of the capacity from which a shade applies."""
DAY = datetime.timedelta(days=1)
Days = dict[datetime.date, int]


@dataclass(frozen=True)
class LoadCell:
    """A base in a week: `kind` is the shade 1 to 3, guest, closed or empty; `told` says the same in words. `noted`: others
    are there than the batch, or it is closed on some day."""

    kind: str
    text: str
    told: str
    noted: bool = False


@dataclass(frozen=True)
class LoadLine:
    base: PracticeBase
    cells: tuple[LoadCell, ...]
    visits: tuple[Visit, ...]

    @property
    def times(self) -> int:
        return len(self.visits)


@dataclass(frozen=True)
class LoadMap:
    weeks: list[Week]
    lines: tuple[LoadLine, ...]

    @property
    def fewest(self) -> int:
        return min((line.times for line in self.lines), default=0)

    @property
    def most(self) -> int:
        return max((line.times for line in self.lines), default=0)


def load_map(arrangement: Arrangement) -> LoadMap:
    """Open bases, and others that the batch goes to, in order of township and village (4 queries)."""
    batch = arrangement.batch
    weeks = weeks_of(batch)
    visits: dict[int, list[Visit]] = defaultdict(list)
    for visit in arrangement.held:
        for base in visit.bases:
            visits[base.pk].append(visit)
    bases = PracticeBase.objects.filter(Q(state=PracticeBase.State.OPEN) | Q(pk__in=list(visits)))
    guests, closed = _guests(batch), _closed(batch)
    lines = []
    for base in bases.select_related("village__township").order_by("village__township__name", "village__name"):
        here = sorted(visits[base.pk], key=lambda row: (row.first_day or datetime.date.max, row.practice_class.number))
        own = _own(here, base)
        cells = tuple(_cell(base, week, own, guests[base.pk], closed[base.pk]) for week in weeks)
        lines.append(LoadLine(base, cells, tuple(here)))
    return LoadMap(weeks, tuple(lines))


def _own(visits: list[Visit], base: PracticeBase) -> Days:
    people: Days = defaultdict(int)
    for visit in visits:
        for day in _days(visit.first_day, visit.last_day):
            people[day] += visit.people_at(base)
    return people


def _days(first: datetime.date | None, last: datetime.date | None) -> list[datetime.date]:
    """From first to last, both included."""
    if first is None or last is None:
        return []
    return [first + DAY * n for n in range((last - first).days + 1)]


def _guests(batch: Batch) -> dict[int, Days]:
    """Outside parties and other batches, people by base and day."""
    found: dict[int, Days] = defaultdict(lambda: defaultdict(int))
    uses = BaseUse.objects.filter(live=True, days__overlap=(batch.first_day, batch.last_day + DAY))
    for use in uses.exclude(gathering_site__gathering__practice_class__batch=batch).order_by("pk"):
        first, until = use.days.lower, use.days.upper
        for day in _days(first, until - DAY if until else first):
            found[use.base_id][day] += use.people
    return found


def _closed(batch: Batch) -> dict[int, dict[datetime.date, str]]:
    """Days on which a whole base is closed, with the reason."""
    found: dict[int, dict[datetime.date, str]] = defaultdict(dict)
    rows = Closure.objects.filter(
        live=True, base__isnull=False, days__overlap=(batch.first_day, batch.last_day + DAY)
    ).order_by("pk")
    for row in rows:
        first = max(row.days.lower or batch.first_day, batch.first_day)
        last = min(row.days.upper or batch.last_day + DAY, batch.last_day + DAY) - DAY
        for day in _days(first, last):
            found[row.base_id or 0][day] = row.reason or row.get_kind_display()
    return found


def _cell(base: PracticeBase, week: Week, own: Days, guests: Days, closed: dict[datetime.date, str]) -> LoadCell:
    days = [week.monday + DAY * n for n in range(7)]
    people = max(own.get(day, 0) for day in days)
    outside = max(guests.get(day, 0) for day in days)
    together = max(own.get(day, 0) + guests.get(day, 0) for day in days)
    reason = next((closed[day] for day in days if day in closed), "")
    percent = round(100 * together / base.declared_capacity)
    told = [f"第 {week.number} 周"]
    if people:
        told.append(f"本期 {people} 人")
    if outside:
        told.append(f"外来或别期 {outside} 人")
    if people or outside:
        told.append(f"最多占承载的 {percent}%")
    if reason:
        told.append(f"停接：{reason}")
    words = "，".join(told)
    if people:
        shade = next(name for least, name in SHADES if percent >= least)
        return LoadCell(shade, f"客 {percent}" if outside else str(percent), words, bool(outside or reason))
    if outside:
        return LoadCell("guest", f"客 {percent}", words, noted=True)
    return LoadCell("closed", "停", words, noted=True) if reason else LoadCell("", "", "")
