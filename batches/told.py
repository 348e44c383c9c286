"""Who was told of a version when it was published, and who has no account and hears it from somebody: as the trail keeps it."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from accounts.models import AuditEntry, User
from bases.models import PracticeBase
from batches.models import ClassOffice, PlanVersion
from batches.plan_ids import key
from cadres.models import Cadre, Unit, pinyin

MENTOR = "mentor"
Heard = set[tuple[int, str]]
"""Accounts of those who heard of it for an office of theirs: `MENTOR`, the base (P) or the township (T) they look after."""


@dataclass(frozen=True)
class Told:
    """By key: cadres who got a notice, cadres without an account, and the accounts of others (mentors, keepers of bases) who
    got one, with the office for which; `people` of them all, each counted once."""

    cadres: frozenset[int]
    by_hand: frozenset[int]
    others: frozenset[tuple[int, str]]
    people: int
    offices: tuple[int, ...] = ()
    """Offices of classes that ended, which are to be filled again by hand."""
    mentees: int = 0
    """People who lost their mentor."""

    @property
    def data(self) -> dict[str, object]:
        """For the trail: the number of people, and rows by key, no names."""
        return {
            "told": self.people, "told_cadres": sorted(self.cadres), "told_others": self.other_users,
            "told_as": [list(row) for row in sorted(self.others)],
            "to_be_told": sorted(self.by_hand), "offices": list(self.offices), "mentees": self.mentees,
        }  # fmt: skip

    @property
    def other_users(self) -> list[int]:
        return sorted({user for user, _ in self.others})

    @property
    def sentence(self) -> str:
        """通知了 3 人（学员 1 人，导师、基地和乡镇 2 人）；2 名学员没有账号，请单位转告."""
        rest = f"{len(self.by_hand)} 名学员没有账号，请单位转告" if self.by_hand else ""
        if not self.people:
            return rest or "没有人要通知"
        told = f"通知了 {self.people} 人"
        if self.others:
            told += f"（学员 {len(self.cadres)} 人，导师、基地和乡镇 {len(self.other_users)} 人）"
        return f"{told}；{rest}" if rest else told


def told_of(
    cadres: Iterable[Cadre], others: Iterable[tuple[int, str]] = (), *, offices: Iterable[int] = (), mentees: int = 0
) -> Told:
    """These cadres, by whether they have an account, and the accounts of others; and what is to be filled again."""
    rows, users = list(cadres), frozenset(others)
    reached = {row.pk: row.user_id for row in rows if row.user_id is not None}
    without = frozenset(row.pk for row in rows if row.user_id is None)
    heard = len({user for user, _ in users}.union(reached.values()))
    return Told(frozenset(reached), without, users, heard, tuple(offices), mentees)


@dataclass(frozen=True)
class Names:
    """The same for a page: names, with what the trail says of their number."""

    sentence: str
    cadres: tuple[str, ...]
    others: tuple[str, ...]
    by_hand: tuple[str, ...]
    to_appoint: str
    """第5班班长、副班长，1 名学员的导师: what fell vacant; empty where nothing did."""


def names_told(version: PlanVersion) -> Names | None:
    """Who was told of a version, by name (7 queries); None of versions published before this was kept."""
    rows = AuditEntry.objects.filter(act="publish_plan", subject_type="batches.Batch", subject_id=str(version.batch_id))
    found = (json.loads(text) for text in rows.order_by("seq").values_list("data", flat=True))
    data: dict[str, Any] = next((row for row in found if row.get("version") == version.number), {})
    if "to_be_told" not in data:
        return None
    cadres = Cadre.objects.filter(pk__in=[*data["told_cadres"], *data["to_be_told"]]).select_related("unit")
    by_pk = {row.pk: row for row in cadres.order_by("sort_name", "pk")}
    heard = [(user, role) for user, role in data.get("told_as", [])]  # versions before this was kept tell no office
    users = sorted(User.objects.filter(pk__in=data["told_others"]).order_by("pk"), key=lambda row: pinyin(row.name))
    roles = _roles(heard)
    reached, waiting = frozenset(data["told_cadres"]), frozenset(data["to_be_told"])
    told = Told(reached, waiting, frozenset(heard) or frozenset((pk, "") for pk in data["told_others"]), data["told"])
    return Names(
        told.sentence,
        tuple(f"{row.name}（{row.unit}）" for pk, row in by_pk.items() if pk in reached),
        tuple(f"{user.name}（{roles[user.pk]}）" if user.pk in roles else user.name for user in users),
        tuple(f"{row.name}（{row.unit}）" for pk, row in by_pk.items() if pk in waiting),
        _to_appoint(data.get("offices", []), data.get("mentees", 0)),
    )


def _roles(heard: list[tuple[int, str]]) -> dict[int, str]:
    """Account → 导师；基地管理员，双溪村；乡镇联络员，桥头镇: for which offices of theirs they were told."""
    bases = PracticeBase.objects.select_related("village").order_by("pk")
    words = {MENTOR: "导师"}
    words |= {key("P", row.pk): f"基地管理员，{row.village}" for row in bases}
    words |= {
        key("T", row.pk): f"乡镇联络员，{row}"
        for row in Unit.objects.filter(villages__isnull=False).distinct().order_by("pk")
    }
    found: dict[int, list[str]] = {}
    for user, role in sorted(heard):
        found.setdefault(user, []).append(words.get(role, ""))
    return {user: "；".join(row for row in rows if row) for user, rows in found.items()}


def _to_appoint(offices: list[int], mentees: int) -> str:
    history = ClassOffice.pgh_event_model.objects  # type: ignore[attr-defined] # made by pghistory; what never held is no row
    last = history.filter(pgh_obj_id__in=offices).order_by("pgh_obj_id", "-pgh_id").distinct("pgh_obj_id")
    rows = list(last.select_related("membership__practice_class"))
    rows.sort(key=lambda row: row.kind, reverse=True)
    rows.sort(key=lambda row: row.membership.practice_class.number)
    found = [f"{row.membership.practice_class.short_name}{row.get_kind_display()}" for row in rows]
    return "、".join([*found, *([f"{mentees} 名学员的导师"] if mentees else [])])
