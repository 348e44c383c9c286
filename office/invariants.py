"""What must never be broken (listed in docs/architecture.md), as checks that anybody can run at any time."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Invariant:
    """One line of the list: `code` is its number there, with a letter for a part, `title` says in Chinese what must hold.

    `find` returns a sentence for each row that breaks it, naming the row; an empty list means that it holds. Each app
    collects its own in `invariants.py` as `INVARIANTS: list[Invariant]`.
    """

    code: str
    title: str
    find: Callable[[], list[str]]


INVARIANTS: list[Invariant] = []
"""This app's own: none that a query could find broken."""
