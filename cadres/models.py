"""Units and cadres, who took part before, when somebody cannot, and the imports that all of it came from."""

import pghistory
from django.conf import settings
from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import DateRangeField, RangeOperators
from django.db import models
from django.db.models import Q
from django.utils import timezone
from pypinyin import Style, lazy_pinyin

from accounts.encryption import BlindIndexField, EncryptedTextField, mask_id_number, mask_phone


@pghistory.track()
class Unit(models.Model):
    """A unit that sends cadres (派出单位); townships among them."""

    class Kind(models.TextChoices):
        COUNTY = "county", "县直机关"
        TOWNSHIP = "township", "乡镇"
        INSTITUTION = "institution", "事业单位"
        MASS = "mass", "群团组织"
        ENTERPRISE = "enterprise", "国有企业"

    name = models.CharField("单位名称", max_length=60, unique=True)
    sort_name = models.CharField("拼音", max_length=240, editable=False, default="")
    kind = models.CharField("单位类别", max_length=12, choices=Kind.choices, default=Kind.COUNTY)
    quota = models.PositiveSmallIntegerField(
        "每期名额", null=True, blank=True, help_text="空着按项目规则的“各单位每期最多人数”；0 为不派人"
    )
    former_names = models.TextField("曾用名", blank=True, help_text="每行一个；导入时按曾用名也能认出来")
    active = models.BooleanField("在用", default=True)

    class Meta:
        verbose_name = verbose_name_plural = "单位"
        ordering = ["sort_name", "name"]

    def __str__(self) -> str:
        return self.name

    def save(self, *args: object, **options: object) -> None:
        self.derive()
        super().save(*args, **options)  # type: ignore[arg-type] # the stubs spell every option out

    def derive(self) -> None:
        """Fill the column that the name is sorted by; called by `save` and by whoever writes in bulk."""
        self.sort_name = pinyin(self.name)[:240]


@pghistory.track()
class UnitLiaison(models.Model):
    """The person of a unit who confirms names and enters unavailability (派出单位联络员)."""

    unit = models.ForeignKey(Unit, models.PROTECT, related_name="liaisons", verbose_name="单位")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="unit_liaisons", verbose_name="账号"
    )
    since = models.DateField("自", default=timezone.localdate)
    until = models.DateField("至", null=True, blank=True, help_text="含当日；空着为至今")

    class Meta:
        verbose_name = verbose_name_plural = "单位联络员"
        ordering = ["unit", "since"]
        constraints = [models.UniqueConstraint(fields=["unit", "user", "since"], name="unit_liaison_once")]

    def __str__(self) -> str:
        return f"{self.unit} {self.user}"


def pinyin(name: str) -> str:
    """What Chinese names are sorted by: the database of this house knows no Chinese collation."""
    return " ".join(lazy_pinyin(name, style=Style.NORMAL))


class Sex(models.TextChoices):
    MALE = "M", "男"
    FEMALE = "F", "女"


@pghistory.track()
class Cadre(models.Model):
    """A cadre (干部). Age is never stored: it is computed from the birth month at a reference month."""

    class State(models.TextChoices):
        IN_POST = "in_post", "在职"
        LEFT = "left", "调出"
        RETIRED = "retired", "退休"

    unit = models.ForeignKey(Unit, models.PROTECT, related_name="cadres", verbose_name="单位")
    name = models.CharField("姓名", max_length=40)
    sort_name = models.CharField("拼音", max_length=160, editable=False, db_index=True)
    sex = models.CharField("性别", max_length=1, choices=Sex.choices)
    birth = models.DateField("出生年月", help_text="只用到月，日一律记 1 日")
    id_number = EncryptedTextField("身份证号", blank=True, default="")
    id_number_index = BlindIndexField(of="id_number", unique=True, null=True)
    id_number_tail = models.CharField("身份证尾号", max_length=4, blank=True, editable=False, db_index=True)
    phone = EncryptedTextField("手机号", blank=True, default="")
    nationality = models.CharField("民族", max_length=20, blank=True)
    political_status = models.CharField("政治面貌", max_length=20, blank=True)
    education = models.CharField("学历", max_length=40, blank=True)
    post = models.CharField("现任职务", max_length=100, blank=True)
    post_kind = models.CharField("岗位类别", max_length=20, blank=True, help_text="综合管理、专业技术、行政执法等")
    level = models.CharField(
        "职务层次", max_length=20, blank=True, help_text="县处级副职、乡科级正职、乡科级副职、科员级等"
    )
    rank = models.CharField("职级", max_length=20, blank=True, help_text="一级主任科员、四级主任科员、一级科员等")
    leading = models.BooleanField("班子成员", default=False)
    specialty = models.CharField("专长", max_length=100, blank=True)
    grassroots = models.CharField("基层经历", max_length=100, blank=True)
    remarks = models.CharField("备注", max_length=200, blank=True)
    state = models.CharField("状态", max_length=10, choices=State.choices, default=State.IN_POST)
    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="cadre", verbose_name="账号"
    )

    class Meta:
        verbose_name = verbose_name_plural = "干部"
        ordering = ["unit__sort_name", "sort_name", "pk"]
        indexes = [models.Index(fields=["state", "birth"])]
        constraints = [
            models.CheckConstraint(condition=Q(birth__day=1), name="birth_is_a_month"),
        ]

    def __str__(self) -> str:
        return self.name

    def save(self, *args: object, **options: object) -> None:
        self.derive()
        super().save(*args, **options)  # type: ignore[arg-type] # the stubs spell every option out

    def derive(self) -> None:
        """Fill the columns that follow from others; called by `save` and by whoever writes in bulk."""
        self.sort_name = pinyin(self.name)[:160]
        self.id_number_tail = self.id_number[-4:] if self.id_number else ""
        self.birth = self.birth.replace(day=1)

    @property
    def masked_id_number(self) -> str:
        return mask_id_number(self.id_number)

    @property
    def masked_phone(self) -> str:
        return mask_phone(self.phone)


@pghistory.track()
class PastAttendance(models.Model):
    """An earlier session that a cadre took part in, from old lists or from a closed batch's own record."""

    cadre = models.ForeignKey(Cadre, models.PROTECT, related_name="past_attendances", verbose_name="干部")
    session = models.CharField("期次", max_length=60)
    class_name = models.CharField("班级", max_length=60, blank=True)
    first_day = models.DateField("开始", null=True, blank=True)
    last_day = models.DateField("结束", null=True, blank=True)
    outcome = models.CharField("结果", max_length=60, blank=True)
    source_import = models.ForeignKey(
        "RosterImport", models.PROTECT, null=True, blank=True, related_name="past_attendances", verbose_name="来自导入"
    )

    class Meta:
        verbose_name = verbose_name_plural = "以往参加"
        ordering = ["session", "cadre"]
        constraints = [models.UniqueConstraint(fields=["cadre", "session"], name="past_session_once")]

    def __str__(self) -> str:
        return f"{self.cadre} {self.session}"


@pghistory.track()
class Unavailability(models.Model):
    """Days [from, until) on which a cadre cannot attend, and why."""

    cadre = models.ForeignKey(Cadre, models.PROTECT, related_name="unavailabilities", verbose_name="干部")
    days = DateRangeField("日期", help_text="首日含，末日次日不含")
    reason = models.CharField("原因", max_length=200)
    entered_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", verbose_name="登记人")
    voided_reason = models.CharField("作废原因", max_length=200, blank=True)
    live = models.BooleanField("有效", default=True)

    class Meta:
        verbose_name = verbose_name_plural = "不可用时间"
        ordering = ["-days"]
        constraints = [
            ExclusionConstraint(
                name="unavailability_no_overlap",
                expressions=[("cadre", RangeOperators.EQUAL), ("days", RangeOperators.OVERLAPS)],
                condition=Q(live=True),
                violation_error_message="与已登记的不可用时间重叠：请改日期，或先作废原来那条。",
            ),
            models.CheckConstraint(condition=Q(days__isempty=False), name="unavailability_has_days"),
        ]


@pghistory.track()
class RosterImport(models.Model):
    """One uploaded list on its way: read by a job, previewed, committed in one transaction, reverted as a whole."""

    class Kind(models.TextChoices):
        CENSUS = "census", "干部花名册"
        PAST = "past", "以往各期名单"

    class State(models.TextChoices):
        READING = "reading", "正在读"
        UNREADABLE = "unreadable", "读不了"
        PREVIEWED = "previewed", "待写入"
        COMMITTED = "committed", "已写入"
        REVERTED = "reverted", "已撤回"
        DISCARDED = "discarded", "已放弃"

    kind = models.CharField("类别", max_length=10, choices=Kind.choices, default=Kind.CENSUS)
    file = models.ForeignKey("office.StoredFile", models.PROTECT, related_name="+", verbose_name="文件")
    job = models.ForeignKey("office.Job", models.SET_NULL, null=True, blank=True, related_name="+", verbose_name="任务")
    state = models.CharField("状态", max_length=12, choices=State.choices, default=State.READING)
    problem = models.CharField("读不了的原因", max_length=500, blank=True)
    sheet = models.CharField("工作表", max_length=100, blank=True)
    session = models.CharField("期次", max_length=60, blank=True, help_text="以往名单里没有“期次”一列时用它")
    notes = models.JSONField("读表说明", default=list)
    unknown_units = models.JSONField("没有登记的单位", default=list)
    create_units = models.BooleanField("建立没有登记的单位", default=False)
    unknown_columns = models.JSONField("没有用到的列", default=list)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+", verbose_name="上传人"
    )
    created_at = models.DateTimeField("上传时间", default=timezone.now)
    committed_at = models.DateTimeField("写入时间", null=True, blank=True)
    reverted_at = models.DateTimeField("撤回时间", null=True, blank=True)
    reverted_reason = models.CharField("撤回原因", max_length=200, blank=True)

    class Meta:
        verbose_name = verbose_name_plural = "导入"
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.created_at:%Y-%m-%d %H:%M}"


class ImportRow(models.Model):
    """A row of an uploaded list: what it says (encrypted), what it would do, and what it did."""

    class Effect(models.TextChoices):
        REFUSED = "refused", "不能导入"
        NEW = "new", "新增"
        CHANGED = "changed", "变更"
        SAME = "same", "无变化"

    roster_import = models.ForeignKey(RosterImport, models.CASCADE, related_name="rows", verbose_name="导入")
    number = models.PositiveIntegerField("表行")
    effect = models.CharField("结果", max_length=10, choices=Effect.choices)
    values = EncryptedTextField("行内容")
    before = EncryptedTextField("写入前", blank=True, default="")
    cadre = models.ForeignKey(Cadre, models.SET_NULL, null=True, blank=True, related_name="+", verbose_name="干部")

    class Meta:
        verbose_name = verbose_name_plural = "导入行"
        ordering = ["number"]
        constraints = [models.UniqueConstraint(fields=["roster_import", "number"], name="import_row_once")]


class ImportFinding(models.Model):
    """What is wrong or odd in one cell: which row and column, why, and what cures it. The value is kept masked."""

    class Level(models.TextChoices):
        ERROR = "error", "不能导入"
        WARNING = "warning", "提醒"

    roster_import = models.ForeignKey(RosterImport, models.CASCADE, related_name="findings", verbose_name="导入")
    row = models.PositiveIntegerField("表行")
    column = models.CharField("列", max_length=40)
    level = models.CharField("程度", max_length=10, choices=Level.choices)
    kind = models.CharField("类别", max_length=30)
    value = models.CharField("原值", max_length=100, blank=True)
    message = models.CharField("问题", max_length=300)
    remedy = models.CharField("怎么改", max_length=300, blank=True)

    class Meta:
        verbose_name = verbose_name_plural = "导入发现"
        ordering = ["row", "column"]
