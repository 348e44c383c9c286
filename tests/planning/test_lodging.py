"""Stage 4 by itself: households that earn alike over the year, and bounds of room-mates against force."""

import itertools
import random

import pytest

from batches.planning.formats import Document
from batches.planning.places import Part, Site, places_of
from batches.planning.problem import Problem, day_number
from batches.planning.stage3_options import Option
from batches.planning.stage4_households import Given, Income, Stay, Year, give_out
from batches.planning.stage4_income import even_out
from batches.planning.stage4_roommates import bound

from .cases import tiny

# beds of a household, and whether it is closed at times
HOUSES = [(n, False) for n in (2, 2, 2, 2, 4, 4, 3, 2, 2, 2, 2)] + [(3, True), (3, True), (3, True), (2, True)]
GUESTS = [(17, 19), (17, 19), (16, 20), (17, 19), (17, 19), (17, 19), (16, 20), (16, 19), (16, 20), (17, 19)]


def _base(houses: list[tuple[int, bool]], nights: dict[int, int]) -> Document:
    """The tiny county with such households at P1, numbered from 1, and the nights they have had."""
    document: Document = tiny()
    document["history"]["households"] = [{"household": f"P1-H{n:02d}", "bed_nights": k} for n, k in nights.items()]
    document["bases"][0].update(
        id="P1",
        closed=[],
        declared_capacity=40,
        households=[
            {
                "id": f"P1-H{number:02d}",
                "closed": [["2029-01-01", "2029-02-01"]] if closed else [],
                "rooms": [{"id": f"P1-H{number:02d}-R1", "beds": beds, "closed": []}],
            }
            for number, (beds, closed) in enumerate(houses, 1)
        ],
    )
    return document


def _visits(guests: list[tuple[int, int]]) -> list[list[Stay]]:
    """One gathering a week at P1."""
    first = day_number("2027-03-05")
    site = Site(("P1",), 0.0, frozenset(), frozenset())
    return [
        [Stay(Option("K1", week + 1, first + 7 * week, site, (Part("P1", men, women),)), "P1", men, women)]
        for week, (men, women) in enumerate(guests)
    ]


def _earned(problem: Problem, given: list[Given]) -> dict[str, int]:
    income = Income(problem, "P1")
    for stays in given:
        for men, women in stays:
            income.add(men)
            income.add(women)
    return dict(income.nights)


def _range(income: Income, houses: list[tuple[int, bool]]) -> float:
    earned = [income.per_bed(f"P1-H{n:02d}") for n, (_, closed) in enumerate(houses, 1) if not closed]
    return max(earned) - min(earned)


def test_households_of_two_beds_come_near_the_others_where_the_aim_lies_near_what_a_bed_earns() -> None:
    nights = dict.fromkeys(range(1, 16), 1) | {5: 2, 15: 0}
    problem = Problem(_base(HOUSES, nights))
    places, meetings, income = places_of(problem), _visits(GUESTS), Income(problem, "P1")
    given = [give_out(places, income, stays) for stays in meetings]
    assert _range(income, HOUSES) == 2.0
    least = even_out(Year(places, income, meetings, given, [True] * len(given)), problem, 1)
    assert least <= _range(income, HOUSES) <= 1.5
    assert _earned(problem, given) == dict(income.nights)
    for (stay,), ((men, women),) in zip(meetings, given, strict=True):
        assert (sum(n for _, n in men), sum(n for _, n in women)) == (stay.men, stay.women)
        assert len({house.id for house, _ in [*men, *women]}) == len(men) + len(women)


def test_households_come_near_each_other_when_no_gathering_by_itself_brings_them_closer() -> None:
    houses = [(n, False) for n in (3, 4, 4, 4, 4, 2, 2, 2, 2)]
    few, many = (5, 5), (14, 13)
    guests = [*[few] * 10, (15, 12), many, many, *[few] * 4, many, many, *[few] * 9]
    problem = Problem(_base(houses, {}))
    places, meetings = places_of(problem), _visits(guests)
    results = []
    for free in ([True] * 28, [False] * 2 + [True] * 26):
        income = Income(problem, "P1")
        given = [give_out(places, income, stays) for stays in meetings]
        first = given[:2]
        assert even_out(Year(places, income, meetings, given, free), problem, 1) == 1.5
        assert _earned(problem, given) == dict(income.nights)
        for (stay,), ((men, women),) in zip(meetings, given, strict=True):
            assert (sum(n for _, n in men), sum(n for _, n in women)) == (stay.men, stay.women)
            assert all(house.least <= n <= house.most for house, n in [*men, *women])
            assert len({house.id for house, _ in [*men, *women]}) == len(men) + len(women)
        assert all(free[:2]) or given[:2] == first
        results.append(_range(income, houses))
    assert results == [1.5, 1.5]


def test_beds_that_are_kept_stay_when_households_are_evened_out() -> None:
    nights = {1: 30}
    problem = Problem(_base(HOUSES, nights))
    places, meetings = places_of(problem), _visits([(6, 6)] * 8)
    uneven = Income(problem, "P1")
    uneven.nights.update({"P1-H01": 200, "P1-H02": 100})  # given out as if these two had earned more than they have
    given = [give_out(places, uneven, stays) for stays in meetings]
    before = list(given)
    results = []
    for free in ([True] * 8, [False, True] * 4, [False] * 8):
        income, now = Income(problem, "P1"), list(before)
        for stays in before:
            for men, women in stays:
                income.add(men)
                income.add(women)
        even_out(Year(places, income, meetings, now, free), problem, 1)
        kept = [one == two for one, two in zip(before, now, strict=True)]
        assert all(same for same, may_change in zip(kept, free, strict=True) if not may_change)
        assert all(kept) == (not any(free))
        assert _earned(problem, now) == dict(income.nights)
        results.append(_range(income, HOUSES))
    assert results[0] < results[2]


def _least_by_force(people: int, sizes: list[list[int]]) -> int:
    """The fewest repeats over all ways to lodge them."""

    def splits(left: tuple[int, ...], row: list[int]) -> list[frozenset[tuple[int, int]]]:
        if not row:
            return [frozenset()]
        result = []
        for group in itertools.combinations(left, row[0]):
            rest = tuple(p for p in left if p not in group)
            result += [frozenset(itertools.combinations(group, 2)) | other for other in splits(rest, row[1:])]
        return result

    ways = [sorted(set(splits(tuple(range(people)), row)), key=sorted) for row in sizes]
    ways[0] = ways[0][:1]  # the people are alike
    return min(sum(map(len, plan)) - len(frozenset().union(*plan)) for plan in itertools.product(*ways))


def test_bound_of_room_mates_is_never_more_than_the_truth_and_mostly_the_truth() -> None:
    rng = random.Random(3)
    exact = []
    for _ in range(40):
        people = rng.choice([4, 5, 6])
        rows = {4: [[2, 2], [4]], 5: [[2, 3], [3, 2]], 6: [[3, 3], [2, 4], [2, 2, 2]]}[people]
        sizes = [rng.choice(rows) for _ in range(rng.choice([2, 3]))]
        truth = _least_by_force(people, sizes)
        assert bound(people, sizes) <= truth
        exact.append(bound(people, sizes) == truth)
    assert sum(exact) >= 0.8 * len(exact)


@pytest.mark.parametrize(
    ("people", "sizes", "least"),
    [
        (12, [[3, 2, 3, 2, 2], [2, 3, 2, 2, 3], [3, 3, 4, 2], [4, 4, 4]], 1),  # four people over three households
        (10, [[3, 4, 3], [4, 3, 3], [3, 2, 2, 3], [3, 3, 4]], 2),
        (8, [[4, 4]] * 6, 44),  # more pairs than there are
        (6, [[2, 2, 2]] * 3, 0),
        (5, [], 0),
    ],
)
def test_bound_of_room_mates_counts_what_gatherings_must_have_in_common(
    people: int, sizes: list[list[int]], least: int
) -> None:
    assert bound(people, sizes) == least
