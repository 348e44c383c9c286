"""Every act in the source has a Chinese name in the audit trail."""

import ast
from pathlib import Path

from django.conf import settings

from accounts.act_names import ACT_NAMES, act_name, acts_called

APPS = ("accounts", "office", "cadres", "bases", "batches", "activities", "evaluations", "reports")


def acts_in(source: Path) -> set[str]:
    """First arguments of `audit.act` and `audit.record` that are plain text."""
    found = set()
    for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args):
            continue
        of_audit = isinstance(node.func.value, ast.Name) and node.func.value.id == "audit"
        first = node.args[0]
        if of_audit and node.func.attr in ("act", "record") and isinstance(first, ast.Constant):
            found.add(str(first.value))
    return found


def all_acts() -> set[str]:
    return {act for app in APPS for source in Path(settings.BASE_DIR, app).rglob("*.py") for act in acts_in(source)}


def test_every_act_has_a_chinese_name() -> None:
    assert sorted(all_acts() - set(ACT_NAMES)) == [], "acts without a name in accounts/act_names.py"


def test_acts_are_found_by_their_chinese_name() -> None:
    assert acts_called("重置") == ["reset_password", "重置"]
    assert act_name("save_unit") == "保存"
    assert len(all_acts()) > 50
