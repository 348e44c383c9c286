"""Units in order of pinyin, wherever they are listed."""

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import User
from batches.forms.waivers import WaiverForm
from batches.outlooks import story_of
from batches.queries import answerable_units
from cadres.models import Unit
from tests import factories
from tests.batches.county import County

pytestmark = pytest.mark.django_db
NAMES = ("安平镇人民政府", "白云乡人民政府", "东溪镇人民政府", "县财政局", "县公安局")
"""By code point 东溪 would be first, and 县公安局 before 县财政局."""


@pytest.fixture
def units(db: None) -> list[Unit]:
    return [factories.UnitFactory(name=name) for name in reversed(NAMES)]


def test_units_are_listed_by_pinyin(units: list[Unit], staff: User) -> None:
    assert sorted(NAMES) != list(NAMES)
    assert [unit.name for unit in Unit.objects.all()] == list(NAMES)
    assert [unit.name for unit in answerable_units(staff) if unit.name in NAMES] == list(NAMES)
    renamed = units[0]
    renamed.name = "阿里镇人民政府"
    renamed.save()
    assert next(unit.name for unit in Unit.objects.all()) == "阿里镇人民政府"


def test_choices_and_the_coverage_page_list_units_by_pinyin(county: County, desk: Client, units: list[Unit]) -> None:
    for unit in units:
        factories.CadreFactory(unit=unit)
    choices = WaiverForm(county.batch).fields["unit"].queryset  # type: ignore[attr-defined] # a model choice
    assert [unit.name for unit in choices if unit.name in NAMES] == list(NAMES)
    story = story_of(county.batch.programme)
    assert [row["name"] for row in story.units if row["name"] in NAMES] == list(NAMES)
    shown = desk.get(reverse("batches:countdown")).content.decode()
    places = [shown.index(f">{name}<") for name in NAMES]
    assert places == sorted(places)
