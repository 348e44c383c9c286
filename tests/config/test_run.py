"""`make run` as a whole: real web, worker and beat on a database of their own."""

import http.client
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg2
import pytest
from django.conf import settings

from config.embedded import __main__ as command
from config.embedded import services
from config.embedded.preparation import claim_port
from config.embedded.processes import HOME
from config.embedded.template import migrated_template


@pytest.fixture
def empty_county(make_var, tmp_path) -> Iterator[dict[str, str]]:
    """The environment of an installation nobody has used: a copied database, a Redis and a folder of its own."""
    var = make_var("county")
    made_by = {"DATA_DIR": str(settings.DATA_DIR), "DATABASE_OWNER_URL": OWNER, "DATABASE_URL": WEB}
    name = f"county_{os.getpid()}"
    connection = psycopg2.connect(OWNER)
    connection.autocommit = True
    cursor = connection.cursor()
    cursor.execute(f"CREATE DATABASE {name} TEMPLATE {migrated_template(os.environ | made_by)}")
    addresses = {"DATABASE_URL": _at(WEB, name), "DATABASE_OWNER_URL": _at(OWNER, name)}
    with pytest.MonkeyPatch.context() as patch:
        for key, value in addresses.items():
            patch.setenv(key, value)
        with services(var) as environment:
            yield environment
    cursor.execute(f"DROP DATABASE {name} WITH (FORCE)")
    connection.close()


WEB, OWNER = os.environ["DATABASE_URL"], os.environ.get("DATABASE_OWNER_URL", os.environ["DATABASE_URL"])


def _at(address: str, database: str) -> str:
    return urlunsplit(urlsplit(address)._replace(path=f"/{database}"))


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _children(pid: int) -> set[int]:
    return {int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()}


def _lives(pid: int) -> bool:
    try:
        return "(zombie)" not in Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return False


@pytest.mark.worker
def test_run_serves_an_empty_county_prints_its_account_and_ends_everything(empty_county):
    port = _free_port()
    started = subprocess.Popen(
        [sys.executable, "-m", "config.embedded", "run", "--port", str(port), "--demo", "0"],
        cwd=HOME,
        env=os.environ | empty_county,
        stdout=subprocess.PIPE,
        text=True,
    )
    with started:
        assert started.stdout is not None
        said = []
        while "Ctrl-C" not in (said[-1] if said else ""):
            line = started.stdout.readline()
            assert line, f"ended early: {said}"
            said.append(line.strip())
        children = _children(started.pid)
        page = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        page.request("GET", "/")
        assert page.getresponse().status == 302
        page.close()
        started.send_signal(signal.SIGINT)
        assert started.wait(60) == 0
    assert [line for line in said if line.endswith(f"http://127.0.0.1:{port}/")] != []
    assert [line for line in said if line.startswith("登录名 ")] != []
    assert len(children) == 3
    assert [pid for pid in children if _lives(pid)] == []
    claim_port("127.0.0.1", str(port)).close()


def test_make_without_python_says_so_in_one_line():
    done = subprocess.run(
        ["make", "setup", "PYTHON=no-such-python"], cwd=HOME, capture_output=True, text=True, check=False
    )
    assert done.returncode != 0
    assert done.stderr.splitlines()[0] == "Python is missing: install Python 3.11 or later (make PYTHON=...)."


@pytest.fixture
def pytest_call(monkeypatch):
    """What `make test` would have run, without services."""
    called: list[list[str]] = []

    def noted(arguments: list[str], environment: dict[str, str]) -> int:
        called.append(arguments[arguments.index("pytest") + 1 :])
        return 0

    monkeypatch.setattr(command, "call", noted)
    monkeypatch.setattr(command, "find_chromium", lambda: None)
    monkeypatch.setattr(command, "listen_for_the_end", lambda: None)
    return called


def test_tests_without_chromium_leave_the_browser_out_and_say_so(pytest_call, monkeypatch, capsys):
    monkeypatch.delenv("REQUIRE_BROWSER", raising=False)
    assert command.main(["test", "tests/config"]) == 0
    assert pytest_call == [["-n", "2", "-m", "not browser", "tests/config"]]
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_tests_without_chromium_fail_where_the_browser_is_required(pytest_call, monkeypatch, capsys):
    monkeypatch.setenv("REQUIRE_BROWSER", "1")
    assert command.main(["test"]) == 1
    assert pytest_call == []
    assert capsys.readouterr().err.startswith("Chromium is missing")
