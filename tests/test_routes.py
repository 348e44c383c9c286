"""Route × role × relation, generated from the URL resolver and held against tests/policies.py.

Every route must say in code who gets in (`@allow`, `@signed_in`, `@public` of accounts/access.py) and must have a row in
tests/policies.py. Each is asked for by every role for its own object, the same batch's other class's, another batch's, and
one that does not exist. Whoever is refused leaves nothing behind (the audit entry aside); somebody else's object and an
absent one answer with the same body; a GET writes nothing.
"""

import copy
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from django.conf import settings
from django.contrib import admin
from django.db import connection, transaction
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse

from office import menu
from tests.policies import ADMIN, ARGUMENTS, NOBODY, OFFICES, ROUTES, AdminRow, Row
from tests.world import ABSENT, ANONYMOUS, SIGNED_IN, World

pytestmark = pytest.mark.django_db
RELATIONS = ("own", "other", "elsewhere", "absent")
REACHED = (200, 204, 302, 400, 409, 422)
UNMODELLED = ("admin:login", "admin:logout", "admin:password_change", "admin:password_change_done", "admin:jsi18n",
              "admin:autocomplete", "admin:view_on_site", "admin:index", "admin:app_list")  # fmt: skip
"""Doors of the admin site that belong to no model; asked below each by itself."""
_BESIDE = ("accounts_auditentry", "django_session", "axes_accessattempt", "axes_accesslog", "axes_accessfailurelog")
_WRITE = re.compile(r"(?:^|;)\s*(?:INSERT\s+INTO|UPDATE|DELETE\s+FROM|TRUNCATE)\s+\"?(\w+)", re.IGNORECASE)
_VARYING = re.compile(
    rb"(csrfmiddlewaretoken\" value=\"|X-CSRFToken\": ?\"|csrf-token\" content=\"|nonce=\"|data-request-id=\")[^\"]*"
    rb"|\b[0-9a-f]{32}\b"
)


@dataclass(frozen=True)
class Route:
    name: str
    arguments: dict[str, str]
    """Argument name → kind of its converter (int, uuid, str…)."""
    pattern: URLPattern


def routes() -> Iterator[Route]:
    """Every route of the resolver, the admin site's included."""
    yield from _walk(get_resolver().url_patterns, "", {})


def _walk(patterns: list[Any], prefix: str, outer: dict[str, str]) -> Iterator[Route]:
    for each in patterns:
        kinds = {name: type(converter).__name__.removesuffix("Converter").lower()
                 for name, converter in getattr(each.pattern, "converters", {}).items()}  # fmt: skip
        if isinstance(each, URLResolver):
            inner = f"{prefix}{each.namespace}:" if each.namespace else prefix
            yield from _walk(each.url_patterns, inner, outer | kinds)
        else:
            yield Route(f"{prefix}{each.name}" if each.name else f"{prefix}?{each.pattern}", outer | kinds, each)


def _admin_names() -> dict[str, tuple[str, str]]:
    """Django's own views of each registered model: route name → (model label, act)."""
    return {
        f"admin:{model._meta.app_label}_{model._meta.model_name}_{act}": (model._meta.label, act)
        for model in admin.site._registry
        for act in ("changelist", "add", "change", "history", "delete")
    }


def _is_unnamed_admin(route: Route) -> bool:
    """The old form of a change page's address, and the site's catch-all: both only lead on or to 404."""
    return route.name.startswith("admin:?")


ALL = {route.name: route for route in routes()}
OURS = {name: route for name, route in ALL.items()
        if not _is_unnamed_admin(route) and name not in _admin_names() and name not in UNMODELLED}  # fmt: skip


# --- completeness: these say what is missing


def test_every_route_has_a_name() -> None:
    assert [name for name in OURS if ":?" in name or name.startswith("?")] == []


def test_every_view_says_who_gets_in() -> None:
    silent = [name for name, route in OURS.items() if not hasattr(route.pattern.callback, "policy")]
    assert silent == [], f"views without a policy: put @allow(…), @signed_in or @public on them: {silent}"


def test_every_route_has_a_row() -> None:
    missing = sorted(set(OURS) - set(ROUTES))
    assert missing == [], f"routes without a row in tests/policies.py (its head says how to add one): {missing}"


def test_every_row_has_a_route() -> None:
    assert sorted(set(ROUTES) - set(OURS)) == [], "rows of tests/policies.py whose route is gone"


def test_every_admin_model_has_a_row() -> None:
    registered = {model._meta.label for model in admin.site._registry}
    assert sorted(registered - set(ADMIN)) == [], "models of the admin site without a row in ADMIN of tests/policies.py"
    assert sorted(set(ADMIN) - registered) == [], "rows of ADMIN whose model is not in the admin site"


# --- the probes


@pytest.fixture(scope="module")
def world(django_db_setup: None, django_db_blocker: Any) -> Iterator[World]:
    """Built once for all probes in a transaction that is never committed; each probe runs in a savepoint of its own."""
    with django_db_blocker.unblock(), transaction.atomic():
        try:
            yield World()
        finally:
            transaction.set_rollback(True)


@pytest.fixture(scope="module", autouse=True)
def bare_frame() -> Iterator[None]:
    """The menu, which asks about every section on every page, is left away: it has tests of its own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(menu, "sections", lambda request: [])
        patch.setattr(menu, "tabs", lambda user, tab: [])
        patch.setattr(menu, "address", lambda name, user: "")
        yield


@pytest.fixture(scope="module")
def clients(world: World) -> dict[str, Client]:
    found = {ANONYMOUS: Client()}
    for role, user in world.users.items():
        found[role] = Client()
        found[role].force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    for client in found.values():
        client.first_cookies = copy.deepcopy(client.cookies)  # type: ignore[attr-defined] # restored before each request
    return found


@dataclass
class Answer:
    status: int
    body: bytes
    location: str
    written: list[str]


@contextmanager
def _rolled_back() -> Iterator[None]:
    with transaction.atomic():
        try:
            yield
        finally:
            transaction.set_rollback(True)


def _ask(client: Client, method: str, url: str, data: Any) -> Answer:
    written: list[str] = []
    client.cookies = copy.deepcopy(client.first_cookies)  # type: ignore[attr-defined] # set where the client is made

    def note(execute: Any, sql: Any, params: Any, many: bool, context: Any) -> Any:
        written.extend(table for table in _WRITE.findall(str(sql)) if table.lower() not in _BESIDE)
        return execute(sql, params, many, context)

    with connection.execute_wrapper(note):
        response = client.generic(method, url) if method == "GET" else client.post(url, data)
        body = b"".join(response) if response.streaming else response.content  # type: ignore[attr-defined,call-overload] # one of both
    return Answer(response.status_code, _VARYING.sub(b"", body), response.get("Location", ""), written)


def _url(route: Route, row_pk: str, world: World, role: str, relation: str) -> str | None:
    """The address for this relation; None when there is no object of that relation apart from one's own."""
    values, differs = {}, relation in ("own", "absent")
    for argument in route.arguments:
        source = row_pk if argument == "pk" else ARGUMENTS.get(argument)
        assert source, f"route {route.name}: no object for the URL argument “{argument}”: " + (
            "name it with pk=… in its row" if argument == "pk" else "add it to ARGUMENTS of tests/policies.py"
        )
        if callable(source):
            values[argument] = source(world, relation)
            continue
        found = world.find(source, role, "own" if relation == "absent" else relation)
        differs = differs or found != world.find(source, role, "own")
        values[argument] = getattr(found, "pk", found)
    if relation == "absent":
        last = [name for name in route.arguments if not callable(ARGUMENTS.get(name))]
        if not last:
            return None
        values[last[-1]] = ABSENT.get(route.arguments[last[-1]], ABSENT["str"])
    return reverse(route.name, kwargs=values) if differs else None


def _expected(row: Row, role: str, relation: str) -> str:
    if role == ANONYMOUS:
        return "reached" if row.public else "sign in"
    if relation == "absent":
        return "404" if row.public or role in (*row.every, *row.own, *row.hidden) else str(row.rest)
    if row.public or role in row.every or (role in row.own and relation == "own"):
        return "reached"
    return "404" if role in (*row.own, *row.hidden) else str(row.rest)


def _outcome(answer: Answer, row_status: int | None) -> str:
    if answer.status == 302 and answer.location.startswith(reverse(settings.LOGIN_URL) + "?next="):
        return "sign in"
    if answer.status in (403, 404, 405):
        return str(answer.status)
    fits = answer.status == row_status if row_status else answer.status in REACHED
    return "reached" if fits else f"status {answer.status}"


@pytest.mark.parametrize("name", sorted(set(OURS) & set(ROUTES)))
def test_route_by_role_and_relation(name: str, world: World, clients: dict[str, Client]) -> None:
    route, row = ALL[name], ROUTES[name]
    wrong: list[str] = []
    for method in row.methods:
        for role in (ANONYMOUS, *sorted(SIGNED_IN)):
            wrong += _probe(route, row, method, role, world, clients[role])
    assert not wrong, f"{name} against its row in tests/policies.py:\n" + "\n".join(wrong)


def _probe(route: Route, row: Row, method: str, role: str, world: World, client: Client) -> list[str]:
    wrong, bodies = [], {}
    for relation in RELATIONS if route.arguments else ("own",):
        with _rolled_back():
            url = _url(route, row.pk, world, role, relation)
            if url is None:
                continue
            if row.setup:
                row.setup(world)
            data = row.data(world, role, relation) if callable(row.data) else row.data
            answer = _ask(client, method, url, data)
        want, got = _expected(row, role, relation), _outcome(answer, row.status)
        if want != got:
            wrong.append(
                f"  {method} {role} → {relation}: should be “{want}”, is “{got}” ({answer.status} {answer.location})"
            )
        if got != "reached" and answer.written:
            wrong.append(f"  {method} {role} → {relation}: refused, yet wrote to {sorted(set(answer.written))}")
        if method == "GET" and got == "reached" and answer.written:
            wrong.append(f"  GET {role} → {relation}: a GET wrote to {sorted(set(answer.written))}")
        if got == "404":
            bodies[relation] = answer.body
    wrong += [f"  {method} {role}: the 404 for {relation} differs from the absent one's"
              for relation, body in bodies.items() if "absent" in bodies and body != bodies["absent"]]  # fmt: skip
    return wrong


@pytest.mark.parametrize("name", sorted(set(OURS) & set(ROUTES)))
def test_route_does_nothing_by_a_method_it_does_not_list(name: str, world: World, clients: dict[str, Client]) -> None:
    route, row = ALL[name], ROUTES[name]
    role = next(iter(sorted({*row.every, *row.own})), ANONYMOUS if row.public else next(iter(sorted(SIGNED_IN))))
    for method in {"GET", "POST"} - set(row.methods):
        with _rolled_back():
            url = _url(route, row.pk, world, role, "own")
            assert url is not None
            answer = _ask(clients[role], method, url, {})
        assert answer.written == [], f"{method} {name}: wrote to {answer.written} by a method its row does not list"
        if method == "GET":
            assert answer.status in (405, 403, 404), (
                f"GET {name}: answers {answer.status}, though its row lists POST alone"
            )


# --- the admin site: one row per model


def _admin_expected(row: AdminRow, act: str, role: str) -> tuple[int, ...]:
    if role == ANONYMOUS:
        return (302,)
    if role not in OFFICES:
        return (403,)
    allowed = {"changelist": row.view, "change": row.view, "history": row.view, "add": row.add, "delete": NOBODY}[act]
    return (200,) if role in allowed else (403,)


@pytest.mark.parametrize("label", sorted(ADMIN))
def test_admin_model_by_role(label: str, world: World, clients: dict[str, Client]) -> None:
    row, wrong = ADMIN[label], []
    app, model = label.lower().split(".")
    for act in ("changelist", "add", "change", "history", "delete"):
        if act in ("change", "history", "delete") and not row.pk:
            continue
        for role in (ANONYMOUS, *sorted(SIGNED_IN)):
            pk = [world.find(row.pk, role, "own").pk] if act in ("change", "history", "delete") else []
            with _rolled_back():
                answer = _ask(clients[role], "GET", reverse(f"admin:{app}_{model}_{act}", args=pk), {})
            if answer.status not in _admin_expected(row, act, role):
                wrong.append(f"  {act} {role}: should be {_admin_expected(row, act, role)}, is {answer.status}")
            if answer.written:
                wrong.append(f"  {act} {role}: a GET wrote to {sorted(set(answer.written))}")
    assert not wrong, f"admin site, {label}, against its row in ADMIN of tests/policies.py:\n" + "\n".join(wrong)


@pytest.mark.parametrize("label", sorted(label for label, row in ADMIN.items() if row.pk))
def test_admin_model_is_changed_by_no_other_role(label: str, world: World, clients: dict[str, Client]) -> None:
    """A POST to the form of a role that may not change it is 403 and writes nothing."""
    row = ADMIN[label]
    app, model = label.lower().split(".")
    for role in sorted(SIGNED_IN - set(row.change)):
        with _rolled_back():
            pk = world.find(row.pk, role, "own").pk
            answer = _ask(clients[role], "POST", reverse(f"admin:{app}_{model}_change", args=[pk]), {})
        assert (answer.status, answer.written) == (403, []), (
            f"{role} posts to {label}: {answer.status} {answer.written}"
        )


@pytest.mark.parametrize("role", sorted(SIGNED_IN))
def test_admin_site_opens_for_offices_alone(role: str, world: World, clients: dict[str, Client]) -> None:
    with _rolled_back():
        assert _ask(clients[role], "GET", reverse("admin:index"), {}).status == (200 if role in OFFICES else 403)


def test_admin_site_has_no_sign_in_of_its_own(world: World, clients: dict[str, Client]) -> None:
    with _rolled_back():
        answer = _ask(clients[ANONYMOUS], "GET", reverse("admin:login"), {})
    assert _outcome(answer, None) == "sign in"


def test_admin_site_changes_no_password_of_its_own(world: World, clients: dict[str, Client]) -> None:
    with _rolled_back():
        answer = _ask(clients["centre"], "GET", reverse("admin:password_change"), {})
    assert (answer.status, answer.location) == (302, reverse("accounts:change_password"))
