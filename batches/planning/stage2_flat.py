"""The flat model of stage 2: one literal a person and class.

It mends what the tree left (hinted with the tree's plan), keeps the seats of a previous plan, and, made elastic, says
which people cannot be seated at all when the rules of units, parities and sizes clash.
"""

from collections.abc import Collection

from ortools.sat.python import cp_model

from .cpsat import Answer, Expr, run
from .problem import Cadre, Klass
from .stage2_case import MARGINAL, PAIR, Case, Seats

BREACH = 10_000_000
SEATED = 200_000
LONELY = 50_000


class Flat:
    """Literals and hard rules; `elastic` lets people go unseated and, dearer, lets unit rules and sizes give.

    People of `first` go unseated last of all.
    """

    def __init__(self, case: Case, elastic: bool = False, first: Collection[str] = ()):
        self.case = case
        self.elastic = elastic
        self.model = cp_model.CpModel()
        self.x: dict[tuple[str, str], cp_model.IntVar] = {}
        self.seated: dict[str, Expr] = {}
        self.gives: dict[tuple[str, ...], cp_model.IntVar] = {}
        self.costs: list[Expr] = []
        for cadre in case.members:
            row = [self.x.setdefault((cadre.id, k.id), self.model.new_bool_var("")) for k in case.allowed(cadre)]
            if elastic and cadre.id not in case.problem.batch_pins:
                self.model.add_at_most_one(row)
                self.costs.append((_worth(cadre) + SEATED * (cadre.id in first)) * (1 - sum(row)))
            else:
                self.model.add_exactly_one(row)
            self.seated[cadre.id] = sum(row)
        self._sizes()
        self._spread()
        self._parities()

    def count(self, people: list[Cadre], classes: list[Klass] | tuple[Klass, ...]) -> Expr:
        names = [(c.id, k.id) for c in people for k in classes]
        return sum(self.x[name] for name in names if name in self.x)

    def _give(self, *name: str, most: int) -> Expr:
        """How far a rule is bent; nothing unless elastic."""
        if not self.elastic:
            return 0
        self.gives[name] = self.model.new_int_var(0, most, "")
        self.costs.append(BREACH * self.gives[name])
        return self.gives[name]

    def _sizes(self) -> None:
        for track in sorted(self.case.totals):
            people = [c for c in self.case.members if c.track == track]
            base = self.model.new_int_var(0, len(people), "")
            for klass in self.case.batch.of_track(track):
                count = self.count(people, [klass])
                if self.elastic:
                    give = self._give("R04", klass.id, most=len(people))
                    self.model.add(count <= base + 1 + give)
                    self.model.add(count >= base)
                else:
                    self.model.add_linear_constraint(count, *self.case.size_range(klass))

    def _spread(self) -> None:
        for (unit, track), total in sorted(self.case.unit_track.items()):
            if self.case.spread(unit, track) is None or total < 2:
                continue
            people = [c for c in self.case.of_unit[unit] if c.track == track]
            classes = self.case.batch.of_track(track)
            give = self._give("R02", unit, track, most=total)
            seated = sum(self.seated[c.id] for c in people) if self.elastic else total
            for klass in classes:
                count = self.count(people, [klass])
                self.model.add(len(classes) * (count - give) <= seated + len(classes) - 1)

    def _parities(self) -> None:
        odd = [k for k in self.case.batch.classes if k.parity == "odd"]
        even = [k for k in self.case.batch.classes if k.parity == "even"]
        for unit, people, even_out in self.case.split_units():
            give = self._give("R03", unit, most=len(people))
            sides = self.count(people, odd), self.count(people, even)
            if even_out:
                self.model.add(sides[0] - sides[1] <= 1 + give)
                self.model.add(sides[1] - sides[0] <= 1 + give)
                continue
            alone: Expr = 0
            if self.elastic:  # a unit of which one person at most is seated is never all away for the worse
                alone = self.model.new_bool_var("")
                self.model.add(sum(self.seated[c.id] for c in people) <= 1).only_enforce_if(alone)
            self.model.add(sides[0] + alone + give >= 1)
            self.model.add(sides[1] + alone + give >= 1)

    def balance(self) -> None:
        """Cells within floor and ceil of their share in every class, and no class with one person of a sex alone."""
        for track in sorted(self.case.totals):
            classes = self.case.batch.of_track(track)
            people = [c for c in self.case.members if c.track == track]
            for name, rows in self.case.cells(people).items():
                low, high = len(rows) // len(classes), -(-len(rows) // len(classes))
                for klass in classes:
                    off = self.model.new_int_var(0, len(rows), "")
                    count = self.count(rows, [klass])
                    self.model.add(count - off <= high)
                    if low:
                        self.model.add(count + off >= low)
                    self.costs.append((MARGINAL if len(name) == 2 else PAIR) * off)
            self._company(people, classes)

    def _company(self, people: list[Cadre], classes: tuple[Klass, ...]) -> None:
        least = self.case.problem.group_min
        for sex in ("F", "M"):
            rows = [c for c in people if c.sex == sex]
            for klass in classes:
                some, alone = self.model.new_bool_var(""), self.model.new_bool_var("")
                count = self.count(rows, [klass])
                self.model.add(count <= len(rows) * some)
                self.model.add(count + least * alone >= least * some)
                self.costs.append(LONELY * alone)

    def moves(self, before: Seats) -> Expr:
        """People who are not where they were."""
        known = [self.x[item] for item in sorted(before.items()) if item in self.x]
        return len(known) - sum(known)

    def hint(self, seats: Seats) -> None:
        for (cadre, klass), literal in self.x.items():
            self.model.add_hint(literal, seats.get(cadre) == klass)

    def minimize(self, seed: int, limit: float, goal: Expr | None = None) -> Answer:
        self.model.minimize(sum(self.costs) if goal is None else goal)
        return run(self.model, seed, limit)

    def seats(self, answer: Answer) -> Seats:
        return {cadre: klass for (cadre, klass), literal in self.x.items() if answer.true(literal)}


def _worth(cadre: Cadre) -> int:
    """What it costs to leave somebody without a seat."""
    return 100_000 if cadre.must else (1000, 100, 10)[cadre.tier]
