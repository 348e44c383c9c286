"""The checker at the edges: odd numbers of weeks, limits just met, fewer stages, plans of which half is missing."""

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
    shortfall,
    skip,
    swap_people,
)


@pytest.mark.parametrize(("last", "missing"), [("2027-05-31", {"K5#3"}), ("2027-06-07", {"K5#3", "K6#3"})])
def test_check_fortnights_of_a_longer_batch(last, missing):
    document, plan = make_input(), make_plan()
    document["batches"][1]["last_day"] = last
    assert places(check(*seal(document, plan))) == {("R10", subject) for subject in missing}


def test_check_gathering_beyond_the_batch():
    document, plan = make_input(), make_plan()
    row = gathering(plan, "K3", 2)
    plan["gatherings"].append({**row, "index": 3, "first_day": "2027-04-02", "last_day": "2027-04-04"})
    plan["lodging"] += bed_rows("K3", 3, "P4")
    assert places(check(*seal(document, plan))) == {("R10", "K3#3")}


def test_check_gathering_held_and_skipped():
    document, plan = make_input(), make_plan()
    plan["gatherings"].append({"class": "K3", "index": 2, "skipped": "no_site"})
    assert places(check(*seal(document, plan))) == {("R10", "K3#2")}


def test_check_gathering_pinned_and_skipped():
    document, plan = make_input(), make_plan()
    document["programme"].update(min_village_days=3, min_distinct_villages=1)
    document["pins"]["gatherings"] = [{"class": "K1", "index": 2, "first_day": "2027-03-19", "bases": None}]
    skip(plan, "K1", 2, "no_site")
    assert places(check(*seal(document, plan))) == {("PINS", "K1#2")}


def test_check_last_day_to_begin_for_one_weekend_day():
    document, plan = make_input(), make_plan()
    document["programme"].update(min_village_days=3, min_distinct_villages=1)
    document["calendar"]["holidays"] = ["2027-03-20"]
    skip(plan, "K3", 2, "no_day")  # Sunday 03-21 to Tuesday is left
    skip(plan, "K1", 2, "no_site")
    assert places(check(*seal(document, plan))) == {("R10", "K3#2")}


@pytest.mark.parametrize(("people", "good"), [((3, 1), True), ((4, 0), False)])
def test_check_people_at_two_bases(people, good):
    document, plan = make_input(), make_plan()
    document["programme"]["household_group"]["min"] = 1
    sites = [{"base": "P1", "people": people[0]}, {"base": "P2", "people": people[1]}]
    gathering(plan, "K1", 1)["sites"] = sites
    if good:
        bed(plan, "C13", "K1", 1).update(household="P2-H2", room="P2-H2-R1")
    assert places(check(*seal(document, plan))) == (set() if good else {("R18", "K1#1")})


def test_check_bed_and_index_count_from_one():
    document, plan = make_input(), make_plan()
    plan["moves"] = [{"kind": "bed", "subject": "", "from": "", "to": 0, "message": ""}]
    plan["lodging"][0]["bed"] = 0
    found = places(check(*seal(document, plan)))
    assert {("FORMAT", "moves[0]"), ("FORMAT", "lodging[0]"), ("R18", "C01:K1#1")} <= found


@pytest.mark.parametrize(
    ("criteria", "meets"),
    [
        ({"min_age": 36}, True),  # born in June 1990, reference month January 2027
        ({"min_age": 37}, False),
        ({"max_age": 36}, True),
        ({"max_age": 35}, False),
        ({"levels": []}, True),
        ({"levels": ["乙", "甲"]}, True),
        ({"post_kinds": ["综合"]}, True),
        ({"post_kinds": ["执法"]}, False),
    ],
)
def test_check_track_criteria(criteria, meets):
    document, plan = make_input(), make_plan()
    document["programme"]["tracks"][0]["criteria"].update(criteria)
    found = places(check(*seal(document, plan)))
    assert {place for place in found if place[0] == "R06"} == (
        set() if meets else {("R06", f"C{number:02d}") for number in range(1, 17)}
    )


@pytest.mark.parametrize(
    ("month", "covered"), [("2030-05", True), ("2030-06", True), ("2031-05", True), ("2031-06", False)]
)
def test_check_age_at_the_reference_month(month, covered):
    document, plan = make_input(), make_plan()  # everyone is born in June 1990; 40 is covered
    document["programme"]["reference_month"] = month
    assert places(check(*seal(document, plan))) == (set() if covered else {("COVER", "U5")})


def test_check_first_track_of_two_counts():
    document, plan = make_input(), make_plan()
    document["programme"]["tracks"][1]["criteria"]["levels"] = None
    assert check(*seal(document, plan)) == []
    document["programme"]["tracks"].reverse()
    assert ("R06", "C01") in places(check(*seal(document, plan)))


@pytest.mark.parametrize(("wanted", "kept"), [("K3", True), ("K5", False), ("K9", False)])
def test_check_class_pin_in_a_plan_without_classes(wanted, kept):
    document, plan = make_input(), make_plan()
    cut(plan, 1)
    document["pins"]["classes"] = [{"cadre": "C01", "class": wanted}]
    assert places(check(*seal(document, plan))) == (set() if kept else {("PINS", "C01")})


def test_check_parity_and_track_in_a_plan_without_classes():
    document, plan = make_input(), make_plan()
    cut(plan, 1)
    person(document, "C01")["parity"] = "even"
    assert check(*seal(document, plan)) == []


def test_check_rules_of_stage_three_without_beds():
    document, plan = make_input(), make_plan()
    cut(plan, 3)
    document["programme"].update(start_weekdays=[], weekend_days={"min": 0, "max": 2}, min_distinct_villages=3)
    gathering(plan, "K1", 1).update(first_day="2027-03-07", last_day="2027-03-09")
    gathering(plan, "K2", 1).update(first_day="2027-03-09", last_day="2027-03-11", sites=[{"base": "P4", "people": 4}])
    plan["shortfalls"] += [shortfall("R14", name, 1) for name in ("K1", "K2", "K3")]
    assert places(check(*seal(document, plan))) == {("R03", "U4@B01"), ("R03", "U6@B01"), ("SHORTFALL", "R14:K4")}


def test_check_unit_all_away_waived():
    document, plan = make_input(), make_plan()
    swap_people(plan, "C10", "C11")
    waiver = {"rule": "R03", "reason": "抢险", "approver": "县委组织部"}
    document["waivers"] = [{**waiver, "subject": subject} for subject in ("U4@B01", "U5@B01")]
    assert all(breach.waived for breach in check(*seal(document, plan)))


def test_check_moves_from_a_plan_without_beds():
    document, plan = make_input(), make_plan()
    document["previous"] = {**published(plan), "lodging": []}
    assert check(*seal(document, plan)) == []


def test_check_moves_of_a_class_that_is_new():
    document, plan = make_input(), make_plan()
    before = published(plan)
    before["gatherings"] = [row for row in before["gatherings"] if row["class"] not in ("K4", "K6")]
    document["previous"] = before
    fields = {"kind": "gathering", "from": None, "message": ""}
    plan["moves"] = [
        {**fields, "subject": "K4#1", "to": "2027-03-12 P3"},
        {**fields, "subject": "K4#2", "to": "2027-03-26 P4"},
        {**fields, "subject": "K6#1", "to": "skipped"},
    ]
    assert check(*seal(document, plan)) == []
    plan["moves"].pop(0)
    assert places(check(document, plan)) == {("MOVES", "gathering:K4#1")}


def test_check_moves_to_a_plan_without_beds():
    document, plan = make_input(), make_plan()
    document["previous"] = published(plan)
    cut(plan, 3)
    gathering(plan, "K4", 2)["sites"] = [{"base": "P3", "people": 4}]
    document["programme"]["min_distinct_villages"] = 1
    assert places(check(*seal(document, plan))) == {("MOVES", "gathering:K4#2")}


@pytest.mark.parametrize("sites", [None, ["P1"], [{"base": "P1"}], [{"base": "P1", "people": "4"}]])
def test_check_site_of_odd_shape(sites):
    document, plan = make_input(), make_plan()
    cut(plan, 3)
    gathering(plan, "K1", 1)["sites"] = sites
    found = places(check(*seal(document, plan)))
    assert {("FORMAT", "gatherings[0]"), ("R10", "K1#1")} <= found
