"""Every rule that can be waived: the planner makes use of the exception, the checker accepts it and the sheet lists it."""

from collections.abc import Callable
from typing import Any

import pytest

from batches.planning import solve
from batches.planning.checker import check, rule_sheet, violations
from tests.planning.cases import tiny

Document = dict[str, Any]
BATCH, KLASS = "B01", "B01-K01"


def county(people: int = 8, **rules: Any) -> Document:
    """One batch of two classes; one unit whose people are free and of the covered age; nothing asked of the classes."""
    document = tiny(60, 2, 5, 6)
    document["cadres"] = document["cadres"][:people]
    for number, cadre in enumerate(document["cadres"]):
        cadre.update(unit="U0001", birth="1995-01", attended_before=False, leading=False, parity=None)
        cadre.update(unavailable=[], must=[], must_not=[], sex="M" if number % 2 else "F")
    document["units"][0]["quota"] = people
    document["calendar"]["holidays"] = []
    document["programme"].update(
        class_size={"min": 1, "target": 4, "max": 12}, min_village_days=0, min_distinct_villages=0, **rules
    )
    return document


def _quota() -> tuple[Document, str]:
    document = county()
    document["units"][0]["quota"] = 2
    return document, f"U0001@{BATCH}"


def _granted(rule: str, subject: str) -> dict[str, str]:
    return {"rule": rule, "subject": subject, "reason": "抢险", "approver": "部务会"}


def _same_class() -> tuple[Document, str]:
    """Two of a unit are put into one class by hand; somebody of another unit fills the other."""
    document = county(3)
    document["pins"]["classes"] = [{"cadre": row["id"], "class": KLASS} for row in document["cadres"][:2]]
    document["cadres"][2]["unit"] = "U0002"
    document["waivers"] = [_granted("R03", f"U0001@{BATCH}")]
    return document, f"U0001@{BATCH}/T1"


def _same_parity() -> tuple[Document, str]:
    document = county(4)
    for cadre in document["cadres"]:
        cadre["parity"] = "odd"
    for number in range(4):
        document["cadres"].append({**document["cadres"][0], "id": f"C9999{number}", "unit": f"U000{number + 2}"})
        document["cadres"][-1]["parity"] = "even"
    document["waivers"] = [_granted("R02", f"U0001@{BATCH}/T1")]
    return document, f"U0001@{BATCH}"


def _small_class() -> tuple[Document, str]:
    document = county()
    document["programme"]["class_size"] = {"min": 10, "target": 10, "max": 12}
    return document, KLASS


def _avoided_batch() -> tuple[Document, str]:
    document = county()
    document["cadres"][0]["must_not"] = [BATCH]
    document["pins"]["batches"] = [{"cadre": document["cadres"][0]["id"], "batch": BATCH}]
    return document, document["cadres"][0]["id"]


def _leaders() -> tuple[Document, str]:
    document = county()
    for cadre in document["cadres"]:
        cadre["leading"] = True
    return document, f"U0001@{BATCH}"


def _villages() -> tuple[Document, str]:
    document = county()
    document["programme"]["min_distinct_villages"] = 9
    return document, KLASS


def _days() -> tuple[Document, str]:
    document = county()
    document["programme"]["min_village_days"] = 99
    return document, KLASS


CASES: dict[str, Callable[[], tuple[Document, str]]] = {
    "R01": _quota,
    "R02": _same_class,
    "R03": _same_parity,
    "R04": _small_class,
    "R07": _avoided_batch,
    "R08": _leaders,
    "R14": _villages,
    "R15": _days,
}


@pytest.mark.parametrize("rule", sorted(CASES))
def test_waiver_is_honoured_and_listed(rule: str) -> None:
    document, subject = CASES[rule]()
    document["waivers"].append(_granted(rule, subject))
    plan = solve(document, stages=(1, 2, 3))
    assert violations(check(document, plan)) == []
    assert (rule, subject) not in {(row["rule"], row["subject"]) for row in plan["shortfalls"]}
    line = next(line for line in rule_sheet(document, plan) if line.code == rule)
    assert line.ok
    assert {breach.subject for breach in line.waived} == {subject}
    assert line.waived[0].message.startswith("已批准例外（部务会：抢险）")


def test_waived_quota_lifts_the_limit_whole() -> None:
    document, subject = _quota()
    document["waivers"] = [_granted("R01", subject)]
    assert len(solve(document, stages=(1,))["assignments"]) == 8


def test_waived_household_size_is_used_where_granted() -> None:
    """Groups of more than one person are granted for the first gathering of one class alone; no other can be held."""
    document = county()
    base = document["bases"][0]
    houses = base["households"][:2]
    for house in houses:
        house["rooms"] = house["rooms"][:1]
        house["rooms"][0]["beds"] = 6
    base["households"], base["declared_capacity"] = houses, 40
    document["bases"], document["other_uses"] = [base], []
    document["history"] = {"bases": [], "households": []}
    document["programme"].update(spare_beds=0, household_group={"min": 1, "max": 1})
    document["waivers"] = [
        {"rule": "R16", "subject": f"{house['id']}:{KLASS}#1", "reason": "抢险", "approver": "部务会"}
        for house in houses
    ]
    plan = solve(document)
    assert violations(check(document, plan)) == []
    held = [(row["class"], row["index"]) for row in plan["gatherings"] if "skipped" not in row]
    assert held == [(KLASS, 1)]
    line = next(line for line in rule_sheet(document, plan) if line.code == "R16")
    assert line.ok
    assert len(line.waived) == 2
