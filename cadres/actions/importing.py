"""From an uploaded file to its preview: upload, read, choose what becomes of unknown units, discard."""

import json
from collections.abc import Mapping
from contextlib import nullcontext
from typing import Any

from django.db import connection

from accounts import audit
from accounts.models import User
from cadres import imports
from cadres.list_reading import Finding
from cadres.models import Cadre, ImportFinding, ImportRow, RosterImport, Unit
from cadres.states import transition
from config.errors import Conflict, DomainError
from office.files import read_file, store_file
from office.jobs import JobRun, start_job
from office.spreadsheets import MAX_FILE_BYTES, UnreadableWorkbook
from office.workbook_checks import checked_package

READ_TASK = "cadres.read_import"
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
BATCH = 1000
ROSTER_LOCK = 0x6D69616F  # any number that no other lock of this kind has


def upload_list(
    *,
    kind: str,
    name: str,
    content: bytes,
    by: User | None,
    sheet: str = "",
    session: str = "",
    create_units: bool = False,
    in_background: bool = True,
) -> RosterImport:
    """Keep an uploaded list and start reading it; nothing of it is written yet.

    `name` is the file's, `session` names the earlier session of a list that has no column for it. The file is checked to be
    a sound .xlsx first, so that what cannot be read is not kept. `in_background` False leaves the reading to the caller
    (`read_import`). Raises UnreadableWorkbook, DomainError("session_long").
    """
    if len(session.strip()) > 60:
        raise DomainError("session_long", "期次超过60个字。请写短，如“第一期”。")
    checked_package(content[: MAX_FILE_BYTES + 1], name=name)
    with audit.act("upload_list", by=by, kind=kind) as entry:
        stored = store_file(name=name, kind="roster_import", content=content, content_type=XLSX, owner=by)
        roster_import = RosterImport.objects.create(
            kind=kind, file=stored, sheet=sheet.strip()[:100], session=session.strip(), create_units=create_units,
            created_by=by,
        )  # fmt: skip
        entry.about(roster_import)
        if in_background:
            _start_reading(roster_import, by)
    return roster_import


def _start_reading(roster_import: RosterImport, by: User | None) -> None:
    roster_import.job = start_job(
        task=READ_TASK, title=f"核对{roster_import.get_kind_display()}：{roster_import.file.name}"[:120], owner=by,
        params={"import": roster_import.pk}, result_url=f"/cadres/imports/{roster_import.pk}/",
    )  # fmt: skip
    roster_import.save(update_fields=["job"])


def read_import(*, roster_import: RosterImport, by: User | None = None, run: JobRun | None = None) -> imports.Preview:
    """Read the file against the register and write the preview: rows, findings, units to decide about.

    With `run` the preview and the job's end are one transaction. Read again, the same file gives the same preview. A file
    that cannot be read leaves the import UNREADABLE with the reason, and UnreadableWorkbook is raised. Raises Conflict when
    the import has moved on in the meantime.
    """
    transition("preview", roster_import.state)
    try:
        if run is not None:
            run.progress(10, "打开文件")
        preview = imports.read_list(roster_import, read_file(roster_import.file))
    except UnreadableWorkbook as error:
        with audit.act("read_import", by=by, subject=roster_import, problem=error.code):
            current = locked_import(roster_import, "give_up_reading")
            current.problem = imports.covered(error.message)[:500]
            current.save(update_fields=["state", "problem"])
        raise
    if run is not None:
        run.progress(70, f"读到{len(preview.rows)}行，正在整理")
    with run.finishing() if run is not None else nullcontext():
        with audit.act("read_import", by=by, subject=roster_import) as entry:
            current = locked_import(roster_import, "preview")
            _write_preview(current, preview)
            entry.data |= {"rows": len(preview.rows), "accepted": preview.accepted}
        if run is not None:
            run.message = f"核对完{len(preview.rows)}行，可写入{preview.accepted}行"
            run.result = {"rows": len(preview.rows), "accepted": preview.accepted}
    roster_import.refresh_from_db()
    return preview


def _write_preview(roster_import: RosterImport, preview: imports.Preview) -> None:
    roster_import.rows.all().delete()
    roster_import.findings.all().delete()
    ImportRow.objects.bulk_create(
        (
            ImportRow(
                roster_import=roster_import, number=row.number, effect=row.effect, cadre_id=row.cadre_id,
                values=as_text(row.values), before=as_text(row.before) if row.before else "",
            )
            for row in preview.rows
        ),
        batch_size=BATCH,
    )  # fmt: skip
    ImportFinding.objects.bulk_create((_finding(roster_import, each) for each in preview.findings), batch_size=BATCH)
    roster_import.sheet = preview.sheet[:100]
    roster_import.unknown_units = list(preview.units)
    roster_import.unknown_columns = list(preview.unknown_columns)
    roster_import.notes = list(preview.notes)
    roster_import.problem = ""
    roster_import.save()


def _finding(roster_import: RosterImport, finding: Finding) -> ImportFinding:
    return ImportFinding(
        roster_import=roster_import, row=finding.row, column=finding.column[:40], level=finding.level,
        kind=finding.kind[:30], value=finding.value[:100], message=finding.message[:300], remedy=finding.remedy[:300],
    )  # fmt: skip


def as_text(values: Mapping[str, Any]) -> str:
    """Values of a row as the encrypted columns keep them."""
    return json.dumps(values, ensure_ascii=False, separators=(",", ":"))


def choose_units(
    *, roster_import: RosterImport, choices: Mapping[str, tuple[str, str]], by: User | None
) -> RosterImport:
    """Decide what becomes of units that are not registered, and read the list again with that.

    `choices` maps a unit's name in the list to (CREATE, kind), (USE, name of another unit) or (SKIP, ""). Names that the
    list does not have are ignored. Raises DomainError("unit_choice") for a kind or unit that does not exist.
    """
    with audit.act("choose_units", by=by, subject=roster_import, units=len(choices)):
        current = locked_import(roster_import, "read_again")
        known = set(imports.unit_spellings().values()) | {unit["name"] for unit in current.unknown_units}
        current.unknown_units = [
            unit | _checked_choice(unit, *choices[unit["name"]], known) if unit["name"] in choices else unit
            for unit in current.unknown_units
        ]
        current.create_units = False  # from now on each unit has its own answer
        current.save()
        _start_reading(current, by)
    return current


def _checked_choice(unit: Mapping[str, Any], choice: str, detail: str, known: set[str]) -> dict[str, str]:
    if choice == imports.CREATE and detail in Unit.Kind.values:
        return {"choice": choice, "kind": detail, "use": ""}
    if choice == imports.USE and detail in known and detail != unit["name"]:
        return {"choice": choice, "use": detail}
    if choice == imports.SKIP:
        return {"choice": choice, "use": ""}
    raise DomainError("unit_choice", f"没有给“{unit['name']}”选好去处。请选建立、当作哪个单位，或先不管。")


def read_again(*, roster_import: RosterImport, by: User | None) -> RosterImport:
    """Compare the list with the register once more: after a conflict, after units were registered, after a lost job."""
    with audit.act("read_import_again", by=by, subject=roster_import):
        current = locked_import(roster_import, "read_again")
        current.save(update_fields=["state"])
        _start_reading(current, by)
    return current


def discard_import(*, roster_import: RosterImport, by: User | None) -> RosterImport:
    """Give up a list that was not written. Its rows go, what they held of people with them; the import itself stays listed."""
    with audit.act("discard_import", by=by, subject=roster_import):
        current = locked_import(roster_import, "discard")
        current.rows.all().delete()
        current.findings.all().delete()
        current.save(update_fields=["state"])
    return current


def locked_import(roster_import: RosterImport, act: str) -> RosterImport:
    """The import's row, locked and moved on by the act (not saved yet); Conflict when its state no longer allows it."""
    current = RosterImport.objects.select_for_update(of=["self"]).select_related("file").get(pk=roster_import.pk)
    current.state = transition(act, current.state).target
    return current


def lock_register() -> None:
    """Only one list is written or taken back at a time: the second waits here and then finds what the first has changed."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [ROSTER_LOCK])


def lock_cadres(cadre_ids: set[int]) -> dict[int, Cadre]:
    """These cadres by primary key, locked in one order until the transaction ends, so that pages cannot change them meanwhile."""
    found = Cadre.objects.select_for_update(of=["self"]).select_related("unit").filter(pk__in=cadre_ids).order_by("pk")
    return {cadre.pk: cadre for cadre in found}


def conflict(numbers: list[int]) -> Conflict:
    """The preview no longer holds for these rows of the sheet."""
    shown = "、".join(map(str, numbers[:5])) + (f" 等 {len(numbers)} 行" if len(numbers) > 5 else " 行")
    return Conflict(
        "preview_outdated", f"预览之后资料变过，没有写入：表中第 {shown}。请回到预览页点“重新核对”，看过再写入。"
    )
