"""Names above a unit's places: the studio offers the ways out, each of them leads somewhere."""

import json

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import User
from batches import tasks
from batches.actions.names import demand
from batches.actions.plans import keep_plan, start_planning
from batches.models import Nomination, PlanDemand, PlanRun, Programme
from batches.overview import plan_says
from batches.planning import canonical, fingerprint, solve
from batches.planning.changes import apply
from batches.planning.checker import check, violations
from batches.planning_input import build_input, document_of
from batches.queries import going, latest_run
from cadres.models import Cadre
from office.models import Job, JobState
from tests.batches.county import County, plan_by_hand
from tests.batches.pages import page, post

pytestmark = pytest.mark.django_db


def over(county: County, staff: User) -> PlanRun:
    """A plan made after a unit's places were cut to one, while two of it are named."""
    unit = county.units[0]
    unit.quota = 1
    unit.save()
    run = plan_by_hand(county, staff)
    assert [row.code for row in plan_says(run).rules if row.ok is False] == ["R01"]
    return run


def test_studio_offers_the_ways_out_of_a_full_unit(desk: Client, nominating: County, staff: User) -> None:
    run = over(nominating, staff)
    unit = nominating.units[0]
    shown = page(desk, "studio", nominating.batch.pk)
    assert f"{unit} 2 人，至多 1 人，多 1 人" in shown
    assert f"?unit={unit.pk}#aside" in shown
    assert "缓派或换人 1 人" in shown
    assert reverse("admin:cadres_unit_change", args=[unit.pk]) in shown
    assert reverse("batches:waivers", args=[nominating.batch.pk]) in shown
    assert "重新编排解决不了：请先缓派、改名额或申请例外。" in shown
    assert "项要先办，现在编出来会有缺口，或者不能发布" in shown
    for key, changes in (
        (f"breach-R01-{unit.pk}-quota", [{"kind": "unit_quota", "unit": f"U{unit.pk}", "value": 2}]),
        (
            f"breach-R01-{unit.pk}-waiver",
            [{"kind": "waiver", "rule": "R01", "subject": f"U{unit.pk}@B{nominating.batch.pk}"}],
        ),
    ):
        assert f'value="{key}"' in shown
        post(desk, "trial", nominating.batch.pk, run.pk, cure=key)
        trial = PlanRun.objects.select_related("job").latest("pk")
        assert (trial.purpose, trial.changes) == (PlanRun.Purpose.TRIAL, changes)
        assert trial.job is not None
        trial.job.state = "done"
        trial.job.save()


def test_too_many_leading_members_are_excepted_or_stay_away(desk: Client, nominating: County, staff: User) -> None:
    """R08: no place more cures it, so that no quota is offered."""
    unit, batch = nominating.units[0], nominating.batch
    Cadre.objects.filter(unit=unit).update(leading=True)
    Programme.objects.update(leading_max=1)
    run = plan_by_hand(nominating, staff)
    assert [row.code for row in plan_says(run).rules if row.ok is False] == ["R08"]
    shown = page(desk, "studio", batch.pk)
    assert f"{unit}班子成员 2 人，至多 1 人，多 1 人" in shown
    assert "改项目规则</a>" in shown
    assert reverse("admin:cadres_unit_change", args=[unit.pk]) not in shown
    assert f"breach-R08-{unit.pk}-quota" not in shown
    key = f"breach-R08-{unit.pk}-waiver"
    assert f'value="{key}"' in shown
    post(desk, "trial", batch.pk, run.pk, cure=key)
    trial = PlanRun.objects.get(purpose=PlanRun.Purpose.TRIAL)
    assert trial.changes == [{"kind": "waiver", "rule": "R08", "subject": f"U{unit.pk}@B{batch.pk}"}]


@pytest.mark.parametrize("way", ["R01-{other}-quota", "R08-{unit}-quota", "R01-{unit}-anything", "R01", "R01-x-quota"])
def test_way_out_that_the_plan_does_not_have_is_not_found(
    desk: Client, nominating: County, staff: User, way: str
) -> None:
    run = over(nominating, staff)
    key = "breach-" + way.format(unit=nominating.units[0].pk, other=nominating.units[1].pk)
    answer = desk.post(reverse("batches:trial", args=[nominating.batch.pk, run.pk]), {"cure": key})
    assert answer.status_code == 404
    assert not PlanRun.objects.filter(purpose=PlanRun.Purpose.TRIAL).exists()


def fixed_to_one_class(county: County, staff: User) -> PlanRun:
    """A plan in which two of a unit are fixed to the same class of two."""
    for cadre in county.cadres[:2]:
        demand(batch=county.batch, cadre=cadre, kind=PlanDemand.Kind.PIN, class_number=1, reason="指定", by=staff)
    document = build_input(county.batch)
    run = PlanRun.objects.create(
        programme=county.batch.programme, batch=county.batch, input_text=canonical(document).decode(),
        fingerprint=fingerprint(document),
    )  # fmt: skip
    keep_plan(run=run, plan=solve(document, seed=1), by=staff)
    county.batch.refresh_from_db()
    return run


def test_pins_that_no_plan_can_keep_are_named_with_the_cure(desk: Client, nominating: County, staff: User) -> None:
    run = fixed_to_one_class(nominating, staff)
    one, two = nominating.cadres[:2]
    unit = nominating.units[0]
    broken = {row.code for row in plan_says(run).rules if row.ok is False}
    assert broken == {"R02", "R03", "R04"}, "the class of two has one more, since the other units are spread"
    shown = page(desk, "studio", nominating.batch.pk)
    assert "固定的人做不到，怎么办" in shown
    assert "名额不够，怎么办" not in shown
    assert f"{unit}有2人，2个班，同一个班至多1人；固定到第1班的有2人，多 1 人（R02）" in shown
    assert f"固定的是{one.name}（{unit}）、{two.name}（{unit}），取消其中 1 人的固定就能排" in shown
    assert "多半是名单" not in shown
    assert "只重新编排解决不了：请先取消固定" in shown
    key = f"breach-R02-{two.pk}-pin"
    assert f'value="{key}"' in shown
    post(desk, "trial", nominating.batch.pk, run.pk, cure=key)
    trial = PlanRun.objects.get(purpose=PlanRun.Purpose.TRIAL)
    assert trial.changes == [{"kind": "drop_pin", "of": "classes", "subject": f"C{two.pk}"}]
    document = document_of(trial)
    assert violations(check(document, solve(document, seed=1))) == []
    other = f"breach-R02-{nominating.cadres[2].pk}-pin"
    answer = desk.post(reverse("batches:trial", args=[nominating.batch.pk, run.pk]), {"cure": other})
    assert answer.status_code == 404, "nobody has fixed that person"


def test_line_that_ends_the_job_says_what_the_plan_breaks(nominating: County, staff: User) -> None:
    for cadre in nominating.cadres[:2]:
        demand(batch=nominating.batch, cadre=cadre, kind=PlanDemand.Kind.PIN, class_number=1, reason="指定", by=staff)
    run = start_planning(batch=nominating.batch, by=staff)
    tasks.plan(str(run.job_id))
    job = Job.objects.get(pk=run.job_id)
    assert job.state == JobState.DONE
    assert job.message.endswith("，4 处不合规则，还不能发布")


def test_adopted_trial_that_still_breaks_a_rule_says_so(desk: Client, nominating: County, staff: User) -> None:
    run = fixed_to_one_class(nominating, staff)
    unit = nominating.units[2]
    document = json.loads(run.input_text)
    changes = [{"kind": "unit_quota", "unit": f"U{unit.pk}", "value": 5}]
    document = apply(document, changes)
    trial = PlanRun.objects.create(
        programme=run.programme, batch=run.batch, purpose=PlanRun.Purpose.TRIAL, against=run, changes=changes,
        input_text=canonical(document).decode(), fingerprint=fingerprint(document),
    )  # fmt: skip
    keep_plan(run=trial, plan=solve(document, seed=1), by=staff)
    shown = post(desk, "adopt_trial", nominating.batch.pk, trial.pk, reason="任务重", revision=0)
    assert "改动已采用，但这个方案还不能发布：方案有 4 处不符合规则（R02、R03、R04）" in shown
    assert "这个方案可以发布了" not in shown


def test_plan_without_breaches_offers_nothing(desk: Client, planned: County) -> None:
    assert "名额不够，怎么办" not in page(desk, "studio", planned.batch.pk)


def test_centre_defers_somebody_of_the_unit_after_planning(desk: Client, nominating: County, staff: User) -> None:
    over(nominating, staff)
    one, other = nominating.units[0], nominating.units[1]
    shown = page(desk, "names", nominating.batch.pk, query=f"?unit={one.pk}")
    aside = shown[shown.index('id="aside"') :].partition("</form>")[0]
    names = {row.cadre.unit_id: row for row in going(nominating.batch).select_related("cadre")}
    assert f"（{one}）" in aside
    assert f"（{other}）" not in aside
    row = names[one.pk]
    data = {"form": "aside", "aside-nomination": row.pk, "aside-reason": "单位只去一人"}
    url = reverse("batches:names", args=[nominating.batch.pk]) + f"?unit={one.pk}"
    assert "缓派，不在本期名单里了" in desk.post(url, data, follow=True).content.decode()
    row.refresh_from_db()
    assert (row.state, row.reason) == (Nomination.State.DEFERRED, "单位只去一人")
    assert latest_run(nominating.batch) is not None
