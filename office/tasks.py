"""Housekeeping by beat."""

from celery import shared_task
from django.utils import timezone

from office import jobs
from office.models import StoredFile


@shared_task(name="office.sweep_jobs", expires=15)
def sweep_jobs() -> None:
    jobs.sweep_jobs()


@shared_task(name="office.remove_expired_files")
def remove_expired_files() -> None:
    """Delete produced files whose time is over; rows that others refer to keep their row and lose their content."""
    for stored in StoredFile.objects.filter(expires_at__lt=timezone.now()).exclude(content=""):
        stored.content.delete(save=False)
        stored.content.name = ""
        stored.save(update_fields=["content"])
