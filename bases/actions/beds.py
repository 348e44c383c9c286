"""Rooms and beds of a household, entered as people say them: 东屋 2 张、西屋 2 张."""

import re
from collections.abc import Mapping

from accounts import audit
from accounts.models import User
from bases.actions.uses import lock_bases
from bases.models import Bed, HostHousehold, Room
from config.errors import DomainError

MOST_BEDS = 20
ONE_ROOM = re.compile(r"(?P<name>.*?\D)[\s:：]*(?P<beds>\d{1,3})\s*[张个]?(?:床位?)?")


def read_rooms(text: str) -> dict[str, int]:
    """Rooms and their beds from a text such as “东屋 2 张、西屋 2 张”; the empty text has none.

    Raises DomainError "rooms_unreadable", "room_twice", "beds_out_of_range".
    """
    rooms: dict[str, int] = {}
    for part in filter(None, (part.strip() for part in re.split(r"[、，,；;。\n]+", text))):
        match = ONE_ROOM.fullmatch(part)
        name = match["name"].strip(" 　:：") if match else ""
        if match is None or not name or len(name) > 20:
            raise DomainError("rooms_unreadable", f"看不懂“{part[:30]}”。请写成“东屋2张、西屋2张”。")
        if name in rooms:
            raise DomainError("room_twice", f"“{name}”写了两次。请合成一项。")
        rooms[name] = int(match["beds"])
        if rooms[name] > MOST_BEDS:
            raise DomainError("beds_out_of_range", f"“{name}”有 {rooms[name]} 张床，超过 {MOST_BEDS} 张。请核对。")
    return rooms


def told_rooms(household: HostHousehold) -> str:
    """The rooms as `read_rooms` reads them; uses the prefetched rooms and beds where there are some."""
    counted = ((room.name, sum(bed.active for bed in room.beds.all())) for room in household.rooms.all())
    return "、".join(f"{name}{beds}张" for name, beds in counted if beds)


def set_beds(*, household: HostHousehold, rooms: Mapping[str, int], by: User | None) -> HostHousehold:
    """Make the household's rooms have exactly these numbers of beds in use; a room not named has none.

    Rows are never deleted: beds go out of use (`active`) from the highest number on and come back into use. Raises
    DomainError("beds_out_of_range").
    """
    if any(not 0 <= beds <= MOST_BEDS for beds in rooms.values()):
        raise DomainError("beds_out_of_range", f"一间房的床位要在 0 到 {MOST_BEDS} 张之间。请核对。")
    with audit.act("set_beds", by=by, subject=household, rooms=dict(rooms)):
        lock_bases([household.base_id])
        present = {room.name: room for room in household.rooms.prefetch_related("beds")}
        missing = [Room(household=household, name=name) for name, beds in rooms.items() if beds and name not in present]
        new_beds = []
        for room in Room.objects.bulk_create(missing):
            new_beds += [Bed(room=room, number=number) for number in range(1, rooms[room.name] + 1)]
        for name, room in present.items():
            wanted, beds = rooms.get(name, 0), {bed.number: bed for bed in room.beds.all()}
            new_beds += [Bed(room=room, number=number) for number in range(1, wanted + 1) if number not in beds]
            for number, bed in beds.items():
                if bed.active != (number <= wanted):
                    bed.active = number <= wanted
                    bed.save(update_fields=["active"])
        Bed.objects.bulk_create(new_beds)
    return household
