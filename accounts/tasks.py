"""Housekeeping by beat."""

from celery import shared_task

from accounts import verification


@shared_task(name="accounts.make_checkpoint")
def make_checkpoint() -> None:
    """The daily signed checkpoint of the audit trail."""
    verification.make_checkpoint()
