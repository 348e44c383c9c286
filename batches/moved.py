"""What of the facts has changed since a plan was made, in a few words: which part of the planner's input, and whom or what."""

from collections.abc import Iterable, Mapping
from typing import Any

from batches.models import Batch, PlanRun
from batches.plan_labels import Labels
from batches.planning import InputError
from batches.planning.changes import NAMES
from batches.planning.checker import check, violations
from batches.planning.formats import Document, canonical, fingerprint
from batches.planning_excuses import EXCUSES
from batches.planning_input import build_input, document_of

MOST_NAMED = 3
MOST_PINS = 3
"""Pins not kept that one sentence names."""
OTHERWISE = "编排用的其他资料"
PARTS = {"other_uses": "基地上别的活动"}
"""Parts of the input that one word tells; those that have no word either are `OTHERWISE`."""
LOOKED_INTO = {"waivers", "programme", "cadres", "calendar", "units", "batches", "bases", "history", "pins", "previous"}
DAYS = {"holidays": "放假安排", "working_weekend_days": "调休上班的日子"}
PINS = {"batches": "定下来的名单", "classes": "固定的班", "gatherings": "固定的集中"}
WAIVERS = {"waivers": "批准例外"}
STANDS = ("调班、加人或退出", "集中取消、改期或换基地", "换床位")
"""What of a published batch stands otherwise: seats, gatherings, beds."""
PEOPLE = {
    "unavailable": "不能来的日子", "must": "编排要求", "must_not": "编排要求", "parity": "单双周要求",
    "attended_before": "参加经历",
}  # fmt: skip
"""What of a cadre's row is told by another word than 干部资料."""


def facts_moved(batch: Batch, run: PlanRun) -> str:
    """Why a plan is no longer one of today's facts, a sentence; empty where it is one.

    What people fixed since does not count against a plan that has it so already: only the pins differ, and the plan keeps them.
    """
    known = run.document
    again = "请再少变动重排一次" if run.purpose == PlanRun.Purpose.REPAIR else "请重新编排"
    try:
        facts = _facts(batch, run)
    except InputError:
        return f"编排以后，它用到的人或班已经不在了。{again}，再发布。"
    if fingerprint(facts) == run.fingerprint:
        return ""
    if not _same_but_for_pins(facts, known):
        return f"这个方案编好以后，资料变过：{'；'.join(moved(facts, known))}。它还是按变以前的算的，{again}，再发布。"
    plan = run.plan | {"input_fingerprint": fingerprint(facts)}
    before = {(breach.code, breach.subject) for breach in check(known, run.plan)}
    new = [breach for breach in violations(check(facts, plan)) if (breach.code, breach.subject) not in before]
    if not new:
        return ""
    labels = Labels([breach.message for breach in new])
    told = "".join(labels.say(breach.message) for breach in new[:MOST_PINS])
    return f"编排以后固定过人或集中：{told}请少变动重排或重新编排，再发布。"


def _same_but_for_pins(facts: dict[str, Any], known: dict[str, Any]) -> bool:
    """Whether two inputs say the same but for the classes that people, and the cells that gatherings are fixed to."""
    bare = [
        document | {"pins": document["pins"] | {"classes": [], "gatherings": []}} for document in (facts, known)
    ]  # fmt: skip
    return canonical(bare[0]) == canonical(bare[1])


def _facts(batch: Batch, run: PlanRun) -> dict[str, Any]:
    """The facts as they are, seen as the run saw them: a repair with what it repairs and what people fixed for it."""
    return document_of(run) if run.purpose == PlanRun.Purpose.REPAIR else build_input(batch)


def moved(facts: Document, known: Document) -> list[str]:
    """放假安排；新列入名单（林晓雯（县水利局）…）；基地资料（双溪村）…: every part in which two inputs of a batch differ.

    Never empty: inputs that are not the same to the letter differ in something, were it the order of rows. Who accompanies a
    class, and what room others take, follows from how a published batch stands: where that is another, they are not told.
    """
    rest = [{key: part for key, part in each.items() if key not in LOOKED_INTO} for each in (facts, known)]
    stands = _stands(facts["previous"], known["previous"])
    follows = [*_batches(facts, known), *_named(PARTS, *rest)] if not stands else []
    found = [
        *_people(facts, known),
        *_named(DAYS, facts["calendar"], known["calendar"]),
        *_units(facts, known),
        *_rules(facts["programme"], known["programme"]),
        *follows,
        *_places(facts, known),
        *_named(WAIVERS, *({"waivers": _granted(each)} for each in (facts, known))),
        *_named(PINS, facts["pins"], known["pins"]),
        *stands,
    ] or [OTHERWISE]
    labels = Labels(found)
    return [labels.put(line) for line in found]


def _rows(document: Document, part: str) -> dict[str, Mapping[str, Any]]:
    return {row["id"]: row for row in document[part]}


def _named(names: Mapping[str, str], new: Mapping[str, Any], old: Mapping[str, Any]) -> list[str]:
    """The names of the keys that differ, each once."""
    keys = [*names, *sorted((new.keys() | old.keys()) - names.keys())]
    return list(dict.fromkeys(names.get(key, OTHERWISE) for key in keys if new.get(key) != old.get(key)))


def _told(name: str, subjects: Iterable[str], measure: str = "个") -> list[str]:
    """基地资料（P3、P5、P7等 9 个）; nothing where there is nobody."""
    rows = list(subjects)
    more = f"等 {len(rows)} {measure}" if len(rows) > MOST_NAMED else ""
    return [f"{name}（{'、'.join(rows[:MOST_NAMED])}{more}）"] if rows else []


def _people(facts: Document, known: Document) -> list[str]:
    new, old = _rows(facts, "cadres"), _rows(known, "cadres")
    lines = _told("新列入名单", sorted(new.keys() - old.keys())) + _told(
        "不在名单里了", sorted(old.keys() - new.keys())
    )
    changed: dict[str, list[str]] = {}
    for name in sorted(new.keys() & old.keys()):
        for field in sorted(
            key for key in new[name].keys() | old[name].keys() if new[name].get(key) != old[name].get(key)
        ):
            whose = changed.setdefault(PEOPLE.get(field, "干部资料"), [])
            if name not in whose:
                whose.append(name)
    return lines + [line for what, names in changed.items() for line in _told(what, names)]


def _units(facts: Document, known: Document) -> list[str]:
    """A unit that came or went along with people is told by them."""
    new, old = _rows(facts, "units"), _rows(known, "units")
    people = [_rows(document, "cadres") for document in (facts, known)]
    with_people = {row["unit"] for a, b in (people, people[::-1]) for name, row in a.items() if b.get(name) != row}
    other = {name for name in new.keys() | old.keys() if new.get(name) != old.get(name)}
    return _told("单位名额或类别", sorted(other - ((new.keys() ^ old.keys()) & with_people)))


def _rules(new: Mapping[str, Any], old: Mapping[str, Any]) -> list[str]:
    """项目规则（班额上限、班型）; a new version with the same parameters is told without any."""
    if new == old:
        return []
    names = [word for name, word in NAMES.items() if _at(new, name) != _at(old, name)]
    bare = [[track | {"id": ""} for track in rules["tracks"]] for rules in (new, old)]
    return _told("项目规则", [*names, *(["班型"] if bare[0] != bare[1] else [])], "项") or ["项目规则"]


def _at(rules: Mapping[str, Any], name: str) -> Any:
    value: Any = rules
    for part in name.split("."):
        value = value[part]
    return value


def _batches(facts: Document, known: Document) -> list[str]:
    """Days and classes of the batch, and who goes along with them. A track is the same in the next version of the rules."""
    new, old = ([_of_tracks(row, document) for row in document["batches"]] for document in (facts, known))
    bare = [
        [row | {"classes": [klass | {"staff": []} for klass in row["classes"]]} for row in rows] for rows in (new, old)
    ]
    if bare[0] != bare[1]:
        return ["本期的日期或班"]
    return ["带班人员"] if new != old else []


def _of_tracks(row: Mapping[str, Any], document: Document) -> dict[str, Any]:
    """A batch whose classes have the places of their tracks instead of their identifiers."""
    places = {track["id"]: place for place, track in enumerate(document["programme"]["tracks"])}
    return {**row, "classes": [klass | {"track": places.get(klass["track"])} for klass in row["classes"]]}


def _places(facts: Document, known: Document) -> list[str]:
    """Bases, and what they took on in former batches where that alone is another."""
    new, old = _real_bases(facts, known), _real_bases(known, facts)
    other = sorted(name for name in new.keys() | old.keys() if _open(new.get(name)) != _open(old.get(name)))
    closed = sorted(name for name in new.keys() & old.keys() if name not in other and new[name] != old[name])
    lines = _told("停接的日子", closed) + _told("基地、农户或床位", other)
    return lines or (["基地和农户在别的期的接待"] if facts["history"] != known["history"] else [])


def _real_bases(document: Document, other: Document) -> dict[str, Mapping[str, Any]]:
    """The bases without what stands in for people who sleep elsewhere, and without the capacity that goes along with it."""
    rows = _rows(document, "bases")
    filled = {
        name for each in (rows, _rows(other, "bases")) for name, row in each.items()
        if any(home.get("stand_in") for home in row["households"])
    }  # fmt: skip
    return {
        name: {
            **row, "households": [home for home in row["households"] if not home.get("stand_in")],
            "declared_capacity": None if name in filled else row["declared_capacity"],
        }
        for name, row in rows.items()
    }  # fmt: skip


def _open(base: Mapping[str, Any] | None) -> Any:
    """A base without the days on which anything of it is closed."""
    if base is None:
        return None
    homes = [
        home | {"closed": [], "rooms": [room | {"closed": []} for room in home["rooms"]]} for home in base["households"]
    ]
    return {**base, "closed": [], "households": homes}


def _granted(document: Document) -> list[Document]:
    """Exceptions that somebody made: those that only say what a rule does not bear on are none."""
    return [row for row in document["waivers"] if row["approver"] not in EXCUSES]


def _stands(new: Document | None, old: Document | None) -> list[str]:
    """What a repair started from. That beds follow people, and people of a gathering its class, is not told."""
    if new == old or new is None or old is None:
        return [] if new == old else ["现在的安排"]
    beds, before = _beds(new), _beds(old)
    changed = (
        _seats(new) != _seats(old),
        _visits(new) != _visits(old),
        any(bed != before[place] for place, bed in beds.items() if place in before),
    )
    return [name for name, other in zip(STANDS, changed, strict=True) if other] or ["现在的安排"]


def _seats(decided: Document) -> dict[str, str]:
    return {row["cadre"]: row["class"] for row in decided["assignments"]}


def _visits(decided: Document) -> dict[tuple[str, int], Any]:
    return {
        (row["class"], row["index"]): row.get("skipped")
        or (row["first_day"], sorted(site["base"] for site in row["sites"]))
        for row in decided["gatherings"]
    }


def _beds(decided: Document) -> dict[tuple[str, str, int], tuple[str, int]]:
    return {(row["cadre"], row["class"], row["index"]): (row["room"], row["bed"]) for row in decided["lodging"]}
