"""The embedded PostgreSQL and Redis, each test on servers of its own."""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import psycopg2
import pytest
import redis

from config.embedded import ServiceError, services
from config.embedded.keys import load_secrets
from config.embedded.places import find_places
from config.embedded.postgres import EmbeddedPostgres
from config.embedded.processes import HOME


def ask(address: str, statement: str):
    """One statement in a session of its own: its first row, if it has any."""
    connection = psycopg2.connect(address)
    try:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(statement)
            return cursor.fetchone() if cursor.description else None
    finally:
        connection.close()


def is_up(address: str) -> bool:
    try:
        return ask(address, "SELECT 1") == (1,)
    except psycopg2.OperationalError:
        return False


def test_services_side_by_side_know_nothing_of_each_other(make_var):
    with services(make_var("one")) as one, services(make_var("two")) as two:
        ask(one["DATABASE_OWNER_URL"], "CREATE TABLE only_in_one (n int)")
        assert ask(two["DATABASE_OWNER_URL"], "SELECT to_regclass('only_in_one') IS NULL") == (True,)
        with redis.from_url(one["CACHE_URL"]) as first, redis.from_url(two["CACHE_URL"]) as second:
            first.set("mark", "one")
            assert second.get("mark") is None
        assert {one[key] == two[key] for key in ("SECRET_KEY", "FIELD_KEYS", "INDEX_KEY", "CHECKPOINT_KEY")} == {False}


def test_services_end_with_their_last_user_and_keep_data(var):
    with services(var) as first:
        ask(first["DATABASE_OWNER_URL"], "CREATE TABLE kept (n int)")
        with services(var) as second:
            assert second == first
        assert is_up(first["DATABASE_URL"])
    assert not is_up(first["DATABASE_URL"])
    with services(var) as again:
        assert ask(again["DATABASE_URL"], "SELECT count(*) FROM kept") == (0,)
        assert again["FIELD_KEYS"] == first["FIELD_KEYS"]


def test_database_starts_again_after_a_kill_with_everything_committed(var):
    with services(var) as environment:
        ask(environment["DATABASE_OWNER_URL"], "CREATE TABLE kept (n int)")
        ask(environment["DATABASE_URL"], "INSERT INTO kept VALUES (1)")
        pid = int((find_places(var).data / "postmaster.pid").read_text().split()[0])
        os.kill(pid, signal.SIGKILL)
        with services(var) as again:
            assert ask(again["DATABASE_URL"], "SELECT n FROM kept") == (1,)


def test_web_role_reads_and_writes_rows_but_owns_and_empties_nothing(var):
    with services(var) as environment:
        web, owner = environment["DATABASE_URL"], environment["DATABASE_OWNER_URL"]
        ask(owner, "CREATE TABLE facts (id serial PRIMARY KEY, n int)")
        ask(web, "INSERT INTO facts (n) VALUES (1)")
        assert ask(web, "UPDATE facts SET n = 2 RETURNING n") == (2,)
        for refused in (
            "TRUNCATE facts",
            "DROP TABLE facts",
            "ALTER TABLE facts ADD c int",
            "CREATE TABLE mine (n int)",
        ):
            with pytest.raises(psycopg2.errors.InsufficientPrivilege):
                ask(web, refused)
        assert ask(owner, "SET ROLE dunmiao_web; SELECT current_user::text") == ("dunmiao_web",)
        # The negative control: the owner may, so it is the role that was refused.
        ask(owner, "TRUNCATE facts")
        assert ask(web, "SELECT count(*) FROM facts") == (0,)


def test_a_database_made_by_the_owner_has_the_extensions_and_searches_chinese(var):
    with services(var) as environment:
        owner = environment["DATABASE_OWNER_URL"]
        ask(owner, "CREATE DATABASE another")
        another = owner.replace("/dunmiao?", "/another?")
        assert ask(another, "SELECT count(*) FROM pg_extension WHERE extname IN ('btree_gist', 'pg_trgm')") == (2,)
        assert ask(another, "SELECT similarity('墩苗计划', '墩苗计划书') > 0.5") == (True,)


def test_database_shell_finds_the_server_and_a_psql_where_the_machine_has_none(var, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with services(var) as environment:
        done = subprocess.run(
            [sys.executable, "manage.py", "dbshell", "--", "-Atc", "SELECT current_user, current_database()"],
            cwd=HOME, env=os.environ | environment | {"DATABASE_AS_OWNER": "0"}, capture_output=True, text=True, check=False,
        )  # fmt: skip
    assert (done.stdout, done.stderr, done.returncode) == ("dunmiao_web|dunmiao\n", "", 0)


def test_services_leave_real_servers_alone(var, monkeypatch):
    monkeypatch.setenv("DATABASE_URL", "postgresql://someone@db.example.org/county")
    monkeypatch.setenv("REDIS_URL", "redis://redis.example.org/0")
    with services(var) as environment:
        assert environment["DATABASE_URL"] == "postgresql://someone@db.example.org/county"
        assert environment["REDIS_URL"] == environment["CACHE_URL"] == "redis://redis.example.org/0"
        # Accounts with printed passwords exist on the embedded database only.
        assert environment["DEMO_ACCOUNTS"] == "0"
        assert not (var / "places.json").exists()


def test_services_say_in_one_line_that_a_folder_cannot_be_used(make_var):
    var = make_var("checkout")
    var.parent.mkdir(parents=True)
    var.write_text("a file where the folder should be")
    with pytest.raises(ServiceError, match=r"^Cannot write in .*DATA_DIR[^\n]*$"), services(var):
        pass


def test_data_of_another_postgresql_are_refused_with_both_versions(var):
    places = find_places(var)
    secrets = load_secrets(var, data_exists=False)
    places.data.mkdir()
    (places.data / "PG_VERSION").write_text("9\n")
    with pytest.raises(ServiceError, match=r"was made by PostgreSQL 9, the programs are \d+"):
        EmbeddedPostgres(places, secrets).start()


def test_missing_secrets_are_not_made_anew_beside_stored_data(var):
    find_places(var)
    first = load_secrets(var, data_exists=False)
    assert (var / "secrets.env").stat().st_mode & 0o777 == 0o600
    assert load_secrets(var, data_exists=True) == first
    (var / "secrets.env").unlink()
    with pytest.raises(ServiceError, match="put it back"):
        load_secrets(var, data_exists=True)


def test_a_copied_checkout_does_not_share_folders_with_the_original(make_var):
    original, copy = make_var("original"), make_var("copy")
    first = find_places(original)
    copy.mkdir(parents=True)
    shutil.copy(original / "places.json", copy / "places.json")
    second = find_places(copy)
    assert {first.sockets, first.database}.isdisjoint({second.sockets, second.database})
    assert find_places(original) == first


def test_socket_folder_is_private_and_short(var):
    sockets = find_places(var).sockets
    assert sockets.stat().st_mode & 0o777 == 0o700
    assert len(os.fsencode(sockets / ".s.PGSQL.5432.lock")) < 107
    # One that somebody else could enter is not used again.
    Path(sockets).chmod(0o777)
    assert find_places(var).sockets != sockets
    shutil.rmtree(sockets)
