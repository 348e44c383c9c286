"""Two at once on real connections: first the damage without the protection, then right every time with it."""

import threading
from collections.abc import Callable
from contextlib import ExitStack

import pgtrigger
import pytest
from django.db import IntegrityError, connection

from accounts import audit
from accounts.models import Role, User
from config.errors import DomainError
from evaluations import actions, invariants
from evaluations.actions import sheets
from evaluations.models import Campaign, Panel, PanelMember, Review, Scorer
from tests.evaluations.conftest import Evaluation, prepare
from tests.factories import UserFactory, user_with_role

pytestmark = pytest.mark.django_db(transaction=True)
ROUNDS = 5
ONE_SHEET = next(row for row in Review._meta.constraints if row.name == "one_sheet_a_scorer")


@pytest.fixture(autouse=True)
def chain_begun() -> None:
    """The audit trail has its head, which emptying the tables takes away and the first entry brings back."""
    audit.record("begin", by=None)


def at_once(*acts: Callable[[], object], unguarded: str = "") -> list[str]:
    """Run the acts in threads that start together; what each came to: "" or the code of its refusal, in their order."""
    barrier = threading.Barrier(len(acts))
    told = ["never ended"] * len(acts)

    def run(place: int) -> None:
        with ExitStack() as stack:
            stack.callback(connection.close)
            connection.ensure_connection()
            if unguarded:
                stack.enter_context(pgtrigger.ignore(unguarded))
            barrier.wait(10)
            try:
                acts[place]()
                told[place] = ""
            except DomainError as error:
                told[place] = error.code
            except IntegrityError as error:
                told[place] = str(error.__cause__.diag.constraint_name)  # type: ignore[union-attr] # psycopg's own error

    threads = [threading.Thread(target=run, args=(place,)) for place in range(len(acts))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return told


def without_lock(monkeypatch: pytest.MonkeyPatch, *meetings: str) -> None:
    """The campaign is read, not locked; the parties meet after each of these steps of keeping a sheet."""

    def read(campaign: Campaign) -> Campaign:
        found = Campaign.objects.get(pk=campaign.pk)
        if found.state != Campaign.State.OPEN:
            raise DomainError("not_open", "not open")
        return found

    monkeypatch.setattr(sheets, "lock_open", read)
    for name in meetings:
        met, step = threading.Barrier(2), getattr(sheets, name)

        def stepping(*arguments: object, step: Callable[..., object] = step, met: threading.Barrier = met) -> object:
            found = step(*arguments)
            met.wait(10)
            return found

        monkeypatch.setattr(sheets, name, stepping)


@pytest.fixture
def evaluation(chain_begun: None) -> Evaluation:
    found = prepare(user_with_role(Role.CENTRE, name="方敏"))
    found.advance("open")
    return found


def cast(found: Evaluation, person: int, *scores: int) -> Callable[[], object]:
    side = found.ours
    return lambda: found.score(side.people[person], side.mentor, Scorer.MENTOR, *scores)


# --- the same sheet twice


def test_two_sheets_exist_without_lock_and_constraint(evaluation: Evaluation, monkeypatch: pytest.MonkeyPatch) -> None:
    without_lock(monkeypatch, "_sheet_in_force")
    with connection.schema_editor() as editor:
        editor.remove_constraint(Review, ONE_SHEET)
    try:
        assert at_once(cast(evaluation, 0, 80), cast(evaluation, 0, 95)) == ["", ""]
        assert Review.objects.filter(enrollment=evaluation.ours.people[0], state="cast").count() == 2
    finally:
        with connection.cursor() as cursor:
            cursor.execute("TRUNCATE evaluations_score, evaluations_review CASCADE")
        with connection.schema_editor() as editor:
            editor.add_constraint(Review, ONE_SHEET)


def test_constraint_alone_leaves_one_sheet_and_an_error(
    evaluation: Evaluation, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_lock(monkeypatch, "_sheet_in_force")
    assert sorted(at_once(cast(evaluation, 0, 80), cast(evaluation, 0, 95))) == ["", "one_sheet_a_scorer"]
    assert Review.objects.count() == 1


def test_same_sheet_handed_in_twice_at_once_is_one_sheet(evaluation: Evaluation) -> None:
    for person in range(ROUNDS):
        assert at_once(cast(evaluation, person, 80), cast(evaluation, person, 80)) == ["", ""]
    assert Review.objects.count() == ROUNDS


def test_different_sheets_at_once_are_one_and_a_conflict(evaluation: Evaluation) -> None:
    for person in range(ROUNDS):
        told = at_once(cast(evaluation, person, 80), cast(evaluation, person, 95))
        assert sorted(told) == ["", "already_cast"]
        kept = Review.objects.get(enrollment=evaluation.ours.people[person])
        assert list(kept.scores.values_list("value", flat=True)) == [80 if told[0] == "" else 95]


# --- a sheet while scoring is frozen


def test_sheet_slips_in_after_freezing_without_lock_and_trigger(
    evaluation: Evaluation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sheet is checked while open, the results are computed, then the sheet is written: they no longer follow."""
    without_lock(monkeypatch)
    checked, computed = threading.Event(), threading.Event()
    write = sheets._write

    def late(*arguments: object) -> None:
        checked.set()
        computed.wait(10)
        write(*arguments)  # type: ignore[arg-type] # handed on as they came

    monkeypatch.setattr(sheets, "_write", late)
    monkeypatch.setattr(sheets, "_sheet_in_force", lambda *_: draft)
    draft = Review.objects.create(
        campaign=evaluation.campaign, enrollment=evaluation.ours.people[0], user=evaluation.ours.mentor, scorer="mentor"
    )

    def freeze_and_compute() -> None:
        checked.wait(10)
        evaluation.advance("freeze", "compute")
        computed.set()

    unguarded = "evaluations.Review:sheets_only_while_open"
    assert at_once(cast(evaluation, 0, 80), freeze_and_compute, unguarded=unguarded) == ["", ""]
    draft.refresh_from_db()
    assert draft.state == "cast"
    assert invariants.results_that_do_not_follow() != []


def test_sheet_is_in_before_freezing_or_refused(evaluation: Evaluation) -> None:
    for person in range(ROUNDS):
        told = at_once(cast(evaluation, person, 80), lambda: evaluation.advance("freeze", "compute"))
        assert told in (["", ""], ["not_open", ""])
        handed_in = Review.objects.filter(enrollment=evaluation.ours.people[person], state="cast").exists()
        assert handed_in is (told[0] == "")
        assert invariants.results_that_do_not_follow() == []
        evaluation.advance("reopen")


# --- seats of a panel


def test_seats_added_at_once_have_numbers_of_their_own(evaluation: Evaluation) -> None:
    panel, staff = evaluation.ours.panel, evaluation.staff
    assert panel is not None
    people = [UserFactory() for _ in range(2)]

    def add(user: User, into: Panel) -> Callable[[], object]:
        return lambda: actions.add_panel_member(panel=into, user=user, kind=PanelMember.Kind.VILLAGER, by=staff)

    assert at_once(*(add(user, panel) for user in people)) == ["", ""]
    assert sorted(panel.members.values_list("number", flat=True)) == [1, 2, 3, 4]
