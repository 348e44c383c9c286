"""Lists that leave the system: the refused rows to mend, and the register's rows, masked unless there is a reason."""

import json
from typing import Any

from django.db.models import QuerySet
from django.utils import timezone

from accounts import audit
from accounts.models import User
from cadres import documents
from cadres.models import Cadre, ImportRow, RosterImport
from config.errors import DomainError

MOST_ROWS = 5000
SHORTEST_PURPOSE = 4
HEADINGS = (
    "序号", "姓名", "性别", "出生年月", "单位", "现任职务", "职务层次", "职级", "岗位类别", "班子成员", "政治面貌", "学历",
    "状态", "身份证号", "手机号码",
)  # fmt: skip
PROBLEM = "问题与改法"


def download_refused(*, roster_import: RosterImport, by: User) -> bytes:
    """The refused rows as a sheet to mend and upload again: the columns as they were, and what is wrong beside each row.

    Recorded, for it holds what the clerk uploaded in full. Raises DomainError("nothing_refused").
    """
    refused = list(roster_import.rows.filter(effect=ImportRow.Effect.REFUSED).order_by("number"))
    if not refused:
        raise DomainError("nothing_refused", "这次导入没有被跳过的行，不用改。")
    problems: dict[int, list[str]] = {}
    for finding in roster_import.findings.filter(row__in=[row.number for row in refused]).order_by("row", "pk"):
        column = f"{finding.column}：" if finding.column else ""
        problems.setdefault(finding.row, []).append(f"{column}{finding.message}。{finding.remedy}。")
    cells = {row.pk: json.loads(row.values)["cells"] for row in refused}
    headings = [label for label, _ in cells[refused[0].pk] if label != PROBLEM]
    kept = [place for place, (label, _) in enumerate(cells[refused[0].pk]) if label != PROBLEM]
    lines = [[*(cells[row.pk][place][1] for place in kept), "\n".join(problems.get(row.number, []))] for row in refused]
    audit.record("download_refused", by=by, subject=roster_import, rows=len(lines))
    return documents.table([*headings, PROBLEM], lines, title="问题表")


def export_cadres(*, cadres: "QuerySet[Cadre]", purpose: str, filters: str, by: User, in_full: bool = False) -> bytes:
    """The cadres as a sheet of texts, ID numbers and phones masked unless `in_full`; a last line says who made it and why.

    Recorded with the purpose, the filters and the number of rows (PIPL art. 51). Raises DomainError "purpose_missing",
    "too_many" beyond 5,000 rows, "nothing_to_export".
    """
    if len(purpose.strip()) < SHORTEST_PURPOSE:
        raise DomainError("purpose_missing", f"请写明导出做什么用，至少{SHORTEST_PURPOSE}个字；会记入审计。")
    found = list(cadres.select_related("unit").order_by("unit__sort_name", "sort_name", "pk")[: MOST_ROWS + 1])
    if len(found) > MOST_ROWS:
        raise DomainError("too_many", f"一次最多导出{MOST_ROWS}人。请先筛选，分几次导出。")
    if not found:
        raise DomainError("nothing_to_export", "没有符合条件的人。请放宽筛选后再导出。")
    audit.record(
        "export_cadres", by=by, reason=purpose.strip(), rows=len(found), filters=filters[:500], in_full=in_full
    )
    stamp = timezone.localtime().strftime("%Y-%m-%d %H:%M")
    foot = (
        f"{by.name} {stamp} 导出，共 {len(found)} 人，用途：{purpose.strip()[:100]}。含个人信息，不得外传，用后删除。"
    )
    lines = [_line(number, cadre, in_full=in_full) for number, cadre in enumerate(found, 1)]
    return documents.table(HEADINGS, lines, title="干部名册", foot=foot)


def _line(number: int, cadre: Cadre, *, in_full: bool) -> list[Any]:
    return [
        number, cadre.name, cadre.get_sex_display(), f"{cadre.birth:%Y-%m}", cadre.unit.name, cadre.post, cadre.level,
        cadre.rank, cadre.post_kind, "是" if cadre.leading else "", cadre.political_status, cadre.education,
        cadre.get_state_display(), cadre.id_number if in_full else cadre.masked_id_number,
        cadre.phone if in_full else cadre.masked_phone,
    ]  # fmt: skip
