"""Why a class goes to too few villages (R14), for too few days (R15), or gatherings are not held (R10).

A demand is tried with groups of rules lifted, the other classes of the batch staying where the plan has them; what
cannot be met with every group lifted but some is a conflict of those. Nothing is lifted for good: each cause carries
the smallest change that lifts it, or none where people cannot (a holiday, beds that do not exist).
"""

import itertools
from collections import Counter
from collections.abc import Iterator

from ortools.sat.python import cp_model

from .changes import Change, say
from .cpsat import run
from .explain_causes import called_off, closures, say_cause
from .explain_text import Cause, Cure, Row, distinct, listed, thinned, told, ways_out
from .explain_world import BatchCase, Site, World

ORDER = ("KEPT", "R16", "R10", "PINS", "R19", "OTHERS", "R17", "R13", "R12", "R09", "R11", "OUT")
NEVER = frozenset({"KEPT", "OUT", "R10", "R11", "R17", "R19", "OTHERS"})
VILLAGE_LIMIT = 2.0
ANY_WEEKDAY: Change = {"kind": "parameter", "name": "start_weekdays", "value": []}
NO_WEEKEND: Change = {"kind": "parameter", "name": "weekend_days.min", "value": 0}
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
        if (self.klass, index) in self.case.over and (index in self.held or "OUT" not in lifted):
            if index in self.held:
                yield world.places.site(self.held[index][1])
            return
        stood = None if "KEPT" in lifted else world.stood(self.klass, index)
        if stood is not None and self._free(*stood, index, lifted):
            yield stood[1]
            return
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

    def is_to_come(self, index: int) -> bool:
        """Whether something can still be planned there."""
        return (self.klass, index) not in self.case.over and not self.case.is_gone(self.klass, index)

    def pinned(self) -> list[int]:
        """Gatherings to come whose day or bases people fixed."""
        pins = sorted(index for name, index in self.problem.gathering_pins if name == self.klass)
        return [index for index in pins if (self.klass, index) not in self.case.over]

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

    def left(self, changes: tuple[Change, ...]) -> int:
        """How much is still missing after changes: with the others where they are, or all classes moving."""
        amount = self.wanted - self.reached
        left = max(0, self.wanted - max(self.reached, self.most(frozenset(), changes)))
        if left < amount and not self.visit.case.stands(changes):
            left = min(amount, max(left, self._left_together(changes)))
        return left

    def _left_together(self, changes: tuple[Change, ...]) -> int:
        """How much is missing when all classes of the batch are planned anew after changes: here, or as much elsewhere."""
        now, then = self.visit.case.now(), self.visit.case.together(changes)
        amount, klass = self.wanted - self.reached, self.visit.klass
        if self.rule == "R14":
            return max(amount - now.villages.total() + then.villages.total(), then.villages[klass])
        fewer = len(now.skipped) - len(then.skipped)
        if self.rule == "R15":
            return max(amount - fewer * self._days(changes), then.days[klass])
        return max(amount - fewer, int((klass, self.index) in then.skipped))

    def head(self) -> str:
        """What is asked and what of it is possible."""
        klass, days = self.visit.klass, self.visit.problem.days
        if self.rule == "R14":
            return f"班级 {klass} 要求到访 {self.wanted} 个村，最多能到 {self.reached} 个"
        held, asked = len(self.visit.held), -(-self.wanted // days)
        return f"班级 {klass} 要求在村 {self.wanted} 天（{asked} 次），最多能去 {held} 次、{self.reached} 天"

    def weeks(self) -> list[tuple[int, int]]:
        """(index, Monday) of the gatherings that the demand is about."""
        return [(index, self.visit.case.monday(self.visit.klass, index)) for index in self.indexes()]

    def indexes(self) -> list[int]:
        """The gatherings that the demand is about: this one, or those to come that are not held; all to come when all are."""
        if self.index is not None:
            return [self.index]
        every = self.visit.case.world(frozenset(), 1).indexes(self.visit.klass)
        coming = [index for index in every if self.visit.is_to_come(index)] or every
        return [index for index in coming if index not in self.visit.held] or coming

    def gatherings(self) -> list[tuple[str, int]]:
        """The same as class and index."""
        return [(self.visit.klass, index) for index in self.indexes()]


class Explainer:
    """The conflict behind one demand, its causes and cures."""

    def __init__(self, demand: Demand):
        self.demand = demand
        self.visit = demand.visit
        self.problem = demand.visit.problem
        self.amount = demand.wanted - demand.reached

    def conflict(self) -> tuple[list[str], dict[str, list[str]]]:
        """A minimal conflict and the ways out of it; none for what no number of bases and days could give."""
        absurd = self.demand.asked() > MOST_MORE
        return ([], {}) if absurd else ways_out(self._groups(), self.demand.possible, NEVER)

    def signature(self) -> str:
        """Demands with the same of this are there for the same reasons."""
        first, ways = self.conflict()
        said = [say_cause(self.demand, group) for group in [*first, *_behind(first, ways)]]
        return repr((ways, said))

    def explain(self) -> Row:
        first, ways = self.conflict()
        causes = []
        if self.demand.asked() > MOST_MORE:
            waiver: Change = {"kind": "waiver", "rule": self.demand.rule, "subject": self.visit.klass}
            causes.append(Cause(self.demand.rule, "这个要求再多的基地和日子也做不到", (waiver,)))
        for group in first:
            changes = self._relax(ways[group])
            causes.append(Cause(_rule(group), say_cause(self.demand, group), tuple(changes), fixed=not changes))
        also = [{"rule": _rule(group), "sentence": say_cause(self.demand, group)} for group in _behind(first, ways)]
        cures = listed(self._cures(causes), self.amount)
        row: Row = {
            "stage": 3,
            "amount": self.amount,
            "demand": self.demand.wanted,
            "supply": self.demand.reached,
            "sentence": self._sentence(causes, also, hopeless=not cures),
            "causes": [cause.row() for cause in causes],
            "verified": bool(ways) and all(self.demand.possible(frozenset(way)) for way in ways.values()),
            "cures": cures,
        }
        if "OUT" in [*first, *_behind(first, ways)] and (off := called_off(self.demand)):
            row["cancelled"] = [[self.visit.klass, index] for index in off]
        return row | {"also": also} if also else row

    def _groups(self) -> list[str]:
        none = set() if self.visit.pinned() else {"PINS"}
        return [group for group in ORDER if group not in none]

    def _relax(self, way: list[str]) -> list[Change]:
        """Changes that lift the groups one after another, each no further than needed; none where people cannot."""
        changes: list[Change] = []
        for number, group in enumerate(way):
            rest = frozenset(way[number + 1 :])
            found = None if group in NEVER else self._least(group, rest, changes)
            if found is None:
                return []
            changes = distinct([*changes, *found])
        return changes if self.demand.left(tuple(changes)) == 0 else []

    def _least(self, group: str, rest: frozenset[str], before: list[Change]) -> list[Change] | None:
        def enough(changes: list[Change]) -> bool:
            return self.demand.possible(rest, tuple(distinct([*before, *changes])))

        tried = (changes for changes in self._attempts(group) if changes and enough(changes))
        found = next(tried, None)
        return None if found is None else thinned(found, enough)

    def _attempts(self, group: str) -> Iterator[list[Change]]:
        rules = self.problem.rules
        if group == "R09":
            yield from self._other_days()
            yield [ANY_WEEKDAY, NO_WEEKEND, _rule_of("weekend_days.max", rules["gathering_days"])]
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
            indexes = self.visit.pinned() if self.demand.index is None else self.demand.indexes()
            pins = [f"{self.visit.klass}#{index}" for index in indexes]
            yield [{"kind": "drop_pin", "of": "gatherings", "subject": pin} for pin in pins]

    def _sentence(self, causes: list[Cause], also: list[Row], *, hopeless: bool) -> str:
        facts_first = sorted(causes, key=lambda cause: not cause.fixed)
        why = "；".join(cause.sentence for cause in facts_first) or "其他安排占住了日子和地方，现有方案已排到最好"
        tail = f"。此外，{'；'.join(row['sentence'] for row in also)}" if also else ""
        if hopeless:
            tail += f"。这 {self.amount} 次没有办法补，只能不集中" if self.demand.rule == "R10" else ""
        return f"{self.demand.head()}：{why}{tail}。"

    def _cures(self, causes: list[Cause]) -> Iterator[Cure]:
        found = [self._cure(list(cause.relax)) for cause in causes if cause.relax]
        for family in (self._other_days(), self._shorter(), self._reopened()):
            for changes in family:
                if any(not known.leaves and known.within(changes) for known in found):
                    continue
                found.append(self._cure(changes))
                if not found[-1].leaves:
                    break
        yield from found
        if self.demand.rule in ("R14", "R15"):
            of_villages = self.demand.rule == "R14"
            name, measure = ("min_distinct_villages", "villages") if of_villages else ("min_village_days", "days")
            waiver: Change = {"kind": "waiver", "rule": self.demand.rule, "subject": self.visit.klass}
            yield Cure([waiver], say(waiver), "不再算作缺口", 0, {"waivers": 1})
            less = _rule_of(name, self.demand.reached)
            yield Cure([less], say(less), "不再算作缺口", 0, {measure: self.amount, "waivers": 1})

    # tried even where they are no single way out

    def _other_days(self) -> Iterator[list[Change]]:
        """One more weekday to begin on, the nearest first, or any; without a weekend day where nothing else helps."""
        known = self.problem.rules["start_weekdays"]
        others = sorted(
            {*range(1, 8)} - {*known}, key=lambda day: (min((abs(day - own) for own in known), default=0), day)
        )
        choices = [[_rule_of("start_weekdays", sorted([*known, day]))] for day in others] if known else []
        choices += [[ANY_WEEKDAY]] if known else []
        yield from choices
        if self.problem.rules["weekend_days"]["min"]:
            yield [NO_WEEKEND]
            yield from ([*choice, NO_WEEKEND] for choice in choices)

    def _shorter(self) -> Iterator[list[Change]]:
        """Gatherings shorter by a day, where the days that are asked for are still reached."""
        days, weekend = self.problem.days - 1, self.problem.rules["weekend_days"]
        asked = max(1, self.problem.rules["min_village_days"])
        if self.demand.rule == "R10" and not self.visit.case.over and self.visit.case.fewest_held() * days >= asked:
            limits = [side for side in ("min", "max") if weekend[side] > days]
            yield [_rule_of("gathering_days", days), *(_rule_of(f"weekend_days.{side}", days) for side in limits)]

    def _reopened(self) -> Iterator[list[Change]]:
        yield from itertools.islice(closures(self.demand), 1)

    def _cure(self, changes: list[Change]) -> Cure:
        leaves = self.demand.left(tuple(changes))
        unit = {"R14": "个村", "R15": "天"}.get(self.demand.rule, "次集中")
        gained = self.amount - leaves
        buys = f"{self.amount} {unit}全部补上" if not leaves else f"多 {gained} {unit}，还差 {leaves} {unit}"
        kinds = Counter(change["kind"] for change in changes)
        waivers = kinds.total() - kinds["parameter"] - kinds["reopen"] - kinds["drop_pin"]
        cost = {"waivers": waivers, "pins": kinds["drop_pin"], "places": kinds["reopen"]}
        return Cure(changes, told(changes), buys, leaves, cost)


def _rule_of(name: str, value: int | list[int]) -> Change:
    return {"kind": "parameter", "name": name, "value": value}


def _behind(first: list[str], ways: dict[str, list[str]]) -> list[str]:
    """Groups of rules that stand behind those of the conflict."""
    return sorted({group for way in ways.values() for group in way} - set(first), key=ORDER.index)


def _rule(group: str) -> str:
    """Under which rule a group is told."""
    return {"OTHERS": "R13", "OUT": "R10", "KEPT": "MOVES"}.get(group, group)


def explain_short(case: BatchCase, visits: dict[str, ClassCase], shortfall: Row) -> Row:
    """R14 or R15 of a class."""
    rule, klass = shortfall["rule"], shortfall["subject"]
    visit = visits.setdefault(klass, ClassCase(case, klass))
    wanted = case.problem.rules["min_distinct_villages" if rule == "R14" else "min_village_days"]
    demand = Demand(visit, rule, None, wanted, wanted - shortfall["amount"])
    return {"rule": rule, "subject": klass, **Explainer(demand).explain()}
