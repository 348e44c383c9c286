"""What every admin page of ours has in common: rules decide, acts are audited, nothing is deleted."""

from typing import Any

import pghistory.models
import rules
from django.contrib import admin
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db.models import DateField, Model
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from accounts import audit
from accounts.rules import is_centre_staff
from config.days import DayField


class DeskAdmin(admin.ModelAdmin):
    """Base of all ModelAdmins. `may_view`, `may_add` and `may_change` are predicates of the app's rules.py.

    Plain facts (units, villages, rates…) are saved by Django and audited here. Anything with a state is shown read-only
    (`ReadOnlyDesk`), its acts being buttons that call actions.
    """

    may_view: rules.Predicate = is_centre_staff
    may_add: rules.Predicate = is_centre_staff
    may_change: rules.Predicate = is_centre_staff
    list_per_page = 20
    show_full_result_count = True
    save_on_top = False
    formfield_overrides = {DateField: {"form_class": DayField}}

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return bool(self.may_view.test(request.user))

    def has_add_permission(self, request: HttpRequest) -> bool:
        return bool(self.may_add.test(request.user))

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return bool(self.may_change.test(request.user))

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def get_action_choices(self, request: HttpRequest, default_choices: Any = (("", "选一件事"),)) -> Any:
        return super().get_action_choices(request, list(default_choices))

    def changeform_view(self, request: HttpRequest, *args: Any, **options: Any) -> Any:
        """The whole form, inlines included, is one act: the entry is written last."""
        if request.method != "POST":
            return super().changeform_view(request, *args, **options)
        with audit.act(f"save_{self.opts.model_name}", by=request.user) as entry:  # type: ignore[arg-type] # signed in
            request.audit_entry = entry  # type: ignore[attr-defined] # handed to log_addition and log_change
            response = super().changeform_view(request, *args, **options)
            entry.came_to_nothing = not entry.subject_type  # the form came back with errors
            return response

    def log_addition(self, request: HttpRequest, obj: Model, message: Any) -> Any:
        self._about(request, obj, message)

    def log_change(self, request: HttpRequest, obj: Model, message: Any) -> Any:
        self._about(request, obj, message)

    def _about(self, request: HttpRequest, obj: Model, message: Any) -> None:
        entry = getattr(request, "audit_entry", None)
        if entry is not None:
            entry.about(obj)
            entry.data["changes"] = [
                names
                for part in message
                if isinstance(part, dict)
                for names in part.get("changed", {}).get("fields", [])
            ]

    def history_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        """Every version of the row: when, who, why (from the triggers, so bulk changes and SQL are there too)."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        obj = self.get_object(request, unquote(object_id))
        if obj is None:
            raise Http404
        events = pghistory.models.Events.objects.tracks(obj).order_by("-pgh_created_at")[:200]
        context = {
            **self.admin_site.each_context(request), "title": f"{obj}的变更记录", "opts": self.opts, "object": obj,
            "events": events, **(extra_context or {}),
        }  # fmt: skip
        return TemplateResponse(request, "admin/row_history.html", context)


class ReadOnlyDesk(DeskAdmin):
    """A model whose rows change through acts alone."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False
