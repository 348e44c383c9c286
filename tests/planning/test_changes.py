"""Changes tried on an input: what each does, what it says, and what it refuses."""

import copy
import datetime
from typing import Any

import pytest

from batches.planning import InputError, canonical, require_valid
from batches.planning.changes import FIELDS, apply, say
from tests.planning.cases import frozen, reduced
from tests.planning.tiny import make_input, make_plan, person

Change = dict[str, Any]
EVERY: dict[str, Change] = {
    "parameter": {"kind": "parameter", "name": "class_size.max", "value": 6},
    "unit_quota": {"kind": "unit_quota", "unit": "U1", "value": 2},
    "more_batches": {"kind": "more_batches", "count": 2},
    "more_classes": {"kind": "more_classes", "batch": None, "track": "T1", "count": 1},
    "waiver": {"kind": "waiver", "rule": "R01", "subject": "U1@B01"},
    "drop_demand": {"kind": "drop_demand", "cadre": "C01", "field": "must"},
    "drop_pin": {"kind": "drop_pin", "of": "gatherings", "subject": "K1#2"},
    "pin_batch": {"kind": "pin_batch", "cadre": "C01", "batch": "B01"},
    "pin_class": {"kind": "pin_class", "cadre": "C01", "class": "K3"},
    "pin_gathering": {"kind": "pin_gathering", "class": "K1", "index": 1, "first_day": "2027-03-05", "bases": ["P2"]},
    "close": {"kind": "close", "place": "household", "id": "P1-H1", "from": "2027-03-01", "until": "2027-03-08"},
    "reopen": {"kind": "reopen", "place": "base", "id": "P1", "from": "2027-03-01", "until": "2027-03-08"},
    "withdraw": {"kind": "withdraw", "cadre": "C01"},
    "later": {"kind": "later", "cadre": "C01"},
}


def county() -> dict[str, Any]:
    """The hand-made county with one class a track in every batch, one pin, one closure and one demand."""
    document = make_input()
    for track in document["programme"]["tracks"]:
        track["classes_per_batch"] = 1
    for batch, names in zip(document["batches"], (("K1", "K2"), ("K3", "K4")), strict=True):
        batch["classes"] = [
            {"id": name, "parity": parity, "track": track, "staff": ["S1"]}
            for name, parity, track in zip(names, ("odd", "even"), ("T1", "T2"), strict=True)
        ]
    document["pins"]["gatherings"] = [{"class": "K1", "index": 2, "first_day": "2027-03-19", "bases": None}]
    document["bases"][0]["closed"] = [["2027-02-20", "2027-03-20"]]
    person(document, "C01")["must"] = ["B01"]
    require_valid(document)
    return document


@pytest.mark.parametrize("kind", sorted(FIELDS))
def test_apply_leaves_the_input_alone_and_gives_a_valid_one(kind: str) -> None:
    document = county()
    before = canonical(document)
    changed = apply(document, [EVERY[kind]])
    assert canonical(document) == before
    assert canonical(changed) != before
    require_valid(changed)


@pytest.mark.parametrize("kind", sorted(FIELDS))
def test_say_is_a_plain_sentence(kind: str) -> None:
    sentence = say(EVERY[kind])
    assert sentence
    assert not any(word in sentence for word in ("None", "True", "[", "{", "_"))


def test_apply_parameter_is_found_by_its_dots() -> None:
    assert apply(county(), [EVERY["parameter"]])["programme"]["class_size"]["max"] == 6


def test_apply_more_batches_follow_the_last_one_on_mondays() -> None:
    changed = apply(county(), [EVERY["more_batches"]])
    added = changed["batches"][2:]
    assert [batch["id"] for batch in added] == ["B02x1", "B02x2"]
    assert [(batch["first_day"], batch["last_day"]) for batch in added] == [
        ("2027-05-31", "2027-06-27"),
        ("2027-06-28", "2027-07-25"),
    ]
    assert [klass["id"] for klass in added[1]["classes"]] == ["K3x2", "K4x2"]


def test_apply_more_batches_after_a_batch_that_ends_in_midweek() -> None:
    document = county()
    document["batches"][1]["last_day"] = "2027-05-26"
    added = apply(document, [{"kind": "more_batches", "count": 1}])["batches"][2]
    assert added["first_day"] == "2027-05-31"
    assert datetime.date.fromisoformat(added["last_day"]) == datetime.date(2027, 6, 23)


def test_apply_more_classes_take_turns_in_odd_and_even_weeks() -> None:
    changed = apply(county(), [{"kind": "more_classes", "batch": None, "track": "T1", "count": 2}])
    assert changed["programme"]["tracks"][0]["classes_per_batch"] == 3
    mine = [klass for klass in changed["batches"][0]["classes"] if klass["track"] == "T1"]
    assert [(klass["id"], klass["parity"]) for klass in mine] == [("K1", "odd"), ("K1x1", "even"), ("K1x2", "odd")]
    assert [klass["staff"] for klass in mine] == [["S1"], [], []]


def test_apply_more_classes_take_the_weeks_that_more_people_are_bound_to() -> None:
    """Where the classes of both weeks are as many; whoever is excepted is bound to none."""
    document = county()
    one = {"kind": "more_classes", "batch": None, "track": "T1", "count": 1}
    document = apply(document, [one])
    document["cadres"][0]["parity"] = "even"
    changed = apply(document, [one])
    assert [batch["classes"][-1]["parity"] for batch in changed["batches"]] == ["even", "even"]
    name = document["cadres"][0]["id"]
    excepted = apply(document, [{"kind": "waiver", "rule": "R07", "subject": name}, one])
    assert [batch["classes"][-1]["parity"] for batch in excepted["batches"]] == ["odd", "odd"]


def test_apply_more_classes_as_they_are_told() -> None:
    told = {"parities": ["even", "odd"], "ids": ["K8", "K9"]}
    pair = [{"kind": "more_classes", "batch": name, "track": "T1", "count": 2, **told} for name in ("B01", "B02")]
    pair[1]["ids"] = ["K18", "K19"]
    added = [batch["classes"][-2:] for batch in apply(county(), pair)["batches"]]
    assert [[(row["id"], row["parity"]) for row in rows] for rows in added] == [
        [("K8", "even"), ("K9", "odd")], [("K18", "even"), ("K19", "odd")],
    ]  # fmt: skip
    assert say(pair[0]) == "期次 B01 增加 2 个班（班型 T1，单周 1 个、双周 1 个）"


@pytest.mark.parametrize(
    ("told", "wrong"),
    [
        ({"parities": ["odd"]}, "parities：应有 2 项，实有 1 项"),
        ({"parities": ["odd", "all"]}, "实为 all"),
        ({"ids": ["K8", "K8"]}, "ids：每个编号只能用一次"),
        ({"ids": ["K8", "K1"]}, "ids：每个编号只能用一次"),
        ({"batch": None, "ids": ["K8", "K9"]}, "ids：每个编号只能用一次"),
        ({"parities": 5}, "写法不对"),
    ],
)
def test_apply_more_classes_told_wrongly_are_refused(told: dict[str, Any], wrong: str) -> None:
    with pytest.raises(InputError, match=wrong):
        apply(county(), [{"kind": "more_classes", "batch": "B01", "track": "T1", "count": 2} | told])


def test_apply_more_classes_in_one_batch_of_several_is_refused() -> None:
    with pytest.raises(InputError, match="班型 T1 的班"):
        apply(county(), [{"kind": "more_classes", "batch": "B01", "track": "T1", "count": 1}])


def test_apply_more_classes_batch_by_batch() -> None:
    one = [{"kind": "more_classes", "batch": name, "track": "T1", "count": 1} for name in ("B01", "B02")]
    together = [{"kind": "more_classes", "batch": None, "track": "T1", "count": 1}]
    assert canonical(apply(county(), one)) == canonical(apply(county(), together))


def test_apply_waiver_is_granted_once() -> None:
    changed = apply(county(), [EVERY["waiver"], EVERY["waiver"]])
    assert changed["waivers"] == [{"rule": "R01", "subject": "U1@B01", "reason": "试算", "approver": "试算"}]


@pytest.mark.parametrize(
    ("rule", "subject"),
    [("R02", "U1@B01/T1"), ("R04", "K1"), ("R04", "T1@B01"), ("R07", "C01"), ("R16", "P1-H1:K1#2"), ("R15", "K2")],
)
def test_apply_waiver_for_every_kind_of_subject(rule: str, subject: str) -> None:
    assert apply(county(), [{"kind": "waiver", "rule": rule, "subject": subject}])["waivers"]


def test_apply_pins_replace_what_they_contradict() -> None:
    document = county()
    document["pins"]["classes"] = [{"cadre": "C01", "class": "K1"}]
    moved = apply(document, [{"kind": "pin_batch", "cadre": "C01", "batch": "B02"}])["pins"]
    assert moved["batches"] == [{"cadre": "C01", "batch": "B02"}]
    assert moved["classes"] == []
    kept = apply(document, [EVERY["pin_batch"]])["pins"]
    assert kept["classes"] == [{"cadre": "C01", "class": "K1"}]
    again = apply(document, [EVERY["pin_batch"], EVERY["pin_class"]])["pins"]
    assert again["batches"] == []
    assert again["classes"] == [{"cadre": "C01", "class": "K3"}]


def test_apply_pin_gathering_without_a_day_keeps_the_day_it_had() -> None:
    document = county()
    document["previous"] = reduced(make_plan())
    pin = {"kind": "pin_gathering", "class": "K1", "index": 1, "first_day": None, "bases": ["P2"]}
    assert apply(document, [pin])["pins"]["gatherings"][-1]["first_day"] == "2027-03-05"
    document["previous"] = None
    with pytest.raises(InputError, match="first_day"):
        apply(document, [pin])
    assert apply(county(), [{**pin, "index": 2, "bases": None}])["pins"]["gatherings"] == []


def test_apply_reopen_cuts_a_closure_in_two() -> None:
    changed = apply(county(), [EVERY["reopen"]])
    assert changed["bases"][0]["closed"] == [["2027-02-20", "2027-03-01"], ["2027-03-08", "2027-03-20"]]
    shut = apply(changed, [{**EVERY["reopen"], "kind": "close"}])
    assert ["2027-03-01", "2027-03-08"] in shut["bases"][0]["closed"]


def test_apply_withdraw_takes_the_demand_along() -> None:
    changed = apply(county(), [EVERY["withdraw"]])
    assert changed["pins"]["batches"] == [{"cadre": "C01", "batch": None}]
    assert person(changed, "C01")["must"] == []


def test_apply_later_asks_for_the_cadre_no_more() -> None:
    document = apply(county(), [EVERY["pin_class"]])
    changed = apply(document, [EVERY["later"]])
    assert "C01" not in {row["id"] for row in changed["cadres"]}
    assert len(changed["cadres"]) == len(document["cadres"]) - 1
    assert changed["pins"]["classes"] == changed["pins"]["batches"] == []


UNKNOWN: dict[str, tuple[Change, str]] = {
    "kind": ({"kind": "magic"}, "magic"),
    "field": ({"kind": "unit_quota", "unit": "U1"}, "value"),
    "parameter": ({"kind": "parameter", "name": "class_size.least", "value": 1}, "class_size.least"),
    "parameter within a number": ({"kind": "parameter", "name": "spare_beds.max", "value": 1}, "spare_beds.max"),
    "value": ({"kind": "parameter", "name": "spare_beds", "value": "many"}, "spare_beds"),
    "unit": ({"kind": "unit_quota", "unit": "U99", "value": 1}, "U99"),
    "count": ({"kind": "more_batches", "count": 0}, "count"),
    "track": ({"kind": "more_classes", "batch": None, "track": "T9", "count": 1}, "T9"),
    "batch": ({"kind": "pin_batch", "cadre": "C01", "batch": "B99"}, "B99"),
    "class": ({"kind": "pin_class", "cadre": "C01", "class": "K99"}, "K99"),
    "cadre": ({"kind": "withdraw", "cadre": "C99"}, "C99"),
    "rule": ({"kind": "waiver", "rule": "R11", "subject": "K1#1"}, "R11"),
    "subject": ({"kind": "waiver", "rule": "R01", "subject": "U99@B01"}, "U99"),
    "subject of another shape": ({"kind": "waiver", "rule": "R01", "subject": "U1"}, "U1"),
    "demand": ({"kind": "drop_demand", "cadre": "C01", "field": "sex"}, "sex"),
    "pin": ({"kind": "drop_pin", "of": "batches", "subject": "C02"}, "C02"),
    "place": ({"kind": "close", "place": "room", "id": "P9", "from": "2027-03-01", "until": "2027-03-02"}, "P9"),
    "order": (
        {"kind": "close", "place": "base", "id": "P1", "from": "2027-03-02", "until": "2027-03-02"},
        "2027-03-02",
    ),
    "day": ({"kind": "close", "place": "base", "id": "P1", "from": "soon", "until": "2027-03-02"}, "soon"),
}


@pytest.mark.parametrize("name", UNKNOWN)
def test_apply_names_what_is_unknown(name: str) -> None:
    change, word = UNKNOWN[name]
    document = county()
    before = copy.deepcopy(document)
    with pytest.raises(InputError) as refusal:
        apply(document, [change])
    assert word in str(refusal.value)
    assert document == before


@pytest.mark.parametrize("change", [None, [], "close", {"kind": ["close"]}, {"kind": "close", "place": "base"}])
def test_say_refuses_what_it_cannot_read(change: Any) -> None:
    with pytest.raises(InputError):
        say(change)


def test_apply_at_county_size_keeps_the_instance() -> None:
    document = frozen("small-5")
    track = document["programme"]["tracks"][-1]["id"]
    changed = apply(document, [{"kind": "more_classes", "batch": None, "track": track, "count": 1}])
    assert len(changed["batches"][0]["classes"]) == len(document["batches"][0]["classes"]) + 1


@pytest.mark.parametrize(
    ("first", "until", "told"),
    [
        ("2027-03-01", "2027-03-08", "2027年3月1日至3月7日"),
        ("2027-12-30", "2028-01-03", "2027年12月30日至2028年1月2日"),
        ("2027-03-01", "2027-03-02", "2027年3月1日"),
    ],
)
def test_say_days_of_a_closure_without_the_year_twice(first: str, until: str, told: str) -> None:
    assert say({"kind": "close", "place": "base", "id": "P1", "from": first, "until": until}) == f"基地 P1 {told}停用"
