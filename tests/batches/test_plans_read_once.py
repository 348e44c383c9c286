"""A page reads the texts of a plan once, however many of its parts tell something of it."""

import json
from collections import Counter
from typing import Any

import pytest
from django.test import Client

from accounts.models import User
from batches.models import PlanRun
from batches.planning import checker
from batches.queries import latest_run
from cadres.models import Unit
from tests.batches.county import County, plan_by_hand
from tests.batches.pages import page
from tests.batches.test_repair import repair

pytestmark = pytest.mark.django_db


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[Any]]:
    """Every text that is read as JSON, with what was made of it each time."""
    found: dict[str, list[Any]] = {}
    loads = json.loads

    def counted(text: Any, **options: Any) -> Any:
        made = loads(text, **options)
        found.setdefault(text, []).append(made)
        return made

    monkeypatch.setattr(json, "loads", counted)
    return found


@pytest.fixture
def checked(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often each plan was put before the checker, by its text."""
    found: Counter[str] = Counter()
    examine = checker._examine

    def counted(document: dict[str, Any], plan: Any) -> Any:
        found[json.dumps(plan, sort_keys=True)] += 1
        return examine(document, plan)

    monkeypatch.setattr(checker, "_examine", counted)
    return found


def test_studio_reads_a_plan_once_and_leaves_it_as_it_is(
    desk: Client, nominating: County, staff: User, read: dict[str, list[Any]], checked: Counter[str]
) -> None:
    """Also where rules are broken: the sheet, the ways out and what is in the way of publishing all look into the plan."""
    Unit.objects.filter(pk=nominating.units[0].pk).update(quota=1)
    run = plan_by_hand(nominating, staff)
    read.clear()
    checked.clear()
    shown = page(desk, "studio", nominating.batch.pk)
    assert "名额不够，怎么办" in shown
    assert "重新编排解决不了" in shown
    for text in (run.input_text, run.plan_text):
        assert len(read[text]) == 1
        assert json.dumps(read[text][0], sort_keys=True) == json.dumps(json.loads(text), sort_keys=True)
    assert list(checked.values()) == [2], "once for the sheet, once for what is broken"


def test_studio_reads_a_repair_once_beside_what_it_repairs(
    desk: Client, published: County, staff: User, read: dict[str, list[Any]]
) -> None:
    run = repair(published, staff, against=latest_run(published.batch))
    read.clear()
    shown = page(desk, "studio", published.batch.pk, query=f"?run={run.pk}")
    assert "发布为第 2 版" in shown
    assert [len(read[text]) for text in (run.input_text, run.plan_text)] == [1, 1]


def test_run_reads_its_texts_anew_when_they_are_others(planned: County) -> None:
    run = latest_run(planned.batch)
    assert run is not None
    assert run.plan is run.plan
    assert run.plan["seed"] == run.seed
    run.plan_text = json.dumps(run.plan | {"seed": 7})
    assert run.plan["seed"] == 7
    PlanRun.objects.filter(pk=run.pk).update(input_text='{"units": []}')
    assert run.document["units"]
    run.refresh_from_db()
    assert run.document == {"units": []}
