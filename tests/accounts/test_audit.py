import pytest

from accounts import audit
from accounts.models import AuditEntry
from accounts.verification import verify_audit
from cadres.models import Unit
from config.errors import DomainError
from tests.factories import UnitFactory, UserFactory

pytestmark = pytest.mark.django_db


def test_act_that_came_to_nothing_leaves_no_entry() -> None:
    with audit.act("outer", by=None), audit.act("refused_form", by=None) as entry:
        entry.came_to_nothing = True
    assert list(AuditEntry.objects.values_list("act", flat=True)) == ["outer"]


def test_act_that_fails_leaves_no_entry_and_no_row() -> None:
    user = UserFactory()

    def fail() -> None:
        with audit.act("try", by=user):
            UnitFactory(name="试一试局")
            _ = 1 / 0

    with pytest.raises(ZeroDivisionError):
        fail()
    assert not AuditEntry.objects.exists()
    assert not Unit.objects.filter(name="试一试局").exists()


def test_nested_acts_are_written_in_order_of_completion_with_the_outermost() -> None:
    user = UserFactory()
    with audit.act("outer", by=user):
        with audit.act("inner", by=user, reason="因为"):
            pass
        assert not AuditEntry.objects.exists()
    assert list(AuditEntry.objects.order_by("seq").values_list("act", "reason")) == [("inner", "因为"), ("outer", "")]
    assert verify_audit().holds


def test_reason_is_kept_whole_or_refused() -> None:
    with audit.act("longest", by=None, reason="因" * 500):
        pass
    assert AuditEntry.objects.get().reason == "因" * 500
    with pytest.raises(DomainError) as refused, audit.act("longer", by=None, reason="因" * 501):
        UnitFactory(name="试一试局")
    assert (refused.value.code, Unit.objects.exists()) == ("reason_too_long", False)
