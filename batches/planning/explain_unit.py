"""The people of one unit and the batches, as a small exact model in which groups of rules can be lifted.

What the others have is kept: their people of the covered age, must-attend and pinned people hold their seats; anybody
else gives way. A seating found here is therefore a seating of the whole county. What is out of reach here without the
limit of seats is out of reach for the county; with it, `explain_seats` asks the whole of stage 1.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from ortools.sat.python import cp_model

from .cpsat import run
from .problem import Batch, Cadre, Problem, spans

LIMIT = 2.0
At = list[tuple["People", cp_model.IntVar]]


@dataclass(frozen=True)
class Limits:
    """What a relaxation or a cure changes for the unit: groups of rules lifted, numbers (None: as they are), people."""

    lifted: frozenset[str] = frozenset()
    quota: int | None = None
    size: int | None = None
    overlap: int | None = None
    free: frozenset[str] = frozenset()
    unpinned: frozenset[str] = frozenset()
    waived: frozenset[tuple[str, int]] = frozenset()


@dataclass(frozen=True)
class People:
    """People of the unit who are alike to the model."""

    wanted: bool
    must: bool
    track: str
    leading: bool
    parity: str | None
    open: tuple[int, ...]


@dataclass
class Standing:
    """What a plan has seated, looked up once for all units."""

    problem: Problem
    places: dict[str, int]
    firm: dict[tuple[bool, str, int, str], int] = field(default_factory=Counter)
    taken: dict[tuple[bool, int, str], int] = field(default_factory=Counter)
    pinned: dict[tuple[str, int], int] = field(default_factory=Counter)
    pinned_leading: dict[tuple[str, int], int] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.rows = {row["id"]: row for row in self.problem.document["cadres"]}
        self.members: dict[str, list[Cadre]] = defaultdict(list)
        for cadre in self.problem.cadres:
            self.members[cadre.unit].append(cadre)
            place = self.places.get(cadre.id)
            if place is not None and cadre.id in self.problem.batch_pins:
                self.pinned[cadre.unit, place] += 1
                self.pinned_leading[cadre.unit, place] += cadre.leading
            for only_must in (False, True):
                if place is not None and self.holds(cadre, only_must):
                    self.firm[only_must, cadre.unit, place, str(cadre.track)] += 1
                    self.taken[only_must, place, str(cadre.track)] += 1

    def holds(self, cadre: Cadre, only_must: bool) -> bool:
        """Whether the seated cadre keeps a seat: must-attend and pinned people, and, below them, the covered age."""
        return bool(cadre.must) or cadre.id in self.problem.batch_pins or (cadre.tier == 0 and not only_must)

    def days_away(self, cadre: str, batch: Batch) -> int:
        days = {
            day
            for first, until in spans(self.rows[cadre]["unavailable"])
            for day in range(max(first, batch.first), min(until, batch.last + 1))
        }
        return len(days)


class UnitModel:
    """Seats for a unit's people: `wanted` are those the demand is about; firm ones of all units keep a seat."""

    def __init__(self, standing: Standing, unit: str, wanted: Iterable[Cadre], only_must: bool):
        self.standing = standing
        self.problem = standing.problem
        self.unit = unit
        self.wanted = list(wanted)
        self.only_must = only_must
        mine = {cadre.id for cadre in self.wanted}
        self.kept = [
            cadre
            for cadre in standing.members[unit]
            if cadre.id not in mine
            and (cadre.id in standing.places or (cadre.must and cadre.eligible))
            and standing.holds(cadre, only_must)
        ]
        self._known: dict[Limits, int] = {}
        self._barred: dict[tuple[str, int], frozenset[str]] = {}

    def barred(self, cadre: Cadre, batch: Batch) -> frozenset[str]:
        """The groups of rules that keep the cadre out of the batch as things are."""
        key = (cadre.id, batch.place)
        if key not in self._barred:
            self._barred[key] = frozenset(self._why_barred(cadre, batch))
        return self._barred[key]

    def _why_barred(self, cadre: Cadre, batch: Batch) -> Iterable[str]:
        problem, row, parities = self.problem, self.standing.rows[cadre.id], batch.parities(cadre.track)
        if not parities or not cadre.eligible:
            yield "R06"
        if not problem.is_waived("R07", cadre.id):
            if batch.id in row["must_not"] or (row["must"] and batch.id not in row["must"]):
                yield "R07"
            if parities and cadre.parity not in (None, *parities):
                yield "R07"
        if self.standing.days_away(cadre.id, batch) > problem.rules["max_overlap_days"]:
            yield "R05"
        if problem.batch_pins.get(cadre.id, batch.place) != batch.place:
            yield "PINS"

    def opens(self, cadre: Cadre, batch: Batch, limits: Limits) -> bool:
        bars = self.barred(cadre, batch) - limits.lifted
        if limits.overlap is not None and self.standing.days_away(cadre.id, batch) <= limits.overlap:
            bars -= {"R05"}
        if cadre.id in limits.free:
            bars -= {"R07"}
        if cadre.id in limits.unpinned:
            bars -= {"PINS"}
        return not bars

    def most(self, limits: Limits) -> int:
        """How many of the wanted can be seated at most; -1 when the firm people of the unit cannot be."""
        if limits not in self._known:
            self._known[limits] = self._solve(limits)
        return self._known[limits]

    def possible(self, limits: Limits) -> bool:
        return self.most(limits) == len(self.wanted)

    def _solve(self, limits: Limits) -> int:
        model = cp_model.CpModel()
        groups: Counter[People] = Counter()
        for cadre, wanted in [(c, True) for c in self.wanted] + [(c, False) for c in self.kept]:
            places = tuple(b.place for b in self.problem.batches if self.opens(cadre, b, limits))
            own = cadre.parity if "R07" not in limits.lifted and cadre.id not in limits.free else None
            groups[People(wanted, bool(cadre.must), str(cadre.track), cadre.leading, own, places)] += 1
        seated: list[cp_model.IntVar] = []
        must: list[cp_model.IntVar] = []
        at: dict[int, At] = defaultdict(list)
        for people, count in sorted(groups.items(), key=lambda item: repr(item[0])):
            row = [model.new_int_var(0, count, "") for _ in people.open]
            for place, number in zip(people.open, row, strict=True):
                at[place].append((people, number))
            if people.wanted or people.must:
                model.add(sum(row) <= count)
            elif row:
                model.add(sum(row) == count)
            seated += row if people.wanted else []
            must += row if people.must else []
        for place in sorted(at):
            self._limit(model, self.problem.batches[place], at[place], limits)
        model.maximize(sum(seated) + (len(self.wanted) + 1) * sum(must))  # must-attend people come first
        answer = run(model, 1, LIMIT)
        return answer.value(sum(seated)) if answer.found else -1

    def _limit(self, model: cp_model.CpModel, batch: Batch, here: At, limits: Limits) -> None:
        """Quota, leading members, seats and parities in a batch."""
        everyone = sum(number for _, number in here)
        quota = self.problem.quota(self.unit, batch)
        if quota is not None and "R01" not in limits.lifted and ("R01", batch.place) not in limits.waived:
            most = quota if limits.quota is None else limits.quota
            model.add(everyone <= max(most, self.standing.pinned[self.unit, batch.place]))
        leading = self.problem.leading_quota(self.unit, batch)
        if leading is not None and ("R08", batch.place) not in limits.waived and "R08" not in limits.lifted:
            fixed = self.standing.pinned_leading[self.unit, batch.place]
            model.add(sum(number for people, number in here if people.leading) <= max(leading, fixed))
        for track in sorted({people.track for people, _ in here}):
            room = self._room(batch, track, limits)
            if room is not None:
                model.add(sum(number for people, number in here if people.track == track) <= room)
        if not (
            "R03" in limits.lifted
            or ("R03", batch.place) in limits.waived
            or self.problem.is_waived("R03", f"{self.unit}@{batch.id}")
        ):
            self._parities(model, batch, here)

    def _room(self, batch: Batch, track: str, limits: Limits) -> int | None:
        """Seats of the track in the batch that the others leave; None without limit."""
        if "R04" in limits.lifted:
            return None
        if "R06" in limits.lifted and not batch.of_track(track):
            return None
        size = self.problem.rules["class_size"]["max"] if limits.size is None else limits.size
        taken = self.standing.taken[self.only_must, batch.place, track]
        mine = self.standing.firm[self.only_must, self.unit, batch.place, track]
        return max(0, len(batch.of_track(track)) * int(size) - taken + mine)

    def _parities(self, model: cp_model.CpModel, batch: Batch, here: At) -> None:
        """R03 as far as stage 1 knows it: those who can be away in one parity only leave the other side its people."""
        everyone = sum(number for _, number in here)
        both = {people.track: len(batch.parities(people.track)) == 2 for people, _ in here}
        for parity in ("odd", "even"):
            side = [number for people, number in here if self._only(people, batch) == parity]
            if not side:
                continue
            count = sum(side)
            if all(both.values()):
                model.add(2 * count <= everyone + 1)
                continue
            alone, mixed = model.new_bool_var(""), model.new_bool_var("")
            model.add(everyone <= 1).only_enforce_if(alone)
            model.add(count <= everyone - 1).only_enforce_if(alone.negated())
            single = sum(number for people, number in here if not both[people.track])
            model.add(single >= 1).only_enforce_if(mixed)
            model.add(single == 0).only_enforce_if(mixed.negated())
            model.add(2 * count <= everyone + 1).only_enforce_if(mixed.negated())

    @staticmethod
    def _only(people: People, batch: Batch) -> str | None:
        possible = [p for p in sorted(batch.parities(people.track)) if people.parity in (None, p)]
        return possible[0] if len(possible) == 1 else None
