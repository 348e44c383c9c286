"""What the studio tells of a plan beside its explanations: nothing twice."""

import json
from typing import Any

import pytest

from accounts.models import User
from batches.models import PlanRun
from batches.planning.explain_text import PRICES
from batches.queries import latest_run
from batches.shortfalls import COSTS, unexplained, whys
from tests.batches.county import County, plan_by_hand

pytestmark = pytest.mark.django_db


@pytest.fixture
def run(nominating: County, staff: User) -> PlanRun:
    plan_by_hand(nominating, staff)
    found = latest_run(nominating.batch)
    assert found is not None
    return found


def plan_without(run: PlanRun, *rows: dict[str, Any], skipped: tuple[str, ...] = ()) -> dict[str, Any]:
    """The run's plan with people who are in no class, and gatherings that are not held."""
    plan: dict[str, Any] = json.loads(run.plan_text)
    gatherings = [
        {"class": row["class"], "index": row["index"], "skipped": "no_site"}
        if f"{row['class']}#{row['index']}" in skipped
        else row
        for row in plan["gatherings"]
    ]
    return plan | {"shortfalls": [], "unassigned": list(rows), "gatherings": gatherings}


def test_people_without_a_class_are_told_once(run: PlanRun, nominating: County) -> None:
    one, other, third = nominating.cadres[:3]
    assert one.unit_id == other.unit_id != third.unit_id
    message = "各期都不能参加"
    plan = plan_without(run, *({"cadre": f"C{cadre.pk}", "message": message} for cadre in (one, other, third)))
    lines = [f"{cadre.name}（{cadre.unit}）没有排进：{message}" for cadre in (one, other, third)]
    assert unexplained(run, plan) == lines
    run.explanations = [{"rule": "COVER", "subject": f"U{one.unit_id}", "people": [f"C{one.pk}"]}]
    assert unexplained(run, plan) == lines[1:]


def test_gatherings_not_held_are_told_once(run: PlanRun, nominating: County) -> None:
    first, second = (f"K{row.pk}#1" for row in nominating.classes)
    plan = plan_without(run, skipped=(first, second))
    told = "{} 次集中没有基地能接：{}。".format
    assert unexplained(run, plan) == [told(2, "第1班第1次集中、第2班第1次集中")]
    run.explanations = [{"rule": "R10", "subject": first, "gatherings": [first, second]}]
    assert unexplained(run, plan) == []


def test_cause_that_is_no_rule_of_the_list_is_told_in_words(run: PlanRun, nominating: County) -> None:
    name = f"K{nominating.classes[0].pk}#1"
    causes = [{"rule": rule, "sentence": "……", "relax": []} for rule in ("PINS", "MOVES", "R12")]
    run.explanations = [
        {"rule": "R10", "subject": name, "gatherings": [name], "amount": 1, "sentence": "……", "causes": causes}
    ]
    [why] = whys(run)
    assert [code for code, _ in why.causes] == ["已固定", "已发布", "R12"]


def test_cost_of_a_cure_is_told_in_its_own_measure(run: PlanRun, nominating: County) -> None:
    change = {"kind": "parameter", "name": "min_distinct_villages", "value": 2}
    cure = {"changes": [change], "sentence": "……", "buys": "不再算作缺口", "leaves": 0}
    costs = ({"villages": 2, "waivers": 1}, {"days": 3}, {"rules": 1}, {})
    run.explanations = [
        {
            "rule": "R14", "subject": f"K{nominating.classes[0].pk}", "amount": 2, "sentence": "……",
            "cures": [cure | {"cost": dict.fromkeys(PRICES, 0) | cost} for cost in costs],
        }
    ]  # fmt: skip
    [why] = whys(run)
    assert [each.cost for each in why.cures] == [
        "规定放宽 2 个村、1 处要批准", "规定放宽 3 天", "放宽 1 条规定", "不增加名额、期数和天数",
    ]  # fmt: skip


def test_everything_that_a_cure_may_cost_has_words() -> None:
    assert {name for name, _ in COSTS} == PRICES.keys()
