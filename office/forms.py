"""Forms of the office."""

from django import forms
from django.utils import timezone


class SeedCalendarForm(forms.Form):
    """Which year's published days off are to be entered."""

    year = forms.IntegerField(label="年份", min_value=2025, max_value=2100)

    def __init__(self, *args: object, **options: object) -> None:
        super().__init__(*args, **options)  # type: ignore[arg-type] # handed on as they come
        self.fields["year"].initial = timezone.localdate().year
