"""Why people of the covered age (COVER) or must-attend people (R07) have no seat, unit by unit.

A unit is short because of its own limits (quota, leading members, absences, demands, pins) or because the seats of the
batches are taken. The conflict is found with the unit's own model, which is exact while no limit of seats is in it; a
conflict that names the seats is put before stage 1 itself, which then may move everybody.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import replace

from .changes import PARITY_NAMES, Change, apply
from .explain_county import seats_left
from .explain_losses import Losses
from .explain_text import Cause, Cure, Row, distinct, is_reasonable, listed, names, thinned, told, ways_out
from .explain_unit import Limits, Standing, UnitModel
from .formats import Document
from .problem import Cadre, Problem

ORDER = ("R03", "R08", "PINS", "R07", "R05", "R06", "R04", "R01")
MOST_MORE = 6
MOST_LATER = 12


class Seats:
    """The seats of a plan and what stage 1 says of changed inputs, asked once for all units."""

    def __init__(self, document: Document, problem: Problem, places: dict[str, int]):
        self.document = document
        self.problem = problem
        self.standing = Standing(problem, places)
        self.places = places
        self._solved: dict[str, dict[str, int]] = {}
        spare = False
        for batch in problem.batches:
            for track in problem.tracks:
                room = len(batch.of_track(track)) * problem.rules["class_size"]["max"]
                spare = spare or self.standing.taken[False, batch.place, track] < room
        self.spare = spare

    def short(self, only_must: bool) -> dict[str, list[Cadre]]:
        """Unit -> its people of the covered age, or must-attend people, without a seat."""
        result: dict[str, list[Cadre]] = defaultdict(list)
        for cadre in self.problem.cadres:
            if cadre.id in self.places:
                continue
            if cadre.must if only_must else cadre.eligible and cadre.tier == 0:
                result[cadre.unit].append(cadre)
        return {unit: result[unit] for unit in sorted(result)}

    def left(self, changes: list[Change], only_must: bool) -> dict[str, int]:
        """Unit -> people without a seat after changes, by stage 1 for the whole county."""
        key = repr((changes, only_must))
        if key not in self._solved:
            problem = Problem(apply(self.document, changes), self.problem.prefer)
            self._solved[key] = seats_left(problem, only_must)
        return self._solved[key]


class Short:
    """One unit that is short: the conflict, its causes and its cures."""

    def __init__(self, seats: Seats, unit: str, people: list[Cadre], only_must: bool):
        self.seats = seats
        self.problem = seats.problem
        self.unit = unit
        self.people = people
        self.only_must = only_must
        members = seats.standing.members[unit]
        chosen = {cadre.id for cadre in people}
        wanted = [
            c for c in members if (bool(c.must) if only_must else c.eligible and c.tier == 0)
            if c.id in chosen or c.id in seats.places
        ]  # fmt: skip
        self.model = UnitModel(seats.standing, unit, wanted, only_must)
        self.demand = len(self.model.wanted)
        self.supply = self.demand - len(people)

    def possible(self, lifted: frozenset[str]) -> bool:
        """Whether everybody can be seated when groups of rules are lifted for the unit."""
        if self.model.possible(Limits(lifted)):
            return True
        if "R04" in lifted or not self.seats.spare or not self.model.possible(Limits(lifted | {"R04"})):
            return False
        return self._county_has_room(lifted)

    def _county_has_room(self, lifted: frozenset[str]) -> bool:
        """Stage 1 itself, everybody free to move, with the rules lifted for this unit alone."""
        return self._cured(list(self._lifting(lifted)))

    def unexplained(self) -> Row:
        """Nothing stands in the way that is known; the next solving may find the seats."""
        amount = len(self.people)
        return {
            "stage": 1,
            "amount": amount,
            "demand": self.demand,
            "supply": self.supply,
            "sentence": f"单位 {self.unit} 还有 {amount} 人没有排上，名额和座位都还有，可以重新编排。",
            "causes": [],
            "verified": False,
            "cures": [],
        }

    def _cured(self, changes: list[Change]) -> bool:
        left, now = self.seats.left(changes, self.only_must), self.seats.left([], self.only_must)
        return sum(left.values()) <= sum(now.values()) - len(self.people)

    def _lifting(self, lifted: frozenset[str]) -> Iterator[Change]:
        problem, unit = self.problem, self.unit
        people = [c for c in self.seats.standing.members[unit] if c.eligible]
        if "R01" in lifted:
            yield {"kind": "unit_quota", "unit": unit, "value": len(people)}
        for rule in ("R03", "R08"):
            if rule in lifted:
                for batch in problem.batches:
                    yield {"kind": "waiver", "rule": rule, "subject": f"{unit}@{batch.id}"}
        for cadre in people:
            if "R07" in lifted:
                for name in ("must", "must_not", "parity"):
                    yield {"kind": "drop_demand", "cadre": cadre.id, "field": name}
            if "PINS" in lifted and cadre.id in self.seats.problem.batch_pins:
                yield from _unpinned(self.seats.document, cadre.id)
        if "R05" in lifted:
            longest = max((self.seats.standing.days_away(c.id, b) for c in people for b in problem.batches), default=0)
            yield {"kind": "parameter", "name": "max_overlap_days", "value": longest}

    def explain(self) -> Row | None:
        """None where stage 1 has seats for everybody: then the loss came later."""
        first, ways = ways_out(self._groups(), self.possible, frozenset({"R06"}))
        if not first:
            return None
        causes, verified = [], True
        cures: list[Cure] = []
        for group in first:
            changes, limits = self._relax(ways[group])
            if changes and limits is not None and self.model.possible(limits):
                found = self._cure(changes, 0)
            elif changes and self._cured(changes):
                found = self._county_cure(changes)
            else:
                changes = []
            if changes and is_reasonable(changes, self._days()):
                cures.append(found)
            verified = verified and (bool(changes) or self.possible(frozenset(ways[group])))
            causes.append(Cause(group, self._say(group), tuple(changes), fixed=not changes))
        behind = sorted({group for way in ways.values() for group in way} - set(first), key=ORDER.index)
        return self._row(causes, behind, cures, verified)

    def _days(self) -> int:
        """How long the longest batch is."""
        return max(batch.last - batch.first + 1 for batch in self.problem.batches)

    def _groups(self) -> list[str]:
        """The groups of rules that touch the unit at all."""
        bars = {
            group
            for cadre in self.model.wanted
            for batch in self.problem.batches
            for group in self.model.barred(cadre, batch)
        }
        return [group for group in ORDER if group in ("R01", "R03", "R04", "R08") or group in bars]

    def _say(self, group: str) -> str:
        sentence: str = getattr(self, f"_say_{group.lower()}")()
        return sentence

    def _relax(self, way: list[str]) -> tuple[list[Change], Limits | None]:
        """Changes that lift the groups one after another, each no further than needed; none where people cannot."""
        changes: list[Change] = []
        limits: Limits | None = Limits()
        for number, group in enumerate(way):
            rest = frozenset(way[number + 1 :])
            if group == "R06":
                more = self._lift_r06()
                limits = None
            else:
                before = replace(limits, lifted=rest) if limits is not None else Limits(frozenset(way) - {group})
                more, found = getattr(self, f"_lift_{group.lower()}")(before)
                limits = None if limits is None else found
            if not more:
                return [], None
            changes += more
        return distinct(changes), limits if limits is None else replace(limits, lifted=frozenset())

    def _row(self, causes: list[Cause], behind: list[str], cures: list[Cure], verified: bool) -> Row:
        amount = len(self.people)
        why = "；".join(cause.sentence for cause in causes)
        text = f"单位 {self.unit} {self._wanted_name()} {self.demand} 人：{why}；{amount} 人排不进"
        if behind:
            text += f"。此外，{'；'.join(self._say(group) for group in behind)}"
        rules = {cause.rule for cause in causes} | set(behind)
        row: Row = {
            "stage": 1,
            "amount": amount,
            "demand": self.demand,
            "supply": self.supply,
            "sentence": f"{text}。",
            "causes": [cause.row() for cause in causes],
            "verified": verified,
            "cures": listed([*cures, *self._cures(rules)], amount),
        }
        if behind:
            row["also"] = [{"rule": group, "sentence": self._say(group)} for group in behind]
        return row

    def _wanted_name(self) -> str:
        if self.only_must:
            return "必须参加的干部"
        return f"要排的 {self.problem.rules['full_coverage_age']} 周岁以下未参训"

    # what each group of rules says here

    def _say_r01(self) -> str:
        quotas = [self.problem.quota(self.unit, batch) for batch in self.problem.batches]
        known = [quota for quota in quotas if quota is not None]
        if len(set(known)) == 1:
            places = known[0] * len(known)
            return f"按每期最多 {known[0]} 人 × {len(known)} 期只有 {places} 个名额"
        return f"{len(known)} 期一共只有 {sum(known)} 个名额"

    def _say_r03(self) -> str:
        count = sum(cadre.parity is not None for cadre in self.model.wanted)
        sides = {side for b in self.problem.batches for c in self.model.wanted for side in b.parities(c.track)}
        if len(sides) == 1:
            return f"同期单周、双周人数最多相差 1 人（要留人在岗），而这里只有{PARITY_NAMES[sides.pop()]}班"
        return f"同期单周、双周人数最多相差 1 人（要留人在岗），而限定单双周的有 {count} 人"

    def _say_r04(self) -> str:
        size, tracks = self.problem.rules["class_size"]["max"], {c.track for c in self.people}
        seats = sum(len(b.of_track(str(t))) * size for b in self.problem.batches for t in tracks)
        return f"各期座位都已排满（每班最多 {size} 人，共 {seats} 个座位）"

    def _say_r05(self) -> str:
        most = self.problem.rules["max_overlap_days"]
        hit = [
            c for c in self.model.wanted if any("R05" in self.model.barred(c, b) for b in self.problem.batches)
        ]  # fmt: skip
        batches = [b.id for b in self.problem.batches if any("R05" in self.model.barred(c, b) for c in hit)]
        if len(hit) == len(batches) == 1:
            away = self.seats.standing.days_away(hit[0].id, next(b for b in self.problem.batches if b.id == batches[0]))
            return f"干部 {hit[0].id} 在期次 {batches[0]} 有 {away} 天不能参加，最多容许 {most} 天"
        return f"有 {len(hit)} 人在期次 {names(batches)} 不能参加的天数超过 {most} 天"

    def _say_r06(self) -> str:
        tracks = sorted({str(c.track) for c in self.people if c.track is not None})
        if any(c.attended and not self.problem.rules["repeats"] for c in self.people):
            return "有人以前参加过，按规定不再参加"
        if not tracks:
            return "有人不符合任何班型的条件"
        return f"没有班型 {names(tracks)} 的班"

    def _say_r07(self) -> str:
        hit = [c for c in self.model.wanted if any("R07" in self.model.barred(c, b) for b in self.problem.batches)]
        hit = hit or [c for c in self.model.wanted if c.parity]
        return f"有 {len(hit)} 人限定了期次或单双周"

    def _say_r08(self) -> str:
        count = sum(cadre.leading for cadre in self.model.wanted)
        most, batches = self.problem.rules["leading_max"], len(self.problem.batches)
        return f"其中班子成员 {count} 人，按每期最多 {most} 人 × {batches} 期只有 {most * batches} 个名额"

    def _say_pins(self) -> str:
        pins = self.problem.batch_pins
        out = sum(c.id in pins and pins[c.id] is None for c in self.model.wanted)
        fixed = sum(pins.get(c.id) is not None for c in self.model.wanted)
        parts = [f"{out} 人已确认暂缓"] if out else []
        parts += [f"{fixed} 人已指定期次"] if fixed else []
        return "、".join(parts)

    # the least that lifts it; what the limits given lift already stays lifted

    def _lift_r01(self, limits: Limits) -> tuple[list[Change], Limits]:
        steps = (replace(limits, quota=n) for n in range(1, self.demand + 1))
        found = next((row for row in steps if self.model.possible(row)), replace(limits, quota=self.demand))
        return [{"kind": "unit_quota", "unit": self.unit, "value": found.quota}], found

    def _lift_r04(self, limits: Limits) -> tuple[list[Change], Limits]:
        size = int(self.problem.rules["class_size"]["max"])
        steps = (replace(limits, size=n) for n in range(size + 1, size + self.demand + 1))
        found = next((row for row in steps if self.model.possible(row)), replace(limits, size=size + self.demand))
        return [{"kind": "parameter", "name": "class_size.max", "value": found.size}], found

    def _lift_r05(self, limits: Limits) -> tuple[list[Change], Limits]:
        standing = self.seats.standing
        days = sorted({standing.days_away(c.id, b) for c in self.model.wanted for b in self.problem.batches})
        steps = (replace(limits, overlap=n) for n in days if n > self.problem.rules["max_overlap_days"])
        found = next((row for row in steps if self.model.possible(row)), replace(limits, overlap=days[-1]))
        return [{"kind": "parameter", "name": "max_overlap_days", "value": found.overlap}], found

    def _lift_r06(self) -> list[Change]:
        """A class of the track in every batch, or repeats; who fits no track stays out."""
        if any(c.track is None for c in self.people):
            return []
        if any(not c.eligible for c in self.people):
            return [{"kind": "parameter", "name": "repeats", "value": True}]
        held = {klass.track for klass in self.problem.classes.values()}
        tracks = sorted({str(c.track) for c in self.people} - held)
        return [{"kind": "more_classes", "batch": None, "track": track, "count": 1} for track in tracks]

    def _lift_r07(self, limits: Limits) -> tuple[list[Change], Limits]:
        rows = self.seats.standing.rows
        everyone = list(dict.fromkeys([*self.people, *self.model.wanted, *self.model.kept]))
        asked = [(c.id, name) for c in everyone for name in ("must", "must_not", "parity") if rows[c.id][name]]

        def enough(some: list[str]) -> bool:
            return self.model.possible(replace(limits, free=frozenset(some)))

        people = thinned(list(dict.fromkeys(name for name, _ in asked)), enough)
        changes = [{"kind": "drop_demand", "cadre": name, "field": what} for name, what in asked if name in people]
        return changes, replace(limits, free=frozenset(people))

    def _lift_r08(self, limits: Limits) -> tuple[list[Change], Limits]:
        return self._waive("R08", limits)

    def _lift_r03(self, limits: Limits) -> tuple[list[Change], Limits]:
        return self._waive("R03", limits)

    def _waive(self, rule: str, limits: Limits) -> tuple[list[Change], Limits]:
        def waived(places: list[int]) -> Limits:
            return replace(limits, waived=limits.waived | {(rule, place) for place in places})

        every = [batch.place for batch in self.problem.batches]
        places = thinned(every, lambda some: self.model.possible(waived(some)))
        batches = [self.problem.batches[place] for place in places]
        changes = [{"kind": "waiver", "rule": rule, "subject": f"{self.unit}@{b.id}"} for b in batches]
        return changes, waived(places)

    def _lift_pins(self, limits: Limits) -> tuple[list[Change], Limits]:
        pins = self.problem.batch_pins
        everyone = dict.fromkeys([*self.people, *self.model.wanted, *self.model.kept])

        def enough(some: list[str]) -> bool:
            return self.model.possible(replace(limits, unpinned=frozenset(some)))

        people = thinned([c.id for c in everyone if c.id in pins], enough)
        changes = [change for name in people for change in _unpinned(self.seats.document, name)]
        return changes, replace(limits, unpinned=frozenset(people))

    # cures

    def _cures(self, rules: set[str]) -> Iterator[Cure]:
        if "R01" in rules:
            yield from self._quota_cures()
        if len(self.problem.batches) > 1 and rules & {"R01", "R03", "R04", "R05", "R07", "R08"}:
            yield from self._more_batches()
        if len(self.problem.batches) == 1:
            yield from self._later(rules)
        if "R04" in rules:
            tracks = sorted({str(c.track) for c in self.people if c.track is not None})
            changes: list[Change] = [
                {"kind": "more_classes", "batch": None, "track": track, "count": 1} for track in tracks
            ]
            yield self._county_cure(changes)

    def _quota_cures(self) -> Iterator[Cure]:
        """One more place for the unit, and an exception for single batches."""
        quotas = [self.problem.quota(self.unit, batch) for batch in self.problem.batches]
        now = min((quota for quota in quotas if quota is not None), default=0)
        left = self.demand - self.model.most(Limits(quota=now + 1))
        yield self._cure([{"kind": "unit_quota", "unit": self.unit, "value": now + 1}], left)
        if len(self.problem.batches) <= 24:
            changes, limits = self._waive("R01", Limits())
            yield self._cure(changes, self.demand - self.model.most(limits))

    def _more_batches(self) -> Iterator[Cure]:
        for count in range(1, MOST_MORE + 1):
            cure = self._county_cure([{"kind": "more_batches", "count": count}])
            if cure.leaves == 0 or count == 1:
                yield cure
            if cure.leaves == 0 or cure.leaves >= len(self.people):
                return

    def _later(self, rules: set[str]) -> Iterator[Cure]:
        """Those who have no seat come to another session; where it was for reasons of their own, others may come."""
        if self.only_must or len(self.people) > MOST_LATER or any(cadre.must for cadre in self.people):
            return
        changes: list[Change] = [{"kind": "later", "cadre": cadre.id} for cadre in self.people]
        others = "，单位可以另派人" if rules <= {"R05", "R07"} else ""
        left = min(self.seats.left(changes, self.only_must).get(self.unit, 0), len(self.people))
        buys = f"本期不再缺这 {len(self.people)} 人{others}"
        yield Cure(changes, told(changes), buys, left, self._cost(changes))

    def _county_cure(self, changes: list[Change]) -> Cure:
        left = self.seats.left(changes, self.only_must)
        return self._cure(changes, min(left.get(self.unit, 0), len(self.people)))

    def _cure(self, changes: list[Change], leaves: int) -> Cure:
        amount = len(self.people)
        buys = f"{amount} 人全部排进" if leaves <= 0 else f"再排进 {amount - leaves} 人，还差 {leaves} 人"
        return Cure(changes, told(changes), buys, max(0, leaves), self._cost(changes))

    def _cost(self, changes: list[Change]) -> dict[str, int]:
        cost: dict[str, int] = defaultdict(int)
        batches, size = len(self.problem.batches), self.problem.rules["class_size"]
        for change in changes:
            kind = change["kind"]
            if kind == "unit_quota":
                own = self.problem.units[self.unit]["quota"]
                before = self.problem.rules["unit_max_per_batch"] if own is None else own
                cost["seats"] += (change["value"] - before) * batches
            elif kind == "parameter" and change["name"] == "class_size.max":
                classes = len(self.problem.classes)
                cost["seats"] += (change["value"] - size["max"]) * classes
            elif kind == "parameter" and change["name"] == "repeats":
                cost["rules"] += 1
            elif kind == "parameter":
                cost["days"] += change["value"] - self.problem.rules[change["name"]]
            elif kind == "more_classes":
                cost["seats"] += size["max"] * batches * change["count"]
            elif kind == "more_batches":
                cost["batches"] += change["count"]
            elif kind == "later":
                cost["people"] += 1
            else:
                cost["waivers"] += 1
        return dict(cost)


def _unpinned(document: Document, cadre: str) -> Iterator[Change]:
    for kind in ("batches", "classes"):
        if any(row["cadre"] == cadre for row in document["pins"][kind]):
            yield {"kind": "drop_pin", "of": kind, "subject": cadre}


def explain_people(seats: Seats, losses: Losses, tell: Callable[[float, str], None]) -> list[Row]:
    """COVER of every unit short, R07 of every must-attend cadre unseated; the loss may be stage 1's or stage 2's.

    `seats` hold what stage 1 gave out; a unit that lost people in both stages has a row for each.
    """
    rows: list[Row] = []
    for only_must in (False, True):
        short = seats.short(only_must)
        for number, (unit, people) in enumerate(short.items()):
            tell(0.5 * only_must + 0.5 * number / len(short), f"单位 {unit}")
            case = Short(seats, unit, people, only_must)
            rows += _named(unit, people, case.explain() or case.unexplained(), only_must)
        for unit, people in losses.lost(only_must):
            tell(0.5 * only_must + 0.5, f"单位 {unit}")
            demand = Short(seats, unit, people, only_must).demand
            rows += _named(unit, people, losses.explain(people, demand), only_must)
    return rows


def _named(unit: str, people: list[Cadre], row: Row, only_must: bool) -> list[Row]:
    if not only_must:
        return [{"rule": "COVER", "subject": unit, "people": [cadre.id for cadre in people], **row}]
    return [{"rule": "R07", "subject": cadre.id, **row, "amount": 1} for cadre in people]
