"""What each group of rules says about a class's demand, in words with figures; and the closures in its way."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from .changes import WEEKDAYS, Change
from .explain_text import names
from .explain_world import VIRTUAL
from .problem import day_number, day_text

if TYPE_CHECKING:
    from .explain_visits import Demand

PARITY = {"odd": "单周", "even": "双周"}


def say_cause(demand: "Demand", group: str) -> str:
    """The group's part in the conflict."""
    return {
        "R09": _weekdays,
        "R10": _period,
        "R11": _holidays,
        "R12": _closed,
        "R13": _capacity,
        "R16": _groups,
        "R17": _beds,
        "R19": _staff,
        "OTHERS": _others,
        "PINS": _pins,
    }[group](demand)


def _weeks(demand: "Demand") -> list[tuple[int, int]]:
    """(index, Monday) of the gatherings that the demand is about."""
    batch = demand.visit.case.batch
    odd = demand.visit.problem.classes[demand.visit.klass].parity == "odd"
    return [(index, batch.monday + 7 * (2 * index - (2 if odd else 1))) for index in demand.indexes()]


def _short(day: int) -> str:
    _, month, number = day_text(day).split("-")
    return f"{int(month)}月{int(number)}日"


def _holidays(demand: "Demand") -> str:
    days = demand.visit.problem.days
    parts = []
    for index, monday in _weeks(demand):
        hit = [day for day in range(monday, monday + 6 + days) if day in demand.visit.problem.holidays]
        if hit:
            span = _short(hit[0]) if len(hit) == 1 else f"{_short(hit[0])}至{_short(hit[-1])}"
            parts.append(f"第 {index} 次的那一周有法定节假日（{span}）")
    return "、".join(parts) or "期内有法定节假日"


def _weekdays(demand: "Demand") -> str:
    rules = demand.visit.problem.rules
    days, weekend = rules["gathering_days"], rules["weekend_days"]
    allowed = "、".join(WEEKDAYS[day - 1] for day in sorted(rules["start_weekdays"]))
    start = f"只能从星期{allowed}开始" if len(rules["start_weekdays"]) in range(1, 7) else "哪天开始不限"
    low, high = weekend["min"], weekend["max"]
    size = f"{low} 天" if low == high else f"{low} 至 {high} 天"
    return f"每次集中 {days} 天，{start}，其中周末 {size}"


def _period(demand: "Demand") -> str:
    batch, problem = demand.visit.case.batch, demand.visit.problem
    parity = PARITY[problem.classes[demand.visit.klass].parity]
    count = len(demand.visit.case.world(frozenset(), 1).indexes(demand.visit.klass))
    period = f"期次 {batch.id} 从{_short(batch.first)}到{_short(batch.last)}"
    return f"{period}，{parity}班一共只有 {count} 次集中、每次 {problem.days} 天"


def closures(demand: "Demand") -> Iterator[list[Change]]:
    """Closures of the batch's days to be lifted: base by base, then all together."""
    batch = demand.visit.case.batch
    first, until = day_text(batch.first), day_text(batch.last + 1)
    every: list[Change] = []
    for base in sorted(demand.visit.case.document["bases"], key=lambda row: str(row["id"])):
        places = [("base", base)] + [("household", house) for house in base["households"]]
        places += [("room", room) for house in base["households"] for room in house["rooms"]]
        own: list[Change] = [
            {"kind": "reopen", "place": kind, "id": row["id"], "from": max(start, first), "until": min(end, until)}
            for kind, row in places
            for start, end in row["closed"]
            if max(start, first) < min(end, until)
        ]
        if own:
            every += own
            yield own
    if every:
        yield every


def _closed(demand: "Demand") -> str:
    batch, bases, houses = demand.visit.case.batch, [], 0
    for base in demand.visit.case.document["bases"]:
        if _meets(base["closed"], batch.first, batch.last):
            bases.append(str(base["id"]))
        houses += sum(_meets(house["closed"], batch.first, batch.last) for house in base["households"])
    parts = [f"基地 {names(sorted(bases))} 期内有停用"] if bases else []
    parts += [f"{houses} 户农户期内有停用"] if houses else []
    return "，".join(parts) or "有房间停用"


def _meets(ranges: list[list[str]], first: int, last: int) -> bool:
    return any(day_number(start) <= last and day_number(end) > first for start, end in ranges)


def _capacity(demand: "Demand") -> str:
    visit = demand.visit
    world = visit.case.world(frozenset(), 1)
    days = [day for index in demand.indexes() for day in world.first_days(visit.klass, index, False)]
    most = max((world.places.window(base, day).room for base in world.places.rows for day in days), default=0)
    spare = visit.problem.rules["spare_beds"]
    room = f"基地按承载量、每晚留空 {spare} 张床"
    visitors = "，再除去外来接待" if visit.case.document["other_uses"] else ""
    return f"{room}{visitors}，可用的日子里一处最多接 {most} 人，班里 {visit.members()} 人"


def _groups(demand: "Demand") -> str:
    limits = demand.visit.problem.rules["household_group"]
    men, women = demand.visit.case.world(frozenset(), 1).sexes.get(demand.visit.klass, (0, 0))
    return f"每户住同班 {limits['min']} 至 {limits['max']} 人、男女分户，男 {men} 人、女 {women} 人"


def _beds(demand: "Demand") -> str:
    world = demand.visit.case.world(frozenset(), 1)
    known = [name for name in world.places.rows if not name.startswith(VIRTUAL) and world.places.beds[name]]
    villages = {world.places.rows[name]["village"] for name in known}
    most = max((world.places.beds[name] for name in known), default=0)
    return f"有床位的基地只有 {len(known)} 个（{len(villages)} 个村），床位最多的一处 {most} 张"


def _staff(demand: "Demand") -> str:
    visit = demand.visit
    shared = sorted({person for person, _ in visit.busy} & set(visit.staff))
    return f"带班人员 {names(shared)} 同一时间跟着别的班" if shared else "带班人员排不开"


def _others(demand: "Demand") -> str:
    visit = demand.visit
    spans = [(monday, monday + 6 + visit.problem.days) for _, monday in _weeks(demand)]
    bases = sorted({base for base, day in visit.taken if any(first <= day < until for first, until in spans)})
    return f"同一时间基地 {names(bases)} 住着同期别的班" if bases else "基地由同期别的班占用"


def _pins(demand: "Demand") -> str:
    visit = demand.visit
    pinned = [f"{name}#{index}" for name, index in sorted(visit.problem.gathering_pins) if name == visit.klass]
    return f"{names(pinned)} 已指定日期或基地"
