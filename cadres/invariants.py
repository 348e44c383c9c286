"""What cadres must never break (invariants 1 and 10), asked of the rows."""

from django.db import connection
from django.db.models import F, Q

from cadres.models import Cadre, ImportRow, RosterImport, Unavailability
from office.invariants import Invariant

SEALED = r"^[^.]+\.[A-Za-z0-9+/=]+$"
PERSONAL_COLUMNS = (
    ("cadres_cadre", "id_number"), ("cadres_cadre", "phone"), ("cadres_importrow", "values"),
    ("cadres_importrow", "before"),
)  # fmt: skip


def unsealed_values() -> list[str]:
    """10a: ID numbers, phones and rows of imports lie encrypted in the database."""
    found = []
    quote = connection.ops.quote_name
    with connection.cursor() as cursor:
        for table, column in PERSONAL_COLUMNS:
            cursor.execute(
                f"SELECT id FROM {quote(table)} WHERE {quote(column)} <> '' AND {quote(column)} !~ %s ORDER BY id LIMIT 20",  # noqa: S608 -- constant names
                [SEALED],
            )
            found += [f"{table}.{column} 编号 {row[0]} 没有加密" for row in cursor.fetchall()]
    return found


def lost_indexes() -> list[str]:
    """10b: a cadre with an ID number is found by it, and only by it."""
    bad = Cadre.objects.filter(
        Q(id_number="", id_number_index__isnull=False) | Q(~Q(id_number=""), id_number_index__isnull=True)
        | Q(~Q(id_number=""), id_number_tail="")
    )  # fmt: skip
    return [f"干部编号 {pk} 的身份证号查不到" for pk in bad.order_by("pk").values_list("pk", flat=True)]


def half_written_imports() -> list[str]:
    """10c: a written list has written every row it accepted."""
    bad = ImportRow.objects.filter(
        roster_import__state=RosterImport.State.COMMITTED, cadre__isnull=True,
    ).filter(effect__in=[ImportRow.Effect.NEW, ImportRow.Effect.CHANGED])  # fmt: skip
    pairs = bad.order_by("roster_import", "number").values_list("roster_import", "number")
    return [f"导入编号 {number} 第 {row} 行说写入了，名册里没有" for number, row in pairs]


def backward_days() -> list[str]:
    """1d: days somebody cannot come have a beginning and an end, and run forward."""
    bad = Unavailability.objects.filter(
        Q(days__startswith__isnull=True) | Q(days__endswith__isnull=True) | Q(days__startswith__gte=F("days__endswith"))
    )
    return [f"不可用时间编号 {pk} 的起止不对" for pk in bad.order_by("pk").values_list("pk", flat=True)]


INVARIANTS: list[Invariant] = [
    Invariant("1d", "不可用时间有起有止", backward_days),
    Invariant("10a", "身份证号、手机号、导入内容都加密存放", unsealed_values),
    Invariant("10b", "有身份证号的干部都能按号查到", lost_indexes),
    Invariant("10c", "写入了的导入，每一行都落到了人", half_written_imports),
]
