"""Who sits in which class as the version in force has it: one day and one list for every page and paper that names a version.

A version that follows one in force counts from the day after it was published (`published.published_versions`). Whatever
carries its number tells its own people from the first, and the day where that is still to come; whoever joins, moves or
leaves after that day is told beside them, with the day.
"""

import datetime
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import pairwise

from django.db.models import Q, QuerySet
from django.utils import timezone

from batches.models import Batch, ClassMembership, Enrollment, Nomination, PracticeClass
from batches.published import since_of
from batches.queries import going, seated
from batches.states import LIVE
from cadres.models import Cadre


@dataclass(frozen=True)
class Later:
    """Somebody who joins (no class `before`), moves or leaves (no class `after`) from `day` on."""

    enrollment: Enrollment
    day: datetime.date
    before: PracticeClass | None
    after: PracticeClass | None

    @property
    def cadre(self) -> Cadre:
        return self.enrollment.cadre

    @property
    def said_of_leaving(self) -> str:
        """12月20日起到第5班, 12月8日起退出: for the class that is left."""
        return f"{day_words(self.day)}起" + (f"到{self.after.short_name}" if self.after is not None else "退出")

    @property
    def said_of_coming(self) -> str:
        """12月20日起从第3班来, 12月15日起参加: for the class that is joined."""
        return f"{day_words(self.day)}起" + (f"从{self.before.short_name}来" if self.before is not None else "参加")

    @property
    def said(self) -> str:
        """12月20日起到第5班, 12月8日起退出, 12月15日起参加: beside the class of the day."""
        return self.said_of_leaving if self.before is not None else self.said_of_coming


@dataclass
class Roll:
    """`seats` by class number and name are those of `day`; `later` is what happens after it, in order of days."""

    day: datetime.date
    seats: list[ClassMembership] = field(default_factory=list)
    later: list[Later] = field(default_factory=list)

    @property
    def since(self) -> str:
        """自11月23日起; nothing where it is today's list."""
        return since_words(self.day) if self.day > timezone.localdate() else ""

    @property
    def posts_day(self) -> datetime.date:
        """The day whose posts and offices stand beside the list: no earlier than today."""
        return max(self.day, timezone.localdate())

    @property
    def to_come(self) -> str:
        """以后1人到班、1人调班、2人退出: how the number of people and the classes will change; nothing where they will not."""
        kinds = Counter(
            "到班" if row.before is None else "退出" if row.after is None else "调班" for row in self.later
        )  # fmt: skip
        told = "、".join(f"{kinds[word]}人{word}" for word in ("到班", "调班", "退出") if kinds[word])
        return f"以后{told}" if told else ""

    def of(self, practice_class: PracticeClass) -> list[ClassMembership]:
        return [row for row in self.seats if row.practice_class_id == practice_class.pk]

    def leaving(self, practice_class: PracticeClass) -> list[Later]:
        return [row for row in self.later if row.before == practice_class]

    def coming(self, practice_class: PracticeClass) -> list[Later]:
        return [row for row in self.later if row.after == practice_class]


def day_words(day: datetime.date) -> str:
    """12月20日"""
    return f"{day.month}月{day.day}日"


def since_words(day: datetime.date) -> str:
    return f"自{day_words(day)}起"


def roll_days(batches: Iterable[Batch]) -> dict[int, datetime.date]:
    """The day whose seats count, by batch: today, or the first day of the version in force where that is still to come; never
    outside the batch (a fixed number of queries).
    """
    rows = list(batches)
    since, today = since_of(row for row in rows if row.state in LIVE), timezone.localdate()
    return {row.pk: min(max(today, row.first_day, since.get(row.pk, today)), row.last_day) for row in rows}


def roll_day(batch: Batch) -> datetime.date:
    return roll_days([batch])[batch.pk]


def roll_of(batch: Batch) -> Roll:
    """The list of a batch's people for pages and papers (one query beside those of the day)."""
    day = roll_day(batch)
    roll = Roll(day)
    rows = ClassMembership.objects.filter(
        practice_class__batch=batch, live=True, enrollment__live=True, days__endswith__gt=day
    ).select_related("enrollment__cadre__unit", "practice_class")
    before: dict[int, ClassMembership] = {}
    for row in rows.order_by("days", "pk"):
        if day in row.days:
            roll.seats.append(row)
        else:
            roll.later += _between(before.get(row.enrollment_id), row)
        before[row.enrollment_id] = row
    for row in before.values():
        if row.days.upper is not None and row.days.upper <= batch.last_day:
            roll.later.append(Later(row.enrollment, row.days.upper, row.practice_class, None))
    roll.seats.sort(key=lambda row: (row.practice_class.number, row.enrollment.cadre.sort_name, row.pk))
    roll.later.sort(key=lambda row: (row.day, row.cadre.sort_name, row.enrollment.pk))
    return roll


def _between(last: ClassMembership | None, row: ClassMembership) -> list[Later]:
    """What happens from one membership of somebody to the next: a move, days away told as leaving and joining, or nothing."""
    begins, ended = row.days.lower, last.days.upper if last is not None else None
    if begins is None:
        return []
    if last is None or ended is None:
        return [Later(row.enrollment, begins, None, row.practice_class)]
    if ended < begins:
        return [
            Later(row.enrollment, ended, last.practice_class, None),
            Later(row.enrollment, begins, None, row.practice_class),
        ]
    if last.practice_class_id == row.practice_class_id:
        return []
    return [Later(row.enrollment, begins, last.practice_class, row.practice_class)]


@dataclass(frozen=True)
class Seat:
    """Somebody's class as the list has it, and from when, or what happens afterwards: 3月10日起，3月20日起到第1班."""

    practice_class: PracticeClass
    said: str


def seats_of(enrollments: Iterable[Enrollment]) -> dict[int, Seat]:
    """The class of each on the roll's day, else the next one, else the last; nothing for who never had one (a fixed number
    of queries).
    """
    people = {row.pk: row for row in enrollments}
    days = roll_days({row.batch_id: row.batch for row in people.values()}.values())
    rows: dict[int, list[ClassMembership]] = defaultdict(list)
    found = ClassMembership.objects.filter(enrollment__in=people, live=True).select_related("practice_class__batch")
    for row in found.order_by("days", "pk"):
        rows[row.enrollment_id].append(row)
    return {pk: _seat(people[pk], rows[pk], days[people[pk].batch_id]) for pk in rows}


def _seat(enrollment: Enrollment, rows: list[ClassMembership], day: datetime.date) -> Seat:
    batch, today = enrollment.batch, timezone.localdate()
    ahead = [row for row in rows if row.days.upper is None or row.days.upper > day] or rows[-1:]
    first, last, said = ahead[0], ahead[-1], []
    if first.days.lower is not None and first.days.lower > max(today, batch.first_day):
        said.append(f"{day_words(first.days.lower)}起")
    for before, after in pairwise(ahead):
        said += [
            f"{day_words(row.day)}起" + (f"到{row.after.short_name}" if row.after is not None else "退出")
            for row in _between(before, after)
        ]
    if last.days.upper is not None and today < last.days.upper <= batch.last_day:
        said.append(f"{day_words(last.days.upper)}起退出")
    return Seat(first.practice_class, "，".join(said))


def sitting(batch: Batch) -> QuerySet[ClassMembership]:
    """Memberships that hold on the roll's day."""
    return (
        ClassMembership.objects.filter(seated(roll_day(batch)), practice_class__batch=batch)
        .select_related("enrollment__cadre__unit", "practice_class")
        .order_by("practice_class__number", "enrollment__cadre__sort_name", "pk")
    )


def seated_in(days: Mapping[int, datetime.date]) -> Q:
    """Memberships that hold on the roll's day of each batch (`roll_days`)."""
    found = Q(pk__in=())
    for pk, day in days.items():
        found |= Q(practice_class__batch=pk) & seated(day)
    return found


def since_answered(batch: Batch) -> dict[str, int]:
    """Of those confirmed for a batch in force: who has left, who comes from a later day on, who has no class yet."""
    if batch.state not in LIVE:
        return {"left": 0, "coming": 0, "waiting": 0}
    roll = roll_of(batch)
    confirmed = going(batch).filter(state=Nomination.State.CONFIRMED)
    out = set(confirmed.values_list("cadre", flat=True)) - {row.enrollment.cadre_id for row in roll.seats}
    coming = out & {row.enrollment.cadre_id for row in roll.later if row.before is None}
    left = out & set(batch.enrollments.values_list("cadre", flat=True)) - coming
    return {"left": len(left), "coming": len(coming), "waiting": len(out - left - coming)}
