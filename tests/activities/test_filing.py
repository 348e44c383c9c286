"""Filing with a client's id, versions, decisions: exactly one row, nothing accepted ever lost."""

import datetime
import json
import threading
import uuid
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from django.db import IntegrityError, connection, connections, transaction
from django.test.utils import CaptureQueriesContext
from hypothesis import given
from hypothesis import strategies as st

from accounts.models import AuditEntry, User
from activities import states
from activities.actions import (
    accept_paper,
    archive_papers,
    file_reflection,
    file_report,
    restore_paper,
    return_paper,
    submit_paper,
    unarchive_papers,
    void_paper,
    withdraw_paper,
)
from activities.actions.papers import canonical, content_of, digest
from activities.invariants import INVARIANTS
from activities.models import ActivityRecord, PaperState, PaperVersion, Reflection
from batches.models import Absence, Batch, ClassMembership, Gathering
from config.errors import Conflict, DomainError
from office.models import Notice
from tests.activities.conftest import DAY, ClassWorld, file, filed, make_class
from tests.factories import BatchFactory, MembershipFactory, VillageFactory

pytestmark = pytest.mark.django_db
D = datetime.date


def refused(code: str, act: Callable[[], Any]) -> str:
    with pytest.raises(DomainError) as caught:
        act()
    assert caught.value.code == code
    return caught.value.message


def broken() -> dict[str, list[str]]:
    return {invariant.code: found for invariant in INVARIANTS if (found := invariant.find())}


def test_record_takes_people_present_and_village_of_the_gathering(ours: ClassWorld) -> None:
    Absence.objects.create(
        gathering=ours.gathering, enrollment=ours.member.enrollment, first_day=DAY, last_day=DAY, entered_by=ours.monitor
    )  # fmt: skip
    late = MembershipFactory(practice_class=ours.practice_class)
    Absence.objects.create(
        gathering=ours.gathering, enrollment=late.enrollment, first_day=D(2026, 9, 11), last_day=D(2026, 9, 11),
        entered_by=ours.monitor,
    )  # fmt: skip
    record = filed(ours)
    assert {enrollment.pk for enrollment in record.participants.all()} == {
        ours.monitoring.enrollment.pk, late.enrollment.pk
    }  # fmt: skip
    assert record.village == ours.gathering.sites.get().base.village
    assert (record.state, record.version, record.author) == (PaperState.SUBMITTED, 1, ours.monitor)


def test_record_outside_a_gathering_takes_the_members_of_the_day(ours: ClassWorld) -> None:
    record = filed(ours, gathering=None, day=D(2026, 10, 1), village=VillageFactory())
    assert record.participants.count() == 2


def test_resend_answers_with_the_same_receipt(ours: ClassWorld) -> None:
    client_id = uuid.uuid4()
    first = file(ours, client_id=client_id)
    again = file(ours, client_id=client_id)
    assert first == again
    assert first.audit_seq == AuditEntry.objects.get(act="save_draft").seq  # the outermost act, written last
    assert first.client_id == client_id
    assert len(first.sha256) == 64
    assert ActivityRecord.objects.count() == PaperVersion.objects.count() == 1
    accept_paper(by=ours.head_teacher, paper=first.paper)  # type: ignore[type-var]
    assert file(ours, client_id=client_id).sha256 == first.sha256
    assert ActivityRecord.objects.get().state == PaperState.ACCEPTED


@pytest.mark.parametrize("state", [PaperState.SUBMITTED, PaperState.ACCEPTED, PaperState.ARCHIVED, PaperState.VOID])
def test_other_content_under_the_same_id_is_a_conflict(ours: ClassWorld, staff: User, state: str) -> None:
    client_id = uuid.uuid4()
    record = filed(ours, client_id=client_id)
    if state in (PaperState.ACCEPTED, PaperState.ARCHIVED):
        accept_paper(by=ours.head_teacher, paper=record)
    if state == PaperState.ARCHIVED:
        archive_papers(by=staff, papers=[record])
    if state == PaperState.VOID:
        void_paper(by=ours.monitor, paper=record, reason="重了")
    with pytest.raises(Conflict) as caught:
        file(ours, client_id=client_id, text="另一段")
    assert caught.value.code == "already_filed"
    record.refresh_from_db()
    assert (record.text, record.state) == ("逐户量尺寸，一天装完。", state)


def test_id_of_another_class_is_a_conflict_that_tells_nothing(ours: ClassWorld, theirs: ClassWorld) -> None:
    record = filed(ours, title="本班的事")
    with pytest.raises(Conflict) as caught:
        file(theirs, client_id=record.client_id)
    assert caught.value.code == "client_id_taken"
    assert "本班的事" not in caught.value.message


def test_late_first_sending_does_not_hand_a_returned_record_in_again(ours: ClassWorld) -> None:
    client_id = uuid.uuid4()
    record = filed(ours, client_id=client_id)
    return_paper(by=ours.head_teacher, paper=record, reason="缺人数")
    file(ours, client_id=client_id)
    record.refresh_from_db()
    assert record.state == PaperState.RETURNED
    with pytest.raises(Conflict):
        file(ours, client_id=client_id, text="旧手机里的另一稿")
    file(ours, client_id=client_id, text="补了人数", expected_version=1)
    record.refresh_from_db()
    assert (record.state, record.text, record.version) == (PaperState.SUBMITTED, "补了人数", 2)


def test_draft_saved_in_between_by_somebody_else_is_a_conflict(ours: ClassWorld, staff: User) -> None:
    record = filed(ours, submit=False)
    file(ours, by=staff, client_id=record.client_id, text="中心改的", submit=False, expected_version=1)
    with pytest.raises(Conflict):
        file(ours, client_id=record.client_id, text="班长改的", expected_version=1)
    record.refresh_from_db()
    assert record.text == "中心改的"


def test_every_handing_in_and_decision_leaves_a_version(ours: ClassWorld) -> None:
    client_id = uuid.uuid4()
    record = filed(ours, client_id=client_id)
    return_paper(by=ours.head_teacher, paper=record, reason="缺人数")
    file(ours, client_id=client_id, people_reached=12, expected_version=1)
    accept_paper(by=ours.counsellor, paper=record)
    versions = list(record.versions.order_by("pk"))
    assert [(v.number, v.state, v.by) for v in versions] == [
        (1, "submitted", ours.monitor), (2, "returned", ours.head_teacher), (3, "submitted", ours.monitor),
        (4, "accepted", ours.counsellor),
    ]  # fmt: skip
    assert versions[1].reason == "缺人数"
    assert [json.loads(v.content)["people_reached"] for v in versions] == [None, None, 12, 12]
    notices = Notice.objects.filter(addressee=ours.monitor).order_by("pk")
    assert [(notice.subject, notice.text) for notice in notices] == [
        ("“帮6户老人装扶手”退回，改后再报", "缺人数"), ("“帮6户老人装扶手”已审核", ""),
    ]  # fmt: skip
    for statement in ("UPDATE activities_paperversion SET content = '{}'", "DELETE FROM activities_paperversion"):
        with pytest.raises(Exception, match="Cannot"), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement)


def test_accepted_record_can_be_returned_and_its_accepted_text_stays(ours: ClassWorld) -> None:
    record = filed(ours)
    accept_paper(by=ours.head_teacher, paper=record)
    return_paper(by=ours.head_teacher, paper=record, reason="重复计了")
    file(ours, client_id=record.client_id, text="改过的", expected_version=1)
    accepted = record.versions.get(state="accepted")
    assert json.loads(accepted.content)["text"] == "逐户量尺寸，一天装完。"


def test_nobody_decides_on_their_own_or_on_other_classes_papers(
    ours: ClassWorld, theirs: ClassWorld, staff: User
) -> None:
    record = filed(ours)
    for user in (ours.monitor, ours.cadre, ours.mentor, theirs.head_teacher, theirs.counsellor):
        refused("not_allowed", lambda user=user: accept_paper(by=user, paper=record))
        refused("not_allowed", lambda user=user: return_paper(by=user, paper=record, reason="缺"))
    own = filed(ours, by=staff)
    refused("not_allowed", lambda: accept_paper(by=staff, paper=own))
    accept_paper(by=staff, paper=record)


def test_nobody_accepts_what_they_handed_in_for_another(ours: ClassWorld, staff: User) -> None:
    """A clerk may finish a monitor's draft, but then somebody else looks at it."""
    draft = filed(ours, submit=False)
    file(ours, by=staff, client_id=draft.client_id, text="代为补全。", expected_version=draft.version)
    draft.refresh_from_db()
    assert draft.state == "submitted"
    refused("own_submission", lambda: accept_paper(by=staff, paper=draft))
    accept_paper(by=ours.head_teacher, paper=draft)


def test_filing_is_for_the_monitor_and_the_centre(ours: ClassWorld, theirs: ClassWorld, leader: User) -> None:
    for user in (ours.cadre, ours.head_teacher, ours.counsellor, theirs.monitor, leader):
        refused("not_allowed", lambda user=user: file(ours, by=user))
    assert not ActivityRecord.objects.exists()
    refused("not_allowed", lambda: file_report(
        by=ours.cadre, practice_class=ours.practice_class, client_id=uuid.uuid4(), title="调研", text="写了"
    ))  # fmt: skip


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"title": " "}, "title_needed"),
        ({"title": "长" * 101}, "text_too_long"),
        ({"text": "长" * 20_001}, "text_too_long"),
        ({"text": "有\x00字"}, "unreadable_text"),
        ({"text": " "}, "incomplete"),
        ({"participants": []}, "incomplete"),
        ({"kind": "meeting"}, "unknown_kind"),
        ({"day": D(2026, 9, 1), "gathering": None}, "outside_batch"),
        ({"day": D(2026, 11, 28), "gathering": None}, "in_future"),
        ({"day": D(2026, 9, 14)}, "outside_gathering"),
        ({"people_reached": -1}, "bad_figure"),
        ({"households_helped": 2_000_000}, "bad_figure"),
        ({"cost": Decimal("-0.01")}, "bad_figure"),
        ({"cost": Decimal("99999999")}, "bad_figure"),
    ],
)
def test_impossible_record_is_refused_and_leaves_nothing(ours: ClassWorld, fields: dict[str, Any], code: str) -> None:
    refused(code, lambda: file(ours, **fields))
    assert not ActivityRecord.objects.exists()
    assert not AuditEntry.objects.exists()


def test_record_takes_neither_foreign_gatherings_nor_foreign_people(ours: ClassWorld, theirs: ClassWorld) -> None:
    refused("other_gathering", lambda: file(ours, gathering=theirs.gathering))
    refused("not_of_class", lambda: file(ours, participants=[theirs.member.enrollment]))
    Gathering.objects.filter(pk=ours.gathering.pk).update(state=Gathering.State.CANCELLED)
    ours.gathering.refresh_from_db()
    refused("other_gathering", lambda: file(ours))


@pytest.mark.parametrize(
    ("state", "code"), [(Batch.State.CLOSED, "batch_closed"), (Batch.State.PLANNED, "batch_not_published")]
)
def test_papers_are_written_while_the_batch_runs(ours: ClassWorld, batch: Batch, state: str, code: str) -> None:
    record = filed(ours)
    Batch.objects.update(state=state)
    ours.practice_class.batch.refresh_from_db()
    refused(code, lambda: file(ours))
    fresh = ActivityRecord.objects.get(pk=record.pk)
    refused(code, lambda: return_paper(by=ours.head_teacher, paper=fresh, reason="缺"))


def test_draft_needs_no_text_and_is_handed_in_later(ours: ClassWorld) -> None:
    record = filed(ours, text="", participants=[], submit=False)
    assert (record.state, record.versions.count()) == (PaperState.DRAFT, 0)
    refused("incomplete", lambda: submit_paper(by=ours.monitor, paper=record))
    file(ours, client_id=record.client_id, participants=[ours.member.enrollment])
    record.refresh_from_db()
    assert (record.state, record.versions.count()) == (PaperState.SUBMITTED, 1)


ACTS: dict[str, Callable[[ClassWorld, User, Any], Any]] = {
    "submit": lambda world, staff, paper: submit_paper(by=world.monitor, paper=paper),
    "withdraw": lambda world, staff, paper: withdraw_paper(by=world.monitor, paper=paper),
    "accept": lambda world, staff, paper: accept_paper(by=world.head_teacher, paper=paper),
    "return": lambda world, staff, paper: return_paper(by=world.head_teacher, paper=paper, reason="缺人数"),
    "archive": lambda world, staff, paper: archive_papers(by=staff, papers=[paper]),
    "unarchive": lambda world, staff, paper: unarchive_papers(by=staff, papers=[paper], reason="要补"),
    "void": lambda world, staff, paper: void_paper(by=world.head_teacher, paper=paper, reason="重了"),
    "restore": lambda world, staff, paper: restore_paper(by=world.monitor, paper=paper, reason="没有重"),
}


@pytest.mark.parametrize("act", list(ACTS))
@pytest.mark.parametrize("state", list(PaperState.values))
def test_each_act_starts_from_its_states_and_no_other(ours: ClassWorld, staff: User, act: str, state: str) -> None:
    record = filed(ours, submit=False)
    ActivityRecord.objects.filter(pk=record.pk).update(state=state)
    record.refresh_from_db()
    if state in states.TRANSITIONS[act].sources:
        ACTS[act](ours, staff, record)
        record.refresh_from_db()
        assert record.state == states.TRANSITIONS[act].target
        assert record.versions.get().state == record.state
    else:
        refused("illegal_transition", lambda: ACTS[act](ours, staff, record))
        record.refresh_from_db()
        assert (record.state, record.versions.count()) == (state, 0)


def test_transitions_know_all_acts_and_every_state_has_a_way_back() -> None:
    assert set(states.TRANSITIONS) == set(ACTS)
    targets = {transition.target for transition in states.TRANSITIONS.values()}
    assert targets == set(PaperState.values)
    for state in PaperState.values:
        assert any(state in transition.sources for transition in states.TRANSITIONS.values())


@pytest.mark.parametrize("act", [name for name, transition in states.TRANSITIONS.items() if transition.reason])
def test_acts_that_go_to_file_need_a_reason_that_fits(ours: ClassWorld, staff: User, act: str) -> None:
    calls: dict[str, Callable[[str], Any]] = {
        "return": lambda why: return_paper(by=ours.head_teacher, paper=filed(ours), reason=why),
        "void": lambda why: void_paper(by=ours.monitor, paper=filed(ours), reason=why),
        "restore": lambda why: restore_paper(by=ours.monitor, paper=filed(ours), reason=why),
        "unarchive": lambda why: unarchive_papers(by=staff, papers=[filed(ours)], reason=why),
    }
    refused("reason_needed", lambda: calls[act]("  "))
    refused("text_too_long", lambda: calls[act]("长" * 301))


def test_accepted_record_is_voided_by_its_reviewers_only(ours: ClassWorld) -> None:
    record = filed(ours)
    stale = ActivityRecord.objects.get(pk=record.pk)
    accept_paper(by=ours.head_teacher, paper=record)
    refused("not_allowed", lambda: void_paper(by=ours.monitor, paper=stale, reason="重了"))
    void_paper(by=ours.head_teacher, paper=stale, reason="重了")


def test_reflection_goes_the_same_way(ours: ClassWorld, theirs: ClassWorld, staff: User) -> None:
    def write(by: User, **fields: Any) -> Any:
        values: dict[str, Any] = {
            "enrollment": ours.member.enrollment, "client_id": uuid.UUID(int=7), "title": "三天见闻", "text": "住在黄家。"
        }  # fmt: skip
        return file_reflection(by=by, **(values | fields))

    for user in (ours.monitor, theirs.cadre, ours.head_teacher):
        refused("not_allowed", lambda user=user: write(user))
    first, again = write(ours.cadre), write(ours.cadre)
    assert first == again
    paper = Reflection.objects.get()
    refused("not_allowed", lambda: accept_paper(by=ours.cadre, paper=paper))
    refused("not_allowed", lambda: accept_paper(by=theirs.mentor, paper=paper))
    return_paper(by=ours.mentor, paper=paper, reason="写具体些")
    write(ours.cadre, text="住在黄家，学会摘橙。", expected_version=1)
    accept_paper(by=ours.head_teacher, paper=paper)
    assert [version.state for version in paper.versions.order_by("pk")] == [
        "submitted",
        "returned",
        "submitted",
        "accepted",
    ]
    by_hand = write(staff, client_id=uuid.uuid4(), title="纸质稿").paper
    accept_paper(by=ours.head_teacher, paper=by_hand)


def test_reflection_of_somebody_who_left_the_class_has_no_class_reviewer(ours: ClassWorld) -> None:
    paper = file_reflection(
        by=ours.cadre, enrollment=ours.member.enrollment, client_id=uuid.uuid4(), title="见闻", text="写了"
    ).paper
    ClassMembership.objects.filter(pk=ours.member.pk).update(live=False)
    refused("not_allowed", lambda: accept_paper(by=ours.head_teacher, paper=paper))  # type: ignore[type-var]


def test_invariants_hold_after_the_whole_course_and_name_what_is_broken(ours: ClassWorld, theirs: ClassWorld) -> None:
    record = filed(ours)
    accept_paper(by=ours.head_teacher, paper=record)
    returned = filed(ours)
    return_paper(by=ours.head_teacher, paper=returned, reason="缺人数")
    filed(ours, submit=False)
    assert broken() == {}
    ActivityRecord.objects.filter(pk=record.pk).update(text="事后改的", author=ours.head_teacher)
    record.participants.add(MembershipFactory().enrollment)
    ActivityRecord.objects.filter(pk=returned.pk).update(gathering=theirs.gathering)
    Gathering.objects.filter(pk=theirs.gathering.pk).update(
        state=Gathering.State.CONFIRMED, confirmed_by=ours.monitor, confirmed_at=datetime.datetime.now(datetime.UTC)
    )
    assert set(broken()) == {"7a", "7c", "7d", "8c", "9a"}


def test_invariant_finds_a_version_altered_by_the_owner_of_the_database(ours: ClassWorld) -> None:
    filed(ours)
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("ALTER TABLE activities_paperversion DISABLE TRIGGER USER")
        cursor.execute("UPDATE activities_paperversion SET content = replace(content, '6', '60')")
        cursor.execute("ALTER TABLE activities_paperversion ENABLE TRIGGER USER")
    assert set(broken()) == {"7a", "7b"}


@given(text=st.text(max_size=60), title=st.text(min_size=1, max_size=60))
@pytest.mark.django_db(transaction=False)
def test_content_hash_changes_with_the_text_alone(text: str, title: str) -> None:
    paper = Reflection(title=title, text=text, enrollment_id=1)
    content = content_of(paper)
    assert json.loads(canonical(content)) == content
    assert digest(content) == digest(dict(reversed(content.items())))
    assert digest(content) != digest(content | {"text": text + "。"})


@pytest.mark.django_db(transaction=True)
def test_32_parallel_sendings_make_one_record() -> None:
    world = make_class(BatchFactory(state=Batch.State.RUNNING))
    one = uuid.uuid4()
    receipts, errors = _in_parallel(32, lambda n: file(world, client_id=one))
    assert errors == []
    assert len({(receipt.client_id, receipt.sha256, receipt.audit_seq) for receipt in receipts}) == 1
    assert ActivityRecord.objects.count() == PaperVersion.objects.count() == 1
    assert AuditEntry.objects.filter(act="submit_paper").count() == 1


@pytest.mark.django_db(transaction=True)
def test_without_the_unique_id_parallel_sendings_make_many() -> None:
    """The damage that the constraint prevents: drop it, and the same race leaves more than one row."""
    world = make_class(BatchFactory(state=Batch.State.RUNNING))
    one, gate = uuid.uuid4(), threading.Barrier(8)
    table = ActivityRecord._meta.db_table
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT conname FROM pg_constraint WHERE conrelid = %s::regclass AND contype = 'u' AND conname LIKE %s",
            [table, "%client_id%"],
        )
        (name,) = cursor.fetchone()
        cursor.execute(f'ALTER TABLE {table} DROP CONSTRAINT "{name}"')
    try:
        _in_parallel(8, lambda n: (gate.wait(), _insert_after_looking(world, one, gate)))
        assert ActivityRecord.objects.count() == 8
    finally:
        ActivityRecord.objects.all().delete()
        with connection.cursor() as cursor:
            cursor.execute(f'ALTER TABLE {table} ADD CONSTRAINT "{name}" UNIQUE (client_id)')
    _insert(world, one)
    with pytest.raises(IntegrityError):
        _insert(world, one)


def _insert_after_looking(world: ClassWorld, client_id: uuid.UUID, gate: threading.Barrier) -> None:
    found = ActivityRecord.objects.filter(client_id=client_id).exists()
    gate.wait()
    if not found:
        _insert(world, client_id)


def _insert(world: ClassWorld, client_id: uuid.UUID) -> None:
    ActivityRecord.objects.create(
        practice_class=world.practice_class,
        client_id=client_id,
        kind="deed",
        day=DAY,
        title="扶手",
        author=world.monitor,
    )


def _in_parallel(number: int, work: Callable[[int], Any]) -> tuple[list[Any], list[BaseException]]:
    """Run the work in threads of their own connections, all let go at once."""
    start = threading.Barrier(number)
    results: list[Any] = []
    errors: list[BaseException] = []

    def run(n: int) -> None:
        try:
            start.wait()
            results.append(work(n))
        except BaseException as error:
            errors.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=(n,)) for n in range(number)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results, errors


def test_filing_takes_the_same_queries_for_a_small_and_a_large_class(ours: ClassWorld) -> None:
    def count() -> int:
        with CaptureQueriesContext(connection) as queries:
            file(ours)
        return len(queries)

    file(ours)
    few = count()
    for _ in range(15):
        MembershipFactory(practice_class=ours.practice_class)
    assert count() == few
