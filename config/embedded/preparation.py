"""What comes between the services and the application: the schema and the static files."""

import hashlib
import json
import shutil
import socket
import sys
from collections.abc import Iterable
from pathlib import Path

from config.embedded.problem import ServiceError
from config.embedded.processes import HOME, call

MANAGE = [sys.executable, "manage.py"]
LOCKS = (HOME / "requirements" / "dev.txt", HOME / "package-lock.json")


def migrate(environment: dict[str, str]) -> None:
    """Bring the database's schema up to date, if anything has changed since the last time here."""
    # The address is part of it: a new database, or another one, needs its own migration.
    wanted = migrations_fingerprint(environment["DATABASE_URL"])
    stamp = Path(environment["DATA_DIR"], "migrated")
    if _read(stamp) != wanted:
        print("Preparing the database; the first time takes a minute or two.", flush=True)
        _step("migrate", environment, "--verbosity=0")
        stamp.write_text(wanted, encoding="ascii")


def migrations_fingerprint(more: str = "") -> str:
    """A hash over all migrations, those of the packages included by their lock."""
    return _fingerprint([*LOCKS, *HOME.glob("*/migrations/*.py")], more)


def collect_static(environment: dict[str, str]) -> None:
    """Collect and name the static files, if any has changed since the last time here."""
    own = [path for path in HOME.glob("static/**/*") if path.is_file()]
    wanted = _fingerprint([*LOCKS, HOME / "config" / "frontend.py", *own], "")
    stamp = Path(environment["DATA_DIR"], "collected")
    if _read(stamp) != wanted:
        _step("collectstatic", environment, "--noinput", "--verbosity=0")
        stamp.write_text(wanted, encoding="ascii")


def claim_port(host: str, port: str) -> socket.socket:
    """Return a socket that listens at the address; raises `ServiceError` when it cannot be had."""
    if not port.isdigit() or not 0 < int(port) < 65536:
        raise ServiceError(f"PORT={port} is no port: take a number from 1024 to 65535.")
    listener = socket.socket()
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, int(port)))
        listener.listen(128)
    except OSError as error:
        listener.close()
        reason = error.strerror or str(error)
        raise ServiceError(
            f"Port {port} of {host} cannot be used ({reason}): choose another, make run PORT=8001."
        ) from None
    return listener


def find_chromium() -> str | None:
    """The system's Chromium, for the tests in a real browser."""
    return next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


def _step(command: str, environment: dict[str, str], *arguments: str) -> None:
    if call([*MANAGE, command, *arguments], environment):
        raise ServiceError(f"manage.py {command} failed: see the lines above.")


def _fingerprint(paths: Iterable[Path], more: str) -> str:
    found = {str(path.relative_to(HOME)): hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}
    return hashlib.sha256((json.dumps(found, sort_keys=True) + more).encode()).hexdigest()


def _read(stamp: Path) -> str | None:
    return stamp.read_text(encoding="ascii") if stamp.exists() else None
