"""Asking for an approved exception."""

import datetime
from typing import Any

from django import forms

from accounts.models import User
from batches.actions.waivers import ask_waiver
from batches.forms.fields import ActForm, CadreField, ClassField, HouseholdField, day_field, reason_field
from batches.models import PracticeClass, Track
from batches.plan_ids import key
from batches.planning.changes import WAIVED_NAMES
from batches.standing import fortnights
from batches.waivers import RULES, label_of, require_end, rule_in_words
from cadres.models import Cadre, Unit
from config.errors import DomainError


class WaiverForm(ActForm):
    """Ask for an exception: the rule, and what it is about. What is asked is what planner and checker take (docs/rules.md §2):
    a rule about a whole track is asked for the track, and nothing is filled in that the rule does not look at."""

    rule = forms.ChoiceField(label="规则", error_messages={"required": "请选是哪条规则的例外。"})
    unit = forms.ModelChoiceField(
        Unit.objects.none(), label="单位（R01、R02、R03、R08）", required=False, empty_label="不涉及"
    )
    track = forms.ModelChoiceField(
        Track.objects.none(), label="班型（R02、R04）", required=False, empty_label="不涉及",
        help_text="R02 管整个班型，批准后这个单位在它的各班都放行；R04 选班型是放行各班人数相差",
    )  # fmt: skip
    practice_class = ClassField(label="班（R04、R14、R15、R16）", required=False, empty_label="不涉及")
    index = forms.IntegerField(label="第几次集中（R16）", required=False, min_value=1)
    household = HouseholdField(label="农户（R16）", required=False, help_text="户主姓名，或“户主 村名”；只放行人数")
    cadre = CadreField(Cadre.objects.all(), label="干部（R07）", required=False, help_text="姓名，或“姓名 单位”")
    reason = reason_field("为什么要例外")
    until = day_field("有效至", "含当日，空着为本期有效", required=False)
    NEEDS: dict[str, tuple[tuple[str, ...], ...]] = {
        "R01": (("unit",),), "R02": (("unit", "track"),), "R03": (("unit",),), "R04": (("practice_class",), ("track",)),
        "R07": (("cadre",),), "R08": (("unit",),), "R14": (("practice_class",),), "R15": (("practice_class",),),
        "R16": (("household", "practice_class", "index"),),
    }  # fmt: skip
    """Rule -> what it is about; of several lists, one."""
    ASK = {
        "unit": ("单位", "哪个单位。请选单位"), "track": ("班型", "哪个班型。请选班型"),
        "practice_class": ("班", "哪个班。请选班"),
        "index": ("第几次集中", "哪一次集中。请填第几次"), "household": ("农户", "哪一户。请写户主姓名"),
        "cadre": ("干部", "哪个干部。请写姓名"),
    }  # fmt: skip

    def fill(self) -> None:
        rules = [(code, f"{code} {WAIVED_NAMES[code]}") for code in RULES]
        self.fields["rule"].choices = [("", "请选规则"), *rules]  # type: ignore[attr-defined] # a choice field
        self.fields["unit"].queryset = Unit.objects.filter(active=True).order_by("sort_name", "pk")  # type: ignore[attr-defined] # a model choice
        tracks = Track.objects.filter(classes__batch=self.batch).distinct().order_by("order")
        self.fields["track"].queryset = tracks  # type: ignore[attr-defined] # a model choice

    def clean_until(self) -> datetime.date | None:
        until: datetime.date | None = self.cleaned_data["until"]
        try:
            require_end(self.batch, until)
        except DomainError as error:
            raise forms.ValidationError(error.message, error.code) from error
        return until

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if "rule" not in data:
            return data
        rule = rule_in_words(data["rule"])
        given = {name for name in self.ASK if data.get(name) is not None or name in self.errors}
        needed = self._needed(data["rule"], given)
        for name in needed:
            if name not in given:
                self.add_error(name, f"{rule}的例外要写明是{self.ASK[name][1]}。")
        for name in sorted(given.difference(needed, self.errors)):
            self.add_error(name, f"{rule}的例外不看{self.ASK[name][0]}，填了也不会只放行这里。请留空。")
        if "index" in needed and not self.errors:
            self._require_gathering(data["practice_class"], data["index"])
        return data

    def _needed(self, rule: str, given: set[str]) -> tuple[str, ...]:
        """The list of the rule that is filled in, else its first."""
        lists = self.NEEDS[rule]
        return next((names for names in lists if given.issuperset(names)), lists[0])

    def _require_gathering(self, practice_class: PracticeClass, index: int) -> None:
        last = max((number for number, _ in fortnights(self.batch, practice_class.parity)), default=0)
        if index > last:
            self.add_error("index", f"{practice_class.short_name}本期至多集中 {last} 次。请改次数。")

    def perform(self, by: User) -> str:
        data = self.cleaned_data
        subject = self._subject()
        label = label_of(subject)
        ask_waiver(
            batch=self.batch,
            rule=data["rule"],
            subject=subject,
            label=label,
            reason=data["reason"],
            by=by,
            until=data["until"],
        )
        return f"{label}的 {rule_in_words(data['rule'])}例外已提出。要另一位工作人员批准后才有效。"

    def _subject(self) -> str:
        """The subject as planner and checker write it (docs/rules.md §1)."""
        data, batch = self.cleaned_data, key("B", self.batch.pk)
        unit, track, practice_class = data["unit"], data["track"], data["practice_class"]
        if unit is not None:
            return f"{key('U', unit.pk)}@{batch}" + (f"/{key('W', track.pk)}" if track is not None else "")
        if track is not None:
            return f"{key('W', track.pk)}@{batch}"
        if data["cadre"] is not None:
            return key("C", data["cadre"].pk)
        name = key("K", practice_class.pk)
        return name if data["household"] is None else f"{key('H', data['household'].pk)}:{name}#{data['index']}"
