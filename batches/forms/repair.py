"""What happened to a published batch, scenario by scenario: the fact first, then the repair with the fewest changes."""

import datetime
from abc import abstractmethod
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from django import forms
from django.utils import timezone

from accounts.models import User
from bases.actions import close_place
from bases.models import Closure, HostHousehold, PracticeBase, Room
from batches import states
from batches.actions.people import withdraw_enrollment
from batches.actions.repair import add_classes, close_everywhere, name_late, start_repair
from batches.actions.trials import start_trial
from batches.forms.fields import (
    ActForm,
    ArrangementForm,
    CadreField,
    MemberField,
    day_field,
    leaves_from,
    reason_field,
    within,
)
from batches.models import PlanRun
from batches.more_classes import told, ways_of
from batches.plan_ids import key, pk_of
from batches.planning.changes import Change
from batches.queries import version_in_force
from batches.standing import first_open_day
from cadres.actions.unavailability import enter_unavailability
from cadres.models import Cadre, pinyin
from config.errors import DomainError

DAY = datetime.timedelta(days=1)
STARTED = "已开始少变动重排，算完先看动了谁，再决定发布不发布。"
PLACES: dict[str, type[Any]] = {"P": PracticeBase, "H": HostHousehold, "R": Room}
WORDS = {"P": "base", "H": "household", "R": "room"}


class RepairForm(ActForm):
    """Plan anew from what stands today, nothing new entered."""

    prefer = forms.ChoiceField(
        label="先后", choices=PlanRun.Prefer.choices, initial=PlanRun.Prefer.KEPT,
        widget=forms.Select(attrs={"class": "form-select w-auto"}),
    )  # fmt: skip

    def perform(self, by: User) -> str:
        start_repair(batch=self.batch, by=by, prefer=self.cleaned_data["prefer"])
        return "已开始少变动重排。已有的安排都不变。"


class ScenarioForm(ArrangementForm):
    """`fact` enters what happened; the repair follows. `do` says how far the clerk goes: repair, trial."""

    do = "repair"
    closures: Sequence[Closure] = ()
    """What the fact has closed: several rows of a base that was shut on a day in between."""

    @abstractmethod
    def fact(self, by: User) -> str:
        """Enter what happened; returns a sentence."""

    def trial(self) -> list[Change]:
        """The same as changes of a trial; none where it can only be entered."""
        return []

    def perform(self, by: User) -> str:
        if self.do == "trial":
            return self._try(by)
        told = self.fact(by)
        try:
            start_repair(batch=self.batch, by=by, title=self.name)
        except DomainError as error:
            return f"{told}还没有开始重排：{error.message}"
        return f"{told}{STARTED}"

    def _try(self, by: User) -> str:
        version = version_in_force(self.batch)
        if version is None or version.run is None:
            raise DomainError("no_plan", "还没有发布的方案，不能试算。")
        start_trial(batch=self.batch, by=by, changes=self.trial(), against=version.run, title=self.name)
        return "已开始试算。什么都没有登记，已有的安排都不变。"

    name = ""


def _until(day: datetime.date) -> str:
    return (day + DAY).isoformat()


class DaysForm(ScenarioForm):
    """A scenario with a first and a last day, of which the batch still has at least one before it."""

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        first, last = data.get("first_day"), data.get("last_day")
        since = first_open_day(self.batch, timezone.localdate())
        if first and last and last < first:
            self.add_error("last_day", "早于开始的一天。请改到它以后。")
        elif last and since > self.batch.last_day:
            self.add_error("last_day", f"{self.batch}到 {self.batch.last_day} 结束，已经没有可以再排的日子。")
        elif last and last < since:
            self.add_error(
                "last_day", f"{last} 及以前的日子，重排改不了什么：{self.batch}从 {since} 起才能再排。请改日期。"
            )
        elif first and first > self.batch.last_day:
            self.add_error("first_day", f"{self.batch}到 {self.batch.last_day} 就结束了，不受影响。请改日期。")
        return data


class IllForm(DaysForm):
    name = "病假或不可用"
    enrollment = MemberField(label="谁", empty_label="请选学员")
    first_day = day_field("从", recent=True)
    last_day = day_field("到", "含当日")
    reason = reason_field()

    def fact(self, by: User) -> str:
        row = self.cleaned_data["enrollment"]
        enter_unavailability(
            cadre=row.cadre, first_day=self.cleaned_data["first_day"], last_day=self.cleaned_data["last_day"],
            reason=self.cleaned_data["reason"], by=by,
        )  # fmt: skip
        return f"{row.cadre}不能来的日子已登记。"


class LeaveForm(ScenarioForm):
    name = "调走或退出"
    enrollment = MemberField(label="谁", empty_label="请选学员")
    on_day = day_field("从哪天起", "这一天起不算本期的人，此前的在村天数保留")
    reason = reason_field()

    def fill(self) -> None:
        self.fields["on_day"].initial = first_open_day(self.batch, timezone.localdate())

    def clean_on_day(self) -> datetime.date:
        return within(self.batch, self.cleaned_data["on_day"])

    def fact(self, by: User) -> str:
        withdraw_enrollment(**self.values(), by=by, seen=self.seen)
        return f"{self.cleaned_data['enrollment'].cadre}{leaves_from(self.cleaned_data['on_day'])}。"

    def trial(self) -> list[Change]:
        cadre, day = key("C", self.cleaned_data["enrollment"].cadre_id), self.cleaned_data["on_day"]
        return [{"kind": "withdraw", "cadre": cadre, "from": day.isoformat()}]


class LateNameForm(ScenarioForm):
    name = "晚到的人"
    cadre = CadreField(
        Cadre.objects.filter(state=Cadre.State.IN_POST), label="谁", help_text="姓名，或“姓名 单位”；班由重排来定"
    )
    reason = reason_field()

    def fact(self, by: User) -> str:
        name_late(batch=self.batch, **self.values(), by=by, seen=self.seen)
        return f"{self.cleaned_data['cadre']}已报名。"


class CloseForm(DaysForm):
    name = "基地、农户或房间停接"
    place = forms.ChoiceField(label="哪里")
    first_day = day_field("从", recent=True)
    last_day = day_field("到", "含当日")
    kind = forms.ChoiceField(label="为什么", choices=Closure.Kind.choices)
    reason = reason_field("说明")

    def fill(self) -> None:
        bases = PracticeBase.objects.filter(state=PracticeBase.State.OPEN).select_related("village")
        homes = HostHousehold.objects.filter(state=HostHousehold.State.ADMITTED)
        by_base: dict[int, list[tuple[str, str]]] = {
            row.pk: [(key("P", row.pk), f"{row.village}整个基地")]
            for row in sorted(bases, key=lambda row: (pinyin(str(row.village)), row.pk))
        }
        rooms: dict[int, list[tuple[str, str]]] = defaultdict(list)
        for room in Room.objects.filter(household__in=homes).select_related("household").order_by("household", "pk"):
            rooms[room.household_id].append((key("R", room.pk), f"{room.household}{room}"))
        for home in sorted(homes.filter(base__in=by_base), key=lambda row: (pinyin(str(row)), row.pk)):
            by_base[home.base_id] += [(key("H", home.pk), str(home)), *rooms[home.pk]]
        names = {row.pk: str(row.village) for row in bases}
        self.fields["place"].choices = [  # type: ignore[attr-defined] # a choice
            ("", "请选一处"), *((names[pk], rows) for pk, rows in by_base.items())
        ]  # fmt: skip

    def fact(self, by: User) -> str:
        data, place = self.cleaned_data, self.cleaned_data["place"]
        row = PLACES[place[0]].objects.get(pk=pk_of(place))
        self.closures = [
            close_place(
                first_day=data["first_day"], last_day=data["last_day"], kind=data["kind"], by=by, reason=data["reason"],
                **{WORDS[place[0]]: row},
            )
        ]  # fmt: skip
        whose = f"{row.household}" if isinstance(row, Room) else ""
        return f"{whose}{row}停接已登记。"

    def trial(self) -> list[Change]:
        data, place = self.cleaned_data, self.cleaned_data["place"]
        return [{
            "kind": "close", "place": WORDS[place[0]], "id": place, "from": data["first_day"].isoformat(),
            "until": _until(data["last_day"]),
        }]  # fmt: skip


class TyphoonForm(DaysForm):
    name = "台风周，各基地停接"
    first_day = day_field("从", recent=True)
    last_day = day_field("到", "含当日；这几天所有基地都停接")
    reason = reason_field("说明")

    def fact(self, by: User) -> str:
        data = self.cleaned_data
        self.closures = close_everywhere(
            first_day=data["first_day"], last_day=data["last_day"], by=by, reason=data["reason"]
        )
        return f"{len({closure.base_id for closure in self.closures})} 个基地停接已登记。"

    def trial(self) -> list[Change]:
        first, until = self.cleaned_data["first_day"].isoformat(), _until(self.cleaned_data["last_day"])
        bases = PracticeBase.objects.filter(state=PracticeBase.State.OPEN).order_by("pk")
        return [
            {"kind": "close", "place": "base", "id": key("P", row.pk), "from": first, "until": until} for row in bases
        ]


class MoreClassForm(ScenarioForm):
    """A class more, or a pair; each way says beforehand what it comes to, and the best is chosen."""

    name = "多开一班"
    way = forms.ChoiceField(
        label="怎么加", widget=forms.RadioSelect, help_text="班额和单双周是按现在的学员和已报名的人算的；不用了可以撤掉"
    )
    reason = reason_field()

    def fill(self) -> None:
        self.ways = {way.code: way for way in (ways_of(self.batch) if states.allowed(self.batch, "republish") else ())}
        several = len({way.track.pk for way in self.ways.values()}) > 1
        least = self.batch.programme.class_size_min
        self.fields["way"].choices = [  # type: ignore[attr-defined] # a choice
            (code, told(way, several=several, least=least)) for code, way in self.ways.items()
        ]
        if self.ways:
            self.fields["way"].initial = min(self.ways.values(), key=lambda way: way.harm).code

    def trial(self) -> list[Change]:
        way = self.ways[self.cleaned_data["way"]]
        return [{
            "kind": "more_classes", "batch": key("B", self.batch.pk), "track": key("W", way.track.pk),
            "count": len(way.parities), "parities": list(way.parities),
        }]  # fmt: skip

    def fact(self, by: User) -> str:
        way = self.ways[self.cleaned_data["way"]]
        rows = add_classes(
            batch=self.batch, track=way.track, parities=way.parities, reason=self.cleaned_data["reason"], by=by,
            seen=self.seen,
        )  # fmt: skip
        return f"{'、'.join(row.short_name for row in rows)}已加开。"


SCENARIOS: dict[str, type[ScenarioForm]] = {
    "ill": IllForm, "leave": LeaveForm, "late": LateNameForm, "close": CloseForm, "typhoon": TyphoonForm,
    "class": MoreClassForm,
}  # fmt: skip
