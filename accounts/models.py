"""People who sign in, county-wide grants, and the audit trail."""

from typing import Any

import pghistory
from django.contrib.auth.models import AbstractBaseUser, BaseUserManager
from django.db import models
from django.db.models import Q
from django.utils import timezone

from accounts.encryption import EncryptedTextField, mask_phone


class UserManager(BaseUserManager["User"]):
    def create_user(self, *, username: str, name: str, password: str | None = None, **fields: Any) -> "User":
        user = self.model(username=username, name=name, **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def get_by_natural_key(self, username: str | None) -> "User":
        return self.get(username=username)


@pghistory.track(exclude=["password", "last_login"])
class User(AbstractBaseUser):
    """Somebody who signs in. What the person may do follows from rows of the domain, and from RoleGrant alone."""

    username = models.CharField("登录名", max_length=40, unique=True, help_text="手机号或工号")
    name = models.CharField("姓名", max_length=40)
    phone = EncryptedTextField("手机号", blank=True, default="")
    is_active = models.BooleanField("可登录", default=True)
    must_change_password = models.BooleanField("首次登录须改密码", default=True)
    is_demo = models.BooleanField("演示账号", default=False)
    password_changed_at = models.DateTimeField("改密时间", null=True, blank=True)
    created_at = models.DateTimeField("建立时间", default=timezone.now, editable=False)

    USERNAME_FIELD = "username"
    REQUIRED_FIELDS = ["name"]
    objects = UserManager()

    class Meta:
        verbose_name = verbose_name_plural = "账号"
        ordering = ["username"]

    def __str__(self) -> str:
        return self.name

    def get_full_name(self) -> str:
        return self.name

    @property
    def masked_phone(self) -> str:
        return mask_phone(self.phone)

    def get_short_name(self) -> str:
        return self.name

    @property
    def is_staff(self) -> bool:
        """May open the admin site: holds centre staff or one of the three administrator roles now."""
        return self.is_active and bool(self.county_roles & OFFICE_ROLES)

    @property
    def county_roles(self) -> frozenset[str]:
        """County-wide roles granted and in force today (read once a request)."""
        if "_county_roles" not in self.__dict__:
            self.__dict__["_county_roles"] = frozenset(
                self.role_grants.in_force().values_list("role", flat=True) if self.pk else ()
            )
        roles: frozenset[str] = self.__dict__["_county_roles"]
        return roles

    def has_perm(self, perm: str, obj: Any = None) -> bool:
        """Django's own permissions are not used: rules.py of each app says who may do what."""
        return False

    def has_module_perms(self, app_label: str) -> bool:
        return self.is_staff


class Role(models.TextChoices):
    CENTRE = "centre", "服务中心工作人员"
    LEADER = "leader", "县领导"
    SYSTEM = "system", "系统管理员"
    SECURITY = "security", "安全管理员"
    AUDIT = "audit", "审计管理员"


OFFICE_ROLES = frozenset({Role.CENTRE, Role.SYSTEM, Role.SECURITY, Role.AUDIT})
ADMINISTRATORS = (Role.SYSTEM, Role.SECURITY, Role.AUDIT)


class RoleGrantQuerySet(models.QuerySet["RoleGrant"]):
    def in_force(self) -> "RoleGrantQuerySet":
        today = timezone.localdate()
        return self.filter(Q(until__isnull=True) | Q(until__gte=today), revoked_at__isnull=True, since__lte=today)


@pghistory.track()
class RoleGrant(models.Model):
    """A county-wide role given by hand: who gave it, since when, until when and why."""

    user = models.ForeignKey(User, models.PROTECT, related_name="role_grants", verbose_name="账号")
    role = models.CharField("角色", max_length=10, choices=Role.choices)
    granted_by = models.ForeignKey(User, models.PROTECT, related_name="+", null=True, blank=True, verbose_name="授予人")
    since = models.DateField("自", default=timezone.localdate)
    until = models.DateField("至", null=True, blank=True, help_text="含当日；空着为长期")
    reason = models.CharField("事由", max_length=200)
    revoked_at = models.DateTimeField("撤销时间", null=True, blank=True, editable=False)

    objects = RoleGrantQuerySet.as_manager()

    class Meta:
        verbose_name = verbose_name_plural = "全县角色"
        ordering = ["user", "role"]
        constraints = [
            models.UniqueConstraint(
                fields=["user", "role"], condition=Q(revoked_at__isnull=True), name="role_granted_once"
            ),
            models.UniqueConstraint(
                fields=["user"],
                condition=Q(revoked_at__isnull=True, role__in=[role.value for role in ADMINISTRATORS]),
                name="one_administrator_role_a_person",
                violation_error_message="系统、安全、审计三个管理员角色不能由同一人兼任。",
            ),
            models.CheckConstraint(
                condition=Q(until__isnull=True) | Q(until__gte=models.F("since")), name="grant_period_forward"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user} {self.get_role_display()}"


class AuditEntry(models.Model):
    """One act, one entry, in a hash chain that only grows.

    The database's trigger gives `seq`, `previous` and `hash`; the web role may insert and read, nothing else. `data` is the
    canonical JSON text that was hashed, and holds no plain personal data.
    """

    seq = models.BigIntegerField("序号", primary_key=True)
    at = models.DateTimeField("时间")
    actor_id = models.BigIntegerField("账号编号", null=True)
    actor = models.CharField("谁", max_length=60)
    act = models.CharField("行为", max_length=60)
    subject_type = models.CharField("对象类别", max_length=60, blank=True)
    subject_id = models.CharField("对象编号", max_length=60, blank=True)
    subject = models.CharField("对象", max_length=200, blank=True)
    reason = models.CharField("事由", max_length=500, blank=True)
    data = models.TextField("内容", default="{}")
    request_id = models.CharField("请求编号", max_length=32, blank=True)
    address = models.CharField("来源地址", max_length=45, blank=True)
    previous = models.CharField("前一条哈希", max_length=64)
    hash = models.CharField("哈希", max_length=64, unique=True)

    web_rights = "SELECT, INSERT"

    class Meta:
        verbose_name = verbose_name_plural = "审计记录"
        ordering = ["-seq"]
        indexes = [models.Index(fields=["subject_type", "subject_id"]), models.Index(fields=["actor_id", "at"])]

    def __str__(self) -> str:
        return f"{self.seq} {self.act}"


class AuditHead(models.Model):
    """The one row that knows where the chain ends; kept by the trigger, so that a cut-off tail is missed."""

    id = models.SmallIntegerField(primary_key=True, default=1)
    seq = models.BigIntegerField(default=0)
    hash = models.CharField(max_length=64)

    web_rights = "SELECT"

    class Meta:
        verbose_name = verbose_name_plural = "审计链尾"
        constraints = [models.CheckConstraint(condition=Q(id=1), name="audit_head_is_one_row")]


class AuditCheckpoint(models.Model):
    """A signed statement that the chain had this hash at this entry (Ed25519; the key is outside the database)."""

    seq = models.BigIntegerField("到序号")
    hash = models.CharField("哈希", max_length=64)
    made_at = models.DateTimeField("时间", default=timezone.now)
    signature = models.CharField("签名", max_length=128)

    web_rights = "SELECT, INSERT"

    class Meta:
        verbose_name = verbose_name_plural = "审计检查点"
        ordering = ["-seq"]
