"""The demonstration county's people: 54 units, some 1,200 cadres, a liaison for each unit. Everybody is invented.

The roster is made in one fixed order with a fixed seed, written as a spreadsheet and imported by the acts that pages call. ID
numbers begin with 99, which no division has; mobile numbers with 144, which no operator hands out to people.
"""

import datetime
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from accounts import audit
from accounts.models import User
from cadres import actions, documents
from cadres.id_numbers import check_character
from cadres.models import Cadre, RosterImport, Unit, UnitLiaison

SEED = 20_261_121
SINCE = datetime.date(2025, 9, 1)
"""When the liaisons took office."""
THIS_YEAR = 2026
HEADINGS = tuple(heading for heading in documents.ROSTER_HEADINGS if heading not in ("入党时间", "参加工作时间"))

COUNTY_UNITS: dict[str, int] = {
    "县委办公室": 20, "县政府办公室": 22, "县委组织部": 20, "县委宣传部": 16, "县委统战部": 12, "县纪委监委": 30,
    "县发展和改革局": 24, "县教育局": 30, "县工业和信息化局": 18, "县公安局": 42, "县民政局": 18, "县司法局": 22, "县财政局": 30,
    "县人力资源和社会保障局": 26, "县自然资源局": 30, "县生态环境局": 18, "县住房和城乡建设局": 26, "县交通运输局": 24,
    "县水利局": 20, "县农业农村局": 34, "县商务局": 14, "县文化体育和旅游局": 20, "县卫生健康局": 24, "县应急管理局": 18,
    "县审计局": 16, "县市场监督管理局": 34, "县统计局": 14, "县医疗保障局": 14, "县林业局": 22, "县信访局": 10, "县供销社": 10,
    "县总工会": 8, "团县委": 6, "县妇联": 7, "县科协": 6, "县融媒体中心": 20, "县行政服务中心": 14, "县城市管理局": 24,
    "县退役军人事务局": 12, "县档案馆": 8,
}  # fmt: skip
"""Unit → people."""
TOWNSHIPS: dict[str, int] = {
    "城关镇人民政府": 42, "东溪镇人民政府": 34, "西坪镇人民政府": 34, "南山镇人民政府": 32, "北岭乡人民政府": 26,
    "清河乡人民政府": 26, "石门乡人民政府": 26, "白云乡人民政府": 24, "龙潭镇人民政府": 36, "凤山镇人民政府": 32,
    "茶园乡人民政府": 26, "大桥镇人民政府": 34, "水口镇人民政府": 30, "黄田镇人民政府": 32,
}  # fmt: skip

SURNAMES = "林陈黄张吴李王郑刘蔡杨许谢郭叶周曾廖赖徐苏江何罗高潘颜余魏范詹邱方彭程章"
MEN = ("志强", "文杰", "俊峰", "海波", "伟民", "晓东", "国栋", "建军", "明亮", "立新", "子豪", "宇航", "永康", "启明", "锦程",
       "家辉", "志远", "鹏飞", "海滨", "一鸣", "思源", "浩然", "文斌", "泽宇", "少华", "建平", "国华", "振兴", "松涛",
       "云龙")  # fmt: skip
WOMEN = ("雅婷", "丽萍", "晓燕", "静怡", "雪梅", "佳慧", "婉清", "诗涵", "梦洁", "秀英", "玉珍", "欣然", "雅琴", "海燕", "慧敏",
         "思琪", "丽华", "美玲", "春燕", "晓雯", "玉洁", "桂芳", "素云", "秋菊", "琳", "颖", "倩", "敏", "芳", "洁")  # fmt: skip
NATIONALITIES = ("汉族",) * 47 + ("畲族",) * 2 + ("回族",)
STATUSES = ("中共党员",) * 13 + ("群众",) * 4 + ("共青团员", "中共预备党员", "民盟盟员")
EDUCATIONS = ("大学",) * 12 + ("研究生",) * 3 + ("大专",) * 4 + ("省委党校研究生",)
SPECIALTIES = (
    "",
    "",
    "农技推广",
    "财务会计",
    "法律",
    "规划建设",
    "电子商务",
    "文旅策划",
    "信访调解",
    "信息技术",
    "",
    "医疗卫生",
)
GRASSROOTS = ("无", "无", "无", "1年", "2年", "3年以上", "驻村工作队1年", "大学生村官2年")
AWAY = (("2026-12-01", "2027-03-31", "产假"), ("2026-12-07", "2027-01-15", "市委党校脱产学习"),
        ("2027-01-04", "2027-01-29", "省厅跟班学习"),
        ("2027-03-01", "2027-03-31", "巡察组抽调"), ("2026-12-21", "2027-01-10", "年终决算"))  # fmt: skip


@dataclass
class People:
    """What was made: units by name, and the liaisons' accounts for the printed list."""

    units: dict[str, Unit] = field(default_factory=dict)
    liaisons: list[User] = field(default_factory=list)
    roster_import: RosterImport | None = None


def make_units_and_cadres(by: User, password_hash: str) -> People:
    """Import the roster into the county, give each unit a liaison, and enter days on which some cannot come.

    Units that are there already (townships of the bases) are used by name. `password_hash` is the demonstration accounts'
    own. Run twice it changes nothing of the roster; raises IntegrityError when the accounts are there already.
    """
    content = roster()
    with audit.act("make_demonstration_people", by=by):
        roster_import = actions.upload_list(
            kind=RosterImport.Kind.CENSUS, name="干部摸底（54个单位）.xlsx", content=content, by=by, create_units=True,
            in_background=False,
        )  # fmt: skip
        actions.read_import(roster_import=roster_import, by=by)
        made = People(roster_import=actions.commit_import(roster_import=roster_import, by=by))
        wanted = [*COUNTY_UNITS, *TOWNSHIPS]
        found = {unit.name: unit for unit in Unit.objects.filter(name__in=wanted)}
        made.units = {name: found[name] for name in wanted}
        for number, unit in enumerate(made.units.values(), 1):
            made.liaisons.append(_liaison(unit, number, password_hash))
        _enter_away(made)
    return made


def roster() -> bytes:
    """The county's roster as its clerk would upload it."""
    return documents.table(HEADINGS, _lines(), title="干部花名册")


def _lines() -> Iterator[Sequence[object]]:
    chance = random.Random(SEED)
    serial = 0
    for unit, size in {**COUNTY_UNITS, **TOWNSHIPS}.items():
        names: set[str] = set()
        for place in range(size):
            serial += 1
            yield _person(chance, serial, unit, place, size, names)


def _person(chance: random.Random, serial: int, unit: str, place: int, size: int, names: set[str]) -> list[object]:
    """One line of the roster. The first in a unit lead it; the rest are officers of all ages."""
    leaders = 2 + size // 10
    woman = chance.random() < 0.42
    name = _name(chance, names, woman=woman)
    age = chance.randint(36, 57) if place < leaders else min(59, 22 + int(chance.betavariate(1.5, 2.2) * 38))
    birth = datetime.date(THIS_YEAR - age, chance.randint(1, 10), chance.randint(1, 28))
    post, level, rank, kind = _post(chance, unit, place, leaders, age)
    body = f"9901{serial % 40 + 1:02d}{birth:%Y%m%d}{serial % 500 * 2 + (0 if woman else 1):03d}"
    return [
        serial, unit, name, "女" if woman else "男", chance.choice(NATIONALITIES), f"{birth:%Y.%m}", body + check_character(body),
        chance.choice(STATUSES), chance.choice(EDUCATIONS), post, level, rank, "是" if place < leaders else "否", kind,
        chance.choice(SPECIALTIES), chance.choice(GRASSROOTS), f"144{serial * 7919 % 100_000_000:08d}", "",
    ]  # fmt: skip


def _name(chance: random.Random, names: set[str], *, woman: bool) -> str:
    """A name that nobody else in the unit bears; in the county some do."""
    while True:
        name = chance.choice(SURNAMES) + chance.choice(WOMEN if woman else MEN)
        if name not in names:
            names.add(name)
            return name


def _post(chance: random.Random, unit: str, place: int, leaders: int, age: int) -> tuple[str, str, str, str]:
    """Post, level, rank and kind of post."""
    kind = "综合管理"
    if unit in ("县公安局", "县市场监督管理局", "县城市管理局", "县应急管理局", "县生态环境局"):
        kind = "行政执法" if chance.random() < 0.6 else kind
    if unit.endswith(("中心", "馆")) or chance.random() < 0.15:
        kind = "专业技术"
    if place < leaders:
        head, deputy = ("镇长" if "镇" in unit else "乡长", "党委委员") if unit in TOWNSHIPS else ("主要负责人", "副职")
        if place == 0:
            return head, "乡科级正职", "三级主任科员" if age < 45 else "一级主任科员", "综合管理"
        return deputy, "乡科级副职", "四级主任科员" if age < 45 else "二级主任科员", "综合管理"
    if kind == "专业技术":
        return (
            chance.choice(("工程师", "农艺师", "会计师", "编辑")),
            "科员级",
            f"专业技术{chance.choice(('九', '十', '十一', '十二'))}级",
            kind,
        )
    if age < 27:
        return "科员", "科员级", "二级科员" if age < 25 else "一级科员", kind
    if chance.random() < 0.3:
        return (
            chance.choice(("办公室主任", "综合股股长", "业务股股长")),
            "股级正职",
            "四级主任科员" if age > 34 else "一级科员",
            kind,
        )
    if chance.random() < 0.3:
        return chance.choice(("副股长", "办公室副主任")), "股级副职", "一级科员", kind
    return "科员", "科员级", "四级主任科员" if age > 45 else "一级科员", kind


def _liaison(unit: Unit, number: int, password_hash: str) -> User:
    """The unit's eldest who does not lead it keeps the unit's names."""
    cadre = Cadre.objects.filter(unit=unit, leading=False).order_by("birth", "pk").first()
    account = User.objects.create(
        username=f"danwei{number:02d}", name=cadre.name if cadre else f"{unit.name}联络员", password=password_hash,
        must_change_password=False, is_demo=True,
    )  # fmt: skip
    UnitLiaison.objects.create(unit=unit, user=account, since=SINCE)
    return account


def _enter_away(made: People) -> None:
    """Of every fourth unit one young officer cannot come for a while."""
    for place, (unit, liaison) in enumerate(zip(made.units.values(), made.liaisons, strict=True)):
        if place % 4:
            continue
        first, last, reason = AWAY[place // 4 % len(AWAY)]
        young = Cadre.objects.filter(unit=unit, leading=False, sex="F").order_by("-birth", "pk").first()
        if young is not None:
            actions.enter_unavailability(
                cadre=young, first_day=datetime.date.fromisoformat(first), last_day=datetime.date.fromisoformat(last),
                reason=reason, by=liaison,
            )  # fmt: skip
