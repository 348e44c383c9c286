"""Why classes stay below their minimum (R04): too few people may or can come to the batch.

Stage 1 seats as many people under the minima as the rules let it; what is asked of it here is the same question with
groups of rules lifted for everybody, and, for the people themselves, with as many more of them as are missing.
"""

import copy
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

from .changes import Change, apply, say
from .explain_county import seating
from .explain_losses import Losses
from .explain_text import Cause, Cure, Row, distinct, is_reasonable, listed, told, ways_out
from .formats import Document
from .problem import Batch, Problem

ORDER = ("PINS", "R03", "R08", "R07", "R05", "R01", "R06", "R04")
PLENTY = 10_000
STEPS = (1, 2, 3, 5, 8, 13, 30)


class Sizes:
    """Stage 1 asked again; one answer for every input."""

    def __init__(self, document: Document, prefer: str):
        self.document = document
        self.problem = Problem(document, prefer)
        self._answers: dict[str, dict[tuple[str, str], int]] = {}

    def missing(
        self, changes: list[Change], lifted: frozenset[str], more: tuple[str, int]
    ) -> dict[tuple[str, str], int]:
        """(batch, track) -> people missing under the minima of its classes."""
        key = repr((changes, sorted(lifted), more if "R06" in lifted else None))
        if key not in self._answers:
            document = apply(self.document, changes) if changes else copy.deepcopy(self.document)
            for group in sorted(lifted):
                _LIFT[group](document, *more)
            problem = Problem(document, self.problem.prefer)
            self._answers[key] = _missing(problem, seating(problem))
        return self._answers[key]


def _missing(problem: Problem, places: dict[str, int]) -> dict[tuple[str, str], int]:
    least = problem.rules["class_size"]["min"]
    result = {}
    for batch in problem.batches:
        for track in problem.tracks:
            people = sum(
                1 for name, place in places.items() if place == batch.place and problem.by_id[name].track == track
            )
            result[batch.id, track] = max(0, len(batch.of_track(track)) * least - people)
    return result


class ShortTrack:
    """The classes of a track in a batch that are too small together."""

    def __init__(self, sizes: Sizes, batch: str, track: str, people: int):
        self.sizes = sizes
        self.problem = sizes.problem
        self.batch = next(row for row in self.problem.batches if row.id == batch)
        self.track = track
        self.people = people
        self.least: int = self.problem.rules["class_size"]["min"]
        self.classes = self.batch.of_track(track)
        self.wanted = len(self.classes) * self.least
        self.more = (track, self.wanted)
        self.now = sum(sizes.missing([], frozenset(), self.more).values())

    def possible(self, lifted: frozenset[str], changes: tuple[Change, ...] = ()) -> bool:
        """Whether the county's classes miss fewer people by as many as are missing here."""
        left = sum(self.sizes.missing(list(changes), lifted, self.more).values())
        return left <= self.now - (self.wanted - self.people)

    def explain(self) -> tuple[list[Cause], list[str], bool]:
        """The causes, what stands behind them, and whether all was checked."""
        first, ways = ways_out(ORDER, self.possible, frozenset({"R04", "R06"}))
        causes = []
        for group in first:
            changes = self._relax(ways[group])
            causes.append(Cause(group, self._say(group), tuple(changes), fixed=not changes))
        behind = sorted({group for way in ways.values() for group in way} - set(first), key=ORDER.index)
        verified = bool(first) and all(self.possible(frozenset(way)) for way in ways.values())
        return causes, [self._say(group) for group in behind], verified

    def _relax(self, way: list[str]) -> list[Change]:
        """Changes that lift the groups one after another; none where none of those tried does."""
        changes: list[Change] = []
        for number, group in enumerate(way):
            rest = frozenset(way[number + 1 :])
            tried = (distinct([*changes, *more]) for more in self._attempts(group) if more)
            found = next((row for row in tried if self.possible(rest, tuple(row))), None)
            if found is None:
                return []
            changes = found
        return changes

    def _attempts(self, group: str) -> Iterator[list[Change]]:
        rules, document = self.problem.rules, self.sizes.document
        if group == "R04":
            yield [{"kind": "parameter", "name": "class_size.min", "value": self.people // max(1, len(self.classes))}]
        elif group in ("R01", "R08"):
            name = "unit_max_per_batch" if group == "R01" else "leading_max"
            for step in STEPS:
                yield [{"kind": "parameter", "name": name, "value": rules[name] + step}]
        elif group == "R05":
            for days in (7, 14, 28, 60, 120, 400):
                yield [{"kind": "parameter", "name": "max_overlap_days", "value": rules["max_overlap_days"] + days}]
        elif group == "R07":
            rows = [(row, name) for row in document["cadres"] for name in ("must", "must_not", "parity") if row[name]]
            yield [{"kind": "drop_demand", "cadre": row["id"], "field": name} for row, name in rows]
        elif group == "R06" and not rules["repeats"]:
            yield [{"kind": "parameter", "name": "repeats", "value": True}]
        elif group == "PINS":
            yield [
                {"kind": "drop_pin", "of": kind, "subject": row["cadre"]}
                for kind in ("batches", "classes")
                for row in document["pins"][kind]
            ]

    def _say(self, group: str) -> str:
        rules, problem = self.problem.rules, self.problem
        able = [c for c in problem.cadres if c.eligible and c.track == self.track]
        here = [c for c in able if self.batch.place in c.open]
        return {
            "R01": f"每单位每期一般最多 {rules['unit_max_per_batch']} 人，{len({c.unit for c in here})} 个单位有人能来",
            "R03": "同一单位同期单周、双周人数最多相差 1 人",
            "R04": f"{len(self.classes)} 个班每班至少 {self.least} 人，共要 {self.wanted} 人",
            "R05": f"有的人不能参加的天数超过 {rules['max_overlap_days']} 天",
            "R06": f"符合条件的只有 {len(able)} 人，其中能来本期的 {len(here)} 人",
            "R07": "有的人限定了期次或单双周",
            "R08": f"每单位每期班子成员最多 {rules['leading_max']} 人",
            "PINS": "有的人已确认暂缓或指定了别的期次",
        }[group]

    def cures(self, klass: str, size: int, causes: list[Cause]) -> Iterator[Cure]:
        amount = self.least - size
        for cause in causes:
            changes = list(cause.relax)
            if changes and cause.rule != "R04" and is_reasonable(changes, self.batch.last - self.batch.first + 1):
                yield Cure(
                    changes, told(changes), f"{amount} 人全部补上", 0, {"seats": amount, "waivers": len(changes)}
                )
        waiver: Change = {"kind": "waiver", "rule": "R04", "subject": klass}
        yield Cure([waiver], say(waiver), "不再算作缺口", 0, {"waivers": 1})
        less: Change = {"kind": "parameter", "name": "class_size.min", "value": size}
        yield Cure([less], say(less), "不再算作缺口", 0, {"seats": amount, "waivers": 1})


class Shortage:
    """Why the classes of a track in a batch are too small: too few people came, or stage 2 found them no class."""

    def __init__(self, sizes: Sizes, losses: Losses, batch: Batch, track: str):
        self.case = ShortTrack(sizes, batch.id, track, losses.seated(batch.place, track))
        self.causes: list[Cause] = []
        self.behind: list[str] = []
        self.verified = True
        self.people = self.case.people
        if self.people < self.case.wanted:
            self.causes, self.behind, self.verified = self.case.explain()
        if losses.lost_from(batch.place, track):
            self._add(*losses.conflict(batch.place))

    def _add(self, causes: list[Cause], verified: bool) -> None:
        """What stage 2 lost stands behind what stage 1 could not seat: no one change is known to lift both."""
        self.verified = self.verified and verified
        if not self.causes:
            self.causes = causes
            return
        self.behind += [cause.sentence for cause in causes]
        self.causes = [Cause(cause.rule, cause.sentence, (), fixed=True) for cause in self.causes]


def explain_sizes(document: Document, plan: Document, losses: Losses, tell: Callable[[float, str], None]) -> list[Row]:
    """R04 of every class below its minimum."""
    short = {row["subject"]: row["amount"] for row in plan["shortfalls"] if row["rule"] == "R04"}
    if not short:
        return []
    sizes = Sizes(document, losses.problem.prefer)
    problem = sizes.problem
    least = problem.rules["class_size"]["min"]
    found: dict[tuple[str, str], Shortage] = {}
    rows: list[Row] = []
    for number, (name, amount) in enumerate(sorted(short.items())):
        tell(number / len(short), f"班级 {name}")
        batch, track = problem.batch_of_class[name], problem.classes[name].track
        if (batch.id, track) not in found:
            found[batch.id, track] = Shortage(sizes, losses, batch, track)
        rows.append(_row(found[batch.id, track], name, least - amount))
    return rows


def _row(shortage: Shortage, klass: str, size: int) -> Row:
    case = shortage.case
    amount = case.least - size
    why = [*(cause.sentence for cause in shortage.causes), *shortage.behind]
    head = f"班级 {klass} 只有 {size} 人，比下限 {case.least} 人少 {amount} 人"
    body = f"期次 {case.batch.id} 选到 {case.people} 人：{'；'.join(why)}" if why else "分班时有人没有班可进"
    row: dict[str, Any] = {
        "rule": "R04",
        "subject": klass,
        "stage": 2,
        "amount": amount,
        "demand": case.least,
        "supply": size,
        "sentence": f"{head}。{body}。",
        "causes": [cause.row() for cause in shortage.causes],
        "verified": shortage.verified and bool(shortage.causes),
        "cures": listed(case.cures(klass, size, shortage.causes), amount),
    }
    return row


def _lift_people(document: Document, track: str, count: int) -> None:
    """As many more people of the track, each of a unit of its own and free at all times."""
    problem = Problem(document)
    like = next((c.id for c in problem.cadres if c.track == track), None)
    model: dict[str, Any] = next((row for row in document["cadres"] if row["id"] == like), {}) or _invented(
        problem, track
    )
    kind = document["units"][0]["kind"] if document["units"] else ""
    free = {"attended_before": False, "unavailable": [], "must": [], "must_not": [], "parity": None, "leading": False}
    for number in range(count * len(document["batches"])):
        name = f"x-person-{number}"
        document["units"].append({"id": name, "kind": kind, "quota": 1})
        document["cadres"].append({**model, **free, "id": name, "unit": name})


def _invented(problem: Problem, track: str) -> dict[str, Any]:
    """Somebody who meets the criteria of a track that nobody meets."""
    criteria = next(row["criteria"] for row in problem.rules["tracks"] if row["id"] == track)
    year = int(problem.rules["reference_month"][:4])
    low, high = criteria["min_age"], criteria["max_age"]
    age = low if low is not None else min(30, high) if high is not None else 30
    return {
        "sex": "F",
        "birth": f"{max(1, year - age):04d}-01",
        "level": (criteria["levels"] or [""])[0],
        "rank": "",
        "post_kind": (criteria["post_kinds"] or [""])[0],
    }


def _lift_quotas(document: Document, track: str, count: int) -> None:
    people = Counter(row["unit"] for row in document["cadres"])
    for unit in document["units"]:
        unit["quota"] = people[unit["id"]]


def _lift_leading(document: Document, track: str, count: int) -> None:
    document["programme"]["leading_max"] = PLENTY


def _lift_absences(document: Document, track: str, count: int) -> None:
    for row in document["cadres"]:
        row["unavailable"] = []


def _lift_demands(document: Document, track: str, count: int) -> None:
    for row in document["cadres"]:
        row.update(must=[], must_not=[], parity=None)


def _lift_pins(document: Document, track: str, count: int) -> None:
    document["pins"].update(batches=[], classes=[])


def _lift_minimum(document: Document, track: str, count: int) -> None:
    document["programme"]["class_size"]["min"] = 0


def _lift_parities(document: Document, track: str, count: int) -> None:
    document["waivers"] += [
        {"rule": "R03", "subject": f"{unit['id']}@{batch['id']}", "reason": "-", "approver": "-"}
        for unit in document["units"]
        for batch in document["batches"]
    ]


_LIFT = {
    "PINS": _lift_pins,
    "R01": _lift_quotas,
    "R03": _lift_parities,
    "R04": _lift_minimum,
    "R05": _lift_absences,
    "R06": _lift_people,
    "R07": _lift_demands,
    "R08": _lift_leading,
}
