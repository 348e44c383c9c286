"""Stages 1 and 2 of the yardstick: who attends which batch and which class (the method stands in greedy.py)."""

import collections
import math


def stage1(problem, restarts, rng):
    """Cadre id -> batch position."""
    rules, batches = problem.rules, problem.batches
    low, high = rules["class_size"]["min"], rules["class_size"]["max"]
    size = len(batches)
    track_number = {t: i for i, t in enumerate(problem.tracks)}
    classes = [[sum(k["track"] == t for k in batch["classes"]) for batch in batches] for t in problem.tracks]
    unit_number = {u: i for i, u in enumerate(sorted(problem.units))}
    quota = [rules["unit_max_per_batch"]] * len(unit_number)
    for unit, i in unit_number.items():
        if problem.units[unit]["quota"] is not None:
            quota[i] = problem.units[unit]["quota"]
    pins = {pin["cadre"]: pin["batch"] for pin in problem.doc["pins"]["batches"]}
    for pin in problem.doc["pins"]["classes"]:
        pins[pin["cadre"]] = next(b["id"] for b in batches if any(k["id"] == pin["class"] for k in b["classes"]))
    place = {batch["id"]: i for i, batch in enumerate(batches)}
    people = []
    for cadre in problem.cadres:
        allowed = cadre["_open"]
        pinned = cadre["id"] in pins
        if pinned:
            allowed = [] if pins[cadre["id"]] is None else [place[pins[cadre["id"]]]]
        if allowed:
            people.append(
                (
                    0 if pinned else 1 if cadre["must"] else 2,
                    cadre["_tier"],
                    len(allowed),
                    cadre["id"],
                    allowed,
                    unit_number[cadre["unit"]],
                    track_number[cadre["_track"]],
                    cadre["leading"],
                    {None: -1, "odd": 0, "even": 1}[cadre["parity"]],
                )
            )
    musts = sum(1 for cadre in problem.cadres if cadre["must"])
    leading_max = rules["leading_max"]
    best = None
    for attempt in range(restarts):
        draw = {p[3]: rng.random() for p in people}
        order = sorted(
            people,
            key=(lambda p, d=draw: (p[0], p[1], p[2], d[p[3]]))
            if attempt % 2
            else (lambda p, d=draw: (p[0], p[1], d[p[3]])),
        )
        minima_first = attempt % 4 < 2
        free = [[count * high for count in row] for row in classes]
        enough = [[count * (high - low) for count in row] for row in classes]
        used = [[0] * size for _ in quota]
        leaders = [[0] * size for _ in quota]
        fixed = [[0] * (2 * size) for _ in quota]
        result, covered, early, pairs, placed_musts = {}, [0, 0, 0], 0, 0, 0
        for rank, tier, _, cadre, allowed, unit, track, leading, parity in order:
            row, seats, most = used[unit], free[track], quota[unit]
            if minima_first:
                allowed = sorted(allowed, key=lambda b: seats[b] <= enough[track][b])
            for b in allowed:
                if (
                    seats[b]
                    and row[b] < most
                    and not (leading and leaders[unit][b] >= leading_max)
                    and not (parity >= 0 and fixed[unit][2 * b + parity])
                ):
                    result[cadre] = b
                    seats[b] -= 1
                    pairs += row[b]
                    row[b] += 1
                    leaders[unit][b] += leading
                    if parity >= 0:
                        fixed[unit][2 * b + parity] += 1
                    covered[tier] += 1
                    early += (2, 1, 0)[tier] * b
                    placed_musts += rank < 2
                    break
        missing = sum(
            max(0, count * low - (count * high - left))
            for counts, row in zip(classes, free, strict=False)
            for count, left in zip(counts, row, strict=False)
        )
        value = (musts - placed_musts, missing, -covered[0], -covered[1], -covered[2], early, pairs)
        if best is None or value < best[0]:
            best = (value, result)
    return best[1]


def band(age, limits):
    return sum(age > limit for limit in limits)


def attribute(cadre, name, problem):
    if name == "age_band":
        return band(cadre["_age"], problem.rules["balance"]["age_bands"])
    if name == "unit_kind":
        return problem.units[cadre["unit"]]["kind"]
    return cadre[name]


def stage2(problem, members, batch, restarts, rng):
    """Members (cadre dicts) of one batch -> {cadre id: class position}, and how many hard conflicts are left."""
    classes = batch["classes"]
    parity = [0 if k["parity"] == "odd" else 1 for k in classes]
    of_track = collections.defaultdict(list)
    for i, k in enumerate(classes):
        of_track[k["track"]].append(i)
    balance = problem.rules["balance"]
    pins = {pin["cadre"]: pin["class"] for pin in problem.doc["pins"]["classes"]}
    members = sorted(members, key=lambda c: c["id"])
    per_track = collections.Counter(c["_track"] for c in members)
    per_unit = collections.Counter(c["unit"] for c in members)
    per_unit_track = collections.Counter((c["unit"], c["_track"]) for c in members)
    both = {t: len({parity[i] for i in ks}) == 2 for t, ks in of_track.items()}
    split = dict.fromkeys(per_unit, True)
    for c in members:
        split[c["unit"]] &= both[c["_track"]]
    spread = {ut: math.ceil(n / len(of_track[ut[1]])) for ut, n in per_unit_track.items()}
    cell_of, totals, weight, cell_track = {}, [], [], []
    cells = {}
    for c in members:
        values = {a: attribute(c, a, problem) for a in balance["attributes"]}
        keys = [(c["_track"], a, v) for a, v in values.items()] + [
            (c["_track"], a, b, values[a], values[b]) for a, b in balance["pairs"]
        ]
        row = []
        for key in keys:
            if key not in cell_of:
                cell_of[key] = len(totals)
                totals.append(0)
                weight.append(100 if len(key) == 3 else 10)
                cell_track.append(c["_track"])
            row.append(cell_of[key])
            totals[cell_of[key]] += 1
        cells[c["id"]] = row
    width = len(classes)
    step = [w / (t / len(of_track[k]) + 1) for w, t, k in zip(weight, totals, cell_track, strict=False)]
    fixed = {}
    for c in members:
        options = of_track[c["_track"]]
        if c["parity"]:
            options = [i for i in options if classes[i]["parity"] == c["parity"]]
        if c["id"] in pins:
            options = [i for i in options if classes[i]["id"] == pins[c["id"]]] or options
        fixed[c["id"]] = options
    free_choice = {c["id"]: len(fixed[c["id"]]) == len(of_track[c["_track"]]) for c in members}

    def unit_conflicts(unit, where):
        rows = by_unit[unit]
        count = 0
        sides = [0, 0]
        seen = collections.Counter()
        for c in rows:
            k = where[c["id"]]
            sides[parity[k]] += 1
            seen[k, c["_track"]] += 1
        for (_, t), n in seen.items():
            count += max(0, n - spread[unit, t])
        if split[unit]:
            count += max(0, abs(sides[0] - sides[1]) - 1)
        if len(rows) > 1 and not (sides[0] and sides[1]):
            count += 1
        return count

    by_unit = collections.defaultdict(list)
    for c in members:
        by_unit[c["unit"]].append(c)
    best = None
    for _ in range(restarts):
        draw = {c["id"]: rng.random() for c in members}
        order = sorted(members, key=lambda c: (free_choice[c["id"]], -per_unit[c["unit"]], draw[c["id"]]))
        count = [[0] * width for _ in totals]
        score = [[0.0] * width for _ in totals]
        filled = [0] * width
        tall = {t: per_track[t] % len(ks) for t, ks in of_track.items()}
        sides = collections.Counter()
        unit_class = collections.Counter()
        where, wounded = {}, False
        for c in order:
            unit, track = c["unit"], c["_track"]
            base = per_track[track] // len(of_track[track])
            room = [k for k in of_track[track] if filled[k] < base or (filled[k] == base and tall[track] > 0)]
            half = (per_unit[unit] + 1) // 2
            good = [
                k
                for k in room
                if k in fixed[c["id"]]
                and unit_class[unit, track, k] < spread[unit, track]
                and not (split[unit] and per_unit[unit] > 1 and sides[unit, parity[k]] >= half)
            ]
            if not good:
                good, wounded = [k for k in room if k in fixed[c["id"]]] or room, True
            rows = [score[z] for z in cells[c["id"]]]
            chosen = min(good, key=lambda k: (sum([row[k] for row in rows]) + 20 * filled[k] / (base + 1), k))
            if filled[chosen] == base:
                tall[track] -= 1
            where[c["id"]] = chosen
            filled[chosen] += 1
            sides[unit, parity[chosen]] += 1
            unit_class[unit, track, chosen] += 1
            for z in cells[c["id"]]:
                count[z][chosen] += 1
                score[z][chosen] += step[z]
        hard = 0
        if wounded:
            hard = repair(members, where, fixed, by_unit, unit_conflicts)
        if wounded:
            count = [[0] * width for _ in totals]
            for c in members:
                for z in cells[c["id"]]:
                    count[z][where[c["id"]]] += 1
        excess = 0
        for z, total in enumerate(totals):
            ks = of_track[cell_track[z]]
            low, high = total // len(ks), -(-total // len(ks))
            row = count[z]
            excess += weight[z] * sum(max(0, row[k] - high, low - row[k]) for k in ks)
        value = (hard, excess)
        if best is None or value < best[0]:
            best = (value, where)
    return best[1], best[0][0]


def repair(members, where, fixed, by_unit, unit_conflicts):
    """Swap two people of one track while that lowers the number of conflicts; return what is left."""

    def own(c, k):
        return 0 if k in fixed[c["id"]] else 1

    cost = {u: unit_conflicts(u, where) for u in by_unit}
    for _ in range(200):
        bad = [c for c in members if cost[c["unit"]] or own(c, where[c["id"]])]
        if not bad:
            return 0
        improved = False
        for a in bad:
            for b in members:
                i, j = where[a["id"]], where[b["id"]]
                if i == j or a["_track"] != b["_track"] or a["unit"] == b["unit"]:
                    continue
                before = cost[a["unit"]] + cost[b["unit"]] + own(a, i) + own(b, j)
                where[a["id"]], where[b["id"]] = j, i
                new_a, new_b = unit_conflicts(a["unit"], where), unit_conflicts(b["unit"], where)
                if new_a + new_b + own(a, j) + own(b, i) < before:
                    cost[a["unit"]], cost[b["unit"]] = new_a, new_b
                    improved = True
                    break
                where[a["id"]], where[b["id"]] = i, j
        if not improved:
            break
    return sum(cost.values()) + sum(own(c, where[c["id"]]) for c in members)


def unseat(problem, members, where, batch):
    """Drop one person whom no swap could seat (last resort of stage 2): of a unit in conflict, the lowest tier."""
    parity = [k["parity"] for k in batch["classes"]]
    by_unit = collections.defaultdict(list)
    for c in members:
        by_unit[c["unit"]].append(c)
    bad = []
    for rows in by_unit.values():
        sides = collections.Counter(parity[where[c["id"]]] for c in rows)
        seen = [where[c["id"]] for c in rows]
        if (
            any(c["parity"] not in (None, parity[where[c["id"]]]) for c in rows)
            or len(set(seen)) < len(seen)
            or (len(rows) > 1 and (len(sides) < 2 or abs(sides["odd"] - sides["even"]) > 1))
        ):
            bad.extend(rows)
    victim = max(bad or members, key=lambda c: (not c["must"], c["parity"] is not None, c["_tier"], c["id"]))
    return [c for c in members if c["id"] != victim["id"]]
