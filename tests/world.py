"""The world of two: whatever exists, exists at least twice, so that "someone else's" is always there.

Three sides: `own` (class 1 of batch 1, with its unit, township, village, base and people), `other` (class 2 of the same
batch, everything else of its own) and `elsewhere` (a class of another batch). For each role there is one user who belongs to
the side `own`; what that user may reach on the other sides is what the route matrix asks.

To give a route an object: name the attribute of `Side` in its row of tests/policies.py (`pk="gathering"`). A new model gets a
line in `make_side`. Rows that belong to a person (jobs, notices, files) come from `PERSONAL`: "own" is then the user's own.
"""

import datetime
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any
from uuid import UUID

from django.db.backends.postgresql.psycopg_any import DateRange
from django.db.models import Model
from django.utils import timezone

from accounts.models import Role, User
from activities.models import ActivityRecord, Attachment, Reflection, ResearchReport
from bases.models import BaseUse, Closure
from batches.models import Absence, Batch, GatheringPin, MakeUp, Nomination, PlanDemand, PlanRun, PlanVersion, Waiver
from cadres.models import PastAttendance, RosterImport, Unavailability
from evaluations.models import Campaign, Criterion, Panel, PanelMember, Recusal, Result, Review, Rubric, Scorer
from office.files import store_file
from office.models import CalendarDay, Job, JobState, Notice
from tests import factories

ANONYMOUS = "anonymous"
OUTSIDER = "outsider"
SYSTEM, SECURITY, AUDIT = "system_administrator", "security_administrator", "audit_administrator"
CENTRE, LEADER = "centre", "leader"
TOWNSHIP_LIAISON, BASE_MANAGER, UNIT_LIAISON = "township_liaison", "base_manager", "unit_liaison"
HEAD_TEACHER, COUNSELLOR, MENTOR = "head_teacher", "counsellor", "mentor"
MONITOR, CADRE, PANEL_MEMBER = "monitor", "cadre", "panel_member"

COUNTY = {SYSTEM: Role.SYSTEM, SECURITY: Role.SECURITY, AUDIT: Role.AUDIT, CENTRE: Role.CENTRE, LEADER: Role.LEADER}
OF_A_SIDE = (
    TOWNSHIP_LIAISON, BASE_MANAGER, UNIT_LIAISON, HEAD_TEACHER, COUNSELLOR, MENTOR, MONITOR, CADRE, PANEL_MEMBER,
)  # fmt: skip
SIGNED_IN = frozenset({OUTSIDER, *COUNTY, *OF_A_SIDE})

ABSENT = {"int": 987654321, "uuid": UUID(int=0x0BAD), "str": "none-such"}
Side = SimpleNamespace


class World:
    """Users by role, sides by relation."""

    def __init__(self) -> None:
        programme = factories.ProgrammeFactory()
        track = factories.TrackFactory(programme=programme, order=1)
        first = factories.BatchFactory(programme=programme, number=1, state=Batch.State.RUNNING)
        second = factories.BatchFactory(programme=programme, number=2, state=Batch.State.RUNNING)
        self.users: dict[str, User] = {OUTSIDER: factories.UserFactory(name="外人")}
        for role, granted in COUNTY.items():
            self.users[role] = factories.user_with_role(granted, name=f"全县{role}"[:40])
        shared = {batch.pk: make_campaign(batch) for batch in (first, second)}
        staff = self.users[CENTRE]
        self.sides: dict[str, Side] = {
            "own": make_side(first, track, 1, shared[first.pk], staff),
            "other": make_side(first, track, 2, shared[first.pk], staff),
            "elsewhere": make_side(second, track, 1, shared[second.pk], staff),
        }
        self.users |= self.sides["own"].people
        whole = {
            "role_grant": self.users[LEADER].role_grants.get(),
            "calendar_day": CalendarDay.objects.create(day=datetime.date(2027, 1, 1), kind="holiday", name="元旦"),
        }
        for side in self.sides.values():
            vars(side).update(whole)  # the county's own: the same for every side
        others = {relation: self.sides[relation].people[CADRE] for relation in ("other", "elsewhere")}
        self._personal = {
            (what, relation, role): make(user)
            for what, make in PERSONAL.items()
            for relation, role, user in [
                *(("own", role, user) for role, user in self.users.items()),
                *((relation, "", user) for relation, user in others.items()),
            ]
        }

    def find(self, what: str, role: str, relation: str) -> Any:
        """The object (or plain value) called `what` as the user of `role` stands to it."""
        if what not in PERSONAL:
            return getattr(self.sides[relation], what)
        if relation == "own":
            return self._personal[what, "own", OUTSIDER if role == ANONYMOUS else role]
        return self._personal[what, relation, ""]


def _job(user: User) -> Job:
    return Job.objects.create(
        task="office.none",
        title="任务",
        owner=user,
        state=JobState.DONE,
        finished_at=timezone.now(),
        result_file=_file(user),
    )


def _running_job(user: User) -> Job:
    return Job.objects.create(
        task="office.none", title="任务", owner=user, state=JobState.RUNNING, heartbeat_at=timezone.now()
    )


def _notice(user: User) -> Notice:
    return Notice.objects.create(addressee=user, subject="通知", text="内容")


def _file(user: User) -> Any:
    return store_file(name="表.txt", kind="test", content=b"x", content_type="text/plain", owner=user)


PERSONAL: dict[str, Callable[[User], Model]] = {
    "job": _job,
    "running_job": _running_job,
    "notice": _notice,
    "file": _file,
    "account": lambda user: user,
}


def make_campaign(batch: Batch) -> Side:
    rubric = Rubric.objects.create(name=f"评分表{batch.number}")
    criteria = [
        Criterion.objects.create(rubric=rubric, order=order, name=f"评分项{order}", weight=weight, scorer=scorer)
        for order, weight, scorer in ((1, 40, Scorer.MENTOR), (2, 30, Scorer.HEAD_TEACHER), (3, 30, Scorer.PANEL))
    ]
    campaign = Campaign.objects.create(
        batch=batch, rubric=rubric, state=Campaign.State.OPEN, opens_on=batch.first_day, closes_on=batch.last_day
    )
    return Side(rubric=rubric, criteria=criteria, campaign=campaign)


def make_side(batch: Batch, track: Any, number: int, shared: Side, staff: User) -> Side:
    """A class with everything around it; `people` are its users by role."""
    people = {role: factories.UserFactory(name=f"{role}{number}"[:40]) for role in OF_A_SIDE}
    side = Side(batch=batch, programme=batch.programme, track=track, people=people, **vars(shared))
    _places(side, people, staff)
    _class(side, people, number)
    _course(side, people, staff, number)
    _papers(side, people)
    _evaluation(side, people, number)
    return side


def _places(side: Side, people: dict[str, User], staff: User) -> None:
    side.unit = factories.UnitFactory()
    side.unit_liaison = factories.UnitLiaisonFactory(unit=side.unit, user=people[UNIT_LIAISON])
    side.township = factories.TownshipFactory()
    side.township_liaison = factories.TownshipLiaisonFactory(township=side.township, user=people[TOWNSHIP_LIAISON])
    side.village = factories.VillageFactory(township=side.township)
    side.base = factories.BaseFactory(village=side.village)
    side.base_manager = factories.BaseManagerFactory(base=side.base, user=people[BASE_MANAGER])
    side.household = factories.HouseholdFactory(base=side.base)
    side.room = side.household.rooms.get()
    side.bed = side.room.beds.first()
    later = DateRange(datetime.date(2027, 3, 1), datetime.date(2027, 3, 8))
    side.closure = Closure.objects.create(base=side.base, days=later, kind=Closure.Kind.FESTIVAL, entered_by=staff)
    later = DateRange(datetime.date(2027, 4, 1), datetime.date(2027, 4, 3))
    side.base_use = BaseUse.objects.create(
        base=side.base, days=later, people=5, kind=BaseUse.Kind.OUTSIDE, source="外来单位"
    )
    side.rate = factories.RateFactory(township=side.township)


def _class(side: Side, people: dict[str, User], number: int) -> None:
    side.practice_class = factories.ClassFactory(batch=side.batch, track=side.track, number=number)
    side.cadre = factories.CadreFactory(unit=side.unit, user=people[CADRE])
    side.membership = factories.MembershipFactory(practice_class=side.practice_class, cadre=side.cadre)
    side.enrollment = side.membership.enrollment
    monitor = factories.CadreFactory(unit=side.unit, user=people[MONITOR])
    side.monitor_membership = factories.MembershipFactory(practice_class=side.practice_class, cadre=monitor)
    side.office = factories.ClassOfficeFactory(membership=side.monitor_membership)
    side.head_teacher_post = factories.ClassStaffFactory(practice_class=side.practice_class, user=people[HEAD_TEACHER])
    side.counsellor_post = factories.ClassStaffFactory(
        practice_class=side.practice_class, user=people[COUNSELLOR], kind="counsellor"
    )
    side.mentorship = factories.MentorshipFactory(enrollment=side.enrollment, user=people[MENTOR])
    side.gathering = factories.GatheringFactory(practice_class=side.practice_class, base=side.base)
    side.lodging = factories.LodgingFactory(gathering=side.gathering, enrollment=side.enrollment, bed=side.bed)


def _course(side: Side, people: dict[str, User], staff: User, number: int) -> None:
    side.nomination = Nomination.objects.create(batch=side.batch, cadre=side.cadre)
    side.unavailability = Unavailability.objects.create(
        cadre=side.cadre, days=DateRange(datetime.date(2027, 5, 1), datetime.date(2027, 5, 9)), reason="出差",
        entered_by=people[UNIT_LIAISON],
    )  # fmt: skip
    side.past_attendance = PastAttendance.objects.create(cadre=side.cadre, session="往年第一期")
    side.absence = Absence.objects.create(
        gathering=side.gathering, enrollment=side.enrollment, first_day=side.gathering.first_day,
        last_day=side.gathering.first_day, entered_by=people[MONITOR],
    )  # fmt: skip
    side.make_up = MakeUp.objects.create(
        gathering=side.gathering,
        enrollment=factories.EnrollmentFactory(batch=side.batch),
        reason="补课",
        entered_by=staff,
    )
    side.plan_run = PlanRun.objects.create(programme=side.batch.programme, batch=side.batch)
    side.gathering_pin = GatheringPin.objects.create(
        practice_class=side.practice_class, index=1, first_day=side.batch.first_day, reason="说好了"
    )
    side.outlook = PlanRun.objects.create(
        programme=side.batch.programme, purpose=PlanRun.Purpose.OUTLOOK, title="每单位多派 1 人",
        changes=[{"kind": "parameter", "name": "unit_max_per_batch", "value": 4, "was": 3}],
    )  # fmt: skip
    version = PlanVersion.objects.filter(batch=side.batch).count() + 1
    side.plan_version = PlanVersion.objects.create(
        batch=side.batch,
        number=version,
        run=side.plan_run,
        plan_text="{}",
        seed=1,
        fingerprint="0" * 64,
        published_by=staff,
    )
    side.demand = PlanDemand.objects.create(
        batch=side.batch, cadre=side.cadre, kind=PlanDemand.Kind.MUST, reason="组织安排"
    )
    side.waiver = Waiver.objects.create(
        batch=side.batch, rule="A1", subject=f"{side.unit.pk}", subject_label="单位", reason="人多", asked_by=staff
    )
    file = store_file(name="名单.xlsx", kind="roster", content=b"x", content_type="text/plain", owner=staff)
    side.roster_import = RosterImport.objects.create(file=file, created_by=staff, state=RosterImport.State.PREVIEWED)


def _papers(side: Side, people: dict[str, User]) -> None:
    side.record = ActivityRecord.objects.create(
        practice_class=side.practice_class, gathering=side.gathering, village=side.village, title="政策宣讲",
        kind=ActivityRecord.Kind.POLICY, day=side.gathering.first_day, author=people[MONITOR], state="submitted",
    )  # fmt: skip
    side.draft_record = ActivityRecord.objects.create(
        practice_class=side.practice_class, gathering=side.gathering, village=side.village, title="村情调查",
        kind=ActivityRecord.Kind.SURVEY, day=side.gathering.first_day, author=people[MONITOR],
    )  # fmt: skip
    photo = store_file(name="照片.jpg", kind="photo", content=b"x", content_type="image/jpeg", owner=people[MONITOR])
    side.attachment = Attachment.objects.create(record=side.record, file=photo)
    side.reflection = Reflection.objects.create(
        enrollment=side.enrollment, title="心得", author=people[CADRE], state="submitted"
    )
    side.report = ResearchReport.objects.create(
        practice_class=side.practice_class, title="调研报告", author=people[MONITOR], state="submitted"
    )


def _evaluation(side: Side, people: dict[str, User], number: int) -> None:
    side.panel = Panel.objects.create(campaign=side.campaign, name=f"第{number}评审团")
    side.panel.classes.add(side.practice_class)
    side.panel_member = PanelMember.objects.create(
        panel=side.panel, number=1, user=people[PANEL_MEMBER], kind=PanelMember.Kind.VILLAGER
    )
    side.recusal = Recusal.objects.create(
        member=side.panel_member, enrollment=side.monitor_membership.enrollment, reason="亲属"
    )
    side.review = Review.objects.create(
        campaign=side.campaign, enrollment=side.enrollment, scorer=Scorer.MENTOR, user=people[MENTOR]
    )
    side.result = Result.objects.create(
        campaign=side.campaign, enrollment=side.enrollment, score="85.00", grade=Result.Grade.GOOD
    )
