"""A county small enough to plan by hand: four units, eight cadres, two classes, two bases, four weeks.

Each unit sends two: one to class 1 (odd weeks), one to class 2 (even weeks); each class has two men and two women. Odd weeks
gather on Fridays 2027-03-05 and 03-19, even weeks on 03-12 and 03-26, first at base A, then at base B; men sleep in the
first household of the base, women in the second. Tests of it run on 2027-02-15 (`TODAY`).
"""

import datetime
from dataclasses import dataclass, field
from typing import Any

import time_machine
from django.utils import timezone

from accounts.models import User
from bases.models import PracticeBase
from batches.actions.batch import create_batch
from batches.actions.names import confirm_unit, open_nominations
from batches.actions.plans import keep_plan, publish_plan
from batches.models import Batch, Enrollment, Gathering, Nomination, PlanRun, PlanVersion, PracticeClass
from batches.planning.formats import PLAN_FORMAT, canonical, fingerprint
from batches.planning_input import build_input
from cadres.models import Cadre, Unit
from tests import factories

TODAY = datetime.date(2027, 2, 15)
NOW = datetime.datetime(2027, 2, 15, 9, tzinfo=datetime.timezone(datetime.timedelta(hours=8)))
FIRST, LAST = datetime.date(2027, 3, 1), datetime.date(2027, 3, 28)
FRIDAYS = {("odd", 1): 5, ("odd", 2): 19, ("even", 1): 12, ("even", 2): 26}
"""Day of March on which a class of that parity gathers."""


def at(day: datetime.date) -> time_machine.travel:
    """The clock stands at nine in the morning of a day."""
    return time_machine.travel(NOW + (day - TODAY), tick=False)


@dataclass
class County:
    """What the builder made; `cadres` by unit: the first goes to class 1, the second to class 2."""

    batch: Batch
    units: list[Unit] = field(default_factory=list)
    cadres: list[Cadre] = field(default_factory=list)
    bases: list[PracticeBase] = field(default_factory=list)

    @property
    def classes(self) -> list[PracticeClass]:
        return list(self.batch.classes.order_by("number"))

    def enrollment(self, cadre: Cadre) -> Enrollment:
        return Enrollment.objects.get(batch=self.batch, cadre=cadre)

    def gathering(self, number: int, index: int) -> Gathering:
        return Gathering.objects.exclude(state="cancelled").get(
            practice_class__batch=self.batch, practice_class__number=number, index=index
        )


def make_county(staff: User, *, number: int = 1, units: int = 4) -> County:
    """People, bases with confirmed rates, programme and a batch in preparation; as many in each class as there are units."""
    programme = factories.ProgrammeFactory(
        class_size=units, class_size_min=units - 1, class_size_max=units + 1, min_village_days=6, min_distinct_villages=2,
        unit_max_per_batch=3,
    )  # fmt: skip
    factories.TrackFactory(programme=programme, order=1, classes_per_batch=2)
    county = County(create_batch(programme=programme, number=number, first_day=FIRST, last_day=LAST, by=staff))
    for i in range(units):
        unit = factories.UnitFactory()
        county.units.append(unit)
        for sex in ("M", "F") if i < units // 2 else ("F", "M"):
            county.cadres.append(factories.CadreFactory(unit=unit, sex=sex))
    for _ in range(2):
        base = factories.BaseFactory()
        county.bases.append(base)
        for _ in range(2):
            factories.HouseholdFactory(base=base, beds=4)
    factories.RateFactory(confirmed_by=staff, confirmed_at=timezone.now())
    return county


def name_everybody(county: County, staff: User) -> None:
    """Names of all eight, confirmed; the batch is 报名."""
    Nomination.objects.bulk_create(Nomination(batch=county.batch, cadre=cadre) for cadre in county.cadres)
    Batch.objects.filter(pk=county.batch.pk).update(state=Batch.State.PROPOSED)
    county.batch.refresh_from_db()
    open_nominations(batch=county.batch, until=TODAY, by=staff)
    for unit in county.units:
        confirm_unit(batch=county.batch, unit=unit, by=staff)


def hand_plan(county: County, document: dict[str, Any], *, swap: bool = False) -> dict[str, Any]:
    """The plan told in the module's docstring; with `swap` the two bases change places."""
    bases = sorted(document["bases"], key=lambda row: int(row["id"][1:]), reverse=swap)
    classes = document["batches"][0]["classes"]
    members: dict[str, list[dict[str, Any]]] = {row["id"]: [] for row in classes}
    seen: dict[str, int] = {}
    for cadre in document["cadres"]:
        turn = seen[cadre["unit"]] = seen.get(cadre["unit"], -1) + 1
        members[classes[turn % 2]["id"]].append(cadre)
    gatherings, lodging = [], []
    for row in classes:
        for index, base in enumerate(bases, start=1):
            first = datetime.date(2027, 3, FRIDAYS[row["parity"], index])
            gatherings.append(
                {
                    "class": row["id"], "index": index, "first_day": first.isoformat(),
                    "last_day": (first + datetime.timedelta(days=2)).isoformat(),
                    "sites": [{"base": base["id"], "people": len(members[row["id"]])}],
                }
            )  # fmt: skip
            lodging += _beds(row["id"], index, base, members[row["id"]])
    key = document["batches"][0]["id"]
    return {
        "format": PLAN_FORMAT, "input_fingerprint": fingerprint(document), "seed": 1, "stages": [1, 2, 3, 4],
        "versions": {"planner": "hand", "python": "3"}, "levels": [], "moves": [], "shortfalls": [], "unassigned": [],
        "assignments": sorted(
            ({"cadre": cadre["id"], "batch": key, "class": name} for name, rows in members.items() for cadre in rows),
            key=lambda row: row["cadre"],
        ),
        "gatherings": sorted(gatherings, key=lambda row: (row["class"], row["index"])),
        "lodging": sorted(lodging, key=lambda row: (row["class"], row["index"], row["cadre"])),
    }  # fmt: skip


def _beds(name: str, index: int, base: dict[str, Any], people: list[dict[str, Any]]) -> list[dict[str, Any]]:
    rows = []
    for sex, household in zip("MF", base["households"], strict=False):
        for bed, cadre in enumerate((row for row in people if row["sex"] == sex), start=1):
            rows.append(
                {
                    "class": name, "index": index, "cadre": cadre["id"], "household": household["id"],
                    "room": household["rooms"][0]["id"], "bed": bed,
                }
            )  # fmt: skip
    return rows


def plan_by_hand(county: County, staff: User, *, swap: bool = False, **changes: Any) -> PlanRun:
    """A finished run with the hand-made plan (and `changes` to it); the batch is 已编排."""
    document = build_input(county.batch)
    run = PlanRun.objects.create(
        programme=county.batch.programme, batch=county.batch, input_text=canonical(document).decode(),
        fingerprint=fingerprint(document),
    )  # fmt: skip
    keep_plan(run=run, plan=hand_plan(county, document, swap=swap) | changes, by=staff)
    county.batch.refresh_from_db()
    return run


def publish_by_hand(county: County, staff: User, **options: Any) -> PlanVersion:
    """Names, plan, publication."""
    if county.batch.state == Batch.State.DRAFT:
        name_everybody(county, staff)
    run = plan_by_hand(county, staff, **options)
    version = publish_plan(batch=county.batch, run=run, by=staff)
    county.batch.refresh_from_db()
    return version


def change(name: str, value: Any, was: Any) -> dict[str, Any]:
    return {"kind": "parameter", "name": name, "value": value, "was": was}


def more_people(county: County, count: int) -> list[Cadre]:
    return factories.CadreFactory.create_batch(count, unit=county.units[0])
