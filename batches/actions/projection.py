"""The current rows of a published plan: enrollments, memberships, gatherings, uses of bases, beds (invariant 6).

Rows that an earlier version made are found by what they are (cadre in batch, class and fortnight …), brought back to life and
keep their primary keys; rows that the plan no longer has stay, cancelled.
"""

import datetime
from collections.abc import Collection
from typing import Any

from django.db.backends.postgresql.psycopg_any import DateRange
from django.db.models import Model, QuerySet

from accounts.models import User
from bases.actions import change_reservation, lock_bases, release_base, reserve_base
from bases.models import BaseUse, PracticeBase
from batches.by_hand import seated_by_hand
from batches.models import (
    Batch,
    ClassMembership,
    Enrollment,
    Gathering,
    GatheringSite,
    Lodging,
    PlanRun,
    PracticeClass,
)
from batches.plan_ids import pk_of
from batches.queries import GONE, numbered_beds
from batches.told import Told, told_of
from office.actions import notify

DAY = datetime.timedelta(days=1)
AT_ONCE = 500
"""Rows written by one statement."""


def project(*, batch: Batch, run: PlanRun, by: User) -> Told:
    """Make the rows of a plan current, and tell its people; returns whom.

    Call within an act's transaction; the database's constraints have the last word.
    """
    plan = run.plan
    lock_bases({pk_of(site["base"]) for row in plan["gatherings"] for site in row.get("sites", ())})
    enrollments = _project_seats(batch, run)
    gatherings = _project_gatherings(batch, plan, by)
    _project_lodging(batch, plan, enrollments, gatherings)
    cadres = [row.cadre for row in enrollments.values()]
    notify(
        addressees=(cadre.user for cadre in cadres), subject=f"{batch}编排已发布", url="/activities/me/",
        text="您的班级、集中时间和住宿已经安排好，请到首页查看。",
    )  # fmt: skip
    return told_of(cadres)


def _project_seats(batch: Batch, run: PlanRun) -> dict[int, Enrollment]:
    """Enrollments and memberships by cadre; the whole batch is every membership's time."""
    seats = {pk_of(row["cadre"]): pk_of(row["class"]) for row in run.plan["assignments"]}
    chosen = {pk_of(cadre) for cadre in seated_by_hand(run)}
    whole = DateRange(batch.first_day, batch.last_day + DAY)
    known = {row.cadre_id: row for row in batch.enrollments.order_by("pk")}
    for cadre_pk, row in known.items():
        if cadre_pk not in seats and (row.live or row.state not in GONE):
            row.live, row.state, row.reason = False, Enrollment.State.REPLACED, "新方案里没有"
    for cadre_pk in seats:
        row = known.setdefault(cadre_pk, Enrollment(batch=batch, cadre_id=cadre_pk))
        row.live, row.state, row.reason = True, Enrollment.State.CONFIRMED, ""
        row.joined_on = row.left_on = None
    _write(Enrollment, known.values(), ["live", "state", "reason", "joined_on", "left_on"])
    enrollments = {row.cadre_id: row for row in batch.enrollments.filter(live=True).select_related("cadre__user")}
    ClassMembership.objects.filter(enrollment__batch=batch, live=True).update(live=False, reason="由新方案取代")
    old = {(row.enrollment_id, row.practice_class_id): row
           for row in ClassMembership.objects.filter(enrollment__batch=batch).order_by("-pk")}  # fmt: skip
    memberships = []
    for cadre_pk, class_pk in seats.items():
        enrollment = enrollments[cadre_pk]
        membership = old.get((enrollment.pk, class_pk)) or ClassMembership(
            enrollment=enrollment, practice_class_id=class_pk
        )
        membership.days, membership.live, membership.reason = whole, True, ""
        membership.by_hand = cadre_pk in chosen
        memberships.append(membership)
    _write(ClassMembership, memberships, ["days", "live", "reason", "by_hand"])
    return enrollments


def _write(model: type[Model], rows: Collection[Any], columns: list[str]) -> None:
    """Many rows at once: those that are there keep their keys and get new values, the others are made."""
    new = [row for row in rows if row.pk is None]
    model._default_manager.bulk_update([row for row in rows if row.pk is not None], columns, batch_size=AT_ONCE)
    model._default_manager.bulk_create(new, batch_size=AT_ONCE)


def _project_gatherings(batch: Batch, plan: dict[str, Any], by: User) -> dict[tuple[int, int], Gathering]:
    """Gatherings with sites and reserved bases; everything old lets go of its base before anything new takes one."""
    retract_gatherings(batch, "由新方案取代", by)
    old: dict[tuple[int, int], Gathering] = {
        (row.practice_class_id, row.index): row
        for row in Gathering.objects.filter(practice_class__batch=batch).order_by("pk")
    }
    classes = {row.pk: row for row in PracticeClass.objects.filter(batch=batch).select_related("batch")}
    bases = {row.pk: row for row in PracticeBase.objects.select_related("village")}
    result = {}
    for row in plan["gatherings"]:
        if "skipped" in row:
            continue
        place = (pk_of(row["class"]), row["index"])
        gathering = old.get(place) or Gathering(practice_class=classes[place[0]], index=place[1])
        gathering.first_day = datetime.date.fromisoformat(row["first_day"])
        gathering.last_day = datetime.date.fromisoformat(row["last_day"])
        gathering.state, gathering.state_reason = Gathering.State.PLANNED, ""
        gathering.save()
        for order, site in enumerate(row["sites"], start=1):
            take_site(gathering, bases[pk_of(site["base"])], site["people"], order, by)
        result[place] = gathering
    return result


def take_site(gathering: Gathering, base: PracticeBase, people: int, order: int, by: User | None) -> GatheringSite:
    """Reserve the base for so many people of a gathering and say so on the gathering's site row (revived when there)."""
    site = gathering.sites.filter(base=base).order_by("-pk").first() or GatheringSite(gathering=gathering, base=base)
    site.use = reserve_base(
        base=base, first_day=gathering.first_day, last_day=gathering.last_day, people=people,
        kind=BaseUse.Kind.GATHERING, source=str(gathering), by=by,
        spare_beds=gathering.practice_class.batch.programme.spare_beds,
    )  # fmt: skip
    site.people, site.order, site.live = people, order, True
    site.save()
    return site


def resize_site(site: GatheringSite, people: int, by: User | None) -> None:
    """Change the number of people at a site; nobody left means the site is given up.

    Raises the DomainErrors of `bases.actions.reserve_base`; the site and its use are then as they were.
    """
    gathering = site.gathering
    if people and site.use is not None:
        change_reservation(
            use=site.use, first_day=gathering.first_day, last_day=gathering.last_day, people=people, by=by,
            spare_beds=gathering.practice_class.batch.programme.spare_beds,
        )  # fmt: skip
        site.people = people
        site.save(update_fields=["people"])
    elif people:
        take_site(gathering, site.base, people, site.order, by)
    else:
        if site.use is not None:
            release_base(use=site.use, by=by)
        site.live = False
        site.save(update_fields=["live"])


def _project_lodging(
    batch: Batch, plan: dict[str, Any], enrollments: dict[int, Enrollment], gatherings: dict[tuple[int, int], Gathering]
) -> None:
    """One bed a member a gathering."""
    beds = numbered_beds()
    old = {
        (row.gathering_id, row.enrollment_id): row
        for row in Lodging.objects.filter(gathering__practice_class__batch=batch).order_by("pk")
    }
    lodgings = []
    for row in plan["lodging"]:
        gathering = gatherings[pk_of(row["class"]), row["index"]]
        enrollment = enrollments[pk_of(row["cadre"])]
        lodging = old.get((gathering.pk, enrollment.pk)) or Lodging(gathering=gathering, enrollment=enrollment)
        lodging.bed, lodging.live = beds[pk_of(row["room"]), row["bed"]], True
        lodgings.append(lodging)
    _write(Lodging, lodgings, ["bed", "live"])


def retract_gatherings(batch: Batch, reason: str, by: User | None) -> None:
    """Cancel every gathering of the batch that is still to come, with its sites and beds; the rows stay."""
    coming = Gathering.objects.filter(practice_class__batch=batch, state=Gathering.State.PLANNED)
    for gathering in coming:
        let_go(gathering, reason, by)


def hold_gatherings(gatherings: QuerySet[Gathering, Any]) -> list[Gathering]:
    """Lock gatherings by key, then all their bases: the one order in which acts take both, so that none waits crosswise."""
    rows = list(gatherings.select_for_update(of=("self",)).order_by("pk"))
    sites = GatheringSite.objects.filter(gathering__in=[row.pk for row in rows], live=True)
    lock_bases(sites.values_list("base", flat=True))
    return rows


def let_go(gathering: Gathering, reason: str, by: User | None) -> None:
    """Cancel one gathering: bases released, beds free, nobody makes days up there; the row stays with its reason."""
    for site in gathering.sites.filter(live=True).select_related("use"):
        if site.use is not None:
            release_base(use=site.use, by=by)
        site.live = False
        site.save(update_fields=["live"])
    gathering.lodgings.filter(live=True).update(live=False)
    gathering.makeups.filter(live=True).update(live=False)
    gathering.state, gathering.state_reason = Gathering.State.CANCELLED, reason[:200]
    gathering.save(update_fields=["state", "state_reason"])


def retract(*, batch: Batch, by: User, reason: str) -> None:
    """Undo a projection: nobody is enrolled, nothing is reserved; all rows stay for the next publication."""
    retract_gatherings(batch, reason, by)
    ClassMembership.objects.filter(enrollment__batch=batch, live=True).update(live=False, reason=reason[:200])
    enrollments = list(batch.enrollments.filter(live=True).select_related("cadre__user"))
    batch.enrollments.filter(live=True).update(live=False, state=Enrollment.State.CONFIRMED, reason=reason[:200])
    notify(
        addressees=(row.cadre.user for row in enrollments),
        subject=f"{batch}编排已撤回", text=f"原来的班级和集中安排暂不执行，等新的通知。原因：{reason}", url="/activities/me/",
    )  # fmt: skip
