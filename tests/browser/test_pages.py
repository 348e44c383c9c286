"""Every page as those see it whose page it is: wide and narrow, without scrolling sideways, a word for everything that is used.

The same pages are searched for complaints in the console, of which a violation of the content security policy is one.
"""

from collections.abc import Callable
from pathlib import Path

import pytest
from django.urls import reverse

from tests.browser.chromium import DESKTOP, PHONE, Person, hidden_cells, overflow
from tests.policies import ADMIN, ARGUMENTS, ROUTES
from tests.test_routes import OURS
from tests.world import ANONYMOUS, CENTRE, World

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
FAULTS = (Path(__file__).parent / "faults.js").read_text()
FRAGMENTS = {
    "accounts:reveal", "office:job_state", "batches:progress", "batches:outlook_estimate",
    "batches:outlook_progress", "cadres:import_reading",
}  # fmt: skip
"""Parts of pages, which have no frame of their own."""


def viewer(name: str) -> str:
    """Whose page it is: whoever sees it of their own before those who see every one."""
    row = ROUTES[name]
    if row.public:
        return ANONYMOUS
    if row.own:
        return sorted(row.own)[0]
    return CENTRE if CENTRE in row.every else sorted(row.every)[0]


def address(name: str, world: World, role: str) -> str:
    values = {}
    for argument in OURS[name].arguments:
        source = ROUTES[name].pk if argument == "pk" else ARGUMENTS[argument]
        found = source(world, "own") if callable(source) else world.find(source, role, "own")
        values[argument] = getattr(found, "pk", found)
    return reverse(name, kwargs=values)


def pages(apps: tuple[str, ...]) -> list[str]:
    return sorted(
        name for name, row in ROUTES.items()
        if "GET" in row.methods and name in OURS and name not in FRAGMENTS and name.split(":")[0] in apps
    )  # fmt: skip


def seen(person: Person, url: str, *, tables: bool = False) -> list[str]:
    """What is wrong with a page at both sizes; nothing for a download. With `tables` each of them is read on a phone without
    scrolling it."""
    person.complaints.clear()
    answer = person.context.request.get(url)
    if not answer.headers.get("content-type", "").startswith("text/html"):
        return []
    width, height = DESKTOP
    person.page.set_viewport_size({"width": width, "height": height})
    person.page.goto(url, wait_until="load")
    wrong = [f"desktop, too wide: {each}" for each in overflow(person.page)]
    wrong += person.page.evaluate(FAULTS)
    width, height = PHONE
    person.page.set_viewport_size({"width": width, "height": height})
    wrong += [f"phone, too wide: {each}" for each in overflow(person.page)]
    if tables:
        wrong += [f"phone, cells out of sight: {each}" for each in hidden_cells(person.page)]
    if person.page.evaluate("document.documentElement.lang") != "zh-CN":
        wrong.append("not said to be Chinese")
    return wrong + person.complaints


def told(wrong: dict[str, list[str]]) -> str:
    return "\n".join(f"{page}: {each}" for page, found in wrong.items() for each in found)


READ_DOWNWARDS = ("batches", "reports")
"""Apps whose tables stand within their cards on a phone."""
GROUPS = (("accounts", "office", "reports"), ("cadres", "bases"), ("batches",), ("activities", "evaluations"))


@pytest.mark.parametrize("apps", GROUPS, ids=lambda apps: apps[0])
def test_pages_fit_and_everything_on_them_has_words(
    apps: tuple[str, ...], world: World, sit: Callable[..., Person]
) -> None:
    people: dict[str, Person] = {}
    wrong: dict[str, list[str]] = {}
    for name in pages(apps):
        role = viewer(name)
        if role not in people:
            people[role] = sit(world.users.get(role))
        if ROUTES[name].setup:
            ROUTES[name].setup(world)
        found = seen(people[role], address(name, world, role), tables=name.split(":")[0] in READ_DOWNWARDS)
        if found:
            wrong[f"{name} as {role}"] = found
    assert not wrong, told(wrong)


def test_admin_pages_fit_and_everything_on_them_has_words(world: World, sit: Callable[..., Person]) -> None:
    people: dict[str, Person] = {}
    wrong: dict[str, list[str]] = {}
    for label, row in sorted(ADMIN.items()):
        role = CENTRE if CENTRE in row.view else sorted(row.view)[0]
        if role not in people:
            people[role] = sit(world.users[role])
        app, model = label.lower().split(".")
        urls = [reverse(f"admin:{app}_{model}_changelist")]
        if role in row.add:
            urls.append(reverse(f"admin:{app}_{model}_add"))
        elif row.pk:
            urls.append(reverse(f"admin:{app}_{model}_change", args=[world.find(row.pk, role, "own").pk]))
        for url in urls:
            if found := seen(people[role], url):
                wrong[f"{url} as {role}"] = found
    assert not wrong, told(wrong)
