"""All routes. Each app keeps its own; the admin site is one door among them."""

from django.contrib import admin
from django.urls import include, path

urlpatterns = [
    path("", include("reports.urls")),
    path("account/", include("accounts.urls")),
    path("office/", include("office.urls")),
    path("cadres/", include("cadres.urls")),
    path("bases/", include("bases.urls")),
    path("batches/", include("batches.urls")),
    path("activities/", include("activities.urls")),
    path("evaluations/", include("evaluations.urls")),
    path("admin/", admin.site.urls),
]

handler400 = "config.errors_views.bad_request"
handler403 = "config.errors_views.forbidden"
handler404 = "config.errors_views.not_found"
handler500 = "config.errors_views.server_error"
