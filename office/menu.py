"""What the top bar and the tabs of phone pages offer: pages that exist and that this person may open.

A page is named by its URL; whether somebody may open it is asked of the policy on its view, so the menu cannot promise
a page that then refuses.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import rules
from django.conf import settings
from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest
from django.urls import NoReverseMatch, get_urlconf, resolve, reverse

from accounts.desk import DeskAdmin
from accounts.models import Role, User
from accounts.rules import is_centre_staff


@dataclass(frozen=True)
class Page:
    """One place to go to. `names` are URL names without arguments; the first that this person may open counts."""

    key: str
    label: str
    icon: str
    names: tuple[str, ...]


@dataclass(frozen=True)
class Link:
    """A page as one person sees it."""

    key: str
    label: str
    icon: str
    url: str
    current: bool


COURSE = ("cadres", "bases", "batches", "activities", "evaluations", "reports")
"""The programme's course, in its order: the six sections of the service centre."""

SECTIONS = (
    Page("cadres", "干部", "users", ("admin:cadres", "cadres:imports")),
    Page("bases", "基地", "home-heart", ("admin:bases", "bases:overview")),
    Page("batches", "期班", "calendar-event", ("admin:batches", "batches:list")),
    Page("activities", "纪实", "notebook", ("admin:activities", "activities:classes")),
    Page("evaluations", "评审", "scale", ("admin:evaluations", "evaluations:list")),
    Page("reports", "报表", "chart-bar", ("reports:dashboard",)),
)
"""A section is the admin site's page of the app, which offers its pages and its registers; else its first page."""

OWN = (
    Page("reports", "看板", "chart-bar", ("reports:dashboard",)),
    Page("cadres:unit", "本单位", "building-community", ("cadres:unit",)),
    Page("cadres:unavailability", "不能参加的时间", "calendar-off", ("cadres:unavailability",)),
    Page("cadres:me", "我的信息", "id", ("cadres:me",)),
    Page("bases", "基地", "home-heart", ("bases:overview",)),
    Page("batches", "期班", "calendar-event", ("batches:list",)),
    Page("activities", "纪实", "notebook", ("activities:classes",)),
    Page("activities:now", "本次集中", "calendar-event", ("activities:now",)),
    Page("activities:me", "我的安排", "calendar-check", ("activities:me",)),
    Page("activities:reflection", "心得", "pencil", ("activities:reflection",)),
    Page("evaluations", "评审", "scale", ("evaluations:list",)),
)
"""What people outside the centre may find beside their home page."""

DESK = (
    Page("accounts", "账号", "user-circle", ("admin:accounts",)),
    Page("accounts:audit", "审计记录", "shield-check", ("accounts:audit",)),
    Page("office", "日历与任务", "calendar-event", ("admin:office",)),
)
"""The administrators' part of the admin site, and the auditor's one page."""

TABS = (
    Page("home", "首页", "home", ("reports:home",)),
    Page("gathering", "本次集中", "calendar-event", ("activities:now",)),
    Page("me", "我的安排", "calendar-check", ("activities:me",)),
    Page("reflection", "心得", "notebook", ("activities:reflection",)),
    Page("evaluations", "评审", "scale", ("evaluations:list",)),
)
"""Tabs at the foot of phone pages; a page names its own in the context's `tab`."""

MOST_TABS = 4

PAGES: dict[str, tuple[Page, ...]] = {
    "cadres": (
        Page("cadres:imports", "名册导入", "upload", ("cadres:imports",)),
        Page("cadres:unavailability", "不能参加的时间", "calendar-off", ("cadres:unavailability",)),
    ),
    "bases": (
        Page("bases:overview", "基地总览", "home-heart", ("bases:overview",)),
        Page("bases:households", "农户", "users", ("bases:households",)),
        Page("bases:rates", "食宿标准", "coin-yuan", ("bases:rates",)),
        Page("bases:import", "基地导入", "upload", ("bases:import",)),
    ),
    "batches": (
        Page("batches:list", "各期", "calendar-event", ("batches:list",)),
        Page("batches:programme", "规则与参数", "adjustments", ("batches:programme",)),
        Page("batches:countdown", "全覆盖倒计时", "clock", ("batches:countdown",)),
        Page("batches:outlook", "规则推演", "calculator", ("batches:outlook",)),
    ),
    "activities": (Page("activities:classes", "五个一进度", "notebook", ("activities:classes",)),),
    "evaluations": (
        Page("evaluations:list", "评审批次", "scale", ("evaluations:list",)),
        Page("evaluations:rubrics", "评分表", "checklist", ("evaluations:rubrics",)),
    ),
    "accounts": (
        Page("accounts:create_accounts", "发账号", "user-plus", ("accounts:create_accounts",)),
        Page("accounts:audit", "审计记录", "shield-check", ("accounts:audit",)),
    ),
    "office": (
        Page("office:jobs", "任务记录", "loader-2", ("office:jobs",)),
        Page("office:burdens", "减负自查表", "checklist", ("office:burdens",)),
    ),
}
"""Pages of a section beside its registers, shown first in the admin site's sidebar."""


@lru_cache(maxsize=256)
def _found(name: str, urlconf: str) -> tuple[str, rules.Predicate | None, bool] | None:
    """Address of a URL name, the predicate on its view, and whether it belongs to the admin site."""
    try:
        if name.startswith("admin:") and name != "admin:index":
            url = reverse("admin:app_list", urlconf, kwargs={"app_label": name.removeprefix("admin:")})
        else:
            url = reverse(name, urlconf)
    except NoReverseMatch:
        return None
    policy = getattr(resolve(url, urlconf).func, "policy", None)
    return url, policy.predicate if policy else None, name.startswith("admin:")


def _desk_offers(section: str, user: Any) -> bool:
    """Whether the admin site has something for this person there: the page of an app without a register is not found."""
    if not getattr(user, "is_staff", False):
        return False
    offered = (desk for model, desk in admin.site._registry.items() if model._meta.app_label == section)
    return section == "index" or any(desk.may_view.test(user) for desk in offered if isinstance(desk, DeskAdmin))


def address(name: str, user: Any) -> str:
    """Address of the page if it exists and this person may open it, else the empty text."""
    found = _found(name, get_urlconf() or settings.ROOT_URLCONF)
    if found is None:
        return ""
    url, predicate, desk = found
    if desk:
        return url if _desk_offers(name.removeprefix("admin:"), user) else ""
    return url if predicate is None or predicate.test(user) else ""


def register(model: type[Model], user: Any) -> str:
    """Address of the admin site's list of a model if this person may see it, else the empty text."""
    desk = admin.site._registry.get(model)
    if not getattr(user, "is_staff", False) or not isinstance(desk, DeskAdmin) or not desk.may_view.test(user):
        return ""
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")


def _links(pages: tuple[Page, ...], user: User, *current: str) -> list[Link]:
    found = []
    for page in pages:
        url = next(filter(None, (address(name, user) for name in page.names)), "")
        if url:
            found.append(Link(page.key, page.label, page.icon, url, page.key in current))
    return found


def section_of(request: HttpRequest) -> str:
    """The section a request belongs to: `home`, an app's label, or the empty text."""
    match = request.resolver_match
    if match is None:
        return ""
    if match.app_name == "admin":
        return str(match.kwargs.get("app_label") or request.path.removeprefix(reverse("admin:index")).split("/")[0])
    return "home" if match.view_name == "reports:home" else match.app_name


def sections(request: HttpRequest) -> list[Link]:
    """The sections of the top bar for whoever asks: six for the centre, their own for everybody else."""
    user: Any = request.user
    if not user.is_authenticated:
        return []
    match = request.resolver_match
    current = (section_of(request), match.view_name if match else "")
    if is_centre_staff.test(user):
        return _links(SECTIONS, user, *current)
    return _links(OWN + DESK, user, *current) if user.is_staff else _links(OWN, user, *current)


def pages_of(section: str, request: HttpRequest) -> list[Link]:
    """The pages of a section that stand beside its models, for whoever asks."""
    match = request.resolver_match
    return _links(PAGES.get(section, ()), request.user, match.view_name if match else "")  # type: ignore[arg-type] # signed in: the admin site


def tabs(user: Any, current: str) -> list[Link]:
    """Tabs of phone pages for this person; `current` is the key of the one shown."""
    return _links(TABS, user, current)[:MOST_TABS]


def role_label(user: User) -> str:
    """The word before somebody's name in the top bar: the county-wide role, if any."""
    words = {Role.CENTRE: "服务中心", Role.LEADER: "县领导"}
    for role in Role:
        if role in user.county_roles:
            return str(words.get(role, role.label))
    return ""
