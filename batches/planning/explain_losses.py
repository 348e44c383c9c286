"""Why stage 2 left people without a seat whom stage 1 had seated: rules of units, parities and sizes clash in a batch."""

from collections.abc import Callable, Iterator

from . import stage1_batches
from .changes import Change, say
from .control import Control
from .explain_text import Cause, Cure, Row, conflicts, listed, thinned
from .problem import Batch, Cadre, Klass, Problem
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

    def __init__(self, problem: Problem, places: dict[str, int], seed: int):
        self.problem = problem
        self.places = places
        self.seed = seed
        self._first: dict[str, int] | None = None
        self._found: dict[int, tuple[list[list[Cause]], bool]] = {}
        self._answers: dict[tuple[int, str], bool] = {}

    def place_of(self, cadre: str) -> int | None:
        """Where stage 1 had the cadre."""
        if self._first is None:
            self._first, _ = stage1_batches.solve(self.problem, self.seed, Control())
        return self._first.get(cadre)

    def possible(self, place: int, lifted: dict[str, frozenset[str]]) -> bool:
        """Whether everybody whom stage 1 seated in the batch finds a class."""
        key = (place, repr(sorted((rule, sorted(names)) for rule, names in lifted.items())))
        if key not in self._answers:
            people = [c for c in self.problem.cadres if self.place_of(c.id) == place]
            case = LooseCase(self.problem, self.problem.batches[place], people)
            case.lifted = lifted
            self._answers[key] = Flat(case).minimize(self.seed, LIMIT, 0).found
        return self._answers[key]

    def explain(self, people: list[Cadre], demand: int) -> Row | None:
        """Why these people of one unit (or of one class) lost their seats; None where stage 1 had none for them."""
        placed = sorted({place for c in people if (place := self.place_of(c.id)) is not None})
        if not placed:
            return None
        place = placed[0]
        causes, verified = self._conflict(place)
        batch, amount = self.problem.batches[place], len(people)
        if not causes:
            return None
        more = [change for layer in causes[1:] for change in layer[0].relax]
        sentences = "；".join(cause.sentence for layer in causes for cause in layer)
        row: Row = {
            "stage": 2,
            "amount": amount,
            "demand": demand,
            "supply": demand - amount,
            "sentence": f"期次 {batch.id} 分班时排不下：{sentences}；{amount} 人没有班可进。",
            "causes": [cause.row(more) for cause in causes[0]],
            "verified": verified,
            "cures": listed(self._cures(causes, more, amount), amount),
        }
        return row

    def _conflict(self, place: int) -> tuple[list[list[Cause]], bool]:
        if place not in self._found:
            layers = conflicts(ORDER, lambda lifted: self.possible(place, dict.fromkeys(sorted(lifted), EVERY)))
            firsts = [layer[0] for layer in layers]
            causes, verified = [], bool(layers)
            for number, layer in enumerate(layers):
                others = dict.fromkeys((first for n, first in enumerate(firsts) if n != number), EVERY)
                rows = []
                for group in layer:
                    cause = self._cause(group, place, others)
                    rows.append(cause)
                    verified = verified and self.possible(place, {**others, group: EVERY})
                causes.append(rows)
            self._found[place] = (causes, verified)
        return self._found[place]

    def _cause(self, group: str, place: int, others: dict[str, frozenset[str]]) -> Cause:
        batch = self.problem.batches[place]
        people = [c for c in self.problem.cadres if self.place_of(c.id) == place]
        lost = [c for c in people if c.id not in self.places]

        def enough(names: list[str]) -> bool:
            return self.possible(place, {**others, group: frozenset(names)})

        if group == "R04":
            return Cause("R04", "各班人数最多相差 1 人", (), fixed=True)
        if group == "R07":
            bound = [c.id for c in lost if c.parity] + [c.id for c in people if c.parity and c not in lost]
            names = _least(bound, len([c for c in lost if c.parity]), enough)
            odd = sum(c.parity == "odd" for c in people)
            even = sum(c.parity == "even" for c in people)
            text = f"只能在单周离岗的有 {odd} 人、只能在双周离岗的有 {even} 人"
            return Cause("R07", text, tuple(_dropped(names)), fixed=not names)
        if group == "PINS":
            pinned = [c.id for c in people if c.id in self.problem.class_pins]
            names = _least(pinned, 0, enough)
            changes = [{"kind": "drop_pin", "of": "classes", "subject": name} for name in names]
            return Cause("PINS", f"有 {len(pinned)} 人已指定班级", tuple(changes), fixed=not changes)
        units = list(dict.fromkeys(c.unit for c in [*lost, *people]))
        names = _least(units, len({c.unit for c in lost}), enough)
        return Cause(group, self._say_unit(group, names), tuple(_waived(group, names, batch, people)), fixed=not names)

    @staticmethod
    def _say_unit(group: str, units: list[str]) -> str:
        whom = f"单位 {'、'.join(units[:4])}" if units else "有的单位"
        if group == "R02":
            return f"{whom} 的人要分在不同的班"
        return f"{whom} 同期单周、双周人数最多相差 1 人（要留人在岗）"

    def _cures(self, causes: list[list[Cause]], more: list[Change], amount: int) -> Iterator[Cure]:
        for cause in causes[0]:
            if cause.relax and all(layer[0].relax for layer in causes[1:]):
                changes: list[Change] = [*cause.relax, *more]
                sentence = "；".join(say(change) for change in changes[:3])
                sentence += f"等 {len(changes)} 处" if len(changes) > 3 else ""
                yield Cure(changes, sentence, f"{amount} 人全部排进", 0, {"waivers": len(changes)})


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


def _dropped(people: list[str]) -> Iterator[Change]:
    for name in people:
        yield {"kind": "drop_demand", "cadre": name, "field": "parity"}


def _waived(rule: str, units: list[str], batch: Batch, people: list[Cadre]) -> Iterator[Change]:
    for unit in units:
        if rule == "R03":
            yield {"kind": "waiver", "rule": rule, "subject": f"{unit}@{batch.id}"}
            continue
        for track in sorted({str(c.track) for c in people if c.unit == unit}):
            yield {"kind": "waiver", "rule": rule, "subject": f"{unit}@{batch.id}/{track}"}
