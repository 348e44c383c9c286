"""Forms of the evaluation's pages; all rules beyond the shape of the input are the actions'."""

from typing import Any

from django import forms

from accounts.models import User
from bases.models import HostHousehold
from batches.models import Batch, PracticeClass
from cadres.models import Unit
from config.days import DayField
from evaluations.models import Campaign, Criterion, PanelMember, Rubric, Scorer


class RubricForm(forms.Form):
    name = forms.CharField(label="评分表名称", max_length=60)


class CriterionForm(forms.Form):
    """One line of a score sheet; an empty line is passed over."""

    name = forms.CharField(label="评分项", max_length=40, error_messages={"required": "写上评分项，或把这一行清空"})
    description = forms.CharField(label="看什么", max_length=100, required=False)
    weight = forms.IntegerField(
        label="占比（%）", min_value=1, max_value=100,
        error_messages={"required": "写上占比", "invalid": "要填整数", "min_value": "最少 1", "max_value": "最多 100"},
        widget=forms.TextInput(attrs={"inputmode": "numeric", "maxlength": 3, "data-weight": ""}),
    )  # fmt: skip
    scorer = forms.ChoiceField(
        label="谁评", choices=[("", "请选"), *Scorer.choices], error_messages={"required": "选谁来评"}
    )

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        for field in self.fields.values():
            field.widget.attrs["class"] = "dm-input"
            field.widget.attrs["aria-label"] = field.label


class CriterionLines(forms.BaseFormSet):
    """The lines of a score sheet, each with a box to strike it out that says so."""

    def add_fields(self, form: Any, index: Any) -> None:
        super().add_fields(form, index)
        form.fields["DELETE"].widget.attrs["aria-label"] = "去掉这一行"


CriterionFormSet = forms.formset_factory(
    CriterionForm, CriterionLines, extra=3, max_num=20, absolute_max=30, can_delete=True
)


def lines_of(formset: Any) -> list[dict[str, Any]]:
    """The filled and not deleted lines of a valid formset, in their order."""
    return [
        {key: form.cleaned_data[key] for key in ("name", "description", "weight", "scorer")}
        for form in formset
        if form.cleaned_data and not form.cleaned_data.get("DELETE")
    ]


def _day_field() -> DayField:
    return DayField(
        label="截止评分（可不填）", required=False,
        help_text="含当日；过了这天评分人不能再交，服务中心仍可代录纸质表，直到截止评分",
    )  # fmt: skip


def _rubric_field() -> forms.ModelChoiceField:
    return forms.ModelChoiceField(
        Rubric.objects.filter(criteria__isnull=False).distinct().order_by("name", "-version"), label="评分表"
    )


class CampaignForm(forms.Form):
    batch = forms.ModelChoiceField(Batch.objects.none(), label="哪一期")
    rubric = _rubric_field()
    closes_on = _day_field()

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        states = (Batch.State.RUNNING, Batch.State.EVALUATING)
        self.fields["batch"].queryset = Batch.objects.filter(state__in=states, campaign__isnull=True).order_by(  # type: ignore[attr-defined] # a ModelChoiceField
            "-number"
        )


class CampaignChangeForm(forms.Form):
    rubric = _rubric_field()
    closes_on = _day_field()

    def __init__(self, *args: Any, campaign: Campaign, **options: Any) -> None:
        options["initial"] = {"rubric": campaign.rubric_id, "closes_on": campaign.closes_on}
        super().__init__(*args, **options)
        if campaign.state != Campaign.State.DRAFT:
            self.fields["rubric"].disabled = True
            self.fields["rubric"].help_text = "已经开始评分，不能换。还没有人评的，可以先退回筹备"


class PanelForm(forms.Form):
    name = forms.CharField(label="评审团名称", max_length=40)
    classes = forms.ModelMultipleChoiceField(
        PracticeClass.objects.none(), label="评哪些班", widget=forms.CheckboxSelectMultiple,
        error_messages={"required": "至少选一个班。"},
    )  # fmt: skip

    def __init__(self, *args: Any, campaign: Campaign, **options: Any) -> None:
        super().__init__(*args, **options)
        classes = campaign.batch.classes.order_by("number")
        self.fields["classes"].queryset = classes  # type: ignore[attr-defined] # a ModelMultipleChoiceField
        self.fields["classes"].label_from_instance = lambda row: row.short_name  # type: ignore[attr-defined] # a ModelMultipleChoiceField


class PanelMemberForm(forms.Form):
    """A seat; the person is named by sign-in name or full name, so that no list of all accounts is shown."""

    person = forms.CharField(label="评审员的登录名或姓名", max_length=40, help_text="同名的写登录名")
    kind = forms.ChoiceField(label="身份", choices=PanelMember.Kind.choices)
    unit = forms.ModelChoiceField(
        Unit.objects.order_by("sort_name", "pk"),
        label="单位",
        required=False,
        empty_label="不填",
        help_text="群众不填；系统靠它找出同一单位的人",
    )
    household = forms.ModelChoiceField(
        HostHousehold.objects.exclude(
            state__in=[HostHousehold.State.APPLIED, HostHousehold.State.REJECTED]
        ).select_related("base__village").order_by("base__village__name", "head", "pk"),
        label="本人是哪户接待农户", required=False, empty_label="不是接待农户",
        help_text="不是的不选；系统靠它找出在他家住过的人",
    )  # fmt: skip

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["household"].label_from_instance = lambda row: f"{row.base.village}　{row.head}"  # type: ignore[attr-defined] # a ModelChoiceField

    def clean_person(self) -> User:
        text = self.cleaned_data["person"].strip()
        active = User.objects.filter(is_active=True)
        found = list(active.filter(username=text)[:1]) or list(active.filter(name=text).order_by("pk")[:2])
        if not found:
            raise forms.ValidationError("没有这个账号，或已停用。请核对，或先发账号。")
        if len(found) > 1:
            raise forms.ValidationError("有几个人叫这个姓名。请改填登录名。")
        return found[0]


class SheetForm(forms.Form):
    """A score sheet: one whole number from 0 to 100 a criterion; which are missing is told when it is handed in."""

    comment = forms.CharField(
        label="想说的话（可不写）", max_length=2000, required=False,
        widget=forms.Textarea(attrs={"rows": 3, "class": "dm-input"}),
        error_messages={"max_length": "最多写 %(limit_value)d 字，现在 %(show_value)d 字。请删短一些。"},
    )  # fmt: skip

    def __init__(self, *args: Any, criteria: list[Criterion], **options: Any) -> None:
        super().__init__(*args, **options)
        self.criteria = criteria
        for criterion in criteria:
            self.fields[self.key(criterion)] = forms.IntegerField(
                label=criterion.name, min_value=0, max_value=100, required=False,
                widget=forms.TextInput(
                    attrs={"inputmode": "numeric", "autocomplete": "off", "maxlength": 5, "class": "dm-score-value"}
                ),
                error_messages={
                    "invalid": f"“{criterion.name}”要填 0 至 100 的整数。",
                    "min_value": f"“{criterion.name}”最低 0 分。", "max_value": f"“{criterion.name}”最高 100 分。",
                },
            )  # fmt: skip

    @staticmethod
    def key(criterion: Criterion) -> str:
        return f"score-{criterion.pk}"

    def values(self) -> dict[int, int]:
        """Criterion pk → score of those filled in."""
        found = {criterion.pk: self.cleaned_data.get(self.key(criterion)) for criterion in self.criteria}
        return {pk: value for pk, value in found.items() if value is not None}

    def lines(self) -> list[tuple[Criterion, Any]]:
        return [(criterion, self[self.key(criterion)]) for criterion in self.criteria]
