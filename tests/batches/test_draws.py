"""The draw of a published plan: exported without names, verified and run again outside of the system."""

import json
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import AuditEntry, User
from batches import tasks
from batches.actions.draws import export_plan
from batches.actions.people import add_late
from batches.actions.plans import publish_plan, start_planning
from batches.actions.repair import keep_curve
from batches.models import PlanRun, Waiver
from batches.planning.__main__ import main
from batches.planning.formats import canonical
from batches.planning.repair import point
from batches.planning_excuses import JOINING
from batches.published import exportable_run
from config.errors import DomainError
from tests.batches.county import County, publish_by_hand
from tests.batches.test_repair import MARCH, repair, running
from tests.factories import CadreFactory

__all__ = ["running"]
"""The fixture of a batch under way."""
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


def test_export_of_a_plan_with_an_exception_holds_no_name(
    nominating: County, staff: User, colleague: User, tmp_path: Path
) -> None:
    who, batch = nominating.cadres[0], nominating.batch
    reason = f"{who.name}腿伤未愈，村里道路不通"
    waiver = Waiver.objects.create(
        batch=batch, rule="R15", subject=f"K{nominating.classes[0].pk}", subject_label="第1班", reason=reason,
        asked_by=staff, approver=colleague, approved_at=timezone.now(),
    )  # fmt: skip
    run = start_planning(batch=batch, by=staff)
    tasks.plan(str(run.job_id))
    run.refresh_from_db()
    content = export_plan(run=run, by=staff).decode()
    [row] = json.loads(content)["input"]["waivers"]
    assert (row["reason"], row["approver"]) == (f"E{waiver.pk}", f"S{colleague.pk}")
    for name in (who.name, who.unit.name, staff.name, colleague.name, "腿伤", waiver.subject_label):
        assert name not in content
    path = tmp_path / "draw.json"
    path.write_text(content)
    assert main(["verify", str(path), "-q"]) == 0


@pytest.mark.parametrize(("reason", "approver"), [("E7", "林晓雯"), ("林晓雯生病", "S7"), ("E7林", "S7"), ("C7", "S7")])
def test_run_that_names_somebody_is_not_exported(planned: County, staff: User, reason: str, approver: str) -> None:
    run = planned.batch.plan_runs.get()
    document = json.loads(run.input_text)
    row = {"rule": "R15", "subject": f"K{planned.classes[0].pk}", "reason": reason, "approver": approver}
    document["waivers"] = [row]
    run.input_text = canonical(document).decode()
    run.save()
    with pytest.raises(DomainError) as refused:
        export_plan(run=run, by=staff)
    assert refused.value.code == "names_inside"
    assert "请重新编排" in refused.value.message


def test_repair_of_a_batch_under_way_is_exported_and_verified(running: County, staff: User, tmp_path: Path) -> None:
    """Its input excuses who has not come yet, in words that name nobody."""
    late = CadreFactory(sex="F")
    add_late(batch=running.batch, cadre=late, to=running.classes[1], from_day=MARCH(day=20), by=staff, reason="补派")
    run = repair(running, staff)
    assert {row["reason"] for row in run.document["waivers"]} == {JOINING}
    file = tmp_path / "draw.json"
    file.write_bytes(export_plan(run=run, by=staff))
    assert main(["verify", str(file)]) == 0


def test_point_of_a_curve_is_verified(county: County, staff: User, tmp_path: Path) -> None:
    """A repair that was allowed to change more than the fewest says so in its draw."""
    publish_by_hand(county, staff)
    run = repair(county, staff)
    document = json.loads(run.input_text)
    shown = {"moves": 0, "seats_moved": 0, "gatherings_moved": 0, "levels": {}}
    plans = json.loads(run.plan_text), point(document, 3, seed=run.seed, prefer=run.prefer)
    points = [shown | {"spare_moves": extra, "plan": plan} for extra, plan in zip((0, 3), plans, strict=True)]
    kept = keep_curve(run=run, points=points, by=staff)
    further = PlanRun.objects.get(pk=kept[1]["run"])
    assert "spare_moves" not in json.loads(export_plan(run=run, by=staff))
    content = export_plan(run=further, by=staff)
    assert json.loads(content)["spare_moves"] == 3
    path = tmp_path / "draw.json"
    path.write_bytes(content)
    assert main(["verify", str(path), "-q"]) == 0


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
