"""The demonstration county's bases: 14 townships, 19 bases on 5 routes, 214 households with 612 beds. All names invented.

Made by the acts that pages call, in one fixed order and without chance, so that every installation shows the same county.
"""

import datetime
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal

from django.db import transaction

from accounts.models import User
from bases import actions
from bases.models import (
    BaseManager,
    Closure,
    PracticeBase,
    Route,
    RouteStop,
    TownshipLiaison,
    Village,
    Zone,
)  # fmt: skip
from cadres.models import Unit

SINCE = datetime.date(2025, 9, 1)
"""When the county's liaisons and managers took office, and its rates began."""
DAY = datetime.timedelta(days=1)

Site = tuple[str, str, int, str, str, int]
"""Village, honours, declared capacity, kilometres east and north of the county seat, households."""

TOWNSHIPS: dict[str, tuple[Site, ...]] = {
    "城关镇": (("东门村", "", 40, "2.10", "0.80", 11), ("南湖村", "美丽乡村", 48, "1.20", "-3.40", 12)),
    "东溪镇": (("双溪村", "示范村", 52, "11.60", "2.30", 12), ("樟树村", "", 40, "14.20", "4.90", 11)),
    "西坪镇": (("大坪村", "金牌旅游村", 60, "-12.40", "1.70", 13), ("竹园村", "", 36, "-15.80", "-1.60", 10)),
    "南山镇": (("南山村", "示范村", 48, "3.60", "-13.20", 12),),
    "北岭乡": (("岭下村", "", 40, "-2.80", "15.10", 11),),
    "清河乡": (("清河村", "美丽乡村", 44, "8.30", "9.60", 11),),
    "石门乡": (("石门村", "", 40, "-7.90", "11.80", 11),),
    "白云乡": (("白云村", "金牌旅游村", 52, "-6.20", "17.90", 12),),
    "龙潭镇": (("龙潭村", "示范村", 48, "17.30", "10.40", 11), ("下洋村", "", 40, "20.10", "13.20", 11)),
    "凤山镇": (("凤山村", "美丽乡村", 44, "-10.70", "-9.80", 11),),
    "茶园乡": (("茶园村", "金牌旅游村", 56, "-14.50", "-14.30", 12),),
    "大桥镇": (("大桥村", "", 40, "9.40", "-8.70", 11), ("桥头村", "", 36, "12.60", "-11.90", 10)),
    "水口镇": (("水口村", "美丽乡村", 44, "0.70", "-18.60", 11),),
    "黄田镇": (("黄田村", "示范村", 44, "6.80", "-16.40", 11),),
}

ROUTES: dict[str, tuple[str, ...]] = {
    "东线：溪谷线": ("东门村", "双溪村", "樟树村"),
    "东北线：龙潭线": ("清河村", "龙潭村", "下洋村"),
    "北线：云岭线": ("石门村", "岭下村", "白云村"),
    "西线：茶乡线": ("大坪村", "竹园村", "凤山村", "茶园村"),
    "南线：稻乡线": ("南湖村", "大桥村", "桥头村", "南山村", "黄田村", "水口村"),
}

ZONES: dict[str, tuple[str, ...]] = {
    Zone.Kind.PARTY: ("红色驿站", "初心讲堂", "老支部旧址", "党群议事亭"),
    Zone.Kind.FARM: ("稻田劳作点", "茶园采摘点", "柑橘园", "食用菌大棚", "竹笋加工坊"),
    Zone.Kind.SURVEY: ("村史馆", "民情茶座", "百姓说事堂"),
    Zone.Kind.OTHER: ("乡贤书屋", "非遗工坊", "康养步道"),
}

SURNAMES = "黄林陈张李王吴刘蔡杨许郑谢郭洪曾邱廖赖徐周叶苏庄江何罗高潘颜"
GIVEN = ("永福", "秀英", "建国", "桂兰", "国强", "美珠", "金水", "玉梅", "德旺", "丽华", "文生", "春花", "福来", "水生", "宝珍",
         "志明", "月娥", "木根", "素琴", "长庚", "阿土", "惠珍", "天送", "碧云")  # fmt: skip
PEOPLE = ("王慧敏", "李国栋", "陈晓峰", "林雅琴", "张志远", "吴丽萍", "郑文杰", "黄俊峰", "刘雪梅", "蔡志强", "谢春燕", "许建军",
          "杨海燕", "周明亮", "郭秀兰", "徐立新", "叶长青", "苏婉清", "江文斌", "何晓东", "廖桂芳", "邱海波", "曾宪平", "罗美玲",
          "赖永生", "高玉洁", "潘伟民", "颜秋菊", "庄国华", "洪小兵", "温素云", "沈大勇", "方志成")  # fmt: skip

CLOSURES: tuple[tuple[str, str, str, str, str], ...] = (
    ("茶园村", "2026-11-23", "2026-11-27", Closure.Kind.HARVEST, "冬茶采制"),
    ("凤山村", "2026-12-01", "2026-12-06", Closure.Kind.HARVEST, "柑橘采收"),
    ("水口村", "2026-12-11", "2026-12-13", Closure.Kind.FESTIVAL, "村里做平安戏"),
    ("桥头村", "2027-01-04", "2027-01-15", Closure.Kind.WORKS, "村道硬化"),
    ("白云村", "2027-01-22", "2027-01-24", Closure.Kind.WEATHER, "高山结冰，道路封闭"),
    ("双溪村", "2027-02-01", "2027-02-21", Closure.Kind.FESTIVAL, "春节前后农户自家用房"),
    ("大坪村", "2027-03-12", "2027-03-14", Closure.Kind.FESTIVAL, "油菜花节"),
    ("龙潭村", "2027-03-22", "2027-03-28", Closure.Kind.WORKS, "村史馆改造"),
)
"""Village, first and last day, kind, reason."""

GUESTS: tuple[tuple[str, str, str, int, str], ...] = (
    ("大坪村", "2026-11-28", "2026-11-28", 18, "县税务局机关党委 主题党日"),
    ("双溪村", "2026-12-05", "2026-12-05", 16, "市农业学校 研学"),
    ("南湖村", "2026-12-12", "2026-12-12", 12, "县医院第三党支部 主题党日"),
    ("茶园村", "2027-01-09", "2027-01-10", 15, "省茶叶学会 考察"),
    ("白云村", "2027-03-06", "2027-03-07", 14, "县供电公司 团建"),
    ("南山村", "2027-03-20", "2027-03-20", 18, "县实验小学 研学"),
)
"""Village, first and last day, people, who and why."""


@dataclass
class County:
    """What was made: bases by the village's name, and the accounts for the printed list."""

    bases: dict[str, PracticeBase] = field(default_factory=dict)
    managers: list[User] = field(default_factory=list)
    liaisons: list[User] = field(default_factory=list)


def make_bases(by: User, *, password_hash: str) -> County:
    """Make everything in an empty county and return what others need. `password_hash` is the demonstration accounts' own.

    One transaction. Raises the actions' DomainError when bases of these names are there already.
    """
    county, names = County(), _people()
    heads = _heads()
    with transaction.atomic():  # each act keeps its own reason in the row history
        for number, (township_name, sites) in enumerate(TOWNSHIPS.items(), start=1):
            township, _ = Unit.objects.get_or_create(
                name=f"{township_name}人民政府", defaults={"kind": Unit.Kind.TOWNSHIP}
            )
            liaison = _account(f"xiangzhen{number:02d}", next(names), password_hash)
            TownshipLiaison.objects.create(township=township, user=liaison, since=SINCE)
            county.liaisons.append(liaison)
            for site in sites:
                _make_base(county, township, site, _account_name(county), next(names), password_hash)
        for place, base in enumerate(county.bases.values()):
            _make_households(base, _households_of(base), heads, place, by)
        _make_applications(county, heads, by)
        _make_routes(county)
        _make_rates(by)
        _make_closures(county, by)
    return county


def _people() -> Iterator[str]:
    return iter(PEOPLE)


def _heads() -> Iterator[str]:
    """Heads of households, each name once: surnames and given names run against each other."""
    for turn in range(len(GIVEN)):
        for place, surname in enumerate(SURNAMES):
            yield f"{surname}{GIVEN[(place + turn) % len(GIVEN)]}"


def _account(username: str, name: str, password_hash: str) -> User:
    return User.objects.create(
        username=username, name=name, password=password_hash, must_change_password=False, is_demo=True
    )


def _account_name(county: County) -> str:
    return f"hezuoshe{len(county.bases) + 1:02d}"


def _make_base(county: County, township: Unit, site: Site, username: str, manager: str, password_hash: str) -> None:
    name, honours, capacity, east, north, _ = site
    village = Village.objects.create(name=name, township=township, honours=honours)
    place = len(county.bases)
    base = PracticeBase.objects.create(
        village=village, cooperative=f"{name}股份经济合作社", contact=manager, phone=f"199000001{place:02d}",
        declared_capacity=capacity, east_km=Decimal(east), north_km=Decimal(north), meeting_point=f"{name}党群服务中心",
        history_person_days=120 + place * 17 % 90,
    )  # fmt: skip
    kinds = list(ZONES.items())[: 4 if place % 3 == 0 else 3]
    Zone.objects.bulk_create(Zone(base=base, kind=kind, name=labels[place % len(labels)]) for kind, labels in kinds)
    account = _account(username, manager, password_hash)
    BaseManager.objects.create(base=base, user=account, since=SINCE)
    county.managers.append(account)
    county.bases[name] = base


def _households_of(base: PracticeBase) -> int:
    return next(site[5] for sites in TOWNSHIPS.values() for site in sites if site[0] == base.village.name)


def _make_households(base: PracticeBase, count: int, heads: Iterator[str], place: int, by: User) -> None:
    """Admitted in the autumn of 2025, each through the whole course."""
    for number in range(1, count + 1):
        household = actions.apply_household(
            base=base, head=next(heads), address=f"{number * 3 + place}号", phone=f"19901{place:02d}{number:04d}", by=by,
            history_bed_nights=(place * 5 + number * 7) % 12,
        )  # fmt: skip
        actions.set_beds(household=household, rooms=_rooms(place, number), by=by)
        household = actions.review_household(household=household, on=SINCE + 7 * DAY, by=by)
        household = actions.open_notice(household=household, first_day=SINCE + 9 * DAY, until=SINCE + 20 * DAY, by=by)
        actions.admit_household(household=household, on=SINCE + 22 * DAY, by=by)


def _rooms(place: int, number: int) -> dict[str, int]:
    """Two beds for three households in seven, three for two, four for two: 612 in all."""
    turn = (place * 3 + number) % 7
    return {"东屋": 2, "西屋": 2} if turn in (0, 3) else {"东屋": 2, "阁楼": 1} if turn in (1, 2) else {"东屋": 2}


def _make_applications(county: County, heads: Iterator[str], by: User) -> None:
    """Three households still on their way: just applied, reviewed, and a notice that has run out."""
    reviewed, first, last = (_day(text) for text in ("2026-10-30", "2026-11-02", "2026-11-10"))
    for stage, village in enumerate(("下洋村", "大桥村", "清河村")):
        household = actions.apply_household(base=county.bases[village], head=next(heads), address="88号", by=by)
        actions.set_beds(household=household, rooms={"东屋": 2}, by=by)
        if stage >= 1:
            household = actions.review_household(household=household, on=reviewed, by=by)
        if stage >= 2:
            actions.open_notice(household=household, first_day=first, until=last, by=by)


def _make_routes(county: County) -> None:
    for name, villages in ROUTES.items():
        route = Route.objects.create(name=name)
        RouteStop.objects.bulk_create(
            RouteStop(route=route, base=county.bases[village], order=order)
            for order, village in enumerate(villages, start=1)
        )


def _make_rates(by: User) -> None:
    dear = Unit.objects.get(name="白云乡人民政府")
    for township, night in ((None, 50), (dear, 60)):
        rate = actions.set_rate(
            first_day=SINCE, breakfast=Decimal(20), lunch=Decimal(40), dinner=Decimal(40), night=Decimal(night),
            township=township, by=by,
        )  # fmt: skip
        actions.confirm_rate(rate=rate, by=by)


def _make_closures(county: County, by: User) -> None:
    for village, first, last, kind, reason in CLOSURES:
        actions.close_place(
            base=county.bases[village], first_day=_day(first), last_day=_day(last), kind=kind, reason=reason, by=by
        )
    for village, first, last, people, source in GUESTS:
        actions.enter_outside_use(
            base=county.bases[village], first_day=_day(first), last_day=_day(last), people=people, source=source, by=by
        )
    household = county.bases["樟树村"].households.order_by("pk").first()
    actions.close_place(
        household=household, first_day=_day("2027-01-08"), last_day=_day("2027-01-12"), kind=Closure.Kind.OWN_WISH,
        reason="儿子结婚", by=by,
    )  # fmt: skip


def _day(text: str) -> datetime.date:
    return datetime.date.fromisoformat(text)
