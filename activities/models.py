"""The class's record of what it did, the papers of class and cadre, and every version that was handed in."""

import uuid

import pghistory
import pgtrigger
from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone


class PaperState(models.TextChoices):
    """States that records, reflections and reports share."""

    DRAFT = "draft", "草稿"
    SUBMITTED = "submitted", "已报送"
    RETURNED = "returned", "退回"
    ACCEPTED = "accepted", "已审核"
    ARCHIVED = "archived", "已归档"
    VOID = "void", "已作废"


class Paper(models.Model):
    """What is filed, accepted or returned: a client-made id (a resend finds it), a version that only grows, a state."""

    client_id = models.UUIDField("提交编号", unique=True, default=uuid.uuid4)
    title = models.CharField("标题", max_length=100)
    text = models.TextField("内容", max_length=20000, blank=True)
    state = models.CharField("状态", max_length=10, choices=PaperState.choices, default=PaperState.DRAFT)
    version = models.PositiveSmallIntegerField("第几稿", default=1)
    author = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", verbose_name="填写人")
    created_at = models.DateTimeField("填写时间", default=timezone.now)
    submitted_at = models.DateTimeField("报送时间", null=True, blank=True)
    decided_at = models.DateTimeField("审核时间", null=True, blank=True)

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return self.title


@pghistory.track()
class ActivityRecord(Paper):
    """Something a class did in a village: one of the five ones (五个一), or beside them."""

    class Kind(models.TextChoices):
        PARTY = "party", "党性锻炼"
        OFFICE = "office", "驻点办公"
        SURVEY = "survey", "村情调查"
        POLICY = "policy", "政策宣传"
        DEED = "deed", "惠民实事"
        FARM = "farm", "同劳动"
        OTHER = "other", "其他"

    FIVE_ONES = (Kind.PARTY, Kind.OFFICE, Kind.SURVEY, Kind.POLICY, Kind.DEED)

    practice_class = models.ForeignKey(
        "batches.PracticeClass", models.PROTECT, related_name="records", verbose_name="班"
    )
    gathering = models.ForeignKey(
        "batches.Gathering", models.PROTECT, null=True, blank=True, related_name="records", verbose_name="哪次集中"
    )
    village = models.ForeignKey(
        "bases.Village", models.PROTECT, null=True, blank=True, related_name="records", verbose_name="村"
    )
    kind = models.CharField("类别", max_length=10, choices=Kind.choices)
    day = models.DateField("日期")
    participants = models.ManyToManyField(
        "batches.Enrollment", related_name="records", blank=True, verbose_name="参加的人"
    )
    people_reached = models.PositiveIntegerField("到场群众（人）", null=True, blank=True)
    households_helped = models.PositiveIntegerField("受益户数", null=True, blank=True)
    cost = models.DecimalField("花费（元）", max_digits=10, decimal_places=2, null=True, blank=True)

    class Meta:
        verbose_name = verbose_name_plural = "纪实"
        ordering = ["-day", "-pk"]
        indexes = [models.Index(fields=["practice_class", "kind", "state"])]
        constraints = [
            models.CheckConstraint(condition=Q(cost__isnull=True) | Q(cost__gte=0), name="cost_not_negative")
        ]


class Attachment(models.Model):
    """A photograph or scan of a record; never required (国办函〔2026〕12号)."""

    record = models.ForeignKey(ActivityRecord, models.CASCADE, related_name="attachments", verbose_name="纪实")
    file = models.ForeignKey("office.StoredFile", models.PROTECT, related_name="+", verbose_name="文件")
    client_id = models.UUIDField("提交编号", unique=True, default=uuid.uuid4)

    class Meta:
        verbose_name = verbose_name_plural = "附件"
        ordering = ["pk"]


@pghistory.track()
class Reflection(Paper):
    """A cadre's reflection (心得体会)."""

    enrollment = models.ForeignKey(
        "batches.Enrollment", models.PROTECT, related_name="reflections", verbose_name="学员"
    )

    class Meta:
        verbose_name = verbose_name_plural = "心得体会"
        ordering = ["enrollment", "pk"]


@pghistory.track()
class ResearchReport(Paper):
    """A class's research report (调研报告)."""

    practice_class = models.ForeignKey(
        "batches.PracticeClass", models.PROTECT, related_name="reports", verbose_name="班"
    )

    class Meta:
        verbose_name = verbose_name_plural = "调研报告"
        ordering = ["practice_class", "pk"]


class PaperVersion(models.Model):
    """The canonical text of a paper each time it was handed in or decided upon; append-only."""

    record = models.ForeignKey(
        ActivityRecord, models.PROTECT, null=True, blank=True, related_name="versions", verbose_name="纪实"
    )
    reflection = models.ForeignKey(
        Reflection, models.PROTECT, null=True, blank=True, related_name="versions", verbose_name="心得体会"
    )
    report = models.ForeignKey(
        ResearchReport, models.PROTECT, null=True, blank=True, related_name="versions", verbose_name="调研报告"
    )
    number = models.PositiveSmallIntegerField("第几稿")
    state = models.CharField("状态", max_length=10, choices=PaperState.choices)
    content = models.TextField("内容（规范 JSON）")
    sha256 = models.CharField("哈希", max_length=64)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", verbose_name="谁")
    reason = models.CharField("意见", max_length=300, blank=True)
    at = models.DateTimeField("时间", default=timezone.now)

    web_rights = "SELECT, INSERT"

    class Meta:
        verbose_name = verbose_name_plural = "稿次"
        ordering = ["pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(record__isnull=False, reflection__isnull=True, report__isnull=True)
                | Q(record__isnull=True, reflection__isnull=False, report__isnull=True)
                | Q(record__isnull=True, reflection__isnull=True, report__isnull=False),
                name="version_of_one_paper",
            )
        ]
        triggers = [pgtrigger.Protect(name="never_changes", operation=pgtrigger.Update | pgtrigger.Delete)]
