"""The yardstick: a greedy planner with random restarts. Time ratios and qualities are told against it.

    python -m bench.planning.greedy INPUT.json [--seed 1] [--restarts 20] [--stages 4] > plan.json   (or .json.gz)

It obeys every rule, lists shortfalls, and prints the CPU seconds of each stage to standard error. Standard library only,
one process, no clock in any decision: the same input, seed and restarts give the same plan.

    stage 1, whole programme                                   best of N by (must unmet, people under the class minima,
      order cadres by (must, tier, [fewest open batches        covered by tier, earliness, same-unit pairs)
        in every second round], random)
      give each the earliest open batch with a free seat in the track, unit quota, leading-member quota,
        and at most one person of a fixed parity per unit, batch and parity
        [half of the rounds: the earliest such batch that is below its class minima, before any other]
    stage 2, per batch                                         best of N by (hard, 100 x marginal + 10 x pair excess)
      order people by (fixed parity first, large units first, random)
      put each into the class of the track with room whose cells are fullest-in-proportion least, among the classes that keep
        the unit's parities, the unit's spread and the own parity
      repair what could not be kept by the best swaps of two people of one track; whoever still cannot be seated is unassigned
    stage 3, per batch in order of dates                       best of N by (skips, peak load band, km + 30 x route changes)
      target load = 1.1 x (load so far + load of this batch) / beds of all bases
      take class gatherings slot by slot (every second round in any order); among all (first day, site) that are allowed
        prefer those that stay under the target load, then the least km + route change (+ 100 km for a village seen before);
        above the target the least loaded; a village seen before comes last while the class lacks villages;
        the choice is kept if households can be given out (2 to 4 of a sex), else the next of the best 200 is tried
    stage 4, in order of dates
      a  households: poorest (nights per bed) first until the sex fits, two each, then the poorest get a third and a fourth
      b  room-mates, per class and sex: groups filled one by one with whom they have met least; best of N by repeated pairs
"""

import argparse
import collections
import json
import platform
import random
import sys
import time

from .greedy_beds import stage4
from .greedy_case import Problem, date, load, slots
from .greedy_people import stage1, stage2, unseat
from .greedy_places import Places
from .greedy_visits import stage3
from .greedy_words import shortfalls


def plan(document, fingerprint, seed, restarts, stages, clock=None):
    problem = Problem(document)
    rules = problem.rules
    times = {}

    def lap(name, since):
        times[name] = time.process_time() - since

    since = time.process_time()
    assigned = stage1(problem, restarts, random.Random(f"{seed}/1"))
    lap("1 batches", since)
    by_id = {c["id"]: c for c in problem.cadres}
    class_of, rosters = {}, {}
    if stages >= 2:
        since = time.process_time()
        for position, batch in enumerate(problem.batches):
            members = [by_id[i] for i, b in assigned.items() if b == position]
            rng = random.Random(f"{seed}/2/{batch['id']}")
            while True:
                where, hard = stage2(problem, members, batch, restarts, rng)
                if not hard or not members:
                    break
                members = unseat(problem, members, where, batch)
                assigned = {i: b for i, b in assigned.items() if b != position or any(i == c["id"] for c in members)}
            for k, klass in enumerate(batch["classes"]):
                rows = sorted(i for i, w in where.items() if w == k)
                class_of.update((i, klass["id"]) for i in rows)
                rosters[klass["id"]] = (
                    [i for i in rows if by_id[i]["sex"] == "M"],
                    [i for i in rows if by_id[i]["sex"] == "F"],
                )
        lap("2 classes", since)
    gatherings, held, lodging, plans = [], {}, [], {}
    if stages >= 3:
        since = time.process_time()
        places = Places(problem)
        load = collections.Counter({b: problem.history_days.get(b, 0) for b in places.order})
        for batch in problem.batches:
            sizes = {
                k: (len(rosters[c["id"]][0]), len(rosters[c["id"]][1]))
                for k, c in enumerate(batch["classes"])
                if rosters[c["id"]][0] or rosters[c["id"]][1]
            }
            rng = random.Random(f"{seed}/3/{batch['id']}")
            result, load = stage3(problem, batch, sizes, places, load, restarts, rng)
            for k, klass in enumerate(batch["classes"]):
                name = klass["id"]
                plans[name], held[name] = {}, {}
                for index, starts in slots(problem, batch, klass["parity"]):
                    row = result.get((k, index))
                    if row is None:
                        reason = "empty_class" if k not in sizes else "no_day" if not starts else "no_site"
                        gatherings.append({"class": name, "index": index, "skipped": reason})
                        continue
                    first, parts = row
                    plans[name][index] = row
                    held[name][index] = (first, parts, {places.bases[p[0]]["village"] for p in parts})
                    gatherings.append(
                        {
                            "class": name,
                            "index": index,
                            "first_day": date(first),
                            "last_day": date(first + places.days - 1),
                            "sites": [{"base": p[0], "people": p[1] + p[2]} for p in parts],
                        }
                    )
        lap("3 itinerary", since)
        gatherings.sort(key=lambda g: (g["class"], g["index"]))
    if stages >= 4:
        since = time.process_time()
        lodging = stage4(problem, plans, rosters, places, restarts, random.Random(f"{seed}/4"))
        lap("4 lodging", since)
    if clock is not None:
        clock.update(times)
    pinned_out = {pin["cadre"] for pin in document["pins"]["batches"] if pin["batch"] is None}
    assignments, unassigned = [], []
    for c in problem.cadres:
        if c["id"] in assigned:
            assignments.append(
                {"cadre": c["id"], "batch": problem.batches[assigned[c["id"]]]["id"], "class": class_of.get(c["id"])}
            )
            continue
        if c["attended_before"] and not rules["repeats"]:
            reason, message = "attended", "已参加过"
        elif c["_track"] is None:
            reason, message = "no_track", "不符合任何班型的条件"
        elif c["id"] in pinned_out:
            reason, message = "pinned_out", "单位暂缓选派"
        elif not c["_open"]:
            reason, message = "no_open_batch", "各期均不能参加"
        else:
            reason, message = "no_seat", "可参加的各期名额已满"
        unassigned.append({"cadre": c["id"], "reason": reason, "message": message})
    return {
        "format": "dunmiao-plan/1",
        "input_fingerprint": fingerprint,
        "seed": seed,
        "versions": {"planner": "greedy/1", "python": platform.python_version()},
        "stages": list(range(1, stages + 1)),
        "assignments": assignments,
        "unassigned": unassigned,
        "gatherings": gatherings,
        "lodging": lodging,
        "levels": [],
        "shortfalls": shortfalls(problem, assigned, class_of, held, stages),
        "moves": [],
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("input")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--restarts", type=int, default=20)
    parser.add_argument("--stages", type=int, choices=[1, 2, 3, 4], default=4)
    options = parser.parse_args()
    document, fingerprint = load(options.input)
    clock = {}
    result = plan(document, fingerprint, options.seed, options.restarts, options.stages, clock)
    for name, seconds in clock.items():
        print(f"stage {name}: {seconds:.3f} CPU-s", file=sys.stderr)
    sys.stdout.buffer.write(json.dumps(result, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode())


if __name__ == "__main__":
    main()
