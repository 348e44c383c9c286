"""What happens around every request: its id in the logs, and domain errors turned into pages."""

import uuid
from collections.abc import Callable
from functools import cache

import structlog
from django.apps import apps
from django.contrib import messages
from django.db.models import BaseConstraint
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.http import url_has_allowed_host_and_scheme
from psycopg2 import errors

from config.errors import Conflict, DomainError

Handler = Callable[[HttpRequest], HttpResponseBase]


class RequestId:
    """Gives every request an id that its log lines and its answer carry."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        request_id = uuid.uuid4().hex
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=request_id)
        response = self.get_response(request)
        response["X-Request-Id"] = request_id
        return response


JUST_CHANGED = "没有写入：刚才有人同时在改同样的内容。请刷新页面看过以后再做一次。"


def refusal_of(error: Exception) -> DomainError | None:
    """What a person is told: a domain error itself, or a constraint of the database that an act ran into.

    Two people at once can pass the same guard; the constraint then refuses the second. Its own Chinese message is told
    where it has one. Errors of another kind are ours and stay errors.
    """
    if isinstance(error, DomainError):
        return error
    cause = error.__cause__
    if isinstance(cause, errors.ForeignKeyViolation):
        return Conflict("just_changed", JUST_CHANGED)  # what the row refers to was taken away meanwhile
    if isinstance(cause, errors.DeadlockDetected | errors.SerializationFailure | errors.LockNotAvailable):
        return Conflict("changed_meanwhile", JUST_CHANGED)
    if isinstance(cause, errors.UniqueViolation | errors.ExclusionViolation | errors.CheckViolation):
        return Conflict("database_refused", _messages().get(cause.diag.constraint_name or "", JUST_CHANGED))
    return None


@cache
def _messages() -> dict[str, str]:
    """The messages that constraints carry, by the constraint's name."""
    constraints = (constraint for model in apps.get_models() for constraint in model._meta.constraints)
    standard = BaseConstraint.default_violation_error_message
    return {
        constraint.name: str(constraint.violation_error_message)
        for constraint in constraints
        if constraint.violation_error_message != standard
    }


class DomainErrors:
    """A refused act becomes a message on the page it came from; a conflict a 409 page; nothing is swallowed."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        refusal = refusal_of(error)
        if refusal is None:
            return None
        return self._told(request, refusal)

    def _told(self, request: HttpRequest, error: DomainError) -> HttpResponse:
        if isinstance(error, Conflict) or request.method in ("GET", "HEAD"):
            status = 409 if isinstance(error, Conflict) else 400
            context = {"message": error.message, "back": _came_from(request)}
            return render(request, "errors/domain.html", context, status=status)
        messages.error(request, error.message)
        return redirect(_came_from(request) or "reports:home")


def _came_from(request: HttpRequest) -> str:
    """The page of ours that the request came from; empty where there is none."""
    back = request.META.get("HTTP_REFERER", "")
    ours = url_has_allowed_host_and_scheme(back, {request.get_host()}, require_https=request.is_secure())
    return back if ours else ""
