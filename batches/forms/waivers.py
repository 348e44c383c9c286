"""Asking for an approved exception."""

from typing import Any

from django import forms

from accounts.models import User
from batches.actions.waivers import WAIVABLE, ask_waiver
from batches.forms.fields import ActForm, CadreField, ClassField, day_field, reason_field
from batches.models import PracticeClass
from batches.plan_ids import key
from cadres.models import Cadre, Unit


class WaiverForm(ActForm):
    """Ask for an exception: the rule, and what it is about in the clerk's words; the planner's subject follows."""

    rule = forms.ChoiceField(label="规则", error_messages={"required": "请选是哪条规则的例外。"})
    unit = forms.ModelChoiceField(
        Unit.objects.none(), label="单位（R01、R02、R03、R08）", required=False, empty_label="不涉及"
    )
    practice_class = ClassField(
        PracticeClass.objects.none(), label="班（R02、R04、R14、R15）", required=False, empty_label="不涉及"
    )
    cadre = CadreField(Cadre.objects.all(), label="干部（R07）", required=False, help_text="姓名，或“姓名 单位”")
    reason = reason_field("为什么要例外")
    until = day_field("有效至", "含当日，空着为本期有效", required=False)
    NEEDS = {
        "R01": ("unit",), "R02": ("unit", "practice_class"), "R03": ("unit",), "R04": ("practice_class",), "R07": ("cadre",),
        "R08": ("unit",), "R14": ("practice_class",), "R15": ("practice_class",),
    }  # fmt: skip
    NAMES = {
        "R01": "单位派员名额", "R02": "同单位分班", "R03": "单位留人在岗", "R04": "班额", "R07": "指定与回避",
        "R08": "班子成员", "R14": "到访村数", "R15": "在村天数",
    }  # fmt: skip

    ASK = {"unit": "哪个单位。请选单位", "practice_class": "哪个班。请选班", "cadre": "哪个干部。请写姓名"}

    def fill(self) -> None:
        rules = [(code, f"{code} {self.NAMES[code]}") for code in WAIVABLE if code in self.NAMES]
        self.fields["rule"].choices = [("", "请选规则"), *rules]  # type: ignore[attr-defined] # a choice field
        self.fields["unit"].queryset = Unit.objects.filter(active=True).order_by("sort_name", "pk")  # type: ignore[attr-defined] # a model choice
        classes = self.batch.classes.order_by("number")
        self.fields["practice_class"].queryset = classes  # type: ignore[attr-defined] # a model choice

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        for name in self.NEEDS.get(data.get("rule", ""), ()):
            if not data.get(name) and name not in self.errors:
                rule = f"{data['rule']}“{self.NAMES[data['rule']]}”"
                self.add_error(name, f"{rule}的例外要写明是{self.ASK[name]}。")
        return data

    def perform(self, by: User) -> str:
        data = self.cleaned_data
        subject, label = self._subject()
        ask_waiver(
            batch=self.batch,
            rule=data["rule"],
            subject=subject,
            label=label,
            reason=data["reason"],
            by=by,
            until=data["until"],
        )
        return f"{label}的例外已提出。要另一位工作人员批准后才有效。"

    def _subject(self) -> tuple[str, str]:
        """The subject as planner and checker write it (docs/rules.md §1), and in words."""
        data, batch = self.cleaned_data, key("B", self.batch.pk)
        rule, unit, practice_class, cadre = data["rule"], data["unit"], data["practice_class"], data["cadre"]
        if rule == "R02":
            track = practice_class.track
            return f"{key('U', unit.pk)}@{batch}/{key('W', track.pk)}", f"{unit}在{track}"
        if "unit" in self.NEEDS[rule]:
            return f"{key('U', unit.pk)}@{batch}", str(unit)
        if "cadre" in self.NEEDS[rule]:
            return key("C", cadre.pk), f"{cadre}（{cadre.unit}）"
        return key("K", practice_class.pk), practice_class.short_name
