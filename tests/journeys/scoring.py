"""The evaluation of the batch: score sheet, panel, a mentor's and a villager's sheet, the results and who sees them."""

from batches.models import Batch
from evaluations.models import Campaign, Result, Review
from tests.browser.chromium import DESKTOP, PHONE, Person
from tests.journeys.in_the_village import MENTOR, VILLAGER, Cast
from tests.journeys.setting_up import NewPerson, first_visit


def open_campaign(centre: Person, batch: Batch) -> Campaign:
    """The ready score sheet, one panel with a villager on it, and scoring begins."""
    centre.open(f"/batches/{batch.pk}/")
    centre.confirm("开始评审")
    centre.press("开始评审", "dialog[open]")
    centre.open("/evaluations/")
    centre.follow("评分表", "main")
    centre.press("用现成的评分表")
    centre.open("/evaluations/")
    centre.follow("准备一期的评审", "main")
    centre.choose("哪一期", "第1期")
    centre.choose("评分表", "实践评分表")
    centre.press("建立评审")
    centre.follow("建评审团", "main")
    for name in ("第1班", "第2班"):
        centre.page.get_by_label(name).check()
    centre.press("建评审团", "main")
    centre.write("评审员的登录名或姓名", VILLAGER)
    centre.choose("身份", "群众")
    centre.press("加评审员", "main")
    campaign = Campaign.objects.get()
    centre.open(f"/evaluations/{campaign.pk}/")
    centre.confirm("开始评分")
    centre.press("开始评分", "dialog[open]")
    campaign.refresh_from_db()
    assert campaign.state == Campaign.State.OPEN
    return campaign


def score(person: NewPerson, cast: Cast, name: str, level: str, size: tuple[int, int]) -> None:
    """One person's sheet, reached from the home page: a level for each line, then handed in."""
    scorer = first_visit(person, cast.slips[name], size)
    scorer.go("评审")
    scorer.follow("去评", "main")
    before = Review.objects.filter(state=Review.State.CAST).count()
    lines = scorer.page.locator("[data-criterion]")
    for place in range(lines.count()):
        lines.nth(place).locator("label.dm-level", has_text=level).first.click()
    scorer.see("项都评了")
    scorer.press("交")
    assert Review.objects.filter(state=Review.State.CAST).count() == before + 1


def compute(centre: Person, campaign: Campaign) -> None:
    """Scoring is closed and the results made final: two have a score, with what is missing told; the others have none."""
    centre.open(f"/evaluations/{campaign.pk}/")
    for step in ("截止评分", "计算结果", "定为最终结果"):
        centre.confirm(step)
        centre.press(step, "dialog[open]")
    campaign.refresh_from_db()
    assert campaign.state == Campaign.State.FINAL
    results = Result.objects.filter(campaign=campaign)
    assert results.count() == 20
    assert results.exclude(score=None).count() == Review.objects.values("enrollment").distinct().count()
    centre.follow("结果", "main")
    centre.see("缺")


def evaluate(centre: Person, person: NewPerson, cast: Cast, batch: Batch) -> Campaign:
    campaign = open_campaign(centre, batch)
    score(person, cast, MENTOR, "较好", DESKTOP)
    score(person, cast, VILLAGER, "好", PHONE)
    compute(centre, campaign)
    return campaign


def see_results(leader: Person) -> None:
    """The dashboard has grades now; each number opens as many rows."""
    leader.open(leader.page.url)
    leader.see("评审结果", "已定")
    links = leader.page.locator("section[aria-labelledby=result-title] td a")
    counts = {
        links.nth(place).get_attribute("href"): int(links.nth(place).inner_text()) for place in range(links.count())
    }
    assert sum(counts.values()) == 20
    for address, count in counts.items():
        leader.open(str(address))
        assert leader.page.locator("tbody tr").count() == count
