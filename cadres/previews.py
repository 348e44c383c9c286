"""A preview as its page shows it: rows with what is found and what changes, numbers masked."""

import json
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from accounts.encryption import mask_id_number
from cadres.imports import LABELS, covered, shown_value
from cadres.models import ImportFinding, ImportRow, RosterImport

Effect = ImportRow.Effect
CHIPS = {
    Effect.REFUSED: ("bad", "ban"),
    Effect.NEW: ("info", "plus"),
    Effect.CHANGED: ("warn", "edit"),
    Effect.SAME: ("mute", "equal"),
}
POST_FIELDS = ("post", "rank")
OF_UNIT = ("unit_unknown", "unit_missing")


@dataclass(frozen=True)
class Change:
    """A field that a row changes, old and new value as people read them."""

    label: str
    old: str
    new: str


@dataclass(frozen=True)
class ShownRow:
    """One row of the preview. `cells` are the texts of its columns; those in `faulty` are underlined."""

    number: int
    effect: str
    label: str
    chip: tuple[str, str]
    name: str
    id_number: str
    unit: str
    about: str
    changes: tuple[Change, ...]
    findings: tuple[ImportFinding, ...]
    faulty: frozenset[str]


def shown_rows(roster_import: RosterImport, rows: Iterable[ImportRow]) -> list[ShownRow]:
    """Rows of one page; their findings in one query."""
    listed = list(rows)
    findings: defaultdict[int, list[ImportFinding]] = defaultdict(list)
    numbers = [row.number for row in listed]
    for finding in roster_import.findings.filter(row__in=numbers).order_by("row", "level", "pk"):
        findings[finding.row].append(finding)
    return [_shown(row, findings[row.number], past=roster_import.kind == RosterImport.Kind.PAST) for row in listed]


def _shown(row: ImportRow, findings: list[ImportFinding], *, past: bool) -> ShownRow:
    values = json.loads(row.values)
    before = json.loads(row.before) if row.before else {}
    who, fields = values["who"], values["fields"]
    id_number = mask_id_number(who["id_number"]) or next(
        (finding.value for finding in findings if finding.kind.startswith("id_")), ""
    )
    faulty = {"id_number" for f in findings if f.level == "error" and (f.kind.startswith("id_") or f.kind == "dup_id")}
    faulty |= {"unit" for f in findings if f.level == "error" and f.kind in OF_UNIT}
    faulty |= {"name" for f in findings if f.level == "error" and f.kind.startswith("name_")}
    about = _session(who, fields) if past else _post(who | fields)
    changes = tuple(
        Change(LABELS[name], shown_value(name, old), shown_value(name, fields[name])) for name, old in before.items()
    )
    effect = Effect(row.effect)
    return ShownRow(
        number=row.number, effect=row.effect, label=effect.label, chip=CHIPS[effect], name=covered(who["name"]),
        id_number=id_number, unit=covered(who["unit"]), about=about, changes=changes, findings=tuple(findings),
        faulty=frozenset(faulty),
    )  # fmt: skip


def _post(values: dict[str, Any]) -> str:
    texts = dict.fromkeys(covered(str(values[name])) for name in POST_FIELDS if values.get(name))
    return "　".join(texts)


def _session(who: dict[str, Any], fields: dict[str, Any]) -> str:
    days = " 至 ".join(fields[name] for name in ("first_day", "last_day") if fields.get(name))
    return "　".join(
        covered(text) for text in (who["session"], fields.get("class_name"), days, fields.get("outcome")) if text
    )


def moved_between_units(roster_import: RosterImport) -> int:
    """How many people the list moves to another unit."""
    changed = roster_import.rows.filter(effect=Effect.CHANGED).order_by().values_list("before", flat=True)
    return sum("unit" in json.loads(before) for before in changed)


def matching(rows: Iterable[ImportRow], text: str) -> list[ImportRow]:
    """Rows whose name holds the text or whose ID number ends with it; decrypted one by one, as nothing plain is stored."""
    wanted = text.strip().upper()
    found = []
    for row in rows:
        who = json.loads(row.values)["who"]
        if wanted in who["name"].upper() or (len(wanted) >= 2 and who["id_number"].endswith(wanted)):
            found.append(row)
    return found
