"""How a view says who gets in. A route whose view says nothing fails a test (closed by default)."""

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import rules
from django.contrib.auth.decorators import login_not_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponseBase

from accounts.models import User
from accounts.rules import is_signed_in

View = TypeVar("View", bound=Callable[..., HttpResponseBase])


@dataclass(frozen=True)
class Policy:
    """Who may call a view at all; which rows they then find is the view's look-up (`visible_to`)."""

    predicate: rules.Predicate | None

    @property
    def name(self) -> str:
        return "public" if self.predicate is None else str(self.predicate.name)


def allow(predicate: rules.Predicate) -> Callable[[View], View]:
    """Only users for whom the predicate holds; others signed in get 403, strangers the sign-in page."""

    def decorate(view: View) -> View:
        @functools.wraps(view)
        def guarded(request: HttpRequest, *args: Any, **options: Any) -> HttpResponseBase:
            if not predicate.test(request.user):
                raise PermissionDenied
            return view(request, *args, **options)

        guarded.policy = Policy(predicate)  # type: ignore[attr-defined] # read by the route matrix test
        return guarded  # type: ignore[return-value] # same signature by functools.wraps

    return decorate


def signed_in(view: View) -> View:
    """Everybody who is signed in; what each sees is decided by the look-ups."""
    return allow(is_signed_in)(view)


def public(view: View) -> View:
    """Open to strangers: sign-in, one-time links, health."""

    @functools.wraps(view)
    def opened(request: HttpRequest, *args: Any, **options: Any) -> HttpResponseBase:
        return view(request, *args, **options)

    opened.policy = Policy(None)  # type: ignore[attr-defined] # read by the route matrix test
    return login_not_required(opened)  # type: ignore[return-value] # same signature by functools.wraps


def user_of(request: HttpRequest) -> User:
    """The signed-in person of a guarded view; anybody else never gets as far."""
    if not isinstance(request.user, User):
        raise PermissionDenied
    return request.user
