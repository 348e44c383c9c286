"""What is in the way of publishing a plan or adopting a trial, and what cures it: pages tell it, the acts refuse by it."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from accounts.models import AuditEntry
from bases.queries import unconfirmed_rates
from batches import states
from batches.breaches import PLACES, broken_in
from batches.fixed import against, code_in_words
from batches.fixed_people import fixed_together
from batches.models import Batch, PlanRun
from batches.moved import MOST_PINS, facts_moved
from batches.plan_labels import Labels
from batches.planning.checker import Breach
from batches.queries import OF_THE_FACTS, latest_run

Outcome, Purpose = PlanRun.Outcome, PlanRun.Purpose


def publish_obstacles(batch: Batch, run: PlanRun | None = None, broken: Sequence[Breach] | None = None) -> list[str]:
    """Why a run (the newest unless told) cannot be published, each a sentence that says what cures it; empty when it can.

    Any run may be published whose input is today's facts, that keeps every rule and that no version has replaced. `broken` is
    what the checker found, where somebody has asked it already.
    """
    run = run or latest_run(batch)
    if run is None or not run.plan_text:
        return ["还没有编排。请先点“编排”。"]
    obstacles = []
    if unconfirmed := unconfirmed_rates(batch.first_day, batch.last_day):
        obstacles.append("食宿标准还没有确认：" + "、".join(unconfirmed) + "。请先到“食宿标准”确认。")
    if run.purpose not in OF_THE_FACTS:
        obstacles.append("这是试算，改动还没有采用。请先采用，或选别的方案。")
    elif run.outcome == Outcome.SUPERSEDED:
        obstacles.append("这个方案发布过，已被后来的版本取代。请选别的方案，或重新编排。")
    elif run.purpose == Purpose.REPAIR and (fixed := against(batch, run.changes)):
        obstacles.append(f"这个方案动了后来固定的：{fixed[0]}")
    elif moved := facts_moved(batch, run):
        obstacles.append(moved)
    if nobody_gathers(run.plan):
        obstacles.append("方案里一次集中也没有，发布了谁也不会去。请看就绪检查里的基地、床位和节假日，办好再重新编排。")
    broken = broken_in(run) if broken is None else broken
    if broken:
        codes = {breach.code for breach in broken}
        cure = "重新编排解决不了：请先缓派、改名额或申请例外" if codes <= set(PLACES) else "请重新编排"
        if "PINS" in codes:
            cure = f"{_pins_told(broken)}请取消做不到的固定，或改成合规的班、日子、基地，再重排"
        elif fixed_together(run.document, run.plan, broken):
            cure = "只重新编排解决不了：请先取消固定，原因和办法写在缺口那里"
        obstacles.append(
            f"方案有 {len(broken)} 处不符合规则（{'、'.join(map(code_in_words, sorted(codes)))}）。{cure}。"
        )
    return obstacles


def _pins_told(broken: Sequence[Breach]) -> str:
    """Which pins the plan does not keep, the first of them."""
    rows = [breach.message for breach in broken if breach.code == "PINS"]
    more = f"这样的还有 {len(rows) - MOST_PINS} 处。" if len(rows) > MOST_PINS else ""
    labels = Labels(rows[:MOST_PINS])
    return "".join(labels.say(row) for row in rows[:MOST_PINS]) + more


def nobody_gathers(plan: Mapping[str, Any]) -> bool:
    """Whether classes have people and yet nobody goes anywhere: what is published then is no arrangement."""
    return bool(plan["assignments"]) and not any(row.get("sites") for row in plan["gatherings"])


# Adopting a trial


class Obstacle(NamedTuple):
    """Why a trial is not adopted from its page; where another page cures it, the link there: its words and its route."""

    sentence: str
    label: str = ""
    route: str = ""
    of_batch: bool = False
    """Whether the page is one of the batch."""


ELSEWHERE = {
    "parameter": Obstacle(
        "项目规则不在这里改：到“规则推演”（改动已填好）精确推演，看过影响再采用；采用时勾选本期，再回来重新编排。",
        "到规则推演",
        "batches:outlook",
    ),
    "more_batches": Obstacle("加办的期不在这里建：到“期班”新建一期。", "到期班", "batches:list"),
    "reopen": Obstacle("恢复接待不在这里办：到“基地”恢复，再重新编排。", "到基地", "bases:overview"),
}
"""Kinds of changes that become facts on another page, and which."""
BEFORE = {
    "more_classes": Obstacle(
        "加班不在这里办：到“项目规则”改班型的班数，再重新编排。", "到项目规则", "batches:programme"
    ),
    "drop_pin": Obstacle("名单里的人不在这里取消：到“名单”缓派，再重新编排。", "到名单", "batches:names", True),
}
"""The same, of a batch that is not published yet; of pins, those that hold somebody in the list."""
IN_FORCE = dict.fromkeys(
    ("withdraw", "later", "pin_batch", "drop_pin"),
    Obstacle("本期已经发布，退出不在这里办：到“调整”办退出，再少变动重排。", "到调整", "batches:adjust", True),
) | {
    "parameter": Obstacle(
        "本期已经发布，按发布时的规则走到底；以后各期要改，到“规则推演”（改动已填好）看过影响再采用。",
        "到规则推演",
        "batches:outlook",
    ),
}
"""The same, of a batch in force."""
ADOPTED = Obstacle(
    "这个试算的改动已经采用过。请到“少变动重排”重排一次，看过动了谁再发布；还要别的，另做试算。",
    "到少变动重排", "batches:repair", True,
)  # fmt: skip


def adoption_obstacles(run: PlanRun) -> list[Obstacle]:
    """Why a trial's changes cannot become facts from its page, and where they can; empty when they can."""
    if run.purpose != Purpose.TRIAL or run.batch is None:
        return [Obstacle("这不是试算，没有要采用的改动。")]
    if not states.changeable(run.batch):
        return [Obstacle(f"{run.batch}现在是“{run.batch.get_state_display()}”，不再编排，试算不能采用。")]
    in_force = run.batch.state in states.LIVE
    if in_force and _was_adopted(run):
        return [ADOPTED]
    pages = ELSEWHERE | (IN_FORCE if in_force else BEFORE)
    refused = [row for row in run.changes if row["kind"] != "drop_pin" or row["of"] == "batches"]
    return list(dict.fromkeys(pages[row["kind"]] for row in refused if row["kind"] in pages))


def _was_adopted(run: PlanRun) -> bool:
    """Whether the trail has it: a trial of a batch in force stays one, since a repair has to follow."""
    acts = AuditEntry.objects.filter(act="adopt_trial", subject_type="batches.Batch", subject_id=str(run.batch_id))
    return any(json.loads(text).get("run") == run.pk for text in acts.order_by("seq").values_list("data", flat=True))
