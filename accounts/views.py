"""Pages about one's own account: signing in and out, the password."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render


def locked_out(request: HttpRequest, credentials: dict[str, Any] | None = None, *_: Any, **__: Any) -> HttpResponse:
    """Too many wrong passwords: says so and for how long, the same for names that do not exist."""
    return render(request, "accounts/locked_out.html", status=429)
