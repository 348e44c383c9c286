"""All apps' invariants together, for the command, the nightly job and the tests."""

from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec

from django.apps import apps

from accounts.verification import verify_audit
from office.invariants import Invariant


@dataclass(frozen=True)
class Outcome:
    """One invariant and the sentences about rows that break it."""

    invariant: Invariant
    rows: list[str]


def _trail() -> list[str]:
    verdict = verify_audit()
    return [] if verdict.holds else [f"第 {verdict.bad_seq} 条：{verdict.problem}"]


def all_invariants() -> list[Invariant]:
    """Every app's list, in the order of their codes, and the audit trail's own."""
    found = [Invariant("11", "审计记录只增不改，链条完整", _trail)]
    for config in apps.get_app_configs():
        name = f"{config.name}.invariants"
        if name != __name__ and config.name in _OURS and find_spec(name) is not None:
            found += import_module(name).INVARIANTS
    return sorted(found, key=lambda invariant: (int("".join(filter(str.isdigit, invariant.code)) or 0), invariant.code))


_OURS = {"accounts", "office", "cadres", "bases", "batches", "activities", "evaluations"}


def check() -> list[Outcome]:
    """Ask every invariant; an empty list of rows means that it holds."""
    return [Outcome(invariant, invariant.find()) for invariant in all_invariants()]
