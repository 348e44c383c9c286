"""Names of a batch: the deadline, somebody more, and what is asked of the plan for one person."""

from typing import Any

from django import forms
from django.utils import timezone

from accounts.models import User
from batches.actions.names import add_nomination, demand, open_nominations, set_aside
from batches.forms.fields import DAY, ActForm, CadreField, day_field, reason_field
from batches.models import Nomination, Parity, PlanDemand
from batches.queries import going, latest_deadline
from cadres.models import Cadre, Unit
from config.errors import DomainError


class OpenNominationsForm(ActForm):
    until = day_field("报名截止", "含当日")

    def fill(self) -> None:
        today = timezone.localdate()
        self.fields["until"].initial = min(today + 7 * DAY, latest_deadline(self.batch, today))

    def refuse(self, error: DomainError) -> None:
        """The one thing that is filled in is the day."""
        self.add_error("until" if error.code in ("deadline_past", "deadline_late") else None, error.message)

    def perform(self, by: User) -> str:
        open_nominations(batch=self.batch, until=self.cleaned_data["until"], by=by)
        return "报名开始了。各单位联络员登录后可以确认、换人或缓派；也可以在这里催报。"


class AddNameForm(ActForm):
    cadre = CadreField(
        Cadre.objects.filter(state=Cadre.State.IN_POST),
        label="干部",
        help_text="姓名，重名时写“姓名 单位”，或身份证后四位",
    )
    reason = reason_field()

    def perform(self, by: User) -> str:
        cadre = self.cleaned_data["cadre"]
        add_nomination(batch=self.batch, cadre=cadre, by=by, reason=self.cleaned_data["reason"])
        return f"{cadre}（{cadre.unit}）已加进名单。"


class NamedField(forms.ModelChoiceField):
    """Somebody on the list: 林晓雯（县财政局）."""

    def label_from_instance(self, obj: Any) -> str:
        return f"{obj.cadre.name}（{obj.cadre.unit}）"


class SetAsideForm(ActForm):
    """The centre defers somebody after the answers are in; of one unit where the page shows one."""

    nomination = NamedField(Nomination.objects.none(), label="谁", empty_label="请选人")
    reason = reason_field()

    def fill(self) -> None:
        rows = going(self.batch).select_related("cadre__unit").order_by("cadre__sort_name", "pk")
        self.fields["nomination"].queryset = rows  # type: ignore[attr-defined] # a model choice

    def of_unit(self, unit: Unit) -> None:
        """Offer the people of a unit alone."""
        field = self.fields["nomination"]
        field.queryset = field.queryset.filter(cadre__unit=unit)  # type: ignore[attr-defined] # a model choice

    def perform(self, by: User) -> str:
        nomination = self.cleaned_data["nomination"]
        set_aside(nomination=nomination, reason=self.cleaned_data["reason"], by=by)
        return f"{nomination.cadre}缓派，不在本期名单里了。下一步：到编排台重新编排。"


class DemandForm(ActForm):
    cadre = CadreField(Cadre.objects.filter(state=Cadre.State.IN_POST), label="干部", help_text="姓名，或“姓名 单位”")
    kind = forms.ChoiceField(label="要求", choices=PlanDemand.Kind.choices)
    parity = forms.ChoiceField(
        label="周次（只在“单周或双周”时填）", choices=[("", "不限"), *Parity.choices], required=False
    )
    class_number = forms.IntegerField(label="班号（只在“固定到班”时填）", min_value=1, max_value=99, required=False)
    reason = reason_field()

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if data.get("kind") == PlanDemand.Kind.PARITY and not data.get("parity"):
            self.add_error("parity", "请选单周或双周。")
        if data.get("kind") == PlanDemand.Kind.PIN:
            number = data.get("class_number")
            if number is None or not self.batch.classes.filter(number=number).exists():
                self.add_error("class_number", "请填本期有的班号。")
            cadre = data.get("cadre")
            if cadre is not None and not going(self.batch).filter(cadre=cadre).exists():
                self.add_error("cadre", "不在本期名单里，不能固定到班。请先加进名单。")
        return data

    def perform(self, by: User) -> str:
        data = self.cleaned_data
        parity = data["parity"] if data["kind"] == PlanDemand.Kind.PARITY else ""
        number = data["class_number"] if data["kind"] == PlanDemand.Kind.PIN else None
        made = demand(
            batch=self.batch, cadre=data["cadre"], kind=data["kind"], reason=data["reason"], by=by, parity=parity,
            class_number=number,
        )  # fmt: skip
        return f"{made.cadre}：{made.get_kind_display()}，已记下。下次编排照此办理。"
