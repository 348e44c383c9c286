"""Stage 3 of the yardstick: when and where each class gathers (the method stands in greedy.py)."""

import collections

from .greedy_case import number, slots
from .greedy_places import place_people

ROUTE_KM = 30
RETURN_KM = 100


def stage3(problem, batch, sizes, places, load_so_far, restarts, rng):
    """sizes: class position -> (men, women). Returns {(class position, index): (first day, site) or None}."""
    classes = batch["classes"]
    days = places.days
    pinned = {(pin["class"], pin["index"]): pin for pin in problem.doc["pins"]["gatherings"]}
    slot_table = {k: slots(problem, batch, c["parity"]) for k, c in enumerate(classes)}
    events = [(index, k, starts) for k in sizes for index, starts in slot_table[k]]
    beds_all = sum(places.beds.values())
    new = sum(sum(s) for s in sizes.values()) * days * (sum(len(slot_table[k]) for k in sizes) / max(1, len(sizes)))
    target = 1.1 * (sum(load_so_far.values()) + new) / beds_all
    keep_used, keep_held, keep_staff = places.used, places.held, places.staff_days
    best = None
    for attempt in range(restarts):
        places.used = collections.Counter(keep_used)
        places.held = collections.defaultdict(list, {b: list(rows) for b, rows in keep_held.items()})
        places.places_left = collections.defaultdict(dict)
        load = collections.Counter(load_so_far)
        staff_days = collections.defaultdict(set, {s: set(busy) for s, busy in keep_staff.items()})
        visited = collections.defaultdict(set)
        last_routes = {}
        order = list(events)
        rng.shuffle(order)
        if attempt % 2 == 0:
            order.sort(key=lambda e: e[0])
        plan, km, changes, peak = {}, 0.0, 0, 0.0
        for index, k, starts in order:
            men, women = sizes[k]
            size = men + women
            staff = classes[k]["staff"]
            options = []
            pin = pinned.get((classes[k]["id"], index))
            allowed = starts if pin is None else [number(pin["first_day"])]
            seen, before = visited[k], last_routes.get(k)
            for day in allowed:
                if any(d in staff_days[s] for s in staff for d in range(day, day + days)):
                    continue
                left = {}
                for number_of_site, (site, way, routes) in enumerate(places.site_list(size)):
                    if pin is not None and pin.get("bases") and set(pin["bases"]) != set(site):
                        continue
                    total = 0
                    for b in site:
                        if b not in left:
                            left[b] = places.room_left(b, day)
                        total += left[b]
                    if total < size or (len(site) == 2 and min(left[b] for b in site) < 2):
                        continue
                    if len(site) == 1:
                        ratio = (load[site[0]] + days * size) / places.beds[site[0]]
                    else:
                        here = min(left[site[0]], size - 2)
                        ratio = max(
                            (load[site[0]] + days * here) / places.beds[site[0]],
                            (load[site[1]] + days * (size - here)) / places.beds[site[1]],
                        )
                    cost = way + (0 if before is None or before & routes else ROUTE_KM)
                    cost += RETURN_KM * sum(places.bases[b]["village"] in seen for b in site)
                    if attempt:
                        cost += rng.random() * 15
                    again = any(places.bases[b]["village"] in seen for b in site)
                    short = again and len(seen) < problem.rules["min_distinct_villages"]
                    options.append(
                        (short, 0 if ratio <= target else ratio + RETURN_KM * again, cost, day, number_of_site)
                    )
            options.sort()
            plan[k, index] = None
            for _, _, _, day, number_of_site in options[:200]:
                site, way, routes = places.site_list(size)[number_of_site]
                parts = place_people(places, site, day, men, women)
                if parts is None:
                    continue
                plan[k, index] = (day, parts)
                for base, m, w, men_houses, women_houses in parts:
                    load[base] += days * (m + w)
                    peak = max(peak, load[base] / places.beds[base])
                    seen.add(places.bases[base]["village"])
                    places.hold(base, day, m + w, [row[0] for row in men_houses + women_houses])
                for s in staff:
                    staff_days[s].update(range(day, day + days))
                km += way
                changes += before is not None and not before & routes
                last_routes[k] = routes
                break
        skips = sum(row is None for row in plan.values())
        value = (skips, max(0, round(20 * (peak / target - 1))), km + ROUTE_KM * changes)
        if best is None or value < best[0]:
            best = (value, plan, places.used, places.held, load, staff_days)
    _, plan, places.used, places.held, load, places.staff_days = best
    places.places_left = collections.defaultdict(dict)
    return plan, load
