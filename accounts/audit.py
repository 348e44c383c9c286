"""The audit trail: one entry for each act of a person or of the system, in a hash chain that only grows.

`act` is how every action of every app runs: it opens the transaction, tells the row history who does what and why, and
writes the entry as the last statement of the outermost transaction, so that a long import holds nobody else up.
"""

import contextvars
import datetime
import hashlib
import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pghistory
import structlog
from django.db import connection, models, transaction

from accounts.models import AuditEntry, User
from config.errors import DomainError

FIELDS = (
    "actor_id",
    "actor",
    "act",
    "subject_type",
    "subject_id",
    "subject",
    "reason",
    "data",
    "request_id",
    "address",
)
SYSTEM = "系统"
LONGEST_REASON = 500
SEPARATOR = "\x1f"
GENESIS = "0" * 64

_address: contextvars.ContextVar[str] = contextvars.ContextVar("address", default="")
_pending: contextvars.ContextVar["list[Entry] | None"] = contextvars.ContextVar("pending", default=None)


@dataclass
class Entry:
    """What will be written about an act; the body of the `with` may name the subject and add data as it goes."""

    act: str
    by: User | None
    reason: str = ""
    subject_type: str = ""
    subject_id: str = ""
    subject: str = ""
    data: dict[str, Any] = field(default_factory=dict)
    came_to_nothing: bool = False
    """Set by the body where nothing was done after all (a form that came back with errors): no entry is written."""

    def about(self, subject: models.Model, label: str | None = None) -> None:
        """Name the row that the act is about. The label must hold no personal data besides a name."""
        self.subject_type = subject._meta.label
        self.subject_id = str(subject.pk)
        self.subject = (str(subject) if label is None else label)[:200]


@contextmanager
def act(
    name: str, *, by: User | None, subject: models.Model | None = None, reason: str = "", **data: Any
) -> Iterator[Entry]:
    """Run one business act: transaction, row history with who and why, audit entry last.

    `by` None means the system itself. Acts may nest; the entries of inner acts are written with the outermost, and an
    inner act that fails leaves none. Raises DomainError("reason_too_long") for a reason that the trail cannot hold whole.
    """
    if len(reason) > LONGEST_REASON:
        raise DomainError("reason_too_long", f"原因最多 {LONGEST_REASON} 个字，现在 {len(reason)} 个字。请写短一些。")
    entry = Entry(act=name, by=by, reason=reason, data=data)
    if subject is not None:
        entry.about(subject)
    outer = _pending.get()
    pending: list[Entry] = [] if outer is None else outer
    token = _pending.set(pending)
    before = len(pending)
    try:
        with transaction.atomic(), pghistory.context(act=name, user=by.pk if by else None, reason=reason):
            yield entry
            if not entry.came_to_nothing:
                pending.append(entry)
            if outer is None:
                _write(pending)
    except BaseException:
        del pending[before:]
        raise
    finally:
        _pending.reset(token)


def record(name: str, *, by: User | None, subject: models.Model | None = None, reason: str = "", **data: Any) -> None:
    """An act that changes no row of the domain (signing in, looking at a full ID number, an export)."""
    with act(name, by=by, subject=subject, reason=reason, **data):
        pass


@contextmanager
def from_address(address: str) -> Iterator[None]:
    """Entries written within carry this network address."""
    token = _address.set(address)
    try:
        yield
    finally:
        _address.reset(token)


def _clean(text: str) -> str:
    return "".join(" " if character in "\x00\x1f" else character for character in text)


def _write(entries: Iterable[Entry]) -> None:
    request_id = structlog.contextvars.get_contextvars().get("request_id", "")
    with connection.cursor() as cursor:
        for entry in entries:
            data = json.dumps(entry.data, sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=str)
            values = (
                entry.by.pk if entry.by else None,
                entry.by.name if entry.by else SYSTEM,
                entry.act, entry.subject_type, entry.subject_id, entry.subject, entry.reason, data,
                request_id, _address.get(),
            )  # fmt: skip
            row = [_clean(value) if isinstance(value, str) else value for value in values]
            cursor.execute(
                f"INSERT INTO accounts_auditentry ({', '.join(FIELDS)}) VALUES ({', '.join(['%s'] * len(FIELDS))})",  # noqa: S608 -- constant column names
                row,
            )


def entry_hash(entry: AuditEntry) -> str:
    """The hash an entry must have, computed from its own columns and `previous` (the trigger computes the same)."""
    stamp = entry.at.astimezone(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")
    parts = [
        entry.previous, str(entry.seq), stamp, "" if entry.actor_id is None else str(entry.actor_id), entry.actor, entry.act,
        entry.subject_type, entry.subject_id, entry.subject, entry.reason, entry.data, entry.request_id, entry.address,
    ]  # fmt: skip
    return hashlib.sha256(SEPARATOR.join(parts).encode()).hexdigest()
