"""When and where classes gather: R09 to R13, R19, and the pins of gatherings."""

from __future__ import annotations

import math
from collections import Counter, defaultdict

from .checker_case import Case, Held, Klass, days_within, iso

WEEKDAY_WORD = "一二三四五六日"


def check_visits(case: Case) -> None:
    """All rules of stage 3 (R14 and R15 are demands: see the shortfalls)."""
    for held in case.held.values():
        check_shape(case, held)
        check_place(case, held)
        check_week(case, held)
        check_people(case, held)
        check_base_open(case, held)
    check_rows(case)
    check_room(case)
    check_staff(case)
    check_gathering_pins(case)


def check_shape(case: Case, held: Held) -> None:
    """R09's days and R11."""
    rules, given = case.given.rules, case.given
    length = held.last - held.first + 1
    if length != rules["gathering_days"]:
        case.add("R09", held.subject, f"{held.subject} 为 {length} 天，应为 {rules['gathering_days']} 天。", held.cell)
    start = (held.first - 1) % 7 + 1
    if rules["start_weekdays"] and start not in rules["start_weekdays"]:
        case.add(
            "R09", held.subject, f"{held.subject} 从星期{WEEKDAY_WORD[start - 1]}开始，不在可开始的日子里。", held.cell
        )
    count, wanted = given.weekend_days(held.days), rules["weekend_days"]
    if not wanted["min"] <= count <= wanted["max"]:
        message = f"{held.subject} 占用周末 {count} 天，应为 {wanted['min']} 至 {wanted['max']} 天。"
        case.add("R09", held.subject, message, held.cell)
    off = [iso(day) for day in held.days if day in given.holidays]
    if off:
        case.add("R11", held.subject, f"{held.subject} 占用法定节假日 {'、'.join(off)}。", held.cell)


def check_place(case: Case, held: Held) -> None:
    """R09's site: one base, or two near ones of one route."""
    given, bases = case.given, held.bases
    unknown = [base for base in bases if base not in given.bases]
    if unknown:
        case.add("R09", held.subject, f"{held.subject} 安排在不存在的基地 {'、'.join(unknown)}。", held.cell)
        return
    if len(bases) == 1:
        return
    if len(bases) != 2 or bases[0] == bases[1]:
        case.add("R09", held.subject, f"{held.subject} 应在一个基地，或同一线路上的两个不同基地。", held.cell)
        return
    one, two = (given.bases[base] for base in bases)
    if not set(one["routes"]) & set(two["routes"]):
        case.add("R09", held.subject, f"{held.subject} 的两个基地 {bases[0]}、{bases[1]} 不在同一条线路上。", held.cell)
    km, most = math.dist(one["position_km"], two["position_km"]), given.rules["pair_max_km"]
    if km > most + 1e-9:
        message = f"{held.subject} 的两个基地 {bases[0]}、{bases[1]} 相距 {km:.1f} 公里，超过 {most} 公里。"
        case.add("R09", held.subject, message, held.cell)


def check_week(case: Case, held: Held) -> None:
    """R10: the fortnight's own week, and no day outside the batch."""
    klass = case.given.classes[held.klass]
    batch = case.given.batches[klass.batch]
    if held.index not in case.given.indexes(klass):
        case.add("R10", held.subject, f"{held.klass} 在本期没有第 {held.index} 次集中。", held.cell)
        return
    monday = case.given.week_of(klass, held.index)
    if not monday <= held.first < monday + 7:
        message = f"{held.subject} 从 {iso(held.first)} 开始，应在 {iso(monday)} 起的一周内开始。"
        case.add("R10", held.subject, message, held.cell)
    if held.first < batch.first or held.last > batch.last:
        message = f"{held.subject} 不在 {batch.id} 的起止日期 {iso(batch.first)} 至 {iso(batch.last)} 之内。"
        case.add("R10", held.subject, message, held.cell)


def check_people(case: Case, held: Held) -> None:
    """R18's numbers at the bases."""
    members = len(case.members[held.klass])
    counts = [people for _, people in held.sites]
    if sum(counts) != members or any(people < 1 for people in counts):
        message = f"{held.subject} 各基地人数合计 {sum(counts)} 人，{held.klass} 有 {members} 人。"
        case.add("R18", held.subject, message, held.cell)


def check_base_open(case: Case, held: Held) -> None:
    """R12 for bases; households and rooms follow with the beds."""
    for base in sorted(set(held.bases)):
        if days_within(case.given.base_closed.get(base, ()), held.days.start, held.days.stop - 1):
            case.add("R12", f"{base}:{held.subject}", f"{held.subject} 期间基地 {base} 停用。", held.cell)


def check_rows(case: Case) -> None:
    """R10: one row for every fortnight of a class, held or skipped with a true reason."""
    given = case.given
    count: Counter[tuple[str, int]] = Counter((row.klass, row.index) for row in case.told.held_rows)
    count.update((klass, index) for klass, index, _ in case.told.skipped_rows)
    for klass in given.classes.values():
        for index in given.indexes(klass):
            subject, rows = f"{klass.id}#{index}", count.pop((klass.id, index), 0)
            if rows != 1:
                told = "没有写明是否举行" if rows == 0 else f"写了 {rows} 次"
                case.add("R10", subject, f"{subject} {told}。", (klass.id, index))
    for name, index in sorted(count):
        if name in given.classes and (name, index) not in case.held:
            case.add("R10", f"{name}#{index}", f"{name} 在本期没有第 {index} 次集中。", (name, index))
        elif name in given.classes and count[name, index] > 1:
            case.add("R10", f"{name}#{index}", f"{name}#{index} 写了 {count[name, index]} 次。", (name, index))
    busy: defaultdict[str, set[int]] = defaultdict(set)
    for held in case.held.values():
        for person in given.classes[held.klass].staff:
            busy[person].update(held.days)
    for (name, index), reason in sorted(case.skipped.items()):
        klass = given.classes[name]
        if (name, index) not in case.held and index in given.indexes(klass):
            check_reason(case, klass, index, reason, busy)


def check_reason(case: Case, klass: Klass, index: int, reason: str, busy: dict[str, set[int]]) -> None:
    """Whether a gathering was skipped for a reason that holds. Whether no site had room cannot be told row by row."""
    subject = f"{klass.id}#{index}"
    if (reason == "empty_class") != (not case.members[klass.id]):
        told = "写作因空班取消，班里却有人" if reason == "empty_class" else "是空班，应写明因空班取消"
        case.add("R10", subject, f"{subject} {told}。", (klass.id, index))
    elif reason in ("no_day", "no_staff"):
        length = case.given.rules["gathering_days"]
        starts = case.given.lawful_starts(klass, index)
        if reason == "no_day" and starts:
            case.add("R10", subject, f"{subject} 写作没有可用日期，其实 {iso(starts[0])} 可以开始。", (klass.id, index))
        taken = {day for person in klass.staff for day in busy.get(person, ())}
        free = [day for day in starts if not taken & set(range(day, day + length))]
        if reason == "no_staff" and (free or not starts):
            case.add("R10", subject, f"{subject} 写作带班人员排不开，其实并非如此。", (klass.id, index))


def check_room(case: Case) -> None:
    """R13: people by day within the declared capacity, people by night within the usable beds less the spare ones."""
    given = case.given
    by_day: Counter[tuple[str, int]] = Counter()
    by_night: Counter[tuple[str, int]] = Counter()
    for held in case.held.values():
        for base, people in held.sites:
            if base in given.bases:
                by_day.update({(base, day): people for day in held.days})
                by_night.update({(base, night): people for night in held.nights})
    for (base, day), people in sorted(by_day.items()):
        other, most = given.other_people[base, day], given.bases[base]["declared_capacity"]
        if people + other > most:
            message = f"{base} 在 {iso(day)} 有学员 {people} 人、其他来访 {other} 人，超过承载量 {most} 人。"
            case.add("R13", f"{base}:{iso(day)}", message)
    spare = given.rules["spare_beds"]
    for (base, night), people in sorted(by_night.items()):
        beds = usable_beds(case, base, night)
        if people > beds - spare:
            message = f"{base} 在 {iso(night)} 当晚住 {people} 人，可用床位 {beds} 张，应留空 {spare} 张。"
            case.add("R13", f"{base}:{iso(night)}", message)


def usable_beds(case: Case, base: str, night: int) -> int:
    """Beds for the night after a day: base, household and room open on that day and the next."""
    given = case.given
    if days_within(given.base_closed[base], night, night + 1):
        return 0
    return sum(
        room.beds
        for room in given.rooms_of[base]
        if not days_within(room.closed, night, night + 1)
        and not days_within(given.house_closed[room.household], night, night + 1)
    )


def check_staff(case: Case) -> None:
    """R19: nobody leads two gatherings on one day."""
    at: defaultdict[tuple[str, int], list[Held]] = defaultdict(list)
    for held in case.held.values():
        for person in case.given.classes[held.klass].staff:
            for day in held.days:
                at[person, day].append(held)
    for (person, day), where in sorted(at.items()):
        if len(where) > 1:
            message = f"带班人员 {person} 在 {iso(day)} 同时要跟 {'、'.join(sorted(held.subject for held in where))}。"
            case.add("R19", f"{person}:{iso(day)}", message, *sorted(held.cell for held in where))


def check_gathering_pins(case: Case) -> None:
    """Pinned days and places are hard; an empty class has nobody to bring there."""
    for pin in case.given.document["pins"]["gatherings"]:
        name, index = pin["class"], pin["index"]
        if name not in case.given.classes or not case.members[name]:
            continue
        held = case.held.get((name, index))
        kept = held is not None and iso(held.first) == pin["first_day"]
        if kept and held is not None and pin["bases"] is not None:
            kept = set(held.bases) == set(pin["bases"])
        if not kept:
            place = "" if pin["bases"] is None else f"，地点 {'、'.join(sorted(pin['bases']))}"
            subject = f"{name}#{index}"
            case.add(
                "PINS", subject, f"{subject} 已定于 {pin['first_day']} 开始{place}，方案没有照此安排。", (name, index)
            )
