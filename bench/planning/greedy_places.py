"""The bases of the yardstick day by day: what is open, how many beds are taken, who holds which household."""

import collections
import math

from .greedy_case import number, spans


class Places:
    """Bases day by day: what is open, how many beds, how many are taken, who holds which household."""

    def __init__(self, problem):
        rules = problem.rules
        self.rules = rules
        self.days = rules["gathering_days"]
        self.group_min = rules["household_group"]["min"]
        self.bases = {base["id"]: base for base in problem.doc["bases"]}
        self.order = sorted(self.bases)
        self.closed = {b: spans(base["closed"]) for b, base in self.bases.items()}
        self.beds = {
            b: sum(r["beds"] for h in base["households"] for r in h["rooms"]) for b, base in self.bases.items()
        }
        self.houses = {}
        self.house_beds = {}
        for b, base in self.bases.items():
            rows = []
            for house in base["households"]:
                rooms = [(room["id"], room["beds"], spans(room["closed"])) for room in house["rooms"]]
                rows.append((house["id"], spans(house["closed"]), rooms))
                self.house_beds[house["id"]] = min(
                    rules["household_group"]["max"], sum(r["beds"] for r in house["rooms"])
                )
            self.houses[b] = rows
        self.others = collections.Counter()
        for use in problem.doc["other_uses"]:
            for day in range(number(use["first_day"]), number(use["last_day"]) + 1):
                self.others[use["base"], day] += use["people"]
        self.windows = {}
        self.used = collections.Counter()
        self.held = collections.defaultdict(list)
        self.staff_days = collections.defaultdict(set)
        self.places_left = collections.defaultdict(dict)
        self.sites = {}

    def window(self, base, first):
        """(people who fit, {household: [(room, beds)]}) of a base for a gathering from `first`; (0, {}) when closed."""
        key = (base, first)
        if key not in self.windows:
            end = first + self.days
            if any(a < end and first < b for a, b in self.closed[base]):
                self.windows[key] = (0, {})
            else:
                open_houses = {}
                for house, closed, rooms in self.houses[base]:
                    if any(a < end and first < b for a, b in closed):
                        continue
                    open_rooms = [
                        (room, beds) for room, beds, shut in rooms if not any(a < end and first < b for a, b in shut)
                    ]
                    if open_rooms:
                        open_houses[house] = open_rooms
                room = self.bases[base]["declared_capacity"] - max(self.others[base, d] for d in range(first, end))
                night = (
                    min(
                        sum(beds for rooms in self.night(base, d).values() for beds in rooms)
                        for d in range(first, end - 1)
                    )
                    if self.days > 1
                    else room
                )
                self.windows[key] = (max(0, min(room, night - self.rules["spare_beds"])), open_houses)
        return self.windows[key]

    def night(self, base, day):
        rows = {}
        for house, closed, rooms in self.houses[base]:
            if not any(a < day + 2 and day < b for a, b in closed):
                rows[house] = [beds for _, beds, shut in rooms if not any(a < day + 2 and day < b for a, b in shut)]
        return rows

    def room_left(self, base, first):
        """People whom the base can still take from `first`: days, nights and places in households that nobody holds."""
        known = self.places_left[base]
        if first not in known:
            fit = self.window(base, first)[0]
            if fit:
                used = self.used
                fit -= max([used[base, d] for d in range(first, first + self.days)])
                fit = min(fit, sum([beds for _, beds in self.free_houses(base, first) if beds >= self.group_min]))
            known[first] = fit
        return known[first]

    def hold(self, base, first, people, houses):
        """Take room and households for a gathering from `first`."""
        self.held[base].append((first, first + self.days - 1, houses))
        for d in range(first, first + self.days):
            self.used[base, d] += people
        self.places_left[base] = {}

    def free_houses(self, base, first):
        """[(household, beds for a group)] open in the window and held by nobody on its nights."""
        last = first + self.days - 1
        taken = {house for a, z, houses in self.held[base] if a <= last and first <= z for house in houses}
        most = self.rules["household_group"]["max"]
        return [
            (house, min(most, sum(beds for _, beds in rooms)))
            for house, rooms in self.window(base, first)[1].items()
            if house not in taken
        ]

    def site_list(self, size):
        """All sites for a class of `size`: (bases, km, routes), single bases and neighbouring pairs of one route."""
        if size in self.sites:
            return self.sites[size]
        result = []
        spare = self.rules["spare_beds"]
        fit = {b: min(self.beds[b] - spare, self.bases[b]["declared_capacity"]) for b in self.order}
        seat = {b: math.hypot(*self.bases[b]["position_km"]) for b in self.order}
        by_route = collections.defaultdict(list)
        for b in self.order:
            if fit[b] >= size:
                result.append(((b,), 2 * seat[b], frozenset(self.bases[b]["routes"])))
            for route in self.bases[b]["routes"]:
                by_route[route].append(b)
        seen = set()
        for route in sorted(by_route):
            for i, a in enumerate(by_route[route]):
                for b in by_route[route][i + 1 :]:
                    if (a, b) in seen or (fit[a] >= size and fit[b] >= size) or fit[a] + fit[b] < size:
                        continue
                    (xa, ya), (xb, yb) = self.bases[a]["position_km"], self.bases[b]["position_km"]
                    apart = math.hypot(xa - xb, ya - yb)
                    if apart <= self.rules["pair_max_km"]:
                        seen.add((a, b))
                        pair = (a, b) if fit[a] >= fit[b] else (b, a)
                        common = frozenset(self.bases[a]["routes"]) & frozenset(self.bases[b]["routes"])
                        result.append((pair, seat[a] + apart + seat[b], common))
        self.sites[size] = result
        return result


def groups_of(count, houses, low):
    """Take households in the given order until `count` people fit in groups of at least `low`; None when they cannot."""
    if count == 0:
        return []
    chosen, room = [], 0
    for row in houses:
        if room >= count:
            break
        chosen.append(row)
        room += row[1]
    if room < count:
        return None
    if low * len(chosen) > count:  # one group too many for an odd rest: take larger households instead
        taken = {row[0] for row in chosen}
        rest = sorted((row for row in houses if row[0] not in taken), key=lambda row: -row[1])
        while low * len(chosen) > count:
            smallest = min(range(len(chosen)), key=lambda i: chosen[i][1])
            if rest and rest[0][1] > chosen[smallest][1]:
                room += rest[0][1] - chosen[smallest][1]
                chosen[smallest] = rest.pop(0)
            else:
                return None
            while chosen and room - min(row[1] for row in chosen) >= count:
                smallest = min(range(len(chosen)), key=lambda i: chosen[i][1])
                room -= chosen.pop(smallest)[1]
    return chosen


def give_out(men, women, houses, low):
    """Households for men and women: ([...], [...]) in the order given, else largest first; None when they do not fit."""
    houses = [row for row in houses if row[1] >= low]
    for order in (houses, sorted(houses, key=lambda row: -row[1])):
        for first, second, turned in ((women, men, True), (men, women, False)):
            one = groups_of(first, order, low)
            if one is None:
                continue
            names = {row[0] for row in one}
            two = groups_of(second, [row for row in order if row[0] not in names], low)
            if two is not None:
                return (two, one) if turned else (one, two)
    return None


def place_people(places, site, first, men, women, income=None):
    """Divide a class over the bases of a site: [(base, men, women, men's households, women's)], or None."""
    low = places.rules["household_group"]["min"]
    size = men + women

    def houses(base):
        rows = places.free_houses(base, first)
        if income is None:
            return sorted(rows, key=lambda row: (-row[1], row[0]))
        return sorted(rows, key=lambda row: (income[row[0]] / places.house_beds[row[0]], row[0]))

    if len(site) == 1:
        given = give_out(men, women, houses(site[0]), low)
        return None if given is None else [(site[0], men, women, *given)]
    one, two = site
    rows_one, rows_two = houses(one), houses(two)
    left_one, left_two = places.room_left(one, first), places.room_left(two, first)

    def possible(part, whole):
        return part == 0 or (part >= low and part <= whole)

    for here in range(min(left_one, size - low), max(low, size - left_two) - 1, -1):
        share = here * women // size
        for shift in (0, 1, -1, 2, -2, 3, -3, 5, -5):
            w = share + shift
            m = here - w
            if not (
                0 <= w <= women
                and 0 <= m <= men
                and possible(w, women)
                and possible(women - w, women)
                and possible(m, men)
                and possible(men - m, men)
            ):
                continue
            first_half = give_out(m, w, rows_one, low)
            if first_half is None:
                continue
            second_half = give_out(men - m, women - w, rows_two, low)
            if second_half is not None:
                return [(one, m, w, *first_half), (two, men - m, women - w, *second_half)]
    return None
