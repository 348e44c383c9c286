"""Papers asked for on a page: a job whose worker writes the file; others' classes are not there."""

import io

import pytest
from django.test import Client
from django.urls import reverse
from docx import Document
from openpyxl import load_workbook

from accounts.models import AuditEntry, User
from batches.models import Batch, Gathering
from office.files import read_file
from office.models import Job, JobState
from reports import tasks
from tests import factories
from tests.reports.conftest import Course

pytestmark = pytest.mark.django_db

ASKED = {
    "roster": ("ask_roster", "practice_class", tasks.class_roster, "第3期第7班花名册.xlsx"),
    "sign_in": ("ask_sign_in", "coming", tasks.sign_in_sheet, "第3期第7班第2次集中签到表.xlsx"),
    "lodging": ("ask_lodging", "coming", tasks.lodging_table, "第3期第7班第2次集中住宿安排表.xlsx"),
    "notice": ("ask_notice", "batch", tasks.dispatch_notice, "第3期抽调通知.docx"),
}
OF_A_CLASS = [name for name in ASKED if name != "notice"]


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client


def address(name: str, course: Course) -> str:
    route, target, _, _ = ASKED[name]
    return reverse(f"reports:{route}", args=[getattr(course, target).pk])


def carried_out(job: Job, name: str) -> Job:
    """What a worker does with the job, here and now: the task claims the row and performs its body."""
    ASKED[name][2](str(job.pk))
    job.refresh_from_db()
    return job


@pytest.mark.parametrize("name", ASKED)
def test_paper_asked_for_is_a_job_whose_file_its_owner_downloads(name: str, course: Course) -> None:
    client = signed_in(course.staff)
    answer = client.post(address(name, course))
    job = Job.objects.get()
    assert (answer.status_code, answer.headers["Location"]) == (302, reverse("office:job", args=[job.pk]))
    assert (job.state, job.owner, job.result_file) == (JobState.WAITING, course.staff, None)
    carried_out(job, name)
    assert job.state == JobState.DONE, job.message
    assert job.result_file is not None
    assert job.result_file.name == ASKED[name][3]
    content = read_file(job.result_file)
    if name == "notice":
        assert Document(io.BytesIO(content)).paragraphs[0].text == "关于组织第3期干部参加"
    else:
        assert "第3期第7班" in str(load_workbook(io.BytesIO(content)).worksheets[0]["A1"].value)
    download = client.get(reverse("office:job_file", args=[job.pk]))
    assert b"".join(download.streaming_content) == content  # type: ignore[attr-defined] # a file answer streams


@pytest.mark.parametrize("name", ASKED)
def test_paper_asked_for_stands_in_the_trail(name: str, course: Course) -> None:
    before = AuditEntry.objects.count()
    signed_in(course.staff).post(address(name, course))
    entry = AuditEntry.objects.order_by("-seq")[0]
    assert AuditEntry.objects.count() == before + 1
    paper = {"sign_in": "sign_in_sheet", "lodging": "lodging_table"}.get(name, name)
    assert (entry.act, entry.actor) == (f"ask_for_{paper}", "方敏")


@pytest.mark.parametrize("name", OF_A_CLASS)
@pytest.mark.parametrize("who", ["monitor", "teacher"])
def test_monitor_and_head_teacher_ask_for_their_own_class(name: str, who: str, course: Course) -> None:
    answer = signed_in(getattr(course, who)).post(address(name, course))
    assert (answer.status_code, Job.objects.get().owner) == (302, getattr(course, who))


@pytest.mark.parametrize("name", OF_A_CLASS)
def test_another_class_is_not_there(name: str, course: Course) -> None:
    """A monitor of class 8 who belonged to class 7 before still gets nothing of class 7."""
    monitor = factories.UserFactory()
    membership = factories.MembershipFactory(practice_class=course.other_class, cadre__user=monitor)
    factories.ClassOfficeFactory(membership=membership)
    assert signed_in(monitor).post(address(name, course)).status_code == 404
    course.members["曹志"].enrollment.cadre.user = factories.UserFactory()
    course.members["曹志"].enrollment.cadre.save()
    elsewhere = factories.ClassStaffFactory(
        practice_class=course.other_class, user=course.members["曹志"].enrollment.cadre.user
    )
    assert signed_in(elsewhere.user).post(address(name, course)).status_code == 404
    assert not Job.objects.exists()


@pytest.mark.parametrize("name", ASKED)
def test_paper_of_an_unpublished_batch_is_refused_with_the_cure(name: str, course: Course) -> None:
    Batch.objects.filter(pk=course.batch.pk).update(state=Batch.State.PLANNED)
    answer = signed_in(course.staff).post(address(name, course), follow=True)
    assert "第3期还没有发布" in answer.content.decode()
    assert "请先发布方案" in answer.content.decode()
    assert not Job.objects.exists()


@pytest.mark.parametrize("name", ASKED)
def test_paper_of_a_batch_withdrawn_before_the_worker_came_fails_with_the_reason(name: str, course: Course) -> None:
    signed_in(course.staff).post(address(name, course))
    Batch.objects.filter(pk=course.batch.pk).update(state=Batch.State.PLANNED)
    job = carried_out(Job.objects.get(), name)
    assert (job.state, job.result_file) == (JobState.FAILED, None)
    assert "还没有发布" in job.message


@pytest.mark.parametrize("name", ["sign_in", "lodging"])
def test_paper_of_a_cancelled_gathering_is_refused(name: str, course: Course) -> None:
    Gathering.objects.filter(pk=course.coming.pk).update(state=Gathering.State.CANCELLED)
    answer = signed_in(course.staff).post(address(name, course), follow=True)
    assert "已取消，不用再打印" in answer.content.decode()
    assert not Job.objects.exists()


def test_buttons_that_ask_stand_where_the_class_is_run(course: Course) -> None:
    gathering = reverse("activities:gathering", args=[course.practice_class.pk]) + f"?gathering={course.coming.pk}"
    for user in (course.monitor, course.teacher):
        page = signed_in(user).get(gathering).content.decode()
        for name in OF_A_CLASS:
            assert f'action="{address(name, course)}"' in page
    class_page = reverse("batches:class_page", args=[course.batch.pk, course.practice_class.pk])
    page = signed_in(course.staff).get(class_page).content.decode()
    for name in OF_A_CLASS:
        assert f'action="{address(name, course)}"' in page
    page = signed_in(course.staff).get(reverse("batches:batch", args=[course.batch.pk])).content.decode()
    assert f'action="{address("notice", course)}"' in page


def test_leader_reads_the_class_without_buttons_that_refuse(course: Course, leader: User) -> None:
    page = signed_in(leader).get(reverse("batches:class_page", args=[course.batch.pk, course.practice_class.pk]))
    assert "双溪" in page.content.decode()
    assert "/papers/" not in page.content.decode()
