"""What the session page and the one-sheet overview show: class table, calendar, rule sheet, levels, of any arrangement."""

import datetime
import json
import math
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from django.utils import timezone

from batches.arrangement import Arrangement, Visit
from batches.breaches import broken_in
from batches.bygones import excused_by, fact_to_come, levels_to_come, over_of
from batches.clashes import clashes_in_words
from batches.models import Batch, Parity, PlanRun, PracticeClass, Waiver
from batches.plan_ids import key, pk_of
from batches.plan_labels import Labels, shortfall_sentence
from batches.planning.changes import TRIAL
from batches.planning.checker import Breach, rule_sheet
from batches.planning.checker_levels import LEVELS
from batches.queries import over_when_made
from batches.waivers import subject_in_words
from batches.without_seat import why_without
from cadres.models import Cadre, Unit
from cadres.queries import age_at
from office.models import CalendarDay

BAR_WIDTH = 160
EXCEPTION = re.compile(r"E[1-9]\d*")
EXACT, LARGE = 1e-6, 100
"""Equal but for rounding; from this size on, a distance is told in percent."""
FILLS = 4


# Class table


@dataclass(frozen=True)
class Segment:
    """A part of a balance bar, in SVG units."""

    label: str
    count: int
    x: float
    width: float
    fill: int

    @property
    def middle(self) -> float:
        return self.x + self.width / 2

    @property
    def shows_number(self) -> bool:
        return self.width >= 14


@dataclass(frozen=True)
class Bar:
    name: str
    segments: tuple[Segment, ...]

    @property
    def text(self) -> str:
        return "、".join(f"{segment.label} {segment.count} 人" for segment in self.segments)


@dataclass(frozen=True)
class ClassLine:
    practice_class: PracticeClass
    size: int
    mean_age: float | None
    bars: tuple[Bar, ...]
    days: int
    villages: int


@dataclass(frozen=True)
class ClassTable:
    """Lines by class number; `heads` are the attributes with the names of their colours."""

    heads: tuple[tuple[str, tuple[tuple[int, str], ...]], ...]
    lines: tuple[ClassLine, ...]

    @property
    def spread(self) -> int:
        """The most by which two classes of a track differ in the number of people of any one kind; one that nobody is in yet
        has nothing to be even with."""
        found = 0
        for place, (_, kinds) in enumerate(self.heads):
            for _, name in kinds:
                counts: dict[int, list[int]] = defaultdict(list)
                for line in self.lines:
                    if not line.size:
                        continue
                    here = (part.count for part in line.bars[place].segments if part.label == name)
                    counts[line.practice_class.track_id].append(sum(here))
                found = max(found, *(max(row) - min(row) for row in counts.values()), 0)
        return found

    @property
    def sizes(self) -> tuple[int, int]:
        """The fewest and the most people of a class in which there is anybody."""
        sizes = [row.size for row in self.lines if row.size] or [0]
        return min(sizes), max(sizes)

    @property
    def empty(self) -> int:
        """Classes in which nobody is (yet)."""
        return sum(not row.size for row in self.lines)


def class_table(arrangement: Arrangement) -> ClassTable:
    """Size, mean age (full years in the batch's first month) and the balance of four attributes, class by class."""
    batch = arrangement.batch
    bands = sorted(batch.programme.age_bands) or [30, 35, 40]
    band_names = [f"{bands[0]} 及以下", *(f"{low + 1}—{high}" for low, high in pairwise(bands))]
    band_names.append(f"{bands[-1]} 以上")

    def band(cadre: Cadre) -> str:
        return band_names[sum(age_at(cadre.birth, batch.first_day) > top for top in bands)]

    everybody = [cadre for people in arrangement.members.values() for cadre in people]
    attributes: list[tuple[str, Callable[[Cadre], str], list[str]]] = [
        ("性别", lambda cadre: cadre.get_sex_display(), ["男", "女"]),
        ("年龄", band, band_names),
        ("职务层次", lambda cadre: cadre.level or "未填", []),
        ("单位类别", lambda cadre: cadre.unit.get_kind_display(), [str(label) for label in Unit.Kind.labels]),
    ]
    scales = [(name, value, _categories(map(value, everybody), order)) for name, value, order in attributes]
    lines = []
    for practice_class in arrangement.classes:
        people = arrangement.members[practice_class.pk]
        ages = [age_at(cadre.birth, batch.first_day) for cadre in people]
        days, villages = days_and_villages(arrangement, practice_class)
        bars = tuple(_bar(name, [value(cadre) for cadre in people], categories) for name, value, categories in scales)
        lines.append(
            ClassLine(
                practice_class, len(people), round(sum(ages) / len(ages), 1) if ages else None, bars, days, villages
            )
        )
    heads = tuple((name, tuple(enumerate(categories, start=1))) for name, _, categories in scales)
    return ClassTable(heads, tuple(lines))


def _categories(values: Iterable[str], order: list[str]) -> list[str]:
    """At most four: in their own order, or the most frequent first; what is left over is 其他."""
    count = Counter(values)
    found = [name for name in order if count[name]] or [name for name, _ in sorted(count.items(), key=_most)]
    if len(found) <= FILLS:
        return found
    frequent = {name for name, _ in sorted(count.items(), key=_most)[: FILLS - 1]}
    return [name for name in found if name in frequent] + ["其他"]


def _most(item: tuple[str, int]) -> tuple[int, str]:
    return -item[1], item[0]


def _bar(name: str, values: list[str], categories: list[str]) -> Bar:
    count: Counter[str] = Counter(value if value in categories else "其他" for value in values)
    segments, x, total = [], 0.0, len(values) or 1
    for fill, category in enumerate(categories, start=1):
        if count[category]:
            width = BAR_WIDTH * count[category] / total
            segments.append(Segment(category, count[category], round(x, 1), round(max(width - 1, 1), 1), fill))
            x += width
    return Bar(name, tuple(segments))


def days_and_villages(arrangement: Arrangement, practice_class: PracticeClass) -> tuple[int, int]:
    """Village days and distinct villages of a class's gatherings (R14, R15)."""
    visits = [visit for visit in arrangement.held if visit.practice_class.pk == practice_class.pk]
    villages = {base.village_id for visit in visits for base in visit.bases}
    return sum(visit.days for visit in visits), len(villages)


# Calendar


@dataclass(frozen=True)
class Week:
    number: int
    monday: datetime.date
    parity: str
    holiday: str


@dataclass
class CalendarLine:
    practice_class: PracticeClass
    cells: list[Visit | None]
    days: int
    villages: int
    enough_days: bool
    enough_villages: bool


@dataclass
class Calendar:
    """Weeks of the batch, and the classes of each parity with one cell a week; `pinned` and `marked` are cells' keys."""

    weeks: list[Week]
    groups: list[tuple[str, str, list[CalendarLine]]] = field(default_factory=list)
    pinned: set[tuple[int, int]] = field(default_factory=set)
    marked: set[tuple[int, int]] = field(default_factory=set)


def weeks_of(batch: Batch) -> list[Week]:
    """Weeks from the one that holds the first day; the first is odd (docs/rules.md §1)."""
    monday = batch.first_day - datetime.timedelta(days=batch.first_day.weekday())
    weeks: list[Week] = []
    free = CalendarDay.objects.filter(kind="holiday", day__range=(monday, batch.last_day)).order_by("day")
    names = {day: name or "放假" for day, name in free.values_list("day", "name")}
    while monday <= batch.last_day:
        days = [monday + datetime.timedelta(days=n) for n in range(7)]
        holiday = "、".join(dict.fromkeys(names[day] for day in days if day in names))
        weeks.append(Week(len(weeks) + 1, monday, "even" if len(weeks) % 2 else "odd", holiday))
        monday += datetime.timedelta(days=7)
    return weeks


def calendar_of(arrangement: Arrangement) -> Calendar:
    """Class × week: the gathering in the week it begins, with what each class adds up to."""
    weeks = weeks_of(arrangement.batch)
    programme = arrangement.batch.programme
    places = {visit.key: visit for visit in arrangement.visits}
    calendar = Calendar(weeks)
    for parity, name in Parity.choices:
        lines = []
        for practice_class in arrangement.classes:
            if practice_class.parity != parity:
                continue
            days, villages = days_and_villages(arrangement, practice_class)
            cells = [
                places.get((practice_class.pk, (week.number + 1) // 2)) if week.parity == parity else None
                for week in weeks
            ]
            lines.append(
                CalendarLine(
                    practice_class, cells, days, villages, days >= programme.min_village_days,
                    villages >= programme.min_distinct_villages,
                )
            )  # fmt: skip
        if lines:
            calendar.groups.append((parity, name, lines))
    return calendar


# What the planner says of its plan


@dataclass(frozen=True)
class Finding:
    """A breach or an approved exception (who approved it, when and why at its end) in plain words, without the word 已批准例外;
    `class_pk` is the row of the class table that it is about."""

    text: str
    class_pk: int | None
    waived: bool
    cell: tuple[int, int] | None = None
    """Class and index of the gathering that it is about."""


@dataclass(frozen=True)
class Granted:
    """An approved exception that the plan was made with; `used` where the plan needs it."""

    subject: str
    reason: str
    approver: str
    used: bool
    day: datetime.date | None
    """When it was approved; None for one that a trial supposes."""

    @property
    def approval(self) -> str:
        """林晓雯 11月22日批准; 试算时假设."""
        if self.approver == TRIAL:
            return f"{TRIAL}时假设"
        return f"{self.approver} {self.day.month}月{self.day.day}日批准" if self.day else f"{self.approver}批准"


@dataclass(frozen=True)
class RuleRow:
    code: str
    name: str
    ok: bool | None
    fact: str
    findings: tuple[Finding, ...]
    granted: tuple[Granted, ...] = ()
    over: int = 0
    """Gatherings on which the rule does not bear, since they are over."""
    hints: tuple[str, ...] = ()
    """What the plan cannot mend and people have to: of R19 staff who are asked to two gatherings at once (`clashes`)."""


@dataclass(frozen=True)
class LevelRow:
    """A level of the objective: `key` is the planner's name of it, everything else is for people."""

    key: str
    name: str
    stage: int
    value: str
    bound: str
    gap: str


@dataclass(frozen=True)
class PlanSays:
    """Rule sheet, shortfalls and levels of one plan, every identifier replaced by its label."""

    rules: tuple[RuleRow, ...]
    shortfalls: tuple[str, ...]
    unassigned: tuple[tuple[str, str], ...]
    levels: tuple[LevelRow, ...]
    moves: int
    seed: int
    fingerprint: str
    pins: tuple[str, ...] = ()
    """People and cells that are fixed and that the plan has elsewhere: a sentence each."""

    @property
    def broken(self) -> int:
        """What nobody approved: of the rules, and of what people fixed."""
        return sum(not finding.waived for row in self.rules for finding in row.findings) + len(self.pins)

    @property
    def waived(self) -> int:
        return sum(finding.waived for row in self.rules for finding in row.findings)

    @property
    def granted(self) -> int:
        return sum(len(row.granted) for row in self.rules)

    @property
    def kept(self) -> int:
        return sum(row.ok is True and not row.hints for row in self.rules)

    @property
    def clashes(self) -> tuple[str, ...]:
        """What stands on the rules' lines as a hint."""
        return tuple(hint for row in self.rules for hint in row.hints)

    @property
    def hints(self) -> int:
        """What the plan says beside breaches: shortfalls, exceptions that it uses, and hints on a rule's line."""
        return len(self.shortfalls) + self.waived + len(self.clashes)


def plan_says(run: PlanRun, broken: Iterable[Breach] | None = None, clashes: Sequence[str] | None = None) -> PlanSays:
    """The independent checker's sheet and the plan's own statements, for people (one query a kind of identifier).

    What was fixed stands on no rule's line; it is among what the checker finds `broken`. That and the `clashes` of staff are
    asked where nobody has asked them already.
    """
    pins = [breach for breach in (broken_in(run) if broken is None else broken) if breach.code == "PINS"]
    document, plan = run.document, run.plan
    lines, without = rule_sheet(document, plan), why_without(run)
    breaches = [breach for line in lines for breach in (*line.breaches, *line.waived)]
    labels = Labels(
        [breach.message for breach in (*breaches, *pins)]
        + [breach.subject.removeprefix(f"{breach.code}:") for breach in breaches]
        + [json.dumps(row, ensure_ascii=False) for row in plan["shortfalls"]]
        + [f"{klass}#{index}" for row in plan["shortfalls"] for klass, index in _offered(row)]
        + [f"{cadre} {message}" for cadre, message in without.items()]
        + [row[name] for row in document["waivers"] for name in ("subject", "reason", "approver")]
    )
    if clashes is None:
        clashes = clashes_in_words(run.batch) if run.batch is not None else ()
    hints = {"R19": tuple(clashes)}
    used = {(breach.code, breach.subject) for breach in breaches if breach.waived}
    excused = excused_by(document["waivers"])
    granted = _granted(
        [row for row in document["waivers"] if (row["rule"], row["subject"]) not in excused], labels, used
    )
    return PlanSays(
        rules=tuple(
            RuleRow(
                line.code, line.name, line.ok, fact_to_come(line, document, plan, excused),
                tuple(
                    Finding(
                        _told(breach, labels, granted.get((breach.code, breach.subject))), _class_in(breach.subject),
                        breach.waived, _cell_of(breach),
                    )
                    for breach in (*line.breaches, *line.waived) if (breach.code, breach.subject) not in excused
                ),
                tuple(row for (rule, _), row in granted.items() if rule == line.code),
                over_of(line.code, excused),
                hints.get(line.code, ()),
            )
            for line in lines
        ),
        shortfalls=tuple(shortfall_sentence(row, labels) for row in plan["shortfalls"]),
        unassigned=tuple((labels.of(row["cadre"]), labels.say(without[row["cadre"]])) for row in plan["unassigned"]),
        levels=tuple(level_row(row) for row in levels_to_come(plan, over_when_made(run))),
        moves=len(plan["moves"]),
        seed=run.seed,
        fingerprint=run.fingerprint,
        pins=tuple(labels.say(breach.message) for breach in pins),
    )  # fmt: skip


def _granted(rows: list[dict[str, str]], labels: Labels, used: set[tuple[str, str]]) -> dict[tuple[str, str], Granted]:
    """The exceptions of an input by rule and subject (one query for the days; a reason names its row)."""
    pks = [pk_of(row["reason"]) for row in rows if EXCEPTION.fullmatch(row["reason"])]
    days = {
        key("E", pk): timezone.localtime(at).date()
        for pk, at in Waiver.objects.filter(pk__in=pks, approved_at__isnull=False).values_list("pk", "approved_at")
    }
    return {
        (row["rule"], row["subject"]): Granted(
            subject_in_words(row["subject"], labels), labels.put(row["reason"]), labels.put(row["approver"]),
            (row["rule"], row["subject"]) in used, days.get(row["reason"]),
        )
        for row in rows
    }  # fmt: skip


def _told(breach: Breach, labels: Labels, granted: Granted | None) -> str:
    """The breach in words; of an approved exception also why, who approved it and when: after it, where the page has a chip."""
    if not breach.waived or granted is None:
        return labels.say(breach.message)
    return f"{labels.say(breach.fact)}原因：{granted.reason}（{granted.approval}）"


def _offered(row: dict[str, Any]) -> list[Any]:
    offer = row.get("offer")
    return offer.get("gatherings", []) if isinstance(offer, dict) else []


def _class_in(subject: str) -> int | None:
    for part in subject.replace("#", ":").replace("/", ":").split(":"):
        if part[:1] == "K" and part[1:].isdigit():
            return pk_of(part)
    return None


def _cell_of(breach: Breach) -> tuple[int, int] | None:
    """The gathering that a breach is about, if it is about one alone."""
    found = [(pk_of(name), index) for name, index in breach.cells]
    return found[0] if len(found) == 1 else None


def level_row(row: dict[str, Any]) -> LevelRow:
    """A level of a plan, or the best so far of one that is being solved, in words."""
    name, unit = LEVELS.get(row["level"], ("其他目标", ""))
    bound = "" if row["bound"] is None else f"{number(row['bound'])}{unit}"
    gap = distance(row["value"], row["bound"], unit)
    return LevelRow(row["level"], name, row["stage"], f"{number(row['value'])}{unit}", bound, gap)


def distance(value: float, bound: float | None, unit: str = "") -> str:
    """How far a value may be from the best there is: proven best, at most so much, or nothing where no bound is known."""
    if bound is None:
        return ""
    away = abs(value - bound)
    if away <= EXACT * max(1.0, abs(value)):
        return "已到最好，证明"
    if min(abs(value), abs(bound)) < LARGE:
        told = max(0.01, abs(round(value, 2) - round(bound, 2)))  # of the two figures as they stand beside it
        return f"距最优不超过 {number(round(told, 2))}{unit}"
    return f"距最优不超过 {max(0.1, math.ceil(1000 * away / abs(value)) / 10):.1f}%"


def number(value: float) -> str:
    """1,463 or 1.67: decimals only where they say something."""
    return f"{value:,.0f}" if float(value).is_integer() or abs(value) >= LARGE else f"{value:,.2f}"
