"""What every desk needs: long work as rows, stored files, notices, and the working-day calendar."""

import datetime
import uuid

import pghistory
from django.conf import settings
from django.db import models
from django.utils import timezone


class StoredFile(models.Model):
    """An uploaded or produced file: kept under its hash, served only through pages that ask who may see it."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField("文件名", max_length=200)
    kind = models.CharField("用途", max_length=30)
    content_type = models.CharField("类型", max_length=100)
    size = models.PositiveBigIntegerField("字节数")
    sha256 = models.CharField("哈希", max_length=64, db_index=True)
    content = models.FileField("内容", upload_to="files/", max_length=200)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="files", verbose_name="属于"
    )
    created_at = models.DateTimeField("时间", default=timezone.now)
    expires_at = models.DateTimeField("到期删除", null=True, blank=True)

    class Meta:
        verbose_name = verbose_name_plural = "文件"
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return self.name


class JobState(models.TextChoices):
    WAITING = "waiting", "排队中"
    RUNNING = "running", "进行中"
    DONE = "done", "已完成"
    FAILED = "failed", "没有完成"
    CANCELLED = "cancelled", "已停止"


UNFINISHED = (JobState.WAITING, JobState.RUNNING)
LOST_AFTER = datetime.timedelta(seconds=30)
"""A worker that has been silent for so long is taken for dead."""


class Job(models.Model):
    """Long work. This row is the only place of its running state; Redis and Celery are the bell and the hands."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    task = models.CharField("任务名", max_length=80)
    title = models.CharField("任务", max_length=120)
    params = models.JSONField("参数", default=dict)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="jobs", verbose_name="谁交办"
    )
    parent = models.ForeignKey(
        "self", models.CASCADE, null=True, blank=True, related_name="parts", verbose_name="属于哪个任务"
    )
    step = models.CharField("步骤", max_length=500, blank=True)
    state = models.CharField("状态", max_length=10, choices=JobState.choices, default=JobState.WAITING)
    progress = models.PositiveSmallIntegerField("进度", default=0)
    message = models.CharField("说明", max_length=500, blank=True)
    attempts = models.PositiveSmallIntegerField("第几次", default=0)
    cancel_requested = models.BooleanField("要求停止", default=False)
    created_at = models.DateTimeField("交办时间", default=timezone.now)
    rung_at = models.DateTimeField("上次叫人", null=True, blank=True)
    started_at = models.DateTimeField("开始时间", null=True, blank=True)
    heartbeat_at = models.DateTimeField("最近活动", null=True, blank=True)
    finished_at = models.DateTimeField("结束时间", null=True, blank=True)
    result = models.JSONField("结果", default=dict)
    result_file = models.ForeignKey(
        StoredFile, models.SET_NULL, null=True, blank=True, related_name="+", verbose_name="产出文件"
    )
    result_url = models.CharField("结果在", max_length=200, blank=True)

    class Meta:
        verbose_name = verbose_name_plural = "任务"
        ordering = ["-created_at"]
        indexes = [models.Index(fields=["state", "heartbeat_at"]), models.Index(fields=["owner", "-created_at"])]
        constraints = [
            models.UniqueConstraint(
                fields=["parent", "step"], condition=models.Q(parent__isnull=False), name="one_part_a_step"
            )
        ]

    def __str__(self) -> str:
        return self.title

    @property
    def is_unfinished(self) -> bool:
        return self.state in UNFINISHED

    @property
    def is_interrupted(self) -> bool:
        """Its worker has not been heard of for too long: nobody is at it until it is handed on."""
        silent = self.heartbeat_at is not None and self.heartbeat_at < timezone.now() - LOST_AFTER
        return self.state == JobState.RUNNING and silent


class Notice(models.Model):
    """A message to one person, or a text to print or paste; written with the act that causes it (outbox)."""

    class Channel(models.TextChoices):
        SYSTEM = "system", "系统内"
        PRINT = "print", "打印"
        CHAT = "chat", "粘贴到群"

    addressee = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, null=True, blank=True, related_name="notices", verbose_name="收件人"
    )
    channel = models.CharField("渠道", max_length=10, choices=Channel.choices, default=Channel.SYSTEM)
    subject = models.CharField("标题", max_length=120)
    text = models.TextField("内容", blank=True)
    url = models.CharField("链接", max_length=200, blank=True)
    created_at = models.DateTimeField("时间", default=timezone.now)
    read_at = models.DateTimeField("已读", null=True, blank=True)

    class Meta:
        verbose_name = verbose_name_plural = "通知"
        ordering = ["-created_at"]
        indexes = [models.Index(fields=["addressee", "read_at"])]

    def __str__(self) -> str:
        return self.subject


@pghistory.track()
class CalendarDay(models.Model):
    """A day that differs from Monday to Friday. A year without rows is provisional (暂定)."""

    class Kind(models.TextChoices):
        HOLIDAY = "holiday", "放假"
        WORKDAY = "workday", "调休上班"

    day = models.DateField("日期", unique=True)
    kind = models.CharField("类别", max_length=10, choices=Kind.choices)
    statutory = models.BooleanField("法定节日当天", default=False)
    name = models.CharField("名称", max_length=40, blank=True)
    source = models.CharField("依据", max_length=100, blank=True)

    class Meta:
        verbose_name = verbose_name_plural = "节假日与调休"
        ordering = ["day"]

    def __str__(self) -> str:
        return f"{self.day} {self.get_kind_display()}"
