"""Routes of office."""

from django.urls import path

from office import views

app_name = "office"
urlpatterns = [
    path("jobs/", views.jobs, name="jobs"),
    path("jobs/<uuid:pk>/", views.job, name="job"),
    path("jobs/<uuid:pk>/state/", views.job_state, name="job_state"),
    path("jobs/<uuid:pk>/cancel/", views.cancel, name="cancel_job"),
    path("jobs/<uuid:pk>/file/", views.job_file, name="job_file"),
    path("notices/", views.notices, name="notices"),
    path("notices/<int:pk>/read/", views.read_notice, name="read_notice"),
    path("notices/read-all/", views.read_all_notices, name="read_all_notices"),
    path("calendar/seed/", views.seed_calendar_year, name="seed_calendar"),
    path("burdens/", views.burdens, name="burdens"),
]
