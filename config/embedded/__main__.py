"""`python -m config.embedded run|test|check|manage|serve`: what the Makefile's commands do.

Each has the services up while it works, starting them when they are not and ending them when nobody else uses them.
"""

import argparse
import http.client
import os
import shlex
import sys
import time
from collections.abc import Callable
from pathlib import Path

from config.embedded.checks import run_checks
from config.embedded.preparation import MANAGE, claim_port, collect_static, find_chromium, migrate
from config.embedded.problem import ServiceError
from config.embedded.processes import HOME, Crew, Ended, call, listen_for_the_end
from config.embedded.running import services

# Commands that look at the code or change the schema themselves.
WITHOUT_MIGRATION = {"migrate", "makemigrations", "showmigrations", "sqlmigrate", "check", "help", "collectstatic"}
START_PATIENCE = 120


def main(arguments: list[str]) -> int:
    """Run one command and return its exit status; what the machine refuses is told in one line."""
    options = _parse(arguments)
    listen_for_the_end()
    data = Path(os.environ.get("DATA_DIR") or HOME / "var")
    try:
        return options.act(options, data)
    except ServiceError as refusal:
        print(refusal, file=sys.stderr)
        return 1
    except Ended:
        return 0 if options.act in (_run, _serve) else 130


def _parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m config.embedded")
    commands = parser.add_subparsers(required=True)

    def add(name: str, act: Callable[[argparse.Namespace, Path], int], text: str) -> argparse.ArgumentParser:
        command = commands.add_parser(name, help=text)
        command.set_defaults(act=act)
        return command

    run = add("run", _run, "web, worker and beat, until Ctrl-C")
    run.add_argument("--host", default="127.0.0.1")
    run.add_argument("--port", default="8000")
    run.add_argument("--demo", default="", help="0: an empty county; 1: the demonstration county, on any database")
    for name, act, text in (("test", _test, "the tests"), ("manage", _manage, "one management command")):
        add(name, act, text).add_argument("arguments", nargs=argparse.REMAINDER)
    add("check", _check, "style, types, layers, migrations, settings")
    add("serve", _serve, "keep the services up until Ctrl-C and print the environment for a shell")
    return parser.parse_args(arguments)


def _run(options: argparse.Namespace, data: Path) -> int:
    # The port first: nobody wants to wait for a county only to learn that it is taken.
    with claim_port(options.host, options.port) as listener, services(data) as environment:
        # Pages and jobs sign in as the web role, whatever the shell we were started from says.
        environment = environment | {"DATABASE_AS_OWNER": "0"}
        migrate(environment)
        collect_static(environment)
        demo = options.demo not in ("0", "no", "false") and (environment["DEMO_ACCOUNTS"] == "1" or options.demo != "")
        if demo and call([*MANAGE, "seed", "--if-empty"], environment):
            raise ServiceError("The demonstration county could not be loaded: see the lines above.")
        if not demo:
            environment = environment | {"DEMO_ACCOUNTS": "0"}
        logs = data / "log"
        with Crew(logs) as crew:
            _start(crew, listener.fileno(), environment, data)
            deadline = time.monotonic() + START_PATIENCE
            crew.watch(until=lambda: _answers(options.host, int(options.port)) or time.monotonic() > deadline)
            print(f"\n  墩苗 http://{_shown(options.host)}:{options.port}/\n", flush=True)
            call([*MANAGE, "demo_accounts" if demo else "first_account"], environment)
            print(f"\n  Logs: {logs}    End: Ctrl-C", flush=True)
            crew.watch()
    return 0


def _start(crew: Crew, listener: int, environment: dict[str, str], data: Path) -> None:
    python = [sys.executable, "-m"]
    crew.start(
        "web",
        [*python, "gunicorn", "config.wsgi", "--bind", f"fd://{listener}", "--worker-class", "gthread", "--workers", "2",
         "--threads", "8", "--no-control-socket", "--graceful-timeout", "10", "--access-logfile", "-"],
        environment,
        files=[listener],
    )  # fmt: skip
    celery = [*python, "celery", "--app", "config"]
    crew.start(
        "worker",
        [*celery, "worker", "--concurrency", "2", "--prefetch-multiplier", "1", "--loglevel", "INFO"],
        environment,
    )
    crew.start(
        "beat",
        [*celery, "beat", "--loglevel", "INFO", "--schedule", str(data / "beat"), "--pidfile", ""],
        environment,
    )


def _answers(host: str, port: int) -> bool:
    """True when the web process has answered a request, whatever the answer."""
    connection = http.client.HTTPConnection(_shown(host), port, timeout=5)
    try:
        connection.request("GET", "/")
        return connection.getresponse().status < 600
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _shown(host: str) -> str:
    return "127.0.0.1" if host in ("0.0.0.0", "") else host  # noqa: S104 - compared, not bound


def _manage(options: argparse.Namespace, data: Path) -> int:
    command = options.arguments or ["help"]
    with services(data) as environment:
        if command[0] not in WITHOUT_MIGRATION:
            migrate(environment)
        return call([*MANAGE, *command], environment)


def _test(options: argparse.Namespace, data: Path) -> int:
    arguments = options.arguments
    if not find_chromium():
        line = "Chromium is missing: the tests in a real browser are left out (install chromium)."
        if os.environ.get("REQUIRE_BROWSER") == "1":
            raise ServiceError(line.replace("are left out", "cannot run"))
        print(line, file=sys.stderr)
        arguments = ["-m", "not browser", *arguments]
    if not any(each.startswith(("-n", "--numprocesses")) or each == "no:xdist" for each in arguments):
        arguments = ["-n", "2", *arguments]
    with services(data) as environment:
        return call([sys.executable, "-m", "pytest", *arguments], environment | {"DATABASE_AS_OWNER": "1"})


def _check(options: argparse.Namespace, data: Path) -> int:
    with services(data) as environment:
        return run_checks(environment)


def _serve(options: argparse.Namespace, data: Path) -> int:
    with services(data) as environment:
        for name, value in environment.items():
            print(f"export {name}={shlex.quote(value)}", flush=True)
        while True:
            time.sleep(3600)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
