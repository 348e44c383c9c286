"""The service centre's admin site: one more door, in the order of the programme's course."""

from typing import Any

from django.apps import apps
from django.contrib import admin
from django.http import HttpRequest


class CentreSite(admin.AdminSite):
    """Django's admin site with our frame. Who sees which model is decided by each ModelAdmin's rules."""

    site_header = site_title = "墩苗"
    index_title = "服务中心"
    enable_nav_sidebar = True
    login_template = None
    COURSE = ("cadres", "bases", "batches", "activities", "evaluations", "reports", "office", "accounts")

    def has_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.is_active and getattr(request.user, "is_staff", False))

    def get_app_list(self, request: HttpRequest, app_label: str | None = None) -> list[dict[str, Any]]:
        """Apps in the programme's course, models in the order their admin modules register them."""
        found = self._build_app_dict(request, app_label)
        order = {model._meta.object_name: i for i, model in enumerate(self._registry)}
        for app in found.values():
            app["models"].sort(key=lambda model: order.get(model["object_name"], 0))
            app["name"] = apps.get_app_config(app["app_label"]).verbose_name
        return [found[label] for label in self.COURSE if label in found]
