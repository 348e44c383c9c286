"""The rules of a programme, its tracks, and a new batch."""

from typing import Any

from django import forms
from django.core.validators import MaxValueValidator, MinValueValidator

from accounts.models import User
from batches.actions.batch import TOO_LONG, a_year_later, change_batch, create_batch
from batches.forms.fields import RevisionForm, day_field, reason_field
from batches.models import Batch, Programme, Track
from batches.open_weeks import least_last_day
from batches.parameters import MEANINGS
from batches.queries import in_these_days, newest_programmes
from config.errors import DomainError

BOUNDS = {
    "full_coverage_age": (18, 70, "岁", "在职干部没有这个年龄"),
    "batch_months": (1, 12, "个月", TOO_LONG),
    "min_village_days": (0, 366, "天", TOO_LONG),
    "min_distinct_villages": (0, 60, "个村", "一期里到不了更多的村"),
    "pair_max_km": (0, 200, "公里", "两个基地要在一条线路上"),
}
"""What parameters are plausible: from, to, unit and why."""


def bound(form: forms.BaseForm) -> None:
    """Let a form about a programme refuse figures that no county means."""
    for name, (low, high, unit, why) in BOUNDS.items():
        if name in form.fields:
            told = f"要在 {low} 到 {high} {unit}之间：{why}。请改。"
            form.fields[name].validators += [MinValueValidator(low, told), MaxValueValidator(high, told)]


class PeriodForm(forms.Form):
    """A batch's number and days, of which no other batch has any unless the clerk says so."""

    number = forms.IntegerField(label="期次", min_value=1, max_value=999)
    first_day = day_field("开始", "第 1 周是这一天所在的周一至周日，为单周")
    last_day = day_field("结束", "含当日")
    together = forms.BooleanField(
        label="与别的期同时办", required=False, help_text="只在日子有重叠、确实要同时办时勾选；基地和床位由两期分着用"
    )

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        programme, first, last = self.programme_of(data), data.get("first_day"), data.get("last_day")
        if first and last and last < first:
            self.add_error("last_day", "早于开始日期。请改到开始之后。")
        elif first and last and last >= a_year_later(first):
            self.add_error("last_day", f"有 {(last - first).days + 1} 天，{TOO_LONG}。请改日期。")
        elif programme and first and last and last < (least := least_last_day(programme, first)):
            weeks, days = programme.gathering_interval_weeks, (last - first).days + 1
            self.add_error(
                "last_day", f"只有 {days} 天，每 {weeks} 周集中一次，有的班一次也轮不到。请改到 {least} 或以后。"
            )
        return data

    def programme_of(self, data: dict[str, Any]) -> Programme | None:
        """The rules of the batch, where they are known."""
        found: Programme | None = data.get("programme")
        return found

    def refuse(self, error: DomainError) -> None:
        """Say why the act was refused, at its field where there is one."""
        self.add_error(FIELD_OF.get(error.code), error.message)


class BatchForm(PeriodForm):
    """A new batch; its number and dates follow from the last one unless the clerk says otherwise."""

    programme = forms.ModelChoiceField(Programme.objects.none(), label="项目", empty_label=None)
    field_order = ["programme"]

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["programme"].queryset = newest_programmes()  # type: ignore[attr-defined] # a model choice

    def perform(self, by: User) -> Batch:
        return create_batch(**self.cleaned_data, by=by)


class ChangeBatchForm(RevisionForm, PeriodForm):
    """Another number, other days or another deadline of a batch that is there; the deadline only while names are asked for."""

    nominate_until = day_field("报名截止", "含当日，要在开始以前")
    reason = reason_field()

    def __init__(self, batch: Batch, *args: Any, **options: Any) -> None:
        self.batch = batch
        names = ("number", "first_day", "last_day", "nominate_until", "revision")
        options["initial"] = {name: getattr(batch, name) for name in names} | {
            "together": in_these_days(batch.first_day, batch.last_day, but=batch).exists()
        }
        super().__init__(*args, **options)
        if batch.state != Batch.State.NOMINATING:
            del self.fields["nominate_until"]

    def programme_of(self, data: dict[str, Any]) -> Programme | None:
        return self.batch.programme

    def perform(self, by: User) -> Batch:
        data = self.cleaned_data
        values = {name: value for name, value in data.items() if name != "revision"}
        return change_batch(batch=self.batch, **values, seen=self.seen, by=by)

    def refuse(self, error: DomainError) -> None:
        """Say why, and after a conflict let the form be sent again."""
        super().refuse(error)
        self.renew(error)


FIELD_OF = {
    "number_taken": "number",
    "days_overlap": "first_day",
    "exception_over": "first_day",
    "deadline_past": "nominate_until",
    "deadline_late": "nominate_until",
}


class NumbersField(forms.CharField):
    """Whole numbers typed with commas of either kind; `low` to `high`, each once, in order."""

    def __init__(self, *, low: int, high: int, **options: Any) -> None:
        self.low, self.high = low, high
        super().__init__(max_length=100, required=False, **options)

    def prepare_value(self, value: Any) -> Any:
        return "、".join(map(str, value)) if isinstance(value, list) else value

    def clean(self, value: Any) -> Any:
        parts = [part for part in super().clean(value).replace("，", ",").replace("、", ",").split(",") if part.strip()]
        if not all(part.strip().isdecimal() for part in parts):
            raise forms.ValidationError("请写整数，用顿号隔开，例如 30、35、40。")
        numbers = sorted({int(part) for part in parts})
        if numbers and (numbers[0] < self.low or numbers[-1] > self.high):
            raise forms.ValidationError(f"每个数要在 {self.low} 到 {self.high} 之间。")
        return numbers


class WeekdaysField(forms.TypedMultipleChoiceField):
    """Days of the week, 1 to 7."""

    def __init__(self, **options: Any) -> None:
        days = [(n, f"星期{day}") for n, day in enumerate("一二三四五六日", start=1)]
        super().__init__(choices=days, coerce=int, widget=forms.CheckboxSelectMultiple, required=False, **options)


class ProgrammeForm(forms.ModelForm):
    start_weekdays = WeekdaysField(label="可以从星期几开始", help_text="都不选为不限")
    age_bands = NumbersField(
        low=18, high=80, label="均衡用的年龄段上限", help_text="如 30、35、40：30 岁及以下、31—35、36—40、40 以上"
    )

    def __init__(self, *args: Any, **options: Any) -> None:
        options.setdefault("use_required_attribute", False)
        super().__init__(*args, **options)
        for name, field in self.fields.items():
            field.help_text = MEANINGS[name]
        bound(self)

    class Meta:
        model = Programme
        fields = "__all__"  # noqa: DJ007 # a programme is nothing but its parameters; version and predecessor are not editable


class TrackForm(forms.ModelForm):
    levels = forms.CharField(label="职务层次", required=False, max_length=200, help_text="用顿号隔开，空着为不限")
    post_kinds = forms.CharField(label="岗位类别", required=False, max_length=200, help_text="用顿号隔开，空着为不限")

    class Meta:
        model = Track
        fields = ("order", "name", "min_age", "max_age", "levels", "post_kinds", "classes_per_batch")
        help_texts = {"classes_per_batch": "填 0 是暂不办：归入这个班型的干部排不进，也不改归别的班型"}

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        for name in ("levels", "post_kinds"):
            self.initial[name] = "、".join(self.initial.get(name) or [])

    def has_changed(self) -> bool:
        """A new row with a name is one, also where it is sent as it was offered."""
        named = self.instance.pk is None and bool(self.data.get(self.add_prefix("name"), "").strip())
        return named or super().has_changed()

    def clean_levels(self) -> list[str]:
        return self._words("levels")

    def clean_post_kinds(self) -> list[str]:
        return self._words("post_kinds")

    def _words(self, name: str) -> list[str]:
        text = self.cleaned_data[name].replace("，", "、").replace(",", "、")
        words = [word.strip() for word in text.split("、") if word.strip()]
        if any(len(word) > 20 for word in words):
            raise forms.ValidationError("每个词最多 20 个字，用顿号隔开。")
        return words

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        low, high = data.get("min_age"), data.get("max_age")
        if low is not None and high is not None and low > high:
            self.add_error("max_age", "比“年龄自”小。请改到它以上，或空着。")
        return data


class TracksFormSet(forms.BaseInlineFormSet):
    """The tracks of a programme: between them they have at least one class. One without any beside others is lawful: it is
    not held for now (docs/rules.md §1)."""

    default_error_messages = {
        **forms.BaseInlineFormSet.default_error_messages,
        "too_few_forms": "至少要有一个班型。请填写名称和每期班数。",
    }

    def clean(self) -> None:
        super().clean()
        if any(self.errors):
            return
        kept = [form for form in self.forms if form.cleaned_data and not form.cleaned_data.get("DELETE")]
        if not kept or any(form.cleaned_data.get("classes_per_batch") for form in kept):
            return
        kept[0].add_error("classes_per_batch", "一个班都没有，什么也编不成。请填 1 或更多。")
