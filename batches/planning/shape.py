"""Whether a document has the shape of its JSON Schema, told in Chinese with the field's name.

Only the keywords that the two schemas of this folder use are known. The promise: a document that passes can be read
without a single further type check; one that does not is refused with the path of the first field that is wrong.
"""

import datetime
import json
import re
from functools import cache
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent
TYPE_NAMES = {
    "object": "对象",
    "array": "列表",
    "string": "文字",
    "integer": "整数",
    "number": "数字",
    "boolean": "是否",
    "null": "空",
}


class InputError(ValueError):
    """The document cannot be planned; the message says in Chinese which field is wrong and what is expected."""


@cache
def schema(name: str) -> dict[str, Any]:
    """One of the two schemas by its short name, `input` or `plan`."""
    document: dict[str, Any] = json.loads((FOLDER / f"{name}.schema.json").read_text(encoding="utf-8"))
    return document


def require_shape(document: Any, name: str) -> None:
    """Raise InputError unless the document fits the schema of that name."""
    whole = schema(name)
    _walk(document, whole, whole, "")


def _is(value: Any, kind: str) -> bool:
    if kind == "integer":
        return isinstance(value, int) and not isinstance(value, bool)
    if kind == "number":
        return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e15
    known = {"object": dict, "array": list, "string": str, "boolean": bool, "null": type(None)}
    return isinstance(value, known[kind])


def _refuse(path: str, what: str) -> None:
    raise InputError(f"{path or '文件'}：{what}")


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 40 else text[:37] + "…"


def _walk(value: Any, rule: dict[str, Any], whole: dict[str, Any], path: str) -> None:
    if "$ref" in rule:
        _walk(value, whole["$defs"][rule["$ref"].rsplit("/", 1)[1]], whole, path)
    if "oneOf" in rule:
        _one_of(value, rule["oneOf"], whole, path)
    if "const" in rule and value != rule["const"]:
        _refuse(path, f"应为 {_shown(rule['const'])}，实为 {_shown(value)}")
    if "enum" in rule and value not in rule["enum"]:
        _refuse(path, f"应为 {'、'.join(_shown(v) for v in rule['enum'])} 之一，实为 {_shown(value)}")
    kinds = rule.get("type")
    if kinds is not None:
        kinds = [kinds] if isinstance(kinds, str) else kinds
        if not any(_is(value, kind) for kind in kinds):
            _refuse(path, f"应为{'或'.join(TYPE_NAMES[kind] for kind in kinds)}，实为 {_shown(value)}")
    if isinstance(value, str):
        _walk_text(value, rule, path)
    elif isinstance(value, dict):
        _walk_object(value, rule, whole, path)
    elif isinstance(value, list):
        _walk_list(value, rule, whole, path)
    elif "minimum" in rule and isinstance(value, int | float) and value < rule["minimum"]:
        _refuse(path, f"不能小于 {rule['minimum']}，实为 {_shown(value)}")
    if "maximum" in rule and isinstance(value, int | float) and value > rule["maximum"]:
        _refuse(path, f"不能大于 {rule['maximum']}，实为 {_shown(value)}")


def _one_of(value: Any, choices: list[dict[str, Any]], whole: dict[str, Any], path: str) -> None:
    if value is None and any(choice.get("type") == "null" for choice in choices):
        return
    said = None
    for choice in choices:
        try:
            _walk(value, choice, whole, path)
        except InputError as refusal:
            said = refusal
        else:
            return
    raise said or InputError(f"{path}：不合格式")


def _walk_text(value: str, rule: dict[str, Any], path: str) -> None:
    if "pattern" in rule and re.search(rule["pattern"].replace("$", r"\Z"), value) is None:
        _refuse(path, f"写法不对（{rule['pattern']}），实为 {_shown(value)}")
    if len(value) < rule.get("minLength", 0):
        _refuse(path, "不能为空")
    if rule.get("format") == "date":
        try:
            datetime.date.fromisoformat(value)
        except ValueError:
            _refuse(path, f"没有这一天：{_shown(value)}")


def _walk_object(value: dict[str, Any], rule: dict[str, Any], whole: dict[str, Any], path: str) -> None:
    fields = rule.get("properties", {})
    for name in rule.get("required", []):
        if name not in value:
            _refuse(path, f"缺少字段 {name}")
    extra = rule.get("additionalProperties", True)
    for name, part in value.items():
        inner = f"{path}.{name}" if path else str(name)
        if name in fields:
            _walk(part, fields[name], whole, inner)
        elif extra is False:
            _refuse(path, f"多出不认识的字段 {name}")
        elif isinstance(extra, dict):
            _walk(part, extra, whole, inner)


def _walk_list(value: list[Any], rule: dict[str, Any], whole: dict[str, Any], path: str) -> None:
    if len(value) < rule.get("minItems", 0):
        _refuse(path, f"至少要有 {rule['minItems']} 项")
    if len(value) > rule.get("maxItems", len(value)):
        _refuse(path, f"至多 {rule['maxItems']} 项")
    heads = rule.get("prefixItems", [])
    for position, part in enumerate(value):
        inner = heads[position] if position < len(heads) else rule.get("items")
        if inner is not None:
            _walk(part, inner, whole, f"{path}[{position}]")
    if rule.get("uniqueItems"):
        seen = [json.dumps(part, sort_keys=True) for part in value]
        for position, text in enumerate(seen):
            if text in seen[:position]:
                _refuse(f"{path}[{position}]", f"重复：{_shown(value[position])}")
