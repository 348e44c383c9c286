"""The methods by themselves, against counting by hand or by force."""

import itertools
import json
import random
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from batches.planning import solve as plan_of
from batches.planning import stage1_auction, stage1_flow, stage1_shared, stage4_income
from batches.planning.control import Control, Stopped
from batches.planning.places import House, houses_suffice
from batches.planning.problem import Problem, day_text, first_days
from batches.planning.stage1_batches import make_demand, measure, solve
from batches.planning.stage1_flow import Choices, Spots
from batches.planning.stage1_tracks import LEVELS, proven_levels
from batches.planning.stage2_case import closest_means
from batches.planning.stage4_households import Income, fairest
from batches.planning.stage4_income import Prospect, least_ranges
from batches.planning.stage4_roommates import arrange, bound, repeats
from bench.planning.generate import canonical, generate
from bench.planning.quality import lasting_incomes
from bench.planning.second import second_opinion

from .cases import frozen, tiny


def quiet() -> None:
    """A pulse that nobody listens to."""


def _by_force(groups: tuple[int, ...], ranges: tuple[tuple[int, int], ...]) -> bool:
    for owners in itertools.product(range(-1, len(groups)), repeat=len(ranges)):
        mine = [[ranges[h] for h in range(len(ranges)) if owners[h] == g] for g in range(len(groups))]
        if all(
            sum(low for low, _ in rows) <= n <= sum(high for _, high in rows)
            for n, rows in zip(groups, mine, strict=True)
        ):
            return True
    return False


def test_households_suffice_exactly_when_a_division_exists() -> None:
    rng = random.Random(7)
    answers = set()
    for _ in range(150):
        ranges = tuple(sorted((2, rng.choice([2, 3, 4])) for _ in range(rng.randint(1, 5))))
        groups = tuple(rng.randint(0, 9) for _ in range(rng.randint(1, 3)))
        answers.add(houses_suffice(groups, ranges))
        assert houses_suffice(groups, ranges) == _by_force(groups, ranges)
    assert answers == {True, False}


def test_one_person_alone_is_never_lodged() -> None:
    assert not houses_suffice((1, 6), ((2, 4), (2, 4), (2, 4)))
    assert houses_suffice((2, 6), ((2, 4), (2, 4), (2, 4)))


def test_households_are_given_out_at_the_least_squared_income() -> None:
    problem = Problem(tiny())
    income = Income(problem)
    names = sorted(income.beds)[:5]
    houses = [House(name, 2, income.beds[name], (("r", 4),)) for name in names if income.beds[name] >= 2]
    chosen = fairest(houses, 4, 3, income)
    assert chosen is not None
    assert [sum(n for _, n in side) for side in chosen] == [4, 3]
    best = min(
        sum(income.rise(h.id, abs(n)) for h, n in zip(houses, counts, strict=True) if n)
        for counts in itertools.product(range(-4, 5), repeat=len(houses))
        if sum(n for n in counts if n > 0) == 4
        and sum(-n for n in counts if n < 0) == 3
        and all(n == 0 or h.least <= abs(n) <= h.most for h, n in zip(houses, counts, strict=True))
    )
    assert np.isclose(sum(income.rise(h.id, n) for side in chosen for h, n in side), best)


def test_least_income_range_of_a_base_is_the_one_found_by_force() -> None:
    rng = random.Random(5)
    exact: list[bool] = []
    for _ in range(40):
        beds = [rng.choice([2, 3, 4]) for _ in range(rng.randint(2, 4))]
        history = [rng.choice([0, 0, 4, 6]) for _ in beds]
        steps = [sorted({g for v in range(4) for g in range(2 * v, n * v + 1)}) for n in beds]
        rows = [Prospect([(h + 2 * g) / n for g in row], row) for h, n, row in zip(history, beds, steps, strict=True)]
        others, guests = rng.choice([0, 0, 3]), rng.randint(0, sum(row[-1] for row in steps))
        ends = [
            [(h + 2 * g) / n for h, n, g in zip(history, beds, counts, strict=True)]
            for counts in itertools.product(*steps)
            if guests - others <= sum(counts) <= guests
        ]
        windows = least_ranges(rows, others, guests, 3)
        if ends:  # only sums are looked at: never more than the truth, and mostly the truth
            truth = min(max(row) - min(row) for row in ends)
            assert windows[0][1] - windows[0][0] <= truth + 1e-9
            exact.append(windows[0][1] - windows[0][0] > truth - 1e-9)
            assert windows == sorted(windows, key=lambda window: window[1] - window[0])
    assert sum(exact) >= 0.8 * len(exact) > 20


def test_households_earn_alike_once_the_year_is_known() -> None:
    document = frozen("small-4")
    plan = plan_of(document)
    levels = {row["level"]: row for row in plan["levels"]}
    assert levels["income_range"]["bound"] <= lasting_incomes(document, plan)["lasting_income_range"] <= 1.5
    assert levels["income_range_mean"]["bound"] <= levels["income_range_mean"]["value"]


def test_households_closed_at_times_are_drawn_near_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = {row["level"]: row["value"] for row in plan_of(frozen("small-2"))["levels"]}
    monkeypatch.setattr(stage4_income, "SPARE", 50.0)
    free = {row["level"]: row["value"] for row in plan_of(frozen("small-2"))["levels"]}
    assert drawn["income_range_mean"] < free["income_range_mean"] - 0.3


@pytest.mark.parametrize(
    ("people", "sizes", "most"),
    [
        (16, [[4, 4, 4, 4]] * 5, 0),
        (12, [[3, 3, 3, 3]] * 6, 8),
        (8, [[4, 4]] * 6, 46),
        (5, [[2, 3]] * 3, 2),
    ],
)
def test_room_mates_repeat_little(people: int, sizes: list[list[int]], most: int) -> None:
    plan = arrange(people, sizes, random.Random("x"))
    assert all(sorted(itertools.chain(*groups)) == list(range(people)) for groups in plan)
    assert [[len(group) for group in groups] for groups in plan] == sizes
    assert bound(people, sizes) <= repeats(people, plan) <= most


def test_flow_of_stage_1_agrees_with_the_linear_relaxation() -> None:
    for name in ("small-1", "small-4"):
        problem = Problem(frozen(name))
        places, _ = solve(problem, 1, Control())
        demand = make_demand(problem)
        counts: list[dict[int, int]] = []
        for group in demand.groups:
            seated = [places[person] for person in group.people if person in places]
            counts.append({place: seated.count(place) for place in set(seated)})
        assert proven_levels(demand, counts, Control()) == len(LEVELS)
        # a seating with one person fewer is not optimal, and the relaxation notices
        poorer = [dict(row) for row in counts]
        spot = next(i for i, row in enumerate(poorer) if row and not demand.groups[i].must)
        place = min(poorer[spot])
        poorer[spot][place] -= 1
        assert proven_levels(demand, poorer, Control()) < len(LEVELS)
        assert measure(problem, places)["must_unmet"] == 0


def test_flow_of_stage_1_does_not_trust_light_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    problem = Problem(frozen("small-1"))
    places, levels = solve(problem, 1, Control())
    seen: list[bool] = []
    cheapest = stage1_flow.is_cheapest

    def watched(*columns: np.ndarray) -> bool:
        seen.append(cheapest(*columns))
        return seen[-1]

    monkeypatch.setattr(stage1_flow, "is_cheapest", watched)
    monkeypatch.setattr(stage1_flow, "LIGHT", stage1_flow.Weights(1, 0, 1, 1))  # a batch earlier for every colleague
    other, again = solve(problem, 1, Control())
    assert seen == [False]
    assert measure(problem, other) == measure(problem, places)
    assert again == levels


def test_tracks_that_share_a_quota_are_proven_best_and_what_is_poorer_is_not() -> None:
    problem = Problem(frozen("small-5"))
    demand = make_demand(problem)
    seats = stage1_shared.arrays(demand)
    answer = stage1_shared.seated(seats, quiet)
    assert answer is not None
    found, proven = answer
    assert proven
    assert stage1_shared.is_best(seats, found)
    counts = stage1_shared.counts(seats, found.people, len(demand.groups))
    assert proven_levels(demand, counts, Control()) == len(LEVELS)
    rows = np.flatnonzero(found.people)
    for row in rows:  # whoever is left out, or is counted in another batch, is missed
        poorer = found.people.copy()
        poorer[row] -= 1
        assert not stage1_shared.is_best(seats, stage1_shared.Found(poorer, found.prices))
    tried = 0
    for row in np.flatnonzero((found.people == 0) & np.isin(seats.choices.group, seats.choices.group[rows])):
        other = rows[seats.choices.group[rows] == seats.choices.group[row]][0]
        if seats.rank[row] > seats.rank[other]:
            tried += 1
            later = found.people.copy()
            later[row], later[other] = 1, later[other] - 1
            assert not stage1_shared.is_best(seats, stage1_shared.Found(later, found.prices))
    assert tried


@pytest.mark.parametrize(
    ("seed", "variant"), [(11, ""), (12, "tight"), (13, "loose"), (14, "tight"), (26, "loose"), (30, ""), (33, "")]
)
def test_tracks_that_share_a_quota_agree_with_the_second_solver(seed: int, variant: str) -> None:
    document = json.loads(canonical(generate("small", seed, variant, True)))
    problem = Problem(document)
    demand = make_demand(problem)
    found = stage1_shared.solve(demand, quiet)
    assert found is not None
    assert found[1]  # the auction alone comes to the proof
    plan = plan_of(document, stages=(1,))
    assert all(row["gap"] == 0 for row in plan["levels"])
    assert all(abs(row["planner"] - row["other"]) < 0.01 for row in second_opinion(document, plan))


def test_tracks_of_a_county_are_proven_best() -> None:
    problem = Problem(json.loads(canonical(generate("county", 5, "", True))))
    demand = make_demand(problem)
    found = stage1_shared.solve(demand, quiet)
    assert found is not None
    assert found[1]
    assert stage1_shared.solve(make_demand(problem), quiet) == found


@pytest.mark.parametrize(("name", "value"), [("HEATS", 0), ("is_best", lambda *_: False)])
def test_tracks_are_proven_best_when_the_auction_does_not_come_to_an_end(
    monkeypatch: pytest.MonkeyPatch, name: str, value: Any
) -> None:
    problem = Problem(frozen("small-5"))
    _, levels = solve(problem, 1, Control())
    monkeypatch.setattr(stage1_shared, name, value)
    _, other = solve(problem, 1, Control())
    assert other == levels
    assert all(row["gap"] == 0 for row in levels)


def test_auction_is_stopped_between_two_heats(monkeypatch: pytest.MonkeyPatch) -> None:
    heats: list[str] = []

    def told(_: int, __: float, text: str) -> None:
        heats.extend([text] if "多班型共用名额" in text else [])

    monkeypatch.setattr(stage1_shared, "is_best", lambda *_: False)
    with pytest.raises(Stopped):
        solve(Problem(frozen("small-5")), 1, Control(told, lambda: len(heats) == 3))
    assert stage1_shared.HEATS > len(heats) == 3


@pytest.mark.parametrize(("people", "quota", "digit"), [(2_000_000, 2_000_000, 0), (1, 2**15 - 1, 2**49)])
def test_what_would_not_fit_64_bits_is_not_called_best(people: int, quota: int, digit: int) -> None:
    one, none = np.ones(1, dtype=np.int64), np.zeros(1, dtype=np.int64)
    seats = stage1_shared.Seats(
        Spots(["U1"], 1, none, quota * one, quota * one, none),
        Choices(none, none, none, none),
        people * one,
        none,
        np.array([[0, 1, 1, 0, 0]]),
        -one,
        none,
        people * one,
        people * one,
        1,
    )
    found = stage1_shared.Found(people * one, digit * seats.person * one)
    assert not stage1_shared.is_best(seats, found)


def test_auction_keeps_the_limits_of_units_and_empties_a_hub_that_nobody_can_pay() -> None:
    seats = stage1_shared.arrays(make_demand(Problem(frozen("small-5"))))
    units, hubs, _ = stage1_shared._market(seats)
    state = stage1_auction.opening(units, hubs, seats.tracks)
    batches = units.left.shape[1]
    unit = np.searchsorted(units.groups, np.arange(len(units.size)), side="right") - 1
    group = np.searchsorted(units.choices, np.arange(len(units.place)), side="right") - 1
    spot = unit[group] * batches + units.place
    for number, stiff in enumerate(stage1_shared._cooling(seats, quiet)):
        if number == 30:
            state.asked[0] = 1000 * hubs.beyond
            stiff = 2
        stage1_auction.auction(units, hubs, state, stiff)
        people = state.people
        assert (people >= 0).all()
        assert (state.load == np.bincount(units.hub, people)).all()
        assert (np.bincount(group, people) <= units.size).all()
        assert (np.bincount(spot, people) <= units.left.reshape(-1)[: spot.max() + 1]).all()
        led = np.bincount(spot, people * units.leading[group])
        assert (led <= units.leading_left.reshape(-1)[: len(led)]).all()
        if number == 30:
            break
        assert number < 3 or state.load[0] > 0
    assert state.load[0] == 0


def test_prices_whose_fractions_lie_close_together_are_rounded_the_same_way() -> None:
    parts = stage1_auction.PARTS
    asked = np.array([7.45, 3.5, 0.55, 2.0, 0.97, 0.0]) * parts
    assert stage1_shared._whole(asked.astype(np.int64)).tolist() in ([7, 3, 0, 2, 1, 0], [8, 4, 1, 2, 1, 0])


def test_first_days_keep_weekdays_weekends_holidays_and_the_batch() -> None:
    document = tiny(weeks=4)
    document["batches"][0].update(first_day="2027-04-28", last_day="2027-05-25")
    document["calendar"] = {"holidays": ["2027-05-01", "2027-05-02"], "working_weekend_days": ["2027-05-08"]}
    days = first_days(Problem(document), Problem(document).batches[0])
    told = {key: [day_text(day) for day in row] for key, row in days.items()}
    assert told["odd", 1] == []  # Thursday to Saturday meets 1 May; Sunday is a holiday itself
    assert told["even", 1] == ["2027-05-07", "2027-05-08", "2027-05-09"]  # Thursday has no weekend day that week
    assert told["odd", 2] == ["2027-05-13", "2027-05-14", "2027-05-15", "2027-05-16"]
    assert told["even", 2] == ["2027-05-20", "2027-05-21", "2027-05-22", "2027-05-23"]


@pytest.mark.parametrize("sizes", [(1,), (2, 3), (4, 4, 5), (3, 3, 3, 2), (1, 6)])
def test_means_are_bounded_by_the_closest_that_whole_numbers_have(sizes: tuple[int, ...]) -> None:
    for total in range(18):
        shares = itertools.product(range(total + 1), repeat=len(sizes) - 1)
        least = min(
            max(means) - min(means)
            for share in shares
            if sum(share) <= total
            for means in [[Fraction(n, size) for n, size in zip((*share, total - sum(share)), sizes, strict=True)]]
        )
        assert closest_means(sizes, total) == least
