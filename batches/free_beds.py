"""Beds of a gathering in which one more person can sleep (R16 to R18 of docs/rules.md)."""

import datetime
from collections.abc import Collection
from typing import Any

from django.db.backends.postgresql.psycopg_any import DateRange
from django.db.models import Count, F, Q, QuerySet

from bases.models import Bed, HostHousehold
from batches.models import Enrollment, Gathering, GatheringSite, Lodging

DAY = datetime.timedelta(days=1)


def free_beds(gathering: Gathering, enrollment: Enrollment, unsettled: Collection[int] = ()) -> QuerySet[Any]:
    """Beds at the gathering's bases that the person can sleep in all nights: open, admitted, free, no other sex there. The
    bed that she has there counts as free.

    `guests` is the number of people of the same class who already stay in the household (nobody should be alone, R16).
    Lodgings of people whose beds are still to be found (`unsettled`, keys) are taken for free.
    """
    programme = gathering.practice_class.batch.programme
    nights = DateRange(gathering.first_day, gathering.last_day)
    days = DateRange(gathering.first_day, gathering.last_day + DAY)
    settled = Lodging.objects.filter(live=True).exclude(pk__in=unsettled)
    taken = settled.filter(stay__overlap=nights).exclude(gathering=gathering, enrollment=enrollment)
    other_sex = taken.exclude(sex=enrollment.cadre.sex)
    closed = Q(room__closures__live=True, room__closures__days__overlap=days) | Q(
        room__household__closures__live=True, room__household__closures__days__overlap=days
    )
    beds = (
        Bed.objects.filter(active=True, room__household__base__in=_bases(gathering))
        .filter(room__household__state=HostHousehold.State.ADMITTED)
        .exclude(pk__in=Bed.objects.filter(closed).values("pk"))
        .exclude(pk__in=taken.values("bed"))
        .exclude(room__in=other_sex.values("bed__room"))
    )
    if programme.household_single_sex:
        beds = beds.exclude(room__household__in=other_sex.values("household"))
    own = Q(
        room__household__lodgings__gathering=gathering, room__household__lodgings__live=True
    ) & ~Q(room__household__lodgings__enrollment=enrollment)  # fmt: skip
    return (
        beds.select_related("room__household__base__village")
        .annotate(guests=Count("room__household__lodgings", filter=own, distinct=True))
        .order_by("room__household", "room__name", "number")
    )


def joinable_beds(gathering: Gathering, enrollment: Enrollment, unsettled: Collection[int] = ()) -> QuerySet[Any]:
    """Free beds where people of the class already stay and one more still makes a lawful group; smallest group first."""
    most = gathering.practice_class.batch.programme.household_group_max
    joined = free_beds(gathering, enrollment, unsettled).filter(guests__gte=1, guests__lt=most)
    return joined.order_by(F("guests"), "room__household", "room__name", "number")


def _bases(gathering: Gathering) -> QuerySet[GatheringSite, Any]:
    """Bases where the gathering is held; those it held last where nobody is left at any."""
    live = gathering.sites.filter(live=True)
    return (live if live.exists() else gathering.sites.all()).values("base")
