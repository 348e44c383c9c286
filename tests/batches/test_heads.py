"""How many people a base expects at a gathering, and who hears of it: the members of that day, whatever was changed by hand
or by a new version."""

import pytest
from django.test import Client

from accounts.models import User
from bases.actions import close_place
from bases.models import Closure, HostHousehold, PracticeBase
from batches.actions import beds
from batches.actions.people import add_late, move_member, withdraw_enrollment
from batches.actions.plans import publish_plan
from batches.arrangement import planned
from batches.differences import differences, differences_in_words, differences_of
from batches.foretold import needs, plan_as_it_stands
from batches.heads import heads_of, members_of
from batches.models import Enrollment, Gathering, GatheringSite, Nomination, Waiver
from batches.planning.checker import rule_sheet
from batches.queries import members_on
from office.models import Notice
from tests import factories
from tests.batches.county import County
from tests.batches.test_people import let_together
from tests.batches.test_repair import MARCH, broken, moves, publish, repair, running
from tests.batches.test_repair_facts import messages_of

__all__ = ["running"]
"""The fixture of a batch under way: class 2 gathers on 03-12 and 03-26, class 1 on 03-19 for its second time."""
pytestmark = pytest.mark.django_db


def keepers(county: County) -> list[User]:
    """Somebody who looks after each base."""
    return [factories.BaseManagerFactory(base=base).user for base in county.bases]


def told(user: User) -> list[str]:
    return list(Notice.objects.filter(addressee=user).order_by("pk").values_list("text", flat=True))


def member(county: County, number: int) -> Enrollment:
    """The first member of a class, with an account."""
    enrollment = members_on(county.classes[number - 1], MARCH(day=9))[0].enrollment
    enrollment.cadre.user = factories.UserFactory(name=enrollment.cadre.name)
    enrollment.cadre.save()
    return enrollment


def agrees() -> dict[tuple[int, int], int]:
    """(Class, index) → people expected; the same by members of the day, by site rows and by the bases' books."""
    found = {}
    coming = list(Gathering.objects.filter(state=Gathering.State.PLANNED).order_by("pk"))
    heads, members = heads_of(coming), members_of(coming)
    for row in coming:
        sites = list(GatheringSite.objects.filter(gathering=row, live=True).order_by("pk"))
        people = sum(site.people for site in sites)
        booked = sum(site.use.people for site in sites if site.use is not None)
        assert people == booked == len(members[row.pk]) == sum(heads[row.pk].values()), row
        found[row.practice_class.number, row.index] = people
    return found


def test_who_leaves_later_is_counted_until_then_and_the_base_is_told_the_whole_number(
    running: County, staff: User
) -> None:
    there = keepers(running)
    enrollment = member(running, 2)
    withdraw_enrollment(enrollment=enrollment, on_day=MARCH(day=20), by=staff, reason="调走")
    assert agrees() == {(1, 2): 6, (2, 1): 6, (2, 2): 5}
    assert [told(user) for user in there] == [
        [],
        [f"{running.bases[1].village}：第2班第2次集中 03-26 至 03-28 6 人改为 5 人。"],
        [],
    ]
    late = factories.CadreFactory(sex=enrollment.cadre.sex)
    Nomination.objects.create(batch=running.batch, cadre=late, state=Nomination.State.CONFIRMED)
    publish(running, repair(running, staff), staff)
    assert agrees() == {(1, 2): 6, (2, 1): 7, (2, 2): 6}
    assert told(there[0]) == [f"{running.bases[0].village}：第2班第1次集中 03-12 至 03-14 6 人改为 7 人。"]
    assert told(there[1])[1:] == [f"{running.bases[1].village}：第2班第2次集中 03-26 至 03-28 5 人改为 6 人。"]


def test_change_of_class_by_hand_is_told_to_bases_and_mentor_with_its_day(
    running: County, staff: User, colleague: User
) -> None:
    there, enrollment = keepers(running), member(running, 1)
    mentor = factories.MentorshipFactory(enrollment=enrollment).user
    let_together(running, enrollment.cadre, staff, colleague)
    move_member(enrollment=enrollment, to=running.classes[1], from_day=MARCH(day=20), by=staff, reason="换班")
    assert agrees() == {(1, 2): 6, (2, 1): 6, (2, 2): 7}
    assert [told(user) for user in there] == [
        [],
        [f"{running.bases[1].village}：第2班第2次集中 03-26 至 03-28 6 人改为 7 人。"],
        [],
    ]
    assert told(mentor) == [f"{enrollment.cadre.name}从第1班调到第2班（03-20 起）。"]
    assert Notice.objects.get(addressee=enrollment.cadre.user).subject == "您从第1班调到第2班（03-20 起）"


def test_withdrawal_and_late_joiner_are_told_to_bases_and_mentor(running: County, staff: User) -> None:
    there, enrollment = keepers(running), member(running, 2)
    mentor = factories.MentorshipFactory(enrollment=enrollment).user
    withdraw_enrollment(enrollment=enrollment, on_day=MARCH(day=10), by=staff, reason="借调")
    assert told(mentor) == [f"{enrollment.cadre.name}从 03-10 起不再参加{running.batch}。"]
    assert [len(told(user)) for user in there] == [1, 1, 0]
    late = factories.CadreFactory(sex=enrollment.cadre.sex, user=factories.UserFactory())
    add_late(batch=running.batch, cadre=late, to=running.classes[1], from_day=MARCH(day=20), by=staff, reason="补派")
    assert agrees() == {(1, 2): 6, (2, 1): 5, (2, 2): 6}
    assert told(there[0]) == [f"{running.bases[0].village}：第2班第1次集中 03-12 至 03-14 6 人改为 5 人。"]
    assert told(there[1])[1:] == [f"{running.bases[1].village}：第2班第2次集中 03-26 至 03-28 5 人改为 6 人。"]
    assert Notice.objects.get(addressee=late.user).subject == f"您编入{running.batch}第2班（03-20 起）"
    assert broken() == []


def test_member_without_a_bed_is_expected_all_the_same(
    running: County, staff: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(beds, "give_bed", lambda *_, **__: None)
    late = factories.CadreFactory(sex="F")
    add_late(batch=running.batch, cadre=late, to=running.classes[1], from_day=MARCH(day=10), by=staff, reason="补派")
    assert agrees() == {(1, 2): 6, (2, 1): 7, (2, 2): 7}
    withdraw_enrollment(enrollment=running.enrollment(late), on_day=MARCH(day=20), by=staff, reason="退")
    assert agrees() == {(1, 2): 6, (2, 1): 7, (2, 2): 6}
    monkeypatch.undo()
    woman = running.gathering(2, 2).lodgings.filter(live=True, sex="F").first()
    assert woman is not None
    beds.give_up_bed(running.gathering(2, 2), woman.enrollment, staff)
    assert agrees()[2, 2] == 6
    beds.place_in_bed(gathering=running.gathering(2, 2), enrollment=woman.enrollment, bed=woman.bed, by=staff)
    assert agrees()[2, 2] == 6


def test_who_comes_later_is_no_missing_bed_and_no_guest_before_that(
    running: County, staff: User, colleague: User
) -> None:
    """Class 2 gathers on 03-12 and 03-26. Nothing asks for a repair, the plan neither lodges nor counts who comes on 03-20
    before that, and a base with room for just the class stays."""
    full = running.gathering(2, 1).sites.get(live=True).base
    PracticeBase.objects.filter(pk=full.pk).update(declared_capacity=6)
    for number, to, day in ((1, 2, 20), (2, 1, 16)):
        enrollment = member(running, number)
        if not Waiver.objects.filter(subject__startswith=f"U{enrollment.cadre.unit_id}@").exists():
            let_together(running, enrollment.cadre, staff, colleague)
        move_member(
            enrollment=enrollment, to=running.classes[to - 1], from_day=MARCH(day=day), by=staff, reason="换班"
        )  # fmt: skip
    late = factories.CadreFactory(sex="F")
    add_late(batch=running.batch, cadre=late, to=running.classes[1], from_day=MARCH(day=20), by=staff, reason="补派")
    expected = {(1, 2): 7, (2, 1): 6, (2, 2): 7}
    assert agrees() == expected
    running.batch.refresh_from_db()
    assert needs(running.batch) == []
    run = repair(running, staff)
    assert moves(run) == []
    shown = planned(running.batch, run)
    people = {(row.practice_class.number, row.index): row.people for row in shown.held}
    assert {place: people[place] for place in expected} == expected
    beds_shown = {(row.practice_class.number, row.index): len(shown.stays[row.key]) for row in shown.held}
    assert {place: beds_shown[place] for place in expected} == expected
    version, changed, _ = publish(running, run, staff)
    assert set().union(*changed.values()) == set()
    assert [line.partition("：")[2] for line in differences_of(version)] == [
        "第1班 → 第2班（03-20 起）", "第2班 → 第1班（03-16 起）", "新排进第2班（03-20 起）"
    ]  # fmt: skip
    assert agrees() == expected
    running.batch.refresh_from_db()
    assert needs(running.batch) == []
    leaves = members_on(running.classes[1], MARCH(day=9))[1].enrollment
    withdraw_enrollment(enrollment=leaves, on_day=MARCH(day=20), by=staff, reason="调走")
    told_of_leaving = differences_in_words(differences(version, repair(running, staff)))
    assert f"{leaves.cadre.name}（{leaves.cadre.unit}）：退出第2班（03-20 起），没有排进" in told_of_leaving


def test_figures_of_a_plan_know_no_households_but_those_there_are(
    running: County, staff: User, colleague: User
) -> None:
    """Whoever was away at a gathering that is over, or comes later, is lodged by the planner in rooms that nobody has."""
    HostHousehold.objects.update(history_bed_nights=60)
    late = factories.CadreFactory(sex="F")
    add_late(batch=running.batch, cadre=late, to=running.classes[0], from_day=MARCH(day=20), by=staff, reason="补派")
    run = repair(running, staff)
    lodged = {row["household"] for row in run.plan["lodging"]}
    real = {f"H{pk}" for pk in HostHousehold.objects.values_list("pk", flat=True)}
    assert lodged - real, "there are such rooms"
    facts = {row.code: row.fact for row in rule_sheet(run.document, run.plan)}
    assert f"农户 {len(lodged & real)} 户" in facts["R12"]
    assert next(row["value"] for row in run.plan["levels"] if row["level"] == "income_range") < 10


def test_publication_names_the_offices_to_be_filled_again(running: County, staff: User, desk: Client) -> None:
    enrollment = member(running, 1)
    factories.ClassOfficeFactory(membership=enrollment.memberships.get(live=True))
    there = running.classes[1]
    pin = {"kind": "pin_class", "cadre": f"C{enrollment.cadre_id}", "class": f"K{there.pk}"}
    run = repair(running, staff, changes=[pin])
    [told_of_it] = messages_of(desk, "publish", [running.batch.pk, run.pk], {"reason": "重排"})
    assert told_of_it.endswith("没有动的安排照旧，到“班务”重新定第1班班长。")


def test_who_was_to_move_later_and_stays_is_told_so(running: County, staff: User, colleague: User) -> None:
    enrollment = member(running, 1)
    let_together(running, enrollment.cadre, staff, colleague)
    move_member(enrollment=enrollment, to=running.classes[1], from_day=MARCH(day=20), by=staff, reason="换班")
    pin = {"kind": "pin_class", "cadre": f"C{enrollment.cadre_id}", "class": f"K{running.classes[0].pk}"}
    publish_plan(batch=running.batch, run=repair(running, staff, changes=[pin]), by=staff, reason="重排")
    assert told(enrollment.cadre.user)[-1] == "您留在第1班，不调到第2班。"
    assert agrees() == {(1, 2): 6, (2, 1): 6, (2, 2): 6}


def test_who_is_put_back_before_the_day_lies_where_they_lay(running: County, staff: User, colleague: User) -> None:
    """The planner knows the bed with the class that is to be left, as the plan that stands does not: nobody is left alone."""
    enrollment = member(running, 2)
    lies = enrollment.lodgings.get(live=True, gathering=running.gathering(2, 1))
    let_together(running, enrollment.cadre, staff, colleague)
    move_member(enrollment=enrollment, to=running.classes[0], from_day=MARCH(day=20), by=staff, reason="换班")
    document, plan = plan_as_it_stands(running.batch)
    there = (f"C{enrollment.cadre_id}", f"K{running.classes[1].pk}", 1)
    known, shown = (
        [row["room"] for row in rows["lodging"] if (row["cadre"], row["class"], row["index"]) == there]
        for rows in (document["previous"], plan)
    )
    assert (known, shown) == ([f"R{lies.bed.room_id}"], [])
    pin = {"kind": "pin_class", "cadre": f"C{enrollment.cadre_id}", "class": f"K{running.classes[1].pk}"}
    publish_plan(batch=running.batch, run=repair(running, staff, changes=[pin]), by=staff, reason="重排")
    assert enrollment.lodgings.get(live=True, gathering=lies.gathering).bed == lies.bed
    running.batch.refresh_from_db()
    assert needs(running.batch) == broken() == []


def test_bed_that_is_closed_to_who_is_put_back_is_a_change_that_the_plan_lists(
    running: County, staff: User, colleague: User
) -> None:
    enrollment = member(running, 2)
    lies = enrollment.lodgings.get(live=True, gathering=running.gathering(2, 1))
    let_together(running, enrollment.cadre, staff, colleague)
    move_member(enrollment=enrollment, to=running.classes[0], from_day=MARCH(day=20), by=staff, reason="换班")
    close_place(
        room=lies.bed.room, first_day=MARCH(day=10), last_day=MARCH(day=20), kind=Closure.Kind.WORKS, by=staff,
        reason="修",
    )  # fmt: skip
    pin = {"kind": "pin_class", "cadre": f"C{enrollment.cadre_id}", "class": f"K{running.classes[1].pk}"}
    run = repair(running, staff, changes=[pin])
    assert f"C{enrollment.cadre_id}:K{running.classes[1].pk}#1" in {row["subject"] for row in moves(run, "bed")}


def test_who_joins_later_joins_another_class_of_a_new_version_on_the_same_day(running: County, staff: User) -> None:
    late = factories.CadreFactory(sex="F", user=factories.UserFactory())
    add_late(batch=running.batch, cadre=late, to=running.classes[0], from_day=MARCH(day=20), by=staff, reason="补派")
    pin = {"kind": "pin_class", "cadre": f"C{late.pk}", "class": f"K{running.classes[1].pk}"}
    publish_plan(batch=running.batch, run=repair(running, staff, changes=[pin]), by=staff, reason="重排")
    enrollment = running.enrollment(late)
    [membership] = enrollment.memberships.filter(live=True)
    assert (membership.practice_class, membership.days.lower) == (running.classes[1], MARCH(day=20))
    assert list(enrollment.lodgings.filter(live=True).values_list("gathering__first_day", flat=True)) == [MARCH(day=26)]
    assert told(late.user)[-1].startswith("您从第1班调到第2班（03-20 起）")
    assert agrees() == {(1, 2): 6, (2, 1): 6, (2, 2): 7}
    assert broken() == []
