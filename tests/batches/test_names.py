"""Names: proposed, answered by the units, added by the centre; what is asked of the plan; accounts and staff."""

import datetime

import pytest
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from batches.actions.batch import advance_batch, create_batch, save_programme
from batches.actions.names import (
    add_nomination,
    confirm_nomination,
    confirm_unit,
    defer_nomination,
    demand,
    drop_demand,
    keep_proposal,
    open_nominations,
    remind_units,
    start_proposal,
    swap_nomination,
)  # fmt: skip
from batches.actions.waivers import approve_waiver, ask_waiver, end_waiver
from batches.course import blocks_of, steps_of
from batches.models import Batch, GatheringPin, Nomination, PlanDemand, PlanRun, Programme, Waiver
from batches.plan_ids import key
from batches.planning_input import build_input
from batches.queries import going, nomination_counts, todo
from cadres.models import PastAttendance
from config.errors import Conflict, DomainError
from office.models import Notice
from tests import factories
from tests.batches.county import LAST, TODAY, County, publish_by_hand

pytestmark = pytest.mark.django_db
TRACK = {"name": "综合班", "min_age": None, "max_age": None, "levels": [], "post_kinds": []}


def propose(county: County, staff: User, *pks: int) -> None:
    run = PlanRun.objects.create(
        programme=county.batch.programme, batch=county.batch, purpose=PlanRun.Purpose.NAMES, fingerprint="f" * 64
    )
    keep_proposal(run=run, cadre_pks=list(pks), by=staff)
    county.batch.refresh_from_db()


@pytest.fixture
def proposed(county: County, staff: User) -> County:
    """All eight proposed, units asked until today, nobody has answered."""
    propose(county, staff, *(cadre.pk for cadre in county.cadres))
    open_nominations(batch=county.batch, until=TODAY, by=staff)
    county.batch.refresh_from_db()
    return county


def name(county: County, place: int) -> Nomination:
    return county.batch.nominations.get(cadre=county.cadres[place])


def code_of(action: object, *args: object, **options: object) -> str:
    with pytest.raises(DomainError) as refused:
        action(*args, **options)  # type: ignore[operator] # an action
    return refused.value.code


def test_proposal_is_replaced_by_the_next_one_and_keeps_answers(proposed: County, staff: User) -> None:
    confirm_nomination(nomination=name(proposed, 0), by=staff)
    Batch.objects.filter(pk=proposed.batch.pk).update(state=Batch.State.PROPOSED)
    propose(proposed, staff, proposed.cadres[0].pk, proposed.cadres[5].pk)
    assert set(proposed.batch.nominations.values_list("cadre", "state")) == {
        (proposed.cadres[0].pk, "confirmed"), (proposed.cadres[5].pk, "proposed"),
    }  # fmt: skip


def test_proposal_runs_once_at_a_time(county: County, staff: User) -> None:
    run = start_proposal(batch=county.batch, by=staff)
    assert (run.purpose, run.job.task) == (PlanRun.Purpose.NAMES, "batches.propose_names")
    with pytest.raises(Conflict):
        start_proposal(batch=county.batch, by=staff)


def test_deadline_in_the_past_is_refused(county: County, staff: User) -> None:
    propose(county, staff, county.cadres[0].pk)
    yesterday = TODAY - datetime.timedelta(days=1)
    assert code_of(open_nominations, batch=county.batch, until=yesterday, by=staff) == "deadline_past"


def test_opening_tells_the_liaisons_of_units_with_names(county: County, staff: User) -> None:
    liaison = factories.UnitLiaisonFactory(unit=county.units[0])
    factories.UnitLiaisonFactory()
    propose(county, staff, county.cadres[0].pk)
    open_nominations(batch=county.batch, until=TODAY, by=staff)
    notice = Notice.objects.get()
    assert (notice.addressee, notice.url) == (liaison.user, f"/batches/{county.batch.pk}/nominations/")


def test_reminding_counts_units_told_and_names_those_without_liaison(proposed: County, staff: User) -> None:
    factories.UnitLiaisonFactory(unit=proposed.units[0])
    told, silent = remind_units(batch=proposed.batch, by=staff)
    assert (told, silent) == (1, [unit.name for unit in sorted(proposed.units[1:], key=lambda unit: unit.name)])


def test_unit_confirms_its_own_names_alone(proposed: County, staff: User) -> None:
    assert confirm_unit(batch=proposed.batch, unit=proposed.units[0], by=staff) == 2
    counts = {row["unit"]: (row["proposed"], row["confirmed"]) for row in nomination_counts(proposed.batch)}
    assert counts == {unit.name: (0, 2) if unit == proposed.units[0] else (2, 0) for unit in proposed.units}


def test_deferral_needs_a_reason_and_can_be_taken_back(proposed: County, staff: User) -> None:
    one = name(proposed, 0)
    assert code_of(defer_nomination, nomination=one, reason=" ", by=staff) == "reason_needed"
    defer_nomination(nomination=one, reason="产假", by=staff)
    assert not going(proposed.batch).filter(pk=one.pk).exists()
    confirm_nomination(nomination=one, by=staff)
    one.refresh_from_db()
    assert (one.state, going(proposed.batch).filter(pk=one.pk).exists()) == ("confirmed", True)


def test_deferral_is_not_taken_back_beyond_the_units_places(proposed: County, staff: User) -> None:
    one = name(proposed, 0)
    defer_nomination(nomination=one, reason="产假", by=staff)
    proposed.units[0].quota = 1
    proposed.units[0].save()
    assert code_of(confirm_nomination, nomination=one, by=staff) == "unit_full"


def test_swap_sends_a_colleague_instead(proposed: County, staff: User) -> None:
    colleague = factories.CadreFactory(unit=proposed.units[0])
    new = swap_nomination(nomination=name(proposed, 0), cadre=colleague, reason="手头有专班", by=staff)
    assert (new.state, new.replaces, new.cadre) == ("confirmed", name(proposed, 0), colleague)
    assert name(proposed, 0).state == "swapped"
    with pytest.raises(Conflict):
        confirm_nomination(nomination=name(proposed, 0), by=staff)


def test_swap_with_another_unit_or_somebody_named_is_refused(proposed: County, staff: User) -> None:
    for cadre in (
        factories.CadreFactory(),
        proposed.cadres[1],
        factories.CadreFactory(unit=proposed.units[0], state="left"),
    ):
        code = code_of(swap_nomination, nomination=name(proposed, 0), cadre=cadre, reason="换", by=staff)
        assert code == "not_a_candidate"
    assert name(proposed, 0).state == "proposed"


def test_swap_of_a_deferred_name_keeps_to_the_units_places(proposed: County, staff: User) -> None:
    one = name(proposed, 0)
    defer_nomination(nomination=one, reason="产假", by=staff)
    proposed.units[0].quota = 1
    proposed.units[0].save()
    other = factories.CadreFactory(unit=proposed.units[0])
    assert code_of(swap_nomination, nomination=one, cadre=other, reason="换", by=staff) == "unit_full"


def test_swap_back_and_on_to_a_third_leaves_one_name(proposed: County, staff: User) -> None:
    first = proposed.cadres[0]
    second, third = (factories.CadreFactory(unit=proposed.units[0]) for _ in range(2))
    new = swap_nomination(nomination=name(proposed, 0), cadre=second, reason="换", by=staff)
    back = swap_nomination(nomination=new, cadre=first, reason="换回", by=staff)
    swap_nomination(nomination=back, cadre=third, reason="再换", by=staff)
    going_now = set(going(proposed.batch).filter(cadre__unit=first.unit).values_list("cadre", flat=True))
    assert third.pk in going_now
    assert not going_now & {first.pk, second.pk}


def test_liaison_answers_until_the_deadline_and_the_centre_after_it(
    proposed: County, staff: User, clock: time_machine.Traveller
) -> None:
    liaison = factories.UnitLiaisonFactory(unit=proposed.units[0]).user
    Batch.objects.filter(pk=proposed.batch.pk).update(nominate_until=TODAY)
    confirm_nomination(nomination=name(proposed, 0), by=liaison)
    clock.shift(datetime.timedelta(days=1))
    assert code_of(confirm_nomination, nomination=name(proposed, 1), by=liaison) == "deadline_past"
    confirm_nomination(nomination=name(proposed, 1), by=staff)


def test_answers_end_with_the_nominations(planned: County, staff: User) -> None:
    assert code_of(confirm_nomination, nomination=name(planned, 0), by=staff) == "not_nominating"


def test_somebody_more_is_bounded_by_the_units_places(proposed: County, staff: User, colleague: User) -> None:
    unit = proposed.units[0]
    add_nomination(batch=proposed.batch, cadre=factories.CadreFactory(unit=unit), by=staff, reason="补报")
    late = factories.CadreFactory(unit=unit)
    assert code_of(add_nomination, batch=proposed.batch, cadre=late, by=staff, reason="补报") == "unit_full"
    subject = f"{key('U', unit.pk)}@{key('B', proposed.batch.pk)}"
    waiver = ask_waiver(batch=proposed.batch, rule="R01", subject=subject, label=unit.name, reason="专班", by=staff)
    assert code_of(add_nomination, batch=proposed.batch, cadre=late, by=staff, reason="补报") == "unit_full"
    approve_waiver(waiver=waiver, by=colleague)
    add_nomination(batch=proposed.batch, cadre=late, by=staff, reason="补报")
    assert code_of(add_nomination, batch=proposed.batch, cadre=late, by=staff, reason="补报") == "already_named"
    retired = factories.CadreFactory(state="retired")
    assert code_of(add_nomination, batch=proposed.batch, cadre=retired, by=staff, reason="补报") == "not_in_post"


def test_waiver_needs_another_person_and_a_rule_that_can_be_waived(
    county: County, staff: User, colleague: User
) -> None:
    asked = {"batch": county.batch, "subject": "K1", "label": "第1班", "by": staff}
    assert code_of(ask_waiver, rule="R13", reason="挤一挤", **asked) == "not_waivable"
    assert code_of(ask_waiver, rule="R15", reason="", **asked) == "reason_needed"
    waiver = ask_waiver(rule="R15", reason="汛期", **asked)
    assert code_of(ask_waiver, rule="R15", reason="汛期", **asked) == "asked_already"
    assert code_of(approve_waiver, waiver=waiver, by=staff) == "own_waiver"
    assert build_input(county.batch)["waivers"] == []
    approve_waiver(waiver=waiver, by=colleague)
    assert code_of(approve_waiver, waiver=waiver, by=colleague) == "approved_already"
    [row] = build_input(county.batch)["waivers"]
    assert row == {"rule": "R15", "subject": "K1", "reason": f"E{waiver.pk}", "approver": f"S{colleague.pk}"}
    end_waiver(waiver=waiver, by=staff, reason="汛期过了")
    assert build_input(county.batch)["waivers"] == []
    assert Waiver.objects.get().approver == colleague, "what was approved stays on file"


def test_demands_reach_the_planner_and_can_be_dropped(nominating: County, staff: User) -> None:
    kinds = PlanDemand.Kind
    batch, cadre = nominating.batch, nominating.cadres[0]
    assert code_of(demand, batch=batch, cadre=cadre, kind=kinds.MUST, reason="", by=staff) == "reason_needed"
    demand(batch=batch, cadre=cadre, kind=kinds.MUST, reason="组织安排", by=staff)
    demand(batch=batch, cadre=cadre, kind=kinds.PARITY, parity="odd", reason="双周值班", by=staff)
    pin = demand(batch=batch, cadre=cadre, kind=kinds.PIN, class_number=1, reason="指定", by=staff)
    document = build_input(batch)
    row = next(row for row in document["cadres"] if row["id"] == key("C", cadre.pk))
    assert (row["must"], row["parity"]) == ([key("B", batch.pk)], "odd")
    assert document["pins"]["classes"] == [{"cadre": row["id"], "class": key("K", nominating.classes[0].pk)}]
    drop_demand(demand=pin, by=staff)
    assert build_input(batch)["pins"]["classes"] == []


def test_demand_that_contradicts_another_is_refused_with_the_cure(
    nominating: County, staff: User, colleague: User
) -> None:
    kinds, batch, cadre = PlanDemand.Kind, nominating.batch, nominating.cadres[0]
    demand(batch=batch, cadre=cadre, kind=kinds.PIN, class_number=1, reason="指定", by=staff)
    with pytest.raises(DomainError) as refused:
        demand(batch=batch, cadre=cadre, kind=kinds.PARITY, parity="even", reason="单周值班", by=staff)
    assert refused.value.code == "demands_contradict"
    assert refused.value.message == (
        f"{cadre.name}固定到第1班（单周），又只能双周，没有方案能都做到。请先取消他原来的要求“固定到班：第1班”，或改这一条。"
    )
    assert [row.kind for row in batch.demands.filter(live=True)] == ["pin"], "nothing was kept of what was refused"
    demand(batch=batch, cadre=cadre, kind=kinds.PIN, class_number=2, reason="改到双周班", by=staff)
    demand(batch=batch, cadre=cadre, kind=kinds.PARITY, parity="even", reason="单周值班", by=staff)
    asked = {"batch": batch, "cadre": cadre, "kind": kinds.MUST_NOT, "reason": "出差", "by": staff}
    assert code_of(demand, **asked) == "on_the_list"
    Waiver.objects.create(
        batch=batch, rule="R07", subject=f"C{cadre.pk}", reason="急", asked_by=staff, approver=colleague
    )
    demand(batch=batch, cadre=cadre, kind=kinds.PIN, class_number=1, reason="例外已批", by=staff)


def test_of_a_published_batch_only_whoever_waits_is_kept_out(published: County, staff: User) -> None:
    batch, seated = published.batch, published.cadres[0]
    late = factories.CadreFactory(unit=published.units[0])
    Nomination.objects.create(batch=batch, cadre=late, state=Nomination.State.CONFIRMED)
    asked = {"batch": batch, "kind": PlanDemand.Kind.MUST_NOT, "reason": "出差", "by": staff}
    with pytest.raises(DomainError, match="请到“调整”办退出"):
        demand(cadre=seated, **asked)
    assert demand(cadre=late, **asked).live


def test_demand_knows_the_persons_track(nominating: County, staff: User) -> None:
    batch, cadre = nominating.batch, nominating.cadres[0]
    young = factories.TrackFactory(programme=batch.programme, order=2, name="青年班", max_age=30, classes_per_batch=1)
    batch.classes.filter(number=2).update(track=young)
    with pytest.raises(DomainError, match="是综合班的人，固定到的第2班是别的班型"):
        demand(batch=batch, cadre=cadre, kind=PlanDemand.Kind.PIN, class_number=2, reason="指定", by=staff)
    with pytest.raises(DomainError, match="综合班没有双周的班，没有方案能都做到。请改这一条"):
        demand(batch=batch, cadre=cadre, kind=PlanDemand.Kind.PARITY, parity="even", reason="值班", by=staff)


def test_stage_one_leaves_out_who_attended(county: County) -> None:
    PastAttendance.objects.create(cadre=county.cadres[0], session="第一期")
    rows = {row["id"]: row["attended_before"] for row in build_input(county.batch, names_only=True)["cadres"]}
    assert [pk for pk, attended in rows.items() if attended] == [key("C", county.cadres[0].pk)]


# The programme, a batch, its steps


def test_changed_rules_of_a_published_batch_are_a_new_version(published: County, staff: User) -> None:
    waiting = create_batch(
        programme=published.batch.programme, number=9, first_day=TODAY, last_day=LAST, by=staff, together=True
    )  # fmt: skip
    programme = Programme.objects.get()
    programme.class_size = 5
    saved = save_programme(programme=programme, by=staff)
    published.batch.refresh_from_db()
    waiting.refresh_from_db()
    old = Programme.objects.get(version=1)
    assert (saved.version, saved.supersedes, old.class_size) == (2, old, 4)
    assert (published.batch.programme, waiting.programme) == (old, saved)
    assert {row.track.programme for row in waiting.classes.select_related("track")} == {saved}


def test_changed_rules_of_waiting_batches_stay_one_version(county: County, staff: User) -> None:
    programme = county.batch.programme
    programme.class_size = 5
    assert save_programme(programme=programme, by=staff) == programme
    assert Programme.objects.count() == 1


def test_tracks_make_and_take_away_classes_of_waiting_batches(county: County, staff: User) -> None:
    programme = county.batch.programme
    tracks = [
        {**TRACK, "order": 1, "classes_per_batch": 1},
        {**TRACK, "order": 2, "name": "青年班", "classes_per_batch": 2},
    ]
    save_programme(programme=programme, by=staff, tracks=tracks)
    rows = [
        (row.number, row.parity, row.track.name)
        for row in county.batch.classes.select_related("track").order_by("number")
    ]
    assert rows == [(1, "odd", "综合班"), (2, "even", "青年班"), (3, "odd", "青年班")]
    save_programme(programme=programme, by=staff, tracks=tracks[:1])
    assert [row.number for row in county.batch.classes.order_by("number")] == [1]
    assert programme.tracks.count() == 1


def test_tracks_do_not_take_away_classes_with_people(county: County, staff: User) -> None:
    factories.MembershipFactory(practice_class=county.classes[1])
    tracks = [{**TRACK, "order": 1, "classes_per_batch": 1}]
    code = code_of(save_programme, programme=county.batch.programme, by=staff, tracks=tracks)
    assert (code, county.batch.classes.count()) == ("classes_in_use", 2)


def test_a_cell_once_fixed_does_not_keep_its_class_and_one_that_is_does(county: County, staff: User) -> None:
    tracks = [{**TRACK, "order": 1, "classes_per_batch": 1}]
    asked = {"programme": county.batch.programme, "by": staff, "tracks": tracks}
    pin = GatheringPin.objects.create(practice_class=county.classes[1], index=1, first_day=TODAY, reason="停电")
    assert (code_of(save_programme, **asked), county.batch.classes.count()) == ("classes_in_use", 2)
    GatheringPin.objects.filter(pk=pin.pk).update(live=False)
    save_programme(**asked)
    assert county.batch.classes.count() == 1


@pytest.mark.parametrize(
    ("orders", "code"), [((), "no_tracks"), ((1, 1), "track_order_twice")]
)  # fmt: skip
def test_tracks_that_make_no_sense_are_refused(county: County, staff: User, orders: tuple[int, ...], code: str) -> None:
    tracks = [{**TRACK, "order": order, "classes_per_batch": 1} for order in orders]
    assert code_of(save_programme, programme=county.batch.programme, by=staff, tracks=tracks) == code
    bare = [{**TRACK, "order": 1, "classes_per_batch": 0}]
    assert code_of(save_programme, programme=county.batch.programme, by=staff, tracks=bare) == "no_classes"


def test_batch_is_made_with_its_classes_in_turn(county: County, staff: User) -> None:
    programme = county.batch.programme
    day = TODAY + datetime.timedelta(days=200)
    until = day + datetime.timedelta(days=13)
    made = create_batch(programme=programme, number=5, first_day=day, last_day=until, by=staff)
    assert list(made.classes.order_by("number").values_list("number", "parity")) == [(1, "odd"), (2, "even")]
    for changes, code in (
        ({"number": 5}, "number_taken"), ({"number": 6, "last_day": TODAY}, "dates_reversed"),
        ({"number": 6, "last_day": day + datetime.timedelta(days=12)}, "too_short"),
    ):  # fmt: skip
        asked = {"programme": programme, "first_day": day, "last_day": until} | changes
        assert code_of(create_batch, by=staff, **asked) == code
    bare = factories.ProgrammeFactory()
    assert code_of(create_batch, programme=bare, number=7, first_day=day, last_day=until, by=staff) == "no_classes"


def test_steps_to_the_archive_and_back(published: County, staff: User) -> None:
    batch = published.batch
    states = []
    for act in ("start", "evaluate", "close"):
        advance_batch(batch=batch, act=act, by=staff)
        states.append((batch.state, set(batch.enrollments.values_list("state", flat=True))))
    assert states == [("running", {"attending"}), ("evaluating", {"attending"}), ("closed", {"completed"})]
    assert code_of(advance_batch, batch=batch, act="reopen", by=staff) == "reason_needed"
    advance_batch(batch=batch, act="reopen", by=staff, reason="补登")
    advance_batch(batch=batch, act="resume", by=staff, reason="再集中一次")
    assert (batch.state, set(batch.enrollments.values_list("state", flat=True))) == ("running", {"attending"})
    assert code_of(advance_batch, batch=batch, act="close", by=staff) == "illegal_transition"


def test_track_of_steps_shows_where_the_batch_is(planned: County) -> None:
    assert [(step.label, step.place) for step in steps_of(planned.batch)] == [
        ("筹备", "done"), ("报名", "done"), ("已编排", "now"), ("已发布", "later"), ("实践中", "later"),
        ("评审中", "later"), ("已归档", "later"),
    ]  # fmt: skip


# What waits


def whats(user: User) -> list[str]:
    return [row.what for row in todo(user)]


def test_todo_of_staff_follows_the_batch(county: County, staff: User) -> None:
    assert whats(staff) == ["第1期：还没有名单"]
    propose(county, staff, *(cadre.pk for cadre in county.cadres))
    assert whats(staff) == ["第1期：名单建议 8 人，等报名开始"]
    open_nominations(batch=county.batch, until=TODAY, by=staff)
    assert whats(staff)[0].startswith("第1期：4 个单位 8 人没有答复，02-15 截止：")
    for unit in county.units:
        confirm_unit(batch=county.batch, unit=unit, by=staff)
    assert whats(staff) == ["第1期：各单位都答复了，共 8 人"]
    county.batch.refresh_from_db()
    publish_by_hand(county, staff)
    assert whats(staff) == [
        "第1期：2 个班没有班主任", "第1期：2 个班没有班长", "第1期：8 名学员没有账号", "第1期：8 名学员没有导师",
    ]  # fmt: skip


def test_todo_of_a_liaison_is_the_own_units_names(proposed: County, staff: User, outsider: User) -> None:
    liaison = factories.UnitLiaisonFactory(unit=proposed.units[0]).user
    [waiting] = todo(liaison)
    assert (waiting.what, waiting.due) == ("确认第1期名单 2 人", TODAY)
    assert waiting.url == f"/batches/{proposed.batch.pk}/nominations/"
    confirm_unit(batch=proposed.batch, unit=proposed.units[0], by=liaison)
    assert todo(liaison) == []
    assert todo(outsider) == []


def test_todo_names_an_exception_that_somebody_else_asked_for(county: County, staff: User, colleague: User) -> None:
    ask_waiver(batch=county.batch, rule="R15", subject="K1", label="第1班", reason="汛期", by=staff)
    assert "第1期：第1班申请 R15 例外" in whats(colleague)
    assert "第1期：第1班申请 R15 例外" not in whats(staff)


def test_todo_takes_as_many_queries_for_many_batches(published: County, staff: User) -> None:
    todo(staff)
    with CaptureQueriesContext(connection) as one:
        todo(staff)
    for number in range(20, 30):
        made = factories.BatchFactory(number=number, state=Batch.State.RUNNING)
        factories.MembershipFactory(practice_class=factories.ClassFactory(batch=made))
    with CaptureQueriesContext(connection) as many:
        todo(staff)
    assert len(many) == len(one)


def test_passed_deadline_blocks_gravely(proposed: County, staff: User, clock: time_machine.Traveller) -> None:
    assert [block.kind for block in blocks_of(proposed.batch, staff)] == ["warn"]
    clock.move_to("2027-02-16 09:00+08:00")
    assert [block.kind for block in blocks_of(proposed.batch, staff)] == ["bad"]


def test_closing_enters_everybody_into_the_register_and_reopening_takes_them_out(county: County, staff: User) -> None:
    """The roster, the liaison's list and coverage then say the same."""
    publish_by_hand(county, staff)
    for act in ("start", "evaluate", "close"):
        advance_batch(batch=county.batch, act=act, by=staff)
    entered = PastAttendance.objects.filter(session=str(county.batch))
    assert set(entered.values_list("cadre", flat=True)) == set(county.batch.enrollments.values_list("cadre", flat=True))
    assert {row.class_name for row in entered} == {"第1班", "第2班"}
    advance_batch(batch=county.batch, act="reopen", by=staff, reason="漏了一人")
    assert not entered.all().exists()
