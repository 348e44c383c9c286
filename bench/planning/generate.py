"""Generate a planning input (format dunmiao-planning-input/1) of a given size, deterministically.

    python -m bench.planning.generate small|county|city --seed N [--tight|--loose] [--tracks] > input.json

The same arguments give the same bytes on every machine: only `random.Random` seeded with a string is used, lists are
written in id order, and the output is canonical JSON (sorted keys, no spaces, UTF-8). Standard library only.

What is modelled, and how skewed it is:
- unit sizes are log-normal (a few units of hundreds, many of under ten); large units may have a quota of their own;
- ages are triangular around 36, a tenth has attended before, leading members are older;
- about 3 % are away for the whole programme, 8 % for one to four batches, 12 % for a few days, 0.5 % must attend one batch,
  1 % must not attend one, 3 % can be away only in odd or only in even weeks;
- bases stand along routes like beads on a string, so that neighbours of one route are a few km apart; beds, closures,
  outside visits and earlier use differ from base to base;
- the calendar follows the pattern of the statutory holidays (dates of the festivals are those of the lunar calendar; which
  weekend days become working days is invented, since no arrangement has been published for these years).

--tight takes away about a quarter of the beds and doubles closures and visits; --loose adds 40 % beds and halves them.
--tracks splits the programme into tracks (a youth track, a key-post track and a mixed one; two tracks on `small`).
"""

import argparse
import datetime
import json
import math
import random
import sys

PRESETS = {
    "small": {
        "cadres": 300,
        "units": 30,
        "batches": 2,
        "classes": 4,
        "size": (15, 18, 20),
        "bases": 12,
        "districts": 1,
        "routes": 3,
        "skew": 0.6,
        "beds": ([16, 20, 24, 28, 34, 40], [10, 15, 25, 25, 15, 10]),
    },
    "county": {
        "cadres": 5000,
        "units": 250,
        "batches": 12,
        "classes": 8,
        "size": (32, 36, 40),
        "bases": 40,
        "districts": 1,
        "routes": 5,
        "skew": 0.95,
        "beds": ([24, 30, 36, 48, 60, 96], [10, 15, 15, 30, 22, 8]),
    },
    "city": {
        "cadres": 50000,
        "units": 2500,
        "batches": 12,
        "classes": 80,
        "size": (32, 36, 40),
        "bases": 400,
        "districts": 10,
        "routes": 5,
        "skew": 0.95,
        "beds": ([24, 30, 36, 48, 60, 96], [10, 15, 15, 30, 22, 8]),
    },
}
FIRST_MONDAY = datetime.date(2027, 3, 1)  # the first batch begins in one of the ten weeks from here
WEEKS, SPACING = 12, 13
UNIT_KINDS = ["县直部门", "乡镇", "事业单位", "国有企业", "群团组织"]
WOMEN = [0.38, 0.36, 0.62, 0.30, 0.68]
LEVELS = ["科员及以下", "股级", "乡科级副职", "乡科级正职"]
RANKS = {
    "科员及以下": ["二级科员", "一级科员", "四级主任科员"],
    "股级": ["一级科员", "四级主任科员", "三级主任科员"],
    "乡科级副职": ["三级主任科员", "二级主任科员"],
    "乡科级正职": ["二级主任科员", "一级主任科员"],
}
POST_KINDS = ["综合管理", "专业技术", "行政执法", "窗口服务"]
SPRING = {2027: (2, 6), 2028: (1, 26), 2029: (2, 13), 2030: (2, 3)}
QINGMING = {2027: (4, 5), 2028: (4, 4), 2029: (4, 4), 2030: (4, 5)}
DRAGON_BOAT = {2027: (6, 9), 2028: (5, 28), 2029: (6, 16), 2030: (6, 5)}
MID_AUTUMN = {2027: (9, 15), 2028: (10, 3), 2029: (9, 22), 2030: (9, 12)}


def day_after(day, count):
    return day + datetime.timedelta(days=count)


def calendar():
    """Holidays and make-up working days of 2027 to 2030, as two sorted lists of dates."""
    off, work = set(), set()
    for year in range(2027, 2031):
        blocks = [
            (datetime.date(year, 1, 1), 3),
            (day_after(datetime.date(year, *SPRING[year]), -1), 8),
            (datetime.date(year, 5, 1), 5),
            (datetime.date(year, 10, 1), 7),
        ]
        for first, length in blocks:
            off.update(day_after(first, i) for i in range(length))
            if length >= 5:  # the Sunday before and the Saturday after become working days
                before = day_after(first, -1)
                while before.isoweekday() != 7:
                    before = day_after(before, -1)
                after = day_after(first, length)
                while after.isoweekday() != 6:
                    after = day_after(after, 1)
                work.update([before, after])
        for festival in (QINGMING, DRAGON_BOAT, MID_AUTUMN):
            day = datetime.date(year, *festival[year])
            weekday = day.isoweekday()
            if weekday == 3:
                off.add(day)
            elif weekday in (1, 6, 7):
                saturday = day_after(day, {1: -2, 6: 0, 7: -1}[weekday])
                off.update(day_after(saturday, i) for i in range(3))
            elif weekday == 5:
                off.update(day_after(day, i) for i in range(3))
            elif weekday == 2:
                off.update(day_after(day, i) for i in range(-2, 1))
                work.add(day_after(day, -3))
            else:
                off.update(day_after(day, i) for i in range(3))
                work.add(day_after(day, 3))
    return sorted(off), sorted(work - off)


def make_tracks(size, classes, split):
    anyone = {"min_age": None, "max_age": None, "levels": None, "post_kinds": None}
    if not split:
        return [{"id": "T1", "name": "综合班", "classes_per_batch": classes, "criteria": anyone}]
    if size == "small":
        return [
            {"id": "T1", "name": "青年班", "classes_per_batch": 2, "criteria": dict(anyone, max_age=35)},
            {"id": "T2", "name": "综合班", "classes_per_batch": classes - 2, "criteria": anyone},
        ]
    youth, key = classes // 2, classes // 4
    return [
        {"id": "T1", "name": "青年班", "classes_per_batch": youth, "criteria": dict(anyone, max_age=38)},
        {
            "id": "T2",
            "name": "骨干班",
            "classes_per_batch": key,
            "criteria": dict(anyone, levels=["乡科级副职", "乡科级正职"]),
        },
        {"id": "T3", "name": "综合班", "classes_per_batch": classes - youth - key, "criteria": anyone},
    ]


def make_batches(rng, preset, tracks):
    batches = []
    delay = rng.randrange(10)
    for number in range(preset["batches"]):
        monday = day_after(FIRST_MONDAY, 7 * (delay + SPACING * number))
        name = f"B{number + 1:02d}"
        classes = []
        for track in tracks:
            for _ in range(track["classes_per_batch"]):
                position = len(classes)
                classes.append(
                    {
                        "id": f"{name}-K{position + 1:02d}",
                        "parity": "odd" if position % 2 == 0 else "even",
                        "track": track["id"],
                        "staff": [f"M{name}-{position + 1:02d}-{i}" for i in (1, 2)],
                    }
                )
        position, teacher = 0, 0
        while position < len(
            classes
        ):  # a head teacher has one class, or an odd and an even one, seldom two of one parity
            teacher += 1
            classes[position]["staff"].insert(0, f"H{teacher:03d}")
            draw = rng.random()
            if draw < 0.3 and position + 1 < len(classes):
                classes[position + 1]["staff"].insert(0, f"H{teacher:03d}")
                position += 1
            elif draw < 0.36 and position + 2 < len(classes):
                classes[position + 1]["staff"].insert(0, f"H{teacher + 1:03d}")
                classes[position + 2]["staff"].insert(0, f"H{teacher:03d}")
                teacher += 1
                position += 2
            position += 1
        batches.append(
            {
                "id": name,
                "first_day": day_after(monday, rng.choice([0, 0, 0, 1, 2])),
                "last_day": day_after(monday, 7 * WEEKS - 1),
                "classes": classes,
            }
        )
    return batches


def make_units(rng, preset):
    count, people = preset["units"], preset["cadres"]
    weight = [rng.lognormvariate(0, preset["skew"]) for _ in range(count)]
    total = sum(weight)
    sizes = [max(1, int(people * share / total)) for share in weight]
    while sum(sizes) < people:
        sizes[rng.choices(range(count), weight)[0]] += 1
    while sum(sizes) > people:
        index = rng.randrange(count)
        if sizes[index] > 1:
            sizes[index] -= 1
    units = []
    for index, size in enumerate(sizes):
        quota = None
        if size > 60 and rng.random() < 0.5:
            quota = rng.choice([4, 5, 6])
        elif size < 8 and rng.random() < 0.15:
            quota = rng.choice([1, 2])
        kind = rng.choices(range(5), [30, 25, 25, 10, 10])[0]
        units.append({"id": f"U{index + 1:04d}", "kind": UNIT_KINDS[kind], "quota": quota})
    return units, sizes


def make_cadres(rng, units, sizes, batches, reference):
    cadres = []
    start, end = batches[0]["first_day"], batches[-1]["last_day"]
    names = [batch["id"] for batch in batches]
    for unit, size in zip(units, sizes, strict=False):
        for j in range(size):
            age = min(59, max(22, int(rng.triangular(22, 60, 36))))
            leading = j < min(3, max(1, size // 6))
            if leading:
                age = max(age, rng.randint(33, 56))
            level = LEVELS[3 if j == 0 else 2 if j <= 3 and size > 5 else rng.choices([0, 1, 2], [50, 38, 12])[0]]
            months = reference.year * 12 + reference.month - 1 - age * 12 - rng.randrange(12)
            away = []
            draw = rng.random()
            if draw < 0.03:
                away.append([start, day_after(end, 1)])
            elif draw < 0.11:
                length = rng.randint(1, max(1, len(batches) // 3))
                first = rng.randint(0, len(batches) - length)
                away.append([batches[first]["first_day"], day_after(batches[first + length - 1]["last_day"], 1)])
            elif draw < 0.23:
                first = day_after(start, rng.randrange((end - start).days))
                away.append([first, day_after(first, rng.randint(1, 9))])
            must, must_not = [], []
            attended = rng.random() < 0.10
            if rng.random() < 0.005 and draw >= 0.11 and not attended:
                must = [rng.choice(names)]
            elif rng.random() < 0.01:
                must_not = [rng.choice(names)]
            parity = rng.choice(["odd", "even"]) if rng.random() < 0.03 else None
            sex = "F" if rng.random() < WOMEN[UNIT_KINDS.index(unit["kind"])] else "M"
            cadres.append(
                {
                    "id": f"C{len(cadres) + 1:05d}",
                    "unit": unit["id"],
                    "sex": sex,
                    "birth": f"{months // 12:04d}-{months % 12 + 1:02d}",
                    "level": level,
                    "rank": rng.choice(RANKS[level]),
                    "post_kind": rng.choices(POST_KINDS, [40, 30, 20, 10])[0],
                    "leading": leading,
                    "attended_before": attended,
                    "unavailable": away,
                    "must": must,
                    "must_not": must_not,
                    "parity": parity,
                }
            )
    return cadres


def make_rooms(rng, beds, household):
    splits = {
        2: [[2]],
        3: [[3], [2, 1]],
        4: [[2, 2], [2, 2], [3, 1], [4]],
        5: [[3, 2], [2, 2, 1]],
        6: [[2, 2, 2], [3, 3]],
    }
    return [
        {"id": f"{household}-R{number}", "beds": count, "closed": []}
        for number, count in enumerate(rng.choice(splits[beds]), 1)
    ]


def make_bases(rng, preset, start, end, beds_factor, trouble):
    years = ((end - start).days + 1) / 365
    span = (end - start).days
    bases, uses = [], []
    per_route = {}
    for index in range(preset["bases"]):
        district = index % preset["districts"]
        turn = 2 * math.pi * district / preset["districts"]
        centre = (0, 0) if preset["districts"] == 1 else (60 * math.cos(turn), 60 * math.sin(turn))
        route = (index // preset["districts"]) % preset["routes"]
        place = per_route.setdefault((district, route), 0)
        per_route[district, route] += 1
        angle = 2 * math.pi * route / preset["routes"] + rng.gauss(0, 0.10)
        distance = 6 + 5 * place + rng.uniform(0, 4)
        name = f"P{index + 1:03d}"
        route_name = f"R{district * preset['routes'] + route + 1:02d}"
        routes = [route_name]
        draw = rng.random()
        if draw < 0.08:
            routes = []
        elif draw < 0.18:
            other = district * preset["routes"] + (route + 1) % preset["routes"] + 1
            routes = sorted({route_name, f"R{other:02d}"})
        neighbour = bases[-1] if bases and rng.random() < 0.08 else None
        township = (
            f"X{district * preset['routes'] + route + 1:02d}"
            if rng.random() < 0.8
            else f"X{district * preset['routes'] + (route + 1) % preset['routes'] + 1:02d}"
        )
        village = neighbour["village"] if neighbour else f"V{index + 1:03d}"
        if neighbour:
            township = neighbour["township"]
            east, north = (
                neighbour["position_km"][0] + rng.uniform(-1, 1),
                neighbour["position_km"][1] + rng.uniform(-1, 1),
            )
        else:
            east, north = centre[0] + distance * math.cos(angle), centre[1] + distance * math.sin(angle)
        goal = max(8, round(rng.choices(*preset["beds"])[0] * beds_factor))
        households, beds = [], 0
        while beds < goal:
            size = min(rng.choices([2, 3, 4, 5, 6], [28, 22, 36, 6, 8])[0], max(2, goal - beds))
            beds += size
            household = f"{name}-H{len(households) + 1:02d}"
            rooms = make_rooms(rng, size, household)
            closed = []
            for _ in range(rng.choices([0, 1, 2], [80, 15, 5])[0]):
                first = day_after(start, rng.randrange(span))
                closed.append([first, day_after(first, rng.randint(3, 20))])
            if rng.random() < 0.05:
                first = day_after(start, rng.randrange(span))
                rng.choice(rooms)["closed"].append([first, day_after(first, rng.randint(5, 30))])
            households.append({"id": household, "closed": sorted(closed), "rooms": rooms})
        closed = []
        for _ in range(sum(rng.random() < 0.5 * trouble for _ in range(max(1, round(4 * years))))):
            first = day_after(start, rng.randrange(span))
            closed.append([first, day_after(first, rng.randint(2, 14))])
        capacity = round(beds * rng.uniform(0.95, 1.15 if beds_factor < 1 else 1.5))
        bases.append(
            {
                "id": name,
                "village": village,
                "township": township,
                "routes": routes,
                "position_km": [round(east, 2), round(north, 2)],
                "declared_capacity": capacity,
                "closed": sorted(closed),
                "households": households,
            }
        )
        for _ in range(round(5 * years * trouble * rng.uniform(0.5, 1.5))):
            first = day_after(start, rng.randrange(span))
            uses.append(
                {
                    "base": name,
                    "first_day": first,
                    "last_day": day_after(first, rng.choice([0, 0, 1, 2])),
                    "people": max(4, round(capacity * rng.uniform(0.08, 0.5))),
                }
            )
    uses.sort(key=lambda use: (use["base"], use["first_day"], use["last_day"], use["people"]))
    return bases, uses


def make_history(rng, bases):
    used, nights = [], []
    for base in bases:
        level = rng.choices([0, rng.uniform(0.2, 2.0)], [40, 60])[0]
        total = 0
        for household in base["households"]:
            beds = sum(room["beds"] for room in household["rooms"])
            count = round(beds * level * rng.uniform(0.6, 1.4)) if level else 0
            total += count
            nights.append({"household": household["id"], "bed_nights": count})
        used.append({"base": base["id"], "person_days": round(total * 1.5)})
    return {"bases": used, "households": nights}


def generate(size, seed, variant="", split=False):
    """The input document as a dict whose dates are date objects (see `canonical`)."""
    preset = PRESETS[size]
    rng = random.Random(f"{size}/{seed}/{variant}/{int(split)}")
    factor, trouble = {"tight": (0.78, 2.0), "": (1.0, 1.0), "loose": (1.4, 0.5)}[variant]
    reference = datetime.date(2027, 1, 1)
    tracks = make_tracks(size, preset["classes"], split)
    batches = make_batches(rng, preset, tracks)
    units, sizes = make_units(rng, preset)
    cadres = make_cadres(rng, units, sizes, batches, reference)
    bases, uses = make_bases(rng, preset, batches[0]["first_day"], batches[-1]["last_day"], factor, trouble)
    history = make_history(rng, bases)
    holidays, working = calendar()
    first, last = batches[0]["first_day"], batches[-1]["last_day"]
    holidays = [day for day in holidays if day_after(first, -14) <= day <= day_after(last, 14)]
    working = [day for day in working if day_after(first, -14) <= day <= day_after(last, 14)]
    waivers = []
    big = max(range(len(units)), key=lambda i: (sizes[i], -i))
    waivers.append(
        {
            "rule": "R01",
            "subject": f"{units[big]['id']}@{batches[-1]['id']}",
            "reason": "单位人员集中轮训，末批适当放宽",
            "approver": "县委组织部",
        }
    )
    low, wish, high = preset["size"]
    programme = {
        "name": f"{size}-{seed}" + (f"-{variant}" if variant else "") + ("-tracks" if split else ""),
        "full_coverage_age": 40,
        "reference_month": f"{reference:%Y-%m}",
        "repeats": False,
        "tracks": tracks,
        "class_size": {"min": low, "target": wish, "max": high},
        "unit_max_per_batch": 3,
        "leading_max": 1,
        "max_overlap_days": 10,
        "gathering_days": 3,
        "weekend_days": {"min": 1, "max": 2},
        "start_weekdays": [4, 5, 6, 7],
        "gathering_interval_weeks": 2,
        "min_village_days": 15,
        "min_distinct_villages": 3,
        "household_group": {"min": 2, "max": 4},
        "household_single_sex": True,
        "spare_beds": 1,
        "pair_max_km": 8,
        "makeup_rule": rng.choice(["none", "join_class", "extra_weekend"]),
        "balance": {
            "age_bands": [30, 40, 50],
            "attributes": ["sex", "age_band", "level", "unit_kind", "post_kind"],
            "pairs": [
                ["sex", "age_band"],
                ["sex", "level"],
                ["sex", "unit_kind"],
                ["sex", "post_kind"],
                ["age_band", "level"],
                ["age_band", "unit_kind"],
                ["age_band", "post_kind"],
                ["level", "unit_kind"],
                ["level", "post_kind"],
                ["unit_kind", "post_kind"],
            ],
        },
    }
    return {
        "format": "dunmiao-planning-input/1",
        "programme": programme,
        "calendar": {"holidays": holidays, "working_weekend_days": working},
        "units": units,
        "cadres": cadres,
        "batches": batches,
        "bases": bases,
        "other_uses": uses,
        "history": history,
        "pins": {"batches": [], "classes": [], "gatherings": []},
        "waivers": waivers,
        "previous": None,
    }


def canonical(document):
    return json.dumps(
        document,
        sort_keys=True,
        separators=(",", ":"),
        ensure_ascii=False,
        allow_nan=False,
        default=lambda day: day.isoformat(),
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("size", choices=sorted(PRESETS))
    parser.add_argument("--seed", type=int, required=True)
    group = parser.add_mutually_exclusive_group()
    group.add_argument("--tight", action="store_const", dest="variant", const="tight")
    group.add_argument("--loose", action="store_const", dest="variant", const="loose")
    parser.add_argument("--tracks", action="store_true")
    options = parser.parse_args()
    sys.stdout.buffer.write(
        canonical(generate(options.size, options.seed, options.variant or "", options.tracks)).encode()
    )


if __name__ == "__main__":
    main()
