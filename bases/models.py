"""Villages, practice bases, host households and their beds, closures, uses of bases, and the rates to be paid."""

import datetime

import pghistory
from django.conf import settings
from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import DateRangeField, RangeOperators
from django.core.validators import MinValueValidator
from django.db import models
from django.db.backends.postgresql.psycopg_any import DateRange
from django.db.models import Q
from django.utils import timezone

from accounts.encryption import EncryptedTextField, mask_phone


def shown_days(days: DateRange) -> str:
    """A half-open range as people write it: first and last day, one day alone; 起 where it has no end."""
    if days.upper is None:
        return f"{days.lower} 起"
    last = days.upper - datetime.timedelta(days=1)
    return f"{days.lower}" if last == days.lower else f"{days.lower} 至 {last}"


@pghistory.track()
class Village(models.Model):
    """A village, under the township that looks after it."""

    name = models.CharField("村名", max_length=40)
    township = models.ForeignKey(
        "cadres.Unit",
        models.PROTECT,
        related_name="villages",
        verbose_name="乡镇",
        limit_choices_to={"kind": "township"},
    )
    honours = models.CharField("称号", max_length=100, blank=True, help_text="示范村、美丽乡村、金牌旅游村等")

    class Meta:
        verbose_name = verbose_name_plural = "村"
        ordering = ["township__name", "name"]
        constraints = [models.UniqueConstraint(fields=["township", "name"], name="village_once_in_township")]

    def __str__(self) -> str:
        return self.name

    @property
    def full_name(self) -> str:
        """Where to go, with the township as a place: 双河镇双溪村. The township is to be selected along."""
        return f"{self.township.name.removesuffix('人民政府')}{self.name}"


@pghistory.track()
class PracticeBase(models.Model):
    """A practice base (实践基地) in a village, run by the co-operative that the village's party branch leads."""

    class State(models.TextChoices):
        OPEN = "open", "可接待"
        RETIRED = "retired", "已停办"

    village = models.OneToOneField(Village, models.PROTECT, related_name="base", verbose_name="村")
    cooperative = models.CharField("合作社", max_length=80, blank=True, help_text="村党支部领办的合作社，负责日常运营")
    contact = models.CharField("基地联系人", max_length=40, blank=True)
    phone = EncryptedTextField("联系电话", blank=True, default="")
    declared_capacity = models.PositiveSmallIntegerField("日均承载（人）", validators=[MinValueValidator(1)])
    east_km = models.DecimalField("县城以东（公里）", max_digits=6, decimal_places=2, default=0, help_text="以西为负")
    north_km = models.DecimalField("县城以北（公里）", max_digits=6, decimal_places=2, default=0, help_text="以南为负")
    meeting_point = models.CharField("集合地点", max_length=60, blank=True, default="村部")
    history_person_days = models.PositiveIntegerField("启用本系统前已接待（人天）", default=0)
    state = models.CharField("状态", max_length=10, choices=State.choices, default=State.OPEN)

    class Meta:
        verbose_name = verbose_name_plural = "实践基地"
        ordering = ["village__township__name", "village__name"]

    def __str__(self) -> str:
        return f"{self.village}基地"

    @property
    def masked_phone(self) -> str:
        return mask_phone(self.phone)


@pghistory.track()
class Zone(models.Model):
    """A functional zone of a base (功能区); party education, farm work and village survey are the mandatory kinds."""

    class Kind(models.TextChoices):
        PARTY = "party", "党性教育"
        FARM = "farm", "农事体验"
        SURVEY = "survey", "村情调查"
        OTHER = "other", "其他"

    base = models.ForeignKey(PracticeBase, models.CASCADE, related_name="zones", verbose_name="基地")
    kind = models.CharField("类别", max_length=10, choices=Kind.choices)
    name = models.CharField("名称", max_length=60)

    class Meta:
        verbose_name = verbose_name_plural = "功能区"
        ordering = ["base", "kind", "name"]

    def __str__(self) -> str:
        return self.name


@pghistory.track()
class Route(models.Model):
    """A route (精品实践线路) that strings neighbouring bases together."""

    name = models.CharField("线路", max_length=40, unique=True)
    bases = models.ManyToManyField(PracticeBase, through="RouteStop", related_name="routes", verbose_name="基地")

    class Meta:
        verbose_name = verbose_name_plural = "实践线路"
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


@pghistory.track()
class RouteStop(models.Model):
    route = models.ForeignKey(Route, models.CASCADE, related_name="stops", verbose_name="线路")
    base = models.ForeignKey(PracticeBase, models.CASCADE, related_name="route_stops", verbose_name="基地")
    order = models.PositiveSmallIntegerField("次序", default=1)

    class Meta:
        verbose_name = verbose_name_plural = "线路站点"
        ordering = ["route", "order"]
        constraints = [models.UniqueConstraint(fields=["route", "base"], name="base_once_on_route")]

    def __str__(self) -> str:
        return f"{self.route}：{self.base}"


@pghistory.track()
class TownshipLiaison(models.Model):
    """The township's linked leader or organisation officer (乡镇挂钩领导、组织委员)."""

    township = models.ForeignKey("cadres.Unit", models.PROTECT, related_name="township_liaisons", verbose_name="乡镇")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="township_liaisons", verbose_name="账号"
    )
    since = models.DateField("自", default=timezone.localdate)
    until = models.DateField("至", null=True, blank=True)

    class Meta:
        verbose_name = verbose_name_plural = "乡镇联络员"
        ordering = ["township", "since"]

    def __str__(self) -> str:
        return f"{self.township} {self.user}"


@pghistory.track()
class BaseManager(models.Model):
    """The co-operative's manager of a base (合作社管理员)."""

    base = models.ForeignKey(PracticeBase, models.PROTECT, related_name="managers", verbose_name="基地")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="managed_bases", verbose_name="账号"
    )
    since = models.DateField("自", default=timezone.localdate)
    until = models.DateField("至", null=True, blank=True)

    class Meta:
        verbose_name = verbose_name_plural = "基地管理员"
        ordering = ["base", "since"]

    def __str__(self) -> str:
        return f"{self.base} {self.user}"


@pghistory.track()
class HostHousehold(models.Model):
    """A household that takes guests: admitted after the village's review and a public notice without objection."""

    class State(models.TextChoices):
        APPLIED = "applied", "已申请"
        NOTICE = "notice", "公示中"
        ADMITTED = "admitted", "已纳管"
        SUSPENDED = "suspended", "暂停"
        WITHDRAWN = "withdrawn", "已退出"
        REJECTED = "rejected", "不予纳入"

    base = models.ForeignKey(PracticeBase, models.PROTECT, related_name="households", verbose_name="基地")
    head = models.CharField("户主", max_length=40)
    address = models.CharField("门牌", max_length=60, blank=True)
    phone = EncryptedTextField("电话", blank=True, default="")
    state = models.CharField("状态", max_length=10, choices=State.choices, default=State.APPLIED)
    reviewed_on = models.DateField("村党组织研判", null=True, blank=True)
    notice_from = models.DateField("公示自", null=True, blank=True)
    notice_until = models.DateField("公示至", null=True, blank=True, help_text="含当日")
    open_objection = models.CharField("未了结的异议", max_length=200, blank=True)
    admitted_on = models.DateField("纳管日期", null=True, blank=True)
    state_reason = models.CharField("状态原因", max_length=200, blank=True)
    history_bed_nights = models.PositiveIntegerField("启用本系统前已接待（人夜）", default=0)

    class Meta:
        verbose_name = verbose_name_plural = "接待农户"
        ordering = ["base", "pk"]
        constraints = [
            models.CheckConstraint(
                condition=~Q(state__in=["admitted", "suspended"])
                | Q(admitted_on__isnull=False, notice_until__isnull=False, open_objection=""),
                name="admission_needs_notice_without_objection",
            ),
            models.CheckConstraint(
                condition=Q(notice_until__isnull=True) | Q(notice_until__gte=models.F("notice_from")),
                name="notice_period_forward",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.head}家"

    @property
    def masked_phone(self) -> str:
        return mask_phone(self.phone)


@pghistory.track()
class Room(models.Model):
    household = models.ForeignKey(HostHousehold, models.PROTECT, related_name="rooms", verbose_name="农户")
    name = models.CharField("房间", max_length=20)

    class Meta:
        verbose_name = verbose_name_plural = "房间"
        ordering = ["household", "name"]
        constraints = [models.UniqueConstraint(fields=["household", "name"], name="room_once_in_household")]

    def __str__(self) -> str:
        return self.name


@pghistory.track()
class Bed(models.Model):
    room = models.ForeignKey(Room, models.PROTECT, related_name="beds", verbose_name="房间")
    number = models.PositiveSmallIntegerField("床号", validators=[MinValueValidator(1)])
    active = models.BooleanField("在用", default=True)

    class Meta:
        verbose_name = verbose_name_plural = "床位"
        ordering = ["room", "number"]
        constraints = [models.UniqueConstraint(fields=["room", "number"], name="bed_once_in_room")]

    def __str__(self) -> str:
        return f"{self.room} {self.number}号床"


@pghistory.track()
class Closure(models.Model):
    """Days [from, until) on which nobody may be at a base, in a household or in a room."""

    class Kind(models.TextChoices):
        HARVEST = "harvest", "农忙采收"
        FESTIVAL = "festival", "节庆"
        WEATHER = "weather", "台风汛情"
        WORKS = "works", "施工维修"
        OWN_WISH = "own", "农户自己的安排"
        OTHER = "other", "其他"

    base = models.ForeignKey(
        PracticeBase, models.PROTECT, null=True, blank=True, related_name="closures", verbose_name="基地"
    )
    household = models.ForeignKey(
        HostHousehold, models.PROTECT, null=True, blank=True, related_name="closures", verbose_name="农户"
    )
    room = models.ForeignKey(Room, models.PROTECT, null=True, blank=True, related_name="closures", verbose_name="房间")
    days = DateRangeField("停接日期", help_text="首日含，末日次日不含")
    kind = models.CharField("原因类别", max_length=10, choices=Kind.choices)
    reason = models.CharField("原因", max_length=200, blank=True)
    live = models.BooleanField("有效", default=True)
    entered_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+", verbose_name="登记人"
    )

    class Meta:
        verbose_name = verbose_name_plural = "停接"
        ordering = ["-days"]
        constraints = [
            models.CheckConstraint(
                condition=Q(base__isnull=False, household__isnull=True, room__isnull=True)
                | Q(base__isnull=True, household__isnull=False, room__isnull=True)
                | Q(base__isnull=True, household__isnull=True, room__isnull=False),
                name="closure_of_one_place",
                violation_error_message="停接要写明基地、农户、房间中的一处。",
            ),
            models.CheckConstraint(condition=Q(days__isempty=False), name="closure_has_days"),
            *(
                ExclusionConstraint(
                    name=f"{place}_closed_once_a_day",
                    expressions=[(place, RangeOperators.EQUAL), ("days", RangeOperators.OVERLAPS)],
                    condition=Q(live=True, **{f"{place}__isnull": False}),
                    violation_error_message="这里在这些日期已经停接。",
                )
                for place in ("base", "household", "room")
            ),
        ]

    def __str__(self) -> str:
        return f"{self.place}停接 {shown_days(self.days)}"

    @property
    def shown_days(self) -> str:
        return shown_days(self.days)

    @property
    def place(self) -> str:
        """The base, the household or the room, as a label."""
        if self.room is not None:
            return f"{self.room.household}{self.room}"
        return str(self.household or self.base)

    @property
    def at_base(self) -> PracticeBase:
        """The base that the place belongs to."""
        if self.room is not None:
            return self.room.household.base
        if self.household is not None:
            return self.household.base
        assert self.base is not None  # noqa: S101 -- closure_of_one_place
        return self.base


@pghistory.track()
class BaseUse(models.Model):
    """People at a base on days [from, until): gatherings and outside parties alike. The one place for capacity."""

    class Kind(models.TextChoices):
        GATHERING = "gathering", "班级集中"
        OUTSIDE = "outside", "外来接待"

    base = models.ForeignKey(PracticeBase, models.PROTECT, related_name="uses", verbose_name="基地")
    days = DateRangeField("日期", help_text="首日含，末日次日不含")
    people = models.PositiveSmallIntegerField("人数", validators=[MinValueValidator(1)])
    kind = models.CharField("类别", max_length=10, choices=Kind.choices)
    source = models.CharField("来源", max_length=100, help_text="哪个班第几次集中，或外来单位与事由")
    live = models.BooleanField("有效", default=True)

    class Meta:
        verbose_name = verbose_name_plural = "基地使用"
        ordering = ["days", "base"]
        indexes = [models.Index(fields=["base", "live"])]
        constraints = [models.CheckConstraint(condition=Q(days__isempty=False), name="base_use_has_days")]

    def __str__(self) -> str:
        return f"{self.base} {shown_days(self.days)} {self.source}"

    @property
    def shown_days(self) -> str:
        return shown_days(self.days)


@pghistory.track()
class Rate(models.Model):
    """What a person pays a household, in yuan, from a day on; township empty means the whole county.

    The county confirms its rates before a plan is published; a night has no default.
    """

    township = models.ForeignKey(
        "cadres.Unit", models.PROTECT, null=True, blank=True, related_name="rates", verbose_name="乡镇",
        limit_choices_to={"kind": "township"}, help_text="空着为全县",
    )  # fmt: skip
    days = DateRangeField("执行日期")
    breakfast = models.DecimalField("早餐（元）", max_digits=7, decimal_places=2, default=20)
    lunch = models.DecimalField("午餐（元）", max_digits=7, decimal_places=2, default=40)
    dinner = models.DecimalField("晚餐（元）", max_digits=7, decimal_places=2, default=40)
    night = models.DecimalField("住宿（元/夜）", max_digits=7, decimal_places=2)
    confirmed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+", verbose_name="确认人"
    )
    confirmed_at = models.DateTimeField("确认时间", null=True, blank=True)

    class Meta:
        verbose_name = verbose_name_plural = "食宿标准"
        ordering = ["township__name", "days"]
        constraints = [
            ExclusionConstraint(
                name="rate_once_a_day_township",
                expressions=[("township", RangeOperators.EQUAL), ("days", RangeOperators.OVERLAPS)],
                condition=Q(township__isnull=False),
                violation_error_message="这个乡镇在这些日期已有食宿标准。",
            ),
            ExclusionConstraint(
                name="rate_once_a_day_county",
                expressions=[("days", RangeOperators.OVERLAPS)],
                condition=Q(township__isnull=True),
                violation_error_message="全县在这些日期已有食宿标准。",
            ),
            models.CheckConstraint(
                condition=Q(breakfast__gte=0, lunch__gte=0, dinner__gte=0, night__gte=0), name="rates_not_negative"
            ),
            models.CheckConstraint(
                condition=Q(confirmed_at__isnull=True, confirmed_by__isnull=True)
                | Q(confirmed_at__isnull=False, confirmed_by__isnull=False),
                name="confirmed_rate_says_by_whom",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.township or '全县'} {self.days.lower} 起的食宿标准"

    @property
    def shown_days(self) -> str:
        return shown_days(self.days)
