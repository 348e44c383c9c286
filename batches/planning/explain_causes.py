"""What each group of rules says about a class's demand, in words with figures; and the closures in its way."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from .changes import WEEKDAYS, Change
from .explain_text import names
from .explain_world import VIRTUAL
from .formats import Document
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
        "KEPT": _kept,
        "OUT": _out,
    }[group](demand)


def short(day: int) -> str:
    """3月12日."""
    _, month, number = day_text(day).split("-")
    return f"{int(month)}月{int(number)}日"


def _span(days: list[int]) -> str:
    return short(days[0]) if len(days) == 1 else f"{short(days[0])}至{short(days[-1])}"


def _spans(days: list[int]) -> str:
    """10月1日至10月4日、10月7日."""
    runs: list[list[int]] = []
    for day in days:
        if runs and runs[-1][-1] == day - 1:
            runs[-1].append(day)
        else:
            runs.append([day])
    return "、".join(_span(run) for run in runs)


def _holidays(demand: "Demand") -> str:
    days = demand.visit.problem.days
    parts = []
    for index, monday in demand.weeks():
        hit = [day for day in range(monday, monday + 6 + days) if day in demand.visit.problem.holidays]
        inside = [day for day in hit if day < monday + 7]
        if inside:
            parts.append(f"第 {index} 次的那一周有法定节假日（{_spans(inside)}）")
        elif hit:
            parts.append(f"第 {index} 次的那一周过后就是法定节假日（{_spans(hit)}）")
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
    period = f"期次 {batch.id} 从{short(batch.first)}到{short(batch.last)}"
    if demand.rule == "R10" and len(demand.weeks()) == 1:
        monday = demand.weeks()[0][1]
        inside = len(range(max(monday, batch.first), min(monday + 7, batch.last + 1)))
        return f"{period}，那一周只有 {inside} 天在期内，一次集中要 {problem.days} 天"
    return f"{period}，{parity}班一共只有 {count} 次集中、每次 {problem.days} 天"


def closures(demand: "Demand") -> Iterator[list[Change]]:
    """Closures to be lifted in the weeks of the demand: base by base, then more and more of them, then all.

    Days on which every base is shut stay shut: that was no choice of anybody's (a typhoon, days that are over).
    """
    bases = []
    for base in _by_id(demand):
        places = [("base", base)] + [("household", house) for house in base["households"]]
        places += [("room", room) for house in base["households"] for room in house["rooms"]]
        own: list[Change] = [
            {"kind": "reopen", "place": kind, "id": row["id"], "from": day_text(first), "until": day_text(until)}
            for kind, row in places
            for first, until in _shut(demand, row["closed"])
            if not any(first <= day < until for day in _shut_everywhere(demand))
        ]
        bases += [own] if own else []
    yield from bases
    count = 2
    while len(bases) > 1:
        yield [change for own in bases[:count] for change in own]
        if count >= len(bases):
            return
        count *= 2


def _by_id(demand: "Demand") -> list[Document]:
    return sorted(demand.visit.case.document["bases"], key=lambda row: str(row["id"]))


def _shut(demand: "Demand", ranges: list[list[str]]) -> list[tuple[int, int]]:
    """The parts of closures that lie between the demand's first week and its last, within the batch."""
    batch = demand.visit.case.batch
    mondays = [monday for _, monday in demand.weeks()] or [batch.monday]
    low, high = (
        max(min(mondays), batch.first, demand.visit.case.since),
        min(max(mondays) + 6 + demand.visit.problem.days, batch.last + 1),
    )
    parts = [(max(day_number(start), low), min(day_number(end), high)) for start, end in ranges]
    return [(first, until) for first, until in parts if first < until]


def _shut_everywhere(demand: "Demand") -> list[int]:
    """Days of those weeks on which every base that has beds is shut; none where there is one base only."""
    days = [
        {day for span in _shut(demand, base["closed"]) for day in range(*span)}
        for base in _by_id(demand)
        if base["households"]
    ]
    return sorted(set.intersection(*days)) if len(days) > 1 else []


def _pinned_to(demand: "Demand") -> list[Document]:
    """The bases to which all gatherings of the demand are pinned; none where one is free to go elsewhere."""
    pins = [demand.visit.problem.gathering_pins.get(key) for key in demand.gatherings()]
    names = {base for pin in pins if pin for base in pin["bases"]} if all(pins) else set()
    return [row for row in _by_id(demand) if row["id"] in names]


def _closed(demand: "Demand") -> str:
    pinned = _pinned_to(demand)
    if not pinned and (everywhere := _shut_everywhere(demand)):
        return f"{_span(everywhere)}各个基地全部停用"
    when = "那一周" if len(demand.weeks()) == 1 else "期内"
    rows = pinned or _by_id(demand)
    bases = [str(base["id"]) for base in rows if _shut(demand, base["closed"])]
    houses = sum(bool(_shut(demand, house["closed"])) for base in rows for house in base["households"])
    parts = [f"基地 {names(bases)} {when}有停用"] if bases else []
    parts += [f"{houses} 户农户{when}有停用"] if houses else []
    return "，".join(parts) or "有房间停用"


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
    spans = [(monday, monday + 6 + visit.problem.days) for _, monday in demand.weeks()]
    bases = sorted({base for base, day in visit.taken if any(first <= day < until for first, until in spans)})
    return f"同一时间基地 {names(bases)} 住着同期别的班" if bases else "基地由同期别的班占用"


def _pins(demand: "Demand") -> str:
    visit = demand.visit
    indexes = visit.pinned() if demand.index is None else demand.indexes()
    return f"{names(f'{visit.klass}#{index}' for index in indexes)} 已指定日期或基地"


def _kept(demand: "Demand") -> str:
    return "已发布的集中先保住原来的日子和基地"


def _out(demand: "Demand") -> str:
    """What of the class's gatherings is over, what was taken out by hand, and what the others come to."""
    visit = demand.visit
    every = visit.case.world(frozenset(), 1).indexes(visit.klass)
    gone = [index for index in every if visit.case.is_gone(visit.klass, index)]
    left, days = len(every) - len(gone), visit.problem.days
    rest = f"只剩 {left} 次，都去也只有 {left * days} 天" if left else "一次也不剩"
    if not gone:
        return f"前面的时间已经过去，{rest}"
    if gone == every[: len(gone)] and left and not called_off(demand):
        week = (visit.case.monday(visit.klass, every[len(gone)]) - visit.case.batch.monday) // 7 + 1
        begins = f"班级 {visit.klass} 第 {week} 周才有集中，"
    else:
        begins = ""
    return f"{begins}{_why_gone(demand, gone, every)}，{rest}"


def _why_gone(demand: "Demand", gone: list[int], every: list[int]) -> str:
    """Of each fortnight without a gathering which of both it is; where no day of today is known, nobody can tell."""
    if not demand.visit.case.since:
        return f"{_which(gone, every)}已经过去或者已取消"
    off = called_off(demand)
    past = [index for index in gone if index not in off]
    said = [f"{_which(past, every)}的时间已经过去"] if past else []
    return "，".join([*said, *([f"第 {'、'.join(map(str, off))} 次已由人工取消"] if off else [])])


def _which(indexes: list[int], every: list[int]) -> str:
    return f"前 {len(indexes)} 次" if indexes == every[: len(indexes)] else f"第 {'、'.join(map(str, indexes))} 次"


def called_off(demand: "Demand") -> list[int]:
    """Fortnights to come of the class whose gathering somebody called off; none where it is not known what is to come."""
    visit = demand.visit
    every = visit.case.world(frozenset(), 1).indexes(visit.klass) if visit.case.since else []
    return [index for index in every if (visit.klass, index) in visit.case.out - visit.case.over]
