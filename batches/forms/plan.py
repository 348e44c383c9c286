"""Asking for a plan: the seed from which the solver starts."""

from typing import Any

from django import forms

from office.addresses import number_in

LARGEST_SEED = 999_999_999


class SeedForm(forms.Form):
    """The number that makes a plan one that can be computed again; 1 where a form sends none."""

    seed = forms.CharField(label="种子", required=False)

    def clean_seed(self) -> int:
        text = self.cleaned_data["seed"]
        seed = number_in(text) if "seed" in self.data else 1
        if seed is None:
            raise forms.ValidationError(
                f"种子“{text[:20]}”不对，没有开始编排。请填 0 至 {LARGEST_SEED} 的整数。", code="wrong_seed"
            )
        return seed

    @classmethod
    def shown(cls, data: Any, seed: int) -> "SeedForm":
        """The form of a page: what was refused, as the address has it, else the seed to begin with."""
        return cls(data) if "seed" in data else cls(initial={"seed": seed})
