"""Journeys where the shortest sites find no days: by a programme that knows days, and else mended; bounds hold either way."""

from dataclasses import replace

import pytest

from batches.planning import stage3_itinerary
from batches.planning.control import Control
from batches.planning.places import Places
from batches.planning.problem import Problem, first_days, sex_counts
from batches.planning.stage3_itinerary import shorten, unlodged
from batches.planning.stage3_model import Round, Settled
from batches.planning.stage3_options import Chooser, Stays
from batches.planning.stage3_settle import Settling
from batches.planning.stage3_travel import Program, journey, rank

from .cases import frozen


def _settled(name: str) -> tuple[Round, Settled]:
    """The classes of the first batch, filled with whoever comes first, and a choice that is not the shortest."""
    problem = Problem(frozen(name))
    places, batch, names = Places(problem), problem.batches[0], sorted(problem.by_id)
    size = problem.rules["class_size"]["target"]
    members = {klass.id: names[n * size : (n + 1) * size] for n, klass in enumerate(batch.classes)}
    chooser = Chooser(problem, places, {name: sex_counts(problem, row) for name, row in members.items()}, members)
    stays = Stays(problem, {base: places.history[base] for base in places.rows})
    slots = chooser.slots(batch, list(batch.classes), first_days(problem, batch), stays)
    round_ = Round(problem, places, slots, stays.load, {})
    return round_, replace(Settling(round_, 1).settle(), shortest=False, returns=0, km=0.0)


def _without_days(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stage3_itinerary, "find_days", lambda *_: [])
    monkeypatch.setattr(stage3_itinerary, "place", lambda *_, **__: None)


def _sound(round_: Round, settled: Settled, chosen: list[int | None]) -> None:
    picked = {number for number in chosen if number is not None}
    assert all(sum(weight for n, weight in terms if n in picked) <= most for terms, most in round_.rows())
    assert not unlodged(round_, chosen)
    assert [number is None for number in chosen] == [number is None for number in settled.chosen]
    assert round_.peak(chosen) <= settled.peak[0] + 1e-6


@pytest.mark.parametrize("name", ["small-2", "small-4"])
def test_sites_without_days_give_way_to_the_shortest_journeys_with_days(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    round_, settled = _settled(name)
    sites = Program(round_, settled).solve()
    _without_days(monkeypatch)
    monkeypatch.delattr(stage3_itinerary, "polish")  # nothing is left to be mended
    chosen, bounds = shorten(round_, settled, 1, Control())
    _sound(round_, settled, chosen)
    km, changes, returns = journey(round_, chosen)
    assert sites is not None
    assert (returns, km) >= (sites.returns[1], 0.0 if returns > sites.returns[0] else sites.km[1] - 0.001)
    assert bounds.returns == returns
    assert bounds.km <= km <= 1.003 * bounds.km
    assert bounds.changes <= changes


def test_journeys_are_mended_when_no_days_are_found_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    round_, settled = _settled("small-2")
    _without_days(monkeypatch)
    with_days, proven = shorten(round_, settled, 1, Control())
    monkeypatch.setattr(stage3_itinerary, "_by_day", lambda *_: None)
    chosen, bounds = shorten(round_, settled, 1, Control())
    _sound(round_, settled, chosen)
    km, _, returns = journey(round_, chosen)
    assert rank(round_, chosen) <= rank(round_, settled.chosen)
    assert (returns, km) >= (proven.returns, 0.0)
    assert bounds.returns <= returns
    assert bounds.km <= km + 0.001
    assert rank(round_, with_days)[:2] <= rank(round_, chosen)[:2]


def test_a_programme_with_few_nodes_tries_no_other_way_unless_it_must() -> None:
    round_, settled = _settled("small-2")
    exact = Program(round_, settled, by_day=True).solve()
    quick = Program(round_, settled, by_day=True).solve(10)
    assert exact is not None
    assert quick is None or quick.returns == exact.returns
    assert quick is None or quick.km[0] <= 1.01 * exact.km[0]
