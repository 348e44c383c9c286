"""A published plan changed by what happens to it: the fewest changes, proven, and nothing else touched."""

import copy
import datetime
import itertools
import json
from collections import Counter
from collections.abc import Set
from functools import cache
from typing import Any

import pytest

from batches.planning import InputError, canonical, solve, stage2_swaps
from batches.planning.control import Control
from batches.planning.problem import Problem
from batches.planning.repair import curve
from batches.planning.stage1_batches import _hand_out, make_demand, measure
from batches.planning.stage1_batches import solve as seat
from batches.planning.stage1_tracks import lexicographic, order
from batches.planning.stage2_classes import solve_batch as divide

from .cases import broken, frozen, reduced, tiny
from .tiny import person, sample

EVER = ["2020-01-01", "2040-01-01"]
Plan = dict[str, Any]


@cache
def _published(name: str) -> str:
    """An input whose names are decided and whose plan is out, with the plan, as text."""
    if name == "tiny":
        document = tiny(cadres=100, classes=4, bases=6)
        plan = solve(document)
    else:
        document, plan = sample(name)
    seats = {row["cadre"]: row["batch"] for row in plan["assignments"]}
    document["pins"]["batches"] = [{"cadre": c["id"], "batch": seats.get(c["id"])} for c in document["cadres"]]
    document["previous"] = reduced(plan)
    return json.dumps([document, plan])


def _case(name: str) -> tuple[Plan, Plan]:
    document, plan = json.loads(_published(name))
    return document, plan


def _unpin(document: Plan, name: str) -> None:
    pins = document["pins"]["batches"]
    pins[:] = [pin for pin in pins if pin["cadre"] != name]


def _moves(plan: Plan) -> dict[str, set[str]]:
    result: dict[str, set[str]] = {"assignment": set(), "gathering": set(), "bed": set()}
    for row in plan["moves"]:
        result[row["kind"]].add(row["subject"])
    return result


def _levels(plan: Plan) -> dict[str, tuple[float, float | None]]:
    return {row["level"]: (row["value"], row["bound"]) for row in plan["levels"]}


def _require_fewest(document: Plan, plan: Plan) -> None:
    """No rule is broken, and every level of changes is at its bound and is what the list of moves says."""
    assert broken(document, plan) == []
    levels, moved = _levels(plan), _moves(plan)
    for name in ("moved_seats", "moved_classes", "moved_gatherings"):
        assert levels[name][0] == levels[name][1], name
    held = {f"{r['class']}#{r['index']}" for r in document["previous"]["gatherings"] if "skipped" not in r}
    classes = {k["id"] for batch in document["batches"] for k in batch["classes"]}
    assert levels["moved_gatherings"][0] == len({s for s in moved["gathering"] & held if s.split("#")[0] in classes})
    before = {row["cadre"]: row for row in document["previous"]["assignments"]}
    now = {row["cadre"]: row for row in plan["assignments"]}
    both = [name for name in before if name in now and before[name]["batch"] == now[name]["batch"]]
    assert levels["moved_classes"][0] == sum(before[n]["class"] != now[n]["class"] for n in both)
    assert levels["moved_beds"][0] == len(moved["bed"])


def _touched(document: Plan, plan: Plan) -> set[str]:
    """Classes whose members changed."""
    before = {row["cadre"]: row["class"] for row in document["previous"]["assignments"]}
    now = {row["cadre"]: row["class"] for row in plan["assignments"]}
    names = [name for name in before.keys() | now.keys() if before.get(name) != now.get(name)]
    return {side[name] for name in names for side in (before, now) if name in side}


def _require_only(document: Plan, plan: Plan, places: Set[str] = frozenset()) -> None:
    """Gatherings of untouched classes at untouched bases stand to the last bed."""
    touched = _touched(document, plan)
    moved = _moves(plan)["gathering"]
    before = {(r["class"], r["index"], r["cadre"]): r for r in document["previous"]["lodging"]}
    now = {(r["class"], r["index"], r["cadre"]): r for r in plan["lodging"]}
    sites = {
        (row["class"], row["index"]): {site["base"] for site in row["sites"]}
        for row in plan["gatherings"]
        if "skipped" not in row
    }
    busy = {
        base for key, bases in sites.items() if f"{key[0]}#{key[1]}" in moved or key[0] in touched for base in bases
    }
    for key, row in now.items():
        here = sites[key[:2]]
        if key[0] not in touched and f"{key[0]}#{key[1]}" not in moved and not here & (places | busy):
            assert before[key] == row
    old = {(row["class"], row["index"]): row for row in document["previous"]["gatherings"]}
    for row in plan["gatherings"]:
        if row["class"] not in touched and f"{row['class']}#{row['index']}" not in moved:
            assert old[row["class"], row["index"]] == row


def _held(plan: Plan) -> list[Plan]:
    return [row for row in plan["gatherings"] if "skipped" not in row]


NAMES = ["tiny", "small-1", "small-5"]
PREFER = ["kept", "seats"]


@pytest.mark.parametrize("prefer", PREFER)
@pytest.mark.parametrize("name", NAMES)
def test_nothing_changes_when_nothing_happened(name: str, prefer: str) -> None:
    document, before = _case(name)
    plan = solve(document, prefer=prefer)
    assert plan["moves"] == []
    _require_fewest(document, plan)
    levels = _levels(plan)
    assert [levels[name][0] == levels[name][1] for name in ("village_returns", "travel_km", "route_changes")] == [
        True
    ] * 3
    assert [plan[k] for k in ("assignments", "gatherings", "lodging")] == [
        before[k] for k in ("assignments", "gatherings", "lodging")
    ]


@pytest.mark.parametrize("prefer", PREFER)
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("what", ["ill", "transferred", "withdrawn"])
def test_somebody_leaves(name: str, what: str, prefer: str) -> None:
    document, before = _case(name)
    gone = next(row for row in before["assignments"] if not person(document, row["cadre"])["must"])
    _unpin(document, gone["cadre"])
    if what == "ill":
        person(document, gone["cadre"])["unavailable"] = [EVER]
    elif what == "transferred":
        document["cadres"] = [cadre for cadre in document["cadres"] if cadre["id"] != gone["cadre"]]
    else:
        document["pins"]["batches"].append({"cadre": gone["cadre"], "batch": None})
    plan = solve(document, prefer=prefer)
    _require_fewest(document, plan)
    _require_only(document, plan)
    moved = _moves(plan)
    assert gone["cadre"] in moved["assignment"]
    assert _levels(plan)["moved_seats"][0] == (what != "transferred")
    assert len(moved["assignment"]) == 1 + _levels(plan)["moved_classes"][0] <= 3
    assert moved["gathering"] == set()


def test_what_classes_of_the_same_staff_leave_out_is_not_exchanged(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two classes share staff, so that one of their gatherings is left out: it stays the same one."""
    monkeypatch.setattr(stage2_swaps, "SWAPS", 1000)
    monkeypatch.setattr(stage2_swaps, "LEAST", 0)
    document = frozen("small-4")
    before = solve(document)
    document["previous"] = reduced(before)
    seats = {row["cadre"]: row["batch"] for row in before["assignments"]}
    document["pins"]["batches"] = [{"cadre": c["id"], "batch": seats.get(c["id"])} for c in document["cadres"]]
    assert any(row.get("skipped") == "no_staff" for row in before["gatherings"])
    batch = document["batches"][1]["id"]
    gone = next(row["cadre"] for row in before["assignments"] if row["batch"] == batch)
    _unpin(document, gone)
    document["pins"]["batches"].append({"cadre": gone, "batch": None})
    plan = solve(document)
    assert _moves(plan)["gathering"] == set()
    _require_fewest(document, plan)


@pytest.mark.parametrize("prefer", PREFER)
@pytest.mark.parametrize("name", NAMES)
def test_somebody_joins_late(name: str, prefer: str) -> None:
    document, before = _case(name)
    units = Counter(person(document, row["cadre"])["unit"] for row in before["assignments"] if row["batch"] == "B01")
    alone = next(r for r in before["assignments"] if units[person(document, r["cadre"])["unit"]] == 1)
    model = person(document, alone["cadre"])
    late = copy.deepcopy(model) | {"id": "C99999", "leading": False, "unavailable": [], "must": [], "must_not": []}
    document["cadres"].append(late | {"parity": None})
    document["pins"]["batches"].append({"cadre": "C99999", "batch": "B01"})
    document["programme"]["class_size"]["max"] += 1
    plan = solve(document, prefer=prefer)
    _require_fewest(document, plan)
    _require_only(document, plan)
    moved = _moves(plan)
    assert "C99999" in moved["assignment"]
    assert len(moved["assignment"]) == 1 + _levels(plan)["moved_classes"][0] <= 3
    assert {subject.split("#")[0] for subject in moved["gathering"]} <= _touched(document, plan)


@pytest.mark.parametrize("prefer", PREFER)
@pytest.mark.parametrize("name", NAMES)
def test_somebody_is_moved_to_another_class_by_hand(name: str, prefer: str) -> None:
    document, before = _case(name)
    parities = {k["id"]: (k["parity"], k["track"]) for batch in document["batches"] for k in batch["classes"]}
    for row in before["assignments"]:
        me, batch = row["class"], next(b for b in document["batches"] if b["id"] == row["batch"])
        others = [k["id"] for k in batch["classes"] if k["id"] != me and parities[k["id"]][1] == parities[me][1]]
        if person(document, row["cadre"])["parity"] is None and others:
            break
    document["pins"]["classes"].append({"cadre": row["cadre"], "class": others[0]})
    plan = solve(document, prefer=prefer)
    _require_fewest(document, plan)
    _require_only(document, plan)
    moved = _moves(plan)
    assert row["cadre"] in moved["assignment"]
    assert _levels(plan)["moved_seats"][0] == 0
    assert 1 <= len(moved["assignment"]) <= 4
    assert moved["gathering"] == set()


@pytest.mark.parametrize("prefer", PREFER)
@pytest.mark.parametrize("name", NAMES)
def test_a_base_closes(name: str, prefer: str) -> None:
    document, before = _case(name)
    closed = _held(before)[0]["sites"][0]["base"]
    for base in document["bases"]:
        if base["id"] == closed:
            base["closed"].append(EVER)
    plan = solve(document, prefer=prefer)
    _require_fewest(document, plan)
    _require_only(document, plan, {closed})
    hit = {f"{r['class']}#{r['index']}" for r in _held(before) if closed in {s["base"] for s in r["sites"]}}
    moved = _moves(plan)
    assert moved["assignment"] == set()
    assert hit <= moved["gathering"]
    if prefer == "kept":
        assert moved["gathering"] == hit


def _spare_house(document: Plan, before: Plan) -> tuple[str, str, str]:
    """A household (with its base and a room) that hosts somebody at a base with beds to spare."""
    beds = {base["id"]: sum(r["beds"] for h in base["households"] for r in h["rooms"]) for base in document["bases"]}
    base_of = {h["id"]: base["id"] for base in document["bases"] for h in base["households"]}
    people = {(r["class"], r["index"], s["base"]): s["people"] for r in _held(before) for s in r["sites"]}
    most = {base: max(n for (_, _, b), n in people.items() if b == base) for base in {b for _, _, b in people}}
    row = max(
        before["lodging"], key=lambda r: (beds[base_of[r["household"]]] - most[base_of[r["household"]]], r["room"])
    )
    return row["household"], row["room"], base_of[row["household"]]


@pytest.mark.parametrize("prefer", PREFER)
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("what", ["household", "room"])
def test_a_household_or_a_room_is_suspended(name: str, what: str, prefer: str) -> None:
    document, before = _case(name)
    house_id, room_id, base_id = _spare_house(document, before)
    for base in document["bases"]:
        for house in base["households"]:
            if house["id"] == house_id:
                place = house if what == "household" else next(r for r in house["rooms"] if r["id"] == room_id)
                place["closed"].append(EVER)
    plan = solve(document, prefer=prefer)
    _require_fewest(document, plan)
    _require_only(document, plan, {base_id})
    assert _moves(plan)["assignment"] == set()
    shut = {"household": house_id, "room": room_id}[what]
    assert shut not in {row[what] for row in plan["lodging"]}
    assert _moves(plan)["bed"] or _moves(plan)["gathering"]


@pytest.mark.parametrize("prefer", PREFER)
@pytest.mark.parametrize("name", NAMES)
def test_a_typhoon_closes_all_bases_for_a_week(name: str, prefer: str) -> None:
    document, before = _case(name)
    first = datetime.date.fromisoformat(_held(before)[0]["first_day"])
    monday = first - datetime.timedelta(days=first.weekday())
    until = monday + datetime.timedelta(days=7)
    for base in document["bases"]:
        base["closed"].append([monday.isoformat(), until.isoformat()])
    plan = solve(document, prefer=prefer)
    _require_fewest(document, plan)
    _require_only(document, plan)
    hit = {
        f"{r['class']}#{r['index']}"
        for r in _held(before)
        if r["first_day"] < until.isoformat() and r["last_day"] >= monday.isoformat()
    }
    assert _moves(plan)["gathering"] == hit
    for row in _held(plan):  # a few find another day in their own week
        assert row["last_day"] < monday.isoformat() or row["first_day"] >= until.isoformat()
    assert _moves(plan)["assignment"] == set()


def test_one_more_class_takes_only_as_many_as_sizes_ask() -> None:
    document, before = _case("tiny")
    batch = document["batches"][0]
    for number, parity in enumerate(("odd", "even"), 1):
        batch["classes"].append({"id": f"B01-X{number}", "parity": parity, "track": "T1", "staff": [f"X{number}"]})
    document["programme"]["tracks"][0]["classes_per_batch"] += 2
    document["programme"]["class_size"]["min"] = 1
    plan = solve(document)
    _require_fewest(document, plan)
    sizes = Counter(row["class"] for row in plan["assignments"] if row["batch"] == "B01")
    was = Counter(row["class"] for row in before["assignments"] if row["batch"] == "B01")
    assert max(sizes.values()) - min(sizes.values()) <= 1
    assert len(sizes) == len(was) + 2
    assert _levels(plan)["moved_classes"][0] >= sum(max(0, was[name] - sizes[name]) for name in was)
    old = {f"{row['class']}#{row['index']}" for row in _held(before)}
    assert not _moves(plan)["gathering"] & old


def test_several_things_happen_at_once() -> None:
    document, before = _case("small-1")
    rows = [row for row in before["assignments"] if not person(document, row["cadre"])["must"]][:40:10]
    for row in rows:
        _unpin(document, row["cadre"])
        person(document, row["cadre"])["unavailable"] = [EVER]
    closed = _held(before)[7]["sites"][0]["base"]
    next(base for base in document["bases"] if base["id"] == closed)["closed"].append(EVER)
    plan = solve(document)
    _require_fewest(document, plan)
    _require_only(document, plan, {closed})
    assert {row["cadre"] for row in rows} <= _moves(plan)["assignment"]


def test_a_previous_plan_may_name_what_no_longer_exists() -> None:
    document, before = _case("tiny")
    previous = document["previous"]
    gone = document["batches"][0]["classes"].pop()
    document["programme"]["tracks"][0]["classes_per_batch"] -= 1
    document["programme"]["class_size"]["max"] = 20
    lost = _held(before)[0]["sites"][0]["base"]
    houses = {h["id"] for base in document["bases"] if base["id"] == lost for h in base["households"]}
    document["bases"] = [base for base in document["bases"] if base["id"] != lost]
    document["history"]["bases"] = [row for row in document["history"]["bases"] if row["base"] != lost]
    document["history"]["households"] = [r for r in document["history"]["households"] if r["household"] not in houses]
    document["other_uses"] = [use for use in document["other_uses"] if use["base"] != lost]
    previous["assignments"].append({"cadre": "C88888", "batch": "B77", "class": "B77-K01"})
    previous["lodging"].append(
        {"class": "B77-K01", "index": 9, "cadre": "C88888", "household": "Z", "room": "Z1", "bed": 7}
    )
    plan = solve(document)
    assert [row for row in broken(document, plan) if row[0] != "R03"] == []
    levels = _levels(plan)
    for name in ("moved_seats", "moved_classes", "moved_gatherings"):
        assert levels[name][0] == levels[name][1]
    assert gone["id"] not in {row["class"] for row in plan["assignments"]}


def test_seats_pinned_to_the_past_and_gatherings_begun_stay() -> None:
    document, before = _case("tiny")
    begun = _held(before)[:2]
    document["pins"]["gatherings"] = [
        {k: r[k] for k in ("class", "index", "first_day")} | {"bases": [s["base"] for s in r["sites"]]} for r in begun
    ]
    other = _held(before)[-1]["sites"][0]["base"]
    for base in document["bases"]:
        if base["id"] == other and other not in {s["base"] for r in begun for s in r["sites"]}:
            base["closed"].append(EVER)
    plan = solve(document)
    _require_fewest(document, plan)
    rows = {(row["class"], row["index"]): row for row in plan["gatherings"]}
    assert [rows[r["class"], r["index"]] for r in begun] == begun


def test_the_clerk_chooses_what_comes_first() -> None:
    """A must-attend newcomer of a unit without room: published seats first, he waits; seats first, somebody gives way."""
    document, before = _case("tiny")
    document["pins"]["batches"] = []
    counts = Counter(person(document, row["cadre"])["unit"] for row in before["assignments"])
    unit, count = counts.most_common(1)[0]
    next(row for row in document["units"] if row["id"] == unit)["quota"] = count
    colleague = next(r for r in before["assignments"] if person(document, r["cadre"])["unit"] == unit)
    model = person(document, colleague["cadre"])
    late = copy.deepcopy(model) | {"id": "C99999", "leading": False, "unavailable": [], "must": ["B01"], "must_not": []}
    document["cadres"].append(late | {"parity": None, "attended_before": False})
    kept, seats = solve(document, prefer="kept"), solve(document, prefer="seats")
    assert broken(document, kept) == broken(document, seats) == []
    assert _levels(kept)["moved_seats"] == (0, 0)
    assert _levels(kept)["must_unmet"] == (1, 1)
    assert _levels(seats)["must_unmet"] == (0, 0)
    assert _levels(seats)["moved_seats"] == (1, 1)


@pytest.mark.parametrize("spare", [0, 3])
def test_of_as_few_changes_those_come_first_that_leave_alone_whom_somebody_seated(spare: int) -> None:
    """A class with two too many: whichever of its people were seated by hand, none of them moves, not for the balance either."""
    document, _ = _case("tiny")
    rows = document["previous"]["assignments"]
    sizes = Counter(row["class"] for row in rows)
    full = rows[0]["class"]
    units = {person(document, row["cadre"])["unit"] for row in rows if row["class"] == full}
    others = [row for row in rows if row["class"] != full and person(document, row["cadre"])["unit"] not in units]
    for row in others[:2]:
        row["class"] = full
    assert len(others) >= 2
    assert len(set(sizes.values())) == 1
    there = [row["cadre"] for row in rows if row["class"] == full]
    for chosen in (there[::2], there[1::2]):
        document["previous"]["by_hand"] = sorted(chosen)
        problem = Problem(document)
        problem.spare_moves = spare
        part = divide(problem, problem.batches[0], [row["cadre"] for row in rows], 1, Control())
        went = {name for name in there if part["seats"][name] != full}
        assert part["moved_classes"][1] == 2 <= len(went) <= 2 + spare
        assert not went & set(chosen)


@pytest.mark.parametrize("prefer", PREFER)
@pytest.mark.parametrize("name", ["small-1", "small-4", "small-5"])
def test_flow_and_integer_programme_agree_on_the_fewest_changes_of_seats(name: str, prefer: str) -> None:
    document = frozen(name)
    places, _ = seat(Problem(document), 1, Control())
    batches = sorted(batch["id"] for batch in document["batches"])
    document["previous"] = {
        "plan_fingerprint": "0" * 64,
        "assignments": [{"cadre": c, "batch": batches[p], "class": None} for c, p in sorted(places.items())],
        "gatherings": [],
        "lodging": [],
    }
    for row in document["previous"]["assignments"][::9]:
        person(document, row["cadre"]).update(unavailable=[EVER], must=[])
    problem = Problem(document, prefer)
    again, levels = seat(problem, 1, Control())
    demand = make_demand(problem)
    exact = lexicographic(demand, Control())
    assert exact is not None
    assert exact[1] == len(order(problem))
    other = measure(problem, {**demand.pinned, **_hand_out(demand, exact[0], 1)})
    assert {row["level"]: row["value"] for row in levels} == other == measure(problem, again)
    assert other["moved_seats"] >= len(document["previous"]["assignments"][::9])


def _lawful(document: Plan, seats: dict[str, str]) -> bool:
    """R02 to R04 of a batch with one track, counted by hand."""
    classes = {k["id"]: k["parity"] for k in document["batches"][0]["classes"]}
    sizes = Counter(dict.fromkeys(classes, 0)) + Counter(seats.values())
    if max(sizes.values()) - min(sizes[name] for name in classes) > 1:
        return False
    units: dict[str, list[str]] = {}
    for name, klass in seats.items():
        units.setdefault(person(document, name)["unit"], []).append(klass)
    for rows in units.values():
        odd = sum(classes[klass] == "odd" for klass in rows)
        if max(Counter(rows).values()) > -(-len(rows) // len(classes)):
            return False
        if len(rows) > 1 and abs(2 * odd - len(rows)) > 1:
            return False
    return all(person(document, name)["parity"] in (None, classes[klass]) for name, klass in seats.items())


@pytest.mark.parametrize("number", range(6))
def test_no_smaller_change_of_classes_exists(number: int) -> None:
    """Against all smaller sets of people who could change their class, by force."""
    document, before = _case("tiny")
    rows = [row for row in before["assignments"] if not person(document, row["cadre"])["must"]]
    left = [rows[number]["cadre"], rows[(7 * number + 3) % len(rows)]["cadre"]]
    for name in left:
        _unpin(document, name)
        document["pins"]["batches"].append({"cadre": name, "batch": None})
    plan = solve(document, stages=(1, 2))
    assert broken(document, plan) == []
    least = int(_levels(plan)["moved_classes"][0])
    assert _levels(plan)["moved_classes"][1] == least <= 2
    seats = {row["cadre"]: row["class"] for row in before["assignments"] if row["cadre"] not in left}
    classes = [k["id"] for k in document["batches"][0]["classes"]]
    for count in range(least):
        for people in itertools.combinations(sorted(seats), count):
            for targets in itertools.product(classes, repeat=count):
                assert not _lawful(document, seats | dict(zip(people, targets, strict=True)))


def test_the_curve_starts_with_the_fewest_moves_and_gets_better() -> None:
    document, before = _case("tiny")
    gone = before["assignments"][5]["cadre"]
    _unpin(document, gone)
    document["pins"]["batches"].append({"cadre": gone, "batch": None})
    closed = _held(before)[0]["sites"][0]["base"]
    next(base for base in document["bases"] if base["id"] == closed)["closed"].append(EVER)
    told: list[float] = []
    points = curve(document, progress=lambda stage, fraction, message: told.append(fraction))
    assert canonical(points[0]["plan"]) == canonical(solve(document))
    assert told == sorted(told)
    assert told[-1] == 1.0
    first = points[0]["moves"]
    assert len(points) > 1
    assert [p["moves"] for p in points] == sorted({p["moves"] for p in points})
    assert all(first <= point["moves"] <= first + 6 for point in points)
    for point in points:
        assert broken(document, point["plan"]) == []
        assert point["moves"] == point["seats_moved"] + point["gatherings_moved"]
        moved = _moves(point["plan"])
        assert (point["seats_moved"], point["gatherings_moved"]) == (len(moved["assignment"]), len(moved["gathering"]))
    ranks = [[p["levels"][n] for n in ("marginal_excess", "pair_excess", "max_load")] for p in points]
    assert ranks == sorted(ranks, reverse=True)
    assert len(curve(document, most=0)) == 1


def test_a_curve_needs_a_previous_plan() -> None:
    with pytest.raises(InputError, match="previous"):
        curve(tiny())
