"""Lists brought in by the acts that pages call, without a worker."""

from typing import Any

from accounts.models import User
from cadres import actions
from cadres.models import RosterImport
from tests.cadres.sheets import saved, workbook_of

PAST_HEADINGS = ("期次", "班级", "单位", "姓名", "身份证号", "开始时间", "结束时间", "结果")


def read(content: bytes, by: User | None = None, **options: Any) -> RosterImport:
    """Uploaded and read: the preview stands."""
    kind = options.pop("kind", RosterImport.Kind.CENSUS)
    roster_import = actions.upload_list(
        kind=kind, name="名册.xlsx", content=content, by=by, in_background=False, **options
    )
    actions.read_import(roster_import=roster_import, by=by)
    return roster_import


def written(content: bytes, by: User | None = None, **options: Any) -> RosterImport:
    """Uploaded, read and written."""
    return actions.commit_import(roster_import=read(content, by, **options), by=by)


def past_list_of(*rows: dict[str, object]) -> bytes:
    """An old session's list."""
    return saved(workbook_of([PAST_HEADINGS, *([row.get(heading) for heading in PAST_HEADINGS] for row in rows)]))


def effects(roster_import: RosterImport) -> dict[int, str]:
    """Row of the sheet → what it does."""
    return dict(roster_import.rows.order_by("number").values_list("number", "effect"))
