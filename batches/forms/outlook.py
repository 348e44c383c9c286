"""The rule sandbox: a programme's parameters as a form, and what somebody has changed in it."""

import copy
from collections.abc import Sequence
from typing import Any

from django import forms

from batches.actions.outlook import MOST_BATCHES
from batches.forms.programme import WeekdaysField, bound
from batches.models import Programme, Track
from batches.outlook_input import TRACK
from batches.parameters import MEANINGS

GROUPS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("谁参加", ("full_coverage_age", "repeats", "unit_max_per_batch", "leading_max", "max_overlap_days")),
    ("期和班", ("batch_months", "class_size_min", "class_size", "class_size_max")),
    ("集中", (
        "gathering_days", "weekend_days_min", "weekend_days_max", "min_village_days", "min_distinct_villages",
        "start_weekdays",
    )),
    ("住宿", ("household_group_min", "household_group_max", "spare_beds")),
)  # fmt: skip
"""What is tried out, in the order of the programme's own form. Gatherings are every two weeks: the planner knows no other."""
DEFAULT_BATCHES = 4


class OutlookForm(forms.ModelForm):
    """Parameters as they are, to be changed in memory; classes a batch of each track; how many batches are looked at."""

    start_weekdays = WeekdaysField(label="可以从星期几开始", help_text="都不选为不限")

    class Meta:
        model = Programme
        fields = tuple(name for _, names in GROUPS for name in names)

    def __init__(self, programme: Programme, tracks: Sequence[Track], data: Any = None, **options: Any) -> None:
        self.programme, self.tracks = programme, tracks
        options.setdefault("use_required_attribute", False)
        super().__init__(data, instance=copy.copy(programme), **options)
        for name in self._meta.fields or ():
            self.fields[name].help_text = MEANINGS[name]
        bound(self)
        for track in tracks:
            self.fields[f"{TRACK}{track.order}"] = forms.IntegerField(
                label="每期班数" if len(tracks) == 1 else f"{track.name}每期班数", min_value=0, max_value=40,
                initial=track.classes_per_batch,
            )  # fmt: skip
        self.fields["batches"] = forms.IntegerField(
            label="推演几期", min_value=1, max_value=MOST_BATCHES, initial=DEFAULT_BATCHES,
            help_text=f"从最近还没编排的一期起，最多 {MOST_BATCHES} 期",
        )  # fmt: skip
        self.fields["title"] = forms.CharField(
            label="名称", max_length=60, required=False, help_text="如：每单位多派 1 人"
        )
        if data is not None:
            self.data = self._filled(data)

    def _filled(self, data: Any) -> Any:
        """What an address does not name stays as it is, so that a link may name one changed parameter alone; the page's
        own form says that it is the whole."""
        if "whole" in data:
            return data
        filled = data.copy()
        for name, field in self.fields.items():
            if name not in filled:
                value = self.initial.get(name, field.initial)
                filled.setlist(name, value if isinstance(value, list) else ["" if value is None else value])
        return filled

    @property
    def groups(self) -> list[tuple[str, list[Any]]]:
        own = {title: list(names) for title, names in GROUPS}
        own["期和班"] += [f"{TRACK}{track.order}" for track in self.tracks]
        return [(title, [self[name] for name in names]) for title, names in own.items()]

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        counts = [data.get(f"{TRACK}{track.order}") for track in self.tracks]
        if all(count is not None for count in counts) and not sum(count or 0 for count in counts):
            self.add_error(
                f"{TRACK}{self.tracks[0].order}" if self.tracks else None, "一个班都没有，没法推演。请至少留一个班。"
            )
        return data

    def changes(self) -> list[dict[str, Any]]:
        """The parameters that differ from the programme, each with the value it has now."""
        before = {name: getattr(self.programme, name) for name in self._meta.fields or ()}
        before |= {f"{TRACK}{track.order}": track.classes_per_batch for track in self.tracks}
        return [
            {"kind": "parameter", "name": name, "value": self.cleaned_data[name], "was": was}
            for name, was in before.items()
            if self.cleaned_data[name] != was
        ]
