"""A county small enough to work out by hand: an input and a good plan for it, and what tests do to both.

Batch B01 (four weeks from Monday 2027-03-01) has classes K1 and K3 (odd), K2 and K4 (even) of track T1; person i of 16
sits in class (i - 1) % 4 + 1; 1 to 8 are men. B02 has the empty classes K5 and K6 of track T2. C17 has no seat, C18
attended before. Odd classes gather from Friday 03-05 and 03-19, even ones from 03-12 and 03-26.
"""

import copy
import gzip
import hashlib
import json
from pathlib import Path

HERE = Path(__file__).parent
UNITS = {
    "U1": (1, 2, 3), "U2": (4, 5), "U3": (6, 7, 8), "U4": (9, 10), "U5": (11, 12, 17), "U6": (13, 14, 18), "U7": (15, 16),
}  # fmt: skip
BASES = {"P1": ([3, 4], ["R1"]), "P2": ([6, 8], ["R1"]), "P3": ([-5, 12], ["R2"]), "P4": ([8, -6], [])}
VISITS = {
    ("K1", 1): ("P1", "2027-03-05", "2027-03-07"), ("K1", 2): ("P2", "2027-03-19", "2027-03-21"),
    ("K2", 1): ("P1", "2027-03-12", "2027-03-14"), ("K2", 2): ("P2", "2027-03-26", "2027-03-28"),
    ("K3", 1): ("P3", "2027-03-05", "2027-03-07"), ("K3", 2): ("P4", "2027-03-19", "2027-03-21"),
    ("K4", 1): ("P3", "2027-03-12", "2027-03-14"), ("K4", 2): ("P4", "2027-03-26", "2027-03-28"),
}  # fmt: skip
ORDER = {
    "assignments": ("cadre",), "unassigned": ("cadre",), "gatherings": ("class", "index"),
    "lodging": ("class", "index", "cadre"), "shortfalls": ("rule", "subject"), "moves": ("kind", "subject"),
}  # fmt: skip


def cadre(number):
    return {
        "id": f"C{number:02d}", "unit": next(unit for unit, people in UNITS.items() if number in people),
        "sex": "M" if number <= 8 or number == 17 else "F", "birth": "1990-06", "level": "甲", "rank": "一级",
        "post_kind": "综合", "leading": False, "attended_before": number == 18, "unavailable": [], "must": [],
        "must_not": [], "parity": None,
    }  # fmt: skip


def track(name, level):
    criteria = {"min_age": None, "max_age": None, "levels": [level], "post_kinds": None}
    return {"id": name, "name": f"{level}班", "classes_per_batch": 4, "criteria": criteria}


def klass(number, name):
    parity = "odd" if number % 2 else "even"
    return {"id": f"K{number}", "parity": parity, "track": name, "staff": [f"S{number}"]}


def base(name):
    position, routes = BASES[name]
    houses = []
    for h in range(1, 5):
        rooms = [{"id": f"{name}-H{h}-R{r}", "beds": 2, "closed": []} for r in (1, 2)]
        houses.append({"id": f"{name}-H{h}", "closed": [], "rooms": rooms})
    return {
        "id": name, "village": name.replace("P", "V"), "township": "X1", "routes": routes, "position_km": position,
        "declared_capacity": 10, "closed": [], "households": houses,
    }  # fmt: skip


def programme():
    return {
        "name": "小县", "full_coverage_age": 40, "reference_month": "2027-01", "repeats": False,
        "tracks": [track("T1", "甲"), track("T2", "乙")], "class_size": {"min": 3, "target": 4, "max": 5},
        "unit_max_per_batch": 3, "leading_max": 1, "max_overlap_days": 10, "gathering_days": 3,
        "weekend_days": {"min": 1, "max": 2}, "start_weekdays": [4, 5, 6, 7], "gathering_interval_weeks": 2,
        "min_village_days": 6, "min_distinct_villages": 2, "household_group": {"min": 2, "max": 4},
        "household_single_sex": True, "spare_beds": 1, "pair_max_km": 8, "makeup_rule": "none",
        "balance": {"age_bands": [30, 40], "attributes": ["sex", "unit_kind"], "pairs": [["sex", "age_band"]]},
    }  # fmt: skip


def make_input():
    batches = [
        {
            "id": "B01",
            "first_day": "2027-03-01",
            "last_day": "2027-03-28",
            "classes": [klass(n, "T1") for n in range(1, 5)],
        },
        {"id": "B02", "first_day": "2027-05-03", "last_day": "2027-05-30", "classes": [klass(n, "T2") for n in (5, 6)]},
    ]
    return {
        "format": "dunmiao-planning-input/1", "programme": programme(),
        "calendar": {"holidays": [], "working_weekend_days": []},
        "units": [{"id": name, "kind": "乡镇" if name == "U1" else "部门", "quota": None} for name in UNITS],
        "cadres": [cadre(number) for number in range(1, 19)], "batches": batches, "bases": [base(name) for name in BASES],
        "other_uses": [], "pins": {"batches": [], "classes": [], "gatherings": []}, "waivers": [], "previous": None,
        "history": {
            "bases": [{"base": "P1", "person_days": 8}], "households": [{"household": "P1-H1", "bed_nights": 4}],
        },
    }  # fmt: skip


def bed_rows(name, index, place):
    """Two men in the first household, two women in the second."""
    rows = []
    for seat in range(4):
        house = f"{place}-H{seat // 2 + 1}"
        rows.append({
            "class": name, "index": index, "cadre": f"C{int(name[1]) + 4 * seat:02d}", "household": house,
            "room": f"{house}-R1", "bed": seat % 2 + 1,
        })  # fmt: skip
    return rows


def make_plan():
    gatherings, lodging = [], []
    for (name, index), (place, first, last) in VISITS.items():
        sites = [{"base": place, "people": 4}]
        gatherings.append({"class": name, "index": index, "first_day": first, "last_day": last, "sites": sites})
        lodging += bed_rows(name, index, place)
    gatherings += [{"class": k, "index": i, "skipped": "empty_class"} for k in ("K5", "K6") for i in (1, 2)]
    return {
        "format": "dunmiao-plan/1", "input_fingerprint": "", "seed": 1, "versions": {"planner": "hand", "python": "3"},
        "stages": [1, 2, 3, 4], "gatherings": gatherings, "lodging": lodging, "levels": [], "moves": [],
        "assignments": [{"cadre": f"C{n:02d}", "batch": "B01", "class": f"K{(n - 1) % 4 + 1}"} for n in range(1, 17)],
        "unassigned": [
            {"cadre": "C17", "reason": "no_seat", "message": "名额已满"},
            {"cadre": "C18", "reason": "attended", "message": "已参训"},
        ],
        "shortfalls": [
            {"rule": "COVER", "subject": "U5", "amount": 1, "message": "一人排不进"},
            {"rule": "R04", "subject": "K5", "amount": 3, "message": "空班"},
            {"rule": "R04", "subject": "K6", "amount": 3, "message": "空班"},
        ],
    }  # fmt: skip


def fingerprint(document):
    text = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def seal(document, plan):
    """Put the rows in order and write the input's fingerprint, as a planner would."""
    for name, keys in ORDER.items():
        plan[name].sort(key=lambda row, keys=keys: [row[key] for key in keys])
    plan["input_fingerprint"] = fingerprint(document)
    return document, plan


def person(document, name):
    return next(row for row in document["cadres"] if row["id"] == name)


def seat(plan, name):
    return next(row for row in plan["assignments"] if row["cadre"] == name)


def gathering(plan, name, index):
    return next(row for row in plan["gatherings"] if (row["class"], row["index"]) == (name, index))


def bed(plan, name, klass, index):
    return next(row for row in plan["lodging"] if (row["cadre"], row["class"], row["index"]) == (name, klass, index))


def house(document, name):
    return next(row for place in document["bases"] for row in place["households"] if row["id"] == name)


def swap_people(plan, one, two):
    """Two people change places: seats and beds."""
    other = {one: two, two: one}
    for row in plan["assignments"] + plan["lodging"]:
        row["cadre"] = other.get(row["cadre"], row["cadre"])


def cut(plan, stages):
    """The plan as it stands after the first stages."""
    plan["stages"] = list(range(1, stages + 1))
    if stages < 4:
        plan["lodging"] = []
    if stages < 3:
        plan["gatherings"] = []
    if stages < 2:
        plan["shortfalls"] = [row for row in plan["shortfalls"] if row["rule"] != "R04"]
        for row in plan["assignments"]:
            row["class"] = None


def skip(plan, name, index, reason):
    """A gathering is not held."""
    plan["gatherings"].remove(gathering(plan, name, index))
    plan["gatherings"].append({"class": name, "index": index, "skipped": reason})
    plan["lodging"] = [row for row in plan["lodging"] if (row["class"], row["index"]) != (name, index)]


def shortfall(rule, subject, amount, **more):
    return {"rule": rule, "subject": subject, "amount": amount, "message": "缺", **more}


def published(plan):
    """The plan reduced to its decisions."""
    rows = {name: copy.deepcopy(plan[name]) for name in ("assignments", "gatherings", "lodging")}
    return {"plan_fingerprint": "0" * 64, **rows}


def places(breaches):
    return {(breach.code, breach.subject) for breach in breaches}


def sample(name):
    """A frozen instance and a plan of it that keeps every rule."""
    pair = []
    for folder in ("instances", "plans"):
        with gzip.open(HERE / folder / f"{name}.json.gz") as stream:
            pair.append(json.load(stream))
    return tuple(pair)
