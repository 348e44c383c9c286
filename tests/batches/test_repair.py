"""A published batch is repaired with the fewest changes: each scenario from the fact to the new version's rows."""

import datetime
import json
from typing import Any

import pytest
import time_machine

from accounts.models import User
from bases.models import BaseUse
from batches.actions.plans import keep_plan, publish_plan
from batches.invariants import INVARIANTS
from batches.models import (
    Batch,
    ClassMembership,
    Enrollment,
    Gathering,
    GatheringSite,
    Lodging,
    PlanRun,
    PlanVersion,
)
from batches.planning import solve
from batches.planning.checker import check, violations
from batches.planning.formats import canonical, fingerprint, require_valid
from batches.planning_input import build_input, document_of
from office.models import Notice
from tests.batches.county import County

pytestmark = pytest.mark.django_db
MARCH = datetime.date(2027, 3, 1).replace
SOON = "2027-03-09 09:00+08:00"
"""Tuesday of the second week: each class has one gathering behind it or before it."""
TRACKED = (Enrollment, ClassMembership, Gathering, GatheringSite, Lodging, BaseUse)


def broken() -> list[str]:
    return [f"{each.code} {row}" for each in INVARIANTS for row in each.find()]


def repair(county: County, staff: User, **fields: Any) -> PlanRun:
    """A finished repair of the batch as it stands."""
    county.batch.refresh_from_db()
    run = PlanRun.objects.create(
        programme=county.batch.programme, batch=county.batch, purpose=PlanRun.Purpose.REPAIR, **fields
    )
    document = document_of(run)
    require_valid(document)
    plan = solve(document, prefer=run.prefer)
    assert [str(breach) for breach in violations(check(document, plan))] == []
    run.input_text, run.fingerprint = canonical(document).decode(), fingerprint(document)
    keep_plan(run=run, plan=plan, by=staff)
    return run


def moves(run: PlanRun, kind: str = "") -> list[dict[str, Any]]:
    return [row for row in json.loads(run.plan_text)["moves"] if kind in ("", row["kind"])]


def snapshot() -> dict[str, dict[int, tuple[Any, ...]]]:
    """Every row that a version projects, by model and key."""
    return {
        model.__name__: {row[0]: row for row in model.objects.order_by("pk").values_list()} for model in TRACKED
    }


def written(before: dict[str, Any], after: dict[str, Any]) -> dict[str, set[int]]:
    """Keys of rows that are new or other than before."""
    return {
        name: {pk for pk, row in rows.items() if before[name].get(pk) != row} for name, rows in after.items()
    }


def events() -> dict[str, int]:
    """Rows of history, by model."""
    return {model.__name__: model.pgh_event_model.objects.count() for model in TRACKED}


def publish(county: County, run: PlanRun, staff: User) -> tuple[PlanVersion, dict[str, set[int]], dict[str, int]]:
    """Publish a repair; what was written, and how many history rows each model got. Rows that stay are not saved."""
    rows, past = snapshot(), events()
    county.batch.refresh_from_db()
    version = publish_plan(batch=county.batch, run=run, by=staff, reason="重排")
    now, history = snapshot(), events()
    changed = written(rows, now)
    saved = {name: history[name] - past[name] for name in history}
    for name in ("Enrollment", "ClassMembership", "Gathering", "Lodging"):
        assert saved[name] == len(changed[name]), f"{name}: rows saved that did not change"
    for name, keys in rows.items():
        assert keys.keys() <= now[name].keys(), "rows keep their keys"
    assert broken() == []
    return version, changed, saved


def test_input_in_force_without_changes_needs_no_moves(published: County, staff: User) -> None:
    run = repair(published, staff)
    assert moves(run) == []
    version, changed, saved = publish(published, run, staff)
    assert (version.number, version.differences) == (2, [])
    assert changed == {model.__name__: set() for model in TRACKED}
    assert set(saved.values()) == {0}
    assert not Notice.objects.filter(subject__contains="调整").exists()
    published.batch.refresh_from_db()
    assert published.batch.state == Batch.State.PUBLISHED


def test_input_in_force_pins_what_has_begun(published: County, clock: time_machine.Traveller) -> None:
    clock.move_to(SOON)
    document = build_input(published.batch)
    one, two = published.classes
    assert document["pins"]["gatherings"] == [
        {"class": f"K{one.pk}", "index": 1, "first_day": "2027-03-05", "bases": [f"P{published.bases[0].pk}"]}
    ]
    assert len(document["previous"]["gatherings"]) == 4
    assert len(document["previous"]["lodging"]) == 16
    assert document["pins"]["batches"] == [
        {"cadre": f"C{cadre.pk}", "batch": f"B{published.batch.pk}"} for cadre in published.cadres
    ]
