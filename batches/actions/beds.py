"""Beds of people who come or go after publication: given up, found, or chosen by hand (R16 to R18 of docs/rules.md)."""

import datetime
from collections.abc import Collection, Iterable

from django.db import IntegrityError, connection, transaction
from django.db.backends.postgresql.psycopg_any import DateRange
from django.db.models import Q, QuerySet

from accounts import audit
from accounts.models import User
from bases.actions import lock_bases
from bases.models import Bed
from batches.actions.projection import hold_gatherings, resize_site, take_site
from batches.free_beds import free_beds, joinable_beds
from batches.heads import heads_of
from batches.models import Enrollment, Gathering, GatheringSite, Lodging, MakeUp, PracticeClass
from batches.revision import change_arrangement
from config.errors import Conflict, DomainError


def relodge(
    enrollment: Enrollment,
    leaves: Collection[PracticeClass],
    joins: PracticeClass | None,
    day: datetime.date,
    by: User,
) -> None:
    """Give up the beds at the coming gatherings of the classes left and find some at those of another, from a day on. The
    bases expect as many as then belong to each gathering. Call it after the memberships are written.

    All these gatherings, and those where the person makes days up, stay locked until the end of the transaction. Somebody who
    made days up where she belongs now keeps the bed that she has there.
    """
    joined = [] if joins is None else [joins]
    own = MakeUp.objects.filter(enrollment=enrollment, live=True).values("gathering")
    held = Gathering.objects.filter(Q(practice_class__in=[*leaves, *joined]) | Q(pk__in=own))
    hold_gatherings(held.filter(state=Gathering.State.PLANNED, first_day__gte=day))
    for gathering in _coming(leaves, day):
        give_up_bed(gathering, enrollment, by)
    for gathering in _coming(joined, day):
        lodging = lodging_of(gathering, enrollment)
        if lodging is None or not lodging.live:
            give_bed(gathering, enrollment, by)
    settle_heads(_coming([*leaves, *joined], day), by)


def _coming(classes: Collection[PracticeClass], day: datetime.date) -> QuerySet[Gathering]:
    return (
        Gathering.objects.filter(practice_class__in=classes, state=Gathering.State.PLANNED, first_day__gte=day)
        .select_related("practice_class__batch__programme")
        .order_by("first_day", "pk")
    )


def lodging_of(gathering: Gathering, enrollment: Enrollment) -> Lodging | None:
    """The person's bed at a gathering: the one in force, else the one let go last. Whoever writes a bed writes it into this
    row, so that its history is that of the person there."""
    rows = Lodging.objects.filter(gathering=gathering, enrollment=enrollment)
    return rows.select_related("bed").order_by("-live", "-pk").first()


def give_up_bed(gathering: Gathering, enrollment: Enrollment, by: User) -> None:
    """The person's bed at a gathering is free again, and who does not belong there is no longer expected at the base; nothing
    where there is none."""
    lodging = lodging_of(gathering, enrollment)
    if lodging is None or not lodging.live:
        return
    lodging.live = False
    lodging.save(update_fields=["live"])
    settle_heads([gathering], by)


def settle_heads(
    gatherings: Iterable[Gathering],
    by: User,
    *,
    least: int = 0,
    lodged_at: int | None = None,
    unsettled: Collection[int] = (),
) -> None:
    """Every base of these gatherings expects the people who come (`heads.heads_of`), `least` at the least.

    A base that is too full to expect somebody stays as it is: the gathering shows who has no bed. Only where a bed was just
    written at the base `lodged_at` the DomainErrors of `bases.actions.reserve_base` are raised; `unsettled` lodgings there,
    of people whose beds are still to be found, need no place yet.
    """
    rows = {row.pk: row for row in gatherings}
    wanted = heads_of(rows.values())
    told = GatheringSite.objects.filter(gathering__in=rows, live=True).order_by("pk")
    wrong = {
        pk for pk, base, people in told.values_list("gathering", "base", "people")
        if people != max(wanted[pk][base], least)
    }  # fmt: skip
    for pk in sorted(wrong):
        heads = {base: max(people, least) for base, people in wanted[pk].items()}
        sites = [site for site in _sites(rows[pk]) if heads[site.base_id] != site.people]
        if lodged_at is not None:
            settled = Lodging.objects.filter(gathering=pk, live=True).exclude(pk__in=unsettled)
            beds = settled.filter(household__base=lodged_at).count()
            for site in sites:
                if site.base_id == lodged_at and site.people < beds:
                    resize_site(site, beds, by)
        for site in sorted(sites, key=lambda site: (heads[site.base_id] > site.people, site.order)):
            _expect(site, heads[site.base_id], by)


def _expect(site: GatheringSite, people: int, by: User) -> None:
    """So many people at a site, or as many as the base can take."""
    for count in range(people, site.people, -1) or [people]:
        try:
            resize_site(site, count, by)
        except DomainError:
            continue
        return


def _sites(gathering: Gathering) -> list[GatheringSite]:
    """The gathering's sites, read under their bases' locks: their people are counted anew from here."""
    live = gathering.sites.filter(live=True)
    lock_bases(live.values_list("base", flat=True).order_by("base"))
    rows = live.select_related("use__base", "base__village", "gathering__practice_class__batch__programme")
    return list(rows.order_by("order", "pk"))


def give_bed(gathering: Gathering, enrollment: Enrollment, by: User) -> Lodging | None:
    """A bed for one more person at a gathering, or None when there is none (the gathering then shows it).

    Preferred is a household where people of the same class and sex already stay and the group is not full (R16: nobody
    alone); the base's capacity is reserved first.
    """
    bed = joinable_beds(gathering, enrollment).first()
    try:
        return _lodge(gathering, enrollment, bed, by) if bed is not None else None
    except DomainError:
        return None


def keep_bed(
    gathering: Gathering, enrollment: Enrollment, by: User, *, unsettled: Collection[int] = ()
) -> Lodging | None:
    """The bed that the person has at a gathering, or had there last, while it can be slept in; else another as by `give_bed`;
    else None, and the bed is given up. A row that stays as it is is not written.

    Who would be alone in the household moves to where others are, if there is room (R16). Where there is no other, beds of the
    `unsettled` (keys of Lodging) count as free: these people's beds are found after this one's.
    """
    lodging = lodging_of(gathering, enrollment)
    had = None if lodging is None else lodging.bed_id
    own = free_beds(gathering, enrollment, unsettled).filter(pk=had).first()
    bed = own if own is not None and own.guests else joinable_beds(gathering, enrollment).first()
    bed = bed or joinable_beds(gathering, enrollment, unsettled).first() or own
    nights = DateRange(gathering.first_day, gathering.last_day)
    try:
        if bed is not None and lodging is not None and (True, bed.pk, nights) == (lodging.live, had, lodging.stay):
            with transaction.atomic():
                _expect_at(gathering, bed, by, unsettled)
            return lodging
        if bed is not None:
            return _lodge(gathering, enrollment, bed, by, unsettled)
    except DomainError:
        pass  # the base is full: as where there is no bed
    give_up_bed(gathering, enrollment, by)
    return None


def place_in_bed(
    *, gathering: Gathering, enrollment: Enrollment, bed: Bed, by: User, seen: int | None = None
) -> Lodging:
    """Put a member into a free bed chosen by hand, at a base of the gathering.

    Raises DomainError when the gathering is over, the person is no member, the bed is elsewhere, closed or taken, the
    other sex sleeps there, or the base is full. Whoever had a bed at the gathering moves out of it.
    """
    with audit.act("place_in_bed", by=by, subject=gathering, enrollment=enrollment.pk, bed=bed.pk) as entry:
        change_arrangement(enrollment.batch, entry, seen=seen)
        locked = (
            Gathering.objects.select_for_update(of=("self",))
            .select_related("practice_class__batch__programme")
            .get(pk=gathering.pk)
        )
        if locked.state != Gathering.State.PLANNED:
            raise DomainError("not_planned", f"{locked}已经是“{locked.get_state_display()}”，不能再排床位。")
        member = locked.practice_class.memberships.filter(
            enrollment=enrollment, live=True, days__contains=locked.first_day, enrollment__live=True
        )
        if not member.exists():
            raise DomainError("not_a_member", f"{enrollment.cadre}那几天不在{locked.practice_class.short_name}。")
        if not free_beds(locked, enrollment).filter(pk=bed.pk).exists():
            raise DomainError(
                "bed_not_free", f"{bed.room.household}{bed}那几晚不能住：有人、停接，或住着异性。请从列出的空床里选。"
            )
        give_up_bed(locked, enrollment, by)
        try:
            lodging = _lodge(locked, enrollment, bed, by)
            with connection.cursor() as cursor:
                cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        except IntegrityError as error:
            raise Conflict("bed_just_taken", "这张床刚被别人排上。请刷新页面，另选一张。") from error
    return lodging


def _lodge(
    gathering: Gathering, enrollment: Enrollment, bed: Bed, by: User, unsettled: Collection[int] = ()
) -> Lodging:
    """Write the bed, and reserve one more place at its base where the person was not expected there yet."""
    with audit.act("lodge", by=by, subject=gathering, enrollment=enrollment.pk):
        lodging = lodging_of(gathering, enrollment) or Lodging(gathering=gathering, enrollment=enrollment)
        lodging.bed, lodging.live = bed, True
        lodging.save()
        _expect_at(gathering, bed, by, unsettled)
    return lodging


def _expect_at(gathering: Gathering, bed: Bed, by: User, unsettled: Collection[int]) -> None:
    """The base of a bed that somebody has expects her."""
    base = bed.room.household.base_id
    if not gathering.sites.filter(live=True, base=base).exists():
        _revive_site(gathering, bed, by)
    settle_heads([gathering], by, lodged_at=base, unsettled=unsettled)


def _revive_site(gathering: Gathering, bed: Bed, by: User) -> None:
    """A base of the gathering that the last guest had left takes a guest again."""
    given_up = gathering.sites.filter(base=bed.room.household.base_id).select_related("base__village").first()
    if given_up is None:
        raise DomainError("not_its_base", f"{gathering}不在{bed.room.household.base}。请选集中地点的床位。")
    take_site(gathering, given_up.base, 1, given_up.order, by)
