"""Ways out where a rule is broken that no planning can mend: more people of a unit than it has places (R01, R08), or people
fixed to classes where the rule has no room for them (R02, R03, R04)."""

from dataclasses import dataclass
from typing import Any

from django.urls import reverse

from batches.fixed_people import RULES, Fixed, fixed_together
from batches.models import Batch, PlanRun
from batches.plan_ids import key, pk_of
from batches.plan_labels import Labels
from batches.planning.changes import say
from batches.planning.checker import Breach, check, violations
from batches.states import LIVE
from cadres.models import Unit

BREACH = "breach-"
PLACES = ("R01", "R08")
NO_PLACES, NO_ROOM = "名额不够，怎么办", "固定的人做不到，怎么办"
MOST_PINS = 6
"""People who get a button of their own."""
Change = dict[str, Any]


@dataclass(frozen=True)
class Trial:
    """A button that tries a way out."""

    key: str
    label: str


@dataclass(frozen=True)
class WaysOut:
    """Too many people of a unit, or fixed together: by how many, the pages where that is mended, and what can be tried."""

    heading: str
    sentence: str
    trials: tuple[Trial, ...]
    links: tuple[tuple[str, str], ...]


def broken_in(run: PlanRun) -> list[Breach]:
    """What the independent checker finds broken in a plan and nobody has approved."""
    return violations(check(run.document, run.plan))


def ways_out(batch: Batch, run: PlanRun, broken: list[Breach]) -> list[WaysOut]:
    """One entry a unit that breaks R01 or R08 in the plan, one for those who are fixed together; none where nothing is broken."""
    document, plan = run.document, run.plan
    found = []
    for rule, unit in _units_over(broken):
        people = _people(rule, unit, document, plan)
        most = _most(rule, unit, document)
        kind = "班子成员 " if rule == "R08" else ""
        trials = [Trial(f"{BREACH}{rule}-{unit.pk}-waiver", "试算：批准例外")]
        links = [
            (f"缓派或换人 {people - most} 人", reverse("batches:names", args=[batch.pk]) + f"?unit={unit.pk}#aside")
        ]
        if batch.state in LIVE:
            links = [(f"退出 {people - most} 人", reverse("batches:adjust", args=[batch.pk]))]
        if rule == "R01":
            trials.insert(0, Trial(f"{BREACH}{rule}-{unit.pk}-quota", f"试算：名额改为 {people} 人"))
            links.append(("改单位名额", reverse("admin:cadres_unit_change", args=[unit.pk])))
        else:
            links.append(("改项目规则", reverse("batches:programme")))
        links.append(("申请例外", reverse("batches:waivers", args=[batch.pk])))
        sentence = f"{unit}{kind or ' '}{people} 人，至多 {most} 人，多 {people - most} 人"
        found.append(WaysOut(NO_PLACES, sentence, tuple(trials), tuple(links)))
    return found + _fixed(batch, fixed_together(document, plan, broken))


def _fixed(batch: Batch, rows: list[Fixed]) -> list[WaysOut]:
    """One entry for people who are fixed together against one rule or more."""
    labels = Labels([text for row in rows for text in (row.sentence, *row.cadres)])
    found = []
    for people in dict.fromkeys(row.cadres for row in rows):
        mine = [row for row in rows if row.cadres == people]
        too_many = max(row.too_many for row in mine)
        why = "；".join(f"{labels.say(row.sentence)}，多 {row.too_many} 人（{row.rule}）" for row in mine)
        who = "、".join(labels.of(name) for name in people)
        start = f"{BREACH}{mine[0].rule}-"
        trials = [
            Trial(f"{start}{pk_of(name)}-pin", f"试算：不再固定{labels.of(name).partition('（')[0]}")
            for name in people[:MOST_PINS]
        ]
        if too_many > 1:
            trials = [Trial(f"{start}{pk_of(people[0])}-pins", f"试算：这 {len(people)} 人都不再固定"), *trials]
        links = (
            ("取消固定", reverse("batches:names", args=[batch.pk]) + "#demands"),
            ("申请例外", reverse("batches:waivers", args=[batch.pk])),
        )
        cure = f"取消其中 {too_many} 人的固定就能排" if too_many < len(people) else "都取消固定才能排"
        found.append(WaysOut(NO_ROOM, f"{why}。固定的是{who}，{cure}", tuple(trials), links))
    return found


def changes_of_breach(batch: Batch, run: PlanRun, key_of_way: str) -> tuple[list[Change], str]:
    """The changes that a way's key stands for, and a title. Raises ValueError for a key that the run does not have."""
    rule, pk, way = key_of_way.removeprefix(BREACH).split("-")
    document, plan, broken = run.document, run.plan, broken_in(run)
    if rule in RULES:
        return _unpinned(fixed_together(document, plan, broken), rule, pk, way)
    unit = next((unit for code, unit in _units_over(broken) if (code, str(unit.pk)) == (rule, pk)), None)
    if unit is None or way not in ("quota", "waiver") or (rule, way) == ("R08", "quota"):
        raise ValueError(key_of_way)
    name = key("U", unit.pk)
    change: Change = {"kind": "waiver", "rule": rule, "subject": f"{name}@{key('B', batch.pk)}"}
    if way == "quota":
        change = {"kind": "unit_quota", "unit": name, "value": _people(rule, unit, document, plan)}
    return [change], say(change)


def _unpinned(rows: list[Fixed], rule: str, pk: str, way: str) -> tuple[list[Change], str]:
    """Letting go of one person who is fixed together with others, or of all of them."""
    groups = [row.cadres for row in rows if row.rule == rule and f"C{pk}" in row.cadres]
    if not groups or way not in ("pin", "pins"):
        raise ValueError(f"{rule}-{pk}-{way}")
    people = groups[0] if way == "pins" else (f"C{pk}",)
    changes: list[Change] = [{"kind": "drop_pin", "of": "classes", "subject": name} for name in people]
    return changes, "；".join(say(change) for change in changes)


def _units_over(broken: list[Breach]) -> list[tuple[str, Unit]]:
    """Rule and unit of every breach of a unit's places that nobody has approved, in order of rule and name."""
    subjects = sorted({(row.code, pk_of(row.subject.partition("@")[0])) for row in broken if row.code in PLACES})
    units = {row.pk: row for row in Unit.objects.filter(pk__in=[pk for _, pk in subjects]).order_by("pk")}
    return [(rule, units[pk]) for rule, pk in subjects if pk in units]


def _people(rule: str, unit: Unit, document: dict[str, Any], plan: dict[str, Any]) -> int:
    seated = {row["cadre"] for row in plan["assignments"]}
    return sum(
        row["unit"] == key("U", unit.pk) and row["id"] in seated and (rule == "R01" or row["leading"])
        for row in document["cadres"]
    )


def _most(rule: str, unit: Unit, document: dict[str, Any]) -> int:
    rules = document["programme"]
    if rule == "R08":
        return int(rules["leading_max"])
    quota = next((row["quota"] for row in document["units"] if row["id"] == key("U", unit.pk)), None)
    return int(rules["unit_max_per_batch"] if quota is None else quota)
