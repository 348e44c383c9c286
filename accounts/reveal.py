"""Showing one piece of personal data in full: only to whom may, only with a reason, always recorded (PIPL art. 51).

Higher layers register what can be shown in their AppConfig.ready:

    reveal.register("cadre.phone", Revealable(model="cadres.Cadre", field="phone", label="手机号", mask=mask_phone,
                    rows=lambda user: visible_cadres(user), about=lambda user: cadres of that user))

A page shows `{% include "accounts/masked.html" with what="cadre.phone" pk=cadre.pk masked=cadre.masked_phone %}`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import rules
from django.db.models import Model, Q, QuerySet

from accounts import audit
from accounts.encryption import mask_phone
from accounts.models import AuditEntry, User
from accounts.rules import is_centre_staff, may_manage_accounts
from config.errors import DomainError

SECONDS_SHOWN = 60
SHORTEST_REASON = 4


@dataclass(frozen=True)
class Revealable:
    """A field that is masked everywhere: `rows` finds what a user may look up, `about` the rows that are about a user."""

    model: str
    field: str
    label: str
    mask: Callable[[str], str]
    rows: Callable[[User], QuerySet[Any]]
    about: Callable[[User], QuerySet[Any]]
    may: rules.Predicate = is_centre_staff


_registry: dict[str, Revealable] = {}


def register(what: str, revealable: Revealable) -> None:
    _registry[what] = revealable


def find(what: str) -> Revealable | None:
    return _registry.get(what)


def reveal(*, obj: Model, what: str, reason: str, by: User) -> str:
    """The full value of `what` of the row; the reason and who asked are recorded, and the person concerned can read them.

    Raises DomainError("reason_missing") when the reason is shorter than four characters, DomainError("not_allowed") for
    somebody who may not see it.
    """
    revealable = _registry[what]
    if not revealable.may.test(by):
        raise DomainError("not_allowed", "您不能查看完整的个人信息。")
    if len(reason.strip()) < SHORTEST_REASON:
        raise DomainError("reason_missing", f"请写明为什么要看，至少{SHORTEST_REASON}个字；会记入审计，本人可查。")
    audit.record("reveal", by=by, subject=obj, reason=reason.strip(), field=revealable.label)
    return str(getattr(obj, revealable.field))


def entries_about(user: User) -> QuerySet[AuditEntry]:
    """Who looked at the person's own data in full, newest first."""
    mine = Q(pk__in=[])
    for revealable in _registry.values():
        keys = [str(pk) for pk in revealable.about(user).order_by("pk").values_list("pk", flat=True)]
        if keys:
            mine |= Q(subject_type=revealable.model, subject_id__in=keys)
    return AuditEntry.objects.filter(mine, act="reveal").order_by("-seq")


def register_own() -> None:
    """What this app itself can show: the phone number of an account."""
    register(
        "account.phone",
        Revealable(
            model="accounts.User", field="phone", label="手机号", mask=mask_phone, may=may_manage_accounts,
            rows=lambda user: User.objects.all(), about=lambda user: User.objects.filter(pk=user.pk),
        ),
    )  # fmt: skip
