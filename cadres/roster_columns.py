"""Finding the heading of a list and what each of its columns holds, whatever the county calls them and in whatever order."""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cadres.formats import plain_text, shortened
from office.sheet_scan import column_letters
from office.spreadsheets import Sheet, Value

HEADING_WITHIN = 15  # rows
HEADING_LEVELS = 3
FEWEST_KNOWN = 3
MAX_LABEL = 40

ROSTER_ALIASES: dict[str, tuple[str, ...]] = {
    "name": ("姓名", "名字", "干部姓名"),
    "sex": ("性别",),
    "birth": ("出生年月", "出生日期", "出生年月日", "出生时间", "生日"),
    "id_number": (
        "身份证号",
        "身份证",
        "身份证号码",
        "公民身份号码",
        "公民身份证号码",
        "居民身份证号",
        "居民身份证号码",
        "证件号码",
        "证件号",
    ),
    "nationality": ("民族", "族别"),
    "political_status": ("政治面貌", "党派"),
    "education": ("最高学历", "学历", "文化程度", "学历层次", "最高学历学位", "学历学位", "现学历"),
    "education_in_service": ("在职学历", "在职教育学历", "在职最高学历"),
    "education_full_time": ("全日制学历", "全日制教育学历", "全日制最高学历"),
    "unit": (
        "单位",
        "所在单位",
        "单位名称",
        "工作单位",
        "现工作单位",
        "呈报单位",
        "派出单位",
        "委派单位",
        "所属单位",
        "部门",
        "所在部门",
    ),
    "post": (
        "现任职务",
        "职务",
        "现职务",
        "现任职",
        "职务名称",
        "岗位",
        "任职岗位",
        "所在单位及职务",
        "工作单位及职务",
        "单位及职务",
        "现任职务全称",
        "工作单位及现任职务",
    ),
    "level": ("职务层次", "行政级别", "级别", "职务级别", "领导职务层次", "现任职务层次"),
    "rank": ("职级", "现职级", "现任职级", "职级名称", "公务员职级", "现任职级等级", "岗位等级"),
    "leading": ("班子成员", "是否班子成员", "领导班子成员", "是否领导班子成员", "班子"),
    "specialty": ("专长", "特长", "专业特长", "熟悉专业有何专长", "业务专长", "熟悉领域"),
    "grassroots": ("基层工作经历", "基层经历", "基层工作经验", "乡镇工作经历", "有无基层经历"),
    "phone": ("手机号码", "手机号", "手机", "联系电话", "联系方式", "电话", "电话号码", "移动电话"),
    "start_work": ("参加工作时间", "参工时间", "参加工作日期", "参加工作年月", "参工年月", "工作时间"),
    "party_date": ("入党时间", "入党日期", "入党年月", "党派加入时间", "加入党派时间", "入党派时间"),
    "staffing_kind": ("编制类型", "人员类别", "编制性质", "人员身份", "身份", "编制", "人员性质", "编制类别"),
    "remarks": ("备注", "说明"),
}
# Known, and rightly left aside: computed afresh, or not needed.
ROSTER_IGNORED = {
    "序号", "编号", "年龄", "籍贯", "出生地", "健康状况", "婚姻状况", "全日制学位", "在职学位", "最高学位", "学位",
    "毕业院校", "毕业院校系及专业", "毕业院校及专业", "全日制毕业院校系及专业", "在职毕业院校系及专业", "所学专业",
    "专业", "任现职时间", "任现职务时间", "任现职级时间", "任同职级时间", "任职时间", "职称", "专业技术职务",
    "职称评定时间", "近三年年度考核", "年度考核", "考核结果", "兼任职务", "照片", "签名",
}  # fmt: skip

PAST_ALIASES: dict[str, tuple[str, ...]] = {
    "name": ROSTER_ALIASES["name"],
    "id_number": ROSTER_ALIASES["id_number"],
    "unit": ROSTER_ALIASES["unit"],
    "session": ("期次", "届次", "期数", "批次", "参加期次", "第几期", "期别", "期"),
    "class_name": ("班级", "班次", "班别", "所在班级", "班", "实践班", "班组"),
    "period": ("起止时间", "起止日期", "时间", "实践时间", "培训时间", "参加时间", "起讫时间", "起止年月"),
    "start": ("开始时间", "开始日期", "开始", "开班时间", "起始时间", "起始日期", "开班日期"),
    "end": ("结束时间", "结束日期", "结束", "结业时间", "截止时间", "结业日期", "截止日期"),
    "outcome": ("结果", "等次", "考核等次", "考核结果", "评价等次", "结业情况", "成绩", "评定等次", "考核情况"),
}
PAST_IGNORED = {
    "序号", "编号", "性别", "民族", "出生年月", "年龄", "职务", "现任职务", "职级", "政治面貌", "联系电话",
    "手机号码", "联系方式", "备注",
}  # fmt: skip


@dataclass(frozen=True)
class Column:
    """One column: number (1 = A), heading as messages name it, and the field it fills (empty: none)."""

    number: int
    label: str
    field: str = ""
    ignored: bool = False


@dataclass(frozen=True)
class Heading:
    """Where the heading stands and what it says. Data begin in the row after `last_row`."""

    first_row: int
    last_row: int
    columns: tuple[Column, ...]

    @property
    def fields(self) -> dict[str, Column]:
        return {column.field: column for column in self.columns if column.field}

    @property
    def unknown(self) -> tuple[str, ...]:
        """Labels of the columns that nothing is done with because nobody knows what they hold."""
        return tuple(column.label for column in self.columns if not column.field and not column.ignored)


def plain_heading(value: Value) -> str:
    """A heading without blanks, brackets with what they hold, stars and colons."""
    text = re.sub(r"\s", "", unicodedata.normalize("NFKC", plain_text(value)))
    return re.sub(r"\([^()]*\)|[*※:]", "", text)


def find_heading(sheet: Sheet, aliases: Mapping[str, Sequence[str]], ignored: set[str]) -> Heading | None:
    """The first row within HEADING_WITHIN that has at least FEWEST_KNOWN known headings, with the levels below it."""
    meanings = {alias: field for field, names in aliases.items() for alias in names}
    for number, row in enumerate(sheet.rows[:HEADING_WITHIN], 1):
        if len({meanings[name] for value in row if (name := plain_heading(value)) in meanings}) >= FEWEST_KNOWN:
            last = _last_heading_row(sheet, number, meanings)
            return Heading(number, last, _columns(sheet, number, last, meanings, ignored))
    return None


def repeats_heading(row: Sequence[Value], heading: Heading) -> bool:
    """Whether a row is the heading again, as on the second printed page."""
    texts = [plain_text(value) for value in row]
    same = sum(column.label == texts[column.number - 1] for column in heading.columns if column.field)
    return same >= FEWEST_KNOWN


def _last_heading_row(sheet: Sheet, first: int, meanings: Mapping[str, str]) -> int:
    """The row where a heading of several levels ends: below it merged cells, or sub-headings under a merged one."""
    last = first
    for merge in sheet.merges:
        if merge.first_row == first and merge.last_row < first + HEADING_LEVELS:
            last = max(last, merge.last_row)
    if last == first and first < len(sheet.rows):
        wide = {
            column
            for merge in sheet.merges
            if merge.first_row == merge.last_row == first and merge.last_column > merge.first_column
            for column in range(merge.first_column, merge.last_column + 1)
        }
        filled = {column for column, value in enumerate(sheet.rows[first], 1) if plain_text(value)}
        if wide and filled and filled <= wide:
            last = first + 1
    return last


def _columns(sheet: Sheet, first: int, last: int, meanings: Mapping[str, str], ignored: set[str]) -> tuple[Column, ...]:
    columns: list[Column] = []
    taken: set[str] = set()
    for number in range(1, len(sheet.rows[first - 1]) + 1):
        levels: list[str] = []
        for row in sheet.rows[first - 1 : last]:
            text = plain_text(row[number - 1])
            if text and text not in levels[-1:]:
                levels.append(text)
        if not levels:
            if not any(plain_text(row[number - 1]) for row in sheet.rows[last:]):
                continue
            columns.append(Column(number, f"{column_letters(number)} 列（没有标题）"))
            continue
        columns.append(_column(number, levels, taken, meanings, ignored))
    return tuple(columns)


def _column(number: int, levels: list[str], taken: set[str], meanings: Mapping[str, str], ignored: set[str]) -> Column:
    """Name a column by its lowest heading, unless only the whole path tells it from its neighbours."""
    path = [plain_heading(level) for level in levels]
    joined = {"".join(path), "".join(path).replace("教育", "")}
    field = next((meanings[name] for name in sorted(joined, key=len) if name in meanings), "")
    label = levels[-1] if len(levels) == 1 else "·".join(levels)
    if not field:
        field = meanings.get(path[-1], "")
        label = levels[-1]
    if field and field not in taken:
        taken.add(field)
        return Column(number, shortened(label, length=MAX_LABEL), field)
    label = shortened("·".join(levels), length=MAX_LABEL)
    return Column(number, label, ignored=bool(joined & ignored) or path[-1] in ignored)
