"""What pages say of the countdown and of outlooks: figures in words, money by the rates, two sets of rules side by side."""

import datetime
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from django.utils.http import urlencode

from bases.models import Rate
from batches.models import Batch, PlanRun, Programme, Track
from batches.outlook_input import TRACK, Facts
from batches.parameters import GROUPS, shown
from batches.plan_ids import pk_of
from batches.plan_labels import SKIP_REASONS, Labels
from batches.plan_refusals import refusal
from batches.planning import InputError
from batches.planning.countdown import countdown
from batches.queries import newest_programmes
from cadres.models import pinyin

MISSING = {
    "COVER": ("没有排进的应覆盖的人", "人"),
    "R04": ("离每班最少人数还差", "人"),
    "R14": ("各班到访的村还差", "个"),
    "R15": ("各班在村天数还差", "天"),
}


# Money


@dataclass(frozen=True)
class Cost:
    """Board and lodging in yuan; None where a day has no rate, which `note` then says, as it does of unconfirmed rates."""

    yuan: Decimal | None
    note: str = ""

    def __str__(self) -> str:
        return "算不出" if self.yuan is None else f"{self.yuan:,.0f}"


class Rates:
    """The county's rates and the townships' own, loaded once."""

    def __init__(self) -> None:
        self.rows = list(Rate.objects.order_by("days", "pk"))

    def on(self, township: int | None, day: datetime.date) -> Rate | None:
        here = [row for row in self.rows if day in row.days and row.township_id in (None, township)]
        return next((row for row in here if row.township_id is not None), here[0] if here else None)

    def during(self, first: datetime.date, last: datetime.date) -> list[Rate]:
        """All rates of these days, of whatever township; none where the county has none on the first of them."""
        if self.on(None, first) is None:
            return []
        days = [first + datetime.timedelta(days=n) for n in range((last - first).days + 1)]
        return [row for row in self.rows if any(day in row.days for day in days)]

    def cost(self, stays: Iterable[Mapping[str, Any]]) -> Cost:
        """What stays cost: a lunch a day, breakfast, dinner and bed a night; where the days and townships of a stay are not
        settled (`last_day`), by the dearest rates that it may meet."""
        total, open_rates = Decimal(0), False
        for stay in stays:
            day = datetime.date.fromisoformat(stay["first_day"])
            if "last_day" in stay:
                rates = self.during(day, datetime.date.fromisoformat(stay["last_day"]))
            else:
                rate = self.on(None if stay["township"] is None else pk_of(stay["township"]), day)
                rates = [rate] if rate is not None else []
            if not rates:
                return Cost(None, f"{day:%Y-%m-%d} 没有食宿标准，算不出")
            open_rates |= any(rate.confirmed_at is None for rate in rates)
            total += stay["person_days"] * max(rate.lunch for rate in rates)
            total += stay["nights"] * max(rate.breakfast + rate.dinner + rate.night for rate in rates)
        return Cost(total, "食宿标准还没有全部确认，按已填的数算" if open_rates else "")


def stays_of(figures: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The stays of an estimate, or of all batches of a plan."""
    return list(figures["stays"]) if "stays" in figures else [stay for row in figures["rows"] for stay in row["stays"]]


# Two sets of rules side by side


@dataclass(frozen=True)
class Line:
    """A figure by today's rules and by those tried; `change` is the difference in words, `way` up, down or same."""

    name: str
    today: str
    tried: str
    change: str = ""
    way: str = "same"
    hint: str = ""


def compared(today: Mapping[str, Any], tried: Mapping[str, Any], rates: Rates, *, exact: bool) -> list[Line]:
    """The figures of two outlooks, line by line in a fixed order. `exact`: of plans; else bounds."""
    most, least = ("", "") if exact else ("至多", "至少")
    due = f"应覆盖的 {tried['due']:,} 人照这套规则一直办下去" if tried["due"] else ""
    lines = [
        _numbers("要覆盖完还办几期", today["needed"], tried["needed"], "期", hint=due),
        _months("全部覆盖的月份", today, tried),
        _numbers("每期座位", today["seats"], tried["seats"], "个"),
        _numbers(f"这 {tried['batches']} 期参加的人", today["people"], tried["people"], "人", most),
        _numbers("其中应覆盖的人", today["covered"], tried["covered"], "人", most),
        _numbers("能办的集中", today["gatherings"], tried["gatherings"], "次", most),
        _numbers("碰上放假办不成的集中", today["lost"], tried["lost"], "次"),
        _numbers("住宿", today["bed_nights"], tried["bed_nights"], "人夜", most),
        _money(rates.cost(stays_of(today)), rates.cost(stays_of(tried)), most),
        _numbers("接待的农户", today["households"], tried["households"], "户", most, _houses(tried)),
    ]
    if today["never"] or tried["never"]:
        lines.insert(
            2, _numbers("办多少期也排不进的人", today["never"], tried["never"], "人", hint="名额、班型或长期不能参加")
        )
    if exact:
        lines.insert(-2, _numbers("没有基地或日子的集中", today["skipped"], tried["skipped"], "次"))
    return lines + _missing(today, tried, least)


def _missing(today: Mapping[str, Any], tried: Mapping[str, Any], least: str) -> list[Line]:
    """What people and classes lack: of plans, or of estimates at least, and of their days and villages by the calendar."""
    lines = []
    for rule, (name, unit) in MISSING.items():
        by_calendar = rule in tried.get("by_calendar", {}) or rule in today.get("by_calendar", {})
        key = "by_calendar" if by_calendar else "missing"
        one, two = today[key].get(rule, 0), tried[key].get(rule, 0)
        if one or two or rule == "COVER":
            hint = "只看放假和基地，每班都有人时" if by_calendar else _missing_hint(rule, tried)
            lines.append(_numbers(name, one, two, unit, "" if by_calendar else least, hint))
    return lines


def _houses(figures: Mapping[str, Any]) -> str:
    return f"全县可接待 {figures['households_open']} 户"


def _missing_hint(rule: str, figures: Mapping[str, Any]) -> str:
    return f"这 {figures['batches']} 期办完时" if rule == "COVER" else ""


def _numbers(name: str, today: int | None, tried: int | None, unit: str, bound: str = "", hint: str = "") -> Line:
    def told(value: int | None) -> str:
        return "办不完" if value is None else f"{bound} {value:,} {unit}".strip()

    if today is None or tried is None or today == tried:
        same = today == tried
        return Line(name, told(today), told(tried), "不变" if same else "", "same", hint)
    more = tried > today
    word = f"{'↑ 多' if more else '↓ 少'} {abs(tried - today):,} {unit}"
    return Line(name, told(today), told(tried), word, "up" if more else "down", hint)


def _months(name: str, today: Mapping[str, Any], tried: Mapping[str, Any]) -> Line:
    one, two = today["finish_by_rules"], tried["finish_by_rules"]
    before, after = (month_name(figures["finish_by_rules"], figures["needed"]) for figures in (today, tried))
    if one is None or two is None:
        return Line(name, before, after, "不变" if before == after else "")
    gap = _month_number(two) - _month_number(one)
    word = "不变" if not gap else f"{'↑ 晚' if gap > 0 else '↓ 早'} {abs(gap)} 个月"
    return Line(name, before, after, word, "up" if gap > 0 else "down" if gap else "same")


def _month_number(text: str) -> int:
    year, month = map(int, text.split("-"))
    return 12 * year + month


def month_name(text: str | None, needed: int | None = None) -> str:
    """The month; without one, whether no batch is needed (0) or no number of them is enough."""
    return f"{int(text[:4])}年{int(text[5:])}月" if text else "不用再办" if needed == 0 else "办不完"


def _money(today: Cost, tried: Cost, bound: str) -> Line:
    def told(cost: Cost) -> str:
        return str(cost) if cost.yuan is None else f"{bound} {cost} 元".strip()

    word, way = "", "same"
    if today.yuan is not None and tried.yuan is not None:
        gap = tried.yuan - today.yuan
        word = "不变" if not gap else f"{'↑ 多' if gap > 0 else '↓ 少'} {abs(gap):,.0f} 元"
        way = "up" if gap > 0 else "down" if gap else "same"
    return Line("食宿费", told(today), told(tried), word, way, tried.note or today.note)


# Changes in addresses and in words


def filled_in(programme: Programme, changes: Iterable[Mapping[str, Any]]) -> str:
    """What follows the sandbox's address so that a trial's changes of rules stand in its form."""
    known = {field.name for field in Programme._meta.concrete_fields}
    asked = {str(row["name"]).replace(".", "_"): row["value"] for row in changes if row["kind"] == "parameter"}
    newest = newest_programmes().filter(name=programme.name).values_list("pk", flat=True).first()
    values = {name: value for name, value in asked.items() if name in known}
    if values.get("start_weekdays") == []:
        values["start_weekdays"] = list(range(1, 8))  # an address cannot name none, and all are no limit either
    return "?" + urlencode({"programme": newest or programme.pk, **values}, doseq=True)


OF_TRACK = ("name", "min_age", "max_age", "levels", "post_kinds")
"""Who belongs to a track."""


def change_lines(changes: Iterable[Mapping[str, Any]], tracks: Sequence[Track]) -> list[str]:
    """“每班最多：22 改为 20” of each change."""
    names = {track.order: track.name for track in tracks}
    lines = []
    for change in changes:
        name = str(change["name"])
        if name.startswith(TRACK):
            label = f"{names.get(int(name.removeprefix(TRACK)), '班型')}每期班数"
            before, after = change["was"], change["value"]
        else:
            label = str(Programme._meta.get_field(name).verbose_name)  # type: ignore[union-attr] # a plain column
            before, after = shown(name, change["was"]), shown(name, change["value"])
        lines.append(f"{label}：{before} 改为 {after}")
    return lines


def changes_for(batch: Batch, run: PlanRun, tracks: Sequence[Track]) -> list[str]:
    """Everything that changes for a batch when the run's rules are adopted: from the version that the batch goes by, not from
    the newest, which it may have been left behind by. `tracks` are those of the newest.
    """
    old, newest = batch.programme, run.programme
    after = {str(change["name"]): change["value"] for change in run.changes}
    names = [name for _, names in GROUPS for name in names]
    changes: list[dict[str, Any]] = [
        {"name": name, "was": getattr(old, name), "value": after.get(name, getattr(newest, name))} for name in names
    ]
    before = {track.order: track for track in old.tracks.all()}
    other = []
    for track in tracks:
        was, name = before.pop(track.order, None), f"{TRACK}{track.order}"
        if was is None:
            other.append(f"新增班型{track.name}")
            continue
        changes.append({"name": name, "was": was.classes_per_batch, "value": after.get(name, track.classes_per_batch)})
        if any(getattr(was, field) != getattr(track, field) for field in OF_TRACK):
            other.append(f"班型{track.name}收谁或名称改过")
    other += [f"不再有班型{track.name}" for track in before.values()]
    return [*change_lines([row for row in changes if row["was"] != row["value"]], tracks), *other]


# The countdown as a page tells it


@dataclass
class Story:
    """The countdown with names in it: `sentence` for a card, the rest for its own page."""

    figures: dict[str, Any]
    sentence: str
    setters: list[str]
    batches: list[dict[str, Any]] = field(default_factory=list)
    units: list[dict[str, Any]] = field(default_factory=list)
    never: list[dict[str, str]] = field(default_factory=list)
    planned: list[str] = field(default_factory=list)
    refused: str = ""
    """Why there is no countdown by these rules; then there are no figures."""

    @property
    def finish(self) -> str:
        last = self.figures.get("last")
        return month_name(last["month"]) if last else ""


def story_of(programme: Programme, *, today: datetime.date | None = None) -> Story:
    """The countdown of a programme by its rules and the county's facts of the day (a fixed number of queries).

    Rules that no plan can be made by give a story that says so.
    """
    facts = Facts(programme, bases=False, today=today)
    try:
        found = countdown(facts.document(len(facts.open) + 1))
    except InputError as error:
        why = refusal(error)
        return Story({}, f"算不出还要几期：{why}", [], refused=why)
    texts = [row["sentence"] for row in found["setters"]]
    texts += [row["unit"] for row in found["units"]]
    texts += [f"{row['cadre']} {row['unit']} {row['message']}" for row in found["never"]]
    labels = Labels(texts)
    setters = {row["subject"] for row in found["setters"] if row["kind"] != "seats"}
    coming = facts.coming(len(found["batches"]))
    numbers = [row.number for row in coming]
    return Story(
        figures=found,
        sentence=_sentence(found, numbers),
        setters=[labels.say(row["sentence"]) for row in found["setters"]],
        batches=[
            row | {"number": number, "row": batch.row}
            for row, number, batch in zip(found["batches"], numbers, coming, strict=True)
        ],
        units=sorted(
            (row | {"name": labels.of(row["unit"]), "sets": row["unit"] in setters} for row in found["units"]),
            key=lambda row: (pinyin(row["name"]), row["unit"]),
        ),
        never=[
            {"who": labels.of(row["cadre"]), "why": labels.say(row["message"])}
            for row in sorted(found["never"], key=lambda row: pinyin(labels.of(row["unit"]) + labels.of(row["cadre"])))
        ],
        planned=[str(batch) for batch in facts.planned],
    )


def _sentence(found: Mapping[str, Any], numbers: Sequence[int]) -> str:
    if found["needed"] is None:
        return "照现在的规则办不完，总有人排不进"
    if not found["needed"]:
        return "应覆盖的人都已参加、在训或排定"
    which = f"第{numbers[0]}期" + (f"至第{numbers[-1]}期" if len(numbers) > 1 else "")
    return f"还要办 {found['needed']} 期（{which}），到 {month_name(found['last']['month'])} 全部覆盖"


# A plan of several batches, as tables


def calendars(document: Mapping[str, Any], plan: Mapping[str, Any], labels: Labels) -> list[dict[str, Any]]:
    """For each batch its weeks and classes, in each cell the villages of the gathering that begins in that week."""
    visits = {(row["class"], row["index"]): row for row in plan["gatherings"]}
    size: dict[str, int] = {}
    for row in plan["assignments"]:
        size[row["class"]] = size.get(row["class"], 0) + 1
    result = []
    for batch in document["batches"]:
        first, last = (datetime.date.fromisoformat(batch[name]) for name in ("first_day", "last_day"))
        monday = first - datetime.timedelta(days=first.weekday())
        weeks = [monday + datetime.timedelta(days=7 * n) for n in range((last - monday).days // 7 + 1)]
        lines = []
        for number, klass in enumerate(batch["classes"], start=1):
            cells = [
                _cell(visits.get((klass["id"], (week + 1) // 2)), labels)
                if (week % 2 == 1) == (klass["parity"] == "odd")
                else None
                for week in range(1, len(weeks) + 1)
            ]
            lines.append(
                {"number": number, "parity": klass["parity"], "people": size.get(klass["id"], 0), "cells": cells}
            )
        result.append(
            {
                "name": labels.say(batch["id"]),
                "first_day": first,
                "last_day": last,
                "weeks": weeks,
                "lines": lines,
            }
        )
    return result


def _cell(visit: Mapping[str, Any] | None, labels: Labels) -> dict[str, Any] | None:
    if visit is None:
        return None
    if "skipped" in visit:
        return {"skipped": SKIP_REASONS.get(visit["skipped"], visit["skipped"])}
    day = datetime.date.fromisoformat(visit["first_day"])
    return {"day": day, "villages": "、".join(labels.of(site["base"]) for site in visit["sites"])}


def batches_to_set_up(run: PlanRun) -> list[tuple[int, datetime.date, datetime.date]]:
    """(number, first day, last day) of the batches of an outlook by the programme's own rules that nobody has set up yet."""
    if not run.plan_text or (run.changes and run.outcome != PlanRun.Outcome.ADOPTED):
        return []
    new = [row for row in run.document["batches"] if row["id"].startswith("N")]
    known = set(Batch.objects.values_list("number", flat=True))
    day = datetime.date.fromisoformat
    rows = [(int(row["id"][1:]), day(row["first_day"]), day(row["last_day"])) for row in new]
    return [row for row in rows if row[0] not in known]


def labels_of(run: PlanRun, document: Mapping[str, Any]) -> Labels:
    """Names of the batches, units and bases of an outlook (one query a kind)."""
    texts = [batch["id"] for batch in document["batches"]] + [base["id"] for base in document["bases"]]
    texts += list(run.figures.get("uncovered", {})) + [row["sentence"] for row in run.figures.get("setters", [])]
    return Labels(texts)
