"""Setting up a batch and carrying it along its course."""

import datetime
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from django.db import IntegrityError
from django.db.models import QuerySet
from psycopg2.errors import UniqueViolation

from accounts import audit
from accounts.models import User
from batches import states
from batches.actions.names import refuse_second_run, require_deadline, tell_of_change
from batches.dependants import obstacles_to_change, obstacles_to_deletion
from batches.fixed import pinned_cells
from batches.models import Batch, ClassMembership, Enrollment, Parity, PracticeClass, Programme, Track
from batches.open_weeks import least_last_day
from batches.queries import GONE, following, in_these_days
from batches.revision import change_arrangement, require_seen
from batches.waivers import in_time, rule_in_words, way_of
from cadres.models import PastAttendance
from config.days import refuse_outlandish
from config.errors import DomainError

TOO_LONG = "一期不超过一年"
DAY = datetime.timedelta(days=1)
Tracks = Sequence[Mapping[str, Any]]


def save_programme(
    *,
    programme: Programme,
    by: User,
    reason: str = "",
    tracks: Tracks | None = None,
    next_version: bool = False,
    planned_too: bool = False,
) -> Programme:
    """Save changed rules, and the tracks where they are given (`order` and the other columns of each).

    Rules that a published batch was run by stay as they are: the change becomes a new version, to which batches not yet
    published move; their classes follow the tracks. With `next_version` it becomes one in any case, and batches that are
    planned stay with the old one too; `planned_too` takes them along, from whichever version they are planned by. Returns
    the programme that now holds the values. Raises DomainError "old_programme", "no_tracks", "no_classes",
    "track_order_twice", "classes_in_use".
    """
    if tracks is not None:
        _check_tracks(tracks)
    with audit.act("save_programme", by=by, reason=reason) as entry:
        if next_version:
            programme = _new_version(programme)
            _move_batches(following(programme, planned_too=planned_too), programme)
        elif programme.pk is not None and programme.batches.filter(state__in=states.LIVE).exists():
            old = programme.pk
            programme = _new_version(programme)
            _move_batches(Batch.objects.filter(programme=old).exclude(state__in=states.LIVE), programme)
        else:
            programme.save()
        if tracks is not None:
            _keep_tracks(programme, tracks)
        entry.about(programme)
    return programme


def _check_tracks(tracks: Tracks) -> None:
    if not tracks:
        raise DomainError("no_tracks", "至少要有一个班型。只有一种班的，填一行“综合班”。")
    orders = [track["order"] for track in tracks]
    if len(set(orders)) < len(orders):
        raise DomainError("track_order_twice", "有两个班型的次序相同。请改成不同的数：干部归入第一个符合的班型。")
    if not any(track["classes_per_batch"] for track in tracks):
        raise DomainError("no_classes", "各班型的每期班数都是 0，一个班也没有。请至少给一个班型填 1 个班。")


def _new_version(programme: Programme) -> Programme:
    old = Programme.objects.select_for_update(of=("self",)).get(pk=programme.pk)
    if hasattr(old, "superseded_by"):
        raise DomainError("old_programme", f"“{old}”已有更新的版本，请在最新版上改。")
    tracks = list(old.tracks.all())
    programme.pk, programme.version, programme.supersedes = None, old.version + 1, old
    programme._state.adding = True
    programme.save()
    for track in tracks:
        track.pk, track.programme = None, programme
        track._state.adding = True
        track.save()
    return programme


def _move_batches(waiting: QuerySet[Batch], new: Programme) -> None:
    """Batches follow the rules; a class whose track the rules have no more goes to the first (`_fit_classes` follows).
    One that is published before its row is held is not among them."""
    held = list(waiting.select_for_update(of=("self",)).order_by("pk").values_list("pk", flat=True))
    by_order = {track.order: track for track in new.tracks.order_by("order")}
    for practice_class in PracticeClass.objects.filter(batch__in=held).select_related("track").order_by("pk"):
        order = practice_class.track.order
        practice_class.track = by_order[order if order in by_order else min(by_order)]
        practice_class.save(update_fields=["track"])
    Batch.objects.filter(pk__in=held).update(programme=new)


def _keep_tracks(programme: Programme, tracks: Tracks) -> None:
    """Write the tracks, found by their order, and fit the classes of batches that wait to them."""
    known = {track.order: track for track in Track.objects.filter(programme=programme).order_by("order")}
    for values in tracks:
        track = known.pop(values["order"], None) or Track(programme=programme)
        for name, value in values.items():
            setattr(track, name, value)
        track.save()
    for batch in programme.batches.exclude(state__in=states.LIVE).order_by("pk"):
        _fit_classes(batch, {track.pk for track in known.values()})
    for track in known.values():
        track.delete()


def _fit_classes(batch: Batch, leaving: set[int]) -> None:
    """As many classes a track as it says, keeping those that are there; a class that rows refer to is never taken away."""
    wanted = [
        track for track in batch.programme.tracks.exclude(pk__in=leaving).order_by("order")
        for _ in range(track.classes_per_batch)
    ]  # fmt: skip
    present = list(batch.classes.order_by("number"))
    for practice_class, track in zip(present, wanted, strict=False):
        practice_class.track = track
        practice_class.save(update_fields=["track"])
    _add_classes(batch, wanted, start=len(present))
    for practice_class in present[len(wanted) :]:
        pins = practice_class.pins
        held = (practice_class.memberships, practice_class.gatherings, practice_class.staff, pins.filter(live=True))
        if any(rows.exists() for rows in held):
            raise DomainError(
                "classes_in_use",
                f"{practice_class}已有成员、集中、班主任或固定的集中，班数不能减到 {len(wanted)} 个。"
                "请保持班数；改规则时也可以不带上这一期。",
            )
        pins.all().delete()
        practice_class.delete()


def _add_classes(batch: Batch, tracks: Sequence[Track], *, start: int = 0) -> None:
    """Classes start + 1 and on, odd and even weeks in turn."""
    PracticeClass.objects.bulk_create(
        PracticeClass(batch=batch, number=i, parity=Parity.ODD if i % 2 else Parity.EVEN, track=track)
        for i, track in enumerate(tracks[start:], start=start + 1)
    )


def a_year_later(day: datetime.date) -> datetime.date:
    """The same day of the next year; of 29 February, 1 March. A batch is over before it."""
    leaps = (day.month, day.day) == (2, 29)
    return datetime.date(day.year + 1, 3, 1) if leaps else day.replace(year=day.year + 1)


def create_batch(
    *,
    programme: Programme,
    number: int,
    first_day: datetime.date,
    last_day: datetime.date,
    by: User,
    together: bool = False,
) -> Batch:
    """A batch in preparation with its classes: the tracks' numbers of classes, odd and even weeks in turn.

    Raises DomainError for a number that is taken, dates that are outlandish, reversed, too close or more than a year apart,
    days that another batch has too unless they are to be held `together`, or a programme whose tracks have no class.
    """
    _check_period(programme, first_day, last_day)
    _check_number(number)
    tracks = [track for track in programme.tracks.order_by("order") for _ in range(track.classes_per_batch)]
    if not tracks:
        raise DomainError("no_classes", f"“{programme}”的班型没有设班数。请先在项目规则里填每期班数。")
    with audit.act("create_batch", by=by) as entry:
        if not together:
            _require_days_to_itself(first_day, last_day)
        with _number_once(number):
            batch = Batch.objects.create(programme=programme, number=number, first_day=first_day, last_day=last_day)
        _add_classes(batch, tracks)
        entry.about(batch)
    return batch


def _check_period(programme: Programme, first_day: datetime.date, last_day: datetime.date) -> None:
    refuse_outlandish(first_day, last_day)
    if last_day < first_day:
        raise DomainError("dates_reversed", "结束日期早于开始日期。请把结束改到开始之后。")
    if last_day < (least := least_last_day(programme, first_day)):
        raise DomainError("too_short", f"太短，有的班一次也轮不到集中。请把结束改到 {least} 或以后。")
    if last_day >= a_year_later(first_day):
        raise DomainError("too_long", f"{TOO_LONG}。请改日期。")


def _require_days_to_itself(first_day: datetime.date, last_day: datetime.date, *, but: Batch | None = None) -> None:
    others = list(in_these_days(first_day, last_day, but=but))
    if others:
        told = "、".join(f"{row}（{row.first_day} 至 {row.last_day}）" for row in others)
        after = max(row.last_day for row in others) + DAY
        raise DomainError(
            "days_overlap", f"与{told}的日子重叠。请改到 {after} 或以后；确实要同时办的，勾选“与别的期同时办”。"
        )


def _check_number(number: int) -> None:
    if Batch.objects.filter(number=number).exists():
        raise _number_taken(number)


def _number_taken(number: int) -> DomainError:
    return DomainError("number_taken", f"第{number}期已经有了。请换一个期次。")


@contextmanager
def _number_once(number: int) -> Iterator[None]:
    """Two clerks who take a number at once both find it free; the second is told when the row is written."""
    try:
        yield
    except IntegrityError as error:
        if isinstance(error.__cause__, UniqueViolation):
            raise _number_taken(number) from error
        raise


def change_batch(
    *,
    batch: Batch,
    number: int,
    first_day: datetime.date,
    last_day: datetime.date,
    by: User,
    reason: str,
    nominate_until: datetime.date | None = None,
    together: bool = False,
    seen: int | None = None,
) -> Batch:
    """Give a batch that was never published another number, other days or, while names are asked for, another deadline.

    Without `nominate_until` the deadline stays as it is. Names, demands and classes stay; a plan that was made for
    other days has to be made again (`obstacles.publish_obstacles`). Units that were asked for names are told.

    Raises DomainError "reason_needed", "not_changeable", "nothing_changed", "pinned"
    while cells are fixed by the former days, "exception_over" where an exception would end before the batch begins,
    "deadline_past", "deadline_late", and as `create_batch`; Conflict while the planner works on the batch, or when it is no
    longer as `seen`.
    """
    _require_reason(reason)
    with audit.act("change_batch", by=by, subject=batch, reason=reason) as entry:
        locked = change_arrangement(batch, entry, seen=seen)
        if why := obstacles_to_change(locked):
            raise DomainError("not_changeable", why)
        refuse_second_run(locked)
        asking = locked.state == Batch.State.NOMINATING
        until = (asking and nominate_until) or locked.nominate_until
        wanted = {"number": number, "first_day": first_day, "last_day": last_day, "nominate_until": until}
        before = {name: getattr(locked, name) for name in wanted}
        changed = [name for name, value in wanted.items() if before[name] != value]
        if not changed:
            raise DomainError("nothing_changed", f"和原来一样，没有要改的。{locked}没有动。")
        if "number" in changed:
            _check_number(number)
        if "first_day" in changed or "last_day" in changed:
            _check_period(locked.programme, first_day, last_day)
            if not together:
                _require_days_to_itself(first_day, last_day, but=locked)
            _require_unpinned(locked)
            if first_day > before["first_day"]:
                _require_exceptions_last(locked, first_day, by)
        for name in changed:
            setattr(locked, name, wanted[name])
        if asking and until is not None:
            require_deadline(locked, until, was=before["nominate_until"])
        with _number_once(number):
            locked.save(update_fields=changed)
        entry.data["changed"] = {name: [str(before[name]), str(wanted[name])] for name in changed}
        tell_of_change(locked, was=f"第{before['number']}期")
    return locked


def _require_reason(reason: str) -> None:
    if not reason.strip():
        raise DomainError("reason_needed", "请写明原因，会记入审计。")


def _require_unpinned(batch: Batch) -> None:
    """A fixed cell has a day of its own, in a fortnight counted from the first day."""
    if count := len(pinned_cells(batch)):
        raise DomainError(
            "pinned", f"{batch}有 {count} 处固定的集中，是按原来的日子固定的。请先在“固定和调换”里取消固定，再改日期。"
        )


def _require_exceptions_last(batch: Batch, first_day: datetime.date, by: User) -> None:
    """One that is over before the batch begins lets nothing pass (as `require_end` of a new one)."""
    over = batch.waivers.filter(in_time(), until__lt=first_day).order_by("pk").first()
    if over is not None:
        raise DomainError(
            "exception_over",
            f"{over.subject_label}的 {rule_in_words(over.rule)}例外到 {over.until} 为止，改了以后要到 {first_day} 才开始。"
            f"请先在“批准例外”里{way_of(over, by.pk).verb}这条例外，改好日期再重新提出。",
        )


def delete_batch(*, batch: Batch, by: User, reason: str, seen: int | None = None) -> None:
    """Take away a batch that was set up by mistake, with its classes, while nothing else depends on it.

    The numbers of other batches stay as they are; the row history and the audit trail keep this one. Raises DomainError
    "reason_needed", "has_dependants" saying what there is and what to do instead; Conflict when it is no longer as `seen`.
    """
    _require_reason(reason)
    with audit.act("delete_batch", by=by, subject=batch, reason=reason) as entry:
        locked = require_seen(batch, seen, by=by)
        list(locked.classes.select_for_update().order_by("pk"))  # nothing comes to refer to them meanwhile
        if why := obstacles_to_deletion(locked):
            raise DomainError("has_dependants", why)
        entry.data.update(number=locked.number, days=[str(locked.first_day), str(locked.last_day)])
        locked.classes.all().delete()
        locked.delete()


def advance_batch(*, batch: Batch, act: str, by: User, reason: str = "") -> None:
    """One of the plain steps: start, evaluate, resume, close, reopen. What follows from each is written here.

    start: everybody enrolled attends. close: whoever attends has completed, and the register of people says so
    (PastAttendance). reopen: needs a reason, completed attend again, and the register forgets this batch.
    """
    if act in ("resume", "reopen"):
        _require_reason(reason)
    moves: dict[str, tuple[str, str]] = {
        "start": (Enrollment.State.CONFIRMED, Enrollment.State.ATTENDING),
        "close": (Enrollment.State.ATTENDING, Enrollment.State.COMPLETED),
        "reopen": (Enrollment.State.COMPLETED, Enrollment.State.ATTENDING),
    }
    with audit.act(f"{act}_batch", by=by, subject=batch, reason=reason):
        states.advance(batch, act, reason=reason)
        if act in moves:
            before, after = moves[act]
            batch.enrollments.filter(live=True, state=before).exclude(state__in=GONE).update(state=after)
        if act == "close":
            _remember(batch)
        elif act == "reopen":
            PastAttendance.objects.filter(session=str(batch), source_import=None, first_day=batch.first_day).delete()


def _remember(batch: Batch) -> None:
    """Enter who completed the batch into the register; an old list that already names the session stays as it is."""
    memberships = ClassMembership.objects.filter(
        enrollment__batch=batch, live=True, enrollment__live=True, enrollment__state=Enrollment.State.COMPLETED
    ).select_related("enrollment", "practice_class").order_by("days")  # fmt: skip
    last = {row.enrollment.cadre_id: row.practice_class for row in memberships}
    PastAttendance.objects.bulk_create(
        [
            PastAttendance(
                cadre_id=cadre, session=str(batch), class_name=practice_class.short_name, first_day=batch.first_day,
                last_day=batch.last_day, outcome=str(Enrollment.State.COMPLETED.label),
            )
            for cadre, practice_class in sorted(last.items())
        ],
        ignore_conflicts=True,
    )  # fmt: skip
