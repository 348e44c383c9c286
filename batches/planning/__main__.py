"""The command line of the planner.

    python -m batches.planning solve INPUT.json --seed 1 -o PLAN.json [--stages 4]
    python -m batches.planning check INPUT.json PLAN.json
    python -m batches.planning verify DRAW.json

`solve` ends with 0; `check` with 0 when nothing is broken and 1 when something is, one line a breach, by rule
code; approved exceptions are told and break nothing. `verify` ends with 0 when the file of a draw is true and runs again
to the same plan (or elsewhere to one of equal value), with 1 when not, and says the first difference that matters.
An input that cannot be read or is not valid ends with 2 and one line that says why. Files may be .json.gz.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from . import InputError, canonical, load, solve


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m batches.planning", description="排班：求解与核对")
    commands = parser.add_subparsers(dest="command", required=True)
    solving = commands.add_parser("solve", help="由输入求方案")
    solving.add_argument("input")
    solving.add_argument("--seed", type=int, default=1)
    solving.add_argument("--stages", type=int, choices=(1, 2, 3, 4), default=4)
    solving.add_argument("--prefer", choices=("kept", "seats"), default="kept", help="改动已有方案时先保什么")
    solving.add_argument("-o", "--output", help="方案文件；不写则输出到屏幕")
    solving.add_argument("-q", "--quiet", action="store_true", help="不显示进度")
    checking = commands.add_parser("check", help="核对方案是否守规则")
    checking.add_argument("input")
    checking.add_argument("plan")
    verifying = commands.add_parser("verify", help="核对一份公开的编排文件，并重新计算")
    verifying.add_argument("draw")
    verifying.add_argument("-q", "--quiet", action="store_true", help="不显示进度")
    options = parser.parse_args(arguments)
    try:
        return {"solve": _solve, "check": _check, "verify": _verify}[options.command](options)
    except InputError as refusal:
        print(str(refusal), file=sys.stderr)
        return 2


def _tell(stage: int, fraction: float, message: str) -> None:
    print(f"[{stage}/4 {fraction:4.0%}] {message}", file=sys.stderr)


def _solve(options: argparse.Namespace) -> int:
    document = load(options.input)
    plan = solve(
        document,
        seed=options.seed,
        stages=tuple(range(1, options.stages + 1)),
        prefer=options.prefer,
        progress=None if options.quiet else _tell,
    )
    if options.output is None:
        sys.stdout.buffer.write(canonical(plan))
        return 0
    try:
        Path(options.output).write_bytes(canonical(plan))
    except OSError as error:
        raise InputError(f"{options.output}：写不了（{error.strerror}）") from error
    return 0


def _check(options: argparse.Namespace) -> int:
    from .checker import check, violations  # shares no code with the solvers; only this command knows both

    document, plan = load(options.input), load(options.plan)
    breaches = check(document, plan)
    for breach in sorted(breaches, key=lambda b: (b.code, b.subject)):
        print(f"{breach.code} {breach.subject} {breach.message}")
    broken = violations(breaches)
    if not broken:
        print("核对通过，没有违反规则之处" + ("（例外均已批准）" if breaches else ""))
    return 1 if broken else 0


def _verify(options: argparse.Namespace) -> int:
    from .verify import verify  # knows the checker

    verdict = verify(load(options.draw), progress=None if options.quiet else _tell)
    print("\n".join(verdict.lines))
    return 0 if verdict.good else 1


if __name__ == "__main__":
    sys.exit(main())
