"""What the planner is asked and answers: runs, demands, waivers, and the immutable published versions."""

import pghistory
import pgtrigger
from django.conf import settings
from django.db import models
from django.utils import timezone

from batches.models.batch import Batch, Parity


class PlanRun(models.Model):
    """One run of the planner: its canonical input, seed, fingerprint and plan. Its running state is the job's."""

    class Stage(models.TextChoices):
        NAMES = "names", "名单建议"
        FULL = "full", "编排"

    class Outcome(models.TextChoices):
        PENDING = "pending", "未完成"
        SOLVED = "solved", "全部排进"
        SHORT = "short", "有缺口"
        ADOPTED = "adopted", "已发布"
        SUPERSEDED = "superseded", "已被取代"

    batch = models.ForeignKey(Batch, models.PROTECT, related_name="plan_runs", verbose_name="期")
    stage = models.CharField("步骤", max_length=10, choices=Stage.choices, default=Stage.FULL)
    job = models.ForeignKey("office.Job", models.SET_NULL, null=True, blank=True, related_name="+", verbose_name="任务")
    seed = models.PositiveIntegerField("种子", default=1)
    input_text = models.TextField("输入（规范 JSON）", blank=True)
    fingerprint = models.CharField("数据指纹", max_length=64, blank=True)
    plan_text = models.TextField("方案（规范 JSON）", blank=True)
    outcome = models.CharField("结果", max_length=12, choices=Outcome.choices, default=Outcome.PENDING)
    created_at = models.DateTimeField("时间", default=timezone.now)

    class Meta:
        verbose_name = verbose_name_plural = "编排记录"
        ordering = ["-created_at", "-pk"]


@pghistory.track()
class PlanDemand(models.Model):
    """What people ask of the plan for one cadre: a batch he must or must not attend, or the only weeks he can be away."""

    class Kind(models.TextChoices):
        MUST = "must", "必须参加本期"
        MUST_NOT = "must_not", "不参加本期"
        PARITY = "parity", "只能在单周或双周"
        PIN = "pin", "固定到班"

    batch = models.ForeignKey(Batch, models.PROTECT, related_name="demands", verbose_name="期")
    cadre = models.ForeignKey("cadres.Cadre", models.PROTECT, related_name="demands", verbose_name="干部")
    kind = models.CharField("要求", max_length=10, choices=Kind.choices)
    parity = models.CharField("周次", max_length=4, choices=Parity.choices, blank=True)
    class_number = models.PositiveSmallIntegerField("班号", null=True, blank=True)
    reason = models.CharField("原因", max_length=200)
    live = models.BooleanField("有效", default=True)

    class Meta:
        verbose_name = verbose_name_plural = "编排要求"
        ordering = ["batch", "cadre"]
        constraints = [
            models.UniqueConstraint(
                fields=["batch", "cadre", "kind"], condition=models.Q(live=True), name="demand_once"
            )
        ]


@pghistory.track()
class Waiver(models.Model):
    """A rule set aside for one named subject (批准例外): asked, approved by somebody else, dated."""

    batch = models.ForeignKey(Batch, models.PROTECT, related_name="waivers", verbose_name="期")
    rule = models.CharField("规则", max_length=3)
    subject = models.CharField("对象", max_length=120, help_text="按编排格式写的对象")
    subject_label = models.CharField("对象说明", max_length=120)
    reason = models.CharField("原因", max_length=200)
    asked_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", verbose_name="申请人")
    approver = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+", verbose_name="批准人"
    )
    approved_at = models.DateTimeField("批准时间", null=True, blank=True)
    until = models.DateField("有效至", null=True, blank=True)

    class Meta:
        verbose_name = verbose_name_plural = "批准例外"
        ordering = ["batch", "rule", "subject"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(approver__isnull=True) | ~models.Q(approver=models.F("asked_by")),
                name="waiver_approved_by_another", violation_error_message="例外要由申请人以外的人批准。",
            )
        ]  # fmt: skip


class PlanVersion(models.Model):
    """A published plan: canonical text, number, differences and reason. It never changes; current rows project it."""

    batch = models.ForeignKey(Batch, models.PROTECT, related_name="plan_versions", verbose_name="期")
    number = models.PositiveSmallIntegerField("版本")
    run = models.ForeignKey(PlanRun, models.PROTECT, null=True, related_name="versions", verbose_name="编排记录")
    plan_text = models.TextField("方案（规范 JSON）")
    seed = models.PositiveIntegerField("种子")
    fingerprint = models.CharField("数据指纹", max_length=64)
    differences = models.JSONField("与上一版的差别", default=list)
    reason = models.CharField("原因", max_length=200, blank=True)
    published_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", verbose_name="发布人")
    published_at = models.DateTimeField("发布时间", default=timezone.now)

    web_rights = "SELECT, INSERT"

    class Meta:
        verbose_name = verbose_name_plural = "方案版本"
        ordering = ["batch", "-number"]
        constraints = [models.UniqueConstraint(fields=["batch", "number"], name="plan_version_once")]
        triggers = [pgtrigger.Protect(name="never_changes", operation=pgtrigger.Update | pgtrigger.Delete)]

    def __str__(self) -> str:
        return f"{self.batch}方案第{self.number}版"
