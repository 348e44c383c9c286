"""What batches must never break (invariants 1 to 6), asked of the rows.

The database's constraints keep most of it; these queries say whether they were in force all the time. Invariants 3 and 4
are facts of today and the days to come; 5 and 6 are asked of batches whose plan is in force.
"""

import math
from collections import Counter, defaultdict
from typing import Any

from django.db import connection
from django.db.models import Count, Exists, F, OuterRef, Q
from django.utils import timezone

from bases.models import Closure, HostHousehold
from batches.models import Batch, ClassMembership, Enrollment, Gathering, GatheringSite, Lodging, PlanVersion, Waiver
from batches.plan_ids import key, pk_of
from batches.queries import GONE
from batches.roll import sitting
from batches.states import LIVE
from office.invariants import Invariant

OVERLAPPING = """
    SELECT one.id, other.id FROM {table} one JOIN {table} other
      ON one.{same} = other.{same} AND one.id < other.id AND one.{days} && other.{days}{more}
     WHERE one.live AND other.live ORDER BY one.id, other.id LIMIT 200
"""


def _overlapping(table: str, same: str, days: str, more: str = "") -> list[tuple[int, int]]:
    """Pairs of living rows with the same owner on overlapping days. Names of tables and columns are constants of ours."""
    with connection.cursor() as cursor:
        cursor.execute(OVERLAPPING.format(table=table, same=same, days=days, more=more))
        rows: list[tuple[int, int]] = cursor.fetchall()
    return rows


def enrolled_twice() -> list[str]:
    """1a: nobody is enrolled twice in a batch, nor in two whose periods overlap."""
    twice = (
        Enrollment.objects.values("batch", "cadre").annotate(n=Count("pk")).filter(n__gt=1).order_by("batch", "cadre")
    )
    found = [f"干部 {row['cadre']} 在期 {row['batch']} 有 {row['n']} 条" for row in twice]
    pairs = _overlapping("batches_enrollment", "cadre_id", "period")
    return found + [f"编入 {one} 和 {other} 是同一人，时间重叠" for one, other in pairs]


def wrong_periods() -> list[str]:
    """1b: the period on an enrollment is that of its batch."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT e.id FROM batches_enrollment e JOIN batches_batch b ON b.id = e.batch_id"
            " WHERE e.period IS DISTINCT FROM daterange(b.first_day, b.last_day, '[]') AND e.live ORDER BY e.id LIMIT 200"
        )
        return [f"编入 {pk} 的期间与本期起止不同" for (pk,) in cursor.fetchall()]


def in_two_classes() -> list[str]:
    """1c: nobody is in two classes on a day."""
    pairs = _overlapping("batches_classmembership", "enrollment_id", "days")
    return [f"班级成员 {one} 和 {other} 是同一人，日期重叠" for one, other in pairs]


def beds_shared() -> list[str]:
    """2a: one person a bed a night, one bed a person a night, guests of one sex where the programme says so."""
    beds = _overlapping("batches_lodging", "bed_id", "stay")
    people = _overlapping("batches_lodging", "enrollment_id", "stay")
    sexes = _overlapping("batches_lodging", "shared", "stay", " AND one.sex <> other.sex")
    return (
        [f"住宿 {one} 和 {other} 同一晚用一张床" for one, other in beds]
        + [f"住宿 {one} 和 {other} 是同一人同一晚" for one, other in people]
        + [f"住宿 {one} 和 {other} 男女同住" for one, other in sexes]
    )


def lodgings_out_of_step() -> list[str]:
    """2b: nights, sex and household on a lodging are those of its gathering, person and bed."""
    rows = Lodging.objects.filter(live=True).exclude(
        Q(sex=F("enrollment__cadre__sex"))
        & Q(household=F("bed__room__household"))
        & Q(stay__startswith=F("gathering__first_day"))
        & Q(stay__endswith=F("gathering__last_day"))
    )
    whole_nights = rows.filter(gathering__last_day__gt=F("gathering__first_day")).order_by("pk")
    return [f"住宿 {pk} 抄下的夜数、性别或农户与实际不符" for pk in whole_nights.values_list("pk", flat=True)[:200]]


def _coming_sites() -> Any:
    return GatheringSite.objects.filter(
        live=True, gathering__state=Gathering.State.PLANNED, gathering__first_day__gte=timezone.localdate()
    )


def reservations_out_of_step() -> list[str]:
    """3d: each place of a coming gathering has its base reserved on those days for that many people, and beds for no more."""
    found = []
    sites = _coming_sites().select_related("use", "gathering__practice_class__batch").order_by("pk")
    beds = Counter(
        Lodging.objects.filter(gathering__in=_coming_sites().values("gathering"), live=True)
        .order_by("pk")
        .values_list("gathering", "household__base")
    )
    for site in sites:
        use, gathering = site.use, site.gathering
        if use is None or not use.live:
            found.append(f"{gathering}没有占用基地 {site.base_id}")
        elif (use.base_id, use.people, use.days.lower, use.days.upper.toordinal() - 1) != (
            site.base_id, site.people, gathering.first_day, gathering.last_day.toordinal(),
        ):  # fmt: skip
            found.append(f"{gathering}占用基地 {site.base_id} 的日期或人数与安排不同")
        if beds[gathering.pk, site.base_id] > site.people:
            found.append(
                f"{gathering}在基地 {site.base_id} 排床 {beds[gathering.pk, site.base_id]} 人，只占用 {site.people} 人"
            )
    return found


def _coming_lodgings() -> Any:
    return Lodging.objects.filter(
        live=True, gathering__state=Gathering.State.PLANNED, gathering__first_day__gte=timezone.localdate()
    ).order_by("pk")


def guests_where_not_admitted() -> list[str]:
    """4b: nobody is to stay in a household that is not admitted."""
    rows = _coming_lodgings().exclude(household__state=HostHousehold.State.ADMITTED).select_related("household")
    return [f"住宿 {row.pk} 在{row.household}，该户{row.household.get_state_display()}" for row in rows[:200]]


def guests_where_closed() -> list[str]:
    """4c: nobody is to stay in a household or room that is closed on any of the days, the last included."""
    closed = Closure.objects.filter(
        Q(household=OuterRef("household")) | Q(room=OuterRef("bed__room")), live=True,
        days__startswith__lte=OuterRef("gathering__last_day"), days__endswith__gt=OuterRef("gathering__first_day"),
    )  # fmt: skip
    rows = _coming_lodgings().filter(Exists(closed)).select_related("household")
    return [f"住宿 {row.pk} 那几天{row.household}停接" for row in rows[:200]]


def _versions_in_force() -> list[PlanVersion]:
    """The newest version of each batch in force."""
    rows = PlanVersion.objects.filter(batch__state__in=LIVE).select_related("batch__programme", "run")
    newest: dict[int, PlanVersion] = {}
    for row in rows.order_by("batch", "number"):
        newest[row.batch_id] = row
    return list(newest.values())


def unit_rules_broken() -> list[str]:
    """5: a unit's people in a batch: not more than its quota, spread over classes and over odd and even weeks.

    Asked of batches in force and of members of today (before the batch of its first day, after it of its last), without
    those who will leave: their places have been given up and may be filled again. The quota
    is the one the published plan was made with. A waiver for the subject, once approved, excuses it for good: ending one
    leaves what was arranged under it.
    """
    found = []
    excused = set(Waiver.objects.filter(approver__isnull=False).order_by("pk").values_list("batch", "rule", "subject"))
    for version in _versions_in_force():
        found += _unit_rules(
            version, {(rule, subject) for batch, rule, subject in excused if batch == version.batch_id}
        )
    return found


def _unit_rules(version: PlanVersion, excused: set[tuple[str, str]]) -> list[str]:
    batch, found = version.batch, []
    general, own = _quotas(version)
    units: dict[int, list[ClassMembership]] = defaultdict(list)
    for row in _members(batch):
        units[row.enrollment.cadre.unit_id].append(row)
    classes = Counter(batch.classes.order_by("number").values_list("track", flat=True))
    parities = set(batch.classes.order_by("number").values_list("parity", flat=True))
    for unit, rows in sorted(units.items()):
        subject, name = f"{key('U', unit)}@{key('B', batch.pk)}", rows[0].enrollment.cadre.unit
        quota = own.get(unit, name.quota if name.quota is not None else general)
        if len(rows) > quota and ("R01", subject) not in excused:
            found.append(f"{batch}{name}有 {len(rows)} 人，名额 {quota} 人（R01）")
        by_track: dict[int, Counter[int]] = defaultdict(Counter)
        for row in rows:
            by_track[row.practice_class.track_id][row.practice_class_id] += 1
        for track, counts in sorted(by_track.items()):
            most = math.ceil(counts.total() / classes[track])
            if max(counts.values()) > most and ("R02", f"{subject}/{key('W', track)}") not in excused:
                found.append(f"{batch}{name}有 {max(counts.values())} 人在同一个班（R02）")
        weeks = {row.practice_class.parity for row in rows}
        if len(rows) > 1 and len(weeks) < len(parities) and ("R03", subject) not in excused:
            found.append(f"{batch}{name}的 {len(rows)} 人都在同一种周次（R03）")
    return found


def _quotas(version: PlanVersion) -> tuple[int, dict[int, int]]:
    """The general quota and the units' own, as the published plan's input has them."""
    if version.run is None or not version.run.input_text:
        return version.batch.programme.unit_max_per_batch, {}
    document = version.run.document
    general = int(document["programme"]["unit_max_per_batch"])
    rows = {pk_of(row["id"]): row["quota"] for row in document["units"]}
    return general, {pk: general if quota is None else quota for pk, quota in rows.items()}


def _members(batch: Batch) -> list[ClassMembership]:
    return list(sitting(batch).exclude(enrollment__state__in=GONE).order_by("pk"))


def rows_beside_the_version() -> list[str]:
    """6: the current rows of a batch in force are its newest version's, and what acts after publication made of them.

    Compared: the version's text is its run's, numbers run from 1 without a gap; each seat of the version has its enrollment
    row, and whoever is enrolled beside it joined later by an act (`joined_on`); each gathering not cancelled has the days of
    the version's and lies at its bases, and each gathering of the version has its row (cancelled ones stay).
    """
    found = []
    numbers: dict[int, list[int]] = defaultdict(list)
    for batch, number in PlanVersion.objects.order_by("batch", "number").values_list("batch", "number"):
        numbers[batch].append(number)
    found += [f"期 {pk} 的版本号不连续" for pk, seen in numbers.items() if seen != list(range(1, len(seen) + 1))]
    for version in _versions_in_force():
        plan = version.plan
        if version.run is not None and version.run.plan_text and version.run.plan_text != version.plan_text:
            found.append(f"{version}与它的编排记录不同")
        if plan:
            found += _seats_beside(version, plan) + _gatherings_beside(version, plan)
    return found


def _seats_beside(version: PlanVersion, plan: dict[str, Any]) -> list[str]:
    seats = {pk_of(row["cadre"]) for row in plan["assignments"]}
    rows = {row.cadre_id: row for row in version.batch.enrollments.order_by("pk")}
    found = [f"{version}里的干部 {pk} 没有编入" for pk in sorted(seats - rows.keys())]
    return found + [
        f"编入 {row.pk} 不在{version}里，也不是后来加入的"
        for pk, row in sorted(rows.items())
        if row.live and row.state not in GONE and pk not in seats and row.joined_on is None
    ]


def _gatherings_beside(version: PlanVersion, plan: dict[str, Any]) -> list[str]:
    held = {(pk_of(row["class"]), row["index"]): row for row in plan["gatherings"] if "skipped" not in row}
    rows = Gathering.objects.filter(practice_class__batch=version.batch).prefetch_related("sites").order_by("pk")
    present, found = set(), []
    for row in rows:
        place = (row.practice_class_id, row.index)
        present.add(place)
        if row.state == Gathering.State.CANCELLED:
            continue
        planned = held.get(place)
        if planned is None:
            found.append(f"集中 {row.pk} 不在{version}里")
            continue
        bases = {pk_of(site["base"]) for site in planned["sites"]}
        if (planned["first_day"], planned["last_day"]) != (row.first_day.isoformat(), row.last_day.isoformat()):
            found.append(f"集中 {row.pk} 的日期与{version}不同")
        if not {site.base_id for site in row.sites.all() if site.live} <= bases:
            found.append(f"集中 {row.pk} 的基地与{version}不同")
    return found + [f"{version}里班 {pk} 第 {index} 次集中没有安排" for pk, index in sorted(held.keys() - present)]


INVARIANTS: list[Invariant] = [
    Invariant("1a", "一名干部一期只编入一次，不同时在两期", enrolled_twice),
    Invariant("1b", "编入的期间与本期一致", wrong_periods),
    Invariant("1c", "同一天不在两个班", in_two_classes),
    Invariant("2a", "一人一床一晚，同住的同性别", beds_shared),
    Invariant("2b", "住宿抄下的夜数、性别、农户与实际一致", lodgings_out_of_step),
    Invariant("3d", "每次集中占用的基地、日期、人数与安排一致", reservations_out_of_step),
    Invariant("4b", "只安排住在已纳管的农户", guests_where_not_admitted),
    Invariant("4c", "停接的农户、房间没有安排住宿", guests_where_closed),
    Invariant("5", "单位人数不超名额，分在不同班、不同周次，或有批准例外", unit_rules_broken),
    Invariant("6", "现行安排与最新一版一致，版本不改", rows_beside_the_version),
]
