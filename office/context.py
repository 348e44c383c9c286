"""What every page's frame shows; asked of the database only where a template uses it."""

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from accounts.models import User
from office import queries


class Shell:
    """The frame's figures for one request, each counted at most once and only when shown."""

    def __init__(self, request: HttpRequest) -> None:
        self.user: Any = getattr(request, "user", None)
        self._counts: dict[str, int] = {}

    def _count(self, name: str, count: Callable[[User], int]) -> int:
        if name not in self._counts:
            self._counts[name] = count(self.user) if self.user and self.user.is_authenticated else 0
        return self._counts[name]

    @property
    def unfinished_jobs(self) -> int:
        """The person's own jobs that wait or run."""
        return self._count("jobs", queries.unfinished_jobs)

    @property
    def unread_notices(self) -> int:
        """Messages in the system that the person has not opened."""
        return self._count("notices", queries.unread_notices)


def shell(request: HttpRequest) -> dict[str, Any]:
    """Context processor: the county's name and the frame's figures."""
    return {"county_name": settings.COUNTY_NAME, "shell": SimpleLazyObject(lambda: Shell(request))}
