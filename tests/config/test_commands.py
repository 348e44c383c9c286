"""What `make run`, `make manage` and `make setup` do around the application."""

import importlib.util
import os
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from config.embedded import ServiceError
from config.embedded.preparation import claim_port
from config.embedded.processes import HOME, Crew


def embedded(*arguments: str, var: Path) -> subprocess.CompletedProcess[str]:
    """The command line itself, on the services that this test run uses."""
    return subprocess.run(
        [sys.executable, "-m", "config.embedded", *arguments],
        cwd=HOME,
        env=os.environ | {"DATA_DIR": str(var)},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def taken_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(1)
        yield listener.getsockname()[1]


def test_run_on_a_taken_port_says_so_in_one_line_and_starts_nothing(taken_port, tmp_path):
    done = embedded("run", "--port", str(taken_port), var=tmp_path / "var")
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.splitlines() == [
        f"Port {taken_port} of 127.0.0.1 cannot be used (Address already in use): choose another, make run PORT=8001."
    ]
    assert not (tmp_path / "var").exists()


@pytest.mark.parametrize("port", ["0", "65536", "http", "-1", ""])
def test_claim_port_refuses_what_is_no_port(port):
    with pytest.raises(ServiceError, match=f"^PORT={port} is no port"):
        claim_port("127.0.0.1", port)


def test_claim_port_holds_a_free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with claim_port("127.0.0.1", str(port)), pytest.raises(ServiceError, match="cannot be used"):
        claim_port("127.0.0.1", str(port))


@pytest.mark.parametrize(("arguments", "status"), [(["help"], 0), (["check", "--tag", "no-such-tag"], 1)])
def test_manage_ends_with_the_status_of_its_command(arguments, status, tmp_path):
    assert embedded("manage", *arguments, var=tmp_path / "var").returncode == status


def test_crew_names_the_program_that_ended_and_ends_the_others(tmp_path):
    waiting = [sys.executable, "-c", "import time; time.sleep(600)"]
    with Crew(tmp_path) as crew:
        crew.start("web", waiting, {})
        crew.start("beat", [sys.executable, "-c", "raise SystemExit('no broker to be found')"], {})
        with pytest.raises(ServiceError, match=r"^The beat process ended \(status 1\).*no broker to be found$"):
            crew.watch()
        assert crew.children["web"].poll() is None
    assert crew.children["web"].poll() == -15


def test_crew_ends_everybody_although_ctrl_c_comes_meanwhile(tmp_path):
    slow = (
        "import signal, time; signal.signal(15, lambda *_: (time.sleep(1), exit())); print(flush=True); time.sleep(600)"
    )
    before = signal.getsignal(signal.SIGINT)
    with Crew(tmp_path) as crew:
        crew.start("web", [sys.executable, "-c", slow], {})
        crew.watch(until=lambda: bool((tmp_path / "web.log").read_text()))
        threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT)).start()
    assert crew.children["web"].poll() == 0
    assert signal.getsignal(signal.SIGINT) is before


@pytest.fixture
def bootstrap(tmp_path, monkeypatch):
    """The set-up on a folder with lock files only, noting the commands instead of running them."""
    spec = importlib.util.spec_from_file_location("bootstrap", HOME / "config" / "embedded" / "bootstrap.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    for name in ("requirements/dev.txt", "package.json", "package-lock.json", ".npmrc"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(f"content of {name}")
    python = tmp_path / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.symlink_to(sys.executable)
    (tmp_path / "node_modules").mkdir()
    for name, value in {"HOME": tmp_path, "VENV": tmp_path / ".venv", "PYTHON": python}.items():
        monkeypatch.setattr(module, name, str(value))
    monkeypatch.setattr(module, "PACKAGES", str(tmp_path / "node_modules"))
    monkeypatch.setattr(module, "find_npm", lambda: (["npm"], ""))
    module.called = []
    monkeypatch.setattr(module, "call", lambda command, cure, **environment: module.called.append(command))
    return module


def test_setup_is_done_again_only_for_the_lock_that_changed(bootstrap, tmp_path):
    bootstrap.main()
    assert ["pip" in command for command in bootstrap.called] == [True, False]
    assert "--require-hashes" in bootstrap.called[0]
    assert bootstrap.called[1][:2] == ["npm", "ci"]
    bootstrap.called.clear()
    bootstrap.main()
    assert bootstrap.called == []
    (tmp_path / "package-lock.json").write_text("another")
    bootstrap.main()
    assert [command[:2] for command in bootstrap.called] == [["npm", "ci"]]


def test_setup_under_an_old_python_says_which_is_needed(bootstrap, monkeypatch):
    monkeypatch.setattr(bootstrap.sys, "version_info", (3, 9, 2))
    with pytest.raises(bootstrap.SetupError, match=r"Python 3\.11 or later"):
        bootstrap.main()
