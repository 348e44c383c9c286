"""The frame of all pages: tags, menu, error pages, the admin site's dress."""

import datetime
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import HttpRequest
from django.template import engines
from django.test import Client, RequestFactory, override_settings
from django.urls import path, reverse
from pghistory.models import Events

from accounts.access import allow, public, signed_in
from accounts.models import User
from accounts.rules import is_leader
from config import urls as own_urls
from config.errors import Conflict, DomainError
from office import menu
from office.context import shell
from office.models import Job, JobState, Notice
from office.templatetags import desk
from tests import factories


def render(source: str, address: str = "/", user: Any = None, **values: Any) -> str:
    request = RequestFactory().get(address)
    request.user = user or AnonymousUser()
    return engines["django"].from_string("{% load frame %}" + source).render(values, request)


# --- pages that only these tests have


@public
def failing(request: HttpRequest) -> Any:
    raise RuntimeError("something nobody foresaw")


@public
def refusing(request: HttpRequest) -> Any:
    raise PermissionDenied


@public
def conflicting(request: HttpRequest) -> Any:
    raise Conflict("changed_since", "没有保存：这条记录刚被叶秀英改过。您写的还在，比较后再存。")


@public
def unruly(request: HttpRequest) -> Any:
    raise DomainError("too_early", "还不能开始。要等 11-30 报名截止。")


@signed_in
def plain(request: HttpRequest) -> Any:
    return engines["django"].from_string('{% extends "base.html" %}').render({}, request)


@allow(is_leader)
def for_leaders(request: HttpRequest) -> Any:
    raise AssertionError("only its address is asked for")


urlpatterns = [
    path("failing/", failing, name="failing"),
    path("refusing/", refusing, name="refusing"),
    path("conflicting/", conflicting, name="conflicting"),
    path("unruly/", unruly, name="unruly"),
    path("for-leaders/", for_leaders, name="for_leaders"),
    *own_urls.urlpatterns,
]
handler400, handler403, handler404, handler500 = (
    own_urls.handler400,
    own_urls.handler403,
    own_urls.handler404,
    own_urls.handler500,
)

with_test_pages = override_settings(ROOT_URLCONF="tests.office.test_frame")


# --- tags and filters


def test_chip_says_its_state_in_a_word_with_an_icon() -> None:
    html = render('{% chip "warn" text %}', text="临期<b>")
    assert 'class="dm-chip dm-chip-warn"' in html
    assert "ti-clock" in html
    assert "临期&lt;b&gt;" in html


@pytest.mark.parametrize(("value", "word"), [("odd", "单"), ("even", "双"), ("", "")])
def test_parity_is_told_by_a_word(value: str, word: str) -> None:
    html = render("{% parity value %}", value=value)
    assert (f">{word}</span>" in html) if word else html == ""


def test_pager_keeps_the_filters_of_the_address() -> None:
    html = render("{% pager page %}", "/?unit=3&q=%E6%9D%8E&page=2", page=Paginator(range(61), 20).page(2))
    assert "第 2 页 / 共 4 页，共 61 条" in html
    assert 'href="?unit=3&amp;q=%E6%9D%8E&amp;page=3"' in html
    assert "page=2" not in html


def test_pager_of_a_single_page_offers_no_links() -> None:
    html = render("{% pager page %}", page=Paginator(range(3), 20).page(1))
    assert "共 3 条" in html
    assert "<a" not in html


def test_empty_names_the_one_act_that_fills_it() -> None:
    html = render('{% empty "calendar-plus" "第四期还没有编排" "先把报名收齐。" "/remind/" "催报名" %}')
    assert '<a class="dm-btn dm-btn-primary" href="/remind/">催报名</a>' in html
    assert "<a" not in render('{% empty "calendar-plus" "第四期还没有编排" %}')


@pytest.mark.parametrize(("value", "total", "shown"), [(2, 3, 2), (5, 3, 3), (None, 3, 0), (0, 0, 0)])
def test_meter_never_leaves_its_scale(value: int | None, total: int, shown: int) -> None:
    assert f'value="{shown}"' in render("{% meter value total %}", value=value, total=total)


def test_confirm_tells_the_consequences_and_asks_for_the_reason() -> None:
    html = render(
        '{% confirm "stop" title="停用？" action="/stop/" keep="不停用" do="停用" reason="原因" %}'
        "<li>{{ village }}的集中要改</li>{% endconfirm %}",
        village="<竹源村>",
    )
    assert "<li>&lt;竹源村&gt;的集中要改</li>" in html
    assert 'name="csrfmiddlewaretoken"' in html
    assert 'name="reason"' in html
    bare = render('{% confirm "a" title="b" action="/" keep="c" do="d" %}{% endconfirm %}')
    assert 'name="reason"' not in bare
    assert 'name="revision"' not in bare
    sent = render('{% confirm "a" title="b" action="/" keep="c" do="d" revision=0 %}{% endconfirm %}')
    assert '<input type="hidden" name="revision" value="0">' in sent


def test_dates_and_figures_are_written_the_house_way() -> None:
    day = datetime.date(2026, 3, 5)
    html = render(
        "{{ day|month_day }} {{ day|cn_date }} {{ day|weekday }} {% days day last %} {% days day day %} "
        "{{ day }} {{ people|thousands }} {{ money|yuan }}",
        day=day, last=datetime.date(2026, 3, 8), people=3684, money=Decimal("44540"),
    )  # fmt: skip
    assert html == "03-05 2026年3月5日 周四 03-05 至 03-08 03-05 2026-03-05 3,684 44,540.00"


def test_personal_numbers_are_masked() -> None:
    html = render("{{ id|masked_id }} {{ phone|masked_phone }}", id="990101199205010010", phone="19900000217")
    assert html == "990101********0010 199****0217"


def test_message_puts_what_happened_in_bold_and_escapes_it() -> None:
    html = render("{{ text|what_next }}", text="没有保存<i>。您写的还在。")
    assert html == "<strong>没有保存&lt;i&gt;。</strong>您写的还在。"


# --- menu


def links(user: User) -> list[str]:
    request = RequestFactory().get("/")
    request.user = user
    request.resolver_match = None
    return [link.key for link in menu.sections(request)]


def test_sections_of_the_centre_are_in_the_order_of_the_course(staff: User) -> None:
    found = links(staff)
    assert found == [key for key in menu.COURSE if key in found]
    assert not {"accounts", "office"} & set(found)


def test_outsider_sees_no_section(outsider: User) -> None:
    assert not {"cadres", "bases", "batches", "accounts"} & set(links(outsider))


def test_administrator_sees_accounts_but_not_the_course(system_administrator: User) -> None:
    found = links(system_administrator)
    assert "accounts" in found
    assert not {"cadres", "bases", "batches"} & set(found)


def test_every_section_an_administrator_is_offered_opens(
    system_administrator: User, security_administrator: User, audit_administrator: User, client: Client
) -> None:
    for user in (system_administrator, security_administrator, audit_administrator):
        client.force_login(user)
        request = RequestFactory().get("/")
        request.user = user
        request.resolver_match = None
        for link in menu.sections(request):
            assert client.get(link.url).status_code == 200, link
    assert links(audit_administrator) == ["accounts:audit"]


@with_test_pages
def test_menu_asks_the_policy_of_the_view(leader: User, outsider: User) -> None:
    assert menu.address("for_leaders", leader) == "/for-leaders/"
    assert menu.address("for_leaders", outsider) == ""
    assert menu.address("no_such_page", leader) == ""


def test_desk_is_offered_to_nobody_outside_of_it(staff: User, leader: User) -> None:
    assert menu.address("admin:index", staff) == reverse("admin:index")
    assert menu.address("admin:index", leader) == ""


def test_counters_count_only_ones_own_and_only_what_is_open(
    staff: User, outsider: User, django_assert_num_queries: Any
) -> None:
    for owner, state in ((staff, JobState.RUNNING), (staff, JobState.DONE), (outsider, JobState.WAITING)):
        Job.objects.create(task="x", title="x", owner=owner, state=state)
    for addressee in (staff, outsider, outsider):
        Notice.objects.create(addressee=addressee, subject="x")
    request = RequestFactory().get("/")
    request.user = staff
    with django_assert_num_queries(0):
        found = shell(request)["shell"]
    with django_assert_num_queries(2):
        counts = (found.unfinished_jobs, found.unread_notices, found.unfinished_jobs)
    assert counts == (1, 1, 1)


def test_stranger_has_no_counters(django_assert_num_queries: Any, db: None) -> None:
    request = RequestFactory().get("/")
    request.user = AnonymousUser()
    with django_assert_num_queries(0):
        assert shell(request)["shell"].unread_notices == 0


# --- error pages


def test_missing_page_is_our_own_404(client: Client, outsider: User) -> None:
    client.force_login(outsider)
    response = client.get("/no-such-page/")
    assert response.status_code == 404
    assert "没有这一页，或不在您的范围内" in response.content.decode()
    assert 'lang="zh-CN"' in response.content.decode()


@with_test_pages
@pytest.mark.parametrize(
    ("page", "status", "words"),
    [
        ("refusing", 403, "这一页不对您开放"),
        ("conflicting", 409, "没有保存：这条记录刚被叶秀英改过。"),
        ("unruly", 400, "要等 11-30 报名截止。"),
    ],
)
def test_refusals_have_their_own_page_and_status(
    client: Client, outsider: User, page: str, status: int, words: str
) -> None:
    client.force_login(outsider)
    response = client.get(f"/{page}/")
    assert response.status_code == status
    assert words in response.content.decode()


@with_test_pages
def test_unforeseen_error_is_a_page_with_its_number_and_nothing_of_the_program(client: Client, db: None) -> None:
    client.raise_request_exception = False
    response = client.get("/failing/")
    page = response.content.decode()
    assert response.status_code == 500
    assert "系统出错了" in page
    assert response["X-Request-Id"] in page
    assert "nobody foresaw" not in page


def test_error_page_needs_no_database(django_assert_num_queries: Any, db: None) -> None:
    with django_assert_num_queries(0):
        engines["django"].get_template("errors/500.html").render({}, RequestFactory().get("/"))


def test_form_without_token_is_told_that_nothing_was_saved(outsider: User) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(outsider)
    response = client.post(reverse("accounts:sign_out"))
    assert response.status_code == 403
    assert "页面开得太久，没有保存" in response.content.decode()


# --- the admin site


def test_desk_has_the_frame_of_all_pages_and_speaks_chinese(client: Client, staff: User) -> None:
    client.force_login(staff)
    page = client.get(reverse("admin:index")).content.decode()
    assert 'class="dm-top"' in page
    assert '<html lang="zh-CN"' in page
    for foreign in ("Welcome", "Django", "dark_mode", "theme.js", "站点管理"):
        assert foreign not in page


def test_desk_list_numbers_its_rows_on_from_page_to_page(client: Client, system_administrator: User) -> None:
    client.force_login(system_administrator)
    factories.UserFactory.create_batch(22)
    page = client.get(reverse("admin:accounts_user_changelist"), {"p": 2}).content.decode()
    assert '<td class="dm-serial">21</td>' in page
    assert '<td class="dm-serial">1</td>' not in page
    assert "第 2 页 / 共 2 页，共 23 条" in page
    assert "来修改" not in page


def test_row_history_shows_names_and_keeps_secrets(db: None) -> None:
    user = factories.UserFactory(name="旧名")
    user.name, user.phone, user.is_active = "新名", "19900000217", False
    user.save()
    events = Events.objects.tracks(user).order_by("-pgh_created_at")
    changes = {label: (old, new) for label, old, new in desk.row_versions(events, User._meta)[0].changes}
    assert changes["姓名"] == ("旧名", "新名")
    assert changes["可登录"] == ("是", "否")
    assert changes["手机号"] == ("空", "（加密，不显示）")
