"""Stage 3 with a previous plan: which gatherings keep their day and bases.

Method: what was arranged and is still possible by itself is put together in one small model, which finds how many of
them can be kept at once; usually all, and then they are the only option of their slots, so that what is left to plan is
small. Otherwise the models of the round hold the number that can be kept and choose which.
"""

from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from ortools.sat.python import cp_model

from .cpsat import run
from .places import Part, Site, Window, houses_suffice
from .problem import Batch, Problem, day_number
from .stage3_model import Model, Round
from .stage3_options import Chooser, Option, Slot, Stays

LIMIT = 10.0
MOST_ROUNDS = 20
MOST_SHARES = 12
Key = tuple[str, int]
Clashes = Callable[[Round, list[int | None]], list[list[int]]]


@dataclass
class Former:
    """What the previous plan arranged for a batch: what is possible by itself, how many are lost, and of what is
    possible the fewest that cannot be kept together."""

    options: dict[Key, Option] = field(default_factory=dict)
    lost: int = 0
    loose: int = 0

    def of_others(self, classes: set[str]) -> list[Option]:
        """Gatherings of classes that are not planned now."""
        return [option for option in self.options.values() if option.klass not in classes]


def former(
    chooser: Chooser,
    batch: Batch,
    lawful: dict[Key, tuple[int, ...]],
    stays: Stays,
    seed: int,
    unlodged: Clashes,
) -> Former:
    """The previous plan's gatherings of a batch; `lawful` are all first days by parity and index."""
    result = Former()
    problem = chooser.problem
    at = _before(problem)
    slots = []
    for klass in batch.classes:
        for (parity, index), first_days in sorted(lawful.items()):
            key = (klass.id, index)
            if parity != klass.parity or key not in chooser.before:
                continue
            options = [option for option in _options(chooser, key, first_days, at) if stays.allows(option)]
            if options:
                slots.append(Slot(klass, index, (options[0].first,), options))
    names = {klass.id for klass in batch.classes}
    result.lost = sum(key[0] in names for key in chooser.before) - len(slots)
    result.loose, chosen = _together(Round(problem, chooser.places, slots, {}, {}), seed, unlodged)
    result.options = {(option.klass, option.index): option for option in chosen}
    return result


@dataclass
class _Before:
    """The previous plan's order of travel by gathering, and who slept where: gathering -> (cadre, base)."""

    travel: dict[Key, tuple[str, ...]]
    beds: dict[Key, list[tuple[str, str]]]


def _before(problem: Problem) -> _Before:
    base_of = {house["id"]: base["id"] for base in problem.document["bases"] for house in base["households"]}
    previous = problem.previous or {"gatherings": [], "lodging": []}
    travel = {
        (row["class"], row["index"]): tuple(site["base"] for site in row["sites"])
        for row in previous["gatherings"]
        if "skipped" not in row
    }
    beds: dict[Key, list[tuple[str, str]]] = defaultdict(list)
    for row in previous["lodging"]:
        if row["household"] in base_of:
            beds[row["class"], row["index"]].append((row["cadre"], base_of[row["household"]]))
    return _Before(travel, beds)


def _options(chooser: Chooser, key: Key, first_days: tuple[int, ...], at: _Before) -> list[Option]:
    """The gathering as it was arranged, if pins, days, bases and households still allow it: one option for each way of
    dividing the class over two bases, the one that leaves most people where they were first."""
    problem = chooser.problem
    first, bases = chooser.before[key]
    pin = problem.gathering_pins.get(key)
    if first not in first_days or not sum(chooser.sexes.get(key[0], (0, 0))) or key in chooser.out:
        return []
    if pin is not None and (
        day_number(pin["first_day"]) != first or (pin["bases"] and set(pin["bases"]) != set(bases))
    ):
        return []
    if not any(tuple(sorted(site.bases)) == bases for site in chooser.sites):
        return []
    site = chooser.places.site(at.travel[key])
    windows = [chooser.places.window(base, first, *key) for base in site.bases]
    usual = chooser.share(*key, first, site)
    shares = [usual] if usual is not None else []
    if len(windows) == 2 and all(window.houses for window in windows):
        there = Counter(
            (base, problem.by_id[name].sex)
            for name, base in at.beds.get(key, ())
            if name in chooser.members.get(key[0], ())
        )
        shares = shares_near(chooser.sexes[key[0]], site, windows, there)
        shares += [usual] if usual is not None and usual not in shares else []
    return [Option(*key, first, site, parts) for parts in shares]


def shares_near(
    sexes: tuple[int, int], site: Site, windows: list[Window], there: Counter[tuple[str, str]]
) -> list[tuple[Part, ...]]:
    """The divisions of a class over two bases that leave most people where they were, the best first."""
    men, women = sexes
    ranges = [tuple(r for r in w.ranges if r[0] <= r[1]) for w in windows]
    one, two = site.bases

    def moved(first_men: int, first_women: int) -> int:
        """People who were at a base and find no place there."""
        rows = (
            (one, "M", first_men),
            (one, "F", first_women),
            (two, "M", men - first_men),
            (two, "F", women - first_women),
        )
        return sum(max(0, there[base, sex] - room) for base, sex, room in rows)

    result: list[tuple[Part, ...]] = []
    choices = [(m, w) for m in range(men + 1) for w in range(women + 1)]
    for m, w in sorted(choices, key=lambda c: (moved(*c), abs(c[0] + c[1] - there[one, "M"] - there[one, "F"]), c)):
        sizes = (m + w, men + women - m - w)
        if not all(0 < size <= window.room for size, window in zip(sizes, windows, strict=True)):
            continue
        if houses_suffice((m, w), ranges[0]) and houses_suffice((men - m, women - w), ranges[1]):
            result.append((Part(one, m, w), Part(two, men - m, women - w)))
            if len(result) == MOST_SHARES:
                break
    return result


def _together(round_: Round, seed: int, unlodged: Clashes) -> tuple[int, list[Option]]:
    """(the fewest slots that must go without so that the others can be kept together, the option of each slot).

    A slot that goes without has its first option all the same: the models of the round choose which do.
    """
    first = [numbers[0] for numbers in round_.of_slot]
    wanted = set(first)
    rows = round_.rows()
    if all(sum(weight for n, weight in terms if n in wanted) <= most for terms, most in rows) and not unlodged(
        round_, list(first)
    ):
        return 0, [round_.options[n] for n in first]
    least = 0
    scale = 1 + sum(len(numbers) for numbers in round_.of_slot)
    for _ in range(MOST_ROUNDS):
        model = cp_model.CpModel()
        x = [model.new_bool_var("") for _ in round_.options]
        for numbers in round_.of_slot:
            model.add_at_most_one([x[n] for n in numbers])
        for terms, most in round_.rows():
            model.add(sum(weight * x[n] for n, weight in terms) <= most)
        kept = sum((scale - rank) * x[n] for numbers in round_.of_slot for rank, n in enumerate(numbers))
        model.minimize(scale * len(first) - kept)
        answer = run(model, seed, LIMIT)
        if not answer.found:
            break
        chosen = [next((n for n in numbers if answer.true(x[n])), None) for numbers in round_.of_slot]
        ranks = sum(len(numbers) - 1 for numbers in round_.of_slot)
        least = max(least, -(-(answer.bound - ranks) // scale))
        clashes = unlodged(round_, chosen)
        if not clashes:
            least = max(least, chosen.count(None)) if answer.proven else least
            return least, [round_.options[m if n is None else n] for n, m in zip(chosen, first, strict=True)]
        round_.clashes.extend(clashes)
    return least, [round_.options[n] for n in first]


def reserve(stays: Stays, options: list[Option]) -> Stays:
    """The stays with those gatherings' days and staff taken as well; their load is not counted."""
    result = replace(stays, load=Counter(stays.load), held=[], taken=set(stays.taken), busy=set(stays.busy))
    result.add(options)
    result.load = stays.load
    return result


def offer(slots: list[Slot], options: dict[Key, Option]) -> list[Slot]:
    """The slots, with what was arranged among the options."""
    result = []
    for slot in slots:
        kept = options.get((slot.klass.id, slot.index))
        if kept is not None:
            others = [o for o in slot.options if (o.first, set(o.site.bases)) != (kept.first, set(kept.site.bases))]
            slot = replace(slot, options=[kept, *others])
        result.append(slot)
    return result


def keep_apart(round_: Round, days: dict[Key, tuple[int, ...]]) -> None:
    """A gathering on a day that meets the other parity's weeks (one kept or pinned there) bars what would meet it (R03)."""
    special: list[tuple[int, str, int]] = []
    others: list[tuple[int, str, int]] = []
    for slot, numbers in zip(round_.slots, round_.of_slot, strict=True):
        for number in numbers:
            option = round_.options[number]
            rows = others if option.first in days.get((slot.klass.parity, slot.index), ()) else special
            rows.append((number, slot.klass.parity, option.first))
    for number, parity, first in special:
        for other, its, day in others:
            if its != parity and abs(day - first) < round_.problem.days:
                round_.clashes.append([number, other])


def costs_nothing(round_: Round, seed: int) -> bool:
    """Whether with these slots every gathering that has an option is held, in villages enough."""
    model = Model(round_)
    for skip, numbers in zip(model.skip, round_.of_slot, strict=True):
        if numbers:
            model.model.add(skip == 0)
    filled = {slot.klass.id for slot in round_.slots if slot.options}
    for name, short in model.short.items():
        if name in filled:
            model.model.add(short == 0)
    return run(model.model, seed, LIMIT).found


def of_later(problem: Problem, chooser: Chooser, batch: Batch) -> list[Option]:
    """The previous plan's gatherings of later batches that run at the same time."""
    result = []
    sites = {tuple(sorted(site.bases)): site for site in chooser.sites}
    for (name, index), (first, bases) in sorted(chooser.before.items()):
        other = problem.batch_of_class.get(name)
        if other is not None and other.place > batch.place and first <= batch.last and bases in sites:
            parts = tuple(Part(base, 0, 0) for base in sites[bases].bases)
            result.append(Option(name, index, first, sites[bases], parts))
    return result


def changed(chooser: Chooser, batch: Batch, held: dict[Key, Option]) -> int:
    """Gatherings of the previous plan that are not held on their day at their bases."""
    names = {klass.id for klass in batch.classes}
    now = {key: (o.first, tuple(sorted(o.site.bases))) for key, o in held.items()}
    return sum(now.get(key) != place for key, place in chooser.before.items() if key[0] in names)
