"""The rows of a published batch after its plan was repaired: only what the new version changes is written.

What has begun is never touched. Rows that stay as they were are not saved at all, so that their history shows nothing; who
or what moves keeps its row wherever there is one. Order: seats, then every base that is given up, then every base that is
taken, then beds; the database's constraints have the last word.
"""

import datetime
from collections import Counter, defaultdict
from collections.abc import Iterable
from typing import Any

from django.db import IntegrityError, connection
from django.db.backends.postgresql.psycopg_any import DateRange
from django.db.models import Exists, OuterRef
from django.utils import timezone

from accounts.models import User
from bases.actions import lock_bases, release_base
from bases.models import Bed, PracticeBase
from batches.actions.beds import settle_heads
from batches.actions.guests import (
    Unsettled,
    guests_of,
    recount_guests,
    settle_guests,
    settle_leaving,
    unsettled_beds,
    whereabouts,
)
from batches.actions.notices import Touched, Wanted, expected_at_bases, say_bases, say_gathering, say_person, tell
from batches.actions.people import end_membership, end_offices, join
from batches.actions.projection import AT_ONCE, DAY, let_go, resize_site, take_site
from batches.by_hand import seated_by_hand
from batches.models import Batch, ClassMembership, Enrollment, Gathering, Lodging, Mentorship, PlanRun, PracticeClass
from batches.plan_ids import is_no_row, pk_of
from batches.queries import numbered_beds
from batches.rules import in_force
from batches.standing import Place, Standing, Stood, spans_of, standing_of
from batches.told import Told
from config.errors import Conflict, DomainError

GIVEN_UP = "新一版方案不再安排"


def reproject(
    *, batch: Batch, run: PlanRun, by: User, reason: str, today: datetime.date
) -> tuple[dict[str, int], Told]:
    """Make the rows of a repair's plan current: how many were written by kind, and who was told of it. Call within an act's
    transaction, the batch locked.

    Raises DomainError "in_the_past" for a gathering that would begin today or before, or that has begun since the plan was
    made elsewhere or in other beds than the plan has it, those of `bases.actions.reserve_base`, Conflict when a constraint
    of the database stands against it.
    """
    held = Gathering.objects.filter(practice_class__batch=batch)
    list(held.select_for_update(of=("self",)).order_by("pk"))  # nobody comes to make up days while this is written
    standing, plan = standing_of(batch, today), run.plan
    wanted = _wanted(plan, standing, timezone.localdate(run.created_at))
    lock_bases(
        {base for row in wanted.values() for base in row.bases}
        | {base for stood in standing.coming.values() for base in stood.bases}
    )
    touched = Touched()
    try:
        _write(batch, standing, wanted, run, by, reason, touched)
        with connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
            cursor.execute("SET CONSTRAINTS ALL DEFERRED")
    except IntegrityError as error:
        raise _refused(error) from error
    _free_mentors(batch, standing, touched)
    return dict(touched.rows), tell(batch, touched)


def _write(
    batch: Batch,
    standing: Standing,
    wanted: dict[Place, Wanted],
    run: PlanRun,
    by: User,
    reason: str,
    touched: Touched,
) -> None:
    """Seats, gatherings, beds of members, then of those who will have left, then guests; the bases expect all of them."""
    expected = expected_at_bases(batch)
    makeups = guests_of(stood.gathering for stood in standing.coming.values())
    was = whereabouts(makeups)
    _seat(batch, standing, run, reason, touched)
    standing.spans = spans_of(batch, standing.since)
    recount_guests(standing, wanted, makeups)
    _leave_beds_of_moving(standing, wanted, run.plan)
    enrollments = {row.cadre_id: row for row in batch.enrollments.select_related("cadre__user")}
    lodged = _lodging_changes(standing, wanted)
    moved = {place for place, want in wanted.items() if not _stays(standing, place, want)}
    unsettled = unsettled_beds(standing, wanted, lodged)
    gatherings = _gather(batch, standing, wanted, moved, by, touched)
    _lodge(wanted, gatherings, enrollments, lodged, moved, unsettled, touched)
    without = {place: want.without for place, want in wanted.items()}
    settle_leaving(standing, gatherings, without, moved, unsettled, by, touched)
    members = {gatherings[place].pk: set(want.beds) for place, want in wanted.items()}
    settle_guests(makeups, unsettled, members, was, by, touched)
    settle_heads(gatherings.values(), by, least=1)
    say_bases(expected, expected_at_bases(batch), touched)


def _stays(standing: Standing, place: Place, want: Wanted) -> bool:
    """Whether a gathering stays where it is. Ask before the gatherings are written."""
    stood = standing.coming.get(place)
    return stood is not None and want.is_where(stood)


def _refused(error: IntegrityError) -> Conflict:
    """A refusal in the words of the constraint that stood against it."""
    name = getattr(getattr(error.__cause__, "diag", None), "constraint_name", None) or ""
    own = [
        row for model in (Lodging, Enrollment, ClassMembership) for row in model._meta.constraints
        if row.name == name and row.violation_error_message != row.default_violation_error_message
    ]  # fmt: skip
    told = str(own[0].violation_error_message) if own else "名单或安排刚被别人改过。"
    return Conflict("just_changed", f"{told}没有发布。请再少变动重排一次，再发布。")


def _wanted(plan: dict[str, Any], standing: Standing, made: datetime.date) -> dict[Place, Wanted]:
    """Gatherings of the plan that have not begun. What has begun since the plan was made must be as the plan has it.

    Who changes class stays at a gathering under way until it ends (`_from_day`): beds are asked of those who are there.
    """
    begun_since = {place: stood for place, stood in standing.begun.items() if stood.gathering.first_day > made}
    beds = numbered_beds()
    found: dict[Place, Wanted] = {}
    for row in plan["gatherings"]:
        place = (pk_of(row["class"]), row["index"])
        if place in standing.begun:
            _require_in_place(row, standing.begun[place])
            continue
        if "skipped" in row:
            continue
        first, last = (datetime.date.fromisoformat(row[name]) for name in ("first_day", "last_day"))
        if first < standing.since:
            raise DomainError(
                "in_the_past", f"方案把集中排到了 {first:%m-%d}，已经来不及。请再少变动重排一次，再发布。"
            )
        found[place] = Wanted(first, last, {pk_of(site["base"]): site["people"] for site in row["sites"]}, {})
    for row in plan["lodging"]:
        place = (pk_of(row["class"]), row["index"])
        if place in found and is_no_row(row["room"]):
            found[place].without.add(pk_of(row["cadre"]))
        elif place in found:
            bed = beds.get((pk_of(row["room"]), row["bed"]))
            if bed is None:
                raise DomainError("bed_gone", "方案里有床位已经停用。请重新编排后再发布。")
            found[place].beds[pk_of(row["cadre"])] = bed.pk
        elif place in begun_since:
            stays = begun_since[place].beds.get(pk_of(row["cadre"]))
            if stays is not None and stays[1:] != (pk_of(row["room"]), row["bed"]):
                raise _too_late(begun_since[place])
    return found


def _leave_beds_of_moving(standing: Standing, wanted: dict[Place, Wanted], plan: dict[str, Any]) -> None:
    """Who changes class later sleeps with the old class until then: no bed with the new one before the day of the move, and
    no second bed on the same nights. Call it after the seats are written.

    The plan knows the new class alone and counts its members from the first coming gathering on.
    """
    bases = dict(Bed.objects.filter(active=True).values_list("pk", "room__household__base"))
    seats: dict[int, list[int]] = defaultdict(list)
    for row in plan["assignments"]:
        seats[pk_of(row["class"])].append(pk_of(row["cadre"]))
    for (practice_class, _), want in wanted.items():
        for cadre in sorted(seats[practice_class]):
            if not standing.sits(practice_class, cadre, want.first_day):
                _leave_bed(want, cadre, bases)
    for (old, _), kept in wanted.items():
        cadres = standing.still_there(old, kept.first_day)
        for (practice_class, _), other in wanted.items():
            if practice_class != old and other.first_day <= kept.last_day and kept.first_day <= other.last_day:
                for cadre in cadres:
                    if cadre in other.beds:
                        _leave_bed(other, cadre, bases)


def _leave_bed(want: Wanted, cadre: int, bases: dict[int, int]) -> None:
    """Nobody comes: the base has one guest less. A base is not left by its last one, who may yet come there."""
    bed = want.beds.pop(cadre, None)
    want.without.discard(cadre)
    lodged = Counter(bases[row] for row in want.beds.values())
    spare = [base for base, people in want.bases.items() if people > lodged[base]]
    base = bases[bed] if bed is not None else spare[0] if spare else None
    if base is not None:
        want.bases[base] = max(want.bases[base] - 1, 1)


def _require_in_place(row: dict[str, Any], stood: Stood) -> None:
    bases = {pk_of(site["base"]) for site in row.get("sites", ())}
    if row.get("first_day") != stood.gathering.first_day.isoformat() or not set(stood.bases) <= bases:
        raise _too_late(stood)


def _too_late(stood: Stood) -> DomainError:
    return DomainError(
        "in_the_past", f"{stood.gathering}在重排以后已经开始，不能再照方案改。请再少变动重排一次，再发布。"
    )


# Seats


def _seat(batch: Batch, standing: Standing, run: PlanRun, reason: str, touched: Touched) -> None:
    """Who joins, moves to another class or leaves; everybody else's rows stay untouched."""
    seats = {pk_of(row["cadre"]): pk_of(row["class"]) for row in run.plan["assignments"]}
    chosen = {pk_of(cadre) for cadre in seated_by_hand(run)}
    classes = {row.pk: row for row in batch.classes.select_related("batch")}
    known = {row.cadre_id: row for row in batch.enrollments.select_related("cadre")}
    present = _present_seats(batch, standing)
    for cadre in sorted(present.keys() | seats.keys()):
        old, new = present.get(cadre), seats.get(cadre)
        if old == new:
            if cadre in chosen - standing.by_hand:  # somebody decided that they stay
                sitting = ClassMembership.objects.filter(enrollment__batch=batch, enrollment__cadre=cadre, live=True)
                sitting.filter(practice_class=new, days__endswith__gt=standing.since).update(by_hand=True)
            continue
        day = _from_day(standing, {pk for pk in (old, new) if pk is not None})
        if old is not None and new is not None and not standing.sits(new, cadre, day):
            day = max(day, standing.comes(old, cadre))  # who comes later comes on the same day to another class
        enrollment = known.get(cadre)
        if old is not None and enrollment is not None:
            touched.offices += _leave_class(enrollment, day, reason)
        if new is None and enrollment is not None:
            say_person(enrollment, f"从 {day:%m-%d} 起不再参加{batch}", touched)
            _leave(enrollment, day, reason)
        elif new is not None:
            if old is None or enrollment is None:
                enrollment = join(batch, cadre, day, reason)
            _sit(batch, enrollment, classes[new], day, reason, by_hand=cadre in chosen)
            to = classes[new].short_name
            if old is not None and standing.sits(new, cadre, day):  # who was to move later
                line = f"留在{to}，不调到{classes[old].short_name}"
            else:
                line = f"{'编入' if old is None else f'从{classes[old].short_name}调到'}{to}（{day:%m-%d} 起）"
            say_person(enrollment, line, touched)
            touched.moved.add(enrollment.pk)
        touched.rows["seats"] += 1


def _present_seats(batch: Batch, standing: Standing) -> dict[int, int]:
    """As `standing.seats`, and those whom the plan may leave out because they are no longer in post."""
    rows = ClassMembership.objects.filter(
        enrollment__batch=batch, live=True, enrollment__live=True, days__endswith__gt=standing.since
    ).exclude(enrollment__state=Enrollment.State.WITHDRAWN)  # fmt: skip
    return dict(rows.order_by("days", "pk").values_list("enrollment__cadre", "practice_class"))


def _from_day(standing: Standing, classes: Iterable[int]) -> datetime.date:
    """The first day from which a change of class counts: after gatherings of either class that are under way."""
    under_way = [
        stood.gathering.last_day + DAY for (pk, _), stood in standing.begun.items()
        if pk in classes and stood.gathering.last_day >= standing.since
    ]  # fmt: skip
    return max([standing.since, *under_way])


def _leave_class(enrollment: Enrollment, day: datetime.date, reason: str) -> list[int]:
    offices: list[int] = []
    for membership in enrollment.memberships.filter(live=True, days__endswith__gt=day).order_by("days", "pk"):
        end_membership(membership, day, reason)
        offices += end_offices(membership, day)
    return offices


def _leave(enrollment: Enrollment, day: datetime.date, reason: str) -> None:
    enrollment.state, enrollment.left_on, enrollment.reason = Enrollment.State.WITHDRAWN, day, reason[:200]
    enrollment.live = enrollment.memberships.filter(live=True).exists()
    enrollment.save()


def _sit(
    batch: Batch, enrollment: Enrollment, to: PracticeClass, day: datetime.date, reason: str, *, by_hand: bool
) -> None:
    row = enrollment.memberships.filter(live=False, practice_class=to).order_by("-pk").first()
    row = row or ClassMembership(enrollment=enrollment, practice_class=to)
    row.days, row.live, row.reason = DateRange(day, batch.last_day + DAY), True, reason[:200]
    row.by_hand = by_hand
    row.save()


def _free_mentors(batch: Batch, standing: Standing, touched: Touched) -> None:
    """A mentor who would have to be at two gatherings at once since a mentee moved (R19) is free of that mentee."""
    rows = (
        in_force(Mentorship.objects.filter(enrollment__in=touched.moved))
        .select_related("user", "enrollment__cadre")
        .order_by("pk")
    )
    for row in rows:
        sitting = ClassMembership.objects.filter(
            enrollment__mentorships__in=in_force(Mentorship.objects.filter(user=row.user)), live=True,
            enrollment__batch=batch, days__endswith__gt=standing.since,
        )  # fmt: skip
        own = sitting.filter(enrollment=row.enrollment_id).values("practice_class")
        coming = Gathering.objects.filter(state=Gathering.State.PLANNED, first_day__gte=standing.since)
        others = coming.filter(practice_class__in=sitting.values("practice_class")).exclude(practice_class__in=own)
        clash = others.filter(
            first_day__lte=OuterRef("last_day"), last_day__gte=OuterRef("first_day")
        )  # fmt: skip
        if coming.filter(Exists(clash), practice_class__in=own).exists():
            row.until = standing.since - DAY
            row.save(update_fields=["until"])
            touched.rows["mentors"] += 1
            touched.people[row.enrollment_id].append(f"导师{row.user.name}要带别的班，另定导师")
            name = row.enrollment.cadre.name
            touched.mentors[row.user_id].append(f"{name}换了班，集中和您带的别的班同一天，{name}另定导师")


# Beds: what changes


def _lodging_changes(standing: Standing, wanted: dict[Place, Wanted]) -> set[Place]:
    """Gatherings at which somebody gets another bed, or any at all; those that move or fall out among them."""
    changed = set()
    for place in standing.coming.keys() | wanted.keys():
        stood, want = standing.coming.get(place), wanted.get(place)
        if stood is None or want is None or not want.is_where(stood):
            changed.add(place)
            continue
        guests = {cadre for _, cadre in standing.guests.get(stood.gathering.pk, ())}
        beds = {row.enrollment.cadre_id: row.bed_id for row in stood.lodgings}
        now = {cadre: bed for cadre, bed in beds.items() if cadre not in guests}
        if now != want.beds or any(bed not in standing.numbers for bed in now.values()):
            changed.add(place)
    return changed


# Gatherings and bases


def _gather(
    batch: Batch,
    standing: Standing,
    wanted: dict[Place, Wanted],
    moved: set[Place],
    by: User,
    touched: Touched,
) -> dict[Place, Gathering]:
    """Rows of all gatherings wanted. Everything that is given up lets go before anything new is taken.

    Where a gathering has `moved`, guests are expected only once they have a bed there.
    """
    coming = standing.coming
    villages = {row.pk: str(row.village) for row in PracticeBase.objects.select_related("village").order_by("pk")}
    for place in sorted(coming.keys() | wanted.keys()):
        say_gathering(place, coming.get(place), wanted.get(place), villages, touched)
    for place, stood in sorted(coming.items()):
        _give_up(stood, wanted.get(place), {} if place in moved else _guests_by_base(standing, stood), by, touched)
    return {
        place: _take(batch, place, coming.get(place), want, standing, moved, by, touched)
        for place, want in sorted(wanted.items())
    }


def _guests_by_base(standing: Standing, stood: Stood) -> dict[int, int]:
    count: dict[int, int] = defaultdict(int)
    for base, _ in standing.guests.get(stood.gathering.pk, ()):
        count[base] += 1
    return count


def _give_up(stood: Stood, want: Wanted | None, guests: dict[int, int], by: User, touched: Touched) -> None:
    """Bases that the gathering leaves, or where fewer stay."""
    gathering = stood.gathering
    if want is None:
        let_go(gathering, GIVEN_UP, by)
        touched.rows["gatherings"] += 1
        return
    moved = (gathering.first_day, gathering.last_day) != (want.first_day, want.last_day)
    for site in gathering.sites.filter(live=True).select_related("use__base", "base__village"):
        people = want.bases.get(site.base_id, 0) + guests.get(site.base_id, 0)
        if moved or site.base_id not in want.bases:
            if site.use is not None:
                release_base(use=site.use, by=by)
            site.live = False
            site.save(update_fields=["live"])
            touched.rows["sites"] += 1
        elif people < site.people:
            resize_site(_with_programme(site, gathering), people, by)
            touched.rows["sites"] += 1


def _with_programme(site: Any, gathering: Gathering) -> Any:
    site.gathering = gathering
    return site


def _take(
    batch: Batch,
    place: Place,
    stood: Stood | None,
    want: Wanted,
    standing: Standing,
    moved: set[Place],
    by: User,
    touched: Touched,
) -> Gathering:
    gathering = stood.gathering if stood else _row_for(batch, place)
    if stood is None or (gathering.first_day, gathering.last_day) != (want.first_day, want.last_day):
        gathering.first_day, gathering.last_day = want.first_day, want.last_day
        gathering.state, gathering.state_reason = Gathering.State.PLANNED, ""
        gathering.save()
        touched.rows["gatherings"] += 1
    guests = {} if stood is None or place in moved else _guests_by_base(standing, stood)
    present = {
        site.base_id: site for site in gathering.sites.filter(live=True).select_related("use__base", "base__village")
    }
    bases = {row.pk: row for row in PracticeBase.objects.filter(pk__in=want.bases).select_related("village")}
    for order, (base, planned) in enumerate(want.bases.items(), start=1):
        people, site = planned + guests.get(base, 0), present.get(base)
        if site is None:
            take_site(gathering, bases[base], people, order, by)
            touched.rows["sites"] += 1
            continue
        if people > site.people:
            resize_site(_with_programme(site, gathering), people, by)
            touched.rows["sites"] += 1
        if site.order != order:
            site.order = order
            site.save(update_fields=["order"])
            touched.rows["sites"] += 1
    return gathering


def _row_for(batch: Batch, place: Place) -> Gathering:
    """The row of a fortnight that was cancelled, else a new one."""
    practice_class = PracticeClass.objects.select_related("batch__programme").get(pk=place[0])
    old = Gathering.objects.filter(practice_class=practice_class, index=place[1]).order_by("-pk").first()
    row = old or Gathering(practice_class=practice_class, index=place[1])
    row.practice_class = practice_class
    return row


# Beds


def _lodge(
    wanted: dict[Place, Wanted],
    gatherings: dict[Place, Gathering],
    enrollments: dict[int, Enrollment],
    changed: set[Place],
    moved: set[Place],
    unsettled: Unsettled,
    touched: Touched,
) -> None:
    """Beds of the gatherings at which any changes: rows that are right already are left alone, and so are the `unsettled`.
    Where the gathering has `moved` all are written: their nights are other ones.
    """
    updates: list[Lodging] = []
    new: list[Lodging] = []
    for place in sorted(changed & wanted.keys()):
        want, gathering = wanted[place], gatherings[place]
        stays = place not in moved
        rows = {row.enrollment.cadre_id: row for row in Lodging.objects.filter(gathering=gathering).select_related(
            "enrollment", "bed__room").order_by("live", "pk")}  # fmt: skip
        for cadre, row in rows.items():
            if row.live and cadre not in want.beds and (gathering.pk, row.enrollment_id) not in unsettled:
                row.live = False
                updates.append(row)
        for cadre, bed in want.beds.items():
            found = rows.get(cadre)
            if found is None:
                new.append(Lodging(gathering=gathering, enrollment=enrollments[cadre], bed_id=bed))
            elif not (found.live and found.bed_id == bed and stays):
                if found.live and stays:
                    touched.people[found.enrollment_id].append(f"{gathering.first_day:%m-%d} 集中换了床位")
                found.bed_id, found.live = bed, True
                updates.append(found)
    Lodging.objects.bulk_update(updates, ["bed", "live"], batch_size=AT_ONCE)
    Lodging.objects.bulk_create(new, batch_size=AT_ONCE)
    touched.rows["lodgings"] += len(updates) + len(new)
