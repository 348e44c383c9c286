"""Forms of the evaluation's pages; all rules beyond the shape of the input are the actions'."""

from typing import Any

from django import forms

from accounts.models import User
from bases.models import HostHousehold
from batches.models import Batch, PracticeClass
from cadres.models import Unit
from evaluations.models import Campaign, Criterion, PanelMember, Rubric, Scorer


class RubricForm(forms.Form):
    name = forms.CharField(label="评分表名称", max_length=60)


class CriterionForm(forms.Form):
    """One line of a score sheet; an empty line is passed over."""

    name = forms.CharField(label="评分项", max_length=40)
    description = forms.CharField(label="看什么", max_length=100, required=False)
    weight = forms.IntegerField(label="占比（%）", min_value=1, max_value=100)
    scorer = forms.ChoiceField(label="谁评", choices=Scorer.choices)


CriterionFormSet = forms.formset_factory(CriterionForm, extra=3, max_num=20, absolute_max=30, can_delete=True)


def lines_of(formset: Any) -> list[dict[str, Any]]:
    """The filled and not deleted lines of a valid formset, in their order."""
    return [
        {key: form.cleaned_data[key] for key in ("name", "description", "weight", "scorer")}
        for form in formset
        if form.cleaned_data and not form.cleaned_data.get("DELETE")
    ]


class CampaignForm(forms.Form):
    batch = forms.ModelChoiceField(Batch.objects.none(), label="哪一期")
    rubric = forms.ModelChoiceField(Rubric.objects.none(), label="评分表")

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        states = (Batch.State.RUNNING, Batch.State.EVALUATING)
        self.fields["batch"].queryset = Batch.objects.filter(state__in=states, campaign__isnull=True).order_by(
            "-number"
        )  # type: ignore[attr-defined] # a ModelChoiceField
        self.fields["rubric"].queryset = Rubric.objects.order_by("name", "-version")  # type: ignore[attr-defined] # a ModelChoiceField


class PanelForm(forms.Form):
    name = forms.CharField(label="评审团名称", max_length=40)
    classes = forms.ModelMultipleChoiceField(
        PracticeClass.objects.none(), label="评哪些班", widget=forms.CheckboxSelectMultiple
    )

    def __init__(self, *args: Any, campaign: Campaign, **options: Any) -> None:
        super().__init__(*args, **options)
        classes = campaign.batch.classes.order_by("number")
        self.fields["classes"].queryset = classes  # type: ignore[attr-defined] # a ModelMultipleChoiceField
        self.fields["classes"].label_from_instance = lambda row: row.short_name  # type: ignore[attr-defined] # a ModelMultipleChoiceField


class PanelMemberForm(forms.Form):
    """A seat; the person is named by sign-in name, so that no list of all accounts is shown."""

    username = forms.CharField(label="评审员的登录名", max_length=40, help_text="还没有账号的，先到“账号”里建立")
    kind = forms.ChoiceField(label="身份", choices=PanelMember.Kind.choices)
    unit = forms.ModelChoiceField(Unit.objects.order_by("name"), label="单位（群众不填）", required=False)
    household = forms.ModelChoiceField(
        HostHousehold.objects.filter(state=HostHousehold.State.ADMITTED).select_related("base__village").order_by(
            "base__village__name", "head", "pk"), label="本人是接待农户的，选哪户", required=False,
    )  # fmt: skip

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["household"].label_from_instance = lambda row: f"{row.base.village}　{row.head}"  # type: ignore[attr-defined] # a ModelChoiceField

    def clean_username(self) -> User:
        user = User.objects.filter(username=self.cleaned_data["username"].strip(), is_active=True).first()
        if user is None:
            raise forms.ValidationError("没有这个登录名，或账号已停用。请核对，或先建立账号。")
        return user


class SheetForm(forms.Form):
    """A score sheet: one whole number from 0 to 100 a criterion; which are missing is told when it is handed in."""

    comment = forms.CharField(
        label="想说的话（可不写）", max_length=2000, required=False, widget=forms.Textarea(attrs={"rows": 3}),
        error_messages={"max_length": "最多写 %(limit_value)d 字，现在 %(show_value)d 字。请删短一些。"},
    )  # fmt: skip

    def __init__(self, *args: Any, criteria: list[Criterion], **options: Any) -> None:
        super().__init__(*args, **options)
        self.criteria = criteria
        for criterion in criteria:
            self.fields[self.key(criterion)] = forms.IntegerField(
                label=criterion.name, min_value=0, max_value=100, required=False,
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
