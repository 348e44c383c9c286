"""The peak load where most gatherings need two bases: it is found by counting visits, not by searching for them."""

import itertools

from batches.planning.control import Control
from batches.planning.places import Places
from batches.planning.problem import Problem, first_days, sex_counts
from batches.planning.stage3_itinerary import plan_batch
from batches.planning.stage3_model import Round
from batches.planning.stage3_options import LEAST_SHARE, Chooser, Stays
from batches.planning.stage3_visits import Visits, offers_of

from .cases import frozen

SIZE = 40


def _tight() -> Problem:
    """A county whose bases have lost a third of their households, so that few can take a class alone."""
    document = frozen("county-1")
    for base in document["bases"]:
        base["households"] = [house for number, house in enumerate(base["households"]) if number % 3]
        beds = sum(room["beds"] for house in base["households"] for room in house["rooms"])
        base["declared_capacity"] = min(base["declared_capacity"], beds)
    kept = {house["id"] for base in document["bases"] for house in base["households"]}
    history = document["history"]
    history["households"] = [row for row in history["households"] if row["household"] in kept]
    return Problem(document)


def _members(problem: Problem) -> dict[str, list[str]]:
    """People of the first batch's classes, whoever they are."""
    names = sorted(problem.by_id)
    classes = problem.batches[0].classes
    return {klass.id: names[n * SIZE : (n + 1) * SIZE] for n, klass in enumerate(classes)}


def _round(problem: Problem, load: dict[str, int] | None = None) -> Round:
    """The classes of the first batch, with what they may choose from when the bases carry a load."""
    places = Places(problem)
    batch, members = problem.batches[0], _members(problem)
    chooser = Chooser(problem, places, {name: sex_counts(problem, row) for name, row in members.items()}, members)
    stays = Stays(problem, {base: (load or {}).get(base, 0) for base in places.rows})
    slots = chooser.slots(batch, list(batch.classes), first_days(problem, batch), stays)
    return Round(problem, places, slots, stays.load, {})


def test_peak_is_near_its_bound_where_classes_need_two_bases() -> None:
    problem = _tight()
    places = Places(problem)
    found = plan_batch(problem, problem.batches[0], _members(problem), [], 1, Control())
    held = list(found.held.values())
    load = dict(places.history)
    for part in (part for option in held for part in option.parts):
        load[part.base] = load.get(part.base, 0) + part.people * problem.days
    peak = max(load[base] / places.beds[base] for base in load)
    assert sum(len(option.parts) == 2 for option in held) > len(held) / 2
    assert found.totals.peak_bound <= peak + 1e-4
    assert peak <= 1.05 * found.totals.peak_bound


def test_peak_counted_is_that_of_the_visits_counted() -> None:
    round_ = _round(_tight())
    visits = Visits(round_, 30, offers_of(round_))
    low = visits.least_peak(0.0)
    assert low.times is not None
    assert sum(low.times.values()) == 30
    assert low.bound <= low.value == visits.peak_of(low.times)
    halved = Visits(round_, 30, offers_of(round_)).lowest_peak(low.bound / 2, lambda: None)
    assert halved.times is not None
    assert sum(halved.times.values()) == 30
    assert low.bound - 1e-6 <= halved.value <= low.value
    assert halved.value - 2e-4 <= halved.bound <= halved.value
    visits.hold_peak(low.value)
    near = visits.least_km(0)
    visits.hold_peak(2 * low.value)
    far = visits.least_km(0)
    assert near.times is not None
    assert visits.peak_of(near.times) <= low.value + 1e-6
    assert near.bound <= near.value
    assert far.value <= 1.001 * near.value


def test_emptier_of_two_bases_takes_more_of_a_class_but_not_all() -> None:
    problem = _tight()
    even = next(option for option in _round(problem).options if len(option.parts) == 2)
    one, two = (part.base for part in even.parts)
    tilted = _round(problem, {one: 10_000})
    shares = [
        {part.base: part.people for part in option.parts}
        for option in tilted.options
        if (option.klass, option.site) == (even.klass, even.site)
    ]
    assert shares
    assert all(share[one] < even.parts[0].people for share in shares)
    assert all(share[one] >= LEAST_SHARE * SIZE - 6 and share[one] + share[two] == SIZE for share in shares)


def test_base_whose_households_cannot_take_a_class_is_paired_with_its_neighbour() -> None:
    document = frozen("county-1")
    sites = Places(Problem(document)).sites([], 1)
    assert all(len(site.bases) == 1 for site in sites)  # nobody needs two bases
    one, two = next(
        site.bases for site in Places(Problem(document)).sites([], 1000) if len(site.bases) == 2
    )  # everybody does
    for base in document["bases"]:
        rooms = [{**base["households"][0]["rooms"][0], "beds": 6}]
        base["households"] = [{**base["households"][0], "id": f"{base['id']}H{n}", "rooms": rooms} for n in range(8)]
        base["declared_capacity"] = 60
    problem = Problem(document)
    places = Places(problem)
    assert problem.group_max == 4
    assert places.beds[one] == 48
    assert places.holds(one) == 32  # eight households of at most four guests, however many beds they have
    assert (one, two) in {site.bases for site in places.sites([], SIZE)}


def test_any_two_neighbours_share_a_class_where_few_bases_are_all_large_enough() -> None:
    places = Places(Problem(frozen("small-3")))
    near = {pair for pair in itertools.combinations(places.able(), 2) if places._neighbours(*pair)}
    largest = min(places.holds(base) for base in places.able())
    assert near
    assert {tuple(sorted(s.bases)) for s in places.sites([], largest) if len(s.bases) == 2} == near
    needed = {tuple(sorted(site.bases)) for site in places.sites([], largest + 1) if len(site.bases) == 2}
    assert set() < needed < near  # now one is too small: those that need a second, and no others
