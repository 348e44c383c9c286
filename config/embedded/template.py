"""A migrated, empty database that test databases are copied from: migrating takes most of a minute, copying a second."""

import fcntl
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psycopg2
from psycopg2 import sql

from config.embedded.preparation import MANAGE, migrations_fingerprint
from config.embedded.problem import ServiceError
from config.embedded.processes import HOME

PREFIX = "dunmiao_template_"


def migrated_template(environment: Mapping[str, str]) -> str:
    """Return the name of a database with the present migrations applied, making it if it is missing.

    Its name holds a hash of the migrations, so a change of them makes another; those of earlier ones are dropped. The
    owner's role must be allowed to create databases.
    """
    owner = environment.get("DATABASE_OWNER_URL") or environment["DATABASE_URL"]
    name = PREFIX + migrations_fingerprint()[:16]
    with open(Path(environment["DATA_DIR"], "template.lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        connection = psycopg2.connect(owner)
        connection.autocommit = True
        try:
            with connection.cursor() as cursor:
                known = _templates(cursor)
                if name not in known:
                    _make(cursor, name, owner, environment)
                    _drop_unused(cursor, known)
        finally:
            connection.close()
    return name


def _templates(cursor: Any) -> list[str]:
    cursor.execute("SELECT datname FROM pg_database WHERE starts_with(datname, %s)", [PREFIX])
    return [name for (name,) in cursor.fetchall()]


def _make(cursor: Any, name: str, owner: str, environment: Mapping[str, str]) -> None:
    # Renamed when whole: an interrupted run must not leave half a schema under the name.
    draft = f"{name}_new"
    cursor.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(draft)))
    cursor.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(draft)))
    done = subprocess.run(
        [*MANAGE, "migrate", "--verbosity=0"],
        cwd=HOME,
        env=os.environ | dict(environment) | {"DATABASE_OWNER_URL": _at(owner, draft), "DATABASE_AS_OWNER": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        raise ServiceError(f"The migrations do not run on an empty database:\n{done.stdout}")
    cursor.execute(sql.SQL("ALTER DATABASE {} RENAME TO {}").format(sql.Identifier(draft), sql.Identifier(name)))


def _drop_unused(cursor: Any, known: list[str]) -> None:
    for name in known:
        try:
            cursor.execute(sql.SQL("DROP DATABASE IF EXISTS {}").format(sql.Identifier(name)))
        except psycopg2.errors.ObjectInUse:
            # Somebody is copying it this moment; it goes the next time.
            continue


def _at(address: str, database: str) -> str:
    return urlunsplit(urlsplit(address)._replace(path=f"/{database}"))
