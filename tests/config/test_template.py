"""The migrated database that test databases are copies of."""

import os

import pytest
from django.conf import settings
from django.db import connection

from config.embedded import template


@pytest.fixture
def environment() -> dict[str, str]:
    return os.environ | {"DATA_DIR": str(settings.DATA_DIR)}


@pytest.mark.django_db
def test_test_database_is_a_copy_and_nothing_is_migrated_twice(environment, monkeypatch):
    monkeypatch.setattr(template, "_make", lambda *_: pytest.fail("made although it exists"))
    assert connection.settings_dict["TEST"]["TEMPLATE"] == template.migrated_template(environment)
    with connection.cursor() as cursor:
        cursor.execute("SELECT DISTINCT app FROM django_migrations")
        assert {app for (app,) in cursor.fetchall()} >= {"accounts", "office", "cadres", "bases", "batches", "sessions"}


def test_template_of_changed_migrations_is_another(environment, monkeypatch):
    made, dropped = [], []
    present = template.migrated_template(environment)
    monkeypatch.setattr(template, "migrations_fingerprint", lambda: "0" * 64)
    monkeypatch.setattr(template, "_make", lambda cursor, name, *_: made.append(name))
    monkeypatch.setattr(template, "_drop_unused", lambda cursor, known: dropped.extend(known))
    assert template.migrated_template(environment) == "dunmiao_template_0000000000000000"
    assert made == ["dunmiao_template_0000000000000000"]
    assert present in dropped
