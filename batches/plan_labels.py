"""What the planner's identifiers mean to people: `C12` is a cadre's name, `K3#2` the second gathering of a class."""

import re
from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from django.db.models import Model

from accounts.models import User
from bases.models import HostHousehold, PracticeBase, Room, Route, Village
from batches.models import Batch, PracticeClass, Track, Waiver
from batches.plan_ids import key, number_to_come
from cadres.models import Cadre, Unit

IDENTIFIER = re.compile(r"(?<![A-Za-z0-9_])([CUBKWPVTLHRSE])([1-9]\d*)(?:#(\d+))?(?![A-Za-z0-9_])")
TO_COME = re.compile(r"(?<![A-Za-z0-9_])N([1-9]\d*)(?:-([1-9]\d*))?(?:#(\d+))?(?![A-Za-z0-9_])")
"""A batch that nobody has set up yet, by its number, and its classes (`outlook_input`)."""
NOUN = re.compile(r"(单位|干部|期次|班级|班型|基地|农户|房间)\s*(?=([CUBKWPHR][1-9]\d*)(?![A-Za-z0-9_]))")
RULE_CODE = re.compile(r"R1\d")
DROPPED = "已撤的班"
"""A class of a plan that was not published, taken back since (`actions.repair.drop_class`)."""
GONE = "已删除的一期"
"""A batch of an outlook, set up by mistake and taken away since (`actions.batch.delete_batch`)."""
SKIP_REASONS = {
    "no_day": "没有合适的日子",
    "no_site": "没有基地能接",
    "no_staff": "带班人员排不开",
    "empty_class": "班里没有人",
    "withdrawn": "人工取消",
}


def _cadre(row: Any) -> str:
    return f"{row.name}（{row.unit.name}）"


KINDS: dict[str, tuple[type[Model], tuple[str, ...], Any]] = {
    "C": (Cadre, ("unit",), _cadre),
    "U": (Unit, (), str),
    "B": (Batch, (), str),
    "K": (PracticeClass, (), lambda row: row.short_name),
    "W": (Track, (), str),
    "P": (PracticeBase, ("village",), lambda row: str(row.village)),
    "V": (Village, (), str),
    "T": (Unit, (), str),
    "L": (Route, (), str),
    "H": (HostHousehold, (), str),
    "R": (Room, ("household",), lambda row: f"{row.household}{row.name}"),
    "S": (User, (), lambda row: row.name),
    "E": (Waiver, (), lambda row: row.reason),
}


class Labels:
    """Labels of everything that some texts name, loaded in one query a kind."""

    def __init__(self, texts: Iterable[str]) -> None:
        wanted: dict[str, set[int]] = defaultdict(set)
        for text in texts:
            for match in IDENTIFIER.finditer(text):
                wanted[match[1]].add(int(match[2]))
        self.known: dict[str, str] = {}
        for kind, pks in wanted.items():
            model, joined, name = KINDS[kind]
            rows = model._default_manager.filter(pk__in=pks).order_by("pk")
            for row in rows.select_related(*joined) if joined else rows:
                self.known[f"{kind}{row.pk}"] = name(row)
        for pk in wanted["B"]:
            self.known.setdefault(key("B", pk), GONE)
        for pk in wanted["K"]:
            number = number_to_come(pk)
            self.known.setdefault(key("K", pk), DROPPED if number is None else f"第{number}班")

    def of(self, identifier: str) -> str:
        """The label of one identifier; itself where nothing is known of it."""
        return self.known.get(identifier, identifier)

    def put(self, text: str) -> str:
        """The text with every identifier in it replaced."""
        return IDENTIFIER.sub(self._replace, TO_COME.sub(_to_come, text))

    def say(self, text: str) -> str:
        """The same for a sentence: the spaces that stood around identifiers go, and nouns that the label says again."""
        text = NOUN.sub(lambda match: "" if match[2] in self.known else match[0], text)
        return re.sub(r"(?<=[^\x00-\x7f]) | (?=[^\x00-\x7f])", "", self.put(text))

    def _replace(self, match: re.Match[str]) -> str:
        identifier = f"{match[1]}{match[2]}"
        if RULE_CODE.fullmatch(identifier) and identifier not in self.known:
            return match[0]
        label = self.of(identifier)
        return f"{label}第{match[3]}次集中" if match[3] else label


def _to_come(match: re.Match[str]) -> str:
    name = f"第{match[1]}期" + (f"{match[2]}班" if match[2] else "")
    return f"{name}第{match[3]}次集中" if match[3] else name


def shortfall_sentence(row: dict[str, Any], labels: Labels) -> str:
    """A shortfall of a plan in plain words: what is missing, how much, and what cures it."""
    subject, amount = labels.say(str(row["subject"])), row["amount"]
    sentences = {
        "R04": f"{subject}缺 {amount} 人才到班额下限：加报名，或减一个班。",
        "R07": f"{subject}必须参加本期，但没有排进：看他的单位名额和不可用时间。",
        "R14": f"{subject}少到 {amount} 个不同的村：增加可用基地，或申请批准例外。",
        "R15": f"{subject}在村少 {amount} 天。{_offer(row.get('offer'), labels)}",
        "COVER": f"{subject}还有 {amount} 名应参加的人排不进本期：留到以后各期，或增加名额。",
    }
    return sentences.get(str(row["rule"]), labels.say(str(row.get("message", ""))))


def _offer(offer: Any, labels: Labels) -> str:
    if not isinstance(offer, dict):
        return "可以申请批准例外，或改期数、集中天数。"
    joins = [labels.say(f"{klass}#{index}") for klass, index in offer.get("gatherings", [])]
    days = [str(day) for day in offer.get("first_days", [])]
    if joins:
        return "可以随别的班补：" + "、".join(joins[:3]) + ("等。" if len(joins) > 3 else "。")
    if days:
        return "可以另加一个周末：" + "、".join(days[:3]) + " 起" + ("等。" if len(days) > 3 else "。")
    return "项目规则没有可用的补法：可以申请批准例外，或改集中天数。"
