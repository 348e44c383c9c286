"""Of a published batch, what must not stand against the days to come: people whom a gathering does not concern.

The planner knows of everybody one class. Who was not there, who has not come to the class yet, and who still sleeps there
without a seat, would look to it like missing beds, full bases or groups too small; so they are excused or stood in for.
"""

import datetime
from collections import Counter
from typing import Any

from batches.models import Batch, Gathering
from batches.plan_ids import key, pk_of, room_of_nobody
from batches.standing import DAY, Standing

EXCUSES = OVER, LEAVING, JOINING = "已经集中过", "有人还没有离班", "有人还没有到班"
"""Said in the place of an approver where no exception was made: the rule does not bear on what is over, on a group in
which somebody still sleeps who has no seat any more, nor on who has a seat and has not come yet."""


def excuse_what_was(batch: Batch, standing: Standing, document: dict[str, Any]) -> None:
    """What has begun was lodged with the people of its day. With those of today a group may be too small there, or a bed
    missing, which must not stand against the days to come: groups are excused, and rooms are added that shut today.
    """
    bases = {row["id"]: row for row in document["bases"]}
    for place, stood in sorted(standing.begun.items()):
        members = {cadre for cadre, seat in standing.seats.items() if seat == place[0]}
        if members == stood.beds.keys():
            continue
        for base in sorted(stood.bases):
            row = bases[key("P", base)]
            if more := len(members - stood.beds.keys()):
                _add_room_that_was(batch, standing, document, row, more)
            document["waivers"] += [
                {
                    "rule": "R16", "subject": f"{house['id']}:{key('K', place[0])}#{place[1]}",
                    "reason": OVER, "approver": OVER,
                }
                for house in row["households"]
            ]  # fmt: skip


def excuse_groups_of_leaving(standing: Standing, document: dict[str, Any]) -> None:
    """Where somebody who will have left still sleeps, those who share the household are no smaller a group for that."""
    least = document["programme"]["household_group"]["min"]
    for place, stood in sorted(standing.coming.items()):
        leaving = set(standing.still_there(place[0], stood.gathering.first_day))
        groups = Counter(household for household, _, _ in stood.beds.values())
        homes = {row.household_id for row in stood.lodgings if row.enrollment.cadre_id in leaving}
        document["waivers"] += [
            {
                "rule": "R16", "subject": f"{key('H', home)}:{key('K', place[0])}#{place[1]}", "reason": LEAVING,
                "approver": LEAVING,
            }
            for home in sorted(home for home in homes if home is not None and 0 < groups[home] < least)
        ]  # fmt: skip


def _add_room_that_was(
    batch: Batch, standing: Standing, document: dict[str, Any], base: dict[str, Any], people: int
) -> None:
    """Rooms for more people of either sex at a base before `since`; from then on they are shut and the room is taken."""
    since, beyond = standing.since.isoformat(), _beyond(batch)
    for _ in range(2):
        house, room = room_of_nobody(pk_of(base["id"]), len(base["households"]))
        rooms = [{"id": room, "beds": people, "closed": []}]
        base["households"].append({"id": house, "closed": [[since, beyond]], "rooms": rooms, "stand_in": True})
    base["declared_capacity"] += people
    document["other_uses"].append(
        {"base": base["id"], "first_day": since, "last_day": batch.last_day.isoformat(), "people": people}
    )


def _beyond(batch: Batch) -> str:
    return (batch.last_day + datetime.timedelta(days=31)).isoformat()


def stand_in_for_joining(batch: Batch, standing: Standing, document: dict[str, Any], plan: dict[str, Any]) -> None:
    """Whoever comes to a class after a coming gathering of it has a bed there that only the planner knows, open on those days
    alone, and takes nobody's place: otherwise a bed would be missing, or a base too full, for somebody who is elsewhere.

    Publishing leaves these beds out (`reprojection`), and nobody is shown in them.
    """
    bases = {row["id"]: row for row in document["bases"]}
    visits = {(row["class"], row["index"]): row for row in plan["gatherings"]}
    for place, stood in sorted(standing.coming.items()):
        visit = visits[key("K", place[0]), place[1]]
        base = bases.get(visit["sites"][0]["base"])
        if base is None:
            continue
        for cadre in standing.not_yet(place):
            row = _add_room_of_nobody(batch, standing, document, base, stood.gathering)
            where = {"class": visit["class"], "index": visit["index"]}
            plan["lodging"].append(where | {"cadre": key("C", cadre), **row, "bed": 1})
            visit["sites"][0]["people"] += 1
            subject = f"{row['household']}:{visit['class']}#{visit['index']}"
            excuse = {"rule": "R16", "subject": subject, "reason": JOINING, "approver": JOINING}
            document["waivers"].append(excuse)
    plan["lodging"].sort(key=lambda row: (row["class"], row["index"], row["cadre"]))


def _add_room_of_nobody(
    batch: Batch, standing: Standing, document: dict[str, Any], base: dict[str, Any], gathering: Gathering
) -> dict[str, str]:
    """A room with one bed at a base, open on the days of a gathering; the base takes one more on these days and no others."""
    since, after = standing.since.isoformat(), gathering.last_day + DAY
    closed = [[since, gathering.first_day.isoformat()], [after.isoformat(), _beyond(batch)]]
    house, room = room_of_nobody(pk_of(base["id"]), len(base["households"]))
    rooms = [{"id": room, "beds": 1, "closed": []}]
    shut = [row for row in closed if row[0] < row[1]]
    base["households"].append({"id": house, "closed": shut, "rooms": rooms, "stand_in": True})
    base["declared_capacity"] += 1
    document["other_uses"] += [
        {"base": base["id"], "first_day": first.isoformat(), "last_day": last.isoformat(), "people": 1}
        for first, last in ((standing.since, gathering.first_day - DAY), (after, batch.last_day)) if first <= last
    ]  # fmt: skip
    return {"household": house, "room": room}
