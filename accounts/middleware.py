"""Sessions that end by themselves, the forced change of a first password, and the address for the audit trail."""

import time

from axes.helpers import get_client_ip_address
from django.conf import settings
from django.contrib.auth import logout
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import redirect
from django.utils import timezone

from accounts import audit
from accounts.models import AuditEntry, User
from config.middleware import Handler

SEEN = "last_act_at"
IDLED = "ended_idle"
POLL_HEADER = "HTTP_X_POLL"


class IdleTimeout:
    """Ends a session after `IDLE_SECONDS` without an act of a person; a page that polls does not count as one."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        with audit.from_address(get_client_ip_address(request) or ""):
            if request.user.is_authenticated:
                now = int(time.time())
                seen = request.session.get(SEEN, now)
                if now - seen > settings.IDLE_SECONDS:
                    logout(request)
                    request.session[IDLED] = True
                elif (POLL_HEADER not in request.META and now - seen >= 30) or SEEN not in request.session:
                    request.session[SEEN] = now
            response = self.get_response(request)
            if request.user.is_authenticated and not response.has_header("Cache-Control"):
                response["Cache-Control"] = "private, no-store"  # after signing out, “back” shows nothing
            return response


class FirstPassword:
    """Whoever still has a first password sees only the page that changes it."""

    OPEN = ("accounts:change_password", "accounts:sign_out")

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        return self.get_response(request)

    def process_view(self, request: HttpRequest, *_: object) -> HttpResponseBase | None:
        user = request.user
        if not user.is_authenticated or not user.must_change_password or (user.is_demo and settings.DEMO_ACCOUNTS):
            return None
        match = request.resolver_match
        if match is not None and match.view_name in self.OPEN:
            return None
        return redirect("accounts:change_password")


class DeniedTrail:
    """A signed-in person who is refused a page leaves one entry a day for that page: its route, never its data."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> None:
        user, match = request.user, request.resolver_match
        if not isinstance(error, PermissionDenied) or not isinstance(user, User) or match is None:
            return
        route = match.view_name[:60] or match.route[:60]
        today = AuditEntry.objects.filter(actor_id=user.pk, at__date=timezone.localdate())
        if not today.filter(act="denied", subject_type="route", subject_id=route).exists():
            with audit.act("denied", by=user, method=request.method) as entry:
                entry.subject_type, entry.subject_id, entry.subject = "route", route, match.route[:200]
