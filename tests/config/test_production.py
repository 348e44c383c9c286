"""Production: what the settings refuse, and what compose.yaml puts where."""

import os
import re
import runpy
import subprocess
import sys

import pytest
import yaml
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import ProgrammingError, connection, transaction
from django.db.backends.postgresql.client import DatabaseClient

from config.embedded.processes import HOME

SECRETS = {
    "SECRET_KEY": "a" * 64,
    "FIELD_KEYS": "k1:" + "A" * 43 + "=",
    "INDEX_KEY": "B" * 43 + "=",
    "CHECKPOINT_KEY": "C" * 43 + "=",
    "DATABASE_URL": "postgresql://dunmiao_web:x@db/dunmiao",
    "REDIS_URL": "redis://redis/0",
}


@pytest.fixture
def load_settings(monkeypatch):
    """Loads the settings anew with exactly the given environment and returns their values."""

    def load(environment: dict[str, str]) -> dict[str, object]:
        monkeypatch.setattr(os, "environ", {"PATH": os.environ["PATH"]} | environment)
        monkeypatch.setattr("environ.Env.ENVIRON", os.environ)
        return runpy.run_path(str(HOME / "config" / "settings.py"))

    return load


def test_settings_load_with_every_secret_and_demand_tls(load_settings):
    loaded = load_settings(SECRETS | {"DEMO_ACCOUNTS": "1"})
    names = ("DEBUG", "DEMO_ACCOUNTS", "SECURE_SSL_REDIRECT", "SESSION_COOKIE_SECURE", "CSRF_COOKIE_SECURE")
    assert [loaded[name] for name in names] == [False, False, True, True, True]


def test_psql_is_led_to_the_socket_and_keeps_the_other_options(load_settings):
    """`dbshell` reads the host alone; Django's own connections would also take it from the options."""
    database = load_settings(SECRETS | {
        "DATABASE_URL": "postgresql://web:x@/dunmiao?host=/tmp/dunmiao-Ab1&sslmode=prefer",
        "DATABASE_OWNER_URL": "postgresql://owner:y@/dunmiao?host=/tmp/dunmiao-Ab1", "DATABASE_AS_OWNER": "1",
    })["DATABASES"]["default"]  # fmt: skip
    assert DatabaseClient.settings_to_cmd_args_env(database | {"OPTIONS": {}}, []) == (
        ["psql", "-U", "owner", "-h", "/tmp/dunmiao-Ab1", "dunmiao"], {"PGPASSWORD": "y"},
    )  # fmt: skip
    database = load_settings(SECRETS | {"DATABASE_URL": "postgresql://web:x@db:6432/dunmiao?sslmode=prefer"})
    default = database["DATABASES"]["default"]
    assert (default["HOST"], default["PORT"], default["OPTIONS"]) == ("db", 6432, {"sslmode": "prefer"})


@pytest.mark.parametrize("name", SECRETS)
@pytest.mark.parametrize("value", [None, ""])
def test_settings_refuse_to_load_without_a_secret(load_settings, name, value):
    environment = {key: each for key, each in SECRETS.items() if key != name}
    with pytest.raises(ImproperlyConfigured, match=f"缺少环境变量 {name}："):
        load_settings(environment if value is None else environment | {name: value})


def test_settings_refuse_debug_in_production(load_settings):
    with pytest.raises(ImproperlyConfigured, match="DEBUG"):
        load_settings(SECRETS | {"DEBUG": "1"})
    # The negative control: it is production that refuses, not the word.
    assert load_settings(SECRETS | {"DEBUG": "1", "EMBEDDED": "1"})["DEBUG"] is True


@pytest.mark.parametrize(("wrong", "said"), [({"INDEX_KEY": ""}, "INDEX_KEY"), ({"DEBUG": "1"}, "DEBUG")])
def test_web_server_does_not_start_with_wrong_settings(wrong, said):
    done = subprocess.run(
        [sys.executable, "-m", "gunicorn", "--check-config", "config.wsgi"],
        cwd=HOME,
        env={"PATH": os.environ["PATH"]} | SECRETS | wrong,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    assert said in done.stderr


@pytest.mark.django_db
def test_web_role_owns_no_table_and_may_empty_none():
    web = settings.DATABASE_WEB_ROLE
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT c.relname, pg_get_userbyid(c.relowner) = %s, has_table_privilege(%s, c.oid, 'TRUNCATE'),
                      has_table_privilege(%s, c.oid, 'SELECT')
               FROM pg_class c WHERE c.relkind IN ('r', 'p') AND c.relnamespace = 'public'::regnamespace""",
            [web, web, web],
        )
        tables = cursor.fetchall()
    assert len(tables) > 20
    assert [name for name, owns, empties, _ in tables if owns or empties] == []
    assert [name for name, _, _, reads in tables if not reads] == []


@pytest.mark.django_db
def test_web_role_is_refused_truncate_by_the_database_itself():
    with connection.cursor() as cursor:
        cursor.execute(f'SET LOCAL ROLE "{settings.DATABASE_WEB_ROLE}"')
        with pytest.raises(ProgrammingError, match="permission denied"), transaction.atomic():
            cursor.execute("TRUNCATE django_session")
        cursor.execute("SELECT count(*) FROM django_session")


@pytest.fixture(scope="module")
def compose() -> dict:
    return yaml.safe_load((HOME / "compose.yaml").read_text(encoding="utf-8"))


def test_compose_has_the_services_and_opens_only_nginx(compose):
    services = compose["services"]
    assert set(services) == {"nginx", "web", "worker", "beat", "migrate", "db", "redis"}
    assert [name for name, each in services.items() if each.get("ports")] == ["nginx"]
    assert [name for name, each in services.items() if "outside" in each["networks"]] == ["nginx"]
    assert compose["networks"]["inside"] == {"internal": True}


def test_compose_gives_the_owners_password_to_migration_alone(compose):
    services = compose["services"]
    told = {name for name, each in services.items() if "DB_OWNER_PASSWORD" in str(each.get("environment"))}
    assert told == {"migrate", "db"}
    assert services["migrate"]["restart"] == "no"
    for name in ("web", "worker", "beat"):
        assert "dunmiao_web" in services[name]["environment"]["DATABASE_URL"]
        assert services[name]["depends_on"]["migrate"] == {"condition": "service_completed_successfully"}
        assert not {"DEBUG", "EMBEDDED", "DEMO_ACCOUNTS"} & set(services[name]["environment"])


def test_compose_stops_at_a_missing_value_and_the_example_names_them_all(compose):
    text = (HOME / "compose.yaml").read_text(encoding="utf-8")
    mentioned = set(re.findall(r"\$\{(\w+)", text))
    assert mentioned == set(re.findall(r"\$\{(\w+):\?[^}]+\}", text))
    assert mentioned == set(re.findall(r"^(\w+)=$", (HOME / "deploy" / "env.example").read_text(), re.MULTILINE))
    assert set(SECRETS) <= set(compose["services"]["web"]["environment"])


def test_compose_keeps_redis_on_disk_and_throws_nothing_away(compose):
    command = compose["services"]["redis"]["command"]
    pairs = dict(zip(command[1::2], command[2::2], strict=True))
    assert (pairs["--appendonly"], pairs["--maxmemory-policy"]) == ("yes", "noeviction")


def test_nginx_speaks_tls_only_and_overwrites_what_the_application_trusts():
    text = (HOME / "deploy" / "nginx" / "dunmiao.conf.template").read_text()
    plain, unknown, ours = text.split("server {")[1:]
    assert "return 301 https://" in plain
    assert "proxy_pass" not in plain + unknown
    assert "listen 443 ssl;" in ours
    for header in ("X-Forwarded-For $remote_addr", "X-Forwarded-Proto https", "Host $host"):
        assert f"proxy_set_header {header};" in ours
