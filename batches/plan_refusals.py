"""What the planner refuses, in people's words: names for identifiers, and no path into a document that nobody sees."""

import re

from django.core.exceptions import FieldDoesNotExist

from batches.models import Programme
from batches.plan_labels import Labels
from batches.planning import InputError

PATH = re.compile(r"^(?:input\.)?([a-z_]+)((?:\[\d+\]|\.[a-z_]+)*)：")
NO_CLASS = re.compile(r"^batches\[\d+\]\.classes：至少要有")
HEADS = {"batches": "期和班", "units": "单位", "cadres": "名单", "bases": "基地", "waivers": "批准例外"}


def refusal(error: InputError) -> str:
    """The sentence of a refusal without a full stop, for pages and messages (a query a kind of thing that it names)."""
    text = str(error)
    if NO_CLASS.match(text):
        return "各班型的每期班数合起来是 0，一个班也没有"
    found = PATH.match(text)
    if found is not None:
        rest = text[found.end() :]
        head = _parameter(found[2]) if found[1] == "programme" else HEADS.get(found[1], "")
        text = f"{head}：{rest}" if head else rest
    return Labels([text]).say(text)


def _parameter(path: str) -> str:
    """The name of a parameter by its place below "programme": .class_size.max is 每班最多."""
    name = path.strip(".").replace(".", "_")
    try:
        return str(getattr(Programme._meta.get_field(name), "verbose_name", "项目规则"))
    except FieldDoesNotExist:
        return "项目规则"
