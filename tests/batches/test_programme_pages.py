"""The pages of a programme and of a new batch: what their forms take and refuse."""

import datetime
import re

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.test import Client
from django.urls import reverse

from accounts.models import User
from batches.actions.batch import create_batch
from batches.models import Batch, Programme
from batches.parameters import GROUPS, MEANINGS, rule_summary
from config.errors import DomainError
from office.models import CalendarDay
from tests.batches.county import County
from tests.batches.pages import page, post

pytestmark = pytest.mark.django_db


def programme_data(**changes: object) -> dict[str, object]:
    data: dict[str, object] = {
        name: value for name, value in ((row["field"], getattr(Programme(), row["field"])) for row in rule_summary(Programme()))
        if value not in (False, [], "")
    }  # fmt: skip
    tracks = {
        "tracks-TOTAL_FORMS": 2, "tracks-INITIAL_FORMS": 0, "tracks-MIN_NUM_FORMS": 1, "tracks-MAX_NUM_FORMS": 12,
        "tracks-0-order": 1, "tracks-0-name": "综合班", "tracks-0-classes_per_batch": 2,
        "tracks-1-order": 2, "tracks-1-name": "", "tracks-1-classes_per_batch": "",
    }  # fmt: skip
    return data | {"name": "四下基层实践", "start_weekdays": [5], "age_bands": "30、35，40"} | tracks | changes


def test_every_parameter_has_a_meaning_and_a_place() -> None:
    fields = {field.name for field in Programme._meta.concrete_fields} - {"id", "version", "supersedes"}
    assert {name for _, names in GROUPS for name in names} == fields == set(MEANINGS)


def test_first_programme_and_first_batch_of_an_empty_county(desk: Client) -> None:
    assert "先定项目规则" in page(desk, "list")
    assert "先定项目规则" in desk.get(reverse("batches:create"), follow=True).content.decode()
    assert 'value="40"' in page(desk, "programme_create")
    post(desk, "programme_create", **programme_data())
    programme = Programme.objects.get()
    assert (programme.start_weekdays, programme.age_bands) == ([5], [30, 35, 40])
    assert [(track.name, track.classes_per_batch) for track in programme.tracks.all()] == [("综合班", 2)]
    shown = page(desk, "programme")
    assert all(str(row["meaning"]) in shown for row in rule_summary(programme))
    made = post(
        desk, "create", programme=programme.pk, number=1, first_day="2027-03-01", last_day="2027-03-28"
    )  # fmt: skip
    assert "第1期建好了，2 个班" in made
    assert Batch.objects.get().classes.count() == 2


def test_track_that_is_offered_is_taken_as_it_stands(desk: Client) -> None:
    assert re.search(r'name="tracks-0-classes_per_batch" value="6"', page(desk, "programme_create"))
    post(desk, "programme_create", **programme_data(**{"tracks-0-classes_per_batch": 6}))
    assert [(track.name, track.classes_per_batch) for track in Programme.objects.get().tracks.all()] == [("综合班", 6)]


def test_programme_form_keeps_what_was_typed(desk: Client) -> None:
    shown = post(desk, "programme_create", **programme_data(class_size_min=30, name="留住的名字"))
    assert "每班人数要在最少与最多之间" in shown
    assert "留住的名字" in shown
    assert not Programme.objects.exists()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("age_bands", "三十"),
        ("age_bands", "5"),
        ("name", "名" * 100_000),
        ("class_size", "9" * 40),
        ("pair_max_km", "-3"),
        ("min_village_days", "9999"),
        ("min_distinct_villages", "61"),
    ],
)
def test_programme_form_refuses_nonsense(desk: Client, field: str, value: str) -> None:
    response = desk.post(reverse("batches:programme_create"), programme_data(**{field: value}))
    assert response.status_code == 422
    assert not Programme.objects.exists()


def test_quota_of_nobody_is_refused_by_form_and_database(desk: Client, county: County) -> None:
    response = desk.post(reverse("batches:programme_create"), programme_data(unit_max_per_batch=0))
    assert response.status_code == 422
    assert "确保该值大于或等于1" in response.content.decode()
    with pytest.raises(IntegrityError, match="programme_quota_from_one"), transaction.atomic():
        Programme.objects.update(unit_max_per_batch=0)
    with pytest.raises(ValidationError, match="各单位每期最多至少 1 人"):
        Programme(unit_max_per_batch=0).validate_constraints()


def test_tracks_of_a_programme_in_force_become_a_new_version(desk: Client, published: County) -> None:
    track = published.batch.programme.tracks.get()
    data = programme_data() | {"tracks-TOTAL_FORMS": 1, "tracks-INITIAL_FORMS": 1, "tracks-0-id": track.pk}
    data |= {"tracks-0-classes_per_batch": 3, "tracks-0-levels": "科员级、乡科级副职"}
    post(desk, "programme_tracks", published.batch.programme.pk, **data)
    new = Programme.objects.get(version=2)
    assert [(row.classes_per_batch, row.levels) for row in new.tracks.all()] == [(3, ["科员级", "乡科级副职"])]
    assert published.batch.programme.tracks.get().classes_per_batch == 2


def test_batch_form_refuses_a_taken_number(desk: Client, county: County) -> None:
    shown = post(
        desk, "create", programme=county.batch.programme.pk, number=1, first_day="2027-06-07", last_day="2027-08-29"
    )  # fmt: skip
    assert "第1期已经有了" in shown
    assert Batch.objects.count() == 1


def test_programme_without_a_single_class_is_refused_at_the_field(desk: Client, county: County) -> None:
    track = county.batch.programme.tracks.get()
    data = programme_data() | {"tracks-INITIAL_FORMS": 1, "tracks-0-id": track.pk, "tracks-0-classes_per_batch": 0}
    response = desk.post(reverse("batches:programme_tracks", args=[county.batch.programme.pk]), data)
    assert response.status_code == 422
    assert response.context["formset"].forms[0].errors["classes_per_batch"] == [
        "一个班都没有，什么也编不成。请填 1 或更多。"
    ]
    track.refresh_from_db()
    assert (track.classes_per_batch, county.batch.classes.count()) == (2, 2)
    second = {"tracks-1-name": "青年班", "tracks-1-classes_per_batch": 2}
    post(desk, "programme_tracks", county.batch.programme.pk, **data | second)
    assert [row.classes_per_batch for row in county.batch.programme.tracks.order_by("order")] == [0, 2]


def test_track_that_is_not_held_is_told_at_the_field(desk: Client, county: County) -> None:
    shown = page(desk, "programme_tracks", county.batch.programme.pk)
    assert "填 0 是暂不办：归入这个班型的干部排不进，也不改归别的班型" in shown


def test_pages_of_batches_open_where_rules_have_no_class(desk: Client, county: County) -> None:
    programme = county.batch.programme
    programme.tracks.update(classes_per_batch=0)
    county.batch.classes.all().delete()
    cure = f'<a href="{reverse("batches:programme")}">项目规则</a>'
    for name in ("list", "countdown", "outlook"):
        shown = page(desk, name)
        assert "每期班数合起来是 0，一个班也没有" in shown, name
        assert "batches[0]" not in shown, name
        assert name == "list" or cure in shown, name
    dashboard = desk.get(reverse("reports:dashboard"))
    assert dashboard.status_code == 200
    assert "每期班数合起来是 0" in dashboard.content.decode()


@pytest.mark.parametrize(
    ("first", "last", "field", "told"),
    [
        ("2027-06-07", "2027-06-09", "last_day", "只有 3 天，每 2 周集中一次，有的班一次也轮不到。请改到 2027-06-20 或以后。"),
        ("2027-06-07", "2027-06-06", "last_day", "早于开始日期。请改到开始之后。"),
        (
            "2027-03-15", "2027-06-06", "first_day",
            "与第1期（2027-03-01 至 2027-03-28）的日子重叠。请改到 2027-03-29 或以后；确实要同时办的，勾选“与别的期同时办”。",
        ),
    ],
)  # fmt: skip
def test_batch_form_refuses_days_that_cannot_be(
    desk: Client, county: County, first: str, last: str, field: str, told: str
) -> None:
    data = {"programme": county.batch.programme.pk, "number": 2, "first_day": first, "last_day": last}
    response = desk.post(reverse("batches:create"), data)
    assert response.status_code == 422
    assert response.context["form"].errors == {field: [told]}
    assert Batch.objects.count() == 1
    if field == "first_day":
        assert "第2期建好了" in post(desk, "create", **data, together="on")


@pytest.mark.parametrize(
    ("field", "value"), [("full_coverage_age", 200), ("full_coverage_age", 3), ("batch_months", 400)]
)
def test_figures_that_no_county_means_are_refused_with_the_bounds(
    desk: Client, county: County, field: str, value: int
) -> None:
    programme = county.batch.programme
    response = desk.post(reverse("batches:programme_edit", args=[programme.pk]), programme_data(**{field: value}))
    assert response.status_code == 422
    assert response.context["form"].errors[field][0].startswith("要在 ")
    tried = desk.get(reverse("batches:outlook"), {"programme": programme.pk, field: value})
    assert tried.status_code == 422
    assert field in tried.context["form"].errors


@pytest.mark.parametrize(("first", "last", "told"), [
    ("9999-01-01", "9999-12-31", "要在 2000-01-01 到 2037-12-31 之间。请看看年份有没有写错。"),
    ("2027-05-01", "2072-06-01", "要在 2000-01-01 到 2037-12-31 之间。请看看年份有没有写错。"),
    ("2027-05-01", "2028-06-01", "有 398 天，一期不超过一年。请改日期。"),
    ("2026-05-01", "2027-05-01", "有 366 天，一期不超过一年。请改日期。"),
    ("2028-02-29", "2029-03-01", "有 367 天，一期不超过一年。请改日期。"),
])  # fmt: skip
def test_batch_in_a_year_nobody_means_is_refused_by_form_and_act(
    desk: Client, county: County, staff: User, first: str, last: str, told: str
) -> None:
    programme = county.batch.programme
    assert told in post(desk, "create", programme=programme.pk, number=2, first_day=first, last_day=last)
    with pytest.raises(DomainError) as refused:
        create_batch(
            programme=programme, number=2, first_day=datetime.date.fromisoformat(first),
            last_day=datetime.date.fromisoformat(last), by=staff,
        )  # fmt: skip
    assert refused.value.code in ("outlandish_day", "too_long")
    assert Batch.objects.count() == 1


@pytest.mark.parametrize(
    ("first", "last"), [("2028-01-01", "2028-12-31"), ("2027-05-01", "2028-04-30"), ("2028-02-29", "2029-02-28")]
)
def test_batch_may_last_a_whole_year_with_the_day_that_a_leap_year_has_more(
    county: County, staff: User, first: str, last: str
) -> None:
    days = {"first_day": datetime.date.fromisoformat(first), "last_day": datetime.date.fromisoformat(last)}
    assert create_batch(programme=county.batch.programme, number=2, by=staff, **days).pk


@pytest.mark.parametrize(
    ("first", "holiday", "told"),
    [
        ("2027-06-07", "", "请改到 2027-06-20 或以后。"),
        ("2027-06-11", "", "请改到 2027-06-24 或以后。"),
        ("2027-06-12", "", "请改到 2027-06-27 或以后。"),
        ("2027-06-07", "2027-06-12", "请改到 2027-06-27 或以后。"),
    ],
)
def test_batch_lasts_until_odd_and_even_classes_have_had_a_day_to_begin_on(
    desk: Client, county: County, staff: User, first: str, holiday: str, told: str
) -> None:
    """Gatherings begin on Fridays: from a Saturday on, or with its days off, the first week is none of the odd classes'."""
    if holiday:
        CalendarDay.objects.create(day=datetime.date.fromisoformat(holiday), kind=CalendarDay.Kind.HOLIDAY)
    day, programme = datetime.date.fromisoformat(first), county.batch.programme
    days = {"first_day": first, "last_day": (day + datetime.timedelta(days=12)).isoformat()}
    assert told in post(desk, "create", programme=programme.pk, number=2, **days)
    least = datetime.date.fromisoformat(told[4:14])
    before = least - datetime.timedelta(days=1)
    with pytest.raises(DomainError) as refused:
        create_batch(programme=programme, number=2, first_day=day, last_day=before, by=staff)
    assert refused.value.code == "too_short"
    assert create_batch(programme=programme, number=2, first_day=day, last_day=least, by=staff).pk


def test_batch_of_rules_that_no_day_meets_is_asked_for_a_fortnight(county: County, staff: User) -> None:
    programme = county.batch.programme
    programme.start_weekdays, programme.weekend_days_min = [1], 2
    programme.save()
    day, last = datetime.date(2027, 6, 7), datetime.date(2027, 6, 20)
    assert create_batch(programme=programme, number=2, first_day=day, last_day=last, by=staff).pk
