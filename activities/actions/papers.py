"""What happens to a record, reflection or report once it is written: one implementation for all three.

Each hand-in and each decision adds a PaperVersion with the paper's canonical text and its hash; none is ever changed, so
an accepted text cannot be lost. Every act locks the paper's row first.
"""

import hashlib
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, TypeVar
from uuid import UUID

from django.utils import timezone
from rules import Predicate

from accounts import audit
from accounts.models import AuditEntry, User
from activities import queries, rules, states
from activities.models import ActivityRecord, PaperState, PaperVersion, Reflection, ResearchReport
from activities.rules import Filed
from batches.models import Batch
from batches.states import UNDER_WAY
from config.errors import Conflict, DomainError
from office.actions import notify

AnyPaper = TypeVar("AnyPaper", ActivityRecord, Reflection, ResearchReport)
OWNER = {ActivityRecord: "record", Reflection: "reflection", ResearchReport: "report"}
REASON_LIMIT = 300


@dataclass(frozen=True)
class Receipt:
    """Proof that a paper has arrived: its id, the hash of the text that was kept, and the audit entry's number.

    A client may throw its own copy away only on a receipt; the same sending gets the same receipt again.
    """

    client_id: UUID
    sha256: str
    audit_seq: int
    paper: Filed


def content_of(paper: Filed, participants: Iterable[int] | None = None) -> dict[str, Any]:
    """What was written, in plain values: the part of a paper that a version keeps and a resend is compared by.

    `participants` stands in for those of a record that is not saved yet.
    """
    content: dict[str, Any] = {"client_id": str(paper.client_id), "title": paper.title, "text": paper.text}
    if isinstance(paper, ActivityRecord):
        content |= {
            "class": paper.practice_class_id, "gathering": paper.gathering_id, "village": paper.village_id,
            "kind": paper.kind, "day": paper.day.isoformat(), "people_reached": paper.people_reached,
            "households_helped": paper.households_helped, "cost": None if paper.cost is None else f"{paper.cost:.2f}",
            "participants": sorted(
                paper.participants.order_by().values_list("pk", flat=True) if participants is None else participants
            ),
        }  # fmt: skip
    elif isinstance(paper, Reflection):
        content["enrollment"] = paper.enrollment_id
    elif isinstance(paper, ResearchReport):
        content["class"] = paper.practice_class_id
    return content


def canonical(content: dict[str, Any]) -> str:
    return json.dumps(content, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def digest(content: dict[str, Any]) -> str:
    return hashlib.sha256(canonical(content).encode()).hexdigest()


def receipt_of(paper: Filed) -> Receipt:
    """The receipt for what is kept now: hash of the present text, number of the entry that kept it last."""
    seq = (
        AuditEntry.objects.filter(
            subject_type=paper._meta.label, subject_id=str(paper.pk), act__in=("save_draft", "submit_paper")
        )
        .order_by("-seq")
        .values_list("seq", flat=True)
        .first()
    )
    return Receipt(paper.client_id, digest(content_of(paper)), seq or 0, paper)


def require(allowed: bool, message: str) -> None:
    if not allowed:
        raise DomainError("not_allowed", message)


def note_of(reason: str) -> str:
    """A reason that was given and fits, stripped."""
    text = reason.strip()
    if not text:
        raise DomainError("reason_needed", "请写明原因，对方要看，也会记入审计。")
    if len(text) > REASON_LIMIT:
        raise DomainError("text_too_long", f"原因最多 {REASON_LIMIT} 个字，现在 {len(text)} 个字。请写短一些。")
    return text


def lock(paper: AnyPaper) -> AnyPaper:
    """The paper as it is now, held until the transaction ends."""
    return type(paper)._default_manager.select_for_update().get(pk=paper.pk)


def require_open_batch(batch: Batch) -> None:
    """Papers are written while a batch is published, running or evaluated; a closed one is sealed."""
    if batch.state == Batch.State.CLOSED:
        raise DomainError("batch_closed", f"{batch}已归档，不能再改。确要补充请服务中心重新打开这一期。")
    if batch.state not in UNDER_WAY:
        raise DomainError("batch_not_published", f"{batch}还没有发布，发布以后才能填写。")


def batch_of(paper: Filed) -> Batch:
    if isinstance(paper, Reflection):
        return paper.enrollment.batch
    return paper.practice_class.batch


def require_version(paper: Filed, expected: int | None) -> None:
    """Refuse when somebody saved in the meantime."""
    if expected is not None and paper.version != expected:
        raise Conflict("changed_meanwhile", f"没有保存：“{paper.title}”刚被别人改过。您写的还在，比较后再存。")


def keep_version(paper: Filed, *, by: User, reason: str = "") -> PaperVersion:
    """Add what the paper says now, with its state and photographs, to its versions."""
    content = content_of(paper)
    if isinstance(paper, ActivityRecord):
        content["photos"] = list(paper.attachments.order_by("pk").values_list("file__sha256", flat=True))
    owner = OWNER[type(paper)]
    number = PaperVersion.objects.filter(**{owner: paper}).count() + 1
    text = canonical(content)
    return PaperVersion.objects.create(
        **{owner: paper}, number=number, state=paper.state, content=text, by=by, reason=reason,
        sha256=hashlib.sha256(text.encode()).hexdigest(),
    )  # fmt: skip


def move(
    paper: AnyPaper,
    act: str,
    *,
    by: User,
    check: Callable[[AnyPaper], None],
    reason: str = "",
    expected_version: int | None = None,
) -> AnyPaper:
    """One step along the course: lock, `check` who and what, change the state, keep a version, write the audit entry."""
    note = note_of(reason) if states.TRANSITIONS[act].reason else reason.strip()
    with audit.act(f"{act}_paper", by=by, reason=note, version=paper.version) as entry:
        row = lock(paper)
        entry.about(row)
        check(row)
        require_version(row, expected_version)
        transition = states.require(row, act)
        if act not in ("archive", "unarchive"):
            require_open_batch(batch_of(row))
        row.state = transition.target
        now = timezone.now()
        if act == "submit":
            row.submitted_at, row.decided_at = now, None
        elif act in ("accept", "return", "void"):
            row.decided_at = now
        row.save(update_fields=["state", "submitted_at", "decided_at"])
        entry.data["sha256"] = keep_version(row, by=by, reason=note).sha256
        if act in ("accept", "return"):
            told = "已审核" if act == "accept" else "退回，改后再报"
            notify(addressees=[row.author], subject=f"“{row.title}”{told}"[:120], text=note, url=queries.paper_url(row))
    return row


def _by(allowed: Predicate, by: User, message: str) -> Callable[[Filed], None]:
    def check(row: Filed) -> None:
        require(allowed.test(by, row), message)

    return check


WRITERS = "只有填写的人、本班班长副班长和服务中心能"
REVIEWERS = "由本班班主任、辅导员或服务中心审核，自己填写的要由别人审核。"


def submit_paper(*, by: User, paper: AnyPaper, expected_version: int | None = None) -> AnyPaper:
    """Hand a draft or returned paper in. Its text must be there, and of a record somebody who took part.

    Raises DomainError: not_allowed, incomplete, illegal_transition, batch_closed; Conflict("changed_meanwhile").
    """

    def check(row: Filed) -> None:
        require(rules.may_write.test(by, row), f"{WRITERS}报送。")
        if not row.text.strip():
            raise DomainError("incomplete", "还没有写内容：写清做了什么、结果怎样再报送。没写完可以先存草稿。")
        if isinstance(row, ActivityRecord) and not row.participants.exists():
            raise DomainError("incomplete", "还没有选参加的人：至少选一人再报送。没写完可以先存草稿。")

    return move(paper, "submit", by=by, check=check, expected_version=expected_version)


def withdraw_paper(*, by: User, paper: AnyPaper) -> AnyPaper:
    """Take a paper back that nobody has decided on yet, to write on. Raises DomainError: not_allowed, illegal_transition."""
    return move(paper, "withdraw", by=by, check=_by(rules.may_write, by, f"{WRITERS}撤回报送。"))


def accept_paper(*, by: User, paper: AnyPaper, expected_version: int | None = None) -> AnyPaper:
    """Accept what was handed in; not what one wrote or handed in oneself.

    Raises DomainError: not_allowed, own_submission, illegal_transition; Conflict.
    """

    def check(row: Filed) -> None:
        require(rules.may_review.test(by, row), REVIEWERS)
        handed_in = row.versions.filter(state=PaperState.SUBMITTED).order_by("pk").last()
        if handed_in is not None and handed_in.by_id == by.pk:
            raise DomainError("own_submission", "这一稿是您自己报送的，请班主任或别的同事审核。")

    return move(paper, "accept", by=by, check=check, expected_version=expected_version)


def return_paper(*, by: User, paper: AnyPaper, reason: str, expected_version: int | None = None) -> AnyPaper:
    """Send a paper back with the reason, also one accepted before; every version stays.

    Raises DomainError: not_allowed, reason_needed, illegal_transition; Conflict("changed_meanwhile").
    """
    check = _by(rules.may_review, by, REVIEWERS)
    return move(paper, "return", by=by, check=check, reason=reason, expected_version=expected_version)


def void_paper(*, by: User, paper: AnyPaper, reason: str) -> AnyPaper:
    """Declare a paper void, with a reason; the row and its versions stay, nothing counts it any more.

    A paper already accepted is voided by who may review it. Raises DomainError: not_allowed, reason_needed, …
    """

    def check(row: Filed) -> None:
        allowed = rules.may_review if row.state == PaperState.ACCEPTED else rules.may_void
        require(allowed.test(by, row), "只有填写的人和审核的人能作废，已审核的由审核的人作废。")

    return move(paper, "void", by=by, check=check, reason=reason)


def restore_paper(*, by: User, paper: AnyPaper, reason: str) -> AnyPaper:
    """Turn a void paper back into a draft, with a reason. Raises DomainError: not_allowed, reason_needed, …"""
    check = _by(rules.may_void, by, "只有填写的人和审核的人能恢复。")
    return move(paper, "restore", by=by, check=check, reason=reason)


def archive_papers(*, by: User, papers: Iterable[AnyPaper]) -> int:
    """Archive accepted papers, mostly when a batch is closed; returns how many. Centre staff."""
    check = _by(rules.may_archive, by, "由服务中心归档。")
    with audit.act("archive_papers", by=by):
        return len([move(paper, "archive", by=by, check=check) for paper in papers])


def archive_batch(*, by: User, batch: Batch) -> int:
    """Archive all accepted papers of a closed batch; returns how many. Raises DomainError: not_closed, not_allowed."""
    if batch.state != Batch.State.CLOSED:
        raise DomainError("not_closed", f"{batch}还没有归档。请先在期的页面归档，再归档材料。")
    with audit.act("archive_batch", by=by, subject=batch) as entry:
        archived = sum(archive_papers(by=by, papers=papers) for papers in queries.to_archive(batch))
        entry.data["papers"] = archived
    return archived


def unarchive_papers(*, by: User, papers: Iterable[AnyPaper], reason: str) -> int:
    """Take papers out of the archive, with a reason; returns how many. Centre staff."""
    check = _by(rules.may_archive, by, "由服务中心取消归档。")
    with audit.act("unarchive_papers", by=by, reason=reason):
        return len([move(paper, "unarchive", by=by, check=check, reason=reason) for paper in papers])


def require_length(name: str, text: str, limit: int) -> str:
    """The text without spaces around it, or DomainError("text_too_long") that tells the limit."""
    text = text.strip()
    if len(text) > limit:
        raise DomainError("text_too_long", f"{name}最多 {limit} 个字，现在 {len(text)} 个字。请删短，或分成几条。")
    if "\x00" in text:
        raise DomainError("unreadable_text", f"{name}里有看不见的控制符。请重新输入或换一种方式粘贴。")
    return text
