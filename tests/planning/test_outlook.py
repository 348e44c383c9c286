"""The countdown is the smallest number that stage 1 can do with; estimates bound what plans come to."""

import copy
import datetime
import itertools
import random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from batches.planning import solve
from batches.planning.countdown import longer
from batches.planning.formats import require_valid
from batches.planning.outlook import countdown, estimate, figures
from tests.planning.cases import SMALL, frozen, plan_of, tiny


def county(*units: int, quota: int = 2, classes: int = 2, size: int = 4) -> dict[str, Any]:
    """One batch, units of so many young people each, nothing that bars anybody."""
    document = tiny(classes=classes)
    document["programme"].update(unit_max_per_batch=quota, leading_max=1, full_coverage_age=40)
    document["programme"]["class_size"] = {"min": 1, "target": size, "max": size}
    pattern = document["cadres"][0] | {
        "birth": "1995-06", "leading": False, "attended_before": False, "unavailable": [], "must": [], "must_not": [],
        "parity": None,
    }  # fmt: skip
    number = itertools.count(1)
    document["units"] = [{"id": f"U{i}", "kind": "部门", "quota": None} for i, _ in enumerate(units, start=1)]
    document["cadres"] = [
        pattern | {"id": f"C{next(number):03d}", "unit": f"U{i}"} for i, count in enumerate(units, start=1) for _ in range(count)
    ]  # fmt: skip
    document["pins"] = {"batches": [], "classes": [], "gatherings": []}
    document["waivers"] = []
    require_valid(document)
    return document


def covered(document: dict[str, Any], batches: int) -> int:
    """People due whom stage 1 itself seats in so many batches."""
    longest = longer(document, batches)
    cut = longest | {"batches": longest["batches"][:batches]}
    plan = solve(cut, stages=(1,))
    return int(next(row["value"] for row in plan["levels"] if row["level"] == "covered_0"))


@pytest.mark.parametrize("name", SMALL)
def test_countdown_is_the_least_that_stage_1_needs(name: str) -> None:
    document = frozen(name)
    document["pins"] = {"batches": [], "classes": [], "gatherings": []}
    for cadre in document["cadres"]:
        cadre.update(must=[], must_not=[])
    result = countdown(document)
    assert result["needed"] > len(document["batches"])
    assert covered(document, result["needed"]) == result["coverable"]
    assert covered(document, result["needed"] - 1) < result["coverable"]


def test_unit_with_most_people_for_its_quota_sets_the_number() -> None:
    result = countdown(county(7, 4, 2))
    assert result["needed"] == 4
    assert [(row["kind"], row["subject"]) for row in result["setters"]] == [("unit", "U1")]
    assert result["setters"][0]["sentence"] == "U1 有 7 人，每期最多 2 人，要 4 期"
    assert [row["needs"] for row in result["units"]] == [4, 2, 1]


def test_leading_members_set_the_number_where_they_ask_for_more() -> None:
    document = county(6, 6)
    for cadre in document["cadres"][:5]:
        cadre["leading"] = True
    result = countdown(document)
    assert result["needed"] == 5
    assert result["setters"][0]["sentence"] == "U1 有班子成员 5 人，每期最多 1 人，要 5 期"


def test_seats_set_the_number_where_quotas_are_wide() -> None:
    result = countdown(county(20, 13, quota=9))
    assert result["needed"] == 5
    assert [row["kind"] for row in result["setters"]] == ["seats"]
    assert result["setters"][0]["sentence"] == "还有 33 人，每期最多 8 个座位，要 5 期"


def test_number_that_only_both_together_explain_names_who_is_left() -> None:
    document = county(4, 4, 4, quota=4, classes=2, size=3)
    first = document["batches"][0]["id"]
    for cadre in document["cadres"][:6]:
        cadre["must_not"] = [first]
    document["programme"]["unit_max_per_batch"] = 3
    result = countdown(document)
    assert result["seats"]["needs"] == 2
    assert [row["needs"] for row in result["units"]] == [3, 2, 2]
    assert result["needed"] == 3


def test_people_bound_to_one_week_are_not_sent_alone() -> None:
    document = county(4, quota=2, classes=1)
    assert countdown(document)["needed"] == 4, "one class in odd weeks: two of a unit would all be away"
    document["waivers"] = [
        {"rule": "R03", "subject": f"U1@{document['batches'][0]['id']}", "reason": "已安排代管", "approver": "主任"}
    ]
    assert countdown(document)["needed"] == 3
    assert covered(document, 2) < 4 == covered(document, 3)


def test_each_batch_tells_how_many_are_covered_by_its_end() -> None:
    result = countdown(county(7, 4, 2))
    assert [(row["people"], row["covered"], row["left"]) for row in result["batches"]] == [
        (6, 6, 7), (4, 10, 3), (2, 12, 1), (1, 13, 0),
    ]  # fmt: skip
    days = [(row["first_day"], row["last_day"]) for row in result["batches"]]
    assert all(datetime.date.fromisoformat(first).weekday() == 0 for first, _ in days[1:])
    assert all(last < first for (_, last), (first, _) in itertools.pairwise(days))
    assert result["last"]["month"] == days[-1][1][:7]


def test_two_tracks_share_the_quota_of_a_unit() -> None:
    document = county(4, 4, quota=2, classes=1)
    first = document["programme"]["tracks"][0]
    first["criteria"] = {"min_age": None, "max_age": None, "levels": ["甲"], "post_kinds": None}
    document["programme"]["tracks"].append(copy.deepcopy(first) | {"id": "T2", "name": "另一班型"})
    document["programme"]["tracks"][1]["criteria"]["levels"] = ["乙"]
    own = document["batches"][0]["classes"]
    own.append(own[0] | {"id": "K2x", "track": "T2", "parity": "even"})
    for i, cadre in enumerate(document["cadres"]):
        cadre["level"] = "甲乙"[i % 2]
    result = countdown(document)
    assert result["needed"] == 2
    assert covered(document, 1) < 8 == covered(document, 2)


@pytest.mark.parametrize(("change", "needed"), [("join", 5), ("leave", 3), ("birthday", 3), ("attended", 3)])
def test_countdown_follows_who_joins_leaves_and_turns_of_age(change: str, needed: int) -> None:
    document = county(7, 4, 2)
    cadres = document["cadres"]
    if change == "join":
        cadres += [cadres[0] | {"id": f"C9{i}"} for i in range(2)]
    elif change == "leave":
        del cadres[0]
    elif change == "birthday":
        year, month = map(int, document["programme"]["reference_month"].split("-"))
        cadres[0]["birth"] = f"{year - 41}-{month:02d}"
    else:
        cadres[0]["attended_before"] = True
    assert countdown(document)["needed"] == needed


def test_who_turns_of_age_this_month_is_still_due_the_month_before() -> None:
    document = county(7)
    year, month = map(int, document["programme"]["reference_month"].split("-"))
    document["cadres"][0]["birth"] = f"{year - 41}-{month:02d}"
    assert countdown(document)["due"] == 6
    before = datetime.date(year, month, 1) - datetime.timedelta(days=1)
    document["programme"]["reference_month"] = f"{before:%Y-%m}"
    assert countdown(document)["due"] == 7


def test_people_who_pass_the_age_before_the_end_are_told() -> None:
    document = county(7)
    year, month = map(int, document["programme"]["reference_month"].split("-"))
    soon = datetime.date(year - 41, month, 1) + datetime.timedelta(days=70)
    document["cadres"][0]["birth"] = f"{soon:%Y-%m}"
    assert countdown(document)["turning"] == ["C001"]


def test_who_can_never_be_covered_is_named_with_the_reason() -> None:
    document = county(7, 2)
    cadres = document["cadres"]
    cadres[0]["unavailable"] = [["2000-01-01", "9000-01-01"]]
    document["programme"]["tracks"][0]["criteria"]["max_age"] = 35
    cadres[1]["birth"] = "1988-01"
    document["units"][1]["quota"] = 0
    result = countdown(document)
    assert [(row["cadre"], row["reason"]) for row in result["never"]] == [
        ("C001", "absent"), ("C002", "no_track"), ("C008", "quota"), ("C009", "quota"),
    ]  # fmt: skip
    assert result["needed"] == 3
    assert result["coverable"] == 5


def test_somebody_away_for_long_is_waited_for() -> None:
    document = county(2, 2)
    last = datetime.date.fromisoformat(document["batches"][0]["last_day"])
    document["cadres"][0]["unavailable"] = [["2000-01-01", (last + datetime.timedelta(days=100)).isoformat()]]
    result = countdown(document)
    assert result["never"] == []
    assert result["needed"] > 2
    assert result["last"]["last_day"] > (last + datetime.timedelta(days=100)).isoformat()


def test_names_already_given_count_and_take_their_unit_s_places() -> None:
    document = county(4, quota=2)
    batch = document["batches"][0]["id"]
    document["pins"]["batches"] = [{"cadre": name, "batch": batch} for name in ("C001", "C002")]
    result = countdown(document)
    assert result["named"] == 2
    assert [row["people"] for row in result["batches"]] == [2, 2]


def test_nobody_due_needs_no_batch() -> None:
    document = county(2)
    for cadre in document["cadres"]:
        cadre["attended_before"] = True
    result = countdown(document)
    assert (result["needed"], result["last"], result["setters"], result["batches"]) == (0, None, [], [])


AT_MOST = ("people", "covered", "gatherings", "person_days", "bed_nights", "households")
AT_LEAST = ("COVER", "R04")


def require_bounds(document: dict[str, Any], plan: dict[str, Any]) -> None:
    """What an estimate calls at most or at least holds for the plan, and what it calls exact is what the plan has."""
    rough, exact = estimate(document), figures(document, plan)
    for figure in AT_MOST:
        assert rough[figure] >= exact[figure], (figure, rough[figure], exact[figure])
    for rule in AT_LEAST:
        assert rough["missing"].get(rule, 0) <= exact["missing"].get(rule, 0), (
            rule,
            rough["missing"],
            exact["missing"],
        )
    assert rough["missing"].keys() <= set(AT_LEAST)
    for figure in ("needed", "finish_by_rules", "seats", "due", "never", "households_open"):
        assert rough[figure] == exact[figure], figure
    if all(row["skipped"] != "empty_class" for row in plan["gatherings"] if "skipped" in row):
        assert rough["lost"] == exact["lost"]
        for rule in ("R14", "R15"):
            assert rough["by_calendar"].get(rule, 0) <= exact["missing"].get(rule, 0), rule


@pytest.mark.parametrize("name", ["small-1", "small-5"])
def test_estimate_bounds_what_the_plan_comes_to(name: str) -> None:
    require_bounds(frozen(name), plan_of(name))


@pytest.mark.parametrize("case", ["one class", "two classes", "one parity"])
def test_estimate_bounds_a_plan_whose_pins_exceed_the_seats(case: str) -> None:
    document = county(7, 4, 2, quota=9, classes=1 if case == "one class" else 2, size=2)
    for cadre in document["cadres"][: 4 if case == "one parity" else 6]:
        document["pins"]["batches"].append({"cadre": cadre["id"], "batch": document["batches"][0]["id"]})
        cadre["parity"] = "odd" if case == "one parity" else None
    require_bounds(document, solve(document, seed=1))


def test_estimate_bounds_a_plan_of_one_crowded_class_beside_others() -> None:
    document = county(9, 9, 9, quota=9, classes=4, size=4)
    batch = document["batches"][0]
    first = datetime.date.fromisoformat(batch["first_day"])
    even = [(first + datetime.timedelta(days=n)).isoformat() for n in range(60) if n // 7 % 2]
    document["calendar"] = {"holidays": even, "working_weekend_days": []}
    for base in document["bases"]:
        base["closed"] = []
    document["pins"]["classes"] = [
        {"cadre": cadre["id"], "class": batch["classes"][0]["id"]} for cadre in document["cadres"][:9]
    ]
    require_bounds(document, solve(document, seed=1))


SHAPES = {"cadres": st.sampled_from([20, 50, 75]), "classes": st.integers(1, 4), "bases": st.sampled_from([1, 3, 5])}
RULES = {
    "unit_max_per_batch": st.integers(0, 4),
    "leading_max": st.integers(0, 2),
    "max_overlap_days": st.sampled_from([0, 10, 60]),
    "class_size": st.sampled_from([{"min": 0, "target": 3, "max": 5}, {"min": 8, "target": 10, "max": 12}]),
    "household_group": st.sampled_from([{"min": 2, "max": 4}, {"min": 1, "max": 2}]),
    "spare_beds": st.sampled_from([0, 10]),
    "start_weekdays": st.sampled_from([[], [5], [3, 6]]),
    "weekend_days": st.sampled_from([{"min": 1, "max": 2}, {"min": 0, "max": 3}]),
}


@st.composite
def counties(draw: st.DrawFn) -> dict[str, Any]:
    """Small counties of one to three batches by drawn rules, with absences, pins, exceptions and holidays."""
    document = tiny(**{name: draw(values) for name, values in SHAPES.items()}, weeks=draw(st.sampled_from([3, 4, 6])))
    document["programme"].update({name: draw(values) for name, values in RULES.items()})
    rng = random.Random(draw(st.integers(0, 99)))
    document = longer(document, draw(st.integers(1, 3)))
    batches = [batch["id"] for batch in document["batches"]]
    for cadre in document["cadres"]:
        cadre.update(parity=rng.choice(["odd", None, None, None]), leading=rng.random() < 0.3)
        if rng.random() < 0.2:
            cadre["must_not"] = [rng.choice(batches)]
    first = datetime.date.fromisoformat(document["batches"][0]["first_day"])
    days = sorted(rng.sample(range(60), rng.choice([0, 5, 20])))
    document["calendar"]["holidays"] = [(first + datetime.timedelta(days=n)).isoformat() for n in days]
    units = sorted({cadre["unit"] for cadre in document["cadres"]})
    out = [{"cadre": cadre["id"], "batch": None} for cadre in document["cadres"] if rng.random() < 0.1]
    document["pins"] = {"batches": out, "classes": [], "gatherings": []}
    document["waivers"] = [
        {"rule": "R01", "subject": f"{rng.choice(units)}@{rng.choice(batches)}", "reason": "试", "approver": "主任"},
        {"rule": "R04", "subject": document["batches"][0]["classes"][0]["id"], "reason": "试", "approver": "主任"},
    ][: rng.choice([0, 2])]  # fmt: skip
    require_valid(document)
    return document


@settings(max_examples=12, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(counties())
def test_estimate_bounds_every_plan_of_a_generated_county(document: dict[str, Any]) -> None:
    require_bounds(document, solve(document, seed=1))


def softer(document: dict[str, Any], rule: str) -> None:
    """One rule of the document a little softer."""
    programme, size = document["programme"], document["programme"]["class_size"]
    if rule == "class_size.min":
        size["min"] = max(0, size["min"] - 2)
    elif rule == "class_size.max":
        size["max"] += 2
    elif rule == "start_weekdays":
        programme[rule] = []
    elif rule == "weekend_days":
        programme[rule] = {"min": 0, "max": 3}
    elif rule == "household_group":
        programme[rule] = {"min": 1, "max": programme[rule]["max"] + 1}
    elif rule == "holidays":
        document["calendar"]["holidays"] = document["calendar"]["holidays"][::2]
    else:
        programme[rule] = max(0, programme[rule] + (-1 if rule == "spare_beds" else 1))


SOFTER = (*RULES.keys() - {"class_size"}, "class_size.min", "class_size.max", "holidays")


@settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(counties(), st.sampled_from(sorted(SOFTER)))
def test_softer_rule_never_narrows_what_an_estimate_leaves_open(document: dict[str, Any], rule: str) -> None:
    before = estimate(document)
    softer(document, rule)
    after = estimate(document)
    for figure in AT_MOST:
        assert after[figure] >= before[figure], (figure, before[figure], after[figure])
    for missing in AT_LEAST:
        assert after["missing"].get(missing, 0) <= before["missing"].get(missing, 0), (missing, before, after)


def test_figures_of_a_plan_add_up() -> None:
    document, plan = frozen("small-1"), plan_of("small-1")
    exact = figures(document, plan)
    assert exact["people"] == len(plan["assignments"])
    assert exact["bed_nights"] == 2 * len(plan["lodging"])
    assert exact["households"] == len({row["household"] for row in plan["lodging"]})
    stays = [stay for row in exact["rows"] for stay in row["stays"]]
    assert sum(stay["person_days"] for stay in stays) == exact["person_days"]
    assert sum(stay["nights"] for stay in stays) == exact["bed_nights"]
    assert sum(exact["missing"].values()) == sum(row["amount"] for row in plan["shortfalls"])


def test_weekends_lost_to_holidays_are_counted() -> None:
    document = county(7, classes=2)
    before = estimate(document)
    first = datetime.date.fromisoformat(document["batches"][0]["first_day"])
    document["calendar"]["holidays"] = [(first + datetime.timedelta(days=n)).isoformat() for n in range(28)]
    after = estimate(document)
    assert after["lost"] >= before["lost"] + 2
    assert after["gatherings"] + after["lost"] == before["gatherings"] + before["lost"]


def test_wider_quota_finishes_earlier() -> None:
    document = county(20, 5, quota=2, classes=4, size=10)
    narrow = estimate(document)
    document["programme"]["unit_max_per_batch"] = 5
    wide = estimate(document)
    assert (narrow["needed"], wide["needed"]) == (10, 4)
    assert wide["finish_by_rules"] < narrow["finish_by_rules"]
