"""A batch's seven steps as pages show them: which are done, what blocks the present one, and the act that cures it."""

import datetime
from dataclasses import dataclass

from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from bases.models import PracticeBase
from batches.facts import Facts, facts_of, next_gathering_day
from batches.models import Batch, Waiver
from batches.obstacles import publish_obstacles
from batches.planning_input import gatherings_held
from batches.states import COURSE
from batches.waivers import waiting
from cadres.models import Cadre
from office.calendar import is_provisional
from office.menu import address
from office.todo import Todo

S = Batch.State
MOST_UNITS_NAMED = 4
GRAVITY = ("bad", "warn", "info")


@dataclass(frozen=True)
class Step:
    """One chevron: done, now or later."""

    label: str
    place: str


@dataclass(frozen=True)
class Block:
    """What the present step waits for. `kind` is bad, warn or info; `url` and `act` cure it where they are given."""

    kind: str
    text: str
    url: str = ""
    act: str = ""


def steps_of(batch: Batch) -> list[Step]:
    """The seven steps; 名单建议 counts as 筹备."""
    here = COURSE.index(S.DRAFT if batch.state == S.PROPOSED else S(batch.state))
    places = ["done" if i < here else "now" if i == here else "later" for i in range(len(COURSE))]
    if batch.state == S.CLOSED:
        places[-1] = "done"
    return [Step(str(state.label), place) for state, place in zip(COURSE, places, strict=True)]


def blocks_of(batch: Batch, user: User) -> list[Block]:
    """What this batch waits for now, the gravest first, each line with the act that cures it."""
    facts = facts_of([batch])[batch.pk]
    blocks = quick_blocks(batch, facts)
    if batch.state in (S.DRAFT, S.PROPOSED):
        blocks += _readiness(batch, user)
    if batch.state == S.PLANNED and facts.job is None:
        blocks = _obstacles(batch, user) or blocks
    if batch.state == S.PUBLISHED and (coming := next_gathering_day(batch)) is not None:
        back = "" if gatherings_held(batch) else "；此前可以撤回发布"
        blocks.append(Block("info", f"下一次集中 {coming:%m-%d}{back}"))
    return _by_gravity(blocks)


def _by_gravity(blocks: list[Block]) -> list[Block]:
    return sorted(blocks, key=lambda block: GRAVITY.index(block.kind))


def quick_blocks(batch: Batch, facts: Facts) -> list[Block]:
    """The part that follows from the facts alone: also the home page's to-dos."""
    if facts.job is not None:
        return [
            Block("info", f"{facts.job.title}：{facts.job.message or '正在排队'}", _page("studio", batch), "看进度")
        ]
    if batch.state in (S.DRAFT, S.PROPOSED):
        return _about_names(batch, facts)
    if batch.state == S.NOMINATING:
        return _about_answers(batch, facts)
    if batch.state == S.PLANNED:
        text = "编排有缺口，看过再发布" if facts.shortfalls else "编排好了，看过再发布"
        return [Block("info", text, _page("studio", batch) + "#result", "看结果")]
    if batch.state in (S.PUBLISHED, S.RUNNING):
        return _by_gravity(_about_staff(batch, facts) + _about_gatherings(batch, facts))
    return []


def _page(name: str, batch: Batch) -> str:
    return reverse(f"batches:{name}", args=[batch.pk])


def _about_names(batch: Batch, facts: Facts) -> list[Block]:
    if not facts.names:
        return [Block("warn", "还没有名单", _page("names", batch), "生成名单建议")]
    return [Block("warn", f"名单建议 {facts.names} 人，等报名开始", _page("names", batch), "开始报名")]


def _about_answers(batch: Batch, facts: Facts) -> list[Block]:
    late = batch.nominate_until is not None and batch.nominate_until < timezone.localdate()
    until = f"，{batch.nominate_until:%m-%d} 截止" if batch.nominate_until else ""
    if not facts.waiting:
        return [Block("info", f"各单位都答复了，共 {facts.names} 人", _page("studio", batch) + "#plan", "编排")]
    units = list(dict.fromkeys(facts.waiting_units))
    named = "、".join(units[:MOST_UNITS_NAMED]) + ("等" if len(units) > MOST_UNITS_NAMED else "")
    text = f"{len(units)} 个单位 {facts.waiting} 人没有答复{until}：{named}"
    return [Block("bad" if late else "warn", text, _page("names", batch), f"催 {len(units)} 个单位")]


def _about_staff(batch: Batch, facts: Facts) -> list[Block]:
    staff = _page("staff", batch)
    lines = (
        ("bad", facts.without_head_teacher, "个班没有班主任", "定班主任"),
        ("warn", facts.without_monitor, "个班没有班长", "定班长"),
        ("warn", facts.without_account, "名学员没有账号", "发账号"),
        ("warn", facts.without_mentor, "名学员没有导师", "定导师"),
    )
    return [Block(kind, f"{count} {text}", staff, act) for kind, count, text, act in lines if count]


def _about_gatherings(batch: Batch, facts: Facts) -> list[Block]:
    blocks = []
    if facts.without_bed:
        text = f"{facts.without_bed} 人次没有可住的床位"
        blocks.append(Block("bad", text, _page("adjust", batch) + "#beds", "选农户"))
    if facts.unaccounted:
        text = f"{facts.unaccounted} 次集中已过，没有说明是否举行"
        blocks.append(Block("bad", text, _page("adjust", batch) + "#past", "去说明"))
    if batch.state == S.PUBLISHED and batch.first_day <= timezone.localdate():
        blocks.append(Block("info", f"{batch.first_day:%m-%d} 已到，可以开始实践", _page("batch", batch), "开始实践"))
    if batch.state == S.RUNNING and batch.last_day < timezone.localdate():
        blocks.append(Block("warn", f"{batch.last_day:%m-%d} 已结束，可以开始评审", _page("batch", batch), "开始评审"))
    return blocks


def _readiness(batch: Batch, user: User) -> list[Block]:
    """What the planner will miss: people, bases, holidays."""
    blocks = []
    if not Cadre.objects.filter(state=Cadre.State.IN_POST).exists():
        blocks.append(Block("bad", "还没有干部", address("cadres:imports", user), "导入花名册"))
    ready = PracticeBase.objects.filter(
        state=PracticeBase.State.OPEN, households__state="admitted", households__rooms__beds__active=True
    )
    if not ready.exists():
        blocks.append(
            Block("bad", "还没有能接待的基地：要有已纳管的农户和床位", address("admin:bases", user), "去建基地")
        )
    for year in range(batch.first_day.year, batch.last_day.year + 1):
        if is_provisional(year):
            text = f"{year} 年放假安排还没有录入，先只避开法定节日当天"
            blocks.append(Block("warn", text, address("admin:office", user), "录入节假日"))
    return blocks


def _obstacles(batch: Batch, user: User) -> list[Block]:
    blocks = []
    for sentence in publish_obstacles(batch):
        rates = sentence.startswith("食宿标准")
        url = (
            address("bases:rates", user) or address("admin:bases", user) if rates else _page("studio", batch) + "#plan"
        )
        blocks.append(Block("bad", sentence, url, "确认食宿标准" if rates else "重新编排"))
    return blocks


def staff_todo(user: User) -> list[Todo]:
    """What blocks each batch that is not closed, and exceptions that somebody else asked for (a fixed number of queries)."""
    batches = list(Batch.objects.exclude(state=S.CLOSED).order_by("number"))
    facts = facts_of(batches)
    found = [
        Todo(
            what=f"{batch}：{block.text}",
            detail=batch.get_state_display(),
            due=_due(batch),
            url=block.url,
            act=block.act,
        )
        for batch in batches
        for block in quick_blocks(batch, facts[batch.pk])
        if block.url and facts[batch.pk].job is None
    ]
    others = waiting(Waiver.objects.all()).exclude(asked_by=user).exclude(batch__state=S.CLOSED)
    for waiver in others.select_related("batch").order_by("pk"):
        what = f"{waiver.batch}：{waiver.subject_label}申请 {waiver.rule} 例外"
        found.append(Todo(what, waiver.reason, None, _page("waivers", waiver.batch), "去批准"))
    return found


def _due(batch: Batch) -> datetime.date | None:
    """By when the present step should be through: the deadline of names, else the batch's first day while it is to come."""
    if batch.state == S.NOMINATING:
        return batch.nominate_until
    return batch.first_day if batch.state in (S.DRAFT, S.PROPOSED, S.PLANNED, S.PUBLISHED) else None
