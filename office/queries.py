"""Rows of the office that a person may see."""

from django.db.models import QuerySet

from accounts.models import User
from office.models import UNFINISHED, Job, Notice
from office.rules import may_see_all_jobs


def visible_jobs(user: User) -> QuerySet[Job]:
    """One's own jobs; the centre's staff see everybody's."""
    jobs = Job.objects.filter(parent__isnull=True).select_related("owner", "result_file")
    return jobs if may_see_all_jobs.test(user) else jobs.filter(owner=user)


def notices_of(user: User) -> QuerySet[Notice]:
    """The person's box, newest first."""
    return Notice.objects.filter(addressee=user, channel=Notice.Channel.SYSTEM)


def unread_notices(user: User) -> int:
    """How many in the person's box have not been opened."""
    return notices_of(user).filter(read_at__isnull=True).count()


def unfinished_jobs(user: User) -> int:
    """How many of the person's own jobs wait or run."""
    return Job.objects.filter(owner=user, parent__isnull=True, state__in=UNFINISHED).count()
