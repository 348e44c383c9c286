"""What a plan says of itself: shortfalls with their offers, and the moves from the published plan."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import Any

from .checker_case import Case, Held, iso, ordinal
from .checker_form import is_day, is_whole

Changes = dict[tuple[str, str], tuple[str | None, str | None]]


def check_statements(case: Case) -> None:
    check_shortfalls(case)
    check_moves(case)


def demands(case: Case) -> dict[tuple[str, str], int]:
    """Everything demanded and not met: (rule, subject) -> amount."""
    given, rules, result = case.given, case.given.rules, {}
    uncovered: Counter[str] = Counter()
    for cadre, row in given.cadres.items():
        if cadre in case.seats:
            continue
        if row["must"]:
            result["R07", cadre] = 1
        if cadre in given.eligible and given.tier[cadre] == 0:
            uncovered[row["unit"]] += 1
    result.update({("COVER", unit): count for unit, count in uncovered.items()})
    if case.told.depth < 2:
        return result
    for name in given.classes:
        people = len(case.members[name])
        missing = {"R04": rules["class_size"]["min"] - people}
        if case.told.depth >= 3 and people:
            missing["R14"] = rules["min_distinct_villages"] - len(villages(case, name))
            missing["R15"] = rules["min_village_days"] - village_days(case, name)
        result.update({(rule, name): amount for rule, amount in missing.items() if amount > 0})
    return result


def villages(case: Case, name: str) -> set[str]:
    bases = (base for held in case.held_of[name] for base in held.bases)
    return {case.given.bases[base]["village"] for base in bases if base in case.given.bases}


def village_days(case: Case, name: str) -> int:
    return sum(max(0, held.last - held.first + 1) for held in case.held_of[name])


def check_shortfalls(case: Case) -> None:
    """Each demand not met is listed once with the exact amount; a waived one is an approved exception instead."""
    wanted = demands(case)
    listed = Counter((row["rule"], row["subject"]) for row in case.told.shortfalls)
    unit = {"R04": "人", "R07": "人", "R14": "个村", "R15": "天", "COVER": "人"}
    for (rule, subject), amount in sorted(wanted.items()):
        told = f"{_what(rule, subject)}缺 {amount} {unit[rule]}"
        if case.is_waived(rule, subject):
            case.add(rule, subject, f"{told}。")
        elif not listed[rule, subject]:
            _deny(case, rule, subject, f"{told}，方案没有列出。")
    for (rule, subject), count in sorted(listed.items()):
        if count > 1:
            _deny(case, rule, subject, f"{_what(rule, subject)}的缺口列了 {count} 次。")
    for row in case.told.shortfalls:
        rule, subject = row["rule"], row["subject"]
        truth = wanted.get((rule, subject), 0)
        if row["amount"] != truth:
            fact = f"实为 {truth} {unit[rule]}" if truth else "其实不缺"
            message = f"{_what(rule, subject)}的缺口写作 {row['amount']} {unit[rule]}，{fact}。"
            _deny(case, rule, subject, message)
        for fault in _offer_faults(case, row):
            _deny(case, rule, subject, f"{_what(rule, subject)}的补足办法{fault}。")


def _what(rule: str, subject: str) -> str:
    names = {"R04": "班额下限", "R07": "指定期次的干部", "R14": "到访村数", "R15": "在村天数", "COVER": "应训未训人数"}
    return f"{subject} {names[rule]}"


def _deny(case: Case, rule: str, subject: str, message: str) -> None:
    """A false or missing statement. The list of the uncovered is a rule of its own."""
    if rule == "COVER":
        case.add("COVER", subject, message)
    else:
        case.add("SHORTFALL", f"{rule}:{subject}", message)


def _offer_faults(case: Case, row: dict[str, Any]) -> Iterator[str]:
    """R15 alone carries an offer, of the kind of the make-up rule, with nothing impossible in it."""
    if row["rule"] != "R15":
        if "offer" in row:
            yield "只应写在在村天数的缺口里"
        return
    offer, kind = row.get("offer"), case.given.rules["makeup_rule"]
    if (
        not isinstance(offer, dict)
        or set(offer) != {"kind", "gatherings", "first_days"}
        or not isinstance(offer["gatherings"], list)
        or not isinstance(offer["first_days"], list)
    ):
        yield "没有写明，或格式不对"
        return
    if offer["kind"] != kind:
        yield "与项目规定的种类不同"
    if offer["gatherings"] and kind != "join_class":
        yield "列了随班补，项目却没有这样规定"
    if offer["first_days"] and kind != "extra_weekend":
        yield "列了加场日期，项目却没有这样规定"
    if row["subject"] not in case.given.classes:
        return
    if kind == "join_class":
        for entry in offer["gatherings"]:
            if not _can_join(case, row["subject"], entry):
                yield f"列了不能随班的集中 {_entry_name(entry)}"
    elif kind == "extra_weekend":
        for day in offer["first_days"]:
            if not _can_add(case, row["subject"], day):
                yield f"列了不能加场的日期 {day}"


def _entry_name(entry: Any) -> str:
    return "#".join(map(str, entry)) if isinstance(entry, list) else str(entry)


def _can_join(case: Case, name: str, entry: Any) -> bool:
    """A held gathering of another class of the batch on days when the class itself is at home."""
    if not (isinstance(entry, list) and len(entry) == 2 and isinstance(entry[0], str) and is_whole(entry[1])):
        return False
    held = case.held.get((entry[0], entry[1]))
    if held is None or held.klass == name:
        return False
    classes = case.given.classes
    return classes[held.klass].batch == classes[name].batch and not case.days_of[name] & set(held.days)


def _can_add(case: Case, name: str, day: Any) -> bool:
    """A day of the batch from which a gathering of lawful length and weekend days meets no holiday and no gathering."""
    if not is_day(day):
        return False
    first, batch = ordinal(day), case.given.batches[case.given.classes[name].batch]
    days = set(range(first, first + case.given.rules["gathering_days"]))
    return case.given.stay_is_lawful(batch, first, any_weekday=True) and not case.days_of[name] & days


def check_moves(case: Case) -> None:
    """All differences from the published plan, and nothing else."""
    previous = case.given.document["previous"]
    told: dict[tuple[str, str], tuple[str | None, str | None]] = {}
    for row in case.told.moves:
        key = (row["kind"], row["subject"])
        if key in told:
            case.add("MOVES", ":".join(key), f"{row['subject']} 的变动列了不止一次。")
        told[key] = (row["from"], row["to"])
    true, possible = ({}, {}) if previous is None else _changes(case, previous)
    for key in sorted(set(true) | set(told)):
        subject = ":".join(key)
        if key not in told:
            case.add("MOVES", subject, f"{key[1]} 由 {true[key][0]} 改为 {true[key][1]}，方案没有列为变动。")
        elif key not in true and told[key] != possible.get(key):
            case.add("MOVES", subject, f"{key[1]} 与已发布的方案相比没有所列的变动。")
        elif key in true and told[key] != true[key]:
            message = f"{key[1]} 的变动写作 {told[key][0]} → {told[key][1]}，实为 {true[key][0]} → {true[key][1]}。"
            case.add("MOVES", subject, message)


def _changes(case: Case, previous: dict[str, Any]) -> tuple[Changes, Changes]:
    """Changes that must be listed, and those that may be (a fortnight or bed of which one plan says nothing)."""
    true: Changes = {}
    possible: Changes = {}
    before = {row["cadre"]: (row["batch"], row["class"]) for row in previous["assignments"]}
    for cadre in set(before) | set(case.seats):
        pair = _seat(case, before.get(cadre)), _seat(case, case.seats.get(cadre))
        if pair[0] != pair[1]:
            true["assignment", cadre] = pair
    if case.told.depth < 3:
        return true, possible
    old = {(row["class"], row["index"]): row for row in previous["gatherings"]}
    now: dict[tuple[str, int], Held | None] = dict.fromkeys(case.skipped) | dict(case.held)
    same = []
    for key in set(old) | set(now):
        texts = (_old_place(old[key]) if key in old else None), (_new_place(now[key]) if key in now else None)
        if texts[0] == texts[1] and _same_end(old[key], now[key]):
            if now[key] is not None:
                same.append(key)
        else:
            listed = possible if None in texts and "skipped" in texts else true
            listed["gathering", f"{key[0]}#{key[1]}"] = texts
    if case.told.depth >= 4:
        _bed_changes(case, previous, before, set(same), true, possible)
    return true, possible


def _seat(case: Case, seat: tuple[str, str | None] | None) -> str | None:
    if seat is None:
        return None
    return seat[0] if seat[1] is None or case.told.depth < 2 else f"{seat[0]}/{seat[1]}"


def _old_place(row: dict[str, Any]) -> str:
    if "skipped" in row:
        return "skipped"
    return f"{row['first_day']} {'+'.join(sorted(site['base'] for site in row['sites']))}"


def _new_place(held: Held | None) -> str:
    return "skipped" if held is None else f"{iso(held.first)} {'+'.join(sorted(held.bases))}"


def _same_end(row: dict[str, Any], held: Held | None) -> bool:
    return held is None or row["last_day"] == iso(held.last)


def _bed_changes(
    case: Case,
    previous: dict[str, Any],
    before: dict[str, tuple[str, str | None]],
    same: set[tuple[str, int]],
    true: Changes,
    possible: Changes,
) -> None:
    """Beds at gatherings that stayed as they were, of people whose seats did; of who is back in a class where they had one, they
    may be listed."""
    beds: defaultdict[tuple[str, str, int], list[str | None]] = defaultdict(lambda: [None, None])
    for row in previous["lodging"]:
        bed = f"{row['household']}/{row['room']}/{row['bed']}"
        beds[row["cadre"], row["class"], row["index"]][0] = bed
    for stay in case.told.stays:
        beds[stay.cadre, stay.klass, stay.index][1] = f"{stay.household}/{stay.room}/{stay.bed}"
    for (cadre, name, index), (old, new) in beds.items():
        stayed, both = before.get(cadre) == case.seats.get(cadre), old is not None and new is not None
        if old == new or (name, index) not in same or not (stayed or both):
            continue
        listed = true if stayed and both else possible
        listed["bed", f"{cadre}:{name}#{index}"] = (old, new)
