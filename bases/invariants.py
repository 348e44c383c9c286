"""What bases must never break (invariants 3, 4 and 12), asked of the rows.

Capacity, beds and states are facts of today, so invariant 3 is asked of today and the days to come.
"""

import datetime

from django.db.models import F, Max, Q
from django.utils import timezone

from bases import queries
from bases.models import BaseUse, HostHousehold, PracticeBase, Rate
from office.invariants import Invariant


def _coming() -> tuple[list[PracticeBase], datetime.date, datetime.date] | None:
    """Bases with uses from today on, today, and the last day of any; None where nothing comes."""
    today = timezone.localdate()
    coming = BaseUse.objects.filter(live=True, days__endswith__gt=today)
    end = coming.aggregate(end=Max("days__endswith"))["end"]
    if end is None:
        return None
    bases = PracticeBase.objects.filter(pk__in=coming.values("base")).select_related("village")
    return list(bases), today, end


def too_many_people() -> list[str]:
    """3a: on no day more people than the declared capacity."""
    coming = _coming()
    if coming is None:
        return []
    bases, first, last = coming
    there = queries.people_by_day_of(bases, first, last)
    return [
        f"{base} {day} 有 {people.total} 人，超过日均承载 {base.declared_capacity} 人"
        for base in bases
        for day, people in there[base.pk].items()
        if people.total > base.declared_capacity
    ]


def too_few_beds() -> list[str]:
    """3b: in no night more people of gatherings than usable beds."""
    coming = _coming()
    if coming is None:
        return []
    bases, first, last = coming
    there, beds = queries.people_by_day_of(bases, first, last), queries.beds_by_night_of(bases, first, last)
    return [
        f"{base} {night} 晚住 {people.sleeping} 人，可用床位 {beds[base.pk][night]} 张"
        for base in bases
        for night, people in there[base.pk].items()
        if people.sleeping > beds[base.pk][night]
    ]


def people_while_closed() -> list[str]:
    """3c: nobody at a base that is closed or retired."""
    coming = _coming()
    if coming is None:
        return []
    bases, first, last = coming
    there = queries.people_by_day_of(bases, first, last)
    found = [
        f"{base}已停办，{day} 还有 {people.total} 人"
        for base in bases
        if base.state != PracticeBase.State.OPEN
        for day, people in there[base.pk].items()
        if people.total
    ]
    for closure in queries.live_closures(bases, first, last).filter(base__isnull=False):
        found += [
            f"{closure}，{day} 还有 {people.total} 人"
            for day, people in there[closure.at_base.pk].items()
            if people.total and day in closure.days
        ]
    return found


def admitted_without_full_notice() -> list[str]:
    """4: whoever takes guests was on public notice, the notice has run out, and no objection is open."""
    taken = HostHousehold.objects.filter(state__in=[HostHousehold.State.ADMITTED, HostHousehold.State.SUSPENDED])
    bad = taken.filter(
        Q(notice_from__isnull=True)
        | Q(notice_until__isnull=True)
        | Q(admitted_on__isnull=True)
        | Q(admitted_on__lte=F("notice_until"))
        | ~Q(open_objection="")
    )
    return [f"{household.base}{household}（编号 {household.pk}）" for household in bad.select_related("base__village")]


def unfit_rates() -> list[str]:
    """12: amounts are not negative, a confirmation says who and when, days run forward."""
    bad = Rate.objects.filter(
        Q(breakfast__lt=0) | Q(lunch__lt=0) | Q(dinner__lt=0) | Q(night__lt=0)
        | Q(confirmed_at__isnull=True, confirmed_by__isnull=False)
        | Q(confirmed_at__isnull=False, confirmed_by__isnull=True)
        | Q(days__isempty=True) | Q(days__startswith__isnull=True)
    ).select_related("township")  # fmt: skip
    return [f"{rate.township or '全县'}的食宿标准（编号 {rate.pk}）" for rate in bad]


INVARIANTS: list[Invariant] = [
    Invariant("3a", "任何一天，基地里的人数不超过日均承载（外来接待在内）", too_many_people),
    Invariant("3b", "任何一晚，住下的人数不超过可用床位", too_few_beds),
    Invariant("3c", "停接、停办的基地没有人", people_while_closed),
    Invariant("4", "接待农户都经过公示期满，没有未了结的异议", admitted_without_full_notice),
    Invariant("12a", "食宿标准金额和确认齐全", unfit_rates),
]
