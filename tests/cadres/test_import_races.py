"""Two clerks at once on real connections: the damage without the locks first, then every round right with them."""

import threading
from collections.abc import Callable

import pytest

from accounts import audit
from accounts.models import AuditEntry
from cadres import actions
from cadres.actions import committing
from cadres.models import Cadre, RosterImport
from tests.cadres.lists import read, written
from tests.cadres.sheets import PERSON, SECOND, roster_of
from tests.factories import UnitFactory
from tests.races import at_once

pytestmark = pytest.mark.django_db(transaction=True)
ROUNDS = 10
RANKS = ("一级主任科员", "二级主任科员")


@pytest.fixture(autouse=True)
def chain_begun() -> None:
    """The audit trail has its head, which emptying the tables takes away and the first entry brings back."""
    audit.record("begin", by=None)


def two_lists() -> list[RosterImport]:
    """Two lists that give one cadre different ranks, both previewed against the same register."""
    Cadre.objects.update(rank="一级科员")
    return [read(roster_of(PERSON | {"职级": rank})) for rank in RANKS]


def commit(roster_import: RosterImport) -> Callable[[], object]:
    return lambda: actions.commit_import(roster_import=roster_import, by=None)


def without_locks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Cadres are read, not locked; and both lists have been compared before either is written."""
    met = threading.Barrier(2)

    def unlocked(cadre_ids: set[int]) -> dict[int, Cadre]:
        found = Cadre.objects.select_related("unit").in_bulk(list(cadre_ids))
        met.wait(10)
        return found

    monkeypatch.setattr(committing, "lock_register", lambda: None)
    monkeypatch.setattr(committing, "lock_cadres", unlocked)


def test_two_lists_at_once_without_the_locks_overwrite_each_other_unseen(monkeypatch: pytest.MonkeyPatch) -> None:
    UnitFactory(name="县林业局")
    written(roster_of(PERSON))
    lists = two_lists()
    without_locks(monkeypatch)
    assert at_once(*map(commit, lists)) == ["", ""], "both believe to have changed 一级科员, one change is lost"


def test_two_lists_at_once_are_written_one_and_refused_one() -> None:
    UnitFactory(name="县林业局")
    written(roster_of(PERSON))
    for _ in range(ROUNDS):
        lists = two_lists()
        told = at_once(*map(commit, lists))
        assert sorted(told) == ["", "preview_outdated"]
        assert Cadre.objects.get().rank == RANKS[told.index("")]


def test_one_list_written_by_two_clerks_at_once_is_written_once() -> None:
    UnitFactory(name="县林业局")
    for _ in range(ROUNDS):
        Cadre.objects.all().delete()
        roster_import = read(roster_of(PERSON, PERSON | SECOND))
        before = AuditEntry.objects.filter(act="commit_import").count()
        assert sorted(at_once(commit(roster_import), commit(roster_import))) == ["", "illegal_transition"]
        assert Cadre.objects.count() == 2
        assert AuditEntry.objects.filter(act="commit_import").count() == before + 1


def test_two_lists_with_the_same_new_person_bring_him_once() -> None:
    UnitFactory(name="县林业局")
    for _ in range(ROUNDS):
        Cadre.objects.all().delete()
        lists = [read(roster_of(PERSON)) for _ in range(2)]
        assert sorted(at_once(*map(commit, lists))) == ["", "preview_outdated"]
        assert Cadre.objects.count() == 1


def test_change_on_a_page_at_once_with_a_list_is_never_lost_unseen() -> None:
    UnitFactory(name="县林业局")
    written(roster_of(PERSON))
    for _ in range(ROUNDS):
        roster_import = two_lists()[0]
        told = at_once(commit(roster_import), lambda: Cadre.objects.update(rank="三级主任科员"))
        rank = Cadre.objects.get().rank
        assert (told[0], rank) in {("", "三级主任科员"), ("preview_outdated", "三级主任科员")}, (told, rank)
