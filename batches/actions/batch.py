"""Setting up a batch and carrying it along its course."""

import datetime
from typing import Any

from accounts import audit
from accounts.models import User
from batches import states
from batches.models import Batch, Enrollment, Parity, PracticeClass, Programme
from batches.queries import GONE
from config.errors import DomainError


def save_programme(*, programme: Programme, by: User, reason: str = "") -> Programme:
    """Save changed rules. Rules that a published batch was run by stay as they are: the change becomes a new version.

    Returns the programme that now holds the values. Batches not yet published move to the new version.
    """
    in_force = programme.pk is not None and programme.batches.filter(state__in=states.LIVE).exists()
    with audit.act("save_programme", by=by, reason=reason) as entry:
        if not in_force:
            programme.save()
            entry.about(programme)
            return programme
        old = Programme.objects.select_for_update().get(pk=programme.pk)
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
        _move_batches(old, programme)
        entry.about(programme)
    return programme


def _move_batches(old: Programme, new: Programme) -> None:
    waiting = old.batches.exclude(state__in=states.LIVE)
    by_order = {track.order: track for track in new.tracks.all()}
    for practice_class in PracticeClass.objects.filter(batch__in=waiting).select_related("track"):
        practice_class.track = by_order[practice_class.track.order]
        practice_class.save(update_fields=["track"])
    waiting.update(programme=new)


def create_batch(
    *, programme: Programme, number: int, first_day: datetime.date, last_day: datetime.date, by: User
) -> Batch:
    """A batch in preparation with its classes: the tracks' numbers of classes, odd and even weeks in turn.

    Raises DomainError for a number that is taken, dates reversed, or a programme whose tracks have no class.
    """
    if last_day < first_day:
        raise DomainError("dates_reversed", "结束日期早于开始日期。请把结束改到开始之后。")
    if Batch.objects.filter(number=number).exists():
        raise DomainError("number_taken", f"第{number}期已经有了。请换一个期次。")
    tracks = [track for track in programme.tracks.order_by("order") for _ in range(track.classes_per_batch)]
    if not tracks:
        raise DomainError("no_classes", f"“{programme}”的班型没有设班数。请先在项目规则里填每期班数。")
    with audit.act("create_batch", by=by) as entry:
        batch = Batch.objects.create(programme=programme, number=number, first_day=first_day, last_day=last_day)
        PracticeClass.objects.bulk_create(
            PracticeClass(batch=batch, number=i, parity=Parity.ODD if i % 2 else Parity.EVEN, track=track)
            for i, track in enumerate(tracks, start=1)
        )
        entry.about(batch)
    return batch


def advance_batch(*, batch: Batch, act: str, by: User, reason: str = "") -> None:
    """One of the plain steps: start, evaluate, resume, close, reopen. What follows from each is written here.

    start: everybody enrolled attends. close: whoever attends has completed. reopen: needs a reason, completed attend again.
    """
    if act in ("resume", "reopen") and not reason.strip():
        raise DomainError("reason_needed", "请写明原因，会记入审计。")
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


def rule_summary(programme: Programme) -> list[dict[str, Any]]:
    """Each parameter with its name, value and meaning, in the order of the model, for pages and print."""
    rows = []
    for field in Programme._meta.concrete_fields:
        if field.name in ("id", "name", "version", "supersedes"):
            continue
        value = getattr(programme, field.name)
        shown = programme.get_makeup_rule_display() if field.name == "makeup_rule" else value
        if isinstance(value, bool):
            shown = "是" if value else "否"
        elif isinstance(value, list):
            shown = "、".join(str(item) for item in value) or "不限"
        rows.append({"name": field.verbose_name, "value": shown, "meaning": field.help_text})
    return rows
