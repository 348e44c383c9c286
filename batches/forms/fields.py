"""Fields that several forms use, and `ActForm`: one form, one act, nothing typed is lost when it is refused."""

import datetime
from abc import abstractmethod
from typing import Any

from django import forms
from django.db.models import Q, QuerySet
from django.http import QueryDict
from django.utils import timezone

from accounts.models import User
from bases.models import HostHousehold, PracticeBase
from batches.models import Batch
from batches.queries import enrolled
from batches.roll import sitting
from config.days import DayField
from config.errors import Conflict, DomainError

DAY = datetime.timedelta(days=1)
LONGEST = 200
TAIL, UNKNOWN = "尾号", "无"
"""How the last four of an ID number are announced, and said where there is none."""


def leaves_from(day: datetime.date) -> str:
    """已退出, or from which day to come somebody leaves."""
    return "已退出" if day <= timezone.localdate() else f"从 {day:%m-%d} 起退出，此前照常"


def day_field(label: str, help_text: str = "", **options: Any) -> DayField:
    return DayField(label=label, help_text=help_text, **options)


def reason_field(label: str = "原因") -> forms.CharField:
    return forms.CharField(label=label, max_length=LONGEST, widget=forms.TextInput())


class PersonField(forms.CharField):
    """One row found by what a clerk types: a name, a name with the unit, the ID's last four, a sign-in name; and by what the
    form offers where several have the name (`describe`), typed or copied."""

    def __init__(self, rows: "QuerySet[Any]", *args: Any, **options: Any) -> None:
        self.rows = rows
        super().__init__(*args, max_length=100, **options)

    @abstractmethod
    def candidates(self, text: str) -> "QuerySet[Any]":
        """The rows that the text may mean."""

    def clean(self, value: Any) -> Any:
        text = super().clean(value)
        if not text:
            return None
        found = list(self.candidates(text)[:6])
        if not found:
            raise forms.ValidationError(f"没有找到“{text}”。请看看有没有写错。")
        exact = [row for row in found if self.describe(row) == text]
        if len(found) > 1 and len(exact) == 1:
            return exact[0]
        if len(found) > 1:
            same = "、".join(self.describe(row) for row in found[:5])
            raise forms.ValidationError(f"有 {len(found)} 个“{text}”：{same}。请写得更全。")
        return found[0]

    def describe(self, row: Any) -> str:
        return str(row)


class CadreField(PersonField):
    """A cadre by name, by name and unit, by the last four of the ID number, or by all of these as `describe` writes them."""

    def candidates(self, text: str) -> "QuerySet[Any]":
        words, _, tail = text.strip().partition(TAIL)
        name, _, unit = words.strip().partition(" ")
        found = self.rows.filter(Q(name=name) | Q(id_number_tail=name.upper()))
        if unit.strip():
            found = found.filter(unit__name__contains=unit.strip())
        if tail.strip():
            found = found.filter(id_number_tail="" if tail.strip() == UNKNOWN else tail.strip().upper())
        return found.select_related("unit").order_by("unit__sort_name", "sort_name", "pk")

    def describe(self, row: Any) -> str:
        return f"{row.name} {row.unit} {TAIL} {row.id_number_tail or UNKNOWN}"


class HouseholdField(PersonField):
    """A household that takes guests, by its head's name, or name and village."""

    def __init__(self, *args: Any, **options: Any) -> None:
        rows = HostHousehold.objects.filter(state=HostHousehold.State.ADMITTED, base__state=PracticeBase.State.OPEN)
        super().__init__(rows, *args, **options)

    def candidates(self, text: str) -> "QuerySet[Any]":
        head, _, village = text.strip().partition(" ")
        found = self.rows.filter(head=head.removesuffix("家"))
        if village.strip():
            found = found.filter(base__village__name__contains=village.strip())
        return found.select_related("base__village").order_by("base__village__name", "pk")

    def describe(self, row: Any) -> str:
        return f"{row} {row.base.village}"


class UserField(PersonField):
    """An account by sign-in name or name."""

    def __init__(self, **options: Any) -> None:
        super().__init__(User.objects.filter(is_active=True), **options)

    def candidates(self, text: str) -> "QuerySet[Any]":
        name, _, username = text.strip().removesuffix("）").partition("（登录名")
        if username.strip():
            return self.rows.filter(name=name.strip(), username=username.strip()).order_by("username")
        name = text.strip()
        exact = self.rows.filter(username=name)
        return exact if exact.exists() else self.rows.filter(name=name).order_by("username")

    def describe(self, row: Any) -> str:
        return f"{row.name}（登录名 {row.username}）"


class ChoiceOfBatch(forms.ModelChoiceField):
    """A choice among rows of one batch, which the form names (`ActForm`)."""

    def __init__(self, **options: Any) -> None:
        super().__init__(None, **options)

    @abstractmethod
    def rows(self, batch: Batch) -> "QuerySet[Any]":
        """The rows to choose from, in order."""


class MemberField(ChoiceOfBatch):
    """Somebody enrolled in the batch: 林晓雯（县财政局）."""

    def rows(self, batch: Batch) -> "QuerySet[Any]":
        return enrolled(batch)

    def label_from_instance(self, obj: Any) -> str:
        return f"{obj.cadre.name}（{obj.cadre.unit}）"


class SeatField(ChoiceOfBatch):
    """A membership: 第1班　林晓雯（县财政局）."""

    def rows(self, batch: Batch) -> "QuerySet[Any]":
        return sitting(batch)

    def label_from_instance(self, obj: Any) -> str:
        return f"{obj.practice_class.short_name}　{obj.enrollment.cadre.name}（{obj.enrollment.cadre.unit}）"


class ClassField(ChoiceOfBatch):
    """A class of the batch: 第3班（单周）."""

    def rows(self, batch: Batch) -> "QuerySet[Any]":
        return batch.classes.order_by("number")

    def label_from_instance(self, obj: Any) -> str:
        return f"{obj.short_name}（{obj.get_parity_display()}）"


class GatheringField(forms.ModelChoiceField):
    def label_from_instance(self, obj: Any) -> str:
        return f"{obj.practice_class.short_name}第{obj.index}次　{obj.first_day:%m-%d} 至 {obj.last_day:%m-%d}"


class BedField(forms.ModelChoiceField):
    def label_from_instance(self, obj: Any) -> str:
        there = f"已住同班 {obj.guests} 人" if obj.guests else "还没有同班的人"
        return f"{obj.room.household}{obj.room}{obj.number}号床（{there}）"


class ActForm(forms.Form):
    """A form whose one act is `perform`; a refused act becomes an error on top of the form, and nothing typed is lost."""

    def __init__(self, batch: Batch, *args: Any, **options: Any) -> None:
        self.batch = batch
        options.setdefault("use_required_attribute", False)
        super().__init__(*args, **options)
        for field in self.fields.values():
            if isinstance(field, ChoiceOfBatch):
                field.queryset = field.rows(batch)
        self.fill()

    def fill(self) -> None:
        """What else the form offers of this batch."""

    @abstractmethod
    def perform(self, by: User) -> str:
        """Call the action; returns what happened and what next, in Chinese."""

    def carried_out(self, by: User) -> str | None:
        """The message when the form was valid and the act went through, else None with the errors on the form."""
        if not self.is_valid():
            return None
        try:
            return self.perform(by)
        except DomainError as error:
            self.refuse(error)
            return None

    def refuse(self, error: DomainError) -> None:
        """Say on top of the form why the act was refused."""
        self.add_error(None, error.message)


def within(batch: Batch, day: datetime.date) -> datetime.date:
    """A day from which somebody comes, leaves or changes class: one of the batch, or one still before it begins."""
    if not min(batch.first_day, timezone.localdate()) <= day <= batch.last_day:
        raise forms.ValidationError(
            f"{day} 不在{batch}里（{batch.first_day} 至 {batch.last_day}）。请改成这些日子里的一天。"
        )
    return day


class RevisionForm(forms.Form):
    """A form about a batch that carries the revision that the clerk saw (`batches.revision`)."""

    batch: Batch
    revision = forms.IntegerField(min_value=0, widget=forms.HiddenInput(), required=False)

    @property
    def seen(self) -> int | None:
        """The revision on the clerk's page; the cleaned form is told from then on."""
        found: int | None = self.cleaned_data.get("revision")
        return found

    def renew(self, error: DomainError) -> None:
        """After a conflict the page comes back with the newest revision, and the form may be sent again from that."""
        newest = Batch.objects.filter(pk=self.batch.pk).values_list("revision", flat=True).first()
        if not isinstance(error, Conflict) or newest is None:
            return
        self.batch.revision = newest
        sent = QueryDict(mutable=True)
        sent.update(self.data)
        sent[self.add_prefix("revision")] = str(newest)
        self.data = sent


class ArrangementForm(RevisionForm, ActForm):
    """A form whose act changes who is where and when."""

    def __init__(self, batch: Batch, *args: Any, **options: Any) -> None:
        super().__init__(batch, *args, **options)
        self.fields["revision"].initial = batch.revision

    def values(self) -> dict[str, Any]:
        """What the act is given: everything but the revision."""
        return {name: value for name, value in self.cleaned_data.items() if name != "revision"}

    def refuse(self, error: DomainError) -> None:
        """Say why, and after a conflict let the form be sent again."""
        super().refuse(error)
        self.renew(error)
