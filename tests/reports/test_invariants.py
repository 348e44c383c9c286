"""`check_invariants` and its nightly look: whole on a sound county, and each finds a row broken past the constraints."""

import io

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from accounts import audit
from accounts.models import AuditEntry, User
from batches.models import Lodging
from office.invariants import Invariant
from reports import invariants, tasks
from reports.invariants import all_invariants, check
from tests.batches.county import County, make_county, publish_by_hand

pytestmark = pytest.mark.django_db


def ran() -> tuple[int, str]:
    """Exit status and output of the command."""
    output = io.StringIO()
    try:
        call_command("check_invariants", stdout=output)
    except CommandError as error:
        return error.returncode, output.getvalue()
    return 0, output.getvalue()


@pytest.fixture
def county(staff: User) -> County:
    """A published plan, made by the acts themselves: nothing in it is broken."""
    found = make_county(staff)
    publish_by_hand(found, staff)
    return found


def share_a_bed() -> None:
    """A second person in an occupied bed, with the constraint that forbids it taken away (rolled back with the test)."""
    one, other = Lodging.objects.filter(live=True).order_by("gathering", "household", "pk")[:2]
    assert (one.gathering_id, one.household_id) == (other.gathering_id, other.household_id)
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("ALTER TABLE batches_lodging DROP CONSTRAINT one_person_a_bed_a_night")
        cursor.execute("UPDATE batches_lodging SET bed_id = %s WHERE id = %s", [one.bed_id, other.pk])


def lines_of(output: str) -> dict[str, str]:
    """Mark by code."""
    return {line.split()[1]: line[0] for line in output.splitlines() if line[:1] in "✓✗"}


def test_sound_county_passes(county: County) -> None:
    status, output = ran()
    marks = lines_of(output)
    assert status == 0, output
    assert set(marks.values()) == {"✓"}
    assert set(marks) == {invariant.code for invariant in all_invariants()}


def test_every_line_so_far_is_asked(db: None) -> None:
    """At least one query for each line of what must never be broken that has rows by now."""
    numbers = {int("".join(filter(str.isdigit, invariant.code))) for invariant in all_invariants()}
    assert {1, 2, 3, 4, 5, 6, 7, 11} <= numbers
    codes = [invariant.code for invariant in all_invariants()]
    assert len(codes) == len(set(codes))


def test_shared_bed_is_found_and_named(county: County) -> None:
    share_a_bed()
    status, output = ran()
    assert status == 1
    broken = [code for code, mark in lines_of(output).items() if mark == "✗"]
    assert broken == ["2a"]
    assert "同一晚用一张床" in output


def test_altered_trail_is_found(staff: User) -> None:
    with audit.act("ask_for_notice", by=staff):
        pass
    with connection.cursor() as cursor:
        cursor.execute("UPDATE accounts_auditentry SET actor = '别人' WHERE seq = %s", [last_entry().seq])
    status, output = ran()
    assert status == 1
    assert lines_of(output)["11"] == "✗"
    assert f"第 {last_entry().seq} 条" in output


def last_entry() -> AuditEntry:
    return AuditEntry.objects.order_by("-seq")[0]


def test_long_list_of_broken_rows_is_cut_and_counted(monkeypatch: pytest.MonkeyPatch, db: None) -> None:
    many = Invariant("1a", "示例", lambda: [f"第 {n} 行" for n in range(50)])
    monkeypatch.setattr(invariants, "all_invariants", lambda: [many])
    status, output = ran()
    assert status == 1
    assert output.count("      第 ") == 20
    assert "共 50 处" in output


def test_nightly_look_logs_an_error_for_each_broken_line(county: County, caplog: pytest.LogCaptureFixture) -> None:
    tasks.check_invariants()
    assert [record for record in caplog.records if record.name == "reports.tasks"] == []
    share_a_bed()
    tasks.check_invariants()
    logged = [record for record in caplog.records if record.name == "reports.tasks"]
    assert {record.levelname for record in logged} == {"ERROR"}
    assert next((record.msg["event"], record.msg["code"], record.msg["rows"]) for record in logged) == (
        "invariant_broken", "2a", 1,
    )  # fmt: skip


def test_outcomes_are_in_the_order_of_their_codes(db: None) -> None:
    numbers = [int("".join(filter(str.isdigit, outcome.invariant.code))) for outcome in check()]
    assert numbers == sorted(numbers)
