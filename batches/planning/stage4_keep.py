"""The beds of a previous plan that people keep.

Whoever was lodged at the same gathering (first day and bases unchanged) keeps the bed unless the household, the room or the
group there no longer stands: CP-SAT per meeting finds the fewest people who change beds, then the fairest income. Who
joins the class is a guest without a former bed.
"""

from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import NamedTuple

from ortools.sat.python import cp_model

from .cpsat import Expr, run
from .places import House, Places
from .problem import Problem, day_number
from .stage4_households import SEXES, Groups, Income, Stay, give_out

LIMIT = 2.0
SCALE = 1000
Key = tuple[str, int]


class Former(NamedTuple):
    """A bed of a previous plan; bed 0: the household alone is kept, in another bed."""

    cadre: str
    household: str
    room: str
    bed: int


@dataclass(frozen=True)
class Kept:
    """What a meeting came to: households and kept beds of each stay, and (people who change beds, the least possible)."""

    groups: list[tuple[Groups, Groups]]
    beds: list[list[Former]]
    moved: tuple[int, int]


class Keeper:
    """The previous plan's beds, by gathering."""

    def __init__(self, problem: Problem, members: dict[str, list[str]]):
        self.problem = problem
        self.members = {name: set(people) for name, people in members.items()}
        self._before: dict[Key, tuple[int, frozenset[str]]] = {}
        self._rows: dict[tuple[Key, str], list[Former]] = defaultdict(list)
        if problem.previous is None:
            return
        base_of = {house["id"]: base["id"] for base in problem.document["bases"] for house in base["households"]}
        for row in problem.previous["gatherings"]:
            if "skipped" not in row:
                days = day_number(row["last_day"]) - day_number(row["first_day"]) + 1
                if days == problem.days:
                    sites = frozenset(site["base"] for site in row["sites"])
                    self._before[row["class"], row["index"]] = (day_number(row["first_day"]), sites)
        seen: set[tuple[Key, str]] = set()
        for row in sorted(problem.previous["lodging"], key=lambda r: (r["class"], r["index"], r["cadre"])):
            key = (row["class"], row["index"])
            if row["household"] in base_of and (key, row["cadre"]) not in seen:
                seen.add((key, row["cadre"]))
                bed = Former(row["cadre"], row["household"], row["room"], row["bed"])
                self._rows[key, base_of[row["household"]]].append(bed)

    def beds(self, stay: Stay) -> list[Former]:
        """Beds that members of the class had there at the same gathering."""
        option = stay.option
        key = (option.klass, option.index)
        if self._before.get(key) != (option.first, frozenset(option.site.bases)):
            return []
        return [bed for bed in self._rows[key, stay.base] if bed.cadre in self.members.get(option.klass, set())]

    def keep(self, places: Places, income: Income, stays: list[Stay], former: list[list[Former]], seed: int) -> Kept:
        """Lodge a meeting with the fewest changes of bed; what the households earn is added to `income`."""
        windows = [
            {
                house.id: house
                for house in places.window(s.base, s.option.first, s.option.klass, s.option.index).houses
                if house.least <= house.most
            }
            for s in stays
        ]
        had = sum(map(len, former))
        former = [_lawful(beds, houses) for beds, houses in zip(former, windows, strict=True)]
        lost = had - sum(bed.bed > 0 for beds in former for bed in beds)
        kept = self._unchanged(stays, windows, former) or self._fewest(stays, windows, former, lost, income, seed)
        if kept is None:  # nothing within the limit: as if there had been no plan before
            return Kept(give_out(places, income, stays), [[] for _ in stays], (had, lost))
        for men, women in kept.groups:
            income.add(men)
            income.add(women)
        return kept

    def _sex(self, bed: Former) -> int:
        return SEXES.index(self.problem.by_id[bed.cadre].sex)

    def _unchanged(self, stays: list[Stay], windows: list[dict[str, House]], former: list[list[Former]]) -> Kept | None:
        """The meeting exactly as it was, if that is lawful."""
        groups: list[tuple[Groups, Groups]] = []
        for stay, houses, beds in zip(stays, windows, former, strict=True):
            guests: list[Counter[str]] = [Counter(), Counter()]
            for bed in beds:
                guests[self._sex(bed)][bed.household] += 1
            if not all(bed.bed for bed in beds) or set(guests[0]) & set(guests[1]):
                return None
            if [row.total() for row in guests] != [stay.men, stay.women]:
                return None
            if any(not houses[h].least <= n <= houses[h].most for row in guests for h, n in row.items()):
                return None
            men, women = ([(houses[h], n) for h, n in sorted(row.items())] for row in guests)
            groups.append((men, women))
        for one, two in _together(self.problem, stays):
            if {h.id for row in groups[one] for h, _ in row} & {h.id for row in groups[two] for h, _ in row}:
                return None
        return Kept(groups, former, (0, 0))

    def _fewest(
        self,
        stays: list[Stay],
        windows: list[dict[str, House]],
        former: list[list[Former]],
        lost: int,
        income: Income,
        seed: int,
    ) -> Kept | None:
        """The fewest changes beyond the beds that are lost, then the fairest income."""
        model = cp_model.CpModel()
        hosts: dict[tuple[int, int, str, int], cp_model.IntVar] = {}
        used: dict[tuple[int, str], list[cp_model.IntVar]] = defaultdict(list)
        for number, (stay, houses) in enumerate(zip(stays, windows, strict=True)):
            for sex, people in enumerate((stay.men, stay.women)):
                terms = []
                for name, house in sorted(houses.items()):
                    for guests in range(house.least, min(house.most, people) + 1):
                        literal = hosts[number, sex, name, guests] = model.new_bool_var("")
                        used[number, name].append(literal)
                        terms.append(guests * literal)
                model.add(sum(terms) == people)
            for name in sorted(houses):
                model.add_at_most_one(used[number, name])
        for one, two in _together(self.problem, stays):
            for name in sorted(set(windows[one]) & set(windows[two])):
                model.add_at_most_one([*used[one, name], *used[two, name]])
        stay_put: list[list[tuple[Former, cp_model.IntVar]]] = []
        costs: list[Expr] = []
        for number, beds in enumerate(former):
            rows: dict[tuple[int, str], list[cp_model.IntVar]] = defaultdict(list)
            stay_put.append([])
            for bed in beds:
                literal = model.new_bool_var("")
                stay_put[-1].append((bed, literal))
                rows[self._sex(bed), bed.household].append(literal)
                costs.append((SCALE if bed.bed else 1) * (1 - literal))
            for (sex, name), literals in sorted(rows.items()):
                host = [(g, v) for (n, s, h, g), v in hosts.items() if (n, s, h) == (number, sex, name)]
                model.add(sum(literals) <= sum(guests * variable for guests, variable in host))
        model.minimize(sum(costs))
        answer = run(model, seed, LIMIT)
        if not answer.found:
            return None
        model.add(sum(costs) <= answer.objective)
        model.minimize(
            sum(round(SCALE * income.rise(h, guests)) * variable for (_, _, h, guests), variable in hosts.items())
        )
        fair = run(model, seed, LIMIT)
        fair = fair if fair.found else answer
        groups: list[tuple[Groups, Groups]] = [([], []) for _ in stays]
        for (number, sex, name, guests), variable in hosts.items():
            if fair.true(variable):
                groups[number][sex].append((windows[number][name], guests))
        beds_kept = [[bed for bed, literal in row if fair.true(literal)] for row in stay_put]
        moved = sum(1 for row in stay_put for bed, literal in row if bed.bed and not fair.true(literal))
        return Kept(groups, beds_kept, (lost + moved, lost + max(0, answer.bound) // SCALE))


def _lawful(beds: list[Former], houses: dict[str, House]) -> list[Former]:
    """Beds whose household is open; bed 0 where the bed itself is gone or claimed twice."""
    result = []
    taken: set[tuple[str, str, int]] = set()
    for bed in beds:
        house = houses.get(bed.household)
        if house is None:
            continue
        place = (bed.household, bed.room, bed.bed)
        stands = 0 < bed.bed <= dict(house.rooms).get(bed.room, 0) and place not in taken
        taken.add(place)
        result.append(bed if stands else Former(bed.cadre, bed.household, "", 0))
    return result


def _together(problem: Problem, stays: list[Stay]) -> list[tuple[int, int]]:
    """Pairs of stays of a meeting that share a night."""
    nights = max(1, problem.days - 1)
    return [
        (one, two)
        for two in range(len(stays))
        for one in range(two)
        if abs(stays[one].option.first - stays[two].option.first) < nights
    ]
