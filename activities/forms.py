"""Forms of the pages for monitors, head teachers and cadres. They read what was typed; actions decide."""

import datetime
import uuid
from collections.abc import Iterable
from typing import Any

from django import forms
from django.core.files.uploadedfile import UploadedFile

from activities.actions.filing import COST_LIMIT, COUNT_LIMIT, TEXT_LIMIT, TITLE_LIMIT
from activities.models import ActivityRecord
from bases.models import Village
from batches.models import Absence, Enrollment, Gathering
from batches.presence import Presence, days_of
from config.days import DayField

REASON_LIMIT = 200
WEEKDAYS = "一二三四五六日"


def too_long(name: str, limit: int) -> dict[str, str]:
    return {"max_length": f"{name}最多 {limit} 个字，现在 %(show_value)s 个字。请删短，或分成几条。"}


def day_label(day: datetime.date) -> str:
    return f"{day:%m-%d} 周{WEEKDAYS[day.weekday()]}"


class ManyFilesInput(forms.ClearableFileInput):
    allow_multiple_selected = True


class PhotosField(forms.FileField):
    """Several photographs, none needed. What is in them is checked by `attach_photo`."""

    widget = ManyFilesInput

    def clean(self, data: Any, initial: Any = None) -> list[UploadedFile]:
        single = super().clean
        return [single(each, initial) for each in data or [] if each]


class PaperForm(forms.Form):
    """Title and text, the client's id and the version that was on the page."""

    client_id = forms.UUIDField(widget=forms.HiddenInput)
    version = forms.IntegerField(widget=forms.HiddenInput, required=False, min_value=1)
    title = forms.CharField(
        label="标题", max_length=TITLE_LIMIT,
        error_messages={"required": "请写标题，一句话就行。", **too_long("标题", TITLE_LIMIT)},
    )  # fmt: skip
    text = forms.CharField(
        label="内容", required=False, max_length=TEXT_LIMIT, widget=forms.Textarea(attrs={"rows": 12}),
        error_messages=too_long("内容", TEXT_LIMIT), help_text="够说清就行，不限字数",
    )  # fmt: skip

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        for field in self.fields.values():
            if not field.widget.is_hidden:
                field.widget.attrs.setdefault("class", "dm-input")
            # The browser would cut a pasted text without a word; the answer tells how much is too much.
            field.widget.attrs.pop("maxlength", None)

    @staticmethod
    def blank() -> dict[str, Any]:
        return {"client_id": uuid.uuid4()}


class RecordForm(PaperForm):
    """A record: what is known is filled in beforehand, with 改 beside it."""

    kind = forms.ChoiceField(
        label="类别", choices=ActivityRecord.Kind.choices, widget=forms.RadioSelect,
        error_messages={"required": "请选一个类别。"},
    )  # fmt: skip
    gathering = forms.ModelChoiceField(
        Gathering.objects.none(), label="哪次集中", required=False, empty_label="不在集中期间"
    )
    day = DayField(label="日期")
    village = forms.ModelChoiceField(Village.objects.none(), label="村", required=False, empty_label="不在村里")
    participants = forms.ModelMultipleChoiceField(
        Enrollment.objects.none(), label="参加的人", required=False, widget=forms.CheckboxSelectMultiple
    )
    people_reached = forms.IntegerField(label="到场群众（人）", required=False, min_value=0, max_value=COUNT_LIMIT)
    households_helped = forms.IntegerField(label="受益户数", required=False, min_value=0, max_value=COUNT_LIMIT)
    cost = forms.DecimalField(
        label="花费（元）", required=False, min_value=0, max_digits=9, decimal_places=2, max_value=COST_LIMIT - 1
    )
    photos = PhotosField(label="附照片", required=False, help_text="可不附")
    field_order = ("client_id", "version", "kind", "gathering", "day", "village", "participants", "title", "text")

    def __init__(
        self, *args: Any, gatherings: Iterable[Gathering], people: Iterable[Enrollment], **options: Any
    ) -> None:
        super().__init__(*args, **options)
        self.people = list(people)
        fields: dict[str, Any] = self.fields
        fields["gathering"].queryset = Gathering.objects.filter(pk__in=[each.pk for each in gatherings]).order_by(
            "first_day", "pk"
        )
        fields["gathering"].label_from_instance = gathering_label
        fields["village"].queryset = Village.objects.select_related("township").order_by("township__name", "name", "pk")
        fields["participants"].queryset = (
            Enrollment.objects.filter(pk__in=[each.pk for each in self.people])
            .select_related("cadre__unit")
            .order_by("cadre__sort_name", "pk")
        )
        fields["title"].label, fields["text"].label = "办了什么", "怎么办的、结果怎样"
        fields["title"].error_messages["required"] = "请写一句办了什么。"
        fields["text"].widget.attrs["rows"] = 5
        for name in ("people_reached", "households_helped"):
            fields[name].widget.attrs["inputmode"] = "numeric"
        fields["cost"].widget.attrs["inputmode"] = "decimal"
        fields["participants"].widget.attrs.pop("class", None)
        fields["kind"].widget.attrs.pop("class", None)
        fields["photos"].widget.attrs["accept"] = "image/jpeg,image/png,image/webp"

    def chosen(self) -> set[str]:
        """Ids of the participants that are ticked, for the page."""
        return {str(getattr(value, "pk", value)) for value in self["participants"].value() or ()}


def gathering_label(gathering: Gathering) -> str:
    return f"第{gathering.index}次集中 {gathering.first_day:%m-%d} 至 {gathering.last_day:%m-%d}"


class AbsenceForm(forms.Form):
    """Somebody is late, leaves early or stays away: only this is entered, presence follows."""

    client_id = forms.UUIDField(widget=forms.HiddenInput)
    enrollment = forms.ModelChoiceField(
        Enrollment.objects.none(), label="谁", empty_label="请选", error_messages={"required": "请选是谁。"}
    )
    kind = forms.ChoiceField(label="情形", choices=Absence.Kind.choices, widget=forms.RadioSelect)
    first_day = forms.TypedChoiceField(label="自", coerce=datetime.date.fromisoformat)
    last_day = forms.TypedChoiceField(label="至（含当日）", coerce=datetime.date.fromisoformat)
    reason = forms.CharField(
        label="原因", required=False, max_length=REASON_LIMIT, error_messages=too_long("原因", REASON_LIMIT)
    )

    def __init__(self, *args: Any, gathering: Gathering, people: Iterable[Presence], own: bool, **options: Any) -> None:
        super().__init__(*args, **options)
        fields: dict[str, Any] = self.fields
        choices = [(day.isoformat(), day_label(day)) for day in days_of(gathering)]
        fields["first_day"].choices = fields["last_day"].choices = choices
        pks = [row.enrollment.pk for row in people]
        fields["enrollment"].queryset = (
            Enrollment.objects.filter(pk__in=pks).select_related("cadre__unit").order_by("cadre__sort_name", "pk")
        )
        fields["enrollment"].label_from_instance = lambda each: f"{each.cadre.name}　{each.cadre.unit.name}"
        if own:
            fields["kind"].choices = [c for c in Absence.Kind.choices if c[0] != Absence.Kind.UNEXCUSED]
            fields["enrollment"].widget = forms.HiddenInput()
            fields["reason"].required = True
            fields["reason"].error_messages["required"] = "请写明原因，班主任要看。"
        fields["reason"].widget.attrs.pop("maxlength", None)

    def clean(self) -> dict[str, Any]:
        """Late and early are less than a day: no day is taken off; whoever misses a whole day is on leave."""
        data = super().clean() or {}
        data["whole_days"] = data.get("kind") not in (Absence.Kind.LATE, Absence.Kind.EARLY)
        return data


class ReasonForm(forms.Form):
    """Why: asked wherever an act goes to file."""

    reason = forms.CharField(
        label="原因", max_length=300, widget=forms.Textarea(attrs={"rows": 3, "class": "dm-input"}),
        error_messages={"required": "请写明原因，对方要看，也会记入审计。", **too_long("原因", 300)},
    )  # fmt: skip

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["reason"].widget.attrs.pop("maxlength", None)


class ConfirmForm(forms.Form):
    """The signed paper sheet may lie beside the confirmation."""

    signed_sheet = forms.FileField(
        label="签到表扫描件", required=False, help_text="可不附。JPEG、PNG、WebP 照片或 PDF",
        widget=forms.ClearableFileInput(attrs={"accept": "image/jpeg,image/png,image/webp,application/pdf"}),
    )  # fmt: skip


class CorrectionForm(forms.Form):
    """Days and nights of one person at a confirmed gathering, put right."""

    enrollment = forms.ModelChoiceField(Enrollment.objects.none(), label="谁", empty_label="请选")
    days = forms.IntegerField(label="在村（天）", min_value=0, max_value=7)
    nights = forms.IntegerField(label="住宿（夜）", min_value=0, max_value=6)
    reason = forms.CharField(
        label="原因", max_length=REASON_LIMIT, help_text="会记入审计",
        error_messages={"required": "请写明原因，会记入审计。", **too_long("原因", REASON_LIMIT)},
    )  # fmt: skip

    def __init__(self, *args: Any, gathering: Gathering, **options: Any) -> None:
        super().__init__(*args, **options)
        fields: dict[str, Any] = self.fields
        fields["enrollment"].queryset = (
            Enrollment.objects.filter(batch=gathering.practice_class.batch)
            .select_related("cadre__unit")
            .order_by("cadre__sort_name", "pk")
        )
        fields["enrollment"].label_from_instance = lambda each: f"{each.cadre.name}　{each.cadre.unit.name}"


class MakeUpForm(forms.Form):
    """Who of another class joins this gathering, and what is made up."""

    enrollment = forms.ModelChoiceField(Enrollment.objects.none(), label="谁来补", empty_label="请选")
    reason = forms.CharField(
        label="补什么", max_length=REASON_LIMIT,
        error_messages={"required": "请写补哪次、缺几天。", **too_long("补什么", REASON_LIMIT)},
    )  # fmt: skip

    def __init__(self, *args: Any, people: Iterable[Enrollment], **options: Any) -> None:
        super().__init__(*args, **options)
        fields: dict[str, Any] = self.fields
        fields["enrollment"].queryset = (
            Enrollment.objects.filter(pk__in=[each.pk for each in people])
            .select_related("cadre__unit")
            .order_by("cadre__sort_name", "pk")
        )
        fields["enrollment"].label_from_instance = lambda each: f"{each.cadre.name}　{each.cadre.unit.name}"
