"""Batches, who is named and enrolled in them, their classes, and everybody who accompanies a class."""

import pghistory
import pgtrigger
from django.conf import settings
from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import DateRangeField, RangeOperators
from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from batches.models.programme import Programme, Track


@pghistory.track()
class Batch(models.Model):
    """A batch (期): some months in which classes gather every two weeks. Changed only through the table in states.py."""

    class State(models.TextChoices):
        DRAFT = "draft", "筹备"
        PROPOSED = "proposed", "名单建议"
        NOMINATING = "nominating", "报名"
        PLANNED = "planned", "已编排"
        PUBLISHED = "published", "已发布"
        RUNNING = "running", "实践中"
        EVALUATING = "evaluating", "评审中"
        CLOSED = "closed", "已归档"

    programme = models.ForeignKey(Programme, models.PROTECT, related_name="batches", verbose_name="项目")
    number = models.PositiveSmallIntegerField("期次", unique=True)
    first_day = models.DateField("开始")
    last_day = models.DateField("结束", help_text="含当日")
    nominate_until = models.DateField("报名截止", null=True, blank=True)
    state = models.CharField("状态", max_length=12, choices=State.choices, default=State.DRAFT)
    state_reason = models.CharField("状态说明", max_length=200, blank=True)
    revision = models.PositiveIntegerField("安排的第几次改动", default=0, editable=False)

    class Meta:
        verbose_name = verbose_name_plural = "期"
        ordering = ["-number"]
        constraints = [
            models.CheckConstraint(
                condition=Q(last_day__gte=F("first_day")), name="batch_period_forward",
                violation_error_message="结束日期早于开始日期：请把结束改到开始之后。",
            )
        ]  # fmt: skip

    def __str__(self) -> str:
        return f"第{self.number}期"


@pghistory.track()
class Nomination(models.Model):
    """A name that stage 1 proposes for a batch, and what the unit's liaison says to it."""

    class State(models.TextChoices):
        PROPOSED = "proposed", "待确认"
        CONFIRMED = "confirmed", "已确认"
        SWAPPED = "swapped", "已换人"
        DEFERRED = "deferred", "已缓派"

    batch = models.ForeignKey(Batch, models.PROTECT, related_name="nominations", verbose_name="期")
    cadre = models.ForeignKey("cadres.Cadre", models.PROTECT, related_name="nominations", verbose_name="干部")
    state = models.CharField("状态", max_length=10, choices=State.choices, default=State.PROPOSED)
    replaces = models.OneToOneField(
        "self", models.PROTECT, null=True, blank=True, related_name="replaced_by", verbose_name="替换"
    )
    reason = models.CharField("原因", max_length=200, blank=True)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+", verbose_name="谁确认"
    )
    decided_at = models.DateTimeField("确认时间", null=True, blank=True)

    class Meta:
        verbose_name = verbose_name_plural = "报名"
        ordering = ["batch", "cadre__unit__name", "cadre__sort_name"]
        constraints = [models.UniqueConstraint(fields=["batch", "cadre"], name="nominated_once_in_batch")]

    def __str__(self) -> str:
        return f"{self.batch} {self.cadre}"


class Parity(models.TextChoices):
    ODD = "odd", "单周"
    EVEN = "even", "双周"


@pghistory.track()
class PracticeClass(models.Model):
    """A class (班) of a batch: its number, its weeks, its track."""

    batch = models.ForeignKey(Batch, models.PROTECT, related_name="classes", verbose_name="期")
    number = models.PositiveSmallIntegerField("班号")
    parity = models.CharField("周次", max_length=4, choices=Parity.choices)
    track = models.ForeignKey(Track, models.PROTECT, related_name="classes", verbose_name="班型")

    class Meta:
        verbose_name = verbose_name_plural = "班"
        ordering = ["batch", "number"]
        constraints = [models.UniqueConstraint(fields=["batch", "number"], name="class_number_once_in_batch")]

    def __str__(self) -> str:
        return f"{self.batch}第{self.number}班"

    @property
    def short_name(self) -> str:
        return f"第{self.number}班"


@pghistory.track()
class Enrollment(models.Model):
    """A cadre in a batch. `period` is copied from the batch by trigger, so that two live ones cannot overlap."""

    class State(models.TextChoices):
        CONFIRMED = "confirmed", "已编入"
        ATTENDING = "attending", "在训"
        COMPLETED = "completed", "已完成"
        WITHDRAWN = "withdrawn", "已退出"
        DEFERRED = "deferred", "已缓训"
        REPLACED = "replaced", "已换人"

    batch = models.ForeignKey(Batch, models.PROTECT, related_name="enrollments", verbose_name="期")
    cadre = models.ForeignKey("cadres.Cadre", models.PROTECT, related_name="enrollments", verbose_name="学员")
    state = models.CharField("状态", max_length=10, choices=State.choices, default=State.CONFIRMED)
    joined_on = models.DateField("自", null=True, blank=True, help_text="中途加入的从哪天起")
    left_on = models.DateField("至", null=True, blank=True, help_text="退出的到哪天止（不含）")
    reason = models.CharField("原因", max_length=200, blank=True)
    live = models.BooleanField("有效", default=True)
    period = DateRangeField("期间", editable=False, null=True)  # type: ignore[misc] # the trigger fills it

    class Meta:
        verbose_name = verbose_name_plural = "学员"
        ordering = ["batch", "cadre__sort_name"]
        constraints = [
            models.UniqueConstraint(fields=["batch", "cadre"], name="enrolled_once_in_batch"),
            ExclusionConstraint(
                name="enrolled_in_one_batch_at_a_time",
                expressions=[("cadre", RangeOperators.EQUAL), ("period", RangeOperators.OVERLAPS)],
                condition=Q(live=True),
                violation_error_message="这名干部已编入时间重叠的另一期。",
            ),
        ]
        triggers = [
            pgtrigger.Trigger(
                name="copy_period",
                when=pgtrigger.Before,
                operation=pgtrigger.Insert | pgtrigger.Update,
                func="""
                    SELECT daterange(first_day, last_day, '[]') INTO NEW.period FROM batches_batch WHERE id = NEW.batch_id;
                    RETURN NEW;
                """,
            )
        ]

    def __str__(self) -> str:
        return str(self.cadre)


@pghistory.track()
class ClassMembership(models.Model):
    """An enrolled cadre in a class on days [from, until); a change of class ends one row and begins another."""

    enrollment = models.ForeignKey(Enrollment, models.PROTECT, related_name="memberships", verbose_name="学员")
    practice_class = models.ForeignKey(PracticeClass, models.PROTECT, related_name="memberships", verbose_name="班")
    days = DateRangeField("日期", help_text="首日含，末日次日不含")
    live = models.BooleanField("有效", default=True)
    reason = models.CharField("变动原因", max_length=200, blank=True)
    by_hand = models.BooleanField("人工定的班", default=False, help_text="重新编排时，同样少动的先动别人")

    class Meta:
        verbose_name = verbose_name_plural = "班级成员"
        ordering = ["practice_class", "enrollment__cadre__sort_name"]
        constraints = [
            ExclusionConstraint(
                name="member_of_one_class_at_a_time",
                expressions=[("enrollment", RangeOperators.EQUAL), ("days", RangeOperators.OVERLAPS)],
                condition=Q(live=True),
                deferrable=models.Deferrable.DEFERRED,
                violation_error_message="同一天不能在两个班。",
            ),
            models.CheckConstraint(condition=Q(days__isempty=False), name="membership_has_days"),
        ]


@pghistory.track()
class ClassStaff(models.Model):
    """Head teacher (班主任) or counsellor (辅导员) of a class, dated."""

    class Kind(models.TextChoices):
        HEAD_TEACHER = "head_teacher", "班主任"
        COUNSELLOR = "counsellor", "辅导员"

    practice_class = models.ForeignKey(PracticeClass, models.PROTECT, related_name="staff", verbose_name="班")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="class_posts", verbose_name="账号")
    kind = models.CharField("职责", max_length=15, choices=Kind.choices)
    since = models.DateField("自", default=timezone.localdate)
    until = models.DateField("至", null=True, blank=True, help_text="含当日")

    class Meta:
        verbose_name = verbose_name_plural = "班主任与辅导员"
        ordering = ["practice_class", "kind", "since"]
        constraints = [
            models.UniqueConstraint(
                fields=["practice_class", "user", "kind"], condition=Q(until__isnull=True), name="class_post_once"
            ),
            models.UniqueConstraint(
                fields=["practice_class"], condition=Q(until__isnull=True, kind="head_teacher"),
                name="one_head_teacher_a_class",
                violation_error_message="一个班同时只有一名班主任：请刷新页面，看过现在是谁再换人。",
            ),
        ]  # fmt: skip


@pghistory.track()
class ClassOffice(models.Model):
    """Monitor or deputy (班长、副班长), dated: filing for the class follows from it."""

    class Kind(models.TextChoices):
        MONITOR = "monitor", "班长"
        DEPUTY = "deputy", "副班长"

    membership = models.ForeignKey(ClassMembership, models.PROTECT, related_name="offices", verbose_name="成员")
    kind = models.CharField("班务", max_length=10, choices=Kind.choices)
    since = models.DateField("自", default=timezone.localdate)
    until = models.DateField("至", null=True, blank=True, help_text="含当日")

    class Meta:
        verbose_name = verbose_name_plural = "班长与副班长"
        ordering = ["membership__practice_class", "kind", "since"]
        constraints = [
            models.UniqueConstraint(fields=["membership"], condition=Q(until__isnull=True), name="one_office_a_member")
        ]


@pghistory.track()
class Mentorship(models.Model):
    """A mentor (导师) of one enrolled cadre, dated."""

    enrollment = models.ForeignKey(Enrollment, models.PROTECT, related_name="mentorships", verbose_name="学员")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="mentorships", verbose_name="导师")
    since = models.DateField("自", default=timezone.localdate)
    until = models.DateField("至", null=True, blank=True, help_text="含当日")

    class Meta:
        verbose_name = verbose_name_plural = "导师帮带"
        ordering = ["enrollment", "since"]
        constraints = [
            models.UniqueConstraint(fields=["enrollment"], condition=Q(until__isnull=True), name="one_mentor_a_cadre")
        ]
