"""Who is in which class, where each class goes, and who sleeps where: the same shape for a plan and for the current rows."""

import datetime
from collections import Counter, defaultdict
from collections.abc import Container, Iterator
from dataclasses import dataclass, field
from typing import Any

from django.utils import timezone

from bases.models import HostHousehold, PracticeBase, Room
from batches.models import Batch, Gathering, Lodging, PlanRun, PracticeClass
from batches.plan_days import OnTheDay, on_their_days
from batches.plan_ids import base_of_nobody, is_no_row, number_to_come, pk_of
from batches.queries import latest_run, numbered_beds, told_by_version, version_in_force
from batches.roll import Later, roll_of, since_words
from batches.shortfalls import why_not_held
from batches.standing import OUT, first_open_day, seats_from
from batches.states import LIVE
from cadres.models import Cadre

OVER = "时间已过，没有排"
"""Said of a fortnight in which nothing was arranged until it was over."""


@dataclass(frozen=True)
class Visit:
    """A class's gathering: planned, held, or not taking place with its reason (`skipped`)."""

    practice_class: PracticeClass
    index: int
    first_day: datetime.date | None = None
    last_day: datetime.date | None = None
    bases: tuple[PracticeBase, ...] = ()
    people: int = 0
    skipped: str = ""
    gathering: Gathering | None = None
    shares: tuple[int, ...] = ()
    """People at each of the bases."""

    @property
    def key(self) -> tuple[int, int]:
        return self.practice_class.pk, self.index

    @property
    def days(self) -> int:
        return (self.last_day - self.first_day).days + 1 if self.first_day and self.last_day else 0

    @property
    def village_names(self) -> str:
        return "、".join(str(base.village) for base in self.bases)

    def people_at(self, base: PracticeBase) -> int:
        return sum(people for each, people in zip(self.bases, self.shares, strict=True) if each.pk == base.pk)


@dataclass(frozen=True)
class Stay:
    """One person's bed at a gathering."""

    cadre: Cadre
    household: HostHousehold
    room: Room
    bed: int


@dataclass
class Arrangement:
    """Classes in order of their numbers, members in order of names, visits in order of days, stays by class and index."""

    batch: Batch
    classes: list[PracticeClass]
    members: dict[int, list[Cadre]] = field(default_factory=lambda: defaultdict(list))
    visits: list[Visit] = field(default_factory=list)
    stays: dict[tuple[int, int], list[Stay]] = field(default_factory=lambda: defaultdict(list))
    since: str = ""
    """自11月23日起 where the members are not yet today's."""
    later: list[Later] = field(default_factory=list)
    """Who joins, moves or leaves after the day whose members these are."""
    to_come: str = ""
    """以后1人到班、2人退出: the same in figures."""

    @property
    def people(self) -> int:
        return sum(len(rows) for rows in self.members.values())

    @property
    def held(self) -> list[Visit]:
        return [visit for visit in self.visits if not visit.skipped]

    def visit(self, class_pk: int, index: int) -> Visit | None:
        return next((visit for visit in self.visits if visit.key == (class_pk, index)), None)


def arrangement_of(batch: Batch) -> Arrangement | None:
    """What is in force once the batch is published, else what the newest run says; None before the first run."""
    if batch.state in LIVE:
        return current(batch)
    run = latest_run(batch)
    return planned(batch, run) if run else None


def open_to_change(batch: Batch) -> Arrangement:
    """What a next version would start from: of a published batch everybody in the class in which a repair has them
    (`standing.seats_from`), who is to move already in the new one, who is to leave in none. Of a batch that is over, its end.
    """
    found = current(batch)
    day = first_open_day(batch, timezone.localdate())
    if day > batch.last_day:
        return found
    seats = seats_from(batch, day)
    cadres = _cadres(set(seats))
    found.members.clear()
    for pk, cadre in sorted(cadres.items(), key=lambda row: (row[1].sort_name, row[0])):
        found.members[seats[pk]].append(cadre)
    found.since, found.later, found.to_come = since_words(day), [], ""
    return found


def planned(batch: Batch, run: PlanRun) -> Arrangement:
    """What a run says, not yet rows of its own (7 queries, one more where it adds classes, one where it leaves weeks out, up to
    five where the batch is in force): at each gathering those who are in the class on its day (`plan_days`)."""
    plan: dict[str, Any] = run.plan
    found = Arrangement(batch, [*_classes(batch), *_classes_to_come(batch, run)])
    classes = {row.pk: row for row in found.classes}
    cadres = _cadres({pk_of(row["cadre"]) for row in plan["assignments"]})
    for row in plan["assignments"]:
        if row["class"] is not None and pk_of(row["cadre"]) in cadres and pk_of(row["class"]) in classes:
            found.members[pk_of(row["class"])].append(cadres[pk_of(row["cadre"])])
    for people in found.members.values():
        people.sort(key=lambda cadre: (cadre.sort_name, cadre.pk))
    bases = {row.pk: row for row in PracticeBase.objects.select_related("village__township").order_by("pk")}
    rooms = {row.pk: row for row in Room.objects.select_related("household").order_by("pk")}
    on_the_day = on_their_days(batch, run)
    more = _heads_of_the_day(plan, on_the_day, rooms)
    taken_out = any(row.get("skipped") == OUT for row in plan["gatherings"])
    found.visits += _not_held(classes, plan, run.explanations, _with_rows(batch) if taken_out else ())
    for row in plan["gatherings"]:
        practice_class = classes.get(pk_of(row["class"]))
        if practice_class is None or "skipped" in row:
            continue
        sites = [
            (bases[base], max(site["people"] + more[practice_class.pk, row["index"], base], 0))
            for site in row["sites"] if (base := pk_of(site["base"])) in bases
        ]  # fmt: skip
        found.visits.append(
            Visit(
                practice_class, row["index"], datetime.date.fromisoformat(row["first_day"]),
                datetime.date.fromisoformat(row["last_day"]), tuple(base for base, _ in sites),
                sum(people for _, people in sites), shares=tuple(people for _, people in sites),
            )
        )  # fmt: skip
    beds = numbered_beds()
    for row in plan["lodging"]:
        place = (pk_of(row["class"]), row["index"])
        room, cadre = rooms.get(pk_of(row["room"])), cadres.get(pk_of(row["cadre"]))
        if room is not None and cadre is not None and cadre.pk not in on_the_day.away.get(place, ()):
            bed = beds.get((room.pk, row["bed"]))
            number = row["bed"] if bed is None else bed.number
            found.stays[place].append(Stay(cadre, room.household, room, number))
    _add_staying(found, on_the_day)
    _in_order(found)
    return found


def _heads_of_the_day(
    plan: dict[str, Any], on_the_day: OnTheDay, rooms: dict[int, Room]
) -> Counter[tuple[int, int, int]]:
    """(Class, index, base) → how many more people are there than the plan says; fewer where that is below 0. Who has no bed in
    the plan counts at the first base."""
    more = Counter[tuple[int, int, int]]()
    first = {
        (pk_of(row["class"]), row["index"]): pk_of(row["sites"][0]["base"])
        for row in plan["gatherings"] if "skipped" not in row
    }  # fmt: skip
    lodged = {}
    for row in plan["lodging"]:
        place, cadre = (pk_of(row["class"]), row["index"]), pk_of(row["cadre"])
        room = rooms.get(pk_of(row["room"]))
        if is_no_row(row["room"]):
            more[*place, base_of_nobody(row["household"])] -= cadre not in on_the_day.away.get(place, ())
            lodged[place, cadre] = base_of_nobody(row["household"])
        elif room is not None:
            lodged[place, cadre] = room.household.base_id
    for place, base in first.items():
        for cadre in on_the_day.away.get(place, ()):
            more[*place, lodged.get((place, cadre), base)] -= 1
        more[*place, base] += len(on_the_day.staying.get(place, ()))
    return more


def _add_staying(found: Arrangement, on_the_day: OnTheDay) -> None:
    """The beds of those who still belong to a class that the plan no longer has them in, where its gathering stays where it
    is (one query)."""
    if not any(on_the_day.staying.values()):
        return
    where = {visit.key: (visit.first_day, {base.pk for base in visit.bases}) for visit in found.visits}
    rows = Lodging.objects.filter(
        live=True, gathering__practice_class__batch=found.batch,
        enrollment__cadre__in=set().union(*on_the_day.staying.values()),
    ).select_related("gathering", "enrollment__cadre__unit", "bed__room__household")  # fmt: skip
    for row in rows.order_by("pk"):
        place, room = (row.gathering.practice_class_id, row.gathering.index), row.bed.room
        day, bases = where.get(place, (None, set[int]()))
        if row.enrollment.cadre_id not in on_the_day.staying.get(place, ()):
            continue
        if row.gathering.first_day == day and room.household.base_id in bases:
            found.stays[place].append(Stay(row.enrollment.cadre, room.household, room, row.bed.number))


def current(batch: Batch) -> Arrangement:
    """What holds: members as the version in force has them (`roll.roll_of`), gatherings, beds; and what that version leaves
    out, of which there are no rows (9 queries)."""
    roll = roll_of(batch)
    found = Arrangement(batch, _classes(batch), since=roll.since, later=roll.later, to_come=roll.to_come)
    classes = {row.pk: row for row in found.classes}
    for row in roll.seats:
        found.members[row.practice_class_id].append(row.enrollment.cadre)
    gatherings = (
        Gathering.objects.filter(practice_class__batch=batch)
        .prefetch_related("sites__base__village__township")
        .order_by("index", "state", "pk")
    )
    shown: dict[tuple[int, int], Visit] = {}
    for gathering in gatherings:
        visit = _visit(classes[gathering.practice_class_id], gathering)
        if visit.key not in shown or shown[visit.key].skipped:
            shown[visit.key] = visit
    found.visits = [*shown.values(), *_left_out(batch, classes, shown)]
    keys = {visit.gathering.pk: visit.key for visit in found.visits if visit.gathering is not None}
    lodgings = Lodging.objects.filter(gathering__in=keys, live=True).select_related(
        "enrollment__cadre__unit", "bed__room__household"
    )
    for lodging in lodgings.order_by("pk"):
        room = lodging.bed.room
        stay = Stay(lodging.enrollment.cadre, room.household, room, lodging.bed.number)
        found.stays[keys[lodging.gathering_id]].append(stay)
    _in_order(found)
    return found


def _left_out(batch: Batch, classes: dict[int, PracticeClass], known: Container[tuple[int, int]]) -> list[Visit]:
    """Gatherings that the version in force does not hold, each with its reason."""
    version = version_in_force(batch)
    if version is None or not version.plan.get("gatherings"):
        return []
    told = told_by_version(batch, version.published_at)
    return [visit for visit in _not_held(classes, version.plan, told, known) if visit.key not in known]


def _not_held(
    classes: dict[int, PracticeClass],
    plan: dict[str, Any],
    explanations: list[dict[str, Any]],
    known: Container[tuple[int, int]],
) -> Iterator[Visit]:
    """Gatherings that a plan does not hold, with the reason. What a plan under way leaves out without a row of its own (`known`)
    nobody called off: it is over, and what was over before the class was opened is none of its gatherings."""
    opened, reasons = set[int](), why_not_held(plan, explanations)
    for row in sorted(plan["gatherings"], key=lambda row: (row["class"], row["index"])):
        pk, index, why = pk_of(row["class"]), row["index"], row.get("skipped")
        over = why == OUT and (pk, index) not in known
        if not over:
            opened.add(pk)
        if why and pk in classes and pk in opened:
            yield Visit(classes[pk], index, skipped=OVER if over else reasons[f"{row['class']}#{index}"])


def _with_rows(batch: Batch) -> set[tuple[int, int]]:
    """Class and fortnight of every gathering that was arranged, those called off included."""
    rows = Gathering.objects.filter(practice_class__batch=batch).order_by("pk")
    return set(rows.values_list("practice_class", "index"))


def _visit(practice_class: PracticeClass, gathering: Gathering) -> Visit:
    if gathering.state == Gathering.State.CANCELLED:
        return Visit(
            practice_class, gathering.index, gathering.first_day, gathering.last_day,
            skipped=gathering.state_reason or "已取消", gathering=gathering,
        )  # fmt: skip
    sites = [site for site in sorted(gathering.sites.all(), key=lambda site: site.order) if site.live]
    return Visit(
        practice_class, gathering.index, gathering.first_day, gathering.last_day,
        tuple(site.base for site in sites), sum(site.people for site in sites), gathering=gathering,
        shares=tuple(site.people for site in sites),
    )  # fmt: skip


def _classes(batch: Batch) -> list[PracticeClass]:
    return list(batch.classes.select_related("track", "batch__programme").order_by("number"))


def _classes_to_come(batch: Batch, run: PlanRun) -> list[PracticeClass]:
    """Classes that a trial adds: no rows, under the numbers that they would have."""
    if not any(change["kind"] == "more_classes" for change in run.changes):
        return []
    rows = [row for each in run.document["batches"] for row in each["classes"]]
    tracks = batch.programme.tracks.in_bulk()
    return [
        PracticeClass(pk=pk_of(row["id"]), batch=batch, number=number, parity=row["parity"], track=tracks[pk_of(row["track"])])
        for row in rows
        if (number := number_to_come(pk_of(row["id"]))) is not None
    ]  # fmt: skip


def _cadres(pks: set[int]) -> dict[int, Cadre]:
    return {row.pk: row for row in Cadre.objects.filter(pk__in=pks).select_related("unit").order_by("pk")}


def _in_order(found: Arrangement) -> None:
    far = datetime.date.max
    found.visits.sort(key=lambda row: (row.practice_class.number, row.index, row.first_day or far))
    for stays in found.stays.values():
        stays.sort(key=lambda stay: (stay.household.pk, stay.room.name, stay.bed, stay.cadre.sort_name))
