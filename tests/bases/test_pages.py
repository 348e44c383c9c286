"""The pages of bases: what each person sees and does there, and that lists cost the same for 1 and for 30 rows."""

import datetime
import re
from collections.abc import Callable

import pytest
from django.db import connection
from django.db.backends.postgresql.psycopg_any import DateRange
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from accounts.models import AuditEntry, User
from bases.models import BaseUse, Closure, HostHousehold, PracticeBase, Rate
from bases.queries import todo, visible_to
from tests.factories import (
    BaseFactory,
    BaseManagerFactory,
    HouseholdFactory,
    RateFactory,
    TownshipFactory,
    TownshipLiaisonFactory,
    VillageFactory,
)  # fmt: skip

pytestmark = pytest.mark.django_db
DAY = datetime.timedelta(days=1)


@pytest.fixture
def base() -> PracticeBase:
    return BaseFactory(village__name="双溪村", village__township__name="东溪镇人民政府")


@pytest.fixture
def other() -> PracticeBase:
    return BaseFactory(village__name="石门村")


@pytest.fixture
def liaison(base: PracticeBase) -> User:
    return TownshipLiaisonFactory(township=base.village.township, user__name="李国栋").user


@pytest.fixture
def manager(base: PracticeBase) -> User:
    return BaseManagerFactory(base=base, user__name="王慧敏").user


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client


def page(user: User, name: str, *args: object, **query: str) -> str:
    response = signed_in(user).get(reverse(name, args=args), query)
    assert response.status_code == 200
    return str(response.content.decode())


def coming(base: PracticeBase, **changes: object) -> BaseUse:
    first = timezone.localdate() + 7 * DAY
    facts = {"days": DateRange(first, first + 3 * DAY), "people": 19, "kind": "gathering", "source": "第7班第3次集中"}
    return BaseUse.objects.create(base=base, **facts | changes)


def test_empty_county_says_what_to_do_first(staff: User) -> None:
    assert "先下载表格，填好基地和农户床位" in page(staff, "bases:overview")
    assert "还没有接待农户" in page(staff, "bases:households")
    assert "还没有食宿标准" in page(staff, "bases:rates")


def test_overview_shows_own_bases_alone(liaison: User, manager: User, other: PracticeBase, leader: User) -> None:
    for user in (liaison, manager):
        body = page(user, "bases:overview")
        assert "双溪村基地" in body
        assert "石门村" not in body
    assert "石门村基地" in page(leader, "bases:overview")


def test_overview_counts_admitted_households_beds_and_names_the_next_closure(base: PracticeBase, staff: User) -> None:
    HouseholdFactory(base=base, beds=5)
    HouseholdFactory(base=base, beds=3, state="suspended")
    HouseholdFactory(base=base, beds=2, state="notice")
    today = timezone.localdate()
    Closure.objects.create(base=base, days=DateRange(today + 9 * DAY, today + 12 * DAY), kind="works", reason="修路")
    Closure.objects.create(base=base, days=DateRange(today - 9 * DAY, today), kind="works", reason="早已修好")
    body = page(staff, "bases:overview")
    row = body.split("双溪村基地</a>")[1].split("</tr>")[0]
    assert re.findall(r'<td class="dm-num">(\d+)</td>', row) == ["40", "5", "1", "1"]
    assert f"{today + 9 * DAY} 至 {today + 11 * DAY}　修路" in row
    assert "早已修好" not in body


def test_overview_filters_survive(base: PracticeBase, other: PracticeBase, staff: User) -> None:
    assert "石门村" not in page(staff, "bases:overview", q="双溪")
    assert "双溪村基地" in page(staff, "bases:overview", township=str(base.village.township.pk))
    assert "没有符合条件的基地" in page(staff, "bases:overview", state="retired")
    assert "双溪村基地" in page(staff, "bases:overview", state="no-such", township="x")


def test_calendar_tells_who_comes_and_the_meals(base: PracticeBase, manager: User) -> None:
    HouseholdFactory(base=base, beds=4, head="黄永福")
    use = coming(base)
    body = page(manager, "bases:base", base.pk)
    assert use.source in body
    first_day = body.split("<tbody>")[1].split("</tr>")[0]
    assert first_day.count('<td class="dm-num">19</td>') == 4
    assert first_day.count('<td class="dm-num">0</td>') == 1
    assert "黄永福" in body
    assert "东屋4张" in body
    later = page(manager, "bases:base", base.pk, **{"from": (timezone.localdate() + 28 * DAY).isoformat()})
    assert "这四周还没有人来" in later


@pytest.mark.parametrize("text", ["", "昨天", "0001-01-01", "9999-12-31", "2026-02-30"])
def test_calendar_from_a_day_that_is_none_begins_today(base: PracticeBase, manager: User, text: str) -> None:
    assert timezone.localdate().isoformat() in page(manager, "bases:base", base.pk, **{"from": text})


def test_phone_numbers_are_masked_for_everybody(base: PracticeBase, manager: User, staff: User, liaison: User) -> None:
    household = HouseholdFactory(base=base, phone="19912345678")
    urls = [
        reverse("bases:base", args=[base.pk]),
        reverse("bases:household", args=[household.pk]),
        reverse("bases:households"),
    ]
    for user in (manager, staff, liaison):
        for url in urls:
            body = signed_in(user).get(url).content.decode()
            assert "19912345678" not in body
            assert "19900000217" not in body
    for name, pk in (("hosthousehold", household.pk), ("practicebase", base.pk)):
        body = signed_in(staff).get(reverse(f"admin:bases_{name}_change", args=[pk])).content.decode()
        assert "19912345678" not in body
        assert "19900000217" not in body


def test_manager_closes_a_household_of_the_own_base_and_hears_who_is_touched(base: PracticeBase, manager: User) -> None:
    household = HouseholdFactory(base=base)
    use = coming(base)
    response = signed_in(manager).post(
        reverse("bases:close", args=[base.pk]),
        {
            "place": f"household-{household.pk}", "first_day": use.days.lower, "last_day": use.days.lower,
            "kind": "own", "reason": "儿子结婚",
        },
        follow=True,
    )  # fmt: skip
    closure = Closure.objects.get()
    assert (closure.household, closure.base, closure.entered_by) == (household, None, manager)
    assert closure.days == DateRange(use.days.lower, use.days.lower + DAY)
    assert use.source in response.content.decode()
    assert AuditEntry.objects.get(act="close_place").actor_id == manager.pk


def test_household_of_another_base_is_no_place_to_close(base: PracticeBase, other: PracticeBase, manager: User) -> None:
    foreign = HouseholdFactory(base=other)
    today = timezone.localdate().isoformat()
    data = {"place": f"household-{foreign.pk}", "first_day": today, "last_day": today, "kind": "own"}
    response = signed_in(manager).post(reverse("bases:close", args=[base.pk]), data)
    assert response.status_code == 200
    assert not Closure.objects.exists()


def test_refused_closure_keeps_what_was_typed(base: PracticeBase, manager: User) -> None:
    client, today = signed_in(manager), timezone.localdate().isoformat()
    data = {"place": "base", "first_day": today, "last_day": today, "kind": "works", "reason": "村道硬化"}
    client.post(reverse("bases:close", args=[base.pk]), data)
    body = client.post(reverse("bases:close", args=[base.pk]), data).content.decode()
    assert "已经停接" in body
    assert 'value="村道硬化"' in body
    assert Closure.objects.count() == 1


@pytest.mark.parametrize(("day", "told"), [("2020-01-01", "过去太久了"), ("9999-12-31", "请看看年份有没有写错")])
def test_closure_on_a_day_nobody_means_is_refused_at_its_field(
    base: PracticeBase, manager: User, day: str, told: str
) -> None:
    data = {"place": "base", "first_day": day, "last_day": "9999-12-31", "kind": "works", "reason": "村道硬化"}
    body = signed_in(manager).post(reverse("bases:close", args=[base.pk]), data).content.decode()
    assert told in body
    assert not Closure.objects.exists()


@pytest.mark.parametrize("name", ["bases:base", "bases:close", "bases:enter_outside_use"])
def test_other_bases_pages_are_absent_for_a_manager(manager: User, other: PracticeBase, name: str) -> None:
    assert signed_in(manager).get(reverse(name, args=[other.pk])).status_code == 404


def test_other_bases_rows_are_not_touched(manager: User, liaison: User, other: PracticeBase) -> None:
    today = timezone.localdate()
    closure = Closure.objects.create(base=other, days=DateRange(today, today + DAY), kind="works")
    use = coming(other, kind="outside")
    household = HouseholdFactory(base=other)
    for user in (manager, liaison):
        client = signed_in(user)
        assert client.post(reverse("bases:reopen", args=[closure.pk]), {"reason": "x"}).status_code == 404
        assert client.post(reverse("bases:cancel_use", args=[use.pk]), {"reason": "x"}).status_code == 404
        assert client.get(reverse("bases:household", args=[household.pk])).status_code == 404
    act = reverse("bases:household_act", args=[household.pk, "suspend"])
    assert signed_in(liaison).post(act, {"reason": "x"}).status_code == 404
    assert signed_in(manager).post(act, {"reason": "x"}).status_code == 403
    household.refresh_from_db()
    closure.refresh_from_db()
    use.refresh_from_db()
    assert (household.state, closure.live, use.live) == ("admitted", True, True)


def test_dates_of_office_end_the_view(base: PracticeBase) -> None:
    yesterday = timezone.localdate() - DAY
    former = BaseManagerFactory(base=base, until=yesterday).user
    future = BaseManagerFactory(base=base, since=timezone.localdate() + DAY).user
    for user in (former, future):
        assert not visible_to(user, PracticeBase).exists()
        assert signed_in(user).get(reverse("bases:base", args=[base.pk])).status_code == 403


def test_outside_party_is_entered_and_cancelled_from_the_page(base: PracticeBase, manager: User) -> None:
    client, day = signed_in(manager), timezone.localdate() + DAY
    data = {"source": "县税务局 主题党日", "people": "41", "first_day": day, "last_day": day}
    refused = client.post(reverse("bases:enter_outside_use", args=[base.pk]), data).content.decode()
    assert "超过日均承载 40 人" in refused
    assert 'value="县税务局 主题党日"' in refused
    client.post(reverse("bases:enter_outside_use", args=[base.pk]), data | {"people": "40"})
    use = BaseUse.objects.get()
    assert (use.people, use.kind) == (40, "outside")
    client.post(reverse("bases:cancel_use", args=[use.pk]), {"reason": ""})
    use.refresh_from_db()
    assert use.live
    client.post(reverse("bases:cancel_use", args=[use.pk]), {"reason": "对方改期"})
    use.refresh_from_db()
    assert not use.live


def test_liaison_walks_a_household_to_admission(base: PracticeBase, liaison: User) -> None:
    household = HouseholdFactory(
        base=base, state="applied", reviewed_on=None, notice_from=None, notice_until=None, admitted_on=None
    )
    client = signed_in(liaison)

    def act(name: str, **data: object) -> str:
        url = reverse("bases:household_act", args=[household.pk, name])
        assert client.get(url).status_code == 200
        body = client.post(url, data, follow=True).content.decode()
        household.refresh_from_db()
        return str(body)

    assert todo(liaison)[0].what == "1 户申请接待，等村党组织研判"
    act("review", on="2026-09-07", finding="条件合适")
    assert todo(liaison)[0].what == "1 户已经研判，可以公示"
    assert "公示不少于 5 个工作日" in act("open_notice", first_day="2026-09-07", until="2026-09-10")
    assert household.state == "applied"
    act("open_notice", first_day="2026-09-07", until="2026-09-11")
    assert household.state == "notice"
    act("raise_objection", text="房子漏雨")
    assert todo(liaison)[0].what == "1 户的异议要核查"
    assert "异议" in act("admit", on="2026-09-12")
    assert household.state == "notice"
    act("settle_objection", upheld="no", finding="已经修好")
    assert todo(liaison)[0].what == "1 户公示期满，可以纳管"
    act("admit", on="2026-09-12")
    assert household.state == "admitted"
    assert todo(liaison) == []
    act("suspend", reason="修房子")
    assert "恢复接待" in page(liaison, "bases:household", household.pk)
    act("resume", reason="")
    assert household.state == "admitted"


def test_act_that_does_not_exist_is_absent(base: PracticeBase, staff: User) -> None:
    household = HouseholdFactory(base=base)
    url = reverse("bases:household_act", args=[household.pk, "explode"])
    assert signed_in(staff).get(url).status_code == 404


def test_household_page_offers_only_what_is_possible(base: PracticeBase, staff: User, manager: User) -> None:
    household = HouseholdFactory(base=base)
    body = page(staff, "bases:household", household.pk)
    assert "暂停接待…" in body
    assert "纳管…" not in body
    assert "暂停接待…" not in page(manager, "bases:household", household.pk)


def test_rates_are_entered_and_confirmed_on_the_page(staff: User, manager: User, leader: User) -> None:
    client = signed_in(staff)
    data = {"first_day": "2026-01-01", "breakfast": "20", "lunch": "40", "dinner": "40", "night": "50.5"}
    client.post(reverse("bases:set_rate"), data)
    rate = Rate.objects.get()
    assert "还没有确认" in page(staff, "bases:rates")
    client.post(reverse("bases:confirm_rate", args=[rate.pk]))
    rate.refresh_from_db()
    assert rate.confirmed_by == staff
    assert "的标准都确认了" in page(staff, "bases:rates")
    assert "50.50" in page(manager, "bases:rates")
    assert "撤回确认" not in page(leader, "bases:rates")
    url, came_from = reverse("bases:confirm_rate", args=[rate.pk]), f"http://testserver{reverse('bases:rates')}"
    assert "已经确认过" in client.post(url, follow=True, headers={"referer": came_from}).content.decode()


def test_another_townships_rate_is_not_shown_to_a_manager(manager: User) -> None:
    RateFactory(township=TownshipFactory(name="别处镇人民政府"))
    assert "别处镇" not in page(manager, "bases:rates")


def test_to_do_of_the_centre_names_guests_on_closed_days_and_rates(base: PracticeBase, staff: User) -> None:
    use = coming(base)
    assert [each.act for each in todo(staff)] == ["去确认"]
    Closure.objects.create(base=base, days=DateRange(use.days.lower, use.days.lower + DAY), kind="weather")
    RateFactory(confirmed_by=staff, confirmed_at=timezone.now())
    found = todo(staff)
    assert [(each.what, each.due) for each in found] == [("停接的日子还有 1 批人要来", use.days.lower)]


def test_nobody_else_has_anything_to_do_with_bases(outsider: User, leader: User, base: PracticeBase) -> None:
    HouseholdFactory(base=base, state="applied", notice_from=None, notice_until=None, admitted_on=None)
    assert todo(outsider) == todo(leader) == []
    assert not visible_to(outsider, HostHousehold).exists()
    assert not visible_to(outsider, Rate).exists()


def test_base_is_retired_and_restored_by_the_centre_alone(base: PracticeBase, staff: User, manager: User) -> None:
    assert signed_in(manager).post(reverse("bases:retire", args=[base.pk]), {"reason": "x"}).status_code == 403
    signed_in(staff).post(reverse("bases:retire", args=[base.pk]), {"reason": "搬迁"})
    base.refresh_from_db()
    assert base.state == "retired"
    signed_in(staff).post(reverse("bases:restore", args=[base.pk]))
    base.refresh_from_db()
    assert base.state == "open"


# The number of queries of each list


def rows_of_everything(count: int) -> PracticeBase:
    town = TownshipFactory()
    bases = [BaseFactory(village=VillageFactory(township=town)) for _ in range(count)]
    today = timezone.localdate()
    for number, base in enumerate(bases):
        household = HouseholdFactory(base=base)
        days = DateRange(today + DAY, today + 3 * DAY)
        Closure.objects.create(base=base, days=days, kind="works")
        Closure.objects.create(room=household.rooms.get(), days=days, kind="works")
        coming(base)
        Rate.objects.create(township=TownshipFactory(), days=DateRange(today, None), night=number)
        BaseManagerFactory(base=base)
        TownshipLiaisonFactory(township=town)
    for _ in range(count):
        HouseholdFactory(base=bases[0])
        coming(bases[0], kind="outside", people=1)
    return bases[0]


LISTS: dict[str, Callable[[PracticeBase], str]] = {
    "overview": lambda base: reverse("bases:overview"),
    "base": lambda base: reverse("bases:base", args=[base.pk]),
    "close": lambda base: reverse("bases:close", args=[base.pk]),
    "households": lambda base: reverse("bases:households"),
    "rates": lambda base: reverse("bases:rates"),
    **{
        name: lambda base, name=name: reverse(f"admin:bases_{name}_changelist")
        for name in (
            "practicebase", "hosthousehold", "village", "route", "closure", "baseuse", "rate", "townshipliaison", "basemanager",
        )
    },
}  # fmt: skip


@pytest.mark.parametrize("name", LISTS)
@pytest.mark.usefixtures("still_clock")
def test_list_asks_as_many_queries_for_30_rows_as_for_1(name: str, staff: User) -> None:
    client, counts = signed_in(staff), []
    for rows in (2, 30):
        base = rows_of_everything(rows)
        url = LISTS[name](base)
        client.get(url)
        with CaptureQueriesContext(connection) as captured:
            assert client.get(url).status_code == 200
        counts.append(len(captured))
    assert counts[0] == counts[1], f"{name}: {counts}"
