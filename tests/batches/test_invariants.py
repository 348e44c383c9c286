"""The constraints that keep invariants 1 to 6: each first shown the damage it prevents, with the constraint away."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Thread

import pytest
from django.db import IntegrityError, connection, transaction
from django.db.backends.postgresql.psycopg_any import DateRange
from django.db.models import Model

from accounts.models import User
from bases.models import Bed, HostHousehold
from batches.actions.beds import place_in_bed
from batches.invariants import INVARIANTS, unit_rules_broken
from batches.models import Batch, ClassMembership, Enrollment, Gathering, GatheringSite, Lodging, PlanVersion
from config.errors import DomainError
from tests import factories
from tests.batches.county import FIRST, LAST, County, publish_by_hand

pytestmark = pytest.mark.django_db


def broken() -> set[str]:
    return {each.code for each in INVARIANTS if each.find()}


@contextmanager
def undone() -> Iterator[None]:
    """Whatever happens within, the dropped constraint included, is rolled back (DDL is transactional in PostgreSQL)."""
    with transaction.atomic():
        with connection.cursor() as cursor:
            # What is still to be checked would be in the way of altering the table.
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE; SET CONSTRAINTS ALL DEFERRED")
        yield
        transaction.set_rollback(True)


def drop(model: type[Model], name: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f'ALTER TABLE {model._meta.db_table} DROP CONSTRAINT "{name}"')


def refused_by(name: str, act: Callable[[], object]) -> None:
    with pytest.raises(IntegrityError, match=name):
        carried_through(act)


def carried_through(act: Callable[[], object]) -> None:
    """The act and every deferred check of it."""
    with transaction.atomic():
        act()
        with connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")


def test_everything_holds_after_publication(published: County) -> None:
    assert broken() == set()


def test_two_batches_at_a_time(published: County) -> None:
    other = factories.BatchFactory(number=2, first_day=LAST, last_day=LAST)
    cadre = published.cadres[0]

    def enroll() -> None:
        Enrollment.objects.create(batch=other, cadre=cadre)

    with undone():
        drop(Enrollment, "enrolled_in_one_batch_at_a_time")
        enroll()
        assert "1a" in broken()
    refused_by("enrolled_in_one_batch_at_a_time", enroll)
    later = factories.BatchFactory(number=3, first_day=FIRST.replace(year=2028), last_day=LAST.replace(year=2028))
    factories.EnrollmentFactory(cadre=cadre, batch=later)
    assert broken() == set()


def test_twice_in_a_batch(published: County) -> None:
    def enroll() -> None:
        Enrollment.objects.create(batch=published.batch, cadre=published.cadres[0], live=False)

    with undone():
        drop(Enrollment, "enrolled_once_in_batch")
        enroll()
        assert "1a" in broken()
    refused_by("enrolled_once_in_batch", enroll)


def test_two_classes_on_a_day(published: County) -> None:
    def join() -> None:
        enrollment = published.enrollment(published.cadres[0])
        days = DateRange(FIRST, LAST)
        ClassMembership.objects.create(enrollment=enrollment, practice_class=published.classes[1], days=days)

    with undone():
        drop(ClassMembership, "member_of_one_class_at_a_time")
        join()
        assert "1c" in broken()
    refused_by("member_of_one_class_at_a_time", join)


def twin(county: County) -> tuple[Lodging, Lodging]:
    """Two people of one household at one gathering."""
    one, two = county.gathering(1, 1).lodgings.filter(live=True, sex="M").order_by("pk")
    return one, two


def test_two_people_in_a_bed(published: County) -> None:
    one, two = twin(published)

    def share() -> None:
        Lodging.objects.filter(pk=two.pk).update(bed=one.bed)

    with undone():
        drop(Lodging, "one_person_a_bed_a_night")
        share()
        assert "2a" in broken()
    refused_by("one_person_a_bed_a_night", share)


def test_two_beds_for_one_person(published: County) -> None:
    one, _ = twin(published)
    free = Bed.objects.get(room=one.bed.room, number=4)

    def sprawl() -> None:
        Lodging.objects.create(gathering=one.gathering, enrollment=one.enrollment, bed=free)

    with undone():
        drop(Lodging, "one_bed_a_person_a_night")
        sprawl()
        assert "2a" in broken()
    refused_by("one_bed_a_person_a_night", sprawl)


def test_both_sexes_in_a_household(published: County) -> None:
    one, _ = twin(published)
    woman = published.gathering(1, 1).lodgings.filter(live=True, sex="F").first()
    free = Bed.objects.get(room=one.bed.room, number=4)

    def mix() -> None:
        Lodging.objects.filter(pk=woman.pk).update(bed=free)

    with undone():
        drop(Lodging, "one_sex_a_household_a_night")
        mix()
        assert "2a" in broken()
    refused_by("one_sex_a_household_a_night", mix)


def test_guests_in_a_household_that_is_not_admitted(published: County) -> None:
    one, _ = twin(published)
    home = factories.HouseholdFactory(base=published.bases[0], state=HostHousehold.State.APPLIED, beds=2)
    bed = home.rooms.get().beds.first()

    def move_in() -> None:
        Lodging.objects.filter(pk=one.pk).update(bed=bed)

    with undone():
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE batches_lodging DISABLE TRIGGER USER")
        move_in()
        Lodging.objects.filter(pk=one.pk).update(household=home)
        assert "4b" in broken()
    with pytest.raises(IntegrityError, match="not admitted"), transaction.atomic():
        move_in()
    assert broken() == set()


def test_copied_facts_out_of_step(published: County) -> None:
    with undone():
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE batches_lodging DISABLE TRIGGER USER")
        Lodging.objects.filter(sex="M").update(sex="F")
        assert "2b" in broken()


def test_reservation_out_of_step(published: County) -> None:
    site = GatheringSite.objects.filter(live=True).first()
    with undone():
        site.use.people = 9
        site.use.save()
        assert "3d" in broken()
    with undone():
        GatheringSite.objects.filter(pk=site.pk).update(people=1)
        assert "3d" in broken()


def test_unit_beyond_its_quota_together_or_all_away(published: County) -> None:
    assert unit_rules_broken() == []
    batch, unit = published.batch, published.units[0]
    second = published.enrollment(published.cadres[1])
    ClassMembership.objects.filter(enrollment=second).update(practice_class=published.classes[0])
    assert unit_rules_broken() == [
        f"{batch}{unit}有 2 人在同一个班（R02）", f"{batch}{unit}的 2 人都在同一种周次（R03）",
    ]  # fmt: skip
    for _ in range(2):
        factories.MembershipFactory(practice_class=published.classes[1], cadre__unit=unit)
    assert f"{batch}{unit}有 4 人，名额 3 人（R01）" in unit_rules_broken()


def test_rows_beside_the_version(published: County) -> None:
    enrollment = published.enrollment(published.cadres[0])
    changes = (
        lambda: Gathering.objects.filter(practice_class__number=1, index=1).update(last_day=FIRST.replace(day=6)),
        lambda: Gathering.objects.filter(practice_class__number=1, index=1).update(index=4),
        lambda: factories.EnrollmentFactory(batch=published.batch),
        lambda: PlanVersion.objects.create(
            batch=published.batch, number=3, plan_text="{}", seed=1, fingerprint="", published_by=User.objects.first()
        ),
    )
    for change in changes:
        with undone():
            change()
            assert "6" in broken()
    assert broken() == set()
    assert enrollment.live


@pytest.mark.django_db(transaction=True)
def test_two_clerks_take_the_last_bed_at_once(county: County, staff: User) -> None:
    """One lies in it and the other is told; without the constraint both would lie there (shown above)."""
    publish_by_hand(county, staff)
    gathering = county.gathering(1, 1)
    women = [row.enrollment for row in gathering.lodgings.filter(live=True, sex="F").order_by("pk")]
    home = factories.HouseholdFactory(base=county.bases[0], beds=1)
    bed = home.rooms.get().beds.get()
    outcomes: list[str] = []

    def take(enrollment: Enrollment) -> None:
        try:
            place_in_bed(gathering=gathering, enrollment=enrollment, bed=bed, by=staff)
            outcomes.append("taken")
        except DomainError as error:
            outcomes.append(error.code)
        finally:
            connection.close()

    threads = [Thread(target=take, args=[enrollment]) for enrollment in women]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) in (["bed_just_taken", "taken"], ["bed_not_free", "taken"])
    assert Lodging.objects.filter(bed=bed, live=True).count() == 1
    assert broken() == set()
    assert Batch.objects.get().state == Batch.State.PUBLISHED
