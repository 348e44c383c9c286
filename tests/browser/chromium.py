"""The system's Chromium, and people who sit before it: every page they see is searched for what must not be there."""

import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Locator, Page, Response, sync_playwright

DESKTOP, PHONE = (1366, 768), (390, 844)
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
ARGUMENTS = (
    "--no-sandbox",
    "--disable-dev-shm-usage",
    "--disable-gpu",
    "--disable-background-networking",
    "--no-first-run",
)
PATIENCE, WORK = 30_000, 240_000
"""Milliseconds after which a page, or a worker's result, that never comes fails the test; how long it takes is not asserted."""
HEARING = """document.addEventListener("DOMContentLoaded", () => {
  window.heard = [...document.querySelectorAll("[data-message]")].map(message => message.innerText);
});"""
"""Keeps what a page said on arrival: a message about something that went well is gone after seconds."""
MISSING = "Chromium is missing: install it to run the tests in a real browser."


def require_chromium() -> None:
    """Leaves a test out where there is no Chromium, at one place for one reason: the summary has one line for all of them."""
    if CHROMIUM is None:
        if os.environ.get("REQUIRE_BROWSER") == "1":
            pytest.fail(MISSING, pytrace=False)
        pytest.skip(MISSING)


def opened() -> Iterator[Browser]:
    """Chromium for the length of a test session.

    Playwright keeps an event loop in this thread, where Django would refuse its queries; no coroutine ever runs ours.
    """
    before = os.environ.get("DJANGO_ALLOW_ASYNC_UNSAFE")
    with sync_playwright() as playwright:
        os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"
        browser = playwright.chromium.launch(executable_path=CHROMIUM, headless=True, args=list(ARGUMENTS))
        try:
            yield browser
        finally:
            browser.close()
            if before is None:
                del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]
            else:
                os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = before


class Person:
    """Somebody with a browser of their own (cookies, window size). What a page shows is checked each time one is seen."""

    def __init__(self, browser: Browser, address: str, size: tuple[int, int] = DESKTOP) -> None:
        width, height = size
        self.context = browser.new_context(
            base_url=address, viewport={"width": width, "height": height}, locale="zh-CN", timezone_id="Asia/Shanghai",
            reduced_motion="reduce",
        )  # fmt: skip
        self.context.set_default_timeout(PATIENCE)
        self.complaints: list[str] = []
        self.context.add_init_script(HEARING)
        self.page: Page = self.context.new_page()
        self.page.on("console", self._note_console)
        self.page.on("pageerror", lambda error: self.complaints.append(f"{self.page.url}: {error}"))
        self.page.on("response", self._note_response)

    def _note_console(self, message: ConsoleMessage) -> None:
        """Errors and warnings; a violation of the content security policy is one of them."""
        if message.type in ("error", "warning"):
            self.complaints.append(f"{self.page.url}: {message.text}")

    def _note_response(self, response: Response) -> None:
        if response.status >= 500:
            self.complaints.append(f"{response.url}: {response.status}")

    def close(self) -> None:
        self.context.close()

    # --- going about

    def open(self, path: str) -> None:
        self.page.goto(path)
        self.look()

    def follow(self, name: str, within: str = "body") -> None:
        """Click a link and arrive."""
        self._arrive(self.page.locator(within).get_by_role("link", name=_words(name)).first)

    def go(self, name: str) -> None:
        """A place of the main menu, which a narrow window keeps behind a button."""
        button = self.page.locator(".dm-menu-button")
        if button.is_visible():
            button.click()
        self.follow(name, "nav:visible")

    def press(self, name: str, within: str = "body") -> None:
        """Click a button that sends a form, and arrive."""
        self._arrive(self.page.locator(within).get_by_role("button", name=_words(name)).first)

    def confirm(self, name: str) -> None:
        """Click a button that asks first; the question is then open."""
        self.page.get_by_role("button", name=_words(name)).first.click()
        self.page.locator("dialog[open]").wait_for()

    def _arrive(self, locator: Locator) -> None:
        with self.page.expect_navigation(wait_until="load"):
            locator.click()
        self.look()

    def field(self, label: str, within: str = "body") -> Locator:
        return self.page.locator(within).get_by_label(re.compile(r"^\s*" + re.escape(label))).first

    def write(self, label: str, value: str, within: str = "body") -> None:
        self.field(label, within).fill(value)

    def choose(self, label: str, option: str, within: str = "body") -> None:
        """The first option of a list whose text contains these words."""
        field = self.field(label, within)
        texts = [" ".join(text.split()) for text in field.locator("option").all_text_contents()]
        field.select_option(index=next(place for place, text in enumerate(texts) if option in text))

    def sign_in(self, username: str, password: str) -> None:
        self.open("/account/sign-in/")
        self.write("手机号或工号", username)
        self.page.locator("#id_password").fill(password)
        self.press("登录")

    # --- seeing

    def look(self) -> None:
        """What holds for every page: Chinese, no complaint in the console, no scrolling sideways."""
        self.page.wait_for_load_state("load")
        assert self.page.evaluate("document.documentElement.lang") == "zh-CN", self.page.url
        assert self.complaints == []
        wide = overflow(self.page)
        assert wide == [], f"{self.page.url} is wider than {self.page.viewport_size}: {wide}"

    def see(self, *texts: str) -> None:
        """These words stand on the page now, or come without reloading it."""
        for text in texts:
            self.page.get_by_text(text).first.wait_for(state="attached")

    def hear(self, text: str) -> None:
        """The page said this when it came."""
        heard: list[str] = self.page.evaluate("window.heard")
        assert any(text in message for message in heard), f"{text!r} not in {heard}: {self.text()[:400]}"

    def wait_for(self, selector: str) -> None:
        """Something appears, be it on a page that htmx loads anew."""
        self.page.wait_for_selector(selector, state="attached", timeout=WORK)
        self.look()

    def text(self, selector: str = "main") -> str:
        return " ".join(self.page.locator(selector).first.inner_text().split())

    def download(self, name: str, folder: Path) -> Path:
        """Click a link that gives a file."""
        with self.page.expect_download() as waiting:
            self.page.get_by_role("link", name=_words(name)).first.click()
        target = folder / waiting.value.suggested_filename
        waiting.value.save_as(target)
        assert self.complaints == []
        return target


def _words(name: str) -> re.Pattern[str]:
    """The words of a label, wherever the icon before them stands."""
    return re.compile(re.escape(name))


def overflow(page: Page) -> list[str]:
    """What sticks out to the right of the window when the page itself can be scrolled sideways; what scrolls or is cut off
    within a frame of its own is no cause."""
    found: list[str] = page.evaluate(
        """() => {
          const wide = document.documentElement.clientWidth;
          if (document.documentElement.scrollWidth <= wide) return [];
          const holder = e => getComputedStyle(e).position === "absolute" ? e.offsetParent : e.parentElement;
          const framed = e => e && e !== document.body && (getComputedStyle(e).overflowX !== "visible" || framed(holder(e)));
          return [...document.body.querySelectorAll("*")]
            .filter(e => e.getBoundingClientRect().right > wide && e.getClientRects().length && !framed(holder(e)))
            .slice(0, 6).map(e => e.tagName + "." + e.className + " " + Math.round(e.getBoundingClientRect().right))
            .concat(["to " + document.documentElement.scrollWidth]);
        }"""
    )
    return found


def hidden_cells(page: Page) -> list[str]:
    """Frames of tables that have to be scrolled sideways: what stands at their right is not seen, nor can it be pressed."""
    found: list[str] = page.evaluate(
        """() => [...document.querySelectorAll(".dm-table-wrap")]
          .filter(e => e.getClientRects().length && e.scrollWidth > e.clientWidth + 1)
          .map(e => e.querySelector("table").className + " " + e.scrollWidth + " in " + e.clientWidth)"""
    )
    return found
