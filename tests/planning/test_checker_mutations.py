"""Good plans of the frozen instances, changed at random: what keeps the rules passes, what breaks them does not."""

import copy
import datetime
import random
from collections import Counter
from functools import cache

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from batches.planning.checker import check, rule_sheet, violations
from tests.planning.tiny import make_input, make_plan, places, published, sample, seal, swap_people

NAMES = st.sampled_from(["small-1", "small-5"])
SEEDS = st.integers(0, 10**6)
RUNS = settings(
    max_examples=60, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
)
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-3, 10**12)
    | st.just(10**400)
    | st.floats()
    | st.sampled_from(["", "C00001", "2027-03-05", "R04"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["class", "index", "cadre"]), inner),
    max_leaves=5,
)


@cache
def good(name):
    return sample(name)


def fresh(name):
    return copy.deepcopy(good(name))


def groups_of(plan, document):
    """Lodging rows by gathering and household, with the sex of the guests."""
    sex = {row["id"]: row["sex"] for row in document["cadres"]}
    rows = {}
    for row in plan["lodging"]:
        rows.setdefault((row["class"], row["index"], sex[row["cadre"]]), []).append(row)
    return rows


@RUNS
@given(NAMES, SEEDS)
def test_check_beds_shuffled_within_class_and_sex(name, seed):
    document, plan = fresh(name)
    rng = random.Random(seed)
    for rows in groups_of(plan, document).values():
        people = [row["cadre"] for row in rows]
        rng.shuffle(people)
        for row, person in zip(rows, people, strict=True):
            row["cadre"] = person
    assert check(*seal(document, plan)) == []


@RUNS
@given(NAMES, SEEDS)
def test_check_input_in_another_order(name, seed):
    document, plan = fresh(name)
    rng = random.Random(seed)
    for key in ("units", "cadres", "batches", "bases", "other_uses", "waivers"):
        rng.shuffle(document[key])
    assert check(*seal(document, plan)) == []


@RUNS
@given(NAMES, SEEDS, st.sampled_from(["assignments", "unassigned", "gatherings", "lodging", "shortfalls"]))
def test_check_row_lost(name, seed, key):
    document, plan = fresh(name)
    rows = plan[key]
    lost = rows.pop(random.Random(seed).randrange(len(rows)))
    found = violations(check(document, plan))
    codes = {breach.code for breach in found}
    wanted = {
        "assignments": {"UNASSIGNED"}, "unassigned": {"UNASSIGNED"}, "gatherings": {"R10"}, "lodging": {"R18"},
        "shortfalls": {"SHORTFALL", "COVER"},
    }[key]  # fmt: skip
    assert codes & wanted
    subject = lost.get("cadre") or lost.get("class") or lost["subject"]
    assert any(subject in breach.subject for breach in found)


@RUNS
@given(NAMES, SEEDS)
def test_check_man_and_woman_exchanged_in_one_gathering(name, seed):
    document, plan = fresh(name)
    rng = random.Random(seed)
    groups = groups_of(plan, document)
    klass, index, _ = rng.choice(sorted(groups))
    man, woman = (rng.choice(groups[klass, index, sex]) for sex in "MF")
    man["cadre"], woman["cadre"] = woman["cadre"], man["cadre"]
    found = places(check(*seal(document, plan)))
    assert {code for code, _ in found} == {"R16"}
    assert {subject.split(":")[0] for _, subject in found} == {man["household"], woman["household"]}


@RUNS
@given(NAMES, SEEDS)
def test_check_gathering_moved_by_a_week(name, seed):
    document, plan = fresh(name)
    held = [row for row in plan["gatherings"] if "skipped" not in row]
    row = random.Random(seed).choice(held)
    for key in ("first_day", "last_day"):
        day = int(row[key][8:]) + 7
        if day > 28:
            day -= 14
        row[key] = f"{row[key][:8]}{max(day, 1):02d}"
    assert {code for code, _ in places(check(document, plan))} & {"R09", "R10"}


@RUNS
@given(NAMES, SEEDS)
def test_check_seated_and_unseated_exchanged(name, seed):
    """Whoever takes another's place unlawfully is named; nobody else gains or loses a breach of a personal rule."""
    document, plan = fresh(name)
    rng = random.Random(seed)
    one = rng.choice(plan["assignments"])["cadre"]
    two = rng.choice([row["cadre"] for row in plan["unassigned"]])
    for row in plan["assignments"] + plan["unassigned"] + plan["lodging"]:
        row["cadre"] = {one: two, two: one}.get(row["cadre"], row["cadre"])
    people = {row["id"]: row for row in document["cadres"]}
    found = check(*seal(document, plan))
    personal = {breach.subject for breach in found if breach.code in ("R05", "R06", "R07")}
    assert personal <= {two}
    if people[two]["attended_before"]:
        assert ("R06", two) in places(found)
    seat = next(row for row in plan["assignments"] if row["cadre"] == two)
    if seat["batch"] in people[two]["must_not"]:
        assert ("R07", two) in places(found)


@RUNS
@given(SEEDS, st.lists(st.tuples(SEEDS, JSON), min_size=1, max_size=6))
def test_check_never_raises_on_odd_values(seed, changes):
    document, plan = seal(make_input(), make_plan())
    for where, value in changes:
        corrupt(plan, random.Random(seed * 7 + where), value)
    assert isinstance(check(document, plan), list)
    assert len(rule_sheet(document, plan)) == 19


def corrupt(node, rng, value):
    """Put a value somewhere into the plan, deep or shallow."""
    while True:
        keys = sorted(node) if isinstance(node, dict) else range(len(node))
        if not keys:
            return
        key = rng.choice(keys)
        if isinstance(node[key], (dict, list)) and node[key] and rng.random() < 0.85:
            node = node[key]
        else:
            node[key] = value
            return


@pytest.mark.parametrize("last", ["9999-12-31", "0001-01-01"])
def test_check_gathering_of_absurd_length(last):
    document, plan = seal(make_input(), make_plan())
    plan["gatherings"][0]["last_day"] = last
    assert ("R09", "K1#1") in places(check(document, plan))


def test_check_does_not_change_what_it_reads():
    document, plan = fresh("small-5")
    check(document, plan)
    rule_sheet(document, plan)
    assert (document, plan) == good("small-5")


# one mutation a rule: the plan is broken in exactly that rule, and the checker names exactly that code


def rows_of(document, key):
    return {row["id"]: row for row in document[key]}


def in_batch(document, plan):
    """(unit, batch) -> seats."""
    unit = {row["id"]: row["unit"] for row in document["cadres"]}
    groups = {}
    for row in plan["assignments"]:
        groups.setdefault((unit[row["cadre"]], row["batch"]), []).append(row)
    return groups


def held(plan):
    return [row for row in plan["gatherings"] if "skipped" not in row]


def day_after(day, days=1):
    return (datetime.date.fromisoformat(day) + datetime.timedelta(days=days)).isoformat()


def parity_of(document):
    return {row["id"]: row["parity"] for batch in document["batches"] for row in batch["classes"]}


def exchange(document, plan, rng, same_parity):
    """Somebody of a unit of two goes to a class of the other's parity, in exchange with a lone person of the same sex."""
    people, parity = rows_of(document, "cadres"), parity_of(document)
    groups = in_batch(document, plan)
    lone = [rows[0] for rows in groups.values() if len(rows) == 1]
    track = {row["id"]: row["track"] for batch in document["batches"] for row in batch["classes"]}
    choices = []
    for rows in groups.values():
        if len(rows) != 2 or parity[rows[0]["class"]] == parity[rows[1]["class"]]:
            continue
        for stays, goes in (rows, rows[::-1]):
            for other in lone:
                into = stays["class"] if same_parity else other["class"]
                fits = (
                    other["batch"] == goes["batch"]
                    and other["class"] == into
                    and (same_parity or other["class"] != stays["class"])
                    and parity[other["class"]] == parity[stays["class"]]
                    and people[other["cadre"]]["sex"] == people[goes["cadre"]]["sex"]
                    and track[other["class"]] == track[goes["class"]]
                    and not people[other["cadre"]]["parity"]
                    and not people[goes["cadre"]]["parity"]
                )
                if fits:
                    choices.append((goes["cadre"], other["cadre"]))
    assume(choices)
    swap_people(plan, *rng.choice(sorted(choices)))


def quota_too_small(document, plan, rng):
    (unit, _), rows = rng.choice(sorted(in_batch(document, plan).items()))
    rows_of(document, "units")[unit]["quota"] = len(rows) - 1


def unit_in_odd_weeks_only(document, plan, rng):
    exchange(document, plan, rng, same_parity=False)


def class_of_two_of_a_unit(document, plan, rng):
    """Both in one class breaks R03 as well, unless an exception is granted for that."""
    exchange(document, plan, rng, same_parity=True)
    document["waivers"] += [
        {"rule": "R03", "subject": f"{unit}@{batch}", "reason": "抢险", "approver": "县委组织部"}
        for unit, batch in in_batch(document, plan)
    ]


def class_too_large(document, plan, rng):
    sizes = Counter(row["class"] for row in plan["assignments"])
    document["programme"]["class_size"]["max"] = max(sizes.values()) - 1


def away_all_the_time(document, plan, rng):
    row = rng.choice(plan["assignments"])
    batch = rows_of(document, "batches")[row["batch"]]
    rows_of(document, "cadres")[row["cadre"]]["unavailable"] = [[batch["first_day"], batch["last_day"]]]


def attended_already(document, plan, rng):
    assume(not document["programme"]["repeats"])
    rows_of(document, "cadres")[rng.choice(plan["assignments"])["cadre"]]["attended_before"] = True


def batch_to_be_avoided(document, plan, rng):
    row = rng.choice(plan["assignments"])
    rows_of(document, "cadres")[row["cadre"]].update(must=[], must_not=[row["batch"]])


def leaders_together(document, plan, rng):
    rows = rng.choice([rows for _, rows in sorted(in_batch(document, plan).items()) if len(rows) > 1])
    document["programme"]["leading_max"] = 1
    for row in rows:
        rows_of(document, "cadres")[row["cadre"]]["leading"] = True


def weekend_worked(document, plan, rng):
    row = rng.choice(held(plan))
    days = [day_after(row["first_day"], number) for number in range(document["programme"]["gathering_days"])]
    weekend = {day for day in days if datetime.date.fromisoformat(day).weekday() >= 5}
    known = set(document["calendar"]["working_weekend_days"])
    document["calendar"]["working_weekend_days"] = sorted(known | weekend)


def fortnight_untold(document, plan, rng):
    skipped = [row for row in plan["gatherings"] if "skipped" in row]
    row = rng.choice(skipped)
    if rng.random() < 0.5:
        plan["gatherings"].remove(row)
    else:
        row["skipped"] = "no_staff" if row["skipped"] != "no_staff" else "no_day"


def holiday_within(document, plan, rng):
    row = rng.choice(held(plan))
    document["calendar"]["holidays"] = sorted({*document["calendar"]["holidays"], row["last_day"]})


def room_shut_on_the_last_day(document, plan, rng):
    """Of a base with beds to spare, so that the others still suffice."""
    document["programme"]["spare_beds"] = 0
    beds = {
        base["id"]: sum(room["beds"] for house in base["households"] for room in house["rooms"])
        for base in document["bases"]
    }
    wide = {
        (row["class"], row["index"]): row
        for row in held(plan)
        if all(2 * site["people"] + 8 <= beds[site["base"]] for site in row["sites"])
    }
    stays = [row for row in plan["lodging"] if (row["class"], row["index"]) in wide]
    assume(stays)
    stay = rng.choice(stays)
    day = wide[stay["class"], stay["index"]]["last_day"]
    for base in document["bases"]:
        for house in base["households"]:
            for room in house["rooms"]:
                if room["id"] == stay["room"]:
                    room["closed"].append([day, day_after(day)])


def visitors_everywhere(document, plan, rng):
    row = rng.choice(held(plan))
    base = row["sites"][0]["base"]
    capacity = rows_of(document, "bases")[base]["declared_capacity"]
    visit = {"base": base, "first_day": row["last_day"], "last_day": row["last_day"], "people": capacity}
    document["other_uses"].append(visit)


def someone_alone(document, plan, rng):
    document["programme"]["household_group"]["min"] += 1
    sizes = Counter((row["class"], row["index"], row["household"]) for row in plan["lodging"])
    assume(min(sizes.values()) < document["programme"]["household_group"]["min"])
    document["programme"]["household_group"]["max"] = max(4, document["programme"]["household_group"]["max"])


def bed_beyond_the_room(document, plan, rng):
    rng.choice(plan["lodging"])["bed"] += 40


def person_without_a_bed(document, plan, rng):
    document["programme"]["household_group"]["min"] = 1
    plan["lodging"].remove(rng.choice(plan["lodging"]))


def teacher_twice_on_a_day(document, plan, rng):
    one = rng.choice(held(plan))
    days = {row["class"] for row in held(plan) if row["first_day"] == one["first_day"]} - {one["class"]}
    assume(days)
    classes = {row["id"]: row for batch in document["batches"] for row in batch["classes"]}
    other = rng.choice(sorted(days))
    classes[one["class"]]["staff"] = ["S-both"]
    classes[other]["staff"] = ["S-both"]


def changed_amount(rule):
    def change(document, plan, rng):
        rows = [row for row in plan["shortfalls"] if row["rule"] == rule]
        assume(rows)
        rng.choice(rows)["amount"] += rng.randint(1, 9)

    return change


def demand_raised(name):
    """More is asked for than the plan reaches, and the plan does not say so."""

    def change(document, plan, rng):
        document["programme"][name] = 90 + rng.randrange(9)
        rule = "R14" if name == "min_distinct_villages" else "R15"
        plan["shortfalls"] = [row for row in plan["shortfalls"] if row["rule"] != rule]

    return change


def untrue_reason(document, plan, rng):
    row = rng.choice(plan["unassigned"])
    reasons = {"attended", "no_track", "pinned_out", "no_open_batch", "no_seat"} - {row["reason"]}
    row["reason"] = rng.choice(sorted(reasons))


def untrue_level(document, plan, rng):
    """No level of a county of three hundred is as large as that."""
    stage, name = rng.choice(sorted(KNOWN_LEVELS))
    plan["levels"] = [{"stage": stage, "level": name, "value": rng.randint(10**7, 10**9), "bound": None, "gap": None}]


def untrue_move(document, plan, rng):
    document["previous"] = published(plan)
    row = rng.choice(plan["assignments"])
    place = f"{row['batch']}/{row['class']}"
    plan["moves"].append({"kind": "assignment", "subject": row["cadre"], "from": None, "to": place, "message": "新增"})


def seated_though_deferred(document, plan, rng):
    row = rng.choice(plan["assignments"])
    document["pins"]["batches"].append({"cadre": row["cadre"], "batch": None})


def stranger_in_the_list(document, plan, rng):
    row = dict(rng.choice(plan["assignments"]))
    plan["assignments"].append({**row, "cadre": f"C-{rng.randrange(999)}"})


KNOWN_LEVELS = {
    (1, "covered_0"), (1, "must_unmet"), (1, "minimum_missing"), (1, "earliness"), (1, "same_unit_pairs"),
    (2, "marginal_excess"), (2, "pair_excess"), (3, "skips"), (3, "max_load"), (3, "travel_km"),
    (3, "route_changes"), (4, "room_mate_repeats"), (4, "income_range"),
}  # fmt: skip
MUTATIONS = {
    "R01": quota_too_small,
    "R02": class_of_two_of_a_unit,
    "R03": unit_in_odd_weeks_only,
    "R04": class_too_large,
    "R05": away_all_the_time,
    "R06": attended_already,
    "R07": batch_to_be_avoided,
    "R08": leaders_together,
    "R09": weekend_worked,
    "R10": fortnight_untold,
    "R11": holiday_within,
    "R12": room_shut_on_the_last_day,
    "R13": visitors_everywhere,
    "SHORTFALL of R14": demand_raised("min_distinct_villages"),
    "SHORTFALL of R15": demand_raised("min_village_days"),
    "SHORTFALL": changed_amount("R15"),
    "R16": someone_alone,
    "R17": bed_beyond_the_room,
    "R18": person_without_a_bed,
    "R19": teacher_twice_on_a_day,
    "COVER": changed_amount("COVER"),
    "UNASSIGNED": untrue_reason,
    "LEVEL": untrue_level,
    "MOVES": untrue_move,
    "PINS": seated_though_deferred,
    "FORMAT": stranger_in_the_list,
}


def test_every_rule_has_a_mutation():
    codes = {name.split(" ")[0] for name in MUTATIONS} | {name.split(" ")[-1] for name in MUTATIONS}
    assert codes >= {f"R{number:02d}" for number in range(1, 20)}


@pytest.mark.parametrize("name", sorted(MUTATIONS))
@settings(RUNS, max_examples=8)
@given(instance=NAMES, seed=SEEDS)
def test_check_mutation_is_caught_with_its_code(name, instance, seed):
    document, plan = fresh(instance)
    plan["levels"] = []  # true of the plan before it was broken
    MUTATIONS[name](document, plan, random.Random(seed))
    found = violations(check(*seal(document, plan)))
    assert {breach.code for breach in found} == {name.split(" ")[0]}
    assert name == name.split(" ")[0] or all(b.subject.startswith(name.split(" ")[-1]) for b in found)
    assert all(breach.message.endswith("。") for breach in found)
