"""The work of a plan cut into steps that several hands can share.

    "batches"            stage 1, the whole input
    "classes:<batch>"    stage 2, needs batches; one batch is independent of another
    "itinerary:<batch>"  stage 3, needs the classes of the batch and the itineraries of all batches before it, whose
                         load of the bases and busy staff it carries on
    "exchanges"          stage 3, needs all itineraries; gatherings in other places where households would stay far apart
    "households:<base>"  stage 4, needs the exchanges; income runs through one base only, so bases are independent
    "lodging:<class>"    stage 4, needs the households of the bases where the class gathers; classes are independent

Every result is JSON, is the same whenever and wherever the step is run, and is all that later steps need beside the
input: a step that was lost is simply run again. `solving.solve` runs these very steps one after another.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

from . import stage1_batches, stage2_classes, stage3_exchange, stage3_itinerary, stage4_lodging
from .control import Control
from .formats import PLAN_FORMAT, Document, fingerprint
from .places import Part, places_of
from .problem import Batch, Problem, class_members
from .stage3_itinerary import Itinerary, Totals
from .stage3_options import Option
from .stage4_keep import Keeper
from .statements import Shortfalls, gathering_rows, held_by_class, moves, unassigned
from .versions import versions

ALL_STAGES = (1, 2, 3, 4)
STAGES = {"batches": 1, "classes": 2, "itinerary": 3, "exchanges": 3, "households": 4, "lodging": 4}
Done = Mapping[str, Any]


def stage_of(name: str) -> int:
    """The stage that a step belongs to. Raises ValueError for what is no step's name."""
    stage = STAGES.get(name.split(":", 1)[0])
    if stage is None:
        raise ValueError(f"no step is called {name}")
    return stage


def ready(document: Document, done: Done, stages: Sequence[int] = ALL_STAGES) -> list[str]:
    """Names of the steps that can be run now, in order: their inputs are done and they are not. Empty: all is done.

    The households and lodging steps are known once the exchanges are done.
    """
    return [name for name, needs in _plan_of_work(document, done, stages) if name not in done and needs <= done.keys()]


def every(document: Document, done: Done, stages: Sequence[int] = ALL_STAGES) -> list[str]:
    """All steps known so far, done or not, in an order in which they can be run."""
    return [name for name, _ in _plan_of_work(document, done, stages)]


def do(problem: Problem, name: str, done: Done, seed: int, control: Control) -> Any:
    """Do one step that is ready, of a problem whose input passed `require_valid`; the result is JSON.

    `control` is told how far this step is. Raises InputError as `solve` does, Stopped when asked to stop, and ValueError for
    what is no step's name.
    """
    kind, _, of = name.partition(":")
    if kind == "batches":
        return _batches(problem, seed, control)
    if kind == "classes":
        return _classes(problem, _batch(problem, of), done, seed, control)
    if kind == "itinerary":
        return _itinerary(problem, _batch(problem, of), done, seed, control)
    if kind == "exchanges":
        return _exchanges(problem, done, seed, control)
    if kind == "households":
        return _households(problem, of, done, seed, control)
    if kind == "lodging":
        return _lodging(problem, of, done, seed, control)
    raise ValueError(f"no step is called {name}")


def assemble(
    document: Document, done: Done, *, seed: int = 1, stages: Sequence[int] = ALL_STAGES, prefer: str = "kept"
) -> Document:
    """The plan, from the results of all steps of the stages asked for."""
    problem = Problem(document, prefer)
    return put_together(problem, done, seed, stages)


def batch_of(name: str) -> str | None:
    """The batch that a step is of; None when it is of none in particular."""
    kind, _, of = name.partition(":")
    return of if kind in ("classes", "itinerary") else None


def _ordered(document: Document) -> list[Document]:
    return sorted(document["batches"], key=lambda b: (b["first_day"], b["id"]))


def _plan_of_work(document: Document, done: Done, stages: Sequence[int]) -> list[tuple[str, set[str]]]:
    """(step, what it needs) of all steps that are known, in order."""
    batches = [batch["id"] for batch in _ordered(document)]
    work: list[tuple[str, set[str]]] = [("batches", set())]
    if 2 in stages:
        work += [(f"classes:{name}", {"batches"}) for name in batches]
    if 3 in stages:
        for number, name in enumerate(batches):
            before = {f"itinerary:{batches[number - 1]}"} if number else set()
            work.append((f"itinerary:{name}", {f"classes:{name}", *before}))
        work.append(("exchanges", {f"itinerary:{name}" for name in batches}))
    if 4 in stages and "exchanges" in done:
        visits: dict[str, set[str]] = defaultdict(set)
        for name in batches:
            for row in _held_rows(done, name):
                visits[row["class"]].update(base for base, _, _ in row["parts"])
        work += [(f"households:{base}", {"exchanges"}) for base in sorted(set().union(*visits.values()))]
        work += [(f"lodging:{name}", {f"households:{base}" for base in visits[name]}) for name in sorted(visits)]
    return work


def _batch(problem: Problem, name: str) -> Batch:
    return next(batch for batch in problem.batches if batch.id == name)


def _batches(problem: Problem, seed: int, control: Control) -> Any:
    places, levels = stage1_batches.solve(problem, seed, control)
    return {"places": {name: problem.batches[places[name]].id for name in sorted(places)}, "levels": levels}


def _classes(problem: Problem, batch: Batch, done: Done, seed: int, control: Control) -> Any:
    names = [name for name, place in done["batches"]["places"].items() if place == batch.id]
    return stage2_classes.solve_batch(problem, batch, names, seed, control)


def _members(problem: Problem, done: Done) -> dict[str, list[str]]:
    """Class -> members, of all batches that are split."""
    parts = [done[f"classes:{b.id}"]["seats"] for b in problem.batches if f"classes:{b.id}" in done]
    return class_members({name: klass for part in parts for name, klass in part.items()})


def _held_rows(done: Done, batch: str) -> list[dict[str, Any]]:
    """The gatherings of a batch, where they are after the exchanges, if those are done."""
    moved = {(row["class"], row["index"]): row for row in done.get("exchanges", {}).get("held", ())}
    return [moved.get((row["class"], row["index"]), row) for row in done[f"itinerary:{batch}"]["held"]]


def _row(option: Option) -> dict[str, Any]:
    parts = [[part.base, part.men, part.women] for part in option.parts]
    return {"class": option.klass, "index": option.index, "first": option.first, "parts": parts}


def _held(
    problem: Problem, done: Done, batches: Sequence[Batch], *, base: str | None = None, klass: str | None = None
) -> list[Option]:
    """The gatherings held, as options, of those batches: all, or those at a base or of a class."""
    places = places_of(problem)
    result = []
    for batch in batches:
        for row in _held_rows(done, batch.id):
            if klass not in (None, row["class"]) or (base and all(base != part[0] for part in row["parts"])):
                continue
            parts = tuple(Part(*part) for part in row["parts"])
            site = places.site(tuple(part.base for part in parts))
            result.append(Option(row["class"], row["index"], row["first"], site, parts))
    return result


def _itinerary(problem: Problem, batch: Batch, done: Done, seed: int, control: Control) -> Any:
    earlier = _held(problem, _itineraries(done), problem.batches[: batch.place])
    members = class_members(done[f"classes:{batch.id}"]["seats"])
    found = stage3_itinerary.plan_batch(problem, batch, members, earlier, seed, control)
    held = [_row(option) for _, option in sorted(found.held.items())]
    skipped = [[name, index, why] for (name, index), why in sorted(found.skipped.items())]
    return {"held": held, "skipped": skipped, "totals": asdict(found.totals)}


def _exchanges(problem: Problem, done: Done, seed: int, control: Control) -> Any:
    held = _held(problem, _itineraries(done), problem.batches)
    found = stage3_exchange.exchange(problem, _members(problem, done), held, seed, control)
    made = {"held": [_row(option) for option in found.held], "km": found.km, "route_changes": found.route_changes}
    if found.held:  # what the itineraries told is no longer so
        for row in _journey_levels(problem, {**done, "exchanges": made}):
            control.best(3, row["level"], row["value"], row["bound"])
    return made


def _itineraries(done: Done) -> Done:
    """What is done but for the exchanges: stage 3 sees gatherings where the itineraries put them, whenever a step is run."""
    return {name: made for name, made in done.items() if name != "exchanges"}


def _journey_levels(problem: Problem, done: Done) -> list[dict[str, Any]]:
    rows = [done[f"itinerary:{batch.id}"] for batch in problem.batches]
    return stage3_itinerary.levels(problem, _held(problem, done, problem.batches), _totals(rows, done.get("exchanges")))


def _households(problem: Problem, base: str, done: Done, seed: int, control: Control) -> Any:
    _require_exchanges(done)
    held = _held(problem, done, problem.batches, base=base)
    keeper = Keeper(problem, _members(problem, done) if problem.previous is not None else {})
    return stage4_lodging.house_base(problem, base, held, keeper, seed, control)


def _require_exchanges(done: Done) -> None:
    """Raises ValueError when beds are asked for before it is settled where gatherings are."""
    if "exchanges" not in done:
        raise ValueError("the exchanges are not done")


def _lodging(problem: Problem, name: str, done: Done, seed: int, control: Control) -> Any:
    _require_exchanges(done)
    batch = problem.batch_of_class[name]
    held = _held(problem, done, [batch], klass=name)
    houses = {base: done[f"households:{base}"] for o in held for base in o.site.bases}
    members = class_members(done[f"classes:{batch.id}"]["seats"])[name]
    return stage4_lodging.lodge_class(problem, name, members, held, houses, seed, control)


def _totals(itineraries: list[dict[str, Any]], exchanges: dict[str, Any] | None) -> list[Totals]:
    """Sums of stage 3's levels by batch; what was exchanged bears on the peaks of the batches after it, whose bounds are lost."""
    totals = [Totals(**row["totals"]) for row in itineraries]
    if not exchanges or not exchanges["held"]:
        return totals
    more = Totals(km=exchanges["km"], route_changes=exchanges["route_changes"])
    return [*(replace(part, peak_bound=0.0) for part in totals), more]


def put_together(problem: Problem, done: Done, seed: int, stages: Sequence[int]) -> Document:
    """The decisions as a plan, with what it has to say about itself."""
    place_of = {batch.id: batch.place for batch in problem.batches}
    places = {name: place_of[batch] for name, batch in done["batches"]["places"].items()}
    levels = list(done["batches"]["levels"])
    members: dict[str, list[str]] = {}
    itinerary = Itinerary()
    lodging: list[dict[str, Any]] = []
    if 2 in stages:
        parts = [done[f"classes:{batch.id}"] for batch in problem.batches]
        members = class_members({name: klass for part in parts for name, klass in part["seats"].items()})
        seated = {name for people in members.values() for name in people}
        places = {name: place for name, place in places.items() if name in seated}
        levels = stage1_batches.after_stage_2(problem, places, levels) + stage2_classes.levels(problem, parts)
    if 3 in stages:
        held = _held(problem, done, problem.batches)
        itinerary.held = {(o.klass, o.index): o for o in held}
        rows = [done[f"itinerary:{batch.id}"] for batch in problem.batches]
        itinerary.skipped = {(name, index): why for row in rows for name, index, why in row["skipped"]}
        levels += _journey_levels(problem, done)
    if 4 in stages:
        houses = {name.split(":", 1)[1]: done[name] for name in sorted(done) if name.startswith("households:")}
        classes = [done[name] for name in sorted(done) if name.startswith("lodging:")]
        lodging = [row for part in classes for row in part["rows"]]
        levels += stage4_lodging.levels(problem, houses, classes)
    seats = {name: klass for klass, people in members.items() for name in people}
    shortfalls = Shortfalls(problem, places, members, held_by_class(itinerary.held))
    plan: Document = {
        "format": PLAN_FORMAT,
        "stages": list(stages),
        "assignments": [
            {"cadre": name, "batch": problem.batches[places[name]].id, "class": seats.get(name)}
            for name in sorted(places)
        ],
        "unassigned": unassigned(problem, places),
        "gatherings": gathering_rows(problem, itinerary.held, itinerary.skipped) if 3 in stages else [],
        "lodging": sorted(lodging, key=lambda row: (row["class"], row["index"], row["cadre"])),
        "shortfalls": shortfalls.listed(stages),
        "input_fingerprint": fingerprint(problem.document),
        "seed": seed,
        "versions": versions(),
        "levels": levels,
    }
    plan["moves"] = moves(problem, plan)
    return plan
