"""Have the services run while somebody uses them: the first starts them, the last ends them."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from config.embedded import keys, postgres
from config.embedded.places import find_places, make_usable
from config.embedded.postgres import EmbeddedPostgres
from config.embedded.processes import undisturbed
from config.embedded.redis_server import EmbeddedRedis


@contextmanager
def services(var_dir: Path) -> Iterator[dict[str, str]]:
    """Give the environment in which the application runs, its services being up.

    A ``DATABASE_URL`` or ``REDIS_URL`` that is already set stands, and that service is not started.
    Those that run already are used and left running for as long as anybody else uses them.
    Raises `ServiceError` with one line when the machine refuses.
    """
    var_dir = Path(var_dir).resolve()
    make_usable(var_dir)
    database, broker, places = None, None, None
    if not (os.environ.get("DATABASE_URL") and os.environ.get("REDIS_URL")):
        places = find_places(var_dir)
    secrets = keys.load_secrets(var_dir, data_exists=places is not None and (places.data / "PG_VERSION").exists())
    if places and not os.environ.get("DATABASE_URL"):
        database = EmbeddedPostgres(places, secrets)
    if places and not os.environ.get("REDIS_URL"):
        broker = EmbeddedRedis(places)
    wanted = [service for service in (database, broker) if service]
    with open(var_dir / "users.lock", "w") as users:
        try:
            with _alone(var_dir):
                fcntl.flock(users, fcntl.LOCK_SH)
                for service in wanted:
                    if not service.is_running():
                        service.start()
            yield _environment(var_dir, secrets, database, broker)
        finally:
            with undisturbed(), _alone(var_dir):
                if _is_last(users):
                    for service in wanted:
                        if service.is_running():
                            service.stop()


@contextmanager
def _alone(var_dir: Path) -> Iterator[None]:
    """Starting and ending are done by one process at a time."""
    with open(var_dir / "starting.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _is_last(users: IO[str]) -> bool:
    try:
        fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _environment(
    var_dir: Path, secrets: dict[str, str], database: EmbeddedPostgres | None, broker: EmbeddedRedis | None
) -> dict[str, str]:
    """What the settings read; a variable that is set from outside is left as it is."""
    values = {name: secrets[name] for name in keys.APPLICATION_KEYS}
    values |= {"EMBEDDED": "1", "DATA_DIR": str(var_dir), "ALLOWED_HOSTS": "localhost,127.0.0.1,[::1]"}
    values["STATICFILES_STORAGE"] = "config.frontend.UncompressedManifestStorage"
    values = {name: os.environ.get(name) or value for name, value in values.items()}
    if database:
        values["DATABASE_URL"] = database.url(postgres.WEB)
        values["DATABASE_OWNER_URL"] = database.url(postgres.OWNER)
        # psql stands beside the server: `manage dbshell` works on a machine that has none of its own.
        values["PATH"] = os.pathsep.join([os.environ.get("PATH", os.defpath), str(database.programs())])
        # Accounts with known passwords exist nowhere but on a database that only this user reaches.
        values["DEMO_ACCOUNTS"] = "1"
    else:
        values["DATABASE_URL"] = os.environ["DATABASE_URL"]
        values["DATABASE_OWNER_URL"] = os.environ.get("DATABASE_OWNER_URL") or values["DATABASE_URL"]
        values["DEMO_ACCOUNTS"] = "0"
    if broker:
        values |= {"REDIS_URL": broker.broker_url(), "CACHE_URL": broker.cache_url()}
    else:
        values["REDIS_URL"] = os.environ["REDIS_URL"]
        values["CACHE_URL"] = os.environ.get("CACHE_URL") or values["REDIS_URL"]
    return values
