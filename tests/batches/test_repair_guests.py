"""Those who make up days at another class's gathering, when the batch is repaired: counted once, told, never in two places."""

import json
import threading

import pytest
import time_machine
from django.db import connection, connections, transaction

from accounts import audit
from accounts.models import Role, User
from bases.actions import close_place
from bases.models import Bed, Closure, HostHousehold
from batches.actions import beds
from batches.actions.attendance import join_makeup
from batches.actions.gatherings import cancel_gathering
from batches.actions.plans import publish_plan
from batches.actions.reprojection import reproject
from batches.foretold import needs
from batches.models import Enrollment, Gathering, GatheringSite, Lodging, MakeUp
from config.errors import DomainError
from office.models import Notice
from tests import factories
from tests.batches.county import NOW, County, make_county, publish_by_hand
from tests.batches.test_repair import MARCH, broken, moves, publish, repair, running

__all__ = ["running"]
"""The fixture of a batch under way, with bases and households to spare."""


def guest_of(county: County, staff: User, number: int = 2, index: int = 2) -> tuple[Enrollment, Gathering, User]:
    """Somebody of class 1 (the first cadre) makes days up with another class, and can be told."""
    cadre = county.cadres[0]
    cadre.user = factories.UserFactory()
    cadre.save()
    enrollment, gathering = county.enrollment(cadre), county.gathering(number, index)
    join_makeup(by=staff, enrollment=enrollment, gathering=gathering, reason="补第1次集中")
    return enrollment, gathering, cadre.user


def told(user: User) -> list[str]:
    return list(Notice.objects.filter(addressee=user).order_by("pk").values_list("text", flat=True))


@pytest.mark.django_db
def test_guest_is_counted_once(running: County, staff: User) -> None:
    guest, gathering, user = guest_of(running, staff)
    keeper = factories.TownshipLiaisonFactory(township=running.bases[1].village.township).user
    before = told(user)
    running.batch.refresh_from_db()
    assert needs(running.batch) == []
    run = repair(running, staff)
    assert moves(run) == []
    _, changed, _ = publish(running, run, staff)
    assert set().union(*changed.values()) == set()
    assert (told(keeper), told(user)) == ([], before)
    assert GatheringSite.objects.get(gathering=gathering, live=True).people == 7
    assert Lodging.objects.filter(gathering=gathering, enrollment=guest, live=True).exists()


def close(county: County, staff: User, number: int, first: int, last: int) -> None:
    close_place(
        base=county.bases[number], first_day=MARCH(day=first), last_day=MARCH(day=last), kind=Closure.Kind.WORKS,
        by=staff, reason="修路",
    )  # fmt: skip


def lodging_of(gathering: Gathering, enrollment: Enrollment) -> Lodging:
    """The one row that there is, whatever became of it."""
    return Lodging.objects.get(gathering=gathering, enrollment=enrollment)


def close_a_household(gathering: Gathering, staff: User, household: HostHousehold) -> None:
    close_place(
        household=household, first_day=gathering.first_day, last_day=gathering.last_day, kind=Closure.Kind.WORKS, by=staff,
        reason="修屋顶",
    )  # fmt: skip


@pytest.mark.django_db
def test_guest_keeps_the_bed_while_others_get_other_beds(running: County, staff: User) -> None:
    """Nothing changes for her: no row of hers is written, and she is told nothing."""
    guest, gathering, user = guest_of(running, staff)
    hers, before = lodging_of(gathering, guest), told(user)
    others = gathering.lodgings.filter(live=True).exclude(household=hers.household_id).order_by("pk")
    close_a_household(gathering, staff, others[0].household)
    _, changed, saved = publish(running, repair(running, staff), staff)
    assert changed["Lodging"], "others were lodged anew"
    assert hers.pk not in changed["Lodging"]
    assert lodging_of(gathering, guest).live
    assert saved["GatheringSite"] == saved["BaseUse"] == 0
    assert told(user) == before


@pytest.mark.django_db
def test_guests_who_share_a_household_stay_in_it(running: County, staff: User) -> None:
    """Two of class 1 in a household where none of class 2 sleeps: neither is alone."""
    one, gathering, _ = guest_of(running, staff)
    taken = gathering.lodgings.filter(live=True).values("household")
    empty = HostHousehold.objects.filter(base=running.bases[1]).exclude(pk__in=taken).order_by("-pk")[0]
    hers = [lodging_of(gathering, one)]
    hers[0].bed = Bed.objects.filter(room__household=empty).order_by("number")[0]
    hers[0].save()
    two = running.enrollment(next(row for row in running.cadres[2::2] if row.sex == one.cadre.sex))
    join_makeup(by=staff, enrollment=two, gathering=gathering, reason="补第1次集中")
    hers.append(lodging_of(gathering, two))
    assert hers[1].household_id == empty.pk, "the smallest group"
    others = gathering.lodgings.filter(live=True).exclude(household=empty).order_by("pk")
    close_a_household(gathering, staff, others[0].household)
    _, changed, _ = publish(running, repair(running, staff), staff)
    assert changed["Lodging"], "others were lodged anew"
    assert changed["Lodging"].isdisjoint({row.pk for row in hers})


@pytest.mark.django_db
def test_guest_whose_household_closes_gets_another_bed_and_is_told(running: County, staff: User) -> None:
    guest, gathering, user = guest_of(running, staff)
    hers = lodging_of(gathering, guest)
    close_a_household(gathering, staff, hers.household)
    _, changed, _ = publish(running, repair(running, staff), staff)
    now = lodging_of(gathering, guest)
    assert (now.pk, now.live, now.pk in changed["Lodging"]) == (hers.pk, True, True)
    assert now.household_id != hers.household_id
    assert gathering.lodgings.filter(live=True, household=now.household_id).count() > 1, "nobody sleeps alone (R16)"
    assert told(user)[-1] == "补课的第2班第2次集中（03-26 至 03-28）换了床位。"


@pytest.mark.django_db
def test_guest_of_a_gathering_that_moves_is_told_and_lodged_there(running: County, staff: User) -> None:
    guest, gathering, user = guest_of(running, staff)
    close(running, staff, 1, 22, 28)
    run = repair(running, staff)
    assert [row["kind"] for row in moves(run)] == ["gathering"]
    publish(running, run, staff)
    site = GatheringSite.objects.get(gathering=gathering, live=True)
    lodging = Lodging.objects.get(gathering=gathering, enrollment=guest, live=True)
    assert (site.base, site.people) == (running.bases[2], 7)
    assert lodging.bed.room.household.base == running.bases[2]
    assert told(user)[-1] == (
        f"补课的第2班第2次集中由 03-26 至 03-28 {running.bases[1].village} 改为 03-26 至 03-28 {running.bases[2].village}。"
    )


@pytest.mark.django_db
def test_guest_of_a_gathering_that_falls_out_is_told_and_makes_up_elsewhere(running: County, staff: User) -> None:
    guest, gathering, user = guest_of(running, staff)
    for number in range(3):
        close(running, staff, number, 22, 28)
    publish(running, repair(running, staff), staff)
    assert not MakeUp.objects.get(enrollment=guest, gathering=gathering).live
    assert not Lodging.objects.filter(gathering=gathering, live=True).exists()
    assert told(user)[-1] == "补课的第2班第2次集中（03-26 至 03-28）取消，补课不算了，请另选一次。"


@pytest.mark.django_db
def test_guest_whose_own_class_goes_is_that_class_now(running: County, staff: User) -> None:
    guest, gathering, user = guest_of(running, staff, 2, 2)
    row = running.classes[1]
    run = repair(running, staff, changes=[{"kind": "pin_class", "cadre": f"C{guest.cadre_id}", "class": f"K{row.pk}"}])
    publish(running, run, staff)
    assert not MakeUp.objects.get(enrollment=guest).live, "she belongs to the gathering now"
    site = GatheringSite.objects.get(gathering=gathering, live=True)
    assert site.people == Lodging.objects.filter(gathering=gathering, live=True).count() == 6
    assert not any("补课" in line for line in told(user)[-1].split("；"))


@pytest.mark.django_db
def test_guest_who_would_be_in_two_places_goes_with_her_own_class(running: County, staff: User) -> None:
    guest, gathering, user = guest_of(running, staff, 2, 2)
    own = running.gathering(1, 2)
    elsewhere = {
        "kind": "pin_gathering", "class": f"K{own.practice_class_id}", "index": 2, "first_day": None,
        "bases": [f"P{running.bases[2].pk}"],
    }  # fmt: skip
    run = repair(running, staff, changes=[elsewhere])
    plan_days = {"first_day": "2027-03-26", "last_day": "2027-03-28"}
    run.plan_text = _with(run.plan_text, f"K{own.practice_class_id}", 2, plan_days)
    run.save()
    with audit.act("publish_plan", by=staff, subject=running.batch):
        reproject(batch=running.batch, run=run, by=staff, reason="重排", today=MARCH(day=9))
    assert not MakeUp.objects.get(enrollment=guest).live
    assert not Lodging.objects.filter(gathering=gathering, enrollment=guest, live=True).exists()
    assert GatheringSite.objects.get(gathering=gathering, live=True).people == 6
    assert "补课的第2班第2次集中（03-26 至 03-28）和第1班第2次集中同一天，补课不算了，请另选一次" in told(user)[-1]


def _with(text: str, name: str, index: int, values: dict[str, str]) -> str:
    plan = json.loads(text)
    for row in plan["gatherings"]:
        if (row["class"], row["index"]) == (name, index):
            row.update(values)
    return json.dumps(plan)


@pytest.mark.django_db
def test_guest_without_a_bed_left_is_told(running: County, staff: User, monkeypatch: pytest.MonkeyPatch) -> None:
    guest, gathering, user = guest_of(running, staff)
    close(running, staff, 1, 22, 28)
    run = repair(running, staff)
    monkeypatch.setattr(beds, "joinable_beds", lambda *_: Bed.objects.none())
    publish(running, run, staff)
    assert not MakeUp.objects.get(enrollment=guest).live
    assert GatheringSite.objects.get(gathering=gathering, live=True).people == 6
    assert told(user)[-1] == "补课的第2班第2次集中（03-26 至 03-28）没有空床位了，补课不算了，请另选一次。"


@pytest.mark.django_db
def test_guest_of_a_cancelled_gathering_is_told(running: County, staff: User) -> None:
    guest, gathering, user = guest_of(running, staff)
    cancel_gathering(gathering=gathering, by=staff, reason="台风")
    assert not MakeUp.objects.get(enrollment=guest).live
    assert "台风" in told(user)[-1]


# Both at once


def test_guest_who_comes_while_a_repair_is_published_keeps_her_bed(transactional_db: None) -> None:
    """The make-up holds the batch; the publication reads the facts only after it has let go, and asks for another repair."""
    audit.record("begin", by=None)
    with time_machine.travel(NOW, tick=False):
        staff = factories.user_with_role(Role.CENTRE, name="张敏")
        county = make_county(staff, units=6)
        publish_by_hand(county, staff)
        close(county, staff, 1, 15, 21)
        factories.HouseholdFactory.create_batch(4, base=county.bases[0], beds=4)
        run = repair(county, staff)
        ended: list[str] = []

        def publishes() -> None:
            try:
                publish_plan(batch=county.batch, run=run, by=staff, reason="重排")
                ended.append("")
            except DomainError as error:
                ended.append(error.code)
            finally:
                connections.close_all()

        thread = threading.Thread(target=publishes)
        with transaction.atomic():
            guest = county.enrollment(county.cadres[0])
            gathering = county.gathering(2, 2)
            join_makeup(by=staff, enrollment=guest, gathering=gathering, reason="补")
            thread.start()
            _until_somebody_waits(thread)
        thread.join()
        assert ended == ["not_publishable"], "a guest more is another fact"
        lodged = Lodging.objects.filter(gathering=gathering, enrollment=guest, live=True).exists()
        assert lodged == MakeUp.objects.get(enrollment=guest).live is True
        assert GatheringSite.objects.get(gathering=gathering, live=True).people == 7
        publish_plan(batch=county.batch, run=repair(county, staff), by=staff, reason="重排")
        assert Lodging.objects.filter(gathering=gathering, enrollment=guest, live=True).exists()
        assert broken() == []


def _until_somebody_waits(thread: threading.Thread) -> None:
    """Until the other one stands before a lock of ours (asked of the database), or has ended."""
    while thread.is_alive():
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
            if cursor.fetchone()[0]:
                return
        thread.join(0.05)
