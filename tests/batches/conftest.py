"""The small county at its different stages; tests that use it run on 2027-02-15."""

from collections.abc import Callable, Iterator

import pytest
import time_machine
from django.test import Client

from accounts.models import Role, User
from tests import factories
from tests.batches.county import NOW, County, make_county, name_everybody, plan_by_hand, publish_by_hand


@pytest.fixture
def clock() -> Iterator[time_machine.Traveller]:
    """2027-02-15, nine in the morning; it moves when told to."""
    with time_machine.travel(NOW, tick=False) as traveller:
        yield traveller


@pytest.fixture
def county(clock: time_machine.Traveller, staff: User) -> County:
    """A batch in preparation."""
    return make_county(staff)


@pytest.fixture
def nominating(county: County, staff: User) -> County:
    """Eight names confirmed."""
    name_everybody(county, staff)
    return county


@pytest.fixture
def planned(nominating: County, staff: User) -> County:
    """A plan that keeps every rule, not published."""
    plan_by_hand(nominating, staff)
    return nominating


@pytest.fixture
def published(county: County, staff: User) -> County:
    """Version 1 in force."""
    publish_by_hand(county, staff)
    return county


@pytest.fixture
def colleague(db: None) -> User:
    """Somebody else of the centre."""
    return factories.user_with_role(Role.CENTRE, name="林晓雯")


@pytest.fixture
def desk(client: Client, staff: User, clock: time_machine.Traveller) -> Client:
    """The centre's browser."""
    client.force_login(staff, backend="django.contrib.auth.backends.ModelBackend")
    return client


@pytest.fixture
def signed_in() -> Callable[[User], Client]:
    """Makes somebody's browser."""

    def enter(user: User) -> Client:
        client = Client()
        client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
        return client

    return enter
