"""The planner's bench: instances measured one by one, and the table of all that are measured.

    make bench-planning                          everything but city, then the table
    make bench-planning ARGS="--city"            and city, and how stage 1 grows
    make bench-planning ARGS="--quick"           small × 5 and one county: nothing written, ends with 1 on a breach
    python -m bench.planning --only county-2     one instance
    python -m bench.planning --table             only the table, of the pieces there are

Each instance is measured in a process of its own, so that its memory is its own, and leaves a piece in `results/`; a
piece of the same planner and input is not measured again, so that a long run can be made in parts.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from .cases import CASES, CITY, COUNTY, SMALL, Case
from .measure import source
from .table import text_of

HERE = Path(__file__).parent
PIECES = HERE / "results"


def main() -> int:
    options = _options()
    cases = _wanted(options)
    broken = False
    if options.city or options.growth:
        _run("growth")
    for case in cases:
        piece = _piece(case, again=options.again or options.quick, kept=not options.quick)
        print(_line(piece), flush=True)
        broken |= bool(piece["breaches"]) or _disagree(piece)
    if not options.quick:
        (HERE / "RESULTS.md").write_text(text_of(measured(), grown()), encoding="utf-8")
        print(f"{HERE.name}/RESULTS.md")
    return 1 if broken else 0


def measured() -> list[dict[str, Any]]:
    """The pieces there are, in the order of the cases."""
    return [piece for case in CASES.values() if (piece := _read(case.name))]


def grown() -> dict[str, Any] | None:
    """How stage 1 grows, if it is measured."""
    return _read("growth")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.planning", description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="small × 5 and one county, nothing written")
    parser.add_argument("--city", action="store_true", help="city as well")
    parser.add_argument("--only", nargs="+", choices=sorted(CASES), metavar="NAME", help="these instances alone")
    parser.add_argument("--again", action="store_true", help="measure again what is known")
    parser.add_argument("--growth", action="store_true", help="how stage 1 grows, and the table")
    parser.add_argument("--table", action="store_true", help="the table alone")
    return parser.parse_args()


def _wanted(options: argparse.Namespace) -> list[Case]:
    if options.table or options.growth:
        return []
    if options.only:
        return [CASES[name] for name in options.only]
    if options.quick:
        return [*SMALL, COUNTY[0]]
    return [*SMALL, *COUNTY, *(CITY if options.city else [])]


def _read(name: str) -> dict[str, Any] | None:
    path = PIECES / f"{name}.json"
    if not path.exists():
        return None
    piece: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return piece


def _piece(case: Case, *, again: bool, kept: bool) -> dict[str, Any]:
    """The piece of an instance, measured unless the same code has measured it."""
    known = _read(case.name)
    if known is not None and not again and known["source"] == source():
        return known
    return _run("measure", case.name, kept=kept)


def _run(module: str, *case: str, kept: bool = True) -> dict[str, Any]:
    """What a measurement says that runs in a process of its own."""
    command = [sys.executable, "-m", f"{__package__}.{module}", *case]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    piece: dict[str, Any]
    piece, _ = json.JSONDecoder().raw_decode(text, text.index("{"))  # solvers may write before and after it
    if kept:
        PIECES.mkdir(exist_ok=True)
        told = json.dumps(piece, ensure_ascii=False, indent=1)
        (PIECES / f"{case[0] if case else module}.json").write_text(told + "\n", encoding="utf-8")
    return piece


def _disagree(piece: dict[str, Any]) -> bool:
    """Whether the second solver of stage 1 found anything better."""
    return any(abs(row["planner"] - row["other"]) > 0.01 for row in piece["second_opinion"] or [])


def _line(piece: dict[str, Any]) -> str:
    stages = " ".join(f"{row['stage']}: {row['cpu']} s" for row in piece["stages"])
    wrong = f"{len(piece['breaches'])} breaches" + (", SECOND SOLVER DISAGREES" if _disagree(piece) else "")
    return f"{piece['name']}: {stages}; {wrong}; {piece['peak_mb']} MB"


if __name__ == "__main__":
    sys.exit(main())
