"""Planning, publishing as versions, withdrawing: what becomes of the rows."""

import datetime
import json
import re

import pytest
import time_machine
from django.db import InternalError, connection, transaction
from django.db.backends.postgresql.psycopg_any import DateRange
from django.test.utils import CaptureQueriesContext

from accounts.models import AuditEntry, User
from bases.models import BaseUse, Closure, Rate
from batches import differences, tasks
from batches.actions.names import add_nomination, open_nominations, remind_units, start_proposal
from batches.actions.plans import keep_plan, publish_plan, start_planning, withdraw_publication
from batches.differences import differences_in_words, plan_differences
from batches.invariants import INVARIANTS
from batches.models import Batch, ClassMembership, Enrollment, Gathering, GatheringSite, Lodging, PlanRun, PlanVersion
from batches.obstacles import publish_obstacles
from batches.overview import plan_says
from batches.planning_input import build_input
from batches.queries import latest_run
from cadres.models import Cadre
from config.errors import Conflict, DomainError
from office.jobs import perform
from office.models import Job, JobState, Notice
from tests import factories
from tests.batches.county import FIRST, TODAY, County, make_county, plan_by_hand, publish_by_hand

pytestmark = pytest.mark.django_db
DAY = datetime.timedelta(days=1)


def broken() -> list[str]:
    return [f"{each.code} {row}" for each in INVARIANTS for row in each.find()]


def keys(county: County) -> dict[str, list[int]]:
    """Primary keys of all rows that a plan makes."""
    batch = county.batch
    return {
        "enrollments": sorted(batch.enrollments.values_list("pk", flat=True)),
        "memberships": sorted(ClassMembership.objects.filter(practice_class__batch=batch).values_list("pk", flat=True)),
        "gatherings": sorted(Gathering.objects.filter(practice_class__batch=batch).values_list("pk", flat=True)),
        "lodgings": sorted(Lodging.objects.filter(gathering__practice_class__batch=batch).values_list("pk", flat=True)),
    }


def test_hand_plan_keeps_every_rule(planned: County) -> None:
    assert publish_obstacles(planned.batch) == []
    assert planned.batch.state == Batch.State.PLANNED


def test_fingerprint_is_the_same_for_the_same_facts(nominating: County) -> None:
    one, two = build_input(nominating.batch), build_input(nominating.batch)
    assert json.dumps(one) == json.dumps(two)
    factories.CadreFactory(unit=nominating.units[0])
    assert build_input(nominating.batch) == one, "somebody who is not named changes nothing"
    Cadre.objects.filter(pk=nominating.cadres[0].pk).update(leading=True)
    assert build_input(nominating.batch) != one


def test_input_counts_beds_in_use_alone(nominating: County) -> None:
    household = nominating.bases[0].households.order_by("pk").first()
    assert household is not None
    household.rooms.get().beds.filter(number=4).update(active=False)
    rooms = [
        room for base in build_input(nominating.batch)["bases"] for home in base["households"] for room in home["rooms"]
    ]
    assert sorted(room["beds"] for room in rooms) == [3, 4, 4, 4]


def test_input_asks_as_often_for_many_rooms_as_for_few(nominating: County) -> None:
    build_input(nominating.batch)
    with CaptureQueriesContext(connection) as few:
        build_input(nominating.batch)
    for base in nominating.bases:
        factories.HouseholdFactory.create_batch(5, base=base)
    with CaptureQueriesContext(connection) as many:
        build_input(nominating.batch)
    assert len(many) == len(few)


def test_publication_makes_the_rows_of_the_plan(published: County, staff: User) -> None:
    batch = published.batch
    assert batch.state == Batch.State.PUBLISHED
    seats = {row.enrollment.cadre_id: row.practice_class.number
             for row in ClassMembership.objects.filter(practice_class__batch=batch, live=True)}  # fmt: skip
    assert seats == {cadre.pk: i % 2 + 1 for i, cadre in enumerate(published.cadres)}
    visits = {(row.practice_class.number, row.index): (row.first_day.day, row.days, row.sites.get(live=True).base)
              for row in Gathering.objects.filter(practice_class__batch=batch)}  # fmt: skip
    one, two = published.bases
    assert visits == {(1, 1): (5, 3, one), (1, 2): (19, 3, two), (2, 1): (12, 3, one), (2, 2): (26, 3, two)}
    uses = BaseUse.objects.filter(live=True)
    assert sorted((use.base_id, use.days.lower.day, use.people) for use in uses) == sorted(
        [(one.pk, 5, 4), (one.pk, 12, 4), (two.pk, 19, 4), (two.pk, 26, 4)]
    )
    lodgings = Lodging.objects.filter(live=True)
    assert lodgings.count() == 16
    assert {(row.stay.upper - row.stay.lower).days for row in lodgings} == {2}
    homes = {(row.gathering_id, row.household_id): set() for row in lodgings}
    for row in lodgings:
        homes[row.gathering_id, row.household_id].add(row.sex)
    assert {len(sexes) for sexes in homes.values()} == {1}
    version = PlanVersion.objects.get()
    assert (version.number, version.published_by, version.differences) == (1, staff, [])
    assert broken() == []


def test_publication_tells_those_who_have_an_account(planned: County, staff: User) -> None:
    user = factories.UserFactory()
    Cadre.objects.filter(pk=planned.cadres[0].pk).update(user=user)
    run = latest_run(planned.batch)
    assert run is not None
    publish_plan(batch=planned.batch, run=run, by=staff)
    assert [notice.addressee_id for notice in Notice.objects.filter(subject__contains="已发布")] == [user.pk]


def test_publication_needs_a_confirmed_rate(planned: County, staff: User) -> None:
    Rate.objects.update(confirmed_at=None, confirmed_by=None)
    run = latest_run(planned.batch)
    assert run is not None
    with pytest.raises(DomainError, match="食宿标准还没有确认") as refused:
        publish_plan(batch=planned.batch, run=run, by=staff)
    assert refused.value.code == "not_publishable"
    planned.batch.refresh_from_db()
    assert (planned.batch.state, Enrollment.objects.count()) == (Batch.State.PLANNED, 0)


def test_publication_needs_the_facts_of_the_plan(planned: County, staff: User) -> None:
    who = planned.cadres[0]
    Cadre.objects.filter(pk=who.pk).update(leading=True)
    told = (
        f"这个方案编好以后，资料变过：干部资料（{who.name}（{who.unit}））。它还是按变以前的算的，请重新编排，再发布。"
    )
    assert publish_obstacles(planned.batch) == [told]


def test_publication_needs_a_plan_that_keeps_the_rules(nominating: County, staff: User) -> None:
    run = plan_by_hand(nominating, staff)
    plan = json.loads(run.plan_text)
    moved = plan["lodging"][0]
    twin = next(row for row in plan["lodging"] if row["household"] == moved["household"] and row is not moved
                and (row["class"], row["index"]) == (moved["class"], moved["index"]))  # fmt: skip
    moved["bed"] = twin["bed"]
    run.plan_text = json.dumps(plan)
    run.save()
    assert any("R17" in sentence for sentence in publish_obstacles(nominating.batch))


def test_an_older_run_of_the_same_facts_may_be_published(planned: County, staff: User) -> None:
    old = latest_run(planned.batch)
    assert old is not None
    plan_by_hand(planned, staff, swap=True)
    version = publish_plan(batch=planned.batch, run=old, by=staff)
    assert (version.run, version.plan_text) == (old, old.plan_text)


def test_a_run_of_yesterdays_facts_is_not_published(planned: County, staff: User) -> None:
    old = latest_run(planned.batch)
    assert old is not None
    Closure.objects.create(base=planned.bases[0], days=DateRange(FIRST, FIRST + DAY), kind="works")
    plan_by_hand(planned, staff)
    with pytest.raises(DomainError, match="资料变过") as refused:
        publish_plan(batch=planned.batch, run=old, by=staff)
    assert refused.value.code == "not_publishable"


def test_a_run_that_a_later_version_replaced_is_not_published_again(published: County, staff: User) -> None:
    first = latest_run(published.batch)
    assert first is not None
    withdraw_publication(batch=published.batch, by=staff, reason="换次序")
    publish_by_hand(published, staff, swap=True)
    withdraw_publication(batch=published.batch, by=staff, reason="再换")
    published.batch.refresh_from_db()
    first.refresh_from_db()
    assert publish_obstacles(published.batch, first) == [
        "这个方案发布过，已被后来的版本取代。请选别的方案，或重新编排。"
    ]


def test_a_trial_is_not_published_even_when_nothing_else_is_in_the_way(planned: County, staff: User) -> None:
    run = latest_run(planned.batch)
    assert run is not None
    run.purpose = PlanRun.Purpose.TRIAL
    run.save()
    assert publish_obstacles(planned.batch, run) == ["这是试算，改动还没有采用。请先采用，或选别的方案。"]


def test_publication_from_an_outdated_page_is_refused(planned: County, staff: User, colleague: User) -> None:
    run = latest_run(planned.batch)
    assert run is not None
    seen = planned.batch.revision
    publish_plan(batch=planned.batch, run=run, by=colleague, seen=seen)
    withdraw_publication(batch=planned.batch, by=colleague, reason="改")
    with pytest.raises(Conflict, match="林晓雯") as refused:
        publish_plan(batch=planned.batch, run=run, by=staff, seen=seen)
    assert refused.value.code == "arrangement_changed"
    assert PlanVersion.objects.count() == 1


def test_publication_waits_for_a_plan_that_is_being_made(planned: County, staff: User) -> None:
    run = latest_run(planned.batch)
    assert run is not None
    going_on = start_planning(batch=planned.batch, by=staff, seed=2)
    with pytest.raises(Conflict) as refused:
        publish_plan(batch=planned.batch, run=run, by=staff)
    assert refused.value.code == "run_in_progress"
    assert not PlanVersion.objects.exists()
    Job.objects.filter(pk=going_on.job_id).update(state=JobState.CANCELLED)
    assert publish_plan(batch=planned.batch, run=run, by=staff).number == 1


def test_finished_plan_is_kept_whatever_became_of_the_batch(planned: County, staff: User) -> None:
    """The job loaded the batch when it began; somebody published another plan since."""
    first = latest_run(planned.batch)
    assert first is not None
    late = PlanRun.objects.create(programme=planned.batch.programme, batch=planned.batch, input_text=first.input_text)
    assert late.batch is not None
    assert late.batch.state == Batch.State.PLANNED
    publish_plan(batch=Batch.objects.get(pk=planned.batch.pk), run=first, by=staff)
    keep_plan(run=late, plan=json.loads(first.plan_text), by=staff)
    late.refresh_from_db()
    assert (late.outcome, late.plan_text) == (PlanRun.Outcome.SOLVED, first.plan_text)
    assert Batch.objects.get(pk=planned.batch.pk).state == Batch.State.PUBLISHED


def test_publication_twice_is_refused(published: County, staff: User) -> None:
    run = latest_run(published.batch)
    assert run is not None
    with pytest.raises(DomainError, match="不能发布") as refused:
        publish_plan(batch=published.batch, run=run, by=staff)
    assert refused.value.code == "illegal_transition"
    assert PlanVersion.objects.count() == 1


def test_withdrawal_frees_everything_and_keeps_the_rows(published: County, staff: User) -> None:
    before = keys(published)
    withdraw_publication(batch=published.batch, by=staff, reason="名单要改")
    published.batch.refresh_from_db()
    assert published.batch.state == Batch.State.PLANNED
    assert keys(published) == before
    assert not BaseUse.objects.filter(live=True).exists()
    assert not Lodging.objects.filter(live=True).exists()
    assert not Enrollment.objects.filter(live=True).exists()
    assert set(Gathering.objects.values_list("state", "state_reason")) == {("cancelled", "名单要改")}
    assert PlanVersion.objects.count() == 1


def test_withdrawal_needs_a_reason(published: County, staff: User) -> None:
    with pytest.raises(DomainError) as refused:
        withdraw_publication(batch=published.batch, by=staff, reason=" ")
    assert refused.value.code == "reason_needed"


def test_withdrawal_ends_with_the_first_gathering(
    published: County, staff: User, clock: time_machine.Traveller
) -> None:
    clock.move_to("2027-03-05 09:00+08:00")
    with pytest.raises(DomainError) as refused:
        withdraw_publication(batch=published.batch, by=staff, reason="太晚")
    assert refused.value.code == "already_begun"
    published.batch.refresh_from_db()
    assert published.batch.state == Batch.State.PUBLISHED


def test_second_publication_keeps_the_primary_keys(published: County, staff: User) -> None:
    before = keys(published)
    withdraw_publication(batch=published.batch, by=staff, reason="换基地次序")
    published.batch.refresh_from_db()
    version = publish_by_hand(published, staff, swap=True)
    assert keys(published) == before
    assert (version.number, len(version.differences)) == (2, 4)
    where = {row.gathering.index: row.base for row in GatheringSite.objects.filter(live=True)}
    assert where == {1: published.bases[1], 2: published.bases[0]}
    assert BaseUse.objects.filter(live=True).count() == 4
    assert broken() == []


def test_second_publication_cancels_who_is_no_longer_in_it(county: County, staff: User) -> None:
    gone = factories.CadreFactory()
    county.cadres.append(gone)
    county.units.append(gone.unit)
    publish_by_hand(county, staff)
    published = county
    withdraw_publication(batch=published.batch, by=staff, reason="一人调走")
    published.batch.refresh_from_db()
    published.batch.nominations.filter(cadre=gone).update(state="deferred")
    publish_by_hand(published, staff)
    enrollment = published.enrollment(gone)
    assert (enrollment.live, enrollment.state) == (False, Enrollment.State.REPLACED)
    assert not enrollment.lodgings.filter(live=True).exists()
    assert not enrollment.memberships.filter(live=True).exists()
    assert broken() == []


def test_published_version_never_changes(published: County) -> None:
    version = PlanVersion.objects.get()
    with pytest.raises(InternalError), transaction.atomic():
        PlanVersion.objects.filter(pk=version.pk).update(seed=9)
    with pytest.raises(InternalError), transaction.atomic():
        version.delete()


def test_planning_starts_a_job_once(nominating: County, staff: User) -> None:
    run = start_planning(batch=nominating.batch, by=staff, seed=7)
    assert (run.seed, run.job.task, run.job.params) == (7, "batches.plan", {"run": run.pk})
    with pytest.raises(Conflict) as refused:
        start_planning(batch=nominating.batch, by=staff)
    assert refused.value.code == "run_in_progress"
    assert PlanRun.objects.count() == 1


def test_planning_needs_names(county: County, staff: User) -> None:
    with pytest.raises(DomainError, match="不能编排"):
        start_planning(batch=county.batch, by=staff)
    Batch.objects.filter(pk=county.batch.pk).update(state=Batch.State.NOMINATING)
    with pytest.raises(DomainError) as refused:
        start_planning(batch=county.batch, by=staff)
    assert refused.value.code == "no_names"


def run_job(job: Job) -> Job:
    """Carry the job's body out in this process, as a worker does."""
    bodies = {"batches.plan": tasks.plan, "batches.propose_names": tasks.propose_names}
    perform(str(job.pk), bodies[job.task].run.__wrapped__)
    return Job.objects.get(pk=job.pk)


@pytest.mark.django_db(transaction=True)
def test_real_planner_from_names_to_rows(staff: User, clock: time_machine.Traveller) -> None:
    county = make_county(staff)
    proposal = start_proposal(batch=county.batch, by=staff)
    job = run_job(proposal.job)
    assert (job.state, job.result) == (JobState.DONE, {"people": 8})
    assert set(county.batch.nominations.values_list("cadre", flat=True)) == {cadre.pk for cadre in county.cadres}
    open_nominations(batch=county.batch, until=TODAY, by=staff)
    run = start_planning(batch=county.batch, by=staff, seed=3)
    job = run_job(run.job)
    assert (job.state, job.message) == (JobState.DONE, "编排完成，全部排进")
    county.batch.refresh_from_db()
    run.refresh_from_db()
    assert (county.batch.state, run.outcome) == (Batch.State.PLANNED, PlanRun.Outcome.SOLVED)
    assert publish_obstacles(county.batch) == []
    publish_plan(batch=county.batch, run=run, by=staff)
    assert Lodging.objects.filter(live=True).count() == 16
    assert broken() == []
    AuditEntry.objects.get(act="publish_plan")


def test_plan_with_shortfalls_says_so(nominating: County, staff: User) -> None:
    shortfall = {"rule": "R15", "subject": f"K{nominating.classes[0].pk}", "amount": 2, "message": "缺 2 天",
                 "offer": {"kind": "none", "gatherings": [], "first_days": []}}  # fmt: skip
    run = plan_by_hand(nominating, staff, shortfalls=[shortfall])
    assert run.outcome == PlanRun.Outcome.SHORT
    assert plan_says(run).shortfalls == ("第1班在村少 2 天。项目规则没有可用的补法：可以申请批准例外，或改集中天数。",)


def test_names_beyond_the_batch_are_refused_after_planning(planned: County, staff: User) -> None:
    with pytest.raises(DomainError) as refused:
        add_nomination(batch=planned.batch, cadre=factories.CadreFactory(), by=staff, reason="补报")
    assert refused.value.code == "not_nominating"


def test_reminding_needs_somebody_who_has_not_answered(nominating: County, staff: User) -> None:
    with pytest.raises(DomainError) as refused:
        remind_units(batch=nominating.batch, by=staff)
    assert refused.value.code == "all_answered"


def test_fortnights_over_when_a_class_was_added_are_no_difference(planned: County) -> None:
    run = latest_run(planned.batch)
    assert run is not None
    old, plan = json.loads(run.plan_text), json.loads(run.plan_text)
    plan["gatherings"] += [
        {"class": "K987", "index": n, "skipped": why} for n, why in ((1, "withdrawn"), (2, "no_site"))
    ]
    lines = plan_differences(old, plan)
    assert lines == ["K987#2：无 → no_site"]
    assert [line.partition("：")[2] for line in differences_in_words(lines)] == ["没有集中（没有基地能接）"]


def test_differences_speak_no_english(planned: County) -> None:
    lines = [f"K1#1：{one} → {two}" for one in ("无", "withdrawn") for two in ("withdrawn", "no_day", "2027-03-05 P1")]
    told = "".join(
        line.partition("：")[2] for line in differences_in_words([*lines, "K1#1：2027-03-05 P1 → empty_class"])
    )
    assert not re.search("[a-z]", told)


def test_changed_beds_are_told_in_one_line_when_they_are_many(planned: County, monkeypatch: pytest.MonkeyPatch) -> None:
    run = latest_run(planned.batch)
    assert run is not None
    old, plan = json.loads(run.plan_text), json.loads(run.plan_text)
    for row in plan["lodging"][:2]:
        row["bed"] += 10
    assert len(plan_differences(old, plan)) == 2
    monkeypatch.setattr(differences, "MOST_BEDS", 2)
    assert len(plan_differences(old, plan)) == 2
    monkeypatch.setattr(differences, "MOST_BEDS", 1)
    assert plan_differences(old, plan) == ["集中不变、换床位的：2 人次"]
