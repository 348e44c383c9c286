"""What every page's frame shows; asked of the database only where a template uses it."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from office.models import UNFINISHED, Job, Notice


class Shell:
    """The frame's figures for one request, each counted at most once and only when shown."""

    def __init__(self, request: HttpRequest) -> None:
        self.user: Any = getattr(request, "user", None)
        self._counts: dict[str, int] = {}

    def _count(self, name: str, rows: Any) -> int:
        if name not in self._counts:
            self._counts[name] = rows.count() if self.user and self.user.is_authenticated else 0
        return self._counts[name]

    @property
    def unfinished_jobs(self) -> int:
        """The person's own jobs that wait or run."""
        return self._count("jobs", Job.objects.filter(owner_id=self.user and self.user.pk, state__in=UNFINISHED))

    @property
    def unread_notices(self) -> int:
        """Messages in the system that the person has not opened."""
        own = Notice.objects.filter(addressee_id=self.user and self.user.pk, channel=Notice.Channel.SYSTEM)
        return self._count("notices", own.filter(read_at__isnull=True))


def shell(request: HttpRequest) -> dict[str, Any]:
    return {"county_name": settings.COUNTY_NAME, "shell": SimpleLazyObject(lambda: Shell(request))}
