"""Acts of the office: telling people, and marking what they have read."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field

from django.utils import timezone

from accounts.models import User
from office.models import Notice


@dataclass
class Overheard:
    """The accounts that notices were written to, and whether somebody without an account was passed over."""

    people: dict[int, User] = field(default_factory=dict)
    missed: bool = False


_listening: ContextVar[Overheard | None] = ContextVar("listening", default=None)


@contextmanager
def overhear() -> Iterator[Overheard]:
    """Who is told by an act that is carried out within, perhaps only to be looked at and taken back."""
    heard = Overheard()
    token = _listening.set(heard)
    try:
        yield heard
    finally:
        _listening.reset(token)


def notify(*, addressees: Iterable[User | None], subject: str, text: str, url: str = "") -> list[Notice]:
    """Put a notice into the box of each addressee, once a person; None (somebody without an account) is left out.

    Called inside the act that causes it, so that both are written or neither. Long subjects are cut at 120 characters.
    """
    rows = list(addressees)
    people = {user.pk: user for user in rows if user is not None}
    if (heard := _listening.get()) is not None:
        heard.people |= people
        heard.missed |= None in rows
    return Notice.objects.bulk_create(
        Notice(addressee=user, subject=subject[:120], text=text, url=url[:200]) for user in people.values()
    )


def mark_notice_read(*, notice: Notice) -> None:
    """The addressee has seen it; a second time changes nothing."""
    Notice.objects.filter(pk=notice.pk, read_at__isnull=True).update(read_at=timezone.now())


def mark_all_notices_read(*, user: User) -> int:
    """Everything in the person's box is seen; returns how many were new."""
    return Notice.objects.filter(addressee=user, read_at__isnull=True).update(read_at=timezone.now())
