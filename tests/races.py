"""Acts that begin at the same moment on real connections: what tests of races need."""

import threading
from collections.abc import Callable

from django.db import connection, transaction

from config.errors import DomainError


def at_once(*acts: Callable[[], object]) -> list[str]:
    """Run the acts in threads that start together; what each came to: "" or the code of its refusal, in their order."""
    barrier = threading.Barrier(len(acts))
    told = ["never ended"] * len(acts)

    def run(place: int) -> None:
        try:
            connection.ensure_connection()
            barrier.wait(10)
            acts[place]()
            told[place] = ""
        except DomainError as error:
            told[place] = error.code
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(place,)) for place in range(len(acts))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return told


def one_waits(hold: Callable[[], object], act: Callable[[], object], late: Callable[[], object]) -> list[str]:
    """`hold` locks rows; `late` begins and comes to wait for them; then `act` is done and the rows are let go.

    What `act` and `late` came to, as `at_once` tells it: the one order of events in which `late` has read too early.
    """
    held = threading.Event()

    def first() -> None:
        with transaction.atomic():
            hold()
            held.set()
            _until_somebody_waits()
            act()

    def second() -> None:
        held.wait(10)
        late()

    return at_once(first, second)


def _until_somebody_waits() -> None:
    waiting = (
        "SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted AND pg_backend_pid() = ANY (pg_blocking_pids(pid)))"
    )
    pause = threading.Event()
    for _ in range(1000):
        with connection.cursor() as cursor:
            cursor.execute(waiting)
            if cursor.fetchone() == (True,):
                return
        pause.wait(0.01)
    raise AssertionError("nobody waits")
