"""From the county's rows to the planner's input, and the identifiers that lead back (planning/input.schema.json).

Identifiers carry no personal data: a letter for the kind and the row's primary key. Everything is sorted by key, so that the
same facts give the same canonical text and fingerprint.
"""

import datetime
import hashlib
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from django.utils import timezone

from batches.by_hand import seated_by_hand
from batches.leaving_tried import with_leaving
from batches.models import (
    Batch,
    ClassStaff,
    Gathering,
    GatheringPin,
    Mentorship,
    PlanDemand,
    PlanRun,
    PracticeClass,
    Programme,
    Waiver,
)
from batches.plan_ids import key, pk_of
from batches.planning.changes import Change, apply
from batches.planning.formats import canonical
from batches.planning.problem import Problem
from batches.planning_excuses import LEAVING, excuse_groups_of_leaving, excuse_what_was, stand_in_for_joining
from batches.planning_places import base_rows, history_of, other_uses, overlapping, spans
from batches.queries import attended_before, going
from batches.rules import in_force
from batches.standing import OUT, Standing, first_open_day, fortnights_over, standing_of
from batches.states import LIVE
from batches.waivers import granted
from cadres.models import Cadre, Unavailability, Unit
from office.calendar import holidays, working_weekend_days

INPUT_FORMAT = "dunmiao-planning-input/1"
ATTRIBUTES = ("sex", "age_band", "level", "unit_kind", "post_kind")
Ranges = list[list[str]]


def document_of(run: PlanRun) -> dict[str, Any]:
    """The planner's input for a run of a batch, as the facts are now, with the run's own changes laid over them.

    Raises the planner's InputError for changes that do not fit the facts.
    """
    batch = Batch.objects.select_related("programme").get(plan_runs=run)
    return laid_over(batch, facts_for(batch, run), run.changes, today=timezone.localdate(run.created_at))


def laid_over(
    batch: Batch, document: dict[str, Any], changes: Sequence[Change], *, today: datetime.date
) -> dict[str, Any]:
    """The facts with changes laid over them. A class that is added to a batch in force has no gatherings before `today` ends;
    who leaves it on a day to come keeps the beds until then.

    Raises the planner's InputError for changes that do not fit the facts.
    """
    if not changes:
        return document
    found = apply(document, changes)
    if batch.state not in LIVE or found["previous"] is None:
        return found
    since = first_open_day(batch, today)
    if with_leaving(found, changes, since.isoformat(), LEAVING):
        found["previous"] = decisions_of(found["previous"])
    known = {row["id"] for row in document["batches"][0]["classes"]}
    over = [
        {"class": row["id"], "index": index, "skipped": OUT}
        for row in found["batches"][0]["classes"] if row["id"] not in known
        for index in sorted(fortnights_over(batch, row["parity"], since))
    ]  # fmt: skip
    if over:
        rows = sorted([*found["previous"]["gatherings"], *over], key=lambda row: (row["class"], row["index"]))
        found["previous"] = decisions_of(found["previous"] | {"gatherings": rows})
    return found


def facts_for(batch: Batch, run: PlanRun) -> dict[str, Any]:
    """The facts that a run plans. A repair starts from what stands of a published batch, else from the run `against`."""
    day = timezone.localdate(run.created_at)
    document = build_input(batch, names_only=run.purpose == PlanRun.Purpose.NAMES, today=day)
    if run.purpose == PlanRun.Purpose.REPAIR and document["previous"] is None and run.against is not None:
        document["previous"] = decisions_of(run.against.plan | {"by_hand": seated_by_hand(run.against)})
    return document


def build_input(
    batch: Batch, *, names_only: bool = False, today: datetime.date | None = None, standing: Standing | None = None
) -> dict[str, Any]:
    """The planner's input for one batch.

    With `names_only` (stage 1) every cadre in post stands for selection; otherwise the batch's names are pinned to it and
    nobody else appears. A published batch is written as it stands on `today`: its members, what has begun pinned, what is
    arranged as the previous plan (docs/planning.md §6); `standing` is all that, where somebody has asked it already. Raises
    nothing: what is missing shows as shortfalls of the plan.
    """
    if batch.state in LIVE and not names_only:
        return _input_in_force(batch, standing or standing_of(batch, today or timezone.localdate()))
    cadres = list(_cadres(batch, names_only))
    document = _document(batch, cadres, names_only=names_only)
    document["pins"] |= _pins_that_may_be(batch, document)
    return document


def _document(batch: Batch, cadres: list[Cadre], *, names_only: bool = False) -> dict[str, Any]:
    return {
        "format": INPUT_FORMAT,
        "programme": programme_rules(batch.programme, batch.first_day),
        "calendar": calendar_row(batch),
        "units": unit_rows({cadre.unit_id for cadre in cadres}),
        "cadres": cadre_rows(batch, cadres, ignore_past=not names_only),
        "batches": [batch_row(batch)],
        "bases": base_rows(batch),
        "other_uses": other_uses(batch),
        "history": history_of(batch),
        "pins": _pins(batch, cadres, names_only),
        "waivers": waiver_rows(batch),
        "previous": None,
    }


def _input_in_force(batch: Batch, standing: Standing) -> dict[str, Any]:
    """A published batch: what is past binds nobody any more, but it is remembered where it was."""
    cadres = list(Cadre.objects.filter(pk__in=standing.seats.keys() | standing.waiting).order_by("pk"))
    document = _document(batch, cadres)
    document["cadres"] = cadre_rows(batch, cadres, ignore_past=True, since=standing.since)
    document["bases"] = base_rows(batch, standing)
    document["other_uses"] = other_uses(batch, standing)
    for track in document["programme"]["tracks"]:
        track["classes_per_batch"] = sum(row["track"] == track["id"] for row in document["batches"][0]["classes"])
    days = document["calendar"]
    days["holidays"] = [day for day in days["holidays"] if day >= standing.since.isoformat()]
    clashing = {(user, other) for user, _, other in staff_clashes(batch, standing)}
    for row in document["batches"][0]["classes"]:
        row["staff"] = [name for name in row["staff"] if (pk_of(name), pk_of(row["id"])) not in clashing]
    excuse_what_was(batch, standing, document)
    excuse_groups_of_leaving(standing, document)
    plan = _plan_of(batch, standing)
    stand_in_for_joining(batch, standing, document, plan)
    document["previous"] = decisions_of(plan)
    document["pins"] = _pins_in_force(batch, standing, document)
    return document


def seats_in_force(batch: Batch) -> dict[str, Any]:
    """The input of a published batch as far as seats go: its people and those who wait, classes, rules and exceptions."""
    standing = standing_of(batch, timezone.localdate())
    cadres = list(Cadre.objects.filter(pk__in=standing.seats.keys() | standing.waiting).order_by("pk"))
    return {
        "format": INPUT_FORMAT,
        "programme": programme_rules(batch.programme, batch.first_day),
        "calendar": {"holidays": [], "working_weekend_days": []},
        "units": unit_rows({cadre.unit_id for cadre in cadres}),
        "cadres": cadre_rows(batch, cadres, ignore_past=True, since=standing.since),
        "batches": [batch_row(batch)],
        "bases": [], "other_uses": [], "history": [], "waivers": waiver_rows(batch), "previous": None,
        "pins": {"batches": [], "classes": [], "gatherings": []},
    }  # fmt: skip


def staff_clashes(batch: Batch, standing: Standing) -> list[tuple[int, int, int]]:
    """Staff who are asked to two gatherings at once as things stand: user, the class that keeps them, the other class.

    Such a clash is mended by other staff, never by gatherings that fall out (R19).
    """
    found = []
    classes = defaultdict(list)
    for practice_class, users in sorted(_staff_by_class(batch).items()):
        for user in users:
            classes[user].append(practice_class)
    days: dict[int, list[tuple[datetime.date, datetime.date]]] = defaultdict(list)
    for (practice_class, _), stood in sorted(standing.held.items()):
        days[practice_class].append((stood.gathering.first_day, stood.gathering.last_day))
    for user, mine in sorted(classes.items()):
        for place, other in enumerate(mine):
            before = [
                one for one in mine[:place] if any(a <= d and c <= b for a, b in days[one] for c, d in days[other])
            ]
            if before:
                found.append((user, before[0], other))
    return found


def decisions_of(plan: dict[str, Any]) -> dict[str, Any]:
    """A plan reduced to what it decides, as an input's `previous`, with those whom somebody seated by hand, if any."""
    decided = {name: plan[name] for name in ("assignments", "gatherings", "lodging")}
    by_hand = {"by_hand": plan["by_hand"]} if plan.get("by_hand") else {}
    return decided | {"plan_fingerprint": hashlib.sha256(canonical(decided)).hexdigest()} | by_hand


def _plan_of(batch: Batch, standing: Standing) -> dict[str, Any]:
    """What stands, as rows of a plan; with the beds, too, in classes that somebody has left or will leave for another:
    whoever is put back lies where they lay.
    """
    gatherings: list[dict[str, Any]] = [
        {
            "class": key("K", place[0]), "index": place[1], "first_day": stood.gathering.first_day.isoformat(),
            "last_day": stood.gathering.last_day.isoformat(),
            "sites": [{"base": key("P", base), "people": people} for base, people in stood.bases.items()],
        }
        for place, stood in standing.held.items()
    ]  # fmt: skip
    gatherings += [
        {"class": key("K", place[0]), "index": place[1], "skipped": why} for place, why in standing.skipped.items()
    ]
    lodging = [
        {
            "class": key("K", place[0]), "index": place[1], "cadre": key("C", cadre), "household": key("H", household),
            "room": key("R", room), "bed": bed,
        }
        for place, stood in standing.held.items()
        for cadre, (household, room, bed) in (stood.beds | stood.leaving).items()
        if cadre in standing.seats
    ]  # fmt: skip
    return {
        "assignments": [
            {"cadre": key("C", cadre), "batch": key("B", batch.pk), "class": key("K", seat)}
            for cadre, seat in sorted(standing.seats.items())
        ],
        "gatherings": sorted(gatherings, key=lambda row: (row["class"], row["index"])),
        "lodging": sorted(lodging, key=lambda row: (row["class"], row["index"], row["cadre"])),
        "by_hand": [key("C", cadre) for cadre in sorted(standing.by_hand)],
    }


def _pins_in_force(batch: Batch, standing: Standing, document: dict[str, Any]) -> dict[str, Any]:
    """Whoever is seated keeps the batch while the rules about the person allow it; what has begun keeps day and base."""
    seats = [{"cadre": key("C", cadre), "batch": key("B", batch.pk)} for cadre in sorted(standing.seats)]
    document = document | {"pins": document["pins"] | {"batches": seats}}
    pinned = {
        (key("K", place[0]), place[1]): (stood.gathering.first_day, sorted(stood.bases))
        for place, stood in standing.begun.items()
    }
    for pin in _gathering_pins(batch):
        stood = standing.held.get((pin.practice_class_id, pin.index))
        first_day = pin.first_day or (stood.gathering.first_day if stood else None)
        if first_day is not None:
            pinned.setdefault((key("K", pin.practice_class_id), pin.index), (first_day, pinned_bases(pin)))
    return {
        **_pins_that_may_be(batch, document),
        "gatherings": [
            {
                "class": name, "index": index, "first_day": first.isoformat(),
                "bases": [key("P", base) for base in bases] or None,
            }
            for (name, index), (first, bases) in sorted(pinned.items())
        ],
    }  # fmt: skip


def _pins_that_may_be(batch: Batch, document: dict[str, Any]) -> dict[str, Any]:
    """The pins of people but of those whom a rule about the person alone keeps away, who have no seat then and are told with
    the reason (somebody named who fell ill since), and of those fixed to a class of another track."""
    pins = document["pins"]
    people = Problem(document | {"pins": {"batches": [], "classes": [], "gatherings": []}}).by_id
    tracks = {key("K", row.pk): key("W", row.track_id) for row in batch.classes.order_by("number")}
    return {
        "batches": [row for row in pins["batches"] if people[row["cadre"]].open],
        "classes": [
            row for row in pins["classes"]
            if people[row["cadre"]].open and people[row["cadre"]].track == tracks[row["class"]]
        ],
    }  # fmt: skip


def _gathering_pins(batch: Batch) -> list[GatheringPin]:
    return list(GatheringPin.objects.filter(practice_class__batch=batch, live=True).order_by("practice_class", "index"))


def pinned_bases(pin: GatheringPin) -> list[int]:
    """The bases that a pin names; none: left to the planner."""
    return [base for base in (pin.base_id, pin.second_base_id) if base is not None]


def programme_rules(programme: Programme, reference: datetime.date) -> dict[str, Any]:
    """The programme's parameters in the planner's words; ages are taken in the batch's first month."""
    return {
        "name": str(programme),
        "full_coverage_age": programme.full_coverage_age,
        "reference_month": f"{reference:%Y-%m}",
        "repeats": programme.repeats,
        "tracks": [
            {
                "id": key("W", track.pk),
                "name": track.name,
                "classes_per_batch": track.classes_per_batch,
                "criteria": {
                    "min_age": track.min_age,
                    "max_age": track.max_age,
                    "levels": sorted(track.levels) or None,
                    "post_kinds": sorted(track.post_kinds) or None,
                },
            }
            for track in programme.tracks.order_by("order")
        ],
        "class_size": {
            "min": programme.class_size_min, "target": programme.class_size, "max": programme.class_size_max,
        },
        "unit_max_per_batch": programme.unit_max_per_batch,
        "leading_max": programme.leading_max,
        "max_overlap_days": programme.max_overlap_days,
        "gathering_days": programme.gathering_days,
        "weekend_days": {"min": programme.weekend_days_min, "max": programme.weekend_days_max},
        "start_weekdays": sorted(programme.start_weekdays),
        "gathering_interval_weeks": programme.gathering_interval_weeks,
        "min_village_days": programme.min_village_days,
        "min_distinct_villages": programme.min_distinct_villages,
        "household_group": {"min": programme.household_group_min, "max": programme.household_group_max},
        "household_single_sex": programme.household_single_sex,
        "spare_beds": programme.spare_beds,
        "pair_max_km": float(programme.pair_max_km),
        "makeup_rule": programme.makeup_rule,
        "balance": {
            "age_bands": sorted(programme.age_bands),
            "attributes": list(ATTRIBUTES),
            "pairs": [[a, b] for i, a in enumerate(ATTRIBUTES) for b in ATTRIBUTES[i + 1 :]],
        },
    }  # fmt: skip


def _cadres(batch: Batch, names_only: bool) -> Iterable[Cadre]:
    if names_only:
        return Cadre.objects.filter(state=Cadre.State.IN_POST, unit__active=True).order_by("pk")
    return Cadre.objects.filter(pk__in=going(batch).values("cadre")).order_by("pk")


def unit_rows(pks: set[int]) -> list[dict[str, Any]]:
    return [
        {"id": key("U", unit.pk), "kind": unit.kind, "quota": unit.quota}
        for unit in Unit.objects.filter(pk__in=pks).order_by("pk")
    ]


def cadre_rows(
    batch: Batch, cadres: list[Cadre], *, ignore_past: bool, since: datetime.date | None = None
) -> list[dict[str, Any]]:
    """Names that people have confirmed are not shut out again by an earlier attendance (`ignore_past`)."""
    attended = set() if ignore_past else set(attended_before(batch).values_list("pk", flat=True))
    unavailable: dict[int, list[Unavailability]] = defaultdict(list)
    for row in overlapping(Unavailability.objects.all(), batch):
        unavailable[row.cadre_id].append(row)
    must, must_not, parity = set(), set(), {}
    for demand in PlanDemand.objects.filter(batch=batch, live=True):
        if demand.kind == PlanDemand.Kind.MUST:
            must.add(demand.cadre_id)
        elif demand.kind == PlanDemand.Kind.MUST_NOT:
            must_not.add(demand.cadre_id)
        elif demand.kind == PlanDemand.Kind.PARITY:
            parity[demand.cadre_id] = demand.parity
    this = [key("B", batch.pk)]
    return [
        {
            "id": key("C", cadre.pk), "unit": key("U", cadre.unit_id), "sex": cadre.sex, "birth": f"{cadre.birth:%Y-%m}",
            "level": cadre.level, "rank": cadre.rank, "post_kind": cadre.post_kind, "leading": cadre.leading,
            "attended_before": cadre.pk in attended,
            "unavailable": spans(unavailable[cadre.pk], batch.last_day, since),
            "must": this if cadre.pk in must else [],
            "must_not": this if cadre.pk in must_not else [],
            "parity": parity.get(cadre.pk),
        }
        for cadre in cadres
    ]  # fmt: skip


def _staff_by_class(batch: Batch) -> dict[int, set[int]]:
    """Head teachers, and the mentors of those who are in the class; of a published batch from the first day that is open."""
    today = timezone.localdate()
    day = first_open_day(batch, today) if batch.state in LIVE else today
    staff: dict[int, set[int]] = defaultdict(set)
    teachers = ClassStaff.objects.filter(practice_class__batch=batch, kind=ClassStaff.Kind.HEAD_TEACHER)
    for row in in_force(teachers).exclude(until__lt=day):
        staff[row.practice_class_id].add(row.user_id)
    mentors = in_force(
        Mentorship.objects.filter(
            enrollment__batch=batch, enrollment__memberships__live=True,
            enrollment__memberships__days__endswith__gt=day,
        )
    ).exclude(until__lt=day)  # fmt: skip
    for user, practice_class in mentors.values_list("user", "enrollment__memberships__practice_class"):
        staff[practice_class].add(user)
    return staff


def calendar_row(batch: Batch) -> dict[str, Any]:
    return {
        "holidays": [day.isoformat() for day in holidays(batch.first_day, batch.last_day)],
        "working_weekend_days": [day.isoformat() for day in working_weekend_days(batch.first_day, batch.last_day)],
    }


def batch_row(batch: Batch) -> dict[str, Any]:
    staff = _staff_by_class(batch)
    classes: Iterable[PracticeClass] = batch.classes.order_by("number")
    return {
        "id": key("B", batch.pk),
        "first_day": batch.first_day.isoformat(),
        "last_day": batch.last_day.isoformat(),
        "classes": [
            {
                "id": key("K", row.pk), "parity": row.parity, "track": key("W", row.track_id),
                "staff": sorted(key("S", pk) for pk in staff[row.pk]),
            }
            for row in classes
        ],
    }  # fmt: skip


def _pins(batch: Batch, cadres: list[Cadre], names_only: bool) -> dict[str, Any]:
    named = () if names_only else cadres
    classes = {row.number: row.pk for row in batch.classes.all()}
    wanted = PlanDemand.objects.filter(batch=batch, live=True, kind=PlanDemand.Kind.PIN).order_by("cadre")
    present = {cadre.pk for cadre in named}
    return {
        "batches": [{"cadre": key("C", cadre.pk), "batch": key("B", batch.pk)} for cadre in named],
        "classes": [
            {"cadre": key("C", row.cadre_id), "class": key("K", classes[row.class_number])}
            for row in wanted
            if row.class_number in classes and row.cadre_id in present
        ],
        "gatherings": [
            {
                "class": key("K", pin.practice_class_id), "index": pin.index, "first_day": pin.first_day.isoformat(),
                "bases": [key("P", base) for base in pinned_bases(pin)] or None,
            }
            for pin in (() if names_only else _gathering_pins(batch))
            if pin.first_day is not None
        ],
    }  # fmt: skip


def waiver_rows(*batches: Batch) -> list[dict[str, Any]]:
    """Exceptions that hold today. Who approved and why are identifiers too: an input holds no names (`Labels` reads them)."""
    rows = granted(Waiver.objects.filter(batch__in=batches))
    return [
        {"rule": rule, "subject": subject, "reason": key("E", pk), "approver": key("S", approver)}
        for rule, subject, pk, approver in rows.order_by("rule", "subject", "pk").values_list(
            "rule", "subject", "pk", "approver"
        )
    ]


def gatherings_held(batch: Batch) -> bool:
    """Whether any gathering of the batch has begun (withdrawing is then no longer possible)."""
    return Gathering.objects.filter(
        practice_class__batch=batch, first_day__lte=timezone.localdate()
    ).exclude(state=Gathering.State.CANCELLED).exists()  # fmt: skip
