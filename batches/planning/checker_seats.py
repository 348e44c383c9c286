"""Who sits where: R01 to R08, the pins of seats, and the reasons given for those without a seat."""

from __future__ import annotations

from collections import Counter, defaultdict

from .checker_case import Case, days_within, iso

PARITY_WORD = {"odd": "单周", "even": "双周"}
REASON_WORD = {
    "attended": "以前已参训，本项目不重复安排",
    "no_track": "不符合任何班型的条件",
    "pinned_out": "已定为本次不安排",
    "no_open_batch": "各期都不能参加",
    "no_seat": "可参加的期次已没有名额",
}


def check_seats(case: Case) -> None:
    """All rules of stages 1 and 2."""
    check_unit_counts(case)
    check_time(case)
    check_eligible(case)
    check_wishes(case)
    check_seat_pins(case)
    check_unassigned(case)
    if case.told.depth >= 2:
        check_class_sizes(case)
        check_unit_spread(case)
        check_unit_cover(case)


def check_unit_counts(case: Case) -> None:
    """R01 and R08: people, and leading members, of a unit in a batch."""
    most_leading = case.given.rules["leading_max"]
    for batch in case.given.batches:
        for unit, people in sorted(case.by_unit(batch).items()):
            subject, quota = f"{unit}@{batch}", case.given.quota(unit)
            if len(people) > quota:
                case.add("R01", subject, f"{unit} 在 {batch} 有 {len(people)} 人，超过每期名额 {quota} 人。")
            leading = sum(case.given.cadres[cadre]["leading"] for cadre in people)
            if leading > most_leading:
                case.add("R08", subject, f"{unit} 在 {batch} 有班子成员 {leading} 人，至多 {most_leading} 人。")


def check_time(case: Case) -> None:
    """R05: unavailable days in the batch."""
    most = case.given.rules["max_overlap_days"]
    for cadre, (batch, _) in sorted(case.seats.items()):
        when = case.given.batches[batch]
        days = days_within(case.given.away[cadre], when.first, when.last)
        if days > most:
            case.add("R05", cadre, f"{cadre} 在 {batch} 期间有 {days} 天不能参加，超过可容许的 {most} 天。")


def check_eligible(case: Case) -> None:
    """R06: one batch at most, eligible people only, and each in a class of the own track."""
    given = case.given
    for cadre, count in sorted(case.seen_cadres.items()):
        if count > 1:
            case.add("R06", cadre, f"{cadre} 在名单中出现 {count} 次，每人至多参加一期。")
    for cadre, (batch, name) in sorted(case.seats.items()):
        track = given.track[cadre]
        if given.cadres[cadre]["attended_before"] and not given.rules["repeats"]:
            case.add("R06", cadre, f"{cadre} 以前已参训，本项目不重复安排。")
        if track is None:
            case.add("R06", cadre, f"{cadre} 不符合任何班型的条件，不能安排。")
        elif name is None:
            offered = {given.classes[klass].track for klass in given.batches[batch].classes}
            if case.told.depth < 2 and track not in offered:
                case.add("R06", cadre, f"{batch} 没有 {cadre} 所属班型 {track} 的班。")
        elif given.classes[name].track != track:
            case.add("R06", cadre, f"{cadre} 属于班型 {track}，却编入班型 {given.classes[name].track} 的 {name}。")
        if name is not None and given.classes[name].batch != batch:
            case.add("R06", cadre, f"{cadre} 安排在 {batch}，班级 {name} 却属于 {given.classes[name].batch}。")


def check_wishes(case: Case) -> None:
    """R07: must and must-not batches, and the one parity that suits a cadre."""
    given = case.given
    for cadre, (batch, name) in sorted(case.seats.items()):
        row = given.cadres[cadre]
        if row["must"] and batch not in row["must"]:
            case.add("R07", cadre, f"{cadre} 应参加 {'、'.join(row['must'])}，却安排在 {batch}。")
        if batch in row["must_not"]:
            case.add("R07", cadre, f"{cadre} 不得参加 {batch}。")
        if row["parity"] is None:
            continue
        wanted = PARITY_WORD[row["parity"]]
        if name is not None:
            if given.classes[name].parity != row["parity"]:
                case.add("R07", cadre, f"{cadre} 只能在{wanted}参加，却编入另一周的 {name}。")
        elif case.told.depth < 2:
            mine = [given.classes[klass] for klass in given.batches[batch].classes]
            mine = [klass for klass in mine if klass.track == given.track[cadre]]
            if mine and all(klass.parity != row["parity"] for klass in mine):
                case.add("R07", cadre, f"{cadre} 只能在{wanted}参加，{batch} 没有{wanted}的班。")


def check_class_sizes(case: Case) -> None:
    """R04: the upper limit, and classes of a track within one of each other (the minimum is a shortfall)."""
    most = case.given.rules["class_size"]["max"]
    for batch in case.given.batches.values():
        sizes: defaultdict[str, list[int]] = defaultdict(list)
        for name in batch.classes:
            size = len(case.members[name])
            sizes[case.given.classes[name].track].append(size)
            if size > most:
                case.add("R04", name, f"{name} 有 {size} 人，超过班额上限 {most} 人。")
        for track, row in sorted(sizes.items()):
            if max(row) - min(row) > 1:
                message = f"{batch.id} 班型 {track} 各班人数最多 {max(row)} 人、最少 {min(row)} 人，相差超过1人。"
                case.add("R04", f"{track}@{batch.id}", message)


def check_unit_spread(case: Case) -> None:
    """R02: a unit's people of one track are spread over the classes of the track."""
    given = case.given
    for batch in given.batches.values():
        count_of = Counter(given.classes[name].track for name in batch.classes)
        for unit, people in sorted(case.by_unit(batch.id).items()):
            seats: defaultdict[str, Counter[str]] = defaultdict(Counter)
            total: Counter[str] = Counter()
            for cadre in people:
                track, name = given.track[cadre], case.seats[cadre][1]
                if track is not None:
                    total[track] += 1
                    if name is not None:
                        seats[track][name] += 1
            for track, row in sorted(seats.items()):
                if not count_of[track]:
                    continue
                most = -(-total[track] // count_of[track])
                name, worst = max(sorted(row.items()), key=lambda item: item[1])
                if worst > most:
                    told = f"{unit} 在 {batch.id} 的 {total[track]} 人中有 {worst} 人同在 {name}"
                    case.add("R02", f"{unit}@{batch.id}/{track}", f"{told}，每班至多 {most} 人。")


def check_unit_cover(case: Case) -> None:
    """R03: never all away on one day; odd and even halves as equal as can be."""
    given = case.given
    for batch in given.batches.values():
        parities: defaultdict[str, set[str]] = defaultdict(set)
        for name in batch.classes:
            parities[given.classes[name].track].add(given.classes[name].parity)
        for unit, people in sorted(case.by_unit(batch.id).items()):
            names = [case.seats[cadre][1] for cadre in people]
            known = [name for name in names if name is not None]
            if len(people) < 2 or len(known) < len(people):
                continue
            sides = Counter(given.classes[name].parity for name in known)
            splits = all(len(parities[given.track[cadre] or ""]) == 2 for cadre in people)
            subject = f"{unit}@{batch.id}"
            if splits and abs(sides["odd"] - sides["even"]) > 1:
                message = f"{unit} 在 {batch.id} 单周班 {sides['odd']} 人、双周班 {sides['even']} 人，相差超过1人。"
                case.add("R03", subject, message)
            if case.told.depth >= 3:
                together = set.intersection(*(case.days_of[name] for name in set(known)))
                if together:
                    message = f"{unit} 在 {batch.id} 的 {len(people)} 人于 {iso(min(together))} 全部离岗参加集中。"
                    case.add("R03", subject, message)


def check_seat_pins(case: Case) -> None:
    """Pins of batches and classes are hard."""
    given, pins = case.given, case.given.document["pins"]
    for pin in pins["batches"]:
        cadre, wanted = pin["cadre"], pin["batch"]
        seat = case.seats.get(cadre)
        if cadre in given.cadres and (seat[0] if seat else None) != wanted:
            where = "不安排" if wanted is None else f"参加 {wanted}"
            now = "未安排" if seat is None else f"安排在 {seat[0]}"
            case.add("PINS", cadre, f"{cadre} 已定为{where}，方案却{now}。")
    for pin in pins["classes"]:
        cadre, wanted = pin["cadre"], pin["class"]
        if cadre not in given.cadres:
            continue
        seat = case.seats.get(cadre)
        if case.told.depth >= 2:
            kept = seat is not None and seat[1] == wanted
        else:
            kept = seat is not None and wanted in given.classes and seat[0] == given.classes[wanted].batch
        if not kept:
            case.add("PINS", cadre, f"{cadre} 已定在 {wanted}，方案没有照此安排。")


def true_reason(case: Case, cadre: str) -> str:
    """The first reason that holds for a cadre without a seat."""
    given = case.given
    if given.cadres[cadre]["attended_before"] and not given.rules["repeats"]:
        return "attended"
    if given.track[cadre] is None:
        return "no_track"
    if any(pin["cadre"] == cadre and pin["batch"] is None for pin in given.document["pins"]["batches"]):
        return "pinned_out"
    if not any(given.is_open(cadre, batch) for batch in given.batches.values()):
        return "no_open_batch"
    return "no_seat"


def check_unassigned(case: Case) -> None:
    """Every cadre is in exactly one of the two lists, and the reason for having no seat is the first true one."""
    listed = Counter(cadre for cadre, _ in case.told.unassigned)
    for cadre in sorted(set(listed) - set(case.given.cadres)):
        case.add("UNASSIGNED", cadre, f"未安排名单中有输入里没有的干部 {cadre}。")
    for cadre in sorted(case.given.cadres):
        if listed[cadre] > 1:
            case.add("UNASSIGNED", cadre, f"{cadre} 在未安排名单中出现 {listed[cadre]} 次。")
        elif listed[cadre] and case.seen_cadres[cadre]:
            case.add("UNASSIGNED", cadre, f"{cadre} 既已安排，又列在未安排名单中。")
        elif not listed[cadre] and not case.seen_cadres[cadre]:
            case.add("UNASSIGNED", cadre, f"{cadre} 既没有安排，也没有列入未安排名单。")
    for cadre, reason in case.told.unassigned:
        if cadre in case.given.cadres and cadre not in case.seats:
            truth = true_reason(case, cadre)
            if reason != truth:
                message = f"{cadre} 未安排的原因写作“{REASON_WORD[reason]}”，实为“{REASON_WORD[truth]}”。"
                case.add("UNASSIGNED", cadre, message)
