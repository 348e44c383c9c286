"""The first levels of stage 3, each held at its value for the next.

Gatherings not held; villages short of the demand (R14); gatherings that differ from a previous plan (first of all when
published gatherings are preferred): by CP-SAT. The peak load among the bases used: by counting visits, which are then
given to classes and days; only where none of that leads to a choice does CP-SAT lower the peak by itself.
"""

import math
from dataclasses import replace

from .cpsat import Expr, run
from .stage3_model import SCALE, Model, Round, Settled, missing_villages, water_level
from .stage3_options import Given
from .stage3_place import place, place_given
from .stage3_travel import journey
from .stage3_visits import Found, Visits, offers_of

LIMITS = {"skips": 20.0, "villages": 10.0, "changes": 10.0, "load": 6.0}
FEW = 1500  # options for which CP-SAT closes the peak by itself
BRIEF, PATIENT = 0.4, 4.0
HARD = 0.9  # of the visits that are hard to place is given days first of all
STEPS = (*((above, BRIEF) for above in (1.0, 1.005, 1.01, 1.02, 1.04, 1.08)), (1.0, PATIENT), (1.04, PATIENT))
"""Peak as a multiple of the least, and the limit within which a choice is looked for; one after another until one is found.
With many days and bases even the first choice takes its time."""


class Settling:
    """The levels of a round; what was counted stays when sets of options are found to clash."""

    def __init__(self, round_: Round, seed: int):
        self.round, self.seed = round_, seed
        self.step = 0
        self._begin()

    def _begin(self) -> None:
        self.clashes = len(self.round.clashes)
        self.first = self._first()
        if self.round.given is None:
            held = sum(number is not None for number in self.first.chosen)
            self.visits = Visits(self.round, held, offers_of(self.round))
            self.low = self.visits.least_peak(self.first.peak[1])

    def _first(self) -> Settled:
        """The levels before the peak."""
        round_ = self.round
        self.model = model = Model(round_)
        bare = sum(not numbers for numbers in round_.of_slot)
        hint: list[int | None] = [next((n for n in numbers if round_.kept(n)), None) for numbers in round_.of_slot]
        goals: list[tuple[str, Expr, int]] = [("skips", sum(model.skip), bare)]
        goals.append(("villages", sum(model.short.values()), 0))
        kept = [model.x[n] for numbers in round_.of_slot for n in numbers if round_.kept(n)]
        if round_.before:
            first = round_.problem.prefer == "kept"
            goals.insert(0 if first else len(goals), ("changes", len(kept) - sum(kept), 0))
        values: dict[str, tuple[int, int]] = {}
        chosen: list[int | None] = [None] * len(round_.slots)
        for name, goal, floor in goals:
            slack = round_.problem.spare_moves if name == "changes" else 0
            hint = chosen if values else hint
            chosen, values[name] = _level(model, goal, floor, hint, self.seed, LIMITS[name], slack)
        changes = values.get("changes", (0, 0))
        return Settled(
            chosen,
            values["skips"],
            missing_villages(round_, chosen),
            values["villages"][1],
            changes,
            (round_.peak(chosen), water_level(round_, chosen)),
            max(0, len(kept) - changes[0] - round_.problem.spare_moves) if round_.before else 0,
        )

    def settle(self) -> Settled | None:
        """The lowest peak for which a choice is found, and short journeys below it where the days allow; None: the visits
        that the round is given do not come to one."""
        if self.round.given is not None:
            return self._dealt(self.round.given)
        if self.low.times:
            alone = bool(self.round.before) or len(self.round.options) <= FEW
            steps = STEPS[:1] if alone else STEPS
            while self.step < len(steps):
                above, limit = steps[self.step]
                found = self._below(self.low.value * above, limit)
                if found is not None:
                    return found
                self.step += 1
        return self._searched()

    def _dealt(self, given: Given) -> Settled | None:
        """A choice of visits that the round is given; their journeys were counted with those of the whole batch."""
        if sum(number is not None for number in self.first.chosen) < given.held:
            return None
        for part in (HARD, 0.0):
            chosen = place_given(self.round, self.first, given, part, self.seed, PATIENT)
            if chosen is not None:
                km, _, returns = journey(self.round, chosen)
                counted = Found(None, km, km if given.first else 0.0)
                return self._settled(chosen, given.peak[1], returns, counted, shortest=bool(given.first))
        return None

    def _below(self, peak: float, limit: float) -> Settled | None:
        """Below a peak: the shortest journeys that were counted; or else any choice of few sites, or of all."""
        round_, low = self.round, self.low.bound
        self.visits.hold_peak(peak)
        returns, km = self.visits.shortest()
        everything = list(range(len(round_.options)))
        if not round_.before and km.times is not None:
            among = [n for n in everything if round_.options[n].kind in km.times]
            chosen = place(round_, self.first, among, peak, self.seed, limit, times=km.times, returns=returns)
            if chosen is not None:
                return self._settled(chosen, low, returns, km, shortest=True)
        times = self.low.times if self.step == 0 and self.low.times else {}
        few = [n for n in everything if round_.kept(n) or round_.options[n].kind in times]
        for among in (few, everything) if len(few) < len(everything) and times else (everything,):
            chosen = place(round_, self.first, among, peak, self.seed, limit)
            if chosen is not None:
                return self._settled(chosen, low, returns, km, shortest=False)
        return None

    def _settled(self, chosen: list[int | None], bound: float, returns: int, km: Found, *, shortest: bool) -> Settled:
        peak = self.round.peak(chosen)
        return replace(
            self.first,
            chosen=chosen,
            short=missing_villages(self.round, chosen),
            peak=(peak, min(peak, bound)),
            returns=returns,
            km=km.bound,
            shortest=shortest,
        )

    def _searched(self) -> Settled:
        """The peak by CP-SAT over all options."""
        round_ = self.round
        if len(round_.clashes) > self.clashes or round_.alone:
            self._begin()
        first, water = self.first, self.first.peak[1]
        goal = self.model.load(water)
        floor = max(int(water * SCALE), math.ceil((self.low.bound - 1e-5) * SCALE))
        chosen, (_, bound) = _level(self.model, goal, floor, first.chosen, self.seed, LIMITS["load"])
        peak = round_.peak(chosen)
        return replace(
            first, chosen=chosen, short=missing_villages(round_, chosen), peak=(peak, min(peak, bound / SCALE))
        )


def _level(
    model: Model, goal: Expr, floor: int, hint: list[int | None], seed: int, limit: float, slack: int = 0
) -> tuple[list[int | None], tuple[int, int]]:
    """Make a goal as small as can be and hold it there, or at so much more."""
    if isinstance(goal, int):
        return hint, (goal, goal)
    model.model.clear_hints()
    chosen = {number for number in hint if number is not None}
    for number, literal in enumerate(model.x):
        model.model.add_hint(literal, number in chosen)
    model.model.add(goal >= floor)
    model.model.minimize(goal)
    answer = run(model.model, seed, limit)
    if not answer.found:  # nothing within the limit: what the level before had stands, and no bound is claimed
        return hint, (10**9, floor)
    model.model.add(goal <= answer.objective + slack)
    result = [next((n for n in numbers if answer.true(model.x[n])), None) for numbers in model.round.of_slot]
    return result, (answer.objective, max(floor, answer.bound))
