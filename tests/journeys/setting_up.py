"""The clerk's first day: from an installation in which nothing is registered to a published plan, all by clicking."""

import re
from collections.abc import Callable
from io import StringIO
from pathlib import Path

from django.core.management import call_command

from bases.models import Bed
from batches.models import Batch, Nomination, PlanVersion
from cadres.models import Cadre, Unit
from office.models import JobState
from tests.browser.chromium import PHONE, Person
from tests.journeys.tables import ROSTER, bases_table

PASSWORD = "Miao-2026-shan"
NewPerson = Callable[..., Person]
SLIPS = """() => [...document.querySelectorAll(".dm-slip")].map(slip => [
  slip.querySelector("h2").innerText.trim(), slip.querySelectorAll("td")[1].innerText.trim(),
  slip.querySelector(".dm-slip-password").innerText.trim()])"""


def first_account(person: NewPerson) -> Person:
    """The one account of a new installation: its printed password is changed before any other page opens."""
    out = StringIO()
    call_command("first_account", stdout=out)
    username, password = re.search(r"登录名 (\S+)　一次性密码 (\S+)", out.getvalue()).groups()
    centre = person()
    centre.sign_in(username, password)
    first_password(centre, password)
    centre.see("工作台")
    return centre


def first_password(who: Person, password: str) -> None:
    """Nothing but the page that changes the first password opens; afterwards the home page."""
    who.open("/")
    assert who.page.url.endswith("/account/password/")
    who.see("第一次登录，请先设自己的密码")
    who.write("现在的密码", password)
    who.write("新密码", PASSWORD)
    who.write("再写一遍新密码", PASSWORD)
    who.press("改为新密码")
    assert who.page.url.endswith("/")


def import_roster(centre: Person) -> None:
    """266 rows; the units of an empty county are offered and made with it."""
    centre.follow("导入", "main")
    centre.follow("导入花名册", "main")
    centre.page.locator("input[type=file]").set_input_files(ROSTER)
    centre.press("上传并核对")
    centre.wait_for("text=写入后会怎样")
    centre.see("没有登记的单位")
    selects = centre.page.locator(".dm-unit-choices select")
    for place in range(selects.count()):
        kind = (
            "乡镇"
            if re.search("[镇乡]", selects.nth(place).locator("xpath=..").inner_text().split("\n")[0])
            else "县直"
        )
        options = selects.nth(place).locator("option").all_text_contents()
        selects.nth(place).select_option(label=next(text for text in options if f"建立为{kind}" in text))
    centre.press("按选的重新核对")
    centre.wait_for("text=266 行都可以导入")
    assert (Cadre.objects.count(), Unit.objects.count()) == (0, 0), "a preview writes nothing"
    centre.press("导入 266 行")
    centre.hear("已写入：新增 266 人")
    assert Cadre.objects.count() == 266


def import_bases(centre: Person, folder: Path) -> None:
    table = folder / "基地.xlsx"
    table.write_bytes(bases_table())
    centre.open("/bases/")
    centre.follow("导入基地和农户", ".dm-page-actions")
    centre.page.locator("input[type=file]").set_input_files(table)
    centre.press("导入这张表")
    centre.hear("导入了 4 个基地、24 户、96 张床位")
    assert Bed.objects.filter(active=True).count() == 96


def enter_holidays(centre: Person) -> None:
    centre.open("/admin/office/calendarday/")
    centre.press("登记这一年的放假和调休")
    centre.see("2026")


def set_rules(centre: Person) -> None:
    """Two classes of nine; gatherings from Friday to Sunday, as the defaults are."""
    centre.open("/batches/")
    centre.follow("定项目规则", "main")
    for label, value in (("每班人数", "9"), ("每班最少", "8"), ("每班最多", "10"), ("每期班数", "2")):
        centre.write(label, value)
    centre.press("保存规则")
    centre.hear("已保存")


def create_batch(centre: Person) -> Batch:
    """Its first week is the present one."""
    centre.open("/batches/")
    centre.follow("新建第一期", "main")
    centre.write("开始", "2026-06-29")
    centre.write("结束", "2026-09-20")
    centre.press("新建这一期")
    centre.hear("2 个班")
    return Batch.objects.get()


def gather_names(centre: Person, person: NewPerson, batch: Batch) -> None:
    """Stage 1 proposes, a unit's liaison confirms hers on a phone, the others are told; whoever is silent counts as coming."""
    centre.follow("生成名单建议", "main")
    centre.press("生成名单建议")
    centre.wait_for("text=开始报名，通知")
    people = batch.nominations.count()
    assert people == 20, "two classes of at most ten"
    unit = batch.nominations.order_by("pk").first().cadre.unit
    liaison = appoint_liaison(centre, person, unit)
    centre.open(f"/batches/{batch.pk}/names/")
    centre.press("开始报名，通知")
    liaison.open("/")
    liaison.follow("确认", "main")
    mine = batch.nominations.filter(cadre__unit=unit)
    liaison.press(f"确认这 {mine.count()} 人")
    liaison.see("都答复了，谢谢您")
    assert set(mine.values_list("state", flat=True)) == {Nomination.State.CONFIRMED}
    assert batch.nominations.filter(state=Nomination.State.PROPOSED).count() == people - mine.count()


def appoint_liaison(centre: Person, person: NewPerson, unit: Unit) -> Person:
    """An account by its slip, and the office at the unit in the desk's register."""
    slips = issue_accounts(centre, {"19900000501": "梁静"})
    centre.open("/admin/cadres/unitliaison/add/")
    pick(centre, "单位", unit.name)
    pick(centre, "账号", "梁静")
    centre.write("自", "2026-06-01")
    centre.press("保存")
    return first_visit(person, slips["梁静"], PHONE)


def issue_accounts(centre: Person, people: dict[str, str]) -> dict[str, tuple[str, str]]:
    """Sign-in name → name; gives name → (sign-in name, one-time password) from the slips, which are shown this once."""
    centre.open("/account/new/")
    centre.write("登录名和姓名", "\n".join(f"{username} {name}" for username, name in people.items()))
    centre.press("发放账号", "main")
    return slips_on(centre)


def slips_on(centre: Person) -> dict[str, tuple[str, str]]:
    centre.see("口令只显示这一次，请现在打印")
    return {name: (username, password) for name, username, password in centre.page.evaluate(SLIPS)}


def first_visit(person: NewPerson, slip: tuple[str, str], size: tuple[int, int]) -> Person:
    """Somebody with a slip signs in for the first time."""
    who = person(size=size)
    who.sign_in(*slip)
    first_password(who, slip[1])
    return who


def pick(centre: Person, label: str, text: str) -> None:
    """One of a list that is searched while typing."""
    row = centre.page.locator(".form-row", has_text=label).first
    row.locator(".select2-selection").click()
    centre.page.locator(".select2-search__field").fill(text)
    centre.page.locator(".select2-results__option--highlighted", has_text=text).wait_for()
    centre.page.keyboard.press("Enter")


def make_plan(centre: Person, batch: Batch) -> None:
    """One button; the page shows how far it is and then the result, without being asked again."""
    centre.open(f"/batches/{batch.pk}/studio/")
    centre.see("就绪检查")
    centre.press("编排 20 人")
    centre.wait_for("#job, #rules")
    centre.wait_for("#rules")
    run = batch.plan_runs.get(purpose="plan")
    assert (run.job.state, run.job.progress) == (JobState.DONE, 100)
    centre.see("0 处违反", "20 人　2 班", "集中日历", "规则单")
    assert centre.page.locator("#rules li").count() == 19
    assert centre.page.locator("#rules li.has-findings").count() == 0
    assert centre.page.locator("#calendar tbody tr").count() == 2
    centre.follow("第1班", "main")
    centre.see("号床")
    centre.open(f"/batches/{batch.pk}/overview/")
    centre.see("第1班", "第2班")


def publish(centre: Person, batch: Batch) -> None:
    """Nothing is published before the county has confirmed what a meal and a night cost."""
    centre.open(f"/batches/{batch.pk}/")
    centre.see("食宿标准还没有确认")
    assert centre.page.get_by_role("button", name="发布为").count() == 0
    centre.follow("确认食宿标准", "main")
    centre.follow("填新的标准", "main")
    centre.write("从哪天起执行", "2026-06-01")
    centre.write("住宿", "50")
    centre.press("填入这个标准")
    centre.press("确认", "main table")
    centre.open(f"/batches/{batch.pk}/studio/")
    centre.confirm("发布为第 1 版")
    centre.press("发布为第 1 版", "dialog[open]")
    centre.hear("已发布为第 1 版")
    batch.refresh_from_db()
    assert (batch.state, PlanVersion.objects.get().number) == (Batch.State.PUBLISHED, 1)
