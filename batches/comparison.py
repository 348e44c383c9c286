"""Two plans of a batch side by side: how good each is level by level, what each costs, and where they differ."""

from collections.abc import Sequence
from dataclasses import dataclass

from batches.arrangement import planned
from batches.clashes import clashes_in_words
from batches.differences import differences_in_words, plan_differences
from batches.load_map import load_map
from batches.models import Batch, PlanRun
from batches.overview import LevelRow, class_table, plan_says
from batches.shortfalls import left_out
from batches.studio import figures


@dataclass(frozen=True)
class Side:
    """One plan, as its column shows it."""

    run: PlanRun
    figures: dict[str, tuple[str, str]]
    findings: tuple[str, ...]
    levels: dict[str, LevelRow]


@dataclass(frozen=True)
class Pair:
    """A line of the comparison: the same thing of both plans; `differs` says that they are not the same."""

    name: str
    left: str
    right: str
    left_more: str = ""
    right_more: str = ""

    @property
    def differs(self) -> bool:
        return self.left != self.right


@dataclass(frozen=True)
class Comparison:
    left: Side
    right: Side
    figures: tuple[Pair, ...]
    levels: tuple[Pair, ...]
    differences: tuple[str, ...]

    @property
    def findings(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """What the rule sheet, the shortfalls and what is left out say of one plan and not of the other."""
        one, other = self.left.findings, self.right.findings
        return tuple(row for row in one if row not in other), tuple(row for row in other if row not in one)

    @property
    def shared(self) -> tuple[str, ...]:
        """What they say of both."""
        return tuple(row for row in self.left.findings if row in self.right.findings)


def compare(batch: Batch, one: PlanRun, other: PlanRun) -> Comparison:
    """Both plans checked anew and put side by side; the differences are told from the first to the second."""
    clashes = clashes_in_words(batch)
    left, right = side_of(batch, one, clashes), side_of(batch, other, clashes)
    names = dict.fromkeys([*left.figures, *right.figures])
    figure_pairs = [
        Pair(name, *(side.figures.get(name, ("没有", ""))[0] for side in (left, right)),
             *(side.figures.get(name, ("", ""))[1] for side in (left, right)))
        for name in names
    ]  # fmt: skip
    level_pairs = []
    for key in dict.fromkeys([*left.levels, *right.levels]):
        rows = [side.levels.get(key) for side in (left, right)]
        name = next(row.name for row in rows if row is not None)
        values = [(row.value, row.gap) if row is not None else ("没有", "") for row in rows]
        level_pairs.append(Pair(name, values[0][0], values[1][0], values[0][1], values[1][1]))
    lines = plan_differences(one.plan, other.plan)
    return Comparison(left, right, tuple(figure_pairs), tuple(level_pairs), tuple(differences_in_words(lines)))


def side_of(batch: Batch, run: PlanRun, clashes: Sequence[str]) -> Side:
    """One plan, checked anew, as a column shows it; `clashes` of staff are the batch's, whatever the plan."""
    arrangement = planned(batch, run)
    says = plan_says(run, clashes=clashes)
    shown = figures(arrangement, class_table(arrangement), says, load_map(arrangement))
    findings = [
        f"已批准例外：{finding.text}" if finding.waived else finding.text
        for row in says.rules
        for finding in row.findings
    ]
    unplaced = [f"{name}没有排进：{why}" for name, why in says.unassigned]
    return Side(
        run, {row.name: (row.big, row.small) for row in shown},
        (*findings, *says.pins, *says.clashes, *says.shortfalls, *unplaced, *left_out(run)),
        {row.key: row for row in says.levels},
    )  # fmt: skip
