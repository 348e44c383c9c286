"""Tracks of few classes in stage 2: split by programmes of limited nodes, by every hard rule, never below what is proven.

These cases are small enough for the limit, so that their splits are the best there are.
"""

import itertools
from collections import Counter

import pytest

from batches.planning import stage2_classes, stage2_few, stage2_swaps
from batches.planning.control import Control
from batches.planning.problem import Problem
from batches.planning.stage2_case import Case, Seats
from batches.planning.stage2_classes import _around, solve_batch, split
from batches.planning.stage2_few import split_few
from batches.planning.stage2_swaps import swap
from batches.planning.stage2_tree import split_batch

from .seating import broken_rules, case_of


def _nothing() -> None:
    pass


def _in_pairs() -> list[Case]:
    """Batches all of whose tracks have two classes."""
    cases = [case_of("small-5", 0), case_of("small-5", 1)]
    assert all(len(case.batch.of_track(track)) == 2 for case in cases for track in case.totals)
    return cases


def test_tracks_of_two_classes_are_split_better_than_swaps_do_and_proven() -> None:
    for case in _in_pairs():
        seats, least = split_few(case, _nothing)
        assert seats.keys() == {c.id for c in case.members}
        assert not broken_rules(case, seats)
        assert case.excess(seats) == (0, least)
        swapped = swap(case, split_batch(case, 1, _nothing), 1, _nothing)
        assert case.excess(seats) < case.excess(swapped)


@pytest.mark.parametrize("number", range(4))
def test_a_split_is_the_best_of_all_that_keep_the_rules(number: int) -> None:
    whole = _in_pairs()[number % 2]
    tracks = sorted(whole.totals)
    some = [[c for c in whole.members if c.track == track][number : number + 5] for track in tracks]
    case = Case(whole.problem, whole.batch, [c for people in some for c in people])
    seats, least = split_few(case, _nothing)
    best = min(case.excess(one) for one in _lawful(case))
    assert case.excess(seats) == best
    assert not broken_rules(case, seats)
    assert least == stage2_few.MARGINAL * best[0] + best[1]


def _lawful(case: Case) -> list[Seats]:
    """All seats that keep sizes and unit rules."""
    choices = [[k.id for k in case.allowed(c)] for c in case.members]
    found = []
    for classes in itertools.product(*choices):
        sizes = Counter(classes)
        fits = all(low <= sizes[k.id] <= high for k in case.batch.classes for low, high in [case.size_range(k)])
        seats = {c.id: klass for c, klass in zip(case.members, classes, strict=True)}
        if fits and not broken_rules(case, seats):
            found.append(seats)
    return found


def test_people_of_other_tracks_are_seated_around_those_of_few_classes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stage2_few, "FEW", 2)
    monkeypatch.setattr(stage2_swaps, "SWAPS", 1000)
    monkeypatch.setattr(stage2_swaps, "LEAST", 0)
    case = case_of("county-5", 1)
    few, _ = split_few(case, _nothing)
    wide = [track for track in case.totals if len(case.batch.of_track(track)) > 2]
    assert wide
    assert {case.problem.by_id[name].track for name in few} == set(case.totals) - set(wide)
    assert not broken_rules(case, split_batch(case.holding(few), 1, _nothing))
    seats = split(case, {}, 1, _nothing).seats
    assert not broken_rules(case, seats)
    held = [name for name in few if seats[name] == few[name]]
    assert len(held) > len(few) * 3 // 4


def test_no_split_within_the_nodes_leaves_it_to_tree_and_swaps(monkeypatch: pytest.MonkeyPatch) -> None:
    case = case_of("small-5", 0)
    monkeypatch.setattr(stage2_few.Program, "solve", lambda self: {})
    assert split_few(case, _nothing) == ({}, 0)
    found = split(case, {}, 1, _nothing)
    assert found.least == 0
    assert not broken_rules(case, found.seats)


def test_seats_that_leave_others_none_are_given_up() -> None:
    """Held seats that break R03 for somebody who may only be in one week leave the tree no way."""
    case = case_of("small-5", 0)
    unit, people, _ = next(row for row in case.split_units() if len(row[1]) == 2)
    odd = {c.id: next(k.id for k in case.batch.of_track(str(c.track)) if k.parity == "odd") for c in people}
    seats = _around(case, odd, 1, _nothing)
    assert not broken_rules(case, seats), unit


def test_the_bound_is_told_with_the_measures() -> None:
    whole = case_of("small-5", 1)
    problem: Problem = whole.problem
    told = solve_batch(problem, whole.batch, [c.id for c in whole.members], 1, Control())
    assert 0 < told["pair_bound"] == told["pair_excess"]


@pytest.mark.parametrize("nodes", [0, 1, 5])
def test_a_bound_holds_where_the_nodes_do_not_suffice(monkeypatch: pytest.MonkeyPatch, nodes: int) -> None:
    """Neither is it above what is proven with more nodes, nor do marginal cells off pass for pair cells."""
    proven = [split_few(case, _nothing)[1] for case in _in_pairs()]
    monkeypatch.setattr(stage2_few, "NODE_LIMIT", nodes)
    for case, least in zip(_in_pairs(), proven, strict=True):
        assert split_few(case, _nothing)[1] <= least


def test_marginal_cells_off_do_not_pass_for_pair_cells(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is proven of both together leaves of pair cells what marginal ones do not take."""
    whole = case_of("small-5", 1)
    off, pairs = 2, 7
    monkeypatch.setattr(stage2_classes, "split_few", lambda case, pulse: ({}, off * stage2_few.MARGINAL + pairs))
    monkeypatch.setattr(stage2_swaps, "SWAPS", 1000)
    monkeypatch.setattr(stage2_swaps, "LEAST", 0)
    names = [c.id for c in whole.members]
    for marginal, least in ((off, pairs), (off + 1, 0)):
        monkeypatch.setattr(Case, "excess", lambda self, seats, marginal=marginal: (marginal, 99))
        told = solve_batch(whole.problem, whole.batch, names, 1, Control())
        assert told["pair_bound"] == least


@pytest.mark.parametrize("people", [1, 2, 5])
def test_fewer_people_than_classes_are_split_too(people: int) -> None:
    whole = case_of("small-1", 0)
    assert [len(whole.batch.of_track(track)) for track in whole.totals] == [4]
    case = Case(whole.problem, whole.batch, whole.members[:people])
    seats, _ = split_few(case, _nothing)
    assert seats.keys() == {c.id for c in case.members}
    assert not broken_rules(case, seats)
