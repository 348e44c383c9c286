"""People and cells that change places, one or two at a time: each form becomes changes for a repair, never a row."""

import datetime
from abc import abstractmethod
from typing import Any

from django import forms

from accounts.models import User
from bases.models import PracticeBase
from batches.actions.pins import pin_gathering, require_lawful_day
from batches.actions.repair import start_repair
from batches.arrangement import Arrangement, Visit
from batches.fixed import pinned_cells, where_fixed
from batches.forms.fields import ArrangementForm, ClassField, day_field, reason_field
from batches.models import Batch, PlanRun
from batches.plan_ids import key
from batches.planning.changes import Change
from batches.standing import Place
from cadres.models import Cadre
from config.errors import DomainError


def cell_name(place: Place) -> str:
    return f"{place[0]}-{place[1]}"


class PersonChoice(forms.ModelChoiceField):
    """林晓雯（县财政局）　第1班"""

    seats: dict[int, str] = {}

    def label_from_instance(self, obj: Any) -> str:
        return f"{obj.name}（{obj.unit}）　{self.seats.get(obj.pk, '')}"


class BaseChoice(forms.ModelChoiceField):
    def label_from_instance(self, obj: Any) -> str:
        return str(obj.village)


class SwapForm(ArrangementForm):
    """Reads the arrangement that it changes; `fixed` are cells that nobody can move any more
    (`standing.past_cells`)."""

    prefer = forms.ChoiceField(
        label="先后", choices=PlanRun.Prefer.choices, initial=PlanRun.Prefer.KEPT,
        help_text="别人要跟着动时，先顾哪一头",
    )  # fmt: skip

    def __init__(
        self, batch: Batch, shown: Arrangement, fixed: set[Place], run: PlanRun | None, *args: Any, **options: Any
    ) -> None:
        self.shown, self.fixed, self.run = shown, fixed, run
        super().__init__(batch, *args, **options)

    @abstractmethod
    def changes(self) -> list[Change]:
        """What was decided, for the planner."""

    @abstractmethod
    def title(self) -> str:
        """What the page calls it, names and all."""

    def kept_title(self) -> str:
        """A name for the run, which outlives the people: without theirs."""
        return self.title()

    def perform(self, by: User) -> str:
        start_repair(
            batch=self.batch, by=by, changes=self.changes(), prefer=self.cleaned_data["prefer"], title=self.kept_title(),
            against=self.run, seen=self.seen,
        )  # fmt: skip
        return "开始少变动重排。已有的安排都不变；算完先看动了谁，再决定发布不发布。"

    # What there is to choose from

    def choose_people(self, *names: str) -> None:
        seats = {cadre.pk: row.short_name for row in self.shown.classes for cadre in self.shown.members.get(row.pk, ())}
        people = Cadre.objects.filter(pk__in=seats).select_related("unit").order_by("sort_name", "pk")
        for name in names:
            field = self.fields[name]
            field.queryset, field.seats = people, seats  # type: ignore[attr-defined] # a choice of people
        self.class_of = {cadre.pk: row for row in self.shown.classes for cadre in self.shown.members.get(row.pk, ())}

    def choose_cells(self, *names: str) -> None:
        self.visits = {cell_name(visit.key): visit for visit in self.shown.visits if visit.key not in self.fixed}
        pinned = pinned_cells(self.batch)
        cells = [
            ("", "请选一格"),
            *(
                (name, f"{cell_label(visit)}{'　已固定' if visit.key in pinned else ''}")
                for name, visit in self.visits.items()
            ),
        ]
        for name in names:
            self.fields[name].choices = cells  # type: ignore[attr-defined] # a choice

    def choose_bases(self, *names: str) -> None:
        rows = PracticeBase.objects.filter(state=PracticeBase.State.OPEN).select_related("village").order_by("pk")
        for name in names:
            self.fields[name].queryset = rows  # type: ignore[attr-defined] # a choice of bases


def cell_label(visit: Visit) -> str:
    name = f"{visit.practice_class.short_name}第 {visit.index} 次"
    if visit.skipped or visit.first_day is None:
        return f"{name}　不集中"
    return f"{name}　{visit.first_day:%m-%d} {visit.village_names}"


def pin_of(place: Place, first_day: datetime.date, bases: list[int]) -> Change:
    return {
        "kind": "pin_gathering", "class": key("K", place[0]), "index": place[1], "first_day": first_day.isoformat(),
        "bases": [key("P", base) for base in bases] or None,
    }  # fmt: skip


class PeopleForm(SwapForm):
    """Two people of different classes change places."""

    one = PersonChoice(Cadre.objects.none(), label="谁", empty_label="请选学员")
    other = PersonChoice(Cadre.objects.none(), label="和谁对调", empty_label="请选学员")
    field_order = ["one", "other", "prefer"]

    def fill(self) -> None:
        self.choose_people("one", "other")

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        one, other = data.get("one"), data.get("other")
        if one and other and self.class_of[one.pk] == self.class_of[other.pk]:
            self.add_error("other", f"两人都在{self.class_of[one.pk].short_name}，不用对调。请选别的班的人。")
        return data

    def changes(self) -> list[Change]:
        one, other = self.cleaned_data["one"].pk, self.cleaned_data["other"].pk
        return [
            {"kind": "pin_class", "cadre": key("C", who), "class": key("K", self.class_of[there].pk)}
            for who, there in ((one, other), (other, one))
        ]

    def title(self) -> str:
        return f"{self.cleaned_data['one'].name}与{self.cleaned_data['other'].name}对调"

    def kept_title(self) -> str:
        return "两人对调"


class PersonForm(SwapForm):
    """Somebody moves to another class; who has to make room is found by the repair."""

    who = PersonChoice(Cadre.objects.none(), label="谁", empty_label="请选学员")
    to = ClassField(label="调到", empty_label="请选班")
    field_order = ["who", "to", "prefer"]

    def fill(self) -> None:
        self.choose_people("who")

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        who, to = data.get("who"), data.get("to")
        if who and to and self.class_of[who.pk] == to:
            self.add_error("to", f"{who.name}本来就在{to.short_name}。请选别的班。")
        return data

    def changes(self) -> list[Change]:
        who, to = self.cleaned_data["who"], self.cleaned_data["to"]
        return [{"kind": "pin_class", "cadre": key("C", who.pk), "class": key("K", to.pk)}]

    def title(self) -> str:
        return f"{self.cleaned_data['who'].name}调到{self.cleaned_data['to'].short_name}"

    def kept_title(self) -> str:
        return f"1 人调到{self.cleaned_data['to'].short_name}"


class CellsForm(SwapForm):
    """Two gatherings change bases, and days too where both are of the same week."""

    one = forms.ChoiceField(label="哪一格")
    other = forms.ChoiceField(label="和哪一格对调")
    field_order = ["one", "other", "prefer"]

    def fill(self) -> None:
        self.choose_cells("one", "other")

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        pair = [self.visits.get(data.get(name, "")) for name in ("one", "other")]
        for name, visit in zip(("one", "other"), pair, strict=True):
            if visit is not None and not visit.bases:
                self.add_error(name, "这一格没有集中，没有可以对调的基地。")
        if None not in pair and pair[0] is pair[1]:
            self.add_error("other", "是同一格。请选另一格。")
        return data

    def changes(self) -> list[Change]:
        one, other = self.visits[self.cleaned_data["one"]], self.visits[self.cleaned_data["other"]]
        if one.first_day is None or other.first_day is None:
            return []
        same_week = one.index == other.index and one.practice_class.parity == other.practice_class.parity
        return [
            pin_of(
                mine.key,
                theirs.first_day if same_week and theirs.first_day else mine.first_day,
                [b.pk for b in theirs.bases],
            )
            for mine, theirs in ((one, other), (other, one))
            if mine.first_day is not None
        ]

    def title(self) -> str:
        names = [
            f"{visit.practice_class.short_name}第{visit.index}次"
            for visit in (self.visits[self.cleaned_data["one"]], self.visits[self.cleaned_data["other"]])
        ]
        return f"{names[0]}与{names[1]}对调"


class CellForm(SwapForm):
    """A gathering moves to another day of its week, or to another base or two."""

    cell = forms.ChoiceField(label="哪一格")
    first_day = day_field("改到哪天开始", "要在原来的那一周里；不改就留空", required=False)
    base = BaseChoice(PracticeBase.objects.none(), label="改到哪个基地", required=False, empty_label="不改")
    second_base = BaseChoice(PracticeBase.objects.none(), label="第二个基地", required=False, empty_label="没有")
    field_order = ["cell", "first_day", "base", "second_base", "prefer"]

    def fill(self) -> None:
        self.choose_cells("cell")
        self.choose_bases("base", "second_base")

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        visit = self.visits.get(data.get("cell", ""))
        if visit is None:
            return data
        if not data.get("first_day") and not data.get("base"):
            self.add_error("first_day", "日期和基地至少改一样。")
        if data.get("second_base") and not data.get("base"):
            self.add_error("base", "请先选第一个基地。")
        elif data.get("base") and data.get("base") == data.get("second_base"):
            self.add_error("second_base", "和第一个是同一个基地。请换一个，或不选第二个。")
        if visit.first_day is None and not data.get("first_day"):
            self.add_error("first_day", "这一格没有集中，请写从哪天开始。")
        if data.get("first_day"):
            try:
                require_lawful_day(self.batch, visit.practice_class, visit.index, data["first_day"])
            except DomainError as error:
                self.add_error("first_day", error.message)
        return data

    def changes(self) -> list[Change]:
        data = self.cleaned_data
        visit = self.visits[data["cell"]]
        chosen = [row.pk for row in (data["base"], data["second_base"]) if row is not None]
        first_day = data["first_day"] or visit.first_day
        if first_day is None:
            raise ValueError("a cell without a day was refused before")
        return [pin_of(visit.key, first_day, chosen or [row.pk for row in visit.bases])]

    def title(self) -> str:
        visit = self.visits[self.cleaned_data["cell"]]
        return f"{visit.practice_class.short_name}第{visit.index}次改期或换基地"


class PinForm(SwapForm):
    """Fix a cell where it is: its day alone, or its day and base."""

    cell = forms.ChoiceField(label="哪一格")
    what = forms.ChoiceField(label="固定什么", choices=[("both", "日期和基地"), ("day", "只固定日期，基地由编排定")])
    reason = reason_field()
    field_order = ["cell", "what", "reason"]

    def fill(self) -> None:
        del self.fields["prefer"]
        self.choose_cells("cell")

    def clean_cell(self) -> str:
        name: str = self.cleaned_data["cell"]
        if name in self.visits and self.visits[name].first_day is None:
            raise forms.ValidationError("这一格没有集中，不能固定。")
        return name

    def changes(self) -> list[Change]:
        return []

    def title(self) -> str:
        return "固定集中"

    def perform(self, by: User) -> str:
        visit = self.visits[self.cleaned_data["cell"]]
        if visit.first_day is None:
            raise ValueError("a cell without gathering was refused before")
        pin = pin_gathering(
            practice_class=visit.practice_class, index=visit.index, first_day=visit.first_day,
            bases=visit.bases if self.cleaned_data["what"] == "both" else (), reason=self.cleaned_data["reason"], by=by,
            seen=self.seen,
        )  # fmt: skip
        return f"{pin}固定在 {where_fixed(pin)}。以后重排都不动它，除非取消固定。"
