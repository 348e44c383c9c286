"""Pages about one's own account, other people's accounts at the desk, and the audit trail."""

import math
from collections.abc import Sequence
from typing import Any

from axes.helpers import get_cool_off
from axes.models import AccessAttempt
from django.conf import settings
from django.contrib import messages
from django.contrib.auth import logout, update_session_auth_hash
from django.contrib.auth.views import LoginView
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts import actions, audit
from accounts.access import allow, public, signed_in, user_of
from accounts.act_names import act_name
from accounts.forms import (
    AuditFilterForm,
    ChangePasswordForm,
    CreateAccountsForm,
    ReasonForm,
    SignInForm,
    minutes_locked,
)
from accounts.middleware import IDLED
from accounts.models import AuditCheckpoint, AuditEntry, RoleGrant, User
from accounts.queries import audit_entries, is_locked, visible_accounts
from accounts.reveal import SECONDS_SHOWN, Revealable, entries_about, find, reveal
from accounts.roles import roles_of
from accounts.rules import may_act_on_account, may_grant_roles, may_manage_accounts, may_read_audit, may_see_accounts
from accounts.verification import verify_audit
from config.errors import DomainError


class SignIn(LoginView):
    """Who signs in lands where they wanted to go, else at home. A first password is changed before anything else."""

    template_name = "accounts/sign_in.html"
    authentication_form = SignInForm

    def get_context_data(self, **context: Any) -> dict[str, Any]:
        idle = settings.IDLE_SECONDS // 60 if self.request.session.get(IDLED) else 0
        return super().get_context_data(idle_minutes=idle, **context)

    def form_valid(self, form: Any) -> HttpResponse:
        self.request.session.pop(IDLED, None)
        response = super().form_valid(form)
        audit.record("sign_in", by=form.get_user())
        return response


sign_in = public(never_cache(SignIn.as_view()))


def locked_out(
    request: HttpRequest, response: HttpResponse | None = None, credentials: dict[str, Any] | None = None
) -> HttpResponse:
    """Too many wrong passwords: says so and for how long, the same for names that do not exist."""
    username = str((credentials or {}).get("username", ""))[:40]
    if getattr(request, "axes_failures_since_start", 0) == settings.AXES_FAILURE_LIMIT:
        user = User.objects.filter(username=username).first()
        if user is not None:
            audit.record("lock_sign_in", by=None, subject=user)
    context = {"minutes": _minutes_left(request, username), "limit": settings.AXES_FAILURE_LIMIT}
    return render(request, "accounts/locked_out.html", context, status=429)


def _minutes_left(request: HttpRequest, username: str) -> int:
    """Minutes until the last wrong password for the name is forgotten; the whole time where no try is known."""
    last = AccessAttempt.objects.filter(username=username).order_by("-attempt_time").first()
    cool_off = get_cool_off(request)
    if last is None or cool_off is None:
        return minutes_locked(request)
    return max(1, math.ceil((last.attempt_time + cool_off - timezone.now()).total_seconds() / 60))


@signed_in
@require_POST
def sign_out(request: HttpRequest) -> HttpResponse:
    audit.record("sign_out", by=user_of(request))
    logout(request)
    messages.success(request, "您已退出。离开座位前退出，别人就看不到您的页面。")
    return redirect("accounts:sign_in")


@signed_in
@never_cache
@require_http_methods(["GET", "POST"])
def change_password(request: HttpRequest) -> HttpResponse:
    """One's own password; the first one must be changed here before any other page opens."""
    user = user_of(request)
    form = ChangePasswordForm(user, request.POST or None)
    if request.method == "POST" and form.is_valid():
        actions.change_password(user=user, password=form.cleaned_data["new_password"])
        update_session_auth_hash(request, user)
        messages.success(request, "密码已改。在别的电脑、手机上登录的，要用新密码重新登录。")
        return redirect("reports:home")
    forced = user.must_change_password and not (user.is_demo and settings.DEMO_ACCOUNTS)
    return render(request, "accounts/change_password.html", {"form": form, "forced": forced})


@signed_in
@require_GET
def me(request: HttpRequest) -> HttpResponse:
    """What the system keeps about the person's account, who the person is, and who looked at the full data."""
    user = user_of(request)
    context = {"user": user, "roles": roles_of(user), "looks": entries_about(user)[:50]}
    return render(request, "accounts/me.html", context)


@signed_in
@never_cache
@require_http_methods(["GET", "POST"])
def reveal_field(request: HttpRequest, what: str, pk: int) -> HttpResponse:
    """Fragments for htmx: GET asks why (or, with `masked`, goes back to the mask), POST shows the value for a minute."""
    revealable, user = find(what), user_of(request)
    if revealable is None or not revealable.may.test(user):
        raise Http404
    obj = get_object_or_404(revealable.rows(user), pk=pk)
    context: dict[str, Any] = {"what": what, "pk": pk, "label": revealable.label, "seconds": SECONDS_SHOWN}
    form = ReasonForm(request.POST or None)
    if request.method == "GET" and request.GET.get("masked"):
        return render(request, "accounts/masked.html", context | {"masked": _masked(revealable, obj)})
    if request.method == "POST" and form.is_valid():
        value = reveal(obj=obj, what=what, reason=form.cleaned_data["reason"], by=user)
        return render(request, "accounts/revealed.html", context | {"value": value})
    return render(request, "accounts/reveal_reason.html", context | {"form": form, "masked": _masked(revealable, obj)})


def _masked(revealable: Revealable, obj: Any) -> str:
    return revealable.mask(getattr(obj, revealable.field))


# --- the desk: other people's accounts


@allow(may_see_accounts)
@require_GET
def account_page(request: HttpRequest, pk: int) -> HttpResponse:
    """One account: who the person is, whether sign-in is locked, and the acts on it."""
    account = get_object_or_404(visible_accounts(user_of(request)), pk=pk)
    context = {
        "account": account, "roles": roles_of(account), "locked": is_locked(account),
        "may_act": account != request.user and may_act_on_account.test(request.user, account),
        "grants": account.role_grants.select_related("granted_by").order_by("-since", "-pk"),
        "may_grant": may_grant_roles.test(request.user) and account != request.user,
    }  # fmt: skip
    return render(request, "accounts/account.html", context)


@allow(may_manage_accounts)
@never_cache
@require_http_methods(["GET", "POST"])
def create_accounts(request: HttpRequest) -> HttpResponse:
    """Accounts for several people at once; the answer is the page of slips to print, shown this once."""
    form = CreateAccountsForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            slips = actions.issue_accounts(people=form.cleaned_data["people"], by=user_of(request))
        except DomainError as error:
            form.add_error("people", error.message)
        else:
            return slips_page(request, slips)
    return render(request, "accounts/create_accounts.html", {"form": form})


def slips_page(request: HttpRequest, slips: Sequence[actions.Slip]) -> HttpResponse:
    """Activation slips to print and cut; the only time that the one-time passwords are seen. Used by other layers too."""
    fresh = [slip for slip in slips if slip.password]
    context = {
        "slips": fresh, "kept": [slip for slip in slips if not slip.password], "address": request.build_absolute_uri("/")
    }  # fmt: skip
    response = render(request, "accounts/slips.html", context)
    response["Cache-Control"] = "private, no-store"
    return response


def _managed(request: HttpRequest, pk: int) -> User:
    return get_object_or_404(visible_accounts(user_of(request)), pk=pk)


@allow(may_manage_accounts)
@require_POST
def reset_password(request: HttpRequest, pk: int) -> HttpResponse:
    slip = actions.reset_password(user=_managed(request, pk), by=user_of(request))
    return slips_page(request, [slip])


@allow(may_manage_accounts)
@require_POST
def disable_account(request: HttpRequest, pk: int) -> HttpResponse:
    account = _managed(request, pk)
    actions.disable_account(user=account, reason=request.POST.get("reason", "")[:200], by=user_of(request))
    messages.success(request, f"已停用“{account.name}”的账号。正开着的页面下一步就会被拒绝；要恢复，在本页点“启用”。")
    return redirect("accounts:account", pk)


@allow(may_manage_accounts)
@require_POST
def enable_account(request: HttpRequest, pk: int) -> HttpResponse:
    account = _managed(request, pk)
    actions.enable_account(user=account, by=user_of(request))
    messages.success(request, f"已启用“{account.name}”的账号。密码还是原来的；忘了就重置。")
    return redirect("accounts:account", pk)


@allow(may_manage_accounts)
@require_POST
def unlock_account(request: HttpRequest, pk: int) -> HttpResponse:
    account = _managed(request, pk)
    actions.unlock_account(user=account, by=user_of(request))
    messages.success(request, f"“{account.name}”现在可以登录了。密码没有变。")
    return redirect("accounts:account", pk)


@allow(may_grant_roles)
@require_http_methods(["GET", "POST"])
def revoke_role(request: HttpRequest, pk: int) -> HttpResponse:
    """Take a county-wide role back, with the reason."""
    grant = get_object_or_404(RoleGrant.objects.select_related("user"), pk=pk)
    form = ReasonForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        actions.revoke_role(grant=grant, reason=form.cleaned_data["reason"], by=user_of(request))
        messages.success(
            request, f"已撤销“{grant.user.name}”的{grant.get_role_display()}角色。对方下一步起就没有这些权限。"
        )
        return redirect("accounts:account", grant.user_id)
    return render(request, "accounts/revoke_role.html", {"form": form, "grant": grant})


# --- the audit trail


@allow(may_read_audit)
@require_GET
def audit_trail(request: HttpRequest) -> HttpResponse:
    """The trail, filtered; only the audit administrator reads it. A filter that says nothing sensible finds nothing."""
    form = AuditFilterForm(request.GET)
    found = audit_entries(form.cleaned_data) if form.is_valid() else AuditEntry.objects.none()
    page = Paginator(found, 20).get_page(request.GET.get("page"))
    for entry in page.object_list:
        entry.name = act_name(entry.act)  # type: ignore[attr-defined] # only for the page
    point = AuditCheckpoint.objects.order_by("-seq").first()
    context = {"form": form, "page": page, "checkpoint": point}
    return render(request, "accounts/audit.html", context, status=422 if form.errors else 200)


@allow(may_read_audit)
@require_POST
def verify_trail(request: HttpRequest) -> HttpResponse:
    """Read the whole chain and say whether it holds; that it was asked is itself an entry."""
    verdict = verify_audit()
    audit.record("verify_audit", by=user_of(request), holds=verdict.holds, bad_seq=verdict.bad_seq)
    if verdict.holds:
        messages.success(
            request, f"审计链完好。共核对{verdict.entries}条、{verdict.checkpoints}个签名检查点，没有缺失和改动。"
        )
    else:
        messages.error(
            request,
            f"审计链有问题：第{verdict.bad_seq}条，{verdict.problem}。请马上报告，并保留数据库和备份，先不要改动。",
        )
    return redirect("accounts:audit")
