"""The rule sheet: each rule with the fact about this plan that shows it kept or broken, in words for a page."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from .checker_case import Breach, Case
from .checker_statements import village_days, villages


@dataclass(frozen=True)
class RuleLine:
    """A line of the sheet. `ok` is None where the plan does not reach the stage that the rule is about."""

    code: str
    name: str
    ok: bool | None
    fact: str
    breaches: tuple[Breach, ...]
    waived: tuple[Breach, ...]


def sheet(case: Case, breaches: list[Breach]) -> list[RuleLine]:
    """R01 to R19 in order. An untrue shortfall of a rule counts against the rule."""
    lines = []
    for code, (name, stage, fact) in RULES.items():
        mine = [row for row in breaches if row.code == code or _about(row) == code]
        bad = tuple(row for row in mine if not row.waived)
        waived = tuple(row for row in mine if row.waived)
        if case.told.depth < stage:
            lines.append(RuleLine(code, name, False if bad else None, "方案还没有编排到这一步。", bad, waived))
        else:
            lines.append(RuleLine(code, name, not bad, fact(case), bad, waived))
    return lines


def _about(breach: Breach) -> str | None:
    return breach.subject.split(":")[0] if breach.code == "SHORTFALL" else None


def _listed(case: Case, rule: str) -> int:
    return sum(row["rule"] == rule for row in case.told.shortfalls)


def _unit_sizes(case: Case) -> list[int]:
    return [len(people) for batch in case.given.batches for people in case.by_unit(batch).values()]


def _stays(case: Case) -> Counter[tuple[str, int, str]]:
    return Counter((stay.klass, stay.index, stay.household) for stay in case.told.stays)


def _quota(case: Case) -> str:
    most = max(_unit_sizes(case), default=0)
    return f"各单位每期至多派出 {most} 人；名额一般为 {case.given.rules['unit_max_per_batch']} 人，另定的按另定名额。"


def _spread(case: Case) -> str:
    groups = Counter(
        (klass, case.given.cadres[cadre]["unit"]) for klass, people in case.members.items() for cadre in people
    )
    return f"这个方案里，同一单位在同一个班最多有 {max(groups.values(), default=0)} 人。"


def _cover(case: Case) -> str:
    several = sum(size > 1 for size in _unit_sizes(case))
    return f"同期派出2人以上的单位有 {several} 家次；规定单周、双周人数相差不超过1人，任何一天都有人在岗。"


def _sizes(case: Case) -> str:
    sizes = [len(case.members[name]) for name in case.given.classes]
    limits = case.given.rules["class_size"]
    least, most = min(sizes, default=0), max(sizes, default=0)
    span = f"{least} 至 {most}" if least < most else f"{least}"
    text = f"各班 {span} 人，规定 {limits['min']} 至 {limits['max']} 人"
    return f"{text}；不足下限、已列为缺口的 {_listed(case, 'R04')} 个班。"


def _time(case: Case) -> str:
    given, partly = case.given, 0
    for cadre, (batch, _) in case.seats.items():
        when = given.batches[batch]
        partly += any(start <= when.last and end > when.first for start, end in given.away[cadre])
    most = given.rules["max_overlap_days"]
    return f"有 {partly} 人在期内有几天不能参加，每人可容许 {most} 天，席位和床位保留。"


def _eligible(case: Case) -> str:
    return f"安排 {len(case.seats)} 人，每人一期；符合条件的共 {len(case.given.eligible)} 人。"


def _wishes(case: Case) -> str:
    rows = case.given.cadres.values()
    must, barred = sum(bool(row["must"]) for row in rows), sum(bool(row["must_not"]) for row in rows)
    weeks = sum(row["parity"] is not None for row in rows)
    text = f"指定期次 {must} 人、回避期次 {barred} 人、限定单双周 {weeks} 人"
    return f"{text}；指定而没有排进、已列为缺口的 {_listed(case, 'R07')} 人。"


def _leading(case: Case) -> str:
    given = case.given
    groups = (people for batch in given.batches for people in case.by_unit(batch).values())
    most = max((sum(given.cadres[cadre]["leading"] for cadre in people) for people in groups), default=0)
    return f"各单位每期至多 {most} 名班子成员，规定至多 {given.rules['leading_max']} 名。"


def _shape(case: Case) -> str:
    double = sum(len(held.sites) > 1 for held in case.held.values())
    text = f"举行集中 {len(case.held)} 次，每次 {case.given.rules['gathering_days']} 天"
    return f"{text}；{double} 次用两个相邻的同线路基地。"


def _weeks(case: Case) -> str:
    expected = sum(len(case.given.indexes(klass)) for klass in case.given.classes.values())
    return f"各班按单周、双周应有 {expected} 次集中，举行 {len(case.held)} 次，取消 {len(case.skipped)} 次并写明原因。"


def _holidays(case: Case) -> str:
    hit = sum(any(day in case.given.holidays for day in held.days) for held in case.held.values())
    return f"{hit} 次集中占用法定节假日。"


def _closed(case: Case) -> str:
    bases = len({base for held in case.held.values() for base in held.bases})
    houses = len({stay.household for stay in case.told.stays} - case.given.stand_ins)
    hit = sum(row.code == "R12" for row in case.breaches)
    return f"用到基地 {bases} 个、农户 {houses} 户，停用期间仍安排的 {hit} 处。"


def _room(case: Case) -> str:
    nights: Counter[tuple[str, int]] = Counter()
    for held in case.held.values():
        for base, people in held.sites:
            nights.update({(base, night): people for night in held.nights})
    most = max(nights.values(), default=0)
    return f"一个基地一晚最多住 {most} 人，各基地每晚留空 {case.given.rules['spare_beds']} 张床。"


def _villages(case: Case) -> str:
    counts = [len(villages(case, name)) for name in case.given.classes if case.members[name]]
    text = f"各班至少到访 {min(counts, default=0)} 个村，规定 {case.given.rules['min_distinct_villages']} 个"
    return f"{text}；不足、已列为缺口的 {_listed(case, 'R14')} 个班。"


def _days(case: Case) -> str:
    counts = [village_days(case, name) for name in case.given.classes if case.members[name]]
    text = f"各班至少在村 {min(counts, default=0)} 天，规定 {case.given.rules['min_village_days']} 天"
    return f"{text}；不足、已列为缺口并写明补足办法的 {_listed(case, 'R15')} 个班。"


def _groups(case: Case) -> str:
    sizes, limits = _stays(case).values(), case.given.rules["household_group"]
    text = f"每户住同班 {min(sizes, default=0)} 至 {max(sizes, default=0)} 人"
    apart = "男女分户" if case.given.rules["household_single_sex"] else "男女分房"
    return f"{text}；规定 {limits['min']} 至 {limits['max']} 人，{apart}。"


def _beds(case: Case) -> str:
    stays = [stay for stay in case.told.stays if stay.household not in case.given.stand_ins]
    beds = len({(stay.household, stay.room, stay.bed) for stay in stays})
    return f"用到床位 {beds} 张，规定都在册、一人一床。"


def _everyone(case: Case) -> str:
    people = sum(len(case.members[held.klass]) for held in case.held.values())
    return f"各次集中应住 {people} 人次，排定床位 {len(case.told.stays)} 人次。"


def _staff(case: Case) -> str:
    staff = {person for held in case.held.values() for person in case.given.classes[held.klass].staff}
    return f"带班人员 {len(staff)} 人，按天核对有无重叠。"


RULES: dict[str, tuple[str, int, Callable[[Case], str]]] = {
    "R01": ("单位派员名额", 1, _quota),
    "R02": ("同单位分班", 2, _spread),
    "R03": ("单位留人在岗", 2, _cover),
    "R04": ("班额均衡", 2, _sizes),
    "R05": ("不能参加的时间", 1, _time),
    "R06": ("参训资格与班型", 1, _eligible),
    "R07": ("指定与回避", 1, _wishes),
    "R08": ("班子成员", 1, _leading),
    "R09": ("集中天数与地点", 3, _shape),
    "R10": ("单双周与起止日期", 3, _weeks),
    "R11": ("法定节假日", 3, _holidays),
    "R12": ("停用回避", 3, _closed),
    "R13": ("承载量与床位余量", 3, _room),
    "R14": ("到访村数", 3, _villages),
    "R15": ("在村天数", 3, _days),
    "R16": ("农户住宿分组", 4, _groups),
    "R17": ("床位在册", 4, _beds),
    "R18": ("人人有床", 3, _everyone),
    "R19": ("带班人员", 3, _staff),
}
