"""People who move, come late or leave after publication, and gatherings that fall out: what becomes of beds and days."""

import datetime

import pytest
import time_machine
from django.db.models import Q

from accounts.models import User
from bases.models import BaseUse, Bed, Closure, HostHousehold
from batches.actions.beds import place_in_bed
from batches.actions.gatherings import cancel_days, cancel_gathering
from batches.actions.people import add_late, move_member, withdraw_enrollment
from batches.actions.waivers import approve_waiver, ask_waiver
from batches.consequences import told_before
from batches.facts import beds_missing, facts_of
from batches.foretold import needs
from batches.free_beds import free_beds
from batches.invariants import INVARIANTS
from batches.models import ClassMembership, ClassOffice, Enrollment, Gathering, Lodging, Programme
from batches.plan_ids import key
from batches.presence import village_days
from cadres.models import Cadre
from config.errors import DomainError
from office.models import Notice
from tests import factories
from tests.batches.county import FIRST, LAST, TODAY, County

pytestmark = pytest.mark.django_db
MARCH = datetime.date(2027, 3, 1).replace


def broken() -> list[str]:
    return [f"{each.code} {row}" for each in INVARIANTS for row in each.find()]


def people(county: County) -> dict[tuple[int, int], int]:
    """(class number, index) → people for whom the base is reserved."""
    uses = BaseUse.objects.filter(live=True).select_related("gathering_site__gathering__practice_class")
    found = {}
    for use in uses.order_by("pk"):
        gathering = use.gathering_site.gathering
        found[gathering.practice_class.number, gathering.index] = use.people
    return found


def beds(enrollment: Enrollment) -> list[tuple[int, int]]:
    rows = enrollment.lodgings.filter(live=True).select_related("gathering__practice_class")
    return sorted((row.gathering.practice_class.number, row.gathering.index) for row in rows)


def waive(county: County, rule: str, subject: str, staff: User, colleague: User) -> None:
    waiver = ask_waiver(batch=county.batch, rule=rule, subject=subject, label="单位", reason="特殊情况", by=staff)
    approve_waiver(waiver=waiver, by=colleague)


def let_together(county: County, cadre: Cadre, staff: User, colleague: User) -> None:
    """Set R02 and R03 aside for the cadre's unit."""
    subject = f"{key('U', cadre.unit_id)}@{key('B', county.batch.pk)}"
    waive(county, "R02", f"{subject}/{key('W', county.classes[0].track_id)}", staff, colleague)
    waive(county, "R03", subject, staff, colleague)


def test_move_without_a_waiver_is_refused_by_the_unit_rules(published: County, staff: User, colleague: User) -> None:
    mover = published.enrollment(published.cadres[0])
    with pytest.raises(DomainError) as refused:
        move_member(enrollment=mover, to=published.classes[1], from_day=FIRST, by=staff, reason="换周次")
    assert refused.value.code == "unit_together"
    subject = f"{key('U', mover.cadre.unit_id)}@{key('B', published.batch.pk)}"
    waive(published, "R02", f"{subject}/{key('W', published.classes[0].track_id)}", staff, colleague)
    with pytest.raises(DomainError) as refused:
        move_member(enrollment=mover, to=published.classes[1], from_day=FIRST, by=staff, reason="换周次")
    assert refused.value.code == "all_away"
    assert ClassMembership.objects.count() == 8


def test_move_before_the_batch_changes_beds_and_reservations(published: County, staff: User, colleague: User) -> None:
    cadre = published.cadres[0]
    let_together(published, cadre, staff, colleague)
    user = factories.UserFactory()
    Cadre.objects.filter(pk=cadre.pk).update(user=user)
    mover = published.enrollment(cadre)
    assert beds(mover) == [(1, 1), (1, 2)]
    row = move_member(enrollment=mover, to=published.classes[1], from_day=FIRST, by=staff, reason="换周次")
    assert (row.days.lower, row.days.upper) == (FIRST, LAST + datetime.timedelta(days=1))
    assert list(mover.memberships.filter(live=True)) == [row]
    assert beds(mover) == [(2, 1), (2, 2)]
    assert people(published) == {(1, 1): 3, (1, 2): 3, (2, 1): 5, (2, 2): 5}
    assert village_days([mover])[mover.pk].coming == 6
    assert Notice.objects.filter(addressee=user, subject__contains="调到第2班").exists()
    assert broken() == []


def test_move_in_the_middle_keeps_what_was_attended(
    published: County, staff: User, colleague: User, clock: time_machine.Traveller
) -> None:
    cadre = published.cadres[0]
    let_together(published, cadre, staff, colleague)
    mover = published.enrollment(cadre)
    factories.ClassOfficeFactory(membership=mover.memberships.get())
    clock.move_to("2027-03-09 09:00+08:00")
    Gathering.objects.filter(practice_class__number=1, index=1).update(state="held")
    move_member(enrollment=mover, to=published.classes[1], from_day=MARCH(day=9), by=staff, reason="换周次")
    spans = [
        (row.practice_class.number, row.days.lower.day) for row in mover.memberships.filter(live=True).order_by("pk")
    ]
    assert spans == [(1, 1), (2, 9)]
    assert beds(mover) == [(1, 1), (2, 1), (2, 2)]
    days = village_days([mover])[mover.pk]
    assert (days.done, days.coming) == (3, 6)
    assert ClassOffice.objects.get().until == MARCH(day=8)


def test_move_to_the_same_class_and_to_another_batch_are_refused(published: County, staff: User) -> None:
    mover = published.enrollment(published.cadres[0])
    for to, code in ((published.classes[0], "same_class"), (factories.ClassFactory(batch__number=77), "other_batch")):
        with pytest.raises(DomainError) as refused:
            move_member(enrollment=mover, to=to, from_day=FIRST, by=staff, reason="换周次")
        assert refused.value.code == code


def test_move_into_a_full_class_is_refused(published: County, staff: User) -> None:
    late = factories.CadreFactory()
    add_late(batch=published.batch, cadre=late, to=published.classes[1], from_day=FIRST, by=staff, reason="补派")
    mover = published.enrollment(published.cadres[0])
    with pytest.raises(DomainError) as refused:
        move_member(enrollment=mover, to=published.classes[1], from_day=FIRST, by=staff, reason="换周次")
    assert refused.value.code == "class_full"


def test_late_joiner_gets_beds_where_the_class_already_stays(published: County, staff: User) -> None:
    late = factories.CadreFactory(sex="F")
    enrollment = add_late(
        batch=published.batch, cadre=late, to=published.classes[0], from_day=FIRST, by=staff, reason="补派"
    )
    assert beds(enrollment) == [(1, 1), (1, 2)]
    for lodging in enrollment.lodgings.filter(live=True):
        mates = Lodging.objects.filter(gathering=lodging.gathering, household=lodging.household, live=True)
        assert (mates.count(), set(mates.values_list("sex", flat=True))) == (3, {"F"})
    assert people(published)[1, 1] == 5
    assert (enrollment.state, enrollment.joined_on) == (Enrollment.State.CONFIRMED, FIRST)
    assert broken() == []


def test_late_joiner_without_a_bed_is_a_finding_with_a_remedy(published: County, staff: User) -> None:
    gathering = published.gathering(1, 1)
    home = gathering.lodgings.filter(sex="F", live=True).first().household
    Bed.objects.filter(room__household=home, number__gte=3).update(active=False)
    late = factories.CadreFactory(sex="F")
    enrollment = add_late(
        batch=published.batch, cadre=late, to=published.classes[0], from_day=FIRST, by=staff, reason="补派"
    )
    assert beds(enrollment) == [(1, 2)]
    missing = beds_missing(Q(practice_class__batch=published.batch))
    assert [(row.gathering, row.membership.enrollment, row.why) for row in missing] == [
        (gathering, enrollment, "没有床位")
    ]
    assert facts_of([published.batch])[published.batch.pk].without_bed == 1
    third = factories.HouseholdFactory(base=published.bases[0], beds=2)
    bed = free_beds(gathering, enrollment).get(room__household=third, number=1)
    place_in_bed(gathering=gathering, enrollment=enrollment, bed=bed, by=staff)
    assert beds_missing(Q(practice_class__batch=published.batch)) == []
    assert people(published)[1, 1] == 5
    assert broken() == []


def test_bed_by_hand_is_refused_beside_the_other_sex(published: County, staff: User) -> None:
    gathering = published.gathering(1, 1)
    woman = next(row for row in gathering.lodgings.filter(sex="F", live=True)).enrollment
    home = gathering.lodgings.filter(sex="M", live=True).first().household
    bed = Bed.objects.get(room__household=home, number=4)
    with pytest.raises(DomainError) as refused:
        place_in_bed(gathering=gathering, enrollment=woman, bed=bed, by=staff)
    assert refused.value.code == "bed_not_free"
    assert Lodging.objects.filter(live=True).count() == 16


def test_bed_by_hand_moves_out_of_the_old_one(published: County, staff: User) -> None:
    gathering = published.gathering(1, 1)
    woman = next(row for row in gathering.lodgings.filter(sex="F", live=True)).enrollment
    third = factories.HouseholdFactory(base=published.bases[0], beds=2)
    bed = third.rooms.get().beds.get(number=1)
    place_in_bed(gathering=gathering, enrollment=woman, bed=bed, by=staff)
    assert gathering.lodgings.get(enrollment=woman, live=True).bed == bed
    assert people(published)[1, 1] == 4


def test_bed_by_hand_is_for_members_alone(published: County, staff: User) -> None:
    other = published.enrollment(published.cadres[1])
    gathering = published.gathering(1, 1)
    bed = Bed.objects.filter(room__household__base=published.bases[0], number=4).first()
    with pytest.raises(DomainError) as refused:
        place_in_bed(gathering=gathering, enrollment=other, bed=bed, by=staff)
    assert refused.value.code == "not_a_member"


def test_late_joiner_beyond_the_units_places_is_refused(published: County, staff: User) -> None:
    published.units[0].quota = 2
    published.units[0].save()
    late = factories.CadreFactory(unit=published.units[0])
    with pytest.raises(DomainError) as refused:
        add_late(batch=published.batch, cadre=late, to=published.classes[0], from_day=FIRST, by=staff, reason="补派")
    assert refused.value.code == "unit_full"
    withdraw_enrollment(enrollment=published.enrollment(published.cadres[0]), on_day=FIRST, by=staff, reason="生病")
    add_late(batch=published.batch, cadre=late, to=published.classes[0], from_day=FIRST, by=staff, reason="替补")
    assert broken() == []


def test_late_joiner_twice_and_out_of_post_are_refused(published: County, staff: User) -> None:
    retired = factories.CadreFactory(state="retired")
    for cadre, code in ((published.cadres[0], "already_enrolled"), (retired, "not_in_post")):
        with pytest.raises(DomainError) as refused:
            add_late(
                batch=published.batch, cadre=cadre, to=published.classes[0], from_day=FIRST, by=staff, reason="补派"
            )
        assert refused.value.code == code


@pytest.mark.parametrize("day", [LAST + datetime.timedelta(days=1), TODAY - datetime.timedelta(days=1)])
def test_withdrawal_on_a_day_outside_the_batch_is_refused(published: County, staff: User, day: datetime.date) -> None:
    enrollment = published.enrollment(published.cadres[0])
    with pytest.raises(DomainError) as refused:
        withdraw_enrollment(enrollment=enrollment, on_day=day, by=staff, reason="生病")
    assert refused.value.code == "day_outside"
    enrollment.refresh_from_db()
    assert enrollment.live


def test_withdrawal_before_the_batch_leaves_nothing_behind(published: County, staff: User) -> None:
    enrollment = published.enrollment(published.cadres[0])
    withdraw_enrollment(enrollment=enrollment, on_day=FIRST, by=staff, reason="生病")
    enrollment.refresh_from_db()
    assert (enrollment.live, enrollment.state, beds(enrollment)) == (False, Enrollment.State.WITHDRAWN, [])
    assert people(published)[1, 1] == 3
    assert broken() == []


def test_withdrawal_in_the_middle_keeps_the_days_attended_and_can_be_taken_back(
    published: County, staff: User, clock: time_machine.Traveller
) -> None:
    enrollment = published.enrollment(published.cadres[0])
    clock.move_to("2027-03-09 09:00+08:00")
    Gathering.objects.filter(practice_class__number=1, index=1).update(state="held")
    withdraw_enrollment(enrollment=enrollment, on_day=MARCH(day=9), by=staff, reason="生病")
    days = village_days([enrollment])[enrollment.pk]
    assert (days.done, days.coming, people(published)[1, 2]) == (3, 0, 3)
    with pytest.raises(DomainError) as refused:
        withdraw_enrollment(
            enrollment=Enrollment.objects.get(pk=enrollment.pk), on_day=MARCH(day=9), by=staff, reason="再退"
        )
    assert refused.value.code == "not_enrolled"
    back = add_late(
        batch=published.batch,
        cadre=enrollment.cadre,
        to=published.classes[0],
        from_day=MARCH(day=10),
        by=staff,
        reason="退错了",
    )
    assert back.pk == enrollment.pk
    days = village_days([back])[back.pk]
    assert (days.done, days.coming, back.joined_on, back.left_on) == (3, 3, None, None)
    assert broken() == []


def test_cancelled_gathering_frees_base_and_beds_and_costs_the_days(published: County, staff: User) -> None:
    user = factories.UserFactory()
    Cadre.objects.filter(pk=published.cadres[0].pk).update(user=user)
    gathering = published.gathering(1, 1)
    cancel_gathering(gathering=gathering, by=staff, reason="台风")
    gathering.refresh_from_db()
    assert (gathering.state, gathering.state_reason) == (Gathering.State.CANCELLED, "台风")
    assert (1, 1) not in people(published)
    assert not gathering.lodgings.filter(live=True).exists()
    enrollment = published.enrollment(published.cadres[0])
    assert village_days([enrollment])[enrollment.pk].coming == 3
    assert [notice.addressee_id for notice in Notice.objects.filter(subject__contains="取消")] == [user.pk]
    with pytest.raises(DomainError) as refused:
        cancel_gathering(gathering=gathering, by=staff, reason="再取消")
    assert refused.value.code == "not_planned"
    assert broken() == []


def test_cancelled_weekend_takes_all_classes_of_those_days(published: County, staff: User) -> None:
    assert (
        cancel_days(batch=published.batch, first_day=MARCH(day=7), last_day=MARCH(day=12), by=staff, reason="台风") == 2
    )
    states = {(row.practice_class.number, row.index): row.state for row in Gathering.objects.all()}
    assert states == {(1, 1): "cancelled", (1, 2): "planned", (2, 1): "cancelled", (2, 2): "planned"}
    with pytest.raises(DomainError) as refused:
        cancel_days(batch=published.batch, first_day=MARCH(day=7), last_day=MARCH(day=12), by=staff, reason="台风")
    assert refused.value.code == "nothing_planned"


def test_changes_need_a_plan_in_force(planned: County, staff: User) -> None:
    with pytest.raises(DomainError) as refused:
        add_late(
            batch=planned.batch,
            cadre=factories.CadreFactory(),
            to=planned.classes[0],
            from_day=FIRST,
            by=staff,
            reason="补派",
        )
    assert refused.value.code == "not_running"


@pytest.mark.parametrize("reason", ["", "   "])
def test_changes_need_a_reason(published: County, staff: User, reason: str) -> None:
    enrollment, to = published.enrollment(published.cadres[0]), published.classes[1]
    acts = (
        lambda: move_member(enrollment=enrollment, to=to, from_day=FIRST, by=staff, reason=reason),
        lambda: withdraw_enrollment(enrollment=enrollment, on_day=FIRST, by=staff, reason=reason),
        lambda: cancel_gathering(gathering=published.gathering(1, 1), by=staff, reason=reason),
        lambda: add_late(
            batch=published.batch, cadre=factories.CadreFactory(), to=to, from_day=FIRST, by=staff, reason=reason
        ),
    )  # fmt: skip
    for act in acts:
        with pytest.raises(DomainError) as refused:
            act()
        assert refused.value.code == "reason_needed"


def test_suspended_household_shows_its_guests_as_findings(published: County) -> None:
    home = published.gathering(1, 1).lodgings.filter(live=True, sex="M").first().household
    HostHousehold.objects.filter(pk=home.pk).update(state=HostHousehold.State.SUSPENDED)
    missing = beds_missing(Q(practice_class__batch=published.batch))
    assert {row.why for row in missing} == {f"{home}已暂停"}
    assert {row.gathering.index for row in missing} == {1}
    assert len([row for row in broken() if row.startswith("4b")]) == 4


def test_closed_household_shows_its_guests_as_findings(published: County) -> None:
    gathering = published.gathering(1, 1)
    home = gathering.lodgings.filter(live=True, sex="M").first().household
    Closure.objects.create(household=home, days=(MARCH(day=7), MARCH(day=8)), kind="own")
    missing = beds_missing(Q(practice_class__batch=published.batch))
    assert {(row.gathering.pk, row.why) for row in missing} == {(gathering.pk, f"{home}那几天停接")}
    assert len([row for row in broken() if row.startswith("4c")]) == 2


def test_consequences_are_told_and_nothing_is_done(published: County, staff: User, colleague: User) -> None:
    cadre = published.cadres[0]
    let_together(published, cadre, staff, colleague)
    mover = published.enrollment(cadre)
    notices = Notice.objects.count()
    told = told_before(
        published.batch,
        lambda: move_member(enrollment=mover, to=published.classes[1], from_day=FIRST, by=staff, reason="换周次"),
    )
    assert told.lines[0].startswith(f"{cadre.name}空出 2 次集中的床位：第1班 03-05 至 03-07")
    assert told.lines[1].startswith(f"{cadre.name}新排 2 次集中的床位：第2班 03-12 至 03-14 ")
    assert {line[:3] for line in told.breaches} == {"R04", "R16"}, (
        "one class is left with one man, and they differ by two"
    )
    assert beds(mover) == [(1, 1), (1, 2)]
    assert Notice.objects.count() == notices
    assert people(published)[1, 1] == 4


def test_breach_that_an_act_lessens_is_none_that_it_makes(published: County, staff: User) -> None:
    rules = Programme.objects.filter(pk=published.batch.programme_id)
    rules.update(class_size_min=1, class_size=2, class_size_max=2)
    published.batch.refresh_from_db()
    leaves = published.enrollment(published.cadres[0])
    told = told_before(
        published.batch, lambda: withdraw_enrollment(enrollment=leaves, on_day=FIRST, by=staff, reason="调走")
    )
    assert [line for _, lines in needs(published.batch) for line in lines if line.startswith("R04")]
    assert {line[:3] for line in told.breaches} == {"R16"}, "one is left alone; there are still too many, but fewer"


def test_who_joins_is_told_as_who_attends(published: County, staff: User) -> None:
    late = factories.CadreFactory(user=factories.UserFactory(name="新来的"))
    told = told_before(
        published.batch,
        lambda: add_late(
            batch=published.batch, cadre=late, to=published.classes[0], from_day=FIRST, by=staff, reason="补派"
        ),
    )
    assert "学员新来的" in told.told[0]


def test_consequences_of_a_cancelled_weekend_name_days_and_gatherings(published: County, staff: User) -> None:
    told = told_before(
        published.batch,
        lambda: cancel_days(
            batch=published.batch, first_day=MARCH(day=5), last_day=MARCH(day=14), by=staff, reason="台风"
        ),
    )
    assert told.lines == [
        "取消 2 次集中：第1班 03-05 至 03-07、第2班 03-12 至 03-14",
        "空出床位 8 人次，基地和农户的安排随之取消",
        "8 人的在村天数减少",
        "其中 8 人不满 6 天，要补",
    ]
    assert Gathering.objects.filter(state="planned").count() == 4


def test_consequences_of_a_refused_act_are_the_refusal(published: County, staff: User) -> None:
    mover = published.enrollment(published.cadres[0])
    with pytest.raises(DomainError) as refused:
        told_before(
            published.batch,
            lambda: move_member(enrollment=mover, to=published.classes[1], from_day=FIRST, by=staff, reason="换周次"),
        )
    assert refused.value.code == "unit_together"
