"""A programme (实践项目): every figure of the rules, and its tracks."""

import pghistory
from django.contrib.postgres.fields import ArrayField
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q

ONE = MinValueValidator(1)


@pghistory.track()
class Programme(models.Model):
    """The rules a batch is run by. Once a batch is published under it, a change makes a new version (`next_version`)."""

    class MakeUpRule(models.TextChoices):
        NONE = "none", "不补"
        JOIN = "join_class", "随别的班补"
        WEEKEND = "extra_weekend", "另加一个周末"

    name = models.CharField("项目名称", max_length=60)
    version = models.PositiveSmallIntegerField("版本", default=1, editable=False)
    supersedes = models.OneToOneField(
        "self",
        models.PROTECT,
        null=True,
        blank=True,
        related_name="superseded_by",
        editable=False,
        verbose_name="上一版",
    )
    full_coverage_age = models.PositiveSmallIntegerField(
        "全覆盖年龄（周岁以下，含本数）", default=40, help_text="不超过这个年龄、从没参加过的干部都要轮到一次"
    )
    repeats = models.BooleanField("参加过的可以再参加", default=False)
    batch_months = models.PositiveSmallIntegerField("每批为期（个月）", default=3, validators=[ONE])
    class_size = models.PositiveSmallIntegerField("每班人数", default=20, validators=[ONE])
    class_size_min = models.PositiveSmallIntegerField("每班最少", default=18)
    class_size_max = models.PositiveSmallIntegerField("每班最多", default=22, validators=[ONE])
    gathering_interval_weeks = models.PositiveSmallIntegerField(
        "每几周集中一次",
        default=2,
        validators=[MinValueValidator(2), MaxValueValidator(2)],
        help_text="本系统按两周编排",
    )
    gathering_days = models.PositiveSmallIntegerField("每次集中天数", default=3, validators=[ONE, MaxValueValidator(7)])
    weekend_days_min = models.PositiveSmallIntegerField("其中周末至少（天）", default=1)
    weekend_days_max = models.PositiveSmallIntegerField("其中周末至多（天）", default=2)
    start_weekdays = ArrayField(
        models.PositiveSmallIntegerField(validators=[ONE, MaxValueValidator(7)]),
        verbose_name="可以从星期几开始", default=list, blank=True, help_text="1 至 7，空着为不限",
    )  # fmt: skip
    min_village_days = models.PositiveSmallIntegerField("累计在村至少（天）", default=15)
    min_distinct_villages = models.PositiveSmallIntegerField("至少到几个不同的村", default=3)
    unit_max_per_batch = models.PositiveSmallIntegerField("各单位每期最多（人）", default=3, validators=[ONE])
    leading_max = models.PositiveSmallIntegerField("同一单位班子成员每期最多（人）", default=1)
    max_overlap_days = models.PositiveSmallIntegerField(
        "可以缺席的天数上限", default=10, help_text="一期里不可用的天数超过它，就不编进这一期"
    )
    household_group_min = models.PositiveSmallIntegerField("每户同住至少（人）", default=2, validators=[ONE])
    household_group_max = models.PositiveSmallIntegerField("每户同住至多（人）", default=4, validators=[ONE])
    household_single_sex = models.BooleanField("一户同一晚只住同性别", default=True)
    spare_beds = models.PositiveSmallIntegerField("每个基地每晚留空床位", default=1)
    pair_max_km = models.DecimalField(
        "同一线路两个基地可以合用的最远距离（公里）", max_digits=5, decimal_places=1, default=8
    )
    makeup_rule = models.CharField("缺的天数怎么补", max_length=15, choices=MakeUpRule.choices, default=MakeUpRule.NONE)
    reflections_per_cadre = models.PositiveSmallIntegerField("每人心得体会（篇）", default=1)
    reports_per_class = models.PositiveSmallIntegerField("每班调研报告（份）", default=1)
    party_sessions = models.PositiveSmallIntegerField("每班党性锻炼（次）", default=1)
    office_sessions = models.PositiveSmallIntegerField("每班驻点办公（次）", default=1)
    village_surveys = models.PositiveSmallIntegerField("每班村情调查（次）", default=1)
    policy_sessions = models.PositiveSmallIntegerField("每班政策宣传（件）", default=3)
    practical_deeds = models.PositiveSmallIntegerField("每班惠民实事（件）", default=3)
    monitors_per_class = models.PositiveSmallIntegerField("每班班长（名）", default=1)
    deputies_per_class = models.PositiveSmallIntegerField("每班副班长（名）", default=1)
    excellent_percent = models.PositiveSmallIntegerField(
        "“优秀”不超过（%）", default=20, validators=[MaxValueValidator(100)], help_text="按班人数乘比例后舍去小数"
    )
    age_bands = ArrayField(
        models.PositiveSmallIntegerField(), verbose_name="均衡用的年龄段上限", default=list, blank=True,
        help_text="如 30,35,40：30 岁及以下、31—35、36—40、40 以上",
    )  # fmt: skip

    class Meta:
        verbose_name = verbose_name_plural = "实践项目"
        ordering = ["name", "-version"]
        constraints = [
            models.UniqueConstraint(fields=["name", "version"], name="programme_version_once"),
            models.CheckConstraint(
                condition=Q(class_size_min__lte=F("class_size")) & Q(class_size__lte=F("class_size_max")),
                name="class_size_in_range", violation_error_message="每班人数要在最少与最多之间。",
            ),
            models.CheckConstraint(
                condition=Q(household_group_min__lte=F("household_group_max")), name="household_group_range",
                violation_error_message="每户同住至少不能大于至多。",
            ),
            models.CheckConstraint(
                condition=Q(weekend_days_min__lte=F("weekend_days_max")), name="weekend_days_range",
                violation_error_message="周末天数至少不能大于至多。",
            ),
            models.CheckConstraint(
                condition=Q(unit_max_per_batch__gte=1), name="programme_quota_from_one",
                violation_error_message="各单位每期最多至少 1 人。某个单位不派人，到单位资料里把它的名额改为 0。",
            ),
        ]  # fmt: skip

    def __str__(self) -> str:
        return f"{self.name}（第 {self.version} 版）" if self.version > 1 else self.name


@pghistory.track()
class Track(models.Model):
    """A track (班型): who belongs to it by age, level and kind of post, and how many classes it has in a batch.

    A cadre's track is the first, by `order`, whose criteria are all met.
    """

    programme = models.ForeignKey(Programme, models.CASCADE, related_name="tracks", verbose_name="项目")
    order = models.PositiveSmallIntegerField("次序", default=1)
    name = models.CharField("班型", max_length=40, default="综合班")
    min_age = models.PositiveSmallIntegerField("年龄自（含）", null=True, blank=True)
    max_age = models.PositiveSmallIntegerField("年龄至（含）", null=True, blank=True)
    levels = ArrayField(models.CharField(max_length=20), verbose_name="职务层次", default=list, blank=True)
    post_kinds = ArrayField(models.CharField(max_length=20), verbose_name="岗位类别", default=list, blank=True)
    classes_per_batch = models.PositiveSmallIntegerField("每期班数", default=6)

    class Meta:
        verbose_name = verbose_name_plural = "班型"
        ordering = ["programme", "order"]
        constraints = [models.UniqueConstraint(fields=["programme", "order"], name="track_order_once")]

    def __str__(self) -> str:
        return self.name
