"""Pages of the office: jobs live, results for whom they are, notices, and what is switched off by design."""

from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.models import User
from config.errors import DomainError
from office.actions import notify
from office.files import read_file, store_file
from office.models import Job, JobState, Notice, StoredFile
from office.tasks import remove_expired_files
from tests.factories import UserFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def owner(client: Client) -> User:
    user = UserFactory(name="林秀英")
    client.force_login(user)
    return user


def make(owner: User | None, **fields: Any) -> Job:
    return Job.objects.create(task="tests.none", title="生成名册", owner=owner, **fields)


def stored(owner: User, content: bytes = b"roster") -> StoredFile:
    return store_file(
        name="第3期名册.xlsx", kind="roster", content=content, content_type="application/zip", owner=owner
    )


def test_everybody_sees_their_own_jobs_and_the_centre_all(client: Client, owner: User, staff: User) -> None:
    make(owner)
    Job.objects.create(task="tests.none", title="别人的任务", owner=UserFactory())
    page = client.get(reverse("office:jobs")).content.decode()
    assert ("生成名册" in page, "别人的任务" in page) == (True, False)
    client.force_login(staff)
    page = client.get(reverse("office:jobs")).content.decode()
    assert ("生成名册" in page, "别人的任务" in page) == (True, True)


@pytest.mark.parametrize("path", ["office:jobs", "office:notices"])
@pytest.mark.usefixtures("still_clock")
def test_lists_cost_the_same_queries_for_1_and_for_30_rows(client: Client, staff: User, path: str) -> None:
    def fill(count: int) -> None:
        for user in UserFactory.create_batch(count):
            make(user, result_file=stored(user))
            notify(addressees=[staff], subject="通知", text="")

    def cost() -> int:
        with CaptureQueriesContext(connection) as counted:
            client.get(reverse(path))
        return len(counted)

    client.force_login(staff)
    client.get(reverse(path))
    fill(1)
    few = cost()
    fill(29)
    assert cost() == few


def test_job_polls_while_it_runs_and_stops_when_it_ended(client: Client, owner: User) -> None:
    job = make(owner, state=JobState.RUNNING, progress=40, message="第3步")
    page = client.get(reverse("office:job_state", args=[job.pk])).content.decode()
    assert "every 2s" in page
    assert '"X-Poll": "1"' in page
    assert 'value="40"' in page
    Job.objects.update(state=JobState.DONE, progress=100)
    page = client.get(reverse("office:job_state", args=[job.pk])).content.decode()
    assert "every 2s" not in page


def test_owner_stops_a_job_on_its_page(client: Client, owner: User) -> None:
    job = make(owner, state=JobState.RUNNING)
    assert client.get(reverse("office:cancel_job", args=[job.pk])).status_code == 405
    client.post(reverse("office:cancel_job", args=[job.pk]))
    job.refresh_from_db()
    assert job.cancel_requested


def test_ended_job_cannot_be_stopped_and_the_page_says_so(client: Client, owner: User) -> None:
    job = make(owner, state=JobState.DONE)
    answer = client.post(
        reverse("office:cancel_job", args=[job.pk]),
        HTTP_REFERER="http://testserver" + reverse("office:jobs"),
        follow=True,
    )
    assert "这个任务已经结束" in answer.content.decode()


def test_result_is_downloaded_whole_under_its_name(client: Client, owner: User) -> None:
    job = make(owner, state=JobState.DONE, result_file=stored(owner))
    answer = client.get(reverse("office:job_file", args=[job.pk]))
    assert b"".join(answer) == b"roster"
    assert "attachment" in answer["Content-Disposition"]
    assert answer["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize("path", ["office:job", "office:job_state", "office:job_file"])
def test_job_of_somebody_else_is_as_if_absent(client: Client, owner: User, path: str) -> None:
    other = UserFactory()
    job = make(other, state=JobState.DONE, result_file=stored(other))
    assert client.get(reverse(path, args=[job.pk])).status_code == 404


def test_expired_result_is_gone_and_the_page_still_opens(client: Client, owner: User) -> None:
    file = stored(owner, content=b"only here")
    job = make(owner, state=JobState.DONE, result_file=file)
    StoredFile.objects.update(expires_at="2020-01-01T00:00Z")
    remove_expired_files()
    assert client.get(reverse("office:job_file", args=[job.pk])).status_code == 404
    assert "下载" not in client.get(reverse("office:job", args=[job.pk])).content.decode()


def test_expired_file_does_not_take_an_equal_one_with_it(owner: User) -> None:
    """Files are kept under their hash: two rows may share one content."""
    gone, kept = stored(owner), stored(owner)
    StoredFile.objects.filter(pk=gone.pk).update(expires_at="2020-01-01T00:00Z")
    remove_expired_files()
    kept.refresh_from_db()
    assert read_file(kept) == b"roster"


def test_file_lies_sealed_on_disk(owner: User) -> None:
    """A roster holds ID numbers: whoever gets at the folder reads none of them."""
    file = stored(owner, content="干部,990101199001010011".encode())
    with file.content.open("rb") as stream:
        on_disk = stream.read()
    assert b"990101" not in on_disk
    assert read_file(file) == "干部,990101199001010011".encode()


def test_damaged_file_is_told_apart(owner: User) -> None:
    file = stored(owner, content=b"to be damaged")
    file.content.storage.delete(file.content.name)
    file.content.storage.save(file.content.name, ContentFile(b"altered"))
    with pytest.raises(DomainError) as error:
        read_file(file)
    assert error.value.code == "file_damaged"


# --- notices


def test_notice_goes_to_each_person_once_and_to_nobody_without_an_account(owner: User) -> None:
    other = UserFactory()
    notify(addressees=[owner, None, other, owner], subject="集中取消" * 50, text="台风")
    assert sorted(Notice.objects.values_list("addressee", flat=True)) == sorted([owner.pk, other.pk])
    assert len(Notice.objects.first().subject) == 120  # type: ignore[union-attr] # just made


def test_notice_is_marked_read_by_post_and_leads_on(client: Client, owner: User) -> None:
    notice = notify(addressees=[owner], subject="编排已发布", text="", url="/account/me/")[0]
    client.get(reverse("office:notices"))
    notice.refresh_from_db()
    assert notice.read_at is None
    assert client.post(reverse("office:read_notice", args=[notice.pk]))["Location"] == "/account/me/"
    notice.refresh_from_db()
    assert notice.read_at is not None


@pytest.mark.parametrize("url", ["https://example.org/", "//example.org/", "javascript:x"])
def test_notice_never_leads_off_the_site(client: Client, owner: User, url: str) -> None:
    notice = notify(addressees=[owner], subject="x", text="", url=url)[0]
    assert client.post(reverse("office:read_notice", args=[notice.pk]))["Location"] == reverse("office:notices")


def test_all_notices_read_touches_ones_own_alone(client: Client, owner: User) -> None:
    other = UserFactory()
    notify(addressees=[owner, other], subject="x", text="")
    client.post(reverse("office:read_all_notices"))
    assert list(Notice.objects.filter(read_at__isnull=True).values_list("addressee", flat=True)) == [other.pk]


def test_burden_sheet_names_what_the_system_does_not_do(client: Client, owner: User) -> None:
    page = client.get(reverse("office:burdens")).content.decode()
    for word in ("打卡", "定位", "排名", "拍照"):
        assert word in page
