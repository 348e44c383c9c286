"""The draw of a published plan: exported without names, verified and run again outside of the system."""

import json
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse

from accounts.models import AuditEntry, User
from batches import tasks
from batches.actions.draws import export_plan, exportable_run
from batches.actions.plans import publish_plan, start_planning
from batches.models import PlanRun
from batches.planning.__main__ import main
from config.errors import DomainError
from tests.batches.county import County

pytestmark = pytest.mark.django_db


@pytest.fixture
def published(nominating: County, staff: User) -> PlanRun:
    """A plan made by the planner and published."""
    run = start_planning(batch=nominating.batch, by=staff, seed=3)
    tasks.plan(str(run.job_id))
    run.refresh_from_db()
    assert run.plan_text
    nominating.batch.refresh_from_db()
    publish_plan(batch=nominating.batch, run=run, by=staff)
    return run


def test_exported_plan_is_verified_and_found_the_same(
    published: PlanRun, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "draw.json"
    assert published.batch is not None
    call_command("plan_export", str(published.batch.number), output=str(path))
    assert main(["verify", str(path)]) == 0
    assert "同一方案" in capsys.readouterr().out


def test_exported_plan_that_was_altered_is_refused(published: PlanRun, tmp_path: Path) -> None:
    draw = json.loads(export_plan(run=published, by=None))
    one, two = draw["plan"]["assignments"][:2]
    one["class"], two["class"] = two["class"], one["class"]
    path = tmp_path / "draw.json"
    path.write_text(json.dumps(draw))
    assert main(["verify", str(path)]) == 1


def test_export_holds_no_name_and_is_recorded(published: PlanRun, staff: User) -> None:
    content = export_plan(run=published, by=staff).decode()
    assert published.batch is not None
    for nomination in published.batch.nominations.select_related("cadre__unit"):
        assert nomination.cadre.name not in content
        assert nomination.cadre.unit.name not in content
    entry = AuditEntry.objects.filter(act="export_plan").latest("seq")
    assert (str(entry.actor_id), json.loads(entry.data)["fingerprint"]) == (str(staff.pk), published.fingerprint)


def test_command_says_what_is_missing(published: PlanRun, tmp_path: Path) -> None:
    assert published.batch is not None
    number = str(published.batch.number)
    for arguments, options, told in (
        (["99"], {}, "没有第99期"),
        ([number], {"plan_version": 9}, "没有第 9 版方案"),
        ([number], {"output": str(tmp_path / "no" / "draw.json")}, "写不了"),
    ):
        with pytest.raises(CommandError, match=told):
            call_command("plan_export", *arguments, **options)


def test_batch_never_published_has_no_draw(nominating: County) -> None:
    with pytest.raises(DomainError, match="还没有发布过方案"):
        exportable_run(nominating.batch)


def test_run_without_a_plan_is_not_exported(nominating: County, staff: User) -> None:
    run = start_planning(batch=nominating.batch, by=staff)
    with pytest.raises(DomainError, match="还没有结果"):
        export_plan(run=run, by=staff)


def test_page_gives_the_file(published: PlanRun, staff: User, client: Client) -> None:
    client.force_login(staff)
    answer: Any = client.post(reverse("batches:export_plan", args=[published.batch_id, published.pk]))
    assert answer["Content-Type"] == "application/json"
    assert json.loads(answer.content)["fingerprint"] == published.fingerprint
