"""Days that a person types: no form takes one that is a slip of the keyboard."""

import datetime
import importlib
import pkgutil
from collections.abc import Iterator

import pytest
from django import forms
from django.apps import apps
from django.contrib import admin
from django.db import models
from django.utils import timezone

from accounts.desk import DeskAdmin
from config.days import EARLIEST, LONG_PAST, YEARS_AHEAD, DayField

OURS = ("accounts", "office", "cadres", "bases", "batches", "activities", "evaluations", "reports")
DAY = datetime.timedelta(days=1)


def kinds_of(kind: type) -> Iterator[type]:
    for sub in kind.__subclasses__():
        yield sub
        yield from kinds_of(sub)


def test_no_form_has_a_date_that_takes_any_year():
    for app in OURS:
        package = importlib.import_module(app)
        for module in pkgutil.walk_packages(package.__path__, f"{app}."):
            if module.name.split(".")[1] in ("forms", "admin", "views"):
                importlib.import_module(module.name)
    seen = {
        (kind.__module__, kind.__name__, name): field
        for kind in kinds_of(forms.BaseForm) if kind.__module__.split(".")[0] in OURS
        for name, field in kind.base_fields.items() if isinstance(field, forms.DateField)
    }  # fmt: skip
    assert len(seen) > 20
    assert [key for key, field in seen.items() if not isinstance(field, DayField)] == []


def test_no_desk_of_the_admin_site_has_a_date_that_takes_any_year(rf, db):
    fields = [
        (model._meta.label, field.name, desk.formfield_for_dbfield(field, rf.get("/")))
        for model, desk in admin.site._registry.items()
        if isinstance(desk, DeskAdmin) and apps.get_app_config(model._meta.app_label).name in OURS
        for field in model._meta.fields if type(field) is models.DateField
    ]  # fmt: skip
    assert fields
    assert [row[:2] for row in fields if not isinstance(row[2], DayField)] == []


@pytest.mark.parametrize(("text", "taken"), [
    ("9999-12-31", False), ("0001-01-01", False), ("1999-12-31", False), ("2000-01-01", True), ("2062-01-01", False),
])  # fmt: skip
def test_day_of_a_year_nobody_means_is_refused_with_the_years_that_are(text, taken):
    latest = timezone.localdate().year + YEARS_AHEAD
    field = DayField()
    if taken:
        assert field.clean(text) == EARLIEST
        return
    with pytest.raises(forms.ValidationError, match=f"要在 2000-01-01 到 {latest}-12-31 之间。请看看年份有没有写错。"):
        field.clean(text)


def test_recent_day_may_lie_a_year_back_and_no_further():
    field, since = DayField(recent=True), timezone.localdate() - LONG_PAST
    assert field.clean(since.isoformat()) == since
    assert DayField().clean((since - DAY).isoformat()) == since - DAY
    with pytest.raises(forms.ValidationError, match=f"过去太久了。请写 {since} 或以后"):
        field.clean((since - DAY).isoformat())
