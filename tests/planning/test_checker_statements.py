"""What a plan says of itself: shapes, reasons, shortfalls, offers, levels and moves, each false in one place."""

import copy

import pytest

from batches.planning.checker import check
from tests.planning.tiny import (
    bed,
    bed_rows,
    cut,
    gathering,
    make_input,
    make_plan,
    person,
    places,
    published,
    seal,
    seat,
    shortfall,
    skip,
    swap_people,
)

FORMATS = {
    "plan_of_another_input": (("FORMAT", "input_fingerprint"), lambda p: p.update(input_fingerprint="0" * 64)),
    "another_format": (("FORMAT", "format"), lambda p: p.update(format="dunmiao-plan/2")),
    "seed_in_words": (("FORMAT", "seed"), lambda p: p.update(seed="1")),
    "version_of_python_missing": (("FORMAT", "versions"), lambda p: p["versions"].pop("python")),
    "stages_out_of_order": (("FORMAT", "stages"), lambda p: p.update(stages=[2, 1, 3, 4])),
    "list_missing": (("FORMAT", "levels"), lambda p: p.pop("levels")),
    "list_of_another_kind": (("FORMAT", "moves"), lambda p: p.update(moves={})),
    "unknown_entry": (("FORMAT", "note"), lambda p: p.update(note="")),
    "row_that_is_no_object": (("FORMAT", "moves[0]"), lambda p: p["moves"].append(7)),
    "row_with_a_key_missing": (("FORMAT", "levels[0]"), lambda p: p["levels"].append({"stage": 1})),
    "row_with_an_unknown_key": (("FORMAT", "shortfalls[3]"), lambda p: p["shortfalls"].append(
        shortfall("R07", "C01", 1, who="x"))),
    "rows_out_of_order": (("FORMAT", "lodging"), lambda p: p["lodging"].reverse()),
    "unknown_cadre": (("FORMAT", "C99"), lambda p: p["assignments"].append(
        {"cadre": "C99", "batch": "B01", "class": "K1"})),
    "unknown_class_gathers": (("FORMAT", "K9#1"), lambda p: p["gatherings"].append(
        {"class": "K9", "index": 1, "skipped": "no_day"})),
}  # fmt: skip
UNASSIGNED = {
    "reason_that_is_not_the_first": ("C18", lambda p: p["unassigned"][1].update(reason="no_seat")),
    "reason_that_is_false": ("C17", lambda p: p["unassigned"][0].update(reason="no_open_batch")),
    "in_neither_list": ("C18", lambda p: p["unassigned"].pop(1)),
    "in_both_lists": ("C16", lambda p: p["unassigned"].insert(0, {"cadre": "C16", "reason": "no_seat", "message": ""})),
    "listed_twice": ("C18", lambda p: p["unassigned"].append(p["unassigned"][1])),
    "unknown": ("C99", lambda p: p["unassigned"].append({"cadre": "C99", "reason": "no_seat", "message": ""})),
}
SHORTFALLS = {
    "amount_of_coverage": (("COVER", "U5"), lambda p: p["shortfalls"][0].update(amount=2)),
    "coverage_that_is_complete": (("COVER", "U1"), lambda p: p["shortfalls"].append(shortfall("COVER", "U1", 1))),
    "coverage_listed_twice": (("COVER", "U5"), lambda p: p["shortfalls"].append(p["shortfalls"][0])),
    "class_minimum_not_listed": (("SHORTFALL", "R04:K5"), lambda p: p["shortfalls"].pop(1)),
    "class_minimum_amount": (("SHORTFALL", "R04:K5"), lambda p: p["shortfalls"][1].update(amount=2)),
    "class_minimum_reached": (("SHORTFALL", "R04:K1"), lambda p: p["shortfalls"].append(shortfall("R04", "K1", 1))),
    "must_of_a_seated_cadre": (("SHORTFALL", "R07:C01"), lambda p: p["shortfalls"].append(shortfall("R07", "C01", 1))),
    "unknown_class": (("SHORTFALL", "R14:K9"), lambda p: p["shortfalls"].append(shortfall("R14", "K9", 1))),
    "offer_elsewhere": (("SHORTFALL", "R04:K5"), lambda p: p["shortfalls"][1].update(offer={})),
}
LEVELS = {  # of the good plan, by hand
    "covered_0": (1, 16), "covered_1": (1, 0), "covered_2": (1, 0), "must_unmet": (1, 0), "minimum_missing": (1, 6),
    "earliness": (1, 0), "same_unit_pairs": (1, 11), "marginal_excess": (2, 0), "pair_excess": (2, 0), "skips": (3, 4),
    "max_load": (3, 2.0), "travel_km": (3, 152.0), "route_changes": (3, 2), "room_mate_repeats": (4, 8),
    "income_range": (4, 3.0),
}  # fmt: skip


def level(name, value, stage, bound=None, gap=None):
    return {"stage": stage, "level": name, "value": value, "bound": bound, "gap": gap}


@pytest.mark.parametrize("name", sorted(FORMATS))
def test_check_plan_of_odd_shape(name):
    expected, change = FORMATS[name]
    document, plan = seal(make_input(), make_plan())
    change(plan)
    assert places(check(document, plan)) == {expected}


@pytest.mark.parametrize("plan", [None, [], "plan", 7])
def test_check_plan_that_is_no_object(plan):
    assert places(check(make_input(), plan)) == {("FORMAT", "plan")}


def test_check_seat_in_an_unknown_batch_or_class():
    document, plan = seal(make_input(), make_plan())
    seat(plan, "C01")["class"] = "K9"
    assert ("FORMAT", "C01") in places(check(document, plan))
    seat(plan, "C01")["batch"] = "B09"
    assert ("FORMAT", "C01") in places(check(document, plan))
    seat(plan, "C01").update({"batch": "B01", "class": None})
    assert ("FORMAT", "C01") in places(check(document, plan))


def test_check_rows_of_a_stage_that_the_plan_has_not():
    document, plan = seal(make_input(), make_plan())
    plan["stages"] = [1, 2]
    assert places(check(document, plan)) == {("FORMAT", "gatherings"), ("FORMAT", "lodging")}


@pytest.mark.parametrize("name", sorted(UNASSIGNED))
def test_check_unassigned_untrue(name):
    subject, change = UNASSIGNED[name]
    document, plan = make_input(), make_plan()
    change(plan)
    assert places(check(*seal(document, plan))) == {("UNASSIGNED", subject)}


@pytest.mark.parametrize(
    ("reason", "change"),
    [
        ("attended", lambda d: person(d, "C17").update(attended_before=True)),
        ("no_track", lambda d: person(d, "C17").update(level="丙")),
        ("pinned_out", lambda d: d["pins"]["batches"].append({"cadre": "C17", "batch": None})),
        ("no_open_batch", lambda d: person(d, "C17").update(must_not=["B01"])),
        ("no_open_batch", lambda d: person(d, "C17").update(unavailable=[["2027-01-01", "2028-01-01"]])),
        ("no_seat", lambda d: person(d, "C17").update(parity="odd")),
    ],
)
def test_check_unassigned_reason_true(reason, change):
    document, plan = make_input(), make_plan()
    change(document)
    plan["unassigned"][0]["reason"] = reason
    if reason in ("attended", "no_track"):  # not eligible: nobody to cover
        plan["shortfalls"].pop(0)
    assert check(*seal(document, plan)) == []
    plan["unassigned"][0]["reason"] = "no_seat" if reason != "no_seat" else "no_track"
    assert places(check(document, plan)) == {("UNASSIGNED", "C17")}


@pytest.mark.parametrize("name", sorted(SHORTFALLS))
def test_check_shortfall_untrue(name):
    expected, change = SHORTFALLS[name]
    document, plan = make_input(), make_plan()
    change(plan)
    assert places(check(*seal(document, plan))) == {expected}


def test_check_must_without_a_seat():
    document, plan = make_input(), make_plan()
    person(document, "C17")["must"] = ["B01"]
    assert places(check(*seal(document, plan))) == {("SHORTFALL", "R07:C17")}
    plan["shortfalls"].append(shortfall("R07", "C17", 1))
    assert check(*seal(document, plan)) == []


@pytest.mark.parametrize("listed", [True, False])
def test_check_waived_demand_need_not_be_listed(listed):
    document, plan = make_input(), make_plan()
    document["waivers"] = [{"rule": "R04", "subject": "K5", "reason": "新设", "approver": "县委组织部"}]
    if not listed:
        plan["shortfalls"].pop(1)
    (breach,) = check(*seal(document, plan))
    assert (breach.code, breach.subject, breach.waived) == ("R04", "K5", True)
    assert breach.message.startswith("已批准例外")


def short_of_days(kind):
    """K1 gathers once: 3 days of 6 and one village of 2."""
    document, plan = make_input(), make_plan()
    document["programme"]["makeup_rule"] = kind
    skip(plan, "K1", 2, "withdrawn")
    offer = {"kind": kind, "gatherings": [], "first_days": []}
    plan["shortfalls"] += [shortfall("R14", "K1", 1), shortfall("R15", "K1", 3, offer=offer)]
    seal(document, plan)
    return document, plan, offer


@pytest.mark.parametrize("kind", ["none", "join_class", "extra_weekend"])
def test_check_offer_empty(kind):
    document, plan, _ = short_of_days(kind)
    assert check(document, plan) == []


@pytest.mark.parametrize(
    ("kind", "more", "good"),
    [
        ("join_class", {"gatherings": [["K2", 1], ["K3", 2]]}, True),
        ("join_class", {"gatherings": [["K3", 1]]}, False),  # on days of K1#1
        ("join_class", {"gatherings": [["K1", 1]]}, False),  # its own
        ("join_class", {"gatherings": [["K5", 1]]}, False),  # not held
        ("join_class", {"gatherings": [["K2"]]}, False),
        ("join_class", {"first_days": ["2027-03-19"]}, False),
        ("extra_weekend", {"first_days": ["2027-03-12", "2027-03-19"]}, True),
        ("extra_weekend", {"first_days": ["2027-03-07"]}, False),  # meets K1#1
        ("extra_weekend", {"first_days": ["2027-03-26"]}, False),  # 03-27 is a holiday
        ("extra_weekend", {"first_days": ["2027-03-09"]}, False),  # no weekend day
        ("extra_weekend", {"first_days": ["2027-04-02"]}, False),  # after the batch
        ("extra_weekend", {"first_days": ["someday"]}, False),
        ("extra_weekend", {"gatherings": [["K2", 1]]}, False),
        ("none", {"gatherings": [["K2", 1]]}, False),
        ("none", {"kind": "join_class"}, False),
        ("none", {"gatherings": None}, False),
    ],
)
def test_check_offer(kind, more, good):
    document, plan, offer = short_of_days(kind)
    if kind == "extra_weekend":
        document["calendar"]["holidays"] = ["2027-03-27"]
        for name in ("K2", "K4"):  # nobody is on the road on the holiday
            skip(plan, name, 2, "withdrawn")
            empty = {"kind": kind, "gatherings": [], "first_days": []}
            plan["shortfalls"] += [shortfall("R14", name, 1), shortfall("R15", name, 3, offer=empty)]
    offer.update(more)
    assert places(check(*seal(document, plan))) == (set() if good else {("SHORTFALL", "R15:K1")})


def test_check_offer_missing():
    document, plan, _ = short_of_days("join_class")
    del plan["shortfalls"][-1]["offer"]
    assert places(check(*seal(document, plan))) == {("SHORTFALL", "R15:K1")}


def test_check_levels_true():
    document, plan = make_input(), make_plan()
    plan["levels"] = [level(name, value, stage) for name, (stage, value) in LEVELS.items()]
    assert check(*seal(document, plan)) == []


@pytest.mark.parametrize("name", sorted(LEVELS))
def test_check_level_untrue(name):
    document, plan = make_input(), make_plan()
    stage, value = LEVELS[name]
    plan["levels"] = [level(name, value + 0.01, stage)]
    assert places(check(*seal(document, plan))) == {("LEVEL", name)}
    plan["levels"] = [level(name, value, stage % 4 + 1)]
    assert places(check(document, plan)) == {("LEVEL", name)}
    plan["levels"] = [level(name, float("nan"), stage)]
    assert places(check(document, plan)) == {("LEVEL", name)}


def test_check_levels_of_a_lopsided_plan():
    document, plan = make_input(), make_plan()
    document["history"] = {"bases": [], "households": []}
    document["programme"]["full_coverage_age"] = 30
    document["programme"]["repeats"] = True
    document["batches"][0]["first_day"], document["batches"][1]["first_day"] = "2027-06-01", "2027-05-03"
    person(document, "C16")["attended_before"] = True
    person(document, "C17")["must"] = ["B01"]
    swap_people(plan, "C01", "C10")  # a man for a woman between K1 and K2
    cut(plan, 2)
    wanted = {
        "covered_0": 0, "covered_1": 15, "covered_2": 1, "must_unmet": 1, "minimum_missing": 6, "earliness": 15,
        "marginal_excess": 6, "pair_excess": 4,
    }  # fmt: skip
    plan["levels"] = [level(name, value, LEVELS[name][0]) for name, value in wanted.items()]
    assert "LEVEL" not in {breach.code for breach in check(*seal(document, plan))}


def test_check_level_travel_through_two_bases():
    document, plan = make_input(), make_plan()
    gathering(plan, "K1", 1)["sites"] = [{"base": "P1", "people": 2}, {"base": "P2", "people": 2}]
    plan["levels"] = [level("travel_km", 152 - 10 + 5 + 5 + 10, 3), level("max_load", round(30 / 16, 4), 3)]
    assert "LEVEL" not in {breach.code for breach in check(*seal(document, plan))}


@pytest.mark.parametrize(
    ("row", "good"),
    [
        (level("travel_km", 152.0, 3, 150.0, 2 / 152), True),
        (level("covered_0", 16, 1, 17, 1 / 16), True),
        (level("own", 3.5, 2, 3.5, 0), True),
        (level("travel_km", 152.0, 3, 150.0, 0), False),
        (level("travel_km", 152.0, 3, 150.0, None), False),
        (level("travel_km", 152.0, 3, None, 0), False),
        (level("travel_km", 152.0, 3, 154.0, 2 / 152), False),  # better than its bound
        (level("covered_0", 16, 1, 15, 1 / 16), False),
        (level("own", 3.5, 2, 3.0, 0.9), False),
        (level("own", 3.5, 5, None, None), False),
    ],
)
def test_check_level_bound_and_gap(row, good):
    document, plan = make_input(), make_plan()
    plan["levels"] = [row]
    assert places(check(*seal(document, plan))) == (set() if good else {("LEVEL", row["level"])})


def test_check_level_of_a_later_stage():
    document, plan = make_input(), make_plan()
    cut(plan, 2)
    plan["levels"] = [level("skips", 12, 3)]
    assert places(check(*seal(document, plan))) == {("LEVEL", "skips")}


def move(kind, subject, before, after):
    return {"kind": kind, "subject": subject, "from": before, "to": after, "message": "变动"}


def republished():
    """The hand-made plan against a published one with another seat, another gathering, another bed and C18 in K1."""
    document, plan = make_input(), make_plan()
    before = copy.deepcopy(plan)
    swap_people(before, "C03", "C05")
    before["lodging"] = [row for row in before["lodging"] if (row["class"], row["index"]) != ("K4", 2)]
    before["lodging"] += bed_rows("K4", 2, "P1")
    gathering(before, "K4", 2)["sites"] = [{"base": "P1", "people": 4}]
    skip(before, "K2", 2, "withdrawn")
    bed(before, "C02", "K2", 1)["bed"] = 2
    bed(before, "C06", "K2", 1)["bed"] = 1
    before["assignments"].append({"cadre": "C99", "batch": "B01", "class": "K1"})
    document["previous"] = published(before)
    plan["moves"] = [
        move("assignment", "C03", "B01/K1", "B01/K3"),
        move("assignment", "C05", "B01/K3", "B01/K1"),
        move("assignment", "C99", "B01/K1", None),
        move("bed", "C02:K2#1", "P1-H1/P1-H1-R1/2", "P1-H1/P1-H1-R1/1"),
        move("bed", "C06:K2#1", "P1-H1/P1-H1-R1/1", "P1-H1/P1-H1-R1/2"),
        move("gathering", "K2#2", "skipped", "2027-03-26 P2"),
        move("gathering", "K4#2", "2027-03-26 P1", "2027-03-26 P4"),
    ]
    return seal(document, plan)


def test_check_moves_true():
    assert check(*republished()) == []


def test_check_moves_of_a_plan_without_dates():
    document, plan = republished()
    cut(plan, 2)
    plan["moves"] = [row for row in plan["moves"] if row["kind"] == "assignment"]
    assert check(document, plan) == []


def test_check_moves_unchanged_plan():
    document, plan = make_input(), make_plan()
    document["previous"] = published(plan)
    assert check(*seal(document, plan)) == []


@pytest.mark.parametrize("place", range(7))
def test_check_move_untrue(place):
    document, plan = republished()
    row = plan["moves"][place]
    expected = {("MOVES", f"{row['kind']}:{row['subject']}")}
    plan["moves"].append(dict(row))
    assert places(check(*seal(document, plan))) == expected
    plan["moves"].remove(row)
    plan["moves"][place]["from"] = "B09"
    assert places(check(document, plan)) == expected
    plan["moves"].pop(place)
    assert places(check(document, plan)) == expected


@pytest.mark.parametrize("first", [True, False])
def test_check_move_that_did_not_happen(first):
    document, plan = (make_input(), make_plan()) if first else republished()
    plan["moves"].append(move("assignment", "C01", None, "B01/K1"))
    assert places(check(*seal(document, plan))) == {("MOVES", "assignment:C01")}
