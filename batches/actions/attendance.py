"""Attendance by exception: absences, leave, make-ups, and confirming a gathering.

Every act here first locks the gathering's row, so that nothing slips in beside the confirmation that freezes it.
"""

import datetime
import uuid

import rules
from django.db import IntegrityError, transaction
from django.utils import timezone

from accounts import audit
from accounts.models import User
from accounts.rules import is_centre_staff
from batches.actions.beds import give_bed, give_up_bed
from batches.models import Absence, Batch, ConfirmedPresence, Enrollment, Gathering, MakeUp, Programme
from batches.presence import (
    COUNTED_ABSENCES,
    DAY,
    current_rows,
    is_enrolled_on,
    presence_of_gathering,
    presence_of_gatherings,
    visits_of,
)
from batches.revision import locked_batch
from batches.rules import (
    is_own_enrollment,
    may_arrange_makeup,
    may_correct_presence,
    may_decide_leave,
    may_keep_attendance,
)  # fmt: skip
from config.errors import Conflict, DomainError
from office.actions import notify
from office.models import StoredFile

LEAVE_KINDS = (Absence.Kind.LEAVE, Absence.Kind.LATE, Absence.Kind.EARLY)


def _require(predicate: rules.Predicate, by: User, target: object, message: str) -> None:
    if not predicate.test(by, target):
        raise DomainError("not_allowed", message)


def _lock(gathering: Gathering) -> Gathering:
    """The gathering, locked, of a batch that is not archived."""
    locked = (
        Gathering.objects.select_for_update(of=("self",)).select_related("practice_class__batch").get(pk=gathering.pk)
    )
    batch = locked.practice_class.batch
    if batch.state == Batch.State.CLOSED:
        raise DomainError("batch_closed", f"{batch}已归档，不能再改。要改请服务中心先重新打开。")
    return locked


def _lock_open(gathering: Gathering) -> Gathering:
    """The gathering, locked, while its attendance can still be changed."""
    locked = _lock(gathering)
    if locked.state == Gathering.State.CANCELLED:
        raise DomainError("gathering_cancelled", f"{locked}已取消，不用再登记。")
    if locked.state == Gathering.State.CONFIRMED:
        raise DomainError("gathering_confirmed", f"{locked}已确认，名单已定。要改请班主任或服务中心“更正在村天数”。")
    return locked


def _reason(reason: str, limit: int = 200) -> str:
    text = reason.strip()
    if not text:
        raise DomainError("reason_needed", "请写明原因，会记入审计。")
    if len(text) > limit:
        raise DomainError("text_too_long", f"原因最多 {limit} 个字，现在 {len(text)} 个字。请写短一些。")
    return text


def enter_absence(
    *,
    by: User,
    gathering: Gathering,
    enrollment: Enrollment,
    kind: str,
    first_day: datetime.date,
    last_day: datetime.date,
    whole_days: bool = True,
    reason: str = "",
    client_id: uuid.UUID | None = None,
) -> Absence:
    """Enter that somebody is not there from first to last day (both included) of a gathering.

    By the class's monitor or deputy, its head teacher or the centre; by the cadre herself as leave that is asked for.
    Leave entered by the head teacher or the centre is granted with it. `whole_days` False (late, early) takes no day off.
    Sent again with the same `client_id` it answers with the row that exists.

    Raises DomainError: not_allowed, gathering_confirmed, gathering_cancelled, outside_gathering, not_expected,
    absence_overlaps; Conflict("client_id_taken") when the `client_id` belongs to something else.
    """
    own = is_own_enrollment.test(by, enrollment)
    if not own:
        _require(may_keep_attendance, by, gathering, "只有本班班长、副班长、班主任和服务中心能登记别人缺勤。")
    if kind not in Absence.Kind.values or (
        own and kind not in LEAVE_KINDS and not may_keep_attendance.test(by, gathering)
    ):
        raise DomainError("unknown_kind", "请选请假、晚到或早退。")
    if len(reason.strip()) > 200:
        raise DomainError("text_too_long", f"原因最多 200 个字，现在 {len(reason.strip())} 个字。请写短一些。")
    granted = kind in LEAVE_KINDS and may_decide_leave.test(by, gathering)
    absence = Absence(
        gathering=gathering, enrollment=enrollment, kind=kind, first_day=first_day, last_day=last_day, whole_days=whole_days,
        reason=reason.strip(), entered_by=by, client_id=client_id,
        state=Absence.State.APPROVED if granted else Absence.State.ENTERED,
    )  # fmt: skip
    known = Absence.objects.filter(client_id=client_id).first() if client_id else None
    if known is not None:
        return _same(known, absence)
    with audit.act("enter_absence", by=by, subject=gathering, kind=kind) as entry:
        locked = _lock_open(gathering)
        known = Absence.objects.filter(client_id=client_id).first() if client_id else None
        if known is not None:
            return _same(known, absence)
        _check_days(absence, locked)
        try:
            with transaction.atomic():
                absence.save(force_insert=True)
        except IntegrityError:
            # The same id was used at another gathering, whose row we have not locked.
            return _same(Absence.objects.get(client_id=client_id), absence)
        entry.data.update(absence=absence.pk, enrollment=enrollment.pk, days=f"{first_day}–{last_day}")
    return absence


def _same(known: Absence, sent: Absence) -> Absence:
    """The row that an earlier sending made; another content under the same id is a conflict."""
    names = ("gathering_id", "enrollment_id", "kind", "first_day", "last_day", "whole_days", "reason", "entered_by_id")
    if any(getattr(known, name) != getattr(sent, name) for name in names):
        raise Conflict("client_id_taken", "没有保存：同一编号已登记过别的内容。请回到名单页重新打开登记。")
    return known


def _check_days(absence: Absence, gathering: Gathering) -> None:
    if not gathering.first_day <= absence.first_day <= absence.last_day <= gathering.last_day:
        raise DomainError(
            "outside_gathering",
            f"日期要在这次集中之内：{gathering.first_day:%m-%d} 至 {gathering.last_day:%m-%d}，且开始不晚于结束。",
        )
    row = next((row for row in presence_of_gathering(gathering) if row.enrollment.pk == absence.enrollment_id), None)
    if row is None or not any(absence.first_day <= day <= absence.last_day for day in row.expected):
        raise DomainError("not_expected", f"{absence.enrollment}这几天不在这次集中的名单里，不用登记。")
    others = Absence.objects.filter(
        gathering=gathering, enrollment=absence.enrollment, state__in=COUNTED_ABSENCES, whole_days=absence.whole_days,
        first_day__lte=absence.last_day, last_day__gte=absence.first_day,
    )  # fmt: skip
    if not absence.whole_days:
        others = others.filter(kind=absence.kind)
    known = others.order_by("pk").first()
    if known is not None:
        raise DomainError(
            "absence_overlaps",
            f"{absence.enrollment} {known.first_day:%m-%d} 已登记{known.get_kind_display()}。要改先作废那一条，再重新登记。",
        )


def decide_leave(*, by: User, absence: Absence, approve: bool, reason: str = "") -> Absence:
    """Grant or refuse leave; the head teacher of the class or the centre. Refusing needs a reason.

    Until the gathering is confirmed the decision can be turned round. Raises DomainError: not_allowed, not_leave,
    absence_void, reason_needed, gathering_confirmed, gathering_cancelled.
    """
    _require(may_decide_leave, by, absence.gathering, "请假由本班班主任或服务中心审批。")
    note = reason.strip() if approve else _reason(reason)
    with audit.act("decide_leave", by=by, subject=absence.gathering, reason=note, approve=approve) as entry:
        _lock_open(absence.gathering)
        row = Absence.objects.select_for_update().get(pk=absence.pk)
        if row.kind not in LEAVE_KINDS:
            raise DomainError("not_leave", "这一条不是请假，不用审批。登记错了请作废。")
        if row.state == Absence.State.VOID:
            raise DomainError("absence_void", "这一条已作废。要请假请重新登记。")
        row.state = Absence.State.APPROVED if approve else Absence.State.REFUSED
        row.save(update_fields=["state"])
        cadre = row.enrollment.cadre
        if cadre.user is not None:
            told = "已准" if approve else "没有准"
            subject = f"{row.first_day:%m-%d} {row.get_kind_display()}{told}"
            notify(addressees=[cadre.user], subject=subject, text=note, url="/activities/me/")
        entry.data.update(absence=row.pk, enrollment=row.enrollment_id)
    return row


def void_absence(*, by: User, absence: Absence, reason: str) -> Absence:
    """Take back an absence entered by mistake, with a reason; the row stays. Who asked for leave may take it back.

    Raises DomainError: not_allowed, reason_needed, absence_void, gathering_confirmed, gathering_cancelled.
    """
    if not (absence.entered_by_id == by.pk and is_own_enrollment.test(by, absence.enrollment)):
        _require(may_keep_attendance, by, absence.gathering, "只有本班班长、副班长、班主任和服务中心能作废缺勤登记。")
    note = _reason(reason)
    with audit.act("void_absence", by=by, subject=absence.gathering, reason=note) as entry:
        _lock_open(absence.gathering)
        row = Absence.objects.select_for_update().get(pk=absence.pk)
        if row.state == Absence.State.VOID:
            raise DomainError("absence_void", "这一条已经作废了。")
        row.state = Absence.State.VOID
        row.save(update_fields=["state"])
        entry.data.update(absence=row.pk, enrollment=row.enrollment_id)
    return row


def hold_gathering(*, by: User, gathering: Gathering, today: datetime.date | None = None) -> Gathering:
    """Say that the class has arrived; from the first day on its days count. Raises DomainError: not_allowed, not_yet, …"""
    _require(may_keep_attendance, by, gathering, "由本班班长、副班长、班主任或服务中心登记到村。")
    today = today or timezone.localdate()
    with audit.act("hold_gathering", by=by, subject=gathering):
        row = _lock_open(gathering)
        if row.state == Gathering.State.HELD:
            return row
        if today < row.first_day:
            raise DomainError("not_yet", f"这次集中 {row.first_day:%m-%d} 才开始，到那天再登记到村。")
        row.state, row.state_reason = Gathering.State.HELD, ""
        row.save(update_fields=["state", "state_reason"])
    return row


def take_back_holding(*, by: User, gathering: Gathering, reason: str) -> Gathering:
    """Undo `hold_gathering` before the confirmation, with a reason. Raises DomainError: not_allowed, not_held, …"""
    _require(may_keep_attendance, by, gathering, "由本班班长、副班长、班主任或服务中心撤回到村登记。")
    note = _reason(reason)
    with audit.act("take_back_holding", by=by, subject=gathering, reason=note):
        row = _lock_open(gathering)
        if row.state != Gathering.State.HELD:
            raise DomainError("not_held", "这次集中还没有登记到村，不用撤回。")
        row.state, row.state_reason = Gathering.State.PLANNED, note
        row.save(update_fields=["state", "state_reason"])
    return row


def confirm_gathering(
    *, by: User, gathering: Gathering, signed_sheet: StoredFile | None = None, today: datetime.date | None = None
) -> Gathering:
    """Freeze who was there, from the last day on; the signed sheet's scan may lie beside it.

    Writes one ConfirmedPresence for everybody who belonged to the gathering, those absent throughout with 0 days; leave
    not yet decided counts as absence, as it was entered. Later changes are corrections (`correct_presence`).
    Confirming twice changes nothing. Raises DomainError: not_allowed, gathering_cancelled, not_yet, nobody_expected.
    """
    _require(may_keep_attendance, by, gathering, "由本班班长、副班长、班主任或服务中心确认。")
    today = today or timezone.localdate()
    if gathering.state == Gathering.State.CONFIRMED:
        return gathering
    with audit.act("confirm_gathering", by=by, subject=gathering) as entry:
        row = _lock(gathering)
        if row.state == Gathering.State.CONFIRMED:
            return row
        row = _lock_open(row)
        if today < row.last_day:
            raise DomainError("not_yet", f"这次集中 {row.last_day:%m-%d} 结束，到那天再确认。")
        people = presence_of_gathering(row)
        if not people:
            raise DomainError(
                "nobody_expected", "这次集中的名单里没有人，不能确认。请服务中心核对班级名单，或取消这次集中。"
            )
        ConfirmedPresence.objects.bulk_create(
            ConfirmedPresence(
                gathering=row, enrollment=person.enrollment, days=person.days, nights=person.nights, entered_by=by
            )
            for person in people
        )
        row.state, row.confirmed_by, row.confirmed_at = Gathering.State.CONFIRMED, by, timezone.now()
        row.signed_sheet = signed_sheet
        row.save(update_fields=["state", "confirmed_by", "confirmed_at", "signed_sheet"])
        entry.data.update(people=len(people), person_days=sum(person.days for person in people))
    return row


def correct_presence(
    *, by: User, gathering: Gathering, enrollment: Enrollment, days: int, nights: int, reason: str
) -> ConfirmedPresence:
    """Put right what a confirmed gathering froze: a new row that says which it corrects. Head teacher or centre.

    `days` in the village and `nights` slept there, at most the gathering's. Somebody left out is added by it.
    Raises DomainError: not_allowed, not_confirmed, impossible_figures, other_batch, unchanged, reason_needed.
    """
    _require(may_correct_presence, by, gathering, "由本班班主任或服务中心更正。")
    note = _reason(reason)
    with audit.act("correct_presence", by=by, subject=gathering, reason=note, days=days, nights=nights) as entry:
        row = _lock(gathering)
        if row.state != Gathering.State.CONFIRMED:
            raise DomainError("not_confirmed", f"{row}还没有确认，直接登记或作废缺勤就行。")
        if not (0 <= days <= row.days and 0 <= nights <= max(days - 1, 0)):
            raise DomainError(
                "impossible_figures", f"在村 0 至 {row.days} 天，住宿不超过在村天数减一夜。请核对天数和夜数。"
            )
        if enrollment.batch_id != row.practice_class.batch_id:
            raise DomainError("other_batch", f"{enrollment}不是{row.practice_class.batch}的学员。")
        known = current_rows().filter(gathering=row, enrollment=enrollment).first()
        if known is not None and (known.days, known.nights) == (days, nights):
            raise DomainError("unchanged", f"{enrollment}已经是在村 {days} 天、住宿 {nights} 夜，不用更正。")
        correction = ConfirmedPresence.objects.create(
            gathering=row, enrollment=enrollment, days=days, nights=nights, corrects=known, reason=note, entered_by=by
        )
        entry.data.update(enrollment=enrollment.pk, before=[known.days, known.nights] if known else None)
    return correction


def join_makeup(*, by: User, enrollment: Enrollment, gathering: Gathering, reason: str) -> MakeUp:
    """Let a member make up days at another class's gathering of the same batch (`makeup_rule`).

    By a head teacher of her class, of the class she joins, or the centre, which alone may do so under the rule 不补.
    Before the gathering begins she is given a bed there and the base's capacity is taken up with it.
    Raises DomainError: not_allowed, no_makeup, other_batch, own_class, not_enrolled, away_twice, no_bed, …
    """
    classes = [membership.practice_class for membership in enrollment.memberships.filter(live=True)]
    if not any(may_arrange_makeup.test(by, target) for target in [gathering.practice_class, *classes]):
        raise DomainError("not_allowed", "补课由班主任或服务中心安排。")
    note = _reason(reason)
    with audit.act("join_makeup", by=by, subject=gathering, reason=note, enrollment=enrollment.pk):
        locked_batch(enrollment.batch)  # whoever moves or withdraws her meanwhile waits
        row = _lock_open(gathering)
        enrollment = Enrollment.objects.select_related("cadre__user").get(pk=enrollment.pk)
        batch = row.practice_class.batch
        if enrollment.batch_id != batch.pk:
            raise DomainError("other_batch", f"{enrollment}不是{batch}的学员，不能随这个班补。")
        if batch.programme.makeup_rule == Programme.MakeUpRule.NONE and not is_centre_staff.test(by):
            raise DomainError("no_makeup", "本项目的规则是“不补”。确有必要请服务中心安排，或先改项目规则。")
        _check_free(enrollment, row)
        if row.first_day > timezone.localdate() and give_bed(row, enrollment, by) is None:
            raise DomainError("no_bed", f"{row}没有合适的空床位，或基地已满。请换一次集中。")
        return MakeUp.objects.create(enrollment=enrollment, gathering=row, reason=note, entered_by=by)


def _check_free(enrollment: Enrollment, gathering: Gathering) -> None:
    rows = presence_of_gatherings([gathering])[gathering.pk]
    if any(row.enrollment.pk == enrollment.pk for row in rows):
        raise DomainError("own_class", f"{enrollment}已经在这次集中的名单里，不用再安排。")
    if not enrollment.live or not is_enrolled_on(enrollment, gathering.first_day):
        raise DomainError("not_enrolled", f"{enrollment}已不在本期，不能安排补课。")
    wanted = {gathering.first_day + n * DAY for n in range(gathering.days)}
    for visit in visits_of([enrollment])[enrollment.pk]:
        clash = wanted & set(visit.expected)
        if clash:
            raise DomainError(
                "away_twice", f"{enrollment} {min(clash):%m-%d} 已在{visit.gathering}，同一天不能到两处。请换一次集中。"
            )


def void_makeup(*, by: User, makeup: MakeUp, reason: str) -> MakeUp:
    """Take a make-up back before its gathering is confirmed. Raises DomainError: not_allowed, makeup_void, …"""
    classes = [membership.practice_class for membership in makeup.enrollment.memberships.filter(live=True)]
    if not any(may_arrange_makeup.test(by, target) for target in [makeup.gathering.practice_class, *classes]):
        raise DomainError("not_allowed", "补课由班主任或服务中心安排和撤回。")
    note = _reason(reason)
    with audit.act("void_makeup", by=by, subject=makeup.gathering, reason=note, enrollment=makeup.enrollment_id):
        _lock_open(makeup.gathering)
        row = MakeUp.objects.select_for_update().get(pk=makeup.pk)
        if not row.live:
            raise DomainError("makeup_void", "这条补课已经撤回了。")
        row.live = False
        row.save(update_fields=["live"])
        give_up_bed(makeup.gathering, makeup.enrollment, by)
    return row
