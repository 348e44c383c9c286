"""Forms of the base pages: they read what people type and hold no rule of the domain."""

import datetime
from typing import Any

from django import forms
from django.utils import timezone

from accounts.models import User
from bases import states
from bases.actions.households import shortest_notice
from bases.models import Closure, HostHousehold, PracticeBase, Room
from bases.queries import visible_to
from cadres.models import Unit
from config.days import DayField


def reason_field(label: str = "原因", **options: Any) -> forms.CharField:
    """A reason that goes on file."""
    return forms.CharField(label=label, max_length=200, widget=forms.Textarea(attrs={"rows": 2}), **options)


class PeriodForm(forms.Form):
    """First and last day, both included."""

    first_day = DayField(label="第一天")
    last_day = DayField(label="最后一天", help_text="含当天")

    def clean(self) -> dict[str, Any]:
        values: dict[str, Any] = super().clean() or {}
        first, last = values.get("first_day"), values.get("last_day")
        if first and last and last < first:
            self.add_error("last_day", "最后一天早于第一天。请改日期。")
        return values


class ClosureForm(PeriodForm):
    """A closure of a base, of one of its households, or of a room."""

    place = forms.ChoiceField(label="哪里停接")
    kind = forms.ChoiceField(label="原因类别", choices=Closure.Kind.choices)
    reason = forms.CharField(
        label="说明", max_length=200, required=False, help_text="写给编排的人看，如“柑橘采收，腾不出房”"
    )
    field_order = ("place", "first_day", "last_day", "kind", "reason")

    def __init__(self, *args: Any, base: PracticeBase, **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["first_day"].recent = True  # type: ignore[attr-defined] # a day
        self.places: dict[str, PracticeBase | HostHousehold | Room] = {"base": base}
        choices: list[Any] = [("base", f"整个{base}")]
        for household in base.households.prefetch_related("rooms").order_by("head", "pk"):
            key = f"household-{household.pk}"
            self.places[key] = household
            choices.append((key, f"{household}（整户）"))
            rooms = list(household.rooms.all())
            for room in rooms if len(rooms) > 1 else ():
                self.places[f"room-{room.pk}"] = room
                choices.append((f"room-{room.pk}", f"{household}{room}"))
        place = self.fields["place"]
        assert isinstance(place, forms.ChoiceField)  # noqa: S101 -- declared above
        place.choices = choices

    def place_arguments(self) -> dict[str, Any]:
        """The chosen place as `close_place` takes it."""
        chosen = self.places[self.cleaned_data["place"]]
        name = {PracticeBase: "base", HostHousehold: "household", Room: "room"}[type(chosen)]
        return {name: chosen}


class OutsideUseForm(PeriodForm):
    """An outside party that comes to a base."""

    people = forms.IntegerField(label="人数", min_value=1, max_value=999)
    source = forms.CharField(label="谁来、为什么来", max_length=100, help_text="如“县税务局 主题党日”")
    field_order = ("source", "people", "first_day", "last_day")


class ReasonForm(forms.Form):
    reason = reason_field()


class ReopenForm(ReasonForm):
    from_day = DayField(label="从哪天起恢复", required=False, help_text="空着为整条撤销")


class RateForm(forms.Form):
    """The amounts that hold from a day on."""

    township = forms.ModelChoiceField(
        label="适用",
        queryset=Unit.objects.none(),
        required=False,
        empty_label="全县",
        help_text="个别乡镇另定时才选乡镇",
    )
    first_day = DayField(label="从哪天起执行", help_text="原来的标准到前一天为止")
    breakfast = forms.DecimalField(label="早餐（元）", min_value=0, max_digits=7, decimal_places=2, initial=20)
    lunch = forms.DecimalField(label="午餐（元）", min_value=0, max_digits=7, decimal_places=2, initial=40)
    dinner = forms.DecimalField(label="晚餐（元）", min_value=0, max_digits=7, decimal_places=2, initial=40)
    night = forms.DecimalField(
        label="住宿（元/夜）", min_value=0, max_digits=7, decimal_places=2, help_text="各县不同，没有预设，由县里定"
    )

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        township = self.fields["township"]
        assert isinstance(township, forms.ModelChoiceField)  # noqa: S101 -- declared above
        township.queryset = Unit.objects.filter(kind=Unit.Kind.TOWNSHIP, active=True)


class ImportForm(forms.Form):
    """A filled-in table of bases and households."""

    file = forms.FileField(label="填好的表（.xlsx）")


# Acts on a household


class ReviewForm(forms.Form):
    on = DayField(label="研判日期")
    finding = reason_field("研判意见", required=False)


class NoticeForm(forms.Form):
    first_day = DayField(label="公示第一天")
    until = DayField(label="公示最后一天", help_text="含当天，不少于 5 个工作日")


class ObjectionForm(forms.Form):
    text = reason_field("异议内容")


class SettlementForm(forms.Form):
    upheld = forms.TypedChoiceField(
        label="核查结果", coerce=lambda value: value == "yes", widget=forms.RadioSelect,
        choices=[("no", "不成立，公示继续有效"), ("yes", "成立，退回重新研判、重新公示")],
    )  # fmt: skip
    finding = reason_field("核查情况")


class AdmissionForm(forms.Form):
    on = DayField(label="纳管日期")


class OptionalReasonForm(forms.Form):
    reason = reason_field("说明", required=False)


HOUSEHOLD_FORMS: dict[str, type[forms.Form]] = {
    "review": ReviewForm,
    "open_notice": NoticeForm,
    "raise_objection": ObjectionForm,
    "settle_objection": SettlementForm,
    "admit": AdmissionForm,
    "resume": OptionalReasonForm,
    "reapply": OptionalReasonForm,
}


def household_form(act: str, data: Any = None, *, today: datetime.date | None = None) -> forms.Form:
    """The small form of an act on a household, with the earliest lawful days filled in."""
    day = today or timezone.localdate()
    initial: dict[str, Any] = {"on": day, "first_day": day, "upheld": "no"}
    if act == "open_notice":
        initial["until"] = shortest_notice(day)
    found = HOUSEHOLD_FORMS.get(act, ReasonForm if states.HOUSEHOLD[act].reason_needed else OptionalReasonForm)
    return found(data, initial=initial)


class HouseholdFilter(forms.Form):
    """What a list of households is narrowed to."""

    q = forms.CharField(label="户主", required=False, max_length=40)
    state = forms.ChoiceField(label="状态", required=False, choices=[("", "全部状态"), *HostHousehold.State.choices])


class BaseFilter(forms.Form):
    """What the list of bases is narrowed to."""

    q = forms.CharField(label="村、合作社", required=False, max_length=40)
    township = forms.ModelChoiceField(
        label="乡镇", required=False, queryset=Unit.objects.none(), empty_label="全部乡镇"
    )
    state = forms.ChoiceField(label="状态", required=False, choices=[("", "全部状态"), *PracticeBase.State.choices])

    def __init__(self, *args: Any, user: User, **options: Any) -> None:
        super().__init__(*args, **options)
        township = self.fields["township"]
        assert isinstance(township, forms.ModelChoiceField)  # noqa: S101 -- declared above
        seen = visible_to(user, PracticeBase).values("village__township")
        township.queryset = Unit.objects.filter(pk__in=seen)
