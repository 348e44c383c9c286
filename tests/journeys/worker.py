"""`python -m tests.journeys.worker MOMENT ARGUMENTS…`: a Celery worker whose clock was set to a moment and goes on from there."""

import datetime
import sys

import time_machine


def main() -> None:
    moment = datetime.datetime.fromisoformat(sys.argv[1])
    time_machine.travel(moment, tick=True).start()
    sys.argv = ["celery", *sys.argv[2:]]
    from celery.__main__ import main as celery  # after the clock is set

    celery()


if __name__ == "__main__":
    main()
