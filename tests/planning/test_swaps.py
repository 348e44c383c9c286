"""Swaps of stage 2: no hard rule is broken that was kept before, and nothing gets worse."""

import random
import threading
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from batches.planning import stage2_anneal, stage2_swaps
from batches.planning.control import Stopped
from batches.planning.stage2_anneal import Weights, broken, cost
from batches.planning.stage2_case import Case, Seats
from batches.planning.stage2_tree import split_batch

from .cases import SMALL
from .seating import broken_rules, case_of, shuffled

SOME = [name for name in SMALL if name in ("small-1", "small-4", "small-5")]


def _cases() -> list[Case]:
    return [case_of(name, number) for name in SOME for number in (0, 1)]


@pytest.fixture(scope="module")
def split_cases() -> list[tuple[Case, Seats]]:
    return [(case, split_batch(case, 1, lambda: None)) for case in _cases()]


def _value(case: Case, seats: Seats) -> tuple[int, int, int]:
    return (case.lonely(seats), *case.excess(seats))


@settings(max_examples=15, deadline=None)
@given(which=st.integers(0, 5), seed=st.integers(1, 10**6), swaps=st.sampled_from([20, 2000]))
def test_swaps_of_a_lawful_plan_keep_every_hard_rule_and_worsen_nothing(
    split_cases: list[tuple[Case, Seats]], which: int, seed: int, swaps: int
) -> None:
    case, seats = split_cases[which]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stage2_swaps, "SWAPS", swaps)
        patch.setattr(stage2_swaps, "LEAST", 0)
        swapped = stage2_swaps.swap(case, seats, seed, lambda: None)
    assert not broken_rules(case, seats)
    assert not broken_rules(case, swapped)
    assert Counter(swapped.values()) == Counter(seats.values())
    assert swapped.keys() == seats.keys()
    assert _value(case, swapped) <= _value(case, seats)


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(1, 10**6))
def test_swaps_of_a_broken_plan_break_no_rule_further(split_cases: list[tuple[Case, Seats]], seed: int) -> None:
    case = split_cases[seed % len(split_cases)][0]
    seats = shuffled(case, random.Random(seed))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stage2_swaps, "SWAPS", 2000)
        patch.setattr(stage2_swaps, "LEAST", 0)
        swapped = stage2_swaps.swap(case, seats, seed, lambda: None)
    before, after = broken_rules(case, seats), broken_rules(case, swapped)
    assert not [rule for rule in after if rule[0] in ("track", "parity") and rule not in before]
    for rule in ("R02", "R03"):
        assert sum(n for name, n in after.items() if name[0] == rule) <= sum(
            n for name, n in before.items() if name[0] == rule
        )
    assert case.excess(swapped) < case.excess(seats)


def test_swaps_leave_pinned_people_where_they_are() -> None:
    free = case_of("small-1", 0)
    start = shuffled(free, random.Random(1))
    pins = {cadre.id: start[cadre.id] for cadre in free.members[::3]}
    case = case_of("small-1", 0, pins)
    swapped = stage2_swaps.swap(case, start, 1, lambda: None)
    assert {name: swapped[name] for name in pins} == pins
    assert swapped != start


def test_a_run_keeps_its_books_and_ends_no_dearer(split_cases: list[tuple[Case, Seats]]) -> None:
    for case, seats in split_cases:
        seating = stage2_swaps._Seating(case, seats, lambda: None)
        for weights in (Weights(1, 1, 0, 6), Weights(10, 1, 3, 10)):
            before = cost(seating.people, seating._state(seating.start), weights)
            state = seating._state(seating.start)
            at = stage2_anneal.anneal(seating.people, state, weights, 20_000, 0.3, 0.01, np.uint64(7))
            assert (state.at != seating.start).any()
            for now, anew in zip(state, seating._state(state.at), strict=True):
                assert (now == anew).all()
            after = cost(seating.people, seating._state(at), weights)
            assert after < before, "what was taken for the cheapest plan is"
            if not broken(seating.people, state):
                assert after <= cost(seating.people, state, weights)


def test_mean_ages_come_closer_where_they_weigh(split_cases: list[tuple[Case, Seats]]) -> None:
    def widest(age: int) -> list[float]:
        result = []
        for case, seats in split_cases:
            seating = stage2_swaps._Seating(case, seats, lambda: None)
            at = seating._anneal(seating.start, Weights(3, 1, age, 6), 200_000, (0.25, 0.01), random.Random(1))
            names = {c.id: seating.classes[int(k)].id for c, k in zip(case.members, at, strict=True)}
            result.append(case.mean_age_range(names)[0])
        return result

    assert sum(widest(1)) < 0.6 * sum(widest(0))


def test_a_search_that_runs_lets_other_threads_go_on(split_cases: list[tuple[Case, Seats]]) -> None:
    case, seats = split_cases[0]
    seating = stage2_swaps._Seating(case, seats, lambda: None)
    seating._anneal(seating.start, Weights(1, 1, 0, 6), 1000, (0.3, 0.1), random.Random(1))  # compiled
    ended, beats = threading.Event(), 0

    def search() -> None:
        seating._anneal(seating.start, Weights(1, 1, 0, 6), 20_000_000, (0.3, 0.1), random.Random(1))
        ended.set()

    thread = threading.Thread(target=search)
    thread.start()
    while not ended.wait(0.005):
        beats += 1
    thread.join()
    assert beats > 5, "a job whose beat stops is taken for dead"


def test_a_search_ends_when_it_is_asked_to(split_cases: list[tuple[Case, Seats]]) -> None:
    case, seats = split_cases[0]
    asked = iter([False, True])

    def pulse() -> None:
        if next(asked):
            raise Stopped

    with pytest.raises(Stopped):
        stage2_swaps.swap(case, seats, 1, pulse)


def test_swaps_are_the_same_for_the_same_seed() -> None:
    case = case_of("small-5", 0)
    seats = split_batch(case, 1, lambda: None)
    assert stage2_swaps.swap(case, seats, 7, lambda: None) == stage2_swaps.swap(
        case, dict(reversed(seats.items())), 7, lambda: None
    )
