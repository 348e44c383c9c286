"""What happens around every request: its id in the logs, and domain errors turned into pages."""

import uuid
from collections.abc import Callable

import structlog
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.http import url_has_allowed_host_and_scheme

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


class DomainErrors:
    """A refused act becomes a message on the page it came from; a conflict a 409 page; nothing is swallowed."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        if not isinstance(error, DomainError):
            return None
        if isinstance(error, Conflict) or request.method in ("GET", "HEAD"):
            status = 409 if isinstance(error, Conflict) else 400
            return render(request, "errors/domain.html", {"message": error.message}, status=status)
        messages.error(request, error.message)
        back = request.META.get("HTTP_REFERER", "")
        if not url_has_allowed_host_and_scheme(back, {request.get_host()}, require_https=request.is_secure()):
            back = "reports:home"
        return redirect(back)
