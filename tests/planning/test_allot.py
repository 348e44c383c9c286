"""A batch of a large county counted as a whole: its peak is the least there is, and the visits come out even to the end."""

from collections import Counter
from datetime import date
from typing import Any

import pytest

from batches.planning import stage3_allot, stage3_itinerary, stage3_options, stage3_settle
from batches.planning.checker import check, violations
from batches.planning.control import Control
from batches.planning.places import Places
from batches.planning.problem import Problem, first_days, sex_counts
from batches.planning.solving import solve
from batches.planning.stage3_allot import Allotment, Group, allot, free_stays
from batches.planning.stage3_itinerary import Itinerary, group_classes, plan_batch
from batches.planning.stage3_model import SCALE, Round, Settled
from batches.planning.stage3_options import Chooser, Given, Stays

from .cases import frozen

SIZE, TOGETHER = 40, 3


@pytest.fixture(autouse=True)
def _large(monkeypatch: pytest.MonkeyPatch) -> None:
    """Few bases make a large county, and classes are planned three at a time."""
    monkeypatch.setattr(stage3_options, "MOST_BASES", 12)
    monkeypatch.setattr(stage3_itinerary, "TOGETHER_IN_LARGE_COUNTY", TOGETHER)


def _problem() -> Problem:
    return Problem(frozen("county-1"))


def _short() -> dict[str, Any]:
    """The county with its first batch alone."""
    document = frozen("county-1")
    document["batches"] = document["batches"][:1]
    names = {row["id"] for row in document["batches"]}
    for cadre in document["cadres"]:
        cadre["must"] = [name for name in cadre["must"] if name in names]
        cadre["must_not"] = [name for name in cadre["must_not"] if name in names]
    return document


def _members(problem: Problem) -> dict[str, list[str]]:
    """People of the first batch's classes, whoever they are."""
    names = sorted(problem.by_id)
    return {klass.id: names[n * SIZE : (n + 1) * SIZE] for n, klass in enumerate(problem.batches[0].classes)}


def _planned(problem: Problem) -> Itinerary:
    return plan_batch(problem, problem.batches[0], _members(problem), [], 1, Control())


def _allotment(problem: Problem) -> Allotment:
    batch, members, places = problem.batches[0], _members(problem), Places(problem)
    chooser = Chooser(problem, places, {name: sex_counts(problem, row) for name, row in members.items()}, members)
    stays = Stays(problem, {base: places.history[base] for base in places.rows})
    days = first_days(problem, batch)
    found = allot(chooser, batch, group_classes(batch, TOGETHER), days, stays, 1, lambda: None)
    assert found is not None
    found.sort(free_stays(chooser, found.visits.bases, days, stays))
    return found


def _peak(problem: Problem, found: Itinerary) -> float:
    places = Places(problem)
    new: Counter[str] = Counter()
    for part in (part for option in found.held.values() for part in option.parts):
        new[part.base] += part.people * problem.days
    return max((places.history[base] + days) / places.beds[base] for base, days in new.items())


def test_groups_together_come_to_the_least_peak_of_the_whole_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    problem = _problem()
    counted = _allotment(problem)
    found = _planned(problem)
    assert len(found.held) == counted.held
    assert _peak(problem, found) == pytest.approx(counted.peak[0])
    assert counted.peak[0] - 2 / SCALE <= found.totals.peak_bound <= counted.peak[0]
    assert found.totals.km <= 1.01 * found.totals.km_bound
    assert found.totals.returns == found.totals.returns_bound == 0
    monkeypatch.setattr(stage3_itinerary, "allot", lambda *_: None)
    alone = _planned(problem)
    assert _peak(problem, alone) > _peak(problem, found)
    assert found.totals.peak_bound <= _peak(problem, alone)


def test_visits_are_dealt_until_none_are_left_and_hard_ones_first() -> None:
    found = _allotment(_problem())
    total = found.held
    assert found.left.total() == total
    while found.groups:
        given, reserved = found.given(), found.reserved()
        assert sum(given.first.values()) == given.held <= sum(given.times.values())
        assert all(count <= given.times[kind] <= found.left[kind] for kind, count in given.first.items())
        assert reserved + Counter(stage3_options.person_days(given.first, 3)) == stage3_options.person_days(
            found.left, 3
        )
        seen = Counter(village for kind in Counter(given.first).elements() for village in found.site[kind].villages)
        assert max(seen.values()) <= found.groups[0].classes, "no class sees a village twice"
        total -= given.held
        found.take(given.first)
        assert found.left.total() == total
    assert total == 0


def test_two_classes_are_dealt_two_visits_to_a_village() -> None:
    found = _allotment(_problem())
    kind = found.order[0]
    found.left, found.order = Counter({kind: 9}), [kind]
    found.groups = [Group(2, Counter({kind[0]: 4}), Counter({kind: 9}))]
    assert found.given().first == {kind: 2}


def test_room_is_spared_for_the_groups_that_follow() -> None:
    found = _allotment(_problem())
    round_ = found.visits.round
    load = Counter(round_.load)
    given = found.spared(load, found.peak)
    assert set(found._dealt(1)) <= set(given.times), "what was counted for the group finds room"
    reserved = found.reserved()
    for base, room in given.rooms.items():
        assert load[base] + reserved[base] + room <= max(
            found.peak[0] * round_.places.beds[base] + 1 / SCALE, load[base] + reserved[base]
        )


@pytest.mark.parametrize("spared", [False, True])
def test_group_whose_visits_find_no_days_is_planned_in_another_way(
    monkeypatch: pytest.MonkeyPatch, spared: bool
) -> None:
    """First with what is spared; where that leads nowhere either, as if nothing had been counted."""
    document = _short()
    asked: list[Given] = []
    place_given = stage3_settle.place_given

    def seldom(round_: Round, settled: Settled, given: Given, *more: Any) -> list[int | None] | None:
        asked.append(given)
        return place_given(round_, settled, given, *more) if spared and not given.first else None

    monkeypatch.setattr(stage3_settle, "place_given", seldom)
    plan = solve(document, stages=(1, 2, 3))
    assert {bool(given.first) for given in asked} == {True, False}
    assert not violations(check(document, plan))
    assert not [row for row in plan["gatherings"] if row.get("skipped") == "no_site"]
    levels = {row["level"]: row for row in plan["levels"]}
    assert levels["max_load"]["bound"] <= levels["max_load"]["value"]
    assert levels["travel_km"]["bound"] <= levels["travel_km"]["value"]


def test_batch_with_a_pinned_gathering_is_not_counted_as_a_whole() -> None:
    document = frozen("county-1")
    problem = Problem(document)
    klass, first = problem.batches[0].classes[0], first_days(problem, problem.batches[0])
    index, day = next(
        (index, row[0]) for (parity, index), row in sorted(first.items()) if row and parity == klass.parity
    )
    pin = {"class": klass.id, "index": index, "first_day": date.fromordinal(day).isoformat(), "bases": None}
    document["pins"]["gatherings"] = [pin]
    pinned = Problem(document)
    batch, places = pinned.batches[0], Places(pinned)
    chooser = Chooser(pinned, places, {name: sex_counts(pinned, row) for name, row in _members(pinned).items()})
    stays = Stays(pinned, {base: places.history[base] for base in places.rows})
    assert (
        allot(chooser, batch, group_classes(batch, TOGETHER), first_days(pinned, batch), stays, 1, lambda: None) is None
    )
    assert _planned(pinned).held[klass.id, index].first == day


def test_days_that_would_leave_gaps_are_barred_where_a_week_is_full() -> None:
    problem = _problem()
    batch, places = problem.batches[0], Places(problem)
    days = first_days(problem, batch)
    chooser = Chooser(problem, places, {})
    stays = Stays(problem, dict.fromkeys(places.rows, 0))
    base = next(iter(places.rows))
    free = free_stays(chooser, [base], days, stays)
    week = next(week for week, firsts in days.items() if len(free[base, week]) == 2 and len(firsts) > 2)
    firsts = free[base, week]
    assert firsts[1] - firsts[0] >= problem.days
    kind = ((SIZE, week), ((base, SIZE),))
    assert stage3_allot._barred(Counter({kind: 1}), days, free) == frozenset()
    barred = stage3_allot._barred(Counter({kind: 2}), days, free)
    assert barred == {(base, day) for day in days[week] if day not in firsts} != set()
    stays.taken.update((base, day) for day in range(firsts[0], firsts[0] + problem.days))
    assert firsts[0] not in free_stays(chooser, [base], days, stays)[base, week]
