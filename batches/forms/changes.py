"""Changes after publication: people who move, come late or leave, gatherings that fall out, a bed by hand."""

import datetime
from typing import Any

from django.utils import timezone

from accounts.models import User
from batches.actions.beds import place_in_bed
from batches.actions.gatherings import cancel_days, cancel_gathering
from batches.actions.people import add_late, move_member, withdraw_enrollment
from batches.forms.fields import (
    ArrangementForm,
    BedField,
    CadreField,
    ClassField,
    GatheringField,
    MemberField,
    day_field,
    leaves_from,
    reason_field,
    within,
)
from batches.free_beds import free_beds
from batches.models import Enrollment, Gathering
from cadres.models import Cadre


class MoveForm(ArrangementForm):
    enrollment = MemberField(label="谁", empty_label="请选学员")
    to = ClassField(label="调到", empty_label="请选班")
    from_day = day_field("从哪天起", "这一天起算新班的人")
    reason = reason_field()

    def fill(self) -> None:
        self.fields["from_day"].initial = max(timezone.localdate(), self.batch.first_day)

    def clean_from_day(self) -> datetime.date:
        return within(self.batch, self.cleaned_data["from_day"])

    def perform(self, by: User) -> str:
        row = move_member(**self.values(), by=by, seen=self.seen)
        told = "本人、导师和人数有变的基地已收到通知，在村天数自动重算。"
        return f"{row.enrollment.cadre}从 {row.days.lower} 起在{row.practice_class.short_name}。{told}"


class LateForm(ArrangementForm):
    cadre = CadreField(Cadre.objects.filter(state=Cadre.State.IN_POST), label="谁", help_text="姓名，或“姓名 单位”")
    to = ClassField(label="加进", empty_label="请选班")
    from_day = day_field("从哪天起")
    reason = reason_field()

    def fill(self) -> None:
        self.fields["from_day"].initial = max(timezone.localdate(), self.batch.first_day)

    def clean_from_day(self) -> datetime.date:
        return within(self.batch, self.cleaned_data["from_day"])

    def perform(self, by: User) -> str:
        row = add_late(batch=self.batch, **self.values(), by=by, seen=self.seen)
        return f"{row.cadre}编入{self.cleaned_data['to'].short_name}。没有账号的请到“班务”发账号。"


class WithdrawForm(ArrangementForm):
    enrollment = MemberField(label="谁", empty_label="请选学员")
    on_day = day_field("从哪天起退出", "这一天起不算本期的人，此前的在村天数保留")
    reason = reason_field()

    def fill(self) -> None:
        self.fields["on_day"].initial = timezone.localdate()

    def clean_on_day(self) -> datetime.date:
        return within(self.batch, self.cleaned_data["on_day"])

    def perform(self, by: User) -> str:
        withdraw_enrollment(**self.values(), by=by, seen=self.seen)
        leaves = f"{self.cleaned_data['enrollment'].cadre}{leaves_from(self.cleaned_data['on_day'])}"
        return f"{leaves}。退错了可以用“中途加入”加回来，此前的天数还在。"


class CancelForm(ArrangementForm):
    gathering = GatheringField(Gathering.objects.none(), label="哪一次集中", empty_label="请选集中")
    reason = reason_field()

    def fill(self) -> None:
        planned = Gathering.objects.filter(practice_class__batch=self.batch, state=Gathering.State.PLANNED)
        rows = planned.select_related("practice_class").order_by("first_day", "practice_class__number")
        self.fields["gathering"].queryset = rows  # type: ignore[attr-defined] # a model choice

    def perform(self, by: User) -> str:
        cancel_gathering(**self.values(), by=by, seen=self.seen)
        return "集中已取消。学员、基地和乡镇已收到通知，床位空出来了，缺的天数在“还欠什么”里。"


class CancelDaysForm(ArrangementForm):
    first_day = day_field("从")
    last_day = day_field("到", "含当日；这几天里所有班的集中都取消")
    reason = reason_field()

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if data.get("first_day") and data.get("last_day") and data["last_day"] < data["first_day"]:
            self.add_error("last_day", "早于开始的一天。请改到它以后。")
        return data

    def perform(self, by: User) -> str:
        count = cancel_days(batch=self.batch, **self.values(), by=by, seen=self.seen)
        return f"取消了 {count} 次集中。学员、基地和乡镇已收到通知，床位空出来了。"


class PlaceForm(ArrangementForm):
    """A free bed for one person at one gathering, both named in the address."""

    bed = BedField(None, label="空床", empty_label=None)

    def __init__(self, gathering: Gathering, enrollment: Enrollment, *args: Any, **options: Any) -> None:
        self.gathering, self.enrollment = gathering, enrollment
        super().__init__(gathering.practice_class.batch, *args, **options)

    def fill(self) -> None:
        beds = free_beds(self.gathering, self.enrollment)
        self.fields["bed"].queryset = beds  # type: ignore[attr-defined] # a model choice

    def perform(self, by: User) -> str:
        row = place_in_bed(
            gathering=self.gathering, enrollment=self.enrollment, bed=self.cleaned_data["bed"], by=by, seen=self.seen
        )
        return f"{row.enrollment.cadre}住{row.bed.room.household}。基地人数已更新。"
