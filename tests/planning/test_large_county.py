"""A county with more bases than one model looks at: what it is offered, and bounds that hold for all bases."""

from datetime import date

from batches.planning import solve
from batches.planning.checker import check, violations
from batches.planning.places import places_of
from batches.planning.problem import Klass, Problem, first_days
from batches.planning.stage3_bounds import forced_skips, least_peak, poured
from batches.planning.stage3_itinerary import group_classes
from batches.planning.stage3_options import MOST_BASES, Chooser, Slot, Stays

from . import tiny
from .cases import frozen, plan_of

FRIDAY = date(2027, 3, 5).toordinal()


def _large() -> dict:
    """A small county, its bases well used, with many of two beds more, which no class fits into and nobody has used."""
    document = frozen("small-1")
    used = [row["id"] for row in document["bases"]]
    rooms = document["bases"][0]["households"][0]["rooms"][:1]
    for number in range(MOST_BASES + 5):
        name = f"Q{number:02d}"
        house = {"id": f"{name}-H1", "closed": [], "rooms": [{**rooms[0], "id": f"{name}-H1-R1", "beds": 2}]}
        row = {**document["bases"][0], "id": name, "village": f"W{number:02d}", "declared_capacity": 4, "routes": []}
        document["bases"].append({**row, "households": [house]})
    document["history"]["bases"] = [{"base": name, "person_days": 40} for name in used]
    return document


def _slot(name: str, first_days: tuple[int, ...]) -> Slot:
    return Slot(Klass(name, "odd", "T1", ("S1",)), 1, first_days)


def test_unused_bases_too_small_for_a_class_do_not_crowd_out_those_that_take_it() -> None:
    document = _large()
    plan = solve(document, stages=(1, 2, 3))
    usual = plan_of("small-1")
    assert {row.get("skipped") for row in plan["gatherings"]} == {row.get("skipped") for row in usual["gatherings"]}
    assert not violations(check(document, plan))


def test_base_that_takes_a_class_by_way_of_exceptions_is_offered_to_it() -> None:
    document = _large()
    base = next(row for row in document["bases"] if row["id"] == "Q00")
    house, klass = base["households"][0], document["batches"][0]["classes"][0]
    names = [f"Q00-H{number}" for number in range(1, 5)]
    base["households"] = [{**house, "id": name, "rooms": [{**house["rooms"][0], "id": f"{name}-R1"}]} for name in names]
    for row in base["households"]:
        row["rooms"][0]["beds"] = 6
    base["declared_capacity"] = 30
    offered = []
    for granted in ([], names):
        document["waivers"] = [
            {"rule": "R16", "subject": f"{name}:{klass['id']}#1", "reason": "抢险", "approver": "部务会"}
            for name in granted
        ]
        problem = Problem(document)
        batch, people = problem.batches[0], {row["id"]: (10, 10) for row in document["batches"][0]["classes"]}
        places = places_of(problem)
        chooser, stays = Chooser(problem, places, people), Stays(problem, {b: places.history[b] for b in places.rows})
        slots = chooser.slots(batch, list(batch.classes), first_days(problem, batch), stays)
        offered.append({(o.klass, o.index) for slot in slots for o in slot.options if o.site.bases == ("Q00",)})
    assert offered == [set(), {(klass["id"], 1)}]


def test_peak_of_a_large_county_is_not_called_lower_than_poured_over_the_bases_that_can_take_its_classes() -> None:
    document = _large()
    plan = solve(document, stages=(1, 2, 3))
    level = next(row for row in plan["levels"] if row["level"] == "max_load")
    beds = {row["id"]: sum(r["beds"] for h in row["households"] for r in h["rooms"]) for row in document["bases"]}
    beds = {name: most for name, most in beds.items() if not name.startswith("Q")}
    new = 3 * sum(site["people"] for row in plan["gatherings"] for site in row.get("sites", ()))
    history = {row["base"]: row["person_days"] for row in document["history"]["bases"]}
    assert level["bound"] >= round(poured([(history.get(b, 0), n) for b, n in beds.items()], new), 4) - 1e-4
    assert level["bound"] <= level["value"]


def test_poured_load_fills_the_lowest_first() -> None:
    assert poured([(0, 10), (30, 10)], 20) == 2.0
    assert poured([(0, 10), (30, 10)], 50) == 4.0
    assert poured([(5, 10)], 0) == 0.0


def test_least_peak_pours_large_classes_where_they_fit_and_small_ones_anywhere() -> None:
    document = _large()
    places = places_of(Problem(document))
    largest = places.largest_classes()
    assert largest["Q00"] == 1  # of two beds one is kept spare
    most = max(largest.values())
    able = [name for name, size in largest.items() if size == most]
    over_able = poured([(places.history[name], places.beds[name]) for name in able], 900)
    everywhere = poured([(places.history[name], places.beds[name]) for name in largest], 930)
    assert everywhere < over_able
    assert least_peak(places, {most: 900}) == least_peak(places, {most: 900, 1: 30}) == over_able
    assert least_peak(places, {1: 930}) == everywhere
    assert least_peak(places, {}) == 0.0


def test_gatherings_whose_staff_are_elsewhere_on_every_day_are_skipped_of_necessity() -> None:
    assert forced_skips([_slot("K1", (FRIDAY,)), _slot("K3", (FRIDAY + 1,))], 3, 1)[0] == 1
    assert forced_skips([_slot("K1", (FRIDAY, FRIDAY + 3)), _slot("K3", (FRIDAY + 1,))], 3, 1)[0] == 1
    assert forced_skips([_slot("K1", (FRIDAY, FRIDAY + 4)), _slot("K3", (FRIDAY + 1,))], 3, 1)[0] == 0
    assert forced_skips([_slot("K1", ())], 3, 1) == (1, [0])


def test_classes_that_share_staff_are_planned_together() -> None:
    document = tiny.make_input()
    batch = document["batches"][0]
    batch["classes"] = [tiny.klass(number, "T1") for number in range(1, 9)]
    batch["classes"][7]["staff"] = ["S1"]
    groups = group_classes(Problem(document).batches[0], 3)
    assert sorted(klass.id for group in groups for klass in group) == [f"K{number}" for number in range(1, 9)]
    assert max(map(len, groups)) <= 3
    assert any({"K1", "K8"} <= {klass.id for klass in group} for group in groups)
