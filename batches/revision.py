"""Two clerks at once: an act that changes an arrangement says from which revision of it the clerk decided."""

from django.utils import timezone

from accounts import audit
from accounts.act_names import ACT_NAMES
from accounts.models import AuditEntry, User
from batches.models import Batch, PracticeClass
from config.errors import Conflict


def change_arrangement(batch: Batch, entry: audit.Entry, *, seen: int | None = None) -> Batch:
    """Lock the batch for an act that changes who is where and when, and count the change. Returns the locked batch.

    `seen` is the revision on the page that the clerk decided from; None where nobody decided from a page. Call it first in
    an act's transaction with the act's own `entry`: the batch's row is the named lock of its arrangement, and the entry is
    what another clerk is told of. Raises Conflict "arrangement_changed", saying who did what when.
    """
    locked = require_seen(batch, seen, by=entry.by)
    locked.revision += 1
    locked.save(update_fields=["revision"])
    entry.data["arrangement"] = _mark(locked)
    return locked


def require_seen(batch: Batch, seen: int | None, *, by: User | None) -> Batch:
    """Lock the batch for an act of `by` that leaves the arrangement as it is but was decided from it. Raises as above."""
    locked = locked_batch(batch)
    if seen is not None and seen != locked.revision:
        raise Conflict("arrangement_changed", _what_happened(locked, by))
    return locked


def locked_batch(batch: Batch) -> Batch:
    """The batch as it is now, its row locked. Raises Conflict "just_changed" where somebody has taken it away since."""
    waiting = Batch.objects.select_for_update(of=("self",)).select_related("programme")
    try:
        return waiting.get(pk=batch.pk)
    except Batch.DoesNotExist as error:
        raise _taken_away(batch) from error


def locked_class(practice_class: PracticeClass) -> PracticeClass:
    """A class as it is now, its row locked: the named lock of who belongs to it. Raises as `locked_batch`."""
    try:
        return PracticeClass.objects.select_for_update(of=("self",)).get(pk=practice_class.pk)
    except PracticeClass.DoesNotExist as error:
        raise _taken_away(practice_class) from error


def _taken_away(gone: Batch | PracticeClass) -> Conflict:
    return Conflict("just_changed", f"{gone}刚才被删除了，没有写入。请回到“期班”，看过还有哪几期再办。")


def _mark(batch: Batch) -> str:
    return f"{batch.pk}/{batch.revision}"


def _what_happened(batch: Batch, by: User | None) -> str:
    """Who changed the arrangement last (perhaps the clerk in another window), when, how, and what that means now."""
    last = AuditEntry.objects.filter(data__contains=f'"arrangement":"{_mark(batch)}"').order_by("-seq").first()
    told = "有人改了安排"
    if last is not None:
        at = timezone.localtime(last.at)
        when = f"{at:%H:%M}" if at.date() == timezone.localdate() else f"{at:%m-%d %H:%M}"
        who = "您自己 " if by is not None and last.actor_id == by.pk else f"{last.actor} "
        told = f"{who}{when} 办了“{ACT_NAMES.get(last.act, last.act)}”（{last.subject}）"
    return f"您打开页面以后，{told}。您的改动没有写入，请看过最新安排再改。"
