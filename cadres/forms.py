"""Forms of this app's pages; what they are for is done by actions."""

import datetime
from typing import Any

from django import forms
from django.db.models import QuerySet
from django.utils import timezone

from accounts.encryption import blind_index
from cadres.dates import read_date
from cadres.formats import FieldProblem, read_phone
from cadres.id_numbers import read_id_number
from cadres.models import Cadre, Unit
from cadres.names import read_name
from cadres.roster import OLDEST, YOUNGEST
from config.days import DayField


class UploadForm(forms.Form):
    """A list to read; the session's name and the sheet only where the list does not say."""

    file = forms.FileField(
        label="文件（.xlsx）", error_messages={"required": "还没有选文件。请选一个 .xlsx 文件。",
                        "empty": "文件是空的。请重新保存后再选。"},
        widget=forms.ClearableFileInput(attrs={"accept": ".xlsx"}),
    )  # fmt: skip
    sheet = forms.CharField(label="读哪张表", required=False, max_length=100, help_text="空着就读第一张有表头的表")


class PastUploadForm(UploadForm):
    session = forms.CharField(
        label="哪一期", required=False, max_length=60, help_text="表里有“期次”一列的空着；没有的写上，如“第一期”"
    )


class UnavailabilityForm(forms.Form):
    """Who cannot come from when to when, and why."""

    cadre = forms.ModelChoiceField(Cadre.objects.none(), label="谁", empty_label="请选")
    first_day = DayField(label="从")
    last_day = DayField(label="到（含当日）")
    reason = forms.CharField(label="原因", max_length=200, help_text="如产假、脱产学习、驻外挂职；不写病情")

    def __init__(self, *args: Any, cadres: "QuerySet[Cadre]", **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["cadre"].queryset = cadres  # type: ignore[attr-defined] # a ModelChoiceField


class ExportForm(forms.Form):
    purpose = forms.CharField(label="做什么用", max_length=200, help_text="会记入审计，也印在表尾")
    in_full = forms.BooleanField(label="身份证号、手机号码不遮盖（确有需要才选）", required=False)


class CadreForm(forms.ModelForm):
    """A cadre's particulars. ID number and phone are shown masked and changed by writing a new one."""

    birth_month = forms.CharField(label="出生年月", max_length=20, help_text="如 1990.05；以干部档案为准")
    new_id_number = forms.CharField(label="身份证号", max_length=30, required=False)
    new_phone = forms.CharField(label="手机号", max_length=30, required=False)

    class Meta:
        model = Cadre
        fields = (
            "unit", "name", "sex", "nationality", "political_status", "education", "post", "post_kind", "level", "rank",
            "leading", "specialty", "grassroots", "remarks", "state", "user",
        )  # fmt: skip

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        if self.instance.pk:
            self.fields["birth_month"].initial = f"{self.instance.birth:%Y.%m}"
            now, phone = self.instance.masked_id_number, self.instance.masked_phone
            self.fields["new_id_number"].help_text = f"现在是 {now}；空着不改" if now else "还没有登记"
            self.fields["new_phone"].help_text = f"现在是 {phone}；空着不改" if phone else "还没有登记"
        else:
            self.fields["new_id_number"].required = True
        if "unit" in self.fields:
            self.fields["unit"].queryset = Unit.objects.order_by("sort_name", "pk")  # type: ignore[attr-defined] # a ModelChoiceField

    def clean_name(self) -> str:
        return _read(read_name, self.cleaned_data["name"])

    def clean_birth_month(self) -> datetime.date:
        read = _read(read_date, self.cleaned_data["birth_month"])
        today = timezone.localdate()
        if read is None or not read.certain:
            raise forms.ValidationError("分不清是 1 月还是 10 月。请写成 1990.01 或 1990.10。")
        if not YOUNGEST <= today.year - read.value.year <= OLDEST:
            raise forms.ValidationError("按这个年月算，年龄不对。请照档案改正。")
        return read.value.replace(day=1)

    def clean_new_id_number(self) -> str:
        identity = _read(
            lambda text: read_id_number(text, today=timezone.localdate()), self.cleaned_data["new_id_number"]
        )
        if identity is None:
            return ""
        taken = Cadre.objects.filter(id_number_index=blind_index(identity.number)).exclude(pk=self.instance.pk).first()
        if taken is not None:
            raise forms.ValidationError(f"这个身份证号已经登记在“{taken.unit}”的“{taken.name}”名下。请核对。")
        return identity.number

    def clean_new_phone(self) -> str:
        return _read(read_phone, self.cleaned_data["new_phone"])

    def save(self, commit: bool = True) -> Cadre:
        """Numbers that were not written stay as they are."""
        self.instance.birth = self.cleaned_data["birth_month"]
        self.instance.id_number = self.cleaned_data["new_id_number"] or self.instance.id_number
        self.instance.phone = self.cleaned_data["new_phone"] or self.instance.phone
        cadre: Cadre = super().save(commit)
        return cadre


def _read(reader: Any, text: str) -> Any:
    try:
        return reader(text)
    except FieldProblem as problem:
        raise forms.ValidationError(problem.message) from problem
