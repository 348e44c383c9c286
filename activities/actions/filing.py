"""Writing a record, a reflection or a report: the first sending, the same sending again, and changing a draft.

The client makes the `client_id`; whatever is sent again under it finds the row that exists (invariant 7). The
unique constraint decides between parallel sendings; nothing here checks first and inserts later.
"""

import datetime
from collections.abc import Iterable
from decimal import Decimal
from typing import TypeVar
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils import timezone

from accounts import audit
from accounts.models import User
from activities import rules, states
from activities.actions.papers import (
    Receipt,
    batch_of,
    content_of,
    digest,
    lock,
    receipt_of,
    require,
    require_length,
    require_open_batch,
    require_version,
    submit_paper,
)
from activities.models import ActivityRecord, PaperState, Reflection, ResearchReport
from activities.rules import Filed
from bases.models import Village
from batches.models import Enrollment, Gathering, PracticeClass
from batches.presence import presence_of_gathering, villages_of
from batches.queries import members_on
from config.errors import Conflict, DomainError

AnyPaper = TypeVar("AnyPaper", ActivityRecord, Reflection, ResearchReport)
TITLE_LIMIT = 100
TEXT_LIMIT = 20000
COUNT_LIMIT = 1_000_000
COST_LIMIT = Decimal("10000000")
WRITTEN = (
    "title", "text", "kind", "day", "gathering_id", "village_id", "people_reached", "households_helped", "cost"
)  # fmt: skip


class _AlreadyKept(Exception):
    """The same thing was kept before: nothing to write, and no entry of an act that did nothing."""


def file_record(
    *,
    by: User,
    practice_class: PracticeClass,
    client_id: UUID,
    kind: str,
    day: datetime.date,
    title: str,
    text: str = "",
    gathering: Gathering | None = None,
    village: Village | None = None,
    participants: Iterable[Enrollment] | None = None,
    people_reached: int | None = None,
    households_helped: int | None = None,
    cost: Decimal | None = None,
    submit: bool = True,
    expected_version: int | None = None,
) -> Receipt:
    """Keep a record of what a class did on a day, as a draft or handed in; by the monitor, the deputy or the centre.

    `participants` None means everybody there on that day; `village` None the gathering's first. Sent again with the same
    `client_id` and content it answers with the same receipt. A draft or returned record is changed by it; one that was
    handed in is never overwritten. `cost` is in yuan. Photographs come after it and are never needed.

    Raises DomainError: not_allowed, batch_closed, outside_batch, in_future, other_gathering, outside_gathering,
    not_of_class, bad_figure, title_needed, text_too_long, incomplete; Conflict: client_id_taken, already_filed,
    changed_meanwhile.
    """
    require(rules.may_file_for_class.test(by, practice_class), "由本班班长、副班长或服务中心填写。")
    if village is None and gathering is not None:
        village = next(iter(villages_of(gathering)), None)
    record = ActivityRecord(
        client_id=client_id, practice_class=practice_class, kind=kind, day=day, gathering=gathering, village=village,
        people_reached=people_reached, households_helped=households_helped, author=by,
        cost=None if cost is None else cost.quantize(Decimal("0.01")), title=title, text=text,
    )  # fmt: skip
    _check_record(record)
    people = None if participants is None else {enrollment.pk for enrollment in participants}
    if people is not None:
        _check_participants(record, people)
    return _keep(record, by=by, participants=people, submit=submit, expected_version=expected_version)


def file_reflection(
    *,
    by: User,
    enrollment: Enrollment,
    client_id: UUID,
    title: str,
    text: str = "",
    submit: bool = True,
    expected_version: int | None = None,
) -> Receipt:
    """Keep a cadre's reflection, as a draft or handed in; by herself, or by the centre from paper. As `file_record`."""
    paper = Reflection(client_id=client_id, enrollment=enrollment, title=title, text=text, author=by)
    require(rules.may_write.test(by, paper), "心得体会由本人填写，纸质的可请服务中心代录。")
    return _keep(paper, by=by, participants=None, submit=submit, expected_version=expected_version)


def file_report(
    *,
    by: User,
    practice_class: PracticeClass,
    client_id: UUID,
    title: str,
    text: str = "",
    submit: bool = True,
    expected_version: int | None = None,
) -> Receipt:
    """Keep a class's research report, as a draft or handed in; by its monitor, deputy or the centre. As `file_record`."""
    paper = ResearchReport(client_id=client_id, practice_class=practice_class, title=title, text=text, author=by)
    require(rules.may_write.test(by, paper), "调研报告由本班班长、副班长或服务中心填写。")
    return _keep(paper, by=by, participants=None, submit=submit, expected_version=expected_version)


def present_on(practice_class: PracticeClass, gathering: Gathering | None, day: datetime.date) -> list[Enrollment]:
    """Who took part unless somebody says otherwise: those at the gathering on that day, else the class's members."""
    if gathering is None:
        return [membership.enrollment for membership in members_on(practice_class, day)]
    return [
        row.enrollment
        for row in presence_of_gathering(gathering)
        if (day in row.dates if row.dates or not row.frozen else row.days > 0)
    ]


def _keep(
    paper: AnyPaper, *, by: User, participants: set[int] | None, submit: bool, expected_version: int | None
) -> Receipt:
    paper.title = require_length("标题", paper.title, TITLE_LIMIT)
    paper.text = require_length("内容", paper.text, TEXT_LIMIT)
    if not paper.title:
        raise DomainError("title_needed", "请写一句办了什么（标题），一眼能看明白就行。")
    require_open_batch(batch_of(paper))
    try:
        with audit.act("save_draft", by=by) as entry:
            row = _insert_or_change(paper, by, participants, submit, expected_version)
            entry.about(row)
            if submit:
                row = submit_paper(by=by, paper=row)
    except _AlreadyKept:
        row = type(paper)._default_manager.get(client_id=paper.client_id)
    return receipt_of(row)


def _insert_or_change(
    paper: AnyPaper, by: User, participants: set[int] | None, submit: bool, expected_version: int | None
) -> AnyPaper:
    known = type(paper)._default_manager.filter(client_id=paper.client_id).first()
    if known is None:
        try:
            with transaction.atomic():
                paper.save(force_insert=True)
        except IntegrityError:
            known = type(paper)._default_manager.get(client_id=paper.client_id)
        else:
            if isinstance(paper, ActivityRecord):
                if participants is None:
                    people = present_on(paper.practice_class, paper.gathering, paper.day)
                    participants = {enrollment.pk for enrollment in people}
                paper.participants.set(participants)
            return paper
    return _change(lock(known), paper, by, participants, submit, expected_version)


def _change(
    row: AnyPaper, sent: AnyPaper, by: User, participants: set[int] | None, submit: bool, expected_version: int | None
) -> AnyPaper:
    """What a sending means for the row that has its `client_id` already."""
    if not rules.may_write.test(by, row) or _owner(row) != _owner(sent):
        raise Conflict("client_id_taken", "没有保存：这个编号已经用在别的内容上。您写的还在，请重新打开填写页再存。")
    if isinstance(row, ActivityRecord) and participants is None:
        participants = set(row.participants.order_by().values_list("pk", flat=True))
    kept, new = digest(content_of(row)), digest(content_of(sent, participants))
    editable = row.state in states.EDITABLE
    if kept == new:
        late = row.state == PaperState.RETURNED and expected_version is None
        if submit and editable and not late:
            require_version(row, expected_version)
            return row
        raise _AlreadyKept
    if not editable or (row.state == PaperState.RETURNED and expected_version is None):
        raise Conflict(
            "already_filed",
            f"没有覆盖：“{row.title}”{row.get_state_display()}，内容与这次的不同（已存 {kept[:8]}，这次 {new[:8]}）。"
            "您写的还在：要改先撤回报送或请班主任退回，也可以另记一条。",
        )
    require_version(row, expected_version)
    for name in WRITTEN:
        if hasattr(sent, name):
            setattr(row, name, getattr(sent, name))
    row.version += 1
    row.save()
    if isinstance(row, ActivityRecord):
        row.participants.set(participants or ())
    return row


def _owner(paper: Filed) -> tuple[str, int]:
    if isinstance(paper, Reflection):
        return "enrollment", paper.enrollment_id
    return "class", paper.practice_class_id


def _check_record(record: ActivityRecord) -> None:
    batch = record.practice_class.batch
    if record.kind not in ActivityRecord.Kind.values:
        raise DomainError("unknown_kind", "请选一个类别。")
    if not batch.first_day <= record.day <= batch.last_day:
        raise DomainError(
            "outside_batch", f"日期要在{batch}之内：{batch.first_day:%Y-%m-%d} 至 {batch.last_day:%Y-%m-%d}。"
        )
    if record.day > timezone.localdate():
        raise DomainError("in_future", "日期还没到，办完以后再记。")
    gathering = record.gathering
    if gathering is not None:
        if gathering.practice_class_id != record.practice_class_id or not gathering.is_live:
            raise DomainError("other_gathering", "请选本班没有取消的一次集中。")
        if not gathering.first_day <= record.day <= gathering.last_day:
            raise DomainError(
                "outside_gathering",
                f"日期不在这次集中之内（{gathering.first_day:%m-%d} 至 {gathering.last_day:%m-%d}）。"
                "请改日期，或选“不在集中期间”。",
            )
    for name, value in (("到场群众", record.people_reached), ("受益户数", record.households_helped)):
        if value is not None and not 0 <= value <= COUNT_LIMIT:
            raise DomainError("bad_figure", f"{name}要在 0 至 {COUNT_LIMIT} 之间。")
    if record.cost is not None and not 0 <= record.cost < COST_LIMIT:
        raise DomainError("bad_figure", f"花费要在 0 至 {COST_LIMIT} 元之间。")


def _check_participants(record: ActivityRecord, people: set[int]) -> None:
    known = Enrollment.objects.filter(
        Q(memberships__practice_class=record.practice_class, memberships__live=True)
        | Q(makeups__gathering=record.gathering, makeups__gathering__isnull=False, makeups__live=True),
        pk__in=people,
    )
    if known.distinct().count() != len(people):
        raise DomainError("not_of_class", "参加的人里有不是本班、也不是来补课的。请重新选参加的人。")
