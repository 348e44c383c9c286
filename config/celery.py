"""The Celery application: hands for jobs whose truth is a row of office.Job, and the beat schedule."""

import os

from celery import Celery
from celery.schedules import crontab

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

app = Celery("dunmiao")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
app.conf.beat_schedule = {
    "sweep jobs": {"task": "office.sweep_jobs", "schedule": 15.0},
    "audit checkpoint": {"task": "accounts.make_checkpoint", "schedule": crontab(hour=0, minute=5)},
    "invariants": {"task": "reports.check_invariants", "schedule": crontab(hour=2, minute=30)},
    "expired files": {"task": "office.remove_expired_files", "schedule": crontab(hour=3, minute=0)},
}
