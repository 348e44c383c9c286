"""Working days, the published calendar, and its page."""

import datetime
import io

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.test import Client
from django.urls import reverse

from accounts.models import AuditEntry, User
from config.errors import DomainError
from office.calendar import (
    LUNAR,
    add_working_days,
    festival_days,
    holidays,
    is_provisional,
    seed_calendar,
    working_weekend_days,
)
from office.models import CalendarDay

pytestmark = pytest.mark.django_db
DAY = datetime.timedelta(days=1)


def day(text: str) -> datetime.date:
    return datetime.date.fromisoformat(text)


def test_published_year_has_its_days_off_and_make_up_days() -> None:
    seeded = seed_calendar(2026, by=None)
    assert (seeded.added, seeded.kept) == (39, 0)
    assert holidays(day("2026-02-14"), day("2026-02-24")) == [day("2026-02-15") + DAY * n for n in range(9)]
    assert working_weekend_days(day("2026-01-01"), day("2026-12-31")) == [
        day(each) for each in ("2026-01-04", "2026-02-14", "2026-02-28", "2026-05-09", "2026-09-20", "2026-10-10")
    ]


@pytest.mark.parametrize(
    ("year", "statutory"),
    [
        (2025, "01-01 01-28 01-29 01-30 01-31 04-04 05-01 05-02 05-31 10-01 10-02 10-03 10-06"),
        (2026, "01-01 02-16 02-17 02-18 02-19 04-05 05-01 05-02 06-19 09-25 10-01 10-02 10-03"),
    ],
)
def test_statutory_are_the_13_festival_days_themselves(year: int, statutory: str) -> None:
    seed_calendar(year, by=None)
    found = CalendarDay.objects.filter(statutory=True).order_by("day").values_list("day", flat=True)
    assert [f"{each:%m-%d}" for each in found] == statutory.split()


@pytest.mark.parametrize("year", sorted(LUNAR))
def test_festival_table_gives_13_days(year: int) -> None:
    """In 2028 Mid-autumn falls on the third day of National Day."""
    assert len(festival_days(year)) == (12 if year == 2028 else 13)


def test_seeding_again_changes_nothing_and_keeps_what_was_entered_by_hand() -> None:
    CalendarDay.objects.create(day=day("2026-05-01"), kind="workday", name="防汛值班", source="县政府通知")
    assert seed_calendar(2026, by=None).kept == 1
    assert seed_calendar(2026, by=None).added == 0
    assert CalendarDay.objects.get(day=day("2026-05-01")).name == "防汛值班"


def test_year_that_is_not_published_is_refused_in_words_and_stays_provisional() -> None:
    with pytest.raises(DomainError) as error:
        seed_calendar(2030, by=None)
    assert error.value.code == "calendar_unknown"
    assert is_provisional(2030)
    assert not AuditEntry.objects.exists()


def test_year_with_rows_is_not_provisional() -> None:
    seed_calendar(2026, by=None)
    assert (is_provisional(2026), is_provisional(2027)) == (False, True)


def test_festival_days_are_off_before_the_notice_is_out() -> None:
    """2027: 春节 from the last day of the old year, 2027-02-05, to the third of the new one."""
    assert is_provisional(2027)
    spring = [day(f"2027-02-0{n}") for n in (5, 6, 7, 8)]
    assert holidays(day("2026-12-30"), day("2027-02-28")) == [day("2027-01-01"), *spring]
    assert holidays(day("2027-02-06"), day("2027-02-07")) == spring[1:3]
    CalendarDay.objects.create(day=day("2027-01-01"), kind="workday", name="防汛值班", source="县政府通知")
    assert holidays(day("2026-12-30"), day("2027-01-31")) == []


@pytest.mark.parametrize(
    ("start", "n", "end"),
    [
        ("2026-11-20", 1, "2026-11-23"),  # Friday → Monday
        ("2026-11-20", 5, "2026-11-27"),
        ("2026-11-21", 1, "2026-11-23"),  # from a Saturday
        ("2026-09-30", 1, "2026-10-08"),  # over National Day
        ("2026-09-18", 1, "2026-09-20"),  # a Sunday that is worked
        ("2026-10-09", 1, "2026-10-10"),  # a Saturday that is worked
    ],
)
def test_working_days_follow_the_calendar(start: str, n: int, end: str) -> None:
    seed_calendar(2026, by=None)
    assert add_working_days(day(start), n) == day(end)


def test_no_working_day_is_no_question() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        add_working_days(day("2026-11-20"), 0)


@pytest.mark.parametrize(("n", "m"), [(1, 1), (1, 5), (4, 2), (10, 3)])
def test_working_days_add_up_over_every_holiday_of_autumn(n: int, m: int) -> None:
    seed_calendar(2026, by=None)
    for start in (day("2026-09-10") + DAY * shift for shift in range(35)):
        assert add_working_days(add_working_days(start, n), m) == add_working_days(start, n + m)


def test_year_is_entered_by_a_button_of_the_calendar(client: Client, staff: User) -> None:
    client.force_login(staff)
    page = client.get(reverse("admin:office_calendarday_changelist")).content.decode()
    assert "登记这一年的放假和调休" in page
    client.post(reverse("office:seed_calendar"), {"year": "2026"})
    assert not is_provisional(2026)
    assert AuditEntry.objects.get(act="seed_calendar").actor_id == staff.pk


@pytest.mark.parametrize("year", ["", "x", "1999", "2030"])
def test_year_that_cannot_be_entered_is_told(client: Client, staff: User, year: str) -> None:
    client.force_login(staff)
    back = "http://testserver" + reverse("admin:office_calendarday_changelist")
    answer = client.post(reverse("office:seed_calendar"), {"year": year}, HTTP_REFERER=back)
    assert answer.status_code == 302
    assert not CalendarDay.objects.exists()


def test_command_enters_a_year_and_refuses_an_unknown_one() -> None:
    out = io.StringIO()
    call_command("seed_calendar", "2026", stdout=out)
    assert "登记 39 天" in out.getvalue()
    with pytest.raises(CommandError, match="2030"):
        call_command("seed_calendar", "2030")
