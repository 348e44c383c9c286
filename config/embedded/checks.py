"""Everything that is checked without running the product."""

import sys

from config.embedded.preparation import MANAGE
from config.embedded.processes import call

# As in production, so that `check --deploy` sees what will be deployed.
PRODUCTION = {"EMBEDDED": "0", "DEMO_ACCOUNTS": "0", "DEBUG": "0", "ALLOWED_HOSTS": "dunmiao.example.org"}

CHECKS: dict[str, list[str]] = {
    "style (ruff check)": [sys.executable, "-m", "ruff", "check", "."],
    "format (ruff format)": [sys.executable, "-m", "ruff", "format", "--check", "--quiet", "."],
    "types (mypy)": [sys.executable, "-m", "mypy"],
    "layers (import-linter)": [sys.executable, "-c", "from importlinter.cli import lint_imports_command as c; c()"],
    "migrations": [*MANAGE, "makemigrations", "--check", "--dry-run"],
    "settings (check --deploy)": [*MANAGE, "check", "--deploy", "--fail-level", "WARNING"],
}


def run_checks(environment: dict[str, str]) -> int:
    """Run all of them, also past a failure; return 1 if any failed, and say which."""
    failed = []
    for name, command in CHECKS.items():
        print(f"== {name}", flush=True)
        production = PRODUCTION if "--deploy" in command else {}
        if call(command, environment | production):
            failed.append(name)
    print(f"Failed: {', '.join(failed)}" if failed else "All checks passed.", flush=True)
    return 1 if failed else 0
