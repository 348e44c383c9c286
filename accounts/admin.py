"""Accounts and county-wide roles in the admin site; what is done with them are acts on pages of their own."""

from typing import Any

from django.contrib import admin
from django.contrib.auth.models import Group
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from accounts import actions
from accounts.desk import DeskAdmin, ReadOnlyDesk
from accounts.forms import RoleGrantForm
from accounts.models import RoleGrant, User
from accounts.rules import may_grant_roles, may_see_accounts

admin.site.unregister(Group)  # rights follow from RoleGrant and the domain's rows alone


@admin.register(User)
class UserAdmin(ReadOnlyDesk):
    may_view = may_see_accounts
    list_display = ("username", "name", "state", "last_login", "acts")
    list_filter = ("is_active", "must_change_password")
    search_fields = ("username", "name")
    search_help_text = "按登录名或姓名查"
    fields = (
        "username",
        "name",
        "is_active",
        "must_change_password",
        "password_changed_at",
        "last_login",
        "created_at",
        "acts",
    )
    readonly_fields = ("acts",)
    ordering = ("username",)
    change_list_template = "accounts/admin_users.html"

    @admin.display(description="状态", ordering="is_active")
    def state(self, user: User) -> str:
        if not user.is_active:
            return "已停用"
        return "还没有用过" if user.must_change_password else "可登录"

    @admin.display(description="办理")
    def acts(self, user: User) -> SafeString:
        return format_html('<a href="{}">看账号、办理…</a>', reverse("accounts:account", args=[user.pk]))


@admin.register(RoleGrant)
class RoleGrantAdmin(DeskAdmin):
    may_view = may_add = may_grant_roles
    form = RoleGrantForm
    list_display = ("user", "role", "since", "until", "reason", "granted_by", "state")
    list_filter = ("role",)
    search_fields = ("user__name", "user__username")
    autocomplete_fields = ("user",)
    ordering = ("user__username", "role", "pk")

    def get_queryset(self, request: HttpRequest) -> QuerySet[RoleGrant]:
        grants: QuerySet[RoleGrant] = super().get_queryset(request)
        return grants.select_related("user", "granted_by")

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **options: Any) -> Any:
        form = super().get_form(request, obj, change=change, **options)
        form.granted_by = request.user  # type: ignore[attr-defined] # asked by the form's check
        return form

    def save_model(self, request: HttpRequest, obj: RoleGrant, form: Any, change: bool) -> None:
        grant = actions.grant_role(
            user=obj.user, role=obj.role, reason=obj.reason, until=obj.until, by=request.user  # type: ignore[arg-type] # signed in
        )  # fmt: skip
        obj.pk, obj.since, obj.granted_by = grant.pk, grant.since, grant.granted_by

    @admin.display(description="状态")
    def state(self, grant: RoleGrant) -> SafeString | str:
        if grant.revoked_at:
            return "已撤销"
        return format_html('<a href="{}">撤销…</a>', reverse("accounts:revoke_role", args=[grant.pk]))
