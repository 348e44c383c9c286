"""Tags and filters that all pages share: small parts of the look, so that each is written once."""

import datetime
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from django import template
from django.core.paginator import Page
from django.template import RequestContext
from django.utils.html import conditional_escape, format_html
from django.utils.safestring import SafeString, mark_safe

from accounts.encryption import mask_id_number, mask_phone
from office import menu

register = template.Library()

CHIP_ICONS = {
    "ok": "check",
    "warn": "clock",
    "bad": "alert-triangle",
    "info": "loader-2",
    "mute": "circle-dashed",
}
NOTE_ICONS = {"ok": "check", "warn": "alert-triangle", "bad": "alert-triangle", "info": "info-circle"}
MESSAGE_KINDS = {"error": "bad", "warning": "warn", "success": "ok"}
WEEKDAYS = "一二三四五六日"


@register.simple_tag
def icon(name: str) -> SafeString:
    """A Tabler outline icon; decorative, the word beside it carries the meaning."""
    return format_html('<i class="ti ti-{}" aria-hidden="true"></i>', name)


@register.simple_tag
def chip(kind: str, text: Any, icon: str = "") -> SafeString:
    """A state in a word with its icon; `kind` is ok, warn, bad, info or mute."""
    return format_html(
        '<span class="dm-chip dm-chip-{}"><i class="ti ti-{}" aria-hidden="true"></i>{}</span>',
        kind, icon or CHIP_ICONS[kind], text,
    )  # fmt: skip


@register.simple_tag
def parity(value: str) -> SafeString:
    """单 with a solid edge for odd weeks, 双 with a dashed one for even weeks; nothing for neither."""
    if value not in ("odd", "even"):
        return SafeString("")
    word, title = ("单", "单周") if value == "odd" else ("双", "双周")
    return format_html('<span class="dm-parity dm-parity-{}" title="{}">{}</span>', value, title, word)


@register.inclusion_tag("components/pager.html", takes_context=True)
def pager(context: RequestContext, page: Page[Any], parameter: str = "page") -> dict[str, Any]:
    """Foot of a list: 第 x 页 / 共 n 页，共 t 条, and links that keep the filters in the address."""
    query = context["request"].GET.copy()
    query.pop(parameter, None)
    return {
        "page": page,
        "numbers": list(page.paginator.get_elided_page_range(page.number, on_each_side=1, on_ends=1)),
        "before": f"?{query.urlencode()}&{parameter}=" if query else f"?{parameter}=",
    }


@register.inclusion_tag("components/empty.html")
def empty(icon: str, title: str, text: str = "", url: str = "", label: str = "") -> dict[str, Any]:
    """What is missing, why and until when, and the one act that fills it."""
    return {"icon": icon, "title": title, "text": text, "url": url, "label": label}


@register.simple_tag
def meter(value: float | Decimal | None, total: float | Decimal | None, label: str = "") -> SafeString:
    """A bar of `value` out of `total`; without a label it says both numbers to those who cannot see it."""
    most = total or 0
    filled = min(max(value or 0, 0), most)
    return format_html(
        '<progress class="dm-meter" max="{}" value="{}" aria-label="{}"></progress>',
        most or 1, filled, label or f"{value or 0}／{most}",
    )  # fmt: skip


@register.simple_block_tag(takes_context=True)
def confirm(
    context: RequestContext,
    content: str,
    id: str,
    *,
    title: str,
    action: str,
    keep: str,
    do: str,
    reason: str = "",
    danger: bool = False,
    revision: int | None = None,
) -> SafeString:
    """A question with its consequences before an act that cannot simply be undone.

    The block holds the consequences as `<li>` lines; `reason` is the label of a field `reason` that must be filled; `keep`
    and `do` are the words on the two buttons; `revision` goes along in a field of that name, so that the act can tell
    whether things are still as the page shows them. A button `data-dialog="<id>"` opens it.
    """
    found = context.template.engine.get_template("components/confirm.html")  # type: ignore[union-attr] # while rendering
    values = {
        "id": id, "title": title, "action": action, "keep": keep, "do": do, "reason": reason, "danger": danger,
        "revision": revision, "consequences": content if content.strip() else "", "csrf_token": context.get("csrf_token", ""),
    }  # fmt: skip
    return found.render(template.Context(values))


@register.simple_tag
def days(first: datetime.date | None, last: datetime.date | None = None) -> str:
    """10-23 至 10-25; one day alone when both are the same or the last is missing."""
    if first is None:
        return ""
    return month_day(first) if last in (None, first) else f"{month_day(first)} 至 {month_day(last)}"


@register.filter
def month_day(day: datetime.date | None) -> str:
    """10-23"""
    return f"{day:%m-%d}" if day else ""


@register.filter
def cn_date(day: datetime.date | None) -> str:
    """2026年3月5日, for documents."""
    return f"{day.year}年{day.month}月{day.day}日" if day else ""


@register.filter
def weekday(day: datetime.date | None) -> str:
    """周五"""
    return f"周{WEEKDAYS[day.weekday()]}" if day else ""


@register.filter
def masked_id(text: str | None) -> str:
    """990101********0011"""
    return mask_id_number(text or "")


@register.filter
def masked_phone(text: str | None) -> str:
    """138****0000"""
    return mask_phone(text or "")


@register.filter
def thousands(number: float | Decimal | None) -> str:
    """3,684"""
    return "" if number is None else f"{number:,}"


@register.filter
def yuan(amount: Decimal | float | None) -> str:
    """44,540.00"""
    return "" if amount is None else f"{amount:,.2f}"


@register.filter
def what_next(message: Any) -> SafeString:
    """发生了什么。 in bold, the next step after it as it is."""
    text = str(conditional_escape(getattr(message, "message", message)))  # a message may hold a link of the desk
    head, stop, rest = text.partition("。")
    # Both halves come out of conditional_escape, so nothing unescaped is marked.
    return mark_safe(f"<strong>{head}{stop}</strong>{rest}")  # noqa: S308 # escaped above


@register.filter
def note_kind(message: Any) -> str:
    """ok, warn, bad or info for a message of django.contrib.messages."""
    return MESSAGE_KINDS.get(getattr(message, "level_tag", ""), "info")


@register.filter
def note_icon(kind: str) -> str:
    return NOTE_ICONS[kind]


@register.simple_tag(takes_context=True)
def sections(context: RequestContext) -> list[menu.Link]:
    """The sections of the top bar for whoever looks at the page."""
    request = context.get("request")
    return menu.sections(request) if request is not None and hasattr(request, "user") else []


@register.simple_tag(takes_context=True)
def section(context: RequestContext) -> str:
    """Key of the section this page belongs to."""
    request = context.get("request")
    return menu.section_of(request) if request is not None else ""


@register.simple_tag(takes_context=True)
def page_url(context: RequestContext, *names: str) -> str:
    """Address of the first of these pages that exists and that this person may open, else nothing."""
    user = context.get("user")
    return next(filter(None, (menu.address(name, user) for name in names)), "")


@register.simple_tag(takes_context=True)
def phone_tabs(context: RequestContext) -> list[menu.Link]:
    """Tabs of a phone page; the context's `tab` is the current one."""
    user = context.get("user")
    return menu.tabs(user, str(context.get("tab", ""))) if user is not None and user.is_authenticated else []


@register.filter
def role_label(user: Any) -> str:
    """服务中心, 县领导 or nothing."""
    return menu.role_label(user)


@register.filter
def field_errors(form: Any) -> list[Any]:
    """The visible fields of a form that have something to mend."""
    fields: Iterable[Any] = form.visible_fields()
    return [field for field in fields if field.errors]
