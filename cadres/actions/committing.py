"""Writing the accepted rows of a list in one transaction."""

import datetime
import json
from collections.abc import Iterable
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone

from accounts import audit
from accounts.encryption import blind_index
from accounts.models import User
from cadres import imports
from cadres.actions.importing import BATCH, conflict, lock_cadres, lock_register, locked_import
from cadres.models import Cadre, ImportRow, PastAttendance, RosterImport, Unit
from config.errors import DomainError

Effect = ImportRow.Effect
NEW_CADRE = {"leading": False}
DATES = ("birth", "first_day", "last_day")


def commit_import(*, roster_import: RosterImport, by: User | None) -> RosterImport:
    """Write the accepted rows of a previewed list, all or none; refused rows are skipped.

    Units chosen for creation are registered first. Every row is compared again: where the register has changed since the
    preview, nothing is written and Conflict("preview_outdated") names the rows. Of two clerks at once the second finds the
    import written (Conflict). Raises DomainError("nothing_to_write") when every row is refused.
    """
    try:
        with audit.act("commit_import", by=by, subject=roster_import) as entry:
            lock_register()
            current = locked_import(roster_import, "commit")
            rows = list(current.rows.exclude(effect=Effect.REFUSED).order_by("number"))
            if not rows:
                raise DomainError("nothing_to_write", "没有一行可以写入。请下载问题表，改好后重新上传。")
            write = _write_past if current.kind == RosterImport.Kind.PAST else _write_census
            units = write(current, rows)
            current.committed_at = timezone.now()
            current.save()
            counted = {effect: sum(row.effect == effect for row in rows) for effect in (Effect.NEW, Effect.CHANGED)}
            entry.data |= {
                "rows": len(rows),
                "units": units,
                "new": counted[Effect.NEW],
                "changed": counted[Effect.CHANGED],
            }
    except IntegrityError as error:  # somebody entered one of the new people by hand in this very moment
        raise conflict([]) from error
    return current


def _write_census(roster_import: RosterImport, rows: list[ImportRow]) -> int:
    units, created = _units(roster_import)
    values = {row.pk: json.loads(row.values) for row in rows}
    by_id = imports.cadres_by_id_number(values[row.pk]["who"]["id_number"] for row in rows)
    cadres = lock_cadres({cadre.pk for cadre in by_id.values()})
    moved: list[int] = []
    new: list[tuple[ImportRow, Cadre]] = []
    changed: list[Cadre] = []
    touched: set[str] = set()
    for row in rows:
        who, fields = values[row.pk]["who"], values[row.pk]["fields"]
        found = by_id.get(blind_index(who["id_number"]))
        cadre = cadres.get(found.pk) if found else None
        effect, before = imports.census_effect(fields, cadre)
        if effect != row.effect or before != _before(row) or fields["unit"] not in units:
            moved.append(row.number)
        elif cadre is None:
            new.append((row, _filled(Cadre(id_number=who["id_number"]), NEW_CADRE | fields, units)))
        elif before:
            changed.append(_filled(cadre, {name: fields[name] for name in before}, units))
            touched |= before.keys()
    if moved:
        raise conflict(moved)
    _insert(new)
    _update(changed, touched)
    return created


def _units(roster_import: RosterImport) -> tuple[dict[str, Unit], int]:
    """Units by name, those chosen for creation made; how many were made is told, which ones is kept for the way back."""
    registered = imports.unit_spellings()
    wanted = [unit for unit in roster_import.unknown_units if unit["choice"] == imports.CREATE]
    new = [Unit(name=unit["name"], kind=unit["kind"]) for unit in wanted if unit["name"] not in registered]
    for unit in new:
        unit.derive()
    made = Unit.objects.bulk_create(new)
    by_name = {unit.name: unit.pk for unit in made}
    roster_import.unknown_units = [
        unit | ({"created": by_name[unit["name"]]} if unit["name"] in by_name else {})
        for unit in roster_import.unknown_units
    ]
    return {unit.name: unit for unit in Unit.objects.order_by("pk")}, len(made)


def _before(row: ImportRow) -> dict[str, Any]:
    return json.loads(row.before) if row.before else {}


def _filled(cadre: Cadre, fields: dict[str, Any], units: dict[str, Unit]) -> Cadre:
    for name, value in fields.items():
        setattr(cadre, name, units[value] if name == "unit" else dated(name, value))
    cadre.derive()
    return cadre


def dated(name: str, value: Any) -> Any:
    """A value of an import's row as the model has it."""
    return datetime.date.fromisoformat(value) if name in DATES and value else value


def _insert(new: list[tuple[ImportRow, Cadre]]) -> None:
    with transaction.atomic():
        Cadre.objects.bulk_create((cadre for _, cadre in new), batch_size=BATCH)
    for row, cadre in new:
        row.cadre = cadre
    ImportRow.objects.bulk_update((row for row, _ in new), ["cadre"], batch_size=BATCH)


def _update(changed: Iterable[Cadre], touched: set[str]) -> None:
    """All changes in a few statements: an upsert on the primary key, which always finds its row."""
    cadres = list(changed)
    if cadres:
        Cadre.objects.bulk_create(
            cadres, batch_size=BATCH, update_conflicts=True, unique_fields=["id"],
            update_fields=sorted(touched | {"sort_name"}),
        )  # fmt: skip


def _write_past(roster_import: RosterImport, rows: list[ImportRow]) -> int:
    values = {row.pk: json.loads(row.values) for row in rows}
    lock_cadres({row.cadre_id for row in rows if row.cadre_id})
    parts = PastAttendance.objects.filter(cadre__in=[row.cadre_id for row in rows]).select_for_update().order_by("pk")
    attended = {(part.cadre_id, part.session): part for part in parts}
    moved: list[int] = []
    new: list[PastAttendance] = []
    for row in rows:
        who, fields = values[row.pk]["who"], values[row.pk]["fields"]
        part = attended.get((row.cadre_id or 0, who["session"]))
        effect, before = imports.past_effect(fields, part)
        if effect != row.effect or before != _before(row) or row.cadre_id is None:
            moved.append(row.number)
        elif part is None:
            given = {name: dated(name, value) for name, value in fields.items()}
            new.append(
                PastAttendance(cadre_id=row.cadre_id, session=who["session"], source_import=roster_import, **given)
            )
        elif before:
            for name in before:
                setattr(part, name, dated(name, fields[name]))
            part.save(update_fields=list(before))
    if moved:
        raise conflict(moved)
    with transaction.atomic():
        PastAttendance.objects.bulk_create(new, batch_size=BATCH)
    return 0
