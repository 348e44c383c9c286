"""What a plan says about itself: who has no seat and why, what is short and by how much, what changed."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from typing import Any

from .problem import Cadre, Problem, day_text, first_days
from .stage1_sides import surplus
from .stage3_options import Option

Row = dict[str, Any]
Key = tuple[str, int]


class Bars:
    """What keeps somebody out of the batches that are open to them, as it shows in who has a place there."""

    def __init__(self, problem: Problem, places: dict[str, int]):
        self.problem = problem
        self.people: dict[tuple[str, int], list[Cadre]] = defaultdict(list)
        self.seated: Counter[tuple[int, str | None, str | None]] = Counter()
        for cadre in problem.cadres:
            if cadre.id in places:
                place = places[cadre.id]
                self.people[cadre.unit, place].append(cadre)
                self.seated[place, cadre.track, cadre.parity] += 1
        self._known: dict[tuple[Any, ...], str] = {}

    def told(self, cadre: Cadre) -> str:
        """One sentence, each bar once."""
        pin = self.problem.batch_pins.get(cadre.id)
        places = cadre.open if pin is None else (pin,)
        return "能参加的各期，" + "，或".join(dict.fromkeys(self._bar(cadre, place) for place in places))

    def _bar(self, cadre: Cadre, place: int) -> str:
        kind = (cadre.unit, cadre.track, cadre.parity, cadre.leading, place)
        if kind not in self._known:
            self._known[kind] = self._find(cadre, place)
        return self._known[kind]

    def _find(self, cadre: Cadre, place: int) -> str:
        batch, mates = self.problem.batches[place], self.people[cadre.unit, place]
        quota, leading = self.problem.quota(cadre.unit, batch), self.problem.leading_quota(cadre.unit, batch)
        if quota is not None and len(mates) >= quota:
            return "单位名额已满"
        if cadre.leading and leading is not None and sum(mate.leading for mate in mates) >= leading:
            return "班子成员名额已满"
        if self._is_full(cadre, place):
            return "班级座位已满"
        if sum(surplus(self.problem, cadre.unit, place, [*mates, cadre]).values()):
            return "单位的人单双周分不匀"
        return "再排进去就不合各班人数、同单位分班等规则"

    def _is_full(self, cadre: Cadre, place: int) -> bool:
        """All classes of the track, or those of the only weeks that suit, are taken by people who can go nowhere else."""
        most = self.problem.rules["class_size"]["max"]
        classes = self.problem.batches[place].of_track(cadre.track or "")
        taken = {side: self.seated[place, cadre.track, side] for side in ("odd", "even", None)}
        if sum(taken.values()) >= most * len(classes):
            return True
        return cadre.parity is not None and taken[cadre.parity] >= most * sum(
            klass.parity == cadre.parity for klass in classes
        )


def unassigned(problem: Problem, places: dict[str, int]) -> list[Row]:
    """One row per cadre without a seat, with the first reason that is true."""
    rows, bars = [], Bars(problem, places)
    for cadre in problem.cadres:
        if cadre.id in places:
            continue
        if cadre.attended and not problem.rules["repeats"]:
            reason, message = "attended", "以前已参加过培训"
        elif cadre.track is None:
            reason, message = "no_track", "不符合任何班型的条件"
        elif cadre.id in problem.batch_pins and problem.batch_pins[cadre.id] is None:
            reason, message = "pinned_out", "单位确认本次暂缓选派"
        elif not cadre.open:
            reason, message = "no_open_batch", "各期都不能参加（不能参加的日期、必须或不能参加的期次、单双周）"
        else:
            reason, message = "no_seat", bars.told(cadre)
        rows.append({"cadre": cadre.id, "reason": reason, "message": message})
    return rows


class Shortfalls:
    """Everything demanded and not met, once per subject, with the exact amount."""

    def __init__(
        self, problem: Problem, places: dict[str, int], members: dict[str, list[str]], held: dict[str, list[Option]]
    ):
        self.problem = problem
        self.places = places
        self.members = members
        self.held = held
        self.rows: list[Row] = []

    def listed(self, stages: Iterable[int]) -> list[Row]:
        self._people()
        if 2 in stages:
            self._class_sizes()
        if 3 in stages:
            self._villages()
            self._days()
        return sorted(self.rows, key=lambda row: (row["rule"], row["subject"]))

    def _add(self, rule: str, subject: str, amount: int, message: str, **more: Any) -> None:
        if amount > 0 and not self.problem.is_waived(rule, subject):
            self.rows.append({"rule": rule, "subject": subject, "amount": amount, "message": message, **more})

    def _people(self) -> None:
        covered: Counter[str] = Counter()
        for cadre in self.problem.cadres:
            if cadre.id in self.places:
                continue
            if cadre.must:
                self._add("R07", cadre.id, 1, f"必须参加 {'、'.join(cadre.must)}，但没有排上")
            if cadre.eligible and cadre.tier == 0:
                covered[cadre.unit] += 1
        age = self.problem.rules["full_coverage_age"]
        for unit, amount in covered.items():
            self._add("COVER", unit, amount, f"{age} 周岁以下未参加过的干部，还有 {amount} 人没有排上")

    def _class_sizes(self) -> None:
        least = self.problem.rules["class_size"]["min"]
        for name in self.problem.classes:
            size = len(self.members.get(name, []))
            self._add("R04", name, least - size, f"班级 {size} 人，比下限 {least} 人少 {least - size} 人")

    def _villages(self) -> None:
        demand = self.problem.rules["min_distinct_villages"]
        for name in self.problem.classes:
            if self.members.get(name):
                seen = {village for option in self.held.get(name, []) for village in option.site.villages}
                self._add("R14", name, demand - len(seen), f"到访 {len(seen)} 个村，要求 {demand} 个")

    def _days(self) -> None:
        demand = self.problem.rules["min_village_days"]
        for name in self.problem.classes:
            if self.members.get(name):
                days = len(self.held.get(name, [])) * self.problem.days
                self._add("R15", name, demand - days, f"在村 {days} 天，要求 {demand} 天", offer=self._offer(name))

    def _offer(self, name: str) -> Row:
        kind = self.problem.rules["makeup_rule"]
        offer: Row = {"kind": kind, "gatherings": [], "first_days": []}
        own = [option.first for option in self.held.get(name, [])]
        days = self.problem.days

        def free(first: int) -> bool:
            return all(abs(first - taken) >= days for taken in own)

        batch = self.problem.batch_of_class[name]
        if kind == "join_class":
            for other in batch.classes:
                if other.id != name:
                    options = self.held.get(other.id, [])
                    offer["gatherings"] += [[other.id, option.index] for option in options if free(option.first)]
        elif kind == "extra_weekend":
            starts = sorted({day for row in first_days(self.problem, batch).values() for day in row})
            offer["first_days"] = [day_text(day) for day in starts if free(day)]
        return offer


def moves(problem: Problem, plan: Row) -> list[Row]:
    """All differences from the previous plan, stage by stage as far as this plan goes."""
    if problem.previous is None:
        return []
    before, stages = problem.previous, plan["stages"]
    with_class = 2 in stages
    rows = _differences(
        "assignment", _seats(before["assignments"], with_class), _seats(plan["assignments"], with_class)
    )
    if 3 in stages:
        rows += _differences("gathering", _gatherings(before["gatherings"]), _gatherings(plan["gatherings"]))
    if 4 in stages:
        rows += _bed_moves(before, plan)
    return sorted(rows, key=lambda row: (row["kind"], row["subject"]))


def _differences(kind: str, old: dict[str, str], new: dict[str, str]) -> list[Row]:
    rows = []
    for subject in sorted(old.keys() | new.keys()):
        was, now = old.get(subject), new.get(subject)
        if was != now:
            rows.append({"kind": kind, "subject": subject, "from": was, "to": now, "message": _told(was, now)})
    return rows


def _told(was: str | None, now: str | None) -> str:
    names = ["无" if text is None else "不集中" if text == "skipped" else text for text in (was, now)]
    return f"由 {names[0]} 改为 {names[1]}"


def _seats(rows: list[Row], with_class: bool) -> dict[str, str]:
    return {
        row["cadre"]: f"{row['batch']}/{row['class']}" if with_class and row["class"] else row["batch"] for row in rows
    }


def _gatherings(rows: list[Row]) -> dict[str, str]:
    return {
        f"{row['class']}#{row['index']}": "skipped"
        if "skipped" in row
        else f"{row['first_day']} {'+'.join(sorted(site['base'] for site in row['sites']))}"
        for row in rows
    }


def _bed_moves(before: Row, plan: Row) -> list[Row]:
    """Beds of people who are at the same gathering in both plans, the gathering being the same."""
    old, new = _gatherings(before["gatherings"]), _gatherings(plan["gatherings"])
    same = {name for name, text in new.items() if text != "skipped" and old.get(name) == text}
    beds: list[dict[str, str]] = [{}, {}]
    for side, rows in zip(beds, (before["lodging"], plan["lodging"]), strict=True):
        for row in rows:
            name = f"{row['class']}#{row['index']}"
            if name in same:
                side[f"{row['cadre']}:{name}"] = f"{row['household']}/{row['room']}/{row['bed']}"
    both = beds[0].keys() & beds[1].keys()
    return _differences("bed", {k: beds[0][k] for k in both}, {k: beds[1][k] for k in both})


def gathering_rows(problem: Problem, held: dict[Key, Option], skipped: dict[Key, str]) -> list[Row]:
    """One row per class and fortnight."""
    rows: list[Row] = [{"class": key[0], "index": key[1], "skipped": why} for key, why in skipped.items()]
    for key, option in held.items():
        rows.append(
            {
                "class": key[0],
                "index": key[1],
                "first_day": day_text(option.first),
                "last_day": day_text(option.first + problem.days - 1),
                "sites": [{"base": part.base, "people": part.people} for part in option.parts],
            }
        )
    return sorted(rows, key=lambda row: (row["class"], row["index"]))


def held_by_class(held: dict[Key, Option]) -> dict[str, list[Option]]:
    """Class -> its gatherings held, in order."""
    result: dict[str, list[Option]] = defaultdict(list)
    for key in sorted(held):
        result[key[0]].append(held[key])
    return result
