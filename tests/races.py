"""Acts that begin at the same moment on real connections: what tests of races need."""

import threading
from collections.abc import Callable

from django.db import connection

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
