"""Who sleeps where: R12 for households and rooms, R16, R17 and R18."""

from __future__ import annotations

from collections import Counter, defaultdict

from .checker_case import Case, Held, Stay, days_within, iso


def check_beds(case: Case) -> None:
    """All rules of stage 4."""
    of: defaultdict[tuple[str, int], list[Stay]] = defaultdict(list)
    for stay in case.told.stays:
        if (stay.klass, stay.index) in case.held:
            of[stay.klass, stay.index].append(stay)
        else:
            message = f"{stay.cadre} 的床位属于没有举行的 {stay.klass}#{stay.index}。"
            case.add("R18", f"{stay.cadre}:{stay.klass}#{stay.index}", message, (stay.klass, stay.index))
    for key, held in case.held.items():
        check_real(case, held, of[key])
        check_open(case, held, of[key])
        check_groups(case, held, of[key])
        check_everyone(case, held, of[key])
    check_nights(case, of)


def is_real(case: Case, stay: Stay) -> bool:
    room = case.given.rooms.get(stay.room)
    return room is not None and room.household == stay.household and 1 <= stay.bed <= room.beds


def bed_name(stay: Stay) -> str:
    return f"{stay.household}/{stay.room}/{stay.bed}"


def check_real(case: Case, held: Held, stays: list[Stay]) -> None:
    """R17: only beds that exist, in admitted households."""
    for stay in stays:
        if not is_real(case, stay):
            case.add(
                "R17",
                f"{bed_name(stay)}:{held.subject}",
                f"{held.subject} 用了不存在的床位 {bed_name(stay)}。",
                held.cell,
            )


def check_open(case: Case, held: Held, stays: list[Stay]) -> None:
    """R12: no household and no room that is closed on any of the days, the last included."""
    given, first, last = case.given, held.days.start, held.days.stop - 1
    for house in sorted({stay.household for stay in stays}):
        if days_within(given.house_closed.get(house, ()), first, last):
            case.add("R12", f"{house}:{held.subject}", f"{held.subject} 期间农户 {house} 停用。", held.cell)
    for name in sorted({stay.room for stay in stays}):
        room = given.rooms.get(name)
        if room is not None and days_within(room.closed, first, last):
            case.add("R12", f"{name}:{held.subject}", f"{held.subject} 期间房间 {name} 停用。", held.cell)


def check_groups(case: Case, held: Held, stays: list[Stay]) -> None:
    """R16's size: people of the class in one household."""
    size = case.given.rules["household_group"]
    groups: defaultdict[str, set[str]] = defaultdict(set)
    for stay in stays:
        groups[stay.household].add(stay.cadre)
    for house, people in sorted(groups.items()):
        if not size["min"] <= len(people) <= size["max"]:
            message = f"{held.subject} 在农户 {house} 住 {len(people)} 人，应为 {size['min']} 至 {size['max']} 人。"
            case.add("R16", f"{house}:{held.subject}", message, held.cell)


def check_everyone(case: Case, held: Held, stays: list[Stay]) -> None:
    """R18: one bed for every member at the bases of the gathering, none for others, numbers as the bases were told."""
    given, before = case.given, len(case.breaches)
    count = Counter(stay.cadre for stay in stays)
    members = set(case.members[held.klass])
    for cadre in sorted(members | set(count)):
        subject = f"{cadre}:{held.subject}"
        if cadre not in members:
            case.add("R18", subject, f"{cadre} 不是 {held.klass} 的学员，却排了 {held.subject} 的床位。", held.cell)
        elif count[cadre] != 1:
            told = "没有床位" if count[cadre] == 0 else f"排了 {count[cadre]} 个床位"
            case.add("R18", subject, f"{cadre} 在 {held.subject} {told}。", held.cell)
    for stay in stays:
        base = given.base_of.get(stay.household)
        if base is not None and base not in held.bases:
            case.add(
                "R18",
                f"{stay.cadre}:{held.subject}",
                f"{stay.cadre} 的床位在 {base}，{held.subject} 不在那里。",
                held.cell,
            )
    told_people: Counter[str] = Counter()
    for base, people in held.sites:
        told_people[base] += people
    if len(case.breaches) > before or told_people.total() != len(members):
        return  # the numbers follow from what was just told
    slept = Counter(given.base_of[stay.household] for stay in stays if stay.household in given.base_of)
    if slept.total() == len(members) and slept != told_people:
        counts = "、".join(f"{base} {slept[base]} 人" for base in sorted(told_people))
        case.add("R18", held.subject, f"{held.subject} 实际住宿为 {counts}，与各基地人数不符。", held.cell)


def check_nights(case: Case, of: dict[tuple[str, int], list[Stay]]) -> None:
    """R17: one person a bed; R16: guests of one night of one sex."""
    single = case.given.rules["household_single_sex"]
    beds: Counter[tuple[str, int]] = Counter()
    sexes: defaultdict[tuple[str, int], set[str]] = defaultdict(set)
    for key, stays in of.items():
        for stay in stays:
            if not is_real(case, stay):
                continue
            sex = case.given.cadres.get(stay.cadre, {}).get("sex")
            for night in case.held[key].nights:
                beds[bed_name(stay), night] += 1
                if sex is not None:
                    sexes[stay.household if single else stay.room, night].add(sex)
    for (bed, night), people in sorted(beds.items()):
        if people > 1:
            case.add("R17", f"{bed}:{iso(night)}", f"床位 {bed} 在 {iso(night)} 当晚排了 {people} 人。")
    place = "农户" if single else "房间"
    for (name, night), both in sorted(sexes.items()):
        if len(both) > 1:
            subject = f"{name}:{iso(night)}"
            case.add("R16", subject, f"{place} {name} 在 {iso(night)} 当晚男女同住。", waivable=False)
