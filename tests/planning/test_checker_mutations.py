"""Good plans of the frozen instances, changed at random: what keeps the rules passes, what breaks them does not."""

import copy
import random
from functools import cache

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from batches.planning.checker import check, rule_sheet, violations
from tests.planning.tiny import make_input, make_plan, places, sample, seal

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
