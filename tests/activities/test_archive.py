"""Papers of a closed batch go into the archive by one act of the centre."""

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import User
from activities import queries
from activities.actions import accept_paper, archive_batch
from batches.models import Batch
from config.errors import DomainError
from tests.activities.conftest import ClassWorld, filed

pytestmark = pytest.mark.django_db


def close(world: ClassWorld) -> Batch:
    batch = world.practice_class.batch
    Batch.objects.filter(pk=batch.pk).update(state=Batch.State.CLOSED)
    batch.refresh_from_db()
    return batch


def refusal(by: User, batch: Batch) -> str:
    with pytest.raises(DomainError) as refused:
        archive_batch(by=by, batch=batch)
    return refused.value.code


def test_accepted_papers_of_a_closed_batch_are_archived_and_others_stay(ours: ClassWorld, staff: User) -> None:
    accepted, waiting = filed(ours), filed(ours)
    accept_paper(by=ours.head_teacher, paper=accepted)
    assert refusal(staff, ours.practice_class.batch) == "not_closed"
    batch = close(ours)
    assert refusal(ours.head_teacher, batch) == "not_allowed"
    assert archive_batch(by=staff, batch=batch) == 1
    accepted.refresh_from_db()
    waiting.refresh_from_db()
    assert (accepted.state, waiting.state) == ("archived", "submitted")


def test_the_centre_is_told_and_does_it_from_the_page(ours: ClassWorld, staff: User, client: Client) -> None:
    record = filed(ours)
    accept_paper(by=ours.head_teacher, paper=record)
    told = f"归档{close(ours)}的纪实、心得和报告"
    assert told in [todo.what for todo in queries.todo(staff)]
    client.force_login(staff)
    page = reverse("activities:five_ones", args=[ours.practice_class.batch_id])
    assert "归档 1 份材料" in client.get(page).content.decode()
    done = client.post(reverse("activities:archive", args=[ours.practice_class.batch_id]), follow=True).content.decode()
    assert "已归档" in done
    assert "1 份材料" in done
    assert told not in [todo.what for todo in queries.todo(staff)]
