"""Taking back a written list, as long as nothing depends on what it brought."""

import json
from collections.abc import Collection, Iterable
from typing import Any

import pghistory.models
from django.db.models import Model, QuerySet
from django.utils import timezone

from accounts import audit
from accounts.models import User
from cadres import imports
from cadres.actions.committing import dated
from cadres.actions.importing import BATCH, lock_cadres, lock_register, locked_import
from cadres.models import Cadre, ImportRow, PastAttendance, RosterImport, Unit
from config.errors import DomainError

Effect = ImportRow.Effect
NAMED = 5


def revert_import(*, roster_import: RosterImport, reason: str, by: User | None) -> RosterImport:
    """Take back a written list as a whole: new people go, changed ones get their former values, created units that nobody
    uses go too. The list and its report stay.

    Raises DomainError "reason_missing"; "depended_on" naming what refers to the people it brought; "changed_since" naming
    the people who were changed after it was written; Conflict when it is not written or was taken back already.
    """
    if not reason.strip():
        raise DomainError("reason_missing", "没有写明为什么撤回。请填写原因。")
    with audit.act("revert_import", by=by, subject=roster_import, reason=reason.strip()) as entry:
        lock_register()
        current = locked_import(roster_import, "revert")
        rows = list(current.rows.filter(effect__in=[Effect.NEW, Effect.CHANGED]).order_by("number"))
        if current.kind == RosterImport.Kind.PAST:
            entry.data |= _revert_past(current, rows)
        else:
            entry.data |= _revert_census(current, rows)
        current.reverted_at = timezone.now()
        current.reverted_reason = reason.strip()[:200]
        current.save()
    return current


def _revert_census(roster_import: RosterImport, rows: list[ImportRow]) -> dict[str, int]:
    cadres = lock_cadres({row.cadre_id for row in rows if row.cadre_id})
    values = {row.pk: json.loads(row.values)["fields"] for row in rows}
    later = [row for row in rows if row.cadre_id not in cadres or _is_changed(cadres[row.cadre_id], values[row.pk])]
    if later:
        raise DomainError(
            "changed_since",
            f"写入以后，{_named(cadres, later)}的资料又改过，撤回会盖掉后来的改动。"
            "后来的改动来自另一次导入的，请先撤回那一次；否则请逐人更正，不撤回。",
        )
    new = {row.cadre_id for row in rows if row.effect == Effect.NEW and row.cadre_id}
    found = dependants(Cadre.objects.filter(pk__in=new), apart_from=[ImportRow])
    if found:
        what = "；".join(f"{label} {count} 条" for label, count in found)
        raise DomainError("depended_on", f"这次新增的人已经用上了：{what}。请先把这些撤掉，再撤回导入。")
    _restore(cadres, [row for row in rows if row.effect == Effect.CHANGED], values)
    Cadre.objects.filter(pk__in=new).delete()
    return {"removed": len(new), "restored": len(rows) - len(new), "units": _remove_units(roster_import)}


def _is_changed(cadre: Cadre, written: dict[str, Any]) -> bool:
    return any(imports.registered_value(cadre, name) != value for name, value in written.items())


def _named(cadres: dict[int, Cadre], rows: list[ImportRow]) -> str:
    names = [cadres[row.cadre_id].name if row.cadre_id in cadres else f"第{row.number}行" for row in rows]
    return "、".join(names[:NAMED]) + (f"等{len(names)}人" if len(names) > NAMED else "")


def _restore(cadres: dict[int, Cadre], rows: list[ImportRow], values: dict[int, dict[str, Any]]) -> None:
    before = {row.pk: json.loads(row.before) for row in rows}
    names = {former["unit"] for former in before.values() if "unit" in former}
    spellings = imports.unit_spellings()
    units = {unit.name: unit for unit in Unit.objects.filter(name__in=[spellings.get(name, name) for name in names])}
    touched = {"sort_name"}
    changed = []
    for row in rows:
        cadre = cadres[row.cadre_id or 0]
        for name, value in before[row.pk].items():
            setattr(cadre, name, units[spellings[value]] if name == "unit" else dated(name, value))
        cadre.derive()
        changed.append(cadre)
        touched |= before[row.pk].keys()
    if changed:
        Cadre.objects.bulk_create(
            changed, batch_size=BATCH, update_conflicts=True, unique_fields=["id"], update_fields=sorted(touched)
        )


def _remove_units(roster_import: RosterImport) -> int:
    """Units that the list brought and that nothing refers to any more."""
    made = Unit.objects.filter(pk__in=[unit["created"] for unit in roster_import.unknown_units if "created" in unit])
    free = [unit.pk for unit in made if not dependants(Unit.objects.filter(pk=unit.pk))]
    Unit.objects.filter(pk__in=free).delete()
    return len(free)


def _revert_past(roster_import: RosterImport, rows: list[ImportRow]) -> dict[str, int]:
    values = {row.pk: json.loads(row.values) for row in rows}
    found = PastAttendance.objects.filter(cadre__in=[row.cadre_id for row in rows]).select_for_update(of=["self"])
    parts = {(part.cadre_id, part.session): part for part in found.select_related("cadre").order_by("pk")}
    lost: list[str] = []
    for row in rows:
        who, fields = values[row.pk]["who"], values[row.pk]["fields"]
        part = parts.get((row.cadre_id or 0, who["session"]))
        if part is None or imports.past_effect(fields, part)[0] != Effect.SAME:
            lost.append(who["name"])
        elif row.effect == Effect.NEW:
            part.delete()
        else:
            for name, value in json.loads(row.before).items():
                setattr(part, name, dated(name, value))
            part.save()
    if lost:
        raise DomainError(
            "changed_since",
            f"写入以后，{'、'.join(lost[:NAMED])}等{len(lost)}人的以往参加又改过，撤回会盖掉后来的改动。请逐人更正。",
        )
    new = sum(row.effect == Effect.NEW for row in rows)
    return {"removed": new, "restored": len(rows) - new}


def dependants(rows: "QuerySet[Any]", apart_from: Collection[type[Model]] = ()) -> list[tuple[str, int]]:
    """What refers to these rows, of whatever app: name of the kind and how many, by asking the models themselves.

    Row history does not count, nor do the kinds in `apart_from`.
    """
    found = []
    for relation in rows.model._meta.related_objects:
        model = relation.related_model
        if issubclass(model, pghistory.models.Event) or model in apart_from:
            continue
        count = model._base_manager.filter(**{f"{relation.field.name}__in": rows.values("pk")}).count()
        if count:
            found.append((str(model._meta.verbose_name), count))
    return _summed(found)


def _summed(found: Iterable[tuple[str, int]]) -> list[tuple[str, int]]:
    total: dict[str, int] = {}
    for label, count in found:
        total[label] = total.get(label, 0) + count
    return list(total.items())
