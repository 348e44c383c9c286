"""Child processes: run one to its end, or several until the first of them ends."""

import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from config.embedded.problem import ServiceError

HOME = Path(__file__).resolve().parent.parent.parent
# How long a child may take to end on its own; a job that is cut off is picked up again at the next start.
LAST_WORDS = 20
PR_SET_PDEATHSIG = 1


class Ended(Exception):
    """Somebody pressed Ctrl-C or sent SIGTERM."""


def listen_for_the_end() -> None:
    """Turn the first Ctrl-C or SIGTERM into `Ended`; later ones are ignored while everything is put away."""

    def end(number: int, frame: FrameType | None) -> None:
        for each in (signal.SIGINT, signal.SIGTERM):
            signal.signal(each, signal.SIG_IGN)
        raise Ended

    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, end)


@contextmanager
def undisturbed() -> Iterator[None]:
    """Put things away to the end: a Ctrl-C meanwhile would leave half of them behind."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {each: signal.signal(each, signal.SIG_IGN) for each in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


def call(command: Sequence[str], environment: dict[str, str]) -> int:
    """Run one program in the foreground and return its exit status."""
    child = subprocess.Popen(command, cwd=HOME, env=os.environ | environment)
    try:
        status = child.wait()
    except Ended:
        _end([child])
        raise
    return status if status >= 0 else 128 - status


class Crew:
    """Programs that run side by side, each writing to its own log; leaving the block ends them all."""

    def __init__(self, logs: Path) -> None:
        self.logs = logs
        self.children: dict[str, subprocess.Popen[bytes]] = {}

    def __enter__(self) -> "Crew":
        return self

    def __exit__(self, *error: object) -> None:
        with undisturbed():
            _end(list(self.children.values()))

    def start(self, name: str, command: Sequence[str], environment: dict[str, str], files: Sequence[int] = ()) -> None:
        """Start one program; ``files`` are open file descriptors that it inherits."""
        with open(self.logs / f"{name}.log", "wb") as log:
            self.children[name] = subprocess.Popen(
                command,
                cwd=HOME,
                env=os.environ | environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                pass_fds=files,
                # Ctrl-C reaches us alone; we end the children in an orderly way.
                start_new_session=True,
                preexec_fn=_follow_parent(),
            )

    def watch(self, until: Callable[[], bool] = lambda: False) -> None:
        """Wait until the condition holds; raise `ServiceError` when one of the programs ends before."""
        while not until():
            for name, child in self.children.items():
                if child.poll() is not None:
                    raise ServiceError(
                        f"The {name} process ended (status {child.returncode}): see {self.logs / name}.log"
                        f"{_last_line(self.logs / f'{name}.log')}"
                    )
            time.sleep(0.2)


def _end(children: list[subprocess.Popen[bytes]]) -> None:
    for child in children:
        if child.poll() is None:
            child.terminate()
    deadline = time.monotonic() + LAST_WORDS
    for child in children:
        try:
            child.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


def _follow_parent() -> Callable[[], object] | None:
    """On Linux a child is ended by the kernel when we are killed without a chance to do it ourselves."""
    if not sys.platform.startswith("linux"):
        return None
    prctl = ctypes.CDLL(None).prctl
    return lambda: prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def _last_line(log: Path) -> str:
    lines = [line for line in log.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()]
    return f"; it said: {lines[-1][:300]}" if lines else ""
