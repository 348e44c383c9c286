"""The demonstration's evaluation, on a small batch: through the acts, the same every time."""

from typing import Any

import pytest

from accounts.models import User
from batches.models import Batch
from evaluations import actions, invariants
from evaluations.demonstration import evaluate
from evaluations.duties import duties_of
from evaluations.models import Campaign, PanelMember, Result, Review
from tests.evaluations.conftest import Side, make_side
from tests.factories import BatchFactory, HouseholdFactory, UnitFactory

pytestmark = pytest.mark.django_db
HASH = "!"


@pytest.fixture
def batch(db: None) -> Batch:
    found = BatchFactory(number=1, state=Batch.State.EVALUATING)
    UnitFactory(name="县水利局")
    HouseholdFactory(head="黄永福")
    for number, size in ((1, 6), (2, 10)):
        make_side(found, number, size)
    return found


def test_final_evaluation_stands_and_breaks_nothing(batch: Batch, staff: User) -> None:
    campaign = evaluate(batch, staff, password_hash=HASH, until="final")
    assert Campaign.objects.get().state == campaign.state == "final"
    assert Result.objects.count() == 16
    assert not Result.objects.filter(tied=True).exists()
    assert [row.code for row in invariants.INVARIANTS if row.find()] == []
    users = PanelMember.objects.order_by("number").values_list("user__username", "user__is_demo", "user__password")
    assert list(users) == [(f"pingshen{n:02d}", True, HASH) for n in range(1, 6)]
    assert PanelMember.objects.get(number=1).household.head == "黄永福"


def test_open_evaluation_leaves_something_to_everybody(batch: Batch, staff: User) -> None:
    campaign = evaluate(batch, staff, password_hash=HASH, until="open")
    assert campaign.state == "open"
    progress = [duty.progress for duty in duties_of([campaign])]
    assert all(row.left and row.cast for row in progress)
    cast, due = sum(row.cast for row in progress), sum(row.due for row in progress)
    assert 0.4 < cast / due < 0.6


def test_last_place_is_decided_by_the_panel(batch: Batch, staff: User, monkeypatch: pytest.MonkeyPatch) -> None:
    settled: list[dict[str, Any]] = []
    settle = actions.settle_tie

    def note(**options: Any) -> None:
        settled.append(options)
        settle(**options)

    monkeypatch.setattr(actions, "settle_tie", note)
    evaluate(batch, staff, password_hash=HASH)
    assert [row["excellent"] for row in settled] == [True, False]


def test_second_session_uses_the_same_accounts(batch: Batch, staff: User) -> None:
    evaluate(batch, staff, password_hash=HASH)
    other = BatchFactory(number=2, state=Batch.State.EVALUATING)
    sides: list[Side] = [make_side(other, number, 4) for number in (1, 2)]
    evaluate(other, staff, password_hash=HASH, until="open")
    assert User.objects.filter(username__startswith="pingshen").count() == 5
    assert Review.objects.filter(enrollment__in=sides[0].people).exists()
