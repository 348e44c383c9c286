"""Forms about signing in, passwords, accounts and roles."""

import datetime
from typing import Any

from axes.helpers import get_cool_off, get_failure_limit
from django import forms
from django.conf import settings
from django.contrib.auth import password_validation
from django.contrib.auth.forms import AuthenticationForm
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.utils import timezone

from accounts.actions import clash
from accounts.models import RoleGrant, User
from config.days import DayField

LONGEST_NAME = 40


def minutes_locked(request: HttpRequest | None) -> int:
    """How long a lock lasts, in minutes."""
    cool_off = get_cool_off(request)
    return -(-int(cool_off.total_seconds()) // 60) if cool_off else 0


class SignInForm(AuthenticationForm):
    """Says the same for a wrong password, an unknown name, a disabled account: how many tries are left, and then how long."""

    error_messages = {"invalid_login": "登录名或密码不对。", "inactive": "登录名或密码不对。"}

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["username"].label = "登录名"
        self.fields["username"].help_text = "手机号或工号"
        self.fields["password"].label = "密码"

    def clean_username(self) -> str:
        """A name longer than any account's is wrong without asking further."""
        username: str = self.cleaned_data["username"]
        if len(username) > LONGEST_NAME:
            raise self.get_invalid_login_error()
        return username

    def get_invalid_login_error(self) -> ValidationError:
        failures = getattr(self.request, "axes_failures_since_start", None)
        text = self.error_messages["invalid_login"]
        if failures:
            left = get_failure_limit(self.request, {}) - failures
            text += f"还可以试{left}次，之后要等{minutes_locked(self.request)}分钟。忘了密码，请找服务中心重置。"
        return ValidationError(text, code="invalid_login")

    def confirm_login_allowed(self, user: Any) -> None:
        """A demonstration account, whose password is printed, signs in on the embedded services alone."""
        if user.is_demo and not settings.DEMO_ACCOUNTS:
            raise self.get_invalid_login_error()
        super().confirm_login_allowed(user)


class ChangePasswordForm(forms.Form):
    """The old password, and the new one twice; the new one passes the validators and differs from the old."""

    old_password = forms.CharField(label="现在的密码", strip=False, widget=forms.PasswordInput)
    new_password = forms.CharField(
        label="新密码", strip=False, widget=forms.PasswordInput,
        help_text="至少8位，要有小写字母、大写字母、数字、符号中的三种，不要用姓名或手机号。",
    )  # fmt: skip
    repeated = forms.CharField(label="再写一遍新密码", strip=False, widget=forms.PasswordInput)

    def __init__(self, user: User, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.user = user
        for name, value in (
            ("old_password", "current-password"),
            ("new_password", "new-password"),
            ("repeated", "new-password"),
        ):
            self.fields[name].widget.attrs["autocomplete"] = value

    def clean_old_password(self) -> str:
        old: str = self.cleaned_data["old_password"]
        if not self.user.check_password(old):
            raise ValidationError("现在的密码不对：请写登录时用的那一个。")
        return old

    def clean_new_password(self) -> str:
        new: str = self.cleaned_data["new_password"]
        password_validation.validate_password(new, self.user)
        return new

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        new = data.get("new_password")
        if new and new == data.get("old_password"):
            self.add_error("new_password", "新密码和现在的一样：请换一个。")
        if new and data.get("repeated") and new != data["repeated"]:
            self.add_error("repeated", "两遍写得不一样：请重写这一遍。")
        return data


class CreateAccountsForm(forms.Form):
    """Several people at once, one a line: sign-in name, name."""

    people = forms.CharField(
        label="登录名和姓名", max_length=20000, widget=forms.Textarea(attrs={"rows": 10, "spellcheck": "false"}),
        help_text="每人一行，登录名（手机号或工号）在前，姓名在后，中间空一格。可以从表格里复制两列粘贴。",
    )  # fmt: skip

    def clean_people(self) -> list[tuple[str, str]]:
        people = []
        for number, line in enumerate(self.cleaned_data["people"].splitlines(), start=1):
            words = line.replace(",", " ").replace("，", " ").replace("、", " ").split(maxsplit=1)
            if not words:
                continue
            if len(words) == 1:
                raise ValidationError(f"第{number}行“{line.strip()[:40]}”只有一项：登录名在前，姓名在后，中间空一格。")
            people.append((words[0], "".join(words[1].split()) if not words[1].isascii() else words[1].strip()))
        return people


class ReasonForm(forms.Form):
    """An act that goes to file asks why."""

    reason = forms.CharField(label="事由", max_length=200, widget=forms.TextInput(attrs={"autocomplete": "off"}))


class RoleGrantForm(forms.ModelForm):
    """Used by the admin site; the act itself is `grant_role`."""

    granted_by: User

    class Meta:
        model = RoleGrant
        fields = ("user", "role", "until", "reason")
        field_classes = {"until": DayField}

    def clean_user(self) -> User:
        user: User = self.cleaned_data["user"]
        if user == self.granted_by:
            raise ValidationError("不能给自己授权：请另一位安全管理员办理。")
        return user

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if data.get("user") and data.get("role"):
            refusal = clash(data["user"], data["role"])
            if refusal is not None:
                self.add_error("role", refusal.message)
        return data

    def clean_until(self) -> datetime.date | None:
        until: datetime.date | None = self.cleaned_data["until"]
        if until is not None and until < timezone.localdate():
            raise ValidationError("截止日期已经过去：请改成今天或以后，长期的空着。")
        return until


class AuditFilterForm(forms.Form):
    """What the audit administrator looks for."""

    who = forms.CharField(label="谁", required=False, max_length=40)
    act = forms.CharField(label="行为", required=False, max_length=60)
    subject = forms.CharField(label="对象", required=False, max_length=60)
    first = DayField(label="自", required=False)
    last = DayField(label="至", required=False)
