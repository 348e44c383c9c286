"""A household's course: application, review, public notice, objection, admission, and what comes after."""

import datetime

import pytest
from django.db import IntegrityError, transaction

from accounts.models import AuditEntry, User
from bases import actions, invariants, states
from bases.models import HostHousehold, PracticeBase
from config.errors import DomainError
from office.models import CalendarDay
from tests.factories import BaseFactory, HouseholdFactory

pytestmark = pytest.mark.django_db
MONDAY = datetime.date(2026, 9, 7)
FRIDAY = datetime.date(2026, 9, 11)
SATURDAY = datetime.date(2026, 9, 12)


@pytest.fixture
def base() -> PracticeBase:
    return BaseFactory()


@pytest.fixture
def applied(base: PracticeBase, staff: User) -> HostHousehold:
    return actions.apply_household(base=base, head="黄永福", address="3号", phone="19900000001", by=staff)


@pytest.fixture
def on_notice(applied: HostHousehold, staff: User) -> HostHousehold:
    """From Monday to Friday."""
    actions.review_household(household=applied, on=MONDAY, by=staff)
    return actions.open_notice(household=applied, first_day=MONDAY, until=FRIDAY, by=staff)


def code_of(act: object, **arguments: object) -> str:
    """The code of the refusal; the row must be as it was."""
    household = arguments["household"]
    before = HostHousehold.objects.filter(pk=household.pk).values().get()
    with pytest.raises(DomainError) as raised:
        act(**arguments)
    assert HostHousehold.objects.filter(pk=household.pk).values().get() == before
    return raised.value.code


def test_course_from_application_to_admission(on_notice: HostHousehold, staff: User) -> None:
    admitted = actions.admit_household(household=on_notice, on=SATURDAY, by=staff)
    admitted.refresh_from_db()
    assert (admitted.state, admitted.reviewed_on, admitted.notice_from, admitted.notice_until, admitted.admitted_on) == (
        "admitted", MONDAY, MONDAY, FRIDAY, SATURDAY,
    )  # fmt: skip
    told = AuditEntry.objects.filter(subject_type="bases.HostHousehold").order_by("seq").values_list("act", "actor_id")
    assert list(told) == [
        (act, staff.pk) for act in ("apply_household", "review_household", "open_notice", "admit_household")
    ]


def test_notice_of_five_working_days_skips_weekends_and_holidays(applied: HostHousehold, staff: User) -> None:
    actions.review_household(household=applied, on=MONDAY, by=staff)
    CalendarDay.objects.create(day=FRIDAY, kind=CalendarDay.Kind.HOLIDAY, name="节日")
    with pytest.raises(DomainError) as raised:
        actions.open_notice(household=applied, first_day=MONDAY, until=FRIDAY + datetime.timedelta(2), by=staff)
    assert raised.value.code == "notice_too_short"
    assert "最早到 2026-09-14" in raised.value.message
    actions.open_notice(household=applied, first_day=MONDAY, until=FRIDAY + datetime.timedelta(3), by=staff)


def test_notice_needs_a_review_before_it(applied: HostHousehold, staff: User) -> None:
    later = datetime.date(2026, 10, 30)
    assert code_of(actions.open_notice, household=applied, until=later, by=staff) == "not_reviewed"
    actions.review_household(household=applied, on=MONDAY, by=staff)
    early = MONDAY - datetime.timedelta(1)
    refused = code_of(actions.open_notice, household=applied, first_day=early, until=later, by=staff)
    assert refused == "notice_before_review"


def test_admission_on_the_last_day_of_the_notice_is_too_early(on_notice: HostHousehold, staff: User) -> None:
    assert code_of(actions.admit_household, household=on_notice, on=FRIDAY, by=staff) == "notice_running"


def test_admission_of_a_notice_made_too_short_by_a_late_holiday_waits(on_notice: HostHousehold, staff: User) -> None:
    CalendarDay.objects.create(day=MONDAY, kind=CalendarDay.Kind.HOLIDAY, name="节日")
    assert code_of(actions.admit_household, household=on_notice, on=SATURDAY, by=staff) == "notice_running"
    actions.admit_household(household=on_notice, on=datetime.date(2026, 9, 15), by=staff)


def test_days_in_the_future_are_refused(applied: HostHousehold, staff: User) -> None:
    future = datetime.date(2999, 1, 1)
    assert code_of(actions.review_household, household=applied, on=future, by=staff) == "day_in_future"
    actions.review_household(household=applied, on=MONDAY, by=staff)
    actions.open_notice(household=applied, first_day=MONDAY, until=FRIDAY, by=staff)
    assert code_of(actions.admit_household, household=applied, on=future, by=staff) == "day_in_future"


def test_open_objection_bars_admission_until_settled(on_notice: HostHousehold, staff: User) -> None:
    actions.raise_objection(household=on_notice, text="房屋有安全隐患", by=staff)
    assert code_of(actions.raise_objection, household=on_notice, text="另一条", by=staff) == "objection_open"
    assert code_of(actions.admit_household, household=on_notice, by=staff) == "objection_open"
    assert code_of(actions.cancel_notice, household=on_notice, reason="填错", by=staff) == "objection_open"
    actions.settle_objection(household=on_notice, upheld=False, finding="已鉴定，房屋安全", by=staff)
    assert (
        code_of(actions.settle_objection, household=on_notice, upheld=False, finding="无", by=staff) == "no_objection"
    )
    actions.admit_household(household=on_notice, on=SATURDAY, by=staff)


def test_upheld_objection_sends_back_to_review(on_notice: HostHousehold, staff: User) -> None:
    actions.raise_objection(household=on_notice, text="户主在外打工", by=staff)
    actions.settle_objection(household=on_notice, upheld=True, finding="属实", by=staff)
    on_notice.refresh_from_db()
    assert (on_notice.state, on_notice.reviewed_on, on_notice.notice_until, on_notice.open_objection) == (
        "applied", None, None, "",
    )  # fmt: skip


def test_suspension_and_return(on_notice: HostHousehold, staff: User) -> None:
    household = actions.admit_household(household=on_notice, on=SATURDAY, by=staff)
    household = actions.suspend_household(household=household, reason="修房子", by=staff)
    assert (household.state, household.state_reason) == ("suspended", "修房子")
    assert actions.resume_household(household=household, by=staff).state == "admitted"


def test_who_left_begins_anew_with_review_and_notice(on_notice: HostHousehold, staff: User) -> None:
    household = actions.admit_household(household=on_notice, on=SATURDAY, by=staff)
    actions.withdraw_household(household=household, reason="年纪大了", by=staff)
    household = actions.reapply_household(household=household, by=staff)
    assert (household.state, household.admitted_on, household.reviewed_on) == ("applied", None, None)
    assert code_of(actions.admit_household, household=household, by=staff) == "illegal_transition"


def test_rejection_ends_an_objected_application(on_notice: HostHousehold, staff: User) -> None:
    actions.raise_objection(household=on_notice, text="不符合条件", by=staff)
    household = actions.reject_household(household=on_notice, reason="核查属实", by=staff)
    assert (household.state, household.open_objection, household.state_reason) == ("rejected", "", "核查属实")


@pytest.mark.parametrize(
    "act", ["reject", "suspend", "withdraw", "cancel_notice", "raise_objection", "settle_objection"]
)
def test_acts_that_go_on_file_ask_why(act: str, staff: User) -> None:
    state = states.HOUSEHOLD[act].sources[-1]
    household = HouseholdFactory(state=state)
    calls = {
        "reject": lambda: actions.reject_household(household=household, reason=" ", by=staff),
        "suspend": lambda: actions.suspend_household(household=household, reason=" ", by=staff),
        "withdraw": lambda: actions.withdraw_household(household=household, reason="", by=staff),
        "cancel_notice": lambda: actions.cancel_notice(household=household, reason="", by=staff),
        "raise_objection": lambda: actions.raise_objection(household=household, text=" ", by=staff),
        "settle_objection": lambda: actions.settle_objection(household=household, upheld=True, finding="", by=staff),
    }
    with pytest.raises(DomainError) as raised:
        calls[act]()
    assert raised.value.code == "reason_missing"
    household.refresh_from_db()
    assert household.state == state


@pytest.mark.parametrize("act", sorted(states.HOUSEHOLD))
@pytest.mark.parametrize("state", list(HostHousehold.State))
def test_only_listed_transitions_are_legal(act: str, state: HostHousehold.State, staff: User) -> None:
    """Every act from every state: the action refuses exactly what the table does not list."""
    household = HouseholdFactory(state=state)
    calls = {
        "review": lambda: actions.review_household(household=household, by=staff),
        "reject": lambda: actions.reject_household(household=household, reason="x", by=staff),
        "open_notice": lambda: actions.open_notice(household=household, until=datetime.date(2030, 1, 1), by=staff),
        "cancel_notice": lambda: actions.cancel_notice(household=household, reason="x", by=staff),
        "raise_objection": lambda: actions.raise_objection(household=household, text="x", by=staff),
        "settle_objection": lambda: actions.settle_objection(household=household, upheld=True, finding="x", by=staff),
        "admit": lambda: actions.admit_household(household=household, by=staff),
        "suspend": lambda: actions.suspend_household(household=household, reason="x", by=staff),
        "resume": lambda: actions.resume_household(household=household, by=staff),
        "withdraw": lambda: actions.withdraw_household(household=household, reason="x", by=staff),
        "reapply": lambda: actions.reapply_household(household=household, by=staff),
    }
    listed, code = states.HOUSEHOLD[act], ""
    try:
        calls[act]()
    except DomainError as error:
        code = error.code
    assert (code == "illegal_transition") == (state not in listed.sources), code
    after = state if code else listed.target or state
    household.refresh_from_db()
    assert household.state == after


def test_database_refuses_admission_without_notice() -> None:
    household = HouseholdFactory(
        state=HostHousehold.State.APPLIED, notice_from=None, notice_until=None, admitted_on=None
    )
    with pytest.raises(IntegrityError, match="admission_needs_notice_without_objection"), transaction.atomic():
        HostHousehold.objects.filter(pk=household.pk).update(state="admitted")


def test_invariant_finds_admission_within_the_notice() -> None:
    HouseholdFactory()
    assert invariants.admitted_without_full_notice() == []
    hasty = HouseholdFactory(admitted_on=datetime.date(2025, 11, 10))
    assert len(invariants.admitted_without_full_notice()) == 1
    assert str(hasty.pk) in invariants.admitted_without_full_notice()[0]


def test_same_household_applies_once(applied: HostHousehold, base: PracticeBase, staff: User) -> None:
    with pytest.raises(DomainError) as raised:
        actions.apply_household(base=base, head=" 黄永福", address="3号", by=staff)
    assert raised.value.code == "household_twice"
    actions.apply_household(base=base, head="黄永福", address="5号", by=staff)
    assert HostHousehold.objects.filter(base=base).count() == 2


def test_phone_is_encrypted_at_rest(applied: HostHousehold) -> None:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SELECT phone FROM bases_hosthousehold WHERE id = %s", [applied.pk])
        stored = cursor.fetchone()[0]
    assert stored
    assert "19900000001" not in stored
    applied.refresh_from_db()
    assert applied.phone == "19900000001"


def test_notice_and_admission_are_in_no_year_nobody_means(on_notice: HostHousehold, staff: User) -> None:
    actions.cancel_notice(household=on_notice, reason="填错", by=staff)
    far, old = datetime.date(2062, 9, 7), datetime.date(1999, 9, 7)
    for days in ({"first_day": MONDAY, "until": far}, {"first_day": old, "until": FRIDAY}):
        assert code_of(actions.open_notice, household=on_notice, by=staff, **days) == "outlandish_day"
    assert code_of(actions.admit_household, household=on_notice, on=old, by=staff) == "outlandish_day"
