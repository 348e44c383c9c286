"""Database rights of the web role, given anew after every migration (invariant 11).

The web role owns nothing and truncates nothing. Tables whose rows are never changed or taken away say so with
`web_rights` on the model; row history may only be added to.
"""

from typing import Any

import pghistory.models
from django.apps import AppConfig
from django.conf import settings
from django.db import connections, models

ORDINARY = "SELECT, INSERT, UPDATE, DELETE"
APPEND_ONLY = "SELECT, INSERT"


def rights_of(model: type[models.Model]) -> str:
    """What the web role may do with a model's table."""
    if issubclass(model, pghistory.models.Event):
        return APPEND_ONLY
    rights: str = getattr(model, "web_rights", ORDINARY)
    return rights


def grant_web_role(sender: AppConfig, using: str, **_: Any) -> None:
    """`post_migrate` of each app: rights on the app's tables, and on the schema."""
    role = settings.DATABASE_WEB_ROLE
    if not role:
        return
    connection = connections[using]
    quote = connection.ops.quote_name
    with connection.cursor() as cursor:
        cursor.execute(f"GRANT USAGE ON SCHEMA public TO {quote(role)}")
        existing = set(connection.introspection.table_names(cursor))
        for model in sender.get_models(include_auto_created=True):
            table = model._meta.db_table
            if table not in existing or not model._meta.managed:
                continue
            cursor.execute(f"REVOKE ALL ON {quote(table)} FROM {quote(role)}")
            cursor.execute(f"GRANT {rights_of(model)} ON {quote(table)} TO {quote(role)}")
        if "django_migrations" in existing:
            cursor.execute(f"GRANT SELECT ON django_migrations TO {quote(role)}")
