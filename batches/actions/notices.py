"""What a repaired plan changes, gathered in words while the rows are written, and told at the end to those concerned alone."""

import datetime
from collections import defaultdict
from dataclasses import dataclass, field

from accounts.models import User
from bases.models import BaseManager, PracticeBase, TownshipLiaison
from batches.models import Batch, ClassMembership, Enrollment, Gathering, GatheringSite, Mentorship
from batches.plan_ids import key
from batches.rules import in_force
from batches.standing import Place, Stood
from batches.told import MENTOR, Heard, Told, told_of
from office.actions import notify


@dataclass(frozen=True)
class Wanted:
    """A coming gathering as the plan has it: base → people in order of travel, cadre → bed; `without` are cadres whose bed
    only the plan knows (`planning_excuses`)."""

    first_day: datetime.date
    last_day: datetime.date
    bases: dict[int, int]
    beds: dict[int, int]
    without: set[int] = field(default_factory=set)

    def is_where(self, stood: Stood) -> bool:
        row = stood.gathering
        return (row.first_day, row.last_day, set(stood.bases)) == (self.first_day, self.last_day, set(self.bases))


@dataclass
class Touched:
    """What a new version changed, in words, by whom it concerns; and the rows written, counted by kind."""

    people: dict[int, list[str]] = field(default_factory=lambda: defaultdict(list))
    """Enrollment → lines."""
    bases: dict[int, list[str]] = field(default_factory=lambda: defaultdict(list))
    rows: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    mentors: dict[int, list[str]] = field(default_factory=lambda: defaultdict(list))
    """User → lines, of mentors whose mentee leaves or moves, and of those who are free of one."""
    moved: set[int] = field(default_factory=set)
    """Enrollments that changed class."""
    offices: list[int] = field(default_factory=list)
    """Offices of classes (`ClassOffice`) that ended with it."""


def say_gathering(
    place: Place,
    stood: Stood | None,
    want: Wanted | None,
    villages: dict[int, str],
    touched: Touched,
) -> None:
    """Lines for the members of the class on that day: where and when it gathers now."""
    was = when(stood.gathering.first_day, stood.gathering.last_day) if stood else ""
    now = when(want.first_day, want.last_day) if want else ""
    stays = stood is not None and want is not None and want.is_where(stood)
    if stays and stood is not None and want is not None and list(stood.bases) == list(want.bases):
        return
    there = f"{was} {'、'.join(villages[base] for base in stood.bases)}" if stood else ""
    here = f"{now} {'、'.join(villages[base] for base in want.bases)}" if want else ""
    if not stood:
        line = f"第{place[1]}次集中定在 {here}"
    elif not want:
        line = f"第{place[1]}次集中（{there}）取消"
    elif stays:
        line = f"第{place[1]}次集中（{now}）先到{'，再到'.join(villages[base] for base in want.bases)}"
    else:
        line = f"第{place[1]}次集中由 {there} 改为 {here}"
    members = ClassMembership.objects.filter(practice_class=place[0], live=True, enrollment__live=True)
    day = want.first_day if want else stood.gathering.first_day if stood else None
    for enrollment in members.filter(days__contains=day).order_by("pk").values_list("enrollment", flat=True):
        touched.people[enrollment].append(line)


def when(first: datetime.date, last: datetime.date) -> str:
    """The days of a gathering as people read them."""
    return f"{first:%m-%d}" if first == last else f"{first:%m-%d} 至 {last:%m-%d}"


Expected = dict[tuple[int, int, int], tuple[str, str, int]]


def expected_at_bases(batch: Batch) -> Expected:
    """(Class number, index, base) → gathering, days and people expected, of gatherings to come (one query). Taken before and
    after a change, it tells those who look after the bases what they have to know (`say_bases`)."""
    sites = GatheringSite.objects.filter(
        live=True, gathering__state=Gathering.State.PLANNED, gathering__practice_class__batch=batch
    ).select_related("gathering__practice_class")  # fmt: skip
    found: Expected = {}
    for site in sites.order_by("pk"):
        gathering = site.gathering
        number, name = gathering.practice_class.number, gathering.practice_class.short_name
        found[number, gathering.index, site.base_id] = (
            f"{name}第{gathering.index}次集中", when(gathering.first_day, gathering.last_day), site.people
        )  # fmt: skip
    return found


def say_bases(before: Expected, after: Expected, touched: Touched) -> None:
    """Lines for the bases at which other people are expected than before, or on other days."""
    for place in sorted(before.keys() | after.keys()):
        was, now = before.get(place), after.get(place)
        if was == now:
            continue
        if now is None and was is not None:
            line = f"{was[0]} {was[1]} 的 {was[2]} 人不来了"
        elif was is None and now is not None:
            line = f"{now[0]} {now[1]} 来 {now[2]} 人"
        elif was is not None and now is not None:
            days = "" if was[1] == now[1] else f"{now[1]} "
            line = f"{was[0]} {was[1]} {was[2]} 人改为 {days}{now[2]} 人"
        touched.bases[place[2]].append(line)


def say_person(enrollment: Enrollment, what: str, touched: Touched) -> None:
    """A line for a member, and for the mentors that the member has now."""
    touched.people[enrollment.pk].append(f"您{what}")
    say_mentors(enrollment, what, touched)


def say_mentors(enrollment: Enrollment, what: str, touched: Touched) -> None:
    """A line for the mentors that a member has now."""
    for mentor in in_force(Mentorship.objects.filter(enrollment=enrollment)).order_by("pk"):
        touched.mentors[mentor.user_id].append(f"{enrollment.cadre.name}{what}")


def tell(batch: Batch, touched: Touched) -> Told:
    """One notice to each member and mentor concerned, and to those who look after the bases concerned; nobody else. Who that
    was, and which members have no account."""
    concerned = batch.enrollments.filter(pk__in=touched.people).select_related("cadre__user")
    by_pk = {row.pk: row for row in concerned.order_by("pk")}
    for pk, lines in sorted(touched.people.items()):
        notify(
            addressees=[by_pk[pk].cadre.user], subject=f"{batch}安排有调整", text="；".join(dict.fromkeys(lines)) + "。",
            url="/activities/me/",
        )  # fmt: skip
    others = tell_mentors(batch, touched) | tell_keepers(batch, touched)
    return told_of(
        (row.cadre for row in by_pk.values()), others, offices=touched.offices, mentees=touched.rows["mentors"]
    )


def tell_mentors(batch: Batch, touched: Touched) -> Heard:
    """One notice to each mentor concerned; returns them."""
    for mentor in User.objects.filter(pk__in=touched.mentors).order_by("pk"):
        text = "；".join(touched.mentors[mentor.pk]) + "。"
        notify(addressees=[mentor], subject=f"{batch}带教有调整", text=text, url="/activities/")
    return {(mentor, MENTOR) for mentor in touched.mentors}


def tell_keepers(batch: Batch, touched: Touched) -> Heard:
    """One notice to each who looks after a base concerned; returns them, with the base or the township."""
    lines_of: dict[int, list[str]] = defaultdict(list)
    users: dict[int, User] = {}
    heard: Heard = set()
    bases = PracticeBase.objects.filter(pk__in=touched.bases).select_related("village").order_by("pk")
    for base in bases:
        keepers = [
            *in_force(BaseManager.objects.filter(base=base)).select_related("user"),
            *in_force(TownshipLiaison.objects.filter(township=base.village.township_id)).select_related("user"),
        ]
        for keeper in keepers:
            users[keeper.user_id] = keeper.user
            of_base = isinstance(keeper, BaseManager)
            heard.add((keeper.user_id, key("P", base.pk) if of_base else key("T", base.village.township_id)))
            lines_of[keeper.user_id].append(f"{base.village}：" + "；".join(touched.bases[base.pk]))
    for pk, lines in sorted(lines_of.items()):
        text = "。".join(dict.fromkeys(lines)) + "。"
        notify(addressees=[users[pk]], subject=f"{batch}来基地的安排有调整", text=text, url="/bases/")
    return heard
