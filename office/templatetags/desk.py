"""Tags of the admin site's templates: the sidebar of a section, numbered rows, filters in force, versions of a row."""

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django import template
from django.contrib import admin
from django.contrib.admin.views.main import PAGE_VAR, ChangeList
from django.core.exceptions import FieldDoesNotExist
from django.db.models import Field, ForeignKey, Model
from django.db.models.options import Options
from django.template import RequestContext

from accounts.encryption import BlindIndexField, EncryptedTextField
from accounts.models import User
from office import menu

register = template.Library()

DEFAULT_GROUP = "资料"
LABELS = {"insert": "新增", "update": "改动", "delete": "删除"}


@dataclass(frozen=True)
class Group:
    """Some entries of the sidebar under one heading."""

    name: str
    entries: list[menu.Link]


@register.simple_tag(takes_context=True)
def desk_groups(context: RequestContext, available_apps: list[dict[str, Any]]) -> list[Group]:
    """Pages and models of the section the page belongs to, grouped by each ModelAdmin's `desk_group`."""
    request = context["request"]
    current = menu.section_of(request)
    groups: dict[str, list[menu.Link]] = defaultdict(list)
    pages = menu.pages_of(current, request)
    if pages:
        groups["办理"] = pages
    for app in available_apps:
        if app["app_label"] != current:
            continue
        for model in app["models"]:
            registered = admin.site._registry.get(model["model"])
            name = getattr(registered, "desk_group", DEFAULT_GROUP)
            url = model["admin_url"]
            if url:
                here = request.path.startswith(url)
                groups[name].append(menu.Link(model["object_name"], str(model["name"]), "", url, here))
    return [Group(name, entries) for name, entries in groups.items()]


@register.filter
def list_title(cl: ChangeList) -> str:
    """干部名册 where the ModelAdmin says so (`list_title`), else the model's name."""
    return str(getattr(cl.model_admin, "list_title", "") or cl.opts.verbose_name_plural)


@register.simple_tag
def serial(cl: ChangeList, index: int) -> int:
    """序号 of a row, going on from page to page."""
    return (cl.page_num - 1) * cl.list_per_page + index + 1


@register.simple_tag
def desk_page(cl: ChangeList, number: int) -> str:
    """Address of a page of the list, with its search and filters."""
    return str(cl.get_query_string({PAGE_VAR: number}))


@register.simple_tag
def filters_in_force(cl: ChangeList) -> list[dict[str, Any]]:
    """What the list is narrowed to, each with the address that lifts it."""
    found = []
    for spec in cl.filter_specs:
        choices = list(spec.choices(cl))
        chosen = [choice for choice in choices[1:] if choice.get("selected")]
        if chosen and not choices[0].get("selected"):
            found.append({"title": spec.title, "value": chosen[0]["display"], "url": choices[0]["query_string"]})
    return found


@dataclass
class Version:
    """One version of a row: when, who, what and why."""

    at: datetime
    what: str
    who: str
    reason: str
    changes: list[tuple[str, str, str]] = field(default_factory=list)


@register.simple_tag
def row_versions(events: Any, opts: "Options[Any]") -> list[Version]:
    """The versions of a row in plain words; encrypted values are not shown, only that they changed."""
    events = list(events)
    contexts = [event.pgh_context or {} for event in events]
    names = User.objects.in_bulk({each["user"] for each in contexts if each.get("user")})
    labels = _foreign_labels(events, opts)
    found = []
    for event, context in zip(events, contexts, strict=True):
        who = names.get(context.get("user"))
        version = Version(
            at=event.pgh_created_at,
            what=LABELS.get(event.pgh_label, event.pgh_label),
            who=who.name if who else "系统",
            reason=context.get("reason") or "",
        )
        for name, (old, new) in (event.pgh_diff or {}).items():
            column = _field(opts, name)
            if column is None or isinstance(column, BlindIndexField):
                continue
            shown = [_shown(column, value, labels) for value in (old, new)]
            version.changes.append((str(column.verbose_name), shown[0], shown[1]))
        found.append(version)
    return found


def _field(opts: "Options[Any]", name: str) -> Any:
    try:
        return opts.get_field(name)
    except FieldDoesNotExist:
        return next((each for each in opts.fields if each.attname == name), None)


def _foreign_labels(events: list[Any], opts: "Options[Any]") -> dict[tuple[type[Model], Any], str]:
    """Labels of the rows that the changes name, one query for each model."""
    wanted: dict[type[Model], set[Any]] = defaultdict(set)
    for event in events:
        for name, pair in (event.pgh_diff or {}).items():
            column = _field(opts, name)
            if isinstance(column, ForeignKey):
                wanted[column.related_model].update(value for value in pair if value is not None)
    return {
        (model, key): str(row)
        for model, keys in wanted.items()
        for key, row in model._default_manager.in_bulk(keys).items()
    }


def _shown(column: "Field[Any, Any]", value: Any, labels: dict[tuple[type[Model], Any], str]) -> str:
    if value is None or value == "":
        return "空"
    if isinstance(column, EncryptedTextField):
        return "（加密，不显示）"
    if isinstance(column, ForeignKey):
        return labels.get((column.related_model, value), f"编号{value}")
    if isinstance(value, bool):
        return "是" if value else "否"
    return str(dict(column.flatchoices).get(value, value))
