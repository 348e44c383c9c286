"""Explanations of counties small enough to work out by hand, and how `explain` behaves as a whole."""

import datetime
from collections.abc import Callable
from typing import Any

import pytest

from batches.planning import InputError, Stopped, canonical, explain_county, explain_sizes, solve, stage1_batches
from batches.planning.changes import apply
from batches.planning.explain import explain
from batches.planning.problem import Problem
from tests.planning.cases import frozen, reduced, tiny


def one_unit(people: int, quota: int) -> dict[str, Any]:
    """One batch; one unit whose people are all of the covered age and free, with a quota."""
    document = tiny(60, 2, 5, 6)
    document["cadres"] = document["cadres"][:people]
    for cadre in document["cadres"]:
        cadre.update(
            unit="U0001", birth="1995-01", attended_before=False, leading=False, unavailable=[], must=[], must_not=[]
        )
        cadre["parity"] = None
    document["units"][0]["quota"] = quota
    return document


def test_explain_quota_in_figures() -> None:
    document = one_unit(9, 4)
    rows = [row for row in explain(document, solve(document, stages=(1,))) if row["rule"] == "COVER"]
    assert [(row["subject"], row["amount"], row["demand"], row["supply"]) for row in rows] == [("U0001", 5, 9, 4)]
    assert "40 周岁以下未参训 9 人" in rows[0]["sentence"]
    assert "每期最多 4 人 × 1 期只有 4 个名额；5 人排不进" in rows[0]["sentence"]
    assert [cause["rule"] for cause in rows[0]["causes"]] == ["R01"]
    assert rows[0]["causes"][0]["relax"] == [{"kind": "unit_quota", "unit": "U0001", "value": 9}]
    whole = next(cure for cure in rows[0]["cures"] if cure["smallest"])
    assert whole["changes"] == [{"kind": "waiver", "rule": "R01", "subject": "U0001@B01"}]
    assert (whole["buys"], whole["leaves"]) == ("5 人全部排进", 0)
    assert [cure["leaves"] for cure in rows[0]["cures"]] == [4, 0, 0, 0]
    assert [change["kind"] for change in rows[0]["cures"][3]["changes"]] == ["later"] * 5


def test_explain_full_batch_names_the_seats() -> None:
    document = one_unit(9, 20)
    document["programme"]["class_size"] = {"min": 1, "target": 2, "max": 3}
    row = next(row for row in explain(document, solve(document, stages=(1,))) if row["rule"] == "COVER")
    assert [cause["rule"] for cause in row["causes"]] == ["R04"]
    assert "每班最多 3 人，共 6 个座位" in row["sentence"]
    assert {"kind": "parameter", "name": "class_size.max", "value": 5} in row["causes"][0]["relax"]


def test_explain_holiday_and_weekdays_of_a_gathering() -> None:
    document = one_unit(8, 20)
    first = document["batches"][0]["first_day"]
    assert first == "2027-03-09"
    document["calendar"]["holidays"] = ["2027-03-12", "2027-03-13", "2027-03-14"]
    plan = solve(document, stages=(1, 2, 3))
    row = next(row for row in explain(document, plan) if row["subject"] == "B01-K01#1")
    assert [cause["rule"] for cause in row["causes"]] == ["R09", "R11"]
    assert "第 1 次的那一周有法定节假日（3月12日至3月14日）" in row["sentence"]
    assert row["causes"][1] == {
        "rule": "R11",
        "sentence": "第 1 次的那一周有法定节假日（3月12日至3月14日）",
        "relax": [],
        "fixed": True,
    }


def test_explain_villages_with_what_can_be_reached() -> None:
    document = one_unit(8, 20)
    document["bases"] = document["bases"][:1]
    document["other_uses"], document["history"] = [], {"bases": [], "households": []}
    row = next(row for row in explain(document, solve(document, stages=(1, 2, 3))) if row["rule"] == "R14")
    assert (row["demand"], row["supply"], row["amount"]) == (2, 1, 1)
    assert row["sentence"].startswith("班级 B01-K01 要求到访 2 个村，最多能到 1 个：有床位的基地只有 1 个（1 个村）")
    waiver = {"kind": "waiver", "rule": "R14", "subject": "B01-K01"}
    assert waiver in [change for cure in row["cures"] for change in cure["changes"]]
    [cost] = [cure["cost"] for cure in row["cures"] if "min_distinct_villages" in repr(cure["changes"])]
    assert {name: count for name, count in cost.items() if count} == {"villages": 1, "waivers": 1}, "villages, not days"


def test_explain_rule_without_a_measure_is_lifted_as_one() -> None:
    document = one_unit(8, 20)
    document["cadres"][0].update(attended_before=True, must=["B01"])
    row = next(row for row in explain(document, solve(document, stages=(1,))) if row["rule"] == "R07")
    [cure] = row["cures"]
    assert cure["changes"] == [{"kind": "parameter", "name": "repeats", "value": True}]
    assert {name: count for name, count in cure["cost"].items() if count} == {"rules": 1}, "no days"


def test_explain_more_days_than_anything_gives_is_not_called_checked() -> None:
    document = one_unit(8, 20)
    document["programme"]["min_village_days"] = 200
    row = next(row for row in explain(document, solve(document, stages=(1, 2, 3))) if row["rule"] == "R15")
    assert [cause["rule"] for cause in row["causes"]] == ["R15"]
    assert not row["verified"]


@pytest.mark.parametrize("prefer", ["kept", "seats"])
def test_explain_solves_again_with_what_the_plan_preferred(prefer: str, monkeypatch: pytest.MonkeyPatch) -> None:
    document = one_unit(9, 4)
    document["programme"]["class_size"]["min"] = 12
    document["previous"] = reduced(solve(document))
    plan = solve(document, stages=(1, 2), prefer=prefer)
    asked: list[str] = []

    def watched(work: Callable[..., Any]) -> Callable[..., Any]:
        def ask(problem: Problem, *rest: Any) -> Any:
            asked.append(problem.prefer)
            return work(problem, *rest)

        return ask

    for place, work in ((explain_county, "seating"), (explain_sizes, "seating"), (stage1_batches, "solve")):
        monkeypatch.setattr(place, work, watched(getattr(place, work)))
    rules = {row["rule"] for row in explain(document, plan, prefer=prefer)}
    assert rules == {"COVER", "R04"}
    assert len(asked) > 2
    assert set(asked) == {prefer}


def test_explain_few_people_in_a_batch() -> None:
    document = one_unit(8, 20)
    document["programme"]["class_size"]["min"] = 12
    rows = [row for row in explain(document, solve(document, stages=(1, 2))) if row["rule"] == "R04"]
    assert [(row["subject"], row["supply"], row["amount"]) for row in rows] == [("B01-K01", 4, 8), ("B01-K02", 4, 8)]
    assert all("2 个班每班至少 12 人，共要 24 人" in row["sentence"] for row in rows)
    assert all("符合条件的只有 8 人" in row["sentence"] for row in rows)


def test_explain_nothing_short() -> None:
    document = one_unit(8, 20)
    document["programme"]["class_size"]["min"] = 1
    document["programme"]["min_village_days"] = 3
    document["calendar"]["holidays"] = []
    plan = solve(document, stages=(1, 2))
    assert plan["shortfalls"] == []
    assert explain(document, plan) == []


def test_explain_is_the_same_every_time() -> None:
    document = frozen("small-4")
    plan = solve(document, stages=(1,))
    assert canonical(explain(document, plan)) == canonical(explain(document, plan))


def test_explain_unit_amounts_sum_to_the_total_at_county_size() -> None:
    document = frozen("county-1")
    plan = solve(document, stages=(1,))
    short = {row["subject"]: row["amount"] for row in plan["shortfalls"] if row["rule"] == "COVER"}
    rows = [row for row in explain(document, plan) if row["rule"] == "COVER"]
    assert {row["subject"]: row["amount"] for row in rows} == short
    assert all(row["verified"] and row["causes"] and row["cures"] for row in rows)
    assert all(row["demand"] - row["supply"] == row["amount"] for row in rows)


def test_explain_tells_progress_and_stops() -> None:
    document = frozen("small-1")
    plan = solve(document, stages=(1,))
    told: list[tuple[int, float, str]] = []
    explain(document, plan, progress=lambda *row: told.append(row))
    assert told
    assert all(stage == 1 and 0 <= fraction <= 1 and "原因" in text for stage, fraction, text in told)
    with pytest.raises(Stopped):
        explain(document, plan, should_stop=lambda: True)


def test_explain_refuses_an_input_that_is_not_valid() -> None:
    document = one_unit(8, 20)
    plan = solve(document, stages=(1,))
    document["programme"]["spare_beds"] = -1
    with pytest.raises(InputError, match="spare_beds"):
        explain(document, plan)


def test_explain_who_is_away_for_most_of_the_session_is_left_to_a_later_one() -> None:
    document = one_unit(8, 20)
    batch, ill = document["batches"][0], document["cadres"][0]
    ill["unavailable"] = [[batch["first_day"], batch["last_day"]]]
    [row] = [row for row in explain(document, solve(document, stages=(1,))) if row["rule"] == "COVER"]
    most = document["programme"]["max_overlap_days"]
    assert f"干部 {ill['id']} 在期次 B01 有 41 天不能参加，最多容许 {most} 天" in row["sentence"]
    assert row["verified"]
    later = [{"kind": "later", "cadre": ill["id"]}]
    assert row["cures"][0]["changes"] == later
    assert (row["cures"][0]["leaves"], row["cures"][0]["cost"]["people"]) == (0, 1)
    assert "max_overlap_days" not in {change.get("name") for cure in row["cures"] for change in cure["changes"]}
    assert solve(apply(document, later), stages=(1,))["shortfalls"] == []


def test_explain_few_more_days_of_leave_stay_a_cure() -> None:
    document = one_unit(8, 20)
    most = document["programme"]["max_overlap_days"] = 3
    first = datetime.date.fromisoformat(document["batches"][0]["first_day"])
    document["cadres"][0]["unavailable"] = [
        [first.isoformat(), (first + datetime.timedelta(days=most + 1)).isoformat()]
    ]
    [row] = [row for row in explain(document, solve(document, stages=(1,))) if row["rule"] == "COVER"]
    assert {"kind": "parameter", "name": "max_overlap_days", "value": most + 1} in [
        change for cure in row["cures"] for change in cure["changes"]
    ]


def shut_for_days(bases: int) -> dict[str, Any]:
    """The days of the first gathering are shut at so many bases of five."""
    document = one_unit(8, 20)
    assert document["batches"][0]["first_day"] == "2027-03-09"
    document["programme"]["class_size"]["min"] = 1
    for base in document["bases"][:bases]:
        base["closed"] = [["2027-03-12", "2027-03-15"]]
    return document


def test_explain_what_is_shut_everywhere_is_no_choice() -> None:
    document = shut_for_days(5)
    plan = solve(document, stages=(1, 2, 3))
    [row] = [row for row in explain(document, plan) if row["subject"] == "B01-K01#1"]
    [closed] = [cause for cause in row["causes"] if cause["rule"] == "R12"]
    assert (closed["sentence"], closed.get("fixed")) == ("3月12日至3月14日各个基地全部停用", True)
    assert "reopen" not in {change["kind"] for cure in row["cures"] for change in cure["changes"]}
    assert row["cures"], "other days of the week are left"


def test_explain_names_the_base_to_which_a_gathering_is_pinned_though_all_others_are_shut_on_a_day_too() -> None:
    document = shut_for_days(5)
    base = document["bases"][2]
    document["pins"]["gatherings"] = [
        {"class": "B01-K01", "index": 1, "first_day": "2027-03-12", "bases": [base["id"]]},
    ]
    plan = solve(document, stages=(1, 2, 3))
    [row] = [row for row in explain(document, plan) if row["subject"] == "B01-K01#1"]
    closed = next(cause["sentence"] for cause in row["causes"] if cause["rule"] == "R12")
    assert closed == f"基地 {base['id']} 那一周有停用，1 户农户那一周有停用"


def test_explain_a_base_that_is_shut_alone_may_open_again_at_last() -> None:
    document = shut_for_days(4)
    document["bases"][4]["declared_capacity"] = 0
    plan = solve(document, stages=(1, 2, 3))
    [row] = [row for row in explain(document, plan) if row["subject"] == "B01-K01#1"]
    kinds = [{change["kind"] for change in cure["changes"]} for cure in row["cures"]]
    assert {"reopen"} in kinds
    assert kinds == sorted(kinds, key=lambda kind: kind == {"reopen"}), "after what needs no base"


def test_explain_gatherings_of_one_week_are_told_together_and_cured_at_once() -> None:
    document = tiny(20, 3, 5, 4)
    document["programme"].update({"min_village_days": 0, "min_distinct_villages": 0})
    document["programme"]["class_size"] = {"min": 2, "target": 6, "max": 12}
    for klass in document["batches"][0]["classes"]:
        klass.update(parity="odd", staff=[])
    document["calendar"]["holidays"] = ["2027-03-26", "2027-03-27", "2027-03-28"]
    plan = solve(document, stages=(1, 2, 3))
    row, last = (row for row in explain(document, plan) if row["rule"] == "R10")
    assert row["gatherings"] == ["B01-K01#2", "B01-K02#2", "B01-K03#2"]
    assert (row["subject"], row["amount"], row["supply"]) == ("B01-K01#2", 3, 0)
    assert row["sentence"].startswith(
        "3月22日至3月28日那一周，3 个班的第 2 次集中不能举行（B01-K01、B01-K02、B01-K03）：第 2 次的那一周有法定节假日"
    )
    [whole] = [cure for cure in row["cures"] if cure["smallest"]]
    after = solve(apply(document, whole["changes"]), stages=(1, 2, 3))
    left_out = [f"{row['class']}#{row['index']}" for row in after["gatherings"] if "skipped" in row]
    assert left_out == last["gatherings"] == ["B01-K01#3", "B01-K02#3", "B01-K03#3"]
    assert "期次 B01 从3月9日到4月5日，那一周只有 1 天在期内，一次集中要 3 天" in last["sentence"]
    assert last["sentence"].endswith("这 3 次没有办法补，只能不集中。")
