"""A session walked from its first act to the stage asked for, by the actions that pages call."""

import datetime
import uuid
from collections.abc import Callable
from itertools import cycle
from typing import Any

from django.utils import timezone

from accounts.models import User
from activities.actions import accept_paper, archive_papers, file_record, file_reflection, file_report
from activities.models import ActivityRecord, PaperState, Reflection, ResearchReport
from bases.models import TownshipLiaison
from batches import tasks
from batches.actions.attendance import confirm_gathering, enter_absence, hold_gathering
from batches.actions.batch import advance_batch, create_batch
from batches.actions.names import confirm_unit, defer_nomination, open_nominations, start_proposal
from batches.actions.plans import publish_plan, start_planning
from batches.actions.staff import assign_class_staff, assign_mentor, assign_office
from batches.models import Absence, Batch, ClassOffice, ClassStaff, Gathering, PlanRun, PracticeClass, Programme
from batches.queries import going, latest_run, live_gatherings, members_on
from cadres.models import Unit
from config.errors import DomainError
from office.models import Job, JobState
from reports.demonstration import people, words

NAMESPACE = uuid.UUID("6f0d3f1e-0d6e-5b0a-9f4e-2d756e6d6961")
DAY = datetime.timedelta(days=1)
PEOPLE = 266
"""As many as a real session had; a few places in the classes stay free."""


def client_id(*parts: object) -> uuid.UUID:
    """The same thing of the demonstration has the same id wherever it is made."""
    return uuid.uuid5(NAMESPACE, "/".join(str(part) for part in parts))


def asked_for_names(first_day: datetime.date, today: datetime.date) -> tuple[datetime.date, datetime.date]:
    """The day on which the units were asked, two weeks before a session or later today, and the last day to answer."""
    opened = min(today, first_day - 14 * DAY)
    return opened, min(opened + 10 * DAY, first_day - 4 * DAY)


class Session:
    """One session of the demonstration and the people who run it."""

    def __init__(
        self, programme: Programme, number: int, first_day: datetime.date, *, weeks: int, by: User, password_hash: str
    ) -> None:
        self.by, self.password_hash = by, password_hash
        last_day = first_day + datetime.timedelta(weeks=weeks) - DAY
        self.batch: Batch = create_batch(
            programme=programme, number=number, first_day=first_day, last_day=last_day, by=by
        )

    def nominate(self, *, answered: bool) -> None:
        """Names proposed by the planner; units answer all of them, or two of three when `answered` is false."""
        self._work(start_proposal(batch=self.batch, by=self.by), tasks.propose_names)
        opened, until = asked_for_names(self.batch.first_day, timezone.localdate())
        open_nominations(batch=self.batch, until=until, by=self.by, today=opened)
        for nomination in list(going(self.batch).order_by("cadre__unit__name", "cadre__sort_name", "pk"))[PEOPLE:]:
            defer_nomination(nomination=nomination, reason="单位近期任务重，下一期再来", by=self.by)
        units = Unit.objects.filter(cadres__nominations__batch=self.batch).distinct().order_by("pk")
        for position, unit in enumerate(units):
            if answered or position % 3:
                confirm_unit(batch=self.batch, unit=unit, by=self.by)

    def plan(self) -> None:
        self._work(start_planning(batch=self.batch, by=self.by), tasks.plan)

    def _work(self, run: PlanRun, task: Callable[[str], None]) -> None:
        """Carry the run's job out here and now instead of by a worker."""
        assert run.job_id is not None  # noqa: S101 -- started with its job
        task(str(run.job_id))
        job = Job.objects.get(pk=run.job_id)
        if job.state != JobState.DONE:
            raise DomainError("demonstration_failed", f"{job.title}：{job.message}")
        self.batch.refresh_from_db()

    def publish(self) -> None:
        run = latest_run(self.batch)
        assert run is not None  # noqa: S101 -- planned just before
        publish_plan(batch=self.batch, run=run, by=self.by)
        people.cadre_accounts(self.batch, self.password_hash)
        self._accompany()

    def _accompany(self) -> None:
        """Head teachers, counsellors, mentors, monitors and deputies of each class, since the first day."""
        teachers = people.numbered("dangxiao", people.TEACHERS, self.password_hash)
        mentors = cycle(people.numbered("daoshi", people.MENTORS, self.password_hash))
        liaisons = cycle([row.user for row in TownshipLiaison.objects.select_related("user").order_by("pk")])
        since = min(self.batch.first_day, timezone.localdate())
        for position, practice_class in enumerate(self.classes()):
            teacher = teachers[position % len(teachers)]
            for user, kind in (
                (teacher, ClassStaff.Kind.HEAD_TEACHER), (next(liaisons), ClassStaff.Kind.COUNSELLOR),
            ):  # fmt: skip
                assign_class_staff(practice_class=practice_class, user=user, kind=kind, by=self.by, since=since)
            memberships = list(members_on(practice_class, self.batch.first_day))
            for membership, office in zip(memberships, ClassOffice.Kind, strict=False):
                assign_office(membership=membership, kind=office, by=self.by, since=since)
            if not position:
                users = [membership.enrollment.cadre.user for membership in memberships[:3]]
                names = ("banzhang", "fubanzhang", "xueyuan")
                people.showcase({name: user for name, user in zip(names, users, strict=False) if user is not None})
            half = len(memberships) // 2
            for part in (memberships[:half], memberships[half:]):
                enrollments = [membership.enrollment for membership in part]
                assign_mentor(enrollments=enrollments, user=next(mentors), by=self.by, since=since)

    def classes(self) -> list[PracticeClass]:
        return list(self.batch.classes.select_related("batch__programme").order_by("number"))

    def run(self, *, until: datetime.date) -> None:
        """Gatherings up to a day: held, some absences, confirmed; records filed and accepted along the way."""
        advance_batch(batch=self.batch, act="start", by=self.by)
        for practice_class in self.classes():
            monitor = self.monitor(practice_class)
            teacher = self.teacher(practice_class)
            own = live_gatherings(self.batch).filter(practice_class=practice_class, first_day__lte=until)
            gatherings = list(own)
            for gathering in gatherings:
                self._hold(gathering, monitor, confirmed=gathering.last_day < until)
            self._file(practice_class, gatherings, monitor, teacher)

    def _hold(self, gathering: Gathering, monitor: User, *, confirmed: bool) -> None:
        hold_gathering(by=monitor, gathering=gathering)
        memberships = list(members_on(gathering.practice_class, gathering.first_day))
        away = memberships[(gathering.index * 5 + gathering.practice_class.number) % len(memberships)]
        enter_absence(
            by=monitor, gathering=gathering, enrollment=away.enrollment, kind=Absence.Kind.LEAVE,
            first_day=gathering.last_day, last_day=gathering.last_day,
            reason=words.ABSENCES[gathering.practice_class.number % len(words.ABSENCES)],
            client_id=client_id("absence", gathering.pk),
        )  # fmt: skip
        if confirmed:
            gathering.refresh_from_db()
            confirm_gathering(by=monitor, gathering=gathering)

    def _file(self, practice_class: PracticeClass, gatherings: list[Gathering], monitor: User, teacher: User) -> None:
        """The nine records spread over the gatherings there have been; the last one waits for the head teacher."""
        share = round(len(words.RECORDS) * len(gatherings) / max(1, self._gatherings_in_all(practice_class)))
        for position, (kind, title, text) in enumerate(words.RECORDS[:share]):
            gathering = gatherings[position * len(gatherings) // share]
            gathering.refresh_from_db()
            receipt = file_record(
                by=monitor, practice_class=practice_class, client_id=client_id("record", practice_class.pk, position),
                kind=kind, day=gathering.first_day + DAY * (position % gathering.days), title=title, text=text,
                gathering=gathering, people_reached=12 + 3 * position if kind in ("policy", "office") else None,
                households_helped=2 + position % 5 if kind == "deed" else None,
            )  # fmt: skip
            if position < share - 1 or share == len(words.RECORDS):
                accept_paper(by=teacher, paper=ActivityRecord.objects.get(client_id=receipt.client_id))

    def _gatherings_in_all(self, practice_class: PracticeClass) -> int:
        return live_gatherings(self.batch).filter(practice_class=practice_class).count()

    def monitor(self, practice_class: PracticeClass) -> User:
        office = ClassOffice.objects.filter(
            membership__practice_class=practice_class, kind=ClassOffice.Kind.MONITOR, until__isnull=True
        ).select_related("membership__enrollment__cadre__user").get()  # fmt: skip
        user = office.membership.enrollment.cadre.user
        assert user is not None  # noqa: S101 -- accounts were made at publication
        return user

    def teacher(self, practice_class: PracticeClass) -> User:
        post = practice_class.staff.select_related("user").get(kind=ClassStaff.Kind.HEAD_TEACHER, until__isnull=True)
        return post.user

    def hand_in_papers(self, *, everybody: bool) -> None:
        """Reflections by each cadre, a report by each class, accepted; every tenth is still owed unless `everybody`."""
        for practice_class in self.classes():
            teacher = self.teacher(practice_class)
            title, text = words.REPORT
            receipt = file_report(
                by=self.monitor(practice_class), practice_class=practice_class, title=title, text=text,
                client_id=client_id("report", practice_class.pk),
            )  # fmt: skip
            accept_paper(by=teacher, paper=ResearchReport.objects.get(client_id=receipt.client_id))
            for position, membership in enumerate(members_on(practice_class, self.batch.last_day)):
                if everybody or position % 10:
                    self._reflect(membership.enrollment, position, teacher)

    def _reflect(self, enrollment: Any, position: int, teacher: User) -> None:
        title, text = words.REFLECTIONS[(position + enrollment.pk) % len(words.REFLECTIONS)]
        receipt = file_reflection(
            by=enrollment.cadre.user, enrollment=enrollment, title=title, text=text,
            client_id=client_id("reflection", enrollment.pk),
        )  # fmt: skip
        accept_paper(by=teacher, paper=Reflection.objects.get(client_id=receipt.client_id))

    def begin_evaluation(self) -> None:
        advance_batch(batch=self.batch, act="evaluate", by=self.by)

    def archive(self) -> None:
        """Papers into the archive, then the batch is closed."""
        accepted = {"state": PaperState.ACCEPTED}
        archive_papers(by=self.by, papers=ActivityRecord.objects.filter(practice_class__batch=self.batch, **accepted))
        archive_papers(by=self.by, papers=Reflection.objects.filter(enrollment__batch=self.batch, **accepted))
        archive_papers(by=self.by, papers=ResearchReport.objects.filter(practice_class__batch=self.batch, **accepted))
        advance_batch(batch=self.batch, act="close", by=self.by)
