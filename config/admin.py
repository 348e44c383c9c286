"""The service centre's admin site: one more door, in the order of the programme's course."""

from functools import update_wrapper
from typing import Any

from django.apps import apps
from django.conf import settings
from django.contrib import admin
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, resolve_url
from django.utils.decorators import method_decorator


class CentreSite(admin.AdminSite):
    """Django's admin site with our frame. Who sees which model is decided by each ModelAdmin's rules."""

    site_header = site_title = "墩苗"
    index_title = "服务中心"
    enable_nav_sidebar = True
    login_template = None
    COURSE = ("cadres", "bases", "batches", "activities", "evaluations", "reports", "office", "accounts")

    def has_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.is_active and getattr(request.user, "is_staff", False))

    def admin_view(self, view: Any, cacheable: bool = False) -> Any:
        """Somebody signed in who may not open the site gets our 403 page, no second sign-in."""
        guarded = super().admin_view(view, cacheable)

        def opened(request: HttpRequest, *args: Any, **options: Any) -> HttpResponseBase:
            if request.user.is_authenticated and not self.has_permission(request):
                raise PermissionDenied
            response: HttpResponseBase = guarded(request, *args, **options)
            return response

        return update_wrapper(opened, guarded)

    @method_decorator(login_not_required)
    def login(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """There is one page to sign in, and it is not here."""
        if request.user.is_authenticated:
            raise PermissionDenied
        return redirect_to_login(request.GET.get("next", ""), resolve_url(settings.LOGIN_URL))

    def logout(self, request: HttpRequest, extra_context: Any = None) -> Any:
        return redirect("accounts:sign_out", preserve_request=True)

    def password_change(self, request: HttpRequest, extra_context: Any = None) -> Any:
        return redirect("accounts:change_password")

    def get_app_list(self, request: HttpRequest, app_label: str | None = None) -> list[dict[str, Any]]:
        """Apps in the programme's course, models in the order their admin modules register them."""
        found = self._build_app_dict(request, app_label)
        order = {model._meta.object_name: i for i, model in enumerate(self._registry)}
        for app in found.values():
            app["models"].sort(key=lambda model: order.get(model["object_name"], 0))
            app["name"] = apps.get_app_config(app["app_label"]).verbose_name
        return [found[label] for label in self.COURSE if label in found]
