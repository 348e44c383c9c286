"""What the planner is asked and answers: runs, demands, pins, waivers, and the immutable published versions."""

import json
from typing import Any

import pghistory
import pgtrigger
from django.conf import settings
from django.db import models
from django.utils import timezone

from batches.models.batch import Batch, Parity, PracticeClass
from batches.models.programme import Programme


class Read:
    """What a column of canonical JSON says, parsed once for a row in hand and again when its text is another.

    Everybody who asks the row gets the same: whoever needs another one makes a copy.
    """

    def __init__(self, column: str) -> None:
        self.column, self.kept = column, f"_{column}_read"

    def __get__(self, row: Any, owner: Any = None) -> dict[str, Any]:
        text, kept = getattr(row, self.column), row.__dict__.get(self.kept)
        if kept is None or kept[0] != text:
            kept = row.__dict__[self.kept] = text, json.loads(text)
        found: dict[str, Any] = kept[1]
        return found


class PlanRun(models.Model):
    """One run of the planner: its canonical input, seed, fingerprint and plan. Its running state is the job's.

    `changes` are laid over the facts before planning (`batches.planning.changes`): a trial and an outlook touch nothing
    until they are adopted. An outlook is about the coming batches of a programme and has no batch of its own.
    """

    class Purpose(models.TextChoices):
        NAMES = "names", "名单建议"
        PLAN = "plan", "编排"
        REPAIR = "repair", "少变动重排"
        TRIAL = "trial", "试算"
        OUTLOOK = "outlook", "推演"

    class Prefer(models.TextChoices):
        KEPT = "kept", "先保住原来的安排"
        SEATS = "seats", "先排满座位"

    class Outcome(models.TextChoices):
        PENDING = "pending", "未完成"
        SOLVED = "solved", "全部排进"
        SHORT = "short", "有缺口"
        ADOPTED = "adopted", "已发布"
        SUPERSEDED = "superseded", "已被取代"

    programme = models.ForeignKey(Programme, models.PROTECT, related_name="plan_runs", verbose_name="项目")
    batch = models.ForeignKey(Batch, models.PROTECT, null=True, blank=True, related_name="plan_runs", verbose_name="期")
    purpose = models.CharField("用途", max_length=10, choices=Purpose.choices, default=Purpose.PLAN)
    title = models.CharField("名称", max_length=60, blank=True)
    against = models.ForeignKey(
        "self", models.PROTECT, null=True, blank=True, related_name="followers", verbose_name="从哪次编排来"
    )
    changes = models.JSONField("假设的改动", default=list, blank=True)
    prefer = models.CharField("先后", max_length=6, choices=Prefer.choices, default=Prefer.KEPT)
    job = models.ForeignKey("office.Job", models.SET_NULL, null=True, blank=True, related_name="+", verbose_name="任务")
    seed = models.PositiveIntegerField("种子", default=1)
    input_text = models.TextField("输入（规范 JSON）", blank=True)
    fingerprint = models.CharField("数据指纹", max_length=64, blank=True)
    plan_text = models.TextField("方案（规范 JSON）", blank=True)
    explanations = models.JSONField("缺口的原因和办法", default=list, blank=True)
    figures = models.JSONField("数字", default=dict, blank=True)
    outcome = models.CharField("结果", max_length=12, choices=Outcome.choices, default=Outcome.PENDING)
    created_at = models.DateTimeField("时间", default=timezone.now)

    document, plan = Read("input_text"), Read("plan_text")

    class Meta:
        verbose_name = verbose_name_plural = "编排记录"
        ordering = ["-created_at", "-pk"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(batch__isnull=False) | models.Q(purpose="outlook"),
                name="run_of_a_batch_or_an_outlook",
            )
        ]

    def __str__(self) -> str:
        return self.title or f"{self.batch or self.programme}{self.get_purpose_display()}"


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
class GatheringPin(models.Model):
    """A cell of the calendar that the planner leaves where it is: its first day, its bases, or both."""

    practice_class = models.ForeignKey(PracticeClass, models.PROTECT, related_name="pins", verbose_name="班")
    index = models.PositiveSmallIntegerField("第几次")
    first_day = models.DateField("到村", null=True, blank=True)
    base = models.ForeignKey(
        "bases.PracticeBase", models.PROTECT, null=True, blank=True, related_name="+", verbose_name="基地"
    )
    second_base = models.ForeignKey(
        "bases.PracticeBase", models.PROTECT, null=True, blank=True, related_name="+", verbose_name="第二个基地"
    )
    reason = models.CharField("原因", max_length=200)
    live = models.BooleanField("有效", default=True)

    class Meta:
        verbose_name = verbose_name_plural = "固定的集中"
        ordering = ["practice_class", "index"]
        constraints = [
            models.UniqueConstraint(
                fields=["practice_class", "index"], condition=models.Q(live=True), name="gathering_pinned_once"
            ),
            models.CheckConstraint(
                condition=models.Q(first_day__isnull=False) | models.Q(base__isnull=False), name="pin_says_something",
                violation_error_message="要固定日期或基地，至少一样。",
            ),
            models.CheckConstraint(
                condition=models.Q(second_base__isnull=True) | models.Q(base__isnull=False), name="pin_first_base_first"
            ),
        ]  # fmt: skip

    def __str__(self) -> str:
        return f"{self.practice_class}第{self.index}次集中"


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

    plan = Read("plan_text")

    web_rights = "SELECT, INSERT"

    class Meta:
        verbose_name = verbose_name_plural = "方案版本"
        ordering = ["batch", "-number"]
        constraints = [models.UniqueConstraint(fields=["batch", "number"], name="plan_version_once")]
        triggers = [pgtrigger.Protect(name="never_changes", operation=pgtrigger.Update | pgtrigger.Delete)]

    def __str__(self) -> str:
        return f"{self.batch}方案第{self.number}版"
