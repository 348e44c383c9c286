"""Why a class goes to too few villages (R14), for too few days (R15), or a gathering is not held (R10).

A demand is tried with groups of rules lifted, the other classes of the batch staying where the plan has them; what
cannot be met with every group lifted but some is a conflict of those. Nothing is lifted for good: each cause carries
the smallest change that lifts it, or none where people cannot (a holiday, beds that do not exist).
"""

from collections.abc import Callable, Iterator
from typing import Any

from ortools.sat.python import cp_model

from .changes import Change, say
from .cpsat import run
from .explain_causes import closures, say_cause
from .explain_text import Cause, Cure, Row, distinct, listed, thinned, told, ways_out
from .explain_world import BatchCase, Site, World
from .formats import Document

ORDER = ("R16", "R10", "PINS", "R19", "OTHERS", "R17", "R13", "R12", "R09", "R11")
NEVER = frozenset({"R10", "R11", "R17", "R19", "OTHERS"})
VILLAGE_LIMIT = 2.0
MOST_MORE = 24  # gatherings or villages asked of a class: more than any batch has weeks for


class ClassCase:
    """One class of a batch and what its gatherings could be."""

    def __init__(self, case: BatchCase, klass: str):
        self.case = case
        self.problem = case.problem
        self.klass = klass
        self.held = {index: row for (name, index), row in case.meetings.held.items() if name == klass}
        self.taken, self.busy = case.meetings.others(klass)
        self.staff = self.problem.classes[klass].staff
        self._sites: dict[tuple[str, int, frozenset[str]], list[Site]] = {}

    def sites(self, index: int, lifted: frozenset[str], more: int, changes: tuple[Change, ...]) -> Iterator[Site]:
        """Sites at which the gathering could be held on some day, each once."""
        world = self.case.world(lifted, more, changes)
        pins = "PINS" not in lifted
        days = world.first_days(self.klass, index, pins)
        for site in world.sites(self.klass, index, pins):
            if any(self._free(first, site, index, lifted) and self._fits(world, index, first, site) for first in days):
                yield site

    def _fits(self, world: World, index: int, first: int, site: Site) -> bool:
        return world.fits(self.klass, index, first, site)

    def _free(self, first: int, site: Site, index: int, lifted: frozenset[str]) -> bool:
        if self.held.get(index) == (first, site.bases):
            return True
        days = range(first, first + self.problem.days)
        if "OTHERS" not in lifted and any((base, day) in self.taken for base in site.bases for day in days):
            return False
        return "R19" in lifted or not any((person, day) in self.busy for person in self.staff for day in days)

    def can_hold(self, index: int, lifted: frozenset[str], more: int = 1, changes: tuple[Change, ...] = ()) -> bool:
        return next(self.sites(index, lifted, more, changes), None) is not None

    def count(self, lifted: frozenset[str], more: int = 1, changes: tuple[Change, ...] = ()) -> int:
        """Gatherings that could be held."""
        indexes = self.case.world(lifted, more, changes).indexes(self.klass)
        return sum(self.can_hold(index, lifted, more, changes) for index in indexes)

    def villages(self, lifted: frozenset[str], more: int = 1, changes: tuple[Change, ...] = ()) -> int:
        """Most distinct villages that its gatherings could bring the class to."""
        model = cp_model.CpModel()
        bringing: dict[str, list[cp_model.IntVar]] = {}
        for index in self.case.world(lifted, more, changes).indexes(self.klass):
            choice: dict[frozenset[str], cp_model.IntVar] = {}
            for site in self.sites(index, lifted, more, changes):
                if site.villages not in choice:
                    choice[site.villages] = model.new_bool_var("")
                    for village in sorted(site.villages):
                        bringing.setdefault(village, []).append(choice[site.villages])
            model.add_at_most_one(list(choice.values()))
        seen = []
        for village in sorted(bringing):
            here = model.new_bool_var("")
            model.add(sum(bringing[village]) >= here)
            seen.append(here)
        model.maximize(sum(seen))
        answer = run(model, 1, VILLAGE_LIMIT)
        return answer.objective if answer.found else 0

    def members(self) -> int:
        return self.case.size(self.klass)


class Demand:
    """Something asked of a class: how much of it is possible under lifted rules and changes."""

    def __init__(self, visit: ClassCase, rule: str, index: int | None, wanted: int, reached: int):
        self.visit = visit
        self.rule = rule
        self.index = index
        self.wanted = wanted
        self.reached = reached
        self.more = min(MOST_MORE, self.asked())

    def asked(self) -> int:
        """Gatherings or villages that it takes at least."""
        return self.wanted if self.rule == "R14" else -(-self.wanted // self.visit.problem.days)

    def most(self, lifted: frozenset[str], changes: tuple[Change, ...] = ()) -> int:
        if self.rule == "R14":
            return self.visit.villages(lifted, self.more, changes)
        if self.rule == "R15":
            return self.visit.count(lifted, self.more, changes) * self._days(changes)
        return int(self.visit.can_hold(self.index or 0, lifted, self.more, changes))

    def _days(self, changes: tuple[Change, ...]) -> int:
        return self.visit.case.world(frozenset(), 1, changes).problem.days

    def possible(self, lifted: frozenset[str], changes: tuple[Change, ...] = ()) -> bool:
        return self.most(lifted, changes) >= self.wanted

    def gained_together(self, changes: tuple[Change, ...]) -> int:
        """How much less is missing when all classes of the batch are planned anew after changes."""
        case = self.visit.case
        skips, short = case.together(changes)
        if self.rule == "R14":
            return case.short_of_villages() - short
        fewer = case.skips() - skips
        return fewer * self._days(changes) if self.rule == "R15" else fewer

    def indexes(self) -> list[int]:
        """The gatherings that the demand is about: those not held, or this one; all of them when all are held."""
        if self.index is not None:
            return [self.index]
        every = self.visit.case.world(frozenset(), 1).indexes(self.visit.klass)
        return [index for index in every if index not in self.visit.held] or every


class Explainer:
    """The conflict behind one demand, its causes and cures."""

    def __init__(self, demand: Demand):
        self.demand = demand
        self.visit = demand.visit
        self.problem = demand.visit.problem
        self.amount = demand.wanted - demand.reached

    def explain(self) -> Row:
        absurd = self.demand.asked() > MOST_MORE
        first, ways = ([], {}) if absurd else ways_out(self._groups(), self.demand.possible, NEVER)
        causes = []
        if absurd:
            waiver: Change = {"kind": "waiver", "rule": self.demand.rule, "subject": self.visit.klass}
            causes.append(Cause(self.demand.rule, "这个要求再多的基地和日子也做不到", (waiver,)))
        for group in first:
            changes = self._relax(ways[group])
            rule = "R13" if group == "OTHERS" else group
            causes.append(Cause(rule, say_cause(self.demand, group), tuple(changes), fixed=not changes))
        behind = sorted({group for way in ways.values() for group in way} - set(first), key=ORDER.index)
        later = [say_cause(self.demand, group) for group in behind]
        row: Row = {
            "stage": 3,
            "amount": self.amount,
            "demand": self.demand.wanted,
            "supply": self.demand.reached,
            "sentence": self._sentence([cause.sentence for cause in causes], later),
            "causes": [cause.row() for cause in causes],
            "verified": bool(ways) and all(self.demand.possible(frozenset(way)) for way in ways.values()),
            "cures": listed(self._cures(causes), self.amount),
        }
        if later:
            row["also"] = [
                {"rule": "R13" if group == "OTHERS" else group, "sentence": sentence}
                for group, sentence in zip(behind, later, strict=True)
            ]
        return row

    def _groups(self) -> list[str]:
        pins = any(name == self.visit.klass for name, _ in self.problem.gathering_pins)
        return [group for group in ORDER if group != "PINS" or pins]

    def _relax(self, way: list[str]) -> list[Change]:
        """Changes that lift the groups one after another, each no further than needed; none where people cannot."""
        changes: list[Change] = []
        for number, group in enumerate(way):
            rest = frozenset(way[number + 1 :])
            found = None if group in NEVER else self._least(group, rest, changes)
            if found is None:
                return []
            changes = distinct([*changes, *found])
        return changes if self.leaves(changes) == 0 else []

    def _least(self, group: str, rest: frozenset[str], before: list[Change]) -> list[Change] | None:
        def enough(changes: list[Change]) -> bool:
            return self.demand.possible(rest, tuple(distinct([*before, *changes])))

        tried = (changes for changes in self._attempts(group) if changes and enough(changes))
        found = next(tried, None)
        return None if found is None else thinned(found, enough)

    def leaves(self, changes: list[Change]) -> int:
        """How much is still missing after changes: with the others where they are, or all classes moving."""
        made = tuple(changes)
        reached = max(self.demand.reached, self.demand.most(frozenset(), made))
        left = max(0, self.demand.wanted - reached)
        if left < self.amount and not self.visit.case.stands(made):
            left = self.amount - self.demand.gained_together(made)
        return max(0, left)

    def _attempts(self, group: str) -> Iterator[list[Change]]:
        rules = self.problem.rules
        if group == "R09":
            weekdays: Change = {"kind": "parameter", "name": "start_weekdays", "value": []}
            least: Change = {"kind": "parameter", "name": "weekend_days.min", "value": 0}
            most: Change = {"kind": "parameter", "name": "weekend_days.max", "value": rules["gathering_days"]}
            yield [weekdays]
            yield [least]
            yield [weekdays, least, most]
        elif group == "R12":
            yield from closures(self.demand)
        elif group == "R13":
            now = rules["spare_beds"]
            for spare in [*range(now - 1, max(-1, now - 12), -1), 0] if now else []:
                yield [{"kind": "parameter", "name": "spare_beds", "value": spare}]
        elif group == "R16":
            group_size = rules["household_group"]
            if group_size["min"] > 1:
                yield [{"kind": "parameter", "name": "household_group.min", "value": group_size["min"] - 1}]
            for most_people in range(group_size["max"] + 1, group_size["max"] + 4):
                yield [{"kind": "parameter", "name": "household_group.max", "value": most_people}]
        elif group == "PINS":
            indexes = [index for name, index in sorted(self.problem.gathering_pins) if name == self.visit.klass]
            yield [{"kind": "drop_pin", "of": "gatherings", "subject": f"{self.visit.klass}#{n}"} for n in indexes]

    def _sentence(self, causes: list[str], later: list[str]) -> str:
        klass, demand, days = self.visit.klass, self.demand, self.problem.days
        why = "；".join(causes) or "其他安排占住了日子和地方，现有方案已排到最好"
        if demand.rule == "R14":
            head = f"班级 {klass} 要求到访 {demand.wanted} 个村，最多能到 {demand.reached} 个"
        elif demand.rule == "R15":
            held, asked = len(self.visit.held), -(-demand.wanted // days)
            head = f"班级 {klass} 要求在村 {demand.wanted} 天（{asked} 次），最多能去 {held} 次、{demand.reached} 天"
        else:
            head = f"{klass}#{demand.index} 不能举行"
        tail = f"。此外，{'；'.join(later)}" if later else ""
        return f"{head}：{why}{tail}。"

    def _cures(self, causes: list[Cause]) -> Iterator[Cure]:
        for cause in causes:
            if cause.relax:
                yield self._cure(list(cause.relax))
        for changes in self._tries():
            if changes:
                yield self._cure(changes)
        if self.demand.rule in ("R14", "R15"):
            name = "min_distinct_villages" if self.demand.rule == "R14" else "min_village_days"
            waiver: Change = {"kind": "waiver", "rule": self.demand.rule, "subject": self.visit.klass}
            yield Cure([waiver], say(waiver), "不再算作缺口", 0, {"waivers": 1})
            less: Change = {"kind": "parameter", "name": name, "value": self.demand.reached}
            yield Cure([less], say(less), "不再算作缺口", 0, {"days": self.amount, "waivers": 1})

    def _tries(self) -> Iterator[list[Change]]:
        """Other days, fewer spare beds, closures lifted: tried even where they are no single way out."""
        rules = self.problem.rules
        if rules["start_weekdays"]:
            yield [{"kind": "parameter", "name": "start_weekdays", "value": []}]
        if rules["weekend_days"]["min"]:
            yield [{"kind": "parameter", "name": "weekend_days.min", "value": 0}]
        yield next(closures(self.demand), [])

    def _cure(self, changes: list[Change]) -> Cure:
        leaves = self.leaves(changes)
        unit = {"R14": "个村", "R15": "天"}.get(self.demand.rule, "次集中")
        gained = self.amount - leaves
        buys = f"{self.amount} {unit}全部补上" if not leaves else f"多 {gained} {unit}，还差 {leaves} {unit}"
        waivers = sum(change["kind"] not in ("parameter",) for change in changes)
        return Cure(changes, told(changes), buys, leaves, {"waivers": waivers})


def explain_classes(document: Document, plan: Document, tell: Callable[[float, str], None]) -> list[Row]:
    """R14 and R15 of every class short, and every gathering of a filled class that is not held."""
    rows: list[Row] = []
    wanted = _wanted(document, plan)
    for number, (batch, demands) in enumerate(sorted(wanted.items())):
        case = BatchCase(document, plan, batch)
        visits: dict[str, ClassCase] = {}
        for position, (rule, klass, index, amount) in enumerate(demands):
            tell((number + position / len(demands)) / len(wanted), f"班级 {klass}")
            visit = visits.setdefault(klass, ClassCase(case, klass))
            rules: dict[str, Any] = document["programme"]
            total = {"R14": rules["min_distinct_villages"], "R15": rules["min_village_days"]}.get(rule, 1)
            subject = klass if index is None else f"{klass}#{index}"
            demand = Demand(visit, rule, index, total, total - amount)
            rows.append({"rule": rule, "subject": subject, **Explainer(demand).explain()})
    return rows


def _wanted(document: Document, plan: Document) -> dict[str, list[tuple[str, str, int | None, int]]]:
    """Batch -> (rule, class, index of a gathering, amount) of everything to be explained there."""
    batch_of = {klass["id"]: batch["id"] for batch in document["batches"] for klass in batch["classes"]}
    result: dict[str, list[tuple[str, str, int | None, int]]] = {}
    for row in plan["shortfalls"]:
        if row["rule"] in ("R14", "R15") and row["subject"] in batch_of:
            result.setdefault(batch_of[row["subject"]], []).append((row["rule"], row["subject"], None, row["amount"]))
    for row in plan["gatherings"]:
        if row.get("skipped", "empty_class") not in ("empty_class", "withdrawn") and row["class"] in batch_of:
            result.setdefault(batch_of[row["class"]], []).append(("R10", row["class"], row["index"], 1))
    return result
