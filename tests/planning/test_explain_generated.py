"""Generated counties that fall short: every shortfall is explained, every explanation and cure is tried by solving again."""

import datetime
import random
from collections.abc import Callable
from typing import Any

import pytest

from batches.planning import solve
from batches.planning.changes import apply
from batches.planning.explain import explain
from tests.planning.cases import reduced, tiny

Document = dict[str, Any]
Breaker = Callable[[Document, random.Random], object]


def _rules(**choices: list[Any]) -> Breaker:
    def change(document: Document, rng: random.Random) -> None:
        document["programme"].update({name: rng.choice(values) for name, values in sorted(choices.items())})

    return change


def _batch(document: Document) -> Document:
    return document["batches"][0]


def _later(document: Document, days: int) -> str:
    return (datetime.date.fromisoformat(_batch(document)["first_day"]) + datetime.timedelta(days=days)).isoformat()


def _leaders(document: Document, rng: random.Random) -> None:
    document["programme"]["unit_max_per_batch"] = 4
    for cadre in document["cadres"]:
        cadre["leading"] = rng.random() < 0.6


def _away(document: Document, rng: random.Random) -> None:
    for cadre in document["cadres"]:
        if rng.random() < 0.3:
            cadre["unavailable"] = [[_batch(document)["first_day"], _batch(document)["last_day"]]]


def _demands(document: Document, rng: random.Random) -> None:
    for cadre in document["cadres"]:
        name = rng.choice(["must", "must_not", "", ""])
        if name:
            cadre.update({"must": [], "must_not": [], name: [_batch(document)["id"]]})


def _parities(document: Document, rng: random.Random) -> None:
    for cadre in document["cadres"]:
        cadre["parity"] = rng.choice(["odd", "odd", "odd", None])


def _deferred(document: Document, rng: random.Random) -> None:
    out = [cadre["id"] for cadre in document["cadres"] if rng.random() < 0.15]
    document["pins"]["batches"] = [{"cadre": name, "batch": None} for name in out]


def _few_units(document: Document, rng: random.Random) -> None:
    for cadre in document["cadres"]:
        cadre["unit"] = rng.choice(["U0001", "U0002", "U0003"])


def _second_batch(document: Document, rng: random.Random) -> None:
    document["batches"] = apply(document, [{"kind": "more_batches", "count": 1}])["batches"]


def _holidays(document: Document, rng: random.Random) -> None:
    days = {_later(document, rng.randrange(42)) for _ in range(rng.choice([4, 12, 30]))}
    document["calendar"]["holidays"] = sorted(days)


def _closed(document: Document, rng: random.Random) -> None:
    for base in document["bases"]:
        if rng.random() < 0.8:
            base["closed"] = [[_batch(document)["first_day"], _later(document, 60)]]


def _small_bases(document: Document, rng: random.Random) -> None:
    for base in document["bases"]:
        base["declared_capacity"] = rng.choice([0, 5, 8, 40])


def _holiday_week(document: Document, rng: random.Random) -> None:
    start = rng.choice([7, 14])
    monday = datetime.date.fromisoformat(_batch(document)["first_day"])
    monday -= datetime.timedelta(days=monday.weekday())
    days = (monday + datetime.timedelta(days=start + day) for day in range(9))
    document["calendar"]["holidays"] = [day.isoformat() for day in days]


def _one_base_on_a_holiday(document: Document, rng: random.Random) -> None:
    """Each class could go there on another day of the week, but not all of them at once."""
    document["bases"] = [max(document["bases"], key=lambda base: (base["declared_capacity"], base["id"]))]
    document["bases"][0]["declared_capacity"] = 8
    document["other_uses"], document["history"] = [], {"bases": [], "households": []}
    document["programme"]["start_weekdays"] = [5]
    for klass in _batch(document)["classes"]:
        klass.update(parity="odd", staff=[])
    monday = datetime.date.fromisoformat(_batch(document)["first_day"])
    monday -= datetime.timedelta(days=monday.weekday())
    days = (monday + datetime.timedelta(days=14 + day) for day in (4, 5, 6))
    document["calendar"]["holidays"] = [day.isoformat() for day in days]


def _everything_shut(document: Document, rng: random.Random) -> None:
    first = rng.choice([3, 9, 16])
    for base in document["bases"]:
        base["closed"] = [[_later(document, first), _later(document, first + 4)]]


def _one_teacher(document: Document, rng: random.Random) -> None:
    for klass in _batch(document)["classes"]:
        klass.update(parity="odd", staff=["H1"])


def _pinned_together(document: Document, rng: random.Random) -> None:
    day, base = _later(document, rng.randrange(14)), document["bases"][0]["id"]
    document["pins"]["gatherings"] = [
        {"class": klass["id"], "index": 1, "first_day": day, "bases": [base]} for klass in _batch(document)["classes"]
    ]


def _few_households(document: Document, rng: random.Random) -> None:
    for base in document["bases"]:
        base["households"] = base["households"][: rng.choice([0, 1, 2])]
    document["history"]["households"] = []


def _under_way(document: Document, weeks: int) -> str:
    """So many weeks of the batch are over: what was held is pinned, what is planned stands. The first day to come."""
    since = _later(document, 7 * weeks)
    plan = solve(document, stages=(1, 2, 3))
    document["previous"] = reduced(plan | {"lodging": []})
    document["pins"]["gatherings"] = [
        {
            "class": row["class"],
            "index": row["index"],
            "first_day": row["first_day"],
            "bases": [site["base"] for site in row["sites"]],
        }
        for row in plan["gatherings"]
        if "skipped" not in row and row["first_day"] < since
    ]
    return since


def _one_class_more(document: Document, rng: random.Random, weeks: int) -> str:
    """A class that is opened in the middle of the batch has no gatherings in the weeks that are over. Its name."""
    parity = rng.choice(["odd", "even"])
    batch, track = _batch(document)["id"], document["programme"]["tracks"][0]["id"]
    known = {klass["id"] for klass in _batch(document)["classes"]}
    change = {"kind": "more_classes", "batch": batch, "track": track, "count": 1, "parities": [parity]}
    document.update(apply(document, [change]))
    [name] = {klass["id"] for klass in _batch(document)["classes"]} - known
    over = [index for index in range(1, weeks) if 2 * index - (parity == "odd") <= weeks]
    rows = [{"class": name, "index": index, "skipped": "withdrawn"} for index in over]
    rows += document["previous"]["gatherings"]
    document["previous"]["gatherings"] = sorted(rows, key=lambda row: (row["class"], row["index"]))
    return name


UNDER_WAY: dict[str, Breaker] = {
    "as it is": lambda document, rng: None,
    "a week of holidays to come": lambda document, rng: document["calendar"].update(
        holidays=[_later(document, 7 * rng.choice([5, 6]) + day) for day in range(7)]
    ),
    "bases shut from now on": lambda document, rng: [
        base.update(closed=[[_later(document, 28), _later(document, 48)]]) for base in document["bases"][1:]
    ],
    "one base": lambda document, rng: [
        base.update(closed=[[_later(document, 28), _later(document, 90)]]) for base in document["bases"][1:]
    ],
    "villages": _rules(min_distinct_villages=[4]),
    "other days": _rules(start_weekdays=[[5]]),
}
PEOPLE: dict[str, Breaker] = {
    "quota": _rules(unit_max_per_batch=[0, 1, 1, 2]),
    "seats": _rules(class_size=[{"min": 2, "target": 3, "max": 4}, {"min": 2, "target": 4, "max": 6}]),
    "large classes": _rules(class_size=[{"min": 20, "target": 20, "max": 25}]),
    "leaders": _leaders,
    "away": _away,
    "demands": _demands,
    "parities": _parities,
    "deferred": _deferred,
    "few units": _few_units,
}
PLACES: dict[str, Breaker] = {
    "holidays": _holidays,
    "closed": _closed,
    "small bases": _small_bases,
    "spare beds": _rules(spare_beds=[10, 20, 40]),
    "groups": _rules(household_group=[{"min": 4, "max": 4}, {"min": 8, "max": 9}]),
    "villages": _rules(min_distinct_villages=[3, 4, 9]),
    "days": _rules(min_village_days=[9, 10, 30]),
    "one teacher": _one_teacher,
    "weekday": _rules(start_weekdays=[[1], [3], [6]]),
    "pinned": _pinned_together,
    "few households": _few_households,
}
SKIPS: dict[str, Breaker] = {name: PLACES[name] for name in PLACES if name not in ("villages", "days")} | {
    "a week of holidays": _holiday_week,
    "everything shut": _everything_shut,
    "one base on a holiday": _one_base_on_a_holiday,
}
PEOPLE_CASES = [
    *((name, other, seed) for seed, (name, other) in enumerate(zip(PEOPLE, [*list(PEOPLE)[1:], "quota"], strict=True))),
    ("parities", "seats", 31),
    ("leaders", "demands", 32),
    ("deferred", "few units", 33),
]
PLACES_CASES = [(name, seed) for seed, name in enumerate(PLACES)]


class Trial:
    """A county with its plan; solves changed inputs once each and says what is still missing."""

    def __init__(self, document: Document, stages: tuple[int, ...], **when: Any):
        self.document = document
        self.days: int = document["programme"]["gathering_days"]
        self.plan = solve(document, stages=stages)
        self.rows = explain(document, self.plan, **when)
        self._plans: dict[str, Document] = {}

    def plan_after(self, changes: list[Document], stage: int) -> Document:
        key = repr((changes, stage))
        if key not in self._plans:
            self._plans[key] = solve(apply(self.document, changes), stages=tuple(range(1, stage + 1)))
        return self._plans[key]

    def missing(self, row: Document, changes: list[Document]) -> int:
        """What is missing of the row's kind in all, gatherings not held for days that are short."""
        plan = self.plan if not changes and row["stage"] > 1 else self.plan_after(changes, row["stage"])
        if row["rule"] in ("R10", "R15"):
            return len(left_out(plan))
        return sum(short["amount"] for short in plan["shortfalls"] if short["rule"] == row["rule"])

    def still_out(self, row: Document, changes: list[Document]) -> set[str]:
        """The row's own gatherings that are not held after changes."""
        own = set(row.get("gatherings", ()))
        return own & set(left_out(self.plan_after(changes, 3))) if own else own

    def own(self, row: Document, changes: list[Document]) -> int:
        """What the row's own class, unit or person is short of after changes."""
        shortfalls = self.plan_after(changes, row["stage"])["shortfalls"]
        return sum(s["amount"] for s in shortfalls if (s["rule"], s["subject"]) == (row["rule"], row["subject"]))

    def worth(self, row: Document, amount: int) -> int:
        return -(-amount // self.days) if row["rule"] == "R15" else amount


def left_out(plan: Document) -> list[str]:
    """Gatherings of filled classes that are not held, though nobody took them out."""
    rows = [row for row in plan["gatherings"] if row.get("skipped", "empty_class") not in ("empty_class", "withdrawn")]
    return sorted(f"{row['class']}#{row['index']}" for row in rows)


def is_demand_given_up(row: Document, changes: list[Document]) -> bool:
    names = {"R14": "min_distinct_villages", "R15": "min_village_days"}
    return any(
        change.get("rule") == row["rule"] or change.get("name") == names.get(row["rule"], "-") for change in changes
    )


def require_explained(trial: Trial) -> None:
    """Every shortfall and every gathering not held has one verified explanation with causes; the amounts add up."""
    wanted = {(short["rule"], short["subject"]): short["amount"] for short in trial.plan["shortfalls"]}
    told: dict[tuple[str, str], int] = {}
    for row in trial.rows:
        assert row["verified"], row["sentence"]
        assert row["causes"], row["sentence"]
        assert row["sentence"].endswith("。")
        assert row["amount"] == row["demand"] - row["supply"] or row["rule"] in ("R07", "R04")
        if row["rule"] != "R10":
            told[row["rule"], row["subject"]] = told.get((row["rule"], row["subject"]), 0) + row["amount"]
    assert told == wanted
    if 3 in trial.plan["stages"]:
        skips = [row for row in trial.rows if row["rule"] == "R10"]
        assert sorted(name for row in skips for name in row["gatherings"]) == left_out(trial.plan)
        assert all(row["amount"] == len(row["gatherings"]) and row["subject"] in row["gatherings"] for row in skips)


def require_cured(trial: Trial) -> None:
    """What a cause names, lifted alone, meets the demand; what a cure promises, it brings."""
    for row in trial.rows:
        before = trial.missing(row, [])
        for cause in row["causes"]:
            assert bool(cause["relax"]) != cause.get("fixed", False)
            if cause["relax"]:
                after = trial.missing(row, cause["relax"])
                assert after <= before - trial.worth(row, row["amount"]), (row["sentence"], cause)
                assert not trial.still_out(row, cause["relax"]), (row["sentence"], cause)
                if row["rule"] in ("R14", "R15"):
                    assert trial.own(row, cause["relax"]) == 0, (row["sentence"], cause)
        prices = [cure["leaves"] for cure in row["cures"] if cure["smallest"]]
        assert prices in ([], [0])
        for cure in row["cures"]:
            if is_demand_given_up(row, cure["changes"]):
                short = trial.plan_after(cure["changes"], row["stage"])["shortfalls"]
                assert (row["rule"], row["subject"]) not in {(s["rule"], s["subject"]) for s in short}
            else:
                gained = trial.worth(row, row["amount"] - cure["leaves"])
                assert trial.missing(row, cure["changes"]) <= before - gained, (row["sentence"], cure)
                assert len(trial.still_out(row, cure["changes"])) <= cure["leaves"], (row["sentence"], cure)
                if row["rule"] in ("R14", "R15"):
                    assert trial.own(row, cure["changes"]) <= cure["leaves"], (row["sentence"], cure)


def lifted(document: Document, unit: str, named: set[str]) -> Document:
    """The input with every rule lifted for a unit that an explanation does not name."""
    size = len(document["cadres"])
    changes: list[Document] = []
    if "R01" not in named:
        changes.append({"kind": "unit_quota", "unit": unit, "value": size})
    for rule in {"R03", "R08"} - named:
        changes += [{"kind": "waiver", "rule": rule, "subject": f"{unit}@{b['id']}"} for b in document["batches"]]
    if "R04" not in named:
        changes.append({"kind": "parameter", "name": "class_size.max", "value": size})
    if "R05" not in named:
        changes.append({"kind": "parameter", "name": "max_overlap_days", "value": 9999})
    for cadre in (row for row in document["cadres"] if row["unit"] == unit):
        if "R07" not in named:
            fields = [name for name in ("must", "must_not", "parity") if cadre[name]]
            changes += [{"kind": "drop_demand", "cadre": cadre["id"], "field": name} for name in fields]
        if "PINS" not in named and any(pin["cadre"] == cadre["id"] for pin in document["pins"]["batches"]):
            changes.append({"kind": "drop_pin", "of": "batches", "subject": cadre["id"]})
    return apply(document, changes)


@pytest.mark.parametrize(("first", "second", "seed"), PEOPLE_CASES)
def test_explain_people_relax_and_resolve(first: str, second: str, seed: int) -> None:
    rng = random.Random(seed)
    document = tiny(rng.choice([20, 50]), rng.choice([1, 2, 3]), 1, 4)
    if rng.random() < 0.6:
        _second_batch(document, rng)
    PEOPLE[first](document, rng)
    PEOPLE[second](document, rng)
    trial = Trial(document, (1, 2))
    require_explained(trial)
    require_cured(trial)


@pytest.mark.parametrize("name", ["quota", "leaders", "away", "deferred", "seats"])
def test_explain_people_named_rules_alone_are_a_conflict(name: str) -> None:
    rng = random.Random(7)
    document = tiny(50, 2, 1, 4)
    _few_units(document, rng)
    PEOPLE[name](document, rng)
    rows = [row for row in explain(document, solve(document, stages=(1,))) if row["rule"] == "COVER"]
    assert rows
    for row in rows:
        left = solve(lifted(document, row["subject"], {cause["rule"] for cause in row["causes"]}), stages=(1,))
        assert row["subject"] in {short["subject"] for short in left["shortfalls"] if short["rule"] == "COVER"}


@pytest.mark.parametrize(("name", "seed"), PLACES_CASES)
def test_explain_places_relax_and_resolve(name: str, seed: int) -> None:
    rng = random.Random(seed)
    document = tiny(20, rng.choice([1, 2]), rng.choice([1, 2]), 4)
    document["programme"]["class_size"] = {"min": 2, "target": 8, "max": 12}
    PLACES[name](document, rng)
    trial = Trial(document, (1, 2, 3))
    assert {row["stage"] for row in trial.rows} >= {3}
    require_explained(trial)
    require_cured(trial)


@pytest.mark.parametrize(("name", "seed"), [(name, seed) for seed, name in enumerate(SKIPS)])
def test_explain_gatherings_left_out_where_nothing_is_short(name: str, seed: int) -> None:
    rng = random.Random(100 + seed)
    document = tiny(20, rng.choice([2, 3]), rng.choice([1, 3]), 4)
    document["programme"].update(
        {"class_size": {"min": 2, "target": 8, "max": 12}, "min_village_days": 0, "min_distinct_villages": 0}
    )
    SKIPS[name](document, rng)
    trial = Trial(document, (1, 2, 3))
    assert left_out(trial.plan)
    assert {row["rule"] for row in trial.rows if row["stage"] == 3} == {"R10"}
    require_explained(trial)
    require_cured(trial)


@pytest.mark.parametrize("told", [False, True])
@pytest.mark.parametrize(("name", "seed"), [(name, seed) for seed, name in enumerate(UNDER_WAY)])
def test_explain_class_opened_while_the_batch_is_under_way(name: str, seed: int, told: bool) -> None:
    rng = random.Random(200 + seed)
    document = tiny(20, 2, rng.choice([3, 5]), 8)
    document["programme"].update(
        {"class_size": {"min": 2, "target": 8, "max": 12}, "min_village_days": 12, "min_distinct_villages": 2}
    )
    since = _under_way(document, 4)
    klass = _one_class_more(document, rng, 4)
    UNDER_WAY[name](document, rng)
    trial = Trial(document, (1, 2, 3), **({"since": since} if told else {}))
    short = {row["subject"]: row for row in trial.rows if row["rule"] == "R15"}
    assert klass in short
    assert short[klass]["amount"] >= 6
    assert short[klass]["causes"], short[klass]["sentence"]
    assert "前 2 次" in short[klass]["sentence"], short[klass]["sentence"]
    assert not any(cause["relax"] for cause in short[klass]["causes"])
    assert all(
        is_demand_given_up(short[klass], cure["changes"]) or cure["leaves"] >= 6 for cure in short[klass]["cures"]
    )
    require_explained(trial)
    require_cured(trial)


@pytest.mark.parametrize("told", [False, True])
def test_explain_pin_at_a_base_that_is_shut_names_that_pin_alone(told: bool) -> None:
    """Gatherings that are over are pinned as well, and are nothing that anybody could let go of."""
    document = tiny(20, 2, 3, 8)
    document["programme"].update(
        {"class_size": {"min": 2, "target": 8, "max": 12}, "min_village_days": 0, "min_distinct_villages": 0}
    )
    since = _under_way(document, 4)
    coming = next(row for row in document["previous"]["gatherings"] if row.get("first_day", "") >= since)
    over = [pin for pin in document["pins"]["gatherings"] if pin["class"] == coming["class"]]
    assert over
    base = coming["sites"][0]["base"]
    pin = {"class": coming["class"], "index": coming["index"], "first_day": coming["first_day"], "bases": [base]}
    document["pins"]["gatherings"].append(pin)
    next(row for row in document["bases"] if row["id"] == base)["closed"] = [[since, _later(document, 90)]]
    trial = Trial(document, (1, 2, 3), **({"since": since} if told else {}))
    name = f"{coming['class']}#{coming['index']}"
    [row] = [row for row in trial.rows if name in row.get("gatherings", ())]
    [cause] = [cause for cause in row["causes"] if cause["rule"] == "PINS"]
    assert cause["sentence"] == f"{name} 已指定日期或基地"
    assert cause["relax"] == [{"kind": "drop_pin", "of": "gatherings", "subject": name}]
    [cost] = [cure["cost"] for cure in row["cures"] if cure["changes"] == cause["relax"]]
    assert (cost["pins"], cost["waivers"]) == (1, 0), "nobody has to approve that a pin is taken back"
    require_cured(trial)


def test_explain_holidays_of_a_week_are_those_of_that_week() -> None:
    """A gathering may run into the next week: the holidays there are told apart."""
    document = tiny(20, 2, 3, 4)
    monday = datetime.date.fromisoformat(_batch(document)["first_day"])
    monday += datetime.timedelta(days=14 - monday.weekday())
    document["programme"].update(
        {"class_size": {"min": 2, "target": 8, "max": 12}, "min_village_days": 0, "min_distinct_villages": 0}
    )
    days = [monday + datetime.timedelta(days=day) for day in range(9)]
    document["calendar"]["holidays"] = [day.isoformat() for day in days]
    for klass in _batch(document)["classes"]:
        klass["parity"] = "odd"
    name = f"{_batch(document)['classes'][0]['id']}#2"
    [row] = [row for row in Trial(document, (1, 2, 3)).rows if name in row.get("gatherings", ())]
    said = [f"{day.month}月{day.day}日" for day in (days[0], days[6])]
    [cause] = [cause for cause in row["causes"] if cause["rule"] == "R11"]
    assert cause["sentence"] == f"第 2 次的那一周有法定节假日（{said[0]}至{said[1]}）"
