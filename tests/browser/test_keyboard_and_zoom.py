"""Without a mouse, with large type, without a signal, and after the session has ended."""

import re
from collections.abc import Callable

import pytest
from django.contrib.sessions.models import Session
from django.urls import reverse
from playwright.sync_api import expect

from office.models import Job, JobState
from tests import factories
from tests.browser.chromium import DESKTOP, PHONE, Person, overflow
from tests.world import CENTRE, MONITOR, World

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
Sit = Callable[..., Person]
ZOOMED = (683, 384)
"""A desktop of 1366 by 768 at 200 %: the page has half as many CSS pixels each way."""
MARK = """() => {
  const style = getComputedStyle(document.activeElement);
  return [style.outlineStyle, style.outlineWidth, style.boxShadow].join(" ");
}"""


def focused(person: Person) -> str:
    return str(person.page.evaluate("document.activeElement.id || document.activeElement.textContent.trim()"))


def marked(person: Person) -> bool:
    """Whether what has the focus shows it: an outline or a ring."""
    style, width, shadow = re.match(r"(\S+) (\S+) (.*)", person.page.evaluate(MARK)).groups()  # type: ignore[union-attr] # always three
    return (style != "none" and float(width.removesuffix("px")) >= 1) or shadow != "none"


@pytest.mark.parametrize("size", [DESKTOP, PHONE, ZOOMED])
def test_sign_in_with_the_keyboard_alone(size: tuple[int, int], sit: Sit, live_server: object) -> None:
    factories.UserFactory(username="19900000777", name="覃晓燕")
    person = sit(None, size)
    person.open("/")
    assert focused(person) == "id_username", "the cursor waits in the first field"
    assert marked(person)
    keyboard = person.page.keyboard
    keyboard.type("19900000777")
    keyboard.press("Tab")
    assert focused(person) == "id_password"
    assert marked(person)
    keyboard.type(factories.PASSWORD)
    keyboard.press("Tab")
    assert focused(person) == "显示密码"
    assert marked(person)
    keyboard.press("Tab")
    assert focused(person) == "登录"
    assert marked(person)
    with person.page.expect_navigation():
        keyboard.press("Enter")
    person.look()
    person.see("我的待办")
    assert person.page.url.endswith("/")


def test_skip_link_comes_first_and_leads_to_the_content(sit: Sit, world: World) -> None:
    for role, path in ((CENTRE, "/"), (CENTRE, "/admin/cadres/cadre/"), (MONITOR, "/activities/me/")):
        person = sit(world.users[role])
        person.open(path)
        person.page.keyboard.press("Tab")
        link = person.page.locator(":focus")
        expect(link).to_have_text(re.compile("跳到"))
        expect(link).to_be_in_viewport()
        target = str(link.get_attribute("href")).removeprefix("#")
        person.page.keyboard.press("Enter")
        assert person.page.evaluate("location.hash") == f"#{target}"
        assert person.page.locator(f"main#{target}, #{target}").count() == 1
        person.page.keyboard.press("Tab")
        inside = person.page.evaluate(f"document.getElementById('{target}').contains(document.activeElement)")
        assert inside, f"{path}: after the skip link the next stop is within the content"


def test_dialog_holds_the_focus_and_gives_it_back(sit: Sit, world: World) -> None:
    """A question before an act: Escape leaves it, and the button that asked has the focus again."""
    person = sit(world.users[CENTRE])
    person.open(reverse("batches:batch", args=[world.sides["own"].batch.pk]))
    button = person.page.locator("button[data-dialog]").first
    button.focus()
    person.page.keyboard.press("Enter")
    dialog = person.page.locator("dialog[open]")
    expect(dialog).to_be_visible()
    assert person.page.evaluate("document.querySelector('dialog[open]').contains(document.activeElement)")
    person.page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    expect(button).to_be_focused()


@pytest.mark.parametrize("size", [ZOOMED, (PHONE[0], 422)])
def test_record_page_at_twice_the_size(size: tuple[int, int], sit: Sit, world: World) -> None:
    """At 200 % everything is still there and in reach: the title, the kinds, the button that hands in."""
    person = sit(world.users[MONITOR], size)
    person.open(reverse("activities:record_new", args=[world.sides["own"].practice_class.pk]))
    page = person.page
    assert overflow(page) == []
    page.get_by_label("办了什么").fill("送药上门")
    field = page.get_by_label("怎么办的、结果怎样")
    field.scroll_into_view_if_needed()
    field.fill("给两位老人送了一个月的药。")
    send = page.get_by_role("button", name="报送班主任")
    expect(send).to_be_in_viewport()
    expect(page.get_by_label("办了什么")).to_have_value("送药上门")


def test_text_twice_as_large_breaks_neither_sign_in_nor_record_page(sit: Sit, world: World) -> None:
    """Only the type grows, as phones let people set it."""
    for user, path in (
        (None, "/account/sign-in/"),
        (world.users[MONITOR], reverse("activities:record_new", args=[world.sides["own"].practice_class.pk])),
    ):
        person = sit(user, PHONE)
        person.open(path)
        person.page.evaluate("document.documentElement.style.fontSize = '200%'")
        assert overflow(person.page) == [], path


def test_record_written_without_a_signal_is_kept(sit: Sit, world: World) -> None:
    """What was typed is in this browser after the signal went and the page was opened again."""
    person = sit(world.users[MONITOR], PHONE)
    address = reverse("activities:record_new", args=[world.sides["own"].practice_class.pk])
    person.open(address)
    person.context.set_offline(True)
    expect(person.page.locator("[data-offline]")).to_be_visible()
    person.page.get_by_label("办了什么").fill("没有信号也写得下")
    expect(person.page.locator("[data-draft-time]")).not_to_be_empty()
    person.context.set_offline(False)
    person.complaints.clear()  # the browser's own word that there was no network
    person.open(address)
    person.page.get_by_role("button", name="接着写那份").click()
    expect(person.page.get_by_label("办了什么")).to_have_value("没有信号也写得下")


def test_page_asked_for_after_signing_out_is_the_sign_in_page(sit: Sit, world: World) -> None:
    """Neither the address nor the browser's “back” shows anything; a form sent from an old page writes nothing."""
    person = sit(world.users[CENTRE])
    person.open("/bases/rates/")
    old = person.context.new_page()
    old.goto(reverse("bases:set_rate"))
    person.page.locator("details.dm-who summary").click()
    person.press("退出")
    assert "/account/sign-in/" in person.page.url
    person.page.go_back(wait_until="load")
    assert "/account/sign-in/" in person.page.url
    assert "食宿标准" not in person.text("body")
    person.page.goto("/cadres/imports/")
    assert "/account/sign-in/?next=/cadres/imports/" in person.page.url
    before = world.sides["own"].rate._meta.model.objects.count()
    old.get_by_label(re.compile("住宿")).fill("50")
    old.get_by_label(re.compile("从哪天起")).fill("2027-01-01")
    with old.expect_navigation():
        old.get_by_role("button", name="填入这个标准").click()
    assert "sign-in" in old.url or old.locator("text=登录").count()
    assert world.sides["own"].rate._meta.model.objects.count() == before


def test_part_of_a_page_after_the_session_ended_shows_the_sign_in_page(sit: Sit, world: World) -> None:
    """A page that asks again and again how far a job is goes to the sign-in page, not the sign-in page into its card."""
    person = sit(world.users[CENTRE])
    job = Job.objects.create(
        task="tests.none", title="试", owner=world.users[CENTRE], state=JobState.RUNNING, progress=50
    )
    person.open(reverse("office:job", args=[job.pk]))
    expect(person.page.locator("#job-state")).to_contain_text("进行中")
    Session.objects.all().delete()
    person.page.wait_for_url(re.compile("/account/sign-in/"))
    assert person.page.locator("h1").count() == 1
