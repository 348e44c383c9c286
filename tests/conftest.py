"""The standing cast and the harness that bites."""

import pytest
from django.conf import settings

from accounts.models import Role, User
from tests import factories


@pytest.fixture(autouse=True)
def plain_static_files() -> None:
    """Pages under test name static files as they are; the manifest is made at build and tested by itself."""
    settings.STORAGES["staticfiles"]["BACKEND"] = "django.contrib.staticfiles.storage.StaticFilesStorage"


@pytest.fixture
def staff(db: None) -> User:
    """Somebody of the service centre."""
    return factories.user_with_role(Role.CENTRE, name="方敏")


@pytest.fixture
def leader(db: None) -> User:
    return factories.user_with_role(Role.LEADER, name="陈副书记")


@pytest.fixture
def outsider(db: None) -> User:
    """Signed in, with no relation to anything."""
    return factories.UserFactory(name="外人")
