"""Stage 4 of the yardstick: households and room-mates (the method stands in greedy.py)."""

import collections
import itertools

from .greedy_places import give_out


def share(count, chosen, low, income, beds):
    """Group sizes for chosen households: the minimum each, then one by one to the poorest that has a bed left."""
    sizes = [min(low, count)] * len(chosen)
    rest = count - sum(sizes)
    while rest > 0:
        open_ones = [i for i, row in enumerate(chosen) if sizes[i] < row[1]]
        i = min(open_ones, key=lambda i: ((income[chosen[i][0]] + sizes[i]) / beds[chosen[i][0]], i))
        sizes[i] += 1
        rest -= 1
    return sizes


def open_houses(places, base, first):
    """[(household, beds for a group)] of a base that are open in the window."""
    most = places.rules["household_group"]["max"]
    return [
        (house, min(most, sum(beds for _, beds in rooms))) for house, rooms in places.window(base, first)[1].items()
    ]


def clusters(plans, days):
    """Gatherings (first day, class, index), joined when they meet at a base on a day, in order of their first days."""
    visits = collections.defaultdict(list)
    for name, rows in plans.items():
        for index, (first, parts) in rows.items():
            for part in parts:
                visits[part[0]].append((first, name, index))
    meets = collections.defaultdict(set)
    for rows in visits.values():
        rows.sort()
        for one, two in itertools.pairwise(rows):  # sorted by day: whoever meets a later one meets the next
            meets[one].update([two] if two[0] - one[0] < days else [])
            meets[two].update([one] if two[0] - one[0] < days else [])
    result, seen = [], set()
    for start in sorted(meets):
        if start in seen:
            continue
        group, wave = [], [start]
        seen.add(start)
        while wave:
            one = wave.pop()
            group.append(one)
            new = sorted(meets[one] - seen)
            seen.update(new)
            wave.extend(new)
        result.append(sorted(group))
    for rows in visits.values():
        for row in rows:
            if row not in seen:
                seen.add(row)
                result.append([row])
    return sorted(result)


def stage4(problem, plans, rosters, places, restarts, rng):
    """plans: {class id: {index: (first day, parts)}}; rosters: {class id: (men, women)}. Returns the lodging rows."""
    low = problem.rules["household_group"]["min"]
    nights = places.days - 1
    income = collections.Counter(problem.history_nights)
    places.held = collections.defaultdict(list)
    occupied = {}
    for cluster in clusters(plans, places.days):  # stays that overlap are housed together
        for fair in (
            True,
            False,
        ):  # should anyone not fit once others were housed fairly, all keep the households of stage 3
            earned, taken, chosen = collections.Counter(), collections.defaultdict(list), {}
            for first, name, index in cluster:
                groups = ([], [])
                for base, men, women, men_houses, women_houses in plans[name][index][1]:
                    given = (men_houses, women_houses)
                    if fair:
                        busy = {
                            house for day, houses in taken[base] if abs(day - first) < places.days for house in houses
                        }
                        rows = sorted(
                            (row for row in open_houses(places, base, first) if row[0] not in busy),
                            key=lambda row: ((income[row[0]] + earned[row[0]]) / places.house_beds[row[0]], row[0]),
                        )
                        given = give_out(men, women, rows, low)
                        if given is None:
                            break
                    taken[base].append((first, [row[0] for rows in given for row in rows]))
                    for sex, count in ((0, men), (1, women)):
                        ahead = {row[0]: income[row[0]] + earned[row[0]] for row in given[sex]}
                        for row, size in zip(
                            given[sex], share(count, given[sex], low, ahead, places.house_beds), strict=False
                        ):
                            earned[row[0]] += size * nights
                            groups[sex].append((base, row[0], size))
                else:
                    chosen[name, index] = groups
                    continue
                break
            if len(chosen) == len(cluster):
                break
        income.update(earned)
        occupied.update(chosen)
    lodging = []
    for name in sorted(plans):
        for sex in (0, 1):
            people = rosters[name][sex]
            indexes = sorted(plans[name])
            if not people or not indexes:
                continue
            sizes = [[size for _, _, size in occupied[name, i][sex]] for i in indexes]
            for i, groups in zip(indexes, room_mates(len(people), sizes, restarts, rng), strict=False):
                first = plans[name][i][0]
                for (base, house, _), group in zip(occupied[name, i][sex], groups, strict=False):
                    beds = [
                        (room, bed)
                        for room, count in places.window(base, first)[1][house]
                        for bed in range(1, count + 1)
                    ]
                    for person, (room, bed) in zip(sorted(people[p] for p in group), beds, strict=False):
                        lodging.append(
                            {"class": name, "index": i, "cadre": person, "household": house, "room": room, "bed": bed}
                        )
    lodging.sort(key=lambda row: (row["class"], row["index"], row["cadre"]))
    return lodging


def room_mates(count, sizes, restarts, rng):
    """Groups per gathering: fill group by group with the one who has met its members least; the best of several rounds."""
    pairs = sum(s * (s - 1) // 2 for row in sizes for s in row)
    bound = max(0, pairs - count * (count - 1) // 2)
    best = None
    for _ in range(restarts):
        met = [[0] * count for _ in range(count)]
        result, repeats = [], 0
        for row in sizes:
            left = list(range(count))
            rng.shuffle(left)
            groups = []
            for size in row:
                first = left.pop()
                group, seen = [first], list(met[first])
                while len(group) < size:
                    j = min(range(len(left)), key=lambda j: seen[left[j]])
                    person = left.pop(j)
                    for other in group:
                        repeats += met[person][other] > 0
                    group.append(person)
                    mine = met[person]
                    seen = [a + b for a, b in zip(seen, mine, strict=False)]
                for x in group:
                    for y in group:
                        if x != y:
                            met[x][y] += 1
                groups.append(group)
            result.append(groups)
        if best is None or repeats < best[0]:
            best = (repeats, result)
        if repeats <= bound:
            break
    return best[1]
