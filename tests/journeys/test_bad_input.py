"""What people really send: a clear message in Chinese, never an error of ours, and nothing half written."""

import copy
import io
import re
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import openpyxl
import pytest
from django.apps import apps
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import transaction
from django.test import Client
from django.urls import reverse

from accounts.models import User
from cadres.models import Cadre, RosterImport
from cadres.tasks import read_import
from tests.cadres.sheets import HEADINGS, PERSON, roster_of, saved, workbook_of
from tests.journeys.forms_on_pages import Form, forms_of
from tests.policies import ADMIN, ARGUMENTS, ROUTES
from tests.test_routes import OURS
from tests.world import ANONYMOUS, World

pytestmark = pytest.mark.django_db
BESIDE = {"accounts.AuditEntry", "sessions.Session"}
"""Tables that a refusal may write to: that it was refused, and to whom."""
TOLD_AGAIN = {"office.Job", "office.Notice", "cadres.RosterImportEvent", "pghistory.Context"}
"""What a second click may add: the same paper made again, the same list read again, the same people told again."""
FILTERS = (
    "page", "q", "state", "unit", "class", "kind", "gathering", "effect", "only", "role", "cadre", "township", "actor",
)  # fmt: skip
LONG = "长" * 34_134
"""100 KB as they are sent."""
CHINESE = re.compile("[一-鿿]")
UPLOADS = ("cadres:upload_roster", "cadres:upload_past", "bases:import")


def rows() -> dict[str, int]:
    """Number of rows of every table."""
    models = [model for model in apps.get_models() if model._meta.label not in BESIDE and model._meta.managed]
    return {model._meta.label: model._default_manager.count() for model in models if model._meta.app_label != "axes"}


def told(page: str) -> str:
    """The error messages that a page shows."""
    found = re.findall(
        r'(?:role="alert"|dm-error|invalid-feedback|dm-note-bad|data-message="bad")[^>]*>(.*?)</(?:div>\s*</div|span)',
        page,
        re.S,
    )
    return " ".join(re.sub(r"<[^>]*>", " ", " ".join(found)).split())


# --- files


def bomb() -> bytes:
    """A workbook of a few kilobytes whose sheet unpacks to a gigabyte."""
    sound = saved(workbook_of([HEADINGS]))
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(sound)) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            if name != "xl/worksheets/sheet1.xml":
                new.writestr(name, old.read(name))
        with new.open("xl/worksheets/sheet1.xml", "w", force_zip64=True) as sheet:
            for _ in range(1024):
                sheet.write(b" " * 1024 * 1024)
    return out.getvalue()


FILES: dict[str, tuple[str, Callable[[], bytes]]] = {
    "empty": ("名册.xlsx", lambda: b""),
    "picture": ("名册.xlsx", lambda: b"\x89PNG\r\n\x1a\n" + bytes(2000)),
    "text": ("名册.csv", lambda: "姓名,单位\n范海志,县林业局\n".encode()),
    "old_excel": ("名册.xls", lambda: b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(3000)),
    "cut_off": ("名册.xlsx", lambda: roster_of(PERSON)[:2000]),
    "other_zip": ("名册.xlsx", lambda: _zip_of_nothing()),
    "bomb": ("名册.xlsx", bomb),
}


def _zip_of_nothing() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("readme.txt", "nothing")
    return out.getvalue()


@pytest.fixture
def page(client: Client, staff: User) -> Client:
    client.force_login(staff, backend="django.contrib.auth.backends.ModelBackend")
    return client


@pytest.mark.parametrize("where", UPLOADS)
@pytest.mark.parametrize("kind", sorted(FILES))
def test_file_that_is_no_workbook_is_refused_at_once(page: Client, where: str, kind: str) -> None:
    before = rows()
    name, content = FILES[kind]
    answer = page.post(reverse(where), {"file": SimpleUploadedFile(name, content()), "session": "第一期"})
    assert answer.status_code in (200, 422), answer.status_code
    assert CHINESE.search(told(answer.content.decode())), answer.content.decode()
    assert rows() == before


def far_cell() -> bytes:
    """One good row, and something in the very last cell that a sheet can have."""
    workbook = openpyxl.load_workbook(io.BytesIO(roster_of(PERSON)))
    workbook.active["XFD1048576"] = "远"
    return saved(workbook)


def test_cell_in_the_last_row_and_column_costs_nothing(page: Client) -> None:
    """The list is read as if the cell were not there, or refused; either way without a million rows."""
    cadres = Cadre.objects.count()
    answer = page.post(reverse("cadres:upload_roster"), {"file": SimpleUploadedFile("名册.xlsx", far_cell())})
    assert answer.status_code == 302
    roster_import = RosterImport.objects.latest("pk")
    read_import(str(roster_import.job_id))
    shown = page.get(reverse("cadres:import", args=[roster_import.pk])).content.decode()
    assert roster_import.rows.count() <= 2
    assert "导入预览" in shown or "读不了这个文件" in shown
    assert Cadre.objects.count() == cadres


def test_cell_in_the_last_row_and_column_of_a_table_of_bases(page: Client) -> None:
    before = rows()
    answer = page.post(reverse("bases:import"), {"file": SimpleUploadedFile("基地.xlsx", far_cell())})
    assert answer.status_code in (200, 422)
    assert "没有“基地”这张表" in answer.content.decode()
    assert rows() == before


# --- the world of two: every form of every page, every address


@pytest.fixture(scope="module")
def world(django_db_setup: None, django_db_blocker: Any) -> Iterator[World]:
    """Built once in a transaction that is never committed."""
    with django_db_blocker.unblock(), transaction.atomic():
        try:
            yield World()
        finally:
            transaction.set_rollback(True)


@pytest.fixture(scope="module")
def clients(world: World) -> dict[str, Client]:
    found: dict[str, Client] = {ANONYMOUS: Client()}
    for role, user in world.users.items():
        found[role] = Client()
        found[role].force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return found


@contextmanager
def undone() -> Iterator[None]:
    with transaction.atomic():
        try:
            yield
        finally:
            transaction.set_rollback(True)


def address(name: str, world: World, role: str, **odd: Any) -> str:
    """The role's own object of this route."""
    values: dict[str, Any] = {}
    for argument in OURS[name].arguments:
        source = ROUTES[name].pk if argument == "pk" else ARGUMENTS[argument]
        if callable(source):
            values[argument] = source(world, "own")
        else:
            found = world.find(source, role, "own")
            values[argument] = getattr(found, "pk", found)
    return reverse(name, kwargs=values | odd)


def role_of(name: str) -> str:
    """Somebody who reaches the route."""
    row = ROUTES[name]
    return ANONYMOUS if row.public else sorted({*row.every, *row.own})[0]


def forms_at(client: Client, url: str) -> list[Form]:
    answer = client.get(url, follow=True)
    if answer.status_code != 200 or not answer.get("Content-Type", "").startswith("text/html"):
        return []
    page = answer.content.decode()
    forms = forms_of(page, answer.request["PATH_INFO"])
    return [form for form in forms if form.action not in (reverse("accounts:sign_out"),)]


def shown() -> list[str]:
    """Routes with a page of their own."""
    return sorted(name for name, row in ROUTES.items() if "GET" in row.methods and name in OURS)


@pytest.mark.parametrize("name", shown())
def test_text_of_100_kb_in_any_field_writes_nothing(name: str, world: World, clients: dict[str, Client]) -> None:
    role = role_of(name)
    client = copy.copy(clients[role])
    with undone():
        if ROUTES[name].setup:
            ROUTES[name].setup(world)
        before = rows()
        for form in forms_at(client, address(name, world, role)):
            for field in form.typed:
                with undone():
                    answer = client.post(form.action, form.values | {field: [LONG]})
                    assert answer.status_code < 500
                    assert rows() == before, f"{form.action} took 100 KB as {field}"
                    if answer.status_code == 422:
                        assert CHINESE.search(told(answer.content.decode())), f"{form.action} {field}: no message"


@pytest.mark.parametrize("name", shown())
def test_any_form_posted_twice_is_answered_twice(name: str, world: World, clients: dict[str, Client]) -> None:
    """As a page offers it, sent again by an impatient finger: the second adds no more rows than the first."""
    role = role_of(name)
    client = copy.copy(clients[role])
    with undone():
        if ROUTES[name].setup:
            ROUTES[name].setup(world)
        for form in forms_at(client, address(name, world, role)):
            with undone():
                assert client.post(form.action, form.values).status_code < 500
                once = rows()
                assert client.post(form.action, form.values).status_code < 500
                grown = {label for label, count in rows().items() if count > once[label]} - TOLD_AGAIN
                assert grown == set(), form.action


@pytest.mark.parametrize("odd", [0, 2**31, 2**63, 10**30])
def test_number_that_is_nobodys_in_any_address_is_not_found(odd: int, world: World, clients: dict[str, Client]) -> None:
    wrong = []
    for name in sorted(set(OURS) & set(ROUTES)):
        role = role_of(name)
        for argument, kind in OURS[name].arguments.items():
            if kind != "int":
                continue
            for method in ROUTES[name].methods:
                url = address(name, world, role, **{argument: odd})
                with undone():
                    answer = getattr(clients[role], method.lower())(url)
                if answer.status_code not in (403, 404):
                    wrong.append(f"{method} {url} as {role}: {answer.status_code}")
    assert wrong == []


@pytest.mark.parametrize("label", sorted(label for label, row in ADMIN.items() if row.pk))
def test_number_that_is_nobodys_in_the_admin_site(label: str, world: World, clients: dict[str, Client]) -> None:
    app, model = label.lower().split(".")
    role = sorted(ADMIN[label].view)[0]
    for odd in (0, 2**63, 10**30, "x" * 5000):
        with undone():
            answer = clients[role].get(reverse(f"admin:{app}_{model}_change", args=[odd]))
            assert answer.status_code in (302, 404), (odd if isinstance(odd, int) else "x", answer.status_code)


@pytest.mark.parametrize("name", shown())
def test_rubbish_after_the_question_mark_is_passed_over(name: str, world: World, clients: dict[str, Client]) -> None:
    """Filters and page numbers that nobody typed on the page."""
    role = role_of(name)
    for value in ("-1", "9" * 30, "²", "长" * 2000, "\x00"):
        with undone():
            if ROUTES[name].setup:
                ROUTES[name].setup(world)
            answer = clients[role].get(address(name, world, role), dict.fromkeys(FILTERS, value))
            assert answer.status_code < 500, value
