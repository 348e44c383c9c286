"""What migrations do to rows that are there already; all of it is undone with the test's transaction."""

import datetime

import pytest
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.db.utils import IntegrityError

from accounts.models import User
from batches.models import ClassStaff, Programme
from config.errors import DomainError
from config.middleware import refusal_of
from tests import factories
from tests.batches.county import County

pytestmark = pytest.mark.django_db
BEFORE, AFTER = ("batches", "0005_quota_from_one"), ("batches", "0006_one_head_teacher")
TEACHER = ClassStaff.Kind.HEAD_TEACHER
DAY = datetime.timedelta(days=1)


def migrate(target: tuple[str, str]) -> None:
    with connection.cursor() as cursor:  # tables with checks still to come cannot be altered
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE; SET CONSTRAINTS ALL DEFERRED")
    MigrationExecutor(connection).migrate([target])


@pytest.mark.parametrize("known", [False, True], ids=["first form of 0005", "with the constraint"])
def test_quota_of_nobody_is_kept_where_it_is_stored_and_refused_anew(published: County, known: bool) -> None:
    migrate(BEFORE)
    programme = published.batch.programme
    if known:
        with connection.cursor() as cursor:
            cursor.execute(
                "ALTER TABLE batches_programme ADD CONSTRAINT programme_quota_from_one CHECK (unit_max_per_batch >= 1)"
            )
    else:
        Programme.objects.filter(pk=programme.pk).update(unit_max_per_batch=0)
    migrate(AFTER)
    programme.refresh_from_db()
    assert programme.unit_max_per_batch == (3 if known else 0), "what the batch was planned with"
    with pytest.raises(IntegrityError, match="programme_quota_from_one"):
        factories.ProgrammeFactory(unit_max_per_batch=0)


def test_of_two_head_teachers_of_a_class_the_later_one_took_over(published: County, staff: User) -> None:
    migrate(BEFORE)
    one, two = published.classes
    users = [factories.UserFactory() for _ in range(4)]
    first = datetime.date(2027, 2, 15)
    posts = [
        ClassStaff.objects.create(practice_class=practice_class, user=user, kind=kind, since=since)
        for practice_class, user, kind, since in (
            (one, users[0], TEACHER, first), (one, users[1], TEACHER, first + 5 * DAY),
            (one, users[2], TEACHER, first + 5 * DAY), (one, users[3], ClassStaff.Kind.COUNSELLOR, first),
            (two, users[0], TEACHER, first), (two, users[1], TEACHER, first + 5 * DAY),
            (two, users[2], TEACHER, first + 9 * DAY),
        )
    ]  # fmt: skip
    migrate(AFTER)
    left = {row.pk: row.until for row in ClassStaff.objects.all()}
    assert left == {
        posts[0].pk: first + 4 * DAY, posts[2].pk: None, posts[3].pk: None,
        posts[4].pk: first + 4 * DAY, posts[5].pk: first + 8 * DAY, posts[6].pk: None,
    }  # fmt: skip


def test_second_head_teacher_of_a_class_is_refused_with_the_houses_words(published: County) -> None:
    one = published.classes[0]
    ClassStaff.objects.create(practice_class=one, user=factories.UserFactory(), kind=TEACHER)
    with pytest.raises(IntegrityError) as refused:
        ClassStaff.objects.create(practice_class=one, user=factories.UserFactory(), kind=TEACHER)
    told = refusal_of(refused.value)
    assert isinstance(told, DomainError)
    assert told.message == "一个班同时只有一名班主任：请刷新页面，看过现在是谁再换人。"
