"""Why stage 2 left people without a seat whom stage 1 had seated: rules of units, parities and sizes clash in a batch."""

from collections.abc import Callable, Iterator

from .changes import Change, apply
from .explain_text import Cause, Cure, Row, distinct, listed, thinned, told, ways_out
from .problem import Batch, Cadre, Klass, Problem
from .solving import solve
from .stage2_case import Case
from .stage2_flat import Flat

ORDER = ("R02", "PINS", "R04", "R03", "R07")
EVERY = frozenset({"*"})
LIMIT = 10.0


class LooseCase(Case):
    """A batch in which rules are lifted for units or people: rule -> their names, `*` for all."""

    lifted: dict[str, frozenset[str]]

    def _is_lifted(self, rule: str, name: str) -> bool:
        names = self.lifted.get(rule, frozenset())
        return name in names or "*" in names

    def size_range(self, klass: Klass) -> tuple[int, int]:
        return (0, len(self.members)) if self._is_lifted("R04", klass.track) else super().size_range(klass)

    def allowed(self, cadre: Cadre) -> tuple[Klass, ...]:
        classes = self.batch.of_track(str(cadre.track))
        if cadre.id in self.pins and not self._is_lifted("PINS", cadre.id):
            return tuple(klass for klass in classes if klass.id == self.pins[cadre.id])
        free = self._is_lifted("R07", cadre.id)
        return tuple(klass for klass in classes if free or cadre.parity in (None, klass.parity)) or classes

    def spread(self, unit: str, track: str) -> int | None:
        return None if self._is_lifted("R02", unit) else super().spread(unit, track)

    def split_units(self) -> list[tuple[str, list[Cadre], bool]]:
        return [row for row in super().split_units() if not self._is_lifted("R03", row[0])]


class Losses:
    """Whom stage 1 seated and the plan did not, batch by batch, and the conflict behind each batch's losses."""

    def __init__(self, problem: Problem, places: dict[str, int], first: dict[str, int], seed: int):
        self.problem = problem
        self.places = places
        self.first = first
        self.seed = seed
        self._found: dict[int, tuple[list[Cause], bool]] = {}
        self._answers: dict[tuple[int, str], bool] = {}
        self._seated: dict[str, tuple[int, int]] = {}

    def place_of(self, cadre: str) -> int | None:
        """Where stage 1 had the cadre."""
        return self.first.get(cadre)

    def possible(self, place: int, lifted: dict[str, frozenset[str]]) -> bool:
        """Whether everybody whom stage 1 seated in the batch finds a class."""
        key = (place, repr(sorted((rule, sorted(names)) for rule, names in lifted.items())))
        if key not in self._answers:
            people = [c for c in self.problem.cadres if self.place_of(c.id) == place]
            case = LooseCase(self.problem, self.problem.batches[place], people)
            case.lifted = lifted
            self._answers[key] = Flat(case).minimize(self.seed, LIMIT, 0).found
        return self._answers[key]

    def lost(self, only_must: bool) -> list[tuple[str, list[Cadre]]]:
        """(unit, people) per unit and batch: people of the covered age, or must-attend, whose seats stage 2 took."""
        groups: dict[tuple[str, int], list[Cadre]] = {}
        for cadre in self.problem.cadres:
            place = self.first.get(cadre.id)
            wanted = bool(cadre.must) if only_must else cadre.eligible and cadre.tier == 0
            if wanted and place is not None and cadre.id not in self.places:
                groups.setdefault((cadre.unit, place), []).append(cadre)
        return [(unit, groups[unit, place]) for unit, place in sorted(groups)]

    def lost_from(self, place: int, track: str) -> bool:
        """Whether stage 2 left anybody of the track in the batch without a class."""
        people = (name for name, where in self.first.items() if where == place and name not in self.places)
        return any(self.problem.by_id[name].track == track for name in people)

    def seated(self, place: int, track: str) -> int:
        """People of the track whom stage 1 seated in the batch."""
        return sum(
            1 for name, where in self.first.items() if where == place and self.problem.by_id[name].track == track
        )

    def explain(self, people: list[Cadre], demand: int) -> Row:
        """Why these people of one unit lost their seats in a batch."""
        place = self.first[people[0].id]
        causes, verified = self.conflict(place)
        batch, amount = self.problem.batches[place], len(people)
        sentences = "；".join(cause.sentence for cause in causes)
        row: Row = {
            "stage": 2,
            "amount": amount,
            "demand": demand,
            "supply": demand - amount,
            "sentence": f"期次 {batch.id} 分班时排不下：{sentences}；{amount} 人没有班可进。",
            "causes": [cause.row() for cause in causes],
            "verified": verified,
            "cures": listed(self._cures(causes, amount), amount),
        }
        return row

    def conflict(self, place: int) -> tuple[list[Cause], bool]:
        """Why not everybody whom stage 1 seated in the batch finds a class, and whether all was checked."""
        if place not in self._found:

            def possible(lifted: frozenset[str]) -> bool:
                return self.possible(place, dict.fromkeys(sorted(lifted), EVERY))

            first, ways = ways_out(ORDER, possible, frozenset({"R04"}))
            causes = []
            for group in first:
                sentence = self._say(group, place)
                changes = self._relax(ways[group], place)
                changes = changes if self._helps(changes, place) else []
                causes.append(Cause(group, sentence, tuple(changes), fixed=not changes))
            verified = bool(first) and all(possible(frozenset(way)) for way in ways.values())
            self._found[place] = (causes, verified)
        return self._found[place]

    def _relax(self, way: list[str], place: int) -> list[Change]:
        """Changes that lift the groups one after another for few people or units; none where people cannot."""
        lifted = dict.fromkeys(way, EVERY)
        changes: list[Change] = []
        for group in way:
            names = self._names(group, place, lifted)
            if not names:
                return []
            lifted[group] = frozenset(names)
            changes += self._changes(group, place, names)
        return distinct(changes)

    def _helps(self, changes: list[Change], place: int) -> bool:
        """Whether stages 1 and 2 together, planned anew after the changes, seat as many more as the batch lost."""
        if not changes:
            return False
        key = repr(changes)
        if key not in self._seated:
            document = apply(self.problem.document, changes)
            plan = solve(document, seed=self.seed, stages=(1, 2), prefer=self.problem.prefer)
            self._seated[key] = self._counted({row["cadre"] for row in plan["assignments"]})
        lost = {name for name, where in self.first.items() if where == place and name not in self.places}
        now = self._counted(set(self.places))
        return all(
            after >= before + more
            for after, before, more in zip(self._seated[key], now, self._counted(lost), strict=True)
        )

    def _counted(self, seated: set[str]) -> tuple[int, int]:
        """People of the covered age and must-attend people among those seated."""
        people = [self.problem.by_id[name] for name in sorted(seated)]
        return sum(c.eligible and c.tier == 0 for c in people), sum(bool(c.must) for c in people)

    def _people(self, place: int) -> list[Cadre]:
        """Whom stage 1 had in the batch, those who lost their seats first."""
        people = [c for c in self.problem.cadres if self.place_of(c.id) == place]
        return sorted(people, key=lambda c: c.id in self.places)

    def _names(self, group: str, place: int, lifted: dict[str, frozenset[str]]) -> list[str]:
        """A small set of people or units for whom the group has to be lifted, the others lifted as given."""
        people = self._people(place)
        touched = {
            "R02": people,
            "R03": people,
            "R04": [],
            "R07": [c for c in people if c.parity],
            "PINS": [c for c in people if c.id in self.problem.class_pins],
        }[group]
        of_unit = group in ("R02", "R03")
        names = list(dict.fromkeys(c.unit if of_unit else c.id for c in touched))
        likely = len({c.unit if of_unit else c.id for c in touched if c.id not in self.places})
        return _least(names, likely, lambda some: self.possible(place, {**lifted, group: frozenset(some)}))

    def _changes(self, group: str, place: int, names: list[str]) -> Iterator[Change]:
        if group in ("R02", "R03"):
            yield from _waived(group, names, self.problem.batches[place], self._people(place))
        for name in names if group == "R07" else ():
            yield {"kind": "drop_demand", "cadre": name, "field": "parity"}
        for name in names if group == "PINS" else ():
            yield {"kind": "drop_pin", "of": "classes", "subject": name}

    def _say(self, group: str, place: int) -> str:
        people = self._people(place)
        if group == "R07":
            odd, even = (sum(c.parity == parity for c in people) for parity in ("odd", "even"))
            return f"只能在单周离岗的有 {odd} 人、只能在双周离岗的有 {even} 人"
        if group == "PINS":
            return f"有 {sum(c.id in self.problem.class_pins for c in people)} 人已指定班级"
        if group == "R04":
            return "各班人数最多相差 1 人"
        if group == "R02":
            return "同一单位的人要分在不同的班"
        return "同一单位同期单周、双周人数最多相差 1 人（要留人在岗）"

    def _cures(self, causes: list[Cause], amount: int) -> Iterator[Cure]:
        for cause in causes:
            changes = list(cause.relax)
            if changes:
                pins = sum(change["kind"] == "drop_pin" for change in changes)
                cost = {"waivers": len(changes) - pins, "pins": pins}
                yield Cure(changes, told(changes), f"{amount} 人全部排进", 0, cost)


def _least(names: list[str], likely: int, enough: Callable[[list[str]], bool]) -> list[str]:
    """A small set of names that suffices; the first ones are the likely ones. Nothing where all do not."""
    if likely and enough(names[:likely]):
        return thinned(names[:likely], enough)
    if not enough(names):
        return []
    size = max(1, likely)
    while not enough(names[:size]):
        size = min(len(names), 2 * size)
    return thinned(names[:size], enough) if size <= 12 else names[:size]


def _waived(rule: str, units: list[str], batch: Batch, people: list[Cadre]) -> Iterator[Change]:
    for unit in units:
        if rule == "R03":
            yield {"kind": "waiver", "rule": rule, "subject": f"{unit}@{batch.id}"}
            continue
        for track in sorted({str(c.track) for c in people if c.unit == unit}):
            yield {"kind": "waiver", "rule": rule, "subject": f"{unit}@{batch.id}/{track}"}
