"""Ways on where the first levels of stage 3 do not go as hoped: every one of them ends in gatherings that keep the bounds."""

from typing import Any

import pytest

from batches.planning import stage3_settle
from batches.planning.checker import check, violations
from batches.planning.cpsat import Answer
from batches.planning.places import Places
from batches.planning.problem import Problem, first_days, sex_counts
from batches.planning.solving import solve
from batches.planning.stage3_model import Model, Round, Settled
from batches.planning.stage3_options import Chooser, Stays
from batches.planning.stage3_place import place
from batches.planning.stage3_settle import STEPS, Settling, _level

from .cases import frozen, tiny

NEVER = 10**6


class Placing:
    """Stands for `place`: finds nothing as often as told, and remembers the peaks, the number of options and whether counted
    journeys were asked for."""

    def __init__(self, misses: int) -> None:
        self.misses = misses
        self.asked: list[tuple[float, int, bool]] = []
        self.limits: list[float] = []

    def __call__(
        self, round_: Round, first: Settled, among: list[int], peak: float, seed: int, limit: float, **journeys: Any
    ) -> Any:
        self.asked.append((peak, len(among), bool(journeys)))
        self.limits.append(limit)
        found = place(round_, first, among, peak, seed, limit, **journeys)
        return found if len(self.asked) > self.misses else None


def stumbling(monkeypatch: pytest.MonkeyPatch, misses: int) -> Placing:
    placing = Placing(misses)
    monkeypatch.setattr(stage3_settle, "place", placing)
    return placing


def first_round() -> Round:
    """The classes of the first batch, filled with whoever comes first, and what they may choose from."""
    problem = Problem(frozen("small-1"))
    places, batch, names = Places(problem), problem.batches[0], sorted(problem.by_id)
    size = problem.rules["class_size"]["target"]
    members = {klass.id: names[n * size : (n + 1) * size] for n, klass in enumerate(batch.classes)}
    chooser = Chooser(problem, places, {name: sex_counts(problem, row) for name, row in members.items()}, members)
    stays = Stays(problem, dict.fromkeys(places.rows, 0))
    slots = chooser.slots(batch, list(batch.classes), first_days(problem, batch), stays)
    return Round(problem, places, slots, stays.load, {})


def sound(round_: Round, settled: Settled) -> None:
    """As many gatherings as there can be, no village wanting, and a peak that is the choice's and not below its bound."""
    assert sum(number is None for number in settled.chosen) == settled.skips[0] == settled.skips[1]
    pairs = zip(settled.chosen, round_.of_slot, strict=True)
    assert all(number is None or number in numbers for number, numbers in pairs)
    assert sum(settled.short.values()) == settled.short_bound
    assert settled.peak[0] == round_.peak(settled.chosen)
    assert settled.peak[1] <= settled.peak[0] + 1e-6


@pytest.mark.parametrize(
    ("misses", "asked"),
    [(0, ["journeys"]), (1, ["journeys", "few"]), (2, ["journeys", "few", "all"]), (NEVER, ["journeys", "few", "all"])],
)
def test_counted_visits_that_find_no_days_leave_the_choice_to_more_options(
    monkeypatch: pytest.MonkeyPatch, misses: int, asked: list[str]
) -> None:
    """First the shortest journeys, then few sites, then all; last CP-SAT lowers the peak by itself, to the same peak."""
    round_ = first_round()
    placing = stumbling(monkeypatch, misses)
    settled = Settling(round_, 1).settle()
    sound(round_, settled)
    everything = len(round_.options)
    names = [
        "journeys" if journeys else "all" if count == everything else "few" for _, count, journeys in placing.asked
    ]
    assert names == asked
    assert settled.shortest == (misses == 0)
    assert settled.peak[0] == pytest.approx(settled.peak[1])


def test_higher_peaks_are_tried_step_by_step_in_a_large_round(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stage3_settle, "FEW", 0)
    round_ = first_round()
    placing = stumbling(monkeypatch, NEVER)
    settling = Settling(round_, 1)
    sound(round_, settling.settle())
    peaks = list(dict.fromkeys(peak for peak, _, _ in placing.asked))
    tried = [(peak, limit) for (peak, _, _), limit in zip(placing.asked, placing.limits, strict=True)]
    assert list(dict.fromkeys(tried)) == [(settling.low.value * above, limit) for above, limit in STEPS]
    assert settling.step == len(STEPS)
    one_step = next(n for n, (peak, _, _) in enumerate(placing.asked) if peak > peaks[0])
    again = stumbling(monkeypatch, one_step)
    settled = Settling(round_, 1).settle()
    sound(round_, settled)
    assert again.asked[-1][0] == peaks[1]
    assert settled.peak[0] <= peaks[1] + 1e-6


def test_choice_that_takes_its_time_is_found_at_the_least_peak(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a batch with thousands of options: the brief limit is not enough for any peak."""
    monkeypatch.setattr(stage3_settle, "FEW", 0)
    hurried = slow_place(monkeypatch, least_limit=1.0)
    settling = Settling(first_round(), 1)
    settled = settling.settle()
    assert hurried
    assert settling.step < len(STEPS), "found among the steps, not by a search of its own"
    assert settled is not None
    assert settled.peak[0] == pytest.approx(settling.low.value)


def slow_place(monkeypatch: pytest.MonkeyPatch, least_limit: float) -> list[float]:
    """Let `place` find nothing within less than so much; the limits it was asked with in vain."""
    hurried: list[float] = []

    def slow(round_: Round, first: Settled, among: list[int], peak: float, seed: int, limit: float, **more: Any) -> Any:
        if limit < least_limit:
            hurried.append(limit)
            return None
        return place(round_, first, among, peak, seed, limit, **more)

    monkeypatch.setattr(stage3_settle, "place", slow)
    return hurried


def test_round_with_a_previous_plan_keeps_to_the_least_peak(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stage3_settle, "FEW", 0)
    round_ = first_round()
    option = round_.options[0]
    round_.before = {(option.klass, option.index): (option.first, tuple(sorted(option.site.bases)))}
    placing = stumbling(monkeypatch, NEVER)
    settling = Settling(round_, 1)
    settled = settling.settle()
    sound(round_, settled)
    assert {peak for peak, _, _ in placing.asked} == {settling.low.value}
    assert not any(journeys for _, _, journeys in placing.asked)
    assert settled.changes == (0, 0)
    assert 0 in settled.chosen


@pytest.mark.parametrize("misses", [0, NEVER])
def test_options_found_to_clash_are_not_chosen_together_again(monkeypatch: pytest.MonkeyPatch, misses: int) -> None:
    round_ = first_round()
    stumbling(monkeypatch, misses)
    settling = Settling(round_, 1)
    both = [number for number in settling.settle().chosen if number is not None][:2]
    round_.clashes.append(both)
    settled = settling.settle()
    sound(round_, settled)
    assert not set(both) <= set(settled.chosen)


def test_level_without_an_answer_keeps_the_choice_before_and_claims_no_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    round_ = first_round()
    model = Model(round_)
    hint: list[int | None] = [None] * len(round_.slots)
    nothing = Answer(solver=None, found=False, proven=False, impossible=False)  # type: ignore[arg-type] # is not asked
    monkeypatch.setattr(stage3_settle, "run", lambda *_: nothing)
    assert _level(model, sum(model.skip), 3, hint, 1, 1.0) == (hint, (10**9, 3))
    assert _level(model, 0, 0, hint, 1, 1.0) == (hint, (0, 0)), "a goal that is a number is settled without a search"


def test_plan_whose_visits_were_never_placed_keeps_every_rule(monkeypatch: pytest.MonkeyPatch) -> None:
    document = tiny()
    usual = {row["level"]: row for row in solve(document, stages=(1, 2, 3))["levels"]}
    placing = stumbling(monkeypatch, NEVER)
    plan = solve(document, stages=(1, 2, 3))
    assert placing.asked
    assert [str(breach) for breach in violations(check(document, plan))] == []
    levels = {row["level"]: row for row in plan["levels"]}
    assert levels["skips"]["value"] == usual["skips"]["value"]
    assert levels["max_load"]["value"] >= levels["max_load"]["bound"] - 1e-6
