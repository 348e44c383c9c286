"""Two clerks change one arrangement at once: the second is told what the first did, and nothing is lost silently."""

import json
import re
from collections.abc import Callable, Iterator

import pytest
import time_machine
from django.test import Client
from django.urls import reverse

from accounts import audit
from accounts.models import AuditEntry, Role, User
from bases.models import Bed
from batches.actions.beds import place_in_bed
from batches.actions.gatherings import cancel_days, cancel_gathering
from batches.actions.people import move_member
from batches.actions.plans import publish_plan, withdraw_publication
from batches.models import Batch, Gathering, Lodging
from batches.queries import latest_run
from config.errors import Conflict, DomainError
from tests import factories
from tests.batches.county import FIRST, NOW, County, make_county, publish_by_hand
from tests.batches.pages import page
from tests.races import at_once


@pytest.fixture
def desk(staff: User) -> Client:
    client = Client()
    client.force_login(staff)
    return client


def revision(county: County) -> int:
    return Batch.objects.get(pk=county.batch.pk).revision


# One after the other


@pytest.mark.django_db
def test_act_from_an_old_page_is_refused_and_says_who_did_what(published: County, staff: User, colleague: User) -> None:
    seen = revision(published)
    cancel_gathering(gathering=published.gathering(1, 1), by=colleague, reason="台风", seen=seen)
    with pytest.raises(Conflict) as refused:
        cancel_gathering(gathering=published.gathering(2, 1), by=staff, reason="台风", seen=seen)
    assert refused.value.code == "arrangement_changed"
    assert re.fullmatch(
        f"您打开页面以后，林晓雯 [-0-9: ]+ 办了“取消集中”（{published.batch}第1班第1次集中）。"
        "您的改动没有写入，请看过最新安排再改。",
        refused.value.message,
    )
    assert published.gathering(2, 1).state == Gathering.State.PLANNED
    cancel_gathering(gathering=published.gathering(2, 1), by=staff, reason="台风", seen=seen + 1)
    assert revision(published) == seen + 2


@pytest.mark.django_db
def test_own_change_in_another_window_is_told_as_ones_own(published: County, staff: User) -> None:
    seen = revision(published)
    cancel_gathering(gathering=published.gathering(1, 1), by=staff, reason="台风", seen=seen)
    with pytest.raises(Conflict, match=r"您打开页面以后，您自己 [-0-9: ]+ 办了“取消集中”") as refused:
        cancel_gathering(gathering=published.gathering(2, 1), by=staff, reason="台风", seen=seen)
    assert staff.name not in refused.value.message


@pytest.mark.django_db
def test_every_act_on_an_arrangement_counts_once(published: County, staff: User) -> None:
    seen = revision(published)
    cancel_days(batch=published.batch, first_day=FIRST, last_day=FIRST.replace(day=14), by=staff, reason="台风")
    assert Gathering.objects.filter(state="cancelled").count() == 2
    assert revision(published) == seen + 1
    withdraw_publication(batch=published.batch, by=staff, reason="重来", seen=seen + 1)
    assert revision(published) == seen + 2


@pytest.mark.django_db
def test_refused_act_does_not_count(published: County, staff: User) -> None:
    seen = revision(published)
    mover = published.enrollment(published.cadres[0])
    with pytest.raises(DomainError, match="R02"):
        move_member(enrollment=mover, to=published.classes[1], from_day=FIRST, by=staff, reason="换周次", seen=seen)
    assert revision(published) == seen


@pytest.mark.django_db
def test_publication_from_an_old_page_is_refused(planned: County, staff: User) -> None:
    run = latest_run(planned.batch)
    assert run is not None
    seen = revision(planned)
    Batch.objects.update(revision=seen + 1)
    with pytest.raises(Conflict, match="您打开页面以后，有人改了安排"):
        publish_plan(batch=planned.batch, run=run, by=staff, seen=seen)
    assert Batch.objects.get(pk=planned.batch.pk).state == Batch.State.PLANNED
    publish_plan(batch=planned.batch, run=run, by=staff, seen=seen + 1)


@pytest.mark.django_db
def test_form_from_an_old_page_comes_back_with_what_was_typed_and_can_be_sent_again(
    published: County, colleague: User, desk: Client
) -> None:
    url = reverse("batches:adjust", args=[published.batch.pk])
    seen = revision(published)
    assert f'name="cancel-revision" value="{seen}"' in desk.get(url).content.decode()
    cancel_gathering(gathering=published.gathering(1, 1), by=colleague, reason="台风")
    target = published.gathering(2, 1)
    data = {"form": "cancel", "cancel-gathering": target.pk, "cancel-reason": "农忙", "cancel-revision": seen}
    for more in ({"look": "1"}, {}):
        answer = desk.post(url, data | more)
        shown = answer.content.decode()
        assert answer.status_code == 422
        assert re.search("您打开页面以后，林晓雯 [-0-9: ]+ 办了“取消集中”", shown)
        assert 'value="农忙"' in shown
        assert f'name="cancel-revision" value="{seen + 1}"' in shown
        assert published.gathering(2, 1).state == Gathering.State.PLANNED
    assert desk.post(url, data | {"cancel-revision": seen + 1}).status_code == 302
    assert Gathering.objects.get(pk=target.pk).state == Gathering.State.CANCELLED


@pytest.mark.django_db
def test_withdrawal_of_a_publication_from_an_old_page_is_refused(
    published: County, colleague: User, desk: Client
) -> None:
    batch = published.batch
    url = reverse("batches:withdraw", args=[batch.pk])

    def shown() -> str:
        [dialog] = re.findall('<dialog[^>]* id="withdraw".*?</dialog>', page(desk, "batch", batch.pk), re.DOTALL)
        [seen] = re.findall('name="revision" value="([0-9]+)"', dialog)
        return str(seen)

    data = {"reason": "换次序", "revision": shown()}
    cancel_gathering(gathering=published.gathering(1, 1), by=colleague, reason="台风")
    answer = desk.post(url, data)
    assert answer.status_code == 409
    assert re.search("您打开页面以后，林晓雯 [-0-9: ]+ 办了“取消集中”", answer.content.decode())
    assert Batch.objects.get(pk=batch.pk).state == Batch.State.PUBLISHED
    assert desk.post(url, data | {"revision": shown()}).status_code == 302
    assert Batch.objects.get(pk=batch.pk).state == Batch.State.PLANNED


@pytest.mark.django_db
def test_look_at_consequences_carries_the_revision_seen(published: County, colleague: User, desk: Client) -> None:
    url = reverse("batches:adjust", args=[published.batch.pk])
    seen = revision(published)
    data = {"form": "cancel", "cancel-gathering": published.gathering(2, 1).pk, "cancel-reason": "农忙"}
    shown = desk.post(url, data | {"cancel-revision": seen, "look": "1"}).content.decode()
    assert f'<input type="hidden" name="cancel-revision" value="{seen}">' in shown
    assert revision(published) == seen
    assert not AuditEntry.objects.filter(act="cancel_gathering").exists()


# Both at once


@pytest.fixture
def two_clerks(transactional_db: None) -> Iterator[tuple[County, User, User]]:
    """A published county and two clerks, on real connections."""
    audit.record("begin", by=None)
    with time_machine.travel(NOW, tick=False):
        one, two = (factories.user_with_role(Role.CENTRE, name=name) for name in ("张敏", "林晓雯"))
        county = make_county(one)
        publish_by_hand(county, one)
        yield county, one, two


def choices(county: County, *clerks: User, seen: int | None) -> list[Callable[[], object]]:
    """Each clerk gives the same woman another bed of an empty household."""
    gathering = county.gathering(1, 1)
    woman = gathering.lodgings.filter(sex="F", live=True).order_by("pk")[0].enrollment
    home = factories.HouseholdFactory(base=county.bases[0], beds=2)
    beds = Bed.objects.filter(room__household=home).order_by("number")

    def choice(bed: Bed, by: User) -> Callable[[], object]:
        return lambda: place_in_bed(gathering=gathering, enrollment=woman, bed=bed, by=by, seen=seen)

    return [choice(bed, by) for bed, by in zip(beds, clerks, strict=True)]


def test_without_the_check_one_clerks_choice_is_lost(two_clerks: tuple[County, User, User]) -> None:
    county, one, two = two_clerks
    assert at_once(*choices(county, one, two, seen=None)) == ["", ""]
    said = [json.loads(entry.data)["bed"] for entry in AuditEntry.objects.filter(act="place_in_bed")]
    assert len(said) == 2
    assert Lodging.objects.filter(live=True, bed__in=said).count() == 1, "both were told it was done"


def test_with_the_check_one_is_written_and_the_other_is_told(two_clerks: tuple[County, User, User]) -> None:
    county, one, two = two_clerks
    for _ in range(5):
        acts = choices(county, one, two, seen=revision(county))
        before = AuditEntry.objects.filter(act="place_in_bed").count()
        assert sorted(at_once(*acts)) == ["", "arrangement_changed"]
        assert AuditEntry.objects.filter(act="place_in_bed").count() == before + 1
