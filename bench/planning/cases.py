"""What is measured: the frozen instances of the tests, and more from the generator."""

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from batches.planning import load

from .generate import canonical, generate

FROZEN = Path(__file__).parents[2] / "tests" / "planning" / "instances"


@dataclass(frozen=True)
class Case:
    """An instance, and the restarts of the yardstick that are run."""

    size: str
    seed: int
    variant: str = ""
    tracks: bool = False

    @property
    def name(self) -> str:
        return f"{self.size}-{self.seed}"

    @property
    def restarts(self) -> int:
        return 1 if self.size == "city" else 20

    @property
    def kind(self) -> str:
        return " ".join(word for word in (self.variant, "tracks" if self.tracks else "") if word) or "plain"

    @cached_property
    def document(self) -> dict[str, Any]:
        frozen = FROZEN / f"{self.name}.json.gz"
        if frozen.exists():
            return load(frozen)
        made: dict[str, Any] = json.loads(canonical(generate(self.size, self.seed, self.variant, self.tracks)))
        return made


SMALL = [Case("small", 1), Case("small", 2), Case("small", 3, "loose"), Case("small", 4, "tight")]
SMALL.append(Case("small", 5, tracks=True))
COUNTY = [Case("county", 1), Case("county", 2), Case("county", 3, "loose"), Case("county", 4, "tight")]
COUNTY.append(Case("county", 5, tracks=True))
CITY = [Case("city", 1), Case("city", 2), Case("city", 3, "loose"), Case("city", 4, "tight")]
CITY.append(Case("city", 5, tracks=True))
CASES = {case.name: case for case in [*SMALL, *COUNTY, *CITY]}
