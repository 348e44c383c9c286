"""What changes decided by hand would do to a plan, told before anything is computed or written.

The changes are put into a copy of the plan as it stands and laid before the independent checker. Who else would have to move
is not known yet: that is what the repair finds, and its list of moves is looked at before anything is published.
"""

import copy
import datetime
import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.utils import timezone

from bases.models import BaseManager, TownshipLiaison
from batches import states
from batches.arrangement import Arrangement, planned
from batches.bygones import about_what_is_over
from batches.clashes import clashes_in_words
from batches.fixed import code_in_words, require_free
from batches.models import Batch, PlanRun
from batches.overview import ClassLine, class_table
from batches.plan_ids import key, pk_of
from batches.plan_labels import Labels
from batches.planning.changes import Change, apply, say
from batches.planning.checker import Breach, check, violations
from batches.planning.formats import PLAN_FORMAT
from batches.planning_input import build_input
from batches.presence import Meals
from batches.queries import begun_cells, empty_classes, latest_run, with_account
from batches.rules import in_force
from batches.standing import Standing, standing_of
from cadres.models import Cadre
from config.errors import DomainError

Document = dict[str, Any]
MOST_LINES = 8


@dataclass
class Foretold:
    """Sentences for people. `breaches` are rules that the changes break as they are, `mended` those they mend."""

    changes: list[str] = field(default_factory=list)
    breaches: list[str] = field(default_factory=list)
    mended: list[str] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    told: list[str] = field(default_factory=list)


def plan_as_it_stands(
    batch: Batch, run: PlanRun | None = None, standing: Standing | None = None
) -> tuple[Document, Document]:
    """The input as the facts are now and the plan that changes start from: a published batch as it stands, else `run` or the
    newest plan. `standing` is what stands of the batch today, where somebody has asked it already.

    Raises DomainError "no_plan".
    """
    document = build_input(batch, standing=standing)
    if batch.state in states.LIVE:
        return document, as_plan(document["previous"])
    run = run or latest_run(batch)
    if run is None:
        raise DomainError("no_plan", f"{batch}还没有编排过，没有可以调的方案。请先编排。")
    return document, run.plan


def as_plan(decided: Document) -> Document:
    """Decisions in the shape of a plan that says nothing of itself, and lodges those alone who have a seat in the class."""
    plan: Document = {name: copy.deepcopy(decided[name]) for name in ("assignments", "gatherings", "lodging")}
    seats = {row["cadre"]: row["class"] for row in plan["assignments"]}
    plan["lodging"] = [row for row in plan["lodging"] if seats.get(row["cadre"]) == row["class"]]
    plan |= {"format": PLAN_FORMAT, "stages": [1, 2, 3, 4], "input_fingerprint": "", "seed": 1, "versions": {}}
    return plan | {"levels": [], "moves": [], "shortfalls": [], "unassigned": []}


def foretell(batch: Batch, changes: Sequence[Change], run: PlanRun | None = None) -> Foretold:
    """What the changes would do. Raises the planner's InputError for changes that do not fit, DomainError "no_plan", "fixed"."""
    require_free(batch, changes)
    document, plan = plan_as_it_stands(batch, run)
    changed_document = apply(document, changes)
    over = _over(batch)
    changed = _by_hand(plan, changes, over)
    before, after = (
        {
            key: row for key, row in rules_broken(facts, _without_beds(shown)).items()
            if not about_what_is_over(row, over)
        }
        for facts, shown in ((document, plan), (changed_document, changed))
    )  # fmt: skip
    new, gone = after.keys() - before.keys(), before.keys() - after.keys()
    sentences = [say(change) for change in changes]
    labels = Labels([*sentences, *(row.message for row in after.values()), *(row.message for row in before.values())])
    one, other = _arrangement(batch, plan), _arrangement(batch, changed)
    found = Foretold(
        changes=[labels.say(sentence) for sentence in sentences],
        breaches=[
            f"{code_in_words(row.code)} {labels.say(row.message)}" for key, row in sorted(after.items()) if key in new
        ],
        mended=[
            f"{code_in_words(row.code)} {labels.say(row.message)}" for key, row in sorted(before.items()) if key in gone
        ],
    )
    found.breaches += _left_alone(one, other)
    found.lines += _balance(one, other)
    found.lines += _beds_and_meals(one, other)
    found.told = _told(batch, one, other)
    return found


def rules_broken(document: Document, plan: Document) -> dict[tuple[str, str], Breach]:
    """Breaches of rules and pins, by code and subject; what the plan says of itself is left aside."""
    rows = violations(check(document, plan))
    return {(row.code, row.subject): row for row in rows if row.code == "PINS" or row.code[1:].isdigit()}


def _over(batch: Batch) -> set[tuple[str, int]]:
    """Gatherings of a published batch that are over or under way, as plans name them: whoever moves now was there, or was
    not, and nothing of it changes."""
    return {(key("K", one), index) for one, index in begun_cells(batch, timezone.localdate())}


def _without_beds(plan: Document) -> Document:
    return plan | {"stages": [1, 2, 3], "lodging": []}


def _by_hand(plan: Document, changes: Iterable[Change], over: set[tuple[str, int]]) -> Document:
    """The plan with people and gatherings put where the changes want them; beds of those who move are left open."""
    result = copy.deepcopy(plan)
    seats = {row["cadre"]: row for row in result["assignments"]}
    visits = {(row["class"], row["index"]): row for row in result["gatherings"]}
    for change in changes:
        if change["kind"] == "pin_class" and change["cadre"] in seats:
            seats[change["cadre"]]["class"] = change["class"]
        elif change["kind"] == "withdraw":
            result["assignments"] = [row for row in result["assignments"] if row["cadre"] != change["cadre"]]
        elif change["kind"] == "pin_gathering":
            _move_visit(visits.get((change["class"], change["index"])), change, result)
    size = Counter(row["class"] for row in result["assignments"])
    for row in result["gatherings"]:
        if "skipped" not in row and (row["class"], row["index"]) not in over:
            _share(row, size[row["class"]])
    classes = {row["cadre"]: row["class"] for row in result["assignments"]}
    result["lodging"] = [row for row in result["lodging"] if classes.get(row["cadre"]) == row["class"]]
    return result


def _move_visit(row: Document | None, change: Change, plan: Document) -> None:
    if row is None or not change["first_day"]:
        return
    bases = change["bases"] or [site["base"] for site in row.get("sites", ())]
    if not bases:
        return
    where = (row.get("first_day"), {site["base"] for site in row.get("sites", ())})
    if where != (change["first_day"], set(bases)):
        key = (row["class"], row["index"])
        plan["lodging"] = [bed for bed in plan["lodging"] if (bed["class"], bed["index"]) != key]
    days = _length(plan)
    row.pop("skipped", None)
    row["first_day"] = change["first_day"]
    row["last_day"] = (_day(change["first_day"]) + days).isoformat()
    row["sites"] = [{"base": base, "people": 1} for base in bases]


def _day(text: str) -> datetime.date:
    return datetime.date.fromisoformat(text)


def _length(plan: Document) -> Any:
    """Last day less first day of the plan's gatherings."""
    return next(
        _day(row["last_day"]) - _day(row["first_day"]) for row in plan["gatherings"] if "skipped" not in row
    )  # fmt: skip


def _share(row: Document, people: int) -> None:
    """Everybody at one base, or both bases' people grown or shrunk to the class."""
    sites = row["sites"]
    if len(sites) == 1 or people < len(sites):
        sites[0]["people"] = max(people - sum(site["people"] for site in sites[1:]), 1)
        return
    there = sum(site["people"] for site in sites)
    first = min(max(round(people * sites[0]["people"] / there), 1), people - 1)
    sites[0]["people"], sites[1]["people"] = first, people - first


def _arrangement(batch: Batch, plan: Document) -> Arrangement:
    return planned(batch, PlanRun(batch=batch, plan_text=json.dumps(plan)))


def _left_alone(before: Arrangement, after: Arrangement) -> list[str]:
    """Classes in which one man or one woman would be left: nobody sleeps alone (R16)."""
    lines = []
    for row in after.classes:
        for sex, word in (("M", "男"), ("F", "女")):
            was, now = (sum(cadre.sex == sex for cadre in shown.members.get(row.pk, ())) for shown in (before, after))
            if now == 1 != was and after.batch.programme.household_group_min > 1:
                lines.append(f"R16 {row.short_name}只剩 1 名{word}学员，没有人同住，集中会排不成")
    return lines


def _balance(before: Arrangement, after: Arrangement) -> list[str]:
    lines = []
    old = {line.practice_class.pk: line for line in class_table(before).lines}
    for line in class_table(after).lines:
        was, now = _line_text(old[line.practice_class.pk]), _line_text(line)
        if was != now:
            lines.append(f"{line.practice_class.short_name}：{was} 变为 {now}")
    return lines[:MOST_LINES]


def _line_text(line: ClassLine) -> str:
    sexes = line.bars[0].text.replace(" 人", "") if line.bars else ""
    return f"{line.size} 人（{sexes}，平均 {line.mean_age} 岁，在村 {line.days} 天、{line.villages} 个村）"


def _beds_and_meals(before: Arrangement, after: Arrangement) -> list[str]:
    """Beds that come free and are needed, and meals, base by base and gathering by gathering."""
    lines = []
    old = {visit.key: visit for visit in before.visits}
    for visit in after.visits:
        was = old.get(visit.key)
        if was is None or (was.first_day, was.bases, was.people) == (visit.first_day, visit.bases, visit.people):
            continue
        name = f"{visit.practice_class.short_name}第 {visit.index} 次集中"
        if was.bases == visit.bases and was.first_day == visit.first_day:
            more = visit.people - was.people
            lines.append(f"{name}：{visit.village_names}{'多' if more > 0 else '少'} {_fare(abs(more), visit.days)}")
        else:
            left = f"{was.village_names}空出 {was.people} 张床" if was.bases else "原来没有安排"
            needs_now = f"{visit.village_names} {visit.first_day:%m-%d} 起 {_fare(visit.people, visit.days)}"
            lines.append(f"{name}：{left}；{needs_now}")
    rest = len(lines) - MOST_LINES
    return lines[:MOST_LINES] + ([f"还有 {rest} 次集中的人数跟着变"] if rest > 0 else [])


def _fare(people: int, days: int) -> str:
    meals = Meals(breakfasts=days - 1, lunches=days, dinners=days - 1).total * people
    return f"{people} 人 {people * (days - 1)} 个床夜、{meals} 餐"


def _told(batch: Batch, before: Arrangement, after: Arrangement) -> list[str]:
    """Who would get a notice once it is published."""
    if batch.state not in states.LIVE:
        return ["还没有发布，不通知任何人"]
    seats = {cadre.pk: pk for pk, rows in before.members.items() for cadre in rows}
    moved = {cadre.pk for pk, rows in after.members.items() for cadre in rows if seats.get(cadre.pk) != pk}
    old = {visit.key: visit for visit in before.visits}
    bases = set()
    for visit in after.visits:
        was = old.get(visit.key)
        if was is None or (was.first_day, was.bases, was.people) != (visit.first_day, visit.bases, visit.people):
            bases |= {base.pk for base in visit.bases} | {base.pk for base in (was.bases if was else ())}
        if was is None or (was.first_day, was.bases) != (visit.first_day, visit.bases):
            moved |= {cadre.pk for cadre in after.members[visit.practice_class.pk]}
    people, _ = with_account(Cadre.objects.filter(pk__in=moved))
    keepers = set(in_force(BaseManager.objects.filter(base__in=bases)).values_list("user", flat=True))
    keepers |= set(
        in_force(TownshipLiaison.objects.filter(township__villages__base__in=bases)).values_list("user", flat=True)
    )
    lines = [f"发布时通知 {people} 名有变动、有账号的学员"]
    if keepers:
        lines.append(f"发布时通知 {len(keepers)} 名基地管理员和乡镇联络员（{len(bases)} 个基地）")
    return lines


@dataclass(frozen=True)
class Reason:
    """Something that a repair has to mend: the group that it is told in, what it is about, and a sentence with figures."""

    head: str
    about: tuple[str, str]
    line: str


def needs(batch: Batch) -> list[tuple[str, list[str]]]:
    """Why a published batch should be planned anew, group by group, in words."""
    groups: dict[str, list[str]] = {}
    for reason in reasons(batch):
        groups.setdefault(reason.head, []).append(reason.line)
    return list(groups.items())


def reasons(batch: Batch) -> list[Reason]:
    """Rules that what stands of a published batch breaks from now on, people without a class, and clashes of staff."""
    standing = standing_of(batch, timezone.localdate()) if batch.state in states.LIVE else None
    document, plan = plan_as_it_stands(batch, standing=standing)
    over = _over(batch)
    seated = {row["cadre"] for row in plan["assignments"]}
    waiting = [row["id"] for row in document["cadres"] if row["id"] not in seated]
    filled = {row["class"] for row in plan["assignments"]}  # a class that is still empty gathers when it is filled
    found = [
        row for row in violations(check(document, plan))
        if row.code[1:].isdigit() and not about_what_is_over(row, over)
        and (row.code != "R10" or any(name in filled for name, _ in row.cells))
    ]  # fmt: skip
    labels = Labels([*(row.message for row in found), *waiting])
    told = [("有人没有班", f"{labels.of(name)}已报名，还没有班") for name in waiting]
    told += [
        ("有班还没有人", f"{row.short_name}还没有人，重排会排进去；不要了可以撤掉") for row in empty_classes(batch)
    ]
    broken = [
        Reason(HEADS.get(row.code, "与规则不合"), (row.code, row.subject), f"{row.code} {labels.say(row.message)}")
        for row in found
    ]
    later = [("带班人员撞期，请到班务换人", f"{sentence}（R19）") for sentence in clashes_in_words(batch, standing)]
    later += [("有人已不在职", line) for line in _left(batch, {pk_of(name) for name in seated})]
    return [
        *(Reason(head, (head, line), line) for head, line in told), *broken,
        *(Reason(head, (head, line), line) for head, line in later),
    ]  # fmt: skip


HEADS = {
    "R01": "单位人数超过名额", "R02": "同单位的人在一个班", "R03": "单位的人同时离岗", "R04": "各班人数不匀",
    "R05": "有人长时间不能来", "R06": "班型不符", "R12": "停接的地方还排着人", "R13": "基地接不下",
    "R16": "住宿分组不合", "R17": "床位不能用", "R18": "有人没有床位", "R19": "带班人员撞期",
}  # fmt: skip


def _left(batch: Batch, seated: set[int]) -> list[str]:
    rows = (
        batch.enrollments.filter(live=True, left_on__isnull=True)
        .exclude(cadre__state=Cadre.State.IN_POST)
        .select_related("cadre__unit")
        .order_by("cadre__sort_name", "pk")
    )
    return [
        f"{row.cadre.name}（{row.cadre.unit}）{row.cadre.get_state_display()}，还占着座位"
        for row in rows
        if row.cadre_id not in seated
    ]
