"""Who accompanies a class, and who holds an office in it."""

from django import forms
from django.utils import timezone

from accounts.models import User
from batches.actions.staff import assign_class_staff, assign_mentor, assign_office
from batches.forms.fields import ActForm, ClassField, MemberField, SeatField, UserField
from batches.models import ClassOffice, ClassStaff, PracticeClass
from batches.queries import gatherings_elsewhere
from batches.roll import day_words, sitting


def clash(user: User, practice_class: PracticeClass) -> str:
    """A warning when somebody would be at two gatherings on one day (R19); empty otherwise."""
    elsewhere = list(gatherings_elsewhere(user, practice_class)[:3])
    if not elsewhere:
        return ""
    where = "、".join(f"{row.practice_class.short_name} {row.first_day:%m-%d}" for row in elsewhere)
    return f"注意：同一天还有{where} 的集中（R19），请另定一人，或重新编排。"


class TeacherForm(ActForm):
    practice_class = ClassField(label="班", empty_label=None)
    kind = forms.ChoiceField(label="职责", choices=ClassStaff.Kind.choices)
    user = UserField(label="谁", help_text="姓名或登录名；还没有账号的先建账号")

    def perform(self, by: User) -> str:
        row = assign_class_staff(**self.cleaned_data, by=by)
        told = clash(row.user, row.practice_class)
        return f"{row.user}任{row.practice_class.short_name}{row.get_kind_display()}，从今天起。{told}"


class MentorForm(ActForm):
    """One mentor for a whole class, or for the members ticked."""

    practice_class = ClassField(label="班", empty_label=None)
    enrollment = MemberField(label="只帮带一位", required=False, help_text="空着为全班", empty_label="全班")
    user = UserField(label="导师", help_text="姓名或登录名")

    def perform(self, by: User) -> str:
        practice_class, one = self.cleaned_data["practice_class"], self.cleaned_data["enrollment"]
        members = sitting(self.batch).filter(practice_class=practice_class)
        chosen = [one] if one is not None else [row.enrollment for row in members]
        changed = assign_mentor(enrollments=chosen, user=self.cleaned_data["user"], by=by)
        told = clash(self.cleaned_data["user"], practice_class)
        return f"{self.cleaned_data['user']}帮带 {len(chosen)} 名学员，新定 {changed} 名。{told}"


class OfficeForm(ActForm):
    membership = SeatField(label="学员", empty_label="请选学员")
    kind = forms.ChoiceField(label="班务", choices=ClassOffice.Kind.choices)

    def perform(self, by: User) -> str:
        office = assign_office(**self.cleaned_data, by=by)
        membership = office.membership
        name = membership.enrollment.cadre
        told = "" if name.user_id else "他还没有账号，请在本页发账号。"
        day = "今天" if office.since == timezone.localdate() else day_words(office.since)
        return f"{name}任{membership.practice_class.short_name}{office.get_kind_display()}，从{day}起。{told}"
