"""What is looked at before planning (就绪检查): each a sentence with its verdict and a link to what cures it."""

import datetime
from collections import Counter, defaultdict
from dataclasses import dataclass

from django.urls import reverse

from accounts.models import User
from bases.models import Closure, HostHousehold, PracticeBase
from bases.queries import unconfirmed_rates
from batches.demands import contradiction, track_of
from batches.fixed_people import pinned_too_many
from batches.models import Batch, ClassStaff, Nomination, Parity, PlanDemand, PracticeClass, Track
from batches.open_weeks import Beds, Week, usable_beds, weeks_of
from batches.plan_ids import key, pk_of
from batches.plan_labels import Labels
from batches.queries import going
from batches.rules import in_force
from batches.waivers import granted, waiting
from cadres.models import Unavailability, Unit
from office.menu import address, register
from office.models import CalendarDay

MOST_NAMED = 4
Kind = PlanDemand.Kind


@dataclass(frozen=True)
class Check:
    """One line: `kind` is ok, warn (planning goes on, with a price) or bad (it will come out short or cannot be published)."""

    kind: str
    name: str
    text: str
    url: str = ""
    act: str = ""
    loud: bool = False
    """Told also while the list is folded away: what is planned now has to be planned again."""


def readiness(batch: Batch, user: User) -> list[Check]:
    """All checks in the order in which a clerk works (a fixed number of queries, whatever the size of the county)."""
    beds = usable_beds()
    weeks = weeks_of(batch, beds)
    names = list(
        going(batch).select_related("cadre__unit").order_by("cadre__unit__sort_name", "cadre__sort_name", "pk")
    )
    classes = list(batch.classes.order_by("number"))
    return [
        _names(batch, names),
        _unit_places(batch, names),
        _sizes(batch, names, classes),
        _days_away(batch, names, user),
        _demands(batch, names, classes),
        _holidays(batch, classes, weeks, user),
        _bases(batch, weeks, beds, user),
        _beds(batch, names, classes, weeks, beds, user),
        _staff(batch, classes),
        _waivers(batch),
        _rates(batch, user),
    ]


def named(labels: list[str]) -> str:
    """The first few of a list of names, and 等 where there are more."""
    unique = list(dict.fromkeys(labels))
    return "、".join(unique[:MOST_NAMED]) + ("等" if len(unique) > MOST_NAMED else "")


def _page(name: str, batch: Batch, more: str = "") -> str:
    return reverse(f"batches:{name}", args=[batch.pk]) + more


def _names(batch: Batch, names: list[Nomination]) -> Check:
    if not names:
        return Check("bad", "名单", "还没有名单", _page("names", batch), "生成名单建议")
    silent = [row for row in names if row.state == Nomination.State.PROPOSED]
    if not silent:
        return Check("ok", "名单", f"{len(names)} 人，各单位都答复了", _page("names", batch), "看名单")
    units = [row.cadre.unit.name for row in silent]
    text = f"{len(set(units))} 个单位 {len(silent)} 人没有答复，按会来编排：{named(units)}"
    return Check("warn", "名单", text, _page("names", batch, "?state=proposed"), "看没有答复的")


def _unit_places(batch: Batch, names: list[Nomination]) -> Check:
    """R01 and R08: more people than the unit's places, or more leading members at once, unless excepted."""
    general, leading = batch.programme.unit_max_per_batch, batch.programme.leading_max
    people = Counter(row.cadre.unit for row in names)
    leaders = Counter(row.cadre.unit for row in names if row.cadre.leading)
    excepted = set(granted(batch.waivers.order_by("pk")).values_list("rule", "subject"))

    def excused(rule: str, unit: Unit) -> bool:
        return (rule, f"U{unit.pk}@B{batch.pk}") in excepted

    over = [
        f"{unit} {count} 人，名额 {quota} 人"
        for unit, count in people.items()
        if count > (quota := general if unit.quota is None else unit.quota) and not excused("R01", unit)
    ] + [
        f"{unit}班子成员 {count} 人，至多 {leading} 人"
        for unit, count in leaders.items()
        if count > leading and not excused("R08", unit)
    ]
    if over:
        return Check(
            "bad", "单位名额", f"{named(over)}：编出来会不合规则，不能发布", _page("waivers", batch), "申请例外"
        )
    return Check("ok", "单位名额", f"{len(people)} 个单位都在名额以内" if people else "名单还空着，没有单位超出名额")


def _sizes(batch: Batch, names: list[Nomination], classes: list[PracticeClass]) -> Check:
    rules = batch.programme
    if not classes:
        return Check("bad", "班额", "本期没有班", reverse("batches:programme"), "看班型")
    low, rest = divmod(len(names), len(classes))
    size = f"每班 {low} 人" if not rest else f"每班 {low} 至 {low + 1} 人"
    text = f"{len(names)} 人编 {len(classes)} 个班，{size}"
    if low < rules.class_size_min:
        return Check("warn", "班额", f"{text}，少于下限 {rules.class_size_min} 人", _page("names", batch), "加人")
    if low + bool(rest) > rules.class_size_max:
        return Check("bad", "班额", f"{text}，超过上限 {rules.class_size_max} 人", _page("names", batch), "看名单")
    return Check("ok", "班额", text)


def _days_away(batch: Batch, names: list[Nomination], user: User) -> Check:
    """R05: whoever is away for longer than allowed gets no seat; shorter absences are leave."""
    url = address("cadres:unavailability", user)
    end = batch.last_day + datetime.timedelta(days=1)
    rows = Unavailability.objects.filter(
        live=True, days__overlap=(batch.first_day, end), cadre__in=[row.cadre_id for row in names]
    ).order_by("pk")
    away: dict[int, int] = defaultdict(int)
    for row in rows:
        first, until = row.days.lower or batch.first_day, row.days.upper or end
        away[row.cadre_id] += (min(until, end) - max(first, batch.first_day)).days
    most = batch.programme.max_overlap_days
    barred = [row.cadre.name for row in names if away.get(row.cadre_id, 0) > most]
    if barred:
        text = f"{len(barred)} 人不可用超过 {most} 天，排不进本期：{named(barred)}"
        return Check("bad", "不可用时间", text, url, "看不可用时间")
    if away:
        return Check(
            "ok", "不可用时间", f"{len(away)} 人有几天不能来，都不超过 {most} 天，按请假算", url, "看不可用时间"
        )
    return Check("ok", "不可用时间", "名单里没有人登记不可用时间", url, "登记")


def _demands(batch: Batch, names: list[Nomination], classes: list[PracticeClass]) -> Check:
    """Demands that contradict each other, or speak of people and classes that this plan does not have."""
    rows = list(batch.demands.filter(live=True).select_related("cadre").order_by("cadre__sort_name", "pk"))
    present = {row.cadre_id for row in names}
    by_cadre: dict[int, dict[str, PlanDemand]] = defaultdict(dict)
    for row in rows:
        by_cadre[row.cadre_id][row.kind] = row
    tracks = list(batch.programme.tracks.order_by("order"))
    excepted = set(granted(batch.waivers.filter(rule="R07").order_by("pk")).values_list("subject", flat=True))
    clashes = [
        text
        for pk, demands in by_cadre.items()
        if (text := _absence(demands, present) or contradiction(batch, demands, classes, tracks))
        and f"C{pk}" not in excepted
    ]
    url = _page("names", batch, "#demands")
    if clashes:
        return Check(
            "bad", "编排要求", f"{len(clashes)} 人的要求做不到：{'；'.join(clashes[:MOST_NAMED])}", url, "改要求"
        )
    if together := _fixed_together(batch, names, rows, classes, tracks):
        text = f"固定到班的人太多，编出来会不合规则，不能发布：{'；'.join(together[:MOST_NAMED])}"
        return Check("bad", "编排要求", text, url, "改要求")
    if rows:
        return Check("ok", "编排要求", f"{len(rows)} 条要求，互不冲突", url, "看要求")
    return Check("ok", "编排要求", "没有单独的要求")


def _fixed_together(
    batch: Batch, names: list[Nomination], rows: list[PlanDemand], classes: list[PracticeClass], tracks: list[Track]
) -> list[str]:
    """Pins that break a rule together whatever the plan (R02, R03, R04), unless excepted: how many, where, and who."""
    by_number = {row.number: row for row in classes}
    cadres = {row.cadre_id: row.cadre for row in names}
    pins = {
        row.cadre_id: by_number[row.class_number] for row in rows
        if row.kind == Kind.PIN and row.cadre_id in cadres and row.class_number in by_number
    }  # fmt: skip
    if not pins:
        return []
    somewhere = {row.track_id: row for row in reversed(classes)}
    seats = dict(pins)
    for pk, cadre in cadres.items():
        own = track_of(cadre, batch, tracks)
        if pk not in seats and own is not None and own.pk in somewhere:
            seats[pk] = somewhere[own.pk]
    name = key("B", batch.pk)
    document = {
        "programme": {"class_size": {"max": batch.programme.class_size_max}},
        "cadres": [{"id": key("C", pk), "unit": key("U", row.unit_id)} for pk, row in cadres.items()],
        "pins": {"classes": [{"cadre": key("C", pk), "class": key("K", row.pk)} for pk, row in pins.items()]},
        "batches": [{"id": name, "classes": [
            {"id": key("K", row.pk), "track": key("W", row.track_id), "parity": row.parity} for row in classes
        ]}],
    }  # fmt: skip
    plan = {"assignments": [{"cadre": key("C", pk), "class": key("K", row.pk)} for pk, row in seats.items()]}
    excepted = set(granted(batch.waivers.order_by("pk")).values_list("rule", "subject"))
    found = [row for row in pinned_too_many(document, plan) if (row.rule, row.subject) not in excepted]
    labels = Labels([row.sentence for row in found])
    return [
        f"{labels.say(row.sentence)}（{row.rule}）：{named([cadres[pk_of(name)].name for name in row.cadres])}"
        for row in found
    ]


def _absence(demands: dict[str, PlanDemand], present: set[int]) -> str:
    """Why the list of names itself does not do what is asked for one person; empty when it does."""
    cadre = next(iter(demands.values())).cadre
    coming, out = Kind.MUST in demands or Kind.PIN in demands, Kind.MUST_NOT in demands
    if cadre.pk not in present and coming and not out:
        return f"{cadre.name}要参加本期，但不在名单里"
    if cadre.pk in present and out and not coming:
        return f"{cadre.name}不参加本期，但在名单里"
    return ""


def _holidays(batch: Batch, classes: list[PracticeClass], weeks: list[Week], user: User) -> Check:
    """The calendar is known, and leaves every class weeks enough for its days (R12)."""
    years = range(batch.first_day.year, batch.last_day.year + 1)
    known = set(CalendarDay.objects.filter(day__year__in=years).order_by().values_list("day__year", flat=True))
    url = register(CalendarDay, user)
    missing = [str(year) for year in years if year not in known]
    if missing:
        text = f"{'、'.join(missing)} 年放假安排还没有录入，先只避开法定节日当天；录入以后要重新编排"
        return Check("warn", "节假日", text, url, "录入节假日", loud=True)
    days = CalendarDay.objects.filter(day__range=(batch.first_day, batch.last_day), kind=CalendarDay.Kind.HOLIDAY)
    text = f"放假和调休已录入，本期里放假 {(off := days.count())} 天"
    least = batch.programme.min_village_days
    short = []
    for parity in dict.fromkeys(row.parity for row in classes) if off else ():
        open_weeks = sum(1 for week in weeks if week.parity == parity and week.starts)
        most = open_weeks * batch.programme.gathering_days
        if most < least:
            able = f"只有 {open_weeks} 周能集中，至多 {most} 天" if most else "没有一周能集中"
            short.append((most, f"{Parity(parity).label}班{able}"))
    if short:
        kind = "warn" if min(short)[0] else "bad"
        told = "；".join(sentence for _, sentence in short)
        return Check(kind, "节假日", f"{text}；{told}，应有 {least} 天", url, "看日历")
    return Check("ok", "节假日", text, url, "看日历")


def _bases(batch: Batch, weeks: list[Week], rows: Beds, user: User) -> Check:
    """Open bases, those of them where nobody can sleep, and what is closed during the batch: how many the leanest week has."""
    url = address("bases:overview", user)
    bases = list(PracticeBase.objects.filter(state=PracticeBase.State.OPEN).select_related("village").order_by("pk"))
    if not bases:
        return Check(
            "bad",
            "基地",
            "没有一个基地在接待，编出来一次集中也没有，不能发布：先新建基地，或恢复停用的",
            url,
            "去看基地",
        )
    sleeping = {base for base, _, _ in rows}
    without = [str(row.village) for row in bases if row.pk not in sleeping]
    ready = len(bases) - len(without)
    shut = Closure.objects.filter(
        live=True, days__overlap=(batch.first_day, batch.last_day + datetime.timedelta(days=1))
    ).count()
    if not ready:
        return Check(
            "bad", "基地", "没有能接待的基地：要有已纳管的农户和床位", address("bases:households", user), "去纳管农户"
        )
    closed = f"，本期里停接 {shut} 处，会避开" if shut else ""
    kind, always = "ok", True  # whether all of them take people in every week
    leanest = min((week for week in weeks if week.starts), key=lambda week: week.receiving, default=None)
    if leanest is not None and leanest.receiving < ready:
        always, few = False, 2 * leanest.receiving < ready
        able = f"{'只有 ' if few else ''}{leanest.receiving} 个基地" if leanest.receiving else "没有一个基地"
        closed += f"；最少的一周（{leanest.monday:%m-%d} 起）{able}能接待"
        kind = "bad" if not leanest.receiving else "warn" if few else "ok"
    if without:
        text = f"{ready} 个基地能接待{closed}；{len(without)} 个没有可住的床位：{named(without)}"
        return Check("bad" if kind == "bad" else "warn", "基地", text, url, "看基地")
    return Check(kind, "基地", f"{ready} 个基地{'都' if always else ''}能接待{closed}", url, "看基地")


def _beds(
    batch: Batch, names: list[Nomination], classes: list[PracticeClass], weeks: list[Week], rows: Beds, user: User
) -> Check:
    """Beds that may be used against the people of one weekend: half of the classes gather at once."""
    url = address("bases:households", user)
    spare = batch.programme.spare_beds
    by_base = Counter(base for base, _, _ in rows)
    beds = sum(max(count - spare, 0) for count in by_base.values())
    leanest = min((week for week in weeks if week.starts), key=lambda week: week.room(spare), default=None)
    have = f"可用床位 {beds} 张"
    if leanest is not None and (least := leanest.room(spare)) < beds:
        beds, have = least, f"床位最少的一周（{leanest.monday:%m-%d} 起）可用 {least} 张"
    waiting = HostHousehold.objects.filter(state__in=(HostHousehold.State.APPLIED, HostHousehold.State.NOTICE)).count()
    sides = Counter(row.parity for row in classes)
    share = max(sides.values(), default=0) / (len(classes) or 1)
    people = round(len(names) * share)
    text = f"同一周最多约 {people} 人集中，{have}"
    if people > beds:
        return Check("bad", "床位", f"{text}，不够住", url, "纳管农户")
    more = f"；还有 {waiting} 户没有纳管，床位没有算进来" if waiting else ""
    return Check("ok", "床位", text + more, url, "看农户")


def _staff(batch: Batch, classes: list[PracticeClass]) -> Check:
    teachers = in_force(ClassStaff.objects.filter(practice_class__batch=batch, kind=ClassStaff.Kind.HEAD_TEACHER))
    taught = set(teachers.order_by().values_list("practice_class", flat=True))
    missing = [row.short_name for row in classes if row.pk not in taught]
    if missing:
        text = f"{len(missing)} 个班还没有班主任，带几个班的人编排时避不开撞期；也可以发布后再定"
        return Check("warn", "班主任", text, _page("staff", batch), "定班主任")
    return Check("ok", "班主任", f"{len(classes)} 个班都有班主任，不会同一天带两个班", _page("staff", batch), "看班务")


def _waivers(batch: Batch) -> Check:
    url = _page("waivers", batch)
    asked, approved = waiting(batch.waivers.all()).count(), granted(batch.waivers.all()).count()
    if asked:
        text = f"{asked} 条例外等另一位工作人员批准，批准前不算数"
        return Check("warn", "批准例外", text, url, "去批准")
    if approved:
        return Check("ok", "批准例外", f"{approved} 条例外已批准，编排照办", url, "看例外")
    return Check("ok", "批准例外", "没有例外")


def _rates(batch: Batch, user: User) -> Check:
    missing = unconfirmed_rates(batch.first_day, batch.last_day)
    url = address("bases:rates", user)
    if missing:
        return Check("warn", "食宿标准", f"{named(missing)}；可以先编排，确认后才能发布", url, "确认食宿标准")
    return Check("ok", "食宿标准", "本期各天的食宿标准都已确认", url, "看标准")
