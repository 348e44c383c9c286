"""Stage 1 solved a second time, by another solver and another model, to see whether every level comes to the same value.

A linear programme (with whole numbers where tracks share a quota) through HiGHS, level after level with those before
held. Written from the rules and the input alone. It knows neither pins nor a previous plan, and not the splitting of a
unit over odd and even weeks (R03): its values are bounds of the planner's.
"""

from collections import Counter, defaultdict
from datetime import date
from typing import Any

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import csr_array

from .quality import people_of

Document = dict[str, Any]
Terms = list[tuple[int, float]]
SLACK = 1e-6


def second_opinion(document: Document, plan: Document) -> list[dict[str, Any]]:
    """Level by level: the planner's value and the other solver's."""
    told = {row["level"]: row["value"] for row in plan["levels"] if row["stage"] == 1}
    model = _Model(document)
    rows = []
    for name, terms, constant, sign in model.levels():
        value = model.least(terms) * sign + constant
        rows.append({"level": name, "planner": told[name], "other": round(value, 3)})
        model.hold(terms, (told[name] - constant) * sign)
    return rows


class _Model:
    def __init__(self, document: Document):
        self.document = document
        self.rules = document["programme"]
        self.batches = sorted(document["batches"], key=lambda b: (b["first_day"], b["id"]))
        self.upper: list[float] = []
        self.entries: list[tuple[int, int, float]] = []
        self.low: list[float] = []
        self.high: list[float] = []
        self.seats: list[tuple[tuple[Any, ...], int, int]] = []  # (group, batch, column)
        self.steps: Terms = []
        self.missing: list[int] = []
        self.must = 0
        self._groups()
        self._units()
        self._classes()

    def _column(self, upper: float) -> int:
        self.upper.append(upper)
        return len(self.upper) - 1

    def _row(self, terms: Terms, low: float, high: float) -> None:
        self.entries.extend((len(self.low), column, value) for column, value in terms)
        self.low.append(low)
        self.high.append(high)

    def _groups(self) -> None:
        counts: Counter[tuple[Any, ...]] = Counter()
        for cadre in people_of(self.document).values():
            self.must += bool(cadre["must"])
            track = next((t["id"] for t in self.rules["tracks"] if _meets(cadre, t["criteria"])), None)
            if track is None or (cadre["attended_before"] and not self.rules["repeats"]):
                continue
            tier = 2 if cadre["attended_before"] else int(cadre["age"] > self.rules["full_coverage_age"])
            where = tuple(n for n, batch in enumerate(self.batches) if self._may(cadre, track, batch))
            counts[cadre["unit"], track, tier, cadre["leading"], bool(cadre["must"]), where] += 1
        for group, count in counts.items():
            row = [(self._column(count), n) for n in group[5]]
            self.seats.extend((group, n, column) for column, n in row)
            self._row([(column, 1.0) for column, _ in row], 0, count)

    def _may(self, cadre: Document, track: str, batch: Document) -> bool:
        if batch["id"] in cadre["must_not"] or (cadre["must"] and batch["id"] not in cadre["must"]):
            return False
        if not any(k["track"] == track and cadre["parity"] in (None, k["parity"]) for k in batch["classes"]):
            return False
        first, last = (date.fromisoformat(batch[name]).toordinal() for name in ("first_day", "last_day"))
        away: set[int] = set()
        for start, until in cadre["unavailable"]:
            away.update(range(date.fromisoformat(start).toordinal(), date.fromisoformat(until).toordinal()))
        return len(away & set(range(first, last + 1))) <= self.rules["max_overlap_days"]

    def _units(self) -> None:
        own = {unit["id"]: unit["quota"] for unit in self.document["units"]}
        waived = {(row["rule"], row["subject"]) for row in self.document["waivers"]}
        of: dict[tuple[str, int], list[int]] = defaultdict(list)
        leading: dict[tuple[str, int], list[int]] = defaultdict(list)
        for group, batch, column in self.seats:
            of[group[0], batch].append(column)
            if group[3]:
                leading[group[0], batch].append(column)
        for (unit, batch), columns in of.items():
            subject = f"{unit}@{self.batches[batch]['id']}"
            most = self.rules["unit_max_per_batch"] if own[unit] is None else own[unit]
            if ("R01", subject) in waived:
                most = int(sum(self.upper[column] for column in columns))
            steps = [(self._column(1), float(place)) for place in range(most)]
            self.steps += steps
            self._row([*((c, 1.0) for c in columns), *((c, -1.0) for c, _ in steps)], 0, 0)
            if leading[unit, batch] and ("R08", subject) not in waived:
                self._row([(c, 1.0) for c in leading[unit, batch]], 0, self.rules["leading_max"])

    def _classes(self) -> None:
        size = self.rules["class_size"]
        of: dict[tuple[int, str], list[int]] = defaultdict(list)
        for group, batch, column in self.seats:
            of[batch, group[1]].append(column)
        for number, batch in enumerate(self.batches):
            for track, count in sorted(Counter(k["track"] for k in batch["classes"]).items()):
                terms = [(column, 1.0) for column in of[number, track]]
                missing = self._column(count * size["min"])
                self.missing.append(missing)
                self._row(terms, 0, count * size["max"])
                self._row([*terms, (missing, 1.0)], count * size["min"], np.inf)

    def levels(self) -> list[tuple[str, Terms, float, float]]:
        """(name, terms to be made small, constant, sign): the level's value is sign x least + constant."""

        def seated(wanted: Any) -> Terms:
            return [(column, -1.0) for group, _, column in self.seats if wanted(group)]

        rows: list[tuple[str, Terms, float, float]] = [
            ("must_unmet", seated(lambda g: g[4]), float(self.must), 1.0),
            ("minimum_missing", [(column, 1.0) for column in self.missing], 0.0, 1.0),
        ]
        rows += [(f"covered_{tier}", seated(lambda g, t=tier: g[2] == t), 0.0, -1.0) for tier in (0, 1, 2)]
        early = [(column, float((2, 1, 0)[g[2]] * batch)) for g, batch, column in self.seats if g[2] < 2 and batch]
        return [*rows, ("earliness", early, 0.0, 1.0), ("same_unit_pairs", self.steps, 0.0, 1.0)]

    def least(self, terms: Terms) -> float:
        """The least value of the terms."""
        if not terms:
            return 0.0
        costs = np.zeros(len(self.upper))
        for column, value in terms:
            costs[column] += value
        rows, places, values = zip(*self.entries, strict=True)
        matrix = csr_array((values, (rows, places)), shape=(len(self.low), len(self.upper)))
        constraint = LinearConstraint(matrix, np.array(self.low), np.array(self.high))
        bounds = Bounds(np.zeros(len(self.upper)), np.array(self.upper))
        whole = np.full(len(self.upper), int(len(self.rules["tracks"]) > 1))
        result = milp(costs, constraints=constraint, bounds=bounds, integrality=whole, options={"mip_rel_gap": 0})
        return float(result.fun) if result.fun is not None else float("nan")

    def hold(self, terms: Terms, value: float) -> None:
        self._row(terms, -np.inf, value + SLACK)


def _meets(cadre: Document, criteria: Document) -> bool:
    low, high = criteria["min_age"], criteria["max_age"]
    return (
        (low is None or cadre["age"] >= low)
        and (high is None or cadre["age"] <= high)
        and (not criteria["levels"] or cadre["level"] in criteria["levels"])
        and (not criteria["post_kinds"] or cadre["post_kind"] in criteria["post_kinds"])
    )
