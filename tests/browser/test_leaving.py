"""A page that is left, or asked anew, while a question is on its way complains to nobody; one that stays does."""

from collections.abc import Callable

import pytest
from django.urls import reverse
from playwright.sync_api import Route

from tests.browser.chromium import Person
from tests.world import CENTRE, World

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
ASK = """url => {
  const asked = document.createElement("div");
  asked.setAttribute("hx-get", url);
  asked.setAttribute("hx-trigger", "ask");
  asked.setAttribute("hx-sync", "this:replace");
  asked.setAttribute("hx-headers", "{}");
  document.querySelector("main").append(asked);
  htmx.process(asked);
  asked.dispatchEvent(new Event("ask"));
  return asked;
}"""


def test_page_left_while_it_asks_has_no_complaint(world: World, sit: Callable[..., Person]) -> None:
    person = sit(world.users[CENTRE])
    waiting = []
    person.page.route("**/slow/", lambda route: waiting.append(route))
    person.open(reverse("batches:outlook"))
    asked = person.page.evaluate_handle(ASK, "/slow/")
    person.page.wait_for_timeout(200)
    asked.evaluate("each => each.dispatchEvent(new Event('ask'))")
    person.page.wait_for_timeout(200)
    assert len(waiting) == 2
    person.open(reverse("batches:list"))
    assert person.complaints == []


def test_page_that_only_brought_a_file_still_complains(world: World, sit: Callable[..., Person]) -> None:
    person = sit(world.users[CENTRE])
    file = {"status": 200, "headers": {"Content-Disposition": 'attachment; filename="a.csv"'}, "body": "a"}
    person.page.route("**/file/", lambda route: route.fulfill(**file))
    person.page.route("**/cut-off/", lambda route: route.abort())
    person.open(reverse("batches:outlook"))
    person.page.clock.install()
    with person.page.expect_download():
        person.page.evaluate("window.location.assign('/file/')")
    person.page.evaluate(ASK, "/cut-off/")
    person.page.wait_for_timeout(200)
    assert [line for line in person.complaints if "htmx:sendError" in line] == []
    person.page.clock.fast_forward(10_000)
    person.page.evaluate(ASK, "/cut-off/")
    person.page.wait_for_timeout(200)
    assert [line for line in person.complaints if "htmx:sendError" in line]
    person.complaints.clear()


@pytest.mark.parametrize("header", ["HX-Refresh", "HX-Redirect"])
def test_page_told_to_load_anew_asks_no_more_and_arrives_however_long_it_takes(
    world: World, sit: Callable[..., Person], header: str
) -> None:
    person = sit(world.users[CENTRE])
    address = reverse("batches:outlook")
    answer = {"status": 286, "headers": {header: "true" if header == "HX-Refresh" else address}, "body": ""}
    asked: list[Route] = []
    others: list[Route] = []
    loads: list[Route] = []

    def poll(route: Route) -> None:
        asked.append(route)
        route.fulfill(**answer)

    def other(route: Route) -> None:
        others.append(route)
        route.fulfill(body="")

    person.page.route("**/poll/", poll)
    person.open(address)
    person.page.route(f"**{address}", lambda route: loads.append(route))  # the page that takes long
    person.page.route("**/other/", other)
    person.page.evaluate(ASK.replace('"ask"', '"every 400ms"', 1), "/other/")
    person.page.evaluate(ASK.replace('"ask"', '"every 300ms"', 1).replace('"{}"', '\'{"X-Poll": "1"}\''), "/poll/")
    person.page.wait_for_timeout(1500)
    assert len(asked) == len(loads) == 1
    assert len(others) > 1, "what is no poll still goes out"
    with person.page.expect_navigation():
        loads[0].continue_()
