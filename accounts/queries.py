"""Rows of accounts that pages show."""

import datetime
from typing import Any

from axes.helpers import get_cool_off
from axes.models import AccessAttempt
from django.conf import settings
from django.db.models import QuerySet, Sum
from django.utils import timezone

from accounts.act_names import acts_called
from accounts.models import AuditEntry, User
from accounts.rules import may_see_accounts


def visible_accounts(user: User) -> QuerySet[User]:
    """Everybody's accounts for those who manage them or grant roles; nobody's for others."""
    return User.objects.all() if may_see_accounts.test(user) else User.objects.none()


def is_locked(user: User) -> bool:
    """True while sign-in is refused after too many wrong passwords for this name."""
    since = timezone.now() - (get_cool_off() or datetime.timedelta())
    tries = AccessAttempt.objects.filter(username=user.username, attempt_time__gte=since)
    failures = tries.aggregate(all=Sum("failures_since_start"))["all"] or 0
    return bool(failures >= settings.AXES_FAILURE_LIMIT)


def audit_entries(wanted: dict[str, Any]) -> QuerySet[AuditEntry]:
    """The trail, newest first, narrowed by `who`, `act`, `subject` (parts of text), `first` and `last` (days, included)."""
    entries = AuditEntry.objects.order_by("-seq")
    if wanted.get("who"):
        entries = entries.filter(actor__icontains=wanted["who"])
    if wanted.get("act"):
        entries = entries.filter(act__in=acts_called(wanted["act"]))
    if wanted.get("subject"):
        entries = entries.filter(subject__icontains=wanted["subject"])
    if wanted.get("first"):
        entries = entries.filter(at__date__gte=wanted["first"])
    if wanted.get("last"):
        entries = entries.filter(at__date__lte=wanted["last"])
    return entries
