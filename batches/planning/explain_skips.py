"""Why gatherings are not held (R10): those with the same causes are told, relaxed and cured as one.

Each gathering's conflict is found alone, the other classes staying where the plan has them. What is said of several at
once is tried for all of them at once: the batch is planned anew, as stage 3 would.
"""

from collections.abc import Iterator

from .changes import Change
from .explain_causes import short
from .explain_text import Row
from .explain_visits import ClassCase, Demand, Explainer
from .explain_world import BatchCase, Key
from .formats import Document

MOST_TOLD = 12
BY_PEOPLE = ("empty_class", "withdrawn")
"""Reasons that need no explanation: nobody would go, or somebody took the gathering out by hand."""


def not_held(plan: Document) -> list[tuple[str, int, str]]:
    """Class, index and reason of the gatherings of a plan that nobody wanted to be left out, in order."""
    rows = [row for row in plan["gatherings"] if row.get("skipped", BY_PEOPLE[0]) not in BY_PEOPLE]
    return sorted((row["class"], row["index"], row["skipped"]) for row in rows)


class Gatherings(Demand):
    """Gatherings that are all asked for."""

    def __init__(self, rows: list[Demand]):
        super().__init__(rows[0].visit, "R10", rows[0].index, len(rows), 0)
        self.rows = rows
        self.keys = [(row.visit.klass, row.index or 0) for row in rows]

    def asked(self) -> int:
        return 1

    def possible(self, lifted: frozenset[str], changes: tuple[Change, ...] = ()) -> bool:
        """Whether each can be held; with nothing but changes made, whether all can be held at once."""
        if not all(row.possible(lifted, changes) for row in self.rows):
            return False
        return len(self.rows) == 1 or bool(lifted) or not changes or self.left(changes) == 0

    def left(self, changes: tuple[Change, ...]) -> int:
        if len(self.rows) == 1:
            return self.rows[0].left(changes)
        if not any(row.possible(frozenset(), changes) for row in self.rows):
            return self.wanted
        now, then = self.visit.case.now(), self.visit.case.together(changes)
        if then.days.total() > now.days.total() or then.villages.total() > now.villages.total():
            return self.wanted
        fewer = len(now.skipped) - len(then.skipped)
        still = sum(key in then.skipped for key in self.keys)
        return min(self.wanted, max(self.wanted - fewer, still))

    def indexes(self) -> list[int]:
        return sorted({index for _, index in self.keys})

    def gatherings(self) -> list[tuple[str, int]]:
        return self.keys

    def weeks(self) -> list[tuple[int, int]]:
        return sorted({week for row in self.rows for week in row.weeks()})

    def head(self) -> str:
        """12月28日至1月3日那一周，7 个班的第 3 次集中不能举行（K15、K17 …）."""
        klasses = [klass for klass, _ in self.keys]
        if len(klasses) == 1:
            return f"{klasses[0]}#{self.index} 不能举行"
        if len(self.weeks()) > 1:
            told = "、".join(f"{klass}#{index}" for klass, index in self.keys[:MOST_TOLD])
            more = f" 等 {self.wanted} 次" if self.wanted > MOST_TOLD else ""
            return f"{len(set(klasses))} 个班的 {self.wanted} 次集中不能举行（{told}{more}）"
        monday = self.weeks()[0][1]
        week = f"{short(monday)}至{short(monday + 6)}那一周"
        return f"{week}，{len(klasses)} 个班的第 {self.index} 次集中不能举行（{'、'.join(klasses)}）"


def explain_skips(case: BatchCase, visits: dict[str, ClassCase], keys: list[Key]) -> Iterator[Row]:
    """One row for the gatherings that have the same causes; `gatherings` names them all."""
    alike: dict[str, list[Demand]] = {}
    order = {klass.id: number for number, klass in enumerate(case.batch.classes)}
    for klass, index in sorted(keys, key=lambda key: (key[1], order[key[0]])):
        demand = Demand(visits.setdefault(klass, ClassCase(case, klass)), "R10", index, 1, 0)
        alike.setdefault(Explainer(demand).signature(), []).append(demand)
    for rows in alike.values():
        together = Gatherings(rows)
        names = [f"{klass}#{index}" for klass, index in together.keys]
        yield {"rule": "R10", "subject": names[0], "gatherings": names, **Explainer(together).explain()}
