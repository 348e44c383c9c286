"""Stage 4a, third part: a base whose households stay far apart, looked at as a whole by CP-SAT.

Giving out one gathering after another (stage4_income) can end where only several gatherings given out anew together would
bring incomes closer. Here all that are free are given out in one model, until the lasting households lie close enough.
"""

import math
from collections import defaultdict

from ortools.sat.python import cp_model

from .cpsat import Answer, Expr, run
from .places import House
from .stage4_households import Given, Groups, Stay, Year, common_houses

LIMIT = 1.0
OTHERS = 1.0  # stays by which the range of all households may grow
Hosts = list[tuple[House, Expr]]  # household and its guests


def closest(year: Year, enough: float, seed: int) -> list[Given]:
    """The gatherings given out so that lasting households lie as close as CP-SAT finds; a range below `enough` is not
    looked for. What is given is returned when nothing closer is found.
    """
    model, income = cp_model.CpModel(), year.income
    guests: dict[str, list[Expr]] = {name: [] for name in year.houses}
    before = income.nights.copy()
    hosts: list[list[tuple[Hosts, Hosts]]] = []
    for stays, groups, free in zip(year.meetings, year.given, year.free, strict=True):
        hosts.append([])
        if free:
            for group in (group for of_stay in groups for group in of_stay):
                before.subtract({house.id: number * income.stay for house, number in group})
            hosts[-1] = _meeting(model, common_houses(year.places, stays), stays, groups, guests)
    scale = math.lcm(*(income.beds[name] for name in year.houses))
    earned = {
        name: scale // income.beds[name] * (before[name] + income.stay * sum(guests[name])) for name in year.houses
    }
    now, of_all = (round(scale * value) for value in year.ranges())
    apart = _apart(model, [earned[name] for name in year.lasting], now - 1)
    _apart(model, [earned[name] for name in year.houses], of_all + round(scale * OTHERS * income.stay))
    model.add(apart >= math.ceil(scale * enough - 1e-6))
    model.minimize(apart)
    answer = run(model, seed, LIMIT, linear=0)
    if not answer.found:
        return year.given
    return [_groups(answer, rows) if rows else was for rows, was in zip(hosts, year.given, strict=True)]


def _apart(model: cp_model.CpModel, earned: list[Expr], most: int) -> cp_model.IntVar:
    """A variable no less than the range of some incomes."""
    lowest, highest = (model.new_int_var(0, 10**9, "") for _ in range(2))
    for income in earned:
        model.add(income >= lowest)
        model.add(income <= highest)
    apart = model.new_int_var(0, most, "")
    model.add(apart >= highest - lowest)
    return apart


def _meeting(
    model: cp_model.CpModel, houses: list[House], stays: list[Stay], groups: Given, guests: dict[str, list[Expr]]
) -> list[tuple[Hosts, Hosts]]:
    """Who hosts men and women of each stay of a meeting: a household takes one group."""
    used: dict[str, list[cp_model.IntVar]] = defaultdict(list)
    result: list[tuple[Hosts, Hosts]] = []
    for stay, of_stay in zip(stays, groups, strict=True):
        both: tuple[Hosts, Hosts] = ([], [])
        for people, group, row in zip((stay.men, stay.women), of_stay, both, strict=True):
            had = {house.id: number for house, number in group}
            for house in houses:
                sizes = range(house.least, min(house.most, people) + 1)
                if not sizes:
                    continue
                hosting = model.new_bool_var("")
                number = model.new_int_var_from_domain(cp_model.Domain.from_values([0, *sizes]), "")
                model.add(number >= house.least * hosting)
                model.add(number <= sizes[-1] * hosting)
                model.add_hint(hosting, house.id in had)
                model.add_hint(number, had.get(house.id, 0))
                used[house.id].append(hosting)
                row.append((house, number))
                guests[house.id].append(number)
            model.add(sum(number for _, number in row) == people)
        result.append(both)
    for _, literals in sorted(used.items()):
        model.add_at_most_one(literals)
    return result


def _groups(answer: Answer, rows: list[tuple[Hosts, Hosts]]) -> Given:
    """Households with their guests, as CP-SAT gave them."""

    def hosting(row: Hosts) -> Groups:
        return [(house, answer.value(number)) for house, number in row if answer.value(number)]

    return [(hosting(men), hosting(women)) for men, women in rows]
