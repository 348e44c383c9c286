"""The rule sheet: one line a rule, kept, broken, waived or not reached; and the checker's independence."""

import ast
import sys
import tomllib
from pathlib import Path

import batches.planning.checker as checker
from batches.planning.checker import rule_sheet
from tests.planning.tiny import cut, make_input, make_plan, places, sample, seal


def units_of_three():
    """U1 and U3 send three people where two are allowed; U1 has a waiver."""
    document, plan = make_input(), make_plan()
    document["programme"]["unit_max_per_batch"] = 2
    document["waivers"] = [{"rule": "R01", "subject": "U1@B01", "reason": "抢险", "approver": "县委组织部"}]
    return document, plan


def test_rule_sheet_good_plan():
    lines = rule_sheet(*sample("small-1"))
    assert [line.code for line in lines] == [f"R{number:02d}" for number in range(1, 20)]
    assert all(line.ok and line.name and line.fact.endswith("。") and not line.breaches for line in lines)
    assert lines[0].fact.startswith("各单位每期至多派出 4 人；名额一般为 3 人")


def test_rule_sheet_broken_and_waived_rules():
    document, plan = units_of_three()
    plan["shortfalls"][1]["amount"] = 2
    lines = {line.code: line for line in rule_sheet(*seal(document, plan))}
    assert lines["R01"].ok is False
    assert places(lines["R01"].breaches) == {("R01", "U3@B01")}
    assert places(lines["R01"].waived) == {("R01", "U1@B01")}
    assert places(lines["R04"].breaches) == {("SHORTFALL", "R04:K5")}
    assert lines["R02"].ok is True


def test_rule_sheet_all_waived_is_ok():
    document, plan = units_of_three()
    document["units"][2]["quota"] = 3
    line = rule_sheet(*seal(document, plan))[0]
    assert line.ok is True
    assert len(line.waived) == 1


def test_rule_sheet_plan_of_one_stage():
    document, plan = make_input(), make_plan()
    cut(plan, 1)
    lines = {line.code: line for line in rule_sheet(*seal(document, plan))}
    assert lines["R01"].ok is True
    assert lines["R04"].ok is None
    assert lines["R18"].ok is None


def test_checker_imports_nothing_but_the_standard_library_and_itself():
    files = sorted(Path(checker.__file__).parent.glob("checker*.py"))
    assert len(files) > 3
    for path in files:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                assert all(name.name.split(".")[0] in sys.stdlib_module_names for name in node.names), path.name
            elif isinstance(node, ast.ImportFrom) and node.level == 0:
                assert node.module.split(".")[0] in sys.stdlib_module_names, path.name
            elif isinstance(node, ast.ImportFrom):
                assert node.level == 1, path.name
                assert (node.module or "").startswith("checker_"), path.name


def test_contract_of_imports_names_every_module():
    """A new module of the planner is on one side of the contract or the other."""
    root = Path(checker.__file__).parents[2]
    contracts = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"][
        "contracts"
    ]
    contract = next(row for row in contracts if row["name"].startswith("The checker shares no code"))
    modules = {path.stem for path in Path(checker.__file__).parent.glob("*.py") if not path.stem.startswith("_")}
    own = {name for name in modules if name.startswith("checker")}
    assert set(contract["source_modules"]) == {f"batches.planning.{name}" for name in own}
    assert {f"batches.planning.{name}" for name in modules - own} <= set(contract["forbidden_modules"])
