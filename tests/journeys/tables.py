"""The tables that the clerk of an empty county has at hand."""

import io
from pathlib import Path

import openpyxl

from bases.imports import KNOWN

ROSTER = Path(__file__).parents[1] / "cadres" / "rosters" / "clean-266.xlsx"
VILLAGES = (("青石镇", "上坪村"), ("青石镇", "竹湾村"), ("柳塘乡", "柳塘村"), ("柳塘乡", "石桥村"))
HEADS = [[f"黄{first}{second}" for first in "永春夏秋冬福"] for second in "山水田林"]
ADMITTED = ("2025-12-01", "2025-12-02", "2025-12-12", "2025-12-16")
"""研判、公示第一天、公示最后一天、纳管 of every household."""


def bases_table() -> bytes:
    """Four villages close to each other, each with six admitted households of four beds in two rooms."""
    bases, households = [], []
    for place, (township, village) in enumerate(VILLAGES):
        bases.append({
            "乡镇": township, "村": village, "合作社": f"{village}股份经济合作社", "联系人": "林国强",
            "联系电话": f"1990000030{place}", "日均承载": 40, "县城以东公里": 4 + 2 * place, "县城以北公里": 3,
            "党性教育": "红色驿站", "农事体验": "茶园", "村情调查": "村史馆", "线路": "东线",
        })  # fmt: skip
        for number in range(len(HEADS[place])):
            reviewed, first, last, admitted = ADMITTED
            households.append({
                "乡镇": township, "村": village, "户主": HEADS[place][number], "门牌": f"{number + 1}号",
                "电话": f"199000004{place}{number}", "房间床位": "东屋2张、西屋2张", "研判日期": reviewed, "公示第一天": first,
                "公示最后一天": last, "纳管日期": admitted,
            })  # fmt: skip
    workbook = openpyxl.Workbook()
    workbook.remove(workbook.active)
    for (sheet, columns), rows in zip(KNOWN.items(), (bases, households), strict=True):
        page = workbook.create_sheet(sheet)
        page.append(columns)
        for row in rows:
            page.append([row.get(column) for column in columns])
    content = io.BytesIO()
    workbook.save(content)
    return content.getvalue()
