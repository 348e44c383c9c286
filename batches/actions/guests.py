"""Those who make up days at another class's gathering (补课) when it changes, or when they move or leave: lodged anew, or put
out and told.
"""

import datetime
from collections.abc import Iterable, Mapping, MutableMapping

from django.utils import timezone

from accounts.models import User
from batches.actions.beds import give_up_bed, keep_bed, lodging_of
from batches.actions.notices import Touched, Wanted, when
from batches.models import ClassMembership, ClassStaff, Enrollment, Gathering, Lodging, MakeUp
from batches.presence import Presence, days_of, is_enrolled_on, sites_of, visits_of, with_sites
from batches.rules import in_force
from batches.standing import Place, Standing
from office.actions import notify

ENDED = "补课不算了，请另选一次"
Unsettled = MutableMapping[tuple[int, int], Lodging]
"""(Gathering, enrollment) → the bed as it stands of somebody whom the plan does not lodge: kept or changed after the
members lie, and until then nobody's."""


def guests_of(gatherings: Iterable[Gathering]) -> list[MakeUp]:
    """Make-ups in force at these gatherings, in the order in which they were entered."""
    rows = MakeUp.objects.filter(gathering__in=[row.pk for row in gatherings], live=True)
    return list(rows.select_related("enrollment__cadre__user", "gathering__practice_class").order_by("pk"))


def recount_guests(standing: Standing, wanted: Mapping[Place, Wanted], makeups: list[MakeUp]) -> None:
    """Of the guests of gatherings as they stood, those who are guests at the days wanted: who makes days up, and who still
    belongs to the class then. A gathering put off to the day of somebody's leaving or later, or a seat given up before it,
    leaves nobody to settle: such a bed is let go like a member's. Call it after the seats are written.
    """
    made_up = {(row.gathering_id, row.enrollment.cadre_id) for row in makeups}
    for place in standing.coming.keys() & wanted.keys():
        gathering = standing.coming[place].gathering.pk
        there = set(standing.still_there(place[0], wanted[place].first_day))
        standing.guests[gathering] = [
            (base, cadre) for base, cadre in standing.guests.get(gathering, ())
            if cadre in there or (gathering, cadre) in made_up
        ]  # fmt: skip


def unsettled_beds(standing: Standing, wanted: Mapping[Place, Wanted], lodged: set[Place]) -> Unsettled:
    """Beds at gatherings where beds change (`lodged`) of those whom the plan does not lodge there: who makes days up
    (`settle_guests`), and who still belongs to the class (`settle_leaving`). Nothing is written of them yet."""
    found = {}
    for place in sorted(lodged & standing.coming.keys() & wanted.keys()):
        stood, want = standing.coming[place], wanted[place]
        cadres = {cadre for _, cadre in standing.guests.get(stood.gathering.pk, ())}
        cadres |= {*standing.still_there(place[0], want.first_day), *want.without}
        for row in stood.lodgings:
            if row.enrollment.cadre_id in cadres - want.beds.keys():
                found[stood.gathering.pk, row.enrollment_id] = row
    return found


def _keep(gathering: Gathering, enrollment: Enrollment, by: User, unsettled: Unsettled) -> Lodging | None:
    """`keep_bed` of one of the unsettled, who is settled with it."""
    unsettled.pop((gathering.pk, enrollment.pk), None)
    return keep_bed(gathering, enrollment, by, unsettled={row.pk for row in unsettled.values()})


def settle_guests(
    makeups: list[MakeUp],
    unsettled: Unsettled,
    members: Mapping[int, set[int]],
    was: Mapping[int, str],
    by: User,
    touched: Touched,
) -> None:
    """After seats, gatherings and members' beds are written: who can still make days up gets a bed, the others are put out.

    `members` are the cadres lodged at each gathering by the plan, `was` says where each gathering was. Everybody who is
    moved or put out is told.
    """
    rows = with_sites(Gathering.objects.filter(pk__in=[row.gathering_id for row in makeups]))
    now = {row.pk: row for row in rows.order_by("pk")}
    visits = visits_of([row.enrollment for row in makeups])
    ended: set[tuple[int, int]] = set()
    for makeup in makeups:
        gathering, enrollment = now[makeup.gathering_id], makeup.enrollment
        key = (gathering.pk, enrollment.pk)
        name = f"补课的{gathering.practice_class.short_name}第{gathering.index}次集中"
        days = when(gathering.first_day, gathering.last_day)
        others = [row for row in visits[enrollment.pk] if (row.gathering.pk, enrollment.pk) not in ended]
        if not gathering.is_live:
            why: str | None = f"{name}（{days}）取消，{ENDED}"
        elif enrollment.cadre_id in members.get(gathering.pk, ()):
            why = ""
        else:
            why = _why_not(gathering, enrollment, others, f"{name}（{days}）")
        stood = unsettled.get(key)
        found = _keep(gathering, enrollment, by, unsettled) if stood is not None and why is None else None
        if stood is not None and found is None and why is None:
            why = f"{name}（{days}）没有空床位了，{ENDED}"
        if why is None:
            here = f"{days} {where(gathering)}"
            if was[gathering.pk] != here:
                touched.people[enrollment.pk].append(f"{name}由 {was[gathering.pk]} 改为 {here}")
            elif stood is not None and found is not None and found.bed_id != stood.bed_id:
                touched.people[enrollment.pk].append(f"{name}（{days}）换了床位")
            continue
        unsettled.pop(key, None)
        ended.add(key)
        makeup.live = False
        makeup.save(update_fields=["live"])
        touched.rows["makeups"] += 1
        if gathering.is_live and enrollment.cadre_id not in members.get(gathering.pk, ()):
            give_up_bed(gathering, enrollment, by)
        if why:
            touched.people[enrollment.pk].append(why)


def settle_leaving(
    standing: Standing,
    gatherings: Mapping[Place, Gathering],
    without: Mapping[Place, set[int]],
    moved: set[Place],
    unsettled: Unsettled,
    by: User,
    touched: Touched,
) -> None:
    """Who will have left but still belongs to a gathering of the class, or is one of those `without` a bed by the plan, sleeps
    there: in the bed as before while it is free, else in another. Where none is found the gathering shows it, and the person
    is told when the bed was lost now or the gathering is new or among the `moved`, not again with every version. Call it
    after seats, gatherings and members' beds are written.
    """
    for place, gathering in sorted(gatherings.items()):
        stood = standing.coming.get(place)
        had = {} if stood is None else {row.enrollment_id: row.bed_id for row in stood.lodgings}
        belong = {*standing.still_there(place[0], gathering.first_day), *without[place]}
        rows = Enrollment.objects.filter(batch=gathering.practice_class.batch_id, cadre__in=belong)
        for enrollment in rows.select_related("cadre__user").order_by("pk"):
            lodged = lodging_of(gathering, enrollment)
            if lodged is not None and lodged.live and (gathering.pk, enrollment.pk) not in unsettled:
                continue
            found = _keep(gathering, enrollment, by, unsettled)
            if found is None:
                told = "暂时没有床位" if place in moved or enrollment.pk in had else ""
            elif enrollment.pk not in had:
                told = "有床位了"
            else:
                told = "换了床位" if found.bed_id != had[enrollment.pk] else ""
            if told:
                touched.people[enrollment.pk].append(f"{gathering.first_day:%m-%d} 集中{told}")


def settle_own(enrollment: Enrollment, day: datetime.date, by: User) -> list[str]:
    """After somebody moved or left from a day on: make-ups that are hers no longer end, and the head teachers there hear it.
    Where the day was entered late, days that have come by now are told as what no longer counts, not as a way to save.

    Returns what to tell the person. Call it after the rows are written, with `beds.relodge` before: it holds the gatherings.
    """
    planned = Gathering.objects.filter(
        makeups__enrollment=enrollment, state=Gathering.State.PLANNED, first_day__gte=day
    )
    makeups = [row for row in guests_of(planned.order_by("pk")) if row.enrollment_id == enrollment.pk]
    belongs = _own_classes(makeups)
    touched = Touched()
    settle_guests(makeups, {}, belongs, whereabouts(makeups), by, touched)
    told = touched.people[enrollment.pk]
    for makeup in makeups:
        gathering = makeup.gathering
        if makeup.live or gathering.pk in belongs:
            continue
        days = when(gathering.first_day, gathering.last_day)
        what = f"{gathering.practice_class.short_name}第{gathering.index}次集中（{days}）"
        begun = gathering.first_day < timezone.localdate()
        if not is_enrolled_on(makeup.enrollment, gathering.first_day):
            told.append(f"补课的{what}{'也不算了' if begun else '也不用去了'}")
        teachers = ClassStaff.objects.filter(practice_class=gathering.practice_class, kind=ClassStaff.Kind.HEAD_TEACHER)
        notify(
            addressees=[row.user for row in in_force(teachers).select_related("user").order_by("pk")],
            subject=f"{gathering.first_day:%m-%d} 补课少一人",
            text=f"{enrollment.cadre.name}在{what}的补课不算了。" if begun else f"{enrollment.cadre.name}不来{what}补课了。",
            url=f"/activities/class/{gathering.practice_class_id}/gathering/?gathering={gathering.pk}",
        )  # fmt: skip
    return told


def _own_classes(makeups: list[MakeUp]) -> dict[int, set[int]]:
    """Gathering → cadres, of those who belong by now to the class with which they made days up."""
    found: dict[int, set[int]] = {}
    for makeup in makeups:
        gathering = makeup.gathering
        rows = ClassMembership.objects.filter(
            enrollment=makeup.enrollment_id, practice_class=gathering.practice_class_id, live=True,
            days__contains=gathering.first_day,
        )  # fmt: skip
        if is_enrolled_on(makeup.enrollment, gathering.first_day) and rows.exists():
            found[gathering.pk] = {makeup.enrollment.cadre_id}
    return found


def where(gathering: Gathering) -> str:
    """The villages of a gathering in order of travel."""
    return "、".join(str(site.base.village) for site in sites_of(gathering))


def whereabouts(makeups: list[MakeUp]) -> dict[int, str]:
    """Days and villages of the gatherings at which these days are made up, as they are now."""
    rows = with_sites(Gathering.objects.filter(pk__in=[row.gathering_id for row in makeups])).order_by("pk")
    return {row.pk: f"{when(row.first_day, row.last_day)} {where(row)}" for row in rows}


def _why_not(gathering: Gathering, enrollment: Enrollment, others: list[Presence], name: str) -> str | None:
    """Why the days cannot be made up there: "" where nothing need be said of it, None where they can."""
    if not is_enrolled_on(enrollment, gathering.first_day):
        return ""
    days = set(days_of(gathering))
    for visit in others:
        if visit.gathering.pk != gathering.pk and days & set(visit.expected):
            other = visit.gathering
            return f"{name}和{other.practice_class.short_name}第{other.index}次集中同一天，{ENDED}"
    return None
