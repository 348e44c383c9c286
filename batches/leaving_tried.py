"""A trial of somebody who leaves on a day to come: until that day the person sleeps where they were to, as in a repair of it."""

from collections import Counter
from collections.abc import Collection
from typing import Any

from batches.planning.changes import Change

Row = dict[str, Any]


def with_leaving(document: Row, changes: Collection[Change], since: str, excuse: str) -> bool:
    """Everybody who leaves from a day on is at the gatherings from `since` until then a guest with the bed taken, in no group
    of the class, and at none after it; their seat is asked for no more. Changes the document given; answers whether its
    previous decisions did.

    A group that is too small without them is excused (R16), in the words of `excuse`.
    """
    gone = {change["cadre"] for change in changes if change["kind"] == "withdraw"}
    document["cadres"] = [row for row in document["cadres"] if row["id"] not in gone]
    document["pins"]["batches"] = [row for row in document["pins"]["batches"] if row["cadre"] not in gone]
    days = {
        change["cadre"]: change["from"] for change in changes if change["kind"] == "withdraw" and change.get("from")
    }
    base_of = {house["id"]: base["id"] for base in document["bases"] for house in base["households"]}
    stand_ins = {house["id"] for base in document["bases"] for house in base["households"] if house.get("stand_in")}
    previous = document["previous"]
    seats = {row["cadre"]: row["class"] for row in previous["assignments"]}
    visits = {(row["class"], row["index"]): row for row in previous["gatherings"] if "skipped" not in row}
    coming = [
        (visit, bed)
        for bed in previous["lodging"]
        if bed["cadre"] in days
        and (visit := visits[bed["class"], bed["index"]])["first_day"] >= since
        and bed["class"] == seats.get(bed["cadre"])  # where they still are without a seat, they are guests already
    ]
    guests = [
        bed for visit, bed in coming
        if visit["first_day"] < days[bed["cadre"]] and bed["household"] not in stand_ins
    ]  # fmt: skip
    for visit, bed in coming:
        base = base_of.get(bed["household"])
        for site in visit["sites"]:
            site["people"] -= site["base"] == base and site["people"] > 1
        if bed in guests and base is not None:
            stay = {"base": base, "first_day": visit["first_day"], "last_day": visit["last_day"], "people": 1}
            document["other_uses"].append(stay)
    beds = [bed for bed in previous["lodging"] if bed["cadre"] not in days]
    groups = Counter((bed["household"], bed["class"], bed["index"]) for bed in beds)
    least = document["programme"]["household_group"]["min"]
    for name in sorted({(bed["household"], bed["class"], bed["index"]) for bed in guests}):
        if 0 < groups[name] < least:
            subject = f"{name[0]}:{name[1]}#{name[2]}"
            document["waivers"].append({"rule": "R16", "subject": subject, "reason": excuse, "approver": excuse})
    changed = len(beds) < len(previous["lodging"])
    previous["lodging"] = beds
    return changed
