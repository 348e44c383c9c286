"""The audit trail against somebody with the owner's rights, and against the web role (invariant 11)."""

import contextlib
import io
from collections.abc import Iterator

import pytest
from django.conf import settings
from django.core.management import call_command
from django.db import ProgrammingError, connection, transaction
from django.test import Client

from accounts import audit
from accounts.models import AuditCheckpoint, AuditEntry, AuditHead, Role, User
from accounts.tasks import make_checkpoint
from accounts.verification import verify_audit
from cadres.models import Unit
from tests.factories import UnitFactory, UserFactory, user_with_role

pytestmark = pytest.mark.django_db


def sql(statement: str, *values: object) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)


@pytest.fixture
def trail() -> list[AuditEntry]:
    """Ten acts, the way actions write them."""
    user = UserFactory()
    for number in range(1, 11):
        audit.record("act", by=user, subject=user, reason=f"第{number}次", number=number)
    return list(AuditEntry.objects.order_by("seq"))


def bad_seq() -> int | None:
    return verify_audit().bad_seq


def test_untouched_trail_holds(trail: list[AuditEntry]) -> None:
    verdict = verify_audit()
    assert (verdict.holds, verdict.entries) == (True, 10)
    assert [entry.seq for entry in trail] == list(range(1, 11))


def test_empty_trail_holds() -> None:
    assert verify_audit().holds


@pytest.mark.parametrize("column", ["actor", "act", "subject", "reason", "data", "address", "request_id", "subject_id"])
def test_altered_entry_is_found(trail: list[AuditEntry], column: str) -> None:
    sql(f"UPDATE accounts_auditentry SET {column} = 'x' WHERE seq = 4")  # column names are the test's own
    assert bad_seq() == 4


def test_altered_time_is_found(trail: list[AuditEntry]) -> None:
    sql("UPDATE accounts_auditentry SET at = at - interval '1 microsecond' WHERE seq = 7")
    assert bad_seq() == 7


def test_altered_entry_with_its_own_hash_made_anew_is_found_at_the_next(trail: list[AuditEntry]) -> None:
    entry = trail[3]
    entry.reason = "别的"
    sql("UPDATE accounts_auditentry SET reason = '别的', hash = %s WHERE seq = 4", audit.entry_hash(entry))
    assert bad_seq() == 5


def test_deleted_entry_is_found(trail: list[AuditEntry]) -> None:
    sql("DELETE FROM accounts_auditentry WHERE seq = 6")
    assert bad_seq() == 6


def test_first_entry_deleted_is_found(trail: list[AuditEntry]) -> None:
    sql("DELETE FROM accounts_auditentry WHERE seq = 1")
    assert bad_seq() == 1


def test_swapped_entries_are_found(trail: list[AuditEntry]) -> None:
    sql("UPDATE accounts_auditentry SET seq = -1 WHERE seq = 3")
    sql("UPDATE accounts_auditentry SET seq = 3 WHERE seq = 8")
    sql("UPDATE accounts_auditentry SET seq = 8 WHERE seq = -1")
    assert bad_seq() == 3


def test_cut_off_tail_is_found(trail: list[AuditEntry]) -> None:
    sql("DELETE FROM accounts_auditentry WHERE seq > 7")
    assert bad_seq() == 8


def test_head_that_is_gone_is_found(trail: list[AuditEntry]) -> None:
    sql("DELETE FROM accounts_audithead")
    assert bad_seq() == 10


def test_cut_off_tail_with_the_head_rewritten_is_found_by_the_checkpoint(trail: list[AuditEntry]) -> None:
    make_checkpoint()
    sql("DELETE FROM accounts_auditentry WHERE seq > 7")
    sql("UPDATE accounts_audithead SET seq = 7, hash = %s", trail[6].hash)
    assert bad_seq() == 8


def test_whole_chain_forged_with_right_hashes_is_found_by_the_checkpoint(trail: list[AuditEntry]) -> None:
    make_checkpoint()
    previous = trail[4].previous
    for entry in trail[4:]:
        entry.previous, entry.reason = previous, entry.reason + "（改）"
        entry.hash = previous = audit.entry_hash(entry)
        sql(
            "UPDATE accounts_auditentry SET previous = %s, reason = %s, hash = %s WHERE seq = %s",
            entry.previous, entry.reason, entry.hash, entry.seq,
        )  # fmt: skip
    sql("UPDATE accounts_audithead SET hash = %s", previous)
    assert bad_seq() == 10


def test_checkpoint_with_a_made_up_signature_is_found(trail: list[AuditEntry]) -> None:
    make_checkpoint()
    sql("UPDATE accounts_auditcheckpoint SET hash = %s", "0" * 64)
    assert bad_seq() == 10


def test_checkpoint_is_made_once_for_the_same_end(trail: list[AuditEntry]) -> None:
    make_checkpoint()
    make_checkpoint()
    assert list(AuditCheckpoint.objects.values_list("seq", "hash")) == [(10, trail[9].hash)]
    audit.record("more", by=None)
    make_checkpoint()
    assert AuditCheckpoint.objects.count() == 2
    assert verify_audit().holds


def test_trail_goes_on_after_a_checkpoint(trail: list[AuditEntry]) -> None:
    make_checkpoint()
    audit.record("more", by=None)
    assert (verify_audit().holds, AuditHead.objects.get().seq) == (True, 11)


def test_text_with_the_separator_cannot_shift_columns(trail: list[AuditEntry]) -> None:
    audit.record("act", by=None, reason="a\x1fb\x00c")
    assert AuditEntry.objects.latest("seq").reason == "a b c"
    assert verify_audit().holds


# --- the command and the page


def run() -> tuple[int, str]:
    out = io.StringIO()
    try:
        call_command("verify_audit", stdout=out, stderr=out)
    except SystemExit as end:
        return int(end.code or 0), out.getvalue()
    return 0, out.getvalue()


def test_command_exits_0_when_the_trail_holds(trail: list[AuditEntry]) -> None:
    assert run() == (0, "审计链完好：10 条，0 个检查点。\n")


def test_command_exits_1_and_names_the_first_bad_entry(trail: list[AuditEntry]) -> None:
    sql("UPDATE accounts_auditentry SET reason = 'x' WHERE seq IN (5, 9)")
    code, text = run()
    assert code == 1
    assert "第 5 条" in text


def test_audit_administrator_reads_filters_and_verifies(client: Client, trail: list[AuditEntry]) -> None:
    client.force_login(user_with_role(Role.AUDIT))
    page = client.get("/account/audit/").content.decode()
    assert [f"第{number}次" in page for number in (1, 10)] == [True, True]
    other = client.get("/account/audit/", {"who": "没有这个人"}).content.decode()
    assert "没有符合条件的记录" in other
    sql("UPDATE accounts_auditentry SET reason = 'x' WHERE seq = 5")
    verdict = client.post("/account/audit/verify/", follow=True).content.decode()
    assert "第5条" in verdict


# --- the web role


@contextlib.contextmanager
def web_role() -> Iterator[None]:
    assert settings.DATABASE_WEB_ROLE, "the tests need DATABASE_OWNER_URL beside DATABASE_URL: two roles"
    sql(f'SET ROLE "{settings.DATABASE_WEB_ROLE}"')
    try:
        yield
    finally:
        sql("RESET ROLE")


def refused(statement: str) -> None:
    """The statement fails for lack of rights, and the transaction goes on."""
    with web_role(), pytest.raises(ProgrammingError, match=r"permission denied|must be owner"), transaction.atomic():
        sql(statement)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE accounts_auditentry SET reason = 'x'",
        "DELETE FROM accounts_auditentry",
        "TRUNCATE accounts_auditentry",
        "UPDATE accounts_audithead SET seq = 0",
        "DELETE FROM accounts_audithead",
        "INSERT INTO accounts_audithead (id, seq, hash) VALUES (1, 0, '')",
        "UPDATE accounts_auditcheckpoint SET hash = ''",
        "DELETE FROM accounts_auditcheckpoint",
        "UPDATE cadres_unitevent SET name = 'x'",
        "DELETE FROM cadres_unitevent",
        "TRUNCATE cadres_unitevent",
        "UPDATE accounts_rolegrantevent SET role = 'leader'",
        "ALTER TABLE accounts_auditentry DISABLE TRIGGER chain_audit_entry",
        "DROP TABLE accounts_auditentry",
        "TRUNCATE cadres_unit CASCADE",
    ],
)
def test_web_role_may_not(trail: list[AuditEntry], statement: str) -> None:
    refused(statement)
    assert verify_audit().holds


def test_web_role_writes_entries_and_row_history_by_acting(trail: list[AuditEntry], staff: User) -> None:
    with web_role(), audit.act("rename", by=staff) as entry:
        unit = UnitFactory(name="县一局")
        Unit.objects.filter(pk=unit.pk).update(name="县二局")
        entry.about(unit)
    assert verify_audit().holds
    event = Unit.pgh_event_model.objects.get(pgh_obj_id=unit.pk, pgh_label="update")  # type: ignore[attr-defined] # made by pghistory
    assert (event.name, event.pgh_context.metadata["act"], event.pgh_context.metadata["user"]) == (
        "县二局",
        "rename",
        staff.pk,
    )


def test_web_role_cannot_choose_its_place_in_the_chain(trail: list[AuditEntry]) -> None:
    with web_role():
        sql(
            "INSERT INTO accounts_auditentry (seq, at, actor, act, subject_type, subject_id, subject, reason, data, request_id,"
            " address, previous, hash) VALUES (3, now(), 'x', 'x', '', '', '', '', '{}', '', '', 'x', 'x')"
        )
    assert AuditEntry.objects.latest("seq").seq == 11
    assert verify_audit().holds


def history(unit: Unit) -> list[str]:
    return list(
        Unit.pgh_event_model.objects.filter(pgh_obj_id=unit.pk).order_by("pgh_id").values_list("pgh_label", flat=True)
    )


def test_row_history_sees_bulk_updates_and_sql(staff: User) -> None:
    unit = UnitFactory()
    Unit.objects.filter(pk=unit.pk).update(name="县三局")
    sql("UPDATE cadres_unit SET name = '县四局' WHERE id = %s", unit.pk)
    assert history(unit) == ["insert", "update", "update"]
