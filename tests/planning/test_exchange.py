"""Gatherings exchanged where a base that each of them fills would leave its households far apart."""

from typing import Any

import pytest

from batches.planning import canonical, solve
from batches.planning.control import Control, Stopped
from batches.planning.places import Part, places_of
from batches.planning.problem import Problem, day_number, sex_counts
from batches.planning.stage3_exchange import Exchanged, Gatherings, exchange
from batches.planning.stage3_options import Option

from .cases import broken, reduced, tiny

FULL, SMALL = 10, 8
Held = dict[tuple[str, int], tuple[str, str]]
VISITS: Held = {
    ("B01-K01", 1): ("P1", "2027-03-12"),
    ("B01-K01", 2): ("P4", "2027-03-26"),
    ("B01-K02", 1): ("P3", "2027-03-19"),
    ("B01-K02", 2): ("P5", "2027-04-02"),
}


def _county(near: bool = False, beds: tuple[int, ...] = (2, 4, 5)) -> dict[str, Any]:
    """Five bases that ten people fill to the last bed but the spare one; those of P1 begin 2.5 nights a bed apart.

    `near`: P2 is its neighbour, all others are by themselves, and only the gathering at P1 is not pinned.
    """
    document = tiny()
    document["other_uses"] = []
    for number, base in enumerate(document["bases"], 1):
        name = f"P{number}"
        base.update(id=name, village=f"V{number}", closed=[], declared_capacity=20, routes=[f"R{number}"])
        base["position_km"] = [10.0 * number, 0.0]
        base["households"] = [
            {"id": f"{name}-H{n}", "closed": [], "rooms": [{"id": f"{name}-H{n}-R1", "beds": count, "closed": []}]}
            for n, count in enumerate(beds, 1)
        ]
    if near:
        document["bases"][1].update(routes=["R1"], position_km=[11.0, 0.0])
        document["pins"]["gatherings"] = [
            {"class": name, "index": index, "first_day": day, "bases": [base]}
            for (name, index), (base, day) in VISITS.items()
            if base != "P1"
        ]
    document["history"] = {"bases": [], "households": [{"household": "P1-H1", "bed_nights": 5}]}
    return document


def _people(problem: Problem, second: int = SMALL, first: int = FULL) -> dict[str, list[str]]:
    men = sorted(name for name, cadre in problem.by_id.items() if cadre.sex == "M")
    return {"B01-K01": men[:first], "B01-K02": men[first : first + second]}


def _held(problem: Problem, members: dict[str, list[str]], visits: Held = VISITS) -> list[Option]:
    places = places_of(problem)
    return [
        Option(name, index, day_number(day), places.site((base,)), (Part(base, *sex_counts(problem, members[name])),))
        for (name, index), (base, day) in visits.items()
    ]


def _exchanged(
    document: dict[str, Any], second: int = SMALL, visits: Held = VISITS, first: int = FULL
) -> tuple[Gatherings, Exchanged]:
    """The gatherings as they were, and what is exchanged of them."""
    problem = Problem(document)
    members = _people(problem, second, first)
    held = _held(problem, members, visits)
    return Gatherings(problem, members, held, 1, Control()), exchange(problem, members, held, 1, Control())


def _after(year: Gatherings, found: Exchanged) -> tuple[float, float]:
    """(how far apart the households of P1 end, load of the fullest base) with what was exchanged."""
    change = {(option.klass, option.index): option for option in found.held}
    assert change
    for key, option in change.items():
        assert option.first == year.held[key].first
        assert option.people == year.held[key].people
    year.take(change)
    return year._ends("P1", {}), max(year.load[b] / year.places.beds[b] for b in year.places.able())


def test_a_full_base_leaves_its_households_as_far_apart_as_they_were() -> None:
    year, _ = _exchanged(_county())
    assert year.limit == 1.5
    assert year.far_apart("P1")
    assert year._ends("P1", {}) == 2.5


def test_a_gathering_is_divided_with_a_neighbour() -> None:
    year, found = _exchanged(_county(near=True), second=FULL)
    (option,) = found.held
    assert (option.klass, option.index) == ("B01-K01", 1)
    assert sorted(option.site.bases) == ["P1", "P2"]
    assert found.km == pytest.approx(option.site.km - 20.0, abs=0.001)
    assert found.km > 0
    peak = year.peak
    apart, after = _after(year, found)
    assert apart <= 1.5
    assert after <= peak


def test_a_smaller_class_comes_in_the_place_of_another() -> None:
    year, found = _exchanged(_county())
    at = {(option.klass, option.index): option.site.bases for option in found.held}
    assert at.keys() & {("B01-K02", 1), ("B01-K02", 2)} != set()
    assert ("P1",) in at.values()
    peak = year.peak
    apart, after = _after(year, found)
    assert apart <= 1.5
    assert after <= peak


def test_a_smaller_class_comes_by_itself_where_the_load_allows() -> None:
    document = _county()
    document["history"]["bases"] = [{"base": "P5", "person_days": 500}]
    year, found = _exchanged(document)
    assert [(option.klass, option.site.bases) for option in found.held] == [("B01-K02", ("P1",))]
    assert _after(year, found)[0] <= 1.5


def test_a_full_base_whose_households_begin_alike_is_relieved_where_they_end_apart() -> None:
    """Of four guests two are in each household, so that three beds always earn less than two; by sums they need not."""
    document = _county(beds=(2, 3))
    document["history"] = {
        "bases": [{"base": "P5", "person_days": 500}],
        "households": [{"household": "P1-H1", "bed_nights": 2}],
    }
    visits = VISITS | {("B01-K01", 2): ("P1", "2027-03-26")}
    year, found = _exchanged(document, second=2, visits=visits, first=4)
    assert year._suffices("P1", {})
    assert year._ends("P1", {}) == pytest.approx(1 + 2 * 2 / 3)
    assert ("P1",) in [option.site.bases for option in found.held]
    assert _after(year, found)[0] <= 1.5


def _with_a_party(full: int) -> tuple[float, float, list[Option]]:
    """How far apart the households of P1 end without and with what is exchanged, and the gatherings in their new places: P1
    has so many gatherings of nine people, and two people of another class, whose others are with its neighbour P2."""
    document = _county(near=True)
    document["pins"]["gatherings"] = []
    document["history"]["bases"] = [{"base": "P5", "person_days": 500}]
    document["programme"]["min_distinct_villages"] = 1
    problem = Problem(document)
    places, day = places_of(problem), day_number("2027-03-05")
    people = _people(problem, FULL - 1, FULL - 1)
    alone, shared = places.site(("P1",)), places.site(("P1", "P2"))
    held = [Option("B01-K01", n, day + 4 * n, alone, (Part("P1", FULL - 1, 0),)) for n in range(1, full + 1)]
    held.append(Option("B01-K02", 1, day, shared, (Part("P1", 2, 0), Part("P2", FULL - 3, 0))))
    year = Gatherings(problem, people, held, 1, Control())
    before = year._ends("P1", {})
    found = exchange(problem, people, held, 1, Control())
    year.take({(option.klass, option.index): option for option in found.held})
    return before, year._ends("P1", {}), found.held


def test_a_party_of_two_there_already_does_not_stand_in_the_way() -> None:
    before, after, moved = _with_a_party(3)
    assert before > 1.5
    assert after <= 1.5
    assert [len(option.parts) for option in moved] == [2]


def test_gatherings_are_exchanged_one_after_another_until_it_is_enough_or_not_at_all() -> None:
    before, after, moved = _with_a_party(4)
    assert before > 1.5
    assert after <= 1.5
    assert len(moved) == 3
    before, after, moved = _with_a_party(10)  # not within reach
    assert before == after
    assert moved == []


def test_bases_far_apart_are_looked_at_one_after_another() -> None:
    """What helps one may help the next, or take its only gathering away."""
    document = _county(near=True)
    document["history"]["households"].append({"household": "P2-H1", "bed_nights": 5})
    year, found = _exchanged(document, second=FULL)
    (option,) = found.held  # P2 takes half of the class of P1, which is enough for both
    assert sorted(option.site.bases) == ["P1", "P2"]
    document = _county()
    document["history"]["households"].append({"household": "P3-H1", "bed_nights": 5})
    document["history"]["bases"] = [{"base": "P5", "person_days": 500}]
    document["bases"][2]["households"][2]["rooms"][0]["beds"] = 3  # the smaller class fills P3
    year, found = _exchanged(document)
    assert year.far_apart("P1")
    assert year.far_apart("P3")
    assert [(option.klass, option.site.bases) for option in found.held] == [
        ("B01-K02", ("P1",))
    ]  # nobody is left at P3


def test_exchanges_stop_when_asked() -> None:
    problem = Problem(_county(near=True))
    members = _people(problem)
    with pytest.raises(Stopped):
        exchange(problem, members, _held(problem, members), 1, Control(should_stop=lambda: True))


def test_nobody_is_sent_where_nothing_can_be_gained() -> None:
    year, found = _exchanged(_county(), second=FULL)  # no smaller class, no neighbour
    assert year.far_apart("P1")
    assert found == Exchanged()


def test_households_that_come_closer_by_themselves_are_left_alone() -> None:
    visits = VISITS | {("B01-K01", 1): ("P3", "2027-03-12"), ("B01-K02", 1): ("P1", "2027-03-19")}
    year, found = _exchanged(_county(near=True), visits=visits)  # the smaller class is there already
    assert not year.far_apart("P1")
    assert found == Exchanged()


def test_what_is_pinned_stays() -> None:
    document = _county(near=True)
    free = _exchanged(document, second=FULL)[1]
    pin = {"class": "B01-K01", "index": 1, "first_day": "2027-03-12", "bases": ["P1"]}
    document["pins"]["gatherings"].append(pin)
    assert free.held
    assert _exchanged(document, second=FULL)[1] == Exchanged()


def test_a_base_is_not_filled_twice_on_a_day_nor_above_the_peak() -> None:
    document = _county(near=True)
    document["history"]["bases"] = [{"base": "P5", "person_days": 500}]  # the fullest of all
    assert _exchanged(document, second=FULL)[1].held
    taken = VISITS | {("B01-K02", 1): ("P2", "2027-03-12")}
    assert _exchanged(document, second=FULL, visits=taken)[1] == Exchanged()
    document["history"]["bases"] = [{"base": "P2", "person_days": 500}]
    assert _exchanged(document, second=FULL)[1] == Exchanged()


def test_the_shortest_way_is_taken() -> None:
    document = _county(near=True)
    document["bases"][2].update(routes=["R1"], position_km=[15.0, 0.0])  # P3 is a neighbour too, but farther off
    (option,) = _exchanged(document, second=FULL)[1].held
    assert sorted(option.site.bases) == ["P1", "P2"]


def test_households_of_other_bases_do_not_pay_for_it() -> None:
    document = _county(near=True)
    document["bases"][1]["households"][2]["closed"] = [["2027-03-10", "2027-03-20"]]  # H1 and H2 take all five who come
    document["history"]["households"].append({"household": "P2-H1", "bed_nights": 3})
    year, found = _exchanged(document, second=FULL)
    assert year._ends("P2", {}) == 1.5
    change = {(option.klass, option.index): option for option in found.held}
    assert change
    assert year._ends("P2", change) <= 1.5  # fewer than half of the class: five would leave them two nights apart


def test_gatherings_of_a_plan_before_are_left_where_they_are() -> None:
    document = _county(near=True)
    document["previous"] = {"plan_fingerprint": "0" * 64, "assignments": [], "gatherings": [], "lodging": []}
    assert _exchanged(document, second=FULL)[1] == Exchanged()


def test_a_class_sees_as_many_villages_as_before() -> None:
    document = _county(near=True)
    document["bases"][1]["village"] = "V4"  # where the class goes next
    assert _exchanged(document, second=FULL)[1] == Exchanged()


def filled() -> dict[str, Any]:
    """A county whose every gathering fills its base, all near one another, at no round distances."""
    document = _county()
    document["programme"]["class_size"] = {"min": 10, "target": 10, "max": 10}
    for number, base in enumerate(document["bases"]):
        base.update(routes=["R1"], position_km=[10.137 + 1.071 * number, 0.383 * number])
    rows = [{"household": f"{base['id']}-H1", "bed_nights": 5} for base in document["bases"]]
    document["history"]["households"] = rows
    return document


def test_a_plan_with_exchanges_is_whole_and_the_same_by_every_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("batches.planning.places.FEW_BASES", 0)  # else stage 3 divides classes by itself
    document = filled()
    plan = solve(document)
    assert broken(document, plan) == []
    levels = {row["level"]: row for row in plan["levels"]}
    assert levels["income_range"]["value"] <= 1.5
    assert all(row["bound"] is None or row["bound"] <= row["value"] for row in levels.values() if row["stage"] == 3)
    assert any(len(row.get("sites", ())) == 2 for row in plan["gatherings"])
    assert canonical(solve(document)) == canonical(plan)
    document["previous"] = reduced(plan)
    again = solve(document)
    stood = [row for row in plan["gatherings"] if "sites" in row]
    assert [row for row in again["gatherings"] if row in stood] == stood
