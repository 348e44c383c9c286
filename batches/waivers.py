"""Approved exceptions (批准例外) as rows and in words: which rules, what a subject means, which count, how one ended."""

import datetime
import json
from dataclasses import dataclass

from django.db.models import Q, QuerySet
from django.utils import timezone

from accounts.models import AuditEntry, User
from batches.models import Batch, Waiver
from batches.plan_labels import Labels
from batches.planning.changes import WAIVED_NAMES
from batches.planning.problem import WAIVABLE
from config.errors import DomainError

RULES = tuple(sorted(WAIVABLE))
"""What may be asked for: the planner's own list."""


def rule_in_words(rule: str) -> str:
    """R02“同单位分班”."""
    return f"{rule}“{WAIVED_NAMES[rule]}”" if rule in WAIVED_NAMES else rule


def subject_in_words(subject: str, labels: Labels) -> str:
    """What an exception is for, as wide as it is: 县财政局在综合班各班, 综合班各班, 第3班, 第3班第2次集中住李秀英家."""
    house, colon, gathering = subject.partition(":")
    if colon:
        return f"{labels.put(gathering)}住{labels.put(house)}"
    who, _, where = subject.partition("@")
    _, slash, track = where.partition("/")
    if slash:
        return f"{labels.put(who)}在{labels.put(track)}各班"
    return labels.put(who) + ("各班" if who.startswith("W") else "")


def label_of(subject: str) -> str:
    """The same, looked up."""
    return subject_in_words(subject, Labels([subject]))


def in_time() -> Q:
    """Not past the last day; taking an exception back sets that to yesterday."""
    return Q(until__isnull=True) | Q(until__gte=timezone.localdate())


def require_end(batch: Batch, until: datetime.date | None) -> None:
    """Raise DomainError "until_past", or "until_too_early" for a last day before the batch begins: it would be over before
    anything is held that it lets pass. A last day after the batch is as good as none.
    """
    if until is None or until >= max(batch.first_day, timezone.localdate()):
        return
    if batch.first_day > timezone.localdate():
        raise DomainError(
            "until_too_early",
            f"{batch} {batch.first_day} 才开始，有效期不能在这以前就完。请写开始以后的一天，或留空（本期有效）。",
        )
    raise DomainError("until_past", "有效期已经过去。请改成今天或以后的一天，或留空（本期有效）。")


def granted(rows: QuerySet[Waiver]) -> QuerySet[Waiver]:
    """Those that count today: approved, and neither expired nor taken back."""
    return rows.filter(in_time(), approver__isnull=False)


def is_waived(batch: Batch, rule: str, subject: str) -> bool:
    """Whether somebody else approved an exception to this rule for this subject, still valid today."""
    return granted(batch.waivers.filter(rule=rule, subject=subject)).exists()


def waiting(rows: QuerySet[Waiver]) -> QuerySet[Waiver]:
    """Those that somebody may still approve."""
    return rows.filter(in_time(), approver__isnull=True)


@dataclass(frozen=True)
class Ending:
    """Who took an exception back, on which day, and why."""

    by: str
    by_pk: int | None
    day: datetime.date
    reason: str


@dataclass(frozen=True)
class Line:
    """An exception on its page: how it stands, and how it ended if somebody took it back."""

    waiver: Waiver
    chip: tuple[str, str, str]
    """Kind, words and picture."""
    open: bool
    """Whether it may still be approved or taken back."""
    ending: Ending | None
    way: "Way"
    """What ending it would be, for whoever looks."""

    @property
    def verb(self) -> str:
        return self.way.verb

    @property
    def act(self) -> str:
        """What the button does, in full: 取消 alone is what people press to leave a dialog."""
        return f"{self.verb}这条例外"

    @property
    def rule(self) -> str:
        return rule_in_words(self.waiver.rule)

    @property
    def dialog(self) -> str:
        return f"end-{self.waiver.pk}"

    @property
    def question(self) -> str:
        return f"{self.verb}{self.waiver.subject_label}的 {self.waiver.rule} 例外？"


WAITING, APPROVED = ("warn", "等批准", "clock"), ("ok", "已批准", "check")
EXPIRED = ("mute", "已过期", "clock-off")


@dataclass(frozen=True)
class Way:
    """A way to end an exception: before it is done, and afterwards."""

    verb: str
    done: str

    @property
    def chip(self) -> tuple[str, str, str]:
        return "mute", self.done, "x"


CANCEL, TAKE_BACK, REFUSE = Way("取消", "已取消"), Way("撤回", "已撤回"), Way("不批准", "没有批准")


def way_of(waiver: Waiver, by: int | None) -> Way:
    """What it is, or was, when this person ends the exception: pages, messages and notices have it from here."""
    if waiver.approver_id is not None:
        return CANCEL
    return TAKE_BACK if waiver.asked_by_id == by else REFUSE


def lines_of(batch: Batch, user: User) -> list[Line]:
    """The batch's exceptions as this person sees them, the newest first (two queries)."""
    ended, today = endings(batch), timezone.localdate()
    rows = batch.waivers.select_related("asked_by", "approver").order_by("-pk")
    return [
        Line(
            row,
            _chip(row, ended.get(row.pk), today),
            row.until is None or row.until >= today,
            ended.get(row.pk),
            way_of(row, user.pk),
        )
        for row in rows
    ]


def _chip(row: Waiver, ending: Ending | None, today: datetime.date) -> tuple[str, str, str]:
    if ending is not None:
        return way_of(row, ending.by_pk).chip
    if row.until is not None and row.until < today:
        return EXPIRED
    return WAITING if row.approver_id is None else APPROVED


def endings(batch: Batch) -> dict[int, Ending]:
    """How the batch's exceptions were taken back, by key, as the trail keeps it (one query)."""
    rows = AuditEntry.objects.filter(act="end_waiver", subject_type="batches.Batch", subject_id=str(batch.pk))
    found = {}
    for row in rows.order_by("seq"):
        waiver = json.loads(row.data).get("waiver")
        if waiver is not None:
            found[waiver] = Ending(row.actor, row.actor_id, timezone.localtime(row.at).date(), row.reason)
    return found
