"""What the database refuses is told as a conflict, with the constraint's own words where it has them."""

import datetime

import pytest
from django.db import IntegrityError, connection, transaction
from django.test import Client, RequestFactory

from accounts.models import User
from batches.models import Batch
from config.errors import Conflict, DomainError
from config.middleware import JUST_CHANGED, DomainErrors, refusal_of
from tests import factories

pytestmark = pytest.mark.django_db


def refused_by_database(**changes: object) -> IntegrityError:
    batch = factories.BatchFactory()
    with pytest.raises(IntegrityError) as caught, transaction.atomic():
        Batch.objects.filter(pk=batch.pk).update(**changes)
    return caught.value


def test_constraint_with_words_of_its_own_says_them() -> None:
    refusal = refusal_of(refused_by_database(last_day=datetime.date(2020, 1, 1)))
    assert isinstance(refusal, Conflict)
    assert refusal.message == "结束日期早于开始日期：请把结束改到开始之后。"


def test_constraint_without_words_says_that_somebody_was_faster() -> None:
    number = factories.BatchFactory().number
    refusal = refusal_of(refused_by_database(number=number))
    assert isinstance(refusal, Conflict)
    assert refusal.message == JUST_CHANGED


def test_row_that_refers_to_something_taken_away_says_that_somebody_was_faster() -> None:
    batch = factories.BatchFactory()
    Batch.objects.filter(pk=batch.pk).update(programme=batch.programme_id + 1)
    with pytest.raises(IntegrityError) as caught:
        connection.check_constraints()
    refusal = refusal_of(caught.value)
    assert isinstance(refusal, Conflict)
    assert (refusal.code, refusal.message) == ("just_changed", JUST_CHANGED)


def test_missing_value_is_our_fault_and_stays_an_error() -> None:
    assert refusal_of(refused_by_database(first_day=None)) is None
    assert refusal_of(ValueError("x")) is None


def test_domain_error_is_told_as_it_is() -> None:
    error = DomainError("code", "这样不行。")
    assert refusal_of(error) is error


def test_conflict_answers_409_with_our_page(rf: RequestFactory, client: Client, staff: User) -> None:
    request = rf.post("/")
    request.user = staff
    request.session = client.session
    answer = DomainErrors(lambda _: pytest.fail("not asked")).process_exception(
        request, refused_by_database(last_day=datetime.date(2020, 1, 1))
    )
    assert answer is not None
    assert answer.status_code == 409
    assert "请把结束改到开始之后" in answer.content.decode()
    assert "打开刚才那一页" not in answer.content.decode()


@pytest.mark.parametrize(
    ("came_from", "shown"), [("http://testserver/batches/2/studio/", True), ("http://else.cn/", False)]
)
def test_conflict_page_leads_back_to_where_the_act_was_asked(
    rf: RequestFactory, client: Client, staff: User, came_from: str, shown: bool
) -> None:
    request = rf.post("/batches/2/publish/", HTTP_REFERER=came_from)
    request.user = staff
    request.session = client.session
    answer = DomainErrors(lambda _: pytest.fail("not asked")).process_exception(
        request, Conflict("x", "刚改过。请再看。")
    )
    assert answer is not None
    assert (f'href="{came_from}"' in answer.content.decode()) == shown
